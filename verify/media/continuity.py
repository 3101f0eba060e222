"""Where the pictures of a video follow each other without a break, where they do not, and where they stand still.

Both are counted while decoding, from what the sampling pass has at hand: presentation times and the grey thumbnail of
every frame.
"""

from __future__ import annotations

import statistics
from collections import Counter, deque
from typing import TYPE_CHECKING

import cv2

from verify.model import Interval

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Thumbnail = npt.NDArray[np.float32]

#: A step longer than the usual one by this many seconds is a gap, whatever caused it.
_GAP_S = 1.0
#: After damage, a step longer than the usual one by this share of it is a gap.
_DAMAGE_GAP_SHARE = 0.5
#: Damage is noticed when a packet is decoded, the frames around it are presented later, at most this many frames.
_REORDER_FRAMES = 40
_USUAL_FRAMES = 25
#: Gaps with less than this between them, in seconds, are told as one: no alignment in time fits between them.
_JOIN_S = 0.25
#: A file made to have endless gaps or still pictures is not given endless room.
_MAX_INTERVALS = 1000

#: Frames whose thumbnails differ by no more than this in any place, in grey levels, are one picture standing still.
_STILL_LEVELS = 3.0
_HELD_S = 1.0
#: A picture shown for long in fewer frames than this is a gap, not a picture standing still.
_MIN_HELD_FRAMES = 4
#: A frame repeats the one before it if it differs from it by less than this share of what its neighbours differ by,
#: and these differ by at least so many grey levels: re-encoding never gives the same picture twice to the bit.
_REPEAT_SHARE = 0.25
_MOVING_LEVELS = 8.0
_MIN_RHYTHM_COUNT = 8
_MIN_RHYTHM_SHARE = 0.7
_MAX_RHYTHM_FRAMES = 120


class Continuity:
    """Finds the spans between presented frames in which frames are missing.

    Parameters
    ----------
    expected_s
        Time between frames that is taken as usual until some have been seen, in seconds.
    """

    def __init__(self, expected_s: float) -> None:
        self._steps: deque[float] = deque(maxlen=_USUAL_FRAMES)
        self._expected_s = expected_s
        self._suspect_frames = 0
        self._last_s: float | None = None
        self._gaps: list[Interval] = []

    def damage(self) -> None:
        """Note that a packet or frame was lost hereabouts."""
        self._suspect_frames = _REORDER_FRAMES

    def presented(self, time_s: float) -> None:
        """Take the time of the next good frame, in seconds; times increase."""
        if self._last_s is None:
            if time_s > 0:
                self._add(Interval(start_s=0.0, end_s=time_s))
        else:
            self._step(self._last_s, time_s)
            self._steps.append(time_s - self._last_s)
        self._last_s = time_s
        self._suspect_frames = max(0, self._suspect_frames - 1)

    def ended(self, end_s: float) -> tuple[Interval, ...]:
        """Return all gaps, given when the last frame ends (s): one shown for longer than usual hides a gap."""
        if self._last_s is not None:
            self._step(self._last_s, end_s)
        return tuple(self._gaps)

    def _step(self, before_s: float, after_s: float) -> None:
        usual_s = statistics.median(self._steps) if self._steps else self._expected_s
        allowed_s = min(_DAMAGE_GAP_SHARE * usual_s, _GAP_S) if self._suspect_frames else _GAP_S
        if after_s - before_s > usual_s + allowed_s:
            self._add(Interval(start_s=before_s + usual_s, end_s=after_s))

    def _add(self, gap: Interval) -> None:
        joins = bool(self._gaps) and gap.start_s - self._gaps[-1].end_s < _JOIN_S
        if joins or len(self._gaps) >= _MAX_INTERVALS:
            gap = Interval(start_s=self._gaps.pop().start_s, end_s=gap.end_s)
        self._gaps.append(gap)


class Stillness:
    """Counts frames that repeat the picture before them, and finds their rhythm and the spans that stand still."""

    def __init__(self) -> None:
        self.repeated_frames = 0
        self._frames = 0
        self._before: Thumbnail | None = None
        self._changes: tuple[float, float] = (0.0, 0.0)
        self._last_repeat: int | None = None
        self._distances: Counter[int] = Counter()
        self._held: list[Interval] = []
        self._anchor: Thumbnail | None = None
        self._anchor_s = 0.0
        self._anchor_frame = 0

    def add(self, time_s: float, thumbnail: Thumbnail) -> None:
        """Take the next frame: its time (s) and (H, W) float32 thumbnail in grey levels."""
        if self._before is not None:
            self._judge_repeat(_difference(thumbnail, self._before))
        if self._anchor is None or _difference(thumbnail, self._anchor) > _STILL_LEVELS:
            self._end_hold(time_s)
            self._anchor, self._anchor_s, self._anchor_frame = thumbnail, time_s, self._frames
        self._before = thumbnail
        self._frames += 1

    def held(self, end_s: float) -> tuple[Interval, ...]:
        """Return the spans of at least a second in which one picture stands still, given the video's end (s)."""
        self._end_hold(end_s)
        return tuple(self._held)

    def rhythm(self) -> int | None:
        """Return N where every Nth frame repeats the one before it, None where there is no such rhythm."""
        if self._distances.total() < _MIN_RHYTHM_COUNT:
            return None
        beat = self._distances.most_common(1)[0][0]
        # A repeat that goes unnoticed leaves a distance of two beats or three.
        in_time = sum(count for distance, count in self._distances.items() if distance % beat == 0)
        told = in_time >= _MIN_RHYTHM_SHARE * self._distances.total() and beat <= _MAX_RHYTHM_FRAMES
        return beat if told else None

    def _judge_repeat(self, change: float) -> None:
        """Take the newest frame's difference from the one before, and judge that one between its neighbours."""
        earlier, judged = self._changes
        self._changes = (judged, change)
        moving = min(earlier, change)
        if moving < _MOVING_LEVELS or judged > _REPEAT_SHARE * moving:
            return
        self.repeated_frames += 1
        number = self._frames - 1
        if self._last_repeat is not None:
            self._distances[min(number - self._last_repeat, _MAX_RHYTHM_FRAMES + 1)] += 1
        self._last_repeat = number

    def _end_hold(self, time_s: float) -> None:
        """Account for the picture that was shown up to `time_s`."""
        enough = self._frames - self._anchor_frame >= _MIN_HELD_FRAMES and time_s - self._anchor_s >= _HELD_S
        if enough and len(self._held) < _MAX_INTERVALS:
            self._held.append(Interval(start_s=self._anchor_s, end_s=time_s))


def _difference(one: Thumbnail, other: Thumbnail) -> float:
    """Greatest difference of two thumbnails in any place, in grey levels."""
    return float(cv2.norm(one, other, cv2.NORM_INF))
