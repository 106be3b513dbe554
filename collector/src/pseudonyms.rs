//! Pseudonyms of the second level: what the events' aliases stand for, in a table of its own.
//!
//! A row comes with its veil ([`nymtrail::core::pepper`]). What it lifts is checked against the aliases in the body, keyed
//! with the epoch's pepper and kept; pseudonyms of the first level and veils go no further than this module: into no table,
//! log or answer.

use crate::error::Code;
use crate::ingest::{Answer, Batch};
use crate::peppers::Peppers;
use crate::store::Store;
use nymtrail::core::json::{self, Value};
use nymtrail::core::pepper::{is_first, lift};
use nymtrail::core::row::Row;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fmt;
use std::io::Write;
use zeroize::Zeroizing;

/// The tables. No new version: a store without them is one of a collector that has no pepper yet.
pub const SCHEMA: &str = "
-- What an alias stands for: `field` is u (user), g (group), or p. or c. and the name of a property.
CREATE TABLE IF NOT EXISTS pseudonyms (
  chain TEXT NOT NULL, seq INTEGER NOT NULL, field TEXT NOT NULL, pseudonym TEXT NOT NULL,
  PRIMARY KEY (chain, seq, field)) STRICT, WITHOUT ROWID;

-- Whatever erases an event, nobody's pseudonym is left beside it.
CREATE TRIGGER IF NOT EXISTS pseudonyms_erased AFTER UPDATE OF body ON events WHEN NEW.body IS NULL BEGIN
  DELETE FROM pseudonyms WHERE chain = NEW.chain AND seq = NEW.seq;
END;
";

/// What came with a row, not yet checked.
pub struct Veil(Zeroizing<String>);

impl fmt::Debug for Veil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Veil")
    }
}

/// The veils in a batch, one place for each row; an empty list if there are none.
pub fn read_veils(batch: &str) -> Vec<Option<Veil>> {
    #[derive(Deserialize)]
    struct Rows<'a> {
        #[serde(borrow)]
        rows: Vec<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Beside {
        veil: Option<String>,
    }
    // Within a row's strings the quotes are escaped, so this is a name.
    if !batch.contains("\"veil\"") {
        return Vec::new();
    }
    let rows = serde_json::from_str(batch).map_or(Vec::new(), |Rows { rows }| rows);
    let veil = |row: &&RawValue| serde_json::from_str::<Beside>(row.get()).ok()?.veil.map(Zeroizing::new).map(Veil);
    rows.iter().map(veil).collect()
}

impl Batch {
    /// Gets what is needed for the batch where there are peppers: that of its epoch, if something came with a veil.
    ///
    /// # Errors
    /// `no_pepper` for veils where there are none; `unknown_epoch`, `unavailable`.
    pub fn prepare(&mut self, peppers: Option<&Peppers>) -> Result<(), Code> {
        let Some(peppers) = peppers else {
            return if self.veils.is_empty() { Ok(()) } else { Err(Code::NoPepper) };
        };
        self.peppered = true;
        let epoch = self.epoch.filter(|_| !self.veils.is_empty());
        let pepper = epoch.map(|epoch| peppers.of(epoch)).transpose();
        self.pepper = pepper.map_err(|code| match code {
            Code::UnknownEpoch => code,
            _ => {
                tracing::error!(%code, "there is no pepper for a batch");
                Code::Unavailable
            }
        })?;
        Ok(())
    }
}

/// How many veils came with rows that are in the store now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lifted {
    /// All that they lift is kept.
    pub lifted: usize,
    /// They are malformed, lift something that is not in the row, or are of no epoch. The row was taken without.
    pub refused: usize,
}

/// Keeps what the aliases stand for in the rows that were taken, and counts veils in the answer.
///
/// # Errors
/// `unavailable`.
pub fn take(db: &Connection, batch: &Batch, answer: &mut Answer) -> Result<(), Code> {
    if batch.veils.is_empty() {
        return Ok(());
    }
    // An event that was erased here stays without, also if it comes again.
    let mut keep = db.prepare_cached(
        "INSERT OR IGNORE INTO pseudonyms SELECT chain, seq, ?, ? FROM events
         WHERE chain = ? AND seq = ? AND body IS NOT NULL",
    )?;
    let mut count = Lifted::default();
    for ((row, veil), result) in batch.rows.iter().zip(&batch.veils).zip(&answer.results) {
        let (Ok(row), Some(veil), Ok(_)) = (row, veil, result.outcome) else { continue };
        let Some((fields, pepper)) = fields(row, veil).zip(batch.pepper.as_ref()) else {
            count.refused += 1;
            continue;
        };
        for (field, pseudonym) in fields {
            keep.execute(params![field, pepper.second(pseudonym), row.chain, row.seq])?;
        }
        count.lifted += 1;
    }
    answer.veils = Some(count);
    Ok(())
}

/// What a veil lifts: fields of the body and pseudonyms of the first level. `None` if anything of it is not in the body.
fn fields<'a>(row: &Row, veil: &'a Veil) -> Option<Vec<(String, &'a str)>> {
    let body = json::parse(row.body.as_deref()?)?;
    let field = |alias: &str| {
        let is_it = |value: &Value| value.as_text() == Some(alias);
        let direct = ["u", "g"].into_iter().find(|name| body.get(name).is_some_and(is_it)).map(String::from);
        let within = |of: &&str| body.get(of)?.entries().iter().find(|(_, value)| is_it(value));
        // A site may have declared a name that the page's own context has.
        direct.or_else(|| ["p", "c"].iter().find_map(|of| Some(format!("{of}.{}", within(of)?.0))))
    };
    lift(&veil.0)?.into_iter().map(|(alias, pseudonym)| Some((field(&alias)?, pseudonym))).collect()
}

/// Whether a value in the body is a pseudonym of the first level, however deep. Where there is a pepper none is stored.
pub fn holds_first(body: &str) -> bool {
    fn is_in(value: &Value) -> bool {
        value.as_text().is_some_and(is_first)
            || value.items().iter().any(is_in)
            || value.entries().iter().any(|(_, value)| is_in(value))
    }
    body.contains("p1.") && json::parse(body).is_some_and(|body| is_in(&body))
}

/// Writes what every alias stands for as NDJSON, ordered by chain, seq and field.
///
/// # Errors
/// `cannot_write`, `unavailable`.
pub fn export(store: &Store, chain: Option<&str>, mut out: impl Write) -> Result<(), Code> {
    #[derive(Serialize)]
    struct Line {
        chain: String,
        field: String,
        pseudonym: String,
        seq: u64,
    }
    if store.has_table("pseudonyms")? {
        let mut find = store.db().prepare(
            "SELECT chain, field, pseudonym, seq FROM pseudonyms WHERE ?1 IS NULL OR chain = ?1 ORDER BY chain, seq, field",
        )?;
        let mut rows = find.query([chain])?;
        while let Some(row) = rows.next()? {
            let line = Line { chain: row.get(0)?, field: row.get(1)?, pseudonym: row.get(2)?, seq: row.get(3)? };
            let text = serde_json::to_string(&line).map_err(|_| Code::Internal)?;
            writeln!(out, "{text}").map_err(|_| Code::CannotWrite)?;
        }
    }
    out.flush().map_err(|_| Code::CannotWrite)
}
