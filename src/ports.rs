//! What the engine needs from the world around it, beside its inputs and effects.

use alloc::string::String;

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

/// Random bytes fit for salts and keys.
pub trait Entropy {
    /// Fills `bytes`.
    fn fill(&mut self, bytes: &mut [u8]);
}
