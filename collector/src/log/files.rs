//! The log's files: tiles of hashes and bundles of entries, as tlog-tiles has them, and the checkpoint.

use super::hashes::{Hashes, failed};
use crate::error::Code;
use rusqlite::{Connection, params};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use tlog_tiles::Tile;

/// The height of a tile, which tlog-tiles fixes: 256 hashes.
const HEIGHT: u8 = 8;

/// The path of a tile. The crate has that of Go's checksum database, which names the height too.
pub fn path(tile: &Tile) -> String {
    tile.path().replacen("tile/8/", "tile/", 1)
}

/// The path of the bundle of entries that belongs to a tile of leaves.
pub fn bundle_path(tile: &Tile) -> String {
    tile.path().replacen("tile/8/0/", "tile/entries/", 1)
}

/// The tiles that a log of `size` entries has beyond one of `old`.
pub fn tiles(old: u64, size: u64) -> Vec<Tile> {
    Tile::new_tiles(HEIGHT, old, size)
}

/// Writes the tiles and bundles that are new or longer since the log had `old` entries.
///
/// # Errors
/// `log_folder`, `unavailable`.
pub fn write_tiles(dir: &Path, db: &Connection, old: u64, size: u64) -> Result<(), Code> {
    for tile in tiles(old, size) {
        let data = tile.read_data(&Hashes(db)).map_err(failed)?;
        publish(dir, &path(&tile), &data)?;
        if tile.level() == 0 {
            publish(dir, &bundle_path(&tile), &bundle(db, &tile)?)?;
        }
        // Whoever looks for a part of a tile that is whole now finds the whole one.
        if tile.width() == 1 << HEIGHT {
            for path in [path(&tile), bundle_path(&tile)] {
                let _ = fs::remove_dir_all(dir.join(path + ".p"));
            }
        }
    }
    Ok(())
}

/// The entries of a tile of leaves, each with its length before it.
fn bundle(db: &Connection, tile: &Tile) -> Result<Vec<u8>, Code> {
    let first = tile.level_index() << HEIGHT;
    let mut find = db.prepare_cached("SELECT entry FROM log_entries WHERE at >= ? AND at < ? ORDER BY at")?;
    let mut rows = find.query(params![first, first + u64::from(tile.width())])?;
    let mut bundle = Vec::new();
    while let Some(row) = rows.next()? {
        let entry: String = row.get(0)?;
        let length = u16::try_from(entry.len()).map_err(|_| Code::Internal)?;
        bundle.extend(length.to_be_bytes());
        bundle.extend(entry.as_bytes());
    }
    Ok(bundle)
}

/// Puts a file in its place in one step, and on the disk.
///
/// # Errors
/// `log_folder`.
pub fn publish(dir: &Path, path: &str, bytes: &[u8]) -> Result<(), Code> {
    let write = || -> io::Result<()> {
        let path = dir.join(path);
        let folder = path.parent().unwrap_or(dir);
        fs::create_dir_all(folder)?;
        let beside = folder.join(".new");
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &path)?;
        #[cfg(unix)]
        File::open(folder)?.sync_all()?;
        Ok(())
    };
    write().map_err(|error| {
        tracing::error!(%error, "a file of the log can't be written");
        Code::LogFolder
    })
}

/// The text of a file, if there is one.
///
/// # Errors
/// `log_folder`.
pub fn read(path: &Path) -> Result<Option<String>, Code> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(_) => Err(Code::LogFolder),
    }
}
