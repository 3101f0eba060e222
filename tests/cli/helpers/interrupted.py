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
        self._known: dict[int, tuple[CodeType, bool, set[int]]] = {}

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        """Take one event of the interpreter; almost all are of other code, so that is found out first."""
        if event not in ("call", "c_return"):
            return
        code = frame.f_code
        known = self._known.get(id(code))  # hashing code itself takes long
        if known is None:
            known = self._known[id(code)] = (code, code.co_filename.startswith(self._package), set())
        _, is_ours, seen = known
        place = 0 if event == "call" else frame.f_lineno
        if not is_ours or place in seen:
            return
        seen.add(place)
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
