//! A seeded world around engines: pages with their own queues of things to come, one store, locks, a channel between
//! pages and an endpoint that misbehaves. Everything that happens is drawn from one seed, so a failure can be replayed.

use nymtrail::core::config::Config;
use nymtrail::core::engine::{Effect, Engine, Input, Remove, Write};
use nymtrail::core::epoch::{self, Epoch};
use nymtrail::core::error::{Code, StoreErrorKind};
use nymtrail::core::opening::{self, Opening, Part};
use nymtrail::core::pepper;
use nymtrail::core::pseudonym::{Kind, Salt};
use nymtrail::core::recorder::{EventKind, Namespace};
use nymtrail::core::row::Row;
use nymtrail::core::settled::Settled;
use nymtrail::core::stats::Stats;
use nymtrail::core::verify::{Outcome, verify};
use nymtrail::core::{chain::Hash, hex, json, merkle};
use nymtrail::ports::{Entropy, StoredRow};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Requests of two epochs are so far apart, in ms.
const APART: u64 = 60_000;

/// Whoever signs in.
const VISITOR: &str = "ada@example.com";

/// The epoch of the worlds that have one.
const EPOCH: u64 = 20_717;

fn salt() -> Salt {
    Salt::new([0x5a; 32])
}

/// Repeatable random numbers (SplitMix64).
#[derive(Clone)]
pub struct Seeded(pub u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

impl Entropy for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.iter_mut().for_each(|byte| *byte = self.next() as u8);
    }
}

/// What the endpoint does with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Network {
    /// Takes it and says so.
    Fine,
    /// Takes it, and the answer is lost.
    AnswerLost,
    /// Does not get it, now and then as the device has no network.
    Down,
    /// Answers 503.
    Refusing,
    /// Takes every other row.
    Partial,
    /// Takes no batch of more than two rows.
    Small,
    /// Gets it, long after the page has given up waiting.
    Late,
    /// Refuses some events for good, but takes their places when they come erased.
    Picky,
}

/// Rows and metas, shared by all pages or one page's own.
#[derive(Clone, Default)]
struct Store {
    rows: BTreeMap<(String, u64), String>,
    metas: BTreeMap<String, String>,
}

impl Store {
    fn write(&mut self, write: &Write) -> Result<(), StoreErrorKind> {
        let removed = |of: &String, seq: &u64| {
            let within = |Remove { chain, first, last }: &Remove| of == chain && (*first..=*last).contains(seq);
            write.remove.as_ref().is_some_and(within)
        };
        let taken =
            |row: &StoredRow| self.rows.contains_key(&(row.chain.clone(), row.seq)) && !removed(&row.chain, &row.seq);
        if write.add.iter().any(taken) {
            return Err(StoreErrorKind::Collision);
        }
        self.rows.retain(|(of, seq), _| !removed(of, seq));
        for row in &write.add {
            self.rows.insert((row.chain.clone(), row.seq), row.line.clone());
        }
        self.metas.extend(write.put.iter().cloned());
        Ok(())
    }

    /// All metas, and where each lane ends.
    fn survey(&self) -> Vec<(String, String)> {
        let chains = self.metas.keys().filter_map(|key| key.strip_prefix("lane/"));
        let lasts = chains.filter_map(|chain| Row::parse(self.chain(chain, 0).next_back()?));
        let tops = lasts.map(|row| (format!("top/{}", row.chain), row.seq.to_string()));
        self.metas.clone().into_iter().chain(tops).collect()
    }

    /// Whether there is no hole before this row, such as a page leaves that dies on a full disk: what is behind is not sent.
    fn is_linked(&self, (chain, seq): &(String, u64)) -> bool {
        let settled = self.metas.get(&format!("settled/{chain}")).map(|saved| Settled::load(saved));
        let first = settled.map_or(0, |settled| settled.first());
        (first..=*seq).all(|seq| self.rows.contains_key(&(chain.clone(), seq)))
    }

    fn chain(&self, chain: &str, from: u64) -> impl DoubleEndedIterator<Item = &String> {
        self.rows.range((chain.to_owned(), from)..=(chain.to_owned(), u64::MAX)).map(|(_, line)| line)
    }
}

/// What is under way for a page.
enum Pending {
    Input(Input),
    /// To the shared store, with the number in the order of what all pages have begun, or to the page's own memory.
    Write(u64, Write, Option<u64>),
    Read(u64, String, u64, u64, u64),
    TryLane(String),
    Last(String),
    Opening,
    Restore,
    Survey(u64),
    Batch(u64, Vec<String>, String),
}

struct Page {
    engine: Engine,
    /// Operations of one page happen in their order.
    pending: VecDeque<Pending>,
    wake: Option<u64>,
    /// Its own store, once the shared one has failed it.
    memory: Option<Store>,
    alive: bool,
    frozen: bool,
    /// Names of events captured here, to tell what may be lost with it.
    volatile: Vec<String>,
    /// How many of these there were when it was told to flush, until that is answered.
    flushing: Option<usize>,
    /// A write of it failed because the disk was full. If it dies before it has gone over to memory, what it had stored
    /// behind that write does not link and is not sent.
    failed: Cell<bool>,
}

/// The world.
pub struct World {
    random: Seeded,
    now: u64,
    config: String,
    pages: Vec<Page>,
    store: Store,
    lanes: BTreeMap<String, usize>,
    sender: Option<usize>,
    /// Pages that stand for election as the sender, and for which term of theirs.
    candidates: VecDeque<(usize, u64)>,
    network: Network,
    /// What the endpoint has, by id; a row it has already is no second one.
    accepted: BTreeMap<(String, u64), String>,
    /// Batches on their way that nobody waits for any more.
    late: Vec<Vec<String>>,
    /// The store as it was, and whether it has been brought back.
    backup: Option<Store>,
    restored: bool,
    /// The endpoint tells histories of a chain apart, and takes no row without the one before.
    tells_apart: bool,
    /// Every event, and whether it may be lost: captured by a page that died before it was stored.
    captured: Vec<String>,
    signed_in: u64,
    excused: Vec<String>,
    faults: bool,
    /// Nothing ever failed.
    faultless: bool,
    full: bool,
    /// How many writes to the shared store were begun.
    begun: u64,
    traced: bool,
    /// Roots that were compared with the endpoint's rows, and those over rows that it does not have all.
    pub roots: u64,
    /// Answers that showed that the endpoint had more of a chain.
    pub ahead: u64,
    unknown_roots: u64,
    /// What each page fetches, where bodies are to hold aliases in place of pseudonyms.
    document: Option<String>,
    /// Rows of the visitor that came with what lifts their aliases.
    pub lifted: u64,
    /// Time that has passed, whatever the clock says.
    elapsed: u64,
    /// The epoch of each chain.
    epochs: BTreeMap<String, String>,
    /// Requests that others could know of: when, and of which epoch.
    requests: Vec<(u64, String)>,
    /// How often a request followed one of another epoch, and how often its page had not heard of that yet.
    pub turns: (u64, u64),
}

impl World {
    /// A world of that seed. `faults`: pages die and freeze, the store and the network fail.
    pub fn new(seed: u64, faults: bool) -> Self {
        Self {
            random: Seeded(seed),
            now: 1_790_000_000_000,
            config: format!("shop secret {} - - 5 2000 1000 20 30", "5a".repeat(32)),
            pages: Vec::new(),
            store: Store::default(),
            lanes: BTreeMap::new(),
            sender: None,
            candidates: VecDeque::new(),
            network: Network::Fine,
            accepted: BTreeMap::new(),
            late: Vec::new(),
            backup: None,
            restored: false,
            tells_apart: false,
            captured: Vec::new(),
            signed_in: 0,
            excused: Vec::new(),
            faults,
            faultless: !faults,
            full: false,
            begun: 0,
            traced: std::env::var_os("NYMTRAIL_SEED").is_some(),
            roots: 0,
            ahead: 0,
            unknown_roots: 0,
            document: None,
            lifted: 0,
            elapsed: 0,
            epochs: BTreeMap::new(),
            requests: Vec::new(),
            turns: (0, 0),
        }
    }

    /// With a pepper at the endpoint from here on.
    pub fn with_pepper(&mut self) {
        self.config = "shop pepper - - - 5 2000 1000 20 30".into();
        let epoch = Epoch { id: EPOCH, not_before: 0, not_after: 2 * self.now, salt: salt(), next: None };
        self.document = Some(epoch::document("shop", &[epoch]));
    }

    /// In the audience profile from here on, where nobody is identified.
    pub fn in_audience(&mut self) {
        self.config = "shop audience - - - 5 2000 1000 20 30".into();
    }

    /// At a collector from here on, with a profile that is not restored.
    pub fn at_a_collector(&mut self) {
        self.tells_apart = true;
    }

    /// The disk is full, or no longer.
    pub fn fill_disk(&mut self, full: bool) {
        self.full = full;
    }

    /// With openings from here on, and chains that are signed, but for those of every third page.
    pub fn with_continuity(&mut self) {
        self.config += " - 512";
    }

    fn is_signed(&self, at: usize) -> bool {
        self.config.ends_with(" 512") && !at.is_multiple_of(3)
    }

    fn new_key(&mut self) -> Input {
        let mut key = [0; 32];
        self.random.fill(&mut key);
        Input::Key("Ed25519".into(), hex::encode(&key))
    }

    /// Time passes, and nothing happens.
    pub fn pass(&mut self, minutes: u64) {
        self.wait_until(self.now + minutes * 60_000);
    }

    /// Each chain that the endpoint has, with the visits its events are of.
    pub fn visits(&self) -> BTreeMap<&str, BTreeSet<String>> {
        let mut visits = BTreeMap::<_, BTreeSet<_>>::new();
        for ((chain, _), line) in &self.accepted {
            let body = Row::parse(line).and_then(|row| json::parse(&row.body?));
            let visit = body.as_ref().and_then(|body| body.get("s")?.as_text());
            visits.entry(chain.as_str()).or_default().extend(visit.map(String::from));
        }
        visits
    }

    /// Lets `steps` things happen.
    pub fn run(&mut self, steps: usize) {
        self.open();
        for _ in 0..steps {
            self.act();
            self.check_chains_now_and_then();
        }
    }

    /// How many events were linked once more because the endpoint had another history of their chain.
    pub fn moved(&self) -> u64 {
        let mut stats = Stats::default();
        self.store.metas.iter().for_each(|(key, value)| stats.add(key, value, None));
        stats.moved
    }

    /// How many events were given up because the endpoint refused them.
    pub fn refused(&self) -> u64 {
        let mut stats = Stats::default();
        self.store.metas.iter().for_each(|(key, value)| stats.add(key, value, None));
        stats.poison
    }

    /// The browser dies, and is started again.
    pub fn crash(&mut self) {
        while let Some(at) = self.any_page() {
            self.kill(at, true);
        }
        self.open();
    }

    /// The same, and only the first of what was on its way to the store has got there.
    pub fn cut_power(&mut self) {
        self.faultless = false;
        // Whose turn it was may not have got there either.
        self.requests.clear();
        let end = self.begun + 1 - self.random.below(3).min(self.begun);
        for page in &mut self.pages {
            page.pending.retain(|pending| !matches!(pending, Pending::Write(_, _, Some(begun)) if *begun >= end));
        }
        while let Some(at) = self.any_page() {
            self.kill(at, false);
        }
        self.open();
    }

    /// How many openings show both ways, and how many one, of chains that the endpoint has to their ends. None is wrong.
    pub fn check_openings(&self) -> (u64, u64) {
        let (mut both, mut one) = (0, 0);
        for (key, text) in self.store.metas.iter().filter(|(key, text)| key.starts_with("opening/") && !text.is_empty())
        {
            let opening = Opening::parse(text).unwrap_or_else(|| panic!("{key} {text}"));
            let last = self.accepted.range((opening.old.clone(), 0)..=(opening.old.clone(), u64::MAX)).next_back();
            let last = last.and_then(|(_, line)| Row::parse(line));
            let genesis = self.accepted.get(&(opening.new.clone(), 0)).and_then(|line| Row::parse(line));
            let stored = self.store.chain(&opening.old, 0).next_back().and_then(|line| Row::parse(line));
            let seq = |row: &Option<Row>| row.as_ref().map(|row| row.seq);
            if seq(&last) != seq(&stored) {
                // What a hole was left in is not sent to its end.
                continue;
            }
            let shown = [opening.back(last.as_ref(), genesis.as_ref()), opening.forth(last.as_ref(), genesis.as_ref())];
            assert!(!shown.contains(&Part::Broken), "{shown:?} {opening:?} {last:?}");
            both += u64::from(shown == [Part::Holds; 2]);
            one += u64::from(shown == [Part::Holds, Part::Unchecked]);
        }
        (both, one)
    }

    /// Heals everything and lets the world come to rest, then checks that every event is where it must be.
    pub fn rest_and_check(&mut self) {
        self.faults = false;
        self.full = false;
        self.network = Network::Fine;
        for at in 0..self.pages.len() {
            if self.pages[at].frozen {
                self.resume(at);
            }
        }
        self.open();
        let mut steps = 0;
        while self.progress() {
            steps += 1;
            assert!(steps < 200_000, "the world does not come to rest");
        }
        for lines in std::mem::take(&mut self.late) {
            self.accept(&lines);
        }
        self.check_chains();
        self.check_privacy();
        if self.faultless && !self.restored {
            self.check_account();
            assert_eq!(self.unknown_roots, 0, "roots over rows that the endpoint does not have");
            assert!(self.roots > 0, "no root was given with any batch");
        }
        let mut found = BTreeMap::new();
        for line in self.accepted.values() {
            let name = name_of(line);
            *found.entry(name).or_insert(0) += 1;
        }
        let mut lost = Vec::new();
        for name in &self.captured {
            let count = found.get(name).copied().unwrap_or(0);
            assert!(count <= 1, "{name} was accepted {count} times; {}", self.whereabouts(name));
            if count == 0 && !self.excused.contains(name) {
                lost.push(name);
            }
        }
        if lost.len() as u64 > self.dropped() {
            panic!("{lost:?} lost, but {} dropped; {}", self.dropped(), self.whereabouts(lost[0]));
        }
    }

    /// Events that living pages count as dropped.
    fn dropped(&self) -> u64 {
        let mut stats = Stats::default();
        let own = self.pages.iter().filter_map(|page| page.memory.as_ref());
        for store in own.chain([&self.store]) {
            store.metas.iter().for_each(|(key, value)| stats.add(key, value, None));
        }
        let unsaved: u64 = self.pages.iter().map(|page| page.engine.unsaved_drops().quota).sum();
        stats.drops.quota + stats.overflow + stats.poison + unsaved
    }

    /// Where an event is, for a failure's message.
    fn whereabouts(&self, name: &str) -> String {
        let page = self.pages.iter().position(|page| page.volatile.iter().any(|other| other == name));
        let mut said = format!("captured by page {page:?}");
        if let Some(page) = page.and_then(|at| self.pages.get(at)) {
            let (waiting, own) = (page.engine.waiting(), page.memory.is_some());
            said += &format!(", alive: {}, in memory: {own}, waiting there: {waiting}", page.alive);
        }
        let shared = [(None, &self.store)];
        let own = self.pages.iter().enumerate().filter_map(|(at, page)| Some((Some(at), page.memory.as_ref()?)));
        for (owner, store) in shared.into_iter().chain(own) {
            for ((chain, seq), line) in &store.rows {
                if name_of(line) == name {
                    let settled = store.metas.get(&format!("settled/{chain}"));
                    let before = store.rows.contains_key(&(chain.clone(), seq.wrapping_sub(1)));
                    said += &format!(
                        "; stored by {owner:?} as {seq} of {chain}, the one before there: {before}, {settled:?}"
                    );
                }
            }
        }
        for ((chain, seq), line) in &self.accepted {
            said += &format!("\n  accepted {seq} of {}: {}", &chain[..6], name_of(line));
        }
        said
    }

    fn act(&mut self) {
        match self.random.below(20) {
            0..=5 => self.capture(),
            6 if self.pages.iter().filter(|page| page.alive).count() < 4 => self.open(),
            7 if self.faults => {
                if let Some(at) = self.any_page() {
                    let leaving = self.random.below(2) == 0;
                    self.kill(at, leaving);
                }
            }
            8 if self.faults => self.freeze_or_resume(),
            9 if self.faults => self.network = self.draw_network(),
            10 if self.faults && self.random.below(40) == 0 => self.full = !self.full,
            11 => {
                if let Some(at) = self.any_page() {
                    let input = [Input::Flush, Input::Online, Input::Hidden][self.random.below(3) as usize].clone();
                    self.feed(at, input);
                }
            }
            14 if self.faults && self.random.below(6) == 0 => self.back_up_or_restore(),
            13 if !self.late.is_empty() => {
                let at = self.random.below(self.late.len() as u64) as usize;
                let lines = self.late.swap_remove(at);
                self.accept(&lines);
            }
            12 if self.faults => self.now = self.now.saturating_sub(self.random.below(10_000)),
            _ => {
                self.progress();
            }
        }
    }

    fn draw_network(&mut self) -> Network {
        use Network::*;
        [Fine, Fine, AnswerLost, Down, Refusing, Partial, Small, Late, Picky][self.random.below(9) as usize]
    }

    fn any_page(&mut self) -> Option<usize> {
        let able: Vec<_> =
            (0..self.pages.len()).filter(|at| self.pages[*at].alive && !self.pages[*at].frozen).collect();
        (!able.is_empty()).then(|| able[self.random.below(able.len() as u64) as usize])
    }

    fn open(&mut self) {
        let mut engine = Engine::new(Config::parse(&self.config).unwrap(), &mut self.random);
        if let Some(document) = &self.document {
            engine.epochs(document, self.now).unwrap();
        }
        let pending = VecDeque::from([Pending::Opening]);
        let page = Page {
            engine,
            pending,
            wake: None,
            memory: None,
            alive: true,
            frozen: false,
            volatile: Vec::new(),
            flushing: None,
            failed: Cell::new(false),
        };
        self.pages.push(page);
        let at = self.pages.len() - 1;
        if self.is_signed(at) {
            let key = self.new_key();
            self.feed(at, key);
        }
    }

    fn capture(&mut self) {
        let Some(at) = self.any_page() else { return };
        let name = format!("event-{}", self.captured.len());
        let page = &mut self.pages[at];
        if self.random.below(10) == 0 && !self.config.contains(" audience ") {
            let (user, now) = (Namespace::User, self.now);
            page.engine.identify(user, Kind::Email, VISITOR, VISITOR, "", now, &mut self.random).unwrap();
            self.signed_in += 1;
        }
        page.engine.capture(EventKind::Track, &name, "", "", self.now, &mut self.random).unwrap();
        page.volatile.push(name.clone());
        self.captured.push(name);
        // The task ends at once, or a little later.
        if self.random.below(3) > 0 {
            self.feed(at, Input::Commit);
        }
    }

    /// The page dies. What it has handed to the store may still arrive there, after its locks are free.
    fn kill(&mut self, at: usize, leaving: bool) {
        if leaving && !self.is_in_trouble(at) {
            self.feed(at, Input::Leaving(false));
        }
        let page = &mut self.pages[at];
        page.alive = false;
        page.pending.retain(|pending| matches!(pending, Pending::Write(..)));
        let written: Vec<_> = page
            .pending
            .iter()
            .filter_map(|pending| match pending {
                Pending::Write(_, write, Some(_)) => Some(write),
                _ => None,
            })
            .flat_map(|write| write.add.iter().map(|row| name_of(&row.line)))
            .collect();
        let stored: Vec<_> = self.store.rows.values().map(|line| name_of(line)).collect();
        // With a page that has gone over to memory goes whatever it has.
        let in_memory = page.memory.is_some();
        let kept =
            |name: &String| !in_memory && !page.failed.get() && (written.contains(name) || stored.contains(name));
        let lost = page.volatile.iter().filter(|name| !kept(name));
        self.excused.extend(lost.cloned());
        // A write that collides, or fails, after its page is gone has nobody to mend it.
        self.excused.extend(written);
        self.release_all(at);
    }

    fn freeze_or_resume(&mut self) {
        if let Some(at) = (0..self.pages.len()).find(|at| self.pages[*at].frozen)
            && self.random.below(2) == 0
        {
            return self.resume(at);
        }
        if let Some(at) = self.any_page().filter(|at| !self.is_in_trouble(*at)) {
            self.feed(at, Input::Leaving(true));
            self.pages[at].frozen = true;
            self.land();
        }
    }

    /// A disk that is full at the very moment a page is left is for endpoints that tell histories apart: what went out with
    /// the page and was not stored may be another one.
    fn is_in_trouble(&self, at: usize) -> bool {
        if self.tells_apart {
            return false;
        }
        let failed =
            |pending: &Pending| matches!(pending, Pending::Input(Input::Written(_, Err(StoreErrorKind::Quota))));
        self.pages[at].pending.iter().any(failed)
    }

    fn resume(&mut self, at: usize) {
        self.pages[at].frozen = false;
        self.feed(at, Input::Resumed);
    }

    /// Lets one thing that is under way happen, or time pass. False when there is nothing left to wait for.
    fn progress(&mut self) -> bool {
        let busy: Vec<_> =
            (0..self.pages.len()).filter(|at| !self.pages[*at].frozen && !self.pages[*at].pending.is_empty()).collect();
        if !busy.is_empty() && (!self.faults || self.random.below(5) > 0) {
            let at = busy[self.random.below(busy.len() as u64) as usize];
            self.happen_next(at);
            return true;
        }
        let wakes = self.pages.iter().enumerate().filter(|(_, page)| page.alive && !page.frozen);
        let Some((wake, at)) = wakes.filter_map(|(at, page)| Some((page.wake?, at))).min() else {
            return !busy.is_empty();
        };
        self.wait_until(wake);
        self.pages[at].wake = None;
        self.feed(at, Input::Wake);
        true
    }

    fn wait_until(&mut self, time: u64) {
        self.elapsed += time.saturating_sub(self.now);
        self.now = self.now.max(time);
    }

    fn happen_next(&mut self, at: usize) {
        if let Some(pending) = self.pages[at].pending.pop_front() {
            self.happen(at, pending);
        }
    }

    fn happen(&mut self, at: usize, pending: Pending) {
        if self.pages[at].memory.is_none() {
            self.land();
        }
        let input = match pending {
            Pending::Input(input) => input,
            Pending::Write(id, write, None) => Input::Written(id, self.store_of(at).write(&write)),
            // Whatever else was begun before it comes first, and it with that.
            Pending::Write(..) => {
                self.pages[at].pending.push_front(pending);
                self.land();
                return self.happen_next(at);
            }
            Pending::Read(id, chain, from, rows, bytes) => {
                let mut left = bytes as usize;
                let mut lines: Vec<String> = Vec::new();
                for line in self.store_of(at).chain(&chain, from).take(rows as usize) {
                    if !lines.is_empty() && line.len() > left {
                        break;
                    }
                    left = left.saturating_sub(line.len());
                    lines.push(line.clone());
                }
                Input::Read(id, Some(lines))
            }
            Pending::TryLane(chain) => {
                if self.lanes.contains_key(&chain) {
                    Input::LaneBusy
                } else {
                    self.lanes.insert(chain.clone(), at);
                    self.pages[at].pending.push_front(Pending::Last(chain));
                    return;
                }
            }
            Pending::Last(chain) => {
                let rows = self.store_of(at).chain(&chain, 0).count() as u64;
                let last = self.store_of(at).chain(&chain, 0).next_back().cloned();
                Input::LaneTaken(chain, rows, last)
            }
            Pending::Restore => {
                let full = self.full;
                if let Some(memory) = self.pages[at].memory.take_if(|_| !full) {
                    self.store.rows.extend(memory.rows);
                    self.store.metas.extend(memory.metas);
                    // What was written meanwhile goes there right behind.
                    for pending in &mut self.pages[at].pending {
                        if let Pending::Write(_, _, begun @ None) = pending {
                            self.begun += 1;
                            *begun = Some(self.begun);
                        }
                    }
                }
                Input::Restored(!full)
            }
            Pending::Opening => Input::Opened(self.store.metas.clone().into_iter().collect(), true),
            // What was read is heard of later: until then the page may learn of newer rows.
            Pending::Survey(term) => {
                let found = Input::Elected(term, self.store_of(at).survey());
                return self.pages[at].pending.push_back(Pending::Input(found));
            }
            Pending::Batch(id, lines, meta) => {
                let mut answer = self.answer(&lines);
                self.check_root(&lines, &meta);
                if self.has_more(at, &lines) {
                    answer += " ahead";
                    self.ahead += 1;
                }
                Input::Answered(id, answer)
            }
        };
        if self.pages[at].alive {
            self.feed(at, input);
        }
    }

    /// Transactions on the same store happen in the order they were begun, across pages: what any page has written comes
    /// before what another one reads or writes later. How it went, a page may learn much later.
    fn land(&mut self) {
        let mut landing: Vec<_> = Vec::new();
        for page in &mut self.pages {
            let Page { alive, frozen, failed, pending, .. } = page;
            let (left, failed) = (!*alive || *frozen, &*failed);
            for pending in pending {
                if let Pending::Write(_, _, Some(begun)) = pending {
                    landing.push((*begun, left, failed, pending));
                }
            }
        }
        landing.sort_by_key(|(begun, ..)| *begun);
        for (_, left, failed, pending) in landing {
            if let Pending::Write(id, write, _) = pending {
                // For a page that was left only at a collector: see `is_in_trouble`.
                let full = self.full && !write.add.is_empty() && (!left || self.tells_apart);
                failed.set(failed.get() || full);
                let result = if full { Err(StoreErrorKind::Quota) } else { self.store.write(write) };
                *pending = Pending::Input(Input::Written(*id, result));
            }
        }
    }

    fn answer(&mut self, lines: &[String]) -> String {
        match self.network {
            Network::Fine => format!("200 {} -", self.accept(lines)),
            Network::AnswerLost => {
                self.accept(lines);
                "0 r -".into()
            }
            Network::Down => if self.now.is_multiple_of(2) { "0 o -" } else { "0 r -" }.into(),
            Network::Late => {
                self.late.push(lines.to_vec());
                "0 r -".into()
            }
            Network::Refusing => "503 r 2000".into(),
            Network::Picky => {
                let refused = |row: &Row| row.body.is_some() && row.t.is_multiple_of(3);
                self.answer_each(lines, |_, row| refused(row).then_some('d'))
            }
            Network::Partial => self.answer_each(lines, |at, _| (at % 2 == 1).then_some('r')),
            Network::Small if lines.len() > 2 => "413 s -".into(),
            Network::Small => format!("200 {} -", self.accept(lines)),
        }
    }

    /// The rows that `refusal` gives no letter for are accepted.
    fn answer_each(&mut self, lines: &[String], refusal: impl Fn(usize, &Row) -> Option<char>) -> String {
        let mut letters = String::new();
        for (at, line) in lines.iter().enumerate() {
            let row = Row::parse(line).expect("a row");
            match refusal(at, &row) {
                Some(letter) => letters.push(letter),
                None => letters += &self.accept(std::slice::from_ref(line)),
            }
        }
        format!("207 {letters} -")
    }

    /// A letter for each row: acknowledged, or a fork where the endpoint has another history.
    fn accept(&mut self, lines: &[String]) -> String {
        let mut letters = String::new();
        for line in lines {
            let row = Row::parse(line).expect("a row");
            self.check_veil(line, &row);
            let place = (row.chain.clone(), row.seq);
            let accepted = |seq| Row::parse(self.accepted.get(&(row.chain.clone(), seq))?);
            // A row that was given up comes erased; it may have come whole before, or come so from a page that leaves.
            let fits = match (accepted(row.seq), row.seq.checked_sub(1).and_then(accepted)) {
                (Some(same), _) => same.erased() == row.erased(),
                (None, Some(before)) if !row.links_to(Some(&before.link)) => false,
                (None, _) => accepted(row.seq + 1).is_none_or(|after| after.links_to(Some(&row.link))),
            };
            // Whoever tells histories apart takes no row without the one before.
            if self.tells_apart && row.seq > 0 && accepted(row.seq - 1).is_none() && accepted(row.seq).is_none() {
                letters.push('r');
                continue;
            }
            assert!(fits || self.tells_apart, "{place:?} was sent in two versions");
            if fits {
                self.accepted.entry(place).or_insert_with(|| line.clone());
            }
            letters.push(if fits { 'a' } else { 'f' });
        }
        letters
    }

    /// A row that names the visitor comes with what lifts its alias, each time it comes; nothing else does.
    fn check_veil(&mut self, line: &str, row: &Row) {
        let body = row.body.as_deref().and_then(json::parse);
        let user = body.as_ref().and_then(|body| body.get("u")?.as_text()).filter(|_| self.document.is_some());
        let veil = pepper::of(line);
        let lifted = veil.as_deref().and_then(pepper::lift);
        let Some(user) = user else { return assert_eq!(veil, None, "{line}") };
        let pseudonym = salt().pseudonym("shop", "user", EPOCH, Kind::Email, VISITOR);
        assert_eq!(lifted, Some(vec![(user.into(), pseudonym.as_str())]), "{line}");
        assert!(!row.line().contains(&pseudonym), "{line}");
        self.lifted += 1;
    }

    /// Once in a world all pages end and the store is what it was some time ago, as after a restored profile. What was
    /// captured since and did not arrive is gone with it.
    pub fn back_up_or_restore(&mut self) {
        let Some(backup) = self.backup.take() else {
            if !self.tells_apart {
                self.land();
                self.backup = Some(self.store.clone());
            }
            return;
        };
        for at in 0..self.pages.len() {
            self.pages[at].alive = false;
            self.pages[at].frozen = false;
            self.pages[at].pending.clear();
            self.release_all(at);
        }
        self.store = backup;
        self.requests.clear();
        (self.restored, self.tells_apart) = (true, true);
        let waiting = |(place, _): &(&(String, u64), &String)| !self.accepted.contains_key(*place);
        let linked = |(place, _): &(&(String, u64), &String)| self.store.is_linked(place);
        let kept = self.store.rows.iter().filter(waiting).filter(linked);
        let kept: Vec<_> = kept.map(|(_, line)| name_of(line)).collect();
        let arrived: Vec<_> = self.accepted.values().map(|line| name_of(line)).collect();
        let lost = self.captured.iter().filter(|name| !kept.contains(name) && !arrived.contains(name));
        self.excused.extend(lost.cloned());
    }

    /// Whether the endpoint has more rows of this chain than the page's store, as a receipt shows.
    fn has_more(&mut self, at: usize, lines: &[String]) -> bool {
        let Some(chain) = lines.first().and_then(|line| Row::parse(line)).map(|row| row.chain) else { return false };
        let here = self.store_of(at).chain(&chain, 0).next_back().and_then(|line| Row::parse(line)).map(|row| row.seq);
        let there = self.accepted.range((chain.clone(), 0)..=(chain, u64::MAX)).next_back().map(|((_, seq), _)| *seq);
        self.tells_apart && there > here
    }

    /// The root that goes with a batch is that of the chain's rows, up to the batch's last one, as the endpoint knows them.
    fn check_root(&mut self, lines: &[String], meta: &str) {
        let rows: Vec<_> = lines.iter().map(|line| Row::parse(line).expect("a row")).collect();
        let (Some(last), meta) = (rows.last(), serde_json::from_str::<serde_json::Value>(meta).expect("JSON")) else {
            return;
        };
        let Some(root) = meta["root"].as_str() else {
            // Only a chain that forked has none.
            assert!(self.tells_apart, "{last:?} goes without a root");
            return;
        };
        assert_eq!(meta["size"].as_u64(), Some(last.seq + 1));
        let known = |seq| {
            let sent = rows.iter().find(|row| row.seq == seq).cloned();
            sent.or_else(|| Row::parse(self.accepted.get(&(last.chain.clone(), seq))?))
        };
        let links: Option<Vec<_>> = (0..=last.seq).map(|seq| Some(Hash(hex::decode(&known(seq)?.link)?))).collect();
        match links {
            Some(links) => {
                assert_eq!(root, merkle::root(&links).hex(), "of {} rows of {}", links.len(), last.chain);
                self.roots += 1;
            }
            // What was refused twice, or counted as arrived in a store that was since replaced, the endpoint need not have.
            None => self.unknown_roots += 1,
        }
    }

    fn feed(&mut self, at: usize, input: Input) {
        self.trace(at, &input);
        if input == Input::Flush {
            let page = &mut self.pages[at];
            page.flushing = page.flushing.or(Some(page.volatile.len()));
        }
        let effects = self.pages[at].engine.handle(input, self.now, &mut self.random);
        for effect in effects.list().expect("effects that can be read") {
            self.perform(at, effect);
        }
        let page = &mut self.pages[at];
        if page.alive && page.pending.is_empty() && page.engine.waiting() > 0 {
            page.pending.push_back(Pending::Input(Input::Commit));
        }
    }

    /// Requests with rows of two epochs are a minute apart, as far as the page could know of the other one: what is in a
    /// page's memory, pages that open later can't.
    fn check_distance(&mut self, at: usize, lines: &[String]) {
        let Some(row) = lines.first().and_then(|line| Row::parse(line)) else { return };
        let epoch = self.epochs[&row.chain].clone();
        let page = &self.pages[at];
        // Or its store has not even opened.
        let unheard = |pending: &Pending| match pending {
            Pending::Input(Input::Heard(text)) => text.starts_with("wire "),
            pending => matches!(pending, Pending::Opening),
        };
        let others = self.requests.iter().rev().find(|(_, other)| *other != epoch);
        self.turns.0 += u64::from(self.requests.last().is_some_and(|(_, last)| *last != epoch));
        if let Some((when, other)) = others.filter(|(when, _)| when + APART > self.elapsed) {
            let ago = self.elapsed - when;
            assert!(page.pending.iter().any(unheard), "page {at} sends of {epoch} {ago} ms after {other}");
            self.turns.1 += 1;
            // What the other one has kept in the store is overwritten.
            self.requests.clear();
        }
        if page.memory.is_none() {
            self.requests.push((self.elapsed, epoch));
        }
    }

    fn perform(&mut self, at: usize, effect: Effect) {
        self.trace(at, &effect);
        if let Effect::Deliver { lines, .. } = &effect {
            self.check_distance(at, lines);
        }
        if let Effect::Write(_, write) = &effect {
            let lanes = write.put.iter().filter_map(|(key, saved)| Some((key.strip_prefix("lane/")?, saved)));
            let epochs =
                lanes.filter_map(|(chain, saved)| Some((chain.to_owned(), saved.split(' ').next()?.to_owned())));
            self.epochs.extend(epochs);
        }
        let page = &mut self.pages[at];
        match effect {
            Effect::TryLane(chain) => page.pending.push_back(Pending::TryLane(chain)),
            Effect::HoldLane(chain) => {
                self.lanes.entry(chain).or_insert(at);
                if self.is_signed(at) {
                    let key = self.new_key();
                    self.pages[at].pending.push_back(Pending::Input(key));
                }
            }
            Effect::ReleaseLane(chain) => {
                if self.lanes.get(&chain) == Some(&at) {
                    self.lanes.remove(&chain);
                }
            }
            Effect::Elect(term) => {
                self.candidates.push_back((at, term));
                self.hand_over();
            }
            Effect::Survey(term) => page.pending.push_back(Pending::Survey(term)),
            Effect::Resign => self.resign(at),
            Effect::Write(id, write) => {
                // What is removed from a lane that is not in memory is removed from the shared store.
                let beneath = |memory: &Store| {
                    write.remove.as_ref().is_some_and(|Remove { chain, .. }| memory.chain(chain, 0).next().is_none())
                };
                let own = page.memory.as_ref().is_some_and(|memory| !beneath(memory));
                self.begun += 1;
                page.pending.push_back(Pending::Write(id, write, (!own).then_some(self.begun)));
            }
            Effect::Read { id, chain, from, rows, bytes } => {
                page.pending.push_back(Pending::Read(id, chain, from, rows, bytes));
            }
            Effect::Deliver { id, lines, meta, exit: false } => {
                page.pending.push_back(Pending::Batch(id, lines, meta));
            }
            Effect::Deliver { lines, meta, .. } => {
                assert!(!meta.contains("root"), "a page that leaves waits for no signature: {meta}");
                self.answer(&lines);
            }
            Effect::Wake(ms) => page.wake = Some(self.now + ms),
            Effect::Tell(message) => {
                for (other, page) in self.pages.iter_mut().enumerate() {
                    if other != at && page.alive {
                        page.pending.push_back(Pending::Input(Input::Heard(message.clone())));
                    }
                }
            }
            Effect::Restore => page.pending.push_back(Pending::Restore),
            Effect::Degrade => page.memory = Some(Store::default()),
            Effect::Flushed(code) => self.check_flushed(at, code),
            Effect::Ready | Effect::Warn(_) | Effect::Note(..) => {}
        }
    }

    /// Prints what happens, ids shortened.
    fn trace(&self, at: usize, what: &dyn std::fmt::Debug) {
        if self.traced {
            let mut text = format!("{what:?}");
            text.truncate(text.floor_char_boundary(1_000));
            println!("{} page {at}: {text}", self.now);
        }
    }

    fn store_of(&mut self, at: usize) -> &mut Store {
        self.pages[at].memory.as_mut().unwrap_or(&mut self.store)
    }

    fn resign(&mut self, at: usize) {
        self.candidates.retain(|(candidate, _)| *candidate != at);
        if self.sender == Some(at) {
            self.sender = None;
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        if self.sender.is_none()
            && let Some((at, term)) = self.candidates.pop_front()
        {
            self.sender = Some(at);
            self.pages[at].pending.push_back(Pending::Survey(term));
        }
    }

    fn release_all(&mut self, at: usize) {
        self.lanes.retain(|_, owner| *owner != at);
        self.resign(at);
    }

    /// A flush that is done has sent what its page had captured; in a world without faults it is done.
    fn check_flushed(&mut self, at: usize, code: Option<Code>) {
        let captured = self.pages[at].flushing.take().unwrap_or(0);
        let page = &self.pages[at];
        if !self.faultless || self.restored || self.backup.is_some() {
            return;
        }
        if code == Some(Code::EpochsApart) {
            return;
        }
        assert_eq!(code, None, "page {at} could not flush");
        let arrived: Vec<_> = self.accepted.values().map(|line| name_of(line)).collect();
        let missing: Vec<_> = page.volatile.iter().take(captured).filter(|name| !arrived.contains(name)).collect();
        assert!(missing.len() as u64 <= self.dropped(), "page {at} has flushed, but not {missing:?}");
    }

    /// Every event is accounted for.
    fn check_account(&self) {
        let mut stats = Stats::default();
        for (key, saved) in &self.store.metas {
            let last = key.strip_prefix("lane/").and_then(|chain| self.store.chain(chain, 0).next_back());
            stats.add(key, saved, last.and_then(|line| Row::parse(line)).map(|row| opening::events(&row)));
        }
        assert_eq!(stats.captured(), self.captured.len() as u64 + self.signed_in, "captured");
        assert_eq!((stats.pending(), stats.stored), (0, stats.acknowledged + stats.overflow), "settled");
    }

    /// Who signed in is in no byte that was stored or sent.
    fn check_privacy(&self) {
        let memories = self.pages.iter().filter_map(|page| page.memory.as_ref());
        let stored = memories.chain([&self.store]).flat_map(|store| store.rows.values().chain(store.metas.values()));
        for text in stored.chain(self.accepted.values()) {
            assert!(!text.contains(VISITOR), "{text}");
        }
    }

    fn check_chains_now_and_then(&mut self) {
        if self.random.below(50) == 0 {
            self.check_chains();
        }
    }

    /// Whatever the endpoint has of a chain from its beginning on links.
    fn check_chains(&self) {
        let mut rows: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
        for ((chain, _), line) in &self.accepted {
            rows.entry(chain).or_default().push(Row::parse(line).expect("a row"));
        }
        for rows in rows.into_values() {
            let whole = rows.into_iter().enumerate().take_while(|(at, row)| row.seq == *at as u64).map(|(_, row)| row);
            let report = verify(whole);
            assert_eq!(report.verdict, Outcome::Holds, "{}", report.json());
        }
    }
}

fn name_of(line: &str) -> String {
    let row = Row::parse(line).expect("a row");
    let body: serde_json::Value = serde_json::from_str(row.body.as_deref().unwrap_or("{}")).expect("a body");
    body["n"].as_str().unwrap_or("genesis").into()
}
