"""`verify archive export`, `import` and `packs`: the same is found in what arrives, and errors say what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.helpers.command import names_in, verify
from tests.unit.pack_samples import add_reference, reference_of
from verify.archive.store import Archive
from verify.evidence.keys import SigningKey
from verify.report import html_report


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signing key, with its public half beside it."""
    path = tmp_path_factory.mktemp("key") / "signing.key"
    made = SigningKey.generate()
    made.save(path)
    path.with_suffix(".pub").write_text(made.public.text, encoding="ascii")
    return path


@pytest.fixture(autouse=True)
def signing(key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERIFY_KEY", str(key))


@pytest.fixture
def pack(archive: Path, tmp_path: Path) -> Path:
    """The shared archive as a pack."""
    path = tmp_path / "all.pack"
    done = verify("archive", "export", path, "--archive", archive, "--publisher-name", "Desk North")
    assert done.code == 0, done.err
    assert "2 references" in done.out
    assert "signed with" in done.out
    return path


def report_of(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def matches_in(folder: Path) -> list[dict]:
    return [entry["match"] for entry in report_of(folder)["matches"] + report_of(folder)["same_scene"]]


def test_what_is_found_is_the_same_to_the_last_digit(
    release: Path, archive: Path, pack: Path, key: Path, tmp_path: Path
):
    done = verify("archive", "import", pack, "--archive", tmp_path / "b", "--trust", key.with_suffix(".pub"))
    assert done.code == 0, done.err
    assert done.out.startswith("2 imported from Desk North (trusted), 0 already there, 0 erased before")
    assert verify("archive", "check", "--archive", tmp_path / "b").code == 0
    for folder, name in ((archive, "ra"), (tmp_path / "b", "rb")):
        assert verify("video", release, "--archive", folder, "--out", tmp_path / name).code == 0
    assert matches_in(tmp_path / "ra")
    assert matches_in(tmp_path / "ra") == matches_in(tmp_path / "rb")
    assert (tmp_path / "ra" / "matches.csv").read_bytes() == (tmp_path / "rb" / "matches.csv").read_bytes()
    (first, *_) = report_of(tmp_path / "rb")["matches"]
    assert first["match"]["level"] == "confirmed"
    assert "The reference comes from the pack of 'Desk North'" in first["finding"]["statement"]
    assert first["reference"]["pack"]["grade"] == "trusted"
    page = (tmp_path / "rb" / "report.html").read_text(encoding="utf-8")
    assert "the pack of" in page
    assert "<strong>trusted</strong>" in page
    assert html_report.visible("a\u202e") == "a[U+202E]"


@pytest.mark.usefixtures("sought_once")
def test_an_unverified_pack_confirms_nothing(release: Path, pack: Path, key: Path, tmp_path: Path):
    words = ("--archive", tmp_path / "b", "--trust", key.with_suffix(".pub"), "--grade", "unverified")
    assert verify("archive", "import", pack, *words, "--from", "A stranger").code == 0
    assert verify("video", release, "--archive", tmp_path / "b", "--out", tmp_path / "r").code == 0
    report = report_of(tmp_path / "r")
    assert {entry["match"]["level"] for entry in report["matches"]} == {"possible"}
    assert "may be visually consistent" in report["answer"]
    assert any("came with packs of 'A stranger'" in limit for limit in report["limits"])


def test_hashes_alone_are_found_and_never_confirmed(release: Path, archive: Path, tmp_path: Path):
    path = tmp_path / "hashes.pack"
    left_out = ("--no-confirmation", "--no-thumbnails", "--no-vectors")
    assert verify("archive", "export", path, "--archive", archive, *left_out, "--unsigned").code == 0
    refused = verify("archive", "import", path, "--archive", tmp_path / "b")
    assert refused.code == 44
    assert "it is not signed" in refused.message
    assert not (tmp_path / "b").exists()
    words = ("--archive", tmp_path / "b", "--accept-unsigned", "--grade", "verified")
    assert verify("archive", "import", path, *words).code == 0
    assert verify("video", release, "--archive", tmp_path / "b", "--out", tmp_path / "r").code == 0
    report = report_of(tmp_path / "r")
    assert [entry["match"]["level"] for entry in report["matches"]] == ["possible"]
    assert "has no small pictures" in report["matches"][0]["finding"]["basis"]
    assert any("2 without keypoints" in limit for limit in report["limits"])


def test_a_vpdq_text_goes_out_and_comes_in(release: Path, archive: Path, tmp_path: Path):
    path = tmp_path / "scene.vpdq"
    done = verify("archive", "export", path, "--archive", archive, "--vpdq", "--id", "scene")
    assert done.code == 0, done.err
    assert done.out.endswith("PDQ hashes of scene, not signed.\n")
    words = ("--id", "clip", "--title", "A clip", "--first-seen", "2019", "--archive", tmp_path / "b")
    refused = verify("archive", "import", path, *words)
    assert refused.code == 44
    assert "add --accept-unsigned" in refused.message
    done = verify("archive", "import", path, *words, "--accept-unsigned", "--from", "Hash bank")
    assert done.code == 0, done.err
    assert "1 imported from Hash bank (unverified)" in done.out
    assert verify("video", release, "--archive", tmp_path / "b", "--out", tmp_path / "r").code == 0
    (entry,) = report_of(tmp_path / "r")["matches"]
    assert (entry["match"]["level"], entry["match"]["reference_id"]) == ("possible", "clip")
    assert [cue["cue"] for cue in entry["match"]["cues"]] == ["pdq"]
    assert "is a list of PDQ hashes from 'Hash bank'" in entry["finding"]["statement"]


def test_packs_are_listed_shown_and_taken_out(pack: Path, key: Path, tmp_path: Path):
    folder = tmp_path / "b"
    encoded = key.with_suffix(".pub").read_text(encoding="ascii").splitlines()[1]
    assert verify("archive", "import", pack, "--archive", folder, "--trust", encoded, "--prefix", "north-").code == 0
    (entry,) = json.loads(verify("archive", "packs", "--archive", folder, "--json").out)
    assert (entry["name"], entry["grade"], entry["reference_count"]) == ("Desk North", "trusted", 2)
    listed = verify("archive", "packs", "--archive", folder)
    assert entry["pack_id"][:16] in listed.out
    assert listed.err == "1 packs.\n"
    assert "(from Desk North, trusted)" in verify("archive", "list", "--archive", folder).out
    shown = verify("archive", "show", "north-scene", "--archive", folder).out
    assert "called scene there" in shown
    assert json.loads(verify("archive", "stats", "--archive", folder, "--json").out)["from_packs"] == 2
    again = verify("archive", "import", pack, "--archive", folder, "--trust", encoded)
    assert (again.code, "imported before" in again.out) == (0, True)
    undone = verify("archive", "import", "--undo", entry["pack_id"][:12], "--archive", folder)
    assert undone.out == "2 references of the pack taken out; the archive has 0 references.\n"
    assert "import undone" in verify("archive", "log", "--archive", folder).out
    assert names_in(folder / "proxies") == set()


def test_notes_say_what_was_not_taken_over(pack: Path, key: Path, tmp_path: Path):
    folder = tmp_path / "b"
    with Archive.create_or_open(folder) as archive:
        add_reference(archive, 5, reference_of(5, "scene"))
    trust = ("--trust", key.with_suffix(".pub"))
    done = verify("archive", "import", pack, "--archive", folder, *trust)
    assert done.code == 0
    assert "note: the id scene is taken, so it is Desk-North-scene here" in done.err
    other = tmp_path / "other.pack"
    assert verify("archive", "export", other, "--archive", folder, "--id", "scene").code == 0
    nothing = verify("archive", "import", other, "--archive", folder, *trust)
    assert nothing.code == 100
    assert "is in the archive already as scene" in nothing.err
    assert "0 imported" in nothing.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give either FILE or --undo"),
        (("PACK", "--undo", "ab"), "give either FILE or --undo"),
        (("PACK", "--trust", "nonsense"), "no minisign public key"),
        (("PACK", "--trust", "KEY", "--accept-unsigned"), "it contradicts --trust"),
        (("PACK", "--trust", "KEY", "--title", "x"), "brings its own metadata"),
        (("PACK", "--trust", "KEY", "--from", "a\x1b"), "control characters"),
        (("PACK", "--trust", "KEY", "--prefix", "../"), "is no id"),
        (("none.pack",), "cannot be read"),
        (("none.vpdq", "--accept-unsigned"), "cannot be read"),
    ],
)
def test_options_that_cannot_be(words: tuple[str, ...], message: str, pack: Path, key: Path, tmp_path: Path):
    named = {"PACK": pack, "KEY": key.with_suffix(".pub")}
    done = verify("archive", "import", *(named.get(word, word) for word in words), "--archive", tmp_path / "b")
    assert done.code == 2
    assert message in done.message
    assert not (tmp_path / "b").exists()


def test_metadata_of_a_vpdq_text_are_checked(archive: Path, tmp_path: Path):
    path = tmp_path / "scene.vpdq"
    verify("archive", "export", path, "--archive", archive, "--vpdq", "--id", "scene")
    for words in (("--id", "../x"), ("--first-seen", "yesterday"), ("--source-url", "ftp://x")):
        done = verify("archive", "import", path, *words, "--accept-unsigned", "--archive", tmp_path / "b")
        assert done.code == 2, words
    assert not (tmp_path / "b").exists()


def test_export_needs_a_key_or_a_word(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("VERIFY_KEY")
    done = verify("archive", "export", tmp_path / "a.pack", "--archive", archive)
    assert done.code == 2
    assert "no key to sign the pack with" in done.message
    done = verify("archive", "export", tmp_path / "a.pack", "--archive", archive, "--publisher-name", "a\nb")
    assert done.code == 2
    done = verify("archive", "export", tmp_path / "a.vpdq", "--archive", archive, "--vpdq")
    assert "it writes one reference" in done.message
    assert names_in(tmp_path) == set()
