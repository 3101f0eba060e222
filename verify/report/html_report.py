"""The report as one self-contained page: no script, no request, everything from outside escaped and bounded."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from verify.errors import InvalidUsageError
from verify.findings.changes import filled_share, picture_changes
from verify.findings.statements import basis_words
from verify.findings.support import false_alarm_words, supporting_families
from verify.findings.wording import about_share, counted, grouped, listed, rate_words, seconds_words, timecode
from verify.model import CoverageState, FindingKind, MatchLevel
from verify.report.geometry_figure import draw_geometry
from verify.report.localising import localised
from verify.report.motion_figure import draw_motion, draw_similarity
from verify.report.options import RenderOptions
from verify.report.timeline import build_timeline, span_style
from verify.translation import _, is_kept_english, ngettext, speaking

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

    from verify.model import Match, Picture, Report, ReportedMatch, ReportedRepeat
    from verify.report.geometry_figure import GeometryFigure
    from verify.report.motion_figure import SimilarityFigure
    from verify.report.options import RenderOptions

_TEMPLATES = Path(__file__).parent / "templates"
#: Written into the page one after the other; the page names their digest and permits no other script.
_STYLES = ("report.css", "match.css")
_SCRIPTS = ("report.js", "compare.js")
_MAX_PICTURE_BYTES = 2 * 1024 * 1024
_MAX_PICTURES_BYTES = 48 * 1024 * 1024
_MAX_DRAWINGS_BYTES = 12 * 1024 * 1024
_JPEG_START = b"\xff\xd8\xff"
_MAX_LINK = 2000
_NOT_IN_URLS = frozenset(" \"'<>\\^`{|}")
# Left-to-right and right-to-left marks and joiners belong to ordinary writing; these can turn a sentence around.
_DIRECTION_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_ISOLATES = frozenset("\u2066\u2067\u2068\u2069")
_UTC_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_DATE = re.compile(r"\b\d{4}-\d\d(?:-\d\d)?\b", re.ASCII)
_STATE_NAMES = {
    "confirmed": "matched, confirmed",
    "possible": "matched, possible",
    "repeated": "repeated in this release",
    "template": "title card, logo or bars",
    "not_examinable": "not examinable",
    "no_match": "no match",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Summary:
    """The figures under the answer, in seconds and counts."""

    total_s: float
    examined_s: float
    matched_s: float
    confirmed: int
    possible: int


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
    template = _environment(folder).get_template("report.html.j2")
    script = _joined(_SCRIPTS)
    with speaking(shown.language) as language:
        report = localised(report)
        entries: list[ReportedMatch | ReportedRepeat] = [
            *report.matches,
            *report.same_scene,
            *report.repeats,
            *report.earlier_releases,
        ]
        in_sections = {entry.finding for entry in entries}
        return template.render(
            report=report,
            options=shown,
            language=language,
            style=_joined(_STYLES),
            script=script,
            script_sha256=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            release=report.release,
            summary=_summarise(report),
            confirmed=[entry for entry in report.matches if entry.match.level is MatchLevel.CONFIRMED],
            possible=[entry for entry in report.matches if entry.match.level is not MatchLevel.CONFIRMED],
            timeline=build_timeline(report),
            legend=_legend(report),
            span_rows=[(span, _STATE_NAMES[span_style(span, report)]) for span in report.coverage],
            notes=[
                finding
                for finding in report.findings
                if finding not in in_sections and finding.kind is not FindingKind.SAME_SCENE
            ],
            command=shlex.join(report.command),
        )


def _joined(names: tuple[str, ...]) -> Markup:
    """Put our own styles or scripts together, as they are to stand in the page."""
    from markupsafe import Markup  # noqa: PLC0415 - comes with jinja2, and as late

    texts = [(_TEMPLATES / name).read_text(encoding="utf-8") for name in names]
    return Markup("\n".join(texts))  # noqa: S704 - files of this package


def web_link(text: str) -> str:
    """Return `text` if it may be made a link: an http or https URL of usual length that names its host plainly."""
    try:
        parts = urlsplit(text)
        plain = bool(parts.hostname) and parts.username is None and parts.password is None
    except ValueError:
        return ""
    usual = len(text) <= _MAX_LINK and text.isprintable() and not set(text) & _NOT_IN_URLS
    return text if parts.scheme in ("http", "https") and plain and usual else ""


def visible(text: str) -> str:
    """Show what would act on the page instead of being read: control and direction characters become '[U+202E]'."""
    return _spelled(text.replace("\r\n", "\n"), _DIRECTION_CONTROLS)


def _harmless(value: Any) -> Any:
    """Spell out, in whatever the template prints, what no text may bring along; the isolates of statements stay."""
    return _spelled(value, _DIRECTION_CONTROLS - _ISOLATES) if type(value) is str else value


def _spelled(text: str, unwanted: frozenset[str]) -> str:
    if text.isprintable():  # has no control character of any kind; saves walking through megabytes of pictures
        return text
    return "".join(
        f"[U+{ord(letter):04X}]"
        if letter in unwanted or (unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t")
        else letter
        for letter in text
    )


def _utc(text: str) -> str:
    """Write a moment of ISO 8601 as '2026-01-31 12:00:00 UTC'; leave any other text as it is."""
    return f"{text[:10]} {text[11:19]} UTC" if _UTC_MOMENT.fullmatch(text) else text


def _prose(text: str) -> Markup:
    """Escape a sentence, keep its dates from being broken at the end of a line, and say so if it stayed in English."""
    from markupsafe import Markup, escape  # noqa: PLC0415 - comes with jinja2, and as late

    escaped = _DATE.sub(r'<span class="nowrap">\g<0></span>', str(escape(_harmless(text))))
    return Markup(f"<span{_language_mark(text)}>{escaped}</span>" if is_kept_english(text) else escaped)  # noqa: S704 - escaped


def _size(size_bytes: int) -> str:
    """Write a size as '1.9 MB (1,912,345 bytes)'."""
    exact = f"{size_bytes:,} bytes"
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit} ({exact})"
    return exact


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


def _environment(folder: Path) -> jinja2.Environment:
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
    filters: dict[str, Any] = {
        "timecode": timecode,
        "seconds": seconds_words,
        "rate": rate_words,
        "counted": counted,
        "prose": _prose,
        "size": _size,
        "utc": _utc,
        "web_link": web_link,
        "visible": visible,
        "data_uri": _PictureLoader(folder, _MAX_PICTURES_BYTES).data_uri,
        # Pictures that are drawn upon come a second time; they must not use up the room of the plain ones.
        "drawing_uri": _PictureLoader(folder, _MAX_DRAWINGS_BYTES).data_uri,
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
        "lang": _language_mark,
        "grouped": grouped,
    }
    environment.filters.update(filters)
    return environment


def _summarise(report: Report) -> _Summary:
    lengths = dict.fromkeys(CoverageState, 0.0)
    for span in report.coverage:
        lengths[span.state] += span.interval.duration_s
    confirmed = sum(entry.match.level is MatchLevel.CONFIRMED for entry in report.matches)
    return _Summary(
        total_s=sum(lengths.values()),
        examined_s=sum(
            lengths[state] for state in (CoverageState.MATCHED, CoverageState.REPEATED, CoverageState.NO_MATCH)
        ),
        matched_s=lengths[CoverageState.MATCHED],
        confirmed=confirmed,
        possible=len(report.matches) - confirmed,
    )


def _legend(report: Report) -> list[tuple[str, str, float]]:
    """List the styles that occur on the timeline, with their names and how many seconds each takes."""
    lengths: dict[str, float] = {}
    for span in report.coverage:
        style = span_style(span, report)
        lengths[style] = lengths.get(style, 0.0) + span.interval.duration_s
    return [(style, name, lengths[style]) for style, name in _STATE_NAMES.items() if style in lengths]
