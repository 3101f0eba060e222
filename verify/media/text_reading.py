"""Read the text that is shown in still pictures: captions, title cards, marks of agencies.

The extra `ocr` brings RapidOCR, whose models lie in its package. They run in a worker process, which fetches nothing.
What it reads is quoted in the report: a machine's reading, often wrong, of letters that anybody may have written there.
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from verify.acquire.texts import clean_text
from verify.errors import ToolMissingError
from verify.media.watchdog import Watchdog
from verify.model import TextInPicture
from verify.processes import BrokenMessageError, Worker, receive_message, send_message

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from verify.model import Progress

#: What the models know: whatever else is written there is left out or taken for these.
READ_SCRIPTS = "Latin letters, Chinese characters and Japanese kana"
INSTALL = "pip install 'rapidocr>=3.10'"
MAX_LINES, MAX_CHARACTERS, MAX_CHARACTERS_IN_ALL = 100, 500, 100_000

_PACKAGE = "rapidocr"
#: Before it, the package asked for a build of OpenCV that must not be installed beside the one used here.
_OLDEST = (3, 10)
_WORKER_MODULE = "verify.media.text_worker"
_START_LIMIT_S, _PICTURE_LIMIT_S = 120.0, 120.0
_MAX_PROBLEM_CHARACTERS = 200
_BOX_DIGITS, _CONFIDENCE_DIGITS = 4, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureTexts:
    """What was read in some pictures: `texts` has one tuple for each, its lines from top to bottom.

    `reader` names the program and the models. `problem` says why nothing was read, in a user's words; then `texts` is
    empty, for a part of the pictures would pass for all.
    """

    texts: tuple[tuple[TextInPicture, ...], ...] = ()
    reader: str = ""
    problem: str = ""


class _Line(msgspec.Struct, frozen=True):
    """A line as the worker sends it; the box is in fractions of the picture."""

    text: str
    confidence: float
    left: float
    top: float
    width: float
    height: float


def find_text_reader() -> str:
    """Return name and version of the text reader.

    Raises
    ------
    ToolMissingError
        It is not installed, or is older than what is needed.
    """
    try:
        version = importlib.metadata.version(_PACKAGE)
    except importlib.metadata.PackageNotFoundError as error:
        raise ToolMissingError(
            "the text reader", "RapidOCR is not installed (the extra 'ocr')", f"Install it: {INSTALL}"
        ) from error
    known = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if known < _OLDEST:
        raise ToolMissingError("the text reader", f"RapidOCR {version} is too old", f"Install a newer one: {INSTALL}")
    return f"{_PACKAGE} {version}"


def read_texts(pictures: Sequence[Path], progress: Progress) -> PictureTexts:
    """Read the text in JPEG files.

    Parameters
    ----------
    pictures
        Files that this program wrote; their content is still what strangers filmed.

    Returns
    -------
    PictureTexts
        With `problem` where the reader failed on any of them.
    """
    with Worker(_WORKER_MODULE) as worker:
        asking = _Asking(worker)
        progress.start("reading text", len(pictures), "pictures")
        try:
            reader = asking.begin()
            texts = []
            for picture in pictures:
                texts.append(asking.lines_of(picture))
                progress.advance(1)
        except (_FailedError, BrokenMessageError, OSError, msgspec.ValidationError) as error:
            return PictureTexts(problem=asking.reason(error))
        finally:
            progress.finish()
    return PictureTexts(texts=_bounded(texts), reader=reader)


class _FailedError(Exception):
    """The worker said, or showed by its end, that it cannot go on; the message is in a user's words."""


class _Asking:
    """A conversation with the worker, in which every answer has its time."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._is_late = False
        self._watchdog = Watchdog(self._end)

    def begin(self) -> str:
        """Wait until the models are loaded; returns the reader's name."""
        answer = self._answer(_START_LIMIT_S)
        name = clean_text(answer.get("reader"), _MAX_PROBLEM_CHARACTERS)
        if name is None:
            raise _FailedError("it does not say what it is")
        return name

    def lines_of(self, picture: Path) -> tuple[TextInPicture, ...]:
        """Return what is read in one picture."""
        send_message(self._worker.input, {"path": str(picture.resolve())})
        lines = msgspec.convert(self._answer(_PICTURE_LIMIT_S).get("lines"), list[_Line])
        return tuple(text for text in map(_text, lines[:MAX_LINES]) if text is not None)

    def reason(self, error: Exception) -> str:
        """Say why the conversation ended, in a user's words."""
        code = self._worker.exit_code() if not isinstance(error, _FailedError) else None
        if self._is_late:
            return "it took too long"
        if code is not None and code < 0:
            return f"it was ended by signal {-code}"
        if "MemoryError" in self._worker.stderr_tail():
            return "it ran out of memory"
        return str(error) if isinstance(error, _FailedError) else "it ended without an answer that makes sense"

    def _answer(self, limit_s: float) -> dict[str, Any]:
        with self._watchdog.watching(limit_s):
            received = receive_message(self._worker.output)
        if received is None:
            raise BrokenMessageError("the worker ended")
        problem = clean_text(received[0].get("problem"), _MAX_PROBLEM_CHARACTERS)
        if problem:
            raise _FailedError(problem)
        return received[0]

    def _end(self) -> None:
        self._is_late = True
        self._worker.kill()


def _text(line: _Line) -> TextInPicture | None:
    """Turn a line into what is told of it; None for what is no help: a single letter, as a ring is taken for."""
    text = clean_text(line.text, MAX_CHARACTERS)
    if text is None or (len(text) == 1 and text.isascii()):
        return None
    left, top = _fraction(line.left), _fraction(line.top)
    return TextInPicture(
        text=text,
        confidence=_fraction(line.confidence, _CONFIDENCE_DIGITS),
        left=left,
        top=top,
        width=_fraction(min(line.width, 1.0 - left)),
        height=_fraction(min(line.height, 1.0 - top)),
    )


def _fraction(value: float, digits: int = _BOX_DIGITS) -> float:
    """Bring a number into 0..1; NaN, which compares false with everything, becomes 0."""
    return round(min(value, 1.0), digits) if value > 0 else 0.0


def _bounded(texts: Sequence[tuple[TextInPicture, ...]]) -> tuple[tuple[TextInPicture, ...], ...]:
    """Leave out what comes after so many characters in all."""
    left = MAX_CHARACTERS_IN_ALL
    bounded = []
    for lines in texts:
        kept = []
        for line in lines:
            left -= len(line.text)
            if left >= 0:
                kept.append(line)
        bounded.append(tuple(kept))
    return tuple(bounded)
