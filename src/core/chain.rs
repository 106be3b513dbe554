//! The hash rules of format `e1`. This is the only place that knows them.
//!
//! ```text
//! bc    = SHA256("b1|" salt "|" body)
//! link  = SHA256(0x00 "e1|" seq "|" t "|" prev "|" bc)     the RFC 9162 leaf hash of the entry
//! gprev = SHA256("g1|" blind "|" head)                     prev of seq 0
//! chain = link of seq 0
//! et    = SHA256("t1|" token)                              in the body of seq 0
//! ```
//! All hashes are hashed and stored as lower-case hex of 32 bytes.

use super::{decimal, hex, row::Row};
use alloc::string::String;
use sha2::{Digest, Sha256};

/// Stands for "no earlier chain" where a genesis would name the head of one.
pub const NO_HEAD: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A SHA-256 value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The SHA-256 of all parts, one after the other.
    pub fn of(parts: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part.as_bytes());
        }
        Self(hasher.finalize().into())
    }

    /// As 64 lower-case hex digits.
    pub fn hex(&self) -> String {
        hex::encode(&self.0)
    }
}

/// The commitment to a body: what stays when the body is erased.
pub fn commitment(salt: &str, body: &str) -> Hash {
    Hash::of(&["b1|", salt, "|", body])
}

/// The link of an event: chain link and RFC 9162 leaf hash at once.
pub fn link(seq: u64, t: u64, prev: &str, commitment: &str) -> Hash {
    Hash::of(&["\0e1|", decimal(seq).as_str(), "|", decimal(t).as_str(), "|", prev, "|", commitment])
}

/// What the first event of a chain has as its previous link. `blind` is 64 secret hex digits that hide `head`, the
/// last link of this device's previous epoch, or [`NO_HEAD`].
pub fn genesis_prev(blind: &str, head: &str) -> Hash {
    Hash::of(&["g1|", blind, "|", head])
}

/// What the first row of a chain says of its erasure token, 32 hex digits: whoever has that may have the chain erased.
pub fn token_hash(token: &str) -> Hash {
    Hash::of(&["t1|", token])
}

/// The writing end of one chain: knows the head, so that appending never has to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The chain's id.
    pub chain: String,
    /// Seq of the last event.
    pub seq: u64,
    /// Time of the last event in ms.
    pub t: u64,
    /// Link of the last event.
    pub link: String,
}

impl Head {
    /// Opens a chain: its genesis row, and the head it leaves.
    ///
    /// `salt` is 32 hex digits, `blind` 64, both fresh random bytes.
    pub fn open(body: String, salt: String, blind: &str, previous_head: &str, now: u64) -> (Self, Row) {
        let gprev = genesis_prev(blind, previous_head).hex();
        let link = link(0, now, &gprev, &commitment(&salt, &body).hex()).hex();
        let head = Self { chain: link.clone(), seq: 0, t: now, link: link.clone() };
        let row = Row {
            chain: link.clone(),
            seq: 0,
            t: now,
            salt: Some(salt),
            body: Some(body),
            bc: None,
            gprev: Some(gprev),
            link,
        };
        (head, row)
    }

    /// Links one more event. Its time is `now`, or the last event's if the clock was set back.
    pub fn append(&mut self, body: String, salt: String, now: u64) -> Row {
        self.seq += 1;
        self.t = self.t.max(now);
        self.link = link(self.seq, self.t, &self.link, &commitment(&salt, &body).hex()).hex();
        Row {
            chain: self.chain.clone(),
            seq: self.seq,
            t: self.t,
            salt: Some(salt),
            body: Some(body),
            bc: None,
            gprev: None,
            link: self.link.clone(),
        }
    }

    /// The head that `row` leaves, to go on with a stored chain.
    pub fn after(row: Row) -> Self {
        Self { chain: row.chain, seq: row.seq, t: row.t, link: row.link }
    }

    /// No head, for records that are looked at without one.
    pub fn nowhere() -> Self {
        Self { chain: String::new(), seq: 0, t: 0, link: String::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_vector() {
        let salt = "000102030405060708090a0b0c0d0e0f";
        let (mut head, genesis) = Head::open(
            r#"{"alg":"ES256","pk":"00","v":1}"#.into(),
            salt.into(),
            &"11".repeat(32),
            NO_HEAD,
            1790000000000,
        );
        assert_eq!(genesis.gprev.as_deref(), Some("be6d7ad6c59d47f046466670521369763ef6bf337f51b5cd8da89a8b67164098"));
        assert_eq!(genesis.chain, "0d0624f632cae4433c056059ce46650b4f5cbb741acddf1c0bb6d904c8311a51");
        let body = r#"{"n":"view","p":"/a"}"#;
        assert_eq!(commitment(salt, body).hex(), "c4d1112f9325b0279f052b28505f82e6850d340bb5e84133a9a32b1db268795e");
        let row = head.append(body.into(), salt.into(), 1790000000001);
        assert_eq!(row.link, "505f1c27a9cac690fd9e39ee8cb3846283d94767ad44b308feb0595f70f003ee");
    }

    #[test]
    fn time_never_goes_back() {
        let (mut head, _) = Head::open("{}".into(), "00".repeat(16), &"11".repeat(32), NO_HEAD, 1000);
        assert_eq!(head.append("{}".into(), "01".repeat(16), 400).t, 1000);
        assert_eq!(head.append("{}".into(), "02".repeat(16), 1001).t, 1001);
    }
}
