//! How many evaluations a requester gets, and all together: token buckets.
//!
//! A requester is an address, an IPv6 one by its first 64 bits, which is what one line is given. It is held in memory alone, and only for
//! as long as its bucket is not full again.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

/// So many requesters are told apart at a time; those beyond share one bucket. It takes some megabytes.
const MAX_REQUESTERS: usize = 100_000;

/// Evaluations: so many a second in the long run, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// A second.
    pub per_second: f64,
    /// At once.
    pub burst: f64,
}

/// A bucket that was last seen at a time, in ms, with so many tokens.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: u64,
}

impl Bucket {
    fn full(rate: Rate, now: u64) -> Self {
        Self { tokens: rate.burst, at: now }
    }

    /// What it holds at `now`. A clock that is set back adds nothing.
    fn at(self, rate: Rate, now: u64) -> Self {
        let seconds = now.saturating_sub(self.at) as f64 / 1000.0;
        Self { tokens: (self.tokens + seconds * rate.per_second).min(rate.burst), at: now.max(self.at) }
    }

    /// The seconds until it holds so many.
    fn wait(self, rate: Rate, count: f64) -> f64 {
        (count - self.tokens).max(0.0) / rate.per_second
    }
}

/// The buckets of all requesters, and one for all together.
#[derive(Debug)]
pub struct Limits {
    requester: Rate,
    global: Rate,
    all: Bucket,
    buckets: HashMap<IpAddr, Bucket>,
    pruned: u64,
}

impl Limits {
    /// Full buckets.
    pub fn new(requester: Rate, global: Rate) -> Self {
        Self { requester, global, all: Bucket::full(global, 0), buckets: HashMap::new(), pruned: 0 }
    }

    /// Takes `count` evaluations, for `requester` and from all; without a requester from all alone.
    ///
    /// # Errors
    /// In how many seconds there will be so many; nothing was taken.
    pub fn take(&mut self, requester: Option<IpAddr>, count: usize, now: u64) -> Result<(), u64> {
        let (rate, wanted) = (self.requester, count as f64);
        self.all = self.all.at(self.global, now);
        let mut wait = self.all.wait(self.global, wanted);
        let place = requester.map(|requester| self.place(line_of(requester), now));
        let bucket = place.map(|place| {
            let bucket = self.buckets.get(&place).map_or(Bucket::full(rate, now), |bucket| bucket.at(rate, now));
            wait = wait.max(bucket.wait(rate, wanted));
            (place, bucket)
        });
        if wait > 0.0 {
            return Err(wait.ceil() as u64);
        }
        self.all.tokens -= wanted;
        if let Some((place, bucket)) = bucket {
            self.buckets.insert(place, Bucket { tokens: bucket.tokens - wanted, ..bucket });
        }
        Ok(())
    }

    /// The bucket of a requester: its own, or when there are too many the one that is left for all others.
    fn place(&mut self, requester: IpAddr, now: u64) -> IpAddr {
        if self.buckets.len() >= MAX_REQUESTERS && !self.buckets.contains_key(&requester) {
            // Looking through all of them at each request would be what a flood is for.
            if now.saturating_sub(self.pruned) >= 1000 {
                self.pruned = now;
                let rate = self.requester;
                self.buckets.retain(|_, bucket| bucket.at(rate, now).tokens < rate.burst);
            }
            if self.buckets.len() >= MAX_REQUESTERS {
                return Ipv6Addr::UNSPECIFIED.into();
            }
        }
        requester
    }
}

fn line_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !(u128::MAX >> 64)).into(),
        address => address,
    }
}

/// Who asks: the peer, or behind trusted proxies the address that the outermost of them saw, by `X-Forwarded-For`. What comes before it in
/// the header anybody may have written.
pub fn requester<'a>(peer: IpAddr, forwarded: impl DoubleEndedIterator<Item = &'a str>, trusted: &[IpAddr]) -> IpAddr {
    let mut requester = peer.to_canonical();
    for address in forwarded.rev() {
        if !trusted.contains(&requester) {
            break;
        }
        let Ok(address) = address.trim().parse::<IpAddr>() else { break };
        requester = address.to_canonical();
    }
    requester
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const TWO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn limits(requester: (f64, f64), global: (f64, f64)) -> Limits {
        let rate = |(per_second, burst)| Rate { per_second, burst };
        Limits::new(rate(requester), rate(global))
    }

    #[test]
    fn a_requester_gets_its_burst_and_then_its_rate() {
        let mut limits = limits((1.0, 16.0), (100.0, 400.0));
        assert_eq!(limits.take(Some(ONE), 16, 1_000_000), Ok(()));
        assert_eq!(limits.take(Some(ONE), 1, 1_000_000), Err(1));
        assert_eq!(limits.take(Some(ONE), 5, 1_000_500), Err(5));
        assert_eq!(limits.take(Some(TWO), 16, 1_000_500), Ok(()), "another one is not held up");
        assert_eq!(limits.take(Some(ONE), 5, 1_005_000), Ok(()));
        assert_eq!(limits.take(Some(ONE), 16, 999), Err(16), "a clock that is set back gives nothing");
        let granted = (0..1000).filter(|tick| limits.take(Some(ONE), 1, 2_000_000 + tick * 100).is_ok()).count();
        assert!((115..=116).contains(&granted), "16 and one a second for 100 s: {granted}");
    }

    #[test]
    fn all_together_get_no_more_than_the_global_limit() {
        let mut limits = limits((1.0, 16.0), (10.0, 20.0));
        let addresses = (0..1000u32).map(|n| IpAddr::from(std::net::Ipv4Addr::from_bits(n)));
        let granted = addresses.filter(|address| limits.take(Some(*address), 1, 5_000_000).is_ok()).count();
        assert_eq!(granted, 20);
        assert_eq!(limits.take(None, 1, 5_000_000), Err(1), "nor does a ticket get more");
        assert_eq!(limits.take(None, 1, 5_000_100), Ok(()));
    }

    #[test]
    fn a_line_is_one_requester() {
        let mut limits = limits((1.0, 16.0), (1000.0, 1000.0));
        let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        assert_eq!(limits.take(address("2001:db8:0:1::1"), 16, 0), Ok(()));
        assert!(limits.take(address("2001:db8:0:1:ffff::2"), 1, 0).is_err());
        assert!(limits.take(address("2001:db8:0:2::1"), 1, 0).is_ok());
        assert_eq!(limits.take(address("192.0.2.9"), 16, 0), Ok(()));
        assert!(limits.take(address("::ffff:192.0.2.9"), 1, 0).is_err());
    }

    #[test]
    fn a_flood_of_addresses_takes_bounded_memory() {
        let mut limits = limits((1.0, 16.0), (1e9, 1e9));
        for n in 0..MAX_REQUESTERS as u32 + 50 {
            let _ = limits.take(Some(std::net::Ipv4Addr::from_bits(n).into()), 1, 1_000_000);
        }
        assert!(limits.buckets.len() <= MAX_REQUESTERS + 1);
        assert!(
            limits.take(Some(std::net::Ipv4Addr::from_bits(1 << 30).into()), 1, 1_000_000).is_err(),
            "the shared one"
        );
        // A minute later all are full again, and forgotten.
        assert_eq!(limits.take(Some(std::net::Ipv4Addr::from_bits(1 << 30).into()), 1, 1_060_000), Ok(()));
        assert_eq!(limits.buckets.len(), 1);
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let (proxy, trusted) = (TWO, [TWO]);
        let seen = |peer, header: &str| requester(peer, header.split(','), &trusted).to_string();
        assert_eq!(seen(ONE, "203.0.113.7"), "192.0.2.1", "anybody can write that header");
        assert_eq!(seen(proxy, "198.51.100.1, 203.0.113.7"), "203.0.113.7", "the last one is the proxy's");
        assert_eq!(seen(proxy, "203.0.113.7, 192.0.2.2"), "203.0.113.7", "two proxies");
        for nothing in ["", "unknown", "203.0.113.7, x"] {
            assert_eq!(seen(proxy, nothing), "192.0.2.2", "{nothing}");
        }
    }
}
