//! Writing a store's rows as NDJSON.

use crate::error::Code;
use crate::store::Store;
use std::io::Write;

/// Writes each row as one line, ordered by chain and seq: the very lines that were sent.
///
/// # Errors
/// `cannot_write`; what [`Store::each_row`] reports.
pub fn export(store: &Store, chain: Option<&str>, mut out: impl Write) -> Result<(), Code> {
    store.each_row(chain, |row| writeln!(out, "{}", row.line()).map_err(|_| Code::CannotWrite))?;
    out.flush().map_err(|_| Code::CannotWrite)
}
