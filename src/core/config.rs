//! The configuration of a client: parsed once, valid from then on.

use super::{
    detect::Off,
    epoch::Period,
    error::Code,
    hex, scrub,
    words::{Reader, whole},
};
use alloc::{string::String, vec::Vec};

/// Where pseudonyms come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// No salt: ids are random, `identify` records nothing.
    Random,
    /// The salt of the epochs document.
    Salt,
    /// Salts derived from one static secret: the weakest form.
    Secret([u8; 32]),
    /// Pseudonyms are made with a key server's help, outside of the core, which checks the server's keys.
    Oprf,
    /// The audience profile: no pseudonyms, no id of the device, and nothing SDK-made lasts longer than a visit.
    Audience,
}

/// When a batch is due, whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flush {
    /// So many events; default 50.
    pub count: u64,
    /// So many bytes of row lines; default 48 KiB, which leaves room under the 64 KiB that a browser allows requests
    /// that outlive the page.
    pub bytes: u64,
    /// So many ms since the oldest; default 5,000.
    pub age_ms: u64,
    /// The least time between the beginnings of two requests in ms, so that what has piled up does not arrive in one
    /// burst; default 50, which is 1,000 events a second.
    pub pause_ms: u64,
}

/// What is kept at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rows in the store; default 10,000.
    pub rows: u64,
    /// Bytes of row lines in the store; default 10 MB.
    pub bytes: u64,
}

/// A valid configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The deployment's name: 1 to 64 of `a-z 0-9 . _ -`.
    pub deployment: String,
    /// Where pseudonyms come from.
    pub mode: Mode,
    /// Bodies hold aliases, which only the collector can make something of.
    pub pepper: bool,
    /// The commitment of an epoch that is trusted from the start, 64 hex digits.
    pub pin: Option<String>,
    /// How long an epoch lasts where no document says so.
    pub period: Period,
    /// Detectors that are switched off; default none.
    pub off: Off,
    /// What the scrubber would change is refused instead, for a page under development.
    pub strict: bool,
    /// Openings are made and kept, so that the device's owner can show that the chains of two epochs are of one device.
    pub continuity: bool,
    /// Properties that hold identifiers: they become pseudonyms.
    pub identifiers: Vec<String>,
    /// When a batch is due.
    pub flush: Flush,
    /// What is kept at the most.
    pub limits: Limits,
}

impl Config {
    /// Reads the configuration from words: deployment, mode, secret, pin, period, flush count, bytes, age and
    /// pause in ms, limits of rows and bytes, detectors to switch off as bits, with 256 for
    /// `strict` and 512 for `continuity`, and the names of identifiers, percent-encoded. `-` stands for a default.
    ///
    /// # Errors
    /// [`Code::InvalidConfig`].
    ///
    /// ```
    /// # use nymtrail::core::config::Config;
    /// let config = Config::parse("shop random - - week 10").unwrap();
    /// assert_eq!((config.flush.count, config.flush.age_ms), (10, 5_000));
    /// ```
    pub fn parse(text: &str) -> Result<Self, Code> {
        Self::read(Reader::new(text)).ok_or(Code::InvalidConfig)
    }

    fn read(mut words: Reader) -> Option<Self> {
        let deployment = words.string()?;
        let allowed = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        if deployment.is_empty() || deployment.len() > 64 || !deployment.bytes().all(allowed) {
            return None;
        }
        let (mode, secret) = (words.text(), words.text());
        let pepper = mode == Some("pepper");
        let mode = match mode {
            None | Some("random") => Mode::Random,
            Some("salt" | "pepper") => Mode::Salt,
            Some("oprf") => Mode::Oprf,
            Some("audience") => Mode::Audience,
            Some("secret") => Mode::Secret(hex::decode(secret?)?),
            _ => return None,
        };
        let pin = words.string();
        if pin.as_ref().is_some_and(|pin| !hex::is_hex(pin, 64)) {
            return None;
        }
        let period = Period::from_word(words.text().unwrap_or("day"))?;
        let mut number = |default| match words.text() {
            None => Some(default),
            Some(word) => whole(word).filter(|number| *number > 0),
        };
        let flush =
            Flush { count: number(50)?, bytes: number(48 * 1024)?, age_ms: number(5_000)?, pause_ms: number(50)? };
        let limits = Limits { rows: number(10_000)?, bytes: number(10_000_000)? };
        let bits = words.number().unwrap_or(0);
        let (off, strict, continuity) = (Off(bits as u8), bits & 256 > 0, bits & 512 > 0);
        let mut identifiers = Vec::new();
        while let Some(name) = words.text() {
            identifiers.push(scrub::percent_decoded(name).unwrap_or_else(|| name.into()));
        }
        Some(Self { deployment, mode, pepper, pin, period, off, strict, continuity, identifiers, flush, limits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_valid_is_refused() {
        for wrong in [
            "",
            "- random",
            "Shop",
            "a/b",
            "a none",
            "a secret 00",
            "a secret",
            "a random - 00",
            "a random - - hour",
            "a random - - day 0",
            "a random - - day 1 2 3 4 many",
        ] {
            assert_eq!(Config::parse(wrong), Err(Code::InvalidConfig), "{wrong}");
        }
    }

    #[test]
    fn identifiers_may_have_any_name() {
        let config = Config::parse("a - - - - - - - - - - 6 account order%20no").unwrap();
        assert_eq!(config.identifiers, ["account", "order no"]);
        assert_eq!((config.period, config.limits.rows), (Period::Day, 10_000));
        assert_eq!((config.off, config.strict), (Off(0b110), false));
        let config = Config::parse("a audience - - - - - - - - - 257").unwrap();
        assert_eq!((config.mode, config.off, config.strict), (Mode::Audience, Off(1), true));
        let config = Config::parse("a - - - - - - - - - - 513").unwrap();
        assert_eq!((config.off, config.strict, config.continuity), (Off(1), false, true));
    }
}
