//! Checkpoints as text, as people and programs keep them: notes with blank lines between them, or JSON a line, which may be a
//! note as a string, an object with a `note`, or an answer of the collector.

use nymtrail::core::json::{self, Value};
use nymtrail::core::note::{Checkpoint, Note};

/// The longest line, and the longest note: 1 MiB.
pub const MAX_LINE: usize = 1 << 20;

/// Reads notes, line by line.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    /// Whether checkpoints of logs other than chains are read as well.
    any: bool,
    note: String,
    /// Whether the note may end here.
    ends: bool,
    found: Vec<(Note, Checkpoint)>,
}

impl Reader {
    /// For checkpoints of chains; or, with `any`, of other logs as well.
    pub fn new(any: bool) -> Self {
        Self { any, ..Self::default() }
    }

    /// Takes the next line, without its end. `None` if that can't be: then what was given is no file of checkpoints.
    pub fn line(&mut self, text: &str) -> Option<()> {
        let is_signature = text.starts_with('\u{2014}');
        if self.ends && !is_signature {
            self.leave()?;
        }
        if self.note.is_empty() && text.trim().is_empty() {
            return Some(());
        }
        if self.note.is_empty() && text.starts_with(['{', '"']) {
            return self.json(&json::parse(text)?);
        }
        self.note.push_str(text);
        self.note.push('\n');
        self.ends = is_signature;
        (self.note.len() <= MAX_LINE).then_some(())
    }

    fn json(&mut self, value: &Value) -> Option<()> {
        match (value, value.get("note"), value.get("receipt")) {
            (Value::Text(note), ..) | (_, Some(Value::Text(note)), _) => self.give(note),
            (_, _, Some(Value::Map(notes))) => notes.iter().try_for_each(|(_, note)| self.give(note.as_text()?)),
            // An answer to a batch of which nothing was taken.
            _ => value.get("results").map(|_| ()),
        }
    }

    fn give(&mut self, note: &str) -> Option<()> {
        let note = Note::parse(note)?;
        let checkpoint = Checkpoint::parse(&note.text)?;
        (self.any || checkpoint.deployment_and_chain().is_some()).then_some(())?;
        self.found.push((note, checkpoint));
        Some(())
    }

    fn leave(&mut self) -> Option<()> {
        self.ends = false;
        let note = std::mem::take(&mut self.note);
        self.give(&note)
    }

    /// What was found. `None` if a note is not complete, or if there is none at all.
    pub fn finish(mut self) -> Option<Vec<(Note, Checkpoint)>> {
        if self.ends {
            self.leave()?;
        }
        (self.note.is_empty() && !self.found.is_empty()).then_some(self.found)
    }
}
