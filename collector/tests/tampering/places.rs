//! Whole rows in other places: swapped, dropped, inserted, forked, spliced into other chains.

use super::Level::{Chained, Receipted, Signed};
use super::world::{Said, World, bad_link_at, relink, with, without};
use super::{Class, world::Case};
use nymtrail::core::chain::Head;
use nymtrail::core::row::Row;
use nymtrail::core::verify::Class as Damage;

pub const CLASSES: &[Class] = &[
    Class {
        name: "two neighbours swapped",
        level: Chained,
        make: |world| swapped(world, true, |a, b| std::mem::swap(&mut a.seq, &mut b.seq)),
    },
    Class {
        name: "two distant rows swapped",
        level: Chained,
        make: |world| swapped(world, false, |a, b| std::mem::swap(&mut a.seq, &mut b.seq)),
    },
    Class { name: "two events swapped", level: Chained, make: events_swapped },
    Class { name: "two times swapped", level: Chained, make: times_swapped },
    Class {
        name: "two links swapped",
        level: Chained,
        make: |world| swapped(world, false, |a, b| std::mem::swap(&mut a.link, &mut b.link)),
    },
    Class { name: "head dropped", level: Chained, make: head_dropped },
    Class { name: "a row in the middle dropped", level: Chained, make: |world| middle_dropped(world, false) },
    Class { name: "rows in the middle dropped", level: Chained, make: |world| middle_dropped(world, true) },
    Class { name: "every other row dropped", level: Chained, make: others_dropped },
    Class { name: "all but the last row dropped", level: Chained, make: all_but_last_dropped },
    Class { name: "tail dropped", level: Signed, make: tail_dropped },
    Class { name: "whole chain dropped", level: Receipted, make: chain_dropped },
    Class { name: "row inserted and linked", level: Chained, make: inserted },
    Class { name: "row put in place of another and linked", level: Chained, make: replaced },
    Class { name: "copy of a row with another body", level: Chained, make: copied },
    Class { name: "forked into two branches", level: Chained, make: forked },
    Class { name: "forked at the last row", level: Chained, make: forked_at_the_end },
    Class { name: "row of another chain in place of one", level: Chained, make: |world| spliced(world, false) },
    Class { name: "suffix of another chain in place of its own", level: Chained, make: |world| spliced(world, true) },
    Class { name: "row of another chain added", level: Chained, make: foreign_row_added },
    Class { name: "row swapped with another chain", level: Chained, make: swapped_between_chains },
    Class { name: "two chains under one id", level: Chained, make: merged },
    Class { name: "two chains under each other's id", level: Chained, make: ids_swapped },
    Class { name: "chain begun anew in its middle", level: Chained, make: begun_anew },
];

fn two_places(world: &mut World, rows: &[Row], neighbours: bool) -> (usize, usize) {
    let one = world.dice.within(0, rows.len() - 1);
    (one, if neighbours { one + 1 } else { world.dice.within(one + 1, rows.len()) })
}

fn swapped(world: &mut World, neighbours: bool, swap: impl FnOnce(&mut Row, &mut Row)) -> Case {
    let rows = world.chain();
    let (one, other) = two_places(world, &rows, neighbours);
    let mut changed = rows.clone();
    if let Ok([one, other]) = changed.get_disjoint_mut([one, other]) {
        swap(one, other);
    }
    world.tampered(&rows, changed, one, bad_link_at(one))
}

/// Salts go with the bodies, so that only the place is another.
fn events_swapped(world: &mut World) -> Case {
    let rows = world.chain();
    let (one, other) = two_places(world, &rows, false);
    let mut changed = rows.clone();
    (changed[one].body, changed[one].salt) = (rows[other].body.clone(), rows[other].salt.clone());
    (changed[other].body, changed[other].salt) = (rows[one].body.clone(), rows[one].salt.clone());
    world.tampered(&rows, changed, one, Damage::BadLink)
}

fn times_swapped(world: &mut World) -> Case {
    let rows = world.chain();
    let (one, other) = two_places(world, &rows, false);
    let mut changed = rows.clone();
    (changed[one].t, changed[other].t) = (rows[other].t, rows[one].t);
    world.tampered(&rows, changed, one, Damage::BadLink)
}

fn head_dropped(world: &mut World) -> Case {
    let (rows, at) = world.chain_and_place();
    world.tampered(&rows, rows[at..].to_vec(), at, Damage::NoGenesis)
}

fn all_but_last_dropped(world: &mut World) -> Case {
    let rows = world.chain();
    let last = rows.len() - 1;
    world.tampered(&rows, rows[last..].to_vec(), last, Damage::NoGenesis)
}

fn middle_dropped(world: &mut World, several: bool) -> Case {
    let (rows, at) = world.chain_and_place();
    let end = if several { world.dice.within(at + 1, rows.len()) } else { at + 1 };
    let left = without(&rows, |n| (at..end).contains(&n));
    world.tampered(&rows, left, end, Damage::Gap)
}

fn others_dropped(world: &mut World) -> Case {
    let rows = world.chain();
    let left = without(&rows, |n| n % 2 == 1);
    world.tampered(&rows, left, 2, Damage::Gap)
}

fn tail_dropped(world: &mut World) -> Case {
    let rows = world.chain();
    let left = world.dice.within(1, rows.len());
    world.unseen(&rows, rows[..left].to_vec(), Said::Truncated((rows.len() - left) as u64))
}

fn chain_dropped(world: &mut World) -> Case {
    let rows = world.chain();
    world.shown(&rows, Vec::new(), Said::Nothing, Said::Dropped)
}

/// A row of the attacker's own, rightly linked to the one before this place.
fn own_row(world: &mut World, rows: &[Row], at: usize) -> Row {
    Head::after(rows[at - 1].clone()).append(world.body(), world.dice.hex(16), rows[at].t)
}

fn inserted(world: &mut World) -> Case {
    let (rows, at) = world.chain_and_place();
    let mut changed = rows.clone();
    changed.push(own_row(world, &rows, at));
    world.tampered(&rows, changed, at, Damage::Fork)
}

/// It follows from the row before, so the damage shows one row on.
fn replaced(world: &mut World) -> Case {
    let (rows, at) = world.chain_and_place();
    let own = own_row(world, &rows, at);
    let changed = with(&rows, at, |row| *row = own);
    world.tampered(&rows, changed, at + 1, Damage::BadLink)
}

fn copied(world: &mut World) -> Case {
    let rows = world.chain();
    let at = world.dice.within(0, rows.len());
    let mut changed = rows.clone();
    changed.push(Row { body: Some(world.body()), ..rows[at].clone() });
    world.tampered(&rows, changed, at, Damage::Fork)
}

/// The other branch, from this place on.
fn branch(world: &mut World, rows: &[Row], at: usize) -> Vec<Row> {
    let mut branch = with(rows, at, |row| row.body = Some(world.body()));
    relink(&mut branch, at);
    branch[at..].to_vec()
}

fn forked(world: &mut World) -> Case {
    let (rows, at) = world.chain_and_place();
    let both = [rows.clone(), branch(world, &rows, at)].concat();
    world.tampered(&rows, both, at, Damage::Fork)
}

fn forked_at_the_end(world: &mut World) -> Case {
    let rows = world.chain();
    let last = rows.len() - 1;
    let both = [rows.clone(), branch(world, &rows, last)].concat();
    world.tampered(&rows, both, last, Damage::Fork)
}

/// Two honest chains of one length, and a place in them.
fn two_chains(world: &mut World) -> (Vec<Row>, Vec<Row>, usize) {
    let (one, mut other) = (world.chain(), world.chain_of(13, 14));
    other.truncate(one.len());
    let at = world.dice.within(0, one.len());
    (one, other, at)
}

fn under(chain: &str, rows: &[Row]) -> Vec<Row> {
    rows.iter().map(|row| Row { chain: chain.into(), ..row.clone() }).collect()
}

fn spliced(world: &mut World, all: bool) -> Case {
    let (one, other, at) = two_chains(world);
    let end = if all { one.len() } else { at + 1 };
    let foreign = under(&one[0].chain, &other[at..end]);
    let changed = [&one[..at], &foreign, &one[end..]].concat();
    let untouched = world.honest(&other, other.clone());
    world.tampered(&one, changed, at, bad_link_at(at)).and(untouched)
}

fn foreign_row_added(world: &mut World) -> Case {
    let (one, other, at) = two_chains(world);
    let both = [&one[..], &under(&one[0].chain, &other[at..=at])].concat();
    let untouched = world.honest(&other, other.clone());
    world.tampered(&one, both, at, Damage::Fork).and(untouched)
}

fn swapped_between_chains(world: &mut World) -> Case {
    let (one, other, at) = two_chains(world);
    let damage = |world: &mut World, one: &[Row], other: &[Row]| {
        let foreign = under(&one[0].chain, &other[at..=at]).remove(0);
        let changed = with(one, at, |row| *row = foreign);
        world.tampered(one, changed, at, bad_link_at(at))
    };
    let first = damage(world, &one, &other);
    first.and(damage(world, &other, &one))
}

fn merged(world: &mut World) -> Case {
    let (one, other, _) = two_chains(world);
    let both = [&one[..], &under(&one[0].chain, &other)].concat();
    let gone = world.shown(&other, Vec::new(), Said::Nothing, Said::Dropped);
    world.tampered(&one, both, 0, Damage::Fork).and(gone)
}

fn ids_swapped(world: &mut World) -> Case {
    let (one, other, _) = two_chains(world);
    let first = world.tampered(&one, under(&one[0].chain, &other), 0, Damage::NoGenesis);
    first.and(world.tampered(&other, under(&other[0].chain, &one), 0, Damage::NoGenesis))
}

/// A row in the middle made out to be a first one.
fn begun_anew(world: &mut World) -> Case {
    let (rows, at) = world.chain_and_place();
    let mut left = rows[at..].to_vec();
    left[0].gprev = Some(rows[at - 1].link.clone());
    world.tampered(&rows, left, at, Damage::NoGenesis)
}
