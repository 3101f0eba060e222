"""Forms are made anew from report.json, beside it or elsewhere, of what the report was made with and nothing else."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.helpers.command import names_in, verify, verify_process
from tests.cli.helpers.reports import (
    REJECTED,
    WORDS,
    Page,
    annotate,
    assert_confirmed,
    assert_refused,
    copied,
    digests,
    render,
)
from verify.evidence.annotations import read_annotations
from verify.evidence.custody import read_log
from verify.model import Report
from verify.report.forms import FORMS, Form
from verify.report.options import Rendered, RenderOptions

# --- render ---------------------------------------------------------------------------------------------------------


def test_forms_are_made_anew_in_place_and_come_out_the_same(folder: Path) -> None:
    before = digests(folder)
    done = render(folder)
    assert (done.code, done.err) == (0, "")
    assert done.out == f"Made in {folder}: report.html\n"
    assert digests(folder) == before


def test_a_form_that_was_lost_comes_back_without_the_key(
    signed_report: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the one that the log tells of already."""
    folder = copied(signed_report[0], tmp_path)
    before = digests(folder)
    (folder / "report.html").unlink()
    monkeypatch.delenv("VERIFY_KEY", raising=False)
    assert render(folder).code == 0
    assert digests(folder) == before


def test_other_forms_than_the_log_tells_of_need_the_key(
    signed_report: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: Page
) -> None:
    folder = copied(signed_report[0], tmp_path)
    before = digests(folder)
    monkeypatch.delenv("VERIFY_KEY", raising=False)
    assert_refused(render(folder, "--blur"), 2, "is signed with key", "VERIFY_KEY", "--out")
    assert digests(folder) == before
    assert render(folder, "--blur", "--out", tmp_path / "out").code == 0
    assert digests(folder) == before
    monkeypatch.setenv("VERIFY_KEY", str(signed_report[1]))
    assert render(folder, "--blur", "--operator", "The desk").code == 0
    event = read_log(folder / "evidence").events[-1]
    assert (event.detail, event.actor.partition(",")[0]) == ("report.html: language en, blurred", "The desk")
    assert_confirmed(folder)


def test_forms_keep_their_look(unsigned: Path, page: Page) -> None:
    """Else a word on a report would lay bare what was blurred."""
    assert render(unsigned, "--blur", "--no-pictures").code == 0
    assert annotate(unsigned).code == 0
    assert render(unsigned).code == 0
    assert [(look.is_blurred, look.has_pictures) for look in page.looks] == [(True, False)] * 3
    assert "data:image/jpeg;base64" not in (unsigned / "report.html").read_text(encoding="utf-8")
    assert render(unsigned, "--no-blur", "--pictures").code == 0
    assert annotate(unsigned).code == 0
    assert [(look.is_blurred, look.has_pictures) for look in page.looks[3:]] == [(False, True)] * 2
    assert_confirmed(unsigned)


def test_a_look_of_the_first_command_line_is_kept(unsigned: Path, page: Page, tmp_path: Path) -> None:
    document = json.loads((unsigned / "report.json").read_text(encoding="utf-8"))
    alone = tmp_path / "alone"
    alone.mkdir()
    for words, look in (
        (["--blur"], ("en", True, True)),
        (["--no-pictures", "--language", "en"], ("en", False, False)),
        (["--language=en"], ("en", False, True)),
    ):
        document["command"] = ["verify", "video", "x", *words]
        (alone / "report.json").write_text(json.dumps(document), encoding="utf-8")
        shutil.copytree(unsigned / "frames", alone / "frames", dirs_exist_ok=True)
        assert render(alone).code == 0
        found = page.looks[-1]
        assert (found.language, found.is_blurred, found.has_pictures) == look
    document["command"] = ["verify", "video", "x", "--language", "tlh"]
    (alone / "report.json").write_text(json.dumps(document), encoding="utf-8")
    assert_refused(render(alone), 2, "is in the language 'tlh', which this program does not have", "--language")
    assert render(alone, "--language", "en").code == 0


def test_a_copy_leaves_the_report_alone(folder: Path, page: Page, tmp_path: Path) -> None:
    assert annotate(folder).code == 0
    before = digests(folder)
    out = tmp_path / "deep" / "out"
    done = render(folder, "--out", out, "--format", "html,json", "--language", "en")
    assert done.code == 0, done.err
    assert done.out == f"Made in {out}: report.html, report.json\n"
    assert names_in(out) == {"report.html", "report.json"}
    assert digests(folder) == before
    assert (out / "report.json").read_bytes() == (folder / "report.json").read_bytes()
    assert (out / "report.html").read_bytes() == (folder / "report.html").read_bytes()
    assert "data:image/jpeg;base64" in (out / "report.html").read_text(encoding="utf-8")
    assert page.looks[-1].annotations == read_annotations(folder / "evidence")


def test_a_copy_without_pictures_has_none(unsigned: Path, tmp_path: Path) -> None:
    (unsigned / "frames" / "release-001.jpg").write_bytes(b"not looked at")
    done = render(unsigned, "--out", tmp_path / "out", "--no-pictures")
    assert done.code == 0, done.err
    assert names_in(tmp_path / "out") == {"report.html"}
    assert "data:image/jpeg;base64" not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_where_a_copy_cannot_go(unsigned: Path, tmp_path: Path) -> None:
    before = digests(unsigned)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    for where, code, problem in (
        (tmp_path / "full", 2, "is not empty"),
        (unsigned, 2, "lies in the report's own folder"),
        (unsigned / "urdu", 2, "lies in the report's own folder"),
        (tmp_path / "file", 51, "cannot be written"),
        (tmp_path / "file" / "below", 51, "cannot be written"),
    ):
        assert_refused(render(unsigned, "--out", where), code, problem)
    assert digests(unsigned) == before
    assert names_in(tmp_path / "full") == {"x"}
    assert render(unsigned, "--out", tmp_path / "empty").code == 0
    assert names_in(tmp_path / "empty") == {"report.html"}


@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_copy_appears_whole_or_not_at_all(
    unsigned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    rename = Path.rename

    def failing(path: Path, target: Path) -> Path:
        if target.name == "report.json":
            raise fault
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    done = render(unsigned, "--out", tmp_path / "new" / "out", "--format", "html,json")
    assert done.code == (51 if isinstance(fault, OSError) else 130)
    assert not (tmp_path / "new").exists()


def linking(*paths: str) -> Form:
    """A form that links to pictures, as the page for searching by them does."""
    page = "".join(f'<a href="{path}"><img src="./{path}"></a>' for path in paths)
    return Form(name="search", file_name="search.html", render=lambda *_: Rendered(content=page.encode()))


def test_pictures_that_a_form_links_to_come_with_it(
    unsigned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FORMS, "search", linking("frames/release-001.jpg", "frames/release-002.jpg"))
    monkeypatch.setattr("verify.report.forms.FORMATS", frozenset({"json", *FORMS}))
    done = render(unsigned, "--out", tmp_path / "out", "--format", "search,html")
    assert done.code == 0, done.err
    assert done.out == f"Made in {tmp_path / 'out'}: frames, report.html, search.html\n"
    assert names_in(tmp_path / "out" / "frames") == {"release-001.jpg", "release-002.jpg"}
    picture = tmp_path / "out" / "frames" / "release-001.jpg"
    assert picture.read_bytes() == (unsigned / "frames" / "release-001.jpg").read_bytes()
    refused = render(unsigned, "--out", tmp_path / "other", "--format", "search", "--no-pictures")
    assert_refused(refused, 2, "search: is a form that links to pictures", "Leave it out of --format")
    for path in ("frames/nothing.jpg", "frames/../report.json", "frames/%2e%2e/report.json"):
        monkeypatch.setitem(FORMS, "search", linking(path))
        refused = render(unsigned, "--out", tmp_path / "other", "--format", "search")
        assert_refused(refused, 2, "the report has no such picture")
    assert not (tmp_path / "other").exists()


def damaged(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def linked(path: Path) -> None:
    target = path.rename(path.parent.parent / "elsewhere.jpg")
    path.symlink_to(target)


@pytest.mark.parametrize("change", [damaged, longer, linked, Path.unlink])
def test_a_picture_that_is_not_the_reports_is_named(
    unsigned: Path, tmp_path: Path, change: Callable[[Path], object]
) -> None:
    change(unsigned / "frames" / "release-001.jpg")
    before = digests(unsigned)
    for words in ((), ("--out", tmp_path / "out")):
        done = render(unsigned, *words)
        assert_refused(
            done, 20, f"{unsigned / 'frames' / 'release-001.jpg'}: ", "or leave all pictures out with --no-p"
        )
    assert digests(unsigned) == before
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "file",
    [
        {"path": "frames/../../secret.jpg", "size_bytes": 6},
        {"path": "frames/a/b.jpg", "size_bytes": 6},
        {"path": "frames/..", "size_bytes": 6},
        {"path": "frames/\\secret.jpg", "size_bytes": 6},
        {"path": "frames/first.jpg", "size_bytes": -1},
        {"path": "frames/first.jpg", "size_bytes": 2**40},
    ],
)
def test_a_forged_list_of_pictures_leads_nowhere(unsigned: Path, tmp_path: Path, file: dict[str, object]) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    alone = tmp_path / "alone"
    shutil.copytree(unsigned / "frames", alone / "frames")
    document = json.loads((unsigned / "report.json").read_text(encoding="utf-8"))
    document["files"] = [{**file, "sha256": hashlib.sha256(b"secret").hexdigest()}]
    (alone / "report.json").write_text(json.dumps(document), encoding="utf-8")
    assert_refused(render(alone, "--out", tmp_path / "out"), 2)


def test_a_report_without_digests_of_its_pictures_says_so(unsigned: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(unsigned / "frames", alone / "frames")
    document = json.loads((unsigned / "report.json").read_text(encoding="utf-8"))
    document["files"] = []
    (alone / "report.json").write_text(json.dumps(document), encoding="utf-8")
    done = render(alone)
    assert done.code == 0
    assert "note: The report gives no digests of its pictures: they are shown as they are found." in done.err
    assert "data:image/jpeg;base64" in (alone / "report.html").read_text(encoding="utf-8")
    shutil.rmtree(alone / "frames")
    (alone / "frames").symlink_to(unsigned / "frames")
    assert_refused(render(alone), 20, "frames: is a link")


def test_a_report_without_a_case_is_rendered_without_annotations(unsigned: Path, page: Page) -> None:
    assert annotate(unsigned).code == 0
    case, log = unsigned / "evidence", unsigned / "evidence-custody"
    for missing, reason in ((log, "The later log of the case was left out."), (case, "There is no case beside")):
        shutil.rmtree(missing)
        shutil.rmtree(unsigned / "evidence-private", ignore_errors=True)
        done = render(unsigned)
        assert done.code == 0, done.err
        assert f"note: {reason}" in done.err
        assert "What people may have said of this report is not known, and is not shown." in done.err
        assert page.looks[-1].annotations == ()


def test_a_case_that_was_left_out_but_for_its_log(unsigned: Path, page: Page) -> None:
    shutil.rmtree(unsigned / "evidence")
    done = render(unsigned)
    assert done.code == 0, done.err
    assert "note: The case itself was left out, so its later log cannot be checked." in done.err


def test_words_on_an_earlier_report_of_the_case_are_not_shown(
    unsigned: Path, archive: Path, tmp_path: Path, page: Page
) -> None:
    assert annotate(unsigned).code == 0
    again = tmp_path / "again"
    assert verify("video", unsigned, "--archive", archive, "--out", again).code in (0, 100)
    done = render(again)
    assert done.code == 0, done.err
    assert "note: Annotations of an earlier report of the same case, 1 in all, are not shown." in done.err
    assert page.looks[-1].annotations == ()
    assert annotate(again, "--correction", *WORDS).code == 0
    assert [each.number for each in page.looks[-1].annotations] == [2]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--format", "docx"), "docx is not a form of the report"),
        (("--format", ""), "names no form"),
        (("--format", "json"), "report.json is what the forms are made from"),
        (("--language", "tlh"), "there is none called 'tlh'. Choose from en"),
        (("--language", ""), "there is none called ''"),
    ],
)
def test_options_that_cannot_be_used(unsigned: Path, words: tuple[str, ...], problem: str) -> None:
    before = digests(unsigned)
    assert_refused(render(unsigned, *words), 2, problem)
    assert digests(unsigned) == before


# --- notes of forms -------------------------------------------------------------------------------------------------


def noting(_report: Report, _folder: Path, look: RenderOptions) -> Rendered:
    return Rendered(content=f"{len(look.annotations)}".encode(), notes=("No font has U+1F4A9.", "No font has U+1F4A9."))


def test_what_is_to_be_known_of_a_form_is_told(
    brief: Path, unsigned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FORMS, "html", Form(name="html", file_name="report.html", render=noting))
    for done in (
        verify("video", brief, "--out", tmp_path / "out"),
        annotate(unsigned),
        render(unsigned),
        render(unsigned, "--out", tmp_path / "copy"),
    ):
        assert done.code in (0, 100)
        assert done.err.count("note: No font has U+1F4A9.\n") == 1


def test_the_commands_work_in_a_process_of_their_own(unsigned: Path, tmp_path: Path) -> None:
    done = verify_process("report", "annotate", unsigned, *REJECTED)
    assert (done.code, done.err) == (0, "")
    done = verify_process("report", "render", unsigned, "--out", tmp_path / "out")
    assert (done.code, done.err) == (0, "")
    assert_confirmed(unsigned)
