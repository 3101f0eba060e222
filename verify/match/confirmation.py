"""Confirmation: lay each piece of the release on what was proposed for it, and see whether the motion agrees too."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from verify.fingerprint.local import project, viewed, vocabulary
from verify.fingerprint.motion_signatures import MotionSignatures, signatures_of
from verify.match.geometry import assumed_overlay, contained, distinct_overlays, overlay
from verify.match.learned_proposals import most_alike, pictures_on_line, stands_out
from verify.match.motion import (
    RATES,
    QueryMotion,
    find_held_picture,
    find_line,
    measured_evenness,
    without_similarity,
)
from verify.match.refinement import refine
from verify.match.scoring import FULLY_CONTAINED, STILL, calibration, fused_score, held_score
from verify.model import Interval, Transform

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from verify.fingerprint.key_pictures import KeyPicture, QueryPiece
    from verify.match.geometry import Overlay
    from verify.match.materials import QueryMaterial, ReferenceMaterial
    from verify.match.motion import HeldPicture, MotionLine, ReferenceMotion
    from verify.match.motion_proposals import MotionProposal
    from verify.match.proposals import Proposal, Resemblance
    from verify.model import Match, MotionSet, ProxyClip

_OVERLAYS_TRIED = 2
_PAIRS_PER_PICTURE = 2
_ENOUGH_CELLS = 24
_MIN_CLIP_PICTURES = 4
_HASH_OVERLAP = 0.5
_FOLLOWED_LIKENESS = 0.5
_LINE_TOLERANCE_S = 0.2
_RATE_TOLERANCE = 0.1
_HASH_TOLERANCE_S = 0.4
#: Correlation and likeness from which it pays to fit the geometry again.
_WORTH_REFINING = 0.08
_REFINEMENTS = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PieceEvidence:
    """What supports that one piece of the query shows one reference in one way.

    `overlay` lays the pictures on each other, supported by `overlay_pairs` of `tried_pairs` pairs of key pictures.
    `line` is None where the archive keeps no small pictures of the reference, or there are too few. `held` is the
    picture that a still piece shows, if it does. `hashed` is the match that the hashes alone give on this piece, if
    they do, and `alike` what a learned descriptor says, if the pictures look alike on the line. `compared` says whether
    there were small pictures of both to compare, `by_motion` whether motion alone proposed the reference,
    and `too_short` whether the piece has too few pictures to be compared.
    """

    piece: QueryPiece
    reference_id: str
    view: Transform
    overlay: Overlay
    overlay_pairs: int
    tried_pairs: int
    line: MotionLine | None
    held: HeldPicture | None
    hashed: Match | None
    score: float
    reference_size: tuple[int, int]
    alike: Resemblance | None = None
    compared: bool = False
    by_motion: bool = False
    too_short: bool = False


class Confirmation:
    """Checks proposals against the small pictures of the query and the references."""

    def __init__(self, query: QueryMaterial, references: ReferenceMaterial) -> None:
        self._query = query
        self._references = references
        self._coded: dict[tuple[int, Transform], npt.NDArray[np.float32]] = {}

    def check(self, piece: QueryPiece, proposals: Sequence[Proposal], hashed: Sequence[Match]) -> list[PieceEvidence]:
        """Check all that is proposed for one piece; the best evidence for each reference and view, strongest first."""
        clip = self._query.clip(piece.interval)
        self._coded.clear()
        found = []
        seen: set[tuple[str, Transform]] = set()
        for proposal in proposals:
            reference_id = self._references.local.reference_ids[proposal.reference_number]
            overlays, tried = self._overlays(piece, proposal, reference_id)
            if not overlays:
                continue
            seen.add((reference_id, proposal.view))
            spans = self._spans(reference_id, proposal)
            support = _hash_support(piece, reference_id, proposal.view, hashed)
            found.append(
                self._best(
                    piece,
                    clip,
                    reference_id,
                    proposal.view,
                    overlays,
                    spans=spans,
                    tried=tried,
                    hashed=support,
                    # What looks like a region says nothing of another place in the picture.
                    alike=proposal.alike if stands_out(proposal.alike) and proposal.region is None else None,
                )
            )
        for match in hashed:
            view = seen_in(match)
            if (match.reference_id, view) in seen or not _lies_on(match, piece):
                continue
            seen.add((match.reference_id, view))
            found.append(self._by_hashes(piece, clip, match, view))
        laid = {each.reference_id for each in found}
        for proposal in proposals:
            reference_id = self._references.local.reference_ids[proposal.reference_number]
            is_new = reference_id not in laid or proposal.region is not None
            if proposal.alike is not None and stands_out(proposal.alike) and is_new:
                found.append(self._by_looks(piece, clip, proposal, proposal.alike))
        return sorted(found, key=lambda each: (-each.score, each.reference_id))

    def check_motion(self, piece: QueryPiece, proposals: Sequence[MotionProposal]) -> list[PieceEvidence]:
        """Check what motion signatures propose for one piece: the whole picture on the whole picture."""
        clip = self._query.clip(piece.interval)
        found = []
        for proposal in proposals:
            reference_id = self._references.local.reference_ids[proposal.reference_number]
            times_s = (proposal.query_time_s, proposal.reference_time_s)
            laid = self._whole(piece, reference_id, proposal.view, times_s)
            span = Interval(start_s=proposal.reference_time_s, end_s=proposal.reference_time_s)
            found.append(
                self._best(piece, clip, reference_id, proposal.view, [(laid, 0)], spans=[span], by_motion=True)
            )
        return sorted(found, key=lambda each: (-each.score, each.reference_id))

    def signatures(self, piece: QueryPiece) -> MotionSet:
        """Return what changes in a piece, outside its overlays."""
        clip = self._query.clip(piece.interval)
        return signatures_of(clip, piece.free) if clip is not None else MotionSignatures().finish()

    def follow(self, evidence: PieceEvidence, piece: QueryPiece) -> PieceEvidence | None:
        """See whether a neighbouring piece goes on along the line of accepted evidence; None if it does not."""
        line = evidence.line
        clip = self._query.clip(piece.interval)
        if line is None or clip is None or len(clip.times_s) < _MIN_CLIP_PICTURES:
            return None
        first, last = (line.rate * time_s + line.offset_s for time_s in (piece.interval.start_s, piece.interval.end_s))
        span = Interval(start_s=max(0.0, min(first, last)), end_s=max(0.0, first, last))
        middle_s = (piece.interval.start_s + piece.interval.end_s) / 2

        def goes_on(rate: float, offset_s: float) -> bool:
            step_s = (rate - line.rate) * middle_s + offset_s - line.offset_s
            return abs(rate - line.rate) <= _RATE_TOLERANCE * abs(line.rate) and abs(step_s) <= _LINE_TOLERANCE_S

        for stretch in self._references.stretches(evidence.reference_id, [span], piece.interval.duration_s):
            laying = self._laid(piece, clip, evidence, stretch)
            if laying is None:
                continue
            tried = find_line(*laying, (line.rate,), goes_on)
            if tried is None or tried.correlation < 0 or tried.appearance < _FOLLOWED_LIKENESS * line.appearance:
                continue
            tried = replace(
                measured_evenness(*laying, tried),
                elsewhere=max(tried.elsewhere, line.elsewhere),
                has_elsewhere=tried.has_elsewhere or line.has_elsewhere,
            )
            return replace(
                evidence,
                piece=piece,
                line=tried,
                held=None,
                hashed=None,
                alike=None,
                score=_scored(evidence, tried),
            )
        return None

    def _overlays(
        self, piece: QueryPiece, proposal: Proposal, reference_id: str
    ) -> tuple[list[tuple[Overlay, int]], int]:
        """Fit transforms to the pairs of key pictures that share most; with each, how many pairs gave one like it."""
        features = self._references.local.features(reference_id)
        sizes = (piece.width_px, piece.height_px), (features.width_px, features.height_px)
        fitted: list[Overlay] = []
        whole: list[Overlay] = []
        tried = 0
        for picture, keys in zip(piece.key_pictures, proposal.key_pictures, strict=True):
            if not len(picture.keypoints.points):
                continue
            query = (picture.keypoints.points, self._codes(picture, proposal.view))
            for key in keys[:_PAIRS_PER_PICTURE]:
                rows = features.rows_of(key)
                tried += 1
                laid = overlay(
                    query,
                    (features.points[rows], features.codes[rows].astype(np.float32) / vocabulary().scale),
                    mirrored=proposal.view.mirrored,
                    query_time_s=picture.time_s,
                    reference_time_s=float(features.times_s[key]),
                )
                if laid is not None:
                    fitted.append(laid)
                    if contained(laid, *sizes) >= FULLY_CONTAINED:
                        whole.append(laid)
            if whole and max(each.cells for each in whole) >= _ENOUGH_CELLS:
                break
        # Those that stick out are of a moment at which camera or page stood elsewhere, where others do not.
        chosen = distinct_overlays(whole or fitted, sizes[0], _OVERLAYS_TRIED)
        return [(each, _like(each, fitted, piece)) for each in chosen], tried

    def _spans(self, reference_id: str, proposal: Proposal) -> list[Interval]:
        """List the times of the reference that its voted key pictures stand for, the most voted first."""
        features = self._references.local.features(reference_id)
        keys = list(
            dict.fromkeys(key for rank in range(3) for own in proposal.key_pictures for key in own[rank : rank + 1])
        )
        return [
            Interval(
                start_s=float(features.times_s[key]),
                end_s=max(float(features.times_s[key]), float(features.until_s[key])),
            )
            for key in keys
        ]

    def _best(
        self,
        piece: QueryPiece,
        clip: ProxyClip | None,
        reference_id: str,
        view: Transform,
        overlays: list[tuple[Overlay, int]],
        *,
        spans: list[Interval],
        tried: int = 0,
        hashed: Match | None = None,
        alike: Resemblance | None = None,
        by_motion: bool = False,
    ) -> PieceEvidence:
        size = self._size(reference_id)
        laid, pairs = overlays[0]
        best_stretch: Interval | None = None
        best = PieceEvidence(
            piece=piece,
            reference_id=reference_id,
            view=view,
            overlay=laid,
            overlay_pairs=pairs,
            tried_pairs=tried,
            line=None,
            held=None,
            hashed=hashed,
            score=0.0,
            reference_size=size,
            by_motion=by_motion,
        )
        if clip is None or len(clip.times_s) < _MIN_CLIP_PICTURES:
            return replace(best, too_short=clip is not None)
        for laid, pairs in overlays:
            for stretch in self._references.stretches(reference_id, spans, piece.interval.duration_s):
                laying = self._laid(piece, clip, replace(best, overlay=laid), stretch)
                if laying is None:
                    continue
                best = replace(best, compared=True)
                line = find_line(*laying)
                if line is None or line.strength < STILL:
                    held = find_held_picture(*laying)
                    score = held_score(held, laid.cells) if held is not None else 0.0
                    if score > best.score:
                        best = replace(best, overlay=laid, overlay_pairs=pairs, held=held, score=score)
                if line is None:
                    continue
                placed = laid
                for _ in range(_REFINEMENTS):
                    refined = self._refined(piece, clip, replace(best, overlay=placed), stretch, line)
                    if refined is None:
                        break
                    placed, line = refined
                support = hashed if hashed is not None and _on_line(hashed, line, piece) else None
                looks = alike if alike is not None and pictures_on_line(alike, piece, line) else None
                score = _scored(
                    replace(best, overlay=placed), line, hashes_agree=support is not None, looks_alike=looks is not None
                )
                if score > best.score or (best.line is None and best.held is None):
                    best = replace(
                        best,
                        overlay=placed,
                        overlay_pairs=pairs,
                        line=line,
                        held=None,
                        hashed=support,
                        alike=looks,
                        score=score,
                    )
                    best_stretch = stretch
        return self._looked_at(best, clip, best_stretch) if best_stretch is not None else best

    def _looked_at(self, evidence: PieceEvidence, clip: ProxyClip, stretch: Interval) -> PieceEvidence:
        """Measure how evenly the motion of chosen evidence goes on; for all that is tried it would cost too much."""
        if evidence.line is None:
            return evidence
        if evidence.score < calibration().possible_from:
            # Of what shows nothing, no matrix is ever shown, and of a long release there is very much of that.
            return replace(evidence, line=without_similarity(evidence.line))
        laying = self._laid(evidence.piece, clip, evidence, stretch)
        return replace(evidence, line=measured_evenness(*laying, evidence.line)) if laying is not None else evidence

    def _by_hashes(self, piece: QueryPiece, clip: ProxyClip | None, match: Match, view: Transform) -> PieceEvidence:
        """Check what the hashes alone found: the whole picture on the whole picture."""
        middle_s = (match.query.start_s + match.query.end_s) / 2
        times_s = (middle_s, match.time_map.reference_time_s(middle_s))
        laid = self._whole(piece, match.reference_id, view, times_s)
        return self._best(piece, clip, match.reference_id, view, [(laid, 0)], spans=[match.reference], hashed=match)

    def _by_looks(
        self, piece: QueryPiece, clip: ProxyClip | None, proposal: Proposal, alike: Resemblance
    ) -> PieceEvidence:
        """Check what only looks alike: the whole picture, or a region of it, on the whole picture."""
        reference_id = self._references.local.reference_ids[proposal.reference_number]
        region = proposal.region or (0, 0, piece.width_px, piece.height_px)
        times_s = most_alike(alike, piece)
        laid = assumed_overlay(region, self._size(reference_id), mirrored=proposal.view.mirrored, times_s=times_s)
        spans = self._spans(reference_id, proposal)
        return self._best(piece, clip, reference_id, proposal.view, [(laid, 0)], spans=spans, alike=alike)

    def _whole(self, piece: QueryPiece, reference_id: str, view: Transform, times_s: tuple[float, float]) -> Overlay:
        """Assume that the whole picture lies on the whole picture."""
        whole = (0, 0, piece.width_px, piece.height_px)
        return assumed_overlay(whole, self._size(reference_id), mirrored=view.mirrored, times_s=times_s)

    def _refined(
        self, piece: QueryPiece, clip: ProxyClip, evidence: PieceEvidence, stretch: Interval, line: MotionLine
    ) -> tuple[Overlay, MotionLine] | None:
        """Fit the geometry again on pictures of the same moments; None where the motion does not agree better then."""
        if min(line.correlation, line.appearance) < _WORTH_REFINING:
            return None
        laying = self._laid(piece, clip, evidence, stretch)
        correction = refine(*laying, line) if laying is not None else None
        if laying is None or correction is None:
            return None
        scale = max(laying[1].size) / max(evidence.reference_size)
        turned = correction[:, :2] @ evidence.overlay.matrix
        turned[:, 2] += correction[:, 2] / scale
        fitted = replace(evidence.overlay, matrix=turned)
        again = self._laid(piece, clip, replace(evidence, overlay=fitted), stretch)
        better = find_line(*again, _rates_near(line.rate)) if again is not None else None
        if better is None or better.correlation <= line.correlation:
            return None
        # Only a few rates were tried again: how well others do elsewhere is known from before.
        return fitted, replace(
            better,
            elsewhere=max(better.elsewhere, line.elsewhere),
            has_elsewhere=better.has_elsewhere or line.has_elsewhere,
        )

    def _laid(
        self, piece: QueryPiece, clip: ProxyClip, evidence: PieceEvidence, stretch: Interval
    ) -> tuple[QueryMotion, ReferenceMotion] | None:
        """Lay the piece on one stretch of the reference; None where the archive keeps no pictures of it."""
        reference = self._references.motion(evidence.reference_id, stretch)
        if reference is None:
            return None
        laid = evidence.overlay
        height, width = clip.pictures.shape[1:]
        query_scale = max(piece.width_px, piece.height_px) / max(width, height)
        reference_scale = max(reference.size) / max(evidence.reference_size)
        matrix = np.hstack([laid.matrix[:, :2] * query_scale, laid.matrix[:, 2:]]) * reference_scale
        query = QueryMotion(
            clip, matrix, reference.size, _mask(piece, (width, height)), inverted=evidence.view.inverted
        )
        return query, reference

    def _codes(self, picture: KeyPicture, view: Transform) -> npt.NDArray[np.float32]:
        """Projected descriptors of a key picture of the present piece in one view, of unit scale."""
        key = (id(picture), view)
        if key not in self._coded:
            descriptors = viewed(picture.keypoints.descriptors, mirrored=view.mirrored, inverted=view.inverted)
            self._coded[key] = np.asarray(project(descriptors), np.float32) / np.float32(vocabulary().scale)
        return self._coded[key]

    def _size(self, reference_id: str) -> tuple[int, int]:
        features = self._references.local.features(reference_id)
        return features.width_px, features.height_px


def _scored(
    evidence: PieceEvidence, line: MotionLine, *, hashes_agree: bool = False, looks_alike: bool = False
) -> float:
    """Score a line as if it were that of some evidence."""
    piece = evidence.piece
    return fused_score(
        line,
        evidence.overlay.cells,
        hashes_agree=hashes_agree,
        looks_alike=looks_alike,
        by_motion=evidence.by_motion,
        plain_view=evidence.view == Transform(),
        contained=contained(evidence.overlay, (piece.width_px, piece.height_px), evidence.reference_size),
    )


def _rates_near(rate: float) -> tuple[float, ...]:
    """Rates to try again once the geometry is better: the one found, native speed, and their neighbours in the list."""
    near = sorted(RATES, key=lambda other: abs(other - rate))[:3]
    return tuple(dict.fromkeys((rate, 1.0, *near)))


def _like(chosen: Overlay, fitted: Sequence[Overlay], piece: QueryPiece) -> int:
    """How many of the fitted overlays are about the same as one of them."""
    size = (piece.width_px, piece.height_px)
    return sum(len(distinct_overlays([chosen, each], size, 2)) == 1 for each in fitted)


def _mask(piece: QueryPiece, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Scale the piece's free area to a size (width, height): 255 free, 0 under an overlay."""
    import cv2  # noqa: PLC0415 - one use

    return np.asarray(cv2.resize(piece.free, size, interpolation=cv2.INTER_NEAREST), np.uint8)


def seen_in(match: Match) -> Transform:
    """Return the view in which a match by hashes sees the picture; pieces have no bars."""
    return replace(match.transform, bars_removed=False)


def _lies_on(match: Match, piece: QueryPiece) -> bool:
    return bool(match.query.overlap_s(piece.interval) >= _HASH_OVERLAP * piece.interval.duration_s)


def _on_line(match: Match, line: MotionLine, piece: QueryPiece) -> bool:
    """Say whether the hashes and the motion agree on when the piece was taken from the reference."""
    middle_s = (piece.interval.start_s + piece.interval.end_s) / 2
    step_s = match.time_map.reference_time_s(middle_s) - (line.rate * middle_s + line.offset_s)
    return bool(abs(step_s) <= _HASH_TOLERANCE_S)


def _hash_support(piece: QueryPiece, reference_id: str, view: Transform, hashed: Sequence[Match]) -> Match | None:
    """Return the match by hashes of the same reference, seen the same way, on the same piece."""
    for match in hashed:
        if match.reference_id == reference_id and seen_in(match) == view and _lies_on(match, piece):
            return match
    return None
