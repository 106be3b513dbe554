//! Proofs that a row is in a chain that the collector signed, and the signatures of notes.

use crate::report::number;
use ed25519_dalek::{Signature, VerifyingKey};
use nymtrail::core::hex;
use nymtrail::core::json::{self, Object};
use nymtrail::core::note::{Note, Signed, Vkey};
use nymtrail::core::proof::Proof;

/// What these keys say about a note. One bad signature of any of them spoils it.
pub fn judge(note: &Note, keys: &[Vkey]) -> Signed {
    let mut signed = Signed::ByAnother;
    for key in keys {
        match key.judge(note, verify_ed25519) {
            Signed::Badly => return Signed::Badly,
            Signed::At(time) => signed = Signed::At(time),
            Signed::ByAnother => {}
        }
    }
    signed
}

/// Whether an Ed25519 signature is good. Strictly: a key of small order, for which signatures hold for more than one message,
/// is none.
pub fn verify_ed25519(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let key = VerifyingKey::from_bytes(key);
    key.is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
}

/// What a proof is found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The row is in a chain that one of the keys signed, at this time in seconds since 1970.
    Holds(u64),
    /// The row is not in the tree that the checkpoint is of.
    NotIncluded,
    /// The checkpoint is not signed by the key that it names.
    Forged,
    /// The row is in the tree, but whether anybody signed that was not checked: no key was given, or another one.
    Unchecked,
}

impl Verdict {
    /// The stable word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Holds(_) => "holds",
            Self::NotIncluded => "not_included",
            Self::Forged => "forged",
            Self::Unchecked => "unchecked",
        }
    }

    /// The level of assurance that was reached.
    pub const fn level(self) -> &'static str {
        if matches!(self, Self::Holds(_)) { "receipted" } else { "chained" }
    }
}

/// Checks a proof with these keys: row, link, path, root, signature.
pub fn check(proof: &Proof, keys: &[Vkey]) -> Verdict {
    match (proof.is_included(), judge(&proof.note, keys)) {
        (false, _) => Verdict::NotIncluded,
        (true, Signed::Badly) => Verdict::Forged,
        (true, Signed::ByAnother) => Verdict::Unchecked,
        (true, Signed::At(time)) => Verdict::Holds(time),
    }
}

/// The verdict as JSON.
pub fn to_json(proof: &Proof, verdict: Verdict) -> String {
    let mut claimed_by = String::new();
    for key in claimed(proof) {
        claimed_by.push(if claimed_by.is_empty() { '[' } else { ',' });
        json::write_text(&key, &mut claimed_by);
    }
    claimed_by.push_str(if claimed_by.is_empty() { "[]" } else { "]" });
    let mut out = Object::default();
    out.text("chain", &proof.row.chain).raw("claimed", &claimed_by).text("level", verdict.level());
    out.text("origin", &proof.checkpoint.origin).raw("row", &proof.row.line()).number("seq", proof.row.seq);
    number(&mut out, "signed_at", if let Verdict::Holds(time) = verdict { Some(time) } else { None });
    out.number("size", proof.checkpoint.size).text("verdict", verdict.as_str()).finish()
}

/// The keys that the checkpoint says it is signed by, as name and id: the beginning of the vkey.
pub fn claimed(proof: &Proof) -> Vec<String> {
    proof.note.signatures.iter().map(|line| [&line.name, "+", &hex::encode(&line.id)].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_small_order_signs_nothing() {
        let mut weak = [0; 32];
        weak[0] = 1; // the neutral element: the signature (R = it, s = 0) would hold for every message
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(!verify_ed25519(&weak, b"anything", &signature));
    }
}
