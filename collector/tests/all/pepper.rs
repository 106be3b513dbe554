//! The mode `pepper`: what comes in as an alias and a veil, and what of it is stored.

use super::support::*;
use nymtrail::core::chain::{Head, NO_HEAD};
use nymtrail::core::pepper::{alias, append, second};
use nymtrail::core::row::Row;
use nymtrail::core::verify::Outcome;
use nymtrail::core::{base64url, hex};
use nymtrail_collector::peppers::Peppers;
use nymtrail_collector::serve::Config;
use nymtrail_collector::store::Store;
use rusqlite::Connection;
use std::path::Path;
use tempfile::TempDir;

/// Pseudonyms of two people, and of one of them as the value of a property.
const ADA: &str = "p1.0kjgA_5tMJc05lhIFTSs9Q";
const BOB: &str = "p1.jEnWSnU0MiZ5kE875Hhvug";
const ACCOUNT: &str = "p1.WKJ-oMr2tk6JAeJwd32rJA";

/// A collector whose peppers lie in another folder.
fn peppered() -> (Collector, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let peppers = Peppers::open(file(&dir)).unwrap().0;
    (Collector::with(Config { peppers: Some(peppers), ..Config::default() }), dir)
}

fn file(dir: &TempDir) -> std::path::PathBuf {
    dir.path().join("pepper")
}

/// Today's pepper.
fn pepper(dir: &TempDir) -> [u8; 32] {
    let text = std::fs::read_to_string(file(dir)).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{TODAY} "))).expect("a pepper for today");
    hex::decode(line).unwrap()
}

/// A veil that is another one for each row.
fn veil(n: u64, seq: u64) -> String {
    base64url::encode(&(u128::from((n + 1) * 1000 + seq).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c)).to_be_bytes())
}

/// A chain of as many events of a user as there are lines, but for the first, with what lifts their aliases.
fn events(n: u64, user: &str, rows: u64) -> Vec<(Row, Option<String>)> {
    let salt = |seq: u64| format!("{n:016x}{seq:016x}");
    let opening = format!(r#"{{"dep":"shop","ep":{TODAY},"v":1,"x":"open"}}"#);
    let (mut head, genesis) = Head::open(opening, salt(0), &format!("{n:064x}"), NO_HEAD, NOW);
    let mut events = vec![(genesis, None)];
    for seq in 1..rows {
        let veil = veil(n, seq);
        let (user_alias, account) = (alias(&veil, user), alias(&veil, ACCOUNT));
        let body = format!(r#"{{"k":"track","n":"view","p":{{"account":"{account}"}},"u":"{user_alias}"}}"#);
        events.push((head.append(body, salt(seq), NOW + seq), Some(format!("{veil} {ACCOUNT} {user}"))));
    }
    events
}

fn rows(events: &[(Row, Option<String>)]) -> Vec<Row> {
    events.iter().map(|(row, _)| row.clone()).collect()
}

/// A request's body.
fn veiled(events: &[(Row, Option<String>)]) -> String {
    let line = |(row, veil): &(Row, Option<String>)| {
        let mut line = row.line();
        append(veil.as_deref(), &mut line);
        line
    };
    let lines: Vec<_> = events.iter().map(line).collect();
    batch(&[]).replace("[]", &format!("[{}]", lines.join(",")))
}

/// What the table says: seq, field and pseudonym.
fn table(collector: &Collector) -> Vec<(u64, String, String)> {
    let db = Connection::open(collector.path()).unwrap();
    let mut find = db.prepare("SELECT seq, field, pseudonym FROM pseudonyms ORDER BY chain, seq, field").unwrap();
    find.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap().map(Result::unwrap).collect()
}

/// Every byte of every file in a folder and below it.
pub fn bytes_in(dir: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        match entry.metadata().unwrap().is_dir() {
            true => bytes.extend(bytes_in(&entry.path())),
            false => bytes.extend(std::fs::read(entry.path()).unwrap()),
        }
    }
    bytes
}

/// The encodings of a pseudonym or veil in which it is found among bytes.
pub fn found(text: &str, bytes: &[u8]) -> Vec<&'static str> {
    let short = text.trim_start_matches("p1.");
    let raw = base64url::decode_lenient(short.as_bytes()).unwrap();
    let hexed = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let standard = short.replace('-', "+").replace('_', "/");
    let shifted = |by: usize| {
        let padded = [&vec![b'.'; by][..], text.as_bytes()].concat();
        let whole = base64url::encode(&padded);
        whole[by.div_ceil(3) * 4..whole.len() - 4].to_owned()
    };
    let forms: [(&str, Vec<u8>); 12] = [
        ("text", short.into()),
        ("standard base64", standard.into()),
        ("its 16 bytes", raw.clone()),
        ("their first 6 bytes", raw[..6].into()),
        ("hex", hexed(&raw).into()),
        ("HEX", hexed(&raw).to_uppercase().into()),
        ("hex of the text", hexed(short.as_bytes()).into()),
        ("UTF-16", short.bytes().flat_map(|byte| [byte, 0]).collect()),
        ("base64 of it", shifted(0).into()),
        ("base64 of it at 1", shifted(1).into()),
        ("base64 of it at 2", shifted(2).into()),
        ("backwards", short.bytes().rev().collect()),
    ];
    let holds = |form: &[u8]| bytes.windows(form.len()).any(|part| part == form);
    forms.into_iter().filter(|(_, form)| holds(form)).map(|(name, _)| name).collect()
}

#[tokio::test]
async fn the_store_has_the_second_level_alone() {
    let (mut collector, dir) = peppered();
    let (ada, again, bob) = (events(1, ADA, 4), events(2, ADA, 3), events(3, BOB, 3));
    for events in [&ada, &again, &bob, &ada] {
        let answer = collector.post(veiled(events)).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body["veils"], serde_json::json!({"lifted": events.len() - 1, "refused": 0}));
        let text = answer.body.to_string();
        assert!(!text.contains("p1.") && !text.contains("s1."), "nobody is told what was made of it: {text}");
    }
    assert_eq!(collector.report().verdict, Outcome::Holds);
    let mut stored: Vec<_> = [&ada, &again, &bob].into_iter().flat_map(|events| rows(events)).collect();
    stored.sort_by_key(|row| (row.chain.clone(), row.seq));
    assert_eq!(collector.rows(), stored, "the rows are what they were");

    let pepper = pepper(&dir);
    let table = table(&collector);
    assert_eq!(table.len(), 2 * 7, "a duplicate is none");
    for (user, count) in [(ADA, 3 + 2), (BOB, 2)] {
        let made = second(&pepper, user);
        assert_eq!(table.iter().filter(|(_, field, pseudonym)| field == "u" && *pseudonym == made).count(), count);
    }
    let account = second(&pepper, ACCOUNT);
    assert_eq!(table.iter().filter(|(_, field, one)| field == "p.account" && *one == account).count(), 7);

    // All files: the store, its log, the log's folder; also once they were written together.
    for _ in 0..2 {
        let bytes = bytes_in(collector.dir.path());
        let veils = [&ada, &again, &bob].into_iter().flatten().filter_map(|(_, veil)| veil.as_deref());
        for secret in veils.flat_map(|veil| veil.split(' ')) {
            assert_eq!(found(secret, &bytes), [""; 0], "{secret}");
        }
        assert!(!bytes.windows(5).any(|part| part == b"veil\""));
        let line = std::fs::read_to_string(file(&dir)).unwrap();
        assert!(found(&second(&pepper, ADA)[3..], &bytes).contains(&"text"), "what is there is found");
        assert!(!bytes.windows(64).any(|part| part == &line.as_bytes()[6..70]), "the pepper is not in the store");
        collector.restart();
    }
}

#[test]
fn the_search_finds_every_form() {
    for (form, text) in [
        ("text", ADA.to_owned()),
        ("standard base64", "0kjgA/5tMJc05lhIFTSs9Q==".into()),
        ("hex", "d248e003fe6d309734e658481534acf5".into()),
        ("base64 of it", base64url::encode(format!("{ADA}.....").as_bytes())),
        ("base64 of it at 1", base64url::encode(format!("x{ADA}.....").as_bytes())),
        ("base64 of it at 2", base64url::encode(format!("xy{ADA}.....").as_bytes())),
    ] {
        assert!(found(ADA, format!("before{text}after").as_bytes()).contains(&form), "{form}: {text}");
    }
    let raw = base64url::decode_lenient(&ADA.as_bytes()[3..]).unwrap();
    assert!(found(ADA, &raw).contains(&"its 16 bytes"));
}

#[tokio::test]
async fn a_veil_that_does_not_fit_is_refused_and_costs_no_event() {
    let (collector, dir) = peppered();
    let right = events(1, ADA, 9);
    let mut wrong = right.clone();
    let lifts = |seq: usize| right[seq].1.clone().unwrap();
    wrong[1].1 = Some(lifts(1).replace(ADA, BOB));
    wrong[2].1 = Some(lifts(1));
    wrong[3].1 = Some("ada@example.org".into());
    wrong[4].1 = Some(String::new());
    wrong[5].1 = Some(lifts(5).replace(ADA, "ada@example.org"));
    wrong[6].1 = None;
    wrong[7].1 = Some(format!("{} {BOB}", lifts(7)));
    let answer = collector.post(veiled(&wrong)).await;
    assert_eq!((answer.status.as_u16(), answer.outcomes()), (200, vec!["stored"; 9]));
    assert_eq!(answer.body["veils"], serde_json::json!({"lifted": 1, "refused": 6}));
    assert_eq!(table(&collector).iter().map(|(seq, ..)| *seq).collect::<Vec<_>>(), [8, 8]);
    // It may still come.
    let answer = collector.post(veiled(&right)).await;
    assert_eq!(answer.outcomes(), ["duplicate"; 9]);
    assert_eq!(answer.body["veils"], serde_json::json!({"lifted": 8, "refused": 0}));
    assert_eq!(table(&collector).len(), 16);
    // One that is no text makes no row, as any other column that is not of its type.
    let other = events(2, ADA, 2);
    let number = veiled(&other).replace(&format!("\"veil\":\"{}\"", other[1].1.as_ref().unwrap()), "\"veil\":7");
    assert_eq!(collector.post(number).await.outcomes(), ["stored", "malformed_row"]);
    assert_eq!(found(BOB, &bytes_in(collector.dir.path())), [""; 0]);
    drop(dir);
}

#[tokio::test]
async fn no_pseudonym_of_the_first_level_is_stored() {
    let (collector, _dir) = peppered();
    let mut rows = chain(1, 2);
    let mut at = head(&rows[1]);
    for body in [
        format!(r#"{{"k":"track","n":"view","u":"{ADA}"}}"#),
        r#"{"k":"track","n":"view","p":{"version":"p1.4"}}"#.into(),
        format!(r#"{{"k":"track","n":"view","p":{{"a":[{{"b":"{BOB}"}}]}}}}"#),
    ] {
        rows.push(at.append(body, format!("{:032x}", at.seq), NOW + 10));
    }
    assert_eq!(
        collector.post_rows(&rows).await.outcomes(),
        ["stored", "stored", "first_level", "stored", "first_level"]
    );
    // The client gives these events up and sends their places.
    let places: Vec<_> = [2, 4].into_iter().map(|at| rows[at].erased()).collect();
    assert_eq!(collector.post_rows(&places).await.outcomes(), ["stored"; 2]);
    assert_eq!(collector.report().verdict, Outcome::Holds);
    let bytes = bytes_in(collector.dir.path());
    assert_eq!((found(ADA, &bytes), found(BOB, &bytes)), (vec![], vec![]));
    // A collector without a pepper takes them, as it always has.
    assert_eq!(Collector::new().post_rows(&rows).await.outcomes(), ["stored"; 5]);
}

#[tokio::test]
async fn without_a_pepper_nothing_with_a_veil_is_taken() {
    let (collector, events) = (Collector::new(), events(1, ADA, 3));
    assert_eq!(collector.post(veiled(&events)).await.error(), (403, "no_pepper"));
    assert_eq!(collector.rows(), []);
    // Where there are peppers, but the batch is of no epoch, there is none for it.
    let (collector, dir) = peppered();
    let body = r#"{"dep":"shop","v":1,"x":"open"}"#;
    let mut own = chain_of(2, 1, body);
    let lifts = veil(2, 1);
    let event = format!(r#"{{"k":"track","n":"a","u":"{}"}}"#, alias(&lifts, ADA));
    own.push(head(&own[0]).append(event, "0a".repeat(16), NOW));
    let own = [(own[0].clone(), None), (own[1].clone(), Some(format!("{lifts} {ADA}")))];
    let answer = collector.post(veiled(&own).replace(&format!("\"epoch\":{TODAY}"), "\"epoch\":null")).await;
    assert_eq!(answer.outcomes(), ["stored"; 2]);
    assert_eq!(answer.body["veils"], serde_json::json!({"lifted": 0, "refused": 1}));
    assert_eq!(std::fs::read_to_string(file(&dir)).unwrap(), "");
    // A file that is gone while it runs is not made again: that would be another pepper.
    std::fs::remove_file(file(&dir)).unwrap();
    assert_eq!(collector.post(veiled(&events)).await.error(), (503, "unavailable"));
}

#[tokio::test]
async fn an_erasure_takes_the_pseudonyms_along_and_finds_by_them() {
    let (collector, dir) = peppered();
    let (ada, bob) = (events(1, ADA, 4), events(3, BOB, 3));
    collector.post(veiled(&ada)).await;
    collector.post(veiled(&bob)).await;
    let (work, pepper_file) = (collector.dir.path(), file(&dir).display().to_string());
    let made = second(&pepper(&dir), BOB);
    let exported = |work: &Path| run(work, &["export", "--db", "a.db", "--pseudonyms"], b"").1;
    let line = format!(r#"{{"chain":"{}","field":"u","pseudonym":"{made}","seq":2}}"#, bob[0].0.chain);
    assert!(exported(work).lines().any(|other| other == line) && exported(work).lines().count() == 10);

    // By the second level, and with the peppers by the first.
    let erase = |pseudonym: &str, more: &[&str]| {
        let args = ["erase", "--db", "a.db", "--pseudonym", pseudonym, "--why", "art17"];
        run(work, &[&args[..], more].concat(), b"")
    };
    let (code, out, _) = erase(&made, &["--dry-run"]);
    assert_eq!((code, out.contains("Would erase 2 events of 1 chain")), (0, true), "{out}");
    assert!(erase(ADA, &[]).2.contains("nothing_to_erase"), "the peppers are not beside the store");
    let (code, out, _) = erase(ADA, &["--pepper", &pepper_file]);
    assert_eq!((code, out.contains("Erased 3 events of 1 chain")), (0, true), "{out}");
    assert_eq!(erase(&made, &[]).0, 0);
    assert_eq!(exported(work), "");
    assert!(!bytes_in(work).windows(made.len()).any(|part| part == made.as_bytes()), "nor in any file");
    let answer = collector.post(veiled(&bob)).await;
    assert_eq!((answer.outcomes(), table(&collector)), (vec!["duplicate"; 3], vec![]), "a retry brings nothing back");
    assert_eq!(run(work, &["verify", "a.db"], b"").0, 0);

    // A store that no collector with peppers has opened yet.
    Connection::open(collector.path())
        .unwrap()
        .execute_batch("DROP TRIGGER pseudonyms_erased; DROP TABLE pseudonyms")
        .unwrap();
    assert_eq!(exported(work), "");
    assert!(erase(&made, &["--dry-run"]).1.contains("0 events"));
    assert!(Store::read(&collector.path()).is_ok());
}
