//! The Merkle tree of RFC 6962, section 2.1: leaf and node hashes, roots, inclusion and consistency proofs.
//!
//! Pure: hashes in, hashes out. A hash is SHA-256, 32 bytes.

use sha2::{Digest, Sha256};

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// The hash of an entry: SHA-256 of 0x00 and the entry, so that no entry can pass for an inner node.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(entry).finalize().into()
}

/// The hash of an inner node: SHA-256 of 0x01, left and right.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root over no leaves.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// Roots of the perfect subtrees that a log of some size falls into, from the left (largest) to the right. This is all
/// that adding a leaf needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The frontier of a log of `size` leaves; `None` where the number of hashes does not fit the size.
    pub fn from_parts(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (u64::from(size.count_ones()) == peaks.len() as u64).then_some(Self { size, peaks })
    }

    /// Leaves so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The subtree roots.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Each trailing one of the size is a finished subtree as large as the new one: they become one.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root over all leaves.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(first) = peaks.next() else { return empty_root() };
        peaks.fold(*first, |right, left| node_hash(left, &right))
    }
}

/// The root over `leaves`.
pub fn root(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    for leaf in leaves {
        frontier.push(*leaf);
    }
    frontier.root()
}

/// The largest power of two that is smaller than `n`; `n` is at least 2.
fn split(n: usize) -> usize {
    1 << (usize::BITS - 1 - (n - 1).leading_zeros())
}

/// The audit path of leaf `index` (from 0) in the tree over `leaves`; `None` where there is no such leaf.
/// RFC 6962, section 2.1.1.
pub fn inclusion_proof(index: usize, leaves: &[Hash]) -> Option<Vec<Hash>> {
    if index >= leaves.len() {
        return None;
    }
    let (mut path, mut rest, mut at) = (Vec::new(), leaves, index);
    while rest.len() > 1 {
        let (left, right) = rest.split_at(split(rest.len()));
        if at < left.len() {
            path.push(root(right));
            rest = left;
        } else {
            path.push(root(left));
            at -= left.len();
            rest = right;
        }
    }
    path.reverse();
    Some(path)
}

/// Whether `path` proves that `leaf` is number `index` (from 0) of the tree of `size` leaves with this root.
/// RFC 9162, section 2.1.3.2.
pub fn includes(leaf: &Hash, index: u64, size: u64, path: &[Hash], expected: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *expected
}

/// The proof that the tree over the first `old` of `leaves` is the beginning of the tree over all of them; `None` where
/// there are fewer than `old`. Empty for `old` of 0 or all. RFC 6962, section 2.1.2.
pub fn consistency_proof(old: usize, leaves: &[Hash]) -> Option<Vec<Hash>> {
    if old > leaves.len() {
        return None;
    }
    let (mut path, mut rest, mut at, mut whole) = (Vec::new(), leaves, old, true);
    if old == 0 || old == leaves.len() {
        return Some(path);
    }
    while at < rest.len() {
        let (left, right) = rest.split_at(split(rest.len()));
        if at <= left.len() {
            path.push(root(right));
            rest = left;
        } else {
            path.push(root(left));
            at -= left.len();
            rest = right;
            whole = false;
        }
    }
    if !whole {
        path.push(root(rest));
    }
    path.reverse();
    Some(path)
}

/// Whether `path` proves that the log with `old_root` over `old` leaves is the beginning of the one with `new_root` over
/// `new` leaves. RFC 9162, section 2.1.4.2.
pub fn consistent(old: u64, old_root: &Hash, new: u64, new_root: &Hash, path: &[Hash]) -> bool {
    if old > new {
        return false;
    }
    if old == new {
        return path.is_empty() && old_root == new_root;
    }
    if old == 0 {
        return path.is_empty() && *old_root == empty_root();
    }
    let mut hashes = path.iter();
    // A power of two is a subtree of its own, whose root the verifier knows already.
    let first = if old.is_power_of_two() { Some(old_root) } else { hashes.next() };
    let Some(first) = first else { return false };
    let (mut at, mut last) = (old - 1, new - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut for_old, mut for_new) = (*first, *first);
    for sibling in hashes {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            for_old = node_hash(sibling, &for_old);
            for_new = node_hash(sibling, &for_new);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            for_new = node_hash(&for_new, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && for_old == *old_root && for_new == *new_root
}

#[cfg(test)]
mod tests {
    use super::*;

    use super::super::ledger::hex;

    /// Entries and roots of the test vectors that the Certificate Transparency project publishes for RFC 6962.
    const ENTRIES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn leaves(n: usize) -> Vec<Hash> {
        (0..n).map(|i| leaf_hash(&i.to_le_bytes())).collect()
    }

    /// The definition of RFC 6962, word for word, as a second way to the same root.
    fn defined_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [one] => *one,
            more => {
                let mut k = 1;
                while 2 * k < more.len() {
                    k *= 2;
                }
                node_hash(&defined_root(&more[..k]), &defined_root(&more[k..]))
            }
        }
    }

    #[test]
    fn roots_are_those_of_the_published_vectors() {
        assert_eq!(hex(&empty_root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        let hashed: Vec<Hash> = ENTRIES.iter().map(|e| leaf_hash(e)).collect();
        for (n, expected) in (1..).zip(ROOTS) {
            assert_eq!(hex(&root(&hashed[..n])), expected, "{n} leaves");
        }
    }

    #[test]
    fn the_frontier_gives_the_root_of_the_definition() {
        let all = leaves(130);
        let mut frontier = Frontier::default();
        for n in 0..=all.len() {
            assert_eq!(frontier.root(), defined_root(&all[..n]), "{n} leaves");
            let copy = Frontier::from_parts(frontier.size(), frontier.peaks().to_vec());
            assert_eq!(copy.as_ref(), Some(&frontier));
            if let Some(leaf) = all.get(n) {
                frontier.push(*leaf);
            }
        }
        assert_eq!(Frontier::from_parts(3, vec![[0; 32]]), None);
    }

    #[test]
    fn every_leaf_is_proven_and_nothing_else() {
        for n in 1..70 {
            let all = leaves(n);
            let top = root(&all);
            for index in 0..n {
                let path = inclusion_proof(index, &all).unwrap();
                let proves = |leaf: &Hash, i: usize, size: usize, path: &[Hash]| {
                    includes(leaf, i as u64, size as u64, path, &top)
                };
                assert!(proves(&all[index], index, n, &path));
                assert!(!proves(&[7; 32], index, n, &path), "another leaf");
                assert!(!proves(&all[index], (index + 1) % n, n, &path) || n == 1, "another place");
                for k in 0..path.len() {
                    let mut bent = path.clone();
                    bent[k][5] ^= 1;
                    assert!(!proves(&all[index], index, n, &bent), "a bent path");
                    assert!(!proves(&all[index], index, n, &path[..k]), "a short path");
                }
                let long: Vec<Hash> = path.iter().copied().chain([[1; 32]]).collect();
                assert!(!proves(&all[index], index, n, &long), "a long path");
            }
            assert_eq!(inclusion_proof(n, &all), None);
        }
    }

    #[test]
    fn every_beginning_of_a_log_up_to_257_leaves_is_consistent_with_every_later_one() {
        let all = leaves(257);
        let roots: Vec<Hash> = (0..=257).map(|n| root(&all[..n])).collect();
        for new in 0..=257_usize {
            for old in 0..=new {
                let path = consistency_proof(old, &all[..new]).unwrap();
                let proves = |old_root: &Hash, new_root: &Hash, path: &[Hash]| {
                    consistent(old as u64, old_root, new as u64, new_root, path)
                };
                assert!(proves(&roots[old], &roots[new], &path), "{old} of {new}");
                assert!(!proves(&[3; 32], &roots[new], &path), "{old} of {new}: another beginning");
                // Nothing is the beginning of every log.
                assert_eq!(proves(&roots[old], &[3; 32], &path), old == 0 && new > 0, "{old} of {new}: another end");
                if !path.is_empty() {
                    let mut bent = path.clone();
                    bent[path.len() / 2][0] ^= 0x80;
                    assert!(!proves(&roots[old], &roots[new], &bent), "{old} of {new}: a bent path");
                    assert!(!proves(&roots[old], &roots[new], &path[1..]), "{old} of {new}: a short path");
                }
            }
            assert_eq!(consistency_proof(new + 1, &all[..new]), None);
        }
    }
}
