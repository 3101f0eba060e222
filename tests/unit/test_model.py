"""The values that cross stages: what they refuse, and that they stay as they were made."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify import errors
from verify.errors import VerifyError
from verify.model import (
    AcquiredFile,
    Acquisition,
    FileRole,
    FingerprintSet,
    Interval,
    Reference,
    ReferenceKind,
    SilentProgress,
    TimeMap,
    Transform,
)

times = st.floats(0, 1e5)


def interval(start_s: float, end_s: float) -> Interval:
    return Interval(start_s=start_s, end_s=end_s)


def test_interval_measures_itself():
    assert interval(1.5, 4.0).duration_s == 2.5
    assert interval(2.0, 2.0).duration_s == 0.0


@pytest.mark.parametrize(
    ("start_s", "end_s"), [(2.0, 1.0), (float("nan"), 1.0), (0.0, float("nan")), (0.0, float("inf"))]
)
def test_what_is_no_interval(start_s: float, end_s: float):
    with pytest.raises(ValueError, match="not an interval"):
        interval(start_s, end_s)


@given(a=times, b=times, c=times, d=times)
def test_overlap_is_symmetric_and_bounded(a: float, b: float, c: float, d: float):
    left, right = interval(*sorted((a, b))), interval(*sorted((c, d)))
    assert left.overlap_s(right) == right.overlap_s(left)
    assert 0 <= left.overlap_s(right) <= min(left.duration_s, right.duration_s)
    assert left.overlap_s(left) == left.duration_s


def test_intervals_that_touch_do_not_overlap():
    assert interval(0.0, 2.0).overlap_s(interval(2.0, 3.0)) == 0.0
    assert interval(0.0, 2.0).overlap_s(interval(1.5, 3.0)) == 0.5


def test_values_are_frozen_and_keyword_only():
    with pytest.raises(FrozenInstanceError):
        interval(0.0, 1.0).end_s = 5.0  # type: ignore[misc]
    with pytest.raises(TypeError):
        Interval(0.0, 1.0)  # type: ignore[misc]
    assert Transform(mirrored=True) == Transform(mirrored=True) != Transform()


def test_time_map_maps_to_the_references_clock():
    assert TimeMap(rate=0.5, offset_s=10.0).reference_time_s(4.0) == 12.0


def fingerprints(**changed: Any) -> FingerprintSet:
    values: dict[str, Any] = {
        "algorithm": "phash",
        "version": 1,
        "bits": 64,
        "times_s": np.array([0.0, 0.5, 1.0]),
        "codes": np.zeros((3, 8), np.uint8),
        "quality": np.ones(3, np.float32),
    }
    return FingerprintSet(**{**values, **changed})


@pytest.mark.parametrize("name", ["times_s", "codes", "quality"])
def test_fingerprints_are_read_only(name: str):
    array = getattr(fingerprints(), name)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    with pytest.raises(FrozenInstanceError):
        setattr(fingerprints(), name, None)


@pytest.mark.parametrize(
    "changed",
    [
        {"codes": np.zeros((2, 8), np.uint8)},
        {"codes": np.zeros((3, 9), np.uint8)},
        {"codes": np.zeros(24, np.uint8)},
        {"bits": 256},
        {"quality": np.ones(2, np.float32)},
        {"quality": np.ones((3, 1), np.float32)},
        {"times_s": np.array([0.0])},
    ],
)
def test_fingerprints_of_unequal_length_are_refused(changed: dict[str, Any]):
    with pytest.raises(ValueError, match="phash: "):
        fingerprints(**changed)


def test_fingerprints_may_be_empty():
    empty = fingerprints(times_s=np.empty(0), codes=np.empty((0, 8), np.uint8), quality=np.empty(0, np.float32))
    assert len(empty.times_s) == 0


def acquisition(*roles: FileRole) -> Acquisition:
    files = tuple(AcquiredFile(path=Path(f"{number}-{role}"), role=role) for number, role in enumerate(roles))
    return Acquisition(
        source="clip.mp4", is_local_file=True, started_utc="", finished_utc="", tool_versions={}, files=files
    )


def test_working_copy_is_analysed_before_the_master():
    both = acquisition(FileRole.METADATA, FileRole.MASTER, FileRole.STREAM, FileRole.WORKING_COPY)
    assert both.media.role is FileRole.WORKING_COPY
    assert acquisition(FileRole.LOG, FileRole.MASTER).media.role is FileRole.MASTER
    with pytest.raises(ValueError, match="without a media file"):
        _ = acquisition(FileRole.METADATA).media


def test_reference_needs_no_more_than_an_id():
    assert Reference(id="a").kind is ReferenceKind.OTHER
    assert not Reference(id="a").retracted


def test_silent_progress_takes_everything():
    progress = SilentProgress()
    assert [progress.start("a", None, "s"), progress.advance(1.0), progress.finish()] == [None, None, None]


def test_errors_name_object_problem_and_remedy():
    error = errors.UnreadableMediaError(Path("clip.mp4"), "it is empty (0 bytes)", "Give another file.")
    assert str(error) == "clip.mp4: it is empty (0 bytes). Give another file."
    assert str(VerifyError("x", "broken")) == "x: broken."
    assert (error.subject, error.problem, error.remedy) == ("clip.mp4", "it is empty (0 bytes)", "Give another file.")


def test_exit_codes_are_the_contract():
    codes = {error.__name__: error.exit_code for error in VerifyError.__subclasses__()}
    assert codes == {
        "InvalidUsageError": 2,
        "AcquisitionFailedError": 10, "AcquisitionRefusedError": 11,
        "EvidenceMismatchError": 20, "EvidenceExistsError": 21, "ReplayDiffersError": 22,
        "UnreadableMediaError": 30, "NoUsableFramesError": 31,
        "ArchiveDamagedError": 40, "FingerprintVersionError": 41, "ArchiveLockedError": 42, "NewerFormatError": 43,
        "PackRefusedError": 44,
        "ToolMissingError": 50, "OutputNotWritableError": 51,
    }  # fmt: skip
    assert (errors.EXIT_DONE, errors.EXIT_BUG, errors.EXIT_USAGE, errors.EXIT_FAIL_ON) == (0, 1, 2, 60)
    assert (errors.EXIT_WARNINGS, errors.EXIT_INTERRUPTED) == (100, 130)
