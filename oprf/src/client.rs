//! The client's half: blind, and later check and unblind.

use crate::error::{Error, element};
use crate::random::Random;
use crate::{ELEMENT, OUTPUT, PROOF, Suite};
use alloc::vec::Vec;
use nymtrail::ports::Entropy;
use voprf::{EvaluationElement, Group, Proof, VoprfClient};
use zeroize::Zeroizing;

/// A question that waits for its answer: what is asked for, and the secret that hides it. Both are wiped when it is dropped.
pub struct Blind {
    input: Zeroizing<Vec<u8>>,
    state: VoprfClient<Suite>,
    element: [u8; ELEMENT],
}

impl Blind {
    /// Hides `input` under fresh randomness.
    ///
    /// # Errors
    /// [`Error::IdentityElement`] for an input that is mapped to the identity, which nobody can find.
    pub fn new(input: Zeroizing<Vec<u8>>, entropy: &mut dyn Entropy) -> Result<Self, Error> {
        let blinded = VoprfClient::<Suite>::blind(input.as_slice(), &mut Random(entropy));
        let blinded = blinded.map_err(|_| Error::IdentityElement)?;
        Ok(Self { input, element: blinded.message.serialize().into(), state: blinded.state })
    }

    /// What the key server gets: it says nothing of the input.
    pub fn element(&self) -> &[u8; ELEMENT] {
        &self.element
    }

    /// What was asked for.
    pub fn input(&self) -> &[u8] {
        &self.input
    }
}

/// The outputs, in the order of the questions, if `proof` shows that all `answers` were made with the secret of the public `key`.
///
/// # Errors
/// Any [`Error`]: then none of the answers is to be used.
pub fn finish<'a>(
    blinds: &[Blind],
    answers: impl ExactSizeIterator<Item = &'a [u8]>,
    proof: &[u8],
    key: &[u8],
) -> Result<Vec<Zeroizing<[u8; OUTPUT]>>, Error> {
    if answers.len() != blinds.len() || blinds.is_empty() || proof.len() != PROOF {
        return Err(Error::WrongLength);
    }
    let key = element(key, <<Suite as voprf::CipherSuite>::Group as Group>::deserialize_elem)?;
    let proof = Proof::<Suite>::deserialize(proof).map_err(|_| Error::NotCanonical)?;
    let (mut inputs, mut states, mut messages) = (Vec::new(), Vec::new(), Vec::new());
    for (blind, answer) in blinds.iter().zip(answers) {
        inputs.push(blind.input.as_slice());
        states.push(blind.state.clone());
        messages.push(element(answer, EvaluationElement::<Suite>::deserialize)?);
    }
    let finished = VoprfClient::batch_finalize(&inputs, &states, &messages, &proof, key);
    let mut outputs = Vec::new();
    for output in finished.map_err(|_| Error::ForgedProof)? {
        let output = output.map_err(|_| Error::ForgedProof)?;
        let mut bytes = Zeroizing::new([0; OUTPUT]);
        bytes.iter_mut().zip(&output).for_each(|(to, from)| *to = *from);
        outputs.push(bytes);
    }
    Ok(outputs)
}
