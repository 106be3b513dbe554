//! Erasure on the store: the event and its salt go, the commitment stays, so that the chain, its receipts and its proofs still
//! hold. Each erased row is logged in the [operator's own chain](crate::operator), in the same transaction.

use crate::error::Code;
use crate::keys::Signer;
use crate::operator::{self, Erasure};
use crate::prove::find_chain;
use crate::store::{Store, read_row};
use nymtrail::core::json::{self, Value};
use nymtrail::core::opening::closes;
use nymtrail::core::row::Row;
use rusqlite::{Connection, ErrorCode, params};

/// What is to be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// Every event that holds this pseudonym, or the id of a device or a visit, as one of its values.
    Pseudonym(String),
    /// The events of the chain whose id begins so. Its first row and its closing one are none and stay: the keys in them say
    /// who signed the chain, and who goes on with it.
    Chain(String),
    /// This row of the chain, whatever it is.
    Row(String, u64),
}

impl Which {
    /// Whether that may be a pseudonym or the id of a device or a visit.
    pub fn is_pseudonym(text: &str) -> bool {
        let id = ["p1.", "p2."].iter().find_map(|version| text.strip_prefix(version)).unwrap_or(text);
        id.len() == 22 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    }
}

/// A place in a chain.
pub type Place = (String, u64);

/// What is there to be erased: rows that have their event, or their salt still.
///
/// # Errors
/// `no_chain`, `ambiguous_chain`, `operator_chain`; `malformed_row` for numbers that no row can have; `unavailable`.
pub fn find(store: &Store, which: &Which) -> Result<Vec<Place>, Code> {
    find_in(store.db(), &resolve(store, which)?)
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    /// The rows that were erased, by chain and seq.
    pub rows: Vec<Place>,
    /// The receipt of the operator's chain with the records. `None` if that chain was damaged, or nothing was erased.
    pub receipt: Option<String>,
}

/// Erases and logs that. On disk as a whole or not at all; [`forget`] has to follow. `now` is in ms since 1970.
///
/// # Errors
/// As [`find`].
pub fn erase(store: &mut Store, signer: &Signer, which: &Which, why: &str, now: u64) -> Result<Erased, Code> {
    let which = resolve(store, which)?;
    let deployment = store.deployment.clone();
    store.write(|tx| {
        let rows = find_in(tx, &which)?;
        let mut find =
            tx.prepare("SELECT chain, seq, t, gprev, salt, body, bc, link FROM events WHERE chain = ? AND seq = ?")?;
        let mut erase = tx.prepare("UPDATE events SET salt = NULL, body = NULL, bc = ? WHERE chain = ? AND seq = ?")?;
        for (chain, seq) in &rows {
            let row = find.query_row(params![chain, seq], read_row)??;
            erase.execute(params![row.commitment(), chain, seq])?;
        }
        let record = |(chain, seq): &Place| Erasure { chain: chain.clone(), seq: *seq, why: why.into() };
        let records: Vec<_> = rows.iter().map(record).collect();
        let receipt = operator::record(tx, signer, &deployment, &records, now)?;
        Ok(Erased { rows, receipt })
    })
}

/// Rewrites the store's files, so that no byte of what was erased is left in them. That takes about a second for each 100 MB,
/// in which nobody else can write.
///
/// Overwriting what is deleted (`secure_delete`) is not enough: when SQLite moves rows to another page, it leaves copies of
/// them in the free space of the page they were on.
///
/// # Errors
/// `not_forgotten` if another program was in the way all the time; `unavailable`, for one if the disk is full.
pub fn forget(store: &Store) -> Result<(), Code> {
    // In a file, as the copy of a large store would not fit into memory.
    store.db().pragma_update(None, "temp_store", "file")?;
    for _ in 0..TRIES {
        match store.db().execute_batch("VACUUM") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => continue,
            done => done?,
        }
        if store.empty_log()? {
            return Ok(());
        }
    }
    Err(Code::NotForgotten)
}

/// Each waits 5 s for others.
const TRIES: u32 = 3;

/// The chain's whole id in place of its beginning.
fn resolve(store: &Store, which: &Which) -> Result<Which, Code> {
    let whole = |beginning: &str| {
        let chain = find_chain(store, beginning)?;
        if operator::ids(store.db())?.contains(&chain) { Err(Code::OperatorChain) } else { Ok(chain) }
    };
    Ok(match which {
        Which::Pseudonym(pseudonym) => Which::Pseudonym(pseudonym.clone()),
        Which::Chain(beginning) => Which::Chain(whole(beginning)?),
        Which::Row(beginning, seq) => Which::Row(whole(beginning)?, *seq),
    })
}

fn find_in(db: &Connection, which: &Which) -> Result<Vec<Place>, Code> {
    let (condition, value, seq) = match which {
        Which::Pseudonym(pseudonym) => ("instr(body, ?1) > 0 AND ?2 = 0", format!("\"{pseudonym}\""), 0),
        Which::Chain(chain) => ("chain = ?1 AND seq > ?2", chain.clone(), 0),
        Which::Row(chain, seq) => ("chain = ?1 AND seq = ?2", chain.clone(), *seq),
    };
    let operator = operator::ids(db)?;
    let mut statement = db.prepare(&format!(
        "SELECT chain, seq, t, gprev, salt, body, bc, link FROM events
         WHERE (body IS NOT NULL OR salt IS NOT NULL) AND {condition} ORDER BY chain, seq"
    ))?;
    let mut rows = statement.query(params![value, seq])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let row = read_row(row)??;
        let matches = match which {
            Which::Pseudonym(pseudonym) => holds(&row, pseudonym) && !operator.contains(&row.chain),
            Which::Chain(_) => row.body.as_deref().is_none_or(|body| closes(body).is_none()),
            Which::Row(..) => true,
        };
        if matches {
            found.push((row.chain, row.seq));
        }
    }
    Ok(found)
}

/// Whether a value in the body is just this text, however deep.
fn holds(row: &Row, text: &str) -> bool {
    fn is_in(value: &Value, text: &str) -> bool {
        value.as_text() == Some(text)
            || value.items().iter().any(|item| is_in(item, text))
            || value.entries().iter().any(|(_, value)| is_in(value, text))
    }
    row.body.as_deref().and_then(json::parse).is_some_and(|body| is_in(&body, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudonyms_and_ids_have_a_form() {
        assert!(Which::is_pseudonym("p2.0kjgA_5tMJc05lhIFTSs9Q"), "made with a key server");
        assert!(Which::is_pseudonym("p1.0kjgA_5tMJc05lhIFTSs9Q") && Which::is_pseudonym("vQ5DTnbm0Qmmb5anLHChkw"));
        for wrong in ["", "p1.", "ada@example.org", "p3.0kjgA_5tMJc05lhIFTSs9Q", "0kjgA_5tMJc05lhIFTSs9Q\"", "view"] {
            assert!(!Which::is_pseudonym(wrong), "{wrong}");
        }
    }
}
