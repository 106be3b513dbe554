//! Lanes and the store: whose chain is written to, and what is done when it turns out not to be.

use super::{Effect, Engine, Phase, Write};
use crate::core::{
    chain::Head,
    error::{Code, StoreErrorKind},
    json::{Object, write_text},
    lane::{Drops, Lane, META_LANE},
    recorder::META_KEYRING,
    row::Row,
    sender::Sender,
    visit,
    words::Words,
};
use crate::ports::{Entropy, StoredRow};
use alloc::{string::String, vec::Vec};

/// Idle lanes that a starting page tries to take before it opens its own: each try costs a lock and a read.
const LANES_TRIED: usize = 4;

impl Engine {
    pub(super) fn opened(&mut self, metas: Vec<(String, String)>, durable: bool, now: u64) {
        let meta = |name| metas.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        self.recorder.resume(meta(META_KEYRING), meta(visit::META));
        if durable {
            self.effects.push(Effect::Elect);
        } else {
            // What is in this page's memory nobody else can send.
            self.degraded = true;
            self.sender = Some(Sender::new(&self.config, &[]));
            self.effects.push(Effect::Warn(Code::StorageDisabled));
        }
        let epoch = self.recorder.epoch(now);
        let published = self.recorder.is_published(epoch);
        let fits = |saved: &str| {
            Lane::load(saved, Head::nowhere())
                .is_some_and(|lane| lane.epoch == epoch && lane.published == published && !lane.closed)
        };
        for (key, saved) in metas {
            if let Some(chain) = key.strip_prefix(META_LANE)
                && self.candidates.len() < LANES_TRIED
                && fits(&saved)
            {
                self.candidates.push((chain.into(), saved));
            }
        }
        self.try_next_lane();
    }

    fn try_next_lane(&mut self) {
        match self.candidates.last() {
            Some((chain, _)) if self.recorder.lane.is_none() => self.effects.push(Effect::TryLane(chain.clone())),
            _ => self.run(),
        }
    }

    pub(super) fn lane_busy(&mut self) {
        self.candidates.pop();
        self.try_next_lane();
    }

    pub(super) fn lane_taken(&mut self, chain: String, last: Option<String>, now: u64) {
        let row = last.and_then(|line| Row::parse(&line));
        let saved = self.candidates.pop().filter(|(candidate, _)| *candidate == chain);
        let lane = saved.zip(row).and_then(|((_, saved), row)| Lane::load(&saved, Head::after(row)));
        match lane {
            // Whoever could not wait has opened a lane of its own meanwhile.
            Some(lane) if self.recorder.lane.is_none() => {
                self.begin_lane(lane.head.seq + 1);
                self.recorder.lane = Some(lane);
                if self.recorder.must_leave_lane(now) {
                    self.leave_lane();
                }
            }
            _ => self.effects.push(Effect::ReleaseLane(chain)),
        }
        self.candidates.clear();
        self.run();
    }

    pub(super) fn run(&mut self) {
        if self.phase == Phase::Starting {
            self.phase = Phase::Running;
            self.effects.push(Effect::Ready);
        }
    }

    /// Takes rows that were linked just now. The first may be the genesis of a lane opened for them.
    pub(super) fn take_rows(&mut self, rows: Vec<Row>) {
        if let Some(genesis) = rows.first().filter(|row| row.seq == 0) {
            self.effects.push(Effect::HoldLane(genesis.chain.clone()));
            let note = Object::default().text("chain", &genesis.chain).finish();
            self.note("lane", note);
            self.begin_lane(0);
            // Drops that had no lane's record to go into go into the new one's.
            if let Some(lane) = &mut self.recorder.lane {
                lane.drops = lane.drops.plus(&core::mem::take(&mut self.drops));
            }
        }
        self.unwritten.extend(rows);
    }

    fn begin_lane(&mut self, unsettled_from: u64) {
        self.unsettled_from = unsettled_from;
        self.tail.clear();
    }

    pub(super) fn commit(&mut self) {
        let mut put = core::mem::take(&mut self.metas);
        self.recorder.take_unsaved(&mut put);
        let rows = core::mem::take(&mut self.unwritten);
        if rows.is_empty() && put.is_empty() {
            return;
        }
        let stored = |row: &Row| StoredRow { chain: row.chain.clone(), seq: row.seq, line: row.line() };
        let add: Vec<_> = rows.iter().map(stored).collect();
        self.remember(&add);
        let id = self.next_id();
        self.writing.push((id, rows));
        self.effects.push(Effect::Write(id, Write { add, put, remove: None }));
    }

    pub(super) fn written(&mut self, id: u64, result: Result<(), StoreErrorKind>, now: u64, entropy: &mut dyn Entropy) {
        let Some(at) = self.writing.iter().position(|(number, _)| *number == id) else {
            return self.settlement_written(id, now);
        };
        let (_, rows) = self.writing.remove(at);
        let Some(first) = rows.first() else { return };
        let abandoned = self.abandoned.contains(&first.chain);
        match result {
            // Stored behind another page's rows: out of that lane, into the new one.
            Ok(()) if abandoned => {
                let last = rows.last().map_or(first.seq, |row| row.seq);
                let remove = Some((first.chain.clone(), first.seq, last));
                let id = self.next_id();
                self.effects.push(Effect::Write(id, Write { remove, ..Write::default() }));
                self.link_again(&rows, entropy);
            }
            Ok(()) => self.stored(&rows, now),
            Err(StoreErrorKind::Collision) => {
                if !abandoned {
                    self.abandon(first.chain.clone());
                }
                self.link_again(&rows, entropy);
            }
            Err(kind) => self.degrade(rows, kind, entropy),
        }
    }

    fn stored(&mut self, rows: &[Row], now: u64) {
        let Some(row) = rows.first() else { return };
        let published = self.recorder.lane.as_ref().filter(|lane| lane.head.chain == row.chain && lane.published);
        let epoch = published.map(|lane| lane.epoch);
        let (mut bytes, mut note) = (0, String::new());
        for row in rows {
            note.push(if note.is_empty() { '[' } else { ',' });
            let line = row.line();
            bytes += line.len() as u64;
            write_text(&line, &mut note);
        }
        note.push(']');
        self.note("stored", note);
        let count = rows.len() as u64;
        match &mut self.sender {
            Some(sender) => {
                sender.stored(&row.chain, epoch, count, bytes, now);
                self.step(now);
            }
            None => {
                let words = Words::default().text(Some("stored")).text(Some(&row.chain)).numbers(&[count, bytes]);
                let words = match epoch {
                    Some(epoch) => words.number(epoch),
                    None => words,
                };
                self.effects.push(Effect::Tell(words.finish()));
            }
        }
    }

    /// Another page had written to this lane after its last row was read. What was meant for it, and what is put behind
    /// the collision, is linked again in a new lane; nothing of the other page's is touched.
    fn abandon(&mut self, chain: String) {
        self.effects.push(Effect::Warn(Code::Collision));
        if self.recorder.lane.as_ref().is_some_and(|lane| lane.head.chain == chain) {
            self.recorder.lane = None;
            self.effects.push(Effect::ReleaseLane(chain.clone()));
        }
        self.abandoned.push(chain);
    }

    /// Links the events of `rows`, and those captured for the same lane since, in the lane at hand or a new one.
    fn link_again(&mut self, rows: &[Row], entropy: &mut dyn Entropy) {
        let later = core::mem::take(&mut self.unwritten);
        let linked = self.recorder.relink(rows, entropy);
        self.take_rows(linked);
        let (lost, kept): (Vec<_>, Vec<_>) = later.into_iter().partition(|row| self.abandoned.contains(&row.chain));
        let linked = self.recorder.relink(&lost, entropy);
        self.take_rows(linked);
        self.unwritten.extend(kept);
        self.commit();
    }

    /// The store does not take any more: this page goes on in memory with all that is not stored.
    fn degrade(&mut self, rows: Vec<Row>, kind: StoreErrorKind, entropy: &mut dyn Entropy) {
        if self.degraded {
            // Memory does not fail; if it did, the events would be lost, and counted.
            self.drops.quota += rows.iter().filter(|row| row.seq > 0).count() as u64;
            return;
        }
        self.degraded = true;
        let code = if kind == StoreErrorKind::Quota { Code::Quota } else { Code::StorageDisabled };
        self.effects.extend([Effect::Warn(code), Effect::Resign, Effect::Degrade]);
        let mut lost = rows;
        lost.extend(core::mem::take(&mut self.writing).into_iter().flat_map(|(_, rows)| rows));
        lost.extend(core::mem::take(&mut self.unwritten));
        if let Some(lane) = self.recorder.lane.take() {
            // What the lane's record in the old store says stays there; only what it does not say yet moves.
            self.drops = self.drops.plus(&if lane.unsaved { lane.drops } else { Drops::default() });
            self.effects.push(Effect::ReleaseLane(lane.head.chain));
        }
        self.sender = Some(Sender::new(&self.config, &[]));
        let linked = self.recorder.relink(&lost, entropy);
        self.take_rows(linked);
        self.commit();
    }
}
