"""Work divided among threads, and matrix products that are not.

OpenBLAS, which NumPy's wheels bring, divides even small products among all cores. For many small ones that costs
several times what it saves, the more so on a busy machine, and NumPy has no setting for it. Whole pieces of work are
divided instead; NumPy lets go of Python's lock while it computes.
"""

from __future__ import annotations

import ctypes
import os
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


def for_each(work: Callable[[_Item], None], items: Iterable[_Item]) -> None:
    """Do the work for every item, in several threads, with matrix products in one thread each."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with one_thread(), ThreadPoolExecutor(min(cores, _MOST_THREADS)) as pool:
        try:
            for done in [pool.submit(work, item) for item in items]:
                done.result()
        finally:  # whoever interrupts does not wait for what has not begun
            pool.shutdown(wait=False, cancel_futures=True)


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
