//! When to send, how much at once, and how long to wait after a failure. Knows no rows, only how many there are.

use super::{
    config::Flush,
    random_below,
    words::{Reader, Words},
};
use crate::ports::Entropy;
use alloc::string::String;

/// The first retry waits up to this long.
const RETRY_FIRST_MS: u64 = 1_000;
/// No retry waits longer than this of itself; an endpoint's `Retry-After` may ask for more.
const RETRY_MAX_MS: u64 = 10 * 60 * 1_000;
/// An endpoint that cannot even be reached so often is blocked (ad blocker, CSP): from then on one try a minute at the
/// most, since every try writes a line into the visitor's console.
const BLOCKED_AFTER: u32 = 3;
/// The least wait between two tries at a blocked endpoint, and without a network until there is one.
const BLOCKED_MS: u64 = 60 * 1_000;
/// A longer wait than this asked for by an endpoint is taken for a mistake.
const RETRY_AFTER_MAX_MS: u64 = 24 * 60 * 60 * 1_000;

/// When the next batch is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// At once.
    Now,
    /// At this time in ms.
    At(u64),
    /// When something happens.
    Never,
}

/// Why a batch was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The endpoint answered, or was not asked.
    Refused,
    /// It did not answer.
    Unreachable,
    /// Nor could it: this device had no network, which says nothing of the endpoint.
    Offline,
}

/// The state of the sender's policy.
#[derive(Clone, Debug)]
pub struct Outbox {
    flush: Flush,
    rows: u64,
    bytes: u64,
    oldest: Option<u64>,
    wanted: bool,
    failures: u32,
    unreachable: u32,
    /// No request before this time, which is `pause` ms from when it was set: a clock that was set back must not make the
    /// wait longer.
    not_before: u64,
    pause: u64,
    asked: bool,
    limit: u64,
}

impl Outbox {
    /// Nothing pending.
    pub fn new(flush: Flush) -> Self {
        let limit = flush.count;
        Self {
            flush,
            rows: 0,
            bytes: 0,
            oldest: None,
            wanted: false,
            failures: 0,
            unreachable: 0,
            not_before: 0,
            pause: 0,
            asked: false,
            limit,
        }
    }

    /// Rows were stored.
    pub fn added(&mut self, rows: u64, bytes: u64, now: u64) {
        self.rows += rows;
        self.bytes += bytes;
        self.oldest.get_or_insert(now);
    }

    /// Everything is to be sent now: `flush()`, page hidden, rows of an earlier page. A pause that the endpoint asked
    /// for is kept.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// The network is back or the caller insists: the next try need not wait for the back-off.
    pub fn hurry(&mut self) {
        if !self.asked {
            self.not_before = 0;
        }
    }

    /// When the next batch is due.
    pub fn due(&mut self, now: u64) -> Due {
        // A clock that was set back must not put the batch off: it is due an age from now at the latest.
        self.oldest = self.oldest.map(|oldest| oldest.min(now));
        let ready = self.wanted
            || self.rows >= self.flush.count
            || self.bytes >= self.flush.bytes
            || self.oldest.is_some_and(|oldest| now.saturating_sub(oldest) >= self.flush.age_ms);
        let not_before = self.not_before.min(now + self.pause);
        match self.oldest {
            _ if ready && now >= not_before => Due::Now,
            _ if ready => Due::At(not_before),
            Some(oldest) => Due::At((oldest + self.flush.age_ms).max(not_before)),
            None => Due::Never,
        }
    }

    /// The most rows and bytes that the next batch may have.
    pub fn limits(&self) -> (u64, u64) {
        (self.limit, self.flush.bytes)
    }

    /// A request begins: the next one begins no sooner than configured after it.
    pub fn began(&mut self, now: u64) {
        self.wait(self.flush.pause_ms, now);
    }

    fn wait(&mut self, ms: u64, now: u64) {
        (self.not_before, self.pause) = (now + ms, ms);
    }

    /// Rows were settled, so the endpoint works.
    pub fn settled(&mut self, rows: u64, bytes: u64) {
        self.rows = self.rows.saturating_sub(rows);
        self.bytes = self.bytes.saturating_sub(bytes);
        (self.failures, self.unreachable, self.asked) = (0, 0, false);
        self.limit = (self.limit * 2).min(self.flush.count);
    }

    /// Nothing is left to send.
    pub fn drained(&mut self) {
        (self.rows, self.bytes, self.oldest, self.wanted) = (0, 0, None, false);
    }

    /// A batch was not taken. `after`: what the endpoint asked to wait, in ms.
    pub fn failed(&mut self, after: Option<u64>, why: Failure, now: u64, entropy: &mut dyn Entropy) {
        self.unreachable = match why {
            Failure::Refused => 0,
            Failure::Unreachable => self.unreachable + 1,
            Failure::Offline => self.unreachable,
        };
        let blocked = why == Failure::Offline || self.unreachable >= BLOCKED_AFTER;
        let ceiling = RETRY_MAX_MS.min(RETRY_FIRST_MS << self.failures.min(20));
        // How long the network was away does not make the waits longer when it is back.
        self.failures = if why == Failure::Offline { self.failures.max(1) } else { self.failures + 1 };
        let jitter = random_below(ceiling, entropy);
        let least = if blocked { BLOCKED_MS } else { 0 };
        self.asked = after.is_some();
        self.wait(after.map_or(jitter.max(least), |after| after.min(RETRY_AFTER_MAX_MS)), now);
        self.wanted = true;
    }

    /// Whether the last try failed.
    pub fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// What the next page that sends has to know too, `None` if nothing: until when the endpoint asked not to be tried,
    /// or that it is blocked.
    pub fn save(&self) -> Option<String> {
        let matters = self.asked || self.unreachable >= BLOCKED_AFTER;
        let numbers = [self.not_before, self.pause, u64::from(self.asked), self.unreachable.into()];
        matters.then(|| Words::default().numbers(&numbers).finish())
    }

    /// Takes over what an earlier sender [saved](Self::save). Of a clock that was set back meanwhile the pause is the
    /// bound.
    pub fn resume(&mut self, saved: &str) {
        let mut words = Reader::new(saved);
        let mut number = || words.number().unwrap_or(0);
        (self.not_before, self.pause) = (number(), number().min(RETRY_AFTER_MAX_MS));
        self.asked = number() > 0;
        self.failures = 1;
        self.unreachable = number().min(u64::from(BLOCKED_AFTER)) as u32;
    }

    /// A batch of `rows` was refused as a whole: the next one has half as many. False if one row cannot be halved.
    pub fn split(&mut self, rows: u64) -> bool {
        self.limit = (rows / 2).max(1);
        self.wanted = true;
        rows > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Most;
    impl Entropy for Most {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(255);
        }
    }

    fn outbox() -> Outbox {
        Outbox::new(Flush { count: 50, bytes: 1000, age_ms: 5_000, pause_ms: 50 })
    }

    #[test]
    fn due_by_count_bytes_or_age() {
        let mut outbox = outbox();
        assert_eq!(outbox.due(0), Due::Never);
        outbox.added(1, 10, 100);
        assert_eq!((outbox.due(100), outbox.due(5_100)), (Due::At(5_100), Due::Now));
        assert_eq!(outbox.due(40), Due::At(5_040), "the clock was set back");
        assert_eq!(outbox.due(5_040), Due::Now, "and stays there");
        outbox.added(49, 10, 200);
        assert_eq!(outbox.due(200), Due::Now);
        outbox.drained();
        outbox.added(1, 1000, 300);
        assert_eq!(outbox.due(300), Due::Now);
    }

    #[test]
    fn retries_back_off_up_to_ten_minutes_with_full_jitter() {
        let mut outbox = outbox();
        let mut waits = Vec::new();
        for _ in 0..12 {
            outbox.failed(None, Failure::Refused, 0, &mut Most);
            waits.push(outbox.not_before);
        }
        assert_eq!(waits[..4], [999, 1_999, 3_999, 7_999]);
        assert_eq!(waits[11], 599_999);
    }

    #[test]
    fn retry_after_is_obeyed_to_the_millisecond_and_not_hurried() {
        let mut outbox = outbox();
        outbox.want();
        outbox.failed(Some(30_000), Failure::Refused, 1_000, &mut Most);
        outbox.hurry();
        assert_eq!((outbox.due(30_999), outbox.due(31_000)), (Due::At(31_000), Due::Now));
        outbox.settled(1, 1);
        outbox.failed(None, Failure::Refused, 40_000, &mut Most);
        outbox.hurry();
        assert_eq!(outbox.due(40_000), Due::Now, "back-off of our own can be hurried");
    }

    #[test]
    fn a_pause_outlives_the_page_but_no_clock_makes_it_longer() {
        let mut outbox = outbox();
        outbox.failed(None, Failure::Refused, 1_000, &mut Most);
        assert_eq!(outbox.save(), None, "a back-off of our own is not worth a write");
        outbox.failed(Some(30_000), Failure::Refused, 1_000, &mut Most);
        let mut next = Outbox::new(outbox.flush);
        next.resume(&outbox.save().unwrap());
        next.want();
        next.hurry();
        assert_eq!((next.due(30_999), next.due(31_000)), (Due::At(31_000), Due::Now));
        assert_eq!(next.due(500), Due::At(30_500), "set back by half a second");
        assert_eq!(next.due(0), Due::At(30_000));
    }

    #[test]
    fn requests_keep_their_distance() {
        let mut outbox = outbox();
        outbox.want();
        outbox.began(1_000);
        outbox.settled(50, 1_000);
        assert_eq!((outbox.due(1_049), outbox.due(1_050)), (Due::At(1_050), Due::Now));
    }

    #[test]
    fn a_blocked_endpoint_is_tried_once_a_minute_at_the_most() {
        let mut outbox = outbox();
        for _ in 0..BLOCKED_AFTER {
            outbox.failed(None, Failure::Unreachable, 0, &mut Most);
        }
        assert!(outbox.not_before >= BLOCKED_MS);
    }

    #[test]
    fn a_device_without_network_says_nothing_of_the_endpoint() {
        let mut outbox = outbox();
        for _ in 0..9 {
            outbox.failed(None, Failure::Offline, 0, &mut Most);
            assert_eq!(outbox.not_before, BLOCKED_MS, "each try writes a line into the console, whatever the reason");
        }
        assert!(outbox.save().is_none() && outbox.has_failed(), "the next page has its own luck");
        outbox.want();
        outbox.hurry();
        assert_eq!(outbox.due(0), Due::Now, "the network is back");
        for wait in [1_999, 3_999] {
            outbox.failed(None, Failure::Unreachable, 0, &mut Most);
            assert_eq!((outbox.not_before, outbox.save()), (wait, None), "the endpoint is judged from here on");
        }
        outbox.failed(None, Failure::Unreachable, 0, &mut Most);
        assert!(outbox.save().is_some(), "it is blocked indeed");
    }

    #[test]
    fn a_refused_batch_is_halved_and_the_limit_recovers() {
        let mut outbox = outbox();
        assert!(outbox.split(50) && outbox.limits().0 == 25);
        assert!(outbox.split(25) && outbox.limits().0 == 12);
        assert!(!outbox.split(1));
        outbox.settled(1, 1);
        assert_eq!(outbox.limits().0, 2);
    }
}
