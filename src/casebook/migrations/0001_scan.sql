-- One row per scan. Columns before the JSON are what the list of records shows and searches; the JSON and the blobs
-- hold everything that is needed to compute the verdict again. Rows are only ever added: the triggers below refuse
-- the rest, also for a program that opens the file without our code.
CREATE TABLE scan (
    id                   INTEGER PRIMARY KEY CHECK (id >= 1),
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
    settings             TEXT    NOT NULL, -- JSON: devices, wavelengths, what each exposure said of itself
    answer               TEXT    NOT NULL, -- JSON: the whole answer
    dark_counts          BLOB    NOT NULL, -- unsigned 32 bit, little-endian, one per pixel
    light_counts         BLOB    NOT NULL, -- the light exposures one after the other, same encoding
    spectrum             BLOB    NOT NULL  -- 64-bit floats, little-endian: axis, intensities, noise where known
) STRICT;

CREATE TRIGGER scan_keeps_numbers BEFORE INSERT ON scan
WHEN NEW.id IS NOT (SELECT coalesce(max(id), 0) + 1 FROM scan)
BEGIN
    SELECT RAISE(ABORT, 'records are numbered from 1 without gaps');
END;

CREATE TRIGGER scan_keeps_values BEFORE UPDATE ON scan
BEGIN
    SELECT RAISE(ABORT, 'records are never changed; add a new one');
END;

CREATE TRIGGER scan_keeps_rows BEFORE DELETE ON scan
BEGIN
    SELECT RAISE(ABORT, 'records are never deleted');
END;
