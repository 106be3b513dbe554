//! How calls cross between JavaScript and the wasm; `js/verify/wasm.ts` is the other side.

#![allow(unsafe_code, reason = "the linker cannot check names of exports")]

use crate::audit::Known;
use crate::continuity::Continuity;
use crate::ordered::Stop;
use crate::proof;
use crate::receipts::Reader;
use crate::report::{Size, WhichChain, all_missing_tails, number, to_json};
use crate::session::Session;
use crate::signing::Ask;
use nymtrail::core::hex;
use nymtrail::core::json::Object;
use nymtrail::core::note::Vkey;
use nymtrail::core::opening::Opening;
use nymtrail::core::proof::Proof;

/// A session, what is known beside its rows, the bytes of its next call, and the answer to the last one.
#[derive(Default)]
pub struct Line {
    session: Session,
    known: Known,
    openings: Vec<Continuity>,
    sizes: Vec<Size>,
    room: Vec<u8>,
    answer: String,
}

impl Line {
    fn answer(&mut self, text: String) -> *const u8 {
        self.answer = text;
        self.answer.as_ptr()
    }

    fn room(&self, bytes: usize) -> &[u8] {
        self.room.get(..bytes).unwrap_or_default()
    }

    /// Takes what is known beside the rows. What is wrong with it, if anything, and in which line.
    fn tell(&mut self, what: Told, text: &str) -> Result<(), (&'static str, Option<u64>)> {
        match what {
            Told::Key => self.known.add_key(Vkey::parse(text.trim()).ok_or(("malformed_key", None))?),
            Told::Opening => {
                let opening = Opening::parse(text.trim()).ok_or(("malformed_opening", None))?;
                self.openings.push(Continuity::new(opening));
            }
            Told::Size => self.sizes.push(Size::parse(text).map_err(|_| ("which_chain", None))?),
            Told::Receipts => {
                let (mut reader, mut line) = (Reader::default(), 0);
                for text in text.lines() {
                    line += 1;
                    reader.line(text).ok_or(("malformed_receipt", Some(line)))?;
                }
                let notes = reader.finish().ok_or(("malformed_receipt", Some(line + 1)))?;
                notes.into_iter().for_each(|(note, checkpoint)| self.known.give(note, checkpoint));
            }
        }
        Ok(())
    }
}

/// What a call of [`tell`] tells.
enum Told {
    Key,
    Receipts,
    Opening,
    Size,
}

fn error(code: &str, line: Option<u64>) -> String {
    let (mut out, mut error) = (Object::default(), Object::default());
    number(error.text("code", code), "line", line);
    out.raw("error", &error.finish()).finish()
}

fn stopped(stop: Stop) -> String {
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

/// Takes so many bytes of the room as something that is known beside the rows: a key (0), receipts (1), an opening (2), or a size
/// (3). Null, or where it says what is wrong with it.
#[unsafe(no_mangle)]
extern "C" fn tell(line: &mut Line, what: u32, bytes: usize) -> *const u8 {
    let what = match what {
        0 => Told::Key,
        1 => Told::Receipts,
        2 => Told::Opening,
        _ => Told::Size,
    };
    let room = std::mem::take(&mut line.room);
    let told = match str::from_utf8(room.get(..bytes).unwrap_or_default()) {
        Ok(text) => line.tell(what, text),
        Err(_) => Err(("invalid_utf8", None)),
    };
    match told {
        Ok(()) => core::ptr::null(),
        Err((code, at)) => line.answer(error(code, at)),
    }
}

/// Says that everything was told: rows follow.
#[unsafe(no_mangle)]
extern "C" fn begin(line: &mut Line) {
    line.session.compare(std::mem::take(&mut line.known), std::mem::take(&mut line.openings));
}

/// Takes so many bytes of the room. Null, or where it says why no verdict can be reached.
#[unsafe(no_mangle)]
extern "C" fn feed(line: &mut Line, bytes: usize) -> *const u8 {
    match line.session.feed(line.room.get(..bytes).unwrap_or_default()) {
        Ok(()) => core::ptr::null(),
        Err(stop) => line.answer(stopped(stop)),
    }
}

/// Takes the end of the rows. Null, or where it says which signatures JavaScript has to check, or why no verdict can be reached.
#[unsafe(no_mangle)]
extern "C" fn end(line: &mut Line) -> *const u8 {
    let text = match line.session.end() {
        Ok(()) => match line.session.asks() {
            [] => return core::ptr::null(),
            asks => to_check(asks),
        },
        Err(stop) => stopped(stop),
    };
    line.answer(text)
}

fn to_check(asks: &[Ask]) -> String {
    let mut out = String::new();
    for Ask { key, message, signature } in asks {
        out.push(if out.is_empty() { '[' } else { ',' });
        let mut ask = Object::default();
        ask.text("key", &hex::encode(key)).text("message", message).text("signature", &hex::encode(signature));
        out.push_str(&ask.finish());
    }
    out.push(']');
    out
}

/// Where the report is, or why there is none. In the room is a byte for each signature that was to be checked: 1 if it is good.
#[unsafe(no_mangle)]
extern "C" fn finish(line: &mut Line, answers: usize) -> *const u8 {
    let answers: Vec<_> = line.room(answers).iter().map(|answer| *answer == 1).collect();
    let text = match std::mem::take(&mut line.session).finish(&answers) {
        // A check that had nothing to check is not a good one.
        Ok(checked) if checked.report.chains.is_empty() && checked.findings.class().is_none() => error("no_rows", None),
        Ok(checked) => match all_missing_tails(&checked, &line.sizes) {
            Ok(tails) => to_json(&checked, &tails),
            Err(WhichChain) => error("which_chain", None),
        },
        Err(stop) => stopped(stop),
    };
    line.answer(text)
}

/// Checks the proof that is in the first bytes of the room, with the keys, one a line, in those that follow.
#[unsafe(no_mangle)]
extern "C" fn prove(line: &mut Line, bytes: usize, keys: usize) -> *const u8 {
    let text = |from, to| line.room.get(from..to).and_then(|bytes| str::from_utf8(bytes).ok());
    let value = match (text(0, bytes), text(bytes, bytes + keys)) {
        (Some(proof), Some(keys)) => check_proof(proof, keys),
        _ => error("invalid_utf8", None),
    };
    line.answer(value)
}

fn check_proof(text: &str, keys: &str) -> String {
    let mut known = Vec::new();
    for key in keys.lines() {
        let Some(key) = Vkey::parse(key) else { return error("malformed_key", None) };
        known.push(key);
    }
    match Proof::parse(text) {
        Ok(found) => proof::to_json(&found, proof::check(&found, &known)),
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
