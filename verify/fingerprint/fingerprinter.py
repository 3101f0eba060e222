"""Fingerprint a video frame by frame, in the views that matching needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from verify.fingerprint.registry import CUES
from verify.media.bars import Bars, find_bars
from verify.model import FingerprintSet, Transform

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from verify.fingerprint.codes import Code
    from verify.fingerprint.registry import Cue
    from verify.model import SampledFrame

    Grey = npt.NDArray[np.uint8]
    Fingerprints = Mapping[str, FingerprintSet]

#: References are kept without their bars, in the one view that queries are compared with.
REFERENCE_VIEWS = (Transform(bars_removed=True),)
#: A release is looked at as it is and mirrored, with and without its bars.
QUERY_VIEWS = (
    Transform(),
    Transform(mirrored=True),
    Transform(bars_removed=True),
    Transform(mirrored=True, bars_removed=True),
)
#: Bars are judged on runs of a shot of at most this many frames.
_RUN_FRAMES = 48


class Fingerprinter:
    """Collects the codes of one video, frame by frame, in order of time.

    Parameters
    ----------
    views
        The ways to look at each frame. Mirrored means turned left to right before hashing.
    """

    def __init__(self, views: tuple[Transform, ...]) -> None:
        self._views = views
        self._times_s: list[float] = []
        self._codes: dict[Transform, dict[str, list[Code]]] = {
            view: {cue.algorithm: [] for cue in CUES} for view in views
        }
        self._run: list[Grey] = []
        self._any_bars = False

    def add(self, frame: SampledFrame) -> None:
        """Take the next frame."""
        grey = np.asarray(cv2.cvtColor(frame.pixels_bgr, cv2.COLOR_BGR2GRAY), np.uint8)
        if self._run and (frame.starts_shot or len(self._run) >= _RUN_FRAMES or grey.shape != self._run[0].shape):
            self._encode_run()
        self._times_s.append(frame.time_s)
        self._run.append(grey)

    def fingerprints(self) -> dict[Transform, Fingerprints]:
        """Return the fingerprints of all frames taken, by view and algorithm.

        Where no frame has bars, the views without bars would repeat the others and are left out, unless they are all
        there is.
        """
        if self._run:
            self._encode_run()
        with_bars = {view for view in self._views if not view.bars_removed}
        wanted = self._views if self._any_bars or not with_bars else with_bars
        return {
            view: {cue.algorithm: self._collected(cue, view) for cue in CUES} for view in self._views if view in wanted
        }

    def _encode_run(self) -> None:
        bars = find_bars(self._run)
        self._any_bars |= bool(bars)
        for grey in self._run:
            done: dict[Transform, dict[str, Code]] = {}
            for view in self._views:
                # Without bars to remove, a frame looks the same in both views: hash it once.
                effective = view if bars else Transform(mirrored=view.mirrored)
                if effective not in done:
                    done[effective] = _encode(grey, effective, bars)
                for algorithm, code in done[effective].items():
                    self._codes[view][algorithm].append(code)
        self._run = []

    def _collected(self, cue: Cue, view: Transform) -> FingerprintSet:
        frames = self._codes[view][cue.algorithm]
        return FingerprintSet(
            algorithm=cue.algorithm,
            version=cue.version,
            bits=cue.bits,
            times_s=np.array(self._times_s, np.float64),
            codes=np.array([code.bits for code in frames], np.uint8).reshape(len(frames), cue.bits // 8),
            quality=np.array([code.quality for code in frames], np.float32),
        )


def _encode(grey: Grey, view: Transform, bars: Bars) -> dict[str, Code]:
    """Hash one picture in one view with every cue."""
    picture = bars.cropped(grey) if view.bars_removed else grey
    if view.mirrored:
        picture = picture[:, ::-1]
    picture = np.ascontiguousarray(picture)
    return {cue.algorithm: cue.encode(picture) for cue in CUES}
