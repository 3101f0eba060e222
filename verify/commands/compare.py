"""`verify compare`: two videos against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from verify.commands.options import acquisition_options, descriptor_options
from verify.commands.progress import make_progress
from verify.commands.sources import local_copy
from verify.errors import EXIT_DONE

if TYPE_CHECKING:
    from verify.acquire.options import AcquisitionOptions
    from verify.commands.options import DescriptorChoice
    from verify.model import Match


@click.command()
@click.argument("a")
@click.argument("b")
@descriptor_options
@acquisition_options
@click.option("--json", "as_json", is_flag=True, help="Write the matches as JSON to standard output.")
def compare(*, a: str, b: str, descriptor: DescriptorChoice, options: AcquisitionOptions, as_json: bool) -> int:
    """Compare two videos with each other, without an archive.

    Tells which parts of A are visually consistent with which parts of B. A and B are files or URLs. Nothing is kept: to
    preserve evidence and write a report, use `verify video`.
    """
    from verify.pipeline import compare_videos  # noqa: PLC0415 - keeps `verify --help` instant

    learned = descriptor.load()
    with local_copy(a, options) as path_a, local_copy(b, options) as path_b:
        matches = compare_videos(path_a, path_b, make_progress(), learned)
    if as_json:
        import msgspec  # noqa: PLC0415

        click.echo(msgspec.json.format(msgspec.json.encode(matches), indent=2))
        return EXIT_DONE
    click.echo("\n".join(_lines(matches)))
    return EXIT_DONE


def _lines(matches: tuple[Match, ...]) -> list[str]:
    from verify.findings.wording import rate_words, timecode  # noqa: PLC0415

    if not matches:
        return ["No part of A was found in B; this is not evidence that they share no footage."]
    lines = ["Parts of A that are visually consistent with parts of B:"]
    for match in matches:
        a, b = (f"{timecode(span.start_s)}-{timecode(span.end_s)}" for span in (match.query, match.reference))
        notes = [rate_words(match.time_map.rate)] if match.time_map.rate != 1 else []
        notes += ["mirrored"] if match.transform.mirrored else []
        kind = "same scene, too static to tell the recording" if match.same_scene_only else str(match.level)
        lines.append(f"  A {a}  ~  B {b}  {', '.join([kind, f'score {match.score:.2f}', *notes])}")
    return lines
