//! Epochs: their salts, the document that browsers fetch, rotation, and destruction.
//!
//! A pseudonym can be looked up by whoever has the salt of its epoch. So each epoch has 32 random bytes of its own,
//! and once nothing may be sent under it any more, they are erased from every file and the erasure is logged.

use crate::error::Code;
use crate::store::{Store, empty_log, write};
use nymtrail::core::{
    epoch::{self, DAY, Epoch, Period},
    hex,
    pseudonym::Salt,
};
use rusqlite::{Connection, OptionalExtension, params};

/// For how long after its end an epoch's batches are still taken and its salt is kept: 48 h.
pub const GRACE_MS: u64 = 2 * DAY;
/// From how long before its start the next epoch is published: 10 min, so that clocks may differ a little.
pub const EARLY_MS: u64 = 600_000;
/// How many epochs are made ahead. The document commits to the one after each that it publishes.
const AHEAD: u64 = 2;

/// What is known of an epoch once its salt is none of anybody's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The epoch's id.
    pub id: u64,
    /// When it begins, as `2026-09-21 00:00:00` in UTC.
    pub not_before: String,
    /// When it ends, likewise.
    pub not_after: String,
    /// What the document committed to: `SHA-256("s1|" id "|" salt)`.
    pub commitment: String,
    /// When its salt was erased, likewise.
    pub destroyed_at: Option<String>,
}

/// Whether events of the epoch `id` may arrive at `now`: from shortly before its start to the end of its grace.
pub fn is_open(period: Period, id: u64, now: u64) -> bool {
    id <= period.id(now + EARLY_MS) && now < period.start(id + 1) + GRACE_MS
}

/// Makes the salts that are needed and destroys those that are due. Returns the ids of the epochs destroyed.
///
/// # Errors
/// `unavailable`. If a reader kept the write-ahead log from being emptied, the salt counts as not destroyed yet, and
/// the next call goes on from there.
pub fn rotate(store: &mut Store, now: u64) -> Result<Vec<u64>, Code> {
    let period = store.period;
    rotate_secrets(store.db_mut(), period, now, |id| {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|_| Code::Unavailable)?;
        let salt = Salt::new(bytes);
        Ok((salt.clone(), epoch::commitment(id, &salt)))
    })
}

/// The same for any secret of 32 bytes in the column `salt`: `make` gives that of an epoch, and its commitment.
///
/// # Errors
/// As [`rotate`].
pub(crate) fn rotate_secrets(
    db: &mut Connection,
    period: Period,
    now: u64,
    make: impl Fn(u64) -> Result<(Salt, String), Code>,
) -> Result<Vec<u64>, Code> {
    if !is_due(db, period, now)? {
        return Ok(Vec::new());
    }
    let erased = write(db, |tx| {
        for id in wanted(period, now) {
            let (salt, commitment) = make(id)?;
            tx.execute(
                "INSERT INTO epochs VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                params![id, period.start(id), period.start(id + 1), hex::encode(salt.bytes()), commitment],
            )?;
        }
        tx.execute("UPDATE epochs SET salt = NULL WHERE not_after + ? <= ?", [GRACE_MS, now])?;
        let mut erased = tx.prepare("SELECT id FROM epochs WHERE salt IS NULL ORDER BY id")?;
        Ok(erased.query_map([], |row| row.get(0))?.collect::<Result<Vec<u64>, _>>()?)
    })?;
    // The write-ahead log still holds the page as it was. Only when it is empty is the salt gone.
    if erased.is_empty() || !empty_log(db)? {
        return Ok(Vec::new());
    }
    write(db, |tx| {
        tx.execute(
            "INSERT INTO destructions SELECT id, not_before, not_after, commitment, ? FROM epochs WHERE salt IS NULL",
            [now],
        )?;
        tx.execute("DELETE FROM epochs WHERE salt IS NULL", [])?;
        Ok(())
    })?;
    Ok(erased)
}

/// The text of the document for `now`: the current epoch, and near its end the next one as well. Rotates first if
/// that is due. If it fails, what was made ahead is published all the same: a full disk is no reason to hold it back.
///
/// # Errors
/// `unavailable`.
pub fn document(store: &mut Store, now: u64) -> Result<String, Code> {
    // A failure was logged where it happened, and the next call tries again.
    let _ = rotate(store, now);
    let (current, last) = (store.period.id(now), store.period.id(now + EARLY_MS));
    let epochs = (current..=last).map(|id| published(store.db(), id)).collect::<Result<Vec<_>, _>>()?;
    Ok(epoch::document(&store.deployment, &epochs))
}

/// Every epoch there is or was, by id, without salts.
///
/// # Errors
/// `unavailable`.
pub fn known(db: &Connection) -> Result<Vec<Known>, Code> {
    let mut statement = db.prepare(
        "SELECT id, datetime(not_before / 1000, 'unixepoch'), datetime(not_after / 1000, 'unixepoch'), commitment,
                datetime(destroyed_at / 1000, 'unixepoch')
         FROM (SELECT id, not_before, not_after, commitment, NULL AS destroyed_at FROM epochs
               UNION ALL SELECT * FROM destructions)
         ORDER BY id",
    )?;
    let known = statement.query_map([], |row| {
        Ok(Known {
            id: row.get(0)?,
            not_before: row.get(1)?,
            not_after: row.get(2)?,
            commitment: row.get(3)?,
            destroyed_at: row.get(4)?,
        })
    })?;
    Ok(known.collect::<Result<_, _>>()?)
}

fn wanted(period: Period, now: u64) -> std::ops::RangeInclusive<u64> {
    let current = period.id(now);
    current..=current + AHEAD
}

fn is_due(db: &Connection, period: Period, now: u64) -> Result<bool, Code> {
    let wanted = wanted(period, now);
    let (made, destroyed): (u64, bool) = db.query_row(
        "SELECT count(*) FILTER (WHERE id BETWEEN ? AND ?),
                count(*) FILTER (WHERE salt IS NULL OR not_after + ? <= ?) > 0 FROM epochs",
        [*wanted.start(), *wanted.end(), GRACE_MS, now],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(made <= AHEAD || destroyed)
}

/// The epoch with its secret, and the commitment to the next.
///
/// # Errors
/// `unavailable`.
pub(crate) fn published(db: &Connection, id: u64) -> Result<Epoch, Code> {
    let found = db.query_row(
        "SELECT e.not_before, e.not_after, e.salt, n.commitment FROM epochs e JOIN epochs n ON n.id = e.id + 1
         WHERE e.id = ? AND e.salt IS NOT NULL",
        [id],
        |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?, row.get(3)?)),
    );
    let (not_before, not_after, salt, next) = found.optional()?.ok_or(Code::Unavailable)?;
    let salt = Salt::new(hex::decode(&salt).ok_or(Code::Unavailable)?);
    Ok(Epoch { id, not_before, not_after, salt, next: Some(next) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Expected;
    use std::path::Path;

    /// 2026-09-21 14:13:20Z.
    const NOW: u64 = 1_790_000_000_000;

    fn open(dir: &Path) -> Store {
        Store::open(&dir.join("a.db"), &Expected::default()).unwrap()
    }

    /// The epochs published at `now`, as (id, salt, next).
    fn published_at(store: &mut Store, now: u64) -> Vec<(u64, String, String)> {
        let document: serde_json::Value = serde_json::from_str(&document(store, now).unwrap()).unwrap();
        assert_eq!(document["deployment"], "shop");
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let epochs = document["epochs"].as_array().unwrap();
        epochs.iter().map(|e| (e["id"].as_u64().unwrap(), text(&e["salt"]), text(&e["next"]))).collect()
    }

    #[test]
    fn a_document_commits_to_what_comes_after() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        let today = published_at(&mut store, NOW);
        assert_eq!(today.len(), 1);
        assert_eq!(today[0].0, 20_717);
        assert_eq!(published_at(&mut store, NOW + 1), today, "an epoch never changes");

        let end = 20_718 * DAY;
        assert_eq!(published_at(&mut store, end - EARLY_MS - 1), today);
        let late = published_at(&mut store, end - EARLY_MS);
        assert_eq!(late.iter().map(|epoch| epoch.0).collect::<Vec<_>>(), [20_717, 20_718]);
        assert_eq!(late[0], today[0]);
        assert_ne!(late[1].1, today[0].1);
        assert_eq!(published_at(&mut store, end), late[1..]);
    }

    #[test]
    fn the_client_accepts_the_documents_of_days_on_end() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        let mut keyring = epoch::Keyring::default();
        for hour in 0..96 {
            let now = NOW + hour * 3_600_000;
            keyring.accept(&document(&mut store, now).unwrap(), "shop").unwrap();
            assert_eq!(keyring.current(now).unwrap().id, now / DAY);
        }
    }

    #[test]
    fn a_full_disk_holds_back_no_epoch_that_was_made_ahead() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        published_at(&mut store, NOW);
        // Nothing can be written while somebody else writes, which is as good as a full disk.
        let other = Connection::open(dir.path().join("a.db")).unwrap();
        store.db().busy_timeout(std::time::Duration::ZERO).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        assert_eq!(rotate(&mut store, NOW + DAY), Err(Code::Unavailable));
        let tomorrow = published_at(&mut store, NOW + DAY);
        assert_eq!(
            document(&mut store, NOW + 2 * DAY),
            Err(Code::Unavailable),
            "the commitment after it is not made yet"
        );
        other.execute_batch("COMMIT").unwrap();
        assert_eq!(published_at(&mut store, NOW + DAY), tomorrow);
        assert_eq!(published_at(&mut store, NOW + 2 * DAY)[0].0, 20_719);
    }

    #[test]
    fn events_are_taken_from_ten_minutes_before_to_two_days_after() {
        let (id, start) = (20_717, 20_717 * DAY);
        let end = start + DAY;
        for (now, open) in [
            (start - EARLY_MS - 1, false),
            (start - EARLY_MS, true),
            (end + GRACE_MS - 1, true),
            (end + GRACE_MS, false),
        ] {
            assert_eq!(is_open(Period::Day, id, now), open, "{now}");
        }
        assert!(!is_open(Period::Month, u64::MAX, NOW));
    }

    /// Every byte of every file of the store.
    fn bytes(dir: &Path) -> Vec<u8> {
        std::fs::read_dir(dir).unwrap().flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }

    /// Whether any file holds a piece of the salt: 6 of its bytes, or 12 of its digits.
    fn holds(dir: &Path, salt: &str) -> bool {
        let (raw, all) = (hex::decode::<32>(salt).unwrap(), bytes(dir));
        let pieces: Vec<&[u8]> = salt.as_bytes().windows(12).chain(raw.windows(6)).collect();
        pieces.iter().any(|piece| all.windows(piece.len()).any(|part| part.eq_ignore_ascii_case(piece)))
    }

    #[test]
    fn a_destroyed_salt_is_in_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        let salts: Vec<String> = (0..6).map(|day| published_at(&mut store, NOW + day * DAY).remove(0).1).collect();
        // Days 0 and 1 are three and more days old by now, and even the files of the open store are clean of them.
        let held: Vec<bool> = salts.iter().map(|salt| holds(dir.path(), salt)).collect();
        assert_eq!(held, [false, false, false, true, true, true]);
        drop(store);
        assert!(!holds(dir.path(), &salts[0]) && holds(dir.path(), &salts[5]));

        let destroyed: Vec<_> = known(open(dir.path()).db())
            .unwrap()
            .into_iter()
            .filter_map(|epoch| Some((epoch.id, epoch.destroyed_at?)))
            .collect();
        let at = |day: u64| (20_717 + day, format!("2026-09-{} 14:13:20", 24 + day));
        assert_eq!(destroyed, [at(0), at(1), at(2)]);
    }

    #[test]
    fn a_reader_in_the_way_delays_the_log_entry_until_the_salt_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        store.db().busy_timeout(std::time::Duration::from_millis(20)).unwrap();
        let salt = published_at(&mut store, NOW).remove(0).1;
        let reader = Store::read(&dir.path().join("a.db")).unwrap();
        reader.db().execute_batch("BEGIN; SELECT * FROM epochs").unwrap();

        let late = NOW + 4 * DAY;
        assert_eq!(rotate(&mut store, late), Ok(vec![]));
        assert!(holds(dir.path(), &salt), "the reader's snapshot still needs it");
        assert!(known(store.db()).unwrap().iter().all(|epoch| epoch.destroyed_at.is_none()));

        reader.db().execute_batch("COMMIT").unwrap();
        let destroyed = rotate(&mut store, late).unwrap();
        assert!(destroyed.contains(&20_717));
        assert!(!holds(dir.path(), &salt));
        assert_eq!(rotate(&mut store, late), Ok(vec![]), "once is enough");
    }
}
