"""`verify key`: make, show and export the signing key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from verify.commands.key import key
from verify.errors import InvalidUsageError, OutputNotWritableError
from verify.evidence.keys import PublicKey, SigningKey


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without keys; returns where the default key would lie."""
    monkeypatch.delenv("VERIFY_KEY_PASSWORD", raising=False)
    monkeypatch.setenv("VERIFY_KEY", str(tmp_path / "config" / "signing.key"))
    return tmp_path / "config" / "signing.key"


def run(*words: str | Path, typed: str = "") -> Result:
    done = CliRunner().invoke(key, [str(word) for word in words], input=typed, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done


def test_new_show_export(user: Path):
    made = run("new")
    public = SigningKey.load(user).public
    assert made.return_value == 0
    for told in (public.key_id, public.encoded, f"{user} (no password)", "Publish", "Keep a copy"):
        assert told in made.stdout
    assert public.key_id in run("show").stdout
    assert json.loads(run("show", "--json").stdout) == {
        "key_id": public.key_id,
        "public_key": public.encoded,
        "path": str(user),
        "protected_by_password": False,
    }
    assert run("export").stdout == public.text


def test_the_secret_half_is_never_shown(user: Path):
    outputs = [run("new").output]
    secret = user.read_text().splitlines()[1][84:124]  # bytes 63 to 93, of the 32 from 62 on that are secret
    outputs += [run("show").output, run("show", "--json").output, run("export").output]
    assert not any(secret[position : position + 12] in text for text in outputs for position in range(28))


def test_export_to_a_new_file_only(tmp_path: Path):
    run("new")
    out = tmp_path / "ours.pub"
    assert run("export", "--out", out).output == ""
    public = PublicKey.from_text(out.read_text())
    assert out.read_text() == public.text
    with pytest.raises(InvalidUsageError, match="already there"):
        run("export", "--out", out)
    with pytest.raises(OutputNotWritableError, match="cannot be written"):
        run("export", "--out", tmp_path / "missing" / "ours.pub")


def test_a_password_is_asked_for_twice_and_then_needed(user: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("verify.commands.key._at_a_terminal", lambda: True)
    made = run("new", "--password", typed="word\nword\n")
    assert "protected by a password" in made.stdout
    assert "word" not in made.stdout.replace("password", "")
    public = SigningKey.load(user, "word").public
    assert run("export", typed="word\n").stdout == public.text
    with pytest.raises(InvalidUsageError, match="cannot be opened with this password"):
        run("show", typed="other\n")


def test_without_a_terminal_nobody_is_asked(user: Path):
    with pytest.raises(InvalidUsageError, match="VERIFY_KEY_PASSWORD: is not set"):
        run("new", "--password")
    assert not user.exists()
    SigningKey.generate().save(user, "word")
    with pytest.raises(InvalidUsageError, match="VERIFY_KEY_PASSWORD: is not set"):
        run("show")


def test_a_password_from_the_environment(user: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VERIFY_KEY_PASSWORD", "word")
    run("new")
    assert SigningKey.load(user, "word").public.key_id in run("show").stdout
    open_key = user.with_name("open.key")
    run("new", "--no-password", "--path", open_key)
    assert SigningKey.load(open_key).public.key_id in run("show", "--path", open_key).stdout


def test_a_key_elsewhere_is_named_with_how_to_use_it(tmp_path: Path, user: Path):
    done = run("new", "--path", tmp_path / "second.key")
    assert f"set VERIFY_KEY to {tmp_path / 'second.key'}" in done.stdout
    assert not user.exists()


def test_a_key_is_never_overwritten(user: Path):
    run("new")
    before = user.read_bytes()
    with pytest.raises(InvalidUsageError, match="never overwritten"):
        run("new", "--password")
    assert user.read_bytes() == before


@pytest.mark.parametrize("command", ["show", "export"])
def test_without_a_key_it_is_said_how_to_make_one(command: str):
    with pytest.raises(InvalidUsageError, match=r"there is no signing key.*`verify key new`"):
        run(command)
