"""The entry point: help without heavy imports, unknown commands, bugs, readers that go away, the launcher."""

from __future__ import annotations

import errno
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import verify.__main__ as entry
from fixtures.footage import CHECKOUT
from tests.cli.helpers.command import names_in, verify, verify_process
from verify import __version__, errors
from verify.commands import options
from verify.commands import releases as releases_module
from verify.errors import VerifyError

HEAVY = {"av", "cv2", "faiss", "imagehash", "jinja2", "msgspec", "numpy", "PIL", "tqdm", "yaml", "yt_dlp"}


def commands() -> list[tuple[str, ...]]:
    """Every command and subcommand, as words to type."""
    found: list[tuple[str, ...]] = []
    for name, (module, _) in entry.COMMANDS.items():
        found.append((name,))
        command = getattr(importlib.import_module(module), name)
        if isinstance(command, click.Group):
            found += [(name, below) for below in command.commands]
    return found


def imported_by(code: str) -> set[str]:
    """Names of the modules that are there after some code has run in a process of its own."""
    asked = f"{code}\nimport json, sys\nsys.stdout.write('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(CHECKOUT)}
    )
    return set(json.loads(done.stdout.rpartition("\n")[2]))


# --- help ------------------------------------------------------------------------------------------------------------


def test_help_names_every_command():
    done = verify("--help")
    assert done.code == 0
    assert done.err == ""
    assert done.out.startswith("Usage: verify [OPTIONS] COMMAND [ARGS]...")
    shown = " ".join(done.out.split())
    for name, (_, summary) in entry.COMMANDS.items():
        assert f" {name} {summary}" in shown


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...]):
    done = verify(*words, "--help")
    assert done.code == 0
    assert done.out.startswith(f"Usage: verify {' '.join(words)} ")
    assert done == verify(*words, "-h")


@pytest.mark.parametrize("name", entry.COMMANDS)
def test_summaries_are_the_commands_own_first_lines(name: str):
    module, summary = entry.COMMANDS[name]
    command = getattr(importlib.import_module(module), name)
    assert command.help.partition("\n\n")[0].replace("\n", " ") == summary


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_option_is_explained(words: tuple[str, ...]):
    command: click.Command = getattr(importlib.import_module(entry.COMMANDS[words[0]][0]), words[0])
    if len(words) == 2:
        assert isinstance(command, click.Group)
        command = command.commands[words[1]]
    assert command.help and command.help.partition("\n")[0].endswith(".")
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


def test_help_imports_next_to_nothing():
    click_alone = imported_by("import click")
    help_shown = imported_by("from verify.__main__ import run\nassert run(['--help']) == 0")
    assert not HEAVY & {name.partition(".")[0] for name in help_shown}
    assert not [name for name in help_shown if name.startswith("verify.commands")]
    assert len(help_shown) <= 1.25 * len(click_alone)


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_a_commands_help_imports_no_heavy_module(words: tuple[str, ...]):
    shown = imported_by(f"from verify.__main__ import run\nassert run({[*words, '--help']}) == 0")
    assert not HEAVY & {name.partition(".")[0] for name in shown}


def test_version():
    assert verify("--version") == (0, f"verify, version {__version__}\n", "")


# --- usage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("vidoe",), ("archive", "destroy"), ("--frobnicate",), ("video",), ("compare", "a")])
def test_what_is_no_command_line_ends_with_2(words: tuple[str, ...]):
    done = verify(*words)
    assert done.code == 2
    assert done.out == ""
    assert "Usage: verify" in done.err
    assert "Try 'verify" in done.err


@pytest.mark.parametrize("words", [(), ("archive",)])
def test_a_group_alone_shows_its_help(words: tuple[str, ...]):
    done = verify(*words)
    assert done.code == 2
    assert "Commands:" in done.err


# --- errors ----------------------------------------------------------------------------------------------------------


def test_a_bug_ends_with_1_and_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def fail(_: object) -> None:
        raise ZeroDivisionError("nothing to divide by")

    monkeypatch.setattr(releases_module, "check_formats", fail)
    done = verify("video", "a.mp4", "--out", tmp_path / "out")
    assert done.code == 1
    assert "ZeroDivisionError: nothing to divide by" in done.err
    assert done.err.endswith("error: this is a bug in verify. Please report it with the lines above.\n")
    assert names_in(tmp_path) == set()


def error_classes(of: type[VerifyError] = VerifyError) -> list[type[VerifyError]]:
    return [found for below in of.__subclasses__() for found in (below, *error_classes(below))]


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: kind.__name__)
def test_every_error_ends_with_its_own_code(kind: type[VerifyError], monkeypatch: pytest.MonkeyPatch):
    def fail(_: object) -> None:
        raise kind("the thing", "does not work", "Mend it.")

    monkeypatch.setattr(releases_module, "check_formats", fail)
    done = verify("video", "a.mp4")
    assert done == (kind.exit_code, "", "error: the thing: does not work. Mend it.\n")
    assert kind.exit_code not in (0, 1, 60, 100, 130)


def test_exit_codes_differ():
    codes = [kind.exit_code for kind in error_classes() if kind is not VerifyError]
    assert len(set(codes)) == len(codes)


def test_names_in_messages_cannot_act_on_a_terminal(tmp_path: Path):
    done = verify("archive", "add", "\x1b[31mred\u202e\nname", "--archive", tmp_path / "archive")
    assert done.code == 2
    assert r"error: \x1b[31mred\u202e\nname: " in done.err
    assert done.err.count("\n") == 1


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch):
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(releases_module, "check_formats", interrupt)
    done = verify("video", "a.mp4")
    assert done.code == 130
    assert "interrupted: nothing half-written was left." in done.err


def test_a_full_disk_is_told_as_one_wherever_it_is_met(monkeypatch: pytest.MonkeyPatch):
    def fail(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/out/frames/release-001.jpg")

    monkeypatch.setattr(releases_module, "check_formats", fail)
    done = verify("video", "a.mp4")
    assert done.code == 51
    assert done.message.startswith("error: /out/frames/release-001.jpg: cannot be written (No space left on device).")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_results_written_to_a_full_disk(archive: Path):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, CHECKOUT / "cli.py", "archive", "list", "--archive", archive],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 51
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_error(archive: Path):
    process = subprocess.Popen(
        [sys.executable, CHECKOUT / "cli.py", "archive", "list", "--json", "--archive", archive],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), said) == (0, b"")


def test_without_a_standard_error(release: Path, archive: Path):
    command = f'exec "{sys.executable}" "{CHECKOUT}/cli.py" compare "{release}" "{release}" --json 2>&-'
    done = subprocess.run(["/bin/sh", "-c", command], stdout=subprocess.PIPE, check=False)
    assert done.returncode == 0
    assert json.loads(done.stdout)


# --- the launcher ----------------------------------------------------------------------------------------------------


def test_launcher_works_from_another_folder(tmp_path: Path):
    (tmp_path / "verify.py").write_text("raise SystemExit('the wrong verify')", encoding="utf-8")
    done = verify_process("--version", cwd=tmp_path)
    assert done == (0, f"verify, version {__version__}\n", "")


def test_launcher_does_what_the_command_does(tmp_path: Path):
    done = verify_process("video", "missing.mp4", "--archive", tmp_path / "none", cwd=tmp_path)
    assert done == verify("video", "missing.mp4", "--archive", tmp_path / "none")
    assert done.code == 2


def test_module_and_script_are_the_same_program():
    for arguments in (["-m", "verify"], ["-c", "from verify.__main__ import main; main()"]):
        done = subprocess.run(
            [sys.executable, *arguments, "--version"], capture_output=True, text=True, check=True,
            env={"PYTHONPATH": str(CHECKOUT)},
        )  # fmt: skip
        assert done.stdout == f"verify, version {__version__}\n"


def test_command_line_is_recorded_as_typed_without_secrets(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/verify", "video", "https://me:word@example.org/?token=abc", "--json"])
    assert options.told_command() == ("verify", "video", "https://example.org/?token=REMOVED", "--json")


# --- the documentation -----------------------------------------------------------------------------------------------

USAGE = CHECKOUT / "docs" / "usage.md"


@pytest.mark.skipif(not USAGE.exists(), reason="no docs/usage.md yet")
class TestUsagePage:
    @pytest.mark.parametrize("words", commands(), ids=" ".join)
    def test_names_every_command_with_its_options(self, words: tuple[str, ...]):
        text = USAGE.read_text(encoding="utf-8")
        assert f"verify {' '.join(words)}" in text
        command: click.Command = getattr(importlib.import_module(entry.COMMANDS[words[0]][0]), words[0])
        command = command.commands[words[1]] if isinstance(command, click.Group) and len(words) == 2 else command
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert any(name in text for name in parameter.opts), parameter.opts

    def test_lists_every_exit_code_once(self):
        told = [int(code) for code in re.findall(r"^\| (\d+) \|", USAGE.read_text(encoding="utf-8"), re.MULTILINE)]
        known = {kind.exit_code for kind in error_classes()}
        known |= {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
        assert sorted(told) == sorted(known)


def test_group_refuses_a_name_that_is_no_command():
    assert CliRunner().invoke(entry.verify, ["nothing"]).exit_code == 2
