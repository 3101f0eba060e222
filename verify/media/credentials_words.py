"""What is said of Content Credentials, as plain sentences: what was checked, what it shows, and what it does not."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from verify.acquire.texts import clean_text
from verify.translation import marked

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAX_NAME_CHARACTERS = 120
_MAX_DETAIL_CHARACTERS = 200
_MAX_REASONS = 4
_RIGHT_TO_LEFT = frozenset(("R", "AL", "AN"))
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"

UNTRUSTED_SIGNER = "signingCredential.untrusted"

# Codes of the C2PA specification, chapter 'Validation', by their beginning; the first that fits is used.
_REASONS = (
    (("assertion.dataHash.", "assertion.bmffHash.", "assertion.boxesHash.", "assertion.collectionHash."),
     marked("the media is not, byte for byte, what was signed")),
    (("claim.hardBindings.",), marked("they are not bound to the media of this file")),
    (("assertion.hashedURI.", "assertion.missing", "assertion.inaccessible", "assertion.cloud-data.", "hashedURI."),
     marked("a statement in them is missing or was altered after signing")),
    (("claimSignature.outsideValidity", "signingCredential.expired"),
     marked("the certificate was not valid at the time of signing")),
    (("claimSignature.",), marked("the signature does not fit what is signed")),
    (("signingCredential.revoked", "signingCredential.ocsp."), marked("the certificate was revoked or may have been")),
    (("signingCredential.",), marked("the certificate does not meet the rules for such certificates")),
    (("timeStamp.",), marked("the time stamp does not hold")),
    (("ingredient.",), marked("the credentials of an earlier file inside them do not hold")),
    (("algorithm.",), marked("they rest on an algorithm that is not accepted")),
    (("claim.", "manifest.", "assertion.", "general."), marked("they break the rules of C2PA")),
)  # fmt: skip
_UNKNOWN_REASON = marked("a check failed")

# IPTC NewsCodes 'Digital Source Type' and the two that C2PA adds; retired codes are still met in files.
_SOURCE_TYPES = {
    "digitalCapture": "captured by a digital camera or recorder",
    "computationalCapture": "captured by a camera that computed the picture from several exposures or sensors",
    "multiFrameComputationalCapture": "captured by a camera that computed the picture from several exposures",
    "negativeFilm": "digitised from a film negative",
    "positiveFilm": "digitised from a film positive",
    "print": "digitised from a print",
    "screenCapture": "recorded from a screen",
    "virtualRecording": "a recording of a virtual event, such as a game or a simulation",
    "humanEdits": "edited by a person with tools that are not generative",
    "minorHumanEdits": "edited slightly by a person",
    "algorithmicallyEnhanced": "enhanced by an algorithm",
    "composite": "put together from several sources",
    "compositeCapture": "put together from several captures",
    "compositeSynthetic": "put together from several sources, at least one of them synthetic",
    "compositeWithTrainedAlgorithmicMedia": "put together or edited with a generative model",
    "trainedAlgorithmicMedia": "made by a generative model",
    "trainedAlgorithmicData": "data made by a generative model",
    "algorithmicMedia": "made by an algorithm that was not trained on sampled content",
    "dataDrivenMedia": "drawn by software from data",
    "digitalCreation": "made by a person with digital tools",
    "digitalArt": "made by a person with digital tools",
    "softwareImage": "made by software",
    "empty": "nothing yet: an empty canvas",
}
_VOCABULARIES = (
    "http://cv.iptc.org/newscodes/digitalsourcetype/",
    "https://cv.iptc.org/newscodes/digitalsourcetype/",
    "http://c2pa.org/digitalsourcetype/",
    "https://c2pa.org/digitalsourcetype/",
)


def quoted(text: str, limit: int = _MAX_NAME_CHARACTERS) -> str:
    """Put another's text in quotation marks that it cannot close, bounded and unable to turn the sentence around."""
    kept = (clean_text(text, limit) or "").replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")
    if any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in kept):
        kept = f"{_FIRST_STRONG_ISOLATE}{kept}{_POP_ISOLATE}"
    return f"'{kept}'"


def source_type_code(value: str) -> str:
    """Return the short code of a digital source type ('digitalCapture'), or the value itself if it is no known one."""
    for vocabulary in _VOCABULARIES:
        if value.lower().startswith(vocabulary):
            return value[len(vocabulary) :]
    return value


def source_type_words(value: str, *, holds: bool = True) -> str:
    """Say in plain words what a digital source type declares, and who says so: the signer, if the credentials hold."""
    code = source_type_code(value)
    speaker = "says the signer" if holds else "say credentials that do not hold"
    if code in _SOURCE_TYPES:
        return f"{_SOURCE_TYPES[code]}, {speaker} ({code})"
    return f"of a kind that has no words here, {speaker} ({quoted(code)})"


def absent_words() -> tuple[str, str]:
    """Statement and limits for a file without credentials."""
    return (
        marked("The file holds no Content Credentials (C2PA). Absent means unknown provenance, not tampering."),
        marked(
            "Most cameras and editing programs write none, and most platforms remove them from what is uploaded. "
            "Credentials that were once there and were removed leave no trace that is looked for here."
        ),
    )


def remote_words(url: str) -> tuple[str, str]:
    """Statement and limits for a file that only names where its credentials are kept; `url` is shown as given."""
    return (
        f"The file refers to Content Credentials at a URL, not fetched: {quoted(url, 300)}."
        if url
        else "The file refers to Content Credentials at a URL, not fetched.",
        marked(
            "What they say and whether they fit this file is unknown. They were not fetched because that would tell "
            "whoever wrote the URL that the file is being checked, and when."
        ),
    )


def unsupported_words(kind: str) -> tuple[str, str]:
    """Statement and limits for a container in which nothing is looked for; `kind` reads 'a Matroska or WebM file'."""
    return (
        f"Content Credentials were not looked for: this is {kind}, and they are read from MP4, QuickTime and AVI only.",
        marked(
            "Unknown provenance, not tampering. Another copy of the same release, in another format, may hold "
            "credentials."
        ),
    )


def unreadable_file_words(problem: str) -> tuple[str, str]:
    """Statement and limits for a file that could not be searched; `problem` is the library's or this program's word."""
    return (
        f"The file could not be searched for Content Credentials: {quoted(problem, _MAX_DETAIL_CHARACTERS)}.",
        marked(
            "Whether it holds any is unknown. A damaged or cut-off download, or a fault of the reading library, "
            "does this too; it is no sign of tampering by itself."
        ),
    )


def unreadable_store_words(problem: str) -> tuple[str, str]:
    """Statement and limits for credentials that are there but cannot be understood."""
    return (
        "Something stored as Content Credentials is there but cannot be read: "
        f"{quoted(problem, _MAX_DETAIL_CHARACTERS)}.",
        marked(
            "What it says and whether it would hold is unknown. Damage, an old or unfinished writer, and an edit of "
            "the file all do this. Another reader, or another version of one, may come further."
        ),
    )


def signer_words(signer: str, issuer: str) -> str:
    """Name the signer as the certificate does: "'X' (certificate of 'Y')"."""
    name = quoted(signer) if signer else "a signer whom the certificate does not name"
    return f"{name} (certificate of {quoted(issuer)})" if issuer else name


def intact_words(signer: str, issuer: str, *, trusted: bool, list_given: bool) -> tuple[str, str]:
    """Statement and limits for credentials that hold."""
    present = f"Content Credentials are present and intact; they were signed by {signer_words(signer, issuer)}"
    unchanged = marked(
        "Intact means that the file has not changed since it was signed, as far as the signature covers it; it does "
        "not mean that what the signer says of it, or what it shows, is so."
    )
    of_list = marked(
        "The trust list says who may sign, not what is true. Whether the certificate was revoked since was not asked, "
        "as that would need the network."
    )
    of_untrusted = marked(
        "An untrusted signer is not tampering: anybody can make a certificate in any name, and many cameras and "
        "programs sign with certificates that no list holds. So the name is only the certificate's word."
    )
    if trusted:
        return (
            f"{present}, whose certificate leads to the trust list that was given.",
            f"{unchanged} {of_list}",
        )
    reason = "who is not on a trust list known here" + ("" if list_given else ": none was given")
    return (
        f"{present}, {reason}.",
        f"{unchanged} {of_untrusted}",
    )


def invalid_words(signer: str, issuer: str, codes: Sequence[str]) -> tuple[str, str]:
    """Statement and limits for credentials that do not hold, with the reasons behind the codes."""
    return (
        f"Content Credentials are present but do not hold: {'; '.join(reasons(codes))}. "
        f"They name as signer {signer_words(signer, issuer)}.",
        marked(
            "So nothing that they say is to be relied on for this file. This does not tell who changed what, nor why: "
            "re-encoding, trimming, adding subtitles or a damaged download break credentials too, and some programs "
            "write them wrongly from the start."
        ),
    )


def reasons(codes: Sequence[str]) -> list[str]:
    """Say in plain words why credentials do not hold, each reason once, in the order of the codes."""
    found = [_reason(code) for code in codes if code != UNTRUSTED_SIGNER]
    return list(dict.fromkeys(found))[:_MAX_REASONS] or [_UNKNOWN_REASON]


def _reason(code: str) -> str:
    return next((words for beginnings, words in _REASONS if code.startswith(beginnings)), _UNKNOWN_REASON)


def uncovered_words(parts: Sequence[str]) -> str:
    """Tell which parts of the file the signer left out of the signature; empty if none but the usual ones."""
    if not parts:
        return ""
    return f" The signer left parts of the file out of it: {', '.join(quoted(part, 40) for part in parts)}."


def time_words(authority: str, *, trusted: bool | None) -> str:
    """Say whose time a time stamp is; `trusted` is None where that was not checked against a list."""
    known = {
        True: "which is on the trust list that was given",
        False: "which is not on a trust list known here",
        None: "not checked against a trust list, as credentials of version 1 do not require it",
    }[trusted]
    name = quoted(authority) if authority else "an authority that its certificate does not name"
    return f"time stamp of {name}, {known}"


def broken_time_words() -> str:
    """Say that a time stamp cannot be used."""
    return marked("a time stamp is there but does not hold")


def own_time_words(*, holds: bool = True) -> str:
    """Say that a time is the signer's own."""
    speaker = "the signer's own word" if holds else "the word of credentials that do not hold"
    return f"{speaker}: the latest time among the actions; there is no time stamp"


def no_time_words() -> str:
    """Say that no time is known."""
    return marked("not stated: no time stamp, and no time beside the actions")
