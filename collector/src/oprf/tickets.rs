//! Tickets: what a site's own back end gives its visitors, so that evaluations are limited by login and not by address.
//!
//! ```text
//! t1.<id>.<evaluations>.<expires>.<mac>     mac = base64url( HMAC-SHA256(secret, "nymtrail/t1|" deployment "|" id "|" evaluations "|" expires) )
//! ```
//! `id` is 16 to 64 characters of base64url, fresh for each login and no identifier; `evaluations` is how many it may have in one epoch,
//! `expires` is in ms since 1970, at most 31 days ahead.

use crate::error::Code;
use hmac::{Hmac, KeyInit, Mac};
use nymtrail::core::epoch::DAY;
use nymtrail::core::{base64url, hex};
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::Path;
use zeroize::Zeroizing;

/// A ticket may allow at most so many evaluations in one epoch.
const MAX_EVALUATIONS: u32 = 1000;
/// A ticket may be good for at most so long.
const MAX_AGE_MS: u64 = 31 * DAY;

/// The secret that the site's back end shares with the key server.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A ticket that is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Under which its use is counted: a hash of its id.
    pub place: String,
    /// How many evaluations it may have in one epoch.
    pub evaluations: u32,
}

impl Secret {
    /// Reads the first line of a file: at least 32 characters, such as 64 hex digits.
    ///
    /// # Errors
    /// `ticket_secret`.
    pub fn read(path: &Path) -> Result<Self, Code> {
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|_| Code::TicketSecret)?);
        let line = text.lines().next().unwrap_or_default().trim();
        if line.len() < 32 {
            return Err(Code::TicketSecret);
        }
        Ok(Self(Zeroizing::new(line.as_bytes().to_vec())))
    }

    /// The ticket in `text`, if this secret signed it for `deployment` and it has not expired at `now`.
    pub fn ticket(&self, text: &str, deployment: &str, now: u64) -> Option<Ticket> {
        let mut parts = text.split('.');
        let (version, id, count, expires, tag) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if version != "t1" || parts.next().is_some() || !(16..=64).contains(&id.len()) || !id.bytes().all(allowed) {
            return None;
        }
        let signed = base64url::decode_lenient(tag.as_bytes())?;
        self.mac(deployment, id, count, expires).verify_slice(&signed).ok()?;
        let (evaluations, expires): (u32, u64) = (count.parse().ok()?, expires.parse().ok()?);
        let good = (1..=MAX_EVALUATIONS).contains(&evaluations) && (now..=now + MAX_AGE_MS).contains(&expires);
        let place = hex::encode(Sha256::digest(id).get(..16)?);
        good.then_some(Ticket { place, evaluations })
    }

    /// A ticket as the site's back end makes it.
    pub fn sign(&self, deployment: &str, id: &str, evaluations: u32, expires: u64) -> String {
        let (count, expires) = (evaluations.to_string(), expires.to_string());
        let mac = self.mac(deployment, id, &count, &expires).finalize().into_bytes();
        format!("t1.{id}.{count}.{expires}.{}", base64url::encode(&mac))
    }

    fn mac(&self, deployment: &str, id: &str, count: &str, expires: &str) -> Hmac<Sha256> {
        // HMAC takes a key of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).unwrap_or_else(|_| Hmac::new(&Default::default()));
        for part in ["nymtrail/t1", "|", deployment, "|", id, "|", count, "|", expires] {
            mac.update(part.as_bytes());
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_790_000_000_000;

    fn secret(text: &str) -> Secret {
        Secret(Zeroizing::new(text.as_bytes().to_vec()))
    }

    #[test]
    fn a_ticket_is_good_as_it_was_signed_and_not_otherwise() {
        let key = secret("0123456789abcdef0123456789abcdef");
        let good = key.sign("shop", "AAAAAAAAAAAAAAAA", 20, NOW + DAY);
        assert_eq!(key.ticket(&good, "shop", NOW).map(|ticket| ticket.evaluations), Some(20));
        // By openssl: printf 'nymtrail/t1|shop|AAAAAAAAAAAAAAAA|20|1790086400000' | openssl dgst -sha256 -hmac 0123… -binary | basenc --base64url
        assert_eq!(good, "t1.AAAAAAAAAAAAAAAA.20.1790086400000.7DlacdZiBvHNnrmGOU9kHyqmo1fBrbRKZXJFWW3lOzY");
        for wrong in [
            "",
            "t1",
            &good.replace("t1.", "t2."),
            &good.replace(".20.", ".21."),
            &good.replace("AAAAA", "BAAAA"),
            &good.replace("1790086400000", "1790086400001"),
            &format!("{good}."),
            good.trim_end_matches(char::is_alphanumeric),
            &key.sign("shop", "short", 20, NOW + DAY),
            &key.sign("shop", "AAAAAAAAAAAAAAAA", 0, NOW + DAY),
            &key.sign("shop", "AAAAAAAAAAAAAAAA", 1001, NOW + DAY),
            &key.sign("shop", "AAAAAAAAAAAAAAAA", 20, NOW - 1),
            &key.sign("shop", "AAAAAAAAAAAAAAAA", 20, NOW + MAX_AGE_MS + 1),
            &key.sign("blog", "AAAAAAAAAAAAAAAA", 20, NOW + DAY),
            &secret("another secret, 32 characters long").sign("shop", "AAAAAAAAAAAAAAAA", 20, NOW + DAY),
        ] {
            assert_eq!(key.ticket(wrong, "shop", NOW), None, "{wrong}");
        }
    }
}
