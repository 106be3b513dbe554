//! Openings against rows: does one chain go on with the device of another?

use nymtrail::core::json::Object;
use nymtrail::core::opening::{Opening, Part};
use nymtrail::core::row::Row;
use nymtrail::core::verify::{Outcome, Report};

/// An opening and what the rows showed of its two chains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continuity {
    opening: Opening,
    last: Option<Row>,
    genesis: Option<Row>,
}

impl Continuity {
    /// Before any row was seen.
    pub fn new(opening: Opening) -> Self {
        Self { opening, last: None, genesis: None }
    }

    /// Takes the next row. Rows come ordered by chain, seq and link.
    pub fn push(&mut self, row: &Row) {
        let counts = |known: &Option<Row>| known.as_ref().is_none_or(|known| row.seq > known.seq || row.body.is_some());
        if row.chain == self.opening.old && counts(&self.last) {
            self.last = Some(row.clone());
        }
        if row.chain == self.opening.new && row.seq == 0 && counts(&self.genesis) {
            self.genesis = Some(row.clone());
        }
    }

    /// What the two ways come to. Nothing is said of chains that do not hold themselves.
    pub fn conclude(self, report: &Report) -> Continued {
        let holds =
            |id: &String| report.chains.iter().any(|chain| chain.chain == *id && chain.verdict == Outcome::Holds);
        let Self { opening, last, genesis } = self;
        let (last, genesis) = (last.filter(|_| holds(&opening.old)), genesis.filter(|_| holds(&opening.new)));
        let back = opening.back(last.as_ref(), genesis.as_ref());
        let forth = opening.forth(last.as_ref(), genesis.as_ref());
        Continued { old: opening.old, new: opening.new, back, forth }
    }
}

/// What an opening shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continued {
    /// The chain that ended.
    pub old: String,
    /// The chain that goes on.
    pub new: String,
    /// Whether the new chain names the end of the old one.
    pub back: Part,
    /// Whether the old chain names the key of the new one.
    pub forth: Part,
}

impl Continued {
    /// Both ways together: broken if one is, unchecked if one is.
    pub fn verdict(&self) -> Part {
        match (self.back, self.forth) {
            (Part::Broken, _) | (_, Part::Broken) => Part::Broken,
            (Part::Holds, Part::Holds) => Part::Holds,
            _ => Part::Unchecked,
        }
    }

    /// As JSON.
    pub fn json(&self) -> String {
        let mut out = Object::default();
        out.text("back", self.back.as_str()).text("forth", self.forth.as_str());
        out.text("new", &self.new).text("old", &self.old).text("verdict", self.verdict().as_str()).finish()
    }

    /// In words.
    pub fn in_words(&self) -> String {
        let back = match self.back {
            Part::Holds => "the new chain names the end of the old one",
            Part::Broken => "the new chain does NOT name the end of the old one",
            Part::Unchecked => {
                "whether the new chain names the end of the old one was NOT checked: a chain or `blind` is missing"
            }
        };
        let forth = match self.forth {
            Part::Holds => "the old chain names the key of the new one",
            Part::Broken => "the old chain does NOT name the key of the new one",
            Part::Unchecked => {
                "whether the old chain names the key of the new one was NOT checked: a chain, its closing event, `r` or `pk` is missing"
            }
        };
        format!("continuity from {} to {}: {}\n  {back}\n  {forth}\n", self.old, self.new, self.verdict().as_str())
    }
}
