//! Chains that real browsers made, with the proofs that they gave and the log of the collector that took them, before the
//! crates by others. `tests/e2e/scenarios/signing.test.mjs` writes them into build/, from where they were copied.

use super::proofs::{Cosigner, accepted_by_others};
use super::support::*;
use base64::{Engine, engine::general_purpose::STANDARD};
use nymtrail::core::note::{Vkey, origin};
use nymtrail::core::row::Row;
use nymtrail_verify::signing::NoteKey;
use serde_json::Value;

const MADE: [&str; 2] = [
    include_str!("../../../tests/vectors/browser-chromium.json"),
    include_str!("../../../tests/vectors/browser-firefox.json"),
];

fn made() -> impl Iterator<Item = Value> {
    MADE.into_iter().map(|text| serde_json::from_str(text).unwrap())
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

fn texts<'a>(value: &'a Value, name: &str) -> Vec<&'a str> {
    value[name].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

#[test]
fn verifiers_that_others_wrote_accept_the_proofs_of_real_browsers() {
    for made in made() {
        let genesis = Row::parse(text(&made, "rows").lines().next().unwrap()).unwrap();
        let device = NoteKey::of_genesis(&origin("shop", &genesis.chain), &genesis).unwrap().to_string();
        let collector = Vkey::parse(text(&made, "key")).unwrap();
        let proofs = texts(&made, "proofs");
        assert_eq!(proofs.len(), 3);
        for proof in proofs {
            let device = signed_note::StandardVerifier::new(&device).unwrap();
            let proof = accepted_by_others(proof, vec![Box::new(device), Box::new(Cosigner(collector.clone()))]);
            assert!(text(&made, "rows").lines().nth(proof.row.seq as usize) == Some(proof.row.line().as_str()));
        }
    }
}

#[test]
fn verifiers_that_others_wrote_read_the_log_with_their_receipts() {
    for made in made() {
        let log = &made["log"];
        let note = signed_note::Note::from_bytes(text(log, "checkpoint").as_bytes()).unwrap();
        let key = signed_note::StandardVerifier::new(text(log, "key")).unwrap();
        note.verify(&signed_note::VerifierList::new(vec![Box::new(key)])).unwrap();
        let checkpoint = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
        let entries = texts(log, "entries");
        assert_eq!((checkpoint.origin(), checkpoint.size()), ("shop/log", entries.len() as u64));

        // By ct-merkle from the entries, by tlog_tiles from the tile.
        let mut tree = ct_merkle::mem_backed_tree::MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
        entries.iter().for_each(|entry| tree.push(entry.as_bytes().into()));
        assert_eq!(tree.root().as_bytes().as_slice(), checkpoint.hash().0);
        let tile = Tile(STANDARD.decode(text(log, "tile")).unwrap());
        let reader = tlog_tiles::TileHashReader::new(checkpoint.size(), *checkpoint.hash(), &tile);
        for (at, entry) in entries.iter().enumerate() {
            let proof = tlog_tiles::prove_record(checkpoint.size(), at as u64, &reader).unwrap();
            let leaf = tlog_tiles::record_hash(entry.as_bytes());
            tlog_tiles::check_record(&proof, checkpoint.size(), *checkpoint.hash(), at as u64, leaf).unwrap();
        }
        let (_, receipt) = texts(&made, "proofs")[0].split_once("\n\n").unwrap();
        assert!(entries.contains(&receipt), "the receipt of the proofs is logged");
    }
}

/// The only tile of a log with fewer than 256 entries.
struct Tile(Vec<u8>);

impl tlog_tiles::TileReader for Tile {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        Ok(tiles.iter().map(|_| self.0.clone()).collect())
    }

    fn save_tiles(&self, _: &[tlog_tiles::Tile], _: &[Vec<u8>]) {}
}

#[test]
fn they_verify_to_the_last_row_at_the_level_of_their_signatures() {
    for made in made() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("rows.ndjson"), text(&made, "rows")).unwrap();
        let (_, receipt) = texts(&made, "proofs")[0].split_once("\n\n").unwrap();
        std::fs::write(dir.path().join("receipt"), receipt).unwrap();
        let args = ["verify", "rows.ndjson", "--receipts", "receipt", "--key", text(&made, "key")];
        for level in ["signed", "receipted"] {
            let (code, out, err) = run(dir.path(), &[&args[..], &["--require", level]].concat(), b"");
            assert_eq!((code, err.as_str()), (0, ""), "{out}");
        }
    }
}
