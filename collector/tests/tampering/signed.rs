//! What is done to the checkpoints that devices sign, and to their keys.

use super::Level::{Chained, Receipted, Signed};
use super::device::Device;
use super::history::rewritten;
use super::world::{Said, World, relink, with, without_receipts};
use super::{Class, world::Case};
use nymtrail::core::note::{Checkpoint, Note};
use nymtrail::core::row::Row;
use nymtrail::core::verify::Class as Damage;

pub const CLASSES: &[Class] = &[
    Class { name: "tail dropped after a checkpoint", level: Signed, make: tail_dropped },
    Class { name: "suffix rewritten before a checkpoint", level: Signed, make: suffix_rewritten },
    Class { name: "suffix rewritten, and signed by a foreign key", level: Signed, make: |world| foreign(world, true) },
    Class {
        name: "suffix rewritten, signed by a foreign key, the device's own notes withheld",
        level: Receipted,
        make: |world| foreign(world, false),
    },
    Class { name: "two heads, both signed by the device", level: Signed, make: two_heads },
    Class {
        name: "a checkpoint's size changed",
        level: Signed,
        make: |world| forged(world, |_, point| point.size += 1),
    },
    Class {
        name: "a checkpoint's root changed",
        level: Signed,
        make: |world| {
            forged(world, |world, point| point.root.0[world.dice.within(0, 32)] ^= 1 << world.dice.within(0, 8))
        },
    },
    Class { name: "a checkpoint's signature changed", level: Signed, make: signature_changed },
    Class { name: "a checkpoint of another chain", level: Signed, make: of_another_chain },
    Class { name: "a stale checkpoint, newer ones withheld", level: Receipted, make: stale },
    Class { name: "suffix rewritten behind a stale checkpoint, newer ones withheld", level: Receipted, make: behind },
    Class { name: "a key replaced in the first row", level: Chained, make: key_replaced },
    Class { name: "a key taken out of the first row", level: Chained, make: key_taken_out },
    Class {
        name: "a key replaced in the first row, all links anew",
        level: Receipted,
        make: key_replaced_and_relinked,
    },
];

/// One device in eight has no Ed25519.
fn device(world: &mut World) {
    // Small enough for P-256, whose order begins with `ff`, and none of the other seeds here.
    let seed = world.dice.next() as u8 & 0x7f | 16;
    world.device = if world.dice.chance(8) { Device::es256(seed) } else { Device::ed25519(seed) };
}

/// A chain of such a device, and a place in it.
fn chain(world: &mut World) -> (Vec<Row>, usize) {
    device(world);
    world.chain_and_place()
}

/// What the device signed of these rows: at each of these sizes.
fn notes(world: &World, rows: &[Row], sizes: &[usize]) -> Vec<String> {
    sizes.iter().map(|size| world.device.sign(rows, *size)).collect()
}

fn tail_dropped(world: &mut World) -> Case {
    let (rows, left) = chain(world);
    let said = Said::Truncated((rows.len() - left) as u64);
    let notes = notes(world, &rows, &[left, rows.len()]);
    world.unseen(&rows, rows[..left].to_vec(), said).signed(notes, said)
}

fn suffix_rewritten(world: &mut World) -> Case {
    let (rows, at) = chain(world);
    let size = world.dice.within(at + 1, rows.len() + 1);
    let (changed, notes) = (rewritten(world, &rows, at), notes(world, &rows, &[at, size]));
    world.unseen(&rows, changed, Said::Rewritten).signed(notes, Said::Rewritten)
}

/// Its note is by nobody that the chain knows. It raises nothing, and is said to be unchecked.
fn foreign(world: &mut World, is_own_there: bool) -> Case {
    let (rows, at) = chain(world);
    let changed = rewritten(world, &rows, at);
    let mut notes = if is_own_there { notes(world, &rows, &[rows.len()]) } else { Vec::new() };
    notes.push(Device::ed25519(world.dice.next() as u8 & 7).sign(&changed, changed.len()));
    let said = if is_own_there { Said::Rewritten } else { Said::Holds };
    let case = world.unseen(&rows, changed, Said::Rewritten).signed(notes, said);
    Case { keyless: 1, ..case }
}

/// A device that was copied, or restored, went on in two ways: each of them is signed.
fn two_heads(world: &mut World) -> Case {
    let (rows, at) = chain(world);
    let other = rewritten(world, &rows, at);
    let notes = [&rows, &other].map(|rows| world.device.sign(rows, rows.len())).into();
    world.unseen(&rows, other, Said::Rewritten).signed(notes, Said::Forked)
}

/// An honest chain, with one more note that somebody changed.
fn with_forged(world: &mut World, forge: impl FnOnce(&mut World, Note) -> Note) -> Case {
    let (rows, size) = chain(world);
    let genuine = world.device.sign(&rows, size);
    let note = forge(world, Note::parse(&genuine).unwrap()).to_string();
    assert_ne!(note, genuine);
    let notes = vec![world.device.sign(&rows, rows.len()), note];
    // The receipts know nothing of it.
    let mut case = world.honest(&rows, rows.clone()).signed(notes, Said::Forged);
    case.receipts.clear();
    case.receipted(Said::Holds)
}

fn forged(world: &mut World, change: impl FnOnce(&mut World, &mut Checkpoint)) -> Case {
    with_forged(world, |world, mut note| {
        let mut point = Checkpoint::parse(&note.text).unwrap();
        change(world, &mut point);
        note.text = point.text();
        note
    })
}

fn signature_changed(world: &mut World) -> Case {
    with_forged(world, |world, mut note| {
        let bytes = &mut note.signatures[0].bytes;
        let at = world.dice.within(0, bytes.len());
        bytes[at] ^= 1 << world.dice.within(0, 8);
        note
    })
}

/// Of the same device, with everything that is not signed made to fit.
fn of_another_chain(world: &mut World) -> Case {
    with_forged(world, |world, mut note| {
        let (other, size) = world.chain_and_place();
        let signed = Note::parse(&world.device.sign(&other, size)).unwrap();
        let mut point = Checkpoint::parse(&signed.text).unwrap();
        point.origin = Checkpoint::parse(&note.text).unwrap().origin;
        note = Note { text: point.text(), ..signed };
        world.device.claim(note)
    })
}

/// With the rows cut to the very size of an old note, only a receipt is left that could tell.
fn stale(world: &mut World) -> Case {
    let (rows, at) = chain(world);
    let notes = notes(world, &rows, &[at]);
    let said = Said::Truncated((rows.len() - at) as u64);
    world.unseen(&rows, rows[..at].to_vec(), said).signed(notes, Said::Signed)
}

/// The stale note does not cover what follows, so the level is not reached; that is all that it shows.
fn behind(world: &mut World) -> Case {
    let (rows, at) = chain(world);
    let (changed, notes) = (rewritten(world, &rows, at), notes(world, &rows, &[at]));
    world.unseen(&rows, changed, Said::Rewritten).signed(notes, Said::Holds)
}

/// Whoever replaces the key could sign anything, if it counted.
fn key_replaced(world: &mut World) -> Case {
    first_row_changed(world, |_, row| {
        row.body = Some(Device::ed25519(8).opening());
        Some(Device::ed25519(8))
    })
}

fn key_taken_out(world: &mut World) -> Case {
    first_row_changed(world, |_, row| {
        row.body = Some(r#"{"dep":"shop","ep":20717,"v":1,"x":"open"}"#.into());
        None
    })
}

fn first_row_changed(world: &mut World, change: impl FnOnce(&mut World, &mut Row) -> Option<Device>) -> Case {
    let (rows, _) = chain(world);
    let mut other = None;
    let changed = with(&rows, 0, |row| other = change(world, row));
    let mut case = world.tampered(&rows, changed, 0, Damage::BadLink);
    case.notes.extend(other.map(|device| device.sign(&rows, rows.len())));
    case.keyless = case.notes.len() as u64;
    case
}

/// With the first row the chain's id changes, so it is another chain, and its device another device. What the first device
/// signed is of a chain that is not there, whose key nobody knows any more.
fn key_replaced_and_relinked(world: &mut World) -> Case {
    let (rows, _) = chain(world);
    let other = Device::ed25519(8);
    let mut changed = with(&rows, 0, |row| row.body = Some(other.opening()));
    relink(&mut changed, 0);
    let (chain, note) = (changed[0].chain.clone(), other.sign(&changed, changed.len()));
    let invented = without_receipts(&chain, changed, Said::Holds).signed(vec![note], Said::Signed);
    world.shown(&rows, Vec::new(), Said::Nothing, Said::Dropped).and(invented)
}
