"""Make a folder a BagIt bag with the Library of Congress's `bagit`."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import verify


def seal_bag(folder: Path, case_id: str, description: str, date: str, digests: Mapping[str, str]) -> None:
    """Turn `folder` into a bag: its content moves below data/, manifests of SHA-256 appear beside it.

    The payload is hashed once more from the disk, and the result compared with what was recorded while it was
    written.

    Parameters
    ----------
    description
        What the payload is, in one sentence.
    date
        Day of sealing, YYYY-MM-DD, UTC.
    digests
        Expected SHA-256 by path below the case folder, such as 'data/master/media.mp4'.

    Raises
    ------
    OSError
        A file cannot be written or read, or does not hold what was written to it.
    """
    with _quiet():
        import bagit  # noqa: PLC0415 - warns while it is imported

        information = {
            "External-Identifier": case_id,
            "External-Description": description,
            "Bagging-Date": date,
            "Bag-Software-Agent": f"verify-video {verify.__version__}, bagit.py {bagit.VERSION}",
        }
        try:
            bag: Any = bagit.make_bag(str(folder), bag_info=information, checksums=["sha256"])
        except bagit.BagError as error:
            raise OSError(f"no bag can be made: {error}") from error
    for path, digest in digests.items():
        entry = bag.entries.get(str(Path(path)))
        if entry is None or entry.get("sha256") != digest:
            raise OSError(f"{path} reads back differently from what was written; the disk may be failing")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep bagit's log lines and deprecation warnings to itself; failures are raised, and told by the caller."""
    logger = logging.getLogger("bagit")
    was_disabled = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        logger.disabled = was_disabled
