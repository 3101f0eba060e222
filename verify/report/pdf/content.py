"""Everything that the PDF shows, in the order of the page, as blocks for the template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from verify.findings.wording import grouped, timecode
from verify.model import FindingKind, MatchLevel
from verify.report.localising import localised
from verify.report.page_view import length_words, summarise
from verify.report.pdf import blocks, closing, evidence, matches
from verify.report.pdf.claims import claims_section, words_section
from verify.report.pdf.timeline import timeline_block
from verify.report.texts import utc_words
from verify.report.timeline import span_styles, state_names
from verify.translation import _, ngettext, spoken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verify.model import Annotation, Report, ReportedMatch, ReportedRepeat
    from verify.report.options import RenderOptions
    from verify.report.pdf.blocks import Block, Run
    from verify.report.pdf.pictures import PictureTray

_MOST_SPAN_ROWS = 60
_MOST_WARNINGS = 30
_MOST_NOTES = 30


def document(report: Report, options: RenderOptions, tray: PictureTray) -> dict[str, Any]:
    """Write a report out for the template, in the language spoken at present."""
    said = _by_subject(options.annotations)
    recorded, report = report, localised(report)
    sections = [
        *_opening(report, options, tray),
        *_timeline_section(report),
        *_entries_sections(report, said, tray),
        *claims_section(report, recorded),
        *words_section(options.annotations),
        blocks.heading(_("What this report cannot say")),
        blocks.bullets([[blocks.recorded(limit)] for limit in report.limits], "limits"),
        *closing.shots_section(report, tray),
        *closing.rejected_section(report),
        *evidence.file_section(report),
        *evidence.evidence_section(report),
        *closing.method_section(report),
        *closing.recheck_section(report),
        *closing.glossary_section(),
    ]
    report_id = blocks.outside(report.report_id, 80)
    return {
        "language": spoken().code,
        "direction": spoken().direction,
        "title": _("Provenance report {id}").format(id=report_id),
        "name": _("Provenance report"),
        "report_id": report_id,
        "made": _("made {time} with verify {version}").format(
            time=blocks.outside(utc_words(report.created_utc), 40), version=blocks.outside(report.tool_version, 40)
        ),
        "page": _("page {page} of {total}"),
        "blocks": sections,
        "closing": _("Everything in this document is also in report.json, schema {version}.").format(
            version=blocks.outside(report.schema_version, 20)
        ),
    }


def _by_subject(annotations: Sequence[Annotation]) -> dict[str, list[Annotation]]:
    found: dict[str, list[Annotation]] = {}
    for annotation in sorted(annotations, key=lambda annotation: annotation.number):
        found.setdefault(annotation.subject, []).append(annotation)
    return found


def _opening(report: Report, options: RenderOptions, tray: PictureTray) -> list[Block]:
    """Say what was examined, the answer, and how much could be examined."""
    release = report.release
    not_stated = _("not stated")
    published = blocks.outside(utc_words(release.published), 40)
    claimed = blocks.outside(release.claimed_date, 40)
    basis = blocks.outside(release.claimed_date_basis, 300)
    identity = [
        blocks.quotation(release.title or release.source, 200, "title"),
        blocks.facts(
            [
                (_("Publisher"), [blocks.quoted(release.publisher or not_stated, 200)]),
                (_("Address"), [blocks.address(release.source, 300)]),
                (
                    _("Published"),
                    [_("{date}, as the source states").format(date=published) if published else not_stated],
                ),
                (
                    _("Claimed date"),
                    [(f"{claimed} ({basis})" if basis else claimed) if claimed else _("none")],
                ),
                (_("Obtained"), [blocks.quoted(utc_words(release.acquired_utc), 40)]),
            ]
        ),
    ]
    made = [blocks.heading(_("What was examined"))]
    if release.first_frame is not None:
        picture = tray.shown(
            release.first_frame,
            _("First frame of the release"),
            _("The release at {time}").format(time=timecode(release.first_frame.time_s)),
        )
        made.append({"kind": "identity", "blocks": identity, "picture": picture})
    else:
        made += identity
    made += [
        blocks.heading(_("Has this footage been seen before?")),
        blocks.boxed([blocks.paragraph(blocks.recorded(report.answer), look="answer")], "answer"),
        {"kind": "figures", "items": _figures(report)},
    ]
    if options.annotations:
        count = len(options.annotations)
        text = ngettext(
            "{count} word of a person was added to this report after it was made; read it before you quote from it.",
            "{count} words of people were added to this report after it was made; read them before you quote from it.",
            count,
        )
        made.append(blocks.boxed([blocks.paragraph(text.format(count=count))], "word"))
    return made + _warnings(report)


def _figures(report: Report) -> list[tuple[str, str]]:
    """List the figures under the answer with what they count. What was examined is never rounded up."""
    summary = summarise(report)
    confirmed, possible = summary.confirmed, summary.possible
    searched = report.archive.reference_count if report.archive else 0
    figures = [
        (grouped(confirmed), ngettext("confirmed match", "confirmed matches", confirmed)),
        (grouped(possible), ngettext("possible match", "possible matches", possible)),
    ]
    if report.repeats:
        count = len(report.repeats)
        figures.append((grouped(count), ngettext("repeat inside the release", "repeats inside the release", count)))
    return [
        *figures,
        (
            _("{examined} of {total}").format(examined=summary.examined_words, total=length_words(summary.total_s)),
            _("could be examined"),
        ),
        (
            grouped(searched) if report.archive else _("none"),
            ngettext("reference searched", "references searched", searched),
        ),
    ]


def _warnings(report: Report) -> list[Block]:
    if not report.warnings:
        return []
    listed = [[blocks.quoted(warning, 1000)] for warning in report.warnings[:_MOST_WARNINGS]]
    title = ngettext("Warning", "Warnings", len(report.warnings))
    return [
        blocks.boxed(
            [
                blocks.paragraph(["strong", title]),
                blocks.bullets(listed),
                *blocks.shortened_note(len(listed), len(report.warnings)),
            ],
            "warning",
        )
    ]


def _timeline_section(report: Report) -> list[Block]:
    made = [blocks.heading(_("Every second of the release"))]
    drawn = timeline_block(report)
    if drawn is None:
        made.append(blocks.paragraph(_("The release has no length that could be shown.")))
    else:
        made += [drawn, blocks.paragraph(_timeline_words(report, drawn), look="small"), *_spans_table(report)]
    entries = (*report.matches, *report.same_scene, *report.earlier_releases)
    in_sections = {entry.finding for entry in entries} | {entry.finding for entry in report.repeats}
    loose = [
        finding
        for finding in report.findings
        if finding not in in_sections and finding.kind is not FindingKind.SAME_SCENE
    ]
    for finding in loose[:_MOST_NOTES]:
        inside = [
            blocks.paragraph(blocks.recorded(finding.statement, "strong")),
            blocks.paragraph(blocks.recorded(finding.basis), look="small"),
            blocks.paragraph(blocks.recorded(finding.limits), look="small"),
        ]
        made.append(blocks.boxed(inside, "note"))
    return made + blocks.shortened_note(min(len(loose), _MOST_NOTES), len(loose))


def _timeline_words(report: Report, drawn: Block) -> str:
    words = [_(
        "Each second is in exactly one state. Numbers above the bar are matches, a question mark stands for a "
        "possible one."
    )]  # fmt: skip
    if report.same_scene:
        words.append(_("S is a scene that is not shown to be the same recording."))
    if report.repeats:
        words.append(_("R is a part that shows an earlier one again."))
    if report.earlier_releases:
        words.append(_("E is a part that an earlier release of the publisher shows."))
    rows = drawn["rows"]
    if any(not name for row in rows for *_place, name in row["markers"]):
        words.append(_("Where there is no room, numbers are left out."))
    if any(style == "mixed" for row in rows for *_place, style in row["spans"]):
        words.append(_("Spans that are too short to be seen are drawn as one."))
    if any(row["shots"] for row in rows):
        words.append(_("The strip below the bar shows the shots."))
    return " ".join(words)


def _spans_table(report: Report) -> list[Block]:
    names = state_names()
    listed = list(zip(report.coverage, span_styles(report), strict=True))[:_MOST_SPAN_ROWS]
    rows: list[list[list[Run | str]]] = [
        [
            [timecode(span.interval.start_s)],
            [timecode(span.interval.end_s)],
            [_("{seconds} s").format(seconds=f"{span.interval.duration_s:.2f}")],
            [names[style]],
            [blocks.quoted(span.reason)],
        ]
        for span, style in listed
    ]
    titles = [_("From"), _("To"), _("Length"), _("State"), _("Reason")]
    return [
        blocks.table(titles, ["auto", "auto", "auto", "1", "2"], rows),
        *blocks.shortened_note(len(listed), len(report.coverage)),
    ]


def _entries_sections(report: Report, said: dict[str, list[Annotation]], tray: PictureTray) -> list[Block]:
    confirmed = [entry for entry in report.matches if entry.match.level is MatchLevel.CONFIRMED]
    possible = [entry for entry in report.matches if entry.match.level is not MatchLevel.CONFIRMED]
    made = [blocks.heading(_("Confirmed matches with the reference archive"))]
    if confirmed:
        lead = _("Two independent families of evidence support each of these. Compare the pictures all the same.")
        made += _entries(lead, confirmed, matches.match_kind(), said, tray)
    elif possible:
        made.append(blocks.paragraph(_("No match is confirmed by two independent families of evidence.")))
    elif report.archive and report.archive.reference_count:
        made.append(blocks.paragraph(_("No match is reported.")))
    else:
        made.append(blocks.paragraph(_("No reference was searched, so there can be no matches.")))
    groups: list[tuple[str, str, matches.Kind, Sequence[ReportedMatch | ReportedRepeat]]] = [
        (
            _("Possible matches, for a person to confirm"),
            _(
                "The evidence for these is of one kind, or too weak to confirm them. Nothing should be written from "
                "them before a person has compared the pictures."
            ),
            matches.match_kind(),
            possible,
        ),
        (
            _("Same scene, not shown to be the same recording"),
            _(
                "These passages look like a reference, and were not told apart from another recording of that scene; "
                "each says why. They are not counted as matches, and not as reuse."
            ),
            matches.scene_kind(),
            report.same_scene,
        ),
        (
            _("Used before by the same publisher"),
            _(
                "Passages that are visually consistent with an earlier release of the same publisher that was "
                "checked with this archive. These releases are no references: nothing is said about where their "
                "footage comes from."
            ),
            matches.earlier_kind(),
            report.earlier_releases,
        ),
        (
            _("Repeats inside the release"),
            _(
                "Parts of the release that show an earlier part of it again. Replays and summaries are ordinary "
                "editing."
            ),
            matches.repeat_kind(),
            report.repeats,
        ),
    ]
    for title, lead, kind, entries in groups:
        if entries:
            made += [blocks.heading(title), *_entries(lead, entries, kind, said, tray)]
    return made


def _entries(
    lead: str,
    entries: Sequence[ReportedMatch | ReportedRepeat],
    kind: matches.Kind,
    said: dict[str, list[Annotation]],
    tray: PictureTray,
) -> list[Block]:
    shown = entries[: matches.MOST_CARDS]
    made = [blocks.paragraph(lead, look="lead"), *matches.overview(entries, kind, len(shown))]
    for entry in shown:
        made += matches.entry_blocks(entry, kind, said, tray)
    return made
