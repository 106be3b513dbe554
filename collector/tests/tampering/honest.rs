//! What honest systems do to honest chains. None of it may raise anything.

use super::Level::Honest;
use super::world::{Said, World};
use super::{Class, world::Case};
use nymtrail::core::chain::Head;
use nymtrail::core::row::Row;

pub const CLASSES: &[Class] = &[
    Class { name: "as it was written", level: Honest, make: |world| shown(world, |_, rows| rows) },
    Class { name: "of one row", level: Honest, make: of_one_row },
    Class {
        name: "some events erased",
        level: Honest,
        make: |world| {
            shown(world, |world, rows| {
                rows.into_iter().map(|row| if world.dice.chance(3) { row.erased() } else { row }).collect()
            })
        },
    },
    Class {
        name: "all events erased",
        level: Honest,
        make: |world| shown(world, |_, rows| rows.iter().map(Row::erased).collect()),
    },
    Class { name: "rows delivered twice", level: Honest, make: |world| shown(world, twice) },
    Class { name: "batches sent again", level: Honest, make: |world| shown(world, sent_again) },
    Class { name: "re-ordered in transit", level: Honest, make: |world| shown(world, re_ordered) },
    Class { name: "several lanes", level: Honest, make: lanes },
    Class { name: "begun anew after a 409", level: Honest, make: after_conflict },
    Class { name: "clock set back on the device", level: Honest, make: clock_set_back },
    Class { name: "receipts kept twice", level: Honest, make: receipts_twice },
    Class { name: "half erased", level: Honest, make: half_erased },
    Class {
        name: "commitments kept beside the bodies",
        level: Honest,
        make: |world| shown(world, |_, rows| rows.into_iter().map(|row| Row { bc: row.commitment(), ..row }).collect()),
    },
    Class { name: "came whole and erased", level: Honest, make: |world| shown(world, whole_and_erased) },
];

fn shown(world: &mut World, show: impl FnOnce(&mut World, Vec<Row>) -> Vec<Row>) -> Case {
    let rows = world.chain();
    let shown = show(world, rows.clone());
    world.honest(&rows, shown)
}

fn of_one_row(world: &mut World) -> Case {
    let rows = world.chain_of(1, 2);
    world.honest(&rows, rows.clone())
}

fn twice(world: &mut World, mut rows: Vec<Row>) -> Vec<Row> {
    let again: Vec<_> = rows.iter().filter(|_| world.dice.chance(2)).cloned().collect();
    rows.extend(again);
    rows
}

fn sent_again(world: &mut World, rows: Vec<Row>) -> Vec<Row> {
    let mut delivered = Vec::new();
    for batch in rows.chunks(world.dice.within(1, 5)) {
        (0..world.dice.within(1, 4)).for_each(|_| delivered.extend_from_slice(batch));
    }
    delivered
}

fn re_ordered(world: &mut World, mut rows: Vec<Row>) -> Vec<Row> {
    world.dice.shuffle(&mut rows);
    rows
}

fn whole_and_erased(world: &mut World, rows: Vec<Row>) -> Vec<Row> {
    let copies: Vec<_> = rows.iter().filter(|_| world.dice.chance(3)).map(Row::erased).collect();
    [rows, copies].concat()
}

/// Tabs of one page, each with a chain of its own, whose rows arrive mixed.
fn lanes(world: &mut World) -> Case {
    let count = world.dice.within(2, 5);
    let mut case = (0..count).map(|_| shown(world, |_, rows| rows)).reduce(Case::and).unwrap_or_default();
    world.dice.shuffle(&mut case.rows);
    case
}

/// A device restored from a backup went on with other rows, was answered 409, and began a new chain with them.
fn after_conflict(world: &mut World) -> Case {
    let (before, after) = (world.chain(), world.chain());
    let first = world.honest(&before, before.clone());
    first.and(world.honest(&after, after.clone()))
}

fn clock_set_back(world: &mut World) -> Case {
    let mut rows = world.chain();
    let mut head = Head::after(rows[rows.len() - 1].clone());
    for _ in 0..3 {
        let now = head.t - world.dice.next() % 1_000_000;
        rows.push(head.append(world.body(), world.dice.hex(16), now));
    }
    world.honest(&rows, rows.clone())
}

fn receipts_twice(world: &mut World) -> Case {
    let mut case = shown(world, |_, rows| rows);
    case.receipts.extend(case.receipts.clone());
    case.notes.extend(case.notes.clone());
    case
}

/// Not damage, but counted: the salt is to go as well.
fn half_erased(world: &mut World) -> Case {
    let rows = world.chain();
    let at = world.dice.within(0, rows.len());
    let mut shown = rows.clone();
    shown[at] = Row { salt: rows[at].salt.clone(), ..rows[at].erased() };
    let case = world.unseen(&rows, shown, Said::Receipted);
    Case { half_erased: 1, ..case }
}
