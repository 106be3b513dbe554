//! Sending: the sender's steps as effects, and what the pages of an origin tell each other.

use super::{Engine, lanes::void};
use crate::core::{
    answer::Answer,
    error::Code,
    json::Object,
    lane::EpochId,
    opening, random_below,
    row::MAX_INTEGER,
    sender::{Batch, Sender, Step},
    wire,
    words::{Reader, Words},
};
use crate::ports::{Entropy, StoredRow};
use alloc::{borrow::ToOwned, string::String, vec::Vec};

/// In place of the seq from which on nothing is settled: the collector knows another history of this chain, and whoever
/// writes to it goes on in a new one.
const NEVER: u64 = MAX_INTEGER;
/// What an earlier epoch has left waits up to so long for a pause: what the visitor does now comes first, and when the rest
/// comes should not tell when a visit began.
const LEISURE_MS: u64 = 5 * 60_000;

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
                let kept = metas.iter().find(|(key, _)| key == wire::META).map(|(_, saved)| saved.as_str());
                self.wire.learn(kept.unwrap_or_default(), now);
                self.wire.prefer(self.recorder.epoch(now), now);
                self.sender = Some(Sender::new(&self.recorder.config, metas, random_below(LEISURE_MS, entropy)));
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
            let step = sender.step(&mut self.wire, now);
            self.carry_out(step, now, entropy);
        }
    }

    pub(super) fn read(&mut self, id: u64, lines: Option<Vec<String>>, now: u64, entropy: &mut dyn Entropy) {
        if let Some(sender) = self.sender.as_mut().filter(|_| id == self.awaited) {
            let step = match lines {
                Some(lines) => sender.read(lines, &mut self.wire, now),
                None => sender.stumbled(&mut self.wire, now, entropy),
            };
            self.carry_out(step, now, entropy);
        }
    }

    pub(super) fn answered(&mut self, id: u64, outcome: &str, now: u64, entropy: &mut dyn Entropy) {
        let Some(sender) = self.sender.as_mut().filter(|_| id == self.awaited) else { return };
        let answer = Answer::parse(outcome);
        self.wire.ended(now);
        let step = sender.answered(&answer, now, entropy);
        let (chain, next) = sender.progress();
        let chain = chain.to_owned();
        let note =
            Object::default().text("chain", &chain).number("next", next).number("status", answer.status).finish();
        self.effects.note("settled", &note);
        if answer.ahead {
            self.leave_forked(&chain);
        }
        self.carry_out(step, now, entropy);
    }

    pub(super) fn settlement_written(&mut self, id: u64, now: u64, entropy: &mut dyn Entropy) {
        let Some(sender) = self.sender.as_mut().filter(|_| id == self.awaited) else { return };
        let (chain, mut next) = sender.progress();
        if sender.has_forked() {
            next = NEVER;
        }
        let chain = chain.to_owned();
        let words = Words::default().text(Some("settled")).text(Some(&chain)).number(next).finish();
        let step = sender.written(&mut self.wire, now);
        self.effects.tell(&words);
        self.settled(&chain, next);
        self.carry_out(step, now, entropy);
    }

    pub(super) fn flush(&mut self, now: u64, entropy: &mut dyn Entropy) {
        self.commit();
        let mut number = [0; 4];
        entropy.fill(&mut number);
        self.flushing = Some(u32::from_le_bytes(number).into());
        self.ask_for_flush();
        self.hurry(now, entropy);
    }

    /// Asks the page that sends for what this one waits for, once that is stored.
    pub(super) fn ask_for_flush(&mut self) {
        if let Some(number) = self.flushing.filter(|_| self.sender.is_none() && self.is_stored()) {
            self.effects.tell(&Words::default().text(Some("flush")).number(number).finish());
        }
    }

    fn is_stored(&self) -> bool {
        self.unwritten.is_empty() && self.writing.iter().all(|(_, rows)| rows.is_empty())
    }

    /// The page that sends has sent everything, or rests. An answer to others, or to nobody, may be older than our
    /// question, or the question came before there was somebody to hear it.
    fn heard_of_flushes(&mut self, answered: &mut Reader, code: Option<Code>) {
        self.resting = code == Some(Code::Retrying);
        let answered = core::iter::from_fn(|| answered.number()).any(|number| self.flushing == Some(number));
        if answered && self.is_stored() {
            self.tell_flushed(code);
        } else {
            self.ask_for_flush();
        }
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
                let epoch = EpochId { number: number(), published: number() == 1 };
                if let (Some(sender), Some(chain)) = (&mut self.sender, chain) {
                    sender.stored(chain, epoch, top, rows, bytes, now);
                    self.step(now, entropy);
                }
            }
            "settled" => {
                let chain = words.text().unwrap_or_default();
                self.settled(chain, words.number().unwrap_or(0));
                self.resting = false;
            }
            "flush" => {
                let new = |number: &u64| self.sender.is_some() && !self.degraded && !self.asked.contains(number);
                if let Some(number) = words.number().filter(new) {
                    self.asked.push(number);
                }
                self.hurry(now, entropy);
            }
            // A page that died may have left a lane behind that it could tell nobody of.
            "opened" if self.sender.is_some() && !self.degraded => {
                self.effects.survey(self.term);
            }
            wire::META => self.wire.hear(&mut words, now),
            "drained" => self.heard_of_flushes(&mut words, None),
            "apart" => self.heard_of_flushes(&mut words, Some(Code::EpochsApart)),
            "paused" => self.heard_of_flushes(&mut words, Some(Code::Retrying)),
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
        self.wire.take(batch.epoch.number, now);
        self.tell_of_turn();
        let id = self.next_id();
        if !exit {
            self.awaited = id;
        }
        // The age is by the same clock as `sent_at`, so that a receiver can correct skew without counting transit.
        let mut meta = Object::default();
        meta.number("age_ms", now.saturating_sub(batch.newest)).text("chain", &batch.chain);
        meta.text("deployment", &self.recorder.config.deployment);
        match batch.epoch.public() {
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

    /// Before anything of it is sent.
    fn tell_of_turn(&mut self) {
        if let Some(record) = self.wire.take_unsaved() {
            self.effects.tell(&Words::default().text(Some(wire::META)).text(Some(&record)).finish());
            self.write(Vec::new(), &[(wire::META.into(), record)]);
        }
    }

    fn carry_out(&mut self, step: Step, now: u64, entropy: &mut dyn Entropy) {
        self.tell_of_turn();
        match step {
            Step::Move { chain, epoch, key, record, rows } => {
                // Only what this page wrote just now, in this epoch and for this visitor, may join what it writes next.
                if self.forked.as_ref() == Some(&chain) && !self.recorder.must_leave_lane(now) {
                    self.move_rows(&rows, (key, record), entropy);
                } else {
                    self.move_apart(&rows, epoch, (key, record), entropy);
                }
            }
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
        self.relink(rows, entropy);
        self.metas.push(record);
        self.commit();
        self.awaited = self.last_id;
    }

    /// The same in a lane of their own, which nobody goes on with.
    fn move_apart(&mut self, rows: &[StoredRow], epoch: EpochId, record: (String, String), entropy: &mut dyn Entropy) {
        let (mut put, mut linked) = (Vec::from([record]), Vec::new());
        void(rows, &mut put);
        let moved = rows.iter().any(opening::is_event).then(|| self.recorder.relink_apart(rows, epoch, entropy));
        if let Some((lane, rows)) = moved.flatten() {
            put.push((lane.meta_key(), lane.save()));
            self.chains.push((lane.head.chain, epoch));
            linked = rows;
        }
        self.write(linked, &put);
        self.awaited = self.last_id;
    }

    /// Whoever waits for a flush hears of its end, and of a pause too: nobody need wait for that to end.
    fn tell_how_it_stands(&mut self) {
        let Some(sender) = &self.sender else { return };
        let (word, code) = match sender {
            sender if sender.is_drained() && self.is_stored() => ("drained", None),
            sender if sender.is_paused() => ("paused", Some(Code::Retrying)),
            sender if sender.is_held() => ("apart", Some(Code::EpochsApart)),
            _ => return,
        };
        self.resting = code == Some(Code::Retrying);
        // What is in this page's memory concerns no other.
        if !self.degraded {
            let asked = core::mem::take(&mut self.asked);
            self.effects.tell(&Words::default().text(Some(word)).numbers(&asked).finish());
        }
        self.tell_flushed(code);
    }

    pub(super) fn tell_flushed(&mut self, code: Option<Code>) {
        if self.flushing.take().is_some() {
            self.effects.flushed(code);
        }
    }

    /// The collector knows another history of this chain, or more of it (a restored backup, for one): go on in a new one.
    /// What this one has is sent all the same: it may be what the collector has.
    fn leave_forked(&mut self, chain: &str) {
        if self.recorder.lane.as_ref().is_some_and(|lane| lane.head.chain == chain) {
            self.leave_lane();
            self.forked = Some(chain.to_owned());
            self.commit();
        }
    }

    /// Everything of `chain` before `next` is settled.
    fn settled(&mut self, chain: &str, next: u64) {
        if self.recorder.lane.as_ref().is_some_and(|lane| lane.head.chain == chain) {
            self.unsettled_from = self.unsettled_from.max(next);
        }
        if next == NEVER {
            self.leave_forked(chain);
        }
        self.tail.retain(|row| row.chain != chain || row.seq >= next);
    }
}
