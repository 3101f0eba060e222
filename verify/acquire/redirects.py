"""Redirections, followed one at a time so that each is checked, bounded and recorded before the next connection."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit, urlunsplit

from yt_dlp.networking._requests import RequestsRH
from yt_dlp.networking.common import Request, Response
from yt_dlp.utils.networking import normalize_url

_REDIRECTIONS = frozenset({301, 302, 303, 307, 308})
_BODY_HEADERS = ("Content-Length", "Content-Type", "Transfer-Encoding")


class OneHopRH(RequestsRH):  # type: ignore[misc]  # yt-dlp has no types
    """yt-dlp's handler by `requests`, which answers a redirection with the redirection itself.

    Left to itself, `requests` reads the body of every redirection to its end, however long it is, before any limit can
    apply.
    """

    def _create_instance(self, *arguments: object, **named: object) -> object:
        session = super()._create_instance(*arguments, **named)
        session.get_redirect_target = lambda _: None
        return session


def redirection(request: Request, response: Response) -> Request | None:
    """Return the request that an answer asks for instead; None if it asks for none.

    The method changes as browsers change it (RFC 9110, 15.4): GET after 303, and after 301 or 302 to a POST. Cookies
    are chosen anew for the next address; credentials go to no other host.

    Raises
    ------
    ValueError
        The address is malformed.
    """
    location = response.headers.get("Location")
    if response.status not in _REDIRECTIONS or not location:
        return None
    # Header lines are read as Latin-1, but servers mean UTF-8.
    address = str(location).encode("latin-1", "replace").decode("utf-8", "replace")
    url = normalize_url(urljoin(request.url, address))
    parts, before = urlsplit(url), urlsplit(request.url)
    if before.fragment and not parts.fragment:
        url = urlunsplit(parts._replace(fragment=before.fragment))
    following = request.copy()
    following.url = url
    following.headers.pop("Cookie", None)
    if (parts.scheme, parts.hostname, parts.port) != (before.scheme, before.hostname, before.port):
        following.headers.pop("Authorization", None)
    if (response.status == 303 and request.method != "HEAD") or (
        response.status in (301, 302) and request.method == "POST"
    ):
        following.method = "GET"
        following.data = None
        for name in _BODY_HEADERS:
            following.headers.pop(name, None)
    return following
