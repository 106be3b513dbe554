//! Times as people read them.

use jiff::Timestamp;

/// A time in seconds since 1970, in UTC.
pub fn utc(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    // A forged note may name any number; the calendar ends with the year 9999.
    time.map_or_else(|| format!("{seconds} s after 1970"), |time| time.strftime("%F %TZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_sqlite() {
        let db = rusqlite::Connection::open_in_memory().unwrap();
        let some = (0..253_402_200_000u64).step_by(86_400 * 97 + 4321);
        for seconds in some.chain([951_782_399, 951_782_400, 253_402_200_000]) {
            let expected: String =
                db.query_row("SELECT datetime(?, 'unixepoch') || 'Z'", [seconds], |row| row.get(0)).unwrap();
            assert_eq!(utc(seconds), expected);
        }
        assert_eq!(utc(u64::MAX), "18446744073709551615 s after 1970");
    }
}
