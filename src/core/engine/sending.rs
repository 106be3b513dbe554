//! Sending: the sender's steps as effects, and what the pages of an origin tell each other.

use super::Engine;
use crate::core::{
    answer::Answer,
    error::Code,
    json::Object,
    sender::{Batch, Sender, Step},
    words::{Reader, Words},
};
use crate::ports::{Entropy, StoredRow};
use alloc::{borrow::ToOwned, string::String, vec::Vec};

impl Engine {
    /// A page that has resigned since it stood for that term does not send: another one may.
    pub(super) fn elected(&mut self, term: u64, metas: &[(String, String)], now: u64, entropy: &mut dyn Entropy) {
        if term != self.term {
            return;
        }
        match &mut self.sender {
            Some(sender) => sender.surveyed(metas, now),
            None => {
                self.awaited = 0;
                self.sender = Some(Sender::new(&self.recorder.config, metas));
                // What was stored since the metas were read was told while there was no sender to hear it.
                self.effects.survey(self.term);
            }
        }
        self.step(now, entropy);
    }

    pub(super) fn resign(&mut self) {
        self.term += 1;
        self.effects.resign();
    }

    pub(super) fn step(&mut self, now: u64, entropy: &mut dyn Entropy) {
        self.restore_when_due(now);
        if let Some(sender) = &mut self.sender {
            let step = sender.step(now);
            self.carry_out(step, now, entropy);
        }
    }

    pub(super) fn read(&mut self, id: u64, lines: Option<Vec<String>>, now: u64, entropy: &mut dyn Entropy) {
        if let Some(sender) = self.sender.as_mut().filter(|_| id == self.awaited) {
            let step = match lines {
                Some(lines) => sender.read(lines, now),
                None => sender.stumbled(now, entropy),
            };
            self.carry_out(step, now, entropy);
        }
    }

    pub(super) fn answered(&mut self, id: u64, outcome: &str, now: u64, entropy: &mut dyn Entropy) {
        let Some(sender) = self.sender.as_mut().filter(|_| id == self.awaited) else { return };
        let answer = Answer::parse(outcome);
        let (chain, _) = sender.progress();
        let lane = self.recorder.lane.as_ref();
        let ours = lane.is_some_and(|lane| lane.head.chain == chain) || self.forked.as_deref() == Some(chain);
        // Only what belongs to the same epoch may go to the next lane.
        let may_move = ours && !self.recorder.must_leave_lane(now);
        let (step, fork) = sender.answered(&answer, may_move, now, entropy);
        let (chain, next) = sender.progress();
        let chain = chain.to_owned();
        let note =
            Object::default().text("chain", &chain).number("next", next).number("status", answer.status).finish();
        self.effects.note("settled", &note);
        if (fork || answer.ahead) && ours && self.forked.as_ref() != Some(&chain) {
            // The collector knows another history of this chain (a restored backup, for one): go on in a new one. What this
            // one has is sent all the same: it may be what the collector has.
            self.leave_lane();
            self.forked = Some(chain);
            self.commit();
        }
        self.carry_out(step, now, entropy);
    }

    pub(super) fn settlement_written(&mut self, id: u64, now: u64, entropy: &mut dyn Entropy) {
        let Some(sender) = self.sender.as_mut().filter(|_| id == self.awaited) else { return };
        let (chain, next) = sender.progress();
        let chain = chain.to_owned();
        let words = Words::default().text(Some("settled")).text(Some(&chain)).number(next).finish();
        let step = sender.written(now);
        self.effects.tell(&words);
        self.settled(&chain, next);
        self.carry_out(step, now, entropy);
    }

    pub(super) fn flush(&mut self, now: u64, entropy: &mut dyn Entropy) {
        self.commit();
        self.flushing = true;
        if self.sender.is_none() {
            self.effects.tell("flush");
        }
        self.hurry(now, entropy);
    }

    pub(super) fn hurry(&mut self, now: u64, entropy: &mut dyn Entropy) {
        if let Some(sender) = &mut self.sender {
            sender.want(true);
            self.step(now, entropy);
        }
    }

    pub(super) fn heard(&mut self, message: &str, now: u64, entropy: &mut dyn Entropy) {
        let mut words = Reader::new(message);
        match words.text().unwrap_or_default() {
            "stored" => {
                let chain = words.text();
                let mut number = || words.number().unwrap_or(0);
                let (top, rows, bytes) = (number(), number(), number());
                if let (Some(sender), Some(chain)) = (&mut self.sender, chain) {
                    sender.stored(chain, words.number(), top, rows, bytes, now);
                    self.step(now, entropy);
                }
            }
            "settled" => {
                let chain = words.text().unwrap_or_default();
                self.settled(chain, words.number().unwrap_or(0));
                self.resting = false;
            }
            "flush" => self.hurry(now, entropy),
            // A page that died may have left a lane behind that it could tell nobody of.
            "opened" if self.sender.is_some() && !self.degraded => {
                self.effects.survey(self.term);
            }
            "drained" => {
                self.resting = false;
                self.tell_flushed(None);
            }
            "paused" => {
                self.resting = true;
                self.tell_flushed(Some(Code::Retrying));
            }
            "reset" => self.forget(),
            "erased" => {
                self.erase();
                self.resign();
            }
            _ => {}
        }
    }

    /// Gives a batch to the endpoint. Its answer is awaited unless the page is leaving.
    pub(super) fn deliver(&mut self, batch: Batch, exit: bool, now: u64) {
        let id = self.next_id();
        if !exit {
            self.awaited = id;
        }
        // The age is by the same clock as `sent_at`, so that a receiver can correct skew without counting transit.
        let mut meta = Object::default();
        meta.number("age_ms", now.saturating_sub(batch.newest)).text("chain", &batch.chain);
        meta.text("deployment", &self.recorder.config.deployment);
        match batch.epoch {
            Some(epoch) => meta.number("epoch", epoch),
            None => meta.raw("epoch", "null"),
        };
        if let Some((root, last)) = batch.root.as_ref().zip(batch.seqs.last()) {
            meta.text("root", &root.hex());
            meta.number("sent_at", now).number("size", last + 1);
        } else {
            meta.number("sent_at", now);
        }
        let meta = meta.finish();
        self.effects.deliver(id, &batch.lines, &meta, exit);
    }

    fn carry_out(&mut self, step: Step, now: u64, entropy: &mut dyn Entropy) {
        match step {
            Step::Move { key, record, rows } => self.move_rows(&rows, (key, record), entropy),
            Step::Read { chain, from, rows, bytes } => {
                let id = self.next_id();
                self.awaited = id;
                self.effects.read(id, &chain, from, rows, bytes);
            }
            Step::Deliver(batch) => self.deliver(batch, false, now),
            Step::Settle { key, record, remove, add } => {
                self.awaited = self.next_id();
                self.effects.write(self.awaited, remove, &add, &[(key, record)]);
            }
            Step::Wake(at) => self.effects.wake(at.saturating_sub(now)),
            Step::Rest => {}
        }
        self.tell_how_it_stands();
    }

    /// The events of `rows` in the lane at hand, or a new one, stored in one transaction with the record that says so: they
    /// are in one of the two places, never in both.
    fn move_rows(&mut self, rows: &[StoredRow], record: (String, String), entropy: &mut dyn Entropy) {
        let linked = self.recorder.relink(rows, entropy);
        self.take_rows(linked);
        self.metas.push(record);
        self.commit();
        self.awaited = self.last_id;
    }

    /// Whoever waits for a flush hears of its end, and of a pause too: nobody need wait for that to end.
    fn tell_how_it_stands(&mut self) {
        let Some(sender) = &self.sender else { return };
        if sender.is_drained() && self.unwritten.is_empty() && !self.writing.iter().any(|(_, rows)| !rows.is_empty()) {
            self.resting = false;
            self.effects.tell("drained");
            self.tell_flushed(None);
        } else if sender.is_paused() {
            self.resting = true;
            self.effects.tell("paused");
            self.tell_flushed(Some(Code::Retrying));
        }
    }

    pub(super) fn tell_flushed(&mut self, code: Option<Code>) {
        if core::mem::take(&mut self.flushing) {
            self.effects.flushed(code);
        }
    }

    /// Everything of `chain` before `next` is settled.
    fn settled(&mut self, chain: &str, next: u64) {
        if self.recorder.lane.as_ref().is_some_and(|lane| lane.head.chain == chain) {
            self.unsettled_from = self.unsettled_from.max(next);
        }
        self.tail.retain(|row| row.chain != chain || row.seq >= next);
    }
}
