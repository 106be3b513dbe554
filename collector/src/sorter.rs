//! Any number of rows, sorted, in bounded memory: what does not fit is sorted piece by piece into files without names, which
//! are merged in the end.

use crate::error::Code;
use nymtrail::core::row::Row;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

/// How many bytes of rows are held: 256 MiB, so that hundred million of them make some hundred files.
const HELD: usize = 256 << 20;

/// Takes rows in any order.
pub struct Sorter {
    rows: Vec<Row>,
    held: usize,
    most: usize,
    runs: Vec<File>,
    /// How many rows were held at most.
    pub peak: usize,
}

impl Default for Sorter {
    fn default() -> Self {
        Self::holding(HELD)
    }
}

impl Sorter {
    /// Holds so many bytes at most.
    pub fn holding(most: usize) -> Self {
        Self { rows: Vec::new(), held: 0, most, runs: Vec::new(), peak: 0 }
    }

    /// Takes a row.
    ///
    /// # Errors
    /// `cannot_write` if there is no room for what is not held.
    pub fn push(&mut self, row: Row) -> Result<(), Code> {
        let texts = [&row.salt, &row.body, &row.bc, &row.gprev];
        let texts = texts.iter().map(|text| text.as_ref().map_or(0, String::capacity)).sum::<usize>();
        self.held += size_of::<Row>() + row.chain.capacity() + row.link.capacity() + texts;
        self.rows.push(row);
        self.peak = self.peak.max(self.rows.len());
        if self.held > self.most { self.spill().map_err(|_| Code::CannotWrite) } else { Ok(()) }
    }

    fn spill(&mut self) -> io::Result<()> {
        self.rows.sort_unstable();
        let mut out = BufWriter::new(tempfile::tempfile()?);
        for row in self.rows.drain(..) {
            write(&row, &mut out)?;
        }
        let mut file = out.into_inner()?;
        file.seek(SeekFrom::Start(0))?;
        self.runs.push(file);
        self.held = 0;
        Ok(())
    }

    /// Gives the rows in the order of `Row`: by chain, seq and link.
    ///
    /// # Errors
    /// `cannot_read`, and what `each` says.
    pub fn finish(mut self, mut each: impl FnMut(Row) -> Result<(), Code>) -> Result<(), Code> {
        self.rows.sort_unstable();
        let mut last = self.rows.into_iter();
        let count = self.runs.len();
        let mut runs: Vec<_> = self.runs.into_iter().map(BufReader::new).collect();
        let mut next = |run: usize| match runs.get_mut(run) {
            Some(run) => read(run).map_err(|_| Code::CannotRead),
            None => Ok(last.next()),
        };
        let mut heap = BinaryHeap::new();
        for run in 0..=count {
            heap.extend(next(run)?.map(|row| Reverse((row, run))));
        }
        while let Some(Reverse((row, run))) = heap.pop() {
            each(row)?;
            heap.extend(next(run)?.map(|row| Reverse((row, run))));
        }
        Ok(())
    }
}

/// Writes a row so that it reads back exactly, whatever is in it: each text behind its length, of which one more is written so
/// that 0 is for none.
fn write(row: &Row, out: &mut impl Write) -> io::Result<()> {
    let Row { chain, seq, link, t, salt, body, bc, gprev } = row;
    for number in [seq, t] {
        out.write_all(&number.to_le_bytes())?;
    }
    for text in [Some(chain), Some(link), salt.as_ref(), body.as_ref(), bc.as_ref(), gprev.as_ref()] {
        let length = text.map_or(Ok(0), |text| u32::try_from(text.len() + 1)).map_err(io::Error::other)?;
        out.write_all(&length.to_le_bytes())?;
        out.write_all(text.map(String::as_bytes).unwrap_or_default())?;
    }
    Ok(())
}

/// Reads the next row; `None` at the end.
fn read(input: &mut impl BufRead) -> io::Result<Option<Row>> {
    if input.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let mut number = || {
        let mut bytes = [0; 8];
        input.read_exact(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    };
    let (seq, t) = (number()?, number()?);
    let mut text = || {
        let mut bytes = [0; 4];
        input.read_exact(&mut bytes)?;
        let Some(length) = u32::from_le_bytes(bytes).checked_sub(1) else { return Ok(None) };
        let mut text = String::with_capacity(length as usize);
        input.by_ref().take(length.into()).read_to_string(&mut text)?;
        Ok::<_, io::Error>(Some(text))
    };
    let (chain, link) = (text()?.unwrap_or_default(), text()?.unwrap_or_default());
    Ok(Some(Row { chain, seq, link, t, salt: text()?, body: text()?, bc: text()?, gprev: text()? }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row() -> impl Strategy<Value = Row> {
        let text = || proptest::option::of("[a-c\u{e9}]{0,3}");
        (("[ab]{0,2}", 0..3u64, "[ab]{0,2}", 0..3u64), text(), text(), text(), text()).prop_map(
            |((chain, seq, link, t), salt, body, bc, gprev)| Row { chain, seq, link, t, salt, body, bc, gprev },
        )
    }

    proptest! {
        #[test]
        fn they_come_sorted_and_none_is_lost(rows in proptest::collection::vec(row(), 0..60), most in 0..5000usize) {
            let mut sorter = Sorter::holding(most);
            rows.iter().cloned().try_for_each(|row| sorter.push(row)).unwrap();
            prop_assert!(sorter.peak <= most / size_of::<Row>() + 1);
            let mut sorted = Vec::new();
            sorter.finish(|row| { sorted.push(row); Ok(()) }).unwrap();
            let mut expected = rows;
            expected.sort();
            prop_assert_eq!(sorted, expected);
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut sorter = Sorter::holding(1 << 20);
        let body = "x".repeat(300);
        for n in 0..300_000u64 {
            let seq = n * 7919 % 300_000;
            sorter
                .push(Row {
                    chain: "a".into(),
                    seq,
                    link: String::new(),
                    t: 0,
                    salt: None,
                    body: Some(body.clone()),
                    bc: None,
                    gprev: None,
                })
                .unwrap();
        }
        assert!(sorter.peak < 2500, "{} rows at once", sorter.peak);
        let mut next = 0;
        sorter
            .finish(|row| {
                assert_eq!(row.seq, next);
                next += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!(next, 300_000);
    }
}
