"""`python interrupted.py CHECKOUT MOMENT ARGUMENT...`: run a command line, with Ctrl-C at a chosen moment.

A moment is the first time that a function of this program is entered, or the first time that it is left. At the chosen
one SIGINT goes to the whole process group, as a terminal sends it. Moments are the same in every run, whatever the
load of the machine, and lie in every stage and in the clearing up. With moment 0 nothing is interrupted. How many
moments were met is written to the file that MOMENTS_FILE names.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import CodeType, FrameType


class Interrupter:
    """A profile function that counts moments and sends the signal at one of them."""

    def __init__(self, package: str, moment: int) -> None:
        self.count = 0
        self._package = package
        self._moment = moment
        self._seen: set[tuple[CodeType, str]] = set()

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        """Take one event of the interpreter."""
        met = (frame.f_code, event)
        if event not in ("call", "return") or met in self._seen or not met[0].co_filename.startswith(self._package):
            return
        self._seen.add(met)
        self.count += 1
        if self.count == self._moment:
            sys.setprofile(None)
            os.killpg(0, signal.SIGINT)


def main() -> int:
    checkout, moment, *arguments = sys.argv[1:]
    sys.path.insert(0, checkout)
    from verify.__main__ import run  # noqa: PLC0415 - after the path is set

    sys.argv = ["verify", *arguments]
    interrupter = Interrupter(str(Path(checkout, "verify")) + os.sep, int(moment))
    sys.setprofile(interrupter)
    code = run(arguments)
    sys.setprofile(None)
    Path(os.environ["MOMENTS_FILE"]).write_text(str(interrupter.count), encoding="ascii")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
