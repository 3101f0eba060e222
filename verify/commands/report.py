"""`verify report`: add people's words to a report, and make its readable forms anew."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from verify.commands.options import tell_note
from verify.errors import EXIT_DONE, InvalidUsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verify.evidence.sealing import SealOptions
    from verify.model import Annotation
    from verify.report.opening import OpenedReport

_MOST_NAMED = 20


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def report() -> None:
    """Add people's words to a report, or make its other forms."""


@report.command()
@click.argument("folder", metavar="REPORT_DIR")
@click.option(
    "--match",
    "subject",
    metavar="N",
    help="What is decided on: a match (3), a same-scene finding (S1), a repeat (R2) or an earlier release (E1).",
)
@click.option("--decision", type=click.Choice(["confirmed", "rejected", "unclear"]), help="What you say of it.")
@click.option("--correction", is_flag=True, help="Correct the report as a whole instead.")
@click.option("--by", required=True, metavar="NAME", help="Who says so, as readers are to be told.")
@click.option("--note", required=True, metavar="TEXT", help="Why: what you looked at, or what is corrected.")
def annotate(*, folder: str, subject: str | None, decision: str | None, correction: bool, by: str, note: str) -> int:
    """Add a decision on a match, or a correction, to a report.

    It is dated, added to the custody log beside the case and, if the case is signed, signed with the same key. Nothing
    of the tool's own is altered and nothing said before is overwritten: of several decisions on a match all are shown,
    and the last holds. The readable forms that are there are made anew with it.
    """
    from verify.evidence.annotations import add_annotation, checked_name, checked_note  # noqa: PLC0415 - keeps instant
    from verify.evidence.check import refuse_changed  # noqa: PLC0415
    from verify.model import AnalystDecision  # noqa: PLC0415
    from verify.report.opening import open_report  # noqa: PLC0415

    _check_kind(subject, decision, correction=correction)
    name, text = checked_name(by, "--by"), checked_note(note, "--note")
    opened = open_report(_folder(folder))
    if opened.case is None:
        raise InvalidUsageError(
            opened.folder, "holds no case, in whose log this would be kept", "Give the folder that has evidence/ in it."
        )
    about = _subject(opened, subject) if subject is not None else ""
    refuse_changed(opened.case)
    seal = _seal(opened.case, name)
    added = add_annotation(
        opened.case,
        report_sha256=opened.sha256,
        subject=about,
        decision=AnalystDecision(decision) if decision else None,
        by=name,
        note=text,
        signing_key=seal.signing_key,
    )
    click.echo(_told(added))
    _show_in_forms(opened, seal)
    return EXIT_DONE


@report.command()
@click.argument("folder", metavar="REPORT_DIR")
@click.option(
    "--format",
    "formats",
    metavar="TEXT",
    help="Forms to make, comma-separated, or 'all'. Default: those that are there.",
)
@click.option("--language", metavar="CODE", help="Language of the forms. Default: as they are.")
@click.option("--blur/--no-blur", default=None, help="Blur every picture until it is asked for. Default: as it is.")
@click.option("--pictures/--no-pictures", default=None, help="Show pictures, or carry none. Default: as it is.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, readable=False),
    metavar="DIR",
    help="New or empty folder for them. Default: REPORT_DIR, where they replace those that are there.",
)
@click.option(
    "--operator",
    default="",
    envvar="VERIFY_OPERATOR",
    metavar="NAME",
    help="Who answers for this, for the custody log.",
)
def render(
    *,
    folder: str,
    formats: str | None,
    language: str | None,
    blur: bool | None,
    pictures: bool | None,
    out: Path | None,
    operator: str,
) -> int:
    """Make the readable forms of a report from its report.json.

    What people have said of it is shown with it. In REPORT_DIR itself the custody log is told of each form that is made
    anew; report.json, matches.csv and frames/ stay as they are. With --out the report folder is only read.
    """
    from verify.commands.releases import check_formats  # noqa: PLC0415 - keeps `verify --help` instant
    from verify.report.look import LookChange  # noqa: PLC0415
    from verify.report.rendering import make_anew, make_copy  # noqa: PLC0415

    wanted = check_formats(formats) if formats is not None else frozenset[str]()
    change = LookChange(language=_language(language), is_blurred=blur, has_pictures=pictures)
    where = _folder(folder)
    if out is not None:
        made = make_copy(where, out, wanted, change)
    elif wanted == {"json"}:
        raise InvalidUsageError("--format", "report.json is what the forms are made from", "Name another, or --out.")
    else:
        made = make_anew(where, wanted, lambda case: _seal(case, operator), change)
    for each in made.notes:
        tell_note(each)
    click.echo(f"Made in {out or where}: {', '.join(made.names)}")
    return EXIT_DONE


def _folder(given: str) -> Path:
    if not given:
        raise InvalidUsageError("REPORT_DIR", "is empty", "Give a report folder.")
    return Path(given)


def _check_kind(subject: str | None, decision: str | None, *, correction: bool) -> None:
    """Raise InvalidUsageError unless it is a decision on a match, or a correction."""
    if correction and (subject is not None or decision is not None):
        raise InvalidUsageError(
            "--correction", "is about the report as a whole", "Leave out --match and --decision, or --correction."
        )
    if not correction and (subject is None or decision is None):
        raise InvalidUsageError(
            "--match and --decision", "are needed together", "Name both, or --correction for the report as a whole."
        )


def _subject(opened: OpenedReport, given: str) -> str:
    """Return what is meant by --match; raises InvalidUsageError if the report has no such thing."""
    from verify.report.opening import subjects  # noqa: PLC0415

    known = subjects(opened.report)
    about = given.strip().upper()
    if about not in known:
        more = f", ... ({len(known)} in all)" if len(known) > _MOST_NAMED else ""
        there = f"There are {', '.join(known[:_MOST_NAMED])}{more}." if known else "There is nothing to decide on."
        raise InvalidUsageError(f"--match {given[:_MOST_NAMED]}", "the report has no such match", there)
    return about


def _language(given: str | None) -> str | None:
    from verify.translation import LANGUAGES  # noqa: PLC0415

    if given is not None and given not in LANGUAGES:
        raise InvalidUsageError(
            "--language", f"there is none called {given[:_MOST_NAMED]!r}", f"Choose from {', '.join(LANGUAGES)}."
        )
    return given


def _seal(case: Path, operator: str) -> SealOptions:
    """Say who answers for an entry of a case's log, with the key where the case is signed."""
    from verify.commands.key import ask_password  # noqa: PLC0415
    from verify.evidence.custody import case_signer  # noqa: PLC0415
    from verify.evidence.keys import load_default_key  # noqa: PLC0415
    from verify.evidence.sealing import SealOptions, actor_name  # noqa: PLC0415

    key = load_default_key(ask_password) if case_signer(case) is not None else None
    return SealOptions(actor=actor_name(operator), signing_key=key)


def _told(added: Annotation) -> str:
    from verify.evidence.reading import shown  # noqa: PLC0415

    what = f"{added.subject} {added.decision}" if added.decision else "a correction of the report"
    how = f"signed with key {added.key_id}" if added.key_id else "not signed, as the case is not"
    return f"Annotation {added.number} is in the log of the case ({how}): {what}, by {shown(added.by)}"


def _show_in_forms(opened: OpenedReport, seal: SealOptions) -> None:
    """Make anew the forms that are there."""
    from verify.report.rendering import forms_in, make_anew  # noqa: PLC0415

    present = forms_in(opened.folder)
    if not present:
        return
    with _keeping_annotation_known(opened.folder):
        made = make_anew(opened.folder, present, lambda _: seal)
    for each in made.notes:
        tell_note(each)
    click.echo(f"Made anew with it: {', '.join(made.names)}")


@contextlib.contextmanager
def _keeping_annotation_known(folder: Path) -> Iterator[None]:
    """If the forms cannot be made, say that what was said is kept, and how to go on."""
    try:
        yield
    except BaseException:
        click.echo(
            f"note: the annotation is kept; the readable forms do not all show it yet: verify report render {folder}",
            err=True,
        )
        raise
