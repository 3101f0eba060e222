"""Made-up footage for the tests of matching: places, what moves in them, and cameras, drawn for any moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from tests.unit.fingerprint_samples import Edit, Film, reference_of
from verify.archive.index import ReferenceIndex
from verify.archive.local_index import LocalIndex
from verify.archive.motion_index import MotionIndex
from verify.fingerprint.key_pictures import KeyPicture, QueryPiece
from verify.fingerprint.local import (
    DESCRIPTOR_LENGTH,
    DIMENSIONS,
    VERSION,
    Keypoints,
    detect,
    project,
    viewed,
    vocabulary,
)
from verify.fingerprint.motion_signatures import signatures_of
from verify.match.confirmation import PieceEvidence
from verify.match.geometry import NEAR, Overlay, squared_distances
from verify.match.matcher import find_matches
from verify.match.materials import QueryMaterial, ReferenceMaterial
from verify.match.motion import MotionLine
from verify.match.query import MIN_QUALITY, make_query
from verify.model import (
    CueEvidence,
    FrameClass,
    Interval,
    LocalFeatureSet,
    Match,
    MatchLevel,
    ProxyClip,
    Shot,
    SilentProgress,
    TimeMap,
    Transform,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]
    Points = npt.NDArray[np.float32]

WIDTH_PX, HEIGHT_PX = 512, 288
SIZE = (WIDTH_PX, HEIGHT_PX)
PER_SECOND = 12.5
REFERENCE_PROXY, QUERY_PROXY = (160, 90), (320, 180)
_SUBPIXEL_BITS = 4
_IDENTITY = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


@lru_cache(maxsize=64)
def place(seed: int) -> Grey:
    """Draw a place, (288, 512) uint8: shapes of all sizes and greys over each other, the same for the same seed."""
    generator = np.random.default_rng(seed)
    ground = np.full((HEIGHT_PX, WIDTH_PX), 128, np.uint8)
    for number in range(140):
        centre = generator.uniform((0, 0), SIZE)
        reach = generator.uniform(8, 60) * (1 - number / 200)
        corners = centre + generator.uniform(-reach, reach, (int(generator.integers(3, 6)), 2))
        cv2.fillPoly(ground, [corners.astype(np.int32)], int(generator.integers(25, 230)))
    return np.asarray(cv2.GaussianBlur(ground, (0, 0), 0.8), np.uint8)


@dataclass(frozen=True)
class Scene:
    """A place seen by a fixed camera, and what moves in it.

    `mover` chooses how `movers` discs move; None leaves them out. The `camera` returns the (2, 3) matrix that lays the
    place on the picture at a time in s. Between the two times of `calm`, in s, all that moves stands still.
    """

    place: int
    mover: int | None = None
    movers: int = 5
    camera: Callable[[float], npt.NDArray[np.float64]] | None = None
    calm: tuple[float, float] | None = None
    _pictures: dict[float, Grey] = field(default_factory=dict, repr=False, compare=False)

    def at(self, time_s: float) -> Grey:
        """Draw the picture at a time in s, (288, 512) uint8."""
        key = round(time_s, 5)
        if key not in self._pictures:
            self._pictures[key] = self._drawn(key)
        return self._pictures[key]

    def _drawn(self, time_s: float) -> Grey:
        picture = place(self.place).copy()
        if self.calm is not None and self.calm[0] < time_s < self.calm[1]:
            return self.at(self.calm[0])
        if self.mover is not None:
            generator = np.random.default_rng(1000 + self.mover)
            for _ in range(self.movers):
                start, phase = generator.uniform((60, 40), (452, 248)), generator.uniform(0, 6.3, (2, 2))
                reach, pace = generator.uniform(20, 70, (2, 2)), generator.uniform(0.5, 2.2, (2, 2))
                position = start + (reach * np.sin(phase + pace * time_s)).sum(axis=0)
                size, level = generator.uniform(9, 22), int(generator.choice([35, 50, 205, 220]))
                fixed = np.round(position * 2**_SUBPIXEL_BITS).astype(int)
                centre, radius = (int(fixed[0]), int(fixed[1])), round(size * 2**_SUBPIXEL_BITS)
                cv2.circle(picture, centre, radius, level, -1, cv2.LINE_AA, _SUBPIXEL_BITS)
        if self.camera is not None:
            picture = cv2.warpAffine(picture, self.camera(time_s), SIZE, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(picture, np.uint8)


def grid(duration_s: float, start_s: float = 0.0, per_second: float = PER_SECOND) -> npt.NDArray[np.float64]:
    """Times of small pictures from `start_s` on, in s."""
    return start_s + np.arange(round(duration_s * per_second)) / per_second


def filmed(
    scene: Scene,
    shown_s: npt.NDArray[np.float64],
    scene_s: npt.NDArray[np.float64] | None = None,
    *,
    size: tuple[int, int] = REFERENCE_PROXY,
    noise: float = 1.5,
    edit: Callable[[Grey], Grey] | None = None,
) -> ProxyClip:
    """Film a scene at the moments `scene_s` and show it at `shown_s`, in s, with sensor noise of its own.

    `edit` changes each picture of 512 x 288 pixels before it is reduced to `size`.
    """
    moments = shown_s if scene_s is None else scene_s
    generator = np.random.default_rng(round(1000 * float(shown_s[0])) + size[0])
    pictures = []
    for moment in moments:
        picture = scene.at(float(moment))
        small = cv2.resize(edit(picture) if edit else picture, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        small += generator.normal(0, noise, small.shape).astype(np.float32)
        pictures.append(np.clip(small, 0, 255).astype(np.uint8))
    return ProxyClip(times_s=shown_s.astype(np.float64), pictures=np.stack(pictures))


def laid(picture: Grey, matrix: npt.NDArray[np.float64], size: tuple[int, int] = SIZE) -> Grey:
    """Warp a picture by a (2, 3) matrix of px to px."""
    return np.asarray(cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderValue=0), np.uint8)


def inverse(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the (2, 3) matrix of the way back."""
    return np.asarray(cv2.invertAffineTransform(matrix), np.float64)


def identity() -> npt.NDArray[np.float64]:
    """Return the (2, 3) matrix that changes nothing."""
    return _IDENTITY.copy()


def scaled(matrix: npt.NDArray[np.float64], before: float, after: float) -> npt.NDArray[np.float64]:
    """Return a px to px matrix for pictures `before` and `after` times as large."""
    return np.hstack([matrix[:, :2] / before, matrix[:, 2:]]) * after


def coded(
    picture: Grey, *, keep: int = 320, mirrored: bool = False, inverted: bool = False
) -> tuple[Points, npt.NDArray[np.float32]]:
    """Return the keypoints of a picture, (N, 2) in px, and their codes of unit scale, (N, 48), seen in one way."""
    found = detect(picture, keep=keep)
    descriptors = viewed(found.descriptors, mirrored=mirrored, inverted=inverted)
    return found.points, np.asarray(project(descriptors), np.float32) / vocabulary().scale


def motion_line(
    correlation: float = 0.9,
    per_moment: float = 0.85,
    elsewhere: float = 0.1,
    appearance: float = 0.95,
    *,
    rate: float = 1.0,
    offset_s: float = 10.0,
    strength: float = 5.0,
    shown: Interval | None = None,
    looks: npt.NDArray[np.float32] | None = None,
    inside: npt.NDArray[np.bool_] | None = None,
) -> MotionLine:
    """Return a line that was not found but given; `shown` are the query's seconds it was found on."""
    span = shown or Interval(start_s=2.0, end_s=4.0)
    times_s = grid(span.duration_s - 0.24, span.start_s)
    count = len(times_s)
    return MotionLine(
        rate=rate,
        offset_s=offset_s,
        correlation=correlation,
        per_moment=per_moment,
        elsewhere=elsewhere,
        has_elsewhere=True,
        appearance=appearance,
        strength=strength,
        times_s=times_s,
        moments=np.full(count, per_moment, np.float32),
        looks=np.full(count, appearance, np.float32) if looks is None else looks,
        inside=np.ones(count, bool) if inside is None else inside,
        query_change=np.full(count, strength, np.float32),
        reference_change=np.full(count, strength, np.float32),
        similarity=np.full((count, 30), per_moment, np.float32),
        similarity_times_s=rate * span.start_s + offset_s + np.arange(30) / PER_SECOND,
        spread=400.0,
        evenness=0.2,
    )


@lru_cache(maxsize=1)
def descriptors() -> npt.NDArray[np.uint8]:
    """Descriptors, (120, 128), none of which could be taken for another, however they are turned."""
    drawn = np.random.default_rng(1).gamma(0.05, 1, (4000, 128))
    rooted = np.sqrt(drawn / drawn.sum(axis=1, keepdims=True)) * DESCRIPTOR_LENGTH
    candidates = np.clip(np.rint(rooted), 0, 255).astype(np.uint8)
    views = [
        project(viewed(candidates, mirrored=mirrored, inverted=inverted)).astype(np.float32) / vocabulary().scale
        for mirrored in (False, True)
        for inverted in (False, True)
    ]
    chosen: list[int] = []
    for number in range(len(candidates)):
        own = views[0][[number]]
        if all(squared_distances(own, view[[*chosen, number][:-1]]).min(initial=9) > NEAR + 0.05 for view in views):
            chosen.append(number)
    return candidates[chosen[:120]]


def keypoints_of(described: npt.NDArray[np.uint8]) -> Keypoints:
    """Keypoints of given descriptors, (N, 128), at places of no meaning."""
    places = np.random.default_rng(len(described)).uniform((0, 0), SIZE, (len(described), 2))
    return Keypoints(points=places.astype(np.float32), descriptors=described)


def piece_of(
    pictures: Sequence[tuple[float, Keypoints | Grey]], interval: Interval, free: Grey | None = None
) -> QueryPiece:
    """Make a piece of a release of key pictures and their times in s; pictures are 512 px wide."""
    return QueryPiece(
        interval=interval,
        key_pictures=tuple(
            KeyPicture(time_s=time_s, keypoints=each if isinstance(each, Keypoints) else detect(each, keep=160))
            for time_s, each in pictures
        ),
        free=np.full((90, 160), 255, np.uint8) if free is None else free,
        width_px=WIDTH_PX,
        height_px=HEIGHT_PX,
    )


def features_of(pictures: Sequence[tuple[float, Keypoints | Grey]], step_s: float = 1.0) -> LocalFeatureSet:
    """Make the keypoints of a reference of key pictures and their times in s, each standing for `step_s`."""
    found = [each if isinstance(each, Keypoints) else detect(each, keep=160) for _, each in pictures]
    times_s = np.array([time_s for time_s, _ in pictures], np.float64)
    return LocalFeatureSet(
        version=VERSION,
        width_px=WIDTH_PX,
        height_px=HEIGHT_PX,
        times_s=times_s,
        until_s=times_s + step_s,
        first_rows=np.cumsum([0, *(len(each) for each in found)]).astype(np.int64),
        points=np.concatenate([np.zeros((0, 2), np.float32), *(each.points for each in found)]),
        codes=np.concatenate([np.zeros((0, DIMENSIONS), np.int8), *(project(each.descriptors) for each in found)]),
    )


def overlay_of(matrix: npt.NDArray[np.float64] | None = None, cells: int = 12) -> Overlay:
    """An overlay that was not fitted but given: the query's third second on the reference's thirteenth."""
    values = identity() if matrix is None else matrix
    query = np.random.default_rng(1).uniform((0, 0), SIZE, (cells, 2)).astype(np.float32)
    return Overlay(
        matrix=values,
        cells=cells,
        query_points=query,
        reference_points=(query @ values[:, :2].T + values[:, 2]).astype(np.float32),
        query_time_s=3.0,
        reference_time_s=13.0,
    )


def evidence_of(
    line: MotionLine | None = None,
    *,
    start_s: float = 2.0,
    end_s: float = 4.0,
    rate: float = 1.0,
    offset_s: float = 10.0,
    score: float = 0.5,
    cells: int = 12,
    view: Transform | None = None,
    hashed: tuple[CueEvidence, ...] = (),
) -> PieceEvidence:
    """Evidence that was not found but given, on a piece without keypoints; `hashed` are the cues of the hashes."""
    interval = Interval(start_s=start_s, end_s=end_s)
    chosen = line or motion_line(rate=rate, offset_s=offset_s, shown=interval)
    time_map = TimeMap(rate=chosen.rate, offset_s=chosen.offset_s)
    return PieceEvidence(
        piece=piece_of([], interval),
        reference_id="ours",
        view=view or Transform(),
        overlay=overlay_of(cells=cells),
        overlay_pairs=2,
        tried_pairs=3,
        line=chosen,
        held=None,
        hashed=hash_match(interval, time_map, cues=hashed) if hashed else None,
        score=score,
        reference_size=SIZE,
    )


def hash_match(query: Interval, time_map: TimeMap, **changed: Any) -> Match:
    """A match such as the hashes alone give."""
    ends = sorted(time_map.reference_time_s(time_s) for time_s in (query.start_s, query.end_s))
    values: dict[str, Any] = {
        "query": query,
        "reference_id": "ours",
        "reference": Interval(start_s=ends[0], end_s=ends[1]),
        "time_map": time_map,
        "transform": Transform(),
        "cues": (),
        "score": 0.6,
        "distinctness": 0.2,
        "level": MatchLevel.POSSIBLE,
    }
    return Match(**{**values, **changed})


@dataclass(frozen=True)
class Cut:
    """What a release shows between two cuts: a scene from `from_s` on, at a rate.

    `edit` changes the picture; `keypoints` says whether key pictures are taken, `joined` that it goes on in the shot of
    the cut before it.
    """

    scene: Scene
    from_s: float
    duration_s: float
    rate: float = 1.0
    edit: Callable[[Grey], Grey] | None = None
    noise: float = 1.5
    keypoints: bool = True
    joined: bool = False


class Release:
    """A made-up release: cuts one after the other, each a piece."""

    def __init__(self, *cuts: Cut) -> None:
        ends = np.cumsum([0.0, *(cut.duration_s for cut in cuts)]).round(4)
        self.spans = [
            (cut, Interval(start_s=float(start), end_s=float(end)))
            for cut, start, end in zip(cuts, ends[:-1], ends[1:], strict=True)
        ]

    def shots(self) -> tuple[Shot, ...]:
        """Shots of the release, all textured."""
        starts = [span.start_s for cut, span in self.spans if not cut.joined] + [self.spans[-1][1].end_s]
        return tuple(
            Shot(interval=Interval(start_s=start, end_s=end), frame_class=FrameClass.TEXTURED)
            for start, end in pairwise(starts)
        )

    def pieces(self) -> tuple[QueryPiece, ...]:
        """Pieces with two key pictures each."""
        made = []
        for cut, span in self.spans:
            times_s = [span.start_s + share * span.duration_s for share in (0.25, 0.75)] if cut.keypoints else []
            made.append(piece_of([(time_s, self._picture(cut, span, time_s)) for time_s in times_s], span))
        return tuple(made)

    def clip(self, interval: Interval) -> ProxyClip | None:
        """Small pictures of a piece."""
        ((cut, span),) = [each for each in self.spans if each[1] == interval]
        shown_s = grid(span.duration_s, span.start_s)
        return filmed(
            cut.scene,
            shown_s,
            cut.from_s + cut.rate * (shown_s - span.start_s),
            size=QUERY_PROXY,
            noise=cut.noise,
            edit=cut.edit,
        )

    def material(self, hashes: Edit | None = None) -> QueryMaterial:
        """What matching is given of it. Its hashes are those of strangers where none are given."""
        codes = hashes or self._strange()
        return QueryMaterial(hashes=make_query(codes.views(), self.shots()), pieces=self.pieces(), clip=self.clip)

    def _picture(self, cut: Cut, span: Interval, time_s: float) -> Grey:
        picture = cut.scene.at(cut.from_s + cut.rate * (time_s - span.start_s))
        return cut.edit(picture) if cut.edit else picture

    def _strange(self) -> Edit:
        edit = Edit()
        for number, (cut, span) in enumerate(self.spans):
            edit.add(Film(900 + number, span.duration_s + 1), 0.0, span.duration_s, cut=not cut.joined)
        return edit


class Library:
    """Made-up references: scenes from their beginning, with small pictures or without; hashes are made up as well.

    Motion signatures are made where they are asked for.
    """

    def __init__(self, duration_s: float, proxies: bool = True, *, motions: bool = False, **scenes: Scene) -> None:
        self.films = {name: Film(500 + number, duration_s) for number, name in enumerate(sorted(scenes))}
        self.hashes = ReferenceIndex(
            {name: reference_of(film, duration_s) for name, film in self.films.items()}, MIN_QUALITY
        )
        seconds = np.arange(0.1, duration_s, 1.0)
        local = LocalIndex.of(
            {name: features_of([(float(at), scene.at(float(at))) for at in seconds]) for name, scene in scenes.items()}
        )

        def clip(name: str, stretch: Interval) -> ProxyClip | None:
            assert (stretch.start_s, stretch.end_s) == (0.0, duration_s)
            return filmed(scenes[name], grid(duration_s)) if proxies else None

        moving = {name: signatures_of(filmed(scene, grid(duration_s))) for name, scene in scenes.items() if motions}
        self.material = ReferenceMaterial(
            local,
            dict.fromkeys(scenes, duration_s),
            clip,
            motions=MotionIndex(local.reference_ids, moving) if motions else None,
        )

    def matches(self, release: Release, hashes: Edit | None = None) -> tuple[Match, ...]:
        """Search a release in these references."""
        return find_matches(release.material(hashes), self.hashes, self.material, SilentProgress())
