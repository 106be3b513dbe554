//! What is here of one person, as far as pseudonyms say: for who asks to see it.

use crate::erase::{Place, Which, find};
use crate::error::Code;
use crate::store::Store;
use crate::time::utc;
use nymtrail::core::row::Row;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON document to read, its events as objects, with times.
    Json,
    /// The rows as they are stored, one a line, which `nymtrail verify` can check.
    Ndjson,
}

/// Writes every event that holds one of these pseudonyms, ordered by chain and seq. `now` is in ms since 1970. Returns how many.
///
/// # Errors
/// `cannot_write`, `malformed_row`, `unavailable`.
pub fn export(
    store: &Store,
    pseudonyms: &[String],
    format: Format,
    now: u64,
    mut out: impl Write,
) -> Result<usize, Code> {
    let places = find(store, &Which::Pseudonyms(pseudonyms.to_vec()))?;
    let rows = places.iter().map(|place| row_at(store, place));
    match format {
        Format::Ndjson => {
            for row in rows {
                writeln!(out, "{}", row?.line()).map_err(|_| Code::CannotWrite)?;
            }
        }
        Format::Json => {
            let rows = rows.collect::<Result<Vec<_>, _>>()?;
            let document = document(store, pseudonyms, &rows, now);
            serde_json::to_writer_pretty(&mut out, &document).map_err(|_| Code::CannotWrite)?;
            writeln!(out).map_err(|_| Code::CannotWrite)?;
        }
    }
    out.flush().map_err(|_| Code::CannotWrite)?;
    Ok(places.len())
}

fn row_at(store: &Store, (chain, seq): &Place) -> Result<Row, Code> {
    store.row(chain, *seq)?.ok_or(Code::Unavailable)
}

/// `devices` and `visits` are the ids in these events: events from before the person signed in have these alone.
fn document(store: &Store, pseudonyms: &[String], rows: &[Row], now: u64) -> Value {
    let body = |row: &Row| row.body.as_deref().and_then(|body| serde_json::from_str(body).ok()).unwrap_or(Value::Null);
    let event = |row: &Row| json!({"time": utc(row.t / 1000), "chain": row.chain, "seq": row.seq, "event": body(row)});
    let ids = |name: &str| -> BTreeSet<String> {
        rows.iter().filter_map(|row| body(row)[name].as_str().map(str::to_owned)).collect()
    };
    json!({
        "deployment": store.deployment,
        "exported": utc(now / 1000),
        "pseudonyms": pseudonyms,
        "devices": ids("d"),
        "visits": ids("s"),
        "events": rows.iter().map(event).collect::<Vec<_>>(),
    })
}
