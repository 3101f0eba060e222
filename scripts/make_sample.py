#!/usr/bin/env python3
"""Make the sample report of this repository: run the demo on rendered footage, keep its report, take a picture of it.

    python scripts/make_sample.py [--report DIR] [--picture FILE]

Replaces reports/sample and docs/images/report.png. The preserved video, the stored fingerprints and the pictures, which
the page holds too, are left out: they are too large for a repository. Needs Chromium, its driver and selenium.
"""

from __future__ import annotations

import argparse
import getpass
import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
LEFT_OUT = frozenset({"evidence", "evidence-custody", "evidence-private", "fingerprints.zip", "frames", "search.html"})
MAX_PAGE_BYTES, MAX_TOTAL_BYTES, MAX_PICTURE_BYTES = 1_250_000, 2_500_000, 300_000
PICTURE_SIZE_PX = (1280, 1180)
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
README = """# Sample report

A report of `verify demo --rendered`, made by `make sample`. The footage is drawn by a program, every institution in it
is invented, and nobody is shown. Open `report.html`.

The preserved video (`evidence/`), the stored fingerprints (`fingerprints.zip`), the pictures as files (`frames/`) and
the page that links to them (`search.html`) are left out here, because of their size; `report.json` names them with
their digests. Make all of it again, on your own machine and without a network: `verify demo --rendered`. Times, ids
and the address of the local page will differ.
"""


def main() -> int:
    """Make the sample; returns 0, or 1 with words on standard error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=Path, default=CHECKOUT / "reports" / "sample", metavar="DIR")
    parser.add_argument("--picture", type=Path, default=CHECKOUT / "docs" / "images" / "report.png", metavar="FILE")
    wanted = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="verify-sample-") as temporary:
            made = _run_demo(Path(temporary))
            sample = _gathered(made, Path(temporary) / "sample")
            _check(sample, Path(temporary))
            picture = _small(_photographed(sample / "report.html"))
            _replace(sample, wanted.report.resolve())
        wanted.picture.parent.mkdir(parents=True, exist_ok=True)
        wanted.picture.write_bytes(picture)
    except (RuntimeError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(f"{wanted.report}\n{wanted.picture} ({len(picture)} bytes)\n")
    return 0


def _run_demo(folder: Path) -> Path:
    """Run the demo in `folder`, so that the paths it records are relative; returns the report's folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VERIFY_", "XDG_"))}
    environment = {**kept, "HOME": str(folder / "home"), "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-P", "-m", "verify", "demo", "--rendered", "--out", "demo"]
    done = subprocess.run(command, cwd=folder, env=environment, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the demo ended with {done.returncode}")
    return folder / "demo" / "report"


def _gathered(report: Path, sample: Path) -> Path:
    """Copy the parts of a report that are kept, and tell how large they are."""
    sample.mkdir()
    for path in sorted(report.iterdir()):
        if path.name not in LEFT_OUT:
            (shutil.copytree if path.is_dir() else shutil.copyfile)(path, sample / path.name)
    (sample / "README.md").write_text(README, encoding="utf-8")
    for path in sorted(sample.rglob("*")):
        if path.is_file():
            sys.stdout.write(f"{path.stat().st_size:>9} {path.relative_to(sample)}\n")
    return sample


def _check(sample: Path, folder: Path) -> None:
    """Raise RuntimeError if the sample is too large, or names this machine, its user or a path of it."""
    sizes = {path: path.stat().st_size for path in sample.rglob("*") if path.is_file()}
    if sizes[sample / "report.html"] > MAX_PAGE_BYTES or sum(sizes.values()) > MAX_TOTAL_BYTES:
        raise RuntimeError(f"the sample takes {sum(sizes.values())} bytes, the page {sizes[sample / 'report.html']}")
    # A short name such as 'root' or 'vm' is a word like any other.
    names = {name for name in (getpass.getuser(), socket.gethostname()) if len(name) > 4}
    private = {str(folder), str(CHECKOUT), str(Path.home()), *names}
    for path in sizes:
        content = path.read_bytes()
        if found := [name for name in private if name.encode() in content]:
            raise RuntimeError(f"{path.name} names {', '.join(found)}")


def _photographed(page: Path) -> bytes:
    """Return a PNG of the upper part of a page, 1280 px wide."""
    from selenium import webdriver  # noqa: PLC0415 - only needed here
    from selenium.webdriver.chrome.service import Service  # noqa: PLC0415

    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver_path = shutil.which("chromedriver")
    if browser is None or driver_path is None:
        raise RuntimeError("Chromium and its driver are needed: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    width, height = PICTURE_SIZE_PX
    with tempfile.TemporaryDirectory(prefix="verify-browser-", ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--window-size={width},{height}", f"--user-data-dir={profile}", "--hide-scrollbars"):
            options.add_argument(flag)
        driver = webdriver.Chrome(options=options, service=Service(driver_path))
        try:
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            driver.get(page.as_uri())
            return driver.get_screenshot_as_png()
        finally:
            driver.quit()


def _small(picture: bytes) -> bytes:
    """Bring a PNG below the limit, with fewer colours if need be."""
    from PIL import Image  # noqa: PLC0415 - only needed here

    with Image.open(io.BytesIO(picture)) as opened:
        whole = opened.convert("RGB")
    for colours in (256, 128, 64, 32):
        kept = io.BytesIO()
        whole.quantize(colours, method=Image.Quantize.MEDIANCUT).save(kept, "PNG", optimize=True)
        if len(kept.getvalue()) <= MAX_PICTURE_BYTES:
            return kept.getvalue()
    raise RuntimeError(f"the picture of the report takes more than {MAX_PICTURE_BYTES} bytes")


def _replace(sample: Path, wanted: Path) -> None:
    """Put the sample in its place."""
    wanted.parent.mkdir(parents=True, exist_ok=True)
    if wanted.exists():
        shutil.rmtree(wanted)
    shutil.copytree(sample, wanted)


if __name__ == "__main__":
    raise SystemExit(main())
