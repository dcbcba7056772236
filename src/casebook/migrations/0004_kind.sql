-- What was scanned: a blank or a control; NULL is a sample, as all before. The canonical text of a row leaves the column
-- out where it is NULL, so that the entries of earlier records stay what they were.
ALTER TABLE scan ADD COLUMN kind TEXT CHECK (kind IN ('blank', 'control'));
