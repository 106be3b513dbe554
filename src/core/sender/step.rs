//! What the sender asks for.

use crate::core::{chain::Hash, engine::Remove, lane::EpochId};
use crate::ports::StoredRow;
use alloc::{string::String, vec::Vec};

/// What the sender needs done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read rows from the store and bring them to [`super::Sender::read`].
    Read {
        /// The lane's chain.
        chain: String,
        /// The first seq.
        from: u64,
        /// At most so many rows.
        rows: u64,
        /// At most so many bytes of lines.
        bytes: u64,
    },
    /// Give rows to the endpoint and bring its answer to [`super::Sender::answered`].
    Deliver(Batch),
    /// Put a lane's record, delete rows if any are to be pruned, and call [`super::Sender::written`].
    Settle {
        /// The meta's key.
        key: String,
        /// The meta's value.
        record: String,
        /// Rows to delete.
        remove: Option<Remove>,
        /// Rows to add in place of those.
        add: Vec<StoredRow>,
    },
    /// Link the events of these rows again in another lane, and store them together with this record.
    Move {
        /// The chain they are in.
        chain: String,
        /// Its epoch.
        epoch: EpochId,
        /// The record's key.
        key: String,
        /// The record's value.
        record: String,
        /// The rows.
        rows: Vec<StoredRow>,
    },
    /// Call again at this time, in ms.
    Wake(u64),
    /// Nothing is left to send, or something is under way.
    Rest,
}

/// Rows of one chain for one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The chain they belong to.
    pub chain: String,
    /// Its epoch.
    pub epoch: EpochId,
    /// Their seqs, ascending.
    pub seqs: Vec<u64>,
    /// Their exact lines.
    pub lines: Vec<String>,
    /// The time of the newest.
    pub newest: u64,
    /// Bytes of their lines.
    pub bytes: u64,
    /// The root of the tree over the chain's rows up to the last of these, if it can be told.
    pub root: Option<Hash>,
}

impl Batch {
    /// Takes one more row.
    pub fn push(&mut self, seq: u64, t: u64, line: String) {
        self.seqs.push(seq);
        self.newest = t;
        self.bytes += line.len() as u64;
        self.lines.push(line);
    }
}
