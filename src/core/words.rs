//! Small records as words separated by blanks: how metas are kept and what pages say to each other.
//!
//! Every value is a number, a hex or base64url string or one of our own words, so none holds a blank; an absent one
//! is `-`.

use super::decimal;
use alloc::string::String;

/// Writes a record.
#[derive(Default)]
pub struct Words(String);

impl Words {
    /// A word, or `-`.
    pub fn text(mut self, word: Option<&str>) -> Self {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.push_str(word.filter(|word| !word.is_empty()).unwrap_or("-"));
        self
    }

    /// A whole number.
    pub fn number(self, number: u64) -> Self {
        self.text(Some(decimal(number).as_str()))
    }

    /// Several whole numbers.
    pub fn numbers(self, numbers: &[u64]) -> Self {
        numbers.iter().fold(self, |words, number| words.number(*number))
    }

    /// The record.
    pub fn finish(self) -> String {
        self.0
    }
}

/// Reads a record.
pub struct Reader<'a>(Option<&'a str>);

impl<'a> Reader<'a> {
    /// Begins with the first word.
    pub fn new(record: &'a str) -> Self {
        Self(Some(record))
    }

    /// The next word; `None` at the end and for `-`.
    pub fn text(&mut self) -> Option<&'a str> {
        let rest = self.0?;
        let end = rest.bytes().position(|byte| byte == b' ');
        self.0 = end.and_then(|end| rest.get(end + 1..));
        rest.get(..end.unwrap_or(rest.len())).filter(|word| *word != "-")
    }

    /// The next word as an owned string.
    pub fn string(&mut self) -> Option<String> {
        self.text().map(String::from)
    }

    /// The next word as a whole number.
    pub fn number(&mut self) -> Option<u64> {
        whole(self.text()?)
    }
}

/// A whole number in decimal digits; `None` for anything else and above 2^53.
pub fn whole(digits: &str) -> Option<u64> {
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.bytes().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back() {
        let record = Words::default().text(Some("ab")).text(None).numbers(&[7, 0]).text(Some("")).finish();
        assert_eq!(record, "ab - 7 0 -");
        let mut reader = Reader::new(&record);
        assert_eq!(
            (reader.text(), reader.text(), reader.number(), reader.number()),
            (Some("ab"), None, Some(7), Some(0))
        );
        assert_eq!((reader.text(), reader.text()), (None, None));
    }

    #[test]
    fn whole_numbers_only() {
        assert_eq!(whole("1790000000000"), Some(1790000000000));
        for other in ["", "-1", "1.5", "1e3", "x", "12345678901234567", "+1", " 1"] {
            assert_eq!(whole(other), None, "{other}");
        }
    }
}
