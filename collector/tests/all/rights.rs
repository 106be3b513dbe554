//! The rights of the person behind the events: erasure by the device's token, export and erasure by pseudonym, retention.

use super::support::*;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use nymtrail::core::chain::token_hash;
use nymtrail::core::epoch::DAY;
use nymtrail::core::opening::{close_body, next_key};
use nymtrail::core::row::Row;
use nymtrail_collector::erase;
use nymtrail_collector::error::Code;
use nymtrail_collector::keys::Signer;
use nymtrail_collector::operator::Erasure;
use nymtrail_collector::retention::{self, Keep, Look, Trust};
use nymtrail_collector::serve::{Config, Origins, now_ms};
use nymtrail_collector::store::{Expected, Store};
use rusqlite::params;
use serde_json::{Value, json};

const TOKEN: &str = "00112233445566778899aabbccddeeff";

/// A chain whose first row has the token's hash.
fn with_token(n: u64, rows: u64) -> Vec<Row> {
    let et = token_hash(TOKEN).hex();
    chain_of(n, rows, &format!(r#"{{"dep":"shop","ep":{TODAY},"et":"{et}","v":1,"x":"open"}}"#))
}

async fn ask(collector: &Collector, body: impl Into<Body>) -> (u16, String) {
    let request = Request::builder().method(Method::POST).uri("/v1/erase").header("content-type", "text/plain");
    let response = collector.send(request.body(body.into()).unwrap()).await;
    let status = response.status().as_u16();
    let body = text(response).await;
    let code = serde_json::from_str::<Value>(&body).ok().and_then(|body| Some(body["error"]["code"].as_str()?.into()));
    (status, code.unwrap_or(body))
}

async fn erase_chain(collector: &Collector, chain: &str, token: &str) -> (u16, String) {
    ask(collector, json!({"chain": chain, "token": token}).to_string()).await
}

fn done() -> (u16, String) {
    (204, String::new())
}

fn refused(status: u16, code: Code) -> (u16, String) {
    (status, code.as_str().into())
}

/// The records in the operator's chain.
fn log(collector: &Collector) -> Vec<Erasure> {
    collector.split_rows().1.iter().filter_map(|row| Erasure::parse(row.body.as_deref()?)).collect()
}

fn record(rows: &[Row], to: u64, why: &str) -> Erasure {
    Erasure { chain: rows[0].chain.clone(), seq: 1, to, why: why.into() }
}

/// What `nymtrail verify` says of the store, in a word, and of the erasures of a chain.
fn verdict(collector: &Collector, chain: &str) -> (i32, String, Value) {
    let (code, out, _) = run(collector.dir.path(), &["verify", "a.db", "--format", "json"], b"");
    let found: Value = serde_json::from_str(&out).unwrap();
    let chains = found["chains"].as_array().unwrap();
    let erasures = chains.iter().find(|one| one["chain"] == chain).unwrap()["erasures"].clone();
    (code, found["verdict"].as_str().unwrap().into(), erasures)
}

#[tokio::test]
async fn a_device_has_its_chain_erased_and_nothing_comes_behind_it() {
    let collector = Collector::new();
    let (mut rows, other) = (with_token(1, 9), with_token(2, 3));
    rows.push(head(&rows[8]).append(close_body(&next_key(&"1f".repeat(32), "00")), "0f".repeat(16), NOW + 9));
    collector.post_rows(&rows[..8]).await;
    collector.post_rows(&rows[8..]).await;
    collector.post_rows(&other[..2]).await;
    assert_eq!(erase_chain(&collector, &rows[0].chain, TOKEN).await, done());
    let kept = collector.rows();
    let of_chain: Vec<_> = kept.iter().filter(|row| row.chain == rows[0].chain).cloned().collect();
    let erased: Vec<_> = rows[1..9].iter().map(Row::erased).collect();
    assert_eq!(of_chain, [&rows[..1], &erased, &rows[9..]].concat(), "keys stay");
    assert_eq!(log(&collector), [record(&rows, 8, "device")], "one record for all");
    let (code, word, found) = verdict(&collector, &rows[0].chain);
    assert_eq!((code, word.as_str(), &found["logged"], &found["why"]), (0, "holds", &json!(8), &json!(["device"])));

    assert_eq!(erase_chain(&collector, &rows[0].chain, TOKEN).await, done(), "again");
    assert_eq!(log(&collector).len(), 1);
    // What was under way all the time, or another tab still has.
    let late = head(&rows[9]).append("{}".into(), "0a".repeat(16), NOW + 99);
    assert_eq!(collector.post_rows(&[rows[8].clone(), late]).await.outcomes(), ["chain_erased"; 2]);
    assert_eq!(collector.post_rows(&other).await.outcomes(), ["duplicate", "duplicate", "stored"], "others go on");
    assert_eq!(verdict(&collector, &rows[0].chain).1, "holds");

    // Also if the request comes before the first batch.
    let ahead = with_token(3, 3);
    assert_eq!(erase_chain(&collector, &ahead[0].chain, TOKEN).await, done());
    assert_eq!(collector.post_rows(&ahead).await.outcomes(), ["chain_erased"; 3]);
    assert!(collector.rows().iter().all(|row| row.chain != ahead[0].chain));
}

#[tokio::test]
async fn without_the_token_nothing_is_erased() {
    let collector = Collector::new();
    let (rows, old) = (with_token(1, 4), chain(2, 4));
    collector.post_rows(&rows).await;
    collector.post_rows(&old).await;
    let [id, other] = [&rows[0].chain, &old[0].chain];
    assert_eq!(erase_chain(&collector, id, &TOKEN.replace('0', "1")).await, refused(403, Code::WrongToken));
    assert_eq!(erase_chain(&collector, other, TOKEN).await, refused(403, Code::WrongToken), "it has none");
    erase::erase(
        &mut Store::open(&collector.path(), &Expected::default()).unwrap(),
        &Signer::open(&collector.path(), "shop").unwrap().0,
        &erase::Which::Row(other.clone(), 2),
        "art17",
        NOW,
    )
    .unwrap();
    let operator = collector.split_rows().1[0].chain.clone();
    assert_eq!(erase_chain(&collector, &operator, TOKEN).await, refused(403, Code::WrongToken), "nor the operator's");
    let hash = token_hash(TOKEN).hex();
    for body in [
        "",
        "[]",
        "{}",
        &format!(r#"{{"chain":"{id}"}}"#),
        &format!(r#"{{"chain":"{id}","token":"{hash}"}}"#),
        &format!(r#"{{"chain":"{}","token":"{TOKEN}"}}"#, id.to_uppercase()),
        &format!(r#"{{"chain":"' OR 1","token":"{TOKEN}"}}"#),
        &format!(r#"{{"chain":["{id}"],"token":"{TOKEN}"}}"#),
    ] {
        assert_eq!(ask(&collector, body.to_owned()).await, refused(400, Code::MalformedErasure), "{body}");
    }
    let long = format!(r#"{{"chain":"{id}","token":"{TOKEN}","x":"{}"}}"#, "x".repeat(1024));
    assert_eq!(ask(&collector, long).await, refused(413, Code::BodyTooLarge));
    let get = collector.get("/v1/erase").await;
    assert_eq!(answer(get).await.error(), (405, "method_not_allowed"));
    let kept = collector.rows();
    assert!(rows.iter().all(|row| kept.contains(row)));
    assert_eq!(collector.post_rows(&rows).await.outcomes(), ["duplicate"; 4], "and the chain goes on");
}

#[tokio::test]
async fn a_page_of_another_origin_may_ask_without_a_preflight() {
    let page = "https://shop.example";
    let collector = Collector::with(Config { origins: Origins::of(&[page.into()]), ..Config::default() });
    let request = Request::builder().method(Method::POST).uri("/v1/erase").header("origin", page);
    let body = json!({"chain": "ab".repeat(32), "token": TOKEN}).to_string();
    let response = collector.send(request.header("content-type", "text/plain").body(body.into()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(response.headers()["access-control-allow-origin"], page);
}

const KEEP: Keep = Keep::Days(30);

/// One look, as the collector takes it each day.
fn look(collector: &Collector, now: u64) -> Look {
    let mut store = Store::open(&collector.path(), &Expected::default()).unwrap();
    let signer = Signer::open(&collector.path(), "shop").unwrap().0;
    retention::look(&mut store, &signer, KEEP, now).unwrap()
}

#[tokio::test]
async fn what_is_kept_too_long_is_erased_and_logged_in_few_records() {
    let collector = Collector::new();
    let (mut old, mut new) = (chain(1, 40), chain(2, 4));
    old.push(head(&old[39]).append(close_body(&next_key(&"1f".repeat(32), "00")), "0f".repeat(16), NOW + 99));
    collector.post_rows(&old[..20]).await;
    collector.set_clock(NOW + DAY);
    collector.post_rows(&old[20..]).await;
    collector.post_rows(&new[..2]).await;
    assert_eq!(look(&collector, NOW + DAY), Look::Erased(0));
    let day = |n: u64| NOW + 1000 + n * DAY;
    for n in 2..30 {
        assert_eq!(look(&collector, day(n)), Look::Erased(0), "{n}");
    }
    assert_eq!(look(&collector, day(30)), Look::Erased(19), "those of the first batch");
    assert_eq!(look(&collector, day(31)), Look::Erased(21), "and of the second");
    let records = [
        record(&old, 19, "retention"),
        Erasure { seq: 20, ..record(&old, 39, "retention") },
        Erasure { chain: new[0].chain.clone(), ..record(&old, 1, "retention") },
    ];
    assert_eq!(log(&collector).len(), 3);
    assert!(log(&collector).iter().all(|record| records.contains(record)), "{:?}", log(&collector));
    let kept = collector.rows();
    assert!([&old[0], &old[40], &new[0]].iter().all(|row| kept.contains(row)), "keys stay");
    assert_eq!(look(&collector, day(32)), Look::Erased(0), "the log itself stays");
    let (code, word, found) = verdict(&collector, &old[0].chain);
    assert_eq!((code, word.as_str(), &found["logged"], &found["why"]), (0, "holds", &json!(39), &json!(["retention"])));

    // Receipts from before hold, and the chain goes on.
    let event = head(&new[1]).append(r#"{"n":"late"}"#.into(), "0b".repeat(16), NOW + 2);
    new[2] = event;
    collector.set_clock(NOW + 2 * DAY);
    assert_eq!(collector.post_rows(&new[..3]).await.outcomes(), ["duplicate", "duplicate", "stored"]);
    assert_eq!(verdict(&collector, &new[0].chain).1, "holds");
}

#[tokio::test]
async fn how_long_an_event_is_here_does_not_depend_on_the_browsers_clock() {
    let collector = Collector::new();
    let at = |n: u64, t: u64| {
        let opening = chain(n, 1).remove(0);
        let event = head(&opening).append(r#"{"n":"view"}"#.into(), format!("{n:032x}"), t.max(NOW));
        [opening, event]
    };
    let (ahead, now) = (at(1, NOW + 10_000 * DAY), at(2, NOW));
    // A browser whose clock is at the beginning of time.
    let (mut past, opening) = nymtrail::core::chain::Head::open(
        format!(r#"{{"dep":"shop","ep":{TODAY},"v":1,"x":"open"}}"#),
        "0c".repeat(16),
        &"3".repeat(64),
        nymtrail::core::chain::NO_HEAD,
        5,
    );
    let past = [opening, past.append(r#"{"n":"view"}"#.into(), "0d".repeat(16), 6)];
    for rows in [&ahead, &now, &past] {
        assert_eq!(collector.post_rows(rows).await.outcomes(), ["stored"; 2]);
    }
    for n in 1..=30 {
        assert_eq!(look(&collector, NOW + n * DAY), Look::Erased(0), "{n}");
    }
    assert_eq!(look(&collector, NOW + 30 * DAY + 1), Look::Erased(3));
}

#[tokio::test]
async fn a_clock_that_jumps_erases_nothing() {
    let collector = Collector::new();
    let rows = chain(1, 9);
    collector.post_rows(&rows).await;
    assert_eq!(look(&collector, NOW + DAY), Look::Erased(0));
    let ahead = NOW + 4000 * DAY;
    assert!(matches!(look(&collector, ahead), Look::Held(Trust::Jumped(_))));
    assert_eq!(look(&collector, ahead + 3_600_000), Look::Held(Trust::Waiting));
    assert!(matches!(look(&collector, NOW + 2 * DAY), Look::Held(Trust::Jumped(_))), "set right");
    assert_eq!(look(&collector, NOW + 3 * DAY), Look::Erased(0));
    assert_eq!(collector.rows(), rows);
    // A clock set back holds nothing back for longer than the way that it has to go again, and a day.
    assert!(matches!(look(&collector, NOW - 9 * DAY), Look::Held(Trust::Jumped(_))));
    for n in 1..=40 {
        assert!(matches!(look(&collector, NOW - 9 * DAY + n * DAY), Look::Erased(0 | 8)), "{n}");
    }
    assert_eq!(log(&collector), [record(&rows, 8, "retention")]);
    assert_eq!(verdict(&collector, &rows[0].chain).1, "holds");

    // A receipt that was signed by a clock far ahead keeps nothing for years.
    let (collector, mut other) = (Collector::new(), chain_of(2, 3, r#"{"dep":"shop","v":1,"x":"open"}"#));
    collector.set_clock(ahead);
    collector.post(batch_of("shop", Value::Null, &other)).await;
    other.truncate(3);
    assert!(matches!(look(&collector, NOW), Look::Held(Trust::Jumped(_))));
    for n in 1..=40 {
        look(&collector, NOW + n * DAY);
    }
    assert_eq!(log(&collector), [record(&other, 2, "retention")]);
}

#[tokio::test]
async fn more_than_a_transaction_takes_is_erased_all_the_same() {
    let collector = Collector::new();
    for n in 0..4 {
        let rows = chain(n, 2600);
        for part in rows.chunks(1300) {
            assert_eq!(collector.post_rows(part).await.status, 200);
        }
    }
    let mut store = Store::open(&collector.path(), &Expected::default()).unwrap();
    let signer = Signer::open(&collector.path(), "shop").unwrap().0;
    let now = NOW + 31 * DAY;
    assert_eq!(retention::count_due(&store, KEEP, now), Ok(4 * 2599));
    assert_eq!(retention::erase_due(&mut store, &signer, KEEP, "retention", now), Ok(4 * 2599));
    assert_eq!(retention::count_due(&store, KEEP, now), Ok(0));
    assert!(erase::is_due(store.db()).unwrap(), "the files are to be rewritten");
    erase::forget(&store).unwrap();
    assert!(!erase::is_due(store.db()).unwrap());
    assert!(log(&collector).len() <= 6, "{}", log(&collector).len());
    assert_eq!(verdict(&collector, &chain(0, 1)[0].chain).1, "holds");
}

#[test]
fn retention_on_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let erase = |args: &[&str]| run(dir.path(), &[&["erase", "--db", "a.db"], args].concat(), b"");
    let store = Store::open(&dir.path().join("a.db"), &Expected::default()).unwrap();
    let rows = chain(1, 8);
    for Row { chain, seq, t, gprev, salt, body, bc, link } in &rows {
        let values = params![chain, seq, t, gprev, salt, body, bc, link];
        store.db().execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values).unwrap();
    }
    let sign = "INSERT INTO checkpoints VALUES (?, 8, '', '', ?, NULL)";
    store.db().execute(sign, params![rows[0].chain, now_ms() - 40 * DAY]).unwrap();
    let (code, out, _) = erase(&["--older-than", "1mo", "--dry-run"]);
    assert_eq!((code, out.as_str()), (0, "Would erase 7 events. Nothing was changed.\n"));
    let (code, _, err) = erase(&["--older-than", "1mo"]);
    assert!(code == 1 && err.contains("[all_due]") && err.contains("clock"), "{err}");
    let (code, out, _) = erase(&["--older-than", "2mo"]);
    assert!(code == 0 && out.starts_with("Erased 0 events"), "{out}");
    let (code, out, _) = erase(&["--older-than", "1mo", "--all"]);
    assert!(code == 0 && out.starts_with("Erased 7 events"), "{out}");
    for wrong in [
        vec!["--older-than", "0d"],
        vec!["--older-than", "1mo", "--chain", "00"],
        vec!["--chain", "00", "--why", "art17", "--all"],
        vec!["--chain", "00", "--why", "device"],
    ] {
        let (code, _, err) = erase(&wrong);
        assert!(code == 1 && err.contains("error:"), "{wrong:?} {err}");
    }
}

#[tokio::test]
async fn what_is_here_of_a_person_is_exported_and_erased() {
    let [user, group, seller] = ["p1.0kjgA_5tMJc05lhIFTSs9Q", "p1.q2xEd6Jfhk1bK8mQ0Zc0Ug", "p1.AAAAAAAAAAAAAAAAAAAAAA"];
    let collector = Collector::new();
    let genesis = chain(1, 1).remove(0);
    let mut at = head(&genesis);
    let bodies = [
        r#"{"d":"vQ5DTnbm0Qmmb5anLHChkw","k":"page","s":"_YLjt52v6HF-5F2H0kvWxg"}"#.to_owned(),
        format!(r#"{{"d":"vQ5DTnbm0Qmmb5anLHChkw","k":"identify","s":"_YLjt52v6HF-5F2H0kvWxg","u":"{user}"}}"#),
        format!(r#"{{"g":"{group}","k":"group","u":"{user}"}}"#),
        format!(r#"{{"k":"track","n":"bought","p":{{"seller":"{seller}"}}}}"#),
        format!(r#"{{"k":"track","n":"other","p":{{"note":"{user} said"}}}}"#),
    ];
    let mut rows = vec![genesis];
    rows.extend(bodies.into_iter().map(|body| at.append(body, "0c".repeat(16), NOW)));
    collector.post_rows(&rows).await;
    let subject = |args: &[&str]| run(collector.dir.path(), &[&["subject", "--db", "a.db"], args].concat(), b"");

    let (code, out, _) = subject(&["--pseudonym", user, "export"]);
    let found: Value = serde_json::from_str(&out).unwrap();
    let seqs = |found: &Value| -> Vec<u64> {
        found["events"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect()
    };
    assert_eq!((code, seqs(&found)), (0, vec![2, 3]));
    assert_eq!(found["events"][0]["time"], "2026-09-21 14:13:20Z");
    assert_eq!(found["events"][0]["event"]["u"], user);
    assert_eq!((&found["deployment"], &found["pseudonyms"]), (&json!("shop"), &json!([user])));
    assert_eq!(
        (&found["devices"][0], &found["visits"][0]),
        (&json!("vQ5DTnbm0Qmmb5anLHChkw"), &json!("_YLjt52v6HF-5F2H0kvWxg"))
    );
    let (_, out, _) = subject(&["--pseudonym", "vQ5DTnbm0Qmmb5anLHChkw", "--pseudonym", seller, "export"]);
    assert_eq!(seqs(&serde_json::from_str(&out).unwrap()), [1, 2, 4], "of the device, and in a property");
    let (code, out, _) = subject(&["--pseudonym", group, "export", "--format", "ndjson"]);
    assert_eq!((code, out), (0, rows[3].line() + "\n"));
    let file = ["--pseudonym", user, "export", "-o", "user.json"];
    assert_eq!(subject(&file).0, 0);
    assert!(std::fs::read_to_string(collector.dir.path().join("user.json")).unwrap().contains(user));

    let (code, out, _) = subject(&["--pseudonym", user, "--pseudonym", seller, "erase", "--dry-run"]);
    assert!(code == 0 && out.contains("seq 2-4") && out.contains("Would erase 3 events of 1 chain"), "{out}");
    assert_eq!(collector.rows(), rows);
    let (code, out, _) = subject(&["--pseudonym", user, "--pseudonym", seller, "erase"]);
    assert!(code == 0 && out.contains("Erased 3 events of 1 chain"), "{out}");
    assert_eq!(log(&collector), [Erasure { seq: 2, ..record(&rows, 4, "art17") }]);
    assert_eq!(verdict(&collector, &rows[0].chain).1, "holds");
    let (code, _, err) = subject(&["--pseudonym", user, "export"]);
    assert!(code == 1 && err.contains("[nothing_held]"), "{err}");
    for wrong in [vec!["export"], vec!["--pseudonym", "ada@example.org", "export"], vec!["--pseudonym", user]] {
        let (code, _, err) = subject(&wrong);
        assert!(code == 1 && (err.contains("error:") || err.contains("Usage:")), "{wrong:?} {err}");
    }
}
