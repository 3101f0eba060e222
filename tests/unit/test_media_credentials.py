"""What is made of the C2PA library's words: facts from any shape of report, states, sentences that take no side."""

from __future__ import annotations

import dataclasses
import io
import threading
from pathlib import Path
from typing import Any

import pytest

from verify.errors import InvalidUsageError
from verify.media import credentials, credentials_words, credentials_worker
from verify.media.credentials import _ask, find_trust_anchors, interpret
from verify.media.credentials_facts import MAX_ACTIONS, MAX_INGREDIENTS, read_facts
from verify.model import CredentialState
from verify.processes import send_message

LABEL = "urn:c2pa:one"
IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
UNTRUSTED = [{"code": "signingCredential.untrusted"}]


def store(*, state: str = "Valid", failure: Any = (), success: Any = (), deltas: Any = (), **manifest: Any) -> Any:
    results = {"activeManifest": {"failure": list(failure), "success": list(success)}, "ingredientDeltas": list(deltas)}
    return {
        "active_manifest": LABEL,
        "manifests": {LABEL: {"claim_version": 2, **manifest}},
        "validation_results": results,
        "validation_state": state,
    }


def details(**certificate: Any) -> Any:
    return {"manifests": [{"label": "other"}, {"label": LABEL, "signature": {"certificateInfo": certificate}}]}


def told(report: Any, *, list_given: bool = False, more: Any = None) -> Any:
    answer = {"kind": "facts", "facts": dataclasses.asdict(read_facts(report, more or {})), "library": "c2pa"}
    return interpret(answer, list_given=list_given)


def actions(*entries: Any, label: str = "c2pa.actions", **data: Any) -> Any:
    return {"label": label, "data": {"actions": list(entries), **data}}


# --- facts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "report",
    [None, [], "text", {}, {"active_manifest": 5}, {"active_manifest": LABEL, "manifests": {LABEL: [1]}},
     store(assertions={"label": "c2pa.actions"}, ingredients="x", signature_info=[], claim_generator_info=3),
     store(assertions=[None, 1, actions(None, 3, {"action": 4, "when": []}), actions(label="c2pa.actions.v2")]),
     store(ingredients=[None, {"validation_results": [], "validation_status": {}, "label": 1}], deltas=[None, 1, {}]),
     store(failure=[None, {"code": 1}, "x"], claim_version="2")],
)  # fmt: skip
def test_no_shape_of_report_breaks_the_reading(report: Any) -> None:
    for more in ({}, None, [], {"manifests": {}}, {"manifests": [1, {"label": LABEL, "signature": 3}]}):
        assert isinstance(told(report, more=more).statement, str)


def test_lists_and_texts_are_cut_to_their_bounds() -> None:
    report = store(
        assertions=[actions(*({"action": "a" * 9000} for _ in range(500)))] * 50,
        ingredients=[{"title": "t" * 9000}] * 500,
        failure=[{"code": f"{number:09000d}"} for number in range(500)],
    )
    facts = read_facts(report, {})
    assert (len(facts.actions), len(facts.ingredients), len(facts.codes)) == (MAX_ACTIONS, MAX_INGREDIENTS, 1)
    assert len(facts.actions[0].action) == len(facts.ingredients[0].title) == 1000


def test_signer_and_issuer_are_those_of_the_active_manifest() -> None:
    info = {"common_name": "fallback", "issuer": "Organisation"}
    certificate = {"subject": {"CN": "Signer", "O": "Newsroom"}, "issuer": {"CN": "Root", "O": "Root"}}
    facts = read_facts(store(signature_info=info), details(**certificate))
    assert (facts.signer, facts.issuer) == ("Signer, Newsroom", "Root")
    facts = read_facts(store(signature_info=info), {})
    assert (facts.signer, facts.issuer) == ("fallback, Organisation", "")


def test_software_is_read_in_all_three_forms() -> None:
    entries = (
        {"action": "one", "softwareAgent": "Old Agent 1"},
        {"action": "two", "softwareAgent": {"name": "Agent", "version": "2"}},
        {"action": "three", "softwareAgentIndex": 0},
        {"action": "four", "softwareAgentIndex": 7},
    )
    facts = read_facts(store(assertions=[actions(*entries, softwareAgents=[{"name": "Shared"}])]), {})
    assert [action.software for action in facts.actions] == ["Old Agent 1", "Agent 2", "Shared", ""]


def test_only_lists_of_actions_are_read_as_such() -> None:
    labels = ("c2pa.actions", "c2pa.actions.v2", "c2pa.actions.v2__1", "c2pa.actionsX", "org.c2pa.actions")
    facts = read_facts(store(assertions=[actions({"action": label}, label=label) for label in labels]), {})
    assert [action.action for action in facts.actions] == list(labels[:3])


def test_the_claim_generator_of_old_manifests_is_one_text() -> None:
    assert read_facts(store(claim_generator="old/1.0"), {}).claim_generator == "old/1.0"
    listed = [{"name": "New", "version": "2"}, {"name": "Helper"}]
    assert read_facts(store(claim_generator="old", claim_generator_info=listed), {}).claim_generator == "New 2, Helper"


def test_parts_left_out_of_the_signature_are_named() -> None:
    usual = ("/uuid", "/ftyp", "/mfra", "/free", "/skip", "/moov/trak/mdia/minf/stbl/stco", "/moof/traf/tfhd")
    paths = [{"xpath": path} for path in (*usual, "/mdat", "/moov/udta")]
    hashed = {"label": "c2pa.hash.bmff.v3", "data": {"exclusions": paths}}
    assert read_facts(store(assertions=[hashed]), {}).uncovered == ("/mdat", "/moov/udta")
    assert told(store(assertions=[hashed])).limits.endswith("left parts of the file out of it: '/mdat', '/moov/udta'.")
    hashed["data"]["merkle"] = [{"count": 2}]
    assert read_facts(store(assertions=[hashed]), {}).uncovered == ("/moov/udta",)


# --- states ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("report", "list_given", "state"),
    [
        (store(failure=UNTRUSTED), False, "valid_untrusted"),
        (store(failure=UNTRUSTED), True, "valid_untrusted"),
        (store(state="Trusted"), True, "trusted"),
        (store(state="Trusted"), False, "valid_untrusted"),
        (store(state="Trusted", failure=UNTRUSTED), True, "valid_untrusted"),
        (store(state="Trusted", deltas=[{"validationDeltas": {"failure": UNTRUSTED}}]), True, "trusted"),
        (store(state="Trusted", failure=[{"code": "timeStamp.mismatch"}]), True, "trusted"),
        (store(state="Trusted", failure=[{"code": "assertion.bmffHash.mismatch"}]), True, "invalid"),
        (store(state="Valid", deltas=[{"validationDeltas": {"failure": [{"code": "x"}]}}]), True, "invalid"),
        (store(state="Invalid"), True, "invalid"),
        (store(state="Wonderful"), True, "invalid"),
        ({}, True, "invalid"),
    ],
)
def test_a_good_word_counts_only_where_no_check_failed(report: Any, list_given: bool, state: str) -> None:
    assert told(report, list_given=list_given).state.value == state


@pytest.mark.parametrize(
    ("entry", "deltas", "state"),
    [
        ({}, {}, "absent"),
        ({"active_manifest": "x"}, {}, "valid_untrusted"),
        ({"active_manifest": "x", "validation_status": [{"code": "claimSignature.mismatch"}]}, {}, "invalid"),
        ({"active_manifest": "x", "validation_status": UNTRUSTED}, {}, "valid_untrusted"),
        ({"active_manifest": "x"}, {"success": [{"code": "signingCredential.trusted"}]}, "trusted"),
        ({"active_manifest": "x"}, {"failure": [{"code": "ingredient.manifest.mismatch"}]}, "invalid"),
    ],
)
def test_states_of_ingredients(entry: Any, deltas: Any, state: str) -> None:
    uri = "self#jumbf=/c2pa/urn/c2pa.assertions/c2pa.ingredient.v3__1"
    delta = {"ingredientAssertionURI": uri, "validationDeltas": deltas}
    report = store(ingredients=[{"title": "t", "label": "c2pa.ingredient.v3__1", **entry}], deltas=[delta])
    assert told(report).ingredients[0].state.value == state


def test_a_recorded_trust_is_withdrawn_where_the_list_of_today_does_not_bear_it() -> None:
    recorded = {"activeManifest": {"success": [{"code": "signingCredential.trusted"}]}}
    entry = {"title": "t", "label": "i", "active_manifest": "x", "validation_results": recorded}
    delta = {"ingredientAssertionURI": "a/i", "validationDeltas": {"failure": UNTRUSTED}}
    assert told(store(ingredients=[entry])).ingredients[0].state is CredentialState.TRUSTED
    assert told(store(ingredients=[entry], deltas=[delta])).ingredients[0].state is CredentialState.VALID_UNTRUSTED


def test_the_latest_of_the_signers_own_times_is_told_in_utc() -> None:
    times = ("2026-01-31T12:00:00+02:00", "2026-01-31T11:00:00Z", "2027-01-01", "9999-12-31T23:59:59-12:00", "soon")
    found = told(store(assertions=[actions(*({"action": "a", "when": when} for when in times))]))
    assert found.signed_utc == "2026-01-31T11:00:00Z"
    assert [action.when for action in found.actions] == ["2026-01-31T10:00:00Z", "2026-01-31T11:00:00Z", *times[2:]]


@pytest.mark.parametrize(
    ("success", "failure", "version", "words"),
    [
        (["timeStamp.validated"], [], 2, "which is not on a trust list known here"),
        (["timeStamp.validated", "timeStamp.trusted"], [], 2, "which is on the trust list that was given"),
        (["timeStamp.validated", "timeStamp.trusted"], [], 1, "not checked against a trust list"),
        ([], ["timeStamp.mismatch"], 2, "a time stamp is there but does not hold"),
        (["timeStamp.validated"], ["timeStamp.malformed"], 2, "a time stamp is there but does not hold"),
        ([], [], 2, "a time stamp is there but does not hold"),
    ],
)
def test_a_time_stamp_is_told_with_its_standing(
    success: list[str], failure: list[str], version: int, words: str
) -> None:
    found = told(
        store(
            success=[{"code": code} for code in success],
            failure=[{"code": code} for code in failure],
            claim_version=version,
            signature_info={"time": "2026-01-31T12:00:00+00:00"},
        )
    )
    assert words in found.signed_basis
    assert found.signed_utc == ("" if "does not hold" in words else "2026-01-31T12:00:00Z")


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        ({"kind": "absent"}, "absent", "Absent means unknown provenance"),
        ({"kind": "remote", "url": "https://user:word@example.org/a?sig=1"}, "not_readable", "'https://example.org/a?sig"),
        ({"kind": "remote", "url": 5}, "not_readable", "at a URL, not fetched."),
        ({"kind": "unreadable", "what": "store", "problem": "a\x1b'b"}, "not_readable", "cannot be read: 'a\u2019b'"),
        ({"kind": "unreadable", "what": "file", "problem": "p"}, "not_readable", "could not be searched"),
        ({"kind": "unreadable"}, "not_readable", "the reader gave no reason"),
        ({"kind": "facts", "facts": {"state": 3}}, "not_readable", "the description makes no sense"),
        ({"kind": "facts"}, "not_readable", "the description makes no sense"),
        ({"kind": []}, "not_readable", "the reader gave no reason"),
        ({}, "not_readable", "the reader gave no reason"),
    ],
)  # fmt: skip
def test_every_answer_of_the_worker_is_told(answer: dict[str, Any], state: str, words: str) -> None:
    found = interpret(answer, list_given=False)
    assert found.state.value == state
    assert words in found.statement
    assert found.limits


# --- words ----------------------------------------------------------------------------------------------------------


def every_sentence() -> list[str]:
    words = credentials_words
    pairs = [
        words.absent_words(),
        words.remote_words("https://example.org/"),
        words.unsupported_words("a Matroska or WebM file"),
        words.unreadable_file_words("x"),
        words.unreadable_store_words("x"),
        words.invalid_words("X", "Y", [beginning for group, _ in words._REASONS for beginning in group]),
        *(words.intact_words("X", "Y", trusted=trusted, list_given=True) for trusted in (True, False)),
    ]
    reasons = [reason for _, reason in words._REASONS]
    types = [words.source_type_words(IPTC + code) for code in words._SOURCE_TYPES]
    times = [words.time_words("X", trusted=trusted) for trusted in (True, False, None)]
    return [*(text for pair in pairs for text in pair), *reasons, *types, *times, words.own_time_words()]


def test_the_sentences_take_no_side() -> None:
    for text in every_sentence():
        for word in ("authentic", "genuine", "fake", "proves", "proof", "forged", "original"):
            assert word not in text.lower(), text
        assert len(text) <= 1000


def test_the_sentences_are_these() -> None:
    statement, limits = credentials_words.intact_words("X", "Y", trusted=False, list_given=True)
    assert statement == (
        "Content Credentials are present and intact; they were signed by 'X' (certificate of 'Y'), who is not on a "
        "trust list known here."
    )
    assert "An untrusted signer is not tampering" in limits
    statement, _ = credentials_words.intact_words("X", "", trusted=True, list_given=True)
    assert statement == (
        "Content Credentials are present and intact; they were signed by 'X', whose certificate leads to the trust "
        "list that was given."
    )
    statement, limits = credentials_words.invalid_words("", "", ["assertion.bmffHash.mismatch"])
    assert statement == (
        "Content Credentials are present but do not hold: the media is not, byte for byte, what was signed. They name "
        "as signer a signer whom the certificate does not name."
    )
    assert "re-encoding" in limits


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (["signingCredential.untrusted", "claimSignature.mismatch"], ["the signature does not fit what is signed"]),
        (["signingCredential.expired"], ["the certificate was not valid at the time of signing"]),
        (["assertion.dataHash.mismatch", "assertion.bmffHash.malformed"],
         ["the media is not, byte for byte, what was signed"]),
        (["assertion.action.malformed"], ["they break the rules of C2PA"]),
        (["com.example.unheard"], ["a check failed"]),
        ([], ["a check failed"]),
    ],
)  # fmt: skip
def test_reasons_in_plain_words(codes: list[str], expected: list[str]) -> None:
    assert credentials_words.reasons(codes) == expected


@pytest.mark.parametrize(
    ("value", "holds", "expected"),
    [
        (f"{IPTC}trainedAlgorithmicMedia", True,
         "made by a generative model, says the signer (trainedAlgorithmicMedia)"),
        ("trainedAlgorithmicMedia", False,
         "made by a generative model, say credentials that do not hold (trainedAlgorithmicMedia)"),
        ("http://c2pa.org/digitalsourcetype/empty", True, "nothing yet: an empty canvas, says the signer (empty)"),
        ("https://example.org/x", True, "of a kind that has no words here, says the signer ('https://example.org/x')"),
    ],
)  # fmt: skip
def test_source_types_in_plain_words(value: str, holds: bool, expected: str) -> None:
    assert credentials_words.source_type_words(value, holds=holds) == expected


def test_a_quoted_text_cannot_leave_its_quotation_marks() -> None:
    assert credentials_words.quoted("a' and 'b\n\x1b[0m\u202e") == "'a\u2019 and \u2019b [0m'"
    assert credentials_words.quoted("\u05d0") == "'\u2068\u05d0\u2069'"
    assert len(credentials_words.quoted("x" * 5000)) == 122


# --- the worker's errors, and a worker that fails -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Remote: must fetch remote manifests from url http://example.org/a b",
         {"kind": "remote", "url": "http://example.org/a b"}),
        ("Remote: something else", {"kind": "remote", "url": ""}),
        ("Io: failed to fill whole buffer", {"what": "file", "problem": "failed to fill whole buffer"}),
        ("NotSupported: x", {"what": "file", "problem": "x"}),
        ("Other: asset could not be parsed: no", {"what": "file", "problem": "asset could not be parsed: no"}),
        ("Decoding: no list", {"what": "store", "problem": "no list"}),
        ("AssertionNotFound: ", {"what": "store", "problem": "AssertionNotFound, says the C2PA library"}),
        ("", {"what": "store", "problem": "the C2PA library gave no reason"}),
    ],
)  # fmt: skip
def test_the_librarys_errors_are_told_apart(message: str, expected: dict[str, str]) -> None:
    assert credentials_worker._problem(message) == {"kind": "unreadable", **expected}


def test_reports_that_are_too_large_or_none_are_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert credentials_worker._parsed('{"a": 1}') == {"a": 1}
    assert credentials_worker._parsed("{") is None
    assert credentials_worker._parsed("[" * 200_000) is None
    monkeypatch.setattr(credentials_worker, "_MAX_REPORT_CHARACTERS", 3)
    assert credentials_worker._parsed('{"a": 1}') is None


class PlayedWorker:
    """Plays bytes; with `stuck`, says nothing until it is ended."""

    def __init__(self, played: bytes = b"", *, code: int | None = 0, stderr: str = "", stuck: bool = False) -> None:
        self.input = io.BytesIO()
        self.output = io.BytesIO(played)
        self._code, self._stderr = code, stderr
        self._killed = threading.Event()
        if stuck:
            self.output.read = self._wait  # type: ignore[method-assign,assignment]

    def _wait(self, _: int = -1) -> bytes:
        assert self._killed.wait(10)
        return b""

    def kill(self) -> None:
        self._killed.set()

    def exit_code(self) -> int | None:
        return self._code

    def stderr_tail(self) -> str:
        return self._stderr


def asked(worker: PlayedWorker, seconds: float = 10.0) -> dict[str, Any]:
    return _ask(worker, {}, seconds)  # type: ignore[arg-type]


def test_a_worker_that_fails_is_told_with_the_reason() -> None:
    message = io.BytesIO()
    send_message(message, {"kind": "absent"})
    whole = message.getvalue()
    assert asked(PlayedWorker(whole))["kind"] == "absent"
    for worker, words in (
        (PlayedWorker(), "ended without a word"),
        (PlayedWorker(whole[:-2]), "in the middle of a message"),
        (PlayedWorker(code=-6), "ended by signal 6"),
        (PlayedWorker(code=1, stderr="MemoryError"), "ran out of memory"),
        (PlayedWorker(code=None, stuck=True), "took more than 0 s"),
    ):
        answer = asked(worker, 0.05 if "took" in words else 10.0)
        assert answer["kind"] == "unreadable"
        assert words in answer["problem"]


# --- the trust list -------------------------------------------------------------------------------------------------


def test_without_a_trust_list_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VERIFY_C2PA_TRUST", raising=False)
    assert find_trust_anchors(None) is None
    monkeypatch.setenv("VERIFY_C2PA_TRUST", "")
    assert find_trust_anchors(None) is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds no certificate"),
        (b"\xff\xfe not a list", "holds no certificate"),
        (b"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n", "holds no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n", "certificate 1 of 1 in the trust list"),
    ],
)
def test_a_file_that_is_no_trust_list_is_refused(
    content: bytes, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "list.pem"
    path.write_bytes(content)
    with pytest.raises(InvalidUsageError, match=words) as caught:
        find_trust_anchors(path)
    assert str(path) in str(caught.value)
    monkeypatch.setenv("VERIFY_C2PA_TRUST", str(path))
    with pytest.raises(InvalidUsageError, match=words):
        find_trust_anchors(None)


def test_a_trust_list_that_cannot_be_read_or_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidUsageError, match="cannot be read"):
        find_trust_anchors(tmp_path / "nothing.pem")
    with pytest.raises(InvalidUsageError, match="cannot be read"):
        find_trust_anchors(tmp_path)
    monkeypatch.setattr(credentials, "MAX_TRUST_BYTES", 10)
    (tmp_path / "large.pem").write_bytes(b"x" * 11)
    with pytest.raises(InvalidUsageError, match="larger than 10 bytes"):
        find_trust_anchors(tmp_path / "large.pem")
