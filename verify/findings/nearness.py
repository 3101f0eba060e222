"""How a list of nearest references is worded: as an aid to looking, never as a match."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.findings.wording import counted, listed, quoted, timecode

if TYPE_CHECKING:
    from verify.match.nearest_references import FramePair, NearestReferences, NearReference
    from verify.model import Reference, Transform

STATEMENT = (
    "These are the nearest references, without a threshold: nearness is not a match. Something is always nearest, also "
    "where nothing in the archive has anything to do with it. `verify video` tells what is visually consistent."
)
HASHES = (
    "By hashes: bits that differ in the nearest pair of frames, of 256 by PDQ and 64 by pHash. Of unrelated frames "
    "about half differ, of the nearest among many unrelated ones fewer."
)
LOOKS = (
    "By looks: cosine of the learned descriptor in the most similar pair of pictures, at most 1. Like scenes are alike."
)
TOO_FLAT = (
    "It is too flat for its hashes to mean anything (a nearly even, dark or blurred picture), so nothing is listed by "
    "them"
)
WITHOUT_VECTORS = (
    "The search went by hashes only, because no learned descriptor was used or the archive has no vectors of it."
)


def nearness_notes(nearest: NearestReferences) -> list[str]:
    """Say what limits this search, in sentences."""
    notes = []
    if not nearest.searched:
        notes.append("The archive has no reference that is searched.")
    if nearest.is_flat:
        shown = nearest.by_looks is not None
        notes.append(f"{TOO_FLAT}; how it looks says as little." if shown else f"{TOO_FLAT}.")
    if nearest.by_looks is None and nearest.searched:
        notes.append(WITHOUT_VECTORS)
    return notes


def nearness_lines(near: NearReference, reference: Reference, *, by_looks: bool, of_picture: bool) -> list[str]:
    """Tell one reference in two lines: how near it is, in which frames, and what it is."""
    hashes, looks = near.hashes, near.looks
    bits = (
        f"PDQ {hashes.pdq_bits}, pHash {hashes.phash_bits}" if hashes else "no frame with enough structure for hashes"
    )
    cosine = f"cosine {looks.cosine:.3f}" if looks else ""
    ordered = [cosine, bits] if by_looks else [bits, cosine]
    at = looks.at if by_looks and looks else hashes.at if hashes else None
    places = [_place(at, of_picture=of_picture)] if at else []
    first = f"{reference.id}: {', '.join([*filter(None, ordered), *places])}"
    return [first, _what_it_is(reference)]


def view_words(view: Transform) -> str:
    """Say in which view the query is nearest: 'mirrored and inverted'; empty as it is shown."""
    words = [
        *(["mirrored"] if view.mirrored else []),
        *(["inverted"] if view.inverted else []),
        *(["black bars removed"] if view.bars_removed else []),
    ]
    return listed(words)


def _place(at: FramePair, *, of_picture: bool) -> str:
    reference = timecode(at.reference_time_s)
    place = f"at {reference}" if of_picture else f"{timecode(at.query_time_s)} ~ {reference}"
    view = view_words(at.view)
    return f"{place}, {view}" if view else place


def _what_it_is(reference: Reference) -> str:
    title = quoted(reference.title) if reference.title else "no title"
    publisher = f"by {quoted(reference.publisher)}" if reference.publisher else "publisher not stated"
    seen = f"first seen no later than {reference.first_seen}" if reference.first_seen else "date unknown"
    basis = f" ({quoted(reference.first_seen_basis)})" if reference.first_seen and reference.first_seen_basis else ""
    return f"{title}, {publisher}, {seen}{basis}, {reference.kind}"


def counted_references(nearest: NearestReferences) -> str:
    """Say how many references were compared."""
    return f"{counted(nearest.searched, 'reference')} compared."
