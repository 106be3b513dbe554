//! Exact accounting: what became of every event that was captured.

use super::{
    chain::Head,
    json::Object,
    lane::{Drops, Lane, META_LANE, META_SETTLED},
    settled::Settled,
};
use alloc::string::String;

/// The account of one deployment in this browser, since its storage was last erased. It always adds up:
/// `captured = stored + waiting + ` drops before storing, `stored = acknowledged + pending + ` drops after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Rows of events that were stored.
    pub stored: u64,
    /// Events that are captured and on their way to the store.
    pub waiting: u64,
    /// Events that were in a request at least once.
    pub sent: u64,
    /// Events that the endpoint has.
    pub acknowledged: u64,
    /// Events dropped before they were stored.
    pub drops: Drops,
    /// Stored events that the endpoint will never take.
    pub poison: u64,
    /// Stored events of which one alone was over the endpoint's limit.
    pub too_large: u64,
    /// Stored events that were dropped because too many were waiting.
    pub overflow: u64,
    /// Rows of events that were stored once more, in another chain.
    pub moved: u64,
    /// Lanes known here.
    pub lanes: u64,
    /// Identifiers for which no pseudonym could be made, in this page.
    pub pseudonym_failures: u64,
}

impl Stats {
    /// Adds what one meta of the store says. `events`: how many its chain has, if it is a lane's.
    pub fn add(&mut self, key: &str, saved: &str, events: Option<u64>) {
        if key.starts_with(META_LANE) {
            self.lanes += 1;
            self.stored += events.unwrap_or(0);
            if let Some(lane) = Lane::load(saved, Head::nowhere()) {
                self.drops = self.drops.plus(&lane.drops);
            }
        } else if key.starts_with(META_SETTLED) {
            let settled = Settled::load(saved);
            self.sent += settled.sent;
            self.acknowledged += settled.acknowledged;
            self.poison += settled.poison;
            self.too_large += settled.too_large;
            self.overflow += settled.overflow;
            self.moved += settled.moved;
        }
    }

    /// Events that were stored.
    pub fn stored(&self) -> u64 {
        self.stored.saturating_sub(self.moved)
    }

    /// Stored events that are not settled yet.
    pub fn pending(&self) -> u64 {
        self.stored().saturating_sub(self.acknowledged + self.poison + self.too_large + self.overflow)
    }

    /// Events that were captured.
    pub fn captured(&self) -> u64 {
        self.stored() + self.waiting + self.drops.total()
    }

    /// As a JSON object. `consent` and `unknown_schema` are counted by whoever asks for them.
    pub fn json(&self) -> String {
        let mut dropped = Object::default();
        dropped.number("overflow", self.drops.overflow + self.overflow).number("poison", self.poison);
        dropped.number("quota", self.drops.quota);
        dropped.number("scrubbed", self.drops.scrubbed).number("too_large", self.drops.too_large + self.too_large);
        let mut stats = Object::default();
        stats.number("acknowledged", self.acknowledged).number("captured", self.captured());
        stats.raw("dropped", &dropped.finish()).number("lanes", self.lanes).number("pending", self.pending());
        stats.number("pseudonym_failures", self.pseudonym_failures).number("sent", self.sent);
        stats.number("stored", self.stored()).number("waiting", self.waiting).finish()
    }
}
