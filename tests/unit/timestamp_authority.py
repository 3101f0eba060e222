"""A timestamp authority on loopback: OpenSSL's `ts` behind a small web server, with certificates made for the test."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

_CONFIGURATION = """
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[signer]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[web]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
[tsa]
default_tsa = responder
[responder]
serial = ./serial
signer_digest = {digest}
default_policy = 1.2.3.4.1
digests = {digests}
accuracy = secs:1
ess_cert_id_alg = {named_by}
"""


class Authority:
    """Certificates and configuration of one authority: root, intermediate, signer.

    Parameters
    ----------
    key
        Words for `openssl req -newkey`.
    chain
        Which certificates go into a response beside the signer's: 'intermediate', 'root' in that order.
    digests
        Digests that the authority accepts.
    named_by
        Digest by which a signature names its certificate.
    days
        Days for which the signer's certificate is valid, as words for `openssl x509`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "Example",
        key: tuple[str, ...] = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        chain: tuple[str, ...] = ("intermediate",),
        digest: str = "sha256",
        digests: str = "sha256, sha512",
        named_by: str = "sha256",
        days: tuple[str, ...] = ("-days", "2"),
    ) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("needs openssl (Debian: apt-get install openssl)")
        self.folder = folder
        folder.mkdir(parents=True)
        configuration = _CONFIGURATION.format(digest=digest, digests=digests, named_by=named_by)
        (folder / "openssl.cnf").write_text(configuration)
        (folder / "serial").write_text("01\n")
        made = ("-nodes", "-config", "openssl.cnf")
        self._openssl(
            *("req", "-x509", "-newkey", *key, *made, "-days", "2", "-extensions", "authority"),
            *("-subj", f"/O={name}/CN={name} root", "-keyout", "root.key", "-out", "root.pem"),
        )
        for subject, issuer, extensions, valid in (
            ("intermediate", "root", "authority", ("-days", "2")),
            ("signer", "intermediate", "signer", days),
        ):
            self._openssl(
                *("req", "-newkey", *key, *made, "-subj", f"/O={name}/CN={name} {subject}"),
                *("-keyout", f"{subject}.key", "-out", f"{subject}.csr"),
            )
            self.certify(subject, issuer, extensions, valid)
        self.chain = folder / "chain.pem"
        self.chain.write_bytes(b"".join((folder / f"{part}.pem").read_bytes() for part in chain))

    @property
    def root(self) -> Path:
        return self.folder / "root.pem"

    def certify(self, subject: str, issuer: str, extensions: str, valid: tuple[str, ...] = ("-days", "2")) -> None:
        """Issue a certificate for a request that was made."""
        self._openssl(
            *("x509", "-req", "-in", f"{subject}.csr", "-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key"),
            *("-CAcreateserial", *valid, "-extfile", "openssl.cnf", "-extensions", extensions),
            *("-out", f"{subject}.pem"),
        )

    def reply(self, query: bytes) -> bytes:
        """Answer a query, or refuse it, as the authority's policy has it."""
        (self.folder / "query.tsq").write_bytes(query)
        chain = ("-chain", "chain.pem") if self.chain.stat().st_size else ()
        self._openssl(
            *("ts", "-reply", "-queryfile", "query.tsq", "-config", "openssl.cnf", "-signer", "signer.pem"),
            *("-inkey", "signer.key", *chain, "-out", "reply.tsr"),
        )
        return (self.folder / "reply.tsr").read_bytes()

    def timestamp(self, data: bytes, digest: str = "sha256") -> bytes:
        """Timestamp data without the program under test."""
        (self.folder / "data").write_bytes(data)
        self._openssl("ts", "-query", "-data", "data", f"-{digest}", "-cert", "-out", "own.tsq")
        return self.reply((self.folder / "own.tsq").read_bytes())

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True, timeout=60)


@contextlib.contextmanager
def answering(
    reply: Callable[[bytes], bytes], content_type: str = "application/timestamp-reply"
) -> Iterator[tuple[str, list[bytes]]]:
    """Serve answers to POST requests; yields the URL and the bodies that came in."""
    received: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            answer = reply(received[-1])
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Keep the test output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", received
        finally:
            server.shutdown()
            thread.join()
