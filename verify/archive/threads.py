"""Work divided among threads; NumPy lets go of Python's lock while it computes.

Matrix products themselves are expected to run in one thread each, which the program sees to when it starts
(`verify.__main__`): OpenBLAS divides even small products among all cores, and for many small ones that costs several
times what it saves.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_Item = TypeVar("_Item")
_MOST_THREADS = 8


def for_each(work: Callable[[_Item], None], items: Iterable[_Item], *, is_little: bool = False) -> None:
    """Do the work for every item, in several threads.

    The threads take item after item from one queue: handing each over by itself costs more than many are worth.

    Parameters
    ----------
    is_little
        All of it takes a fraction of a second. Then it is done in this thread: several would mostly wait for each
        other, on a busy machine for many times as long as the work takes.
    """
    if is_little:
        for item in items:
            work(item)
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = min(cores, _MOST_THREADS)
    queue = iter(items)
    turn = threading.Lock()
    ended = threading.Event()

    def taken() -> Iterator[_Item]:
        while not ended.is_set():
            with turn:
                try:
                    item = next(queue)
                except StopIteration:
                    return
            yield item

    def take_turns() -> None:
        try:
            for item in taken():
                work(item)
        finally:  # nothing is left, or something failed and the rest is not begun
            ended.set()

    with ThreadPoolExecutor(threads) as pool:
        try:
            for done in [pool.submit(take_turns) for _ in range(threads)]:
                done.result()
        finally:  # whoever interrupts does not wait for what has not begun
            ended.set()
