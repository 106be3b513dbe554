//! Proofs: the independent vectors, other people's verifiers, and the commands.

use super::support::*;
use base64::{Engine, engine::general_purpose::STANDARD};
use nymtrail::core::chain::{Hash, Head, NO_HEAD};
use nymtrail::core::merkle::{CompactRange, inclusion_proof};
use nymtrail::core::note::{Checkpoint, Note, Vkey, origin};
use nymtrail::core::proof::Proof;
use nymtrail::core::row::Row;
use nymtrail::core::{hex, merkle};
use nymtrail_collector::keys::Signer;
use nymtrail_collector::prove::{Verdict, check};
use serde_json::Value;
use std::time::Instant;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../tests/vectors/receipts.json")).unwrap()
}

fn list<'a>(vectors: &'a Value, name: &str) -> &'a [Value] {
    let list = vectors[name].as_array().unwrap();
    assert!(list.len() > 20);
    list
}

/// The key, for the crate `signed_note`, which leaves cosignatures to its users. The Ed25519 is its own, that of another
/// version of ed25519-dalek.
pub struct Cosigner(pub Vkey);

impl signed_note::Verifier for Cosigner {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn key_id(&self) -> u32 {
        signed_note::key_id(&self.0.name, &[&[4], &self.0.key[..]].concat())
    }

    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        let (time, signature) = signature.split_at(8);
        let time = u64::from_be_bytes(time.try_into().unwrap());
        let key = [&[1], &self.0.key[..]].concat();
        let vkey = format!("plain+{:08x}+{}", signed_note::key_id("plain", &key), STANDARD.encode(&key));
        let message = [format!("cosignature/v1\ntime {time}\n").as_bytes(), text].concat();
        signed_note::StandardVerifier::new(&vkey).unwrap().verify(&message, signature)
    }
}

#[test]
fn receipts_are_those_that_an_independent_program_makes() {
    let vectors = vectors();
    let secret = hex::decode(vectors["secret"].as_str().unwrap()).unwrap();
    let signer = Signer::new("shop", &secret);
    assert_eq!(signer.vkey().to_string(), vectors["vkey"]);
    let rows: Vec<Row> =
        list(&vectors, "rows").iter().map(|line| Row::parse(line.as_str().unwrap()).unwrap()).collect();
    let mut tree = CompactRange::default();
    for (row, expected) in rows.iter().zip(list(&vectors, "notes")) {
        tree.append(Hash(hex::decode(&row.link).unwrap()));
        assert_eq!((&tree.size().into(), &tree.root().hex().into()), (&expected["size"], &expected["root"]));
        let checkpoint = Checkpoint { origin: origin("shop", &row.chain), size: tree.size(), root: tree.root() };
        let note = signer.sign(&checkpoint, expected["time"].as_u64().unwrap());
        assert_eq!(note.to_string(), expected["note"]);
    }
}

#[test]
fn proofs_are_those_that_an_independent_program_makes() {
    let vectors = vectors();
    let vkey = Vkey::parse(vectors["vkey"].as_str().unwrap()).unwrap();
    let rows = list(&vectors, "rows");
    let mut erased = 0;
    for expected in list(&vectors, "proofs") {
        let file = expected["file"].as_str().unwrap();
        let proof = Proof::parse(file).unwrap();
        let time = 1_790_000_123 + expected["size"].as_u64().unwrap();
        assert_eq!(check(&proof, std::slice::from_ref(&vkey)), Verdict::Holds(time));
        assert_eq!(
            (proof.row.line().as_str(), proof.text().as_deref()),
            (rows[proof.row.seq as usize].as_str().unwrap(), Some(file))
        );
        erased += usize::from(proof.row.body.is_none());
    }
    assert!(erased > 5);
}

/// Has the crates by others look at a proof. `known` are those whose signatures are asked for; all have to be there.
pub fn accepted_by_others(file: &str, known: Vec<Box<dyn signed_note::Verifier>>) -> Proof {
    let proof = Proof::parse(file).unwrap();

    // The note: signed_note 0.2.0, and the checkpoint in it: tlog_tiles 0.2.0.
    let (_, note) = file.split_once("\n\n").unwrap();
    let read = signed_note::Note::from_bytes(note.as_bytes()).unwrap();
    let asked = known.len();
    let (verified, unknown) = read.verify(&signed_note::VerifierList::new(known)).unwrap();
    assert_eq!((verified.len(), unknown.len()), (asked, 0));
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(read.text()).unwrap();
    assert_eq!((checkpoint.origin(), checkpoint.extension()), (proof.checkpoint.origin.as_str(), ""));
    assert_eq!((checkpoint.size(), checkpoint.hash().0), (proof.checkpoint.size, proof.checkpoint.root.0));

    // The path: tlog_tiles once more, over the entry itself, and ct-merkle 0.3.0.
    let row = &proof.row;
    let entry = format!("e1|{}|{}|{}|{}", row.seq, row.t, proof.prev, row.commitment().unwrap());
    let leaf = tlog_tiles::record_hash(entry.as_bytes());
    assert_eq!(leaf.0, hex::decode::<32>(&row.link).unwrap());
    let path = proof.path.iter().map(|hash| tlog_tiles::Hash(hash.0)).collect();
    tlog_tiles::check_record(&path, checkpoint.size(), *checkpoint.hash(), row.seq, leaf).unwrap();
    let path: Vec<u8> = proof.path.iter().flat_map(|hash| hash.0).collect();
    let root = ct_merkle::RootHash::<sha2::Sha256>::new(checkpoint.hash().0.into(), checkpoint.size());
    let path = ct_merkle::InclusionProof::try_from_bytes(path).unwrap();
    root.verify_inclusion(&entry.as_bytes(), row.seq, &path).unwrap();
    proof
}

#[tokio::test]
async fn verifiers_that_others_wrote_accept_what_is_made_here() {
    let (collector, rows) = (Collector::new(), chain(1, 21));
    for part in [&rows[..1], &rows[1..8], &rows[8..]] {
        collector.post_rows(part).await;
    }
    let vkey = collector.vkey();
    for row in &rows {
        let (code, file, err) =
            run(collector.dir.path(), &["prove", &row.chain[..9], &row.seq.to_string(), "--db", "a.db"], b"");
        assert_eq!((code, err.as_str()), (0, ""));
        assert_eq!(accepted_by_others(&file, vec![Box::new(Cosigner(vkey.clone()))]).row, *row);
    }
}

#[tokio::test]
async fn a_proof_is_written_and_checked_by_the_commands() {
    let collector = Collector::new();
    let rows = chain(1, 9);
    for part in [&rows[..3], &rows[3..], &chain(2, 2)] {
        collector.post_rows(part).await;
    }
    let dir = collector.dir.path();
    let id = rows[0].chain.as_str();
    let call = |args: &[&str]| run(dir, args, b"");
    let json = |args: &[&str]| {
        let (code, out, _) = call(args);
        (code, serde_json::from_str::<Value>(&out).unwrap())
    };
    assert_eq!(call(&["prove", id, "4", "--db", "a.db", "-o", "four"]), (0, String::new(), String::new()));
    let vkey = collector.vkey().to_string();

    let (code, out, err) = call(&["verify", "four", "--key", &vkey]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains(&rows[4].line()) && out.contains("signed on 2026-09-21 14:13:20Z"), "{out}");
    assert!(out.ends_with("holds, at the level `receipted`.\n"), "{out}");
    let (code, found) = json(&["verify", "four", "--key", &vkey, "--require", "receipted", "--format", "json"]);
    assert_eq!(
        (code, &found["verdict"], &found["level"], &found["size"]),
        (0, &"holds".into(), &"receipted".into(), &9.into())
    );
    assert_eq!(found["row"]["body"].as_str(), rows[4].body.as_deref());
    assert_eq!(call(&["verify", "four", "--key", &vkey, "--require", "signed"]).0, 3);
    let proof = std::fs::read(dir.join("four")).unwrap();
    assert_eq!(run(dir, &["verify", "-", "--key", &vkey], &proof).0, 0);
    std::fs::write(dir.join("keys"), format!("# shop\n{vkey}\n")).unwrap();
    assert_eq!(call(&["verify", "four", "--key", "keys"]).0, 0);

    // Without the key nothing is known, and with another one neither.
    let other = Signer::new("shop", &[9; 32]).vkey().to_string();
    for keys in [&[][..], &["--key", &other]] {
        let (code, out, _) = call(&[&["verify", "four"], keys].concat());
        assert!(code == 3 && out.ends_with("\nunchecked.\n") && !out.contains("holds"), "{out}");
        assert!(
            out.contains(&vkey.splitn(3, '+').take(2).collect::<Vec<_>>().join("+")),
            "it says whose signature to look for: {out}"
        );
        let (_, found) = json(&[&["verify", "four", "--format", "json"], keys].concat());
        assert_eq!(
            (&found["verdict"], &found["level"], &found["signed_at"]),
            (&"unchecked".into(), &"chained".into(), &Value::Null)
        );
    }
    assert_eq!(call(&["verify", "four", "--key", &other, "--key", &vkey]).0, 0);
    assert!(call(&["verify", "four", "--expect-size", "9"]).2.contains("[proof_alone]"));

    for (args, word) in [
        (["prove", "0000000000", "4", "--db", "a.db"], "[no_chain]"),
        (["prove", "nothing", "4", "--db", "a.db"], "[no_chain]"),
        (["prove", "", "4", "--db", "a.db"], "[ambiguous_chain]"),
        (["prove", id, "9", "--db", "a.db"], "[no_row]"),
        (["prove", id, "99999999999999", "--db", "a.db"], "[no_row]"),
        (["prove", id, "18446744073709551615", "--db", "a.db"], "[no_row]"),
        (["prove", id, "4", "--db", "none.db"], "[cannot_read]"),
        (["verify", "four", "--key", "nowhere", "--format=text"], "[malformed_key]"),
    ] {
        let (code, out, err) = call(&args);
        assert!(code == 1 && out.is_empty() && err.contains(word), "{args:?}: {err}");
    }

    let outside = rusqlite::Connection::open(collector.path()).unwrap();
    // An erased row is proved by its commitment; one that was edited not at all.
    let bc = rows[5].commitment().unwrap();
    outside
        .execute("UPDATE events SET bc = ?, body = NULL, salt = NULL WHERE chain = ? AND seq = 5", [&bc, id])
        .unwrap();
    let (code, erased, _) = call(&["prove", id, "5", "--db", "a.db"]);
    assert_eq!((code, Proof::parse(&erased).unwrap().row), (0, rows[5].erased()));
    assert_eq!(run(dir, &["verify", "-", "--key", &vkey], erased.as_bytes()).0, 0);
    outside.execute("UPDATE events SET body = '{}' WHERE chain = ? AND seq = 4", [id]).unwrap();
    assert!(call(&["prove", id, "4", "--db", "a.db"]).2.contains("[rows_changed]"));
    assert_eq!(call(&["prove", id, "6", "--db", "a.db"]).0, 0, "the others are provable");
    outside.execute("DELETE FROM events WHERE chain = ? AND seq = 4", [id]).unwrap();
    assert!(call(&["prove", id, "6", "--db", "a.db"]).2.contains("[rows_changed]"));
    outside.execute("DELETE FROM checkpoints WHERE size > 3", []).unwrap();
    assert!(call(&["prove", id, "6", "--db", "a.db"]).2.contains("[no_checkpoint]"));
    assert_eq!(call(&["prove", id, "2", "--db", "a.db"]).0, 0);
    outside.execute("UPDATE checkpoints SET note = 'nothing'", []).unwrap();
    assert!(call(&["prove", id, "2", "--db", "a.db"]).2.contains("[rows_changed]"));
}

#[test]
fn what_is_no_proof_is_refused_with_the_line() {
    let vectors = vectors();
    let file = list(&vectors, "proofs").last().unwrap()["file"].as_str().unwrap();
    let lines: Vec<_> = file.lines().collect();
    let changed = |line: usize, to: &str| {
        let mut lines = lines.clone();
        lines[line] = to;
        lines.join("\n") + "\n"
    };
    for (input, line) in [
        (changed(0, "c2sp.org/tlog-proof@v1 "), 1),
        (changed(1, "extra !!!"), 2),
        (changed(2, "index 99999999999999999999999"), 3),
        (changed(3, "no base64"), 4),
        (changed(7, "99999999999999999999999"), 7),
        (changed(8, "AAAA"), 7),
        (changed(10, "nobody"), 7),
        (file[..file.len() - 30].into(), 7),
        (file[..30].into(), 2),
        ("c2sp.org/tlog-proof@v1".into(), 1),
        (file.replace('\n', "\r\n"), 1),
        (file.to_owned() + "more", 7),
    ] {
        let (code, out, err) = run(std::path::Path::new("."), &["verify", "-"], input.as_bytes());
        assert!(code == 1 && out.is_empty() && err.contains(&format!("line {line}: ")), "{err}\n{input}");
        assert!(err.contains("[malformed_proof]"), "{err}");
    }
    let (code, _, err) = run(std::path::Path::new("."), &["verify", "-"], b"c2sp.org/tlog-proof@v1\nextra \xff\n");
    assert!(code == 1 && err.contains("[invalid_utf8]"), "{err}");
    let endless = "c2sp.org/tlog-proof@v1\nextra ".to_owned() + &"A".repeat(3 << 20);
    assert_eq!(run(std::path::Path::new("."), &["verify", "-"], endless.as_bytes()).0, 1);
}

/// The program in PROOFS.md, which has nothing of ours, run on the vectors and on damaged ones.
#[test]
fn the_check_in_the_manual_works() {
    let manual = include_str!("../../../docs/PROOFS.md");
    let program = manual.split("```js\n").nth(1).unwrap().split("```").next().unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("check.mjs"), program).unwrap();
    let vectors = vectors();
    let vkey = vectors["vkey"].as_str().unwrap();
    assert!(manual.contains(vkey));
    let proofs = list(&vectors, "proofs");
    let file = |at: usize| proofs[at].get("file").unwrap().as_str().unwrap().to_owned();
    let last = file(proofs.len() - 1);
    assert!(
        manual.contains(&last) && manual.contains(last.split_once("\n\n").unwrap().1),
        "its examples are the vectors'"
    );
    let erased = (0..proofs.len()).find(|at| Proof::parse(&file(*at)).unwrap().row.seq == 7).unwrap();
    let mut forged: Vec<char> = last.chars().collect();
    let at = forged.len() - 20;
    forged[at] = if forged[at] == 'A' { 'B' } else { 'A' };
    for (proof, message) in [
        (file(0), "row 0 of shop/"),
        (file(erased), "row 7 of shop/"),
        (last.clone(), "row 20 of shop/"),
        (last.replace("index 20", "index 19"), "does not lead to the root"),
        (last.replace("\n21\n", "\n20\n"), "not among those"),
        (last.replace("\u{2014} shop", "\u{2014} blog"), "another key"),
        (forged.into_iter().collect(), "the signature is bad"),
    ] {
        std::fs::write(dir.path().join("proof"), proof).unwrap();
        let output =
            std::process::Command::new("node").args(["check.mjs", "proof", vkey]).current_dir(dir.path()).output();
        let output = output.expect("node, as for the rest of the tests");
        let said = [output.stdout, output.stderr].concat();
        assert!(String::from_utf8_lossy(&said).contains(message), "{}", String::from_utf8_lossy(&said));
        assert_eq!(output.status.success(), message.starts_with("row"));
    }
}

/// The body of BODY.md's own example, and where in the chain the path is longest.
#[test]
fn a_proof_of_one_event_in_a_million_is_small_and_quick_to_check() {
    let body = r#"{"d":"vQ5DTnbm0Qmmb5anLHChkw","k":"track","n":"checkout","p":{"items":3},"s":"_YLjt52v6HF-5F2H0kvWxg","u":"p1.0kjgA_5tMJc05lhIFTSs9Q"}"#;
    let (at, size) = (400_000, 1_000_000);
    let (mut head, genesis) = Head::open("{}".into(), "0f".repeat(16), &"11".repeat(32), NO_HEAD, NOW);
    let (mut leaves, mut row, mut prev) = (vec![Hash(hex::decode(&genesis.link).unwrap())], genesis, String::new());
    for seq in 1..size {
        let before = head.link.clone();
        let next = head.append(body.into(), format!("{seq:032x}"), NOW + seq);
        leaves.push(Hash(hex::decode(&next.link).unwrap()));
        if seq == at {
            (row, prev) = (next, before);
        }
    }
    let signer = Signer::new("shop", &[7; 32]);
    let checkpoint = Checkpoint { origin: origin("shop", &row.chain), size, root: merkle::root(&leaves) };
    let note = signer.sign(&checkpoint, NOW / 1000);
    let proof = Proof { row, prev, path: inclusion_proof(&leaves, at).unwrap(), checkpoint, note };
    let file = proof.text().unwrap();
    assert_eq!(proof.path.len(), 20);
    let began = Instant::now();
    let verdict = check(&Proof::parse(&file).unwrap(), std::slice::from_ref(signer.vkey()));
    let took = began.elapsed();
    assert_eq!(verdict, Verdict::Holds(NOW / 1000));
    println!("{} bytes with a body of {}, checked in {took:?}", file.len(), body.len());
    assert!(file.len() <= 1536, "{} bytes", file.len());
    assert!(Note::parse(&proof.note.to_string()).is_some());
}
