"""Work divided among threads: all of it is done, and errors come through."""

from __future__ import annotations

import itertools
import threading
import time

import pytest

from verify.archive.threads import for_each


@pytest.mark.parametrize("is_little", [False, True])
def test_every_item_is_worked_on(is_little: bool):
    done: list[int] = []
    for_each(done.append, range(50), is_little=is_little)
    assert sorted(done) == list(range(50))


def test_little_work_is_done_in_this_thread():
    seen: set[int] = set()
    for_each(lambda _: seen.add(threading.get_ident()), range(50), is_little=True)
    assert seen == {threading.get_ident()}


@pytest.mark.parametrize("is_little", [False, True])
def test_error_of_one_item_is_the_error_of_all(is_little: bool):
    def fail(item: int) -> None:
        if item == 3:
            raise ValueError("the third")

    with pytest.raises(ValueError, match="the third"):
        for_each(fail, range(10), is_little=is_little)


def test_error_of_any_thread_ends_the_others():
    begun: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        if item == 5:
            raise ValueError("number five")
        time.sleep(0.001)

    with pytest.raises(ValueError, match="number five"):
        for_each(work, itertools.count())
    assert len(begun) < 10_000


def test_what_has_not_begun_is_left_after_an_error():
    begun: list[int] = []
    gate = threading.Event()

    def work(item: int) -> None:
        begun.append(item)
        if item == 0:
            raise KeyboardInterrupt
        gate.wait(0.01)

    with pytest.raises(KeyboardInterrupt):
        for_each(work, range(10_000))
    assert len(begun) < 10_000
