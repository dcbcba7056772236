//! Signatures and the keys behind them: signed notes that another program can verify, and secret keys that lie on the
//! disk sealed under a passphrase. Checkpoints of the casebook and packs of references are signed alike.

mod note;
mod sealed;

pub use note::{NoteError, NoteSigner, NoteVerifier};
pub use sealed::{Kdf, PASSPHRASE_CHARS_MIN, SealError, SealedKey};
