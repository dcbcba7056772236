//! `parcelscope kit`: kits that are saved once and found again by who they are.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::casebook::Act;
use crate::session::{
    CheckPolicy, KitChoice, KitChoices, KitId, KitName, KitParts, KitShelf, SavedKit, data_dir, forget_kit,
    keep_choices, read_kit_records,
};

use super::kit_args::KitArgs;
use super::kit_state;
use super::scan::{DEFAULT_SAMPLE, fresh_seed};
use super::{Context, on_kit, output};

/// Arguments of `kit`.
#[derive(Args, Debug)]
#[command(
    after_help = "A saved kit is known by the serial numbers of its devices and the USB adapters through which they are connected. \
                  It is found at whatever port it is now; another unit is never taken for it. Its calibrations and checks are kept \
                  by serial number, also when it is forgotten.\n\
                  Example: parcelscope ports --probe /dev/ttyUSB0 /dev/ttyUSB1\n\
                  \x20        parcelscope kit save 'Gate 4' --port /dev/ttyUSB0 --laser-port /dev/ttyUSB1\n\
                  \x20        parcelscope scan --kit 'Gate 4'"
)]
pub struct KitCommand {
    #[command(subcommand)]
    command: Command,
    /// Account of whoever saves, chooses, forgets or sets the policy, by name or badge; the secret is read from standard input
    #[arg(long, value_name = "NAME", global = true)]
    user: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the saved kits with the state of their performance checks
    List,
    /// Connect to a kit once, and save it where it answers; it is then in use
    Save(Box<SaveArgs>),
    /// Forget a kit; its calibrations and checks stay
    Forget {
        /// Name or serial number
        name: String,
    },
    /// Connect to a kit and say how it is: laser off, its interlock, key, fault and power, temperatures, check
    Status {
        /// Name or serial number, or 'emulator'
        name: String,
    },
    /// Use this kit in the window from the next start on
    Use {
        /// Name or serial number, or 'emulator'
        name: String,
    },
    /// Say what is demanded of performance checks
    Policy(PolicyArgs),
}

#[derive(Args, Debug)]
struct SaveArgs {
    /// What people call it
    name: String,
    /// Port of the spectrometer or the scanner
    #[arg(long, value_name = "PORT")]
    port: String,
    #[command(flatten)]
    on_ports: KitArgs,
}

#[derive(Args, Debug)]
struct PolicyArgs {
    /// Days for which a passed check holds
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=366))]
    valid_days: Option<u32>,
    /// Largest distance of a line of the standard from its place, cm-1, from 0.1 to 10 [default: 3]
    #[arg(long, value_name = "CM-1", value_parser = tolerance)]
    tolerance: Option<f64>,
    /// What happens to a kit whose check is failed, expired or missing
    #[arg(long, value_enum)]
    unverified: Option<Unverified>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Unverified {
    /// It scans, and every answer and record says 'unverified'
    Stamp,
    /// It does not scan
    Refuse,
}

/// One kit, for people and for `--json`.
#[derive(Serialize)]
struct Entry<'a> {
    id: KitId,
    in_use: bool,
    check: String,
    verified: bool,
    #[serde(flatten)]
    kit: &'a SavedKit,
}

#[derive(Serialize)]
struct Listed<'a> {
    kits: Vec<Entry<'a>>,
    trouble: &'a [String],
    check_valid_hours: i64,
    check_tolerance_cm1: f64,
    refuse_unverified: bool,
}

/// A tolerance that the policy can have, cm-1.
fn tolerance(text: &str) -> Result<f64, String> {
    let range = CheckPolicy::TOLERANCE_CM1;
    text.parse().ok().filter(|cm1| range.contains(cm1)).ok_or_else(|| {
        let (least, largest) = (range.start(), range.end());
        format!("'{text}' is no tolerance of a check; give cm-1 between {least} and {largest:.0}")
    })
}

/// Runs `kit`.
pub fn run(args: KitCommand, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let folder = data_dir(context.data_dir.as_deref())?;
    let manager = match args.command {
        Command::List | Command::Status { .. } => None,
        Command::Use { .. } => {
            on_kit::permitted(args.user.as_deref(), Act::ChooseKit, context).context("nothing was changed")?
        }
        Command::Save(_) | Command::Forget { .. } | Command::Policy(_) => {
            on_kit::permitted(args.user.as_deref(), Act::ManageKits, context).context("nothing was changed")?
        }
    };
    match args.command {
        Command::List => {}
        Command::Save(args) => {
            let SaveArgs { name, port, on_ports } = *args;
            let (name, kit) = (KitName::new(&name)?, on_ports.choice(port)?);
            on_kit::save(name, kit, manager, context)?;
        }
        Command::Forget { name } => {
            let id = KitShelf::of(&folder).find(&name)?.id();
            forget_kit(&folder, &id)?;
        }
        Command::Status { name } => {
            let kit = if name == "emulator" {
                KitChoice::Emulator { sample: DEFAULT_SAMPLE.to_owned(), seed: fresh_seed(), virtual_time: false }
            } else {
                KitChoice::Saved(KitShelf::of(&folder).find(&name)?.id())
            };
            return kit_state::print(&*on_kit::status(kit, context)?, context);
        }
        Command::Use { name } => {
            let shelf = KitShelf::of(&folder);
            let in_use = if name == "emulator" { None } else { Some(shelf.find(&name)?.id()) };
            keep_choices(&folder, &KitChoices { in_use, ..shelf.choices })?;
        }
        Command::Policy(PolicyArgs { valid_days, tolerance, unverified }) => {
            let mut choices = KitShelf::of(&folder).choices;
            if let Some(days) = valid_days {
                choices.policy.valid_for = SignedDuration::from_hours(24 * i64::from(days));
            }
            if let Some(cm1) = tolerance {
                choices.policy.tolerance_cm1 = cm1;
            }
            match unverified {
                Some(Unverified::Refuse) => choices.policy.refuse_unverified = true,
                Some(Unverified::Stamp) => choices.policy.refuse_unverified = false,
                None => {}
            }
            keep_choices(&folder, &choices)?;
        }
    }
    list(&KitShelf::of(&folder), context)
}

/// What there is now, after whatever was done.
fn list(shelf: &KitShelf, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let folder = data_dir(context.data_dir.as_deref())?;
    let policy = shelf.choices.policy;
    let mut kits = Vec::new();
    for kit in &shelf.kits {
        let id = kit.id();
        let state = read_kit_records(&folder, &id.0)?.check_state(Timestamp::now(), &policy);
        let in_use = shelf.choices.in_use.as_ref() == Some(&id);
        let check = match kit.parts {
            KitParts::Raman { .. } => state.words(),
            KitParts::Nir { .. } => "a scanner: it is compared with its white reference and has no check".to_owned(),
        };
        kits.push(Entry { id, in_use, check, verified: state.is_verified(), kit });
    }
    let hours = policy.valid_for.as_hours();
    if context.json {
        output::print_json(&Listed {
            kits,
            trouble: &shelf.trouble,
            check_valid_hours: hours,
            check_tolerance_cm1: policy.tolerance_cm1,
            refuse_unverified: policy.refuse_unverified,
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    for Entry { in_use, check, kit, .. } in &kits {
        writeln!(text, "{}{}", kit.name, if *in_use { ", in use" } else { "" })?;
        for device in kit.devices() {
            let adapter = match &device.usb {
                Some(usb) => format!(
                    "USB {:04x}:{:04x} {}",
                    usb.vendor,
                    usb.product,
                    usb.serial.as_deref().unwrap_or("without a serial number")
                ),
                None => format!("last at {}", device.last_port),
            };
            writeln!(text, "  {} {}, {adapter}", device.model, device.serial)?;
        }
        writeln!(text, "  {check}")?;
    }
    if kits.is_empty() {
        text.push_str("No kit is saved; 'parcelscope kit save --help' says how.\n");
    }
    let unverified = if policy.refuse_unverified { "does not scan" } else { "scans, stamped unverified" };
    let allowed = policy.tolerance_cm1;
    writeln!(text, "A check allows lines {allowed} cm-1 from their places and holds for {hours} hours.")?;
    writeln!(text, "Without a valid one a kit {unverified}.")?;
    output::print_text(&output::printable(&text))?;
    for trouble in &shelf.trouble {
        output::complain(trouble);
    }
    Ok(ExitCode::SUCCESS)
}
