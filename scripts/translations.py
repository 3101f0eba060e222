"""Bring the catalogues of translations up to date with the texts in the code, and compile them.

    python scripts/translations.py [--check] [FOLDER...]

Texts are taken from the Python files and page templates of `verify/`, and of each further FOLDER that is laid out like
it. `verify/translations/verify.pot` lists them; each `LANGUAGE/LC_MESSAGES/verify.po` keeps what is translated already,
and becomes the `verify.mo` beside it. What lacks a translation is printed, and makes the exit code 1. With `--check`
nothing is written.
"""

# ruff: noqa: T201 - tells what is missing

from __future__ import annotations

import argparse
import io
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from verify.translation import ENGLISH, LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PACKAGE = Path(__file__).parent.parent / "verify"
FOLDER = PACKAGE / "translations"
_DOMAIN = "verify"
_PROJECT = "verify-video"
_METHODS = [("**.py", "python"), ("**.j2", "jinja2")]
# The templates name the functions as the code does; `trans` blocks are known to the extension.
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "marked": None}
_OPTIONS = {
    "**.j2": {
        "trimmed": "true",
        "newstyle_gettext": "true",
        "trim_blocks": "true",
        "lstrip_blocks": "true",
        "silent": "false",
    }
}
_PLURAL_FORMS = {"fr": "nplurals=2; plural=(n > 1);", "ur": "nplurals=2; plural=(n != 1);"}
_WIDTH = 120


def extract(packages: Iterable[Path] = (PACKAGE,)) -> Catalog:
    """Collect the texts of packages, in order of text, without the places they stand at, which change daily."""
    found: dict[str | tuple[str, ...], None] = {}
    for package in packages:
        for _file, _line, message, _comments, _context in extract_from_dir(
            str(package), method_map=_METHODS, options_map=_OPTIONS, keywords=_KEYWORDS
        ):
            found[message if isinstance(message, str) else tuple(message)] = None
    catalog = Catalog(project=_PROJECT, domain=_DOMAIN, fuzzy=False, charset="utf-8")
    # A text that is used with a plural too needs one entry only.
    plural = {message[0] for message in found if isinstance(message, tuple)}
    for message in sorted(found, key=lambda each: each if isinstance(each, str) else each[0]):
        if message and not (isinstance(message, str) and message in plural):
            catalog.add(message)
    return catalog


def updated(code: str, texts: Catalog) -> Catalog:
    """Read the catalogue of a language and give it the present texts; what is translated and no longer used is kept."""
    path = po_path(code)
    catalog = Catalog(locale=code, project=_PROJECT, domain=_DOMAIN, fuzzy=False)
    if path.exists():
        with path.open("rb") as file:
            catalog = read_po(file, locale=code, domain=_DOMAIN)
    # The library sets aside what is not used, and would not find it again when it is.
    for message in list(catalog.obsolete.values()):
        catalog.add(message.id, message.string)
    catalog.obsolete.clear()
    catalog.update(texts, no_fuzzy_matching=True, update_creation_date=False)
    return catalog


def missing(catalog: Catalog) -> list[str]:
    """List the texts that a catalogue does not translate, or only in part."""
    lacking = []
    for message in catalog:
        wanted = message.string if isinstance(message.string, (list, tuple)) else [message.string]
        if message.id and not all(wanted):
            lacking.append(message.id if isinstance(message.id, str) else message.id[0])
    return lacking


def po_bytes(catalog: Catalog, *, is_template: bool = False) -> bytes:
    """Write a catalogue as a PO file, without times, so that the same texts give the same bytes."""
    head = [
        "# Texts of verify-video that readers of a report see. Made by scripts/translations.py.",
        'msgid ""',
        'msgstr ""',
        *(f'"{name}: {value}\\n"' for name, value in _head(catalog, is_template=is_template)),
        "",
        "",
    ]
    out = io.BytesIO()
    write_po(out, catalog, width=_WIDTH, omit_header=True, sort_output=True)
    return ("\n".join(head)).encode() + out.getvalue()


def _head(catalog: Catalog, *, is_template: bool) -> list[tuple[str, str]]:
    head = [
        ("Project-Id-Version", _PROJECT),
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Transfer-Encoding", "8bit"),
    ]
    if not is_template:
        code = str(catalog.locale_identifier)
        head += [("Language", code), ("Plural-Forms", _PLURAL_FORMS[code])]
    return head


def mo_bytes(po: bytes, code: str) -> bytes:
    """Compile a PO file into the binary form of gettext, without the times and versions that libraries add.

    The format is that of the GNU gettext manual, 'The Format of GNU MO Files': a head of seven numbers, two tables of
    lengths and places, and the texts, each with a zero byte at its end.
    """
    catalog = read_po(io.BytesIO(po), locale=code, domain=_DOMAIN)
    texts = [("", "".join(f"{name}: {value}\n" for name, value in _head(catalog, is_template=False)))]
    for message in catalog:
        plural = isinstance(message.id, tuple)
        if message.id and all(message.string if plural else [message.string]):
            texts.append(tuple("\0".join(part) if plural else part for part in (message.id, message.string)))
    pairs = sorted((key.encode(), text.encode()) for key, text in texts)
    count = len(pairs)
    place = 28 + 16 * count
    tables, strings = b"", b""
    for side in (0, 1):
        for pair in pairs:
            tables += struct.pack("<2I", len(pair[side]), place + len(strings))
            strings += pair[side] + b"\0"
    return struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 0) + tables + strings


def po_path(code: str) -> Path:
    """Return where the catalogue of a language lies."""
    return FOLDER / code / "LC_MESSAGES" / f"{_DOMAIN}.po"


def main(arguments: Sequence[str] | None = None) -> int:
    """Update and compile, or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="more code to take texts from")
    given = parser.parse_args(arguments)
    texts = extract([PACKAGE, *given.folders])
    made = {FOLDER / f"{_DOMAIN}.pot": po_bytes(texts, is_template=True)}
    failed = False
    for code in LANGUAGES:
        if code == ENGLISH.code:
            continue
        catalog = updated(code, texts)
        po = po_bytes(catalog)
        made |= {po_path(code): po, po_path(code).with_suffix(".mo"): mo_bytes(po, code)}
        lacking = missing(catalog)
        failed |= bool(lacking)
        print(f"{code}: {len(catalog) - len(lacking)} of {len(catalog)} texts are translated")
        for text in lacking:
            print(f"  {text}")
    for path, content in made.items():
        is_same = path.exists() and path.read_bytes() == content
        if given.check:
            failed |= not is_same
            print(f"{path.name} of {path.parent.parent.name}: {'as it should be' if is_same else 'not up to date'}")
        elif not is_same:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
