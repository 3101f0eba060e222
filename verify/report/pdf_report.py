"""The report as a PDF for print and for the file: PDF/A and PDF/UA, typeset by typst in a process of its own."""

from __future__ import annotations

import json
import re
import tempfile
import unicodedata
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verify.errors import VerifyError
from verify.findings.wording import grouped
from verify.media.watchdog import Watchdog
from verify.processes import BrokenMessageError, Worker, receive_message, send_message
from verify.report.options import Rendered, RenderOptions
from verify.report.pdf.content import document
from verify.report.pdf.pictures import PictureTray
from verify.report.pdf.worker import TEMPLATE_NAME
from verify.translation import ngettext, speaking

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from verify.model import Report

_MODULE = "verify.report.pdf.worker"
#: A thread for every core would reserve more memory than the worker may have.
_ENVIRONMENT = {"RAYON_NUM_THREADS": "2", "MALLOC_ARENA_MAX": "2"}
_TEMPLATE = Path(__file__).parent / "templates" / TEMPLATE_NAME
#: Tried in this order: archival and accessible, archival, neither.
_STANDARDS: tuple[tuple[str, ...], ...] = (("a-2a", "ua-1"), ("a-2b",), ())
#: Tried in this order, those that are there; the first is typst's own. Others the engine finds for itself.
_TEXT_FONTS = (
    "Libertinus Serif",
    "Noto Naskh Arabic",
    "Noto Sans Arabic",
    "Noto Serif CJK SC",
    "Noto Sans CJK SC",
    "Noto Serif",
    "Noto Sans",
    "DejaVu Sans",
    "DejaVu Serif",
    "Noto Sans Symbols",
    "Noto Sans Symbols2",
)
_CODE_FONTS = ("DejaVu Sans Mono", *_TEXT_FONTS)
_FONT_PACKAGES = "fonts-noto-core fonts-noto-cjk"
#: Stands for a character without a glyph; typst's own fonts have it.
_NO_GLYPH = "□"
_MOST_ROUNDS = 4
_MOST_NAMED = 12
_MAX_PDF_BYTES = 256 * 1024 * 1024
_LIMIT_S = 240.0


class _EngineFailedError(Exception):
    """The process that typesets ended, took too long, or said something that is no answer."""


def render_pdf(report: Report, folder: Path, options: RenderOptions | None = None) -> Rendered:
    """Render a report as a PDF with its pictures inside; same report, options and fonts give the same bytes.

    Parameters
    ----------
    report
        The report; every text in it is taken for hostile.
    folder
        Folder that the paths of its pictures start from. A picture that is missing, is no JPEG or is too large is
        replaced by a note that says so.
    options
        How it is to look. Where pictures are to be blurred until they are asked for, they are left out.

    Raises
    ------
    InvalidUsageError
        The path of a picture leads out of `folder`.
    VerifyError
        The PDF cannot be made.
    """
    wanted = options or RenderOptions()
    with speaking(wanted.language), tempfile.TemporaryDirectory(prefix="verify-pdf-") as name:
        root = Path(name)
        (root / TEMPLATE_NAME).write_bytes(_TEMPLATE.read_bytes())
        tray = PictureTray(folder, root, wanted)
        data = {**document(report, wanted, tray), "notice": ""}
        timestamp = _timestamp(report.created_utc)
        try:
            return _typeset(root, data, tray.names, timestamp)
        except _EngineFailedError:
            # A picture that brings the engine down must not keep the rest of the report from being printed.
            note = "report.pdf: the pictures are left out, because typesetting failed with them"
            try:
                made = _typeset(root, _without_pictures(data, tray.names), (), timestamp)
            except _EngineFailedError as error:
                remedy = "The other forms of the report do not need it: choose them with --format."
                raise VerifyError("report.pdf", f"cannot be typeset ({error})", remedy) from error
            return Rendered(content=made.content, notes=(note, *made.notes))


def _typeset(root: Path, data: dict[str, Any], pictures: Sequence[str], timestamp: int) -> Rendered:
    """Have the document made, in the strictest form that the engine grants it."""
    with Worker(_MODULE, _ENVIRONMENT) as worker:
        watchdog = Watchdog(worker.kill)
        with watchdog.watching(_LIMIT_S):
            prepared, _nothing = _ask(worker, {"operation": "prepare", "root": str(root), "pictures": list(pictures)})
            shown = _without_pictures(data, prepared["unusable"])
            families = set(prepared["families"])
            shown["fonts"] = [name for name in _TEXT_FONTS if name in families] or sorted(families)[:1]
            shown["mono"] = [name for name in _CODE_FONTS if name in families] or shown["fonts"]
            problems: list[str] = []
            for standards in _STANDARDS:
                request = {"operation": "compile", "root": str(root), "standards": standards, "timestamp": timestamp}
                answer, content, missing = _with_glyphs(worker, root, shown, request)
                if answer["kind"] == "made":
                    notes = _notes(missing, standards, problems)
                    return Rendered(content=content, notes=notes)
                problems.append(str(answer["problem"]))
    raise _EngineFailedError(_first_line(problems))


def _with_glyphs(
    worker: Worker, root: Path, data: dict[str, Any], request: dict[str, Any]
) -> tuple[dict[str, Any], bytes, set[str]]:
    """Have the document made; characters that no font here has are replaced, and the document says so."""
    missing: set[str] = set()
    answer: dict[str, Any] = {}
    content = b""
    for _round in range(_MOST_ROUNDS):
        (root / "data.json").write_text(_as_json({**data, "notice": _notice(missing)}, missing), encoding="utf-8")
        answer, content = _ask(worker, request)
        found = {letter for letter in answer.get("missing", ()) if not letter.isascii()} - missing
        if answer["kind"] == "made" or not found:
            break
        probe = {"operation": "probe", "root": str(root), "letters": sorted(found), "fonts": data["fonts"]}
        alone, _nothing = _ask(worker, probe)
        # What is joined to a letter that fails, fails with it; it is taken out only if that is not why.
        missing |= set(alone["missing"]) & found or found
    return answer, content, missing


def _ask(worker: Worker, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    try:
        send_message(worker.input, request)
        received = receive_message(worker.output, _MAX_PDF_BYTES)
    except (OSError, BrokenMessageError) as error:
        raise _EngineFailedError(_first_line([worker.stderr_tail(), str(error)])) from error
    if received is None:
        raise _EngineFailedError(_first_line([worker.stderr_tail(), "the engine ended"]))
    return received


def _as_json(data: dict[str, Any], missing: Collection[str]) -> str:
    """Write the data out; characters without a meaning of their own are spelled, those without a glyph replaced."""
    text = json.dumps(data, ensure_ascii=False)
    replaced = {ord(letter): "" if unicodedata.category(letter) == "Cf" else _NO_GLYPH for letter in missing}
    spelled = {
        ord(letter): f"[U+{ord(letter):04X}]"
        for letter in set(text)
        if unicodedata.category(letter) in ("Co", "Cn", "Cs") or letter == "\ufeff"
    }
    return text.translate({**spelled, **replaced, 0x2028: " ", 0x2029: " "})


def _without_pictures(data: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Copy the data with some pictures taken out: their notes stay."""
    refused = frozenset(names)

    def copied(value: Any) -> Any:
        if isinstance(value, dict):
            if value.get("path") in refused:
                value = {**value, "path": ""}
            return {key: copied(inner) for key, inner in value.items()}
        return [copied(inner) for inner in value] if isinstance(value, list | tuple) else value

    made: dict[str, Any] = copied(data)
    return made


def _notice(missing: Collection[str]) -> str:
    if not missing:
        return ""
    text = ngettext(
        "{count} character of this report has no glyph in the fonts that this document was made with, and is shown as "
        "{sign}: {codes}. report.html and report.json have it.",
        "{count} characters of this report have no glyph in the fonts that this document was made with, and are shown "
        "as {sign}: {codes}. report.html and report.json have them.",
        len(missing),
    )
    return text.format(count=grouped(len(missing)), sign=_NO_GLYPH, codes=_codes(missing))


def _notes(missing: Collection[str], standards: Sequence[str], problems: Sequence[str]) -> tuple[str, ...]:
    """Say what the user should know of the PDF that was made, for a log."""
    notes = []
    if missing:
        noun = "character has" if len(missing) == 1 else "characters have"
        notes.append(
            f"report.pdf: {len(missing):,} {noun} no glyph in the fonts found here ({_codes(missing)}): install "
            f"{_FONT_PACKAGES}"
        )
    if problems:
        made = "PDF/A-2b, without the tags of PDF/UA" if standards else "an ordinary PDF, not PDF/A"
        notes.append(f"report.pdf: made as {made}, because the stricter form was refused ({_first_line(problems)})")
    return tuple(notes)


def _codes(missing: Collection[str]) -> str:
    named = [f"U+{ord(letter):04X}" for letter in sorted(missing)]
    return ", ".join(named[:_MOST_NAMED]) + (", …" if len(named) > _MOST_NAMED else "")


def _first_line(problems: Iterable[str]) -> str:
    text = next(filter(None, (problem.strip() for problem in problems)), "no reason was given")
    return re.sub(r"\s+", " ", text.splitlines()[0])[:300]


def _timestamp(created_utc: str) -> int:
    """Return the moment of the report as seconds since 1970; 0 where it is none."""
    with suppress(ValueError, OverflowError):
        return max(int(datetime.fromisoformat(created_utc.replace("Z", "+00:00")).timestamp()), 0)
    return 0
