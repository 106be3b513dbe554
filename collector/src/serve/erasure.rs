//! `POST /v1/erase`: a device has its chain erased, with the token whose hash is in the chain's first row.

use super::{App, blocking, body, refuse};
use crate::erase::{erase_by_token, is_token};
use crate::error::Code;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use nymtrail::core::hex;
use serde::Deserialize;
use std::sync::Arc;

/// More than a chain and a token take.
const MAX_BODY: usize = 1024;

/// What is asked for. What else is sent is not read.
#[derive(Deserialize)]
struct Erasure {
    chain: String,
    token: String,
}

/// Answers 204 also when there is nothing left to erase, or nothing yet: asking again tells nobody anything.
pub async fn take(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, Response> {
    if body::is_gzipped(&headers).map_err(refuse)? {
        return Err(refuse(Code::UnsupportedMediaType));
    }
    let body = body::read(body, MAX_BODY, &app.room).await.map_err(refuse)?;
    let asked: Erasure = serde_json::from_slice(&body).map_err(|_| refuse(Code::MalformedErasure))?;
    if !hex::is_hex(&asked.chain, 64) || !is_token(&asked.token) {
        return Err(refuse(Code::MalformedErasure));
    }
    let erased = blocking(app, move |app| {
        let place = (asked.chain.as_str(), asked.token.as_str());
        app.writer().write(|tx| erase_by_token(tx, &app.signer, &app.deployment, place, (app.clock)()))
    });
    let events = erased.await.map_err(refuse)?.len();
    tracing::info!(events, "erased a chain as its device asked");
    Ok(StatusCode::NO_CONTENT.into_response())
}
