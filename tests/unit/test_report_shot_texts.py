"""Texts of shots in the report: each beside its shot, with its limits; a reader that failed is a warning."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.test_report_assemble import material
from verify.media.text_reading import READ_SCRIPTS, PictureTexts
from verify.model import Picture, Progress, ShotView, SilentProgress, TextInPicture
from verify.report import shot_texts
from verify.report.assemble import assemble
from verify.report.pictures import Drawn
from verify.report.shot_texts import NOTHING_READ, with_texts

WORDS = tuple(
    TextInPicture(text=text, confidence=0.9, left=0.1, top=0.1, width=0.2, height=0.1) for text in ("ONE", "TWO")
)


def view(shot: int, has_still: bool) -> ShotView:
    small, large = (
        Picture(path=f"frames/{kind}-{shot:04d}.jpg", time_s=shot, width_px=16, height_px=9)
        for kind in ("shot", "still")
    )
    return ShotView(shot=shot, picture=small, still=large if has_still else None)


DRAWN = Drawn(shot_views=(view(1, True), view(2, False), view(3, True)))


def reading(monkeypatch: pytest.MonkeyPatch, found: PictureTexts) -> list[Path]:
    asked: list[Path] = []

    def read(pictures: list[Path], _: Progress) -> PictureTexts:
        asked.extend(pictures)
        return found

    monkeypatch.setattr(shot_texts, "read_texts", read)
    return asked


def test_texts_come_to_their_shots(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    found = PictureTexts(texts=((WORDS[0],), (WORDS[1],)), reader="reader 1")
    asked = reading(monkeypatch, found)
    drawn, told = with_texts(DRAWN, tmp_path, SilentProgress())
    assert asked == [tmp_path / "frames/still-0001.jpg", tmp_path / "frames/still-0003.jpg"]
    assert told is found
    assert [each.texts for each in drawn.shot_views] == [(WORDS[0],), (), (WORDS[1],)]
    report = assemble(material(tmp_path, [], drawn=drawn, reading=told))
    assert report.texts_read
    assert report.shot_views == drawn.shot_views
    assert report.parameters["text_reader"] == "reader 1"
    (limit,) = [each for each in report.limits if each.startswith("On-screen text")]
    assert READ_SCRIPTS in limit
    assert "Arabic, Urdu" in limit
    assert not any("text" in warning for warning in report.warnings)


def test_reader_that_failed_leaves_a_report_with_a_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    reading(monkeypatch, PictureTexts(problem="it took too long"))
    drawn, told = with_texts(DRAWN, tmp_path, SilentProgress())
    assert drawn == DRAWN
    report = assemble(material(tmp_path, [], drawn=drawn, reading=told))
    assert "On-screen text could not be read (it took too long); none is listed." in report.warnings
    assert not report.texts_read
    assert "text_reader" not in report.parameters
    assert not any(each.startswith("On-screen text") for each in report.limits)


def test_without_pictures_no_reader_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    asked = reading(monkeypatch, NOTHING_READ)
    assert with_texts(Drawn(shot_views=(view(1, False),)), tmp_path, SilentProgress())[1] == NOTHING_READ
    assert asked == []
    assert not assemble(material(tmp_path, [])).texts_read
