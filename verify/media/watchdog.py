"""Something is done when an answer takes too long, without a thread for every answer."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOOKS_PER_LIMIT = 20
_LONGEST_SLEEP_S = 1.0
#: The thread ends when nothing was watched for so long, and starts anew when something is.
_IDLE_S = 5.0


class Watchdog:
    """Watches waits of one thread for answers, thousands of them, with one thread of its own.

    Parameters
    ----------
    bite
        Called, once for each wait that is too long, from the watching thread.
    """

    def __init__(self, bite: Callable[[], None]) -> None:
        self._bite = bite
        self._lock = threading.Lock()
        self._deadline_s: float | None = None
        self._limit_s = _LONGEST_SLEEP_S
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self, limit_s: float) -> Iterator[None]:
        """Watch what is done in this block, which may take `limit_s` seconds."""
        with self._lock:
            self._deadline_s = time.monotonic() + limit_s
            self._limit_s = limit_s
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            self._deadline_s = None

    def _watch(self) -> None:
        idle_since_s: float | None = None
        while True:
            time.sleep(min(_LONGEST_SLEEP_S, self._limit_s / _LOOKS_PER_LIMIT))
            now_s = time.monotonic()
            with self._lock:
                deadline_s = self._deadline_s
                if deadline_s is not None:
                    idle_since_s = None
                    if now_s > deadline_s:
                        self._deadline_s = None
                        self._bite()
                    continue
                idle_since_s = now_s if idle_since_s is None else idle_since_s
                if now_s - idle_since_s > _IDLE_S:
                    self._thread = None
                    return
