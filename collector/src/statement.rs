//! Statements: what the collector has at one moment, of every chain one line, signed as a whole.
//!
//! A receipt says what was there once. A statement says what is there now, and what is not: so the two together show what
//! was altered or dropped in between, to somebody who has neither the table nor a reason to trust either side
//! ([`crate::evidence`]).
//!
//! ```text
//! nymtrail-statement@v1
//! <chain> <rows> <root> <erased> <recorded>      a line a chain, ordered by chain
//!
//! shop/statement/1790000000                      a checkpoint over these lines; each statement is a log of its own
//! 1
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — shop/collector pYF3…                         cosigned by the collector, at that time
//! ```

use crate::error::Code;
use crate::keys::Signer;
use crate::operator::Erasure;
use crate::store::{Store, read_row};
use nymtrail::core::chain::Hash;
use nymtrail::core::hex;
use nymtrail::core::merkle::{self, CompactRange};
use nymtrail::core::note::{Checkpoint, Note};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::collections::BTreeMap;
use std::fmt;

/// How a statement begins.
pub const HEADER: &str = "nymtrail-statement@v1";

/// What is said of one chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The chain's id.
    pub chain: String,
    /// How many rows it has, from seq 0 to the first that is missing.
    pub size: u64,
    /// The root of the tree over these.
    pub root: Hash,
    /// How many of them are erased.
    pub erased: u64,
    /// How many of the erased ones the operator's own chain has a record of.
    pub recorded: u64,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {} {}", self.chain, self.size, self.root.hex(), self.erased, self.recorded)
    }
}

impl Line {
    /// Reads a line, in the one form that it has.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let mut next = || parts.next();
        let line = Self {
            chain: next()?.into(),
            size: next()?.parse().ok()?,
            root: Hash(hex::decode(next()?)?),
            erased: next()?.parse().ok()?,
            recorded: next()?.parse().ok()?,
        };
        (hex::is_hex(&line.chain, 64) && line.to_string() == text).then_some(line)
    }

    /// Its hash: a leaf of the statement's tree.
    pub fn hash(&self) -> Hash {
        Hash::of(&["\0", &self.to_string()])
    }
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What is said of each chain, ordered by its id.
    pub lines: Vec<Line>,
    /// What was signed.
    pub note: Note,
}

impl Statement {
    /// States what the store has. Nobody else writes meanwhile, so what is signed in another second was there or was not.
    ///
    /// # Errors
    /// `unavailable`; `malformed_row` for numbers that no row can have.
    pub fn make(store: &mut Store, signer: &Signer, now: u64) -> Result<Self, Code> {
        let deployment = store.deployment.clone();
        store.write(|tx| {
            let lines = lines(tx)?;
            let latest: Option<i64> = tx.query_row("SELECT max(at) FROM checkpoints", [], |row| row.get(0))?;
            let latest = latest.and_then(|at| u64::try_from(at).ok()).unwrap_or(0);
            let time = (now / 1000).max(latest / 1000).max(last(tx)?);
            tx.execute("INSERT OR REPLACE INTO settings VALUES ('stated', ?)", params![time.to_string()])?;
            let root = merkle::root(&lines.iter().map(Line::hash).collect::<Vec<_>>());
            let origin = format!("{deployment}/statement/{time}");
            let checkpoint = Checkpoint { origin, size: lines.len() as u64, root };
            Ok(Self { note: signer.sign(&checkpoint, time), lines })
        })
    }

    /// Reads a statement: the lines must be those that were signed. By whom is not judged here.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(HEADER)?.strip_prefix('\n')?;
        // Without a chain there is no line, and the note follows at once.
        let (lines, note) = rest.strip_prefix('\n').map(|note| ("", note)).or_else(|| rest.split_once("\n\n"))?;
        let lines: Vec<_> = lines.lines().map(Line::parse).collect::<Option<_>>()?;
        let note = Note::parse(note)?;
        let checkpoint = Checkpoint::parse(&note.text)?;
        let root = merkle::root(&lines.iter().map(Line::hash).collect::<Vec<_>>());
        let sorted = lines.is_sorted_by(|one, other| one.chain < other.chain);
        (sorted && checkpoint.size == lines.len() as u64 && checkpoint.root == root).then_some(Self { lines, note })
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        write!(f, "\n{}", self.note)
    }
}

/// When the last statement was signed, in seconds since 1970: nothing is signed for a time before it.
///
/// # Errors
/// `unavailable`.
pub fn last(db: &Connection) -> Result<u64, Code> {
    let mut find = db.prepare_cached("SELECT value FROM settings WHERE name = 'stated'")?;
    let value: Option<String> = find.query_row([], |row| row.get(0)).optional()?;
    Ok(value.and_then(|value| value.parse().ok()).unwrap_or(0))
}

fn lines(tx: &Transaction) -> Result<Vec<Line>, Code> {
    let mut operators = tx.prepare("SELECT value FROM settings WHERE name = 'operator'")?;
    let operators: String = operators.query_row([], |row| row.get(0)).optional()?.unwrap_or_default();
    let (mut records, mut erased) = (Vec::new(), Vec::new());
    let mut chains: BTreeMap<String, CompactRange> = BTreeMap::new();
    let mut rows = tx.prepare("SELECT chain, seq, t, gprev, salt, body, bc, link FROM events ORDER BY chain, seq")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let row = read_row(row)??;
        let Some(leaf) = hex::decode(&row.link).map(Hash) else { continue };
        let tree = chains.entry(row.chain.clone()).or_default();
        if row.seq != tree.size() {
            continue;
        }
        tree.append(leaf);
        match &row.body {
            None => erased.push((row.chain, row.seq)),
            Some(body) if operators.contains(&row.chain) => records.extend(Erasure::parse(body)),
            Some(_) => {}
        }
    }
    let recorded = Recorded::of(&records);
    let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (chain, seq) in &erased {
        let (erased, logged) = counts.entry(chain).or_default();
        *erased += 1;
        *logged += u64::from(recorded.has(chain, *seq));
    }
    let line = |(chain, tree): (&String, &CompactRange)| {
        let (erased, recorded) = counts.get(chain.as_str()).copied().unwrap_or_default();
        Line { chain: chain.clone(), size: tree.size(), root: tree.root(), erased, recorded }
    };
    Ok(chains.iter().map(line).collect())
}

/// Which places have a record: of each chain ranges in order that have nothing in common.
struct Recorded<'a>(BTreeMap<&'a str, Vec<(u64, u64)>>);

impl<'a> Recorded<'a> {
    fn of(records: &'a [Erasure]) -> Self {
        let mut chains: BTreeMap<&str, Vec<(u64, u64)>> = BTreeMap::new();
        for Erasure { chain, seq, to, .. } in records {
            chains.entry(chain).or_default().push((*seq, *to));
        }
        for ranges in chains.values_mut() {
            ranges.sort_unstable();
            ranges.dedup_by(|next, before| {
                let overlaps = next.0 <= before.1;
                before.1 = if overlaps { before.1.max(next.1) } else { before.1 };
                overlaps
            });
        }
        Self(chains)
    }

    fn has(&self, chain: &str, seq: u64) -> bool {
        let ranges = self.0.get(chain).map(Vec::as_slice).unwrap_or_default();
        let at = ranges.partition_point(|(_, to)| *to < seq);
        ranges.get(at).is_some_and(|(from, _)| *from <= seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_may_overlap() {
        let record = |seq, to| Erasure { chain: "a".into(), seq, to, why: "art17".into() };
        let records = [record(5, 5), record(1, 9), record(3, 3), record(12, u64::MAX)];
        let recorded = Recorded::of(&records);
        let found: Vec<_> = (0..14).filter(|seq| recorded.has("a", *seq)).collect();
        assert_eq!(found, [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13]);
        assert!(!recorded.has("b", 1));
    }
}
