//! The pure core: what an event is, how it is linked, and how a chain is checked.
//!
//! No web types, no clock, no randomness, no input or output: `now` and random bytes come in, rows and verdicts go out.

#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::unreachable,
        clippy::todo
    )
)]

use crate::ports::Entropy;
use alloc::string::String;

pub mod answer;
pub mod base64url;
pub mod chain;
pub mod config;
pub mod detect;
pub mod engine;
pub mod epoch;
pub mod error;
pub mod frames;
pub mod hex;
pub mod json;
pub mod lane;
pub mod merkle;
pub mod note;
pub mod opening;
pub mod outbox;
pub mod pepper;
pub mod proof;
pub mod pseudonym;
pub mod recorder;
pub mod row;
pub mod scrub;
pub mod sender;
pub mod settled;
pub mod stats;
pub mod taint;
pub mod verify;
pub mod visit;
pub mod wire;
pub mod words;

pub(crate) fn joined(a: &str, b: &str) -> String {
    let mut joined = String::with_capacity(a.len() + b.len());
    joined.push_str(a);
    joined.push_str(b);
    joined
}

/// A random whole number below `end`, which is less than 2^32.
pub(crate) fn random_below(end: u64, entropy: &mut dyn Entropy) -> u64 {
    let mut bytes = [0; 4];
    entropy.fill(&mut bytes);
    (u64::from(u32::from_le_bytes(bytes)) * end) >> 32
}

/// Moves the last item of a list that is sorted otherwise to its place, behind its equals. A sort, and even an insertion,
/// which can panic, would cost the wasm kilobytes.
pub(crate) fn move_last<T>(items: &mut [T], belongs_behind: impl Fn(&T, &T) -> bool) {
    for at in (1..items.len()).rev() {
        match items.get_mut(at - 1..=at) {
            Some([before, last]) if belongs_behind(before, last) => core::mem::swap(before, last),
            _ => return,
        }
    }
}

/// A whole number as decimal text, without the formatting machinery that would cost the wasm kilobytes.
pub(crate) struct Decimal {
    digits: [u8; 20],
    start: usize,
}

pub(crate) fn decimal(mut number: u64) -> Decimal {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    for (at, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (number % 10) as u8;
        start = at;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    Decimal { digits, start }
}

impl Decimal {
    pub(crate) fn as_str(&self) -> &str {
        self.digits.get(self.start..).and_then(|digits| core::str::from_utf8(digits).ok()).unwrap_or("0")
    }
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn decimal_is_to_string() {
        for number in [0, 1, 9, 10, 99, 1_790_000_000_000, u64::MAX] {
            assert_eq!(decimal(number).as_str(), number.to_string());
        }
    }
}
