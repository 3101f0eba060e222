"""Makes a benchmark folder out of a folder of clips: references, releases, and the truth, exact to the frame.

The truth needs no measuring: every frame of a release is drawn from a known frame of a clip, and references are runs of
the same frames with their own times.
"""

from __future__ import annotations

import csv
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from benchmarks.accuracy import drawing
from benchmarks.accuracy.casting import Plan, Planner, cast
from benchmarks.accuracy.edits import apply_steps, degrade, lay_out
from benchmarks.accuracy.footage import encode, one_half, read_sources, working_copy, write_part
from benchmarks.accuracy.truth import REUSED, BenchmarkError, load_truth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from benchmarks.accuracy.casting import Cast, Part, Piece
    from benchmarks.accuracy.truth import Truth

    Frame = npt.NDArray[np.uint8]
    Generator = np.random.Generator

CARD = "card"
_TEMPLATE = "template"
#: A reference that holds cards of the same publisher, of an earlier release: to match them is wrong.
_CARDS_ID, _CARDS, _CARD_S = "R900000", 4, 2
_SIZES_PX = ((640, 360), (640, 360), (854, 480))
_QUALITIES = (21, 27, 33)
_REFERENCE_QUALITIES = (20, 23, 26, 29)
#: A picture of a smaller mean grey level is dark.
_DARK_LEVEL = 45.0
_LOWER_THIRD_SHARE, _MIDDLE_CARD_SHARE = 0.2, 0.12
_TRUTH_FIELDS = ("query_id", "ref_id", "query_start", "query_end", "ref_start", "ref_end")
_SEGMENT_FIELDS = (
    "query_id", "query_start", "query_end", "kind", "clip", "src_start", "src_end", "edits", "dark", "category",
    "group", "pace",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a benchmark is made.

    `releases` in all, of which `clean_share` reuse nothing. `shortest_s` and `longest_s` bound the length of a cut,
    `pieces` their number in a release; `reused_share` is that of reused cuts in releases that are not clean. `half`
    (`a` or `b`, else all) leaves out the clips of every other group.
    """

    releases: int = 30
    clean_share: float = 0.4
    shortest_s: float = 1.0
    longest_s: float = 5.0
    pieces: tuple[int, int] = (6, 9)
    reused_share: float = 0.45
    half: str = ""


#: Cuts of 0.8 to 2.4 s, and more of them.
HARD = Recipe(shortest_s=0.8, longest_s=2.4, pieces=(10, 15))


def generate_set(
    clips: Path,
    out: Path,
    seed: int,
    recipe: Recipe | None = None,
    report: Callable[[str], None] = lambda _line: None,
    working: Path | None = None,
) -> Truth:
    """Make a benchmark folder.

    Parameters
    ----------
    clips
        Folder of video files, with a `sources.csv` or without (see `footage.read_sources`).
    out
        New folder to make.
    seed
        The same seed and clips give the same benchmark on the same builds of the libraries.
    recipe
        How it is made; the default if None.
    report
        Told of each step in a line.
    working
        Where working copies of the clips are kept for the next set, and taken from; nowhere if None.

    Returns
    -------
    Truth
        What the folder holds, as `load_truth` reads it.

    Raises
    ------
    BenchmarkError
        There are too few clips, one cannot be read, or `out` is there already.
    """
    recipe = recipe or Recipe()
    sources = read_sources(clips)
    if recipe.half:
        sources = one_half(sources, recipe.half)
    try:
        out.mkdir(parents=True)
        (out / "refs").mkdir()
        (out / "releases").mkdir()
    except OSError as error:
        raise BenchmarkError(f"{out} cannot be made: {error.strerror}") from error
    generator = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory(prefix="verify-accuracy-") as temporary:
        copies = working or Path(temporary)
        copies.mkdir(parents=True, exist_ok=True)
        footages = [working_copy(source, copies) for source in sources]
        report(f"{len(footages)} clips read")
        roles = cast(footages, generator)
        for name, part in roles.references.items():
            write_part(
                part.footage,
                part.first,
                part.last,
                out / "refs" / f"{name}.mp4",
                quality=int(generator.choice(_REFERENCE_QUALITIES)),
            )
        report(f"{len(roles.references)} references written")
        plans = _plans(roles, recipe, seed, generator)
        template = drawing.make_template(generator)
        _write_earlier_cards(template, out / "refs" / f"{_CARDS_ID}.mp4", generator)
        truth: list[tuple[str, ...]] = []
        segments: list[tuple[str, ...]] = []
        for plan in plans:
            _Release(plan, roles, template, generator).write(out / "releases", truth, segments)
            report(f"{plan.query_id}: {len(plan.pieces)} cuts")
    _write_csv(out / "gt.csv", _TRUTH_FIELDS, truth)
    _write_csv(out / "segments.csv", _SEGMENT_FIELDS, segments)
    _write_meta(out / "meta.json", roles, plans, seed, recipe)
    return load_truth(out)


def _plans(roles: Cast, recipe: Recipe, seed: int, generator: Generator) -> list[Plan]:
    planner = Planner(
        roles, generator, shortest_s=recipe.shortest_s, longest_s=recipe.longest_s, pieces=recipe.pieces,
        reused_share=recipe.reused_share,
    )  # fmt: skip
    clean = round(recipe.releases * recipe.clean_share)
    return [
        planner.plan(f"Q{seed:03d}{number:03d}", clean=number >= recipe.releases - clean)
        for number in range(recipe.releases)
    ]


class _Release:
    """Draws one release and notes what is where in it."""

    def __init__(self, plan: Plan, roles: Cast, template: drawing.Template, generator: Generator) -> None:
        self._plan = plan
        self._roles = roles
        self._template = template
        self._generator = generator
        self._size = _SIZES_PX[int(generator.integers(len(_SIZES_PX)))]
        self._truth: list[tuple[str, ...]] = []
        self._segments: list[tuple[str, ...]] = []

    def write(self, folder: Path, truth: list[tuple[str, ...]], segments: list[tuple[str, ...]]) -> None:
        """Encode the release; append to the truth and to the edit list."""
        rate = self._plan.frames_per_second
        pictures = ((number / rate, picture) for number, picture in enumerate(self._pictures()))
        encode(pictures, folder / f"{self._plan.query_id}.mp4", quality=int(self._generator.choice(_QUALITIES)))
        truth += self._truth
        segments += self._segments

    def _pictures(self) -> Iterator[Frame]:
        position = 0
        for picture in self._card(position):
            position += 1
            yield picture
        for number, piece in enumerate(self._plan.pieces):
            if number and self._generator.random() < _MIDDLE_CARD_SHARE:
                for picture in self._card(position):
                    position += 1
                    yield picture
            edited = self._edit(piece)
            self._note(piece, position, edited)
            laid = lay_out(piece.edit, edited, self._size, self._backdrop(piece), self._generator)
            pictures = degrade(piece.edit, laid, self._generator)
            self._overlay(piece, pictures)
            position += len(pictures)
            yield from pictures
        yield from self._card(position)

    def _card(self, position: int) -> list[Frame]:
        """Draw a card of this publisher that fades in and out."""
        rate = self._plan.frames_per_second
        frames, fade = int(self._generator.uniform(1.4, 2.2) * rate), rate // 3
        text = drawing.words(self._generator, int(self._generator.integers(2, 5)))
        row = self._row(position, frames, CARD, _TEMPLATE, (0.0, frames / rate), ("none", "no", CARD, _TEMPLATE, "1"))
        self._segments.append(row)
        shown = (min(1.0, (number + 1) / fade, (frames - number) / fade) for number in range(frames))
        card = drawing.card(self._template, text, self._size)
        return [(card * share).astype(np.uint8) for share in shown]

    def _edit(self, piece: Piece) -> list[Frame]:
        numbers = piece.shown(self._plan.frames_per_second)
        low, high = min(numbers), max(numbers)
        clip = piece.part.footage.frames(low, high + 1)
        return apply_steps(piece.edit, [clip[number - low] for number in numbers])

    def _backdrop(self, piece: Piece) -> list[Frame]:
        """Other footage under or beside a piece, from its start on; its last picture is held if it is too short."""
        if piece.edit.layout not in ("pip", "split"):
            return []
        part = piece.backdrop
        pictures = part.footage.frames(part.first, min(part.last, part.first + piece.frames))
        return [pictures[min(number, len(pictures) - 1)] for number in range(piece.frames)]

    def _note(self, piece: Piece, position: int, edited: Sequence[Frame]) -> None:
        """Write down where the piece is; it is dark if its footage is, without bars and what is drawn over it."""
        sampled = edited[:: max(1, len(edited) // 5)]
        dark = np.mean([cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).mean() for picture in sampled]) < _DARK_LEVEL
        source = piece.part.footage.source
        known = (piece.edit.name, "yes" if dark else "no", source.category, source.group, f"{piece.edit.pace:.4f}")
        row = self._row(position, piece.frames, piece.kind, source.id, (piece.low_s, piece.high_s), known)
        self._segments.append(row)
        if piece.kind == REUSED:
            start_s = self._roles.references[piece.reference_id].start_s
            shown = (_time(piece.low_s - start_s), _time(piece.high_s - start_s))
            self._truth.append((row[0], piece.reference_id, row[1], row[2], *shown))

    def _row(
        self, position: int, frames: int, kind: str, clip: str, span_s: tuple[float, float], known: tuple[str, ...]
    ) -> tuple[str, ...]:
        rate = self._plan.frames_per_second
        start, end = _time(position / rate), _time((position + frames) / rate)
        return (self._plan.query_id, start, end, kind, clip, _time(span_s[0]), _time(span_s[1]), *known)

    def _overlay(self, piece: Piece, pictures: list[Frame]) -> None:
        """Draw what lies over the footage, in place: head-up display, captions, lower third, logo."""
        banner = len(pictures) > self._plan.frames_per_second * 1.5 and self._generator.random() < _LOWER_THIRD_SHARE
        line, spoken = drawing.words(self._generator, 3), drawing.words(self._generator, 6)
        display = int(self._generator.integers(100_000))
        for number, picture in enumerate(pictures):
            if piece.edit.hud:
                drawing.head_up_display(picture, number, display)
            if piece.edit.caption:
                drawing.caption(picture, spoken)
            elif banner:
                drawing.lower_third(picture, self._template, line)
            drawing.logo(picture, self._template)


def _time(seconds: float) -> str:
    return f"{seconds:.4f}"


def _write_earlier_cards(template: drawing.Template, path: Path, generator: Generator) -> None:
    rate = 25
    texts = [drawing.words(generator, 3) for _ in range(_CARDS)]
    cards = [drawing.card(template, text, _SIZES_PX[0]) for text in texts]
    pictures = ((number / rate, cards[number // (_CARD_S * rate)]) for number in range(_CARDS * _CARD_S * rate))
    encode(pictures, path, quality=_REFERENCE_QUALITIES[1])


def _write_csv(path: Path, fields: Sequence[str], rows: Sequence[tuple[str, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(fields)
        writer.writerows(rows)


def _write_meta(path: Path, roles: Cast, plans: Sequence[Plan], seed: int, recipe: Recipe) -> None:
    references = [_reference_entry(name, part) for name, part in roles.references.items()]
    shown_s = {"source_start_s": 0.0, "source_end_s": 1.0 * _CARDS * _CARD_S, "duration_s": 1.0 * _CARDS * _CARD_S}
    cards = {"ref_id": _CARDS_ID, "clip": _TEMPLATE, "group": _TEMPLATE, "category": CARD, "licence": "", **shown_s}
    settings = {name: getattr(recipe, name) for name in recipe.__slots__}
    clean = [plan.query_id for plan in plans if plan.clean]
    content = {"refs": [*references, cards], "clean": clean, "seed": seed, "recipe": settings}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _reference_entry(name: str, part: Part) -> dict[str, Any]:
    source = part.footage.source
    return {
        "ref_id": name,
        "clip": source.id,
        "group": source.group,
        "category": source.category,
        "licence": source.licence,
        "source_start_s": round(part.start_s, 4),
        "source_end_s": round(part.end_s, 4),
        "duration_s": round(part.end_s - part.start_s, 4),
    }
