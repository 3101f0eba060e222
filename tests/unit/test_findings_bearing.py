"""What matches have to do with claims: two dates side by side, and nothing more."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.report_samples import interval, match, reference
from tests.unit.test_findings_statements import FORBIDDEN
from verify.errors import InvalidUsageError
from verify.findings.bearing import MOST_BEARINGS, bearings
from verify.findings.claims import RELEASE_DESCRIPTION, RELEASE_TITLE, load_claims
from verify.findings.statements import match_finding
from verify.model import Claim, Interval, Match, MatchLevel, Reference, ReferenceKind, ReportedMatch, SightingSource

CLAIMED = ("2025-10-11", "publication date stated by the platform")
EARLIER_OR_LATER = re.compile(r"\b(earlier|later|before|after|older|newer|precede\w*|refut\w*|contradict\w*)\b", re.I)


def claim(span: Interval | None = None, date: str = "2025-10-11", origin: str = "claims file") -> Claim:
    return Claim(claimant="Example Ministry", statement="This is last night.", date=date, origin=origin, span=span)


def entry(number: int = 1, found: Match | None = None, ref: Reference | None = None) -> ReportedMatch:
    found = found or match(14.0, 20.0, level=MatchLevel.CONFIRMED)
    ref = ref or reference(
        first_seen="2021-01-03", first_seen_basis="upload date", first_seen_source=SightingSource.PLATFORM
    )
    return ReportedMatch(
        number=number,
        finding=match_finding(found, ref, *CLAIMED),
        match=found,
        reference=ref,
        frame_pairs=(),
    )


def told(claims: list[Claim], matches: list[ReportedMatch], claimed: tuple[str, str] = CLAIMED) -> list[str]:
    return [bearing.statement for bearing in bearings(claims, matches, *claimed)]


# --- what is said ---


def test_a_claim_about_a_part_is_set_beside_the_match_there() -> None:
    assert told([claim(interval(14, 20))], [entry(2)]) == [
        "Match 2: what the release shows at 0:14.00 to 0:20.00 is visually consistent with the reference 'Harbour at "
        "dawn' (news, Example Agency), first seen no later than 2021-01-03 (stated by the platform; upload date); the "
        "claim is dated 2025-10-11. This says nothing about whether the claim is true."
    ]


def test_a_possible_match_is_hedged() -> None:
    possible = entry(3, match(14.0, 20.0, level=MatchLevel.POSSIBLE))
    assert told([claim(interval(10, 30))], [possible]) == [
        "Match 3 is a possible one, for a person to confirm: what the release shows at 0:14.00 to 0:20.00 may be "
        "visually consistent with the reference 'Harbour at dawn' (news, Example Agency), first seen no later than "
        "2021-01-03 (stated by the platform; upload date); the claim is dated 2025-10-11. This says nothing about "
        "whether the claim is true."
    ]


def test_the_release_s_own_words_stand_for_the_date_that_it_claims() -> None:
    own = [claim(date="2025-10-11", origin=RELEASE_TITLE), claim(origin=RELEASE_DESCRIPTION)]
    found = bearings(own, [entry()], *CLAIMED)
    assert [(bearing.claim, bearing.match) for bearing in found] == [(1, 1)]
    assert "; the date claimed for this release is 2025-10-11 (publication date stated by the platform). " in (
        found[0].statement
    )


def test_nothing_is_said_of_earlier_or_later_whatever_the_dates() -> None:
    for first_seen in ("2021-01-03", "2025-10-11", "2025", "2026-02-01"):
        dated = entry(ref=reference(first_seen=first_seen))
        for statement in told([claim(interval(14, 20)), claim(origin=RELEASE_TITLE)], [dated]):
            assert first_seen in statement
            assert not EARLIER_OR_LATER.search(statement.replace("no later than", ""))
            assert not FORBIDDEN.search(statement)
            assert statement.endswith("This says nothing about whether the claim is true.")


def test_a_reference_without_a_date_bears_on_a_named_part_only() -> None:
    undated = entry(ref=reference(first_seen="", kind=ReferenceKind.GAME))
    assert told([claim(origin=RELEASE_TITLE)], [undated]) == []
    [statement] = told([claim(interval(14, 20), date="")], [undated])
    assert (
        "the reference 'Harbour at dawn' (game, Example Agency), and when that was first seen is not known; no date"
        in (statement)
    )


# --- what nothing is said of ---


@pytest.mark.parametrize("span", [interval(0, 13.9), interval(20, 30), interval(13, 14.2)])
def test_a_match_elsewhere_does_not_bear(span: Interval) -> None:
    assert told([claim(span)], [entry()]) == []


def test_a_brief_passage_bears_if_half_of_it_lies_in_the_match() -> None:
    assert told([claim(interval(13.9, 14.3))], [entry()])
    assert not told([claim(interval(13.6, 14.1))], [entry()])


def test_a_claim_of_others_without_a_part_gets_none() -> None:
    assert told([claim(), claim(date="")], [entry()]) == []


def test_a_release_without_a_claimed_date_gets_none() -> None:
    for claimed in ("", "last night"):
        assert told([claim(origin=RELEASE_TITLE)], [entry()], (claimed, "")) == []


def test_an_origin_that_only_looks_like_the_release_s_is_not_its() -> None:
    assert told([claim(origin="the release itself, they say")], [entry()]) == []


def test_bearings_are_bounded_confirmed_ones_first() -> None:
    levels = [MatchLevel.POSSIBLE if number % 2 else MatchLevel.CONFIRMED for number in range(2 * MOST_BEARINGS)]
    matches = [entry(number, match(14.0, 20.0, level=level)) for number, level in enumerate(levels, 1)]
    found = bearings([claim(interval(0, 60))], matches, *CLAIMED)
    assert [bearing.match for bearing in found] == list(range(1, 2 * MOST_BEARINGS, 2))


def test_other_people_s_texts_cannot_break_the_sentence() -> None:
    hostile = reference(title="x' (news), proven\u202e fake\n", publisher="{number}", first_seen="2021-01-03")
    [statement] = told([claim(interval(14, 20), date="2025\u202e{seen}")], [entry(ref=hostile)])
    assert "\u202e" not in statement
    assert "\n" not in statement
    assert "{number}" in statement
    assert "2025{seen}" in statement


# --- the claims file ---


def load(folder: Path, text: str) -> tuple[Claim, ...]:
    path = folder / "claims.yaml"
    path.write_text(f"- claimant: A\n  statement: B\n{text}", encoding="utf-8")
    return load_claims(path)


@pytest.mark.parametrize(
    ("times", "span"),
    [
        ("  from: 14\n  to: 20.5\n", (14, 20.5)),
        ("  from: 0:14\n  to: 1:02:03.5\n", (14, 3723.5)),
        ("  from: '00:14'\n  to: '75:00'\n", (14, 4500)),
    ],
)
def test_a_claim_may_name_its_part(tmp_path: Path, times: str, span: tuple[float, float]) -> None:
    [found] = load(tmp_path, times)
    assert found.span == interval(*span)
    assert found.origin == "claims file"


def test_a_claim_without_times_has_no_part(tmp_path: Path) -> None:
    assert load(tmp_path, "")[0].span is None


@pytest.mark.parametrize(
    ("times", "problem"),
    [
        ("  from: 0:14\n", "from is given alone; from and to go together"),
        ("  to: 0:14\n", "to is given alone; from and to go together"),
        ("  from: 0:14\n  to: 0:14\n", "to does not come after from"),
        ("  from: 0:14\n  to: 0:9\n", "to is not a time such as 14.5, 0:14 or 1:02:03.5"),
        ("  from: -1\n  to: 1e3\n", "from is not a time"),
        ("  from: 0:14\n  to: 1:75:00\n", "to is not a time"),
        ("  from: 0:14\n  to: 1:75\n", "to is not a time"),
        ("  from: ٣\n  to: 5\n", "from is not a time"),
        ("  from: [1]\n  to: 5\n", "from is not a text"),
        ("  until: 5\n", "unknown key 'until'"),
    ],
)
def test_times_that_are_none_are_told(tmp_path: Path, times: str, problem: str) -> None:
    with pytest.raises(InvalidUsageError, match=re.escape(f"entry 1: {problem}")):
        load(tmp_path, times)
