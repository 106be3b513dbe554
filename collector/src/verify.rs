//! The verifier on files: checks the rows of a store or of an export, compares them with what the collector signed.
//! [`crate::report`] puts the verdict into words or JSON.
//!
//! What holds and what does not is decided by `nymtrail::core::verify`, the code that runs in the browser.

use crate::audit::Receipts;
use crate::columns::Found;
use crate::error::Code;
use crate::evidence::{self, Evidence};
use crate::forms::{self, Failure};
use crate::keys::Signer;
use crate::parallel::{self, Quit};
use crate::parquet_file;
use crate::prove;
use crate::sorter::Sorter;
use crate::source::Source;
use crate::store::Store;
use crate::table::{self, Order, Table};
use crate::timeline::Timelines;
use nymtrail::core::proof::Proof;
use nymtrail::core::row::Row;
use nymtrail::core::verify::Report;
use nymtrail_verify::erasures::Erasures;
use nymtrail_verify::report::{self, WhichChain};
pub use nymtrail_verify::report::{Checked, Size, Tail};
use nymtrail_verify::walk::Walk;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::thread;

/// What an input is found to be.
pub enum Input {
    /// Rows.
    Rows(Checked),
    /// The proof of a row.
    Proof(Box<Proof>),
    /// Evidence that what was signed contradicts itself.
    Evidence(Box<Evidence>),
}

/// Checks a file, told apart by its first bytes: a store, a proof, a Parquet file, or else whatever [`forms`] reads. `-` is
/// standard input, never a store; `postgres://…` a table. A proof is only read. Without another key a store is checked with the
/// one beside it.
///
/// # Errors
/// What [`check_rows`] reports; `cannot_read`, `no_rows`; with a store what [`Store::read`] and [`Signer::read`] report; with a
/// proof what [`prove::read`] reports; what [`Table`] and [`parquet_file`] report.
pub fn check_file(path: &Path, receipts: Receipts) -> Result<Input, Failure> {
    check_file_drawing(path, receipts, None)
}

/// [`check_file`] that also fills timelines, if there are any.
///
/// # Errors
/// As [`check_file`].
pub fn check_file_drawing(
    path: &Path,
    receipts: Receipts,
    timelines: Option<&mut Timelines>,
) -> Result<Input, Failure> {
    let checked = if let Some(address) = path.to_str().filter(|path| table::is_address(path)) {
        Input::Rows(check_table(&mut Table::open(address)?, receipts, timelines)?)
    } else if path == Path::new("-") {
        check_input(Source::stream(io::stdin().lock()).with_progress(), receipts, timelines)?
    } else {
        let mut start = Vec::new();
        let mut file = File::open(path).map_err(|_| Code::CannotRead)?;
        file.by_ref().take(16).read_to_end(&mut start).map_err(|_| Code::CannotRead)?;
        if start == b"SQLite format 3\0" {
            let store = Store::read(path)?;
            let mut receipts = receipts;
            receipts.or_key(|| Ok(Signer::read(path, &store.deployment)?.map(|signer| signer.vkey().clone())))?;
            Input::Rows(check_whole_store(&store, receipts, timelines)?)
        } else {
            check_input(Source::of_file(file, start).with_progress(), receipts, timelines)?
        }
    };
    match checked {
        // A check that had nothing to check is not a good one.
        Input::Rows(checked) if checked.report.chains.is_empty() && checked.findings.class().is_none() => {
            Err(Code::NoRows.into())
        }
        checked => Ok(checked),
    }
}

fn check_input(mut source: Source, receipts: Receipts, timelines: Option<&mut Timelines>) -> Result<Input, Failure> {
    let (start, is_proof) = prove::is_proof(&mut source.open()?)?;
    if start.starts_with(parquet_file::MAGIC) {
        let file = source.file()?;
        let read = |_, each: Each| parquet_file::each_row(&file, each);
        check_twice(read, receipts, timelines).map(Input::Rows)
    } else if start.starts_with(evidence::HEADER.as_bytes()) {
        evidence::read(source.open()?).map(|evidence| Input::Evidence(Box::new(evidence)))
    } else if is_proof {
        prove::read(source.open()?).map(|proof| Input::Proof(Box::new(proof)))
    } else {
        check_source(source, receipts, timelines, Sorter::default()).map(Input::Rows)
    }
}

/// Checks rows in any of the [`forms`], in any order, of any number of chains. Those that come sorted are not held; others are
/// sorted first, in files if there are many.
///
/// # Errors
/// What [`forms::each_row`] reports.
pub fn check_rows(input: impl BufRead) -> Result<Checked, Failure> {
    audit_rows(input, Receipts::default())
}

/// [`check_rows`] that also compares them with receipts.
///
/// # Errors
/// What [`forms::each_row`] reports.
pub fn audit_rows(input: impl BufRead, receipts: Receipts) -> Result<Checked, Failure> {
    check_source(Source::stream(input), receipts, None, Sorter::default())
}

fn check_source(
    mut source: Source,
    mut receipts: Receipts,
    mut timelines: Option<&mut Timelines>,
    mut sorter: Sorter,
) -> Result<Checked, Failure> {
    let whole = receipts.is_empty();
    receipts.read_log(None)?;
    // Whoever is to see each row sees them one after the other.
    if whole && receipts.openings.is_empty() && timelines.is_none() {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        match parallel::check(source.unpacked()?, threads) {
            Ok((report, plain)) => {
                // Only a receipt shows that a log of erasures is the operator's.
                let (findings, erasures) = (receipts.audit().finish(), Erasures::unchecked(&report));
                let found = Found { plain, ..Found::default() };
                return Ok(Checked::of(report, findings, erasures, Vec::new(), found));
            }
            Err(Quit::Failed(error)) => return Err(error.into()),
            // Read once more, in the way that takes every form and any order, and says what is wrong with it.
            Err(Quit::Stop) => {}
        }
    }
    let found = forms::each_row(source.unpacked()?, |row| sorter.push(row))?;
    let mut walk = walk(receipts);
    sorter.finish(|row| {
        push(&mut walk, row, &mut timelines);
        Ok(())
    })?;
    Ok(walk.finish(found))
}

/// Takes rows out of what can be read again.
type Each<'a> = &'a mut dyn FnMut(Row) -> Result<(), Failure>;

fn check_table(table: &mut Table, receipts: Receipts, timelines: Option<&mut Timelines>) -> Result<Checked, Failure> {
    let read = |order, each: Each| {
        let plain = table.each_row(order, each)?;
        Ok(Found { plain, ..Found::default() })
    };
    check_twice(read, receipts, timelines)
}

/// Checks rows as they come, and holds none. If they turn out not to be sorted, they are read once more, and sorted here.
fn check_twice(
    mut read: impl FnMut(Order, Each) -> Result<Found, Failure>,
    mut receipts: Receipts,
    mut timelines: Option<&mut Timelines>,
) -> Result<Checked, Failure> {
    receipts.read_log(None)?;
    let fresh = walk(receipts);
    let (mut walk, mut before, mut disordered) = (fresh.clone(), None::<Row>, false);
    let found = read(Order::Sorted, &mut |row| {
        disordered = before.as_ref().is_some_and(|before| row < *before);
        if disordered {
            // Ends the reading; nobody sees it.
            return Err(Code::NoRows.into());
        }
        before = Some(row.clone());
        push(&mut walk, row, &mut timelines);
        Ok(())
    });
    if !disordered {
        return Ok(walk.finish(found?));
    }
    walk = fresh;
    if let Some(timelines) = &mut timelines {
        **timelines = Timelines::default();
    }
    let mut sorter = Sorter::default();
    let found = read(Order::Any, &mut |row| Ok(sorter.push(row)?))?;
    sorter.finish(|row| {
        push(&mut walk, row, &mut timelines);
        Ok(())
    })?;
    Ok(walk.finish(found))
}

/// Checks the chains of a store, row by row, without holding more than one of them.
///
/// # Errors
/// `malformed_row` for a row with numbers that no row can have, `unavailable`.
pub fn check_store(store: &Store) -> Result<Report, Code> {
    walk_store(store, Receipts::default(), None).map(|checked| checked.report)
}

/// [`check_store`] that also compares the rows with the store's checkpoints and with other receipts.
///
/// # Errors
/// As [`check_store`].
pub fn audit_store(store: &Store, receipts: Receipts) -> Result<Checked, Code> {
    check_whole_store(store, receipts, None)
}

fn check_whole_store(
    store: &Store,
    mut receipts: Receipts,
    timelines: Option<&mut Timelines>,
) -> Result<Checked, Code> {
    // Rows and checkpoints of one moment, though a collector goes on writing.
    let moment = store.db().unchecked_transaction()?;
    receipts.of_store(store)?;
    receipts.read_log(Some(store))?;
    let checked = walk_store(store, receipts, timelines)?;
    drop(moment);
    Ok(checked)
}

fn walk_store(store: &Store, receipts: Receipts, mut timelines: Option<&mut Timelines>) -> Result<Checked, Code> {
    let mut walk = walk(receipts).of_store();
    store.each_row(None, |row| {
        push(&mut walk, row, &mut timelines);
        Ok(())
    })?;
    let plain = walk.rows();
    Ok(walk.finish(Found { plain, ..Found::default() }))
}

/// Shows a row to all that look at each, and to the timelines, if there are any.
fn push(walk: &mut Walk, row: Row, timelines: &mut Option<&mut Timelines>) {
    match timelines {
        Some(timelines) => walk.push_with(row, |check, row| timelines.push(check, row)),
        None => walk.push(row),
    }
}

fn walk(mut receipts: Receipts) -> Walk {
    let (keys, openings) = (receipts.keys().to_vec(), std::mem::take(&mut receipts.openings));
    Walk::of(keys, receipts.audit(), openings)
}

/// Compares the chains with the sizes they are known to have had.
///
/// # Errors
/// `which_chain` if a size fits no chain or several.
pub fn missing_tails(report: &Report, sizes: &[Size]) -> Result<Vec<Tail>, Code> {
    report::missing_tails(report, sizes).map_err(|WhichChain| Code::WhichChain)
}

/// The tails that the sizes and the checkpoints say are missing.
///
/// # Errors
/// `which_chain` if a size fits no chain or several.
pub fn all_missing_tails(checked: &Checked, sizes: &[Size]) -> Result<Vec<Tail>, Code> {
    report::all_missing_tails(checked, sizes).map_err(|WhichChain| Code::WhichChain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Findings;
    use crate::report::{to_json, to_text, verdict};
    use nymtrail::core::chain::{Head, NO_HEAD};
    use nymtrail::core::verify::{Class, verify};
    use serde_json::json;

    fn chain(rows: u64) -> Vec<Row> {
        let (mut head, genesis) = Head::open("{}".into(), "0f".repeat(16), &"11".repeat(32), NO_HEAD, 5);
        let mut all = vec![genesis];
        all.extend((1..rows).map(|n| head.append(format!("{{\"n\":\"a|b\",\"q\":{n}}}"), format!("{n:032x}"), n)));
        all
    }

    fn lines(rows: &[Row]) -> String {
        rows.iter().map(|row| row.line() + "\n").collect()
    }

    fn check(text: &str) -> Result<Report, Failure> {
        check_rows(text.as_bytes()).map(|checked| checked.report)
    }

    #[test]
    fn any_order_blank_lines_and_line_ends() {
        let mut rows = chain(5);
        rows.reverse();
        let text = lines(&rows).replace('\n', "\r\n\n  \n");
        assert_eq!(check(&text), Ok(verify(rows)));
        assert_eq!(check(lines(&chain(3)).trim_end()).unwrap().chains[0].rows, 3, "no line end at the end");
    }

    #[test]
    fn a_line_that_is_no_row_is_named() {
        let text = lines(&chain(2)) + "\n{\"chain\":1}\n";
        assert_eq!(check(&text), Err(Failure { code: Code::MalformedRow, line: Some(4) }));
        let failure = check_rows(&b"\n\xff\n"[..]);
        assert_eq!(failure, Err(Failure { code: Code::InvalidUtf8, line: Some(2) }));
    }

    #[test]
    fn bytes_moved_from_the_body_to_the_salt_are_found() {
        let mut rows = chain(4);
        let (salt, body) = (rows[2].salt.clone().unwrap(), rows[2].body.clone().unwrap());
        let (moved, rest) = body.split_once('|').unwrap();
        rows[2].salt = Some(format!("{salt}|{moved}"));
        rows[2].body = Some(rest.into());
        let found = &check(&lines(&rows)).unwrap().chains[0];
        assert_eq!((found.first_bad, found.class), (Some(2), Some(Class::BadLink)));
    }

    #[test]
    fn without_rows_no_level_is_reached() {
        let checked = check_rows(&b"\n\n"[..]).unwrap();
        assert_eq!((checked.report.level, checked.signed), ("chained", false));
    }

    #[test]
    fn sizes() {
        assert_eq!(Size::parse("12"), Ok(Size { chain: None, rows: 12 }));
        assert_eq!(Size::parse("0123abcd=12"), Ok(Size { chain: Some("0123abcd".into()), rows: 12 }));
        for wrong in ["", "x", "-1", "0123abc=1", "0123ABCD=1", "0123abcd="] {
            assert!(Size::parse(wrong).is_err(), "{wrong}");
        }
        let found = Found { plain: 5, ..Found::default() };
        let checked = Checked {
            report: verify(chain(5)),
            findings: Findings::default(),
            erasures: Erasures::default(),
            continuity: Vec::new(),
            found,
            signed: false,
        };
        let report = &checked.report;
        let id = report.chains[0].chain.clone();
        let tails = |chain: Option<&str>, rows| missing_tails(report, &[Size { chain: chain.map(Into::into), rows }]);
        assert_eq!(tails(None, 5), Ok(vec![]));
        assert_eq!(tails(None, 4), Ok(vec![]));
        let two_short = vec![Tail { chain: id.clone(), missing: 2, dropped: false }];
        assert_eq!(tails(None, 7), Ok(two_short.clone()));
        assert_eq!(tails(Some(&id[..8]), 7), Ok(two_short.clone()));
        assert_eq!(tails(Some("00000000"), 7), Err(Code::WhichChain));
        let zeros = "0".repeat(64);
        assert_eq!(tails(Some(&zeros), 7), Ok(vec![Tail { chain: zeros.clone(), missing: 7, dropped: true }]));

        assert_eq!(verdict(&checked, &two_short), "truncated");
        let json = to_json(&checked, &two_short);
        assert_eq!(json["chains"][0]["verdict"], "truncated");
        assert_eq!(json["chains"][0]["missing_tail"], 2);
        let json = to_json(&checked, &tails(Some(&zeros), 7).unwrap());
        assert_eq!((&json["verdict"], &json["chains"][1]["verdict"]), (&json!("dropped"), &json!("dropped")));
        assert!(to_text(&checked, &two_short).contains("TRUNCATED: 2 rows missing at its end"));
    }
}
