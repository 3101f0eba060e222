"""Compare remembered releases with references that arrived later, and say which findings change."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import verify
from verify.archive.cases import RememberedCase, Told
from verify.archive.catalogue import translated
from verify.archive.history import FORGOTTEN, RETRACTED
from verify.dates import utc_now
from verify.errors import VerifyError
from verify.findings.statements import match_finding
from verify.findings.wording import counted, quoted
from verify.fingerprint.stored_examination import read_examination
from verify.match.library import library_of
from verify.match.matcher import find_matches
from verify.match.origins import held_to_origins
from verify.media.proxies import ProxyReader
from verify.model import FindingKind, ReportedMatch, SilentProgress
from verify.pipeline import query_material
from verify.remembering import told_about

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from verify.archive.cases import CaseBook
    from verify.archive.store import Archive
    from verify.fingerprint.learned import Descriptor
    from verify.model import Progress

#: References that are loaded at once, in seconds of footage; more are compared in several rounds.
_ROUND_S = 5 * 3600.0
#: Share of the shorter of two passages that they must have in common to be about the same.
_SAME_PASSAGE = 0.5
#: Passages whose ends differ by less in all are the same, in seconds.
_SAME_S = 0.2


class ChangeKind(StrEnum):
    """How a finding changes."""

    ADDED = "added"
    WITHDRAWN = "withdrawn"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingChange:
    """A finding that changes: what was told, what is to be told now, and why; None where there is nothing to tell."""

    kind: ChangeKind
    reference_id: str
    before: str | None
    now: str | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rechecked:
    """What a recheck of a remembered release gave.

    `compared` counts the references that are new or other than they were. `failure` says why nothing could be compared.
    """

    case: RememberedCase
    changes: tuple[FindingChange, ...] = ()
    compared: int = 0
    snapshot_id: str = ""
    failure: str = ""


def recheck(
    archive: Archive, cases: CaseBook, learned: Descriptor | None, progress: Progress, *, everything: bool = False
) -> Iterator[Rechecked]:
    """Compare each remembered release with the references that are new to it, and remember what is told now.

    A release is compared with those that were added or changed since it was last checked, and with those that something
    was told of, so that look-alikes compete as they do in a search. One without such references is left as it is.

    Parameters
    ----------
    learned
        Descriptor to search by.
    everything
        Compare with all references, for example after an upgrade of the program.
    """
    with translated(archive.folder):
        present = dict(archive.connection.execute("SELECT id, digest FROM reference").fetchall())
    searched = {reference.id for reference in archive.references() if not reference.retracted}
    snapshot_id = archive.history.snapshot_id()
    remembered = cases.cases()
    progress.start("comparing", len(remembered), "releases")
    for case in remembered:
        progress.advance(1)
        then = archive.history.state(case.snapshot_id) or {}
        told_of = {told.reference_id for told in case.told}
        other = {name for name in present if present[name] != then.get(name)} | (set(then) - set(present))
        if not everything and not other:
            continue
        wanted = searched if everything else (other | told_of) & searched
        try:
            entries = _compared(archive, case, cases.examination(case), sorted(wanted), learned)
        except VerifyError as error:
            yield Rechecked(case=case, failure=str(error))
            continue
        now = tuple(told_about(entry) for entry in entries)
        kept = tuple(told for told in case.told if told.reference_id in searched - wanted)
        changes = tuple(_changes(archive, [told for told in case.told if told not in kept], now))
        # First told, then noted: what was not delivered is told again.
        count = len(searched) if everything else len(other)
        yield Rechecked(case=case, changes=changes, compared=count, snapshot_id=snapshot_id)
        cases.note(
            RememberedCase(
                release=case.release,
                checked_utc=case.checked_utc,
                tool_version=verify.__version__,
                claimed_date=case.claimed_date,
                claimed_date_basis=case.claimed_date_basis,
                model_sha256=case.model_sha256,
                snapshot_id=snapshot_id,
                told=(*kept, *now),
            )
        )
    progress.finish()


def _compared(
    archive: Archive,
    case: RememberedCase,
    examination: Path,
    reference_ids: Sequence[str],
    learned: Descriptor | None,
) -> list[ReportedMatch]:
    """Find what a remembered release shares with some references, and state it."""
    if not reference_ids:
        return []
    with tempfile.TemporaryDirectory(prefix="verify-") as folder, ProxyReader() as proxies:
        proxy = Path(folder) / "proxy.mkv"
        stored = read_examination(examination, proxy)
        own = learned if learned and learned.sha256 == stored.model_sha256 else None
        query = query_material(stored.examination, proxy, proxies, own)
        entries = []
        described = {
            each.reference_id for each in archive.descriptor_digests() if own and each.model_sha256 == own.sha256
        }
        # Those without vectors apart: one of them would do without the descriptor for all.
        groups = ([name for name in reference_ids if (name in described) is is_in] for is_in in (True, False))
        for some in (part for group in groups for part in _rounds(archive, group)):
            library = library_of(archive, some, proxies, own)
            found = find_matches(query, library.hashes, library.material, SilentProgress())
            for match in held_to_origins(found, library.references):
                reference = library.references[match.reference_id]
                finding = match_finding(match, reference, case.claimed_date, case.claimed_date_basis)
                entries.append(
                    ReportedMatch(number=0, finding=finding, match=match, reference=reference, frame_pairs=())
                )
        return entries


def _rounds(archive: Archive, reference_ids: Sequence[str]) -> Iterator[list[str]]:
    """Divide references into groups that can be held in memory."""
    some: list[str] = []
    length_s = 0.0
    for name in reference_ids:
        reference = archive.reference(name)
        length_s += reference.duration_s if reference else 0.0
        if some and length_s > _ROUND_S:
            yield some
            some, length_s = [], reference.duration_s if reference else 0.0
        some.append(name)
    if some:
        yield some


def _changes(archive: Archive, before: Sequence[Told], now: Sequence[Told]) -> Iterator[FindingChange]:
    """Compare what was told with what is to be told."""
    left = list(now)
    for told in before:
        same = next((each for each in left if _is_about_the_same(told, each)), None)
        if same is None:
            yield FindingChange(
                kind=ChangeKind.WITHDRAWN,
                reference_id=told.reference_id,
                before=told.statement,
                now=None,
                why=_why_gone(archive, told.reference_id),
            )
            continue
        left.remove(same)
        if reasons := list(_differences(told, same)):
            yield FindingChange(
                kind=ChangeKind.CHANGED,
                reference_id=told.reference_id,
                before=told.statement,
                now=same.statement,
                why="; ".join(reasons),
            )
    for told in left:
        yield FindingChange(
            kind=ChangeKind.ADDED,
            reference_id=told.reference_id,
            before=None,
            now=told.statement,
            why=_why_new(archive, told.reference_id),
        )


def _is_about_the_same(one: Told, other: Told) -> bool:
    shorter_s = min(one.query.duration_s, other.query.duration_s)
    return one.reference_id == other.reference_id and one.query.overlap_s(other.query) >= _SAME_PASSAGE * shorter_s


def _differences(before: Told, now: Told) -> Iterator[str]:
    scene = FindingKind.SAME_SCENE
    if (before.kind is scene) != (now.kind is scene):
        yield "it is not shown to be the same recording" if now.kind is scene else "it is a match now"
    elif before.level is not now.level:
        yield f"it is {now.level.value} now, and was {before.level.value}"
    if before.first_seen != now.first_seen:
        yield f"the reference was first seen no later than {now.first_seen or '(not known)'} now, and was told as " + (
            before.first_seen or "not known"
        )
    elif before.kind is not now.kind and scene not in (before.kind, now.kind):
        yield "the date tells something else of it"
    elif before.statement != now.statement and before.level is now.level:
        is_same_span = (
            abs(before.query.start_s - now.query.start_s) + abs(before.query.end_s - now.query.end_s) < _SAME_S
        )
        yield "what is said of the reference is another" if is_same_span else "the passage is another"


def _why_gone(archive: Archive, reference_id: str) -> str:
    for entry in reversed(archive.history.entries(reference_id=reference_id)):
        if entry.action in (RETRACTED, FORGOTTEN):
            return f"the reference was {entry.action}: {entry.reason}"
    if archive.reference(reference_id) is None:
        return "the reference is not in the archive any more"
    return "it was not found again"


def _why_new(archive: Archive, reference_id: str) -> str:
    entries = archive.history.entries(reference_id=reference_id)
    return f"the reference was {entries[-1].action} on {entries[-1].utc[:10]}" if entries else "the reference is new"


def correction_note(rechecked: Rechecked) -> str:
    """Write what changed as a note that can be published, in Markdown; it says nothing about intent."""
    case, release = rechecked.case, rechecked.case.release
    who = f" of {_plain(quoted(release.publisher))}" if release.publisher else ""
    lines = [
        f"# Correction to the report {release.id}",
        "",
        f"The release {_plain(quoted(release.title or release.id))}{who} was checked on {case.checked_utc[:10]}, and "
        f"was last compared with the archive in its state {case.snapshot_id}. On {utc_now()[:10]} it was compared "
        f"again by verify {verify.__version__}, with {counted(rechecked.compared, 'reference')}; "
        f"the archive's state is {rechecked.snapshot_id} now.",
        "",
    ]
    for change in rechecked.changes:
        lines += [f"**{change.kind.value.capitalize()}** ({_plain(change.why)})", ""]
        if change.before is not None:
            lines += [f"Before: {_plain(change.before)}", ""]
        if change.now is not None:
            lines += [f"Now: {_plain(change.now)}", ""]
        if change.kind is ChangeKind.WITHDRAWN:
            lines += ["Nothing is stated about this passage and this reference any more.", ""]
    lines += [
        f"SHA-256 of the release's video: {release.sha256}",
        "",
        "No other finding of that report is changed by this. Statements say where and when footage was seen before; "
        "why it is shown again is not said here.",
        "",
    ]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Keep a quoted text from acting as Markdown."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>#|" else letter for letter in text.replace("\n", " "))
