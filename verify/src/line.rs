//! The columns of a row in the one form that the core writes: keys sorted, no space, ASCII, each column in its form.
//!
//! Nothing is copied but the body, which is taken out of its escapes into the room that it is hashed in. Any other form of a
//! row is valid too, but is read by [`crate::rows`].

use crate::hashes::Messages;
use nymtrail::core::row::MAX_INTEGER;

/// The columns of a row, as they stand in its line.
pub struct Columns<'a> {
    pub chain: &'a [u8; 64],
    pub link: &'a [u8; 64],
    pub seq: u64,
    pub t: u64,
    pub gprev: Option<&'a [u8; 64]>,
    /// The commitment of a row whose event was erased. Of any other, its message was added.
    pub erased: Option<&'a [u8; 64]>,
    /// The numbers as they were written, which is as they are hashed.
    pub digits: [&'a [u8]; 2],
}

/// Reads a row at the beginning of `text`, up to and with its line end. `chain` is the one of the row before, if there is any.
/// What is to be hashed of its body is added to `messages`, also if it turns out to be no row.
pub fn read<'a>(text: &'a [u8], chain: &[u8; 64], messages: &mut Messages) -> Option<(Columns<'a>, usize)> {
    let mut rest = Rest(text);
    let erased = if rest.skip(b"{\"body\":\"") { None } else { Some(rest.expect(b"{\"bc\":\"")?.hex::<64>()?) };
    let body = match erased {
        None => Some(rest.body(messages)?),
        Some(_) => rest.expect(b"\"").map(|_| None)?,
    };
    rest.expect(b",\"chain\":\"")?;
    let found = if rest.0.starts_with(chain) { rest.take()? } else { rest.hex()? };
    let gprev = if rest.skip(b"\",\"gprev\":\"") { Some(rest.hex()?) } else { None };
    let link = rest.expect(b"\",\"link\":\"")?.hex()?;
    if let Some(length) = body {
        messages.commitment(rest.expect(b"\",\"salt\":\"")?.hex()?, length);
    }
    let (seq, seq_digits) = rest.expect(b"\",\"seq\":")?.number()?;
    let (t, t_digits) = rest.expect(b",\"t\":")?.number()?;
    rest.expect(b"}\n")?;
    let columns = Columns { chain: found, link, seq, t, gprev, erased, digits: [seq_digits, t_digits] };
    Some((columns, text.len() - rest.0.len()))
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn skip(&mut self, text: &[u8]) -> bool {
        self.0.strip_prefix(text).map(|rest| self.0 = rest).is_some()
    }

    fn expect(&mut self, text: &[u8]) -> Option<&mut Self> {
        self.skip(text).then_some(self)
    }

    fn take<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(taken)
    }

    fn hex<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let digits: &[u8; N] = self.take()?;
        // Without a way out before the end this becomes a few vector instructions.
        let all = digits
            .iter()
            .fold(true, |all, digit| all & (digit.wrapping_sub(b'0') < 10) | (all & (digit.wrapping_sub(b'a') < 6)));
        all.then_some(digits)
    }

    /// A whole number from 0 as JSON writes it, and how it was written.
    fn number(&mut self) -> Option<(u64, &'a [u8])> {
        let length = self.0.iter().take_while(|digit| digit.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(length)?;
        if length == 0 || length > 16 || (length > 1 && digits.starts_with(b"0")) {
            return None;
        }
        self.0 = rest;
        let number = digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
        (number <= MAX_INTEGER).then_some((number, digits))
    }

    /// Takes the body, with the quote behind it, and copies it without its escapes to where it is hashed. Gives its length.
    ///
    /// Eight bytes at once. A byte in need of attention sets the highest bit of its place in `marks`; above the lowest of
    /// these there may be false ones, which are looked at again.
    fn body(&mut self, messages: &mut Messages) -> Option<usize> {
        const ONES: u64 = 0x0101_0101_0101_0101;
        let is = |word: u64, byte: u8| {
            let zero = word ^ (ONES * u64::from(byte));
            zero.wrapping_sub(ONES) & !zero
        };
        let end = memchr::memchr(b'\n', self.0)?;
        let room = messages.body(end);
        let mut length = 0;
        loop {
            let (chunk, _) = self.0.split_first_chunk::<8>()?;
            let word = u64::from_le_bytes(*chunk);
            let control = word.wrapping_sub(ONES * 0x20) & !word;
            let marks = (is(word, b'"') | is(word, b'\\') | is(word, 0x7f) | control | word) & (ONES * 0x80);
            *room.get_mut(length..)?.first_chunk_mut()? = *chunk;
            let plain = (marks.trailing_zeros() >> 3) as usize;
            length += plain;
            self.0 = self.0.get(plain..)?;
            if marks == 0 {
                continue;
            }
            match self.0 {
                [b'\\', escaped @ (b'"' | b'\\'), rest @ ..] => {
                    *room.get_mut(length)? = *escaped;
                    length += 1;
                    self.0 = rest;
                }
                [b'"', rest @ ..] => {
                    self.0 = rest;
                    return Some(length);
                }
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nymtrail::core::chain::{Head, NO_HEAD};
    use proptest::prelude::*;

    fn commitment(columns: &Columns, messages: &Messages) -> Option<String> {
        let mut found = Vec::new();
        messages.hash(&mut found);
        assert_eq!(found.len(), usize::from(columns.erased.is_none()));
        Some(str::from_utf8(columns.erased.or(found.first())?).unwrap().into())
    }

    proptest! {
        #[test]
        fn the_line_of_a_row_is_read_and_its_columns_are_the_rows(body in "[ -~]{0,99}", seq in 0..1u64 << 53, erased: bool) {
            let (_, mut row) = Head::open(body, "0f".repeat(16), &"11".repeat(32), NO_HEAD, 5);
            row.seq = seq;
            if erased {
                row.erase();
            }
            let text = row.line() + "\nmore";
            let mut messages = Messages::default();
            let (columns, end) = read(text.as_bytes(), &[0; 64], &mut messages).unwrap();
            prop_assert_eq!(end, text.len() - 4);
            prop_assert_eq!(columns.chain, row.chain.as_bytes());
            prop_assert_eq!(columns.link, row.link.as_bytes());
            prop_assert_eq!(columns.gprev.map(|gprev| &gprev[..]), row.gprev.as_deref().map(str::as_bytes));
            prop_assert_eq!((columns.seq, columns.t, columns.erased.is_some()), (row.seq, row.t, erased));
            prop_assert_eq!(commitment(&columns, &messages), row.commitment());
        }

        #[test]
        fn what_is_read_is_a_row(bytes in proptest::collection::vec(any::<(usize, u8)>(), 0..3)) {
            let (_, row) = Head::open(r#"{"a":"\\"}"#.into(), "0f".repeat(16), &"11".repeat(32), NO_HEAD, 5);
            let mut line = (row.line() + "\n").into_bytes();
            for (at, byte) in bytes {
                let at = at % line.len();
                line[at] = byte;
            }
            let mut messages = Messages::default();
            let Some((columns, end)) = read(&line, &[0; 64], &mut messages) else { return Ok(()) };
            let row = crate::rows::parse(str::from_utf8(&line[..end]).unwrap().trim_end()).unwrap();
            prop_assert_eq!(commitment(&columns, &messages), row.commitment());
            prop_assert_eq!((columns.seq, columns.t), (row.seq, row.t));
            prop_assert_eq!(columns.link, row.link.as_bytes());
        }
    }
}
