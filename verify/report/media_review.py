"""mediareview.jsonld: a draft of schema.org's MediaReview and ClaimReview, for a fact-checker to finish.

What needs a judgement stays out of it: the category of the media, the ratings, and who reviews. See
https://schema.org/MediaReview and https://schema.org/ClaimReview.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from verify.findings.wording import counted, timecode
from verify.model import FindingKind, MatchLevel
from verify.report.machine_json import bounded_text, machine_json, stated_moment
from verify.report.options import Rendered
from verify.report.texts import web_link

if TYPE_CHECKING:
    from pathlib import Path

    from verify.model import Claim, Reference, Release, Report, ReportedMatch
    from verify.report.options import RenderOptions

_CONTEXT = "https://schema.org"
_MAX_NAME, _MAX_TEXT, _MAX_STATEMENT = 500, 5_000, 2_000
_MOST_STATEMENTS = 100
#: What the origin of a claim begins with where the release itself makes it.
_OWN_ORIGIN = "the release itself"
_VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".webm", ".mkv", ".mpg", ".mpeg", ".ogv", ".avi", ".ts", ".flv"})
_DRAFT = (
    "Draft, made from a provenance report of the program verify. It states where and when footage was seen before. "
    "Left for a person: mediaAuthenticityCategory, author, datePublished and url of this review, and a @type (Person "
    "or Organization) for everyone who is named."
)
_CLAIM_DRAFT = (
    "Draft. The claim is quoted; it was not assessed by the program that made this draft. Left for a person: "
    "reviewRating, author, datePublished and url."
)


def render_media_review(report: Report, _folder: Path, _options: RenderOptions) -> Rendered:
    """Render the draft; texts from outside are bounded, and addresses that may not be made links are left out.

    `originalMediaLink` holds the references of confirmed matches that are shown to be earlier than the release's
    claimed date, each with the date by which it was first seen.
    """
    claims = [_claim(claim, number, report.release) for number, claim in enumerate(report.claims, 1)]
    reviews = [_claim_review(report, claim, number) for number, claim in enumerate(claims, 1)]
    own = [made for claim, made in zip(report.claims, claims, strict=True) if claim.origin.startswith(_OWN_ORIGIN)]
    confirmed = [entry for entry in report.matches if entry.match.level is MatchLevel.CONFIRMED]
    review = {
        "@type": "MediaReview",
        "@id": "#media-review",
        "creativeWorkStatus": "Draft",
        "description": " ".join((_DRAFT, *_left_out(report, confirmed))),
        "inLanguage": "en",
        "dateCreated": stated_moment(report.created_utc),
        "isBasedOn": _source_report(report),
        "abstract": bounded_text(report.answer, _MAX_TEXT),
        "itemReviewed": _item(report, own),
        "originalMediaLink": _original_media(confirmed),
        "originalMediaContextDescription": [
            bounded_text(entry.finding.statement, _MAX_STATEMENT) for entry in confirmed[:_MOST_STATEMENTS]
        ],
        "associatedClaimReview": [{"@type": "ClaimReview", "@id": made["@id"]} for made in reviews],
    }
    return Rendered(content=machine_json({"@context": _CONTEXT, "@graph": [_known(review), *reviews]}))


def _known(node: dict[str, Any]) -> dict[str, Any]:
    """Leave out the members that nothing is known for."""
    return {name: value for name, value in node.items() if value not in ("", [], {}, None)}


def _left_out(report: Report, confirmed: list[ReportedMatch]) -> list[str]:
    """Say which matches have no place in the draft, and why."""
    told = []
    if possible := len(report.matches) - len(confirmed):
        told.append(
            f"Not in it: {counted(possible, 'possible match', 'possible matches')}, which a person must look at."
        )
    if unordered := sum(not _is_earlier(entry) for entry in confirmed):
        words = counted(unordered, "confirmed match", "confirmed matches")
        told.append(
            f"Not linked as original media: the references of {words}, which are retracted or not shown to be earlier "
            f"than the claimed date."
        )
    if len(confirmed) > _MOST_STATEMENTS:
        told.append(f"Of {len(confirmed):,} confirmed matches, the first {_MOST_STATEMENTS} are described.")
    return told


def _is_earlier(entry: ReportedMatch) -> bool:
    return entry.finding.kind is FindingKind.REUSE_EARLIER and not entry.reference.retracted


def _source_report(report: Report) -> dict[str, Any]:
    return _known(
        {
            "@type": "Report",
            "name": "Provenance report",
            "reportNumber": bounded_text(report.report_id, _MAX_NAME),
            "dateCreated": stated_moment(report.created_utc),
            "version": bounded_text(f"report schema {report.schema_version}", _MAX_NAME),
        }
    )


def _item(report: Report, own_claims: list[dict[str, Any]]) -> dict[str, Any]:
    release = report.release
    return _known(
        {
            "@type": "MediaReviewItem",
            "name": bounded_text(release.title, _MAX_NAME),
            "creator": _party(release.publisher, release.publisher_url or ""),
            "mediaItemAppearance": [_video(release)],
            "interpretedAsClaim": own_claims,
        }
    )


def _video(release: Release) -> dict[str, Any]:
    length_s = release.media.duration_s
    return _known(
        {
            "@type": "VideoObject",
            "@id": "#release",
            "name": bounded_text(release.title, _MAX_NAME),
            "description": bounded_text(release.description, _MAX_TEXT),
            "url": _page_address(release),
            "contentUrl": next((link for link in _addresses(release) if _is_video_file(link)), ""),
            "uploadDate": stated_moment(release.published),
            "duration": f"PT{length_s:.2f}S" if length_s is not None else "",
            "sha256": bounded_text(release.media_sha256, _MAX_NAME),
        }
    )


def _addresses(release: Release) -> list[str]:
    return [link for link in (web_link(release.source), web_link(release.final_url or "")) if link]


def _page_address(release: Release) -> str:
    """Return the address of the page, or of the file where no page is known."""
    links = _addresses(release)
    return next((link for link in links if not _is_video_file(link)), next(iter(links), ""))


def _is_video_file(link: str) -> bool:
    return PurePosixPath(urlsplit(link).path).suffix.lower() in _VIDEO_SUFFIXES


def _party(name: str, link: str) -> dict[str, Any] | None:
    """Name somebody without saying whether they are a person or an organisation, which is not known."""
    return _known({"name": bounded_text(name, _MAX_NAME), "url": web_link(link)}) if name.strip() else None


def _original_media(confirmed: list[ReportedMatch]) -> list[dict[str, Any]]:
    pages: dict[str, dict[str, Any]] = {}
    for entry in confirmed:
        link = web_link(entry.reference.source_url) or web_link(entry.reference.first_seen_url)
        if link and _is_earlier(entry):
            pages.setdefault(link, _original_page(entry.reference, link))
    return list(pages.values())


def _original_page(reference: Reference, link: str) -> dict[str, Any]:
    seen = f"First seen no later than {bounded_text(reference.first_seen, 40)}"
    basis = bounded_text(reference.first_seen_basis, _MAX_NAME)
    return _known(
        {
            "@type": "WebPage",
            "url": link,
            "name": bounded_text(reference.title, _MAX_NAME),
            "description": f"{seen} ({basis})." if basis else f"{seen}.",
        }
    )


def _claim(claim: Claim, number: int, release: Release) -> dict[str, Any]:
    is_own = claim.origin.startswith(_OWN_ORIGIN)
    link = web_link(claim.source_url)
    where = {"@type": "VideoObject", "@id": "#release", "url": link or _page_address(release)}
    if not is_own:
        where = {"@type": "WebPage", "url": link} if link else {}
    about = f"{timecode(claim.span.start_s)} to {timecode(claim.span.end_s)}" if claim.span else ""
    return _known(
        {
            "@type": "Claim",
            "@id": f"#claim-{number}",
            "text": bounded_text(claim.statement, _MAX_TEXT),
            "author": _party(claim.claimant, (release.publisher_url or "") if is_own and release.publisher else ""),
            "datePublished": stated_moment(claim.date),
            "appearance": _known(where),
            "description": f"About {about} of the release." if about else "",
        }
    )


def _claim_review(report: Report, claim: dict[str, Any], number: int) -> dict[str, Any]:
    """Draft a review of one claim: quoted, unrated, with what the footage has to do with it as far as that goes."""
    statements = [bearing.statement for bearing in report.bearings if bearing.claim == number]
    return _known(
        {
            "@type": "ClaimReview",
            "@id": f"#claim-review-{number}",
            "creativeWorkStatus": "Draft",
            "description": _CLAIM_DRAFT,
            "inLanguage": "en",
            "claimReviewed": claim.get("text", ""),
            "itemReviewed": claim,
            "abstract": bounded_text(" ".join(statements[:_MOST_STATEMENTS]), _MAX_TEXT),
        }
    )
