"""An acquisition that is killed while it preserves leaves no case, or a whole one."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fixtures.footage import CHECKOUT
from tests.http_server import serving
from tests.unit.case_samples import acquisition, seal
from verify.errors import EvidenceExistsError
from verify.evidence.check import check_evidence

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no process can be killed like that here")

SEED = 50
DEFAULT_MOMENTS, SLOW_MOMENTS = 6, 50
MEDIA_BYTES = 12 * 1024**2
# All imports are done, and the media is there, before the parent is told to start its clock.
CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import bagit
from tests.unit.case_samples import PRIVATE_ROLES, ROLES, acquisition, seal
from verify.evidence.keys import SigningKey
staging, case = Path(sys.argv[2]), Path(sys.argv[3])
taken = acquisition(staging, {**ROLES, **PRIVATE_ROLES})
(staging / "media.mkv").write_bytes(bytes(int(sys.argv[4])))
key = SigningKey.generate()
print("ready", flush=True)
seal(staging, case, taken, signing_key=key)
print("done", flush=True)
"""


def preserve_for(seconds: float | None, folder: Path) -> float:
    """Preserve in a process that is killed after a time, None: never; returns how long it took from being ready."""
    (folder / "staging").mkdir(parents=True)
    command = [sys.executable, "-W", "ignore", "-c", CHILD, CHECKOUT, folder / "staging", folder / "out" / "evidence"]
    with subprocess.Popen(
        [*map(str, command), str(MEDIA_BYTES)], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
        began = time.monotonic()
        if seconds is None:
            assert child.stdout.readline() == "done\n"
            return time.monotonic() - began
        time.sleep(seconds)
        os.kill(child.pid, signal.SIGKILL)
        return seconds


@pytest.mark.parametrize("moments", [DEFAULT_MOMENTS, pytest.param(SLOW_MOMENTS, marks=pytest.mark.slow)])
def test_killed_at_random_moments(moments: int, tmp_path: Path) -> None:
    draw = random.Random(SEED)
    whole_s = preserve_for(None, tmp_path / "whole")
    assert_complete(tmp_path / "whole" / "out" / "evidence")
    unfinished = 0
    for moment in range(moments):
        folder = tmp_path / f"moment-{moment}"
        # One moment in each equal part of the time that it takes.
        preserve_for(whole_s * (moment + draw.random()) / moments, folder)
        case = folder / "out" / "evidence"
        if case.exists():
            assert_complete(case)
            continue
        unfinished += 1
        assert check_evidence(case).problems
        left = {path.name for path in case.parent.iterdir()} if case.parent.exists() else set()
        visible = {name for name in left if not name.startswith(".")}
        assert visible <= {"evidence-private", "evidence-custody"}
        staging = folder / "again"
        staging.mkdir()
        if visible:
            with pytest.raises(EvidenceExistsError, match="without its case"):
                seal(staging, case)
        else:
            seal(staging, case)
            assert_complete(case)
        seal(staging, folder / "elsewhere" / "evidence", acquisition(staging))
        assert_complete(folder / "elsewhere" / "evidence")
    assert unfinished


def assert_complete(case: Path) -> None:
    found = check_evidence(case)
    assert (found.problems, found.notices) == ((), ())


# --- the whole acquisition -------------------------------------------------------------------------------------------


def check_for(seconds: float | None, url: str, out: Path) -> float:
    """Run `verify video` and kill it after a time, None: when its case is there; returns how long that took."""
    command = [sys.executable, str(CHECKOUT / "cli.py"), "video", url, "--allow-private", "--out", str(out)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as child:
        began = time.monotonic()
        deadline = began + (30 if seconds is None else seconds)
        while child.poll() is None and time.monotonic() < deadline:
            if seconds is None and (out / "evidence").exists():
                break
            time.sleep(0.002)
        taken = time.monotonic() - began
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        return taken


@pytest.mark.parametrize("moments", [3, pytest.param(SLOW_MOMENTS, marks=pytest.mark.slow)])
def test_acquisition_killed_at_random_moments(moments: int, footage: dict[str, Path], tmp_path: Path) -> None:
    draw = random.Random(SEED)
    content = footage["scene"].read_bytes()
    with serving() as server:
        # Some megabytes, so that there is time to be killed while they come.
        url = server.add("/scene.mp4", content + bytes(MEDIA_BYTES), "video/mp4")
        until_preserved_s = check_for(None, url, tmp_path / "whole")
        assert_complete(tmp_path / "whole" / "evidence")
        unfinished = 0
        for moment in range(moments):
            out = tmp_path / f"moment-{moment}"
            check_for(1.2 * until_preserved_s * (moment + draw.random()) / moments, url, out)
            if (out / "evidence").exists():
                assert_complete(out / "evidence")
                (master,) = (out / "evidence" / "data" / "master").iterdir()
                assert master.read_bytes() == content + bytes(MEDIA_BYTES)
            else:
                unfinished += 1
                assert check_evidence(out / "evidence").problems
    assert unfinished
