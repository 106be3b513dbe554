//! Every code this core can report, in one table.
//!
//! A code is a stable word: programs match on it, documentation explains it, and it never carries a value that a
//! user or a visitor supplied.

use core::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $message:literal;)+) => {
        /// What went wrong, as a stable code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name,)+ }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Code] = &[$(Code::$name,)+];

            /// The stable word for it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $word,)+ }
            }

            /// What happened and what to do, without any value from outside.
            pub const fn message(self) -> &'static str {
                match self { $(Code::$name => $message,)+ }
            }
        }
    };
}

codes! {
    /// A name that is empty, too long or not text.
    InvalidName = "invalid_name", "the event name must be a string of 1 to 128 characters; the event was dropped";
    /// Properties that are not a JSON object within the limits.
    InvalidProperties = "invalid_properties", "properties must be a plain object of numbers, booleans, null, strings and small nests of these; the event was dropped";
    /// An event whose body is over the limit.
    TooLarge = "too_large", "the event is larger than 16 KiB; send less in its properties";
    /// `identify` or `group` with nothing that can be used.
    InvalidIdentifier = "invalid_identifier", "the identifier must be a non-empty string of at most 4096 characters; nothing was recorded";
    /// `identify` in `random` mode.
    NoSalt = "no_salt", "identify() and group() record no pseudonym because no salt is configured; set `salt` to an epochs document";
    /// `identify` or `group` in the audience profile.
    AudienceProfile = "audience_profile", "the audience profile has no identify() and no group(); nothing was recorded. Use the profile `product`, after consent";
    /// In strict mode, an event that would have been scrubbed.
    Scrubbed = "scrubbed", "strict mode: a name or a property looks like personal data; the event was dropped";
    /// No usable epoch key when a pseudonym was asked for.
    NoEpochKey = "no_epoch_key", "no salt of the current epoch is at hand, so events go without a pseudonym; check that the epochs document can be fetched";
    /// An epochs document that cannot be read.
    EpochsMalformed = "epochs_malformed", "the epochs document could not be read; compare it with docs/EPOCHS.md";
    /// A salt that does not match what was committed to.
    EpochsCommitment = "epochs_commitment", "the salt does not match the commitment known for it; no pseudonym is made until it does";
    /// An epochs document without an epoch for now.
    EpochsExpired = "epochs_expired", "the epochs document holds no epoch for the present time; rotate the keys and check the clocks";
    /// An epochs document of another deployment.
    WrongDeployment = "wrong_deployment", "this belongs to another deployment; check the deployment name on both sides";
    /// The configuration cannot be read.
    InvalidConfig = "invalid_config", "the configuration is not valid; compare it with the documentation of createTrail()";
    /// A row that is not a row.
    MalformedRow = "malformed_row", "the row is not a JSON object with the columns of format e1";
    /// More events wait than may.
    Overflow = "overflow", "as many events wait for delivery as may; the event was dropped. Check the endpoint, or raise `limits.rows`";
    /// Storage is full.
    Quota = "quota", "the browser's storage is full; events are kept in memory for this page";
    /// Storage cannot be used.
    StorageDisabled = "storage_disabled", "IndexedDB cannot be used here; events are kept in memory for this page";
    /// The call came after `close()` or `erase()`.
    Closed = "closed", "this client is closed; create a new one";
    /// Events wait for the next attempt.
    Retrying = "retrying", "the endpoint did not take everything yet; events stay stored and are tried again";
    /// Events of another epoch wait for their turn.
    EpochsApart = "epochs_apart", "events of another epoch wait: requests of two epochs are a minute apart, so that they cannot be joined; they go by themselves";
    /// Someone else has the chain's place.
    Collision = "collision", "another page had written to this lane; the events were linked again in a new one";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a store did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// No room is left.
    Quota,
    /// The connection was closed under us.
    Closed,
    /// Another connection holds the database open.
    Blocked,
    /// The database has a newer version than this code knows.
    VersionNewer,
    /// There is no usable storage here (private mode, disabled, missing).
    Disabled,
    /// A key to be added exists already.
    Collision,
    /// The store's content cannot be read.
    Corrupt,
    /// Anything else.
    Other,
}

/// A store's failure. Holds no value, so it may be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreError {
    /// What kind of failure.
    pub kind: StoreErrorKind,
}

impl From<StoreErrorKind> for StoreError {
    fn from(kind: StoreErrorKind) -> Self {
        Self { kind }
    }
}

/// A promise that showing a value reveals nothing a user or a visitor supplied.
pub trait LogSafe: fmt::Debug {}

impl LogSafe for Code {}
impl LogSafe for StoreError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_distinct_words_with_a_message_each() {
        let words: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(code.as_str().chars().all(|c| c.is_ascii_lowercase() || c == '_'));
            assert!(code.message().len() > 20, "{code} needs a message that says what to do");
        }
    }
}
