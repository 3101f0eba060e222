"""Make the readable forms of a report that was written earlier, beside it or elsewhere, from report.json.

report.json, matches.csv and frames/ are never touched. What people said of the report comes from the log of its case,
which in turn is told of every form that is made anew.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from verify.errors import InvalidUsageError, OutputNotWritableError, VerifyError
from verify.evidence.annotations import REPORT_NAME
from verify.evidence.custody import append_event, case_signer
from verify.evidence.custody_log import REPORT_WRITTEN
from verify.evidence.durable import force_to_disk, synchronise
from verify.evidence.locking import locked
from verify.evidence.reading import digest_of
from verify.evidence.sealing import SealOptions, can_continue_log
from verify.report.checked_pictures import linked_pictures, take_pictures
from verify.report.forms import FORMS, render_form
from verify.report.look import LookChange, checked_look, known_look, look_words
from verify.report.opening import open_report
from verify.report.pictures import FRAMES_FOLDER

if TYPE_CHECKING:
    from verify.report.forms import Form
    from verify.report.opening import OpenedReport
    from verify.report.options import RenderOptions

#: Every form of a long report takes some seconds.
_WAIT_S = 300.0
_LOCK_NAME = ".rendering.lock"
_AS_IT_WAS = LookChange()


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Names of the files that were made, in order, and what the user should know, as whole sentences."""

    names: tuple[str, ...]
    notes: tuple[str, ...]


def make_anew(
    folder: Path,
    wanted: frozenset[str],
    seal: Callable[[Path], SealOptions],
    change: LookChange = _AS_IT_WAS,
) -> Made:
    """Make forms of a report in its own folder, where they replace those of the same name, and tell the case's log.

    What was interrupted is completed by doing it again.

    Parameters
    ----------
    wanted
        Names of forms. None: those that are there or, if there are none, the page.
    seal
        Says who answers for it. Only asked with a case, if there is anything to tell its log.
    change
        How they are to look otherwise than they did.

    Raises
    ------
    InvalidUsageError
        It is no report; or the case is signed with another key. Nothing was replaced.
    EvidenceMismatchError
        The report does not belong to its case, or a picture was changed. Nothing was replaced.
    OutputNotWritableError
        Something could not be written.
    """
    folder = open_report(folder).folder
    with _one_at_a_time(folder), _working(folder) as working:
        opened = open_report(folder)  # with what was said while another process was rendering
        forms = _chosen(wanted) or _present(folder) or [FORMS["html"]]
        looks = _looks(opened, forms, change)
        notes = _render(opened, forms, looks, working)
        _put_in_place(opened, forms, looks, working / "made", seal)
    return Made(names=tuple(form.file_name for form in forms), notes=(*opened.notes, *notes))


def make_copy(folder: Path, out: Path, wanted: frozenset[str], change: LookChange = _AS_IT_WAS) -> Made:
    """Make forms of a report in a new or empty folder; the report's own is only read.

    Pictures that a form links to come with it. What is there in the end is whole, or nothing is.

    Parameters
    ----------
    wanted, change
        As for `make_anew`; with 'json', report.json is copied too.

    Raises
    ------
    InvalidUsageError
        It is no report, `out` is not empty or lies in the report's folder, or a form cannot do without pictures.
    EvidenceMismatchError, OutputNotWritableError
        As for `make_anew`.
    """
    opened = open_report(folder)
    forms = _chosen(wanted)
    if not forms and "json" not in wanted:
        forms = _present(opened.folder) or [FORMS["html"]]
    looks = _looks(opened, forms, change)
    with _new_folder(out, opened.folder) as working:
        notes = _render(opened, forms, looks, working)
        made = working / "made"
        if "json" in wanted:
            (made / REPORT_NAME).write_bytes(opened.content)
        _add_linked(forms, looks, working)
        names = tuple(sorted(path.name for path in made.iterdir()))
        _move_all(made, names, out)
    return Made(names=names, notes=(*opened.notes, *notes))


def forms_in(folder: Path) -> frozenset[str]:
    """Return the names of the forms that are in a report folder."""
    return frozenset(form.name for form in _present(folder))


def _chosen(wanted: frozenset[str]) -> list[Form]:
    return [form for name, form in FORMS.items() if name in wanted]


def _present(folder: Path) -> list[Form]:
    """List the forms that are there."""
    return [form for form in FORMS.values() if (folder / form.file_name).is_file()]


def _looks(opened: OpenedReport, forms: Sequence[Form], change: LookChange) -> dict[str, RenderOptions]:
    """Return how each form is to look, by its name."""
    events = opened.log.events if opened.log else ()
    looks = {}
    for form in forms:
        known = known_look(form.file_name, events, opened.report.command)
        looks[form.name] = checked_look(change.applied(known), form.file_name)
    return looks


def _render(
    opened: OpenedReport, forms: Sequence[Form], looks: dict[str, RenderOptions], working: Path
) -> tuple[str, ...]:
    """Render forms into `working`/made, with the pictures in `working`/pictures, each compared with its digest."""
    pictures, none, made = (working / name for name in ("pictures", "none", "made"))
    for path in (pictures, none, made):
        path.mkdir()
    notes: list[str] = []
    if any(looks[form.name].has_pictures for form in forms):
        notes += take_pictures(opened, pictures)
    for form in forms:
        look = replace(looks[form.name], annotations=opened.annotations)
        # Where none is to be shown, none can be found.
        source = pictures if look.has_pictures else none
        notes += render_form(form, opened.report, source, look, made / form.file_name)
    return tuple(dict.fromkeys(notes))


def _put_in_place(
    opened: OpenedReport,
    forms: Sequence[Form],
    looks: dict[str, RenderOptions],
    made: Path,
    seal: Callable[[Path], SealOptions],
) -> None:
    """Replace the forms of a report by those that were made, and tell the log of its case what it does not know."""
    told = opened.log.report_files() if opened.log else {}
    digests = {form.name: digest_of(made / form.file_name)[0] for form in forms}
    untold = [form for form in forms if told.get(form.file_name) != digests[form.name]] if opened.log else []
    options = seal(opened.case) if opened.case and untold else None
    if opened.case and options and not can_continue_log(opened.case, options.signing_key):
        raise _another_key(opened.case)
    force_to_disk(made)
    for form in forms:
        (made / form.file_name).replace(opened.folder / form.file_name)
    synchronise(opened.folder)
    if opened.case is None or options is None:
        return
    with _naming_remedy(opened.folder):
        for form in untold:
            append_event(
                opened.case,
                actor=options.actor,
                action=REPORT_WRITTEN,
                detail=f"{form.file_name}: {look_words(looks[form.name])}",
                digest=digests[form.name],
                signing_key=options.signing_key,
            )


def _add_linked(forms: Sequence[Form], looks: dict[str, RenderOptions], working: Path) -> None:
    """Put the pictures that pages link to beside them."""
    made = working / "made"
    for form in forms:
        page = made / form.file_name
        linked = linked_pictures(page.read_bytes()) if page.suffix == ".html" else set()
        if linked and not looks[form.name].has_pictures:
            raise InvalidUsageError(
                form.name, "is a form that links to pictures, and they are to be left out", "Leave it out of --format."
            )
        for path in sorted(linked):
            source = (working / "pictures" / path).resolve()
            if not source.is_relative_to((working / "pictures" / FRAMES_FOLDER).resolve()) or not source.is_file():
                raise InvalidUsageError(
                    path,
                    f"is linked to from {form.file_name}, and the report has no such picture",
                    "Leave that form out.",
                )
            (made / FRAMES_FOLDER).mkdir(exist_ok=True)
            shutil.copyfile(source, made / FRAMES_FOLDER / source.name)


def _another_key(case: Path) -> InvalidUsageError:
    signer = case_signer(case)
    key_id = signer.key_id if signer else "?"
    return InvalidUsageError(
        case,
        f"is signed with key {key_id}, and only with that key can its log tell of other forms than are there",
        "Name that key's file in VERIFY_KEY, or make the forms elsewhere with `verify report render --out`.",
    )


@contextmanager
def _naming_remedy(folder: Path) -> Iterator[None]:
    """Let an error of the log say what to do about the forms that it does not tell of."""
    try:
        yield
    except VerifyError as error:
        remedy = f"{error.remedy} Then complete it: verify report render {folder}"
        raise type(error)(error.subject, error.problem, remedy) from error


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Keep two processes from replacing the forms of a report in turn: the one that comes later knows more."""
    with ExitStack() as stack:
        with _naming(folder):
            stack.enter_context(locked(folder / _LOCK_NAME, _WAIT_S))
        yield


@contextmanager
def _working(folder: Path) -> Iterator[Path]:
    """Give a temporary folder inside another, removed whatever happens."""
    with _naming(folder):
        working = Path(tempfile.mkdtemp(prefix=".working-", dir=folder))
        try:
            yield working
        finally:
            shutil.rmtree(working, ignore_errors=True)


@contextmanager
def _new_folder(out: Path, report_folder: Path) -> Iterator[Path]:
    """Make a folder, unless it is there and empty, and give a working folder in it; both go if the block fails."""
    if out.resolve().is_relative_to(report_folder):
        raise InvalidUsageError(out, "lies in the report's own folder", "Choose another --out.")
    with _naming(out):
        missing = [path for path in (out, *out.parents) if not os.path.lexists(path)]
        out.mkdir(parents=True, exist_ok=True)
        try:
            if any(out.iterdir()):
                raise InvalidUsageError(out, "is not empty", "Choose another --out; nothing is overwritten.")
            with _working(out) as working:
                yield working
        except BaseException:
            for path in missing:
                with suppress(OSError):
                    path.rmdir()
            raise


def _move_all(made: Path, names: Sequence[str], out: Path) -> None:
    """Move what was made to its place; take it back if that fails or is interrupted."""
    try:
        for name in names:
            (made / name).rename(out / name)
    except BaseException:
        for name in names:
            with suppress(OSError):
                (out / name).unlink()
        shutil.rmtree(out / FRAMES_FOLDER, ignore_errors=True)
        raise


@contextmanager
def _naming(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputNotWritableError(
            folder,
            f"the forms cannot be written ({error.strerror or error})",
            "Free some disk space, or make the folder writable.",
        ) from error
