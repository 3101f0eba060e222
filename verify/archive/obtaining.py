"""Get the video of a reference: the file that is named, or what an address leads to, with what its page says."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from verify.acquire.source import acquire
from verify.acquire.texts import MAX_TITLE_CHARACTERS, clean_text
from verify.archive.metadata import is_url
from verify.dates import checked_moment
from verify.errors import OutputNotWritableError
from verify.model import SightingSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verify.acquire.options import AcquisitionOptions
    from verify.model import Acquisition, Progress, Reference

PLATFORM_BASIS = "publication date stated by the platform"
#: Of a page that is no known platform.
PAGE_BASIS = "publication date stated by the page"
_GENERIC = "generic"
_MAX_PUBLISHER_CHARACTERS = 200


@contextmanager
def obtained(
    source: str,
    reference: Reference,
    options: AcquisitionOptions,
    progress: Progress,
    parent: Path | None = None,
) -> Iterator[tuple[Path, Reference]]:
    """Yield where the video lies, and what is said of it: what was fetched is gone when the block ends.

    Parameters
    ----------
    source
        Path or http(s) URL.
    parent
        Folder for what is fetched; the system's one for temporary files if None.

    Raises
    ------
    VerifyError
        As `verify.acquire.source.acquire` does.
    """
    if not is_url(source):
        yield Path(source), reference
        return
    with temporary_folder(parent) as folder:
        acquisition = acquire(source, folder, options=options, progress=progress)
        yield acquisition.media.path, with_page_facts(reference, acquisition)


def with_page_facts(reference: Reference, acquisition: Acquisition) -> Reference:
    """Complete what is said of a reference by what its page says; what the archivist says stays as it is."""
    title = clean_text(acquisition.title, MAX_TITLE_CHARACTERS) or ""
    publisher = clean_text(acquisition.publisher, _MAX_PUBLISHER_CHARACTERS) or ""
    reference = replace(reference, title=reference.title or title, publisher=reference.publisher or publisher)
    published = _usable_date(acquisition.published)
    if reference.first_seen or not published:
        return reference
    is_generic = (acquisition.extractor or _GENERIC).lower() == _GENERIC
    return replace(
        reference,
        first_seen=published,
        first_seen_source=SightingSource.PLATFORM,
        first_seen_basis=PAGE_BASIS if is_generic else PLATFORM_BASIS,
        first_seen_url=reference.first_seen_url or reference.source_url,
    )


def _usable_date(text: str | None) -> str:
    try:
        return checked_moment(text) if text else ""
    except ValueError:  # a page may say anything
        return ""


@contextmanager
def temporary_folder(parent: Path | None = None) -> Iterator[Path]:
    """Make a folder that is gone when the block ends; raises OutputNotWritableError if none can be made."""
    try:
        folder = tempfile.mkdtemp(prefix="verify-", dir=parent)
    except OSError as error:
        raise OutputNotWritableError(
            "temporary files", f"no folder can be made for them ({error.strerror})", "Make room, or set TMPDIR."
        ) from error
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
