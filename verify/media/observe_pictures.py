"""Key frames, times, borders and sound of a file, put into observations. Runs in the worker process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.media.bars import find_bars
from verify.media.sound import SILENCE_DB, SILENCE_S
from verify.model import Observation
from verify.translation import marked

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from verify.media.packets import KeyFrames, Timing
    from verify.media.sound import Sound

    Grey = npt.NDArray[np.uint8]

_MAX_TOLD = 8
#: Picture and sound that begin or end further apart than this are told.
_APART_S = 0.5
_MIN_PICTURES = 3


def observe_key_frames(keys: KeyFrames, step_s: float | None) -> Observation:
    """Say how far key frames are apart, and how the pictures between them are stored."""
    if keys.count == 1:
        sentence = f"One key frame in {keys.pictures} pictures"
    elif keys.regular:
        sentence = f"{keys.count} key frames, every {keys.longest} pictures{_seconds(keys.longest, step_s)}"
    else:
        sentence = (
            f"{keys.count} key frames, {keys.shortest} to {keys.longest} pictures apart"
            f"{_seconds(keys.longest, step_s, 'at most ')}, median {keys.median:g}"
        )
    sentence += "; pictures between them are stored out of order (B-frames)" if keys.reordered else "; no reordering"
    if keys.open_groups:
        sentence += f"; {keys.open_groups} groups are open (pictures before the key frame need the group before it)"
    if not keys.starts_with_key:
        sentence += "; the file does not begin with a key frame"
    return Observation(
        topic=marked("key frames"),
        observed=sentence + ".",
        meaning=marked(
            "A fixed interval of one or two seconds is what cameras and streaming platforms set; intervals that vary "
            "up to a maximum come from encoders that put a key frame at a change of scene. A file that does not begin "
            "with one was cut without encoding it again."
        ),
        limits=marked("The pattern is that of the last encoding. It does not show how the pictures were recorded."),
        details={
            "key_frames": keys.count,
            "pictures": keys.pictures,
            "shortest_pictures": keys.shortest,
            "median_pictures": keys.median,
            "longest_pictures": keys.longest,
            "regular": keys.regular,
            "b_frames": keys.reordered,
            "open_groups": keys.open_groups,
            "starts_with_key_frame": keys.starts_with_key,
        },
    )


def _seconds(pictures: int, step_s: float | None, before: str = "") -> str:
    return f" ({before}{pictures * step_s:.2f} s)" if step_s else ""


def observe_timing(timing: Timing, cut_short: str | None) -> Observation:
    """Say whether pictures follow each other at a constant rate, and where they do not."""
    rate = f"{1 / timing.step_s:.3f} per second"
    if timing.constant and not timing.off_beat:
        sentence = f"{timing.pictures} pictures at a constant rate of {rate}"
    elif timing.constant:
        sentence = f"{timing.pictures} pictures at a constant rate of {rate}, but for {_count(timing.off_beat, 'step')}"
    else:
        sentence = (
            f"{timing.pictures} pictures at a variable rate: most often {rate}, steps of "
            f"{timing.shortest_s:.3f} to {timing.longest_s:.3f} s"
        )
    if timing.missing:
        sentence += f"; left out: {_count(timing.missing, 'picture')} in {_count(timing.gap_count, 'place')}"
    if timing.off_beat:
        sentence += f"; the longest step is {timing.longest_s:.3f} s, at {timing.longest_at_s:.2f} s"
    for count, words in (
        (timing.same_time, "share their time with another"),
        (timing.untimed, "have no time"),
        (timing.backwards, "packets have a decoding time that does not advance"),
    ):
        if count:
            sentence += f"; {count} {words}"
    sentence += f". The file was read only in part: {cut_short}." if cut_short else "."
    return Observation(
        topic=marked("frame timing"),
        observed=sentence,
        meaning=marked(
            "Telephones, screen recorders and live streams give a variable rate; television, cameras and editing "
            "programs a constant one. Pictures left out were dropped while recording, transmitting or cutting."
        ),
        limits=marked(
            "Conversion evens out such traces or adds them. A missing picture is not shown to have been removed."
        ),
        details={
            "pictures": timing.pictures,
            "constant": timing.constant,
            "step_s": round(timing.step_s, 6),
            "shortest_step_s": round(timing.shortest_s, 6),
            "longest_step_s": round(timing.longest_s, 6),
            "longest_step_at_s": round(timing.longest_at_s, 6),
            "differing_steps": timing.off_beat,
            "missing_pictures": timing.missing,
            "missing_places": timing.gap_count,
            "same_time": timing.same_time,
            "untimed": timing.untimed,
            "backwards": timing.backwards,
        },
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def observe_borders(greys: Sequence[Grey], quiet: list[str]) -> Observation | None:
    """Say so where all key frames looked at, (H, W) uint8 each and of one size, have black borders.

    A few pictures are not enough to tell a border from a dark edge; nothing is said of them.
    """
    if len(greys) < _MIN_PICTURES:
        return None
    bars = find_bars(greys)
    height, width = greys[0].shape
    if not bars:
        quiet.append(marked("black borders"))
        return None
    return Observation(
        topic=marked("borders"),
        observed=f"The stored picture of {width}x{height} pixels has black borders: top {bars.top}, bottom "
        f"{bars.bottom}, left {bars.left}, right {bars.right} pixels, in all {len(greys)} key frames looked at.",
        meaning=marked(
            "The picture was once fitted into another shape, by an editing program, a converter or a platform, or "
            "filmed from another screen; the pictures were encoded after that."
        ),
        limits=marked(
            "Films are made with such borders, and titles may have them. Borders that are there only part of the "
            "time are not told."
        ),
        details={
            "top_px": bars.top,
            "bottom_px": bars.bottom,
            "left_px": bars.left,
            "right_px": bars.right,
            "key_frames_looked_at": len(greys),
        },
    )


def observe_sound(sound: Sound) -> Observation:
    """Say how loud the first sound stream is and where it is silent."""
    silent_s = sum(each.duration_s for each in sound.silences)
    if silent_s >= sound.heard_s - 0.1:
        sentence = f"The sound stream is silent throughout ({sound.heard_s:.2f} s, below {SILENCE_DB} dB)"
    else:
        sentence = f"{sound.heard_s:.2f} s of sound"
        if sound.loudness_lufs is not None:
            sentence += f", loudness {sound.loudness_lufs:.1f} LUFS"
        if sound.range_lu is not None:
            sentence += f", range {sound.range_lu:.1f} LU"
        if sound.silences:
            spans = [f"{each.start_s:.2f} to {each.end_s:.2f} s" for each in sound.silences[:_MAX_TOLD]]
            more = f" and {len(sound.silences) - _MAX_TOLD} more" if len(sound.silences) > _MAX_TOLD else ""
            sentence += f"; silent (below {SILENCE_DB} dB for {SILENCE_S:g} s or more) at {', '.join(spans)}{more}"
        else:
            sentence += "; no silence of two seconds or more"
    if sound.damaged_packets:
        sentence += f"; {sound.damaged_packets} damaged packets of sound were skipped"
    if sound.cut_short:
        sentence += f"; measured only in part, because {sound.cut_short}"
    spans_told = {
        f"silence_{number}_start_s": round(each.start_s, 3) for number, each in enumerate(sound.silences[:40])
    }
    ends_told = {f"silence_{number}_end_s": round(each.end_s, 3) for number, each in enumerate(sound.silences[:40])}
    return Observation(
        topic=marked("sound"),
        observed=sentence + ".",
        meaning=marked(
            "Broadcasters and platforms bring sound to a set loudness (-23 LUFS in European television, about -14 on "
            "many platforms). Total silence can be a stream without sound that was added, or sound taken out; abrupt "
            "silences can be cuts or muted passages."
        ),
        limits=marked("What is said or heard was not examined, nor whether the sound belongs to the pictures."),
        details={
            "heard_s": round(sound.heard_s, 3),
            "loudness_lufs": sound.loudness_lufs,
            "loudness_range_lu": sound.range_lu,
            "sample_peak": sound.peak,
            "silent_s": round(silent_s, 3),
            "silences": len(sound.silences),
            "damaged_packets": sound.damaged_packets,
            **spans_told,
            **ends_told,
        },
    )


def observe_sound_span(
    picture: tuple[float, float] | None, sounds: Sequence[tuple[float, float]], quiet: list[str]
) -> Observation | None:
    """Say so where the first sound stream begins or ends apart from the picture; spans in s on the file's clock."""
    if picture is None or not sounds:
        return None
    sound = sounds[0]
    told = [
        f"{word} {abs(apart):.2f} s {'after' if apart > 0 else 'before'} the picture"
        for word, apart in (("begins", sound[0] - picture[0]), ("ends", sound[1] - picture[1]))
        if abs(apart) > _APART_S
    ]
    if not told:
        quiet.append(marked("sound that begins or ends apart from the picture"))
        return None
    return Observation(
        topic=marked("sound and picture"),
        observed=f"The sound {' and '.join(told)}.",
        meaning=marked(
            "Cutting without encoding again, joining of files, live recording and damage leave streams of unlike "
            "length."
        ),
        limits=marked(
            "Many recorders stop their streams at slightly different times; it does not show that anything was "
            "replaced."
        ),
        details={
            "picture_start_s": round(picture[0], 3),
            "picture_end_s": round(picture[1], 3),
            "sound_start_s": round(sound[0], 3),
            "sound_end_s": round(sound[1], 3),
        },
    )


def observe_no_sound() -> Observation:
    """Say that there is no sound stream."""
    return Observation(
        topic=marked("sound"),
        observed=marked("The file has no sound stream."),
        meaning=marked(
            "It was recorded, exported or published without sound, or the sound was taken out; drones, thermal "
            "cameras and fixed cameras often record none."
        ),
        limits=marked("The file does not tell which. The platform's copy may lack sound that the original has."),
        details={"sound_streams": 0},
    )
