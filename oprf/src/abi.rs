//! How calls cross between JavaScript and the wasm: as those of the core do (`src/bindings/abi.rs`), with `js/wasm.ts` on the other side.

#![allow(unsafe_code, reason = "the linker cannot check names of exports, nor Rust what an import does")]

use crate::session::Session;
use alloc::{boxed::Box, string::String, vec, vec::Vec};
use nymtrail::{memory::wipe_stack, ports::Entropy};
use zeroize::Zeroize;

#[link(wasm_import_module = "page")]
unsafe extern "C" {
    /// Fills so many bytes of the memory with random values.
    fn random(at: *mut u8, bytes: usize);
}

/// The page's randomness.
struct Page;

impl Entropy for Page {
    fn fill(&mut self, bytes: &mut [u8]) {
        // SAFETY: the page writes nothing but these bytes, which nobody else reads meanwhile.
        unsafe { random(bytes.as_mut_ptr(), bytes.len()) }
    }
}

/// A session, the texts of its next call, and the answer to the last one.
#[derive(Default)]
pub struct Line {
    session: Session,
    texts: Vec<Vec<u8>>,
    answer: String,
}

// A box and a reference are plain addresses to C, which JavaScript hands back as it got them (`Box`'s documentation).

#[unsafe(no_mangle)]
extern "C" fn open() -> Box<Line> {
    Box::default()
}

/// Room for the next text of a call.
#[unsafe(no_mangle)]
extern "C" fn room(line: &mut Line, bytes: usize) -> *mut u8 {
    line.texts.push(vec![0; bytes]);
    line.texts.last_mut().map_or(core::ptr::null_mut(), |text| text.as_mut_ptr())
}

/// Carries out a method of [`Session::call`] and says where its answer begins. There it stays until the next call.
#[unsafe(no_mangle)]
extern "C" fn call(line: &mut Line, method: u32) -> *const u8 {
    let mut texts = Vec::with_capacity(line.texts.len());
    for text in &line.texts {
        texts.push(core::str::from_utf8(text).unwrap_or_default());
    }
    line.answer = line.session.call(method, &texts, &mut Page);
    // Identifiers are among them.
    line.texts.zeroize();
    wipe_stack();
    line.answer.as_ptr()
}

/// How many bytes of UTF-8 that answer has.
#[unsafe(no_mangle)]
extern "C" fn length(line: &Line) -> usize {
    line.answer.len()
}

#[unsafe(no_mangle)]
extern "C" fn close(line: Box<Line>) {
    drop(line);
}
