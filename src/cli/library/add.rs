//! `library add`: a reference from replicates of a standard, straight from the analyzer, from recorded scans or from files.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, bail};
use clap::Args;
use jiff::Timestamp;

use super::super::input::{self, ChoiceArgs};
use super::super::kit_args::KitArgs;
use super::super::scan::{fresh_seed, scan_times, watch_signals};
use super::super::secrets::SecretInput;
use super::super::{Context, casebook, output};
use super::edit::in_use;
use super::packs::data_dir;
use super::people;
use crate::casebook::{Act, Actor, Casebook};
use crate::formats::SpectrumKind;
use crate::laboratory::{
    NOBODY, PreparedReference, Replicate, StandardFacts, SubstanceFacts, prepare_reference, propose, submit,
};
use crate::library::{Control, SourceFile, fact_digests, pack};
use crate::session::{KitChoice, KitShelf, SessionConfig, casebook_path};

/// The name that stands for the kit in memory.
const EMULATOR: &str = "emulator";

/// Arguments of `library add`.
#[derive(Args, Debug)]
#[command(
    after_help = "At least three replicates, each of a newly placed sample, from one kit whose performance check was passed and still \
                  holds.\nEverything is shown before it is saved; --preview saves nothing. What is saved waits for a reviewer.\n\
                  An emulated analyzer gives a simulated reference, and the draft then is one for training and says so in its name."
)]
pub(super) struct AddArgs {
    /// The draft ('library draft' makes one)
    #[arg(long, value_name = "DRAFT")]
    into: PathBuf,
    /// Name of the substance
    #[arg(long, value_name = "NAME")]
    substance: String,
    #[command(flatten)]
    facts: FactArgs,
    #[command(flatten)]
    origin: OriginArgs,
    /// Account with the role laboratory; the secret is read from standard input
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Show everything and save nothing
    #[arg(long)]
    preview: bool,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "What is stated of the standard")]
struct FactArgs {
    /// Another name; can be given again
    #[arg(long = "synonym", value_name = "NAME")]
    synonyms: Vec<String>,
    /// CAS number; its check digit must fit
    #[arg(long, value_name = "NUMBER")]
    cas: Option<String>,
    /// Molecular formula; the molar mass is computed from it
    #[arg(long, value_name = "FORMULA")]
    formula: Option<String>,
    /// Salt, base, hydrate, polymorph
    #[arg(long, value_name = "TEXT", default_value = "")]
    form: String,
    /// Group of a new substance; can be given again
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// Control in the United States, with its source
    #[arg(long, value_name = "TEXT")]
    control_us: Option<String>,
    /// Control by the conventions of the United Nations, with its source
    #[arg(long, value_name = "TEXT")]
    control_un: Option<String>,
    /// Control in the European Union and China, with its source
    #[arg(long, value_name = "TEXT")]
    control_eu_cn: Option<String>,
    /// Lot of the standard
    #[arg(long, value_name = "NUMBER")]
    lot: Option<String>,
    /// Number of its certificate
    #[arg(long, value_name = "NUMBER")]
    certificate: Option<String>,
    /// Purity as certified, percent by mass
    #[arg(long, value_name = "PERCENT")]
    purity: Option<f64>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Where the replicates come from")]
struct OriginArgs {
    /// Numbers of recorded scans, joined by commas
    #[arg(long, value_name = "ID", value_delimiter = ',', required_unless_present_any = ["file", "port", "kit"])]
    from_scans: Vec<i64>,
    /// Spectrum files, one replicate each; needs --instrument and --checked
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "instrument", requires = "checked", conflicts_with = "from_scans")]
    file: Vec<PathBuf>,
    /// Instrument of the files: model and serial number
    #[arg(long, value_name = "TEXT")]
    instrument: Option<String>,
    /// Which performance check the instrument of the files had passed, and when
    #[arg(long, value_name = "TEXT")]
    checked: Option<String>,
    /// Scan now: port of the spectrometer, or 'emulator'
    #[arg(long, value_name = "PORT|emulator", conflicts_with_all = ["from_scans", "file", "kit"])]
    port: Option<String>,
    /// Scan now with a saved kit
    #[arg(long, value_name = "NAME", conflicts_with_all = ["from_scans", "file", "laser_port"])]
    kit: Option<String>,
    #[command(flatten)]
    on_ports: KitArgs,
    /// How often to scan
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(3..=50))]
    replicates: u8,
    /// What lies under the emulated probe, by a name of the library in use
    #[arg(long, value_name = "NAME")]
    sample: Option<String>,
    /// Which emulated unit
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    choices: ChoiceArgs,
}

pub(super) fn run(args: &AddArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let content = pack::read_draft(&args.into)
        .with_context(|| format!("{} is no draft; 'parcelscope library draft' makes one", args.into.display()))?;
    let mut secrets = SecretInput::new();
    let actor = operator(args, &mut secrets, context)?;
    let author = actor.as_ref().map_or(NOBODY, Actor::name).to_owned();
    let facts = args.facts.standard(&args.substance, &author);
    // What is wrong with the facts is said before anybody scans.
    facts.substance.molar_mass_g_mol()?;
    let replicates = args.origin.replicates(&args.substance, actor, &mut secrets, context)?;
    let interrupted = watch_signals().context("the signals of this process cannot be watched; try again")?;
    let go_on = |_, _| !interrupted.load(Ordering::SeqCst);
    let at = Timestamp::now();
    let prepared = prepare_reference(&content, &replicates, &facts, &author, at, &go_on)?;
    if context.json {
        let mut document = serde_json::to_value(&prepared)?;
        if let Some(fields) = document.as_object_mut() {
            fields.insert("saved".to_owned(), (!args.preview).into());
            fields.insert("records".to_owned(), replicates.iter().map(|r| r.from.name.clone()).collect());
        }
        output::print_json(&document)?;
    } else {
        output::print_text(&output::printable(&describe(&prepared, &facts, args.preview)?))?;
    }
    if !args.preview {
        let earlier = fact_digests(&content.library);
        let mut content = submit(content, prepared, &author, at)?;
        propose(&mut content, &earlier, in_use(context)?.as_ref(), &author, at);
        pack::write_draft(&args.into, &content)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Who adds, permitted by the role table; nobody while no account is enrolled.
fn operator(args: &AddArgs, secrets: &mut SecretInput, context: &Context) -> Result<Option<Actor>, anyhow::Error> {
    match &args.user {
        Some(user) => Ok(Some(people::signed_in(user, Act::SubmitReference, secrets, context)?)),
        None => people::author_with(None, Act::SubmitReference, secrets, context).map(|_| None),
    }
}

impl FactArgs {
    fn standard(&self, name: &str, author: &str) -> StandardFacts {
        StandardFacts {
            substance: SubstanceFacts {
                name: name.to_owned(),
                synonyms: self.synonyms.clone(),
                cas: self.cas.clone(),
                formula: self.formula.clone(),
                groups: self.groups.clone(),
                control: Control {
                    us: self.control_us.clone(),
                    un: self.control_un.clone(),
                    eu_cn: self.control_eu_cn.clone(),
                    ..Control::default()
                },
                stated_by: format!("stated by operator {author}"),
            },
            form: self.form.clone(),
            lot: self.lot.clone(),
            certificate: self.certificate.clone(),
            purity_percent: self.purity,
        }
    }
}

impl OriginArgs {
    fn replicates(
        &self,
        substance: &str,
        actor: Option<Actor>,
        secrets: &mut SecretInput,
        context: &Context,
    ) -> Result<Vec<Replicate>, anyhow::Error> {
        if !self.file.is_empty() {
            return self.file.iter().map(|path| self.of_file(path)).collect();
        }
        if !self.from_scans.is_empty() {
            let book = casebook::existing(context)?;
            let load = |id: &i64| Ok(Replicate::of_scan(&book.load(*id)?)?);
            return self.from_scans.iter().map(load).collect();
        }
        let kit = self.kit_choice(substance, context)?;
        let in_memory = matches!(kit, KitChoice::Emulator { .. });
        let folder = data_dir(context)?;
        if let Some(actor) = &actor {
            Casebook::open(&casebook_path(&folder))?.permit(Timestamp::now(), actor, Act::Scan, None)?;
        }
        let config = SessionConfig::new(folder, kit).with_operator(actor);
        let scans = scan_times(self.replicates.into(), config, |number| {
            if in_memory {
                return Ok(()); // nobody can place anything under an emulated probe
            }
            secrets.pause(&format!(
                "replicate {} of {}: take the sample away, place it anew and press Enter",
                number + 1,
                self.replicates
            ))
        })?;
        scans.iter().map(|scan| Ok(Replicate::of_scan(scan)?)).collect()
    }

    fn kit_choice(&self, substance: &str, context: &Context) -> Result<KitChoice, anyhow::Error> {
        if let Some(kit) = &self.kit {
            return Ok(KitChoice::Saved(KitShelf::of(&data_dir(context)?).find(kit)?.id()));
        }
        let port = self.port.clone().context("name recorded scans, files, a port or a kit")?;
        if port == EMULATOR {
            let sample = self.sample.clone().unwrap_or_else(|| substance.to_owned());
            return Ok(KitChoice::Emulator { sample, seed: self.seed.unwrap_or_else(fresh_seed), virtual_time: true });
        }
        if self.sample.is_some() || self.seed.is_some() {
            bail!("--sample and --seed go with --port emulator only");
        }
        self.on_ports.clone().choice(port)
    }

    /// A file that holds one spectrum of a sample.
    fn of_file(&self, path: &std::path::Path) -> Result<Replicate, anyhow::Error> {
        let name = path.display().to_string();
        let (spectra, sha256) = input::read_with_digest(path)?;
        let mut samples = spectra.iter().filter(|s| s.kind == SpectrumKind::Sample);
        let (Some(sample), None) = (samples.next(), samples.next()) else {
            bail!("{name} does not hold exactly one spectrum of a sample; export each replicate into its own file");
        };
        let choices = self.choices.choices()?;
        let comparable = sample.comparable(&choices).with_context(|| format!("{name} cannot be compared"))?;
        if let Some(first) = comparable.assumed.first() {
            bail!("{name}: a reference must not rest on a supposition ({first}); state what the file does not say");
        }
        let laser_nm = sample.laser_nm.or(choices.laser_nm);
        let mut stated = comparable.stated;
        if let (None, Some(nm)) = (sample.laser_nm, choices.laser_nm) {
            stated.push(format!("laser {nm} nm"));
        }
        let checked = self.checked.clone().unwrap_or_default();
        stated.push(format!("performance check: {checked}"));
        let base = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Replicate {
            from: SourceFile { name: base, sha256 },
            spectrum: comparable.spectrum,
            laser_nm,
            simulated: sample.says_simulated(),
            instrument: self.instrument.clone().unwrap_or_default(),
            converted: comparable.converted,
            stated,
            check: format!("stated by operator: {checked}"),
        })
    }
}

fn describe(prepared: &PreparedReference, facts: &StandardFacts, preview: bool) -> Result<String, anyhow::Error> {
    let p = prepared;
    let tier = serde_json::to_value(p.tier)?;
    let mut text = format!(
        "{}{}: {} reference with {} bands\n",
        p.substance,
        if p.new_substance { " (new to the draft)" } else { "" },
        tier.as_str().unwrap_or_default(),
        p.bands
    );
    if let (Some(formula), Some(mass)) = (&facts.substance.formula, p.molar_mass_g_mol) {
        writeln!(text, "  {formula}: {mass:.3} g/mol")?;
    }
    writeln!(text, "  {}", p.check)?;
    for words in &p.converted {
        writeln!(text, "  {words}")?;
    }
    writeln!(text, "\nreplicates, each against the others:")?;
    for r in &p.replicates {
        let out = if r.outlier { "  STANDS OUT, left out of the mean" } else { "" };
        writeln!(text, "  {:<30} correlation {:.4}{out}", r.name, r.correlation)?;
    }
    let c = &p.confusables;
    writeln!(text, "\nnearest other references:")?;
    for (name, score) in &c.nearest {
        let taken = if c.taken_for_it.contains(name) { "  WOULD NOW BE NAMED AS THIS ONE" } else { "" };
        writeln!(text, "  {name:<34} similarity {score:.3}{taken}")?;
    }
    writeln!(text, "\neach replicate against the mean of the others: {} of {} named right", c.named_right, c.asked)?;
    for what in &c.named_else {
        writeln!(text, "  instead: {what}")?;
    }
    writeln!(text, "\nlowest share of the band area that is still found, computed mixtures, not shares of weight:")?;
    for limit in &c.cutting {
        match limit.lowest_share {
            Some(share) => writeln!(text, "  in {:<30} {:.0} %", limit.agent, share * 100.0)?,
            None => writeln!(text, "  in {:<30} not even 50 %", limit.agent)?,
        }
    }
    text.push_str(if preview { "\nNothing was saved.\n" } else { "\nSubmitted; it waits for a reviewer.\n" });
    Ok(text)
}
