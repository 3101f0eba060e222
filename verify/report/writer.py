"""Put a finished report in its folder: whole, or not at all."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from verify.errors import OutputNotWritableError
from verify.report.html_report import render_html
from verify.report.json_report import encode_report
from verify.report.matches_csv import write_matches_csv

if TYPE_CHECKING:
    from pathlib import Path

    from verify.model import Report

FORMATS = frozenset({"json", "html"})
# In this order they appear: who sees report.json sees the whole report.
REPORT_PARTS = ("frames", "matches.csv", "report.html", "report.json")


def write_report(report: Report, working: Path, destination: Path, formats: frozenset[str]) -> tuple[Path, ...]:
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
        _write_parts(report, working, formats)
        return _move_parts(working, destination)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputNotWritableError(
            destination, f"the report cannot be written ({reason})", "Check the folder and the free space."
        ) from error


def _write_parts(report: Report, working: Path, formats: frozenset[str]) -> None:
    """Write every part but the pictures, which are there, into the working folder."""
    query_id = report.release.query_id or report.report_id
    write_matches_csv(((query_id, entry.match) for entry in report.matches), working / "matches.csv")
    if "html" in formats:
        (working / "report.html").write_text(render_html(report, working), encoding="utf-8", newline="\n")
    (working / "report.json").write_bytes(encode_report(report))


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
