//! Rows that come ordered: each chain in one piece, by seq and link. So an export is written.
//!
//! Most rows follow at once from the one before: these are checked as bytes, many at once, since what a link is made of does not
//! wait for the link before to be checked. All others go to [`ChainCheck`], which has the last word on what is wrong with them.

use crate::hashes::Messages;
use crate::line::{self, Columns};
use crate::rows;
use nymtrail::core::hex;
use nymtrail::core::row::Row;
use nymtrail::core::verify::{ChainCheck, ChainVerdict, Report};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// How many rows are read before they are hashed together.
const AHEAD: usize = 64;
/// They are no more than it takes to have so many bytes to hash.
const AHEAD_BYTES: usize = 64 << 10;

/// Why no verdict can be reached in this way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The rows are not ordered. They may hold nevertheless.
    Disorder,
    /// This line, from 1, is no row.
    NoRow(u64),
    /// This line, from 1, is not UTF-8.
    NoText(u64),
}

/// The last row, as it came.
#[derive(Clone, Debug)]
enum Last {
    Line(Vec<u8>),
    Row(Row),
}

/// A chain of which more rows may follow.
#[derive(Clone, Debug)]
struct Walk {
    found: ChainVerdict,
    last: Last,
    chain: [u8; 64],
    seq: u64,
    t: u64,
    link: [u8; 64],
}

impl Walk {
    fn at(found: ChainVerdict, last: Row) -> Self {
        // No column that is read as bytes is zeros, so then it is read as text.
        let bytes = |text: &str| {
            let bytes: Option<[u8; 64]> = text.as_bytes().try_into().ok();
            bytes.filter(|_| hex::is_hex(text, 64)).unwrap_or([0; 64])
        };
        let (chain, link) = (bytes(&last.chain), bytes(&last.link));
        Self { found, chain, link, seq: last.seq, t: last.t, last: Last::Row(last) }
    }

    /// Takes a row that follows from the one before.
    fn take(&mut self, columns: &Columns) {
        self.found.rows += 1;
        self.found.top = columns.seq + 1;
        self.found.erased += u64::from(columns.erased.is_some());
        (self.seq, self.t, self.link) = (columns.seq, columns.t, *columns.link);
    }

    fn last(&mut self) -> Option<Row> {
        match &self.last {
            Last::Line(line) => rows::parse(str::from_utf8(line).ok()?.trim()),
            Last::Row(row) => Some(row.clone()),
        }
    }
}

/// What is hashed of rows that may follow from the one before.
#[derive(Clone, Debug, Default)]
struct Ahead {
    bodies: Messages,
    commitments: Vec<[u8; 64]>,
    links: Messages,
    found: Vec<[u8; 64]>,
    /// How many rows are read next: all over again after one that does not follow, as those behind it were hashed in vain.
    most: usize,
}

impl Ahead {
    /// Reads rows that stand where rows that follow have to, each with its line.
    fn read<'a>(&mut self, text: &'a [u8], walk: &Walk, rows: &mut Vec<(Columns<'a>, &'a [u8])>) {
        self.bodies.truncate(0);
        let (mut rest, mut seq, mut t, mut bodies) = (text, walk.seq, walk.t, 0);
        let is_known = walk.link != [0; 64];
        while is_known && rows.len() < self.most.max(1) && self.bodies.length() < AHEAD_BYTES {
            let Some((columns, end)) = line::read(rest, &walk.chain, &mut self.bodies) else { break };
            if *columns.chain != walk.chain || columns.seq != seq + 1 || columns.t < t || columns.gprev.is_some() {
                break;
            }
            bodies += usize::from(columns.erased.is_none());
            (seq, t) = (columns.seq, columns.t);
            let (line, behind) = rest.split_at_checked(end).unwrap_or_default();
            rows.push((columns, line));
            rest = behind;
        }
        // The message of a row that is none of them.
        self.bodies.truncate(bodies);
    }

    /// How many of these rows follow, each from the one before it, before one does not.
    fn judge(&mut self, walk: &Walk, rows: &[(Columns, &[u8])]) -> usize {
        self.bodies.hash(&mut self.commitments);
        self.links.truncate(0);
        let (mut prev, mut commitments) = (&walk.link, self.commitments.iter());
        for (columns, _) in rows {
            let Some(commitment) = columns.erased.or_else(|| commitments.next()) else { break };
            let [seq, t] = columns.digits;
            self.links.link(seq, t, prev, commitment);
            prev = columns.link;
        }
        self.links.hash(&mut self.found);
        let good = rows.iter().zip(&self.found).take_while(|((columns, _), found)| columns.link == *found).count();
        self.most = if good < rows.len() { 1 } else { (2 * self.most.max(1)).min(AHEAD) };
        good
    }
}

/// Checks rows that come ordered.
#[derive(Clone, Debug, Default)]
pub struct Ordered {
    ahead: Ahead,
    walk: Option<Walk>,
    /// Whether the first chain is one whose beginning was checked elsewhere.
    goes_on: bool,
    done: Vec<ChainVerdict>,
    lines: u64,
    rows: u64,
}

/// What was found in a piece of the input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// The verdicts, in the order of the input.
    pub chains: Vec<ChainVerdict>,
    /// Whether the first of them is on the rows that follow those of the last one of the piece before.
    pub goes_on: bool,
}

impl Ordered {
    /// Begins behind the row in this line. `None` if it is none.
    pub fn after(line: &[u8]) -> Option<Self> {
        let last = rows::parse(str::from_utf8(line).ok()?.trim())?;
        let found = ChainCheck::new(&last.chain).finish();
        Some(Self { walk: Some(Walk::at(found, last)), goes_on: true, ..Self::default() })
    }

    /// Takes rows, one a line. All lines are whole; only the very last one of an input may lack its line end.
    ///
    /// # Errors
    /// Why the rows can't be checked so; nothing is found out then.
    pub fn feed(&mut self, text: &[u8]) -> Result<(), Stop> {
        let (mut rest, mut last) = (text, None);
        let mut rows = Vec::with_capacity(AHEAD);
        while !rest.is_empty() {
            if let Some(walk) = &mut self.walk {
                rows.clear();
                self.ahead.read(rest, walk, &mut rows);
                let good = self.ahead.judge(walk, &rows);
                for (columns, line) in rows.iter().take(good) {
                    walk.take(columns);
                    last = Some(*line);
                    rest = rest.get(line.len()..).unwrap_or_default();
                }
                self.lines += good as u64;
                self.rows += good as u64;
                if good > 0 && good == rows.len() {
                    continue;
                }
            }
            self.keep(last.take());
            self.lines += 1;
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            let (line, behind) = rest.split_at_checked(end).unwrap_or_default();
            rest = behind;
            self.line(line)?;
        }
        self.keep(last);
        Ok(())
    }

    /// Keeps the last row that was read as bytes, before the bytes go.
    fn keep(&mut self, line: Option<&[u8]>) {
        if let (Some(line), Some(walk)) = (line, &mut self.walk) {
            match &mut walk.last {
                Last::Line(kept) => {
                    kept.clear();
                    kept.extend_from_slice(line);
                }
                last => *last = Last::Line(line.into()),
            }
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Stop> {
        let line = if self.lines == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
        let text = str::from_utf8(line).map_err(|_| Stop::NoText(self.lines))?.trim();
        if text.is_empty() {
            return Ok(());
        }
        self.push(rows::parse(text).ok_or(Stop::NoRow(self.lines))?)
    }

    /// Takes a row.
    ///
    /// # Errors
    /// `Disorder`.
    pub fn push(&mut self, row: Row) -> Result<(), Stop> {
        self.rows += 1;
        let check = match self.walk.take() {
            Some(mut walk) if walk.found.chain == row.chain => {
                let last = walk.last().ok_or(Stop::Disorder)?;
                match (row.seq, &row.link).cmp(&(last.seq, &last.link)) {
                    Ordering::Greater => {}
                    Ordering::Equal if row == last => {
                        self.walk = Some(walk);
                        return Ok(());
                    }
                    // Of rows with the same link but other columns, which comes first matters.
                    _ => return Err(Stop::Disorder),
                }
                Some(ChainCheck::resume(walk.found, last))
            }
            before => {
                self.leave(before);
                None
            }
        };
        let mut check = check.unwrap_or_else(|| ChainCheck::new(&row.chain));
        check.push(row);
        let (found, last) = check.split();
        self.walk = last.map(|last| Walk::at(found, last));
        Ok(())
    }

    fn leave(&mut self, walk: Option<Walk>) {
        self.done.extend(walk.map(|walk| walk.found));
    }

    /// How many lines were taken.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// How many rows were taken, duplicates among them.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// What was found so far of chains that are through, which is forgotten here.
    pub fn take(&mut self) -> Piece {
        let chains = std::mem::take(&mut self.done);
        let goes_on = self.goes_on && !chains.is_empty();
        self.goes_on &= chains.is_empty();
        Piece { chains, goes_on }
    }

    /// What was found in the rest.
    pub fn finish(mut self) -> Piece {
        let walk = self.walk.take();
        self.leave(walk);
        self.take()
    }
}

/// Puts the pieces of an input together.
#[derive(Clone, Debug, Default)]
pub struct Pieces {
    done: BTreeMap<String, ChainVerdict>,
    open: Option<ChainVerdict>,
}

impl Pieces {
    /// Takes the next piece.
    ///
    /// # Errors
    /// `Disorder` if a chain comes a second time.
    pub fn add(&mut self, Piece { chains, goes_on }: Piece) -> Result<(), Stop> {
        for (at, next) in chains.into_iter().enumerate() {
            match &mut self.open {
                Some(open) if at == 0 && goes_on => open.join(&next),
                _ => {
                    self.close();
                    if self.done.contains_key(&next.chain) {
                        return Err(Stop::Disorder);
                    }
                    self.open = Some(next);
                }
            }
        }
        Ok(())
    }

    fn close(&mut self) {
        self.done.extend(self.open.take().map(|chain| (chain.chain.clone(), chain)));
    }

    /// The verdict on all of them.
    pub fn report(mut self) -> Report {
        self.close();
        Report::of(self.done.into_values().collect())
    }
}
