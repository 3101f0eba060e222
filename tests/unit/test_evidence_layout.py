"""Which case is meant by a folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.unit.case_samples import make_case
from verify.evidence.layout import case_in


def test_a_case_is_meant_by_itself_and_by_the_folder_it_is_in(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    assert case_in(case) == case
    assert case_in(tmp_path) == case
    assert case_in(case / "data" / "working") is None
    assert case_in(tmp_path / "nothing") is None


@pytest.mark.parametrize(
    "name",
    [
        "data",
        "bagit.txt",
        "bag-info.txt",
        "manifest-sha256.txt",
        "tagmanifest-sha256.txt",
        "../f-custody",
        "../f-private",
    ],
)
def test_whatever_is_of_a_case_is_meant_itself(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "f"
    make_case(folder)
    assert case_in(folder) == folder / "evidence"
    (folder / name).mkdir()
    assert case_in(folder) == folder


@pytest.mark.parametrize("left", ["evidence", "evidence-custody", "evidence-private"])
def test_remains_of_a_case_are_meant(tmp_path: Path, left: str) -> None:
    (tmp_path / "out" / left).mkdir(parents=True)
    assert case_in(tmp_path / "out") == tmp_path / "out" / "evidence"


def test_folders_that_have_nothing_beside_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert case_in(Path("/")) in {None, Path("/evidence")}
    assert case_in(tmp_path / ("x" * 300)) is None
    case = make_case(tmp_path)
    monkeypatch.chdir(case)
    assert case_in(Path()) == Path()
    monkeypatch.chdir(case / "data")
    assert case_in(Path("..")) == Path("..")


@pytest.mark.skipif(os.name != "posix", reason="a working folder cannot be removed here")
def test_working_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    shutil.rmtree(tmp_path / "gone")
    with pytest.raises(FileNotFoundError):
        case_in(Path("x"))
