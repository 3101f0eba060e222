"""Search again what a report was made of: its stored fingerprints, in the state of the archive that it names."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from verify.archive.cases import open_cases
from verify.errors import InvalidUsageError
from verify.findings.wording import counted
from verify.fingerprint.learned import OWN_MODEL, Descriptor, short_name
from verify.fingerprint.stored_examination import read_examination
from verify.match.matcher import find_matches
from verify.match.origins import held_to_origins
from verify.match.repeats import find_repeats
from verify.media.proxies import ProxyReader
from verify.pipeline import NO_DESCRIPTOR, query_material
from verify.remembering import compare_with_releases
from verify.replay.searching import Unusable, opened, usable_releases

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verify.fingerprint.examine import Examination
    from verify.match.materials import QueryMaterial
    from verify.model import Match, Progress, Reference, Report

#: What the release's small pictures are called while they are read.
PROXY_NAME = "release-proxy.mkv"
_SAME_TIME_S = 0.001


class ContradictionError(Exception):
    """The stored fingerprints are not those of the report; the text says how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """What the search gave.

    `matches` is None where no archive was searched then. `references` are those that were searched now, by id,
    `unusable` those that cannot be, and likewise for earlier releases of the publisher. `repeats` and `earlier` hold
    what a report would state. `searched` says in words what was searched.
    """

    examination: Examination
    matches: tuple[Match, ...] | None
    references: Mapping[str, Reference] = field(default_factory=dict)
    unusable: tuple[Unusable, ...] = ()
    repeats: tuple[Match, ...] = ()
    earlier: tuple[Match, ...] = ()
    releases: Mapping[str, Reference] = field(default_factory=dict)
    unusable_releases: tuple[Unusable, ...] = ()
    searched: str = ""


def has_searched(report: Report) -> bool:
    """Say whether a report was made by searching an archive that had references."""
    return report.archive is not None and report.archive.reference_count > 0


def rerun(report: Report, examination: Path, archive: Path, descriptor: Path | None, progress: Progress) -> Rerun:
    """Search again what a report was made of.

    Parameters
    ----------
    examination
        The file with the stored fingerprints, which has its digest.
    archive
        Folder of the archive, opened only if one was searched then.
    descriptor
        File of the learned descriptor that was used; None for the program's own.

    Raises
    ------
    ContradictionError
        The stored fingerprints are not those of the report.
    VerifyError
        They cannot be read, the archive cannot be searched or never was in that state, or the descriptor is another.
    """
    learned = descriptor_of(report, descriptor)
    with tempfile.TemporaryDirectory(prefix="verify-") as folder, ProxyReader() as proxies:
        proxy = Path(folder) / PROXY_NAME
        stored = read_examination(examination, proxy)
        _check_belongs(report, stored.examination, stored.model_sha256, learned)
        query = query_material(stored.examination, proxy, proxies, learned)
        found = _in_archive(report, query, archive, learned, progress)
        repeats = tuple(match for match in find_repeats(query, progress) if not match.same_scene_only)
        earlier = _in_releases(report, query, archive, progress)
    return Rerun(
        examination=stored.examination,
        matches=found.matches,
        references=found.references,
        unusable=found.unusable,
        repeats=repeats,
        earlier=earlier.matches or (),
        releases=earlier.references,
        unusable_releases=earlier.unusable,
        searched=found.searched,
    )


def descriptor_of(report: Report, given: Path | None) -> Descriptor | None:
    """Load the learned descriptor that a report was made with, None if it was made without.

    Raises
    ------
    InvalidUsageError
        What was given, or the program's own where nothing was, is another one.
    ToolMissingError
        onnxruntime is not installed.
    """
    stated = str(report.parameters.get("learned_descriptor_sha256", NO_DESCRIPTOR))
    if stated == NO_DESCRIPTOR:
        return None
    found = Descriptor(given or OWN_MODEL)
    if found.sha256 == stated:
        return found
    raise InvalidUsageError(
        given or "--descriptor",
        f"the report was made with the learned descriptor {short_name(stated)}, and "
        + (f"this file is {short_name(found.sha256)}" if given else f"the program's own is {short_name(found.sha256)}"),
        "Give the file that was used with --descriptor (its SHA-256 is learned_descriptor_sha256 in report.json).",
    )


def _check_belongs(report: Report, examination: Examination, model_sha256: str, learned: Descriptor | None) -> None:
    """Refuse fingerprints of another release, or of another descriptor, than the report says that it is about."""
    media, told = examination.info, report.release.media
    is_same_media = (media.size_bytes, media.width_px, media.height_px) == (
        told.size_bytes,
        told.width_px,
        told.height_px,
    )
    ends_s = examination.outcome.decoded.end_s, report.release.decoded.decoded.end_s
    if not is_same_media or abs(ends_s[0] - ends_s[1]) > _SAME_TIME_S or len(examination.shots) != len(report.shots):
        raise ContradictionError("the stored fingerprints are of another video than the report is about")
    if model_sha256 != (learned.sha256 if learned else ""):
        raise ContradictionError("the stored fingerprints were made with another descriptor than the report names")


class _Found(NamedTuple):
    """What was found in a set of references, those that were searched, and those that could not be."""

    matches: tuple[Match, ...] | None
    references: Mapping[str, Reference]
    unusable: tuple[Unusable, ...]
    searched: str


def _in_archive(
    report: Report, query: QueryMaterial, folder: Path, learned: Descriptor | None, progress: Progress
) -> _Found:
    """Search the state of the archive that the report names."""
    if report.archive is None or not has_searched(report):
        return _Found(None, {}, (), "No archive was searched, as then.")
    with opened(folder, report.archive.snapshot_id, learned) as (library, then):
        count = len(then.reference_ids) + len(then.unusable)
        if library is None:
            return _Found((), {}, then.unusable, f"None of the {count} references of then could be searched.")
        found = find_matches(query, library.hashes, library.material, progress)
        # What was said of a reference then decides, also of the pack that it came with.
        told = {entry.reference.id: entry.reference for entry in (*report.matches, *report.same_scene)}
        references = {name: told.get(name, library.references[name]) for name in then.reference_ids}
        held = held_to_origins(found, references)
    is_changed = then.snapshot_now != report.archive.snapshot_id
    state = "which has changed since" if is_changed else "which is in that state"
    of_then = "" if not then.unusable else f" of the {count}"
    searched = f"{counted(len(then.reference_ids), 'reference')}{of_then} of the archive at {folder}, {state}."
    return _Found(held, references, then.unusable, searched)


def _in_releases(report: Report, query: QueryMaterial, folder: Path, progress: Progress) -> _Found:
    """Search the earlier releases of the publisher that were searched then."""
    wanted = report.earlier_searched
    if not wanted:
        return _Found((), {}, (), "")
    with open_cases(folder) as cases:
        if cases is None:
            why = "the archive remembers no releases"
            return _Found((), {}, tuple(Unusable(reference_id=name, why=why) for name in sorted(set(wanted))), "")
        usable, unusable = usable_releases(cases.archive, wanted, report.created_utc)
        found = compare_with_releases(cases, usable, query, progress) if usable else ()
        releases = {name: release for name in usable if (release := cases.archive.reference(name))}
    return _Found(found, releases, tuple(unusable), "")
