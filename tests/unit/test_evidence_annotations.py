"""What people say of a report is kept in its case's later log: whole, in order, and for hostile readers to find."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.case_samples import make_case, rewrite
from verify.errors import EvidenceMismatchError, InvalidUsageError, OutputNotWritableError, VerifyError
from verify.evidence import annotations, custody
from verify.evidence.annotations import MAX_NAME_CHARACTERS, MAX_NOTE_CHARACTERS, add_annotation, read_annotations
from verify.evidence.check import check_evidence
from verify.evidence.custody import append_event, read_log
from verify.evidence.custody_log import ANNOTATED, REPORT_WRITTEN, CustodyLog, log_bytes
from verify.evidence.keys import SigningKey
from verify.model import AnalystDecision, Annotation, CustodyEvent

REPORT = "cd" * 32
HOSTILE = "<script>alert(1)</script> {{ 7 * 7 }} \\ \" ' &amp; %s"
URDU = "یہ مناظر پہلے بھی دکھائے گئے"


@pytest.fixture
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture(params=["unsigned", "signed"])
def signer(request: pytest.FixtureRequest, key: SigningKey) -> SigningKey | None:
    return key if request.param == "signed" else None


def reported_case(folder: Path, key: SigningKey | None = None) -> Path:
    """A case whose log tells of a report."""
    case = make_case(folder, key=key)
    tell_of_report(case, key)
    return case


def tell_of_report(case: Path, key: SigningKey | None, digest: str = REPORT) -> None:
    append_event(
        case, actor="a test", action=REPORT_WRITTEN, detail="report.json", digest=digest, signing_key=key
    )  # fmt: skip


def say(
    case: Path,
    key: SigningKey | None = None,
    *,
    subject: str = "3",
    decision: AnalystDecision | None = AnalystDecision.REJECTED,
    by: str = "A. Person",
    note: str = "Another street.",
    report: str = REPORT,
) -> Annotation:
    return add_annotation(
        case, report_sha256=report, subject=subject, decision=decision, by=by, note=note, signing_key=key
    )


def log_of(case: Path) -> Path:
    return case.with_name("evidence-custody") / "custody.jsonl"


def refused(case: Path, words: str = "is damaged") -> None:
    """Whoever reads it is told, and the check names the log."""
    with pytest.raises(EvidenceMismatchError, match=words) as caught:
        read_annotations(case)
    assert caught.value.exit_code == 20
    assert any("evidence-custody/" in each.path for each in check_evidence(case).problems)


# --- what is said is kept -------------------------------------------------------------------------------------------


def test_words_are_kept_in_order_and_nothing_is_overwritten(tmp_path: Path, signer: SigningKey | None) -> None:
    case = reported_case(tmp_path, signer)
    before = read_log(case).events
    added = [
        say(case, signer),
        say(case, signer, decision=AnalystDecision.CONFIRMED, note=f"{URDU}\n\n\tSecond look."),
        say(case, signer, subject="S1", decision=AnalystDecision.UNCLEAR, by=f"<b>{URDU}</b>", note=HOSTILE),
        say(case, signer, subject="", decision=None, note="The date was wrong."),
    ]
    found = read_annotations(case)
    assert list(found) == added
    assert [each.number for each in found] == [1, 2, 3, 4]
    assert [(each.subject, each.decision) for each in found] == [
        ("3", "rejected"), ("3", "confirmed"), ("S1", "unclear"), ("", None),
    ]  # fmt: skip
    assert found[1].note == f"{URDU}\n\n\tSecond look."
    assert (found[2].by, found[2].note) == (f"<b>{URDU}</b>", HOSTILE)
    assert {each.report_sha256 for each in found} == {REPORT}
    assert {each.key_id for each in found} == {signer.public.key_id if signer else ""}
    assert read_log(case).events[: len(before)] == before
    checked = check_evidence(case)
    assert checked.problems == ()
    (told,) = [each for each in checked.statements if "annotation" in each]
    assert told.startswith("The later custody log holds 4 annotations by people on a report, each well-formed and on")


def test_the_log_can_be_read_as_a_text(tmp_path: Path) -> None:
    case = reported_case(tmp_path)
    say(case, note="Another street.\nSee the shop sign.")
    event = read_log(case).events[-1]
    assert (event.action, event.digest) == ("annotated", REPORT)
    assert event.detail == "3: rejected, by A. Person\nAnother street.\nSee the shop sign."
    assert event.actor.startswith("A. Person, with verify-video ")


def test_a_case_without_annotations(tmp_path: Path, signer: SigningKey | None) -> None:
    case = reported_case(tmp_path, signer)
    assert read_annotations(case) == ()
    assert not any("annotation" in each for each in check_evidence(case).statements)


@pytest.mark.parametrize("character", ['"', "\\", "\n", "\N{PILE OF POO}", "ک"])
def test_the_longest_texts_are_kept_whole(tmp_path: Path, character: str) -> None:
    case = reported_case(tmp_path)
    note = "x" + character * (MAX_NOTE_CHARACTERS - 2) + "x"
    name = "y" * MAX_NAME_CHARACTERS
    say(case, by=name, note=note)
    (found,) = read_annotations(case)
    assert (found.by, found.note) == (name, note)
    assert check_evidence(case).problems == ()


def test_words_of_the_other_direction_may_be_isolated(tmp_path: Path) -> None:
    """As they are in this program's own correction notes."""
    case = reported_case(tmp_path)
    note = f"The title '\u2068{URDU} \u2066x\u2069\u2069' was wrong."
    assert say(case, note=note).note == note
    assert read_annotations(case)[0].note == note


def test_line_ends_and_space_around_are_made_plain(tmp_path: Path) -> None:
    case = reported_case(tmp_path)
    assert say(case, by="  A. Person ", note="\r\n one\r\n two \n") == read_annotations(case)[0]
    assert read_annotations(case)[0].note == "one\n two"


# --- what cannot be said --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"by": ""}, "name: is empty"),
        ({"by": " \t"}, "name: is empty"),
        ({"by": "x" * 201}, "name: has 201 characters, more than 200"),
        ({"by": "A.\nPerson"}, r"name: holds the character U\+000A"),
        ({"by": "A.\tPerson"}, r"name: holds the character U\+0009"),
        ({"by": "A. \u202eperson"}, r"name: holds the character U\+202E"),
        ({"by": "A.\u2028Person"}, r"name: holds the character U\+2028"),
        ({"note": "\n"}, "note: is empty"),
        ({"note": "x" * 20_001}, "note: has 20,001 characters, more than 20,000"),
        ({"note": "a\x1b[2Jb"}, r"note: holds the character U\+001B"),
        ({"note": "a\rb"}, r"note: holds the character U\+000D"),
        ({"note": "a\x00b"}, r"note: holds the character U\+0000"),
        ({"note": "a\x85b"}, r"note: holds the character U\+0085"),
        ({"note": "a\u202eb"}, r"note: holds the character U\+202E"),
        ({"note": "a\u2067b"}, "note: holds a line with an isolate .* that is not closed"),
        ({"note": "a\u2067b\n\u2069"}, "note: holds a line with an isolate .* that is not closed"),
        ({"note": "\u2069a\u2067b"}, "note: holds a line with an isolate .* that is not closed"),
        ({"by": "a\u2067b\u2069"}, r"name: holds the character U\+2067"),
        ({"note": "a\udc80b"}, r"note: holds the character U\+DC80"),
        ({"subject": ""}, "is nothing to decide on"),
        ({"subject": "0"}, "is nothing to decide on"),
        ({"subject": "X1"}, "is nothing to decide on"),
        ({"subject": "1, by me"}, "is nothing to decide on"),
        ({"subject": "٣"}, "is nothing to decide on"),
        ({"decision": None}, "is nothing to decide on"),
    ],
)
def test_what_is_refused_leaves_the_log_as_it_was(tmp_path: Path, texts: dict[str, str], words: str) -> None:
    case = reported_case(tmp_path)
    before = log_of(case).read_bytes()
    with pytest.raises(InvalidUsageError, match=words) as caught:
        say(case, **texts)
    assert caught.value.exit_code == 2
    assert log_of(case).read_bytes() == before


def test_others_cannot_add_such_an_event(tmp_path: Path) -> None:
    case = reported_case(tmp_path)
    with pytest.raises(ValueError, match="not for others"):
        append_event(case, actor="a test", action=ANNOTATED, detail="3: confirmed, by X\ny", signing_key=None)


def test_a_report_that_is_not_the_last_one_told_is_refused(tmp_path: Path, signer: SigningKey | None) -> None:
    case = make_case(tmp_path, key=signer)
    for words in ("tells of no report.json", "tells of another report.json than the one in this folder"):
        before = log_of(case).read_bytes()
        with pytest.raises(EvidenceMismatchError, match=words) as caught:
            say(case, signer)
        assert caught.value.exit_code == 20
        assert log_of(case).read_bytes() == before
        tell_of_report(case, signer)
        tell_of_report(case, signer, "ef" * 32)
    assert say(case, signer, report="ef" * 32).report_sha256 == "ef" * 32


def test_a_signed_case_takes_words_only_with_its_key(tmp_path: Path, key: SigningKey) -> None:
    case = reported_case(tmp_path, key)
    before = log_of(case).read_bytes()
    for other in (None, SigningKey.generate()):
        with pytest.raises(InvalidUsageError, match=f"is signed with key {key.public.key_id}.* in VERIFY_KEY"):
            say(case, other)
    assert log_of(case).read_bytes() == before


def test_a_full_disk_leaves_the_log_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = reported_case(tmp_path)
    before = log_of(case).read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(custody, "write_whole", full)
    with pytest.raises(OutputNotWritableError, match="No space left on device"):
        say(case)
    assert log_of(case).read_bytes() == before


# --- what was altered -----------------------------------------------------------------------------------------------


def with_events(case: Path, change: Callable[[list[CustodyEvent]], None], key: SigningKey | None = None) -> None:
    """Write a log of other events, with the head that belongs to them, as whoever may write the folder can."""
    log = read_log(case)
    events = list(log.events)
    change(events)
    rewrite(log_of(case), log_bytes(events, log.head.case_id, log.head.bag_sha256, key))


def test_a_changed_word_is_found(tmp_path: Path, signer: SigningKey | None) -> None:
    case = reported_case(tmp_path, signer)
    say(case, signer)
    say(case, signer, note="Another one.")
    rewrite(log_of(case), log_of(case).read_bytes().replace(b"3: rejected", b"3: confirmed", 1))
    refused(case, "the chain is broken there")


def test_exchanged_and_missing_lines_are_found(tmp_path: Path, signer: SigningKey | None) -> None:
    case = reported_case(tmp_path, signer)
    say(case, signer)
    say(case, signer, note="Another one.")
    *lines, one, other, head = log_of(case).read_bytes().splitlines(keepends=True)
    for changed in ([*lines, other, one, head], [*lines, one, head], [*lines, other, head], [*lines, one, other]):
        rewrite(log_of(case), b"".join(changed))
        refused(case)


def test_words_without_the_key_are_not_taken_for_the_holders(tmp_path: Path, key: SigningKey) -> None:
    case = reported_case(tmp_path, key)
    said = say(case, key)

    def forge(events: list[CustodyEvent]) -> None:
        events.append(replace(events[-1], detail="3: confirmed, by A. Person\nI was wrong."))

    for other in (None, SigningKey.generate()):
        before = log_of(case).read_bytes()
        with_events(case, forge, other)
        refused(case, "has a head without a valid signature")
        rewrite(log_of(case), before)
    assert read_annotations(case) == (said,)


def test_a_signature_cannot_be_taken_away_unseen(tmp_path: Path, key: SigningKey) -> None:
    """A forger who strips the signature as a whole is given away by the bag, which says that there is one."""
    case = reported_case(tmp_path, key)
    folder = log_of(case).parent
    for name in ("signing-key.pub", "manifest.json.minisig"):
        (folder / name).unlink()

    def strip(events: list[CustodyEvent]) -> None:
        events[:] = [event for event in events if "sign" not in event.detail and "minisig" not in event.detail]

    with_events(case, strip)
    refused(case, r"signing-key.pub: is not as data/custody.jsonl says of the signature")
    with pytest.raises(EvidenceMismatchError):
        say(case)


@pytest.mark.parametrize(
    "detail",
    [
        "3: confirmed",
        "3: confirmed, by X",
        "3: confirmed, by X\n",
        "3: confirmed, by X\n ",
        "3: confirmed, by  X\ny",
        "3: confirmed, by \u202eX\ny",
        "3: confirmed, by X\ny\u202e",
        "3: confirmed, by X\n\x1b[2J",
        "3: proved, by X\ny",
        "03: confirmed, by X\ny",
        "0: confirmed, by X\ny",
        "S: confirmed, by X\ny",
        "M1: confirmed, by X\ny",
        "٣: confirmed, by X\ny",
        "3: correction, by X\ny",
        "Correction, by X\ny",
        "correction, by X\ny ",
        f"correction, by {'x' * 201}\ny",
        f"correction, by X\n{'y' * 20_001}",
    ],
)
def test_a_malformed_annotation_is_found(tmp_path: Path, detail: str) -> None:
    case = reported_case(tmp_path)
    say(case)
    with_events(case, lambda events: events.append(replace(events[-1], detail=detail)))
    refused(case, "is no annotation")


def test_an_annotation_of_a_report_that_was_never_written_is_found(tmp_path: Path) -> None:
    case = reported_case(tmp_path)
    say(case)
    for other in ({"digest": "01" * 32}, {"digest": None}):
        before = log_of(case).read_bytes()
        with_events(case, lambda events, other=other: events.append(replace(events[-1], **other)))
        refused(case, r"is about a report.json that no event before it tells of|is no annotation")
        rewrite(log_of(case), before)


def test_a_case_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    case = reported_case(tmp_path)
    log_of(case).unlink()
    with pytest.raises(VerifyError, match="cannot be read"):
        read_annotations(case)
    log_of(case).symlink_to(case / "data" / "custody.jsonl")
    with pytest.raises(VerifyError, match="a link"):
        read_annotations(case)


def test_an_endless_log_is_not_read(tmp_path: Path) -> None:
    case = reported_case(tmp_path)
    log_of(case).unlink()
    with log_of(case).open("wb") as file:
        file.truncate(64 * 1024**3)
    with pytest.raises(EvidenceMismatchError, match="a line is longer than"):
        read_annotations(case)


def test_the_log_that_was_added_to_is_the_one_that_was_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process that notes another report first is seen, because the judgement is made under the lock."""
    case = reported_case(tmp_path)
    judge = annotations.refuse_another_report
    seen: list[CustodyLog] = []

    def judged(case_dir: Path, log: CustodyLog, digest: str) -> None:
        seen.append(log)
        judge(case_dir, log, digest)

    monkeypatch.setattr(annotations, "refuse_another_report", judged)
    with custody._locked(case), monkeypatch.context() as patch:
        patch.setattr(custody, "_LOCK_WAIT_S", 0.05)
        with pytest.raises(OutputNotWritableError, match="another process is writing to it"):
            say(case)
    assert seen == []
    say(case)
    assert len(seen) == 1
