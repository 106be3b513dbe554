//! Receipts in the answers: what they say, when there is none, and what the store keeps of them.

use super::support::*;
use nymtrail::core::note::{Checkpoint, Note, Signed};
use nymtrail::core::row::Row;
use nymtrail_collector::keys::judge;
use nymtrail_collector::store::{Expected, Store};
use rusqlite::{Connection, params};

/// The receipt in an answer for the chain of these rows, its signature checked.
fn receipt(collector: &Collector, answer: &Answer, rows: &[Row]) -> Option<Checkpoint> {
    let note = Note::parse(answer.body["receipt"].get(&rows[0].chain)?.as_str().unwrap()).unwrap();
    let checkpoint = Checkpoint::parse(&note.text).unwrap();
    assert_eq!(judge(&note, &[collector.vkey()]), Signed::At(NOW / 1000));
    assert_eq!(checkpoint.origin, format!("shop/{}", rows[0].chain));
    Some(checkpoint)
}

/// The receipt must be for these rows exactly.
fn assert_receipted(collector: &Collector, answer: &Answer, rows: &[Row]) {
    let found = receipt(collector, answer, rows).expect("a receipt");
    assert_eq!((found.size, found.root), (rows.len() as u64, root(rows)));
}

/// The store as somebody with access to its file sees it.
fn outside(collector: &Collector) -> Connection {
    Connection::open(collector.path()).unwrap()
}

#[tokio::test]
async fn each_batch_is_receipted_up_to_the_last_row() {
    let (mut collector, rows) = (Collector::new(), chain(1, 23));
    for (from, to) in [(0, 1), (1, 2), (2, 9), (9, 17), (17, 23)] {
        let answer = collector.post_rows(&rows[from..to]).await;
        assert_receipted(&collector, &answer, &rows[..to]);
        collector.restart();
    }
    let sizes: Vec<u64> = outside(&collector)
        .prepare("SELECT size FROM checkpoints ORDER BY size")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(sizes, [1, 2, 9, 17, 23]);
}

#[tokio::test]
async fn a_retry_gets_the_same_receipt_whatever_part_of_the_chain_it_holds() {
    let (collector, rows) = (Collector::new(), chain(1, 9));
    collector.post_rows(&rows[..5]).await;
    let first = collector.post_rows(&rows[5..]).await;
    collector.set_clock(NOW + 60_000);
    for part in [&rows[5..], &rows[..1], &rows[3..6], &rows[..]] {
        let again = collector.post_rows(part).await;
        assert_eq!(again.outcomes(), vec!["duplicate"; part.len()]);
        assert_eq!(again.body["receipt"], first.body["receipt"]);
    }
    let kept: i64 = outside(&collector).query_row("SELECT count(*) FROM checkpoints", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 2);
}

#[tokio::test]
async fn each_chain_of_a_batch_has_its_own() {
    let collector = Collector::new();
    let (one, other) = (chain(1, 4), chain(2, 7));
    let answer = collector.post_rows(&[other.clone(), one.clone()].concat()).await;
    assert_receipted(&collector, &answer, &one);
    assert_receipted(&collector, &answer, &other);
    assert_eq!(answer.body["receipt"].as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_not_taken_is_not_receipted() {
    let (collector, rows) = (Collector::new(), chain(1, 9));
    for sent in [&rows[3..5], &[with(&rows[0], |row| row.t += 1)]] {
        let answer = collector.post_rows(sent).await;
        assert!(answer.body.get("receipt").is_none(), "{}", answer.body);
    }
    let other = chain_of(2, 3, r#"{"dep":"blog","ep":20717,"v":1,"x":"open"}"#);
    assert!(collector.post_rows(&other).await.body.get("receipt").is_none(), "a chain that is refused");
    // A row after one that was refused for good is kept, but the tree ends where the row is missing.
    let bad = with(&rows[4], |row| row.body = Some("{}".into()));
    let answer = collector.post_rows(&[&rows[..4], &[bad], &rows[5..]].concat()).await;
    assert_eq!(answer.outcomes().iter().filter(|word| **word == "stored").count(), 8);
    assert_receipted(&collector, &answer, &rows[..4]);
    let answer = collector.post_rows(&rows[4..5]).await;
    assert_receipted(&collector, &answer, &rows);
}

#[tokio::test]
async fn without_its_first_row_a_chain_has_no_receipt() {
    let (collector, rows) = (Collector::new(), chain(1, 5));
    let bad = with(&rows[0], |row| row.t += 1);
    let answer = collector.post_rows(&[&[bad], &rows[1..]].concat()).await;
    assert_eq!(answer.outcomes(), ["bad_link", "stored", "stored", "stored", "stored"]);
    assert!(answer.body.get("receipt").is_none());
    let answer = collector.post_rows(&rows[..1]).await;
    assert_receipted(&collector, &answer, &rows);
}

#[tokio::test]
async fn erased_or_not_the_tree_is_the_same() {
    let (collector, rows) = (Collector::new(), chain(1, 6));
    let erased: Vec<_> = rows.iter().map(Row::erased).collect();
    let answer = collector.post_rows(&erased[..4]).await;
    assert_receipted(&collector, &answer, &rows[..4]);
    let answer = collector.post_rows(&rows).await;
    assert_receipted(&collector, &answer, &rows);
}

#[tokio::test]
async fn a_store_from_before_there_were_receipts_gets_them_with_the_next_batch() {
    let (mut collector, rows) = (Collector::new(), chain(1, 12));
    collector.post_rows(&rows[..8]).await;
    collector.post_rows(&chain(2, 3)).await;
    let file = outside(&collector);
    file.execute_batch("DROP TABLE checkpoints; PRAGMA user_version = 1").unwrap();
    drop(file);
    let old = Store::read(&collector.path()).unwrap();
    let mut none = true;
    old.each_checkpoint(None, |_, _, _, _| {
        none = false;
        Ok(())
    })
    .unwrap();
    assert!(none, "it can be read as it is");
    drop(old);
    assert_eq!(run(collector.dir.path(), &["verify", "a.db"], b"").0, 0);

    collector.restart();
    let answer = collector.post_rows(&rows[7..8]).await;
    assert_eq!(answer.outcomes(), ["duplicate"]);
    assert_receipted(&collector, &answer, &rows[..8]);
    let answer = collector.post_rows(&rows[8..]).await;
    assert_receipted(&collector, &answer, &rows);
    let (code, out, _) = run(collector.dir.path(), &["verify", "a.db", "--require", "receipted"], b"");
    assert_eq!(code, 3, "the other chain has none yet: {out}");
    collector.post_rows(&chain(2, 1)).await;
    assert_eq!(run(collector.dir.path(), &["verify", "a.db", "--require", "receipted"], b"").0, 0);
}

#[tokio::test]
async fn nothing_is_signed_that_contradicts_what_was_signed() {
    type Change = fn(&Connection, &[Row]);
    let rows = chain(1, 12);
    let rewritten = {
        let mut head = head(&rows[4]);
        let mut all = rows[..5].to_vec();
        all.extend((5..14).map(|n| head.append("{}".into(), format!("{n:032x}"), NOW + n)));
        all
    };
    let changes: [(&str, Change, bool); 6] = [
        ("nothing", |_, _| (), true),
        ("the kept tree gone", |db, _| db.execute_batch("UPDATE checkpoints SET peaks = NULL").unwrap(), true),
        ("the kept tree damaged", |db, _| db.execute_batch("UPDATE checkpoints SET peaks = x'00'").unwrap(), true),
        (
            "the kept tree another",
            |db, _| db.execute_batch("UPDATE checkpoints SET peaks = zeroblob(32)").unwrap(),
            true,
        ),
        ("a link changed", |db, _| db.execute_batch("UPDATE events SET link = chain WHERE seq = 3").unwrap(), true),
        (
            "rewritten, with a tree that fits",
            |db, rewritten| {
                db.execute("DELETE FROM events WHERE seq >= 5", []).unwrap();
                db.execute("UPDATE checkpoints SET peaks = NULL", []).unwrap();
                for row in &rewritten[5..8] {
                    let Row { chain, seq, link, t, salt, body, .. } = row;
                    db.execute(
                        "INSERT INTO events VALUES (?, ?, ?, NULL, ?, ?, NULL, ?)",
                        params![chain, seq, t, salt, body, link],
                    )
                    .unwrap();
                }
            },
            false,
        ),
    ];
    for (what, change, signs) in changes {
        let collector = Collector::new();
        collector.post_rows(&rows[..8]).await;
        change(&outside(&collector), &rewritten);
        let more = if signs { &rows[8..] } else { &rewritten[8..] };
        let answer = collector.post_rows(more).await;
        assert!(answer.outcomes().iter().all(|word| *word == "stored"), "{what}");
        if signs {
            assert_receipted(&collector, &answer, &rows);
        } else {
            assert!(answer.body.get("receipt").is_none(), "{what}");
            assert!(collector.post_rows(&rewritten[..3]).await.body.get("receipt").is_none(), "{what}");
        }
    }
}

#[tokio::test]
async fn a_tail_that_was_deleted_is_receipted_again_only_if_it_comes_back_as_it_was() {
    let rows = chain(1, 8);
    let mut other = rows[..5].to_vec();
    let mut at = head(&rows[4]);
    other.extend((5..8).map(|n| at.append("{}".into(), format!("{n:032x}"), NOW + n)));
    for (back, signs) in [(&rows, true), (&other, false)] {
        let collector = Collector::new();
        collector.post_rows(&rows).await;
        outside(&collector).execute("DELETE FROM events WHERE seq >= 5", []).unwrap();
        let partly = collector.post_rows(&back[5..6]).await;
        assert_eq!(partly.outcomes(), ["stored"]);
        assert!(partly.body.get("receipt").is_none(), "rows that were signed are missing");
        let answer = collector.post_rows(&back[6..]).await;
        assert_eq!(answer.outcomes(), ["stored", "stored"]);
        if signs {
            assert_receipted(&collector, &answer, &rows);
        } else {
            assert!(answer.body.get("receipt").is_none());
        }
    }
}

#[tokio::test]
async fn a_new_key_signs_again_and_a_note_that_was_damaged_is_replaced() {
    let (mut collector, rows) = (Collector::new(), chain(1, 5));
    let first = collector.post_rows(&rows).await;
    let before = collector.vkey();
    std::fs::remove_file(collector.dir.path().join("a.db.key")).unwrap();
    collector.restart();
    assert_ne!(collector.vkey(), before);
    let answer = collector.post_rows(&rows).await;
    assert_receipted(&collector, &answer, &rows);
    assert_ne!(answer.body["receipt"], first.body["receipt"]);
    outside(&collector).execute("UPDATE checkpoints SET note = replace(note, 'shop', 'blog')", []).unwrap();
    let again = collector.post_rows(&rows).await;
    assert_eq!(again.body["receipt"], answer.body["receipt"]);
}

#[tokio::test]
async fn the_public_key_is_shown_and_the_secret_one_nowhere() {
    let collector = Collector::new();
    collector.post_rows(&chain(1, 3)).await;
    let file = std::fs::read_to_string(collector.dir.path().join("a.db.key")).unwrap();
    let secret = file.trim_end().splitn(5, '+').last().unwrap();
    assert_eq!(secret.len(), 44);
    let (code, out, err) = run(collector.dir.path(), &["keys", "show", "--db", "a.db"], b"");
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains(&format!("\n  {}\n", collector.vkey())) && !out.contains(secret), "{out}");
    for name in ["a.db", "a.db-wal"] {
        let bytes = std::fs::read(collector.dir.path().join(name)).unwrap();
        assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{name}");
    }
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(&dir.path().join("a.db"), &Expected::default()).unwrap());
    let (_, out, _) = run(dir.path(), &["keys", "show", "--db", "a.db"], b"");
    assert!(out.contains("no key for receipts yet"), "{out}");
}
