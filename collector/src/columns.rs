//! Finding rows in JSON that is somebody else's: a service's export holds their columns somewhere in its events.
//!
//! Values are looked at as they are read and never built up, so a document of any size costs no more memory than the
//! rows in it.

use nymtrail::core::hex;
use nymtrail::core::row::{MAX_INTEGER, Row};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// What stands before the columns' names where they travel beside an event's own properties.
const PREFIX: &str = "nt_";
/// The columns; first the three that say which row it is.
const NAMES: [&str; 8] = ["chain", "seq", "link", "t", "gprev", "salt", "body", "bc"];

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

/// The rows found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finds {
    /// The rows, in the order of the input.
    pub rows: Vec<Row>,
    /// How they were found.
    pub found: Found,
}

impl Finds {
    /// Takes a row with the columns as they are.
    pub fn push_plain(&mut self, row: Row) {
        self.rows.push(row);
        self.found.plain += 1;
    }

    /// Takes a row with named columns.
    pub fn push_named(&mut self, row: Row) {
        self.rows.push(row);
        self.found.named += 1;
    }

    /// Takes the rows that are in a line's or document's values, however deep. All or nothing.
    ///
    /// # Errors
    /// What serde_json says; of the category `data` for columns that are there but make no row.
    pub fn search<'de, R: serde_json::de::Read<'de>>(
        &mut self,
        json: &mut serde_json::Deserializer<R>,
    ) -> serde_json::Result<()> {
        self.all_or_nothing(|finds| {
            loop {
                let before = finds.rows.len();
                Search { finds, nested: false, texts: true }.deserialize(&mut *json)?;
                finds.found.without += u64::from(finds.rows.len() == before);
                if json.end().is_ok() {
                    return Ok(());
                }
            }
        })
    }

    /// Takes the rows that are in a text, if it is JSON. All or nothing.
    ///
    /// # Errors
    /// As for [`Self::search`], but of the category `data` alone: a text may be anything.
    pub fn search_text(&mut self, text: &str) -> serde_json::Result<()> {
        if !text.starts_with(['{', '[']) {
            return Ok(());
        }
        let searched = self.all_or_nothing(|finds| {
            let mut json = serde_json::Deserializer::from_str(text);
            // A text within a text is left alone: nobody writes rows so, and to read them all has no end.
            Search { finds, nested: true, texts: false }.deserialize(&mut json)?;
            json.end()
        });
        searched.or_else(|error| if error.is_data() { Err(error) } else { Ok(()) })
    }

    fn all_or_nothing(&mut self, search: impl FnOnce(&mut Self) -> serde_json::Result<()>) -> serde_json::Result<()> {
        let (rows, found) = (self.rows.len(), self.found);
        let searched = search(self);
        if searched.is_err() {
            self.rows.truncate(rows);
            self.found = found;
        }
        searched
    }
}

/// Columns on their way to being a row.
#[derive(Default)]
pub struct Columns {
    cells: [Option<Cell>; NAMES.len()],
    twice: bool,
}

/// What a column may hold.
pub enum Cell {
    /// Text, or a number in digits.
    Text(String),
    /// A whole number from 0.
    Whole(u64),
    /// Anything else.
    Wrong,
}

impl Columns {
    /// Where the column of this name goes.
    pub fn place(name: &str) -> Option<usize> {
        NAMES.iter().position(|known| *known == name)
    }

    /// Where the column goes that travels under this name.
    pub fn named_place(name: &str) -> Option<usize> {
        Self::place(name.strip_prefix(PREFIX)?)
    }

    /// Puts what was found in a place. An empty text counts as absent: so tables that know no NULL write it.
    pub fn put(&mut self, place: usize, cell: Option<Cell>) {
        let cell = cell.filter(|cell| !matches!(cell, Cell::Text(text) if text.is_empty()));
        if let (Some(slot), Some(cell)) = (self.cells.get_mut(place), cell) {
            self.twice |= slot.replace(cell).is_some();
        }
    }

    /// Whether it is a row that is meant here: one of the columns is there that say which.
    pub fn mean_a_row(&self) -> bool {
        let [chain, seq, link, ..] = &self.cells;
        chain.is_some() || seq.is_some() || link.is_some()
    }

    /// Whether chain and link are there, both in their form.
    fn look_like_a_row(&self) -> bool {
        let [chain, _, link, ..] = &self.cells;
        [chain, link].iter().all(|cell| matches!(cell, Some(Cell::Text(text)) if hex::is_hex(text, 64)))
    }

    /// The row. `None` if a column is missing, there twice or not of its type. What they hold is not judged here.
    pub fn row(self) -> Option<Row> {
        let [chain, seq, link, t, gprev, salt, body, bc] = self.cells;
        let optional = |cell: Option<Cell>| cell.map_or(Some(None), |cell| Some(Some(cell.text()?)));
        let row = Row {
            chain: chain?.text()?,
            seq: seq?.whole()?,
            link: link?.text()?,
            t: t?.whole()?,
            gprev: optional(gprev)?,
            salt: optional(salt)?,
            body: optional(body)?,
            bc: optional(bc)?,
        };
        (!self.twice).then_some(row)
    }
}

impl Cell {
    fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, also from digits, behind which a service may have put `.0`.
    fn whole(self) -> Option<u64> {
        let number = match self {
            Self::Whole(number) => Some(number),
            Self::Text(text) => match text.split_once('.') {
                Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|digit| digit == b'0') => digits(whole),
                _ => digits(&text),
            },
            Self::Wrong => None,
        };
        number.filter(|number| *number <= MAX_INTEGER)
    }
}

fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Looks through one value.
struct Search<'a> {
    finds: &'a mut Finds,
    /// It is a member of an object.
    nested: bool,
    /// Texts are to be searched too.
    texts: bool,
}

/// What the value around needs to know of a value.
enum Seen {
    Null,
    Cell(Cell),
    /// An object; if it is an attribute, the column it names and what that holds; the only cell in it.
    Object(Option<(usize, Cell)>, Option<Cell>),
    List,
}

impl Seen {
    /// As what a column holds. Attributes have their value in an object that says its type.
    fn cell(self, wrapped: bool) -> Option<Cell> {
        match self {
            Self::Null => None,
            Self::Cell(cell) => Some(cell),
            Self::Object(_, Some(cell)) if wrapped => Some(cell),
            _ => Some(Cell::Wrong),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Search<'_> {
    type Value = Seen;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Seen, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Search<'_> {
    type Value = Seen;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Seen, E> {
        Ok(Seen::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Seen, E> {
        Ok(Seen::Cell(Cell::Wrong))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Seen, E> {
        Ok(Seen::Cell(Cell::Whole(number)))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Seen, E> {
        Ok(Seen::Cell(Cell::Wrong))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Seen, E> {
        let whole = number.fract() == 0.0 && (0.0..=MAX_INTEGER as f64).contains(&number);
        Ok(Seen::Cell(if whole { Cell::Whole(number as u64) } else { Cell::Wrong }))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Seen, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Seen, E> {
        if self.texts {
            self.finds.search_text(&text).map_err(|_| not_a_row())?;
        }
        Ok(Seen::Cell(Cell::Text(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Seen, A::Error> {
        let Self { finds, nested, texts } = self;
        let (mut columns, mut with, mut without) = (Columns::default(), 0, 0);
        loop {
            let before = finds.rows.len();
            let Some(seen) = list.next_element_seed(Search { finds: &mut *finds, nested, texts })? else { break };
            let Seen::Object(attribute, _) = seen else { continue };
            *if finds.rows.len() > before { &mut with } else { &mut without } += 1;
            if let Some((place, cell)) = attribute {
                columns.put(place, Some(cell));
            }
        }
        if with > 0 {
            finds.found.without += without;
        }
        if columns.mean_a_row() {
            finds.rows.push(columns.row().ok_or_else(not_a_row)?);
            finds.found.attributes += 1;
        }
        Ok(Seen::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Seen, A::Error> {
        let Self { finds, nested, texts } = self;
        let (mut plain, mut named) = (Columns::default(), Columns::default());
        let (mut others, mut cells, mut only) = (0, 0, None);
        let (mut key, mut value) = (None, None);
        while let Some(name) = object.next_key::<String>()? {
            let (place, named_place) = (Columns::place(&name), Columns::named_place(&name));
            // A body says what the visitor's page says: nothing in it is a row. An attribute's value may be a body.
            let texts = texts && place.is_none() && named_place.is_none() && name != "value";
            let seen = object.next_value_seed(Search { finds: &mut *finds, nested: true, texts })?;
            if let Some(place) = named_place {
                named.put(place, seen.cell(false));
            } else if let Some(place) = place {
                plain.put(place, seen.cell(false));
            } else {
                others += 1;
                match (name.as_str(), seen) {
                    ("key", Seen::Cell(Cell::Text(text))) => key = Columns::named_place(&text),
                    ("value", seen) => value = seen.cell(true),
                    (_, Seen::Cell(cell)) => {
                        cells += 1;
                        only = Some(cell);
                    }
                    _ => {}
                }
            }
        }
        if named.mean_a_row() {
            finds.push_named(named.row().ok_or_else(not_a_row)?);
        } else if plain.look_like_a_row() || (!nested && plain.mean_a_row() && others == 0) {
            finds.push_plain(plain.row().filter(|_| others == 0).ok_or_else(not_a_row)?);
        }
        Ok(Seen::Object(key.zip(value), only.filter(|_| cells == 1)))
    }
}

fn not_a_row<E: Error>() -> E {
    E::custom("these columns are no row")
}
