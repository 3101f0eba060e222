"""What was measured of a match, as the page shows it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.unit.explained_samples import build_full_report, crop, explained
from tests.unit.report_page import Page, page_of
from tests.unit.report_samples import build_report, match, reference, reported
from verify.model import MatchLevel
from verify.report.html_report import render_html


def test_possible_matches_stand_apart_from_confirmed_ones(tmp_path: Path) -> None:
    report = build_full_report(tmp_path)
    html = render_html(report, tmp_path)
    confirmed, possible = html.index('id="matches"'), html.index('id="possible-matches"')
    for entry in report.matches:
        place = html.index(f'id="match-{entry.number}"')
        assert (confirmed < place < possible) == (entry.match.level is MatchLevel.CONFIRMED)
    words = Page(html).words()
    assert "Confirmed (2)" in words
    assert "Possible (2)" in words
    only_possible = tuple(entry for entry in report.matches if entry.match.level is MatchLevel.POSSIBLE)
    words = page_of(replace(report, matches=only_possible), tmp_path).words()
    assert "No match is confirmed by two independent families of evidence." in words


def test_a_list_of_matches_comes_first_where_there_are_many(tmp_path: Path) -> None:
    page = page_of(build_report(tmp_path, 8), tmp_path)
    links = [tag["href"] for tag in page.all("a") if tag["href"].startswith("#match-") and "aria-label" not in tag]
    assert links == [f"#match-{number}" for number in (1, 3, 5, 7, 2, 4, 6, 8)]


def test_everything_that_was_measured_is_on_the_page(tmp_path: Path) -> None:
    report = build_full_report(tmp_path)
    words = page_of(report, tmp_path).words()
    expected = [
        *(entry.finding.statement for entry in (*report.matches, *report.same_scene, *report.repeats)),
        *(entry.finding.basis for entry in (*report.matches, *report.same_scene, *report.repeats)),
        *(entry.finding.limits for entry in report.repeats),
        "2 repeats inside the release",
        "R is a part that shows an earlier one again",
        "23 places agree in the best pair of pictures, 3 pairs gave the transform; it covers 36% of the reference's",
        "-0.6, 0, 0.8, 0, 0.6, 0.05625",
        "correlation 0.820 here and 0.110 at best at other times; median of the single moments 0.780; still",
        "keypoints under one geometric transform; motion at the same moments",
        "In 1,240 searches for footage that was not in the archive, none reached this score",
        "0:03.50: not measured; 0:05.75: not measured; 0:08.00: not measured (frames shown)",
        "reference time = 0.00 × release time + 3.00 s; held as a still picture",
        "The release shows it: mirrored cropped to about 35% of the picture (enlarged about 1.7 times)",
        "Earlier part at 0:05.00",
        "earlier part time = 1.00 × release time − 31.00 s",
    ]
    assert [text for text in expected if text not in words] == []


def test_drawings_have_words_for_those_who_cannot_see_them(tmp_path: Path) -> None:
    report = build_full_report(tmp_path)
    page = page_of(report, tmp_path)
    labels = [tag["aria-label"] for tag in page.all("svg") if tag.get("role") == "img"]
    assert all(tag.get("role") in ("img", "group") or tag.get("aria-hidden") == "true" for tag in page.all("svg"))
    assert labels[:4] == [
        "23 places at which the picture of the release at 0:05.75, on the left, agrees with that of the reference at "
        "0:05.25, on the right. The outlines mark the same part in both: about 35% of the picture on the right, about "
        "100% of that on the left.",
        "Change in the release and in the reference, 0:03.50 to 0:08.00 of the release: correlation 0.82 here, 0.11 "
        "at best elsewhere.",
        "Correlation of each moment; the median is 0.78.",
        "Similarity of the release from 0:03.50 to 0:08.00, left to right, with the reference from 0:02.00 to 0:08.50, "
        "upwards: 30% to 99%.",
    ]


def test_a_match_without_measured_transform_says_so(tmp_path: Path) -> None:
    entry = explained(match(), replace(crop(0, 0, 1), frame_pairs=0, cells=0, keypoints=()))
    report = replace(build_report(tmp_path, 0), matches=(reported(tmp_path, 1, entry, reference()),))
    words = page_of(report, tmp_path).words()
    assert "the whole picture was laid on the whole picture; no transform was measured." in words
    assert "How the pictures lie on each other" not in words
