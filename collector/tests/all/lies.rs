//! Lies of an operator on what was acknowledged: each on a real store, with the operator's own key and commands, and each ends
//! in a file of at most 4 KB that proves it to whoever has the public key.

use super::support::*;
use nymtrail::core::note::{Checkpoint, origin};
use nymtrail::core::row::Row;
use nymtrail_collector::keys::Signer;
use nymtrail_collector::signing::NoteSigner;
use rusqlite::{Connection, params};
use std::fs;
use std::path::Path;

fn put(db: &Connection, rows: &[Row]) {
    for Row { chain, seq, link, t, salt, body, gprev, .. } in rows {
        let values = params![chain, seq, t, gprev, salt, body, link];
        db.execute("INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?, ?, NULL, ?)", values).unwrap();
    }
}

/// The rows from `keep` on made anew, `rows` in all.
fn anew(rows: &[Row], keep: usize, len: u64, body: &str) -> Vec<Row> {
    let mut at = head(&rows[keep - 1]);
    let mut all = rows[..keep].to_vec();
    all.extend((keep as u64..len).map(|n| at.append(body.into(), format!("{n:032x}"), NOW + n)));
    all
}

/// Makes evidence and has it checked elsewhere, with the public key alone.
fn prove(dir: &Path, args: &[&str], vkey: &str, lie: &str) {
    let call = [&["evidence", "--key", vkey, "-o", "evidence"], args].concat();
    assert_eq!(run(dir, &call, b""), (0, String::new(), String::new()), "{lie}");
    let file = fs::read(dir.join("evidence")).unwrap();
    assert!(file.len() <= 4096, "{lie}: {} B", file.len());
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("e"), &file).unwrap();
    let (code, out, err) = run(elsewhere.path(), &["verify", "e", "--key", vkey], b"");
    assert_eq!(code, 2, "{lie}: {out}{err}");
    assert!(out.contains(&format!("proved: {lie},")), "{out}");
    assert_eq!(run(elsewhere.path(), &["verify", "e"], b"").0, 3, "without the key nothing is proved");
    let text = String::from_utf8(file).unwrap();
    let root = text.lines().rev().nth(2).unwrap();
    fs::write(elsewhere.path().join("e"), text.replace(root, &root.to_lowercase())).unwrap();
    assert_ne!(run(elsewhere.path(), &["verify", "e", "--key", vkey], b"").0, 0);
}

type Lie = fn(&Connection, &[Row]);

#[tokio::test]
async fn a_statement_contradicts_what_was_acknowledged() {
    let lies: [(&str, &str, Lie); 7] = [
        ("rewrite", "rewritten", |db, rows| put(db, &anew(rows, 5, 9, "{}")[5..])),
        ("rewrite and go on", "rewritten", |db, rows| put(db, &anew(rows, 5, 14, "{}")[5..])),
        ("reorder", "rewritten", |db, rows| {
            let mut at = head(&rows[6]);
            let swapped =
                [&rows[8], &rows[7]].map(|row| at.append(row.body.clone().unwrap(), row.salt.clone().unwrap(), row.t));
            put(db, &swapped);
        }),
        ("back-date", "rewritten", |db, rows| {
            let mut at = head(&rows[0]);
            let all: Vec<_> = rows[1..]
                .iter()
                .map(|row| at.append(row.body.clone().unwrap(), row.salt.clone().unwrap(), NOW))
                .collect();
            put(db, &all);
        }),
        ("drop a tail", "truncated", |db, _| {
            db.execute("DELETE FROM events WHERE seq > 6", []).unwrap();
        }),
        ("drop a chain", "absent", |db, rows| {
            db.execute("DELETE FROM events WHERE chain = ?", [&rows[0].chain]).unwrap();
        }),
        ("erase without record", "erased_without_record", |db, rows| {
            let bc = rows[4].commitment().unwrap();
            db.execute("UPDATE events SET body = NULL, salt = NULL, bc = ? WHERE seq = 4", [bc]).unwrap();
        }),
    ];
    for (what, lie, tell) in lies {
        let collector = Collector::new();
        let rows = chain(1, 9);
        for n in 2..12 {
            collector.post_rows(&chain(n, 3)).await;
        }
        let answer = collector.post_rows(&rows).await;
        fs::write(collector.dir.path().join("kept"), answer.body["receipt"][&rows[0].chain].as_str().unwrap()).unwrap();
        let (dir, vkey) = (collector.dir.path(), collector.vkey().to_string());
        let state = || run(dir, &["statement", "--db", "a.db", "-o", "statement"], b"").0;
        let args = ["--receipts", "kept", "--statement", "statement", "--rows", "a.db"];
        assert_eq!(state(), 0);
        let honest = run(dir, &[&["evidence", "--key", &vkey], &args[..]].concat(), b"");
        assert!(honest.0 == 1 && honest.2.contains("[no_evidence]"), "{what}: {}", honest.2);
        tell(&Connection::open(collector.path()).unwrap(), &rows);
        assert_eq!(state(), 0);
        prove(dir, &args, &vkey, lie);
    }
}

#[tokio::test]
async fn two_things_that_were_signed_contradict_each_other() {
    let collector = Collector::new();
    let rows = chain(1, 9);
    let answer = collector.post_rows(&rows).await;
    let kept = answer.body["receipt"][&rows[0].chain].as_str().unwrap().to_owned();
    let (dir, vkey) = (collector.dir.path(), collector.vkey().to_string());
    let signer: Signer = Signer::read(&collector.path(), "shop").unwrap().unwrap();
    let receipt = |rows: &[Row], time| {
        let checkpoint =
            Checkpoint { origin: origin("shop", &rows[0].chain), size: rows.len() as u64, root: root(rows) };
        signer.sign(&checkpoint, time).to_string()
    };
    let now = NOW / 1000;
    for (lie, other) in [
        ("forked", receipt(&anew(&rows, 5, 9, "{}"), now + 5)),
        ("set_back", receipt(&rows[..6], now + 5)), // a backup was put back
        ("set_back", receipt(&anew(&rows, 9, 12, "{}"), now - 5)), // a receipt was dated back
    ] {
        fs::write(dir.join("kept"), format!("{kept}\n{other}")).unwrap();
        prove(dir, &["--receipts", "kept"], &vkey, lie);
    }
    // A device that was made up afterwards: stated not to be there, and said to have been there before.
    assert_eq!(run(dir, &["statement", "--db", "a.db", "-o", "statement"], b"").0, 0);
    fs::write(dir.join("kept"), receipt(&chain(7, 4), now)).unwrap();
    prove(dir, &["--receipts", "kept", "--statement", "statement"], &vkey, "absent");
    // Two heads of the log.
    let log = NoteSigner::new("shop/log", &[7; 32]);
    let head = |rows: &[Row]| {
        let checkpoint = Checkpoint { origin: "shop/log".into(), size: rows.len() as u64, root: root(rows) };
        log.sign(checkpoint.text()).to_string()
    };
    fs::write(dir.join("kept"), format!("{}\n{}", head(&rows), head(&chain(2, 9)))).unwrap();
    prove(dir, &["--receipts", "kept"], &log.key().to_string(), "two_heads");
}
