//! Rows as text from outside: one JSON object with exactly the columns of format `e1`.

use nymtrail::core::hex;
use nymtrail::core::row::{MAX_INTEGER, Row};
pub use nymtrail_verify::rows::parse;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// Whether the row may be stored: every column in its form, and the body the ASCII text of a JSON object, or gone
/// together with its salt.
pub fn is_storable(row: &Row) -> bool {
    row.is_well_formed()
        && match &row.body {
            Some(body) => {
                body.bytes().all(|byte| (0x20..0x7f).contains(&byte))
                    && body.trim_start().starts_with('{')
                    && serde_json::from_str::<IgnoredAny>(body).is_ok()
            }
            None => row.salt.is_none(),
        }
}

/// The place a text that is no row claims, as far as it can be read: chain, seq and link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// The chain's id.
    pub chain: Option<String>,
    /// Position in the chain.
    pub seq: Option<u64>,
    /// The link.
    pub link: Option<String>,
}

impl Claim {
    /// Reads what can be read. Nothing that is not of its form gets through.
    pub fn read(text: &str) -> Self {
        #[derive(Default, Deserialize)]
        struct Columns<'a> {
            #[serde(borrow)]
            chain: Option<&'a RawValue>,
            seq: Option<&'a RawValue>,
            link: Option<&'a RawValue>,
        }
        let columns: Columns = serde_json::from_str(text).unwrap_or_default();
        let hash = |column: Option<&RawValue>| {
            let text: String = serde_json::from_str(column?.get()).ok()?;
            hex::is_hex(&text, 64).then_some(text)
        };
        let seq = columns.seq.and_then(|seq| serde_json::from_str(seq.get()).ok());
        Self { chain: hash(columns.chain), seq: seq.filter(|seq| *seq <= MAX_INTEGER), link: hash(columns.link) }
    }
}

impl From<&Row> for Claim {
    fn from(row: &Row) -> Self {
        let hash = |text: &String| hex::is_hex(text, 64).then(|| text.clone());
        Self { chain: hash(&row.chain), seq: Some(row.seq), link: hash(&row.link) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nymtrail::core::chain::{Head, NO_HEAD};

    fn genesis(body: &str) -> Row {
        Head::open(body.into(), "0f".repeat(16), &"11".repeat(32), NO_HEAD, 5).1
    }

    #[test]
    fn a_line_of_the_core_is_a_row() {
        let row = genesis(r#"{"n":"\u00e9","v":1}"#);
        for row in [row.erased(), row] {
            assert_eq!(parse(&row.line()).as_ref(), Some(&row));
            assert!(is_storable(&row));
        }
    }

    #[test]
    fn what_is_not_a_row_is_refused() {
        let line = genesis("{}").line();
        for (from, to) in [
            ("\"seq\":0", "\"seq\":-1"),
            ("\"seq\":0", "\"seq\":0.5"),
            ("\"seq\":0", "\"seq\":\"0\""),
            ("\"seq\":0", "\"seq\":0,\"seq\":0"),
            ("\"seq\":0", "\"seq\":0,\"extra\":0"),
            ("\"seq\":0", "\"seq\":9007199254740992"),
            ("\"seq\":0,", ""),
            ("\"t\":5", "\"t\":null"),
            ("{\"body\":\"{}\"", "{\"body\":{}"),
            ("}", ""),
        ] {
            assert!(line.contains(from));
            assert_eq!(parse(&line.replace(from, to)), None, "{to}");
        }
        assert_eq!(parse(&line.replace("\"seq\":0", "\"bc\":null,\"seq\":0")), Some(genesis("{}")));
    }

    #[test]
    fn only_what_the_format_allows_is_stored() {
        let row = genesis("{}");
        let with = |change: fn(&mut Row)| {
            let mut row = row.clone();
            change(&mut row);
            row
        };
        for wrong in [
            genesis("[]"),
            genesis("{"),
            genesis("{\"n\":\"\u{e9}\"}"),
            genesis("{\n}"),
            with(|row| row.salt = Some("0F".repeat(16))),
            with(|row| row.salt = Some("a|".repeat(16))),
            with(|row| row.gprev = None),
            with(|row| row.seq = 1),
            with(|row| row.bc = Some("0".repeat(64))),
            with(|row| row.body = None),
            Row { salt: row.salt.clone(), ..row.erased() },
            with(|row| row.chain.make_ascii_uppercase()),
            with(|row| row.link.truncate(63)),
        ] {
            assert!(!is_storable(&wrong), "{wrong:?}");
        }
    }

    #[test]
    fn a_claim_holds_only_what_has_its_form() {
        assert_eq!(Claim::read("nothing"), Claim::default());
        assert_eq!(Claim::read(r#"{"chain":"me@example.org","seq":"1","link":7}"#), Claim::default());
        assert_eq!(Claim::read(r#"{"chain":1,"seq":3,"t":"x"}"#), Claim { seq: Some(3), ..Claim::default() });
    }
}
