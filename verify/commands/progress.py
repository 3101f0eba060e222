"""Progress on standard error: a bar with rate and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tqdm import tqdm

_PLAIN_INTERVAL_S = 5.0
_BAR_INTERVAL_S = 0.2
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


class RunProgress:
    """A run over many references: how many are done, how much footage an hour, and how long it will take.

    Drawn as one bar on a terminal, else told in a line every few seconds. With one reference only, its own stages are
    shown instead.

    Parameters
    ----------
    total
        References of the run.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = self._failed = self._worked = 0
        self._footage_s = 0.0
        self._stages: list[RunStage] = []
        self._began = self._told = self._counted = time.monotonic()
        self._spent_on_known_s = 0.0
        self._is_terminal = bool(sys.stderr and sys.stderr.isatty())
        self._bar: tqdm[None] | None = None

    def stage(self) -> TerminalProgress | PlainProgress | RunStage:
        """Make the display for what one process does, one video after the other."""
        if self._total == 1:
            return make_progress()
        stage = RunStage(self)
        self._stages.append(stage)
        return stage

    def tell(self, text: str) -> None:
        """Write a line above the bar."""
        if self._bar is not None:
            self._bar.clear()
        click.echo(text, err=True)
        if self._bar is not None:
            self._bar.refresh()

    def count(self, *, failed: bool, recognised: bool) -> None:
        """Count a reference that is done; one that was recognised says nothing of how long the rest will take."""
        now = time.monotonic()
        if recognised and not any(stage.is_running for stage in self._stages):
            self._spent_on_known_s += now - self._counted
        self._counted = now
        self._done += 1
        self._failed += failed
        self._worked += not recognised
        self.look()

    def add_footage(self, amount_s: float) -> None:
        """Count footage that was examined."""
        self._footage_s += amount_s
        self.look()

    def look(self) -> None:
        """Show how far it is, if it is time."""
        now = time.monotonic()
        interval_s = _BAR_INTERVAL_S if self._is_terminal else _PLAIN_INTERVAL_S
        if self._total == 1 or now - self._told < interval_s:
            return
        self._told = now
        if self._is_terminal:
            self._draw(now)
        else:
            click.echo(self._words(now), err=True)

    def finish(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _draw(self, now: float) -> None:
        from tqdm import tqdm  # noqa: PLC0415 - only when something is drawn

        if self._bar is None:
            layout = "{percentage:3.0f}% |{bar:20}| {desc}"
            self._bar = tqdm(total=self._total, leave=False, file=sys.stderr, dynamic_ncols=True, bar_format=layout)
        self._bar.n = self._done
        self._bar.set_description_str(self._words(now))

    def _words(self, now: float) -> str:
        elapsed_s = max(now - self._began - self._spent_on_known_s, 1e-3)
        text = f"{self._done} of {self._total} references, {self._footage_s / elapsed_s:.1f} hours of footage an hour"
        worked = self._worked + sum(stage.share for stage in self._stages)
        if worked > 0:
            text += f", {_rough(elapsed_s / worked * max(0.0, self._total - self._done - worked + self._worked))} left"
        return text + (f", {self._failed} failed" if self._failed else "")


class RunStage:
    """What one process of a run is at; nothing is drawn of it but its part of the run."""

    def __init__(self, run: RunProgress) -> None:
        self._run = run
        self._total = self._done = 0.0
        self._is_footage = False
        self.is_running = False

    @property
    def share(self) -> float:
        """How much of the running video is done, 0..1, as far as its declared length tells."""
        return min(self._done / self._total, 1.0) if self._total > 0 else 0.0

    def start(self, label: str, total: float | None, unit: str) -> None:  # noqa: ARG002 - the protocol's
        """Begin a stage; only footage is counted, not what is downloaded."""
        self.is_running = True
        self._is_footage = unit == "s"
        self._total, self._done = (total or 0.0) if self._is_footage else 0.0, 0.0
        self._run.look()

    def advance(self, amount: float) -> None:
        """Add to the running stage."""
        if self._is_footage:
            self._done += amount
            self._run.add_footage(amount)
        else:
            self._run.look()

    def finish(self) -> None:
        """End the running stage."""
        self.is_running = self._is_footage = False
        self._total = self._done = 0.0


def _rough(seconds: float) -> str:
    """Write a length of time that is only estimated."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"


def make_progress() -> TerminalProgress | PlainProgress:
    """Return the progress display that suits standard error."""
    # Without a standard error at all, as under some schedulers, there is None.
    return TerminalProgress() if sys.stderr and sys.stderr.isatty() else PlainProgress()


def _plain(label: str) -> str:
    """Shorten a label, which may be a hostile file name, and leave out what could act on a terminal."""
    return "".join(character for character in label if character.isprintable())[:_LABEL_CHARACTERS]
