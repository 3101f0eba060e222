"""Whatever byte of a case is changed, added, removed, renamed or moved, the check finds it and names it."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.case_samples import make_case, rewrite
from verify.evidence.check import check_evidence
from verify.evidence.keys import SigningKey

SEED = 31
DEFAULT_TRIALS, SLOW_TRIALS = 80, 1000

#: Changes something below a folder; returns the paths that the check must name, none if nothing was changed.
Tampering = Callable[[Path, random.Random], list[Path]]


def some_file(root: Path, draw: random.Random, *, lines: bool = False) -> Path:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    if lines:
        files = [path for path in files if path.suffix in (".jsonl", ".txt", ".minisig", ".pub")]
    return draw.choice(files)


def some_folder(root: Path, draw: random.Random) -> Path:
    return draw.choice(sorted(path for path in root.rglob("*") if path.is_dir()))


def edited(edit: Callable[[bytes, random.Random], bytes], *, lines: bool = False) -> Tampering:
    def tamper(root: Path, draw: random.Random) -> list[Path]:
        path = some_file(root, draw, lines=lines)
        before = path.read_bytes()
        after = edit(before, draw)
        if after == before:
            return []
        rewrite(path, after)
        return [path]

    tamper.__name__ = edit.__name__
    return tamper


def flip(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content)
    changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def truncate(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content))]


def truncate_a_little(content: bytes, draw: random.Random) -> bytes:
    return content[:-1]


def append(content: bytes, draw: random.Random) -> bytes:
    return content + draw.choice([b"\n", b" ", b"\0", b"\r\n", draw.randbytes(50), content])


def insert(content: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(content) + 1)
    return content[:place] + draw.choice([b" ", b"\n", b"\t", b"0", b"\r"]) + content[place:]


def cut_out(content: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(content))
    return content[:place] + content[place + draw.randrange(1, 40) :]


def exchange_bytes(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content)
    a, b = draw.randrange(len(changed)), draw.randrange(len(changed))
    changed[a], changed[b] = changed[b], changed[a]
    return bytes(changed)


def swap_lines(content: bytes, draw: random.Random) -> bytes:
    rows = content.splitlines(keepends=True)
    a, b = draw.randrange(len(rows)), draw.randrange(len(rows))
    rows[a], rows[b] = rows[b], rows[a]
    return b"".join(rows)


def drop_line(content: bytes, draw: random.Random) -> bytes:
    rows = content.splitlines(keepends=True)
    del rows[draw.randrange(len(rows))]
    return b"".join(rows)


def drop_last_lines(content: bytes, draw: random.Random) -> bytes:
    rows = content.splitlines(keepends=True)
    return b"".join(rows[: draw.randrange(len(rows))])


def drop_line_before_the_last(content: bytes, draw: random.Random) -> bytes:
    rows = content.splitlines(keepends=True)
    return b"".join([*rows[:-2], *rows[-1:]])


def repeat_line(content: bytes, draw: random.Random) -> bytes:
    rows = content.splitlines(keepends=True)
    rows.insert(draw.randrange(len(rows) + 1), draw.choice(rows))
    return b"".join(rows)


def other_case(content: bytes, draw: random.Random) -> bytes:
    return content.upper() if draw.random() < 0.5 else content.swapcase()


def other_line_ends(content: bytes, draw: random.Random) -> bytes:
    return content.replace(b"\n", b"\r\n")


def add_file(root: Path, draw: random.Random) -> list[Path]:
    name = draw.choice(["new.txt", ".DS_Store", "master.mp4", "tagmanifest-md5.txt", "fetch.txt", "custody.jsonl"])
    path = some_folder(root, draw) / name
    if path.exists():
        return []
    path.write_bytes(draw.choice([b"", b"x", draw.randbytes(100)]))
    return [path]


def add_folder(root: Path, draw: random.Random) -> list[Path]:
    path = some_folder(root, draw) / draw.choice(["new", ".hidden", "streams"])
    if path.exists():
        return []
    path.mkdir()
    return [path]


def add_link(root: Path, draw: random.Random) -> list[Path]:
    path = some_folder(root, draw) / "link"
    path.symlink_to(draw.choice([root / "nowhere", some_folder(root, draw), some_file(root, draw), Path("/dev/zero")]))
    return [path]


def remove(root: Path, draw: random.Random) -> list[Path]:
    path = some_file(root, draw)
    path.unlink()
    return [path]


def remove_folder(root: Path, draw: random.Random) -> list[Path]:
    path = draw.choice(sorted(path for path in (root / "evidence" / "data").rglob("*") if path.is_dir()))
    files = [below for below in path.rglob("*") if below.is_file()]
    shutil.rmtree(path)
    return files


def rename(root: Path, draw: random.Random) -> list[Path]:
    path = some_file(root, draw)
    new = path.with_name(
        draw.choice([path.name + "x", path.name.swapcase(), "." + path.name, "other", path.name + " "])
    )
    if new.exists():
        return []
    path.rename(new)
    return [path, new]


def move(root: Path, draw: random.Random) -> list[Path]:
    path = some_file(root, draw)
    new = some_folder(root, draw) / path.name
    if new.exists():
        return []
    path.rename(new)
    return [path, new]


def rename_folder(root: Path, draw: random.Random) -> list[Path]:
    path = draw.choice(sorted(path for path in (root / "evidence").rglob("*") if path.is_dir()))
    new = path.with_name(path.name.upper())
    path.rename(new)
    return [new]


def replace_by_link(root: Path, draw: random.Random) -> list[Path]:
    """The same bytes are still read there, by way of a link out of the case."""
    path = some_file(root, draw)
    moved = root.parent / f"{root.name}-moved"
    path.rename(moved)
    path.symlink_to(moved)
    return [path]


def swap_files(root: Path, draw: random.Random) -> list[Path]:
    a, b = some_file(root, draw), some_file(root, draw)
    if a.read_bytes() == b.read_bytes():
        return []
    content = a.read_bytes()
    rewrite(a, b.read_bytes())
    rewrite(b, content)
    return [a, b]


def swap_files_of_one_size(root: Path, draw: random.Random) -> list[Path]:
    a, b = sorted((root / "evidence" / "data" / "metadata").glob("subtitles-*"))
    assert a.stat().st_size == b.stat().st_size
    content = a.read_bytes()
    rewrite(a, b.read_bytes())
    rewrite(b, content)
    return [a, b]


KINDS: tuple[Tampering, ...] = (
    *map(edited, (flip, flip, flip, truncate, truncate_a_little, append, insert, cut_out, exchange_bytes, other_case)),
    *(edited(edit, lines=True) for edit in (swap_lines, drop_line, drop_last_lines, drop_line_before_the_last)),
    *(edited(edit, lines=True) for edit in (repeat_line, other_line_ends, flip)),
    *(add_file, add_folder, add_link, remove, remove_folder, rename, move, rename_folder),
    *(replace_by_link, swap_files, swap_files_of_one_size),
)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Cases unsigned and signed, without and with private files."""
    folders = []
    for key in (None, SigningKey.generate()):
        for private in (False, True):
            folder = tmp_path_factory.mktemp("original")
            found = check_evidence(make_case(folder, key=key, private=private))
            assert (found.problems, found.notices) == ((), ())
            folders.append(folder)
    return folders


@pytest.mark.parametrize("trials", [DEFAULT_TRIALS, pytest.param(SLOW_TRIALS, marks=pytest.mark.slow)])
def test_every_change_is_found_and_named(trials: int, originals: list[Path], tmp_path: Path) -> None:
    missed = []
    for trial in range(trials):
        draw = random.Random(f"{SEED}-{trial}")
        root = tmp_path / f"trial-{trial}"
        shutil.copytree(originals[trial % len(originals)], root)
        touched: list[Path] = []
        while not touched:  # what leaves all bytes and names as they were is no change
            kind = KINDS[trial // len(originals) % len(KINDS)] if draw.random() < 0.7 else draw.choice(KINDS)
            touched = kind(root, draw)
        found = check_evidence(root / "evidence")
        told = [f"{each.path}: {each.problem}" for each in found.problems]
        names = [path.relative_to(root).as_posix() for path in touched]
        if not all(any(line.startswith(f"{name}: ") for line in told) for name in names):
            missed.append((trial, getattr(kind, "__name__", ""), names, told))
        shutil.rmtree(root)
    assert not missed
