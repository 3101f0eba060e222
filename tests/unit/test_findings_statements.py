"""Every sentence a report may say, read as text."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.explained_samples import build_full_report, explained
from tests.unit.report_samples import CLAIMED_BASIS, CLAIMED_DATE, build_report, interval, match, reference
from verify.findings.statements import (
    answer,
    match_finding,
    no_match_finding,
    not_examinable_finding,
    repeat_finding,
    same_scene_finding,
)
from verify.findings.wording import (
    about_share,
    counted,
    listed,
    quoted,
    rate_words,
    seconds_words,
    share_words,
    timecode,
)
from verify.model import (
    ArchiveSnapshot,
    CoverageSpan,
    CoverageState,
    Finding,
    FindingKind,
    MatchLevel,
    ReferenceKind,
    ReportedMatch,
    SightingSource,
    Transform,
)

FORBIDDEN = re.compile(
    r"\b(prove[sdn]?|proof|fake[ds]?|authentic|genuine|identical|deceptive|mislead\w*|same as)\b", re.I
)
ARCHIVE = ArchiveSnapshot(
    snapshot_id="cd", reference_count=42, frame_count=9000, duration_s=90.0, algorithms=("pdq 1",)
)


def state(first_seen: str = "2019-03-14", claimed: str = CLAIMED_DATE, basis: str = CLAIMED_BASIS) -> Finding:
    return match_finding(match(), reference(first_seen=first_seen), claimed, basis)


# --- times, rates, numbers and quotations ---


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00.00"),
        (14.25, "0:14.25"),
        (59.996, "1:00.00"),
        (3723.5, "1:02:03.50"),
        (-0.5, "-0:00.50"),
        (-0.001, "0:00.00"),
    ],
)
def test_timecode(seconds: float, text: str) -> None:
    assert timecode(seconds) == text


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="not a time"):
        timecode(float("nan"))


@given(st.floats(min_value=0, max_value=1e6))
def test_a_timecode_is_within_half_a_hundredth_of_its_time(seconds: float) -> None:
    parts = [float(part) for part in timecode(seconds).split(":")]
    assert sum(part * 60**power for power, part in enumerate(reversed(parts))) == pytest.approx(seconds, abs=0.00501)


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (1.0, ""),
        (1.015, ""),
        (0.5, "shown at about half speed (0.50x)"),
        (0.51, "shown at about half speed (0.51x)"),
        (2.0, "shown at about double speed (2.00x)"),
        (0.8, "shown at about 80% of its speed (0.80x)"),
        (1.0427, "shown at about 104% of its speed (1.04x)"),
        (-1.0, "shown backwards"),
        (-0.5, "shown backwards at about half speed (0.50x)"),
        (0.0, "held as a still picture"),
        (-0.0, "held as a still picture"),
    ],
)
def test_rates_in_words(rate: float, words: str) -> None:
    assert rate_words(rate) == words


def test_numbers_in_words() -> None:
    assert [seconds_words(value) for value in (1, 12.5, 62.04, 0.04, 60, 0)] == [
        "1 second",
        "12.5 seconds",
        "62 seconds",
        "0.04 seconds",
        "60 seconds",
        "0 seconds",
    ]
    assert counted(1, "match", "matches") == "1 match"
    assert counted(12_000, "match", "matches") == "12,000 matches"
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


@pytest.mark.parametrize(
    ("share", "words", "about"),
    [
        (1.0, "100%", "about 100%"),
        (0.358, "36%", "about 35%"),
        (0.125, "12%", "about 10%"),
        (0.03, "3%", "about 3%"),
        (3 / 1240, "0.24%", "about 1%"),
        (3e-6, "less than 0.001%", "about 1%"),
        (0.0, "0%", "about 1%"),
    ],
)
def test_shares_in_words(share: float, words: str, about: str) -> None:
    assert (share_words(share), about_share(share)) == (words, about)


def test_a_quotation_is_bounded_and_cannot_act() -> None:
    assert quoted("  two\n lines\t") == "'two lines'"
    assert quoted("a\u202eb\u200fc\x1b[31m\x00\ud800") == "'abc[31m'"
    assert quoted("x" * 10_000) == "'" + "x" * 119 + "…'"
    assert quoted("مرحبا 12") == "'\u2068مرحبا 12\u2069'"


# --- matches ---


def test_a_possible_match_with_earlier_footage() -> None:
    finding = match_finding(match(rate=0.5, mirrored=True), reference(), CLAIMED_DATE, CLAIMED_BASIS)
    assert finding.kind is FindingKind.REUSE_EARLIER
    assert finding.statement == (
        "Possible match, for a person to confirm: in this release, 0:14.25 to 0:17.50 is visually consistent with "
        "0:03.00 to 0:04.62 of the reference 'Harbour at dawn' (news, Example Agency), mirrored and shown at about "
        "half speed (0.50x). The reference was first seen no later than 2019-03-14 (upload date stated by the "
        "platform), which precedes the claimed date of this release, 2025-05-07 (publication date stated by the "
        "source)."
    )
    assert finding.basis.startswith("Supported by one family of evidence: perceptual hashes. pHash: 14 of 15 ")
    assert finding.basis.endswith("A person must compare the pictures before relying on it.")


def test_a_confirmed_match_says_how_many_families_support_it() -> None:
    finding = match_finding(match(level=MatchLevel.CONFIRMED), reference(), CLAIMED_DATE, CLAIMED_BASIS)
    assert finding.statement.startswith("In this release, 0:14.25 to 0:17.50 is visually consistent with ")
    assert finding.basis.startswith(
        "Supported by 2 independent families of evidence: perceptual hashes and keypoints under one geometric "
        "transform."
    )
    assert "possible" not in finding.statement.lower()
    assert "A person must compare" not in finding.basis


def test_nothing_is_called_confirmed_by_one_family_of_evidence() -> None:
    one_family = replace(match(level=MatchLevel.CONFIRMED), families=("keypoints", "keypoint geometry"))
    with pytest.raises(ValueError, match="a confirmed match of ref-a with 1 families of evidence"):
        match_finding(one_family, reference(), CLAIMED_DATE, CLAIMED_BASIS)
    with pytest.raises(ValueError, match="a confirmed match"):
        repeat_finding(one_family)


def test_a_statement_names_everything_that_was_done_to_the_picture() -> None:
    entry = explained(match(rate=-0.5, mirrored=True, reference_start_s=9.0, level=MatchLevel.CONFIRMED))
    finding = match_finding(
        replace(entry, transform=Transform(mirrored=True, inverted=True, bars_removed=True)), reference(), "", ""
    )
    assert finding.statement == (
        "In this release, 0:14.25 to 0:17.50 is visually consistent with 0:07.38 to 0:09.00 of the reference 'Harbour "
        "at dawn' (news, Example Agency), mirrored, with inverted polarity (bright and dark exchanged), cropped to "
        "about 35% of the picture (enlarged about 1.7 times), compared without its black bars and shown backwards at "
        "about half speed (0.50x). The reference was first seen no later than 2019-03-14 (upload date stated by the "
        "platform). No date is claimed for this release, so nothing is said about which of the two is earlier."
    )


def test_a_picture_held_still_is_stated_as_one_picture() -> None:
    finding = match_finding(match(rate=0.0), reference(), CLAIMED_DATE, CLAIMED_BASIS)
    assert finding.statement.startswith(
        "Possible match, for a person to confirm: in this release, 0:14.25 to 0:17.50 holds one picture, visually "
        "consistent with 0:03.00 of the reference 'Harbour at dawn' (news, Example Agency). The reference was first"
    )


# --- repeats inside the release ---


def test_a_repeat_says_what_is_shown_again_and_no_intent() -> None:
    finding = repeat_finding(
        explained(match(40, 43, reference_start_s=10.0, mirrored=True, level=MatchLevel.CONFIRMED))
    )
    assert finding.kind is FindingKind.REPEATED_IN_RELEASE
    assert finding.statement == (
        "In this release, 0:40.00 to 0:43.00 shows again what is shown at 0:10.00 to 0:13.00, mirrored and cropped to "
        "about 35% of the picture (enlarged about 1.7 times); the two are visually consistent."
    )
    assert "correlation 0.82 here, 0.11 at best at other times of the earlier passage." in finding.basis
    assert "ordinary editing" in finding.limits
    assert "reference" not in finding.statement + finding.basis


def test_a_possible_repeat_is_for_a_person_to_confirm() -> None:
    finding = repeat_finding(match(40, 43, reference_start_s=10.0))
    assert finding.statement == (
        "Possible repeat, for a person to confirm: in this release, 0:40.00 to 0:43.00 shows again what is shown at "
        "0:10.00 to 0:13.00; the two are visually consistent."
    )
    assert finding.basis.endswith("A person must compare the pictures before relying on it.")


def test_a_picture_of_an_earlier_part_held_still() -> None:
    statement = repeat_finding(match(40, 43, reference_start_s=10.0, rate=0.0)).statement
    assert "0:40.00 to 0:43.00 holds one picture of what is shown at 0:10.00; the two" in statement


@pytest.mark.parametrize(
    ("first_seen", "claimed", "kind", "ending"),
    [
        ("2025-05-06", "2025-05-07", FindingKind.REUSE_EARLIER, "which precedes the claimed date"),
        ("2024", "2025", FindingKind.REUSE_EARLIER, "which precedes the claimed date"),
        ("2025-05-07", "2025-05-07", FindingKind.APPEARS_IN_REFERENCE, "which does not precede the claimed date"),
        ("2025-06", "2025-05-07", FindingKind.APPEARS_IN_REFERENCE, "which does not precede the claimed date"),
        ("2025", "2025-05-07", FindingKind.APPEARS_IN_REFERENCE, "at the precision given is not shown to precede"),
        ("2025-05", "2025", FindingKind.APPEARS_IN_REFERENCE, "at the precision given is not shown to precede"),
        ("2019-03-14", "2025-05-07T23:30:00Z", FindingKind.REUSE_EARLIER, "which precedes the claimed date"),
        ("some day", "2025-05-07", FindingKind.APPEARS_IN_REFERENCE, "which cannot be compared with"),
        ("2019-13", "2025-05-07", FindingKind.APPEARS_IN_REFERENCE, "which cannot be compared with"),
    ],
)
def test_how_the_two_dates_relate(first_seen: str, claimed: str, kind: FindingKind, ending: str) -> None:
    finding = state(first_seen, claimed)
    assert finding.kind is kind
    assert f"first seen no later than {first_seen}" in finding.statement
    assert ending in finding.statement


@pytest.mark.parametrize(
    ("source", "basis", "told"),
    [
        (SightingSource.STATEMENT, "told by phone", "(by a person's statement; told by phone)"),
        (SightingSource.PLATFORM, "", "(stated by the platform)"),
        (SightingSource.OTHER, "a guess", "(a guess)"),
        (SightingSource.OTHER, " ", "(basis not stated)"),
    ],
)
def test_who_says_when_it_was_first_seen(source: SightingSource, basis: str, told: str) -> None:
    ref = reference(first_seen="2021-03-14T08:30:00Z", first_seen_source=source, first_seen_basis=basis)
    statement = match_finding(match(1, 4), ref, "2025-10-11", "stated by the operator").statement
    assert f"first seen no later than 2021-03-14T08:30:00Z {told}, which precedes" in statement


@pytest.mark.parametrize("kind", [ReferenceKind.GAME, ReferenceKind.FILM])
def test_a_game_or_film_is_never_called_footage_that_is_old(kind: ReferenceKind) -> None:
    ref = reference(kind=kind, first_seen="2015")
    finding = match_finding(match(1, 4), ref, "2025", "stated by the operator")
    entry = ReportedMatch(number=1, finding=finding, match=match(1, 4), reference=ref, frame_pairs=())
    told = answer((entry,), (), spans((10.0, CoverageState.MATCHED, "")), ARCHIVE)
    assert finding.kind is FindingKind.REUSE_EARLIER
    assert "footage first seen" not in told
    assert {ReferenceKind.GAME: "pictures of a game", ReferenceKind.FILM: "scenes of a film"}[kind] in told
    assert f"({kind.value}, " in finding.statement


def test_an_unknown_first_seen_date_is_said_and_never_makes_reuse() -> None:
    finding = state(first_seen="")
    assert finding.kind is FindingKind.APPEARS_IN_REFERENCE
    assert finding.statement.endswith(
        "When the reference was first seen is not known, so nothing is said about which of the two is earlier."
    )


def test_a_release_without_a_claimed_date_never_makes_reuse() -> None:
    finding = state(claimed="", basis="")
    assert finding.kind is FindingKind.APPEARS_IN_REFERENCE
    assert finding.statement.endswith(
        "No date is claimed for this release, so nothing is said about which of the two is earlier."
    )


def test_a_missing_basis_is_said() -> None:
    finding = match_finding(match(), reference(first_seen_basis=""), CLAIMED_DATE, "")
    assert finding.statement.count("(basis not stated)") == 2


def test_dates_one_day_apart_name_time_zones() -> None:
    assert "time zones" in state("2025-05-06").limits
    assert "time zones" not in state("2025-05-05").limits


def test_a_reference_without_title_is_named_by_its_id() -> None:
    assert "the reference 'ref-a' (news)" in match_finding(match(), reference(title="", publisher=""), "", "").statement


def test_a_hostile_title_stays_short_and_on_one_line() -> None:
    finding = match_finding(match(), reference(title="\u202e\n" + "A" * 10_000), CLAIMED_DATE, CLAIMED_BASIS)
    assert len(finding.statement) < 700
    assert "\n" not in finding.statement
    assert "\u202e" not in finding.statement


def test_a_static_scene_is_never_reuse() -> None:
    entry = match(same_scene_only=True)
    finding = same_scene_finding(entry, reference())
    assert finding.kind is FindingKind.SAME_SCENE
    assert "shows a scene visually consistent with 0:03.00 to 0:06.25 of the reference" in finding.statement
    assert (
        "It is not shown to be the same recording: what was measured does not tell two recordings of it apart. The "
        "reference was first seen no later than 2019-03-14"
    ) in finding.statement
    assert "precede" not in finding.statement
    assert "not counted as reuse" in finding.limits
    assert match_finding(entry, reference(), CLAIMED_DATE, CLAIMED_BASIS) == finding


@pytest.mark.parametrize(
    "caveat",
    [
        "too static to tell whether it is the same recording",
        "what moves does not agree",
        "the archive keeps no confirmation data for this reference",
    ],
)
def test_the_same_scene_says_why_it_is_no_more(caveat: str) -> None:
    entry = explained(match(same_scene_only=True), caveat=caveat, families=("keypoints",))
    finding = same_scene_finding(entry, reference())
    assert f"It is not shown to be the same recording: {caveat}. " in finding.statement
    assert "searches" not in finding.basis
    assert "confirmed" not in finding.statement + finding.basis


# --- no match, not examinable ---


@pytest.mark.parametrize(
    ("count", "statement"),
    [
        (12, "No match among the 12 references searched; this is not evidence that the footage is new."),
        (1, "No match among the 1 reference searched; this is not evidence that the footage is new."),
        (0, "No reference was searched, so this report cannot say whether the footage was seen before."),
    ],
)
def test_no_match(count: int, statement: str) -> None:
    finding = no_match_finding(count)
    assert (finding.kind, finding.statement) == (FindingKind.NO_MATCH, statement)


def spans(*parts: tuple[float, CoverageState, str]) -> tuple[CoverageSpan, ...]:
    made, start_s = [], 0.0
    for length_s, state_, reason in parts:
        made.append(CoverageSpan(interval=interval(start_s, start_s + length_s), state=state_, reason=reason))
        start_s += length_s
    return tuple(made)


def test_not_examinable_names_seconds_and_reasons() -> None:
    finding = not_examinable_finding(
        spans(
            (2.0, CoverageState.NOT_EXAMINABLE, "too dark"),
            (10.0, CoverageState.NO_MATCH, "no match"),
            (1.5, CoverageState.NOT_EXAMINABLE, "the file breaks off"),
            (1.0, CoverageState.NOT_EXAMINABLE, "too dark"),
        )
    )
    assert finding is not None
    assert finding.kind is FindingKind.NOT_EXAMINABLE
    assert finding.statement == "4.5 of the release's 14.5 seconds could not be examined."
    assert finding.basis == "3 seconds: too dark; 1.5 seconds: the file breaks off."


def test_a_sliver_that_is_not_examinable_is_no_finding() -> None:
    rest = (10.0, CoverageState.NO_MATCH, "")
    assert not_examinable_finding(spans(rest, (0.04, CoverageState.NOT_EXAMINABLE, "tail"))) is None
    assert not_examinable_finding(()) is None


# --- the answer ---


def test_the_answer_counts_matches_by_what_they_show(tmp_path: Path) -> None:
    report = build_report(tmp_path, 4)
    assert report.answer == (
        "For 40 of its 62 seconds, this release is visually consistent with footage in the reference archive: "
        "2 confirmed matches with footage first seen before its claimed date, 1 possible match with pictures of a "
        "game first seen before its claimed date and 1 possible match with footage not shown to be earlier; a person "
        "must confirm the possible ones."
    )


def test_possible_matches_alone_are_worded_with_more_care(tmp_path: Path) -> None:
    report = build_report(tmp_path, 2)
    only_possible = report.matches[1:]
    assert answer(only_possible, (), report.coverage, report.archive) == (
        "For 20 of its 62 seconds, this release may be visually consistent with footage in the reference archive: "
        "1 possible match with pictures of a game first seen before its claimed date; a person must confirm the "
        "possible one."
    )


def test_the_answer_without_a_match(tmp_path: Path) -> None:
    report = build_report(tmp_path, 0, scene_count=1)
    assert answer((), (), report.coverage, ARCHIVE) == no_match_finding(42).statement
    assert answer((), report.same_scene, report.coverage, ARCHIVE) == (
        "No match among the 42 references searched; this is not evidence that the footage is new; 1 passage shows a "
        "scene that a reference shows too, and that is not shown to be the same recording."
    )


def test_the_answer_where_nothing_could_be_examined() -> None:
    dark = spans((5.0, CoverageState.NOT_EXAMINABLE, "too dark"), (2.0, CoverageState.TEMPLATE, "card"))
    assert answer((), (), dark, ARCHIVE).startswith("None of this release could be examined")
    assert answer((), (), dark, None) == no_match_finding(0).statement


def test_the_answer_counts_repeats_in_a_sentence_of_its_own(tmp_path: Path) -> None:
    report = build_full_report(tmp_path)
    both, (confirmed, possible) = report.repeats, report.repeats
    endings = {
        both: "Within the release, 2 passages show again what it shows earlier (1 of them possibly).",
        (confirmed,): "Within the release, 1 passage shows again what it shows earlier.",
        (confirmed, confirmed): "Within the release, 2 passages show again what it shows earlier.",
        (possible,): "Within the release, 1 passage may show again what it shows earlier.",
    }
    for repeats, ending in endings.items():
        assert answer((), (), report.coverage, ARCHIVE, repeats) == f"{no_match_finding(42).statement} {ending}"
    assert answer((), (), report.coverage, None, both) == f"{no_match_finding(0).statement} {endings[both]}"
    assert report.answer.endswith(endings[both])


def test_no_sentence_judges_or_takes_a_side(tmp_path: Path) -> None:
    texts = []
    for count, scenes, searched in ((4, 2, True), (0, 1, True), (0, 0, False)):
        report = build_report(tmp_path, count, scenes, searched)
        texts += [report.answer, *report.limits]
        texts += [text for finding in report.findings for text in (finding.statement, finding.basis, finding.limits)]
        texts += [span.reason for span in report.coverage]
    full = build_full_report(tmp_path / "full")
    for entry in (*full.matches, *full.same_scene, *full.repeats):
        texts += [entry.finding.statement, entry.finding.basis, entry.finding.limits]
    texts += [full.answer, *(span.reason for span in full.coverage)]
    assert len(texts) > 70
    assert [text for text in texts if FORBIDDEN.search(text)] == []
