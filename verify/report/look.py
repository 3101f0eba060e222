"""How the forms of a report that is there look, so that they can be made anew like that."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from verify.errors import InvalidUsageError
from verify.evidence.custody_log import REPORT_WRITTEN, named_file
from verify.report.options import RenderOptions
from verify.translation import LANGUAGES

if TYPE_CHECKING:
    from verify.model import CustodyEvent

_WORDS = re.compile(r"language ([A-Za-z-]{1,20})(, blurred)?(, without pictures)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookChange:
    """What is to look otherwise than it did; None: as it was."""

    language: str | None = None
    is_blurred: bool | None = None
    has_pictures: bool | None = None

    def applied(self, look: RenderOptions) -> RenderOptions:
        """Return a look with what is to be otherwise."""
        return replace(
            look,
            language=look.language if self.language is None else self.language,
            is_blurred=look.is_blurred if self.is_blurred is None else self.is_blurred,
            has_pictures=look.has_pictures if self.has_pictures is None else self.has_pictures,
        )


def look_words(look: RenderOptions) -> str:
    """Say how a form looks, for the event that tells of it; `known_look` reads it."""
    words = f"language {look.language}"
    words += ", blurred" if look.is_blurred else ""
    return words + ("" if look.has_pictures else ", without pictures")


def known_look(file_name: str, events: Iterable[CustodyEvent], command: Sequence[str]) -> RenderOptions:
    """Return how a form of a report looks, as the last event that tells of it says, else as the command line does.

    Parameters
    ----------
    events
        Those of the case's later log, none if it is not known.
    command
        The command line that the report was made by.
    """
    details = [event.detail for event in events if event.action == REPORT_WRITTEN and named_file(event) == file_name]
    said = _WORDS.fullmatch(details[-1].removeprefix(f"{file_name}: ")) if details else None
    if said:
        return RenderOptions(language=said[1], is_blurred=bool(said[2]), has_pictures=not said[3])
    return _look_of(command)


def checked_look(look: RenderOptions, file_name: str) -> RenderOptions:
    """Return a look; raises InvalidUsageError if there is no such language here."""
    if look.language not in LANGUAGES:
        raise InvalidUsageError(
            file_name,
            f"is in the language {look.language!r}, which this program does not have",
            f"Choose one with --language: {', '.join(LANGUAGES)}.",
        )
    return look


def _look_of(command: Sequence[str]) -> RenderOptions:
    """Read a look off a command line; a text that only happens to be an option's name errs towards hiding."""
    language = "en"
    for word, following in zip(command, (*command[1:], ""), strict=True):
        if word == "--language":
            language = following
        elif word.startswith("--language="):
            language = word.partition("=")[2]
    return RenderOptions(language=language, is_blurred="--blur" in command, has_pictures="--no-pictures" not in command)
