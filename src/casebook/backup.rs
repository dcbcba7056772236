//! Copies of the casebook by SQLite's online backup: whole while others write, verified before they count.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};
use thiserror::Error;

use super::acts::{digest_of, files_folder};
use super::store::create_private;
use super::{Act, Actor, Casebook, CasebookError, Event, VerifyOptions, verify};

/// Kind of the event that sets where backups go and how often.
const PLAN: &str = "backup-plan";
/// Kind of the event of a backup that was written and verified.
const WRITTEN: &str = "backup";
/// Pages that are copied before others may write again.
const PAGES_PER_STEP: i32 = 512;

/// Why there is no backup.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The folder does not take it.
    #[error("the backup cannot be written to {} ({what}); check that the folder is there and has room", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The reason.
        what: String,
    },
    /// The copy is not what it should be.
    #[error("the backup {} does not verify ({what}); it was set aside: do not rely on it, check the disk and the casebook", .path.display())]
    NotVerified {
        /// The copy.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// Where backups go, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupPlan {
    /// The folder, on another disk where possible.
    pub folder: PathBuf,
    /// Hours between two.
    pub every_hours: u32,
}

impl Casebook {
    /// Sets where backups go and how often; zero hours ends the schedule.
    pub fn set_backup_plan(&mut self, at: Timestamp, by: &Actor, plan: &BackupPlan) -> Result<(), CasebookError> {
        let body = serde_json::json!({ "folder": plan.folder, "every_hours": plan.every_hours });
        self.act(at, by, Act::Backup, None, |writing, _| {
            let event = Event { operator: by.name(), kind: PLAN, scan_id: None, body: &body };
            writing.event(&event).map(drop).map_err(|e| writing.error(&e))
        })
    }

    /// The plan in force.
    pub fn backup_plan(&self) -> Result<Option<BackupPlan>, CasebookError> {
        let body = self.last_body(PLAN)?;
        Ok(body.and_then(|body| {
            let folder = body.get("folder")?.as_str()?.into();
            let every_hours = u32::try_from(body.get("every_hours")?.as_u64()?).ok()?;
            (every_hours > 0).then_some(BackupPlan { folder, every_hours })
        }))
    }

    /// The folder of a backup that is due: the plan's time has passed since the last one, or the clock went back.
    pub fn backup_due(&self, now: Timestamp) -> Result<Option<PathBuf>, CasebookError> {
        let Some(plan) = self.backup_plan()? else { return Ok(None) };
        let sql = "SELECT max(id), at FROM event WHERE kind = ?1";
        let last: Option<String> =
            self.connection().query_row(sql, [WRITTEN], |row| row.get(1)).map_err(|e| self.error(&e))?;
        let wait = jiff::SignedDuration::from_hours(i64::from(plan.every_hours));
        let waits = last
            .and_then(|text| text.parse::<Timestamp>().ok())
            .is_some_and(|last| last <= now && now.duration_since(last) < wait);
        Ok((!waits).then_some(plan.folder))
    }

    /// Writes a copy into `folder` and verifies it; `by` names who asked, or the program itself on schedule. The files of
    /// the records are copied too. Returns the path of the copy, whose name is the time.
    pub fn back_up(&mut self, now: Timestamp, by: &str, folder: &Path) -> Result<PathBuf, CasebookError> {
        let name = format!("casebook-{}.sqlite3", now.strftime("%Y%m%dT%H%M%SZ"));
        let path = folder.join(&name);
        let refuse = |what: String| BackupError::Folder { folder: folder.to_owned(), what };
        if !folder.is_dir() {
            return Err(refuse("there is no such folder".to_owned()).into());
        }
        if path.exists() {
            return Err(refuse(format!("{name} is there already; wait a second")).into());
        }
        let draft = path.with_extension("unverified");
        self.copy_to(&draft).map_err(|e| refuse(e.to_string()))?;
        let files = copy_files(&files_folder(self.path()), &files_folder(&path)).map_err(|e| refuse(e.to_string()))?;
        let report = verify(&draft, &VerifyOptions::default(), &mut |_| true)?.unwrap_or_default();
        if !report.is_clean() {
            let what = format!("{} rows are not as they were written", report.findings.len() + report.more_findings);
            return Err(BackupError::NotVerified { path: draft, what }.into());
        }
        let place = || -> std::io::Result<()> {
            File::open(&draft)?.sync_all()?;
            fs::rename(&draft, &path)?;
            #[cfg(unix)]
            File::open(folder)?.sync_all()?;
            Ok(())
        };
        place().map_err(|e| refuse(e.to_string()))?;
        let body = serde_json::json!({
            "path": path, "entries": report.entries, "files": files,
        });
        self.append_event(now, &Event { operator: by, kind: WRITTEN, scan_id: None, body: &body })?;
        Ok(path)
    }

    fn copy_to(&self, draft: &Path) -> Result<(), CasebookError> {
        let failed = |e: &rusqlite::Error| CasebookError::from_sqlite(draft, e);
        let _ = fs::remove_file(draft); // of a backup that was cut off
        create_private(draft).map_err(|e| CasebookError::CannotOpen { path: draft.to_owned(), what: e.to_string() })?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut copy = Connection::open_with_flags(draft, flags).map_err(|e| failed(&e))?;
        copy.pragma_update(None, "synchronous", "FULL").map_err(|e| failed(&e))?;
        let backup = Backup::new(self.connection(), &mut copy).map_err(|e| failed(&e))?;
        backup.run_to_completion(PAGES_PER_STEP, Duration::from_millis(1), None).map_err(|e| failed(&e))?;
        drop(backup);
        // The copy of a database in log mode would need a log beside it to be read; alone it is one whole file.
        copy.pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get::<_, String>(0))
            .map_err(|e| failed(&e))?;
        copy.close().map_err(|(_, e)| failed(&e))
    }

    fn last_body(&self, kind: &str) -> Result<Option<serde_json::Value>, CasebookError> {
        use rusqlite::OptionalExtension;
        let sql = "SELECT body FROM event WHERE kind = ?1 ORDER BY id DESC LIMIT 1";
        let body: Option<String> =
            self.connection().query_row(sql, [kind], |row| row.get(0)).optional().map_err(|e| self.error(&e))?;
        Ok(body.and_then(|body| serde_json::from_str(&body).ok()))
    }
}

/// Copies what is not there yet or not whole; says how many files there are.
fn copy_files(from: &Path, to: &Path) -> std::io::Result<u64> {
    let mut count = 0;
    let Ok(entries) = fs::read_dir(from) else { return Ok(0) };
    fs::create_dir_all(to)?;
    for entry in entries {
        let name = entry?.file_name();
        let (source, copy) = (from.join(&name), to.join(&name));
        let digest = digest_of(&source)?;
        if name.to_str() != Some(digest.as_str()) {
            continue; // a draft, or damaged: 'casebook verify' names it
        }
        if !digest_of(&copy).is_ok_and(|there| there == digest) {
            fs::copy(&source, &copy)?;
            File::open(&copy)?.sync_all()?;
        }
        count += 1;
    }
    Ok(count)
}
