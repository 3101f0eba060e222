"""`verify replay`: bytes hashed again, the search run again, every finding said to be the same or not."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.conftest import Checked
from tests.cli.helpers.command import Done, verify
from tests.unit.onnx_samples import written
from verify.archive.cases import CASES_NAME
from verify.archive.catalogue import CATALOGUE_NAME
from verify.evidence.reading import digest_of
from verify.fingerprint.member_file import Member, open_members, write_members
from verify.fingerprint.stored_examination import DOCUMENT_NAME, PICTURES_NAME
from verify.replay import rehashing

if TYPE_CHECKING:
    from collections.abc import Callable

SAME, DIFFERENT, NOT_RUN = "same", "different", "could not be re-run"


@pytest.fixture
def report(checked: Checked, tmp_path: Path) -> Path:
    """A copy of the report folder with its case."""
    return Path(shutil.copytree(checked.folder, tmp_path / "report", symlinks=True))


@pytest.fixture
def alone(report: Path) -> Path:
    """A copy of the report folder that was moved without its case."""
    for path in report.glob("evidence*"):
        shutil.rmtree(path)
    return report


@pytest.fixture
def copied(archive: Path, tmp_path: Path) -> Path:
    """A copy of the archive, to be changed."""
    return Path(shutil.copytree(archive, tmp_path / "archive"))


def replay(folder: Path, archive: Path, *more: str | Path) -> tuple[Done, dict[str, Any]]:
    done = verify("replay", folder, "--archive", archive, "--json", *more)
    assert "Traceback" not in done.err
    return done, json.loads(done.out) if done.out else {}


def results(told: dict[str, Any]) -> dict[str, str]:
    return {finding["label"]: finding["result"] for finding in told["findings"]}


def of_label(told: dict[str, Any], label: str) -> dict[str, Any]:
    (finding,) = [finding for finding in told["findings"] if finding["label"] == label]
    return dict(finding)


def state_of(folder: Path) -> dict[str, tuple[str, int]]:
    """Every file below a folder: digest of its bytes, and when it was last changed."""
    return {
        path.relative_to(folder).as_posix(): (
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
            path.stat().st_mtime_ns,
        )
        for path in [folder, *folder.rglob("*")]
    }


def edited(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "report.json"
    report = json.loads(path.read_text(encoding="utf-8"))
    change(report)
    path.write_text(json.dumps(report), encoding="utf-8")


# --- the same --------------------------------------------------------------------------------------------------------


def test_a_report_that_holds(checked: Checked, archive: Path, monkeypatch: pytest.MonkeyPatch):
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refused)
    before = state_of(checked.folder), state_of(archive)
    done, told = replay(checked.folder, archive)
    assert done.code == 0, done.err
    assert set(results(told).values()) == {SAME}
    assert {"match 1", "timeline", "answer"} <= set(results(told))
    match = of_label(told, "match 1")
    assert (match["score_change"], match["time_change_s"]) == (pytest.approx(0, abs=1e-6), pytest.approx(0, abs=1e-6))
    assert told["changed"] == told["unreadable"] == told["versions"] == []
    assert told["searched"].endswith("which is in that state.")
    assert any("report.json, report.html, matches.csv" in sentence for sentence in told["holds"])
    assert any("Every file that the report is made with" in sentence for sentence in told["holds"])
    assert (state_of(checked.folder), state_of(archive)) == before


def test_it_is_told_in_lines(checked: Checked, archive: Path):
    done = verify("replay", checked.folder, "--archive", archive)
    assert done.code == 0
    lines = done.out.splitlines()
    (match,) = [line for line in lines if " match 1 " in line]
    assert match.startswith("same ")
    assert "of scene, confirmed, score " in match
    assert "findings are the same; no byte was found changed" in lines[-1]


def test_in_folders_that_may_not_be_written(report: Path, copied: Path):
    everything = [each for folder in (report, copied) for each in (folder, *folder.rglob("*"))]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        done, told = replay(report, copied)
    finally:
        for path in everything:
            path.chmod(0o755 if path.is_dir() else 0o644)
    assert done.code == 0, done.err
    assert set(results(told).values()) == {SAME}


def test_a_report_without_its_case_says_what_was_not_checked(alone: Path, archive: Path):
    done, told = replay(alone, archive)
    assert done.code == 0
    assert set(results(told).values()) == {SAME}
    assert any("there is no case beside the report" in sentence for sentence in told["unchecked"])
    assert "in what could be checked" in told["result"]


def test_a_report_without_an_archive(release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "none"))
    assert verify("video", release, "--out", tmp_path / "out").code in (0, 100)
    done, told = replay(tmp_path / "out", tmp_path / "missing")
    assert done.code == 0, done.err
    assert results(told) == dict.fromkeys(("timeline", "no match", "not examinable", "answer"), SAME)


# --- the archive changed since ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        [["retract", "scene", "--reason", "x"]],
        [["amend", "scene", "--title", "Another", "--first-seen", "2026", "--kind", "film", "--reason", "x"]],
        [["retract", "scene", "--reason", "x"], ["restore", "scene", "--reason", "y"]],
        [["amend", "scene", "--title", "Another", "--reason", "x"], ["retract", "scene", "--reason", "x"]],
    ],
    ids=["retracted", "amended", "restored", "both"],
)
def test_what_is_said_of_references_later_changes_nothing(changes: list[list[str]], report: Path, copied: Path):
    for change in changes:
        assert verify("archive", *change, "--archive", copied).code == 0
    done, told = replay(report, copied)
    assert done.code == 0, done.out
    assert set(results(told).values()) == {SAME}


def test_what_was_added_later_is_not_searched(report: Path, copied: Path, release: Path):
    assert verify("archive", "add", release, "--archive", copied, "--id", "itself").code == 0
    done, told = replay(report, copied)
    assert done.code == 0, done.out
    assert "which has changed since" in told["searched"]
    assert not any("itself" in finding["about"] for finding in told["findings"])


def test_what_was_retracted_then_is_not_searched(release: Path, copied: Path, tmp_path: Path):
    assert verify("archive", "retract", "scene", "--archive", copied, "--reason", "x").code == 0
    assert verify("video", release, "--archive", copied, "--out", tmp_path / "out").code == 0
    for change in (["restore"], ["amend", "--title", "Another"]):
        assert verify("archive", change[0], "scene", *change[1:], "--archive", copied, "--reason", "y").code == 0
        done, told = replay(tmp_path / "out", copied)
        assert done.code == 0, done.out
        assert results(told)["no match"] == SAME


def test_a_forgotten_reference_cannot_be_searched(report: Path, copied: Path):
    assert verify("archive", "forget", "scene", "--archive", copied, "--reason", "a judge", "--yes").code == 0
    done, told = replay(report, copied)
    assert done.code == 22
    match = of_label(told, "match 1")
    assert match["result"] == NOT_RUN
    assert match["why"].startswith("it was forgotten on ")
    assert match["why"].endswith("(a judge)")
    assert results(told)["answer"] == results(told)["timeline"] == NOT_RUN
    assert "1 reference of the 2 of the archive" in told["searched"]


def test_others_are_searched_without_a_forgotten_one(report: Path, copied: Path):
    assert verify("archive", "forget", "hard-cuts", "--archive", copied, "--reason", "a judge", "--yes").code == 0
    done, told = replay(report, copied)
    assert done.code == 22
    assert results(told)["match 1"] == SAME
    assert "hard-cuts: it was forgotten on" in of_label(told, "answer")["why"]
    text = verify("replay", report, "--archive", copied).out
    assert "1 reference of then could not be searched (hard-cuts: it was forgotten on " in text


def test_vectors_that_are_another_model_s_now(report: Path, copied: Path, tmp_path: Path):
    other = written(tmp_path / "other.onnx")
    assert verify("archive", "reindex", "--archive", copied, "--descriptor", other).code == 0
    done, told = replay(report, copied)
    assert done.code == 22
    assert set(results(told).values()) == {NOT_RUN}
    assert "described on" in of_label(told, "match 1")["why"]


def test_vectors_that_came_later_do_not_matter_to_a_search_without(
    release: Path, footage: dict[str, Path], tmp_path: Path
):
    archive = tmp_path / "archive"
    assert verify("archive", "add", footage["scene"], "--archive", archive, "--no-descriptor").code == 0
    assert verify("video", release, "--archive", archive, "--out", tmp_path / "out", "--no-descriptor").code == 0
    assert verify("archive", "reindex", "--archive", archive).code == 0
    done, told = replay(tmp_path / "out", archive)
    assert done.code == 0, done.out
    assert "which has changed since" in told["searched"]


def test_another_descriptor_has_to_be_given(release: Path, footage: dict[str, Path], tmp_path: Path):
    archive, model = tmp_path / "archive", written(tmp_path / "layout.onnx")
    words = ["--archive", archive, "--descriptor", model]
    assert verify("archive", "add", footage["scene"], *words).code == 0
    assert verify("video", release, "--out", tmp_path / "out", *words).code in (0, 100)
    done, _ = replay(tmp_path / "out", archive)
    assert done.code == 2
    sha256 = hashlib.sha256(model.read_bytes()).hexdigest()
    assert f"was made with the learned descriptor {sha256[:16]}" in done.message
    done, told = replay(tmp_path / "out", archive, "--descriptor", model)
    assert done.code == 0, done.err
    assert set(results(told).values()) == {SAME}


def test_references_of_a_pack(release: Path, archive: Path, tmp_path: Path):
    pack, other = tmp_path / "all.pack", tmp_path / "other"
    assert (
        verify("archive", "export", pack, "--archive", archive, "--publisher-name", "Desk North", "--unsigned").code
        == 0
    )
    words = ["--archive", other, "--accept-unsigned", "--grade", "unverified", "--from", "A stranger"]
    assert verify("archive", "import", pack, *words).code == 0
    assert verify("video", release, "--archive", other, "--out", tmp_path / "out").code == 0
    done, told = replay(tmp_path / "out", other)
    assert done.code == 0, done.out
    assert "possible" in of_label(told, "match 1")["about"]
    (listed,) = json.loads(verify("archive", "packs", "--archive", other, "--json").out)
    undone = verify("archive", "import", "--undo", listed["pack_id"], "--archive", other)
    assert undone.code == 0, undone.err
    done, told = replay(tmp_path / "out", other)
    assert done.code == 22
    assert "import undone on" in of_label(told, "match 1")["why"]


def test_earlier_releases_of_the_publisher(release: Path, archive: Path, copied: Path, tmp_path: Path):
    shutil.rmtree(copied / CASES_NAME, ignore_errors=True)
    again = tmp_path / "again.mp4"
    again.write_bytes(release.read_bytes() + b"\0\0\0\x08free")
    for source, name, day in ((release, "one", "2024-05-01"), (again, "two", "2024-06-01T10:00:00Z")):
        words = ["--archive", copied, "--out", tmp_path / name, "--publisher", "Office", "--published", day]
        assert verify("video", source, *words).code == 0
    done, told = replay(tmp_path / "two", copied)
    assert done.code == 0, done.out
    assert results(told)["earlier release 1"] == SAME

    report_id = json.loads((tmp_path / "one" / "report.json").read_text(encoding="utf-8"))["report_id"]
    words = ["--archive", copied / CASES_NAME, "--reason", "x", "--yes"]
    assert verify("archive", "forget", report_id, *words).code == 0
    done, told = replay(tmp_path / "two", copied)
    assert done.code == 22
    assert results(told)["earlier release 1"] == results(told)["answer"] == NOT_RUN
    assert results(told)["match 1"] == SAME
    # The archive as others have it: what one's own desk checked stays at home.
    assert replay(tmp_path / "two", archive)[1]["findings"][0]["result"] == SAME
    shutil.rmtree(copied / CASES_NAME)
    assert "remembers no releases" in of_label(replay(tmp_path / "two", copied)[1], "answer")["why"]


def test_another_archive_is_refused(report: Path, footage: dict[str, Path], tmp_path: Path):
    other = tmp_path / "other"
    assert verify("archive", "add", footage["scene"], "--archive", other, "--no-descriptor").code == 0
    done, _ = replay(report, other)
    assert done.code == 2
    stated = json.loads((report / "report.json").read_text(encoding="utf-8"))["archive"]["snapshot_id"]
    now = json.loads(verify("archive", "stats", "--archive", other, "--json").out)["snapshot"]
    assert stated in done.message
    assert now in done.message
    assert "with --archive." in done.message


def test_archives_that_cannot_be_searched(report: Path, copied: Path, tmp_path: Path):
    assert replay(report, tmp_path / "missing")[0].code == 2
    (proxy,) = [path for path in (copied / "proxies").iterdir() if path.stat().st_size > 20_000][:1]
    proxy.write_bytes(proxy.read_bytes()[:-1])
    (copied / CATALOGUE_NAME).write_bytes(b"garbage" * 4096)
    assert replay(report, copied)[0].code == 40


# --- bytes that changed ----------------------------------------------------------------------------------------------


def test_changed_fingerprints(report: Path, archive: Path, tmp_path: Path):
    path = report / "fingerprints.zip"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    done, told = replay(report, archive)
    assert done.code == 20
    assert told["changed"] == [
        {
            "path": "fingerprints.zip",
            "problem": "does not hold the bytes that were recorded: its SHA-256 differs",
        }
    ]
    assert set(results(told).values()) == {NOT_RUN}
    assert replay(report, tmp_path / "missing")[0].code == 20, "no archive is needed for that"


@pytest.mark.parametrize("change", ["gone", "shorter", "longer", "link", "folder"])
def test_changed_pictures(change: str, report: Path, archive: Path, tmp_path: Path):
    path = min((report / "frames").iterdir())
    content = path.read_bytes()
    path.unlink()
    if change == "folder":
        path.mkdir()
    elif change == "link":
        (tmp_path / "elsewhere.jpg").write_bytes(content)
        path.symlink_to(tmp_path / "elsewhere.jpg")
    elif change != "gone":
        path.write_bytes(content[:-1] if change == "shorter" else content + b"\0")
    done, told = replay(report, archive)
    assert done.code == 20
    (problem,) = told["changed"]
    assert problem["path"] == f"frames/{path.name}"
    words = {"gone": "is missing", "link": "is a link", "folder": "is missing"}
    assert words.get(change, "were recorded") in problem["problem"]
    assert set(results(told).values()) == {SAME}
    assert "1 file changed: this is not the report as it was made" in told["result"]


@pytest.mark.parametrize("name", ["report.html", "matches.csv", "evidence/data/manifest.json"])
def test_other_changed_files_are_named(name: str, report: Path, archive: Path):
    path = report / name
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b" ")
    done, told = replay(report, archive)
    assert done.code == 20
    assert any(problem["path"].endswith(name) for problem in told["changed"])
    assert set(results(told).values()) == {SAME}


def test_a_changed_report_is_told_and_compared(report: Path, archive: Path):
    edited(report, lambda told: told["matches"][0]["match"].update(score=0.1234))
    done, told = replay(report, archive)
    assert done.code == 20, "changed bytes take precedence"
    assert [problem["path"] for problem in told["changed"]] == ["report.json"]
    (difference,) = of_label(told, "match 1")["differences"]
    assert (difference["what"], difference["recorded"]) == ("score", "0.1234")


def test_a_report_that_cannot_be_read_any_more(report: Path, archive: Path):
    path = report / "report.json"
    path.write_bytes(path.read_bytes()[:-10])
    done, _ = replay(report, archive)
    assert done.code == 20
    assert "custody log" in done.message
    for folder in report.glob("evidence*"):
        shutil.rmtree(folder)
    assert replay(report, archive)[0].code == 2


def test_a_case_of_another_report(report: Path, brief: Path, archive: Path, tmp_path: Path):
    assert verify("video", brief, "--archive", archive, "--out", tmp_path / "other", "--no-remember").code == 0
    for path in report.glob("evidence*"):
        shutil.rmtree(path)
        shutil.copytree(tmp_path / "other" / path.name, report / path.name)
    done, told = replay(report, archive)
    assert done.code == 20
    assert any("is not the case that the report is about" in problem["problem"] for problem in told["changed"])


# --- findings that differ --------------------------------------------------------------------------------------------


def say(text: str) -> Callable[[dict[str, Any]], None]:
    return lambda told: told["matches"][0]["finding"].update(statement=text)


def shift(member: str, by_s: float) -> Callable[[dict[str, Any]], None]:
    def change(told: dict[str, Any]) -> None:
        interval = told["matches"][0]["match"][member]
        interval.update(start_s=interval["start_s"] + by_s, end_s=interval["end_s"] + by_s)

    return change


@pytest.mark.parametrize(
    ("change", "label", "what"),
    [
        (lambda told: told["matches"][0]["match"].update(level="possible"), "match 1", "level"),
        (lambda told: told["matches"][0]["finding"].update(kind="appears_in_reference"), "match 1", "kind"),
        (lambda told: told["matches"][0]["match"]["transform"].update(mirrored=True), "match 1", "transform"),
        (lambda told: told["matches"][0]["match"]["time_map"].update(rate=1.1), "match 1", "rate"),
        (lambda told: told["matches"][0]["match"].update(families=["motion over time"]), "match 1", "evidence"),
        (lambda told: told["matches"][0]["match"].update(geometry=None), "match 1", "place in the picture"),
        (say("It is proven."), "match 1", "statement"),
        (lambda told: told["matches"][0]["reference"].update(first_seen="2030"), "match 1", "kind"),
        (lambda told: told["matches"][0]["reference"].update(title="A film"), "match 1", "statement"),
        (shift("query", 0.3), "match 1", "passage"),
        (shift("reference", -0.2), "match 1", "passage of the reference"),
        (lambda told: told.update(answer="Nothing was found."), "answer", "statement"),
        (lambda told: told["coverage"][0].update(state="matched"), "timeline", "states"),
        (lambda told: told.update(matches=[]), "new match", "finding"),
        (lambda told: told["matches"].append(told["matches"][0] | {"number": 2}), "match 2", "finding"),
    ],
)
def test_what_differs_is_named(
    change: Callable[[dict[str, Any]], None], label: str, what: str, alone: Path, archive: Path
):
    edited(alone, change)
    done, told = replay(alone, archive)
    assert done.code == 22, done.err
    finding = of_label(told, label)
    assert finding["result"] == DIFFERENT
    assert what in [difference["what"] for difference in finding["differences"]]


def test_a_report_without_fingerprints(release: Path, archive: Path, tmp_path: Path):
    words = ["--archive", archive, "--out", tmp_path / "out", "--no-fingerprints", "--no-remember"]
    assert verify("video", release, *words).code == 0
    done, told = replay(tmp_path / "out", archive)
    assert done.code == 22
    assert set(results(told).values()) == {NOT_RUN}
    assert "keeps no fingerprints" in of_label(told, "match 1")["why"]


def test_another_version_is_information(alone: Path, archive: Path):
    edited(alone, lambda told: told["versions"].update(numpy="1.0\x1b[31m", gone="2"))
    done, told = replay(alone, archive)
    assert done.code == 0
    assert [(each["what"], each["recorded"]) for each in told["versions"]] == [
        ("numpy", "1.0\\x1b[31m"),
        ("gone", "2"),
    ]
    assert "(no finding)" in verify("replay", alone, "--archive", archive).out


# --- hostile folders -------------------------------------------------------------------------------------------------


def listed(path: str, content: bytes) -> dict[str, Any]:
    return {"path": path, "sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}


@pytest.mark.parametrize(
    "path", ["../outside.txt", "frames/../../outside.txt", "/etc/hostname", "frames\\x", "C:x", "", ".", "link/a.txt"]
)
def test_nothing_outside_is_read(path: str, alone: Path, archive: Path, tmp_path: Path):
    for place in (tmp_path / "outside.txt", tmp_path / "a.txt"):
        place.write_bytes(b"secret")
    (alone / "link").symlink_to(tmp_path)
    edited(alone, lambda told: told["files"].append(listed(path, b"secret")))
    done, told = replay(alone, archive)
    assert done.code == 20
    (problem,) = told["changed"]
    assert "SHA-256" not in problem["problem"]
    assert "were recorded" not in problem["problem"]


def test_stored_fingerprints_elsewhere_are_not_read(alone: Path, archive: Path, tmp_path: Path):
    shutil.move(alone / "fingerprints.zip", tmp_path / "fingerprints.zip")
    edited(alone, lambda told: told.update(examination="../fingerprints.zip"))
    done, told = replay(alone, archive)
    assert done.code == 20, "it is missing"
    assert "has no digest of its stored fingerprints" in of_label(told, "match 1")["why"]


def test_a_file_that_is_listed_twice(alone: Path, archive: Path):
    edited(alone, lambda told: told["files"].append(listed("fingerprints.zip", b"other")))
    done, told = replay(alone, archive)
    assert done.code == 20
    assert "is listed twice" in told["changed"][0]["problem"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", 2),
        (b"[]", 2),
        (b'{"schema_version": "1.1"}', 2),
        (b'{"schema_version": "9.0"}', 43),
        (b"[" * 100_000, 2),
        (b"\xff\xfe", 2),
        (b'{"tool": "another", "findings": []}', 2),
    ],
)
def test_what_is_no_report(content: bytes, code: int, archive: Path, tmp_path: Path):
    (tmp_path / "report.json").write_bytes(content)
    done, _ = replay(tmp_path, archive)
    assert done.code == code
    assert "report.json" in done.message


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told["matches"][0]["match"]["query"].update(start_s=1e300, end_s=1e300),
        lambda told: told["matches"][0]["match"]["time_map"].update(rate=1e200),
        lambda told: told["matches"][0]["match"].update(score=-1e200),
        lambda told: told["coverage"][0]["interval"].update(end_s=1e300),
        lambda told: told["matches"][0]["match"]["query"].update(start_s=5.0, end_s=1.0),
    ],
)
def test_numbers_that_cannot_be(change: Callable[[dict[str, Any]], None], alone: Path, archive: Path):
    edited(alone, change)
    assert replay(alone, archive)[0].code == 2


def test_texts_that_act_on_a_terminal(alone: Path, archive: Path):
    def change(told: dict[str, Any]) -> None:
        told["report_id"] = "\x1b[2Jid"
        told["answer"] = "\x1b[31manswer\u202e"
        told["matches"][0]["reference"]["id"] = told["matches"][0]["match"]["reference_id"] = "\x1b]0;title\x07"
        told["matches"][0]["finding"]["statement"] = "\x1b[31m"
        told["archive"]["snapshot_id"] += "\x1b"

    edited(alone, change)
    for more in ([], ["--json"]):
        done = verify("replay", alone, "--archive", archive, *more)
        assert done.code == 2, "it is another snapshot"
        assert "\x1b" not in done.out + done.err
    edited(alone, lambda told: told["archive"].update(snapshot_id=told["archive"]["snapshot_id"][:-1]))
    done = verify("replay", alone, "--archive", archive)
    assert done.code == 22
    assert not {"\x1b", "\u202e", "\x07"} & set(done.out + done.err)


def rewritten(folder: Path, change: Callable[[dict[str, Any]], None], **parts: bytes) -> None:
    """Change what the stored fingerprints say of themselves, or parts of them, and let the report vouch for it."""
    path = folder / "fingerprints.zip"
    with open_members(path) as file:
        document = json.loads(file.read(DOCUMENT_NAME, 2**24))
        others = {name: file.read(name, 2**28) for name in sorted(file.names - {DOCUMENT_NAME})}
    change(document)
    others |= {name.replace("_", "."): content for name, content in parts.items()}
    members = [Member(name, content) for name, content in others.items()]
    write_members(path, [Member(DOCUMENT_NAME, json.dumps(document).encode()), *members])
    own = listed("fingerprints.zip", path.read_bytes())
    edited(folder, lambda told: told.update(files=[f for f in told["files"] if f["path"] != own["path"]] + [own]))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda told: told.update(version=99), 43),
        (lambda told: told.update(keypoint_version=99), 41),
        (lambda told: told.update(frames=10**9), 20),
        (lambda told: told["info"].update(size_bytes=1), 22),
        (lambda told: told.update(model_sha256="0" * 64), 22),
    ],
)
def test_fingerprints_of_another_kind(change: Callable[[dict[str, Any]], None], code: int, alone: Path, archive: Path):
    rewritten(alone, change)
    done, told = replay(alone, archive)
    assert done.code == code, done.out + done.err
    if told:
        assert set(results(told).values()) == {NOT_RUN}


def test_small_pictures_that_cannot_be_decoded(alone: Path, archive: Path):
    rewritten(alone, lambda _: None, proxy_mkv=b"no video" * 100)
    done, told = replay(alone, archive)
    assert done.code == 22, done.err
    assert set(results(told).values()) == {NOT_RUN}
    assert "its small pictures cannot be decoded" in of_label(told, "match 1")["why"]


def test_what_is_no_zip_is_told(alone: Path, archive: Path):
    content = b"PK" * 1000
    (alone / "fingerprints.zip").write_bytes(content)
    own = listed("fingerprints.zip", content)
    edited(alone, lambda told: told.update(files=[own]))
    done, told = replay(alone, archive)
    assert done.code == 20
    assert told["changed"][0]["path"] == "fingerprints.zip"
    assert PICTURES_NAME not in done.err


def test_what_may_not_be_read_is_told_apart(alone: Path, archive: Path, monkeypatch: pytest.MonkeyPatch):
    closed = min((alone / "frames").iterdir())

    def digest(path: Path, limit_bytes: int | None = None) -> tuple[str, int]:
        if path.name == closed.name:
            raise PermissionError(13, "Permission denied")
        return digest_of(path, limit_bytes)

    monkeypatch.setattr(rehashing, "digest_of", digest)
    done, told = replay(alone, archive)
    assert done.code == 100
    assert set(results(told).values()) == {SAME}
    assert told["unreadable"] == [{"path": f"frames/{closed.name}", "problem": "cannot be read (Permission denied)"}]
    assert not any("Every file that the report is made with" in sentence for sentence in told["holds"])


def test_an_empty_name_is_not_the_working_folder(alone: Path, archive: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(alone)
    assert verify("replay", "", "--archive", archive).code == 2
    assert verify("replay", ".", "--archive", archive).code == 0


@pytest.mark.parametrize("kind", ["missing", "file", "empty", "link"])
def test_folders_that_are_none(kind: str, archive: Path, tmp_path: Path):
    place = tmp_path / "place"
    if kind == "file":
        place.write_bytes(b"")
    elif kind == "empty":
        place.mkdir()
    elif kind == "link":
        place.mkdir()
        (place / "report.json").symlink_to("/dev/zero")
    done, _ = replay(place, archive)
    assert done.code == 2
    assert str(place) in done.message
