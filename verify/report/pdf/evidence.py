"""What the file itself tells, and how it was obtained, preserved, sealed and handled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.findings.wording import grouped, seconds_words
from verify.report.pdf import blocks
from verify.report.texts import size_words, utc_words
from verify.translation import _, ngettext

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verify.model import ContentCredentials, CredentialAction, CustodyEvent, EvidenceSeal, Report
    from verify.report.pdf.blocks import Block, Run

_MOST_FILES = 200
_MOST_EVENTS = 100
_MOST_TIMESTAMPS = 20
_MOST_OBSERVATIONS = 100
_MOST_DECLARED = 50


def file_section(report: Report) -> list[Block]:
    """Tell what the file itself shows: Content Credentials, and observations apart from what they may mean."""
    if not (report.credentials or report.observations):
        return []
    made = [blocks.heading(_("The file itself"))]
    if report.credentials:
        made += _credentials(report.credentials)
    if report.observations:
        listed = report.observations[:_MOST_OBSERVATIONS]
        lead = _(
            "Observations on the examined file as it was served. Platforms re-encode what is uploaded, so most of "
            "this describes the platform's copy. None of it is a finding about the footage."
        )
        rows: list[list[list[Run | str]]] = [
            [
                [blocks.quoted(one.topic, 60)],
                [blocks.quoted(one.observed, 1000)],
                [blocks.quoted(one.meaning, 600), " ", blocks.quoted(one.limits, 600, "soft")],
            ]
            for one in listed
        ]
        titles = [_("Topic"), _("Observed"), _("What it can mean, and what it does not show")]
        made += [
            blocks.heading(_("Observations"), 2),
            blocks.paragraph(lead, look="small"),
            blocks.table(titles, ["auto", "1", "1"], rows),
            *blocks.shortened_note(len(listed), len(report.observations)),
        ]
    return made


def _credentials(credentials: ContentCredentials) -> list[Block]:
    rows: list[tuple[str, Sequence[Run | str]]] = []
    if credentials.signer:
        issuer = _("certificate issued by {issuer}").format(issuer=blocks.outside(credentials.issuer, 200))
        signer = blocks.quoted(credentials.signer, 200)
        rows.append((_("Signed by"), [signer, f", {issuer}" if credentials.issuer else ""]))
    if credentials.signed_utc:
        basis = blocks.outside(credentials.signed_basis, 200)
        signed = blocks.outside(utc_words(credentials.signed_utc), 60)
        rows.append((_("Signed at"), [f"{signed} ({basis})" if basis else signed]))
    if credentials.claim_generator:
        rows.append((_("Written by"), [blocks.quoted(credentials.claim_generator, 200)]))
    for title, texts in (
        (_("Source type"), credentials.digital_source_types),
        (_("Checks failed"), credentials.problems),
        (_("Actions that the signer declares"), [_action_words(action) for action in credentials.actions]),
        (
            _("Earlier files that the signer declares to have used"),
            [one.title or _("without a title") for one in credentials.ingredients],
        ),
    ):
        if texts:
            rows.append((title, ["; ".join(blocks.outside(text, 200) for text in texts[:_MOST_DECLARED])]))
    return [
        blocks.heading(_("Content Credentials (C2PA)"), 2),
        blocks.paragraph(blocks.quoted(credentials.statement, 1000, "strong")),
        blocks.paragraph(blocks.quoted(credentials.limits, 1000), look="small"),
        *([blocks.facts(rows)] if rows else []),
    ]


def _action_words(action: CredentialAction) -> str:
    return ", ".join(filter(None, (action.action, action.when, action.software, action.digital_source_type)))


def evidence_section(report: Report) -> list[Block]:
    """List what was acquired and preserved, with digests, seal and custody."""
    release, evidence = report.release, report.evidence
    rows: list[tuple[str, Sequence[Run | str]]] = [(_("Source"), [blocks.address(release.source, 2000)])]
    if release.final_url and release.final_url != release.source:
        rows.append((_("Fetched from"), [blocks.address(release.final_url, 2000)]))
    if release.publisher_url:
        rows.append((_("Publisher"), [blocks.address(release.publisher_url, 2000)]))
    media = release.media
    form = _("{codec} in {container}").format(
        codec=blocks.outside(media.video_codec, 40), container=blocks.outside(media.container, 60)
    )
    length = seconds_words(release.decoded.decoded.duration_s)
    rows += [
        (_("Obtained"), [blocks.quoted(utc_words(release.acquired_utc), 40)]),
        (_("Video"), [f"{length}, {media.width_px} × {media.height_px} px, {form}, {size_words(media.size_bytes)}"]),
        (_("SHA-256"), [blocks.code(release.media_sha256, 100)]),
        (
            _("Case"),
            [
                _("{case}, sealed {time}").format(
                    case=blocks.outside(evidence.case_id, 100), time=blocks.outside(utc_words(evidence.sealed_utc), 40)
                )
            ],
        ),
    ]
    if release.decoded.failure:
        rows.append((_("Decoding"), [blocks.quoted(release.decoded.failure, 400)]))
    made = [
        blocks.heading(_("Acquisition and preserved evidence")),
        blocks.paragraph(blocks.recorded(release.copy_statement)),
        blocks.facts(rows),
        blocks.heading(_("Files of the case"), 2),
        *_files_table(report),
    ]
    if evidence.private_files:
        count = len(evidence.private_files)
        text = ngettext(
            "{count} more file with cookies, headers or signed addresses is kept beside the case and not published; "
            "the manifest holds its digest.",
            "{count} more files with cookies, headers or signed addresses are kept beside the case and not published; "
            "the manifest holds their digests.",
            count,
        )
        made.append(blocks.paragraph(text.format(count=count), look="small"))
    return made + (_seal(report.seal) if report.seal else [])


def _files_table(report: Report) -> list[Block]:
    files = report.evidence.files[:_MOST_FILES]
    examined = _("examined")
    rows: list[list[list[Run | str]]] = [
        [
            [
                blocks.quoted(file.relative_path, 200),
                f" ({examined})" if file.relative_path == report.evidence.media_path else "",
                ["newline", ""],
                blocks.code(file.sha256, 100),
            ],
            [file.role.value.replace("_", " ")],
            [_("{count} bytes").format(count=grouped(file.size_bytes))],
        ]
        for file in files
    ]
    return [
        blocks.paragraph(_("Any SHA-256 program can repeat these digests."), look="small"),
        blocks.table([_("File and SHA-256"), _("Role"), _("Size")], ["1", "auto", "auto"], rows),
        *blocks.shortened_note(len(files), len(report.evidence.files)),
    ]


def _seal(seal: EvidenceSeal) -> list[Block]:
    if seal.key_id:
        signature: list[Run | str] = [_("by the key"), " ", blocks.code(seal.key_id, 40)]
        if seal.public_key:
            signature += [", ", _("public key"), " ", blocks.code(seal.public_key, 100)]
    else:
        signature = [
            _("not signed: the digests show that a byte changed by accident, not that nobody replaced all of it")
        ]
    rows: list[tuple[str, Sequence[Run | str]]] = [
        (_("Digest of the bag"), [blocks.code(seal.bag_sha256, 100)]),
        (_("Digest of the manifest"), [blocks.code(seal.manifest_sha256, 100)]),
        (_("Signature"), signature),
    ]
    rows += [
        (blocks.outside(time.kind, 40), [blocks.quoted(time.statement, 600)])
        for time in seal.timestamps[:_MOST_TIMESTAMPS]
    ]
    if not seal.timestamps:
        none = _("none by a third party: the times below are those of the operator's clock")
        rows.append((_("Timestamp"), [none]))
    events = seal.events[:_MOST_EVENTS]
    titles = [_("Time"), _("Action"), _("Detail")]
    return [
        blocks.heading(_("Seal and custody"), 2),
        blocks.facts(rows),
        blocks.table(titles, ["auto", "1", "3"], [_event_row(event) for event in events]),
        *blocks.shortened_note(len(events), len(seal.events)),
    ]


def _event_row(event: CustodyEvent) -> list[list[Run | str]]:
    detail: list[Run | str] = [blocks.quoted(event.detail, 400)]
    if event.digest:
        detail += [" ", blocks.code(event.digest, 80)]
    if event.clock:
        text = _("This machine's clock was {offset} s off, give or take {uncertainty} s ({basis}).")
        words = text.format(
            offset=f"{event.clock.offset_s:+.1f}",
            uncertainty=f"{event.clock.uncertainty_s:.1f}",
            basis=blocks.outside(event.clock.basis, 120),
        )
        detail.append(["soft", f" {words}"])
    return [
        [blocks.quoted(utc_words(event.utc), 40)],
        [blocks.quoted(event.action, 120), ["newline", ""], blocks.quoted(event.actor, 120, "soft")],
        detail,
    ]
