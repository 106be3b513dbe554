//! Keys that sign a note as it is, without a time: those of devices, of the collector's log, and of the logs that a witness
//! knows. C2SP's signed-note calls them type 0x01 (Ed25519) and type 0x02 (ECDSA over P-256).
//!
//! A cosignature, which has a time, is [`nymtrail::core::note::Vkey`]'s.

use crate::error::Code;
use crate::keys::{beside, open_secret, read_secret, verify_ed25519};
use base64::{Engine, engine::general_purpose::STANDARD};
use nymtrail::core::hex;
use nymtrail::core::note::{Note, Signature, Signed};
use nymtrail::core::row::Row;
use p256::ecdsa::signature::Verifier;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::Path;

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
        #[derive(Deserialize)]
        struct Opening {
            alg: String,
            pk: String,
        }
        let is_genesis = row.seq == 0 && row.link == row.chain && row.links_to(None);
        let Opening { alg, pk } = serde_json::from_str(row.body.as_deref().filter(|_| is_genesis)?).ok()?;
        let key = match alg.as_str() {
            "Ed25519" => Public::Ed25519(hex::decode(&pk)?),
            "ES256" => Public::Es256(hex::decode(&pk)?),
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
    pub fn judge(&self, note: &Note) -> Signed {
        let mut signed = Signed::ByAnother;
        for line in self.lines(note) {
            if !self.verifies(note.text.as_bytes(), &line.bytes) {
                return Signed::Badly;
            }
            signed = Signed::At(0);
        }
        signed
    }

    /// The signature lines of the note that name this key.
    pub fn lines<'a>(&self, note: &'a Note) -> impl Iterator<Item = &'a Signature> + use<'a> {
        let (name, id) = (self.name.clone(), self.id());
        note.signatures.iter().filter(move |line| line.name == name && line.id == id)
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.key {
            Public::Ed25519(key) => signature.try_into().is_ok_and(|signature| verify_ed25519(key, message, signature)),
            Public::Es256(point) => {
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point);
                let signature = p256::ecdsa::Signature::from_der(signature);
                matches!((key, signature), (Ok(key), Ok(signature)) if key.verify(message, &signature).is_ok())
            }
        }
    }
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

/// A secret Ed25519 key that signs notes as they are: that of the collector's log.
pub struct NoteSigner {
    secret: ed25519_dalek::SigningKey,
    key: NoteKey,
}

impl NoteSigner {
    /// The key of the log of the store in the file `db`; made if there is none. `true` if it was made now.
    ///
    /// # Errors
    /// `key_file`, `unavailable`.
    pub fn open(db: &Path, deployment: &str) -> Result<(Self, bool), Code> {
        let name = log_origin(deployment);
        let (secret, made) = open_secret(&beside(db, ".log.key"), &name, ED25519)?;
        Ok((Self::new(&name, &secret), made))
    }

    /// The same, if there is one.
    ///
    /// # Errors
    /// `key_file`.
    pub fn read(db: &Path, deployment: &str) -> Result<Option<Self>, Code> {
        let name = log_origin(deployment);
        Ok(read_secret(&beside(db, ".log.key"), &name, ED25519)?.map(|secret| Self::new(&name, &secret)))
    }

    /// The signer with this secret key.
    pub fn new(name: &str, secret: &[u8; 32]) -> Self {
        let secret = ed25519_dalek::SigningKey::from_bytes(secret);
        let key = NoteKey::ed25519(name, secret.verifying_key().to_bytes());
        Self { secret, key }
    }

    /// The public key.
    pub fn key(&self) -> &NoteKey {
        &self.key
    }

    /// The note with this key's signature.
    pub fn sign(&self, text: String) -> Note {
        use ed25519_dalek::Signer;
        let bytes = self.secret.sign(text.as_bytes()).to_bytes().to_vec();
        let line = Signature { name: self.key.name.clone(), id: self.key.id(), bytes };
        Note { text, signatures: vec![line] }
    }
}

/// The origin of the log's checkpoints, and the name of its key.
pub fn log_origin(deployment: &str) -> String {
    format!("{deployment}/log")
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
