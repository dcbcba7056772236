-- The last blank of an analyzer is looked up for each of its scans. Derived, as every index.
CREATE INDEX scan_by_blank ON scan (spectrometer_serial, id) WHERE kind = 'blank';
