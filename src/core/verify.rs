//! The verifier: from rows to a verdict.
//!
//! It decides what the SQL statements in `sql/` decide, in the same words, and reads nothing but the rows.

use super::{json::Object, row::Row};
use alloc::collections::BTreeMap;
use alloc::{string::String, vec::Vec};

/// What kind of damage was found first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The chain does not begin with its genesis: the head was cut off, or the chain's id is not the link of seq 0.
    NoGenesis,
    /// Rows are missing before this one.
    Gap,
    /// Two different rows claim this place.
    Fork,
    /// The link does not follow from the row's content and the link before it: a row was edited, moved or inserted.
    BadLink,
    /// The time is earlier than that of the row before.
    TimeBack,
}

impl Class {
    /// The stable word for it, the same in library, command line and SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoGenesis => "no_genesis",
            Self::Gap => "gap",
            Self::Fork => "fork",
            Self::BadLink => "bad_link",
            Self::TimeBack => "time_back",
        }
    }
}

/// Whether a chain holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every link verifies.
    Holds,
    /// At least one row is not what was linked.
    Tampered,
}

impl Outcome {
    /// The stable word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Tampered => "tampered",
        }
    }
}

/// What was found out about one chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainVerdict {
    /// The chain's id.
    pub chain: String,
    /// Whether it holds.
    pub verdict: Outcome,
    /// Rows, exact duplicates counted once.
    pub rows: u64,
    /// The highest seq and one more; 0 without rows.
    pub top: u64,
    /// Rows whose body was erased.
    pub erased: u64,
    /// Erased rows that still have their salt: the body could be guessed, so the erasure is to be finished.
    pub half_erased: u64,
    /// Rows whose link does not follow.
    pub bad_link: u64,
    /// 1 if the chain does not begin with its genesis.
    pub no_genesis: u64,
    /// Places where rows are missing.
    pub gaps: u64,
    /// Rows beyond the first in one place.
    pub forks: u64,
    /// Rows earlier than the one before.
    pub time_back: u64,
    /// The seq where the damage begins.
    pub first_bad: Option<u64>,
    /// The kind of damage found there.
    pub class: Option<Class>,
}

/// What was found out about all chains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// `Holds` only if every chain does.
    pub verdict: Outcome,
    /// The level of assurance that was checked.
    pub level: &'static str,
    /// One verdict a chain, by id.
    pub chains: Vec<ChainVerdict>,
}

impl Report {
    /// Puts the chains' verdicts together.
    pub fn of(chains: Vec<ChainVerdict>) -> Self {
        let holds = chains.iter().all(|chain| chain.verdict == Outcome::Holds);
        Self { verdict: if holds { Outcome::Holds } else { Outcome::Tampered }, level: "chained", chains }
    }

    /// As a JSON object: the form that library, command line and collector share.
    pub fn json(&self) -> String {
        let mut chains = String::new();
        for chain in &self.chains {
            chains.push(if chains.is_empty() { '[' } else { ',' });
            chains.push_str(&chain.json());
        }
        chains.push_str(if chains.is_empty() { "[]" } else { "]" });
        let mut report = Object::default();
        report.raw("chains", &chains).text("level", self.level).text("verdict", self.verdict.as_str()).finish()
    }
}

impl ChainVerdict {
    /// Adds what was found in the rows that follow those of this verdict, none of which is in the place of the last one before.
    pub fn join(&mut self, next: &ChainVerdict) {
        self.rows += next.rows;
        self.top = self.top.max(next.top);
        self.erased += next.erased;
        self.half_erased += next.half_erased;
        self.bad_link += next.bad_link;
        self.no_genesis += next.no_genesis;
        self.gaps += next.gaps;
        self.forks += next.forks;
        self.time_back += next.time_back;
        if self.verdict == Outcome::Holds {
            (self.verdict, self.first_bad, self.class) = (next.verdict, next.first_bad, next.class);
        }
    }

    fn json(&self) -> String {
        let mut verdict = Object::default();
        verdict.number("bad_link", self.bad_link).text("chain", &self.chain);
        match self.class {
            Some(class) => verdict.text("class", class.as_str()),
            None => verdict.raw("class", "null"),
        };
        verdict.number("erased", self.erased);
        match self.first_bad {
            Some(seq) => verdict.number("first_bad", seq),
            None => verdict.raw("first_bad", "null"),
        };
        verdict.number("forks", self.forks).number("gaps", self.gaps).number("half_erased", self.half_erased);
        verdict.number("no_genesis", self.no_genesis).number("rows", self.rows).number("time_back", self.time_back);
        verdict.number("top", self.top).text("verdict", self.verdict.as_str()).finish()
    }
}

/// Checks one chain, row by row. Rows must come ordered by seq, those with equal seq by link.
#[derive(Clone, Debug)]
pub struct ChainCheck {
    found: ChainVerdict,
    before: Option<Row>,
    base: Option<(u64, u64, String)>,
}

impl ChainCheck {
    /// Begins with a chain's seq 0.
    pub fn new(chain: &str) -> Self {
        Self {
            found: ChainVerdict {
                chain: chain.into(),
                verdict: Outcome::Holds,
                rows: 0,
                top: 0,
                erased: 0,
                half_erased: 0,
                bad_link: 0,
                no_genesis: 0,
                gaps: 0,
                forks: 0,
                time_back: 0,
                first_bad: None,
                class: None,
            },
            before: None,
            base: None,
        }
    }

    /// Begins after a row that was checked before and pruned: its seq, time and link.
    pub fn after(chain: &str, seq: u64, t: u64, link: String) -> Self {
        Self { base: Some((seq, t, link)), ..Self::new(chain) }
    }

    /// Goes on with what was found up to a row, which is the last one that was taken.
    pub fn resume(found: ChainVerdict, before: Row) -> Self {
        Self { found, before: Some(before), base: None }
    }

    /// What was found so far.
    pub fn found(&self) -> &ChainVerdict {
        &self.found
    }

    /// What was found so far, and the row that the next one is compared with.
    pub fn split(self) -> (ChainVerdict, Option<Row>) {
        (self.found, self.before)
    }

    /// Takes the next row.
    pub fn push(&mut self, row: Row) {
        // Delivered more than once: a retry, not a fork. So is a row that came whole before, or after, its event was given
        // up; then the whole one counts.
        if let Some(before) = self.before.as_ref().filter(|before| before.is_same_place(&row)) {
            if before.body.is_none() && row.body.is_some() {
                self.found.erased -= 1;
                self.found.half_erased -= u64::from(before.salt.is_some());
                self.before = Some(row);
            }
            return;
        }
        let before = match (&self.before, &self.base) {
            (Some(before), _) => Some((before.seq, before.t, before.link.as_str())),
            (None, Some((seq, t, link))) => Some((*seq, *t, link.as_str())),
            (None, None) => None,
        };
        // As in SQL, the row before is the one with the next lower (seq, link): after a gap or fork the link is bad too.
        let prev = before.map_or(row.gprev.as_deref(), |(_, _, link)| Some(link));
        let bad_link = match (prev, row.commitment()) {
            (Some(prev), Some(bc)) => super::chain::link(row.seq, row.t, prev, &bc).hex() != row.link,
            _ => true,
        };
        let no_genesis = before.is_none() && (row.seq != 0 || row.link != row.chain);
        let gap = before.is_some_and(|(seq, ..)| row.seq > seq + 1);
        let fork = before.is_some_and(|(seq, ..)| row.seq == seq);
        let time_back = before.is_some_and(|(_, t, _)| row.t < t);

        let found = &mut self.found;
        found.rows += 1;
        found.top = found.top.max(row.seq + 1);
        found.erased += u64::from(row.body.is_none());
        found.half_erased += u64::from(row.body.is_none() && row.salt.is_some());
        found.bad_link += u64::from(bad_link);
        found.no_genesis += u64::from(no_genesis);
        found.gaps += u64::from(gap);
        found.forks += u64::from(fork);
        found.time_back += u64::from(time_back);
        let class = [
            (no_genesis, Class::NoGenesis),
            (gap, Class::Gap),
            (fork, Class::Fork),
            (bad_link, Class::BadLink),
            (time_back, Class::TimeBack),
        ]
        .into_iter()
        .find_map(|(found, class)| found.then_some(class));
        if let Some(class) = class {
            found.verdict = Outcome::Tampered;
            // Which of two rows in one place comes first is chance, so a fork is a fork whichever of them links.
            let same_place = found.first_bad == Some(row.seq) && class == Class::Fork;
            if found.first_bad.is_none() || same_place {
                found.first_bad = Some(row.seq);
                found.class = Some(class);
            }
        }
        self.before = Some(row);
    }

    /// Takes the next row as a line. A line that is no row stands for a row whose link does not follow.
    pub fn push_line(&mut self, line: &str) {
        let unreadable = || Row {
            chain: self.found.chain.clone(),
            seq: self.before.as_ref().map_or(0, |before| before.seq + 1),
            link: String::new(),
            t: self.before.as_ref().map_or(0, |before| before.t),
            salt: None,
            body: None,
            bc: None,
            gprev: None,
        };
        let row = Row::parse(line).unwrap_or_else(unreadable);
        self.push(row);
    }

    /// The verdict on all rows taken.
    pub fn finish(self) -> ChainVerdict {
        self.found
    }
}

/// Checks rows of any number of chains in any order.
pub fn verify(rows: impl IntoIterator<Item = Row>) -> Report {
    verify_each(rows, |_| ())
}

/// [`verify`] that also shows `each` every row, ordered by chain, seq and link.
pub fn verify_each(rows: impl IntoIterator<Item = Row>, mut each: impl FnMut(&Row)) -> Report {
    let mut chains: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows {
        chains.entry(row.chain.clone()).or_default().push(row);
    }
    let verdicts = chains.into_iter().map(|(chain, mut rows)| {
        rows.sort_unstable_by(|a, b| (a.seq, &a.link).cmp(&(b.seq, &b.link)).then_with(|| a.cmp(b)));
        let mut check = ChainCheck::new(&chain);
        for row in rows {
            each(&row);
            check.push(row);
        }
        check.finish()
    });
    Report::of(verdicts.collect())
}

#[cfg(test)]
mod tests {
    use super::super::chain::{Head, NO_HEAD};
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn salt(n: usize) -> String {
        format!("{n:032x}")
    }

    fn chain(blind: u8, events: usize) -> Vec<Row> {
        let (mut head, genesis) =
            Head::open("{}".into(), salt(0), &super::super::hex::encode(&[blind; 32]), NO_HEAD, 1000);
        let mut rows = vec![genesis];
        rows.extend((1..=events).map(|n| head.append(format!("{{\"n\":{n}}}"), salt(n), 1000 + n as u64)));
        rows
    }

    fn judge(rows: Vec<Row>) -> (Outcome, Option<u64>, Option<Class>) {
        let found = verify(rows).chains.remove(0);
        (found.verdict, found.first_bad, found.class)
    }

    #[test]
    fn honest_chains_hold_in_any_order_with_duplicates_and_erasures() {
        let mut rows = chain(1, 20);
        rows.extend(chain(2, 5));
        rows.push(rows[3].clone());
        rows[7] = rows[7].erased();
        rows.reverse();
        let report = verify(rows);
        assert_eq!(report.verdict, Outcome::Holds);
        assert_eq!(
            report.chains.iter().map(|chain| (chain.rows, chain.erased)).collect::<HashSet<_>>(),
            [(21, 1), (6, 0)].into()
        );
    }

    #[test]
    fn a_row_that_came_whole_and_erased_is_one_row() {
        let mut rows = chain(1, 9);
        rows.extend([rows[4].erased(), rows[0].erased(), rows[9].erased()]);
        let report = verify(rows.clone());
        let found = &report.chains[0];
        assert_eq!((report.verdict, found.rows, found.erased, found.forks), (Outcome::Holds, 10, 0, 0));
        rows.push(Row { bc: Some("0".repeat(64)), ..rows[4].erased() });
        assert_eq!(judge(rows), (Outcome::Tampered, Some(4), Some(Class::Fork)), "of another event it is no copy");
    }

    #[test]
    fn each_damage_has_its_place_and_its_word() {
        let rows = chain(1, 9);
        let edited = |at: usize, edit: fn(&mut Row)| {
            let mut rows = rows.clone();
            edit(&mut rows[at]);
            rows
        };
        let tampered = |at, class| (Outcome::Tampered, Some(at), Some(class));
        assert_eq!(judge(edited(4, |row| row.body = Some("{}".into()))), tampered(4, Class::BadLink));
        assert_eq!(judge(edited(4, |row| row.t -= 3)), tampered(4, Class::BadLink));
        assert_eq!(
            judge(edited(4, |row| row.bc = Some("0".repeat(64)))),
            (Outcome::Holds, None, None),
            "bc is not asked while the body is here"
        );
        assert_eq!(judge(edited(4, |row| row.salt = None)), tampered(4, Class::BadLink));
        let mut deleted = rows.clone();
        deleted.remove(4);
        assert_eq!(judge(deleted), tampered(5, Class::Gap));
        assert_eq!(judge(rows[1..].to_vec()), tampered(1, Class::NoGenesis));
        let mut inserted = rows.clone();
        inserted.push(Row { body: Some("{}".into()), ..rows[4].clone() });
        assert_eq!(judge(inserted), tampered(4, Class::Fork), "the same link with another body");
        let mut forked = rows.clone();
        let mut head = Head::after(rows[3].clone());
        forked.push(head.append("{}".into(), salt(77), 5000));
        assert_eq!(judge(forked), tampered(4, Class::Fork));
        let mut swapped = rows.clone();
        (swapped[4].seq, swapped[5].seq) = (5, 4);
        assert_eq!(judge(swapped), tampered(4, Class::BadLink));
    }

    #[test]
    fn a_dropped_tail_is_not_seen_by_the_chain_alone() {
        assert_eq!(judge(chain(1, 9)[..6].to_vec()), (Outcome::Holds, None, None));
    }

    #[test]
    fn a_pruned_chain_is_checked_from_its_base() {
        let rows = chain(1, 9);
        let mut check = ChainCheck::after(&rows[0].chain, rows[4].seq, rows[4].t, rows[4].link.clone());
        rows[5..].iter().cloned().for_each(|row| check.push(row));
        assert_eq!(check.finish().verdict, Outcome::Holds);
    }

    proptest! {
        #[test]
        fn every_change_of_one_row_is_found(at in 0usize..12, byte in 0usize..400, bit in 0u32..7) {
            let rows = chain(3, 11);
            let mut line = rows[at].line().into_bytes();
            let byte = byte % line.len();
            line[byte] ^= 1 << bit;
            let Ok(line) = String::from_utf8(line) else { return Ok(()) };
            let Some(changed) = Row::parse(&line) else { return Ok(()) };
            prop_assume!(changed != rows[at]);
            let mut damaged = rows.clone();
            damaged[at] = changed;
            prop_assert_eq!(verify(damaged).verdict, Outcome::Tampered);
        }
    }
}
