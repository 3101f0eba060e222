"""A match on paper: what is stated, what it looks like, what it rests on, what the reference is, what it cannot say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from verify.findings.changes import picture_changes
from verify.findings.statements import basis_words
from verify.findings.support import false_alarm_words, supporting_families
from verify.findings.wording import rate_words, seconds_words, timecode
from verify.model import AnalystDecision, MatchLevel, ReportedMatch
from verify.report.card_words import family_count_words, kind_words
from verify.report.pdf import blocks
from verify.report.texts import utc_words
from verify.translation import _, ngettext

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from verify.model import Annotation, FramePair, Geometry, Match, MotionAgreement, Reference, ReportedRepeat
    from verify.report.pdf.blocks import Block, Run
    from verify.report.pdf.pictures import PictureTray

#: With more entries than this the overview lists all of them, and only so many of a report are shown in full.
MOST_CARDS = 60
_MOST_OVERVIEW_ROWS = 1000
_MOST_PAIRS = 3
_MOST_SIGHTINGS = 20
_AT_THE_SAME_MOMENT_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How a kind of entry is spoken of: its heading, its letter in annotations, and the second video of its pairs."""

    heading: str
    letter: str
    other: str


def match_kind() -> Kind:
    """Speak of a match with a reference."""
    return Kind(heading=_("Match {number}"), letter="", other=_("Reference"))


def scene_kind() -> Kind:
    """Speak of a same-scene finding."""
    return Kind(heading=_("Same scene {number}"), letter="S", other=_("Reference"))


def earlier_kind() -> Kind:
    """Speak of a part that an earlier release shows."""
    return Kind(heading=_("Used before {number}"), letter="E", other=_("Earlier release"))


def repeat_kind() -> Kind:
    """Speak of a part of the release that shows an earlier part again."""
    return Kind(heading=_("Repeat {number}"), letter="R", other=_("Earlier part"))


def overview(entries: Sequence[ReportedMatch | ReportedRepeat], kind: Kind, shown: int) -> list[Block]:
    """List the entries in a table where they are more than a glance takes; `shown` is how many follow in full."""
    if len(entries) <= 3:
        return []
    listed = entries[:_MOST_OVERVIEW_ROWS]
    made = [
        blocks.table(
            [_("Number"), _("In the release"), kind.other, _("First seen no later than")],
            ["auto", "auto", "3", "auto"],
            [[[f"{kind.letter}{entry.number}"], *_overview_row(entry)] for entry in listed],
        ),
        *blocks.shortened_note(len(listed), len(entries)),
    ]
    if shown < len(entries):
        text = _("The first {shown} of them follow in full; report.json and report.html have the others.")
        made.append(blocks.paragraph(text.format(shown=shown), look="note"))
    return made


def _overview_row(entry: ReportedMatch | ReportedRepeat) -> list[list[Run | str]]:
    where = blocks.times_words(entry.match.query)
    if not isinstance(entry, ReportedMatch):
        return [[where], [blocks.times_words(entry.match.reference)], [""]]
    reference = entry.reference
    return [
        [where],
        [blocks.quoted(reference.title or reference.id, 90)],
        [blocks.quoted(reference.first_seen or _("not known"), 40)],
    ]


def entry_blocks(
    entry: ReportedMatch | ReportedRepeat, kind: Kind, said: Mapping[str, Sequence[Annotation]], tray: PictureTray
) -> list[Block]:
    """Show a match, same-scene finding, earlier use or repeat with everything a reader needs to judge it."""
    words = said.get(f"{kind.letter}{entry.number}", ())
    made: list[Block] = [
        blocks.heading(kind.heading.format(number=entry.number), 2, *_badge(entry.match)),
        *_words_block(words),
        blocks.paragraph(blocks.recorded(entry.finding.statement), look="statement"),
        *_pairs_blocks(entry, kind.other, tray),
        blocks.heading(_("What supports this"), 3),
        blocks.paragraph(blocks.recorded(entry.finding.basis)),
        blocks.facts(_measures(entry, kind.other)),
    ]
    if isinstance(entry, ReportedMatch):
        made += _reference_blocks(entry.reference, kind)
    made.append(
        blocks.paragraph(["strong", _("Limits.")], " ", blocks.recorded(entry.finding.limits), look="limits"),
    )
    return made


def _badge(match: Match) -> tuple[str, str]:
    if match.same_scene_only:
        return _("Same scene, not counted as reuse"), "scene"
    if match.level is MatchLevel.CONFIRMED:
        return _("✓ Confirmed"), "confirmed"
    return _("? Possible, for a person to confirm"), "possible"


def decision_words(decision: AnalystDecision | None) -> str:
    """Say what a person decided, as a label."""
    words = {
        AnalystDecision.CONFIRMED: _("confirmed by a person"),
        AnalystDecision.REJECTED: _("rejected by a person"),
        AnalystDecision.UNCLEAR: _("called unclear by a person"),
    }
    return words[decision] if decision else _("remark")


def said_runs(annotation: Annotation) -> list[Run]:
    """Say who said something and when, and whether the log is signed."""
    who = _("{name}, {time}").format(
        name=blocks.outside(annotation.by, 200), time=blocks.outside(utc_words(annotation.utc), 40)
    )
    if annotation.key_id:
        signed = _("the log is signed with the key {key}").format(key=blocks.outside(annotation.key_id, 40))
    else:
        signed = _("the log is not signed")
    return [["soft", f"{who}; {signed}"]]


def _words_block(words: Sequence[Annotation]) -> list[Block]:
    """Show what people said of an entry beside the tool's own finding; the last word holds."""
    if not words:
        return []
    last = words[-1]
    inside = [
        blocks.paragraph(_("A person’s word, added later. The tool’s own finding is not changed by it."), look="small"),
        blocks.paragraph(["strong", decision_words(last.decision)], ". ", *said_runs(last)),
    ]
    if last.note:
        inside.append(blocks.quotation(last.note, 600))
    if len(words) > 1:
        text = ngettext(
            "{count} earlier word, which no longer holds, is listed under 'Corrections and analysts' words'.",
            "{count} earlier words, which no longer hold, are listed under 'Corrections and analysts' words'.",
            len(words) - 1,
        )
        inside.append(blocks.paragraph(text.format(count=len(words) - 1), look="small"))
    return [blocks.boxed(inside, "word")]


def _pairs_blocks(entry: ReportedMatch | ReportedRepeat, other: str, tray: PictureTray) -> list[Block]:
    if not entry.frame_pairs:
        return []
    if tray.withheld:
        times = "; ".join(_pair_times(pair, other) for pair in entry.frame_pairs[:_MOST_PAIRS])
        return [blocks.paragraph(["soft", f"{tray.withheld} {times}"], look="note")]
    shown = _spread(entry.frame_pairs)
    made: list[Block] = [{"kind": "pairs", "pairs": [_pair(pair, entry.match, other, tray) for pair in shown]}]
    changes = [*picture_changes(entry.match), *filter(None, [rate_words(entry.match.time_map.rate)])]
    if changes:
        text = _("The release shows it {changes}; the frames beside it are shown as they are in the other video.")
        made.append(blocks.paragraph(text.format(changes=", ".join(changes)), look="small"))
    return made


def _spread(pairs: Sequence[FramePair]) -> list[FramePair]:
    """Take the first, the middle and the last pair of a longer list."""
    if len(pairs) <= _MOST_PAIRS:
        return list(pairs)
    return [pairs[at * (len(pairs) - 1) // (_MOST_PAIRS - 1)] for at in range(_MOST_PAIRS)]


def _pair_times(pair: FramePair, other: str) -> str:
    release = _("Release at {time}").format(time=timecode(pair.query.time_s))
    if pair.reference is None:
        return release
    return f"{release}, {_video_at(other, pair.reference.time_s)}"


def _video_at(other: str, time_s: float) -> str:
    return _("{video} at {time}").format(video=other, time=timecode(time_s))


def _pair(pair: FramePair, match: Match, other: str, tray: PictureTray) -> list[Block]:
    release = _("Release at {time}").format(time=timecode(pair.query.time_s))
    left = tray.shown(pair.query, release, release)
    if pair.reference is None:
        missing = _("The archive keeps no pictures of this reference.")
        return [left, {"path": "", "missing": missing, "caption": other, "ratio": left["ratio"]}]
    caption = label = _video_at(other, pair.reference.time_s)
    aligned_s = match.time_map.reference_time_s(pair.query.time_s)
    if abs(pair.reference.time_s - aligned_s) > _AT_THE_SAME_MOMENT_S:
        nearest = _("{label}, the nearest frame kept; the aligned one is at {time}")
        caption = nearest.format(label=label, time=timecode(aligned_s))
    return [left, tray.shown(pair.reference, label, caption)]


def _measures(entry: ReportedMatch | ReportedRepeat, other: str) -> list[tuple[str, Sequence[Run | str]]]:
    match = entry.match
    families = supporting_families(match)
    count = family_count_words(len(families))
    rows: list[tuple[str, Sequence[Run | str]]] = [
        (_("Evidence"), [f"{count}: {'; '.join(families)}" if families else _("no independent family of evidence")]),
    ]
    if match.same_scene_only:
        why = match.caveat or _("two recordings of the place are not told apart")
        rows.append((_("Why it is not counted"), [blocks.quoted(why, 300)]))
    else:
        score = _("{score} of 1, higher is stronger; it ranks matches and is no probability")
        rows.append((_("Score"), [score.format(score=f"{match.score:.3f}")]))
        bound = false_alarm_words(match.false_alarms)
        if bound not in entry.finding.basis:
            rows.append((_("False alarms"), [bound]))
        if match.level is not MatchLevel.CONFIRMED and match.caveat:
            rows.append((_("Why only possible"), [blocks.quoted(match.caveat, 300)]))
    rows += [
        (_("Release"), [_spanned(match.query.start_s, match.query.end_s)]),
        (other, [_spanned(match.reference.start_s, match.reference.end_s)]),
        (_("Time map"), [_time_map_words(match, other)]),
        (_("Picture"), [", ".join(picture_changes(match)) or _("no change of the picture found")]),
    ]
    if match.geometry is not None:
        rows.append((_("Transform"), [_transform_words(match.geometry)]))
    if match.motion is not None:
        rows.append((_("Motion"), [_motion_words(match.motion)]))
    return rows


def _spanned(start_s: float, end_s: float) -> str:
    return _("{start} to {end} ({length})").format(
        start=timecode(start_s), end=timecode(end_s), length=seconds_words(end_s - start_s)
    )


def _time_map_words(match: Match, other: str) -> str:
    text = _("time in {video} = {rate} × release time {sign} {offset} s; {speed}")
    return text.format(
        video=other.lower(),
        rate=f"{match.time_map.rate:.2f}",
        sign="−" if match.time_map.offset_s < 0 else "+",
        offset=f"{abs(match.time_map.offset_s):.2f}",
        speed=rate_words(match.time_map.rate) or _("shown at normal speed"),
    )


def _transform_words(geometry: Geometry) -> str:
    if geometry.frame_pairs <= 0:
        return _("the whole picture was laid on the whole picture; no transform was measured")
    places = ngettext(
        "{count} place agrees in the best pair of pictures", "{count} places agree in the best pair of pictures",
        geometry.cells,
    )  # fmt: skip
    pairs = ngettext("{count} pair gave the transform", "{count} pairs gave the transform", geometry.frame_pairs)
    text = _("{places}, {pairs}; it covers {percent}% of the other picture; matrix {matrix}")
    return text.format(
        places=places.format(count=geometry.cells),
        pairs=pairs.format(count=geometry.frame_pairs),
        percent=round(100 * geometry.covered),
        matrix=", ".join(f"{value:.4g}" for value in geometry.matrix),
    )


def _motion_words(motion: MotionAgreement) -> str:
    here = f"{motion.correlation:.3f}"
    if motion.elsewhere is None:
        words = _("correlation {here} here").format(here=here)
    else:
        words = _("correlation {here} here and {elsewhere} at best at other times")
        words = words.format(here=here, elsewhere=f"{motion.elsewhere:.3f}")
    median = _("median of the single moments {median}").format(median=f"{motion.per_moment:.3f}")
    alike = _("still pictures {alike}").format(alike=f"{motion.appearance:.3f}")
    return f"{words}; {median}; {alike}"


def _dated(day: str, basis: str, url: str) -> list[Run]:
    """Write a date as 'no later than 2021 (platform), https://...'."""
    text = _("no later than {date} ({basis})")
    runs = [
        blocks.own(
            text.format(
                date=blocks.outside(utc_words(day), 40), basis=blocks.outside(basis, 300) or _("basis not stated")
            )
        )
    ]
    return [*runs, ["", ", "], blocks.address(url)] if url else runs


def _reference_blocks(reference: Reference, kind: Kind) -> list[Block]:
    not_recorded = _("not recorded")
    is_earlier = kind.letter == "E"
    rows: list[tuple[str, Sequence[Run | str]]] = [
        (_("Title"), [blocks.quoted(reference.title or not_recorded, 200, "strong")]),
        (_("Publisher"), [blocks.quoted(reference.publisher or not_recorded, 200)]),
        (_("Address"), [blocks.address(reference.source_url) if reference.source_url else not_recorded]),
        (_("First seen"), _first_seen(reference)),
    ]
    if reference.sightings:
        rows.append((_("All sightings"), _sightings(reference)))
    if not is_earlier:
        rows.append((_("Kind"), [kind_words(reference.kind)]))
        rows.append((_("Licence"), [blocks.quoted(reference.licence or not_recorded, 200)]))
    if reference.event:
        rows.append((_("Event"), [blocks.quoted(reference.event)]))
    if reference.notes:
        rows.append((_("Notes"), [blocks.quoted(reference.notes)]))
    if reference.pack is not None:
        rows.append((_("From"), _pack_runs(reference)))
    if reference.retracted:
        rows.append((_("Status"), [["strong", _("retracted in the archive")]]))
    rows.append((_("Its report") if is_earlier else _("Archive id"), [blocks.code(reference.id, 100)]))
    if reference.sha256:
        rows.append((_("SHA-256"), [blocks.code(reference.sha256, 100)]))
    title = _("The earlier release") if is_earlier else _("The reference")
    return [blocks.heading(title, 3), blocks.facts(rows)]


def _first_seen(reference: Reference) -> list[Run | str]:
    if not reference.first_seen:
        return [_("not known")]
    basis = basis_words(reference.first_seen_source, reference.first_seen_basis)
    return list(_dated(reference.first_seen, basis, reference.first_seen_url))


def _sightings(reference: Reference) -> list[Run]:
    listed = []
    for sighting in reference.sightings[:_MOST_SIGHTINGS]:
        parts: list[Sequence[Run]] = [
            _dated(sighting.date, basis_words(sighting.source, sighting.basis), sighting.url)
            if sighting.date
            else [blocks.own(_("date not known"))]
        ]
        if sighting.publisher:
            parts.append([blocks.quoted(sighting.publisher, 200)])
        if sighting.title and sighting.title != reference.title:
            parts.append([blocks.quoted(sighting.title, 200)])
        listed.append(blocks.joined(parts))
    return blocks.joined(listed, "; ")


def _pack_runs(reference: Reference) -> list[Run | str]:
    pack = reference.pack
    if pack is None:
        return []
    name = _("the list of PDQ hashes of {name}") if pack.kind == "vpdq" else _("the pack of {name}")
    signed = _("signed with the key {key}").format(key=blocks.outside(pack.key_id, 40)) if pack.key_id else ""
    imported = _("imported {time}").format(time=blocks.outside(utc_words(pack.imported_utc), 40))
    return [
        name.format(name=blocks.outside(pack.name, 100)),
        ": ",
        ["strong", pack.grade.value],
        f", {signed or _('not signed')}, {imported}; ",
        blocks.code(pack.pack_id, 64),
    ]
