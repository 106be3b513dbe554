//! The Merkle tree over a chain, as RFC 9162 section 2.1 has it: a link is a leaf hash already, so the rows of a chain are
//! the tree's leaves, and its proofs are checked by any verifier of that RFC.
//!
//! Source of the checks: RFC 9162 sections 2.1.3.2 and 2.1.4.2; of their form for subtrees draft-ietf-plants-merkle-tree-certs,
//! of which the RFC's is the one that begins at 0.

use super::chain::Hash;
use alloc::vec::Vec;
use core::ops::Range;
use sha2::{Digest, Sha256};

/// The hash of an inner node.
pub fn node(left: &Hash, right: &Hash) -> Hash {
    let hasher = Sha256::new_with_prefix([1]).chain_update(left.0).chain_update(right.0);
    Hash(hasher.finalize().into())
}

/// The root of a tree with no leaves.
pub fn empty_root() -> Hash {
    Hash::of(&[])
}

/// A tree of which only what is needed to go on is kept: the roots of its perfect subtrees, largest first.
///
/// ```
/// # use nymtrail::core::{chain::Hash, merkle::{CompactRange, root}};
/// let leaves: Vec<_> = ["a", "b", "c"].map(|text| Hash::of(&[text])).into();
/// let mut tree = CompactRange::default();
/// leaves.iter().for_each(|leaf| tree.append(*leaf));
/// assert_eq!((tree.size(), tree.root()), (3, root(&leaves)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompactRange {
    size: u64,
    peaks: Vec<Hash>,
}

impl CompactRange {
    /// The range of `size` leaves with these roots of perfect subtrees, largest first; `None` if their number is not that
    /// of the ones in `size`.
    pub fn new(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (u64::from(size.count_ones()) == peaks.len() as u64).then_some(Self { size, peaks })
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the perfect subtrees, largest first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Adds a leaf.
    pub fn append(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Each one at the end of the size is a perfect subtree that the new leaf completes to a larger one.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let bagged = self.peaks.iter().rev().copied().reduce(|right, left| node(&left, &right));
        bagged.unwrap_or_else(empty_root)
    }
}

/// The root over these leaf hashes.
pub fn root(leaves: &[Hash]) -> Hash {
    let mut tree = CompactRange::default();
    leaves.iter().for_each(|leaf| tree.append(*leaf));
    tree.root()
}

/// The path that shows that the leaf at `index` is in the tree over `leaves`; `None` if there is no such leaf.
pub fn inclusion_proof(leaves: &[Hash], index: u64) -> Option<Vec<Hash>> {
    let at = usize::try_from(index).ok().filter(|at| *at < leaves.len())?;
    let (mut rest, mut at, mut path) = (leaves, at, Vec::new());
    while rest.len() > 1 {
        let (left, right) = rest.split_at(largest_power_below(rest.len()));
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

/// The proof that the tree over `leaves` continues the one over the first `size` of them; `None` if there are not as many.
pub fn consistency_proof(leaves: &[Hash], size: u64) -> Option<Vec<Hash>> {
    let mut first = usize::try_from(size).ok().filter(|first| (1..=leaves.len()).contains(first))?;
    let (mut rest, mut whole, mut path) = (leaves, true, Vec::new());
    while first < rest.len() {
        let (left, right) = rest.split_at(largest_power_below(rest.len()));
        if first <= left.len() {
            path.push(root(right));
            rest = left;
        } else {
            path.push(root(left));
            first -= left.len();
            (rest, whole) = (right, false);
        }
    }
    // The smaller tree itself need not be named: whoever checks has its root.
    if !whole {
        path.push(root(rest));
    }
    path.reverse();
    Some(path)
}

fn largest_power_below(length: usize) -> usize {
    length.next_power_of_two() / 2
}

/// Whether `proof` shows that `leaf` is at `index` of the tree with `size` leaves and this root.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = node(&hash, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

/// Whether `proof` shows that the tree with `size` leaves and root `root` continues the one with `first` leaves and root
/// `before`. Every tree continues the empty one, which proves nothing, so `first` 0 is refused.
pub fn verify_consistency(first: u64, before: &Hash, size: u64, root: &Hash, proof: &[Hash]) -> bool {
    first > 0 && verify_subtree_consistency(0..first, before, size, root, proof)
}

/// [`verify_inclusion`] in the subtree over the leaves `subtree` of a larger tree.
pub fn verify_subtree_inclusion(leaf: &Hash, index: u64, subtree: Range<u64>, proof: &[Hash], root: &Hash) -> bool {
    is_subtree(&subtree)
        && subtree.contains(&index)
        && verify_inclusion(leaf, index - subtree.start, subtree.end - subtree.start, proof, root)
}

/// Whether `proof` shows that the subtree over the leaves `subtree`, with root `part`, is part of the tree with `size` leaves
/// and root `root`. The empty subtree is part of every tree.
pub fn verify_subtree_consistency(subtree: Range<u64>, part: &Hash, size: u64, root: &Hash, proof: &[Hash]) -> bool {
    if subtree.is_empty() && subtree.end <= size {
        return proof.is_empty() && *part == empty_root();
    }
    if !is_subtree(&subtree) || subtree.end > size {
        return false;
    }
    let (mut first, mut last, mut top) = (subtree.start, subtree.end - 1, size - 1);
    let at_the_edge = last == top;
    while first != last && (at_the_edge || last & 1 == 1) {
        (first, last, top) = (first >> 1, last >> 1, top >> 1);
    }
    let mut proof = proof.iter();
    let seed = if first == last { Some(part) } else { proof.next() };
    let Some((mut small, mut large)) = seed.map(|seed| (*seed, *seed)) else { return false };
    for sibling in proof {
        if top == 0 {
            return false;
        }
        if last & 1 == 1 || last == top {
            if first < last {
                small = node(sibling, &small);
            }
            large = node(sibling, &large);
            while last & 1 == 0 && last != 0 {
                (first, last, top) = (first >> 1, last >> 1, top >> 1);
            }
        } else {
            large = node(&large, sibling);
        }
        (first, last, top) = (first >> 1, last >> 1, top >> 1);
    }
    top == 0 && small == *part && large == *root
}

/// Whether these leaves are a subtree: not empty, and at a place that its size, rounded up to a power of two, divides.
fn is_subtree(leaves: &Range<u64>) -> bool {
    let size = leaves.end.saturating_sub(leaves.start);
    size > 0 && size.checked_next_power_of_two().is_some_and(|power| leaves.start.is_multiple_of(power))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;
    use std::string::ToString;

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|at| Hash::of(&[&at.to_string()])).collect()
    }

    /// Base64; where the vectors have a text for a hash ("don't care"), something else that is the same each time.
    fn hash(value: &Value) -> Option<Hash> {
        let bytes = crate::core::base64url::decode_lenient(value.as_str()?.trim_end_matches('=').as_bytes())?;
        let bytes = Some(bytes).filter(|bytes| !bytes.is_empty())?;
        Some(Hash(bytes.try_into().unwrap_or_else(|bytes: Vec<u8>| Sha256::digest(bytes).into())))
    }

    #[test]
    fn the_cases_of_transparency_dev() {
        let (mut counts, mut wrong) = ([0; 4], Vec::new());
        for line in include_str!("../../tests/vectors/transparency-dev-merkle-testdata.jsonl").lines() {
            let file: Value = serde_json::from_str(line).unwrap();
            let (path, case) = (file["path"].as_str().unwrap(), &file["case"]);
            let kind = ["/inclusion/", "/consistency/", "/subtreeinclusion/", "/subtreeconsistency/"];
            let kind = kind.iter().position(|kind| path.contains(kind)).unwrap();
            counts[kind] += 1;
            let number = |name: &str| case[name].as_u64().unwrap();
            let check = || {
                let proof: Option<Vec<_>> = case["proof"].as_array().unwrap_or(&Vec::new()).iter().map(hash).collect();
                let (proof, hash) = (proof?, |name: &str| hash(&case[name]));
                Some(match kind {
                    0 => {
                        let (index, size) = (number("leafIdx"), number("treeSize"));
                        verify_inclusion(&hash("leafHash")?, index, size, &proof, &hash("root")?)
                    }
                    1 => {
                        let (first, size) = (number("size1"), number("size2"));
                        verify_consistency(first, &hash("root1")?, size, &hash("root2")?, &proof)
                    }
                    2 => {
                        let subtree = number("start")..number("end");
                        verify_subtree_inclusion(&hash("leafHash")?, number("leafIdx"), subtree, &proof, &hash("root")?)
                    }
                    _ => {
                        let subtree = number("start")..number("end");
                        verify_subtree_consistency(subtree, &hash("root1")?, number("size"), &hash("root2")?, &proof)
                    }
                })
            };
            if check() == Some(true) && case["wantErr"] == true || check() != Some(true) && case["wantErr"] == false {
                wrong.push(path.to_string());
            }
        }
        assert_eq!(counts, [98, 98, 204, 118]);
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn the_reference_tree() {
        let tree: Value =
            serde_json::from_str(include_str!("../../tests/vectors/rfc6962-reference-tree.json")).unwrap();
        let bytes = |value: &Value| {
            let text = value.as_str().unwrap().as_bytes();
            text.chunks(2)
                .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
                .collect::<Vec<_>>()
        };
        let inputs = tree["leaf_inputs_hex"].as_array().unwrap().iter().map(bytes);
        let leaves: Vec<_> =
            inputs.map(|input| Hash(Sha256::new_with_prefix([0]).chain_update(input).finalize().into())).collect();
        let roots = tree["root_by_size_0_to_8"].as_array().unwrap();
        assert_eq!(roots.len(), 9);
        for (size, expected) in roots.iter().enumerate() {
            assert_eq!(root(&leaves[..size]).0.to_vec(), bytes(expected), "size {size}");
        }
    }

    proptest! {
        #[test]
        fn what_is_proved_is_accepted_and_nothing_else(size in 1u64..70, first in 1u64..70, index in 0u64..70, flip in 0usize..9) {
            let (leaves, first, index) = (leaves(size), first.min(size), index % size);
            let whole = root(&leaves);
            let part = root(&leaves[..first as usize]);
            let mut path = inclusion_proof(&leaves, index).unwrap();
            let leaf = leaves[index as usize];
            prop_assert!(verify_inclusion(&leaf, index, size, &path, &whole));
            prop_assert!(!verify_inclusion(&Hash::of(&["x"]), index, size, &path, &whole));
            prop_assert!(size == 1 || !verify_inclusion(&leaf, (index + 1) % size, size, &path, &whole));
            if let Some(step) = path.get_mut(flip) {
                step.0[flip] ^= 1;
                prop_assert!(!verify_inclusion(&leaf, index, size, &path, &whole));
            }
            let mut proof = consistency_proof(&leaves, first).unwrap();
            prop_assert!(verify_consistency(first, &part, size, &whole, &proof));
            prop_assert!(first == size || !verify_consistency(first, &whole, size, &part, &proof));
            if let Some(step) = proof.get_mut(flip) {
                step.0[flip] ^= 1;
                prop_assert!(!verify_consistency(first, &part, size, &whole, &proof));
            }
        }
    }

    #[test]
    fn a_pruned_tree_goes_on() {
        let all = leaves(100);
        let mut tree = CompactRange::default();
        all[..37].iter().for_each(|leaf| tree.append(*leaf));
        let mut later = CompactRange::new(tree.size(), tree.peaks().to_vec()).unwrap();
        all[37..].iter().for_each(|leaf| later.append(*leaf));
        assert_eq!(later.root(), root(&all));
        assert_eq!(CompactRange::new(3, tree.peaks().to_vec()), None);
    }
}
