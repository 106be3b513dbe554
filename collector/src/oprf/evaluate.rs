//! What a request for evaluations goes through: is it one, is its epoch open, who asks, how many are left, and only then the key.

use super::limits::Limits;
use super::store::KeyStore;
use super::tickets::Secret;
use super::{audit, keys};
use crate::error::Code;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nymtrail_oprf::Key;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A request may ask for so many evaluations. The proof is one for all.
pub const MAX_ELEMENTS: usize = 16;

/// A request, as JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The epoch whose key is to be used.
    pub epoch: u64,
    /// Blinded elements, each 32 bytes in base64url without padding.
    pub elements: Vec<String>,
    /// A ticket of the site's back end, if it gives any.
    pub ticket: Option<String>,
}

/// The answer, as JSON.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The evaluated elements, in the order of the request.
    pub elements: Vec<String>,
    /// One proof for all of them, 64 bytes.
    pub proof: String,
}

/// Why there are no evaluations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub code: Code,
    /// In how many seconds there may be some.
    pub retry_after: Option<u64>,
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self { code, retry_after: None }
    }
}

/// Who may have how much.
#[derive(Clone, Debug, Default)]
pub struct Admission {
    /// The secret that tickets are signed with.
    pub secret: Option<Secret>,
    /// Whether a request needs a ticket.
    pub ticket_required: bool,
}

/// A request that passed, and what is left to be done for it: work that needs neither the store nor the limits.
pub struct Granted {
    key: Key,
    elements: Vec<Vec<u8>>,
}

impl Granted {
    /// Evaluates.
    ///
    /// # Errors
    /// `not_an_element`, `unavailable`.
    pub fn evaluate(&self) -> Result<Answer, Code> {
        let elements = self.elements.iter().map(Vec::as_slice);
        let (answers, proof) =
            self.key.evaluate(elements, &mut keys::System::new()?).map_err(|_| Code::NotAnElement)?;
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Ok(Answer { elements: answers.iter().map(|answer| text(answer)).collect(), proof: text(&proof) })
    }
}

/// Judges a request and counts it, whatever becomes of it.
///
/// # Errors
/// Why it is refused: `malformed_evaluation`, `too_many_elements`, `not_an_element`, `unknown_epoch`, `ticket_refused`, `ticket_spent`,
/// `rate_limited`, `unavailable`.
pub fn admit(
    store: &KeyStore,
    limits: &mut Limits,
    admission: &Admission,
    requester: IpAddr,
    body: &[u8],
    now: u64,
) -> Result<Granted, Refusal> {
    let request = serde_json::from_slice::<Request>(body).map_err(|_| Code::MalformedEvaluation);
    let asked = request.as_ref().map_or(0, |request| request.elements.len());
    // One transaction: what is used up and what is counted are written together, before anything is answered.
    let tx = store.db.unchecked_transaction().map_err(Code::from)?;
    let outcome =
        request.map_err(Refusal::from).and_then(|request| judge(store, limits, admission, requester, request, now));
    let refused = outcome.as_ref().err().map(|refusal| refusal.code);
    audit::count(&tx, now, refused, asked)?;
    tx.commit().map_err(Code::from)?;
    outcome
}

fn judge(
    store: &KeyStore,
    limits: &mut Limits,
    admission: &Admission,
    requester: IpAddr,
    request: Request,
    now: u64,
) -> Result<Granted, Refusal> {
    let count = request.elements.len();
    if count > MAX_ELEMENTS {
        return Err(Code::TooManyElements.into());
    }
    let read = |text: &String| URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| nymtrail_oprf::is_element(bytes));
    let elements = request.elements.iter().map(read).collect::<Option<Vec<_>>>();
    let elements = elements.filter(|elements| !elements.is_empty()).ok_or(Code::NotAnElement)?;
    let key = keys::key(store, request.epoch, now)?;

    let ticket = match (&request.ticket, &admission.secret) {
        (None, _) if !admission.ticket_required => None,
        (Some(text), Some(secret)) => Some(secret.ticket(text, &store.deployment, now).ok_or(Code::TicketRefused)?),
        _ => return Err(Code::TicketRefused.into()),
    };
    let spent = match &ticket {
        Some(ticket) => {
            let used = used(&store.db, request.epoch, &ticket.place)?;
            if used + count as u64 > u64::from(ticket.evaluations) {
                return Err(Code::TicketSpent.into());
            }
            Some((ticket, used))
        }
        None => None,
    };
    // Many people may share an address, but not a ticket.
    let requester = spent.is_none().then_some(requester);
    let limited = |seconds| Refusal { code: Code::RateLimited, retry_after: Some(seconds) };
    limits.take(requester, count, now).map_err(limited)?;
    if let Some((ticket, used)) = spent {
        let values = params![request.epoch, ticket.place, used + count as u64];
        store.db.execute("INSERT OR REPLACE INTO tickets VALUES (?, ?, ?)", values).map_err(Code::from)?;
    }
    Ok(Granted { key, elements })
}

fn used(db: &Connection, epoch: u64, place: &str) -> Result<u64, Code> {
    let mut find = db.prepare_cached("SELECT used FROM tickets WHERE epoch = ? AND ticket = ?")?;
    Ok(find.query_row(params![epoch, place], |row| row.get(0)).optional()?.unwrap_or(0))
}
