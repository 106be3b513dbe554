//! The page's life: hidden, left, frozen, back, closed.

use super::{Candidate, Engine, Phase};
use crate::core::{error::Code, sender::Batch};
use crate::ports::{Entropy, StoredRow};
use alloc::vec;

/// Lines that a leaving page can still send: a browser gives all requests that outlive a page 64 KiB together.
const TAIL_BYTES: usize = 48 * 1024;

impl Engine {
    /// On mobile nothing may follow: everything is written and sent now.
    pub(super) fn hidden(&mut self, now: u64, entropy: &mut dyn Entropy) {
        self.commit_all(entropy);
        match &mut self.sender {
            Some(sender) => {
                sender.want(false);
                self.step(now, entropy);
            }
            None => self.effects.tell("flush"),
        }
    }

    pub(super) fn leaving(&mut self, frozen: bool, now: u64, entropy: &mut dyn Entropy) {
        self.run();
        self.commit_all(entropy);
        self.send_tail(now);
        if frozen && let Some(chain) = self.given_up.take() {
            self.effects.release_lane(&chain);
        }
        if !frozen || self.degraded {
            // What the page still does goes into the same lane; the browser gives the locks back. What is in this
            // page's memory nobody else waits for.
            return;
        }
        // A frozen page must hold nothing that another one waits for.
        self.sender = None;
        self.resign();
        if let Some(lane) = self.recorder.lane.take() {
            // If it is pruned meanwhile, it looks as if it had a hole, and a new one is opened: no harm.
            self.left = Some(Candidate { chain: lane.head.chain.clone(), record: lane.save(), pruned: 0 });
            self.effects.release_lane(&lane.head.chain);
        }
    }

    pub(super) fn resumed(&mut self, now: u64, entropy: &mut dyn Entropy) {
        if self.degraded {
            return self.step(now, entropy);
        }
        self.wire.missed(now);
        self.effects.elect(self.term);
        if let Some(left) = self.left.take().filter(|_| self.recorder.lane.is_none()) {
            self.effects.try_lane(&left.chain);
            self.candidates = vec![left];
        }
    }

    pub(super) fn close(&mut self, now: u64, entropy: &mut dyn Entropy) {
        self.leaving(true, now, entropy);
        self.tell_flushed(Some(Code::Closed));
        self.phase = Phase::Closed;
    }

    pub(super) fn erase(&mut self) {
        self.tell_flushed(Some(Code::Closed));
        self.sender = None;
        self.unwritten.clear();
        self.tail.clear();
        self.recorder.reset();
        self.phase = Phase::Closed;
    }

    /// Keeps the newest rows of the lane at hand, for when the page leaves and nothing can be read any more.
    pub(super) fn remember(&mut self, rows: &[StoredRow]) {
        self.tail.extend_from_slice(rows);
        let mut bytes: usize = self.tail.iter().map(|row| row.line.len()).sum();
        self.tail.retain(|row| {
            let fits = bytes <= TAIL_BYTES;
            bytes -= row.line.len();
            fits
        });
    }

    /// What is not settled goes out with the page, unless another epoch's rows went less than a minute ago. Rows in a request that is under way go too: nobody knows whether it
    /// outlives the page, and a receiver tells a row it has by its id.
    fn send_tail(&mut self, now: u64) {
        let Some(lane) = self.recorder.lane.as_ref().filter(|_| self.proven && !self.resting) else { return };
        let chain = &lane.head.chain;
        if now < self.wire.opens(lane.epoch.number, now) {
            return;
        }
        let mut batch = Batch { chain: chain.clone(), epoch: lane.epoch, ..Batch::default() };
        // Chains of two epochs in requests at the same moment could be linked: only the lane at hand goes.
        for row in self.tail.iter().filter(|row| row.chain == *chain) {
            batch.push(row.seq, lane.head.t, row.line.clone());
        }
        if let Some(last) = batch.seqs.last() {
            self.sent_leaving.push((chain.clone(), *last));
            self.deliver(batch, true, now);
        }
    }
}
