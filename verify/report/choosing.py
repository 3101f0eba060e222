"""Which aligned frames of a match the report shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.model import NOT_MEASURED_BITS, AlignedPair

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from verify.model import Match, TimeMap

# A keypoint stays within a line's width of its place for this long in all but the fastest pictures.
SAME_MOMENT_S = 0.3
_SAME_TIME_S = 1e-3


def choose_pairs(match: Match, pictured_s: Collection[float] | None, limit: int) -> list[AlignedPair]:
    """Choose the aligned pairs to show, by time: close ones, spread over the match, with the pair of its geometry.

    Parameters
    ----------
    match
        The match. Where it aligns no frames that have pictures, pairs are made from its time map.
    pictured_s
        Times of the reference that there are pictures of, in seconds; None if every moment can be had. A frame that was
        compared is never replaced by its neighbour, which may lie beyond a cut.
    limit
        Most pairs to choose.
    """
    pictured = [pair for pair in match.pairs if pictured_s is None or pair.reference_time_s in pictured_s]
    candidates = _each_once(pictured or _mapped_pairs(match, pictured_s) or match.pairs)
    size = -(-len(candidates) // limit)
    parts = [candidates[start : start + size] for start in range(0, len(candidates), size)] if candidates else []
    return _with_geometry([_closest(part) for part in parts], _geometry_pair(match, pictured_s), limit)


def _each_once(pairs: Iterable[AlignedPair]) -> list[AlignedPair]:
    """Keep one pair of each two moments, the closest measured, where several cues aligned the same ones."""
    kept: dict[tuple[int, int], AlignedPair] = {}
    for pair in sorted(pairs, key=lambda pair: (pair.distance_bits < 0, pair.distance_bits)):
        kept.setdefault((round(pair.query_time_s / _SAME_TIME_S), round(pair.reference_time_s / _SAME_TIME_S)), pair)
    return sorted(kept.values(), key=lambda pair: (pair.query_time_s, pair.reference_time_s))


def _closest(pairs: list[AlignedPair]) -> AlignedPair:
    """Choose the measured pair of the smallest distance; of equals the one in the middle, away from cuts."""
    middle_s = (pairs[0].query_time_s + pairs[-1].query_time_s) / 2
    return min(
        pairs,
        key=lambda pair: (pair.distance_bits < 0, pair.distance_bits, abs(pair.query_time_s - middle_s)),
    )


def _mapped_pairs(match: Match, pictured_s: Collection[float] | None) -> list[AlignedPair]:
    """Make pairs along the time map: at every picture of the reference, or at three moments if all can be had."""
    query, time_map = match.query, match.time_map
    if pictured_s is None or time_map.rate == 0:
        times_s = [query.start_s + share * query.duration_s for share in (1 / 6, 1 / 2, 5 / 6)]
        mapped = [(time_s, _pictured_near(time_map.reference_time_s(time_s), pictured_s)) for time_s in times_s]
        return [_pair(time_s, there_s) for time_s, there_s in mapped if there_s is not None]
    pairs = [(_query_time_s(time_map, there_s), there_s) for there_s in pictured_s]
    return [_pair(*times_s) for times_s in sorted(pairs) if query.start_s <= times_s[0] < query.end_s]


def _geometry_pair(match: Match, pictured_s: Collection[float] | None) -> AlignedPair | None:
    """Pair the moments that the geometry was measured at, or their nearest neighbours with a picture.

    None where they are not one moment by the time map: a transform can be measured in pictures some time apart, and
    pictures that are shown beside each other belong together.
    """
    geometry = match.geometry
    if geometry is None:
        return None
    there_s = _pictured_near(geometry.reference_time_s, pictured_s)
    if there_s is None:
        return None
    here_s, shift_s = geometry.query_time_s, there_s - geometry.reference_time_s
    if match.time_map.rate:
        here_s += shift_s / match.time_map.rate
    if not match.query.start_s <= here_s < match.query.end_s:
        return None
    if abs(match.time_map.reference_time_s(here_s) - there_s) > SAME_MOMENT_S:
        return None
    return next((pair for pair in match.pairs if _same(pair, here_s, there_s)), _pair(here_s, there_s))


def _with_geometry(pairs: list[AlignedPair], wanted: AlignedPair | None, limit: int) -> list[AlignedPair]:
    """Let the wanted pair take the place of the nearest one where there is no room for both."""
    if wanted is not None and not any(_same(pair, wanted.query_time_s, wanted.reference_time_s) for pair in pairs):
        if len(pairs) >= limit:
            pairs.remove(min(pairs, key=lambda pair: abs(pair.query_time_s - wanted.query_time_s)))
        pairs.append(wanted)
    return sorted(pairs, key=lambda pair: pair.query_time_s)


def _pictured_near(time_s: float, pictured_s: Collection[float] | None) -> float | None:
    """Return the nearest time with a picture, None if there is none at that moment."""
    if pictured_s is None:
        return max(0.0, time_s)
    nearest_s = min(pictured_s, key=lambda pictured: abs(pictured - time_s), default=None)
    return nearest_s if nearest_s is not None and abs(nearest_s - time_s) <= SAME_MOMENT_S else None


def _query_time_s(time_map: TimeMap, reference_time_s: float) -> float:
    return (reference_time_s - time_map.offset_s) / time_map.rate


def _same(pair: AlignedPair, query_time_s: float, reference_time_s: float) -> bool:
    apart_s = max(abs(pair.query_time_s - query_time_s), abs(pair.reference_time_s - reference_time_s))
    return apart_s < _SAME_TIME_S


def _pair(query_time_s: float, reference_time_s: float) -> AlignedPair:
    return AlignedPair(query_time_s=query_time_s, reference_time_s=reference_time_s, distance_bits=NOT_MEASURED_BITS)
