"""The manifest of the demo's reference archive: what is honestly known of each clip."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from verify.demo.clips import CLIPS
from verify.demo.compose import REFERENCE_IDS
from verify.model import ReferenceKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_COLUMNS = (
    "id", "source", "title", "publisher", "first_seen", "first_seen_basis", "kind", "licence", "event", "notes",
)  # fmt: skip
_KINDS = {
    "bikes": ReferenceKind.OTHER,
    "portrait": ReferenceKind.STOCK,
    "bigbuckbunny": ReferenceKind.FILM,
    "carphone": ReferenceKind.OTHER,
    "city": ReferenceKind.STOCK,
}


def write_manifest(path: Path, clips: Mapping[str, Path]) -> None:
    """Write the manifest for `archive add`: one row per reference, dated by the package that ships the clip.

    Parameters
    ----------
    path
        CSV file to write.
    clips
        Paths of the clips by id, as `fetch_clips` returns them.
    """
    by_id = {clip.id: clip for clip in CLIPS}
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, _COLUMNS)
        table.writeheader()
        for reference_id in REFERENCE_IDS:
            clip = by_id[reference_id]
            wheel = clip.wheel
            table.writerow(
                {
                    "id": clip.id,
                    "source": clips[clip.id].resolve(),
                    "title": clip.description,
                    "publisher": f"the {wheel.project} project",
                    "first_seen": wheel.packaged,
                    "first_seen_basis": "file date inside the package",
                    "kind": _KINDS[clip.id].value,
                    "licence": f"{wheel.licence} (as the package declares)",
                    "event": "",
                    "notes": f"{clip.member} in {wheel.file_name}, SHA-256 {wheel.sha256}",
                }
            )
