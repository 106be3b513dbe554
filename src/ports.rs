//! The few narrow traits the driver needs from the world around it.
//!
//! Everything is callback-shaped: a browser's IndexedDB settles in events, and a future would cost kilobytes of
//! executor for nothing. A callback runs exactly once, later, never from inside the call that was given it.

use crate::core::error::StoreError;

/// What a store calls when an operation has settled.
pub type Done<T> = Box<dyn FnOnce(Result<T, StoreError>)>;

/// A row as a store keeps it: its key and its exact line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRow {
    /// The chain's id, 64 hex digits.
    pub chain: String,
    /// Position in the chain, from 0.
    pub seq: u64,
    /// The row as one JSON object in ASCII, exactly as it is sent and exported.
    pub line: String,
}

/// What a read-then-write of one meta value decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// The new value of the meta key; `None` deletes it.
    pub value: Option<String>,
    /// Rows to put in place of stored ones (an erased body, for one).
    pub replace: Vec<StoredRow>,
    /// Rows to delete, as `(chain, first seq, last seq)`, both ends included.
    pub remove: Vec<(String, u64, u64)>,
}

/// A synchronous decision made inside a transaction: from the value found to what is written. `None` changes nothing.
pub type Reduce = Box<dyn FnOnce(Option<String>) -> Option<Update>>;

/// Durable rows and small named values ("metas") of one deployment.
///
/// Invariants every implementation keeps, checked by one conformance suite:
/// - `append` never reads: it either stores all its rows and metas or nothing, and a key that exists already is
///   [`StoreErrorKind::Collision`](crate::core::error::StoreErrorKind::Collision), never an overwrite.
/// - operations take effect in the order they were called.
/// - success is reported only after the transaction is complete.
pub trait Store {
    /// Adds rows blindly and puts metas, in one transaction that is committed before this call returns.
    fn append(&self, rows: Vec<StoredRow>, metas: Vec<(String, String)>, done: Done<()>);
    /// Rows of `chain` from `from` on, ascending, at most `rows` of them and no more than `bytes` of lines,
    /// but at least one if there is one.
    fn rows(&self, chain: &str, from: u64, rows: usize, bytes: usize, done: Done<Vec<StoredRow>>);
    /// The row with the highest seq of `chain`.
    fn last(&self, chain: &str, done: Done<Option<StoredRow>>);
    /// Every meta whose key starts with `prefix`, by ascending key.
    fn metas(&self, prefix: &str, done: Done<Vec<(String, String)>>);
    /// Reads the meta `key`, lets `reduce` decide and writes, all in one transaction.
    fn update(&self, key: &str, reduce: Reduce, done: Done<()>);
    /// Deletes rows, as `(chain, first seq, last seq)`, both ends included.
    fn remove(&self, ranges: Vec<(String, u64, u64)>, done: Done<()>);
    /// Deletes everything, the database itself included. The store is unusable afterwards.
    fn wipe(&self, done: Done<()>);
}

/// Random bytes fit for salts and keys.
pub trait Entropy {
    /// Fills `bytes`.
    fn fill(&mut self, bytes: &mut [u8]);
}
