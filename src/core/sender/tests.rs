use super::*;
use crate::core::{
    chain::{Head, NO_HEAD},
    merkle,
};

struct Zero;
impl Entropy for Zero {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// A chain of so many rows, and a sender that knows of it.
fn chain(rows: u64) -> (Vec<StoredRow>, Sender) {
    let salt = || "00".repeat(16);
    let (mut head, genesis) = Head::open("{}".into(), salt(), &"11".repeat(32), NO_HEAD, 1_000);
    let mut chain = Vec::from([genesis.stored()]);
    (1..rows).for_each(|_| chain.push(head.append("{}".into(), salt(), 1_000).stored()));
    let mut sender = Sender::new(&Config::parse("shop random").unwrap(), &[], 0);
    sender.stored(&head.chain, EpochId::default(), rows - 1, rows, 100, 1_000);
    sender.want(true);
    (chain, sender)
}

/// Nothing was sent so far.
fn wire() -> Wire {
    let mut wire = Wire::default();
    wire.prefer(0, 1_000);
    wire
}

/// Lets the sender read, at most `most` rows at once, until it has a batch.
fn next_batch(sender: &mut Sender, chain: &[StoredRow], most: usize, mut step: Step) -> Batch {
    let wire = &mut wire();
    loop {
        step = match step {
            Step::Read { from, rows, .. } => {
                let lines = chain.iter().skip(from as usize).take(most.min(rows as usize));
                sender.read(lines.map(|row| row.line.clone()).collect(), wire, 9_000)
            }
            Step::Settle { .. } => sender.written(wire, 9_000),
            Step::Wake(at) => sender.step(wire, at),
            Step::Deliver(batch) => return batch,
            other => panic!("{other:?}"),
        };
    }
}

#[test]
fn the_tree_catches_up_with_rows_that_were_settled_before_those_in_front_of_them() {
    let (rows, mut sender) = chain(9);
    let links: Vec<_> = rows.iter().filter_map(|row| Row::parse(&row.line)).map(|row| row.link).collect();
    let links: Vec<_> = links.iter().filter_map(|link| hex::decode(link).map(Hash)).collect();
    let mut steps = Vec::new();
    let mut step = sender.step(&mut wire(), 1_000);
    // Seven rows are read at first, two at a time later: those behind the one that was refused are settled by then.
    for (most, answer) in [(7, "200 arraaaa -"), (2, "200 a -"), (2, "200 a -"), (9, "200 aa -")] {
        let batch = next_batch(&mut sender, &rows, most, step);
        let size = batch.seqs.last().unwrap() + 1;
        assert_eq!(batch.root, Some(merkle::root(&links[..size as usize])), "{:?}", batch.seqs);
        steps.push(batch.seqs);
        step = sender.answered(&Answer::parse(answer), 9_000, &mut Zero);
    }
    assert_eq!(steps, [vec![0, 1, 2, 3, 4, 5, 6], vec![1], vec![2], vec![7, 8]]);
    assert_eq!(sender.targets[0].settled.tree_lags(), None);
}

#[test]
fn a_chain_whose_tree_is_lost_goes_on_without_roots() {
    let (rows, mut sender) = chain(4);
    sender.targets[0].settled = Settled::load("1 0 0 0 0 1 - 0 0 0 1 -");
    let step = sender.step(&mut wire(), 1_000);
    let batch = next_batch(&mut sender, &rows, 9, step);
    assert_eq!((batch.seqs, batch.root), (vec![2, 3], None));
}

/// What a sender does with two lanes until the end of a time, `busy`: with an event of epoch 8 every so many ms: the
/// requests, by time and epoch.
fn requests(end: u64, busy: u64, leisure: u64) -> Vec<(u64, u64)> {
    let (old, _) = chain(3);
    let (mut head, genesis) = Head::open("{}".into(), "00".repeat(16), &"22".repeat(32), NO_HEAD, 1_000);
    let (mut new, mut wire) = (Vec::from([genesis.stored()]), Wire::default());
    let id = |number| EpochId { number, published: true };
    let metas = [(joined(META_LANE, &old[0].chain), "7 1 0".into()), (joined(TOP, &old[0].chain), "2".into())];
    let mut sender = Sender::new(&Config::parse("shop").unwrap(), &metas, leisure);
    wire.prefer(8, 1_000_000);
    let (mut now, mut next, mut found) = (1_000_000, 1_000_000, Vec::new());
    let mut step = sender.step(&mut wire, now);
    while now < end {
        step = match step {
            Step::Read { chain, from, rows, .. } => {
                let rows_of = if chain == head.chain { &new } else { &old };
                let lines = rows_of.iter().skip(from as usize).take(rows as usize);
                sender.read(lines.map(|row| row.line.clone()).collect(), &mut wire, now)
            }
            Step::Settle { .. } => sender.written(&mut wire, now),
            Step::Deliver(batch) => {
                wire.take(batch.epoch.number, now);
                found.push((now, batch.epoch.number));
                sender.answered(&Answer::parse("200 a -"), now, &mut Zero)
            }
            step @ (Step::Wake(_) | Step::Rest) => {
                let wake = if let Step::Wake(at) = step { at } else { end };
                if next <= wake {
                    now = next.max(now);
                    next += busy;
                    new.push(head.append("{}".into(), "00".repeat(16), now).stored());
                    sender.stored(&head.chain, id(8), head.seq, 1, 100, now);
                } else {
                    now = wake;
                }
                sender.step(&mut wire, now)
            }
            other => panic!("{other:?}"),
        };
    }
    found
}

#[test]
fn an_earlier_epoch_goes_in_a_pause_a_minute_apart_and_does_not_hold_up_the_present_one() {
    let found = requests(2_000_000, 300_000, 90_000);
    let earlier: Vec<_> = found.iter().filter(|(_, epoch)| *epoch == 7).map(|(at, _)| *at).collect();
    assert_eq!(earlier.len(), 1, "{found:?}");
    let first = found.first().copied();
    assert!(first.is_some_and(|(at, epoch)| epoch == 8 && at <= 1_005_000), "what happens now comes first: {found:?}");
    assert!(earlier[0] >= 1_090_000, "{found:?}");
    for (at, epoch) in &found {
        assert!(*epoch == 7 || at.abs_diff(earlier[0]) >= 60_000, "{found:?}");
    }
}

#[test]
fn an_earlier_epoch_gets_its_turn_although_the_present_one_never_pauses() {
    let found = requests(2_000_000, 5_000, 90_000);
    let turns: Vec<_> = found.chunk_by(|a, b| a.1 == b.1).map(|turn| (turn[0].0, turn[0].1)).collect();
    assert_eq!(turns.iter().map(|(_, epoch)| *epoch).collect::<Vec<_>>(), [8, 7, 8], "{turns:?}");
    assert!((1_600_000..1_700_000).contains(&turns[1].0), "{turns:?}");
    assert!(turns[2].0 - turns[1].0 < 100_000, "what waited goes then: {turns:?}");
}
