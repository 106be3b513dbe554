//! Who is acting, as far as events say: device, visit, user and group, all pseudonymous and all of one epoch.

use super::{
    base64url, random_below,
    words::{Reader, Words},
};
use crate::ports::Entropy;
use alloc::string::String;

/// A visit ends after so long without an event: the half hour that web analytics has always used.
pub const IDLE_MS: u64 = 30 * 60 * 1000;
/// A visit lasts at most so long: the hard cap that also ends an epoch's use.
pub const MAX_MS: u64 = 4 * 60 * 60 * 1000;
/// A client goes over to a new epoch up to so long after its beginning, so that not all change at the same moment and
/// "one vanished, one appeared" links nobody.
const MAX_DELAY_MS: u64 = 30 * 60 * 1000;
/// The visit's last event is written down again only when it is off by so much.
const SAVE_AFTER_MS: u64 = 60 * 1000;

/// Ids of one visit. Nothing in it is ever carried into another epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The epoch it belongs to.
    pub epoch: u64,
    /// A random id of this browser in this epoch.
    pub device: String,
    /// A random id of this visit.
    pub id: String,
    /// The pseudonym of the signed-in user.
    pub user: Option<String>,
    /// The pseudonym of the user's group.
    pub group: Option<String>,
    started: u64,
    last: u64,
    saved: u64,
}

impl Visit {
    /// Begins a visit in `epoch`, keeping the device's and people's ids if `before` was in the same one.
    pub fn begin(epoch: u64, before: Option<Visit>, now: u64, entropy: &mut dyn Entropy) -> Self {
        let before = before.filter(|before| before.epoch == epoch);
        let id = random_id(entropy);
        match before {
            Some(before) => Self { id, started: now, last: now, saved: 0, ..before },
            None => Self {
                epoch,
                device: random_id(entropy),
                id,
                user: None,
                group: None,
                started: now,
                last: now,
                saved: 0,
            },
        }
    }

    /// Whether an event at `now` still belongs to this visit. A clock set back does not end a visit.
    pub fn goes_on(&self, now: u64) -> bool {
        now.saturating_sub(self.last) <= IDLE_MS && now.saturating_sub(self.started) <= MAX_MS
    }

    /// Takes note of an event.
    pub fn touch(&mut self, now: u64) {
        self.last = self.last.max(now);
    }

    /// Whether what [`save`](Self::save) gives has changed enough to be written again. Asking marks it as written.
    pub fn take_unsaved(&mut self) -> bool {
        let unsaved = self.saved == 0 || self.last - self.saved >= SAVE_AFTER_MS;
        if unsaved {
            self.saved = self.last;
        }
        unsaved
    }

    /// Makes the next [`take_unsaved`](Self::take_unsaved) true.
    pub fn changed(&mut self) {
        self.saved = 0;
    }

    /// The visit as a record, for the page after this one.
    pub fn save(&self) -> String {
        let words = Words::default().numbers(&[self.epoch, self.started, self.last]).text(Some(&self.device));
        words.text(Some(&self.id)).text(self.user.as_deref()).text(self.group.as_deref()).finish()
    }

    /// The visit that [`save`](Self::save) wrote.
    pub fn load(saved: &str) -> Option<Self> {
        let mut words = Reader::new(saved);
        let (epoch, started, last) = (words.number()?, words.number()?, words.number()?);
        let (device, id) = (words.string()?, words.string()?);
        Some(Self { epoch, device, id, user: words.string(), group: words.string(), started, last, saved: last })
    }
}

/// How long this client waits after a new epoch's beginning, in ms: random in 0 to 30 min.
pub fn epoch_delay(entropy: &mut dyn Entropy) -> u64 {
    random_below(MAX_DELAY_MS, entropy)
}

/// 128 random bits in base64url.
pub fn random_id(entropy: &mut dyn Entropy) -> String {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    base64url::encode(&bytes)
}

/// The key under which a visit of `epoch` is kept. One key for all epochs: its name must not tell them apart.
pub const META: &str = "visit";

#[cfg(test)]
mod tests {
    use super::*;

    struct Counter(u8);
    impl Entropy for Counter {
        fn fill(&mut self, bytes: &mut [u8]) {
            self.0 += 1;
            bytes.fill(self.0);
        }
    }

    #[test]
    fn a_visit_ends_by_idleness_and_by_age() {
        let mut visit = Visit::begin(1, None, 1000, &mut Counter(0));
        assert!(visit.goes_on(1000 + IDLE_MS) && !visit.goes_on(1001 + IDLE_MS) && visit.goes_on(0));
        for minute in 0..240 {
            visit.touch(1000 + minute * 60_000);
        }
        assert!(visit.goes_on(1000 + MAX_MS) && !visit.goes_on(1001 + MAX_MS));
    }

    #[test]
    fn nothing_goes_over_into_another_epoch() {
        let entropy = &mut Counter(0);
        let mut first = Visit::begin(1, None, 0, entropy);
        first.user = Some("p1.x".into());
        let same = Visit::begin(1, Some(first.clone()), 9, entropy);
        assert_eq!((&same.device, &same.user), (&first.device, &first.user));
        assert_ne!(same.id, first.id);
        let next = Visit::begin(2, Some(first.clone()), 9, entropy);
        assert!(next.device != first.device && next.id != first.id && next.user.is_none());
    }

    #[test]
    fn a_saved_visit_loads() {
        let mut visit = Visit::begin(1, None, 7, &mut Counter(0));
        visit.group = Some("p1.g".into());
        assert!(visit.take_unsaved() && !visit.take_unsaved());
        assert_eq!(Visit::load(&visit.save()), Some(visit));
        assert_eq!(Visit::load(""), None);
    }
}
