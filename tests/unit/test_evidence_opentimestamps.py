"""OpenTimestamps proofs, with calendars on loopback."""

from __future__ import annotations

import contextlib
import hashlib
import random
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentimestamps.core.notary import (
    BitcoinBlockHeaderAttestation,
    LitecoinBlockHeaderAttestation,
    PendingAttestation,
    UnknownAttestation,
)
from opentimestamps.core.op import OpAppend, OpKECCAK256, OpPrepend, OpReverse, OpSHA1, OpSHA256
from opentimestamps.core.serialize import BytesDeserializationContext, BytesSerializationContext
from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp

from verify.evidence.opentimestamps_proof import Attestation, check_proof, stamp, upgrade
from verify.evidence.timestamps import TimestampError

DATA = b'{"case_id":"example"}'
DIGEST = hashlib.sha256(DATA).digest()


def written(thing: Any) -> bytes:
    context = BytesSerializationContext()
    thing.serialize(context)
    content: bytes = context.getbytes()
    return content


class Calendar:
    """A calendar server: promises at once, and confirms in a block once `height` is set."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.asked: list[str] = []
        self.height: int | None = None
        self.answer: bytes | None = None
        self.status = 200
        self.committed: dict[str, Timestamp] = {}
        self.url = ""

    def promise(self, digest: bytes) -> bytes:
        self.received.append(digest)
        timestamp = Timestamp(digest)
        commitment = timestamp.ops.add(OpPrepend(b"time")).ops.add(OpAppend(b"secret"))
        commitment.attestations.add(PendingAttestation(self.url))
        self.committed[commitment.msg.hex()] = Timestamp(commitment.msg)
        return written(timestamp) if self.answer is None else self.answer

    def confirm(self, commitment: str) -> bytes | None:
        self.asked.append(commitment)
        if self.answer is not None:
            return self.answer
        if self.height is None or commitment not in self.committed:
            return None
        timestamp = self.committed[commitment]
        block = timestamp.ops.add(OpAppend(b"sibling")).ops.add(OpSHA256()).ops.add(OpSHA256())
        block.attestations.add(BitcoinBlockHeaderAttestation(self.height))
        return written(timestamp)


@contextlib.contextmanager
def open_calendar() -> Iterator[Calendar]:
    calendar = Calendar()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._send(calendar.promise(body) if self.path == "/digest" else None)

        def do_GET(self) -> None:
            self._send(calendar.confirm(self.path.removeprefix("/timestamp/")))

        def _send(self, content: bytes | None) -> None:
            self.send_response(404 if content is None else calendar.status)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            """Keep the test output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        calendar.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield calendar
        finally:
            server.shutdown()
            thread.join()


def proof_of(*attestations: Any, digest: bytes = DIGEST) -> bytes:
    timestamp = Timestamp(digest)
    timestamp.ops.add(OpSHA256()).attestations.update(attestations)
    return written(DetachedTimestampFile(OpSHA256(), timestamp))


def test_two_calendars_promise_and_one_confirms():
    with open_calendar() as first, open_calendar() as second:
        proof = stamp(DATA, [first.url + "/", second.url, second.url], allow_private=True)
        pending = check_proof(proof, DATA)
        assert sorted(pending.calendars) == sorted([first.url, second.url])
        assert not pending.complete
        # Both get the same 32 bytes, which are neither the data nor its digest.
        assert first.received == second.received
        assert len(first.received[0]) == 32
        assert first.received[0] != DIGEST
        first.height = 800_000
        upgraded = upgrade(proof, DATA, allow_private=True)
    checked = check_proof(upgraded, DATA)
    assert checked.complete
    (height, merkle_root) = checked.blocks[0]
    assert height == 800_000
    commitment = bytes.fromhex(first.asked[0])
    root = hashlib.sha256(hashlib.sha256(commitment + b"sibling").digest()).digest()
    assert merkle_root == root[::-1].hex()
    assert sorted(checked.calendars) == sorted([first.url, second.url])
    # The reference library reads both.
    for content in (proof, upgraded):
        read = DetachedTimestampFile.deserialize(BytesDeserializationContext(content))
        assert read.file_digest == DIGEST


def test_two_stamps_of_the_same_data_cannot_be_told_to_be_so():
    with open_calendar() as calendar:
        for _ in range(2):
            stamp(DATA, [calendar.url], allow_private=True)
        assert len(set(calendar.received)) == 2


def test_one_calendar_is_enough_and_none_is_not():
    with open_calendar() as good, open_calendar() as bad:
        bad.status = 503
        assert check_proof(stamp(DATA, [bad.url, good.url], allow_private=True), DATA).calendars == (good.url,)
        good.answer = b"garbage"
        with pytest.raises(TimestampError, match=rf"{bad.url}/digest answered 503.*; {good.url}: it is no Open"):
            stamp(DATA, [bad.url, good.url], allow_private=True)
    with pytest.raises(TimestampError, match="give one to"):
        stamp(DATA, [], allow_private=True)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00",
        b"\xff" * 5000,
        b"\x08" * 5000,
        b"\xf0\xff\xff\xff\xff\x0f",
        b"\xf3" * 20,
        proof_of(PendingAttestation("http://example.org")),
    ],
)
def test_a_calendar_that_answers_garbage_is_refused(answer: bytes):
    with open_calendar() as calendar:
        calendar.answer = answer
        with pytest.raises(TimestampError, match="no OpenTimestamps proof"):
            stamp(DATA, [calendar.url], allow_private=True)


def test_an_answer_with_something_behind_it_or_too_long_is_refused():
    with open_calendar() as calendar:
        calendar.answer = written(_pending(b"any")) + b"\0"
        with pytest.raises(TimestampError, match="no OpenTimestamps proof"):
            stamp(DATA, [calendar.url], allow_private=True)
        calendar.answer = bytes(20_000)
        with pytest.raises(TimestampError, match="more than the 10000"):
            stamp(DATA, [calendar.url], allow_private=True)


def test_the_network_policy_holds_for_stamps_and_for_calendars_that_a_proof_names():
    with open_calendar() as calendar:
        with pytest.raises(TimestampError, match="a loopback address"):
            stamp(DATA, [calendar.url], allow_private=False)
        proof = stamp(DATA, [calendar.url], allow_private=True)
        with pytest.raises(TimestampError, match="a loopback address"):
            upgrade(proof, DATA, allow_private=False)
        assert calendar.asked == []
    with pytest.raises(TimestampError, match="neither http nor https"):
        upgrade(proof_of(PendingAttestation("file:///etc/passwd")), DATA, allow_private=True)


def test_an_upgrade_that_brings_nothing_says_so_or_changes_nothing():
    with open_calendar() as calendar:
        proof = stamp(DATA, [calendar.url], allow_private=True)
        with pytest.raises(TimestampError, match="answered 404"):
            upgrade(proof, DATA, allow_private=True)
    complete = proof_of(BitcoinBlockHeaderAttestation(5))
    assert upgrade(complete, DATA, allow_private=True) == complete


def test_every_kind_of_end_is_told_apart():
    checked = check_proof(
        proof_of(
            BitcoinBlockHeaderAttestation(7),
            LitecoinBlockHeaderAttestation(8),
            UnknownAttestation(b"\x01" * 8, b"?"),
            PendingAttestation("https://calendar.example.org"),
        ),
        DATA,
    )
    root = hashlib.sha256(DIGEST).digest()[::-1].hex()
    assert checked.attestations == (
        Attestation(kind="bitcoin", block_height=7, merkle_root=root),
        Attestation(kind="other"),
        Attestation(kind="other"),
        Attestation(kind="pending", calendar="https://calendar.example.org"),
    )


def test_a_proof_over_other_data_is_refused():
    proof = proof_of(BitcoinBlockHeaderAttestation(7))
    with pytest.raises(TimestampError, match="over other data"):
        check_proof(proof, DATA + b"\n")
    with pytest.raises(TimestampError, match="over other data"):
        check_proof(proof_of(BitcoinBlockHeaderAttestation(7), digest=bytes(32)), DATA)
    weak = Timestamp(hashlib.sha1(DATA, usedforsecurity=False).digest())
    weak.attestations.add(BitcoinBlockHeaderAttestation(7))
    with pytest.raises(TimestampError, match="other than SHA-256"):
        check_proof(written(DetachedTimestampFile(OpSHA1(), weak)), DATA)


@pytest.mark.parametrize("height", [10**9, 2**100])
def test_blocks_that_cannot_be_are_refused(height: int):
    with pytest.raises(TimestampError, match="cannot be"):
        check_proof(proof_of(BitcoinBlockHeaderAttestation(height)), DATA)
    bare = Timestamp(DIGEST)
    bare.ops.add(OpAppend(b"x")).attestations.add(BitcoinBlockHeaderAttestation(7))
    with pytest.raises(TimestampError, match="cannot be"):
        check_proof(written(DetachedTimestampFile(OpSHA256(), bare)), DATA)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_rare_operations_are_read_quietly():
    timestamp = Timestamp(DIGEST)
    timestamp.ops.add(OpReverse()).ops.add(OpKECCAK256()).attestations.add(BitcoinBlockHeaderAttestation(7))
    assert check_proof(written(DetachedTimestampFile(OpSHA256(), timestamp)), DATA).complete


def test_every_flipped_bit_of_a_proof_changes_what_it_says_or_is_refused():
    with open_calendar() as calendar:
        calendar.height = 800_000
        proof = upgrade(stamp(DATA, [calendar.url], allow_private=True), DATA, allow_private=True)
    original = check_proof(proof, DATA)
    refused = 0
    for position in range(8 * len(proof)):
        changed = bytearray(proof)
        changed[position // 8] ^= 1 << position % 8
        try:
            assert check_proof(bytes(changed), DATA) != original
        except TimestampError:
            refused += 1
    assert refused > len(proof)


def test_hostile_proofs_end_soon_and_in_an_error():
    head = proof_of(BitcoinBlockHeaderAttestation(7))[:-12]
    randomness = random.Random(3)
    started = time.monotonic()
    hostile = [
        b"",
        bytes(10**6),
        DetachedTimestampFile.HEADER_MAGIC + b"\x80" * 60_000,
        head[:65] + b"\xf0" + b"\x80" * 60_000,
        head[:65] + b"\x08" * 60_000,
        head[:65] + b"\xff\x08" * 30_000,
        head[:65] + b"\xf3" * 60_000,
        *(head[:65] + randomness.randbytes(randomness.randrange(300)) for _ in range(2000)),
    ]
    for content in hostile:
        with pytest.raises(TimestampError):
            check_proof(content, DATA)
    assert time.monotonic() - started < 10


def test_a_proof_with_a_thousand_branches_is_refused():
    many = proof_of(*(UnknownAttestation(b"\x01" * 8, n.to_bytes(2, "big")) for n in range(1000)))
    with pytest.raises(TimestampError, match="more than 100 branches"):
        check_proof(many, DATA)


def _pending(message: bytes) -> Timestamp:
    timestamp = Timestamp(message)
    timestamp.attestations.add(PendingAttestation("http://example.org"))
    return timestamp
