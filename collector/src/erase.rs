//! Erasure on the store: the event and its salt go, the commitment stays, so that the chain, its receipts and its proofs still
//! hold. What is erased is logged in the [operator's own chain](crate::operator), in the same transaction.

use crate::error::Code;
use crate::keys::Signer;
pub use crate::operator::Place;
use crate::operator::{self, DEVICE};
use crate::prove::find_chain;
use crate::store::{Store, read_row};
use nymtrail::core::chain::token_hash;
use nymtrail::core::hex;
use nymtrail::core::json::{self, Value};
use nymtrail::core::opening::closes;
use nymtrail::core::row::Row;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, params};
use std::collections::HashSet;

/// What is to be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// Every event that holds one of these pseudonyms, or ids of devices or visits, as one of its values; or whose alias stands
    /// for one of these of the second level.
    Pseudonyms(Vec<String>),
    /// The events of the chain whose id begins so. Its first row and its closing one are none and stay: the keys in them say
    /// who signed the chain, and who goes on with it.
    Chain(String),
    /// This row of the chain, whatever it is.
    Row(String, u64),
}

impl Which {
    /// Whether that may be a pseudonym or the id of a device or a visit.
    pub fn is_pseudonym(text: &str) -> bool {
        let id = ["p1.", "p2.", SECOND].iter().find_map(|kind| text.strip_prefix(kind)).unwrap_or(text);
        id.len() == 22 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    }
}

/// What pseudonyms of the second level begin with. No event holds one.
const SECOND: &str = "s1.";

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
        let receipt = erase_rows(tx, signer, &deployment, &rows, why, now)?;
        Ok(Erased { rows, receipt })
    })
}

/// Erases the chain whose device asks for it: whoever has the token whose hash the chain's first row holds. No row of it is
/// taken any more, as what was on its way must not come behind its erasure; so that there is nothing to erase yet may be. The
/// store's files are rewritten [later](is_due), since anybody who has a token could ask for that without end.
///
/// # Errors
/// `wrong_token`; `unavailable`.
pub fn erase_by_token(
    tx: &Transaction,
    signer: &Signer,
    deployment: &str,
    (chain, token): (&str, &str),
    now: u64,
) -> Result<Vec<Place>, Code> {
    let first: Option<Option<String>> = tx
        .query_row("SELECT body FROM events WHERE chain = ? ORDER BY seq LIMIT 1", [chain], |row| row.get(0))
        .optional()?;
    if let Some(body) = first {
        let opening = body.as_deref().and_then(json::parse);
        let expected = opening.as_ref().and_then(|opening| opening.get("et")).and_then(Value::as_text);
        if expected != Some(token_hash(token).hex().as_str()) {
            return Err(Code::WrongToken);
        }
    }
    tx.execute(
        "INSERT INTO chains VALUES (?, NULL, ?) ON CONFLICT (chain) DO UPDATE SET refused = excluded.refused",
        params![chain, Code::ChainErased.as_str()],
    )?;
    let rows = find_in(tx, &Which::Chain(chain.into()))?;
    erase_rows(tx, signer, deployment, &rows, DEVICE, now)?;
    Ok(rows)
}

/// Whether that may be a token: 16 bytes in hex.
pub fn is_token(text: &str) -> bool {
    hex::is_hex(text, 32)
}

/// Erases these rows, which are there, and logs it. Returns the log's receipt.
pub(crate) fn erase_rows(
    tx: &Transaction,
    signer: &Signer,
    deployment: &str,
    rows: &[Place],
    why: &str,
    now: u64,
) -> Result<Option<String>, Code> {
    let mut find =
        tx.prepare_cached("SELECT chain, seq, t, gprev, salt, body, bc, link FROM events WHERE chain = ? AND seq = ?")?;
    let mut erase =
        tx.prepare_cached("UPDATE events SET salt = NULL, body = NULL, bc = ? WHERE chain = ? AND seq = ?")?;
    for (chain, seq) in rows {
        let row = find.query_row(params![chain, seq], read_row)??;
        erase.execute(params![row.commitment(), chain, seq])?;
    }
    if !rows.is_empty() {
        tx.execute("INSERT OR REPLACE INTO settings VALUES (?, 'due')", [FORGET])?;
    }
    operator::record(tx, signer, deployment, &operator::erasures(rows, why), now)
}

/// The setting that says that something was erased since the store's files were rewritten.
const FORGET: &str = "forget";

/// Whether [`forget`] has something to do.
///
/// # Errors
/// `unavailable`.
pub fn is_due(db: &Connection) -> Result<bool, Code> {
    Ok(db.prepare("SELECT 1 FROM settings WHERE name = ?")?.exists([FORGET])?)
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
            store.db().execute("DELETE FROM settings WHERE name = ?", [FORGET])?;
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
        Which::Pseudonyms(pseudonyms) => Which::Pseudonyms(pseudonyms.clone()),
        Which::Chain(beginning) => Which::Chain(whole(beginning)?),
        Which::Row(beginning, seq) => Which::Row(whole(beginning)?, *seq),
    })
}

fn find_in(db: &Connection, which: &Which) -> Result<Vec<Place>, Code> {
    let (condition, value, seq) = match which {
        // All of them are in bodies as texts; which are there is seen once a body is read.
        Which::Pseudonyms(pseudonyms) => match pseudonyms.as_slice() {
            [only] if !only.starts_with(SECOND) => ("instr(body, ?1) > 0 AND ?2 = 0", format!("\"{only}\""), 0),
            _ => ("?1 = '' AND ?2 = 0", String::new(), 0),
        },
        Which::Chain(chain) => ("chain = ?1 AND seq > ?2", chain.clone(), 0),
        Which::Row(chain, seq) => ("chain = ?1 AND seq = ?2", chain.clone(), *seq),
    };
    let operator = operator::ids(db)?;
    let lifted = match which {
        Which::Pseudonyms(pseudonyms) => lifted(db, pseudonyms)?,
        _ => HashSet::new(),
    };
    let mut statement = db.prepare(&format!(
        "SELECT chain, seq, t, gprev, salt, body, bc, link FROM events
         WHERE (body IS NOT NULL OR salt IS NOT NULL) AND {condition} ORDER BY chain, seq"
    ))?;
    let mut rows = statement.query(params![value, seq])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let row = read_row(row)??;
        let matches = match which {
            Which::Pseudonyms(pseudonyms) => {
                (holds(&row, pseudonyms) && !operator.contains(&row.chain))
                    || lifted.contains(&(row.chain.clone(), row.seq))
            }
            Which::Chain(_) => row.body.as_deref().is_none_or(|body| closes(body).is_none()),
            Which::Row(..) => true,
        };
        if matches {
            found.push((row.chain, row.seq));
        }
    }
    Ok(found)
}

/// The places of the events whose alias stands for one of these pseudonyms of the second level.
fn lifted(db: &Connection, pseudonyms: &[String]) -> Result<HashSet<Place>, Code> {
    let mut places = HashSet::new();
    // A store that no collector with a pepper has had in hand has no such table.
    if !db.table_exists(None::<&str>, "pseudonyms")? {
        return Ok(places);
    }
    for second in pseudonyms.iter().filter(|pseudonym| pseudonym.starts_with(SECOND)) {
        let mut statement = db.prepare_cached("SELECT chain, seq FROM pseudonyms WHERE pseudonym = ?")?;
        for place in statement.query_map([second], |row| Ok((row.get(0)?, row.get(1)?)))? {
            places.insert(place?);
        }
    }
    Ok(places)
}

/// Whether a value in the body is just one of these texts, however deep.
fn holds(row: &Row, texts: &[String]) -> bool {
    fn is_in(value: &Value, texts: &[String]) -> bool {
        value.as_text().is_some_and(|text| texts.iter().any(|other| other == text))
            || value.items().iter().any(|item| is_in(item, texts))
            || value.entries().iter().any(|(_, value)| is_in(value, texts))
    }
    row.body.as_deref().and_then(json::parse).is_some_and(|body| is_in(&body, texts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_a_form() {
        assert!(is_token(&"0f".repeat(16)));
        for wrong in ["", &"0F".repeat(16), &"0f".repeat(32), &"x".repeat(32)] {
            assert!(!is_token(wrong), "{wrong}");
        }
    }

    #[test]
    fn pseudonyms_and_ids_have_a_form() {
        assert!(Which::is_pseudonym("p2.0kjgA_5tMJc05lhIFTSs9Q"), "made with a key server");
        assert!(Which::is_pseudonym("s1.0kjgA_5tMJc05lhIFTSs9Q"), "made with a pepper");
        assert!(Which::is_pseudonym("p1.0kjgA_5tMJc05lhIFTSs9Q") && Which::is_pseudonym("vQ5DTnbm0Qmmb5anLHChkw"));
        for wrong in ["", "p1.", "ada@example.org", "p3.0kjgA_5tMJc05lhIFTSs9Q", "0kjgA_5tMJc05lhIFTSs9Q\"", "view"] {
            assert!(!Which::is_pseudonym(wrong), "{wrong}");
        }
    }
}
