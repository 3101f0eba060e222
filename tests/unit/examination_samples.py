"""An examination of a made-up release, with something in every member, in a blink."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from verify.fingerprint.examine import Examination
from verify.fingerprint.key_pictures import KeyPicture, QueryPiece
from verify.fingerprint.local import Keypoints
from verify.fingerprint.registry import CUES
from verify.model import DecodeOutcome, FingerprintSet, FrameClass, Interval, MediaInfo, Shot, Transform

if TYPE_CHECKING:
    from pathlib import Path

    from verify.fingerprint.learned import Descriptor

MODEL_SHA256 = hashlib.sha256(b"a model").hexdigest()
VIEWS = (Transform(), Transform(mirrored=True))
FRAMES, DIMENSIONS = 6, 5


def descriptor() -> Descriptor:
    """What is stated of a descriptor, without one."""
    stated: Any = SimpleNamespace(sha256=MODEL_SHA256, dimensions=DIMENSIONS)
    return stated


def examination_of(seed: int = 1, *, described: bool = True) -> Examination:
    """Two pieces: one with two key pictures, and one with a single picture without keypoints."""
    random = np.random.default_rng(seed)
    fingerprints = {
        view: {
            cue.algorithm: FingerprintSet(
                algorithm=cue.algorithm,
                version=cue.version,
                bits=cue.bits,
                times_s=np.arange(FRAMES) / 8,
                codes=random.integers(0, 256, (FRAMES, cue.bits // 8), np.uint8),
                quality=random.random(FRAMES, np.float32),
            )
            for cue in CUES
        }
        for view in VIEWS
    }

    def picture(time_s: float, keypoints: int, vectors: int) -> KeyPicture:
        found = Keypoints(
            points=random.uniform(0, 288, (keypoints, 2)).astype(np.float32),
            descriptors=random.integers(0, 256, (keypoints, 128), np.uint8),
        )
        own = random.standard_normal((vectors, DIMENSIONS)).astype(np.float16)
        return KeyPicture(time_s=time_s, keypoints=found, vectors=own if described else None)

    pieces = (
        QueryPiece(
            interval=Interval(start_s=0.0, end_s=0.1 + 0.2),
            key_pictures=(picture(0.1, 4, 2), picture(1 / 3, 3, 4)),
            free=np.where(random.random((9, 16)) < 0.5, 255, 0).astype(np.uint8),
            width_px=512,
            height_px=288,
            picture=b"\xff\xd8 a picture" if described else b"",
        ),
        QueryPiece(
            interval=Interval(start_s=0.1 + 0.2, end_s=0.75),
            key_pictures=(picture(0.5, 0, 2),),
            free=np.full((4, 7), 255, np.uint8),
            width_px=288,
            height_px=512,
            picture=b"\xff\xd8 another" if described else b"",
        ),
    )
    return Examination(
        info=MediaInfo(
            container="mov", duration_s=0.75, video_codec="h264", width_px=640, height_px=360, frames_per_second=25.0
        ),
        outcome=DecodeOutcome(
            decoded=Interval(start_s=0.0, end_s=0.75),
            frame_count=18,
            cut_times_s=(0.1 + 0.2,),
            held=(Interval(start_s=0.0, end_s=0.2),),
        ),
        shots=(
            Shot(interval=Interval(start_s=0.0, end_s=0.1 + 0.2), frame_class=FrameClass.TEXTURED),
            Shot(interval=Interval(start_s=0.1 + 0.2, end_s=0.75), frame_class=FrameClass.DARK, reason="night"),
        ),
        fingerprints=fingerprints,
        pieces=pieces,
    )


def proxy_file(folder: Path, content: bytes = b"small grey pictures") -> Path:
    """A file as a proxy is handed over."""
    path = folder / "query-proxy.mkv"
    path.write_bytes(content)
    return path
