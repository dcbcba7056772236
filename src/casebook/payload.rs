//! The large parts of a record, packed: text as it is, counts as differences, floats by the places of their bytes,
//! all deflated (RFC 1951). Unpacking gives the very same bytes.

use std::borrow::Cow;
use std::io::{self, Read};

use flate2::read::DeflateDecoder;
use flate2::{Compress, Compression, FlushCompress, Status};

/// Largest part that is unpacked: far above any scan, far below what would exhaust memory.
const PART_BYTES_MAX: u64 = 64 << 20;

/// The level that packs best for its time: level 1 makes a record of 1,024 pixels a quarter larger (30.1 kB instead of 24.5).
const LEVEL: Compression = Compression::new(5);

/// How a part is rearranged before it is deflated. The name is stored beside the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    /// Not at all.
    Deflate,
    /// Little-endian 32-bit words: each minus the one before, then byte by byte of all words.
    Words,
    /// Little-endian 64-bit words: byte by byte of all words.
    Floats,
}

impl Codec {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Deflate, "deflate"), (Self::Words, "delta32-planes-deflate"), (Self::Floats, "planes64-deflate")];

    /// The name in the database.
    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(codec, _)| *codec == self).map_or("", |(_, name)| name)
    }

    /// The codec of this name.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(codec, _)| *codec)
    }

    /// Unpacks what [`Packer::pack`] made; says what is wrong with anything else.
    pub(super) fn unpack(self, packed: &[u8]) -> Result<Vec<u8>, String> {
        let mut arranged = Vec::new();
        let read = DeflateDecoder::new(packed).take(PART_BYTES_MAX + 1).read_to_end(&mut arranged);
        read.map_err(|e| format!("it cannot be unpacked ({e})"))?;
        if arranged.len() as u64 > PART_BYTES_MAX {
            return Err("it is larger than any scan".to_owned());
        }
        Ok(match self {
            Self::Deflate => arranged,
            Self::Words => sums(&words::<4>(&arranged)),
            Self::Floats => words::<8>(&arranged),
        })
    }
}

/// Packs one part after the other with the same tables: to make and clear them anew for each part of a record takes
/// longer than to deflate it.
#[derive(Debug)]
pub(super) struct Packer(Compress);

impl Packer {
    pub(super) fn new() -> Self {
        Self(Compress::new(LEVEL, false))
    }

    /// Packs `plain`.
    pub(super) fn pack(&mut self, codec: Codec, plain: &[u8]) -> io::Result<Vec<u8>> {
        let arranged: Cow<'_, [u8]> = match codec {
            Codec::Deflate => plain.into(),
            Codec::Words => planes::<4>(&differences(plain)).into(),
            Codec::Floats => planes::<8>(plain).into(),
        };
        self.0.reset();
        let mut packed = Vec::with_capacity(arranged.len() / 2 + 64);
        loop {
            let done = usize::try_from(self.0.total_in()).unwrap_or(usize::MAX);
            let rest = arranged.get(done..).unwrap_or_default();
            match self.0.compress_vec(rest, &mut packed, FlushCompress::Finish).map_err(io::Error::other)? {
                Status::StreamEnd => return Ok(packed),
                // There was no more room.
                Status::Ok | Status::BufError => packed.reserve(packed.len() + 64),
            }
        }
    }
}

/// First bytes of all words, then second bytes, and so on; what does not fill a word stays at the end.
fn planes<const N: usize>(plain: &[u8]) -> Vec<u8> {
    let (words, rest) = plain.as_chunks::<N>();
    let mut out = Vec::with_capacity(plain.len());
    for place in 0..N {
        out.extend(words.iter().filter_map(|w| w.get(place)));
    }
    out.extend_from_slice(rest);
    out
}

/// Undoes [`planes`].
fn words<const N: usize>(arranged: &[u8]) -> Vec<u8> {
    let count = arranged.len() / N;
    let mut out = Vec::with_capacity(arranged.len());
    for word in 0..count {
        out.extend((0..N).filter_map(|place| arranged.get(place * count + word)));
    }
    out.extend(arranged.get(count * N..).unwrap_or_default());
    out
}

fn differences(plain: &[u8]) -> Vec<u8> {
    map_words(plain, |word, before| (word.wrapping_sub(before), word))
}

fn sums(differences: &[u8]) -> Vec<u8> {
    map_words(differences, |word, before| {
        let sum = before.wrapping_add(word);
        (sum, sum)
    })
}

/// Maps every word with what the one before left.
fn map_words(bytes: &[u8], map: impl Fn(u32, u32) -> (u32, u32)) -> Vec<u8> {
    let (words, rest) = bytes.as_chunks::<4>();
    let mut before = 0;
    let mut out = Vec::with_capacity(bytes.len());
    for word in words {
        let (mapped, left) = map(u32::from_le_bytes(*word), before);
        before = left;
        out.extend_from_slice(&mapped.to_le_bytes());
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_part_unpacks_to_the_same_bytes(plain in proptest::collection::vec(any::<u8>(), 0..600)) {
            let mut packer = Packer::new();
            for (codec, name) in Codec::ALL {
                prop_assert_eq!(Codec::from_name(name), Some(codec));
                let packed = packer.pack(codec, &plain).unwrap();
                prop_assert_eq!(&codec.unpack(&packed).unwrap(), &plain);
            }
        }

        #[test]
        fn junk_is_refused_or_unpacked_but_never_more(junk in proptest::collection::vec(any::<u8>(), 0..300)) {
            for (codec, _) in Codec::ALL {
                let _ = codec.unpack(&junk);
            }
        }
    }

    #[test]
    fn a_small_part_that_would_fill_the_memory_is_refused() {
        let bomb = Packer::new().pack(Codec::Deflate, &vec![0; (PART_BYTES_MAX + 1) as usize]).unwrap();
        assert!(bomb.len() < 1 << 20);
        assert!(Codec::Deflate.unpack(&bomb).unwrap_err().contains("larger"));
    }
}
