//! Finds what was passed to `identify()` wherever it turns up again in the same page.
//!
//! Patterns cannot see a name or a customer number. The identifier itself must not be kept, so what is kept is a
//! keyed tag of it: a rolling hash finds candidates in linear time, an HMAC confirms them.

use super::{detect::fold, pseudonym::mac};
use alloc::vec::Vec;

/// Shorter identifiers would be found in ordinary words: they are looked for as a whole string only.
const MIN_INNER_BYTES: usize = 6;

/// At most so many identifiers are looked for; the oldest are forgotten first. A page identifies one visitor, seldom two.
const MAX_NEEDLES: usize = 16;

struct Needle {
    bytes: usize,
    rolling: u32,
    tag: [u8; 32],
}

/// Tags of the identifiers of this page.
pub struct Taint {
    key: [u8; 32],
    base: u32,
    needles: Vec<Needle>,
    /// Where the next one goes.
    next: usize,
}

impl Taint {
    /// `key`: 32 fresh random bytes; tags under it mean nothing elsewhere.
    pub fn new(key: [u8; 32]) -> Self {
        let base = key.first_chunk::<4>().map_or(1, |chunk| u32::from_le_bytes(*chunk)) | 1;
        Self { key, base, needles: Vec::new(), next: 0 }
    }

    /// Remembers an identifier by its tag, [`fold`]ed. Case is ignored for ASCII letters; pass both forms where others
    /// differ.
    pub fn add(&mut self, identifier: &str) {
        let mut lower = fold(identifier.trim()).into_owned();
        lower.make_ascii_lowercase();
        let (bytes, rolling) = (lower.len(), self.roll(lower.as_bytes()));
        let tag = mac(&self.key, &[lower.as_bytes()]);
        zeroize::Zeroize::zeroize(&mut lower);
        if bytes == 0 || self.needles.iter().any(|needle| needle.tag == tag) {
            return;
        }
        let needle = Needle { bytes, rolling, tag };
        match self.needles.get_mut(self.next) {
            Some(oldest) => *oldest = needle,
            None => self.needles.push(needle),
        }
        self.next = (self.next + 1) % MAX_NEEDLES;
    }

    /// Whether any remembered identifier occurs in `text`, which has been [`fold`]ed, ignoring the case of ASCII letters.
    pub fn occurs_in(&self, text: &str) -> bool {
        if self.needles.is_empty() {
            return false;
        }
        self.needles.iter().any(|needle| self.finds(needle, text.as_bytes()))
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.needles.clear();
        self.next = 0;
    }

    fn finds(&self, needle: &Needle, text: &[u8]) -> bool {
        let confirmed = |window: &[u8]| mac(&self.key, &[&window.to_ascii_lowercase()]) == needle.tag;
        if needle.bytes < MIN_INNER_BYTES {
            return text.len() == needle.bytes && confirmed(text);
        }
        let Some(first) = text.get(..needle.bytes) else { return false };
        let leaving = (1..needle.bytes).fold(1u32, |power, _| power.wrapping_mul(self.base));
        let mut rolling = self.roll(first);
        let mut start = 0;
        loop {
            if rolling == needle.rolling && text.get(start..start + needle.bytes).is_some_and(confirmed) {
                return true;
            }
            let (Some(old), Some(new)) = (text.get(start), text.get(start + needle.bytes)) else { return false };
            rolling = rolling.wrapping_sub(leaving.wrapping_mul(lower(*old)));
            rolling = rolling.wrapping_mul(self.base).wrapping_add(lower(*new));
            start += 1;
        }
    }

    fn roll(&self, bytes: &[u8]) -> u32 {
        bytes.iter().fold(0, |hash, byte| hash.wrapping_mul(self.base).wrapping_add(lower(*byte)))
    }
}

fn lower(byte: u8) -> u32 {
    u32::from(byte.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn taint(identifier: &str) -> Taint {
        let mut taint = Taint::new([42; 32]);
        taint.add(identifier);
        taint
    }

    #[test]
    fn found_anywhere_in_any_case() {
        let taint = taint("Zoë O'Neil");
        for text in ["zoë o'neil", "hello ZOë O'NEIL!", "xZoë O'Neilx"] {
            assert!(taint.occurs_in(text), "{text}");
        }
        for text in ["", "zoë o'nei", "zoe o'neil"] {
            assert!(!taint.occurs_in(text), "{text}");
        }
    }

    #[test]
    fn a_short_identifier_only_as_a_whole() {
        assert!(taint("42").occurs_in("42"));
        assert!(!taint("42").occurs_in("1420 results"));
    }

    #[test]
    fn nothing_is_kept_of_it() {
        let taint = taint("customer-4711-secret");
        let needle = &taint.needles[0];
        let kept = [taint.key.as_slice(), &needle.tag, &needle.rolling.to_le_bytes()].concat();
        assert!(!kept.windows(4).any(|window| b"customer-4711-secret".windows(4).any(|part| part == window)));
    }

    proptest! {
        #[test]
        fn agrees_with_contains(needle in "[ab]{6,9}", text in "[ab]{0,60}") {
            prop_assert_eq!(taint(&needle).occurs_in(&text), text.contains(&needle));
        }
    }
}
