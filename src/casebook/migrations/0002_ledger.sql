-- Every row of evidence gets an entry in one ledger, whose entries are the leaves of a Merkle log; the large parts of a
-- scan move into a table of their own, packed, and the scan keeps their digests. The program fills the new tables from
-- the old one inside the same transaction.
DROP TRIGGER scan_keeps_numbers;
DROP TRIGGER scan_keeps_values;
DROP TRIGGER scan_keeps_rows;
ALTER TABLE scan RENAME TO scan_1;

CREATE TABLE scan (
    id                   INTEGER PRIMARY KEY CHECK (id >= 1),
    seq                  INTEGER NOT NULL, -- its entry in the ledger
    taken_at             TEXT    NOT NULL, -- RFC 3339, UTC, nine decimals: sorts by time as text
    operator             TEXT    NOT NULL,
    parcel               TEXT    NOT NULL, -- empty when none was entered
    level                TEXT    NOT NULL CHECK (level IN ('alarm', 'alert', 'inconclusive', 'none-detected')),
    rule                 TEXT    NOT NULL,
    headline             TEXT    NOT NULL,
    simulated            INTEGER NOT NULL CHECK (simulated IN (0, 1)),
    emulated_sample      TEXT,             -- what lay under an emulated probe
    spectrometer_model   TEXT    NOT NULL,
    spectrometer_serial  TEXT    NOT NULL,
    laser_model          TEXT    NOT NULL,
    laser_serial         TEXT    NOT NULL,
    program_version      TEXT    NOT NULL,
    engine               TEXT    NOT NULL,
    library_name         TEXT    NOT NULL,
    library_version      TEXT    NOT NULL,
    library_sha256       TEXT    NOT NULL,
    settings_sha256      BLOB    NOT NULL, -- of the unpacked part of that name, as the ones below
    answer_sha256        BLOB    NOT NULL,
    dark_counts_sha256   BLOB    NOT NULL,
    light_counts_sha256  BLOB    NOT NULL,
    spectrum_sha256      BLOB    NOT NULL
) STRICT;

CREATE TABLE part (
    id       INTEGER PRIMARY KEY, -- five a scan, in the order of the digests above: 5 (scan_id - 1) + 1 and on
    scan_id  INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    codec    TEXT    NOT NULL,
    bytes    BLOB    NOT NULL
) STRICT;

CREATE TABLE event (
    id       INTEGER PRIMARY KEY CHECK (id >= 1),
    seq      INTEGER NOT NULL,
    at       TEXT    NOT NULL,
    operator TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    scan_id  INTEGER,          -- the scan that it is about
    body     TEXT    NOT NULL  -- JSON
) STRICT;

CREATE TABLE checkpoint (
    id   INTEGER PRIMARY KEY CHECK (id >= 1),
    seq  INTEGER NOT NULL,
    at   TEXT    NOT NULL,
    size INTEGER NOT NULL, -- entries that it covers
    note TEXT    NOT NULL  -- C2SP tlog-checkpoint, signed
) STRICT;

CREATE TABLE ledger (
    seq        INTEGER PRIMARY KEY CHECK (seq >= 1),
    table_name TEXT    NOT NULL,
    row_id     INTEGER NOT NULL,
    at         TEXT    NOT NULL,
    clock      TEXT    NOT NULL CHECK (clock IN ('forward', 'back')),
    content    BLOB    NOT NULL, -- SHA-256 of the row's canonical text
    leaf       BLOB    NOT NULL  -- RFC 6962 leaf hash of the entry's text
) STRICT;

-- Derived: the tree as of the last checkpoint. Rebuilt where it does not fit, never trusted.
CREATE TABLE head (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    size  INTEGER NOT NULL,
    peaks BLOB    NOT NULL
) STRICT;

CREATE INDEX scan_by_time ON scan (taken_at);
CREATE INDEX scan_by_parcel ON scan (parcel) WHERE parcel <> '';
CREATE INDEX scan_by_level ON scan (level, id);
CREATE INDEX scan_by_operator ON scan (operator, id);
CREATE INDEX event_by_scan ON event (scan_id) WHERE scan_id IS NOT NULL;

CREATE TRIGGER scan_keeps_numbers BEFORE INSERT ON scan WHEN NEW.id IS NOT (SELECT coalesce(max(id), 0) + 1 FROM scan)
BEGIN SELECT RAISE(ABORT, 'records are numbered from 1 without gaps'); END;
CREATE TRIGGER scan_keeps_values BEFORE UPDATE ON scan
BEGIN SELECT RAISE(ABORT, 'records are never changed; add a new one'); END;
CREATE TRIGGER scan_keeps_rows BEFORE DELETE ON scan
BEGIN SELECT RAISE(ABORT, 'records are never deleted'); END;
CREATE TRIGGER part_keeps_values BEFORE UPDATE ON part
BEGIN SELECT RAISE(ABORT, 'records are never changed; add a new one'); END;
CREATE TRIGGER part_keeps_rows BEFORE DELETE ON part
BEGIN SELECT RAISE(ABORT, 'records are never deleted'); END;
CREATE TRIGGER event_keeps_values BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'records are never changed; add a new one'); END;
CREATE TRIGGER event_keeps_rows BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'records are never deleted'); END;
CREATE TRIGGER checkpoint_keeps_values BEFORE UPDATE ON checkpoint
BEGIN SELECT RAISE(ABORT, 'records are never changed; add a new one'); END;
CREATE TRIGGER checkpoint_keeps_rows BEFORE DELETE ON checkpoint
BEGIN SELECT RAISE(ABORT, 'records are never deleted'); END;
CREATE TRIGGER ledger_keeps_numbers BEFORE INSERT ON ledger WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM ledger)
BEGIN SELECT RAISE(ABORT, 'records are numbered from 1 without gaps'); END;
CREATE TRIGGER ledger_keeps_values BEFORE UPDATE ON ledger
BEGIN SELECT RAISE(ABORT, 'records are never changed; add a new one'); END;
CREATE TRIGGER ledger_keeps_rows BEFORE DELETE ON ledger
BEGIN SELECT RAISE(ABORT, 'records are never deleted'); END;
