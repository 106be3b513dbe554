//! Ten thousand random inputs through client, server and proof, for another implementation to compare: tests/oprf/cross.test.mjs.

use nymtrail::core::hex;
use nymtrail::ports::Entropy;
use nymtrail_oprf::{Blind, Key, finish};
use std::fmt::Write;
use zeroize::Zeroizing;

struct System;

impl Entropy for System {
    fn fill(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes).unwrap();
    }
}

#[test]
fn outputs_for_another_implementation() {
    let key = Key::random(&mut System).unwrap();
    let mut lines = hex::encode(key.secret().as_slice());
    for _ in 0..10_000 / 16 {
        let blinds: Vec<Blind> = (0..16)
            .map(|_| {
                let mut input = Zeroizing::new(vec![0; 32]);
                System.fill(&mut input);
                Blind::new(input, &mut System).unwrap()
            })
            .collect();
        let (answers, proof) =
            key.evaluate(blinds.iter().map(|blind| blind.element().as_slice()), &mut System).unwrap();
        let outputs = finish(&blinds, answers.iter().map(<[u8; 32]>::as_slice), &proof, &key.public()).unwrap();
        for (blind, output) in blinds.iter().zip(&outputs) {
            let output = hex::encode(output.as_slice());
            write!(lines, "\n{} {output}", hex::encode(blind.input())).unwrap();
        }
    }
    std::fs::write(concat!(env!("CARGO_TARGET_TMPDIR"), "/oprf-outputs.txt"), lines).unwrap();
}
