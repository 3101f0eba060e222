"""The process that typesets the PDF. Pictures from packs are hostile, so the engine reads them here, within bounds.

Requests, one after the other until the input ends: `prepare` with `root` and the `pictures` in it, answered by
`prepared` with those that cannot be shown (`unusable`) and the `families` of fonts that are there; `compile` with
`root`, `standards` and `timestamp`, answered by `made` with the PDF as payload, or by `refused` with the texts that
cannot be displayed (`missing`) and the engine's words (`problem`); `probe` with `root`, `letters` and `fonts`, answered
by `probed` with the `missing` letters among them, each tried alone. Nothing is fetched: the template imports nothing,
and where the system lets it, this process gives up its network.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
from pathlib import Path
from typing import Any

from verify.media.credentials_worker import leave_network
from verify.processes import receive_message, send_message

MEMORY_LIMIT_BYTES = 4 * 1024**3
CPU_LIMIT_S = 300
TEMPLATE_NAME = "report.typ"
_PROBE = """#let data = json("probe.json")
#set text(font: data.fonts)
#for letter in data.letters { par(text(letter)); par(strong(letter)) }
"""
_MAX_SIDE_PX = 4096
_MAX_PROBLEM_CHARACTERS = 2000
# '\u{200d}' is how the engine writes a character that cannot be seen.
_NOT_DISPLAYED = re.compile(r'the (?:text|PDF contains the codepoint|text contains the disallowed codepoint) `"(.*?)"`')
_ESCAPED = re.compile(r"\\u\{([0-9a-f]{1,6})\}")


def main() -> int:
    """Serve the requests on standard input."""
    leave_network()
    limit_resources()
    fonts = None
    while (received := receive_message(sys.stdin.buffer)) is not None:
        request = received[0]
        if request["operation"] == "prepare":
            import typst  # noqa: PLC0415 - after the limits are set

            fonts = typst.Fonts()
            unusable = [name for name in request["pictures"] if not make_plain(Path(request["root"]) / name)]
            answer = {"kind": "prepared", "unusable": unusable, "families": sorted(fonts.families())}
            send_message(sys.stdout.buffer, answer)
        elif request["operation"] == "probe":
            send_message(sys.stdout.buffer, {"kind": "probed", "missing": probe(request, fonts)})
        else:
            header, content = compile_document(request, fonts)
            send_message(sys.stdout.buffer, header, content)
    return 0


def probe(request: dict[str, Any], fonts: Any) -> list[str]:
    """Tell which of some characters no font displays: what is joined to one that fails, fails with it in a word."""
    root = Path(request["root"])
    data = {"letters": request["letters"], "fonts": request["fonts"]}
    (root / "probe.json").write_text(json.dumps(data), encoding="utf-8")
    (root / "probe.typ").write_text(_PROBE, encoding="utf-8")
    alone = {"root": request["root"], "standards": ["a-2b"], "timestamp": 0}
    header, _content = compile_document(alone, fonts, "probe.typ")
    return list(header.get("missing", ()))


def compile_document(request: dict[str, Any], fonts: Any, name: str = TEMPLATE_NAME) -> tuple[dict[str, Any], bytes]:
    """Typeset what lies in the root; return the answer's header and the PDF."""
    import typst  # noqa: PLC0415

    root = Path(request["root"])
    try:
        content = typst.compile(
            str(root / name),
            root=str(root),
            font_paths=fonts,
            pdf_standards=request["standards"],
            timestamp=request["timestamp"],
        )
    except typst.TypstError as error:
        diagnostic = f"{error.message}\n{error.diagnostic}"
        missing = sorted({letter for text in _NOT_DISPLAYED.findall(diagnostic) for letter in _unescaped(text)})
        return {"kind": "refused", "missing": missing, "problem": diagnostic[:_MAX_PROBLEM_CHARACTERS]}, b""
    return {"kind": "made"}, content


def make_plain(path: Path) -> bool:
    """Make sure that a picture is a JPEG of usual size with nothing but the picture in it; False if it is not."""
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415

    try:
        with Image.open(path, formats=["JPEG"]) as image:
            if max(image.size) > _MAX_SIDE_PX:
                return False
            image.load()
            # Colour profiles and camera data are of no use on paper, and may be what a PDF/A must not hold.
            if image.mode not in ("RGB", "L") or set(image.info) & {"icc_profile", "exif", "adobe", "comment"}:
                image.convert("RGB").save(path, "JPEG", quality=90, exif=b"", icc_profile=None)
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError):
        return False
    return True


def limit_resources() -> None:
    """Bound the memory and the time this process can take. Where the platform has no such limits, nothing is done."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    wanted = (
        (resource.RLIMIT_AS, MEMORY_LIMIT_BYTES),
        (resource.RLIMIT_CPU, CPU_LIMIT_S),
        (resource.RLIMIT_CORE, 0),
    )
    for which, limit in wanted:
        hard = resource.getrlimit(which)[1]
        lower = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        # macOS has the name of the memory limit but may refuse to set it.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(which, (lower, lower))


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), text)


if __name__ == "__main__":
    raise SystemExit(main())
