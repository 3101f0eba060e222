"""The language that texts for readers are written in: English in the code, others from catalogues of gettext.

What is recorded (report.json, logs) is English always. A readable form can be in another language: inside
`speaking('fr')`, `_` and `ngettext` give the catalogue's text, and the English one where it has none. A sentence that
was recorded as it stands in the code can be translated too: `translated_sentence`.
"""

from __future__ import annotations

import gettext
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "translations"
_DOMAIN = "verify"


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """A language that readable forms can be in: its code (BCP 47), its own name, and where its lines begin.

    `thousands` stands between the thousands of a number; the decimal mark is a point in all of them.
    """

    code: str
    name: str
    direction: str = "ltr"
    thousands: str = ","


ENGLISH = Language(code="en", name="English")
LANGUAGES = {
    language.code: language
    for language in (
        ENGLISH,
        Language(code="fr", name="Français", thousands="\u202f"),
        Language(code="ur", name="اردو", direction="rtl"),
    )
}
_spoken: ContextVar[Language] = ContextVar("language", default=ENGLISH)
# Texts that were wanted inside `speaking` and stayed in English.
_kept: ContextVar[set[str] | None] = ContextVar("kept", default=None)


@contextmanager
def speaking(code: str) -> Iterator[Language]:
    """Have texts inside the block in another language; raises KeyError for one that is not in `LANGUAGES`."""
    token, kept = _spoken.set(LANGUAGES[code]), _kept.set(set())
    try:
        yield LANGUAGES[code]
    finally:
        _spoken.reset(token)
        _kept.reset(kept)


def spoken() -> Language:
    """Return the language that texts are in at present."""
    return _spoken.get()


def _(message: str) -> str:
    """Translate a text. Placeholders are filled in afterwards: `_("{count} of {total}").format(count=1, total=2)`."""
    # The empty message stands for the head of the catalogue.
    return _catalogue(_spoken.get().code).gettext(message) if message else ""


def ngettext(singular: str, plural: str, count: int) -> str:
    """Translate a text that depends on a count; placeholders are filled in afterwards."""
    return _catalogue(_spoken.get().code).ngettext(singular, plural, count)


def marked(message: str) -> str:
    """Return a text as it is, and have it in the catalogues: it is recorded now and translated when it is read."""
    return message


def translated_sentence(recorded: str) -> str:
    """Translate a whole text that was recorded in English; one that no catalogue has stays as it is."""
    if _spoken.get() == ENGLISH or not recorded:
        return recorded
    translation = _(recorded)
    return keep_english(recorded) if translation == recorded else translation


def keep_english(recorded: str) -> str:
    """Return a text that stays in English inside another language, and remember that it does."""
    kept = _kept.get()
    if kept is not None and _spoken.get() != ENGLISH:
        kept.add(recorded)
    return recorded


def is_kept_english(text: str) -> bool:
    """Whether a text was left in English since the innermost `speaking` began."""
    return text in (_kept.get() or ())


@lru_cache
def _catalogue(code: str) -> gettext.NullTranslations:
    if code == ENGLISH.code:
        return gettext.NullTranslations()
    return gettext.translation(_DOMAIN, _FOLDER, languages=[code])
