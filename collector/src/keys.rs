//! The collector's own key: it signs receipts. It is made at the first start and lies in a file beside the store, because
//! whoever can write to the store must not be able to sign for the collector.
//!
//! The file holds one line, `PRIVATE+KEY+<name>+<id>+<base64>`, the form that Go's `note` package gave such keys.

use crate::error::Code;
use crate::signing::NoteKey;
use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer as _, SigningKey};
use nymtrail::core::hex;
use nymtrail::core::note::{self, Checkpoint, Note, Signed, Vkey};
pub use nymtrail_verify::proof::{judge, verify_ed25519};
use std::fmt;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const PRIVATE: &str = "PRIVATE+KEY+";
/// Cosignatures, as in a vkey.
const COSIGNATURE: u8 = 4;

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
    /// The collector's signer with this secret key.
    pub fn new(deployment: &str, secret: &[u8; 32]) -> Self {
        Self::named(&format!("{deployment}/collector"), secret)
    }

    /// The signer with this secret key, under any name.
    pub fn named(name: &str, secret: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(secret);
        let vkey = Vkey { name: name.into(), key: key.verifying_key().to_bytes() };
        Self { key, vkey }
    }

    /// The key of the store in the file `db`; made if there is none. `true` if it was made now.
    ///
    /// # Errors
    /// `key_file`, also for a key of another deployment; `unavailable` if there is no randomness.
    pub fn open(db: &Path, deployment: &str) -> Result<(Self, bool), Code> {
        Self::open_file(&beside(db, ".key"), &format!("{deployment}/collector"))
    }

    /// The key in this very file, under this name; made if there is none. `true` if it was made now.
    ///
    /// # Errors
    /// As [`Signer::open`].
    pub fn open_file(path: &Path, name: &str) -> Result<(Self, bool), Code> {
        let (secret, made) = open_secret(path, name, COSIGNATURE)?;
        Ok((Self::named(name, &secret), made))
    }

    /// The key of the store in the file `db`, if it has one.
    ///
    /// # Errors
    /// `key_file`.
    pub fn read(db: &Path, deployment: &str) -> Result<Option<Self>, Code> {
        let name = format!("{deployment}/collector");
        let secret = read_secret(&beside(db, ".key"), &name, COSIGNATURE)?;
        Ok(secret.map(|secret| Self::named(&name, &secret)))
    }

    /// The public key.
    pub fn vkey(&self) -> &Vkey {
        &self.vkey
    }

    /// The receipt for a checkpoint: a note that says that it was seen at `time`, in seconds since 1970.
    pub fn sign(&self, checkpoint: &Checkpoint, time: u64) -> Note {
        self.vkey.cosign(checkpoint.text(), time, |message| self.key.sign(message).to_bytes())
    }

    /// The line that signs the checkpoint of a chain of the collector's own, as a log signs: it is the writer of these rows, not
    /// only their receiver. No such text can be taken for a cosignature's, whose second line is a time.
    pub fn sign_own(&self, checkpoint: &Checkpoint) -> note::Signature {
        let name = checkpoint.origin.clone();
        let bytes = self.key.sign(checkpoint.text().as_bytes()).to_bytes().into();
        note::Signature { id: NoteKey::ed25519(&name, self.vkey.key).id(), name, bytes }
    }

    /// Whether this very key signed the note.
    pub fn signed(&self, note: &str) -> bool {
        Note::parse(note).is_some_and(|note| matches!(judge(&note, std::slice::from_ref(&self.vkey)), Signed::At(_)))
    }
}

/// As much of a file is read for keys: 1 MiB. A key takes a line.
const MAX_FILE: u64 = 1 << 20;

/// The public keys that a value of `--key` means: the vkey itself, or those in a file, one a line, `#` before remarks. Keys of
/// logs, which `keys show` prints beside the others, are left to [`read_log_keys`].
///
/// # Errors
/// `malformed_key`.
pub fn read_vkeys(value: &str) -> Result<Vec<Vkey>, Code> {
    read_keys(value).map(|(cosigners, _)| cosigners)
}

/// The public keys of logs that a value of `--key` means.
///
/// # Errors
/// `malformed_key`.
pub fn read_log_keys(value: &str) -> Result<Vec<NoteKey>, Code> {
    read_keys(value).map(|(_, logs)| logs)
}

fn read_keys(value: &str) -> Result<(Vec<Vkey>, Vec<NoteKey>), Code> {
    let is_key = |line: &str| Vkey::parse(line).is_some() || NoteKey::parse(line).is_some();
    let text = match value.trim() {
        key if is_key(key) => key.to_owned(),
        _ => {
            let (file, mut text) = (std::fs::File::open(value).map_err(|_| Code::MalformedKey)?, String::new());
            file.take(MAX_FILE).read_to_string(&mut text).map_err(|_| Code::MalformedKey)?;
            text
        }
    };
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    if lines.is_empty() || !lines.iter().all(|line| is_key(line)) {
        return Err(Code::MalformedKey);
    }
    let of_log = |line: &&str| NoteKey::parse(line);
    Ok((lines.iter().filter_map(|line| Vkey::parse(line)).collect(), lines.iter().filter_map(of_log).collect()))
}

/// The secret key in a file, under this name and of this signature type; made if there is none. `true` if it was made now.
///
/// # Errors
/// `key_file`, also for a key of another name or type; `unavailable` if there is no randomness.
pub(crate) fn open_secret(path: &Path, name: &str, kind: u8) -> Result<(Zeroizing<[u8; 32]>, bool), Code> {
    if let Some(secret) = read_secret(path, name, kind)? {
        return Ok((secret, false));
    }
    let mut secret = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *secret).map_err(|_| Code::Unavailable)?;
    match create(path, line(name, kind, &secret).as_bytes()) {
        Ok(()) => Ok((secret, true)),
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Ok((read_secret(path, name, kind)?.ok_or(Code::KeyFile)?, false))
        }
        Err(_) => Err(Code::KeyFile),
    }
}

/// The secret key in a file, if there is one.
///
/// # Errors
/// `key_file`.
pub(crate) fn read_secret(path: &Path, name: &str, kind: u8) -> Result<Option<Zeroizing<[u8; 32]>>, Code> {
    let text = match std::fs::read_to_string(path) {
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
        let secret: Zeroizing<[u8; 32]> = Zeroizing::new(bytes.strip_prefix(&[kind])?.try_into().ok()?);
        (*line(name, kind, &secret) == text.trim_end()).then_some(secret)
    };
    read().map(Some).ok_or(Code::KeyFile)
}

fn line(name: &str, kind: u8, secret: &[u8; 32]) -> Zeroizing<String> {
    let key = SigningKey::from_bytes(secret).verifying_key().to_bytes();
    let id = match kind {
        COSIGNATURE => Vkey { name: name.into(), key }.id(),
        _ => NoteKey::ed25519(name, key).id(),
    };
    let bytes = Zeroizing::new([&[kind], &secret[..]].concat());
    let key = Zeroizing::new(STANDARD.encode(&*bytes));
    Zeroizing::new(format!("{PRIVATE}{name}+{}+{}", hex::encode(&id), *key))
}

/// The file that belongs to the store in `db`.
pub(crate) fn beside(db: &Path, suffix: &str) -> PathBuf {
    let mut name = db.as_os_str().to_owned();
    name.push(suffix);
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
            shown.contains(&first.vkey.to_string())
                && !shown.contains(secret.trim_end().splitn(5, '+').nth(4).unwrap())
        );
    }

    #[test]
    fn every_key_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..64 {
            let db = dir.path().join(format!("{n}.db"));
            let made = Signer::new("shop", &[n * 4 + 3; 32]);
            create(&beside(&db, ".key"), line(&made.vkey.name, COSIGNATURE, &[n * 4 + 3; 32]).as_bytes()).unwrap();
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
