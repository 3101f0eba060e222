"""The texts that make a folder a BagIt bag (RFC 8493) with SHA-256, each in one form only.

They are written here, because their exact form is part of the format of a case; the Library of Congress's `bagit`
judges the result.
"""

from __future__ import annotations

import hashlib
import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import verify
from verify.evidence.layout import BAG_INFO_NAME, BAGIT_NAME, PAYLOAD_LIST_NAME, TAG_LIST_NAME

#: The tag files that the tag manifest lists.
LISTED_TAG_FILES = (BAG_INFO_NAME, BAGIT_NAME, PAYLOAD_LIST_NAME)
#: 0.97 is the version that most tools read; nothing in which 1.0 differs is used.
BAGIT_TEXT = b"BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n"
_LISTED = re.compile(r"([0-9a-f]{64})  ([^\s\\%](?:[^\n\r\\%]*[^\s\\%])?)\n")


def seal_bag(folder: Path, case_id: str, description: str, date: str, payload: Mapping[str, tuple[str, int]]) -> str:
    """Make a folder whose payload lies below data/ a bag, and let `bagit` read all of it back.

    Parameters
    ----------
    description
        What the payload is, in one sentence.
    date
        Day of sealing, YYYY-MM-DD, UTC.
    payload
        SHA-256 and size in bytes of every file of the payload, by path such as 'data/master/media.mp4'.

    Returns
    -------
    str
        SHA-256 of the tag manifest, the digest of the whole bag.

    Raises
    ------
    OSError
        A file cannot be written or read, or does not hold what was written to it.
    """
    texts = {
        BAG_INFO_NAME: bag_information(case_id, description, date, payload),
        BAGIT_NAME: BAGIT_TEXT,
        PAYLOAD_LIST_NAME: listing({path: digest for path, (digest, _) in payload.items()}),
    }
    tag_list = listing({name: hashlib.sha256(text).hexdigest() for name, text in texts.items()})
    for name, text in {**texts, TAG_LIST_NAME: tag_list}.items():
        (folder / name).write_bytes(text)
    if problem := judge_bag(folder):
        raise OSError(
            None, f"the bag reads back differently from what was written ({problem}); the disk may be failing"
        )
    return hashlib.sha256(tag_list).hexdigest()


def bag_information(case_id: str, description: str, date: str, payload: Mapping[str, tuple[str, int]]) -> bytes:
    """Write bag-info.txt; the last line holds the payload's bytes and its number of files."""
    total = sum(size for _, size in payload.values())
    return (
        f"Bag-Software-Agent: verify-video {verify.__version__}\n"
        f"Bagging-Date: {date}\n"
        f"External-Description: {description}\n"
        f"External-Identifier: {case_id}\n"
        f"Payload-Oxum: {total}.{len(payload)}\n"
    ).encode()


def listing(digests: Mapping[str, str]) -> bytes:
    """Write a manifest of a bag: a digest, two spaces and a path on each line, sorted by path."""
    return "".join(f"{digests[path]}  {path}\n" for path in sorted(digests)).encode()


def read_listing(content: bytes) -> dict[str, str]:
    """Read a manifest of a bag, which must be written exactly as `listing` does.

    Raises
    ------
    ValueError
        It is not; the message says how.
    """
    digests: dict[str, str] = {}
    for number, line in enumerate(content.decode("utf-8").splitlines(keepends=True), 1):
        found = _LISTED.fullmatch(line)
        if found is None:
            raise ValueError(f"line {number} is not a digest in lower case, two spaces, a path and a line feed")
        if found[2] in digests:
            raise ValueError(f"line {number} names a file for the second time")
        digests[found[2]] = found[1]
    if listing(digests) != content:
        raise ValueError("its lines are not sorted by path")
    return digests


def judge_bag(folder: Path) -> str | None:
    """Let `bagit` read the whole bag; returns what it finds wrong, None if nothing.

    To be called only on a folder that holds nothing but the files of its manifests: the library follows links.
    """
    with _quiet():
        import bagit  # noqa: PLC0415 - warns while it is imported

        try:
            bag: Any = bagit.Bag(str(folder))
            bag.validate()
        except (bagit.BagError, OSError, ValueError) as error:
            return str(error) or type(error).__name__
    return None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep bagit's log lines and deprecation warnings to itself; its findings are told by the caller."""
    logger = logging.getLogger("bagit")
    was_disabled = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        logger.disabled = was_disabled
