//! From a request to the bytes of a batch: what they say they are, how long they may take, and how much of all of them
//! is held at a time.

use crate::error::Code;
use axum::body::Body;
use axum::http::{HeaderMap, header};
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;
use std::io::Read;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a request's body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);
/// How much of a body that is too large is read all the same. Answering in the middle of an upload resets the
/// connection, and a browser then reports a network failure in place of the answer.
const DRAIN_BYTES: usize = 64 << 20;
/// How much is held of all bodies together, in KiB: 64 MiB. What comes beyond it is to come again later.
const ROOM: usize = 64 << 10;

/// The room for all bodies together, in KiB: a few of the largest find place in any case.
pub fn room(max_body: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(ROOM.max(4 * max_body.div_ceil(1024))))
}

/// A body that has arrived; it takes room for as long as it is kept.
#[derive(Default)]
pub struct Held {
    bytes: Vec<u8>,
    room: Option<OwnedSemaphorePermit>,
}

impl Held {
    /// Adds bytes, if there is room for them.
    fn push(&mut self, data: &[u8], room: &Arc<Semaphore>) -> Result<(), Code> {
        let taken = self.room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let needed = (self.bytes.len() + data.len()).div_ceil(1024).saturating_sub(taken);
        let more = u32::try_from(needed).map_err(|_| Code::Overloaded)?;
        let more = room.clone().try_acquire_many_owned(more).map_err(|_| Code::Overloaded)?;
        match &mut self.room {
            Some(held) => held.merge(more),
            None => self.room = Some(more),
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }
}

impl Deref for Held {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads a body to its end, also one that is not taken.
///
/// # Errors
/// `body_too_large`, `overloaded`, `request_timeout`; `malformed_batch` if the connection ended before the body.
pub async fn read(mut body: Body, limit: usize, room: &Arc<Semaphore>) -> Result<Held, Code> {
    let read = async {
        let (mut held, mut size) = (Ok(Held::default()), 0);
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| Code::MalformedBatch)?.into_data() else { continue };
            size += data.len();
            if size > limit {
                held = Err(Code::BodyTooLarge);
            } else if let Ok(body) = &mut held
                && let Err(code) = body.push(&data, room)
            {
                held = Err(code);
            }
            if size > limit.max(DRAIN_BYTES) {
                break;
            }
        }
        held
    };
    tokio::time::timeout(BODY_TIME, read).await.unwrap_or(Err(Code::RequestTimeout))
}

/// Whether the body is gzipped, if it is something to read at all. A text/plain request needs no preflight, which is why
/// the client sends that; what it holds is JSON either way.
///
/// # Errors
/// `unsupported_media_type`.
pub fn is_gzipped(headers: &HeaderMap) -> Result<bool, Code> {
    let text = |name| {
        let values = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?").to_ascii_lowercase());
        values.reduce(|all, value| all + "," + &value)
    };
    let kind = text(header::CONTENT_TYPE);
    let kind = kind.as_deref().and_then(|kind| kind.split(';').next()).map(str::trim);
    match (kind, text(header::CONTENT_ENCODING).as_deref()) {
        (None | Some("text/plain" | "application/json"), None | Some("identity")) => Ok(false),
        (None | Some("text/plain" | "application/json"), Some("gzip" | "x-gzip")) => Ok(true),
        _ => Err(Code::UnsupportedMediaType),
    }
}

/// Unpacks a gzipped body, but no further than one byte over the limit: what a few bytes may unpack to has no end.
///
/// # Errors
/// `malformed_gzip`, `body_too_large`.
pub fn unpack(packed: &[u8], limit: usize) -> Result<Vec<u8>, Code> {
    let mut body = Vec::new();
    let unpacked = MultiGzDecoder::new(packed).take(limit as u64 + 1).read_to_end(&mut body);
    unpacked.map_err(|_| Code::MalformedGzip)?;
    if body.len() <= limit { Ok(body) } else { Err(Code::BodyTooLarge) }
}
