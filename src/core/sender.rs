//! The one sender of an origin: which lane's rows go next, and what becomes of the answer.

mod step;
mod turn;

pub use step::{Batch, Step};

use super::{
    answer::Answer,
    chain::Hash,
    config::{Config, Limits},
    engine::Remove,
    hex, joined,
    lane::{EpochId, Lane, META_LANE, META_SETTLED},
    opening,
    outbox::{Due, Failure, Outbox},
    row::Row,
    settled::{Base, Fate, Settled},
    wire::Wire,
    words::whole,
};
use crate::ports::{Entropy, StoredRow};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};

#[derive(Clone, Debug, Default)]
struct Target {
    chain: String,
    epoch: EpochId,
    settled: Settled,
    /// There may be rows that were not read yet.
    dirty: bool,
    /// There are rows that wait for their epoch's turn.
    waits: bool,
    /// The endpoint knows another history of this chain and will take no row of it any more: those that are left go to
    /// another lane.
    forked: bool,
    /// The last seq that is known to be stored.
    top: u64,
    /// Bytes stored since this page sends.
    bytes: u64,
}

impl Target {
    /// Settled rows that are still stored.
    fn kept(&self) -> u64 {
        self.settled.next().saturating_sub(self.settled.first())
    }

    fn settle(&self, remove: Option<Remove>, add: Vec<StoredRow>) -> Step {
        Step::Settle { key: joined(META_SETTLED, &self.chain), record: self.settled.save(), remove, add }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Flight {
    None,
    Reading,
    Pruning,
    GivingUp,
    Moving,
    CatchingUp,
    /// `links`: of the rows from the end of the tree on.
    Delivering {
        seqs: Vec<u64>,
        bytes: u64,
        links: Vec<Hash>,
    },
    Settling,
}

/// The sender's state. Only the page that was elected has one.
pub struct Sender {
    limits: Limits,
    targets: Vec<Target>,
    /// The target of what is under way.
    at: usize,
    flight: Flight,
    outbox: Outbox,
    /// What the store has of [`Outbox::save`].
    saved: Option<String>,
    /// Rows and bytes of lines seen so far: what a row takes on average.
    seen: (u64, u64),
    /// There was no further survey yet.
    young: bool,
    /// How long rows of an earlier epoch than that whose turn it is wait at least.
    leisure: u64,
    /// Only rows that wait for their epoch's turn are left.
    held: bool,
}

/// Events that are given up, or moved, in one transaction: more would keep the page busy.
const AT_ONCE: u64 = 200;
/// The meta of [`Outbox::save`].
const META_OUTBOX: &str = "outbox";
/// In a survey: the last seq of a lane; the chain's id follows. Not a meta that is stored.
const TOP: &str = "top/";

impl Sender {
    /// Takes over all lanes that the store's metas name. Whatever earlier pages left is due at once.
    pub fn new(config: &Config, metas: &[(String, String)], leisure: u64) -> Self {
        let mut sender = Self {
            limits: config.limits,
            targets: Vec::new(),
            at: 0,
            flight: Flight::None,
            outbox: Outbox::new(config.flush),
            saved: None,
            seen: (0, 0),
            young: true,
            leisure,
            held: false,
        };
        if let Some((_, saved)) = metas.iter().find(|(key, saved)| key == META_OUTBOX && !saved.is_empty()) {
            sender.outbox.resume(saved);
            sender.saved = Some(saved.clone());
        }
        sender.adopt(metas);
        sender.outbox.want();
        sender
    }

    /// What a further survey found. The first one brings rows that were stored during the election: they are fresh and go
    /// in their time. A later one brings what a page has left behind: that is due at once.
    pub fn surveyed(&mut self, metas: &[(String, String)], now: u64) {
        let found = self.adopt(metas);
        let fresh = core::mem::take(&mut self.young);
        match found {
            0 => {}
            _ if fresh => self.outbox.added(found, 0, now),
            _ => self.outbox.want(),
        }
    }

    /// Takes over the lanes that are new to it. What it knows of others is newer than what is stored, but for rows that
    /// it was not told of, whose number this returns.
    fn adopt(&mut self, metas: &[(String, String)]) -> u64 {
        let known = self.targets.len();
        let mut found = 0;
        for (key, saved) in metas {
            if let Some(chain) = key.strip_prefix(META_LANE) {
                let at = self.place(chain);
                if let Some(target) = self.targets.get_mut(at) {
                    target.dirty = true;
                    target.epoch = Lane::epoch_of(saved);
                }
            } else if let Some(chain) = key.strip_prefix(META_SETTLED) {
                let at = self.place(chain);
                if let Some(target) = self.targets.get_mut(at).filter(|_| at >= known) {
                    target.settled = Settled::load(saved);
                    // The page that moved the others died: what is left cannot even be refused as a fork, as the endpoint
                    // need not have the row before it.
                    target.forked = target.settled.moved > 0;
                }
            } else if let Some(chain) = key.strip_prefix(TOP) {
                let at = self.place(chain);
                if let Some((target, top)) = self.targets.get_mut(at).zip(whole(saved)) {
                    found += top.saturating_sub(target.top);
                    target.top = target.top.max(top);
                }
            }
        }
        found
    }

    /// Rows of a lane, of this page or another, were stored, the last of them at `top`.
    pub fn stored(&mut self, chain: &str, epoch: EpochId, top: u64, rows: u64, bytes: u64, now: u64) {
        self.seen = (self.seen.0 + rows, self.seen.1 + bytes);
        let at = self.place(chain);
        if let Some(target) = self.targets.get_mut(at) {
            target.dirty = true;
            target.top = target.top.max(top);
            target.epoch = epoch;
            target.bytes += bytes;
        }
        self.outbox.added(rows, bytes, now);
    }

    /// Everything is to be sent now. `hurry`: the caller insists or the network is back, so a back-off is cut short.
    pub fn want(&mut self, hurry: bool) {
        for target in &mut self.targets {
            target.dirty = true;
        }
        self.outbox.want();
        if hurry {
            self.outbox.hurry();
            self.leisure = 0;
        }
    }

    /// Whether every lane was read to its end and every row is settled.
    pub fn is_drained(&self) -> bool {
        self.flight == Flight::None && !self.targets.iter().any(|target| target.dirty)
    }

    /// Whether rows are left but nothing is under way, since the endpoint has failed: it is given a rest.
    pub fn is_paused(&self) -> bool {
        self.flight == Flight::None && !self.is_drained() && self.outbox.has_failed()
    }

    /// Whether only rows are left that wait for their epoch's turn.
    pub fn is_held(&self) -> bool {
        self.flight == Flight::None && self.held
    }

    /// What to do next, if nothing is under way.
    pub fn step(&mut self, wire: &mut Wire, now: u64) -> Step {
        if self.flight != Flight::None {
            return Step::Rest;
        }
        if let Some(step) = self.give_up_the_oldest() {
            return step;
        }
        let next = self.next(wire, now);
        self.held = next.is_some_and(|(_, from)| from > now);
        if let Some((at, from)) = next {
            if self.held {
                // What comes meanwhile of the present epoch goes in its time.
                self.outbox.drained();
                return Step::Wake(from);
            }
            // Nor does anything wake those that wait while nothing else is due.
            let mut waiting = self.targets.iter().filter(|target| target.dirty && target.waits);
            let its_turn = self.targets.get(at).is_some_and(|target| target.waits);
            if its_turn || waiting.next().is_some() && self.outbox.due(now) == Due::Never {
                self.outbox.want();
            }
        }
        match self.outbox.due(now) {
            Due::Never => self.prune(),
            Due::At(at) => Step::Wake(at),
            Due::Now => {
                let Some((at, _)) = next else {
                    self.outbox.drained();
                    return self.prune();
                };
                self.at = at;
                self.flight = Flight::Reading;
                let (rows, bytes) = self.outbox.limits();
                let Some(target) = self.targets.get(at) else { return Step::Rest };
                if target.forked {
                    self.flight = Flight::Moving;
                    let (chain, from) = (target.chain.clone(), target.settled.first_open());
                    return Step::Read { chain, from, rows: AT_ONCE, bytes };
                }
                if let Some(from) = target.settled.tree_lags() {
                    self.flight = Flight::CatchingUp;
                    return Step::Read { chain: target.chain.clone(), from, rows: AT_ONCE, bytes: u64::MAX };
                }
                // The row before is read too, to see that the next one follows it; a pruned one is in the record.
                let next = target.settled.next();
                let known = next == target.settled.first();
                let from = if known { next } else { next - 1 };
                Step::Read { chain: target.chain.clone(), from, rows: rows + u64::from(!known), bytes }
            }
        }
    }

    /// The lines that were read. Only what links to the row before is sent.
    pub fn read(&mut self, lines: Vec<String>, wire: &mut Wire, now: u64) -> Step {
        match core::mem::replace(&mut self.flight, Flight::None) {
            Flight::Reading => self.deliver(lines, wire, now),
            Flight::Pruning => {
                let row = lines.first().and_then(|line| Row::parse(line));
                let Some((row, target)) = row.zip(self.targets.get_mut(self.at)) else { return Step::Rest };
                let remove = Remove { chain: target.chain.clone(), first: target.settled.first(), last: row.seq };
                target.settled.base = Some(Base { seq: row.seq, t: row.t, link: row.link });
                self.flight = Flight::Settling;
                target.settle(Some(remove), Vec::new())
            }
            Flight::GivingUp => self.erase(&lines, wire, now),
            Flight::Moving => self.move_out(&lines, wire, now),
            Flight::CatchingUp => self.catch_up(&lines, wire, now),
            other => {
                self.flight = other;
                Step::Rest
            }
        }
    }

    /// The endpoint's answer to the batch in flight. If it knows another history of this chain, what it does not have is
    /// moved to another lane.
    pub fn answered(&mut self, answer: &Answer, now: u64, entropy: &mut dyn Entropy) -> Step {
        let (seqs, bytes, links) = match core::mem::replace(&mut self.flight, Flight::None) {
            Flight::Delivering { seqs, bytes, links } => (seqs, bytes, links),
            other => {
                self.flight = other;
                return Step::Rest;
            }
        };
        let Some(target) = self.targets.get_mut(self.at) else { return Step::Rest };
        let (mut settled, mut fork) = (0, false);
        if answer.is_split() {
            if !self.outbox.split(seqs.len() as u64) {
                let fate = if answer.status == 413 { Fate::TooLarge } else { Fate::Poison };
                seqs.iter().for_each(|seq| target.settled.give_up(*seq, fate));
                settled = seqs.len();
            }
        } else {
            for (at, seq) in seqs.iter().enumerate() {
                fork |= answer.is_fork(at);
                if fork && answer.fate(at) != Some(Fate::Acknowledged) {
                    settled += 1;
                } else if let Some(fate) = answer.fate(at) {
                    if fate == Fate::Acknowledged {
                        target.settled.settle(*seq, fate);
                    } else {
                        target.settled.give_up(*seq, fate);
                    }
                    settled += 1;
                }
            }
        }
        target.settled.grow_tree(&links);
        if fork {
            target.forked = true;
            target.settled.tree = None;
        }
        if settled == seqs.len() {
            self.outbox.settled(settled as u64, bytes);
            if target.settled.next() <= seqs.last().copied().unwrap_or(0) {
                // What was given up goes once more, erased.
                self.outbox.want();
            }
        } else if !answer.is_split() {
            self.outbox.failed(answer.after, answer.failure(), now, entropy);
        }
        let last = seqs.iter().rfind(|seq| target.settled.close != Some(**seq));
        target.settled.sent = target.settled.sent.max(last.copied().unwrap_or(0));
        // Written also when nothing was settled: that rows were on the wire is part of the account.
        self.flight = Flight::Settling;
        target.settle(None, Vec::new())
    }

    /// A record was written, or could not be: what is known here holds in any case.
    pub fn written(&mut self, wire: &mut Wire, now: u64) -> Step {
        if self.flight == Flight::Settling {
            self.flight = Flight::None;
        }
        // Nothing, too, is written once: what is over must not be held against the endpoint by the next page.
        let saved = self.outbox.save();
        if self.flight == Flight::None && saved != self.saved {
            self.saved = saved;
            self.flight = Flight::Settling;
            let record = self.saved.clone().unwrap_or_default();
            return Step::Settle { key: META_OUTBOX.to_string(), record, remove: None, add: Vec::new() };
        }
        self.step(wire, now)
    }

    /// The store failed in the middle of a step; it is tried again later.
    pub fn stumbled(&mut self, wire: &mut Wire, now: u64, entropy: &mut dyn Entropy) -> Step {
        self.flight = Flight::None;
        self.outbox.failed(None, Failure::Refused, now, entropy);
        self.step(wire, now)
    }

    /// The chain of what was under way last, and the seq from which on nothing of it is settled for certain.
    pub fn progress(&self) -> (&str, u64) {
        self.targets.get(self.at).map_or(("", 0), |target| (target.chain.as_str(), target.settled.next()))
    }

    /// Whether the endpoint knows another history of that chain.
    pub fn has_forked(&self) -> bool {
        self.targets.get(self.at).is_some_and(|target| target.forked)
    }

    fn place(&mut self, chain: &str) -> usize {
        let found = self.targets.iter().position(|target| target.chain == chain);
        found.unwrap_or_else(|| {
            self.targets.push(Target { chain: chain.into(), settled: Settled::new(), ..Target::default() });
            self.targets.len() - 1
        })
    }

    fn deliver(&mut self, lines: Vec<String>, wire: &mut Wire, now: u64) -> Step {
        let Some(target) = self.targets.get_mut(self.at) else { return Step::Rest };
        let mut before = target.settled.base.as_ref().map(|base| (base.seq, base.link.clone()));
        let mut batch = Batch { chain: target.chain.clone(), epoch: target.epoch, ..Batch::default() };
        let mut links = Vec::new();
        for (at, line) in lines.into_iter().enumerate() {
            let Some(mut row) = Row::parse(&line).filter(|row| row.chain == target.chain) else { break };
            let settled = target.settled.contains(row.seq);
            let follows = match &before {
                Some((seq, link)) if row.seq == seq + 1 => row.links_to(Some(link)),
                // The first row read may be a settled one: it was checked when it was sent.
                _ => at == 0 && (settled || (row.seq == 0 && row.links_to(None))),
            };
            if !follows {
                break;
            }
            // What is settled behind a row that is not has its place in the tree, too.
            let link = hex::decode(&row.link).map(Hash);
            target.settled.note_close(&row);
            links.extend(link.filter(|_| row.seq >= target.settled.next()));
            if !settled {
                let line = if target.settled.is_given_up(row.seq) {
                    row.erase();
                    row.line()
                } else {
                    line
                };
                batch.push(row.seq, row.t, line);
            }
            before = Some((row.seq, row.link));
        }
        if batch.seqs.is_empty() {
            (target.dirty, target.waits) = (false, false);
            return self.step(wire, now);
        }
        let epoch = target.epoch.number;
        // Whether a lane of another epoch has anything to send is known only now.
        let early = !target.waits && wire.epoch() != Some(epoch) || now < wire.opens(epoch, now);
        target.waits = early;
        if early {
            return self.step(wire, now);
        }
        self.seen = (self.seen.0 + batch.seqs.len() as u64, self.seen.1 + batch.bytes);
        self.outbox.began(now);
        batch.root = batch.seqs.last().and_then(|last| target.settled.root_with(&links, last + 1));
        self.flight = Flight::Delivering { seqs: batch.seqs.clone(), bytes: batch.bytes, links };
        Step::Deliver(batch)
    }

    /// Adds settled rows to the tree that were settled before those in front of them.
    fn catch_up(&mut self, lines: &[String], wire: &mut Wire, now: u64) -> Step {
        if let Some(target) = self.targets.get_mut(self.at) {
            let mut links = Vec::new();
            for (line, seq) in lines.iter().zip(target.settled.tree_lags().unwrap_or(0)..) {
                let row = Row::parse(line).filter(|row| row.seq == seq);
                match row.and_then(|row| hex::decode(&row.link)) {
                    Some(link) => links.push(Hash(link)),
                    None => break,
                }
            }
            if !target.settled.grow_tree(&links) {
                target.settled.tree = None;
            }
        }
        self.step(wire, now)
    }

    /// When more events wait than configured, the oldest are given up: a hundredth more than necessary, so as not to
    /// write with every event. Of several lanes, the one of the oldest epoch is taken, and of these the longest.
    fn give_up_the_oldest(&mut self) -> Option<Step> {
        let average = self.seen.1.checked_div(self.seen.0).unwrap_or(0).max(1);
        let cap = self.limits.rows.min(self.limits.bytes / average).max(1);
        let open = |target: &Target| target.settled.open(target.top);
        let over = self.targets.iter().map(open).sum::<u64>().checked_sub(cap + 1)? + 1 + cap / 100;
        let oldest = |(_, target): &(usize, &Target)| (core::cmp::Reverse(target.epoch.number), open(target));
        let (at, target) = self.targets.iter().enumerate().filter(|(_, target)| open(target) > 1).max_by_key(oldest)?;
        self.at = at;
        self.flight = Flight::GivingUp;
        let (chain, from) = (target.chain.clone(), target.settled.first_open());
        Some(Step::Read { chain, from, rows: over.min(AT_ONCE), bytes: u64::MAX })
    }

    /// Moves the events of these rows to another lane, as many as follow each other. Behind a hole there is nothing left to
    /// do.
    fn move_out(&mut self, lines: &[String], wire: &mut Wire, now: u64) -> Step {
        let Some(target) = self.targets.get_mut(self.at) else { return Step::Rest };
        let mut rows = Vec::new();
        for (line, seq) in lines.iter().zip(target.settled.first_open()..) {
            let Some(row) = Row::parse(line).filter(|row| row.seq == seq) else { break };
            target.settled.note_close(&row);
            rows.push(StoredRow { chain: target.chain.clone(), seq, line: line.clone() });
        }
        if rows.is_empty() {
            target.dirty = false;
            return self.step(wire, now);
        }
        rows.iter().for_each(|row| target.settled.settle(row.seq, Fate::Moved));
        self.flight = Flight::Settling;
        let (chain, epoch) = (target.chain.clone(), target.epoch);
        Step::Move { key: joined(META_SETTLED, &chain), record: target.settled.save(), chain, epoch, rows }
    }

    /// Takes the events out of these rows; the rows stay, so that what follows links to them.
    fn erase(&mut self, lines: &[String], wire: &mut Wire, now: u64) -> Step {
        let Some(target) = self.targets.get_mut(self.at) else { return Step::Rest };
        let from = target.settled.first_open();
        let mut add = Vec::new();
        for (line, seq) in lines.iter().zip(from..) {
            let Some(mut row) = Row::parse(line).filter(|row| row.seq == seq) else { break };
            // What closes a chain holds nothing of the visitor's, and is no event.
            if !opening::is_close(&row) {
                if !target.settled.contains(seq) {
                    target.settled.give_up(seq, Fate::Overflow);
                }
                row.erase();
            }
            add.push(row.stored());
        }
        let Some(last) = add.last() else {
            // What is behind a hole cannot be sent, so it need not be given up.
            target.top = from.saturating_sub(1);
            return self.step(wire, now);
        };
        let remove = Remove { chain: target.chain.clone(), first: from, last: last.seq };
        self.flight = Flight::Settling;
        target.settle(Some(remove), add)
    }

    /// Deletes the oldest settled rows of the fullest lane once more are kept than configured.
    fn prune(&mut self) -> Step {
        let (mut rows, mut bytes, mut most) = (0, 0, 0);
        for (at, target) in self.targets.iter().enumerate() {
            rows += target.kept();
            bytes += target.bytes;
            if target.kept() > most {
                most = target.kept();
                self.at = at;
            }
        }
        let (rows_over, bytes_over) = (rows.saturating_sub(self.limits.rows), bytes > self.limits.bytes);
        let Some(target) = self.targets.get_mut(self.at).filter(|_| rows_over > 0 || bytes_over) else {
            return Step::Rest;
        };
        // A tenth more than necessary, so as not to prune after every batch. The last row stays: whoever goes on with
        // the lane needs it.
        let last = target.settled.tree_lags().unwrap_or(target.settled.next()).saturating_sub(2);
        let through = (target.settled.first() + rows_over + most / 10).min(last);
        if through <= target.settled.first() {
            return Step::Rest;
        }
        target.bytes = 0;
        self.flight = Flight::Pruning;
        Step::Read { chain: target.chain.clone(), from: through, rows: 1, bytes: 1 }
    }
}

#[cfg(test)]
mod tests;
