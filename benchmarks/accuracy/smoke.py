"""The whole benchmark on footage of seconds, to see that it works: rendered, generated, run, scored, one peer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.accuracy.clips import collect_clips
from benchmarks.accuracy.generation import Recipe, generate_set
from benchmarks.accuracy.peers import Phash, describe, find_reuse
from benchmarks.accuracy.rendered import Rendering
from benchmarks.accuracy.running import run_program
from benchmarks.accuracy.scoring import score_matches
from benchmarks.accuracy.truth import load_matches

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.accuracy.scoring import Result

_SEED = 3
_RECIPE = Recipe(releases=2, clean_share=0.5, pieces=(2, 2), shortest_s=1.0, longest_s=1.6, reused_share=1.0)
_RENDERINGS = (
    Rendering(kind="street", camera=1, event=1, seconds=3),
    Rendering(kind="street", camera=1, event=2, seconds=2),
    Rendering(kind="night-sky", camera=1, event=1, seconds=3),
)


def smoke(folder: Path) -> list[tuple[str, Result]]:
    """Make, run and score the smallest benchmark; name and result of the program and of a peer."""
    clips, bench = folder / "clips", folder / "bench"
    collect_clips(clips, demo=False, others=False, renderings=_RENDERINGS)
    truth = generate_set(clips, bench, _SEED, _RECIPE)
    done = run_program(bench, folder)
    peer = Phash()
    found = find_reuse(peer, describe(bench, peer))
    return [("verify", score_matches(truth, load_matches(done.matches))), (peer.name, score_matches(truth, found))]
