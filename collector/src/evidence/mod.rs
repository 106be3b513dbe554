//! Evidence: a file of at most a few KB from which anybody who has the public keys sees that two things were signed that can't
//! both be true.
//!
//! It accuses nobody but the holder of a key, and only with that key's own signatures. So nothing in it has to be believed:
//! neither where the file comes from, nor what it says beside the notes, which is only what the arithmetic needs.

mod file;
mod find;

pub use file::{Evidence, HEADER, MAX_FILE, Place, read};
pub use find::{Known, find};

use crate::keys::judge;
use crate::signing::NoteKey;
use crate::statement::Line;
use nymtrail::core::merkle::{verify_consistency, verify_inclusion};
use nymtrail::core::note::{Checkpoint, Note, Signed, Vkey};

/// What can be proved of whoever holds the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Two roots for one size, or a log that does not continue what it was.
    TwoHeads,
    /// Two stories of one chain.
    Forked,
    /// Fewer rows at a later time.
    SetBack,
    /// Rows that were acknowledged are others now.
    Rewritten,
    /// Rows that were acknowledged are missing now.
    Truncated,
    /// A chain that was acknowledged is not among all chains.
    Absent,
    /// Rows were erased without a record of it.
    ErasedWithoutRecord,
}

impl Lie {
    const ALL: [Self; 7] = [
        Self::TwoHeads,
        Self::Forked,
        Self::SetBack,
        Self::Rewritten,
        Self::Truncated,
        Self::Absent,
        Self::ErasedWithoutRecord,
    ];

    /// The stable word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TwoHeads => "two_heads",
            Self::Forked => "forked",
            Self::SetBack => "set_back",
            Self::Rewritten => "rewritten",
            Self::Truncated => "truncated",
            Self::Absent => "absent",
            Self::ErasedWithoutRecord => "erased_without_record",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lie| lie.as_str() == word)
    }

    /// What it means.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::TwoHeads => "the same key signed two logs of which neither continues the other",
            Self::Forked => "the same key signed two stories of this chain that can't both be true",
            Self::SetBack => "signed to have fewer rows at a later time: rows were lost, or a time was set back",
            Self::Rewritten => "signed rows of this chain are not those that the same key stated to have",
            Self::Truncated => "signed rows of this chain are not among those that the same key stated to have later",
            Self::Absent => {
                "the same key signed rows of this chain, and later stated all of its chains without it: it was dropped, or it was made up and dated back"
            }
            Self::ErasedWithoutRecord => "stated to have erased rows of this chain without a record of each",
        }
    }
}

/// What a file is found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It proves this.
    Proved(Lie),
    /// A signature is not by any of the keys at hand.
    Unchecked,
    /// A signature that claims to be by one of them is not.
    Forged,
    /// What was signed does not contradict itself.
    NotProved,
}

/// The public keys to judge with.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Those that sign receipts and statements.
    pub collectors: Vec<Vkey>,
    /// Those of logs.
    pub logs: Vec<NoteKey>,
}

/// A note whose signature is good: by which key, and when, if the key says.
pub(crate) struct Attested {
    by: By,
    pub(crate) time: Option<u64>,
}

#[derive(PartialEq, Eq)]
enum By {
    Collector(String),
    Plain(String),
}

impl Keys {
    /// Who signed a note. `genesis` names the key of a device.
    pub(crate) fn attest(&self, note: &Note, device: Option<&NoteKey>) -> Result<Attested, Verdict> {
        let mut badly = false;
        for key in &self.collectors {
            match judge(note, std::slice::from_ref(key)) {
                Signed::At(time) => return Ok(Attested { by: By::Collector(key.to_string()), time: Some(time) }),
                Signed::Badly => badly = true,
                Signed::ByAnother => {}
            }
        }
        for key in self.logs.iter().chain(device) {
            // A key speaks for its own origin alone.
            let own = note.text.split('\n').next() == Some(key.name.as_str());
            match key.judge(note) {
                Signed::At(_) if own => return Ok(Attested { by: By::Plain(key.to_string()), time: None }),
                Signed::Badly => badly = true,
                _ => {}
            }
        }
        Err(if badly { Verdict::Forged } else { Verdict::Unchecked })
    }
}

/// The deployment and the time of a statement, by its origin.
pub(crate) fn stated(checkpoint: &Checkpoint) -> Option<(&str, u64)> {
    let (rest, time) = checkpoint.origin.rsplit_once('/')?;
    Some((rest.strip_suffix("/statement")?, time.parse().ok()?))
}

/// What the evidence proves, with these keys.
pub fn check(evidence: &Evidence, keys: &Keys) -> Verdict {
    let device = evidence.genesis.as_ref().and_then(|row| {
        let origin = &evidence.notes.first()?.1.origin;
        NoteKey::of_genesis(origin, row).filter(|_| origin.ends_with(&format!("/{}", row.chain)))
    });
    let mut attested = Vec::new();
    for (note, _) in &evidence.notes {
        match keys.attest(note, device.as_ref()) {
            Ok(one) => attested.push(one),
            Err(verdict) => return verdict,
        }
    }
    let lie = match (&evidence.notes[..], &attested[..]) {
        ([(_, one)], [said]) => alone(evidence, one, said),
        ([(_, one), (_, other)], [first, second]) if first.by == second.by => {
            let lie = if one.origin == other.origin { twice(evidence, (one, first), (other, second)) } else { None };
            lie.or_else(|| against(evidence, (one, first), (other, second)))
        }
        _ => None,
    };
    // The word in the file is for its reader; it counts only if it is the one that follows.
    lie.filter(|lie| *lie == evidence.lie).map_or(Verdict::NotProved, Verdict::Proved)
}

type Said<'a> = (&'a Checkpoint, &'a Attested);

/// Whether `prefix` and `path` show that `large` does not continue what `size` and `root` say.
fn breaks(
    evidence: &Evidence,
    size: u64,
    root: &nymtrail::core::chain::Hash,
    large: (u64, &nymtrail::core::chain::Hash),
) -> bool {
    evidence
        .prefix
        .is_some_and(|prefix| prefix != *root && verify_consistency(size, &prefix, large.0, large.1, &evidence.path))
}

/// Two checkpoints of one origin.
fn twice(evidence: &Evidence, one: Said, other: Said) -> Option<Lie> {
    let ((small, early), (large, late)) = if one.0.size <= other.0.size { (one, other) } else { (other, one) };
    let what = if small.deployment_and_chain().is_some() { Lie::Forked } else { Lie::TwoHeads };
    if small.size == large.size {
        return (small.root != large.root).then_some(what);
    }
    if matches!((early.time, late.time), (Some(of_small), Some(of_large)) if of_small > of_large) {
        return Some(Lie::SetBack);
    }
    breaks(evidence, small.size, &small.root, (large.size, &large.root)).then_some(what)
}

/// A receipt, and a statement of the same collector.
fn against(evidence: &Evidence, receipt: Said, statement: Said) -> Option<Lie> {
    let (deployment, chain) = receipt.0.deployment_and_chain()?;
    let (stating, time) = stated(statement.0)?;
    if stating != deployment || statement.1.time != Some(time) {
        return None;
    }
    let later = receipt.1.time.is_some_and(|signed| signed < time);
    let places = included(evidence, statement.0)?;
    if let [Place { line, .. }] = places
        && line.chain == *chain
    {
        let (size, root) = (receipt.0.size, &receipt.0.root);
        return match line.size {
            stated if stated < size => later.then_some(Lie::Truncated),
            stated if stated == size => (line.root != *root).then_some(Lie::Rewritten),
            stated => breaks(evidence, size, root, (stated, &line.root)).then_some(Lie::Rewritten),
        };
    }
    // The place where the chain would be is between two lines that are neighbours, or at one of the ends.
    let last = statement.0.size.checked_sub(1);
    let absent = match places {
        [] => last.is_none(),
        [one] => one.at == 0 && *chain < *one.line.chain || Some(one.at) == last && *one.line.chain < *chain,
        [one, other] => one.at + 1 == other.at && *one.line.chain < *chain && *chain < *other.line.chain,
        _ => false,
    };
    (absent && later).then_some(Lie::Absent)
}

/// A statement that accuses itself.
fn alone(evidence: &Evidence, statement: &Checkpoint, said: &Attested) -> Option<Lie> {
    let (_, time) = stated(statement)?;
    let [Place { line: Line { erased, recorded, .. }, .. }] = included(evidence, statement)? else { return None };
    (said.time == Some(time) && erased > recorded).then_some(Lie::ErasedWithoutRecord)
}

/// The lines in the evidence, if all of them are in the statement.
fn included<'a>(evidence: &'a Evidence, statement: &Checkpoint) -> Option<&'a [Place]> {
    let is_in = |place: &Place| {
        let Place { at, line, path } = place;
        verify_inclusion(&line.hash(), *at, statement.size, path, &statement.root)
    };
    evidence.places.iter().all(is_in).then_some(&evidence.places)
}
