//! Finding rows in JSON that is somebody else's: a service's export holds their columns somewhere in its events.
//!
//! Values are looked at as they are read and never built up, so a document of any size costs no more memory than the
//! rows in it.
//!
//! Beside the columns stand an event's own properties, which may hold anything: an object that looks like a row, a text
//! that holds one. So what stands in an object that has columns itself is no row, and a row that is only quoted (in a
//! text, or in the middle of other values without `nt_`) counts only if the object around it holds no other.

use nymtrail::core::hex;
use nymtrail::core::row::{MAX_INTEGER, Row};
pub use nymtrail_verify::report::Found;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// What stands before the columns' names where they travel beside an event's own properties.
const PREFIX: &str = "nt_";
/// The columns; first the three that say which row it is.
const NAMES: [&str; 8] = ["chain", "seq", "link", "t", "gprev", "salt", "body", "bc"];
const BODY: Place = Place::Column(6);

/// Counts a row in this form.
pub fn count(found: &mut Found, form: Form) {
    *match form {
        Form::Plain => &mut found.plain,
        Form::Named => &mut found.named,
        Form::Attributes => &mut found.attributes,
    } += 1;
}

/// In which form a row stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The columns as they are.
    Plain,
    /// The columns named `nt_…`.
    Named,
    /// A list of attributes.
    Attributes,
}

/// The rows found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finds {
    /// The rows, in the order of the input.
    pub rows: Vec<Row>,
    /// How they were found.
    pub found: Found,
    /// Rows that count if the value they are in turns out to hold no others.
    quoted: Vec<(Form, Row)>,
    /// How often such columns made no row.
    quoted_wrong: usize,
}

/// How much had been found at some point.
#[derive(Clone, Copy)]
struct Mark {
    rows: usize,
    found: Found,
    quoted: usize,
    quoted_wrong: usize,
}

impl Finds {
    /// Takes a row that stands by itself.
    pub fn push(&mut self, form: Form, row: Row) {
        self.rows.push(row);
        count(&mut self.found, form);
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
                Search { finds, nested: false, texts: true, quoted: false, pieces: false }.deserialize(&mut *json)?;
                finds.settle().ok_or_else(not_a_row)?;
                finds.found.without += u64::from(finds.rows.len() == before);
                if json.end().is_ok() {
                    return Ok(());
                }
            }
        })
    }

    /// Takes the rows that are in the texts of one record, as far as these are JSON. `None` if there are columns in them
    /// that make no row.
    pub fn search_texts<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) -> Option<()> {
        texts.into_iter().for_each(|text| self.quote(text));
        self.settle()
    }

    /// Quotes the rows that are in a text, if it is JSON. All or nothing.
    fn quote(&mut self, text: &str) {
        if !text.starts_with(['{', '[']) {
            return;
        }
        // A text may be anything, so what is wrong with it does not matter.
        let _ = self.all_or_nothing(|finds| {
            let mut json = serde_json::Deserializer::from_str(text);
            // A text within a text is left alone: nobody writes rows so, and to read them all has no end.
            Search { finds, nested: true, texts: false, quoted: true, pieces: false }.deserialize(&mut json)?;
            json.end()
        });
    }

    /// Takes what was quoted. `None` if there is something among it that makes no row.
    fn settle(&mut self) -> Option<()> {
        for (form, row) in std::mem::take(&mut self.quoted) {
            self.push(form, row);
        }
        (std::mem::take(&mut self.quoted_wrong) == 0).then_some(())
    }

    /// Takes what an object's or list's own columns make, in place of whatever was found in it before. `None` if they
    /// make no row, unless they are only quoted.
    fn take(&mut self, since: Mark, form: Form, row: Option<Row>, quoted: bool) -> Option<()> {
        if row.is_some() {
            self.back_to(since);
        }
        match row {
            Some(row) if quoted => self.quoted.push((form, row)),
            Some(row) => self.push(form, row),
            None if quoted => self.quoted_wrong += 1,
            None => return None,
        }
        Some(())
    }

    /// Lets go of what was quoted since, if a row was found since that was not.
    fn prefer_rows(&mut self, since: Mark) {
        if self.rows.len() > since.rows {
            self.quoted.truncate(since.quoted);
            self.quoted_wrong = since.quoted_wrong;
        }
    }

    fn mark(&self) -> Mark {
        let Self { rows, found, quoted, quoted_wrong } = self;
        Mark { rows: rows.len(), found: *found, quoted: quoted.len(), quoted_wrong: *quoted_wrong }
    }

    fn back_to(&mut self, Mark { rows, found, quoted, quoted_wrong }: Mark) {
        self.rows.truncate(rows);
        self.quoted.truncate(quoted);
        (self.found, self.quoted_wrong) = (found, quoted_wrong);
    }

    fn all_or_nothing(&mut self, search: impl FnOnce(&mut Self) -> serde_json::Result<()>) -> serde_json::Result<()> {
        let mark = self.mark();
        let searched = search(self);
        if searched.is_err() {
            self.back_to(mark);
        }
        searched
    }

    /// How many rows there are, quoted or not.
    fn count(&self) -> usize {
        self.rows.len() + self.quoted.len()
    }
}

/// Where something of a row belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The column of this number.
    Column(usize),
    /// The body, of which this is the piece of this number, from 0.
    Piece(u32),
}

/// Columns on their way to being a row.
#[derive(Default)]
pub struct Columns {
    cells: [Option<Cell>; NAMES.len()],
    pieces: BTreeMap<u32, Cell>,
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
    /// The first three places: one of them says that a row is meant, all of them which.
    pub const KEY: [Place; 3] = [Place::Column(0), Place::Column(1), Place::Column(2)];

    /// Where the column of this name goes.
    pub fn place(name: &str) -> Option<Place> {
        NAMES.iter().position(|known| *known == name).map(Place::Column)
    }

    /// Where the column goes that travels under this name, or the piece of a body: `nt_body_00`, `nt_body_01` and so on.
    pub fn named_place(name: &str) -> Option<Place> {
        let name = name.strip_prefix(PREFIX)?;
        Self::place(name).or_else(|| {
            let number = name.strip_prefix("body_")?;
            // Without a sign, which a number may have when it is parsed.
            let digits = number.bytes().all(|digit| digit.is_ascii_digit());
            digits.then(|| number.parse().ok().map(Place::Piece)).flatten()
        })
    }

    /// Puts what was found in a place. An empty text counts as absent: so tables that know no NULL write it.
    pub fn put(&mut self, place: Place, cell: Option<Cell>) {
        let Some(cell) = cell.filter(|cell| !matches!(cell, Cell::Text(text) if text.is_empty())) else { return };
        let before = match place {
            Place::Column(at) => self.cells.get_mut(at).and_then(|slot| slot.replace(cell)),
            Place::Piece(number) => self.pieces.insert(number, cell),
        };
        self.twice |= before.is_some();
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
        let Self { cells: [chain, seq, link, t, gprev, salt, body, bc], pieces, twice } = self;
        let optional = |cell: Option<Cell>| cell.map_or(Some(None), |cell| Some(Some(cell.text()?)));
        let (mut body, mut bc) = (optional(body)?, optional(bc)?);
        if !pieces.is_empty() {
            let whole = (0..).zip(pieces.keys()).all(|(number, found)| number == *found);
            let joined = pieces.into_values().map(Cell::text).collect::<Option<String>>()?;
            if body.is_some() {
                return None;
            }
            // If one is missing, the row must not pass for one that was erased either.
            (body, bc) = if whole { (Some(joined), bc) } else { (None, None) };
        }
        let row = Row {
            chain: chain?.text()?,
            seq: seq?.whole()?,
            link: link?.text()?,
            t: t?.whole()?,
            gprev: optional(gprev)?,
            salt: optional(salt)?,
            body,
            bc,
        };
        (!twice).then_some(row)
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
    /// It stands in a text.
    quoted: bool,
    /// It is a body, so a list is of its pieces.
    pieces: bool,
}

/// What the value around needs to know of a value.
enum Seen {
    Null,
    Cell(Cell),
    /// An object; if it is an attribute, the column it names and what that holds; the only cell in it.
    Object(Option<(Place, Cell)>, Option<Cell>),
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
            self.finds.quote(&text);
        }
        Ok(Seen::Cell(Cell::Text(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Seen, A::Error> {
        let Self { finds, nested, texts, quoted, pieces } = self;
        let mark = finds.mark();
        let (mut columns, mut with, mut without) = (Columns::default(), 0, 0);
        let mut joined = pieces.then(String::new);
        loop {
            let before = finds.count();
            let member = Search { finds: &mut *finds, nested, texts, quoted, pieces: false };
            let Some(seen) = list.next_element_seed(member)? else { break };
            joined = match (joined, &seen) {
                (Some(all), Seen::Cell(Cell::Text(piece))) => Some(all + piece),
                _ => None,
            };
            let Seen::Object(attribute, _) = seen else { continue };
            *if finds.count() > before { &mut with } else { &mut without } += 1;
            if let Some((place, cell)) = attribute {
                columns.put(place, Some(cell));
            }
        }
        if columns.mean_a_row() {
            finds.take(mark, Form::Attributes, columns.row(), quoted).ok_or_else(not_a_row)?;
        } else if with > 0 {
            finds.found.without += without;
        }
        Ok(joined.map_or(Seen::List, |text| Seen::Cell(Cell::Text(text))))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Seen, A::Error> {
        let Self { finds, nested, texts, quoted, .. } = self;
        let mark = finds.mark();
        let (mut plain, mut named) = (Columns::default(), Columns::default());
        let (mut others, mut cells, mut only) = (0, 0, None);
        let (mut key, mut value) = (None, None);
        while let Some(name) = object.next_key::<String>()? {
            let (place, named_place) = (Columns::place(&name), Columns::named_place(&name));
            // A body says what the visitor's page says: nothing in it is a row. An attribute's value may be a body.
            let texts = texts && place.is_none() && named_place.is_none() && name != "value";
            let pieces = named_place == Some(BODY);
            let seen = object.next_value_seed(Search { finds: &mut *finds, nested: true, texts, quoted, pieces })?;
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
            finds.take(mark, Form::Named, named.row(), quoted).ok_or_else(not_a_row)?;
        } else if plain.look_like_a_row() || (!nested && plain.mean_a_row() && others == 0) {
            let row = plain.row().filter(|_| others == 0);
            finds.take(mark, Form::Plain, row, quoted || nested).ok_or_else(not_a_row)?;
        }
        finds.prefer_rows(mark);
        Ok(Seen::Object(key.zip(value), only.filter(|_| cells == 1)))
    }
}

fn not_a_row<E: Error>() -> E {
    E::custom("these columns are no row")
}
