//! Lists of strings in one string: how inputs and effects cross to JavaScript and back.
//!
//! A frame is a kind, a number, a text and any further items. Every item has an end mark, every frame a mark in front.
//! No text of ours holds these control characters, nor may JSON.

use super::decimal;
use alloc::string::String;

/// Ends an item.
pub const ITEM: char = '\u{1e}';
/// Begins a frame.
pub const FRAME: char = '\u{1d}';

/// Writes frames.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frames(pub String);

impl Frames {
    /// Begins a frame.
    pub fn begin(&mut self, kind: u64, number: u64, text: &str) -> &mut Self {
        self.0.push(FRAME);
        self.number(kind).number(number).item(text)
    }

    /// One more item of the frame.
    pub fn item(&mut self, item: &str) -> &mut Self {
        self.0.push_str(item);
        self.0.push(ITEM);
        self
    }

    /// One more item that is a whole number.
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.item(decimal(number).as_str())
    }
}

/// Reads the items of a list.
#[derive(Clone)]
pub struct Items<'a>(pub &'a str);

impl<'a> Iterator for Items<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let end = self.0.bytes().position(|byte| byte == ITEM as u8)?;
        let (item, rest) = (self.0.get(..end)?, self.0.get(end + 1..)?);
        self.0 = rest;
        Some(item)
    }
}
