//! `parcelscope library`: what the program can search for, and where each reference came from.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Context, output};
use crate::library::pack::{Filter, ListedSubstance, PackShelf};
use crate::library::{Library, Reference, Substance};
use crate::session;
use crate::spectrum::Technique;

mod add;
mod edit;
mod evaluation;
mod import;
mod keys;
mod packs;
mod people;
mod provenance;
mod review;

/// Arguments of `library`.
#[derive(Args, Debug)]
pub struct LibraryArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// List every substance with its groups and how many references it has
    List {
        /// Only substances on a watch list
        #[arg(long)]
        listed: bool,
        /// Only those of which a name, synonym, key or CAS number holds this
        #[arg(long, value_name = "TEXT")]
        find: Option<String>,
        /// Only members of this group
        #[arg(long, value_name = "GROUP")]
        group: Option<String>,
        /// Print instead the licence texts that travel along with the bundled references
        #[arg(long)]
        notices: bool,
        /// A pack or a draft instead of the library in use
        #[arg(long, value_name = "PACK")]
        library: Option<PathBuf>,
    },
    /// Show one substance, found by key, name, synonym or CAS number
    Show {
        /// Key, name, synonym or CAS number
        name: String,
        /// Also print every band
        #[arg(long)]
        bands: bool,
        /// A pack or a draft instead of the library in use
        #[arg(long, value_name = "PACK")]
        library: Option<PathBuf>,
    },
    /// Make a draft from the library in use, to add references to
    Draft(packs::DraftArgs),
    /// Propose other facts of a substance in a draft: groups, names, CAS number, control status
    Edit(Box<edit::EditArgs>),
    /// Propose another level, title or note of a group in a draft, or a new group
    Group(edit::GroupArgs),
    /// List the facts that a draft states otherwise than what is in use, one by one
    Changes(edit::ChangesArgs),
    /// Submit changed facts that nobody has submitted
    Submit(edit::SubmitArgs),
    /// List what waits for a reviewer, approve it or return it
    Review(review::ReviewArgs),
    /// Take references that wait out of a draft again
    TakeOut(review::TakeOutArgs),
    /// Compare a draft or pack with the library in use on labelled spectra, one by one
    Evaluate(evaluation::EvaluateArgs),
    /// Check a pack or a draft: signature, every byte, every rule
    Check(packs::CheckArgs),
    /// Sign a draft: the pack that units install
    Sign(packs::SignArgs),
    /// Install a signed pack; the one before stays for a rollback
    Install(packs::InstallArgs),
    /// Use an earlier installed pack again
    Rollback(packs::RollbackArgs),
    /// List the installed packs
    Installed,
    /// Warn when the pack in use is older than this
    WarnAfter(packs::WarnArgs),
    /// Keys that sign packs, and keys whose packs are taken
    Key {
        #[command(subcommand)]
        action: keys::KeyAction,
    },
    /// Add a reference from replicates of a standard: from the analyzer, recorded scans or files
    Add(Box<add::AddArgs>),
    /// Bring the spectra of others into a draft: files, folders or archives
    Import(import::ImportArgs),
}

/// Runs `library`.
pub fn run(args: LibraryArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    match args.action {
        Action::List { notices: true, .. } => print_notices(context),
        Action::List { listed, find: None, group: None, library, .. } => {
            with_library(library.as_deref(), context, |l| list(l, listed, context))
        }
        Action::List { listed, find, group, library, .. } => {
            let filter = Filter { text: find.unwrap_or_default(), group, listed, most: FOUND_MAX };
            list_found(library.as_deref(), &filter, context)
        }
        Action::Show { name, bands, library } => {
            with_library(library.as_deref(), context, |l| show(l, &name, bands, context))
        }
        Action::Draft(args) => packs::draft(&args, context),
        Action::Edit(args) => edit::substance(*args, context),
        Action::Group(args) => edit::group(args, context),
        Action::Changes(args) => edit::changes(&args, context),
        Action::Submit(args) => edit::submit(&args, context),
        Action::Review(args) => review::run(&args, context),
        Action::TakeOut(args) => review::remove(&args, context),
        Action::Evaluate(args) => evaluation::run(&args, context),
        Action::Check(args) => packs::check(&args, context),
        Action::Sign(args) => packs::sign(&args, context),
        Action::Install(args) => packs::install(&args, context),
        Action::Rollback(args) => packs::rollback(&args, context),
        Action::Installed => packs::installed(context),
        Action::WarnAfter(args) => packs::warn_after(&args, context),
        Action::Key { action } => keys::run(action, context),
        Action::Add(args) => add::run(&args, context),
        Action::Import(args) => import::run(&args, context),
    }
}

/// Most substances that a filtered list shows.
const FOUND_MAX: u32 = 10_000;

/// Lists what fits. The installed pack is asked itself, without reading its library.
fn list_found(pack: Option<&Path>, filter: &Filter, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let data_dir = packs::data_dir(context)?;
    let used = if pack.is_none() { PackShelf::of(&data_dir).open_used()? } else { None };
    let (found, name) = if let Some((installed, used)) = used {
        (used.find(filter)?, format!("{} {}", installed.name, installed.version))
    } else {
        let library = session::library_to_look_at(pack, &data_dir, Timestamp::now())?.library;
        let fitting = library.substances.iter().enumerate().filter(|(_, s)| filter.fits(s));
        let found = fitting.take(FOUND_MAX as usize).map(|(i, s)| ListedSubstance {
            substance: s.clone(),
            references: library.references_of(i).count() as u64,
        });
        (found.collect(), format!("{} {}", library.identity.name, library.identity.version))
    };
    if context.json {
        let rows: Vec<Value> = found
            .iter()
            .map(|f| {
                let s = &f.substance;
                json!({ "key": s.key, "name": s.name, "cas": s.cas, "groups": s.groups, "alarms": s.alarms,
                        "listed": s.listed, "references": f.references })
            })
            .collect();
        output::print_json(&json!({ "library": name, "substances": rows }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = format!("{name}: {} found\n", found.len());
    for f in &found {
        row(&mut text, &f.substance, f.references)?;
    }
    output::print_text(&output::printable(&text))?;
    Ok(ExitCode::SUCCESS)
}

fn row(text: &mut String, s: &Substance, references: u64) -> std::fmt::Result {
    let (cas, groups) = (s.cas.as_deref().unwrap_or("-"), s.groups.join(", "));
    writeln!(text, "{:<34} {cas:<13} {:<8} {references:>4}  {groups}", s.name, standing(s))
}

fn with_library(
    pack: Option<&Path>,
    context: &Context,
    act: impl FnOnce(&Library) -> Result<(), anyhow::Error>,
) -> Result<ExitCode, anyhow::Error> {
    let data_dir = packs::data_dir(context)?;
    let used = session::library_to_look_at(pack, &data_dir, Timestamp::now())?;
    if let Some(warning) = &used.warning {
        output::complain(warning);
    }
    let age = if pack.is_none() { session::pack_age(&data_dir)? } else { None };
    if let Some(age) = age.filter(|_| !context.json) {
        output::complain(&output::printable(&format!("reference pack: {}", age.words(Timestamp::now()))));
    }
    act(&used.library)?;
    Ok(ExitCode::SUCCESS)
}

fn print_notices(context: &Context) -> Result<ExitCode, anyhow::Error> {
    let notices = Library::bundled_notices();
    if context.json {
        let all: Vec<Value> = notices.iter().map(|(file, text)| json!({ "file": file, "text": text })).collect();
        output::print_json(&all)?;
    } else {
        let all: Vec<String> = notices.iter().map(|(file, text)| format!("{file}\n\n{text}")).collect();
        output::print_text(&all.join("\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `ALARM`, `watched` or nothing, as on the screen.
fn standing(substance: &Substance) -> &'static str {
    match (substance.alarms, substance.listed) {
        (true, _) => "ALARM",
        (false, true) => "watched",
        (false, false) => "",
    }
}

fn list(library: &Library, only_listed: bool, context: &Context) -> Result<(), anyhow::Error> {
    let wanted = || library.substances.iter().enumerate().filter(|(_, s)| s.listed || !only_listed);
    let coverage = library.coverage(Technique::Raman);
    if context.json {
        let substances: Vec<Value> = wanted()
            .map(|(i, s)| {
                let mut row = json!({
                    "key": s.key, "name": s.name, "cas": s.cas, "related_cas": s.related_cas, "groups": s.groups,
                    "alarms": s.alarms, "listed": s.listed, "unverified": s.unverified_facts,
                });
                row["references"] = library
                    .references_of(i)
                    .map(|r| json!({ "tier": r.tier, "technique": r.technique, "form": r.form }))
                    .collect();
                row
            })
            .collect();
        let names = |indices: &[usize]| -> Vec<&str> {
            indices.iter().filter_map(|i| library.substances.get(*i)).map(|s| s.name.as_str()).collect()
        };
        output::print_json(&json!({
            "library": library.identity,
            "groups": library.groups,
            "substances": substances,
            "coverage": {
                "technique": Technique::Raman,
                "listed_measured": names(&coverage.measured),
                "listed_literature": names(&coverage.literature),
                "listed_computed_only": names(&coverage.computed_only),
                "not_searchable": names(&coverage.not_searchable),
            },
        }))?;
        return Ok(());
    }
    let mut text = format!(
        "{} {}  sha256 {}\n\n{:<34} {:<13} {:<8} {:>4}  groups\n",
        library.identity.name, library.identity.version, library.identity.sha256, "substance", "CAS", "", "refs"
    );
    for (i, s) in wanted() {
        row(&mut text, s, library.references_of(i).count() as u64)?;
    }
    writeln!(
        text,
        "\nListed substances, Raman: {} with a measured reference, {} from the literature, {} calculated only \
         (at most a possible), {} not searchable.",
        coverage.measured.len(),
        coverage.literature.len(),
        coverage.computed_only.len(),
        coverage.not_searchable.len()
    )?;
    output::print_text(&output::printable(&text))?;
    Ok(())
}

fn show(library: &Library, name: &str, bands: bool, context: &Context) -> Result<(), anyhow::Error> {
    let Some(index) = library.find_index(name) else {
        anyhow::bail!(
            "no substance of the library has the key, name, synonym or CAS number '{name}'; 'parcelscope library list' shows all"
        );
    };
    let Some(substance) = library.substances.get(index) else {
        anyhow::bail!("the library has no substance {index}");
    };
    let references: Vec<&Reference> = library.references_of(index).collect();
    if context.json {
        let references: Vec<Value> = references
            .iter()
            .map(|r| {
                let mut row = json!({
                    "form": r.form, "cas": r.cas, "tier": r.tier, "technique": r.technique, "laser_nm": r.laser_nm,
                    "range_cm1": [r.range_cm1.0, r.range_cm1.1], "source": library.source(&r.source),
                    "source_item": r.source_item, "licence": r.licence, "own_resolution_cm1": r.own_resolution_cm1,
                    "usual_widths": r.usual_widths, "usual_heights": r.usual_heights, "band_count": r.band_count(),
                    "can_support_identification": r.can_support_identification(), "provenance": r.provenance,
                    "measured_points": r.measured.as_ref().map(|m| m.spectrum().axis_cm1().len()),
                });
                if bands {
                    row["bands"] = json!(r.bands);
                }
                row
            })
            .collect();
        output::print_json(&json!({ "library": library.identity, "substance": substance, "references": references }))?;
        return Ok(());
    }
    output::print_text(&output::printable(&describe(library, substance, &references, bands)?))?;
    Ok(())
}

fn describe(
    library: &Library,
    substance: &Substance,
    references: &[&Reference],
    bands: bool,
) -> Result<String, anyhow::Error> {
    let mut text = format!("{}  {}\n", substance.name, standing(substance));
    let mut line = |label: &str, value: &str| -> std::fmt::Result {
        if value.is_empty() { Ok(()) } else { writeln!(text, "  {label:<16} {value}") }
    };
    let titles: Vec<&str> =
        substance.groups.iter().map(|k| library.group(k).map_or(k.as_str(), |g| g.title.as_str())).collect();
    line("key", &substance.key)?;
    line("other names", &substance.synonyms.join(", "))?;
    line("CAS", substance.cas.as_deref().unwrap_or("none known"))?;
    for form in &substance.related {
        line("also", &format!("{} ({})", form.name, form.cas))?;
    }
    line("formula", substance.formula.as_deref().unwrap_or_default())?;
    line("groups", &titles.join(", "))?;
    for (label, fact) in substance.control.lines(&substance.unverified_facts) {
        line(&label, &fact)?;
    }
    line("hazards", &substance.hazards.join(", "))?;
    line("NOT VERIFIED", &substance.unverified_facts.join(", "))?;
    for note in &substance.notes {
        line("note", note)?;
    }
    for fact in &substance.facts_from {
        line("facts from", fact)?;
    }
    if references.is_empty() {
        writeln!(text, "\nNo reference: not searchable.")?;
    }
    for r in references {
        let tier = json!(r.tier);
        write!(text, "\n{} {}", tier.as_str().unwrap_or_default(), r.technique)?;
        if !r.form.is_empty() {
            write!(text, ", {}", r.form)?;
        }
        if let Some(laser) = r.laser_nm {
            write!(text, ", {laser} nm")?;
        }
        let (from, to) = r.range_cm1;
        writeln!(text, ", {from} to {to} cm-1, {} bands", r.band_count())?;
        let citation = library.source(&r.source).map_or("", |s| s.citation.as_str());
        writeln!(text, "  source {} ({}): {citation}", r.source, r.licence)?;
        if r.usual_widths {
            writeln!(text, "  widths are the usual ones, not measured")?;
        }
        if r.usual_heights {
            writeln!(text, "  heights are not known: a list of positions")?;
        }
        if let Some(provenance) = &r.provenance {
            for line in provenance::lines(provenance) {
                writeln!(text, "  {line}")?;
            }
        }
        if !r.can_support_identification() {
            writeln!(text, "  cannot support an identification alone")?;
        }
        if bands {
            writeln!(text, "  position/cm-1  height   fwhm/cm-1  lorentz")?;
            for b in &r.bands {
                writeln!(
                    text,
                    "  {:>13.2} {:>7.4} {:>11.1} {:>8.2}",
                    b.position_cm1, b.height, b.fwhm_cm1, b.lorentz_fraction
                )?;
            }
        }
    }
    Ok(text)
}
