//! What an engine is told and what it asks for.

use crate::core::{
    error::{Code, StoreErrorKind},
    frames::{FRAME, Frames, Items},
    words::{Reader, Words},
};
use crate::ports::StoredRow;
use alloc::{string::String, vec::Vec};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The store is open: all its metas, and whether it outlives the page.
    Opened(Vec<(String, String)>, bool),
    /// The lane that was tried is this page's now; how many rows it has, and the last line.
    LaneTaken(String, u64, Option<String>),
    /// The lane that was tried belongs to another page.
    LaneBusy,
    /// The task is at its end: what it captured is to be stored.
    Commit,
    /// The write of that number was carried out, or failed.
    Written(u64, Result<(), StoreErrorKind>),
    /// This page sends, from now on or since before: the term it stood for, all metas and where each lane ends (`top/` and
    /// the chain, with the last seq).
    Elected(u64, Vec<(String, String)>),
    /// The lines of the read of that number, or the store's failure.
    Read(u64, Option<Vec<String>>),
    /// The endpoint's outcome for the batch of that number.
    Answered(u64, String),
    /// The time that was asked for has come.
    Wake,
    /// The caller wants everything sent and to hear how it went.
    Flush,
    /// Another page of this origin said something.
    Heard(String),
    /// The page is no longer visible and may end without another word.
    Hidden,
    /// The page is left; `true`: it is frozen and may come back.
    Leaving(bool),
    /// The page is back.
    Resumed,
    /// The network is back.
    Online,
    /// Calls come in although the store is not open yet.
    Hurry,
    /// The client is closed by its owner.
    Close,
    /// What was in this page's memory is in the durable store, or it still takes nothing.
    Restored(bool),
    /// Everything is about to be deleted: nothing is written or sent any more.
    Erase,
    /// A key that signs the next chain is at hand: its algorithm, and the public key in hex.
    Key(String, String),
}

/// What is to be done, in order: an [`Effect`] is a frame as soon as it is asked for.
#[derive(Debug, Default)]
pub struct Effects(Frames);

// The numbers are those of `EFFECTS` in `js/driver.ts`; `read` below is the other way round.
impl Effects {
    pub(super) fn try_lane(&mut self, chain: &str) {
        self.0.begin(0, 0, chain);
    }

    pub(super) fn hold_lane(&mut self, chain: &str) {
        self.0.begin(1, 0, chain);
    }

    pub(super) fn release_lane(&mut self, chain: &str) {
        self.0.begin(2, 0, chain);
    }

    pub(super) fn elect(&mut self, term: u64) {
        self.0.begin(3, term, "");
    }

    pub(super) fn resign(&mut self) {
        self.0.begin(4, 0, "");
    }

    pub(super) fn write(&mut self, id: u64, remove: Option<Remove>, add: &[StoredRow], put: &[(String, String)]) {
        // What is to be deleted and how many rows there are; three items a row, the rest are metas.
        let Remove { chain, first, last } = remove.unwrap_or_default();
        let words = Words::default().text(Some(&chain)).numbers(&[first, last, add.len() as u64]);
        self.0.begin(5, id, &words.finish());
        for row in add {
            self.0.item(&row.chain).number(row.seq).item(&row.line);
        }
        for (key, value) in put {
            self.0.item(key).item(value);
        }
    }

    pub(super) fn read(&mut self, id: u64, chain: &str, from: u64, rows: u64, bytes: u64) {
        self.0.begin(6, id, chain).number(from).number(rows).number(bytes);
    }

    pub(super) fn deliver(&mut self, id: u64, lines: &[String], meta: &str, exit: bool) {
        self.0.begin(7 + u64::from(exit), id, meta);
        for line in lines {
            self.0.item(line);
        }
    }

    pub(super) fn wake(&mut self, ms: u64) {
        self.0.begin(9, ms, "");
    }

    pub(super) fn tell(&mut self, message: &str) {
        self.0.begin(10, 0, message);
    }

    pub(super) fn degrade(&mut self) {
        self.0.begin(11, 0, "");
    }

    pub(super) fn ready(&mut self) {
        self.0.begin(12, 0, "");
    }

    pub(super) fn flushed(&mut self, code: Option<Code>) {
        self.0.begin(13, 0, code.map_or("", Code::as_str));
    }

    pub(super) fn warn(&mut self, code: Code) {
        self.0.begin(14, 0, code.as_str());
    }

    pub(super) fn note(&mut self, kind: &str, detail: &str) {
        self.0.begin(15, 0, kind).item(detail);
    }

    pub(super) fn survey(&mut self, term: u64) {
        self.0.begin(16, term, "");
    }

    pub(super) fn restore(&mut self) {
        self.0.begin(17, 0, "");
    }

    /// As frames, for the browser's driver.
    pub fn frames(self) -> String {
        self.0.0
    }

    /// One by one, for any other driver: what it gets has been through the frames too. `None`: a defect in them.
    pub fn list(&self) -> Option<Vec<Effect>> {
        self.0.0.split(FRAME).skip(1).map(|frame| read(Items(frame))).collect()
    }
}

/// Reads a frame.
fn read(mut items: Items) -> Option<Effect> {
    let number = |text: Option<&str>| text?.parse().ok();
    let (kind, id, text) = (number(items.next())?, number(items.next())?, items.next()?);
    let code = || Code::ALL.iter().find(|code| code.as_str() == text).copied();
    Some(match kind {
        0 => Effect::TryLane(text.into()),
        1 => Effect::HoldLane(text.into()),
        2 => Effect::ReleaseLane(text.into()),
        3 => Effect::Elect(id),
        4 => Effect::Resign,
        5 => Effect::Write(id, read_write(text, items)?),
        6 => {
            let chain = text.into();
            Effect::Read {
                id,
                chain,
                from: number(items.next())?,
                rows: number(items.next())?,
                bytes: number(items.next())?,
            }
        }
        7 | 8 => Effect::Deliver { id, lines: items.map(Into::into).collect(), meta: text.into(), exit: kind == 8 },
        9 => Effect::Wake(id),
        10 => Effect::Tell(text.into()),
        11 => Effect::Degrade,
        12 => Effect::Ready,
        13 => Effect::Flushed(code()),
        14 => Effect::Warn(code()?),
        15 => Effect::Note(text.into(), items.next()?.into()),
        16 => Effect::Survey(id),
        17 => Effect::Restore,
        _ => return None,
    })
}

fn read_write(removed: &str, mut items: Items) -> Option<Write> {
    let mut words = Reader::new(removed);
    let (chain, first, last, rows) = (words.string(), words.number()?, words.number()?, words.number()?);
    let mut write = Write { remove: chain.map(|chain| Remove { chain, first, last }), ..Write::default() };
    for _ in 0..rows {
        let (chain, seq, line) = (items.next()?.into(), items.next()?.parse().ok()?, items.next()?.into());
        write.add.push(StoredRow { chain, seq, line });
    }
    while let Some(key) = items.next() {
        write.put.push((key.into(), items.next()?.into()));
    }
    Some(write)
}

/// One thing to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Try to become the writer of an idle lane, count its rows and read the last.
    TryLane(String),
    /// Hold a lane that was opened just now.
    HoldLane(String),
    /// Give up a lane.
    ReleaseLane(String),
    /// Stand for election as the sender, for that term.
    Elect(u64),
    /// Read all metas once more, for [`Input::Elected`]: there may be lanes that nobody told of.
    Survey(u64),
    /// Stop being the sender, or standing for it.
    Resign,
    /// Change the store, in one transaction that comes back with the number.
    Write(u64, Write),
    /// Read lines.
    Read {
        /// Comes back with the lines.
        id: u64,
        /// The chain.
        chain: String,
        /// The first seq.
        from: u64,
        /// At most so many rows.
        rows: u64,
        /// At most so many bytes of lines.
        bytes: u64,
    },
    /// Give a batch to the endpoint.
    Deliver {
        /// Comes back with the answer.
        id: u64,
        /// The rows' exact lines.
        lines: Vec<String>,
        /// What goes beside them, a JSON object.
        meta: String,
        /// The page is leaving: nobody waits for the answer.
        exit: bool,
    },
    /// Call again in so many ms; a later one replaces an earlier one.
    Wake(u64),
    /// Say something to the other pages of this origin.
    Tell(String),
    /// Go on with a store in memory: the durable one does not take any more.
    Degrade,
    /// Move what is in memory to the durable store and go on there, if it takes it again.
    Restore,
    /// Calls may come in.
    Ready,
    /// All that wait for a flush are told: nothing is pending, or why something is.
    Flushed(Option<Code>),
    /// Tell the developer, once.
    Warn(Code),
    /// Something a watching developer wants to see: kind and a JSON value.
    Note(String, String),
}

/// A change of the store: all of it or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Write {
    /// Rows to add; one whose place is taken fails the write as a collision.
    pub add: Vec<StoredRow>,
    /// Metas to put.
    pub put: Vec<(String, String)>,
    /// Rows to delete.
    pub remove: Option<Remove>,
}

/// Rows of a chain, from one seq to another, both included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remove {
    /// The chain.
    pub chain: String,
    /// The first seq.
    pub first: u64,
    /// The last seq.
    pub last: u64,
}
