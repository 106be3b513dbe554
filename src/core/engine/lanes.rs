//! Lanes and the store: whose chain is written to, and what is done when it turns out not to be.

use super::{Candidate, Engine, Phase, Remove};
use crate::core::{
    chain::Head,
    error::{Code, StoreErrorKind},
    joined,
    json::{Object, write_text},
    lane::{Drops, EpochId, Lane, META_LANE, META_SETTLED},
    opening,
    recorder::META_KEYRING,
    row::{MAX_INTEGER, Row},
    sender::Sender,
    settled::Settled,
    visit, wire,
    words::Words,
};
use crate::ports::{Entropy, StoredRow};
use alloc::{string::String, vec::Vec};

/// Idle lanes that a starting page tries to take before it opens its own: each try costs a lock and a read.
const LANES_TRIED: usize = 4;
/// How often a page in memory tries the durable store: each try writes all it has.
const RESTORE_EVERY_MS: u64 = 60_000;

impl Engine {
    pub(super) fn opened(&mut self, metas: Vec<(String, String)>, durable: bool, now: u64) {
        let meta = |name| metas.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        self.recorder.resume(meta(META_KEYRING), meta(visit::META));
        self.wire.learn(meta(wire::META).unwrap_or_default(), now);
        self.wire.prefer(self.recorder.epoch(now), now);
        if durable {
            self.effects.elect(self.term);
            self.effects.tell("opened");
        } else {
            // What is in this page's memory nobody else can send.
            self.degraded = true;
            self.sender = Some(Sender::new(&self.recorder.config, &[], 0));
            self.effects.warn(Code::StorageDisabled);
        }
        let epoch = self.recorder.epoch_id(now);
        let mut before: Option<(u64, Candidate)> = None;
        for (key, saved) in &metas {
            if let Some(chain) = key.strip_prefix(META_LANE)
                && let Some(lane) = Lane::load(saved, Head::nowhere()).filter(|lane| !lane.closed)
            {
                let newest = before.as_ref().is_none_or(|(number, _)| *number < lane.epoch.number);
                let ends = newest && self.recorder.goes_on_with(lane.epoch, now);
                if !ends && (lane.epoch != epoch || self.candidates.len() >= LANES_TRIED) {
                    continue;
                }
                let settled = metas.iter().find(|(key, _)| key.strip_prefix(META_SETTLED) == Some(chain));
                let settled = settled.map_or_else(Settled::default, |(_, saved)| Settled::load(saved));
                // The collector takes nothing of a lane any more whose events had to be moved.
                if settled.moved == 0 {
                    let (record, pruned) = (saved.clone(), settled.first());
                    let candidate = Candidate { chain: chain.into(), record, pruned };
                    if ends {
                        before = Some((lane.epoch.number, candidate));
                    } else {
                        self.candidates.push(candidate);
                    }
                }
            }
        }
        // The last one is tried first: the epoch before is gone on with only where no lane of this one is idle.
        if let Some((_, candidate)) = before {
            let mut others = core::mem::replace(&mut self.candidates, Vec::from([candidate]));
            self.candidates.append(&mut others);
        }
        self.try_next_lane();
    }

    fn try_next_lane(&mut self) {
        match self.candidates.last() {
            Some(lane) if self.recorder.lane.is_none() => self.effects.try_lane(&lane.chain),
            _ => self.run(),
        }
    }

    pub(super) fn lane_busy(&mut self) {
        self.candidates.pop();
        self.try_next_lane();
    }

    pub(super) fn lane_taken(&mut self, chain: String, rows: u64, last: Option<String>, now: u64) {
        let found = self.candidates.pop().filter(|candidate| candidate.chain == chain);
        let row = last.and_then(|line| Row::parse(&line));
        let lane = found.zip(row).and_then(|(candidate, row)| {
            // A page that died when the disk was full may have left a hole, behind which nothing links. And what this page
            // knows of the lane may be older than its end.
            let whole = candidate.pruned + rows == row.seq + 1 && !opening::is_close(&row);
            Lane::load(&candidate.record, Head::after(row)).filter(|_| whole)
        });
        match lane {
            // Whoever could not wait has opened a lane of its own meanwhile.
            Some(lane) if self.recorder.lane.is_none() => {
                let (next, ours) = (lane.head.seq + 1, self.recorder.may_go_on(&lane));
                self.recorder.lane = Some(lane);
                self.begin_lane(chain, next, false);
                if !ours || self.recorder.must_leave_lane(now) && !self.recorder.goes_over(now) {
                    self.leave_lane();
                }
            }
            _ => self.effects.release_lane(&chain),
        }
        self.candidates.clear();
        self.run();
    }

    pub(super) fn run(&mut self) {
        if self.phase == Phase::Starting {
            self.phase = Phase::Running;
            self.effects.ready();
        }
    }

    /// Takes rows that were linked just now. The first may be the genesis of a lane opened for them.
    pub(super) fn take_rows(&mut self, rows: Vec<StoredRow>) {
        if let Some((lane, opening)) = self.recorder.closed.take() {
            self.metas.push((joined(opening::META, &lane.head.chain), opening.text()));
            self.put_away(&lane);
        }
        if let Some(genesis) = rows.iter().find(|row| row.seq == 0) {
            self.effects.hold_lane(&genesis.chain);
            let note = Object::default().text("chain", &genesis.chain).finish();
            self.effects.note("lane", &note);
            let chain = genesis.chain.clone();
            self.begin_lane(chain, 0, true);
            // Drops that had no lane's record to go into go into the new one's.
            if let Some(lane) = &mut self.recorder.lane {
                lane.drops = lane.drops.plus(&core::mem::take(&mut self.drops));
            }
        }
        self.unwritten.extend(rows);
    }

    fn begin_lane(&mut self, chain: String, unsettled_from: u64, proven: bool) {
        let epoch = self.recorder.lane.as_ref().map_or_else(EpochId::default, |lane| lane.epoch);
        self.chains.push((chain, epoch));
        self.unsettled_from = unsettled_from;
        self.proven = proven;
        self.tail.clear();
    }

    pub(super) fn commit(&mut self) {
        let mut put = core::mem::take(&mut self.metas);
        self.recorder.take_unsaved(&mut put);
        let held_back = self.must_hold_back();
        let rows = if held_back { Vec::new() } else { core::mem::take(&mut self.unwritten) };
        // One write for each chain (a lane was left and one opened in this task), so that a failure is about one of them;
        // each with its lane's record, without which its rows would not be found, and the last with all else.
        let mut group: Vec<StoredRow> = Vec::new();
        for row in rows {
            if let Some(last) = group.last().filter(|last| last.chain != row.chain) {
                let key = joined(META_LANE, &last.chain);
                let own = put.iter().position(|(name, _)| *name == key);
                let own = own.and_then(|at| put.get(at..=at)).unwrap_or_default();
                self.write(core::mem::take(&mut group), own);
            }
            group.push(row);
        }
        if !group.is_empty() || !put.is_empty() {
            self.write(group, &put);
        }
    }

    pub(super) fn write(&mut self, rows: Vec<StoredRow>, put: &[(String, String)]) {
        self.remember(&rows);
        let id = self.next_id();
        self.effects.write(id, None, &rows, put);
        self.writing.push((id, rows));
    }

    /// The first write to a lane that was another page's shows whether it has all of that page's rows. Nothing is
    /// written behind it before that is known, so no row is ever stored that does not link.
    pub(super) fn must_hold_back(&self) -> bool {
        !self.proven && self.writing.iter().any(|(_, rows)| !rows.is_empty())
    }

    /// Writes what is held back too, in a new lane: the page may not live to hear how its first write went.
    pub(super) fn commit_all(&mut self, entropy: &mut dyn Entropy) {
        if self.must_hold_back() && !self.unwritten.is_empty() {
            let rows = core::mem::take(&mut self.unwritten);
            if let Some(lane) = self.recorder.lane.take() {
                self.effects.release_lane(&lane.head.chain);
            }
            self.relink(&rows, entropy);
        }
        self.commit();
    }

    /// Links the events of `rows` once more. An opening that rests on a closing row among them is void.
    pub(super) fn relink(&mut self, rows: &[StoredRow], entropy: &mut dyn Entropy) {
        void(rows, &mut self.metas);
        let linked = self.recorder.relink(rows, entropy);
        self.take_rows(linked);
    }

    pub(super) fn written(&mut self, id: u64, result: Result<(), StoreErrorKind>, now: u64, entropy: &mut dyn Entropy) {
        self.removing.retain(|number| *number != id);
        let mut written = None;
        self.writing.retain_mut(|(number, rows)| {
            let other = *number != id;
            if !other {
                written = Some(core::mem::take(rows));
            }
            other
        });
        let Some(rows) = written else {
            self.release_given_up();
            return self.settlement_written(id, now, entropy);
        };
        if let Some(first) = rows.first() {
            let chain = first.chain.clone();
            self.rows_written(id, &chain, rows, result, now, entropy);
        }
        // Moved rows are stored together with the record that says so.
        self.settlement_written(id, now, entropy);
        self.release_given_up();
    }

    fn rows_written(
        &mut self,
        id: u64,
        chain: &str,
        rows: Vec<StoredRow>,
        result: Result<(), StoreErrorKind>,
        now: u64,
        entropy: &mut dyn Entropy,
    ) {
        let late = self.degraded && id <= self.durable_until;
        match result {
            Ok(()) => {
                self.stored(chain, &rows, !late, now, entropy);
                self.commit();
            }
            Err(_) if late => self.move_to_memory(rows, entropy),
            // Memory does not fail; if it did, the events would be lost, and counted.
            Err(_) if self.degraded => {
                self.drops.quota += rows.iter().filter(|row| opening::is_event(row)).count() as u64
            }
            Err(StoreErrorKind::Collision) => {
                self.abandon(chain.into());
                self.link_again(rows, entropy);
            }
            Err(kind) => self.degrade(rows, kind, now, entropy),
        }
    }

    /// `here`: in the store that this page's sender reads, if it has one.
    fn stored(&mut self, chain: &str, rows: &[StoredRow], here: bool, now: u64, entropy: &mut dyn Entropy) {
        self.proven |= self.recorder.lane.as_ref().is_some_and(|lane| lane.head.chain == chain);
        let epoch = self.chains.iter().find(|(known, _)| known == chain);
        let epoch = epoch.map_or_else(EpochId::default, |(_, epoch)| *epoch);
        let (mut note, mut bytes, mut top) = (String::new(), 0, 0);
        if rows.iter().all(|row| row.seq > 0 && !opening::is_event(row)) {
            // Sent with what a later page looks for: soon after the new chain's first rows it would tell of them.
            return;
        }
        for row in rows {
            note.push(if note.is_empty() { '[' } else { ',' });
            write_text(&row.line, &mut note);
            bytes += row.line.len() as u64;
            top = row.seq;
        }
        note.push(']');
        let count = rows.len() as u64;
        match self.sender.as_mut().filter(|_| here) {
            Some(sender) => {
                sender.stored(chain, epoch, top, count, bytes, now);
                if self.flushing.is_some() {
                    // What was on its way to the store when everything was wanted is part of it.
                    sender.want(false);
                }
            }
            None => {
                let words = Words::default().text(Some("stored")).text(Some(chain)).numbers(&[top, count, bytes]);
                self.effects.tell(&words.numbers(&[epoch.number, u64::from(epoch.published)]).finish());
                self.ask_for_flush();
            }
        }
        self.effects.note("stored", &note);
        self.step(now, entropy);
    }

    /// Another page had written to this lane after its last row was read, and nothing of ours was stored.
    fn abandon(&mut self, chain: String) {
        self.effects.warn(Code::Collision);
        if self.recorder.lane.as_ref().is_some_and(|lane| lane.head.chain == chain) {
            self.recorder.lane = None;
            self.effects.release_lane(&chain);
        }
    }

    /// Links the events of `rows`, and those captured after them, once more: in a new lane, if theirs was abandoned.
    fn link_again(&mut self, mut rows: Vec<StoredRow>, entropy: &mut dyn Entropy) {
        if self.recorder.lane.is_none() {
            rows.append(&mut self.unwritten);
        }
        self.tail.clear();
        self.relink(&rows, entropy);
        self.commit();
    }

    /// The store does not take any more: this page goes on in memory with all that is not stored.
    fn degrade(&mut self, mut lost: Vec<StoredRow>, kind: StoreErrorKind, now: u64, entropy: &mut dyn Entropy) {
        let code = if kind == StoreErrorKind::Quota { Code::Quota } else { Code::StorageDisabled };
        self.effects.warn(code);
        self.resign();
        self.effects.degrade();
        self.degraded = true;
        self.restore_at = Some(now + RESTORE_EVERY_MS);
        self.durable_until = self.last_id;
        self.sender = Some(Sender::new(&self.recorder.config, &[], 0));
        self.take_back(&mut lost);
        lost.append(&mut self.unwritten);
        if let Some(lane) = self.recorder.lane.take() {
            // What the lane's record in the old store says stays there; only what it does not say yet moves.
            self.drops = self.drops.plus(&if lane.unsaved { lane.drops } else { Drops::default() });
            self.given_up = Some(lane.head.chain);
        }
        self.move_to_memory(lost, entropy);
    }

    /// Whether the durable store takes anything again is tried now and then.
    pub(super) fn restore_when_due(&mut self, now: u64) {
        // A clock that was set back does not put it off.
        if self.degraded && self.restore_at.is_some_and(|at| now >= at || now + RESTORE_EVERY_MS < at) {
            self.restore_at = None;
            self.effects.restore();
        }
    }

    pub(super) fn restored(&mut self, done: bool, now: u64) {
        if done {
            // From here on this page is one among others again: the elected one sends, and looks for what came.
            self.degraded = false;
            self.sender = None;
            self.effects.elect(self.term);
            self.effects.tell("opened");
        } else {
            self.restore_at = Some(now + RESTORE_EVERY_MS);
        }
    }

    /// Adds the rows on their way to the store behind `lost`, which is of one chain: they would not link. Should they be
    /// stored, they are removed again; but not from a lane that was left before: what stands there may be another page's.
    fn take_back(&mut self, lost: &mut Vec<StoredRow>) {
        let Some((chain, from)) = lost.first().map(|row| (row.chain.clone(), row.seq)) else { return };
        let before = lost.len();
        for (_, rows) in &mut self.writing {
            if rows.first().is_some_and(|row| row.chain == chain) {
                lost.append(rows);
            }
        }
        let ours = self.given_up.as_ref().or(self.recorder.lane.as_ref().map(|lane| &lane.head.chain));
        if lost.len() > before && ours == Some(&chain) {
            let id = self.next_id();
            self.removing.push(id);
            self.effects.write(id, Some(Remove { chain, first: from, last: MAX_INTEGER }), &[], &[]);
        }
    }

    /// Another page may have the lane that was given up only when nothing of ours is on its way there any more: neither
    /// rows nor the removal of some.
    fn release_given_up(&mut self) {
        let Some(chain) = &self.given_up else { return };
        let busy = self.writing.iter().any(|(_, rows)| rows.first().is_some_and(|row| row.chain == *chain));
        if !busy && self.removing.is_empty() {
            self.effects.release_lane(chain);
            self.given_up = None;
        }
    }

    /// Links rows that the durable store did not take in this page's own.
    fn move_to_memory(&mut self, mut lost: Vec<StoredRow>, entropy: &mut dyn Entropy) {
        self.take_back(&mut lost);
        // What went out while the page was leaving may have arrived; under a new id it would be there twice.
        let before = lost.len();
        for (chain, through) in &self.sent_leaving {
            lost.retain(|row| row.chain != *chain || row.seq > *through || row.seq == 0);
        }
        self.drops.quota += (before - lost.len()) as u64;
        self.relink(&lost, entropy);
        self.commit();
    }
}

/// Forgets the opening of a chain if what closes it is among these rows.
pub(super) fn void(rows: &[StoredRow], metas: &mut Vec<(String, String)>) {
    if let Some(close) = rows.iter().find(|row| row.seq > 0 && !opening::is_event(row)) {
        metas.push((joined(opening::META, &close.chain), String::new()));
    }
}
