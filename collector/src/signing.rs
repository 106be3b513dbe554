//! Keys that sign a note as it is, without a time: those of devices, of the collector's log, and of the logs that a witness
//! knows.

use crate::error::Code;
use crate::keys::{beside, open_secret, read_secret};
use nymtrail::core::note::{Note, Signature};
pub use nymtrail_verify::signing::{ED25519, NoteKey};
use std::path::Path;

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
