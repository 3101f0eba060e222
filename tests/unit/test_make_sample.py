"""The script that makes the sample report: what it refuses to put into the repository."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from fixtures.footage import CHECKOUT


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_sample", CHECKOUT / "scripts" / "make_sample.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def report(tmp_path: Path) -> Path:
    folder = tmp_path / "demo" / "report"
    for name in (
        "report.html",
        "report.json",
        "matches.csv",
        "fingerprints.zip",
        "evidence/data/a.mp4",
        "frames/a.jpg",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"content")
    return folder


def test_heavy_parts_are_left_out_and_the_rest_is_explained(script: ModuleType, report: Path, tmp_path: Path):
    sample = script._gathered(report, tmp_path / "sample")
    assert {path.name for path in sample.iterdir()} == {"report.html", "report.json", "matches.csv", "README.md"}
    assert "every institution" in (sample / "README.md").read_text(encoding="utf-8")
    script._check(sample, tmp_path)


def test_large_page_is_refused(script: ModuleType, report: Path, tmp_path: Path):
    (report / "report.html").write_bytes(bytes(script.MAX_PAGE_BYTES + 1))
    with pytest.raises(RuntimeError, match=f"the page {script.MAX_PAGE_BYTES + 1}"):
        script._check(script._gathered(report, tmp_path / "sample"), tmp_path)


def test_paths_of_the_machine_are_refused(script: ModuleType, report: Path, tmp_path: Path):
    (report / "report.json").write_text(f'{{"command": "{tmp_path}/demo"}}', encoding="utf-8")
    with pytest.raises(RuntimeError, match=r"report\.json names"):
        script._check(script._gathered(report, tmp_path / "sample"), tmp_path)


def test_picture_is_brought_below_its_limit(script: ModuleType):
    grain = np.random.default_rng(1).integers(0, 256, (500, 700, 3), dtype=np.uint8)
    whole = io.BytesIO()
    Image.fromarray(grain).save(whole, "PNG")
    assert len(whole.getvalue()) > script.MAX_PICTURE_BYTES
    small = script._small(whole.getvalue())
    assert len(small) <= script.MAX_PICTURE_BYTES
    with Image.open(io.BytesIO(small)) as picture:
        assert picture.size == (700, 500)
