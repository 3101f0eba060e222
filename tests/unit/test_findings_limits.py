"""What every report says of its own limits."""

from __future__ import annotations

from tests.unit.report_samples import interval, match
from verify.findings.limits import standard_limits
from verify.model import ArchiveSnapshot, DecodeOutcome, MatchLevel

ARCHIVE = ArchiveSnapshot(
    snapshot_id="cd", reference_count=42, frame_count=9000, duration_s=90.0, algorithms=("pdq 1",)
)


def test_limits_begin_with_what_applies_to_this_report() -> None:
    broken = DecodeOutcome(decoded=interval(0, 5), frame_count=9, cut_times_s=(), failure="broken", missing_s=3)
    limits = standard_limits(ARCHIVE, broken, [match(), match(same_scene_only=True)])
    assert limits[0].startswith("The archive searched is small: 42 references, 90 seconds of video.")
    assert limits[1].startswith("The file could be decoded in part only: 5 seconds were read")
    assert "two recordings of one scene look alike" in limits[2]
    assert standard_limits(None)[0].startswith("No reference archive was searched")
    assert standard_limits(ARCHIVE, None, [match()])[1].startswith("All matches of this report are possible")


def test_a_large_archive_fully_read_has_the_limits_of_the_method_only() -> None:
    large = ArchiveSnapshot(snapshot_id="x", reference_count=5000, frame_count=1, duration_s=1.0, algorithms=())
    limits = standard_limits(large)
    text = " ".join(limits)
    assert limits == standard_limits(large, None, [match(level=MatchLevel.CONFIRMED)])
    for needed in (
        "perceptual hashes", "keypoints", "motion", "crops", "mirroring", "inverted polarity", "insets", "captions",
        "a quarter to four times", "backwards", "Strongly shaken", "sky and thermal pictures without features",
        "insets smaller than about a quarter", "less than about half a second", "Two cameras side by side",
        "false-alarm bound", "footage like that", "title cards", "b-roll", "two independent families",
    ):  # fmt: skip
        assert needed in text


def test_search_without_a_learned_descriptor_is_told() -> None:
    without = standard_limits(ARCHIVE, is_by_looks=False)
    assert without[1].startswith("The archive was searched without a learned descriptor")
    assert not any("without a learned descriptor" in limit for limit in standard_limits(ARCHIVE))
    assert not any("without a learned descriptor" in limit for limit in standard_limits(None, is_by_looks=False))
