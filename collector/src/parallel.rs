//! NDJSON that is sorted, on all cores: the input is cut into pieces at line ends, each checked by itself behind the last row
//! of the piece before, and the verdicts are put together. What is held is a few pieces, whatever the size of the input.

use nymtrail::core::verify::Report;
use nymtrail_verify::ordered::{Ordered, Piece, Pieces, Stop};
use nymtrail_verify::rows;
use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// The size of a piece: 1 MiB, some thousand rows.
const PIECE: usize = 1 << 20;
/// The longest piece: what has no place to be cut in 64 MiB is no export.
const LONGEST: usize = 64 << 20;
/// How many lines back from a piece's end a place to cut is looked for.
const LINES_BACK: usize = 16;

/// Why there is no verdict.
#[derive(Debug)]
pub enum Quit {
    /// It is not what can be checked so.
    Stop,
    /// It can't be read.
    Failed(io::Error),
}

impl From<Stop> for Quit {
    fn from(_: Stop) -> Self {
        Self::Stop
    }
}

impl From<io::Error> for Quit {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// A piece of the input, and the line before it.
struct Job {
    number: usize,
    before: Option<Vec<u8>>,
    text: Vec<u8>,
}

type Done = (usize, Result<(Piece, u64), Stop>);

/// Checks rows that come sorted by chain, seq and link. Gives how many rows there were, too.
///
/// # Errors
/// `Stop` if the input is anything else, and has to be read by [`crate::forms`].
pub fn check(input: impl BufRead, threads: usize) -> Result<(Report, u64), Quit> {
    let mut cutter = Cutter { input, rest: Vec::new(), before: None, number: 0 };
    // Most inputs that are no export say so in their first piece.
    let Some(first) = cutter.next()? else { return Ok((Pieces::default().report(), 0)) };
    let mut order = Order::default();
    order.add((first.number, work(first)))?;
    let (jobs, waiting) = sync_channel(threads);
    let (results, done) = channel();
    let waiting = Mutex::new(waiting);
    thread::scope(|scope| {
        for _ in 0..threads {
            let (waiting, results) = (&waiting, results.clone());
            scope.spawn(move || run(waiting, &results));
        }
        drop(results);
        let mut feed = || {
            while let Some(job) = cutter.next()? {
                // The workers go only when there are no more jobs.
                if jobs.send(job).is_err() {
                    break;
                }
                done.try_iter().try_for_each(|done| order.add(done))?;
            }
            Ok(())
        };
        let fed: Result<(), Quit> = feed();
        drop(jobs);
        fed?;
        done.iter().try_for_each(|done| order.add(done))?;
        Ok((order.pieces.report(), order.rows))
    })
}

fn run(waiting: &Mutex<Receiver<Job>>, results: &Sender<Done>) {
    loop {
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let number = job.number;
        if results.send((number, work(job))).is_err() {
            return;
        }
    }
}

fn work(Job { before, text, .. }: Job) -> Result<(Piece, u64), Stop> {
    let mut ordered = match before {
        Some(line) => Ordered::after(&line).ok_or(Stop::Disorder)?,
        None => Ordered::default(),
    };
    ordered.feed(&text)?;
    let rows = ordered.rows();
    Ok((ordered.finish(), rows))
}

/// Puts the verdicts back into the order of the input.
#[derive(Default)]
struct Order {
    pieces: Pieces,
    early: BTreeMap<usize, (Piece, u64)>,
    next: usize,
    rows: u64,
}

impl Order {
    fn add(&mut self, (number, found): Done) -> Result<(), Quit> {
        self.early.insert(number, found?);
        while let Some((piece, rows)) = self.early.remove(&self.next) {
            self.pieces.add(piece)?;
            self.rows += rows;
            self.next += 1;
        }
        Ok(())
    }
}

/// Cuts the input into pieces, only between rows in different places, so that each piece can be judged by itself.
struct Cutter<R> {
    input: R,
    rest: Vec<u8>,
    before: Option<Vec<u8>>,
    number: usize,
}

impl<R: BufRead> Cutter<R> {
    fn next(&mut self) -> Result<Option<Job>, Quit> {
        let mut text = std::mem::take(&mut self.rest);
        let mut wanted = PIECE;
        loop {
            text.reserve(wanted.saturating_sub(text.len()));
            let mut ended = false;
            while text.len() < wanted && !ended {
                let found = self.input.fill_buf()?;
                let taken = found.len().min(wanted - text.len());
                text.extend_from_slice(found.get(..taken).unwrap_or_default());
                ended = taken == 0;
                self.input.consume(taken);
            }
            let cut = if ended { Some((text.len(), None)) } else { cut(&text) };
            if let Some((end, before)) = cut {
                self.rest = text.split_off(end);
                let job = Job { number: self.number, before: std::mem::replace(&mut self.before, before), text };
                self.number += 1;
                return Ok((!job.text.is_empty()).then_some(job));
            }
            wanted = text.len() + PIECE;
            if wanted > LONGEST {
                return Err(Stop::Disorder.into());
            }
        }
    }
}

/// The last place in a text where it can be cut, and the line before that.
fn cut(text: &[u8]) -> Option<(usize, Option<Vec<u8>>)> {
    let mut ends = memchr::memrchr_iter(b'\n', text).map(|end| end + 1);
    let place = |line: &[u8]| rows::parse(str::from_utf8(line).ok()?.trim());
    let mut after_end = ends.next()?;
    let mut end = ends.next()?;
    for begin in ends.chain([0]).take(LINES_BACK) {
        let before = text.get(begin..end)?;
        if let (Some(last), Some(next)) = (place(before), place(text.get(end..after_end)?))
            && (last.chain != next.chain || last.seq < next.seq)
        {
            return Some((end, Some(before.to_vec())));
        }
        (after_end, end) = (end, begin);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use nymtrail::core::chain::{Head, NO_HEAD};
    use nymtrail::core::row::Row;
    use nymtrail::core::verify::verify;

    /// Some MB of rows.
    fn rows() -> Vec<Row> {
        let mut rows = Vec::new();
        for blind in ["11", "22", "33"] {
            let (mut head, genesis) = Head::open("{}".into(), "0f".repeat(16), &blind.repeat(32), NO_HEAD, 5);
            rows.push(genesis);
            let body = format!("{{\"n\":\"{}\"}}", "long ".repeat(100));
            rows.extend((1..2000).map(|n| head.append(body.clone(), format!("{n:032x}"), n)));
        }
        rows.sort();
        rows
    }

    fn text(rows: &[Row]) -> String {
        rows.iter().map(|row| row.line() + "\n").collect()
    }

    #[test]
    fn pieces_are_put_together_as_if_there_was_one() {
        let honest = rows();
        assert!(text(&honest).len() > 4 * PIECE);
        let mut damaged = honest.clone();
        for at in [3, 1999, 2500, 4321] {
            damaged[at].body = Some("{}".into());
        }
        damaged.remove(700);
        let again = damaged[1234].clone();
        damaged.insert(1234, again);
        damaged[3000].erase();
        for rows in [honest, damaged] {
            for threads in [1, 3] {
                let (report, count) = check(text(&rows).as_bytes(), threads).unwrap();
                assert_eq!((report, count), (verify(rows.clone()), rows.len() as u64));
            }
        }
    }

    #[test]
    fn what_is_not_sorted_is_left_to_others() {
        let mut swapped = rows();
        swapped.swap(3000, 4000);
        let mut twice = rows();
        twice.extend_from_within(..1);
        for rows in [swapped, twice] {
            assert!(matches!(check(text(&rows).as_bytes(), 2), Err(Quit::Stop)));
        }
        let long = text(&rows()) + "{\"event\":1}\n";
        assert!(matches!(check(long.as_bytes(), 2), Err(Quit::Stop)));
        assert_eq!(check(&b""[..], 2).unwrap().1, 0);
    }
}
