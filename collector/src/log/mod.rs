//! The collector's own log (level L3): every receipt it signs is an entry, so that it can't tell one story to this reader and
//! another to that one without signing both.
//!
//! The log is one of C2SP's [tlog-tiles](https://c2sp.org/tlog-tiles), written as files that any web server can serve. The store
//! is the truth and the files are made of it, in this order: entries and hashes of a step in one transaction; the tiles; last the
//! signed checkpoint. A crash in between leaves tiles that no checkpoint names yet, and the next start writes them again, the same.
//! Nothing is signed before it is in the store for good, so no crash makes the collector sign two trees of one size.
//!
//! Receipts are queued by the transaction that signs them and logged once a second, so that nobody who sends events waits for
//! it. Within a step entries are ordered by their hash: the log tells no more of when they came than their own times do.

pub mod check;
mod files;
mod hashes;

use crate::error::Code;
use crate::signing::{NoteSigner, log_origin};
use crate::store::{Expected, Store};
use crate::witness::Client;
use hashes::Hashes;
use nymtrail::core::chain::Hash;
use nymtrail::core::note::{Checkpoint, Note};
use rusqlite::{Connection, params};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// As many receipts are logged in one transaction, which ingestion waits for.
const STEP: u64 = 4096;
/// After a witness failed, it is asked again no sooner than this.
const RETRY: Duration = Duration::from_secs(10);

/// What can be set about the log.
#[derive(Clone, Debug, Default)]
pub struct LogConfig {
    /// The folder of its files.
    pub dir: PathBuf,
    /// Who is asked to cosign its checkpoints.
    pub witnesses: Vec<Client>,
    /// How many of them make a checkpoint a witnessed one.
    pub needed: usize,
}

/// Notes that the receipt of this chain and size is to be logged.
///
/// # Errors
/// `unavailable`.
pub(crate) fn queue(db: &Connection, chain: &str, size: u64) -> Result<(), Code> {
    db.prepare_cached("INSERT OR IGNORE INTO log_queue VALUES (?, ?)")?.execute(params![chain, size])?;
    Ok(())
}

/// The log of a store, the one that writes it.
pub struct Log {
    store: Store,
    signer: NoteSigner,
    config: LogConfig,
    /// The size of the checkpoint in the folder.
    published: u64,
    /// When to ask the witnesses again that did not cosign that one.
    retry: Option<Instant>,
}

impl Log {
    /// Opens the log of the store in the file `db`, and makes it if there is none.
    ///
    /// # Errors
    /// `log_conflict` if the published checkpoint is not one of this store; `log_folder`, `key_file`, `unavailable`.
    pub fn open(db: &Path, config: LogConfig) -> Result<Self, Code> {
        let store = Store::open(db, &Expected::default())?;
        let signer = NoteSigner::open(db, &store.deployment)?.0;
        std::fs::create_dir_all(&config.dir).map_err(|_| Code::LogFolder)?;
        let mut log = Self { store, signer, config, published: 0, retry: None };
        if let Some(text) = files::read(&log.config.dir.join("checkpoint"))? {
            let note =
                Note::parse(&text).filter(|note| log.signer.key().judge(note) == nymtrail::core::note::Signed::At(0));
            let checkpoint = note.and_then(|note| Checkpoint::parse(&note.text)).ok_or(Code::LogConflict)?;
            let size = Hashes(log.store.db()).size()?;
            if checkpoint.size > size || log.checkpoint(checkpoint.size)? != checkpoint {
                return Err(Code::LogConflict);
            }
            log.published = checkpoint.size;
        }
        Ok(log)
    }

    fn checkpoint(&self, size: u64) -> Result<Checkpoint, Code> {
        let root = Hashes(self.store.db()).root(size)?;
        Ok(Checkpoint { origin: log_origin(&self.store.deployment), size, root })
    }

    /// Logs what is queued and publishes the log as it is then. `true` if there is anything new.
    ///
    /// # Errors
    /// `unavailable`, `log_folder`. What was not done is done by the next step.
    pub fn step(&mut self) -> Result<bool, Code> {
        while self.store.write(sequence)? == STEP {}
        let size = Hashes(self.store.db()).size()?;
        let again = self.retry.is_some_and(|at| at <= Instant::now());
        if size == 0 || size == self.published && !again {
            return Ok(false);
        }
        files::write_tiles(&self.config.dir, self.store.db(), self.published, size)?;
        let checkpoint = self.checkpoint(size)?;
        let mut note = self.signer.sign(checkpoint.text());
        let cosigned = self.cosign(&checkpoint, &mut note)?;
        // Without the witnesses that are needed it is published as what it is: a checkpoint that claims nothing more.
        if cosigned < self.config.needed {
            note.signatures.truncate(1);
            tracing::warn!(cosigned, needed = self.config.needed, size, "the log's checkpoint is not witnessed");
        }
        self.retry = (cosigned < self.config.witnesses.len()).then(|| Instant::now() + RETRY);
        files::publish(&self.config.dir, "checkpoint", note.to_string().as_bytes())?;
        self.published = size;
        Ok(true)
    }

    /// Adds the cosignatures of the witnesses that give one. How many that were.
    fn cosign(&self, checkpoint: &Checkpoint, note: &mut Note) -> Result<usize, Code> {
        let signed = note.to_string();
        let mut count = 0;
        for witness in &self.config.witnesses {
            let db = self.store.db();
            let mut find = db.prepare_cached("SELECT size FROM log_witnesses WHERE name = ?")?;
            let known: u64 = find.query_row([witness.name()], |row| row.get(0)).unwrap_or(0);
            let prove = |from: u64| Hashes(db).consistency(from, checkpoint.size);
            match witness.cosign(&signed, known.min(checkpoint.size), prove) {
                Ok(line) => {
                    note.signatures.push(line);
                    count += 1;
                    let mut keep = db.prepare_cached("INSERT OR REPLACE INTO log_witnesses VALUES (?, ?)")?;
                    keep.execute(params![witness.name(), checkpoint.size])?;
                }
                Err(why) => tracing::warn!(witness = witness.name(), %why, "a witness did not cosign"),
            }
        }
        Ok(count)
    }
}

/// Moves what is queued, but no more than [`STEP`], to the end of the log. How many that were.
fn sequence(db: &rusqlite::Transaction) -> Result<u64, Code> {
    let mut queued = db.prepare_cached(
        "SELECT q.chain, q.size, c.note FROM log_queue q LEFT JOIN checkpoints c USING (chain, size) LIMIT ?",
    )?;
    let read = |row: &rusqlite::Row| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let queued: Vec<(String, u64, Option<String>)> = queued.query_map([STEP], read)?.collect::<Result<_, _>>()?;
    let mut entries: Vec<(Hash, &str)> =
        queued.iter().filter_map(|(_, _, note)| note.as_deref().map(|note| (entry_hash(note), note))).collect();
    entries.sort_unstable();
    let hashes = Hashes(db);
    let first = hashes.size()?;
    let mut insert = db.prepare_cached("INSERT INTO log_entries VALUES (?, ?)")?;
    for (at, (leaf, entry)) in (first..).zip(entries) {
        insert.execute(params![at, entry])?;
        hashes.append(at, leaf)?;
    }
    let mut done = db.prepare_cached("DELETE FROM log_queue WHERE chain = ? AND size = ?")?;
    for (chain, size, _) in &queued {
        done.execute(params![chain, size])?;
    }
    Ok(queued.len() as u64)
}

/// The hash of an entry: what the tree's leaves are.
pub fn entry_hash(entry: &str) -> Hash {
    Hash(tlog_tiles::record_hash(entry.as_bytes()).0)
}
