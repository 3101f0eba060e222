"""What others say, quoted side by side; and what people added to the report, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.report.page_view import claims_by_side
from verify.report.pdf import blocks
from verify.report.pdf.matches import decision_words, said_runs
from verify.report.texts import utc_words
from verify.translation import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verify.model import Annotation, Report
    from verify.report.page_view import NumberedClaim
    from verify.report.pdf.blocks import Block, Run

_MOST_CLAIMS = 100
_MOST_BEARINGS = 20
_MOST_WORDS = 200
_STATEMENT_LIMIT, _NOTE_LIMIT = 1200, 2000


def claims_section(report: Report, recorded: Report) -> list[Block]:
    """Quote the claims of the release and its publisher beside those of others, none in the tool's own voice.

    `recorded` is the report as it was recorded, where `report` says the same in another language.
    """
    made = [blocks.heading(_("Claims and counter-claims"))]
    if not report.claims:
        return [*made, blocks.paragraph(_("No claims were found in the release and none were given."))]
    lead = _(
        "Quoted as found, each attributed to whoever made it, in the order given. This tool takes no side and "
        "assesses none of them."
    )
    sides: list[list[Block]] = [
        [blocks.heading(_("By the release and its publisher"), 2)],
        [blocks.heading(_("By others"), 2)],
    ]
    for side, claims in zip(sides, claims_by_side(report, recorded), strict=True):
        side += [_claim_block(claim) for claim in claims if claim.number <= _MOST_CLAIMS]
    for side, none in zip(
        sides,
        (_("No claim of theirs was found or given."), _("No claim of others was given to this tool.")),
        strict=True,
    ):
        if len(side) == 1:
            side.append(blocks.paragraph(none, look="small"))
    return [
        *made,
        blocks.paragraph(lead, look="small"),
        blocks.beside(*sides),
        *blocks.shortened_note(min(_MOST_CLAIMS, len(report.claims)), len(report.claims)),
    ]


def _claim_block(numbered: NumberedClaim) -> Block:
    claim, bearings = numbered.claim, numbered.bearings
    date = blocks.outside(utc_words(claim.date), 40)
    inside = [
        blocks.quotation(claim.statement, _STATEMENT_LIMIT),
        blocks.paragraph(blocks.quoted(claim.claimant, 200, "strong"), f", {date}" if date else ""),
    ]
    if claim.span is not None:
        about = _("About {times} of the release").format(times=blocks.times_words(claim.span))
        inside.append(blocks.paragraph(about, look="small"))
    if claim.source_url:
        inside.append(blocks.paragraph(blocks.address(claim.source_url, 300), look="small"))
    origin = _("Found in: {origin}").format(origin=blocks.outside(claim.origin, 200))
    inside += [
        blocks.paragraph(origin, look="small"),
        blocks.paragraph(["label", _("not assessed by this tool")]),
    ]
    if bearings:
        items: list[list[Run | str]] = [
            [blocks.recorded(bearing.statement), " (", _("Match {number}").format(number=bearing.match), ")"]
            for bearing in bearings[:_MOST_BEARINGS]
        ]
        inside += [
            blocks.paragraph(["strong", _("What the footage found has to do with it")], look="small"),
            blocks.bullets(items, "small"),
            *blocks.shortened_note(len(items), len(bearings)),
        ]
    return blocks.boxed(inside, "claim")


def words_section(annotations: Sequence[Annotation]) -> list[Block]:
    """List what people added to the report, in the order in which it was written down."""
    if not annotations:
        return []
    made = [
        blocks.heading(_("Corrections and analysts' words")),
        blocks.paragraph(
            _(
                "Added by people after the report was made, in the order in which they were written down. Nothing of "
                "what the tool stated was altered; where several are about one subject, the last holds."
            ),
            look="small",
        ),
    ]
    ordered = sorted(annotations, key=lambda annotation: annotation.number)
    made += [_word_block(annotation) for annotation in ordered[:_MOST_WORDS]]
    return made + blocks.shortened_note(min(len(ordered), _MOST_WORDS), len(ordered))


def _word_block(annotation: Annotation) -> Block:
    subject = _subject_words(annotation.subject)
    head = f"{annotation.number}. {subject}"
    if annotation.decision:
        head = f"{head}: {decision_words(annotation.decision)}"
    inside = [blocks.paragraph(["strong", head])]
    if annotation.note:
        inside.append(blocks.quotation(annotation.note, _NOTE_LIMIT))
    about = _("about report.json with the SHA-256 {digest}").format(digest=blocks.outside(annotation.report_sha256, 64))
    inside.append(blocks.paragraph(*said_runs(annotation), ["soft", f"; {about}"], look="small"))
    return blocks.boxed(inside, "word")


def _subject_words(subject: str) -> str:
    """Say what an annotation is about: '3' is match 3, 'S1' a same scene, 'R2' a repeat, 'E1' an earlier use."""
    if not subject:
        return _("Correction")
    names = {
        "S": _("Same scene {number}"),
        "R": _("Repeat {number}"),
        "E": _("Used before {number}"),
    }
    number = subject.lstrip("SRE")
    if not number.isdecimal() or len(subject) - len(number) > 1:
        return blocks.outside(subject, 40)
    return names.get(subject[0], _("Match {number}")).format(number=number)
