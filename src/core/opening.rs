//! Continuity: that one chain goes on with the device of another, shown by whoever has the secrets to it.
//!
//! ```text
//! gprev of the new chain's seq 0            = SHA256("g1|" blind "|" head)    head: last link of the old chain
//! body of the old chain's last event        = {"nx": nx, "x": "close"}
//! nx                                        = SHA256("n1|" r "|" hex SHA256(pk))
//! ```
//! `pk` is the next public key as its chain's first body has it, in hex: it is hashed as that text. `gprev` says which chain the
//! new one goes on with; anybody who saw that one's head could claim as much, so `nx`, which its device signed, names the new
//! key in return. Without `blind` and `r` neither tells anything.

use super::{chain, chain::Hash, hex, json, json::Object, row::Row};
use crate::ports::StoredRow;
use alloc::string::String;

/// What binds the next public key, given in hex; `r` is 64 secret hex digits.
pub fn next_key(r: &str, pk: &str) -> Hash {
    Hash::of(&["n1|", r, "|", &Hash::of(&[pk]).hex()])
}

/// The body of a chain's last event.
pub fn close_body(nx: &Hash) -> String {
    Object::default().text("nx", &nx.hex()).text("x", "close").finish()
}

/// What a closing event binds, if the body is one, to the letter.
pub fn closes(body: &str) -> Option<String> {
    let nx = body.strip_prefix("{\"nx\":\"")?.strip_suffix("\",\"x\":\"close\"}")?;
    hex::is_hex(nx, 64).then(|| nx.into())
}

/// What the key of every opening begins with, as a meta; the id of the chain that ended follows.
pub const META: &str = "opening/";

/// Whether a row is an event's: it neither opens nor closes its chain.
pub fn is_event(row: &StoredRow) -> bool {
    // No event's body begins with that member.
    row.seq > 0 && !row.line.starts_with("{\"body\":\"{\\\"nx\\\":")
}

/// How many events a chain has that ends in this row.
pub fn events(last: &Row) -> u64 {
    last.seq.saturating_sub(u64::from(is_close(last)))
}

/// Whether a row closes its chain.
pub fn is_close(row: &Row) -> bool {
    row.body.as_deref().is_some_and(|body| body.starts_with("{\"nx\":"))
}

/// Whether something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It was checked and holds.
    Holds,
    /// It was checked and does not hold.
    Broken,
    /// What it takes to check it is not here.
    Unchecked,
}

impl Part {
    /// The stable word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Broken => "broken",
            Self::Unchecked => "unchecked",
        }
    }

    fn of(holds: bool) -> Self {
        if holds { Self::Holds } else { Self::Broken }
    }
}

/// The secrets that connect two chains of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The id of the chain that ended.
    pub old: String,
    /// The id of the chain that goes on.
    pub new: String,
    /// What hides the old head in `gprev`; 64 hex digits.
    pub blind: Option<String>,
    /// What hides the next key in the old chain's last event; 64 hex digits.
    pub r: Option<String>,
    /// The next public key, in hex.
    pub pk: Option<String>,
}

impl Opening {
    /// Reads an opening: a JSON object with `v` 1, both chains, and whatever of the secrets there is.
    pub fn parse(text: &str) -> Option<Self> {
        let value = json::parse(text)?;
        let known = ["blind", "new", "old", "pk", "r", "v"];
        let only_known = value.entries().iter().all(|(name, _)| known.contains(&name.as_str()));
        let field = |name: &str, digits: Option<usize>| match value.get(name) {
            None | Some(json::Value::Null) => Some(None),
            Some(json::Value::Text(text)) => {
                let digits = digits.unwrap_or(if text.len() == 130 { 130 } else { 64 });
                hex::is_hex(text, digits).then(|| Some(text.clone()))
            }
            Some(_) => None,
        };
        let hash = |name| field(name, Some(64));
        let opening = Self {
            old: hash("old")??,
            new: hash("new")??,
            blind: hash("blind")?,
            r: hash("r")?,
            pk: field("pk", None)?,
        };
        (only_known && value.get("v")?.as_u64() == Some(1)).then_some(opening)
    }

    /// What [`parse`](Self::parse) reads.
    pub fn text(&self) -> String {
        let mut text = Object::default();
        text.optional("blind", self.blind.as_deref()).text("new", &self.new).text("old", &self.old);
        text.optional("pk", self.pk.as_deref()).optional("r", self.r.as_deref()).number("v", 1).finish()
    }

    /// Whether the new chain, of which `genesis` is the first row, goes back to the old one, which ends in `last`.
    pub fn back(&self, last: Option<&Row>, genesis: Option<&Row>) -> Part {
        let (Some(blind), Some(last), Some(gprev)) = (&self.blind, last, genesis.and_then(|row| row.gprev.as_ref()))
        else {
            return Part::Unchecked;
        };
        Part::of(chain::genesis_prev(blind, &last.link).hex() == *gprev)
    }

    /// Whether the old chain, which ends in `last`, leads to the key of the new one.
    pub fn forth(&self, last: Option<&Row>, genesis: Option<&Row>) -> Part {
        let body = |row: Option<&Row>| row?.body.clone();
        let Some(opening) = body(genesis) else { return Part::Unchecked };
        let key = json::parse(&opening).and_then(|body| body.get("pk")?.as_text().map(String::from));
        match (&self.pk, &key) {
            (Some(pk), Some(key)) if pk != key => return Part::Broken,
            (Some(_), None) => return Part::Broken, // the new chain has no key, so it is not that one's
            _ => {}
        }
        match (&self.r, &self.pk, body(last).and_then(|body| closes(&body))) {
            (Some(r), Some(pk), Some(nx)) => Part::of(next_key(r, pk).hex() == nx),
            _ => Part::Unchecked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::chain::{Head, NO_HEAD};
    use super::*;
    use std::format;

    const PK: &str = "0707070707070707070707070707070707070707070707070707070707070707";

    struct Epochs {
        last: Row,
        genesis: Row,
        opening: Opening,
    }

    fn epochs() -> Epochs {
        let (blind, r) = ("22".repeat(32), "33".repeat(32));
        let (mut old, _) = Head::open("{}".into(), "01".repeat(16), &"11".repeat(32), NO_HEAD, 5);
        let last = old.append(close_body(&next_key(&r, PK)), "02".repeat(16), 6);
        let body = format!(r#"{{"alg":"Ed25519","pk":"{PK}","v":1}}"#);
        let (new, genesis) = Head::open(body, "03".repeat(16), &blind, &last.link, 7);
        let opening = Opening { old: old.chain, new: new.chain, blind: Some(blind), r: Some(r), pk: Some(PK.into()) };
        Epochs { last, genesis, opening }
    }

    fn both(opening: &Opening, last: &Row, genesis: &Row) -> [Part; 2] {
        [opening.back(Some(last), Some(genesis)), opening.forth(Some(last), Some(genesis))]
    }

    #[test]
    fn an_opening_shows_both_ways() {
        let Epochs { last, genesis, opening } = epochs();
        assert_eq!(both(&opening, &last, &genesis), [Part::Holds; 2]);
        assert_eq!(closes(last.body.as_deref().unwrap()), Some(next_key(&"33".repeat(32), PK).hex()));
    }

    #[test]
    fn what_is_another_ones_is_broken() {
        let Epochs { last, genesis, opening } = epochs();
        let other = "44".repeat(32);
        let with = |change: fn(&mut Opening, String)| {
            let mut opening = opening.clone();
            change(&mut opening, other.clone());
            both(&opening, &last, &genesis)
        };
        assert_eq!(with(|opening, other| opening.blind = Some(other)), [Part::Broken, Part::Holds]);
        assert_eq!(with(|opening, other| opening.r = Some(other)), [Part::Holds, Part::Broken]);
        assert_eq!(with(|opening, other| opening.pk = Some(other)), [Part::Holds, Part::Broken]);
        let keyless = Row { body: Some("{}".into()), ..genesis.clone() };
        assert_eq!(opening.forth(Some(&last), Some(&keyless)), Part::Broken);
        let earlier = Row { link: other, ..last.clone() };
        assert_eq!(opening.back(Some(&earlier), Some(&genesis)), Part::Broken);
    }

    #[test]
    fn what_is_missing_is_unchecked() {
        let Epochs { last, genesis, opening } = epochs();
        let without = Opening { blind: None, r: None, ..opening.clone() };
        assert_eq!(both(&without, &last, &genesis), [Part::Unchecked; 2]);
        assert_eq!(opening.back(None, Some(&genesis)), Part::Unchecked);
        assert_eq!(opening.forth(Some(&last), None), Part::Unchecked);
        assert_eq!(both(&opening, &last.erased(), &genesis.erased()), [Part::Holds, Part::Unchecked]);
        let open = Row { body: Some("{}".into()), ..last };
        assert_eq!(opening.forth(Some(&open), Some(&genesis)), Part::Unchecked, "no closing event: one-sided");
    }

    #[test]
    fn what_opens_and_what_closes_a_chain_is_no_event() {
        let Epochs { last, genesis, .. } = epochs();
        let event = Row { body: Some(r#"{"k":"track","n":"nx"}"#.into()), ..last.clone() };
        assert_eq!((events(&last), events(&event), events(&genesis)), (last.seq - 1, last.seq, 0));
        assert!(is_close(&last) && !is_close(&event) && !is_close(&genesis));
        assert!(is_event(&event.stored()) && !is_event(&last.stored()) && !is_event(&genesis.stored()));
    }

    #[test]
    fn a_file_is_read_to_the_letter() {
        let Epochs { opening, .. } = epochs();
        let Opening { old, new, .. } = &opening;
        let text = format!(
            r#"{{"v":1,"old":"{old}","new":"{new}","blind":"{}","r":"{}","pk":"{PK}"}}"#,
            "22".repeat(32),
            "33".repeat(32)
        );
        assert_eq!(Opening::parse(&text), Some(opening.clone()));
        assert_eq!(Opening::parse(&opening.text()), Some(opening.clone()));
        let less = format!(r#"{{"v":1,"old":"{old}","new":"{new}","blind":null}}"#);
        assert_eq!(Opening::parse(&less), Some(Opening { blind: None, r: None, pk: None, ..opening.clone() }));
        for (from, to) in [
            ("\"v\":1", "\"v\":2"),
            ("\"v\":1,", ""),
            ("2222", "222"),
            ("3333", "333G"),
            ("\"pk\":\"07", "\"pk\":\""),
            ("old", "older"),
            ("}", "} ]"),
        ] {
            assert_eq!(Opening::parse(&text.replacen(from, to, 1)), None, "{from} {to}");
        }
        assert_eq!(closes(r#"{"nx":"00","x":"close"}"#), None);
    }
}
