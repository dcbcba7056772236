//! PINs and passphrases: what is accepted, and how they are kept.

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use rand::TryRng;
use rand::rngs::SysRng;

use super::{AccountError, Role};

/// Fewest and most digits of a PIN.
const PIN_DIGITS: std::ops::RangeInclusive<usize> = 6..=12;
/// Fewest characters of a passphrase.
const PASSPHRASE_CHARS_MIN: usize = 12;
/// Most bytes of either; what is longer is no secret that somebody types.
const SECRET_BYTES_MAX: usize = 1_024;
/// Memory, passes and lanes of argon2id: 19 MiB, 2, 1, the first choice of the OWASP Password Storage Cheat Sheet
/// where memory is scarce; about a tenth of a second on a field tablet.
const COST: (u32, u32, u32) = (19 * 1_024, 2, 1);

/// A PIN or passphrase as it was typed. It is never printed or logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes what was typed, without the line end.
    pub fn new(typed: &str) -> Self {
        Self(typed.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// What was typed, for what has no hash of its own to compare it with: the seal of a key.
    pub fn as_typed(&self) -> &str {
        &self.0
    }

    /// Says whether somebody of this role may choose it.
    pub(super) fn acceptable_for(&self, role: Role) -> Result<(), AccountError> {
        let Self(text) = self;
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if text.len() > SECRET_BYTES_MAX {
            return Err(AccountError::WeakSecret("it is longer than 1024 bytes"));
        }
        if digits && PIN_DIGITS.contains(&text.len()) {
            if !role.accepts_pin() {
                return Err(AccountError::WeakSecret(
                    "this role needs a passphrase of at least 12 characters, not a PIN",
                ));
            }
            let steps: Vec<i32> = text.as_bytes().windows(2).map(|w| i32::from(w[1]) - i32::from(w[0])).collect();
            if steps.iter().all(|step| Some(step) == steps.first() && step.abs() <= 1) {
                return Err(AccountError::WeakSecret("a PIN of equal or counting digits is the first that is tried"));
            }
            return Ok(());
        }
        if digits && text.len() > *PIN_DIGITS.end() {
            return Err(AccountError::WeakSecret("more than 12 digits are neither a PIN nor a passphrase; use words"));
        }
        if text.chars().count() < PASSPHRASE_CHARS_MIN {
            return Err(AccountError::WeakSecret(
                "give a passphrase of at least 12 characters, or for roles that accept one a PIN of 6 to 12 digits",
            ));
        }
        let mut different: Vec<char> = text.chars().collect();
        different.sort_unstable();
        different.dedup();
        if different.len() < 5 {
            return Err(AccountError::WeakSecret("it repeats the same few characters"));
        }
        Ok(())
    }

    /// The argon2id hash with a fresh salt, in the PHC string format.
    pub(super) fn hash(&self) -> Result<String, AccountError> {
        let mut salt = [0_u8; 16];
        SysRng.try_fill_bytes(&mut salt).map_err(|e| AccountError::System(e.to_string()))?;
        let hash = hasher()?.hash_password_with_salt(self.0.as_bytes(), &salt);
        hash.map(|hash| hash.to_string()).map_err(|e| AccountError::System(e.to_string()))
    }

    /// True when it is the secret of this hash. A hash that cannot be read fits nothing.
    pub(super) fn fits(&self, hash: &str) -> bool {
        if self.0.len() > SECRET_BYTES_MAX {
            return false;
        }
        let Ok(parsed) = PasswordHash::new(hash) else { return false };
        // A hash from outside may ask for more memory than there is.
        let cost = Params::try_from(&parsed);
        cost.is_ok_and(|cost| cost.m_cost() <= 1 << 18 && cost.t_cost() <= 16)
            && hasher().is_ok_and(|hasher| hasher.verify_password(self.0.as_bytes(), &parsed).is_ok())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

fn hasher() -> Result<Argon2<'static>, AccountError> {
    let (memory_kib, passes, lanes) = COST;
    let params = Params::new(memory_kib, passes, lanes, None).map_err(|e| AccountError::System(e.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_fits_its_own_hash_and_no_other_and_no_two_hashes_are_alike() {
        let secret = Secret::new("correct horse battery\n");
        let (a, b) = (secret.hash().unwrap(), secret.hash().unwrap());
        assert!(a.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && a != b, "{a}");
        assert!(secret.fits(&a) && secret.fits(&b));
        assert!(!Secret::new("correct horse batterz").fits(&a));
        for junk in ["", "$argon2id$", &a.replace("m=19456", "m=4194304"), &a[..a.len() - 4]] {
            assert!(!secret.fits(junk), "{junk}");
        }
        assert_eq!(format!("{secret:?}"), "Secret");
    }

    #[test]
    fn weak_secrets_are_refused_with_what_to_choose_instead() {
        let ok = |role, text: &str| Secret::new(text).acceptable_for(role).is_ok();
        for text in ["", "12345", "123456", "987654", "111111", "1234567890123", "short words", "aaaaaaaaaaaaaaa"] {
            assert!(!ok(Role::Officer, text), "{text}");
        }
        for text in ["271828", "102938475610", "four plain words here", "пароль-длинный"] {
            assert!(ok(Role::Officer, text), "{text}");
        }
        for role in Role::ALL {
            assert_eq!(ok(role, "271828"), role.accepts_pin());
            assert!(ok(role, "four plain words here"));
        }
    }
}
