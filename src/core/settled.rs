//! What has become of the rows of a lane: which are settled, how, and which were pruned.

use super::words::{Reader, Words};
use alloc::{string::String, vec::Vec};

/// How one row was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The endpoint has it.
    Acknowledged,
    /// The endpoint will never take it.
    Poison,
    /// It is too large for the endpoint, all by itself.
    TooLarge,
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Settled seqs as ascending, disjoint, non-adjacent ranges, both ends included.
    ranges: Vec<(u64, u64)>,
    /// Events the endpoint has.
    pub acknowledged: u64,
    /// Events dropped because the endpoint refused them.
    pub poison: u64,
    /// Events dropped because one alone was over the endpoint's limit.
    pub too_large: u64,
    /// The highest seq that was ever on the wire, which is also the number of events sent.
    pub sent: u64,
    /// Where the rows that are left begin, if some were pruned.
    pub base: Option<Base>,
}

impl Settled {
    /// The first seq that is not settled.
    pub fn next(&self) -> u64 {
        match self.ranges.first() {
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
        self.ranges.iter().any(|(first, last)| (*first..=*last).contains(&seq))
    }

    /// Settles `seq`. A row that was settled before keeps its first fate.
    pub fn settle(&mut self, seq: u64, fate: Fate) {
        if self.contains(seq) {
            return;
        }
        let at = self.ranges.partition_point(|(first, _)| *first < seq);
        self.ranges.insert(at, (seq, seq));
        self.ranges.dedup_by(|next, range| {
            let touches = range.1 + 1 == next.0;
            if touches {
                range.1 = next.1;
            }
            touches
        });
        if seq > 0 {
            match fate {
                Fate::Acknowledged => self.acknowledged += 1,
                Fate::Poison => self.poison += 1,
                Fate::TooLarge => self.too_large += 1,
            }
        }
    }

    /// As a record for the store.
    pub fn save(&self) -> String {
        let counts = [self.acknowledged, self.poison, self.too_large, self.sent];
        let base = self.base.as_ref();
        let words = Words::default().numbers(&counts).text(base.map(|base| base.link.as_str()));
        let words = words.numbers(&base.map_or([0, 0], |base| [base.seq, base.t]));
        self.ranges.iter().fold(words, |words, (first, last)| words.numbers(&[*first, *last])).finish()
    }

    /// What [`save`](Self::save) wrote. What cannot be read counts as nothing settled: rows are sent again, not lost.
    pub fn load(saved: &str) -> Self {
        let mut words = Reader::new(saved);
        let mut number = || words.number().unwrap_or(0);
        let (acknowledged, poison, too_large, sent) = (number(), number(), number(), number());
        let link = words.string();
        let mut number = || words.number().unwrap_or(0);
        let (seq, t) = (number(), number());
        let base = link.map(|link| Base { seq, t, link });
        let mut ranges = Vec::new();
        while let (Some(first), Some(last)) = (words.number(), words.number()) {
            ranges.push((first, last));
        }
        Self { ranges, acknowledged, poison, too_large, sent, base }
    }
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
            prop_assert!(settled.ranges.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
            prop_assert_eq!(Settled::load(&settled.save()), settled);
        }
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
}
