"""The lock files and the Makefile keep what `make demo` promises: pinned, hashed, and from nowhere in particular."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest

from fixtures.footage import CHECKOUT

LOCKS = ("requirements.lock", "requirements-build.lock", "requirements-dev.lock", "requirements-ocr.lock")
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", re.MULTILINE)


def pins(name: str) -> dict[str, set[str]]:
    """Versions by normalised project name."""
    found: dict[str, set[str]] = {}
    for project, version in PIN.findall((CHECKOUT / name).read_text(encoding="utf-8")):
        found.setdefault(normal(project), set()).add(version)
    return found


def normal(project: str) -> str:
    return re.sub(r"[-_.]+", "-", project).lower()


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_hashes_and_no_place_is_named(name: str):
    text = (CHECKOUT / name).read_text(encoding="utf-8")
    assert not re.search(r"://|--index|--find-links|(?<![\w-])/", text)
    blocks = re.split(r"\n(?=[A-Za-z0-9])", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    for block in filter(str.strip, blocks):
        assert PIN.match(block.lstrip()), block
        assert "--hash=sha256:" in block


def test_all_declared_dependencies_are_locked():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    declared = {
        "requirements.lock": project["project"]["dependencies"],
        "requirements-build.lock": project["dependency-groups"]["build"],
        "requirements-dev.lock": project["dependency-groups"]["dev"],
    }
    for name, requirements in declared.items():
        names = {normal(re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]) for requirement in requirements}
        assert names <= set(pins(name))


def test_the_locks_agree_with_each_other():
    everything = pins("requirements-dev.lock")
    for project, versions in pins("requirements.lock").items():
        assert everything[project] == versions


def test_make_lists_its_targets():
    listed = subprocess.run(["make"], cwd=CHECKOUT, capture_output=True, text=True, check=True, timeout=20).stdout
    for target in ("demo", "test", "check", "coverage", "lock", "clean"):
        assert f"make {target} " in listed
