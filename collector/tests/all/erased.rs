//! Events that were erased where they were made: their rows come with the commitment in place of body and salt.

use super::support::*;
use nymtrail::core::row::Row;
use nymtrail::core::verify::Outcome;

type Change = fn(&mut Row);

/// The chain with these rows erased.
fn erased(rows: &[Row], which: &[usize]) -> Vec<Row> {
    rows.iter().enumerate().map(|(at, row)| if which.contains(&at) { row.erased() } else { row.clone() }).collect()
}

#[tokio::test]
async fn an_erased_row_is_stored_and_the_chain_goes_on() {
    for which in [vec![1], vec![0], vec![3], vec![1, 2], vec![0, 1, 2, 3]] {
        let (mut collector, rows) = (Collector::new(), chain(1, 5));
        let sent = erased(&rows, &which);
        assert_eq!(collector.post_rows(&sent[..4]).await.outcomes(), ["stored"; 4], "{which:?}");
        collector.restart();
        assert_eq!(collector.post_rows(&sent[4..]).await.outcomes(), ["stored"], "{which:?}");
        assert_eq!(collector.rows(), sent);
        let report = collector.report();
        assert_eq!((report.verdict, report.chains[0].erased), (Outcome::Holds, which.len() as u64));
    }
}

#[tokio::test]
async fn the_full_row_after_the_erased_one_is_a_duplicate_and_does_not_bring_the_event_back() {
    let (collector, rows) = (Collector::new(), chain(1, 4));
    let sent = erased(&rows, &[0, 1, 3]);
    assert_eq!(collector.post_rows(&sent).await.outcomes(), ["stored"; 4]);
    let answer = collector.post_rows(&rows).await;
    assert_eq!((answer.status.as_u16(), answer.outcomes()), (200, vec!["duplicate"; 4]));
    assert_eq!(collector.post_rows(&sent).await.outcomes(), ["duplicate"; 4]);
    assert_eq!(collector.rows(), sent);
}

#[tokio::test]
async fn the_erased_row_after_the_full_one_is_a_duplicate_and_does_not_erase_it() {
    let (collector, rows) = (Collector::new(), chain(1, 4));
    assert_eq!(collector.post_rows(&rows).await.outcomes(), ["stored"; 4]);
    let answer = collector.post_rows(&erased(&rows, &[0, 1, 2, 3])).await;
    assert_eq!((answer.status.as_u16(), answer.outcomes()), (200, vec!["duplicate"; 4]));
    assert_eq!(collector.rows(), rows);
}

#[tokio::test]
async fn both_in_one_batch_are_one_event_and_the_first_counts() {
    let rows = chain(1, 4);
    for (sent, kept) in [
        ([&rows[0], &rows[1], &rows[1].erased(), &rows[2]], rows[..3].to_vec()),
        ([&rows[0], &rows[1].erased(), &rows[1], &rows[2]], erased(&rows[..3], &[1])),
    ] {
        let collector = Collector::new();
        let answer = collector.post_rows(&sent.map(Row::clone)).await;
        assert_eq!(answer.outcomes(), ["stored", "stored", "duplicate", "stored"]);
        assert_eq!(collector.rows(), kept);
    }
}

#[tokio::test]
async fn an_erased_row_waits_for_the_one_before_it_and_fills_a_hole_like_any_other() {
    let (collector, rows) = (Collector::new(), chain(1, 5));
    let sent = erased(&rows, &[2, 3]);
    assert_eq!(collector.post_rows(&sent[2..]).await.outcomes(), ["gap"; 3]);
    // The row itself was damaged on its way; what follows is kept, and what was erased since fits in.
    let damaged = with(&rows[2], |row| row.body = Some("{}".into()));
    let first = [&rows[..2], &[damaged], &sent[3..]].concat();
    assert_eq!(collector.post_rows(&first).await.outcomes(), ["stored", "stored", "bad_link", "stored", "stored"]);
    assert_eq!(collector.post_rows(&sent[2..3]).await.outcomes(), ["stored"]);
    assert_eq!(collector.rows(), sent);
    assert_eq!(collector.report().verdict, Outcome::Holds);
}

#[tokio::test]
async fn an_erased_row_of_another_event_is_a_fork() {
    let rows = chain(1, 4);
    let changes: [Change; 3] = [|row| row.bc = Some("0".repeat(64)), |row| row.t += 1, |row| row.link = "0".repeat(64)];
    for change in changes {
        let collector = Collector::new();
        collector.post_rows(&rows[..3]).await;
        let other = with(&rows[1].erased(), change);
        assert_eq!(collector.post_rows(&[other]).await.outcomes(), ["fork"]);
        assert_eq!(collector.rows(), rows[..3]);
    }
    let other = head(&rows[0]).append("{}".into(), "0".repeat(32), NOW + 1);
    let collector = Collector::new();
    collector.post_rows(&erased(&rows, &[1])).await;
    assert_eq!(
        collector.post_rows(std::slice::from_ref(&other)).await.outcomes(),
        ["fork"],
        "a full one in place of an erased one"
    );
    assert_eq!(collector.post_rows(&[other.erased()]).await.outcomes(), ["fork"], "one erased in place of another");
}

#[tokio::test]
async fn an_erased_row_that_does_not_follow_costs_itself_alone() {
    let rows = chain(1, 4);
    let changes: [(&str, Change); 5] = [
        ("bad_link", |row| row.bc = Some("0".repeat(64))),
        ("bad_link", |row| row.t += 1),
        ("malformed_row", |row| row.bc = Some("short".into())),
        ("malformed_row", |row| row.bc = None),
        ("malformed_row", |row| row.salt = Some("0".repeat(32))),
    ];
    for (code, change) in changes {
        let collector = Collector::new();
        let sent = [&rows[..1], &[with(&rows[1].erased(), change)], &rows[2..]].concat();
        assert_eq!(collector.post_rows(&sent).await.outcomes(), ["stored", code, "stored", "stored"]);
    }
    let both = with(&rows[1], |row| row.bc = row.commitment());
    assert_eq!(Collector::new().post_rows(&[rows[0].clone(), both]).await.outcomes(), ["stored", "malformed_row"]);
}
