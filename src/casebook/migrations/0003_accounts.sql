-- Accounts are events; only what would help a thief of an exported event to guess a PIN lies apart. A row here counts only
-- where its SHA-256 is the one that the account's newest event states.
CREATE TABLE credential (
    account TEXT PRIMARY KEY,
    phc     TEXT NOT NULL -- argon2id, PHC string format
) STRICT;

CREATE INDEX event_by_kind ON event (kind, operator, id);
