"""The documentation agrees with the code: commands, options, exit codes, columns, formats, dependencies, links."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import json
import os
import re
import sqlite3
import struct
import subprocess
import sys
import tomllib
import zipfile
import zlib
from contextlib import closing
from typing import TYPE_CHECKING

import click
import numpy as np
import pytest

from fixtures.footage import CHECKOUT
from tests.unit.archive_samples import features_of
from tests.unit.examination_samples import descriptor, examination_of, proxy_file
from verify import errors
from verify.__main__ import COMMANDS, verify
from verify.archive import index, local_index
from verify.archive.catalogue import APPLICATION_ID, FORMAT_VERSION
from verify.archive.changes import see_again
from verify.archive.local_index import CACHE_NAME
from verify.archive.manifest import COLUMNS as MANIFEST_COLUMNS
from verify.archive.store import Archive
from verify.evidence.preserve import preserve
from verify.findings.claims import load_claims
from verify.fingerprint.registry import CUES
from verify.fingerprint.stored_examination import FORMAT_VERSION as EXAMINATION_VERSION
from verify.fingerprint.stored_examination import write_examination
from verify.model import (
    AcquiredFile,
    Acquisition,
    CoverageState,
    CustodyEvent,
    EvidenceFile,
    EvidenceManifest,
    FileRole,
    FingerprintSet,
    Reference,
    ReferenceKind,
    Report,
    Sighting,
    SightingSource,
)
from verify.report.matches_csv import COLUMNS as MATCH_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCS = CHECKOUT / "docs"
PAGES = sorted(
    [*CHECKOUT.glob("*.md"), *DOCS.rglob("*.md"), CHECKOUT / "reports" / "README.md"], key=lambda path: path.as_posix()
)
PAGE_NAMES = [path.relative_to(CHECKOUT).as_posix() for path in PAGES]
USAGE = DOCS / "usage.md"
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HELP_OPTIONS = {"-h", "--help", "--version"}


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def prose(text: str) -> str:
    """A page without its fenced blocks."""
    return FENCED.sub("", text)


def blocks(path: Path, language: str) -> list[str]:
    return [body for named, body in FENCED.findall(text_of(path)) if named == language]


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    level = heading.partition(" ")[0]
    found = re.search(rf"^{re.escape(heading)}$\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no heading {heading!r}"
    return found[1]


def first_cells(table: str) -> list[str]:
    """Texts of the first column of all tables in a text, without their heads."""
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("|")]
    heads = {index - 1 for index, cell in enumerate(rows) if set(cell) <= set("-") and cell}
    return [cell for index, cell in enumerate(rows) if index not in heads and not (cell and set(cell) <= set("-"))]


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command with its full name, 'archive add' and the like."""
    context = click.Context(verify)
    for name in COMMANDS:
        command = verify.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {child}", command.commands[child]) for child in command.commands)


def options(command: click.Command) -> set[str]:
    known = [option for option in command.params if isinstance(option, click.Option)]
    return {name for option in known for name in (*option.opts, *option.secondary_opts)}


# --- links ----------------------------------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose(text_of(path)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_links_between_pages_resolve(name: str) -> None:
    page = CHECKOUT / name
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(text_of(page))):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{name} links to {target}"
        assert linked.is_relative_to(CHECKOUT.resolve()), f"{name} links out of the checkout: {target}"
        if anchor:
            assert anchor in anchors(linked), f"{name} links to {target}"


def test_pages_that_the_code_names_are_there() -> None:
    for source in (*(CHECKOUT / "verify").rglob("*.py"), CHECKOUT / "scripts" / "live-check"):
        for named in re.findall(r"docs/[\w/.-]*\w", text_of(source)):
            found = list(CHECKOUT.glob(f"{named}*"))
            assert found, f"{source.name} names {named}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached = {CHECKOUT / "README.md"}
    waiting = list(reached)
    while waiting:
        page = waiting.pop()
        for target in re.findall(r"\]\(([^)#\s]+)", prose(text_of(page))):
            linked = (page.parent / target).resolve()
            inside = sorted(linked.glob("*.md")) if linked.is_dir() else [linked]
            for path in inside:
                if path.suffix == ".md" and path.exists() and path not in reached:
                    reached.add(path)
                    waiting.append(path)
    missing = {path.resolve() for path in PAGES} - reached - {(CHECKOUT / "reports" / "README.md").resolve()}
    assert not missing


# --- commands -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=[name for name, _ in commands()])
def test_every_command_and_option_is_described(name: str, command: click.Command) -> None:
    usage = text_of(USAGE)
    own = section(usage, f"## verify {name.partition(' ')[0]}")
    shared = first_cells(section(usage, "## Options that several commands share"))
    if not isinstance(command, click.Group):
        assert f"verify {name} " in own
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", own)) | {cell.strip("`").split()[0] for cell in shared}
    assert options(command) <= named, f"options of {name} that docs/usage.md does not name"


def test_no_option_is_described_that_is_none() -> None:
    known = {option for _, command in commands() for option in options(command)} | HELP_OPTIONS
    for page in (USAGE, CHECKOUT / "README.md", DOCS / "archive.md", DOCS / "reading-a-report.md"):
        text = re.sub(r"^.*\b(?:apt-get|pip|make|live-check)\b.*$", "", text_of(page), flags=re.MULTILINE)
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", text)) <= known, page.name


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_command_lines_in_the_pages_are_commands_with_such_options(name: str) -> None:
    known = dict(commands())
    joined = re.sub(r"\\\n\s*", " ", text_of(CHECKOUT / name))
    for line in re.findall(r"^    +verify ([a-z].*)$", joined, re.MULTILINE):
        words = re.sub(r"[\[\]|]", " ", line.partition("#")[0]).split()
        assert words[0] in known, line
        longer = f"{words[0]} {words[1]}" if len(words) > 1 else ""
        command = known.get(longer, known[words[0]])
        assert {word for word in words if word.startswith("--")} <= options(command) | HELP_OPTIONS, line


def test_the_table_of_commands_says_what_the_commands_say() -> None:
    for name, command in commands():
        if name in COMMANDS:
            assert (command.help or "").partition("\n")[0] == COMMANDS[name][1]


def test_every_exit_code_is_described() -> None:
    classes = [errors.VerifyError]
    for parent in classes:
        classes += parent.__subclasses__()
    constants = [value for name, value in vars(errors).items() if name.startswith("EXIT_")]
    known = {each.exit_code for each in classes} | set(constants)
    described = [int(cell) for cell in first_cells(section(text_of(USAGE), "## Exit codes"))]
    assert described == sorted(known)


def test_environment_variables_are_described() -> None:
    sources = "".join(text_of(path) for path in (CHECKOUT / "verify").rglob("*.py"))
    # Read by name, named in a constant, or by click.
    read = set(re.findall(r"""(?:environ(?:\.get\(|\[)|[A-Z] = |envvar=)"(VERIFY_\w+)""", sources))
    table = {cell.strip("`") for cell in first_cells(section(text_of(USAGE), "## Environment"))}
    assert table == read
    assert read


def test_columns_of_matches_csv_are_described() -> None:
    cells = first_cells(section(text_of(USAGE), "## Files"))
    described = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert tuple(name for name in described if name in MATCH_COLUMNS) == MATCH_COLUMNS
    assert set(described) <= {*MATCH_COLUMNS}


def test_claims_example_can_be_loaded(tmp_path: Path) -> None:
    (example,) = blocks(USAGE, "yaml")
    path = tmp_path / "claims.yaml"
    path.write_text(example, encoding="utf-8")
    claims = load_claims(path)
    assert [claim.date for claim in claims] == ["2025-10-11", "2025-10"]
    assert all(claim.statement for claim in claims)


def test_the_archive_format_page_describes_the_other_cache_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read the hashes by what the page says alone."""
    text = section(
        text_of(DOCS / "internals" / "archive-format.md"),
        "## The files `hashes.cache`, `motion.cache` and `vectors.cache`",
    )
    for words in ("VRFYHSH1", "VRFYMOT1", "VRFYVEC1", "key of 32 bytes", "A uint64", "P uint32", "4096", "1048576"):
        assert words in text
    monkeypatch.setattr(index, "LARGE_FRAMES", 1)
    small_archive(tmp_path / "archive")
    with Archive.open(tmp_path / "archive") as archive:
        hashes = index.ReferenceIndex.load(archive, 0.5)
        stored = hashes.fingerprints[hashes.reference_ids[0]]
    content = (tmp_path / "archive" / "hashes.cache").read_bytes()
    count, parts = struct.unpack_from("<II", content, 40)
    rows = np.frombuffer(content, "<u8", count, 48).tolist()
    digest_at = 48 + 8 * count + 4 * parts
    (checksum,) = np.frombuffer(content, "<u4", parts, 48 + 8 * count)
    at = -(-(digest_at + 32) // 4096) * 4096
    assert (content[:8], count) == (b"VRFYHSH1", 10)
    assert content[digest_at : digest_at + 32] == hashlib.sha256(content[:digest_at]).digest()
    assert zlib.crc32(content[at:]) == checksum
    arrays = []
    for size, kind in zip(rows, ("<i8", "<f8", *("u1", "<u4", "u1", "u1") * 2), strict=True):
        width = {2: 32, 6: 8}.get(len(arrays), 1)
        arrays.append(np.frombuffer(content, kind, size * width, at).reshape(size, width))
        at = -(-(at + arrays[-1].nbytes) // 4096) * 4096
    assert at == len(content)
    starts, times_s = arrays[0].ravel(), arrays[1].ravel()
    usable = stored["pdq"].quality >= 0.5
    assert starts.tolist() == [0, usable.sum()]
    assert times_s.tolist() == stored["pdq"].times_s[usable].tolist()
    for algorithm, first in (("pdq", 2), ("phash", 6)):
        codes, frames, radii, others = arrays[first], *(each.ravel() for each in arrays[first + 1 : first + 4])
        assert (codes == stored[algorithm].codes[usable][frames]).all()
        assert len(radii) + others.sum() == len(codes)


def test_the_archive_format_page_describes_the_sorted_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the file by what the page says alone."""
    text = section(text_of(DOCS / "internals" / "archive-format.md"), f"## The file `{CACHE_NAME}`")
    for words in ("`VRFYKEY2`", "key of 32 bytes", "as uint64", "as uint32", "W + 1 int64", "W uint32", "4096 bytes"):
        assert words in text
    monkeypatch.setattr(local_index, "_CACHED_FROM_KEYPOINTS", 1)
    small_archive(tmp_path / "archive")
    with Archive.open(tmp_path / "archive") as archive:
        local_index.LocalIndex.load(archive)
    content = (tmp_path / "archive" / CACHE_NAME).read_bytes()
    count, words, dimensions = struct.unpack_from("<QII", content, 40)
    starts_at = 56
    checksums_at = starts_at + 8 * (words + 1)
    digest_at = checksums_at + 4 * words
    assert content[:8] == b"VRFYKEY2"
    assert (count, dimensions) == (6, 48)
    assert content[digest_at : digest_at + 32] == hashlib.sha256(content[:digest_at]).digest()
    starts = np.frombuffer(content, "<i8", words + 1, starts_at)
    checksums = np.frombuffer(content, "<u4", words, checksums_at)
    codes_at = -(-(digest_at + 32) // 4096) * 4096
    numbers_at = -(-(codes_at + count * dimensions) // 4096) * 4096
    pictures_at = -(-(numbers_at + 4 * count) // 4096) * 4096
    assert len(content) == -(-(pictures_at + 4 * count) // 4096) * 4096
    for first, last, checksum in zip(starts[:-1], starts[1:], checksums, strict=True):
        of_list = content[codes_at + first * dimensions : codes_at + last * dimensions]
        of_list += content[numbers_at + 4 * first : numbers_at + 4 * last]
        of_list += content[pictures_at + 4 * first : pictures_at + 4 * last]
        assert zlib.crc32(of_list) == checksum
    stored = np.frombuffer(content, np.int8, count * dimensions, codes_at).reshape(count, dimensions)
    assert sorted(stored.tolist()) == sorted(features_of(5, pictures=2, each=3).codes.tolist())


def test_the_archive_page_names_columns_and_kinds() -> None:
    text = text_of(DOCS / "archive.md")
    described = {cell.strip("`") for cell in first_cells(section(text, "## What you say of a reference"))}
    assert described == set(MANIFEST_COLUMNS) - {"source"}
    kinds = re.search(r"^Kinds: (.*?)\. ", text, re.MULTILINE | re.DOTALL)
    assert kinds
    assert re.findall(r"`([\w-]+)`", kinds[1]) == [kind.value for kind in ReferenceKind]
    (example,) = blocks(DOCS / "archive.md", "csv")
    rows = list(csv.DictReader(io.StringIO(example), strict=True))
    assert set(rows[0]) <= set(MANIFEST_COLUMNS)
    assert all(None not in row and None not in row.values() for row in rows)
    assert all(row["kind"] in set(ReferenceKind) for row in rows)


def test_every_state_is_explained() -> None:
    cells = first_cells(section(text_of(DOCS / "reading-a-report.md"), "## States"))
    assert cells == [state.value.replace("_", " ") for state in CoverageState]


# --- make, scripts, dependencies, decisions -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "docs/platforms.md", "docs/dependencies.md"])
def test_make_targets_that_are_named_exist(name: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of(CHECKOUT / "Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:^    |`)make ([a-z]+)", text_of(CHECKOUT / name), re.MULTILINE))
    assert named <= targets
    assert name != "README.md" or {"demo", "test"} <= named


def test_the_live_check_is_a_shell_script_that_explains_itself() -> None:
    script = CHECKOUT / "scripts" / "live-check"
    assert os.access(script, os.X_OK)
    shown = subprocess.run(["sh", str(script), "--help"], capture_output=True, text=True, check=True, timeout=20).stdout
    for option in ("--youtube", "--x", "--telegram", "--page", "--out", "--allow-private"):
        assert option in shown
    refused = subprocess.run(
        ["sh", str(script)], capture_output=True, stdin=subprocess.DEVNULL, check=False, timeout=20
    )
    assert refused.returncode == 2


def test_every_direct_dependency_has_its_line() -> None:
    project = tomllib.loads(text_of(CHECKOUT / "pyproject.toml"))
    groups = project["dependency-groups"]
    text = text_of(DOCS / "dependencies.md")
    declared = {
        "## To run": project["project"]["dependencies"],
        "## To read text (extra `ocr`)": project["project"]["optional-dependencies"]["ocr"],
        "## To build": groups["build"],
        "## To develop": [entry for entry in groups["dev"] if entry not in groups["build"]],
    }
    for heading, requirements in declared.items():
        names = [re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0] for requirement in requirements]
        rows = [line for line in section(text, heading).splitlines() if line.startswith("| `")]
        assert sorted(row.split("`")[1] for row in rows) == sorted(names)
        assert all(cell.strip() for row in rows for cell in row.strip("|").split("|"))


def test_decisions_are_numbered_without_gaps_and_complete() -> None:
    records = sorted((DOCS / "decisions").glob("*.md"))
    assert [record.name[:4] for record in records] == [f"{number:04d}" for number in range(1, len(records) + 1)]
    for record in records:
        text = text_of(record)
        assert text.startswith(f"# {record.name[:4]}: ")
        for heading in ("Context", "Decision", "Reason", "Consequences"):
            assert section(text, f"## {heading}").strip()


# --- on-disk formats: the readers that the pages print are run ------------------------------------------------------


def run_reader(page: Path, folder: Path, tmp_path: Path) -> str:
    (code,) = blocks(page, "python")
    script = tmp_path / "reader.py"
    script.write_text(code, encoding="utf-8")
    # A reader that is short enough to be read closes nothing.
    command = [sys.executable, "-W", "ignore", str(script), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def small_archive(folder: Path) -> tuple[Reference, dict[str, FingerprintSet]]:
    random = np.random.default_rng(7)
    fingerprints = {
        cue.algorithm: FingerprintSet(
            algorithm=cue.algorithm,
            version=cue.version,
            bits=cue.bits,
            times_s=np.array([0.25, 0.5, 0.75]),
            codes=random.integers(0, 256, (3, cue.bits // 8), np.uint8),
            quality=np.ones(3, np.float32),
        )
        for cue in CUES
    }
    reference = Reference(id="clip", title="A clip", sha256="0" * 64, duration_s=1.0, added_utc="2026-01-31T12:00:00Z")
    proxy = folder.with_name("proxy.mkv")
    proxy.write_bytes(b"a proxy")
    with Archive.create_or_open(folder) as archive:
        archive.add(reference, fingerprints, [], features_of(5, pictures=2, each=3), proxy)
    return reference, fingerprints


def test_a_reader_written_from_the_archive_page_works(tmp_path: Path) -> None:
    page = DOCS / "internals" / "archive-format.md"
    _, fingerprints = small_archive(tmp_path / "archive")
    printed = run_reader(page, tmp_path / "archive", tmp_path)
    x, y = features_of(5, pictures=2, each=3).points[0]
    assert printed.splitlines() == [
        f"clip A clip 0.25 s {fingerprints['pdq'].codes[0].tobytes().hex()}",
        f"6 keypoints in 2 key pictures, the first at {x!s} {y!s}",
        "proxy of 7 bytes",
    ]


def test_a_reader_written_from_the_examination_page_works(tmp_path: Path) -> None:
    page = DOCS / "internals" / "examination-format.md"
    path = tmp_path / "examination.npz"
    write_examination(path, examination_of(), proxy_file(tmp_path), descriptor())
    lines = run_reader(page, path, tmp_path).splitlines()
    assert lines[:2] == ["times_s.npy float64 (6,)", "pdq_codes.npy uint8 (2, 6, 32)"]
    assert lines[-5:] == [
        "piece 0.00 s to 0.30 s, JPEG of 12 bytes",
        "  at 0.10 s 4 keypoints",
        "  at 0.33 s 3 keypoints",
        "piece 0.30 s to 0.75 s, JPEG of 10 bytes",
        "  at 0.50 s 0 keypoints",
    ]
    path.write_bytes(path.read_bytes().replace(b"another", b"Another"))
    with pytest.raises(subprocess.CalledProcessError):
        run_reader(page, path, tmp_path)


def test_the_examination_page_names_every_part_and_member(tmp_path: Path) -> None:
    text = text_of(DOCS / "internals" / "examination-format.md")
    assert text.startswith(f"# Format of a stored examination, version {EXAMINATION_VERSION}\n")
    path = tmp_path / "examination.npz"
    write_examination(path, examination_of(), proxy_file(tmp_path), descriptor())
    with zipfile.ZipFile(path) as parts:
        document = json.loads(parts.read("examination.json"))
        named = [cell.strip("`") for cell in first_cells(section(text, "## Parts"))]
        assert named == parts.namelist()
    about = section(text, "## `examination.json`")
    piece = document["pieces"][0]
    members = {*document, *piece, *piece["interval"], *piece["key_pictures"][0], *document["cues"][0]}
    assert members <= set(re.findall(r"`(\w+)`", about))


def test_the_archive_page_names_every_table_column_and_version(tmp_path: Path) -> None:
    text = text_of(DOCS / "internals" / "archive-format.md")
    assert f"`application_id` | {APPLICATION_ID} " in text
    assert f"`user_version` | {FORMAT_VERSION}," in text
    small_archive(tmp_path / "archive")
    with closing(sqlite3.connect(tmp_path / "archive" / "catalogue.sqlite")) as catalogue:
        tables = [name for (name,) in catalogue.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        columns = {table: [row[1] for row in catalogue.execute(f"PRAGMA table_info({table})")] for table in tables}
    for table, names in columns.items():
        heading = next(line for line in text.splitlines() if line.startswith(f"## Table `{table}`"))
        named = re.findall(r"`(\w+)`", section(text, heading))
        assert set(names) <= set(named), table


def test_digests_and_log_are_what_the_archive_page_says(tmp_path: Path) -> None:
    small_archive(tmp_path / "archive")
    with Archive.open(tmp_path / "archive") as archive:
        see_again(archive, "clip", Sighting(date="2020", source=SightingSource.STATEMENT, added_utc="x"))
        snapshot = archive.snapshot().snapshot_id
    parts = {
        "fingerprint": "algorithm, version, frame_count, sha256",
        "local_features": "version, picture_count, keypoint_count, sha256",
        "proxy": "size_bytes, sha256",
        "motion": "version, moment_count, sha256",
        "descriptor": "model_sha256, dimensions, picture_count, sha256",
    }
    with closing(sqlite3.connect(tmp_path / "archive" / "catalogue.sqlite")) as catalogue:
        told = {
            table: [list(row) for row in catalogue.execute(f"SELECT {columns} FROM {table} ORDER BY 1")]  # noqa: S608
            for table, columns in parts.items()
        }
        catalogue.row_factory = sqlite3.Row
        (row,) = map(dict, catalogue.execute("SELECT * FROM reference"))
        sightings = [dict(each) for each in catalogue.execute("SELECT * FROM sighting ORDER BY number")]
        log = [tuple(each) for each in catalogue.execute("SELECT * FROM log ORDER BY number")]
    digest = row.pop("digest")
    for each in sightings:
        del each["reference_id"], each["number"]
    content = json.dumps(
        {"reference": row, "sightings": sightings, "parts": told},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    assert [len(rows) for rows in told.values()] == [2, 1, 1, 0, 0]
    assert len(sightings) == 2
    assert hashlib.sha256(content.encode()).hexdigest() == digest
    assert hashlib.sha256(f"{digest}  clip\n".encode()).hexdigest() == snapshot
    before = ""
    for *line, sha256 in log:
        texts = [str(part).encode() for part in (before, *line)]
        packed = b"".join(len(text).to_bytes(8, "little") + text for text in texts)
        before = hashlib.sha256(packed).hexdigest()
        assert before == sha256
    assert [line[2] for line in log] == ["added", "sighting added"]
    assert log[-1][7] == snapshot


def test_a_reader_written_from_the_case_page_works(tmp_path: Path) -> None:
    page = DOCS / "internals" / "case-format.md"
    staging = tmp_path / "staging"
    staging.mkdir()
    (staging / "media.mp4").write_bytes(b"bytes of a video")
    acquisition = Acquisition(
        source="release.mp4",
        is_local_file=True,
        started_utc="2026-01-31T12:00:00Z",
        finished_utc="2026-01-31T12:00:01Z",
        tool_versions={},
        files=(AcquiredFile(path=staging / "media.mp4", role=FileRole.MASTER),),
    )
    case = tmp_path / "evidence"
    preserve(acquisition, staging, case, case_id="case-1", command=("verify",))
    lines = run_reader(page, case, tmp_path).splitlines()
    assert [line.partition(" ")[2] for line in lines] == [
        "acquisition started",
        "acquisition finished",
        "preserved",
        "preserved",
        "sealed",
        "sealed",
    ]
    log = case / "data" / "custody.jsonl"
    log.chmod(0o644)
    log.write_bytes(log.read_bytes().replace(b"copied from a local file", b"copied from another file"))
    with pytest.raises(subprocess.CalledProcessError):
        run_reader(page, case, tmp_path)


def test_the_case_page_names_roles_and_members() -> None:
    text = text_of(DOCS / "internals" / "case-format.md")
    roles = re.search(r"^Roles: (.*?)\.", text, re.MULTILINE | re.DOTALL)
    assert roles
    assert re.findall(r"`(\w+)`", roles[1]) == [role.value for role in FileRole]
    for heading, described in (
        ("## `data/manifest.json`", (EvidenceManifest, EvidenceFile)),
        ("## `data/custody.jsonl`", (CustodyEvent,)),
        ("## `data/metadata/acquisition.json`", (Acquisition,)),
    ):
        named = set(re.findall(r"`(\w+)`", section(text, heading)))
        assert {field.name for each in described for field in dataclasses.fields(each)} <= named, heading


def test_the_report_page_names_every_member() -> None:
    text = section(text_of(DOCS / "internals" / "report-format.md"), "## Where to find what")
    named = {name for cell in first_cells(text) for name in re.findall(r"`(\w+)`", cell)}
    identity = {"schema_version", "report_id", "created_utc", "tool_version"}
    assert named | identity == {field.name for field in dataclasses.fields(Report)}
