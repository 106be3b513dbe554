//! Looking for what contradicts itself among what was signed.

use super::{Attested, Evidence, Keys, Lie, Place, Verdict, check, stated};
use crate::signing::NoteKey;
use crate::statement::Statement;
use nymtrail::core::chain::Hash;
use nymtrail::core::merkle;
use nymtrail::core::note::{Checkpoint, Note, origin};
use nymtrail::core::row::Row;
use std::collections::BTreeMap;

/// Everything at hand.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Receipts, checkpoints of devices and of logs.
    pub notes: Vec<(Note, Checkpoint)>,
    /// What the collector stated to have.
    pub statements: Vec<Statement>,
    /// The leaves of trees by their origin, from rows that the collector shows and from the tiles of its log: a proof that a
    /// larger tree does not continue a smaller one is made of them.
    pub leaves: BTreeMap<String, Vec<Hash>>,
    /// The first rows of chains, which name their devices' keys.
    pub openings: BTreeMap<String, Row>,
}

/// The first evidence that holds with these keys.
pub fn find(known: &Known, keys: &Keys) -> Option<Evidence> {
    let mut by_origin: BTreeMap<&str, Vec<&(Note, Checkpoint)>> = BTreeMap::new();
    for note in &known.notes {
        by_origin.entry(&note.1.origin).or_default().push(note);
    }
    let proves = |evidence: &Evidence| matches!(check(evidence, keys), Verdict::Proved(_));
    let of_notes = by_origin.iter().find_map(|(origin, notes)| {
        let opening = known.openings.get(*origin);
        let leaves = known.leaves.get(*origin).map_or(&[][..], Vec::as_slice);
        // First by whom it matters: the collector and its log, then the device.
        [None, opening].into_iter().find_map(|opening| among(notes, leaves, opening, keys).filter(proves))
    });
    of_notes.or_else(|| {
        known.statements.iter().find_map(|statement| {
            let with_receipt = known.notes.iter().find_map(|note| against(note, statement, known, keys).filter(proves));
            with_receipt.or_else(|| unrecorded(statement).filter(proves))
        })
    })
}

/// Two notes of one origin, ordered by size.
fn among(notes: &[&(Note, Checkpoint)], leaves: &[Hash], opening: Option<&Row>, keys: &Keys) -> Option<Evidence> {
    let device = opening.and_then(|row| NoteKey::of_genesis(&notes.first()?.1.origin, row));
    let mut said: Vec<((Note, Checkpoint), Attested)> = Vec::new();
    for (note, checkpoint) in notes {
        // A receipt with the device's line has two signatures: only that of the accused counts.
        let note = match &device {
            Some(key) => Note { signatures: key.lines(note).cloned().collect(), ..note.clone() },
            None => note.clone(),
        };
        if let Ok(attested) = keys.attest(&note, device.as_ref()) {
            said.push(((note, checkpoint.clone()), attested));
        }
    }
    said.sort_by_key(|((_, checkpoint), _)| checkpoint.size);
    let tree_of = |checkpoint: &Checkpoint| {
        let size = usize::try_from(checkpoint.size).ok()?;
        leaves.get(..size).filter(|leaves| merkle::root(leaves) == checkpoint.root)
    };
    let genesis = opening.cloned();
    let make = |lie, small: &(Note, Checkpoint), large: &(Note, Checkpoint), prefix, path| Evidence {
        lie,
        prefix,
        path,
        places: Vec::new(),
        genesis: genesis.clone(),
        notes: vec![small.clone(), large.clone()],
    };
    // What contradicts anything contradicts a neighbour in size, or the largest that the leaves are those of.
    let told = said.iter().rev().find_map(|(large, _)| Some((large, tree_of(&large.1)?)));
    for (at, (small, early)) in said.iter().enumerate() {
        let what = if small.1.deployment_and_chain().is_some() { Lie::Forked } else { Lie::TwoHeads };
        if let Some((large, late)) = said.get(at + 1) {
            if small.1.size == large.1.size && small.1.root != large.1.root {
                return Some(make(what, small, large, None, Vec::new()));
            }
            let back = matches!((early.time, late.time), (Some(early), Some(late)) if early > late);
            if small.1.size < large.1.size && back {
                return Some(make(Lie::SetBack, small, large, None, Vec::new()));
            }
        }
        if let Some((large, leaves)) = told.filter(|(large, _)| large.1.size > small.1.size)
            && let Some((prefix, path)) = break_of(leaves, &small.1)
        {
            return Some(make(what, small, large, Some(prefix), path));
        }
    }
    None
}

/// What the tree over these leaves had at the size of the checkpoint, if that is something else, and the proof of it.
fn break_of(leaves: &[Hash], small: &Checkpoint) -> Option<(Hash, Vec<Hash>)> {
    let size = usize::try_from(small.size).ok()?;
    let prefix = merkle::root(leaves.get(..size)?);
    let path = (prefix != small.root).then(|| merkle::consistency_proof(leaves, small.size))??;
    Some((prefix, path))
}

/// A receipt against a statement.
fn against(receipt: &(Note, Checkpoint), statement: &Statement, known: &Known, keys: &Keys) -> Option<Evidence> {
    let (deployment, chain) = receipt.1.deployment_and_chain()?;
    keys.attest(&receipt.0, None).ok()?;
    let signed = Checkpoint::parse(&statement.note.text)?;
    stated(&signed).filter(|(stating, _)| *stating == deployment)?;
    let make = |lie, prefix, path, at: &[usize]| {
        let notes = vec![receipt.clone(), (statement.note.clone(), signed.clone())];
        Evidence { lie, prefix, path, places: places(statement, at), genesis: None, notes }
    };
    let at = match statement.lines.binary_search_by(|line| line.chain.as_str().cmp(chain)) {
        Ok(at) => at,
        Err(at) => {
            let around: Vec<_> = [at.checked_sub(1), Some(at)].into_iter().flatten().collect();
            return Some(make(Lie::Absent, None, Vec::new(), &around));
        }
    };
    let line = statement.lines.get(at)?;
    if line.size < receipt.1.size {
        return Some(make(Lie::Truncated, None, Vec::new(), &[at]));
    }
    if line.size == receipt.1.size {
        return (line.root != receipt.1.root).then(|| make(Lie::Rewritten, None, Vec::new(), &[at]));
    }
    let leaves = known.leaves.get(&origin(deployment, chain))?.get(..usize::try_from(line.size).ok()?)?;
    let (prefix, path) = break_of(leaves, &receipt.1).filter(|_| merkle::root(leaves) == line.root)?;
    Some(make(Lie::Rewritten, Some(prefix), path, &[at]))
}

/// A statement that says of itself that something was erased without a record.
fn unrecorded(statement: &Statement) -> Option<Evidence> {
    let at = statement.lines.iter().position(|line| line.erased > line.recorded)?;
    Some(Evidence {
        lie: Lie::ErasedWithoutRecord,
        prefix: None,
        path: Vec::new(),
        places: places(statement, &[at]),
        genesis: None,
        notes: vec![(statement.note.clone(), Checkpoint::parse(&statement.note.text)?)],
    })
}

fn places(statement: &Statement, at: &[usize]) -> Vec<Place> {
    let leaves: Vec<_> = statement.lines.iter().map(crate::statement::Line::hash).collect();
    let place = |&at: &usize| {
        let path = merkle::inclusion_proof(&leaves, at as u64)?;
        Some(Place { at: at as u64, line: statement.lines.get(at)?.clone(), path })
    };
    at.iter().filter_map(place).collect()
}
