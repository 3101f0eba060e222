"""Learned descriptors, the program's own and one of the user's choice, from adding references to the report."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import sys
from pathlib import Path

import pytest

from tests.cli.helpers.command import names_in, verify
from tests.unit.onnx_samples import layout_model, written
from verify.archive.catalogue import CATALOGUE_NAME
from verify.fingerprint.learned import OWN_MODEL


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("model") / "layout.onnx")


@pytest.fixture(scope="module")
def described(model: Path, footage: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of 'scene' that was made without a descriptor, and got what it gives later."""
    folder = tmp_path_factory.mktemp("described") / "archive"
    plain = verify("archive", "add", footage["scene"], "--archive", folder, "--no-descriptor")
    assert (plain.code, "added" in plain.err) == (0, True)
    first, second = (
        verify("archive", "add", footage["scene"], "--archive", folder, "--descriptor", model) for _ in range(2)
    )
    assert (first.code, second.code) == (0, 0)
    assert "already there as scene (same bytes); descriptors added" in first.err
    assert "already there as scene (same bytes)\n" in second.err
    return folder


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_archive_tells_whose_vectors_it_has(described: Path, model: Path):
    assert f"descriptors        {sha256_of(model)}\n" in verify("archive", "show", "scene", "--archive", described).out
    stats = json.loads(verify("archive", "stats", "--archive", described, "--json").out)
    assert stats["descriptors"] == {sha256_of(model): 1}
    assert stats["bytes"]["descriptors"] > 0


def test_vectors_added_with_the_reference_are_those_added_later(
    described: Path, model: Path, footage: dict[str, Path], tmp_path: Path
):
    added = verify("archive", "add", footage["scene"], "--archive", tmp_path / "archive", "--descriptor", model)
    assert added.code == 0
    both = [
        json.loads(verify("archive", "stats", "--archive", each, "--json").out)
        for each in (described, tmp_path / "archive")
    ]
    assert both[0]["bytes"] == both[1]["bytes"]


def test_report_names_the_descriptor(described: Path, model: Path, release: Path, tmp_path: Path):
    done = verify(
        "video", release, "--archive", described, "--descriptor", model, "--out", tmp_path / "report", "--json"
    )
    assert done.code in (0, 100), done.err
    report = json.loads(done.out)
    assert report["parameters"]["learned_descriptor_sha256"] == sha256_of(model)
    (entry,) = report["matches"]
    assert (entry["reference"]["id"], entry["match"]["level"]) == ("scene", "confirmed")


def test_archive_is_searched_by_another_once_it_is_reindexed(
    release: Path, footage: dict[str, Path], model: Path, tmp_path: Path
):
    archive, other = tmp_path / "archive", written(tmp_path / "other.onnx", layout_model(scale=2.0))
    assert verify("archive", "add", footage["scene"], "--archive", archive, "--descriptor", model).code == 0
    assert verify("archive", "add", footage["other-scene"], "--archive", archive).code == 0
    assert verify("batch", release, "--archive", archive, "--out", tmp_path / "a", "--descriptor", other).code == 41
    first, second = (verify("archive", "reindex", "--archive", archive, "--descriptor", other) for _ in range(2))
    assert (first.code, first.out) == (0, "2 described, 0 had vectors of this descriptor already.\n")
    assert (second.code, second.out) == (0, "0 described, 2 had vectors of this descriptor already.\n")
    stats = json.loads(verify("archive", "stats", "--archive", archive, "--json").out)
    assert stats["descriptors"] == {sha256_of(other): 2}
    done = verify("batch", release, "--archive", archive, "--out", tmp_path / "b", "--descriptor", other)
    assert done.code in (0, 100), done.err
    assert ",scene," in (tmp_path / "b" / "matches.csv").read_text(encoding="utf-8")


def test_own_descriptor_is_used_unless_it_is_left_out(release: Path, footage: dict[str, Path], tmp_path: Path):
    archive = tmp_path / "archive"
    assert verify("archive", "add", footage["scene"], "--archive", archive).code == 0
    stats = json.loads(verify("archive", "stats", "--archive", archive, "--json").out)
    assert stats["descriptors"] == {sha256_of(OWN_MODEL): 1}
    used = {}
    for name, options in {"with": (), "without": ("--no-descriptor",)}.items():
        done = verify("video", release, "--archive", archive, "--out", tmp_path / name, "--json", *options)
        assert done.code in (0, 100), done.err
        report = json.loads(done.out)
        assert [entry["match"]["level"] for entry in report["matches"]] == ["confirmed"]
        used[name] = report["parameters"].get("learned_descriptor_sha256")
    assert used == {"with": sha256_of(OWN_MODEL), "without": "none"}


def test_archive_of_before_is_searched_without_and_reindexed(
    release: Path, footage: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    archive = tmp_path / "archive"
    assert verify("archive", "add", footage["scene"], "--archive", archive, "--no-descriptor").code == 0
    with monkeypatch.context() as broken:
        broken.setitem(sys.modules, "onnxruntime", None)  # nothing needs it
        before = verify("video", release, "--archive", archive, "--out", tmp_path / "before", "--json")
    assert f"note: the archive at {archive} has no vectors of a learned descriptor" in before.err
    assert f"Make them: verify archive reindex --archive {archive}" in before.err
    report = json.loads(before.out)
    assert report["parameters"]["learned_descriptor_sha256"] == "none"
    assert any("searched without a learned descriptor" in limit for limit in report["limits"])
    # One reference with and one without: nothing is left out silently.
    added = verify("archive", "add", footage["other-scene"], "--archive", archive)
    assert added.code == 0
    assert "note: 1 of 2 references have no vectors of a learned descriptor; searches are refused" in added.err
    mixed = verify("video", release, "--archive", archive, "--out", tmp_path / "mixed")
    assert (mixed.code, "1 of 2 references (scene is the first)" in mixed.message) == (41, True)
    assert f"verify archive reindex --archive {archive}" in mixed.message
    made = verify("archive", "reindex", "--archive", archive)
    assert (made.code, made.out) == (0, "1 described, 1 had vectors of this descriptor already.\n")
    after = verify("video", release, "--archive", archive, "--out", tmp_path / "after", "--json")
    report = json.loads(after.out)
    assert report["parameters"]["learned_descriptor_sha256"] == sha256_of(OWN_MODEL)
    assert not any("searched without a learned descriptor" in limit for limit in report["limits"])
    assert {"faiss-cpu", "onnxruntime"} <= set(report["versions"])
    assert "note:" not in after.err


def test_retracted_references_have_no_say(release: Path, footage: dict[str, Path], tmp_path: Path):
    archive = tmp_path / "archive"
    assert verify("archive", "add", footage["scene"], "--archive", archive, "--no-descriptor").code == 0
    assert verify("archive", "add", footage["other-scene"], "--archive", archive).code == 0
    with contextlib.closing(sqlite3.connect(archive / CATALOGUE_NAME)) as connection, connection:
        connection.execute("UPDATE reference SET retracted = 1 WHERE id = 'other-scene'")
    done = verify("video", release, "--archive", archive, "--out", tmp_path / "out")
    assert (done.code in (0, 100), "is searched without" in done.err) == (True, True)


def test_contradictions_and_what_is_absent_are_refused(footage: dict[str, Path], model: Path, tmp_path: Path):
    both = verify("compare", footage["scene"], footage["scene"], "--descriptor", model, "--no-descriptor")
    assert (both.code, both.message) == (
        2, "error: --no-descriptor: it contradicts --descriptor. Leave one of them out.",
    )  # fmt: skip
    nothing = verify("archive", "reindex", "--archive", tmp_path / "archive", "--no-descriptor")
    assert (nothing.code, nothing.message) == (
        2, "error: --no-descriptor: there is nothing to make then. Leave it out.",
    )  # fmt: skip
    absent = verify("archive", "reindex", "--archive", tmp_path / "archive", "--descriptor", model)
    assert (absent.code, (tmp_path / "archive").exists()) == (2, False)


def test_compare_takes_it_too(model: Path, release: Path, footage: dict[str, Path]):
    compared = verify("compare", release, footage["scene"], "--descriptor", model, "--json")
    assert [match["level"] for match in json.loads(compared.out)] == ["confirmed"]


@pytest.mark.parametrize("command", ["video", "batch"])
def test_archive_without_its_vectors_is_refused(described: Path, release: Path, tmp_path: Path, command: str):
    other = written(tmp_path / "other.onnx", layout_model(scale=2.0))
    out = tmp_path / "out"
    done = verify(command, release, "--archive", described, "--descriptor", other, "--out", out)
    assert done.code == 41
    assert (
        f"1 of 1 references (scene is the first) have no learned descriptors of the model {sha256_of(other)[:16]}"
        in (done.message)
    )
    assert "(with the --descriptor FILE that you search by, if any)" in done.message
    assert names_in(out) == set()


def test_what_is_no_model_is_refused_before_anything_is_made(footage: dict[str, Path], tmp_path: Path):
    wrong = written(tmp_path / "model.onnx", b"no model")
    done = verify("archive", "add", footage["scene"], "--archive", tmp_path / "archive", "--descriptor", wrong)
    assert (done.code, (tmp_path / "archive").exists()) == (2, False)
    assert f"error: {wrong}: the descriptor is no ONNX model that can be loaded" in done.err


def test_missing_library_is_told(
    footage: dict[str, Path], model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    done = verify("compare", footage["scene"], footage["scene"], "--descriptor", model)
    assert done.code == 50
    assert "Install it: pip install onnxruntime. Or do without: --no-descriptor." in done.message
