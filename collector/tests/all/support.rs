//! Chains to send, and a collector to send them to.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use flate2::{Compression, write::GzEncoder};
use http_body_util::BodyExt;
use nymtrail::core::chain::{Hash, Head, NO_HEAD};
use nymtrail::core::hex;
use nymtrail::core::merkle;
use nymtrail::core::note::Vkey;
use nymtrail::core::row::Row;
use nymtrail::core::verify::Report;
use nymtrail_collector::keys::Signer;
use nymtrail_collector::operator;
use nymtrail_collector::serve::{App, Config, router};
use nymtrail_collector::store::{Expected, Store};
use nymtrail_collector::verify::check_store;
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;
use tower::ServiceExt;

/// 2026-09-21 14:13:20Z.
pub const NOW: u64 = 1_790_000_000_000;
/// The day of it.
pub const TODAY: u64 = 20_717;

/// A chain of `rows` rows of the deployment `shop`, opened today. Chains with another `n` have nothing in common.
pub fn chain(n: u64, rows: u64) -> Vec<Row> {
    chain_of(n, rows, &format!(r#"{{"dep":"shop","ep":{TODAY},"v":1,"x":"open"}}"#))
}

/// As [`chain`], with another first body.
pub fn chain_of(n: u64, rows: u64, opening: &str) -> Vec<Row> {
    let salt = |seq: u64| format!("{n:016x}{seq:016x}");
    let (mut head, genesis) = Head::open(opening.into(), salt(0), &format!("{n:064x}"), NO_HEAD, NOW);
    let event = |seq| format!(r#"{{"k":"track","n":"view","p":{{"chain":{n},"seq":{seq}}}}}"#);
    let mut all = vec![genesis];
    all.extend((1..rows).map(|seq| head.append(event(seq), salt(seq), NOW + seq)));
    all
}

/// The head that the row leaves, to go on from.
pub fn head(row: &Row) -> Head {
    Head { chain: row.chain.clone(), seq: row.seq, t: row.t, link: row.link.clone() }
}

/// The row with one thing changed.
pub fn with(row: &Row, change: impl FnOnce(&mut Row)) -> Row {
    let mut row = row.clone();
    change(&mut row);
    row
}

/// The root of the tree over these rows.
pub fn root(rows: &[Row]) -> Hash {
    let leaves: Vec<_> = rows.iter().map(|row| Hash(hex::decode(&row.link).unwrap())).collect();
    merkle::root(&leaves)
}

/// A request's body, in today's epoch.
pub fn batch(rows: &[Row]) -> String {
    batch_of("shop", json!(TODAY), rows)
}

/// A request's body.
pub fn batch_of(deployment: &str, epoch: Value, rows: &[Row]) -> String {
    let lines: Vec<_> = rows.iter().map(Row::line).collect();
    let lines = lines.join(",");
    format!(r#"{{"deployment":"{deployment}","epoch":{epoch},"sent_at":{NOW},"age_ms":3.5,"rows":[{lines}]}}"#)
}

/// The text, gzipped.
pub fn gzip(text: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

/// Runs the program. Its exit code, and what it printed.
pub fn run(dir: &Path, args: &[&str], input: &[u8]) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_nymtrail"))
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input); // some commands don't read it
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// What was answered.
pub struct Answer {
    pub status: StatusCode,
    pub body: Value,
}

impl Answer {
    /// `stored`, `duplicate` or the code of the refusal, for each row.
    pub fn outcomes(&self) -> Vec<&str> {
        let word = |row: &Value| if row["status"] == "refused" { row["code"].clone() } else { row["status"].clone() };
        let known = [
            "stored",
            "duplicate",
            "gap",
            "fork",
            "bad_link",
            "first_level",
            "time_back",
            "malformed_row",
            "wrong_deployment",
            "unknown_epoch",
            "chain_erased",
        ];
        let results = self.body["results"].as_array().expect("results");
        results.iter().map(|row| *known.iter().find(|known| word(row) == **known).expect("a known word")).collect()
    }

    /// The status and the code of a request that was refused as a whole.
    pub fn error(&self) -> (u16, &str) {
        assert!(self.body["error"]["message"].as_str().is_some_and(|message| message.len() > 20));
        (self.status.as_u16(), self.body["error"]["code"].as_str().expect("a code"))
    }
}

/// A collector of its own, with a clock that can be set.
pub struct Collector {
    pub dir: TempDir,
    pub now: Arc<AtomicU64>,
    pub config: Config,
    /// Done to the store before it is used, also after a restart.
    pub prepare: fn(&Store),
    app: axum::Router,
}

impl Collector {
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    pub fn with(config: Config) -> Self {
        Self::prepared(config, |_| ())
    }

    pub fn prepared(config: Config, prepare: fn(&Store)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let now = Arc::new(AtomicU64::new(NOW));
        let app = start(&dir, &now, config.clone(), prepare);
        Self { dir, now, config, prepare, app }
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("a.db")
    }

    pub fn restart(&mut self) {
        self.app = axum::Router::new(); // closes the store first
        self.app = start(&self.dir, &self.now, self.config.clone(), self.prepare);
    }

    pub async fn send(&self, request: Request<Body>) -> axum::http::Response<Body> {
        self.app.clone().oneshot(request).await.unwrap()
    }

    pub async fn post(&self, body: impl Into<Body>) -> Answer {
        let request = Request::builder().method(Method::POST).uri("/v1/batch").header("content-type", "text/plain");
        answer(self.send(request.body(body.into()).unwrap()).await).await
    }

    /// Sends a body that says it is gzipped.
    pub async fn post_packed(&self, body: impl Into<Body>) -> Answer {
        let request = Request::builder().method(Method::POST).uri("/v1/batch").header("content-encoding", "gzip");
        answer(self.send(request.body(body.into()).unwrap()).await).await
    }

    pub async fn post_rows(&self, rows: &[Row]) -> Answer {
        self.post(batch(rows)).await
    }

    pub async fn get(&self, path: &str) -> axum::http::Response<Body> {
        self.send(Request::builder().uri(path).body(Body::empty()).unwrap()).await
    }

    /// The verdict on what was sent and stored, by a reader of its own.
    pub fn report(&self) -> Report {
        let store = Store::read(&self.path()).unwrap();
        let operators = operator::ids(store.db()).unwrap();
        let chains = check_store(&store).unwrap().chains;
        Report::of(chains.into_iter().filter(|chain| !operators.contains(&chain.chain)).collect())
    }

    /// Everything that was sent and stored, ordered by chain and seq.
    pub fn rows(&self) -> Vec<Row> {
        self.split_rows().0
    }

    /// The rows that were sent, and those of the operator's own chains.
    pub fn split_rows(&self) -> (Vec<Row>, Vec<Row>) {
        let (mut rows, store) = (Vec::new(), Store::read(&self.path()).unwrap());
        let each = |row| {
            rows.push(row);
            Ok(())
        };
        store.each_row(None, each).unwrap();
        let operators = operator::ids(store.db()).unwrap();
        rows.into_iter().partition(|row| !operators.contains(&row.chain))
    }

    /// The collector's public key.
    pub fn vkey(&self) -> Vkey {
        Signer::read(&self.path(), "shop").unwrap().unwrap().vkey().clone()
    }

    pub fn set_clock(&self, now: u64) {
        self.now.store(now, Ordering::SeqCst);
    }
}

pub async fn text(response: axum::http::Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().into()).unwrap()
}

pub async fn answer(response: axum::http::Response<Body>) -> Answer {
    let status = response.status();
    Answer { status, body: serde_json::from_str(&text(response).await).expect("JSON") }
}

fn start(dir: &TempDir, now: &Arc<AtomicU64>, config: Config, prepare: fn(&Store)) -> axum::Router {
    let path = dir.path().join("a.db");
    let store = Store::open(&path, &Expected::default()).unwrap();
    prepare(&store);
    let now = now.clone();
    let signer = Signer::open(&path, &store.deployment).unwrap().0;
    router(App::new(store, signer, path, config, Box::new(move || now.load(Ordering::SeqCst))))
}
