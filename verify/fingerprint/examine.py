"""Examine a video in one pass: sample it, fingerprint every sample, divide it into shots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from verify.errors import UnreadableMediaError
from verify.fingerprint.registry import Fingerprinter
from verify.media.reader import open_video
from verify.media.shots import find_shots, look

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from verify.model import DecodeOutcome, FingerprintSet, MediaInfo, Progress, SampledFrame, Shot

#: Frames per second that are sampled of a release, besides both sides of every cut. A cut of one second has eight.
QUERY_SAMPLES_PER_SECOND = 8.0
#: Frames per second that are sampled of a reference.
REFERENCE_SAMPLES_PER_SECOND = 4.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examination:
    """What one pass over a video gave. Fingerprints are by algorithm, of the frames as shown and mirrored."""

    info: MediaInfo
    outcome: DecodeOutcome
    shots: tuple[Shot, ...]
    plain: Mapping[str, FingerprintSet]
    mirrored: Mapping[str, FingerprintSet]


def examine(
    path: Path,
    samples_per_second: float,
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
    fingerprinter = Fingerprinter()
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
        plain=fingerprinter.plain(),
        mirrored=fingerprinter.mirrored(),
    )
