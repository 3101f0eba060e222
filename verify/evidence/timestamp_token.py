"""The signature inside an RFC 3161 response, checked by itself, without asking who the signer is.

The library that checks responses checks signature and chain of certificates in one step, and needs the authority's
root for both. A case is also read by people who do not have that root: they are told whether the signature holds, and
apart from that whether the signer is known. Formats: RFC 3161 (2001), RFC 5652 (2009), RFC 5816 (2010).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_SEQUENCE, _SET, _OCTETS, _IDENTIFIER, _TAGGED_0 = 0x30, 0x31, 0x04, 0x06, 0xA0
_MAX_LENGTH_BYTES = 4
_PKCS9 = bytes.fromhex("2a864886f70d0109")
_CONTENT_TYPE = _PKCS9 + b"\x03"
_MESSAGE_DIGEST = _PKCS9 + b"\x04"
_TIMESTAMP_CONTENT = _PKCS9 + bytes.fromhex("100104")
_SIGNING_CERTIFICATE = _PKCS9 + bytes.fromhex("10020c")
_SIGNING_CERTIFICATE_2 = _PKCS9 + bytes.fromhex("10022f")
_RSA_PSS = bytes.fromhex("2a864886f70d01010a")
_HASHES: dict[bytes, hashes.HashAlgorithm] = {
    bytes.fromhex("608648016503040201"): hashes.SHA256(),
    bytes.fromhex("608648016503040202"): hashes.SHA384(),
    bytes.fromhex("608648016503040203"): hashes.SHA512(),
}
_SHA256 = bytes.fromhex("608648016503040201")


class TokenError(ValueError):
    """A response that is malformed, or whose signature does not hold."""


class _Element(NamedTuple):
    """One DER element: its tag and where its header, content and end are in the response."""

    tag: int
    start: int
    content: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    """The parts of a response, where the certificates' place is None if there are none."""

    content_type: bytes
    content: bytes
    certificates: _Element | None
    signer: tuple[_Element, ...]


def with_sorted_certificates(response: bytes) -> bytes:
    """Put the certificates of a response in the order that DER demands.

    OpenSSL's responder and the services built on it write them in the order of the chain, which strict parsers refuse.
    The certificates are beside what is signed, so their order can be mended for reading.

    Raises
    ------
    TokenError
        The response is malformed, or holds no token, as a refusal does.
    """
    place = _parse(response).certificates
    if place is None:
        return response
    certificates = sorted(response[part.start : part.end] for part in _children(response, place))
    return response[: place.content] + b"".join(certificates) + response[place.end :]


def check_signature(response: bytes, certificate: Certificate) -> None:
    """Check that the holder of `certificate` signed the token of a response.

    Neither the certificate's chain nor its dates are looked at.

    Raises
    ------
    TokenError
        The signature does not hold, names another certificate, or is of a kind that is not known here.
    """
    token = _parse(response)
    fields = list(token.signer)
    attributes_place = next((part for part in fields[3:4] if part.tag == _TAGGED_0), None)
    if attributes_place is None or len(fields) < 6:
        raise TokenError("its signature covers no attributes")
    digest_algorithm = _algorithm(response, fields[2])
    attributes = _attributes(response, attributes_place)
    if token.content_type != _TIMESTAMP_CONTENT or _value(attributes, _CONTENT_TYPE) != _TIMESTAMP_CONTENT:
        raise TokenError("it holds something else than a timestamp")
    if _value(attributes, _MESSAGE_DIGEST) != _digest(digest_algorithm, token.content):
        raise TokenError("its content is not what was signed")
    _check_named_certificate(attributes, certificate)
    # What is signed is the attributes as a SET, whatever tag they have inside the signature (RFC 5652, 5.4).
    signed = bytes([_SET]) + response[attributes_place.start + 1 : attributes_place.end]
    _check(
        certificate,
        response[fields[5].content : fields[5].end],
        signed,
        _hash(digest_algorithm),
        _algorithm(response, fields[4]),
    )


def _check(
    certificate: Certificate, signature: bytes, signed: bytes, algorithm: hashes.HashAlgorithm, kind: bytes
) -> None:
    try:
        key = certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey):
            if kind == _RSA_PSS:
                pss = padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO)
                key.verify(signature, signed, pss, algorithm)
            else:
                key.verify(signature, signed, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(algorithm))
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, signed)
        else:
            raise TokenError("its signer's key is of a kind that is not known here")
    except InvalidSignature as error:
        raise TokenError("its signature does not hold") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        if isinstance(error, TokenError):
            raise
        raise TokenError("its signer's key cannot be used") from error


def _check_named_certificate(attributes: dict[bytes, bytes], certificate: Certificate) -> None:
    """Compare the certificate with the digest of it that the signature covers, so that no look-alike can be put in."""
    encoded = certificate.public_bytes(Encoding.DER)
    if (value := attributes.get(_SIGNING_CERTIFICATE_2)) is not None:
        parts = _children(value, _first_named(value))
        algorithm = _algorithm(value, parts[0]) if parts and parts[0].tag == _SEQUENCE else _SHA256
        expected = _digest(algorithm, encoded)
    elif (value := attributes.get(_SIGNING_CERTIFICATE)) is not None:
        parts = _children(value, _first_named(value))
        expected = hashlib.sha1(encoded, usedforsecurity=False).digest()
    else:
        raise TokenError("it does not say which certificate it was signed with")
    named = next((value[part.content : part.end] for part in parts if part.tag == _OCTETS), None)
    if named != expected:
        raise TokenError("it was signed with another certificate than the one in it")


def _first_named(value: bytes) -> _Element:
    """Find the first entry of SEQUENCE { SEQUENCE OF entry, ... }."""
    whole = _only(_elements(value, 0, len(value)), _SEQUENCE)
    return _first(_children(value, _first(_children(value, whole), _SEQUENCE)), _SEQUENCE)


def _parse(response: bytes) -> _Token:
    whole = _only(_elements(response, 0, len(response)), _SEQUENCE)
    parts = _children(response, whole)
    if len(parts) != 2:
        raise TokenError("it holds no timestamp")
    wrapped = _children(response, parts[1])
    signed_data = _children(response, _only(_children(response, _last(wrapped, _TAGGED_0)), _SEQUENCE))
    if len(signed_data) < 4:
        raise TokenError("it holds no signature")
    enclosed = _children(response, signed_data[2])
    content = _only(_children(response, _last(enclosed, _TAGGED_0)), _OCTETS)
    signers = _children(response, _last(signed_data, _SET))
    identifier = _first(enclosed, _IDENTIFIER)
    return _Token(
        content_type=response[identifier.content : identifier.end],
        content=response[content.content : content.end],
        certificates=next((part for part in signed_data[3:] if part.tag == _TAGGED_0), None),
        signer=tuple(_children(response, _only(signers, _SEQUENCE))),
    )


def _attributes(response: bytes, place: _Element) -> dict[bytes, bytes]:
    """Read attributes of one value each: encoded value by object identifier."""
    found: dict[bytes, bytes] = {}
    for attribute in _children(response, place):
        parts = _children(response, attribute)
        name = _first(parts, _IDENTIFIER)
        values = _children(response, _last(parts, _SET))
        key = response[name.content : name.end]
        if key in found or len(values) != 1:
            raise TokenError("its attributes are ambiguous")
        found[key] = response[values[0].start : values[0].end]
    return found


def _value(attributes: dict[bytes, bytes], name: bytes) -> bytes | None:
    encoded = attributes.get(name)
    if encoded is None:
        return None
    part = _elements(encoded, 0, len(encoded))[0]
    return encoded[part.content : part.end]


def _algorithm(data: bytes, place: _Element) -> bytes:
    identifier = _first(_children(data, place), _IDENTIFIER)
    return data[identifier.content : identifier.end]


def _hash(algorithm: bytes) -> hashes.HashAlgorithm:
    if algorithm not in _HASHES:
        raise TokenError("it uses a digest other than SHA-256, SHA-384 or SHA-512")
    return _HASHES[algorithm]


def _digest(algorithm: bytes, data: bytes) -> bytes:
    return hashlib.new(_hash(algorithm).name, data).digest()


def _children(data: bytes, parent: _Element) -> list[_Element]:
    return _elements(data, parent.content, parent.end)


def _elements(data: bytes, start: int, end: int) -> list[_Element]:
    """Split DER between two offsets into its elements; lengths must be definite."""
    found = []
    while start < end:
        if end - start < 2:
            raise TokenError("it is cut off")
        length, header = data[start + 1], 2
        if length & 0x80:
            size = length & 0x7F
            if not 1 <= size <= _MAX_LENGTH_BYTES or end - start < 2 + size:
                raise TokenError("it is not in DER")
            length, header = int.from_bytes(data[start + 2 : start + 2 + size], "big"), 2 + size
        if start + header + length > end:
            raise TokenError("it is cut off")
        found.append(_Element(data[start], start, start + header, start + header + length))
        start += header + length
    return found


def _only(elements: list[_Element], tag: int) -> _Element:
    if len(elements) != 1:
        raise TokenError("it holds one part too many or too few")
    return _first(elements, tag)


def _first(elements: list[_Element], tag: int) -> _Element:
    if not elements or elements[0].tag != tag:
        raise TokenError("its parts are not those of a timestamp")
    return elements[0]


def _last(elements: list[_Element], tag: int) -> _Element:
    return _first(elements[-1:], tag)
