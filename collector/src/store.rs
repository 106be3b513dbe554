//! The store: one SQLite file of one deployment.
//!
//! There is one writer at a time and every write is one transaction that is on disk before anybody is told (WAL with
//! `synchronous = FULL`). What is deleted is overwritten (`secure_delete`), because salts of epochs must be gone.
//!
//! Bodies are TEXT and times are INTEGER: the chain is over exact bytes, which JSON and timestamp types would change.
//! Tables have no row ids of their own, as these would tell in which order rows of different chains arrived.

use crate::error::Code;
use crate::pseudonyms;
use nymtrail::core::epoch::Period;
use nymtrail::core::row::{MAX_INTEGER, Row};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};
use std::path::Path;
use std::time::Duration;

/// Marks the file as ours in SQLite's header: "NYMT".
const APPLICATION_ID: i64 = 0x4e59_4d54;
/// The version of the tables below.
const VERSION: i64 = 2;

const SCHEMA: &str = "
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- Every chain seen. `epoch` is NULL for chains of the mode `random`; `refused` holds a code if no row of it is taken.
CREATE TABLE chains (chain TEXT PRIMARY KEY, epoch INTEGER, refused TEXT) STRICT, WITHOUT ROWID;

-- The rows, with the columns that the statements in sql/ ask for.
CREATE TABLE events (
  chain TEXT NOT NULL, seq INTEGER NOT NULL CHECK (seq >= 0), t INTEGER NOT NULL CHECK (t >= 0),
  gprev TEXT, salt TEXT, body TEXT, bc TEXT, link TEXT NOT NULL,
  PRIMARY KEY (chain, seq)) STRICT, WITHOUT ROWID;

-- Rows that were refused for good: what the row after may link to, the link they claimed or the one they should have.
CREATE TABLE claims (
  chain TEXT NOT NULL, seq INTEGER NOT NULL, claimed TEXT NOT NULL, computed TEXT NOT NULL,
  PRIMARY KEY (chain, seq)) STRICT, WITHOUT ROWID;

-- Epochs whose salt still exists; the salt is NULL between its erasure and the proof that no file holds it any more.
CREATE TABLE epochs (
  id INTEGER PRIMARY KEY, not_before INTEGER NOT NULL, not_after INTEGER NOT NULL,
  salt TEXT, commitment TEXT NOT NULL) STRICT;

-- The destruction log.
CREATE TABLE destructions (
  id INTEGER PRIMARY KEY, not_before INTEGER NOT NULL, not_after INTEGER NOT NULL,
  commitment TEXT NOT NULL, destroyed_at INTEGER NOT NULL) STRICT;
";

/// What version 2 added.
const RECEIPTS: &str = "
-- Every checkpoint that was signed; `at` is the time in the note, in whole seconds but counted in ms. The last of a chain
-- has what is needed of its tree to go on: the roots of its perfect subtrees. A table of their own would cost each batch one
-- more page to write.
CREATE TABLE checkpoints (
  chain TEXT NOT NULL, size INTEGER NOT NULL, root TEXT NOT NULL, note TEXT NOT NULL, at INTEGER NOT NULL, peaks BLOB,
  PRIMARY KEY (chain, size)) STRICT, WITHOUT ROWID;
";

/// What devices signed. No new version of the tables: a store without it is one in which no device has signed yet.
const DEVICES: &str = "
-- Checkpoints that devices signed and that the rows agree with: text and the device's line.
CREATE TABLE IF NOT EXISTS device_checkpoints (
  chain TEXT NOT NULL, size INTEGER NOT NULL, root TEXT NOT NULL, note TEXT NOT NULL,
  PRIMARY KEY (chain, size)) STRICT, WITHOUT ROWID;

-- The first checkpoint of a chain that its key signed and that the rows contradict, with what was said here then.
CREATE TABLE IF NOT EXISTS conflicts (
  chain TEXT PRIMARY KEY, theirs TEXT NOT NULL, ours TEXT) STRICT, WITHOUT ROWID;
";

/// The collector's own log: see [`crate::log`].
const LOG: &str = "
-- Receipts that are to be logged with the next step.
CREATE TABLE IF NOT EXISTS log_queue (
  chain TEXT NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (chain, size)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log_entries (at INTEGER PRIMARY KEY, entry TEXT NOT NULL) STRICT;
-- Every complete node of the tree, in the order of tlog_tiles::stored_hash_index.
CREATE TABLE IF NOT EXISTS log_hashes (at INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT;
-- How far each witness is known to be.
CREATE TABLE IF NOT EXISTS log_witnesses (name TEXT PRIMARY KEY, size INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

/// An open store.
pub struct Store {
    db: Connection,
    /// The deployment all its events belong to.
    pub deployment: String,
    /// How long an epoch is.
    pub period: Period,
}

/// What the one who opens a store expects of it. `None` takes what the store has; a new one gets the default.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The deployment's name.
    pub deployment: Option<String>,
    /// How long an epoch is.
    pub period: Option<Period>,
}

/// The deployment of a new store for which none was named.
pub const DEFAULT_DEPLOYMENT: &str = "shop";

impl Store {
    /// Opens the store for writing, and makes it if there is none.
    ///
    /// # Errors
    /// `cannot_read`, `not_a_store`, `store_version`, `store_deployment`, `store_period`, `unavailable`.
    pub fn open(path: &Path, expected: &Expected) -> Result<Self, Code> {
        create_private(path).map_err(|_| Code::CannotRead)?;
        let mut db = Connection::open(path).map_err(|_| Code::CannotRead)?;
        db.busy_timeout(Duration::from_secs(5))?;
        // Otherwise SQLite compiles statements out of the cache again, which costs more than all of their work: that their
        // parameters were cleared might mean a better plan.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        if tables(&db).map_err(|_| Code::NotAStore)? != 0 {
            identify(&db)?; // before the first change, should the file be somebody else's
        }
        db.pragma_update(None, "journal_mode", "wal")?;
        db.pragma_update(None, "synchronous", "full")?;
        db.pragma_update(None, "secure_delete", "on")?;
        db.pragma_update(None, "temp_store", "memory")?;
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if tables(&tx)? == 0 {
            tx.execute_batch(SCHEMA)?;
            tx.execute_batch(RECEIPTS)?;
            tx.pragma_update(None, "application_id", APPLICATION_ID)?;
            tx.pragma_update(None, "user_version", VERSION)?;
            let deployment = expected.deployment.as_deref().unwrap_or(DEFAULT_DEPLOYMENT);
            let period = expected.period.map_or(Some("day"), word).ok_or(Code::StorePeriod)?;
            for (name, value) in [("deployment", deployment), ("period", period)] {
                tx.execute("INSERT INTO settings VALUES (?, ?)", params![name, value])?;
            }
        } else if version(&tx)? == 1 {
            tx.execute_batch(RECEIPTS)?;
            tx.pragma_update(None, "user_version", VERSION)?;
        }
        tx.execute_batch(DEVICES)?;
        tx.execute_batch(LOG)?;
        tx.execute_batch(pseudonyms::SCHEMA)?;
        tx.commit()?;
        let (deployment, period) = identify(&db)?;
        let store = Self { db, deployment, period };
        if expected.deployment.as_ref().is_some_and(|name| *name != store.deployment) {
            return Err(Code::StoreDeployment);
        }
        if expected.period.is_some_and(|period| period != store.period) {
            return Err(Code::StorePeriod);
        }
        Ok(store)
    }

    /// Opens an existing store for reading alone; a collector may go on writing to it meanwhile.
    ///
    /// # Errors
    /// `cannot_read`, `not_a_store`, `store_version`, `unavailable`.
    pub fn read(path: &Path) -> Result<Self, Code> {
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|_| Code::CannotRead)?;
        db.busy_timeout(Duration::from_secs(5))?;
        let (deployment, period) = identify(&db)?;
        Ok(Self { db, deployment, period })
    }

    /// Does `work` in one transaction: all of it is on disk when this returns `Ok`, none of it otherwise.
    ///
    /// # Errors
    /// What `work` reports, or `unavailable`.
    pub fn write<T>(&mut self, work: impl FnOnce(&Transaction) -> Result<T, Code>) -> Result<T, Code> {
        write(&mut self.db, work)
    }

    /// The connection, for those who write to it themselves.
    pub(crate) fn db_mut(&mut self) -> &mut Connection {
        &mut self.db
    }

    /// The connection, for reading.
    pub fn db(&self) -> &Connection {
        &self.db
    }

    /// Moves the write-ahead log into the main file and empties it. `false` if a reader was in the way.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn empty_log(&self) -> Result<bool, Code> {
        empty_log(&self.db)
    }

    /// One row.
    ///
    /// # Errors
    /// `malformed_row` for numbers that no row can have; `unavailable`.
    pub fn row(&self, chain: &str, seq: u64) -> Result<Option<Row>, Code> {
        row_of(&self.db, chain, seq)
    }

    /// Whether there is such a table: those that came later are missing in a store that only older versions wrote to.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn has_table(&self, name: &str) -> Result<bool, Code> {
        let count: i64 =
            self.db.query_row("SELECT count(*) FROM sqlite_schema WHERE name = ?", [name], |row| row.get(0))?;
        Ok(count > 0)
    }

    /// Calls `each` with every checkpoint that a device signed: chain, size, root in hex and note, ordered by chain and size.
    ///
    /// # Errors
    /// What `each` reports; `unavailable`.
    pub fn each_device_checkpoint(
        &self,
        chain: Option<&str>,
        each: impl FnMut(String, u64, String, String) -> Result<(), Code>,
    ) -> Result<(), Code> {
        if self.has_table("device_checkpoints")? { self.each_note("device_checkpoints", chain, each) } else { Ok(()) }
    }

    /// Calls `each` with every checkpoint that was signed: chain, size, root in hex and note, ordered by chain and size.
    ///
    /// # Errors
    /// What `each` reports; `unavailable`.
    pub fn each_checkpoint(
        &self,
        chain: Option<&str>,
        each: impl FnMut(String, u64, String, String) -> Result<(), Code>,
    ) -> Result<(), Code> {
        if version(&self.db)? < 2 { Ok(()) } else { self.each_note("checkpoints", chain, each) }
    }

    fn each_note(
        &self,
        table: &str,
        chain: Option<&str>,
        mut each: impl FnMut(String, u64, String, String) -> Result<(), Code>,
    ) -> Result<(), Code> {
        let mut statement = self.db.prepare(&format!(
            "SELECT chain, size, root, note FROM {table} WHERE ?1 IS NULL OR chain = ?1 ORDER BY chain, size"
        ))?;
        let mut rows = statement.query([chain])?;
        while let Some(row) = rows.next()? {
            let text =
                |at| Ok::<_, rusqlite::Error>(String::from_utf8_lossy(row.get_ref(at)?.as_bytes()?).into_owned());
            // A size below 0 was never signed, and 0 rows have no checkpoint either.
            each(text(0)?, u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0), text(2)?, text(3)?)?;
        }
        Ok(())
    }

    /// Calls `each` with every row, of one chain or of all, ordered by chain, seq and link.
    ///
    /// # Errors
    /// What `each` reports; `malformed_row` for numbers that no row can have; `unavailable`.
    pub fn each_row(&self, chain: Option<&str>, mut each: impl FnMut(Row) -> Result<(), Code>) -> Result<(), Code> {
        let mut statement = self.db.prepare(
            "SELECT chain, seq, t, gprev, salt, body, bc, link FROM events
             WHERE ?1 IS NULL OR chain = ?1 ORDER BY chain, seq, link",
        )?;
        let mut rows = statement.query([chain])?;
        while let Some(row) = rows.next()? {
            each(read_row(row)??)?;
        }
        Ok(())
    }
}

/// Does `work` in one transaction, see [`Store::write`].
pub(crate) fn write<T>(db: &mut Connection, work: impl FnOnce(&Transaction) -> Result<T, Code>) -> Result<T, Code> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = work(&tx)?;
    tx.commit()?;
    Ok(done)
}

/// Empties the write-ahead log, see [`Store::empty_log`].
pub(crate) fn empty_log(db: &Connection) -> Result<bool, Code> {
    let busy: i64 = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(busy == 0)
}

/// One row, of a store that is being written to.
///
/// # Errors
/// As [`Store::row`].
pub fn row_of(db: &Connection, chain: &str, seq: u64) -> Result<Option<Row>, Code> {
    let mut find =
        db.prepare_cached("SELECT chain, seq, t, gprev, salt, body, bc, link FROM events WHERE chain = ? AND seq = ?")?;
    find.query_row(params![chain, seq], read_row).optional()?.transpose()
}

/// Reads the columns `chain, seq, t, gprev, salt, body, bc, link`. The inner failure is `malformed_row`.
///
/// Text that somebody turned into invalid UTF-8 is read with U+FFFD in place of it. That is never in a linked row, so
/// the verdict on it is "tampered" and not "cannot be read".
pub fn read_row(row: &rusqlite::Row) -> rusqlite::Result<Result<Row, Code>> {
    let number = |at: usize| -> rusqlite::Result<Option<u64>> {
        Ok(u64::try_from(row.get::<_, i64>(at)?).ok().filter(|number| *number <= MAX_INTEGER))
    };
    let text = |at: usize| -> rusqlite::Result<Option<String>> {
        Ok(match row.get_ref(at)? {
            rusqlite::types::ValueRef::Null => None,
            value => Some(String::from_utf8_lossy(value.as_bytes()?).into_owned()),
        })
    };
    let (Some(chain), Some(seq), Some(t), Some(link)) = (text(0)?, number(1)?, number(2)?, text(7)?) else {
        return Ok(Err(Code::MalformedRow));
    };
    Ok(Ok(Row { chain, seq, link, t, gprev: text(3)?, salt: text(4)?, body: text(5)?, bc: text(6)? }))
}

/// Makes the file if there is none. It holds salts, so nobody but its owner may read it; SQLite gives its other files
/// the same rights.
pub(crate) fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.append(true).create(true).open(path).map(drop)
}

/// The word for a period of epochs that end; `None` for the others, since what never ends can't be destroyed.
pub(crate) fn word(period: Period) -> Option<&'static str> {
    Some(match period {
        Period::Day => "day",
        Period::Week => "week",
        Period::Month => "month",
        Period::Never => return None,
    })
}

pub(crate) fn tables(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
}

fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// The deployment and the period of a store, if it is one.
fn identify(db: &Connection) -> Result<(String, Period), Code> {
    let number = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    if number("application_id").map_err(|_| Code::NotAStore)? != APPLICATION_ID {
        return Err(Code::NotAStore);
    }
    if !(1..=VERSION).contains(&version(db)?) {
        return Err(Code::StoreVersion);
    }
    let setting = |name: &str| -> Result<String, Code> {
        let found = db.query_row("SELECT value FROM settings WHERE name = ?", [name], |row| row.get(0));
        found.optional()?.ok_or(Code::NotAStore)
    };
    let deployment = setting("deployment")?;
    let period = Period::from_word(&setting("period")?).ok_or(Code::StoreVersion)?;
    Ok((deployment, period))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(deployment: &str, period: Period) -> Expected {
        Expected { deployment: Some(deployment.into()), period: Some(period) }
    }

    #[test]
    fn a_store_keeps_its_deployment_and_its_period() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        assert_eq!(Store::read(&path).err(), Some(Code::CannotRead));
        drop(Store::open(&path, &expected("shop", Period::Week)).unwrap());
        let again = Store::open(&path, &Expected::default()).unwrap();
        assert_eq!((again.deployment.as_str(), again.period), ("shop", Period::Week));
        assert_eq!(Store::open(&path, &expected("other", Period::Week)).err(), Some(Code::StoreDeployment));
        assert_eq!(Store::open(&path, &expected("shop", Period::Day)).err(), Some(Code::StorePeriod));
    }

    #[test]
    fn what_is_not_a_store_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let text = dir.path().join("text");
        std::fs::write(&text, "not a database, but long enough to have a header of one hundred bytes ".repeat(9))
            .unwrap();
        assert_eq!(Store::open(&text, &Expected::default()).err(), Some(Code::NotAStore));
        assert_eq!(Store::read(&text).err(), Some(Code::NotAStore));
        let other = dir.path().join("other.db");
        Connection::open(&other).unwrap().execute_batch("CREATE TABLE a (b)").unwrap();
        assert_eq!(Store::open(&other, &Expected::default()).err(), Some(Code::NotAStore));
        let newer = dir.path().join("newer.db");
        Store::open(&newer, &Expected::default()).unwrap().db.pragma_update(None, "user_version", VERSION + 1).unwrap();
        assert_eq!(Store::open(&newer, &Expected::default()).err(), Some(Code::StoreVersion));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_the_files() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let _store = Store::open(&dir.path().join("a.db"), &Expected::default()).unwrap();
        let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap()).collect();
        assert_eq!(files.len(), 3, "the store, its log and the log's index");
        for file in files {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
        }
    }

    #[test]
    fn a_statement_is_compiled_once() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("a.db"), &Expected::default()).unwrap();
        for seq in 0..9 {
            let sql = "SELECT link FROM events WHERE chain = ? AND seq < ? ORDER BY seq";
            let mut find = store.db().prepare_cached(sql).unwrap();
            assert!(!find.exists(params!["a", seq]).unwrap());
            assert_eq!(find.get_status(rusqlite::StatementStatus::RePrepare), 0);
        }
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("a.db"), &Expected::default()).unwrap();
        let failed = store.write(|tx| {
            tx.execute("INSERT INTO chains VALUES ('a', 1, NULL)", [])?;
            Err::<(), _>(Code::Internal)
        });
        assert_eq!(failed, Err(Code::Internal));
        let rows: i64 = store.db().query_row("SELECT count(*) FROM chains", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0);
    }
}
