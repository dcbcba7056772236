//! Whose packs this unit takes: a list of public keys, each trusted, retired by its successor, or revoked.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::PackError;
use super::shelf::replace_file;
use crate::signature::{NoteSigner, NoteVerifier};

/// Most keys of a list.
const KEYS_MAX: usize = 1_000;
/// First line of a rotation.
const ROTATION: &str = "parcelscope key rotation 1";

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum KeyState {
    /// Packs of it are taken.
    Trusted,
    /// Its successor signs now; what it signed and is installed still counts, new packs of it are refused.
    Retired {
        /// When.
        at: Timestamp,
        /// Name of the successor.
        successor: String,
    },
    /// Nothing of it counts.
    Revoked {
        /// When.
        at: Timestamp,
        /// Why.
        why: String,
    },
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedKey {
    /// Name, number and key in the form of signed notes.
    pub verifier: String,
    /// Since when it is on the list.
    pub since: Timestamp,
    /// What is known of it.
    pub state: KeyState,
}

/// The list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustList {
    /// Keys in the order in which they came.
    pub keys: Vec<TrustedKey>,
    /// True when packs of retired keys are taken as well: for what is installed already.
    #[serde(skip)]
    takes_retired: bool,
}

impl TrustList {
    /// Reads a list; a missing one is empty, a damaged one an error, because an empty one would forget revocations.
    pub fn read(path: &Path) -> Result<Self, PackError> {
        let mut text = String::new();
        match File::open(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            opened => opened
                .and_then(|f| f.take(4 << 20).read_to_string(&mut text))
                .map_err(PackError::disk(path, "reading the trusted keys"))?,
        };
        let list: Self = serde_json::from_str(&text)
            .map_err(|e| PackError::disk(path, "reading the trusted keys")(std::io::Error::other(e)))?;
        for key in &list.keys {
            NoteVerifier::parse(&key.verifier)?;
        }
        Ok(list)
    }

    /// Keeps the list: the new one takes the place of the old one whole.
    pub fn keep(&self, path: &Path) -> Result<(), PackError> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|e| PackError::disk(path, "writing the trusted keys")(std::io::Error::other(e)))?;
        replace_file(path, &text)
    }

    /// The same list for packs that are installed already: retired keys count.
    #[must_use]
    pub fn for_installed(mut self) -> Self {
        self.takes_retired = true;
        self
    }

    /// Puts a key on the list. A revoked one stays revoked.
    pub fn trust(&mut self, verifier: &NoteVerifier, now: Timestamp) -> Result<(), PackError> {
        let text = verifier.text();
        if let Some(known) = self.keys.iter().find(|k| k.verifier == text) {
            return match &known.state {
                KeyState::Trusted => Ok(()),
                state => Err(PackError::Key(format!(
                    "the key {} is {} and cannot be trusted again",
                    verifier.name(),
                    words(state)
                ))),
            };
        }
        if self.keys.len() >= KEYS_MAX || self.keys.iter().any(|k| name_of(k) == verifier.name()) {
            return Err(PackError::Key(format!(
                "another key of the name {} is on the list already, or the list is full",
                verifier.name()
            )));
        }
        self.keys.push(TrustedKey { verifier: text, since: now, state: KeyState::Trusted });
        Ok(())
    }

    /// Takes a key back.
    pub fn revoke(&mut self, name: &str, why: &str, now: Timestamp) -> Result<(), PackError> {
        let key = self.keys.iter_mut().find(|k| name_of(k) == name);
        let key = key.ok_or_else(|| PackError::Key(format!("no key of the name {name} is on the list")))?;
        key.state = KeyState::Revoked { at: now, why: why.to_owned() };
        Ok(())
    }

    /// Takes a successor in place of the key that signed the rotation.
    pub fn rotate(&mut self, rotation: &str, now: Timestamp) -> Result<NoteVerifier, PackError> {
        let refuse = |what: &str| PackError::Key(format!("the rotation was refused: {what}"));
        let mut lines = rotation.lines();
        let (Some(ROTATION), Some(old), Some(new)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(refuse("it is not one"));
        };
        let (old, new) = (NoteVerifier::parse(old)?, NoteVerifier::parse(new)?);
        if old.open(rotation)? != rotation_text(&old, &new) {
            return Err(refuse("it is not in its only form"));
        }
        let at = self.keys.iter().position(|k| k.verifier == old.text() && k.state == KeyState::Trusted);
        let at = at.ok_or_else(|| refuse("its old key is not trusted here"))?;
        self.trust(&new, now)?;
        if let Some(key) = self.keys.get_mut(at) {
            key.state = KeyState::Retired { at: now, successor: new.name().to_owned() };
        }
        Ok(new)
    }

    /// The key that signed a note under this name.
    pub(super) fn find(&self, path: &Path, signer: &str, note: &str) -> Result<NoteVerifier, PackError> {
        let mut changed = None;
        for key in self.keys.iter().filter(|k| name_of(k) == signer) {
            let verifier = NoteVerifier::parse(&key.verifier)?;
            match verifier.open(note) {
                Ok(_) => {
                    return match &key.state {
                        KeyState::Trusted => Ok(verifier),
                        KeyState::Retired { .. } if self.takes_retired => Ok(verifier),
                        state => Err(PackError::Withdrawn {
                            path: path.to_owned(),
                            signer: signer.to_owned(),
                            state: words(state),
                        }),
                    };
                }
                Err(error @ crate::signature::NoteError::BadSignature(_)) => changed = Some(error),
                Err(_) => {}
            }
        }
        Err(match changed {
            Some(error) => PackError::Edited { path: path.to_owned(), what: error.to_string() },
            None => PackError::Foreign { path: path.to_owned(), signer: signer.chars().take(80).collect() },
        })
    }
}

/// The rotation from one key to its successor, signed by the old one.
pub fn rotation(old: &NoteSigner, new: &NoteVerifier) -> String {
    old.sign(&rotation_text(&old.verifier(), new))
}

fn rotation_text(old: &NoteVerifier, new: &NoteVerifier) -> String {
    format!("{ROTATION}\n{}\n{}\n", old.text(), new.text())
}

fn name_of(key: &TrustedKey) -> &str {
    key.verifier.split('+').next().unwrap_or_default()
}

fn words(state: &KeyState) -> String {
    match state {
        KeyState::Trusted => "trusted".to_owned(),
        KeyState::Retired { at, successor } => format!("retired since {at:.0}, when {successor} took its place"),
        KeyState::Revoked { at, why } => format!("revoked on {at:.0} because: {why}"),
    }
}
