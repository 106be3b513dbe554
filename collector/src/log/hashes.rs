//! The log's tree in the store: every complete node, as `tlog_tiles` numbers them.

use crate::error::Code;
use nymtrail::core::chain::Hash;
use rusqlite::{Connection, OptionalExtension, params};
use tlog_tiles::{Error, HashReader, stored_hash_index, stored_hashes_for_record_hash};

/// The nodes in this store.
#[derive(Clone, Copy)]
pub struct Hashes<'a>(pub &'a Connection);

impl Hashes<'_> {
    /// How many entries the log has.
    pub fn size(&self) -> Result<u64, Code> {
        let mut last = self.0.prepare_cached("SELECT at FROM log_entries ORDER BY at DESC LIMIT 1")?;
        Ok(last.query_row([], |row| row.get::<_, u64>(0)).optional()?.map_or(0, |last| last + 1))
    }

    /// Adds the leaf at the end, where the log has `at` of them.
    pub fn append(&self, at: u64, leaf: Hash) -> Result<(), Code> {
        let hashes = stored_hashes_for_record_hash(at, tlog_tiles::Hash(leaf.0), self).map_err(failed)?;
        let mut insert = self.0.prepare_cached("INSERT INTO log_hashes VALUES (?, ?)")?;
        for (index, hash) in (stored_hash_index(0, at)..).zip(hashes) {
            insert.execute(params![index, hash.0])?;
        }
        Ok(())
    }

    /// The root of the first `size` entries.
    pub fn root(&self, size: u64) -> Result<Hash, Code> {
        tlog_tiles::tree_hash(size, self).map(|root| Hash(root.0)).map_err(failed)
    }

    /// The proof that the first `to` entries continue the first `from`; empty for none.
    pub fn consistency(&self, from: u64, to: u64) -> Result<Vec<Hash>, Code> {
        if from == 0 || from == to {
            return Ok(Vec::new());
        }
        let proof = tlog_tiles::prove_tree(to, from, self).map_err(failed)?;
        Ok(proof.into_iter().map(|hash| Hash(hash.0)).collect())
    }

    /// The leaf at this place.
    pub fn leaf(&self, at: u64) -> Result<Hash, Code> {
        let found = self.read_hashes(&[stored_hash_index(0, at)]).map_err(failed)?;
        found.first().map(|hash| Hash(hash.0)).ok_or(Code::LogTiles)
    }
}

impl HashReader for Hashes<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, Error> {
        let missing = |_| Error::IndexesNotInTree;
        let mut find = self.0.prepare_cached("SELECT hash FROM log_hashes WHERE at = ?").map_err(missing)?;
        let mut read = |index: &u64| find.query_row([index], |row| row.get(0)).map(tlog_tiles::Hash).map_err(missing);
        indexes.iter().map(&mut read).collect()
    }
}

pub fn failed(error: Error) -> Code {
    tracing::error!(%error, "the log's tree in the store is damaged");
    Code::Unavailable
}
