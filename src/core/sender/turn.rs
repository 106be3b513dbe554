//! Which lane is next, with rows of two epochs apart.

use super::{Sender, Target};
use crate::core::wire::Wire;

impl Sender {
    /// Where to go on, and from when on that may be sent. Rows of another epoch than that whose turn it is wait until
    /// nothing more of this one is there, or for as long as they can be asked to.
    pub(super) fn next(&self, wire: &mut Wire, now: u64) -> Option<(usize, u64)> {
        let dirty = || self.targets.iter().enumerate().filter(|(_, target)| target.dirty);
        let turn = wire.epoch();
        let present = |target: &Target| turn == Some(target.epoch.number);
        let first = dirty().find(|(_, target)| present(target)).or_else(|| dirty().find(|(_, target)| !target.waits));
        let first = first.map(|(at, target)| (at, if target.waits { wire.opens(target.epoch.number, now) } else { 0 }));
        let others = dirty().filter(|(_, target)| target.waits && !present(target));
        let Some((at, other)) = others.max_by_key(|(_, target)| target.epoch.number) else {
            wire.nobody_waits();
            return first;
        };
        let (epoch, since) = (other.epoch.number, wire.wait(now));
        if first.is_some() {
            wire.call(epoch, now);
            if wire.epoch() != Some(epoch) {
                return first;
            }
        }
        let leisure = if wire.epoch() > Some(epoch) { since + self.leisure } else { 0 };
        Some((at, wire.opens(epoch, now).max(leisure)))
    }
}
