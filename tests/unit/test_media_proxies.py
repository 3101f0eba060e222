"""Proxies: small grey pictures written with true times, and read back by a worker that may meet anything."""

from __future__ import annotations

import hashlib
import io
import os
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from fixtures import drawing
from verify.errors import OutputNotWritableError, UnreadableMediaError
from verify.media import proxies, proxy_worker
from verify.media.proxies import REFERENCE_PROXY, ProxyForm, ProxyReader, ProxyWriter, proxy_size
from verify.model import Interval
from verify.processes import receive_message, send_message

ROOT = Path(__file__).resolve().parent.parent.parent
Pictures = list[tuple[float, npt.NDArray[np.uint8]]]


def pictures(seed: int, count: int, size: tuple[int, int] = (160, 90)) -> Pictures:
    """Pictures of a moving scene with uneven times."""
    return [
        (
            number * 0.08 + (0.013 if number % 3 else 0.0),
            cv2.resize(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), size, interpolation=cv2.INTER_AREA).astype(np.uint8),
        )
        for number, picture in enumerate(drawing.scene(seed, count))
    ]


def written(path: Path, shown: Pictures, form: ProxyForm = REFERENCE_PROXY) -> Path:
    with ProxyWriter(path, form) as writer:
        for time_s, picture in shown:
            writer.add(time_s, picture)
    assert writer.pictures == len(shown)
    return path


@pytest.fixture(scope="module")
def long_one(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Pictures]:
    shown = pictures(1, 250)
    return written(tmp_path_factory.mktemp("proxy") / "proxy.mkv", shown), shown


# --- writing and reading --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(160, 90), (90, 160), (160, 68), (160, 2), (2, 160), (2, 2), (158, 120)])
def test_what_is_written_is_read_back(tmp_path: Path, size: tuple[int, int]):
    shown = pictures(2, 30, size)
    with ProxyReader() as reader:
        clip = reader.read(written(tmp_path / "proxy.mkv", shown))
    assert clip.pictures.shape == (30, size[1], size[0])
    assert clip.times_s == pytest.approx([time_s for time_s, _ in shown], abs=0.0006)
    errors = clip.pictures.astype(float) - np.stack([picture for _, picture in shown])
    assert np.sqrt((errors**2).mean()) < 4
    assert abs(errors.mean()) < 0.5


def test_motion_survives_the_coding(long_one: tuple[Path, Pictures]):
    path, shown = long_one
    with ProxyReader() as reader:
        clip = reader.read(path)
    before, after = (
        np.diff(each.astype(float)[::3], axis=0) for each in (np.stack([p for _, p in shown]), clip.pictures)
    )
    assert (before * after).sum() / np.sqrt((before**2).sum() * (after**2).sum()) > 0.98


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc fills memory as it is told")
def test_bytes_do_not_depend_on_what_memory_held_before(tmp_path: Path):
    """x264 would otherwise choose qualities by values that nothing was written to."""
    module, script = "tests.unit.test_media_proxies", "import sys, pathlib; from {} import written, pictures; {}"
    call = "written(pathlib.Path(sys.argv[1]), pictures(2, 60))"
    digests = set()
    for filling in ("0", "85", "170"):
        path = tmp_path / f"{filling}.mkv"
        command = [sys.executable, "-c", script.format(module, call), str(path)]
        subprocess.run(command, check=True, env=os.environ | {"MALLOC_PERTURB_": filling}, cwd=ROOT)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_better_quality_takes_more_room(tmp_path: Path):
    shown = pictures(2, 30)
    forms = [replace(REFERENCE_PROXY, quality=quality) for quality in (14, 23, 32)]
    sizes = [written(tmp_path / f"{form.quality}.mkv", shown, form).stat().st_size for form in forms]
    assert sizes == sorted(sizes, reverse=True)


def test_the_same_pictures_give_the_same_file(tmp_path: Path):
    shown = pictures(2, 30)
    digests = {hashlib.sha256(written(tmp_path / f"{number}.mkv", shown).read_bytes()).hexdigest() for number in (1, 2)}
    assert len(digests) == 1


@pytest.mark.parametrize("span", [(0.0, 1.0), (7.9, 8.1), (8.05, 12.0), (15.0, 99.0), (3.0, 3.0)])
def test_an_interval_gives_the_pictures_shown_in_it(long_one: tuple[Path, Pictures], span: tuple[float, float]):
    path, shown = long_one
    with ProxyReader() as reader:
        everything = reader.read(path)
        clip = reader.read(path, Interval(start_s=span[0], end_s=span[1]))
    times_s = np.round([time_s for time_s, _ in shown], 3)
    first = np.searchsorted(times_s, span[0], "right") - 1
    last = max(first + 1, int(np.searchsorted(times_s, span[1])))
    assert clip.times_s == pytest.approx(times_s[first:last])
    assert (clip.pictures == everything.pictures[first:last]).all()


def test_past_the_end_the_last_picture_is_still_shown(long_one: tuple[Path, Pictures]):
    with ProxyReader() as reader:
        clip = reader.read(long_one[0], Interval(start_s=100.0, end_s=101.0))
    assert clip.times_s == pytest.approx([long_one[1][-1][0]], abs=0.001)


def test_times_that_round_to_one_millisecond_stay_apart(tmp_path: Path):
    shown = [(0.0001 * number, picture) for number, (_, picture) in enumerate(pictures(1, 4))]
    with ProxyReader() as reader:
        clip = reader.read(written(tmp_path / "proxy.mkv", shown))
    assert clip.times_s == pytest.approx([0.0, 0.001, 0.002, 0.003])


def test_sizes_are_even_and_keep_the_shape():
    assert proxy_size(1920, 1080, 160) == (160, 90)
    assert proxy_size(1080, 1920, 160) == (90, 160)
    assert proxy_size(640, 352, 320) == (320, 176)
    assert proxy_size(1024, 4, 160) == (160, 2)


# --- when it does not work out --------------------------------------------------------------------------------------


def test_no_pictures_no_file(tmp_path: Path):
    written(tmp_path / "proxy.mkv", [])
    assert list(tmp_path.iterdir()) == []


def test_an_error_leaves_no_file(tmp_path: Path):
    with pytest.raises(KeyError), ProxyWriter(tmp_path / "proxy.mkv") as writer:
        writer.add(*pictures(1, 1)[0])
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_picture_of_another_size_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="80x46"), ProxyWriter(tmp_path / "proxy.mkv") as writer:
        writer.add(*pictures(1, 1)[0])
        writer.add(0.08, np.zeros((46, 80), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path: Path):
    with pytest.raises(OutputNotWritableError, match="the proxy cannot be written"):
        written(tmp_path / "missing" / "proxy.mkv", pictures(1, 1))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "proxy.mkv").symlink_to("/dev/full")
    noise = np.random.default_rng(1).integers(0, 256, (300, 90, 160), dtype=np.uint8)
    with pytest.raises(OutputNotWritableError, match="No space left"):
        written(tmp_path / "proxy.mkv", [(0.08 * number, each) for number, each in enumerate(noise)])


def test_files_that_are_no_proxies(tmp_path: Path, footage: dict[str, Path], long_one: tuple[Path, Pictures]):
    colour = tmp_path / "colour.mkv"
    with av.open(str(footage["scene"])) as source, av.open(str(colour), "w", format="matroska") as copy:
        stream = copy.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 1200, 1200, "yuv420p"
        for frame in [next(source.decode(video=0)).reformat(1200, 1200)]:
            copy.mux(stream.encode(frame))
        copy.mux(stream.encode(None))
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(long_one[0].read_bytes()[:300])
    text = tmp_path / "text.mkv"
    text.write_text("no video\n", encoding="utf-8")
    with ProxyReader() as reader:
        for path, reason in (
            (text, "cannot be decoded"),
            (footage["scene"], "cannot be decoded"),
            (tmp_path / "missing.mkv", "No such file"),
            (colour, "a size that no proxy has"),
            (cut, "it "),
        ):
            with pytest.raises(UnreadableMediaError, match=reason):
                reader.read(path)
        assert len(reader.read(long_one[0]).times_s) == 250


def test_a_damaged_proxy_is_read_or_refused_but_never_breaks_anything(tmp_path: Path, long_one: tuple[Path, Pictures]):
    whole = long_one[0].read_bytes()
    generator = np.random.default_rng(5)
    with ProxyReader() as reader:
        for number in range(12):
            data = bytearray(whole)
            for place in generator.integers(200, len(data), 40):
                data[place] = int(generator.integers(256))
            path = tmp_path / f"{number}.mkv"
            path.write_bytes(data)
            try:
                clip = reader.read(path)
            except UnreadableMediaError:
                continue
            assert (np.diff(clip.times_s) > 0).all()
            assert clip.pictures.shape[1:] == (90, 160)


def test_more_pictures_than_are_read_at_once(monkeypatch: pytest.MonkeyPatch, long_one: tuple[Path, Pictures]):
    monkeypatch.setattr(proxy_worker, "MAX_PICTURES", 100)
    output = io.BytesIO()
    proxy_worker.serve({"path": str(long_one[0]), "interval": None}, output)
    proxy_worker.serve({"path": str(long_one[0]), "interval": [1.0, 3.0]}, output)
    output.seek(0)
    refused, answered = receive_message(output), receive_message(output, 10**7)
    assert refused is not None
    assert refused[0]["problem"] == "it has more pictures in that time than are read at once"
    assert answered is not None
    assert len(answered[0]["times_s"]) == pytest.approx(26, abs=1)


def test_a_worker_that_dies_is_replaced(long_one: tuple[Path, Pictures]):
    with ProxyReader() as reader:
        reader.read(long_one[0], Interval(start_s=0.0, end_s=0.1))
        assert reader._worker is not None
        reader._worker.kill()
        assert len(reader.read(long_one[0]).times_s) == 250


class PlayedWorker:
    """Answers every request with the same bytes, then ends."""

    started = 0

    def __init__(self, answer: bytes) -> None:
        PlayedWorker.started += 1
        self.input = io.BytesIO()
        self.output = io.BytesIO(answer)

    def __enter__(self) -> PlayedWorker:
        return self

    def __exit__(self, *_: object) -> None: ...

    def kill(self) -> None: ...


def message(header: dict[str, Any], payload: bytes = b"") -> bytes:
    stream = io.BytesIO()
    send_message(stream, header, payload)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("answer", "starts"),
    [
        (b"", 2),
        (b"\0\0", 2),
        (message({"times_s": [0.0], "height": 2}, b"1234"), 1),
        (message({"times_s": [0.0], "height": 2, "width": 2}, b"123"), 1),
        (message({"times_s": [], "height": 2, "width": 2}), 1),
        (message({"times_s": [0.0, 0.0], "height": 1, "width": 1}, b"12"), 1),
        (message({"times_s": [float("nan")], "height": 1, "width": 1}, b"1"), 1),
        (message({"times_s": "soon", "height": 1, "width": 4}, b"1234"), 1),
        (message({"times_s": [[0.0]], "height": 1, "width": 1}, b"1"), 1),
        (message({"problem": "it is\n nothing"}), 1),
    ],
)
def test_nonsense_from_the_worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: bytes, starts: int):
    monkeypatch.setattr(proxies, "Worker", lambda _: PlayedWorker(answer))
    PlayedWorker.started = 0
    with ProxyReader() as reader, pytest.raises(UnreadableMediaError, match=r"proxy\.mkv"):
        reader.read(tmp_path / "proxy.mkv")
    assert PlayedWorker.started == starts


def test_a_silent_worker_is_ended(monkeypatch: pytest.MonkeyPatch, long_one: tuple[Path, Pictures]):
    monkeypatch.setattr(proxies, "_STALL_LIMIT_S", 0.0)
    with ProxyReader() as reader, pytest.raises(UnreadableMediaError, match="the decoder of proxies stopped"):
        reader.read(long_one[0])
