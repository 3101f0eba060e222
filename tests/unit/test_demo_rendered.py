"""The demo's rendered footage: the same on every run, of nobody, and planted where the edit list says."""

from __future__ import annotations

import csv
import hashlib
import itertools
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from verify.demo import rendered
from verify.demo.compose import FRAMES_PER_SECOND, Edit, piece_intervals, planted_clips
from verify.demo.rendered import DARK_ID, EDIT_LIST, REFERENCE_IDS, RELEASE_ID, planted_repeats, scenes
from verify.demo.scenes.paint import HEIGHT_PX, WIDTH_PX, Wander, noise, tile
from verify.findings.claims import load_claims
from verify.model import ReferenceKind

SCENES = (*REFERENCE_IDS, "wheat", DARK_ID)


def first_frames(name: str, count: int = 3) -> list[np.ndarray]:
    return [frame.copy() for frame in itertools.islice(scenes()[name], count)]


@pytest.mark.parametrize("name", SCENES)
def test_scene_is_drawn_the_same_again_and_moves(name: str):
    frames, again = first_frames(name), first_frames(name)
    digests = [hashlib.sha256(frame.tobytes()).hexdigest() for frame in frames]
    assert digests == [hashlib.sha256(frame.tobytes()).hexdigest() for frame in again]
    assert len(set(digests)) == len(frames)
    assert {(frame.shape, str(frame.dtype)) for frame in frames} == {((HEIGHT_PX, WIDTH_PX, 3), "uint8")}


@pytest.mark.parametrize("name", SCENES)
def test_scene_shows_something_and_the_dark_one_nothing(name: str):
    (frame,) = first_frames(name, 1)
    if name == DARK_ID:
        assert frame.max() < 16
    else:
        assert 25 < frame.mean() < 190
        assert frame.std() > 20


def test_scenes_have_nothing_in_common():
    grey = [first_frames(name, 1)[0].mean(axis=2).ravel() for name in SCENES if name != DARK_ID]
    for one, other in itertools.combinations(grey, 2):
        assert np.corrcoef(one, other)[0, 1] < 0.8


def test_what_is_planted_lies_within_the_scenes():
    assert [item.reference_id for item in planted_clips(EDIT_LIST, REFERENCE_IDS)] == list(REFERENCE_IDS)
    lengths_s = dict.fromkeys(REFERENCE_IDS, rendered._REFERENCE_FRAMES / FRAMES_PER_SECOND)
    lengths_s |= {
        "wheat": rendered._UNSEEN_FRAMES / FRAMES_PER_SECOND,
        DARK_ID: rendered._DARK_FRAMES / FRAMES_PER_SECOND,
    }
    for piece in EDIT_LIST:
        assert bool(piece.text) != bool(piece.clip_id)
        if piece.clip_id:
            assert piece.clip_interval.end_s <= lengths_s[piece.clip_id] - 0.1
    assert set(lengths_s) == set(scenes())
    assert {Edit.NONE, Edit.CROPPED_MIRRORED, Edit.SLOWED, Edit.ENLARGED} == {piece.edit for piece in EDIT_LIST}
    assert 40 <= piece_intervals(EDIT_LIST)[-1].end_s <= 60


def test_repeat_names_the_moments_that_are_shown_again():
    (repeat,) = planted_repeats()
    times = dict(zip(EDIT_LIST, piece_intervals(EDIT_LIST), strict=True))
    first, second = (piece for piece in EDIT_LIST if piece.clip_id == "wheat")
    assert repeat.reference_id == RELEASE_ID
    assert repeat.query == times[second]
    assert repeat.reference.start_s == pytest.approx(times[first].start_s + second.start_s - first.start_s)
    assert repeat.reference.duration_s == pytest.approx(repeat.query.duration_s)
    assert times[first].start_s <= repeat.reference.start_s
    assert repeat.reference.end_s <= times[first].end_s


def test_dark_stretch_is_found_in_the_edit_list():
    assert rendered.dark_interval().duration_s == 3


def test_archive_and_claims_are_of_invented_institutions(tmp_path: Path):
    clips = {name: tmp_path / f"{name}.mp4" for name in SCENES}
    rendered.write_rendered_manifest(tmp_path / "refs.csv", clips)
    with (tmp_path / "refs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == list(REFERENCE_IDS)
    assert {row["kind"] for row in rows} >= {ReferenceKind.GAME.value, ReferenceKind.EXERCISE.value}
    rendered.write_claims(tmp_path / "claims.yaml")
    claims = load_claims(tmp_path / "claims.yaml")
    assert len(claims) == 2
    for url in (*(row["source_url"] for row in rows), *(claim.source_url for claim in claims)):
        assert (urlsplit(url).hostname or "").endswith(".example")  # a name that nobody can have (RFC 2606)
    for row in rows:
        assert row["first_seen"] < rendered.CLAIMED_DATE < claims[0].date < claims[1].date
        assert all(row[column] for column in ("title", "publisher", "first_seen_basis", "licence", "notes"))
        assert "invented" in row["notes"]
    for name in (rendered.PUBLISHER, *(claim.claimant for claim in claims)):
        assert name.startswith("Example ")


# --- brushes ---------------------------------------------------------------------------------------------------------


def test_tile_joins_itself_at_its_borders():
    pattern = tile(7, 20)
    inside = np.abs(np.diff(pattern, axis=1)).mean()
    assert np.abs(pattern[:, 0] - pattern[:, -1]).mean() < 3 * inside
    assert np.abs(pattern[0] - pattern[-1]).mean() < 3 * inside


def test_noise_fills_its_range():
    field = noise(3, 40, 90, ((20, 10, 1.0), (5, 5, 0.3)))
    assert field.shape == (40, 90)
    assert (field.min(), field.max()) == (0, 1)


def test_wandering_value_is_smooth_and_bounded():
    values = np.array([Wander(5).at(time_s / 25) for time_s in range(2000)])
    assert np.abs(values).max() <= 1
    assert values.std() > 0.2
    assert np.abs(np.diff(values)).max() < 0.25
