"""RFC 3161 timestamps, from a real responder: OpenSSL's."""

from __future__ import annotations

import hashlib
import random
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.unit.timestamp_authority import Authority, answering
from verify.errors import InvalidUsageError
from verify.evidence.timestamp_token import TokenError, check_signature, with_sorted_certificates
from verify.evidence.timestamps import TimestampError, check_timestamp, load_roots, request_timestamp

DATA = b'{"case_id":"example"}'


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority") / "example")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority") / "stranger", name="Stranger")


@pytest.fixture(scope="module")
def response(authority: Authority) -> bytes:
    return authority.timestamp(DATA)


def refusal(response: bytes, data: bytes = DATA) -> str:
    with pytest.raises(TimestampError) as caught:
        check_timestamp(response, data, ())
    return str(caught.value)


def test_a_timestamp_is_had_kept_and_trusted(authority: Authority, tmp_path: Path):
    before = datetime.now(UTC).replace(microsecond=0)
    with answering(authority.reply) as (url, received):
        response = request_timestamp(url, DATA, allow_private=True)
    checked = check_timestamp(response, DATA, load_roots(authority.root))
    assert checked.state == "trusted"
    assert checked.problem is None
    assert checked.authority == "CN=Example signer,O=Example"
    assert checked.policy == "1.2.3.4.1"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", checked.utc)
    assert before <= datetime.fromisoformat(checked.utc) <= datetime.now(UTC)
    # The authority learns a digest, not the data.
    assert hashlib.sha256(DATA).digest() in received[0]
    assert DATA not in received[0]
    (tmp_path / "manifest.json").write_bytes(DATA)
    (tmp_path / "manifest.json.tsr").write_bytes(response)
    words = ["openssl", "ts", "-verify", "-data", "manifest.json", "-in", "manifest.json.tsr", "-CAfile"]
    for root, code in ((authority.root, 0), (authority.folder / "signer.pem", 1)):
        done = subprocess.run([*words, root], cwd=tmp_path, capture_output=True, timeout=60, check=False)
        assert (done.returncode, b"Verification: OK" in done.stdout) == (code, not code)


@pytest.mark.parametrize(
    ("changes", "digest"),
    [
        ({"chain": ("root", "intermediate")}, "sha256"),
        ({"chain": ("intermediate", "root"), "digest": "sha512"}, "sha512"),
        ({"chain": ("intermediate",), "key": ("rsa:2048",), "digest": "sha384"}, "sha512"),
        ({"chain": ("intermediate",), "named_by": "sha1"}, "sha256"),
        ({"chain": ("intermediate",), "named_by": "sha512"}, "sha256"),
    ],
    ids=["with root", "sha512", "rsa", "named by SHA-1", "named by SHA-512"],
)
def test_other_keys_digests_and_chains(changes: dict[str, object], digest: str, tmp_path: Path):
    authority = Authority(tmp_path / "other", **changes)  # type: ignore[arg-type]
    response = authority.timestamp(DATA, digest)
    assert check_timestamp(response, DATA, load_roots(authority.root)).state == "trusted"
    assert check_timestamp(response, DATA, ()).state == "untrusted"
    assert refusal(response, DATA + b" ") == "the timestamp is over other data"


def test_without_roots_or_with_other_roots_it_holds_but_is_untrusted(
    response: bytes, authority: Authority, stranger: Authority
):
    unknown = check_timestamp(response, DATA, ())
    assert (unknown.state, unknown.problem) == (
        "untrusted",
        "no certificates of authorities were given to compare with",
    )
    other = check_timestamp(response, DATA, load_roots(stranger.root))
    assert (other.state, other.problem) == ("untrusted", "it was signed by another authority than the given ones")
    both = check_timestamp(response, DATA, [*load_roots(stranger.root), *load_roots(authority.root)])
    assert both.state == "trusted"
    assert unknown.utc == other.utc == both.utc


def test_a_certificate_not_valid_at_the_time_is_untrusted(tmp_path: Path):
    authority = Authority(tmp_path / "expired")
    signer = x509.load_pem_x509_certificate((authority.folder / "signer.pem").read_bytes())
    key = serialization.load_pem_private_key((authority.folder / "intermediate.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    builder = x509.CertificateBuilder(
        signer.issuer,
        signer.subject,
        signer.public_key(),
        signer.serial_number,
        datetime.now(UTC) - timedelta(days=20),
        datetime.now(UTC) - timedelta(days=10),
        list(signer.extensions),
    )
    expired = builder.sign(key, hashes.SHA256())
    (authority.folder / "signer.pem").write_bytes(expired.public_bytes(serialization.Encoding.PEM))
    checked = check_timestamp(authority.timestamp(DATA), DATA, load_roots(authority.root))
    assert (checked.state, checked.problem) == (
        "untrusted",
        "the authority's certificate was not valid at that time",
    )


def test_other_data_is_not_covered(response: bytes):
    for data in (b"", DATA + b"\n", DATA[:-1], DATA.upper()):
        assert refusal(response, data) == "the timestamp is over other data"


def test_a_changed_response_never_says_something_else(response: bytes, authority: Authority):
    """One flipped bit anywhere: refused, or untrusted, or, outside what is signed, the very same statement."""
    roots = load_roots(authority.root)
    original = check_timestamp(response, DATA, roots)
    outcomes = {"refused": 0, "untrusted": 0, "same": 0}
    for position in range(len(response)):
        changed = bytearray(response)
        changed[position] ^= 1 << position % 8
        try:
            checked = check_timestamp(bytes(changed), DATA, roots)
        except TimestampError as error:
            assert str(error)
            outcomes["refused"] += 1
        else:
            if checked.state == "trusted":
                assert checked == original
                outcomes["same"] += 1
            else:
                assert (checked.utc, checked.authority) == (original.utc, original.authority)
                outcomes["untrusted"] += 1
    assert outcomes["refused"] > outcomes["untrusted"] > outcomes["same"]


def test_garbage_is_refused(response: bytes):
    randomness = random.Random(5)
    for content in (b"", b"\x30", b"<html>", bytes(1000), response + b"\0", response * 2, b"\x30\x80" * 5000):
        refusal(content)
    for length in range(0, len(response), 7):
        refusal(response[:length])
    for _ in range(2000):
        changed = bytearray(response)
        for _ in range(randomness.randint(2, 12)):
            changed[randomness.randrange(len(changed))] = randomness.randrange(256)
        try:
            checked = check_timestamp(bytes(changed), DATA, ())
        except TimestampError:
            continue
        assert checked.state == "untrusted"
    assert "too large" in refusal(bytes(10**6))


def test_the_parser_of_tokens_refuses_garbage_by_itself(response: bytes):
    signer = x509.load_pem_x509_certificate(_any_certificate())
    randomness = random.Random(6)
    refused = 0
    for _ in range(2000):
        changed = bytearray(response[: randomness.randrange(1, len(response) + 1)])
        for _ in range(randomness.randint(1, 6)):
            changed[randomness.randrange(len(changed))] = randomness.randrange(256)
        for check in (lambda token: check_signature(token, signer), with_sorted_certificates):
            try:
                check(bytes(changed))
            except TokenError:
                refused += 1
    assert refused > 2000


def test_the_signature_names_its_certificate(authority: Authority, response: bytes):
    """Same name, number and key, but other content: the signature says which certificate it was made with."""
    signer = x509.load_pem_x509_certificate((authority.folder / "signer.pem").read_bytes())
    check_signature(response, signer)
    twin = _issued_like(signer, signer.public_key())
    with pytest.raises(TokenError, match="another certificate"):
        check_signature(response, twin)
    with pytest.raises(TokenError, match="another certificate"):
        check_signature(response, x509.load_pem_x509_certificate(_any_certificate()))


def test_certificates_put_in_the_signers_place_do_not_pass(authority: Authority, response: bytes):
    signer = x509.load_pem_x509_certificate((authority.folder / "signer.pem").read_bytes())
    real = signer.public_bytes(serialization.Encoding.DER)
    twin = _issued_like(signer, signer.public_key()).public_bytes(serialization.Encoding.DER)
    assert check_timestamp(_with_certificates(response, real), DATA, ()).state == "untrusted"
    assert "another certificate than the one in it" in refusal(_with_certificates(response, twin))
    assert "does not hold the one certificate" in refusal(_with_certificates(response, real, twin))
    assert "does not hold the one certificate" in refusal(_with_certificates(response))


@pytest.mark.parametrize(
    ("extensions", "state", "problem"),
    [
        ("signer", "trusted", None),
        ("web", "untrusted", "its certificate is not meant for timestamps"),
        ("authority", "untrusted", "its certificate is not meant for timestamps"),
    ],
)
def test_a_certificate_that_is_not_for_timestamps_is_untrusted(
    extensions: str, state: str, problem: str | None, tmp_path: Path
):
    """OpenSSL's responder refuses to sign with one, so its general signing command does."""
    authority = Authority(tmp_path / "web")
    signer = authority.folder / "signer.pem"
    proper = signer.read_bytes()
    authority.certify("signer", "intermediate", extensions)
    other = signer.read_bytes()
    signer.write_bytes(proper)
    # Only now, so that the other certificate is valid at the stated time.
    (authority.folder / "stated").write_bytes(_content(authority.timestamp(DATA)))
    signer.write_bytes(other)
    words = ["openssl", "cms", "-sign", "-binary", "-nodetach", "-cades", "-md", "sha256", "-outform", "DER"]
    words += ["-econtent_type", "1.2.840.113549.1.9.16.1.4", "-in", "stated", "-out", "token"]
    words += ["-signer", "signer.pem", "-inkey", "signer.key", "-certfile", "intermediate.pem"]
    subprocess.run(words, cwd=authority.folder, check=True, capture_output=True, timeout=60)
    granted = bytes.fromhex("3003020100")
    response = _der(0x30, granted + (authority.folder / "token").read_bytes())
    checked = check_timestamp(response, DATA, load_roots(authority.root))
    assert (checked.state, checked.problem) == (state, problem)


def test_a_refusal_says_why(tmp_path: Path):
    authority = Authority(tmp_path / "choosy", digests="sha512")
    assert re.match(r"the authority did not grant it \(status 2: .+\)", refusal(authority.timestamp(DATA)))
    with (
        answering(authority.reply) as (url, _),
        pytest.raises(TimestampError, match=r"did not grant it \(status 2: .*digest algorithm"),
    ):
        request_timestamp(url, DATA, allow_private=True)


def test_the_answer_to_another_request_is_refused(authority: Authority, response: bytes):
    earlier: list[bytes] = []

    def replay(query: bytes) -> bytes:
        earlier.append(authority.reply(query))
        return earlier[0]

    with answering(replay) as (url, _):
        request_timestamp(url, DATA, allow_private=True)
        with pytest.raises(TimestampError, match="answers another request"):
            request_timestamp(url, DATA, allow_private=True)
    with (
        answering(lambda _: response) as (url, _),
        pytest.raises(TimestampError, match=r"answers another request|holds no timestamp"),
    ):
        request_timestamp(url, DATA, allow_private=True)


def test_the_timestamp_of_other_data_is_refused(authority: Authority):
    other = hashlib.sha256(b"other").digest()
    with (
        answering(lambda query: authority.reply(query.replace(hashlib.sha256(DATA).digest(), other))) as (url, _),
        pytest.raises(TimestampError, match="over other data"),
    ):
        request_timestamp(url, DATA, allow_private=True)


def test_an_authority_without_a_certificate_in_its_answer_is_refused(authority: Authority):
    (authority.folder / "data").write_bytes(DATA)
    words = ["openssl", "ts", "-query", "-data", "data", "-sha256", "-out", "bare.tsq"]
    subprocess.run(words, cwd=authority.folder, check=True, capture_output=True, timeout=60)
    bare = authority.reply((authority.folder / "bare.tsq").read_bytes())
    assert "does not hold the one certificate" in refusal(bare)


@pytest.mark.parametrize(
    ("content", "content_type", "words"),
    [
        (b"<html>busy</html>", "text/html", "answered with text/html, not application/timestamp-reply"),
        (b"<html>busy</html>", "application/timestamp-reply", "no RFC 3161 timestamp response"),
        (b"", "application/timestamp-reply", "no RFC 3161 timestamp response"),
    ],
)
def test_an_answer_that_is_none(content: bytes, content_type: str, words: str):
    with (
        answering(lambda _: content, content_type) as (url, _),
        pytest.raises(TimestampError, match=words),
    ):
        request_timestamp(url, DATA, allow_private=True)


def test_the_network_policy_holds(authority: Authority):
    with answering(authority.reply) as (url, received), pytest.raises(TimestampError, match="a loopback address"):
        request_timestamp(url, DATA, allow_private=False)
    assert received == []


def test_roots_are_read_from_pem(authority: Authority, stranger: Authority, tmp_path: Path):
    both = tmp_path / "roots.pem"
    both.write_bytes(authority.root.read_bytes() + b"\n# another\n" + stranger.root.read_bytes())
    assert len(load_roots(both)) == 2
    for content in (b"", b"x" * 100, bytes(5 * 1024**2)):
        both.write_bytes(content)
        with pytest.raises(InvalidUsageError, match=re.escape(str(both))):
            load_roots(both)
    with pytest.raises(InvalidUsageError, match="cannot be read"):
        load_roots(tmp_path / "missing.pem")


def _issued_like(pattern: x509.Certificate, public: object) -> x509.Certificate:
    """A certificate with another's names and number, not for timestamps, signed by a key of its own."""
    builder = x509.CertificateBuilder(
        pattern.issuer,
        pattern.subject,
        public,  # type: ignore[arg-type]
        pattern.serial_number,
        pattern.not_valid_before_utc,
        pattern.not_valid_after_utc,
    )
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())


def _any_certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "anyone")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag]) + (bytes([size]) if size < 128 else bytes([0x80 | len(octets)]) + octets) + content


def _parts(data: bytes) -> tuple[int, list[bytes]]:
    """Tag of a DER element, and the elements in it."""
    parts = []
    outer = _split(data)[1]
    while outer:
        whole, _, outer = _split(outer)
        parts.append(whole)
    return data[0], parts


def _split(data: bytes) -> tuple[bytes, bytes, bytes]:
    """The first element of some DER, its content, and what follows."""
    size, header = data[1], 2
    if size & 0x80:
        header += size & 0x7F
        size = int.from_bytes(data[2:header], "big")
    return data[: header + size], data[header : header + size], data[header + size :]


def _signed_data(response: bytes) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Parts of a response, of its token, and of the signed data in that."""
    outer = _parts(response)[1]
    token = _parts(outer[1])[1]
    return outer, token, _parts(_split(token[1])[1])[1]


def _with_certificates(response: bytes, *certificates: bytes) -> bytes:
    outer, token, signed = _signed_data(response)
    signed[3:4] = [_der(0xA0, b"".join(sorted(certificates)))]
    data = _der(0xA0, _der(0x30, b"".join(signed)))
    return _der(0x30, outer[0] + _der(0x30, token[0] + data))


def _content(response: bytes) -> bytes:
    """The statement that an authority signed."""
    enclosed = _parts(_signed_data(response)[2][2])[1]
    return _split(_split(enclosed[1])[1])[1]
