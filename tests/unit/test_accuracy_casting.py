"""What the benchmark's generator decides, and its edits: on footage that is not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy import drawing, rendered
from benchmarks.accuracy.casting import Cast, Part, Planner, cast
from benchmarks.accuracy.edits import EDITS, STRANGER_EDITS, apply_steps, degrade, lay_out, make_edit
from benchmarks.accuracy.footage import Footage, Source, one_half
from benchmarks.accuracy.truth import BenchmarkError

SIZE = (320, 180)


def footage(name: str, seconds: float = 4.0, rate: float = 30.0, group: str = "", category: str = "") -> Footage:
    times = tuple(number / rate for number in range(round(seconds * rate)))
    source = Source(id=name, path=Path(name), group=group or name, category=category)
    return Footage(source=source, path=Path(name), times_s=times, end_s=seconds)


def whole(clip: Footage) -> Part:
    return Part(footage=clip, first=0, last=len(clip.times_s))


@pytest.fixture
def roles() -> Cast:
    references = {f"R{number}": whole(footage(f"reference-{number}", 4.9)) for number in range(4)}
    late = footage("reference-9", 30.0)
    references["R8"] = whole(footage("reference-8", category="card"))
    references["R9"] = Part(footage=late, first=60, last=400)
    later = (Part(footage=late, first=450, last=900),)
    return Cast(
        references=references, later=later, strangers=(whole(footage("stranger-1")), whole(footage("stranger-2")))
    )


@pytest.fixture
def planner(roles) -> Planner:
    generator = np.random.default_rng(1)
    return Planner(roles, generator, shortest_s=1.0, longest_s=4.0, pieces=(6, 9), reused_share=0.5)


class TestPlanner:
    def test_a_clean_release_reuses_nothing(self, planner):
        plan = planner.plan("Q1", clean=True)
        assert plan.pieces and {piece.kind for piece in plan.pieces} <= {"d", "later"}

    def test_what_is_shown_lies_within_the_part_and_lasts_as_the_pace_says(self, planner):
        pieces = [(plan.frames_per_second, piece) for number in range(40)
                  for plan in (planner.plan(f"Q{number}", clean=False),) for piece in plan.pieces]  # fmt: skip
        assert {piece.kind for _, piece in pieces} == {"r", "d", "later"}
        for rate, piece in pieces:
            assert piece.frames / rate >= 1.0 - 1e-6
            assert piece.part.start_s <= piece.low_s < piece.high_s <= piece.part.end_s + 1e-6
            if piece.edit.pace:
                assert piece.high_s - piece.low_s == pytest.approx(piece.frames / rate * abs(piece.edit.pace))
            shown = piece.shown(rate)
            assert len(shown) == piece.frames
            assert piece.part.first <= min(shown) and max(shown) < piece.part.last

    def test_no_clip_follows_itself_and_all_references_but_cards_are_used(self, planner, roles):
        plans = [planner.plan(f"Q{number}", clean=False) for number in range(20)]
        for plan in plans:
            neighbours = zip(plan.pieces, plan.pieces[1:], strict=False)
            assert all(first.part.footage is not second.part.footage for first, second in neighbours)
        used = {piece.reference_id for plan in plans for piece in plan.pieces if piece.kind == "r"}
        assert used == set(roles.references) - {"R8"}

    def test_frames_run_forwards_backwards_or_stand_still(self, planner):
        directions = set()
        for number in range(60):
            plan = planner.plan(f"Q{number}", clean=False)
            for piece in plan.pieces:
                steps = np.sign(np.diff(piece.shown(plan.frames_per_second)))
                assert set(steps.tolist()) <= {0, np.sign(piece.edit.pace)}
                directions.add(float(np.sign(piece.edit.pace)))
        assert directions == {1.0, -1.0, 0.0}

    def test_the_same_seed_gives_the_same_plan(self, roles):
        plans = [
            Planner(roles, np.random.default_rng(5), shortest_s=1, longest_s=4, pieces=(6, 9), reused_share=0.5).plan(
                "Q1", clean=False
            )
            for _ in range(2)
        ]
        told = [[(piece.kind, piece.low_s, piece.frames, piece.edit.name) for piece in plan.pieces] for plan in plans]
        assert told[0] == told[1]


class TestCast:
    def test_recordings_of_one_scene_are_on_both_sides(self):
        clips = [footage(f"yard-{number}", group="yard") for number in range(4)]
        roles = cast(clips, np.random.default_rng(2))
        assert (len(roles.references), len(roles.strangers), roles.later) == (2, 2, ())

    def test_there_is_always_one_of_either(self):
        for seed in range(12):
            roles = cast([footage("one"), footage("two")], np.random.default_rng(seed))
            assert len(roles.references) == len(roles.strangers) == 1

    def test_halves_share_no_group_and_both_have_each_category(self):
        sources = [
            Source(id=f"{category}-{number}", path=Path("x"), group=f"{category}-{number // 2}", category=category)
            for category in ("sky", "street")
            for number in range(8)
        ]
        first, second = one_half(sources, "a"), one_half(sources, "b")
        assert len(first) + len(second) == len(sources)
        assert not {source.group for source in first} & {source.group for source in second}
        for half in (first, second):
            assert {source.category for source in half} == {"sky", "street"}

    def test_one_clip_is_too_few(self):
        with pytest.raises(BenchmarkError, match="at least two clips"):
            cast([footage("one")], np.random.default_rng(1))


def pictures(count: int = 5, height: int = 120, width: int = 200):
    return list(np.random.default_rng(3).integers(0, 255, (count, height, width, 3), np.uint8))


class TestEdits:
    # With ids of their own: one that is called 'slow' would be taken for the mark.
    @pytest.mark.parametrize("name", sorted({*EDITS, *STRANGER_EDITS}), ids="edit-{}".format)
    def test_every_edit_gives_as_many_pictures_of_the_release_s_size(self, name):
        generator = np.random.default_rng(4)
        edit = make_edit(name, generator)
        laid = lay_out(edit, apply_steps(edit, pictures()), SIZE, pictures(), generator)
        done = degrade(edit, laid, generator)
        assert [(picture.shape, picture.dtype) for picture in done] == [((180, 320, 3), np.uint8)] * 5

    def test_paces(self):
        generator = np.random.default_rng(4)
        assert 0.25 <= make_edit("slow", generator).pace <= 0.6
        assert 2.5 <= make_edit("fastest", generator).pace <= 4.0
        assert make_edit("reverse+mirror", generator).pace == -1.0
        assert make_edit("freeze", generator).pace == 0.0

    def test_mirroring_and_inverting_are_exact(self):
        (picture,) = pictures(1)
        generator = np.random.default_rng(4)
        assert (apply_steps(make_edit("mirror", generator), [picture])[0] == picture[:, ::-1]).all()
        assert (apply_steps(make_edit("invert", generator), [picture])[0] == 255 - picture).all()

    def test_an_unknown_part_is_an_error(self):
        with pytest.raises(ValueError, match="no such edit: wobble"):
            make_edit("mirror+wobble", np.random.default_rng(1))

    def test_a_tall_picture_is_shown_whole(self):
        edit = make_edit("none", np.random.default_rng(1))
        laid = lay_out(edit, [np.full((200, 100, 3), 200, np.uint8)], SIZE, [], np.random.default_rng(1))[0]
        assert (laid[:, :100] == 0).all() and (laid[2:-2, 150:170] == 200).all()


class TestDrawing:
    def test_cards_of_one_template_differ_in_their_words_only(self):
        template = drawing.make_template(np.random.default_rng(1))
        first, second = (drawing.card(template, text, SIZE) for text in ("KALO MIR", "TENVAR SO"))
        changed = (first != second).any(2)
        assert changed.any() and not changed[:90].any()

    @pytest.mark.parametrize("kind", sorted({rendering.kind for rendering in rendered.RENDERINGS}))
    def test_renderings_repeat_by_seed_and_differ_by_event(self, kind):
        def last(event: int):
            clip = rendered.Rendering(kind=kind, camera=1, event=event, seconds=0.2)
            shown = list(rendered.render(clip))
            assert [round(time_s * 25) for time_s, _ in shown] == [0, 1, 2, 3, 4]
            return shown[-1][1]

        first = last(1)
        assert first.shape == (360, 640, 3) and first.dtype == np.uint8
        assert (first == last(1)).all()
        assert (first != last(2)).any()
