//! Inputs that the fuzzer found once, and the vectors, as ordinary tests of what `fuzz/` asserts of any bytes.

#[path = "../../../fuzz/src/lib.rs"]
mod targets;

use std::path::Path;

const FUZZ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz");
type Target = (&'static str, fn(&[u8]));
const TARGETS: [Target; 4] =
    [("row", targets::row), ("note", targets::note), ("proof", targets::proof), ("file", targets::file)];

fn each_input(folder: &Path, mut each: impl FnMut(&[u8])) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        each(&std::fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    count
}

#[test]
fn what_the_fuzzer_found_stays_mended() {
    for (name, target) in TARGETS {
        let count = each_input(&Path::new(FUZZ).join("regressions").join(name), target);
        println!("{name}: {count} inputs");
        assert!(count > 0, "{name} has none");
    }
}

#[test]
fn every_target_takes_every_text_of_the_vectors() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/vectors/receipts.json")).unwrap();
    let (mut texts, mut left) = (Vec::new(), vec![&vectors]);
    while let Some(value) = left.pop() {
        match value {
            serde_json::Value::String(text) => texts.push(text.clone()),
            serde_json::Value::Array(list) => left.extend(list),
            serde_json::Value::Object(map) => left.extend(map.values()),
            _ => {}
        }
    }
    assert!(texts.len() > 20);
    TARGETS.iter().for_each(|(_, target)| texts.iter().for_each(|text| target(text.as_bytes())));
}
