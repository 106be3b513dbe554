//! Rows as text from outside: one JSON object with exactly the columns of format `e1`.

use nymtrail::core::row::{MAX_INTEGER, Row};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Columns {
    chain: String,
    seq: u64,
    t: u64,
    link: String,
    gprev: Option<String>,
    salt: Option<String>,
    body: Option<String>,
    bc: Option<String>,
}

/// Reads a row: each column once and of its type, no other columns, no number beyond 2^53 - 1. A column that is
/// `null` counts as absent. What the columns hold is not judged here.
pub fn parse(text: &str) -> Option<Row> {
    let Columns { chain, seq, t, link, gprev, salt, body, bc } = serde_json::from_str(text).ok()?;
    (seq <= MAX_INTEGER && t <= MAX_INTEGER).then_some(Row { chain, seq, t, link, gprev, salt, body, bc })
}
