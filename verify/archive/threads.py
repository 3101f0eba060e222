"""Work divided among threads, and matrix products that are not.

OpenBLAS, which NumPy's wheels bring, divides even small products among all cores. For many small ones that costs
several times what it saves, the more so on a busy machine, and NumPy has no setting for it. Whole pieces of work are
divided instead; NumPy lets go of Python's lock while it computes.
"""

from __future__ import annotations

import ctypes
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_PREFIX, _SUFFIXES = "scipy_openblas", ("64_", "")


_Item = TypeVar("_Item")
_MOST_THREADS = 8


def for_each(work: Callable[[_Item], None], items: Iterable[_Item], *, is_little: bool = False) -> None:
    """Do the work for every item, in several threads, with matrix products in one thread each.

    The threads take item after item from one queue: handing each over by itself costs more than many are worth.

    Parameters
    ----------
    is_little
        All of it takes a fraction of a second. Then it is done in this thread: several would mostly wait for each
        other, on a busy machine for many times as long as the work takes.
    """
    if is_little:
        with one_thread():
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

    with one_thread(), ThreadPoolExecutor(threads) as pool:
        try:
            for done in [pool.submit(take_turns) for _ in range(threads)]:
                done.result()
        finally:  # whoever interrupts does not wait for what has not begun
            ended.set()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let NumPy's matrix products use one thread; without effect where its library is another."""
    found = _threads()
    if found is None:
        yield
        return
    get_count, set_count = found
    before = get_count()
    set_count(1)
    try:
        yield
    finally:
        set_count(before)


@lru_cache(maxsize=1)
def _threads() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """Return what reads and sets the number of threads of NumPy's own OpenBLAS, None if it has none."""
    package = Path(np.__file__).parent
    for folder in (package.with_name("numpy.libs"), package / ".dylibs"):
        for path in sorted(folder.glob("*openblas*")):
            try:
                library = ctypes.CDLL(str(path))  # loaded already; this only finds it
            except OSError:
                continue
            for suffix in _SUFFIXES:
                get_count = getattr(library, f"{_PREFIX}_get_num_threads{suffix}", None)
                set_count = getattr(library, f"{_PREFIX}_set_num_threads{suffix}", None)
                if get_count and set_count:
                    return get_count, set_count
    return None
