//! The engine: everything the client decides, as a machine without a world around it.
//!
//! The driver brings what happened with the time it happened at, and carries out the effects it gets back. Nothing
//! here waits, reads a clock or touches a store, so the same engine runs in a browser and in a simulation.

use alloc::{string::String, vec::Vec};

#[cfg(test)]
mod continuity;
mod effect;
mod lanes;
mod page;
mod sending;

pub use effect::{Effect, Effects, Input, Remove, Write};

use super::{
    config::Config,
    error::Code,
    json::Object,
    lane::{Drops, EpochId, Lane},
    opening,
    pseudonym::Kind,
    recorder::{EventKind, Namespace, Recorder},
    sender::Sender,
    visit,
    wire::Wire,
};
use crate::ports::{Entropy, StoredRow};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Starting,
    Running,
    Closed,
}

/// How many places a lane may have that are not settled, in multiples of the events that may wait: an erased row takes
/// about half the room of a whole one.
const PLACES: u64 = 4;

/// A lane that may be taken.
struct Candidate {
    chain: String,
    record: String,
    /// How many rows were pruned at its beginning.
    pruned: u64,
}

/// One client's state.
pub struct Engine {
    phase: Phase,
    recorder: Recorder,
    /// Drops while no lane is open.
    drops: Drops,
    /// Lanes that may be idle.
    candidates: Vec<Candidate>,
    /// The lane given up while the page is frozen, to go on with on return.
    left: Option<Candidate>,
    /// The chains this page has written to, and the epoch of each.
    chains: Vec<(String, EpochId)>,
    /// Captured and not yet handed to the store.
    unwritten: Vec<StoredRow>,
    metas: Vec<(String, String)>,
    /// Handed to the store and not yet confirmed, by number of the write.
    writing: Vec<(u64, Vec<StoredRow>)>,
    last_id: u64,
    /// Writes that remove rows behind one that was not stored, by number.
    removing: Vec<u64>,
    /// The lane that the collector knows another history of, if it was this page's.
    forked: Option<String>,
    /// The lane this page gave up when it went on in memory, as long as something of ours is on its way there.
    given_up: Option<String>,
    /// How often this page has resigned as the sender: what it is told of an election before that is void.
    term: u64,
    /// Only the elected page has one.
    sender: Option<Sender>,
    /// The number of the read, the batch or the record's write that the sender waits for. What comes back under another
    /// number was asked for by an earlier sender of this page, before it was frozen.
    awaited: u64,
    /// The lane's rows that are not settled, the newest of them, for when the page leaves.
    tail: Vec<StoredRow>,
    /// The first seq of the lane that is not settled, as far as this page has heard.
    unsettled_from: u64,
    /// Whether nobody else can have written to the lane: it was opened here, or a write to it has succeeded. A row that
    /// is sent and then collides would be a fork.
    proven: bool,
    /// Chains and last seqs that went out while the page was leaving, perhaps before they were stored.
    sent_leaving: Vec<(String, u64)>,
    /// The number under which the answer to a flush is awaited: what another page says may be older than the question.
    flushing: Option<u64>,
    /// The flushes of other pages that this one, which sends, is to answer.
    asked: Vec<u64>,
    /// Which epoch's rows may be sent, as far as this page has heard.
    wire: Wire,
    /// The endpoint has failed and is given a rest: a page that leaves does not disturb it either.
    resting: bool,
    /// The store is this page's memory.
    degraded: bool,
    /// When to try the durable store again; `None`: there is none.
    restore_at: Option<u64>,
    /// The last write that the durable store was asked for before that.
    durable_until: u64,
    effects: Effects,
}

impl Engine {
    /// A client with this configuration that has not started.
    pub fn new(config: Config, entropy: &mut dyn Entropy) -> Self {
        Self {
            recorder: Recorder::new(config, entropy),
            phase: Phase::Starting,
            drops: Drops::default(),
            candidates: Vec::new(),
            left: None,
            chains: Vec::new(),
            unwritten: Vec::new(),
            metas: Vec::new(),
            writing: Vec::new(),
            last_id: 0,
            removing: Vec::new(),
            forked: None,
            given_up: None,
            term: 0,
            sender: None,
            awaited: 0,
            tail: Vec::new(),
            unsettled_from: 0,
            proven: false,
            sent_leaving: Vec::new(),
            flushing: None,
            asked: Vec::new(),
            wire: Wire::default(),
            resting: false,
            degraded: false,
            restore_at: None,
            durable_until: 0,
            effects: Effects::default(),
        }
    }

    /// Takes what happened at `now` and gives what is to be done, in order.
    pub fn handle(&mut self, input: Input, now: u64, entropy: &mut dyn Entropy) -> Effects {
        if self.phase != Phase::Closed {
            match input {
                Input::Opened(metas, durable) => self.opened(metas, durable, now),
                Input::LaneTaken(chain, rows, last) => self.lane_taken(chain, rows, last, now),
                Input::LaneBusy => self.lane_busy(),
                Input::Commit => self.commit(),
                Input::Written(id, result) => self.written(id, result, now, entropy),
                Input::Elected(term, metas) => self.elected(term, &metas, now, entropy),
                Input::Read(id, lines) => self.read(id, lines, now, entropy),
                Input::Answered(id, outcome) => self.answered(id, &outcome, now, entropy),
                Input::Wake => self.step(now, entropy),
                Input::Flush => self.flush(now, entropy),
                Input::Heard(message) => self.heard(&message, now, entropy),
                Input::Hidden => self.hidden(now, entropy),
                Input::Leaving(frozen) => self.leaving(frozen, now, entropy),
                Input::Resumed => self.resumed(now, entropy),
                Input::Online => self.hurry(now, entropy),
                Input::Hurry => self.run(),
                Input::Close => self.close(now, entropy),
                Input::Erase => self.erase(),
                Input::Restored(done) => self.restored(done, now),
                Input::Key(alg, pk) => self.recorder.key = Some((alg, pk)),
            }
        }
        core::mem::take(&mut self.effects)
    }

    /// Captures an event: scrubbed, pseudonymised and linked when this returns, stored with the next
    /// [`Input::Commit`].
    ///
    /// # Errors
    /// As [`Recorder::capture`], and [`Code::Overflow`]; the event is counted as dropped.
    pub fn capture(
        &mut self,
        kind: EventKind,
        name: &str,
        props: &str,
        context: &str,
        now: u64,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Code> {
        if self.phase == Phase::Closed {
            return Err(Code::Closed);
        }
        // Behind a write that may yet collide nothing closes a lane.
        if self.recorder.must_leave_lane(now) && (!self.recorder.goes_over(now) || self.must_hold_back()) {
            self.leave_lane();
        }
        let result = if self.is_full() {
            Err(Code::Overflow)
        } else {
            self.recorder.capture(kind, name, props, context, now, entropy)
        };
        match result {
            Ok(rows) => {
                self.take_rows(rows);
                Ok(())
            }
            Err(code) => {
                self.drop_one(code);
                Err(code)
            }
        }
    }

    /// Makes someone the user or group of the events to come, and captures that it happened.
    ///
    /// # Errors
    /// As [`Recorder::identify`] and [`capture`](Self::capture).
    #[allow(clippy::too_many_arguments, reason = "the binding passes what the caller said, each a different thing")]
    pub fn identify(
        &mut self,
        namespace: Namespace,
        kind: Kind,
        canonical: &str,
        raw: &str,
        props: &str,
        now: u64,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Code> {
        if self.phase == Phase::Closed {
            return Err(Code::Closed);
        }
        self.recorder.identify(namespace, kind, canonical, raw, now, entropy)?;
        let event = match namespace {
            Namespace::User => EventKind::Identify,
            Namespace::Group => EventKind::Group,
        };
        self.capture(event, "", props, "", now, entropy)
    }

    /// As [`Recorder::expect`].
    pub fn expect(&mut self, canonical: &str, raw: &str, now: u64, entropy: &mut dyn Entropy) -> String {
        self.recorder.expect(canonical, raw, now, entropy)
    }

    /// Takes an epochs document.
    ///
    /// # Errors
    /// As [`Recorder::epochs`].
    pub fn epochs(&mut self, document: &str, now: u64) -> Result<(), Code> {
        self.recorder.epochs(document, now)
    }

    /// Forgets user, group, device and visit; the next event opens a new lane. Other pages forget them too.
    pub fn reset(&mut self) {
        self.forget();
        self.effects.tell("reset");
    }

    /// Events that are captured and not stored yet.
    pub fn waiting(&self) -> u64 {
        let rows = self.unwritten.iter().chain(self.writing.iter().flat_map(|(_, rows)| rows));
        rows.filter(|row| opening::is_event(row)).count() as u64
    }

    /// Drops that no lane's record holds yet.
    pub fn unsaved_drops(&self) -> Drops {
        self.drops
    }

    /// Identifiers for which no pseudonym could be made.
    pub fn pseudonym_failures(&self) -> u64 {
        self.recorder.pseudonym_failures
    }

    /// The page that sends gives up the oldest events when too many wait. Their places in the chain stay, and none may
    /// give them up (every page is hidden, the store hangs): so there is an end to it.
    fn is_full(&self) -> bool {
        let next = self.recorder.lane.as_ref().map_or(0, |lane| lane.head.seq + 1);
        next.saturating_sub(self.unsettled_from) >= PLACES * self.recorder.config.limits.rows
    }

    fn drop_one(&mut self, code: Code) {
        let drops = match &mut self.recorder.lane {
            Some(lane) => {
                lane.unsaved = true;
                &mut lane.drops
            }
            None => &mut self.drops,
        };
        let (counter, reason) = match code {
            Code::Overflow => (&mut drops.overflow, "overflow"),
            Code::TooLarge => (&mut drops.too_large, "too_large"),
            _ => (&mut drops.scrubbed, "scrubbed"),
        };
        *counter += 1;
        self.effects.note("dropped", &Object::default().text("reason", reason).finish());
    }

    /// Nobody is to go on with the lane at hand: its epoch or its visitor has ended.
    fn leave_lane(&mut self) {
        if let Some(mut lane) = self.recorder.lane.take() {
            lane.closed = true;
            self.put_away(&lane);
        }
    }

    /// Keeps a lane's record for good, and gives the lane up.
    fn put_away(&mut self, lane: &Lane) {
        self.metas.push((lane.meta_key(), lane.save()));
        self.effects.release_lane(&lane.head.chain);
    }

    fn forget(&mut self) {
        self.leave_lane();
        self.forked = None;
        self.recorder.reset();
        self.metas.push((visit::META.into(), String::new()));
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

#[cfg(test)]
mod tests;
