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
from verify.media.reader import SecondSampling, open_video
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


class _Sampling:
    """The frames of one of two samplings, each with the mark of a shot that began since the one before it."""

    def __init__(self) -> None:
        self._begun = False

    def of(self, frame: SampledFrame, *, is_in: bool) -> SampledFrame | None:
        """Return the next frame as this sampling alone would give it; None if it is not in it."""
        begun = self._begun or frame.starts_shot
        self._begun = begun and not is_in
        if not is_in:
            return None
        return frame if frame.starts_shot == begun else replace(frame, starts_shot=begun)


class ReferenceSide:
    """Collects what an archive keeps of a video while it is examined as a release, so that it is decoded once.

    Parameters
    ----------
    proxy_path
        Where the proxy of a reference goes; None for none.
    also
        Takes every frame that is sampled of a reference.
    learned
        Describes key pictures too.
    """

    def __init__(
        self,
        proxy_path: Path | None = None,
        also: Callable[[SampledFrame], None] | None = None,
        learned: Descriptor | None = None,
    ) -> None:
        self.sampling = SecondSampling(
            samples_per_second=REFERENCE_SAMPLES_PER_SECOND,
            proxy_side_px=REFERENCE_PROXY.side_px if proxy_path else None,
        )
        self.writer = ProxyWriter(proxy_path, REFERENCE_PROXY) if proxy_path else None
        self._also = also
        self._frames = _Sampling()
        self._fingerprinter = Fingerprinter(REFERENCE_VIEWS)
        self._classes = ShotClasses()
        self._features = ReferenceFeatures(learned)
        self._motion = MotionSignatures() if proxy_path else None

    def add(self, frame: SampledFrame, grey: Grey) -> None:
        """Take the next frame of either sampling and its grey picture, (H, W) uint8."""
        own = self._frames.of(frame, is_in=frame.in_second)
        if own is None:
            return
        self._fingerprinter.add(own)
        self._classes.add(own, grey)
        if self._also:
            self._also(own)
        self._features.add(own, grey)

    def add_small(self, time_s: float, picture: Grey) -> None:
        """Take the next small grey picture."""
        if self.writer and self._motion:
            self.writer.add(time_s, picture)
            self._motion.add(time_s, picture)

    def finish(self, examined: Examination) -> tuple[Examination, Fingerprints]:
        """Return what `examine_reference` would have given, once the release was examined."""
        fingerprints = self._fingerprinter.fingerprints()
        examination = Examination(
            info=examined.info,
            outcome=examined.outcome,
            shots=self._classes.finish(examined.outcome),
            fingerprints=fingerprints,
            local=self._features.finish(),
            motion=self._motion.finish() if self._motion else None,
            descriptors=self._features.descriptors(),
        )
        return examination, fingerprints[REFERENCE_VIEWS[0]]


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
    reference_side: ReferenceSide | None = None,
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
    reference_side
        Collects what an archive keeps of the video besides.

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
            open_video(
                path,
                samples_per_second,
                proxy_side_px=proxy[1].side_px if proxy else None,
                second=reference_side.sampling if reference_side else None,
            )
        )
        if reference_side and reference_side.writer:
            stack.enter_context(reference_side.writer)
        writer = stack.enter_context(ProxyWriter(*proxy)) if proxy else None

        def small(time_s: float, picture: Grey) -> None:
            if writer:
                writer.add(time_s, picture)
            if motion:
                motion.add(time_s, picture)

        progress.start(label, reader.info.duration_s, "s")
        second_small = reference_side.add_small if reference_side else None
        sampling = _Sampling()
        for sampled in reader.frames(progress, small if writer else None, second_small):
            grey = np.asarray(cv2.cvtColor(sampled.pixels_bgr, cv2.COLOR_BGR2GRAY), np.uint8)
            if reference_side:
                reference_side.add(sampled, grey)
            frame = sampling.of(sampled, is_in=sampled.in_first)
            if frame is None:
                continue
            fingerprinter.add(frame)
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
    path: Path,
    progress: Progress,
    label: str,
    proxy_path: Path | None = None,
    learned: Descriptor | None = None,
    *,
    reference_side: ReferenceSide | None = None,
) -> Examination:
    """Examine a release: densely, in every view, in pieces with their keypoints.

    Its proxy is written to `proxy_path`, if one is given; key pictures get what `learned` gives for them too.
    `reference_side` collects in the same pass what an archive would keep of the release; ask it by its `finish` then.
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
        reference_side=reference_side,
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
