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
    let mut sender = Sender::new(&Config::parse("shop random").unwrap(), &[]);
    sender.stored(&head.chain, None, rows - 1, rows, 100, 1_000);
    sender.want(true);
    (chain, sender)
}

/// Lets the sender read, at most `most` rows at once, until it has a batch.
fn next_batch(sender: &mut Sender, chain: &[StoredRow], most: usize, mut step: Step) -> Batch {
    loop {
        step = match step {
            Step::Read { from, rows, .. } => {
                let lines = chain.iter().skip(from as usize).take(most.min(rows as usize));
                sender.read(lines.map(|row| row.line.clone()).collect(), 9_000)
            }
            Step::Settle { .. } => sender.written(9_000),
            Step::Wake(at) => sender.step(at),
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
    let mut step = sender.step(1_000);
    // Seven rows are read at first, two at a time later: those behind the one that was refused are settled by then.
    for (most, answer) in [(7, "200 arraaaa -"), (2, "200 a -"), (2, "200 a -"), (9, "200 aa -")] {
        let batch = next_batch(&mut sender, &rows, most, step);
        let size = batch.seqs.last().unwrap() + 1;
        assert_eq!(batch.root, Some(merkle::root(&links[..size as usize])), "{:?}", batch.seqs);
        steps.push(batch.seqs);
        step = sender.answered(&Answer::parse(answer), false, 9_000, &mut Zero).0;
    }
    assert_eq!(steps, [vec![0, 1, 2, 3, 4, 5, 6], vec![1], vec![2], vec![7, 8]]);
    assert_eq!(sender.targets[0].settled.tree_lags(), None);
}

#[test]
fn a_chain_whose_tree_is_lost_goes_on_without_roots() {
    let (rows, mut sender) = chain(4);
    sender.targets[0].settled = Settled::load("1 0 0 0 0 1 - 0 0 0 1 -");
    let step = sender.step(1_000);
    let batch = next_batch(&mut sender, &rows, 9, step);
    assert_eq!((batch.seqs, batch.root), (vec![2, 3], None));
}
