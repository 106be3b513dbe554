//! Responses: JSON, text, and refusals with their code.

use crate::error::Code;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

/// Every answer of the API may be asked for again at once, so none is kept by a cache.
const NO_STORE: (header::HeaderName, &str) = (header::CACHE_CONTROL, "no-store");
/// After how many seconds a client may try again when nothing can be taken.
const RETRY_AFTER: &str = "5";

/// A JSON response.
pub fn json(status: u16, value: &impl Serialize) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [NO_STORE], axum::Json(value)).into_response()
}

/// A response of text.
pub fn text(kind: &'static str, text: String) -> Response {
    ([NO_STORE, (header::CONTENT_TYPE, kind)], text).into_response()
}

/// The answer to a request that is refused as a whole.
pub fn refuse(code: Code) -> Response {
    let error = json!({"error": {"code": code.as_str(), "message": code.message()}});
    let mut response = json(code.status().unwrap_or(500), &error);
    let hint = match code {
        Code::Unavailable | Code::Overloaded => Some((header::RETRY_AFTER, RETRY_AFTER)),
        Code::UnsupportedMediaType => Some((header::ACCEPT_ENCODING, "gzip, identity")),
        _ => None,
    };
    if let Some((name, value)) = hint {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// For paths that lead nowhere.
pub async fn fallback(method: Method) -> Response {
    // What is served as a file is only ever read.
    refuse(if matches!(method, Method::GET | Method::HEAD) { Code::NotFound } else { Code::MethodNotAllowed })
}

/// For methods that a path doesn't take.
pub async fn not_allowed() -> Response {
    refuse(Code::MethodNotAllowed)
}
