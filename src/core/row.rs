//! One row of a chain, and its exact line.

use super::{chain, hex, json};
use crate::ports::StoredRow;
use alloc::string::String;

/// A row: the columns of format `e1`. A row whose event was erased has `bc` instead of `salt` and `body`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The chain's id: the link of its seq 0.
    pub chain: String,
    /// Position in the chain, from 0.
    pub seq: u64,
    /// Link: the hash over this row and the link before it.
    pub link: String,
    /// Time in ms since 1970, never less than the row's before it.
    pub t: u64,
    /// 32 hex digits, fresh for each event, so that an erased body cannot be guessed.
    pub salt: Option<String>,
    /// The event, as the exact string that was hashed.
    pub body: Option<String>,
    /// The commitment to salt and body; kept in a row only once these were erased.
    pub bc: Option<String>,
    /// The blinded link to the epoch before; on seq 0 only.
    pub gprev: Option<String>,
}

/// The largest whole number that every JSON reader keeps exactly: 2^53 - 1.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

impl Row {
    /// Whether each column has the form that `e1` asks for. Says nothing about the hashes.
    pub fn is_well_formed(&self) -> bool {
        let whole =
            self.salt.as_deref().is_some_and(|salt| hex::is_hex(salt, 32)) && self.body.is_some() && self.bc.is_none();
        let erased = self.body.is_none() && self.bc.as_deref().is_some_and(|bc| hex::is_hex(bc, 64));
        (whole || erased)
            && hex::is_hex(&self.chain, 64)
            && hex::is_hex(&self.link, 64)
            && self.seq <= MAX_INTEGER
            && self.t <= MAX_INTEGER
            && match &self.gprev {
                Some(gprev) => self.seq == 0 && hex::is_hex(gprev, 64),
                None => self.seq != 0,
            }
    }

    /// The commitment to the body: computed if the body is here, the stored one if it was erased.
    pub fn commitment(&self) -> Option<String> {
        match (&self.salt, &self.body) {
            // Nothing in what is hashed says where the salt ends, so its length has to.
            (Some(salt), Some(body)) if hex::is_hex(salt, 32) => Some(chain::commitment(salt, body).hex()),
            (_, Some(_)) => None,
            (_, None) => self.bc.clone(),
        }
    }

    /// Whether `link` follows from the content and from `prev`, the link before it. On seq 0, `prev` is not asked.
    pub fn links_to(&self, prev: Option<&str>) -> bool {
        let prev = if self.seq == 0 { self.gprev.as_deref() } else { prev };
        match (prev, self.commitment()) {
            (Some(prev), Some(bc)) => chain::link(self.seq, self.t, prev, &bc).hex() == self.link,
            _ => false,
        }
    }

    /// Takes the event out of the row. What was linked stays provable; body and salt are gone.
    pub fn erase(&mut self) {
        self.bc = self.commitment();
        self.salt = None;
        self.body = None;
    }

    /// A copy of the row without its event.
    pub fn erased(&self) -> Row {
        let mut row = self.clone();
        row.erase();
        row
    }

    /// Whether the other row is this one, or this one with its event erased, or the other way round.
    pub fn is_same_place(&self, other: &Row) -> bool {
        self == other
            || self.link == other.link
                && self.body.is_some() != other.body.is_some()
                && self.commitment().is_some()
                && self.erased() == other.erased()
    }

    /// The row as one line: a JSON object, keys sorted, ASCII only.
    pub fn line(&self) -> String {
        let mut line = json::Object::default();
        line.optional("bc", self.bc.as_deref());
        if let Some(body) = &self.body {
            line.text("body", body);
        }
        line.text("chain", &self.chain).optional("gprev", self.gprev.as_deref()).text("link", &self.link);
        line.optional("salt", self.salt.as_deref()).number("seq", self.seq).number("t", self.t).finish()
    }

    /// The row as a store keeps it.
    pub fn stored(self) -> StoredRow {
        StoredRow { line: self.line(), chain: self.chain, seq: self.seq }
    }

    /// Reads a line. `None` if it is not a JSON object with just the columns of a row; a column that is `null` counts
    /// as absent, and a [veil](super::pepper) is no column. The hashes are not checked here, nor the form of hex columns.
    pub fn parse(line: &str) -> Option<Row> {
        let json::Value::Map(entries) = json::parse(line)? else { return None };
        let mut row = Row {
            chain: String::new(),
            seq: u64::MAX,
            link: String::new(),
            t: u64::MAX,
            salt: None,
            body: None,
            bc: None,
            gprev: None,
        };
        for (name, value) in entries {
            match (name.as_str(), value) {
                ("seq", value) => row.seq = value.as_u64()?,
                ("t", value) => row.t = value.as_u64()?,
                ("chain", json::Value::Text(text)) => row.chain = text,
                ("link", json::Value::Text(text)) => row.link = text,
                ("salt", json::Value::Text(text)) => row.salt = Some(text),
                ("body", json::Value::Text(text)) => row.body = Some(text),
                ("bc", json::Value::Text(text)) => row.bc = Some(text),
                ("gprev", json::Value::Text(text)) => row.gprev = Some(text),
                ("veil", json::Value::Text(_)) | ("salt" | "body" | "bc" | "gprev", json::Value::Null) => {}
                _ => return None,
            }
        }
        (row.seq <= MAX_INTEGER && row.t <= MAX_INTEGER && !row.chain.is_empty() && !row.link.is_empty()).then_some(row)
    }
}

#[cfg(test)]
mod tests {
    use super::super::chain::{Head, NO_HEAD};
    use super::*;

    fn genesis() -> Row {
        Head::open(r#"{"n":"\u00e9\"\\","v":1}"#.into(), "0f".repeat(16), &"11".repeat(32), NO_HEAD, 5).1
    }

    #[test]
    fn a_line_reads_back_and_other_readers_agree() {
        for row in [genesis(), genesis().erased()] {
            assert_eq!(Row::parse(&row.line()).as_ref(), Some(&row));
            let other: serde_json::Value = serde_json::from_str(&row.line()).unwrap();
            assert_eq!(other["body"].as_str(), row.body.as_deref());
            assert_eq!(other.to_string(), row.line(), "serde_json sorts keys too");
        }
    }

    #[test]
    fn an_erased_row_still_links_and_a_changed_one_does_not() {
        let row = genesis();
        assert!(row.links_to(None) && row.is_well_formed());
        assert!(row.erased().links_to(None) && row.erased().is_well_formed());
        assert!(!Row { body: Some("{}".into()), ..row.clone() }.links_to(None));
        assert!(!Row { t: 6, ..row }.links_to(None));
    }

    #[test]
    fn what_is_not_a_row_is_refused() {
        for line in [
            "",
            "[]",
            "{}",
            "{\"seq\":1.5}",
            r#"{"chain":"a","link":"b","seq":0,"t":-1}"#,
            r#"{"chain":"a","link":"b","seq":0,"t":1,"x":1}"#,
            r#"{"chain":"a","link":"b","seq":0,"t":1,"veil":1}"#,
        ] {
            assert_eq!(Row::parse(line), None, "{line}");
        }
    }
}
