//! The verdict on rows, put together, in a word and as JSON. The words are those of docs/VERIFY.md.

use crate::audit::{self, Class, Findings};
use crate::continuity::{Continued, Continuity};
use crate::erasures::Erasures;
use nymtrail::core::hex;
use nymtrail::core::json::{self, Object};
use nymtrail::core::opening::Part;
use nymtrail::core::verify::{ChainCheck, ChainVerdict, Outcome, Report};

/// How many rows were found in which form, and how much held none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Rows with the columns as they are: `chain`, `seq` and so on.
    pub plain: u64,
    /// Rows with the columns named `nt_chain`, `nt_seq` and so on.
    pub named: u64,
    /// Rows in lists of attributes, as OTLP writes them: `{"key":"nt_chain","value":{"stringValue":"…"}}`.
    pub attributes: u64,
    /// Lines without a row, and members of a list without one where other members have one.
    pub without: u64,
}

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
    /// Puts together what was found.
    pub fn of(
        mut report: Report,
        findings: Findings,
        erasures: Erasures,
        openings: Vec<Continuity>,
        found: Found,
    ) -> Self {
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

/// A size fits no chain, or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WhichChain;

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
/// If a size fits no chain or several.
pub fn missing_tails(report: &Report, sizes: &[Size]) -> Result<Vec<Tail>, WhichChain> {
    let mut tails = Vec::new();
    for size in sizes {
        let named = size.chain.as_deref().unwrap_or_default();
        let mut fitting = report.chains.iter().filter(|chain| chain.chain.starts_with(named));
        let (chain, top, dropped) = match (fitting.next(), fitting.next()) {
            (Some(chain), None) => (chain.chain.as_str(), chain.top, false),
            (None, _) if named.len() == 64 => (named, 0, true),
            _ => return Err(WhichChain),
        };
        add_tail(&mut tails, chain, size.rows.saturating_sub(top), dropped);
    }
    Ok(tails)
}

/// Adds a tail to those that are known, which are in order.
fn add_tail(tails: &mut Vec<Tail>, chain: &str, missing: u64, dropped: bool) {
    match tails.binary_search_by(|tail| tail.chain.as_str().cmp(chain)) {
        _ if missing == 0 => {}
        Ok(at) => tails.iter_mut().skip(at).take(1).for_each(|tail| tail.missing = tail.missing.max(missing)),
        Err(at) => tails.insert(at, Tail { chain: chain.into(), missing, dropped }),
    }
}

/// The tails that the sizes and the checkpoints say are missing, in the order of the chains' ids.
///
/// # Errors
/// If a size fits no chain or several.
pub fn all_missing_tails(checked: &Checked, sizes: &[Size]) -> Result<Vec<Tail>, WhichChain> {
    let mut tails = missing_tails(&checked.report, sizes)?;
    for (chain, found) in &checked.findings.chains {
        let top = chain_of(&checked.report, chain).map(|chain| chain.top);
        add_tail(&mut tails, chain, found.size.saturating_sub(top.unwrap_or(0)), top.is_none());
    }
    Ok(tails)
}

/// The chain of this id. There may be hundreds of thousands, so none is looked for one by one: they are in order.
fn chain_of<'a>(report: &'a Report, id: &str) -> Option<&'a ChainVerdict> {
    report.chains.get(report.chains.binary_search_by(|chain| chain.chain.as_str().cmp(id)).ok()?)
}

/// What is missing at the end of the chain of this id.
pub fn tail_of<'a>(tails: &'a [Tail], id: &str) -> Option<&'a Tail> {
    tails.get(tails.binary_search_by(|tail| tail.chain.as_str().cmp(id)).ok()?)
}

/// The word for the verdict on everything: the first of `tampered`, `rewritten`, `dropped`, `truncated`, `forged`, `foreign`,
/// `unproven`, `not_erased`, `discontinuous`, `half_erased`, `unchecked`, `holds` that applies.
pub fn verdict(Checked { report, findings, erasures, continuity, .. }: &Checked, tails: &[Tail]) -> &'static str {
    let class = findings.class();
    if report.verdict == Outcome::Tampered {
        "tampered"
    } else if class == Some(Class::Rewritten) {
        "rewritten"
    } else if tails.iter().any(|tail| tail.dropped) {
        "dropped"
    } else if !tails.is_empty() {
        "truncated"
    } else if let Some(class) = class {
        class.as_str()
    } else if let Some(class) = erasures.class() {
        class
    } else if continuity.iter().any(|continued| continued.verdict() == Part::Broken) {
        "discontinuous"
    } else if report.chains.iter().any(|chain| chain.half_erased > 0) {
        "half_erased"
    } else if findings.unchecked > 0 || continuity.iter().any(|continued| continued.verdict() == Part::Unchecked) {
        "unchecked"
    } else {
        "holds"
    }
}

/// Appends a number, or null.
pub(crate) fn number(out: &mut Object, name: &str, value: Option<u64>) {
    match value {
        Some(value) => out.number(name, value),
        None => out.raw(name, "null"),
    };
}

/// Appends a word, or null.
fn word(out: &mut Object, name: &str, value: Option<&str>) {
    match value {
        Some(value) => out.text(name, value),
        None => out.raw(name, "null"),
    };
}

/// JSON values as a list.
fn list(items: impl IntoIterator<Item = String>) -> String {
    let mut out = String::new();
    for item in items {
        out.push(if out.is_empty() { '[' } else { ',' });
        out.push_str(&item);
    }
    out.push_str(if out.is_empty() { "[]" } else { "]" });
    out
}

fn string(text: &str) -> String {
    let mut out = String::new();
    json::write_text(text, &mut out);
    out
}

/// The verdict as JSON: that on each chain, with what the checkpoints say of it, `missing_tail` of those that are too
/// short, the chains that are missing, and how the rows were found.
pub fn to_json(checked: &Checked, tails: &[Tail]) -> String {
    let Checked { report, findings, continuity, found, signed, .. } = checked;
    let mut gone: Vec<&str> = Vec::new();
    for chain in findings.chains.keys().chain(tails.iter().map(|tail| &tail.chain)) {
        if let (None, Err(at)) = (chain_of(report, chain), gone.binary_search(&chain.as_str())) {
            gone.insert(at, chain);
        }
    }
    let gone: Vec<_> = gone.into_iter().map(|chain| ChainCheck::new(chain).finish()).collect();
    let chains = report.chains.iter().chain(&gone);
    let chains = chains.map(|chain| chain_json(checked, chain, tail_of(tails, &chain.chain)));
    let mut out = Object::default();
    out.raw("chains", &list(chains));
    if !continuity.is_empty() {
        out.raw("continuity", &list(continuity.iter().map(Continued::json)));
    }
    let audit::LogFound { size, signed: is_log_signed, witnesses, needed, class } =
        findings.log.clone().unwrap_or_default();
    let mut forms = Object::default();
    forms.number("attributes", found.attributes).number("named", found.named).number("plain", found.plain);
    out.raw("found", &forms.number("without", found.without).finish()).text("level", report.level);
    if findings.log.is_some() {
        let mut log = Object::default();
        word(&mut log, "class", class.map(Class::as_str));
        log.number("needed", needed as u64).raw("signed", if is_log_signed { "true" } else { "false" });
        out.raw("log", &log.number("size", size).number("witnesses", witnesses as u64).finish());
    }
    out.raw("signed", if *signed { "true" } else { "false" }).number("unchecked", findings.unchecked);
    out.text("verdict", verdict(checked, tails)).finish()
}

fn chain_json(checked: &Checked, chain: &ChainVerdict, tail: Option<&Tail>) -> String {
    let Checked { findings, erasures, .. } = checked;
    let (said, erased) = (findings.chains.get(&chain.chain), erasures.chains.get(&chain.chain));
    let mut out = Object::default();
    out.number("bad_link", chain.bad_link).text("chain", &chain.chain);
    if let Some(said) = said {
        out.raw("checkpoints", &checkpoints_json(said));
    }
    word(&mut out, "class", chain.class.map(|class| class.as_str()));
    out.number("erased", chain.erased);
    if let Some(erased) = erased {
        out.raw("erasures", &erased.json());
    }
    number(&mut out, "first_bad", chain.first_bad);
    out.number("forks", chain.forks).number("gaps", chain.gaps).number("half_erased", chain.half_erased);
    if let Some(said) = said {
        let level = match (said.is_receipted(chain), said.is_signed(chain)) {
            (true, _) if findings.is_witnessed(chain) => "witnessed",
            (true, _) => "receipted",
            (_, true) => "signed",
            _ => "chained",
        };
        out.text("level", level);
    }
    if let Some(tail) = tail {
        out.number("missing_tail", tail.missing);
    }
    out.number("no_genesis", chain.no_genesis).number("rows", chain.rows).number("time_back", chain.time_back);
    let verdict = match (said.and_then(|said| said.class), tail, erased) {
        _ if chain.verdict != Outcome::Holds => chain.verdict.as_str(),
        (Some(Class::Rewritten), ..) => "rewritten",
        (_, Some(tail), _) if tail.dropped => "dropped",
        (_, Some(_), _) => "truncated",
        (Some(class), ..) => class.as_str(),
        (.., Some(erased)) if erased.unproven > 0 => "unproven",
        (.., Some(erased)) if erased.not_erased > 0 => "not_erased",
        _ => "holds",
    };
    out.number("top", chain.top).text("verdict", verdict).finish()
}

fn checkpoints_json(said: &audit::Found) -> String {
    let (size, time) = said.receipted.unzip();
    let mut out = Object::default();
    number(&mut out, "at", said.at);
    word(&mut out, "class", said.class.map(Class::as_str));
    out.number("count", said.checkpoints);
    if let Some(notes) = &said.evidence {
        out.raw("evidence", &list(notes.iter().map(|note| string(note))));
    }
    out.number("keyless", said.keyless);
    number(&mut out, "logged", said.logged);
    number(&mut out, "receipted", size);
    number(&mut out, "signed", said.signed);
    number(&mut out, "signed_at", time);
    out.number("unchecked", said.unchecked).finish()
}
