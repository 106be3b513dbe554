//! Keys that sign a note as it is, without a time: those of devices, of the collector's log, and of the logs that a witness
//! knows. C2SP's signed-note calls them type 0x01 (Ed25519) and type 0x02 (ECDSA over P-256).
//!
//! A cosignature, which has a time, is [`nymtrail::core::note::Vkey`]'s.

use crate::proof::verify_ed25519;
use base64::{Engine, engine::general_purpose::STANDARD};
use nymtrail::core::hex;
use nymtrail::core::json::{self, Value};
use nymtrail::core::note::{Note, Signature, Signed};
use nymtrail::core::row::Row;
use sha2::{Digest, Sha256};
use std::fmt;

/// The signature type of Ed25519 over the note's text.
pub const ED25519: u8 = 1;
/// What stands before a point of P-256 in its SubjectPublicKeyInfo.
const SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A public key and the name it signs under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteKey {
    /// The name; for a device and for a log this is the origin of its checkpoints.
    pub name: String,
    key: Public,
}

/// An ECDSA signature over P-256 and SHA-256 that somebody has to check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The public key, an uncompressed point.
    pub key: [u8; 65],
    /// What is signed.
    pub message: String,
    /// The signature in DER.
    pub signature: Vec<u8>,
}

impl Ask {
    /// Whether the signature is good.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn is_good(&self) -> bool {
        use p256::ecdsa::{Signature, VerifyingKey, signature::Verifier};
        let key = VerifyingKey::from_sec1_bytes(&self.key);
        let signature = Signature::from_der(&self.signature);
        matches!((key, signature), (Ok(key), Ok(signature)) if key.verify(self.message.as_bytes(), &signature).is_ok())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Public {
    Ed25519([u8; 32]),
    /// An uncompressed point.
    Es256([u8; 65]),
}

impl NoteKey {
    /// An Ed25519 key.
    pub fn ed25519(name: &str, key: [u8; 32]) -> Self {
        Self { name: name.into(), key: Public::Ed25519(key) }
    }

    /// The key that a chain's first row names, for the checkpoints of `origin`. `None` if the row names none, or is not the
    /// row that the chain's id is the link of: only that one can speak for the chain.
    pub fn of_genesis(origin: &str, row: &Row) -> Option<Self> {
        let is_genesis = row.seq == 0 && row.link == row.chain && row.links_to(None);
        let body = json::parse(row.body.as_deref().filter(|_| is_genesis)?)?;
        let (alg, pk) = (only_text(&body, "alg")?, only_text(&body, "pk")?);
        let key = match alg {
            "Ed25519" => Public::Ed25519(hex::decode(pk)?),
            "ES256" => Public::Es256(hex::decode(pk)?),
            _ => return None,
        };
        Some(Self { name: origin.into(), key })
    }

    /// Reads a vkey of the type 0x01, as logs have them. `None` if it is none or has not the id that follows from name and key.
    pub fn parse(vkey: &str) -> Option<Self> {
        let (name, rest) = vkey.split_once('+')?;
        let (id, key) = rest.split_once('+')?;
        let bytes = STANDARD.decode(key).ok()?;
        let (&ED25519, key) = bytes.split_first()? else { return None };
        let key = Self::ed25519(name, key.try_into().ok()?);
        let is_name = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control());
        (is_name && hex::encode(&key.id()) == id).then_some(key)
    }

    /// The id that a signature line begins with.
    pub fn id(&self) -> [u8; 4] {
        let hash: [u8; 32] = match &self.key {
            Public::Ed25519(key) => {
                Sha256::new_with_prefix(&self.name).chain_update([b'\n', ED25519]).chain_update(key)
            }
            Public::Es256(point) => Sha256::new_with_prefix(SPKI).chain_update(point),
        }
        .finalize()
        .into();
        let [a, b, c, d, ..] = hash;
        [a, b, c, d]
    }

    /// What this key says about the note. Such a signature has no time: a good one is `At(0)`.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn judge(&self, note: &Note) -> Signed {
        match self.judge_or_ask(note) {
            Ok(signed) => signed,
            Err(asks) if asks.iter().all(Ask::is_good) => Signed::At(0),
            Err(_) => Signed::Badly,
        }
    }

    /// The same without P-256, whose code is half as large as the whole verifier, and which every browser has: of such a key's
    /// signatures each is to be checked by somebody else. It is good if all are, and else bad.
    ///
    /// # Errors
    /// The signatures to check.
    pub fn judge_or_ask(&self, note: &Note) -> Result<Signed, Vec<Ask>> {
        let mut lines = self.lines(note).peekable();
        if lines.peek().is_none() {
            return Ok(Signed::ByAnother);
        }
        match &self.key {
            Public::Ed25519(key) => {
                let is_good = |line: &Signature| {
                    let signature = line.bytes.as_slice().try_into();
                    signature.is_ok_and(|signature| verify_ed25519(key, note.text.as_bytes(), signature))
                };
                Ok(if lines.all(is_good) { Signed::At(0) } else { Signed::Badly })
            }
            Public::Es256(key) => Err(lines
                .map(|line| Ask { key: *key, message: note.text.clone(), signature: line.bytes.clone() })
                .collect()),
        }
    }

    /// The signature lines of the note that name this key.
    pub fn lines<'a>(&self, note: &'a Note) -> impl Iterator<Item = &'a Signature> + use<'a> {
        let (name, id) = (self.name.clone(), self.id());
        note.signatures.iter().filter(move |line| line.name == name && line.id == id)
    }
}

/// The text of a member that is there once: of two, readers of JSON differ in which counts.
fn only_text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    let is_once = body.entries().iter().filter(|(key, _)| key == name).count() == 1;
    body.get(name).filter(|_| is_once)?.as_text()
}

/// As a vkey. There is no such form for P-256 keys; theirs is shown in the same way with the type 0x02.
impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = match &self.key {
            Public::Ed25519(key) => [&[ED25519], &key[..]].concat(),
            Public::Es256(point) => [&[2], &SPKI[..], point].concat(),
        };
        write!(f, "{}+{}+{}", self.name, hex::encode(&self.id()), STANDARD.encode(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vkey_reads_back_and_another_one_is_refused() {
        let text = NoteKey::ed25519("shop/log", [7; 32]).to_string();
        assert_eq!(NoteKey::parse(&text).unwrap().to_string(), text);
        for wrong in ["", "shop/log", &text.replace("shop", "blog"), &text.replace("+AQ", "+BA"), &format!("{text} ")] {
            assert_eq!(NoteKey::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_the_row_that_the_chain_is_named_after_names_its_key() {
        use nymtrail::core::chain::{Head, NO_HEAD};
        let genesis = |body: &str| Head::open(body.into(), "0f".repeat(16), &"11".repeat(32), NO_HEAD, 5).1;
        let body = format!(r#"{{"alg":"Ed25519","pk":"{}","v":1}}"#, "07".repeat(32));
        let row = genesis(&body);
        assert_eq!(NoteKey::of_genesis("a/b", &row), Some(NoteKey::ed25519("a/b", [7; 32])));
        let other = Row { body: Some(body.replace("07", "08")), ..row.clone() };
        assert_eq!(NoteKey::of_genesis("a/b", &other), None, "another key was put in");
        assert_eq!(NoteKey::of_genesis("a/b", &row.erased()), None);
        for body in ["{}", r#"{"alg":"ES256","pk":"00"}"#, r#"{"alg":"RS256","pk":"00"}"#, r#"{"alg":"Ed25519"}"#] {
            assert_eq!(NoteKey::of_genesis("a/b", &genesis(body)), None, "{body}");
        }
    }
}
