CREATE TABLE reference (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    publisher TEXT NOT NULL,
    source_url TEXT NOT NULL,
    licence TEXT NOT NULL,
    event TEXT NOT NULL,
    notes TEXT NOT NULL,
    origin TEXT NOT NULL,
    retracted INTEGER NOT NULL CHECK (retracted IN (0, 1)),
    duration_s REAL NOT NULL,
    added_utc TEXT NOT NULL
) STRICT;

CREATE INDEX reference_sha256 ON reference (sha256);
CREATE INDEX reference_source_url ON reference (source_url);
-- A snapshot is made of these two columns alone.
CREATE INDEX reference_state ON reference (id, digest);

CREATE TABLE sighting (
    reference_id TEXT NOT NULL REFERENCES reference (id),
    number INTEGER NOT NULL,
    date TEXT NOT NULL,
    source TEXT NOT NULL,
    basis TEXT NOT NULL,
    url TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    title TEXT NOT NULL,
    publisher TEXT NOT NULL,
    added_utc TEXT NOT NULL,
    PRIMARY KEY (reference_id, number)
) STRICT;

CREATE INDEX sighting_sha256 ON sighting (sha256);
CREATE INDEX sighting_url ON sighting (url);

CREATE TABLE amendment (
    reference_id TEXT NOT NULL REFERENCES reference (id),
    number INTEGER NOT NULL,
    utc TEXT NOT NULL,
    field TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (reference_id, number)
) STRICT;

CREATE TABLE log (
    number INTEGER PRIMARY KEY,
    utc TEXT NOT NULL,
    action TEXT NOT NULL,
    reference_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    snapshot_id TEXT NOT NULL,
    sha256 TEXT NOT NULL
) STRICT;

CREATE INDEX log_reference ON log (reference_id);
CREATE INDEX log_snapshot ON log (snapshot_id);

CREATE TABLE tombstone (
    reference_id TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    utc TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;

CREATE INDEX tombstone_sha256 ON tombstone (sha256);

CREATE TABLE pack (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    publisher TEXT NOT NULL,
    grade TEXT NOT NULL,
    key_id TEXT NOT NULL,
    public_key TEXT NOT NULL,
    made_utc TEXT NOT NULL,
    imported_utc TEXT NOT NULL,
    reference_count INTEGER NOT NULL
) STRICT;

CREATE TABLE brought (
    reference_id TEXT PRIMARY KEY REFERENCES reference (id),
    pack_id TEXT NOT NULL REFERENCES pack (id),
    id_there TEXT NOT NULL,
    parts TEXT NOT NULL
) STRICT;

CREATE INDEX brought_pack ON brought (pack_id);

-- Here and below small columns come first: SQLite reads a row from its start.
CREATE TABLE fingerprint (
    reference_id TEXT NOT NULL REFERENCES reference (id),
    algorithm TEXT NOT NULL,
    version INTEGER NOT NULL,
    bits INTEGER NOT NULL,
    frame_count INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    times_s BLOB NOT NULL,
    codes BLOB NOT NULL,
    quality BLOB NOT NULL,
    PRIMARY KEY (reference_id, algorithm)
) STRICT;

CREATE TABLE local_features (
    reference_id TEXT PRIMARY KEY REFERENCES reference (id),
    version INTEGER NOT NULL,
    dimensions INTEGER NOT NULL,
    width_px INTEGER NOT NULL,
    height_px INTEGER NOT NULL,
    picture_count INTEGER NOT NULL,
    keypoint_count INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    times_s BLOB NOT NULL,
    until_s BLOB NOT NULL,
    first_rows BLOB NOT NULL,
    words BLOB NOT NULL,
    points BLOB NOT NULL,
    codes BLOB NOT NULL
) STRICT;

CREATE TABLE proxy (
    reference_id TEXT PRIMARY KEY REFERENCES reference (id),
    sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL
) STRICT;

CREATE TABLE media (
    reference_id TEXT PRIMARY KEY REFERENCES reference (id),
    sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    suffix TEXT NOT NULL
) STRICT;

CREATE TABLE motion (
    reference_id TEXT PRIMARY KEY REFERENCES reference (id),
    version INTEGER NOT NULL,
    moment_count INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    times_s BLOB NOT NULL,
    codes BLOB NOT NULL
) STRICT;

-- `reference_id` first: SQLite keeps the rows of a reference together.
CREATE TABLE descriptor (
    reference_id TEXT NOT NULL REFERENCES reference (id),
    model_sha256 TEXT NOT NULL,
    dimensions INTEGER NOT NULL,
    picture_count INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    times_s BLOB NOT NULL,
    vectors BLOB NOT NULL,
    PRIMARY KEY (reference_id, model_sha256)
) STRICT;

CREATE TABLE thumbnail (
    reference_id TEXT NOT NULL REFERENCES reference (id),
    time_s REAL NOT NULL,
    width_px INTEGER NOT NULL,
    height_px INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    jpeg BLOB NOT NULL,
    PRIMARY KEY (reference_id, time_s)
) STRICT;
