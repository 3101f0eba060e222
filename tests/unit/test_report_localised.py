"""A report in another language: all of it, nothing else than what was recorded, and quoted texts as they are."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING

import pytest
from babel.messages.pofile import read_po

from scripts.translations import po_path
from tests.unit.explained_samples import build_full_report
from tests.unit.report_samples import CLAIMED_DATE, build_report, match, reference, reported
from verify.findings.bearing import bearings
from verify.findings.limits import standard_limits
from verify.findings.origins import origin_limits
from verify.findings.statements import earlier_release_finding
from verify.findings.warnings import decoding_warnings
from verify.media.credentials_words import absent_words, intact_words, invalid_words
from verify.media.observe_file import observe_quiet
from verify.model import (
    CoverageState,
    CredentialState,
    MatchLevel,
    PackOrigin,
    Report,
    TrustGrade,
)
from verify.report.html_report import render_html
from verify.report.json_report import decode_report, encode_report
from verify.report.localising import localised
from verify.report.options import RenderOptions
from verify.translation import is_kept_english, speaking

if TYPE_CHECKING:
    from pathlib import Path

OTHERS = ("fr", "ur")
QUIET = ["black borders", "a rotation"]


def whole_report(folder: Path) -> Report:
    """Build a report of every kind of finding, whose texts are the program's own, as it is read from report.json."""
    report = build_full_report(folder)
    wrapped = reported(folder, 90, match(41.0, 43.0, level=MatchLevel.CONFIRMED), reference(2))
    earlier = replace(wrapped, number=1, finding=earlier_release_finding(wrapped.match, wrapped.reference))
    release = replace(
        report.release,
        claimed_date_basis="publication date stated by the platform",
        copy_statement="The platform's copy as served to this tool, not the camera original.",
        decoded=replace(report.release.decoded, failure="the file ends before its declared duration"),
    )
    statement, limits = absent_words()
    quiet = observe_quiet(QUIET)
    assert report.credentials
    assert quiet
    made = replace(
        report,
        release=release,
        earlier_releases=(earlier,),
        credentials=replace(report.credentials, state=CredentialState.ABSENT, statement=statement, limits=limits),
        observations=(quiet,),
        warnings=tuple(decoding_warnings(release.decoded, report.archive)),
        bearings=bearings(report.claims, report.matches, CLAIMED_DATE, release.claimed_date_basis),
    )
    made = replace(
        made,
        shots=tuple(replace(shot, reason="no frame of it was sampled" if shot.reason else "") for shot in report.shots),
        matches=tuple(replace(entry, match=replace(entry.match, caveat="")) for entry in report.matches),
    )
    return decode_report(encode_report(restated_in_english(made)))


def restated_in_english(report: Report) -> Report:
    """Word a report anew as `assemble` would, after its data were changed."""
    from verify.findings.coverage import coverage  # noqa: PLC0415
    from verify.findings.statements import answer, match_finding, same_scene_finding  # noqa: PLC0415

    release = report.release
    matches = tuple(
        replace(
            entry,
            finding=match_finding(entry.match, entry.reference, release.claimed_date, release.claimed_date_basis),
        )
        for entry in report.matches
    )
    scenes = tuple(
        replace(
            entry,
            match=replace(entry.match, caveat="what moves in the two does not agree"),
        )
        for entry in report.same_scene
    )
    scenes = tuple(replace(entry, finding=same_scene_finding(entry.match, entry.reference)) for entry in scenes)
    found = [entry.match for entry in (*matches, *scenes)]
    spans = coverage(
        release.decoded, release.media.duration_s, report.shots, found, [entry.match.query for entry in report.repeats]
    )
    return replace(
        report,
        matches=matches,
        same_scene=scenes,
        coverage=spans,
        answer=answer(matches, scenes, spans, report.archive, report.repeats, earlier=report.earlier_releases),
        limits=standard_limits(report.archive, release.decoded, found),
        bearings=bearings(report.claims, matches, release.claimed_date, release.claimed_date_basis),
    )


def texts_of(report: Report) -> list[str]:
    """List what a report says in the tool's own voice."""
    entries = [*report.matches, *report.same_scene, *report.repeats, *report.earlier_releases]
    findings = [*report.findings, *(entry.finding for entry in entries)]
    assert report.credentials
    return [
        report.answer,
        *(text for finding in findings for text in (finding.statement, finding.basis, finding.limits)),
        *(span.reason for span in report.coverage),
        *(shot.reason for shot in report.shots if shot.reason),
        *report.limits,
        *report.warnings,
        *(bearing.statement for bearing in report.bearings),
        *(text for one in report.observations for text in (one.topic, one.observed, one.meaning, one.limits)),
        report.credentials.statement,
        report.credentials.limits,
        report.release.copy_statement,
        report.release.claimed_date_basis,
        *(claim.origin for claim in report.claims),
    ]


def test_in_english_the_recorded_report_is_shown(tmp_path: Path) -> None:
    report = whole_report(tmp_path)
    assert localised(report) is report


@pytest.mark.parametrize("code", OTHERS)
def test_every_text_of_a_report_is_said_in_the_language(code: str, tmp_path: Path) -> None:
    report = whole_report(tmp_path)
    with speaking(code):
        translated = localised(report)
        assert [text for text in texts_of(report) if is_kept_english(text)] == []
    for english, text in zip(texts_of(report), texts_of(translated), strict=True):
        assert text != english
        if code == "ur":
            assert re.search("[\u0600-\u06ff]", text), text


@pytest.mark.parametrize("code", OTHERS)
def test_nothing_but_texts_is_changed(code: str, tmp_path: Path) -> None:
    report = whole_report(tmp_path)
    with speaking(code):
        translated = localised(report)
    assert [span.interval for span in translated.coverage] == [span.interval for span in report.coverage]
    assert [entry.number for entry in translated.matches] == [entry.number for entry in report.matches]
    assert [entry.finding.kind for entry in translated.matches] == [entry.finding.kind for entry in report.matches]
    assert [entry.reference for entry in translated.matches] == [entry.reference for entry in report.matches]
    assert [(claim.claimant, claim.statement, claim.date) for claim in translated.claims] == [
        (claim.claimant, claim.statement, claim.date) for claim in report.claims
    ]
    assert translated.release.title == report.release.title
    assert translated.release.publisher == report.release.publisher
    assert translated.evidence == report.evidence
    assert translated.parameters == report.parameters


@pytest.mark.parametrize("code", OTHERS)
def test_dates_times_and_names_are_those_of_the_english(code: str, tmp_path: Path) -> None:
    report = whole_report(tmp_path)
    with speaking(code):
        translated = localised(report)
    for old, new in zip(report.matches, translated.matches, strict=True):
        for found in re.findall(r"\d+:\d\d\.\d\d|\d{4}-\d\d(?:-\d\d)?|'([^']+)'", old.finding.statement):
            assert found in new.finding.statement
        for number in re.findall(r"\d+\.\d+", old.finding.basis):
            assert number in new.finding.basis


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("searched", [True, False])
def test_a_report_without_matches(code: str, searched: bool, tmp_path: Path) -> None:
    report = decode_report(encode_report(build_report(tmp_path, 0, searched=searched)))
    with speaking(code):
        translated = localised(report)
        assert not is_kept_english(report.answer)
        assert not any(is_kept_english(finding.statement) for finding in report.findings)
    states = {span.state for span in translated.coverage}
    assert (CoverageState.NO_MATCH in states) is searched
    assert translated.findings[0].statement == translated.answer


# --- what is not what this version would have said ---


def test_what_another_version_worded_otherwise_stays_english(tmp_path: Path) -> None:
    report = whole_report(tmp_path)
    first = report.matches[0]
    other = replace(first.finding, statement="This segment is visually consistent with something.")
    changed = replace(report, matches=(replace(first, finding=other), *report.matches[1:]), answer="Seen before.")
    with speaking("fr"):
        translated = localised(changed)
        assert is_kept_english("Seen before.")
        assert is_kept_english(other.statement)
    assert translated.answer == "Seen before."
    assert translated.matches[0].finding.statement == other.statement
    assert translated.matches[0].finding.basis != first.finding.basis


def test_data_that_allow_no_statement_leave_the_recorded_one(tmp_path: Path) -> None:
    report = whole_report(tmp_path)
    first = report.matches[0]
    unsupported = replace(first, match=replace(first.match, families=("motion over time",)))
    with speaking("ur"):
        translated = localised(replace(report, matches=(unsupported, *report.matches[1:])))
        assert is_kept_english(first.finding.statement)
    assert translated.matches[0].finding == first.finding


def test_a_changed_number_keeps_the_recorded_sentence(tmp_path: Path) -> None:
    """A report whose data and words disagree says the same in every language: what its words say."""
    report = whole_report(tmp_path)
    assert report.archive
    changed = replace(report, archive=replace(report.archive, reference_count=17))
    with speaking("fr"):
        translated = localised(changed)
    assert report.limits[0] in translated.limits


def test_credentials_that_name_a_signer(tmp_path: Path) -> None:
    report = whole_report(tmp_path)
    assert report.credentials
    for statement, limits in (
        intact_words("Example Camera", "Example Issuer", trusted=False, list_given=False),
        intact_words("Example Camera", "", trusted=True, list_given=True),
        invalid_words("Example. They name as signer", "", ["claimSignature.mismatch", "assertion.dataHash.mismatch"]),
    ):
        credentials = replace(report.credentials, statement=statement, limits=limits)
        with speaking("fr"):
            translated = localised(replace(report, credentials=credentials)).credentials
        assert translated
        assert "Example" in translated.statement
        assert translated.statement != statement
        assert translated.limits != limits


def test_limits_of_packs(tmp_path: Path) -> None:
    pack = PackOrigin(
        pack_id="p", name="Desk. Somewhere", grade=TrustGrade.TRUSTED, imported_utc="2025-01-02T00:00:00Z"
    )
    limits = origin_limits([reference(pack=pack), reference(1, pack=pack)], is_by_looks=True)
    report = replace(whole_report(tmp_path), limits=tuple(limits))
    for code in OTHERS:
        with speaking(code):
            translated = localised(report).limits
        assert "'Desk. Somewhere'" in translated[0]
        assert not any("without" in limit for limit in translated)


# --- the page ---


@pytest.mark.parametrize("code", OTHERS)
def test_the_page_names_its_language_and_that_it_is_a_translation(code: str, tmp_path: Path) -> None:
    page = render_html(whole_report(tmp_path), tmp_path, RenderOptions(language=code))
    assert f'<html lang="{code}" dir="{"rtl" if code == "ur" else "ltr"}">' in page
    assert {"fr": "Cette page est une traduction.", "ur": "یہ صفحہ ترجمہ ہے۔"}[code] in page
    assert "This page is a translation" not in render_html(whole_report(tmp_path), tmp_path)


@pytest.mark.parametrize("code", OTHERS)
def test_no_sentence_of_the_catalogue_is_left_in_english(code: str, tmp_path: Path) -> None:
    report = whole_report(tmp_path)
    page = render_html(report, tmp_path, RenderOptions(language=code))
    page = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    shown = " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())
    for entry in (*report.matches, *report.earlier_releases):  # an archivist's words, which stay
        shown = shown.replace(entry.reference.first_seen_basis, "")
    with po_path(code).open("rb") as file:
        ids = [
            text
            for message in read_po(file, locale=code)
            if message.id
            for text in (message.id if isinstance(message.id, tuple) else [message.id])
        ]
    sentences = [text for text in ids if len(text.split()) >= 4 and not re.search(r"[{<]|%\(", text)]
    assert len(sentences) > 60
    assert [text for text in sentences if text in shown] == []


@pytest.mark.parametrize("code", OTHERS)
def test_quoted_texts_are_on_the_page_as_they_are(code: str, tmp_path: Path) -> None:
    report = whole_report(tmp_path)
    page = unescape(render_html(report, tmp_path, RenderOptions(language=code)))
    assert report.release.title in page
    for claim in report.claims:
        assert claim.statement in page
        assert claim.claimant in page
    for entry in report.matches:
        assert entry.reference.title in page
        assert entry.reference.first_seen_basis in page


def test_what_stayed_in_english_is_marked_as_that(tmp_path: Path) -> None:
    report = whole_report(tmp_path)
    first = report.matches[0]
    other = replace(first.finding, statement="Something <b>else</b> was said.")
    changed = replace(report, matches=(replace(first, finding=other), *report.matches[1:]))
    mark = '<span lang="en" dir="ltr">Something &lt;b&gt;else&lt;/b&gt; was said.</span>'
    assert mark in render_html(changed, tmp_path, RenderOptions(language="ur"))
    assert 'lang="en" dir="ltr">Something' not in render_html(changed, tmp_path)
