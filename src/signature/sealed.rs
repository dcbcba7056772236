//! A secret signing key sealed under a passphrase: Argon2id (RFC 9106) makes the key of an XChaCha20-Poly1305 box
//! (draft-irtf-cfrg-xchacha), which also vouches for name, public key and cost.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::note::{NoteError, NoteSigner, NoteVerifier};

/// Fewest characters of a passphrase.
pub const PASSPHRASE_CHARS_MIN: usize = 12;
/// Marks the file and its version.
const FORMAT: &str = "parcelscope-sealed-key-1";
/// Largest cost that is believed of a file, so that a hostile one cannot take the machine: 1 GiB, 20 passes.
const COST_MAX: Kdf = Kdf { memory_kib: 1 << 20, passes: 20, lanes: 16 };

/// Cost of Argon2id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kdf {
    /// Memory, KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Kdf {
    /// The second recommended setting of RFC 9106, section 4: 64 MiB, 3 passes, 4 lanes.
    pub const USUAL: Self = Self { memory_kib: 64 << 10, passes: 3, lanes: 4 };
}

/// Why a key is not sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SealError {
    /// The passphrase is too short to seal anything.
    #[error(
        "the passphrase has fewer than {PASSPHRASE_CHARS_MIN} characters; take a longer one, for example five random words"
    )]
    TooShort,
    /// No sealed key.
    #[error("this is not a sealed key ({0}); take the .key file that 'library key create' made, unchanged")]
    Malformed(&'static str),
    /// The box does not open.
    #[error("the key {0} does not open: the passphrase is wrong or the file was changed; try again or take the backup")]
    Shut(String),
    /// Not enough memory, or no lane.
    #[error("the key cannot be derived from the passphrase ({0}); close other programs and try again")]
    Derive(String),
    /// The key inside is unusable.
    #[error(transparent)]
    Note(#[from] NoteError),
}

/// A sealed key as it lies on the disk, in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedKey {
    format: String,
    verifier: String,
    kdf: Kdf,
    salt: String,
    nonce: String,
    sealed: String,
}

impl SealedKey {
    /// Seals `secret` under `passphrase`. `random` is fresh for every call: 16 bytes of salt, 24 of nonce.
    pub fn seal(
        name: &str,
        secret: &[u8; 32],
        passphrase: &str,
        kdf: Kdf,
        random: &[u8; 40],
    ) -> Result<Self, SealError> {
        if passphrase.chars().count() < PASSPHRASE_CHARS_MIN {
            return Err(SealError::TooShort);
        }
        let verifier = NoteSigner::new(name, secret)?.verifier().text();
        let (salt, nonce) = random.split_at(16);
        let mut key = Self {
            format: FORMAT.to_owned(),
            verifier,
            kdf,
            salt: STANDARD.encode(salt),
            nonce: STANDARD.encode(nonce),
            sealed: String::new(),
        };
        let nonce = XNonce::from_slice(nonce);
        let cipher = XChaCha20Poly1305::new(&derive(passphrase, salt, kdf)?.into());
        let sealed = cipher
            .encrypt(nonce, Payload { msg: secret, aad: &key.vouched() })
            .map_err(|_| SealError::Malformed("it cannot be sealed"))?;
        key.sealed = STANDARD.encode(sealed);
        Ok(key)
    }

    /// Reads a sealed key without opening it.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        if text.len() > 4_096 {
            return Err(SealError::Malformed("it is too long"));
        }
        let key: Self = serde_json::from_str(text).map_err(|_| SealError::Malformed("it is not the JSON of one"))?;
        let Kdf { memory_kib, passes, lanes } = key.kdf;
        if key.format != FORMAT {
            return Err(SealError::Malformed("it is of another kind or a later version"));
        }
        if memory_kib > COST_MAX.memory_kib || passes > COST_MAX.passes || lanes > COST_MAX.lanes {
            return Err(SealError::Malformed("its cost is out of reason"));
        }
        Ok(key)
    }

    /// As text for the disk.
    pub fn text(&self) -> Result<String, SealError> {
        serde_json::to_string_pretty(self)
            .map(|t| t + "\n")
            .map_err(|_| SealError::Malformed("it cannot be written as JSON"))
    }

    /// The public half, as the file states it; [`Self::open`] proves it.
    pub fn verifier(&self) -> Result<NoteVerifier, SealError> {
        Ok(NoteVerifier::parse(&self.verifier)?)
    }

    /// Opens the box.
    pub fn open(&self, passphrase: &str) -> Result<NoteSigner, SealError> {
        let verifier = self.verifier()?;
        let bytes = |text: &str| STANDARD.decode(text).map_err(|_| SealError::Malformed("a part is not base64"));
        let (salt, nonce, sealed) = (bytes(&self.salt)?, bytes(&self.nonce)?, bytes(&self.sealed)?);
        if salt.len() != 16 || nonce.len() != 24 {
            return Err(SealError::Malformed("salt or nonce has another length"));
        }
        let shut = || SealError::Shut(verifier.name().to_owned());
        let cipher = XChaCha20Poly1305::new(&derive(passphrase, &salt, self.kdf)?.into());
        let secret = cipher
            .decrypt(XNonce::from_slice(&nonce), Payload { msg: &sealed, aad: &self.vouched() })
            .map_err(|_| shut())?;
        let secret: [u8; 32] = secret.try_into().map_err(|_| shut())?;
        let signer = NoteSigner::new(verifier.name(), &secret)?;
        if signer.verifier() == verifier { Ok(signer) } else { Err(shut()) }
    }

    /// What the box vouches for besides the secret.
    fn vouched(&self) -> Vec<u8> {
        let Kdf { memory_kib, passes, lanes } = self.kdf;
        format!("{FORMAT}\n{}\n{memory_kib} {passes} {lanes}\n{}\n", self.verifier, self.salt).into_bytes()
    }
}

fn derive(passphrase: &str, salt: &[u8], kdf: Kdf) -> Result<[u8; 32], SealError> {
    let refuse = |e: argon2::Error| SealError::Derive(e.to_string());
    let params = Params::new(kdf.memory_kib, kdf.passes, kdf.lanes, Some(32)).map_err(refuse)?;
    let mut key = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut key)
        .map_err(refuse)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Kdf = Kdf { memory_kib: 64, passes: 1, lanes: 1 };
    const PASSPHRASE: &str = "correct horse battery";

    #[test]
    fn a_key_opens_with_its_passphrase_only_and_no_changed_byte_of_the_file_opens() {
        let sealed = SealedKey::seal("lab", &[7; 32], PASSPHRASE, CHEAP, &[9; 40]).unwrap();
        let text = sealed.text().unwrap();
        let own = NoteSigner::new("lab", &[7; 32]).unwrap().verifier();
        assert_eq!(SealedKey::parse(&text).unwrap().open(PASSPHRASE).unwrap().verifier(), own);
        assert_eq!(sealed.open("correct horse batterz").unwrap_err(), SealError::Shut("lab".to_owned()));
        assert_eq!(SealedKey::seal("lab", &[7; 32], "short", CHEAP, &[9; 40]), Err(SealError::TooShort));
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let Ok(key) = SealedKey::parse(&changed) else { continue };
            match key.open(PASSPHRASE) {
                // Only blanks of the JSON may differ without changing the key.
                Ok(signer) => assert!(key == sealed && signer.verifier() == own, "byte {at}"),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }

    #[test]
    fn a_file_that_asks_for_all_the_memory_is_refused_before_it_gets_any() {
        let sealed = SealedKey::seal("lab", &[7; 32], PASSPHRASE, CHEAP, &[9; 40]).unwrap();
        let greedy = SealedKey { kdf: Kdf { memory_kib: u32::MAX, ..CHEAP }, ..sealed };
        assert!(matches!(SealedKey::parse(&greedy.text().unwrap()), Err(SealError::Malformed(_))));
    }
}
