"""report.pdf: everything is there, nothing from outside acts, what no font can show is told, same in same out."""

from __future__ import annotations

import gettext
import io
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pypdf
import pytest
from PIL import Image

from tests.unit.explained_samples import build_full_report
from tests.unit.report_samples import build_report, interval
from verify import translation
from verify.errors import InvalidUsageError, VerifyError
from verify.model import (
    AnalystDecision,
    Annotation,
    Bearing,
    Claim,
    CoverageSpan,
    CoverageState,
    FrameClass,
    Picture,
    Rejection,
    Report,
    ReportedMatch,
    Shot,
    ShotView,
    TextInPicture,
)
from verify.report import pdf_report
from verify.report.forms import FORMS
from verify.report.options import Rendered, RenderOptions
from verify.report.pdf.blocks import direction_of, outside
from verify.report.pdf.matches import MOST_CARDS
from verify.report.pdf.timeline import timeline_block
from verify.report.pdf.worker import make_plain
from verify.report.pdf_report import render_pdf

HOSTILE = (
    '#import "@preview/cetz:0.3.1": * \\ $x^2$ *b* <label> @ref // /* `raw` = <script>alert(1)</script>'
    "\u202egnp.exe\u202c\x00\ue000\ufeff"
)
INVISIBLE = dict.fromkeys(map(ord, "\u200b\u2068\u2069\u00ad"))
#: Linear B and Yi: in none of the fonts that typst brings, nor in DejaVu.
RARE = "\U00010000\ua000"


def opened(made: Rendered) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(made.content))


def squeezed(text: str) -> str:
    """Take out white space, which the ends of lines bring and take, and what marks places and directions unseen."""
    return "".join(text.translate(INVISIBLE).split())


def text_of(made: Rendered) -> str:
    """Return the text of all pages, without their footers."""
    pages = [page.extract_text() for page in opened(made).pages]
    return squeezed("".join(re.sub(r"Provenance report · .*page \d+ of \d+", "", page) for page in pages))


def missing_from(made: Rendered, expected: list[str]) -> list[str]:
    text = text_of(made)
    return [each for each in expected if squeezed(each) not in text]


def pictures_in(made: Rendered) -> int:
    """Count the distinct pictures of a PDF."""
    found = set()
    for page in opened(made).pages:
        for entry in page["/Resources"].get_object().get("/XObject", {}).values():
            if entry.get_object().get("/Subtype") == "/Image":
                found.add(entry.idnum)
    return len(found)


def said(number: int, subject: str, decision: AnalystDecision | None, note: str) -> Annotation:
    return Annotation(
        number=number,
        utc=f"2025-06-0{number}T10:00:00Z",
        by="B. Editor",
        subject=subject,
        decision=decision,
        note=note,
        report_sha256="ee" * 32,
        key_id="0123456789ABCDEF",
    )


def with_everything(folder: Path) -> Report:
    """Build a report in which no section is empty."""
    report = build_full_report(folder)
    first = report.matches[0]
    return replace(
        report,
        findings=build_report(folder, 0).findings,
        earlier_releases=(replace(first, number=1),),
        bearings=(Bearing(claim=1, match=1, statement="The shot at 0:03.50 was published no later than 2019-03-14."),),
        rejected=(
            Rejection(query=interval(31.5, 36.0), reference_id="ref-z", score=0.08, reason="what moves does not agree"),
        ),
        rejected_count=12,
        shot_views=(
            ShotView(
                shot=2,
                picture=first.frame_pairs[0].query,
                texts=(TextInPicture(text="LIVE 21:04", confidence=0.9, left=0, top=0, width=1, height=1),),
            ),
        ),
        texts_read=True,
        warnings=("The page named two videos.",),
        examination="fingerprints.zip",
        earlier_searched=("a", "b"),
    )


def entries_of(report: Report) -> list[ReportedMatch]:
    return [*report.matches, *report.same_scene, *report.earlier_releases]


def with_title(report: Report, title: str) -> Report:
    """Give the release, a claim and a reference another title or words."""
    first = report.matches[0]
    reference = replace(first.reference, title=title, publisher=title, source_url="javascript:alert(1)")
    return replace(
        report,
        report_id=title[:300],
        release=replace(report.release, title=title, publisher=title, source=title),
        claims=(Claim(claimant=title, statement=title, source_url=title),),
        matches=(replace(first, reference=reference), *report.matches[1:]),
        warnings=(title,),
    )


def test_the_document_shows_the_whole_report(tmp_path: Path) -> None:
    report = with_everything(tmp_path)
    words = (
        said(1, "1", AnalystDecision.REJECTED, "Too blurred to tell."),
        said(2, "1", AnalystDecision.CONFIRMED, "Compared frame by frame."),
        said(3, "", None, "The publisher was misspelt."),
    )
    made = render_pdf(report, tmp_path, RenderOptions(annotations=words))
    entries = entries_of(report)
    findings = [*(entry.finding for entry in entries), *(entry.finding for entry in report.repeats), *report.findings]
    references = [entry.reference for entry in entries]
    expected = [
        report.report_id,
        report.answer,
        report.release.title,
        report.release.source,
        report.release.media_sha256,
        report.release.copy_statement,
        "47.0 of 62 seconds could be examined",
        *report.limits,
        *(text for finding in findings for text in (finding.statement, finding.basis, finding.limits)),
        *(text for one in references for text in (one.title, one.source_url, one.licence, one.sha256)),
        "no later than 2019-03-14 (upload date stated by the platform)",
        *(span.reason for span in report.coverage),
        *(claim.statement for claim in report.claims),
        *(bearing.statement for bearing in report.bearings),
        *(text for file in report.evidence.files for text in (file.relative_path, file.sha256)),
        *(event.detail for event in (report.seal.events if report.seal else ())),
        report.seal.bag_sha256 if report.seal else "",
        report.archive.snapshot_id if report.archive else "",
        report.credentials.statement if report.credentials else "",
        *(one.observed for one in report.observations),
        "--out 'reports/statement 17'",
        *(f"{name} {version}" for name, version in report.versions.items()),
        "phash threshold (bits) 14",
        "The page named two videos.",
        "LIVE 21:04",
        "what moves does not agree",
        "The strongest 1 of 12",
        *(word.note for word in words[1:]),
        "confirmed by a person",
        "Release at 0:03.50",
        "verify replay FOLDER",
        "In 1,240 searches for footage that was not in the archive, none reached this score",
    ]
    assert missing_from(made, expected) == []
    assert made.notes == ()
    assert text_of(made).count(squeezed("not assessed by this tool")) == len(report.claims)


def test_sections_come_in_the_order_of_the_page(tmp_path: Path) -> None:
    report = with_everything(tmp_path)
    outline = opened(render_pdf(report, tmp_path, RenderOptions(annotations=(said(1, "", None, "A slip."),)))).outline
    titles = [entry.title for entry in outline if not isinstance(entry, list)]
    assert titles == [
        "What was examined",
        "Has this footage been seen before?",
        "Every second of the release",
        "Confirmed matches with the reference archive",
        "Possible matches, for a person to confirm",
        "Same scene, not shown to be the same recording",
        "Used before by the same publisher",
        "Repeats inside the release",
        "Claims and counter-claims",
        "Corrections and analysts' words",
        "What this report cannot say",
        "Shots of the release",
        "Proposed and not reported",
        "The file itself",
        "Acquisition and preserved evidence",
        "Method",
        "How to check this report again",
        "Glossary",
    ]
    matches = [[entry.title for entry in each if not isinstance(entry, list)] for each in outline[4:8:2]]
    assert matches[0] == ["Match 1 ✓ Confirmed", "Match 3 ✓ Confirmed"]
    assert matches[1] == [
        "Match 2 ? Possible, for a person to confirm",
        "Match 4 ? Possible, for a person to confirm",
    ]


def test_it_is_archival_accessible_and_named(tmp_path: Path) -> None:
    report = build_report(tmp_path, 1)
    made = render_pdf(report, tmp_path)
    for marker in (b"<pdfaid:part>2</", b"<pdfaid:conformance>A</", b"<pdfuaid:part>1</"):
        assert marker in made.content
    document = opened(made)
    root = document.trailer["/Root"].get_object()
    assert document.metadata is not None
    assert document.metadata.title == f"Provenance report {report.report_id}"
    assert document.metadata.creation_date_raw == "D:20250508083112Z"
    assert root["/Lang"] == "en"
    assert root["/MarkInfo"]["/Marked"]
    footers = [page.extract_text().splitlines()[-1] for page in document.pages]
    count = len(document.pages)
    assert [footer.rpartition("page ")[2] for footer in footers] == [f"{at + 1} of {count}" for at in range(count)]
    assert all(report.report_id in footer for footer in footers)


def test_pictures_and_drawings_have_words_beside_them(tmp_path: Path) -> None:
    content = render_pdf(build_report(tmp_path, 1), tmp_path)
    described: list[str] = []

    def walk(node: object) -> None:
        node = node.get_object() if isinstance(node, pypdf.generic.IndirectObject) else node
        if isinstance(node, list):
            for each in node:
                walk(each)
        elif isinstance(node, dict) and ("/S" in node or "/K" in node):
            if "/Alt" in node:
                described.append(str(node["/Alt"]))
            walk(node.get("/K", []))

    walk(opened(content).trailer["/Root"]["/StructTreeRoot"])
    assert "First frame of the release" in described
    assert "Release at 0:04.00" in described
    assert "Reference at 0:03.00" in described
    assert "Timeline of 62 seconds; the table of spans says the same in words." in described


def test_same_report_same_bytes(tmp_path: Path) -> None:
    report = with_everything(tmp_path)
    moved = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    shutil.copytree(tmp_path, moved)
    assert render_pdf(report, tmp_path).content == render_pdf(report, moved).content


def test_hostile_texts_stay_text(tmp_path: Path) -> None:
    made = render_pdf(with_title(build_report(tmp_path, 1), HOSTILE), tmp_path)
    text = text_of(made)
    shown = squeezed(HOSTILE[: HOSTILE.index("\u202e")] + "[U+202E]gnp.exe[U+202C][U+0000][U+E000][U+FEFF]")
    assert text.count(shown) >= 7
    assert not re.search("[\u202a-\u202e\u2066-\u2069\ue000\ufeff\x00]", text.translate(INVISIBLE))
    addresses = {
        str(link.get_object()["/A"]["/URI"])
        for page in opened(made).pages
        for link in page.get("/Annots", [])
        if "/A" in link.get_object()
    }
    assert all(re.fullmatch(r"https://[a-z/.0-9-]+", address) for address in addresses)
    assert addresses
    assert not any(mark in made.content for mark in (b"/JavaScript", b"/Launch", b"/EmbeddedFile", b"/OpenAction"))


def test_endless_words_are_cut_and_stay_on_the_page(tmp_path: Path) -> None:
    made = render_pdf(with_title(build_report(tmp_path, 1), "W" * 10_000), tmp_path)
    assert len(opened(made).pages) < 12
    assert text_of(made).count("W" * 200 + "…") >= 2
    edges: list[float] = []
    for page in opened(made).pages:
        page.extract_text(visitor_text=lambda text, _cm, matrix, *_: edges.append(matrix[4]) if text.strip() else None)
    assert max(edges) < 560  # a page is 595 points wide


def test_characters_without_a_glyph_are_reported(tmp_path: Path) -> None:
    made = render_pdf(with_title(build_report(tmp_path, 1), f"Harbour {RARE}\u200d at dawn"), tmp_path)
    if not made.notes:
        pytest.skip("a font of this machine has Linear B and Yi")
    codes = "U+A000, U+10000"
    assert made.notes == (
        f"report.pdf: 2 characters have no glyph in the fonts found here ({codes}): install fonts-noto-core "
        "fonts-noto-cjk",
    )
    text = text_of(made)
    assert squeezed(f"2 characters of this report have no glyph in the fonts that this document was made with, and are "
                    f"shown as □: {codes}.") in text  # fmt: skip
    assert squeezed("Harbour □□ at dawn") in text.replace("\u200d", "")
    assert b"<pdfaid:part>2</" in made.content


def test_letters_joined_to_one_without_a_glyph_are_not_counted(tmp_path: Path) -> None:
    made = render_pdf(with_title(build_report(tmp_path, 1), "بن\u0870در"), tmp_path)
    if not made.notes:
        pytest.skip("a font of this machine has the Arabic letters of Unicode 14")
    assert made.notes[0].startswith("report.pdf: 1 character has no glyph in the fonts found here (U+0870):")
    assert set("بندر□") <= set(text_of(made))


@pytest.mark.parametrize("title", ["مشاهد من الميناء عند الفجر", "Порт на рассвете", "Λιμάνι την αυγή", "نمل עלות"])
def test_titles_in_other_scripts(tmp_path: Path, title: str) -> None:
    made = render_pdf(with_title(build_report(tmp_path, 1), title), tmp_path)
    assert made.notes == ()
    assert set(squeezed(title)) <= set(text_of(made))


def test_texts_know_their_direction() -> None:
    assert outside("A harbour", 40) == "A harbour"
    assert outside("ميناء 3", 40) == "\u2068ميناء 3\u2069"
    assert outside("a\n b\u2067c", 40) == "a b[U+2067]c"
    assert outside("x" * 50, 10) == "xxxxxxxxxx…"
    assert [direction_of(text) for text in ("1 ميناء", "2 harbour", "3")] == ["rtl", "ltr", "ltr"]


def test_a_right_to_left_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Marked(gettext.NullTranslations):
        def gettext(self, message: str) -> str:
            return "ميناء" if message == "Glossary" else message

    monkeypatch.setitem(translation.LANGUAGES, "ur", translation.Language(code="ur", name="اردو", direction="rtl"))
    monkeypatch.setattr(translation, "_catalogue", lambda code: Marked())
    made = render_pdf(build_report(tmp_path, 1), tmp_path, RenderOptions(language="ur"))
    document = opened(made)
    assert document.trailer["/Root"]["/Lang"] == "ur"
    assert document.outline[-1].title == "ميناء"
    assert missing_from(made, [build_report(tmp_path, 1).release.media_sha256]) == []


@pytest.mark.parametrize("count", [0, 1, 60, 500])
def test_few_and_many_matches(tmp_path: Path, count: int) -> None:
    drawn = build_report(tmp_path, min(count, 4))
    matches = tuple(
        replace(
            drawn.matches[at % 4],
            number=at + 1,
            finding=replace(drawn.matches[at % 4].finding, statement=f"Statement about what was found, no. {at + 1}."),
        )
        for at in range(count)
    )
    report = replace(drawn, matches=matches)
    made = render_pdf(report, tmp_path)
    confirmed, possible = matches[::2], matches[1::2]
    shown = [*confirmed[:MOST_CARDS], *possible[:MOST_CARDS]]
    assert missing_from(made, [report.answer, *(entry.finding.statement for entry in shown)]) == []
    text = text_of(made)
    assert text.count("Statementaboutwhatwasfound") == len(shown)
    left_out = squeezed(f"The first {MOST_CARDS} of them follow in full; report.json and report.html have the others.")
    assert text.count(left_out) == 2 * (count > 2 * MOST_CARDS)


def test_long_lists_end_and_name_the_report(tmp_path: Path) -> None:
    report = build_report(tmp_path, 1)
    step_s = 10_800 / 5000
    spans = [interval(at * step_s, (at + 1) * step_s) for at in range(5000)]
    states = list(CoverageState)
    report = replace(
        report,
        coverage=tuple(
            CoverageSpan(interval=span, state=states[at % len(states)], reason="x") for at, span in enumerate(spans)
        ),
        shots=tuple(Shot(interval=span, frame_class=FrameClass.TEXTURED) for span in spans),
        evidence=replace(report.evidence, files=report.evidence.files * 1000),
        claims=report.claims * 200,
        observations=report.observations * 1000,
    )
    made = render_pdf(report, tmp_path)
    ends = re.findall(r"Thefirst([\d,]+)of([\d,]+)areshown;report\.jsonhasallofthem\.", text_of(made))
    assert ends == [("60", "5,000"), ("100", "600"), ("200", "5,000"), ("100", "1,000"), ("200", "2,000")]
    assert len(opened(made).pages) < 80


def test_pictures_are_withheld_or_left_out(tmp_path: Path) -> None:
    report = with_everything(tmp_path)
    assert pictures_in(render_pdf(report, tmp_path)) > 20
    for options, words in (
        (RenderOptions(is_blurred=True), "Pictures are withheld here, as they may be graphic"),
        (RenderOptions(has_pictures=False), "Pictures were left out of this report."),
    ):
        made = render_pdf(report, tmp_path, options)
        assert pictures_in(made) == 0
        text = text_of(made)
        assert text.count(squeezed(words)) > len(report.matches)
        assert squeezed("Release at 0:03.50, Reference at 0:03.00") in text


def test_pictures_that_cannot_be_shown_are_noted(tmp_path: Path) -> None:
    report = build_report(tmp_path, 1)
    assert report.release.first_frame is not None
    (tmp_path / report.release.first_frame.path).unlink()
    first, second, third = report.matches[0].frame_pairs
    (tmp_path / first.query.path).write_bytes(b"\xff\xd8\xff" + b"\x00" * 5000)
    (tmp_path / second.query.path).write_bytes(b"<svg/>")
    Image.new("RGB", (5000, 10)).save(tmp_path / third.query.path, "JPEG")
    made = render_pdf(report, tmp_path)
    assert text_of(made).count(squeezed("This picture is not available.")) == 4
    assert pictures_in(made) == 3
    assert made.notes == ()


def test_a_picture_outside_the_folder_is_refused(tmp_path: Path) -> None:
    report = build_report(tmp_path, 0)
    away = Picture(path="../secret.jpg", time_s=0.0, width_px=16, height_px=9)
    with pytest.raises(InvalidUsageError, match=r"leads out of the report folder"):
        render_pdf(replace(report, release=replace(report.release, first_frame=away)), tmp_path)


def test_only_the_picture_stays_in_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "camera.jpg"
    exif = Image.Exif()
    exif[0x010F] = "Example camera"
    Image.new("CMYK", (32, 18), (0, 255, 255, 0)).save(path, "JPEG", exif=exif, icc_profile=b"not a profile" * 20)
    assert make_plain(path)
    with Image.open(path) as image:
        assert image.mode == "RGB"
        assert image.size == (32, 18)
        assert not {"exif", "icc_profile"} & set(image.info)
    plain = tmp_path / "plain.jpg"
    Image.new("RGB", (32, 18)).save(plain, "JPEG")
    before = plain.read_bytes()
    assert make_plain(plain)
    assert plain.read_bytes() == before
    assert not make_plain(tmp_path / "missing.jpg")


def test_a_standard_that_is_refused_gives_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # PDF/A-2 cannot be version 2.0, so the engine refuses the first.
    monkeypatch.setattr(pdf_report, "_STANDARDS", (("a-2a", "2.0"), ()))
    report = build_report(tmp_path, 1)
    made = render_pdf(report, tmp_path)
    assert len(made.notes) == 1
    assert made.notes[0].startswith("report.pdf: made as an ordinary PDF, not PDF/A, because the stricter form was")
    assert b"pdfaid:part" not in made.content
    assert missing_from(made, [report.answer]) == []


def test_pictures_that_stop_the_engine_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typeset = pdf_report._typeset
    calls = []

    def fails_with_pictures(root: Path, data: dict[str, object], pictures: tuple[str, ...], timestamp: int) -> Rendered:
        calls.append(len(pictures))
        if pictures:
            raise pdf_report._EngineFailedError("the engine ended")
        return typeset(root, data, pictures, timestamp)

    monkeypatch.setattr(pdf_report, "_typeset", fails_with_pictures)
    made = render_pdf(build_report(tmp_path, 1), tmp_path)
    assert calls == [7, 0]
    assert made.notes == ("report.pdf: the pictures are left out, because typesetting failed with them",)
    assert pictures_in(made) == 0


def test_an_engine_that_ends_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_report, "_MODULE", "verify.report.pdf.no_such_worker")
    with pytest.raises(VerifyError, match=r"report\.pdf: cannot be typeset \(.*no_such_worker.*--format"):
        render_pdf(build_report(tmp_path, 1), tmp_path)


def test_an_engine_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_report, "_LIMIT_S", 0.05)
    with pytest.raises(VerifyError, match=r"report\.pdf: cannot be typeset"):
        render_pdf(build_report(tmp_path, 60), tmp_path)


def test_the_timeline_takes_several_rows(tmp_path: Path) -> None:
    report = build_report(tmp_path, 5, scene_count=1)
    block = timeline_block(report)
    assert block is not None
    assert len(block["rows"]) == 1
    names = [name for *_, name in block["rows"][0]["markers"]]
    assert sorted(names) == ["1", "2?", "3", "4?", "5", "S1"]
    long = replace(
        report, coverage=(CoverageSpan(interval=interval(0.0, 400.0), state=CoverageState.NO_MATCH, reason=""),)
    )
    rows = timeline_block(long)["rows"]  # type: ignore[index]
    assert len(rows) == 5
    assert [row["spans"] for row in rows] == [[(0.0, 100.0, "no_match")]] * 5
    assert rows[1]["ticks"][0] == (0.0, "1:20")
    assert timeline_block(replace(report, coverage=())) is None


def test_spans_too_short_to_be_seen_are_drawn_as_what_they_are(tmp_path: Path) -> None:
    report = build_report(tmp_path, 0)
    ends = [0.0, 20.0, *(20.0 + at / 100 for at in range(1, 101)), 60.0]
    states = [
        CoverageState.NO_MATCH,
        *[CoverageState.NOT_EXAMINABLE, CoverageState.NO_MATCH] * 50,
        CoverageState.TEMPLATE,
    ]
    spans = zip(ends, ends[1:], states, strict=False)
    coverage = tuple(CoverageSpan(interval=interval(a, b), state=state, reason="") for a, b, state in spans)
    block = timeline_block(replace(report, coverage=coverage))
    assert block is not None
    drawn = block["rows"][0]["spans"]
    # The hundredths of a second from 0:20.00 on are one box, but for what is left over.
    assert [style for _left, _width, style in drawn] == ["no_match", "mixed", "no_match", "template"]
    assert drawn[1][0] == pytest.approx(100 / 3, abs=0.01)
    assert drawn[1][1] == pytest.approx(100 / 60, abs=0.02)
    assert [style for style, *_words in block["legend"]] == ["template", "not_examinable", "no_match", "mixed"]


def test_the_form_is_known(tmp_path: Path) -> None:
    report = build_report(tmp_path, 0)
    form = FORMS["pdf"]
    assert form.file_name == "report.pdf"
    assert form.render(report, tmp_path, RenderOptions()).content.startswith(b"%PDF-")
