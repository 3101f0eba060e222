"""What moves in both videos drawn over time, and how alike their moments are."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verify.model import MotionAgreement, SimilarityMatrix, TimeMap

WIDTH, HEIGHT = 600.0, 100.0
_MOST_POINTS = 200
_LEAST_POINTS = 3
_MOST_CELLS = 64
_FAR_PERCENT = 10_000.0
_PNG_START = b"\x89PNG\r\n\x1a\n"
_GREY_8_BIT = (8, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionFigure:
    """Two curves over one span of time, each as points drawn to its own peak (grey levels), and bars of agreement.

    `bars` are (x, y, width, height) of the correlation of each moment, above or below the line at `zero_y`.
    """

    start_s: float
    end_s: float
    query: str
    reference: str
    query_peak: float
    reference_peak: float
    bars: tuple[tuple[float, float, float, float], ...]
    zero_y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarityFigure:
    """A grey picture as data URI: query time to the right, reference time upwards, dark where moments are alike.

    `line` are the ends of the time map in per cent of the picture, from its upper left.
    """

    uri: str
    query_s: tuple[float, float]
    reference_s: tuple[float, float]
    least_percent: int
    most_percent: int
    line: tuple[float, float, float, float] | None


def draw_motion(motion: MotionAgreement) -> MotionFigure | None:
    """Draw the curves of a match; None where there are too few moments for one."""
    count = min(len(motion.times_s), len(motion.query_change), len(motion.reference_change))
    step = -(-count // _MOST_POINTS) or 1
    times_s = motion.times_s[:count:step]
    if len(times_s) < _LEAST_POINTS or times_s[-1] <= times_s[0]:
        return None
    across = [WIDTH * _share((time_s - times_s[0]) / (times_s[-1] - times_s[0])) for time_s in times_s]
    query, query_peak = _curve(across, motion.query_change[:count:step])
    reference, reference_peak = _curve(across, motion.reference_change[:count:step])
    return MotionFigure(
        start_s=times_s[0],
        end_s=times_s[-1],
        query=query,
        reference=reference,
        query_peak=query_peak,
        reference_peak=reference_peak,
        bars=_bars(across, motion.moments[:count:step]),
        zero_y=HEIGHT / 2,
    )


def _curve(across: Sequence[float], values: Sequence[float]) -> tuple[str, float]:
    peak = max(0.0, *values)
    heights = [HEIGHT * (1 - _share(value / peak if peak > 0 else 0.0)) for value in values]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, heights, strict=True)), peak


def _bars(across: Sequence[float], values: Sequence[float]) -> tuple[tuple[float, float, float, float], ...]:
    width = WIDTH / len(across)
    middle = HEIGHT / 2
    bars = []
    for x, value in zip(across, values, strict=False):
        length = middle * min(max(value, -1.0), 1.0)
        left = x * (1 - width / WIDTH)
        bars.append((round(left, 1), round(middle - max(length, 0.0), 1), round(0.8 * width, 1), round(abs(length), 1)))
    return tuple(bars)


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def draw_similarity(similarity: SimilarityMatrix, time_map: TimeMap) -> SimilarityFigure | None:
    """Draw a similarity matrix; None where it has fewer than two moments on a side, or rows of unequal length."""
    rows, columns = len(similarity.query_times_s), len(similarity.reference_times_s)
    if min(rows, columns) < 2 or len(similarity.percent) != rows:
        return None
    if any(len(row) != columns for row in similarity.percent):
        return None
    down, along = (-(-side // _MOST_CELLS) for side in (columns, rows))
    cells = [row[::down] for row in similarity.percent[::along]]
    least, most = min(map(min, cells)), max(map(max, cells))
    spread = max(most - least, 1)
    # Row by row from the top, which is the latest reference time.
    picture = [bytes(255 - 255 * (cell - least) // spread for cell in line) for line in zip(*cells, strict=True)][::-1]
    return SimilarityFigure(
        uri=f"data:image/png;base64,{base64.b64encode(_grey_png(picture)).decode('ascii')}",
        query_s=(similarity.query_times_s[0], similarity.query_times_s[-1]),
        reference_s=(similarity.reference_times_s[0], similarity.reference_times_s[-1]),
        least_percent=least,
        most_percent=most,
        line=_line(similarity, time_map),
    )


def _line(similarity: SimilarityMatrix, time_map: TimeMap) -> tuple[float, float, float, float] | None:
    """Find where the time map is at the first and the last query time; the drawing cuts off what leaves it."""
    first_s, last_s = similarity.reference_times_s[0], similarity.reference_times_s[-1]
    if last_s <= first_s:
        return None
    start, end = (
        100 * (last_s - time_map.reference_time_s(time_s)) / (last_s - first_s)
        for time_s in (similarity.query_times_s[0], similarity.query_times_s[-1])
    )
    return 0.0, _bounded(start), 100.0, _bounded(end)


def _bounded(percent: float) -> float:
    return round(min(max(percent, -_FAR_PERCENT), _FAR_PERCENT), 2)


def _grey_png(lines: Sequence[bytes]) -> bytes:
    """Write lines of grey pixels, one byte each, as PNG (ISO/IEC 15948)."""
    header = struct.pack(">2I5B", len(lines[0]), len(lines), *_GREY_8_BIT)
    pixels = zlib.compress(b"".join(b"\0" + line for line in lines), 9)
    return _PNG_START + b"".join(
        _png_chunk(name, data) for name, data in ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    )


def _png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
