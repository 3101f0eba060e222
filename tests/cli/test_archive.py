"""`verify archive`: adding by file, folder, manifest and URL; listing; what happens when some or all of it fails."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.helpers.command import names_in, verify
from tests.http_server import serving
from verify.archive import catalogue as catalogue_module
from verify.archive import files, local_index, store
from verify.archive.cases import CASES_NAME
from verify.archive.catalogue import CATALOGUE_NAME
from verify.archive.files import PROXIES_NAME
from verify.archive.local_index import CACHE_NAME


def listed(folder: Path) -> list[dict[str, Any]]:
    done = verify("archive", "list", "--archive", folder, "--json")
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def ids_in(folder: Path) -> list[str]:
    return [reference["id"] for reference in listed(folder)]


@pytest.fixture
def copy(archive: Path, tmp_path: Path) -> Path:
    """A copy of the shared archive, to be written to or broken."""
    return Path(shutil.copytree(archive, tmp_path / "copy"))


# --- reading ---------------------------------------------------------------------------------------------------------


def test_list_tells_what_was_stated(archive: Path):
    cuts, scene = listed(archive)
    assert (cuts["id"], cuts["kind"], cuts["first_seen"], cuts["title"]) == ("hard-cuts", "other", "", "")
    assert (scene["id"], scene["kind"], scene["first_seen"], scene["title"]) == (
        "scene",
        "game",
        "2020-05",
        "Range day",
    )
    assert scene["duration_s"] == pytest.approx(6)
    done = verify("archive", "list", "--archive", archive)
    assert done.out.splitlines()[0].split() == ["hard-cuts", "9.0", "s", "date", "unknown", "other"]
    assert done.err == "2 references.\n"


def test_show_has_everything_about_one(archive: Path):
    shown = json.loads(verify("archive", "show", "scene", "--archive", archive, "--json").out)
    (sighting,) = shown.pop("sightings")
    assert (sighting["date"], sighting["basis"]) == ("2020-05", "upload")
    assert shown.pop("amendments") == []
    entry = next(entry for entry in listed(archive) if entry["id"] == "scene")
    assert entry.pop("sightings") == []
    assert shown == entry
    done = verify("archive", "show", "scene", "--archive", archive)
    lines = dict(line.split(maxsplit=1) for line in done.out.splitlines() if len(line.split()) == 2)
    assert (lines["id"], lines["publisher"], lines["thumbnails"]) == ("scene", "Studio", "9")
    assert int(lines["keypoints"]) > 100
    assert re.search(r"^proxy +\d+ bytes$", done.out, re.MULTILINE)


@pytest.mark.parametrize("name", ["nothing", "", "../scene", "' OR 1=1 --"])
def test_show_of_what_is_not_there(name: str, archive: Path):
    done = verify("archive", "show", "--archive", archive, "--", name)
    assert done.code == 2
    assert "has no such reference. See verify archive list." in done.message


def test_stats_add_up(archive: Path):
    figures = json.loads(verify("archive", "stats", "--archive", archive, "--json").out)
    assert (figures["references"], figures["undated"], figures["kinds"]) == (2, 1, {"other": 1, "game": 1})
    assert figures["hours"] == pytest.approx(15 / 3600, abs=1e-3)
    assert figures["catalogue_bytes"] == (archive / CATALOGUE_NAME).stat().st_size
    told = verify("archive", "stats", "--archive", archive).out
    assert figures["snapshot"] in told
    assert "pdq, phash" in told
    sizes = figures["bytes"]
    assert {"hashes", "keypoints", "proxies", "thumbnails"} <= set(sizes)
    proxies = sum(path.stat().st_size for path in (archive / PROXIES_NAME).iterdir())
    assert sizes["proxies"] == proxies > 0
    # 48 bytes of code, 8 of place and 2 of word each, and little else.
    assert 58 <= sizes["keypoints"] / figures["keypoints"] < 62
    for kind, size in sizes.items():
        assert figures["bytes_per_hour"][kind] == pytest.approx(size * 3600 / 15, rel=0.01)
    assert figures["without_proxy"] == 0
    assert f"proxies {proxies}" in told


# --- adding ----------------------------------------------------------------------------------------------------------


def test_adding_twice_changes_nothing(copy: Path, footage: dict[str, Path]):
    before = verify("archive", "stats", "--archive", copy, "--json").out
    done = verify("archive", "add", footage["scene"], "--archive", copy, "--title", "Another title")
    assert done.code == 0
    assert done.err == "[1/1] scene: already there as scene (same bytes)\n"
    assert done.out == "0 added, 1 already there, 0 failed; the archive has 2 references.\n"
    assert verify("archive", "stats", "--archive", copy, "--json").out == before


def test_no_proxy_keeps_none(copy: Path, footage: dict[str, Path]):
    proxies = names_in(copy / PROXIES_NAME)
    done = verify("archive", "add", footage["static"], "--archive", copy, "--no-proxy")
    assert done.code == 0, done.err
    assert names_in(copy / PROXIES_NAME) == proxies
    assert "proxy              none" in verify("archive", "show", "static", "--archive", copy).out
    figures = json.loads(verify("archive", "stats", "--archive", copy, "--json").out)
    assert (figures["references"], figures["without_proxy"]) == (3, 1)


def test_same_bytes_under_another_name_are_recognised(copy: Path, footage: dict[str, Path], tmp_path: Path):
    shutil.copy(footage["scene"], tmp_path / "renamed.mp4")
    done = verify("archive", "add", tmp_path / "renamed.mp4", "--archive", copy)
    assert (done.code, done.err) == (0, "[1/1] renamed: already there as scene (same bytes)\n")


def test_other_bytes_under_a_known_id_are_refused(copy: Path, footage: dict[str, Path]):
    done = verify("archive", "add", footage["static"], "--id", "scene", "--archive", copy)
    assert done.code == 2
    assert "error: scene: the archive has another video under this id, so static.mp4 was not added." in done.err
    assert ids_in(copy) == ["hard-cuts", "scene"]


def test_folder_stands_for_the_videos_below_it(footage: dict[str, Path], tmp_path: Path):
    clips = tmp_path / "clips"
    (clips / "deep" / "deeper").mkdir(parents=True)
    shutil.copy(footage["scene"], clips / "deep" / "deeper" / "B.MP4")
    shutil.copy(footage["static"], clips / "a.mov")
    shutil.copy(footage["text"], clips / "notes.txt")
    done = verify("archive", "add", clips, "--archive", tmp_path / "archive", "--kind", "news")
    assert done.code == 0, done.err
    assert [(entry["id"], entry["kind"]) for entry in listed(tmp_path / "archive")] == [("B", "news"), ("a", "news")]
    assert done.out == "2 added, 0 already there, 0 failed; the archive has 2 references.\n"


def test_names_in_other_scripts_get_ids_that_differ(footage: dict[str, Path], tmp_path: Path):
    clips = tmp_path / "clips"
    clips.mkdir()
    shutil.copy(footage["scene"], clips / "Київ 2022.mp4")
    shutil.copy(footage["static"], clips / "Львів 2022.mp4")
    done = verify("archive", "add", clips, "--archive", tmp_path / "archive")
    assert done.code == 0, done.err
    assert len(set(ids_in(tmp_path / "archive"))) == 2


def test_some_of_many_fail(footage: dict[str, Path], tmp_path: Path):
    sources = [footage["text"], footage["static"], footage["image"]]
    done = verify("archive", "add", *sources, "--archive", tmp_path / "archive")
    assert done.code == 100
    assert "1 added, 0 already there, 2 failed; the archive has 1 references." in done.out
    assert "  failed: text (exit code 30): text.mp4: it is text, not a video." in done.out
    assert "  failed: image (exit code 30): image.png: it is a still image" in done.out
    assert "[1/3] text: failed: " in done.err
    assert ids_in(tmp_path / "archive") == ["static"]


def test_all_fail_with_the_first_ones_code(footage: dict[str, Path], tmp_path: Path):
    with serving() as server:
        sources = [server.url("/missing.mp4"), footage["text"]]
        done = verify("archive", "add", *sources, "--allow-private", "--archive", tmp_path / "archive")
    assert done.code == 10
    assert "is not there or was removed" in done.message
    assert done.out == ""
    assert ids_in(tmp_path / "archive") == []


def test_partly_readable_reference_is_added_with_a_warning(footage: dict[str, Path], tmp_path: Path):
    done = verify("archive", "add", footage["truncated"], "--archive", tmp_path / "archive")
    assert done.code == 100
    assert "(only up to there: " in done.err
    (entry,) = listed(tmp_path / "archive")
    assert 2 < entry["duration_s"] < 5


@pytest.mark.parametrize("scheme", [pytest.param("http", marks=pytest.mark.slow), "HTTP"])
def test_url_is_fetched_and_recognised(scheme: str, footage: dict[str, Path], copy: Path):
    with serving() as server:
        server.add("/clip.mp4", footage["static"].read_bytes(), "video/mp4")
        url = server.url("/clip.mp4").replace("http", scheme, 1)
        private = verify("archive", "add", url, "--archive", copy)
        done = verify("archive", "add", url, "--allow-private", "--archive", copy)
        again = verify("archive", "add", url, "--allow-private", "--archive", copy)
    assert private.code == 11
    assert (done.code, again.code) == (0, 0), done.err
    assert "already there as clip (same address)" in again.err
    (entry,) = [entry for entry in listed(copy) if entry["id"] == "clip"]
    assert entry["source_url"] == url.replace("HTTP", "http")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["missing.mp4"], "missing.mp4: there is no such file"),
        ([""], "SOURCE: one of them is empty"),
        (["x" * 300], "there is no such file"),
        (["."], "there is no video below this folder"),
        ([], "archive add: give either SOURCE... or --manifest"),
        (["CLIP", "--manifest", "refs.csv"], "archive add: give either SOURCE... or --manifest"),
        (["CLIP", "CLIP", "--id", "one"], "--id: it names one reference, but 2 videos are given"),
        (["CLIP", "--id", "../escape"], "--id: '../escape' is no id"),
        (["CLIP", "--first-seen", "lately"], "--first-seen: 'lately' is not a date"),
        (["CLIP", "--source-url", "file:///etc/passwd"], "--source-url: 'file:///etc/passwd' is no http"),
        (["CLIP", "--kind", "propaganda"], "Invalid value for '--kind'"),
        (["--manifest", "missing.csv"], "missing.csv: the manifest cannot be read"),
        (["--manifest", "."], "Invalid value for '--manifest'"),
    ],
)
def test_bad_request_makes_no_archive(
    options: list[str], words: str, footage: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    named = [str(footage["static"]) if word == "CLIP" else word for word in options]
    done = verify("archive", "add", "--archive", tmp_path / "archive", *named)
    assert done.code == 2, done.err
    assert words in done.err
    assert "Traceback" not in done.err
    assert names_in(tmp_path) == set()


# --- manifests -------------------------------------------------------------------------------------------------------


def test_manifest_rows_become_references(footage: dict[str, Path], tmp_path: Path):
    shutil.copy(footage["static"], tmp_path / "one.mp4")
    with serving() as server:
        url = server.add("/two.mp4", footage["dark"].read_bytes(), "video/mp4")
        (tmp_path / "refs.csv").write_text(
            "id,source,title,publisher,first_seen,first_seen_basis,kind,licence,event,notes\n"
            'first,one.mp4,"A, B",Agency,2019,caption,stock,CC0,flood,\n'
            f",{url},,,,,film,,,\n",
            encoding="utf-8",
        )
        done = verify(
            "archive", "add", "--manifest", tmp_path / "refs.csv", "--archive", tmp_path / "archive", "--allow-private"
        )
    assert done.code == 0, done.err
    first, second = listed(tmp_path / "archive")
    assert (first["id"], first["title"], first["kind"], first["event"]) == ("first", "A, B", "stock", "flood")
    assert (second["id"], second["source_url"], second["kind"]) == ("two", url, "film")


def test_malformed_manifest_names_every_bad_row_and_column_and_adds_nothing(
    footage: dict[str, Path], copy: Path, tmp_path: Path
):
    shutil.copy(footage["static"], tmp_path / "good.mp4")
    (tmp_path / "refs.csv").write_text(
        "id,source,first_seen,kind,source_url\n"
        "fine,good.mp4,2021,news,\n"
        "b d!,missing.mp4,soon,propaganda,nowhere\n"
        "short,good.mp4\n"
        "fine,good.mp4,,,\n",
        encoding="utf-8",
    )
    before = (copy / CATALOGUE_NAME).read_bytes()
    done = verify("archive", "add", "--manifest", tmp_path / "refs.csv", "--archive", copy)
    assert done.code == 2
    assert done.message.startswith(f"error: {tmp_path / 'refs.csv'}: the manifest cannot be used:")
    for words in (
        "line 3, column id: ",
        "line 3, column source: ",
        "line 3, column first_seen: ",
        "line 3, column kind: ",
        "line 3, column source_url: ",
        "line 4, column (all): ",
        "line 5, column id: 'fine' is also the id of line 2",
    ):
        assert words in done.message
    assert "line 2," not in done.message
    assert "Nothing was added." in done.message
    assert (copy / CATALOGUE_NAME).read_bytes() == before


# --- archives that are not in order ----------------------------------------------------------------------------------


def change(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / CATALOGUE_NAME)) as connection, connection:
        connection.execute(statement)


DAMAGE = {
    "made by a newer program": ("PRAGMA user_version = 99", 43),
    "made by an older program": ("PRAGMA user_version = 1", 41),
    "made by another program": ("PRAGMA application_id = 1", 40),
    "fingerprints of another version": ("UPDATE fingerprint SET version = 99", 41),
    "altered fingerprints": ("UPDATE fingerprint SET codes = zeroblob(length(codes))", 40),
    "missing fingerprints": ("DELETE FROM fingerprint WHERE algorithm = 'pdq'", 40),
    "keypoints of another version": ("UPDATE local_features SET version = 99", 41),
    "altered keypoints": ("UPDATE local_features SET codes = zeroblob(length(codes))", 40),
    "missing keypoints": ("DELETE FROM local_features WHERE reference_id = 'scene'", 40),
    "a missing table": ("DROP TABLE fingerprint", 40),
    "a missing table of keypoints": ("DROP TABLE local_features", 40),
    "a missing table of proxies": ("DROP TABLE proxy", 40),
    "an unknown kind": ("UPDATE reference SET kind = 'propaganda'", 40),
    "an endless video": ("UPDATE reference SET duration_s = 9e999", 40),
}


@pytest.mark.parametrize(("statement", "code"), DAMAGE.values(), ids=DAMAGE)
def test_release_is_not_checked_against_a_broken_archive(
    statement: str, code: int, copy: Path, release: Path, tmp_path: Path
):
    change(copy, statement)
    done = verify("video", release, "--archive", copy, "--out", tmp_path / "out")
    assert done.code == code, done.err
    assert done.message.startswith(f"error: {copy}: ")
    assert not (tmp_path / "out").exists()


def test_archive_of_the_format_before_says_what_to_do(copy: Path, footage: dict[str, Path]):
    change(copy, "PRAGMA user_version = 1")
    for words in (["list"], ["stats"], ["add", footage["static"]]):
        done = verify("archive", *words, "--archive", copy)
        assert done.code == 41
        assert done.message == (
            f"error: {copy}: archive format 1 has no keypoints, this program needs them. "
            "Add the references anew to a new archive."
        )


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_release_is_not_checked_against_an_archive_whose_proxies_are_not_whole(
    damage: str, copy: Path, release: Path, tmp_path: Path
):
    for path in (copy / PROXIES_NAME).iterdir():
        if damage == "missing":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:-1] + b"\0")
    done = verify("video", release, "--archive", copy, "--out", tmp_path / "out")
    assert done.code == 40, done.err
    assert re.match(rf"error: {copy}: the proxy of [\w-]+ is {damage}\. Restore the folder", done.message)
    assert names_in(tmp_path / "out") <= {"evidence", "evidence-custody"}


def test_release_is_checked_by_a_sorted_file_too(
    copy: Path, release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(local_index, "_CACHED_FROM_KEYPOINTS", 1)
    matches = []
    for name in ("first", "again", "damaged"):
        if name == "damaged":
            content = bytearray((copy / CACHE_NAME).read_bytes())
            content[len(content) // 3] ^= 255
            (copy / CACHE_NAME).write_bytes(content)
        done = verify("video", release, "--archive", copy, "--out", tmp_path / name)
        assert done.code == 0, done.err
        matches.append((tmp_path / name / "matches.csv").read_text(encoding="utf-8"))
    assert len(set(matches)) == 1
    assert ",scene," in matches[0]
    assert names_in(copy) == {CATALOGUE_NAME, PROXIES_NAME, CASES_NAME, CACHE_NAME}


@pytest.mark.parametrize("size", [0, 50, 5000, 60_000])
def test_shortened_catalogue(size: int, copy: Path, footage: dict[str, Path], tmp_path: Path):
    with (copy / CATALOGUE_NAME).open("r+b") as file:
        file.truncate(size)
    for words in (["archive", "list"], ["archive", "add", footage["static"]], ["video", footage["static"]]):
        out = ["--out", tmp_path / "out"] if words[0] == "video" else []
        done = verify(*words, "--archive", copy, *out)
        assert done.code == 40, done.err
        assert "Restore the folder from a backup" in done.message
    assert not (tmp_path / "out").exists()


def test_archive_that_another_process_writes_to(copy: Path, footage: dict[str, Path], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(catalogue_module, "_LOCK_WAIT_S", 0.1)
    for lock, told in (("EXCLUSIVE", "writing to it. Try again when it is done."), ("IMMEDIATE", "; waited 0 s. Try")):
        with closing(sqlite3.connect(copy / CATALOGUE_NAME)) as connection:
            connection.execute(f"BEGIN {lock}")
            done = verify("archive", "add", footage["static"], "--archive", copy, "--lock-wait", "0.1")
        assert done.code == 42
        assert told in done.message
    assert ids_in(copy) == ["hard-cuts", "scene"]


def test_creation_that_was_cut_off_is_no_obstacle(footage: dict[str, Path], tmp_path: Path):
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / f".{CATALOGUE_NAME}.partial").write_bytes(b"half")
    assert verify("archive", "add", footage["static"], "--archive", folder).code == 0
    assert names_in(folder) == {CATALOGUE_NAME, PROXIES_NAME}


@pytest.mark.parametrize("moment", ["fingerprint_row", "local_row", "StoredFile"])
def test_addition_that_was_cut_off_is_undone(
    moment: str, copy: Path, footage: dict[str, Path], monkeypatch: pytest.MonkeyPatch
):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = names_in(copy / PROXIES_NAME)
    monkeypatch.setattr(files if moment == "StoredFile" else store, moment, interrupt)
    assert verify("archive", "add", footage["static"], "--archive", copy).code == 130
    monkeypatch.undo()
    assert ids_in(copy) == ["hard-cuts", "scene"]
    assert names_in(copy) == {CATALOGUE_NAME, PROXIES_NAME}
    assert verify("archive", "add", footage["static"], "--archive", copy).code == 0
    assert len(names_in(copy / PROXIES_NAME)) == len(before) + 1


def test_archive_is_not_made_inside_other_things(footage: dict[str, Path], tmp_path: Path):
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    done = verify("archive", "add", footage["static"], "--archive", tmp_path)
    assert done.code == 2
    assert "holds other files and no archive. Give an empty or new folder." in done.message
    assert names_in(tmp_path) == {"holiday.jpg"}
