//! Tests of what connects the chains of two epochs, and of what does not.

use super::*;
use crate::core::{
    epoch::DAY,
    error::StoreErrorKind,
    opening::{Opening, Part, is_close},
    row::Row,
};
use std::collections::BTreeSet;
use std::format;

const NOON: u64 = 20781 * DAY + DAY / 2;
const ON: &str = "512";

struct Counter(u8);
impl Entropy for Counter {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 = self.0.wrapping_add(1);
        bytes.fill(self.0);
    }
}

/// A page, and the writes it has asked for.
struct Page {
    engine: Engine,
    entropy: Counter,
    asked: Vec<Effect>,
}

impl Page {
    fn new(bits: &str, entropy: u8) -> Self {
        let config = format!("shop secret {} - day - - - - - - {bits}", "5a".repeat(32));
        let mut entropy = Counter(entropy);
        Self { engine: Engine::new(Config::parse(&config).unwrap(), &mut entropy), entropy, asked: Vec::new() }
    }

    fn feed(&mut self, input: Input, now: u64) {
        self.asked.extend(self.engine.handle(input, now, &mut self.entropy).list().unwrap());
    }

    fn opened(mut self, metas: &[(String, String)], now: u64) -> Self {
        self.feed(Input::Key("Ed25519".into(), format!("{:02x}", self.entropy.0).repeat(32)), now);
        self.feed(Input::Opened(metas.into(), true), now);
        self
    }

    /// Captures an event and stores it: what was written, and the numbers of the writes.
    fn track(&mut self, name: &str, now: u64) -> (Vec<u64>, Vec<Write>) {
        self.asked.clear();
        self.engine.capture(EventKind::Track, name, "", "", now, &mut self.entropy).unwrap();
        self.feed(Input::Commit, now);
        let writes = self.asked.iter().filter_map(|effect| match effect {
            Effect::Write(id, write) => Some((*id, write.clone())),
            _ => None,
        });
        writes.unzip()
    }
}

fn rows(writes: &[Write]) -> Vec<Row> {
    writes.iter().flat_map(|write| &write.add).map(|row| Row::parse(&row.line).unwrap()).collect()
}

fn openings(writes: &[Write]) -> Vec<Opening> {
    let metas = writes.iter().flat_map(|write| &write.put);
    metas.filter(|(key, _)| key.starts_with(opening::META)).map(|(_, text)| Opening::parse(text).unwrap()).collect()
}

fn shown(opening: &Opening, close: &Row, genesis: &Row) -> [Part; 2] {
    [opening.back(Some(close), Some(genesis)), opening.forth(Some(close), Some(genesis))]
}

#[test]
fn a_new_epoch_closes_the_chain_before_and_goes_on_with_it() {
    let mut page = Page::new(ON, 0).opened(&[], NOON);
    let (ids, before) = page.track("a", NOON);
    page.feed(Input::Written(ids[0], Ok(())), NOON);
    page.feed(Input::Key("Ed25519".into(), "ee".repeat(32)), NOON);
    let (_, writes) = page.track("b", NOON + DAY);
    let (old, new) = (rows(&before), rows(&writes));
    let [opening] = &openings(&writes)[..] else { panic!("{writes:?}") };
    assert_eq!((writes.len(), new.len()), (2, 3), "the closing row has a write of its own");
    assert_eq!((&new[0].chain, new[0].seq, &opening.old), (&old[0].chain, 2, &old[0].chain));
    assert_eq!(new[0].t, old[1].t, "the time says nothing of the new chain");
    assert_eq!(shown(opening, &new[0], &new[1]), [Part::Holds; 2]);
    assert_eq!(page.engine.waiting(), 1, "what closes a chain is no event");
    assert!(page.asked.contains(&Effect::ReleaseLane(old[0].chain.clone())));
    let closed =
        writes[0].put.iter().any(|(key, saved)| key.ends_with(&old[0].chain) && saved.starts_with("20781 0 1"));
    assert!(closed, "{writes:?}");
}

/// The metas and the last row that a page leaves which has tracked one event.
fn left(bits: &str) -> (Vec<(String, String)>, Row) {
    let (_, writes) = Page::new(bits, 100).opened(&[], NOON).track("a", NOON);
    (writes[0].put.clone(), rows(&writes)[1].clone())
}

#[test]
fn a_later_page_goes_on_with_the_chain_that_an_earlier_one_left() {
    let (metas, last) = left(ON);
    let mut page = Page::new(ON, 0).opened(&metas, NOON + DAY);
    assert!(page.asked.contains(&Effect::TryLane(last.chain.clone())), "{:?}", page.asked);
    page.feed(Input::LaneTaken(last.chain.clone(), 2, Some(last.line())), NOON + DAY);
    assert!(page.asked.contains(&Effect::Ready));
    let (_, writes) = page.track("b", NOON + DAY);
    let (new, opening) = (rows(&writes), openings(&writes).remove(0));
    assert_eq!(shown(&opening, &new[0], &new[1]), [Part::Holds; 2]);
    // Nobody goes on with a chain that was closed, whatever was known of it before.
    let mut other = Page::new(ON, 50).opened(&metas, NOON + DAY);
    other.feed(Input::LaneTaken(last.chain.clone(), 3, Some(new[0].line())), NOON + DAY);
    assert!(other.asked.contains(&Effect::ReleaseLane(last.chain)));
    assert!(openings(&other.track("c", NOON + DAY).1).is_empty());
}

#[test]
fn without_a_key_only_the_new_chain_names_the_old_one() {
    let (metas, last) = left(ON);
    let mut page = Page::new(ON, 0);
    page.feed(Input::Opened(metas, true), NOON + DAY);
    page.feed(Input::LaneTaken(last.chain.clone(), 2, Some(last.line())), NOON + DAY);
    let (_, writes) = page.track("b", NOON + DAY);
    let (new, opening) = (rows(&writes), openings(&writes).remove(0));
    assert_eq!(shown(&opening, &new[0], &new[1]), [Part::Holds, Part::Unchecked]);
    assert_eq!((opening.r, opening.pk), (None, None));
}

#[test]
fn nothing_is_closed_or_kept_unless_it_is_asked_for_nor_within_an_epoch_nor_after_a_reset() {
    let (metas, _) = left("-");
    assert!(!metas.iter().any(|(_, saved)| saved.contains("6969")), "no secret is kept: {metas:?}");
    let page = Page::new("-", 0).opened(&metas, NOON + DAY);
    assert!(!page.asked.iter().any(|effect| matches!(effect, Effect::TryLane(_))));
    let mut on = Page::new(ON, 0).opened(&[], NOON);
    on.track("a", NOON);
    on.engine.reset();
    let (_, reset) = on.track("b", NOON + 1);
    let (_, later) = on.track("c", NOON + 60_000);
    let mut off = Page::new("-", 0).opened(&[], NOON);
    off.track("a", NOON);
    let (_, next) = off.track("b", NOON + DAY);
    for writes in [reset, later, next] {
        assert!(openings(&writes).is_empty() && !rows(&writes).iter().any(is_close), "{writes:?}");
    }
}

#[test]
fn an_opening_whose_closing_row_was_not_stored_is_void() {
    let (metas, last) = left(ON);
    for kind in [StoreErrorKind::Collision, StoreErrorKind::Quota] {
        let mut page = Page::new(ON, 0).opened(&metas, NOON + DAY);
        page.feed(Input::LaneTaken(last.chain.clone(), 2, Some(last.line())), NOON + DAY);
        let (ids, _) = page.track("b", NOON + DAY);
        page.asked.clear();
        page.feed(Input::Written(ids[0], Err(kind)), NOON + DAY);
        let void = (format!("{}{}", opening::META, last.chain), String::new());
        let mended = page.asked.iter().find_map(|effect| match effect {
            Effect::Write(_, write) if write.put.contains(&void) => Some(write),
            _ => None,
        });
        let added = &mended.unwrap_or_else(|| panic!("{:?}", page.asked)).add;
        assert!(!added.iter().any(|row| row.line.contains("close")), "it closes no other chain: {added:?}");
    }
}

/// Whatever could tell one chain from another in a text: runs of letters and digits that are no words of ours.
fn tokens(text: &str) -> BTreeSet<&str> {
    let runs = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-');
    runs.filter(|run| run.len() >= 8).collect()
}

#[test]
fn without_the_opening_two_chains_share_nothing() {
    let mut page = Page::new(ON, 0).opened(&[], NOON);
    let (ids, before) = page.track("a", NOON);
    page.feed(Input::Written(ids[0], Ok(())), NOON);
    page.feed(Input::Key("Ed25519".into(), "ee".repeat(32)), NOON);
    let (_, writes) = page.track("b", NOON + DAY);
    let opening = openings(&writes).remove(0);
    let (mut old, mut new) = (String::new(), String::new());
    for row in before.iter().chain(&writes).flat_map(|write| &write.add) {
        if row.chain == opening.old { old.push_str(&row.line) } else { new.push_str(&row.line) }
    }
    let (old, new) = (tokens(&old), tokens(&new));
    assert!(old.len() > 10 && new.len() > 8, "{old:?} {new:?}");
    assert_eq!(old.intersection(&new).collect::<Vec<_>>(), [&"Ed25519"; 0]);
    let secrets = [&opening.blind, &opening.r].map(|secret| secret.clone().unwrap());
    assert!(secrets.iter().all(|secret| !old.contains(&**secret) && !new.contains(&**secret)));
}
