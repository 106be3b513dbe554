//! Proofs that a row is in a chain that the collector signed: making one from a store, and saying what one shows.

use crate::audit::utc;
use crate::error::Code;
use crate::forms::Failure;
use crate::store::Store;
use nymtrail::core::chain::Hash;
use nymtrail::core::note::{Checkpoint, Note};
use nymtrail::core::proof::{HEADER, Proof};
use nymtrail::core::row::MAX_INTEGER;
use nymtrail::core::{hex, merkle};
use nymtrail_verify::proof::claimed;
pub use nymtrail_verify::proof::{Verdict, check, to_json};
use rusqlite::params;
use std::fmt::Write as _;
use std::io::Read;

/// The longest file that is read as a proof: 1 MiB. An event has at most 16 KiB.
const MAX_FILE: u64 = 1 << 20;

/// The proof for a row, by the smallest checkpoint that covers it: that one says the earliest that the row was there.
/// `chain` is the chain's id or the beginning of it.
///
/// # Errors
/// `no_chain`, `ambiguous_chain`, `no_row`, `no_checkpoint`, `rows_changed`, `malformed_row`, `unavailable`.
pub fn prove(store: &Store, chain: &str, seq: u64) -> Result<Proof, Code> {
    let chain = find_chain(store, chain)?;
    let mut note = None;
    store.each_checkpoint(Some(&chain), |_, size, _, text| {
        if size > seq && note.is_none() {
            note = Some(text);
        }
        Ok(())
    })?;
    let checkpoint = |text: &String| {
        let note = Note::parse(text)?;
        let checkpoint = Checkpoint::parse(&note.text)?;
        Some((note, checkpoint))
    };
    let signed = note.as_ref().map(|text| checkpoint(text).ok_or(Code::RowsChanged)).transpose()?;
    let size = signed.as_ref().map_or(0, |(_, checkpoint)| checkpoint.size);
    let row = if seq <= MAX_INTEGER { store.row(&chain, seq)? } else { None };
    let row = row.ok_or(Code::NoRow)?;
    let mut leaves = Vec::new();
    let (note, checkpoint) = signed.ok_or(Code::NoCheckpoint)?;
    let mut find = store.db().prepare("SELECT seq, link FROM events WHERE chain = ? AND seq < ? ORDER BY seq")?;
    let mut links = find.query(params![chain, size])?;
    while let Some(link) = links.next()? {
        let leaf = link.get_ref(1)?.as_str().ok().and_then(hex::decode).map(Hash);
        let in_place = link.get::<_, u64>(0)? == leaves.len() as u64;
        leaves.push(leaf.filter(|_| in_place).ok_or(Code::RowsChanged)?);
    }
    let prev = match seq.checked_sub(1).and_then(|before| leaves.get(before as usize)) {
        Some(prev) => prev.hex(),
        None => row.gprev.clone().unwrap_or_default(),
    };
    let path = merkle::inclusion_proof(&leaves, seq).ok_or(Code::RowsChanged)?;
    let proof = Proof { row, prev, path, checkpoint, note };
    if proof.is_included() { Ok(proof) } else { Err(Code::RowsChanged) }
}

/// The one chain of the store whose id begins so.
///
/// # Errors
/// `no_chain`, `ambiguous_chain`, `unavailable`.
pub fn find_chain(store: &Store, beginning: &str) -> Result<String, Code> {
    if beginning.len() > 64 || !hex::is_hex(beginning, beginning.len()) {
        return Err(Code::NoChain);
    }
    let mut find =
        store.db().prepare("SELECT DISTINCT chain FROM events WHERE chain >= ?1 AND chain < ?1 || 'g' LIMIT 2")?;
    let found: Vec<String> = find.query_map([beginning], |row| row.get(0))?.collect::<Result<_, _>>()?;
    match <[String; 1]>::try_from(found) {
        Ok([chain]) => Ok(chain),
        Err(found) => Err(if found.is_empty() { Code::NoChain } else { Code::AmbiguousChain }),
    }
}

/// Whether the input is a proof, by how it begins. Gives the beginning back.
///
/// # Errors
/// `cannot_read`.
pub fn is_proof(input: &mut impl Read) -> Result<(Vec<u8>, bool), Code> {
    let mut start = Vec::new();
    input.by_ref().take(HEADER.len() as u64).read_to_end(&mut start).map_err(|_| Code::CannotRead)?;
    let is_proof = start == HEADER.as_bytes();
    Ok((start, is_proof))
}

/// Reads a proof.
///
/// # Errors
/// `malformed_proof` with the line; `invalid_utf8`, `cannot_read`.
pub fn read(input: impl Read) -> Result<Proof, Failure> {
    let mut file = Vec::new();
    input.take(MAX_FILE).read_to_end(&mut file).map_err(|_| Code::CannotRead)?;
    let text = String::from_utf8(file).map_err(|_| Code::InvalidUtf8)?;
    Proof::parse(&text).map_err(|line| Failure { code: Code::MalformedProof, line: Some(line) })
}

/// The verdict in words.
pub fn to_text(proof: &Proof, verdict: Verdict) -> String {
    let Proof { row, checkpoint, .. } = proof;
    let mut out = format!("row {} of chain {}\n  {}\n", row.seq, row.chain, row.line());
    let claimed = claimed(proof).join(", ");
    let said = match verdict {
        Verdict::Holds(time) => format!(
            "It is in the chain of {} rows that {claimed} signed on {}.\n\nholds, at the level `receipted`.",
            checkpoint.size,
            utc(time)
        ),
        Verdict::NotIncluded => format!(
            "It is NOT in the tree of {} rows with the root {}: row, place, path or root is not what it was.\n\nnot_included.",
            checkpoint.size,
            checkpoint.root.hex()
        ),
        Verdict::Forged => {
            "It is in the tree, but its checkpoint is NOT signed by the key that it names.\n\nforged.".into()
        }
        Verdict::Unchecked => format!(
            "It is in the tree of {} rows with the root {}. That the collector signed this root was NOT checked: the\n\
             signature claims to be by {claimed}. Give its public key with --key, from a source you trust.\n\nunchecked.",
            checkpoint.size,
            checkpoint.root.hex()
        ),
    };
    let _ = writeln!(out, "{said}"); // writing to a String can't fail
    out
}
