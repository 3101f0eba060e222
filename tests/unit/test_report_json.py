"""report.json: deterministic, complete, and as its published schema says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from tests.unit.explained_samples import NONE_OF_1240, build_full_report
from tests.unit.report_samples import build_report
from verify.errors import InvalidUsageError, NewerFormatError
from verify.model import NOT_MEASURED_BITS
from verify.report.json_report import SCHEMA_VERSION, decode_report, encode_report, report_schema

SCHEMA_FILE = Path(__file__).parents[2] / "docs" / "schema" / "report-1.schema.json"


def test_a_report_survives_the_round_trip(tmp_path: Path) -> None:
    report = build_report(tmp_path, 3, scene_count=1)
    data = encode_report(report)
    again = decode_report(data)
    assert encode_report(again) == data
    assert [entry.finding for entry in again.matches] == [entry.finding for entry in report.matches]
    assert (again.release, again.evidence, again.claims) == (report.release, report.evidence, report.claims)


def test_equal_reports_give_equal_bytes_indented_and_ended(tmp_path: Path) -> None:
    data = encode_report(build_report(tmp_path / "a"))
    assert data == encode_report(build_report(tmp_path / "b"))
    assert data.startswith(b'{\n  "schema_version": "1.1",\n')
    assert data.endswith(b"}\n")


def test_numbers_are_rounded_and_texts_stay_text(tmp_path: Path) -> None:
    report = build_report(tmp_path)
    decoded = replace(report.release.decoded, missing_s=1 / 3)
    title = "ö \u202e </script> \ud800"
    report = replace(report, release=replace(report.release, decoded=decoded, title=title), parameters={"x": -0.0})
    plain = json.loads(encode_report(report))
    assert plain["release"]["decoded"]["missing_s"] == 0.333333
    assert plain["release"]["title"] == "ö \u202e </script> ?"
    assert "ö".encode() in encode_report(report)
    assert str(plain["parameters"]["x"]) == "0.0"


def test_a_number_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nan"):
        encode_report(replace(build_report(tmp_path), parameters={"x": float("nan")}))


def test_unknown_members_are_left_out(tmp_path: Path) -> None:
    report = build_report(tmp_path)
    plain = json.loads(encode_report(report)) | {"schema_version": "1.7", "from_the_future": 1}
    again = decode_report(json.dumps(plain).encode())
    assert encode_report(replace(again, schema_version=SCHEMA_VERSION)) == encode_report(report)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b'{"schema_version": "1"}', b"\xff", b"[" * 100_000, b'{"schema_version": 1}']
)
def test_what_is_no_report_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidUsageError, match="is no report"):
        decode_report(data)


def test_an_impossible_interval_is_refused(tmp_path: Path) -> None:
    plain = json.loads(encode_report(build_report(tmp_path)))
    plain["coverage"][0]["interval"] = {"start_s": 3.0, "end_s": 1.0}
    with pytest.raises(InvalidUsageError, match="not an interval"):
        decode_report(json.dumps(plain).encode())


def test_a_later_schema_is_named() -> None:
    with pytest.raises(NewerFormatError, match="follows schema '2'"):
        decode_report(b'{"schema_version": "2"}')


def test_the_published_schema_is_current() -> None:
    assert json.loads(SCHEMA_FILE.read_text(encoding="utf-8")) == report_schema(), (
        "docs/schema/report-1.schema.json is not what the code writes: "
        "update it with verify.report.json_report.report_schema()"
    )


@pytest.mark.parametrize(("matches", "scenes", "searched"), [(0, 0, True), (3, 1, True), (0, 0, False)])
def test_reports_follow_the_published_schema(tmp_path: Path, matches: int, scenes: int, searched: bool) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
    validator.check_schema(validator.schema)
    plain = json.loads(encode_report(build_report(tmp_path, matches, scenes, searched)))
    assert list(validator.iter_errors(plain)) == []
    del plain["limits"]
    assert [error.message for error in validator.iter_errors(plain)] == ["'limits' is a required property"]


def test_everything_that_was_measured_follows_the_schema_and_survives(tmp_path: Path) -> None:
    report = build_full_report(tmp_path)
    data = encode_report(report)
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
    assert list(validator.iter_errors(json.loads(data))) == []
    again = decode_report(data)
    assert encode_report(again) == data
    assert again.repeats[0].match.geometry is not None
    assert again.repeats[0].match.geometry.outline == report.repeats[0].match.geometry.outline  # type: ignore[union-attr]
    assert again.matches[0].match.false_alarms == replace(NONE_OF_1240, rate_at_most=0.002419)
    assert again.matches[0].match.pairs[0].distance_bits == NOT_MEASURED_BITS


def test_the_schema_names_itself() -> None:
    schema = report_schema()
    assert schema["$id"].startswith("urn:")
    assert schema["title"]
    assert schema["$schema"].endswith("2020-12/schema")
