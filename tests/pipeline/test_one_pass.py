"""One pass over a release gives what two would: the release's examination and what an archive keeps of a reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from verify.fingerprint.examine import Examination, ReferenceSide, examine_query, examine_reference
from verify.fingerprint.fingerprinter import REFERENCE_VIEWS
from verify.fingerprint.learned import OWN_MODEL, Descriptor
from verify.fingerprint.stored_examination import write_examination
from verify.model import SampledFrame, SilentProgress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

QUIET = SilentProgress()


def plain(value: Any) -> Any:
    """Arrays as bytes, so that all of a value can be compared."""
    if isinstance(value, np.ndarray):
        return (str(value.dtype), value.shape, value.tobytes())
    raise TypeError(value)


def told(value: Any) -> bytes:
    return msgspec.msgpack.encode(value, enc_hook=plain)


def parts(examination: Examination) -> dict[str, bytes]:
    views = {repr(view): dict(own) for view, own in examination.fingerprints.items()}
    named = {
        name: getattr(examination, name) for name in ("info", "outcome", "shots", "local", "motion", "descriptors")
    }
    return {name: told(value) for name, value in {**named, "fingerprints": views}.items()}


def seen(frames: list[SampledFrame]) -> list[tuple[int, float, bool, bytes]]:
    return [(frame.pts, frame.time_s, frame.starts_shot, frame.pixels_bgr.tobytes()) for frame in frames]


def compared(path: Path, folder: Path, learned: Descriptor | None = None) -> None:
    """Examine a file in one pass and in two, and compare everything."""
    alone: list[SampledFrame] = []
    beside: list[SampledFrame] = []
    release = examine_query(path, QUIET, "", folder / "query.mkv", learned)
    reference, fingerprints = examine_reference(
        path, QUIET, "", alone.append, folder / "reference.mkv", learned=learned
    )
    side = ReferenceSide(folder / "side.mkv", beside.append, learned)
    both = examine_query(path, QUIET, "", folder / "both.mkv", learned, reference_side=side)
    found, kept = side.finish(both)
    assert seen(beside) == seen(alone)
    assert parts(found) == parts(reference)
    assert told(dict(kept)) == told(dict(fingerprints)) == told(dict(found.fingerprints[REFERENCE_VIEWS[0]]))
    assert (folder / "side.mkv").read_bytes() == (folder / "reference.mkv").read_bytes()
    # The stored form has every array of the release, and its proxy.
    for name, examination in (("query", release), ("both", both)):
        write_examination(folder / f"{name}.npz", examination, folder / f"{name}.mkv", learned)
    assert (folder / "both.npz").read_bytes() == (folder / "query.npz").read_bytes()


NAMES = ["scene", "hard-cuts", "variable-frame-rate", "rotated", "damaged", "frozen", "jump", "truncated"]


@pytest.mark.parametrize("name", NAMES)
def test_rendered_footage(name: str, footage: Mapping[str, Path], tmp_path: Path):
    compared(footage[name], tmp_path)


def test_with_a_descriptor(footage: Mapping[str, Path], tmp_path: Path):
    compared(footage["hard-cuts"], tmp_path, Descriptor(OWN_MODEL))


@pytest.mark.parametrize("name", ["bikes", "portrait"])
def test_real_clips(name: str, clips: Mapping[str, Path], tmp_path: Path):
    compared(clips[name], tmp_path)


def test_without_a_proxy(footage: Mapping[str, Path], tmp_path: Path):
    side = ReferenceSide()
    both = examine_query(footage["scene"], QUIET, "", reference_side=side)
    found, _ = side.finish(both)
    reference, _ = examine_reference(footage["scene"], QUIET, "")
    assert parts(found) == parts(reference)
    assert found.motion is None
    assert list(tmp_path.iterdir()) == []
