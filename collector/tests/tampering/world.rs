//! Honest chains and their receipts from a seed, and what a verifier has to say of what is made of them.

use super::device::Device;
use nymtrail::core::chain::{Hash, Head, NO_HEAD, link};
use nymtrail::core::note::{Checkpoint, origin};
use nymtrail::core::row::Row;
use nymtrail::core::verify::Class as Damage;
use nymtrail::core::{hex, merkle};
use nymtrail_collector::keys::Signer;

const NOW: u64 = 1_790_000_000_000;

/// SplitMix64: small, and the same everywhere.
pub struct Dice(pub u64);

impl Dice {
    /// The dice for one instance of a class: their seeds have nothing in common.
    pub fn of(class: &str, instance: u64) -> Self {
        let Hash([a, b, c, d, e, f, g, h, ..]) = Hash::of(&[class, "#", &instance.to_string()]);
        Self(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `low` to below `high`.
    pub fn within(&mut self, low: usize, high: usize) -> usize {
        low + (self.next() % (high - low) as u64) as usize
    }

    pub fn chance(&mut self, one_in: u64) -> bool {
        self.next().is_multiple_of(one_in)
    }

    /// So many bytes as hex.
    pub fn hex(&mut self, bytes: usize) -> String {
        (0..bytes).map(|_| format!("{:02x}", self.next() as u8)).collect()
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        (1..items.len()).rev().for_each(|at| items.swap(at, self.within(0, at + 1)));
    }

    /// Another character of the same kind in the place of one of these.
    pub fn change_a_digit(&mut self, text: &str) -> String {
        let at = self.within(0, text.len());
        let mut digits = text.to_owned().into_bytes();
        while digits[at] == text.as_bytes()[at] {
            digits[at] = b"0123456789abcdef"[self.within(0, 16)];
        }
        String::from_utf8(digits).unwrap()
    }

    /// One bit of one character flipped, so that it stays one that can be printed.
    pub fn flip(&mut self, text: &str) -> String {
        loop {
            let mut bytes = text.to_owned().into_bytes();
            let at = self.within(0, bytes.len());
            bytes[at] ^= 1 << self.within(0, 7);
            if (0x20..0x7f).contains(&bytes[at]) {
                return String::from_utf8(bytes).unwrap();
            }
        }
    }
}

/// What is said of one chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Nothing: it is not there, and nobody knows that it was.
    Nothing,
    /// It holds.
    Holds,
    /// It holds, and is whole what its device signed.
    Signed,
    /// It holds, and is whole what the collector signed.
    Receipted,
    /// It was changed, from this seq on, in this way.
    Tampered(u64, Damage),
    /// It is not what was signed.
    Rewritten,
    /// Two notes of one key contradict each other.
    Forked,
    /// So many rows are missing at its end.
    Truncated(u64),
    /// It is gone.
    Dropped,
    /// A receipt was changed after it was signed.
    Forged,
}

impl Said {
    /// Whether something is said against it.
    pub fn is_bad(self) -> bool {
        !matches!(self, Self::Nothing | Self::Holds | Self::Signed | Self::Receipted)
    }
}

/// What is known beside the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum With {
    Nothing,
    /// What the devices signed.
    Notes,
    /// The receipts that the devices kept.
    Receipts,
}

impl With {
    pub const ALL: [Self; 3] = [Self::Nothing, Self::Notes, Self::Receipts];
}

/// What is said of a chain by itself, with what its device signed, and with the receipts that the devices kept.
#[derive(Clone, Debug)]
pub struct Expected {
    pub chain: String,
    pub alone: Said,
    pub signed: Said,
    pub receipted: Said,
}

impl Expected {
    pub fn with(&self, what: With) -> Said {
        match what {
            With::Nothing => self.alone,
            With::Notes => self.signed,
            With::Receipts => self.receipted,
        }
    }
}

/// A note by the collector.
#[derive(Clone, Debug)]
pub struct Receipt {
    pub chain: String,
    pub size: usize,
    /// The link of the last row that it covers.
    pub head: String,
    pub note: String,
    /// Whether it is as it was signed; what is not never gets as far as SQL.
    pub genuine: bool,
}

/// One instance: rows, receipts, and what must be said of them.
#[derive(Clone, Debug, Default)]
pub struct Case {
    pub rows: Vec<Row>,
    pub receipts: Vec<Receipt>,
    /// What devices signed.
    pub notes: Vec<String>,
    pub expected: Vec<Expected>,
    /// Receipts that none of the keys signed.
    pub unchecked: u64,
    /// Notes of devices whose key is not in the rows.
    pub keyless: u64,
    /// Rows without their body that still have their salt.
    pub half_erased: u64,
}

impl Case {
    pub fn and(mut self, other: Self) -> Self {
        self.rows.extend(other.rows);
        self.receipts.extend(other.receipts);
        self.notes.extend(other.notes);
        self.expected.extend(other.expected);
        self.unchecked += other.unchecked;
        self.keyless += other.keyless;
        self.half_erased += other.half_erased;
        self
    }

    /// With these notes of devices instead, which come to this for the first chain.
    pub fn signed(mut self, notes: Vec<String>, said: Said) -> Self {
        (self.notes, self.keyless, self.expected[0].signed) = (notes, 0, said);
        self
    }

    /// With this for the first chain, once receipts are known.
    pub fn receipted(mut self, said: Said) -> Self {
        self.expected[0].receipted = said;
        self
    }

    /// What there is beside the rows.
    pub fn given(&self, what: With) -> Vec<&str> {
        match what {
            With::Nothing => Vec::new(),
            With::Notes => self.notes.iter().map(String::as_str).collect(),
            With::Receipts => self.receipts.iter().map(|receipt| receipt.note.as_str()).collect(),
        }
    }

    /// How many of that cannot be checked.
    pub fn unchecked(&self, what: With) -> u64 {
        match what {
            With::Nothing => 0,
            With::Notes => self.keyless,
            With::Receipts => self.unchecked,
        }
    }
}

/// Where instances come from.
pub struct World {
    pub dice: Dice,
    pub signer: Signer,
    pub device: Device,
}

/// The secret key of the collector of all instances.
pub fn signer() -> Signer {
    Signer::new("shop", &[7; 32])
}

impl World {
    pub fn new(class: &str, instance: u64) -> Self {
        Self { dice: Dice::of(class, instance), signer: signer(), device: Device::ed25519(9) }
    }

    pub fn body(&mut self) -> String {
        let names = ["view", "buy", "caf\\u00e9", "a|b"];
        let name = names[self.dice.within(0, names.len())];
        format!(
            r#"{{"k":"track","n":"{name}","p":{{"q":"x|{:x}"}},"u":"user_{}"}}"#,
            self.dice.next(),
            self.dice.hex(4)
        )
    }

    /// A chain as a device writes it, of `low` to below `high` rows.
    pub fn chain_of(&mut self, low: usize, high: usize) -> Vec<Row> {
        let mut now = NOW + self.dice.next() % 1_000_000;
        let opening = self.device.opening();
        let (mut head, genesis) = Head::open(opening, self.dice.hex(16), &self.dice.hex(32), NO_HEAD, now);
        let mut rows = vec![genesis];
        for _ in 1..self.dice.within(low, high) {
            now += 1 + self.dice.next() % 5000;
            rows.push(head.append(self.body(), self.dice.hex(16), now));
        }
        rows
    }

    pub fn chain(&mut self) -> Vec<Row> {
        self.chain_of(6, 14)
    }

    /// A chain and a place in it, with one row before it and one behind it at least.
    pub fn chain_and_place(&mut self) -> (Vec<Row>, usize) {
        let rows = self.chain();
        let at = self.dice.within(1, rows.len() - 1);
        (rows, at)
    }

    /// The receipt for the first `size` of these rows.
    pub fn receipt(&self, rows: &[Row], size: usize) -> Receipt {
        let (chain, checkpoint) = (rows[0].chain.clone(), checkpoint(rows, size));
        let note = self.signer.sign(&checkpoint, NOW / 1000 + size as u64).to_string();
        Receipt { chain, size, head: rows[size - 1].link.clone(), note, genuine: true }
    }

    /// The receipts for a chain that was sent in up to three pieces.
    pub fn receipts(&mut self, rows: &[Row]) -> Vec<Receipt> {
        let mut sizes: Vec<_> = (0..self.dice.within(0, 3)).map(|_| self.dice.within(0, rows.len())).collect();
        sizes.retain(|size| *size > 0);
        sizes.push(rows.len());
        sizes.sort_unstable();
        sizes.dedup();
        sizes.into_iter().map(|size| self.receipt(rows, size)).collect()
    }

    /// An honest chain with all its receipts, of which these rows are shown.
    pub fn shown(&mut self, honest: &[Row], rows: Vec<Row>, alone: Said, receipted: Said) -> Case {
        let receipts = self.receipts(honest);
        let chain = honest[0].chain.clone();
        // The key is in the first row, and what others say of that row is not its.
        let first = rows.iter().filter(|row| row.chain == chain).min_by_key(|row| (row.seq, &row.link, *row));
        let has_key = first.is_some_and(|row| Row { bc: None, ..row.clone() } == honest[0]);
        let (keyless, signed) = match receipted {
            _ if !has_key => (1, alone),
            Said::Receipted => (0, Said::Signed),
            said => (0, said),
        };
        let notes = vec![self.device.sign(honest, honest.len())];
        let expected = vec![Expected { chain, alone, signed, receipted }];
        Case { rows, receipts, notes, expected, keyless, ..Case::default() }
    }

    /// An honest chain that shows itself to be damaged.
    pub fn tampered(&mut self, honest: &[Row], rows: Vec<Row>, at: usize, damage: Damage) -> Case {
        let said = Said::Tampered(at as u64, damage);
        self.shown(honest, rows, said, said)
    }

    /// An honest chain of which rows are shown that hold by themselves.
    pub fn unseen(&mut self, honest: &[Row], rows: Vec<Row>, receipted: Said) -> Case {
        self.shown(honest, rows, Said::Holds, receipted)
    }

    pub fn honest(&mut self, rows: &[Row], shown: Vec<Row>) -> Case {
        self.unseen(rows, shown, Said::Receipted)
    }
}

/// The checkpoint of the first `size` of these rows.
pub fn checkpoint(rows: &[Row], size: usize) -> Checkpoint {
    let leaves: Vec<_> = rows[..size].iter().map(|row| Hash(hex::decode(&row.link).unwrap())).collect();
    Checkpoint { origin: origin("shop", &rows[0].chain), size: size as u64, root: merkle::root(&leaves) }
}

/// A chain of which no receipt is known, and nothing that its device signed.
pub fn without_receipts(chain: &str, rows: Vec<Row>, said: Said) -> Case {
    let expected = vec![Expected { chain: chain.into(), alone: said, signed: said, receipted: said }];
    Case { rows, expected, ..Case::default() }
}

/// The rows with one of them changed.
pub fn with(rows: &[Row], at: usize, change: impl FnOnce(&mut Row)) -> Vec<Row> {
    let mut rows = rows.to_vec();
    change(&mut rows[at]);
    rows
}

/// The rows without those.
pub fn without(rows: &[Row], gone: impl Fn(usize) -> bool) -> Vec<Row> {
    rows.iter().enumerate().filter(|(at, _)| !gone(*at)).map(|(_, row)| row.clone()).collect()
}

/// Numbers and links the rows from `from` on anew, as whoever holds the table can. From 0, the chain gets another id.
pub fn relink(rows: &mut [Row], from: usize) {
    for at in from..rows.len() {
        let prev = if at == 0 { rows[0].gprev.clone().unwrap() } else { rows[at - 1].link.clone() };
        let row = &mut rows[at];
        row.seq = at as u64;
        row.link = link(row.seq, row.t, &prev, &row.commitment().unwrap()).hex();
    }
    if from == 0 {
        let chain = rows[0].link.clone();
        rows.iter_mut().for_each(|row| row.chain.clone_from(&chain));
    }
}

/// What goes wrong where a row's link does not follow: the first row's is the chain's id as well.
pub fn bad_link_at(at: usize) -> Damage {
    if at == 0 { Damage::NoGenesis } else { Damage::BadLink }
}
