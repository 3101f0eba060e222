"""`verify archive add`: dates and places, what is recognised, playlists, kept videos, several processes at once."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fixtures import drawing
from fixtures.footage import encode
from tests.cli.helpers.command import Done, names_in, verify
from tests.http_server import serving
from verify.archive import changes
from verify.archive.catalogue import CATALOGUE_NAME
from verify.archive.files import MEDIA_NAME
from verify.archive.obtaining import PAGE_BASIS
from verify.archive.store import Archive
from verify.commands.archive import adding
from verify.model import Sighting, SightingSource

COMPARED = ("fingerprint", "local_features", "proxy", "motion", "descriptor", "thumbnail")


def listed(folder: Path) -> dict[str, dict[str, Any]]:
    done = verify("archive", "list", "--archive", folder, "--json")
    assert (done.code, done.err) == (0, "")
    return {entry["id"]: entry for entry in json.loads(done.out)}


def sightings(folder: Path, name: str) -> list[Sighting]:
    with Archive.open(folder) as archive:
        return archive.sightings(name)


def add(folder: Path, *words: str | Path) -> Done:
    return verify("archive", "add", "--archive", folder, *words)


def kept(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """Digests of all that is kept of each reference."""
    with closing(sqlite3.connect(folder / CATALOGUE_NAME)) as connection:
        found: dict[str, list[tuple[object, ...]]] = {}
        for table in COMPARED:
            for name, *rest in connection.execute(f"SELECT reference_id, sha256 FROM {table} ORDER BY 1, 2"):  # noqa: S608
                found.setdefault(name, []).append((table, *rest))
    return found


@pytest.fixture
def copy(archive: Path, tmp_path: Path) -> Path:
    """A copy of the shared archive, to be written to."""
    return Path(shutil.copytree(archive, tmp_path / "copy"))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Clips of different scenes, a second each."""
    folder = tmp_path_factory.mktemp("clips")
    for seed, name in enumerate(("first", "second", "third"), 101):
        encode(drawing.scene(seed, 25), folder / f"{name}.mp4")
    return {path.stem: path for path in sorted(folder.iterdir())}


# --- dates and places ------------------------------------------------------------------------------------------------


def test_first_seen_to_the_second_with_source_and_place(clips: dict[str, Path], tmp_path: Path):
    told = ["--first-seen", "2021-03-14T10:30:00+02:00", "--first-seen-source", "broadcast-log"]
    told += ["--first-seen-basis", "log of the night shift", "--first-seen-url", "https://example.org/log"]
    assert add(tmp_path / "a", clips["first"], *told).code == 0
    entry = listed(tmp_path / "a")["first"]
    assert entry["first_seen"] == "2021-03-14T08:30:00Z"
    assert entry["first_seen_source"] == "broadcast-log"
    assert entry["first_seen_basis"] == "log of the night shift"
    assert entry["first_seen_url"] == "https://example.org/log"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--first-seen", "2021-03-14T08:30:00"], "--first-seen: '2021-03-14T08:30:00' has no time zone"),
        (["--first-seen-url", "nowhere"], "--first-seen-url: 'nowhere' is no http(s) URL"),
        (["--first-seen-source", "hearsay"], "Invalid value for '--first-seen-source'"),
        (["--lock-wait", "-1"], "Invalid value for '--lock-wait'"),
        (["--lock-wait", "nan"], "Invalid value for '--lock-wait': it is no number."),
        (["--jobs", "0"], "Invalid value for '--jobs'"),
        (["--title", "t" * 4001], "--title: it has more than 4000 characters"),
        (["--playlist-items", "0"], "Invalid value for '--playlist-items'"),
        (["--playlist", "--first-seen", "soon"], "--first-seen: 'soon' is not a date"),
    ],
)
def test_bad_options_make_no_archive(options: list[str], words: str, clips: dict[str, Path], tmp_path: Path):
    done = add(tmp_path / "a", clips["first"], *options)
    assert done.code == 2, done.err
    assert words in done.err
    assert names_in(tmp_path) == set()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--first-seen-source", "platform"], "cannot be combined with metadata options"),
        (["--first-seen-url", "https://example.org"], "cannot be combined with metadata options"),
        (["--playlist"], "--playlist: it cannot be combined with --manifest"),
    ],
)
def test_manifest_with_options_that_are_for_sources(options: list[str], words: str, tmp_path: Path):
    done = add(tmp_path / "a", "--manifest", tmp_path / "refs.csv", *options)
    assert done.code == 2
    assert words in done.message


def test_manifest_tells_source_and_place_of_dates(clips: dict[str, Path], tmp_path: Path):
    text = "source,first_seen,first_seen_source,first_seen_url\n"
    (tmp_path / "refs.csv").write_text(
        text + f"{clips['first']},2021-03-14T08:30:00Z,statement,https://example.org/s\n", encoding="utf-8"
    )
    assert add(tmp_path / "a", "--manifest", tmp_path / "refs.csv").code == 0
    (seen,) = sightings(tmp_path / "a", "first")
    assert (seen.date, seen.source, seen.url) == ("2021-03-14T08:30:00Z", "statement", "https://example.org/s")


def test_page_tells_date_title_and_publisher(clips: dict[str, Path], tmp_path: Path):
    with serving() as server:
        server.add("/v.mp4", clips["first"].read_bytes(), "video/mp4")
        facts = {
            "@context": "https://schema.org",
            "@type": "VideoObject",
            "name": "Street \x1b at night",
            "uploadDate": "2022-05-06",
            "contentUrl": server.url("/v.mp4"),
        }
        page = f'<html><script type="application/ld+json">{json.dumps(facts)}</script></html>'
        url = server.add("/page.html", page)
        assert add(tmp_path / "a", url, "--allow-private").code == 0
        assert add(tmp_path / "b", url, "--allow-private", "--first-seen", "2019", "--title", "Mine").code == 0
    entry = listed(tmp_path / "a")["page"]
    assert entry["title"] == "Street at night"
    assert (entry["first_seen"], entry["first_seen_source"]) == ("2022-05-06", "platform")
    assert (entry["first_seen_basis"], entry["first_seen_url"]) == (PAGE_BASIS, url)
    entry = listed(tmp_path / "b")["page"]
    assert (entry["title"], entry["first_seen"], entry["first_seen_source"]) == ("Mine", "2019", "other")


# --- what is there already -------------------------------------------------------------------------------------------


def test_same_address_is_not_fetched_again(clips: dict[str, Path], tmp_path: Path):
    with serving() as server:
        url = server.add("/clip.mp4", clips["first"].read_bytes(), "video/mp4")
        secret = url.replace("http://", "http://user:word@") + "?token=abcdefgh"
        assert add(tmp_path / "a", url, "--allow-private").code == 0
        server.requests.clear()
        done = add(tmp_path / "a", url, "--allow-private", "--id", "other")
        assert done.err == "[1/1] other: already there as clip (same address)\n"
        assert server.requests == []
        # An address of which something is left out may be that of another video.
        server.answers["/clip.mp4?token=abcdefgh"] = server.answers["/clip.mp4"]
        done = add(tmp_path / "a", secret, "--allow-private")
        assert "already there as clip (same bytes)" in done.err
        assert server.requests
    assert "word" not in json.dumps(listed(tmp_path / "a"))
    assert "abcdefgh" not in json.dumps(listed(tmp_path / "a"))


def test_earlier_date_of_what_is_there_is_a_sighting(copy: Path, footage: dict[str, Path]):
    words = [footage["scene"], "--first-seen", "2018-02", "--first-seen-source", "archived-page"]
    done = add(copy, *words)
    assert done.code == 0
    assert done.err == "[1/1] scene: already there as scene (same bytes); sighting added\n"
    assert done.out.endswith("1 sightings were added to what is there.\n")
    before = (copy / CATALOGUE_NAME).read_bytes()
    done = add(copy, *words)
    assert done.err == "[1/1] scene: already there as scene (same bytes)\n"
    assert (copy / CATALOGUE_NAME).read_bytes() == before
    assert [seen.date for seen in sightings(copy, "scene")] == ["2020-05", "2018-02"]
    entry = listed(copy)["scene"]
    assert (entry["first_seen"], entry["first_seen_source"], entry["title"]) == (
        "2018-02",
        "archived-page",
        "Range day",
    )
    assert len(entry["sightings"]) == 2


def test_what_was_amended_is_not_told_again(copy: Path, footage: dict[str, Path]):
    words = [footage["scene"], "--first-seen", "2020-05", "--first-seen-basis", "upload"]
    with Archive.open(copy) as archive:
        changes.amend(archive, "scene", {"date": "2020-06"}, "misread")
    done = add(copy, *words)
    assert done.err == "[1/1] scene: already there as scene (same bytes)\n"
    assert listed(copy)["scene"]["first_seen"] == "2020-06"
    done = add(copy, *words, "--first-seen-url", "https://example.org/upload")
    assert "sighting added" in done.err


def test_forgotten_video_comes_back_only_if_it_is_meant(copy: Path, footage: dict[str, Path]):
    with Archive.open(copy) as archive:
        changes.forget(archive, "scene", "order of the court")
    done = add(copy, footage["scene"])
    assert done.code == 2
    assert "scene.mp4: this video was forgotten on 2" in done.message
    assert (
        "when it was scene (reason: order of the court). To add it all the same, give --forgotten-too." in done.message
    )
    assert set(listed(copy)) == {"hard-cuts"}
    assert add(copy, footage["scene"], "--forgotten-too").code == 0
    assert set(listed(copy)) == {"hard-cuts", "scene"}


def test_retracted_reference_is_recognised(copy: Path, footage: dict[str, Path]):
    with Archive.open(copy) as archive:
        changes.retract(archive, "scene", "not what it was said to be")
    done = add(copy, footage["scene"])
    assert (done.code, done.err) == (0, "[1/1] scene: already there as scene (same bytes, retracted)\n")


def test_copy_becomes_a_sighting(copy: Path, clips: dict[str, Path], monkeypatch: pytest.MonkeyPatch):
    asked = []

    def rule(archive: Archive, examined: Any) -> str | None:
        asked.append((examined.duration_s, sorted(examined.fingerprints), examined.motion is not None))
        return "scene"

    # The rule is asked in this process whichever process examined the video.
    made = adding._results
    monkeypatch.setattr(
        adding, "_results", lambda a, rows, rules, *rest, **named: made(a, rows, _with(rules, rule), *rest, **named)
    )
    told = ["--first-seen", "2015", "--source-url", "https://example.org/copy", "--publisher", "Another"]
    done = add(copy, clips["first"], *told)
    assert done.err == "[1/1] first: a copy of scene; sighting added\n"
    assert "0 added, 0 already there, 1 copies, 0 failed; the archive has 2 references." in done.out
    done = add(copy, clips["second"], clips["third"], "--jobs", "2")
    assert "[1/2] second: a copy of scene; sighting added\n" in done.err
    assert asked == [(pytest.approx(1.0, abs=0.05), ["pdq", "phash"], True)] * 3
    assert set(listed(copy)) == {"hard-cuts", "scene"}
    first, *copies = sightings(copy, "scene")
    assert first.date == "2020-05"
    assert (copies[0].date, copies[0].url, copies[0].publisher) == ("2015", "https://example.org/copy", "Another")
    assert len({seen.sha256 for seen in (first, *copies)}) == 4
    # Its bytes are known now.
    assert "already there as scene (same bytes)" in add(copy, clips["first"], *told).err


def _with(rules: Any, rule: Any) -> Any:
    import dataclasses  # noqa: PLC0415

    return dataclasses.replace(rules, copy_rule=rule)


# --- playlists, kept videos ------------------------------------------------------------------------------------------


def test_every_video_of_a_playlist_is_a_reference(clips: dict[str, Path], tmp_path: Path):
    with serving() as server:
        for name, path in clips.items():
            server.add(f"/{name}.mp4", path.read_bytes(), "video/mp4")
        videos = "".join(f'<video src="/{name}.mp4"></video>' for name in clips)
        url = server.add("/page.html", f"<html><head><title>Three</title></head><body>{videos}</body></html>")
        words = [url, "--playlist", "--playlist-items", "2", "--allow-private", "--kind", "news"]
        done = add(tmp_path / "a", *words)
        assert done.code == 0, done.err
        assert f"note: {url} lists more videos; the first 2 are added." in done.err
        found = listed(tmp_path / "a")
        assert [entry["source_url"] for entry in found.values()] == [
            server.url("/first.mp4"),
            server.url("/second.mp4"),
        ]
        assert all("first" in name or "second" in name for name in found)
        assert all(entry["title"] and entry["kind"] == "news" for entry in found.values())
        server.requests.clear()
        done = add(tmp_path / "a", *words)
        assert "0 added, 2 already there, 0 failed" in done.out
        assert not any(".mp4" in request for request in server.requests)


def test_names_that_come_twice_are_numbered(clips: dict[str, Path], tmp_path: Path):
    for number, name in enumerate(("first", "second")):
        (tmp_path / "clips" / str(number)).mkdir(parents=True)
        shutil.copy(clips[name], tmp_path / "clips" / str(number) / "clip.mp4")
    assert add(tmp_path / "a", tmp_path / "clips").code == 0
    assert set(listed(tmp_path / "a")) == {"clip", "clip-2"}
    assert "0 added, 2 already there" in add(tmp_path / "a", tmp_path / "clips").out


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_keep_media_keeps_the_videos(jobs: str, clips: dict[str, Path], tmp_path: Path):
    assert add(tmp_path / "a", clips["first"], clips["second"], "--keep-media", "--jobs", jobs).code == 0
    with Archive.open(tmp_path / "a") as archive:
        for name in ("first", "second"):
            stored = archive.stored_media(name)
            assert stored
            assert archive.media.checked(name, stored).read_bytes() == clips[name].read_bytes()
    assert len(names_in(tmp_path / "a" / MEDIA_NAME)) == 2


# --- several processes -----------------------------------------------------------------------------------------------


def test_two_jobs_make_the_same_archive_as_one(clips: dict[str, Path], footage: dict[str, Path], tmp_path: Path):
    shutil.copy(clips["first"], tmp_path / "again.mp4")
    words = [*clips.values(), footage["text"], tmp_path / "again.mp4", "--first-seen", "2020"]
    one = add(tmp_path / "one", *words)
    two = add(tmp_path / "two", *words, "--jobs", "2")
    assert (one.code, two.code) == (100, 100)
    assert one.out == two.out
    assert "3 added, 1 already there, 1 failed; the archive has 3 references." in two.out
    assert "  failed: text (exit code 30): text.mp4: it is text, not a video." in two.out
    assert sorted(one.err.splitlines()) == sorted(two.err.splitlines())
    assert kept(tmp_path / "one") == kept(tmp_path / "two")
    assert {name: entry["first_seen"] for name, entry in listed(tmp_path / "two").items()} == dict.fromkeys(
        clips, "2020"
    )
    again = add(tmp_path / "two", *words, "--jobs", "2")
    assert "0 added, 4 already there, 1 failed; the archive has 3 references." in again.out


def test_two_jobs_fetch_and_give_descriptors(clips: dict[str, Path], tmp_path: Path):
    with serving() as server:
        urls = [server.add(f"/{name}.mp4", path.read_bytes(), "video/mp4") for name, path in clips.items()]
        words = [*urls, server.url("/missing.mp4"), "--allow-private", "--jobs", "2"]
        done = add(tmp_path / "a", *words)
        assert "3 added, 0 already there, 1 failed" in done.out
        assert "missing (exit code 10)" in done.out
        assert "3 already there, 1 failed" in add(tmp_path / "a", *words).out
    assert [entry["source_url"] for entry in listed(tmp_path / "a").values()] == urls
    assert add(tmp_path / "b", *clips.values(), "--no-descriptor", "--jobs", "2").code == 0
    done = add(tmp_path / "b", *clips.values(), "--jobs", "2")
    assert done.err.count("(same bytes); descriptors added\n") == 3
    assert kept(tmp_path / "a") == kept(tmp_path / "b")


def test_all_fail_with_the_first_ones_code(footage: dict[str, Path], tmp_path: Path):
    words = [footage["text"], footage["image"], "--jobs", "2"]
    done = add(tmp_path / "a", *words)
    assert done.code == 30
    assert done.message.startswith("error: text.mp4: ")


def test_more_jobs_than_cores_are_not_started(clips: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(adding.os, "sched_getaffinity", lambda _: {0})
    done = add(tmp_path / "a", clips["first"], clips["second"], "--jobs", "9")
    assert done.code == 0
    assert "note: 9 jobs are more than this machine has cores; 1 at once.\n" in done.err


def test_forgotten_and_clashing_videos_with_two_jobs(copy: Path, clips: dict[str, Path], footage: dict[str, Path]):
    with Archive.open(copy) as archive:
        changes.forget(archive, "scene", "order of the court")
    shutil.copy(clips["first"], copy.parent / "hard-cuts.mp4")
    done = add(copy, footage["scene"], copy.parent / "hard-cuts.mp4", clips["second"], "--jobs", "2")
    assert done.code == 100
    assert "scene.mp4: this video was forgotten on" in done.out
    assert "hard-cuts: the archive has another video under this id, so hard-cuts.mp4 was not added." in done.out
    assert set(listed(copy)) == {"hard-cuts", "second"}


def test_sightings_have_a_source_that_is_known():
    assert {source.value for source in SightingSource} == set(adding.SIGHTING_SOURCES)
    assert not math.isnan(adding._workers(1))
