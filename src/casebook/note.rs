//! Checkpoints: signed notes that state how large a log was and what its root was.
//!
//! The format is C2SP tlog-checkpoint (<https://c2sp.org/tlog-checkpoint>); the notes are those of [`crate::signature`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::merkle::Hash;
pub use crate::signature::{NoteError, NoteSigner, NoteVerifier};

/// What a checkpoint says: the log of this name had this root when it had this many entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Name of the log.
    pub origin: String,
    /// Entries.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The text to be signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// Reads the text of an opened note. Lines after the third are allowed by the format and not looked at.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(NoteError::Malformed("a checkpoint has three lines"));
        };
        let number: u64 = size.parse().map_err(|_| NoteError::Malformed("the size is not a number"))?;
        if number.to_string() != size || origin.is_empty() {
            return Err(NoteError::Malformed("the size or the name of the log is not in its only form"));
        }
        let root = STANDARD.decode(root).ok().and_then(|r| Hash::try_from(r).ok());
        let root = root.ok_or(NoteError::Malformed("the root is not 32 bytes in base64"))?;
        Ok(Self { origin: origin.to_owned(), size: number, root })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_back_and_carries_the_signatures_of_several() {
        let own = NoteSigner::new("parcelscope/casebook/1", &[7; 32]).unwrap();
        let witness = NoteSigner::new("witness", &[8; 32]).unwrap();
        let checkpoint = Checkpoint { origin: "parcelscope/casebook/1".to_owned(), size: 42, root: [9; 32] };
        let note = own.sign(&checkpoint.text()) + &witness.signature_line(&checkpoint.text());
        for signer in [&own, &witness] {
            let verifier = NoteVerifier::parse(&signer.verifier().text()).unwrap();
            assert_eq!(Checkpoint::parse(verifier.open(&note).unwrap()).unwrap(), checkpoint);
        }
        let other = NoteSigner::new("witness", &[1; 32]).unwrap().verifier();
        assert_eq!(other.open(&note), Err(NoteError::NotSignedBy("witness".to_owned())));
    }

    #[test]
    fn texts_that_are_no_checkpoints_are_refused() {
        let root = STANDARD.encode([1_u8; 32]);
        for text in [
            "",
            "a\n1\n",
            "a\n01\nx\n",
            &format!("a\n-1\n{root}\n"),
            &format!("a\n+1\n{root}\n"),
            &format!("\n1\n{root}\n"),
            "a\n1\nAAAA\n",
        ] {
            assert!(Checkpoint::parse(text).is_err(), "{text:?}");
        }
    }
}
