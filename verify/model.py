"""Frozen values that travel from stage to stage.

Times are seconds from the first presented frame, taken from presentation timestamps (PTS) and the stream's time base,
never from a frame count. The *query* is the release under check; a *reference* is an archived video.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Progress(Protocol):
    """Where a long stage reports how far it is; the commands layer draws it."""

    def start(self, label: str, total: float | None, unit: str) -> None:
        """Begin a stage of `total` units (None when unknown)."""
        ...

    def advance(self, amount: float) -> None:
        """Add `amount` units to the running stage."""
        ...

    def finish(self) -> None:
        """End the running stage."""
        ...


class SilentProgress:
    """Progress that shows nothing."""

    def start(self, label: str, total: float | None, unit: str) -> None:
        """Ignore the start of a stage."""

    def advance(self, amount: float) -> None:
        """Ignore the amount."""

    def finish(self) -> None:
        """Ignore the end of a stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Half-open span of time, start_s <= t < end_s, both in seconds."""

    start_s: float
    end_s: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start_s) and math.isfinite(self.end_s)) or self.end_s < self.start_s:
            raise ValueError(f"not an interval: {self.start_s} to {self.end_s} s")

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s

    def overlap_s(self, other: Interval) -> float:
        """Seconds shared with `other`, 0 if none."""
        return max(0.0, min(self.end_s, other.end_s) - max(self.start_s, other.start_s))


class ReferenceKind(StrEnum):
    """What a reference is, as its archivist classed it."""

    NEWS = "news"
    OFFICIAL_RELEASE = "official-release"
    EXERCISE = "exercise"
    GAME = "game"
    FILM = "film"
    STOCK = "stock"
    USER_GENERATED = "user-generated"
    OTHER = "other"


class FrameClass(StrEnum):
    """What kind of picture a frame or shot is, which decides whether it can carry evidence."""

    TEXTURED = "textured"
    TEMPLATE = "template"
    DARK = "dark"
    EMPTY = "empty"


class MatchLevel(StrEnum):
    """How well a match is supported: `confirmed` takes two independent families of evidence."""

    CONFIRMED = "confirmed"
    POSSIBLE = "possible"


class FindingKind(StrEnum):
    """What a finding states."""

    REUSE_EARLIER = "reuse_earlier"
    APPEARS_IN_REFERENCE = "appears_in_reference"
    SAME_SCENE = "same_scene"
    USED_IN_EARLIER_RELEASE = "used_in_earlier_release"
    REPEATED_IN_RELEASE = "repeated_in_release"
    NO_MATCH = "no_match"
    NOT_EXAMINABLE = "not_examinable"


class CoverageState(StrEnum):
    """The one state that each second of a release ends in."""

    MATCHED = "matched"
    REPEATED = "repeated"
    TEMPLATE = "template"
    NOT_EXAMINABLE = "not_examinable"
    NO_MATCH = "no_match"


# --- acquisition and evidence ---------------------------------------------------------------------------------------


class FileRole(StrEnum):
    """What a preserved file is.

    `private` files hold cookies, headers or signed URLs; they are kept beside the case and never published.
    """

    MASTER = "master"
    STREAM = "stream"
    WORKING_COPY = "working_copy"
    METADATA = "metadata"
    THUMBNAIL = "thumbnail"
    SUBTITLES = "subtitles"
    COMMENTS = "comments"
    LOG = "log"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcquiredFile:
    """One file that the acquisition left in its staging folder."""

    path: Path
    role: FileRole


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """How far this machine's clock was from another's, in seconds: positive means this machine is ahead.

    `uncertainty_s` bounds the error of the reading itself; `basis` names the other clock.
    """

    offset_s: float
    uncertainty_s: float
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquisition:
    """How the bytes of a release were obtained, and what their publisher says of them.

    Texts are quoted as found (bounded in length, never interpreted); dates are ISO 8601. `files` holds exactly one
    file of role `master` or, where a platform serves picture and sound apart, one `working_copy` made of its streams.
    """

    source: str
    is_local_file: bool
    final_url: str | None = None
    extractor: str | None = None
    media_id: str | None = None
    title: str | None = None
    description: str | None = None
    publisher: str | None = None
    publisher_url: str | None = None
    published: str | None = None
    started_utc: str
    finished_utc: str
    tool_versions: dict[str, str]
    files: tuple[AcquiredFile, ...]
    warnings: tuple[str, ...] = ()
    clock: ClockReading | None = None

    @property
    def media(self) -> AcquiredFile:
        """The file that is analysed: the merged working copy if there is one, else the master."""
        for role in (FileRole.WORKING_COPY, FileRole.MASTER):
            for file in self.files:
                if file.role is role:
                    return file
        raise ValueError("an acquisition without a media file")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFile:
    """One preserved file. `relative_path` is POSIX style, from the case folder; `sha256` is lower-case hex."""

    relative_path: str
    role: FileRole
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodyEvent:
    """One line of a custody log.

    `actor` is the program and, where the operator gave a name, that name. `clock` is what was known of the clock that
    `utc` was read from. `digest` is the SHA-256 of what the action produced or found, None where there is no such
    thing. `previous_sha256` is the digest of the line before, None for the first.
    """

    utc: str
    actor: str
    action: str
    detail: str
    digest: str | None = None
    clock: ClockReading | None = None
    previous_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceManifest:
    """What a case folder holds. `media_path` is the file to analyse, relative to the folder.

    `private_files` are kept beside the case, with `relative_path` the bare file name, so that the case can be published
    without them and they can still be shown to be the ones that were sealed.
    """

    case_id: str
    sealed_utc: str
    media_path: str
    files: tuple[EvidenceFile, ...]
    private_files: tuple[EvidenceFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedTime:
    """What a third party says of when the manifest existed.

    `kind` is 'RFC 3161' or 'OpenTimestamps', `authority` who says it, `utc` the stated time where there is one, and
    `statement` the outcome in plain words.
    """

    kind: str
    authority: str
    utc: str
    statement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceSeal:
    """How the case is held together when the report is made.

    `bag_sha256` is the SHA-256 of the bag's tagmanifest-sha256.txt, which every other file of it hangs on;
    `manifest_sha256` that of data/manifest.json, which is what is signed and timestamped. `key_id` is None without a
    signature. `events` are those of both custody logs so far, oldest first.
    """

    bag_sha256: str
    manifest_sha256: str
    key_id: str | None
    public_key: str | None
    timestamps: tuple[TrustedTime, ...]
    events: tuple[CustodyEvent, ...]


# --- media ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaInfo:
    """What the container declares, before any frame is decoded.

    Width and height are those of the upright picture in square pixels. `duration_s` is None when not declared.
    """

    container: str
    duration_s: float | None
    video_codec: str
    width_px: int
    height_px: int
    frames_per_second: float | None
    rotation_degrees: int = 0
    audio_codec: str | None = None
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SampledFrame:
    """A decoded frame, reduced to the canonical size.

    `pts` counts `time_base` units as in the file; `time_s` is seconds from the first presented frame. `pixels_bgr` is
    (height, width, 3) uint8, upright, longest side 512 px. `starts_shot` says that a shot began with it, or since the
    sampled frame before it. Where a video is sampled in two ways in one pass, `in_first` and `in_second` say of which a
    frame is.
    """

    pts: int
    time_base: Fraction
    time_s: float
    pixels_bgr: npt.NDArray[np.uint8]
    starts_shot: bool = False
    in_first: bool = True
    in_second: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProxyClip:
    """Small grey pictures of a stretch of video, close enough in time to show what moves.

    `times_s` (T,) float64 seconds, increasing; `pictures` (T, height, width) uint8.
    """

    times_s: npt.NDArray[np.float64]
    pictures: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MotionSet:
    """What changes in a video, moment by moment: `codes` (N, D) int8 at `times_s` (N,) float64 seconds, increasing.

    Moments at which hardly anything changes are left out. Arrays are read-only.
    """

    version: int
    times_s: npt.NDArray[np.float64]
    codes: npt.NDArray[np.int8]

    def __post_init__(self) -> None:
        if self.codes.ndim != 2 or self.times_s.shape != (len(self.codes),):
            raise ValueError("times and codes of moments that do not fit together")
        for array in (self.times_s, self.codes):
            array.flags.writeable = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """Frames between two boundaries (cuts, dissolves, fades), with the class that most of its frames have and why."""

    interval: Interval
    frame_class: FrameClass
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeOutcome:
    """How a decoding run ended.

    `decoded` runs from the first frame to the end of the last one. `cut_times_s` are the times at which shots begin,
    after the first: hard cuts, the middles of dissolves, the darkest or brightest points of fades. `failure` says what
    stopped decoding before the end of the file, None if nothing did; `missing_s` is how many declared seconds gave no
    frame, and `damaged_packets` how many packets or pictures were damaged along the way; none of these was used.

    `gaps` are the spans between presented frames from which frames are missing, because they were damaged or because
    the timestamps jump by more than a second; `held` are the spans of a second or more in which the picture stands
    still. `repeated_frames` counts frames that show the picture before them again; where every Nth does,
    `repeat_every_frames` is N.
    """

    decoded: Interval
    frame_count: int
    cut_times_s: tuple[float, ...]
    failure: str | None = None
    missing_s: float = 0.0
    damaged_packets: int = 0
    gaps: tuple[Interval, ...] = ()
    held: tuple[Interval, ...] = ()
    repeated_frames: int = 0
    repeat_every_frames: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Something seen in the file itself, kept apart from what it may mean and from what it does not show.

    `topic` is a short name such as 'encoder'; `details` are the figures behind the sentence, for machines.
    """

    topic: str
    observed: str
    meaning: str
    limits: str
    details: dict[str, str | int | float | bool | None] = field(default_factory=dict)


class CredentialState(StrEnum):
    """What became of the Content Credentials (C2PA) of a file."""

    ABSENT = "absent"
    INVALID = "invalid"
    VALID_UNTRUSTED = "valid_untrusted"
    TRUSTED = "trusted"
    NOT_READABLE = "not_readable"


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialAction:
    """One action that the signer of the credentials declares. Texts are quoted."""

    action: str
    when: str = ""
    software: str = ""
    digital_source_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialIngredient:
    """One earlier file that the signer declares to have used. Texts are quoted."""

    title: str
    media_type: str = ""
    relationship: str = ""
    state: CredentialState = CredentialState.ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentCredentials:
    """What the Content Credentials of a file say, and whether they hold.

    `statement` says the outcome in plain words and `limits` what it does not show. The other texts are the signer's,
    quoted. `signed_utc` is ISO 8601, with `signed_basis` saying whose time it is; `problems` are the validation codes
    that failed, as C2PA names them.
    """

    state: CredentialState
    statement: str
    limits: str
    signer: str = ""
    issuer: str = ""
    signed_utc: str = ""
    signed_basis: str = ""
    claim_generator: str = ""
    actions: tuple[CredentialAction, ...] = ()
    ingredients: tuple[CredentialIngredient, ...] = ()
    digital_source_types: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    library: str = ""


# --- fingerprints and references ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FingerprintSet:
    """The codes of one algorithm over one video.

    `times_s` (N,) float64 seconds, increasing; `codes` (N, bits / 8) uint8; `quality` (N,) float32 in 0..1, where 0
    means the frame has too little structure for the code to mean anything. Arrays are read-only.
    """

    algorithm: str
    version: int
    bits: int
    times_s: npt.NDArray[np.float64]
    codes: npt.NDArray[np.uint8]
    quality: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        count = len(self.times_s)
        if self.codes.shape != (count, self.bits // 8) or self.quality.shape != (count,):
            raise ValueError(f"{self.algorithm}: {self.codes.shape} codes and {self.quality.shape} for {count} times")
        for array in (self.times_s, self.codes, self.quality):
            array.flags.writeable = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocalFeatureSet:
    """Keypoints of a video's key pictures, as the archive keeps them.

    Key picture f was taken at `times_s[f]` (F,) float64 seconds and stands for all time until `until_s[f]`, because the
    picture hardly changes till then. Its keypoints are rows `first_rows[f]` to `first_rows[f + 1]` of `points` and
    `codes`; `first_rows` is (F + 1,) int64. `points` (N, 2) float32 are x and y in px of the canonical picture of
    `width_px` x `height_px`; `codes` (N, D) int8 are their projected descriptors. Arrays are read-only.
    """

    version: int
    width_px: int
    height_px: int
    times_s: npt.NDArray[np.float64]
    until_s: npt.NDArray[np.float64]
    first_rows: npt.NDArray[np.int64]
    points: npt.NDArray[np.float32]
    codes: npt.NDArray[np.int8]

    def __post_init__(self) -> None:
        count = len(self.times_s)
        rows = len(self.points)
        whole = self.until_s.shape == (count,) and self.first_rows.shape == (count + 1,) and len(self.codes) == rows
        whole &= (self.first_rows[0], self.first_rows[-1]) == (0, rows)
        if not whole or (self.first_rows[1:] < self.first_rows[:-1]).any():
            raise ValueError(f"keypoints of {count} key pictures that do not fit together")
        for array in (self.times_s, self.until_s, self.first_rows, self.points, self.codes):
            array.flags.writeable = False

    def rows_of(self, frame: int) -> slice:
        """Rows of the keypoints of one key picture."""
        return slice(int(self.first_rows[frame]), int(self.first_rows[frame + 1]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DescriptorSet:
    """Vectors that a learned descriptor gives for a video's key pictures, as the archive keeps them.

    `model_sha256` is that of the model's file, lower-case hex. Row f of `vectors` (F, D) float16, of length 1, belongs
    to the key picture at `times_s[f]` (F,) float64 seconds. Arrays are read-only.
    """

    model_sha256: str
    times_s: npt.NDArray[np.float64]
    vectors: npt.NDArray[np.float16]

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or self.times_s.shape != (len(self.vectors),):
            raise ValueError(f"{self.vectors.shape} vectors for {len(self.times_s)} times")
        for array in (self.times_s, self.vectors):
            array.flags.writeable = False


class SightingSource(StrEnum):
    """Who or what says when footage was seen."""

    PLATFORM = "platform"
    ARCHIVED_PAGE = "archived-page"
    BROADCAST_LOG = "broadcast-log"
    STATEMENT = "statement"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A place where footage was seen, and the date by which it was.

    `date` is ISO 8601 of year, month, day or second precision (then in UTC, '2021-03-14T08:30:00Z'), empty if not
    known; `source` and `basis` say how it is known, `url` where that can be looked up. `sha256` is that of the copy
    which was seen, if there is a file of it.
    """

    date: str = ""
    source: SightingSource = SightingSource.OTHER
    basis: str = ""
    url: str = ""
    sha256: str = ""
    title: str = ""
    publisher: str = ""
    added_utc: str = ""


class TrustGrade(StrEnum):
    """How far the sender of a pack is relied on, as whoever imported it judges.

    `verified`: its references were checked by oneself. `trusted`: the sender vouches for them. `unverified`: nobody
    does, so nothing that rests on them is called confirmed.
    """

    VERIFIED = "verified"
    TRUSTED = "trusted"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackOrigin:
    """The pack that a reference came with.

    `kind` is 'pack' or 'vpdq' (a text of PDQ hashes alone). `key_id` names the key it is signed with, empty if it is
    not; `id_there` is the reference's id in the pack. `parts` is what the pack brought of the reference, of 'pdq',
    'phash', 'keypoints', 'motion', 'proxy', 'vectors' and 'thumbnails'; 'sparse' says that its hashes are too few a
    second to be found well.
    """

    pack_id: str
    name: str
    grade: TrustGrade
    imported_utc: str
    kind: str = "pack"
    key_id: str = ""
    id_there: str = ""
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """An archived video.

    `first_seen` is the date of the earliest sighting, with what is known of it beside; `sightings` lists all where
    there is more than one. `origin` is the id of the pack it came with, empty for one's own, and `pack` what is known
    of that.
    """

    id: str
    kind: ReferenceKind = ReferenceKind.OTHER
    title: str = ""
    publisher: str = ""
    source_url: str = ""
    first_seen: str = ""
    first_seen_basis: str = ""
    licence: str = ""
    event: str = ""
    notes: str = ""
    retracted: bool = False
    sha256: str = ""
    duration_s: float = 0.0
    added_utc: str = ""
    first_seen_source: SightingSource = SightingSource.OTHER
    first_seen_url: str = ""
    sightings: tuple[Sighting, ...] = ()
    origin: str = ""
    pack: PackOrigin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSnapshot:
    """Exactly which archive was searched. `snapshot_id` is a SHA-256 over the references and their fingerprints."""

    snapshot_id: str
    reference_count: int
    frame_count: int
    duration_s: float
    algorithms: tuple[str, ...]


# --- matches and findings -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeMap:
    """reference time = rate * query time + offset_s. A rate of 0.5 says the release shows it at half speed,
    a negative one that it is shown backwards.
    """

    rate: float
    offset_s: float

    def reference_time_s(self, query_time_s: float) -> float:
        """Map a query time to the reference's clock, in seconds."""
        return self.rate * query_time_s + self.offset_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """What was done to the picture before it agreed: turned left to right, black bars left out, polarity reversed."""

    mirrored: bool = False
    bars_removed: bool = False
    inverted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeypointPair:
    """One point seen in both pictures; x and y are fractions of each picture's width and height."""

    query_x: float
    query_y: float
    reference_x: float
    reference_y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """How the query's picture lies on the reference's.

    `matrix` (a, b, c, d, e, f) maps x' = a x + b y + c, y' = d x + e y + f, each picture in units of its longer side.
    `outline` are the query picture's corners in the reference picture, in fractions of its width
    and height, clockwise from the query's upper left; `covered` is the share of the reference picture inside it.
    `cells` counts the distinct places at which keypoints agree in the best pair of key pictures, shown at
    `query_time_s` and `reference_time_s`; `keypoints` are some of them. `frame_pairs` is how many pairs of key pictures
    gave this transform. A transform that was assumed and not measured has no keypoints, 0 cells and 0 frame pairs.
    """

    matrix: tuple[float, float, float, float, float, float]
    outline: tuple[tuple[float, float], ...]
    covered: float
    cells: int
    frame_pairs: int
    query_time_s: float
    reference_time_s: float
    keypoints: tuple[KeypointPair, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionAgreement:
    """How well what moves agrees, once the pictures lie on each other.

    `correlation` (-1..1) pools all compared pixels and moments, `per_moment` is the median of the single moments, and
    `elsewhere` the best that the same reference gives at another time, None where it is too short for that.
    `appearance` (-1..1) is how alike the still pictures are. The curves belong together: at `times_s` of the query, the
    strength of the change (grey levels, root mean square, in the shared part) in the query and in the reference, and
    the correlation of that moment.
    """

    correlation: float
    per_moment: float
    elsewhere: float | None
    appearance: float
    times_s: tuple[float, ...] = ()
    query_change: tuple[float, ...] = ()
    reference_change: tuple[float, ...] = ()
    moments: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarityMatrix:
    """How alike the moments of a segment are: `percent[i][j]` (0..100) of query time i and reference time j, in s."""

    query_times_s: tuple[float, ...]
    reference_times_s: tuple[float, ...]
    percent: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseAlarmBound:
    """How often footage that was not in the archive reached this score when the score was calibrated.

    `alarms` of `trials` searches did; `rate_at_most` is the upper bound that follows at 95 % (3 / trials for none).
    """

    alarms: int
    trials: int
    rate_at_most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CueEvidence:
    """What one cue contributes to a match: median Hamming distance of aligned frames, and how many agreed."""

    cue: str
    family: str
    median_distance_bits: float
    threshold_bits: int
    bits: int
    agreeing_frames: int
    compared_frames: int


#: Distance of a pair of frames that was aligned by other means than hashes.
NOT_MEASURED_BITS = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignedPair:
    """A query frame and the reference frame that the time map lays on it; the distance may be `NOT_MEASURED_BITS`."""

    query_time_s: float
    reference_time_s: float
    distance_bits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A segment of the query that agrees with a segment of a reference, or of the query itself.

    `score` is 0..1, higher is stronger; `false_alarms` says how often it is reached without reuse, None where the score
    is not calibrated. `families` are the independent kinds of evidence that support the match. `distinctness` is how
    much better the two agree in this alignment than in the same reference at other times, 0..1. With
    `same_scene_only` the place agrees and the recording was not shown to: `caveat` says why. A rate of 0 in `time_map`
    says that the query holds one picture of the reference still.
    """

    query: Interval
    reference_id: str
    reference: Interval
    time_map: TimeMap
    transform: Transform
    cues: tuple[CueEvidence, ...]
    score: float
    distinctness: float
    level: MatchLevel
    same_scene_only: bool = False
    caveat: str = ""
    families: tuple[str, ...] = ()
    false_alarms: FalseAlarmBound | None = None
    pairs: tuple[AlignedPair, ...] = ()
    geometry: Geometry | None = None
    motion: MotionAgreement | None = None
    similarity: SimilarityMatrix | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A bounded statement: what is stated, on what basis, within which limits."""

    kind: FindingKind
    statement: str
    basis: str
    limits: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageSpan:
    """A span of the release in one state, with the reason."""

    interval: Interval
    state: CoverageState
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Somebody's words, quoted. `origin` says where they were found: the release itself, or the claims file.

    `span` is the part of the release that they are about, where they name one.
    """

    claimant: str
    statement: str
    date: str = ""
    source_url: str = ""
    origin: str = "claims file"
    span: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearing:
    """What a finding has to do with a claim, as far as footage goes.

    `claim` counts the report's claims from 1, `match` its matches; `statement` is in the tool's words and says nothing
    of whether the claim is true.
    """

    claim: int
    match: int
    statement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Something that was proposed for a part of the release, compared, and not reported.

    `score` is what it reached, 0..1; `reason` says why that was not enough.
    """

    query: Interval
    reference_id: str
    score: float
    reason: str


# --- the report -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A frame shown in the report: JPEG at `path` below the report folder, shown at `time_s` of its video."""

    path: str
    time_s: float
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FramePair:
    """A query frame beside the reference frame it agrees with. The reference's is None if the archive keeps none."""

    query: Picture
    reference: Picture | None
    distance_bits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedMatch:
    """A match with everything a reader needs to judge it."""

    number: int
    finding: Finding
    match: Match
    reference: Reference
    frame_pairs: tuple[FramePair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedRepeat:
    """A segment of the release that shows an earlier segment of it again: `match.reference` is the earlier one."""

    number: int
    finding: Finding
    match: Match
    frame_pairs: tuple[FramePair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextInPicture:
    """A line of text that was read in a picture by a machine, quoted and often wrong.

    `confidence` is the reader's own, 0..1. The box is in fractions of the picture's width and height.
    """

    text: str
    confidence: float
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotView:
    """What a shot looks like. `shot` counts the report's shots from 1.

    `picture` is a small one of its middle; `still` is the same frame in the size that search engines for pictures want,
    None where too many shots have one already. `texts` are what was read in it, from top to bottom.
    """

    shot: int
    picture: Picture
    still: Picture | None = None
    texts: tuple[TextInPicture, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFile:
    """A file that belongs to a report, with `path` below its folder; `sha256` is lower-case hex."""

    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Identity of the release under check. Dates are ISO; `claimed_date_basis` says who claims the date.

    `query_id` names the release in matches.csv: the file stem unless given.
    """

    source: str
    final_url: str | None
    title: str
    publisher: str
    publisher_url: str | None
    description: str
    published: str
    claimed_date: str
    claimed_date_basis: str
    acquired_utc: str
    copy_statement: str
    media_sha256: str
    media: MediaInfo
    decoded: DecodeOutcome
    first_frame: Picture | None
    query_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything the HTML shows. Times in seconds, paths relative to the report folder, texts untrusted.

    `files` are what the report is made with and its other forms are not made from this: pictures, and the stored
    `examination` with which it can be re-run (a path, empty if there is none). `texts_read` says whether text was
    looked for in pictures. `rejected` are the strongest of the `rejected_count` proposals that are not reported, and
    `earlier_searched` the ids of the earlier releases that were searched.
    """

    schema_version: str
    report_id: str
    created_utc: str
    tool_version: str
    command: tuple[str, ...]
    answer: str
    release: Release
    archive: ArchiveSnapshot | None
    coverage: tuple[CoverageSpan, ...]
    shots: tuple[Shot, ...]
    matches: tuple[ReportedMatch, ...]
    same_scene: tuple[ReportedMatch, ...]
    findings: tuple[Finding, ...]
    claims: tuple[Claim, ...]
    evidence: EvidenceManifest
    limits: tuple[str, ...]
    parameters: dict[str, str | int | float | bool]
    versions: dict[str, str]
    warnings: tuple[str, ...] = field(default=())
    observations: tuple[Observation, ...] = ()
    credentials: ContentCredentials | None = None
    seal: EvidenceSeal | None = None
    repeats: tuple[ReportedRepeat, ...] = ()
    earlier_releases: tuple[ReportedMatch, ...] = ()
    files: tuple[ReportFile, ...] = ()
    examination: str = ""
    shot_views: tuple[ShotView, ...] = ()
    texts_read: bool = False
    bearings: tuple[Bearing, ...] = ()
    rejected: tuple[Rejection, ...] = ()
    rejected_count: int = 0
    earlier_searched: tuple[str, ...] = ()


# --- what people add to a report ------------------------------------------------------------------------------------


class AnalystDecision(StrEnum):
    """What a person says of a match after looking at it."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A person's word on a report, kept in the case's later log and never altered.

    `subject` names what it is about: '3' for match 3, 'S1' for a same-scene finding, 'R2' for a repeat, 'E1' for an
    earlier release; it is empty for a correction of the report as a whole, which has no `decision`. `key_id` is that of
    the key which the log's head is signed with, empty where the case is not signed. `number` counts from 1 in order of
    time; where several are about one subject, the last is what holds and the others are shown too.
    """

    number: int
    utc: str
    by: str
    subject: str
    decision: AnalystDecision | None
    note: str
    report_sha256: str
    key_id: str = ""
