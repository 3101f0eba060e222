"""Examine a video in one pass: sample it, fingerprint every sample, divide it into shots, and write its proxy."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from verify.errors import UnreadableMediaError
from verify.fingerprint.fingerprinter import QUERY_VIEWS, REFERENCE_VIEWS, Fingerprinter
from verify.fingerprint.key_pictures import QueryPieces, ReferenceFeatures
from verify.fingerprint.motion_signatures import MotionSignatures
from verify.media.proxies import (
    QUERY_PROXY,
    REFERENCE_PROXY,
    ProxyForm,
    ProxyWriter,
)
from verify.media.reader import open_video
from verify.media.shots import ShotClasses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy.typing as npt

    from verify.fingerprint.fingerprinter import Fingerprints
    from verify.fingerprint.key_pictures import QueryPiece
    from verify.fingerprint.learned import Descriptor
    from verify.model import (
        DecodeOutcome,
        DescriptorSet,
        LocalFeatureSet,
        MediaInfo,
        MotionSet,
        Progress,
        SampledFrame,
        Shot,
        Transform,
    )

    Grey = npt.NDArray[np.uint8]

#: Frames per second that are sampled of a release, besides both sides of every cut. A cut of one second has eight.
QUERY_SAMPLES_PER_SECOND = 8.0
#: Frames per second that are sampled of a reference.
REFERENCE_SAMPLES_PER_SECOND = 4.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examination:
    """What one pass over a video gave.

    Fingerprints are by view, then by algorithm. `pieces` are those of a release, `local` the keypoints of a reference,
    `motion` its motion signatures, if a proxy was made, and `descriptors` what a learned descriptor gave for it, if one
    was asked for.
    """

    info: MediaInfo
    outcome: DecodeOutcome
    shots: tuple[Shot, ...]
    fingerprints: Mapping[Transform, Fingerprints]
    pieces: tuple[QueryPiece, ...] = ()
    local: LocalFeatureSet | None = None
    motion: MotionSet | None = None
    descriptors: DescriptorSet | None = None


def examine(
    path: Path,
    *,
    samples_per_second: float,
    views: tuple[Transform, ...],
    progress: Progress,
    label: str,
    also: Callable[[SampledFrame], None] | None = None,
    collect: Callable[[SampledFrame, Grey], None] | None = None,
    proxy: tuple[Path, ProxyForm] | None = None,
    motion: MotionSignatures | None = None,
) -> Examination:
    """Decode, sample and fingerprint the video at `path`.

    Parameters
    ----------
    label
        What the progress display calls this stage.
    also
        Takes every sampled frame besides, in order of time.
    collect
        Takes every sampled frame and its grey picture besides, in order of time.
    proxy
        Proxy to write in the same pass: file and form.
    motion
        Takes the pictures of the proxy besides.

    Raises
    ------
    UnreadableMediaError, NoUsableFramesError
        The file is no video that can be decoded.
    OutputNotWritableError
        The proxy cannot be written.
    """
    fingerprinter = Fingerprinter(views)
    classes = ShotClasses()
    with ExitStack() as stack:
        reader = stack.enter_context(
            open_video(path, samples_per_second, proxy_side_px=proxy[1].side_px if proxy else None)
        )
        writer = stack.enter_context(ProxyWriter(*proxy)) if proxy else None

        def small(time_s: float, picture: Grey) -> None:
            if writer:
                writer.add(time_s, picture)
            if motion:
                motion.add(time_s, picture)

        progress.start(label, reader.info.duration_s, "s")
        for frame in reader.frames(progress, small if writer else None):
            fingerprinter.add(frame)
            grey = np.asarray(cv2.cvtColor(frame.pixels_bgr, cv2.COLOR_BGR2GRAY), np.uint8)
            classes.add(frame, grey)
            if also:
                also(frame)
            if collect:
                collect(frame, grey)
        progress.finish()
        info, outcome = reader.info, reader.outcome
    if outcome is None:
        raise UnreadableMediaError(path.name, "the decoder did not say how it ended", "Run the command again.")
    return Examination(
        info=info,
        outcome=outcome,
        shots=classes.finish(outcome),
        fingerprints=fingerprinter.fingerprints(),
    )


def examine_query(
    path: Path, progress: Progress, label: str, proxy_path: Path | None = None, learned: Descriptor | None = None
) -> Examination:
    """Examine a release: densely, in every view, in pieces with their keypoints.

    Its proxy is written to `proxy_path`, if one is given; key pictures get what `learned` gives for them too.
    """
    pieces = QueryPieces(learned)
    examination = examine(
        path,
        samples_per_second=QUERY_SAMPLES_PER_SECOND,
        views=QUERY_VIEWS,
        progress=progress,
        label=label,
        collect=pieces.add,
        proxy=(proxy_path, QUERY_PROXY) if proxy_path else None,
    )
    return replace(examination, pieces=pieces.finish(examination.outcome.decoded.end_s))


def examine_reference(
    path: Path,
    progress: Progress,
    label: str,
    also: Callable[[SampledFrame], None] | None = None,
    proxy_path: Path | None = None,
    *,
    learned: Descriptor | None = None,
) -> tuple[Examination, Fingerprints]:
    """Examine a reference, keypoints included, and return the fingerprints that are archived of it besides.

    Its proxy is written to `proxy_path`, if one is given; key pictures are described by `learned` too.
    """
    features = ReferenceFeatures(learned)
    motion = MotionSignatures() if proxy_path else None
    examination = examine(
        path,
        samples_per_second=REFERENCE_SAMPLES_PER_SECOND,
        views=REFERENCE_VIEWS,
        progress=progress,
        label=label,
        also=also,
        collect=features.add,
        proxy=(proxy_path, REFERENCE_PROXY) if proxy_path else None,
        motion=motion,
    )
    examination = replace(
        examination,
        local=features.finish(),
        motion=motion.finish() if motion else None,
        descriptors=features.descriptors(),
    )
    return examination, examination.fingerprints[REFERENCE_VIEWS[0]]
