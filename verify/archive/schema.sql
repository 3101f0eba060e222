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

CREATE TABLE thumbnail (
    reference_id TEXT NOT NULL REFERENCES reference (id),
    time_s REAL NOT NULL,
    width_px INTEGER NOT NULL,
    height_px INTEGER NOT NULL,
    jpeg BLOB NOT NULL,
    PRIMARY KEY (reference_id, time_s)
) STRICT;
