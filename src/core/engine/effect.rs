//! What an engine is told and what it asks for.

use crate::core::error::{Code, StoreErrorKind};
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
}

/// What is to be done.
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
    Note(&'static str, String),
}

/// A change of the store: all of it or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Write {
    /// Rows to add; one whose place is taken fails the write as a collision.
    pub add: Vec<StoredRow>,
    /// Metas to put.
    pub put: Vec<(String, String)>,
    /// Rows to delete, as chain, first and last seq.
    pub remove: Option<(String, u64, u64)>,
}
