//! Retention: events that are kept longer than the site says are erased, on schedule, and logged as any erasure.
//!
//! How long an event has been here is told by the collector's own clock: by the first receipt that covers it. Its own time is a
//! browser's, which may be years off, and counts only where no receipt does.
//!
//! A clock that is far ahead would end the time of everything at once. So it has to have gone evenly for a day before anything is
//! erased by it ([`Trust`]): by then a clock that jumped is set right, or somebody has read the warning.

use crate::erase::{Place, erase_rows};
use crate::error::Code;
use crate::keys::Signer;
use crate::operator;
use crate::store::Store;
use jiff::{Span, Timestamp, tz::TimeZone};
use nymtrail::core::epoch::DAY;
use nymtrail::core::opening::closes;
use rusqlite::{Connection, OptionalExtension, params};
use std::fmt;
use std::str::FromStr;

/// Why a row is erased whose time is over.
pub const RETENTION: &str = "retention";
/// How many rows go in one transaction: some tenths of a second, in which nobody else can write.
const ROWS_AT_ONCE: usize = 5000;
/// How much later than the last look a clock may be to be the same one that goes on: 2 days, for a collector that was off.
const STRIDE_MS: u64 = 2 * DAY;
/// How much earlier: an hour, for a clock that is being set right.
const BACK_MS: u64 = 3_600_000;
/// For how long a clock must have gone evenly once it did not. A little under a day, the time between two looks.
const EVEN_MS: u64 = DAY - BACK_MS;

/// How long events are kept: days, or months of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// So many times 24 hours.
    Days(u32),
    /// So many months: from a day to the same day of an earlier month, or the last one that month has.
    Months(u32),
}

impl Keep {
    /// What arrived before this time is to go; both in ms since 1970.
    pub fn cutoff(self, now: u64) -> u64 {
        match self {
            Self::Days(days) => now.saturating_sub(u64::from(days) * DAY),
            Self::Months(months) => {
                let now = i64::try_from(now).ok().and_then(|now| Timestamp::from_millisecond(now).ok());
                let before = Span::new().try_months(months).ok();
                let then =
                    now.zip(before).and_then(|(now, span)| now.to_zoned_datetime(TimeZone::UTC).checked_sub(span).ok());
                // What the calendar does not reach is never due.
                then.and_then(|then| u64::try_from(then.timestamp().as_millisecond()).ok()).unwrap_or(0)
            }
        }
    }
}

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a time to keep is a number and d, mo or y, such as 25mo, at most 100 years".to_owned();
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let number: u32 = digits.parse().map_err(|_| wrong())?;
        let (keep, most) = match &text[digits.len()..] {
            "d" => (Self::Days(number), 36_525),
            "mo" => (Self::Months(number), 1200),
            "y" => (Self::Months(number.saturating_mul(12)), 1200),
            _ => return Err(wrong()),
        };
        let (Self::Days(count) | Self::Months(count)) = keep;
        if (1..=most).contains(&count) { Ok(keep) } else { Err(wrong()) }
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days) => write!(f, "{days}d"),
            Self::Months(months) => write!(f, "{months}mo"),
        }
    }
}

/// Whether the clock may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It goes on from what was seen before.
    Even,
    /// It has jumped so many ms ahead or back since the last look; nothing is erased for a day.
    Jumped(i64),
    /// It jumped less than a day ago.
    Waiting,
}

/// What a look found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// So many rows were erased.
    Erased(usize),
    /// Nothing was, since the clock is not believed yet.
    Held(Trust),
}

/// Erases what is due, if the clock can be believed. To be called once a day.
///
/// # Errors
/// `malformed_row` for numbers that no row can have; `unavailable`.
pub fn look(store: &mut Store, signer: &Signer, keep: Keep, now: u64) -> Result<Look, Code> {
    match trust(store, now)? {
        Trust::Even => Ok(Look::Erased(erase_due(store, signer, keep, RETENTION, now)?)),
        held => Ok(Look::Held(held)),
    }
}

/// The setting that keeps what was seen of the clock: since when it goes evenly, and the last look.
const CLOCK: &str = "clock";

/// Compares the clock with what was seen of it, at the first look with the time of the newest receipt, and keeps that.
fn trust(store: &mut Store, now: u64) -> Result<Trust, Code> {
    store.write(|tx| {
        let saved: Option<String> =
            tx.query_row("SELECT value FROM settings WHERE name = ?", [CLOCK], |row| row.get(0)).optional()?;
        let saved = saved.as_deref().and_then(|saved| saved.split_once(' '));
        let (since, seen) = match saved.and_then(|(since, seen)| Some((since.parse().ok()?, seen.parse().ok()?))) {
            Some(known) => known,
            // Without a receipt nothing speaks for the clock, nor against it.
            None => newest(tx)?.map_or((now, now), |newest| (0, newest)),
        };
        let even = now <= seen.saturating_add(STRIDE_MS) && now.saturating_add(BACK_MS) >= seen;
        let kept = if even { format!("{since} {}", now.max(seen)) } else { format!("{now} {now}") };
        tx.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", params![CLOCK, kept])?;
        Ok(match even {
            false => Trust::Jumped(now.cast_signed().saturating_sub(seen.cast_signed())),
            true if now.saturating_sub(since) < EVEN_MS => Trust::Waiting,
            true => Trust::Even,
        })
    })
}

/// When the newest receipt was signed, in ms since 1970.
fn newest(db: &Connection) -> Result<Option<u64>, Code> {
    Ok(db.query_row("SELECT max(at) FROM checkpoints", [], |row| row.get(0))?)
}

/// Whether the newest receipt is older than what is kept, so that everything would be erased: perhaps the clock is wrong.
///
/// # Errors
/// `unavailable`.
pub fn is_all_due(store: &Store, keep: Keep, now: u64) -> Result<bool, Code> {
    Ok(newest(store.db())?.is_some_and(|newest| newest < keep.cutoff(now)))
}

/// Erases what has been here for longer than `keep`, some thousand rows at a time. Returns how many.
///
/// # Errors
/// `malformed_row` for numbers that no row can have; `unavailable`. What was erased by then stays so, and is logged.
pub fn erase_due(store: &mut Store, signer: &Signer, keep: Keep, why: &str, now: u64) -> Result<usize, Code> {
    let (cutoff, deployment) = (keep.cutoff(now), store.deployment.clone());
    let (mut count, mut after) = (0, (String::new(), 0));
    // Looked for first without keeping others from writing: most of the time there is nothing.
    while !due(store.db(), cutoff, now, &after, 1)?.is_empty() {
        let rows = store.write(|tx| {
            let rows = due(tx, cutoff, now, &after, ROWS_AT_ONCE)?;
            erase_rows(tx, signer, &deployment, &rows, why, now)?;
            Ok(rows)
        })?;
        count += rows.len();
        match rows.last() {
            Some(last) => after = last.clone(),
            None => break,
        }
    }
    Ok(count)
}

/// How many rows [`erase_due`] would erase.
///
/// # Errors
/// As there.
pub fn count_due(store: &Store, keep: Keep, now: u64) -> Result<usize, Code> {
    Ok(due(store.db(), keep.cutoff(now), now, &(String::new(), 0), usize::MAX)?.len())
}

/// Rows behind the place `after` that were here before `cutoff` and have their event, or their salt still. First rows and
/// closing ones are none, as in [`crate::erase::Which::Chain`], nor is anything of the operator's own chains.
fn due(db: &Connection, cutoff: u64, now: u64, after: &Place, most: usize) -> Result<Vec<Place>, Code> {
    let operator = operator::ids(db)?;
    // A receipt from the future was signed by a clock that was wrong.
    let mut find = db.prepare_cached(
        "WITH signed AS (
           SELECT chain, max(size) AS size, coalesce(max(size) FILTER (WHERE at < ?1), 0) AS due
           FROM checkpoints WHERE at <= ?2 GROUP BY chain)
         SELECT e.chain, e.seq, e.body FROM events e LEFT JOIN signed s ON s.chain = e.chain
         WHERE (e.chain, e.seq) > (?3, ?4) AND e.seq > 0 AND (e.body IS NOT NULL OR e.salt IS NOT NULL)
           AND (e.seq < s.due OR e.t < ?1 AND e.seq >= coalesce(s.size, 0))
         ORDER BY e.chain, e.seq",
    )?;
    let mut rows = find.query(params![cutoff, now, after.0, after.1])?;
    let mut found = Vec::new();
    while found.len() < most
        && let Some(row) = rows.next()?
    {
        let (chain, body): (String, Option<String>) = (row.get(0)?, row.get(2)?);
        let seq = u64::try_from(row.get::<_, i64>(1)?).map_err(|_| Code::MalformedRow)?;
        if !operator.contains(&chain) && body.is_none_or(|body| closes(&body).is_none()) {
            found.push((chain, seq));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Expected;

    /// 2026-09-21 14:13:20Z.
    const NOW: u64 = 1_790_000_000_000;

    #[test]
    fn a_time_to_keep_has_a_unit_and_a_limit() {
        for (text, keep) in [
            ("1d", Keep::Days(1)),
            ("90d", Keep::Days(90)),
            ("25mo", Keep::Months(25)),
            ("2y", Keep::Months(24)),
            ("100y", Keep::Months(1200)),
        ] {
            assert_eq!(text.parse(), Ok(keep));
            assert_eq!(keep.to_string().parse(), Ok(keep));
        }
        for wrong in ["", "25", "mo", "0d", "-1d", "1.5y", "25m", "101y", "36526d", "99999999999y", "1 y", "1D"] {
            assert!(wrong.parse::<Keep>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        let time = |text: &str| u64::try_from(text.parse::<Timestamp>().unwrap().as_millisecond()).unwrap();
        for (now, keep, cutoff) in [
            ("2026-09-21T14:13:20.123Z", "25mo", "2024-08-21T14:13:20.123Z"),
            ("2026-03-31T00:00:00Z", "1mo", "2026-02-28T00:00:00Z"),
            ("2024-03-31T00:00:00Z", "1mo", "2024-02-29T00:00:00Z"),
            ("2024-02-29T12:00:00Z", "1y", "2023-02-28T12:00:00Z"),
            ("2026-09-21T14:13:20Z", "30d", "2026-08-22T14:13:20Z"),
        ] {
            assert_eq!(keep.parse::<Keep>().unwrap().cutoff(time(now)), time(cutoff), "{now} {keep}");
        }
        for now in [0, 1, u64::MAX] {
            assert!(Keep::Months(1200).cutoff(now) <= now && Keep::Days(36_525).cutoff(now) <= now);
        }
    }

    #[test]
    fn a_clock_is_believed_when_it_has_gone_evenly_for_a_day() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("a.db"), &Expected::default()).unwrap();
        let sign = "INSERT INTO checkpoints VALUES ('a', 1, '', '', ?, NULL)";
        store.db().execute(sign, [NOW]).unwrap();
        let mut at = |now| trust(&mut store, now).unwrap();
        assert_eq!(at(NOW + DAY), Trust::Even, "the newest receipt is of yesterday");
        assert_eq!(at(NOW + 2 * DAY), Trust::Even);
        assert_eq!(at(NOW + 2 * DAY - BACK_MS), Trust::Even, "set right a little");
        let ahead = NOW + 1000 * DAY;
        assert!(matches!(at(ahead), Trust::Jumped(days) if days > 997 * DAY as i64));
        assert_eq!(at(ahead + 3_600_000), Trust::Waiting, "a collector that starts again and again");
        assert!(matches!(at(NOW + 3 * DAY), Trust::Jumped(days) if days < -996 * DAY as i64), "it is set right");
        assert_eq!(at(NOW + 3 * DAY + 1), Trust::Waiting);
        assert_eq!(at(NOW + 4 * DAY), Trust::Even);
        // Off for a month: nothing is lost but a day.
        assert!(matches!(at(NOW + 34 * DAY), Trust::Jumped(_)));
        assert_eq!(at(NOW + 35 * DAY), Trust::Even);
    }

    #[test]
    fn without_a_receipt_the_first_day_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("a.db"), &Expected::default()).unwrap();
        assert_eq!(trust(&mut store, NOW), Ok(Trust::Waiting));
        assert_eq!(trust(&mut store, NOW + DAY), Ok(Trust::Even));
    }
}
