"""`verify archive check` and `repair`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from verify.commands.archive.texts import as_json_text, shown_text
from verify.commands.options import archive_folder, archive_option, lock_wait_option
from verify.commands.progress import make_progress
from verify.errors import EXIT_DONE, EXIT_WARNINGS, ArchiveDamagedError, FingerprintVersionError

_MOST_TOLD = 100


@click.command()
@archive_option
@click.option("--json", "as_json", is_flag=True, help="Write what was found as JSON to standard output.")
def check(archive: Path | None, as_json: bool) -> int:
    """Check that everything in the archive is as it was written.

    Every digest is made again and compared: of what is told of each reference, of all that is searched, of thumbnails,
    proxies and videos that are kept, and of every line of the log. Nothing is changed.
    """
    import msgspec  # noqa: PLC0415 - keeps `verify --help` instant

    from verify.archive.check import Part, check_archive  # noqa: PLC0415
    from verify.archive.store import Archive  # noqa: PLC0415

    folder = archive_folder(archive)
    with Archive.open(folder) as opened:
        problems = check_archive(opened, make_progress())
        damage = [problem for problem in problems if problem.is_damage]
        count = 0 if damage and damage[0].part is Part.CATALOGUE else opened.count()
    if as_json:
        click.echo(as_json_text(msgspec.to_builtins(problems)))
    else:
        for problem in problems[:_MOST_TOLD]:
            click.echo(
                ": ".join(shown_text(each) for each in (problem.reference_id, problem.part, problem.text) if each)
            )
        if len(problems) > _MOST_TOLD:
            click.echo(f"... and {len(problems) - _MOST_TOLD} more (--json tells all)")
    if damage:
        kinds = Counter(problem.part.value for problem in damage)
        told = ", ".join(f"{kind} {number}" for kind, number in kinds.most_common())
        raise ArchiveDamagedError(
            folder, f"{len(damage)} things are not as they were written ({told})", "Mend it: verify archive repair"
        )
    if versions := [problem for problem in problems if problem.part is Part.VERSION]:
        raise FingerprintVersionError(
            folder,
            f"{len(versions)} parts of references were made by another version of this program",
            "Add these references anew.",
        )
    if not as_json:
        click.echo(f"{count} references checked; everything is as it was written.")
    return EXIT_WARNINGS if problems else EXIT_DONE


@click.command()
@archive_option
@lock_wait_option
def repair(archive: Path | None, lock_wait: float | None) -> int:
    """Bring a damaged archive back into order, and tell what was lost.

    Caches are made anew. Damaged thumbnails, vectors and proxies are taken out, so that the rest of a reference can
    still be searched; a reference whose hashes, keypoints or description are damaged is set aside in the folder
    'quarantine', and its video must be added again.
    """
    from verify.archive.repair import repair_archive  # noqa: PLC0415 - keeps `verify --help` instant

    folder = archive_folder(archive)
    repairs = repair_archive(folder, make_progress(), lock_wait_s=lock_wait)
    for each in repairs:
        click.echo(": ".join(shown_text(part) for part in (each.reference_id, each.done) if part))
    lost = sum(each.is_lost for each in repairs)
    click.echo(f"{len(repairs)} repairs, {lost} references lost." if repairs else "Nothing had to be repaired.")
    return EXIT_WARNINGS if repairs else EXIT_DONE
