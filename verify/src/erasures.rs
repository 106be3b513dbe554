//! The audit of erasures: is each erased row logged in an operator's chain, and each row erased that is logged?
//!
//! A record counts if the writer's signature of that chain, by one of the collector's keys, covers it; anybody can write the
//! words. [`Scan`] is shown all rows once, and keeps places alone.

use crate::audit::Findings;
use crate::operator::{self, Erasure};
use crate::report::number;
use nymtrail::core::json::{self, Object};
use nymtrail::core::note::Vkey;
use nymtrail::core::row::Row;
use nymtrail::core::verify::{Outcome, Report};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Places in a chain, as ranges, since they come in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Places(Vec<(u64, u64)>);

impl Places {
    fn push(&mut self, seq: u64) {
        match self.0.last_mut() {
            Some((_, end)) if seq <= *end => {}
            Some((_, end)) if seq == *end + 1 => *end = seq,
            _ => self.0.push((seq, seq)),
        }
    }

    /// Takes the last one back.
    fn take_back(&mut self, seq: u64) {
        match self.0.last_mut() {
            Some((start, end)) if *end == seq && *start < seq => *end -= 1,
            Some((_, end)) if *end == seq => drop(self.0.pop()),
            _ => {}
        }
    }

    fn has(&self, seq: u64) -> bool {
        let after = self.0.partition_point(|(start, _)| *start <= seq);
        after.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|(_, end)| seq <= *end)
    }

    /// The parts of the ranges that lie between two places, both included.
    fn within(&self, first: u64, last: u64) -> impl Iterator<Item = (u64, u64)> {
        let from = self.0.partition_point(|(_, end)| *end < first);
        let overlapping = self.0.iter().skip(from).take_while(move |(start, _)| *start <= last);
        overlapping.map(move |(start, end)| (first.max(*start), last.min(*end))).filter(|(start, end)| start <= end)
    }

    fn each(&self) -> impl Iterator<Item = u64> {
        self.0.iter().flat_map(|(start, end)| *start..=*end)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Chain {
    id: String,
    erased: Places,
    whole: Places,
}

/// A chain that calls itself an operator's.
#[derive(Clone, Debug)]
struct Operator {
    id: String,
    key: [u8; 32],
    /// Its records, each with its own seq.
    records: Vec<(u64, Erasure)>,
}

/// A record, ordered by its first place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Logged<'a> {
    first: u64,
    last: u64,
    number: usize,
    why: &'a str,
}

/// What the rows say of erasures. Rows come ordered by chain, seq and link.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    chains: Vec<Chain>,
    operators: Vec<Operator>,
}

impl Scan {
    /// Takes the next row.
    pub fn push(&mut self, row: &Row) {
        let operator = self.operators.last_mut().filter(|operator| operator.id == row.chain);
        match (operator::opens(row), operator) {
            (Some(key), None) => self.operators.push(Operator { id: row.chain.clone(), key, records: Vec::new() }),
            (None, Some(Operator { records, .. })) => {
                records.extend(row.body.as_deref().and_then(Erasure::parse).map(|erasure| (row.seq, erasure)));
            }
            _ => {}
        }
        if self.chains.last().is_none_or(|chain| chain.id != row.chain) {
            self.chains.push(Chain { id: row.chain.clone(), ..Chain::default() });
        }
        let Some(chain) = self.chains.last_mut() else { return };
        // Of a row that came whole and erased, the whole one counts.
        if row.body.is_some() {
            chain.whole.push(row.seq);
            chain.erased.take_back(row.seq);
        } else if !chain.whole.has(row.seq) {
            chain.erased.push(row.seq);
        }
    }

    /// What follows from it, with these public keys of collectors. `must_be_logged`: the rows come from a store, in which the
    /// log has to be.
    pub fn conclude(self, report: &Report, findings: &Findings, keys: &[Vkey], must_be_logged: bool) -> Erasures {
        let holds =
            |id: &String| report.chains.iter().any(|chain| chain.chain == *id && chain.verdict == Outcome::Holds);
        // How many rows of an operator's chain count.
        let signed = |id: &String, key: &[u8; 32]| {
            let is_known = keys.iter().any(|known| known.key == *key);
            let found = findings.chains.get(id).filter(|found| is_known && found.class.is_none() && holds(id));
            found.and_then(|found| found.signed)
        };
        let signed = |operator: &Operator| signed(&operator.id, &operator.key);
        let is_checked = must_be_logged && !keys.is_empty() || self.operators.iter().any(|it| signed(it).is_some());
        // By chain and place, each with its number among all records.
        let mut logged: Vec<(&str, Logged)> = Vec::new();
        for operator in &self.operators {
            let size = signed(operator).unwrap_or(0);
            for (_, Erasure { chain, seq, to, why }) in operator.records.iter().filter(|(at, _)| *at < size) {
                logged.push((chain, Logged { first: *seq, last: *to, number: logged.len(), why }));
            }
        }
        logged.sort_unstable();
        let mut chains = BTreeMap::new();
        for places in &self.chains {
            let id = places.id.as_str();
            let from = logged.partition_point(|(chain, _)| *chain < id);
            let log = logged.get(from..logged.partition_point(|(chain, _)| *chain <= id)).unwrap_or_default();
            let mut found = Found::default();
            let (mut ahead, mut open) = (log.iter().map(|(_, record)| record).peekable(), Vec::new());
            for seq in places.erased.each() {
                while let Some(record) = ahead.next_if(|record| record.first <= seq) {
                    open.push(record);
                }
                open.retain(|record| record.last >= seq);
                // Of several records of one place the last counts.
                match open.iter().max_by_key(|record| record.number) {
                    Some(Logged { why, .. }) => {
                        found.logged += 1;
                        if let Err(at) = found.why.binary_search_by(|known| known.as_str().cmp(why)) {
                            found.why.insert(at, (*why).into());
                        }
                    }
                    None if is_checked => {
                        found.unproven += 1;
                        found.first_unproven.get_or_insert(seq);
                    }
                    None => found.unchecked += 1,
                }
            }
            // Several records of one place count as one.
            let mut next = 0;
            for (_, Logged { first, last, .. }) in log {
                for (from, to) in places.whole.within(next.max(*first), *last) {
                    found.not_erased += to - from + 1;
                    found.first_not_erased.get_or_insert(from);
                }
                next = next.max(last.saturating_add(1));
            }
            if found != Found::default() {
                chains.insert(places.id.clone(), found);
            }
        }
        Erasures { chains }
    }
}

/// What was found out about the erased rows of one chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Erased, and logged.
    pub logged: u64,
    /// Erased without a record: by somebody with access to the table, or before there was a log.
    pub unproven: u64,
    /// Erased, and no log is at hand that could say why.
    pub unchecked: u64,
    /// Logged as erased, but the event is here: a backup was put back, or it was never erased.
    pub not_erased: u64,
    /// The first row that is `unproven`.
    pub first_unproven: Option<u64>,
    /// The first row that is `not_erased`.
    pub first_not_erased: Option<u64>,
    /// The reasons in the log.
    pub why: Vec<String>,
}

impl Found {
    /// As JSON.
    pub fn json(&self) -> String {
        let mut why = String::new();
        for reason in &self.why {
            why.push(if why.is_empty() { '[' } else { ',' });
            json::write_text(reason, &mut why);
        }
        why.push_str(if why.is_empty() { "[]" } else { "]" });
        let mut out = Object::default();
        number(&mut out, "first_not_erased", self.first_not_erased);
        number(&mut out, "first_unproven", self.first_unproven);
        out.number("logged", self.logged).number("not_erased", self.not_erased).number("unchecked", self.unchecked);
        out.number("unproven", self.unproven).raw("why", &why).finish()
    }

    /// In words: a line or more.
    pub fn in_words(&self) -> String {
        let mut words = Vec::new();
        if self.logged > 0 {
            words.push(format!("{} logged ({})", self.logged, self.why.join(", ")));
        }
        if self.unchecked > 0 {
            words.push(format!("{} NOT checked: no signed log of erasures is here", self.unchecked));
        }
        let mut out = String::new();
        if !words.is_empty() {
            let _ = writeln!(out, "  erasures: {}", words.join("; ")); // writing to a String can't fail
        }
        if let Some(seq) = self.first_unproven {
            let _ = writeln!(
                out,
                "  UNPROVEN: {} erased without a record in the operator's chain, first at seq {seq}",
                self.unproven
            );
        }
        if let Some(seq) = self.first_not_erased {
            let _ =
                writeln!(out, "  NOT_ERASED: {} logged as erased, but still here, first at seq {seq}", self.not_erased);
        }
        out
    }
}

/// What was found out about all erased rows, by chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erasures {
    /// Of each chain that has erased rows, or records about it.
    pub chains: BTreeMap<String, Found>,
}

impl Erasures {
    /// What is known of erased rows where there is no log of them.
    pub fn unchecked(report: &Report) -> Self {
        let mut chains = BTreeMap::new();
        for chain in report.chains.iter().filter(|chain| chain.erased > 0) {
            chains.insert(chain.chain.clone(), Found { unchecked: chain.erased, ..Found::default() });
        }
        Self { chains }
    }

    /// The worst that was found: `unproven` or `not_erased`.
    pub fn class(&self) -> Option<&'static str> {
        let any = |count: fn(&Found) -> u64| self.chains.values().any(|found| count(found) > 0);
        if any(|found| found.unproven) {
            Some("unproven")
        } else if any(|found| found.not_erased) {
            Some("not_erased")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_kept_as_ranges() {
        let mut places = Places::default();
        for seq in [0, 1, 1, 2, 5, 7, 8] {
            places.push(seq);
        }
        assert_eq!(places.0, [(0, 2), (5, 5), (7, 8)]);
        assert_eq!((0..10).filter(|seq| places.has(*seq)).collect::<Vec<_>>(), [0, 1, 2, 5, 7, 8]);
        assert_eq!(places.each().collect::<Vec<_>>(), [0, 1, 2, 5, 7, 8]);
        let within = |first, last| places.within(first, last).collect::<Vec<_>>();
        assert_eq!(within(0, u64::MAX), places.0);
        assert_eq!((within(2, 7), within(3, 4), within(8, 8)), (vec![(2, 2), (5, 5), (7, 7)], vec![], vec![(8, 8)]));
        assert_eq!(within(5, 3), []);
        for seq in [8, 7, 6, 5] {
            places.take_back(seq);
        }
        assert_eq!(places.0, [(0, 2)]);
    }
}
