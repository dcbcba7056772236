//! Why an account cannot do something, as sentences.

use thiserror::Error;

use super::Role;

/// Why an account may not, or cannot, do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The role table says no.
    #[error("{who} is {}, and this role may not {act}; ask somebody whose role may (docs/casebook.md has the table)", .role.name())]
    NotPermitted {
        /// The account.
        who: String,
        /// Its role.
        role: Role,
        /// What was asked.
        act: &'static str,
    },
    /// Name and secret do not belong together, or there is no such account: which of them is not said.
    #[error("this name and this secret do not belong together; type both again")]
    WrongSecret,
    /// Too many wrong secrets.
    #[error(
        "too many wrong secrets: this account can sign in again in {seconds} s; changing the clock or restarting does not shorten the wait"
    )]
    LockedOut {
        /// Seconds left.
        seconds: u64,
    },
    /// The account was disabled.
    #[error("the account {0} is disabled; an administrator can enable it again")]
    Disabled(String),
    /// There is no account of this name.
    #[error("there is no account {0}; 'parcelscope account list' shows all")]
    NoSuchAccount(String),
    /// Name or badge belongs to somebody.
    #[error("{0} is already the name or badge of an account; choose another one")]
    Taken(String),
    /// No name.
    #[error("'{0}' cannot be a name or badge; give 1 to 64 printable characters that the program does not use itself")]
    BadName(String),
    /// The secret is too weak.
    #[error("this secret is not accepted: {0}")]
    WeakSecret(&'static str),
    /// A role that needs a passphrase was given to an account that may have a PIN.
    #[error("{} needs a passphrase, and this account may have a PIN; enrol a second account with the new role and disable this one", .0.name())]
    PinTooWeakForRole(Role),
    /// The first account keeps the others.
    #[error(
        "the first account must be an administrator, who then enrols the others; enrol one with --role administrator"
    )]
    FirstMustBeAdministrator,
    /// Accounts exist.
    #[error("accounts are enrolled already, so an administrator must sign in to enrol another one; give --by NAME")]
    NotFirst,
    /// Nobody could keep accounts afterwards.
    #[error("this is the last administrator, so the account stays as it is; enrol another administrator first")]
    LastAdministrator,
    /// The stored hash is not the one that the chain states.
    #[error(
        "the stored secret of {0} is not the one that was enrolled: somebody exchanged it; run 'parcelscope casebook verify' and have an administrator set a new one"
    )]
    CredentialExchanged(String),
    /// The system gave no randomness or memory.
    #[error("the system failed while a secret was processed ({0}); try again")]
    System(String),
}
