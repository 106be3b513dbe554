//! A store that can't be written: nothing is acknowledged that is not kept, and the sender is told when to come again.

use super::support::*;
use axum::body::{Body, Bytes};
use axum::http::Request;
use http_body_util::{BodyExt, Full};
use nymtrail::core::row::Row;
use nymtrail::core::verify::Outcome;
use nymtrail_collector::serve::{Config, Origins};
use std::sync::Arc;
use std::time::Duration;

const PAGE: &str = "https://shop.example";

fn config() -> Config {
    Config { origins: Origins::of(&[PAGE.into()]), ..Config::default() }
}

/// Posts rows as a page of another origin would. The answer, and how many seconds it says to wait.
async fn post_from_page(collector: &Collector, rows: &[Row]) -> (Answer, Option<u64>) {
    let request = Request::post("/v1/batch").header("origin", PAGE).body(Body::from(batch(rows))).unwrap();
    let response = collector.send(request).await;
    let exposed = response.headers()["access-control-expose-headers"].to_str().unwrap().to_owned();
    assert_eq!(response.headers()["access-control-allow-origin"], PAGE);
    assert!(
        ["retry-after", "date"].iter().all(|name| exposed.split(',').any(|other| other.trim() == *name)),
        "{exposed}"
    );
    let wait = response.headers().get("retry-after").map(|value| value.to_str().unwrap().parse().unwrap());
    (answer(response).await, wait)
}

#[tokio::test]
async fn a_full_disk_takes_nothing_and_loses_nothing() {
    let mut collector = Collector::prepared(config(), |store| {
        store.db().pragma_update(None, "max_page_count", 24).unwrap();
    });
    let chains: Vec<_> = (1..60).map(|n| chain(n, 9)).collect();
    let mut acknowledged = Vec::new();
    let mut refused = Vec::new();
    for rows in &chains {
        let (answer, wait) = post_from_page(&collector, rows).await;
        if answer.status == 200 {
            assert_eq!((answer.outcomes(), wait), (vec!["stored"; 9], None));
            acknowledged.extend(rows.clone());
        } else {
            assert_eq!((answer.error(), wait), ((503, "unavailable"), Some(5)));
            refused.push(rows.clone());
        }
    }
    assert!(acknowledged.len() > 9 && refused.len() > 9, "{} taken, {} refused", acknowledged.len(), refused.len());
    acknowledged.sort();
    assert_eq!(collector.rows(), acknowledged, "all of a batch or nothing");
    assert_eq!(collector.post_rows(&chains[0]).await.outcomes(), ["duplicate"; 9], "what needs no room still goes");

    collector.prepare = |_| ();
    collector.restart();
    for rows in &refused {
        assert_eq!(collector.post_rows(rows).await.outcomes(), ["stored"; 9]);
    }
    let report = collector.report();
    assert_eq!((report.verdict, report.chains.len()), (Outcome::Holds, 59));
}

#[tokio::test]
async fn a_locked_store_takes_nothing_and_goes_on_afterwards() {
    let collector = Collector::prepared(config(), |store| {
        store.db().busy_timeout(Duration::from_millis(20)).unwrap();
    });
    let rows = chain(1, 4);
    let other = rusqlite::Connection::open(collector.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = post_from_page(&collector, &rows).await;
    other.execute_batch("COMMIT").unwrap();
    assert_eq!((answer.0.error(), answer.1), ((503, "unavailable"), Some(5)));
    assert!(collector.rows().is_empty());
    assert_eq!(post_from_page(&collector, &rows).await.0.outcomes(), ["stored"; 4]);
}

#[tokio::test]
async fn the_epochs_document_tells_a_page_when_to_come_again_too() {
    let collector = Collector::prepared(config(), |store| {
        store.db().busy_timeout(Duration::from_millis(20)).unwrap();
    });
    let other = rusqlite::Connection::open(collector.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let response = collector.get("/v1/epochs").await;
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"5".parse().unwrap()));
    let exposed = &response.headers()["access-control-expose-headers"];
    assert!(exposed.to_str().unwrap().contains("retry-after"), "{exposed:?}");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(collector.get("/v1/epochs").await.status(), 200);
}

#[tokio::test]
async fn what_all_senders_together_can_make_the_collector_hold_has_a_limit() {
    let collector = Arc::new(Collector::with(config()));
    // A body as large as may be, that arrives but for its end.
    let most = Bytes::from(vec![b' '; 1 << 20]);
    let stuck = || Body::new(Full::new(most.clone()).with_trailers(std::future::pending()));
    let senders: Vec<_> = (0..64)
        .map(|_| {
            let (collector, body) = (collector.clone(), stuck());
            tokio::spawn(async move { drop(collector.post(body).await) })
        })
        .collect();
    for _ in 0..100 {
        tokio::task::yield_now().await; // so that all of them have come as far as they do
    }
    let (answer, wait) = post_from_page(&collector, &chain(1, 2)).await;
    assert_eq!((answer.error(), wait), ((503, "overloaded"), Some(5)));
    assert_eq!(collector.post(vec![b' '; 5 << 20]).await.error(), (413, "body_too_large"), "that would never go");

    senders[0].abort();
    assert!(senders.into_iter().next().unwrap().await.unwrap_err().is_cancelled());
    assert_eq!(post_from_page(&collector, &chain(1, 2)).await.0.outcomes(), ["stored"; 2]);
}
