"""What a container and its metadata say, put into observations. Runs in the worker process.

Each function returns an observation, or None after noting in `quiet` what was looked for and not found.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from verify.media.signatures import quoted
from verify.model import Observation
from verify.translation import marked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from av.container import InputContainer

    from verify.media.boxes import Edit, Layout
    from verify.media.packets import PacketPass, Timing
    from verify.media.signatures import Signature

_EPOCH_1904 = datetime(1904, 1, 1, tzinfo=UTC)
_MAX_1904_S = 250 * 366 * 86_400
_LOCATION_KEYS = re.compile(r"location|gps|geotag|©xyz", re.IGNORECASE)
_TIME_KEYS = re.compile(r"^(creation_time|date|com\.apple\.quicktime\.creationdate|DATE_RECORDED)$", re.IGNORECASE)
#: A clock may be ahead of ours by this much before a time counts as lying in the future.
_CLOCK_TOLERANCE = timedelta(hours=1)
#: Encoders put this much before the first picture or sample as a matter of course.
_USUAL_OFFSET_S = 0.25
_MAX_TOLD = 12


def observe_file(container: InputContainer, layout: Layout | None) -> Observation:
    """Say which container the file is, its brands, and where its index stands."""
    brand = quoted(container.metadata.get("major_brand", ""), 8)
    compatible = quoted(container.metadata.get("compatible_brands", ""), 80)
    sentence = f"The container is {container.format.long_name} ({container.format.name})"
    sentence += f", brand '{brand}'" if brand else ""
    sentence += f", compatible with '{compatible}'" if compatible else ""
    sentence += f"; {container.size} bytes."
    if layout and layout.fragmented:
        sentence += " It is stored in fragments."
    elif layout and layout.index_first is not None:
        sentence += f" Its index stands {'before' if layout.index_first else 'after'} the media data."
    return Observation(
        topic=marked("file"),
        observed=sentence,
        meaning=marked(
            "Brands and order follow the program that wrote the file last. An index before the media is usual for "
            "files prepared for the web, one after it for cameras and plain exports, fragments for streaming."
        ),
        limits=marked(
            "It does not show which program recorded the pictures: every copy in a new container changes all this."
        ),
        details={
            "format": container.format.name,
            "major_brand": brand or None,
            "compatible_brands": compatible or None,
            "index_first": layout.index_first if layout else None,
            "fragmented": layout.fragmented if layout else None,
            "size_bytes": container.size,
            "overall_bit_rate_bits": container.bit_rate or None,
        },
    )


def observe_streams(container: InputContainer, passed: PacketPass) -> Observation:
    """List the streams with what each declares, and its bit rate as counted."""
    sentences: list[str] = []
    details: dict[str, str | int | float | bool | None] = {"streams": len(container.streams)}
    for stream in list(container.streams)[:_MAX_TOLD]:
        told = _stream_facts(stream)
        counted = passed.streams.get(stream.index)
        span = counted.span_s if counted else None
        if counted and span and span[1] > span[0]:
            told |= {"packets": counted.count, "bit_rate_bits": round(8 * counted.size_bytes / (span[1] - span[0]))}
            told["parameter_changes"] = counted.parameter_changes
        details |= {f"stream_{stream.index}_{key}": value for key, value in told.items()}
        sentences.append(f"{stream.index}: {_stream_words(told)}")
    return Observation(
        topic=marked("streams"),
        observed=f"The file has {len(container.streams)} stream{'s' * (len(container.streams) != 1)}. "
        + "; ".join(sentences)
        + ".",
        meaning=marked(
            "Codec, size, rate and bit rate are those of the last encoding. Platforms serve the same release in "
            "several; another copy of better quality may exist."
        ),
        limits=marked("They say nothing of the quality or form in which the pictures were recorded."),
        details=details,
    )


def _stream_facts(stream: Any) -> dict[str, str | int | float | bool | None]:
    codec = stream.codec_context
    facts: dict[str, str | int | float | bool | None] = {
        "type": stream.type,
        "codec": codec.name if codec else None,
        "profile": quoted(stream.profile, 40) if codec and stream.profile else None,
        "tag": _tag(codec),
        "language": quoted(stream.language, 8) if stream.language not in {None, "und"} else None,
    }
    if stream.type == "video" and codec:
        facts |= {
            "width_px": stream.width,
            "height_px": stream.height,
            "pixel_format": codec.pix_fmt,
            "frames_per_second": round(float(stream.average_rate), 3) if stream.average_rate else None,
            "cover_picture": "attached_pic" in (stream.disposition.name or ""),
        }
    elif stream.type == "audio" and codec:
        facts |= {"samples_per_second": codec.sample_rate, "channels": codec.channels}
    return facts


def _tag(codec: Any) -> str | None:
    """Name the four letters by which the container calls the codec, where they are letters."""
    try:
        return quoted(codec.codec_tag, 8) or None if codec else None
    except UnicodeDecodeError:
        return None


def _stream_words(told: Mapping[str, str | int | float | bool | None]) -> str:
    words = [f"{told['type']} {told['codec'] or 'of unknown codec'}"]
    if told["profile"]:
        words[0] += f" ({told['profile']})"
    if "width_px" in told:
        words.append(f"{told['width_px']}x{told['height_px']} pixels")
        words.append(f"{told['frames_per_second']} frames per second" if told["frames_per_second"] else "no frame rate")
    if "channels" in told:
        words.append(f"{told['samples_per_second']} Hz, {told['channels']} channel{'s' * (told['channels'] != 1)}")
    if told["language"]:
        words.append(f"language '{told['language']}'")
    if isinstance(rate := told.get("bit_rate_bits"), int):
        words.append(f"{rate / 1000:.0f} kbit/s")
    if told.get("parameter_changes"):
        words.append(f"its parameters change {told['parameter_changes']} times within the stream")
    return ", ".join(words)


def observe_encoders(signatures: Sequence[Signature], quiet: list[str]) -> Observation | None:
    """Quote the names of software and equipment that stand in the file."""
    if not signatures:
        quiet.append(marked("names of encoders or equipment"))
        return None
    told = [f"{each.place}, {each.key}: '{quoted(each.text, 80)}'" for each in signatures[:_MAX_TOLD]]
    more = f" (and {len(signatures) - _MAX_TOLD} more)" if len(signatures) > _MAX_TOLD else ""
    return Observation(
        topic=marked("encoder"),
        observed=f"The file names its software or equipment: {'; '.join(told)}{more}.",
        meaning=marked(
            "The container's name is that of the program that wrote the file last; one within a stream's data is that "
            "of the program that encoded it, and may be older. 'Lavf' and 'Lavc' are FFmpeg, which many platforms and "
            "nearly all converters use."
        ),
        limits=marked(
            "Such names can be left out, inherited from an earlier file or written by anyone. They say how the file "
            "was made, not what it shows."
        ),
        details={f"{number}_{each.place}_{each.key}": each.text for number, each in enumerate(signatures, 1)},
    )


def observe_earlier_encodings(signatures: Sequence[Signature], quiet: list[str]) -> Observation | None:
    """Say so where the names in the file are those of several makers."""
    makers = sorted({each.maker for each in signatures if each.maker})
    encoders = sorted({each.text for each in signatures if each.key == "in its data" and each.place.startswith("str")})
    # FFmpeg with x264 or x265 is one program at work; so is HandBrake, which is built on them.
    programs = [name for name in makers if name not in {"x264", "x265", "LAME"}]
    per_stream = [each.place for each in signatures if each.key == "in its data" and each.maker in {"x264", "x265"}]
    if len(programs) < 2 and len(per_stream) == len(set(per_stream)):
        quiet.append(marked("names of several programs"))
        return None
    return Observation(
        topic=marked("earlier encodings"),
        observed=f"Names of several makers of software stand in the file: {', '.join(makers)}.",
        meaning=marked(
            "The file was probably handled by more than one program: made by one and encoded again, or put into a "
            "new container by another, keeping names of the earlier file."
        ),
        limits=marked(
            "Platforms handle everything that is uploaded; this says nothing about the content. A single encoding "
            "leaves no such sign where the last program wrote over the earlier names."
        ),
        details={"makers": ", ".join(makers), "encoders_in_data": len(encoders)},
    )


def observe_times(
    container: InputContainer, layout: Layout | None, now: datetime, quiet: list[str]
) -> Observation | None:
    """Quote the times of creation that the container and its streams state, with what is odd about them."""
    stated = [("container", key, text) for key, text in container.metadata.items() if _TIME_KEYS.match(key)]
    for stream in container.streams:
        place = f"stream {stream.index}"
        stated += [(place, key, text) for key, text in stream.metadata.items() if _TIME_KEYS.match(key)]
    if layout and layout.modified and layout.modified != layout.created and layout.modified < _MAX_1904_S:
        modified = _EPOCH_1904 + timedelta(seconds=layout.modified)
        stated.append(("container", "modification_time", modified.isoformat()))
    if not stated:
        unset = bool(layout and layout.created == 0)
        unset_words = marked("a time of creation (its field is zero, as after most conversions)")
        quiet.append(unset_words if unset else marked("a time of creation"))
        return None
    stated = stated[: 4 * _MAX_TOLD]
    notes = sorted({note for _, _, text in stated if (note := _time_note(text, now))})
    differing = {quoted(text, 40)[:16] for _, key, text in stated if key == "creation_time"}
    if len(differing) > 1:
        notes.append("the times of creation differ from each other")
    told = "; ".join(f"{place}, {key}: {quoted(text, 40)}" for place, key, text in stated[:_MAX_TOLD])
    return Observation(
        topic=marked("creation time"),
        observed=f"The file states: {told}." + (f" To note: {'; '.join(notes)}." if notes else ""),
        meaning=marked(
            "A camera writes the time of recording, a converter or platform that of conversion, in UTC or its own "
            "zone. The times are a lead to check against other sources."
        ),
        limits=marked(
            "They depend on the clock of the device, can be set to anything, and survive or vanish with conversion. "
            "They do not date the events shown."
        ),
        details={
            **{f"{place}_{quoted(key, 60)}": quoted(text, 40) for place, key, text in stated},
            "notes": "; ".join(notes) or None,
        },
    )


def _time_note(text: str, now: datetime) -> str:
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        return "a time that cannot be read" if not text.strip().isdigit() else ""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if moment > now + _CLOCK_TOLERANCE:
        return "a time later than the acquisition of the file"
    if moment.year in {1904, 1970}:
        return f"the year {moment.year}, where a computer's clock begins: it was probably not set"
    return ""


def observe_location(container: InputContainer, quiet: list[str]) -> Observation | None:
    """Say whether the metadata state a place, and quote it as stated."""
    places = [("container", container.metadata)]
    places += [(f"stream {stream.index}", stream.metadata) for stream in container.streams]
    stated: dict[str, str | int | float | bool | None] = {
        f"{place}_{quoted(key, 60)}": quoted(text, 80)
        for place, metadata in places
        for key, text in metadata.items()
        if _LOCATION_KEYS.search(key) and text.strip()
    }
    if not stated:
        quiet.append(marked("a stated location"))
        return None
    stated = dict(list(stated.items())[:_MAX_TOLD])
    told = "; ".join(f"'{text}'" for text in sorted({str(text) for text in stated.values()})[:4])
    return Observation(
        topic=marked("location"),
        observed=f"The file states a location: {told}.",
        meaning=marked(
            "Telephones write where a recording began, if their user lets them; platforms mostly take it out. A "
            "place to compare with what the pictures show."
        ),
        limits=marked("Coordinates can be written by anyone and can put people at risk: think before publishing them."),
        details=stated,
    )


def observe_rotation(degrees: int, quiet: list[str]) -> Observation | None:
    """Say so where players turn the picture."""
    if not degrees % 360:
        quiet.append(marked("a rotation"))
        return None
    return Observation(
        topic=marked("rotation"),
        observed=f"The pictures are stored turned; players turn them by {abs(degrees)} degrees "
        f"{'clockwise' if degrees < 0 else 'counter-clockwise'}. They were examined upright.",
        meaning=marked("Telephones held upright record so. A file that was converted mostly has upright pictures."),
        limits=marked("A rotation can be written into any file afterwards."),
        details={"rotation_degrees": degrees},
    )


def observe_edits(
    container: InputContainer, layout: Layout | None, timing: Timing | None, quiet: list[str]
) -> Observation | None:
    """Say where an edit list makes players skip, delay or repeat part of what is stored."""
    if layout is None:
        return None
    kinds = {stream.id: stream.type for stream in container.streams}
    details: dict[str, str | int | float | bool | None] = {}
    told: list[str] = []
    for track in layout.tracks:
        edits = track.edit_list()
        if notes := _edit_notes(edits):
            told.append(f"{kinds.get(track.track_id, 'track')} track {track.track_id}: {', '.join(notes)}")
            details |= _edit_details(f"track_{track.track_id}", edits)
    hidden = timing.hidden if timing else 0
    if not told:
        quiet.append(marked("an edit list that skips or delays anything"))
        return None
    if hidden:
        told.append(f"{hidden} stored pictures are not shown by players")
    return Observation(
        topic=marked("edit list"),
        observed=f"An edit list changes what players show: {'; '.join(told)}.",
        meaning=marked(
            "Cutting a file without encoding it again (trimming on a telephone, or in a converter) leaves such a "
            "list; what it hides may still be in the file, and other programs may show it."
        ),
        limits=marked(
            "It is an ordinary tool of recorders and converters, and says nothing about why the file was cut. What "
            "it hides was not examined."
        ),
        details={**details, "hidden_pictures": hidden},
    )


def _edit_notes(edits: Sequence[Edit]) -> list[str]:
    """Name what is more than the offset of a few frames that encoders write as a matter of course."""
    notes = []
    shown = [edit for edit in edits if edit.media_time_s is not None]
    empty_s = sum(edit.duration_s for edit in edits if edit.media_time_s is None)
    if empty_s > _USUAL_OFFSET_S:
        notes.append(f"nothing for {empty_s:.2f} s")
    if shown and (shown[0].media_time_s or 0.0) > _USUAL_OFFSET_S:
        notes.append(f"its first {shown[0].media_time_s:.2f} s are skipped")
    if len(shown) > 1:
        notes.append(f"{len(shown)} parts put together")
    if any(edit.rate != 1 for edit in shown):
        notes.append("a part at other than normal speed")
    return notes


def _edit_details(name: str, edits: Sequence[Edit]) -> dict[str, str | int | float | bool | None]:
    listed: dict[str, str | int | float | bool | None] = {f"{name}_edits": len(edits)}
    for number, edit in enumerate(edits[:_MAX_TOLD], 1):
        listed[f"{name}_edit_{number}_duration_s"] = round(edit.duration_s, 6)
        listed[f"{name}_edit_{number}_media_time_s"] = (
            None if edit.media_time_s is None else round(edit.media_time_s, 6)
        )
        listed[f"{name}_edit_{number}_rate"] = edit.rate
    return listed


def observe_quiet(quiet: Sequence[str]) -> Observation | None:
    """Say in one sentence what was looked for and not found."""
    if not quiet:
        return None
    return Observation(
        topic=marked("nothing unusual"),
        observed=f"Looked for and not found: {'; '.join(quiet)}.",
        meaning=marked("What is listed here gives no lead."),
        limits=marked("Not finding it says nothing about the content: such traces vanish with every conversion."),
        details={f"absent_{number}": words for number, words in enumerate(quiet, 1)},
    )


def stopped_early(reason: str) -> Observation:
    """Say that the examination could not be finished."""
    return Observation(
        topic=marked("examination"),
        observed=f"Part of the examination of the container stopped early: {reason}.",
        meaning=marked(
            "What stands here is not all that there is to observe. A damaged or specially made file can do this."
        ),
        limits=marked("It does not show what is the matter with the file."),
        details={"reason": reason},
    )
