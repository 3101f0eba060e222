"""Pictures for the report: frames of the release beside thumbnails of the references."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from verify.media.pictures import encode_jpeg, reduced
from verify.media.reader import MAX_SIDE_PX, each_frame_at
from verify.model import FrameClass, FramePair, Picture, ShotView
from verify.report.choosing import choose_pairs

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path
    from typing import Protocol

    import numpy as np
    import numpy.typing as npt

    from verify.model import AlignedPair, Match, SampledFrame, Shot

    class ThumbnailSource(Protocol):
        """Where thumbnails of references come from: an archive."""

        def thumbnails(self, reference_id: str) -> list[tuple[float, int, int]]:
            """Return (time in s, width, height) of a reference's thumbnails, by time."""
            ...

        def thumbnail(self, reference_id: str, time_s: float) -> bytes | None:
            """Return the JPEG stored for exactly that time."""
            ...


FRAMES_FOLDER = "frames"
#: How many pairs of frames a match shows where there are at most so many matches.
_PAIRS_FOR_MATCHES = ((8, 6), (40, 3))
_PAIR_SIDE_PX, _PAIR_QUALITY = 400, 78
_VIEW_SIDE_PX, _VIEW_QUALITY = 200, 72
_STILL_QUALITY = 88
_MOST_VIEWS, _MOST_STILLS = 200, 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The pictures of a report. `frame_pairs` are those of the matches, the repeats and the earlier ones, in order."""

    first_frame: Picture | None = None
    frame_pairs: tuple[tuple[FramePair, ...], ...] = ()
    shot_views: tuple[ShotView, ...] = ()


class PictureBook:
    """Writes the pictures of one report below its working folder.

    Parameters
    ----------
    working
        Folder of the report; pictures go to `frames/` in it.
    media
        The release's media file, decoded once more for the frames that are shown.
    thumbnails
        The archive, or None.
    """

    def __init__(self, working: Path, media: Path, thumbnails: ThumbnailSource | None) -> None:
        self._working = working
        self._media = media
        self._thumbnails = thumbnails
        (working / FRAMES_FOLDER).mkdir(parents=True, exist_ok=True)

    def draw(
        self,
        shots: Sequence[Shot],
        matches: Sequence[Match],
        repeats: Sequence[Match] = (),
        earlier: Sequence[Match] = (),
        earlier_thumbnails: ThumbnailSource | None = None,
    ) -> Drawn:
        """Write all pictures, in one pass over the release.

        The second picture of a repeat's pair is of the release too; pictures of earlier releases come from
        `earlier_thumbnails`.
        """
        count = len(matches) + len(repeats) + len(earlier)
        limit = next((pairs for most, pairs in _PAIRS_FOR_MATCHES if count <= most), 1)
        sourced = [(match, self._thumbnails) for match in matches]
        sourced += [(match, earlier_thumbnails) for match in earlier]
        sizes = [_sizes(source, match.reference_id) for match, source in sourced]
        chosen = [choose_pairs(match, own, limit) for (match, _), own in zip(sourced, sizes, strict=True)]
        chosen_repeats = [choose_pairs(repeat, None, limit) for repeat in repeats]
        wanted = {0.0} | {pair.query_time_s for pairs in (*chosen, *chosen_repeats) for pair in pairs}
        wanted |= {pair.reference_time_s for pairs in chosen_repeats for pair in pairs}
        views = _viewed_shots(shots)
        shown, view_pictures, stills = self._query_pictures(wanted, views, _shots_with_stills(shots, views))
        book = []
        for (match, source), own, pairs in zip(sourced, sizes, chosen, strict=True):
            kept = {
                pair: self._reference_picture(source, match.reference_id, pair.reference_time_s, own) for pair in pairs
            }
            book.append(_framed(pairs, shown, kept))
        again = [
            _framed(pairs, shown, {pair: shown.get(pair.reference_time_s) for pair in pairs})
            for pairs in chosen_repeats
        ]
        return Drawn(
            first_frame=next(iter(shown.values()), None),
            frame_pairs=(*book[: len(matches)], *again, *book[len(matches) :]),
            shot_views=tuple(
                ShotView(shot=number, picture=view_pictures[number], still=stills.get(number))
                for number in sorted(view_pictures)
            ),
        )

    def _query_pictures(
        self, pair_times_s: Collection[float], views: Mapping[int, float], with_stills: Collection[int]
    ) -> tuple[dict[float, Picture], dict[int, Picture], dict[int, Picture]]:
        """Decode the release once: pictures of pairs by time, and small and large ones of shots by number."""
        times_s = sorted({*pair_times_s, *views.values()})
        shots_at: dict[float, list[int]] = {}
        for number, time_s in views.items():
            shots_at.setdefault(time_s, []).append(number)
        in_pairs: dict[float, Picture] = {}
        small: dict[int, Picture] = {}
        large: dict[int, Picture] = {}
        frames = each_frame_at(self._media, times_s, MAX_SIDE_PX)
        for wanted_s, frame in zip(times_s, frames, strict=False):
            if wanted_s in pair_times_s:
                name = f"release-{len(in_pairs) + 1:03d}.jpg"
                in_pairs[wanted_s] = self._write(name, frame, _PAIR_SIDE_PX, _PAIR_QUALITY)
            for number in shots_at.get(wanted_s, ()):
                small[number] = self._write(f"shot-{number:04d}.jpg", frame, _VIEW_SIDE_PX, _VIEW_QUALITY)
                if number in with_stills:
                    large[number] = self._write(f"still-{number:04d}.jpg", frame, MAX_SIDE_PX, _STILL_QUALITY)
        return in_pairs, small, large

    def _write(self, name: str, frame: SampledFrame, side_px: int, quality: int) -> Picture:
        pixels: npt.NDArray[np.uint8] = frame.pixels_bgr
        if max(pixels.shape) > side_px:
            pixels = reduced(pixels, side_px)
        height, width, _ = pixels.shape
        path = f"{FRAMES_FOLDER}/{name}"
        (self._working / path).write_bytes(encode_jpeg(pixels, quality))
        return Picture(path=path, time_s=frame.time_s, width_px=width, height_px=height)

    def _reference_picture(
        self, source: ThumbnailSource | None, reference_id: str, time_s: float, sizes: Mapping[float, tuple[int, int]]
    ) -> Picture | None:
        data = source.thumbnail(reference_id, time_s) if source and time_s in sizes else None
        if data is None:
            return None
        width, height = sizes[time_s]
        path = f"{FRAMES_FOLDER}/reference-{reference_id}-{round(time_s * 1000):08d}ms.jpg"
        (self._working / path).write_bytes(data)
        return Picture(path=path, time_s=time_s, width_px=width, height_px=height)


def _viewed_shots(shots: Sequence[Shot]) -> dict[int, float]:
    """Choose the shots that get a picture, by number from 1, with the time of it: the longest where there are many."""
    numbered = sorted(enumerate(shots, 1), key=lambda item: (-item[1].interval.duration_s, item[0]))
    return {
        number: shot.interval.start_s + shot.interval.duration_s / 2 for number, shot in numbered[:_MOST_VIEWS]
    }  # fmt: skip


def _shots_with_stills(shots: Sequence[Shot], views: Mapping[int, float]) -> set[int]:
    """Choose the shots that get a large picture: those that show something, the longest first."""
    shows = [number for number in views if shots[number - 1].frame_class in (FrameClass.TEXTURED, FrameClass.TEMPLATE)]
    return set(shows[:_MOST_STILLS])


def _sizes(source: ThumbnailSource | None, reference_id: str) -> dict[float, tuple[int, int]]:
    """Return the sizes of the thumbnails of a reference by time."""
    if source is None:
        return {}
    return {time_s: (width, height) for time_s, width, height in source.thumbnails(reference_id)}


def _framed(
    pairs: Sequence[AlignedPair], query: Mapping[float, Picture], reference: Mapping[AlignedPair, Picture | None]
) -> tuple[FramePair, ...]:
    """Put the pictures of aligned pairs together; a pair whose moment of the release was not decoded is left out."""
    return tuple(
        FramePair(query=query[pair.query_time_s], reference=reference[pair], distance_bits=pair.distance_bits)
        for pair in pairs
        if pair.query_time_s in query
    )
