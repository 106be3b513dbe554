//! The key server's store: one SQLite file, which is not the collector's.
//!
//! Its tables of epochs are those of the collector's store, with a key's secret half in the column of the salt, so that both are made,
//! erased and logged by the same code.

use crate::error::Code;
use crate::store::{DEFAULT_DEPLOYMENT, Expected, create_private, tables, word};
use nymtrail::core::epoch::Period;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use std::path::Path;
use std::time::Duration;

/// Marks the file in SQLite's header: "NYMK". The collector's is another, so neither opens the other's.
const APPLICATION_ID: i64 = 0x4e59_4d4b;
const VERSION: i64 = 1;

const SCHEMA: &str = "
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- Epochs whose key still exists; `salt` is its secret half, NULL between its erasure and the proof that no file holds it any more.
CREATE TABLE epochs (
  id INTEGER PRIMARY KEY, not_before INTEGER NOT NULL, not_after INTEGER NOT NULL,
  salt TEXT, commitment TEXT NOT NULL) STRICT;

-- The destruction log.
CREATE TABLE destructions (
  id INTEGER PRIMARY KEY, not_before INTEGER NOT NULL, not_after INTEGER NOT NULL,
  commitment TEXT NOT NULL, destroyed_at INTEGER NOT NULL) STRICT;

-- What tickets have used up, by a hash of their id, for as long as their epoch's key exists.
CREATE TABLE tickets (
  epoch INTEGER NOT NULL, ticket TEXT NOT NULL, used INTEGER NOT NULL, PRIMARY KEY (epoch, ticket)) STRICT, WITHOUT ROWID;

-- What was asked for and what came of it, by the minute. Nothing tells who asked, nor for whom.
CREATE TABLE audit (
  minute INTEGER NOT NULL, outcome TEXT NOT NULL, requests INTEGER NOT NULL, elements INTEGER NOT NULL,
  PRIMARY KEY (minute, outcome)) STRICT, WITHOUT ROWID;
";

/// An open store of keys.
pub struct KeyStore {
    pub(super) db: Connection,
    /// The deployment the keys belong to.
    pub deployment: String,
    /// How long an epoch is.
    pub period: Period,
}

impl KeyStore {
    /// Opens the store for writing, and makes it if there is none.
    ///
    /// # Errors
    /// `cannot_read`, `not_a_key_store`, `store_version`, `store_deployment`, `store_period`, `unavailable`.
    pub fn open(path: &Path, expected: &Expected) -> Result<Self, Code> {
        create_private(path).map_err(|_| Code::CannotRead)?;
        let mut db = Connection::open(path).map_err(|_| Code::CannotRead)?;
        db.busy_timeout(Duration::from_secs(5))?;
        if tables(&db).map_err(|_| Code::NotAKeyStore)? != 0 {
            identify(&db)?; // before the first change, should the file be somebody else's
        }
        db.pragma_update(None, "journal_mode", "wal")?;
        // What is counted may be lost with the power; what is published may not, see `keys::rotate`.
        db.pragma_update(None, "synchronous", "normal")?;
        db.pragma_update(None, "secure_delete", "on")?;
        db.pragma_update(None, "temp_store", "memory")?;
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if tables(&tx)? == 0 {
            tx.execute_batch(SCHEMA)?;
            tx.pragma_update(None, "application_id", APPLICATION_ID)?;
            tx.pragma_update(None, "user_version", VERSION)?;
            let deployment = expected.deployment.as_deref().unwrap_or(DEFAULT_DEPLOYMENT);
            let period = expected.period.map_or(Some("day"), word).ok_or(Code::StorePeriod)?;
            for (name, value) in [("deployment", deployment), ("period", period)] {
                tx.execute("INSERT INTO settings VALUES (?, ?)", params![name, value])?;
            }
        }
        tx.commit()?;
        let (deployment, period) = identify(&db)?;
        if expected.deployment.as_ref().is_some_and(|name| *name != deployment) {
            return Err(Code::StoreDeployment);
        }
        if expected.period.is_some_and(|expected| expected != period) {
            return Err(Code::StorePeriod);
        }
        Ok(Self { db, deployment, period })
    }

    /// Opens an existing store for reading alone.
    ///
    /// # Errors
    /// `cannot_read`, `not_a_key_store`, `store_version`, `unavailable`.
    pub fn read(path: &Path) -> Result<Self, Code> {
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|_| Code::CannotRead)?;
        db.busy_timeout(Duration::from_secs(5))?;
        let (deployment, period) = identify(&db)?;
        Ok(Self { db, deployment, period })
    }

    /// The connection, for reading.
    pub fn db(&self) -> &Connection {
        &self.db
    }
}

/// The deployment and the period of a store of keys, if it is one.
fn identify(db: &Connection) -> Result<(String, Period), Code> {
    let number = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    if number("application_id").map_err(|_| Code::NotAKeyStore)? != APPLICATION_ID {
        return Err(Code::NotAKeyStore);
    }
    if number("user_version")? != VERSION {
        return Err(Code::StoreVersion);
    }
    let setting = |name: &str| -> Result<String, Code> {
        let found = db.query_row("SELECT value FROM settings WHERE name = ?", [name], |row| row.get(0));
        found.optional()?.ok_or(Code::NotAKeyStore)
    };
    let deployment = setting("deployment")?;
    let period = Period::from_word(&setting("period")?).ok_or(Code::StoreVersion)?;
    Ok((deployment, period))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn neither_server_opens_the_others_store() {
        let dir = tempfile::tempdir().unwrap();
        let (keys, events) = (dir.path().join("keys.db"), dir.path().join("events.db"));
        drop(KeyStore::open(&keys, &Expected::default()).unwrap());
        drop(Store::open(&events, &Expected::default()).unwrap());
        assert_eq!(Store::open(&keys, &Expected::default()).err(), Some(Code::NotAStore));
        assert_eq!(Store::read(&keys).err(), Some(Code::NotAStore));
        assert_eq!(KeyStore::open(&events, &Expected::default()).err(), Some(Code::NotAKeyStore));
        assert_eq!(KeyStore::read(&events).err(), Some(Code::NotAKeyStore));
        let other = Expected { deployment: Some("blog".into()), period: None };
        assert_eq!(KeyStore::open(&keys, &other).err(), Some(Code::StoreDeployment));
        assert_eq!(KeyStore::read(&keys).unwrap().deployment, "shop");
    }
}
