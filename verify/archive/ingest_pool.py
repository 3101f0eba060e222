"""Add many videos with several worker processes: they get and examine, this process alone writes to the archive."""

from __future__ import annotations

import shutil
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Self

import msgspec

from verify import errors
from verify.archive.ingest import add_staged, lacks_descriptors
from verify.archive.ingest_worker import STAGED_NAME, options_message
from verify.archive.obtaining import temporary_folder
from verify.archive.recognition import check_addable, recognised_by_address, recognised_by_bytes
from verify.archive.store import Archive
from verify.errors import UnreadableMediaError, VerifyError
from verify.model import DecodeOutcome, Reference
from verify.processes import BrokenMessageError, Worker, receive_message, send_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from verify.acquire.options import AcquisitionOptions
    from verify.archive.linking import CopyRule
    from verify.archive.manifest import ManifestRow
    from verify.archive.recognition import Addition
    from verify.model import Progress

    Message = dict[str, Any]
    #: Number of a row, and what became of it.
    Result = tuple[int, Addition | VerifyError]

_MODULE = "verify.archive.ingest_worker"
#: A worker that says nothing for this long is taken for stuck; while it gets a video, the time that this may take more.
SILENCE_S = 600.0
_LOOK_EVERY_S = 1.0
_ERRORS = {
    name: each for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, VerifyError)
}
_STDERR_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class AddingRules:
    """How videos are to be added: as the parameters of `verify.archive.ingest.add_video` say.

    `descriptor` is the file of the learned descriptor and its SHA-256, None for none.
    """

    options: AcquisitionOptions
    with_proxy: bool = True
    keep_media: bool = False
    forgotten_too: bool = False
    descriptor: tuple[Path, str] | None = None
    copy_rule: CopyRule | None = None


@dataclass(slots=True, eq=False)
class _Slot:
    """A worker process, and the video that it is at: number of its row, what is told of it, and its folder."""

    worker: Worker
    progress: Progress
    row: ManifestRow | None = None
    number: int = -1
    reference: Reference | None = None
    name: str = ""
    sha256: str = ""
    folder: Path | None = None
    is_examining: bool = False
    is_answered: bool = False
    heard_s: float = field(default_factory=time.monotonic)


class IngestPool:
    """Worker processes that get and examine videos for an open archive. Use as a context manager.

    Parameters
    ----------
    progress
        Makes the display of one worker's stages.
    """

    def __init__(self, archive: Archive, jobs: int, rules: AddingRules, progress: Callable[[], Progress]) -> None:
        self._archive = archive
        self._rules = rules
        self._make_progress = progress
        self._jobs = jobs
        self._events: SimpleQueue[tuple[_Slot, Message | None]] = SimpleQueue()
        self._slots: list[_Slot] = []
        self._temporary = temporary_folder()

    def __enter__(self) -> Self:
        self._folder = self._temporary.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        for slot in self._slots:
            # All at once, then one after the other.
            with suppress(OSError):
                slot.worker.input.close()
        for slot in self._slots:
            self._discard(slot)
        self._temporary.__exit__(None, None, None)

    def results(self, rows: Sequence[ManifestRow]) -> Iterator[Result]:
        """Add the videos of rows, and yield what became of each, in the order in which that is known."""
        waiting = iter(enumerate(rows))
        is_more = True
        while True:
            while is_more and (slot := self._idle()):
                number, row = next(waiting, (-1, None))
                if row is None:
                    is_more = False
                elif (known := self._before(row)) is not None:
                    yield number, known
                else:
                    self._give(slot, number, row)
            if all(slot.row is None for slot in self._slots):
                return
            yield from self._next_results()

    def _before(self, row: ManifestRow) -> Addition | VerifyError | None:
        """Say what is known of a row before anything is fetched."""
        try:
            return recognised_by_address(self._archive, row.reference, row.source)
        except VerifyError as error:
            return error

    def _idle(self) -> _Slot | None:
        """Return a worker that has nothing to do, started now if there are not enough of them."""
        for slot in self._slots:
            if slot.row is None:
                return slot
        if len(self._slots) >= self._jobs:
            return None
        slot = _Slot(Worker(_MODULE), self._make_progress())
        self._slots.append(slot)
        rules = self._rules
        self._tell(
            slot,
            {
                "kind": "settings",
                "options": options_message(rules.options),
                "with_proxy": rules.with_proxy,
                "keep_media": rules.keep_media,
                "descriptor": str(rules.descriptor[0]) if rules.descriptor else None,
            },
        )
        threading.Thread(target=self._listen, args=(slot,), daemon=True).start()
        return slot

    def _listen(self, slot: _Slot) -> None:
        """Hand on what a worker says, and at last that it says nothing more."""
        with suppress(BrokenMessageError, OSError, ValueError):  # the last: closed meanwhile
            while (message := receive_message(slot.worker.output)) is not None:
                self._events.put((slot, message[0]))
        self._events.put((slot, None))

    def _give(self, slot: _Slot, number: int, row: ManifestRow) -> None:
        slot.row, slot.number, slot.reference, slot.name = row, number, row.reference, row.source
        slot.is_examining = slot.is_answered = False
        slot.heard_s = time.monotonic()
        slot.folder = self._folder / str(number)
        slot.folder.mkdir()
        told = {"source": row.source, "reference": msgspec.to_builtins(row.reference), "folder": str(slot.folder)}
        self._tell(slot, {"kind": "video", **told})

    def _tell(self, slot: _Slot, message: Message) -> None:
        with suppress(OSError):  # that it has ended is noticed by its output
            send_message(slot.worker.input, message)

    def _next_results(self) -> Iterator[Result]:
        """Wait for what a worker says, and yield what follows from it for its row, if anything does."""
        try:
            slot, message = self._events.get(timeout=_LOOK_EVERY_S)
        except Empty:
            yield from self._silent_results()
            return
        if slot not in self._slots:
            return
        slot.heard_s = time.monotonic()
        number, is_answered = slot.number, slot.is_answered
        try:
            result = self._ended(slot) if message is None else self._heard(slot, message)
        except VerifyError as error:
            result = error
        except (KeyError, TypeError, ValueError, AttributeError, msgspec.ValidationError) as error:
            result = self._replaced(slot, f"it sent something that makes no sense ({error})")
        if result is not None and not is_answered:
            slot.is_answered = slot.number == number
            yield number, result

    def _heard(self, slot: _Slot, message: Message) -> Addition | VerifyError | None:
        """Act on a message; returns what became of the worker's video, None if that is not known yet."""
        match message["kind"]:
            case "progress":
                _show(slot.progress, message)
                return None
            case "digest":
                return self._judge(slot, message)
            case "done":
                try:
                    return self._commit(slot, message["outcome"])
                finally:
                    self._free(slot)
            case "skipped":
                self._free(slot)
                return None
            case "error":
                self._free(slot)
                return _ERRORS[message["class"]](message["subject"], message["problem"], message["remedy"])
            case _:
                raise ValueError("an answer of no known kind")

    def _judge(self, slot: _Slot, message: Message) -> Addition | None:
        """Say whether a video whose digest is known is to be examined; if not, what became of it."""
        reference = slot.reference = msgspec.convert(message["reference"], Reference)
        sha256, slot.name = str(message["sha256"]), str(message["name"])
        slot.sha256 = sha256
        slot.is_examining = False
        known = None
        try:
            known = self._known(slot, reference, sha256)
            lacking = known is not None and self._lacks_descriptors(known.reference.id)
            if known is None:
                check_addable(self._archive, reference, slot.name, sha256, forgotten_too=self._rules.forgotten_too)
            slot.is_examining = known is None or lacking
        finally:
            self._tell(slot, {"kind": "decision", "examine": slot.is_examining})
        return None if slot.is_examining else known

    def _known(self, slot: _Slot, reference: Reference, sha256: str) -> Addition | None:
        source = slot.row.source if slot.row else ""
        return recognised_by_bytes(self._archive, reference, sha256) or recognised_by_address(
            self._archive, reference, source
        )

    def _lacks_descriptors(self, reference_id: str) -> bool:
        descriptor = self._rules.descriptor
        return descriptor is not None and lacks_descriptors(self._archive, reference_id, descriptor[1])

    def _commit(self, slot: _Slot, outcome: object) -> Addition:
        """Take over what a worker made."""
        if slot.folder is None or slot.reference is None or slot.row is None:
            raise ValueError("an answer without a request")
        # Another worker may have added it from the same address meanwhile, encoded differently.
        if self._archive.reference_with_digest(slot.sha256) is None:
            known = recognised_by_address(self._archive, slot.reference, slot.row.source)
            if known is not None:
                return known
        with Archive.open(slot.folder / STAGED_NAME) as staged:
            return add_staged(
                self._archive,
                staged,
                slot.reference,
                msgspec.convert(outcome, DecodeOutcome | None),
                name=slot.name,
                forgotten_too=self._rules.forgotten_too,
                copy_rule=self._rules.copy_rule,
            )

    def _free(self, slot: _Slot) -> None:
        slot.progress.finish()
        if slot.folder is not None:
            shutil.rmtree(slot.folder, ignore_errors=True)
        slot.row = slot.folder = slot.reference = None

    def _silent_results(self) -> Iterator[Result]:
        """End workers that have said nothing for too long."""
        for slot in list(self._slots):
            getting_s = 0.0 if slot.is_examining else self._rules.options.limits.max_seconds
            silent_s = time.monotonic() - slot.heard_s
            if slot.row is not None and silent_s > SILENCE_S + getting_s:
                number, is_answered = slot.number, slot.is_answered
                error = self._replaced(slot, f"it was stuck, without a word for {silent_s:.0f} s")
                if not is_answered:
                    yield number, error

    def _ended(self, slot: _Slot) -> VerifyError | None:
        """Clear up after a worker that has ended, and say what that means for its video."""
        code = slot.worker.exit_code()
        said = slot.worker.stderr_tail().rpartition("\n")[2][:_STDERR_CHARACTERS]
        reason = f"signal {-code}" if code is not None and code < 0 else said or f"exit code {code}"
        return self._replaced(slot, f"it ended by itself ({reason})")

    def _replaced(self, slot: _Slot, reason: str) -> VerifyError:
        """Take a worker away, so that another is started when it is needed; returns the error for its video."""
        error = UnreadableMediaError(
            slot.name or "a worker process",
            f"the process that examined it did not finish: {reason}",
            "Try this one again by itself; if that fails too, please report it.",
        )
        self._discard(slot)
        self._free(slot)
        return error

    def _discard(self, slot: _Slot) -> None:
        slot.worker.end()
        slot.worker.__exit__(None, None, None)
        if slot in self._slots:
            self._slots = [each for each in self._slots if each is not slot]


def _show(progress: Progress, message: Message) -> None:
    match message["what"]:
        case "start":
            total = message["total"]
            progress.start(str(message["label"]), float(total) if total else None, str(message["unit"]))
        case "advance":
            progress.advance(float(message["amount"]))
        case _:
            progress.finish()
