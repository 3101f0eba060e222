"""The scorer of the benchmark, against figures worked out on paper."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.accuracy.scoring import score_matches, segment_ap
from benchmarks.accuracy.tables import lines, table
from benchmarks.accuracy.truth import BenchmarkError, load_matches, load_truth
from tests.unit.accuracy_samples import CLEAN_ID, PERFECT, TRUTH, box, match

CHECKOUT = Path(__file__).resolve().parent.parent.parent


class TestSegmentAp:
    def test_is_one_where_all_is_found_and_nothing_else(self):
        assert segment_ap(TRUTH.boxes, PERFECT) == pytest.approx(1.0)

    def test_is_zero_without_matches_and_without_truth(self):
        assert segment_ap(TRUTH.boxes, ()) == 0.0
        assert segment_ap((), PERFECT) == 0.0

    def test_recall_is_the_geometric_mean_of_the_axes(self):
        # 4 of 6 seconds of the release, 4 of 8 of the references, all of it right.
        assert segment_ap(TRUTH.boxes, PERFECT[:1]) == pytest.approx(math.sqrt(4 / 6 * 4 / 8))

    def test_half_a_segment_beside_it(self):
        # 2 of 6 and 2 of 8 seconds are found; 2 of 4 said are right, on both axes.
        said = (match((2, 6), (12, 16)),)
        assert segment_ap(TRUTH.boxes, said) == pytest.approx(math.sqrt(2 / 6 * 2 / 8) * 0.5)

    def test_a_wrong_match_of_the_best_score_costs_precision_only(self):
        said = (match((0, 4), (0, 4), 0.95, query_id=CLEAN_ID), *PERFECT)
        # First 4 of 8 seconds said are right, with 4/6 and 4/8 found; then 6 of 10 and 8 of 12, with all found.
        first = math.sqrt(4 / 6 * 4 / 8)
        expected = 0.5 * first + math.sqrt(6 / 10 * 8 / 12) * (1 - first)
        assert segment_ap(TRUTH.boxes, said) == pytest.approx(expected)

    def test_the_right_time_of_the_wrong_part_of_a_reference_earns_nothing(self):
        assert segment_ap(TRUTH.boxes, (match((0, 4), (20, 24)),)) == 0.0

    def test_matches_that_say_the_same_twice_count_once(self):
        said = (PERFECT[0], replace(PERFECT[0], score=0.7), PERFECT[1])
        assert segment_ap(TRUTH.boxes, said) == pytest.approx(1.0)

    def test_matches_of_one_score_are_taken_together(self):
        said = (match((0, 4), (0, 4), 0.5, query_id=CLEAN_ID), match((0, 4), (10, 14), 0.5))
        assert segment_ap(TRUTH.boxes, said) == pytest.approx(math.sqrt(4 / 6 * 4 / 8) * 0.5)


class TestFound:
    @pytest.mark.parametrize(
        ("query", "found"),
        [((0, 2), 0), ((0, 2.1), 1), ((-2, 2.1), 1), ((-2.2, 2.1), 0), ((-4, 4), 1), ((-5, 4), 0), ((3.9, 4.1), 0)],
    )
    def test_more_than_half_must_be_covered_by_matches_that_lie_at_least_half_inside(self, query, found):
        assert score_matches(TRUTH, [match(query, (10, 14))]).any_score.recall.found == found

    def test_pieces_together_find_a_segment_and_its_boundaries_are_theirs(self):
        said = [match((0.1, 1.5), (10, 12)), match((2.4, 4.3), (12, 14))]
        row = score_matches(TRUTH, said).any_score
        assert row.recall.found == 1
        assert row.boundary_s == pytest.approx((0.1 + 0.3) / 2)

    def test_both_axes_must_overlap(self):
        result = score_matches(TRUTH, [match((0, 4), (14, 18))])
        assert result.any_score.recall.found == 0
        assert result.any_score.wrong == 1

    def test_missed_names_what_was_not_found(self):
        assert score_matches(TRUTH, PERFECT[:1]).missed == (TRUTH.boxes[1],)


class TestRows:
    def test_all_found(self):
        result = score_matches(TRUTH, PERFECT)
        for row in (result.any_score, result.recall_at_0, result.strict):
            assert (row.recall.found, row.recall.of, row.boundary_s, row.wrong) == (2, 2, 0.0, 0)
            assert (row.dark.found, row.dark.of) == (1, 1)
            assert (row.clean_accused.found, row.clean_accused.of) == (0, 1)
        assert {name: str(tally) for name, tally in result.strict.by_edit.items()} == {"fast": "1/1", "mirror": "1/1"}
        assert result.missed == () and result.wrong == () and result.confirmed is None

    def test_recall_at_0_is_above_the_best_match_of_a_clean_release(self):
        said = [*PERFECT, match((1, 3), (2, 4), 0.85, query_id=CLEAN_ID)]
        result = score_matches(TRUTH, said)
        assert result.any_score.recall.found == 2
        assert result.any_score.clean_accused.found == 1
        assert (result.recall_at_0.threshold, result.recall_at_0.recall.found) == (0.85, 1)
        assert result.recall_at_0.dark.share == 0.0
        assert result.recall_at_0.clean_accused.found == 0

    def test_a_match_of_the_very_score_of_a_false_one_does_not_count(self):
        said = [*PERFECT, match((1, 3), (2, 4), 0.9, query_id=CLEAN_ID)]
        assert score_matches(TRUTH, said).recall_at_0.recall.found == 0

    def test_strict_is_above_every_wrong_match_also_of_releases_that_reuse(self):
        said = [*PERFECT, match((4, 6), (0, 2), 0.85, ref_id="R3")]
        result = score_matches(TRUTH, said)
        assert result.recall_at_0.recall.found == 2
        assert (result.strict.threshold, result.strict.recall.found) == (0.85, 1)
        assert [wrong.shown.source for wrong in result.wrong if wrong.shown] == ["b"]

    def test_confirmed_counts_matches_of_that_level_only(self):
        said = [
            replace(PERFECT[0], level="confirmed"),
            replace(PERFECT[1], level="possible"),
            match((0, 2), (0, 2), 0.99, query_id=CLEAN_ID, level="possible"),
        ]
        result = score_matches(TRUTH, said)
        assert result.confirmed is not None
        assert (result.confirmed.recall.found, result.confirmed.clean_accused.found) == (1, 0)
        assert result.any_score.clean_accused.found == 1

    def test_a_wrong_match_tells_what_is_shown_there(self):
        wrong = score_matches(TRUTH, [match((1, 3), (0, 2), query_id=CLEAN_ID)]).wrong
        assert wrong[0].shown is not None and wrong[0].shown.kind == "later"

    def test_nothing_said(self):
        result = score_matches(TRUTH, [])
        assert (result.segment_ap, result.strict.recall.found, result.strict.boundary_s) == (0.0, 0, None)

    def test_as_text(self):
        result = score_matches(TRUTH, [*PERFECT, match((1, 3), (2, 4), 0.85, query_id=CLEAN_ID)])
        assert table([("this", result)]).splitlines()[2].startswith("| this | .")
        assert "wrong, 0.8500 : Q2 1.00-3.00 s as R1; it shows later a none" in lines(result)


class TestInput:
    @pytest.mark.parametrize(
        "changed",
        [
            {"query_id": "Q9"}, {"ref_id": "R9"}, {"score": math.nan}, {"ref_end": math.inf}, {"query_end": 0.0},
            {"ref_start": 14.0},
        ],
    )  # fmt: skip
    def test_a_match_that_makes_no_sense_is_an_error(self, changed):
        with pytest.raises(BenchmarkError):
            score_matches(TRUTH, [replace(PERFECT[0], **changed)])

    def test_a_truth_box_without_its_segment_is_an_error(self):
        broken = replace(TRUTH, boxes=(box(1, 3, 0, 2),))
        with pytest.raises(BenchmarkError, match=r"segments\.csv does not"):
            score_matches(broken, PERFECT)


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    (tmp_path / "gt.csv").write_text(
        "query_id,ref_id,query_start,query_end,ref_start,ref_end\nQ1,R1,0.0,4.0,10.0,14.0\nQ1,R2,6.0,8.0,0.0,4.0\n"
    )
    (tmp_path / "segments.csv").write_text(
        "query_id,query_start,query_end,kind,clip,edits,dark,category\nQ1,0.0,4.0,r,a,mirror,no,street\n"
        "Q1,4.0,6.0,d,b,none,no,\nQ1,6.0,8.0,r,c,fast,yes,sky\nQ2,0.0,5.0,later,a,none,no,street\n"
    )
    references = [{"ref_id": name} for name in ("R1", "R2", "R3")]
    (tmp_path / "meta.json").write_text(json.dumps({"refs": references, "clean": ["Q2"]}))
    (tmp_path / "matches.csv").write_text(
        "query_id,ref_id,query_start,query_end,ref_start,ref_end,score,level,more\nQ1,R1,0,4,10,14,0.9,confirmed,1\n"
    )
    return tmp_path


class TestFiles:
    def test_what_is_read_is_what_was_written(self, bench):
        truth = load_truth(bench)
        assert truth.boxes == TRUTH.boxes
        assert (truth.clean, truth.reference_ids, truth.query_ids) == (
            TRUTH.clean,
            TRUTH.reference_ids,
            TRUTH.query_ids,
        )
        assert [segment.dark for segment in truth.segments] == [False, False, True, False]
        assert load_matches(bench / "matches.csv") == (replace(PERFECT[0], level="confirmed"),)

    @pytest.mark.parametrize("missing", ["gt.csv", "segments.csv", "meta.json"])
    def test_a_folder_that_lacks_a_file_is_no_benchmark(self, bench, missing):
        (bench / missing).unlink()
        with pytest.raises(BenchmarkError, match="no benchmark folder"):
            load_truth(bench)

    def test_a_list_without_a_column_is_an_error(self, bench):
        (bench / "matches.csv").write_text("query_id,ref_id,score\nQ1,R1,1\n")
        with pytest.raises(BenchmarkError, match="no list of matches"):
            load_matches(bench / "matches.csv")

    def test_the_command_prints_the_figures(self, bench):
        command = [sys.executable, CHECKOUT / "benchmarks" / "accuracy", "score", bench, bench / "matches.csv"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        assert done.stdout.startswith("segment AP 0.5774\nany score recall .500 (1/2)")
        as_json = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True, timeout=60)
        assert json.loads(as_json.stdout)["confirmed"]["recall"] == {"found": 1, "of": 2}

    def test_the_command_fails_on_what_is_no_benchmark(self, bench):
        (bench / "gt.csv").unlink()
        command = [sys.executable, CHECKOUT / "benchmarks" / "accuracy", "score", bench, bench / "matches.csv"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1
        assert "is no benchmark folder" in done.stderr and "Traceback" not in done.stderr
