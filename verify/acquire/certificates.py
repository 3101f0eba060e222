"""TLS certificates in words and as PEM."""

from __future__ import annotations

import hashlib
import ssl
from typing import TYPE_CHECKING, Any

from verify.acquire.texts import clean_text

if TYPE_CHECKING:
    from verify.acquire.wire import TlsPeer

_MAX_CERTIFICATES = 10
_MAX_NAMES = 50


def certificate_pem(peer: TlsPeer) -> str:
    """Write the certificates that a server sent as PEM, its own first."""
    return "".join(ssl.DER_cert_to_PEM_cert(one) for one in peer.certificates[:_MAX_CERTIFICATES])


def describe_peer(peer: TlsPeer) -> dict[str, Any]:
    """Say who a TLS connection was made to, as its certificate states; texts are the issuer's words, bounded.

    A certificate that cannot be parsed is told by its digest alone; the connection was accepted by OpenSSL all the
    same.
    """
    leaf = peer.certificates[0]
    told: dict[str, Any] = {
        "host": peer.host[:300],
        "port": peer.port,
        "protocol": peer.protocol,
        "cipher": peer.cipher,
        "sha256_fingerprint": hashlib.sha256(leaf).hexdigest(),
        "certificates_sent": len(peer.certificates),
    }
    return {**told, **_named(leaf)}


def _named(leaf: bytes) -> dict[str, Any]:
    from cryptography import x509  # noqa: PLC0415 - heavy, and only for TLS

    try:
        certificate = x509.load_der_x509_certificate(leaf)
        subject, issuer = certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string()
        valid = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
        serial = f"{certificate.serial_number:x}"
    except (ValueError, TypeError):
        return {}
    return {
        "subject": clean_text(subject, 500),
        "issuer": clean_text(issuer, 500),
        "serial_number": serial[:100],
        "not_before_utc": valid[0].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "not_after_utc": valid[1].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "names": _alternative_names(certificate),
    }


def _alternative_names(certificate: Any) -> list[str]:
    from cryptography import x509  # noqa: PLC0415

    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = [str(one.value) for one in extension.value]
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError, TypeError):
        return []
    return [text for text in (clean_text(name, 300) for name in names[:_MAX_NAMES]) if text]
