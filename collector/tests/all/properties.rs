//! Whatever one row of a chain suffers, it is found; and when it is sent, only that row is refused.

use super::support::*;
use nymtrail::core::row::Row;
use nymtrail::core::verify::{Class, Outcome};
use nymtrail_collector::ingest::{Batch, take};
use nymtrail_collector::store::{Expected, Store};
use nymtrail_collector::verify::{check_rows, check_store};
use proptest::prelude::*;

/// A change to one row, and whether the row can still be read as one.
fn edit(kind: u8, row: &Row) -> Row {
    with(row, |row| match kind % 4 {
        0 => row.body = row.body.take().map(|body| body.replace("seq", "Seq").replace("dep", "deP")),
        1 => row.t += 1,
        2 => row.salt = Some("0".repeat(32)),
        _ => row.link = "0".repeat(64),
    })
}

fn damaged(rows: &[Row], at: usize, kind: u8) -> Vec<Row> {
    let mut rows = rows.to_vec();
    match kind {
        0..4 => rows[at] = edit(kind, &rows[at]),
        4 => drop(rows.remove(at)),
        5 => {
            // Inserted: a row of the attacker's own, well linked to the one before.
            let row = head(&rows[at - 1]).append("{}".into(), "9".repeat(32), rows[at].t);
            rows.push(row);
        }
        _ => (rows[at - 1].seq, rows[at].seq) = (rows[at].seq, rows[at - 1].seq),
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_damage_to_one_row_is_found_where_it_is(
        sizes in prop::collection::vec(3u64..40, 1..5),
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        kind in 0u8..7,
        seed in any::<u64>(),
    ) {
        let mut chains: Vec<_> = (1..).zip(&sizes).map(|(n, size)| chain(seed.wrapping_add(n), *size)).collect();
        let which = which.index(chains.len());
        // Never the last row: that one gone is what --expect-size is for. Nor the first, which has none before it.
        let at = 1 + at.index(chains[which].len() - 2);
        let hurt = chains[which][0].chain.clone();
        chains[which] = damaged(&chains[which], at, kind);
        let mut lines: Vec<_> = chains.concat().iter().map(|row| row.line() + "\n").collect();
        lines.sort_by_key(|line| line.bytes().fold(seed, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())));

        let report = check_rows(lines.concat().as_bytes()).unwrap().report;
        let (first_bad, class) = match kind {
            4 => (at + 1, Class::Gap),
            5 => (at, Class::Fork),
            6 => (at - 1, Class::BadLink),
            _ => (at, Class::BadLink),
        };
        // Rows 0 and 1 swapped leave a chain whose first row is not the one its id names.
        let class = if kind == 6 && at == 1 { Class::NoGenesis } else { class };
        for found in report.chains {
            if found.chain == hurt {
                prop_assert_eq!((found.first_bad, found.class), (Some(first_bad as u64), Some(class)), "kind {}", kind);
            } else {
                prop_assert_eq!(found.verdict, Outcome::Holds);
            }
        }
    }

    #[test]
    fn a_damaged_row_costs_itself_alone_however_it_arrives(
        size in 3u64..25,
        at in any::<prop::sample::Index>(),
        kind in 0u8..4,
        pieces in prop::collection::vec(1usize..8, 1..30),
        seed in any::<u64>(),
    ) {
        let rows = chain(1, size);
        let at = at.index(rows.len());
        let mut sent = rows.clone();
        sent[at] = edit(kind, &rows[at]);
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("a.db"), &Expected::default()).unwrap();

        // Rows wait in an outbox in a random order and leave in random pieces; a gap goes back to its end.
        let mut outbox = sent.clone();
        outbox.sort_by_key(|row| row.line().bytes().fold(seed, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())));
        let mut refused = Vec::new();
        for piece in pieces.iter().cycle().take(2000) {
            let rows: Vec<_> = outbox.drain(..outbox.len().min(*piece)).collect();
            let text = batch(&rows);
            let batch = Batch::read(text.as_bytes()).unwrap();
            let answer = store.write(|tx| take(tx, &batch)).unwrap();
            for (row, answer) in rows.into_iter().zip(&answer.results) {
                match answer.outcome.map_err(|code| code.as_str()) {
                    Ok(_) => {}
                    Err("gap") => outbox.push(row),
                    Err(code) => refused.push((row.seq, code)),
                }
            }
            if outbox.is_empty() {
                break;
            }
        }
        prop_assert_eq!(refused, [(at as u64, "bad_link")]);
        let mut kept = Vec::new();
        let each = |row: Row| {
            kept.push(row.seq);
            Ok(())
        };
        store.each_row(None, each).unwrap();
        prop_assert_eq!(kept, (0..size).filter(|seq| *seq != at as u64).collect::<Vec<_>>());
    }

    /// Whatever bytes of a batch are changed on the way, nothing panics, and what is kept holds but for missing rows.
    #[test]
    fn a_batch_with_changed_bytes_harms_nothing(
        size in 2u64..8,
        erased in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut rows = chain(1, size);
        let at = erased.index(rows.len());
        rows[at] = rows[at].erased();
        let mut body = batch(&rows).into_bytes();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("a.db"), &Expected::default()).unwrap();
        if let Ok(batch) = Batch::read(&body) {
            let answer = store.write(|tx| take(tx, &batch)).unwrap();
            prop_assert_eq!(answer.results.len(), batch.rows.len());
        }
        for found in check_store(&store).unwrap().chains {
            // After a gap the link can't follow either.
            prop_assert_eq!((found.forks, found.time_back, found.bad_link <= found.gaps + found.no_genesis), (0, 0, true));
        }
    }
}
