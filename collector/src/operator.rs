//! The operator's own chain: what the operator did to what was collected. It is a chain like any other, in the same table,
//! verified by the same rules; its first row names the collector's public key, and its checkpoints carry two signatures, of
//! the writer and of the receiver, which here are one.
//!
//! So far it holds erasures. An erased row that has no record here was erased by somebody else.

use crate::error::Code;
use crate::ingest::{Answer, RowAnswer, Taken};
use crate::keys::Signer;
use crate::receipts::{self, root_at};
use crate::store::read_row;
use nymtrail::core::chain::{Head, NO_HEAD};
use nymtrail::core::hex;
use nymtrail::core::json::Object;
use nymtrail::core::note::{Checkpoint, Note, origin};
use nymtrail::core::row::Row;
pub use nymtrail_verify::operator::Erasure;
use rusqlite::{Connection, OptionalExtension, params};

/// Where the store keeps the ids of its operator's chains, the one in use last. There are several once the key was replaced.
const SETTING: &str = "operator";
/// Why a row is erased that came so: the browser gave the event up and sent its place alone.
pub const ARRIVED: &str = "arrived";
/// Why a row is erased whose device asked for it, with the chain's token.
pub const DEVICE: &str = "device";

/// A place in a chain.
pub type Place = (String, u64);

/// Records of the erasure of these rows: one for all that follow each other in their chain.
pub fn erasures(rows: &[Place], why: &str) -> Vec<Erasure> {
    let mut rows: Vec<&Place> = rows.iter().collect();
    rows.sort_unstable();
    let of_range = |range: &[&Place]| {
        let ((chain, seq), (_, to)) = (range.first()?, range.last()?);
        Some(Erasure { chain: chain.clone(), seq: *seq, to: *to, why: why.into() })
    };
    rows.chunk_by(|(chain, seq), (other, next)| chain == other && seq + 1 == *next).filter_map(of_range).collect()
}

/// Whether that may be a reason: 1 to 32 of `a-z 0-9 _ -`, so that nobody writes down who asked.
pub fn is_reason(why: &str) -> bool {
    let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-');
    (1..=32).contains(&why.len()) && why.chars().all(allowed)
}

/// The ids of the operator's chains, the one in use last.
///
/// # Errors
/// `unavailable`.
pub fn ids(db: &Connection) -> Result<Vec<String>, Code> {
    let found = db.query_row("SELECT value FROM settings WHERE name = ?", [SETTING], |row| row.get::<_, String>(0));
    Ok(found.optional()?.unwrap_or_default().split_whitespace().map(Into::into).collect())
}

/// Adds these records, and signs the chain as it is then. In the caller's transaction, so that no row is
/// erased without its record. Returns the receipt; `None` if there is nothing to record, or if the chain's rows are not those
/// that were signed before. `now` is in ms since 1970.
///
/// # Errors
/// `unavailable`.
pub fn record(
    db: &Connection,
    signer: &Signer,
    deployment: &str,
    erasures: &[Erasure],
    now: u64,
) -> Result<Option<String>, Code> {
    if erasures.is_empty() {
        return Ok(None);
    }
    let mut rows = Vec::new();
    let mut head = match head(db, signer, deployment)? {
        Some(head) => head,
        None => {
            let (head, row) = open(signer, deployment, now)?;
            // No row of it is taken from outside.
            db.execute("INSERT INTO chains VALUES (?, NULL, ?)", params![head.chain, Code::UnknownEpoch.as_str()])?;
            let ids = [ids(db)?, vec![head.chain.clone()]].concat().join(" ");
            db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", params![SETTING, ids])?;
            rows.push(row);
            head
        }
    };
    for erasure in erasures {
        rows.push(head.append(erasure.body(), hex::encode(&random::<16>()?), now));
    }
    let mut insert = db.prepare_cached("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
    for Row { chain, seq, link, t, salt, body, bc, gprev } in &rows {
        insert.execute(params![chain, seq, t, gprev, salt, body, bc, link])?;
    }
    let size = head.seq + 1;
    let Some(root) = root_at(db, &head.chain, size)? else { return Ok(None) };
    let checkpoint = Checkpoint { origin: origin(deployment, &head.chain), size, root };
    let note = Note { text: checkpoint.text(), signatures: vec![signer.sign_own(&checkpoint)] };
    let mut keep = db.prepare_cached("INSERT OR REPLACE INTO device_checkpoints VALUES (?, ?, ?, ?)")?;
    keep.execute(params![head.chain, size, root.hex(), note.to_string()])?;
    let stored =
        |row: &Row| RowAnswer { chain: Some(row.chain.clone()), seq: Some(row.seq), outcome: Ok(Taken::Stored) };
    let answer = Answer::of(rows.iter().map(stored).collect());
    Ok(receipts::issue(db, signer, deployment, &answer, now)?.remove(&head.chain))
}

/// Where to go on; `None` if there is no chain yet, or only one under another key.
fn head(db: &Connection, signer: &Signer, deployment: &str) -> Result<Option<Head>, Code> {
    let Some(chain) = ids(db)?.pop() else { return Ok(None) };
    let row = |order: &str| -> Result<Option<Row>, Code> {
        let found = db.query_row(
            &format!("SELECT chain, seq, t, gprev, salt, body, bc, link FROM events WHERE chain = ? ORDER BY seq {order} LIMIT 1"),
            [&chain],
            read_row,
        );
        found.optional()?.transpose()
    };
    let is_ours = row("ASC")?.and_then(|row| row.body).is_some_and(|body| body == opening(signer, deployment));
    Ok(if is_ours { row("DESC")?.map(Head::after) } else { None })
}

fn open(signer: &Signer, deployment: &str, now: u64) -> Result<(Head, Row), Code> {
    let blind = hex::encode(&random::<32>()?);
    Ok(Head::open(opening(signer, deployment), hex::encode(&random::<16>()?), &blind, NO_HEAD, now))
}

/// The body of the first row.
fn opening(signer: &Signer, deployment: &str) -> String {
    let mut body = Object::default();
    let pk = hex::encode(&signer.vkey().key);
    body.text("alg", "Ed25519").text("dep", deployment).text("pk", &pk).number("v", 1).text("x", "operator").finish()
}

fn random<const N: usize>() -> Result<[u8; N], Code> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| Code::Unavailable)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_follow_each_other_are_one_record() {
        let place = |chain: &str, seq| (chain.to_owned(), seq);
        let rows = [place("b", 1), place("a", 4), place("a", 2), place("a", 3), place("a", 6)];
        let found = erasures(&rows, "art17");
        let found: Vec<_> = found.iter().map(|record| (record.chain.as_str(), record.seq, record.to)).collect();
        assert_eq!(found, [("a", 2, 4), ("a", 6, 6), ("b", 1, 1)]);
    }

    #[test]
    fn a_reason_is_a_word() {
        assert!(is_reason("art17") && is_reason("retention-2026_q1") && is_reason(ARRIVED));
        for wrong in ["", "Art17", "ada@example.org", "on request", &"x".repeat(33)] {
            assert!(!is_reason(wrong), "{wrong}");
        }
    }
}
