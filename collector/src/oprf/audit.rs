//! The audit log: how many requests came, how many evaluations they asked for and what came of them, by the minute. Neither inputs nor
//! outputs are in it, which the server does not know, nor who asked.

use crate::error::Code;
use rusqlite::{Connection, params};

/// For how long it is kept: 400 days.
const KEEP_MINUTES: u64 = 400 * 24 * 60;

/// What became of requests in a span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// `evaluated`, or the code of the refusal.
    pub outcome: String,
    /// How many requests.
    pub requests: u64,
    /// How many evaluations they asked for.
    pub elements: u64,
}

/// Counts a request at `now`, in ms.
///
/// # Errors
/// `unavailable`: what can't be counted is not to be answered.
pub fn count(db: &Connection, now: u64, refused: Option<Code>, elements: usize) -> Result<(), Code> {
    let mut add = db.prepare_cached(
        "INSERT INTO audit VALUES (?, ?, 1, ?)
         ON CONFLICT DO UPDATE SET requests = requests + 1, elements = elements + excluded.elements",
    )?;
    add.execute(params![now / 60_000, refused.map_or("evaluated", Code::as_str), elements])?;
    Ok(())
}

/// Forgets what is older than it is kept.
///
/// # Errors
/// `unavailable`.
pub fn prune(db: &Connection, now: u64) -> Result<(), Code> {
    db.execute("DELETE FROM audit WHERE minute < ?", [(now / 60_000).saturating_sub(KEEP_MINUTES)])?;
    Ok(())
}

/// The sums of the time from `since` on, in ms, by outcome.
///
/// # Errors
/// `unavailable`.
pub fn sums(db: &Connection, since: u64) -> Result<Vec<Counted>, Code> {
    let mut sums = db.prepare(
        "SELECT outcome, sum(requests), sum(elements) FROM audit WHERE minute >= ? GROUP BY outcome ORDER BY outcome",
    )?;
    let rows = sums.query_map([since / 60_000], |row| {
        Ok(Counted { outcome: row.get(0)?, requests: row.get(1)?, elements: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
