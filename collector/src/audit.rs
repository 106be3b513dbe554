//! What there is to compare rows with: from the store, and from whoever kept it elsewhere. [`nymtrail_verify::audit`] compares.

use crate::continuity::Continuity;
use crate::error::Code;
use crate::forms::Failure;
use crate::log::check::{self as log, Head};
use crate::store::Store;
use nymtrail::core::note::{Checkpoint, Note, Vkey};
use nymtrail_verify::audit::By;
pub use nymtrail_verify::audit::{Audit, Class, Findings, Found, Known, LogFound};
use nymtrail_verify::receipts::{MAX_LINE, Reader};
use std::collections::HashSet;
use std::io::{BufRead, Read};

/// The checkpoints to compare with the rows.
#[derive(Clone, Debug, Default)]
pub struct Receipts {
    known: Known,
    /// Openings of continuity to check on the way.
    pub openings: Vec<Continuity>,
    log: Option<Head>,
    leaves: Option<HashSet<[u8; 32]>>,
}

impl Receipts {
    /// None yet, to be checked with these keys.
    pub fn new(keys: Vec<Vkey>) -> Self {
        Self { known: Known::new(keys), ..Self::default() }
    }

    /// The keys that signatures are checked with.
    pub fn keys(&self) -> &[Vkey] {
        self.known.keys()
    }

    /// Uses this key too, if there is no other.
    pub fn or_key(&mut self, key: impl FnOnce() -> Result<Option<Vkey>, Code>) -> Result<(), Code> {
        if self.keys().is_empty()
            && let Some(key) = key()?
        {
            self.known.add_key(key);
        }
        Ok(())
    }

    /// Adds the collector's log.
    pub fn log(&mut self, head: Head) {
        self.log = Some(head);
    }

    /// Reads the log, if one was added. Its hashes come from its own tiles, else from the store.
    ///
    /// # Errors
    /// `log_tiles`, `unavailable`.
    pub fn read_log(&mut self, store: Option<&Store>) -> Result<(), Code> {
        if let Some(head) = self.log.take() {
            let (leaves, found) = head.leaves(store)?;
            let findings = &mut self.known.findings;
            findings.unchecked += u64::from(!found.signed && found.class.is_none());
            (self.leaves, findings.log) = (Some(leaves), Some(found));
        }
        Ok(())
    }

    /// Adds those that were kept elsewhere, in the forms that [`Reader`] takes.
    ///
    /// # Errors
    /// `malformed_receipt` with the line, also if there is no receipt at all; `cannot_read`, `invalid_utf8`.
    pub fn read(&mut self, input: impl BufRead) -> Result<(), Failure> {
        let notes = read(input, false)?;
        notes.into_iter().for_each(|(note, checkpoint)| self.known.give(note, checkpoint));
        Ok(())
    }

    /// Adds those in a store.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn of_store(&mut self, store: &Store) -> Result<(), Code> {
        self.known.of_deployment(&store.deployment);
        store.each_checkpoint(None, |chain, size, root, note| {
            self.known.stored(By::Collector, chain, size, &root, &note);
            Ok(())
        })?;
        store.each_device_checkpoint(None, |chain, size, root, note| {
            self.known.stored(By::Device, chain, size, &root, &note);
            Ok(())
        })
    }

    /// Whether there is nothing to compare rows with.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Ready for the rows.
    pub fn audit(self) -> Audit {
        let Self { known, leaves, .. } = self;
        known.audit(|note| leaves.as_ref().is_some_and(|leaves| log::has(leaves, note)))
    }
}

/// Reads notes with checkpoints of any origin, in the forms that [`Reader`] takes.
///
/// # Errors
/// As [`Receipts::read`].
pub fn read_notes(input: impl BufRead) -> Result<Vec<(Note, Checkpoint)>, Failure> {
    read(input, true)
}

fn read(mut input: impl BufRead, any: bool) -> Result<Vec<(Note, Checkpoint)>, Failure> {
    let (mut reader, mut line) = (Reader::new(any), Vec::new());
    for number in 1.. {
        line.clear();
        let read = input.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut line).map_err(|_| Code::CannotRead)?;
        let at = |code| Failure { code, line: Some(number) };
        if read == 0 {
            return reader.finish().ok_or(at(Code::MalformedReceipt));
        }
        let text = std::str::from_utf8(&line).map_err(|_| at(Code::InvalidUtf8))?;
        let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
        reader.line(text).ok_or(at(Code::MalformedReceipt))?;
    }
    Ok(Vec::new())
}
