"""The alignment that the peers of the benchmark share."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.accuracy.alignment import align, one_reference_a_moment
from benchmarks.accuracy.peers import Pdq, Phash


def line(queries: int, references: int, rate: float, first: int, last: int, offset: float, value: float = 0.8):
    """Margins that are 0 but along one line."""
    margin = np.zeros((queries, references), np.float32)
    for number in range(first, last + 1):
        margin[number, round(offset + rate * number)] = value
    return margin


@pytest.mark.parametrize("rate", [1.0, -1.0, 0.5, 2.0])
def test_a_line_of_similar_frames_is_one_match(rate):
    offset = 40 if rate < 0 else 5
    (found,) = align("Q", "R", line(40, 60, rate, 10, 20, offset))
    assert (found.query_start, found.query_end) == ((10 - 0.5) / 4, (20 + 0.5) / 4)
    ends = sorted((offset + rate * place) / 4 for place in (9.5, 20.5))
    assert (found.ref_start, found.ref_end) == pytest.approx(ends, abs=0.26)
    assert found.score == pytest.approx(11 * 0.8)


def test_a_gap_is_bridged_where_enough_lies_on_both_sides():
    margin = line(40, 60, 1.0, 10, 25, 5)
    margin[17, 22] = 0
    (found,) = align("Q", "R", margin)
    assert (found.query_start, found.query_end) == ((10 - 0.5) / 4, (25 + 0.5) / 4)


def test_two_segments_of_one_reference_are_two_matches():
    margin = line(60, 80, 1.0, 5, 12, 30) + line(60, 80, 1.0, 40, 50, -30)
    assert sorted(match.query_start for match in align("Q", "R", margin)) == [(5 - 0.5) / 4, (40 - 0.5) / 4]


def test_fewer_than_three_frames_are_no_match():
    assert align("Q", "R", line(40, 60, 1.0, 10, 11, 5)) == []
    assert align("Q", "R", np.zeros((40, 60), np.float32)) == []


def test_a_moment_goes_to_the_reference_of_the_best_run():
    (better,) = align("Q", "R1", line(40, 60, 1.0, 10, 20, 5, 0.9))
    (worse,) = align("Q", "R2", line(40, 60, 1.0, 11, 21, 5, 0.4))
    (apart,) = align("Q", "R2", line(40, 60, 1.0, 30, 36, 5, 0.4))
    (elsewhere,) = align("P", "R2", line(40, 60, 1.0, 11, 21, 5, 0.4))
    kept = one_reference_a_moment([worse, apart, better, elsewhere])
    assert sorted(kept, key=str) == sorted([better, apart, elsewhere], key=str)


def picture(seed: int):
    coarse = np.random.default_rng(seed).integers(0, 255, (12, 20, 3), np.uint8)
    return np.kron(coarse, np.ones((16, 16, 1), np.uint8))


@pytest.mark.parametrize("peer", [Phash(), Pdq()])
def test_hashes_know_a_picture_again_and_no_other(peer):
    described = peer.describe([picture(1), picture(2)])
    margins = peer.margins(described, described)
    assert margins.diagonal().tolist() == [1.0, 1.0]
    assert margins[0, 1] == 0.0


def test_a_flat_picture_has_no_pdq_hash():
    described = Pdq().describe([np.full((90, 160, 3), 70, np.uint8), picture(1)])
    assert Pdq().margins(described, described)[0].tolist() == [0.0, 0.0]
