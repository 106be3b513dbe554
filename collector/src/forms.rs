//! The forms that rows come in: lines, one JSON document, or CSV; as they are or in a service's events; plain or packed.
//!
//! What a form is called in the input's name is not asked: its first bytes tell.

use crate::bounded::{MAX_PIECE, Records, Texts};
use crate::columns::{Cell, Columns, Finds, Form, Found, Place};
use crate::error::Code;
use crate::rows;
use crate::source::unpack;
use nymtrail::core::row::Row;
use serde_json::Deserializer;
use std::cell::Cell as Counter;
use std::io::{self, BufRead, BufReader, Cursor, Read};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why no verdict could be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong.
    pub code: Code,
    /// In which line of the input, from 1.
    pub line: Option<u64>,
}

impl From<Code> for Failure {
    fn from(code: Code) -> Self {
        Self { code, line: None }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let code = error.get_ref().and_then(|inner| inner.downcast_ref()).copied();
        code.unwrap_or(Code::CannotRead).into()
    }
}

/// Reads every row of an input. Blank lines are skipped; lines without a row are counted.
///
/// # Errors
/// As [`each_row`].
pub fn read_rows(input: impl BufRead) -> Result<Finds, Failure> {
    let mut finds = Finds::default();
    finds.found = each_row(unpack(input)?, |row| {
        finds.rows.push(row);
        Ok(())
    })?;
    Ok(finds)
}

/// Gives every row of an input that is not packed, as it is found, and says how many there were in which form. Only those of one
/// document are held until its end.
///
/// # Errors
/// `cannot_read`, `malformed_gzip`, `malformed_zstd`; `invalid_utf8` and `malformed_row` with the line; what `each` says.
pub fn each_row(input: impl BufRead, mut each: impl FnMut(Row) -> Result<(), Code>) -> Result<Found, Failure> {
    read_text(input, &mut |finds| finds.rows.drain(..).try_for_each(&mut each).map_err(Failure::from))
}

/// Takes the rows out of what was found, before more is read.
type Drain<'a> = &'a mut dyn FnMut(&mut Finds) -> Result<(), Failure>;

fn read_text(mut input: impl BufRead, drain: Drain) -> Result<Found, Failure> {
    let (mut finds, mut line) = (Finds::default(), Vec::new());
    for number in 1.. {
        drain(&mut finds)?;
        line.clear();
        if input.by_ref().take(MAX_PIECE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if number == 1 && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        let text = std::str::from_utf8(&line).map(str::trim);
        if text == Ok("") {
            continue;
        }
        if let Some(row) = text.ok().and_then(rows::parse) {
            finds.push(Form::Plain, row);
            continue;
        }
        if finds.found == Found::default()
            && let Some(header) = text.ok().and_then(Header::read)
        {
            // Of CR LF the CSV reader counts the second only with the line after.
            let above = number - 1 + u64::from(line.ends_with(b"\r\n"));
            return read_csv(&header, above, Cursor::new(&line).chain(input), drain);
        }
        let at = |code| Failure { code, line: Some(number) };
        match finds.search(&mut Deserializer::from_slice(&line)) {
            Ok(()) => {}
            Err(error) if error.is_eof() => {
                // A value that does not end with its line: a document, and whatever follows it.
                let lines = Counter::new(0);
                let document = BufReader::new(Texts::new(Cursor::new(&line).chain(&mut input), &lines));
                finds.search(&mut Deserializer::from_reader(document)).map_err(|error| {
                    let (is_io, at) = (error.is_io(), error.line().max(1) as u64 - 1);
                    let failure = if is_io { io::Error::from(error).into() } else { Code::MalformedRow.into() };
                    let line = Some(number + if is_io { lines.get() } else { at });
                    // What is wrong with the input as a whole is wrong nowhere in it.
                    if failure == Code::MalformedRow.into() { Failure { line, ..failure } } else { failure }
                })?;
                break;
            }
            Err(_) => return Err(at(if text.is_err() { Code::InvalidUtf8 } else { Code::MalformedRow })),
        }
    }
    drain(&mut finds)?;
    Ok(finds.found)
}

/// What the columns of CSV hold.
enum Header {
    /// A row's columns, each in its place, among others, in this form.
    Columns(Vec<Option<Place>>, Form),
    /// None of a row's columns: these may be in JSON in a field.
    Other,
}

impl Header {
    /// Reads the first line of CSV; `None` if it does not look like one.
    fn read(line: &str) -> Option<Self> {
        let mut names = csv::StringRecord::new();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
        if !reader.read_record(&mut names).ok()? {
            return None;
        }
        // Some databases write names in capitals; some services put what an object's member was in before a point.
        let named = |name: &str| {
            let name = name.trim().to_ascii_lowercase();
            Columns::named_place(name.rsplit('.').next()?)
        };
        let plain = |name: &str| Columns::place(&name.trim().to_ascii_lowercase());
        let all = |place: &dyn Fn(&str) -> Option<Place>| names.iter().map(place).collect::<Vec<_>>();
        for (places, form) in [(all(&named), Form::Named), (all(&plain), Form::Plain)] {
            if Columns::KEY.iter().all(|place| places.contains(&Some(*place))) {
                return Some(Self::Columns(places, form));
            }
        }
        let is_name = |name: &str| name.chars().all(|c| c.is_alphanumeric() || " _-.$/()".contains(c));
        (names.len() > 1 && names.iter().all(is_name)).then_some(Self::Other)
    }
}

/// Reads CSV with this header. `above` is how many lines its reader does not count.
fn read_csv(header: &Header, above: u64, input: impl Read, drain: Drain) -> Result<Found, Failure> {
    let mut finds = Finds::default();
    let mut reader = csv::Reader::from_reader(Records::new(input));
    let mut record = csv::StringRecord::new();
    let failure = |error: csv::Error, line| match error.into_kind() {
        csv::ErrorKind::Io(error) => match Failure::from(error) {
            Failure { code: Code::MalformedRow, .. } => Failure { code: Code::MalformedRow, line },
            failure => failure,
        },
        csv::ErrorKind::Utf8 { .. } => Failure { code: Code::InvalidUtf8, line },
        _ => Failure { code: Code::MalformedRow, line },
    };
    reader.byte_headers().map_err(|error| failure(error, None))?;
    loop {
        let line = Some(above + reader.position().line());
        reader.get_ref().begin();
        if !reader.read_record(&mut record).map_err(|error| failure(error, line))? {
            return Ok(finds.found);
        }
        let malformed = Failure { code: Code::MalformedRow, line };
        let before = finds.rows.len();
        match header {
            Header::Columns(places, form) => {
                let mut columns = Columns::default();
                for (place, field) in places.iter().zip(&record) {
                    if let Some(place) = place {
                        columns.put(*place, Some(Cell::Text(field.into())));
                    }
                }
                if columns.mean_a_row() {
                    finds.push(*form, columns.row().ok_or(malformed)?);
                }
            }
            Header::Other => finds.search_texts(&record).ok_or(malformed)?,
        }
        finds.found.without += u64::from(finds.rows.len() == before);
        drain(&mut finds)?;
    }
}
