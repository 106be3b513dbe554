//! Devices that sign their chains' checkpoints.

use super::world::checkpoint;
use ed25519_dalek::{Signer as _, SigningKey};
use nymtrail::core::hex;
use nymtrail::core::note::{Checkpoint, Note, Signature};
use nymtrail::core::row::Row;
use p256::ecdsa;
use sha2::{Digest, Sha256};

/// A device: its key.
pub enum Device {
    Ed25519(Box<SigningKey>),
    Es256(Box<ecdsa::SigningKey>),
}

/// What stands before a point of P-256 in its SubjectPublicKeyInfo: RFC 5480.
const SPKI: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";

impl Device {
    pub fn ed25519(seed: u8) -> Self {
        Self::Ed25519(Box::new(SigningKey::from_bytes(&[seed; 32])))
    }

    pub fn es256(seed: u8) -> Self {
        Self::Es256(Box::new(ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap()))
    }

    /// The name of its algorithm and its public key.
    fn public(&self) -> (&'static str, Vec<u8>) {
        match self {
            Self::Ed25519(key) => ("Ed25519", key.verifying_key().to_bytes().into()),
            Self::Es256(key) => ("ES256", key.verifying_key().to_sec1_point(false).as_bytes().into()),
        }
    }

    /// The body of a chain's first row.
    pub fn opening(&self) -> String {
        let (alg, key) = self.public();
        let pk: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        format!(r#"{{"alg":"{alg}","dep":"shop","ep":20717,"pk":"{pk}","v":1,"x":"open"}}"#)
    }

    /// The id that its signatures of this name begin with, as C2SP has it.
    fn id(&self, name: &str) -> [u8; 4] {
        let (_, key) = self.public();
        let hash = match self {
            Self::Ed25519(_) => Sha256::new_with_prefix(name).chain_update(b"\n\x01").chain_update(key),
            Self::Es256(_) => Sha256::new_with_prefix(hex::decode::<26>(SPKI).unwrap()).chain_update(key),
        };
        hash.finalize()[..4].try_into().unwrap()
    }

    /// The note that says how many rows there are, signed.
    pub fn sign(&self, rows: &[Row], size: usize) -> String {
        self.sign_checkpoint(&checkpoint(rows, size)).to_string()
    }

    pub fn sign_checkpoint(&self, checkpoint: &Checkpoint) -> Note {
        let (name, text) = (checkpoint.origin.clone(), checkpoint.text());
        let bytes = match self {
            Self::Ed25519(key) => key.sign(text.as_bytes()).to_bytes().into(),
            Self::Es256(key) => {
                let signature: ecdsa::Signature = key.sign(text.as_bytes());
                signature.to_der().as_bytes().into()
            }
        };
        Note { signatures: vec![Signature { id: self.id(&name), name, bytes }], text }
    }

    /// The note with each line made out to be of its origin and this device, whoever signed it.
    pub fn claim(&self, mut note: Note) -> Note {
        let origin = Checkpoint::parse(&note.text).unwrap().origin;
        for line in &mut note.signatures {
            (line.id, line.name) = (self.id(&origin), origin.clone());
        }
        note
    }
}
