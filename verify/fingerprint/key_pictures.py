"""Key pictures: the few pictures of a video whose keypoints stand for it, chosen while its frames stream by.

A release is divided into pieces, its shots, or parts of long ones, with three key pictures each, in which overlays are
left out. A reference has about one key picture a second. Both hold few pictures at a time, however long the video.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from verify.fingerprint import local
from verify.media.overlays import FREE, RUN, edges, persisting
from verify.model import DescriptorSet, Interval, LocalFeatureSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from verify.fingerprint.learned import Descriptor
    from verify.fingerprint.local import Keypoints
    from verify.media.overlays import Edges
    from verify.model import SampledFrame

    Grey = npt.NDArray[np.uint8]

#: Longest piece of a release, in seconds.
MAX_PIECE_S = 4.0
#: Key pictures of a piece, and keypoints kept of each.
PICTURES_PER_PIECE = 3
QUERY_KEYPOINTS = 320
#: Key pictures of a reference, per second, the longer side they are examined at, and keypoints kept of each.
REFERENCE_STEP_S = 1.0
REFERENCE_SIDE_PX = 320
REFERENCE_KEYPOINTS = 180

#: Frames so close to the ends of a shot, in seconds, may show a blend of it and its neighbour.
_END_S = 0.03
_MASK_WIDTH_PX = 160
#: Pieces that wait for the shots after them to show what is an overlay; more are let go without.
_MAX_WAITING = 12
_STILL_SIZE = (64, 36)
_STILL_MEAN_LEVELS = 1.5
_STILL_MAX_LEVELS = 24.0
#: Sampled frames keep to their grid within a frame or so, in seconds.
_STEP_TOLERANCE_S = 0.05
_FIRST_S = 0.5
_SAME_TIME_S = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeyPicture:
    """Keypoints of the frame shown at `time_s` seconds, in px of the canonical picture.

    `vectors` (V, D) float16 are those of a learned descriptor, if there is one, in the first V of `learned.VIEWS`.
    """

    time_s: float
    keypoints: Keypoints
    vectors: npt.NDArray[np.float16] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QueryPiece:
    """A shot of a release, or a part of a long one.

    `width_px` and `height_px` are those of the canonical picture. `free` (height, width) uint8 is the mask of overlays,
    255 where the picture is free of them, reduced to at most 160 px in width. `picture` is the middle key picture,
    encoded (JPEG), where there is a learned descriptor that may be asked about parts of it.
    """

    interval: Interval
    key_pictures: tuple[KeyPicture, ...]
    free: npt.NDArray[np.uint8]
    width_px: int
    height_px: int
    picture: bytes = b""


class _Frame(NamedTuple):
    """A frame that may become a key picture; its colours are kept for a learned descriptor only."""

    time_s: float
    grey: Grey
    pixels_bgr: npt.NDArray[np.uint8] | None


@dataclass(slots=True)
class _Waiting:
    """A piece whose overlays are not known yet."""

    shot: int
    interval: Interval
    frames: list[_Frame]
    free: npt.NDArray[np.uint8]


@dataclass(slots=True)
class _ShotEdges:
    """Edges that stand for a shot, and the overlay found in it so far."""

    number: int
    edges: Edges
    free: npt.NDArray[np.uint8]


@dataclass(slots=True)
class _OpenShot:
    """The shot that frames are being added to."""

    number: int
    start_s: float
    frames: list[_Frame] = field(default_factory=list)
    parts: deque[Edges] = field(default_factory=lambda: deque(maxlen=RUN))


class QueryPieces:
    """Divides a release into pieces, frame by frame, in order of time; key pictures get what `learned` gives too."""

    def __init__(self, learned: Descriptor | None = None) -> None:
        self._learned = learned
        self._shot: _OpenShot | None = None
        self._shots: deque[_ShotEdges] = deque(maxlen=RUN)
        self._waiting: deque[_Waiting] = deque()
        self._pieces: list[QueryPiece] = []

    def add(self, frame: SampledFrame, grey: Grey) -> None:
        """Take the next frame and its grey picture, (H, W) uint8."""
        shot = self._shot
        resized = shot is not None and shot.frames and shot.frames[-1][1].shape != grey.shape
        if shot is None or frame.starts_shot or resized:
            if shot is not None:
                self._close_shot(shot, frame.time_s)
            shot = self._shot = _OpenShot(shot.number + 1 if shot else 0, frame.time_s if shot else 0.0)
        elif frame.time_s - shot.start_s >= 2 * MAX_PIECE_S:
            self._divide(shot)
            upcoming_s = shot.frames[0][0] if shot.frames else frame.time_s
            if upcoming_s - shot.start_s >= MAX_PIECE_S:  # a gap between frames, which is no piece
                shot.start_s = upcoming_s
        shot.frames.append(_Frame(frame.time_s, grey, frame.pixels_bgr if self._learned else None))

    def finish(self, end_s: float) -> tuple[QueryPiece, ...]:
        """Return all pieces, in order of time; the video ends at `end_s` seconds."""
        if self._shot is not None:
            self._close_shot(self._shot, end_s)
            self._shot = None
        while self._waiting:
            self._let_go()
        return tuple(self._pieces)

    def _close_shot(self, shot: _OpenShot, end_s: float) -> None:
        """Divide what is left of a shot into equal pieces."""
        start_s = shot.start_s
        end_s = max(end_s, shot.frames[-1][0] + _SAME_TIME_S)
        count = max(1, math.ceil((end_s - start_s) / MAX_PIECE_S - _SAME_TIME_S))
        length_s = (end_s - start_s) / count
        parts: dict[int, list[_Frame]] = {}
        for each in shot.frames:
            part = int((each[0] - start_s + _SAME_TIME_S) / length_s) if length_s > 0 else 0
            parts.setdefault(min(count - 1, part), []).append(each)
        for part, frames in parts.items():
            ends_s = end_s if part == count - 1 else start_s + (part + 1) * length_s
            self._add_piece(shot, Interval(start_s=start_s + part * length_s, end_s=ends_s), frames)

    def _divide(self, shot: _OpenShot) -> None:
        """Make a piece of the start of a shot that is still open."""
        end_s = shot.start_s + MAX_PIECE_S
        inside = [each for each in shot.frames if each[0] < end_s - _SAME_TIME_S]
        if inside:
            self._add_piece(shot, Interval(start_s=shot.start_s, end_s=end_s), inside)
        shot.frames = shot.frames[len(inside) :]
        shot.start_s = end_s

    def _add_piece(self, shot: _OpenShot, interval: Interval, inside: list[_Frame]) -> None:
        """Choose the key pictures of a new piece, which then waits for what follows it."""
        chosen = _chosen(inside, interval)
        piece = _Waiting(shot.number, interval, chosen, np.full(chosen[0][1].shape, FREE, np.uint8))
        self._waiting.append(piece)
        self._find_overlays(shot, piece)
        while self._waiting and (self._waiting[0].shot + RUN <= shot.number + 1 or len(self._waiting) > _MAX_WAITING):
            self._let_go()

    def _find_overlays(self, shot: _OpenShot, piece: _Waiting) -> None:
        """Compare a new piece with the shots before it, and with the parts of its own shot before it."""
        found = edges(piece.frames[len(piece.frames) // 2][1])
        if self._shots and self._shots[-1].edges.shape != found.shape:
            self._shots.clear()
        if not self._shots or self._shots[-1].number != shot.number:
            self._shots.append(_ShotEdges(shot.number, found, piece.free.copy()))
            if len(self._shots) == RUN:
                self._share(persisting([each.edges for each in self._shots]), self._shots[0].number)
        elif self._shots[-1].number == shot.number:
            np.minimum(piece.free, self._shots[-1].free, out=piece.free)
        shot.parts.append(found)
        if len(shot.parts) == RUN:
            self._share(persisting(shot.parts, one_shot=True), shot.number)

    def _share(self, free: npt.NDArray[np.uint8], first_shot: int) -> None:
        """Take an overlay as found in all shots from `first_shot` on."""
        masks = [each.free for each in self._shots if each.number >= first_shot]
        masks += [each.free for each in self._waiting if each.shot >= first_shot]
        for mask in masks:
            if mask.shape == free.shape:
                np.minimum(mask, free, out=mask)

    def _let_go(self) -> None:
        """Find the keypoints of the piece that has waited longest."""
        piece = self._waiting.popleft()
        height, width = piece.free.shape
        mask = piece.free if piece.free.min() < FREE else None
        self._pieces.append(
            QueryPiece(
                interval=piece.interval,
                key_pictures=tuple(
                    KeyPicture(
                        time_s=frame.time_s,
                        keypoints=local.detect(frame.grey, mask, keep=QUERY_KEYPOINTS),
                        vectors=self._described(frame, is_middle=number == len(piece.frames) // 2),
                    )
                    for number, frame in enumerate(piece.frames)
                ),
                free=_reduced_mask(piece.free),
                width_px=width,
                height_px=height,
                picture=_encoded(piece.frames[len(piece.frames) // 2]),
            )
        )

    def _described(self, frame: _Frame, *, is_middle: bool) -> npt.NDArray[np.float16] | None:
        if self._learned is None or frame.pixels_bgr is None:
            return None
        return self._learned.describe_views(frame.pixels_bgr, with_inverted=is_middle)


def _encoded(frame: _Frame) -> bytes:
    return b"" if frame.pixels_bgr is None else bytes(cv2.imencode(".jpg", frame.pixels_bgr)[1])


def _chosen(frames: Sequence[_Frame], interval: Interval) -> list[_Frame]:
    """Choose key pictures spread over a piece, away from its ends where it has enough frames."""
    inner = [each for each in frames if interval.start_s + _END_S <= each[0] and each[0] < interval.end_s - _END_S] or [
        frames[len(frames) // 2]
    ]
    if len(inner) <= PICTURES_PER_PIECE:
        return inner
    places = np.linspace(0, len(inner) - 1, PICTURES_PER_PIECE + 2)[1:-1]
    return [inner[int(place)] for place in np.unique(np.rint(places))]


def _reduced_mask(free: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Reduce a mask; what is only partly free is not free."""
    height, width = free.shape
    if width <= _MASK_WIDTH_PX:
        return free
    size = (_MASK_WIDTH_PX, max(1, round(height * _MASK_WIDTH_PX / width)))
    small = cv2.resize(free, size, interpolation=cv2.INTER_AREA)
    return np.where(small == FREE, FREE, 0).astype(np.uint8)


class ReferenceFeatures:
    """Collects the keypoints of a reference, frame by frame, in order of time, and what `learned` gives too."""

    def __init__(self, learned: Descriptor | None = None) -> None:
        self._learned = learned
        self._vectors: list[npt.NDArray[np.float16]] = []
        self._width_px = self._height_px = 0
        self._first: tuple[SampledFrame, Grey] | None = None
        self._reduced: npt.NDArray[np.float32] | None = None
        self._times_s: list[float] = []
        self._until_s: list[float] = []
        self._points: list[npt.NDArray[np.float32]] = []
        self._codes: list[npt.NDArray[np.int8]] = []

    def add(self, frame: SampledFrame, grey: Grey) -> None:
        """Take the next frame and its grey picture, (H, W) uint8."""
        if not self._width_px:
            self._height_px, self._width_px = grey.shape
        if frame.starts_shot or (self._first is None and not self._times_s):
            self._keep_first()
            self._first, self._reduced = (frame, grey), None
            return
        if self._first is not None:
            # The first frame of a shot may show a blend with the shot before it; the next will do unless it is far.
            if frame.time_s - self._first[0].time_s <= _FIRST_S:
                self._first = None
                self._keep(frame, grey)
                return
            self._keep_first()
        if self._reduced is not None and _is_still(self._reduced, _reduced(grey)):
            self._until_s[-1] = frame.time_s
            return
        self._reduced = None
        if frame.time_s >= self._times_s[-1] + REFERENCE_STEP_S - _STEP_TOLERANCE_S:
            self._keep(frame, grey)

    def finish(self) -> LocalFeatureSet:
        """Return the keypoints of all key pictures."""
        self._keep_first()
        points = [np.empty((0, 2), np.float32), *self._points]
        codes = [np.empty((0, local.DIMENSIONS), np.int8), *self._codes]
        return LocalFeatureSet(
            version=local.VERSION,
            width_px=self._width_px,
            height_px=self._height_px,
            times_s=np.array(self._times_s, np.float64),
            until_s=np.array(self._until_s, np.float64),
            first_rows=np.cumsum([len(each) for each in points], dtype=np.int64),
            points=np.concatenate(points),
            codes=np.concatenate(codes),
        )

    def descriptors(self) -> DescriptorSet | None:
        """Return what the learned descriptor gave for the key pictures, after `finish`; None if there is none."""
        if self._learned is None:
            return None
        return DescriptorSet(
            model_sha256=self._learned.sha256,
            times_s=np.array(self._times_s, np.float64),
            vectors=np.array(self._vectors, np.float16).reshape(-1, self._learned.dimensions),
        )

    def _keep_first(self) -> None:
        if self._first is not None:
            self._keep(*self._first)
            self._first = None

    def _keep(self, frame: SampledFrame, grey: Grey) -> None:
        """Make the frame a key picture."""
        found = local.detect(grey, keep=REFERENCE_KEYPOINTS, side_px=REFERENCE_SIDE_PX)
        height, width = grey.shape
        self._times_s.append(frame.time_s)
        self._until_s.append(frame.time_s)
        self._points.append(found.points * np.array([self._width_px / width, self._height_px / height], np.float32))
        self._codes.append(local.project(found.descriptors))
        self._reduced = _reduced(grey)
        if self._learned is not None:
            self._vectors.append(self._learned.describe([frame.pixels_bgr])[0])


def _reduced(grey: Grey) -> npt.NDArray[np.float32]:
    return np.asarray(cv2.resize(grey, _STILL_SIZE, interpolation=cv2.INTER_AREA), np.float32)


def _is_still(before: npt.NDArray[np.float32], after: npt.NDArray[np.float32]) -> bool:
    """Say whether a picture is hardly another than before, by their reductions in grey levels."""
    difference = np.abs(after - before)
    return bool(difference.mean() < _STILL_MEAN_LEVELS and difference.max() < _STILL_MAX_LEVELS)
