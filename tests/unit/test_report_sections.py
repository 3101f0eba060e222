"""The sections of report.html beside its matches: figures, claims on two sides, shots, words of people, and more."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.unit.report_page import Page
from tests.unit.report_samples import build_report, interval, picture, sample_claims
from verify.findings.claims import release_claims
from verify.model import (
    Acquisition,
    AnalystDecision,
    Annotation,
    Bearing,
    Claim,
    CoverageSpan,
    CoverageState,
    FrameClass,
    Rejection,
    Report,
    Shot,
    ShotView,
    TextInPicture,
)
from verify.report.html_report import render_html
from verify.report.options import RenderOptions
from verify.report.page_view import claims_by_side, length_words, listed_shots, summarise

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = '<script>alert(1)</script>"\u202egnp.exe{{ 7*7 }}' + "W" * 3000


def section(html: str, name: str) -> str:
    """Return the words of a section of a page."""
    found = re.search(rf'<section id="{name}".*?</section>', html, re.DOTALL)
    assert found is not None, f"no section {name}"
    return Page(found[0]).words()


def spans(*lengths: tuple[CoverageState, float]) -> tuple[CoverageSpan, ...]:
    made = []
    start_s = 0.0
    for state, length_s in lengths:
        made.append(CoverageSpan(interval=interval(start_s, start_s + length_s), state=state, reason="why"))
        start_s += length_s
    return tuple(made)


@pytest.mark.parametrize(
    ("examined_s", "of_s", "share", "shown_s"),
    [
        (1000, 0, "100%", 1000),
        (999.96, 0.04, "99%", 999.9),
        (0.04, 999.96, "less than 1%", 0.0),
        (0, 1000, "0%", 0),
        (1 / 3, 2 / 3, "33%", 0.3),
        (1, 99, "1%", 1),
    ],
)
def test_what_was_examined_is_never_rounded_up(
    tmp_path: Path, examined_s: float, of_s: float, share: str, shown_s: float
) -> None:
    coverage = spans((CoverageState.NO_MATCH, examined_s), (CoverageState.NOT_EXAMINABLE, of_s))
    summary = summarise(replace(build_report(tmp_path, 0), coverage=coverage))
    assert (summary.examined_share, summary.examined_s) == (share, pytest.approx(shown_s))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(62.04, "62 seconds"), (599.9, "599.9 seconds"), (600, "10 min"), (9547.9, "2 h 39 min 7 s"), (10_800, "3 h")],
)
def test_long_lengths_are_told_in_hours(seconds: float, words: str) -> None:
    assert length_words(seconds) == words


def test_templates_do_not_count_as_examined(tmp_path: Path) -> None:
    coverage = spans(
        (CoverageState.MATCHED, 1),
        (CoverageState.REPEATED, 1),
        (CoverageState.NO_MATCH, 1),
        (CoverageState.TEMPLATE, 1),
    )
    assert summarise(replace(build_report(tmp_path, 0), coverage=coverage)).examined_share == "75%"


def test_claims_stand_on_two_sides_in_their_order(tmp_path: Path) -> None:
    by_publisher = Claim(claimant="  example MINISTRY", statement="We filmed it.", origin="claims file")
    other = Claim(claimant="Example Ministry of Elsewhere", statement="They did not.")
    report = replace(build_report(tmp_path, 0), claims=(other, *sample_claims(), by_publisher))
    own, others = claims_by_side(report)
    assert [numbered.number for numbered in own] == [2, 3, 5]
    assert [numbered.number for numbered in others] == [1, 4]
    html = render_html(report, tmp_path)
    places = [html.index(f'id="{name}"') for name in ("claims-own", "claim-2", "claim-3", "claim-5", "claims-others")]
    places += [html.index(f'id="claim-{number}"') for number in (1, 4)]
    assert places == sorted(places)
    assert section(html, "claims").count("not assessed by this tool") == 5


def test_what_a_release_says_is_on_its_side_whoever_published_it(tmp_path: Path) -> None:
    acquisition = Acquisition(
        source="clip.mp4", is_local_file=True, title="A title", description="A text", started_utc="", finished_utc="",
        tool_versions={}, files=(),
    )  # fmt: skip
    report = build_report(tmp_path, 0)
    nameless = Claim(claimant="", statement="Nobody said this.")
    report = replace(
        report, claims=(*release_claims(acquisition), nameless), release=replace(report.release, publisher="")
    )
    own, others = claims_by_side(report)
    assert [numbered.claim.statement for numbered in own] == ["A title", "A text"]
    assert [numbered.claim for numbered in others] == [nameless]


def test_a_claim_keeps_its_side_in_another_language(tmp_path: Path) -> None:
    report = build_report(tmp_path, 0)
    said_again = replace(
        report,
        release=replace(report.release, publisher=""),
        claims=tuple(replace(claim, origin="la vidéo elle-même (titre)") for claim in report.claims),
    )
    own, others = claims_by_side(said_again, report)
    assert [numbered.number for numbered in own] == [1, 2]
    assert [numbered.claim.origin for numbered in own] == ["la vidéo elle-même (titre)"] * 2
    assert [numbered.number for numbered in others] == [3]


def test_an_empty_side_says_so(tmp_path: Path) -> None:
    report = build_report(tmp_path, 0)
    only_own = replace(report, claims=report.claims[:2])
    only_other = replace(report, claims=report.claims[2:])
    assert "No claim of others was given to this tool." in section(render_html(only_own, tmp_path), "claims")
    assert "No claim of theirs was found or given." in section(render_html(only_other, tmp_path), "claims")


def test_what_footage_has_to_do_with_a_claim_stands_below_it(tmp_path: Path) -> None:
    report = build_report(tmp_path, 2)
    bearings = (
        Bearing(claim=3, match=2, statement="The shot at 0:20.67 was published no later than 2021."),
        Bearing(claim=3, match=99, statement="Of a match that is not here."),
    )
    claims = (*report.claims[:2], replace(report.claims[2], span=interval(4, 6.5)))
    html = render_html(replace(report, bearings=bearings, claims=claims), tmp_path)
    words = section(html, "claims")
    assert "About 0:04.00 to 0:06.50 of the release" in words
    assert words.count("What the footage found has to do with it") == 1
    assert "The shot at 0:20.67 was published no later than 2021. Match 2" in words
    assert 'href="#match-99"' not in html


def test_shots_are_listed_with_what_was_read_in_them(tmp_path: Path) -> None:
    report = build_report(tmp_path, 0)
    lines = tuple(
        TextInPicture(text=text, confidence=0.8, left=0.1, top=0.1, width=0.5, height=0.1)
        for text in ("BREAKING", *(f"line {number}" for number in range(20)))
    )
    view = ShotView(shot=2, picture=picture(tmp_path, "shot-0002.jpg", 7.0, 5), texts=lines)
    report = replace(report, shot_views=(view,), texts_read=True)
    words = section(render_html(report, tmp_path), "shots")
    assert "All 11 shots" in words
    assert "Shot 2 0:03.00 to 0:11.00 footage BREAKING line 0" in words
    assert "line 10 9 more lines are in report.json" in words
    assert "line 11" not in words
    assert "Shot 9 0:44.00 to 0:50.00 dark: too dark to carry evidence" in words
    assert "read by a machine" in words
    assert "often wrong" in words
    assert "was not looked for" in section(render_html(replace(report, texts_read=False), tmp_path), "shots")


def long_report(folder: Path, count: int, viewed: tuple[int, ...]) -> Report:
    report = build_report(folder, 0)
    shown = picture(folder, "shot.jpg", 0, 1)
    shots = tuple(
        Shot(interval=interval(number / 2, number / 2 + 0.5), frame_class=FrameClass.TEXTURED)
        for number in range(count)
    )
    return replace(report, shots=shots, shot_views=tuple(ShotView(shot=number, picture=shown) for number in viewed))


def test_thousands_of_shots_are_bounded_and_the_rest_is_named(tmp_path: Path) -> None:
    report = long_report(tmp_path, 4000, (7, 3000))
    assert [listed.number for listed in listed_shots(report)] == [7, 3000]
    assert "2 of 4,000 shots; report.json lists all of them" in section(render_html(report, tmp_path), "shots")
    bare = replace(report, shot_views=())
    assert [listed.number for listed in listed_shots(bare)] == list(range(1, 301))
    assert len(listed_shots(long_report(tmp_path, 300, (7,)))) == 300


def test_thousands_of_spans_are_bounded_and_the_rest_is_named(tmp_path: Path) -> None:
    coverage = spans(*[(CoverageState.NO_MATCH, 1.0), (CoverageState.TEMPLATE, 0.5)] * 3000)
    html = render_html(replace(build_report(tmp_path, 0), coverage=coverage), tmp_path)
    words = section(html, "timeline")
    assert "All 6,000 spans as a table" in words
    assert "The first 500 are shown; report.json has all of them." in words
    assert html.count('class="span ') <= 2000


def test_what_was_not_reported_is_told_with_its_reason(tmp_path: Path) -> None:
    report = build_report(tmp_path, 0)
    one = Rejection(query=interval(4, 8), reference_id=HOSTILE, score=0.3125, reason="what moves does not agree")
    html = render_html(replace(report, rejected=(one,) * 150, rejected_count=1234), tmp_path)
    words = section(html, "rejected")
    assert "The strongest 100 of 1,234" in words
    assert words.count("what moves does not agree") == 100
    assert "0.312" in words
    assert "alert(1)</script>" not in html
    assert 'id="rejected"' not in render_html(report, tmp_path)


def annotation(number: int, subject: str = "", **changes: object) -> Annotation:
    made = Annotation(
        number=number,
        utc="2026-02-03T10:00:00Z",
        by="A. Editor",
        subject=subject,
        decision=AnalystDecision.REJECTED if subject else None,
        note=f"note {number}",
        report_sha256="ab" * 32,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_words_of_people_are_listed_in_order_and_announced_first(tmp_path: Path) -> None:
    said = (
        annotation(3, "1", decision=AnalystDecision.CONFIRMED, key_id="0123456789ABCDEF"),
        annotation(1, "1"),
        annotation(2),
        annotation(4, "S9"),
    )
    html = render_html(build_report(tmp_path, 1), tmp_path, RenderOptions(annotations=said))
    words = section(html, "words")
    assert [words.index(f"note {number}") for number in (1, 2, 3, 4)] == sorted(
        words.index(f"note {number}") for number in (1, 2, 3, 4)
    )
    assert "Match 1: rejected by a person note 1 A. Editor, 2026-02-03 10:00:00 UTC; the log is not signed" in words
    assert "Correction note 2" in words
    assert "Match 1: confirmed by a person" in words
    assert "the log is signed with the key 0123456789ABCDEF" in words
    assert "S9: rejected by a person" in words
    assert 'href="#scene-9"' not in html
    assert "4 corrections or analysts' words were added" in section(html, "release")
    assert 'id="words"' not in render_html(build_report(tmp_path, 1), tmp_path)


def test_hostile_words_stay_text(tmp_path: Path) -> None:
    said = (annotation(1, HOSTILE, by=HOSTILE, note=HOSTILE, key_id=HOSTILE, report_sha256=HOSTILE),)
    report = build_report(tmp_path, 1)
    view = ShotView(
        shot=1,
        picture=picture(tmp_path, "shot.jpg", 0, 1),
        texts=(TextInPicture(text=HOSTILE, confidence=1, left=0, top=0, width=1, height=1),),
    )
    bearings = (Bearing(claim=1, match=1, statement=HOSTILE),)
    html = render_html(
        replace(report, shot_views=(view,), bearings=bearings), tmp_path, RenderOptions(annotations=said)
    )
    assert "alert(1)</script>" not in html
    assert "\u202e" not in html


def test_pictures_can_be_left_out(tmp_path: Path) -> None:
    report = build_report(tmp_path, 2)
    report = replace(report, shot_views=(ShotView(shot=1, picture=picture(tmp_path, "shot.jpg", 0, 1)),))
    html = render_html(report, tmp_path, RenderOptions(has_pictures=False))
    page = Page(html)
    assert list(page.all("img")) == []
    assert "data:image/jpeg;" not in html
    assert "Pictures were left out of this report." in section(html, "release")
    assert "Pictures were left out of this report." in section(html, "shots")
    assert "This picture is not available." not in page.words()


def test_every_blurred_picture_has_a_box_of_its_own(tmp_path: Path) -> None:
    html = render_html(build_report(tmp_path, 2), tmp_path, RenderOptions(is_blurred=True))
    page = Page(html)
    assert 'class="veiled"' in html
    boxes = [tag for tag in page.all("input") if tag.get("type") == "checkbox" and "aria-label" in tag]
    assert len(boxes) == len(list(page.all("img"))) > 10
    assert len(re.findall(r'<label class="veil"><input type="checkbox" [^>]*><img ', html)) == len(boxes)
    plain = render_html(build_report(tmp_path, 2), tmp_path)
    assert 'class="veil' not in plain
    assert 'id="show-all"' not in plain


def test_a_report_says_how_it_is_checked_again(tmp_path: Path) -> None:
    report = replace(build_report(tmp_path, 1), examination="fingerprints.zip")
    evidence = replace(report.evidence, media_path="data/master/a name's.mp4")
    words = section(render_html(replace(report, evidence=evidence), tmp_path), "recheck")
    assert "verify evidence check FOLDER" in words
    assert "verify replay FOLDER" in words
    assert "matches the stored fingerprints of the release" in words
    assert """sha256sum 'evidence/data/master/a name'"'"'s.mp4'""" in words
    assert report.release.media_sha256 in words
    without = section(render_html(replace(report, examination=""), tmp_path), "recheck")
    assert "This report keeps no fingerprints of the release" in without


def test_many_warnings_do_not_hide_the_timeline(tmp_path: Path) -> None:
    report = replace(build_report(tmp_path, 0), warnings=tuple(f"warning {number}" for number in range(9)))
    words = section(render_html(report, tmp_path), "release")
    assert "6 more warnings" in words
    assert all(f"warning {number}" in words for number in range(9))
