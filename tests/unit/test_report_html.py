"""report.html as text: everything is there, nothing from outside acts, and no request leaves the page."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.explained_samples import build_full_report, explained
from tests.unit.report_page import Page, page_of
from tests.unit.report_samples import build_report, match, reference, reported
from verify.errors import InvalidUsageError
from verify.model import Claim, Report
from verify.report.html_report import render_html
from verify.report.texts import visible, web_link

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'\u202egnp.exe\u202c{{ 7*7 }}" + "W" * 10_000


def test_the_page_shows_the_whole_report(tmp_path: Path) -> None:
    report = replace(build_report(tmp_path, 4, scene_count=1), warnings=("The page named two videos.",))
    words = page_of(report, tmp_path).words()
    entries = (*report.matches, *report.same_scene)
    expected = [
        report.answer,
        report.release.title,
        report.release.copy_statement,
        report.release.media_sha256,
        "The page named two videos.",
        "could be examined 53.0 of 62 seconds 85%",
        *report.limits,
        *(entry.finding.statement for entry in entries),
        *(entry.finding.basis for entry in entries),
        *(entry.finding.limits for entry in entries),
        *(finding.statement for finding in report.findings),
        *(span.reason for span in report.coverage),
        *(claim.statement for claim in report.claims),
        *(f"{file.size_bytes:,} bytes" for file in report.evidence.files),
        *(file.sha256 for file in report.evidence.files),
        report.archive.snapshot_id if report.archive else "",
        "--out 'reports/statement 17'",
        *(f"{name} {version}" for name, version in report.versions.items()),
        "mirror search yes",
        "14 of 15",
        "reference time = 1.00 × release time",
        "How often footage that is not in the archive reaches this score has not been measured.",
    ]
    assert [text for text in expected if text not in words] == []
    assert words.count("not assessed by this tool") == len(report.claims)


def test_what_comes_first_and_what_follows(tmp_path: Path) -> None:
    html = render_html(build_full_report(tmp_path), tmp_path)
    order = ["release", "answer", "timeline", "matches", "match-1", "match-3", "possible-matches", "match-2", "match-4"]
    order += ["same-scene", "scene-1", "repeats", "repeat-1", "repeat-2", "claims", "limits", "shots"]
    order += ["file", "evidence", "method", "recheck", "glossary"]
    places = [html.index(f'id="{name}"') for name in order]
    assert places == sorted(places)


def test_nothing_on_the_page_can_act_or_fetch_but_one_script(tmp_path: Path) -> None:
    html = render_html(build_full_report(tmp_path), tmp_path)
    page = Page(html)
    names = {name for name, _ in page.tags}
    assert names.isdisjoint({"iframe", "object", "embed", "form", "base", "video", "audio", "source", "use"})
    policy = next(tag["content"] for tag in page.all("meta") if tag.get("http-equiv") == "Content-Security-Policy")
    digest = base64.b64encode(hashlib.sha256(the_script(html).encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}';"
        " base-uri 'none'; form-action 'none'"
    )
    assert all(tag["src"].startswith("data:image/jpeg;base64,") and tag["alt"] for tag in page.all("img"))
    drawn = {tag["href"].partition(",")[0] for tag in page.all("image")}
    assert drawn == {"data:image/png;base64"}
    assert [tag["href"] for tag in page.all("link")] == ["data:,"]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    style = html[html.index("<style>") : html.index("</style>")]
    assert re.findall(r"url\(([^)]*)\)|@import", style) == [
        '"#pattern-possible"',
        '"#pattern-repeated"',
        '"#pattern-template"',
        '"#pattern-not-examinable"',
        '"#pattern-mixed"',
    ]


def the_script(html: str) -> str:
    """Return the one script of a page; there must be no other."""
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert html.lower().count("<script") == len(scripts) == 1
    return str(scripts[0])


def test_the_script_asks_for_nothing_and_makes_no_code_of_texts(tmp_path: Path) -> None:
    script = the_script(render_html(build_report(tmp_path), tmp_path))
    asking = ("fetch(", "XMLHttpRequest", "WebSocket", "sendBeacon", "import(", "https:")
    making = ("eval(", "Function(", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write")
    assert [word for word in (*asking, *making) if word in script] == []
    assert script.count("http:") == script.count('"http://www.w3.org/2000/svg"')


def test_every_link_leaves_without_a_trace_or_stays_on_the_page(tmp_path: Path) -> None:
    page = page_of(build_full_report(tmp_path), tmp_path)
    anchors = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    outside = [tag for tag in page.all("a") if not tag["href"].startswith("#")]
    assert {tag["href"][1:] for tag in page.all("a") if tag["href"].startswith("#")} <= anchors
    assert outside
    assert all(tag["rel"] == "noopener noreferrer nofollow" for tag in outside)
    assert all(tag["href"].startswith("https://") for tag in outside)


def test_ids_are_unique_and_landmarks_are_there(tmp_path: Path) -> None:
    page = page_of(build_full_report(tmp_path), tmp_path)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    labels = [attributes["aria-labelledby"] for _, attributes in page.tags if "aria-labelledby" in attributes]
    assert set(labels) <= set(ids)
    names = [name for name, _ in page.tags]
    assert [names.count(name) for name in ("main", "header", "footer", "nav", "h1")] == [1] * 5
    assert next(page.all("html"))["lang"] == "en"


def hostile_report(folder: Path) -> Report:
    report = build_report(folder, 0)
    ref = reference(
        title=HOSTILE,
        publisher=HOSTILE,
        source_url="javascript:alert(3)",
        licence=HOSTILE,
        event=HOSTILE,
        notes=HOSTILE,
    )
    claim = Claim(claimant=HOSTILE, statement=HOSTILE, date=HOSTILE, source_url="data:text/html,x", origin=HOSTILE)
    release = replace(
        report.release,
        title=HOSTILE,
        publisher=HOSTILE,
        publisher_url='https://x.example/"onmouseover="alert(4)',
        source="file:///etc/passwd",
        final_url="https://good.example@evil.example/",
        published=HOSTILE,
        claimed_date_basis=HOSTILE,
        media=replace(report.release.media, container=HOSTILE, video_codec=HOSTILE),
    )
    return replace(
        report,
        release=release,
        matches=(reported(folder, 1, explained(match(), families=(HOSTILE,), caveat=HOSTILE), ref),),
        claims=(claim,),
        warnings=(HOSTILE,),
        command=("verify", HOSTILE, "\x1b[31m"),
        parameters={HOSTILE: HOSTILE},
        versions={HOSTILE: HOSTILE},
        coverage=tuple(replace(span, reason=HOSTILE) for span in report.coverage),
        shots=tuple(replace(shot, reason=HOSTILE) for shot in report.shots),
    )


def test_hostile_texts_stay_text(tmp_path: Path) -> None:
    html = render_html(hostile_report(tmp_path), tmp_path)
    page = Page(html)
    assert "alert(" not in the_script(html)
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert all(tag["src"].startswith("data:image/jpeg;base64,") for tag in page.all("img"))
    assert "\u202e" not in html
    assert "\x1b" not in html
    assert "<script>alert(1)</script><img src=x onerror=alert(2)>\"'[U+202E]gnp.exe[U+202C]{{ 7*7 }}WWW" in page.text
    outside = [tag["href"] for tag in page.all("a") if not tag["href"].startswith("#")]
    assert outside == []


def test_a_long_title_is_shown_in_short_and_in_full(tmp_path: Path) -> None:
    page = page_of(hostile_report(tmp_path), tmp_path)
    assert "Title in full (10,073 characters)" in page.words()
    assert "W" * 10_000 in page.text


@pytest.mark.parametrize(
    ("url", "linked"),
    [
        ("https://a.example/x?y=1#z", True),
        ("http://127.0.0.1:8000/", True),
        ("HTTPS://a.example/", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//a.example/", False),
        ("ftp://a.example/", False),
        ("https://", False),
        ("https://good.example@evil.example/", False),
        ("https://a.example/\u202egnp", False),
        ("https://a.example/a b", False),
        ('https://a.example/"onclick="x', False),
        ("https://a.example\\@b.example/", False),
        ("https://[bad/", False),
        ("https://a.example/" + "x" * 2000, False),
        ("", False),
    ],
)
def test_which_addresses_become_links(url: str, linked: bool) -> None:
    assert web_link(url) == (url if linked else "")


def test_hidden_characters_are_spelled_out() -> None:
    assert visible("a\u2067b\x00c\ud800\r\nd\te") == "a[U+2067]b[U+0000]c[U+D800]\nd\te"
    assert visible("می\u200cخواهم 👩\u200d🚒 \u200fא") == "می\u200cخواهم 👩\u200d🚒 \u200fא"


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/hostname", "frames/../../secret.jpg"])
def test_a_picture_outside_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "report"
    report = build_report(folder, 0)
    (tmp_path / "secret.jpg").write_bytes(b"\xff\xd8\xffsecret")
    assert report.release.first_frame is not None
    bad = replace(report.release.first_frame, path=name)
    with pytest.raises(InvalidUsageError, match="leads out of the report folder"):
        render_html(replace(report, release=replace(report.release, first_frame=bad)), folder)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    report = build_report(folder, 0)
    (tmp_path / "secret.jpg").write_bytes(b"\xff\xd8\xffsecret")
    (folder / "frames" / "first.jpg").unlink()
    (folder / "frames" / "first.jpg").symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(InvalidUsageError, match="leads out of the report folder"):
        render_html(report, folder)


@pytest.mark.parametrize("content", [None, b"", b"<svg onload=alert(1)>", b"\xff\xd8\xff" + b"x" * (2 * 1024 * 1024)])
def test_a_picture_that_cannot_be_shown_is_said(tmp_path: Path, content: bytes | None) -> None:
    report = build_report(tmp_path, 0)
    path = tmp_path / "frames" / "first.jpg"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    page = page_of(report, tmp_path)
    assert "This picture is not available." in page.words()
    assert list(page.all("img")) == []


def test_a_reference_without_pictures_is_said(tmp_path: Path) -> None:
    report = build_report(tmp_path, 1)
    entry = report.matches[0]
    pairs = tuple(replace(pair, reference=None) for pair in entry.frame_pairs)
    page = page_of(replace(report, matches=(replace(entry, frame_pairs=pairs),)), tmp_path)
    assert page.words().count("The archive keeps no pictures of this reference.") == 3


def test_a_reference_frame_off_the_alignment_says_so(tmp_path: Path) -> None:
    report = build_report(tmp_path, 1)
    entry = report.matches[0]
    first, *rest = entry.frame_pairs
    assert first.reference is not None
    moved = replace(first, reference=replace(first.reference, time_s=first.reference.time_s + 0.5))
    note = ", the nearest frame kept; the aligned one is at 0:03.00"
    assert note not in page_of(report, tmp_path).words()
    words = page_of(replace(report, matches=(replace(entry, frame_pairs=(moved, *rest)),)), tmp_path).words()
    assert words.count(f"Reference at 0:03.50{note}") == 1
    assert words.count("the nearest frame kept") == 1


def test_a_retracted_reference_is_marked(tmp_path: Path) -> None:
    report = build_report(tmp_path, 0)
    words = {
        retracted: page_of(
            replace(report, matches=(reported(tmp_path, 1, match(), reference(retracted=retracted)),)), tmp_path
        ).words()
        for retracted in (False, True)
    }
    assert "retracted in the archive" in words[True]
    assert "retracted in the archive" not in words[False]


def test_a_possible_match_is_marked_less_certain(tmp_path: Path) -> None:
    html = render_html(build_report(tmp_path, 2), tmp_path)
    assert '<article class="match confirmed" id="match-1"' in html
    assert '<article class="match possible" id="match-2"' in html
    assert html.count("? Possible, for a person to confirm</span>") == 1
    assert html.count("✓ Confirmed</span>") == 1


def test_a_report_without_archive_says_that_nothing_was_searched(tmp_path: Path) -> None:
    words = page_of(build_report(tmp_path, searched=False), tmp_path).words()
    assert "No reference was searched, so there can be no matches." in words
    assert "references searched none" in words


def test_an_empty_archive_counts_as_nothing_searched(tmp_path: Path) -> None:
    report = build_report(tmp_path, 0)
    assert report.archive is not None
    words = page_of(replace(report, archive=replace(report.archive, reference_count=0)), tmp_path).words()
    assert "No reference was searched, so there can be no matches." in words


def test_a_release_without_length_or_frame_still_makes_a_page(tmp_path: Path) -> None:
    report = build_report(tmp_path, 0)
    release = replace(report.release, first_frame=None, title="", publisher="", published="", claimed_date="")
    words = page_of(replace(report, coverage=(), shots=(), claims=(), release=release), tmp_path).words()
    assert "The release has no length that could be shown." in words
    assert "Publisher not stated" in words
    assert "No claims were found in the release and none were given." in words


def test_credentials_observations_and_seal_are_shown(tmp_path: Path) -> None:
    words = page_of(build_report(tmp_path), tmp_path).words()
    assert "Content Credentials are present and intact" in words
    assert "An untrusted signer is not a sign of tampering." in words
    assert "certificate issued by Example Issuing Authority" in words
    assert "The container names its writer 'Lavf61.7.100'." in words
    assert "It does not tell what happened before that." in words
    assert "by the key 0123456789ABCDEF" in words
    assert "Example Timestamps states that the manifest existed at 2025-05-08 08:30:04 UTC." in words
    assert "This machine's clock was -2.0 s off, give or take 1.2 s (Date header of releases.example)." in words


def test_an_unsigned_case_without_timestamp_says_so(tmp_path: Path) -> None:
    report = build_report(tmp_path)
    assert report.seal is not None
    seal = replace(report.seal, key_id=None, public_key=None, timestamps=())
    words = page_of(replace(report, seal=seal), tmp_path).words()
    assert "not signed: the digests show that a byte changed by accident, not that nobody replaced all of it" in words
    assert "none by a third party: the times below are those of the operator's clock" in words


def test_a_report_without_examination_of_the_file_has_no_such_section(tmp_path: Path) -> None:
    report = replace(build_report(tmp_path), observations=(), credentials=None, seal=None)
    assert "The file itself" not in page_of(report, tmp_path).words()


def test_hostile_credentials_and_observations_do_not_act(tmp_path: Path) -> None:
    report = build_report(tmp_path)
    assert report.credentials is not None
    assert report.seal is not None
    hostile = replace(
        report,
        credentials=replace(
            report.credentials,
            statement=HOSTILE,
            signer=HOSTILE,
            signed_utc=HOSTILE,
            problems=(HOSTILE,),
            digital_source_types=(HOSTILE,),
            actions=(replace(report.credentials.actions[0], action=HOSTILE, when=HOSTILE),),
            ingredients=(replace(report.credentials.ingredients[0], title=HOSTILE),),
        ),
        observations=(replace(report.observations[0], topic=HOSTILE, observed=HOSTILE, meaning=HOSTILE),),
        seal=replace(report.seal, events=(replace(report.seal.events[0], detail=HOSTILE, actor=HOSTILE),)),
    )
    html = render_html(hostile, tmp_path)
    assert "alert(" not in the_script(html)
    assert "<img src=x" not in html
    assert "\u202e" not in html
