//! Asking a witness to cosign.

use crate::error::Code;
use crate::keys::judge;
use nymtrail::core::chain::Hash;
use nymtrail::core::note::{Note, Signature, Signed, Vkey};
use std::fmt;
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};

/// How long a witness may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than this of an answer is not read: it is a few lines.
const MAX_ANSWER: u64 = 64 << 10;

/// A witness to ask: where it is, and its key.
#[derive(Clone, Debug)]
pub struct Client {
    url: String,
    vkey: Vkey,
}

/// Why there is no cosignature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It can't be reached, or not in time.
    Unreachable,
    /// It answered with this status.
    Refused(u16),
    /// It answered with something else than its own good cosignature.
    NotItsOwn,
    /// The proof could not be made.
    Proof(Code),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable => f.write_str("it can't be reached"),
            Self::Refused(status) => write!(f, "it refused with status {status}"),
            Self::NotItsOwn => f.write_str("its answer is not a cosignature of its key"),
            Self::Proof(code) => write!(f, "no proof could be made: {code}"),
        }
    }
}

impl Client {
    /// Reads `URL=VKEY`.
    ///
    /// # Errors
    /// `malformed_witness`.
    pub fn parse(text: &str) -> Result<Self, Code> {
        // A vkey ends in base64, which may hold `=`; its name may not begin with what a URL does.
        let split =
            text.match_indices('=').find_map(|(at, _)| Some((text.get(..at)?, Vkey::parse(text.get(at + 1..)?)?)));
        let (url, vkey) = split.ok_or(Code::MalformedWitness)?;
        if !url.starts_with("http://") || url.len() < 8 {
            return Err(Code::MalformedWitness);
        }
        Ok(Self { url: url.trim_end_matches('/').into(), vkey })
    }

    /// The name of its key.
    pub fn name(&self) -> &str {
        &self.vkey.name
    }

    /// Asks for a cosignature of a signed checkpoint. `known` is the size that the witness is believed to be at; if it is at
    /// another one it says so and is asked once more. `prove` makes the proof from a size on.
    ///
    /// # Errors
    /// Why there is none.
    pub fn cosign(
        &self,
        note: &str,
        known: u64,
        prove: impl Fn(u64) -> Result<Vec<Hash>, Code>,
    ) -> Result<Signature, Why> {
        let (status, answer) = self.ask(note, known, &prove)?;
        let (status, answer) = match (status, answer.trim_end().parse()) {
            (409, Ok(size)) if size != known => self.ask(note, size, &prove)?,
            _ => (status, answer),
        };
        if status != 200 {
            return Err(Why::Refused(status));
        }
        let text = note.split_inclusive("\n\n").next().unwrap_or_default().strip_suffix('\n').unwrap_or_default();
        // Cosignatures of other keys, which a witness may add, are left out.
        let cosigned = Note::parse(&format!("{text}\n{answer}")).ok_or(Why::NotItsOwn)?;
        let ours = |line: &Signature| line.name == self.vkey.name && line.id == self.vkey.id();
        let line = cosigned.signatures.iter().find(|line| ours(line)).cloned().ok_or(Why::NotItsOwn)?;
        let alone = Note { text: text.into(), signatures: vec![line.clone()] };
        match judge(&alone, std::slice::from_ref(&self.vkey)) {
            Signed::At(_) => Ok(line),
            _ => Err(Why::NotItsOwn),
        }
    }

    fn ask(
        &self,
        note: &str,
        from: u64,
        prove: &impl Fn(u64) -> Result<Vec<Hash>, Code>,
    ) -> Result<(u16, String), Why> {
        let proof = prove(from).map_err(Why::Proof)?;
        let lines: String = proof.iter().map(|hash| STANDARD.encode(hash.0) + "\n").collect();
        let body = format!("old {from}\n{lines}\n{note}");
        let request = ureq::post(format!("{}/add-checkpoint", self.url)).config();
        let request = request.timeout_global(Some(PATIENCE)).http_status_as_error(false).build();
        let mut answer = request.send(&body).map_err(|_| Why::Unreachable)?;
        let status = answer.status().as_u16();
        let text = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_string().map_err(|_| Why::NotItsOwn)?;
        Ok((status, text))
    }
}
