//! Checkpoints that devices sign: checked against the key in their chain's first row and against the rows that are stored,
//! and kept.
//!
//! A bad one never costs a row. One that is validly signed and contradicts the rows is a fork: two devices, or two states of
//! one, go on with the same chain. Then nothing of this batch is added to that chain, and both sides' notes are answered.

use crate::error::Code;
use crate::ingest::{Answer, Batch, Taken};
use crate::receipts::{Last, root_at};
use crate::signing::NoteKey;
use crate::store::row_of;
use nymtrail::core::note::{Checkpoint, Note, Signed};
use nymtrail::core::row::MAX_INTEGER;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use std::collections::BTreeSet;
use std::collections::btree_map::Entry;

/// More than this many in one batch are not looked at: a batch has rows of few chains, and each costs a signature to check.
const MAX_CHECKPOINTS: usize = 16;

/// What became of one checkpoint of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckpointAnswer {
    /// The chain it is of, if that can be read.
    pub chain: Option<String>,
    /// `stored` or `refused`.
    pub status: &'static str,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'static str>,
}

impl CheckpointAnswer {
    fn of(chain: Option<String>, outcome: Result<(), Code>) -> Self {
        let code = outcome.err();
        let status = if code.is_some() { "refused" } else { "stored" };
        Self { chain, status, code: code.map(Code::as_str), message: code.map(Code::message) }
    }
}

/// A checkpoint as it came, read.
struct Sent<'a> {
    text: &'a str,
    note: Note,
    checkpoint: Checkpoint,
    chain: String,
}

impl<'a> Sent<'a> {
    fn read(text: &'a str, deployment: &str) -> Option<Self> {
        let note = Note::parse(text)?;
        let checkpoint = Checkpoint::parse(&note.text).filter(|checkpoint| checkpoint.size > 0)?;
        let (ours, chain) = checkpoint.deployment_and_chain()?;
        let chain = (ours == deployment).then(|| chain.to_owned())?;
        Some(Self { text, note, checkpoint, chain })
    }
}

/// Judges the checkpoints of a batch whose rows were taken, keeps the good ones, and says in the answer what became of each.
/// For every chain that forked it puts what notes there are into the answer's `conflict`.
///
/// # Errors
/// `unavailable`.
pub fn take(db: &Connection, deployment: &str, batch: &Batch, answer: &mut Answer) -> Result<(), Code> {
    let mut sent = Vec::new();
    for (at, text) in batch.checkpoints.iter().enumerate() {
        let read = Sent::read(text, deployment).filter(|_| at < MAX_CHECKPOINTS);
        let outcome = match &read {
            Some(sent) => take_one(db, sent, answer)?,
            None => Err(Code::MalformedCheckpoint),
        };
        let chain = read.as_ref().map(|sent| sent.chain.clone());
        answer.checkpoints.push(CheckpointAnswer::of(chain, outcome));
        sent.extend(read);
    }
    let forked = answer.results.iter().filter(|row| row.outcome == Err(Code::Fork));
    let forked: BTreeSet<String> = forked.filter_map(|row| row.chain.clone()).collect();
    for chain in forked {
        if let Entry::Vacant(conflict) = answer.conflict.entry(chain) {
            let theirs = sent.iter().find(|sent| sent.chain == *conflict.key()).map(|sent| sent.text.to_owned());
            let ours = ours(db, conflict.key(), MAX_INTEGER)?;
            conflict.insert(theirs.into_iter().chain(ours).collect());
        }
    }
    Ok(())
}

fn take_one(db: &Connection, sent: &Sent, answer: &mut Answer) -> Result<Result<(), Code>, Code> {
    let Sent { text, note, checkpoint, chain } = sent;
    let genesis = row_of(db, chain, 0)?;
    let Some(key) = genesis.and_then(|row| NoteKey::of_genesis(&checkpoint.origin, &row)) else {
        return Ok(Err(Code::NoDeviceKey));
    };
    if key.judge(note) != Signed::At(0) {
        return Ok(Err(Code::BadSignature));
    }
    let Some(root) = root_at(db, chain, checkpoint.size)? else { return Ok(Err(Code::CheckpointAhead)) };
    if root == checkpoint.root {
        // Only the device's own line is kept: what others say is not checked here.
        let signed = Note { text: note.text.clone(), signatures: key.lines(note).take(1).cloned().collect() };
        let mut keep = db.prepare_cached("INSERT OR IGNORE INTO device_checkpoints VALUES (?, ?, ?, ?)")?;
        keep.execute(params![chain, checkpoint.size, root.hex(), signed.to_string()])?;
        return Ok(Ok(()));
    }
    tracing::warn!(chain = chain.as_str(), size = checkpoint.size, "a device signed other rows than are stored");
    let ours = ours(db, chain, checkpoint.size)?;
    let mut keep = db.prepare_cached("INSERT OR IGNORE INTO conflicts VALUES (?, ?, ?)")?;
    keep.execute(params![chain, text, ours])?;
    answer.conflict.insert(chain.clone(), [(*text).to_owned()].into_iter().chain(ours).collect());
    refuse_rows(db, chain, answer)?;
    Ok(Err(Code::Fork))
}

/// What is said here of a chain: a note of that size, best the device's own, else the latest receipt.
fn ours(db: &Connection, chain: &str, size: u64) -> Result<Option<String>, Code> {
    for table in ["device_checkpoints", "checkpoints"] {
        let mut find = db.prepare_cached(&format!("SELECT note FROM {table} WHERE chain = ? AND size = ?"))?;
        if let Some(note) = find.query_row(params![chain, size], |row| row.get(0)).optional()? {
            return Ok(Some(note));
        }
    }
    Ok(Last::find(db, chain)?.map(|last| last.note))
}

/// Takes back what this batch added to a chain. What was there before stays, and its rows stay `duplicate`: if their events
/// went to another chain too they would count twice.
fn refuse_rows(db: &Connection, chain: &str, answer: &mut Answer) -> Result<(), Code> {
    let mut delete = db.prepare_cached("DELETE FROM events WHERE chain = ? AND seq = ?")?;
    for row in &mut answer.results {
        if row.chain.as_deref() == Some(chain) && row.outcome == Ok(Taken::Stored) {
            delete.execute(params![chain, row.seq])?;
            row.outcome = Err(Code::Fork);
            answer.stored -= 1;
            answer.refused += 1;
        }
    }
    Ok(())
}

/// The device's signature line for a chain of this size with this root, if it is kept.
///
/// # Errors
/// `unavailable`.
pub fn line(db: &Connection, chain: &str, size: u64, root: &str) -> Result<Option<Note>, Code> {
    let mut find =
        db.prepare_cached("SELECT note FROM device_checkpoints WHERE chain = ? AND size = ? AND root = ?")?;
    let note: Option<String> = find.query_row(params![chain, size, root], |row| row.get(0)).optional()?;
    Ok(note.and_then(|note| Note::parse(&note)))
}
