//! Readers that fail before memory is full: no text in a JSON document and no record of CSV may grow without end, however long
//! the input is.

use crate::error::Code;
use std::cell::Cell;
use std::io::{self, Read};

/// The longest line, text in a document, or record of CSV that is held in memory: 16 MiB. An event has at most 16 KiB.
pub const MAX_PIECE: u64 = 1 << 24;

fn too_long() -> io::Error {
    io::Error::other(Code::MalformedRow)
}

/// JSON whose texts are not too long.
pub struct Texts<'a, R> {
    inner: R,
    /// Line ends so far.
    lines: &'a Cell<u64>,
    inside: bool,
    escaped: bool,
    length: u64,
}

impl<'a, R: Read> Texts<'a, R> {
    /// Reads `inner`, outside of a text, and counts its line ends.
    pub fn new(inner: R, lines: &'a Cell<u64>) -> Self {
        Self { inner, lines, inside: false, escaped: false, length: 0 }
    }

    fn take(&mut self, byte: u8) {
        if byte == b'\n' {
            self.lines.set(self.lines.get() + 1);
        }
        match (self.inside, byte) {
            (true, _) if self.escaped => self.escaped = false,
            (true, b'\\') => self.escaped = true,
            (_, b'"') => self.inside = !self.inside,
            _ => {}
        }
        self.length = if self.inside { self.length + 1 } else { 0 };
    }
}

impl<R: Read> Read for Texts<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        for byte in buffer.get(..count).unwrap_or_default() {
            self.take(*byte);
            if self.length > MAX_PIECE {
                return Err(too_long());
            }
        }
        Ok(count)
    }
}

/// CSV whose records are not too long.
pub struct Records<R> {
    inner: R,
    length: Cell<u64>,
}

impl<R: Read> Records<R> {
    /// Reads `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner, length: Cell::new(0) }
    }

    /// Says that the next record begins.
    pub fn begin(&self) {
        self.length.set(0);
    }
}

impl<R: Read> Read for Records<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.length.set(self.length.get() + count as u64);
        if self.length.get() > MAX_PIECE { Err(too_long()) } else { Ok(count) }
    }
}
