"""The demo without anybody's pictures: five scenes drawn by recipe, and a release that reuses four of them.

Every institution is invented, nobody is shown, and nothing that is said was said by anybody.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from verify.demo.compose import Edit, Piece, Planted, encode_scene, piece_intervals
from verify.model import Interval, ReferenceKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from verify.demo.scenes.paint import Frame
    from verify.model import Progress

PUBLISHER = "Example Ministry"
TITLE = "Statement 17 (a demonstration, drawn by a program)"
CLAIMED_DATE = "2025-10-11"
PUBLISHED = "2025-10-12"
DARK_ID = "night-without-lights"
REFERENCE_IDS = ("harbour", "exercise", "night-road", "game")
#: What stands for a reference in a repeat: the release itself.
RELEASE_ID = "release"

_LICENCE = "Apache-2.0 (drawn by this program)"
_REFERENCE_FRAMES, _UNSEEN_FRAMES, _DARK_FRAMES = 275, 140, 90
_COLUMNS = (
    "id", "source", "title", "publisher", "first_seen", "first_seen_basis", "source_url", "kind", "licence", "notes",
)  # fmt: skip

EDIT_LIST = (
    Piece(frames=75, text="EXAMPLE MINISTRY\nStatement 17: night operation\n11 October 2025"),
    Piece(frames=175, clip_id="harbour", start_s=2.0),
    Piece(frames=175, clip_id="exercise", start_s=3.0, edit=Edit.CROPPED_MIRRORED),
    Piece(frames=100, clip_id="wheat", start_s=0.2),
    Piece(frames=200, clip_id="night-road", start_s=4.0, speed=0.5, edit=Edit.SLOWED),
    Piece(frames=75, clip_id=DARK_ID, start_s=0.2),
    Piece(frames=175, clip_id="game", start_s=3.4, edit=Edit.ENLARGED, caption="NIGHT OPERATION: VIEW FROM THE AIR"),
    Piece(frames=75, clip_id="wheat", start_s=0.6),
    Piece(frames=50, text="END OF STATEMENT\nA demonstration: nothing in it is real"),
)

CLAIMS = (
    {
        "claimant": PUBLISHER,
        "statement": "All pictures of Statement 17 were taken during the operation on 11 October 2025.",
        "date": "2025-10-12",
        "source_url": "https://ministry.example/statements/17",
    },
    {
        "claimant": "Example Watch",
        "statement": "At least one passage is years older, and one was not filmed at all.",
        "date": "2025-10-14",
        "source_url": "https://watch.example/notes/statement-17",
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the demo's archive says of a reference."""

    title: str
    publisher: str
    first_seen: str
    basis: str
    url: str
    kind: ReferenceKind


_KNOWN = {
    "harbour": _Known(
        title="Ships in the outer harbour at dawn",
        publisher="Example Harbour Television",
        first_seen="2021-03-14",
        basis="broadcast log of the station",
        url="https://harbour-tv.example/2021/dawn",
        kind=ReferenceKind.NEWS,
    ),
    "exercise": _Known(
        title="Field exercise, second day",
        publisher="Example Academy",
        first_seen="2019-06",
        basis="month on the academy's page",
        url="https://academy.example/exercises/2019",
        kind=ReferenceKind.EXERCISE,
    ),
    "night-road": _Known(
        title="Ring road, from the footbridge",
        publisher="a user of video.example",
        first_seen="2023-11-02",
        basis="upload date stated by the platform",
        url="https://video.example/watch/ring-road",
        kind=ReferenceKind.USER_GENERATED,
    ),
    "game": _Known(
        title="Valley flight, level 3 (gameplay)",
        publisher="Example Games",
        first_seen="2018-09-20",
        basis="release notes of the game",
        url="https://games.example/valley-flight",
        kind=ReferenceKind.GAME,
    ),
}


def scenes() -> Mapping[str, Iterator[Frame]]:
    """Return the pictures of every scene by id, drawn as they are asked for."""
    from verify.demo.scenes.exercise import exercise  # noqa: PLC0415 - slow to import, and only needed here
    from verify.demo.scenes.game import game  # noqa: PLC0415
    from verify.demo.scenes.harbour import harbour  # noqa: PLC0415
    from verify.demo.scenes.night_road import dark_field, night_road  # noqa: PLC0415
    from verify.demo.scenes.wheat import wheat  # noqa: PLC0415

    return {
        "harbour": harbour(_REFERENCE_FRAMES),
        "exercise": exercise(_REFERENCE_FRAMES),
        "night-road": night_road(_REFERENCE_FRAMES),
        "game": game(_REFERENCE_FRAMES),
        "wheat": wheat(_UNSEEN_FRAMES),
        DARK_ID: dark_field(_DARK_FRAMES),
    }


def render_scenes(folder: Path, progress: Progress) -> dict[str, Path]:
    """Render every scene into `folder` as MP4, 960x540; returns the paths by id.

    Raises
    ------
    ToolMissingError
        There is no ffmpeg that can encode H.264.
    """
    from verify.demo.scenes.paint import HEIGHT_PX, WIDTH_PX  # noqa: PLC0415 - see scenes

    folder.mkdir(parents=True, exist_ok=True)
    total = len(REFERENCE_IDS) * _REFERENCE_FRAMES + _UNSEEN_FRAMES + _DARK_FRAMES
    progress.start("drawing", total, "pictures")
    paths = {}
    for name, pictures in scenes().items():
        paths[name] = folder / f"{name}.mp4"
        encode_scene(_counted(pictures, progress), WIDTH_PX, HEIGHT_PX, paths[name])
    progress.finish()
    return paths


def _counted(pictures: Iterator[Frame], progress: Progress) -> Iterator[Frame]:
    for picture in pictures:
        progress.advance(1)
        yield picture


def planted_repeats() -> tuple[Planted, ...]:
    """Return what the release shows twice, the later showing as the query."""
    shown: dict[str, tuple[Interval, Piece]] = {}
    repeats = []
    for piece, interval in zip(EDIT_LIST, piece_intervals(EDIT_LIST), strict=True):
        if not piece.clip_id or piece.clip_id in REFERENCE_IDS:
            continue
        if piece.clip_id in shown:
            before, earlier = shown[piece.clip_id]
            start_s = before.start_s + piece.start_s - earlier.start_s
            again = Interval(start_s=start_s, end_s=start_s + interval.duration_s)
            repeats.append(Planted(query=interval, reference_id=RELEASE_ID, reference=again, edit="shown again"))
        shown.setdefault(piece.clip_id, (interval, piece))
    return tuple(repeats)


def dark_interval() -> Interval:
    """Return when the release shows hardly anything."""
    pairs = zip(EDIT_LIST, piece_intervals(EDIT_LIST), strict=True)
    return next(interval for piece, interval in pairs if piece.clip_id == DARK_ID)


def write_rendered_manifest(path: Path, clips: Mapping[str, Path]) -> None:
    """Write the manifest for `archive add`: one row for each reference, all of it invented."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, _COLUMNS)
        table.writeheader()
        for name in REFERENCE_IDS:
            known = _KNOWN[name]
            table.writerow(
                {
                    "id": name,
                    "source": clips[name].resolve(),
                    "title": known.title,
                    "publisher": known.publisher,
                    "first_seen": known.first_seen,
                    "first_seen_basis": known.basis,
                    "source_url": known.url,
                    "kind": known.kind.value,
                    "licence": _LICENCE,
                    "notes": "Drawn by a program for a demonstration; publisher, date and address are invented.",
                }
            )


def write_claims(path: Path) -> None:
    """Write the claims file of the release: what is claimed of it, and what is said against that."""
    path.write_text(yaml.safe_dump(list(CLAIMS), allow_unicode=True, sort_keys=False), encoding="utf-8")
