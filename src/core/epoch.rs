//! Epochs: spans of time with a salt of their own.
//!
//! An epochs document is what a deployment publishes:
//!
//! ```json
//! {"deployment":"shop","epochs":[{"id":20781,"not_before":1795478400000,"not_after":1795564800000,
//!  "salt":"<64 hex>","next":"<hex SHA256 of the next epoch's commitment text>"}]}
//! ```
//! Epochs stand in ascending order. `next` commits to the epoch after: `SHA256("s1|" id "|" salt)`. A client checks each salt against the commitment it
//! already had, or against one pinned in its configuration: a salt made for one visitor alone would be a tracking id.
//!
//! A key server's document is the same with public keys: `key` in the place of `salt`, and `"k1|"` in that of `"s1|"`.

use super::{
    chain::Hash,
    decimal,
    error::Code,
    hex,
    json::{self, Object, Value},
    pseudonym::Salt,
    words::{Reader, Words},
};
use alloc::{string::String, vec::Vec};

/// Milliseconds in a day.
pub const DAY: u64 = 24 * 60 * 60 * 1000;

/// How long an epoch lasts, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// A calendar month.
    Month,
    /// One epoch for ever.
    Never,
}

impl Period {
    /// The period of that word: `day`, `week`, `month`, `never`.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "day" => Self::Day,
            "week" => Self::Week,
            "month" => Self::Month,
            "never" => Self::Never,
            _ => return None,
        })
    }

    /// The id of the epoch that `now`, in ms since 1970, falls into: days since 1970-01-01, weeks since Monday
    /// 1969-12-29, or months since January 1970.
    pub fn id(self, now: u64) -> u64 {
        match self {
            Self::Day => now / DAY,
            Self::Week => (now / DAY + 3) / 7,
            Self::Month => months(now / DAY),
            Self::Never => 0,
        }
    }

    /// When epoch `id` begins, in ms since 1970. It ends where `id + 1` begins; epoch 0 of `never` has no end.
    pub fn start(self, id: u64) -> u64 {
        match self {
            Self::Day => id * DAY,
            Self::Week => (id * 7).saturating_sub(3) * DAY,
            Self::Month => days_before_month(id) * DAY,
            Self::Never if id == 0 => 0,
            Self::Never => super::row::MAX_INTEGER,
        }
    }
}

/// Months since January 1970 of a day since 1970-01-01. The calendar computation is Howard Hinnant's
/// `civil_from_days` (chrono-Compatible Low-Level Date Algorithms).
fn months(day: u64) -> u64 {
    let shifted = day + 719_468; // days since 0000-03-01
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    (era * 400 + year_of_era) * 12 + month_from_march + 2 - 1970 * 12
}

/// Days since 1970-01-01 of the first day of a month since January 1970.
fn days_before_month(month: u64) -> u64 {
    let from_march = month + 1970 * 12 - 2;
    let (year, month_from_march) = (from_march / 12, from_march % 12);
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * month_from_march + 2) / 5;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// What a document publishes of each epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Published {
    /// Its salt, of which pseudonyms are made.
    #[default]
    Salt,
    /// The public half of the key that a key server makes them with.
    Key,
}

impl Published {
    const fn member(self) -> &'static str {
        match self {
            Self::Salt => "salt",
            Self::Key => "key",
        }
    }

    /// The commitment to an epoch's salt or key: hex SHA-256 of `"s1|" id "|" salt`, or of `"k1|" id "|" key`.
    pub fn commitment(self, id: u64, salt: &Salt) -> String {
        let tag = match self {
            Self::Salt => "s1|",
            Self::Key => "k1|",
        };
        Hash::of(&[tag, decimal(id).as_str(), "|", &hex::encode(salt.bytes())]).hex()
    }

    /// The text of a document.
    pub fn document(self, deployment: &str, epochs: &[Epoch]) -> String {
        let mut list = String::new();
        for epoch in epochs {
            list.push(if list.is_empty() { '[' } else { ',' });
            let mut object = Object::default();
            object.number("id", epoch.id);
            let value = hex::encode(epoch.salt.bytes());
            // Members are sorted.
            if self == Self::Key {
                object.text("key", &value);
            }
            object.optional("next", epoch.next.as_deref());
            object.number("not_after", epoch.not_after).number("not_before", epoch.not_before);
            if self == Self::Salt {
                object.text("salt", &value);
            }
            list.push_str(&object.finish());
        }
        list.push(']');
        Object::default().text("deployment", deployment).raw("epochs", &list).finish()
    }

    fn read(self, value: &Value) -> Option<Epoch> {
        let number = |name| value.get(name).and_then(Value::as_u64);
        let next = value.get("next").and_then(Value::as_text);
        let epoch = Epoch {
            id: number("id")?,
            not_before: number("not_before")?,
            not_after: number("not_after")?,
            salt: Salt::new(hex::decode(value.get(self.member())?.as_text()?)?),
            next: next.map(Into::into),
        };
        (epoch.not_before < epoch.not_after && next.is_none_or(|next| hex::is_hex(next, 64))).then_some(epoch)
    }
}

/// One epoch of an epochs document.
#[derive(Clone, PartialEq, Eq)]
pub struct Epoch {
    /// Its id, which is part of every derivation.
    pub id: u64,
    /// From when it is used, in ms since 1970.
    pub not_before: u64,
    /// From when it is used no more, in ms since 1970.
    pub not_after: u64,
    /// Its salt, or in a key server's document its public key.
    pub salt: Salt,
    /// The commitment to the epoch after it, 64 hex digits.
    pub next: Option<String>,
}

/// The commitment to an epoch's salt: hex SHA-256 of `"s1|" id "|" salt`.
pub fn commitment(id: u64, salt: &Salt) -> String {
    Published::Salt.commitment(id, salt)
}

/// The text of an epochs document.
pub fn document(deployment: &str, epochs: &[Epoch]) -> String {
    Published::Salt.document(deployment, epochs)
}

/// The epochs a client knows, and the commitments that later ones have to match.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Keyring {
    published: Published,
    epochs: Vec<Epoch>,
    text: String,
    known: Vec<(u64, String)>,
    pin: Option<String>,
}

impl Keyring {
    /// An empty one for salts. `pin` is the commitment of an epoch that is trusted from the start; with a pin, an epoch that no
    /// commitment leads to is refused.
    pub fn new(pin: Option<String>) -> Self {
        Self::of(Published::Salt, pin)
    }

    /// The same for salts or for keys.
    pub fn of(published: Published, pin: Option<String>) -> Self {
        Self { published, pin, ..Self::default() }
    }

    /// Takes the epochs of a document.
    ///
    /// # Errors
    /// [`Code::EpochsMalformed`], [`Code::WrongDeployment`]; [`Code::EpochsCommitment`] if one salt does not match
    /// what was committed to: nothing of the document is taken then.
    pub fn accept(&mut self, text: &str, deployment: &str) -> Result<(), Code> {
        let document = json::parse(text).ok_or(Code::EpochsMalformed)?;
        if document.get("deployment").and_then(Value::as_text) != Some(deployment) {
            return Err(Code::WrongDeployment);
        }
        let mut epochs: Vec<Epoch> = Vec::new();
        for value in document.get("epochs").map(Value::items).unwrap_or_default() {
            let epoch = self.published.read(value).ok_or(Code::EpochsMalformed)?;
            if epochs.last().is_some_and(|before| before.id >= epoch.id) {
                return Err(Code::EpochsMalformed);
            }
            epochs.push(epoch);
        }
        if epochs.is_empty() {
            return Err(Code::EpochsMalformed);
        }
        let mut known = self.known.clone();
        for epoch in &epochs {
            let commitment = self.published.commitment(epoch.id, &epoch.salt);
            let trusted = match known.iter().find(|(id, _)| *id == epoch.id) {
                Some((_, expected)) => *expected == commitment,
                None => self.pin.as_ref().is_none_or(|pin| *pin == commitment),
            };
            if !trusted {
                return Err(Code::EpochsCommitment);
            }
            known.retain(|(id, _)| *id != epoch.id && *id != epoch.id + 1);
            known.push((epoch.id, commitment));
            if let Some(next) = &epoch.next {
                known.push((epoch.id + 1, next.clone()));
            }
        }
        self.epochs = epochs;
        self.text = text.into();
        self.known = known;
        Ok(())
    }

    /// The epoch for `now`, the latest if two overlap.
    pub fn current(&self, now: u64) -> Option<&Epoch> {
        self.epochs.iter().rev().find(|epoch| (epoch.not_before..epoch.not_after).contains(&now))
    }

    /// The salt or key of epoch `id`, if it is at hand.
    pub fn salt(&self, id: u64) -> Option<&Salt> {
        self.epochs.iter().find(|epoch| epoch.id == id).map(|epoch| &epoch.salt)
    }

    /// What the next page load needs: the commitments as a record, and after a line break the document as it came.
    pub fn save(&self) -> String {
        let known = self.known.iter().fold(Words::default(), |words, (id, text)| words.number(*id).text(Some(text)));
        let mut saved = known.finish();
        saved.push('\n');
        saved.push_str(&self.text);
        saved
    }

    /// Takes up what [`save`](Self::save) made. Anything that cannot be read is as if nothing had been saved.
    pub fn load(&mut self, saved: &str, deployment: &str) {
        let Some(end) = saved.bytes().position(|byte| byte == b'\n') else { return };
        let mut words = Reader::new(saved.get(..end).unwrap_or_default());
        while let (Some(id), Some(text)) = (words.number(), words.string()) {
            self.known.push((id, text));
        }
        // What was saved for salts says nothing of keys.
        if self.accept(saved.get(end + 1..).unwrap_or_default(), deployment).is_err() {
            self.known.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(id: u64, salt: u8, next_salt: u8) -> Epoch {
        Epoch {
            id,
            not_before: id * DAY,
            not_after: (id + 1) * DAY,
            salt: Salt::new([salt; 32]),
            next: Some(commitment(id + 1, &Salt::new([next_salt; 32]))),
        }
    }

    #[test]
    fn ids_and_starts_agree() {
        let noon = 1_795_521_600_000; // 2026-11-24T12:00Z, a Tuesday
        assert_eq!(Period::Day.id(noon), 20781);
        assert_eq!(Period::Month.id(noon), 56 * 12 + 10);
        for period in [Period::Day, Period::Week, Period::Month] {
            for now in [noon, 0, DAY * 59, DAY * 60, 4_107_542_399_999, 951_782_400_000] {
                let id = period.id(now);
                assert!(period.start(id) <= now && now < period.start(id + 1), "{period:?} {now}");
                assert_eq!(period.id(period.start(id + 1)), id + 1);
            }
        }
        assert_eq!((Period::Week.start(Period::Week.id(noon)) / DAY + 3) % 7, 0, "weeks begin on Monday");
    }

    #[test]
    fn a_document_reads_back_and_the_current_epoch_is_found() {
        let mut keyring = Keyring::new(None);
        keyring.accept(&document("shop", &[epoch(5, 1, 2), epoch(6, 2, 3)]), "shop").unwrap();
        assert_eq!(keyring.current(5 * DAY).unwrap().id, 5);
        assert_eq!(keyring.current(6 * DAY).unwrap().id, 6);
        assert!(keyring.current(7 * DAY).is_none() && keyring.current(4 * DAY).is_none());
    }

    #[test]
    fn a_salt_that_was_not_committed_to_is_refused() {
        let mut keyring = Keyring::new(None);
        keyring.accept(&document("shop", &[epoch(5, 1, 2)]), "shop").unwrap();
        assert_eq!(keyring.accept(&document("shop", &[epoch(6, 9, 3)]), "shop"), Err(Code::EpochsCommitment));
        assert_eq!(keyring.accept(&document("shop", &[epoch(5, 9, 2)]), "shop"), Err(Code::EpochsCommitment));
        assert_eq!(keyring.current(5 * DAY).unwrap().id, 5, "what was known stays");
        let mut later = Keyring::new(None);
        later.load(&keyring.save(), "shop");
        assert!(later == keyring);
        assert_eq!(later.accept(&document("shop", &[epoch(6, 9, 3)]), "shop"), Err(Code::EpochsCommitment));
        later.accept(&document("shop", &[epoch(6, 2, 3)]), "shop").unwrap();
    }

    #[test]
    fn a_pin_decides_what_is_trusted_first() {
        let pin = commitment(5, &Salt::new([1; 32]));
        assert_eq!(
            Keyring::new(Some(pin.clone())).accept(&document("shop", &[epoch(5, 9, 2)]), "shop"),
            Err(Code::EpochsCommitment)
        );
        Keyring::new(Some(pin)).accept(&document("shop", &[epoch(5, 1, 2)]), "shop").unwrap();
    }

    #[test]
    fn keys_are_published_and_checked_as_salts_are() {
        let key = |id, key: u8, next: u8| Epoch {
            next: Some(Published::Key.commitment(id + 1, &Salt::new([next; 32]))),
            ..epoch(id, key, next)
        };
        let document = |epoch: &Epoch| Published::Key.document("shop", core::slice::from_ref(epoch));
        assert!(document(&key(5, 1, 2)).starts_with(r#"{"deployment":"shop","epochs":[{"id":5,"key":"0101"#));
        assert_ne!(Published::Key.commitment(5, &Salt::new([1; 32])), commitment(5, &Salt::new([1; 32])));
        let mut keyring = Keyring::of(Published::Key, None);
        assert_eq!(keyring.accept(&super::document("shop", &[epoch(5, 1, 2)]), "shop"), Err(Code::EpochsMalformed));
        keyring.accept(&document(&key(5, 1, 2)), "shop").unwrap();
        assert_eq!(keyring.accept(&document(&key(6, 9, 3)), "shop"), Err(Code::EpochsCommitment));
        let mut later = Keyring::of(Published::Key, None);
        later.load(&keyring.save(), "shop");
        assert_eq!(later.accept(&document(&key(5, 9, 2)), "shop"), Err(Code::EpochsCommitment));
        later.accept(&document(&key(6, 2, 3)), "shop").unwrap();
        // A site that goes over from salts to keys: what was known of salts is no reason to refuse its keys.
        let mut salts = Keyring::new(None);
        salts.accept(&super::document("shop", &[epoch(5, 1, 2)]), "shop").unwrap();
        let mut keys = Keyring::of(Published::Key, None);
        keys.load(&salts.save(), "shop");
        keys.accept(&document(&key(5, 7, 8)), "shop").unwrap();
    }

    #[test]
    fn what_is_not_a_document_is_refused() {
        let good = document("shop", &[epoch(5, 1, 2)]);
        assert_eq!(Keyring::default().accept(&good, "other"), Err(Code::WrongDeployment));
        for wrong in [
            "",
            "{}",
            "<html>",
            r#"{"deployment":"shop","epochs":[]}"#,
            &good.replace("not_after", "until"),
            &good.replace("0101", "01"),
        ] {
            assert!(Keyring::default().accept(wrong, "shop").is_err(), "{wrong}");
        }
    }
}
