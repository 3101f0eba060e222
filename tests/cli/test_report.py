"""What people say of a report is kept in its case, shown in its forms, and alters nothing of the tool's own."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path

import pytest

from fixtures.footage import CHECKOUT
from tests.cli.conftest import Checked
from tests.cli.helpers.command import Done, names_in, verify, verify_process
from tests.cli.test_permissions import as_nobody
from tests.unit.case_samples import rewrite
from verify.errors import OutputNotWritableError
from verify.evidence import custody
from verify.evidence.annotations import read_annotations
from verify.evidence.custody import read_log
from verify.model import Report
from verify.report import html_report, rendering
from verify.report.forms import FORMS, Form
from verify.report.options import Rendered, RenderOptions

WORDS = ("--by", "A. Person", "--note", "Another street.")
REJECTED = ("--match", "1", "--decision", "rejected", *WORDS)
#: What an annotation may change in a report folder.
CHANGING = {"report.html", "evidence-custody/custody.jsonl"}
#: A page that shows its look and what people said, whatever the templates do.
SHOWING = """
from html import escape
from verify.report import html_report
plain = html_report.render_html
def render_html(report, folder, options=None):
    said = "".join(f"<p>{each.number}: {escape(each.note)}</p>" for each in options.annotations)
    return plain(report, folder, options) + said + f"<p>{options.is_blurred}</p>"
html_report.render_html = render_html
"""
#: Runs a command line with such a page in a process of its own, after it was told to begin.
DRIVEN = f"""
import sys
sys.path.insert(0, sys.argv[1])
{SHOWING}
import verify.evidence.check, verify.report.rendering, verify.evidence.keys, verify.commands.report
from verify.__main__ import main
sys.argv = ["verify", *sys.argv[2:]]
print("ready", flush=True)
sys.stdin.readline()
main()
"""


@pytest.fixture(scope="session")
def signed(release: Path, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A report whose case is signed, and the key."""
    folder = tmp_path_factory.mktemp("signed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERIFY_KEY", str(folder / "signing.key"))
        assert verify("key", "new").code == 0
        assert verify("video", release, "--archive", archive, "--out", folder / "report").code == 0
    return folder / "report", folder / "signing.key"


@pytest.fixture(params=["unsigned", "signed"])
def folder(
    request: pytest.FixtureRequest,
    checked: Checked,
    signed: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A copy of a report, and the key that belongs to it."""
    if request.param == "signed":
        monkeypatch.setenv("VERIFY_KEY", str(signed[1]))
    return copied(signed[0] if request.param == "signed" else checked.folder, tmp_path)


@pytest.fixture
def unsigned(checked: Checked, tmp_path: Path) -> Path:
    return copied(checked.folder, tmp_path)


def copied(report: Path, place: Path) -> Path:
    return Path(shutil.copytree(report, place / "report", symlinks=True))


class Page:
    """Stands for the page: shows how it was asked to look, and what people said."""

    def __init__(self) -> None:
        self.looks: list[RenderOptions] = []
        self.fault: BaseException | None = None
        self._plain = html_report.render_html

    def __call__(self, report: Report, folder: Path, options: RenderOptions | None = None) -> str:
        assert options is not None
        if self.fault:
            raise self.fault
        self.looks.append(options)
        said = "".join(f"<p>{each.number}: {escape(each.note)}</p>" for each in options.annotations)
        return self._plain(report, folder, options) + said + f"<p>{options.is_blurred}</p>"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    standing = Page()
    monkeypatch.setattr(html_report, "render_html", standing)
    return standing


def digests(folder: Path) -> dict[str, str]:
    """Digests of all files of a folder, hidden ones too, by path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def assert_confirmed(folder: Path) -> str:
    """The case and the report beside it hold; returns what was said of it."""
    done = verify("evidence", "check", folder)
    assert done.code == 0, done.out
    assert "report.json, report.html" in done.out
    return done.out


def assert_refused(done: Done, code: int, *words: str) -> None:
    assert done.code == code, done.err
    assert done.out == ""
    assert "Traceback" not in done.err
    for each in words:
        assert each in done.err


def annotate(folder: Path, *words: str) -> Done:
    return verify("report", "annotate", folder, *(words or REJECTED))


def render(folder: Path, *words: str | Path) -> Done:
    return verify("report", "render", folder, *words)


# --- annotate -------------------------------------------------------------------------------------------------------


def test_a_decision_is_kept_shown_and_confirmed(folder: Path, page: Page) -> None:
    before = digests(folder)
    done = annotate(folder)
    assert done.code == 0, done.err
    (said,) = read_annotations(folder / "evidence")
    assert (said.subject, said.decision, said.by, said.note) == ("1", "rejected", "A. Person", "Another street.")
    assert said.report_sha256 == before["report.json"]
    how = f"signed with key {said.key_id}" if said.key_id else "not signed, as the case is not"
    assert done.out == (
        f"Annotation 1 is in the log of the case ({how}): 1 rejected, by A. Person\nMade anew with it: report.html\n"
    )
    assert [look.annotations for look in page.looks] == [(said,)]
    assert "<p>1: Another street.</p>" in (folder / "report.html").read_text(encoding="utf-8")
    after = digests(folder)
    assert {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)} == CHANGING
    assert "holds 1 annotation by people on a report, each well-formed and on the chain" in assert_confirmed(folder)
    events = read_log(folder / "evidence").events
    assert [event.action for event in events[-2:]] == ["annotated", "report written"]
    assert events[-1].detail == "report.html: language en"
    assert {event.actor.partition(",")[0] for event in events[-2:]} == {"A. Person"}


def test_later_words_are_added_and_the_earlier_ones_stay(folder: Path, page: Page) -> None:
    before = digests(folder)
    said = [
        REJECTED,
        ("--match", "1", "--decision", "confirmed", "--by", "B. Person", "--note", "The sign is the same."),
        ("--correction", "--by", "The desk", "--note", "Published on 3 May,\nnot on 2 May."),
    ]
    for words in said:
        assert annotate(folder, *words).code == 0
    found = read_annotations(folder / "evidence")
    assert [(each.number, each.subject, each.decision) for each in found] == [
        (1, "1", "rejected"), (2, "1", "confirmed"), (3, "", None),
    ]  # fmt: skip
    assert [len(look.annotations) for look in page.looks] == [1, 2, 3]
    assert page.looks[-1].annotations == found
    assert found[2].note == "Published on 3 May,\nnot on 2 May."
    after = digests(folder)
    assert {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)} == CHANGING
    assert "holds 3 annotations" in assert_confirmed(folder)


def test_every_form_that_is_there_is_made_anew(unsigned: Path, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, file_name in (("states", "states.vtt"), ("search", "search.html")):
        form = Form(name=name, file_name=file_name, render=lambda _, __, look: Rendered(content=repr(look).encode()))
        monkeypatch.setitem(FORMS, name, form)
    (unsigned / "states.vtt").write_text("as it was")
    done = annotate(unsigned)
    assert done.code == 0, done.err
    assert "Another street." in (unsigned / "states.vtt").read_text()
    assert not (unsigned / "search.html").exists()
    told = read_log(unsigned / "evidence").report_files()
    assert told["states.vtt"] == digests(unsigned)["states.vtt"]
    assert "states.vtt: each has the SHA-256" in assert_confirmed(unsigned)


def test_a_report_without_readable_forms(unsigned: Path) -> None:
    (unsigned / "report.html").unlink()
    done = annotate(unsigned)
    assert done.code == 0, done.err
    assert "Made anew" not in done.out
    assert not (unsigned / "report.html").exists()
    assert len(read_annotations(unsigned / "evidence")) == 1


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--match", "2", "--decision", "rejected", *WORDS), "error: --match 2: the report has no such match."),
        (("--match", "S1", "--decision", "rejected", *WORDS), "There are 1"),
        (("--match", "", "--decision", "rejected", *WORDS), "the report has no such match"),
        (("--match", "9" * 5000, "--decision", "rejected", *WORDS), "the report has no such match"),
        (("--match", "1", *WORDS), "are needed together"),
        (("--decision", "unclear", *WORDS), "are needed together"),
        (WORDS, "are needed together"),
        (("--correction", *REJECTED), "is about the report as a whole"),
        (("--match", "1", "--decision", "proved", *WORDS), "is not one of"),
        (("--match", "1", "--decision", "unclear", "--note", "x"), "Missing option '--by'"),
        (("--match", "1", "--decision", "unclear", "--by", "x"), "Missing option '--note'"),
        (("--correction", "--by", "A\nB", "--note", "x"), "--by: holds the character U+000A"),
        (("--correction", "--by", "A\u202eB", "--note", "x"), "--by: holds the character U+202E"),
        (("--correction", "--by", "x" * 201, "--note", "x"), "--by: has 201 characters"),
        (("--correction", "--by", " ", "--note", "x"), "--by: is empty"),
        (("--correction", "--by", "x", "--note", "x" * 20_001), "--note: has 20,001 characters"),
        (("--correction", "--by", "x", "--note", "a\x1b[31m"), "--note: holds the character U+001B"),
        (("--correction", "--by", "x", "--note", "a\udce9"), "--note: holds the character U+DCE9"),
    ],
)
def test_what_cannot_be_said_is_refused_and_nothing_is_written(
    unsigned: Path, words: tuple[str, ...], problem: str
) -> None:
    before = digests(unsigned)
    assert_refused(annotate(unsigned, *words), 2, problem)
    assert digests(unsigned) == before


def test_hostile_words_are_kept_as_they_are_and_shown_escaped(unsigned: Path, page: Page) -> None:
    name, note = "<b>Desk</b> ادارہ", "<script>alert(1)</script>\n{{ 7*7 }} %s \\ \"'&amp;"
    assert annotate(unsigned, "--correction", "--by", name, "--note", note).code == 0
    (said,) = read_annotations(unsigned / "evidence")
    assert (said.by, said.note) == (name, note)
    assert "<script>alert(1)" not in (unsigned / "report.html").read_text(encoding="utf-8")


def test_a_signed_case_takes_words_only_with_its_key(
    signed: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(signed[0], tmp_path)
    before = digests(folder)
    monkeypatch.delenv("VERIFY_KEY", raising=False)
    assert_refused(annotate(folder), 2, "is signed with key", "Name that key's file in VERIFY_KEY")
    monkeypatch.setenv("VERIFY_KEY", str(tmp_path / "other.key"))
    assert verify("key", "new").code == 0
    assert_refused(annotate(folder), 2, "is signed with key", "Name that key's file in VERIFY_KEY")
    assert digests(folder) == before


def test_words_that_were_added_without_the_key_are_not_shown(
    signed: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(signed[0], tmp_path)
    monkeypatch.setenv("VERIFY_KEY", str(signed[1]))
    assert annotate(folder).code == 0
    log = folder / "evidence-custody" / "custody.jsonl"
    rewrite(log, log.read_bytes().replace(b"1: rejected, by A. Person", b"1: confirmed, by A. Person"))
    before = digests(folder)
    for done in (annotate(folder), render(folder), render(folder, "--out", tmp_path / "out")):
        assert_refused(done, 20, "custody.jsonl", "is damaged")
    assert digests(folder) == before
    assert not (tmp_path / "out").exists()
    assert verify("evidence", "check", folder).code == 20


def test_a_report_that_is_not_the_one_of_its_case_takes_nothing(
    unsigned: Path, signed: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = unsigned / "report.json"
    path.write_bytes(path.read_bytes().replace(b"2020-05", b"2020-06"))
    before = digests(unsigned)
    for done in (annotate(unsigned), render(unsigned)):
        assert_refused(done, 20, "tells of another report.json than the one in this folder", "do not belong together")
    assert digests(unsigned) == before
    monkeypatch.setenv("VERIFY_KEY", str(signed[1]))
    for name in ("evidence", "evidence-custody", "evidence-private"):
        shutil.rmtree(unsigned / name, ignore_errors=True)
        if (signed[0] / name).exists():
            shutil.copytree(signed[0] / name, unsigned / name)
    assert_refused(annotate(unsigned), 20, "do not belong together")
    assert read_annotations(unsigned / "evidence") == ()


def test_nothing_is_added_to_a_case_that_was_changed(unsigned: Path) -> None:
    (master,) = (unsigned / "evidence" / "data" / "master").iterdir()
    rewrite(master, master.read_bytes()[:-1] + b"x")
    before = digests(unsigned)
    assert_refused(annotate(unsigned), 20, "is not as it was sealed", "verify evidence check")
    assert digests(unsigned) == before


def test_a_report_without_a_case_takes_nothing(unsigned: Path) -> None:
    for name in ("evidence", "evidence-custody", "evidence-private"):
        shutil.rmtree(unsigned / name, ignore_errors=True)
    assert_refused(annotate(unsigned), 2, "holds no case")
    assert names_in(unsigned) == {"report.json", "report.html", "matches.csv", "frames", "fingerprints.zip"}


@pytest.mark.parametrize("command", ["annotate", "render"])
def test_folders_that_are_no_reports(command: str, tmp_path: Path) -> None:
    words = REJECTED if command == "annotate" else ()
    (tmp_path / "file").write_text("x")
    (tmp_path / "other").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "report.json").write_text('{"schema_version": "1.1"}')
    (tmp_path / "newer").mkdir()
    (tmp_path / "newer" / "report.json").write_text('{"schema_version": "2.0"}')
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "report.json").symlink_to(tmp_path / "newer" / "report.json")
    for name, code, problem in (
        ("", 2, "is empty"),
        ("none", 2, "is no folder"),
        ("file", 2, "is no folder"),
        ("other", 2, "report.json: cannot be read (No such file or directory)"),
        ("broken", 2, "report.json: is no report"),
        ("newer", 43, "report.json: follows schema '2.0'"),
        ("linked", 2, "report.json: cannot be read (a link)"),
    ):
        given = tmp_path / name if name else ""
        assert_refused(verify("report", command, given, *words), code, problem)


# --- when something goes wrong --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 51),
        (OutputNotWritableError("a font", "cannot be found"), 51),
        (KeyboardInterrupt(), 130),
    ],
)
def test_words_stay_if_the_forms_cannot_be_made(folder: Path, page: Page, fault: BaseException, code: int) -> None:
    before = digests(folder)
    page.fault = fault
    done = annotate(folder)
    assert done.code == code
    assert f"the readable forms do not all show it yet: verify report render {folder}" in done.err
    assert done.out.startswith("Annotation 1 is in the log")
    assert len(read_annotations(folder / "evidence")) == 1
    assert digests(folder)["report.html"] == before["report.html"]
    assert names_in(folder) == {name.partition("/")[0] for name in before}
    assert_confirmed(folder)
    page.fault = None
    assert render(folder).code == 0
    assert "Another street." in (folder / "report.html").read_text(encoding="utf-8")
    assert_confirmed(folder)


def test_a_log_that_cannot_be_written_takes_nothing(unsigned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digests(unsigned)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(custody, "write_whole", full)
    assert_refused(annotate(unsigned), 51, "No space left on device", "Free some disk space")
    assert digests(unsigned) == before


def test_a_form_that_the_log_could_not_be_told_of_is_told_later(
    unsigned: Path, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = rendering.append_event

    def full(*_: object, **__: object) -> None:
        raise OutputNotWritableError("the log", "cannot be written (No space left on device)", "Free some disk space.")

    monkeypatch.setattr(rendering, "append_event", full)
    done = annotate(unsigned)
    assert done.code == 51
    assert f"Free some disk space. Then complete it: verify report render {unsigned}" in done.err
    assert verify("evidence", "check", unsigned).code == 20
    monkeypatch.setattr(rendering, "append_event", append)
    assert render(unsigned).code == 0
    assert_confirmed(unsigned)


def driven(*arguments: str | Path) -> subprocess.Popen[bytes]:
    """Start a process that is ready to run a command line, once it reads a line."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", DRIVEN, str(CHECKOUT), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    return process


def test_words_that_come_at_the_same_time_are_all_kept(folder: Path) -> None:
    processes = [
        driven("report", "annotate", folder, "--correction", "--by", f"Person {number}", "--note", f"Word {number}.")
        for number in range(3)
    ]
    for process in processes:
        assert process.stdin
        process.stdin.write(b"\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    found = read_annotations(folder / "evidence")
    assert {each.note for each in found} == {"Word 0.", "Word 1.", "Word 2."}
    shown = (folder / "report.html").read_text(encoding="utf-8")
    assert all(f"<p>{each.number}: {each.note}</p>" in shown for each in found)
    assert_confirmed(folder)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no process can be killed like that here")
@pytest.mark.parametrize("moments", [5, pytest.param(40, marks=pytest.mark.slow)])
def test_killed_at_random_moments(
    moments: int, signed: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: Page
) -> None:
    monkeypatch.setenv("VERIFY_KEY", str(signed[1]))
    draw = random.Random(7)
    whole_s = killed_after(None, copied(signed[0], tmp_path / "whole"))
    for moment in range(moments):
        folder = copied(signed[0], tmp_path / str(moment))
        before = digests(folder)
        killed_after(whole_s * (moment + draw.random()) / moments, folder)
        after = digests(folder)
        lasting = {name for name in before if name not in CHANGING}
        assert {name: after.get(name) for name in lasting} == {name: before[name] for name in lasting}
        found = read_annotations(folder / "evidence")
        assert [each.note for each in found] in ([], ["Another street."])
        done = render(folder)
        assert done.code == 0, done.err
        assert ("Another street." in (folder / "report.html").read_text(encoding="utf-8")) is bool(found)
        assert_confirmed(folder)


def killed_after(seconds: float | None, folder: Path) -> float:
    """Annotate in a process that is killed after a time, None: never; returns how long it took."""
    with driven("report", "annotate", folder, *REJECTED) as process:
        assert process.stdin
        began = time.monotonic()
        process.stdin.write(b"\n")
        process.stdin.flush()
        if seconds is None:
            assert process.wait(timeout=60) == 0
            return time.monotonic() - began
        time.sleep(seconds)
        os.kill(process.pid, signal.SIGKILL)
    return seconds


@pytest.fixture
def closed(checked: Checked) -> Iterator[Path]:
    # Not below pytest's own folder, which only its user may enter.
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        folder = copied(checked.folder, Path(place))
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="no Unix users here")
def test_a_folder_that_may_not_be_written(closed: Path, tmp_path: Path) -> None:
    before = digests(closed)
    for done in (as_nobody("report", "annotate", closed, *REJECTED), as_nobody("report", "render", closed)):
        assert_refused(done, 51, "cannot be written (Permission denied)")
    assert_refused(as_nobody("report", "render", closed, "--out", closed.parent / "new"), 51, "Permission denied")
    assert digests(closed) == before


# --- render ---------------------------------------------------------------------------------------------------------


def test_forms_are_made_anew_in_place_and_come_out_the_same(folder: Path) -> None:
    before = digests(folder)
    done = render(folder)
    assert (done.code, done.err) == (0, "")
    assert done.out == f"Made in {folder}: report.html\n"
    assert digests(folder) == before


def test_a_form_that_was_lost_comes_back_without_the_key(
    signed: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the one that the log tells of already."""
    folder = copied(signed[0], tmp_path)
    before = digests(folder)
    (folder / "report.html").unlink()
    monkeypatch.delenv("VERIFY_KEY", raising=False)
    assert render(folder).code == 0
    assert digests(folder) == before


def test_other_forms_than_the_log_tells_of_need_the_key(
    signed: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: Page
) -> None:
    folder = copied(signed[0], tmp_path)
    before = digests(folder)
    monkeypatch.delenv("VERIFY_KEY", raising=False)
    assert_refused(render(folder, "--blur"), 2, "is signed with key", "VERIFY_KEY", "--out")
    assert digests(folder) == before
    assert render(folder, "--blur", "--out", tmp_path / "out").code == 0
    assert digests(folder) == before
    monkeypatch.setenv("VERIFY_KEY", str(signed[1]))
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
    assert "data:image/jpeg" not in (unsigned / "report.html").read_text(encoding="utf-8")
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
    assert "data:image/jpeg" in (out / "report.html").read_text(encoding="utf-8")
    assert page.looks[-1].annotations == read_annotations(folder / "evidence")


def test_a_copy_without_pictures_has_none(unsigned: Path, tmp_path: Path) -> None:
    (unsigned / "frames" / "release-001.jpg").write_bytes(b"not looked at")
    done = render(unsigned, "--out", tmp_path / "out", "--no-pictures")
    assert done.code == 0, done.err
    assert names_in(tmp_path / "out") == {"report.html"}
    assert "data:image/jpeg" not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


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
    assert "data:image/jpeg" in (alone / "report.html").read_text(encoding="utf-8")
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
