//! From an identifier to a pseudonym, by the derivation `p1`:
//!
//! ```text
//! PRK = HKDF-Extract("nymtrail/p1", S_e)
//! K   = HKDF-Expand(PRK, lp(deployment) || lp(namespace) || u64be(epoch), 32)     lp: u32be length, then the bytes
//! P   = "p1." base64url( HMAC-SHA256(K, u8(normalisation version) || lp(type) || lp(canonical identifier))[..16] )
//! ```
//! With a key server (`oprf`) the identifier is gone when its answer comes, so there is a second derivation, `p2`, of which the
//! first step is made in the call, and the rest of its digest `x` and of the server's evaluation `y` (RFC 9497, 64 bytes):
//!
//! ```text
//! x   = HMAC-SHA256("nymtrail/o1", u8(normalisation version) || lp(deployment) || lp(namespace) || lp(type) || lp(canonical identifier))
//! y   = VOPRF(k_e, x)
//! PRK = HKDF-Extract("nymtrail/p2", y)
//! K   = HKDF-Expand(PRK, lp(deployment) || lp(namespace) || u64be(epoch), 32)
//! P   = "p2." base64url( HMAC-SHA256(K, x)[..16] )
//! ```
//! Every part is length-prefixed, so no two inputs run into each other, and deployments, namespaces and epochs never
//! share a pseudonym. HMAC is RFC 2104, from RustCrypto; HKDF is RFC 5869.

use super::base64url;
use alloc::{string::String, vec::Vec};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

/// The version of the rules by which identifiers are made canonical; part of what is hashed.
pub const NORMALISATION: u8 = 1;

/// What kind of identifier was given; decides how it was made canonical.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any string, in NFC.
    Opaque,
    /// An e-mail address.
    Email,
    /// A phone number in international form.
    Phone,
}

impl Kind {
    /// The word that is hashed for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opaque => "opaque",
            Self::Email => "email",
            Self::Phone => "phone",
        }
    }

    /// The kind of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Opaque, Self::Email, Self::Phone].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// The secret of one epoch, `S_e`: 32 random bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt(Zeroizing<[u8; 32]>);

impl Salt {
    /// Takes the bytes as they are.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The salt of `epoch` under one static secret. The weakest form: whoever has the secret has every epoch.
    pub fn derived(secret: &[u8], epoch: u64) -> Self {
        Self::new(hkdf(b"nymtrail/s1", secret, &[&epoch.to_be_bytes()]))
    }

    /// The bytes, for the document that publishes them.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The pseudonym of `canonical` in this epoch.
    ///
    /// `namespace` is `user`, `group` or `prop:<name>`; pseudonyms of different namespaces never match.
    pub fn pseudonym(&self, deployment: &str, namespace: &str, epoch: u64, kind: Kind, canonical: &str) -> String {
        let key = epoch_key(b"nymtrail/p1", self.0.as_slice(), deployment, namespace, epoch);
        let tag = mac(
            key.as_slice(),
            &[
                &[NORMALISATION],
                &length(kind.as_str()),
                kind.as_str().as_bytes(),
                &length(canonical),
                canonical.as_bytes(),
            ],
        );
        spell("p1.", tag)
    }
}

/// What is evaluated in the place of an identifier, `x` above: a digest that stays when the identifier is gone.
pub fn oprf_input(deployment: &str, namespace: &str, kind: Kind, canonical: &str) -> Zeroizing<[u8; 32]> {
    let mut parts: Vec<&[u8]> = Vec::from([[NORMALISATION].as_slice()]);
    let texts = [deployment, namespace, kind.as_str(), canonical];
    let lengths = texts.map(length);
    for (text, length) in texts.iter().zip(&lengths) {
        parts.push(length);
        parts.push(text.as_bytes());
    }
    Zeroizing::new(mac(b"nymtrail/o1", &parts))
}

/// The pseudonym of `input`, which the key of `epoch` has evaluated to `output`.
pub fn oprf_pseudonym(output: &[u8; 64], deployment: &str, namespace: &str, epoch: u64, input: &[u8]) -> String {
    let key = epoch_key(b"nymtrail/p2", output, deployment, namespace, epoch);
    let tag = mac(key.as_slice(), &[input]);
    spell("p2.", tag)
}

fn epoch_key(tree: &[u8], secret: &[u8], deployment: &str, namespace: &str, epoch: u64) -> Zeroizing<[u8; 32]> {
    let (deployment_length, namespace_length) = (length(deployment), length(namespace));
    let info: [&[u8]; 5] =
        [&deployment_length, deployment.as_bytes(), &namespace_length, namespace.as_bytes(), &epoch.to_be_bytes()];
    Zeroizing::new(hkdf(tree, secret, &info))
}

fn spell(version: &str, mut tag: [u8; 32]) -> String {
    let mut pseudonym = String::from(version);
    pseudonym.push_str(&base64url::encode(tag.first_chunk::<16>().map_or(&[], |chunk| chunk)));
    tag.zeroize();
    pseudonym
}

/// HKDF-SHA256 (RFC 5869) for keys of 32 bytes, which is one block. `info` is all its parts, one after the other.
fn hkdf(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> [u8; 32] {
    let prk = Zeroizing::new(mac(salt, &[secret]));
    let mut block = info.to_vec();
    block.push(&[1]);
    mac(prk.as_slice(), &block)
}

/// HMAC-SHA256 over all parts, one after the other.
///
/// Hashing leaves its input on the stack. What is put together there next would take parts of that along in its gaps, to wherever it
/// is kept; so it is overwritten at once.
pub fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let tag = hashed(key, parts);
    clear_stack();
    tag
}

/// Never part of its caller's frame, which `clear_stack` would not reach.
#[inline(never)]
fn hashed(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return [0; 32]; // HMAC takes a key of any length
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// It takes about one of these four KB.
#[inline(never)]
fn clear_stack() {
    core::hint::black_box([0u8; 4096]);
}

fn length(text: &str) -> [u8; 4] {
    (text.len() as u32).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn salt() -> Salt {
        Salt::new([7; 32])
    }

    #[test]
    fn every_part_separates() {
        let base = salt().pseudonym("shop", "user", 1, Kind::Email, "ann@example.org");
        assert!(base.starts_with("p1.") && base.len() == 3 + 22, "{base}");
        assert_eq!(base, salt().pseudonym("shop", "user", 1, Kind::Email, "ann@example.org"));
        for other in [
            Salt::new([8; 32]).pseudonym("shop", "user", 1, Kind::Email, "ann@example.org"),
            salt().pseudonym("shopu", "ser", 1, Kind::Email, "ann@example.org"),
            salt().pseudonym("shop", "group", 1, Kind::Email, "ann@example.org"),
            salt().pseudonym("shop", "user", 2, Kind::Email, "ann@example.org"),
            salt().pseudonym("shop", "user", 1, Kind::Opaque, "ann@example.org"),
            salt().pseudonym("shop", "user", 1, Kind::Email, "ann@example.or"),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn derivation_is_what_it_says() {
        // The same by hand, with nothing but HMAC: extract, one block of expand, tag.
        let prk = mac(b"nymtrail/p1", &[&[7; 32]]);
        let key = mac(&prk, &[&[0, 0, 0, 4], b"shop", &[0, 0, 0, 4], b"user", &1u64.to_be_bytes(), &[1]]);
        let tag = mac(&key, &[&[1, 0, 0, 0, 6], b"opaque", &[0, 0, 0, 2], b"42"]);
        assert_eq!(
            salt().pseudonym("shop", "user", 1, Kind::Opaque, "42"),
            format!("p1.{}", base64url::encode(&tag[..16]))
        );
    }

    /// The cases of an RFC's file under tests/vectors: `name = value` lines, each case ending with the line `last`.
    fn cases(text: &'static str, last: &str) -> Vec<HashMap<&'static str, Vec<u8>>> {
        let (mut cases, mut case) = (Vec::new(), HashMap::new());
        for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
            case.insert(name.trim(), bytes(value.trim()));
            if name.trim() == last {
                cases.push(core::mem::take(&mut case));
            }
        }
        cases
    }

    fn bytes(digits: &str) -> Vec<u8> {
        (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap_or(0)).collect()
    }

    #[test]
    fn rfc_4231_hmac() {
        let cases = cases(include_str!("../../tests/vectors/rfc-4231-sha256.txt"), "MD");
        assert_eq!(cases.len(), 6);
        for case in cases {
            assert_eq!(mac(&case["Key"], &[&case["Msg"]]).to_vec(), case["MD"]);
        }
    }

    #[test]
    fn rfc_5869_hkdf() {
        let cases = cases(include_str!("../../tests/vectors/rfc-5869-HKDF-SHA256.txt"), "OKM");
        assert_eq!(cases.len(), 3);
        for case in cases {
            let out = hkdf(&case["salt"], &case["IKM"], &[&case["info"]]);
            assert_eq!(out, case["OKM"][..32]);
        }
    }

    /// Vectors of another implementation; the tests in TypeScript and in browsers read the same file.
    #[test]
    fn vectors_from_elsewhere() {
        let file: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/pseudonyms.json")).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let salt = Salt::new(super::super::hex::decode(&text(&file["salt"])).unwrap());
        let (deployment, namespace) = (text(&file["deployment"]), text(&file["namespace"]));
        let epoch = file["epoch"].as_u64().unwrap();
        let vectors = file["vectors"].as_array().unwrap();
        assert_eq!(vectors.len(), 500);
        for vector in vectors {
            let times = vector["times"].as_u64().unwrap_or(1) as usize;
            let canonical = text(&vector["canonical"]).repeat(times);
            let made = Kind::from_word(&text(&vector["kind"]))
                .map(|kind| salt.pseudonym(&deployment, &namespace, epoch, kind, &canonical));
            assert_eq!(made.unwrap_or_default(), text(&vector["pseudonym"]), "{}", vector["of"]);
        }
    }
}
