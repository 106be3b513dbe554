//! Erasure by the operator: what goes, what stays, what is logged, and what the verifier says of it.

use super::support::*;
use nymtrail::core::note::{Checkpoint, Note, Signed};
use nymtrail::core::opening::{close_body, next_key};
use nymtrail::core::proof::Proof;
use nymtrail::core::row::Row;
use nymtrail_collector::audit::Receipts;
use nymtrail_collector::error::Code;
use nymtrail_collector::keys::Signer;
use nymtrail_collector::operator::{self, ARRIVED, Erasure};
use nymtrail_collector::signing::NoteKey;
use nymtrail_collector::store::{Expected, Store};
use nymtrail_collector::{erase, prove, verify};
use rusqlite::{Connection, params};
use serde_json::Value;
use std::path::Path;

const PSEUDONYM: &str = "p1.0kjgA_5tMJc05lhIFTSs9Q";

fn erase_row(collector: &Collector, row: &Row, why: &str) -> erase::Erased {
    erase_which(collector, &erase::Which::Row(row.chain.clone(), row.seq), why).unwrap()
}

fn erase_which(collector: &Collector, which: &erase::Which, why: &str) -> Result<erase::Erased, Code> {
    let mut store = Store::open(&collector.path(), &Expected::default()).unwrap();
    let signer = Signer::open(&collector.path(), "shop").unwrap().0;
    let done = erase::erase(&mut store, &signer, which, why, NOW + 9);
    erase::forget(&store).unwrap();
    done
}

/// What `nymtrail verify` says, and its exit code.
fn verdict(collector: &Collector) -> (i32, Value) {
    let (code, out, _) = run(collector.dir.path(), &["verify", "a.db", "--format", "json"], b"");
    (code, serde_json::from_str(&out).unwrap())
}

fn of_chain<'a>(verdict: &'a Value, row: &Row) -> &'a Value {
    verdict["chains"].as_array().unwrap().iter().find(|chain| chain["chain"] == row.chain.as_str()).unwrap()
}

fn word(collector: &Collector) -> (i32, String) {
    let (code, verdict) = verdict(collector);
    (code, verdict["verdict"].as_str().unwrap().into())
}

/// The store as somebody with access to its file sees it.
fn outside(collector: &Collector) -> Connection {
    Connection::open(collector.path()).unwrap()
}

/// Whether any file of the store holds these bytes.
fn in_files(dir: &Path, bytes: &str) -> bool {
    std::fs::read_dir(dir).unwrap().any(|file| {
        let content = std::fs::read(file.unwrap().path()).unwrap();
        content.windows(bytes.len()).any(|window| window == bytes.as_bytes())
    })
}

#[tokio::test]
async fn an_erased_event_is_gone_and_everything_signed_before_still_holds() {
    let (collector, rows) = (Collector::new(), chain(1, 9));
    collector.post_rows(&rows[..5]).await;
    let answer = collector.post_rows(&rows[5..]).await;
    let old = answer.body["receipt"][&rows[0].chain].as_str().unwrap().to_owned();
    let old_proof = prove::prove(&Store::read(&collector.path()).unwrap(), &rows[0].chain, 4).unwrap().text().unwrap();

    let done = erase_row(&collector, &rows[4], "art17");
    assert_eq!(done.rows, [(rows[4].chain.clone(), 4)]);
    let (kept, log) = collector.split_rows();
    assert_eq!(kept, [&rows[..4], &[rows[4].erased()], &rows[5..]].concat());
    let record = Erasure { chain: rows[4].chain.clone(), seq: 4, to: 4, why: "art17".into() };
    assert_eq!(log.iter().map(|row| row.body.clone().unwrap()).nth(1), Some(record.body()));

    assert_eq!(word(&collector), (0, "holds".into()));
    let (_, found) = verdict(&collector);
    assert_eq!(found["level"], "receipted");
    assert_eq!(of_chain(&found, &rows[0])["erasures"]["logged"], 1);
    assert_eq!(of_chain(&found, &rows[0])["erasures"]["why"], serde_json::json!(["art17"]));
    std::fs::write(collector.dir.path().join("kept"), old).unwrap();
    let kept = run(collector.dir.path(), &["verify", "a.db", "--receipts", "kept", "--require", "receipted"], b"");
    assert_eq!(kept.0, 0, "{kept:?}");
    let keys = [collector.vkey()];
    let proof = Proof::parse(&old_proof).unwrap();
    assert!(matches!(prove::check(&proof, &keys), prove::Verdict::Holds(_)), "who has a proof has the event");
    let new = prove::prove(&Store::read(&collector.path()).unwrap(), &rows[0].chain, 4).unwrap();
    assert_eq!(new.row, rows[4].erased());
    assert!(matches!(prove::check(&new, &keys), prove::Verdict::Holds(_)));

    let again = collector.post_rows(&rows).await;
    assert_eq!(again.outcomes(), ["duplicate"; 9], "a retry does not bring it back");
    assert_eq!(collector.split_rows().0[4], rows[4].erased());
    assert_eq!(erase_row(&collector, &rows[4], "art17").rows, [], "once is enough");
}

#[tokio::test]
async fn no_byte_of_it_is_left_in_the_files() {
    let collector = Collector::new();
    // Many chains, rows of many sizes and in any order: pages split, and SQLite leaves copies in their free space.
    let mut all = Vec::new();
    for n in 0..60u64 {
        let mut rows = chain(n, 1);
        let mut at = head(&rows[0]);
        for seq in 1..40u64 {
            let size = [20, 150, 300, 3000][((n * 7 + seq * 13) % 4) as usize];
            let body = format!(r#"{{"n":"CANARY-{n}-{seq}-","u":"{PSEUDONYM}","w":"{}"}}"#, "x".repeat(size));
            rows.push(at.append(
                body,
                format!("{:032x}", u128::from((n + 1) * 1000 + seq) * 0x9e37_79b9_7f4a_7c15),
                NOW + seq,
            ));
        }
        all.push(rows);
    }
    for part in 0..8 {
        for n in 0..60 {
            let rows = &all[(n * 37 + part * 11) % 60];
            assert_eq!(collector.post_rows(&rows[part * 5..part * 5 + 5]).await.status, 200);
        }
    }
    assert!(in_files(collector.dir.path(), "CANARY-7-3-") && in_files(collector.dir.path(), PSEUDONYM));
    let done = erase_which(&collector, &erase::Which::Pseudonyms(vec![PSEUDONYM.into()]), "art17").unwrap();
    assert_eq!(done.rows.len(), 60 * 39);
    assert!(!in_files(collector.dir.path(), "CANARY"));
    assert!(!in_files(collector.dir.path(), PSEUDONYM));
    let salt = all[3][5].salt.clone().unwrap();
    assert!(!in_files(collector.dir.path(), &salt));
    assert!(in_files(collector.dir.path(), &all[3][5].commitment().unwrap()));
    // The collector went on all the time, and its trees are those of before.
    let rows = &all[3];
    let next = head(&rows[39]).append("{}".into(), "ab".repeat(16), NOW + 99);
    let answer = collector.post_rows(std::slice::from_ref(&next)).await;
    let note = Note::parse(answer.body["receipt"][&next.chain].as_str().unwrap()).unwrap();
    let checkpoint = Checkpoint::parse(&note.text).unwrap();
    assert_eq!((checkpoint.size, checkpoint.root), (41, root(&[&rows[..], &[next]].concat())));
    assert_eq!(word(&collector), (0, "holds".into()));
}

#[tokio::test]
async fn a_pseudonym_is_found_as_a_value_and_nowhere_else() {
    let collector = Collector::new();
    let genesis = chain(1, 1).remove(0);
    let mut at = head(&genesis);
    let bodies = [
        format!(r#"{{"k":"track","u":"{PSEUDONYM}"}}"#),
        format!(r#"{{"k":"track","p":{{"seller":"{PSEUDONYM}"}}}}"#),
        format!(r#"{{"k":"track","p":{{"all":[1,["{PSEUDONYM}"]]}}}}"#),
        format!(r#"{{"k":"track","p":{{"note":"{PSEUDONYM} again"}}}}"#),
        format!(r#"{{"k":"track","p":{{"{PSEUDONYM}":1}}}}"#),
        r#"{"k":"track","u":"p1.another"}"#.to_owned(),
    ];
    let mut rows = vec![genesis];
    rows.extend(bodies.into_iter().map(|body| at.append(body, "0c".repeat(16), NOW)));
    assert_eq!(collector.post_rows(&rows).await.outcomes(), ["stored"; 7]);
    let which = erase::Which::Pseudonyms(vec![PSEUDONYM.into()]);
    let found: Vec<_> = erase_which(&collector, &which, "art17").unwrap().rows.iter().map(|(_, seq)| *seq).collect();
    assert_eq!(found, [1, 2, 3]);
}

#[tokio::test]
async fn a_whole_chain_keeps_its_first_row_and_its_closing_one_unless_they_are_named() {
    let (collector, mut rows) = (Collector::new(), chain(1, 6));
    let body = close_body(&next_key(&"1f".repeat(32), &"2e".repeat(32)));
    rows.push(head(&rows[5]).append(body, "0f".repeat(16), NOW + 9));
    collector.post_rows(&rows).await;
    let which = erase::Which::Chain(rows[0].chain[..10].into());
    assert_eq!(erase_which(&collector, &which, "retention").unwrap().rows.len(), 5);
    let kept = collector.rows();
    assert_eq!((&kept[0], &kept[6]), (&rows[0], &rows[6]));
    assert!(kept[1..6].iter().all(|row| row.body.is_none() && row.salt.is_none()));
    assert_eq!(erase_row(&collector, &rows[0], "retention").rows.len(), 1);
    let (code, verdict) = verdict(&collector);
    assert_eq!((code, of_chain(&verdict, &rows[0])["erasures"]["logged"].as_u64()), (0, Some(6)));
}

#[tokio::test]
async fn erased_without_a_record_is_told_from_logged_and_from_half() {
    let (collector, rows) = (Collector::new(), chain(1, 9));
    collector.post_rows(&rows).await;
    erase_row(&collector, &rows[3], "art17");
    assert_eq!(word(&collector), (0, "holds".into()));

    let blank = "UPDATE events SET body = NULL, salt = NULL, bc = ? WHERE chain = ? AND seq = ?";
    outside(&collector).execute(blank, params![rows[5].commitment(), rows[5].chain, 5]).unwrap();
    let (code, found) = verdict(&collector);
    assert_eq!((code, &found["verdict"]), (2, &"unproven".into()));
    let said = &of_chain(&found, &rows[0])["erasures"];
    assert_eq!((&said["logged"], &said["unproven"], &said["first_unproven"]), (&1.into(), &1.into(), &5.into()));
    let text = run(collector.dir.path(), &["verify", "a.db"], b"").1;
    assert!(text.contains("1 logged (art17)") && text.contains("UNPROVEN: 1 erased without a record"), "{text}");

    // Half erased: the salt is still there.
    let (collector, rows) = (Collector::new(), chain(2, 4));
    collector.post_rows(&rows).await;
    erase_row(&collector, &rows[2], "art17");
    outside(&collector).execute("UPDATE events SET salt = ? WHERE seq = 2 AND body IS NULL", [&rows[2].salt]).unwrap();
    assert_eq!(word(&collector), (3, "half_erased".into()));
    assert_eq!(erase_row(&collector, &rows[2], "art17").rows.len(), 1, "erasing again finishes it");
    assert_eq!(word(&collector), (0, "holds".into()));

    // Logged, but here: a backup was put back.
    let back = "UPDATE events SET body = ?, salt = ?, bc = NULL WHERE chain = ? AND seq = 2";
    outside(&collector).execute(back, params![rows[2].body, rows[2].salt, rows[2].chain]).unwrap();
    assert_eq!(word(&collector), (2, "not_erased".into()));
    // A wrong commitment is no erasure at all.
    let wrong = "UPDATE events SET body = NULL, salt = NULL, bc = ? WHERE chain = ? AND seq = 2";
    outside(&collector).execute(wrong, params!["0".repeat(64), rows[2].chain]).unwrap();
    assert_eq!(word(&collector), (2, "tampered".into()));
}

#[tokio::test]
async fn rows_that_came_erased_are_logged_as_that() {
    let (collector, rows) = (Collector::new(), chain(1, 6));
    let sent: Vec<_> =
        rows.iter().enumerate().map(|(at, row)| if at % 2 == 1 { row.erased() } else { row.clone() }).collect();
    assert_eq!(collector.post_rows(&sent[..4]).await.outcomes(), ["stored"; 4]);
    assert_eq!(collector.post_rows(&sent).await.status, 200);
    let log: Vec<_> = collector.split_rows().1.iter().filter_map(|row| Erasure::parse(row.body.as_deref()?)).collect();
    assert_eq!(log.iter().map(|record| record.seq).collect::<Vec<_>>(), [1, 3, 5]);
    assert!(log.iter().all(|record| record.why == ARRIVED && record.chain == rows[0].chain));
    assert_eq!(word(&collector), (0, "holds".into()));
    // What came whole and is blank now has no such excuse.
    let blank = "UPDATE events SET body = NULL, salt = NULL, bc = ? WHERE chain = ? AND seq = 2";
    outside(&collector).execute(blank, params![rows[2].commitment(), rows[2].chain]).unwrap();
    assert_eq!(word(&collector), (2, "unproven".into()));
}

#[tokio::test]
async fn nobody_without_the_key_can_log_an_erasure() {
    let (collector, rows) = (Collector::new(), chain(1, 6));
    collector.post_rows(&rows).await;
    erase_row(&collector, &rows[1], "art17");
    let log = collector.split_rows().1;
    let blank = "UPDATE events SET body = NULL, salt = NULL, bc = ? WHERE chain = ? AND seq = 4";
    outside(&collector).execute(blank, params![rows[4].commitment(), rows[4].chain]).unwrap();
    let record = |body: String| head(log.last().unwrap()).append(body, "0d".repeat(16), NOW + 99);
    let fake = Erasure { chain: rows[4].chain.clone(), seq: 4, to: 4, why: "art17".into() }.body();

    // From outside, over HTTP: no row of that chain is taken.
    let sent = record(fake.clone());
    let answer = collector.post(batch_of("shop", Value::Null, std::slice::from_ref(&sent))).await;
    assert_eq!(answer.outcomes(), ["unknown_epoch"]);
    // A chain that looks like an operator's, of a browser: the collector receipts it, but never signs as its writer.
    let look_alike =
        chain_of(9, 1, &log[0].body.clone().unwrap().replace("\"v\":1", &format!("\"ep\":{TODAY},\"v\":1"))).remove(0);
    let entry = head(&look_alike).append(fake.clone(), "0e".repeat(16), NOW + 1);
    assert_eq!(collector.post_rows(&[look_alike, entry]).await.outcomes(), ["stored"; 2]);
    assert_eq!(word(&collector), (2, "unproven".into()));

    // In the table: the record links, but no signature covers it.
    let Row { chain, seq, t, gprev, salt, body, bc, link } = record(fake);
    outside(&collector)
        .execute(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            params![chain, seq, t, gprev, salt, body, bc, link],
        )
        .unwrap();
    assert_eq!(word(&collector), (2, "unproven".into()));
    // Nor is a record of another row edited into one of this.
    let edit = "UPDATE events SET body = replace(body, '\"seq\":1', '\"seq\":4') WHERE chain = ? AND seq = 1";
    outside(&collector).execute(edit, [&log[0].chain]).unwrap();
    assert_eq!(word(&collector), (2, "tampered".into()));
}

#[tokio::test]
async fn the_log_is_signed_by_its_writer_and_receipted() {
    let (collector, rows) = (Collector::new(), chain(1, 6));
    collector.post_rows(&rows).await;
    let note = Note::parse(&erase_row(&collector, &rows[1], "art17").receipt.unwrap()).unwrap();
    let log = collector.split_rows().1;
    let checkpoint = Checkpoint::parse(&note.text).unwrap();
    assert_eq!((checkpoint.size, checkpoint.root), (2, root(&log)));
    assert_eq!(NoteKey::ed25519(&checkpoint.origin, collector.vkey().key).judge(&note), Signed::At(0));
    assert!(Signer::read(&collector.path(), "shop").unwrap().unwrap().signed(&note.to_string()));
    let opening: Value = serde_json::from_str(log[0].body.as_deref().unwrap()).unwrap();
    assert_eq!(opening["pk"], nymtrail::core::hex::encode(&collector.vkey().key));
    // Kept elsewhere, it shows that the end of the log was cut off.
    erase_row(&collector, &rows[2], "art17");
    let kept = Note::parse(&erase_row(&collector, &rows[3], "art17").receipt.unwrap()).unwrap();
    std::fs::write(collector.dir.path().join("kept"), kept.to_string()).unwrap();
    outside(&collector).execute("DELETE FROM events WHERE chain = ? AND seq > 2", [&log[0].chain]).unwrap();
    for table in ["checkpoints", "device_checkpoints"] {
        let delete = format!("DELETE FROM {table} WHERE chain = ? AND size > 3");
        outside(&collector).execute(&delete, [&log[0].chain]).unwrap();
    }
    assert_eq!(word(&collector), (2, "unproven".into()));
    let found = run(collector.dir.path(), &["verify", "a.db", "--receipts", "kept", "--format", "json"], b"");
    assert_eq!((found.0, serde_json::from_str::<Value>(&found.1).unwrap()["verdict"].clone()), (2, "truncated".into()));
}

#[tokio::test]
async fn an_export_with_the_log_and_its_receipt_is_checked_and_without_it_is_not() {
    let (collector, rows) = (Collector::new(), chain(1, 6));
    collector.post_rows(&rows).await;
    let note = erase_row(&collector, &rows[1], "art17").receipt.unwrap();
    let dir = collector.dir.path();
    let key = collector.vkey().to_string();
    std::fs::write(dir.join("kept"), note).unwrap();
    let export = run(dir, &["export", "--db", "a.db"], b"").1;
    let check = |text: &str, more: &[&str]| {
        let (code, out, _) = run(dir, &[&["verify", "-", "--format", "json"], more].concat(), text.as_bytes());
        let found: Value = serde_json::from_str(&out).unwrap();
        let chain = of_chain(&found, &rows[0])["erasures"].clone();
        (code, found["verdict"].as_str().unwrap().to_owned(), chain)
    };
    let with = ["--key", &key, "--receipts", "kept"];
    let (code, word, said) = check(&export, &with);
    assert_eq!((code, word.as_str(), said["logged"].as_u64()), (0, "holds", Some(1)));
    let (code, word, said) = check(&export, &[]);
    assert_eq!(
        (code, word.as_str(), said["logged"].as_u64(), said["unchecked"].as_u64()),
        (0, "holds", Some(0), Some(1))
    );
    let blanked: String = export
        .lines()
        .map(|line| match Row::parse(line) {
            Some(row) if row.chain == rows[0].chain && row.seq == 4 => row.erased().line() + "\n",
            _ => format!("{line}\n"),
        })
        .collect();
    let (code, word, said) = check(&blanked, &with);
    assert_eq!((code, word.as_str(), said["first_unproven"].as_u64()), (2, "unproven", Some(4)));
}

#[tokio::test]
async fn a_new_key_opens_a_new_log_and_the_old_one_needs_the_old_key() {
    let (mut collector, rows) = (Collector::new(), chain(1, 6));
    collector.post_rows(&rows).await;
    erase_row(&collector, &rows[1], "art17");
    let old = collector.vkey().to_string();
    std::fs::remove_file(collector.dir.path().join("a.db.key")).unwrap();
    collector.restart();
    erase_row(&collector, &rows[2], "art17");
    let store = Store::read(&collector.path()).unwrap();
    let logs = operator::ids(store.db()).unwrap();
    assert_eq!(logs.len(), 2);
    for log in &logs {
        let which = erase::Which::Chain(log.clone());
        assert_eq!(erase::find(&store, &which), Err(Code::OperatorChain));
    }
    let new = collector.vkey().to_string();
    let args = |keys: &[&str]| [&["verify", "a.db"], keys].concat().into_iter().map(str::to_owned).collect::<Vec<_>>();
    let code =
        |args: Vec<String>| run(collector.dir.path(), &args.iter().map(String::as_str).collect::<Vec<_>>(), b"").0;
    assert_eq!(code(args(&["--key", &old, "--key", &new])), 0);
    assert_eq!(code(args(&["--key", &new])), 2, "the record under the old key counts for nothing");
    let found = verify::audit_store(&store, Receipts::default()).unwrap().erasures;
    assert_eq!(found.chains[&rows[0].chain].unchecked, 2, "without a key nothing can be said");
}

#[test]
fn the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let erase = |args: &[&str]| run(dir.path(), &[&["erase", "--db", "a.db"], args].concat(), b"");
    assert_eq!(erase(&["--chain", "00", "--why", "art17"]).0, 1, "no store is made");
    assert!(!dir.path().join("a.db").exists());
    let store = Store::open(&dir.path().join("a.db"), &Expected::default()).unwrap();
    let rows = chain(1, 8);
    for Row { chain, seq, t, gprev, salt, body, bc, link } in &rows {
        let values = params![chain, seq, t, gprev, salt, body, bc, link];
        store.db().execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values).unwrap();
    }
    drop(store);
    let id = &rows[0].chain;
    let (code, out, _) = erase(&["--chain", &id[..8], "--why", "art17", "--dry-run"]);
    assert_eq!(
        (code, out),
        (0, format!("chain {id} seq 1-7\nWould erase 7 events of 1 chain. Nothing was changed.\n"))
    );
    let (code, out, _) = erase(&["--chain", &id[..8], "--seq", "3", "--why", "art17"]);
    assert!(code == 0 && out.starts_with(&format!("chain {id} seq 3\nErased 1 event of 1 chain")), "{out}");
    let (code, out, _) = erase(&["--chain", &id[..8], "--why", "art17", "--dry-run"]);
    assert_eq!((code, out.lines().next()), (0, Some(format!("chain {id} seq 1-2 4-7").as_str())));
    for (args, says) in [
        (vec!["--chain", &id[..8], "--seq", "3", "--why", "art17"], "[nothing_to_erase]"),
        (vec!["--chain", "zz", "--why", "art17"], "[no_chain]"),
        (vec!["--pseudonym", PSEUDONYM, "--why", "art17"], "[nothing_to_erase]"),
    ] {
        let (code, _, err) = erase(&args);
        assert!(code == 1 && err.contains(says), "{err}");
    }
    for wrong in [
        vec!["--chain", &id[..8]],
        vec!["--why", "art17"],
        vec!["--chain", &id[..8], "--pseudonym", PSEUDONYM, "--why", "art17"],
        vec!["--pseudonym", PSEUDONYM, "--seq", "1", "--why", "art17"],
        vec!["--pseudonym", "ada@example.org", "--why", "art17"],
        vec!["--chain", &id[..8], "--why", "Ada asked"],
        vec!["--chain", &id[..8], "--why", "arrived"],
    ] {
        let (code, _, err) = erase(&wrong);
        assert!(code == 1 && err.contains("error:"), "{wrong:?} {err}");
    }
}

#[tokio::test]
async fn a_collector_at_work_goes_on() {
    let collector = Collector::new();
    let rows = chain(1, 400);
    collector.post_rows(&rows[..100]).await;
    let (path, id) = (collector.path(), rows[0].chain.clone());
    let erasing = std::thread::spawn(move || {
        let mut store = Store::open(&path, &Expected::default()).unwrap();
        let signer = Signer::open(&path, "shop").unwrap().0;
        for seq in 1..40 {
            let which = erase::Which::Row(id.clone(), seq);
            assert_eq!(erase::erase(&mut store, &signer, &which, "art17", NOW).unwrap().rows.len(), 1);
            erase::forget(&store).unwrap();
        }
    });
    let mut sent = 100;
    while sent < 400 || !erasing.is_finished() {
        let part = if sent < 400 { &rows[sent..sent + 5] } else { &rows[395..] };
        assert_eq!(collector.post_rows(part).await.status, 200);
        sent = (sent + 5).min(400);
    }
    erasing.join().unwrap();
    assert_eq!(collector.rows().iter().filter(|row| row.body.is_none()).count(), 39);
    assert_eq!(word(&collector), (0, "holds".into()));
    let (_, found) = verdict(&collector);
    assert_eq!(found["level"], "receipted");
}

#[tokio::test]
async fn one_statement_of_sql_finds_what_was_not_logged() {
    let (collector, rows) = (Collector::new(), chain(1, 6));
    collector.post_rows(&rows).await;
    erase_row(&collector, &rows[1], "art17");
    let db = outside(&collector);
    let found = || -> Vec<(String, u64)> {
        let mut find = db.prepare(include_str!("../../../sql/erasures.sql")).unwrap();
        find.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(found(), []);
    let more = chain(2, 6);
    collector.post_rows(&more).await;
    erase_which(&collector, &erase::Which::Chain(more[0].chain.clone()), "art17").unwrap();
    assert_eq!(found(), [], "a record of a range");
    db.execute("UPDATE events SET body = NULL, salt = NULL WHERE chain = ? AND seq = 0", [&more[0].chain]).unwrap();
    assert_eq!(found(), [(more[0].chain.clone(), 0)]);
    db.execute("UPDATE events SET body = '{}' WHERE chain = ? AND seq = 0", [&more[0].chain]).unwrap();
    let blank = "UPDATE events SET body = NULL, salt = NULL, bc = ? WHERE chain = ? AND seq = 4";
    db.execute(blank, params![rows[4].commitment(), rows[4].chain]).unwrap();
    assert_eq!(found(), [(rows[4].chain.clone(), 4)]);
}
