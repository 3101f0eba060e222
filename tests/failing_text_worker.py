"""A stand-in for the reader of text, which answers and fails in ways that the names of pictures tell."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import IO, Any

from verify.processes import receive_message, send_message


def line(text: Any, **changes: Any) -> dict[str, Any]:
    return {"text": text, "confidence": 0.91239, "left": 0.1, "top": 0.2, "width": 0.3, "height": 0.04} | changes


def _answer(name: str, output: IO[bytes]) -> None:
    match name:
        case "caption" | "still-0001":
            send_message(output, {"lines": [line("HARBOUR"), line("at dawn", top=0.25)]})
        case "hostile":
            out_of_bounds = line("beyond", confidence=7, left=-3, top=0.9, width=1e9, height=float("nan"))
            texts = ["one\u202etwo\x1b[2J\nthree", "O", "  ", "口", "x" * 9000]
            send_message(output, {"lines": [*map(line, texts), out_of_bounds]})
        case "many":
            send_message(output, {"lines": [line("word " * 99)] * 5000})
        case "none":
            send_message(output, {"lines": []})
        case "nonsense":
            send_message(output, {"lines": [line(17)]})
        case "problem":
            send_message(output, {"problem": "a picture cannot\x07 be read"})
        case "memory":
            raise MemoryError
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hang":
            time.sleep(3600)
        case _:
            raise SystemExit(3)


def main() -> int:
    name = os.environ.get("TEXT_READER", "stand-in 1")
    send_message(sys.stdout.buffer, {"reader": name} if name else {"lines": []})
    while (received := receive_message(sys.stdin.buffer)) is not None:
        _answer(Path(received[0]["path"]).stem, sys.stdout.buffer)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
