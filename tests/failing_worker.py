"""The worker of `verify archive add`, which fails in a way that the name of its source tells: crash, hang, nonsense."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from verify.archive import ingest_worker
from verify.processes import send_message

_serve = ingest_worker.VideoWorker.serve


def _failing(self: ingest_worker.VideoWorker, request: dict[str, Any]) -> None:
    match Path(request["source"]).stem:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hang":
            time.sleep(3600)
        case "nonsense":
            send_message(sys.stdout.buffer, {"kind": "digest", "reference": {"id": 7}})
        case "silent":
            raise SystemExit(3)
        case "bug":
            raise RuntimeError("a bug, for instance")
        case _:
            _serve(self, request)


if __name__ == "__main__":
    ingest_worker.VideoWorker.serve = _failing  # type: ignore[method-assign]
    raise SystemExit(ingest_worker.main())
