CREATE TABLE reference (
    id TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    publisher TEXT NOT NULL,
    source_url TEXT NOT NULL,
    first_seen TEXT NOT NULL,
    first_seen_basis TEXT NOT NULL,
    licence TEXT NOT NULL,
    event TEXT NOT NULL,
    notes TEXT NOT NULL,
    retracted INTEGER NOT NULL CHECK (retracted IN (0, 1)),
    duration_s REAL NOT NULL,
    added_utc TEXT NOT NULL
) STRICT;

CREATE INDEX reference_sha256 ON reference (sha256);

CREATE TABLE fingerprint (
    reference_id TEXT NOT NULL REFERENCES reference (id),
    algorithm TEXT NOT NULL,
    version INTEGER NOT NULL,
    bits INTEGER NOT NULL,
    frame_count INTEGER NOT NULL,
    times_s BLOB NOT NULL,
    codes BLOB NOT NULL,
    quality BLOB NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (reference_id, algorithm)
) STRICT;

-- Small columns first: SQLite reads a row from its start.
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

CREATE TABLE motion (
    reference_id TEXT PRIMARY KEY REFERENCES reference (id),
    version INTEGER NOT NULL,
    moment_count INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    times_s BLOB NOT NULL,
    codes BLOB NOT NULL
) STRICT;

CREATE TABLE thumbnail (
    reference_id TEXT NOT NULL REFERENCES reference (id),
    time_s REAL NOT NULL,
    width_px INTEGER NOT NULL,
    height_px INTEGER NOT NULL,
    jpeg BLOB NOT NULL,
    PRIMARY KEY (reference_id, time_s)
) STRICT;
