//! Rows as text from outside: one JSON object with exactly the columns of format `e1`.

use nymtrail::core::json::{self, Value};
use nymtrail::core::row::{MAX_INTEGER, Row};

const NAMES: [&str; 9] = ["bc", "body", "chain", "gprev", "link", "salt", "seq", "t", "veil"];

/// Reads a row: each column once and of its type, no other columns, no number beyond 2^53 - 1. A column that is
/// `null` counts as absent, and a [veil](nymtrail::core::pepper) is none. What the columns hold is not judged here.
pub fn parse(text: &str) -> Option<Row> {
    let Value::Map(entries) = json::parse(text)? else { return None };
    let mut columns = [const { None }; 9];
    for (name, value) in entries {
        let at = NAMES.iter().position(|known| *known == name)?;
        if columns.get_mut(at)?.replace(value).is_some() {
            return None;
        }
    }
    let [bc, body, chain, gprev, link, salt, seq, t, veil] = columns;
    optional(veil, text)?;
    let (seq, t) = (seq?.as_u64()?, t?.as_u64()?);
    let required = |column: Option<Value>| optional(column, text)?;
    let (bc, body, gprev, salt) =
        (optional(bc, text)?, optional(body, text)?, optional(gprev, text)?, optional(salt, text)?);
    let (chain, link) = (required(chain)?, required(link)?);
    (seq <= MAX_INTEGER && t <= MAX_INTEGER).then_some(Row { chain, seq, t, link, gprev, salt, body, bc })
}

/// The text of a column, if it has one; `None` if it is of another type. The reader gives half a surrogate pair as U+FFFD,
/// but what is not text is not to be taken for a text that somebody wrote.
fn optional(column: Option<Value>, line: &str) -> Option<Option<String>> {
    const REPLACED: char = char::REPLACEMENT_CHARACTER;
    match column {
        None | Some(Value::Null) => Some(None),
        Some(Value::Text(text)) => {
            let is_text =
                !text.contains(REPLACED) || line.contains(REPLACED) || line.to_ascii_lowercase().contains("\\ufffd");
            is_text.then_some(Some(text))
        }
        Some(_) => None,
    }
}
