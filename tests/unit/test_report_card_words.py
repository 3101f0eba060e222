"""Words of a match card: kinds, how exact dates are, which comes first, how strong a match is, what people say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.explained_samples import build_full_report, explained
from tests.unit.report_page import Page
from tests.unit.report_samples import CLAIMED_BASIS, build_report, match, reference, reported
from verify.findings.statements import match_finding
from verify.model import AnalystDecision, Annotation, FalseAlarmBound, MatchLevel, ReferenceKind, Report
from verify.report.card_words import (
    chance_words,
    date_relation,
    kind_words,
    made_up_words,
    precision_words,
)
from verify.report.html_report import render_html
from verify.report.options import RenderOptions

HOSTILE = '<script>alert(1)</script>" onload="x \u202egnp.exe\u202c ' + "W" * 5_000


def said(number: int, decision: AnalystDecision | None, subject: str = "1", **changes: str) -> Annotation:
    made = Annotation(
        number=number,
        utc=f"2026-11-2{number}T09:00:00Z",
        by=f"Analyst {number}",
        subject=subject,
        decision=decision,
        note=f"Note {number}.",
        report_sha256="0" * 64,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def page_with(report: Report, folder: Path, *annotations: Annotation) -> Page:
    return Page(render_html(report, folder, RenderOptions(annotations=annotations)))


# --- dates ---


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("2021", "known to the year"),
        ("2021-03", "known to the month"),
        ("2021-03-14", "known to the day"),
        ("2021-03-14T08:30:00Z", "known to the second"),
        ("", ""),
        ("spring 2021", ""),
        ("2021-03-14T08:30", ""),
    ],
)
def test_a_date_is_as_exact_as_it_is_written(moment: str, words: str) -> None:
    assert precision_words(moment) == words


@pytest.mark.parametrize(
    ("seen", "claimed", "is_earlier", "sentence"),
    [
        ("2019-03-14", "2025-05-07", True, "2019-03-14 precedes 2025-05-07, the date claimed for this release."),
        ("2026", "2025-05-07", False, "2026 does not precede 2025-05-07, the date claimed for this release."),
        ("2025", "2025-05-07", False, "At the precision given, 2025 is not shown to precede 2025-05-07, the date"),
        ("", "2025-05-07", False, "When it was first seen is not known, so nothing is said about which"),
        ("2019", "", False, "No date is claimed for this release, so nothing is said about which"),
        ("long ago", "2025", False, "long ago and 2025, the date claimed for this release, cannot be compared."),
    ],
)
def test_which_of_two_dates_comes_first(seen: str, claimed: str, is_earlier: bool, sentence: str) -> None:
    ref = reference(first_seen=seen)
    relation = date_relation(match_finding(match(), ref, claimed, CLAIMED_BASIS), ref, claimed)
    assert relation.is_earlier == is_earlier
    assert relation.sentence.startswith(sentence)
    assert relation.heading == (
        "Dated before the claimed date." if is_earlier else "Not shown to be earlier than the claimed date."
    )


def test_a_scene_is_never_called_earlier(tmp_path: Path) -> None:
    ref = reference(first_seen="2001-01-01")
    entry = reported(tmp_path, 1, match(same_scene_only=True), ref)
    relation = date_relation(entry.finding, ref, "2025-05-07")
    assert not relation.is_earlier
    assert relation.heading == "Only the scene is alike."
    assert relation.sentence.endswith("so this is not counted as reuse.")


def test_a_finding_that_does_not_say_earlier_is_not_overruled() -> None:
    ref = reference(first_seen="2001-01-01")
    finding = match_finding(match(), replace(ref, first_seen=""), "2025-05-07", CLAIMED_BASIS)
    relation = date_relation(finding, ref, "2025-05-07")
    assert (relation.is_earlier, relation.heading) == (False, "Not shown to be earlier than the claimed date.")


# --- kinds and strength ---


def test_every_kind_has_words_and_games_and_films_are_marked() -> None:
    assert len({kind_words(kind) for kind in ReferenceKind}) == len(ReferenceKind)
    assert {kind for kind in ReferenceKind if made_up_words(kind)} == {ReferenceKind.GAME, ReferenceKind.FILM}


@pytest.mark.parametrize(
    ("bound", "words"),
    [
        (None, "not measured how often unrelated footage reaches it"),
        (FalseAlarmBound(alarms=0, trials=0, rate_at_most=1.0), "not measured how often unrelated footage reaches it"),
        (
            FalseAlarmBound(alarms=0, trials=1240, rate_at_most=3 / 1240),
            "none in 1,240 searches for footage that was not in the archive: at most about 0.24% (95% confidence)",
        ),
        (
            FalseAlarmBound(alarms=2, trials=300, rate_at_most=0.024),
            "2 in 300 searches for footage that was not in the archive: at most about 2.4% (95% confidence)",
        ),
    ],
)
def test_how_often_chance_gets_there(bound: FalseAlarmBound | None, words: str) -> None:
    assert chance_words(bound) == words


def test_how_strong_a_match_is_stands_before_its_pictures(tmp_path: Path) -> None:
    html = render_html(build_full_report(tmp_path), tmp_path)
    card = html[html.index('id="match-1"') : html.index('id="match-3"')]
    assert card.index('class="strength"') < card.index("<img") < card.index("<summary>Measurements")
    words = " ".join(Page(card).text.split())
    assert "Evidence 2 independent families: keypoints under one geometric transform; motion at the same" in words
    assert "Score 0.90 of 1, higher is stronger False alarms none in 1,240 searches" in words


def test_a_scene_shows_no_score_at_its_head(tmp_path: Path) -> None:
    html = render_html(build_full_report(tmp_path), tmp_path)
    head = html[html.index('id="scene-1"') :].partition('class="moments"')[0]
    assert "False alarms" not in head
    assert "Why it is not counted" in head


def test_a_possible_match_says_why_it_is_only_possible(tmp_path: Path) -> None:
    html = render_html(build_full_report(tmp_path), tmp_path)
    head = html[html.index('id="match-2"') :].partition('class="moments"')[0]
    assert "Why only possible" in head
    assert "the archive keeps no confirmation data for this reference" in head


# --- pictures ---


def test_no_picture_is_on_the_page_twice(tmp_path: Path) -> None:
    report = build_full_report(tmp_path)
    shown = [tag["src"] for tag in Page(render_html(report, tmp_path)).all("img")]
    entries = [*report.matches, *report.same_scene, *report.repeats]
    assert len(shown) == 1 + sum(2 * len(entry.frame_pairs) for entry in entries)
    by_card = [shown[start : start + 6] for start in range(1, len(shown), 6)]
    assert all(len(set(card)) == len(card) for card in by_card)


def test_a_missing_picture_is_said_to_be_missing(tmp_path: Path) -> None:
    report = build_full_report(tmp_path)
    bare = tuple(
        replace(entry, frame_pairs=tuple(replace(pair, reference=None) for pair in entry.frame_pairs))
        for entry in report.matches
    )
    page = Page(render_html(replace(report, matches=bare), tmp_path))
    assert page.words().count("The archive keeps no pictures of this reference.") == 3 * len(bare)
    assert page.words().count("There is no picture of this moment.") == 2 * len(bare)


def test_five_hundred_matches_stay_light(tmp_path: Path) -> None:
    report = build_report(tmp_path, 1)
    entry = replace(report.matches[0], match=explained(report.matches[0].match), frame_pairs=())
    many = tuple(replace(entry, number=number) for number in range(1, 501))
    html = render_html(replace(report, matches=many), tmp_path)
    assert len(html) / 500 < 24_000
    assert html.count("<dialog") == 1


# --- what people say ---


def test_an_analyst_stands_beside_the_tool_and_does_not_speak_for_it(tmp_path: Path) -> None:
    report = build_report(tmp_path, 1)
    first = said(1, AnalystDecision.UNCLEAR)
    second = said(2, AnalystDecision.REJECTED, key_id="0123456789ABCDEF")
    annotations = (second, first, said(3, AnalystDecision.CONFIRMED, subject="7"))
    html = render_html(report, tmp_path, RenderOptions(annotations=annotations))
    words = Page(html[html.index('<article class="match confirmed"') : html.index("</article>")]).words()
    assert "Match 1✓ ConfirmedAnalyst: rejected" in words
    assert "A person's word, added later. The tool's own finding is not changed by it." in words
    assert "Analyst: rejected by Analyst 2, 2026-11-22 09:00:00 UTC Note 2. Signed with the key 0123456789ABCDEF." in (
        words
    )
    assert "1 earlier word, which no longer holds" in words
    assert "Analyst: unclear by Analyst 1, 2026-11-21 09:00:00 UTC Note 1. Not signed." in words
    assert words.index("Analyst 2") < words.index("Analyst 1")
    assert "Analyst 3" not in words


@pytest.mark.parametrize("subject", ["2", "S1", "R2"])
def test_a_word_is_shown_where_it_belongs(tmp_path: Path, subject: str) -> None:
    report = build_full_report(tmp_path)
    html = render_html(report, tmp_path, RenderOptions(annotations=(said(1, AnalystDecision.CONFIRMED, subject),)))
    assert html.count('role="note"') == 1
    anchor = {"2": "match-2", "S1": "scene-1", "R2": "repeat-2"}[subject]
    assert 0 < html.index('role="note"') - html.index(f'" id="{anchor}" aria-labelledby=') < 1_000


def test_an_earlier_release_has_its_own_words(tmp_path: Path) -> None:
    report = build_report(tmp_path, 1)
    earlier = replace(report.matches[0], match=explained(match(level=MatchLevel.CONFIRMED)))
    words = page_with(
        replace(report, earlier_releases=(earlier,)), tmp_path, said(1, AnalystDecision.CONFIRMED, "E1")
    ).words()
    assert "Earlier release 1✓ ConfirmedAnalyst: confirmed" in words
    assert "Earlier release at 0:03.00" in words
    assert "earlier release time = 1.00 × release time" in words


def test_hostile_words_of_people_stay_words(tmp_path: Path) -> None:
    report = build_report(tmp_path, 1)
    hostile = said(1, AnalystDecision.REJECTED, by=HOSTILE, note=HOSTILE, key_id=HOSTILE, utc=HOSTILE)
    page = page_with(report, tmp_path, hostile)
    assert [name for name, _ in page.tags].count("script") == 1
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert '<script>alert(1)</script>" onload="x [U+202E]gnp.exe[U+202C] WWW' in page.text
    assert "\u202e" not in page.text
