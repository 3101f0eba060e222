"""The report as one self-contained page: one script of its own, no request, everything from outside escaped."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verify.errors import InvalidUsageError
from verify.findings.changes import filled_share, picture_changes
from verify.findings.statements import basis_words
from verify.findings.support import false_alarm_words, supporting_families
from verify.findings.wording import about_share, counted, grouped, listed, rate_words, seconds_words, timecode
from verify.model import MatchLevel
from verify.report.card_words import CARD_FILTERS
from verify.report.geometry_figure import draw_geometry, laid_on_query
from verify.report.localising import localised
from verify.report.motion_figure import draw_motion, draw_similarity
from verify.report.options import RenderOptions
from verify.report.page_view import (
    MOST_REJECTIONS,
    claims_by_side,
    frame_class_name,
    legend,
    length_words,
    listed_shots,
    loose_findings,
    span_rows,
    subjects,
    summarise,
)
from verify.report.texts import harmless, size_words, utc_words, visible, web_link
from verify.report.timeline import build_timeline
from verify.translation import _, is_kept_english, ngettext, speaking

if TYPE_CHECKING:
    from collections.abc import Callable

    import jinja2
    from markupsafe import Markup

    from verify.model import Annotation, Match, Picture, Report, ReportedMatch, ReportedRepeat
    from verify.report.geometry_figure import GeometryFigure
    from verify.report.motion_figure import SimilarityFigure

_TEMPLATES = Path(__file__).parent / "templates"
#: Written into the page one after the other; the page names their digest and permits no other script.
_STYLES = ("report.css", "timeline.css", "match.css")
_SCRIPTS = ("timeline.js", "report.js", "compare.js")
_MAX_PICTURE_BYTES = 2 * 1024 * 1024
_MAX_PICTURES_BYTES = 48 * 1024 * 1024
_JPEG_START = b"\xff\xd8\xff"
_DATE = re.compile(r"\b\d{4}-\d\d(?:-\d\d)?\b", re.ASCII)


def render_html(report: Report, folder: Path, options: RenderOptions | None = None) -> str:
    """Render a report as one HTML page with its pictures inside.

    Parameters
    ----------
    report
        The report; every text in it is taken for hostile.
    folder
        Folder that the paths of its pictures start from. A picture that is missing, is no JPEG or is too large is
        replaced by a note that says so.
    options
        How it is to look.

    Raises
    ------
    InvalidUsageError
        The path of a picture leads out of `folder`.
    """
    shown = options or RenderOptions()
    script = _joined(_SCRIPTS)
    digest = hashlib.sha256(script.encode()).digest()
    with speaking(shown.language) as language:
        recorded = report
        report = localised(report)
        template = _environment(folder, shown).get_template("report.html.j2")
        return template.render(
            report=report,
            options=shown,
            language=language,
            style=_joined(_STYLES),
            script=script,
            script_sha256=base64.b64encode(digest).decode(),
            release=report.release,
            summary=summarise(report),
            confirmed=[entry for entry in report.matches if entry.match.level is MatchLevel.CONFIRMED],
            possible=[entry for entry in report.matches if entry.match.level is not MatchLevel.CONFIRMED],
            timeline=build_timeline(report),
            legend=legend(report),
            span_rows=span_rows(report),
            notes=loose_findings(report),
            claim_sides=claims_by_side(report, recorded),
            shots=listed_shots(report),
            subjects=subjects(report),
            most_rejections=MOST_REJECTIONS,
            command=shlex.join(report.command),
        )


def _joined(names: tuple[str, ...]) -> Markup:
    """Put our own styles or scripts together, as they are to stand in the page."""
    from markupsafe import Markup  # noqa: PLC0415 - comes with jinja2, and as late

    texts = [(_TEMPLATES / name).read_text(encoding="utf-8") for name in names]
    return Markup("\n".join(texts))  # noqa: S704 - files of this package


def _harmless(value: Any) -> Any:
    """Spell out, in whatever the template prints, what no text may bring along; the isolates of statements stay."""
    return harmless(value) if type(value) is str else value


def _prose(text: str) -> Markup:
    """Escape a sentence, keep its dates from being broken at the end of a line, and say so if it stayed in English."""
    from markupsafe import Markup, escape  # noqa: PLC0415 - comes with jinja2, and as late

    escaped = _DATE.sub(r'<span class="nowrap">\g<0></span>', str(escape(_harmless(text))))
    return Markup(f"<span{_language_mark(text)}>{escaped}</span>" if is_kept_english(text) else escaped)  # noqa: S704 - escaped


class _PictureLoader:
    """Turns pictures of a report folder into data URIs, as long as they stay within bounds."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder.resolve()
        self._left_bytes = most_bytes

    def data_uri(self, picture: Picture) -> str:
        """Return the picture as a data URI, or an empty text if it cannot be shown."""
        path = (self._folder / picture.path).resolve()
        if not path.is_relative_to(self._folder):
            raise InvalidUsageError(picture.path, "leads out of the report folder", "The report was tampered with.")
        try:
            if not path.is_file():  # what waits for a writer would never end
                return ""
            with path.open("rb") as file:
                data = file.read(_MAX_PICTURE_BYTES + 1)
        except OSError:
            return ""
        if len(data) > min(_MAX_PICTURE_BYTES, self._left_bytes) or not data.startswith(_JPEG_START):
            return ""
        self._left_bytes -= len(data)
        return f"data:image/jpeg;base64,{base64.b64encode(data).decode('ascii')}"


def _geometry_figure(entry: ReportedMatch | ReportedRepeat) -> GeometryFigure | None:
    return draw_geometry(entry.match.geometry, entry.frame_pairs) if entry.match.geometry else None


def _similarity_figure(match: Match) -> SimilarityFigure | None:
    return draw_similarity(match.similarity, match.time_map) if match.similarity else None


def _language_mark(text: str) -> Markup:
    """Return the attributes of an element whose text stays in English on a page of another language, with a blank."""
    from markupsafe import Markup  # noqa: PLC0415 - comes with jinja2, and as late

    return Markup(' lang="en" dir="ltr"') if is_kept_english(text) else Markup("")


def _matrix(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


def _annotations_of(options: RenderOptions) -> Callable[[str], tuple[Annotation, ...]]:
    """Return the function that finds what people said of a subject: '3' is match 3, 'S1' a same scene, and so on."""
    said: dict[str, list[Annotation]] = {}
    for annotation in sorted(options.annotations, key=lambda annotation: annotation.number):
        said.setdefault(annotation.subject, []).append(annotation)
    return lambda subject: tuple(said.get(str(subject), ()))


def _environment(folder: Path, options: RenderOptions) -> jinja2.Environment:
    import jinja2  # noqa: PLC0415 - slow to import, and only this form of the report needs it

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        extensions=["jinja2.ext.i18n"],
        undefined=jinja2.StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_callables(_, ngettext, newstyle=True)  # type: ignore[attr-defined]
    annotations_of = _annotations_of(options)
    # What macros need too: they are imported without the variables of the page.
    environment.globals.update(
        annotations_of=annotations_of, has_pictures=options.has_pictures, is_blurred=options.is_blurred
    )
    pictures = _PictureLoader(folder, _MAX_PICTURES_BYTES if options.has_pictures else 0)
    filters: dict[str, Any] = {
        "timecode": timecode,
        "seconds": seconds_words,
        "rate": rate_words,
        "length_words": length_words,
        "counted": counted,
        "prose": _prose,
        "size": size_words,
        "utc": utc_words,
        "web_link": web_link,
        "visible": visible,
        "data_uri": pictures.data_uri,
        "about_share": about_share,
        "listed": listed,
        "families": supporting_families,
        "false_alarms": false_alarm_words,
        "filled_share": filled_share,
        "picture_changes": picture_changes,
        "matrix": _matrix,
        "geometry_figure": _geometry_figure,
        "motion_figure": draw_motion,
        "similarity_figure": _similarity_figure,
        "basis": basis_words,
        "frame_class": frame_class_name,
        "shell_word": shlex.quote,
        "laid_on_query": laid_on_query,
        **CARD_FILTERS,
        "annotations_of": annotations_of,
        "lang": _language_mark,
        "grouped": grouped,
    }
    environment.filters.update(filters)
    return environment
