"""Content Credentials (C2PA) of a file: what its signer declares, and whether the signature holds.

The file is read in a worker process. Of what comes back only the active manifest and its direct ingredients are told;
every text in it is a stranger's, and is cleaned and bounded here.
"""

from __future__ import annotations

import os
import re
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from verify.acquire.texts import clean_text, shown_url
from verify.errors import InvalidUsageError, UnreadableMediaError
from verify.media import credentials_words as words
from verify.media.credentials_facts import ActionFacts, CredentialFacts, IngredientFacts
from verify.model import ContentCredentials, CredentialAction, CredentialIngredient, CredentialState
from verify.processes import BrokenMessageError, Worker, receive_message, send_message

if TYPE_CHECKING:
    from collections.abc import Mapping

_MODULE = "verify.media.credentials_worker"
MAX_TRUST_BYTES = 4 * 1024 * 1024
#: Time given to a file: a start, and what hashing it takes on a slow disk.
LEAST_SECONDS = 60.0
_SLOWEST_BYTES_PER_S = 20 * 1024 * 1024

_HEAD_BYTES = 12
_MAX_NAME_CHARACTERS = 200
_MAX_CODE_CHARACTERS = 100
_MAX_TIME_CHARACTERS = 40
_MAX_SOURCE_TYPES = 20
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def find_trust_anchors(option: Path | None) -> Path | None:
    """Return the file of trusted certificates: the one given, else the one in VERIFY_C2PA_TRUST, else None.

    Raises
    ------
    InvalidUsageError
        The file cannot be read, or is no list of PEM certificates.
    """
    named = os.environ.get("VERIFY_C2PA_TRUST")
    path = option or (Path(named) if named else None)
    if path is not None:
        load_trust_anchors(path)
    return path


def load_trust_anchors(path: Path) -> str:
    """Return the certificates of a file as PEM text, without whatever else it holds.

    Raises
    ------
    InvalidUsageError
        As `find_trust_anchors` does.
    """
    from cryptography import x509  # noqa: PLC0415 - slow to import, and only wanted with a trust list
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    remedy = "Give a text file of certificates in PEM form ('-----BEGIN CERTIFICATE-----')."
    try:
        with path.open("rb") as file:
            content = file.read(MAX_TRUST_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidUsageError(path, f"the trust list cannot be read: {reason}", "Check the path.") from error
    if len(content) > MAX_TRUST_BYTES:
        raise InvalidUsageError(path, f"the trust list is larger than {MAX_TRUST_BYTES:,} bytes", remedy)
    blocks = _CERTIFICATE.findall(content)
    if not blocks:
        raise InvalidUsageError(path, "the trust list holds no certificate", remedy)
    texts = []
    for number, block in enumerate(blocks, start=1):
        try:
            texts.append(x509.load_pem_x509_certificate(block).public_bytes(Encoding.PEM).decode("ascii"))
        except ValueError as error:
            problem = f"certificate {number} of {len(blocks)} in the trust list cannot be read"
            raise InvalidUsageError(path, problem, "Take it out of the list, or get the list anew.") from error
    return "".join(texts)


def read_credentials(path: Path, *, trust_anchors: Path | None = None) -> ContentCredentials:
    """Read and check the Content Credentials of a media file. Nothing is fetched from a network.

    Parameters
    ----------
    path
        The file. MP4, QuickTime and AVI are read; others, and what cannot be read, give a state that says so.
    trust_anchors
        PEM certificates whose holders may vouch for signers and for time stamp authorities; None trusts nobody.

    Raises
    ------
    UnreadableMediaError
        There is no such file.
    InvalidUsageError
        The trust list cannot be used.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        size_bytes = path.stat().st_size
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnreadableMediaError(path, f"the file cannot be opened: {reason}", "Check the path.") from error
    anchors = load_trust_anchors(trust_anchors) if trust_anchors else None
    media_type = _media_type(head)
    if media_type is None:
        return _not_readable(words.unsupported_words(_kind_words(head)))
    seconds = LEAST_SECONDS + size_bytes / _SLOWEST_BYTES_PER_S
    request = {
        "path": str(path.resolve()),
        "media_type": media_type,
        "trust_anchors": anchors,
        "cpu_seconds": int(seconds) + 1,
    }
    with Worker(_MODULE) as worker:
        answer = _ask(worker, request, seconds)
    if answer.get("kind") == "anchors":
        problem = f"the C2PA library refuses the trust list: {_clean(answer.get('problem'))}"
        raise InvalidUsageError(trust_anchors, problem, "Leave out the certificates that are not for signing.")
    return interpret(answer, list_given=anchors is not None)


def _media_type(head: bytes) -> str | None:
    """Media type of a container in which credentials are looked for; its name plays no part in this."""
    if head[4:8] == b"ftyp":
        return "video/mp4"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "video/avi"
    return None


def _kind_words(head: bytes) -> str:
    if not head:
        return "an empty file"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "a Matroska or WebM file"
    return "a file of another kind"


def _ask(worker: Worker, request: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Put the request to the worker; a worker that gives no answer in time, or none at all, gives 'unreadable'."""
    out_of_time = threading.Event()

    def end_worker() -> None:
        out_of_time.set()
        worker.kill()

    watchdog = threading.Timer(seconds, end_worker)
    watchdog.daemon = True
    watchdog.start()
    message = None
    try:
        # A worker that is dead already is met, with its reason, when its answer is read.
        with suppress(BrokenPipeError):
            send_message(worker.input, request)
        message = receive_message(worker.output)
        reason = "the reader ended without a word"
    except BrokenMessageError as error:
        reason = str(error)
    finally:
        watchdog.cancel()
    if message is not None:
        return message[0]
    code = worker.exit_code()
    if out_of_time.is_set():
        reason = f"the reader took more than {seconds:.0f} s"
    elif code is not None and code < 0:
        reason = f"the reader was ended by signal {-code}"
    elif "MemoryError" in worker.stderr_tail():
        reason = "the reader ran out of memory"
    return {"kind": "unreadable", "what": "file", "problem": reason}


def interpret(answer: Mapping[str, Any], *, list_given: bool) -> ContentCredentials:
    """Turn a worker's answer into what is told of the file; an answer that makes no sense gives 'not readable'."""
    library = _clean(answer.get("library"))
    kind = answer.get("kind")
    if kind == "facts":
        try:
            facts = msgspec.convert(answer.get("facts"), CredentialFacts)
        except msgspec.ValidationError:
            return _not_readable(words.unreadable_store_words("the description makes no sense"), library)
        return _from_facts(facts, library, list_given=list_given)
    if kind == "absent":
        statement, limits = words.absent_words()
        return ContentCredentials(state=CredentialState.ABSENT, statement=statement, limits=limits, library=library)
    if kind == "remote":
        url = answer.get("url")
        return _not_readable(words.remote_words(shown_url(url) if isinstance(url, str) and url else ""), library)
    problem = _clean(answer.get("problem")) or "the reader gave no reason"
    if answer.get("what") == "store":
        return _not_readable(words.unreadable_store_words(problem), library)
    return _not_readable(words.unreadable_file_words(problem), library)


def _not_readable(said: tuple[str, str], library: str = "") -> ContentCredentials:
    statement, limits = said
    return ContentCredentials(state=CredentialState.NOT_READABLE, statement=statement, limits=limits, library=library)


def _from_facts(facts: CredentialFacts, library: str, *, list_given: bool) -> ContentCredentials:
    signer, issuer = _clean(facts.signer), _clean(facts.issuer)
    codes, ingredient_codes = _codes(facts.codes), _codes(facts.ingredient_codes)
    problems = tuple(dict.fromkeys((*codes, *ingredient_codes)))
    state = _state(facts.state, codes, ingredient_codes, list_given=list_given)
    holds = state is not CredentialState.INVALID
    if not holds:
        statement, limits = words.invalid_words(signer, issuer, problems)
    else:
        trusted = state is CredentialState.TRUSTED
        statement, limits = words.intact_words(signer, issuer, trusted=trusted, list_given=list_given)
        limits += words.uncovered_words([_clean(part) for part in facts.uncovered])
    actions = tuple(_action(action) for action in facts.actions)
    source_types = dict.fromkeys(_clean(action.source_type) for action in facts.actions if action.source_type)
    signed_utc, signed_basis = _signed(facts, actions, holds=holds)
    return ContentCredentials(
        state=state,
        statement=statement,
        limits=limits,
        signer=signer,
        issuer=issuer,
        signed_utc=signed_utc,
        signed_basis=signed_basis,
        claim_generator=_clean(facts.claim_generator),
        actions=actions,
        ingredients=tuple(_ingredient(ingredient) for ingredient in facts.ingredients),
        digital_source_types=tuple(words.source_type_words(kind, holds=holds) for kind in source_types)[
            :_MAX_SOURCE_TYPES
        ],
        problems=problems,
        library=library,
    )


def _codes(codes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(filter(None, (_clean(code, _MAX_CODE_CHARACTERS) for code in codes)))


def _state(
    word: str, codes: tuple[str, ...], ingredient_codes: tuple[str, ...], *, list_given: bool
) -> CredentialState:
    """C2PA's word for the outcome as a state; a good word beside a check that failed is not taken.

    A time stamp that cannot be used leaves the signature as it is.
    """
    failed = [
        code for code in (*codes, *ingredient_codes) if not code.startswith((words.UNTRUSTED_SIGNER, "timeStamp."))
    ]
    if word not in ("Valid", "Trusted") or failed:
        return CredentialState.INVALID
    if word == "Trusted" and list_given and words.UNTRUSTED_SIGNER not in codes:
        return CredentialState.TRUSTED
    return CredentialState.VALID_UNTRUSTED


def _action(facts: ActionFacts) -> CredentialAction:
    return CredentialAction(
        action=_clean(facts.action) or "not named",
        when=_utc(facts.when) or _clean(facts.when, _MAX_TIME_CHARACTERS),
        software=_clean(facts.software),
        digital_source_type=words.source_type_code(_clean(facts.source_type)),
    )


def _ingredient(facts: IngredientFacts) -> CredentialIngredient:
    """State of an ingredient's credentials. Its media is not here, so that it fitted is its user's word."""
    state = CredentialState.ABSENT
    if facts.has_credentials:
        failed = set(facts.codes) - {words.UNTRUSTED_SIGNER}
        kept = CredentialState.TRUSTED if facts.is_trusted else CredentialState.VALID_UNTRUSTED
        state = CredentialState.INVALID if failed else kept
    return CredentialIngredient(
        title=_clean(facts.title),
        media_type=_clean(facts.media_type),
        relationship=_clean(facts.relationship),
        state=state,
    )


def _signed(facts: CredentialFacts, actions: tuple[CredentialAction, ...], *, holds: bool) -> tuple[str, str]:
    """When the credentials were signed, and whose word that is."""
    if facts.time:
        stamped = _utc(facts.time)
        if not facts.time_holds or not stamped:
            return "", words.broken_time_words()
        # The library counts every stamp of a version 1 claim as trusted, whatever list it is given.
        trusted = facts.time_trusted if facts.claim_version > 1 else None
        return stamped, words.time_words(_clean(facts.time_authority), trusted=trusted)
    own = max((moment for moment in map(_utc, (action.when for action in actions)) if moment), default="")
    return own, words.own_time_words(holds=holds) if own else words.no_time_words()


def _utc(text: str) -> str:
    """ISO 8601 in whole seconds of UTC; empty for what is no moment with a time zone."""
    try:
        moment = datetime.fromisoformat(text[:_MAX_TIME_CHARACTERS])
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment.tzinfo else ""
    except (ValueError, OverflowError):
        return ""


def _clean(text: object, limit: int = _MAX_NAME_CHARACTERS) -> str:
    return clean_text(text, limit) or ""
