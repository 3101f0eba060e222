"""Small words: how times, rates, numbers and other people's texts are written in a finding."""

from __future__ import annotations

import math
import unicodedata

# Between these the eye sees normal speed, and an alignment cannot tell either.
_NORMAL_RATE_TOLERANCE = 0.02
_NAMED_RATES = {
    0.25: "a quarter of its speed",
    0.5: "half speed",
    2.0: "double speed",
    4.0: "four times its speed",
}
_NAMED_RATE_TOLERANCE = 0.06
_LEAST_PERCENT = 0.001
_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_RIGHT_TO_LEFT = frozenset(("R", "AL", "AN"))
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"


def timecode(seconds: float) -> str:
    """Write a time as '0:14.25', or '1:02:03.50' from one hour on, rounded to hundredths of a second."""
    if not math.isfinite(seconds):
        raise ValueError(f"not a time: {seconds}")
    hundredths = round(abs(seconds) * 100)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if seconds < 0 and hundredths else ""
    clock = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{sign}{clock}:{rest // 100:02d}.{rest % 100:02d}"


def seconds_words(seconds: float) -> str:
    """Write a length as '1 second', '12.5 seconds', '0.04 seconds': one decimal, two below a second, no idle zeros."""
    text = f"{seconds:.2f}" if abs(seconds) < 1 else f"{seconds:.1f}"
    text = text.rstrip("0").rstrip(".")
    return f"{text} second" if text == "1" else f"{text} seconds"


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """Write a count with its noun: '1 match', '3 matches'; the plural adds an s unless given."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def listed(items: list[str] | tuple[str, ...], conjunction: str = "and") -> str:
    """Join words as a sentence does: 'a', 'a and b', 'a, b and c'."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {conjunction} {items[-1]}"


def rate_words(rate: float) -> str:
    """Say how fast the release shows a reference: 'shown at about half speed (0.50x)'; empty at normal speed.

    `rate` is reference seconds per query second, so 0.5 means that the release shows the reference slowed down, and 0
    that it holds one picture of it.
    """
    if rate == 0:
        return "held as a still picture"
    speed = abs(rate)
    shown = f"{speed:.2f}x"
    backwards = "shown backwards" if rate < 0 else ""
    if abs(speed - 1) <= _NORMAL_RATE_TOLERANCE:
        return backwards
    named = next((name for value, name in _NAMED_RATES.items() if abs(speed / value - 1) <= _NAMED_RATE_TOLERANCE), "")
    words = f"at about {named or f'{speed:.0%} of its speed'} ({shown})"
    return f"{backwards} {words}" if backwards else f"shown {words}"


def share_words(share: float) -> str:
    """Write a share of 0..1 as '45%', '2.4%' or '0.3%': two figures, whole from ten per cent on."""
    percent = 100 * share
    if percent >= 10 or percent == 0:
        return f"{percent:.0f}%"
    return f"{percent:.2g}%" if percent >= _LEAST_PERCENT else f"less than {_LEAST_PERCENT}%"


def about_share(share: float) -> str:
    """Write a share of 0..1 that was read off a picture as 'about 45%', to the nearest five per cent."""
    percent = 100 * share
    return f"about {max(5 * round(percent / 5), 5) if percent > 4 else max(round(percent), 1)}%"


def quoted(text: str, limit: int = 120) -> str:
    """Put another's text in quotation marks so that it can stand in a sentence, a terminal or a log.

    White space is folded, control and direction characters are taken out, and what is longer than `limit` characters
    ends in an ellipsis. A text with right-to-left letters is isolated, so it cannot reorder the words around it.
    """
    folded = " ".join(text.split())
    kept = "".join(
        letter for letter in folded if letter not in _BIDI_CONTROLS and unicodedata.category(letter) not in ("Cc", "Cs")
    )
    if len(kept) > limit:
        kept = kept[: limit - 1].rstrip() + "…"
    if any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in kept):
        kept = f"{_FIRST_STRONG_ISOLATE}{kept}{_POP_ISOLATE}"
    return f"'{kept}'"
