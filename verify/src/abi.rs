//! How calls cross between JavaScript and the wasm; `js/verify/wasm.ts` is the other side.

#![allow(unsafe_code, reason = "the linker cannot check names of exports")]

use crate::ordered::Stop;
use crate::proof;
use crate::session::{Session, to_json};
use nymtrail::core::note::Vkey;
use nymtrail::core::proof::Proof;
use serde_json::{Value, json};

/// A session, the bytes of its next call, and the answer to the last one.
#[derive(Default)]
pub struct Line {
    session: Session,
    room: Vec<u8>,
    answer: String,
}

impl Line {
    fn answer(&mut self, value: &Value) -> *const u8 {
        self.answer = value.to_string();
        self.answer.as_ptr()
    }
}

fn error(code: &str, line: Option<u64>) -> Value {
    json!({"error": {"code": code, "line": line}})
}

fn stopped(stop: Stop) -> Value {
    match stop {
        Stop::Disorder => error("unsorted", None),
        Stop::NoRow(line) => error("malformed_row", Some(line)),
        Stop::NoText(line) => error("invalid_utf8", Some(line)),
    }
}

// A box and a reference are plain addresses to C, which JavaScript hands back as it got them (`Box`'s documentation).

/// A verification of rows that come ordered, or in any order.
#[unsafe(no_mangle)]
extern "C" fn open(any_order: u32) -> Box<Line> {
    Box::new(Line { session: Session::new(any_order != 0), ..Line::default() })
}

/// Room for the bytes of the next call.
#[unsafe(no_mangle)]
extern "C" fn room(line: &mut Line, bytes: usize) -> *mut u8 {
    if line.room.len() < bytes {
        line.room.resize(bytes, 0);
    }
    line.room.as_mut_ptr()
}

/// Takes so many bytes of the room. Null, or where it says why no verdict can be reached.
#[unsafe(no_mangle)]
extern "C" fn feed(line: &mut Line, bytes: usize) -> *const u8 {
    match line.session.feed(line.room.get(..bytes).unwrap_or_default()) {
        Ok(()) => core::ptr::null(),
        Err(stop) => line.answer(&stopped(stop)),
    }
}

/// Where the report is, or why there is none.
#[unsafe(no_mangle)]
extern "C" fn finish(line: &mut Line) -> *const u8 {
    let value = match std::mem::take(&mut line.session).finish() {
        // A check that had nothing to check is not a good one.
        Ok((report, _)) if report.chains.is_empty() => error("no_rows", None),
        Ok((report, rows)) => to_json(&report, rows),
        Err(stop) => stopped(stop),
    };
    line.answer(&value)
}

/// Checks the proof that is in the first bytes of the room, with the keys, one a line, in those that follow.
#[unsafe(no_mangle)]
extern "C" fn prove(line: &mut Line, bytes: usize, keys: usize) -> *const u8 {
    let text = |from, to| line.room.get(from..to).and_then(|bytes| str::from_utf8(bytes).ok());
    let value = match (text(0, bytes), text(bytes, bytes + keys)) {
        (Some(proof), Some(keys)) => check_proof(proof, keys),
        _ => error("invalid_utf8", None),
    };
    line.answer(&value)
}

fn check_proof(text: &str, keys: &str) -> Value {
    let keys: Option<Vec<_>> = keys.lines().map(Vkey::parse).collect();
    let Some(keys) = keys else { return error("malformed_key", None) };
    match Proof::parse(text) {
        Ok(found) => proof::to_json(&found, proof::check(&found, &keys)),
        Err(line) => error("malformed_proof", Some(line)),
    }
}

/// How many bytes of UTF-8 the last answer has.
#[unsafe(no_mangle)]
extern "C" fn length(line: &Line) -> usize {
    line.answer.len()
}

#[unsafe(no_mangle)]
extern "C" fn close(line: Box<Line>) {
    drop(line);
}
