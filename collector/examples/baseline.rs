//! What taking batches costs without any of the collector's rules. `bench/collector.mjs` compares the collector with it.
//!
//! `POST /echo` reads a body and answers. `POST /insert` puts the rows of a batch into a table like the store's, one
//! transaction a batch, on disk before the answer. The argument is the database to make; the port is printed.

use axum::{Router, body::Bytes, http::StatusCode, routing::post};
use rusqlite::{Connection, params};
use serde::Deserialize;
use std::error::Error;
use std::sync::{Arc, Mutex};

#[derive(Deserialize)]
struct Batch {
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    chain: String,
    seq: u64,
    t: u64,
    gprev: Option<String>,
    salt: Option<String>,
    body: Option<String>,
    bc: Option<String>,
    link: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let db = Connection::open(std::env::args().nth(1).ok_or("name the database to make")?)?;
    db.execute_batch(
        "PRAGMA journal_mode = wal; PRAGMA synchronous = full; PRAGMA secure_delete = on; PRAGMA temp_store = memory;
         CREATE TABLE events (
           chain TEXT NOT NULL, seq INTEGER NOT NULL, t INTEGER NOT NULL, gprev TEXT, salt TEXT, body TEXT, bc TEXT,
           link TEXT NOT NULL, PRIMARY KEY (chain, seq)) STRICT, WITHOUT ROWID;",
    )?;
    let db = Arc::new(Mutex::new(db));
    let take = async move |body: Bytes| {
        let db = db.clone();
        match tokio::task::spawn_blocking(move || insert(&db, &body).is_ok()).await {
            Ok(true) => StatusCode::OK,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    };
    let echo = async |body: Bytes| body.len().to_string();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/", listener.local_addr()?);
    Ok(axum::serve(listener, Router::new().route("/echo", post(echo)).route("/insert", post(take))).await?)
}

fn insert(db: &Mutex<Connection>, body: &[u8]) -> Result<(), Box<dyn Error>> {
    let batch: Batch = serde_json::from_slice(body)?;
    let mut db = db.lock().map_err(|_| "poisoned")?;
    let tx = db.transaction()?;
    for Row { chain, seq, t, gprev, salt, body, bc, link } in batch.rows {
        let mut insert = tx.prepare_cached("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
        insert.execute(params![chain, seq, t, gprev, salt, body, bc, link])?;
    }
    Ok(tx.commit()?)
}
