"""What supports a match, in plain words: families of evidence, what each measured, how often chance does as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.findings.wording import counted, listed, share_words
from verify.model import MatchLevel

if TYPE_CHECKING:
    from verify.model import CueEvidence, FalseAlarmBound, Geometry, Match, MotionAgreement

_CUE_NAMES = {
    "phash": "pHash",
    "pdq": "PDQ",
    "sift": "SIFT keypoints",
    "motion": "motion",
    "learned": "learned descriptor",
}
_KEYPOINTS = "keypoints under one geometric transform"
_MOTION = "motion at the same moments"
# By the first of these words that a family's name holds.
_FAMILY_WORDS = (
    ("hash", "perceptual hashes"),
    ("keypoint", _KEYPOINTS),
    ("motion", _MOTION),
    ("descriptor", "a learned descriptor of the picture or a part of it"),
)
_OTHER_TIMES = "at other times of the same reference"
_OTHER_TIMES_HERE = "at other times of the earlier passage"
_NO_TIMES = "the reference is too short to compare with other times of it"
_NO_TIMES_HERE = "the earlier passage is too short to compare with other times of it"
_NOT_ENOUGH = "Together this is not enough to call it confirmed."
_COMPARE = "A person must compare the pictures before relying on it."


def supporting_families(match: Match) -> tuple[str, ...]:
    """Name the independent families of evidence behind a match, in plain words, each once."""
    names = match.families or tuple(cue.family for cue in match.cues)
    return tuple(dict.fromkeys(family_words(name) for name in names))


def family_words(name: str) -> str:
    """Say in plain words what a family of evidence is; one that is not known keeps its name."""
    plain = name.replace("_", " ").lower()
    return next((words for key, words in _FAMILY_WORDS if key in plain), plain)


def support_words(match: Match, *, inside_release: bool = False) -> str:
    """Say what supports a match: its families of evidence with their measures, and how often chance gets there.

    Parameters
    ----------
    inside_release
        Whether the match lies between two parts of one release.
    """
    families = supporting_families(match)
    if not families and match.motion is None:
        return "No measured agreement is recorded."
    sentences = [_count_words(families)]
    sentences += [_family_measures(family, match, inside_release) for family in families]
    if match.motion is not None and _MOTION not in families:
        measured = _motion_words(match.motion, inside_release)
        sentences.append(f"Motion was compared too and does not support it: {measured}.")
    if not match.same_scene_only:
        sentences.append(false_alarm_words(match.false_alarms))
        if match.level is MatchLevel.POSSIBLE:
            sentences.append(f"It is not confirmed: {match.caveat}." if match.caveat else _NOT_ENOUGH)
    if match.same_scene_only or match.level is MatchLevel.POSSIBLE:
        sentences.append(_COMPARE)
    return " ".join(sentence for sentence in sentences if sentence)


def false_alarm_words(bound: FalseAlarmBound | None) -> str:
    """Say how often a score is reached without reuse, with the bound that follows; or that it was not measured."""
    if bound is None or bound.trials <= 0:
        return "How often footage that is not in the archive reaches this score has not been measured."
    reached = f"{bound.alarms:,}" if bound.alarms else "none"
    return (
        f"In {counted(bound.trials, 'search', 'searches')} for footage that was not in the archive, {reached} reached "
        f"this score; that bounds the rate at about {share_words(bound.rate_at_most)} (95% confidence)."
    )


def _count_words(families: tuple[str, ...]) -> str:
    if not families:
        return "No independent family of evidence supports it."
    count = "one family" if len(families) == 1 else f"{len(families)} independent families"
    return f"Supported by {count} of evidence: {listed(families)}."


def _family_measures(family: str, match: Match, inside_release: bool) -> str:
    """Say what was measured of one family; empty where nothing is recorded beyond its name."""
    if family == _KEYPOINTS and match.geometry is not None and match.geometry.frame_pairs > 0:
        return _geometry_words(match.geometry)
    if family == _MOTION and match.motion is not None:
        return f"What moves agrees in time and place: {_motion_words(match.motion, inside_release)}."
    cues = [cue for cue in match.cues if family_words(cue.family) == family]
    return f"{'; '.join(map(_cue_words, cues))}." if cues else ""


def _geometry_words(geometry: Geometry) -> str:
    return (
        f"Keypoints agree at {counted(geometry.cells, 'place')} of the picture; the transform was found in "
        f"{counted(geometry.frame_pairs, 'pair')} of pictures."
    )


def _motion_words(motion: MotionAgreement, inside_release: bool) -> str:
    words = f"correlation {motion.correlation:.2f} here"
    if motion.elsewhere is None:
        return f"{words}; {_NO_TIMES_HERE if inside_release else _NO_TIMES}"
    return f"{words}, {motion.elsewhere:.2f} at best {_OTHER_TIMES_HERE if inside_release else _OTHER_TIMES}"


def _cue_words(cue: CueEvidence) -> str:
    name = _CUE_NAMES.get(cue.cue, cue.cue)
    words = f"{name}: {cue.agreeing_frames} of {counted(cue.compared_frames, 'compared frame')} agree"
    if cue.bits > 0:
        words += (
            f", median distance {cue.median_distance_bits:.1f} of {cue.bits} bits (at most {cue.threshold_bits} "
            "counts as agreement)"
        )
    return words
