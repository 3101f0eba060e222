"""Examine a video in one pass: sample it, fingerprint every sample, divide it into shots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from verify.errors import UnreadableMediaError
from verify.fingerprint.fingerprinter import QUERY_VIEWS, REFERENCE_VIEWS, Fingerprinter
from verify.media.reader import open_video
from verify.media.shots import find_shots, look

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from verify.fingerprint.fingerprinter import Fingerprints
    from verify.model import DecodeOutcome, MediaInfo, Progress, SampledFrame, Shot, Transform

#: Frames per second that are sampled of a release, besides both sides of every cut. A cut of one second has eight.
QUERY_SAMPLES_PER_SECOND = 8.0
#: Frames per second that are sampled of a reference.
REFERENCE_SAMPLES_PER_SECOND = 4.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examination:
    """What one pass over a video gave. Fingerprints are by view, then by algorithm."""

    info: MediaInfo
    outcome: DecodeOutcome
    shots: tuple[Shot, ...]
    fingerprints: Mapping[Transform, Fingerprints]


def examine(
    path: Path,
    *,
    samples_per_second: float,
    views: tuple[Transform, ...],
    progress: Progress,
    label: str,
    also: Callable[[SampledFrame], None] | None = None,
) -> Examination:
    """Decode, sample and fingerprint the video at `path`.

    Parameters
    ----------
    label
        What the progress display calls this stage.
    also
        Takes every sampled frame besides, in order of time.

    Raises
    ------
    UnreadableMediaError, NoUsableFramesError
        The file is no video that can be decoded.
    """
    fingerprinter = Fingerprinter(views)
    looks = []
    with open_video(path, samples_per_second) as reader:
        progress.start(label, reader.info.duration_s, "s")
        for frame in reader.frames(progress):
            fingerprinter.add(frame)
            looks.append(look(frame))
            if also:
                also(frame)
        progress.finish()
        info, outcome = reader.info, reader.outcome
    if outcome is None:
        raise UnreadableMediaError(path.name, "the decoder did not say how it ended", "Run the command again.")
    return Examination(
        info=info,
        outcome=outcome,
        shots=find_shots(looks, outcome),
        fingerprints=fingerprinter.fingerprints(),
    )


def examine_query(path: Path, progress: Progress, label: str) -> Examination:
    """Examine a release: densely, in every view."""
    return examine(path, samples_per_second=QUERY_SAMPLES_PER_SECOND, views=QUERY_VIEWS, progress=progress, label=label)


def examine_reference(
    path: Path, progress: Progress, label: str, also: Callable[[SampledFrame], None] | None = None
) -> tuple[Examination, Fingerprints]:
    """Examine a reference, and return the fingerprints that are archived of it besides."""
    examination = examine(
        path,
        samples_per_second=REFERENCE_SAMPLES_PER_SECOND,
        views=REFERENCE_VIEWS,
        progress=progress,
        label=label,
        also=also,
    )
    return examination, examination.fingerprints[REFERENCE_VIEWS[0]]
