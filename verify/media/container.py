"""The parent's side of examining a container: ask the worker process, check what it answers, type it.

docs/decisions/0015 says why the examination is made of these parts.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from verify.dates import utc_now
from verify.errors import UnreadableMediaError
from verify.media.observe_file import stopped_early
from verify.model import Observation
from verify.processes import BrokenMessageError, Worker, receive_message, send_message
from verify.translation import marked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from verify.model import DecodeOutcome, Interval, MediaInfo

_MODULE = "verify.media.container_worker"
#: What the worker may take in all, and how long it may stay silent. It ends by itself well before the former.
EXAMINATION_LIMIT_S = 240.0
STALL_LIMIT_S = 120.0
_GRACE_S = 60.0
_MAX_OBSERVATIONS = 40
_MAX_TEXT = 4000
_MAX_DETAILS = 1000
_MAX_DETAIL_TEXT = 1000
_MAX_TOLD = 6
_APART_S = 0.5
_REMEDY = "Give a file that a video player can play."


def examine_container(path: Path, *, acquired_utc: str | None = None) -> tuple[Observation, ...]:
    """Examine the container of a file, its metadata, packets and sound, without judging any of it.

    Parameters
    ----------
    acquired_utc
        ISO 8601 time before which the file existed; now if not given. Times that it states are held against it.

    Returns
    -------
    tuple[Observation, ...]
        In a fixed order. If the worker stops early, what it told until then and a last one that says so.

    Raises
    ------
    UnreadableMediaError
        The file is no container of moving pictures or sound.
    """
    if not path.is_file():
        raise UnreadableMediaError(path, "there is no such file", "Check the path.")
    request = {"path": str(path.resolve()), "now_utc": acquired_utc or utc_now(), "seconds": EXAMINATION_LIMIT_S}
    with Worker(_MODULE) as worker:
        overall = threading.Timer(EXAMINATION_LIMIT_S + _GRACE_S, worker.kill)
        overall.daemon = True
        overall.start()
        try:
            with suppress(BrokenPipeError):
                send_message(worker.input, request)
            return tuple(_observations(path, worker))
        finally:
            overall.cancel()


def _observations(path: Path, worker: Worker) -> Iterator[Observation]:
    """Yield what the worker observes; if it ends in any way but the agreed one, say so in the place of the rest."""
    for _ in range(100 * _MAX_OBSERVATIONS):
        try:
            header = _receive(worker)
            match header.get("kind"):
                case "alive":
                    continue
                case "observation":
                    yield _observation(header.get("observation"))
                case "error":
                    raise UnreadableMediaError(path.name, str(header.get("problem"))[:_MAX_TEXT], _REMEDY)
                case "end":
                    return
                case _:
                    raise BrokenMessageError("an answer of no known kind")
        except BrokenMessageError as error:
            yield _stopped(worker, error)
            return
    yield _stopped(worker, BrokenMessageError("more answers than are taken"))


def _receive(worker: Worker) -> dict[str, Any]:
    watchdog = threading.Timer(STALL_LIMIT_S, worker.kill)
    watchdog.daemon = True
    watchdog.start()
    try:
        message = receive_message(worker.output)
    finally:
        watchdog.cancel()
    if message is None:
        raise BrokenMessageError("it ended without a word")
    return message[0]


def _observation(told: Any) -> Observation:
    try:
        observation = msgspec.convert(told, Observation)
    except msgspec.ValidationError as error:
        raise BrokenMessageError("an observation that is none") from error
    texts = (observation.topic, observation.observed, observation.meaning, observation.limits)
    details = [*observation.details, *(each for each in observation.details.values() if isinstance(each, str))]
    too_long = max(map(len, texts)) > _MAX_TEXT or max(map(len, details), default=0) > _MAX_DETAIL_TEXT
    if too_long or len(observation.details) > _MAX_DETAILS:
        raise BrokenMessageError("an observation longer than is taken")
    return observation


def _stopped(worker: Worker, error: BrokenMessageError) -> Observation:
    code = worker.exit_code()
    reason = f"it was ended by signal {-code}" if code is not None and code < 0 else str(error)
    if "MemoryError" in worker.stderr_tail():
        reason = "it ran out of memory"
    return stopped_early(reason)


# --- what the decoding of all pictures adds -------------------------------------------------------------------------


def decoding_observations(info: MediaInfo, outcome: DecodeOutcome) -> tuple[Observation, ...]:
    """Observe what decoding every picture showed: its length, gaps in it, and pictures that repeat or stand still."""
    found = [duration_observation(info, outcome), _gaps(outcome), _still(outcome), _repeats(outcome)]
    return tuple(each for each in found if each is not None)


def duration_observation(info: MediaInfo, outcome: DecodeOutcome) -> Observation:
    """Hold the declared duration against that of the pictures that could be decoded."""
    decoded_s = outcome.decoded.end_s
    count = f"{outcome.frame_count} pictures, {decoded_s:.2f} s, could be decoded"
    if info.duration_s is None:
        sentence = f"The file declares no duration; {count}."
    else:
        apart_s = decoded_s - info.duration_s
        relation = "agrees with" if abs(apart_s) <= _APART_S else "differs from"
        sentence = f"The declared duration of {info.duration_s:.2f} s {relation} what is there: {count}."
    return Observation(
        topic=marked("duration"),
        observed=sentence,
        meaning=marked(
            "Where the two differ, the file was cut off, damaged, or cut without rewriting what it declares."
        ),
        limits=marked("An agreement does not show that nothing was cut before the file was written."),
        details={
            "declared_s": info.duration_s,
            "decoded_s": round(decoded_s, 3),
            "frames": outcome.frame_count,
            "failure": outcome.failure,
        },
    )


def _gaps(outcome: DecodeOutcome) -> Observation | None:
    if not (outcome.gaps or outcome.damaged_packets):
        return None
    damage = {0: "No packet was damaged.", 1: "One packet or picture was damaged."}.get(
        outcome.damaged_packets, f"{outcome.damaged_packets} packets or pictures were damaged."
    )
    where = f" Pictures are missing at {_spans(outcome.gaps)}." if outcome.gaps else " No gap came of it."
    return Observation(
        topic=marked("missing pictures"),
        observed=f"{damage}{where}",
        meaning=marked(
            "Damage comes from broken transmission or storage; a jump in time without damage from live streams, "
            "recorders that pause, slide shows, or joined files. These spans were not compared with the archive."
        ),
        limits=marked("What was to be seen there is not known, nor whether anything was taken out."),
        details={
            "damaged": outcome.damaged_packets,
            "gaps": len(outcome.gaps),
            "gap_s": round(sum(each.duration_s for each in outcome.gaps), 3),
        },
    )


def _still(outcome: DecodeOutcome) -> Observation | None:
    if not outcome.held:
        return None
    return Observation(
        topic=marked("still pictures"),
        observed=f"The picture stands still at {_spans(outcome.held)}.",
        meaning=marked(
            "A still photograph or card, a frozen frame, a stalled stream, or a fixed camera before which nothing "
            "moved."
        ),
        limits=marked("It does not show which. Movement smaller than the reduced picture shows is not noticed."),
        details={"spans": len(outcome.held), "still_s": round(sum(each.duration_s for each in outcome.held), 3)},
    )


def _repeats(outcome: DecodeOutcome) -> Observation | None:
    every = outcome.repeat_every_frames
    if every is None:
        return None
    return Observation(
        topic=marked("repeated pictures"),
        observed=f"{outcome.repeated_frames} of {outcome.frame_count} pictures repeat the one before, in a steady "
        f"rhythm of one in {every}.",
        meaning=marked(
            "The frame rate was converted from a lower one by showing pictures twice, so they were probably "
            "encoded at least once before."
        ),
        limits=marked(
            "Editing programs and platforms convert frame rates as a matter of course. Animation is often drawn so."
        ),
        details={"repeated": outcome.repeated_frames, "every": every, "frames": outcome.frame_count},
    )


def _spans(spans: tuple[Interval, ...]) -> str:
    told = [f"{each.start_s:.2f} to {each.end_s:.2f} s" for each in spans[:_MAX_TOLD]]
    more = f" and {len(spans) - _MAX_TOLD} more" if len(spans) > _MAX_TOLD else ""
    return ", ".join(told) + more
