"""What the user must know before relying on a report: that not all was decoded, or nothing searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.translation import _, ngettext, translated_sentence

if TYPE_CHECKING:
    from verify.model import ArchiveSnapshot, DecodeOutcome


def decoding_warnings(outcome: DecodeOutcome, archive: ArchiveSnapshot | None) -> list[str]:
    """Warn of what could not be decoded, and of an archive that was not there or empty.

    Parameters
    ----------
    outcome
        How decoding ended.
    archive
        What was searched; None if nothing was.
    """
    warnings = []
    if outcome.failure:
        warnings.append(
            _("The file could be decoded only up to {end} s: {failure}. The rest is not examinable.").format(
                end=f"{outcome.decoded.end_s:.2f}", failure=translated_sentence(outcome.failure)
            )
        )
    if outcome.damaged_packets:
        warnings.append(
            ngettext(
                "{count} damaged parts or pictures of the file could not be decoded; they were skipped.",
                "{count} damaged parts or pictures of the file could not be decoded; they were skipped.",
                outcome.damaged_packets,
            ).format(count=outcome.damaged_packets)
        )
    if archive is None:
        warnings.append(_("No reference archive was searched."))
    elif archive.reference_count == 0:
        warnings.append(_("The reference archive is empty, so nothing was searched."))
    return warnings
