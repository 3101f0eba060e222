"""Put a finished report in its folder: whole, or not at all."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from verify.errors import OutputNotWritableError
from verify.evidence.reading import digest_of
from verify.model import ReportFile
from verify.report.forms import FORMATS, FORMS, render_form
from verify.report.json_report import encode_report
from verify.report.matches_csv import write_matches_csv
from verify.report.options import RenderOptions
from verify.report.pictures import FRAMES_FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from verify.model import Report

EXAMINATION_NAME = "fingerprints.zip"
# In this order they appear: who sees report.json sees the whole report.
REPORT_PARTS = (
    FRAMES_FOLDER, EXAMINATION_NAME, "matches.csv", *(form.file_name for form in FORMS.values()), "report.json",
)  # fmt: skip


def write_report(
    report: Report,
    working: Path,
    destination: Path,
    formats: frozenset[str],
    options: RenderOptions = RenderOptions(),  # noqa: B008 - frozen
    *,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[Path, ...]:
    """Write a report and move it to its place, report.json last.

    Parameters
    ----------
    report
        The report; the paths of its pictures are relative to `working`.
    working
        Temporary folder on the file system of `destination`; holds frames/ and is emptied of it.
    destination
        Report folder, made if it is not there; it may already hold evidence/.
    formats
        Forms to write beside report.json and matches.csv, out of `FORMATS`.
    options
        How they are to look.
    tell
        Takes what the user should know of a form: characters that no font has, for example.

    Returns
    -------
    tuple of Path
        What now lies in `destination`, in order of appearance.

    Raises
    ------
    OutputNotWritableError
        A file cannot be written or moved, or `destination` already holds a report. Nothing of this report is left
        in `destination` then.
    ValueError
        A format is not one of `FORMATS`.
    """
    if unknown := formats - FORMATS:
        raise ValueError(f"not a report format: {', '.join(sorted(unknown))}")
    try:
        notes = _write_parts(report, working, formats, options)
        moved = _move_parts(working, destination)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputNotWritableError(
            destination, f"the report cannot be written ({reason})", "Check the folder and the free space."
        ) from error
    for note in notes:
        tell(note)
    return moved


def report_files(working: Path) -> tuple[ReportFile, ...]:
    """List the files that a report is made with, by path: its pictures and the stored examination, with digests."""
    found = [path for path in (working / FRAMES_FOLDER).glob("*") if path.is_file()]
    found += [path for path in (working / EXAMINATION_NAME,) if path.is_file()]
    files = []
    for path in found:
        sha256, size_bytes = digest_of(path)
        files.append(ReportFile(path=path.relative_to(working).as_posix(), sha256=sha256, size_bytes=size_bytes))
    return tuple(sorted(files, key=lambda file: file.path))


def _write_parts(report: Report, working: Path, formats: frozenset[str], options: RenderOptions) -> list[str]:
    """Write every part but the pictures and the examination, which are there, into the working folder.

    Returns what the user should know, each once.
    """
    query_id = report.release.query_id or report.report_id
    write_matches_csv(((query_id, entry.match) for entry in report.matches), working / "matches.csv")
    notes: list[str] = []
    for form in (form for name, form in FORMS.items() if name in formats):
        notes += render_form(form, report, working, options, working / form.file_name)
    (working / "report.json").write_bytes(encode_report(report))
    return list(dict.fromkeys(notes))


def _move_parts(working: Path, destination: Path) -> tuple[Path, ...]:
    """Move the parts one by one; take back what was moved if one of them fails or the run is interrupted."""
    is_new = not destination.exists()
    destination.mkdir(parents=True, exist_ok=True)
    moved: list[Path] = []
    try:
        for name in REPORT_PARTS:
            if (destination / name).exists():
                raise OutputNotWritableError(
                    destination / name, "is there already", "Choose another folder; a report is never overwritten."
                )
        for name in REPORT_PARTS:
            if (working / name).exists():
                moved.append(destination / name)
                os.replace(working / name, destination / name)  # noqa: PTH105 - names the call that is atomic
    except BaseException:
        for path in reversed(moved):
            _remove(path)
        if is_new:
            _remove_if_empty(destination)
        raise
    return tuple(moved)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _remove_if_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()
