"""The forms that a report is written in, all made from the one `Report`.

A form is a function that takes the report, the folder that the paths of its pictures start from, and how it is to look.
It is imported when it is asked for: some bring large libraries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from verify.model import Report
from verify.report.options import Rendered, RenderOptions

Renderer = Callable[[Report, Path, RenderOptions], Rendered]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form of the report: its name on the command line, its file in the report folder, and how it is made."""

    name: str
    file_name: str
    render: Renderer


def _html(report: Report, folder: Path, options: RenderOptions) -> Rendered:
    from verify.report.html_report import render_html  # noqa: PLC0415 - only where it is asked for

    return Rendered(content=render_html(report, folder, options).encode("utf-8"))


def _pdf(report: Report, folder: Path, options: RenderOptions) -> Rendered:
    from verify.report.pdf_report import render_pdf  # noqa: PLC0415 - only where it is asked for

    return render_pdf(report, folder, options)


def _media_review(report: Report, folder: Path, options: RenderOptions) -> Rendered:
    from verify.report.media_review import render_media_review  # noqa: PLC0415

    return render_media_review(report, folder, options)


def _prov(report: Report, folder: Path, options: RenderOptions) -> Rendered:
    from verify.report.prov_json import render_prov  # noqa: PLC0415

    return render_prov(report, folder, options)


def _states(report: Report, folder: Path, options: RenderOptions) -> Rendered:
    from verify.report.states_vtt import render_states  # noqa: PLC0415

    return render_states(report, folder, options)


def _contact_sheet(report: Report, folder: Path, options: RenderOptions) -> Rendered:
    from verify.report.contact_sheet import render_contact_sheet  # noqa: PLC0415

    return render_contact_sheet(report, folder, options)


def _search(report: Report, folder: Path, options: RenderOptions) -> Rendered:
    from verify.report.search_page import render_search_page  # noqa: PLC0415

    return render_search_page(report, folder, options)


#: By name; report.json and matches.csv are written always.
FORMS = {
    form.name: form
    for form in (
        Form(name="html", file_name="report.html", render=_html),
        Form(name="pdf", file_name="report.pdf", render=_pdf),
        Form(name="mediareview", file_name="mediareview.jsonld", render=_media_review),
        Form(name="prov", file_name="prov.json", render=_prov),
        Form(name="vtt", file_name="states.vtt", render=_states),
        Form(name="sheet", file_name="contact-sheet.png", render=_contact_sheet),
        Form(name="search", file_name="search.html", render=_search),
    )
}  # fmt: skip
#: What may be asked for: the forms, and 'json', which is there in any case.
FORMATS = frozenset({"json", *FORMS})


def render_form(form: Form, report: Report, pictures: Path, options: RenderOptions, path: Path) -> tuple[str, ...]:
    """Render a form of a report to a file: whole, or not at all.

    Parameters
    ----------
    pictures
        Folder that the paths of the report's pictures start from.
    path
        Where it goes; what is there is replaced.

    Returns
    -------
    tuple of str
        What the user should know of it.
    """
    rendered = form.render(report, pictures, options)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(rendered.content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return rendered.notes
