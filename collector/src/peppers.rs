//! Peppers: a secret for each epoch, with which pseudonyms of the second level are made, in a file apart from the store.
//!
//! Whoever has the pepper and the epoch's salt can try identifiers out on the store, so it must not lie in the same file, and
//! is destroyed when the epoch's salt is. The file has a line for each epoch, which is only ever added to it or overwritten in
//! its place: a file that is written anew and renamed would leave the peppers of the old one on the disk.
//!
//! ```text
//! 20781 5f3a…                                            the pepper, 64 hex digits
//! 20779 destroyed 1790000000000                          and blanks up to the same length
//! ```

use crate::epochs;
use crate::error::Code;
use nymtrail::core::{epoch::Period, hex, pepper::second};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const DIGITS: usize = 64;
const DESTROYED: &str = "destroyed ";

/// The secret of one epoch.
#[derive(Clone, PartialEq, Eq)]
pub struct Pepper(Zeroizing<[u8; 32]>);

impl Pepper {
    /// The pseudonym of the second level.
    pub fn second(&self, pseudonym: &str) -> String {
        second(&self.0, pseudonym)
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper")
    }
}

/// What there is of an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The pepper.
    Kept(Pepper),
    /// It was destroyed at this time, in ms since 1970.
    Destroyed(u64),
    /// Neither: a destruction was cut off, or somebody wrote to the file.
    Damaged,
}

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The epoch.
    pub epoch: u64,
    /// What is known of it.
    pub state: State,
    /// Where the digits begin.
    at: u64,
}

/// The file. It is opened and locked for each use, as `serve` and `keys rotate` may both be at work.
#[derive(Clone, Debug)]
pub struct Peppers(PathBuf);

impl Peppers {
    /// The file at this path, made if there is none and readable by its owner alone. `true` if it was made now.
    ///
    /// # Errors
    /// `pepper_file`.
    pub fn open(path: PathBuf) -> Result<(Self, bool), Code> {
        let mut options = File::options();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let made = match options.write(true).create_new(true).open(&path) {
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(_) => return Err(Code::PepperFile),
        };
        let peppers = Self(path);
        peppers.lines()?;
        Ok((peppers, made))
    }

    /// The file at this path, if it is there.
    pub fn find(path: &Path) -> Option<Self> {
        path.is_file().then(|| Self(path.into()))
    }

    /// All lines.
    ///
    /// # Errors
    /// `pepper_file`.
    pub fn lines(&self) -> Result<Vec<Line>, Code> {
        self.locked(|file| Ok(read(file)?.0))
    }

    /// The pepper of an epoch that batches are taken of; made, and on disk, if there is none yet.
    ///
    /// # Errors
    /// `unknown_epoch` if it was destroyed, which it is only later unless a clock was set back; `pepper_file`; `unavailable`
    /// without randomness.
    pub fn of(&self, epoch: u64) -> Result<Pepper, Code> {
        self.locked(|file| {
            let (lines, end) = read(file)?;
            match lines.into_iter().find(|line| line.epoch == epoch).map(|line| line.state) {
                Some(State::Kept(pepper)) => return Ok(pepper),
                Some(State::Destroyed(_)) => return Err(Code::UnknownEpoch),
                Some(State::Damaged) => return Err(Code::PepperFile),
                None => {}
            }
            let mut bytes = Zeroizing::new([0; 32]);
            getrandom::fill(&mut *bytes).map_err(|_| Code::Unavailable)?;
            let line = Zeroizing::new(format!("{epoch} {}\n", *Zeroizing::new(hex::encode(&*bytes))));
            // Whatever a crash has left behind the last whole line was never used.
            overwrite(file, end, line.as_bytes()).map_err(|_| Code::PepperFile)?;
            Ok(Pepper(bytes))
        })
    }

    /// Overwrites the peppers of epochs that nothing is taken of any more. Gives these epochs.
    ///
    /// # Errors
    /// `pepper_file`.
    pub fn destroy_due(&self, period: Period, now: u64) -> Result<Vec<u64>, Code> {
        self.locked(|file| {
            let mut destroyed = Vec::new();
            for Line { epoch, state, at } in read(file)?.0 {
                let due = period.start(epoch + 1) + epochs::GRACE_MS <= now;
                if due && !matches!(state, State::Destroyed(_)) {
                    // First of all gone; only then it is said.
                    overwrite(file, at, &[b'0'; DIGITS]).map_err(|_| Code::PepperFile)?;
                    let log = format!("{:<DIGITS$}", format!("{DESTROYED}{now}"));
                    overwrite(file, at, log.as_bytes()).map_err(|_| Code::PepperFile)?;
                    destroyed.push(epoch);
                }
            }
            Ok(destroyed)
        })
    }

    fn locked<T>(&self, work: impl FnOnce(&mut File) -> Result<T, Code>) -> Result<T, Code> {
        let mut file = File::options().read(true).write(true).open(&self.0).map_err(|_| Code::PepperFile)?;
        file.lock().map_err(|_| Code::PepperFile)?; // until the file is closed
        work(&mut file)
    }
}

/// The lines, and where the last whole one ends.
fn read(file: &mut File) -> Result<(Vec<Line>, u64), Code> {
    let mut text = Zeroizing::new(String::with_capacity(1 << 16));
    file.rewind().and_then(|()| file.read_to_string(&mut text)).map_err(|_| Code::PepperFile)?;
    let (mut lines, mut end) = (Vec::new(), 0);
    for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        let (epoch, rest) = line.trim_end_matches('\n').split_once(' ').ok_or(Code::PepperFile)?;
        let epoch = epoch.parse::<u32>().map_err(|_| Code::PepperFile)?.into(); // days, weeks or months
        let at = end + (line.len() - 1 - rest.len()) as u64;
        let state = match (rest.strip_prefix(DESTROYED), hex::decode(rest)) {
            _ if rest.len() != DIGITS => return Err(Code::PepperFile),
            (_, Some(bytes)) if bytes == [0; 32] => State::Damaged,
            (_, Some(bytes)) => State::Kept(Pepper(Zeroizing::new(bytes))),
            (Some(time), _) => time.trim_end().parse().map_or(State::Damaged, State::Destroyed),
            _ => State::Damaged,
        };
        lines.push(Line { epoch, state, at });
        end += line.len() as u64;
    }
    Ok((lines, end))
}

/// Writes in place and to the disk.
fn overwrite(file: &mut File, at: u64, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nymtrail::core::epoch::DAY;

    const P: &str = "p1.0kjgA_5tMJc05lhIFTSs9Q";

    fn open(dir: &tempfile::TempDir) -> Peppers {
        Peppers::open(dir.path().join("a.db.pepper")).unwrap().0
    }

    fn text(dir: &tempfile::TempDir) -> String {
        std::fs::read_to_string(dir.path().join("a.db.pepper")).unwrap()
    }

    #[test]
    fn each_epoch_has_one_pepper_which_only_the_owner_may_read() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Peppers::find(&dir.path().join("a.db.pepper")).map(|_| ()), None);
        let (peppers, made) = Peppers::open(dir.path().join("a.db.pepper")).unwrap();
        let (first, second) = (peppers.of(7).unwrap(), peppers.of(8).unwrap());
        assert!(made && first != second && first.second(P) != second.second(P));
        assert_eq!((open(&dir).of(7).unwrap(), peppers.of(8).unwrap()), (first.clone(), second));
        assert!(!format!("{first:?} {peppers:?}").contains(&text(&dir)[2..20]));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(dir.path().join("a.db.pepper")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_pepper_is_destroyed_48_hours_after_its_epoch_and_that_is_logged() {
        let dir = tempfile::tempdir().unwrap();
        let peppers = open(&dir);
        peppers.of(7).unwrap();
        let kept = peppers.of(8).unwrap();
        let (before, due) = (text(&dir), 10 * DAY);
        assert_eq!(peppers.destroy_due(Period::Day, due - 1), Ok(vec![]));
        assert_eq!(text(&dir), before);
        assert_eq!(peppers.destroy_due(Period::Day, due), Ok(vec![7]));
        assert_eq!(text(&dir), format!("7 {:<64}\n{}", "destroyed 864000000", before.lines().nth(1).unwrap()) + "\n");
        assert_eq!(peppers.destroy_due(Period::Day, due + 1), Ok(vec![]), "once is enough");
        assert_eq!((peppers.of(7), peppers.of(8)), (Err(Code::UnknownEpoch), Ok(kept)), "it is never made again");
    }

    #[test]
    fn what_a_crash_has_left_is_mended_or_refused() {
        let dir = tempfile::tempdir().unwrap();
        let peppers = open(&dir);
        let (path, pepper) = (dir.path().join("a.db.pepper"), peppers.of(7).unwrap());
        // While a pepper was added: nothing had been made with it.
        let whole = text(&dir);
        std::fs::write(&path, format!("{whole}8 5f3a")).unwrap();
        assert_eq!(peppers.of(7).unwrap(), pepper);
        let next = peppers.of(8).unwrap();
        assert_eq!((peppers.of(8).unwrap(), peppers.lines().unwrap().len()), (next, 2));
        // While one was destroyed: it is gone, though it is not said.
        for cut_off in ["0".repeat(64), format!("{:<64}", "destroyed"), format!("{:f<64}", "destroyed 86")] {
            std::fs::write(&path, format!("7 {cut_off}\n")).unwrap();
            assert_eq!(peppers.of(7), Err(Code::PepperFile), "{cut_off}");
            assert_eq!(peppers.destroy_due(Period::Day, 10 * DAY), Ok(vec![7]));
            assert_eq!(peppers.of(7), Err(Code::UnknownEpoch));
        }
        for wrong in ["nothing\n", "7 5f3a\n", "x 00\n", "\n"] {
            std::fs::write(&path, wrong).unwrap();
            assert_eq!(Peppers::open(path.clone()).map(|_| ()), Err(Code::PepperFile), "{wrong}");
        }
        std::fs::write(&path, b"\xff").unwrap();
        assert_eq!(peppers.of(7), Err(Code::PepperFile));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(peppers.of(7), Err(Code::PepperFile), "a file that is gone is not made again by the way");
    }
}
