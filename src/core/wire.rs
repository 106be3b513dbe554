//! Whose turn it is to be sent: requests with rows of two epochs are a minute apart, whichever page of the origin makes them, so
//! that whoever takes them cannot join two epochs by their time.
//!
//! Pages tell each other and the store whose turn it is before they send, and for a while ahead, so that not every request
//! costs a write. What a page has not heard yet, because it was frozen or another one began in the same moment, it cannot keep.

use super::words::{Reader, Words};
use alloc::string::String;

/// The least time between a request with rows of one epoch and one with rows of another.
pub const APART_MS: u64 = 60_000;
/// A turn is announced for so long: the others may go so much later than a minute after the last request.
const TURN_MS: u64 = 30_000;
/// Whoever waits longer gets a turn although the present one goes on.
const PATIENCE_MS: u64 = 600_000;

/// The meta it is kept as, and the word before it in a message. One for all epochs: its name must not tell them apart.
pub const META: &str = "wire";

/// What is known of the turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wire {
    /// Whose turn it is; `None`: of nobody, as two claim it.
    epoch: Option<u64>,
    /// From when it may send.
    from: u64,
    /// From when any other may. Never longer ahead than it was set, as clocks are set back.
    free: u64,
    /// Since when another one waits; 0: none does.
    waiting: u64,
    /// Until when this page has not heard what others have said.
    deaf: u64,
    /// What [`save`](Self::save) gives has to be told and kept.
    unsaved: bool,
}

impl Wire {
    /// This page was frozen until now: what was said meanwhile it has to hear before it sends anything.
    pub fn missed(&mut self, now: u64) {
        self.deaf = now + TURN_MS + APART_MS;
    }

    /// Whose turn it is.
    pub fn epoch(&self) -> Option<u64> {
        self.epoch
    }

    /// From when rows of `epoch` may be sent.
    pub fn opens(&mut self, epoch: u64, now: u64) -> u64 {
        self.bound(now);
        self.deaf.max(if self.epoch == Some(epoch) { self.from } else { self.free })
    }

    /// A request with rows of `epoch` begins, at a time when it may.
    pub fn take(&mut self, epoch: u64, now: u64) {
        if self.epoch != Some(epoch) || now + APART_MS > self.free {
            let waiting = if self.epoch == Some(epoch) { self.waiting } else { 0 };
            let free = now + TURN_MS + APART_MS;
            *self = Self { epoch: Some(epoch), free, waiting, unsaved: true, ..Self::default() };
        }
    }

    /// A request has ended: it may have taken long.
    pub fn ended(&mut self, now: u64) {
        if self.free < now + APART_MS {
            (self.free, self.unsaved) = (now + APART_MS, true);
        }
    }

    /// Rows of `epoch` wait for the end of another's turn: since when.
    pub fn wait(&mut self, now: u64) -> u64 {
        self.waiting = if self.waiting == 0 { now } else { self.waiting.min(now) };
        self.waiting
    }

    /// None waits.
    pub fn nobody_waits(&mut self) {
        self.waiting = 0;
    }

    /// Gives `epoch` the next turn if it has waited for too long. From then on nothing more of the present one is sent.
    pub fn call(&mut self, epoch: u64, now: u64) {
        if now >= self.waiting + PATIENCE_MS {
            let from = self.free.max(now);
            let free = from + TURN_MS + APART_MS;
            *self = Self { epoch: Some(epoch), from, free, unsaved: true, ..Self::default() };
        }
    }

    /// If nothing was sent lately, it is the turn of `epoch`.
    pub fn prefer(&mut self, epoch: u64, now: u64) {
        self.bound(now);
        if now >= self.free {
            (self.epoch, self.from) = (Some(epoch), 0);
        }
    }

    /// Takes what is kept, in the words of [`take_unsaved`](Self::take_unsaved).
    pub fn learn(&mut self, kept: &str, now: u64) {
        self.deaf = 0;
        self.join(Self::read(&mut Reader::new(kept)), now);
    }

    /// Takes what another page has told. Of what was said while this page was frozen it may hear late.
    pub fn hear(&mut self, words: &mut Reader, now: u64) {
        let told = Self::read(words);
        if told.free > now {
            self.deaf = 0;
        }
        self.join(told, now);
    }

    /// Of two turns that may overlap none holds.
    fn join(&mut self, mut other: Self, now: u64) {
        self.bound(now);
        other.bound(now);
        let clash = self.epoch != other.epoch && now < self.free.min(other.free);
        if other.free > self.free {
            *self = Self { deaf: self.deaf, ..other };
        }
        if clash {
            (self.epoch, self.from) = (None, 0);
        }
    }

    /// A clock that was set back makes no wait longer.
    fn bound(&mut self, now: u64) {
        self.from = self.from.min(now + TURN_MS + APART_MS);
        self.free = self.free.min(self.from.max(now) + TURN_MS + APART_MS);
        self.deaf = self.deaf.min(now + TURN_MS + APART_MS);
    }

    /// What is new, to be told to the other pages and kept.
    pub fn take_unsaved(&mut self) -> Option<String> {
        core::mem::take(&mut self.unsaved).then(|| self.save())
    }

    fn save(&self) -> String {
        let words = match self.epoch {
            Some(epoch) => Words::default().number(epoch),
            None => Words::default().text(None),
        };
        words.numbers(&[self.from, self.free, self.waiting]).finish()
    }

    /// Of what cannot be read nothing is known to have been sent.
    fn read(words: &mut Reader) -> Self {
        let epoch = words.number();
        let mut number = || words.number().unwrap_or(0);
        Self { epoch, from: number(), free: number(), waiting: number(), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    /// What a page that has just opened knows of another one's turn.
    fn known(wire: &mut Wire, now: u64) -> Wire {
        let mut other = Wire::default();
        other.learn(&wire.take_unsaved().expect("something new"), now);
        other
    }

    #[test]
    fn others_wait_for_a_minute_after_what_was_announced() {
        let mut wire = Wire::default();
        wire.take(7, 1_000_000);
        let mut other = known(&mut wire, 1_000_000);
        for now in [1_010_000, 1_030_000] {
            wire.take(7, now);
            assert_eq!(wire.take_unsaved(), None, "it was announced for half a minute");
        }
        for wire in [&mut wire, &mut other] {
            assert!(wire.opens(7, 1_030_001) <= 1_030_001);
            assert_eq!(wire.opens(8, 1_030_001), 1_030_000 + MINUTE);
        }
        wire.take(7, 1_030_001);
        assert_eq!(known(&mut wire, 1_030_001).opens(8, 1_030_001), 1_060_001 + MINUTE);
        wire.ended(1_100_000);
        assert_eq!(wire.opens(8, 1_100_000), 1_100_000 + MINUTE, "a request that took long");
    }

    #[test]
    fn no_clock_that_is_set_back_makes_the_wait_longer() {
        let mut wire = Wire::default();
        wire.take(7, 90 * MINUTE);
        assert_eq!(wire.opens(8, 2 * MINUTE), 3 * MINUTE + 30_000);
        assert_eq!(wire.opens(8, 3 * MINUTE), 3 * MINUTE + 30_000, "nor does it go on so");
        assert!(wire.opens(7, 2 * MINUTE) <= 2 * MINUTE);
    }

    #[test]
    fn who_waits_for_long_is_called_and_the_present_one_stops() {
        let mut wire = Wire::default();
        wire.take(7, MINUTE);
        wire.wait(MINUTE);
        wire.call(6, 10 * MINUTE);
        assert_eq!(wire.epoch(), Some(7));
        wire.take(7, 11 * MINUTE - 1);
        wire.call(6, 11 * MINUTE);
        let mut other = known(&mut wire, 11 * MINUTE);
        for wire in [&mut wire, &mut other] {
            assert_eq!(wire.opens(6, 11 * MINUTE), 12 * MINUTE + 29_999);
            assert!(wire.opens(7, 11 * MINUTE) > 13 * MINUTE);
        }
    }

    #[test]
    fn of_two_turns_at_once_none_holds() {
        let (mut ours, mut theirs) = (Wire::default(), Wire::default());
        ours.take(7, MINUTE);
        theirs.take(8, MINUTE + 1);
        let told = theirs.take_unsaved().unwrap();
        ours.hear(&mut Reader::new(&told), MINUTE + 2);
        assert_eq!([7, 8].map(|epoch| ours.opens(epoch, MINUTE + 2)), [2 * MINUTE + 30_001; 2]);
        ours.prefer(8, 3 * MINUTE);
        assert!(ours.opens(8, 3 * MINUTE) <= 3 * MINUTE);
    }

    #[test]
    fn a_page_that_was_frozen_hears_before_it_sends() {
        let mut wire = Wire::default();
        wire.prefer(7, MINUTE);
        wire.missed(MINUTE);
        wire.hear(&mut Reader::new("7 0 2 0"), MINUTE);
        assert!(wire.opens(7, MINUTE) > 2 * MINUTE, "what was said long ago says nothing of now");
        let mut later = wire;
        later.hear(&mut Reader::new("7 0 120000 0"), MINUTE);
        wire.learn("", MINUTE);
        assert!(later.opens(7, MINUTE) <= MINUTE && wire.opens(7, MINUTE) <= MINUTE);
        // What it has sent itself it knows all the same.
        let mut sent = Wire::default();
        sent.take(7, MINUTE);
        sent.missed(MINUTE);
        sent.hear(&mut Reader::new("6 0 140000 0"), MINUTE);
        assert!(sent.opens(6, MINUTE) > 2 * MINUTE && sent.opens(7, MINUTE) > 2 * MINUTE);
    }
}
