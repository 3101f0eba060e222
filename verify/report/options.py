"""How a report is to look, whatever it says; and what a form of it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verify.model import Annotation


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """What the user wants of the readable forms.

    `language` is a code of `verify.translation.LANGUAGES`. With `is_blurred` every picture is blurred until it is asked
    for; without `has_pictures` no picture is shown, nor lies beside the report. `annotations` are what people added, by
    number.
    """

    language: str = "en"
    is_blurred: bool = False
    has_pictures: bool = True
    annotations: tuple[Annotation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A form of a report, and what its user should know of it: characters that no font has, for example."""

    content: bytes
    notes: tuple[str, ...] = ()
