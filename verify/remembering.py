"""Remember the release that was checked, and search the earlier releases of its publisher."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import verify
from verify.acquire.texts import MAX_TITLE_CHARACTERS, clean_text
from verify.archive.cases import CaseBook, RememberedCase, Told, open_cases
from verify.archive.thumbnails import Thumbnails
from verify.dates import checked_moment, utc_now
from verify.fingerprint.examine import ReferenceSide
from verify.fingerprint.stored_examination import write_examination
from verify.match.library import library_of
from verify.match.matcher import find_matches
from verify.media.proxies import ProxyReader
from verify.model import Reference, ReferenceKind, Sighting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from verify.evidence.securing import Preserved
    from verify.fingerprint.examine import Examination
    from verify.fingerprint.learned import Descriptor
    from verify.match.materials import QueryMaterial
    from verify.model import Acquisition, Match, Progress, Report, ReportedMatch

#: Footage of earlier releases that is compared at most, in seconds; what is searched of them is held in memory.
_MOST_EARLIER_S = 5 * 3600.0
_FETCHED = "fetched on that day"
_PROXY_NAME, _EXAMINATION_NAME = "reference.mkv", "release.zip"


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierReleases:
    """What the search in earlier releases of the publisher gave.

    `searched` are the ids of those that were compared, the newest of `known`; `releases` are those by id.
    """

    matches: tuple[Match, ...] = ()
    releases: Mapping[str, Reference]
    searched: tuple[str, ...] = ()
    known: int = 0


NONE_EARLIER = EarlierReleases(releases={})


def search_earlier(cases: CaseBook, release: Reference, query: QueryMaterial, progress: Progress) -> EarlierReleases:
    """Compare a release with the earlier ones of its publisher that an archive remembers.

    Where it is not known when the release was published, none is known to be earlier.
    """
    published = "" if release.first_seen_basis == _FETCHED else release.first_seen
    known = cases.earlier(release.publisher, published, release.sha256, release.source_url)
    chosen: list[Reference] = []
    length_s = 0.0
    for earlier in known:
        length_s += earlier.duration_s
        if length_s > _MOST_EARLIER_S:
            break
        chosen.append(earlier)
    if not chosen:
        return replace(NONE_EARLIER, known=len(known))
    return EarlierReleases(
        matches=compare_with_releases(cases, [earlier.id for earlier in chosen], query, progress),
        releases={earlier.id: earlier for earlier in chosen},
        searched=tuple(earlier.id for earlier in chosen),
        known=len(known),
    )


def compare_with_releases(
    cases: CaseBook, release_ids: Sequence[str], query: QueryMaterial, progress: Progress
) -> tuple[Match, ...]:
    """Find what a release shares with remembered ones; a scene that merely comes back is left out."""
    with ProxyReader() as proxies:
        library = library_of(cases.archive, release_ids, proxies)
        found = find_matches(query, library.hashes, library.material, progress)
    return tuple(match for match in found if not match.same_scene_only)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checked:
    """A finished verification: its report, and what is needed to remember the release.

    `release` says of it what an archive says of a reference. `stored_examination` is the name of the file in the
    report's folder that holds the examination, empty if none does. `memory` is None if it is not to be remembered.
    """

    report: Report
    release: Reference
    examination: Examination
    query_proxy: Path
    stored_examination: str
    memory: Memory | None


class Memory:
    """What is collected of a release while it is examined, so that it can be remembered.

    Parameters
    ----------
    working
        Folder for what is written meanwhile.
    """

    def __init__(self, working: Path) -> None:
        self._working = working
        self._thumbnails = Thumbnails()
        self._proxy = working / _PROXY_NAME
        self.side = ReferenceSide(self._proxy, self._thumbnails.add)

    def keep(
        self,
        folder: Path,
        checked: Checked,
        report_folder: Path,
        learned: Descriptor | None,
        tell: Callable[[str], None],
    ) -> None:
        """Remember a release beside the archive at `folder`; raises the errors of writing to an archive.

        Parameters
        ----------
        report_folder
            Where the report, and with it the stored examination, lies by now.
        learned
            The descriptor that it was examined with.
        """
        report, release = checked.report, checked.release
        if checked.stored_examination:
            stored = report_folder / checked.stored_examination
        else:
            stored = self._working / _EXAMINATION_NAME
            write_examination(stored, checked.examination, checked.query_proxy, learned)
        as_reference, fingerprints = self.side.finish(checked.examination)
        if as_reference.local is None or report.archive is None:
            raise TypeError("a release that was searched for has keypoints and a snapshot")
        with open_cases(folder, create=True, tell=tell) as cases:
            if cases is None:
                raise TypeError("a place for cases was made")
            cases.archive.add(
                release,
                fingerprints,
                self._thumbnails.kept,
                as_reference.local,
                self._proxy if self._proxy.exists() else None,
                motion=as_reference.motion,
                media=stored,
            )
            cases.note(
                RememberedCase(
                    release=release,
                    checked_utc=report.created_utc,
                    tool_version=verify.__version__,
                    claimed_date=report.release.claimed_date,
                    claimed_date_basis=report.release.claimed_date_basis,
                    model_sha256=learned.sha256 if learned else "",
                    snapshot_id=report.archive.snapshot_id,
                    told=tuple(told_of(report)),
                )
            )


def release_as_reference(
    report_id: str, preserved: Preserved, publisher: str, published: Sighting, examination: Examination
) -> Reference:
    """Say of a release what an archive says of a reference, with the report's id as its id.

    `published` says when it was, and who says so.
    """
    acquisition, manifest = preserved.acquisition, preserved.manifest
    try:
        dated = replace(published, date=checked_moment(published.date))
    except ValueError:  # a platform may say anything
        dated = Sighting(date=acquisition.finished_utc[:10], basis=_FETCHED)
    return Reference(
        id=report_id,
        kind=ReferenceKind.OFFICIAL_RELEASE,
        title=clean_text(acquisition.title or _file_name(acquisition), MAX_TITLE_CHARACTERS) or "",
        publisher=clean_text(publisher, MAX_TITLE_CHARACTERS) or "",
        source_url="" if acquisition.is_local_file else acquisition.final_url or acquisition.source,
        first_seen=dated.date,
        first_seen_source=dated.source,
        first_seen_basis=dated.basis,
        sha256={file.relative_path: file.sha256 for file in manifest.files}[manifest.media_path],
        duration_s=examination.outcome.decoded.end_s,
        added_utc=utc_now(),
    )


def _file_name(acquisition: Acquisition) -> str:
    return Path(acquisition.source).name if acquisition.is_local_file else ""


def told_of(report: Report) -> Iterator[Told]:
    """Say in short what a report tells of references, matches first."""
    for entry in (*report.matches, *report.same_scene):
        yield told_about(entry)


def told_about(entry: ReportedMatch) -> Told:
    """Say in short what is told of a match."""
    return Told(
        reference_id=entry.reference.id,
        query=entry.match.query,
        kind=entry.finding.kind,
        level=entry.match.level,
        score=entry.match.score,
        first_seen=entry.reference.first_seen,
        statement=entry.finding.statement,
    )
