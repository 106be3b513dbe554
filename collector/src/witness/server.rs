//! The witness itself: its state, its rules, and its one path.

use crate::error::Code;
use crate::keys::Signer;
use crate::serve::now_ms;
use crate::signing::NoteKey;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::{Engine, engine::general_purpose::STANDARD};
use nymtrail::core::chain::Hash;
use nymtrail::core::hex;
use nymtrail::core::merkle::{empty_root, verify_consistency};
use nymtrail::core::note::{Checkpoint, Note, Signed};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The longest proof that tlog-witness allows.
const MAX_PROOF: usize = 63;
/// The longest request: a proof and a note with as many signatures as we read.
const MAX_REQUEST: usize = 64 << 10;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS logs (
  origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root TEXT NOT NULL, note TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// Why a checkpoint is not cosigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no request, or goes back behind its own old size.
    Malformed,
    /// The log is not known.
    UnknownLog,
    /// The log's key did not sign it.
    NotSigned,
    /// The old size is not the one that was cosigned last, which is this; or it is, with another root.
    Conflict(u64),
    /// The proof does not show that it continues what was cosigned.
    NotProved,
    /// What was cosigned can't be read or kept.
    Unavailable,
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        tracing::error!(%error, "the state of the witness can't be used");
        Self::Unavailable
    }
}

/// A witness: a key, the logs that it knows, and what it cosigned.
pub struct Witness {
    signer: Signer,
    logs: Vec<NoteKey>,
    state: Connection,
}

impl Witness {
    /// Opens the state in this file, and makes it if there is none.
    ///
    /// # Errors
    /// `cannot_read`, `unavailable`.
    pub fn open(signer: Signer, logs: Vec<NoteKey>, state: &Path) -> Result<Self, Code> {
        let state = Connection::open(state).map_err(|_| Code::CannotRead)?;
        state.busy_timeout(Duration::from_secs(5))?;
        state.pragma_update(None, "journal_mode", "wal")?;
        state.pragma_update(None, "synchronous", "full")?;
        state.execute_batch(SCHEMA)?;
        Ok(Self { signer, logs, state })
    }

    /// Judges a request and cosigns. The check and the new state are one transaction, and it is on disk before the
    /// cosignature leaves: otherwise two requests at once could set the state back. `time` is in seconds since 1970.
    ///
    /// # Errors
    /// Why it does not cosign.
    pub fn add_checkpoint(&mut self, request: &str, time: u64) -> Result<String, Refusal> {
        let (old, proof, note) = read(request).ok_or(Refusal::Malformed)?;
        let checkpoint = Checkpoint::parse(&note.text).ok_or(Refusal::Malformed)?;
        let mut keys = self.logs.iter().filter(|key| key.name == checkpoint.origin).peekable();
        keys.peek().ok_or(Refusal::UnknownLog)?;
        if !keys.any(|key| key.judge(&note) == Signed::At(0)) {
            return Err(Refusal::NotSigned);
        }
        if old > checkpoint.size {
            return Err(Refusal::Malformed);
        }
        let tx = self.state.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let last = tx
            .query_row("SELECT size, root FROM logs WHERE origin = ?", [&checkpoint.origin], |row| {
                Ok((row.get::<_, u64>(0)?, row.get::<_, String>(1)?))
            })
            .optional()?;
        let (size, root) = last.unwrap_or_else(|| (0, empty_root().hex()));
        let root = hex::decode(&root).map(Hash).ok_or(Refusal::Unavailable)?;
        if old != size || size == checkpoint.size && root != checkpoint.root {
            return Err(Refusal::Conflict(size));
        }
        let continues = match old {
            0 => proof.is_empty(),
            _ if old == checkpoint.size => proof.is_empty(),
            _ => verify_consistency(old, &root, checkpoint.size, &checkpoint.root, &proof),
        };
        if !continues {
            return Err(Refusal::NotProved);
        }
        let Checkpoint { origin, size, root } = &checkpoint;
        let values = params![origin, size, root.hex(), note.to_string()];
        tx.execute("INSERT OR REPLACE INTO logs VALUES (?, ?, ?, ?)", values)?;
        tx.commit()?;
        let cosigned = self.signer.sign(&checkpoint, time).to_string();
        // The signature lines alone.
        cosigned.strip_prefix(&format!("{}\n", checkpoint.text())).map(Into::into).ok_or(Refusal::Unavailable)
    }
}

/// The old size, the proof and the note of a request.
fn read(request: &str) -> Option<(u64, Vec<Hash>, Note)> {
    let (head, note) = request.split_once("\n\n")?;
    let mut lines = head.split('\n');
    let old = lines.next()?.strip_prefix("old ")?;
    let number = old.parse().ok().filter(|number: &u64| number.to_string() == old)?;
    let hash = |line: &str| Some(Hash(STANDARD.decode(line).ok()?.try_into().ok()?));
    let proof: Vec<_> = lines.map(hash).collect::<Option<_>>()?;
    (proof.len() <= MAX_PROOF).then_some(())?;
    Some((number, proof, Note::parse(note)?))
}

type Shared = State<Arc<Mutex<Witness>>>;

/// The witness's one path.
pub fn router(witness: Witness) -> Router {
    let shared = Arc::new(Mutex::new(witness));
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .layer(DefaultBodyLimit::max(MAX_REQUEST))
        .with_state(shared)
}

async fn add_checkpoint(State(witness): Shared, request: String) -> Response {
    let done = tokio::task::spawn_blocking(move || {
        let mut witness = witness.lock().unwrap_or_else(PoisonError::into_inner);
        witness.add_checkpoint(&request, now_ms() / 1000)
    });
    let status = match done.await.unwrap_or(Err(Refusal::Unavailable)) {
        Ok(lines) => return lines.into_response(),
        Err(Refusal::Conflict(size)) => {
            let kind = [(header::CONTENT_TYPE, "text/x.tlog.size")];
            return (StatusCode::CONFLICT, kind, format!("{size}\n")).into_response();
        }
        Err(Refusal::Malformed) => StatusCode::BAD_REQUEST,
        Err(Refusal::UnknownLog) => StatusCode::NOT_FOUND,
        Err(Refusal::NotSigned) => StatusCode::FORBIDDEN,
        Err(Refusal::NotProved) => StatusCode::UNPROCESSABLE_ENTITY,
        Err(Refusal::Unavailable) => StatusCode::SERVICE_UNAVAILABLE,
    };
    status.into_response()
}

/// Serves until it is stopped.
///
/// # Errors
/// `cannot_listen`, `internal`.
pub fn run(witness: Witness, listen: SocketAddr, said: impl FnOnce(SocketAddr)) -> Result<(), Code> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|_| Code::Internal)?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(listen).await.map_err(|_| Code::CannotListen)?;
        said(listener.local_addr().map_err(|_| Code::CannotListen)?);
        let server = axum::serve(listener, router(witness)).with_graceful_shutdown(crate::serve::stop_signal());
        server.await.map_err(|_| Code::Internal)
    })
}
