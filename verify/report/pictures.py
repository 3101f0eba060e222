"""Pictures for the report: frames of the release beside thumbnails of the references."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.media.pictures import encode_jpeg
from verify.media.reader import frames_at
from verify.model import FramePair, Picture
from verify.report.choosing import choose_pairs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Protocol

    from verify.model import AlignedPair, Match, SampledFrame

    class ThumbnailSource(Protocol):
        """Where thumbnails of references come from: an archive."""

        def thumbnails(self, reference_id: str) -> list[tuple[float, int, int]]:
            """Return (time in s, width, height) of a reference's thumbnails, by time."""
            ...

        def thumbnail(self, reference_id: str, time_s: float) -> bytes | None:
            """Return the JPEG stored for exactly that time."""
            ...


FRAMES_FOLDER = "frames"
_PAIRS_PER_MATCH = 3
_MANY_MATCHES = 40
_JPEG_QUALITY = 80


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
        matches: Sequence[Match],
        repeats: Sequence[Match] = (),
        earlier: Sequence[Match] = (),
        earlier_thumbnails: ThumbnailSource | None = None,
    ) -> tuple[Picture | None, list[tuple[FramePair, ...]]]:
        """Write all pictures; return that of the first frame, and the frame pairs of each match, repeat and match with
        an earlier release, in order.

        The second picture of a repeat's pair is of the release too; pictures of earlier releases come from
        `earlier_thumbnails`.
        """
        limit = _PAIRS_PER_MATCH if len(matches) + len(repeats) + len(earlier) <= _MANY_MATCHES else 1
        sourced = [(match, self._thumbnails) for match in matches]
        sourced += [(match, earlier_thumbnails) for match in earlier]
        sizes = [_sizes(source, match.reference_id) for match, source in sourced]
        chosen = [choose_pairs(match, own, limit) for (match, _), own in zip(sourced, sizes, strict=True)]
        chosen_repeats = [choose_pairs(repeat, None, limit) for repeat in repeats]
        wanted = {0.0} | {pair.query_time_s for pairs in (*chosen, *chosen_repeats) for pair in pairs}
        wanted |= {pair.reference_time_s for pairs in chosen_repeats for pair in pairs}
        shown = self._query_pictures(sorted(wanted))
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
        first = next(iter(shown.values()), None)
        return first, [*book[: len(matches)], *again, *book[len(matches) :]]

    def _query_pictures(self, times_s: list[float]) -> dict[float, Picture]:
        frames = frames_at(self._media, times_s)
        return {
            wanted_s: self._write(f"release-{number:03d}.jpg", frame)
            for number, (wanted_s, frame) in enumerate(zip(times_s, frames, strict=False), 1)
        }

    def _write(self, name: str, frame: SampledFrame) -> Picture:
        height, width, _ = frame.pixels_bgr.shape
        path = f"{FRAMES_FOLDER}/{name}"
        (self._working / path).write_bytes(encode_jpeg(frame.pixels_bgr, _JPEG_QUALITY))
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
