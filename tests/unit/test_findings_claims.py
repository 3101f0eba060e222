"""Claims: read from a file, quoted from a release, and every malformed entry named."""

from __future__ import annotations

from pathlib import Path

import pytest

from verify.errors import InvalidUsageError
from verify.findings.claims import load_claims, release_claims
from verify.model import Acquisition, Claim


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "claims.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_claims_keep_their_order_and_their_words(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
- claimant: No
  statement: "  The clip is new.  "
  date: 2025-05-07
  source_url: https://a.example/1
- claimant: Example Observers
  statement: |
    It was broadcast
    in 2019.
  date: 2025
  source_url:
- {claimant: 12, statement: yes}
""",
    )
    assert load_claims(path) == (
        Claim(claimant="No", statement="The clip is new.", date="2025-05-07", source_url="https://a.example/1"),
        Claim(claimant="Example Observers", statement="It was broadcast\nin 2019.", date="2025"),
        Claim(claimant="12", statement="yes"),
    )


def test_every_malformed_entry_is_named(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
- claimant: A
  statement: fine
- just a text
- claimant: B
  statment: misspelt
- claimant: C
  statement: [a, list]
  date: last week
  source_url: javascript:alert(1)
- {claimant: D, statement: x, date: 2025-13-45, source_url: "http://[bad"}
""",
    )
    with pytest.raises(InvalidUsageError) as caught:
        load_claims(path)
    assert caught.value.problem.split("; ") == [
        "entry 2: is not a mapping",
        "entry 3: unknown key 'statment'",
        "entry 3: statement is missing",
        "entry 4: statement is not a text",
        "entry 4: date is not a date of the form YYYY, YYYY-MM or YYYY-MM-DD",
        "entry 4: source_url is not an http or https URL",
        "entry 5: date is not a date of the form YYYY, YYYY-MM or YYYY-MM-DD",
        "entry 5: source_url is not a URL",
    ]
    assert caught.value.exit_code == 2
    assert caught.value.subject == str(path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("claimant: A\nstatement: b\n", "is not a list of claims"),
        ("", "is not a list of claims"),
        ("- [unclosed", "is not readable as YAML at line 1"),
        ("- !!python/object/apply:os.system ['true']", "is not readable as YAML at line 1"),
        ("[" * 100_000, "is not readable as YAML"),
        (b"\xff\xfe\xfa", "is not readable as YAML"),
        ("- &a [*a]", "entry 1: is not a mapping"),
        ("- &a {claimant: *a, statement: s}", "entry 1: claimant is not a text"),
        ("- {[a]: b}", "is not readable as YAML at line 1"),
        ("- a\n" * 501, "has more than 500 claims"),
        ("- {claimant: a, statement: " + "x" * 20_001 + "}", "statement is longer than 20,000 characters"),
        ("#" * (1024 * 1024 + 1), "is larger than 1,048,576 bytes"),
    ],
)
def test_files_that_are_no_list_of_claims(tmp_path: Path, text: str | bytes, problem: str) -> None:
    with pytest.raises(InvalidUsageError) as caught:
        load_claims(written(tmp_path, text))
    assert problem in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidUsageError, match="cannot be read"):
        load_claims(tmp_path / "none.yaml")


def test_entities_that_multiply_stay_small(tmp_path: Path) -> None:
    lines = ["- &x0 {claimant: a, statement: lol}"]
    lines += [f"- &x{level} [{', '.join([f'*x{level - 1}'] * 10)}]" for level in range(1, 30)]
    with pytest.raises(InvalidUsageError, match="entry 30: is not a mapping"):
        load_claims(written(tmp_path, "\n".join(lines)))


def acquisition(**changes: object) -> Acquisition:
    values: dict[str, object] = {
        "source": "https://releases.example/17",
        "is_local_file": False,
        "started_utc": "2025-05-08T08:29:50Z",
        "finished_utc": "2025-05-08T08:30:00Z",
        "tool_versions": {},
        "files": (),
    }
    return Acquisition(**(values | changes))  # type: ignore[arg-type]


def test_a_release_is_quoted_and_attributed_to_its_publisher() -> None:
    claims = release_claims(
        acquisition(title="T", description="D", publisher="Example Ministry", published="2025-05-07")
    )
    assert [(claim.claimant, claim.statement, claim.date, claim.source_url, claim.origin) for claim in claims] == [
        ("Example Ministry", "T", "2025-05-07", "https://releases.example/17", "the release itself (title)"),
        ("Example Ministry", "D", "2025-05-07", "https://releases.example/17", "the release itself (description)"),
    ]


def test_an_unknown_publisher_is_named_as_such_and_empty_texts_are_left_out() -> None:
    (claim,) = release_claims(acquisition(title="T", description=" \n", is_local_file=True, source="clip.mp4"))
    assert (claim.claimant, claim.source_url) == ("the publisher of the release", "")
    assert release_claims(acquisition()) == ()
