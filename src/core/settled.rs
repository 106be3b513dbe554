//! What has become of the rows of a lane: which are settled, how, and which were pruned.

use super::{
    chain::Hash,
    hex,
    merkle::CompactRange,
    move_last, opening,
    row::Row,
    words::{Reader, Words},
};
use alloc::{string::String, vec::Vec};

/// What became of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The endpoint has it.
    Acknowledged,
    /// The endpoint will never take it.
    Poison,
    /// It is too large for the endpoint, all by itself.
    TooLarge,
    /// Too many were waiting, and it was one of the oldest.
    Overflow,
    /// The endpoint knows another history of this chain, so the event was linked again in another one.
    Moved,
}

/// Seqs as ascending, disjoint, non-adjacent ranges, both ends included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    fn contains(&self, seq: u64) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&seq))
    }

    fn insert(&mut self, seq: u64) {
        if self.contains(seq) {
            return;
        }
        self.0.push((seq, seq));
        move_last(&mut self.0, |a, b| a > b);
        self.0.dedup_by(|next, range| {
            let touches = range.1 + 1 == next.0;
            if touches {
                range.1 = next.1;
            }
            touches
        });
    }

    /// How many there are from `first` on.
    fn count_from(&self, first: u64) -> u64 {
        self.0.iter().map(|(low, high)| (high + 1).saturating_sub(first.max(*low))).sum()
    }
}

/// The last pruned row of a lane: what the rows that are left go on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// Its seq.
    pub seq: u64,
    /// Its time.
    pub t: u64,
    /// Its link.
    pub link: String,
}

/// The record of one lane. Seq 0, the genesis, is settled like any row but is no event, so it is never counted.
///
/// A row that was given up is not settled yet: what comes after it does not link without it, so its place in the chain
/// goes to the endpoint erased, as a gap that is declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    done: Ranges,
    /// Given up, and perhaps settled since.
    given_up: Ranges,
    /// Events the endpoint has.
    pub acknowledged: u64,
    /// Events dropped because the endpoint refused them.
    pub poison: u64,
    /// Events dropped because one alone was over the endpoint's limit.
    pub too_large: u64,
    /// Events dropped because too many were waiting.
    pub overflow: u64,
    /// Events that count where they are now.
    pub moved: u64,
    /// The highest seq that was ever on the wire, which is also the number of events sent.
    pub sent: u64,
    /// Where the rows that are left begin, if some were pruned.
    pub base: Option<Base>,
    /// The tree over the settled rows from seq 0 on, or fewer of them if it has yet to catch up, so that there are roots
    /// although rows were pruned. `None`: it was not kept from the beginning, and this chain has none.
    pub tree: Option<CompactRange>,
    /// The row that closes the chain, which is no event either. Not saved: whoever has to do with the row says so.
    pub close: Option<u64>,
}

impl Settled {
    /// The record of a lane of which nothing is settled yet.
    pub fn new() -> Self {
        Self { tree: Some(CompactRange::default()), ..Self::default() }
    }

    /// Where the tree has to go on, if rows are settled that it does not have.
    pub fn tree_lags(&self) -> Option<u64> {
        self.tree.as_ref().map(CompactRange::size).filter(|size| *size < self.next())
    }

    /// Adds the links of rows from the end of the tree on, as far as they are settled. False: none was.
    pub fn grow_tree(&mut self, links: &[Hash]) -> bool {
        let next = self.next();
        self.tree.as_mut().is_some_and(|tree| grow(tree, links, next))
    }

    /// The root over the first `size` rows; `links` are those of rows from the end of the tree on.
    pub fn root_with(&self, links: &[Hash], size: u64) -> Option<Hash> {
        let mut tree = self.tree.clone()?;
        grow(&mut tree, links, size);
        (tree.size() == size).then(|| tree.root())
    }

    /// The first seq that is not settled.
    pub fn next(&self) -> u64 {
        match self.done.0.first() {
            Some((0, last)) => last + 1,
            _ => 0,
        }
    }

    /// The first seq that is still stored.
    pub fn first(&self) -> u64 {
        self.base.as_ref().map_or(0, |base| base.seq + 1)
    }

    /// Whether `seq` is settled.
    pub fn contains(&self, seq: u64) -> bool {
        self.done.contains(seq)
    }

    /// Whether the event at `seq` was given up, so that only its erased row is sent.
    pub fn is_given_up(&self, seq: u64) -> bool {
        self.given_up.contains(seq)
    }

    /// How many rows up to `top` are neither settled nor given up, about: settled ones behind open ones count twice if
    /// they had been given up.
    pub fn open(&self, top: u64) -> u64 {
        let next = self.next();
        (top + 1).saturating_sub(next + self.done.count_from(next) + self.given_up.count_from(next))
    }

    /// The first row that is neither settled nor given up.
    pub fn first_open(&self) -> u64 {
        let mut seq = self.next();
        while self.contains(seq) || self.is_given_up(seq) {
            seq += 1;
        }
        seq
    }

    /// Settles `seq`. A row that was settled, or given up, before keeps its first fate.
    pub fn settle(&mut self, seq: u64, fate: Fate) {
        self.count(seq, fate);
        self.done.insert(seq);
    }

    /// Gives the event at `seq` up. If it was given up before, it is settled: its erased row is not wanted either.
    pub fn give_up(&mut self, seq: u64, fate: Fate) {
        if self.is_given_up(seq) {
            return self.done.insert(seq);
        }
        self.count(seq, fate);
        self.given_up.insert(seq);
    }

    /// Takes note of a row that is about to be sent, given up or moved.
    pub fn note_close(&mut self, row: &Row) {
        if opening::is_close(row) {
            self.close = Some(row.seq);
        }
    }

    fn count(&mut self, seq: u64, fate: Fate) {
        if seq == 0 || self.close == Some(seq) || self.contains(seq) || self.is_given_up(seq) {
            return;
        }
        *match fate {
            Fate::Acknowledged => &mut self.acknowledged,
            Fate::Poison => &mut self.poison,
            Fate::TooLarge => &mut self.too_large,
            Fate::Overflow => &mut self.overflow,
            Fate::Moved => &mut self.moved,
        } += 1;
    }

    /// As a record for the store.
    pub fn save(&self) -> String {
        let counts = [self.acknowledged, self.poison, self.too_large, self.overflow, self.moved, self.sent];
        let base = self.base.as_ref();
        let words = Words::default().numbers(&counts).text(base.map(|base| base.link.as_str()));
        let words = words.numbers(&base.map_or([0, 0], |base| [base.seq, base.t]));
        let words = self.done.0.iter().fold(words, |words, (first, last)| words.numbers(&[*first, *last]));
        // Behind the mark those given up, as long as they count for anything.
        let given_up = self.given_up.0.iter().filter(|(_, last)| *last >= self.next());
        let words = given_up.fold(words.text(None), |words, (first, last)| words.numbers(&[*first, *last]));
        // Behind another one the tree.
        let Some(tree) = &self.tree else { return words.finish() };
        let mut peaks = String::new();
        tree.peaks().iter().for_each(|peak| hex::push(&peak.0, &mut peaks));
        words.text(None).number(tree.size()).text(Some(&peaks)).finish()
    }

    /// What [`save`](Self::save) wrote. What cannot be read counts as nothing settled: rows are sent again, not lost.
    pub fn load(saved: &str) -> Self {
        let mut words = Reader::new(saved);
        let mut number = || words.number().unwrap_or(0);
        let (acknowledged, poison, too_large) = (number(), number(), number());
        let (overflow, moved, sent) = (number(), number(), number());
        let link = words.string();
        let mut number = || words.number().unwrap_or(0);
        let (seq, t) = (number(), number());
        let base = link.map(|link| Base { seq, t, link });
        let mut ranges = || {
            let mut ranges = Vec::new();
            while let Some(first) = words.number() {
                ranges.extend(words.number().map(|last| (first, last)));
            }
            Ranges(ranges)
        };
        let (done, given_up) = (ranges(), ranges());
        let tree = words.number().and_then(|size| read_tree(size, words.text().unwrap_or_default()));
        Self { done, given_up, acknowledged, poison, too_large, overflow, moved, sent, base, tree, close: None }
    }
}

/// Adds leaves up to that size; false: none.
fn grow(tree: &mut CompactRange, links: &[Hash], size: u64) -> bool {
    let before = tree.size();
    for link in links {
        if tree.size() < size {
            tree.append(*link);
        }
    }
    tree.size() > before
}

fn read_tree(size: u64, mut digits: &str) -> Option<CompactRange> {
    let mut peaks = Vec::new();
    while let Some(peak) = digits.get(..64) {
        peaks.push(Hash(hex::decode(peak)?));
        digits = digits.get(64..)?;
    }
    CompactRange::new(size, peaks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn behaves_like_a_set(seqs in prop::collection::vec(0u64..40, 0..60)) {
            let (mut settled, mut set) = (Settled::default(), BTreeSet::new());
            for seq in seqs {
                settled.settle(seq, Fate::Acknowledged);
                set.insert(seq);
            }
            for seq in 0..41 {
                prop_assert_eq!(settled.contains(seq), set.contains(&seq));
            }
            prop_assert_eq!(settled.next(), (0..).find(|seq| !set.contains(seq)).unwrap());
            prop_assert_eq!(settled.acknowledged, set.iter().filter(|seq| **seq > 0).count() as u64);
            prop_assert!(settled.done.0.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
            prop_assert_eq!(Settled::load(&settled.save()), settled);
        }
    }

    #[test]
    fn what_is_given_up_is_counted_once_and_stays_to_be_sent() {
        let mut settled = Settled::default();
        for seq in 0..3 {
            settled.settle(seq, Fate::Acknowledged);
        }
        for seq in [3, 4, 6] {
            settled.give_up(seq, Fate::Overflow);
        }
        assert_eq!((settled.overflow, settled.next(), settled.first_open(), settled.open(9)), (3, 3, 5, 4));
        assert_eq!(Settled::load(&settled.save()), settled);
        settled.settle(3, Fate::Acknowledged);
        settled.give_up(4, Fate::Poison);
        assert_eq!((settled.acknowledged, settled.poison, settled.next()), (2, 0, 5));
        assert!(!Settled::load(&settled.save()).is_given_up(3), "what is behind it is forgotten");
    }

    #[test]
    fn the_first_fate_stays_and_the_base_is_kept() {
        let mut settled = Settled::default();
        settled.settle(3, Fate::Poison);
        settled.settle(3, Fate::Acknowledged);
        settled.settle(4, Fate::TooLarge);
        settled.base = Some(Base { seq: 1, t: 5, link: "ab".into() });
        assert_eq!((settled.acknowledged, settled.poison, settled.too_large), (0, 1, 1));
        assert_eq!(Settled::load(&settled.save()), settled);
        assert_eq!(Settled::load("nonsense"), Settled::default());
    }

    #[test]
    fn the_tree_follows_what_is_settled_and_is_kept() {
        let links: Vec<_> = ["a", "b", "c", "d"].map(|text| Hash::of(&[text])).into();
        let mut settled = Settled::new();
        assert_eq!((settled.tree_lags(), settled.grow_tree(&links)), (None, false));
        (0..3).for_each(|seq| settled.settle(seq, Fate::Acknowledged));
        assert_eq!(settled.tree_lags(), Some(0));
        assert!(settled.grow_tree(&links), "the fourth is not settled yet");
        assert_eq!(settled.tree_lags(), None);
        let loaded = Settled::load(&settled.save());
        assert_eq!(loaded, settled);
        assert_eq!(loaded.tree.unwrap().root(), crate::core::merkle::root(&links[..3]));
        settled.tree = None;
        assert_eq!((settled.tree_lags(), Settled::load(&settled.save()).tree), (None, None));
    }
}
