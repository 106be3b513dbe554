//! Receipts: for every chain that a batch touched, a checkpoint of all its rows, signed by the collector.
//!
//! Of each chain's tree only a compact range is kept, which grows in the transaction that adds the rows. A store that was
//! written before there were receipts has none: its trees grow from the rows the first time they are asked for.
//!
//! Nothing is signed that contradicts what was signed before: then the rows were changed from outside, and the sender gets
//! no receipt.

use crate::error::Code;
use crate::ingest::{Answer, Taken};
use crate::keys::Signer;
use nymtrail::core::chain::Hash;
use nymtrail::core::hex;
use nymtrail::core::merkle::CompactRange;
use nymtrail::core::note::{Checkpoint, origin};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;

/// The receipts for the chains of which a batch brought a row that is in the store now, by chain. `now` is in ms since 1970.
///
/// # Errors
/// `unavailable`.
pub fn issue(
    db: &Connection,
    signer: &Signer,
    deployment: &str,
    answer: &Answer,
    now: u64,
) -> Result<BTreeMap<String, String>, Code> {
    // Of each chain the first row that was added.
    let mut chains: BTreeMap<&str, Option<u64>> = BTreeMap::new();
    for row in &answer.results {
        if let (Ok(taken), Some(chain)) = (row.outcome, &row.chain) {
            let first = chains.entry(chain).or_default();
            let added = row.seq.filter(|_| taken == Taken::Stored);
            *first = [*first, added].into_iter().flatten().min();
        }
    }
    let mut receipts = BTreeMap::new();
    for (chain, first) in chains {
        if let Some(note) = receipt(db, signer, &origin(deployment, chain), chain, first, now / 1000)? {
            receipts.insert(chain.to_owned(), note);
        }
    }
    Ok(receipts)
}

/// What was signed last for a chain.
struct Last {
    size: u64,
    root: String,
    note: String,
}

fn receipt(
    db: &Connection,
    signer: &Signer,
    origin: &str,
    chain: &str,
    first: Option<u64>,
    time: u64,
) -> Result<Option<String>, Code> {
    let mut find =
        db.prepare_cached("SELECT size, root, note FROM checkpoints WHERE chain = ? ORDER BY size DESC LIMIT 1")?;
    let last = find.query_row([chain], |row| Ok(Last { size: row.get(0)?, root: row.get(1)?, note: row.get(2)? }));
    let last = last.optional()?;
    let Some(tree) = grow(db, chain, last.as_ref(), first)? else {
        tracing::warn!(
            chain,
            "the rows are not those of the last checkpoint, so no receipt was given; run nymtrail verify"
        );
        return Ok(None);
    };
    if tree.size() == 0 {
        return Ok(None); // the chain's first row was refused
    }
    let checkpoint = Checkpoint { origin: origin.into(), size: tree.size(), root: tree.root() };
    if let Some(last) = last
        && last.size == tree.size()
        && last.note.starts_with(&checkpoint.text())
        && signer.signed(&last.note)
    {
        return Ok(Some(last.note));
    }
    let note = signer.sign(&checkpoint, time).to_string();
    let mut keep = db.prepare_cached("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?)")?;
    keep.execute(params![chain, checkpoint.size, checkpoint.root.hex(), note, time * 1000])?;
    Ok(Some(note))
}

/// The tree over a chain's rows from the first to the first that is missing. `None` if it does not continue the one that
/// was signed last. `first` is the first row that was just added.
fn grow(db: &Connection, chain: &str, last: Option<&Last>, first: Option<u64>) -> Result<Option<CompactRange>, Code> {
    let kept = kept(db, chain)?;
    let is_last = |tree: &CompactRange| {
        last.is_none_or(|last| last.size == tree.size() && last.root == tree.root().hex())
            // A row that is new where the tree has a leaf already was gone in between: is it the same again?
            && first.is_none_or(|first| first >= tree.size())
    };
    let known = kept.as_ref().filter(|tree| is_last(tree));
    let mut continues = known.is_some() || last.is_none();
    let mut tree = known.cloned().unwrap_or_default();

    let mut find = db.prepare_cached("SELECT seq, link FROM events WHERE chain = ? AND seq >= ? ORDER BY seq")?;
    let mut rows = find.query(params![chain, tree.size()])?;
    while let Some(row) = rows.next()? {
        let leaf = row.get_ref(1)?.as_str().ok().and_then(hex::decode).map(Hash);
        let Some(leaf) = leaf.filter(|_| row.get(0) == Ok(tree.size())) else { break };
        tree.append(leaf);
        if let Some(last) = last.filter(|last| last.size == tree.size()) {
            continues = last.root == tree.root().hex();
        }
    }
    if continues && kept.as_ref() != Some(&tree) {
        let peaks: Vec<u8> = tree.peaks().iter().flat_map(|peak| peak.0).collect();
        let mut keep = db.prepare_cached("INSERT OR REPLACE INTO trees VALUES (?, ?, ?)")?;
        keep.execute(params![chain, tree.size(), peaks])?;
    }
    Ok(continues.then_some(tree))
}

/// The tree as it was kept; `None` if there is none or it is damaged.
fn kept(db: &Connection, chain: &str) -> Result<Option<CompactRange>, Code> {
    let mut find = db.prepare_cached("SELECT size, peaks FROM trees WHERE chain = ?")?;
    let kept = find.query_row([chain], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?))).optional()?;
    Ok(kept.and_then(|(size, peaks)| {
        let (peaks, []) = peaks.as_chunks() else { return None };
        CompactRange::new(size, peaks.iter().copied().map(Hash).collect())
    }))
}
