//! The core as the browser runs it: the wasm build must hash what every other build hashes.

use super::{canonicals, pseudonym};
use hmac::{Hmac, KeyInit, Mac};
use nymtrail::core::chain::{Head, NO_HEAD, commitment};
use nymtrail::core::pseudonym::{Kind, Salt};
use sha2::Sha256;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

/// The vector of the format's description.
#[wasm_bindgen_test]
fn the_format_vector_holds() {
    let salt = "000102030405060708090a0b0c0d0e0f";
    let genesis = r#"{"alg":"ES256","pk":"00","v":1}"#;
    let (mut head, row) = Head::open(genesis.into(), salt.into(), &"11".repeat(32), NO_HEAD, 1_790_000_000_000);
    assert_eq!(row.gprev.as_deref(), Some("be6d7ad6c59d47f046466670521369763ef6bf337f51b5cd8da89a8b67164098"));
    assert_eq!(row.chain, "0d0624f632cae4433c056059ce46650b4f5cbb741acddf1c0bb6d904c8311a51");
    let body = r#"{"n":"view","p":"/a"}"#;
    assert_eq!(commitment(salt, body).hex(), "c4d1112f9325b0279f052b28505f82e6850d340bb5e84133a9a32b1db268795e");
    let row = head.append(body.into(), salt.into(), 1_790_000_000_001);
    assert_eq!(row.link, "505f1c27a9cac690fd9e39ee8cb3846283d94767ad44b308feb0595f70f003ee");
}

/// HMAC-SHA-256 as it is built into this wasm, over the vectors of RFC 4231.
#[wasm_bindgen_test]
fn the_rfc_4231_vectors_hold() {
    let (mut key, mut message, mut cases) = (vec![], vec![], 0);
    for line in include_str!("../vectors/rfc-4231-sha256.txt").lines() {
        match line.split_once(" = ") {
            Some(("Key", digits)) => key = bytes(digits),
            Some(("Msg", digits)) => message = bytes(digits),
            Some(("MD", digits)) => {
                let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
                mac.update(&message);
                assert_eq!(mac.finalize().into_bytes().to_vec(), bytes(digits), "{line}");
                cases += 1;
            }
            _ => {}
        }
    }
    assert_eq!(cases, 6);
}

fn bytes(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// The browser's own HKDF and HMAC arrive at the same pseudonyms; the last ones were worked out by a third program.
#[wasm_bindgen_test]
async fn a_pseudonym_is_what_web_crypto_makes_it() -> Result<(), JsValue> {
    let ascending = std::array::from_fn(|at| at as u8);
    for (salt, deployment, namespace, epoch, kind, canonical, expected) in [
        ([7; 32], "shop", "user", 20781, Kind::Email, "ann@example.org", "p1.q2Itk5I7t3xHb5kRmacZEQ"),
        (ascending, "läden", "prop:Straße", (1 << 53) + 1, Kind::Opaque, "😀", "p1.wrk4PcU5QtSjfhosHiEPFA"),
    ] {
        let ours = Salt::new(salt).pseudonym(deployment, namespace, epoch, kind, canonical);
        assert_eq!(ours, pseudonym(&salt, deployment, namespace, epoch, kind.as_str(), canonical).await?);
        assert_eq!(ours, expected);
    }
    Ok(())
}

/// Of each identifier this browser finds the spelling, and the wasm the pseudonym, that another implementation found.
#[wasm_bindgen_test]
fn the_vectors_of_another_implementation_hold() {
    let salt = Salt::new(std::array::from_fn(|at| at as u8));
    let found = canonicals(include_str!("../vectors/pseudonyms.json"));
    assert_eq!(found.len(), 3 * 500);
    for vector in found.chunks(3) {
        let [kind, canonical, expected] = vector else { unreachable!() };
        let made = Kind::from_word(kind).map(|kind| salt.pseudonym("shop", "user", 20781, kind, canonical));
        assert_eq!(made.unwrap_or_default(), *expected, "{kind} {canonical:.50}");
    }
}
