//! `library key ...`: the keys that sign packs, and those that this unit trusts.

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use jiff::Timestamp;
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde_json::json;

use super::super::secrets::SecretInput;
use super::super::{Context, output};
use super::packs::data_dir;
use super::people;
use crate::casebook::Act;
use crate::library::pack::{KeyState, KeyStore, PackShelf, rotation};
use crate::signature::{NoteSigner, NoteVerifier};

/// What can be done with keys.
#[derive(Subcommand, Debug)]
pub(super) enum KeyAction {
    /// Make a signing key, sealed under a passphrase that is read from standard input
    Create {
        /// Its name: letters, digits, dots and hyphens
        name: String,
        /// Account whose role signs packs; needed where accounts are enrolled, its secret is read from standard input first
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// List the signing keys of this data folder and the keys it trusts
    List,
    /// Print the public half of a signing key, for the units that are to trust it
    Show {
        /// Its name
        name: String,
    },
    /// Trust the packs of a key
    Trust {
        /// The public half, as 'library key show' prints it
        verifier: String,
        /// Account whose role installs packs; needed where accounts are enrolled, its secret is read from standard input first
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Write the rotation from an old key to a new one, signed by the old key (passphrase on standard input)
    Rotate {
        /// Old key
        old: String,
        /// New key: its name here, or its public half
        new: String,
        /// File for the rotation
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Account whose role signs packs; needed where accounts are enrolled, its secret is read from standard input first
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Take the successor of a trusted key from a rotation
    TakeRotation {
        /// The file
        file: PathBuf,
        /// Account whose role installs packs; needed where accounts are enrolled, its secret is read from standard input first
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Take a key back: nothing that it signed is used any more
    Revoke {
        /// Its name
        name: String,
        /// Why
        #[arg(long)]
        why: String,
        /// Account whose role installs packs; needed where accounts are enrolled, its secret is read from standard input first
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
}

pub(super) fn run(action: KeyAction, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let folder = data_dir(context)?;
    let (shelf, store) = (PackShelf::of(&folder), KeyStore::of(&folder));
    let (now, mut secrets) = (Timestamp::now(), SecretInput::new());
    let permit = |user: &Option<String>, act: Act, secrets: &mut SecretInput| {
        people::author_with(user.as_deref(), act, secrets, context)
    };
    match action {
        KeyAction::Create { name, user } => {
            permit(&user, Act::ReleasePack, &mut secrets)?;
            return create(&store, &name, &mut secrets, context);
        }
        KeyAction::List => return list(&shelf, &store, context),
        KeyAction::Show { name } => {
            let verifier = store.read(&name)?.verifier()?.text();
            if context.json {
                output::print_json(&json!({ "name": name, "verifier": verifier }))?;
            } else {
                output::print_text(&format!("{verifier}\n"))?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        KeyAction::Trust { verifier, user } => {
            permit(&user, Act::ManagePacks, &mut secrets)?;
            let verifier = NoteVerifier::parse(&verifier)?;
            shelf.change_trust(|list| list.trust(&verifier, now))?;
        }
        KeyAction::Rotate { old, new, out, user } => {
            permit(&user, Act::ReleasePack, &mut secrets)?;
            let new = match NoteVerifier::parse(&new) {
                Ok(verifier) => verifier,
                Err(_) => store.read(&new)?.verifier()?,
            };
            let text = rotation(&open(&old, &mut secrets, context)?, &new);
            fs::write(&out, text).with_context(|| format!("cannot write {}", out.display()))?;
        }
        KeyAction::TakeRotation { file, user } => {
            permit(&user, Act::ManagePacks, &mut secrets)?;
            let mut text = String::new();
            fs::File::open(&file)
                .and_then(|f| f.take(16 << 10).read_to_string(&mut text))
                .with_context(|| format!("cannot read {}", file.display()))?;
            shelf.change_trust(|list| list.rotate(&text, now))?;
        }
        KeyAction::Revoke { name, why, user } => {
            if why.trim().is_empty() {
                bail!("say why the key is taken back, with --why");
            }
            permit(&user, Act::ManagePacks, &mut secrets)?;
            shelf.change_trust(|list| list.revoke(&name, &why, now))?;
        }
    }
    list(&shelf, &store, context)
}

fn create(
    store: &KeyStore,
    name: &str,
    secrets: &mut SecretInput,
    context: &Context,
) -> Result<ExitCode, anyhow::Error> {
    let path = store.path(name)?;
    let passphrase = secrets.text("passphrase")?;
    let (mut secret, mut random) = ([0; 32], [0; 40]);
    SysRng.try_fill_bytes(&mut secret).and_then(|()| SysRng.try_fill_bytes(&mut random)).map_err(|e| {
        anyhow::anyhow!("this system gives no random numbers ({e}), so no key was made; restart it and try again")
    })?;
    let verifier = store.create(name, &passphrase, &secret, &random)?.text();
    if context.json {
        output::print_json(&json!({ "name": name, "verifier": verifier, "file": path.to_string_lossy() }))?;
    } else {
        output::print_text(&format!(
            "Made the key {name} in {}; keep a copy of this file and its passphrase apart from each other.\n{verifier}\n",
            path.display()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens a signing key with its passphrase, the next line of standard input: arguments are seen by every user of the machine.
pub(super) fn open(name: &str, secrets: &mut SecretInput, context: &Context) -> Result<NoteSigner, anyhow::Error> {
    let store = KeyStore::of(&data_dir(context)?);
    // A key that is not there is said before its passphrase is asked.
    store.read(name)?;
    Ok(store.open(name, &secrets.text("passphrase")?)?)
}

fn list(shelf: &PackShelf, store: &KeyStore, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let (trusted, own) = (shelf.trust()?.keys, store.names());
    if context.json {
        output::print_json(&json!({ "signing": own, "trusted": trusted }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = format!("Signing keys here: {}\n", if own.is_empty() { "none".to_owned() } else { own.join(", ") });
    for key in &trusted {
        let state = match &key.state {
            KeyState::Trusted => "trusted".to_owned(),
            KeyState::Retired { at, successor } => format!("retired {at:.0} for {successor}"),
            KeyState::Revoked { at, why } => format!("REVOKED {at:.0}: {why}"),
        };
        writeln!(text, "{}\n  since {:.0}, {state}", key.verifier, key.since)?;
    }
    output::print_text(&output::printable(&text))?;
    Ok(ExitCode::SUCCESS)
}
