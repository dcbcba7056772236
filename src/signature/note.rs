//! Signed notes: text that a person can read, a stick can carry and another program can verify.
//!
//! The format is C2SP signed-note (<https://c2sp.org/signed-note>), signature type 1, Ed25519.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// Signature type of Ed25519 in signed notes.
const ED25519: u8 = 1;
/// Longest note that is read: far above any checkpoint with its witnesses.
const NOTE_BYTES_MAX: usize = 64 << 10;
/// Most signatures that are looked at.
const SIGNATURES_MAX: usize = 64;

/// Why a text is no note that we accept.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NoteError {
    /// Not the form of a note.
    #[error("this is not a signed note ({0}); take the file that was exported, unchanged")]
    Malformed(&'static str),
    /// A key text that cannot be read.
    #[error("this is not a verifier key ({0}); take the line that 'casebook key' or 'library key show' prints")]
    BadKey(&'static str),
    /// No signature of the key.
    #[error("the note carries no signature of {0}")]
    NotSignedBy(String),
    /// A signature that does not fit the text.
    #[error("the signature of {0} does not fit the text; somebody changed one of them")]
    BadSignature(String),
}

/// A key that signs notes under a name.
#[derive(Clone, Debug)]
pub struct NoteSigner {
    name: String,
    key: SigningKey,
}

/// A key that verifies notes of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteVerifier {
    name: String,
    key: VerifyingKey,
}

impl NoteSigner {
    /// A signer from its 32 secret bytes. The name must be without spaces, plus signs and line breaks.
    pub fn new(name: &str, secret: &[u8; 32]) -> Result<Self, NoteError> {
        let name = checked_name(name)?.to_owned();
        Ok(Self { name, key: SigningKey::from_bytes(secret) })
    }

    /// The public half.
    pub fn verifier(&self) -> NoteVerifier {
        NoteVerifier { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// The note of `text`, which ends with a line break.
    pub fn sign(&self, text: &str) -> String {
        format!("{text}\n{}", self.signature_line(text))
    }

    /// The signature line of `text` alone, for a note that carries others already.
    pub fn signature_line(&self, text: &str) -> String {
        let signature = self.key.sign(text.as_bytes());
        let mut bytes = self.verifier().key_id().to_vec();
        bytes.extend_from_slice(&signature.to_bytes());
        format!("\u{2014} {} {}\n", self.name, STANDARD.encode(bytes))
    }
}

impl NoteVerifier {
    /// Reads a verifier key: name, key number and key, joined by plus signs.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::BadKey("it has no three parts"));
        };
        let bytes = STANDARD.decode(key).map_err(|_| NoteError::BadKey("the key is not base64"))?;
        let [ED25519, public @ ..] = bytes.as_slice() else {
            return Err(NoteError::BadKey("it is not an Ed25519 key"));
        };
        let public: &[u8; 32] = public.try_into().map_err(|_| NoteError::BadKey("it has another length"))?;
        let key = VerifyingKey::from_bytes(public).map_err(|_| NoteError::BadKey("it is no point of the curve"))?;
        let verifier = Self { name: checked_name(name)?.to_owned(), key };
        if verifier.key_number() != id {
            return Err(NoteError::BadKey("name and key do not belong together"));
        }
        Ok(verifier)
    }

    /// The verifier key as text.
    pub fn text(&self) -> String {
        let mut bytes = vec![ED25519];
        bytes.extend_from_slice(self.key.as_bytes());
        format!("{}+{}+{}", self.name, self.key_number(), STANDARD.encode(bytes))
    }

    /// Name of the key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// First four bytes of SHA-256 over name, line break, signature type and key.
    fn key_id(&self) -> [u8; 4] {
        let digest =
            Sha256::new().chain_update(&self.name).chain_update([b'\n', ED25519]).chain_update(self.key.as_bytes());
        let digest: [u8; 32] = digest.finalize().into();
        [digest[0], digest[1], digest[2], digest[3]]
    }

    fn key_number(&self) -> String {
        format!("{:08x}", u32::from_be_bytes(self.key_id()))
    }

    /// The text of `note` when it carries this key's signature.
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, NoteError> {
        let (text, signatures) = split(note)?;
        let mut found = false;
        for line in signatures.lines().take(SIGNATURES_MAX) {
            let rest = line.strip_prefix("\u{2014} ").ok_or(NoteError::Malformed("a signature line has no dash"))?;
            let (name, encoded) = rest.split_once(' ').ok_or(NoteError::Malformed("a signature line has no name"))?;
            let bytes = STANDARD.decode(encoded).map_err(|_| NoteError::Malformed("a signature is not base64"))?;
            let Some((id, signature)) = bytes.split_first_chunk::<4>() else {
                return Err(NoteError::Malformed("a signature is too short"));
            };
            if name != self.name || *id != self.key_id() {
                continue; // somebody else's
            }
            let bad = || NoteError::BadSignature(self.name.clone());
            let signature = Signature::from_slice(signature).map_err(|_| bad())?;
            self.key.verify_strict(text.as_bytes(), &signature).map_err(|_| bad())?;
            found = true;
        }
        if found { Ok(text) } else { Err(NoteError::NotSignedBy(self.name.clone())) }
    }
}

fn checked_name(name: &str) -> Result<&str, NoteError> {
    let fits = !name.is_empty()
        && name.len() <= 200
        && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+');
    fits.then_some(name).ok_or(NoteError::BadKey("its name has spaces or plus signs"))
}

/// Text (with its last line break) and signature lines of a note.
fn split(note: &str) -> Result<(&str, &str), NoteError> {
    if note.len() > NOTE_BYTES_MAX {
        return Err(NoteError::Malformed("it is too long"));
    }
    let at = note.rfind("\n\n").ok_or(NoteError::Malformed("no empty line before the signatures"))?;
    let (text, rest) = note.split_at_checked(at + 1).ok_or(NoteError::Malformed("it is cut"))?;
    let signatures = rest.strip_prefix('\n').unwrap_or(rest);
    if signatures.is_empty() || !signatures.ends_with('\n') {
        return Err(NoteError::Malformed("the signatures are cut"));
    }
    Ok((text, signatures))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example key and note of the signed-note format's first implementation (golang.org/x/mod/sumdb/note).
    const VERIFIER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\
        \n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn the_published_example_verifies_and_no_changed_byte_does() {
        let verifier = NoteVerifier::parse(VERIFIER).unwrap();
        assert_eq!(verifier.text(), VERIFIER);
        assert!(verifier.open(NOTE).unwrap().starts_with("If you think"));
        for at in 0..NOTE.len() {
            let mut bytes = NOTE.as_bytes().to_vec();
            bytes[at] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(verifier.open(&changed).is_err(), "byte {at}");
            }
        }
    }

    #[test]
    fn texts_that_are_no_notes_are_refused() {
        for note in
            ["", "\n\n", "a\n\n", "a\n\n\u{2014} x", "a\n\nx y\n", "a\n\n\u{2014} x !!\n", "a\n\n\u{2014} x AA==\n"]
        {
            assert!(NoteVerifier::parse(VERIFIER).unwrap().open(note).is_err(), "{note:?}");
        }
    }
}
