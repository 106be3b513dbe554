//! The verifier on files: checks the rows of a store or of an export, compares them with what the collector signed.
//! [`crate::report`] puts the verdict into words or JSON.
//!
//! What holds and what does not is decided by `nymtrail::core::verify`, the code that runs in the browser.

use crate::audit::{self, Audit, Findings, Receipts};
use crate::columns::Found;
use crate::continuity::{Continued, Continuity};
use crate::erasures::{Erasures, Scan};
use crate::error::Code;
use crate::evidence::{self, Evidence};
use crate::forms::{self, Failure};
use crate::keys::Signer;
use crate::parallel::{self, Quit};
use crate::prove;
use crate::sorter::Sorter;
use crate::source::Source;
use crate::store::Store;
use crate::timeline::Timelines;
use nymtrail::core::hex;
use nymtrail::core::note::Vkey;
use nymtrail::core::proof::Proof;
use nymtrail::core::row::Row;
use nymtrail::core::verify::{ChainCheck, ChainVerdict, Report};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::thread;

/// The verdict on an input, and how the rows were found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The verdict on the chains.
    pub report: Report,
    /// What their checkpoints say.
    pub findings: Findings,
    /// What the operator's chain says of the erased rows.
    pub erasures: Erasures,
    /// What the openings show.
    pub continuity: Vec<Continued>,
    /// How many rows there were in which form.
    pub found: Found,
    /// Whether each chain is, to its last row, what its device signed. A chain may be receipted without.
    pub signed: bool,
}

impl Checked {
    fn of(mut report: Report, findings: Findings, erasures: Erasures, openings: Vec<Continuity>, found: Found) -> Self {
        let continuity = openings.into_iter().map(|opening| opening.conclude(&report)).collect();
        let erased_well = erasures.class().is_none() && report.chains.iter().all(|chain| chain.half_erased == 0);
        let checked = findings.class().is_none() && findings.unchecked == 0 && erased_well;
        let reached = |of: fn(&audit::Found, &ChainVerdict) -> bool| {
            let each = |chain: &ChainVerdict| findings.chains.get(&chain.chain).is_some_and(|found| of(found, chain));
            // Of nothing, nothing was checked.
            checked && !report.chains.is_empty() && report.chains.iter().all(each)
        };
        let (signed, receipted) = (reached(audit::Found::is_signed), reached(audit::Found::is_receipted));
        let witnessed = receipted && report.chains.iter().all(|chain| findings.is_witnessed(chain));
        report.level = match (receipted, signed) {
            (true, _) if witnessed => "witnessed",
            (true, _) => "receipted",
            (_, true) => "signed",
            _ => report.level,
        };
        Self { report, findings, erasures, continuity, found, signed }
    }
}

/// What an input is found to be.
pub enum Input {
    /// Rows.
    Rows(Checked),
    /// The proof of a row.
    Proof(Box<Proof>),
    /// Evidence that what was signed contradicts itself.
    Evidence(Box<Evidence>),
}

/// Checks a file, told apart by its first bytes: a store, a proof, or else whatever [`forms`] reads. `-` is standard input,
/// never a store. A proof is only read. Without another key a store is checked with the one beside it.
///
/// # Errors
/// What [`check_rows`] reports; `cannot_read`, `no_rows`; with a store what [`Store::read`] and [`Signer::read`] report; with a
/// proof what [`prove::read`] reports.
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
    let checked = if path == Path::new("-") {
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
    if start.starts_with(evidence::HEADER.as_bytes()) {
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
    timelines: Option<&mut Timelines>,
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
    let mut walk = Walk::new(receipts, timelines, false);
    sorter.finish(|row| {
        walk.push(row);
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

fn walk_store(store: &Store, receipts: Receipts, timelines: Option<&mut Timelines>) -> Result<Checked, Code> {
    let mut walk = Walk::new(receipts, timelines, true);
    store.each_row(None, |row| {
        walk.push(row);
        Ok(())
    })?;
    let plain = walk.rows();
    Ok(walk.finish(Found { plain, ..Found::default() }))
}

/// Checks rows that come sorted, one by one, and shows them to whoever else looks at each.
struct Walk<'a> {
    audit: Audit,
    scan: Scan,
    openings: Vec<Continuity>,
    keys: Vec<Vkey>,
    /// Whether the operator's log of erasures has to be among the rows.
    must_be_logged: bool,
    timelines: Option<&'a mut Timelines>,
    current: Option<ChainCheck>,
    chains: Vec<ChainVerdict>,
}

impl<'a> Walk<'a> {
    fn new(mut receipts: Receipts, timelines: Option<&'a mut Timelines>, must_be_logged: bool) -> Self {
        Self {
            scan: Scan::default(),
            openings: std::mem::take(&mut receipts.openings),
            keys: receipts.keys().to_vec(),
            must_be_logged,
            audit: receipts.audit(),
            timelines,
            current: None,
            chains: Vec::new(),
        }
    }

    fn push(&mut self, row: Row) {
        self.audit.push(&row);
        self.scan.push(&row);
        self.openings.iter_mut().for_each(|opening| opening.push(&row));
        let check = match self.current.take() {
            Some(check) if check.found().chain == row.chain => check,
            other => {
                self.chains.extend(other.map(ChainCheck::finish));
                ChainCheck::new(&row.chain)
            }
        };
        let check = self.current.insert(check);
        match &mut self.timelines {
            Some(timelines) => timelines.push(check, row),
            None => check.push(row),
        }
    }

    /// How many rows there were, duplicates counted once.
    fn rows(&self) -> u64 {
        let current = self.current.as_ref().map(ChainCheck::found);
        self.chains.iter().chain(current).map(|chain| chain.rows).sum()
    }

    fn finish(mut self, found: Found) -> Checked {
        self.chains.extend(self.current.take().map(ChainCheck::finish));
        let (report, findings) = (Report::of(self.chains), self.audit.finish());
        let erasures = self.scan.conclude(&report, &findings, &self.keys, self.must_be_logged);
        Checked::of(report, findings, erasures, self.openings, found)
    }
}

/// How many rows a chain is known to have had, from a receipt or an earlier look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Size {
    /// The chain's id or the beginning of it; `None` is the only chain there is.
    pub chain: Option<String>,
    /// The number of rows.
    pub rows: u64,
}

impl Size {
    /// Reads `N` or `CHAIN=N`, where CHAIN is at least 8 hex digits.
    ///
    /// # Errors
    /// A sentence for the command line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (chain, rows) = match text.split_once('=') {
            Some((chain, rows)) => (Some(chain), rows),
            None => (None, text),
        };
        if chain.is_some_and(|chain| !(8..=64).contains(&chain.len()) || !hex::is_hex(chain, chain.len())) {
            return Err("CHAIN is the chain's id, or at least the first 8 of its hex digits".into());
        }
        let rows = rows.parse().map_err(|_| "a size is a whole number of rows: N or CHAIN=N")?;
        Ok(Self { chain: chain.map(Into::into), rows })
    }
}

/// A chain that is shorter than it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The chain's id.
    pub chain: String,
    /// How many rows are missing at its end.
    pub missing: u64,
    /// Whether it is missing altogether.
    pub dropped: bool,
}

/// Compares the chains with the sizes they are known to have had.
///
/// # Errors
/// `which_chain` if a size fits no chain or several.
pub fn missing_tails(report: &Report, sizes: &[Size]) -> Result<Vec<Tail>, Code> {
    let mut tails = Vec::new();
    for size in sizes {
        let named = size.chain.as_deref().unwrap_or_default();
        let mut fitting = report.chains.iter().filter(|chain| chain.chain.starts_with(named));
        let (chain, top, dropped) = match (fitting.next(), fitting.next()) {
            (Some(chain), None) => (chain.chain.clone(), chain.top, false),
            (None, _) if named.len() == 64 => (named.into(), 0, true),
            _ => return Err(Code::WhichChain),
        };
        if top < size.rows {
            tails.push(Tail { chain, missing: size.rows - top, dropped });
        }
    }
    Ok(tails)
}

/// The chains that are shorter than one of their checkpoints, added to `tails`.
fn add_tails(Checked { report, findings, .. }: &Checked, tails: &mut Vec<Tail>) {
    // There may be hundreds of thousands of chains, so none is looked for in a list.
    let tops: HashMap<&str, u64> = report.chains.iter().map(|chain| (chain.chain.as_str(), chain.top)).collect();
    let known: HashMap<String, usize> = tails.iter().enumerate().map(|(at, tail)| (tail.chain.clone(), at)).collect();
    for (chain, found) in &findings.chains {
        let top = tops.get(chain.as_str()).copied();
        let missing = found.size.saturating_sub(top.unwrap_or(0));
        match known.get(chain).and_then(|at| tails.get_mut(*at)) {
            _ if missing == 0 => {}
            Some(tail) => tail.missing = tail.missing.max(missing),
            None => tails.push(Tail { chain: chain.clone(), missing, dropped: top.is_none() }),
        }
    }
}

/// The tails that the sizes and the checkpoints say are missing.
///
/// # Errors
/// `which_chain` if a size fits no chain or several.
pub fn all_missing_tails(checked: &Checked, sizes: &[Size]) -> Result<Vec<Tail>, Code> {
    let mut tails = missing_tails(&checked.report, sizes)?;
    add_tails(checked, &mut tails);
    Ok(tails)
}

#[cfg(test)]
mod tests {
    use super::*;
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
