"""The page about packs agrees with the code: its reader is run, its tables name every member."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.unit.pack_samples import KEY, archive_at, exported, fingerprints_of
from tests.unit.test_docs import DOCS, first_cells, run_reader, section, text_of
from verify.archive.packs.layout import (
    BODY_AT,
    FORMAT_VERSION,
    FORMS,
    MAGIC,
    MAX_RECORDS,
    MAX_REFERENCES,
    Head,
    ReferenceRecord,
    SightingRecord,
)
from verify.archive.packs.vpdq import MAX_LINES
from verify.evidence.keys import verify_signature
from verify.model import TrustGrade

if TYPE_CHECKING:
    from pathlib import Path

PAGE = DOCS / "internals" / "pack-format.md"


def test_a_reader_written_from_the_page_works(tmp_path: Path) -> None:
    path = exported(archive_at(tmp_path / "archive", ["one"]), tmp_path / "a.pack")
    assert run_reader(PAGE, path, tmp_path).splitlines() == [
        "one Clip 1 2011-03-04",
        f"16 frames, the first {fingerprints_of(1)['pdq'].codes[0].tobytes().hex()}",
    ]
    head, signature = tmp_path / "head.json", tmp_path / "head.json.minisig"
    assert verify_signature(KEY.public, head.read_bytes(), signature.read_text(encoding="ascii"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(subprocess.CalledProcessError):
        run_reader(PAGE, path, tmp_path)


def test_the_page_names_every_member_and_bound() -> None:
    text = text_of(PAGE)
    named = set(re.findall(r"`(\w+)`", text))
    assert set(Head.__struct_fields__) <= named
    for kind in (*FORMS, ReferenceRecord, SightingRecord):
        assert set(kind.__struct_fields__) <= named, kind
    for form in FORMS.values():
        assert {name for name in form.blobs if name not in ("file", "jpeg")} <= named
    for kind in (*FORMS, ReferenceRecord):
        assert f"| `{kind.__struct_config__.tag}` |" in text
    assert MAGIC.decode() in text
    assert f"| `format_version` | {FORMAT_VERSION}." in text
    for number in (BODY_AT, MAX_REFERENCES, MAX_RECORDS, MAX_LINES):
        assert f"{number:,}" in text


def test_the_archive_page_names_the_grades() -> None:
    cells = first_cells(section(text_of(DOCS / "archive.md"), "## Sharing with partners: packs"))
    named = [cell.strip("`") for cell in cells]
    assert [name for name in named if name in set(TrustGrade)] == list(TrustGrade)
