"""People's words on a report: decisions on its matches, and corrections, in the later log of its case.

Each is one event of that log, so that it is there whole or not at all, hangs on the chain, and is covered by the
signature of the log's head. Nothing that was said before is altered by what is said later.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from verify.acquire.texts import BIDI_CONTROLS
from verify.dates import utc_now
from verify.errors import EvidenceMismatchError, InvalidUsageError
from verify.evidence.custody import append_judged, verified_log
from verify.evidence.custody_log import ANNOTATED, REPORT_WRITTEN, named_file
from verify.evidence.layout import CUSTODY_LOG_NAME, custody_folder
from verify.evidence.sealing import actor_name
from verify.model import AnalystDecision, Annotation, CustodyEvent

if TYPE_CHECKING:
    from verify.evidence.custody_log import CustodyLog
    from verify.evidence.keys import PublicKey, SigningKey
    from verify.evidence.problems import Findings

REPORT_NAME = "report.json"
MAX_NAME_CHARACTERS = 200
MAX_NOTE_CHARACTERS = 20_000
#: What a decision is about: '3', 'S1', 'R2' or 'E1'; see `Annotation`.
SUBJECT = re.compile(r"[SRE]?[1-9][0-9]{0,5}", re.ASCII)
_CORRECTION = "correction"
_SAID = re.compile(
    rf"(?:(?P<subject>{SUBJECT.pattern}): (?P<decision>{'|'.join(AnalystDecision)})|{_CORRECTION})"
    r", by (?P<by>[^\n]+)\n(?P<note>.+)",
    re.ASCII | re.DOTALL,
)
#: Control characters, halves of pairs, and what ends a line or paragraph in other ways than a line feed.
_UNWANTED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
# This program's own statements have them around quoted words.
_ISOLATES, _POP_ISOLATE = "\u2066\u2067\u2068", "\u2069"
_CHECK = "Run `verify evidence check`; restore the case from a copy."


def checked_name(text: str, option: str = "name") -> str:
    """Return the name of who says something, without white space around it; raises InvalidUsageError for what is none.

    Parameters
    ----------
    option
        What the error names.
    """
    return _checked(text, option, MAX_NAME_CHARACTERS, allowed="")


def checked_note(text: str, option: str = "note") -> str:
    """Return what is said, its line ends as line feeds; raises InvalidUsageError as `checked_name` does.

    It may have several lines, and isolates for words of another direction, closed in the same line.
    """
    note = _checked(text.replace("\r\n", "\n"), option, MAX_NOTE_CHARACTERS, allowed=f"\n\t{_ISOLATES}{_POP_ISOLATE}")
    if not all(_is_closed(line) for line in note.split("\n")):
        raise InvalidUsageError(
            option, "holds a line with an isolate (U+2066 to U+2068) that is not closed", "Mend it."
        )
    return note


def add_annotation(
    case_dir: Path,
    *,
    report_sha256: str,
    subject: str,
    decision: AnalystDecision | None,
    by: str,
    note: str,
    signing_key: SigningKey | None,
) -> Annotation:
    """Add a person's word to the later log of a case.

    Parameters
    ----------
    report_sha256
        Digest of the report.json that it is about: the one that the log tells of last.
    subject, decision
        What is decided, and how. Both are empty (None) for a correction of the report as a whole.
    signing_key
        The key that the case was signed with. What is said in a case without a signature is not signed.

    Raises
    ------
    EvidenceMismatchError
        The log does not hold, or tells of another report. Nothing is added.
    InvalidUsageError
        A text cannot be taken; or the case is signed, and the key is missing or another one.
    OutputNotWritableError
        The log cannot be written.
    """
    if (decision is None) != (not subject) or (subject and not SUBJECT.fullmatch(subject)):
        raise InvalidUsageError(subject or "annotation", "is nothing to decide on", "Name a match of the report.")
    name, text = checked_name(by), checked_note(note)
    said = f"{subject}: {decision.value}" if decision else _CORRECTION

    def event(log: CustodyLog) -> CustodyEvent:
        refuse_another_report(case_dir, log, report_sha256)
        return CustodyEvent(
            utc=utc_now(),
            actor=actor_name(name),
            action=ANNOTATED,
            detail=f"{said}, by {name}\n{text}",
            digest=report_sha256,
        )

    log = append_judged(case_dir, event, signing_key=signing_key)
    key_id = signing_key.public.key_id if signing_key and log.head.signature is not None else ""
    *_, added = annotations_in(log.events, key_id)
    return added


def read_annotations(case_dir: Path) -> tuple[Annotation, ...]:
    """Read what people said, oldest first, of every report that was made of a case.

    The folder is taken for hostile: the log must be a whole chain that begins with this bag and, if the bag says that
    the case is signed, end in a head with that key's signature. `check_evidence` is what checks all else.

    Raises
    ------
    EvidenceMismatchError
        The log does not hold, or an event of it is no well-formed annotation.
    """
    return annotations_of(case_dir, *verified_log(case_dir))


def annotations_of(case_dir: Path, log: CustodyLog, signer: PublicKey | None) -> tuple[Annotation, ...]:
    """Do as `read_annotations` with what `verified_log` gave."""
    try:
        return tuple(annotations_in(log.events, signer.key_id if signer else ""))
    except ValueError as error:
        path = custody_folder(case_dir) / CUSTODY_LOG_NAME
        raise EvidenceMismatchError(path, f"is damaged: {error}", _CHECK) from error


def refuse_another_report(case_dir: Path, log: CustodyLog, report_sha256: str) -> None:
    """Raise EvidenceMismatchError unless a report.json of this digest is what the log tells of last."""
    told = log.report_files().get(REPORT_NAME)
    if told == report_sha256:
        return
    raise EvidenceMismatchError(
        custody_folder(case_dir) / CUSTODY_LOG_NAME,
        f"tells of another {REPORT_NAME} than the one in this folder" if told else f"tells of no {REPORT_NAME}",
        f"Report and case do not belong together: {REPORT_NAME} was changed, or was made by somebody who cannot "
        "continue that log. Restore the folder from a copy; a report of your own of somebody else's case can be "
        f"rendered from a copy of {REPORT_NAME} and frames/ alone.",
    )


def annotations_in(events: Iterable[CustodyEvent], key_id: str) -> Iterator[Annotation]:
    """Yield the annotations of a later log; raises ValueError, which says which event is none of a form known here.

    Parameters
    ----------
    key_id
        The key that the log's head is signed with, empty if it is not.
    """
    reports: set[str] = set()
    number = 0
    for line, event in enumerate(events, 1):
        if event.action == REPORT_WRITTEN and named_file(event) == REPORT_NAME and event.digest:
            reports.add(event.digest)
        if event.action != ANNOTATED:
            continue
        number += 1
        try:
            annotation = _parsed(event, number, key_id)
        except InvalidUsageError as error:
            raise ValueError(f"event {line} is no annotation: {error.subject} {error.problem}") from error
        if annotation.report_sha256 not in reports:
            raise ValueError(f"event {line} is about a {REPORT_NAME} that no event before it tells of")
        yield annotation


def check_annotations(told: str, log: CustodyLog, findings: Findings) -> None:
    """Check that each annotation in a log that was read is well-formed, and state how many there are, if any."""
    try:
        count = sum(1 for _ in annotations_in(log.events, ""))
    except ValueError as error:
        findings.add(told, f"does not hold annotations as this program writes them: {error}")
        return
    if count:
        findings.statements.append(
            f"The later custody log holds {count} annotation{'' if count == 1 else 's'} by people on a report, each "
            "well-formed and on the chain. What is said there, and by whom beyond the key of the log, was not checked."
        )


def _parsed(event: CustodyEvent, number: int, key_id: str) -> Annotation:
    found = _SAID.fullmatch(event.detail)
    if found is None or event.digest is None or event.clock is not None:
        raise InvalidUsageError("it", "has not the form of one")
    for text, checked in ((found["by"], checked_name), (found["note"], checked_note)):
        if checked(text) != text:
            raise InvalidUsageError("it", "holds a text with white space around it")
    return Annotation(
        number=number,
        utc=event.utc,
        by=found["by"],
        subject=found["subject"] or "",
        decision=AnalystDecision(found["decision"]) if found["decision"] else None,
        note=found["note"],
        report_sha256=event.digest,
        key_id=key_id,
    )


def _checked(text: str, option: str, most: int, *, allowed: str) -> str:
    plain = text.strip()
    if not plain:
        raise InvalidUsageError(option, "is empty", "Write something.")
    if len(plain) > most:
        raise InvalidUsageError(option, f"has {len(plain):,} characters, more than {most:,}", "Write less.")
    for character in plain:
        is_unwanted = character in BIDI_CONTROLS or unicodedata.category(character) in _UNWANTED_CATEGORIES
        if is_unwanted and character not in allowed:
            raise InvalidUsageError(
                option,
                f"holds the character U+{ord(character):04X}, which acts on the text around it and is not shown",
                "Leave it out.",
            )
    return plain


def _is_closed(line: str) -> bool:
    """Tell whether every isolate in a line ends in it, so that none acts on what comes after."""
    depth = 0
    for character in line:
        depth += (character in _ISOLATES) - (character == _POP_ISOLATE)
        if depth < 0:
            return False
    return depth == 0
