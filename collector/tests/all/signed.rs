//! What devices sign: taken, kept, answered, and checked by the verifier.

use super::support::*;
use ed25519_dalek::{Signer as _, SigningKey};
use nymtrail::core::hex;
use nymtrail::core::note::{Checkpoint, Note, Signature, origin};
use nymtrail::core::row::Row;
use nymtrail_collector::keys::Signer;
use nymtrail_collector::signing::NoteKey;
use rusqlite::Connection;
use serde_json::{Value, json};

/// A device: its key, and the chain that it opened.
pub struct Device {
    key: Key,
    pub rows: Vec<Row>,
}

enum Key {
    Ed25519(Box<SigningKey>),
    Es256(Box<p256::ecdsa::SigningKey>),
}

impl Key {
    fn public(&self) -> (&'static str, String) {
        match self {
            Key::Ed25519(key) => ("Ed25519", hex::encode(key.verifying_key().as_bytes())),
            Key::Es256(key) => ("ES256", hex::encode(key.verifying_key().to_sec1_point(false).as_bytes())),
        }
    }
}

impl Device {
    pub fn ed25519(n: u64, rows: u64) -> Self {
        Self::with(Key::Ed25519(Box::new(SigningKey::from_bytes(&[n as u8; 32]))), n, rows)
    }

    pub fn es256(n: u64, rows: u64) -> Self {
        let key = p256::ecdsa::SigningKey::from_slice(&[n as u8; 32]).unwrap();
        Self::with(Key::Es256(Box::new(key)), n, rows)
    }

    fn with(key: Key, n: u64, rows: u64) -> Self {
        let (alg, pk) = key.public();
        let opening = json!({"alg": alg, "dep": "shop", "ep": TODAY, "pk": pk, "v": 1, "x": "open"});
        Self { rows: chain_of(n, rows, &opening.to_string()), key }
    }

    /// The checkpoint over the first `size` of these rows, signed.
    pub fn sign_rows(&self, rows: &[Row], size: usize) -> String {
        let name = origin("shop", &rows[0].chain);
        let checkpoint = Checkpoint { origin: name.clone(), size: size as u64, root: root(&rows[..size]) };
        let id = NoteKey::of_genesis(&name, &rows[0]).unwrap().id();
        let text = checkpoint.text();
        let bytes = match &self.key {
            Key::Ed25519(key) => key.sign(text.as_bytes()).to_bytes().to_vec(),
            Key::Es256(key) => {
                use p256::ecdsa::signature::Signer as _;
                let signature: p256::ecdsa::Signature = key.sign(text.as_bytes());
                signature.to_der().as_bytes().to_vec()
            }
        };
        Note { text, signatures: vec![Signature { name, id, bytes }] }.to_string()
    }

    pub fn sign(&self, size: usize) -> String {
        self.sign_rows(&self.rows, size)
    }

    pub fn chain(&self) -> &str {
        &self.rows[0].chain
    }

    /// The device at another state: the same chain up to `keep` rows, then others, `rows` in all.
    pub fn branch(&self, keep: usize, rows: u64) -> Vec<Row> {
        let mut at = head(&self.rows[keep - 1]);
        let mut all = self.rows[..keep].to_vec();
        all.extend((keep as u64..rows).map(|n| at.append("{}".into(), format!("{n:032x}"), NOW + 100 + n)));
        all
    }
}

/// A batch of rows and checkpoints.
pub fn signed_batch(rows: &[Row], notes: &[String]) -> String {
    let text = batch(rows);
    format!(r#"{},"checkpoints":{}}}"#, text.strip_suffix('}').unwrap(), json!(notes))
}

fn codes(answer: &Answer) -> Vec<Value> {
    let of = |one: &Value| if one["status"] == "stored" { "stored".into() } else { one["code"].clone() };
    answer.body["checkpoints"].as_array().unwrap().iter().map(of).collect()
}

fn verify(collector: &Collector, args: &[&str]) -> (i32, Value) {
    let (code, out, err) = run(collector.dir.path(), &[&["verify", "a.db", "--format", "json"], args].concat(), b"");
    (code, serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}")))
}

#[tokio::test]
async fn a_checkpoint_is_kept_and_its_line_is_in_the_receipt() {
    for device in [Device::ed25519(1, 23), Device::es256(2, 23)] {
        let collector = Collector::new();
        for (from, to) in [(0, 1), (1, 8), (8, 23)] {
            let note = device.sign(to);
            let answer = collector.post(signed_batch(&device.rows[from..to], std::slice::from_ref(&note))).await;
            assert_eq!((answer.status.as_u16(), codes(&answer)), (200, vec![json!("stored")]));
            assert_eq!(answer.body["checkpoints"][0]["chain"], device.chain());
            let receipt = answer.body["receipt"][device.chain()].as_str().unwrap();
            let line = note.lines().last().unwrap();
            assert_eq!(receipt.lines().nth(4), Some(line), "text, then the device, then the collector");
            assert!(receipt.lines().nth(5).unwrap().contains("shop/collector"));
            let known: Vec<Box<dyn signed_note::Verifier>> = Vec::new();
            let read = signed_note::Note::from_bytes(receipt.as_bytes()).unwrap();
            assert!(read.verify(&signed_note::VerifierList::new(known)).is_err(), "nobody known signed");
        }
        let (code, found) = verify(&collector, &["--require", "signed"]);
        assert_eq!((code, &found["verdict"], &found["signed"]), (0, &json!("holds"), &json!(true)));
        assert_eq!(found["chains"][0]["checkpoints"]["signed"], 23);
        assert_eq!(found["level"], "receipted");
        // A row that came after the last checkpoint is not covered.
        let mut at = head(&device.rows[22]);
        collector.post_rows(&[at.append("{}".into(), "0".repeat(32), NOW + 99)]).await;
        assert_eq!(verify(&collector, &["--require", "signed"]).0, 3);
        assert_eq!(verify(&collector, &["--require", "receipted"]).0, 0);
    }
}

#[tokio::test]
async fn a_receipt_that_the_given_key_did_not_sign_is_no_pass_though_the_device_signed_it() {
    let (collector, device) = (Collector::new(), Device::ed25519(1, 9));
    let answer = collector.post(signed_batch(&device.rows, &[device.sign(9)])).await;
    let dir = collector.dir.path();
    std::fs::write(dir.join("kept"), answer.body["receipt"][device.chain()].as_str().unwrap()).unwrap();
    std::fs::write(dir.join("rows.ndjson"), run(dir, &["export", "--db", "a.db"], b"").1).unwrap();
    let right = Signer::read(&dir.join("a.db"), "shop").unwrap().unwrap().vkey().to_string();
    let wrong = Signer::new("shop", &[42; 32]).vkey().to_string();
    for (key, expected) in [
        (&["--key", &right][..], (0, "holds", "receipted")),
        (&["--key", &wrong], (3, "unchecked", "chained")),
        (&[], (0, "holds", "signed")),
    ] {
        let base = ["verify", "rows.ndjson", "--receipts", "kept", "--format", "json"];
        let (code, out, _) = run(dir, &[&base, key].concat(), b"");
        let found: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, found["verdict"].as_str().unwrap(), found["level"].as_str().unwrap()), expected, "{out}");
    }
}

#[tokio::test]
async fn an_ed25519_checkpoint_is_one_for_signed_note_and_tlog_tiles() {
    let (collector, device) = (Collector::new(), Device::ed25519(1, 9));
    let answer = collector.post(signed_batch(&device.rows, &[device.sign(9)])).await;
    let receipt = answer.body["receipt"][device.chain()].as_str().unwrap();
    let vkey = NoteKey::of_genesis(&origin("shop", device.chain()), &device.rows[0]).unwrap().to_string();
    let verifier = signed_note::StandardVerifier::new(&vkey).unwrap();
    let read = signed_note::Note::from_bytes(receipt.as_bytes()).unwrap();
    let (verified, unknown) = read.verify(&signed_note::VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!((verified.len(), unknown.len()), (1, 1));
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(read.text()).unwrap();
    assert_eq!((checkpoint.size(), checkpoint.hash().0), (9, root(&device.rows).0));
}

#[tokio::test]
async fn a_bad_checkpoint_costs_no_row() {
    let (device, other) = (Device::ed25519(1, 9), Device::ed25519(2, 9));
    let keyless = chain(3, 9);
    let note = device.sign(9);
    let sign_as = |rows: &[Row]| {
        let note = Note::parse(&device.sign(9)).unwrap();
        let checkpoint = Checkpoint { origin: origin("shop", &rows[0].chain), size: 9, root: root(rows) };
        Note { text: checkpoint.text(), ..note }.to_string()
    };
    let line = |text: &str| text.lines().last().unwrap().to_owned();
    for (rows, note, expected) in [
        (&device.rows, "nothing".to_owned(), "malformed_checkpoint"),
        (&device.rows, note.replace("shop/", "blog/"), "malformed_checkpoint"),
        (&device.rows, note.replacen(&format!("shop/{}", device.chain()), "shop", 1), "malformed_checkpoint"),
        (&device.rows, note.replace(&line(&note), &line(&other.sign(9))), "bad_signature"),
        (&device.rows, note.replacen("\n9\n", "\n8\n", 1), "bad_signature"),
        (&keyless, sign_as(&keyless), "no_device_key"),
        (&device.rows, other.sign(9), "no_device_key"),
        (&device.rows, device.sign_rows(&device.branch(9, 12), 12), "checkpoint_ahead"),
    ] {
        let collector = Collector::new();
        let answer = collector.post(signed_batch(rows, &[note, "x".into()])).await;
        assert_eq!(answer.outcomes(), vec!["stored"; 9], "{expected}");
        assert_eq!(codes(&answer), [expected, "malformed_checkpoint"]);
        assert!(answer.body["receipt"][&rows[0].chain].is_string() && answer.body.get("conflict").is_none());
        assert_eq!((answer.status.as_u16(), verify(&collector, &["--require", "signed"]).0), (200, 3), "{expected}");
    }
    let collector = Collector::new();
    let text = signed_batch(&device.rows, &[]).replace("\"checkpoints\":[]", "\"checkpoints\":[7]");
    assert_eq!(collector.post(text).await.error(), (400, "malformed_batch"));
}

#[tokio::test]
async fn a_checkpoint_may_come_late_or_be_of_fewer_rows() {
    let (collector, device) = (Collector::new(), Device::es256(1, 9));
    let first = collector.post_rows(&device.rows).await;
    collector.set_clock(NOW + 5000);
    let late = collector.post(signed_batch(&device.rows[8..], &[device.sign(9), device.sign(4)])).await;
    assert_eq!(codes(&late), ["stored", "stored"]);
    let (before, after) = (&first.body["receipt"][device.chain()], &late.body["receipt"][device.chain()]);
    assert_ne!(before, after);
    let ours = |note: &Value| note.as_str().unwrap().lines().last().map(str::to_owned);
    assert_eq!(ours(before), ours(after), "it is the same receipt, with the device's line");
    assert_eq!(verify(&collector, &["--require", "signed"]).0, 0);
}

#[tokio::test]
async fn a_checkpoint_of_other_rows_is_a_fork_and_nothing_of_it_is_kept() {
    let (collector, device) = (Collector::new(), Device::ed25519(1, 12));
    collector.post(signed_batch(&device.rows[..8], &[device.sign(8)])).await;
    let branch = device.branch(5, 8);
    let theirs = device.sign_rows(&branch, 8);
    // The rows fit, the checkpoint does not: what a device would do that was set back and went on.
    let answer = collector.post(signed_batch(&device.rows[7..10], std::slice::from_ref(&theirs))).await;
    assert_eq!((answer.status.as_u16(), answer.outcomes()), (409, vec!["duplicate", "fork", "fork"]));
    assert_eq!((&answer.body["stored"], &answer.body["refused"]), (&json!(0), &json!(2)));
    assert_eq!(codes(&answer), ["fork"]);
    assert_eq!(answer.body["conflict"][device.chain()], json!([theirs, device.sign(8)]));
    assert_eq!(collector.rows().len(), 8);
    let (code, found) = verify(&collector, &["--require", "signed"]);
    assert_eq!((code, &found["verdict"]), (0, &json!("holds")), "what was refused does not spoil what is stored");
    // A row that forks is answered with both notes as well, and with ours alone if theirs is not there.
    let answer = collector.post(signed_batch(&branch[5..], std::slice::from_ref(&theirs))).await;
    assert_eq!(answer.body["conflict"][device.chain()], json!([theirs, device.sign(8)]));
    let answer = collector.post_rows(&branch[5..]).await;
    assert_eq!(answer.outcomes(), ["fork", "fork", "fork"]);
    let ours = answer.body["conflict"][device.chain()].as_array().unwrap();
    assert!(ours.len() == 1 && ours[0].as_str().unwrap().contains("shop/collector"));
    // The chain goes on as it was.
    let answer = collector.post(signed_batch(&device.rows[8..], &[device.sign(12)])).await;
    assert_eq!((answer.status.as_u16(), codes(&answer)), (200, vec![json!("stored")]));
}

type Damage = fn(&Connection, &Device);

#[tokio::test]
async fn the_verifier_finds_what_contradicts_a_device() {
    let put = |db: &Connection, rows: &[Row]| {
        for Row { chain, seq, link, t, salt, body, .. } in rows {
            let values = rusqlite::params![chain, seq, t, salt, body, link];
            db.execute("INSERT OR REPLACE INTO events VALUES (?, ?, ?, NULL, ?, ?, NULL, ?)", values).unwrap();
        }
    };
    let cases: [(&str, Damage, i32); 5] = [
        ("holds", |_, _| (), 0),
        ("truncated", |db, _| assert_eq!(db.execute("DELETE FROM events WHERE seq > 6", []), Ok(2)), 2),
        ("dropped", |db, _| assert_eq!(db.execute("DELETE FROM events", []), Ok(9)), 2),
        (
            "forged",
            |db, device| {
                let note = device.sign(4).replacen("\n4\n", "\n9\n", 1);
                let text = "UPDATE device_checkpoints SET note = ?, root = ? WHERE size = 9";
                db.execute(text, [note, root(&device.rows[..4]).hex()]).unwrap();
            },
            2,
        ),
        (
            "foreign",
            |db, _| {
                db.execute("UPDATE device_checkpoints SET note = replace(note, 'shop/', 'blog/')", []).unwrap();
            },
            2,
        ),
    ];
    for (expected, damage, exit) in cases {
        let (collector, device) = (Collector::new(), Device::ed25519(1, 9));
        collector.post(signed_batch(&device.rows[..5], &[device.sign(5)])).await;
        collector.post(signed_batch(&device.rows[5..], &[device.sign(9)])).await;
        let db = Connection::open(collector.path()).unwrap();
        db.execute("DELETE FROM checkpoints", []).unwrap(); // what the collector signed is gone: the device's is enough
        damage(&db, &device);
        let (code, found) = verify(&collector, &["--require", "signed"]);
        assert_eq!((code, found["verdict"].as_str()), (exit, Some(expected)));
    }
    // A rewritten end: by the rows alone all is well.
    let (collector, device) = (Collector::new(), Device::es256(1, 9));
    collector.post(signed_batch(&device.rows, &[device.sign(9)])).await;
    let kept = collector.dir.path().join("kept");
    std::fs::write(&kept, device.sign(9)).unwrap();
    let db = Connection::open(collector.path()).unwrap();
    db.execute_batch("DELETE FROM checkpoints; DELETE FROM device_checkpoints").unwrap();
    let kept = kept.to_str().unwrap();
    assert_eq!(verify(&collector, &["--receipts", kept, "--require", "signed"]).0, 0, "kept elsewhere is as good");
    put(&db, &device.branch(5, 9)[5..]);
    assert_eq!(verify(&collector, &[]).1["verdict"], "holds");
    assert_eq!(verify(&collector, &["--receipts", kept]).1["verdict"], "rewritten");
}

#[tokio::test]
async fn two_checkpoints_of_one_key_that_contradict_each_other_are_a_fork() {
    for device in [Device::ed25519(1, 9), Device::es256(1, 9)] {
        let collector = Collector::new();
        collector.post(signed_batch(&device.rows, &[device.sign(9)])).await;
        let kept = collector.dir.path().join("kept");
        for (rows, size) in [(device.branch(5, 9), 9), (device.branch(5, 9), 7)] {
            let other = device.sign_rows(&rows, size);
            std::fs::write(&kept, &other).unwrap();
            let (code, found) = verify(&collector, &["--receipts", kept.to_str().unwrap()]);
            assert_eq!((code, found["verdict"].as_str()), (2, Some("forked")));
            assert_eq!(found["chains"][0]["checkpoints"]["evidence"], json!([other, device.sign(9)]));
        }
        // A longer one may be what the device went on to; the rows may have been rewritten as well as the device forked.
        std::fs::write(&kept, device.sign_rows(&device.branch(5, 12), 12)).unwrap();
        assert_eq!(verify(&collector, &["--receipts", kept.to_str().unwrap()]).1["verdict"], "truncated");
        // And a note that the device did not sign says nothing.
        std::fs::write(&kept, device.sign(9).replacen("\n9\n", "\n8\n", 1)).unwrap();
        assert_eq!(verify(&collector, &["--receipts", kept.to_str().unwrap()]).1["verdict"], "forged");
    }
}

#[tokio::test]
async fn a_first_row_that_was_erased_has_no_key_any_more() {
    let (collector, device) = (Collector::new(), Device::ed25519(1, 9));
    collector.post(signed_batch(&device.rows, &[device.sign(9)])).await;
    let db = Connection::open(collector.path()).unwrap();
    let bc = device.rows[0].commitment().unwrap();
    db.execute("UPDATE events SET body = NULL, salt = NULL, bc = ? WHERE seq = 0", [bc]).unwrap();
    let (code, found) = verify(&collector, &["--require", "signed"]);
    // Nor is there a record of the erasure.
    assert_eq!((code, &found["verdict"], &found["level"]), (2, &json!("unproven"), &json!("chained")));
    assert_eq!(found["chains"][0]["checkpoints"]["keyless"], 1);
}
