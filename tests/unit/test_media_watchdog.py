"""One thread watches many waits, bites once for each that is too long, and goes when it is not needed."""

from __future__ import annotations

import threading
import time

import pytest

from verify.media import watchdog
from verify.media.watchdog import Watchdog


class Bites:
    def __init__(self) -> None:
        self.count = 0
        self.bitten = threading.Event()

    def __call__(self) -> None:
        self.count += 1
        self.bitten.set()


def watchers() -> int:
    return sum(thread.name == "watchdog" for thread in threading.enumerate())


@pytest.fixture(autouse=True)
def soon_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "_IDLE_S", 0.2)


def test_a_wait_that_is_too_long_is_ended_once():
    bites = Bites()
    with Watchdog(bites).watching(0.1):
        assert bites.bitten.wait(5)
        time.sleep(0.3)
    assert bites.count == 1


def test_every_long_wait_is_ended():
    bites = Bites()
    dog = Watchdog(bites)
    for number in (1, 2):
        with dog.watching(0.1):
            assert bites.bitten.wait(5)
        bites.bitten.clear()
        assert bites.count == number


def test_many_short_waits_take_one_thread_and_no_bite():
    bites = Bites()
    dog = Watchdog(bites)
    before = watchers()
    for _ in range(1000):
        with dog.watching(0.5):
            pass
    assert watchers() <= before + 1
    assert bites.count == 0


def test_the_thread_goes_when_nothing_is_watched_and_comes_back():
    bites = Bites()
    dog = Watchdog(bites)
    with dog.watching(0.1):
        pass
    for _ in range(100):
        if dog._thread is None:
            break
        time.sleep(0.05)
    assert dog._thread is None
    with dog.watching(0.1):
        assert bites.bitten.wait(5)


def test_an_error_ends_the_watch():
    bites = Bites()
    dog = Watchdog(bites)
    with pytest.raises(KeyError), dog.watching(0.1):
        raise KeyError
    time.sleep(0.3)
    assert bites.count == 0
