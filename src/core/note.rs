//! Checkpoints and the notes they are signed in, as C2SP has them: signed-note, tlog-checkpoint and, of
//! tlog-cosignature, cosignature/v1.
//!
//! ```text
//! shop/0d0624f632ca…                          origin: the deployment, `/`, the chain
//! 1042                                        size: how many rows the chain had
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I= root: of the tree over these rows
//!
//! — shop/collector jWbPPwAAAABkGFDLEZMHwSRa…  who says so, base64 of: id of the key, time, Ed25519 signature
//! ```
//! Whether an Ed25519 signature is good is asked of the caller: a browser and a server have their own ways to find out.

use super::row::MAX_INTEGER;
use super::{chain::Hash, decimal, hex};
use alloc::{string::String, vec::Vec};
use base64::{Engine, engine::general_purpose::STANDARD};
use core::fmt;

/// The signature type of a timestamped Ed25519 cosignature.
const COSIGNATURE: u8 = 4;
const DASH: &str = "\u{2014} ";
/// As many signatures a note may have. C2SP asks to accept at least 16.
const MAX_SIGNATURES: usize = 64;

/// How long a chain was, and the root of the tree over its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose tree it is: `<deployment>/<chain>`.
    pub origin: String,
    /// The number of rows.
    pub size: u64,
    /// The root over their links.
    pub root: Hash,
}

impl Checkpoint {
    /// As the text of a note.
    ///
    /// ```
    /// # use nymtrail::core::{chain::Hash, note::Checkpoint};
    /// let checkpoint = Checkpoint { origin: "shop/0d06".into(), size: 3, root: Hash([0; 32]) };
    /// assert_eq!(checkpoint.text(), "shop/0d06\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
    /// ```
    pub fn text(&self) -> String {
        [&self.origin, decimal(self.size).as_str(), &encode(&self.root.0), ""].join("\n")
    }

    /// Reads a note's text. `None` for anything but the three lines: what other lines mean nobody here knows.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let size = read_number(size).filter(|size| *size <= MAX_INTEGER)?;
        (lines.next().is_none() && is_name(origin)).then_some(Self {
            origin: origin.into(),
            size,
            root: Hash(decode(root)?.try_into().ok()?),
        })
    }

    /// The deployment and the chain that the origin names; `None` if it is not of that form.
    pub fn deployment_and_chain(&self) -> Option<(&str, &str)> {
        self.origin.rsplit_once('/').filter(|(_, chain)| hex::is_hex(chain, 64))
    }
}

/// The origin of a chain's checkpoints.
pub fn origin(deployment: &str, chain: &str) -> String {
    [deployment, chain].join("/")
}

/// A text and who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The text, with the line end that it ends in.
    pub text: String,
    /// The signatures, checked or not.
    pub signatures: Vec<Signature>,
}

/// One signature line of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The name of the key.
    pub name: String,
    /// The id of the key.
    pub id: [u8; 4],
    /// The signature, in the form that the key's type has.
    pub bytes: Vec<u8>,
}

impl Note {
    /// Reads a note, and nothing before or after it.
    pub fn parse(note: &str) -> Option<Self> {
        let (text, lines) = note.split_at(note.rfind("\n\n")?.checked_add(1)?);
        let lines = lines.strip_prefix('\n')?.strip_suffix('\n')?;
        let clean = !note.chars().any(|c| c < ' ' && c != '\n');
        let signatures: Option<Vec<_>> = lines.split('\n').take(MAX_SIGNATURES + 1).map(Signature::parse).collect();
        let signatures = signatures.filter(|list| list.len() <= MAX_SIGNATURES && clean)?;
        Some(Self { text: text.into(), signatures })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        self.signatures.iter().try_for_each(|line| {
            let bytes = [&line.id[..], &line.bytes].concat();
            f.write_str("\n")?;
            f.write_str(&[DASH, &line.name, " ", &encode(&bytes)].concat())
        })?;
        f.write_str("\n")
    }
}

impl Signature {
    fn parse(line: &str) -> Option<Self> {
        let (name, bytes) = line.strip_prefix(DASH)?.split_once(' ')?;
        let bytes = decode(bytes)?;
        let (id, bytes) = bytes.split_first_chunk()?;
        is_name(name).then_some(Self { name: name.into(), id: *id, bytes: bytes.into() })
    }
}

/// A public key for cosignatures, which C2SP calls a vkey: `<name>+<id in hex>+<base64 of type and key>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vkey {
    /// The key's name.
    pub name: String,
    /// The Ed25519 public key.
    pub key: [u8; 32],
}

impl Vkey {
    /// Reads a vkey; `None` if it is none, is of another type, or has not the id that follows from name and key.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once('+')?;
        let (id, key) = rest.split_once('+')?;
        let bytes = decode(key)?;
        let (&COSIGNATURE, key) = bytes.split_first()? else { return None };
        let vkey = Self { name: name.into(), key: key.try_into().ok()? };
        (is_name(name) && hex::encode(&vkey.id()) == id).then_some(vkey)
    }

    /// The id: what a signature names its key by, beside the name.
    pub fn id(&self) -> [u8; 4] {
        use sha2::{Digest, Sha256};
        let hash: [u8; 32] = Sha256::new_with_prefix(&self.name)
            .chain_update([b'\n', COSIGNATURE])
            .chain_update(self.key)
            .finalize()
            .into();
        let [a, b, c, d, ..] = hash;
        [a, b, c, d]
    }

    /// Whether the note is signed by this key. `verify(key, message, signature)` says whether an Ed25519 signature is good.
    pub fn judge(&self, note: &Note, verify: impl Fn(&[u8; 32], &[u8], &[u8; 64]) -> bool) -> Signed {
        let id = self.id();
        let mut signed = Signed::ByAnother;
        for line in note.signatures.iter().filter(|line| line.name == self.name && line.id == id) {
            let good = line.bytes.split_first_chunk().and_then(|(time, signature)| {
                let time = u64::from_be_bytes(*time);
                let message = cosigned(time, &note.text);
                verify(&self.key, message.as_bytes(), signature.try_into().ok()?).then_some(time)
            });
            match good {
                // One bad signature of a known key spoils the note.
                None => return Signed::Badly,
                Some(time) => signed = Signed::At(time),
            }
        }
        signed
    }

    /// The note with this key's cosignature, which `sign` makes of a message. `time` is in seconds since 1970.
    pub fn cosign(&self, text: String, time: u64, sign: impl Fn(&[u8]) -> [u8; 64]) -> Note {
        let signature = sign(cosigned(time, &text).as_bytes());
        let bytes = [&time.to_be_bytes()[..], &signature].concat();
        Note { text, signatures: [Signature { name: self.name.clone(), id: self.id(), bytes }].into() }
    }
}

impl fmt::Display for Vkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[COSIGNATURE], &self.key[..]].concat();
        f.write_str(&[&self.name, hex::encode(&self.id()).as_str(), &encode(&key)].join("+"))
    }
}

/// What a key says about a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// It signed the note at this time, in seconds since 1970.
    At(u64),
    /// A signature that claims to be its is not.
    Badly,
    /// No signature claims to be its: nothing was checked.
    ByAnother,
}

/// What is signed in a cosignature/v1.
fn cosigned(time: u64, text: &str) -> String {
    ["cosignature/v1\ntime ", decimal(time).as_str(), "\n", text].concat()
}

/// A name as keys and origins have it.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c == '+' || c.is_whitespace() || c.is_control())
}

/// A number in decimal without zeros before it.
pub(crate) fn read_number(text: &str) -> Option<u64> {
    let number = text.parse().ok()?;
    (decimal(number).as_str() == text).then_some(number)
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads base64 with padding. There is one text for each value: leftover bits are refused.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    /// The example of tlog-cosignature.md: a note of a log, with a cosignature.
    const NOTE: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        \u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

    fn vkey() -> Vkey {
        Vkey { name: "shop/collector".into(), key: [7; 32] }
    }

    #[test]
    fn the_example_of_c2sp_reads_and_writes_back() {
        let note = Note::parse(NOTE).unwrap();
        assert_eq!(note.to_string(), NOTE);
        assert_eq!(note.signatures.iter().map(|line| line.bytes.len()).collect::<Vec<_>>(), [64, 72]);
        let checkpoint = Checkpoint::parse(&note.text).unwrap();
        assert_eq!((checkpoint.origin.as_str(), checkpoint.size), ("example.com/behind-the-sofa", 20_852_163));
        assert_eq!(checkpoint.text(), note.text);
        assert_eq!(checkpoint.deployment_and_chain(), None);
        assert!(cosigned(1_679_315_147, &note.text).starts_with("cosignature/v1\ntime 1679315147\nexample.com/"));
    }

    #[test]
    fn what_is_not_a_note_is_refused() {
        let changes = [
            ("\n\n", "\n"),
            ("\u{2014} witness", "- witness"),
            ("nA==\n", "nA==\n\n"),
            ("nA==\n", "nA=="),
            ("nA==\n", "nB==\n"),
            ("nA==\n", "nA\n"),
            ("nA==\n", "n\n"),
            ("/w1 ", "/w1  "),
            ("/w1 ", "+w1 "),
            ("witness.example.com/w1 ", " "),
            ("sofa\n", "sofa\r\n"),
            ("sofa\n", "sofa\0\n"),
        ];
        for (from, to) in changes {
            let changed = NOTE.replacen(from, to, if from.starts_with("sofa") { 1 } else { 9 });
            assert_ne!(changed, NOTE);
            assert_eq!(Note::parse(&changed), None, "{changed}");
        }
        let line = NOTE.lines().last().unwrap();
        let many = |count: usize| Note::parse(&["a\n\n", &[line, "\n"].concat().repeat(count)].concat());
        assert!(many(MAX_SIGNATURES).is_some() && many(MAX_SIGNATURES + 1).is_none() && Note::parse("a\n\n").is_none());
    }

    #[test]
    fn what_is_not_a_checkpoint_is_refused() {
        let text = Checkpoint { origin: "a/b".into(), size: 10, root: Hash([9; 32]) }.text();
        assert!(Checkpoint::parse(&text).is_some());
        let root = text.lines().nth(2).unwrap();
        for (from, to) in [
            ("a/b", ""),
            ("a/b", "a b"),
            ("a/b", "a+b"),
            ("10", "010"),
            ("10", "+10"),
            ("10", "-1"),
            ("10", "1e1"),
            ("10", ""),
            ("10", "9007199254740992"),
            ("10", "99999999999999999999"),
            (root, "CQk="),
            (root, "nothing"),
            (root, &root.replace('=', "")),
            ("=\n", "=\nmore\n"),
            ("=\n", "="),
        ] {
            assert_eq!(Checkpoint::parse(&text.replacen(from, to, 1)), None, "{from} {to}");
        }
    }

    #[test]
    fn a_vkey_reads_back_and_another_one_is_refused() {
        let text = vkey().to_string();
        assert_eq!(Vkey::parse(&text), Some(vkey()));
        let key = text.rsplit('+').next().unwrap();
        let standard = encode(&[&[1], &vkey().key[..]].concat());
        for wrong in [
            "",
            "shop",
            "+00000000+",
            &text.replace("shop", "blog"),
            &text.replace(key, &standard),
            &text.replace(key, "BA=="),
            &[&text, " "].concat(),
        ] {
            assert_eq!(Vkey::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_note_counts_if_each_signature_of_the_key_is_good() {
        // Stands for a signature: the message's own hash, twice.
        let sign = |message: &[u8]| {
            let hash = Hash::of(&[str::from_utf8(message).unwrap()]).0;
            <[u8; 64]>::try_from([hash, hash].concat()).unwrap()
        };
        let verify =
            |key: &[u8; 32], message: &[u8], signature: &[u8; 64]| *key == [7; 32] && sign(message) == *signature;
        let mut note = vkey().cosign("a/b\n".into(), 5, sign);
        assert_eq!(vkey().judge(&note, verify), Signed::At(5));
        assert_eq!(Vkey { name: "blog".into(), ..vkey() }.judge(&note, verify), Signed::ByAnother);
        assert_eq!(Vkey { key: [8; 32], ..vkey() }.judge(&note, verify), Signed::ByAnother);
        note.signatures.push(Signature { bytes: [0; 72].into(), ..note.signatures[0].clone() });
        assert_eq!(vkey().judge(&note, verify), Signed::Badly);
        note.signatures = [Signature { bytes: [0; 3].into(), ..note.signatures[0].clone() }].into();
        assert_eq!(vkey().judge(&note, verify), Signed::Badly);
    }
}
