//! Why something from outside is refused.

use core::fmt;

/// A stable word for what is wrong; none of them holds a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Error {
    /// An element, proof or key with more or fewer bytes than it has, or more or fewer elements than were asked for.
    WrongLength,
    /// The identity element: it would tell the same for every key.
    IdentityElement,
    /// Bytes that are no element, or no scalar, in their one encoding.
    NotCanonical,
    /// A proof that does not show that this key made these answers to these questions.
    ForgedProof,
}

impl Error {
    /// Every word there is.
    pub const ALL: [Self; 4] = [Self::WrongLength, Self::IdentityElement, Self::NotCanonical, Self::ForgedProof];

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WrongLength => "wrong_length",
            Self::IdentityElement => "identity_element",
            Self::NotCanonical => "not_canonical",
            Self::ForgedProof => "forged_proof",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::error::Error for Error {}

/// What comes as bytes and is an element: of so many bytes, not the identity, and in the one encoding it has.
pub(crate) fn element<T>(bytes: &[u8], read: impl FnOnce(&[u8]) -> voprf::Result<T>) -> Result<T, Error> {
    if bytes.len() != crate::ELEMENT {
        return Err(Error::WrongLength);
    }
    // Its encoding is all zeros.
    if bytes.iter().all(|byte| *byte == 0) {
        return Err(Error::IdentityElement);
    }
    read(bytes).map_err(|_| Error::NotCanonical)
}
