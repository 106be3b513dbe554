//! The verdict on rows in words and as JSON.

use crate::audit;
use crate::continuity::Continued;
use crate::time::utc;
use crate::verify::{Checked, Tail};
use nymtrail::core::verify::{self, ChainVerdict, Outcome};
use nymtrail_verify::report::Found;
pub use nymtrail_verify::report::verdict;
use nymtrail_verify::report::{self, tail_of};
use serde_json::Value;
use std::fmt::Write as _;

/// The verdict as JSON.
pub fn to_json(checked: &Checked, tails: &[Tail]) -> Value {
    serde_json::from_str(&report::to_json(checked, tails)).unwrap_or_default()
}

/// The verdict in words: two lines or more a chain, then a summary.
pub fn to_text(checked: &Checked, tails: &[Tail]) -> String {
    let Checked { report, findings, erasures, continuity, found, .. } = checked;
    let mut out = String::new();
    for chain in &report.chains {
        // Writing to a String can't fail.
        let _ = writeln!(out, "chain {}\n  {}", chain.chain, chain_in_words(chain));
        if let Some(tail) = tail_of(tails, &chain.chain) {
            let _ = writeln!(out, "  TRUNCATED: {} missing at its end", count(tail.missing, "row"));
        }
        if let Some(said) = findings.chains.get(&chain.chain) {
            out += &checkpoints_in_words(said);
        }
        if let Some(erased) = erasures.chains.get(&chain.chain) {
            out += &erased.in_words();
        }
    }
    for tail in tails.iter().filter(|tail| tail.dropped) {
        let rows = count(tail.missing, "row");
        let _ = writeln!(out, "chain {}\n  DROPPED: none of its {rows} is here", tail.chain);
    }
    out.extend(continuity.iter().map(Continued::in_words));
    let rows = report.chains.iter().map(|chain| chain.rows).sum();
    let bad = report.chains.iter().filter(|chain| chain.verdict == Outcome::Tampered).count() as u64;
    let _ = write!(
        out,
        "\n{}, {}: {}",
        count(report.chains.len() as u64, "chain"),
        count(rows, "row"),
        verdict(checked, tails)
    );
    if bad > 0 {
        let _ = write!(out, " ({} of them)", count(bad, "chain"));
    }
    if findings.unchecked > 0 {
        let receipts = count(findings.unchecked, "receipt");
        let _ = write!(
            out,
            ".\n{receipts} NOT checked: of another deployment, or signed by none of the keys at hand (--key)"
        );
    }
    if let Some(log) = &findings.log {
        let entries = if log.size == 1 { "entry" } else { "entries" };
        let _ = write!(
            out,
            ".\nThe log has {} {entries}, cosigned by {} of {} witnesses",
            log.size, log.witnesses, log.needed
        );
        if let Some(class) = log.class {
            let _ = write!(out, ": {}, its checkpoint does not fit", class.as_str().to_uppercase());
        }
    }
    let means = match report.level {
        "witnessed" => {
            "is every row as it was linked, each chain what the collector signed, and is\n             that in a log which the witnesses saw only growing. It can't show what was never sent, or whether it was true."
        }
        "receipted" => {
            "is every row as it was linked, and each chain as long and the\n             same as when the collector signed it. It can't show chains dropped together with their checkpoints (--receipts\n             that were kept elsewhere can), or what was never sent."
        }
        "signed" => {
            "is every row as it was linked, and each chain as long and the\n             same as when its device signed it. It can't show chains dropped together with their checkpoints, chains made\n             up as a whole, or what was never sent."
        }
        _ => {
            "is every row as it was linked, is none missing between two others. It can't show\n             rows missing at the end of a chain (--receipts or --expect-size can), or chains made up or dropped as a whole."
        }
    };
    let _ = writeln!(out, ".\nChecked at the level `{}`: {means}", report.level);
    out.push_str(&found_in_words(found));
    out
}

fn checkpoints_in_words(said: &audit::Found) -> String {
    let mut words = format!("  {}", count(said.checkpoints, "checkpoint"));
    if let Some((size, time)) = said.receipted {
        let _ = write!(words, "; receipted up to {}, signed {}", count(size, "row"), utc(time));
    }
    if said.unchecked > 0 {
        let _ =
            write!(words, "; the signatures of {} were not checked: none of the keys at hand (--key)", said.unchecked);
    }
    if let Some(size) = said.signed {
        let _ = write!(words, "; signed by its device up to {}", count(size, "row"));
    }
    if said.keyless > 0 {
        let _ = write!(words, "; {} of the device not checked: the first row names no key", said.keyless);
    }
    words.push('\n');
    if let (Some(class), Some(at)) = (said.class, said.at) {
        let word = class.as_str().to_uppercase();
        let _ = writeln!(words, "  {word}: {} (the checkpoint of {})", class.in_words(), count(at, "row"));
    }
    for note in said.evidence.iter().flatten() {
        words.extend(note.lines().map(|line| format!("  | {line}\n")));
    }
    words
}

fn found_in_words(found: &Found) -> String {
    let forms = [
        (found.plain, "with the columns as they are"),
        (found.named, "with columns named nt_*"),
        (found.attributes, "in lists of attributes named nt_*"),
    ];
    let forms = forms.iter().filter(|(rows, _)| *rows > 0);
    let mut words: Vec<_> = forms.map(|(rows, form)| format!("{} {form}", count(*rows, "row"))).collect();
    match found.without {
        0 => {}
        1 => words.push("1 line or entry of a list holds no row of a chain".into()),
        n => words.push(format!("{n} lines or entries of a list hold no row of a chain")),
    }
    format!("Found {}.\n", words.join("; "))
}

fn chain_in_words(chain: &ChainVerdict) -> String {
    let mut words = match (chain.first_bad, chain.class) {
        (Some(seq), Some(class)) => format!("TAMPERED at seq {seq}: {}, {}", class.as_str(), class_in_words(class)),
        _ => "holds".into(),
    };
    let _ = write!(words, "; {}", count(chain.rows, "row"));
    for (number, name) in [
        (chain.erased, "erased"),
        (chain.half_erased, "half_erased (the salt is still there: finish the erasure)"),
        (chain.no_genesis, "no_genesis"),
        (chain.gaps, "gaps"),
        (chain.forks, "forks"),
        (chain.bad_link, "bad_link"),
        (chain.time_back, "time_back"),
    ] {
        if number > 0 {
            let _ = write!(words, ", {number} {name}");
        }
    }
    words
}

/// What a class of damage means.
pub const fn class_in_words(class: verify::Class) -> &'static str {
    use verify::Class;
    match class {
        Class::NoGenesis => "the chain does not begin with its first row, or its id is not that row's link",
        Class::Gap => "rows are missing before this one",
        Class::Fork => "two different rows claim this place",
        Class::BadLink => "this row was edited, moved or inserted after it was linked",
        Class::TimeBack => "its time is earlier than that of the row before",
    }
}

/// A number of things, in words.
pub(crate) fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
