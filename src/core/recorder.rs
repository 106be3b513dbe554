//! From a call to a linked row: scrub, pseudonym, body, link. Synchronous; a row exists when the call returns.

use super::{
    chain::{Head, NO_HEAD, token_hash},
    config::{Config, Mode},
    epoch::{Keyring, Published},
    error::Code,
    hex, joined,
    json::{self, Object, Value},
    lane::{EpochId, Lane},
    opening::{self, Opening},
    pepper::{self, Veil},
    pseudonym::{Kind, Salt},
    row::Row,
    scrub,
    taint::Taint,
    visit::{self, Visit},
    words::{Reader, Words},
};
use crate::ports::{Entropy, StoredRow};
use alloc::{string::String, vec::Vec};

/// The largest body, in bytes: more is a document, not an event, and several must fit into one request at page exit.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// Something the visitor did.
    Track,
    /// A page was seen.
    Page,
    /// The visitor signed in.
    Identify,
    /// The visitor belongs to a group.
    Group,
}

impl EventKind {
    /// The word in the body's `k`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::Page => "page",
            Self::Identify => "identify",
            Self::Group => "group",
        }
    }
}

/// Whose identifier is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// The signed-in user.
    User,
    /// A group of users: a company, a team.
    Group,
}

/// Turns calls into rows. Owns whatever must not outlive an epoch.
pub struct Recorder {
    /// What it was made with.
    pub config: Config,
    keyring: Keyring,
    keyring_unsaved: bool,
    taint: Taint,
    visit: Option<Visit>,
    epoch_delay: u64,
    /// The lane that is written to, if one was taken or opened.
    pub lane: Option<Lane>,
    /// The lane of the epoch before, closed just now, and what shows that the one at hand goes on with it.
    pub closed: Option<(Lane, Opening)>,
    /// The lane that the one to be opened goes on with.
    before: Option<Lane>,
    /// The algorithm and the public key of a key that no chain has yet. One that was made known to two would join them.
    pub key: Option<(String, String)>,
    /// Identifiers for which no pseudonym could be made.
    pub pseudonym_failures: u64,
}

impl Recorder {
    /// A recorder that has seen nothing yet.
    pub fn new(config: Config, entropy: &mut dyn Entropy) -> Self {
        let mut key = [0; 32];
        entropy.fill(&mut key);
        Self {
            keyring: Keyring::of(
                if config.mode == Mode::Oprf { Published::Key } else { Published::Salt },
                config.pin.clone(),
            ),
            keyring_unsaved: false,
            taint: Taint::new(key),
            visit: None,
            epoch_delay: visit::epoch_delay(entropy),
            lane: None,
            closed: None,
            before: None,
            key: None,
            pseudonym_failures: 0,
            config,
        }
    }

    /// Takes up what an earlier page saved: the keyring and the visit.
    pub fn resume(&mut self, keyring: Option<&str>, visit: Option<&str>) {
        if let Some(keyring) = keyring {
            self.keyring.load(keyring, &self.config.deployment);
        }
        // A page that was in a hurry may have begun a visit, and a chain, before it knew of this one.
        if !(self.is_audience() && self.visit.is_some()) {
            self.visit = visit.and_then(Visit::load);
        }
    }

    /// Takes an epochs document.
    ///
    /// # Errors
    /// As [`Keyring::accept`], and [`Code::EpochsExpired`] if the document has no epoch for `now`.
    pub fn epochs(&mut self, document: &str, now: u64) -> Result<(), Code> {
        self.keyring.accept(document, &self.config.deployment)?;
        self.keyring_unsaved = true;
        // A visit that began without a key goes over to the epoch that has one.
        if self.visit.as_ref().is_some_and(|visit| self.keyring.salt(visit.epoch).is_none()) {
            self.visit = None;
        }
        self.keyring.current(now).map(|_| ()).ok_or(Code::EpochsExpired)
    }

    /// The epoch an event at `now` belongs to.
    pub fn epoch(&self, now: u64) -> u64 {
        let visit = self.visit.as_ref().filter(|visit| visit.goes_on(now));
        visit.map_or_else(|| self.epoch_beginning(now), |visit| visit.epoch)
    }

    /// Records an event and gives back its row, with the genesis before it if a lane had to be opened.
    ///
    /// `props` and `context` are JSON objects, or empty.
    ///
    /// # Errors
    /// [`Code::InvalidName`], [`Code::InvalidProperties`], [`Code::TooLarge`], in strict mode [`Code::Scrubbed`]: the
    /// event is dropped.
    pub fn capture(
        &mut self,
        kind: EventKind,
        name: &str,
        props: &str,
        context: &str,
        now: u64,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<StoredRow>, Code> {
        let name = if name.is_empty() && kind != EventKind::Track {
            String::new()
        } else {
            let scrubbed = scrub::name(name, &self.taint, self.config.off)?;
            if self.config.strict && scrubbed != name {
                return Err(Code::Scrubbed);
            }
            scrubbed
        };
        self.go_on_or_begin(now, entropy);
        let mut veil = Veil::new(self.config.pepper.then_some(&mut *entropy));
        let props = self.properties(props, self.config.strict, &mut veil)?;
        // The page's address is not the caller's doing.
        let context = self.properties(context, false, &mut veil)?;
        let body = self.body(kind, &name, &props, &context, &mut veil);
        if body.len() > MAX_BODY_BYTES {
            return Err(Code::TooLarge);
        }
        if self.goes_over(now) {
            self.before = self.lane.take();
        }
        let mut rows = Vec::with_capacity(2);
        let (veil, salt) = (veil.finish(), random_hex::<16>(entropy));
        self.link(body, salt, veil, now, &mut rows, entropy);
        Ok(rows)
    }

    /// Announces an identifier that is made into a pseudonym elsewhere: from now on it is looked for in all that is captured.
    /// Gives the epoch that the pseudonym has to be of, and the public key of that epoch, as words; nothing without a key.
    pub fn expect(&mut self, canonical: &str, raw: &str, now: u64, entropy: &mut dyn Entropy) -> String {
        self.taint.add(canonical);
        self.taint.add(raw);
        self.go_on_or_begin(now, entropy);
        let Some(epoch) = self.visit.as_ref().map(|visit| visit.epoch) else { return String::new() };
        let words = |key: &Salt| Words::default().number(epoch).text(Some(&hex::encode(key.bytes()))).finish();
        self.keyring.salt(epoch).map(words).unwrap_or_default()
    }

    /// Makes `canonical` the visitor's user or group from now on, as a pseudonym. Neither it nor `raw` is kept; both
    /// are looked for in all that is captured later. In the mode `oprf`, where [`expect`](Self::expect) has seen them, `canonical`
    /// is the epoch and the pseudonym, as words; it may be empty. Without a pseudonym nobody is the user or group: whoever was
    /// before may be somebody else.
    ///
    /// # Errors
    /// [`Code::NoSalt`] in `random` mode, [`Code::AudienceProfile`] in `audience`, [`Code::NoEpochKey`] without a salt of
    /// the epoch: nothing is recorded.
    pub fn identify(
        &mut self,
        namespace: Namespace,
        kind: Kind,
        canonical: &str,
        raw: &str,
        now: u64,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Code> {
        self.learn(canonical);
        self.learn(raw);
        self.go_on_or_begin(now, entropy);
        let word = match namespace {
            Namespace::User => "user",
            Namespace::Group => "group",
        };
        let pseudonym = self.pseudonym(word, kind, canonical);
        let outcome = pseudonym.as_ref().map_or_else(|code| Err(*code), |_| Ok(()));
        self.pseudonym_failures += u64::from(outcome.is_err());
        if let Some(visit) = &mut self.visit {
            let place = match namespace {
                Namespace::User => &mut visit.user,
                Namespace::Group => &mut visit.group,
            };
            *place = pseudonym.ok();
            visit.changed();
        }
        outcome
    }

    /// Forgets who is acting. The next event begins a new visit of a new device in a new lane.
    pub fn reset(&mut self) {
        // In the mode `oprf` identifiers of calls that still wait are among them.
        if self.config.mode != Mode::Oprf {
            self.taint.clear();
        }
        self.visit = None;
    }

    /// Links the events of `rows` once more, since their place in a chain is taken or lost: in the lane at hand, or in
    /// a new one. Times and bodies stay, and so do salts and veils, whose rows are gone. What closed a chain closes no other.
    pub fn relink(&mut self, rows: &[StoredRow], entropy: &mut dyn Entropy) -> Vec<StoredRow> {
        let mut linked = Vec::with_capacity(rows.len() + 1);
        for row in rows.iter().filter(|row| opening::is_event(row)) {
            if let Some(Row { body: Some(body), salt: Some(salt), t, .. }) = Row::parse(&row.line) {
                self.link(body, salt, pepper::of(&row.line), t, &mut linked, entropy);
            }
        }
        linked
    }

    /// The same in a lane of that epoch for these rows alone. `None`: there are none.
    pub fn relink_apart(
        &mut self,
        rows: &[StoredRow],
        epoch: EpochId,
        entropy: &mut dyn Entropy,
    ) -> Option<(Lane, Vec<StoredRow>)> {
        let first = Row::parse(&rows.first()?.line)?;
        let mut linked = Vec::new();
        let lane = self.open_in(epoch, first.t, &mut linked, entropy);
        let current = self.lane.replace(lane);
        linked.append(&mut self.relink(rows, entropy));
        let mut lane = core::mem::replace(&mut self.lane, current)?;
        lane.closed = true;
        Some((lane, linked))
    }

    /// Adds the metas that have changed since they were last asked for.
    pub fn take_unsaved(&mut self, metas: &mut Vec<(String, String)>) {
        if let Some(lane) = &mut self.lane
            && core::mem::take(&mut lane.unsaved)
        {
            metas.push((lane.meta_key(), lane.save()));
        }
        if let Some(visit) = &mut self.visit
            && visit.take_unsaved()
        {
            metas.push((visit::META.into(), visit.save()));
        }
        if core::mem::take(&mut self.keyring_unsaved) {
            metas.push((META_KEYRING.into(), self.keyring.save()));
        }
    }

    /// Whether an event at `now` could not be written to the lane at hand: the epoch has changed, or in the audience
    /// profile the visit, as a chain would tell that two visits are one browser's.
    pub fn must_leave_lane(&self, now: u64) -> bool {
        let Some(lane) = &self.lane else { return false };
        let Some(visit) = &self.visit else { return true };
        lane.epoch != self.epoch_id(now) || self.is_audience() && !visit.goes_on(now)
    }

    /// Whether an event at `now` is of a later epoch than the lane at hand, whose chain goes on in a new one.
    pub fn goes_over(&self, now: u64) -> bool {
        self.lane.as_ref().is_some_and(|lane| self.goes_on_with(lane.epoch, now))
    }

    /// Whether a new chain at `now` would go on with one of that epoch.
    pub fn goes_on_with(&self, epoch: EpochId, now: u64) -> bool {
        self.config.continuity && !self.is_audience() && epoch.number < self.epoch(now)
    }

    /// Whether a lane of another page may go on here: not after [`reset`](Self::reset) there, as it would tell that two people
    /// use one browser, nor in the audience profile in another visit.
    pub fn may_go_on(&self, lane: &Lane) -> bool {
        lane.whose.as_deref() == self.whose()
    }

    fn is_audience(&self) -> bool {
        matches!(self.config.mode, Mode::Audience)
    }

    /// The epoch of a lane for an event at `now`; it is published if it is one of the epochs document, so that a collector knows it.
    pub fn epoch_id(&self, now: u64) -> EpochId {
        let number = self.epoch(now);
        let has_document = matches!(self.config.mode, Mode::Salt | Mode::Oprf);
        EpochId { number, published: has_document && self.keyring.salt(number).is_some() }
    }

    fn epoch_beginning(&self, now: u64) -> u64 {
        let late = now.saturating_sub(self.epoch_delay);
        let epoch = self.keyring.current(late).or_else(|| self.keyring.current(now));
        epoch.map_or_else(|| self.config.period.id(now), |epoch| epoch.id)
    }

    fn go_on_or_begin(&mut self, now: u64, entropy: &mut dyn Entropy) {
        match self.visit.take() {
            Some(mut visit) if visit.goes_on(now) => {
                visit.touch(now);
                self.visit = Some(visit);
            }
            before => self.visit = Some(Visit::begin(self.epoch_beginning(now), before, now, entropy)),
        }
    }

    /// Links one event, after the genesis of a new lane if there is none.
    fn link(
        &mut self,
        body: String,
        salt: String,
        veil: Option<String>,
        t: u64,
        rows: &mut Vec<StoredRow>,
        entropy: &mut dyn Entropy,
    ) {
        if self.lane.is_none() {
            let mut lane = self.open_in(self.epoch_id(t), t, rows, entropy);
            lane.whose = self.whose().map(Into::into);
            self.lane = Some(lane);
        }
        if let Some(lane) = &mut self.lane {
            let mut row = lane.head.append(body, salt, t).stored();
            pepper::append(veil.as_deref(), &mut row.line);
            rows.push(row);
        }
    }

    /// The id that joins the events of this visitor.
    fn whose(&self) -> Option<&str> {
        let visit = self.visit.as_ref()?;
        Some(if self.is_audience() { &visit.id } else { &visit.device })
    }

    /// Opens a lane and adds the row that does; before it, the one that closes the chain it goes on with, if there is one.
    fn open_in(&mut self, epoch: EpochId, now: u64, rows: &mut Vec<StoredRow>, entropy: &mut dyn Entropy) -> Lane {
        let (alg, pk) = self.key.take().unzip();
        let mut before = self.before.take();
        let r = random_hex::<32>(entropy);
        if let Some(Lane { head, closed, .. }) = &mut before {
            let nx = opening::next_key(&r, pk.as_deref().unwrap_or_default());
            // At the time of the row before it: its own would tell when the next chain began.
            rows.push(head.append(opening::close_body(&nx), random_hex::<16>(entropy), 0).stored());
            *closed = true;
        }
        let mut body = Object::default();
        body.optional("alg", alg.as_deref());
        body.text("dep", &self.config.deployment);
        if let Some(number) = epoch.public() {
            body.number("ep", number);
        }
        let token = random_hex::<16>(entropy);
        body.text("et", &token_hash(&token).hex());
        body.optional("pk", pk.as_deref());
        let body = body.number("v", 1).text("x", "open").finish();
        let (salt, blind) = (random_hex::<16>(entropy), random_hex::<32>(entropy));
        let old = before.as_ref().map_or(NO_HEAD, |lane| &lane.head.link);
        let (head, genesis) = Head::open(body, salt, &blind, old, now);
        self.closed = before.map(|lane| {
            let (old, new, r) = (lane.head.chain.clone(), head.chain.clone(), pk.is_some().then_some(r));
            (lane, Opening { old, new, blind: Some(blind), r, pk })
        });
        rows.push(genesis.stored());
        Lane::opened(head, epoch, token)
    }

    /// Reads, scrubs and pseudonymises an object; no object is an empty one. `strict`: what is scrubbed is refused.
    fn properties(&mut self, text: &str, strict: bool, veil: &mut Veil) -> Result<Value, Code> {
        if text.is_empty() {
            return Ok(Value::Map(Vec::new()));
        }
        let mut props = json::parse(text).ok_or(Code::InvalidProperties)?;
        // Identifiers leave the object before the scrubber sees it and come back as pseudonyms, or not at all.
        let mut identifiers = Vec::new();
        if let Value::Map(entries) = &mut props {
            for entry in core::mem::take(entries) {
                let list = if self.config.identifiers.contains(&entry.0) { &mut identifiers } else { &mut *entries };
                list.push(entry);
            }
        }
        let before = if strict { json::to_string(&props) } else { String::new() };
        scrub::properties(&mut props, &self.taint, self.config.off)?;
        if strict && before != json::to_string(&props) {
            return Err(Code::Scrubbed);
        }
        for (name, value) in identifiers {
            let (Value::Text(identifier) | Value::Number(identifier)) = value else { continue };
            self.learn(&identifier);
            let pseudonym = self.pseudonym(&joined("prop:", &name), Kind::Opaque, &identifier);
            match (pseudonym, &mut props) {
                (Ok(pseudonym), Value::Map(entries)) => entries.push((name, Value::Text(veil.hide(pseudonym)))),
                _ => self.pseudonym_failures += 1,
            }
        }
        Ok(props)
    }

    fn pseudonym(&self, namespace: &str, kind: Kind, canonical: &str) -> Result<String, Code> {
        let epoch = self.visit.as_ref().map(|visit| visit.epoch).ok_or(Code::NoEpochKey)?;
        let made = |salt: &Salt| salt.pseudonym(&self.config.deployment, namespace, epoch, kind, canonical);
        match &self.config.mode {
            Mode::Random => Err(Code::NoSalt),
            Mode::Audience => Err(Code::AudienceProfile),
            Mode::Salt => self.keyring.salt(epoch).map(made).ok_or(Code::NoEpochKey),
            Mode::Secret(secret) => Ok(made(&Salt::derived(secret, epoch))),
            // Made meanwhile, perhaps for a visit that has ended since.
            Mode::Oprf => {
                let mut words = Reader::new(canonical);
                let of = words.number();
                words.string().filter(|text| of == Some(epoch) && text.starts_with("p2.")).ok_or(Code::NoEpochKey)
            }
        }
    }

    /// Looks for an identifier from now on. In the mode `oprf` what comes here is a pseudonym.
    fn learn(&mut self, identifier: &str) {
        if self.config.mode != Mode::Oprf {
            self.taint.add(identifier);
        }
    }

    fn body(&self, kind: EventKind, name: &str, props: &Value, context: &Value, veil: &mut Veil) -> String {
        let mut body = Object::default();
        let visit = self.visit.as_ref();
        let mut hidden = |pseudonym: fn(&Visit) -> &Option<String>| Some(veil.hide(pseudonym(visit?).clone()?));
        if !context.entries().is_empty() {
            json::write(context, body.member("c"));
        }
        body.optional("d", visit.filter(|_| !self.is_audience()).map(|visit| visit.device.as_str()));
        body.optional("g", hidden(|visit| &visit.group).as_deref());
        body.text("k", kind.as_str()).optional("n", Some(name));
        if !props.entries().is_empty() {
            json::write(props, body.member("p"));
        }
        body.optional("s", visit.map(|visit| visit.id.as_str()));
        body.optional("u", hidden(|visit| &visit.user).as_deref()).finish()
    }
}

fn random_hex<const BYTES: usize>(entropy: &mut dyn Entropy) -> String {
    let mut bytes = [0; BYTES];
    entropy.fill(&mut bytes);
    hex::encode(&bytes)
}

/// The key under which the keyring is kept.
pub const META_KEYRING: &str = "keyring";

#[cfg(test)]
mod tests;
