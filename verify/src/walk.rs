//! Rows one by one, in order, shown to all that look at each.

use crate::audit::{Audit, Known};
use crate::continuity::Continuity;
use crate::erasures::Scan;
use crate::report::{Checked, Found};
use crate::signing::Ask;
use nymtrail::core::note::Vkey;
use nymtrail::core::row::Row;
use nymtrail::core::verify::{ChainCheck, ChainVerdict, Report};

/// Checks rows that come ordered by chain, seq and link, and compares them with what is known beside them.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    audit: Audit,
    scan: Scan,
    openings: Vec<Continuity>,
    keys: Vec<Vkey>,
    /// Whether the operator's log of erasures has to be among the rows.
    must_be_logged: bool,
    current: Option<ChainCheck>,
    chains: Vec<ChainVerdict>,
}

impl Walk {
    /// To compare the rows with what devices and the collector signed, and with openings.
    pub fn new(known: Known, openings: Vec<Continuity>) -> Self {
        Self::of(known.keys().to_vec(), known.audit(|_| false), openings)
    }

    /// The same with an audit that is ready, and the collector's keys.
    pub fn of(keys: Vec<Vkey>, audit: Audit, openings: Vec<Continuity>) -> Self {
        Self { keys, audit, openings, ..Self::default() }
    }

    /// For the rows of a store, in which the operator's log of erasures has to be.
    pub fn of_store(self) -> Self {
        Self { must_be_logged: true, ..self }
    }

    /// Takes the next row.
    pub fn push(&mut self, row: Row) {
        self.push_with(row, ChainCheck::push);
    }

    /// The same; `push` hands the row on to the check of its chain.
    pub fn push_with(&mut self, row: Row, push: impl FnOnce(&mut ChainCheck, Row)) {
        self.audit.push(&row);
        self.scan.push(&row);
        self.openings.iter_mut().for_each(|opening| opening.push(&row));
        let check = match self.current.take() {
            Some(check) if check.found().chain == row.chain => check,
            other => {
                self.chains.extend(other.map(ChainCheck::finish));
                ChainCheck::new(&row.chain)
            }
        };
        push(self.current.insert(check), row);
    }

    /// How many rows there were, duplicates counted once.
    pub fn rows(&self) -> u64 {
        let current = self.current.as_ref().map(ChainCheck::found);
        self.chains.iter().chain(current).map(|chain| chain.rows).sum()
    }

    /// Which signatures somebody else has to check, once all rows were shown.
    pub fn asks(&mut self) -> &[Ask] {
        self.audit.asks()
    }

    /// What was found out, with answers to [`Walk::asks`].
    pub fn finish_with(mut self, answers: &[bool], found: Found) -> Checked {
        self.chains.extend(self.current.take().map(ChainCheck::finish));
        let (report, findings) = (Report::of(self.chains), self.audit.finish_with(answers));
        let erasures = self.scan.conclude(&report, &findings, &self.keys, self.must_be_logged);
        Checked::of(report, findings, erasures, self.openings, found)
    }

    /// What was found out.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn finish(mut self, found: Found) -> Checked {
        let answers: Vec<_> = self.asks().iter().map(Ask::is_good).collect();
        self.finish_with(&answers, found)
    }
}
