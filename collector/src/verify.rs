//! The verifier on files: checks the rows of a store or of an export, and puts the verdict into words or JSON.
//!
//! What holds and what does not is decided by `nymtrail::core::verify`, the code that runs in the browser.

use crate::columns::{Finds, Found};
use crate::error::Code;
use crate::forms::{self, Failure};
use crate::store::Store;
use nymtrail::core::hex;
use nymtrail::core::verify::{ChainCheck, ChainVerdict, Class, Outcome, Report, verify};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// The verdict on an input, and how the rows were found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The verdict.
    pub report: Report,
    /// How many rows there were in which form.
    pub found: Found,
}

/// Checks a file, told apart by its first bytes: a store, or else whatever [`forms`] reads. `-` is standard input, never
/// a store.
///
/// # Errors
/// What [`check_rows`] reports; `cannot_read`, `no_rows`; with a store what [`Store::read`] reports.
pub fn check_file(path: &Path) -> Result<Checked, Failure> {
    let checked = if path == Path::new("-") {
        check_rows(io::stdin().lock())?
    } else {
        let mut start = Vec::new();
        let file = File::open(path).map_err(|_| Code::CannotRead)?;
        file.take(16).read_to_end(&mut start).map_err(|_| Code::CannotRead)?;
        if start == b"SQLite format 3\0" {
            let report = check_store(&Store::read(path)?)?;
            let plain = report.chains.iter().map(|chain| chain.rows).sum();
            Checked { report, found: Found { plain, ..Found::default() } }
        } else {
            check_rows(BufReader::new(File::open(path).map_err(|_| Code::CannotRead)?))?
        }
    };
    // A check that had nothing to check is not a good one.
    if checked.report.chains.is_empty() { Err(Code::NoRows.into()) } else { Ok(checked) }
}

/// Checks rows in any of the [`forms`], in any order, of any number of chains. All are held in memory until the end,
/// because the order is any.
///
/// # Errors
/// What [`forms::read_rows`] reports.
pub fn check_rows(input: impl BufRead) -> Result<Checked, Failure> {
    let Finds { rows, found, .. } = forms::read_rows(input)?;
    Ok(Checked { report: verify(rows), found })
}

/// Checks a store, row by row, without holding more than one of them.
///
/// # Errors
/// `malformed_row` for a row with numbers that no row can have, `unavailable`.
pub fn check_store(store: &Store) -> Result<Report, Code> {
    let mut chains = Vec::new();
    let mut current: Option<(String, ChainCheck)> = None;
    store.each_row(None, |row| {
        if current.as_ref().is_none_or(|(chain, _)| *chain != row.chain) {
            let next = (row.chain.clone(), ChainCheck::new(&row.chain));
            chains.extend(current.replace(next).map(|(_, check)| check.finish()));
        }
        if let Some((_, check)) = &mut current {
            check.push(row);
        }
        Ok(())
    })?;
    chains.extend(current.map(|(_, check)| check.finish()));
    Ok(Report::of(chains))
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

/// The word for the verdict on everything: the first of `tampered`, `dropped`, `truncated`, `holds` that applies.
pub fn verdict(report: &Report, tails: &[Tail]) -> &'static str {
    if report.verdict == Outcome::Tampered {
        "tampered"
    } else if tails.iter().any(|tail| tail.dropped) {
        "dropped"
    } else if !tails.is_empty() {
        "truncated"
    } else {
        "holds"
    }
}

/// The verdict as JSON: the library's own, with `verdict` and `missing_tail` of the chains that are too short, the
/// chains that are missing, and how the rows were found.
pub fn to_json(Checked { report, found }: &Checked, tails: &[Tail]) -> Value {
    let dropped = tails.iter().filter(|tail| tail.dropped).map(|tail| ChainCheck::new(&tail.chain).finish());
    let all = Report { chains: report.chains.iter().cloned().chain(dropped).collect(), ..report.clone() };
    let mut value: Value = serde_json::from_str(&all.json()).unwrap_or_default();
    value["verdict"] = verdict(report, tails).into();
    let Found { plain, named, attributes, without } = found;
    value["found"] = json!({"plain": plain, "named": named, "attributes": attributes, "without": without});
    for chain in value["chains"].as_array_mut().into_iter().flatten() {
        let Some(tail) = tails.iter().find(|tail| chain["chain"] == tail.chain.as_str()) else { continue };
        chain["missing_tail"] = tail.missing.into();
        if chain["verdict"] == "holds" {
            chain["verdict"] = if tail.dropped { "dropped" } else { "truncated" }.into();
        }
    }
    value
}

/// The verdict in words: two lines a chain, then a summary.
pub fn to_text(Checked { report, found }: &Checked, tails: &[Tail]) -> String {
    let mut out = String::new();
    for chain in &report.chains {
        // Writing to a String can't fail.
        let _ = writeln!(out, "chain {}\n  {}", chain.chain, chain_in_words(chain));
        if let Some(tail) = tails.iter().find(|tail| tail.chain == chain.chain) {
            let _ = writeln!(out, "  TRUNCATED: {} missing at its end", count(tail.missing, "row"));
        }
    }
    for tail in tails.iter().filter(|tail| tail.dropped) {
        let rows = count(tail.missing, "row");
        let _ = writeln!(out, "chain {}\n  DROPPED: none of its {rows} is here", tail.chain);
    }
    let rows = report.chains.iter().map(|chain| chain.rows).sum();
    let bad = report.chains.iter().filter(|chain| chain.verdict == Outcome::Tampered).count() as u64;
    let _ = write!(
        out,
        "\n{}, {}: {}",
        count(report.chains.len() as u64, "chain"),
        count(rows, "row"),
        verdict(report, tails)
    );
    if bad > 0 {
        let _ = write!(out, " ({} of them)", count(bad, "chain"));
    }
    let _ = writeln!(
        out,
        ".\nChecked at the level `{}`: is every row as it was linked, is none missing between two others. It can't show\n\
         rows missing at the end of a chain (--expect-size can), or chains made up or dropped as a whole.",
        report.level
    );
    out.push_str(&found_in_words(found));
    out
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
pub const fn class_in_words(class: Class) -> &'static str {
    match class {
        Class::NoGenesis => "the chain does not begin with its first row, or its id is not that row's link",
        Class::Gap => "rows are missing before this one",
        Class::Fork => "two different rows claim this place",
        Class::BadLink => "this row was edited, moved or inserted after it was linked",
        Class::TimeBack => "its time is earlier than that of the row before",
    }
}

fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nymtrail::core::chain::{Head, NO_HEAD};
    use nymtrail::core::row::Row;
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
        let checked = Checked { report: verify(chain(5)), found: Found { plain: 5, ..Found::default() } };
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

        assert_eq!(verdict(report, &two_short), "truncated");
        let json = to_json(&checked, &two_short);
        assert_eq!(json["chains"][0]["verdict"], "truncated");
        assert_eq!(json["chains"][0]["missing_tail"], 2);
        let json = to_json(&checked, &tails(Some(&zeros), 7).unwrap());
        assert_eq!((&json["verdict"], &json["chains"][1]["verdict"]), (&json!("dropped"), &json!("dropped")));
        assert!(to_text(&checked, &two_short).contains("TRUNCATED: 2 rows missing at its end"));
    }
}
