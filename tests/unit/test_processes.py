"""Workers and their messages: what is sent arrives, what is broken is refused, and nothing outlives its block."""

from __future__ import annotations

import io
import json
import os
import signal
import struct
import sys
import time
from pathlib import Path

import pytest

from verify import processes
from verify.processes import BrokenMessageError, Worker, receive_message, send_message

#: A module of the standard library that waits for its standard input: the interactive interpreter.
_LISTENER = "code"


def packed(header: bytes, payload: bytes = b"") -> io.BytesIO:
    return io.BytesIO(struct.pack(">I", len(header)) + header + payload)


def test_messages_arrive_as_sent():
    stream = io.BytesIO()
    send_message(stream, {"kind": "frame", "text": "زمان"}, b"pixels")
    send_message(stream, {"kind": "end"}, memoryview(b""))
    stream.seek(0)
    header, payload = receive_message(stream, 6) or ({}, b"")
    assert header == {"kind": "frame", "text": "زمان", "payload_bytes": 6}
    assert payload == b"pixels"
    assert receive_message(stream) == ({"kind": "end", "payload_bytes": 0}, b"")
    assert receive_message(stream) is None


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (io.BytesIO(b"\x00\x00"), "in the middle"),
        (io.BytesIO(struct.pack(">I", 20) + b"{}"), "in the middle"),
        (io.BytesIO(struct.pack(">I", processes.MAX_HEADER_BYTES + 1)), "a header of"),
        (packed(b"not json"), "not JSON"),
        (packed(b"\xff\xfe\x00"), "not JSON"),
        (packed(b"[" * 200_000), "not JSON"),
        (packed(b"[1]"), "a payload of None bytes"),
        (packed(b"{}"), "a payload of None bytes"),
        (packed(b'{"payload_bytes": "9"}'), "a payload of 9 bytes"),
        (packed(b'{"payload_bytes": 1.5}'), "a payload of 1.5 bytes"),
        (packed(b'{"payload_bytes": -1}'), "a payload of -1 bytes"),
        (packed(b'{"payload_bytes": 11}', bytes(11)), "at most 10 allowed"),
        (packed(b'{"payload_bytes": 9}', bytes(8)), "in the middle"),
    ],
)
def test_broken_message_is_refused(stream: io.BytesIO, words: str):
    with pytest.raises(BrokenMessageError, match=words):
        receive_message(stream, 10)


def test_worker_is_given_a_request_and_answers_on_its_output(tmp_path: Path):
    """The worker of media answers a request about a file that is no video."""
    text = tmp_path / "text.mp4"
    text.write_text("words\n" * 20, encoding="utf-8")
    with Worker("verify.media.worker") as worker:
        send_message(worker.input, {"operation": "probe", "path": str(text)})
        answer = receive_message(worker.output)
        assert answer is not None
        assert answer[0]["problem"] == "it is text, not a video"
        assert receive_message(worker.output) is None
        assert worker.exit_code() == 0


def test_worker_that_is_asked_nothing_ends():
    with Worker("verify.media.worker") as worker:
        worker.input.close()
        assert worker.output.read() == b""
        assert worker.exit_code() == 1


def test_leaving_the_block_ends_the_worker_whatever_it_does():
    with Worker(_LISTENER) as worker:
        process = worker._process
        assert process.poll() is None
    assert process.poll() == -signal.SIGKILL
    worker.kill()


def test_children_of_the_worker_end_with_it():
    program = b"import subprocess; p = subprocess.Popen(['sleep', '600']); print(p.pid, flush=True)\n"
    with Worker(_LISTENER) as worker:
        worker.input.write(program)
        worker.input.flush()
        child = int(worker.output.readline().replace(b">>> ", b""))
        assert _runs(child)
    for _ in range(100):
        if not _runs(child):
            return
        time.sleep(0.05)
    pytest.fail("the worker's child outlived it")


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_exit_code_tells_signals_and_what_still_runs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processes, "_END_GRACE_S", 0.2)
    with Worker(_LISTENER) as worker:
        assert worker.exit_code() is None
        os.kill(worker._process.pid, signal.SIGTERM)
        assert worker.exit_code() == -signal.SIGTERM


def test_only_the_end_of_long_complaints_is_kept():
    with Worker("no_such_module_of_ours") as worker:
        assert worker.exit_code() == 1
        assert "No module named no_such_module_of_ours" in worker.stderr_tail()
    with Worker(_LISTENER) as worker:
        worker.input.write(b"import sys; _ = sys.stderr.write('x' * 50000 + 'last words'); raise SystemExit(3)\n")
        worker.input.close()
        assert worker.exit_code() == 3
        assert worker.stderr_tail().endswith("last words")
        assert len(worker.stderr_tail()) <= 4000


def test_worker_inherits_no_python_settings_and_nothing_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "json.py").write_text("raise SystemExit('imported from the working folder')\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONINSPECT", "1")
    program = b"import json, os, sys; print(json.dumps([sys.path, dict(os.environ)]), flush=True)\n"
    with Worker(_LISTENER, {"ADDED": "yes"}) as worker:
        worker.input.write(program)
        worker.input.close()
        path, environment = json.loads(worker.output.readline().replace(b">>> ", b""))
    assert str(tmp_path) not in path
    assert "" not in path
    assert environment["ADDED"] == "yes"
    assert "PYTHONINSPECT" not in environment
    assert environment["PYTHONPATH"] == str(Path(processes.__file__).resolve().parent.parent)


def test_where_processes_have_no_groups_the_worker_alone_is_ended(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(os, "killpg")
    with Worker(_LISTENER) as worker:
        process = worker._process
    assert process.poll() is not None
    assert sys.platform == "win32" or process.poll() == -signal.SIGKILL
