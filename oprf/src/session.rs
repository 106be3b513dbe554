//! What JavaScript sees: questions by number, and texts in and out. `js/oprf/wasm.ts` is the other side.

use crate::{Blind, Error, finish};
use alloc::string::String;
use alloc::vec::Vec;
use nymtrail::core::words::{Reader, Words};
use nymtrail::core::{base64url, hex, pseudonym};
use nymtrail::ports::Entropy;
use zeroize::Zeroizing;

/// One client's questions under way.
#[derive(Default)]
pub struct Session {
    deployment: String,
    /// Under which the page knows an identifier again that it has asked for before.
    tagging: Zeroizing<[u8; 32]>,
    next: u64,
    waiting: Vec<Question>,
}

struct Question {
    number: u64,
    namespace: String,
    blind: Blind,
}

impl Session {
    /// Carries out a call. Methods by number, as in `js/oprf/wasm.ts`. An answer that begins with `!` is the word of an [`Error`].
    pub fn call(&mut self, method: u32, texts: &[&str], entropy: &mut dyn Entropy) -> String {
        let done = match (method, texts) {
            (0, [deployment]) => {
                self.deployment = (*deployment).into();
                entropy.fill(self.tagging.as_mut_slice());
                Ok(String::new())
            }
            (1, [namespace, kind, canonical]) => self.ask(namespace, kind, canonical, entropy),
            (2, [epoch, key, numbers, answers, proof]) => self.take(epoch, key, numbers, answers, proof),
            (3, [numbers]) => {
                let _ = self.withdraw(numbers);
                Ok(String::new())
            }
            _ => Ok(String::new()),
        };
        done.unwrap_or_else(|error| {
            let mut text = String::from("!");
            text.push_str(error.as_str());
            text
        })
    }

    /// Blinds an identifier, of which nothing but its digest stays. The question's number, the element and a tag that is the
    /// same for the same identifier as long as this session lives.
    fn ask(
        &mut self,
        namespace: &str,
        kind: &str,
        canonical: &str,
        entropy: &mut dyn Entropy,
    ) -> Result<String, Error> {
        let kind = pseudonym::Kind::from_word(kind).ok_or(Error::NotCanonical)?;
        let input = pseudonym::oprf_input(&self.deployment, namespace, kind, canonical);
        let tag = pseudonym::mac(self.tagging.as_slice(), &[input.as_slice()]);
        let blind = Blind::new(Zeroizing::new(input.to_vec()), entropy)?;
        self.next += 1;
        let words = Words::default().number(self.next);
        let words = words.text(Some(&base64url::encode(blind.element()))).text(Some(&base64url::encode(&tag)));
        self.waiting.push(Question { number: self.next, namespace: namespace.into(), blind });
        Ok(words.finish())
    }

    /// Takes the answers to questions: pseudonyms, in their order. The questions are gone, whatever came of it.
    fn take(&mut self, epoch: &str, key: &str, numbers: &str, answers: &str, proof: &str) -> Result<String, Error> {
        let (blinds, namespaces) = self.withdraw(numbers);
        let epoch = Reader::new(epoch).number().ok_or(Error::WrongLength)?;
        let key: [u8; 32] = hex::decode(key).ok_or(Error::WrongLength)?;
        let bytes = |text: &str| base64url::decode_lenient(text.as_bytes()).ok_or(Error::NotCanonical);
        let (proof, mut read, mut list) = (bytes(proof)?, Vec::new(), Reader::new(answers));
        while let Some(answer) = list.text() {
            read.push(bytes(answer)?);
        }
        let outputs = finish(&blinds, read.iter().map(Vec::as_slice), &proof, &key)?;
        let mut words = Words::default();
        for ((blind, namespace), output) in blinds.iter().zip(&namespaces).zip(&outputs) {
            let input = blind.input();
            words = words.text(Some(&pseudonym::oprf_pseudonym(output, &self.deployment, namespace, epoch, input)));
        }
        Ok(words.finish())
    }

    /// Takes questions out, in the order of their numbers.
    fn withdraw(&mut self, numbers: &str) -> (Vec<Blind>, Vec<String>) {
        let (mut blinds, mut namespaces, mut numbers) = (Vec::new(), Vec::new(), Reader::new(numbers));
        while let Some(number) = numbers.number() {
            if let Some(at) = self.waiting.iter().position(|question| question.number == number) {
                let question = self.waiting.swap_remove(at);
                blinds.push(question.blind);
                namespaces.push(question.namespace);
            }
        }
        (blinds, namespaces)
    }
}
