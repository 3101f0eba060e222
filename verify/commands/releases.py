"""What `verify video` and `verify batch` share: the options of checking releases, and how a check ends."""

from __future__ import annotations

import contextlib
import functools
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verify.commands.options import (
    acquisition_options,
    add_options,
    archive_option,
    descriptor_options,
    told_command,
)
from verify.commands.sealing import seal_options, sign_option
from verify.errors import EXIT_DONE, EXIT_FAIL_ON, EXIT_WARNINGS, InvalidUsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from verify.acquire.options import AcquisitionOptions
    from verify.commands.options import DescriptorChoice
    from verify.evidence.sealing import SealOptions
    from verify.model import Report
    from verify.pipeline import Library

_MOST_LIVE_SECONDS = 86_400


def release_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options of checking a release.

    The command receives `settings`, the members of `verify.pipeline.Request` that they decide, and `fail_on`.
    """

    @functools.wraps(command)
    def checking(
        *,
        options: AcquisitionOptions,
        formats: str,
        blur: bool,
        no_pictures: bool,
        ocr: bool,
        language: str,
        fingerprints: bool,
        comments: bool,
        live_seconds: float | None,
        seal: SealOptions,
        c2pa_trust: Path | None,
        remember: bool,
        **rest: Any,
    ) -> int:
        from verify.media.credentials import find_trust_anchors  # noqa: PLC0415 - keeps `verify --help` instant
        from verify.report.options import RenderOptions  # noqa: PLC0415

        settings = {
            "command": told_command(),
            "formats": check_formats(formats),
            "look": RenderOptions(language=check_language(language), is_blurred=blur, has_pictures=not no_pictures),
            "reads_text": check_text_reader(ocr, no_pictures=no_pictures),
            "keep_fingerprints": fingerprints,
            "options": replace(options, comments=comments, live_seconds=_check_live_seconds(live_seconds)),
            "seal": seal,
            "remember": remember,
            "c2pa_trust": find_trust_anchors(c2pa_trust),
        }
        return command(settings=settings, **rest)

    return add_options(
        descriptor_options(seal_options(acquisition_options(checking))),
        archive_option,
        click.option(
            "--format",
            "formats",
            default="html,json",
            show_default=True,
            help="Forms of the report, comma-separated, or 'all'.",
        ),
        click.option("--blur", is_flag=True, help="Blur every picture in the readable forms until it is asked for."),
        click.option("--no-pictures", is_flag=True, help="Make the report without any pictures."),
        click.option(
            "--ocr", is_flag=True, help="Read the text that shots show (Latin, Chinese, Japanese); needs RapidOCR."
        ),
        click.option(
            "--language",
            default="en",
            show_default=True,
            metavar="CODE",
            help="Language of the readable forms: en, fr or ur. What is recorded stays English.",
        ),
        click.option(
            "--fingerprints/--no-fingerprints",
            default=True,
            show_default=True,
            help="Keep what `verify replay` needs with the report (5 to 10 MB a minute of video).",
        ),
        click.option(
            "--fail-on",
            type=click.Choice(["reuse"]),
            help="End with exit code 60 if any match is found, possible or confirmed.",
        ),
        click.option("--comments", is_flag=True, help="Preserve the comments below the video too."),
        click.option(
            "--live-seconds",
            type=click.FloatRange(min=1),
            metavar="S",
            help="Record a live stream for this long. Without it live streams are refused.",
        ),
        click.option(
            "--remember/--no-remember",
            default=True,
            show_default=True,
            help="Remember the release beside the archive, and compare it with earlier ones of its publisher.",
        ),
        sign_option,
        click.option(
            "--c2pa-trust",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="Certificates (PEM) of signers of Content Credentials to trust. Default: VERIFY_C2PA_TRUST.",
        ),
    )


def _check_live_seconds(seconds: float | None) -> float | None:
    # Written so that NaN, which compares false with everything, is refused too.
    if seconds is not None and not seconds <= _MOST_LIVE_SECONDS:
        raise InvalidUsageError(
            "--live-seconds", f"{seconds} is not a number up to {_MOST_LIVE_SECONDS}", "Give a shorter time."
        )
    return seconds


def check_formats(text: str) -> frozenset[str]:
    """Return the wanted forms of the report; raises InvalidUsageError for an unknown one or none."""
    from verify.report.forms import FORMATS  # noqa: PLC0415 - keeps `verify --help` instant

    wanted = {part.strip() for part in text.split(",") if part.strip()}
    choose = f"Choose from {', '.join(sorted(FORMATS))}, or 'all'."
    if wanted == {"all"}:
        return FORMATS
    if unknown := wanted - FORMATS:
        raise InvalidUsageError("--format", f"{', '.join(sorted(unknown))} is not a form of the report", choose)
    if not wanted:
        raise InvalidUsageError("--format", "names no form of the report", choose)
    return frozenset(wanted)


def check_text_reader(wanted: bool, *, no_pictures: bool) -> bool:
    """Return whether text is to be read; raises ToolMissingError before anything is fetched if that cannot be done."""
    from verify.media.text_reading import find_text_reader  # noqa: PLC0415 - keeps `verify --help` instant

    if wanted and no_pictures:
        raise InvalidUsageError(
            "--ocr", "text is read in the report's pictures, which --no-pictures leaves out", "Leave one of them out."
        )
    if wanted:
        find_text_reader()
    return wanted


def check_language(code: str) -> str:
    """Return the code of a language that reports can be read in; raises InvalidUsageError for any other."""
    from verify.translation import LANGUAGES  # noqa: PLC0415 - keeps `verify --help` instant

    if code not in LANGUAGES:
        known = ", ".join(f"{language.code} ({language.name})" for language in LANGUAGES.values())
        raise InvalidUsageError("--language", f"{code[:40]!r} is no language of reports", f"Choose from {known}.")
    return code


@contextlib.contextmanager
def keeping_evidence_known(destination: Path) -> Iterator[None]:
    """If a stage fails after the bytes were preserved, say where they are."""
    case = destination / "evidence"
    existed = os.path.lexists(case)
    try:
        yield
    except BaseException:
        if not existed and os.path.lexists(case):
            report = "the report is whole" if os.path.lexists(destination / "report.json") else "no report was written"
            click.echo(f"note: what was fetched is preserved in {case}; {report}.", err=True)
        raise


@contextlib.contextmanager
def opened_library(folder: Path, descriptor: DescriptorChoice) -> Iterator[Library]:
    """Open the archive at `folder` for searching, by the chosen descriptor too.

    By the program's own only if the archive has vectors of any: one of before there was a descriptor has none.
    """
    from verify.archive.redescribe import count_described  # noqa: PLC0415 - keeps `verify --help` instant
    from verify.archive.store import Archive  # noqa: PLC0415
    from verify.pipeline import open_library  # noqa: PLC0415

    with Archive.open(folder) as archive:
        described, count = count_described(archive)
    is_without = descriptor.is_own and not described
    if is_without and count:
        click.echo(
            f"note: the archive at {folder} has no vectors of a learned descriptor and is searched without.\n"
            f"      Make them: verify archive reindex --archive {folder}",
            err=True,
        )
    with open_library(folder, None if is_without else descriptor.load()) as library:
        yield library


def exit_code(report: Report, fail_on: str | None) -> int:
    """Exit code of a finished verification: 60 beats 100 beats 0."""
    if fail_on == "reuse" and report.matches:
        return EXIT_FAIL_ON
    return EXIT_WARNINGS if report.warnings else EXIT_DONE
