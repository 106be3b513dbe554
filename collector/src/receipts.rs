//! Receipts: for every chain that a batch touched, a checkpoint of all its rows, signed by the collector.
//!
//! Of each chain's tree only a compact range is kept, with the last receipt, and it grows in the transaction that adds the rows. A store that was
//! written before there were receipts has none: its trees grow from the rows the first time they are asked for.
//!
//! Nothing is signed that contradicts what was signed before: then the rows were changed from outside, and the sender gets
//! no receipt.

use crate::device;
use crate::error::Code;
use crate::ingest::{Answer, Taken};
use crate::keys::Signer;
use crate::log;
use crate::statement;
use nymtrail::core::chain::Hash;
use nymtrail::core::hex;
use nymtrail::core::merkle::CompactRange;
use nymtrail::core::note::{Checkpoint, Note, origin};
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
    // Nothing is signed for a time before a statement that said what was not there yet.
    let time = (now / 1000).max(statement::last(db)?);
    let mut receipts = BTreeMap::new();
    for (chain, first) in chains {
        if let Some(note) = receipt(db, signer, &origin(deployment, chain), chain, first, time)? {
            receipts.insert(chain.to_owned(), note);
        }
    }
    Ok(receipts)
}

/// What was signed last for a chain.
pub(crate) struct Last {
    size: u64,
    root: String,
    pub(crate) note: String,
    /// When, in seconds since 1970.
    time: u64,
    /// The tree of that size; `None` if it is not there or has another root.
    tree: Option<CompactRange>,
}

impl Last {
    pub(crate) fn find(db: &Connection, chain: &str) -> Result<Option<Self>, Code> {
        let mut find = db.prepare_cached(
            "SELECT size, root, note, peaks, at FROM checkpoints WHERE chain = ? ORDER BY size DESC LIMIT 1",
        )?;
        let last = find.query_row([chain], |row| {
            let (size, root): (u64, String) = (row.get(0)?, row.get(1)?);
            let peaks: Option<Vec<u8>> = row.get(3)?;
            let tree = peaks.and_then(|peaks| {
                let (peaks, []) = peaks.as_chunks() else { return None };
                CompactRange::new(size, peaks.iter().copied().map(Hash).collect())
            });
            let tree = tree.filter(|tree| tree.root().hex() == root);
            let at: i64 = row.get(4)?;
            Ok(Self { size, root, note: row.get(2)?, time: u64::try_from(at).unwrap_or(0) / 1000, tree })
        });
        Ok(last.optional()?)
    }
}

fn receipt(
    db: &Connection,
    signer: &Signer,
    origin: &str,
    chain: &str,
    first: Option<u64>,
    time: u64,
) -> Result<Option<String>, Code> {
    let last = Last::find(db, chain)?;
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
    let by_device = device::line(db, chain, checkpoint.size, &checkpoint.root.hex())?;
    let by_device = by_device.filter(|note| note.text == checkpoint.text()).map_or(Vec::new(), |note| note.signatures);
    // A chain only grows, so what is signed of it never goes back in time, though a clock may.
    let mut time = last.as_ref().map_or(time, |last| last.time.max(time));
    let mut ours = None;
    if let Some(last) = &last
        && last.tree.as_ref() == Some(&tree)
        && last.note.starts_with(&checkpoint.text())
        && signer.signed(&last.note)
        && let Some(note) = Note::parse(&last.note)
    {
        if by_device.iter().all(|line| note.signatures.contains(line)) {
            return Ok(Some(last.note.clone()));
        }
        // The device signed only now what is receipted already.
        (ours, time) = (Some(note), last.time);
    }
    let Note { text, signatures } = ours.unwrap_or_else(|| signer.sign(&checkpoint, time));
    let note = Note { text, signatures: by_device.into_iter().chain(signatures).collect() }.to_string();
    let peaks: Vec<u8> = tree.peaks().iter().flat_map(|peak| peak.0).collect();
    let mut keep = db.prepare_cached("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?)")?;
    keep.execute(params![chain, checkpoint.size, checkpoint.root.hex(), note, time * 1000, peaks])?;
    log::queue(db, chain, checkpoint.size)?;
    if let Some(last) = last.filter(|last| last.size != tree.size()) {
        let mut forget = db.prepare_cached("UPDATE checkpoints SET peaks = NULL WHERE chain = ? AND size = ?")?;
        forget.execute(params![chain, last.size])?;
    }
    Ok(Some(note))
}

/// The root over the first `size` rows of a chain, as it was signed here or else as the rows have it now. `None` if there are
/// not as many one after the other.
///
/// # Errors
/// `unavailable`.
pub(crate) fn root_at(db: &Connection, chain: &str, size: u64) -> Result<Option<Hash>, Code> {
    let mut signed = db.prepare_cached("SELECT root FROM checkpoints WHERE chain = ? AND size = ?")?;
    let root: Option<String> = signed.query_row(params![chain, size], |row| row.get(0)).optional()?;
    if let Some(root) = root.and_then(|root| hex::decode(&root)) {
        return Ok(Some(Hash(root)));
    }
    let known = Last::find(db, chain)?.and_then(|last| last.tree).filter(|tree| tree.size() <= size);
    let mut tree = known.unwrap_or_default();
    let mut find =
        db.prepare_cached("SELECT seq, link FROM events WHERE chain = ? AND seq >= ? AND seq < ? ORDER BY seq")?;
    let mut rows = find.query(params![chain, tree.size(), size])?;
    while let Some(row) = rows.next()? {
        let leaf = row.get_ref(1)?.as_str().ok().and_then(hex::decode).map(Hash);
        let Some(leaf) = leaf.filter(|_| row.get(0) == Ok(tree.size())) else { return Ok(None) };
        tree.append(leaf);
    }
    Ok((tree.size() == size).then(|| tree.root()))
}

/// The tree over a chain's rows from the first to the first that is missing. `None` if it does not continue the one that
/// was signed last. `first` is the first row that was just added.
fn grow(db: &Connection, chain: &str, last: Option<&Last>, first: Option<u64>) -> Result<Option<CompactRange>, Code> {
    // A row that is new where the tree has a leaf already was gone in between: is it the same again?
    let known = last.and_then(|last| last.tree.as_ref()).filter(|tree| first.is_none_or(|first| first >= tree.size()));
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
    Ok(continues.then_some(tree))
}
