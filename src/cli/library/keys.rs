//! `library key ...`: the keys that sign packs, and those that this unit trusts.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write};
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
use crate::library::pack::{KeyState, PackShelf, rotation};
use crate::signature::{Kdf, NoteSigner, NoteVerifier, SealedKey};

/// What can be done with keys.
#[derive(Subcommand, Debug)]
pub(super) enum KeyAction {
    /// Make a signing key, sealed under a passphrase that is read from standard input
    Create {
        /// Its name: letters, digits, dots and hyphens
        name: String,
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
    },
    /// Take the successor of a trusted key from a rotation
    TakeRotation {
        /// The file
        file: PathBuf,
    },
    /// Take a key back: nothing that it signed is used any more
    Revoke {
        /// Its name
        name: String,
        /// Why
        #[arg(long)]
        why: String,
    },
}

pub(super) fn run(action: KeyAction, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let shelf = PackShelf::of(&data_dir(context)?);
    let now = Timestamp::now();
    match action {
        KeyAction::Create { name } => return create(&name, context),
        KeyAction::List => return list(&shelf, context),
        KeyAction::Show { name } => {
            let verifier = read(&name, context)?.verifier()?.text();
            if context.json {
                output::print_json(&json!({ "name": name, "verifier": verifier }))?;
            } else {
                output::print_text(&format!("{verifier}\n"))?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        KeyAction::Trust { verifier } => {
            let verifier = NoteVerifier::parse(&verifier)?;
            shelf.change_trust(|list| list.trust(&verifier, now))?;
        }
        KeyAction::Rotate { old, new, out } => {
            let new = match NoteVerifier::parse(&new) {
                Ok(verifier) => verifier,
                Err(_) => read(&new, context)?.verifier()?,
            };
            let text = rotation(&open(&old, &mut SecretInput::new(), context)?, &new);
            fs::write(&out, text).with_context(|| format!("cannot write {}", out.display()))?;
        }
        KeyAction::TakeRotation { file } => {
            let mut text = String::new();
            fs::File::open(&file)
                .and_then(|f| f.take(16 << 10).read_to_string(&mut text))
                .with_context(|| format!("cannot read {}", file.display()))?;
            shelf.change_trust(|list| list.rotate(&text, now))?;
        }
        KeyAction::Revoke { name, why } => {
            if why.trim().is_empty() {
                bail!("say why the key is taken back, with --why");
            }
            shelf.change_trust(|list| list.revoke(&name, &why, now))?;
        }
    }
    list(&shelf, context)
}

fn key_path(name: &str, context: &Context) -> Result<PathBuf, anyhow::Error> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    if name.is_empty() || name.len() > 60 || name.starts_with('.') || !name.bytes().all(plain) {
        bail!("`{name}` is no name of a key; use letters, digits, dots and hyphens");
    }
    Ok(data_dir(context)?.join("keys").join(format!("{name}.key")))
}

fn create(name: &str, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let path = key_path(name, context)?;
    if path.exists() {
        bail!("there is a key {name} already; choose another name, or rotate it");
    }
    let passphrase = SecretInput::new().text("passphrase")?;
    let (mut secret, mut random) = ([0; 32], [0; 40]);
    SysRng.try_fill_bytes(&mut secret).and_then(|()| SysRng.try_fill_bytes(&mut random)).map_err(|e| {
        anyhow::anyhow!("this system gives no random numbers ({e}), so no key was made; restart it and try again")
    })?;
    let sealed = SealedKey::seal(name, &secret, &passphrase, Kdf::USUAL, &random)?;
    let folder = path.parent().unwrap_or(&path);
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let about = || format!("cannot write {}", path.display());
    let mut file = options.open(&path).with_context(about)?;
    Write::write_all(&mut file, sealed.text()?.as_bytes()).and_then(|()| file.sync_all()).with_context(about)?;
    let verifier = sealed.verifier()?.text();
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

fn read(name: &str, context: &Context) -> Result<SealedKey, anyhow::Error> {
    let path = key_path(name, context)?;
    let mut text = String::new();
    fs::File::open(&path)
        .and_then(|f| f.take(8 << 10).read_to_string(&mut text))
        .with_context(|| format!("there is no key {name} here ({}); 'library key list' shows all", path.display()))?;
    Ok(SealedKey::parse(&text)?)
}

/// Opens a signing key with its passphrase, the next line of standard input: arguments are seen by every user of the machine.
pub(super) fn open(name: &str, secrets: &mut SecretInput, context: &Context) -> Result<NoteSigner, anyhow::Error> {
    let sealed = read(name, context)?;
    Ok(sealed.open(&secrets.text("passphrase")?)?)
}

fn list(shelf: &PackShelf, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let trusted = shelf.trust()?.keys;
    let mut own: Vec<String> = Vec::new();
    // No folder means no keys.
    if let Ok(entries) = fs::read_dir(data_dir(context)?.join("keys")) {
        let names = entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned());
        own.extend(names.filter_map(|n| n.strip_suffix(".key").map(str::to_owned)));
        own.sort();
    }
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
