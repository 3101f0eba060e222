"""Several processes add to an archive: what becomes of a video whose process crashes, hangs or lies."""

from __future__ import annotations

import io
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from verify import processes
from verify.acquire.limits import AcquisitionLimits
from verify.acquire.options import AcquisitionOptions
from verify.archive import ingest_pool, ingest_worker
from verify.archive.ingest_pool import AddingRules, IngestPool
from verify.archive.ingest_worker import STAGED_NAME, SentProgress, VideoWorker, options_message
from verify.archive.manifest import ManifestRow
from verify.archive.recognition import Addition, Recognition
from verify.archive.store import Archive
from verify.errors import UnreadableMediaError, VerifyError
from verify.model import Reference, SilentProgress
from verify.processes import receive_message, send_message

if TYPE_CHECKING:
    from collections.abc import Iterator

OPTIONS = AcquisitionOptions()


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive.create_or_open(tmp_path / "archive") as opened:
        yield opened


@pytest.fixture
def sources(brief: Path, tmp_path: Path) -> dict[str, Path]:
    """Videos whose names tell how the process that examines them fails; 'fine' does not."""
    made = {}
    for name in ("crash", "hang", "nonsense", "silent", "bug", "fine"):
        made[name] = Path(shutil.copy(brief, tmp_path / f"{name}.mp4"))
    return made


def added(archive: Archive, paths: list[Path], jobs: int, **rules: Any) -> dict[str, Addition | VerifyError]:
    rows = [ManifestRow(source=str(path), reference=Reference(id=path.stem)) for path in paths]
    with IngestPool(archive, jobs, AddingRules(**{"options": OPTIONS, **rules}), SilentProgress) as pool:
        results = list(pool.results(rows))
        assert len(results) == len(rows)
    assert not processes._running
    return {rows[number].reference.id: result for number, result in results}


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_process_that_fails_fails_one_video(
    jobs: int, archive: Archive, sources: dict[str, Path], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ingest_pool, "_MODULE", "tests.failing_worker")
    monkeypatch.setattr(ingest_pool, "SILENCE_S", 3.0)
    limits = AcquisitionLimits(max_seconds=4.0)
    names = ["crash", "bug", "silent", "nonsense", "hang", "fine"]
    found = added(archive, [sources[name] for name in names], jobs, options=AcquisitionOptions(limits=limits))
    reasons = {
        "crash": "ended by itself (signal 11)",
        "bug": "ended by itself (RuntimeError: a bug, for instance)",
        "silent": "ended by itself (exit code 3)",
        "nonsense": "sent something that makes no sense",
        "hang": "was stuck, without a word for ",
    }
    for name, reason in reasons.items():
        error = found[name]
        assert isinstance(error, UnreadableMediaError)
        assert error.subject.endswith(f"{name}.mp4")
        assert reason in str(error)
    assert isinstance(found["fine"], Addition)
    assert [reference.id for reference in archive.references()] == ["fine"]


def test_one_video_given_twice_at_once_is_added_once(archive: Archive, sources: dict[str, Path]):
    found = added(archive, [sources["fine"], sources["crash"]], 2)
    recognised = [each.recognised for each in found.values() if isinstance(each, Addition)]
    assert sorted(str(each) for each in recognised) == ["None", "same bytes"]
    assert len(archive.references()) == 1


def test_leaving_early_ends_all_processes(archive: Archive, sources: dict[str, Path], tmp_path: Path):
    rows = [ManifestRow(source=str(path), reference=Reference(id=path.stem)) for path in sources.values()]
    with (
        pytest.raises(KeyboardInterrupt),
        IngestPool(archive, 2, AddingRules(options=OPTIONS), SilentProgress) as pool,
    ):
        for _ in pool.results(rows):
            assert len(processes._running) == 2
            raise KeyboardInterrupt
    assert not processes._running
    assert not pool._folder.exists()


# --- the worker's own side, in this process --------------------------------------------------------------------------


class Parent:
    """Takes what a worker sends, and decides as it is told to."""

    def __init__(self, decision: dict[str, Any] | None) -> None:
        self.heard: list[dict[str, Any]] = []
        self._decision = decision

    def worker(self, **settings: Any) -> VideoWorker:
        told = {"options": options_message(OPTIONS), "with_proxy": False, "keep_media": False, "descriptor": None}
        return VideoWorker({**told, **settings}, self.heard.append, lambda: self._decision)


def request(path: Path, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    return {"source": str(path), "folder": str(folder), "reference": msgspec.to_builtins(Reference(id="one"))}


def test_a_video_that_is_wanted_is_staged(brief: Path, tmp_path: Path):
    parent = Parent({"examine": True})
    parent.worker(keep_media=True).serve(request(brief, tmp_path / "folder"))
    *_, done = parent.heard
    (digest,) = (each for each in parent.heard if each["kind"] == "digest")
    assert (digest["name"], digest["reference"]["id"]) == (brief.name, "one")
    assert (done["kind"], done["outcome"]["failure"]) == ("done", None)
    with Archive.open(tmp_path / "folder" / STAGED_NAME) as staged:
        (reference,) = staged.references()
        assert (reference.id, reference.sha256) == ("one", digest["sha256"])
        assert staged.stored_media("one") is not None


@pytest.mark.parametrize("decision", [None, {"examine": False}])
def test_a_video_that_is_not_wanted_is_left(decision: dict[str, Any] | None, brief: Path, tmp_path: Path):
    parent = Parent(decision)
    parent.worker().serve(request(brief, tmp_path / "folder"))
    assert [each["kind"] for each in parent.heard] == ["digest", "skipped"]
    assert list((tmp_path / "folder").iterdir()) == []


def test_errors_are_sent_with_their_class(footage: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    parent = Parent({"examine": True})
    parent.worker().serve(request(footage["text"], tmp_path / "folder"))
    told = parent.heard[-1]
    assert (told["kind"], told["class"], told["subject"]) == ("error", "UnreadableMediaError", "text.mp4")

    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device", "/tmp/x")

    monkeypatch.setattr(VideoWorker, "_made", full)
    parent.worker().serve({})
    told = parent.heard[-1]
    assert (told["class"], told["subject"]) == ("OutputNotWritableError", "/tmp/x")


def test_options_survive_the_way(tmp_path: Path):
    options = AcquisitionOptions(
        allow_private=True, cookies=tmp_path / "c", rate_bytes_per_s=7, limits=AcquisitionLimits(max_bytes=9)
    )
    assert ingest_worker._options(options_message(options)) == options
    assert ingest_worker._options(options_message(OPTIONS)) == OPTIONS


def test_progress_is_sent_a_few_times_a_second(monkeypatch: pytest.MonkeyPatch):
    heard: list[dict[str, Any]] = []
    progress = SentProgress(heard.append)
    progress.start("examine", 10.0, "s")
    for _ in range(5):
        progress.advance(1.0)
    assert len(heard) == 1
    monkeypatch.setattr(ingest_worker, "_PROGRESS_INTERVAL_S", 0.0)
    progress.advance(1.0)
    progress.finish()
    assert [each["what"] for each in heard] == ["start", "advance", "finish"]
    assert heard[1]["amount"] == 6.0


def test_input_that_ends_while_nothing_is_done(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    stream = io.BytesIO()
    send_message(stream, {"kind": "settings"})
    send_message(stream, {"kind": "video", "folder": str(tmp_path / "folder")})
    gate = threading.Event()

    class Gated(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            if not data:
                gate.wait(10)
            return data

    arrived = ingest_worker._Input(Gated(stream.getvalue()))
    assert (arrived.next() or {})["kind"] == "settings"
    assert (arrived.next() or {})["kind"] == "video"
    arrived.request_is_done()
    gate.set()
    assert arrived.next() is None
    assert not (tmp_path / "folder").exists()


def test_input_that_ends_while_a_video_is_examined_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    ended = threading.Event()

    def end(code: int) -> None:
        assert code == 1
        ended.set()

    monkeypatch.setattr(ingest_worker.os, "_exit", end)
    stream = io.BytesIO()
    send_message(stream, {"kind": "video", "folder": str(tmp_path / "none")})
    ingest_worker._Input(io.BytesIO(stream.getvalue() + b"\0\0"))
    assert ended.wait(10)


def test_main_serves_until_its_input_ends(brief: Path, tmp_path: Path):
    with processes.Worker("verify.archive.ingest_worker") as worker:
        told = {"options": options_message(OPTIONS), "with_proxy": True, "keep_media": False, "descriptor": None}
        send_message(worker.input, {"kind": "settings", **told})
        send_message(worker.input, {"kind": "video", **request(brief, tmp_path / "folder")})
        kinds = []
        while (message := receive_message(worker.output)) is not None:
            kinds.append(message[0]["kind"])
            if kinds[-1] == "digest":
                send_message(worker.input, {"kind": "decision", "examine": False})
            if kinds[-1] == "skipped":
                worker.input.close()
        assert kinds == ["digest", "skipped"]
        assert worker.exit_code() in (0, 1)
    with processes.Worker("verify.archive.ingest_worker") as worker:
        worker.end()
        assert worker.exit_code() == 0


def test_recognitions_are_words_of_a_user():
    assert [each.value for each in Recognition] == ["same bytes", "same address", "a copy"]
