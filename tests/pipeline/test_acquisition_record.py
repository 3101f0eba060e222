"""What is recorded of an acquisition, in public and in private, and what is recorded nowhere."""

from __future__ import annotations

import datetime
import hashlib
import json
import ssl
from collections.abc import Iterator
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.script_server import Asked, ScriptServer, scripted
from verify.acquire import remote
from verify.acquire.limits import AcquisitionLimits
from verify.acquire.options import AcquisitionOptions
from verify.acquire.source import acquire
from verify.errors import AcquisitionFailedError, AcquisitionRefusedError
from verify.model import Acquisition, FileRole, SilentProgress

BYTES = bytes(range(256)) * 200
COOKIE = "s3ss10n-of-the-operator"
PAGE = (
    "<html><head><title>Release {title}</title></head><body>"
    "<video src='/media/clip.mp4?sig=SIGNED&id=7'></video></body>"
)


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    folder = tmp_path / "staging"
    folder.mkdir()
    return folder


@pytest.fixture
def server() -> Iterator[ScriptServer]:
    with scripted() as running:
        serve_release(running)
        yield running


def serve_release(server: ScriptServer) -> None:
    """Serve a page and its file, with headers that are to be published and others that are not."""
    server.answers["/go"] = lambda asked: asked.whole(
        b"", 302, Location="/page?token=HUSH", Set_Cookie="a=FRESH1; Path=/"
    )
    server.answers["/page"] = lambda asked: asked.whole(
        PAGE.format(title="17").encode(), Content_Type="text/html", Server="office", Set_Cookie=["b=FRESH2", "c=FRESH3"]
    )
    server.answers["/media/clip.mp4"] = lambda asked: asked.whole(
        BYTES, Content_Type="video/mp4", ETag='"v1"', X_Cache="MISS", CF_Ray="7a-FRA", X_Internal="rack 9"
    )


def fetch(url: str, staging: Path, **options: Any) -> Acquisition:
    limits = AcquisitionLimits(max_bytes=20_000_000, max_seconds=60, socket_timeout_s=5, retries=0)
    given = AcquisitionOptions(allow_private=True, limits=limits, **options)
    return acquire(url, staging, options=given, progress=SilentProgress())


def read(staging: Path, name: str) -> Any:
    return json.loads((staging / name).read_text(encoding="ascii"))


def published(taken: Acquisition) -> dict[str, bytes]:
    return {file.path.name: file.path.read_bytes() for file in taken.files if file.role is not FileRole.PRIVATE}


# --- http.json and its private counterpart ---------------------------------------------------------------------------


def test_every_exchange_is_recorded(server: ScriptServer, staging: Path) -> None:
    taken = fetch(server.url("/go"), staging)
    roles = {file.path.name: file.role for file in taken.files}
    assert roles["http.json"] is FileRole.METADATA
    assert (roles["http-full.json"], roles["info-full.json"]) == (FileRole.PRIVATE, FileRole.PRIVATE)
    assert "tls-certificate.pem" not in roles
    record = read(staging, "http.json")
    assert (record["format_version"], record["cookies_given"], record["omitted_exchanges"]) == (1, False, 0)
    first, *_, last = record["exchanges"]
    peer = f"127.0.0.1:{server.port}"
    assert first["requested_url"] == server.url("/go")
    assert first["redirections"] == [
        {"status": 302, "url": server.url("/go"), "location": "/page?token=REMOVED", "peer": peer}
    ]
    assert (first["final_url"], first["status"]) == (server.url("/page?token=REMOVED"), 200)
    assert first["headers"]["server"] == "office"
    assert last["final_url"] == server.url("/media/clip.mp4?sig=REMOVED&id=REMOVED")
    assert last["headers"]["etag"] == '"v1"'
    assert last["headers"]["x-cache"] == "MISS"
    assert last["request_headers"]["accept-encoding"] == "identity"
    assert (last["body_bytes"], last["peer"], last["failure"]) == (len(BYTES), peer, None)
    # What was received is what is preserved.
    assert last["body_sha256"] == hashlib.sha256(taken.media.path.read_bytes()).hexdigest()
    assert last["sent_utc"].endswith("Z")
    assert 0 <= last["seconds_to_answer"] < 5


def test_published_record_holds_no_secrets(server: ScriptServer, staging: Path) -> None:
    taken = fetch(server.url("/go").replace("http://", "http://me:PASSWORD@"), staging)
    assert len(server.paths("/go")[0].headers["authorization"]) > 10
    for name, content in published(taken).items():
        for secret in (b"HUSH", b"SIGNED", b"FRESH", b"PASSWORD", b"bWU6", b"7a-FRA", b"rack 9"):
            assert secret not in content, (name, secret)


def test_private_record_is_complete_but_for_credentials(server: ScriptServer, staging: Path) -> None:
    fetch(server.url("/go").replace("http://", "http://me:PASSWORD@"), staging)
    for name in ("http-full.json", "info-full.json"):
        assert (staging / name).stat().st_mode & 0o077 == 0
    record = read(staging, "http-full.json")
    hops = [hop for exchange in record["exchanges"] for hop in exchange["hops"]]
    assert hops[1]["url"] == server.url("/page?token=HUSH")
    assert hops[-1]["url"] == server.url("/media/clip.mp4?sig=SIGNED&id=7")
    assert ["CF-Ray", "7a-FRA"] in hops[-1]["headers"]
    assert [pair for pair in hops[1]["headers"] if pair[0] == "Set-Cookie"] == [
        ["Set-Cookie", "b=REMOVED"], ["Set-Cookie", "c=REMOVED"],
    ]  # fmt: skip
    sent = {name.lower(): value for name, value in hops[-1]["request_headers"]}
    assert sent["cookie"] == "REMOVED"
    assert sent["host"] == f"127.0.0.1:{server.port}"
    text = (staging / "http-full.json").read_text()
    for secret in ("FRESH", "PASSWORD", "bWU6"):
        assert secret not in text
    information = read(staging, "info-full.json")
    assert information["url"] == server.url("/media/clip.mp4?sig=SIGNED&id=7")
    assert information["formats"]
    for secret in ("FRESH", "PASSWORD"):
        assert secret not in (staging / "info-full.json").read_text()


def test_failure_keeps_no_record(server: ScriptServer, staging: Path) -> None:
    with pytest.raises(AcquisitionFailedError):
        fetch(server.url("/nothing"), staging)
    assert list(staging.iterdir()) == []


# --- the clock -------------------------------------------------------------------------------------------------------


def dated(server: ScriptServer, offset_s: float, **headers: object) -> None:
    def answer(asked: Asked) -> None:
        now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=offset_s)
        asked.whole(BYTES, Content_Type="video/mp4", Date=format_datetime(now, usegmt=True), **headers)

    server.answers["/dated.mp4"] = answer


def test_clock_is_compared_with_the_servers(server: ScriptServer, staging: Path) -> None:
    dated(server, -100)
    clock = fetch(server.url("/dated.mp4"), staging).clock
    assert clock is not None
    assert abs(clock.offset_s - 100) <= clock.uncertainty_s
    assert clock.uncertainty_s >= 1  # the header tells whole seconds; how fast the answer came is not the test's matter
    assert clock.basis == "Date header of 127.0.0.1"


@pytest.mark.parametrize("headers", [{"Age": 7}, {"X_Cache": "HIT from edge"}, {"Date": "yesterday"}])
def test_answers_from_caches_tell_no_time(server: ScriptServer, staging: Path, headers: dict[str, object]) -> None:
    if "Date" in headers:
        server.answers["/dated.mp4"] = lambda asked: asked.whole(BYTES, Content_Type="video/mp4", **headers)
    else:
        dated(server, -100, **headers)
    assert fetch(server.url("/dated.mp4"), staging).clock is None


# --- TLS -------------------------------------------------------------------------------------------------------------


def make_certificate(
    name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None, *, addresses: tuple[str, ...] = ()
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Make an authority or, signed by one, the certificate of a server."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=not addresses, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issuer:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer[1].public_key())
        builder = builder.add_extension(identifier, critical=False)
    if addresses:
        names = [x509.IPAddress(ip_address(address)) for address in addresses]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Make an authority, and let the worker trust it; see tests/tls_worker.py."""
    made = make_certificate("Test authority", None)
    (tmp_path / "authority.pem").write_text(pem(made[0]))
    monkeypatch.setenv("TEST_AUTHORITY", str(tmp_path / "authority.pem"))
    monkeypatch.setattr(remote, "_WORKER_MODULE", "tests.tls_worker")
    return made


def tls_context(folder: Path, chain: list[x509.Certificate], key: ec.EllipticCurvePrivateKey) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (folder / "chain.pem").write_text("".join(pem(one) for one in chain))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    return context


def test_certificate_of_the_pages_host_is_kept(
    authority: tuple[x509.Certificate, ec.EllipticCurvePrivateKey], server: ScriptServer, tmp_path: Path, staging: Path
) -> None:
    between = make_certificate("Test intermediate", authority)
    leaf, key = make_certificate("office.test", between, addresses=("127.0.0.1",))
    with scripted(tls_context(tmp_path, [leaf, between[0]], key)) as secure:
        serve_release(secure)
        # The page is where the redirection ends, not where it begins.
        server.answers["/start"] = lambda asked: asked.whole(b"", 301, Location=secure.url("/page"))
        taken = fetch(server.url("/start"), staging)
    assert taken.media.path.read_bytes() == BYTES
    kept = next(file for file in taken.files if file.path.name == "tls-certificate.pem")
    assert kept.role is FileRole.METADATA
    assert kept.path.read_text() == pem(leaf) + pem(between[0])
    (told,) = read(staging, "http.json")["tls"]
    assert told["sha256_fingerprint"] == leaf.fingerprint(hashes.SHA256()).hex()
    assert (told["host"], told["subject"], told["issuer"]) == ("127.0.0.1", "CN=office.test", "CN=Test intermediate")
    assert told["protocol"] == "TLSv1.3"
    assert told["names"] == ["127.0.0.1"]
    assert told["not_before_utc"] < told["not_after_utc"]


@pytest.mark.parametrize("wrong", ["authority", "host"])
def test_certificate_that_is_not_valid_ends_the_acquisition(
    authority: tuple[x509.Certificate, ec.EllipticCurvePrivateKey], tmp_path: Path, staging: Path, wrong: str
) -> None:
    issuer = make_certificate("Other authority", None) if wrong == "authority" else authority
    address = "127.0.0.9" if wrong == "host" else "127.0.0.1"
    leaf, key = make_certificate("office.test", issuer, addresses=(address,))
    with scripted(tls_context(tmp_path, [leaf], key)) as secure, pytest.raises(AcquisitionFailedError) as caught:
        fetch(secure.url("/page"), staging)
    assert "certificate is not valid" in str(caught.value)
    assert list(staging.iterdir()) == []


# --- cookies ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def cookies(tmp_path: Path) -> Path:
    path = tmp_path / "cookies.txt"
    path.write_text(f"127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\t{COOKIE}\n")
    return path


def members_only(server: ScriptServer) -> None:
    """Demand the cookie for page and file, set it anew, and quote it in the page, as careless sites do."""

    def checked(asked: Asked, content: bytes, kind: str) -> None:
        if f"session={COOKIE}" not in asked.headers.get("cookie", ""):
            asked.whole(b"log in", 401)
        else:
            asked.whole(content, Content_Type=kind, Set_Cookie=f"session={COOKIE}-renewed; Path=/", X_You=COOKIE)

    page = PAGE.format(title=f"for {COOKIE}").replace("</head>", f'<meta name="description" content="{COOKIE}"></head>')
    server.answers["/page"] = lambda asked: checked(asked, page.encode(), "text/html")
    server.answers["/media/clip.mp4"] = lambda asked: checked(asked, BYTES, "video/mp4")


def test_cookies_open_the_page_and_appear_nowhere(server: ScriptServer, staging: Path, cookies: Path) -> None:
    members_only(server)
    before = (cookies.read_bytes(), cookies.stat().st_mtime_ns)
    with pytest.raises(AcquisitionRefusedError) as caught:
        fetch(server.url("/page"), staging)
    assert "--cookies" in caught.value.remedy
    taken = fetch(server.url(f"/page?for={COOKIE}"), staging, cookies=cookies)
    assert taken.media.path.read_bytes() == BYTES
    assert (cookies.read_bytes(), cookies.stat().st_mtime_ns) == before
    assert read(staging, "http.json")["cookies_given"] is True
    for file in staging.rglob("*"):
        assert COOKIE.encode() not in file.read_bytes(), file.name
    assert {file.path for file in taken.files} == set(staging.iterdir())
    told = repr((taken.title, taken.description, taken.final_url, taken.warnings, taken.media_id, taken.source))
    assert COOKIE not in told
    assert taken.title == "Release for REMOVED"


def test_cookies_do_not_appear_in_errors(server: ScriptServer, staging: Path, cookies: Path) -> None:
    server.answers["/page"] = lambda asked: asked.whole(b"", 302, Location=f"gopher-{COOKIE}://x/")
    with pytest.raises(AcquisitionRefusedError) as caught:
        fetch(server.url("/page"), staging, cookies=cookies)
    assert COOKIE not in str(caught.value)
    assert list(staging.iterdir()) == []


def test_cookies_go_to_their_own_host_only(server: ScriptServer, staging: Path, cookies: Path) -> None:
    members_only(server)
    server.answers["/page"] = lambda asked: asked.whole(
        PAGE.format(title="x").replace("src='", f"src='http://localhost:{server.port}").encode(),
        Content_Type="text/html",
    )
    with pytest.raises(AcquisitionRefusedError, match="log in"):
        fetch(server.url("/page"), staging, cookies=cookies)
    assert [one for one in server.paths("/media/clip.mp4") if COOKIE in one.headers.get("cookie", "")] == []


# --- comments --------------------------------------------------------------------------------------------------------


@pytest.fixture
def commented(server: ScriptServer, monkeypatch: pytest.MonkeyPatch) -> ScriptServer:
    monkeypatch.setattr(remote, "_WORKER_MODULE", "tests.tls_worker")
    server.answers["/clip.mp4"] = server.answers["/media/clip.mp4"]
    comments = [{"id": "1", "author": "someone", "text": "<b>Seen before</b>"}]
    server.answers["/with-comments/clip.mp4.comments.json"] = lambda asked: asked.whole(json.dumps(comments).encode())
    return server


def test_comments_come_only_when_asked_for_and_in_a_file_of_their_own(commented: ScriptServer, staging: Path) -> None:
    fetch(commented.url("/with-comments/clip.mp4"), staging)
    assert not (staging / "comments.json").exists()
    for file in staging.iterdir():
        file.unlink()
    taken = fetch(commented.url("/with-comments/clip.mp4"), staging, comments=True)
    kept = next(file for file in taken.files if file.path.name == "comments.json")
    assert kept.role is FileRole.COMMENTS
    assert read(staging, "comments.json")["comments"] == [
        {"id": "1", "author": "someone", "text": "<b>Seen before</b>"}
    ]
    for name in ("info.json", "info-full.json"):
        assert "Seen before" not in (staging / name).read_text()


def test_comments_that_cannot_be_had_cost_no_video(commented: ScriptServer, staging: Path) -> None:
    del commented.answers["/with-comments/clip.mp4.comments.json"]
    taken = fetch(commented.url("/with-comments/clip.mp4"), staging, comments=True)
    assert taken.media.path.read_bytes() == BYTES
    assert any("comments could not be fetched" in warning for warning in taken.warnings)
