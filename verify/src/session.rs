//! One verification, from pieces of NDJSON to a verdict.

use crate::audit::{Findings, Known};
use crate::continuity::Continuity;
use crate::erasures::Erasures;
use crate::ordered::{Ordered, Pieces, Stop};
use crate::report::{Checked, Found};
use crate::rows;
use crate::signing::Ask;
use crate::walk::Walk;
use nymtrail::core::row::Row;

/// The longest line that is held: 16 MiB, as the command line has it. An event has at most 16 KiB.
const MAX_LINE: usize = 1 << 24;

/// A verification.
#[derive(Debug, Default)]
pub struct Session {
    ordered: Ordered,
    pieces: Pieces,
    /// The rows so far, if they come in any order.
    rows: Option<Vec<Row>>,
    /// Who looks at each row, if there is something to compare them with, and the row before.
    walk: Option<(Walk, Option<Row>)>,
    lines: u64,
    /// How many rows there were, duplicates among them.
    count: u64,
    /// The beginning of a line whose end is still to come.
    begun: Vec<u8>,
}

impl Session {
    /// For rows that come ordered, of which none is held; or, with `any_order`, for all, which are held until the end.
    pub fn new(any_order: bool) -> Self {
        Self { rows: any_order.then(Vec::new), ..Self::default() }
    }

    /// Compares the rows with this as well. To be said before the first of them comes.
    pub fn compare(&mut self, known: Known, openings: Vec<Continuity>) {
        if !known.is_empty() || !openings.is_empty() {
            self.walk = Some((Walk::new(known, openings), None));
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// Why no verdict can be reached; `Disorder` only without `any_order`.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let Some(end) = memchr::memrchr(b'\n', bytes) else { return self.begin(bytes) };
        let (whole, rest) = bytes.split_at_checked(end + 1).unwrap_or_default();
        let whole = if self.begun.is_empty() {
            whole
        } else {
            let end = memchr::memchr(b'\n', whole).map_or(0, |end| end + 1);
            let (first, others) = whole.split_at_checked(end).unwrap_or_default();
            self.begin(first)?;
            let begun = std::mem::take(&mut self.begun);
            self.lines(&begun)?;
            others
        };
        self.lines(whole)?;
        self.begin(rest)
    }

    fn begin(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.begun.extend_from_slice(bytes);
        if self.begun.len() > MAX_LINE { Err(Stop::NoRow(self.line() + 1)) } else { Ok(()) }
    }

    fn lines(&mut self, text: &[u8]) -> Result<(), Stop> {
        if self.rows.is_none() && self.walk.is_none() {
            let fed = self.ordered.feed(text);
            self.pieces.add(self.ordered.take())?;
            return fed;
        }
        let mut rest = text;
        while !rest.is_empty() {
            self.lines += 1;
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            let (line, behind) = rest.split_at_checked(end).unwrap_or_default();
            rest = behind;
            let line = if self.lines == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
            let text = str::from_utf8(line).map_err(|_| Stop::NoText(self.lines))?.trim();
            if !text.is_empty() {
                self.row(rows::parse(text).ok_or(Stop::NoRow(self.lines))?)?;
            }
        }
        Ok(())
    }

    fn row(&mut self, row: Row) -> Result<(), Stop> {
        self.count += 1;
        match (&mut self.rows, &mut self.walk) {
            (Some(rows), _) => rows.push(row),
            (None, Some((_, Some(before)))) if row < *before => return Err(Stop::Disorder),
            (None, Some((walk, before))) => {
                walk.push(row.clone());
                *before = Some(row);
            }
            (None, None) => {}
        }
        Ok(())
    }

    fn line(&self) -> u64 {
        self.lines.max(self.ordered.lines())
    }

    /// Takes the end of the input.
    ///
    /// # Errors
    /// As [`Session::feed`].
    pub fn end(&mut self) -> Result<(), Stop> {
        let rest = std::mem::take(&mut self.begun);
        self.lines(&rest)?;
        if let Some(mut rows) = self.rows.take() {
            rows.sort_unstable();
            let (walk, _) = self.walk.get_or_insert_default();
            rows.into_iter().for_each(|row| walk.push(row));
        }
        Ok(())
    }

    /// Which signatures somebody else has to check, after [`Session::end`].
    pub fn asks(&mut self) -> &[Ask] {
        self.walk.as_mut().map_or(&[], |(walk, _)| walk.asks())
    }

    /// The verdict on all rows, with the answers to [`Session::asks`].
    ///
    /// # Errors
    /// As [`Session::feed`].
    pub fn finish(mut self, answers: &[bool]) -> Result<Checked, Stop> {
        let found = Found { plain: self.count + self.ordered.rows(), ..Found::default() };
        if let Some((walk, _)) = self.walk {
            return Ok(walk.finish_with(answers, found));
        }
        self.pieces.add(self.ordered.finish())?;
        let report = self.pieces.report();
        // Only a receipt shows that a log of erasures is the operator's.
        let erasures = Erasures::unchecked(&report);
        Ok(Checked::of(report, Findings::default(), erasures, Vec::new(), found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nymtrail::core::chain::{Head, NO_HEAD};
    use nymtrail::core::verify::{Report, verify};
    use proptest::prelude::*;

    fn chains() -> Vec<Row> {
        let mut rows = Vec::new();
        for blind in ["11", "22", "33"] {
            let (mut head, genesis) = Head::open(r#"{"v":1}"#.into(), "0f".repeat(16), &blind.repeat(32), NO_HEAD, 5);
            rows.push(genesis);
            rows.extend((1..9).map(|n| head.append(format!(r#"{{"n":"a|\\b{n}"}}"#), format!("{n:032x}"), 5 + n)));
        }
        rows.sort();
        rows
    }

    fn finish(mut session: Session) -> Result<(Report, u64), Stop> {
        session.end()?;
        assert_eq!(session.asks(), []);
        let checked = session.finish(&[])?;
        Ok((checked.report, checked.found.plain))
    }

    fn ordered(text: &[u8], pieces: usize) -> Result<(Report, u64), Stop> {
        let mut session = Session::new(false);
        text.chunks(pieces.max(1)).try_for_each(|piece| session.feed(piece))?;
        finish(session)
    }

    /// The input cut at line ends, each piece checked by itself, as threads do.
    fn apart(text: &[u8], cuts: &[usize]) -> Result<Report, Stop> {
        let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        let mut all = Pieces::default();
        let place = |line: &[u8]| rows::parse(str::from_utf8(line).ok()?.trim()).map(|row| (row.chain, row.seq));
        let mut from = 0;
        for to in (1..=lines.len()).filter(|at| {
            *at == lines.len()
                || cuts.contains(at) && {
                    let (before, after) = (place(lines[at - 1]), place(lines[*at]));
                    matches!((before, after), (Some(before), Some(after)) if before.0 != after.0 || before.1 < after.1)
                }
        }) {
            let mut ordered =
                if from == 0 { Ordered::default() } else { Ordered::after(lines[from - 1]).ok_or(Stop::Disorder)? };
            ordered.feed(&lines[from..to].concat())?;
            all.add(ordered.finish())?;
            from = to;
        }
        Ok(all.report())
    }

    #[derive(Clone, Debug)]
    enum Damage {
        Byte(usize, usize, u8),
        Drop(usize),
        Copy(usize, usize),
        Swap(usize, usize),
        Erase(usize, bool),
        Copied(usize, u8),
        Text(usize, u8),
    }

    fn damage() -> impl Strategy<Value = Damage> {
        prop_oneof![
            (0..99usize, 0..999usize, any::<u8>()).prop_map(|(row, at, byte)| Damage::Byte(row, at, byte)),
            (0..99usize).prop_map(Damage::Drop),
            (0..99usize, 0..99usize).prop_map(|(from, to)| Damage::Copy(from, to)),
            (0..99usize, 0..99usize).prop_map(|(one, other)| Damage::Swap(one, other)),
            (0..99usize, any::<bool>()).prop_map(|(row, half)| Damage::Erase(row, half)),
            (0..99usize, 0..6u8).prop_map(|(row, how)| Damage::Copied(row, how)),
            (0..99usize, 0..5u8).prop_map(|(row, how)| Damage::Text(row, how)),
        ]
    }

    /// Lines of rows with this damage.
    fn damaged(damages: &[Damage], sorted: bool) -> Vec<u8> {
        let mut rows = chains();
        for damage in damages {
            let length = rows.len().max(1);
            match damage {
                Damage::Drop(at) => drop(rows.remove(at % length)),
                Damage::Copy(from, to) => rows.insert(to % length, rows[from % length].clone()),
                Damage::Swap(one, other) => rows.swap(one % length, other % length),
                Damage::Erase(at, half) => {
                    let row = &mut rows[at % length];
                    let salt = row.salt.clone().filter(|_| *half);
                    row.erase();
                    row.salt = salt;
                }
                Damage::Copied(at, how) => {
                    let mut row = rows[at % length].clone();
                    match how {
                        0 => row.t += 1,
                        1 => row.body = Some("{}".into()),
                        2 => row.link = "0".repeat(64),
                        3 => row.erase(),
                        4 => row.seq += 1,
                        _ => row.gprev = None,
                    }
                    rows.insert(at % length + usize::from(how % 2 == 1), row);
                }
                _ => {}
            }
            if rows.is_empty() {
                rows = chains();
            }
        }
        if sorted {
            rows.sort();
        }
        let mut lines: Vec<Vec<u8>> = rows.iter().map(|row| (row.line() + "\n").into_bytes()).collect();
        for damage in damages {
            let length = lines.len();
            match damage {
                Damage::Byte(row, at, byte) => {
                    let line = &mut lines[row % length];
                    let at = at % line.len();
                    line[at] = *byte;
                }
                Damage::Text(row, how) => {
                    let line = &mut lines[row % length];
                    let text = String::from_utf8(line.clone()).unwrap_or_default();
                    *line = match how {
                        0 => text.replace('\n', "\r\n"),
                        1 => format!("\n  {text}"),
                        2 => text.replace(',', ", "),
                        3 => text.replace("\"t\":", "\"bc\":null,\"t\":"),
                        _ => text.replace('a', "\\u0061"),
                    }
                    .into_bytes();
                }
                _ => {}
            }
        }
        lines.concat()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn the_fast_way_finds_what_the_slow_one_finds(
            damages in proptest::collection::vec(damage(), 0..4), sorted: bool, pieces in 1..5000usize,
            cuts in proptest::collection::vec(1..30usize, 0..4),
        ) {
            let text = damaged(&damages, sorted);
            let mut slow = Session::new(true);
            let slow = slow.feed(&text).and_then(|()| finish(slow));
            match ordered(&text, pieces) {
                Err(Stop::Disorder) => {}
                other => prop_assert_eq!(&other, &slow),
            }
            match (apart(&text, &cuts), slow) {
                (Ok(report), slow) => prop_assert_eq!(Ok(report), slow.map(|(report, _)| report)),
                (Err(stop), Ok(_)) => prop_assert_eq!(stop, Stop::Disorder),
                (Err(_), Err(_)) => {}
            }
        }
    }

    #[test]
    fn what_an_export_holds_is_checked_without_the_slow_way() {
        let text = damaged(&[], true);
        let (report, rows) = ordered(&text, 100).unwrap();
        assert_eq!((report.verdict.as_str(), rows, report.chains.len()), ("holds", 27, 3));
        let mut rows = chains();
        rows.remove(4);
        let text: String = rows.iter().map(|row| row.line() + "\n").collect();
        assert_eq!(ordered(text.as_bytes(), 7).unwrap().0, verify(rows));
    }

    #[test]
    fn rows_in_any_order_are_told_apart_from_damage() {
        let mut rows = chains();
        rows.reverse();
        let text: String = rows.iter().map(|row| row.line() + "\n").collect();
        assert_eq!(ordered(text.as_bytes(), 99), Err(Stop::Disorder));
        let mut slow = Session::new(true);
        slow.feed(text.as_bytes()).unwrap();
        assert_eq!(finish(slow).unwrap().0.verdict.as_str(), "holds");
    }

    #[test]
    fn a_line_has_an_end() {
        for any_order in [false, true] {
            let mut session = Session::new(any_order);
            let fed = (0..20).try_for_each(|_| session.feed(&[b' '; 1 << 20]));
            assert_eq!(fed, Err(Stop::NoRow(1)));
        }
        assert_eq!(ordered(b"\n\n\xff\n", 99), Err(Stop::NoText(3)));
        assert_eq!(ordered(b"\n{}", 99), Err(Stop::NoRow(2)));
    }
}
