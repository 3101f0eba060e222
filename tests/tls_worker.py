"""The acquisition worker in a world that trusts one more authority, and where one site has comments.

TEST_AUTHORITY names the PEM file of the authority. yt-dlp asks certifi for those it trusts. Pages below /with-comments/
belong to an extractor of the tests, for no site on loopback has comments that yt-dlp can read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import certifi
import yt_dlp
from yt_dlp.extractor.common import InfoExtractor

from verify.acquire import worker

_start = yt_dlp.YoutubeDL.__init__


class CommentedIE(InfoExtractor):  # type: ignore[misc]  # yt-dlp has no types
    _VALID_URL = r"https?://[^/]+/with-comments/(?P<id>.+)"

    def _real_extract(self, url: str) -> dict[str, Any]:
        identity = self._match_id(url)
        return {
            "id": identity,
            "title": "Commented",
            "url": url.replace("/with-comments/", "/"),
            "ext": "mp4",
            "__post_extractor": self.extract_comments(url),
        }

    def _get_comments(self, url: str) -> Iterator[dict[str, Any]]:
        page = self._download_json(f"{url}.comments.json", None)
        yield from page


def _start_with_more(self: Any, *arguments: Any, **named: Any) -> None:
    _start(self, *arguments, **named)
    extractor = CommentedIE(self)
    self._ies = {extractor.ie_key(): extractor, **self._ies}
    self._ies_instances[extractor.ie_key()] = extractor


if __name__ == "__main__":
    if authority := os.environ.get("TEST_AUTHORITY"):
        certifi.where = lambda: authority
        # yt-dlp took the function by its module, whichever way it was imported.
    yt_dlp.YoutubeDL.__init__ = _start_with_more
    worker.main()
