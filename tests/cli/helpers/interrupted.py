"""`python interrupted.py CHECKOUT MOMENT ARGUMENT...`: run a command line, with Ctrl-C at a chosen moment.

A moment is the first time that a function of this program is entered, or the first time that a built-in function
called on one of its lines comes back; there Python looks for signals. At the chosen one, and at all that follow,
SIGINT goes to the whole process group, as a terminal sends it and an impatient user repeats it. Moments are the same
in every run, whatever the load of the machine, and lie in every stage and in the clearing up. With moment 0 nothing
is interrupted. How many moments were met is written to the file that MOMENTS_FILE names.
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
        self._seen: set[tuple[CodeType, int]] = set()

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        """Take one event of the interpreter."""
        met = (frame.f_code, 0 if event == "call" else frame.f_lineno)
        if event not in ("call", "c_return") or met in self._seen or not met[0].co_filename.startswith(self._package):
            return
        self._seen.add(met)
        self.count += 1
        if 0 < self._moment <= self.count:
            os.killpg(0, signal.SIGINT)


def main() -> None:
    """Run the command line; ends as it does."""
    checkout, moment, *arguments = sys.argv[1:]
    sys.path.insert(0, checkout)
    from verify.__main__ import main as run  # noqa: PLC0415 - after the path is set

    sys.argv = ["verify", *arguments]
    interrupter = Interrupter(str(Path(checkout, "verify")) + os.sep, int(moment))
    sys.setprofile(interrupter)
    try:
        run()
    finally:
        sys.setprofile(None)
        Path(os.environ["MOMENTS_FILE"]).write_text(str(interrupter.count), encoding="ascii")


if __name__ == "__main__":
    main()
