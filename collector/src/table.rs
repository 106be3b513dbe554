//! Rows in a table of a PostgreSQL database, with the columns that sql/README.md gives it. They come one after the other out of a
//! transaction that sees one moment and can't write.

use crate::bounded::MAX_PIECE;
use crate::error::Code;
use crate::forms::Failure;
use crate::progress::Progress;
use nymtrail::core::row::{MAX_INTEGER, Row};
use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, Config, IsolationLevel, NoTls};
use std::time::Duration;

/// What a server that does not answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
const NO_VALUES: [&str; 0] = [];

/// A table that can be read again and again.
pub struct Table {
    client: Client,
    /// Its name as SQL takes it.
    name: String,
}

/// In which order rows come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By chain, seq and link, as the database sorts.
    Sorted,
    /// As they lie.
    Any,
}

/// Whether this names a database, and no file.
pub fn is_address(text: &str) -> bool {
    SCHEMES.iter().any(|scheme| text.starts_with(scheme))
}

/// The connection that an address asks for, and the table: `events`, or what `table` says.
fn parse(address: &str) -> Option<(Config, String)> {
    let (base, parameters) = address.split_once('?').unwrap_or((address, ""));
    let (mut table, mut others) = ("events", Vec::new());
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        match parameter.strip_prefix("table=") {
            Some(name) => table = name,
            None => others.push(parameter),
        }
    }
    let parts: Vec<_> = table.split('.').collect();
    let is_name = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || "_$-".contains(c));
    if parts.len() > 2 || !parts.iter().all(is_name) {
        return None;
    }
    let quoted: Vec<_> = parts.iter().map(|part| format!("\"{part}\"")).collect();
    let mut config: Config = format!("{base}?{}", others.join("&")).parse().ok()?;
    if config.get_password().is_none()
        && let Ok(password) = std::env::var("PGPASSWORD")
    {
        config.password(password);
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(PATIENCE);
    }
    config.application_name("nymtrail verify");
    Some((config, quoted.join(".")))
}

impl Table {
    /// Connects to the database of an address such as `postgres://user@host/db?table=events`. Nothing of the address, nor of what
    /// the server says, gets into the error.
    ///
    /// # Errors
    /// `malformed_address`, `cannot_connect`.
    pub fn open(address: &str) -> Result<Self, Code> {
        let (config, name) = parse(address).ok_or(Code::MalformedAddress)?;
        let client = config.connect(NoTls).map_err(|_| Code::CannotConnect)?;
        Ok(Self { client, name })
    }

    /// Gives every row.
    ///
    /// # Errors
    /// `no_table` if it is not there, not readable or has other columns; `malformed_row` with the number of the row in the place
    /// of a line; `cannot_read` if the connection breaks; what `each` says.
    pub fn each_row(&mut self, order: Order, mut each: impl FnMut(Row) -> Result<(), Failure>) -> Result<u64, Failure> {
        let mut query = format!(
            "SELECT chain::text, seq::bigint, t::bigint, gprev::text, salt::text, body::text, bc::text, link::text FROM {}",
            self.name
        );
        if order == Order::Sorted {
            query += " ORDER BY chain, seq, link";
        }
        let start = self.client.build_transaction().read_only(true).isolation_level(IsolationLevel::RepeatableRead);
        let mut moment = start.start().map_err(|_| Code::CannotRead)?;
        let statement = moment.prepare(&query).map_err(|_| Code::NoTable)?;
        let mut rows = moment.query_raw(&statement, NO_VALUES).map_err(|_| Code::NoTable)?;
        let mut progress = Progress::on_terminal(None);
        let (mut number, mut bytes) = (0, 0);
        loop {
            let malformed = Failure { code: Code::MalformedRow, line: Some(number + 1) };
            // Of the class 22 are errors about what a column holds, such as a text that is to be a number.
            let is_data = |error: &postgres::Error| error.code().is_some_and(|state| state.code().starts_with("22"));
            let next =
                rows.next().map_err(|error| if is_data(&error) { malformed } else { Code::CannotRead.into() })?;
            let Some(found) = next else { return Ok(number) };
            number += 1;
            let row = row(&found).ok_or(malformed)?;
            if let Some(progress) = &mut progress {
                bytes += row.line().len() as u64;
                progress.show(bytes);
            }
            each(row)?;
        }
    }
}

/// A row, exactly as it is stored: a text that is empty is one. `None` if a column is missing or no number of a row.
fn row(found: &postgres::Row) -> Option<Row> {
    let text = |at| match found.try_get::<_, Option<&str>>(at) {
        Ok(text) if text.is_none_or(|text| text.len() as u64 <= MAX_PIECE) => Some(text.map(str::to_owned)),
        _ => None,
    };
    let number = |at| {
        let number = u64::try_from(found.try_get::<_, Option<i64>>(at).ok()??).ok()?;
        (number <= MAX_INTEGER).then_some(number)
    };
    Some(Row {
        chain: text(0)??,
        seq: number(1)?,
        t: number(2)?,
        gprev: text(3)?,
        salt: text(4)?,
        body: text(5)?,
        bc: text(6)?,
        link: text(7)??,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_table_too() {
        for (address, table) in [
            ("postgres://me@host/db", "\"events\""),
            ("postgresql://me:secret@host:5433/db?table=trail.rows_2026&connect_timeout=3", "\"trail\".\"rows_2026\""),
            ("postgres:///db?host=/run/postgresql&table=e-1", "\"e-1\""),
        ] {
            assert!(is_address(address));
            assert_eq!(parse(address).unwrap().1, table);
        }
        assert!(!is_address("rows.ndjson") && !is_address("postgres.ndjson"));
        for wrong in [
            "postgres://host/db?table=",
            "postgres://host/db?table=a.b.c",
            "postgres://host/db?table=a\"b",
            "postgres://host/db?table=a%22",
            "postgres://host/db?colour=red",
            "postgres://host:port/db",
        ] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }
}
