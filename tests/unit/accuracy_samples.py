"""A benchmark made by hand, small enough to be scored on paper."""

from __future__ import annotations

from benchmarks.accuracy.truth import Box, Match, Segment, Truth

CLEAN_ID = "Q2"


def box(query_start: float, query_end: float, ref_start: float, ref_end: float, ref_id: str = "R1") -> Box:
    return Box(
        query_id="Q1", ref_id=ref_id, query_start=query_start, query_end=query_end, ref_start=ref_start, ref_end=ref_end
    )


def match(
    query: tuple[float, float], ref: tuple[float, float], score: float = 0.5, *, query_id: str = "Q1",
    ref_id: str = "R1", level: str = "",
) -> Match:  # fmt: skip
    return Match(
        query_id=query_id, ref_id=ref_id, query_start=query[0], query_end=query[1], ref_start=ref[0], ref_end=ref[1],
        score=score, level=level,
    )  # fmt: skip


#: Four seconds of R1 at its own pace, and two of the release that show four of R2, in the dark.
TRUTH = Truth(
    boxes=(box(0, 4, 10, 14), box(6, 8, 0, 4, "R2")),
    segments=(
        Segment(query_id="Q1", start_s=0, end_s=4, kind="r", source="a", edits="mirror", category="street"),
        Segment(query_id="Q1", start_s=4, end_s=6, kind="d", source="b"),
        Segment(query_id="Q1", start_s=6, end_s=8, kind="r", source="c", edits="fast", dark=True, category="sky"),
        Segment(query_id=CLEAN_ID, start_s=0, end_s=5, kind="later", source="a", category="street"),
    ),
    reference_ids=frozenset(("R1", "R2", "R3")),
    query_ids=frozenset(("Q1", CLEAN_ID)),
    clean=frozenset((CLEAN_ID,)),
)
PERFECT = (match((0, 4), (10, 14), 0.9), match((6, 8), (0, 4), 0.8, ref_id="R2"))
