//! What JavaScript sees: calls, and frames of strings in and out. Converts and calls; decides nothing.
//!
//! A frame is a kind, a number, a text and a list of strings, all in one string: objects and arrays would each cost
//! the wasm and its glue kilobytes. A test compares the tables of kinds here and in `js/driver.ts`.

use crate::core::{
    config::Config,
    decimal,
    engine::{Effect, Engine, Input},
    error::{Code, StoreErrorKind},
    pseudonym::Kind,
    recorder::{EventKind, Namespace},
    settled::Settled,
    stats::Stats,
    verify::{ChainCheck, Report},
    words::Words,
};
use crate::ports::Entropy;
use alloc::{string::String, vec::Vec};
use wasm_bindgen::prelude::*;
use zeroize::Zeroize;

/// Small, and enough for one page's client: the standard allocator costs the wasm 5 KB more.
#[cfg(feature = "standalone")]
mod memory {
    #![allow(unsafe_code, reason = "an allocator is unsafe by nature; nothing else in this crate is")]

    use talc::{OomHandler, Span, Talc, Talck, locking::AssumeUnlockable};

    /// A page of wasm memory.
    const PAGE: usize = 64 * 1024;

    /// Grows the memory by what is asked for. talc's own handler keeps code that formats its errors.
    struct Grow;

    impl OomHandler for Grow {
        fn handle_oom(talc: &mut Talc<Self>, layout: core::alloc::Layout) -> Result<(), ()> {
            let pages = (layout.size() + layout.align()) / PAGE + 2;
            let before = core::arch::wasm32::memory_grow(0, pages);
            if before == usize::MAX {
                return Err(());
            }
            let base = (before * PAGE) as *mut u8;
            // SAFETY: the pages were added just now, so nothing else uses them.
            unsafe { talc.claim(Span::from_base_size(base, pages * PAGE)).map(|_| ()) }
        }
    }

    // SAFETY: a page's wasm has one thread.
    #[global_allocator]
    static ALLOCATOR: Talck<AssumeUnlockable, Grow> = Talc::new(Grow).lock();
}

/// A panic is a bug of ours and ends the engine, not the page: the client catches the trap. Without the standard
/// library's handler the wasm needs no code that formats messages nobody would see.
#[cfg(feature = "standalone")]
#[panic_handler]
fn trap(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    fn get_random_values(bytes: &mut [u8]);
}

/// Random bytes fetched at once: a call into the browser costs more than the bytes.
const POOL_BYTES: usize = 1024;

struct Pool {
    used: usize,
    bytes: [u8; POOL_BYTES],
}

impl Entropy for Pool {
    fn fill(&mut self, wanted: &mut [u8]) {
        if self.used + wanted.len() > POOL_BYTES {
            get_random_values(&mut self.bytes);
            self.used = 0;
        }
        if let Some(fresh) = self.bytes.get_mut(self.used..self.used + wanted.len()) {
            wanted.copy_from_slice(fresh);
            // What was given out is a secret of whoever asked.
            fresh.fill(0);
        }
        self.used += wanted.len();
    }
}

/// The engine of one client.
#[wasm_bindgen]
pub struct Core {
    engine: Engine,
    entropy: Pool,
}

#[wasm_bindgen]
impl Core {
    /// A client with `config`, a JSON object; undefined if it cannot be read.
    pub fn create(config: &str) -> Option<Core> {
        let mut entropy = Pool { used: POOL_BYTES, bytes: [0; POOL_BYTES] };
        let config = Config::parse(config).ok()?;
        Some(Self { engine: Engine::new(config, &mut entropy), entropy })
    }

    /// Captures a `track` or `page` event at `now`, in ms. Empty, or a code.
    pub fn capture(&mut self, kind: &str, name: &str, props: &str, context: &str, now: f64) -> String {
        let kind = if kind == "page" { EventKind::Page } else { EventKind::Track };
        code(self.engine.capture(kind, name, props, context, now as u64, &mut self.entropy))
    }

    /// Makes someone the `user` or `group` of what follows. Empty, or a code.
    pub fn identify(
        &mut self,
        namespace: &str,
        kind: &str,
        mut canonical: String,
        mut raw: String,
        props: &str,
        now: f64,
    ) -> String {
        let namespace = if namespace == "group" { Namespace::Group } else { Namespace::User };
        let result = match Kind::from_word(kind) {
            Some(kind) => self.engine.identify(namespace, kind, &canonical, &raw, props, now as u64, &mut self.entropy),
            None => Err(Code::InvalidIdentifier),
        };
        canonical.zeroize();
        raw.zeroize();
        code(result)
    }

    /// Takes the text of an epochs document. Empty, or a code.
    pub fn epochs(&mut self, document: &str, now: f64) -> String {
        code(self.engine.epochs(document, now as u64))
    }

    /// Forgets who is acting.
    pub fn reset(&mut self) {
        self.engine.reset();
    }

    /// Takes an input as a frame, gives the effects as frames.
    pub fn feed(&mut self, kind: u32, number: f64, text: &str, list: &str, now: f64) -> String {
        let mut frames = String::new();
        if let Some(input) = input(kind, number as u64, text, list) {
            for effect in self.engine.handle(input, now as u64, &mut self.entropy) {
                write_effect(&mut frames, effect);
            }
        }
        frames
    }

    /// The account of every event, as JSON. `metas`: every meta's key, value and, for a lane, its last line.
    pub fn stats(&self, metas: &str) -> String {
        let mut stats = Stats {
            waiting: self.engine.waiting(),
            drops: self.engine.unsaved_drops(),
            pseudonym_failures: self.engine.pseudonym_failures(),
            ..Stats::default()
        };
        let mut items = Items(metas);
        while let (Some(key), Some(saved), Some(last)) = (items.next(), items.next(), items.next()) {
            stats.add(key, saved, crate::core::row::Row::parse(last).map(|row| row.seq));
        }
        stats.json()
    }
}

/// Checks chains, row by row.
#[wasm_bindgen]
#[derive(Default)]
pub struct Checker {
    check: Option<ChainCheck>,
    report: Vec<crate::core::verify::ChainVerdict>,
}

#[wasm_bindgen]
impl Checker {
    /// A checker that has seen nothing.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next chain, and the record of what was pruned of it, or an empty string.
    pub fn chain(&mut self, chain: &str, settled: &str) {
        let next = match Settled::load(settled).base {
            Some(base) => ChainCheck::after(chain, base.seq, base.t, base.link),
            None => ChainCheck::new(chain),
        };
        self.report.extend(self.check.replace(next).map(ChainCheck::finish));
    }

    /// The next rows of that chain, as lines.
    pub fn rows(&mut self, lines: &str) {
        if let Some(check) = &mut self.check {
            Items(lines).for_each(|line| check.push_line(line));
        }
    }

    /// The verdict, as JSON.
    pub fn verdict(&mut self) -> String {
        self.report.extend(self.check.take().map(ChainCheck::finish));
        Report::of(core::mem::take(&mut self.report)).json()
    }
}

fn code(result: Result<(), Code>) -> String {
    result.err().map_or("", Code::as_str).into()
}

/// Ends an item of a list; no text of ours holds this control character, nor may JSON.
const ITEM: char = '\u{1e}';
/// Ends a frame.
const FRAME: char = '\u{1d}';

/// The items of a list, each ended by [`ITEM`].
struct Items<'a>(&'a str);

impl<'a> Iterator for Items<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let end = self.0.bytes().position(|byte| byte == ITEM as u8)?;
        let (item, rest) = (self.0.get(..end)?, self.0.get(end + 1..)?);
        self.0 = rest;
        Some(item)
    }
}

/// Input kinds, as in `js/driver.ts`.
fn input(kind: u32, number: u64, text: &str, list: &str) -> Option<Input> {
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

/// Effect kinds, as in `js/driver.ts`: kind, number, text and the items of a list, each with its end.
fn write_effect(frames: &mut String, effect: Effect) {
    match effect {
        Effect::TryLane(chain) => begin(frames, 0, 0, &chain),
        Effect::HoldLane(chain) => begin(frames, 1, 0, &chain),
        Effect::ReleaseLane(chain) => begin(frames, 2, 0, &chain),
        Effect::Elect(term) => begin(frames, 3, term, ""),
        Effect::Resign => begin(frames, 4, 0, ""),
        Effect::Write(id, write) => {
            // What is to be deleted and how many rows there are; three items a row, the rest are metas.
            let (chain, first, last) = write.remove.unwrap_or_default();
            let removed = Words::default().text(Some(&chain)).numbers(&[first, last, write.add.len() as u64]);
            begin(frames, 5, id, &removed.finish());
            for row in &write.add {
                push(frames, &row.chain);
                push_number(frames, row.seq);
                push(frames, &row.line);
            }
            for (key, value) in &write.put {
                push(frames, key);
                push(frames, value);
            }
        }
        Effect::Read { id, chain, from, rows, bytes } => {
            begin(frames, 6, id, &chain);
            [from, rows, bytes].iter().for_each(|number| push_number(frames, *number));
        }
        Effect::Deliver { id, lines, meta, exit } => {
            begin(frames, 7 + u64::from(exit), id, &meta);
            lines.iter().for_each(|line| push(frames, line));
        }
        Effect::Wake(ms) => begin(frames, 9, ms, ""),
        Effect::Tell(message) => begin(frames, 10, 0, &message),
        Effect::Degrade => begin(frames, 11, 0, ""),
        Effect::Ready => begin(frames, 12, 0, ""),
        Effect::Flushed(code) => begin(frames, 13, 0, code.map_or("", Code::as_str)),
        Effect::Warn(code) => begin(frames, 14, 0, code.as_str()),
        Effect::Survey(term) => begin(frames, 16, term, ""),
        Effect::Restore => begin(frames, 17, 0, ""),
        Effect::Note(kind, detail) => {
            begin(frames, 15, 0, kind);
            push(frames, &detail);
        }
    }
    frames.push(FRAME);
}

fn begin(frames: &mut String, kind: u64, number: u64, text: &str) {
    push_number(frames, kind);
    push_number(frames, number);
    push(frames, text);
}

fn push(frames: &mut String, item: &str) {
    frames.push_str(item);
    frames.push(ITEM);
}

fn push_number(frames: &mut String, number: u64) {
    push(frames, decimal(number).as_str());
}
