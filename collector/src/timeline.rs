//! What became of each row, in stretches: what the page of [`crate::html`] draws.

use nymtrail::core::row::Row;
use nymtrail::core::verify::ChainCheck;
use std::collections::BTreeMap;

/// How many stretches of a chain are kept; more can't be told apart on a page anyway.
const MOST_STRETCHES: usize = 400;
/// How many chains are kept beside the damaged ones, of which so many more are.
const MOST_CHAINS: usize = 1000;

/// What became of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// As they were linked.
    Intact,
    /// Their events were erased, as the format has it.
    Erased,
    /// They are not here.
    Missing,
    /// They are not what was linked.
    Altered,
}

impl Fate {
    /// The word for it, which is also its name in the page's style.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intact => "intact",
            Self::Erased => "erased",
            Self::Missing => "missing",
            Self::Altered => "altered",
        }
    }
}

/// Rows one after the other with the same fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// What became of them.
    pub fate: Fate,
    /// The first seq.
    pub from: u64,
    /// The last seq and one more.
    pub to: u64,
}

/// The rows of a chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// In order, from seq 0.
    pub stretches: Vec<Stretch>,
    /// The time of the first row and of the last, in ms since 1970.
    pub times: Option<(u64, u64)>,
    /// Whether there are more stretches than are kept.
    pub is_cut: bool,
}

impl Timeline {
    fn add(&mut self, fate: Fate, from: u64, to: u64) {
        let is_full = self.stretches.len() >= MOST_STRETCHES;
        match self.stretches.last_mut() {
            // A fork: two rows in one place, of which one is intact at most.
            Some(last) if last.to > from && last.from == from => last.fate = last.fate.max(fate),
            Some(last) if last.to > from => {
                last.to = from;
                self.stretches.push(Stretch { fate, from, to });
            }
            Some(last) if last.fate == fate && last.to == from => last.to = to,
            _ if is_full => self.is_cut = true,
            _ => self.stretches.push(Stretch { fate, from, to }),
        }
    }
}

/// The rows of all chains, as far as a page has room for them.
#[derive(Clone, Debug, Default)]
pub struct Timelines {
    chains: BTreeMap<String, Timeline>,
    sound: usize,
}

impl Timelines {
    /// Gives the row to the check, and notes what became of it.
    pub fn push(&mut self, check: &mut ChainCheck, row: Row) {
        let before = check.found();
        let (chain, rows, top) = (row.chain.clone(), before.rows, before.top);
        let (wrong, erased) = (wrong(check), before.erased);
        let (seq, t, is_erased) = (row.seq, row.t, row.body.is_none());
        check.push(row);
        let found = check.found();
        let was_sound = wrong == (0, 0);
        let is_sound = self::wrong(check) == (0, 0);
        // Room is for those that begin sound until there is none; damaged ones come on top.
        if !self.chains.contains_key(&chain) {
            let is_damaged_now = was_sound && !is_sound;
            if !is_damaged_now && (rows > 0 || self.sound >= MOST_CHAINS) || self.chains.len() >= 2 * MOST_CHAINS {
                return;
            }
            self.sound += usize::from(is_sound);
        }
        let line = self.chains.entry(chain).or_default();
        if line.stretches.is_empty() && rows > 0 {
            // So far there was nothing to remark.
            line.add(Fate::Intact, 0, top);
        }
        line.times = Some((line.times.map_or(t, |(first, _)| first), t));
        if found.rows == rows {
            // Delivered twice; if it came whole now, it is not erased.
            if found.erased < erased
                && let Some(last) = line.stretches.last_mut()
            {
                last.to = seq;
                line.stretches.retain(|stretch| stretch.from < stretch.to);
                line.add(Fate::Intact, seq, seq + 1);
            }
            return;
        }
        if seq > top {
            line.add(Fate::Missing, top, seq);
        }
        let is_altered = found.bad_link + found.forks + found.time_back > wrong.0;
        // After a gap a row can't link to the one before it, which says nothing against the row.
        let is_altered = is_altered && seq <= top;
        let fate = match (is_altered, is_erased) {
            (true, _) => Fate::Altered,
            (_, true) => Fate::Erased,
            _ => Fate::Intact,
        };
        line.add(fate, seq, seq + 1);
    }

    /// What became of a chain's rows, if there is room for it.
    pub fn of(&self, chain: &str) -> Option<&Timeline> {
        self.chains.get(chain)
    }
}

/// How many rows are wrong in themselves, and how often rows are missing.
fn wrong(check: &ChainCheck) -> (u64, u64) {
    let found = check.found();
    (found.bad_link + found.forks + found.time_back, found.gaps + found.no_genesis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nymtrail::core::chain::{Head, NO_HEAD};

    fn chain(rows: u64) -> Vec<Row> {
        let (mut head, genesis) = Head::open("{}".into(), "0f".repeat(16), &"11".repeat(32), NO_HEAD, 5);
        let mut all = vec![genesis];
        all.extend((1..rows).map(|n| head.append("{}".into(), format!("{n:032x}"), 5 + n)));
        all
    }

    fn drawn(mut rows: Vec<Row>) -> Vec<(&'static str, u64, u64)> {
        rows.sort();
        let mut lines = Timelines::default();
        let id = rows[0].chain.clone();
        let mut check = ChainCheck::new(&id);
        rows.into_iter().for_each(|row| lines.push(&mut check, row));
        let stretches = &lines.of(&id).unwrap().stretches;
        stretches.iter().map(|Stretch { fate, from, to }| (fate.as_str(), *from, *to)).collect()
    }

    #[test]
    fn stretches_say_what_became_of_the_rows() {
        let rows = chain(10);
        assert_eq!(drawn(rows.clone()), [("intact", 0, 10)]);
        let mut damaged = rows.clone();
        damaged[3].erase();
        damaged[4].erase();
        damaged[7].body = Some("{\"x\":1}".into());
        assert_eq!(
            drawn(damaged.clone()),
            [("intact", 0, 3), ("erased", 3, 5), ("intact", 5, 7), ("altered", 7, 8), ("intact", 8, 10)]
        );
        damaged.drain(5..7);
        assert_eq!(drawn(damaged)[2], ("missing", 5, 7));
        assert_eq!(drawn(rows[2..].to_vec()), [("missing", 0, 2), ("intact", 2, 10)]);
        let mut twice = rows.clone();
        twice.extend([rows[4].erased(), rows[6].clone()]);
        assert_eq!(drawn(twice), [("intact", 0, 10)]);
        let mut forked = rows.clone();
        forked.push(Row { body: Some("{\"x\":1}".into()), ..rows[5].clone() });
        assert_eq!(drawn(forked), [("intact", 0, 5), ("altered", 5, 6), ("intact", 6, 10)]);
    }

    #[test]
    fn there_is_room_for_so_much_and_no_more() {
        let mut rows = chain(2000);
        rows.iter_mut().skip(1).step_by(2).for_each(Row::erase);
        assert_eq!(drawn(rows).len(), MOST_STRETCHES);
    }
}
