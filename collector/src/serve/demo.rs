//! What the demo page needs beyond collecting: to read what was stored, and to damage it as somebody with access to
//! the database could. Only there with `--demo`, which takes loopback addresses alone.

use super::reply::{self, json, refuse};
use super::{App, blocking};
use crate::error::Code;
use crate::export::export;
use crate::store::{Store, read_row};
use crate::verify::check_store;
use axum::extract::{Query, State};
use axum::response::Response;
use nymtrail::core::json::{self, Value};
use nymtrail::core::row::Row;
use rusqlite::{Connection, params};
use serde::Deserialize;
use serde_json::json;
use std::sync::{Arc, PoisonError};

/// A damaged row's own body.
pub struct Original {
    chain: String,
    seq: u64,
    body: String,
}

impl Original {
    fn is_of(&self, row: &Row) -> bool {
        self.chain == row.chain && self.seq == row.seq
    }
}

/// The verdict on everything stored.
pub async fn verify(State(app): State<Arc<App>>) -> Response {
    let report = blocking(app, |app| check_store(&Store::read(&app.path)?)).await;
    report.map_or_else(refuse, |report| reply::text("application/json", report.json()))
}

/// Which rows to read.
#[derive(Deserialize)]
pub struct Which {
    chain: Option<String>,
}

/// Stored rows as NDJSON, of one chain or of all, ordered by chain and seq.
pub async fn rows(State(app): State<Arc<App>>, Query(which): Query<Which>) -> Response {
    let lines = blocking(app, move |app| {
        let mut out = Vec::new();
        export(&Store::read(&app.path)?, which.chain.as_deref(), &mut out)?;
        String::from_utf8(out).map_err(|_| Code::Internal)
    });
    lines.await.map_or_else(refuse, |lines| reply::text("application/x-ndjson", lines))
}

/// Changes the body of one stored event of the chain in use, from its middle, and says which.
pub async fn damage(State(app): State<Arc<App>>) -> Response {
    let damaged = blocking(app, |app| {
        let mut damaged = app.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        app.writer().write(|tx| {
            let (row, body) = choose(tx, &damaged)?.ok_or(Code::NothingToDamage)?;
            let after = changed(&body);
            put(tx, &row.chain, row.seq, &after)?;
            let answer = json!({"chain": row.chain, "seq": row.seq, "before": body, "after": after});
            damaged.push(Original { chain: row.chain, seq: row.seq, body });
            Ok(answer)
        })
    });
    damaged.await.map_or_else(refuse, |answer| json(200, &answer))
}

/// Puts back what was damaged since the server was started.
pub async fn repair(State(app): State<Arc<App>>) -> Response {
    let repaired = blocking(app, |app| {
        let mut damaged = app.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        app.writer().write(|tx| {
            damaged.iter().try_for_each(|original| put(tx, &original.chain, original.seq, &original.body))
        })?;
        Ok(damaged.drain(..).map(|row| json!({"chain": row.chain, "seq": row.seq})).collect::<Vec<_>>())
    });
    repaired.await.map_or_else(refuse, |rows| json(200, &json!({"repaired": rows})))
}

fn choose(db: &Connection, damaged: &[Original]) -> Result<Option<(Row, String)>, Code> {
    let mut candidates = db.prepare(
        "SELECT chain, seq, t, gprev, salt, body, bc, link FROM events e
         WHERE body IS NOT NULL AND chain = (SELECT chain FROM events ORDER BY t DESC LIMIT 1)
         ORDER BY seq = 0, abs(2 * seq - (SELECT max(seq) FROM events WHERE chain = e.chain)), seq",
    )?;
    for row in candidates.query_map([], read_row)? {
        let row = row??;
        if let (false, Some(body)) = (damaged.iter().any(|original| original.is_of(&row)), row.body.clone()) {
            return Ok(Some((row, body)));
        }
    }
    Ok(None)
}

fn put(db: &Connection, chain: &str, seq: u64, body: &str) -> Result<(), Code> {
    db.execute("UPDATE events SET body = ? WHERE chain = ? AND seq = ?", params![body, chain, seq])?;
    Ok(())
}

/// The body with one thing changed that a reader notices: a 9 in front of the first number among the properties, else
/// another name.
fn changed(body: &str) -> String {
    let Some(Value::Map(mut entries)) = json::parse(body) else { return "{}".into() };
    let properties = entries.iter_mut().find_map(|(name, value)| match value {
        Value::Map(properties) if name == "p" => Some(properties),
        _ => None,
    });
    let number = properties.into_iter().flatten().find_map(|(_, value)| match value {
        Value::Number(raw) if !raw.starts_with('-') => Some(raw),
        _ => None,
    });
    if let Some(raw) = number {
        raw.insert(0, '9');
    } else if let Some((_, name)) = entries.iter_mut().find(|(name, _)| name == "n") {
        *name = Value::Text("something else".into());
    } else {
        entries.push(("n".into(), Value::Text("something else".into())));
    }
    json::to_string(&Value::Map(entries))
}

#[cfg(test)]
mod tests {
    use super::changed;

    #[test]
    fn a_reader_notices_the_change() {
        for (before, after) in [
            (r#"{"n":"buy","p":{"item":"tea","price":12.5}}"#, r#"{"n":"buy","p":{"item":"tea","price":912.5}}"#),
            (r#"{"n":"buy","p":{"item":"tea"}}"#, r#"{"n":"something else","p":{"item":"tea"}}"#),
            (r#"{"v":1,"x":"open"}"#, r#"{"n":"something else","v":1,"x":"open"}"#),
            ("[", "{}"),
        ] {
            assert_eq!(changed(before), after);
        }
    }
}
