//! Which key may have signed which checkpoint: the log states its keys, each from one entry on.

use rusqlite::{Connection, Rows};

use super::ledger_rows::{LedgerRows, integer, text};
use super::structure::source;
use super::{FindingKind, Verification, VerifyOptions};
use crate::casebook::ledger::EvidenceTable;
use crate::casebook::note::{Checkpoint, NoteVerifier};

/// The keys of a log.
pub(super) struct Keys {
    /// Those that its events state, with the entry of the event, in the order of the log.
    stated: Vec<(u64, NoteVerifier)>,
    /// Those that were noted elsewhere.
    trusted: Vec<NoteVerifier>,
    /// An event that may have stated another one is damaged or gone.
    lost: bool,
}

impl Keys {
    /// Reads what the events state; an event that does not name the key before it, or states none, is of another log.
    pub(super) fn read(
        connection: &Connection,
        ledger: &LedgerRows,
        options: &VerifyOptions,
        found: &mut Verification,
    ) -> rusqlite::Result<Self> {
        // A key in a wrong form was refused at the edge, and nothing is signed with it.
        let trusted: Vec<_> = options.trusted_keys.iter().filter_map(|key| NoteVerifier::parse(key).ok()).collect();
        found.key_trusted = !options.trusted_keys.is_empty();
        let lost = found.findings.iter().any(|f| f.table == "event" && f.kind != FindingKind::Inserted);
        // An index can be bent so that it hides a row: none is asked.
        let source = source(connection, "event", &["id", "seq", "kind", "body"])?;
        let sql = |source| format!("{source} WHERE kind IN ('founded', 'key-replaced') ORDER BY seq, id");
        let mut statement = source.map(|source| connection.prepare(&sql(source))).transpose()?;
        let mut rows = statement.as_mut().map(|statement| statement.query([])).transpose()?;
        let mut stated: Vec<(u64, NoteVerifier)> = Vec::new();
        let mut founding = None;
        while let Some(row) = rows.as_mut().map_or(Ok(None), Rows::next)? {
            let id = integer(row, 0)?;
            let first = founding.is_none_or(|known| known != id);
            founding = founding.or(Some(id));
            // What a damaged event states is no key of this log, nor what was put in; one that has a twin still does.
            let doubled = first && ledger.of(EvidenceTable::Event, id).is_some();
            if found.of_row("event", id).any(|kind| kind != FindingKind::Inserted || !doubled) {
                continue;
            }
            if text(row, 2)? == "key-replaced" {
                found.keys_replaced += 1;
            }
            let body: serde_json::Value = serde_json::from_str(&text(row, 3)?).unwrap_or_default();
            let said = |name: &str| body.get(name).and_then(serde_json::Value::as_str);
            let before = stated.last().map(|(_, key)| key.text());
            let key = said("verifier").and_then(|key| NoteVerifier::parse(key).ok());
            // Where the entry stands, not where the row says that it does: that is a word of whoever wrote the row.
            let entry = ledger.of(EvidenceTable::Event, id).filter(|entry| entry.is_true());
            let entry = u64::try_from(entry.map_or(integer(row, 1)?, |entry| entry.entry.seq)).ok();
            match (key, entry) {
                (Some(key), Some(entry))
                    if stated.last().is_none_or(|(last, _)| *last < entry)
                        && (lost || said("before") == before.as_deref()) =>
                {
                    stated.push((entry, key));
                }
                _ => found.add("event", id, FindingKind::Forked),
            }
        }
        if stated.is_empty() && founding.is_none() && !lost {
            // The program states its key before it does anything else.
            found.add("event", 1, FindingKind::Missing);
        }
        let known = |trusted: &NoteVerifier| stated.iter().any(|(_, key)| key == trusted);
        if let (Some(id), false) = (founding, lost || trusted.is_empty() || trusted.iter().any(known)) {
            found.add("event", id, FindingKind::Forked);
        }
        Ok(Self { stated, trusted, lost })
    }

    /// The key that must have signed this: the newest one that the log stated up to there.
    pub(super) fn of(&self, checkpoint: &Checkpoint) -> Option<&NoteVerifier> {
        let own = self.stated.iter().rev().find(|(entry, _)| *entry <= checkpoint.size).map(|(_, key)| key);
        own.filter(|key| key.name() == checkpoint.origin).or_else(|| {
            // The event that states it is damaged; the key may have been noted.
            self.trusted.iter().filter(|_| self.lost).find(|key| key.name() == checkpoint.origin)
        })
    }

    /// Whether nobody can tell who signed this, because the event that states the key is damaged.
    pub(super) fn is_untold(&self, checkpoint: &Checkpoint) -> bool {
        self.lost && self.all().all(|key| key.name() != checkpoint.origin)
    }

    /// Whether this key was noted elsewhere.
    pub(super) fn is_trusted(&self, key: &NoteVerifier) -> bool {
        self.trusted.contains(key)
    }

    /// Whether an event that may state a key is damaged or gone.
    pub(super) const fn are_lost(&self) -> bool {
        self.lost
    }

    /// Whether any key was noted elsewhere.
    pub(super) const fn are_noted(&self) -> bool {
        !self.trusted.is_empty()
    }

    /// What a checkpoint from elsewhere says, where any key of this log signed it.
    pub(super) fn opened(&self, note: &str) -> Option<Checkpoint> {
        self.all().find_map(|key| opened(note, key))
    }

    fn all(&self) -> impl Iterator<Item = &NoteVerifier> {
        self.stated.iter().map(|(_, key)| key).chain(&self.trusted)
    }
}

/// What the note says, where this key signed it in its own name.
pub(super) fn opened(note: &str, key: &NoteVerifier) -> Option<Checkpoint> {
    let stated = Checkpoint::parse(key.open(note).ok()?).ok()?;
    (stated.origin == key.name()).then_some(stated)
}
