//! Batches that are late, doubled, out of order, cut by a restart or in each other's way.

use super::support::*;
use nymtrail::core::chain::Head;
use nymtrail::core::verify::{Class, Outcome};
use serde_json::json;
use std::sync::Arc;

#[tokio::test]
async fn rows_are_stored_as_they_were_sent() {
    let (collector, rows) = (Collector::new(), chain(1, 5));
    let answer = collector.post_rows(&rows).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.outcomes(), ["stored"; 5]);
    assert_eq!(answer.body["stored"], 5);
    assert_eq!(answer.body["results"][3], json!({"chain": rows[3].chain, "seq": 3, "status": "stored"}));
    assert_eq!(collector.rows(), rows);
    assert_eq!(collector.report().verdict, Outcome::Holds);
}

#[tokio::test]
async fn a_gzipped_batch_is_the_same_batch() {
    let (collector, rows) = (Collector::new(), chain(1, 40));
    let (first, second) = (batch(&rows[..20]), batch(&rows));
    assert_eq!(collector.post_packed(gzip(&first)).await.outcomes(), ["stored"; 20]);
    let (head, tail) = second.split_at(1000);
    let answer = collector.post_packed([gzip(head), gzip(tail)].concat()).await;
    assert_eq!(
        (answer.body["duplicate"].as_u64(), answer.body["stored"].as_u64()),
        (Some(20), Some(20)),
        "in two members"
    );
    assert_eq!(collector.rows(), rows);
}

#[tokio::test]
async fn sending_again_changes_nothing() {
    let (collector, rows) = (Collector::new(), chain(1, 5));
    collector.post_rows(&rows[..3]).await;
    let answer = collector.post_rows(&rows).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.outcomes(), ["duplicate", "duplicate", "duplicate", "stored", "stored"]);
    assert_eq!(collector.post_rows(&[rows[2].clone(), rows[2].clone()]).await.outcomes(), ["duplicate"; 2]);
    assert_eq!(collector.rows(), rows);
}

#[tokio::test]
async fn order_within_a_batch_and_chains_beside_each_other_do_not_matter() {
    let (collector, a, b) = (Collector::new(), chain(1, 3), chain(2, 2));
    let mixed = [&a[2], &b[1], &a[0], &b[0], &a[1]].map(Clone::clone);
    let answer = collector.post_rows(&mixed).await;
    assert_eq!(answer.outcomes(), ["stored"; 5]);
    let named: Vec<_> = answer.body["results"].as_array().unwrap().iter().map(|row| row["chain"].clone()).collect();
    assert_eq!(named, mixed.each_ref().map(|row| json!(row.chain)), "answers come in the order of the batch");
    assert_eq!(collector.report().verdict, Outcome::Holds);
}

#[tokio::test]
async fn a_batch_that_comes_too_early_waits_for_the_one_before() {
    let (collector, rows) = (Collector::new(), chain(1, 6));
    let early = collector.post_rows(&rows[3..]).await;
    assert_eq!((early.status.as_u16(), early.outcomes()), (207, vec!["gap"; 3]));
    assert_eq!(collector.post_rows(&rows[..3]).await.outcomes(), ["stored"; 3]);
    assert_eq!(collector.post_rows(&rows[3..]).await.outcomes(), ["stored"; 3]);
    assert_eq!(collector.rows(), rows);
}

#[tokio::test]
async fn a_gap_within_a_batch_keeps_what_comes_before_it() {
    let (collector, mut rows) = (Collector::new(), chain(1, 5));
    let missing = rows.remove(2);
    assert_eq!(collector.post_rows(&rows).await.outcomes(), ["stored", "stored", "gap", "gap"]);
    assert_eq!(collector.post_rows(&[missing]).await.outcomes(), ["stored"]);
    assert_eq!(collector.post_rows(&rows[2..]).await.outcomes(), ["stored", "stored"]);
    assert_eq!(collector.report().verdict, Outcome::Holds);
}

#[tokio::test]
async fn the_rows_around_a_bad_one_are_kept_and_the_good_one_still_fits_in_later() {
    let (mut collector, rows) = (Collector::new(), chain(1, 5));
    let bad = with(&rows[2], |row| row.body = Some(r#"{"n":"other"}"#.into()));
    let answer = collector.post_rows(&[rows[0].clone(), rows[1].clone(), bad, rows[3].clone()]).await;
    assert_eq!((answer.status.as_u16(), answer.outcomes()), (207, vec!["stored", "stored", "bad_link", "stored"]));
    let found = &collector.report().chains[0];
    assert_eq!((found.first_bad, found.class, found.rows), (Some(3), Some(Class::Gap), 3), "the hole shows");

    let other = with(&head(&rows[1]).append("{}".into(), "0".repeat(32), NOW + 2), |_| ());
    assert_eq!(collector.post_rows(&[other]).await.outcomes(), ["fork"], "it links to one neighbour only");
    collector.restart();
    assert_eq!(collector.post_rows(&[rows[2].clone(), rows[4].clone()]).await.outcomes(), ["stored", "stored"]);
    assert_eq!(collector.report().verdict, Outcome::Holds);
    assert_eq!(collector.rows(), rows);
}

#[tokio::test]
async fn the_row_after_a_bad_one_is_kept_even_in_a_later_batch_and_after_a_restart() {
    let rows = chain(1, 4);
    let cases: [(&str, nymtrail::core::row::Row); 5] = [
        ("bad_link", with(&rows[2], |row| row.t += 1)),
        ("bad_link", with(&rows[2], |row| row.salt = Some("0".repeat(32)))),
        ("bad_link", with(&rows[2], |row| row.link = "0".repeat(64))),
        ("malformed_row", with(&rows[2], |row| row.salt = Some("short".into()))),
        ("malformed_row", with(&rows[2], |row| row.body = Some("no object".into()))),
    ];
    for (code, bad) in cases {
        let mut collector = Collector::new();
        assert_eq!(collector.post_rows(&[rows[0].clone(), rows[1].clone(), bad]).await.outcomes()[2], code);
        collector.restart();
        assert_eq!(collector.post_rows(&rows[3..]).await.outcomes(), ["stored"], "after {code}");
    }
}

#[tokio::test]
async fn two_histories_of_one_chain_are_a_fork() {
    let (collector, rows) = (Collector::new(), chain(1, 4));
    collector.post_rows(&rows).await;
    // The device was set back to a backup that ended at seq 1, and went on from there.
    let mut head = head(&rows[1]);
    let mut history = rows[..2].to_vec();
    history.extend((2..6).map(|n| head.append("{}".into(), format!("{n:032x}"), NOW + n)));
    let answer = collector.post_rows(&history).await;
    assert_eq!(answer.status, 409);
    assert_eq!(answer.outcomes(), ["duplicate", "duplicate", "fork", "fork", "fork", "fork"]);
    assert_eq!(collector.rows(), rows, "what was acknowledged stays");
    let edited = with(&rows[3], |row| row.body = Some("{}".into()));
    assert_eq!(collector.post_rows(&[edited]).await.error_or_outcome(), "fork");
}

impl Answer {
    fn error_or_outcome(&self) -> &str {
        self.outcomes()[0]
    }
}

#[tokio::test]
async fn time_does_not_go_back() {
    let (collector, rows) = (Collector::new(), chain(1, 2));
    let early = Head { t: 0, ..head(&rows[1]) }.append("{}".into(), "0".repeat(32), NOW - 1);
    let next = head(&early).append("{}".into(), "1".repeat(32), NOW + 9);
    let answer = collector.post_rows(&[rows[0].clone(), rows[1].clone(), early, next]).await;
    assert_eq!(answer.outcomes(), ["stored", "stored", "time_back", "stored"]);

    // One that fills a hole may not be later than the row after it either, though that one links to it.
    let (collector, rows) = (Collector::new(), chain(2, 2));
    let late = head(&rows[0]).append("{}".into(), "0".repeat(32), NOW + 100);
    let next = Head { t: 0, ..head(&late) }.append("{}".into(), "1".repeat(32), NOW + 50);
    let damaged = with(&late, |row| row.body = Some("{\"n\":1}".into()));
    let answer = collector.post_rows(&[rows[0].clone(), damaged, next]).await;
    assert_eq!(answer.outcomes(), ["stored", "bad_link", "stored"]);
    assert_eq!(collector.post_rows(&[late]).await.outcomes(), ["time_back"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_connections_at_once_store_each_row_once() {
    let collector = Arc::new(Collector::new());
    let rows = chain(1, 60);
    let senders: Vec<_> = (0..6)
        .map(|sender| {
            let (collector, rows) = (collector.clone(), rows.clone());
            tokio::spawn(async move {
                let mut stored = 0;
                // Each sends all of the chain in pieces of its own size, until nothing is missing before a piece.
                for piece in rows.chunks(3 + sender) {
                    loop {
                        let answer = collector.post_rows(piece).await;
                        stored += answer.body["stored"].as_u64().unwrap();
                        if answer.status == 200 {
                            break;
                        }
                        assert!(answer.outcomes().contains(&"gap"), "{:?}", answer.outcomes());
                    }
                }
                stored
            })
        })
        .collect();
    let mut stored = 0;
    for sender in senders {
        stored += sender.await.unwrap();
    }
    assert_eq!(stored, 60);
    assert_eq!(collector.rows(), rows);
}

#[tokio::test]
async fn another_process_may_write_to_the_same_file() {
    let collector = Collector::new();
    let mut other = nymtrail_collector::store::Store::open(&collector.path(), &Default::default()).unwrap();
    let (a, b) = (chain(1, 20), chain(2, 20));
    for n in 0..20 {
        assert_eq!(collector.post_rows(&a[n..=n]).await.outcomes(), ["stored"]);
        let text = batch(&b[n..=n]);
        let batch = nymtrail_collector::ingest::Batch::read(text.as_bytes()).unwrap();
        other.write(|tx| nymtrail_collector::ingest::take(tx, &batch)).unwrap();
    }
    let report = collector.report();
    assert_eq!((report.verdict, report.chains.len(), collector.rows().len()), (Outcome::Holds, 2, 40));
}

#[tokio::test]
async fn nothing_is_lost_by_a_restart() {
    let (mut collector, rows) = (Collector::new(), chain(1, 9));
    for piece in rows.chunks(2) {
        assert_eq!(collector.post_rows(piece).await.status, 200);
        collector.restart();
    }
    assert_eq!(collector.rows(), rows);
    assert_eq!(collector.post_rows(&rows).await.outcomes(), ["duplicate"; 9]);
}

#[tokio::test]
async fn chains_without_an_epoch_are_taken() {
    let collector = Collector::new();
    let rows = chain_of(1, 3, r#"{"dep":"shop","v":1,"x":"open"}"#);
    assert_eq!(collector.post(batch_of("shop", json!(null), &rows)).await.outcomes(), ["stored"; 3]);
}
