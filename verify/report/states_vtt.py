"""states.vtt: what each second of the release is, as subtitles to lay over the video (WebVTT, W3C)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.findings.wording import quoted
from verify.model import ReportedRepeat
from verify.report.localising import localised
from verify.report.machine_json import stated_moment
from verify.report.options import Rendered
from verify.report.stretches import stretches
from verify.report.timeline import state_names
from verify.translation import _, ngettext, speaking

if TYPE_CHECKING:
    from pathlib import Path

    from verify.model import Report
    from verify.report.options import RenderOptions
    from verify.report.stretches import Named, Stretch

_MAX_TITLE, _MAX_NOTE_TITLE = 60, 200
_MOST_NAMED = 3
#: At the top, where the subtitles of the release are not.
_PLACE = "line:0"


def render_states(report: Report, _folder: Path, options: RenderOptions) -> Rendered:
    """Render one cue for each stretch of the release in which nothing changes."""
    with speaking(options.language):
        report = localised(report)
        blocks = ["WEBVTT", _note(report)]
        blocks += [_cue(number, stretch) for number, stretch in enumerate(stretches(report), 1)]
    return Rendered(content=("\n\n".join(blocks) + "\n").encode("utf-8"))


def _note(report: Report) -> str:
    release = report.release
    lines = (
        _("States of a video release, from provenance report {report}.").format(report=quoted(report.report_id)),
        _("Release: {title}").format(title=quoted(release.title or release.source, _MAX_NOTE_TITLE)),
        _("SHA-256 of the file: {digest}").format(digest=quoted(release.media_sha256)),
        _("It says where footage was seen before, not whether what is shown is true."),
    )
    return "\n".join(("NOTE", *map(_escaped, lines)))


def _cue(number: int, stretch: Stretch) -> str:
    start_ms, end_ms = (round(time_s * 1000) for time_s in (stretch.interval.start_s, stretch.interval.end_s))
    lines = [_capitalised(state_names()[stretch.style]), *map(_named_words, stretch.named[:_MOST_NAMED])]
    if (more := len(stretch.named) - _MOST_NAMED) > 0:
        lines.append(ngettext("and {count} more", "and {count} more", more).format(count=more))
    timing = f"{_timestamp(start_ms)} --> {_timestamp(max(end_ms, start_ms + 1))} {_PLACE}"
    return "\n".join((str(number), timing, *map(_escaped, lines)))


def _named_words(named: Named) -> str:
    """Name a match with its reference and its date, in one line."""
    entry = named.entry
    if isinstance(entry, ReportedRepeat):
        return _("{name}: shown earlier in this release").format(name=named.name)
    title = quoted(entry.reference.title.strip() or entry.reference.id, _MAX_TITLE)
    date = stated_moment(entry.reference.first_seen)
    if not date:
        return _("{name}: {title}, date not known").format(name=named.name, title=title)
    return _("{name}: {title}, first seen no later than {date}").format(name=named.name, title=title, date=date)


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _escaped(line: str) -> str:
    """Write one line of a cue: no markup, no arrow of a timing line, no end of line of any kind."""
    folded = " ".join(line.split())
    return folded.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _timestamp(milliseconds: int) -> str:
    seconds, rest_ms = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}.{rest_ms:03d}"
