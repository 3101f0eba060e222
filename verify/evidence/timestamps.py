"""RFC 3161 timestamps: a word of an authority, signed, that some bytes existed at a time.

A response is kept exactly as it came, so that `openssl ts -verify` checks it as well.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import rfc3161_client
from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning

from verify.acquire.post import ExchangeError, post_bytes
from verify.acquire.texts import clean_text
from verify.errors import InvalidUsageError
from verify.evidence.timestamp_token import TokenError, check_signature, with_sorted_certificates

MAX_RESPONSE_BYTES = 256 * 1024
_TIMEOUT_S = 60.0
_MAX_ROOTS_BYTES = 4 * 1024**2
_MAX_TEXT_CHARACTERS = 300
_QUERY_TYPE, _REPLY_TYPE = "application/timestamp-query", "application/timestamp-reply"
_DIGESTS = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_GRANTED = 0
# What the libraries raise, while they read a malformed response or certificate, some of it as late as on access.
_UNREADABLE = (
    ValueError,
    KeyError,
    OverflowError,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    CryptographyDeprecationWarning,
)


class TimestampError(Exception):
    """A timestamp that could not be had, or that does not hold. Its text is a plain reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampCheck:
    """What a timestamp over some data says.

    Parameters
    ----------
    utc
        The time in the timestamp, ISO 8601. The data existed by then, if the authority is believed.
    authority
        Name in the certificate that signed it.
    policy
        Object identifier of the policy that the authority says it follows.
    state
        'trusted' if the certificate leads to one of the given roots, was valid at that time and is meant for
        timestamps; else 'untrusted': then the signature holds, but anyone can make such a certificate. Whether a
        certificate was revoked is not looked up.
    problem
        Why it is untrusted; None if it is trusted.
    """

    utc: str
    authority: str
    policy: str
    state: Literal["trusted", "untrusted"]
    problem: str | None


def request_timestamp(url: str, data: bytes, *, allow_private: bool, timeout_s: float = _TIMEOUT_S) -> bytes:
    """Have an authority timestamp data, and check its answer. The authority learns only a SHA-256.

    Returns
    -------
    bytes
        The response as it came: it is over the data, answers this very request, and its signature holds.

    Raises
    ------
    TimestampError
        There is no such response.
    """
    builder = rfc3161_client.TimestampRequestBuilder(nonce=True, cert_req=True)
    request = builder.data(data).hash_algorithm(rfc3161_client.HashAlgorithm.SHA256).build()
    try:
        response = post_bytes(
            url,
            request.as_bytes(),
            content_type=_QUERY_TYPE,
            accept=_REPLY_TYPE,
            answer_types=(_REPLY_TYPE,),
            allow_private=allow_private,
            max_bytes=MAX_RESPONSE_BYTES,
            timeout_s=timeout_s,
        )
    except ExchangeError as error:
        raise TimestampError(str(error)) from error
    parsed = _parsed(response)
    if parsed.tst_info.nonce != request.nonce:
        raise TimestampError("the response answers another request (its nonce differs)")
    check_timestamp(response, data, ())
    return response


def check_timestamp(response: bytes, data: bytes, roots: Sequence[x509.Certificate]) -> TimestampCheck:
    """Check a stored response, offline.

    Parameters
    ----------
    roots
        Certificates of the authorities that are believed; may be empty.

    Raises
    ------
    TimestampError
        The response is malformed, a refusal, not over this data, or its signature does not hold.
    """
    with warnings.catch_warnings():
        # Names longer than a standard allows are common; the library warns of them and reads on.
        warnings.simplefilter("ignore", UserWarning)
        return _checked(response, data, roots)


def _checked(response: bytes, data: bytes, roots: Sequence[x509.Certificate]) -> TimestampCheck:
    parsed = _parsed(response)
    info = parsed.tst_info
    algorithm = _DIGESTS.get(info.message_imprint.hash_algorithm.dotted_string)
    if algorithm is None:
        raise TimestampError("the timestamp is over a digest other than SHA-256, SHA-384 or SHA-512")
    digest = hashlib.new(algorithm, data).digest()
    if info.message_imprint.message != digest:
        raise TimestampError("the timestamp is over other data")
    certificates = _certificates(parsed)
    signer = _signer(parsed, certificates)
    try:
        check_signature(response, signer)
    except TokenError as error:
        raise TimestampError(f"the timestamp does not hold: {error}") from error
    problem = _distrust(parsed, digest, roots)
    return TimestampCheck(
        utc=info.gen_time.isoformat().replace("+00:00", "Z"),
        authority=clean_text(signer.subject.rfc4514_string(), _MAX_TEXT_CHARACTERS) or "(no name)",
        policy=info.policy.dotted_string,
        state="untrusted" if problem else "trusted",
        problem=problem,
    )


def load_roots(path: Path) -> tuple[x509.Certificate, ...]:
    """Read certificates of timestamp authorities from a PEM file.

    Raises
    ------
    InvalidUsageError
        The file cannot be read or holds no certificate.
    """
    remedy = "Give a file with the authority's root certificate in PEM form."
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_ROOTS_BYTES + 1)
        if len(content) > _MAX_ROOTS_BYTES:
            raise InvalidUsageError(path, "is too large for a file of certificates", remedy)
        return tuple(x509.load_pem_x509_certificates(content))
    except OSError as error:
        raise InvalidUsageError(path, f"cannot be read ({error.strerror})", remedy) from error
    except ValueError as error:
        raise InvalidUsageError(path, "holds no certificates in PEM form", remedy) from error


def _parsed(response: bytes) -> rfc3161_client.TimeStampResponse:
    """Parse a response and see that it is granted."""
    if len(response) > MAX_RESPONSE_BYTES:
        raise TimestampError("the response is too large for a timestamp")
    try:
        parsed = rfc3161_client.decode_timestamp_response(response)
        status = parsed.status
    except _UNREADABLE:
        parsed = _parsed_loosely(response)
        status = parsed.status
    if status != _GRANTED:
        texts = clean_text("; ".join(_status_texts(parsed)), _MAX_TEXT_CHARACTERS)
        raise TimestampError(f"the authority did not grant it (status {status}: {texts or 'no reason given'})")
    try:
        # Parsed when first asked for.
        _ = parsed.tst_info.gen_time, parsed.signed_data
    except _UNREADABLE as error:
        raise TimestampError("the response holds no timestamp that can be read") from error
    return parsed


def _parsed_loosely(response: bytes) -> rfc3161_client.TimeStampResponse:
    try:
        return rfc3161_client.decode_timestamp_response(with_sorted_certificates(response))
    except _UNREADABLE as error:
        raise TimestampError("the response is no RFC 3161 timestamp response") from error


def _status_texts(parsed: rfc3161_client.TimeStampResponse) -> list[str]:
    try:
        return [str(text) for text in parsed.status_string]
    except _UNREADABLE:
        return []


def _certificates(parsed: rfc3161_client.TimeStampResponse) -> list[x509.Certificate]:
    try:
        with warnings.catch_warnings():
            # What will be refused by a later version of the library is refused by every version.
            warnings.simplefilter("error", CryptographyDeprecationWarning)
            return [x509.load_der_x509_certificate(encoded) for encoded in parsed.signed_data.certificates]
    except _UNREADABLE as error:
        raise TimestampError("the timestamp holds a certificate that cannot be read") from error


def _signer(parsed: rfc3161_client.TimeStampResponse, certificates: Sequence[x509.Certificate]) -> x509.Certificate:
    """Find the one certificate that the signature names.

    Two with the same name and number are refused: one could be looked at for its purpose and the other for its chain.
    """
    try:
        signers = list(parsed.signed_data.signer_infos)
        named = [
            certificate
            for certificate in certificates
            for signer in signers
            if certificate.issuer == signer.issuer and certificate.serial_number == signer.serial_number
        ]
    except _UNREADABLE as error:
        raise TimestampError("the timestamp's signature cannot be read") from error
    if len(signers) != 1 or len(named) != 1:
        raise TimestampError("the timestamp does not hold the one certificate that it was signed with")
    return named[0]


def _distrust(parsed: rfc3161_client.TimeStampResponse, digest: bytes, roots: Sequence[x509.Certificate]) -> str | None:
    """Say why a timestamp's signer is not to be trusted; None if it is."""
    if not roots:
        return "no certificates of authorities were given to compare with"
    verifier = rfc3161_client.VerifierBuilder(roots=list(roots)).build()
    try:
        verifier.verify(parsed, digest)
    except (rfc3161_client.VerificationError, *_UNREADABLE) as error:
        return _plain_distrust(str(error))
    return None


def _plain_distrust(message: str) -> str:
    if "expired" in message or "not yet valid" in message:
        return "the authority's certificate was not valid at that time"
    if "issuer certificate" in message or "self-signed" in message or "self signed" in message:
        return "it was signed by another authority than the given ones"
    if "EKU" in message or "purpose" in message:
        return "its certificate is not meant for timestamps"
    return f"its certificate could not be confirmed ({clean_text(message, _MAX_TEXT_CHARACTERS)})"
