//! Each instance by itself, in the library.

use super::world::{Case, Said, With, signer};
use super::{Class, Level, classes, instances};
use nymtrail::core::row::Row;
use nymtrail_collector::audit::Receipts;
use nymtrail_collector::report::to_json;
use nymtrail_collector::verify::{all_missing_tails, audit_rows};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the report says of a chain.
pub fn said(report: &Value, chain: &str) -> Option<Value> {
    report["chains"].as_array()?.iter().find(|found| found["chain"] == chain).cloned()
}

/// Whether that is what was expected, word, place and level.
pub fn agrees(expected: Said, found: Option<&Value>) -> bool {
    let Some(found) = found else { return expected == Said::Nothing };
    let level = found["level"].as_str().unwrap_or("chained");
    let word = match expected {
        Said::Nothing => return false,
        Said::Holds | Said::Signed | Said::Receipted => "holds",
        Said::Tampered(at, damage) if found["first_bad"] != at || found["class"] != damage.as_str() => return false,
        Said::Tampered(..) => "tampered",
        Said::Rewritten => "rewritten",
        Said::Forked => "forked",
        Said::Truncated(rows) if found["missing_tail"] != rows => return false,
        Said::Truncated(_) => "truncated",
        Said::Dropped => "dropped",
        Said::Forged => "forged",
    };
    let reached = match expected {
        Said::Receipted => "receipted",
        Said::Signed => "signed",
        _ => "chained",
    };
    found["verdict"] == word && level == reached
}

/// The report on these rows, compared with these notes.
fn report(rows: &[Row], notes: &[&str]) -> Value {
    let text: String = rows.iter().map(|row| row.line() + "\n").collect();
    let mut receipts = Receipts::new(vec![signer().vkey().clone()]);
    if !notes.is_empty() {
        let lines: String = notes.iter().map(|note| json!(note).to_string() + "\n").collect();
        receipts.read(lines.as_bytes()).unwrap();
    }
    let checked = audit_rows(text.as_bytes(), receipts).unwrap();
    to_json(&checked, &all_missing_tails(&checked, &[]).unwrap())
}

/// What is wrong with the verdicts on an instance, if anything.
fn judge(case: &Case) -> Result<(), String> {
    for with in With::ALL {
        let report = report(&case.rows, &case.given(with));
        let mut is_good = true;
        for expected in &case.expected {
            is_good &= !expected.with(with).is_bad();
            let found = said(&report, &expected.chain);
            if !agrees(expected.with(with), found.as_ref()) {
                return Err(format!("with {with:?}: {expected:?}, but found {found:?}"));
            }
        }
        let unchecked = case.unchecked(with);
        let half_erased: u64 =
            report["chains"].as_array().unwrap().iter().filter_map(|found| found["half_erased"].as_u64()).sum();
        let counts = (report["unchecked"].as_u64(), half_erased >= case.half_erased);
        let all_holds = is_good && unchecked == 0 && half_erased == 0;
        if counts != (Some(unchecked), true) || (report["verdict"] == "holds") != all_holds {
            return Err(format!("with {with:?}: the verdict on all is not what it is on each: {report}"));
        }
    }
    Ok(())
}

fn judge_all(class: &Class, instances: u64) {
    for number in 0..instances {
        judge(&class.instance(number)).unwrap_or_else(|why| panic!("{}: {why}", class.told(number)));
    }
}

/// One instance with everything in it, for whoever wants to see why.
fn show(named: &str) {
    let (name, number) = named.rsplit_once('#').expect("NYMTRAIL_TAMPERING is a class, #, and a number");
    let all = classes();
    let class = all.iter().find(|class| class.name == name).expect("a class of that name");
    let case = class.instance(number.parse().expect("a number behind #"));
    case.rows.iter().for_each(|row| println!("{}", row.line()));
    case.receipts.iter().map(|receipt| &receipt.note).chain(&case.notes).for_each(|note| println!("\n{note}"));
    println!("{:#?}\n{}", case.expected, report(&case.rows, &[]));
    judge(&case).unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn each_instance_is_judged_rightly_by_the_library() {
    if let Ok(named) = std::env::var("NYMTRAIL_TAMPERING") {
        return show(&named);
    }
    let (all, instances, next) = (classes(), instances(), AtomicUsize::new(0));
    std::thread::scope(|threads| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            threads.spawn(|| {
                while let Some(class) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    judge_all(class, instances);
                }
            });
        }
    });
    let honest = all.iter().filter(|class| class.level == Level::Honest).count() as u64;
    println!(
        "library: {} tampered and {} honest instances",
        (all.len() as u64 - honest) * instances,
        honest * instances
    );
}
