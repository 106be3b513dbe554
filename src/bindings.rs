//! What JavaScript sees: calls, and frames of strings in and out. Converts and calls; decides nothing.
//!
//! A call is a method, texts and up to three numbers, its answer is a text; how they cross is in [`abi`]. A frame is a
//! kind, a number, a text and a list of strings, all in one string: objects and arrays would each cost the wasm and its
//! glue kilobytes. A test compares the kinds here and in `js/driver.ts`.

mod abi;

use crate::core::{
    config::Config,
    engine::{Engine, Input},
    error::{Code, StoreErrorKind},
    frames::Items,
    opening,
    pseudonym::Kind,
    recorder::{EventKind, Namespace},
    row::Row,
    settled::Settled,
    stats::Stats,
    verify::{ChainCheck, ChainVerdict, Report},
};
use crate::ports::Entropy;
use alloc::{string::String, vec::Vec};

/// Random bytes fetched at once: a call into the browser costs more than the bytes.
const POOL_BYTES: usize = 1024;

struct Pool {
    used: usize,
    bytes: [u8; POOL_BYTES],
}

impl Entropy for Pool {
    fn fill(&mut self, wanted: &mut [u8]) {
        if self.used + wanted.len() > POOL_BYTES {
            abi::fill_randomly(&mut self.bytes);
            self.used = 0;
        }
        if let Some(fresh) = self.bytes.get_mut(self.used..self.used + wanted.len()) {
            for (wanted, fresh) in wanted.iter_mut().zip(fresh) {
                // What was given out is a secret of whoever asked.
                *wanted = core::mem::take(fresh);
            }
        }
        self.used += wanted.len();
    }
}

/// The engine of one client.
struct Client {
    engine: Engine,
    entropy: Pool,
}

/// What one object in JavaScript stands for: a client, once it is created, or a check of chains, row by row.
#[derive(Default)]
struct Session {
    client: Option<Client>,
    check: Option<ChainCheck>,
    report: Vec<ChainVerdict>,
}

impl Session {
    /// Carries out a call. Methods by number, as in `js/wasm.ts`; with fewer texts than a method has, it does nothing.
    fn call(&mut self, method: u32, texts: &[&str], numbers: [f64; 3]) -> String {
        let [number, second, third] = numbers.map(|number| number as u64);
        match (method, texts, &mut self.client) {
            (0, [config], _) => code(self.create(config)),
            (1, [kind, name, props, context], Some(client)) => code(client.capture(kind, name, props, context, number)),
            (2, [namespace, kind, canonical, raw, props], Some(client)) => {
                code(client.identify(namespace, kind, canonical, raw, props, number))
            }
            (3, [document], Some(client)) => code(client.engine.epochs(document, number)),
            (4, [], Some(client)) => {
                client.engine.reset();
                String::new()
            }
            (5, [text, list], Some(client)) => client.feed(number, second, text, list, third),
            (6, [metas], Some(client)) => client.stats(metas),
            (7, [chain, settled], _) => {
                self.chain(chain, settled);
                String::new()
            }
            (8, [lines], _) => {
                if let Some(check) = &mut self.check {
                    Items(lines).for_each(|line| check.push_line(line));
                }
                String::new()
            }
            (9, [], _) => self.verdict(),
            (10, [canonical, raw], Some(client)) => client.engine.expect(canonical, raw, number, &mut client.entropy),
            _ => String::new(),
        }
    }

    /// Makes this the session of a client with `config`, as [`Config::parse`] reads it.
    fn create(&mut self, config: &str) -> Result<(), Code> {
        let mut entropy = Pool { used: POOL_BYTES, bytes: [0; POOL_BYTES] };
        self.client = Some(Client { engine: Engine::new(Config::parse(config)?, &mut entropy), entropy });
        Ok(())
    }

    /// The next chain to check, and the record of what was pruned of it, or an empty string.
    fn chain(&mut self, chain: &str, settled: &str) {
        let next = match Settled::load(settled).base {
            Some(base) => ChainCheck::after(chain, base.seq, base.t, base.link),
            None => ChainCheck::new(chain),
        };
        self.report.extend(self.check.replace(next).map(ChainCheck::finish));
    }

    /// The verdict on all chains, as JSON.
    fn verdict(&mut self) -> String {
        self.report.extend(self.check.take().map(ChainCheck::finish));
        Report::of(core::mem::take(&mut self.report)).json()
    }
}

impl Client {
    /// Captures a `track` or `page` event at `now`, in ms.
    fn capture(&mut self, kind: &str, name: &str, props: &str, context: &str, now: u64) -> Result<(), Code> {
        let kind = if kind == "page" { EventKind::Page } else { EventKind::Track };
        self.engine.capture(kind, name, props, context, now, &mut self.entropy)
    }

    /// Makes someone the `user` or `group` of what follows.
    fn identify(
        &mut self,
        namespace: &str,
        kind: &str,
        canonical: &str,
        raw: &str,
        props: &str,
        now: u64,
    ) -> Result<(), Code> {
        let namespace = if namespace == "group" { Namespace::Group } else { Namespace::User };
        let kind = Kind::from_word(kind).ok_or(Code::InvalidIdentifier)?;
        self.engine.identify(namespace, kind, canonical, raw, props, now, &mut self.entropy)
    }

    /// Takes an input as a frame, gives the effects as frames.
    fn feed(&mut self, kind: u64, number: u64, text: &str, list: &str, now: u64) -> String {
        match input(kind, number, text, list) {
            Some(input) => self.engine.handle(input, now, &mut self.entropy).frames(),
            None => String::new(),
        }
    }

    /// The account of every event, as JSON. `metas`: every meta's key, value and, for a lane, its last line.
    fn stats(&self, metas: &str) -> String {
        let mut stats = Stats {
            waiting: self.engine.waiting(),
            drops: self.engine.unsaved_drops(),
            pseudonym_failures: self.engine.pseudonym_failures(),
            ..Stats::default()
        };
        let mut items = Items(metas);
        while let (Some(key), Some(saved), Some(last)) = (items.next(), items.next(), items.next()) {
            stats.add(key, saved, Row::parse(last).map(|row| opening::events(&row)));
        }
        stats.json()
    }
}

/// Empty for success.
fn code(result: Result<(), Code>) -> String {
    result.err().map_or("", Code::as_str).into()
}

/// Input kinds, as in `js/driver.ts`.
fn input(kind: u64, number: u64, text: &str, list: &str) -> Option<Input> {
    Some(match kind {
        0 => Input::Opened(pairs(list), number == 1),
        1 => Input::LaneTaken(text.into(), number, Items(list).next().map(String::from)),
        2 => Input::LaneBusy,
        3 => Input::Commit,
        4 => Input::Written(number, failure(text)),
        5 => Input::Elected(number, pairs(list)),
        6 => Input::Read(number, text.is_empty().then(|| lines(list))),
        7 => Input::Answered(number, text.into()),
        8 => Input::Wake,
        9 => Input::Flush,
        10 => Input::Heard(text.into()),
        11 => Input::Hidden,
        12 => Input::Leaving(number == 1),
        13 => Input::Resumed,
        14 => Input::Online,
        15 => Input::Hurry,
        16 => Input::Close,
        17 => Input::Erase,
        18 => Input::Restored(number == 1),
        19 => Input::Key(text.into(), Items(list).next()?.into()),
        _ => return None,
    })
}

fn lines(list: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in Items(list) {
        lines.push(line.into());
    }
    lines
}

fn pairs(list: &str) -> Vec<(String, String)> {
    let mut items = Items(list);
    let mut pairs = Vec::new();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        pairs.push((key.into(), value.into()));
    }
    pairs
}

fn failure(kind: &str) -> Result<(), StoreErrorKind> {
    Err(match kind {
        "" => return Ok(()),
        "collision" => StoreErrorKind::Collision,
        "quota" => StoreErrorKind::Quota,
        _ => StoreErrorKind::Other,
    })
}
