"""Small words: how times, rates, numbers and other people's texts are written in a finding."""

from __future__ import annotations

import math
import unicodedata
from typing import TYPE_CHECKING

from verify.translation import _, marked, ngettext, spoken

if TYPE_CHECKING:
    from collections.abc import Iterable

    from verify.model import Interval

# Between these the eye sees normal speed, and an alignment cannot tell either.
_NORMAL_RATE_TOLERANCE = 0.02
_NAMED_RATES = {
    0.25: marked("a quarter of its speed"),
    0.5: marked("half speed"),
    2.0: marked("double speed"),
    4.0: marked("four times its speed"),
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


def span_words(interval: Interval) -> str:
    """Write a span of time as '0:14.25 to 0:17.50'."""
    start, end = (isolated(timecode(time_s)) for time_s in (interval.start_s, interval.end_s))
    return _("{start} to {end}").format(start=start, end=end)


def seconds_number(seconds: float) -> str:
    """Write the figure of a length in seconds: one decimal, two below a second, no idle zeros."""
    text = f"{seconds:.2f}" if abs(seconds) < 1 else f"{seconds:.1f}"
    return text.rstrip("0").rstrip(".")


def seconds_words(seconds: float) -> str:
    """Write a length as '1 second', '12.5 seconds', '0.04 seconds'."""
    number = seconds_number(seconds)
    return ngettext("{number} second", "{number} seconds", 1 if number == "1" else 2).format(number=number)


def grouped(count: int) -> str:
    """Write a count with its thousands parted as the language does: '1,240'."""
    return f"{count:,}".replace(",", spoken().thousands)


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """Write a count with its English noun: '1 match', '3 matches'; the plural adds an s unless given."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def listed(items: list[str] | tuple[str, ...]) -> str:
    """Join words as a sentence does: 'a', 'a and b', 'a, b and c'."""
    if len(items) < 2:
        return "".join(items)
    return _("{items} and {last}").format(items=in_a_row(items[:-1]), last=items[-1])


def in_a_row(items: Iterable[str]) -> str:
    """Join words by commas: 'a, b, c'."""
    return _comma().join(items)


def in_parts(items: Iterable[str]) -> str:
    """Join parts of a sentence by semicolons: 'a; b; c'."""
    return _("{first}; {second}").format(first="", second="").join(items)


def _comma() -> str:
    return _("{first}, {second}").format(first="", second="")


def rate_words(rate: float) -> str:
    """Say how fast the release shows a reference: 'shown at about half speed (0.50x)'; empty at normal speed.

    `rate` is reference seconds per query second, so 0.5 means that the release shows the reference slowed down, and 0
    that it holds one picture of it.
    """
    if rate == 0:
        return _("held as a still picture")
    speed = abs(rate)
    if abs(speed - 1) <= _NORMAL_RATE_TOLERANCE:
        return _("shown backwards") if rate < 0 else ""
    named = next((name for value, name in _NAMED_RATES.items() if abs(speed / value - 1) <= _NAMED_RATE_TOLERANCE), "")
    words = _(named) or _("{percent} of its speed").format(percent=_percent(f"{100 * speed:.0f}"))
    shown = _("shown backwards at about {speed} ({rate}x)") if rate < 0 else _("shown at about {speed} ({rate}x)")
    return shown.format(speed=words, rate=f"{speed:.2f}")


def share_words(share: float) -> str:
    """Write a share of 0..1 as '45%', '2.4%' or '0.3%': two figures, whole from ten per cent on."""
    percent = 100 * share
    if percent >= 10 or percent == 0:
        return _percent(f"{percent:.0f}")
    if percent >= _LEAST_PERCENT:
        return _percent(f"{percent:.2g}")
    return _("less than {percent}").format(percent=_percent(str(_LEAST_PERCENT)))


def about_share(share: float) -> str:
    """Write a share of 0..1 that was read off a picture as 'about 45%', to the nearest five per cent."""
    percent = 100 * share
    number = max(5 * round(percent / 5), 5) if percent > 4 else max(round(percent), 1)
    return _("about {percent}").format(percent=_percent(str(number)))


def _percent(number: str) -> str:
    return _("{number}%").format(number=number)


def isolated(text: str) -> str:
    """Keep a text of left-to-right writing (a time, a date, an id) in order where lines run from right to left."""
    return f"{_FIRST_STRONG_ISOLATE}{text}{_POP_ISOLATE}" if spoken().direction == "rtl" and text else text


def quoted(text: str, limit: int = 120) -> str:
    """Put another's text in quotation marks so that it can stand in a sentence, a terminal or a log; see `cleaned`."""
    return _("'{text}'").format(text=cleaned(text, limit))


def cleaned(text: str, limit: int = 120) -> str:
    """Make another's text fit to stand in a sentence.

    White space is folded, control and direction characters are taken out, and what is longer than `limit` characters
    ends in an ellipsis. A text with right-to-left letters is isolated, so it cannot reorder the words around it; in a
    language that runs from right to left every text is.
    """
    folded = " ".join(text.split())
    kept = "".join(
        letter for letter in folded if letter not in _BIDI_CONTROLS and unicodedata.category(letter) not in ("Cc", "Cs")
    )
    if len(kept) > limit:
        kept = kept[: limit - 1].rstrip() + "…"
    if any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in kept):
        return f"{_FIRST_STRONG_ISOLATE}{kept}{_POP_ISOLATE}"
    return isolated(kept)
