//! Checkpoints against rows: is each chain still the one that the collector signed, and as long?
//!
//! [`Receipts`] gathers what was signed, from the store and from whoever kept it elsewhere. [`Audit`] is then shown the rows,
//! one after the other, and compares roots on the way.

use crate::continuity::Continuity;
use crate::error::Code;
use crate::forms::Failure;
use crate::keys::judge;
use crate::log::check::{self as log, Head, LogFound};
use crate::signing::NoteKey;
use crate::store::Store;
use nymtrail::core::chain::Hash;
use nymtrail::core::hex;
use nymtrail::core::merkle::{CompactRange, empty_root};
use nymtrail::core::note::{Checkpoint, Note, Signed, Vkey};
use nymtrail::core::row::Row;
use nymtrail::core::verify::{ChainVerdict, Outcome};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, Read};

/// The longest line in a file of receipts: 1 MiB.
const MAX_LINE: u64 = 1 << 20;

/// What is wrong between a chain's rows and its checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The rows are not those that were signed.
    Rewritten,
    /// No row of a chain that was signed is there.
    Dropped,
    /// There are fewer rows than were signed.
    Truncated,
    /// One key signed two checkpoints of which the larger does not continue the smaller.
    Forked,
    /// A checkpoint is not signed by the key that it names, or the store says something else of it than it says itself.
    Forged,
    /// A stored checkpoint is of another chain or deployment than the one it is filed under.
    Foreign,
}

impl Class {
    /// The stable word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rewritten => "rewritten",
            Self::Dropped => "dropped",
            Self::Truncated => "truncated",
            Self::Forked => "forked",
            Self::Forged => "forged",
            Self::Foreign => "foreign",
        }
    }

    /// What it means.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Rewritten => "the rows are not those that were signed",
            Self::Dropped => "none of the rows that were signed is here",
            Self::Truncated => "rows that were signed are missing at its end",
            Self::Forked => "one key signed two stories that contradict each other",
            Self::Forged => "a checkpoint was changed after it was signed",
            Self::Foreign => "a checkpoint is filed here that is of another chain or deployment",
        }
    }
}

/// What was found out about the checkpoints of one chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many there are.
    pub checkpoints: u64,
    /// How many of them are signed by none of the keys at hand.
    pub unchecked: u64,
    /// The largest size that is signed by one of the keys and that the rows agree with, and when it was signed, in seconds
    /// since 1970.
    pub receipted: Option<(u64, u64)>,
    /// The largest size that the device signed, with the key in the chain's first row, and that the rows agree with.
    pub signed: Option<u64>,
    /// The largest size of a receipt that is in the collector's log as well.
    pub logged: Option<u64>,
    /// How many of the device's checkpoints could not be checked, as the chain's first row names no key or is erased.
    pub keyless: u64,
    /// Two notes of one key that contradict each other, if there are.
    pub evidence: Option<[String; 2]>,
    /// What is wrong, if anything: the worst.
    pub class: Option<Class>,
    /// The size of the smallest checkpoint with which something is wrong.
    pub at: Option<u64>,
    /// The largest size that was signed.
    pub size: u64,
}

impl Found {
    fn wrong(&mut self, class: Class, size: u64) {
        self.class = Some(self.class.map_or(class, |other| other.min(class)));
        self.at = Some(self.at.map_or(size, |other| other.min(size)));
    }

    /// Whether this chain is, whole and unchanged, what its device signed.
    pub fn is_signed(&self, chain: &ChainVerdict) -> bool {
        chain.verdict == Outcome::Holds && self.class.is_none() && self.signed.is_some_and(|size| size == chain.top)
    }

    /// Whether this chain is, whole and unchanged, what the collector signed.
    pub fn is_receipted(&self, chain: &ChainVerdict) -> bool {
        chain.verdict == Outcome::Holds
            && self.class.is_none()
            && self.unchecked == 0
            && self.receipted.is_some_and(|(size, _)| size == chain.top)
    }
}

/// What was found out about all checkpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Of each chain that has any, by id.
    pub chains: BTreeMap<String, Found>,
    /// Receipts from elsewhere that could not be checked: of another deployment, or signed by none of the keys. So does a log.
    pub unchecked: u64,
    /// The collector's log, if it was given.
    pub log: Option<LogFound>,
}

impl Findings {
    /// The worst that was found of any chain.
    pub fn class(&self) -> Option<Class> {
        let log = self.log.as_ref().and_then(|log| log.class);
        self.chains.values().filter_map(|found| found.class).chain(log).min()
    }

    /// Whether this chain is receipted, and the receipt in a log that enough witnesses cosigned.
    pub fn is_witnessed(&self, chain: &ChainVerdict) -> bool {
        let logged = |found: &&Found| found.is_receipted(chain) && found.logged == Some(chain.top);
        self.log.as_ref().is_some_and(LogFound::is_witnessed)
            && self.chains.get(&chain.chain).as_ref().is_some_and(logged)
    }
}

/// Whose checkpoint it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum By {
    Device,
    Collector,
}

/// One checkpoint and what is known of it without the rows.
#[derive(Clone, Debug)]
struct Entry {
    by: By,
    size: u64,
    root: Hash,
    /// A device's is judged once the first row of its chain, which has the key, was seen.
    signed: Signed,
    agrees: Option<bool>,
    /// Whether it was kept elsewhere.
    given: bool,
    note: Note,
}

impl Entry {
    fn counts(&self) -> bool {
        matches!(self.signed, Signed::At(_))
    }
}

/// The checkpoints to compare with the rows.
#[derive(Clone, Debug, Default)]
pub struct Receipts {
    keys: Vec<Vkey>,
    deployment: Option<String>,
    entries: BTreeMap<String, Vec<Entry>>,
    findings: Findings,
    given: Vec<(Note, Checkpoint)>,
    /// Openings of continuity to check on the way.
    pub openings: Vec<Continuity>,
    /// Whether checkpoints of logs other than chains are read as well.
    any: bool,
    log: Option<Head>,
    leaves: Option<HashSet<[u8; 32]>>,
}

impl Receipts {
    /// None yet, to be checked with these keys.
    pub fn new(keys: Vec<Vkey>) -> Self {
        Self { keys, ..Self::default() }
    }

    /// The keys that signatures are checked with.
    pub fn keys(&self) -> &[Vkey] {
        &self.keys
    }

    /// Uses this key too, if there is no other.
    pub fn or_key(&mut self, key: impl FnOnce() -> Result<Option<Vkey>, Code>) -> Result<(), Code> {
        if self.keys.is_empty() {
            self.keys.extend(key()?);
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
            self.findings.unchecked += u64::from(!found.signed && found.class.is_none());
            (self.leaves, self.findings.log) = (Some(leaves), Some(found));
        }
        Ok(())
    }

    /// Adds those that were kept elsewhere: notes with blank lines between them, or JSON a line, which may be a note as a
    /// string, an object with a `note`, or an answer of the collector.
    ///
    /// # Errors
    /// `malformed_receipt` with the line, also if there is no receipt at all; `cannot_read`, `invalid_utf8`.
    pub fn read(&mut self, mut input: impl BufRead) -> Result<(), Failure> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Json {
            Note(String),
            Kept {
                note: String,
            },
            Answer {
                receipt: BTreeMap<String, String>,
            },
            /// An answer to a batch of which nothing was taken.
            Without {
                #[serde(rename = "results")]
                _results: IgnoredAny,
            },
        }
        let (mut line, mut note, mut ends, before) = (Vec::new(), String::new(), false, self.given.len());
        for number in 1.. {
            line.clear();
            let read = input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line).map_err(|_| Code::CannotRead)?;
            let at = |code| Failure { code, line: Some(number) };
            let text = std::str::from_utf8(&line).map_err(|_| at(Code::InvalidUtf8))?;
            let malformed = at(Code::MalformedReceipt);
            let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
            let is_signature = text.starts_with('\u{2014}');
            if ends && !is_signature {
                self.give(&std::mem::take(&mut note)).ok_or(malformed)?;
                ends = false;
            }
            if read == 0 {
                let complete = note.is_empty() && self.given.len() > before;
                return if complete { Ok(()) } else { Err(malformed) };
            }
            if note.is_empty() && text.trim().is_empty() {
                continue;
            }
            if note.is_empty() && text.starts_with(['{', '"']) {
                let notes = match serde_json::from_str(text).map_err(|_| malformed)? {
                    Json::Note(note) | Json::Kept { note } => vec![note],
                    Json::Answer { receipt } => receipt.into_values().collect(),
                    Json::Without { .. } => Vec::new(),
                };
                notes.iter().try_for_each(|note| self.give(note)).ok_or(malformed)?;
                continue;
            }
            note.push_str(text);
            note.push('\n');
            ends = is_signature;
            if note.len() as u64 > MAX_LINE {
                return Err(malformed);
            }
        }
        Ok(())
    }

    fn give(&mut self, note: &str) -> Option<()> {
        let note = Note::parse(note)?;
        let checkpoint = Checkpoint::parse(&note.text)?;
        (self.any || checkpoint.deployment_and_chain().is_some()).then_some(())?;
        self.given.push((note, checkpoint));
        Some(())
    }

    /// Adds those in a store.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn of_store(&mut self, store: &Store) -> Result<(), Code> {
        self.deployment = Some(store.deployment.clone());
        store.each_checkpoint(None, |chain, size, root, note| {
            self.stored(By::Collector, chain, size, &root, &note);
            Ok(())
        })?;
        store.each_device_checkpoint(None, |chain, size, root, note| {
            self.stored(By::Device, chain, size, &root, &note);
            Ok(())
        })
    }

    fn stored(&mut self, by: By, chain: String, size: u64, root: &str, text: &str) {
        let note = Note::parse(text);
        let checkpoint = note.as_ref().and_then(|note| Checkpoint::parse(&note.text));
        let found = self.findings.chains.entry(chain.clone()).or_default();
        found.checkpoints += 1;
        let (Some(note), Some(checkpoint)) = (note, checkpoint) else { return found.wrong(Class::Forged, size) };
        if checkpoint.deployment_and_chain() != Some((self.deployment.as_deref().unwrap_or_default(), &chain)) {
            return found.wrong(Class::Foreign, size);
        }
        if checkpoint.size != size || checkpoint.root.hex() != root {
            return found.wrong(Class::Forged, size);
        }
        self.add(by, chain, &checkpoint, note, false);
    }

    fn add(&mut self, by: By, chain: String, &Checkpoint { size, root, .. }: &Checkpoint, note: Note, given: bool) {
        let found = self.findings.chains.entry(chain.clone()).or_default();
        let signed = if by == By::Device { Signed::ByAnother } else { judge(&note, &self.keys) };
        match signed {
            Signed::Badly => return found.wrong(Class::Forged, size),
            Signed::ByAnother if by == By::Collector => found.unchecked += 1,
            _ => {}
        }
        let agrees = (size == 0).then(|| root == empty_root());
        self.entries.entry(chain).or_default().push(Entry { by, size, root, signed, agrees, given, note });
    }

    /// Whether there is nothing to compare rows with.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.given.is_empty() && self.findings == Findings::default()
    }

    /// Ready for the rows. What was given from elsewhere counts only if one of the keys signed it, or the key of the chain
    /// itself: anybody can write a note.
    pub fn audit(mut self) -> Audit {
        for (note, checkpoint) in std::mem::take(&mut self.given) {
            let Some((deployment, chain)) = checkpoint.deployment_and_chain() else { continue };
            let is_ours = self.deployment.as_ref().is_none_or(|ours| ours == deployment);
            let by_collector = judge(&note, &self.keys) != Signed::ByAnother;
            let by_device = note.signatures.iter().any(|line| line.name == checkpoint.origin);
            if !is_ours || !(by_collector || by_device) {
                self.findings.unchecked += 1;
                continue;
            }
            let chain = chain.to_owned();
            if by_device {
                self.add(By::Device, chain.clone(), &checkpoint, note.clone(), true);
            }
            if by_collector {
                self.findings.chains.entry(chain.clone()).or_default().checkpoints += 1;
                self.add(By::Collector, chain, &checkpoint, note, true);
            }
        }
        self.entries.values_mut().for_each(|entries| entries.sort_by_key(|entry| entry.size));
        Audit { entries: self.entries, findings: self.findings, walk: None, leaves: self.leaves }
    }
}

/// Reads notes with checkpoints of any origin, in the forms that [`Receipts::read`] takes.
///
/// # Errors
/// As [`Receipts::read`].
pub fn read_notes(input: impl BufRead) -> Result<Vec<(Note, Checkpoint)>, Failure> {
    let mut receipts = Receipts { any: true, ..Receipts::default() };
    receipts.read(input)?;
    Ok(receipts.given)
}

/// Where among the rows we are.
#[derive(Clone, Debug)]
struct Walk {
    chain: String,
    tree: CompactRange,
    /// The chain's checkpoints, smallest first; none if it has none.
    entries: Vec<Entry>,
    /// How many of them are behind us.
    passed: usize,
    /// The highest seq and one more.
    top: u64,
    /// Whether the chain's first row names a key.
    keyed: bool,
}

/// Compares checkpoints with rows, which come ordered by chain and seq.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    entries: BTreeMap<String, Vec<Entry>>,
    findings: Findings,
    walk: Option<Walk>,
    leaves: Option<HashSet<[u8; 32]>>,
}

impl Audit {
    /// Takes the next row.
    pub fn push(&mut self, row: &Row) {
        if self.walk.as_ref().is_none_or(|walk| walk.chain != row.chain) {
            self.leave();
            let mut entries = self.entries.remove(&row.chain).unwrap_or_default();
            let passed = entries.iter().take_while(|entry| entry.size == 0).count();
            let mut keyed = false;
            for entry in entries.iter_mut().filter(|entry| entry.by == By::Device) {
                let origin = entry.note.text.split('\n').next().unwrap_or_default();
                let Some(key) = NoteKey::of_genesis(origin, row) else { break };
                (keyed, entry.signed) = (true, key.judge(&entry.note));
            }
            let chain = row.chain.clone();
            self.walk = Some(Walk { chain, tree: CompactRange::default(), entries, passed, top: 0, keyed });
        }
        let Some(Walk { tree, entries, passed, top, .. }) = &mut self.walk else { return };
        *top = (*top).max(row.seq + 1);
        // Duplicates, forks and what comes after a gap or a broken link are no leaves of the tree that was signed.
        if *passed == entries.len() || row.seq != tree.size() {
            return;
        }
        let Some(leaf) = hex::decode(&row.link).map(Hash) else { return };
        tree.append(leaf);
        while let Some(entry) = entries.get_mut(*passed).filter(|entry| entry.size == tree.size()) {
            entry.agrees = Some(entry.root == tree.root());
            *passed += 1;
        }
    }

    fn leave(&mut self) {
        if let Some(Walk { chain, entries, top, keyed, .. }) = self.walk.take() {
            self.conclude(chain, entries, Class::Truncated, top, keyed);
        }
    }

    fn conclude(&mut self, chain: String, mut entries: Vec<Entry>, missing: Class, top: u64, keyed: bool) {
        if entries.is_empty() {
            return;
        }
        let found = self.findings.chains.entry(chain).or_default();
        let unchecked = &mut self.findings.unchecked;
        // First what is not signed as it says.
        entries.retain(|entry| {
            match (entry.by, entry.signed) {
                (By::Device, Signed::Badly) => found.wrong(Class::Forged, entry.size),
                (By::Device, Signed::ByAnother) if entry.given => *unchecked += 1,
                (By::Device, Signed::ByAnother) if keyed => found.wrong(Class::Forged, entry.size),
                _ => return true,
            }
            false
        });
        for (at, entry) in entries.iter().enumerate() {
            let Entry { by, size, signed, agrees, .. } = entry;
            found.size = found.size.max(*size);
            found.keyless += u64::from(*by == By::Device && *signed == Signed::ByAnother);
            match (agrees, by, signed) {
                (Some(true), By::Device, Signed::At(_)) => found.signed = found.signed.max(Some(*size)),
                (Some(true), By::Collector, Signed::At(time)) => {
                    found.receipted = found.receipted.max(Some((*size, *time)));
                    if self.leaves.as_ref().is_some_and(|leaves| log::has(leaves, &entry.note)) {
                        found.logged = found.logged.max(Some(*size));
                    }
                }
                (Some(true), ..) => {}
                (Some(false), ..) => match contradicted(at, &entries) {
                    Some(other) => {
                        found.wrong(Class::Forked, *size);
                        found.evidence.get_or_insert_with(|| [entry.note.to_string(), other.note.to_string()]);
                    }
                    None => found.wrong(Class::Rewritten, *size),
                },
                (None, ..) if *size > top => found.wrong(missing, *size),
                // There are as many rows, but not one after the other: the chain itself says so.
                (None, ..) => {}
            }
        }
    }

    /// What was found out, once all rows were shown.
    pub fn finish(mut self) -> Findings {
        self.leave();
        for (chain, entries) in std::mem::take(&mut self.entries) {
            self.conclude(chain.clone(), entries, Class::Dropped, 0, false);
            // Of a chain that is not here, notes that could not be checked say nothing, least of all that it holds.
            if self.findings.chains.get(&chain) == Some(&Found::default()) {
                self.findings.chains.remove(&chain);
            }
        }
        self.findings
    }
}

/// The checkpoint of the same key that can't be true together with the one `at` this place, which the rows contradict: another
/// root of as many rows, or a larger one that the rows agree with, so that they are what its signer had then. `all` are ordered
/// by size.
fn contradicted(at: usize, all: &[Entry]) -> Option<&Entry> {
    let entry = all.get(at).filter(|entry| entry.counts())?;
    let same_key = |other: &&Entry| other.counts() && other.by == entry.by;
    let (before, after) = all.split_at(at);
    let around = before.iter().rev().take_while(|other| other.size == entry.size);
    let around = around.chain(after.iter().take_while(|other| other.size == entry.size));
    let twin = around.filter(same_key).find(|other| other.root != entry.root);
    twin.or_else(|| after.iter().rev().filter(same_key).find(|other| other.agrees == Some(true)))
}
