"""From the C2PA library's description of a manifest store to the few facts that are told of it.

The library's output repeats what a stranger wrote, in any shape and of any size. Here only the active manifest and its
direct ingredients are looked at, and every list and text is cut to a bound; nothing is cleaned or interpreted yet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

MAX_ACTIONS = 100
MAX_INGREDIENTS = 100
MAX_CODES = 50
_MAX_ITEMS = 1000
_MAX_CHARACTERS = 1000
_MAX_ACTION_LISTS = 20

_TRUSTED, _UNTRUSTED = "signingCredential.trusted", "signingCredential.untrusted"
_ACTIONS_LABEL = re.compile(r"c2pa\.actions(\.v\d+)?(__\d+)?")
_BMFF_HASH_LABEL = re.compile(r"c2pa\.hash\.bmff(\.v\d+)?(__\d+)?")
# Parts that a signature over an ISO base media file may leave out, since they hold no media or hold positions in the
# file that move when credentials are added (C2PA specification, 'BMFF-based hash').
_USUAL_EXCLUSIONS = re.compile(
    r"/(uuid|ftyp|mfra|free|skip|emsg|meta/iloc|mfra/tfra|moof/traf/(tfhd|trun)"
    r"|moov/trak(\[\d+\])?/mdia/minf/stbl/(stco|co64))(\[\d+\])?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFacts:
    """One declared action, uncleaned."""

    action: str
    when: str = ""
    software: str = ""
    source_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngredientFacts:
    """One declared ingredient, uncleaned; `codes` failed for its own credentials, which `has_credentials` tells of."""

    title: str
    media_type: str
    relationship: str
    has_credentials: bool
    is_trusted: bool
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialFacts:
    """What the library found in the active manifest, uncleaned.

    `state` is C2PA's own word for the whole: Invalid, Valid or Trusted. `time` is that of a time stamp; `time_holds`
    says that the stamp fits the signature, `time_trusted` that its authority is on a list. `uncovered` are the parts of
    the file that the signature leaves out beyond the usual ones. `codes` failed for the active manifest,
    `ingredient_codes` for the manifests inside it, where that is news beside what its signer recorded.
    """

    state: str
    claim_version: int
    signer: str
    issuer: str
    time: str
    time_authority: str
    time_holds: bool
    time_trusted: bool
    claim_generator: str
    actions: tuple[ActionFacts, ...]
    ingredients: tuple[IngredientFacts, ...]
    codes: tuple[str, ...]
    ingredient_codes: tuple[str, ...]
    uncovered: tuple[str, ...]


def read_facts(store: Any, details: Any) -> CredentialFacts:
    """Pick the facts out of the library's two descriptions of one manifest store.

    Parameters
    ----------
    store
        The report in the library's own JSON format.
    details
        The one in the crJSON format, which alone tells the certificate's issuer; {} if there is none.
    """
    label = _text(_mapping(store).get("active_manifest"))
    manifest = _mapping(_mapping(_mapping(store).get("manifests")).get(label))
    results = _mapping(_mapping(store).get("validation_results"))
    active = _mapping(results.get("activeManifest"))
    signature = _mapping(_manifest_details(details, label).get("signature"))
    signature_info = _mapping(manifest.get("signature_info"))
    certificate = _mapping(signature.get("certificateInfo"))
    time_certificate = _mapping(_mapping(signature.get("timeStampInfo")).get("certificateInfo"))
    fallback = {"CN": signature_info.get("common_name"), "O": signature_info.get("issuer")}
    passed = _codes(active.get("success"))
    failed = _codes(active.get("failure"))
    return CredentialFacts(
        state=_text(_mapping(store).get("validation_state")),
        claim_version=_version(manifest.get("claim_version")),
        signer=_name(_mapping(certificate.get("subject")) or fallback),
        issuer=_name(certificate.get("issuer")),
        time=_text(signature_info.get("time")),
        time_authority=_name(time_certificate.get("subject")),
        time_holds="timeStamp.validated" in passed and not any(code.startswith("timeStamp.") for code in failed),
        time_trusted="timeStamp.trusted" in passed,
        claim_generator=_claim_generator(manifest),
        actions=_actions(manifest),
        ingredients=_ingredients(manifest, results),
        codes=_unique(failed),
        ingredient_codes=_unique(_delta_failures(results)),
        uncovered=_uncovered(manifest),
    )


def _manifest_details(details: Any, label: str) -> dict[str, Any]:
    manifests = [_mapping(manifest) for manifest in _items(_mapping(details).get("manifests"))]
    return next((manifest for manifest in manifests if manifest.get("label") == label), {})


def _claim_generator(manifest: dict[str, Any]) -> str:
    listed = [_software(entry) for entry in _items(manifest.get("claim_generator_info"))[:5]]
    return ", ".join(name for name in listed if name) or _text(manifest.get("claim_generator"))


def _software(value: Any) -> str:
    """Name and version of a program, which older manifests give as one text."""
    if isinstance(value, str):
        return _text(value)
    entry = _mapping(value)
    return " ".join(part for part in (_text(entry.get("name")), _text(entry.get("version"))) if part)


def _actions(manifest: dict[str, Any]) -> tuple[ActionFacts, ...]:
    found: list[ActionFacts] = []
    for data in _assertions(manifest, _ACTIONS_LABEL)[:_MAX_ACTION_LISTS]:
        agents = _items(data.get("softwareAgents"))
        for entry in map(_mapping, _items(data.get("actions"))[:MAX_ACTIONS]):
            index = entry.get("softwareAgentIndex")
            shared = agents[index] if isinstance(index, int) and 0 <= index < len(agents) else None
            action = ActionFacts(
                action=_text(entry.get("action")),
                when=_text(entry.get("when")),
                software=_software(entry.get("softwareAgent")) or _software(shared),
                source_type=_text(entry.get("digitalSourceType")),
            )
            found.append(action)
    return tuple(found[:MAX_ACTIONS])


def _ingredients(manifest: dict[str, Any], results: dict[str, Any]) -> tuple[IngredientFacts, ...]:
    deltas: dict[str, dict[str, Any]] = {}
    for delta in map(_mapping, _items(results.get("ingredientDeltas"))):
        assertion = _text(delta.get("ingredientAssertionURI")).rpartition("/")[2]
        deltas.setdefault(assertion, _mapping(delta.get("validationDeltas")))
    found = []
    for entry in map(_mapping, _items(manifest.get("ingredients"))[:MAX_INGREDIENTS]):
        recorded = _mapping(_mapping(entry.get("validation_results")).get("activeManifest"))
        delta = deltas.get(_text(entry.get("label")), {})
        # Older manifests keep one list in place of three; it holds what failed.
        failed = [
            *_codes(recorded.get("failure")),
            *_codes(entry.get("validation_status")),
            *_codes(delta.get("failure")),
        ]
        # What the signer recorded counts as long as the library, with the list given now, did not come to another end.
        passed = [*_codes(recorded.get("success")), *_codes(delta.get("success"))]
        is_trusted = _TRUSTED in passed and _UNTRUSTED not in _codes(delta.get("failure"))
        found.append(
            IngredientFacts(
                title=_text(entry.get("title")),
                media_type=_text(entry.get("format")),
                relationship=_text(entry.get("relationship")),
                has_credentials=bool(_text(entry.get("active_manifest"))),
                is_trusted=is_trusted,
                codes=_unique(failed),
            )
        )
    return tuple(found)


def _delta_failures(results: dict[str, Any]) -> list[str]:
    deltas = [_mapping(_mapping(delta).get("validationDeltas")) for delta in _items(results.get("ingredientDeltas"))]
    return [code for delta in deltas for code in _codes(delta.get("failure"))]


def _uncovered(manifest: dict[str, Any]) -> tuple[str, ...]:
    left_out: list[str] = []
    for data in _assertions(manifest, _BMFF_HASH_LABEL):
        # With a hash tree the media data is covered piece by piece, and left out of the hash over the whole.
        by_pieces = bool(_items(data.get("merkle")))
        for exclusion in map(_mapping, _items(data.get("exclusions"))):
            path = _text(exclusion.get("xpath"))
            if not _USUAL_EXCLUSIONS.fullmatch(path) and not (by_pieces and path == "/mdat"):
                left_out.append(path)
    return _unique(left_out)[:10]


def _assertions(manifest: dict[str, Any], label: re.Pattern[str]) -> list[dict[str, Any]]:
    entries = map(_mapping, _items(manifest.get("assertions")))
    return [_mapping(entry.get("data")) for entry in entries if label.fullmatch(_text(entry.get("label")))]


def _name(value: Any) -> str:
    """Join common name and organisation of a certificate's holder, whichever are there."""
    entry = _mapping(value)
    names = [_text(entry.get(key)) for key in ("CN", "O")]
    return ", ".join(dict.fromkeys(name for name in names if name))


def _codes(value: Any) -> list[str]:
    return [_text(_mapping(entry).get("code")) for entry in _items(value)]


def _unique(values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))[:MAX_CODES]


def _version(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 100 else 1


def _text(value: Any) -> str:
    return value[:_MAX_CHARACTERS] if isinstance(value, str) else ""


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any]:
    return value[:_MAX_ITEMS] if isinstance(value, list) else []
