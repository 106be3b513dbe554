//! The collector's own key: it signs receipts. It is made at the first start and lies in a file beside the store, because
//! whoever can write to the store must not be able to sign for the collector.
//!
//! The file holds one line, `PRIVATE+KEY+<name>+<id>+<base64>`, the form that Go's `note` package gave such keys.

use crate::error::Code;
use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use nymtrail::core::hex;
use nymtrail::core::note::{Checkpoint, Note, Signed, Vkey};
use std::fmt;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const PRIVATE: &str = "PRIVATE+KEY+";
/// Cosignatures, as in a vkey.
const KIND: u8 = 4;

/// The key that receipts are signed with.
pub struct Signer {
    key: SigningKey,
    vkey: Vkey,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.vkey)
    }
}

impl Signer {
    /// The signer with this secret key.
    pub fn new(deployment: &str, secret: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(secret);
        let vkey = Vkey { name: format!("{deployment}/collector"), key: key.verifying_key().to_bytes() };
        Self { key, vkey }
    }

    /// The key of the store in the file `db`; made if there is none. `true` if it was made now.
    ///
    /// # Errors
    /// `key_file`, also for a key of another deployment; `unavailable` if there is no randomness.
    pub fn open(db: &Path, deployment: &str) -> Result<(Self, bool), Code> {
        if let Some(signer) = Self::read(db, deployment)? {
            return Ok((signer, false));
        }
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *secret).map_err(|_| Code::Unavailable)?;
        let signer = Self::new(deployment, &secret);
        let made = create(&file_of(db), signer.line(&secret).as_bytes());
        match made {
            Ok(()) => Ok((signer, true)),
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Ok((Self::read(db, deployment)?.ok_or(Code::KeyFile)?, false))
            }
            Err(_) => Err(Code::KeyFile),
        }
    }

    /// The key of the store in the file `db`, if it has one.
    ///
    /// # Errors
    /// `key_file`.
    pub fn read(db: &Path, deployment: &str) -> Result<Option<Self>, Code> {
        let text = match std::fs::read_to_string(file_of(db)) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(_) => return Err(Code::KeyFile),
        };
        let read = || {
            // From the front, since `+` is a digit of base64 too.
            let rest = text.trim_end().strip_prefix(PRIVATE)?;
            let (_, rest) = rest.split_once('+')?;
            let (_, key) = rest.split_once('+')?;
            let bytes = Zeroizing::new(STANDARD.decode(key).ok()?);
            let secret: &[u8; 32] = bytes.strip_prefix(&[KIND])?.try_into().ok()?;
            let signer = Self::new(deployment, secret);
            (*signer.line(secret) == text.trim_end()).then_some(signer)
        };
        read().map(Some).ok_or(Code::KeyFile)
    }

    fn line(&self, secret: &[u8; 32]) -> Zeroizing<String> {
        let bytes = Zeroizing::new([&[KIND], &secret[..]].concat());
        let key = Zeroizing::new(STANDARD.encode(&*bytes));
        Zeroizing::new(format!("{PRIVATE}{}+{}+{}", self.vkey.name, hex::encode(&self.vkey.id()), *key))
    }

    /// The public key.
    pub fn vkey(&self) -> &Vkey {
        &self.vkey
    }

    /// The receipt for a checkpoint: a note that says that it was seen at `time`, in seconds since 1970.
    pub fn sign(&self, checkpoint: &Checkpoint, time: u64) -> Note {
        self.vkey.cosign(checkpoint.text(), time, |message| self.key.sign(message).to_bytes())
    }

    /// Whether this very key signed the note.
    pub fn signed(&self, note: &str) -> bool {
        Note::parse(note).is_some_and(|note| matches!(judge(&note, std::slice::from_ref(&self.vkey)), Signed::At(_)))
    }
}

/// What these keys say about a note. One bad signature of any of them spoils it.
pub fn judge(note: &Note, keys: &[Vkey]) -> Signed {
    let mut signed = Signed::ByAnother;
    for key in keys {
        match key.judge(note, verify) {
            Signed::Badly => return Signed::Badly,
            Signed::At(time) => signed = Signed::At(time),
            Signed::ByAnother => {}
        }
    }
    signed
}

/// Strictly: a key of small order, for which signatures hold for more than one message, is none.
fn verify(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let key = VerifyingKey::from_bytes(key);
    key.is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
}

/// As much of a file is read for keys: 1 MiB. A key takes a line.
const MAX_FILE: u64 = 1 << 20;

/// The public keys that a value of `--key` means: the vkey itself, or those in a file, one a line, `#` before remarks.
///
/// # Errors
/// `malformed_key`.
pub fn read_vkeys(value: &str) -> Result<Vec<Vkey>, Code> {
    if let Some(vkey) = Vkey::parse(value.trim()) {
        return Ok(vec![vkey]);
    }
    let file = std::fs::File::open(value).map_err(|_| Code::MalformedKey)?;
    let mut text = String::new();
    file.take(MAX_FILE).read_to_string(&mut text).map_err(|_| Code::MalformedKey)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys: Option<Vec<_>> = lines.map(Vkey::parse).collect();
    keys.filter(|keys| !keys.is_empty()).ok_or(Code::MalformedKey)
}

/// The file that belongs to the store in `db`.
fn file_of(db: &Path) -> PathBuf {
    let mut name = db.as_os_str().to_owned();
    name.push(".key");
    name.into()
}

fn create(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.write(true).create_new(true).open(path)?;
    file.write_all(text)?;
    file.write_all(b"\n")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nymtrail::core::chain::Hash;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let db = dir.path().join("a.db");
        assert!(Signer::read(&db, "shop").unwrap().is_none());
        let (first, made) = Signer::open(&db, "shop").unwrap();
        assert!(made);
        let (again, made) = Signer::open(&db, "shop").unwrap();
        assert!(!made && first.vkey == again.vkey && first.vkey.name == "shop/collector");
        let other = Signer::open(&dir.path().join("b.db"), "shop").unwrap().0;
        assert_ne!(first.vkey, other.vkey);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(dir.path().join("a.db.key")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let secret = std::fs::read_to_string(dir.path().join("a.db.key")).unwrap();
        let shown = format!("{first:?}");
        assert!(
            shown.contains(&first.vkey.to_string()) && !shown.contains(secret.trim_end().rsplit('+').next().unwrap())
        );
    }

    #[test]
    fn every_key_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..64 {
            let db = dir.path().join(format!("{n}.db"));
            let made = Signer::new("shop", &[n * 4 + 3; 32]);
            create(&file_of(&db), made.line(&[n * 4 + 3; 32]).as_bytes()).unwrap();
            assert_eq!(Signer::read(&db, "shop").unwrap().unwrap().vkey, made.vkey);
        }
    }

    #[test]
    fn a_damaged_key_or_one_of_another_deployment_is_no_key() {
        let dir = tempfile::tempdir().unwrap();
        let (db, file) = (dir.path().join("a.db"), dir.path().join("a.db.key"));
        Signer::open(&db, "shop").unwrap();
        assert_eq!(Signer::open(&db, "blog").err(), Some(Code::KeyFile));
        let text = std::fs::read_to_string(&file).unwrap();
        for damaged in
            ["", "\n", "nothing", &text[..text.len() - 9], &text.replace("PRIVATE", "PUBLIC"), &text.repeat(2)]
        {
            std::fs::write(&file, damaged).unwrap();
            assert_eq!(Signer::open(&db, "shop").err(), Some(Code::KeyFile), "{damaged}");
        }
        std::fs::write(&file, b"\xff").unwrap();
        assert_eq!(Signer::open(&db, "shop").err(), Some(Code::KeyFile));
    }

    #[test]
    fn a_note_is_signed_for_one_text_time_and_key() {
        let signer = Signer::new("shop", &[5; 32]);
        let note = signer.sign(&Checkpoint { origin: "shop/a".into(), size: 2, root: Hash([1; 32]) }, 77);
        let keys = [Signer::new("shop", &[6; 32]).vkey, signer.vkey.clone()];
        assert_eq!((judge(&note, &keys), judge(&note, &keys[..1])), (Signed::At(77), Signed::ByAnother));
        assert!(signer.signed(&note.to_string()));
        let mut other = note.clone();
        other.text = other.text.replacen('2', "3", 1);
        assert_eq!(judge(&other, &keys), Signed::Badly);
        for byte in 0..72 {
            let mut other = note.clone();
            other.signatures[0].bytes[byte] ^= 1;
            assert_eq!(judge(&other, &keys), Signed::Badly, "{byte}");
        }
    }

    #[test]
    fn a_key_of_small_order_signs_nothing() {
        let mut weak = [0; 32];
        weak[0] = 1; // the neutral element: the signature (R = it, s = 0) would hold for every message
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(!verify(&weak, b"anything", &signature));
    }

    #[test]
    fn vkeys_come_by_themselves_or_in_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (Signer::new("shop", &[5; 32]).vkey, Signer::new("blog", &[6; 32]).vkey);
        assert_eq!(read_vkeys(&one.to_string()), Ok(vec![one.clone()]));
        let file = dir.path().join("keys");
        std::fs::write(&file, format!("# of the shop\n{one}\n\n  {other}\r\n")).unwrap();
        assert_eq!(read_vkeys(file.to_str().unwrap()), Ok(vec![one.clone(), other]));
        for text in ["", "# nothing\n", "shop+1+2\n"] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(read_vkeys(file.to_str().unwrap()), Err(Code::MalformedKey));
        }
        assert_eq!(read_vkeys("nowhere"), Err(Code::MalformedKey));
        assert_eq!(read_vkeys(&one.to_string().replace("shop", "blog")), Err(Code::MalformedKey));
    }
}
