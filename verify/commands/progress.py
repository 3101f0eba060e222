"""Progress on standard error: a bar with rate and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tqdm import tqdm

_PLAIN_INTERVAL_S = 5.0
_LABEL_CHARACTERS = 40


class TerminalProgress:
    """Draws the running stage as one bar (tqdm), which goes when the stage ends."""

    def __init__(self) -> None:
        self._bar: tqdm[None] | None = None

    def start(self, label: str, total: float | None, unit: str) -> None:
        """Begin a stage of `total` units."""
        from tqdm import tqdm  # noqa: PLC0415 - only when something is drawn

        self.finish()
        is_bytes = unit == "B"
        # Rounded, because half a second of video more or less is no news; bytes get their binary prefixes.
        layout = "{desc} {percentage:3.0f}% |{bar}| {n:.0f}/{total:.0f} {unit}, {rate_fmt}, {remaining} left"
        self._bar = tqdm(
            desc=_plain(label),
            total=total,
            unit=unit,
            unit_scale=is_bytes,
            unit_divisor=1024,
            leave=False,
            file=sys.stderr,
            dynamic_ncols=True,
            bar_format=layout if total and not is_bytes else None,
        )

    def advance(self, amount: float) -> None:
        """Add to the running stage."""
        if self._bar is not None:
            self._bar.update(amount)

    def finish(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class PlainProgress:
    """Writes a line when a stage begins and every few seconds, for logs and pipes."""

    def __init__(self) -> None:
        self._label = ""
        self._total: float | None = None
        self._unit = ""
        self._done = 0.0
        self._began = self._told = 0.0

    def start(self, label: str, total: float | None, unit: str) -> None:
        """Begin a stage of `total` units."""
        self._label, self._total, self._unit, self._done = _plain(label), total, unit, 0.0
        self._began = self._told = time.monotonic()

    def advance(self, amount: float) -> None:
        """Add to the running stage, and tell if it is time."""
        self._done += amount
        now = time.monotonic()
        if now - self._told >= _PLAIN_INTERVAL_S:
            self._told = now
            self._tell(now - self._began)

    def finish(self) -> None:
        """End the running stage."""
        self._label = ""

    def _tell(self, elapsed_s: float) -> None:
        rate = self._done / elapsed_s
        scale, unit = (1024 * 1024, "MiB") if self._unit == "B" else (1, self._unit)
        text = f"{self._label}: {self._done / scale:.0f}"
        if self._total:
            text += f" of {self._total / scale:.0f}"
        text += f" {unit}, {rate / scale:.1f} {unit}/s"
        if self._total and rate > 0:
            text += f", {max(0.0, self._total - self._done) / rate:.0f} s left"
        click.echo(text, err=True)


def make_progress() -> TerminalProgress | PlainProgress:
    """Return the progress display that suits standard error."""
    # Without a standard error at all, as under some schedulers, there is None.
    return TerminalProgress() if sys.stderr and sys.stderr.isatty() else PlainProgress()


def _plain(label: str) -> str:
    """Shorten a label, which may be a hostile file name, and leave out what could act on a terminal."""
    return "".join(character for character in label if character.isprintable())[:_LABEL_CHARACTERS]
