"""Packs: what goes out comes in bit for bit, nothing of one's own is touched, and it can be taken out again."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.unit.pack_samples import (
    KEY,
    MODEL,
    add_reference,
    archive_at,
    exported,
    head_of,
    imported,
    reference_of,
    rows_of,
    sha256_of,
)
from verify.archive.changes import forget, retract
from verify.archive.check import check_archive
from verify.archive.descriptor_index import DescriptorIndex
from verify.archive.index import ReferenceIndex
from verify.archive.local_index import LocalIndex
from verify.archive.motion_index import MotionIndex
from verify.archive.origins import PROXY, THUMBNAILS, VECTORS
from verify.archive.packs.export import chosen_references
from verify.archive.packs.importing import packs_in, undo_import
from verify.archive.packs.layout import CONFIRMATION_PARTS, OPTIONAL_PARTS
from verify.archive.packs.reading import opened_pack
from verify.archive.redescribe import count_described
from verify.archive.repair import repair_archive
from verify.archive.store import Archive
from verify.archive.transfer import copy_reference
from verify.errors import (
    ArchiveDamagedError,
    FingerprintVersionError,
    InvalidUsageError,
    OutputNotWritableError,
    PackRefusedError,
)
from verify.evidence.keys import SigningKey, verify_signature
from verify.model import SilentProgress, TrustGrade

if TYPE_CHECKING:
    from pathlib import Path

SEARCHED = ("fingerprint", "local_features", "motion", "descriptor", "thumbnail", "proxy", "sighting")


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an archive of 'one' and 'two', and packs of it. Only to be read."""
    folder = tmp_path_factory.mktemp("sent")
    archive_at(folder / "archive")
    exported(folder / "archive", folder / "all.pack", publisher="Desk North")
    exported(folder / "archive", folder / "hashes.pack", parts=())
    exported(folder / "archive", folder / "unsigned.pack", key=None)
    return folder


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """An archive of one's own, with another video under the id 'one'."""
    return archive_at(tmp_path / "local", ["one", "mine"], first=8)


def test_everything_that_is_searched_arrives_bit_for_bit(sent: Path, tmp_path: Path):
    done = imported(tmp_path / "archive", sent / "all.pack")
    assert (done.added, done.renamed, done.known, done.forgotten) == (["one", "two"], [], [], [])
    before, after = rows_of(sent / "archive"), rows_of(tmp_path / "archive")
    for table in SEARCHED:
        assert before[table] == after[table], table
        assert before[table]
    assert not before["media"]
    proxies = sorted(path.name for path in (sent / "archive" / "proxies").iterdir())
    assert sorted(path.name for path in (tmp_path / "archive" / "proxies").iterdir()) == proxies
    with Archive.open(sent / "archive") as archive, Archive.open(tmp_path / "archive") as other:
        assert check_archive(other, SilentProgress()) == []
        for mine, theirs in zip(archive.references(), other.references(), strict=True):
            told = ("id", "sha256", "kind", "title", "publisher", "source_url", "first_seen", "first_seen_basis")
            for name in (*told, "licence", "event", "notes", "duration_s", "sightings"):
                assert getattr(mine, name) == getattr(theirs, name)
            assert (mine.origin, mine.pack) == ("", None)
            assert theirs.origin == done.pack_id
            assert theirs.pack
            assert (theirs.pack.name, theirs.pack.grade) == ("Desk North", TrustGrade.TRUSTED)
            assert theirs.pack.key_id == KEY.public.key_id
            assert set(theirs.pack.parts) == {"pdq", "phash", *OPTIONAL_PARTS}


def test_head_is_signed_and_says_what_is_in_it(sent: Path):
    head = head_of(sent / "all.pack")
    assert (head["format"], head["format_version"], head["publisher"]) == ("verify-pack", 1, "Desk North")
    assert (head["reference_count"], head["parts"]) == (2, sorted(OPTIONAL_PARTS))
    assert set(head["fingerprints"]) == {"pdq", "phash", "keypoints", "motion"}
    with Archive.open(sent / "archive") as archive:
        assert head["snapshot_id"] == archive.history.snapshot_id()
    with opened_pack(sent / "all.pack", SilentProgress(), trusted=[KEY.public]) as pack:
        data = pack.head.encoded()
    content = (sent / "all.pack").read_bytes()
    signature = content[48 + len(data) :].split(b"\0", 1)[0].decode()
    assert verify_signature(KEY.public, data, signature).startswith("verify pack ")


def test_one_s_own_stays_as_it_was(sent: Path, local: Path):
    before = rows_of(local)
    done = imported(local, sent / "all.pack")
    assert done.renamed == [("one", "Desk-North-one")]
    assert done.added == ["Desk-North-one", "two"]
    after = rows_of(local)
    for table, rows in before.items():
        assert set(rows) <= set(after[table]), table
    with Archive.open(local) as archive:
        assert check_archive(archive, SilentProgress()) == []
        mine = archive.reference("one")
        theirs = archive.reference("Desk-North-one")
        assert mine
        assert theirs
        assert (mine.sha256, mine.pack) == (sha256_of(8), None)
        assert theirs.pack
        assert (theirs.sha256, theirs.pack.id_there) == (sha256_of(1), "one")


def test_what_a_pack_brought_is_taken_out_as_one(sent: Path, local: Path):
    before, proxies = rows_of(local), sorted(path.name for path in (local / "proxies").iterdir())
    done = imported(local, sent / "all.pack")
    with Archive.open(local) as archive:
        (entry,) = packs_in(archive)
        assert (entry.pack_id, entry.reference_count, entry.publisher) == (done.pack_id, 2, "Desk North")
        assert entry.public_key == KEY.public.encoded
        assert undo_import(archive, done.pack_id[:10]) == ["Desk-North-one", "two"]
        assert check_archive(archive, SilentProgress()) == []
        actions = [(entry.action, entry.reference_id) for entry in archive.history.entries()]
    after = rows_of(local)
    del before["log"], after["log"]
    assert before == after
    assert sorted(path.name for path in (local / "proxies").iterdir()) == proxies
    assert actions[-5:] == [
        ("imported", "Desk-North-one"),
        ("imported", "two"),
        ("import undone", "Desk-North-one"),
        ("import undone", "two"),
        ("import undone", ""),
    ]


@pytest.mark.parametrize("name", ["", "0000", "x"])
def test_undo_takes_the_beginning_of_one_id(sent: Path, local: Path, name: str):
    imported(local, sent / "all.pack")
    before = rows_of(local)
    with Archive.open(local) as archive, pytest.raises(InvalidUsageError, match="no imported pack has this id"):
        undo_import(archive, name)
    assert rows_of(local) == before


def test_a_pack_is_imported_once(sent: Path, local: Path):
    imported(local, sent / "all.pack")
    before = rows_of(local)
    assert imported(local, sent / "all.pack").was_there
    assert rows_of(local) == before


def test_a_video_that_is_there_is_left_and_an_earlier_date_told(sent: Path, tmp_path: Path):
    with Archive.create_or_open(tmp_path / "archive") as archive:
        add_reference(archive, 1, reference_of(1, "own-name", first_seen="2024-05"))
    before = rows_of(tmp_path / "archive")["reference"]
    done = imported(tmp_path / "archive", sent / "all.pack")
    assert (done.known, done.earlier, done.added) == ([("one", "own-name")], [("own-name", "2011-03-04")], ["two"])
    assert set(before) <= set(rows_of(tmp_path / "archive")["reference"])


def test_a_pack_with_nothing_new_leaves_nothing(sent: Path):
    with Archive.open(sent / "archive") as archive:
        before = archive.history.snapshot_id()
    done = imported(sent / "archive", sent / "all.pack")
    assert (done.added, len(done.known)) == ([], 2)
    with Archive.open(sent / "archive") as archive:
        assert packs_in(archive) == []
        assert archive.history.snapshot_id() == before


def test_what_was_erased_for_good_does_not_come_back(sent: Path, tmp_path: Path):
    archive_at(tmp_path / "archive", ["one"])
    with Archive.open(tmp_path / "archive") as archive:
        forget(archive, "one", "a court said so")
    done = imported(tmp_path / "archive", sent / "all.pack")
    assert (done.forgotten, done.added) == (["one"], ["two"])


def test_a_prefix_goes_before_all_ids(sent: Path, local: Path):
    done = imported(local, sent / "all.pack", prefix="north-")
    assert (done.added, done.renamed) == (["north-one", "north-two"], [])


def test_ids_that_are_taken_again_and_again_get_numbers(sent: Path, tmp_path: Path):
    archive_at(tmp_path / "archive", ["one", "Desk-North-one", "Desk-North-one-2"], first=8)
    assert imported(tmp_path / "archive", sent / "all.pack").renamed == [("one", "Desk-North-one-3")]


# --- what is shared -------------------------------------------------------------------------------------------------


def test_only_one_s_own_and_unretracted_references_are_shared(sent: Path, local: Path, tmp_path: Path):
    imported(local, sent / "all.pack")
    with Archive.open(local) as archive:
        retract(archive, "mine", "wrong date")
        assert chosen_references(archive, ()) == ["one"]
        for name, words in (("two", "theirs to share"), ("mine", "is retracted"), ("none", "no such reference")):
            with pytest.raises(InvalidUsageError, match=words):
                chosen_references(archive, ["one", name])
        retract(archive, "one", "wrong too")
        with pytest.raises(InvalidUsageError, match="nothing to share"):
            chosen_references(archive, ())
    with pytest.raises(InvalidUsageError, match="nothing to share"):
        exported(local, tmp_path / "none.pack")
    assert not (tmp_path / "none.pack").exists()


def test_a_file_that_is_there_is_not_overwritten(sent: Path):
    before = (sent / "all.pack").read_bytes()
    with pytest.raises(InvalidUsageError, match="already there"):
        exported(sent / "archive", sent / "all.pack")
    assert (sent / "all.pack").read_bytes() == before


def test_a_folder_that_is_not_there_is_told(sent: Path, tmp_path: Path):
    with pytest.raises(OutputNotWritableError, match="cannot be written"):
        exported(sent / "archive", tmp_path / "no" / "folder.pack")


def test_what_no_pack_may_say_is_not_shared(tmp_path: Path):
    with Archive.create_or_open(tmp_path / "archive") as archive:
        add_reference(archive, 1, reference_of(1, "one", title="a\x1b[2Jb"))
    with pytest.raises(InvalidUsageError, match="one: it cannot be shared as it is: title has control characters"):
        exported(tmp_path / "archive", tmp_path / "a.pack")
    assert [path.name for path in tmp_path.iterdir() if "pack" in path.name] == []


def test_damage_is_not_shared(sent: Path, tmp_path: Path):
    shutil.copytree(sent / "archive", tmp_path / "archive")
    with Archive.open(tmp_path / "archive") as archive:
        archive.connection.execute("UPDATE motion SET codes = zeroblob(length(codes)) WHERE reference_id = 'two'")
    with pytest.raises(ArchiveDamagedError, match="two cannot be shared"):
        exported(tmp_path / "archive", tmp_path / "a.pack")
    assert not (tmp_path / "a.pack").exists()


# --- trust ----------------------------------------------------------------------------------------------------------


def test_a_pack_must_be_signed_with_a_key_that_is_named(sent: Path, tmp_path: Path):
    other = SigningKey.generate()
    with pytest.raises(PackRefusedError, match=f"signed with the key {KEY.public.key_id}, which is none"):
        imported(tmp_path / "archive", sent / "all.pack", key=other)
    with pytest.raises(PackRefusedError, match="it is not signed"):
        imported(tmp_path / "archive", sent / "unsigned.pack")
    with (
        pytest.raises(PackRefusedError, match="it is not signed"),
        opened_pack(sent / "unsigned.pack", SilentProgress()),
    ):
        pass
    assert not (tmp_path / "archive").exists()


@pytest.mark.parametrize(
    ("name", "key_id"), [("unsigned.pack", ""), ("all.pack", KEY.public.key_id)], ids=["unsigned", "unknown"]
)
def test_a_pack_of_nobody_known_is_taken_on_wish(sent: Path, tmp_path: Path, name: str, key_id: str):
    imported(tmp_path / "archive", sent / name, key=None, grade=TrustGrade.UNVERIFIED)
    with Archive.open(tmp_path / "archive") as archive:
        (entry,) = packs_in(archive)
    assert (entry.key_id, entry.grade) == (key_id, TrustGrade.UNVERIFIED)


# --- references that lack something ---------------------------------------------------------------------------------


def test_references_of_hashes_alone_are_searched_by_them(sent: Path, local: Path):
    imported(local, sent / "hashes.pack", grade=TrustGrade.UNVERIFIED)
    with Archive.open(local) as archive:
        assert check_archive(archive, SilentProgress()) == []
        hashes, keypoints = ReferenceIndex.load(archive, 0.0), LocalIndex.load(archive)
        assert hashes.reference_ids == keypoints.reference_ids == ("Desk-North-one", "mine", "one", "two")
        assert not len(keypoints.features("two").codes)
        assert len(keypoints.features("mine").codes)
        assert set(keypoints.reference_numbers.tolist()) == {1, 2}
        motions = MotionIndex.load(archive, keypoints.reference_ids)
        assert set(motions.owners.tolist()) == {1, 2}
        vectors = DescriptorIndex.load(archive, keypoints.reference_ids, MODEL, 8)
        similar = vectors.similarities(np.eye(8, dtype=np.float32)[:1], np.arange(4))
        assert similar[0, [0, 3]].tolist() == [-1, -1]
        assert (similar[0, 1:3] > -1).all()
        assert vectors.closest_times_s(np.zeros(8, np.float16), 0, 4, 0.1) == ()
        assert count_described(archive) == (2, 2)


def test_what_is_missing_of_one_s_own_is_still_damage(sent: Path, local: Path):
    imported(local, sent / "hashes.pack")
    with Archive.open(local) as archive:
        archive.connection.execute("DELETE FROM local_features WHERE reference_id = 'mine'")
        with pytest.raises(ArchiveDamagedError, match="the keypoints of mine are missing"):
            LocalIndex.load(archive)
        archive.connection.execute("DELETE FROM fingerprint WHERE reference_id = 'two' AND algorithm = 'phash'")
        with pytest.raises(ArchiveDamagedError, match="the phash fingerprints of two are missing"):
            ReferenceIndex.load(archive, 0.0)


def test_what_a_pack_brought_and_is_gone_is_damage(sent: Path, tmp_path: Path):
    imported(tmp_path / "archive", sent / "all.pack")
    with Archive.open(tmp_path / "archive") as archive:
        archive.connection.execute("DELETE FROM local_features WHERE reference_id = 'two'")
        with pytest.raises(ArchiveDamagedError, match="the keypoints of two are missing"):
            LocalIndex.load(archive)


def test_vectors_that_can_be_made_are_asked_for(sent: Path, local: Path, tmp_path: Path):
    exported(sent / "archive", tmp_path / "pictures.pack", parts=[*CONFIRMATION_PARTS, THUMBNAILS])
    imported(local, tmp_path / "pictures.pack")
    with Archive.open(local) as archive:
        ids = LocalIndex.load(archive).reference_ids
        with pytest.raises(FingerprintVersionError, match="2 of 4 references"):
            DescriptorIndex.load(archive, ids, MODEL, 8)
        assert count_described(archive) == (2, 4)


@pytest.mark.parametrize("left_out", [PROXY, THUMBNAILS, VECTORS])
def test_each_part_can_be_left_out(sent: Path, tmp_path: Path, left_out: str):
    parts = [part for part in OPTIONAL_PARTS if part != left_out]
    exported(sent / "archive", tmp_path / "some.pack", parts=parts)
    imported(tmp_path / "archive", tmp_path / "some.pack")
    with Archive.open(tmp_path / "archive") as archive:
        (reference, _) = archive.references()
        assert reference.pack
        assert set(reference.pack.parts) == {"pdq", "phash", *parts}
    rows = rows_of(tmp_path / "archive")
    assert not rows[{PROXY: "proxy", THUMBNAILS: "thumbnail", VECTORS: "descriptor"}[left_out]]


def test_a_reference_whose_pack_is_not_known_is_damage(sent: Path, tmp_path: Path):
    """Else a stranger's word would pass for one's own."""
    imported(tmp_path / "archive", sent / "all.pack")
    with Archive.open(tmp_path / "archive") as archive:
        archive.connection.execute("DELETE FROM brought WHERE reference_id = 'one'")
        with pytest.raises(ArchiveDamagedError, match="the pack it came with is not known"):
            archive.references()
        archive.connection.execute("UPDATE pack SET grade = 'excellent'")
        with pytest.raises(ArchiveDamagedError, match="what is said of a pack is malformed"):
            archive.reference("two")


def test_copies_of_references_keep_their_origin(sent: Path, tmp_path: Path):
    done = imported(tmp_path / "archive", sent / "all.pack", grade=TrustGrade.UNVERIFIED)
    with Archive.open(tmp_path / "archive") as source, Archive.create_or_open(tmp_path / "other") as target:
        copy_reference(source, target, "one", new_id="copy")
        copied = target.reference("copy")
        assert copied
        assert copied.pack
        assert (copied.pack.pack_id, copied.pack.grade) == (done.pack_id, TrustGrade.UNVERIFIED)


def test_repair_keeps_the_origin(sent: Path, tmp_path: Path):
    imported(tmp_path / "archive", sent / "hashes.pack", grade=TrustGrade.UNVERIFIED)
    assert repair_archive(tmp_path / "archive", SilentProgress()) == []
    catalogue = tmp_path / "archive" / "catalogue.sqlite"
    with Archive.open(tmp_path / "archive") as archive:
        (root,) = archive.connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'log_snapshot'"
        ).fetchone()
        (size,) = archive.connection.execute("PRAGMA page_size").fetchone()
    content = bytearray(catalogue.read_bytes())
    content[(root - 1) * size : root * size] = bytes(size)
    catalogue.write_bytes(content)
    assert repair_archive(tmp_path / "archive", SilentProgress())
    with Archive.open(tmp_path / "archive") as archive:
        grades = [reference.pack and reference.pack.grade for reference in archive.references()]
    assert grades == [TrustGrade.UNVERIFIED, TrustGrade.UNVERIFIED]
