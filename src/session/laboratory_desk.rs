//! The laboratory's desk: drafts that become packs, the packs of this unit, and the keys. The window asks for one step at a
//! time; the steps are those of [`crate::laboratory`] and of the command line.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rand::TryRng as _;
use rand::rngs::SysRng;

use crate::casebook::{Act, Actor, Casebook, Secret};
use crate::laboratory::{
    Import, LaboratoryError, NOBODY, Naming, PreparedReference, Replicate, StandardFacts, Verdict, begin,
    check_comparison, check_facts, check_references, check_training, collect_files, compare, edit, import,
    keep_answers, labelled_queries, prepare_reference, propose, read_labels, remembered_answers, review, submit,
    submit_facts, take_out,
};
use crate::library::pack::{self, KeyStore, PackContent, PackError, PackShelf, PackVersion};
use crate::library::{Library, LibraryIdentity, fact_digests};
use crate::signature::NoteVerifier;

use super::laboratory_wishes::{Desk, Done, DraftState, ImportOrder, LaboratoryWish, ReleaseOrder};
use super::library_in_use::in_use_mark;
use super::{casebook_path, content_in_use, library_in_use};

/// Most drafts that are listed.
const DRAFTS_MAX: usize = 1_000;
/// Fewest replicates of a reference that is measured here.
const REPLICATES_MIN: usize = 3;
/// What stands behind a draft's name.
const ENDING: &str = ".draft";
/// Which share of the steps is told and whether to go on.
type GoOn<'a> = &'a (dyn Fn(usize, usize) -> bool + Sync);

/// Does the steps on one data folder.
pub(super) struct DeskWorker {
    data_dir: PathBuf,
    open: Option<(String, PackContent)>,
    prepared: Option<(PreparedReference, String)>,
    /// The library in use, and what told that it is: reading a large one takes its time.
    used: Option<(String, Arc<Library>)>,
}

impl DeskWorker {
    pub(super) const fn new(data_dir: PathBuf) -> Self {
        Self { data_dir, open: None, prepared: None, used: None }
    }

    /// One step in the name of who is signed in. A refusal is a sentence.
    pub(super) fn fulfil(
        &mut self,
        wish: LaboratoryWish,
        actor: Option<&Actor>,
        go_on: GoOn<'_>,
    ) -> Result<Done, String> {
        let author = match wish.act() {
            None => String::new(),
            Some(act) => self.author(actor, act)?,
        };
        self.step(wish, &author, go_on).map_err(|error| error.0)
    }

    /// Who does it. While no account is enrolled nobody needs to be signed in; then nobody can approve.
    fn author(&self, actor: Option<&Actor>, act: Act) -> Result<String, String> {
        if let Some(actor) = actor {
            return if actor.role().may(act) {
                Ok(actor.name().to_owned())
            } else {
                Err("The role of this account may not do this (docs/casebook.md has the table); somebody whose role may must sign in.".to_owned())
            };
        }
        let path = casebook_path(&self.data_dir);
        let enrolled = path.exists() && Casebook::open(&path).and_then(|book| book.has_accounts()).map_err(say)?;
        if enrolled { Err("Accounts are enrolled; sign in to do this.".to_owned()) } else { Ok(NOBODY.to_owned()) }
    }

    fn step(&mut self, wish: LaboratoryWish, author: &str, go_on: GoOn<'_>) -> Result<Done, Sentence> {
        let now = Timestamp::now();
        Ok(Done::Said(match wish {
            LaboratoryWish::Look => return Ok(Done::Looked),
            LaboratoryWish::Begin { draft, name, version, empty } => {
                self.begin(&draft, name.as_deref(), &version, empty, now)?
            }
            LaboratoryWish::Open(name) => {
                let content = pack::read_draft(&self.draft_path(&name)?)?;
                self.open = Some((name, content));
                return Ok(Done::Looked);
            }
            LaboratoryWish::Import(order) => return self.import(&order, author, now, go_on),
            LaboratoryWish::Prepare { records, facts } => {
                let prepared = self.prepare(&records, &facts, author, now, go_on)?;
                let shown = Box::new(prepared.clone());
                self.prepared = Some((prepared, author.to_owned()));
                return Ok(Done::Prepared(shown));
            }
            LaboratoryWish::Submit => self.submit(author, now)?,
            LaboratoryWish::Edit(wish) => {
                let in_use = self.in_use(now)?;
                let done = self.change(|content| {
                    let earlier = fact_digests(&content.library);
                    *content = edit(content.clone(), &wish, author, now)?;
                    Ok(propose(content, &earlier, &in_use, author, now))
                })?;
                match done.first() {
                    None => "What is in use says the same again: nothing to review.".to_owned(),
                    Some(change) => {
                        format!("Submitted the change of {}. Another person must review it.", change.name)
                    }
                }
            }
            LaboratoryWish::SubmitFacts => {
                let in_use = self.in_use(now)?;
                let done = self.change(|content| Ok(submit_facts(content, &in_use, author, now)))?;
                format!("Submitted {}. Another person must review them.", changes(done.len()))
            }
            LaboratoryWish::Review { ids, verdict } => {
                let in_use = self.in_use(now)?;
                let done = self.change(|content| Ok(review(content, &in_use, &ids, &verdict, author, now)?))?;
                let word = if verdict == Verdict::Approve { "Approved" } else { "Returned" };
                match (done.references.len(), done.facts.len()) {
                    (0, facts) => format!("{word} {}.", changes(facts)),
                    (count, 0) => format!("{word} {}.", references(count)),
                    (count, facts) => format!("{word} {} and {}.", references(count), changes(facts)),
                }
            }
            LaboratoryWish::TakeOut { ids, reason } => {
                let in_use = self.in_use(now)?;
                let done = self.change(|content| Ok(take_out(content, &in_use, &ids, &reason, author, now)?))?;
                format!("Took {} out of the draft.", references(done.len()))
            }
            LaboratoryWish::Evaluate { folder, labels } => {
                let queries = labelled_queries(&folder, &labels, go_on)?.queries;
                let in_use = self.in_use(now)?;
                let draft = Arc::new(self.content()?.library.clone());
                let report = compare(&in_use, &draft, &queries, now, go_on)?;
                let words = format!(
                    "Asked both about {} spectra: {} gains, {} regressions, {}.",
                    report.spectra,
                    report.gains.len(),
                    report.regressions(),
                    changes(report.changed_facts.len())
                );
                self.change(|content| {
                    report.keep_in(content, None);
                    Ok(())
                })?;
                words
            }
            LaboratoryWish::Sign(order) => self.sign(&order, now)?,
            LaboratoryWish::Install { pack, other_name } => {
                let installed = PackShelf::of(&self.data_dir).install(&pack, now, other_name)?;
                format!("Installed {} {}.", installed.name, installed.version)
            }
            LaboratoryWish::Rollback(to) => {
                let used = PackShelf::of(&self.data_dir).rollback(Some(to.trim()).filter(|t| !t.is_empty()))?;
                let what = used.map_or("the bundled library".to_owned(), |p| format!("{} {}", p.name, p.version));
                format!("Chosen: {what}.")
            }
            LaboratoryWish::CreateKey { name, passphrase } => self.create_key(name.trim(), &passphrase)?,
            LaboratoryWish::Trust(verifier) => {
                let verifier = NoteVerifier::parse(verifier.trim()).map_err(PackError::from)?;
                PackShelf::of(&self.data_dir).change_trust(|list| list.trust(&verifier, now))?;
                format!("Packs of {} are taken from now on.", verifier.name())
            }
            LaboratoryWish::Revoke { name, why } => {
                if why.trim().is_empty() {
                    return Err(Sentence("Say why the key is taken back.".to_owned()));
                }
                PackShelf::of(&self.data_dir).change_trust(|list| list.revoke(name.trim(), why.trim(), now))?;
                format!("Nothing that {} signed is used any more.", name.trim())
            }
        }))
    }

    fn folder(&self) -> PathBuf {
        self.data_dir.join("laboratory")
    }

    /// The file of a draft; a name that leads elsewhere is refused.
    fn draft_path(&self, name: &str) -> Result<PathBuf, Sentence> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if name.is_empty() || name.len() > 80 || name.starts_with('.') || !name.bytes().all(plain) {
            return Err(Sentence("A draft's name has letters, digits, dots, hyphens and underscores.".to_owned()));
        }
        Ok(self.folder().join("drafts").join(format!("{name}{ENDING}")))
    }

    /// The library in use.
    fn in_use(&mut self, now: Timestamp) -> Result<Arc<Library>, PackError> {
        let mark = in_use_mark(&self.data_dir);
        if let Some((_, library)) = self.used.as_ref().filter(|(known, _)| *known == mark) {
            return Ok(Arc::clone(library));
        }
        let library = library_in_use(&self.data_dir, now)?.library;
        self.used = Some((mark, Arc::clone(&library)));
        Ok(library)
    }

    fn content(&self) -> Result<&PackContent, Sentence> {
        self.open.as_ref().map(|(_, content)| content).ok_or_else(no_draft)
    }

    /// Changes the open draft, on the disk first.
    fn change<T>(&mut self, change: impl FnOnce(&mut PackContent) -> Result<T, Sentence>) -> Result<T, Sentence> {
        let (name, content) = self.open.as_ref().ok_or_else(no_draft)?;
        let mut new = content.clone();
        let value = change(&mut new)?;
        let path = self.draft_path(name)?;
        pack::write_draft(&path, &new)?;
        self.open = Some((name.clone(), new));
        self.prepared = None;
        Ok(value)
    }

    fn begin(
        &mut self,
        draft: &str,
        name: Option<&str>,
        version: &str,
        empty: bool,
        now: Timestamp,
    ) -> Result<String, Sentence> {
        let path = self.draft_path(draft)?;
        if path.exists() {
            return Err(Sentence(format!("There is a draft {draft} already; open it, or choose another name.")));
        }
        PackVersion::parse(version)?;
        let used = content_in_use(&self.data_dir, now)?;
        let content = begin(used, name, version, empty, now)?;
        let folder = self.folder().join("drafts");
        fs::create_dir_all(&folder).map_err(|e| Sentence(format!("{} cannot be made: {e}.", folder.display())))?;
        pack::write_draft(&path, &content)?;
        self.open = Some((draft.to_owned(), content));
        Ok(format!("Began the draft {draft}, version {version}."))
    }

    fn import(&mut self, order: &ImportOrder, author: &str, now: Timestamp, go_on: GoOn<'_>) -> Result<Done, Sentence> {
        let answers = order.answers.clone().or(remembered_answers(&self.data_dir, &order.source)?);
        let naming = match &order.labels {
            Some(table) => Naming::Table(read_labels(table)?),
            None => order.naming.clone(),
        };
        let statement = Import {
            source: order.source.clone(),
            answers,
            tier: order.tier,
            naming,
            author: author.to_owned(),
            at: now,
        };
        let files = collect_files(&order.files)?;
        let (content, report) = import(self.content()?.clone(), &files, &statement, go_on)?;
        if order.save {
            if !report.taken.is_empty() {
                let in_use = self.in_use(now)?;
                self.change(|draft| {
                    let earlier = fact_digests(&draft.library);
                    *draft = content;
                    propose(draft, &earlier, &in_use, author, now);
                    Ok(())
                })?;
            }
            keep_answers(&self.data_dir, &order.source, &statement.answers)?;
        }
        Ok(Done::Imported { report, saved: order.save })
    }

    fn prepare(
        &self,
        records: &[i64],
        facts: &StandardFacts,
        author: &str,
        now: Timestamp,
        go_on: GoOn<'_>,
    ) -> Result<PreparedReference, Sentence> {
        if records.len() < REPLICATES_MIN {
            return Err(Sentence(format!(
                "A reference needs at least {REPLICATES_MIN} replicates: scan the standard again, placed anew each time."
            )));
        }
        let book = Casebook::open(&casebook_path(&self.data_dir)).map_err(|e| Sentence(say(e)))?;
        let mut replicates = Vec::new();
        for id in records {
            let scan = book.load(*id).map_err(|e| Sentence(say(e)))?;
            replicates.push(Replicate::of_scan(&scan)?);
        }
        Ok(prepare_reference(self.content()?, &replicates, facts, author, now, go_on)?)
    }

    fn submit(&mut self, author: &str, now: Timestamp) -> Result<String, Sentence> {
        let (prepared, by) = self
            .prepared
            .clone()
            .ok_or_else(|| Sentence("Nothing is prepared; measure the standard first.".to_owned()))?;
        if by != author {
            return Err(Sentence("Somebody else prepared this reference; prepare it again.".to_owned()));
        }
        let name = prepared.substance.clone();
        let in_use = self.in_use(now)?;
        self.change(|content| {
            let earlier = fact_digests(&content.library);
            *content = submit(content.clone(), prepared, author, now)?;
            propose(content, &earlier, &in_use, author, now);
            Ok(())
        })?;
        Ok(format!("Submitted the reference of {name}. Another person must review it."))
    }

    fn sign(&mut self, order: &ReleaseOrder, now: Timestamp) -> Result<String, Sentence> {
        let in_use = self.in_use(now)?;
        let bundled = Library::bundled().map_err(PackError::from)?;
        let mut content = self.content()?.clone();
        check_training(&content, order.training)?;
        check_references(&content, &[bundled.as_ref(), in_use.as_ref()])?;
        check_facts(&mut content, &in_use)?;
        check_comparison(&mut content, &in_use, Some(&order.not_evaluated), Some(&order.justification))?;
        let signer = KeyStore::of(&self.data_dir).open(order.key.trim(), order.passphrase.as_typed())?;
        content.made_at = now;
        let folder = self.folder().join("packs");
        fs::create_dir_all(&folder).map_err(|e| Sentence(format!("{} cannot be made: {e}.", folder.display())))?;
        let LibraryIdentity { name, version, .. } = &content.library.identity;
        let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let path = folder.join(format!("{plain}-{version}.pack"));
        if path.exists() {
            return Err(Sentence(format!(
                "{} is there already; a version is signed once. Begin a draft of the next version.",
                path.display()
            )));
        }
        pack::sign(&path, &content, &signer)?;
        Ok(format!("Signed: {}", path.display()))
    }

    fn create_key(&self, name: &str, passphrase: &Secret) -> Result<String, Sentence> {
        let (mut secret, mut random) = ([0; 32], [0; 40]);
        SysRng.try_fill_bytes(&mut secret).and_then(|()| SysRng.try_fill_bytes(&mut random)).map_err(|e| {
            Sentence(format!(
                "This system gives no random numbers ({e}), so no key was made; restart it and try again."
            ))
        })?;
        let verifier = KeyStore::of(&self.data_dir).create(name, passphrase.as_typed(), &secret, &random)?;
        Ok(format!("Made the key. Units that are to trust it need this line: {}", verifier.text()))
    }

    /// How things stand. What cannot be read is said beside the rest.
    pub(super) fn look(&mut self) -> Desk {
        let mut trouble = None;

        let shelf = PackShelf::of(&self.data_dir);
        let in_use = self.open.is_some().then(|| self.in_use(Timestamp::now()));
        let mut or_say = |error: PackError| trouble = Some(error.to_string());
        let in_use = in_use.and_then(|used| used.map_err(&mut or_say).ok());
        let packs = shelf.current().map_err(&mut or_say).unwrap_or_default();
        let trusted = shelf.trust().map_err(&mut or_say).map(|list| list.keys).unwrap_or_default();
        Desk {
            drafts: drafts_in(&self.folder().join("drafts")),
            draft: self.open.as_ref().map(|(name, content)| DraftState::of(name, content, in_use.as_deref())),
            packs,
            signing: KeyStore::of(&self.data_dir).names(),
            trusted,
            trouble,
        }
    }
}

fn drafts_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.take(DRAFTS_MAX).map(|e| e.file_name().to_string_lossy().into_owned());
    let mut drafts: Vec<String> = names.filter_map(|n| n.strip_suffix(ENDING).map(str::to_owned)).collect();
    drafts.sort();
    drafts
}

fn references(n: usize) -> String {
    if n == 1 { "1 reference".to_owned() } else { format!("{n} references") }
}

fn changes(n: usize) -> String {
    if n == 1 { "1 change of facts".to_owned() } else { format!("{n} changes of facts") }
}

/// Why a step was not done, for a screen.
struct Sentence(String);

fn no_draft() -> Sentence {
    Sentence("No draft is open; begin or open one.".to_owned())
}

fn say(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl From<PackError> for Sentence {
    fn from(error: PackError) -> Self {
        Self(error.to_string())
    }
}

impl From<LaboratoryError> for Sentence {
    fn from(error: LaboratoryError) -> Self {
        Self(error.to_string())
    }
}
