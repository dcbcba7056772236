//! `parcelscope casebook note`, `hold`, `hand-over` ...: what is said and done about a record after the scan.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use crate::casebook::{
    Actor, Casebook, Concealment, Country, DeclaredGoods, Disposition, HsCode, ParcelNumber, Reference, Shipment,
    Statement,
};
use crate::session;

use super::secrets::SecretInput;
use super::{Context, account, casebook, identify, output};

/// The record, and who speaks.
#[derive(Args, Debug)]
pub struct About {
    /// Number of the record
    #[arg(value_name = "ID")]
    id: i64,
    /// Account that says it, by name or badge; the secret is read from standard input
    #[arg(long, value_name = "NAME")]
    user: String,
}

/// What can be said. Every one is a new event; nothing that was said before changes.
#[derive(Debug, Subcommand)]
pub enum ActCommand {
    /// State what the parcel is
    Parcel {
        #[command(flatten)]
        about: About,
        /// Number on the label; the check digit of a postal number is checked
        #[arg(long)]
        number: String,
        /// Take the number as it stands although its check digit is wrong
        #[arg(long)]
        as_printed: bool,
        /// What the declaration says is in it
        #[arg(long, default_value = "")]
        declared: String,
        /// What holds the substance
        #[arg(long, default_value = "")]
        container: String,
    },
    /// State of the parcel what may be shared: fixed words and codes only
    Shipment {
        #[command(flatten)]
        about: About,
        /// How the substance was hidden: open, false-label, in-goods, in-packaging, in-paper, impregnated, dissolved, other
        #[arg(long, value_name = "WORD")]
        concealment: Option<Concealment>,
        /// What was declared, as one word: documents, clothing, cosmetics, food ... (a wrong one lists all)
        #[arg(long, value_name = "WORD")]
        declared_as: Option<DeclaredGoods>,
        /// Code of the Harmonized System, its first 2, 4 or 6 digits
        #[arg(long, value_name = "DIGITS")]
        hs: Option<HsCode>,
        /// Countries from the sender to the addressee, as CN,DE,US
        #[arg(long, value_name = "LIST", value_delimiter = ',')]
        route: Vec<Country>,
        /// Gross weight, grams
        #[arg(long, value_name = "G")]
        weight_g: Option<u32>,
    },
    /// Add a note
    Note {
        #[command(flatten)]
        about: About,
        /// The text
        text: String,
    },
    /// Compare a recorded scan with the imprint of the pill, and keep what it says as a note
    Pill {
        #[command(flatten)]
        about: About,
        /// Imprint, as 'M 30'
        #[arg(long, value_name = "TEXT")]
        imprint: String,
        /// Colour of the pill, as 'blue'
        #[arg(long, value_name = "COLOUR")]
        colour: Option<String>,
    },
    /// Hold the parcel
    Hold {
        #[command(flatten)]
        about: About,
        /// Why
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Seize the parcel
    Seize {
        #[command(flatten)]
        about: About,
        /// Why
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Let the parcel go
    Release {
        #[command(flatten)]
        about: About,
        /// Why
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Send the parcel to the laboratory
    ToLaboratory {
        #[command(flatten)]
        about: About,
        /// Number of the seal
        #[arg(long)]
        seal: String,
        /// Which laboratory
        #[arg(long)]
        laboratory: String,
        /// Why
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Record that the parcel changed hands; both sides sign in
    HandOver {
        #[command(flatten)]
        about: About,
        /// Account that takes the parcel; its secret is the second line of standard input
        #[arg(long, value_name = "NAME")]
        to: String,
        /// Number of the seal
        #[arg(long, default_value = "")]
        seal: String,
        /// What was handed over, in what state
        #[arg(long, default_value = "")]
        text: String,
    },
    /// Say that the record, or an event about it, is wrong; what was written stays
    Correct {
        #[command(flatten)]
        about: About,
        /// The event that is wrong; without it the scan itself
        #[arg(long, value_name = "N")]
        event: Option<i64>,
        /// Which field: parcel, operator or taken-at of the scan, or any of the event
        #[arg(long)]
        field: String,
        /// What it should say
        #[arg(long, value_name = "TEXT")]
        now: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Add a photo or another file
    Attach {
        #[command(flatten)]
        about: About,
        /// The file; a copy is kept beside the casebook
        file: PathBuf,
        /// What it shows
        #[arg(long, default_value = "")]
        text: String,
    },
    /// State the laboratory's result
    Confirm {
        #[command(flatten)]
        about: About,
        /// The substance; leave it out where nothing listed was found
        #[arg(long, default_value = "")]
        substance: String,
        /// How it was measured, as GC-MS
        #[arg(long)]
        method: String,
        /// Reference of the laboratory's report
        #[arg(long)]
        report: String,
    },
    /// Sign a record off after a second look
    SignOff {
        #[command(flatten)]
        about: About,
        /// What you say to it
        #[arg(long, default_value = "")]
        text: String,
    },
    /// Place a legal hold on a record, or lift it
    LegalHold {
        #[command(flatten)]
        about: About,
        /// Lift it
        #[arg(long)]
        lift: bool,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Set for how many years records are kept
    Retention {
        /// Years
        years: i64,
        /// Administrator
        #[arg(long, value_name = "NAME")]
        user: String,
    },
}

/// Runs one of them.
pub(super) fn run(command: ActCommand, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let mut casebook = casebook::existing(context)?;
    let mut secrets = SecretInput::new();
    let now = Timestamp::now();
    let (about, statement) = match command {
        ActCommand::HandOver { about, to, seal, text } => {
            let from = account::sign_in(&mut casebook, &about.user, &mut secrets)?;
            let to = account::sign_in(&mut casebook, &to, &mut secrets)?;
            return said(casebook.hand_over(now, &from, &to, about.id, &seal, &text)?, about.id, context);
        }
        ActCommand::Correct { about, event, field, now: right, reason } => {
            let by = account::sign_in(&mut casebook, &about.user, &mut secrets)?;
            let of = event.map_or(Reference::Scan(about.id), Reference::Event);
            return said(casebook.correct(now, &by, about.id, (of, &field), &right, &reason)?, about.id, context);
        }
        ActCommand::Attach { about, file, text } => {
            let by = account::sign_in(&mut casebook, &about.user, &mut secrets)?;
            return said(casebook.attach(now, &by, about.id, &file, &text)?, about.id, context);
        }
        ActCommand::Retention { years, user } => {
            let by = account::sign_in(&mut casebook, &user, &mut secrets)?;
            casebook.set_retention(now, &by, years)?;
            return account::done(&format!("records are kept for {years} years"), context);
        }
        ActCommand::Pill { about, imprint, colour } => {
            let by = account::sign_in(&mut casebook, &about.user, &mut secrets)?;
            return pill(&mut casebook, &by, about.id, (&imprint, colour.as_deref()), context);
        }
        ActCommand::Parcel { about, number, as_printed, declared, container } => {
            let number = if as_printed { ParcelNumber::free_text(&number) } else { ParcelNumber::read(&number)? };
            (about, Statement::Parcel { number, declared, container })
        }
        ActCommand::Shipment { about, concealment, declared_as, hs, route, weight_g } => {
            let shipment = Shipment { concealment, declared: declared_as, hs_code: hs, route, weight_g };
            (about, Statement::Shipment(shipment))
        }
        ActCommand::Note { about, text } => (about, Statement::Note { text }),
        ActCommand::Hold { about, reason } => (about, disposition(Disposition::Hold, reason)),
        ActCommand::Seize { about, reason } => (about, disposition(Disposition::Seize, reason)),
        ActCommand::Release { about, reason } => (about, disposition(Disposition::Release, reason)),
        ActCommand::ToLaboratory { about, seal, laboratory, reason } => {
            (about, disposition(Disposition::ToLaboratory { seal, laboratory }, reason))
        }
        ActCommand::Confirm { about, substance, method, report } => {
            (about, Statement::Confirmation { substance, method, report })
        }
        ActCommand::SignOff { about, text } => (about, Statement::SignOff { text }),
        ActCommand::LegalHold { about, lift, reason } => (about, Statement::LegalHold { placed: !lift, reason }),
    };
    let by: Actor = account::sign_in(&mut casebook, &about.user, &mut secrets)?;
    let event = state(&mut casebook, &by, about.id, &statement)?;
    said(event, about.id, context)
}

fn state(casebook: &mut Casebook, by: &Actor, id: i64, statement: &Statement) -> Result<i64, anyhow::Error> {
    Ok(casebook.state(Timestamp::now(), by, id, statement)?)
}

/// Says what a recorded scan says about an imprint, and keeps it.
fn pill(
    casebook: &mut Casebook,
    by: &Actor,
    id: i64,
    (imprint, colour): (&str, Option<&str>),
    context: &Context,
) -> Result<ExitCode, anyhow::Error> {
    let answer = casebook.load(id)?.record.answer;
    let library = session::library_by_digest(&session::data_dir(context.data_dir.as_deref())?, &answer.library.sha256)?;
    let library = library.with_context(|| {
        format!("record {id} was made with a library that is no longer here; install its pack again, then compare")
    })?;
    let check = identify::pill_check(imprint, colour, &answer, &library)?;
    let seen = colour.map_or_else(String::new, |c| format!(", {}", c.trim()));
    let text = format!("Pill with imprint \"{}\"{seen}. {}", check.imprint, check.sentence);
    let event = state(casebook, by, id, &Statement::Note { text })?;
    if context.json {
        output::print_json(&json!({ "event": event, "record": id, "pill": check }))?;
    } else {
        let said = format!("{}\nrecorded as event {event} about record {id}\n", check.sentence);
        output::print_text(&output::printable(&said))?;
    }
    Ok(ExitCode::SUCCESS)
}

const fn disposition(disposition: Disposition, reason: String) -> Statement {
    Statement::Disposition { disposition, reason }
}

fn said(event: i64, scan: i64, context: &Context) -> Result<ExitCode, anyhow::Error> {
    if context.json {
        output::print_json(&json!({ "event": event, "record": scan }))?;
    } else {
        output::print_text(&format!("recorded as event {event} about record {scan}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}
