//! Rows in a Parquet file, read page by page: what is held is a page of each of the eight columns, whatever the file's size.

use crate::bounded::MAX_PIECE;
use crate::columns::{self, Cell, Columns, Form, Found, Place};
use crate::error::Code;
use crate::forms::Failure;
use crate::quiet;
use nymtrail::core::row::Row;
use parquet::basic::{LogicalType, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;
use std::fs::File;

/// The first bytes of a Parquet file, and its last.
pub const MAGIC: &[u8] = b"PAR1";
/// How many rows are made of their columns at a time.
const ROWS: usize = 1024;

/// What ends the reading.
enum Stop {
    Failed(Failure),
    /// The file, and not a row, is what is wrong.
    Damaged,
}

impl From<ParquetError> for Stop {
    fn from(_: ParquetError) -> Self {
        Self::Damaged
    }
}

impl<F: Into<Failure>> From<F> for Stop {
    fn from(failure: F) -> Self {
        Self::Failed(failure.into())
    }
}

/// Gives every row of a file, and says how many there were. Columns are those of [`crate::columns`], as they are or named `nt_*`;
/// others are not read.
///
/// # Errors
/// `malformed_parquet`; `malformed_row` and `invalid_utf8` with the number of the row in the place of a line; what `each` says.
pub fn each_row(file: &File, mut each: impl FnMut(Row) -> Result<(), Failure>) -> Result<Found, Failure> {
    let file = file.try_clone().map_err(|_| Code::CannotRead)?;
    // The crate is not free of panics before damaged files (apache/arrow-rs#11121, for one).
    let read = quiet::catch(|| read(file, &mut each)).unwrap_or(Err(Stop::Damaged));
    read.map_err(|stop| match stop {
        Stop::Failed(failure) => failure,
        Stop::Damaged => Code::MalformedParquet.into(),
    })
}

fn read(file: File, each: &mut dyn FnMut(Row) -> Result<(), Failure>) -> Result<Found, Stop> {
    let reader = SerializedFileReader::new(file)?;
    let described = reader.metadata().file_metadata().schema_descr().columns().to_vec();
    let mut found = Found::default();
    let Some((places, form)) = places(described.iter().map(AsRef::as_ref)) else {
        let rows = reader.metadata().file_metadata().num_rows();
        return Ok(Found { without: u64::try_from(rows).unwrap_or_default(), ..found });
    };
    let mut number = 0;
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        let mut left = usize::try_from(group.metadata().num_rows()).map_err(|_| Stop::Damaged)?;
        let mut columns = Vec::new();
        for (at, place) in &places {
            let description = described.get(*at).ok_or(Stop::Damaged)?;
            columns.push((*place, Column::new(description, group.get_column_reader(*at)?)));
        }
        while left > 0 {
            let rows = left.min(ROWS);
            let mut cells = Vec::new();
            for (place, column) in &mut columns {
                let cells_of_column = column.read(rows)?;
                // Columns of different lengths make no rows.
                if cells_of_column.len() != rows {
                    return Err(Stop::Damaged);
                }
                cells.push((*place, cells_of_column.into_iter()));
            }
            for _ in 0..rows {
                number += 1;
                row(&mut cells, form, number, &mut found, each)?;
            }
            left -= rows;
        }
    }
    Ok(found)
}

type Cells = std::vec::IntoIter<Result<Option<Cell>, Code>>;

/// Makes the next row of its cells.
fn row(
    cells: &mut [(Place, Cells)],
    form: Form,
    number: u64,
    found: &mut Found,
    each: &mut dyn FnMut(Row) -> Result<(), Failure>,
) -> Result<(), Stop> {
    let at = |code| Failure { code, line: Some(number) };
    let mut columns = Columns::default();
    for (place, cells) in cells {
        columns.put(*place, cells.next().unwrap_or(Ok(None)).map_err(at)?);
    }
    if !columns.mean_a_row() {
        found.without += 1;
        return Ok(());
    }
    let row = columns.row().ok_or(at(Code::MalformedRow))?;
    columns::count(found, form);
    Ok(each(row)?)
}

/// Which of the file's columns go where. `None` if not all of chain, seq and link are among them.
fn places<'a>(columns: impl Iterator<Item = &'a ColumnDescriptor>) -> Option<(Vec<(usize, Place)>, Form)> {
    // Some databases write names in capitals; what stands in an object of a service has the object's name before it.
    let names: Vec<_> = columns.map(|column| column.name().to_ascii_lowercase()).collect();
    let of = |place: fn(&str) -> Option<Place>| {
        let found = names.iter().enumerate().filter_map(|(at, name)| Some((at, place(name)?)));
        found.collect::<Vec<_>>()
    };
    let forms = [(of(Columns::named_place), Form::Named), (of(Columns::place), Form::Plain)];
    let whole = |found: &[(usize, Place)]| Columns::KEY.iter().all(|key| found.iter().any(|(_, place)| place == key));
    forms.into_iter().find(|(found, _)| whole(found))
}

/// A column of a group of rows.
struct Column {
    reader: ColumnReader,
    /// The level of a value that is there; those below are null.
    level: i16,
    /// Neither a list, nor a number that counts something else, such as a time of the database's own.
    is_plain: bool,
    levels: Vec<i16>,
}

impl Column {
    fn new(description: &ColumnDescriptor, reader: ColumnReader) -> Self {
        let is_number = matches!(description.physical_type(), Type::INT32 | Type::INT64);
        let is_count = matches!(description.logical_type_ref(), None | Some(LogicalType::Integer { .. }));
        let is_plain = description.max_rep_level() == 0 && (!is_number || is_count);
        Self { reader, level: description.max_def_level(), is_plain, levels: Vec::new() }
    }

    /// The next cells, as many as there are up to this number.
    fn read(&mut self, rows: usize) -> Result<Vec<Result<Option<Cell>, Code>>, Stop> {
        let (level, levels, is_plain) = (self.level, &mut self.levels, self.is_plain);
        let whole = |number: i64| u64::try_from(number).map_or(Cell::Wrong, Cell::Whole);
        match &mut self.reader {
            _ if !is_plain => Ok((0..rows).map(|_| Ok(Some(Cell::Wrong))).collect()),
            ColumnReader::ByteArrayColumnReader(reader) => take(reader, rows, level, levels, |bytes| {
                if bytes.len() as u64 > MAX_PIECE {
                    return Err(Code::MalformedRow);
                }
                bytes.as_utf8().map(|text| Cell::Text(text.into())).map_err(|_| Code::InvalidUtf8)
            }),
            ColumnReader::Int64ColumnReader(reader) => take(reader, rows, level, levels, |number| Ok(whole(*number))),
            ColumnReader::Int32ColumnReader(reader) => {
                take(reader, rows, level, levels, |number| Ok(whole((*number).into())))
            }
            _ => Ok((0..rows).map(|_| Ok(Some(Cell::Wrong))).collect()),
        }
    }
}

/// Takes values out of a reader and puts nulls where their levels say so.
fn take<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    level: i16,
    levels: &mut Vec<i16>,
    cell: impl Fn(&T::T) -> Result<Cell, Code>,
) -> Result<Vec<Result<Option<Cell>, Code>>, Stop> {
    levels.clear();
    let mut values = Vec::new();
    let (records, ..) = reader.read_records(rows, (level > 0).then_some(&mut *levels), None, &mut values)?;
    let mut values = values.iter();
    let mut next = || values.next().map(&cell).transpose();
    Ok(match level {
        0 => (0..records).map(|_| next()).collect(),
        _ => levels.iter().map(|found| if *found == level { next() } else { Ok(None) }).collect(),
    })
}
