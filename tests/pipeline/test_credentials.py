"""Content Credentials of files that the tests sign themselves: intact, altered, cut, hostile, and kept elsewhere."""

from __future__ import annotations

import datetime
import json
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import c2pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fixtures.footage import _ffmpeg
from tests.http_server import serving
from verify.errors import InvalidUsageError, UnreadableMediaError
from verify.media import credentials as module
from verify.media.credentials import find_trust_anchors, read_credentials
from verify.media.credentials_worker import SETTINGS
from verify.model import CredentialState

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).resolve().parents[2]
IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
# Offered by the tests' own signers; the dates are far from those of any run.
CREATED = {"action": "c2pa.created", "when": "2024-02-03T04:05:06+02:00", "digitalSourceType": f"{IPTC}digitalCapture"}
PEM = serialization.Encoding.PEM


# --- certificates and signing ---------------------------------------------------------------------------------------


@dataclass
class Authority:
    """A root and one certificate under it. `chain` and `root` are PEM text, `key` is that of the certificate."""

    chain: str
    root: str
    key: str


def holder(common_name: str, organisation: str) -> x509.Name:
    parts = [(NameOID.COMMON_NAME, common_name), (NameOID.ORGANIZATION_NAME, organisation)]
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])


def certificate(
    subject: x509.Name, issuer: x509.Name, key: Any, signing_key: Any, usage: x509.ObjectIdentifier | None
) -> x509.Certificate:
    """A certificate as C2PA wants it: a root when `usage` is None, else an end-entity for that one purpose."""
    is_root = usage is None
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not is_root, key_cert_sign=is_root, crl_sign=is_root, content_commitment=False,
                key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
    )  # fmt: skip
    if usage is not None:
        critical = usage == ExtendedKeyUsageOID.TIME_STAMPING
        built = built.add_extension(x509.ExtendedKeyUsage([usage]), critical=critical)
    return built.sign(signing_key, hashes.SHA256())


def new_authority(
    signer: x509.Name, root_name: x509.Name, usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.EMAIL_PROTECTION
) -> Authority:
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = certificate(root_name, root_name, root_key, root_key, None).public_bytes(PEM).decode()
    leaf = certificate(signer, root_name, key, root_key, usage).public_bytes(PEM).decode()
    private = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    return Authority(chain=leaf + root, root=root, key=private)


@pytest.fixture(scope="session")
def authority() -> Authority:
    return new_authority(holder("Test Signer", "Test Newsroom"), holder("Test Root", "Test Authority"))


@pytest.fixture
def anchors(authority: Authority, tmp_path: Path) -> Path:
    path = tmp_path / "trusted.pem"
    path.write_text(f"# a comment\n{authority.root}", encoding="ascii")
    return path


def sign(
    source: Path,
    target: Path,
    authority: Authority,
    actions: list[dict[str, Any]] | None = None,
    *,
    label: str = "c2pa.actions",
    ingredient: Path | None = None,
    ingredient_title: str = "the clip before",
    remote_url: str = "",
    time_url: str = "",
    media_type: str = "video/mp4",
    settings: dict[str, Any] | None = None,
    **definition: Any,
) -> Path:
    """Write a signed copy of `source` to `target`."""
    action_list = {"label": label, "data": {"actions": actions or [CREATED]}}
    manifest = {
        "claim_generator_info": [{"name": "Test Camera", "version": "1.0"}],
        "title": "a clip",
        "assertions": [action_list],
    } | definition
    info = c2pa.C2paSignerInfo(b"es256", authority.chain.encode(), authority.key.encode(), time_url.encode() or None)
    context = c2pa.Context(c2pa.Settings.from_dict(settings or {}))
    with c2pa.Builder(manifest, context=context) as builder, source.open("rb") as read, target.open("w+b") as written:
        if remote_url:
            builder.set_remote_url(remote_url)
            builder.set_no_embed()
        if ingredient is not None:
            parent = {"title": ingredient_title, "relationship": "parentOf", "instance_id": "clip", "label": "clip"}
            with ingredient.open("rb") as opened:
                builder.add_ingredient(parent, "video/mp4", opened)
        builder.sign(c2pa.Signer.from_info(info), media_type, read, written)
    return target


@pytest.fixture
def signed(footage: dict[str, Path], authority: Authority, tmp_path: Path) -> Path:
    return sign(footage["scene"], tmp_path / "signed.mp4", authority)


def altered(path: Path, find: bytes, replace: bytes, offset: int = 0) -> Path:
    """Overwrite bytes of a file, `offset` behind the last place where `find` is."""
    data = bytearray(path.read_bytes())
    start = data.rindex(find) + offset
    assert data[start : start + len(replace)] != replace
    data[start : start + len(replace)] = replace
    path.write_bytes(data)
    return path


# --- what holds -----------------------------------------------------------------------------------------------------


def test_intact_credentials_of_an_unknown_signer_are_told_with_their_limits(signed: Path) -> None:
    found = read_credentials(signed)
    assert found.state is CredentialState.VALID_UNTRUSTED
    assert found.statement == (
        "Content Credentials are present and intact; they were signed by 'Test Signer, Test Newsroom' "
        "(certificate of 'Test Root, Test Authority'), who is not on a trust list known here: none was given."
    )
    assert "An untrusted signer is not tampering" in found.limits
    assert (found.signer, found.issuer) == ("Test Signer, Test Newsroom", "Test Root, Test Authority")
    assert found.claim_generator == "Test Camera 1.0"
    assert [(action.action, action.digital_source_type) for action in found.actions] == [
        ("c2pa.created", "digitalCapture")
    ]
    assert found.digital_source_types == ("captured by a digital camera or recorder, says the signer (digitalCapture)",)
    assert found.problems == ("signingCredential.untrusted",)
    assert found.library.startswith("c2pa-python ")


def test_without_a_time_stamp_the_time_is_the_signers_own_word(signed: Path) -> None:
    found = read_credentials(signed)
    assert found.signed_utc == found.actions[0].when == "2024-02-03T02:05:06Z"
    assert found.signed_basis.startswith("the signer's own word")


def test_a_signer_under_a_given_root_is_trusted(signed: Path, anchors: Path) -> None:
    found = read_credentials(signed, trust_anchors=anchors)
    assert found.state is CredentialState.TRUSTED
    assert found.statement.endswith("whose certificate leads to the trust list that was given.")
    assert found.problems == ()


def test_a_trust_list_of_others_trusts_nobody_here(signed: Path, tmp_path: Path) -> None:
    other = tmp_path / "others.pem"
    other.write_text(new_authority(holder("A", "B"), holder("C", "D")).root, encoding="ascii")
    found = read_credentials(signed, trust_anchors=other)
    assert found.state is CredentialState.VALID_UNTRUSTED
    assert found.statement.endswith("who is not on a trust list known here.")


def test_credentials_of_version_1_are_read(footage: dict[str, Path], authority: Authority, tmp_path: Path) -> None:
    actions = [{"action": "c2pa.edited", "softwareAgent": "Old Editor 0.9"}]
    path = sign(footage["scene"], tmp_path / "old.mp4", authority, actions, claim_version=1, format="video/mp4")
    found = read_credentials(path)
    assert found.state is CredentialState.VALID_UNTRUSTED
    assert [(action.action, action.software) for action in found.actions] == [("c2pa.edited", "Old Editor 0.9")]
    assert found.signed_utc == ""
    assert found.signed_basis.startswith("not stated")


def test_a_generative_model_is_named_in_plain_words(
    footage: dict[str, Path], authority: Authority, tmp_path: Path
) -> None:
    action = {"action": "c2pa.created", "digitalSourceType": f"{IPTC}trainedAlgorithmicMedia"}
    found = read_credentials(sign(footage["scene"], tmp_path / "made.mp4", authority, [action]))
    assert found.digital_source_types == ("made by a generative model, says the signer (trainedAlgorithmicMedia)",)
    assert found.actions[0].digital_source_type == "trainedAlgorithmicMedia"


EDITED = [
    {"action": "c2pa.opened", "parameters": {"ingredientIds": ["clip"]}},
    {"action": "c2pa.edited", "softwareAgent": {"name": "Test Editor", "version": "2"}},
]


@pytest.mark.parametrize("label", ["c2pa.actions", "c2pa.actions.v2"])
def test_an_edited_ingredient_is_told_with_the_state_of_its_own_credentials(
    signed: Path, authority: Authority, anchors: Path, tmp_path: Path, label: str
) -> None:
    path = sign(signed, tmp_path / "edited.mp4", authority, EDITED, label=label, ingredient=signed)
    found = read_credentials(path)
    assert found.state is CredentialState.VALID_UNTRUSTED
    assert [(action.action, action.software) for action in found.actions] == [
        ("c2pa.opened", ""),
        ("c2pa.edited", "Test Editor 2"),
    ]
    (ingredient,) = found.ingredients
    assert (ingredient.title, ingredient.relationship) == ("the clip before", "parentOf")
    assert ingredient.media_type == "video/mp4"
    assert ingredient.state is CredentialState.VALID_UNTRUSTED
    assert found.digital_source_types == ()  # the ingredient's own declarations are not told as the file's
    trusted = read_credentials(path, trust_anchors=anchors)
    assert trusted.state is CredentialState.TRUSTED
    assert trusted.ingredients[0].state is CredentialState.TRUSTED


def test_an_ingredient_that_its_user_trusted_is_not_trusted_for_that(
    signed: Path, authority: Authority, anchors: Path, tmp_path: Path
) -> None:
    settings = {"trust": {"trust_anchors": authority.root}}
    path = sign(signed, tmp_path / "edited.mp4", authority, EDITED, ingredient=signed, settings=settings)
    (unknown,) = read_credentials(path).ingredients
    assert unknown.state is CredentialState.VALID_UNTRUSTED
    (known,) = read_credentials(path, trust_anchors=anchors).ingredients
    assert known.state is CredentialState.TRUSTED


def test_an_ingredient_without_credentials_or_with_broken_ones_is_told(
    footage: dict[str, Path], signed: Path, authority: Authority, tmp_path: Path
) -> None:
    plain = sign(signed, tmp_path / "plain.mp4", authority, EDITED, ingredient=footage["scene"])
    assert read_credentials(plain).ingredients[0].state is CredentialState.ABSENT
    broken = altered(signed, b"mdat", b"\x00\x01\x02", offset=3000)
    path = sign(footage["scene"], tmp_path / "broken.mp4", authority, EDITED, ingredient=broken)
    found = read_credentials(path)
    assert found.ingredients[0].state is CredentialState.INVALID
    assert found.state is CredentialState.VALID_UNTRUSTED


def test_an_avi_file_is_read(footage: dict[str, Path], authority: Authority, tmp_path: Path) -> None:
    avi = tmp_path / "plain.avi"
    _ffmpeg("-i", footage["scene"], "-c", "copy", avi)
    assert read_credentials(avi).state is CredentialState.ABSENT
    found = read_credentials(sign(avi, tmp_path / "signed.avi", authority, media_type="video/avi"))
    assert found.state is CredentialState.VALID_UNTRUSTED


# --- what does not hold ---------------------------------------------------------------------------------------------


def test_media_that_is_not_what_was_signed_is_told(signed: Path, anchors: Path) -> None:
    found = read_credentials(altered(signed, b"mdat", b"\x00\x01\x02", offset=3000), trust_anchors=anchors)
    assert found.state is CredentialState.INVALID
    assert "do not hold: the media is not, byte for byte, what was signed." in found.statement
    assert found.problems == ("assertion.bmffHash.mismatch",)
    assert "re-encoding" in found.limits
    assert found.digital_source_types[0].endswith("say credentials that do not hold (digitalCapture)")
    assert found.signed_basis.startswith("the word of credentials that do not hold")


@pytest.mark.parametrize(
    ("find", "replace", "code", "words"),
    [
        (b"Test Camera", b"Best Camera", "claimSignature.mismatch", "the signature does not fit what is signed"),
        (b"digitalCapture", b"digitalPicture", "assertion.hashedURI.mismatch", "was altered after signing"),
    ],
)
def test_an_altered_store_is_told(signed: Path, find: bytes, replace: bytes, code: str, words: str) -> None:
    found = read_credentials(altered(signed, find, replace))
    assert found.state is CredentialState.INVALID
    assert code in found.problems
    assert words in found.statement


def test_a_store_that_cannot_be_parsed_is_told_and_does_not_abort(signed: Path) -> None:
    # Without its list of actions, as some older writers left it, the library refuses the whole store.
    found = read_credentials(altered(signed, b"gactions", b"gactiens"))
    assert found.state is CredentialState.NOT_READABLE
    assert found.statement.startswith("Something stored as Content Credentials is there but cannot be read: '")
    assert "actions" in found.statement


def test_a_manifest_against_the_present_rules_is_told_with_the_rule(
    footage: dict[str, Path], authority: Authority, tmp_path: Path
) -> None:
    actions = [{"action": "c2pa.edited"}]
    settings = {"verify": {"verify_after_sign": False}}
    found = read_credentials(sign(footage["scene"], tmp_path / "odd.mp4", authority, actions, settings=settings))
    assert found.state is CredentialState.INVALID
    assert "assertion.action.malformed" in found.problems
    assert "they break the rules of C2PA" in found.statement
    assert found.actions[0].action == "c2pa.edited"


def test_removed_credentials_leave_an_unknown_provenance(signed: Path) -> None:
    data = signed.read_bytes()
    start = data.index(b"uuid") - 4
    size = int.from_bytes(data[start : start + 4], "big")
    # A free box of the same size in its place, so that the index still points at the media.
    signed.write_bytes(data[: start + 4] + b"free" + bytes(size - 8) + data[start + size :])
    found = read_credentials(signed)
    assert found.state is CredentialState.ABSENT
    assert "Absent means unknown provenance, not tampering." in found.statement
    assert found.actions == found.problems == ()


@pytest.mark.parametrize("share", [0.001, 0.02, 0.3, 0.9])
def test_a_truncated_file_is_never_called_intact(signed: Path, share: float) -> None:
    data = signed.read_bytes()
    signed.write_bytes(data[: int(len(data) * share)])
    assert read_credentials(signed).state in (CredentialState.INVALID, CredentialState.NOT_READABLE)


def test_every_byte_altered_in_the_statements_shows(signed: Path) -> None:
    data = signed.read_bytes()
    first, last = data.index(b"Test Camera"), data.index(b"digitalCapture")
    for place in (first, first + 5, last, last + 13):
        signed.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert read_credentials(signed).state is CredentialState.INVALID


# --- what holds none ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "state", "words"),
    [
        ("scene", CredentialState.ABSENT, "holds no Content Credentials"),
        ("audio-only", CredentialState.ABSENT, "holds no Content Credentials"),
        ("zero-bytes", CredentialState.NOT_READABLE, "this is an empty file"),
        ("text", CredentialState.NOT_READABLE, "this is a file of another kind"),
    ],
)
def test_files_without_credentials(footage: dict[str, Path], name: str, state: CredentialState, words: str) -> None:
    found = read_credentials(footage[name])
    assert found.state is state
    assert words in found.statement


def test_a_container_that_holds_none_is_told_whatever_its_name(footage: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    _ffmpeg("-i", footage["scene"], "-c", "copy", path)
    found = read_credentials(path.rename(tmp_path / "clip.mp4"))
    assert found.state is CredentialState.NOT_READABLE
    assert "were not looked for: this is a Matroska or WebM file" in found.statement
    assert "not tampering" in found.limits


def test_a_name_that_lies_about_the_container_hides_nothing(signed: Path, tmp_path: Path) -> None:
    assert read_credentials(signed.rename(tmp_path / "clip.mkv")).state is CredentialState.VALID_UNTRUSTED


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnreadableMediaError, match=r"nothing\.mp4"):
        read_credentials(tmp_path / "nothing.mp4")


# --- hostile texts --------------------------------------------------------------------------------------------------


def test_hostile_texts_are_bounded_and_harmless(footage: dict[str, Path], signed: Path, tmp_path: Path) -> None:
    name = "X', who is on every trust list, \u202e'Y\x1b[31m <b>"
    hostile = new_authority(holder(name, "\u05d0" * 40), holder("<script>alert(1)</script>", "root\nroot"))
    actions = [
        {"action": "c2pa.opened", "parameters": {"ingredientIds": ["clip"]}},
        {"action": "c2pa.edited", "softwareAgent": {"name": "E" * 50_000}, "digitalSourceType": "<img src=x>" * 500},
        *({"action": f"org.example.{number}", "when": "soon\x00"} for number in range(500)),
    ]
    title = "<script>alert(1)</script>\u202e\x1b]0;x\x07" + "T" * 100_000
    path = sign(
        footage["scene"], tmp_path / "hostile.mp4", hostile, actions, ingredient=signed, ingredient_title=title,
        claim_generator_info=[{"name": "\x1b[31mGenerator\n\n", "version": "9" * 5000}],
    )  # fmt: skip
    found = read_credentials(path)
    assert found.state is CredentialState.VALID_UNTRUSTED
    assert len(found.actions) == 100
    assert found.ingredients[0].title.startswith("<script>alert(1)</script>")  # kept as text; the report escapes it
    assert "signed by '\u2068X\u2019, who is on every trust list, \u2019Y[31m <b>, \u05d0" in found.statement
    texts = [*texts_of(found.actions), *texts_of(found.ingredients), found.statement, found.signer, found.issuer]
    texts += [found.limits, found.claim_generator, found.signed_basis, *found.digital_source_types, *found.problems]
    assert max(map(len, texts)) < 1000
    assert all(len(text) <= 200 for text in (*texts_of(found.ingredients), found.signer, found.claim_generator))
    assert not any(control in text for text in texts for control in "\x00\x07\x1b\n\u202e")


def texts_of(entries: tuple[Any, ...]) -> list[str]:
    return [str(getattr(entry, name)) for entry in entries for name in entry.__slots__]


# --- the network ----------------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(footage: dict[str, Path], authority: Authority, tmp_path: Path) -> Iterator[tuple[Path, Any]]:
    """A file that names a URL on loopback for its credentials, and the server there."""
    with serving() as server:
        url = server.add("/clip.c2pa", b"no credentials", "application/c2pa")
        path = sign(footage["scene"], tmp_path / "remote.mp4", authority, remote_url=f"{url}?token=secret")
        yield path, server


def test_credentials_at_a_url_are_told_and_not_fetched(elsewhere: tuple[Path, Any]) -> None:
    path, server = elsewhere
    found = read_credentials(path)
    assert server.requests == []
    assert found.state is CredentialState.NOT_READABLE
    assert f"refers to Content Credentials at a URL, not fetched: '{server.url('/clip.c2pa')}" in found.statement
    assert "secret" not in found.statement


FETCHING = {"verify": {"remote_manifest_fetch": True, "ocsp_fetch": True}}
LEAVES = """
import os
from verify.media.credentials_worker import leave_network
before = os.stat("/proc/self/ns/net").st_ino
leave_network()
raise SystemExit(before == os.stat("/proc/self/ns/net").st_ino)
"""
# Each wall alone, against a library that was told to fetch; the other is taken away.
SERVE = """
import json, pathlib, sys
from verify.media import credentials_worker as worker
path, settings, wall = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
if wall == "network":
    worker.leave_network()
    worker.limit_resources = lambda seconds: None
with pathlib.Path(path).open("rb") as file:
    worker.serve({"media_type": "video/mp4"}, file, sys.stdout.buffer, settings)
"""


def test_the_library_does_fetch_where_nothing_holds_it(elsewhere: tuple[Path, Any]) -> None:
    path, server = elsewhere
    context = c2pa.Context(c2pa.Settings.from_dict(FETCHING))
    with path.open("rb") as file, pytest.raises(c2pa.C2paError):
        c2pa.Reader.try_create("video/mp4", file, context=context)
    assert server.requests == ["GET /clip.c2pa?token=secret"]


def fetching_behind(wall: str, path: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", SERVE, str(path), json.dumps(FETCHING), wall]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, timeout=60, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits; there the settings alone hold")
def test_a_library_that_fetches_can_open_no_socket(elsewhere: tuple[Path, Any]) -> None:
    path, server = elsewhere
    done = fetching_behind("files", path)
    assert server.requests == []
    # Without so much as a file to wait on, the library may also give up altogether, which the parent tells.
    assert done.returncode < 0 or b'"kind": "remote"' in done.stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux lets a process leave its network")
def test_a_library_that_fetches_reaches_nothing_from_a_network_of_its_own(elsewhere: tuple[Path, Any]) -> None:
    path, server = elsewhere
    if subprocess.run([sys.executable, "-c", LEAVES], cwd=CHECKOUT, check=False, timeout=60).returncode != 0:
        pytest.skip("this system does not let a process leave its network")
    done = fetching_behind("network", path)
    assert server.requests == []
    assert b'"kind": "remote"' in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits; there the settings alone hold")
def test_the_worker_can_open_nothing_once_it_reads() -> None:
    code = """
import pathlib, socket
from verify.media.credentials_worker import limit_resources
limit_resources(5)
for attempt in (socket.socket, pathlib.Path("/dev/null").open):
    try:
        attempt()
    except OSError as error:
        print(error.errno)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, timeout=60, check=True)
    assert done.stdout.split() == [b"24", b"24"]


def test_the_settings_forbid_the_network() -> None:
    assert SETTINGS["verify"]["remote_manifest_fetch"] is False
    assert SETTINGS["verify"]["ocsp_fetch"] is False
    assert SETTINGS["core"]["allowed_network_hosts"] == []


# --- time stamps ----------------------------------------------------------------------------------------------------


@pytest.fixture
def time_authority(tmp_path: Path) -> Iterator[tuple[str, Authority]]:
    """URL of a time stamp authority on loopback, answered by `openssl ts`, and its certificates."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl program")
    usage = ExtendedKeyUsageOID.TIME_STAMPING
    stamping = new_authority(holder("Test Clock", "Test Times"), holder("Test Times Root", "Test Times"), usage)
    folder = tmp_path / "clock"
    folder.mkdir()
    for name, text in (("signer.pem", stamping.chain), ("root.pem", stamping.root), ("key.pem", stamping.key)):
        (folder / name).write_text(text, encoding="ascii")
    (folder / "serial").write_text("01\n", encoding="ascii")
    lines = (
        "[tsa]", "default_tsa=clock", "[clock]", "serial=serial", "signer_cert=signer.pem", "certs=root.pem",
        "signer_key=key.pem", "signer_digest=sha256", "default_policy=1.2.3.4.1", "digests=sha256, sha384, sha512",
        "accuracy=secs:1", "ess_cert_id_alg=sha256",
    )  # fmt: skip
    (folder / "clock.cnf").write_text("\n".join(lines) + "\n", encoding="ascii")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            (folder / "query").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            command = ["openssl", "ts", "-reply", "-config", "clock.cnf", "-queryfile", "query"]
            reply = subprocess.run(command, cwd=folder, capture_output=True, check=True, timeout=20).stdout
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: object) -> None:
            """Keep the test output clean."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", stamping
        server.shutdown()
        thread.join()


def test_a_time_stamp_is_told_with_whose_it_is(
    footage: dict[str, Path], authority: Authority, time_authority: tuple[str, Authority], anchors: Path, tmp_path: Path
) -> None:
    url, stamping = time_authority
    path = sign(footage["scene"], tmp_path / "stamped.mp4", authority, time_url=url)
    found = read_credentials(path, trust_anchors=anchors)
    now = datetime.datetime.now(datetime.UTC)
    stamped = datetime.datetime.fromisoformat(found.signed_utc)
    assert datetime.timedelta(0) <= now - stamped < datetime.timedelta(minutes=2)
    assert found.signed_basis == ("time stamp of 'Test Clock, Test Times', which is not on a trust list known here")
    assert found.state is CredentialState.TRUSTED  # a clock that nobody vouches for leaves the signature as it is
    anchors.write_text(anchors.read_text() + stamping.root, encoding="ascii")
    both = read_credentials(path, trust_anchors=anchors)
    assert both.signed_basis == "time stamp of 'Test Clock, Test Times', which is on the trust list that was given"


def test_a_time_stamp_of_version_1_is_not_called_trusted(
    footage: dict[str, Path], authority: Authority, time_authority: tuple[str, Authority], tmp_path: Path
) -> None:
    path = sign(footage["scene"], tmp_path / "old.mp4", authority, time_url=time_authority[0], claim_version=1)
    found = read_credentials(path)
    assert found.signed_utc
    assert "not checked against a trust list" in found.signed_basis


# --- the reader itself ----------------------------------------------------------------------------------------------


def test_a_reader_that_is_too_slow_is_ended(signed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST_SECONDS", 0.01)
    found = read_credentials(signed)
    assert found.state is CredentialState.NOT_READABLE
    assert "the reader took more than 0 s" in found.statement


def test_a_reader_that_dies_is_told(signed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MODULE", "verify.no_such_module")
    found = read_credentials(signed)
    assert found.state is CredentialState.NOT_READABLE
    assert "the reader ended without a word" in found.statement


def test_a_trust_list_is_found_checked_and_used(
    signed: Path, anchors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERIFY_C2PA_TRUST", str(anchors))
    assert read_credentials(signed, trust_anchors=find_trust_anchors(None)).state is CredentialState.TRUSTED
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("not a certificate", encoding="ascii")
    with pytest.raises(InvalidUsageError, match="holds no certificate"):
        read_credentials(signed, trust_anchors=find_trust_anchors(wrong))
