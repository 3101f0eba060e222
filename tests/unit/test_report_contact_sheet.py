"""contact-sheet.png: shots with numbers, times and states that can be told apart in grey; no picture is trusted."""

from __future__ import annotations

import io
import os
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests.unit.form_samples import (
    HOSTILE,
    MATCH_COUNTS,
    drawn_views,
    hostile_report,
    report_of,
    report_with_views,
    with_shots,
)
from tests.unit.report_samples import build_report, interval
from verify.errors import InvalidUsageError
from verify.model import CoverageSpan, CoverageState, Report
from verify.report.contact_sheet import render_contact_sheet
from verify.report.forms import FORMS
from verify.report.options import RenderOptions

WIDTH = 2 * 28 + 6 * 224 + 5 * 14
HEADER, ROW = 28 + 116, 126 + 16 + 42 + 14
FIRST_TILE = (28, HEADER, 28 + 224, HEADER + 126)
FIRST_BAND = (28, HEADER + 126, 28 + 224, HEADER + 126 + 16)


def sheet_of(report: Report, folder: Path, options: RenderOptions = RenderOptions()) -> Image.Image:  # noqa: B008
    image = Image.open(io.BytesIO(render_contact_sheet(report, folder, options).content))
    assert image.format == "PNG"
    image.load()
    return image


def pixels(image: Image.Image, box: tuple[int, int, int, int]) -> npt.NDArray[np.float64]:
    return np.asarray(image.convert("L").crop(box), np.float64)


def in_one_state(report: Report, state: CoverageState) -> Report:
    return replace(report, coverage=(CoverageSpan(interval=interval(0, 60), state=state, reason=""),))


def test_every_shot_has_a_tile_with_its_picture(tmp_path: Path) -> None:
    report = drawn_views(tmp_path, build_report(tmp_path))
    assert len(report.shots) == 11
    image = sheet_of(report, tmp_path)
    assert image.size == (WIDTH, 2 * 28 + 116 + 2 * ROW)
    assert pixels(image, FIRST_TILE).std() > 20
    last = (28 + 5 * 238, HEADER + ROW, 28 + 5 * 238 + 224, HEADER + ROW + 126)
    assert pixels(image, last).std() == 0


def test_states_can_be_told_apart_in_grey(tmp_path: Path) -> None:
    report = build_report(tmp_path)
    bands = {}
    for state in CoverageState:
        grey = pixels(sheet_of(in_one_state(report, state), tmp_path), FIRST_BAND)[2:-2, 24:-2]
        bands[state] = grey
    drawn = list(bands.values())
    for index, one in enumerate(drawn):
        for other in drawn[index + 1 :]:
            apart = abs(one.mean() - other.mean()) > 12 or abs(one.std() - other.std()) > 12
            assert apart, (one.mean(), one.std(), other.mean(), other.std())


def test_a_confirmed_match_looks_other_than_a_possible_one(tmp_path: Path) -> None:
    report = build_report(tmp_path, 2)
    looks = []
    for entry in report.matches:
        query = replace(entry.match, query=interval(0, 60))
        alone = in_one_state(replace(report, matches=(replace(entry, match=query),)), CoverageState.MATCHED)
        looks.append(pixels(sheet_of(alone, tmp_path), FIRST_BAND)[2:-2, 24:-2].mean())
    assert looks[0] < 80 < 150 < looks[1]


def test_a_band_shows_each_state_where_it_holds(tmp_path: Path) -> None:
    report = with_shots(build_report(tmp_path, 0), 1)
    spans = (
        CoverageSpan(interval=interval(0, 30), state=CoverageState.NO_MATCH, reason=""),
        CoverageSpan(interval=interval(30, 60), state=CoverageState.TEMPLATE, reason=""),
    )
    grey = pixels(sheet_of(replace(report, coverage=spans), tmp_path), FIRST_BAND)[2:-2]
    assert grey[:, 24:110].std() < 1
    assert grey[:, 134:].std() > 20


def test_the_longest_sheet_spreads_over_the_release(tmp_path: Path) -> None:
    report = report_with_views(with_shots(build_report(tmp_path), 200))
    image = sheet_of(report, tmp_path)
    assert image.size == (WIDTH, 2 * 28 + 116 + 10 * ROW)


def test_without_views_or_pictures_tiles_are_plain(tmp_path: Path) -> None:
    report = build_report(tmp_path)
    bare = sheet_of(report, tmp_path)
    assert bare.size == (WIDTH, 2 * 28 + 116 + 2 * ROW)
    drawn = drawn_views(tmp_path, report)
    assert sheet_of(drawn, tmp_path, RenderOptions(has_pictures=False)).tobytes() == bare.tobytes()
    assert sheet_of(drawn, tmp_path).tobytes() != bare.tobytes()


def test_blurred_pictures_show_no_detail(tmp_path: Path) -> None:
    report = drawn_views(tmp_path, build_report(tmp_path))

    def detail(options: RenderOptions) -> float:
        return float(np.abs(np.diff(pixels(sheet_of(report, tmp_path, options), FIRST_TILE), axis=1)).max())

    assert detail(RenderOptions()) > 60
    assert detail(RenderOptions(is_blurred=True)) < 6


def jpeg(size: tuple[int, int]) -> bytes:
    written = io.BytesIO()
    Image.effect_noise(size, 80).save(written, "JPEG", quality=30)
    return written.getvalue()


def claiming(size: tuple[int, int]) -> bytes:
    """A small JPEG whose header claims to be of another size."""
    data = bytearray(jpeg((16, 16)))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", size[1], size[0])
    return bytes(data)


BAD_PICTURES = {
    "missing": None,
    "empty": b"",
    "text": b"<script>alert(1)</script>",
    "cut off": jpeg((200, 112))[:300],
    "too wide": jpeg((1400, 20)),
    "a bomb": claiming((65_000, 65_000)),
    "a large bomb": claiming((12_000, 9_000)),
    "too many bytes": jpeg((200, 112)) + b"\0" * 2_100_000,
    "PNG": b"\x89PNG\r\n\x1a\n" + b"\0" * 40,
    "GIF": b"GIF89a" + b"\0" * 40,
}


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_a_picture_that_cannot_be_trusted_leaves_its_tile_empty(tmp_path: Path, name: str) -> None:
    report = drawn_views(tmp_path, build_report(tmp_path))
    path = tmp_path / report.shot_views[0].picture.path
    path.unlink()
    content = BAD_PICTURES[name]
    if content is not None:
        path.write_bytes(content)
    image = sheet_of(report, tmp_path)
    left, top, right, _ = FIRST_TILE
    assert pixels(image, (left, top, right, top + 45)).std() == 0
    assert pixels(image, tuple(value + 238 * (not index % 2) for index, value in enumerate(FIRST_TILE))).std() > 20  # type: ignore[arg-type]


def test_a_pipe_for_a_picture_is_not_waited_for(tmp_path: Path) -> None:
    report = drawn_views(tmp_path, build_report(tmp_path))
    path = tmp_path / report.shot_views[0].picture.path
    path.unlink()
    os.mkfifo(path)
    assert sheet_of(report, tmp_path).size[0] == WIDTH


def test_a_path_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    report = report_with_views(build_report(tmp_path))
    view = replace(report.shot_views[0], picture=replace(report.shot_views[0].picture, path="../x.jpg"))
    with pytest.raises(InvalidUsageError, match="leads out of the report folder"):
        render_contact_sheet(replace(report, shot_views=(view,)), tmp_path, RenderOptions())


def test_a_portrait_picture_is_not_stretched(tmp_path: Path) -> None:
    report = drawn_views(tmp_path, build_report(tmp_path))
    (tmp_path / report.shot_views[0].picture.path).write_bytes(jpeg((112, 200)))
    image = sheet_of(report, tmp_path)
    left, top, _, bottom = FIRST_TILE
    assert pixels(image, (left, top, left + 70, bottom)).std() == 0
    assert pixels(image, (left + 80, top, left + 140, bottom)).std() > 20


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts(tmp_path: Path, name: str) -> None:
    report = drawn_views(tmp_path, hostile_report(tmp_path, HOSTILE[name]))
    rendered = render_contact_sheet(report, tmp_path, RenderOptions())
    assert Image.open(io.BytesIO(rendered.content)).size[0] == WIDTH
    is_left_out = name == "urdu"
    assert bool(rendered.notes) == is_left_out
    if is_left_out:
        assert "cannot draw" in rendered.notes[0]


def test_a_shot_that_the_report_does_not_have(tmp_path: Path) -> None:
    report = drawn_views(tmp_path, build_report(tmp_path))
    view = replace(report.shot_views[0], shot=99_999)
    assert sheet_of(replace(report, shot_views=(view,)), tmp_path).size == (WIDTH, 2 * 28 + 116 + ROW)


@pytest.mark.parametrize("count", MATCH_COUNTS)
def test_equal_reports_give_equal_bytes(tmp_path: Path, count: int) -> None:
    report = drawn_views(tmp_path, report_of(tmp_path, count))
    one, other = (render_contact_sheet(report, tmp_path, RenderOptions()) for _ in range(2))
    assert one == other
    assert len(one.content) < 4_000_000


def test_a_report_without_shots(tmp_path: Path) -> None:
    report = replace(build_report(tmp_path), shots=(), coverage=())
    assert sheet_of(report, tmp_path).size == (WIDTH, 2 * 28 + 116)


def test_the_form_is_registered(tmp_path: Path) -> None:
    report = build_report(tmp_path)
    assert FORMS["sheet"].file_name == "contact-sheet.png"
    made = FORMS["sheet"].render(report, tmp_path, RenderOptions())
    assert made == render_contact_sheet(report, tmp_path, RenderOptions())
