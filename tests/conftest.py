"""Fixtures and rules for all tests."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fixtures import drawing
from fixtures.footage import FRAMES_PER_SECOND, encode, real_clips, rendered_footage

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run the tests that take minutes")
    parser.addoption("--slow-sample", action="store_true", help="of each test with slow cases, also run the first")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    slow = [item for item in items if "slow" in item.keywords]
    if config.getoption("--slow-sample"):
        first = {(item.path, getattr(item, "originalname", item.name)): item for item in reversed(slow)}
        slow = [item for item in slow if item not in first.values()]
    skip = pytest.mark.skip(reason="slow: run pytest with --slow")
    for item in slow:
        item.add_marker(skip)


class _ErrorLines(logging.Handler):
    """Collects what is logged as an error or worse."""

    def __init__(self) -> None:
        super().__init__(level=logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture(autouse=True)
def no_logged_errors() -> Iterator[None]:
    """Fail a test during which anything is logged at level ERROR or above."""
    handler = _ErrorLines()
    root = logging.getLogger()
    root.addHandler(handler)
    yield
    root.removeHandler(handler)
    if handler.lines:
        pytest.fail("logged as error: " + "; ".join(handler.lines))


@pytest.fixture(scope="session", autouse=True)
def no_settings_of_the_users() -> Iterator[None]:
    """Keep the user's signing key, archive and name out of the tests."""
    # Not below pytest's own folder, which tests that run as another user may not enter.
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="verify-tests-") as home:
        Path(home).chmod(0o755)
        for name in [name for name in os.environ if name.startswith("VERIFY_") and name != "VERIFY_CACHE"]:
            patch.delenv(name)
        for name in ("XDG_CONFIG_HOME", "APPDATA", "LOCALAPPDATA"):
            patch.setenv(name, home)
        yield


@pytest.fixture(scope="session")
def footage() -> dict[str, Path]:
    """Rendered files by name; see the registry in fixtures/footage.py."""
    return rendered_footage()


@pytest.fixture(scope="session")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of a scene that no archive has, for whatever does not depend on what is shown."""
    path = tmp_path_factory.mktemp("brief") / "brief.mp4"
    encode(drawing.scene(78, FRAMES_PER_SECOND), path)
    return path


@pytest.fixture(scope="session")
def clips() -> dict[str, Path]:
    """Real clips of the demo by id; the test is skipped if they have not been fetched."""
    found = real_clips()
    if found is None:
        pytest.skip("the real clips have not been fetched: run `make fixtures` once, with a network")
    return found
