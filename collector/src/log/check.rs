//! Reading a log to check against it: is its checkpoint signed and cosigned, is the tree the one that was signed, and which
//! receipts are in it.

use super::hashes::Hashes;
use super::{entry_hash, files};
use crate::audit::Class;
pub use crate::audit::LogFound;
use crate::error::Code;
use crate::keys::judge;
use crate::signing::NoteKey;
use crate::store::Store;
use nymtrail::core::chain::Hash;
use nymtrail::core::merkle::CompactRange;
use nymtrail::core::note::{Checkpoint, Note, Signed, Vkey};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// What of a log is trusted, and by whom it must be cosigned.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Public keys of logs.
    pub logs: Vec<NoteKey>,
    /// Public keys of witnesses.
    pub witnesses: Vec<Vkey>,
    /// How many of them must have cosigned.
    pub needed: usize,
}

/// A log's checkpoint, read, and who signed it.
#[derive(Clone, Debug)]
pub struct Head {
    /// The folder, if the log is there with all its tiles.
    dir: Option<PathBuf>,
    checkpoint: Checkpoint,
    /// Whether a key of the log signed it.
    signed: Signed,
    /// How many witnesses cosigned it.
    pub witnesses: usize,
    /// How many are needed.
    pub needed: usize,
}

impl Head {
    /// Reads the checkpoint of a log: a file, or the folder that has it.
    ///
    /// # Errors
    /// `cannot_read`, `malformed_receipt`.
    pub fn read(path: &Path, trust: &Trust) -> Result<Self, Code> {
        let dir = path.is_dir().then(|| path.to_owned());
        let file = dir.as_ref().map_or(path.to_owned(), |dir| dir.join("checkpoint"));
        let text = std::fs::read_to_string(file).map_err(|_| Code::CannotRead)?;
        let note = Note::parse(&text).ok_or(Code::MalformedReceipt)?;
        let checkpoint = Checkpoint::parse(&note.text).ok_or(Code::MalformedReceipt)?;
        let mut signed = Signed::ByAnother;
        for key in trust.logs.iter().filter(|key| key.name == checkpoint.origin) {
            match key.judge(&note) {
                Signed::Badly => signed = Signed::Badly,
                other if signed == Signed::ByAnother => signed = other,
                _ => {}
            }
        }
        let mut keys = trust.witnesses.clone();
        keys.dedup();
        let each: Vec<_> = keys.iter().map(|key| judge(&note, std::slice::from_ref(key))).collect();
        if each.contains(&Signed::Badly) {
            signed = Signed::Badly;
        }
        let witnesses = each.iter().filter(|signed| matches!(signed, Signed::At(_))).count();
        Ok(Self { dir, checkpoint, signed, witnesses, needed: trust.needed })
    }

    /// The log's leaves, from its tiles or else from the store, compared with the checkpoint.
    ///
    /// # Errors
    /// `log_tiles` if there are neither; `unavailable`.
    pub fn leaves(&self, store: Option<&Store>) -> Result<(HashSet<[u8; 32]>, LogFound), Code> {
        let Self { checkpoint, witnesses, needed, .. } = self;
        let mut found =
            LogFound { size: checkpoint.size, witnesses: *witnesses, needed: *needed, ..LogFound::default() };
        let leaves = match (&self.dir, store) {
            (Some(dir), _) => from_tiles(dir, checkpoint.size)?,
            (None, Some(store)) if store.has_table("log_hashes")? => {
                let hashes = Hashes(store.db());
                (0..hashes.size()?.min(checkpoint.size)).map(|at| hashes.leaf(at)).collect::<Result<_, _>>()?
            }
            _ => return Err(Code::LogTiles),
        };
        let mut tree = CompactRange::default();
        leaves.iter().for_each(|leaf| tree.append(*leaf));
        found.signed = matches!(self.signed, Signed::At(_));
        found.class = if self.signed == Signed::Badly {
            Some(Class::Forged)
        } else if tree.size() < checkpoint.size {
            Some(Class::Truncated)
        } else {
            (tree.root() != checkpoint.root).then_some(Class::Rewritten)
        };
        Ok((leaves.into_iter().map(|leaf| leaf.0).collect(), found))
    }
}

/// The origin of the log in a folder, and its leaves. Nothing of it is judged.
///
/// # Errors
/// `cannot_read`, `malformed_receipt`, `log_tiles`.
pub fn leaves_of(dir: &Path) -> Result<(String, Vec<Hash>), Code> {
    let Checkpoint { origin, size, .. } = Head::read(dir, &Trust::default())?.checkpoint;
    Ok((origin, from_tiles(dir, size)?))
}

fn from_tiles(dir: &Path, size: u64) -> Result<Vec<Hash>, Code> {
    let mut leaves = Vec::new();
    for tile in files::tiles(0, size).into_iter().filter(|tile| tile.level() == 0) {
        let width = tile.width() as usize * 32;
        let whole = tlog_tiles::Tile::new(tile.height(), 0, tile.level_index(), 1 << tile.height(), false);
        let read = |tile| std::fs::read(dir.join(files::path(tile)));
        let bytes = read(&tile).or_else(|_| read(&whole)).map_err(|_| Code::LogTiles)?;
        let (hashes, _) = bytes.get(..width).ok_or(Code::LogTiles)?.as_chunks();
        leaves.extend(hashes.iter().copied().map(Hash));
    }
    Ok(leaves)
}

/// Whether the log has this receipt.
pub fn has(leaves: &HashSet<[u8; 32]>, note: &Note) -> bool {
    leaves.contains(&entry_hash(&note.to_string()).0)
}
