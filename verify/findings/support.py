"""What supports a match, in plain words: families of evidence, what each measured, how often chance does as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.findings.wording import grouped, in_parts, isolated, listed, share_words
from verify.model import MatchLevel
from verify.translation import _, marked, ngettext, translated_sentence

if TYPE_CHECKING:
    from verify.model import CueEvidence, FalseAlarmBound, Geometry, Match, MotionAgreement

_CUE_NAMES = {
    "phash": "pHash",
    "pdq": "PDQ",
    "sift": marked("SIFT keypoints"),
    "motion": marked("motion"),
    "learned": marked("learned descriptor"),
}
_KEYPOINTS = marked("keypoints under one geometric transform")
_MOTION = marked("motion at the same moments")
# By the first of these words that a family's name holds.
_FAMILY_WORDS = (
    ("hash", marked("perceptual hashes")),
    ("keypoint", _KEYPOINTS),
    ("motion", _MOTION),
    ("descriptor", marked("a learned descriptor of the picture or a part of it")),
)


def supporting_families(match: Match) -> tuple[str, ...]:
    """Name the independent families of evidence behind a match, in plain words, each once."""
    return tuple(map(_, _families(match)))


def _families(match: Match) -> tuple[str, ...]:
    names = match.families or tuple(cue.family for cue in match.cues)
    return tuple(dict.fromkeys(_family(name) for name in names))


def family_words(name: str) -> str:
    """Say in plain words what a family of evidence is; one that is not known keeps its name."""
    return _(_family(name))


def _family(name: str) -> str:
    plain = name.replace("_", " ").lower()
    return next((words for key, words in _FAMILY_WORDS if key in plain), plain)


def support_words(match: Match, *, inside_release: bool = False) -> str:
    """Say what supports a match: its families of evidence with their measures, and how often chance gets there.

    Parameters
    ----------
    inside_release
        Whether the match lies between two parts of one release.
    """
    families = _families(match)
    if not families and match.motion is None:
        return _("No measured agreement is recorded.")
    sentences = [_count_words(tuple(map(_, families)))]
    sentences += [_family_measures(family, match, inside_release) for family in families]
    if match.motion is not None and _MOTION not in families:
        measured = _motion_words(match.motion, inside_release)
        sentences.append(_("Motion was compared too and does not support it: {measured}.").format(measured=measured))
    if not match.same_scene_only:
        sentences.append(false_alarm_words(match.false_alarms))
        if match.level is MatchLevel.POSSIBLE:
            sentences.append(_doubt_words(match.caveat))
    if match.same_scene_only or match.level is MatchLevel.POSSIBLE:
        sentences.append(_("A person must compare the pictures before relying on it."))
    return " ".join(sentence for sentence in sentences if sentence)


def false_alarm_words(bound: FalseAlarmBound | None) -> str:
    """Say how often a score is reached without reuse, with the bound that follows; or that it was not measured."""
    if bound is None or bound.trials <= 0:
        return _("How often footage that is not in the archive reaches this score has not been measured.")
    if bound.alarms:
        told = ngettext(
            "In {searches} for footage that was not in the archive, {count} reached this score; that bounds the rate "
            "at about {rate} (95% confidence).",
            "In {searches} for footage that was not in the archive, {count} reached this score; that bounds the rate "
            "at about {rate} (95% confidence).",
            bound.alarms,
        )
    else:
        told = _(
            "In {searches} for footage that was not in the archive, none reached this score; that bounds the rate at "
            "about {rate} (95% confidence)."
        )
    searches = ngettext("{count} search", "{count} searches", bound.trials).format(count=grouped(bound.trials))
    return told.format(searches=searches, count=grouped(bound.alarms), rate=share_words(bound.rate_at_most))


def _doubt_words(caveat: str) -> str:
    if not caveat:
        return _("Together this is not enough to call it confirmed.")
    return _("It is not confirmed: {reason}.").format(reason=translated_sentence(caveat))


def _count_words(families: tuple[str, ...]) -> str:
    if not families:
        return _("No independent family of evidence supports it.")
    count = len(families)
    return ngettext(
        "Supported by one family of evidence: {families}.",
        "Supported by {count} independent families of evidence: {families}.",
        count,
    ).format(count=count, families=listed(families))


def _family_measures(family: str, match: Match, inside_release: bool) -> str:
    """Say what was measured of one family; empty where nothing is recorded beyond its name."""
    if family == _KEYPOINTS and match.geometry is not None and match.geometry.frame_pairs > 0:
        return _geometry_words(match.geometry)
    if family == _MOTION and match.motion is not None:
        measured = _motion_words(match.motion, inside_release)
        return _("What moves agrees in time and place: {measured}.").format(measured=measured)
    cues = [cue for cue in match.cues if _family(cue.family) == family]
    return _("{sentence}.").format(sentence=in_parts(map(_cue_words, cues))) if cues else ""


def _geometry_words(geometry: Geometry) -> str:
    places = ngettext("{count} place", "{count} places", geometry.cells).format(count=grouped(geometry.cells))
    pairs = ngettext("{count} pair", "{count} pairs", geometry.frame_pairs).format(count=grouped(geometry.frame_pairs))
    return _("Keypoints agree at {places} of the picture; the transform was found in {pairs} of pictures.").format(
        places=places, pairs=pairs
    )


def _motion_words(motion: MotionAgreement, inside_release: bool) -> str:
    here = f"{motion.correlation:.2f}"
    if motion.elsewhere is None:
        if inside_release:
            told = _("correlation {here} here; the earlier passage is too short to compare with other times of it")
        else:
            told = _("correlation {here} here; the reference is too short to compare with other times of it")
        return told.format(here=here)
    if inside_release:
        told = _("correlation {here} here, {elsewhere} at best at other times of the earlier passage")
    else:
        told = _("correlation {here} here, {elsewhere} at best at other times of the same reference")
    return told.format(here=here, elsewhere=f"{motion.elsewhere:.2f}")


def _cue_words(cue: CueEvidence) -> str:
    compared = ngettext("{count} compared frame", "{count} compared frames", cue.compared_frames).format(
        count=grouped(cue.compared_frames)
    )
    if cue.bits > 0:
        told = _(
            "{name}: {agreeing} of {compared} agree, median distance {distance} of {bits} bits (at most {threshold} "
            "counts as agreement)"
        )
    else:
        told = _("{name}: {agreeing} of {compared} agree")
    return told.format(
        name=isolated(_(_CUE_NAMES.get(cue.cue, cue.cue))),
        agreeing=cue.agreeing_frames,
        compared=compared,
        distance=f"{cue.median_distance_bits:.1f}",
        bits=cue.bits,
        threshold=cue.threshold_bits,
    )
