//! The keys of epochs: a fresh one for each, published with a commitment to the next, and destroyed 48 hours after its end.

use super::store::KeyStore;
use crate::epochs::{self, EARLY_MS};
use crate::error::Code;
use nymtrail::core::epoch::{Epoch, Published};
use nymtrail::core::pseudonym::Salt;
use nymtrail::ports::Entropy;
use nymtrail_oprf::Key;

/// For how long after its end an epoch's key still evaluates: 5 h. A visit stays in its epoch for at most 4 h, and goes over to a new
/// one up to half an hour late; whatever asks later is guessing.
pub const LATE_MS: u64 = 5 * 60 * 60 * 1000;

/// The operating system's randomness. What it can't give leaves zeros, so it is asked once before.
pub(super) struct System;

impl System {
    /// # Errors
    /// `unavailable` if there is no randomness.
    pub(super) fn new() -> Result<Self, Code> {
        getrandom::fill(&mut [0; 8]).map(|()| Self).map_err(|_| Code::Unavailable)
    }
}

impl Entropy for System {
    fn fill(&mut self, bytes: &mut [u8]) {
        // It was there a moment ago; an operating system that has it does not run out of it.
        if getrandom::fill(bytes).is_err() {
            std::process::abort();
        }
    }
}

/// Makes the keys that are needed and destroys those that are due. Returns the ids of the epochs destroyed.
///
/// # Errors
/// As [`epochs::rotate`].
pub fn rotate(store: &mut KeyStore, now: u64) -> Result<Vec<u64>, Code> {
    // A key that was published must not be lost with the power.
    store.db.pragma_update(None, "synchronous", "full")?;
    let rotated = epochs::rotate_secrets(&mut store.db, store.period, now, |id| {
        let key = Key::random(&mut System::new()?).map_err(|_| Code::Unavailable)?;
        Ok((Salt::new(*key.secret()), Published::Key.commitment(id, &Salt::new(key.public()))))
    });
    let destroyed = rotated.and_then(|destroyed| {
        store.db.execute("DELETE FROM tickets WHERE epoch NOT IN (SELECT id FROM epochs)", [])?;
        Ok(destroyed)
    });
    store.db.pragma_update(None, "synchronous", "normal")?;
    destroyed
}

/// The text of the document for `now`, see [`epochs::document`].
///
/// # Errors
/// `unavailable`.
pub fn document(store: &mut KeyStore, now: u64) -> Result<String, Code> {
    // A failure was logged where it happened, and what was made ahead is published all the same.
    let _ = rotate(store, now);
    let (current, last) = (store.period.id(now), store.period.id(now + EARLY_MS));
    let public = |id| -> Result<Epoch, Code> {
        let epoch = epochs::published(&store.db, id)?;
        let key = Key::from_secret(epoch.salt.bytes()).map_err(|_| Code::Unavailable)?;
        Ok(Epoch { salt: Salt::new(key.public()), ..epoch })
    };
    let epochs = (current..=last).map(public).collect::<Result<Vec<_>, _>>()?;
    Ok(Published::Key.document(&store.deployment, &epochs))
}

/// The key of an epoch, if identifiers may still be evaluated with it.
///
/// # Errors
/// `unknown_epoch`, `unavailable`.
pub fn key(store: &KeyStore, id: u64, now: u64) -> Result<Key, Code> {
    let period = store.period;
    // No id that could not be: its start would overflow.
    if id > period.id(now + EARLY_MS) || now >= period.start(id + 1) + LATE_MS {
        return Err(Code::UnknownEpoch);
    }
    let epoch = epochs::published(&store.db, id).map_err(|_| Code::UnknownEpoch)?;
    Key::from_secret(epoch.salt.bytes()).map_err(|_| Code::Unavailable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epochs::GRACE_MS;
    use crate::store::Expected;
    use nymtrail::core::epoch::{DAY, Keyring};
    use nymtrail::core::hex;

    /// 2026-09-21 14:13:20Z, day 20,717.
    const NOW: u64 = 1_790_000_000_000;

    fn open(dir: &std::path::Path) -> KeyStore {
        KeyStore::open(&dir.join("keys.db"), &Expected::default()).unwrap()
    }

    #[test]
    fn the_client_accepts_the_documents_of_days_on_end() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        let mut keyring = Keyring::of(Published::Key, None);
        let mut seen = Vec::new();
        for hour in 0..96 {
            let now = NOW + hour * 3_600_000;
            let text = document(&mut store, now).unwrap();
            assert_eq!(document(&mut store, now).unwrap(), text, "an epoch never changes");
            keyring.accept(&text, "shop").unwrap();
            let epoch = keyring.current(now).unwrap();
            assert_eq!(epoch.id, now / DAY);
            assert_eq!(key(&store, epoch.id, now).unwrap().public(), *epoch.salt.bytes());
            seen.push(hex::encode(epoch.salt.bytes()));
        }
        seen.dedup();
        assert_eq!(seen.len(), 5, "a key for each day, and none twice");
    }

    #[test]
    fn a_key_evaluates_while_a_visit_may_be_in_its_epoch() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        rotate(&mut store, NOW).unwrap();
        let (start, end) = (20_717 * DAY, 20_718 * DAY);
        for (now, evaluates) in
            [(start - EARLY_MS - 1, false), (start - EARLY_MS, true), (end + LATE_MS - 1, true), (end + LATE_MS, false)]
        {
            assert_eq!(key(&store, 20_717, now).err(), (!evaluates).then_some(Code::UnknownEpoch), "{now}");
        }
        for id in [0, 20_716, 20_718, u64::MAX] {
            assert_eq!(key(&store, id, NOW).err(), Some(Code::UnknownEpoch), "{id}");
        }
    }

    #[test]
    fn a_destroyed_key_is_in_no_file_and_in_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        rotate(&mut store, NOW).unwrap();
        let secret = *key(&store, 20_717, NOW).unwrap().secret();
        let digits = hex::encode(&secret);
        let holds = || {
            let files = std::fs::read_dir(dir.path()).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
            let all: Vec<u8> = files.flatten().collect();
            let pieces = digits.as_bytes().windows(12).chain(secret.windows(6));
            pieces.into_iter().any(|piece| all.windows(piece.len()).any(|part| part == piece))
        };
        store.db.execute("INSERT INTO tickets VALUES (20717, 'a', 1), (20720, 'b', 1)", []).unwrap();
        assert!(holds());
        let due = 20_718 * DAY + GRACE_MS;
        assert_eq!(rotate(&mut store, due - 1), Ok(vec![]));
        assert_eq!(rotate(&mut store, due), Ok(vec![20_717]));
        assert!(!holds());
        let known = epochs::known(store.db()).unwrap();
        assert_eq!(known[0].destroyed_at.as_deref(), Some("2026-09-24 00:00:00"));
        let tickets: Vec<String> = store
            .db
            .prepare("SELECT ticket FROM tickets")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(tickets, ["b"], "what tickets used goes with the key");
    }
}
