//! The blank that an analyzer showed last: what a scan may show because the probe carries it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Casebook, CasebookError, Reference, ScanKind, ScanRecord, Statement, StoredScan};
use crate::identify::BlankOutcome;

/// Most blanks that are read to find one that can be judged.
const BLANKS_MAX: usize = 50;

/// The last blank of an analyzer that could be judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastBlank {
    /// Number of its record; none while it was not saved.
    pub record: Option<i64>,
    /// Wall time.
    pub taken_at: Timestamp,
    /// What it showed; none when it was clean.
    pub found: Option<String>,
}

impl LastBlank {
    /// What a scan says as a blank; none where it is no blank, or one that cannot be judged. A scan without a number is one
    /// that was not saved yet.
    pub fn of(scan: &StoredScan) -> Option<Self> {
        if scan.record.subject.kind == ScanKind::Blank { Self::judged(scan.id, &scan.record) } else { None }
    }

    fn judged(id: i64, record: &ScanRecord) -> Option<Self> {
        let found = match record.answer.blank_outcome() {
            BlankOutcome::Clean => None,
            BlankOutcome::Found(what) => Some(what),
            BlankOutcome::Undecided => return None,
        };
        Some(Self { record: (id > 0).then_some(id), taken_at: record.taken_at, found })
    }

    fn name(&self) -> String {
        let number = self.record.map_or("not saved yet".to_owned(), |id| format!("record {id}"));
        format!("{number}, {}", self.taken_at.strftime("%Y-%m-%d %H:%M UTC"))
    }

    /// As a report says it.
    pub fn words(&self) -> String {
        match &self.found {
            None => format!("clean ({})", self.name()),
            Some(what) => format!("NOT CLEAN ({}): it showed {what}", self.name()),
        }
    }

    /// What is wrong with a scan that was made after it; none after a clean one.
    pub fn doubt(&self) -> Option<String> {
        self.found.as_ref().map(|what| {
            format!(
                "The last blank of this analyzer was not clean ({}): it showed {what}. What this scan shows may come from the probe. Clean the window, scan a blank, and when that is clean scan this sample again.",
                self.name()
            )
        })
    }

    /// From when on scans are in doubt where the blank after `before` is not clean.
    pub fn since(before: Option<&Self>) -> String {
        match before {
            None => "before this one: no clean blank of it is on record".to_owned(),
            Some(blank) if blank.found.is_none() => format!("since its last clean blank ({})", blank.name()),
            Some(blank) => format!(
                "since the last clean blank before it: the one before this ({}) was not clean either",
                blank.name()
            ),
        }
    }
}

impl Casebook {
    /// The last blank of the spectrometer of this serial number that could be judged. A blank that a correction made a sample
    /// is none, and the other way round.
    pub fn last_blank(&self, spectrometer_serial: &str) -> Result<Option<LastBlank>, CasebookError> {
        let error = |e: rusqlite::Error| self.error(&e);
        let corrected = self.corrected_kinds()?;
        let sql = "SELECT id FROM scan WHERE kind = 'blank' AND spectrometer_serial = ?1 ORDER BY id DESC LIMIT ?2";
        let mut statement = self.connection().prepare_cached(sql).map_err(error)?;
        let most = i64::try_from(BLANKS_MAX).unwrap_or(i64::MAX);
        let rows = statement.query_map((spectrometer_serial, most), |row| row.get(0)).map_err(error)?;
        let mut blanks = rows.collect::<Result<BTreeSet<i64>, _>>().map_err(error)?;
        for (id, kind) in corrected {
            if kind == ScanKind::Blank {
                blanks.insert(id);
            } else {
                blanks.remove(&id);
            }
        }
        for id in blanks.into_iter().rev().take(BLANKS_MAX) {
            let scan = self.load(id)?;
            if scan.record.acquisition.spectrometer.serial == spectrometer_serial
                && let Some(blank) = LastBlank::judged(id, &scan.record)
            {
                return Ok(Some(blank));
            }
        }
        Ok(None)
    }

    /// What scans are of whose kind was corrected. A correction that was itself corrected counts no more.
    fn corrected_kinds(&self) -> Result<BTreeMap<i64, ScanKind>, CasebookError> {
        let error = |e: rusqlite::Error| self.error(&e);
        let sql = "SELECT id, body FROM event WHERE kind = 'correction' ORDER BY id DESC";
        let mut statement = self.connection().prepare_cached(sql).map_err(error)?;
        let mut rows = statement.query([]).map_err(error)?;
        let (mut kinds, mut taken_back) = (BTreeMap::new(), BTreeSet::new());
        while let Some(row) = rows.next().map_err(error)? {
            let (id, body): (i64, String) = (row.get(0).map_err(error)?, row.get(1).map_err(error)?);
            match serde_json::from_str(&body) {
                _ if taken_back.contains(&id) => {}
                Ok(Statement::Correction { of: Reference::Event(of), .. }) => drop(taken_back.insert(of)),
                Ok(Statement::Correction { of: Reference::Scan(scan), field, now, .. }) if field == "kind" => {
                    if let Ok(kind) = now.trim().parse() {
                        kinds.entry(scan).or_insert(kind);
                    }
                }
                _ => {}
            }
        }
        Ok(kinds)
    }
}
