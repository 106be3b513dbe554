//! A lane: one chain of one epoch, and the only page that may write to it.

use super::{
    chain::Head,
    joined,
    words::{Reader, Words},
};
use alloc::string::String;

/// Events that were dropped before they were stored, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// Could not be scrubbed: no valid name or properties.
    pub scrubbed: u64,
    /// The store was full.
    pub overflow: u64,
    /// The browser's quota was used up.
    pub quota: u64,
    /// The event was larger than an event may be.
    pub too_large: u64,
}

impl Drops {
    /// All together.
    pub const fn total(&self) -> u64 {
        self.scrubbed + self.overflow + self.quota + self.too_large
    }

    /// The sum of two, reason by reason.
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            scrubbed: self.scrubbed + other.scrubbed,
            overflow: self.overflow + other.overflow,
            quota: self.quota + other.quota,
            too_large: self.too_large + other.too_large,
        }
    }
}

/// Which epoch a lane is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EpochId {
    /// Its number.
    pub number: u64,
    /// Whether it is one of the epochs document.
    pub published: bool,
}

impl EpochId {
    /// Its number, if a collector knows it.
    pub fn public(self) -> Option<u64> {
        self.published.then_some(self.number)
    }
}

/// What a page knows of the lane it writes to, and what is kept of it beside its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// The end of the chain.
    pub head: Head,
    /// The epoch it belongs to; no other epoch's events are ever linked to it.
    pub epoch: EpochId,
    /// Nobody goes on with this lane any more.
    pub closed: bool,
    /// Events dropped while this lane was written to.
    pub drops: Drops,
    /// What [`save`](Self::save) gives has to be written.
    pub unsaved: bool,
    /// The id, of a device or in the audience profile of a visit, that its events carry: what joins it to other lanes anyway.
    pub whose: Option<String>,
    /// What it takes to have the chain erased where it was sent: its hash is in the first row. `None`: an older lane.
    token: Option<String>,
}

/// What every lane's meta key begins with; the chain's id follows.
pub const META_LANE: &str = "lane/";
/// What the key of every lane's settlement record begins with; the chain's id follows.
pub const META_SETTLED: &str = "settled/";

impl Lane {
    /// A lane that was opened just now.
    pub fn opened(head: Head, epoch: EpochId, token: String) -> Self {
        let (closed, drops, unsaved) = (false, Drops::default(), true);
        Self { head, epoch, closed, drops, unsaved, whose: None, token: Some(token) }
    }

    /// The key of its meta.
    pub fn meta_key(&self) -> String {
        joined(META_LANE, &self.head.chain)
    }

    /// As a record for the store, of which `js/erasure.ts` reads the last two words. The head is not in it: it is the chain's
    /// last row.
    pub fn save(&self) -> String {
        let Drops { scrubbed, overflow, quota, too_large } = self.drops;
        let flags = [self.epoch.number, u64::from(self.epoch.published), u64::from(self.closed)];
        let words = Words::default().numbers(&flags).numbers(&[scrubbed, overflow, quota, too_large]);
        words.text(self.token.as_deref()).text(self.whose.as_deref()).finish()
    }

    /// The epoch of a saved lane.
    pub fn epoch_of(saved: &str) -> EpochId {
        read_epoch(&mut Reader::new(saved))
    }

    /// The lane that [`save`](Self::save) wrote, with its head.
    pub fn load(saved: &str, head: Head) -> Option<Self> {
        let mut words = Reader::new(saved);
        Some(Self {
            head,
            epoch: read_epoch(&mut words),
            closed: words.number()? == 1,
            drops: Drops {
                scrubbed: words.number()?,
                overflow: words.number()?,
                quota: words.number()?,
                too_large: words.number()?,
            },
            token: words.string(),
            whose: words.string(),
            unsaved: false,
        })
    }
}

fn read_epoch(words: &mut Reader) -> EpochId {
    EpochId { number: words.number().unwrap_or(0), published: words.number() == Some(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_lane_loads() {
        let head = Head { chain: "ab".into(), seq: 3, t: 4, link: "cd".into() };
        let mut lane = Lane::opened(head.clone(), EpochId { number: 20781, published: true }, "22".repeat(16));
        (lane.closed, lane.drops.scrubbed, lane.unsaved) = (true, 2, false);
        assert_eq!(Lane::load(&lane.save(), head.clone()), Some(lane.clone()));
        lane.whose = Some("vQ5DTnbm0Qmmb5anLHChkw".into());
        assert_eq!(Lane::load(&lane.save(), head), Some(lane));
    }
}
