"""From SOURCE to a case: fetch and preserve it, or take up a case that was preserved earlier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from verify.acquire.source import acquire, is_url
from verify.acquire.texts import clean_text, shown_url, without_secrets
from verify.errors import AcquisitionFailedError, VerifyError
from verify.evidence.check import refuse_changed
from verify.evidence.custody import append_event
from verify.evidence.manifest import load_manifest
from verify.evidence.preserve import preserve
from verify.evidence.reuse import copy_case, find_case, load_acquisition
from verify.evidence.sealing import SealOptions, can_continue_log, note_report, stamp_case

if TYPE_CHECKING:
    from verify.acquire.options import AcquisitionOptions
    from verify.model import Acquisition, EvidenceManifest, Progress

_MAX_REASON_CHARACTERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Preserved:
    """A case that is ready to be examined, how its bytes were obtained, and what is to be said of that.

    `log_continues` is false where the case was signed by someone else, whose custody log nobody else can add to.
    """

    case_dir: Path
    manifest: EvidenceManifest
    acquisition: Acquisition
    warnings: tuple[str, ...] = ()
    log_continues: bool = True


def case_to_reuse(source: str, case_dir: Path, *, offline: bool) -> Path | None:
    """Find the case that SOURCE stands for: itself one, or with `offline`, fetched into `case_dir` earlier.

    Raises
    ------
    AcquisitionFailedError
        `offline`, SOURCE is a URL, and `case_dir` is no case.
    """
    if not is_url(source):
        return find_case(Path(source)) if source else None
    if not offline:
        return None
    if find_case(case_dir) == case_dir:
        return case_dir
    raise AcquisitionFailedError(
        shown_url(source),
        f"with --offline it must have been fetched before, and there is no case at {case_dir}",
        "Name the folder of an earlier check with --out or as SOURCE, or leave out --offline.",
    )


def fetch_and_preserve(
    source: str,
    staging: Path,
    case_dir: Path,
    *,
    case_id: str,
    command: Sequence[str],
    options: AcquisitionOptions,
    seal: SealOptions,
    progress: Progress,
) -> Preserved:
    """Fetch a release, seal it in a new case, and have its time stated; raises what `acquire` and `preserve` raise."""
    acquisition = acquire(source, staging, options=options, progress=progress)
    manifest = preserve(
        acquisition,
        staging,
        case_dir,
        case_id=case_id,
        command=command,
        signing_key=seal.signing_key,
        actor=seal.actor,
    )
    warnings = stamp_case(case_dir, seal, allow_private=options.allow_private)
    return Preserved(case_dir=case_dir, manifest=manifest, acquisition=acquisition, warnings=warnings)


def take_up(source: str, found: Path, case_dir: Path, *, seal: SealOptions, allow_private: bool) -> Preserved:
    """Check a case that was found, bring a copy to `case_dir` unless it is there already, and have it timestamped.

    Raises
    ------
    AcquisitionFailedError
        It holds another release than SOURCE.
    EvidenceMismatchError
        It is not as it was sealed.
    EvidenceExistsError, OutputNotWritableError
        It cannot be copied.
    """
    checked = refuse_changed(found)
    manifest = load_manifest(found)
    if is_url(source) and (held := load_acquisition(found, manifest).source) != without_secrets(source):
        raise AcquisitionFailedError(
            shown_url(source), f"the case at {found} holds another release ({shown_url(held)})", "Choose another --out."
        )
    warnings = list(checked.notices)
    if not (case_dir.exists() and found.samefile(case_dir)):
        warnings += copy_case(found, case_dir)
    log_continues = can_continue_log(case_dir, seal.signing_key)
    if log_continues:
        append_event(
            case_dir,
            actor=seal.actor,
            action="taken up again",
            detail="checked, to be examined once more; a copy has a log of its own from here",
            digest=checked.bag_sha256,
            signing_key=seal.signing_key,
        )
        warnings += stamp_case(case_dir, seal, allow_private=allow_private)
    else:
        warnings.append(
            "The case was signed with another key than yours, or you gave none: its custody log stays as it was and "
            "does not tell of this examination."
        )
    return Preserved(
        case_dir=case_dir,
        manifest=manifest,
        acquisition=load_acquisition(case_dir, manifest),
        warnings=tuple(warnings),
        log_continues=log_continues,
    )


@contextmanager
def noting_examination(preserved: Preserved, report_folder: Path, seal: SealOptions) -> Iterator[None]:
    """Tell the custody log how the examination in the block ended: with a report in `report_folder`, or not.

    Raises
    ------
    OutputNotWritableError
        The report is there, but the log could not be extended.
    """
    try:
        yield
    except (VerifyError, OSError, KeyboardInterrupt) as error:
        # The failure itself is what the user must hear of, not that it could not be noted.
        with suppress(VerifyError):
            if preserved.log_continues:
                append_event(
                    preserved.case_dir,
                    actor=seal.actor,
                    action="examination failed",
                    detail=clean_text(str(error), _MAX_REASON_CHARACTERS) or "interrupted",
                    signing_key=seal.signing_key,
                )
        raise
    if preserved.log_continues:
        note_report(preserved.case_dir, report_folder, seal)
