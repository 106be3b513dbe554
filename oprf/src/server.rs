//! The server's half: a key, and what it makes of blinded elements.

use crate::error::{Error, element};
use crate::random::Random;
use crate::{ELEMENT, OUTPUT, PROOF, Suite};
use alloc::vec::Vec;
use nymtrail::ports::Entropy;
use voprf::{BlindedElement, Group, VoprfServer};
use zeroize::Zeroizing;

/// The key of one epoch. It is wiped when it is dropped.
pub struct Key(VoprfServer<Suite>);

impl Key {
    /// A fresh key, of which nobody knows another.
    ///
    /// # Errors
    /// None with randomness that is random.
    pub fn random(entropy: &mut dyn Entropy) -> Result<Self, Error> {
        VoprfServer::new(&mut Random(entropy)).map(Self).map_err(|_| Error::NotCanonical)
    }

    /// The key of [`secret`](Self::secret).
    ///
    /// # Errors
    /// [`Error::NotCanonical`] for what is no scalar, or zero.
    pub fn from_secret(secret: &[u8; 32]) -> Result<Self, Error> {
        VoprfServer::new_with_key(secret).map(Self).map_err(|_| Error::NotCanonical)
    }

    /// The secret half.
    pub fn secret(&self) -> Zeroizing<[u8; 32]> {
        let mut secret = Zeroizing::new([0; 32]);
        let all = Zeroizing::new(self.0.serialize().to_vec());
        secret.iter_mut().zip(all.iter()).for_each(|(to, from)| *to = *from);
        secret
    }

    /// The public half, which is published.
    pub fn public(&self) -> [u8; ELEMENT] {
        <<Suite as voprf::CipherSuite>::Group as Group>::serialize_elem(self.0.get_public_key()).into()
    }

    /// Evaluates blinded elements, and proves for all at once that it was done with this key.
    ///
    /// # Errors
    /// [`Error::WrongLength`], also for none; [`Error::IdentityElement`], [`Error::NotCanonical`].
    pub fn evaluate<'a>(
        &self,
        elements: impl Iterator<Item = &'a [u8]>,
        entropy: &mut dyn Entropy,
    ) -> Result<(Vec<[u8; ELEMENT]>, [u8; PROOF]), Error> {
        let mut read = Vec::new();
        for bytes in elements {
            read.push(element(bytes, BlindedElement::<Suite>::deserialize)?);
        }
        if read.is_empty() {
            return Err(Error::WrongLength);
        }
        let done = self.0.batch_blind_evaluate(&mut Random(entropy), &read).map_err(|_| Error::WrongLength)?;
        let answers = done.messages.iter().map(|message| message.serialize().into()).collect();
        let mut proof = [0; PROOF];
        proof.iter_mut().zip(done.proof.serialize()).for_each(|(to, from)| *to = from);
        Ok((answers, proof))
    }

    /// What the client's output for `input` is: the function itself, for whoever has the key.
    ///
    /// # Errors
    /// [`Error::IdentityElement`] for an input that is mapped to the identity, which nobody can find.
    pub fn output(&self, input: &[u8]) -> Result<[u8; OUTPUT], Error> {
        self.0.evaluate(input).map(Into::into).map_err(|_| Error::IdentityElement)
    }
}

/// Whether these bytes are an element that [`Key::evaluate`] takes.
pub fn is_element(bytes: &[u8]) -> bool {
    element(bytes, BlindedElement::<Suite>::deserialize).is_ok()
}
