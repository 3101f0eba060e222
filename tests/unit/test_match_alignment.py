"""Lines through a field of distances: rates and offsets that were planted are found."""

from __future__ import annotations

import numpy as np
import pytest

from verify.match.alignment import FrameField, best_line, judge

LIMIT = 0.36
FAR, NEAR = 0.5, 0.1
#: Pairs at most this far apart in time look alike.
REACH_S = 0.3


def planted(rate: float, offset_s: float, *, query_s: float = 6.0, reference_s: float = 40.0) -> FrameField:
    """Make a field whose near pairs lie along one line, with a little noise."""
    query, reference = np.arange(0, query_s, 1 / 8), np.arange(0, reference_s, 1 / 4)
    gap = np.abs(rate * query[:, None] + offset_s - reference[None, :])
    distance = np.where(gap <= REACH_S, NEAR + 0.5 * gap, FAR)
    distance += np.random.default_rng(1).normal(0, 0.02, distance.shape)
    return field(query, reference, distance)


def field(query: np.ndarray, reference: np.ndarray, distance: np.ndarray) -> FrameField:
    return FrameField(
        query_times_s=query,
        reference_times_s=reference,
        distance=distance.astype(np.float32),
        weight=np.ones(len(query), np.float32),
        reference_shots=np.zeros(len(reference), np.int64),
    )


@pytest.mark.parametrize(
    ("rate", "offset_s"),
    [
        (1.0, 0.0), (1.0, 12.3), (1.0, 33.9), (0.5, 3.0), (2.0, 7.1), (0.25, 10.0), (4.0, 2.0), (0.8, 5.0), (1.25, 5.0),
        (1.5, 9.0), (3.0, 1.0),
    ],
)  # fmt: skip
def test_planted_line_is_found(rate: float, offset_s: float):
    made = planted(rate, offset_s)
    line = best_line(made, slice(0, len(made.query_times_s)), LIMIT)
    assert line is not None
    assert line.rate == pytest.approx(rate, rel=0.06)
    for time_s in (0.0, 3.0, 5.9):
        assert abs(line.rate * time_s + line.offset_s - (rate * time_s + offset_s)) < 0.3
    assert line.gain > 0.1


def test_native_speed_stays_native_speed():
    made = planted(1.0, 8.06)
    line = best_line(made, slice(8, 40), LIMIT)
    assert line is not None
    assert line.rate == 1.0


def test_only_the_asked_frames_count():
    early, late = planted(1.0, 10.0), planted(1.0, 25.0)
    distance = np.vstack([early.distance[:24], late.distance[24:]])
    both = field(early.query_times_s, early.reference_times_s, distance)
    for frames, offset_s in ((slice(0, 24), 10.0), (slice(24, 48), 25.0)):
        line = best_line(both, frames, LIMIT)
        assert line is not None
        assert line.offset_s == pytest.approx(offset_s, abs=0.2)


def test_nothing_alike_gives_no_line():
    query, reference = np.arange(0, 4, 1 / 8), np.arange(0, 20, 1 / 4)
    assert best_line(field(query, reference, np.full((32, 80), 0.5)), slice(0, 32), LIMIT) is None


def test_frames_without_weight_give_no_line():
    made = planted(1.0, 5.0)
    made.weight[:] = 0.0
    assert best_line(made, slice(0, len(made.query_times_s)), LIMIT) is None


def test_frames_outside_the_reference_gain_nothing():
    made = planted(1.0, 37.0)
    inside = judge(made, slice(0, 24), 1.0, 37.0, LIMIT)
    whole = judge(made, slice(0, 48), 1.0, 37.0, LIMIT)
    outside = judge(made, slice(0, 48), 1.0, 100.0, LIMIT)
    assert inside.gain == pytest.approx(2 * whole.gain, rel=0.1)
    assert outside.gain == 0.0


def test_distance_along_a_line_is_that_of_the_nearer_sample():
    query, reference = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 0.25, 1.0, 5.0])
    distance = np.array([[0.1, 0.2, 0.9, 0.9], [0.9, 0.9, 0.3, 0.9], [0.9] * 4, [0.9] * 4])
    along = field(query, reference, distance).along(1.0, 0.1, slice(0, 4))
    assert along[:2] == pytest.approx([0.1, 0.3])
    assert np.isnan(along[2:]).all()
