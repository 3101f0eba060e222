"""`verify doctor`: what works on this machine, and the command that mends what does not."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import shutil
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from verify.commands.options import archive_folder, archive_option
from verify.errors import EXIT_DONE, EXIT_WARNINGS, ToolMissingError, VerifyError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Oldest yt-dlp that is free of the known holes (CVE-2026-55404 and earlier).
YT_DLP_FLOOR = (2026, 7, 4)
_YT_DLP_OLD_DAYS = 90
_LOW_DISK_BYTES = 10 * 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at. `state` is ok, warning or missing; `mend` is the command that mends it."""

    name: str
    state: str
    told: str
    mend: str = ""


@click.command()
@archive_option
@click.option("--json", "as_json", is_flag=True, help="Write the checks as JSON to standard output.")
def doctor(archive: Path | None, as_json: bool) -> int:
    """Say what works on this machine and what to install.

    Ends with exit code 50 if something needed is missing, 100 if something is worth mending.
    """
    checks = list(_checks(archive))
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        for check in checks:
            click.echo(f"{check.state:8} {check.name:20} {check.told}")
            if check.mend:
                click.echo(f"{'':29} mend: {check.mend}")
    missing = [check for check in checks if check.state == "missing"]
    if missing:
        raise ToolMissingError(
            ", ".join(check.name for check in missing), "missing or not usable", "See the lines above."
        )
    return EXIT_WARNINGS if any(check.state == "warning" for check in checks) else EXIT_DONE


def _checks(archive: Path | None) -> Iterator[Check]:
    yield _ffmpeg()
    yield _javascript_runtime()
    yield _yt_dlp()
    yield _opencv()
    yield _faiss()
    yield _learned_descriptor()
    yield _text_reader()
    yield _signing_key()
    yield _disk(Path.cwd())
    yield _archive(archive)


def _ffmpeg() -> Check:
    from verify.tools import find_ffmpeg  # noqa: PLC0415 - starts a program

    try:
        found = find_ffmpeg()
    except ToolMissingError as error:
        return Check(
            name="ffmpeg",
            state="missing",
            told=error.problem,
            mend="pip install imageio-ffmpeg (Debian also: apt-get install ffmpeg)",
        )
    version = found.version.removeprefix("ffmpeg version ").partition(" ")[0]
    return Check(name="ffmpeg", state="ok", told=f"{version} ({found.origin})")


def _javascript_runtime() -> Check:
    from verify.tools import find_javascript_runtime  # noqa: PLC0415 - starts a program

    found = find_javascript_runtime()
    if found is None:
        return Check(
            name="JavaScript runtime",
            state="warning",
            told="none found; YouTube needs one, other sites do not",
            mend="install Deno (https://deno.com) or Node.js 22 or newer",
        )
    return Check(name="JavaScript runtime", state="ok", told=f"{found.name} {found.version}")


def _yt_dlp() -> Check:
    mend = "pip install --upgrade 'yt-dlp[default]'"
    try:
        version = importlib.metadata.version("yt-dlp")
        released = date(*(int(part) for part in version.split(".")[:3]))
    except importlib.metadata.PackageNotFoundError:
        return Check(name="yt-dlp", state="missing", told="not installed", mend=mend)
    except (TypeError, ValueError):
        return Check(name="yt-dlp", state="warning", told=f"version {version} has no date in it", mend=mend)
    if released < date(*YT_DLP_FLOOR):
        told = f"{version} has known security holes; the floor is {'.'.join(map(str, YT_DLP_FLOOR))}"
        return Check(name="yt-dlp", state="missing", told=told, mend=mend)
    age = (datetime.now(UTC).date() - released).days
    if age > _YT_DLP_OLD_DAYS:
        return Check(name="yt-dlp", state="warning", told=f"{version}, {age} days old; sites change faster", mend=mend)
    return Check(name="yt-dlp", state="ok", told=f"{version}, {age} days old")


def _opencv() -> Check:
    installed = {
        str(distribution.metadata["Name"]).lower(): distribution.version
        for distribution in importlib.metadata.distributions()
        if str(distribution.metadata["Name"]).lower().startswith("opencv-")
    }
    if len(installed) > 1:
        told = f"{' and '.join(sorted(installed))} are both installed and overwrite each other"
        mend = f"pip uninstall -y {' '.join(sorted(installed))}; pip install opencv-python-headless"
        return Check(name="OpenCV", state="missing", told=told, mend=mend)
    if not installed:
        return Check(name="OpenCV", state="missing", told="not installed", mend="pip install opencv-python-headless")
    return Check(name="OpenCV", state="ok", told=" ".join(next(iter(installed.items()))))


def _faiss() -> Check:
    if importlib.util.find_spec("faiss") is None:
        told = "not installed; searching works without it, more slowly"
        return Check(name="FAISS", state="warning", told=told, mend="pip install faiss-cpu")
    try:
        told = importlib.metadata.version("faiss-cpu")
    except importlib.metadata.PackageNotFoundError:  # a build of its own, or the one for graphics cards
        told = "installed, not from faiss-cpu"
    return Check(name="FAISS", state="ok", told=told)


def _learned_descriptor() -> Check:
    from verify.fingerprint.learned import OWN_MODEL, Descriptor  # noqa: PLC0415 - slow to import

    try:
        own = Descriptor(OWN_MODEL)
    except VerifyError as error:
        return Check(name="learned descriptor", state="missing", told=error.problem, mend=error.remedy)
    try:
        runtime = f"onnxruntime {importlib.metadata.version('onnxruntime')}"
    except importlib.metadata.PackageNotFoundError:  # a build for graphics cards has another name
        runtime = "onnxruntime, not from the package of that name"
    return Check(name="learned descriptor", state="ok", told=f"{own.name}, run by {runtime}")


def _text_reader() -> Check:
    from verify.media.text_reading import find_text_reader  # noqa: PLC0415 - slow to import

    try:
        found = find_text_reader()
    except ToolMissingError as error:
        # Nothing is wrong without it: who wants it is told how to get it.
        return Check(name="text reader", state="ok", told=f"none, so no --ocr: {error.problem}. {error.remedy}")
    return Check(name="text reader", state="ok", told=f"{found}, for --ocr")


def _signing_key() -> Check:
    from verify.evidence.keys import default_key_path, key_is_encrypted  # noqa: PLC0415 - slow to import

    path = default_key_path()
    if not os.path.lexists(path) and not os.environ.get("VERIFY_KEY"):
        return Check(name="signing key", state="ok", told="none, so cases are not signed; make one: verify key new")
    try:
        protected = key_is_encrypted(path)
    except VerifyError as error:
        return Check(name="signing key", state="missing", told=f"{path}: {error.problem}", mend=error.remedy)
    return Check(name="signing key", state="ok", told=f"{path} ({'with' if protected else 'without'} a password)")


def _disk(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    told = f"{free / 1024**3:.0f} GiB free here"
    if free < _LOW_DISK_BYTES:
        return Check(name="disk", state="warning", told=told, mend="free some space, or use --out on another disk")
    return Check(name="disk", state="ok", told=told)


def _archive(given: Path | None) -> Check:
    from verify.archive.store import Archive  # noqa: PLC0415

    folder = archive_folder(given)
    make = f"verify archive add VIDEO... --archive {folder}"
    if not os.path.lexists(folder):
        return Check(name="reference archive", state="warning", told=f"none yet at {folder}", mend=make)
    try:
        with Archive.open(folder) as opened:
            snapshot = opened.snapshot()
    except VerifyError as error:
        return Check(name="reference archive", state="missing", told=str(error), mend=error.remedy)
    if snapshot.reference_count == 0:
        return Check(name="reference archive", state="warning", told=f"{folder} is empty", mend=make)
    return Check(name="reference archive", state="ok", told=f"{snapshot.reference_count} references at {folder}")
