"""What the method can and cannot see, in words that stand in every report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.findings.wording import grouped, seconds_words
from verify.model import MatchLevel
from verify.translation import _, marked, ngettext

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verify.model import ArchiveSnapshot, DecodeOutcome, Match

SMALL_ARCHIVE_REFERENCES = 100

_ALWAYS = (
    marked(
        "This report says where and when footage was seen before. It does not say whether anything shown is true, who "
        "filmed it, or why it was published again; reuse may be disclosed or routine (b-roll)."
    ),
    marked(
        "Footage is compared in three ways: by perceptual hashes of the whole picture, by keypoints that must agree "
        "under one geometric transform, and by motion that must agree at the same moments; a learned descriptor, "
        "where one is used, proposes what else may be worth comparing. Together they see through re-encoding, "
        "grading, mirroring, inverted polarity, crops, insets, captions and graphics, and through speeds from a "
        "quarter to four times normal, also backwards."
    ),
    marked(
        "Strongly shaken pictures, sky and thermal pictures without features, insets smaller than about a quarter of "
        "the picture, and shots of less than about half a second may be missed. They count as searched without a "
        "match."
    ),
    marked(
        "Two cameras side by side film the same motion at the same moments. Their recordings can be taken for one; "
        "look for a shifted point of view between what is near and what is far. So can two things that move alike "
        "along one path before one camera, and two sweeps of one camera along the same path where nothing else moves; "
        "where the movement is smooth and explains nearly all that changes, the match is 'possible' at most."
    ),
    marked(
        "Still title cards, logos, colour bars, dark and empty frames look alike everywhere. They carry no evidence "
        "and are not counted as a match. Moving graphics that two programmes share, such as a countdown, a progress "
        "bar, an animated title or a moving overlay, can be matched although the footage differs; look for them in "
        "the pictures."
    ),
    marked(
        "No match is called 'confirmed' unless two independent families of evidence support it; else it is "
        "'possible'. A person must compare the pictures of a possible match before relying on it, and should compare "
        "those of a confirmed one."
    ),
    marked(
        "The false-alarm bound of a score was measured on footage that was not in the archive. It holds for footage "
        "like that; how often other kinds of footage reach the score is not known."
    ),
    marked(
        "A reference's date is the day by which it had been seen, on the basis stated beside it. The footage itself "
        "may be older. Dates are compared as calendar days, as given, without regard to time zones."
    ),
    marked("Sound is not compared."),
)


def standard_limits(
    archive: ArchiveSnapshot | None,
    decoded: DecodeOutcome | None = None,
    matches: Sequence[Match] = (),
    *,
    is_by_looks: bool = True,
) -> tuple[str, ...]:
    """List the limits of a report: what applies to this one first, then those of the method.

    Parameters
    ----------
    archive
        What was searched; None if nothing was.
    decoded
        How decoding ended, None if it was not begun.
    matches
        The matches reported, same-scene ones included.
    is_by_looks
        Whether a learned descriptor was used.
    """
    return (*_particular(archive, decoded, matches, is_by_looks=is_by_looks), *map(_, _ALWAYS))


def _particular(
    archive: ArchiveSnapshot | None, decoded: DecodeOutcome | None, matches: Sequence[Match], *, is_by_looks: bool
) -> list[str]:
    limits = []
    if archive is None or archive.reference_count == 0:
        limits.append(_("No reference archive was searched: the absence of matches in this report has no meaning."))
    elif archive.reference_count < SMALL_ARCHIVE_REFERENCES:
        limits.append(
            ngettext(
                "The archive searched is small: {count} reference, {length} of video. Footage that is not in it cannot "
                "be found by it.",
                "The archive searched is small: {count} references, {length} of video. Footage that is not in it "
                "cannot be found by it.",
                archive.reference_count,
            ).format(count=grouped(archive.reference_count), length=seconds_words(archive.duration_s))
        )
    if archive is not None and archive.reference_count and not is_by_looks:
        limits.append(
            _(
                "The archive was searched without a learned descriptor: insets, and pictures too blurred or dark for "
                "keypoints, may be missed more often than usual."
            )
        )
    if decoded is not None and decoded.failure:
        limits.append(
            _("The file could be decoded in part only: {length} were read, and nothing is said about the rest.").format(
                length=seconds_words(decoded.decoded.duration_s)
            )
        )
    if any(match.same_scene_only for match in matches):
        limits.append(
            _(
                "Where nothing moves that could be compared, or what moves does not agree, two recordings of one scene "
                "look alike. Such passages are listed apart from the matches and are not counted as reuse."
            )
        )
    if any(match.level is MatchLevel.CONFIRMED or match.same_scene_only for match in matches) or not matches:
        return limits
    limits.append(_("All matches of this report are possible matches: each one is for a person to confirm."))
    return limits
