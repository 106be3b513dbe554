//! What an endpoint said to a batch.

use super::{outbox::Failure, settled::Fate, words::Reader};
use alloc::string::String;

/// An endpoint's answer, as the driver reports it in words: status, letters, what it asks to wait or `-`, and `ahead` if it
/// has more of the chain than this device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status, 0 if there was no answer.
    pub status: u64,
    /// How long the endpoint asks to wait, in ms.
    pub after: Option<u64>,
    /// One letter a row, or one for all: `a` acknowledged, `r` retry, `d` drop, `f` fork, `s` split, `o` retry as the
    /// device had no network.
    letters: String,
    /// The endpoint has more of the chain than this device, whatever became of these rows.
    pub ahead: bool,
}

impl Answer {
    /// Reads an outcome. What cannot be read is a failure to be retried.
    pub fn parse(text: &str) -> Self {
        let mut words = Reader::new(text);
        Self {
            status: words.number().unwrap_or(0),
            letters: words.text().unwrap_or("r").into(),
            after: words.number(),
            ahead: words.text() == Some("ahead"),
        }
    }

    /// Whether the batch was refused as a whole, so that a smaller one may pass.
    pub fn is_split(&self) -> bool {
        self.letters == "s"
    }

    /// Why rows are tried again, if any are.
    pub fn failure(&self) -> Failure {
        match self.status {
            0 if self.letters.ends_with('o') => Failure::Offline,
            0 => Failure::Unreachable,
            _ => Failure::Refused,
        }
    }

    /// What became of the row at this place in the batch; `None`: it is tried again.
    pub fn fate(&self, at: usize) -> Option<Fate> {
        match self.letter(at)? {
            b'a' => Some(Fate::Acknowledged),
            // A collector that knows another history of this chain will never take this row.
            b'd' | b'f' => Some(Fate::Poison),
            _ => None,
        }
    }

    /// Whether the row at this place contradicts what the endpoint has.
    pub fn is_fork(&self, at: usize) -> bool {
        self.letter(at) == Some(b'f')
    }

    fn letter(&self, at: usize) -> Option<u8> {
        let letters = self.letters.as_bytes();
        letters.get(if letters.len() == 1 { 0 } else { at }).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_leniently() {
        let unreadable = Answer::parse("");
        assert_eq!((unreadable.status, unreadable.fate(0), unreadable.is_split()), (0, None, false));
        let answer = Answer::parse("207 adrf 9");
        let fates: Vec<_> = (0..5).map(|at| answer.fate(at)).collect();
        assert_eq!(fates, [Some(Fate::Acknowledged), Some(Fate::Poison), None, Some(Fate::Poison), None]);
        assert!(answer.is_fork(3) && !answer.is_fork(0) && answer.after == Some(9));
        let one = Answer::parse("200 a -");
        assert_eq!(one.fate(7), Some(Fate::Acknowledged), "one letter stands for all rows");
        assert!(Answer::parse("413 s").is_split());
        let failures = ["0 r -", "0 o -", "0 aoo -", "503 r 9"].map(|text| Answer::parse(text).failure());
        assert_eq!(failures, [Failure::Unreachable, Failure::Offline, Failure::Offline, Failure::Refused]);
        assert_eq!(Answer::parse("0 aoo -").fate(1), None);
        assert!(Answer::parse("200 a - ahead").ahead && !one.ahead);
    }
}
