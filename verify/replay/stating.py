"""State what came out now as the report states it, and compare the two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from verify.evidence.reading import shown
from verify.findings.coverage import coverage
from verify.findings.statements import (
    answer,
    earlier_release_finding,
    match_finding,
    no_match_finding,
    not_examinable_finding,
    repeat_finding,
)
from verify.findings.wording import counted, seconds_words
from verify.model import FindingKind, ReportedMatch, ReportedRepeat
from verify.replay.comparing import TIME_TOLERANCE_S, Told, compare, compare_coverage, not_run
from verify.replay.outcome import Difference, ReplayedFinding, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from verify.model import CoverageSpan, Finding, Match, Reference, Report
    from verify.replay.rerunning import Rerun
    from verify.replay.searching import Unusable

_MAX_STATEMENT = 2000
_MOST_NAMED = 5
#: The end of one match and the beginning of the next may both be as far off as times may.
_STRETCH_TOLERANCE_S = 2 * TIME_TOLERANCE_S
_LABELS = {FindingKind.NO_MATCH: "no match", FindingKind.NOT_EXAMINABLE: "not examinable"}
_OTHER_KIND = "this program states no such finding by itself"


class _AllTold(NamedTuple):
    """What is told of references of the archive, of earlier releases, and of repeats."""

    archive: list[Told]
    earlier: list[Told]
    repeats: list[Told]


def replayed_findings(report: Report, found: Rerun) -> Iterator[ReplayedFinding]:
    """Compare all findings of a report, then what follows from them together: the timeline and the answer."""
    release = report.release

    def of_archive(match: Match, reference: Reference | None) -> Finding:
        return match_finding(match, _given(reference), release.claimed_date, release.claimed_date_basis)

    def of_earlier(match: Match, reference: Reference | None) -> Finding:
        return earlier_release_finding(match, _given(reference))

    def of_repeat(match: Match, _: Reference | None) -> Finding:
        return repeat_finding(match)

    recorded = _recorded(report)
    # Of a release, too, what was said of it then is taken.
    releases = {**found.releases, **{entry.reference.id: entry.reference for entry in report.earlier_releases}}
    now = _AllTold(
        list(_stated(found.matches or (), found.references, of_archive, "match")),
        list(_stated(found.earlier, releases, of_earlier, "earlier release")),
        list(_stated(found.repeats, {}, of_repeat, "repeat")),
    )
    unusable, unusable_releases = (_whys(some) for some in (found.unusable, found.unusable_releases))
    done = [
        *compare(recorded.archive, now.archive, of_archive, unusable),
        *compare(recorded.earlier, now.earlier, of_earlier, unusable_releases),
        *compare(recorded.repeats, now.repeats, of_repeat, {}),
    ]
    yield from done
    spans = coverage(
        found.examination.outcome,
        found.examination.info.duration_s,
        found.examination.shots,
        found.matches,
        [match.query for match in found.repeats],
    )
    timeline = _timeline(report, spans, _missing(found))
    yield timeline
    are_same = all(each.result is Result.SAME for each in (*done, timeline))
    yield from _conclusions(report, now, spans, are_same=are_same, missing=_missing(found))


def none_run(report: Report, why: str) -> Iterator[ReplayedFinding]:
    """Say of every finding of a report that it could not be re-run, and why."""
    for some in _recorded(report):
        for told in some:
            yield not_run(told, why)
    yield ReplayedFinding(label="timeline", about=_all_of(report.coverage), result=Result.NOT_RUN, why=why)
    for label, text in [*_other_recorded(report), ("answer", report.answer)]:
        yield ReplayedFinding(label=label, about=_short(text), result=Result.NOT_RUN, why=why)


# --- what is told of matches -----------------------------------------------------------------------------------------


def _recorded(report: Report) -> _AllTold:
    """Return what a report tells."""
    return _AllTold(
        [*_entries("match", report.matches), *_entries("same scene", report.same_scene)],
        _entries("earlier release", report.earlier_releases),
        [
            Told(label=f"repeat {entry.number}", finding=entry.finding, match=entry.match, reference=None)
            for entry in report.repeats
        ],
    )


def _entries(label: str, entries: Sequence[ReportedMatch]) -> list[Told]:
    return [
        Told(label=f"{label} {entry.number}", finding=entry.finding, match=entry.match, reference=entry.reference)
        for entry in entries
    ]


def _stated(
    matches: Iterable[Match],
    references: Mapping[str, Reference],
    state: Callable[[Match, Reference | None], Finding],
    label: str,
) -> Iterator[Told]:
    """State what came out now; a repeat has no reference."""
    for match in matches:
        reference = references.get(match.reference_id)
        is_scene = match.same_scene_only and label == "match"
        yield Told(
            label="same scene" if is_scene else label,
            finding=state(match, reference),
            match=match,
            reference=reference,
        )


def _given(reference: Reference | None) -> Reference:
    if reference is None:
        raise TypeError("a match with a reference that is not known")
    return reference


def _whys(unusable: Iterable[Unusable]) -> dict[str, str]:
    return {each.reference_id: each.why for each in unusable}


def _missing(found: Rerun) -> str:
    """Say which references of then could not be searched; empty if all were."""
    told = []
    for noun, some in (("reference", found.unusable), ("earlier release", found.unusable_releases)):
        if some:
            named = [f"{shown(each.reference_id, 100)}: {shown(each.why)}" for each in some[:_MOST_NAMED]]
            more = [f"{len(some) - _MOST_NAMED} more"] if len(some) > _MOST_NAMED else []
            told.append(f"{counted(len(some), noun)} of then could not be searched ({'; '.join([*named, *more])})")
    return ", ".join(told)


# --- what follows from all of them -----------------------------------------------------------------------------------


def _timeline(report: Report, now: Sequence[CoverageSpan], missing: str) -> ReplayedFinding:
    """Compare the states of every second."""
    total_s, longest_s = compare_coverage(report.coverage, now)
    differs = longest_s > _STRETCH_TOLERANCE_S
    differences = (
        (Difference(what="states", recorded="", now=f"{seconds_words(total_s)} in another state"),) if differs else ()
    )
    result = Result.NOT_RUN if missing else Result.DIFFERENT if differs else Result.SAME
    return ReplayedFinding(
        label="timeline", about=_all_of(report.coverage), result=result, differences=differences, why=missing
    )


def _conclusions(
    report: Report, now: _AllTold, spans: Sequence[CoverageSpan], *, are_same: bool, missing: str
) -> Iterator[ReplayedFinding]:
    """Compare the findings about the whole release, and the answer."""
    texts = dict(_other_texts(report, now.archive, spans))
    texts["answer"] = _answer(report, now, spans)
    # Times that differ by less than counts can round to another figure: then what follows from the recorded ones does.
    by_record = {}
    if are_same:
        by_record = dict(_other_texts(report, _recorded(report).archive, report.coverage))
        by_record["answer"] = _answer(report, _recorded(report), report.coverage)
    recorded = dict([*_other_recorded(report), ("answer", report.answer)])
    for label in dict.fromkeys([*recorded, *texts]):
        then, other = recorded.get(label, ""), texts.get(label, "")
        is_same = then == other or (label in by_record and then == by_record[label])
        result, why = (Result.SAME if is_same else Result.DIFFERENT), ""
        if label in recorded and label not in (*_LABELS.values(), "answer"):
            result, why = Result.NOT_RUN, _OTHER_KIND
        elif missing:
            result, why = Result.NOT_RUN, missing
        differences = (Difference(what="statement", recorded=_short(then), now=_short(other)),) if not is_same else ()
        yield ReplayedFinding(label=label, about=_short(then or other), result=result, differences=differences, why=why)


def _other_recorded(report: Report) -> Iterator[tuple[str, str]]:
    """Return the findings about the whole release that a report states, by label."""
    for finding in report.findings:
        yield _LABELS.get(finding.kind, f"other finding ({finding.kind.value})"), finding.statement


def _other_texts(report: Report, told: Sequence[Told], spans: Sequence[CoverageSpan]) -> Iterator[tuple[str, str]]:
    """State the findings about the whole release."""
    if not any(not each.match.same_scene_only for each in told):
        count = report.archive.reference_count if report.archive else 0
        yield _LABELS[FindingKind.NO_MATCH], no_match_finding(count).statement
    if unexamined := not_examinable_finding(spans):
        yield _LABELS[FindingKind.NOT_EXAMINABLE], unexamined.statement


def _answer(report: Report, told: _AllTold, spans: Sequence[CoverageSpan]) -> str:
    accepted = [each for each in told.archive if not each.match.same_scene_only]
    scenes = [each for each in told.archive if each.match.same_scene_only]
    return answer(
        _as_entries(accepted),
        _as_entries(scenes),
        spans,
        report.archive,
        [
            ReportedRepeat(number=number, finding=each.finding, match=each.match, frame_pairs=())
            for number, each in enumerate(told.repeats, 1)
        ],
        earlier=_as_entries(told.earlier),
    )


def _as_entries(told: Sequence[Told]) -> list[ReportedMatch]:
    return [
        ReportedMatch(
            number=number, finding=each.finding, match=each.match, reference=_given(each.reference), frame_pairs=()
        )
        for number, each in enumerate(told, 1)
    ]


def _all_of(spans: Sequence[CoverageSpan]) -> str:
    return f"the state of {seconds_words(sum(span.interval.duration_s for span in spans))}"


def _short(text: str) -> str:
    return shown(text, _MAX_STATEMENT)
