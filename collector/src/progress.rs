//! How far a long reading is, on a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// What takes less long is not worth a line.
const PATIENCE: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(200);

/// One line that is written over again and again, and taken away at the end.
pub struct Progress {
    size: Option<u64>,
    begun: Instant,
    shown: Option<Instant>,
}

impl Progress {
    /// For so many bytes, if that is known; `None` without a terminal.
    pub fn on_terminal(size: Option<u64>) -> Option<Self> {
        io::stderr().is_terminal().then(|| Self { size, begun: Instant::now(), shown: None })
    }

    /// So many bytes are read.
    pub fn show(&mut self, read: u64) {
        if self.shown.map_or(self.begun.elapsed() < PATIENCE, |shown| shown.elapsed() < STEP) {
            return;
        }
        self.shown = Some(Instant::now());
        // A terminal that is gone is no reason to stop.
        let _ = write!(io::stderr(), "\r{}\x1b[K", line(read, self.size, self.begun.elapsed()));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

fn line(read: u64, size: Option<u64>, time: Duration) -> String {
    let part = size.filter(|size| *size > 0).map(|size| format!(", {} %", read.saturating_mul(100) / size));
    format!("checking: {} MB{}, {} s", read / 1_000_000, part.unwrap_or_default(), time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is() {
        let time = Duration::from_secs(7);
        assert_eq!(line(123_456_789, Some(246_913_578), time), "checking: 123 MB, 50 %, 7 s");
        assert_eq!(line(5_000_000, None, time), "checking: 5 MB, 7 s");
        assert_eq!(line(0, Some(0), time), "checking: 0 MB, 7 s");
    }
}
