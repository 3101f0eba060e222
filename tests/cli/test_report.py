"""What people say of a report is kept in its case, shown in its forms, and alters nothing of the tool's own."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Checked
from tests.cli.helpers.command import names_in, verify
from tests.cli.helpers.reports import (
    CHANGING,
    REJECTED,
    WORDS,
    Page,
    annotate,
    assert_confirmed,
    assert_refused,
    copied,
    digests,
    driven,
    render,
)
from tests.cli.test_permissions import as_nobody
from tests.unit.case_samples import rewrite
from verify.errors import OutputNotWritableError
from verify.evidence import custody
from verify.evidence.annotations import read_annotations
from verify.evidence.custody import read_log
from verify.report import rendering
from verify.report.forms import FORMS, Form
from verify.report.options import Rendered

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
    for name, file_name in (("vtt", "states.vtt"), ("search", "search.html")):
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
    signed_report: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(signed_report[0], tmp_path)
    before = digests(folder)
    monkeypatch.delenv("VERIFY_KEY", raising=False)
    assert_refused(annotate(folder), 2, "is signed with key", "Name that key's file in VERIFY_KEY")
    monkeypatch.setenv("VERIFY_KEY", str(tmp_path / "other.key"))
    assert verify("key", "new").code == 0
    assert_refused(annotate(folder), 2, "is signed with key", "Name that key's file in VERIFY_KEY")
    assert digests(folder) == before


def test_words_that_were_added_without_the_key_are_not_shown(
    signed_report: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(signed_report[0], tmp_path)
    monkeypatch.setenv("VERIFY_KEY", str(signed_report[1]))
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
    unsigned: Path, signed_report: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = unsigned / "report.json"
    path.write_bytes(path.read_bytes().replace(b"2020-05", b"2020-06"))
    before = digests(unsigned)
    for done in (annotate(unsigned), render(unsigned)):
        assert_refused(done, 20, "tells of another report.json than the one in this folder", "do not belong together")
    assert digests(unsigned) == before
    monkeypatch.setenv("VERIFY_KEY", str(signed_report[1]))
    for name in ("evidence", "evidence-custody", "evidence-private"):
        shutil.rmtree(unsigned / name, ignore_errors=True)
        if (signed_report[0] / name).exists():
            shutil.copytree(signed_report[0] / name, unsigned / name)
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
    moments: int, signed_report: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: Page
) -> None:
    monkeypatch.setenv("VERIFY_KEY", str(signed_report[1]))
    draw = random.Random(7)
    whole_s = killed_after(None, copied(signed_report[0], tmp_path / "whole"))
    for moment in range(moments):
        folder = copied(signed_report[0], tmp_path / str(moment))
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
