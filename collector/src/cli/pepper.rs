//! What commands say of the peppers.

use crate::error::Code;
use crate::keys::beside;
use crate::peppers::{Peppers, State};
use crate::serve::now_ms;
use crate::store::Store;
use crate::time::utc;
use nymtrail::core::epoch::Period;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The file that was named, or the one beside the store.
pub fn file(named: Option<PathBuf>, db: &Path) -> PathBuf {
    named.unwrap_or_else(|| beside(db, ".pepper"))
}

/// The same, if it is there.
pub fn find(named: Option<PathBuf>, db: &Path) -> Option<Peppers> {
    Peppers::find(&file(named, db))
}

/// The file for `serve`.
pub fn open(file: PathBuf, store: &Store) -> Result<Peppers, Code> {
    let (peppers, made) = Peppers::open(file)?;
    if made && store.db().query_row("SELECT count(*) FROM pseudonyms", [], |row| row.get::<_, i64>(0))? > 0 {
        tracing::warn!(
            "the file of the peppers was gone; whoever comes again in a running epoch gets another pseudonym"
        );
    }
    Ok(peppers)
}

/// Which peppers there are and were.
pub fn show(peppers: &Peppers) -> Result<String, Code> {
    let mut out = String::from("Peppers, by epoch:\n");
    for line in peppers.lines()? {
        let state = match line.state {
            State::Kept(_) => "kept".into(),
            State::Destroyed(at) => format!("destroyed {}", utc(at / 1000)),
            State::Damaged => "damaged".into(),
        };
        let _ = writeln!(out, "{:>8}  {state}", line.epoch); // writing to a String can't fail
    }
    Ok(out)
}

/// Destroys what is due.
pub fn rotate(peppers: &Peppers, period: Period) -> Result<String, Code> {
    let destroyed = peppers.destroy_due(period, now_ms())?;
    let ids: Vec<String> = destroyed.iter().map(u64::to_string).collect();
    Ok(match ids.len() {
        0 => "No pepper is due for destruction.\n".into(),
        _ => format!("Destroyed the peppers of the epochs {}.\n", ids.join(", ")),
    })
}
