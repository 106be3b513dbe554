//! Evidence as a file.
//!
//! ```text
//! nymtrail-evidence@v1
//! lie rewritten                       what is claimed
//! prefix …                            the root that the smaller size has in the larger tree, if sizes differ
//! path …                              the proof of that, a hash a line
//! line 4 <line of the statement>      with its place
//! in …                                the path from there to the statement's root
//! row {…}                             a chain's first row, if the device is accused
//!
//! <note>
//!
//! <note>
//! ```

use super::Lie;
use crate::error::Code;
use crate::forms::Failure;
use crate::rows;
use crate::statement::Line;
use base64::{Engine, engine::general_purpose::STANDARD};
use nymtrail::core::chain::Hash;
use nymtrail::core::note::{Checkpoint, Note};
use nymtrail::core::row::Row;
use std::fmt;
use std::io::Read;

/// How evidence begins.
pub const HEADER: &str = "nymtrail-evidence@v1";
/// No evidence is longer: it is to fit where a file of a few KB does.
pub const MAX_FILE: usize = 4096;
/// No tree of 2^53 leaves has a longer proof of consistency.
const MAX_PATH: usize = 64;

/// A line of a statement and how it is in there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which line it is, from 0.
    pub at: u64,
    /// The line.
    pub line: Line,
    /// The path to the root.
    pub path: Vec<Hash>,
}

/// What was signed, and what the arithmetic needs beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What it is to prove.
    pub lie: Lie,
    /// The root of as many rows as the smaller checkpoint has, in the tree of the larger.
    pub prefix: Option<Hash>,
    /// The proof that the larger tree begins so.
    pub path: Vec<Hash>,
    /// Lines of the statement.
    pub places: Vec<Place>,
    /// The chain's first row, which names the device's key.
    pub genesis: Option<Row>,
    /// What was signed: one note or two, a receipt before a statement.
    pub notes: Vec<(Note, Checkpoint)>,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = |hash: &Hash| STANDARD.encode(hash.0);
        writeln!(f, "{HEADER}\nlie {}", self.lie.as_str())?;
        self.prefix.iter().try_for_each(|root| writeln!(f, "prefix {}", hash(root)))?;
        self.path.iter().try_for_each(|step| writeln!(f, "path {}", hash(step)))?;
        for Place { at, line, path } in &self.places {
            writeln!(f, "line {at} {line}")?;
            path.iter().try_for_each(|step| writeln!(f, "in {}", hash(step)))?;
        }
        self.genesis.iter().try_for_each(|row| writeln!(f, "row {}", row.line()))?;
        self.notes.iter().try_for_each(|(note, _)| write!(f, "\n{note}"))
    }
}

impl Evidence {
    /// Reads a file.
    ///
    /// # Errors
    /// The number of the first line, from 1, that is not as it should be.
    pub fn parse(file: &str) -> Result<Self, u64> {
        if file.len() > MAX_FILE {
            return Err(1);
        }
        let (head, notes) = file.split_once("\n\n").ok_or(1u64)?;
        let mut lines = head.split('\n').zip(1u64..);
        if lines.next().map(|(line, _)| line) != Some(HEADER) {
            return Err(1);
        }
        let lie = lines.next().and_then(|(line, _)| Lie::from_word(line.strip_prefix("lie ")?)).ok_or(2u64)?;
        let mut evidence =
            Self { lie, prefix: None, path: Vec::new(), places: Vec::new(), genesis: None, notes: Vec::new() };
        let mut last = 2;
        for (line, number) in lines {
            evidence.read(line).ok_or(number)?;
            last = number;
        }
        evidence.notes = read_notes(notes).ok_or(last + 2)?;
        // There is one form of it: what reads back otherwise was not written here.
        if evidence.to_string() == file { Ok(evidence) } else { Err(1) }
    }

    fn read(&mut self, line: &str) -> Option<()> {
        let (word, rest) = line.split_once(' ')?;
        let hash = || Some(Hash(STANDARD.decode(rest).ok()?.try_into().ok()?));
        let room = |path: &Vec<Hash>| (path.len() < MAX_PATH).then_some(());
        match word {
            "prefix" => self.prefix = Some(hash()?),
            "path" => {
                room(&self.path)?;
                self.path.push(hash()?);
            }
            "line" => {
                let (at, line) = rest.split_once(' ')?;
                self.places.push(Place { at: at.parse().ok()?, line: Line::parse(line)?, path: Vec::new() });
            }
            "in" => {
                let place = self.places.last_mut()?;
                room(&place.path)?;
                place.path.push(hash()?);
            }
            "row" => self.genesis = Some(rows::parse(rest)?),
            _ => return None,
        }
        Some(())
    }
}

/// Reads evidence.
///
/// # Errors
/// `malformed_evidence` with the line; `invalid_utf8`, `cannot_read`.
pub fn read(input: impl Read) -> Result<Evidence, Failure> {
    let mut file = Vec::new();
    input.take(MAX_FILE as u64 + 1).read_to_end(&mut file).map_err(|_| Code::CannotRead)?;
    let text = String::from_utf8(file).map_err(|_| Code::InvalidUtf8)?;
    Evidence::parse(&text).map_err(|line| Failure { code: Code::MalformedEvidence, line: Some(line) })
}

fn read_notes(text: &str) -> Option<Vec<(Note, Checkpoint)>> {
    // A checkpoint has no empty line, so each note is two parts.
    let parts: Vec<_> = text.strip_suffix('\n')?.split("\n\n").collect();
    let (notes, []) = parts.as_chunks::<2>() else { return None };
    let read = |[text, lines]: &[&str; 2]| {
        let note = Note::parse(&format!("{text}\n\n{lines}\n"))?;
        let checkpoint = Checkpoint::parse(&note.text)?;
        Some((note, checkpoint))
    };
    (1..=2).contains(&notes.len()).then(|| notes.iter().map(read).collect())?
}
