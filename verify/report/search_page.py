"""search.html: the stills of a release beside the search engines for pictures that they can be given to.

The one page that is not self-contained: its pictures are the files in frames/, since those are what is uploaded.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urldefrag, urlencode, urlsplit

from verify.errors import InvalidUsageError
from verify.findings.wording import timecode
from verify.report.localising import localised
from verify.report.options import Rendered
from verify.report.texts import harmless, utc_words, visible, web_link
from verify.translation import _, ngettext, speaking

if TYPE_CHECKING:
    from verify.model import Picture, Report, ShotView
    from verify.report.options import RenderOptions

_TEMPLATES = Path(__file__).parent / "templates"
_MAX_QUERY = 150
_MOST_TEXTS = 12
_WAYBACK = "https://web.archive.org/web/*/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A search engine: its name, who gets what is sent to it, and the address of its page."""

    name: str
    company: str
    address: str


#: Where a picture can be uploaded, as of 2026; none of these pages takes a picture from a link.
PICTURE_ENGINES = (
    Engine(name="Google Lens", company="Google", address="https://lens.google.com/"),
    Engine(name="Bing Visual Search", company="Microsoft", address="https://www.bing.com/visualsearch"),
    Engine(name="Yandex Images", company="Yandex", address="https://yandex.com/images/"),
    Engine(name="TinEye", company="TinEye", address="https://tineye.com/"),
    Engine(name="Baidu", company="Baidu", address="https://graph.baidu.com/pcpage/index?tpl_from=pc"),
)
#: Where a text can be searched for; the query follows the address.
TEXT_ENGINES = (
    Engine(name="Google", company="Google", address="https://www.google.com/search?"),
    Engine(name="Bing", company="Microsoft", address="https://www.bing.com/search?"),
    Engine(name="DuckDuckGo", company="DuckDuckGo", address="https://duckduckgo.com/?"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    """A link as the page shows it."""

    name: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Searched:
    """A text to search the web for, as it is quoted, with a link for each engine."""

    text: str
    links: tuple[_Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Still:
    """A still on the page. `file` is its address from the page, empty if it is not to be shown or not there."""

    shot: int
    times: str
    file: str
    picture: Picture
    texts: tuple[_Searched, ...]


def render_search_page(report: Report, folder: Path, options: RenderOptions) -> Rendered:
    """Render the page.

    Parameters
    ----------
    report
        The report; every text in it is taken for hostile.
    folder
        Folder that the paths of its pictures start from, in which the page is to lie.
    options
        How it is to look. Without pictures only times and texts are listed.

    Raises
    ------
    InvalidUsageError
        The path of a picture leads out of `folder`.
    """
    with speaking(options.language) as language:
        report = localised(report)
        page = _template().render(
            report=report,
            options=options,
            language=language,
            style=(_TEMPLATES / "search.css").read_text(encoding="utf-8"),
            stills=[_still(report, view, folder.resolve(), options) for view in report.shot_views if view.still],
            title=_searched(report.release.title),
            archived=_archived_pages(report),
            picture_engines=PICTURE_ENGINES,
            companies=list(dict.fromkeys(engine.company for engine in PICTURE_ENGINES)),
            text_companies=list(dict.fromkeys(engine.company for engine in TEXT_ENGINES)),
        )
    return Rendered(content=page.encode("utf-8"))


def _template() -> Any:
    import jinja2  # noqa: PLC0415 - slow to import, and only pages need it

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        extensions=["jinja2.ext.i18n"],
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: harmless(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_callables(_, ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.filters.update({"visible": visible, "utc": utc_words})
    return environment.get_template("search.html.j2")


def _still(report: Report, view: ShotView, folder: Path, options: RenderOptions) -> _Still:
    picture = view.still or view.picture
    shot = report.shots[view.shot - 1].interval if 0 < view.shot <= len(report.shots) else None
    texts = [_searched(line.text) for line in view.texts[:_MOST_TEXTS]]
    return _Still(
        shot=view.shot,
        times=f"{timecode(shot.start_s)} - {timecode(shot.end_s)}" if shot else timecode(picture.time_s),
        file=_address_of(picture, folder) if options.has_pictures else "",
        picture=picture,
        texts=tuple(text for text in texts if text),
    )


def _address_of(picture: Picture, folder: Path) -> str:
    """Return the address of a picture from the page, empty if there is no such file."""
    path = (folder / picture.path).resolve()
    if not path.is_relative_to(folder):
        raise InvalidUsageError(picture.path, "leads out of the report folder", "The report was tampered with.")
    # With './' before it, nothing in a name is taken for a scheme.
    return "./" + quote(path.relative_to(folder).as_posix().encode("utf-8", "replace")) if path.is_file() else ""


def _searched(text: str) -> _Searched | None:
    """Make links that search the web for a text, without what cannot be seen in it; None if nothing is left."""
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:_MAX_QUERY].strip()
    if not words:
        return None
    links = [_Link(name=engine.name, address=engine.address + urlencode({"q": words})) for engine in TEXT_ENGINES]
    return _Searched(text=words, links=tuple(links))


def _archived_pages(report: Report) -> tuple[_Link, ...]:
    """Link what the Internet Archive has of the release's public addresses."""
    addresses = (report.release.source, report.release.final_url or "", report.release.publisher_url or "")
    public = dict.fromkeys(urldefrag(link).url for link in map(web_link, addresses) if link and _is_public(link))
    return tuple(_Link(name=address, address=_WAYBACK + address) for address in public)


def _is_public(link: str) -> bool:
    """Tell whether an address may name a host of the public internet: no bare name, no private number."""
    host = (urlsplit(link).hostname or "").rstrip(".")
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".localhost", ".local", ".internal"))
