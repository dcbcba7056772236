//! A change of one row accuses that row and no innocent one beside it.

use parcelscope::casebook::{Finding, FindingKind};

use super::evidence::{evidence, found, stripped};
use FindingKind::{Changed, Inserted, Missing, Reordered};

/// Table, row and what is said of it.
type Named = (&'static str, i64, FindingKind);

/// What an attacker does, and all that may be said of it.
const CASES: [(&str, &[Named]); 12] = [
    ("DELETE FROM event WHERE id = 1", &[("event", 1, Missing)]),
    ("UPDATE event SET kind = 'note' WHERE id = 1", &[("event", 1, Changed)]),
    ("UPDATE event SET body = CAST(x'ff00ff' AS TEXT) WHERE id = 1", &[("event", 1, Changed)]),
    ("UPDATE event SET body = '{\"verifier\":\"somebody+else\"}' WHERE id = 1", &[("event", 1, Changed)]),
    (
        "UPDATE scan SET id = -id WHERE id IN (1, 3); UPDATE scan SET id = 4 + id WHERE id < 0",
        &[("scan", 1, Reordered), ("scan", 3, Reordered)],
    ),
    (
        "CREATE TEMP TABLE twin AS SELECT * FROM scan WHERE id = 2; UPDATE twin SET id = 5; INSERT INTO scan SELECT * FROM twin",
        &[("scan", 5, Inserted)],
    ),
    (
        "UPDATE part SET id = -id WHERE id IN (1, 14); UPDATE part SET id = 15 + id WHERE id < 0",
        &[("part", 1, Reordered), ("part", 14, Reordered)],
    ),
    (
        "UPDATE part SET id = -id WHERE id IN (2, 3); UPDATE part SET id = 5 + id WHERE id < 0",
        &[("part", 2, Reordered), ("part", 3, Reordered)],
    ),
    ("UPDATE part SET name = name || 'x' WHERE id = 7", &[("part", 7, Changed)]),
    ("UPDATE ledger SET row_id = row_id + 1 WHERE seq = 1", &[("ledger", 1, Changed)]),
    ("UPDATE ledger SET row_id = row_id + 1 WHERE seq = 2", &[("ledger", 2, Changed)]),
    ("UPDATE ledger SET row_id = row_id + 1 WHERE seq = 3", &[("ledger", 3, Changed)]),
];

fn said_of(change: &str) -> Vec<Finding> {
    let (dir, path) = evidence(4);
    let copy = dir.path().join("bent.sqlite3");
    stripped(&path, &copy).execute_batch(change).unwrap();
    // What was done to the tables themselves is said too, as `table scan`.
    found(&copy).findings.into_iter().filter(|finding| !finding.table.contains(' ')).collect()
}

fn findings(expected: &[(&str, i64, FindingKind)]) -> Vec<Finding> {
    expected.iter().map(|(table, row, kind)| Finding { table: (*table).to_owned(), row: *row, kind: *kind }).collect()
}

#[test]
fn a_bent_row_is_named_alone() {
    for (change, expected) in CASES {
        assert_eq!(said_of(change), findings(expected), "{change}");
    }
}

#[test]
fn a_digest_that_a_scan_states_wrongly_is_said_of_the_scan_and_not_of_its_part() {
    for digest in ["settings", "answer", "dark_counts", "light_counts", "spectrum"] {
        let change = format!("UPDATE scan SET {digest}_sha256 = zeroblob(32) WHERE id = 3");
        assert_eq!(said_of(&change), findings(&[("scan", 3, Changed)]), "{change}");
    }
}
