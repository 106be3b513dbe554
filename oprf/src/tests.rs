//! RFC 9497's vectors, and what must be refused.

use crate::session::Session;
use crate::{Blind, Error, Key, finish};
use nymtrail::core::{base64url, hex};
use nymtrail::ports::Entropy;
use serde_json::Value;
use zeroize::Zeroizing;

/// Hands out scalars as they are: reduced from 64 bytes, as the crate does it, a scalar with zeros behind it stays what it is.
struct Given(Vec<[u8; 32]>);

impl Entropy for Given {
    fn fill(&mut self, bytes: &mut [u8]) {
        assert_eq!(bytes.len(), 64);
        bytes[..32].copy_from_slice(&self.0.remove(0));
        bytes[32..].fill(0);
    }
}

/// The operating system's.
pub struct System;

impl Entropy for System {
    fn fill(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes).unwrap();
    }
}

fn bytes(digits: &str) -> Vec<u8> {
    (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap()).collect()
}

fn array<const N: usize>(digits: &str) -> [u8; N] {
    bytes(digits).try_into().unwrap()
}

/// The values of a member that has one for each of a batch, separated by commas.
fn list<'a>(case: &'a Value, name: &str) -> Vec<&'a str> {
    case[name].as_str().unwrap().split(',').collect()
}

#[test]
fn rfc_9497_vectors() {
    let text = include_str!("../../tests/vectors/rfc-9497-ristretto255-SHA512-VOPRF.json");
    let suite: Value = serde_json::from_str(text).unwrap();
    let key = Key::from_secret(&array(suite["skSm"].as_str().unwrap())).unwrap();
    assert_eq!(key.public().to_vec(), bytes(suite["pkSm"].as_str().unwrap()));
    let cases = suite["vectors"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let inputs = list(case, "Input");
        let mut blinds = Vec::new();
        for (input, blind) in inputs.iter().zip(list(case, "Blind")) {
            blinds.push(Blind::new(Zeroizing::new(bytes(input)), &mut Given(vec![array(blind)])).unwrap());
        }
        let elements: Vec<_> = blinds.iter().map(|blind| blind.element().to_vec()).collect();
        assert_eq!(elements, list(case, "BlindedElement").iter().map(|text| bytes(text)).collect::<Vec<_>>());

        let random = array(case["Proof"]["r"].as_str().unwrap());
        let (answers, proof) = key.evaluate(elements.iter().map(Vec::as_slice), &mut Given(vec![random])).unwrap();
        let expected: Vec<[u8; 32]> = list(case, "EvaluationElement").into_iter().map(array).collect();
        assert_eq!(answers, expected);
        assert_eq!(proof.to_vec(), bytes(case["Proof"]["proof"].as_str().unwrap()));

        let outputs = finish(&blinds, answers.iter().map(<[u8; 32]>::as_slice), &proof, &key.public()).unwrap();
        for ((output, expected), input) in outputs.iter().zip(list(case, "Output")).zip(inputs) {
            assert_eq!(output.to_vec(), bytes(expected));
            assert_eq!(key.output(&bytes(input)).unwrap().to_vec(), bytes(expected));
        }
    }
}

fn questions(count: u8) -> Vec<Blind> {
    (0..count).map(|n| Blind::new(Zeroizing::new(vec![n; 32]), &mut System).unwrap()).collect()
}

fn ask(key: &Key, blinds: &[Blind]) -> (Vec<Vec<u8>>, Vec<u8>) {
    let (answers, proof) = key.evaluate(blinds.iter().map(|blind| blind.element().as_slice()), &mut System).unwrap();
    (answers.iter().map(|answer| answer.to_vec()).collect(), proof.to_vec())
}

/// The order of the group, l: no scalar is as large.
const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

/// 32 bytes that are no element, each for a reason of its own (RFC 9496, appendix A.3): not reduced, negative, not square, and so on.
const NO_ELEMENTS: [&str; 8] = [
    "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
    "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
    "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

#[test]
fn answers_are_taken_with_their_proof_and_not_otherwise() {
    let (key, other) = (Key::random(&mut System).unwrap(), Key::random(&mut System).unwrap());
    let blinds = questions(3);
    let (answers, proof) = ask(&key, &blinds);
    let take = |answers: &[Vec<u8>], proof: &[u8], key: &[u8]| {
        finish(&blinds, answers.iter().map(Vec::as_slice), proof, key).map(|outputs| outputs.len())
    };
    let public = key.public();
    assert_eq!(take(&answers, &proof, &public), Ok(3));

    // A proof for another key, and honest answers of another key that pretend to be of this one.
    assert_eq!(take(&answers, &proof, &other.public()), Err(Error::ForgedProof));
    let (foreign, foreign_proof) = ask(&other, &blinds);
    assert_eq!(take(&foreign, &foreign_proof, &public), Err(Error::ForgedProof));
    assert_eq!(take(&foreign, &proof, &public), Err(Error::ForgedProof));
    // An answer to an earlier question, with the proof that was right then.
    let (replayed, replayed_proof) = ask(&key, &questions(3));
    assert_eq!(take(&replayed, &replayed_proof, &public), Err(Error::ForgedProof));
    // One answer of three exchanged, and all in another order.
    let mut one = answers.clone();
    one[1] = foreign[1].clone();
    assert_eq!(take(&one, &proof, &public), Err(Error::ForgedProof));
    one = answers.clone();
    one.rotate_left(1);
    assert_eq!(take(&one, &proof, &public), Err(Error::ForgedProof));
    for at in 0..64 {
        let mut forged = proof.clone();
        forged[at] ^= 1;
        let refused = take(&answers, &forged, &public).unwrap_err();
        assert!(matches!(refused, Error::ForgedProof | Error::NotCanonical), "{at}: {refused}");
    }

    let with = |answer: Vec<u8>| [answers[0].clone(), answer, answers[2].clone()];
    assert_eq!(take(&with(vec![0; 32]), &proof, &public), Err(Error::IdentityElement));
    assert_eq!(take(&answers, &proof, &[0; 32]), Err(Error::IdentityElement));
    for wrong in NO_ELEMENTS {
        assert_eq!(take(&with(bytes(wrong)), &proof, &public), Err(Error::NotCanonical), "{wrong}");
        assert_eq!(take(&answers, &proof, &bytes(wrong)), Err(Error::NotCanonical), "{wrong}");
    }
    for scalar in [ORDER, &"00".repeat(32), &"ff".repeat(32)] {
        let ends = [[bytes(scalar), proof[32..].to_vec()].concat(), [proof[..32].to_vec(), bytes(scalar)].concat()];
        for wrong in ends {
            assert_eq!(take(&answers, &wrong, &public), Err(Error::NotCanonical), "{scalar}");
        }
    }
    for (answers, proof, key) in [
        (&answers[..2], &proof[..], &public[..]),
        (&[], &proof[..], &public[..]),
        (&[&answers[..], &answers[..1]].concat()[..], &proof[..], &public[..]),
        (&with(answers[1][..31].to_vec())[..], &proof[..], &public[..]),
        (&with([&answers[1][..], &[0]].concat())[..], &proof[..], &public[..]),
        (&answers[..], &proof[..63], &public[..]),
        (&answers[..], &[&proof[..], &[0]].concat()[..], &public[..]),
        (&answers[..], &[], &public[..]),
        (&answers[..], &proof[..], &public[..31]),
    ] {
        assert_eq!(take(answers, proof, key), Err(Error::WrongLength));
    }
}

#[test]
fn a_server_evaluates_elements_and_nothing_else() {
    let key = Key::random(&mut System).unwrap();
    let evaluate =
        |elements: &[&[u8]]| key.evaluate(elements.iter().copied(), &mut System).map(|(answers, _)| answers.len());
    let blinds = questions(2);
    let good = blinds[0].element().as_slice();
    assert_eq!(evaluate(&[good, blinds[1].element()]), Ok(2));
    assert_eq!(evaluate(&[]), Err(Error::WrongLength));
    assert_eq!(evaluate(&[good, &good[..31]]), Err(Error::WrongLength));
    assert_eq!(evaluate(&[good, &[0; 32]]), Err(Error::IdentityElement));
    for wrong in NO_ELEMENTS {
        assert_eq!(evaluate(&[good, &bytes(wrong)]), Err(Error::NotCanonical), "{wrong}");
    }
    assert_eq!(Key::from_secret(&[0; 32]).err(), Some(Error::NotCanonical));
    assert_eq!(Key::from_secret(&array(ORDER)).err(), Some(Error::NotCanonical));
    assert_eq!(Key::from_secret(&key.secret()).unwrap().public(), key.public());
}

#[test]
fn what_the_server_sees_differs_each_time() {
    let (key, input) = (Key::random(&mut System).unwrap(), Zeroizing::new(vec![7; 32]));
    let pair = [Blind::new(input.clone(), &mut System).unwrap(), Blind::new(input.clone(), &mut System).unwrap()];
    assert_ne!(pair[0].element(), pair[1].element());
    let (answers, proof) = ask(&key, &pair);
    let outputs = finish(&pair, answers.iter().map(Vec::as_slice), &proof, &key.public()).unwrap();
    assert_eq!(outputs[0], outputs[1]);
    assert_eq!(*outputs[0], key.output(&input).unwrap());
}

#[test]
fn words_are_distinct() {
    let words: std::collections::HashSet<_> = Error::ALL.iter().map(|error| error.as_str()).collect();
    assert_eq!(words.len(), Error::ALL.len());
}

/// Pseudonyms as another implementation makes them, through the calls that JavaScript makes.
#[test]
fn pseudonyms_are_those_of_the_description() {
    let vectors: Value = serde_json::from_str(include_str!("../../tests/vectors/oprf.json")).unwrap();
    let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    let key = Key::from_secret(&array(&text(&vectors, "secret"))).unwrap();
    let public = text(&vectors, "key");
    assert_eq!(key.public().to_vec(), bytes(&public));
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 10);
    for case in cases {
        assert_eq!(key.output(&bytes(&text(case, "input"))).unwrap().to_vec(), bytes(&text(case, "output")));
        let mut session = Session::default();
        session.call(0, &[&text(case, "deployment")], &mut System);
        let identifier = [text(case, "namespace"), text(case, "type"), text(case, "canonical")];
        let asked = session.call(1, &identifier.each_ref().map(String::as_str), &mut System);
        let [number, element, tag] = asked.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let again = session.call(1, &identifier.each_ref().map(String::as_str), &mut System);
        assert!(again.ends_with(tag) && !again.contains(element), "known again by its tag alone");
        let element = base64url::decode_lenient(element.as_bytes()).unwrap();
        let (answers, proof) = key.evaluate([element.as_slice()].into_iter(), &mut System).unwrap();
        let (answer, proof) = (base64url::encode(&answers[0]), base64url::encode(&proof));
        let epoch = case["epoch"].to_string();
        let take = [epoch.as_str(), &public, number, &answer, &proof];
        assert_eq!(session.call(2, &take, &mut System), text(case, "pseudonym"));
        assert_eq!(session.call(2, &take, &mut System), "!wrong_length", "a question is answered once");
    }
}

#[test]
fn a_session_says_what_is_wrong_and_holds_nothing_back() {
    let key = Key::random(&mut System).unwrap();
    let public = hex::encode(&key.public());
    let mut session = Session::default();
    session.call(0, &["shop"], &mut System);
    let mut refused = |key: &str, answer: &dyn Fn(&str) -> String, proof: &str| {
        let asked = session.call(1, &["user", "opaque", "ann"], &mut System);
        let words: Vec<_> = asked.split(' ').collect();
        let done = session.call(2, &["20781", key, words[0], &answer(words[1]), proof], &mut System);
        session.call(3, &[words[0]], &mut System);
        done
    };
    let (proof, same) = (base64url::encode(&[1; 64]), |element: &str| element.to_owned());
    assert_eq!(refused(&public, &same, &base64url::encode(&[[1; 32], [0; 32]].concat())), "!not_canonical");
    let scalar = [bytes("0100000000000000000000000000000000000000000000000000000000000000"), vec![2, 0], vec![0; 30]];
    let forged = base64url::encode(&scalar.concat());
    assert_eq!(refused(&public, &same, &forged), "!forged_proof");
    assert_eq!(refused(&public, &|_| base64url::encode(&[0; 32]), &forged), "!identity_element");
    assert_eq!(refused(&public, &|_| base64url::encode(&[0xff; 32]), &forged), "!not_canonical");
    assert_eq!(refused(&public, &|_| "a b".into(), &forged), "!wrong_length");
    assert_eq!(refused(&public, &|_| "*".into(), &forged), "!not_canonical");
    assert_eq!(refused(&public, &|_| String::new(), &forged), "!wrong_length");
    assert_eq!(refused("00", &same, &proof), "!wrong_length");
    assert_eq!(refused(&"00".repeat(32), &same, &forged), "!identity_element");
    assert_eq!(session.call(1, &["user", "other", "ann"], &mut System), "!not_canonical");
    assert_eq!(session.call(9, &[], &mut System), "");
}
