//! The mode `pepper`: the store of the collector holds pseudonyms of a second level alone, made with a secret of its own.
//!
//! ```text
//! alias  = "a1." base64url( SHA256("a1|" veil "|" P)[..16] )    P: the pseudonym; veil: 22 characters, random, of this row alone
//! second = "s1." base64url( HMAC-SHA256(pepper, "s1|" P)[..16] )     pepper: 32 random bytes of one epoch
//! ```
//! A body is hashed as it is, so nothing in it can be replaced later, and whatever follows from an identifier alone could
//! be tried out. So it holds an alias, which hides the pseudonym from everybody who does not have the veil. That one
//! travels with the row but outside of what is hashed, as `"veil":"<veil> <P> …"` at the end of its line; the collector
//! checks it, makes the second level, and forgets it.

use super::{base64url, chain::Hash, json, pseudonym::mac, visit::random_id};
use crate::ports::Entropy;
use alloc::{string::String, vec::Vec};

/// Hides the pseudonyms of one row, if they are to be hidden.
pub struct Veil(Option<String>);

impl Veil {
    /// A fresh one; without entropy one that hides nothing.
    pub fn new(entropy: Option<&mut dyn Entropy>) -> Self {
        Self(entropy.map(random_id))
    }

    /// What stands in the body for this pseudonym.
    pub fn hide(&mut self, pseudonym: String) -> String {
        let Some(text) = &mut self.0 else { return pseudonym };
        let alias = alias(text.get(..LENGTH).unwrap_or_default(), &pseudonym);
        text.push(' ');
        text.push_str(&pseudonym);
        alias
    }

    /// What lifts it, if something was hidden.
    pub fn finish(self) -> Option<String> {
        self.0.filter(|text| text.len() > LENGTH)
    }
}

/// 16 bytes in base64url.
const LENGTH: usize = 22;

/// What stands for a pseudonym in a body.
pub fn alias(veil: &str, pseudonym: &str) -> String {
    short("a1.", Hash::of(&["a1|", veil, "|", pseudonym]).0)
}

/// The pseudonym of the second level.
pub fn second(pepper: &[u8; 32], pseudonym: &str) -> String {
    short("s1.", mac(pepper, &[b"s1|", pseudonym.as_bytes()]))
}

fn short(version: &str, hash: [u8; 32]) -> String {
    let mut text = String::from(version);
    text.push_str(&base64url::encode(hash.first_chunk::<16>().map_or(&[], |chunk| chunk)));
    text
}

/// Adds what lifts it to the row's line.
pub fn append(veil: Option<&str>, line: &mut String) {
    if let Some(veil) = veil
        && line.pop().is_some()
    {
        line.push_str(",\"veil\":");
        json::write_text(veil, line);
        line.push('}');
    }
}

/// What [`append`] has added to a line.
pub fn of(line: &str) -> Option<String> {
    json::parse(line)?.get("veil")?.as_text().map(String::from)
}

/// The pseudonyms behind a veil, each with its alias. `None`: it is none.
///
/// ```
/// use nymtrail::core::pepper::{alias, lift};
/// let (veil, pseudonym) = ("AAAAAAAAAAAAAAAAAAAAAA", "p1.0kjgA_5tMJc05lhIFTSs9Q");
/// assert_eq!(lift(&format!("{veil} {pseudonym}")), Some(vec![(alias(veil, pseudonym), pseudonym)]));
/// assert_eq!(lift(pseudonym), None);
/// ```
pub fn lift(text: &str) -> Option<Vec<(String, &str)>> {
    let mut words = text.split(' ');
    let veil = words.next().filter(|veil| is_short(veil))?;
    let mut lifted = Vec::new();
    for pseudonym in words {
        lifted.push((alias(veil, pseudonym), Some(pseudonym).filter(|text| is_first(text))?));
    }
    Some(lifted).filter(|lifted| !lifted.is_empty())
}

/// Whether a text is a pseudonym of the first level, `p1.` and 22 characters.
pub fn is_first(text: &str) -> bool {
    text.strip_prefix("p1.").is_some_and(is_short)
}

fn is_short(text: &str) -> bool {
    text.len() == LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: &str = "p1.0kjgA_5tMJc05lhIFTSs9Q";

    struct Counter(u8);
    impl Entropy for Counter {
        fn fill(&mut self, bytes: &mut [u8]) {
            self.0 += 1;
            bytes.fill(self.0);
        }
    }

    #[test]
    fn a_veil_hides_what_it_lifts_and_another_one_hides_it_otherwise() {
        let mut veil = Veil::new(Some(&mut Counter(0)));
        let other = P.replace('0', "1");
        let aliases = [veil.hide(P.into()), veil.hide(other.clone())];
        let lifts = veil.finish().unwrap();
        let lifted: Vec<_> = lift(&lifts).unwrap();
        assert_eq!(lifted, [(aliases[0].clone(), P), (aliases[1].clone(), other.as_str())]);
        assert!(aliases.iter().all(|alias| alias.starts_with("a1.") && alias.len() == 25 && !lifts.contains(alias)));
        let mut next = Veil::new(Some(&mut Counter(1)));
        assert_ne!(next.hide(P.into()), aliases[0]);
        assert_eq!(Veil::new(Some(&mut Counter(0))).finish(), None, "nothing was hidden");
        let mut none = Veil::new(None);
        assert_eq!((none.hide(P.into()).as_str(), none.finish()), (P, None));
    }

    #[test]
    fn the_hashes_are_what_they_say() {
        // By hand: printf 'a1|AAAAAAAAAAAAAAAAAAAAAA|p1.0kjgA_5tMJc05lhIFTSs9Q' | openssl dgst -sha256 -binary | head -c 16 | base64
        assert_eq!(alias("AAAAAAAAAAAAAAAAAAAAAA", P), "a1.WKJ-oMr2tk6JAeJwd32rJA");
        // printf 'p2|p1.0kjgA_5tMJc05lhIFTSs9Q' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707… -binary | head -c 16 | base64
        assert_eq!(second(&[7; 32], P), "s1.9tUkOLMz8dxjvr87BP17jA");
        assert_ne!(second(&[8; 32], P), second(&[7; 32], P));
    }

    #[test]
    fn what_is_no_veil_lifts_nothing() {
        for wrong in [
            "",
            "AAAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAAA ",
            "AAAAAAAAAAAAAAAAAAAAA p1.0kjgA_5tMJc05lhIFTSs9Q",
            "AAAAAAAAAAAAAAAAAAAAAA s1.0kjgA_5tMJc05lhIFTSs9Q",
            "AAAAAAAAAAAAAAAAAAAAAA p1.0kjgA_5tMJc05lhIFTSs9Q ada@example.org",
            "AAAAAAAAAAAAAAAAAAAAA| p1.0kjgA_5tMJc05lhIFTSs9Q",
        ] {
            assert_eq!(lift(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn it_stands_behind_the_columns_of_a_row() {
        let mut line = String::from(r#"{"seq":0,"t":1}"#);
        append(None, &mut line);
        append(Some("a b"), &mut line);
        assert_eq!(line, r#"{"seq":0,"t":1,"veil":"a b"}"#);
        assert_eq!((of(&line).as_deref(), of("{}")), (Some("a b"), None));
    }
}
