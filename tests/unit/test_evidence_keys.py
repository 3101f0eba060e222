"""Signing keys and minisign's formats, also against the stock minisign."""

from __future__ import annotations

import base64
import os
import shutil
import stat
import subprocess
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.errors import InvalidUsageError, OutputNotWritableError
from verify.evidence.keys import (
    PublicKey,
    SignatureError,
    SigningKey,
    default_key_path,
    load_default_key,
    normal_signature,
    verify_signature,
)
from verify.processes import Worker

DATA = b'{"case_id":"example"}'
KEY = SigningKey.generate()
SIGNATURE = KEY.sign(DATA, "case example\tsealed 2026-01-31T12:00:00Z")
posix = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No key of this machine's user in sight; returns the folder that stands for the user's config folder."""
    monkeypatch.delenv("VERIFY_KEY", raising=False)
    monkeypatch.delenv("VERIFY_KEY_PASSWORD", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


def stock(*words: str | Path, password: str = "") -> subprocess.CompletedProcess[str]:
    """Run the stock minisign."""
    if shutil.which("minisign") is None:
        pytest.skip("needs minisign (Debian: apt-get install minisign)")
    return subprocess.run(
        ["minisign", *words], input=f"{password}\n" * 2, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_signature_holds_over_its_data_and_comment_only():
    assert verify_signature(KEY.public, DATA, SIGNATURE) == "case example\tsealed 2026-01-31T12:00:00Z"
    with pytest.raises(SignatureError, match=KEY.public.key_id):
        verify_signature(KEY.public, DATA + b" ", SIGNATURE)
    with pytest.raises(SignatureError, match=KEY.public.key_id):
        verify_signature(KEY.public, DATA, SIGNATURE.replace("case example", "case another"))
    with pytest.raises(SignatureError):
        verify_signature(SigningKey.generate().public, DATA, SIGNATURE)


def test_a_key_with_the_same_id_is_still_another_key():
    raw = bytearray(base64.b64decode(KEY.public.encoded))
    raw[10:] = base64.b64decode(SigningKey.generate().public.encoded)[10:]
    impostor = PublicKey.from_text(base64.b64encode(raw).decode())
    assert impostor.key_id == KEY.public.key_id
    with pytest.raises(SignatureError):
        verify_signature(impostor, DATA, SIGNATURE)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 8 * len(SIGNATURE) - 1))
def test_a_flipped_bit_never_passes_for_the_written_signature(position: int):
    flipped = bytearray(SIGNATURE.encode())
    flipped[position // 8] ^= 1 << position % 8
    text = flipped.decode("latin-1")
    try:
        verify_signature(KEY.public, DATA, text)
    except SignatureError:
        return
    # What remains is not covered by the signature; the exact text is.
    assert normal_signature(KEY.public, text) == SIGNATURE != text


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=400) | st.sampled_from([SIGNATURE * 2, SIGNATURE[:-20], "\n" * 4, SIGNATURE + "\n", "x" * 10**6])
)
def test_what_is_no_signature_or_key_is_refused(text: str):
    with pytest.raises(SignatureError):
        verify_signature(KEY.public, DATA, text)
    with pytest.raises(SignatureError):
        PublicKey.from_text(text)


@pytest.mark.parametrize("kind", [b"Ed", b"XX"])
def test_signatures_of_another_kind_are_refused(kind: bytes):
    first, encoded, *rest = SIGNATURE.splitlines()
    changed = base64.b64encode(kind + base64.b64decode(encoded)[2:]).decode()
    with pytest.raises(SignatureError):
        verify_signature(KEY.public, DATA, "\n".join([first, changed, *rest]))


@pytest.mark.parametrize("comment", ["two\nlines", "caf\u00e9", "\x1b[2J", "x" * 9000])
def test_comments_that_cannot_be_signed(comment: str):
    with pytest.raises(ValueError, match="comment"):
        KEY.sign(DATA, comment)


def test_a_public_key_is_read_back_from_its_file_and_from_its_bare_form():
    assert PublicKey.from_text(KEY.public.text) == KEY.public == PublicKey.from_text(KEY.public.encoded)
    assert KEY.public.text.splitlines()[0] == f"untrusted comment: minisign public key {KEY.public.key_id}"


@pytest.mark.parametrize("password", [None, "correct horse"])
def test_a_key_is_read_back_from_its_file(password: str | None, tmp_path: Path):
    path = tmp_path / "new" / "signing.key"
    KEY.save(path, password)
    assert SigningKey.load(path, password).public == KEY.public
    assert verify_signature(KEY.public, DATA, SigningKey.load(path, password).sign(DATA, "again")) == "again"
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert (b"encrypted" in path.read_bytes()) is bool(password)


def test_a_protected_key_needs_its_password(tmp_path: Path):
    path = tmp_path / "signing.key"
    KEY.save(path, "right")
    for password, words in ((None, "VERIFY_KEY_PASSWORD"), ("", "VERIFY_KEY_PASSWORD"), ("wrong", "this password")):
        with pytest.raises(InvalidUsageError, match=words):
            SigningKey.load(path, password)


def test_a_key_is_never_overwritten(tmp_path: Path):
    path = tmp_path / "signing.key"
    path.write_text("precious")
    with pytest.raises(InvalidUsageError, match="never overwritten"):
        KEY.save(path)
    assert path.read_text() == "precious"


def test_a_key_that_cannot_be_written_leaves_nothing(tmp_path: Path):
    path = tmp_path / "signing.key"
    with (
        mock.patch("os.fsync", side_effect=OSError(28, "No space left on device")),
        pytest.raises(OutputNotWritableError, match="No space left"),
    ):
        KEY.save(path)
    assert list(tmp_path.iterdir()) == []


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_open_to_others_is_refused(mode: int, tmp_path: Path):
    path = tmp_path / "signing.key"
    KEY.save(path)
    path.chmod(mode)
    with pytest.raises(InvalidUsageError, match=rf"mode {mode:04o}.*chmod 600"):
        SigningKey.load(path)


def test_a_damaged_key_is_refused(tmp_path: Path):
    path = tmp_path / "signing.key"
    KEY.save(path)
    head, encoded = path.read_bytes().splitlines()
    raw = base64.b64decode(encoded)
    for position in range(len(raw)):
        if 6 <= position < 54:  # derivation of a key without password, which nothing reads
            continue
        changed = bytearray(raw)
        changed[position] ^= 1
        path.write_bytes(head + b"\n" + base64.b64encode(changed) + b"\n")
        with pytest.raises(InvalidUsageError):
            SigningKey.load(path)


@pytest.mark.parametrize("content", [b"", b"x", b"a\nb\n", b"\xff" * 100, b"untrusted comment: \n" + b"A" * 10**6])
def test_what_is_no_key_is_refused(content: bytes, tmp_path: Path):
    path = tmp_path / "signing.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(InvalidUsageError, match="no minisign secret key"):
        SigningKey.load(path)
    with pytest.raises(InvalidUsageError, match=r"cannot be read|no signing key"):
        SigningKey.load(tmp_path)


def test_without_a_key_there_is_none(environment: Path):
    assert load_default_key() is None
    assert default_key_path() == environment / "verify" / "signing.key"


def test_the_default_key_is_found(environment: Path):
    KEY.save(default_key_path())
    loaded = load_default_key()
    assert loaded is not None
    assert loaded.public == KEY.public


def test_verify_key_names_another_key_which_must_exist(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    KEY.save(environment / "verify" / "signing.key")
    monkeypatch.setenv("VERIFY_KEY", str(tmp_path / "other.key"))
    with pytest.raises(InvalidUsageError, match=r"other\.key: there is no signing key"):
        load_default_key()
    other = SigningKey.generate()
    other.save(tmp_path / "other.key", "word")
    with pytest.raises(InvalidUsageError, match="protected by a password"):
        load_default_key()
    asked = load_default_key(lambda: "word")
    monkeypatch.setenv("VERIFY_KEY_PASSWORD", "word")
    told = load_default_key(lambda: pytest.fail("asked although it was told"))
    assert asked is not None
    assert told is not None
    assert asked.public == told.public == other.public


def test_workers_are_not_told_the_password(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VERIFY_KEY_PASSWORD", "word")
    with mock.patch("subprocess.Popen") as started:
        Worker("verify.nothing")._stderr.close()
    environment = started.call_args.kwargs["env"]
    assert "PATH" in environment
    assert "word" not in environment.values()


def test_stock_minisign_accepts_our_signature_and_refuses_other_data(tmp_path: Path):
    (tmp_path / "key.pub").write_text(KEY.public.text)
    (tmp_path / "manifest.json").write_bytes(DATA)
    (tmp_path / "manifest.json.minisig").write_text(SIGNATURE)
    words = ("-V", "-p", tmp_path / "key.pub", "-m", tmp_path / "manifest.json")
    done = stock(*words)
    assert done.returncode == 0, done.stderr
    assert "Trusted comment: case example\tsealed 2026-01-31T12:00:00Z" in done.stdout
    assert stock("-V", "-P", KEY.public.encoded, "-m", tmp_path / "manifest.json").returncode == 0
    (tmp_path / "manifest.json").write_bytes(DATA + b"\n")
    assert stock(*words).returncode != 0


@pytest.mark.parametrize("password", [None, "correct horse"])
def test_stock_minisign_signs_with_our_key_file(password: str | None, tmp_path: Path):
    KEY.save(tmp_path / "signing.key", password)
    (tmp_path / "manifest.json").write_bytes(DATA)
    signed = tmp_path / "manifest.json.minisig"
    done = stock(
        *("-S", "-s", tmp_path / "signing.key", "-m", tmp_path / "manifest.json", "-t", "by stock"),
        password=password or "",
    )
    assert done.returncode == 0, done.stderr
    assert verify_signature(KEY.public, DATA, signed.read_text()) == "by stock"


def test_a_key_and_signature_of_stock_minisign_work_here(tmp_path: Path):
    secret, public = tmp_path / "stock.key", tmp_path / "stock.pub"
    assert stock("-G", "-W", "-s", secret, "-p", public).returncode == 0
    secret.chmod(0o600)
    (tmp_path / "data").write_bytes(DATA)
    assert stock("-S", "-s", secret, "-m", tmp_path / "data", "-t", "hello").returncode == 0
    theirs = PublicKey.from_text(public.read_text())
    # Its own comment leaves out leading zeros of the ID.
    assert theirs.text.splitlines()[1:] == public.read_text().splitlines()[1:]
    assert verify_signature(theirs, DATA, (tmp_path / "data.minisig").read_text()) == "hello"
    loaded = SigningKey.load(secret)
    assert loaded.public == theirs
    (tmp_path / "data.minisig").write_text(loaded.sign(DATA, "from here"))
    assert stock("-V", "-p", public, "-m", tmp_path / "data").returncode == 0
