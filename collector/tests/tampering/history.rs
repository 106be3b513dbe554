//! Rewritten history: links computed anew by whoever holds the table, and what is done to receipts to hide it.

use super::Level::{Chained, Nobody, Receipted, Signed};
use super::world::{Receipt, Said, World, relink, signer, with, without, without_receipts};
use super::{Class, world::Case};
use nymtrail::core::chain::Head;
use nymtrail::core::note::{Checkpoint, Note, origin};
use nymtrail::core::row::Row;
use nymtrail::core::verify::Class as Damage;
use nymtrail_collector::keys::Signer;

pub const CLASSES: &[Class] = &[
    Class { name: "suffix rewritten, all links anew", level: Signed, make: suffix_rewritten },
    Class { name: "links anew up to the middle", level: Chained, make: half_relinked },
    Class { name: "row taken out, all links anew", level: Signed, make: taken_out },
    Class { name: "row put in, all links anew", level: Signed, make: put_in },
    Class { name: "order changed, all links anew", level: Signed, make: reordered },
    Class { name: "back-dated, all links anew", level: Signed, make: back_dated },
    Class { name: "time set back, all links anew", level: Chained, make: set_back },
    Class { name: "chain rewritten from its first row", level: Receipted, make: begun_otherwise },
    Class { name: "chain invented", level: Receipted, make: invented },
    Class { name: "rows invented at the end", level: Receipted, make: invented_tail },
    Class { name: "erased rows rewritten, all links anew", level: Signed, make: erased_and_rewritten },
    Class { name: "rolled back and grown otherwise", level: Signed, make: rolled_back_and_grown },
    Class { name: "rolled back to a stale checkpoint, newer receipts withheld", level: Nobody, make: stale },
    Class {
        name: "suffix rewritten behind a stale checkpoint, newer receipts withheld",
        level: Receipted,
        make: stale_and_rewritten,
    },
    Class { name: "two heads, both signed", level: Signed, make: two_heads },
    Class {
        name: "a receipt's size changed",
        level: Receipted,
        make: |world| forged(world, |_, point| point.size += 1),
    },
    Class {
        name: "a receipt's root changed",
        level: Receipted,
        make: |world| {
            forged(world, |world, point| point.root.0[world.dice.within(0, 32)] ^= 1 << world.dice.within(0, 8))
        },
    },
    Class { name: "a receipt's signature changed", level: Receipted, make: signature_changed },
    Class { name: "a receipt's time changed", level: Receipted, make: time_changed },
    Class { name: "a receipt replayed for another chain", level: Receipted, make: replayed },
    Class { name: "a receipt by another key", level: Receipted, make: by_another_key },
    Class {
        name: "a receipt by another key of the same name over invented rows",
        level: Signed,
        make: invented_and_signed,
    },
    Class {
        name: "an event put back in place of an erased one",
        level: Chained,
        make: |world| erased(world, |world, row| (row.salt, row.body) = (Some(world.dice.hex(16)), Some(world.body()))),
    },
    Class {
        name: "erased with the commitment of another row",
        level: Chained,
        make: |world| erased(world, |world, row| row.bc = world.chain().pop().unwrap().commitment()),
    },
    Class {
        name: "erased with the commitment of another body",
        level: Chained,
        make: |world| {
            erased(world, |world, row| {
                row.bc = Row { salt: Some(world.dice.hex(16)), body: Some("{}".into()), ..row.clone() }.commitment()
            })
        },
    },
    Class {
        name: "erased and edited",
        level: Chained,
        make: |world| erased(world, |world, row| row.t += 1 + world.dice.next() % 99),
    },
    Class { name: "edited and erased to hide it", level: Chained, make: |world| edited_then_erased(world) },
    Class {
        name: "erased without its commitment",
        level: Chained,
        make: |world| erased(world, |_, row| row.bc = None),
    },
    Class { name: "erased copy of another event added", level: Chained, make: erased_copy },
];

/// The rows from `at` on otherwise than they were, with links that follow.
pub fn rewritten(world: &mut World, rows: &[Row], at: usize) -> Vec<Row> {
    let mut changed = with(rows, at, |row| row.body = Some(world.body()));
    relink(&mut changed, at);
    changed
}

fn suffix_rewritten(world: &mut World) -> Case {
    let (rows, at) = world.chain_and_place();
    let changed = rewritten(world, &rows, at);
    world.unseen(&rows, changed, Said::Rewritten)
}

fn half_relinked(world: &mut World) -> Case {
    let (rows, at) = world.chain_and_place();
    let end = world.dice.within(at + 1, rows.len());
    let changed = rewritten(world, &rows, at);
    let half = [&changed[..end], &rows[end..]].concat();
    world.tampered(&rows, half, end, Damage::BadLink)
}

fn taken_out(world: &mut World) -> Case {
    let (rows, at) = world.chain_and_place();
    let mut left = without(&rows, |n| n == at);
    relink(&mut left, at);
    let mut case = world.unseen(&rows, left, Said::Rewritten);
    // Only a receipt of a size that is still there says so; else rows are missing.
    if !case.receipts.iter().any(|receipt| receipt.size > at && receipt.size < rows.len()) {
        case.expected[0].receipted = Said::Truncated(1);
    }
    // What the device signed last is longer than what is left.
    case.expected[0].signed = Said::Truncated(1);
    case
}

fn put_in(world: &mut World) -> Case {
    let (rows, at) = world.chain_and_place();
    let mut changed = rows.clone();
    changed.insert(at, Row { body: Some(world.body()), ..rows[at].clone() });
    relink(&mut changed, at);
    world.unseen(&rows, changed, Said::Rewritten)
}

fn reordered(world: &mut World) -> Case {
    let (rows, at) = world.chain_and_place();
    let mut changed = rows.clone();
    (changed[at].body, changed[at + 1].body) = (rows[at + 1].body.clone(), rows[at].body.clone());
    // Two events may say the same.
    changed[at].salt = Some(world.dice.hex(16));
    relink(&mut changed, at);
    world.unseen(&rows, changed, Said::Rewritten)
}

fn back_dated(world: &mut World) -> Case {
    let (rows, at) = world.chain_and_place();
    let earlier = rows[at].t - rows[at - 1].t;
    let mut changed = rows.clone();
    changed[at..].iter_mut().for_each(|row| row.t -= earlier);
    relink(&mut changed, at);
    world.unseen(&rows, changed, Said::Rewritten)
}

fn set_back(world: &mut World) -> Case {
    let (rows, at) = world.chain_and_place();
    let mut changed = with(&rows, at, |row| row.t = rows[at - 1].t - 1 - world.dice.next() % 9999);
    relink(&mut changed, at);
    world.tampered(&rows, changed, at, Damage::TimeBack)
}

fn begun_otherwise(world: &mut World) -> Case {
    let rows = world.chain();
    let mut changed = with(&rows, 0, |row| row.t -= 1);
    relink(&mut changed, 0);
    let chain = changed[0].chain.clone();
    let invented = signed_by_its_own(world, &chain, changed);
    world.shown(&rows, Vec::new(), Said::Nothing, Said::Dropped).and(invented)
}

/// Whoever makes up a whole chain makes up its device as well.
fn signed_by_its_own(world: &World, chain: &str, rows: Vec<Row>) -> Case {
    let note = world.device.sign(&rows, rows.len());
    without_receipts(chain, rows, Said::Holds).signed(vec![note], Said::Signed)
}

/// It holds, and is signed, but no receipt says that it ever arrived.
fn invented(world: &mut World) -> Case {
    let rows = world.chain();
    signed_by_its_own(world, &rows[0].chain.clone(), rows)
}

/// What follows the last receipt holds, but is covered by none.
fn invented_tail(world: &mut World) -> Case {
    let rows = world.chain();
    let (mut head, last) = (Head::after(rows[rows.len() - 1].clone()), rows[rows.len() - 1].t);
    let more = (0..world.dice.within(1, 4)).map(|_| head.append(world.body(), world.dice.hex(16), last));
    let longer = [rows.clone(), more.collect()].concat();
    world.unseen(&rows, longer, Said::Holds)
}

fn erased_and_rewritten(world: &mut World) -> Case {
    let (rows, at) = world.chain_and_place();
    let mut changed = with(&rows, at, |row| {
        row.erase();
        row.bc = Some(world.dice.hex(32));
    });
    relink(&mut changed, at);
    world.unseen(&rows, changed, Said::Rewritten)
}

fn rolled_back_and_grown(world: &mut World) -> Case {
    let (rows, at) = world.chain_and_place();
    let mut changed = rows.clone();
    for row in &mut changed[at..] {
        row.body = Some(world.body());
        row.salt = Some(world.dice.hex(16));
    }
    relink(&mut changed, at);
    world.unseen(&rows, changed, Said::Rewritten)
}

/// With the rows cut to the very size of an old receipt, and nobody who kept a newer one, nothing is left that could tell.
fn stale(world: &mut World) -> Case {
    let (rows, at) = world.chain_and_place();
    let mut case = world.unseen(&rows, rows[..at].to_vec(), Said::Receipted);
    case.receipts = vec![world.receipt(&rows, at)];
    case.signed(vec![world.device.sign(&rows, at)], Said::Signed)
}

/// The stale receipt still does not cover what was rewritten behind it.
fn stale_and_rewritten(world: &mut World) -> Case {
    let (rows, at) = world.chain_and_place();
    let changed = rewritten(world, &rows, at);
    let mut case = world.unseen(&rows, changed, Said::Holds);
    case.receipts = vec![world.receipt(&rows, at)];
    case.signed(vec![world.device.sign(&rows, at)], Said::Holds)
}

/// The operator signed two stories of one chain: whichever is shown, the other's receipt contradicts it.
fn two_heads(world: &mut World) -> Case {
    let (rows, at) = world.chain_and_place();
    let other = rewritten(world, &rows, at);
    let mut case = world.unseen(&rows, other.clone(), Said::Rewritten).receipted(Said::Forked);
    case.receipts.push(world.receipt(&other, other.len()));
    case
}

/// An honest chain, with one more note that somebody changed.
fn with_forged(world: &mut World, forge: impl FnOnce(&mut World, Note) -> Note) -> Case {
    let rows = world.chain();
    let mut case = world.honest(&rows, rows.clone()).receipted(Said::Forged);
    let size = world.dice.within(1, rows.len());
    let receipt = world.receipt(&rows, size);
    let note = forge(world, Note::parse(&receipt.note).unwrap()).to_string();
    assert_ne!(note, receipt.note);
    case.receipts.push(Receipt { note, genuine: false, ..receipt });
    case
}

fn forged(world: &mut World, change: impl FnOnce(&mut World, &mut Checkpoint)) -> Case {
    with_forged(world, |world, mut note| {
        let mut point = Checkpoint::parse(&note.text).unwrap();
        change(world, &mut point);
        note.text = point.text();
        note
    })
}

/// A note's one signature begins with the time, 8 bytes.
fn signature_changed(world: &mut World) -> Case {
    with_forged(world, |world, mut note| {
        note.signatures[0].bytes[world.dice.within(8, 72)] ^= 1 << world.dice.within(0, 8);
        note
    })
}

fn time_changed(world: &mut World) -> Case {
    with_forged(world, |world, mut note| {
        note.signatures[0].bytes[world.dice.within(2, 8)] ^= 1 << world.dice.within(0, 8);
        note
    })
}

/// The origin is signed as well, so a receipt is for one chain alone.
fn replayed(world: &mut World) -> Case {
    let other = world.chain();
    let case = forged(world, |_, point| point.origin = origin("shop", &other[0].chain));
    let (rows, more) = (case.expected[0].chain.clone(), world.honest(&other, other.clone()).receipted(Said::Forged));
    let mut case = case.and(more);
    // Nothing is wrong with the chain that it was taken from.
    case.expected.iter_mut().filter(|expected| expected.chain == rows).for_each(|it| it.receipted = Said::Receipted);
    case
}

/// Anybody can write a note. It raises nothing, and is said to be unchecked.
fn by_another_key(world: &mut World) -> Case {
    let rows = world.chain();
    let name = ["shop", "blog"][world.dice.within(0, 2)];
    world.signer = Signer::new(name, &[world.dice.next() as u8 | 8; 32]);
    let receipts = vec![world.receipt(&rows, rows.len())];
    let receipts = receipts.into_iter().map(|receipt| Receipt { genuine: false, ..receipt }).collect();
    let case = signed_by_its_own(world, &rows[0].chain.clone(), rows);
    Case { receipts, unchecked: 1, ..case }
}

fn invented_and_signed(world: &mut World) -> Case {
    let (rows, at) = world.chain_and_place();
    let changed = rewritten(world, &rows, at);
    world.signer = Signer::new("shop", &[world.dice.next() as u8 | 8; 32]);
    let own = Receipt { genuine: false, ..world.receipt(&changed, changed.len()) };
    world.signer = signer();
    let mut case = world.unseen(&rows, changed, Said::Rewritten);
    case.receipts.push(own);
    case.unchecked = 1;
    case
}

fn erased(world: &mut World, change: impl FnOnce(&mut World, &mut Row)) -> Case {
    let rows = world.chain();
    let at = world.dice.within(0, rows.len());
    let changed = with(&rows, at, |row| {
        row.erase();
        change(world, row);
    });
    world.tampered(&rows, changed, at, Damage::BadLink)
}

fn edited_then_erased(world: &mut World) -> Case {
    let rows = world.chain();
    let at = world.dice.within(0, rows.len());
    let changed = with(&rows, at, |row| {
        row.body = Some(world.body());
        row.erase();
    });
    world.tampered(&rows, changed, at, Damage::BadLink)
}

/// Beside the event itself; only the erased copy of that very event counts as one with it.
fn erased_copy(world: &mut World) -> Case {
    let rows = world.chain();
    let at = world.dice.within(0, rows.len());
    let copy = Row { bc: Some(world.dice.hex(32)), ..rows[at].erased() };
    let both = [rows.clone(), vec![copy]].concat();
    world.tampered(&rows, both, at, Damage::Fork)
}
