//! Checkpoints against rows: is each chain still the one that the collector signed, and as long?
//!
//! [`Known`] gathers what was signed. [`Audit`] is then shown the rows, one after the other, and compares roots on the way.

use crate::proof::judge;
use crate::signing::{Ask, NoteKey};
use nymtrail::core::chain::Hash;
use nymtrail::core::hex;
use nymtrail::core::merkle::{CompactRange, empty_root};
use nymtrail::core::note::{Checkpoint, Note, Signed, Vkey};
use nymtrail::core::row::Row;
use nymtrail::core::verify::{ChainVerdict, Outcome};
use std::collections::BTreeMap;
use std::ops::Range;

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

/// What is known of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFound {
    /// How many entries its checkpoint is over.
    pub size: u64,
    /// How many witnesses cosigned it.
    pub witnesses: usize,
    /// How many are needed.
    pub needed: usize,
    /// Whether its signature was checked and is good.
    pub signed: bool,
    /// What is wrong with it.
    pub class: Option<Class>,
}

impl LogFound {
    /// Whether enough witnesses cosigned what the log's key signed.
    pub fn is_witnessed(&self) -> bool {
        self.signed && self.class.is_none() && self.needed > 0 && self.witnesses >= self.needed
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
pub enum By {
    /// The device that wrote the chain.
    Device,
    /// The collector.
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
    /// Which of the signatures that somebody else has to check are this one's.
    asks: Range<usize>,
    agrees: Option<bool>,
    /// Whether it was kept elsewhere.
    given: bool,
    /// Whether the collector's log has it.
    logged: bool,
    note: Note,
}

impl Entry {
    fn counts(&self) -> bool {
        matches!(self.signed, Signed::At(_))
    }
}

/// What is known beside the rows: the checkpoints to compare with them.
#[derive(Clone, Debug, Default)]
pub struct Known {
    keys: Vec<Vkey>,
    deployment: Option<String>,
    entries: BTreeMap<String, Vec<Entry>>,
    /// What was found out so far.
    pub findings: Findings,
    given: Vec<(Note, Checkpoint)>,
}

impl Known {
    /// Nothing yet; signatures are checked with these keys.
    pub fn new(keys: Vec<Vkey>) -> Self {
        Self { keys, ..Self::default() }
    }

    /// The keys that signatures are checked with.
    pub fn keys(&self) -> &[Vkey] {
        &self.keys
    }

    /// Uses this key too.
    pub fn add_key(&mut self, key: Vkey) {
        self.keys.push(key);
    }

    /// Adds a note that was kept elsewhere.
    pub fn give(&mut self, note: Note, checkpoint: Checkpoint) {
        self.given.push((note, checkpoint));
    }

    /// What was given.
    pub fn given(self) -> Vec<(Note, Checkpoint)> {
        self.given
    }

    /// From now on, only notes of this deployment count.
    pub fn of_deployment(&mut self, deployment: &str) {
        self.deployment = Some(deployment.into());
    }

    /// Adds one that is stored, with what the store says of it.
    pub fn stored(&mut self, by: By, chain: String, size: u64, root: &str, text: &str) {
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
        let signed = (by == By::Collector).then(|| judge(&note, &self.keys));
        self.add(chain, &checkpoint, note, signed, false);
    }

    /// Adds a checkpoint, and what the keys say of it if it is the collector's; a device's key is not known yet.
    fn add(
        &mut self,
        chain: String,
        &Checkpoint { size, root, .. }: &Checkpoint,
        note: Note,
        by: Option<Signed>,
        given: bool,
    ) {
        let found = self.findings.chains.entry(chain.clone()).or_default();
        match by {
            Some(Signed::Badly) => return found.wrong(Class::Forged, size),
            Some(Signed::ByAnother) => found.unchecked += 1,
            _ => {}
        }
        let agrees = (size == 0).then(|| root == empty_root());
        let (by, signed) = by.map_or((By::Device, Signed::ByAnother), |signed| (By::Collector, signed));
        let entry = Entry { by, size, root, signed, asks: 0..0, agrees, given, logged: false, note };
        // By size, and those of one size as they came.
        let entries = self.entries.entry(chain).or_default();
        entries.insert(entries.partition_point(|other| other.size <= size), entry);
    }

    /// Whether there is nothing to compare rows with.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.given.is_empty() && self.findings == Findings::default()
    }

    /// Ready for the rows. What was given from elsewhere counts only if one of the keys signed it, or the key of the chain
    /// itself: anybody can write a note. `is_logged` says whether the collector's log has one.
    pub fn audit(mut self, is_logged: impl Fn(&Note) -> bool) -> Audit {
        for (note, checkpoint) in std::mem::take(&mut self.given) {
            let Some((deployment, chain)) = checkpoint.deployment_and_chain() else { continue };
            let is_ours = self.deployment.as_ref().is_none_or(|ours| ours == deployment);
            let signed = judge(&note, &self.keys);
            let by_collector = signed != Signed::ByAnother;
            let by_device = note.signatures.iter().any(|line| line.name == checkpoint.origin);
            if !is_ours || !(by_collector || by_device) {
                self.findings.unchecked += 1;
                continue;
            }
            let chain = chain.to_owned();
            if by_device {
                let by_others = note.signatures.iter().any(|line| line.name != checkpoint.origin);
                // Whoever gave a key has asked for more than the device says.
                self.findings.unchecked += u64::from(by_others && !by_collector && !self.keys.is_empty());
                self.add(chain.clone(), &checkpoint, note.clone(), None, true);
            }
            if by_collector {
                self.findings.chains.entry(chain.clone()).or_default().checkpoints += 1;
                self.add(chain, &checkpoint, note, Some(signed), true);
            }
        }
        for entries in self.entries.values_mut() {
            entries.iter_mut().for_each(|entry| entry.logged = entry.by == By::Collector && is_logged(&entry.note));
        }
        Audit { entries: self.entries, findings: self.findings, ..Audit::default() }
    }
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
    asks: Vec<Ask>,
    /// Chains that are through but for signatures that somebody else has to check.
    waiting: Vec<Walk>,
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
                keyed = true;
                match key.judge_or_ask(&entry.note) {
                    Ok(signed) => entry.signed = signed,
                    Err(asks) => {
                        entry.asks = self.asks.len()..self.asks.len() + asks.len();
                        self.asks.extend(asks);
                    }
                }
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
        match self.walk.take() {
            Some(walk) if walk.entries.iter().any(|entry| !entry.asks.is_empty()) => self.waiting.push(walk),
            Some(walk) => self.conclude(walk.chain, walk.entries, Class::Truncated, walk.top, walk.keyed),
            None => {}
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
                    if entry.logged {
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

    /// Which signatures somebody else has to check, once all rows were shown.
    pub fn asks(&mut self) -> &[Ask] {
        self.leave();
        &self.asks
    }

    /// What was found out, once all rows were shown.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn finish(mut self) -> Findings {
        let answers: Vec<_> = self.asks().iter().map(Ask::is_good).collect();
        self.finish_with(&answers)
    }

    /// What was found out, once all rows were shown, and with these answers, one for each of [`Audit::asks`]: is it good? One
    /// that was not answered is not.
    pub fn finish_with(mut self, answers: &[bool]) -> Findings {
        self.leave();
        for Walk { chain, mut entries, top, keyed, .. } in std::mem::take(&mut self.waiting) {
            for entry in entries.iter_mut().filter(|entry| !entry.asks.is_empty()) {
                let is_good = answers.get(entry.asks.clone()).is_some_and(|answers| answers.iter().all(|good| *good));
                entry.signed = if is_good { Signed::At(0) } else { Signed::Badly };
            }
            self.conclude(chain, entries, Class::Truncated, top, keyed);
        }
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
