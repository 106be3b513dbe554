//! The proof that a row is in a chain that the collector receipted: one file that needs nothing else but the collector's
//! public key. It is a C2SP tlog-proof.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <base64>           what the row's link is made of beside its place, see below
//! index <seq>
//! <base64>                 the path from the row to the root, a hash a line
//!
//! <checkpoint note>        its origin names deployment and chain
//! ```
//! `extra` holds `b`, the link before (32 bytes), the salt (16 bytes), `t` in decimal, `|` and the body; of an erased row `e`,
//! the link before, the commitment (32 bytes) and `t`. All of it is needed to compute the link, which is not in the file: it
//! is the leaf whose place the path shows.

use super::note::{Checkpoint, Note, decode, encode, read_number};
use super::row::{MAX_INTEGER, Row};
use super::{chain, chain::Hash, decimal, hex, merkle};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The first line of every tlog-proof.
pub const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// A tree of 2^53 leaves is no higher.
const MAX_PATH: usize = 53;

/// A row, where it is in its chain, and a note that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The row. Read from a file, its link is computed, so that it follows from the row always.
    pub row: Row,
    /// The link before it; of row 0 its `gprev`.
    pub prev: String,
    /// The path from the row to the root.
    pub path: Vec<Hash>,
    /// What the note says.
    pub checkpoint: Checkpoint,
    /// The note, with its signatures.
    pub note: Note,
}

impl Proof {
    /// Whether the row is in its place in the tree that the checkpoint is of. Who signed the checkpoint is another question.
    pub fn is_included(&self) -> bool {
        let Some(leaf) = hex::decode(&self.row.link).map(Hash) else { return false };
        let Checkpoint { size, root, .. } = &self.checkpoint;
        (self.row.seq != 0 || self.row.link == self.row.chain)
            && self.checkpoint.deployment_and_chain().is_some_and(|(_, chain)| chain == self.row.chain)
            && self.row.links_to(Some(&self.prev))
            && merkle::verify_inclusion(&leaf, self.row.seq, *size, &self.path, root)
    }

    /// The file; `None` if the row lacks what it needs.
    pub fn text(&self) -> Option<String> {
        let prev = hex::decode::<32>(&self.prev)?;
        let t = decimal(self.row.t);
        let extra = match (&self.row.salt, &self.row.body, &self.row.bc) {
            (Some(salt), Some(body), _) => {
                [&b"b"[..], &prev, &hex::decode::<16>(salt)?, t.as_str().as_bytes(), b"|", body.as_bytes()].concat()
            }
            (_, None, Some(bc)) => [&b"e"[..], &prev, &hex::decode::<32>(bc)?, t.as_str().as_bytes()].concat(),
            _ => return None,
        };
        let mut file = [HEADER, "\nextra ", &encode(&extra), "\nindex ", decimal(self.row.seq).as_str(), "\n"].concat();
        for hash in &self.path {
            file.push_str(&encode(&hash.0));
            file.push('\n');
        }
        file.push('\n');
        file.push_str(&self.note.to_string());
        Some(file)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// The number of the first line, from 1, that is not as it should be.
    pub fn parse(file: &str) -> Result<Self, u64> {
        let mut lines = file.split('\n').zip(1..);
        let mut next = |prefix: &str| match lines.next() {
            Some((line, number)) => line.strip_prefix(prefix).ok_or(number),
            None => Err(1),
        };
        if !next(HEADER)?.is_empty() {
            return Err(1);
        }
        let extra = Extra::read(next("extra ")?).ok_or(2u64)?;
        let seq = read_number(next("index ")?).filter(|seq| *seq <= MAX_INTEGER).ok_or(3u64)?;
        let (mut path, mut above) = (Vec::new(), 3);
        for (line, number) in lines {
            above = number;
            if line.is_empty() {
                break;
            }
            let hash = decode(line).and_then(|bytes| bytes.try_into().ok()).ok_or(number)?;
            path.push(Hash(hash));
            if path.len() > MAX_PATH {
                return Err(number);
            }
        }
        let at = file.split('\n').take(above as usize).map(|line| line.len() + 1).sum();
        let note = file.get(at..).and_then(Note::parse).ok_or(above + 1)?;
        let checkpoint = Checkpoint::parse(&note.text).ok_or(above + 1)?;
        let (_, chain) = checkpoint.deployment_and_chain().ok_or(above + 1)?;
        let row = extra.row(chain, seq).ok_or(2u64)?;
        Ok(Self { row, prev: extra.prev, path, checkpoint, note })
    }
}

/// What stands behind `extra`.
struct Extra {
    prev: String,
    t: u64,
    salt: Option<String>,
    body: Option<String>,
    bc: Option<String>,
}

impl Extra {
    fn read(text: &str) -> Option<Self> {
        let bytes = decode(text)?;
        let (kind, rest) = bytes.split_first()?;
        let (prev, rest) = rest.split_first_chunk::<32>()?;
        let (prev, time) = (hex::encode(prev), |text| read_number(text).filter(|t| *t <= MAX_INTEGER));
        match kind {
            b'b' => {
                let (salt, rest) = rest.split_first_chunk::<16>()?;
                let (t, body) = str::from_utf8(rest).ok()?.split_once('|')?;
                Some(Self { prev, t: time(t)?, salt: Some(hex::encode(salt)), body: Some(body.into()), bc: None })
            }
            b'e' => {
                let (bc, t) = rest.split_first_chunk::<32>()?;
                let t = time(str::from_utf8(t).ok()?)?;
                Some(Self { prev, t, salt: None, body: None, bc: Some(hex::encode(bc)) })
            }
            _ => None,
        }
    }

    fn row(&self, chain: &str, seq: u64) -> Option<Row> {
        let mut row = Row {
            chain: chain.into(),
            seq,
            link: String::new(),
            t: self.t,
            salt: self.salt.clone(),
            body: self.body.clone(),
            bc: self.bc.clone(),
            gprev: (seq == 0).then(|| self.prev.clone()),
        };
        row.link = chain::link(seq, self.t, &self.prev, &row.commitment()?).hex();
        row.is_well_formed().then_some(row)
    }
}

#[cfg(test)]
mod tests {
    use super::super::chain::{Head, NO_HEAD};
    use super::super::note::{Vkey, origin};
    use super::*;
    use proptest::prelude::*;

    fn proof(rows: u64, seq: u64, erased: bool) -> Proof {
        let body = r#"{"n":"a|b","x":"\u00e9"}"#;
        let (mut head, genesis) = Head::open(body.into(), "0f".repeat(16), &"11".repeat(32), NO_HEAD, 5);
        let mut all = vec![genesis];
        all.extend((1..rows).map(|n| head.append(body.into(), format!("{n:032x}"), n)));
        let leaves: Vec<_> = all.iter().map(|row| Hash(hex::decode(&row.link).unwrap())).collect();
        let row = if erased { all[seq as usize].erased() } else { all[seq as usize].clone() };
        let origin = origin("shop", &row.chain);
        let checkpoint = Checkpoint { origin, size: rows, root: merkle::root(&leaves) };
        let note = Vkey { name: "k".into(), key: [1; 32] }.cosign(checkpoint.text(), 9, |_| [3; 64]);
        let prev = if seq == 0 { row.gprev.clone().unwrap() } else { all[seq as usize - 1].link.clone() };
        Proof { row, prev, path: merkle::inclusion_proof(&leaves, seq).unwrap(), checkpoint, note }
    }

    #[test]
    fn a_proof_reads_back_and_holds() {
        for (rows, seq) in [(1, 0), (2, 0), (2, 1), (21, 0), (21, 7), (21, 20)] {
            for erased in [false, true] {
                let proof = proof(rows, seq, erased);
                let text = proof.text().unwrap();
                assert_eq!(Proof::parse(&text).as_ref(), Ok(&proof), "{text}");
                assert!(proof.is_included());
            }
        }
    }

    #[test]
    fn what_is_not_a_proof_is_refused_with_its_line() {
        let text = proof(9, 3, false).text().unwrap();
        let lines: Vec<_> = text.lines().collect();
        for (line, to) in [
            (0, "c2sp.org/tlog-proof@v2"),
            (1, "index 3"),
            (1, "extra "),
            (1, "extra YQ=="),
            (1, "extra Yg=="),
            (2, "index 03"),
            (2, "index 9007199254740992"),
            (2, ""),
            (3, "AAAA"),
            (3, "no base64 at all"),
            (8, "nowhere"),
            (9, "18446744073709551616"),
        ] {
            let mut changed = lines.clone();
            changed[line] = to;
            let expected = if line == 9 || line == 8 { 9 } else { line as u64 + 1 };
            assert_eq!(Proof::parse(&(changed.join("\n") + "\n")).err(), Some(expected), "{line} {to}");
        }
        let long = text.replacen(lines[3], &[lines[3]; 54].join("\n"), 1);
        assert_eq!(Proof::parse(&long).err(), Some(57));
        for cut in 0..text.len() {
            assert!(text.get(..cut).is_none_or(|text| Proof::parse(text).is_err()), "cut at {cut}");
        }
        assert!(Proof::parse(&(text.clone() + "\n")).is_err() && Proof::parse(&(text + "more\n")).is_err());
    }

    proptest! {
        #[test]
        fn no_change_of_a_byte_leaves_what_was_proved(rows in 1u64..20, seq in 0u64..20, erased: bool, at: prop::sample::Index, bit in 0u32..8) {
            let proof = proof(rows, seq % rows, erased);
            let mut bytes = proof.text().unwrap().into_bytes();
            *at.get_mut(&mut bytes) ^= 1 << bit;
            let Ok(changed) = String::from_utf8(bytes) else { return Ok(()) };
            let Ok(changed) = Proof::parse(&changed) else { return Ok(()) };
            // What the signature covers, or is, is not judged here.
            prop_assert!(changed.note != proof.note || !changed.is_included());
        }
    }
}
