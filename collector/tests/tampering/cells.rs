//! Changes to one row: each column edited, bits flipped, bytes moved from one column to another.

use super::Level::Chained;
use super::world::{Said, World, bad_link_at, with, without_receipts};
use super::{Class, world::Case};
use nymtrail::core::row::{MAX_INTEGER, Row};
use nymtrail::core::verify::Class as Damage;

pub const CLASSES: &[Class] = &[
    Class {
        name: "body edited",
        level: Chained,
        make: |world| edit(world, |world, row| row.body = Some(world.body())),
    },
    Class { name: "body emptied", level: Chained, make: |world| edit(world, |_, row| row.body = Some(String::new())) },
    Class { name: "body written anew with the same meaning", level: Chained, make: reserialised },
    Class { name: "body taken out", level: Chained, make: |world| edit(world, |_, row| row.body = None) },
    Class {
        name: "body and salt taken out",
        level: Chained,
        make: |world| edit(world, |_, row| (row.body, row.salt) = (None, None)),
    },
    Class {
        name: "salt edited",
        level: Chained,
        make: |world| edit(world, |world, row| row.salt = Some(world.dice.hex(16))),
    },
    Class { name: "salt taken out", level: Chained, make: |world| edit(world, |_, row| row.salt = None) },
    Class { name: "salt in capitals", level: Chained, make: capitals },
    Class {
        name: "time set forward",
        level: Chained,
        make: |world| edit(world, |world, row| row.t += 1 + world.dice.next() % 9999),
    },
    Class {
        name: "time set back",
        level: Chained,
        make: |world| edit(world, |world, row| row.t -= 1 + world.dice.next() % 9999),
    },
    Class {
        name: "link edited",
        level: Chained,
        make: |world| edit_link(world, |world, link| world.dice.change_a_digit(link)),
    },
    Class { name: "link in capitals", level: Chained, make: |world| edit_link(world, |_, link| link.to_uppercase()) },
    Class { name: "seq set to an earlier one", level: Chained, make: seq_earlier },
    Class {
        name: "seq set beyond the end",
        level: Chained,
        make: |world| seq_beyond(world, |world| world.dice.next() % 100),
    },
    Class { name: "seq as large as it gets", level: Chained, make: |world| seq_beyond(world, |_| MAX_INTEGER) },
    Class { name: "chain of one row edited", level: Chained, make: chain_of_one },
    Class { name: "chain of all rows edited", level: Chained, make: chain_of_all },
    Class {
        name: "gprev edited",
        level: Chained,
        make: |world| genesis(world, |world, row| row.gprev = Some(world.dice.hex(32))),
    },
    Class { name: "gprev taken out", level: Chained, make: |world| genesis(world, |_, row| row.gprev = None) },
    Class {
        name: "bc of an erased row edited",
        level: Chained,
        make: |world| erased(world, |world, row| row.bc = Some(world.dice.hex(32))),
    },
    Class {
        name: "a bit of body flipped",
        level: Chained,
        make: |world| edit(world, |world, row| row.body = row.body.as_deref().map(|body| world.dice.flip(body))),
    },
    Class {
        name: "a bit of salt flipped",
        level: Chained,
        make: |world| edit(world, |world, row| row.salt = row.salt.as_deref().map(|salt| world.dice.flip(salt))),
    },
    Class {
        name: "a bit of t flipped",
        level: Chained,
        make: |world| edit(world, |world, row| row.t ^= 1 << world.dice.within(0, 50)),
    },
    Class {
        name: "a bit of link flipped",
        level: Chained,
        make: |world| edit_link(world, |world, link| world.dice.flip(link)),
    },
    Class { name: "a bit of seq flipped", level: Chained, make: seq_flipped },
    Class {
        name: "a bit of bc flipped",
        level: Chained,
        make: |world| erased(world, |world, row| row.bc = row.bc.as_deref().map(|bc| world.dice.flip(bc))),
    },
    Class { name: "bytes moved from body to salt", level: Chained, make: body_to_salt },
    Class { name: "bytes moved from salt to body", level: Chained, make: salt_to_body },
    Class { name: "a digit moved from t to seq", level: Chained, make: t_to_seq },
];

/// One row, any, with something else in it than was linked.
fn edit(world: &mut World, change: impl FnOnce(&mut World, &mut Row)) -> Case {
    let rows = world.chain();
    let at = world.dice.within(0, rows.len());
    let changed = with(&rows, at, |row| change(world, row));
    world.tampered(&rows, changed, at, Damage::BadLink)
}

fn genesis(world: &mut World, change: impl FnOnce(&mut World, &mut Row)) -> Case {
    let rows = world.chain();
    let changed = with(&rows, 0, |row| change(world, row));
    world.tampered(&rows, changed, 0, Damage::BadLink)
}

/// One row that was erased as it should be, and then changed.
fn erased(world: &mut World, change: impl FnOnce(&mut World, &mut Row)) -> Case {
    edit(world, |world, row| {
        row.erase();
        change(world, row);
    })
}

fn edit_link(world: &mut World, change: impl FnOnce(&mut World, &str) -> String) -> Case {
    let rows = world.chain();
    let at = world.dice.within(0, rows.len());
    let changed = with(&rows, at, |row| row.link = change(world, &row.link));
    world.tampered(&rows, changed, at, bad_link_at(at))
}

/// A store that keeps JSON instead of the exact text gives it back like this.
fn reserialised(world: &mut World) -> Case {
    edit(world, |_, row| row.body = row.body.as_ref().map(|body| body.replace("\":", "\": ")))
}

fn capitals(world: &mut World) -> Case {
    edit(world, |_, row| row.salt = row.salt.as_ref().map(|salt| format!("{}A", &salt[..31]).to_uppercase()))
}

/// A row that claims another place: what is found there, and in the place it left.
fn moved(world: &mut World, rows: &[Row], from: usize, to: u64) -> Case {
    let changed = with(rows, from, |row| row.seq = to);
    let (left, there) = (from as u64, to < rows.len() as u64);
    let (at, damage) = if there && (to < left || to == left + 1) {
        (to, Damage::Fork)
    } else if from == 0 {
        (1, Damage::NoGenesis)
    } else if from == rows.len() - 1 {
        (to, Damage::Gap)
    } else {
        (left + 1, Damage::Gap)
    };
    world.tampered(rows, changed, at as usize, damage)
}

fn seq_earlier(world: &mut World) -> Case {
    let (rows, from) = world.chain_and_place();
    let to = world.dice.within(0, from) as u64;
    moved(world, &rows, from, to)
}

fn seq_beyond(world: &mut World, beyond: impl FnOnce(&mut World) -> u64) -> Case {
    let (rows, from) = world.chain_and_place();
    let to = (beyond(world) + rows.len() as u64 + 1).min(MAX_INTEGER);
    moved(world, &rows, from, to)
}

fn seq_flipped(world: &mut World) -> Case {
    let rows = world.chain();
    let from = world.dice.within(0, rows.len());
    let to = from as u64 ^ (1 << world.dice.within(0, 53));
    moved(world, &rows, from, to)
}

fn chain_of_one(world: &mut World) -> Case {
    let (rows, at) = world.chain_and_place();
    let other = world.dice.hex(32);
    let mut changed = rows.clone();
    let row = Row { chain: other.clone(), ..changed.remove(at) };
    let stray = without_receipts(&other, vec![row], Said::Tampered(at as u64, Damage::NoGenesis));
    world.tampered(&rows, changed, at + 1, Damage::Gap).and(stray)
}

fn chain_of_all(world: &mut World) -> Case {
    let rows = world.chain();
    let other = world.dice.hex(32);
    let changed: Vec<_> = rows.iter().map(|row| Row { chain: other.clone(), ..row.clone() }).collect();
    let stray = without_receipts(&other, changed, Said::Tampered(0, Damage::NoGenesis));
    world.shown(&rows, Vec::new(), Said::Nothing, Said::Dropped).and(stray)
}

/// The hash is over the same bytes: only the length of the salt says where it ends.
fn body_to_salt(world: &mut World) -> Case {
    edit(world, |_, row| {
        let (salt, body) = (row.salt.clone().unwrap(), row.body.clone().unwrap());
        let (moved, rest) = body.split_once('|').unwrap_or(body.split_at(body.len() / 2));
        row.salt = Some(format!("{salt}|{moved}"));
        row.body = Some(rest.into());
    })
}

fn salt_to_body(world: &mut World) -> Case {
    edit(world, |world, row| {
        let salt = row.salt.take().unwrap();
        let (kept, moved) = salt.split_at(world.dice.within(0, 32));
        row.body = Some(format!("{moved}|{}", row.body.take().unwrap()));
        row.salt = Some(kept.into());
    })
}

fn t_to_seq(world: &mut World) -> Case {
    let (rows, from) = world.chain_and_place();
    let digits = rows[from].t.to_string();
    let to = format!("{from}{}", &digits[..1]).parse().unwrap();
    let mut case = moved(world, &rows, from, to);
    if let Some(row) = case.rows.iter_mut().find(|row| row.link == rows[from].link) {
        row.t = digits[1..].parse().unwrap();
    }
    case
}
