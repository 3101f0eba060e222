"""The form of the two custody logs: who did what to the evidence, each line bound to the one before by its digest.

The log of the acquisition is sealed inside the bag. The later log lies beside the bag, begins with the bag's digest,
and ends in a head: the number of events and the digest of the last one, signed if there is a key, so that cutting off
the tail shows. Both hold canonical JSON, one object a line.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO

from verify.evidence.canonical import canonical_json, canonical_line
from verify.evidence.manifest import is_case_id, is_sha256, is_utc
from verify.model import ClockReading, CustodyEvent

if TYPE_CHECKING:
    from verify.evidence.keys import PublicKey, SigningKey

#: The first event of the later log; its digest is the bag's.
SEALED = "sealed"
#: An event that puts a file into the custody folder: its digest is the file's, its detail begins with the file's name.
FILE_ADDED = "file added"
#: An event of the acquisition's log for each file of the case: likewise.
PRESERVED = "preserved"
KEPT_PRIVATE = "kept private"
#: An event of the later log for each file of a report: likewise.
REPORT_WRITTEN = "report written"
REPORT_NAMES = (
    "report.json", "report.html", "report.pdf", "matches.csv", "mediareview.jsonld", "prov.json", "states.vtt",
    "contact-sheet.png", "search.html",
)  # fmt: skip
#: An event of the later log for each word of a person on a report: its digest is that of the report.json it is about.
ANNOTATED = "annotated"
RESERVED_ACTIONS = frozenset({SEALED, FILE_ADDED, ANNOTATED})

MAX_LINE_BYTES = 256 * 1024
MAX_LOG_BYTES = 16 * 1024**2
_MAX_DETAIL_CHARACTERS = 20_000
_HEAD_MEMBERS = {"bag_sha256", "case_id", "events", "last_event_sha256", "utc"}
_EVENT_MEMBERS = {"action", "actor", "clock", "detail", "digest", "previous_sha256", "utc"}
_CLOCK_MEMBERS = {"basis", "offset_s", "uncertainty_s"}
_SEALING = re.compile(
    r"case (?P<case>[^ ,]+), BagIt bag with SHA-256; "
    r"(?:not signed|signed with key (?P<id>[0-9A-F]{16}), public key (?P<key>[A-Za-z0-9+/]{56}))"
)
_FILE_NAME = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_./-]*)(?:: .*)?", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodyHead:
    """What the later log amounts to. `utc` is that of its last event; `signature` is a minisign signature or None."""

    case_id: str
    bag_sha256: str
    events: int
    last_event_sha256: str
    utc: str
    signature: str | None

    def signed_bytes(self) -> bytes:
        """Return what the signature is over: the canonical JSON of all but the signature."""
        return canonical_json({name: getattr(self, name) for name in _HEAD_MEMBERS})

    def line(self) -> bytes:
        """Return the last line of the log."""
        return canonical_line({"head": json.loads(self.signed_bytes()), "signature": self.signature})


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodyLog:
    """The later log of a case, read and found to be a chain that ends where its head says."""

    events: tuple[CustodyEvent, ...]
    head: CustodyHead

    def added_files(self) -> dict[str, str]:
        """Return the digests of the files that the log says were added, by name."""
        return {named_file(event): event.digest or "" for event in self.events if event.action == FILE_ADDED}

    def report_files(self) -> dict[str, str]:
        """Return the digests of the report's files by name, each as the log tells it last."""
        told = (event for event in self.events if event.action == REPORT_WRITTEN and event.digest)
        return {named_file(event): event.digest or "" for event in told}


def chain_lines(events: Iterable[CustodyEvent]) -> list[bytes]:
    """Write events as lines of a chain, oldest first.

    `previous_sha256` of each is set to the SHA-256 of the line before, line feed included, and to null in the first.
    """
    lines: list[bytes] = []
    for event in events:
        previous = hashlib.sha256(lines[-1]).hexdigest() if lines else None
        lines.append(canonical_line({**asdict(event), "previous_sha256": previous}))
    return lines


def log_bytes(events: Iterable[CustodyEvent], case_id: str, bag_sha256: str, signing_key: SigningKey | None) -> bytes:
    """Write a later log: its events and the head over them, signed if there is a key.

    Raises
    ------
    ValueError
        It would be larger than what is read back.
    """
    known = tuple(events)
    lines = chain_lines(known)
    head = CustodyHead(
        case_id=case_id,
        bag_sha256=bag_sha256,
        events=len(lines),
        last_event_sha256=hashlib.sha256(lines[-1]).hexdigest(),
        utc=known[-1].utc,
        signature=None,
    )
    signature = None
    if signing_key is not None:
        signature = signing_key.sign(head.signed_bytes(), f"case {case_id}, {len(lines)} custody events")
    lines.append(replace(head, signature=signature).line())
    if any(len(line) > MAX_LINE_BYTES for line in lines) or sum(map(len, lines)) > MAX_LOG_BYTES:
        raise ValueError(f"a log of more than {MAX_LOG_BYTES} bytes, or a line of more than {MAX_LINE_BYTES}")
    return b"".join(lines)


def parse_log(file: BinaryIO) -> CustodyLog:
    """Read a later log line by line; raises ValueError, which says at which line it is no chain with a head."""
    events: list[CustodyEvent] = []
    previous: str | None = None
    line = _next_line(file)
    while following := _next_line(file):
        events.append(parse_event(line, len(events) + 1, previous))
        previous = hashlib.sha256(line).hexdigest()
        line = following
    if not events or previous is None:
        raise ValueError("it has no events and a head after them; the log was cut off")
    head = _parse_head(line, len(events) + 1)
    _check_head(head, events, previous)
    return CustodyLog(events=tuple(events), head=head)


def parse_chain(file: BinaryIO) -> tuple[CustodyEvent, ...]:
    """Read a log without a head, as it is sealed in the bag; raises ValueError as `parse_log` does."""
    events: list[CustodyEvent] = []
    previous: str | None = None
    while line := _next_line(file):
        events.append(parse_event(line, len(events) + 1, previous))
        previous = hashlib.sha256(line).hexdigest()
    return tuple(events)


def parse_event(line: bytes, number: int, previous: str | None) -> CustodyEvent:
    """Read one line of a chain; raises ValueError if it is not canonical, or not bound to the line before."""
    try:
        document = _object(json.loads(line), _EVENT_MEMBERS)
        clock = document["clock"]
        event = CustodyEvent(
            utc=_text(document["utc"], is_utc),
            actor=_text(document["actor"]),
            action=_text(document["action"]),
            detail=_text(document["detail"]),
            digest=None if document["digest"] is None else _text(document["digest"], is_sha256),
            clock=None if clock is None else _clock(_object(clock, _CLOCK_MEMBERS)),
            previous_sha256=document["previous_sha256"],
        )
        is_canonical = canonical_line(asdict(event)) == line
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"line {number} is not an event of a custody log") from error
    if not is_canonical:
        raise ValueError(f"line {number} is not written in the canonical form")
    if event.previous_sha256 != previous:
        raise ValueError(f"line {number} does not carry the digest of the line before it: the chain is broken there")
    return event


def named_file(event: CustodyEvent) -> str:
    """Return the name of the file that an event is about, which its detail begins with; empty if it names none."""
    found = _FILE_NAME.fullmatch(event.detail)
    return found[1] if found else ""


def sealing_detail(case_id: str, signer: PublicKey | None) -> str:
    """Say in the last event of the acquisition's log what is sealed and who signs it: taking that away needs a new bag.

    `sealed_signer` reads it.
    """
    how = f"signed with key {signer.key_id}, public key {signer.encoded}" if signer else "not signed"
    return f"case {case_id}, BagIt bag with SHA-256; {how}"


def sealed_signer(event: CustodyEvent, case_id: str) -> str:
    """Return the public key that the acquisition's log says the case is signed with; empty: it is not signed.

    Raises
    ------
    ValueError
        The event is not the sealing of this case.
    """
    found = _SEALING.fullmatch(event.detail)
    if event.action != SEALED or event.digest is not None or found is None or found["case"] != case_id:
        raise ValueError("its last event is not the sealing of this case, with a word on the signature")
    return found["key"] or ""


def first_unordered(events: Iterable[CustodyEvent]) -> int | None:
    """Return the number, from 1, of the first event whose time is before that of the one before it; None: none is."""
    latest = ""
    for number, event in enumerate(events, 1):
        # To the second: up to there, the texts sort as the moments do.
        if event.utc[:19] < latest:
            return number
        latest = event.utc[:19]
    return None


def bounded(text: str) -> str:
    """Cut a text to what a line of the log holds."""
    return text if len(text) <= _MAX_DETAIL_CHARACTERS else text[: _MAX_DETAIL_CHARACTERS - 3] + "..."


def _next_line(file: BinaryIO) -> bytes:
    line = file.readline(MAX_LINE_BYTES + 1)
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"a line is longer than {MAX_LINE_BYTES} bytes")
    if file.tell() > MAX_LOG_BYTES:
        raise ValueError(f"it is larger than {MAX_LOG_BYTES} bytes")
    return line


def _parse_head(line: bytes, number: int) -> CustodyHead:
    try:
        document = _object(json.loads(line), {"head", "signature"})
        values = _object(document["head"], _HEAD_MEMBERS)
        if isinstance(values["events"], bool) or not isinstance(values["events"], int):
            raise TypeError("the number of events")
        head = CustodyHead(
            case_id=_text(values["case_id"], is_case_id),
            bag_sha256=_text(values["bag_sha256"], is_sha256),
            events=values["events"],
            last_event_sha256=_text(values["last_event_sha256"], is_sha256),
            utc=_text(values["utc"], is_utc),
            signature=None if document["signature"] is None else _text(document["signature"]),
        )
        is_canonical = head.line() == line
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"line {number}, the last one, is not the head of the log; its tail was cut off") from error
    if not is_canonical:
        raise ValueError(f"line {number}, the head, is not written in the canonical form")
    return head


def _check_head(head: CustodyHead, events: list[CustodyEvent], last: str) -> None:
    first = events[0]
    if first.action != SEALED or first.digest is None:
        raise ValueError("its first event is not the sealing of a bag")
    if first.digest != head.bag_sha256:
        raise ValueError("its head names another bag than its first event")
    if (head.events, head.last_event_sha256, head.utc) != (len(events), last, events[-1].utc):
        raise ValueError(f"its head is not that of these {len(events)} events: some were taken out or put in")
    added: set[str] = set()
    for event in events[1:]:
        if event.action == SEALED:
            raise ValueError("it tells of a second sealing")
        if event.action == FILE_ADDED:
            name = named_file(event)
            if not name or event.digest is None or name in added:
                raise ValueError("it tells of an added file without a name of its own and a digest")
            added.add(name)


def _object(value: Any, members: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != members:
        raise TypeError("other members")
    return value


def _text(value: Any, is_form: Any = bool) -> str:
    if not isinstance(value, str) or not is_form(value):
        raise TypeError("not a text of the form it must have")
    return value


def _clock(values: dict[str, Any]) -> ClockReading:
    for name in ("offset_s", "uncertainty_s"):
        if isinstance(values[name], bool) or not isinstance(values[name], (int, float)):
            raise TypeError("a clock")
    return ClockReading(
        offset_s=values["offset_s"], uncertainty_s=values["uncertainty_s"], basis=_text(values["basis"])
    )
