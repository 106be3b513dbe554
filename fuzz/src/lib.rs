//! What must hold of any bytes whatever, for each reader of what comes from outside.
//!
//! The fuzzer calls these functions from `bin/`; `collector/tests/all/fuzzed.rs` includes this file and calls them with the
//! inputs in `regressions/`, so that what was found once is an ordinary test.

#![allow(missing_docs, reason = "no library: functions named after the folders of their inputs")]

use flate2::{Compression, write::GzEncoder};
use nymtrail::core::answer::Answer;
use nymtrail::core::note::{Checkpoint, Note, Signed, Vkey};
use nymtrail::core::proof::Proof;
use nymtrail::core::row::Row;
use nymtrail::core::verify::{ChainCheck, Outcome};
use nymtrail_collector::audit::Receipts;
use nymtrail_collector::forms::{Failure, read_rows};
use nymtrail_collector::ingest::Batch;
use nymtrail_collector::keys::{Signer, judge};
use nymtrail_collector::prove::{self, Verdict};
use nymtrail_collector::rows;
use nymtrail_collector::verify::check_rows;
use std::io::{BufReader, Write};

/// A key that signed nothing that a fuzzer ever sees.
fn stranger() -> Vkey {
    Signer::new("shop", &[42; 32]).vkey().clone()
}

/// A row by itself: the readers of browser and collector agree on it, and it is written as it was read.
pub fn row(input: &[u8]) {
    let _ = Batch::read(input);
    let Ok(text) = std::str::from_utf8(input) else { return };
    let _ = Answer::parse(text);
    let (core, collector) = (Row::parse(text), rows::parse(text));
    if let (Some(core), Some(collector)) = (&core, &collector) {
        assert_eq!(core, collector, "two readers, two rows");
    }
    let claim = rows::Claim::read(text);
    assert!(claim.chain.is_none_or(|chain| chain.len() == 64));
    for row in [core, collector].into_iter().flatten() {
        // An empty text is written as an absent one: no column of a row may be empty but the body.
        if [&row.salt, &row.bc, &row.gprev].iter().any(|column| column.as_deref() == Some("")) {
            continue;
        }
        assert_eq!(rows::parse(&row.line()).as_ref(), Some(&row), "what is written is read back");
        assert!(row.is_same_place(&row.erased()) || row.commitment().is_none() || row.body.is_none());
        if rows::is_storable(&row) {
            assert!(row.is_well_formed());
            assert_eq!(Row::parse(&row.line()), Some(row.clone()), "what is stored is read by the browser");
        }
        let mut check = ChainCheck::new(&row.chain);
        check.push_line(text);
        check.push_line(text);
        let found = check.finish();
        // Nobody finds a preimage here: a row that holds by itself is a whole first row.
        assert!(found.verdict == Outcome::Tampered || row.seq == 0 && row.link == row.chain && row.gprev.is_some());
    }
}

/// A note, and files of them.
pub fn note(input: &[u8]) {
    let mut receipts = Receipts::new(vec![stranger()]);
    let _ = receipts.read(input);
    let findings = receipts.audit().finish();
    assert!(findings.chains.values().all(|found| found.receipted.is_none()), "signed by nobody");
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Some(key) = Vkey::parse(text) {
        assert_eq!(Vkey::parse(&key.to_string()), Some(key));
    }
    if let Some(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.text(), text, "one text for one checkpoint");
    }
    if let Some(note) = Note::parse(text) {
        assert_eq!(note.to_string(), text, "one text for one note");
        assert!(!matches!(judge(&note, &[stranger()]), Signed::At(_)));
    }
}

/// A proof.
pub fn proof(input: &[u8]) {
    let read = prove::read(input);
    let Ok(text) = std::str::from_utf8(input) else { return assert!(read.is_err()) };
    let lines = text.split('\n').count() as u64;
    match Proof::parse(text) {
        Err(line) => assert!((1..=lines + 1).contains(&line), "line {line} of {lines}"),
        Ok(proof) => {
            assert_eq!(
                Proof::parse(&proof.text().unwrap_or_default()).as_ref(),
                Ok(&proof),
                "what is written is read back"
            );
            let verdict = prove::check(&proof, &[stranger()]);
            assert!(!matches!(verdict, Verdict::Holds(_)), "signed by nobody");
            let _ = (prove::to_json(&proof, verdict), prove::to_text(&proof, verdict));
        }
    }
}

/// A file of rows: the same in small pieces as in one, packed as plain, and in any order of its rows.
pub fn file(input: &[u8]) {
    let whole = read_rows(input);
    if let Err(Failure { line: Some(line), .. }) = whole {
        // A line end behind the last line begins one more.
        assert!(line <= input.split(|byte| *byte == b'\n').count() as u64 + 1, "line {line}");
    }
    assert_eq!(read_rows(BufReader::with_capacity(3, input)), whole, "in pieces");
    // Packed twice is not unpacked twice.
    if ![&b"\x1f\x8b"[..], b"\x28\xb5\x2f\xfd"].iter().any(|magic| input.starts_with(magic)) {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        let packed = packed.write_all(input).and_then(|()| packed.finish()).unwrap_or_default();
        assert_eq!(read_rows(&packed[..]), whole, "packed");
    }
    let Ok(checked) = check_rows(input) else { return };
    let Ok(mut finds) = whole else { panic!("rows that are checked but not read") };
    finds.rows.reverse();
    assert_eq!(checked.report.level, "chained", "signed by nobody");
    assert_eq!(nymtrail::core::verify::verify(finds.rows), checked.report, "in another order");
}
