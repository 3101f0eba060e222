"""What a reader needs to check the report: shots, dropped proposals, the method, how to check again, the words."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from verify.findings.wording import grouped, seconds_words
from verify.model import FrameClass
from verify.report.pdf import blocks
from verify.translation import _, ngettext

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verify.model import Report, Shot, ShotView
    from verify.report.pdf.blocks import Block, Run
    from verify.report.pdf.pictures import PictureTray

_MOST_SHOTS, _MOST_SHOT_PICTURES, _MOST_TEXTS = 200, 60, 8
_MOST_REJECTIONS = 50
_MOST_PARAMETERS = 200


def shots_section(report: Report, tray: PictureTray) -> list[Block]:
    """List the shots with what they look like and what was read in them."""
    if not report.shots:
        return []
    lead = [
        _(
            "A shot ends where the picture changes at once, or melts or fades into another. What kind of picture it "
            "is decides whether it can be compared."
        )
    ]
    if report.texts_read:
        lead.append(
            _(
                "Lettering in the pictures was read by a machine, once in each shot that has a picture here. It is "
                "quoted as it was read, to be searched for, and is often wrong."
            )
        )
    else:
        lead.append(_("Lettering in the pictures was not looked for."))
    views = {view.shot: view for view in report.shot_views}
    listed = report.shots[:_MOST_SHOTS]
    has_pictures = bool(views) and not tray.withheld
    rows = [_shot_row(number, shot, views.get(number), has_pictures, tray) for number, shot in enumerate(listed, 1)]
    made = [
        blocks.heading(_("Shots of the release")),
        blocks.paragraph(" ".join(lead), look="small"),
        {"kind": "shots", "rows": rows, "has_pictures": has_pictures},
        *blocks.shortened_note(len(listed), len(report.shots)),
    ]
    if tray.withheld and views:
        made.append(blocks.paragraph(tray.withheld, look="small"))
    return made


def _shot_row(number: int, shot: Shot, view: ShotView | None, has_pictures: bool, tray: PictureTray) -> Block:
    classes = {
        FrameClass.TEXTURED: _("footage"),
        FrameClass.TEMPLATE: _("title card, logo or bars"),
        FrameClass.DARK: _("dark"),
        FrameClass.EMPTY: _("empty"),
    }
    name = _("Shot {number}").format(number=number)
    what = classes[shot.frame_class]
    if shot.reason:
        what = f"{what}: {blocks.outside(shot.reason, 200)}"
    texts = [] if view is None else [blocks.outside(line.text, 120) for line in view.texts[:_MOST_TEXTS]]
    if view is not None and len(view.texts) > _MOST_TEXTS:
        more = len(view.texts) - _MOST_TEXTS
        text = ngettext("{count} more line is in report.json", "{count} more lines are in report.json", more)
        texts.append(text.format(count=more))
    wanted = has_pictures and view is not None and number <= _MOST_SHOT_PICTURES
    return {
        "name": name,
        "times": blocks.times_words(shot.interval),
        "what": what,
        "texts": texts,
        "read": _("Read by a machine in this shot") if texts else "",
        "picture": tray.shown(view.picture, name) if wanted and view is not None else None,
    }


def rejected_section(report: Report) -> list[Block]:
    """List what was proposed and not reported, with the reasons."""
    if not report.rejected:
        return []
    lead = _(
        "The search proposes more than it reports. These passages were proposed, compared with the reference named, "
        "and not reported, for the reason given. They are no findings; they are listed so that it can be seen what "
        "was left out."
    )
    listed = report.rejected[:_MOST_REJECTIONS]
    count = max(report.rejected_count, len(report.rejected))
    strongest = _("The strongest {shown} of {count}").format(shown=len(listed), count=grouped(count))
    titles = [_("In the release"), _("Reference"), _("Score"), _("Why it is not reported")]
    rows: list[list[list[Run | str]]] = [
        [
            [blocks.times_words(one.query)],
            [blocks.code(one.reference_id, 100)],
            [f"{one.score:.3f}"],
            [blocks.quoted(one.reason)],
        ]
        for one in listed
    ]
    return [
        blocks.heading(_("Proposed and not reported")),
        blocks.paragraph(lead, look="small"),
        blocks.table(titles, ["auto", "2", "auto", "3"], rows),
        *([blocks.paragraph(strongest, look="small")] if len(listed) < count else []),
    ]


def method_section(report: Report) -> list[Block]:
    """Tell how the report was made: archive, command, parameters and versions."""
    made = [
        blocks.heading(_("Method")),
        blocks.paragraph(
            _(
                "The release is cut into shots. From sampled frames, fingerprints are taken and looked up in the "
                "archive; what agrees is aligned in time, laid picture on picture by its keypoints, and compared in "
                "what moves. Only what two independent families of evidence support is called confirmed."
            )
        ),
    ]
    archive = report.archive
    if archive is None:
        made.append(blocks.paragraph(_("No reference archive was searched.")))
    else:
        searched = _("{references} references, {length} of video, {frames} sampled frames").format(
            references=grouped(archive.reference_count),
            length=seconds_words(archive.duration_s),
            frames=grouped(archive.frame_count),
        )
        rows: list[tuple[str, Sequence[Run | str]]] = [
            (_("Archive searched"), [searched]),
            (_("Snapshot"), [blocks.code(archive.snapshot_id, 100)]),
            (_("Fingerprints"), [blocks.quoted(", ".join(archive.algorithms))]),
        ]
        if report.earlier_searched:
            count = len(report.earlier_searched)
            text = ngettext(
                "{count} earlier release of the publisher was searched too",
                "{count} earlier releases of the publisher were searched too",
                count,
            )
            rows.append((_("Earlier releases"), [text.format(count=count)]))
        made.append(blocks.facts(rows))
    versions = sorted(report.versions.items())[:_MOST_PARAMETERS]
    return [
        *made,
        blocks.paragraph(["soft", _("Command")], look="small"),
        blocks.paragraph(blocks.code(shlex.join(report.command), 3000), look="command"),
        blocks.heading(_("Parameters"), 2),
        blocks.table([_("Parameter"), _("Value")], ["2", "3"], _parameters(report)),
        *blocks.shortened_note(min(len(report.parameters), _MOST_PARAMETERS), len(report.parameters)),
        blocks.heading(_("Versions"), 2),
        blocks.paragraph(
            "; ".join(f"{blocks.outside(name, 60)} {blocks.outside(version, 60)}" for name, version in versions)
        ),
    ]


def _parameters(report: Report) -> list[list[list[Run | str]]]:
    words = {True: _("yes"), False: _("no")}
    return [
        [
            [blocks.quoted(name.replace("_", " "), 100)],
            [blocks.quoted(words[value] if isinstance(value, bool) else str(value), 200)],
        ]
        for name, value in sorted(report.parameters.items())[:_MOST_PARAMETERS]
    ]


def recheck_section(report: Report) -> list[Block]:
    """Tell how whoever has the report folder can check the report."""
    if report.examination:
        replay = _(
            "Checks the digests of all that the report is made with, matches the stored fingerprints of the release "
            "with the archive of the snapshot named above once more, and tells for each finding whether it is the "
            "same. Exit code 0 if nothing differs, 22 if something does. It needs that archive."
        )
    else:
        replay = _(
            "This report keeps no fingerprints of the release, so its findings cannot be made again from it alone. "
            "The preserved video can be examined anew."
        )
    check = _(
        "Reads every preserved byte again and tells what holds, what does not and what could not be checked: "
        "digests, custody logs, signature and timestamps, and whether report.json is the one that the custody log "
        "names. Exit code 0 if all holds, 20 if not."
    )
    look = _(
        "Then open the release and the reference at the times that a match names, and look: that is the check that "
        "counts most."
    )
    by_hand = f"sha256sum {shlex.quote('FOLDER/evidence/' + report.evidence.media_path)}"
    return [
        blocks.heading(_("How to check this report again")),
        blocks.paragraph(
            _("All of this works without a network, on a copy of the report folder; FOLDER stands for it."),
            look="small",
        ),
        blocks.paragraph(["code", "verify evidence check FOLDER"], look="command"),
        blocks.paragraph(check),
        blocks.paragraph(["code", "verify replay FOLDER"], look="command"),
        blocks.paragraph(replay),
        blocks.paragraph(blocks.code(by_hand, 600), look="command"),
        blocks.paragraph(_("This must print"), " ", blocks.code(report.release.media_sha256, 100), ". ", look),
    ]


def glossary_section() -> list[Block]:
    """Say what the words mean."""
    terms = [
        (_("Release, query"), _("The video that was checked.")),
        (_("Reference"), _("A video in the archive that the release was compared with.")),
        (
            _("Match"),
            _(
                "A part of the release that is visually consistent with a part of a reference. It says where footage "
                "was seen, not why it is shown again."
            ),
        ),
        (_("Confirmed"), _("Two independent families of evidence agree on the match.")),
        (
            _("Possible"),
            _("The evidence is of one kind or weak. It says nothing until a person has compared the pictures."),
        ),
        (_("Same scene"), _("The same place or set-up, not shown to be the same recording.")),
        (_("Repeat"), _("A part of the release that shows an earlier part of it again.")),
        (
            _("Template"),
            _("A title card, a logo or colour bars. Such pictures look alike everywhere and are not compared."),
        ),
        (
            _("Not examinable"),
            _(
                "Too dark, empty or damaged, or nothing was there to compare with. Nothing is known about these "
                "seconds."
            ),
        ),
        (
            _("No match"),
            _("Compared, and not found among the references searched. It does not mean that the footage is new."),
        ),
        (
            _("First seen no later than"),
            _(
                "The date by which a reference is known to have existed. It may be older. The basis of the date is "
                "stated with it and is as strong as its source."
            ),
        ),
        (_("Claimed date"), _("The date that the release, or whoever ran the check, gives for the footage.")),
        (
            _("Digest, SHA-256"),
            _("A short code of the exact bytes of a file. If one bit changes, the digest is another one."),
        ),
        (_("Score"), _("0 to 1; it ranks matches and is no probability.")),
        (_("Snapshot"), _("Exactly which references were in the archive, named by one digest.")),
        (
            _("Custody log"),
            _("Who did what with the evidence and when; each entry holds the digest of the one before."),
        ),
        (
            _("Content Credentials"),
            _("Statements about a file that its maker signed (C2PA). None is no sign of tampering."),
        ),
    ]
    return [blocks.heading(_("Glossary")), blocks.facts([(term, [meaning]) for term, meaning in terms])]
