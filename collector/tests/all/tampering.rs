//! Whoever holds the table, and the operator, against the receipts: each kind of damage, 200 instances of it from seeds, has
//! its word and its exit code, and what nobody can find without receipts kept elsewhere is found with them.

use super::support::*;
use nymtrail::core::chain::{Head, link};
use nymtrail::core::note::{Checkpoint, Note, Vkey};
use nymtrail::core::proof::Proof;
use nymtrail::core::row::Row;
use nymtrail_collector::audit::Receipts;
use nymtrail_collector::erase::{Which, erase};
use nymtrail_collector::ingest::{Batch, take};
use nymtrail_collector::keys::Signer;
use nymtrail_collector::prove::{self, Verdict, prove};
use nymtrail_collector::receipts::issue;
use nymtrail_collector::report::{to_json, to_text, verdict};
use nymtrail_collector::store::{Expected, Store};
use nymtrail_collector::verify::{Input, all_missing_tails, check_file};
use rusqlite::{Connection, params};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const INSTANCES: u64 = 200;

/// SplitMix64: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `low` to below `high`.
    fn within(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low)
    }
}

/// A store with honest chains, and the receipts as the devices kept them.
struct World {
    dir: TempDir,
    signer: Signer,
    chains: Vec<Vec<Row>>,
    kept: Vec<String>,
    dice: Dice,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        let mut store = Store::open(&path, &Expected::default()).unwrap();
        store.db().pragma_update(None, "synchronous", "off").unwrap();
        let signer = Signer::open(&path, "shop").unwrap().0;
        let chains: Vec<_> = (0..3).map(|n| chain(seed * 3 + n, dice.within(4, 24))).collect();
        let (mut kept, mut sent) = (Vec::new(), [0; 3]);
        while (0..3).any(|at| sent[at] < chains[at].len()) {
            let at = dice.within(0, 3) as usize;
            let to = chains[at].len().min(sent[at] + dice.within(1, 9) as usize);
            if sent[at] < to {
                let text = batch(&chains[at][sent[at]..to]);
                let batch = Batch::read(text.as_bytes()).unwrap();
                let receipts = store.write(|tx| {
                    let answer = take(tx, &batch)?;
                    issue(tx, &signer, "shop", &answer, NOW + kept.len() as u64 * 1000)
                });
                kept.extend(receipts.unwrap().into_values());
                sent[at] = to;
            }
        }
        Self { dir, signer, chains, kept, dice }
    }

    /// The store in a file of its own, changed by somebody who holds it.
    fn changed(&self, change: impl FnOnce(&Connection)) -> PathBuf {
        let path = self.dir.path().join("changed.db");
        std::fs::copy(self.dir.path().join("a.db"), &path).unwrap();
        let db = Connection::open(&path).unwrap();
        db.pragma_update(None, "synchronous", "off").unwrap();
        change(&db);
        path
    }

    fn vkey(&self) -> Vkey {
        self.signer.vkey().clone()
    }

    /// The verdict's word, its level and the exit code, with this key and these receipts from elsewhere.
    fn judge(&self, path: &Path, key: Vkey, receipts: &[String]) -> (String, String, u8) {
        let mut all = Receipts::new(vec![key]);
        if !receipts.is_empty() {
            all.read(receipts.join("\n").as_bytes()).unwrap();
        }
        let Ok(Input::Rows(checked)) = check_file(path, all) else { panic!("no verdict") };
        let tails = all_missing_tails(&checked, &[]).unwrap();
        let (json, word) = (to_json(&checked, &tails), verdict(&checked, &tails));
        assert_eq!(
            (json["verdict"].as_str(), to_text(&checked, &tails).contains(&format!(": {word}"))),
            (Some(word), true)
        );
        let (level, code) = (
            checked.report.level,
            match word {
                "holds" => 0,
                "unchecked" => 3,
                _ => 2,
            },
        );
        assert!(level != "receipted" || word == "holds", "a level is only reached by what holds");
        (word.into(), level.into(), code)
    }

    /// One of the chains, and a place in it that is not the first.
    fn pick(&mut self) -> (Vec<Row>, u64) {
        let rows = self.chains[self.dice.within(0, 3) as usize].clone();
        let at = self.dice.within(1, rows.len() as u64);
        (rows, at)
    }
}

fn put(db: &Connection, row: &Row) {
    let Row { chain, seq, t, gprev, salt, body, bc, link } = row;
    let sql = "INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    db.execute(sql, params![chain, seq, t, gprev, salt, body, bc, link]).unwrap();
}

/// The rows from `at` on with another body at `at`, and every link after it computed anew.
fn rewritten(rows: &[Row], at: u64) -> Vec<Row> {
    let mut prev = rows[at as usize - 1].link.clone();
    let redo = |row: &Row| {
        with(row, |row| {
            if row.seq == at {
                row.body = Some(r#"{"k":"track","n":"nothing"}"#.into());
            }
            row.link = link(row.seq, row.t, &prev, &row.commitment().unwrap()).hex();
            prev.clone_from(&row.link);
        })
    };
    rows[at as usize..].iter().map(redo).collect()
}

fn delete_from(db: &Connection, rows: &[Row], seq: u64) {
    db.execute("DELETE FROM events WHERE chain = ? AND seq >= ?", params![rows[0].chain, seq]).unwrap();
}

/// Every kind of damage to the store: its name, what it does, and the verdict by the store's own checkpoints and with those
/// that the devices kept.
type Damage = (&'static str, fn(&mut World) -> PathBuf, &'static [&'static str], &'static [&'static str]);

const RECEIPTED: &[&str] = &["holds receipted"];

const DAMAGES: &[Damage] = &[
    ("nothing", |world| world.changed(|_| ()), RECEIPTED, RECEIPTED),
    (
        "rows erased as the format has it, and logged",
        |world| {
            let (rows, _) = world.pick();
            let path = world.changed(|_| ());
            let mut store = Store::open(&path, &Expected::default()).unwrap();
            erase(&mut store, &world.signer, &Which::Chain(rows[0].chain.clone()), "art17", NOW).unwrap();
            path
        },
        RECEIPTED,
        RECEIPTED,
    ),
    (
        "rows erased as the format has it, without a record",
        |world| {
            let (rows, at) = world.pick();
            world.changed(|db| rows[at as usize..].iter().for_each(|row| put(db, &row.erased())))
        },
        &["unproven chained"],
        &["unproven chained"],
    ),
    (
        "a body edited",
        |world| {
            let (rows, at) = world.pick();
            world.changed(|db| put(db, &with(&rows[at as usize], |row| row.body = Some("{}".into()))))
        },
        &["tampered chained"],
        &["tampered chained"],
    ),
    (
        "a suffix rewritten, links and all",
        |world| {
            let (rows, at) = world.pick();
            world.changed(|db| rewritten(&rows, at).iter().for_each(|row| put(db, row)))
        },
        &["rewritten chained"],
        &["rewritten chained"],
    ),
    (
        "a row taken out and the rest linked anew",
        |world| {
            let (rows, at) = world.pick();
            world.changed(|db| {
                let mut head = head(&rows[at as usize - 1]);
                delete_from(db, &rows, at);
                for row in &rows[at as usize + 1..] {
                    put(db, &head.append(row.body.clone().unwrap(), row.salt.clone().unwrap(), row.t));
                }
            })
        },
        // With the last row taken out nothing else is changed.
        &["rewritten chained", "truncated chained"],
        &["rewritten chained", "truncated chained"],
    ),
    (
        "the tail dropped",
        |world| {
            let (rows, at) = world.pick();
            world.changed(|db| delete_from(db, &rows, at))
        },
        &["truncated chained"],
        &["truncated chained"],
    ),
    (
        "the tail dropped, with the checkpoints of it",
        |world| {
            let (rows, at) = world.pick();
            world.changed(|db| {
                delete_from(db, &rows, at);
                db.execute("DELETE FROM checkpoints WHERE chain = ? AND size > ?", params![rows[0].chain, at]).unwrap();
            })
        },
        // Whoever holds the table can go back to any size: only a checkpoint at that very size makes it look whole.
        &["holds receipted", "holds chained"],
        &["truncated chained"],
    ),
    (
        "a suffix rewritten, with the checkpoints of it dropped",
        |world| {
            let (rows, at) = world.pick();
            world.changed(|db| {
                rewritten(&rows, at).iter().for_each(|row| put(db, row));
                db.execute("DELETE FROM checkpoints WHERE chain = ? AND size > ?", params![rows[0].chain, at]).unwrap();
            })
        },
        &["holds chained"],
        &["rewritten chained"],
    ),
    (
        "the rows of a chain dropped",
        |world| {
            let (rows, _) = world.pick();
            world.changed(|db| delete_from(db, &rows, 0))
        },
        &["dropped chained"],
        &["dropped chained"],
    ),
    (
        "a chain dropped, with its checkpoints",
        |world| {
            let (rows, _) = world.pick();
            world.changed(|db| {
                delete_from(db, &rows, 0);
                db.execute("DELETE FROM checkpoints WHERE chain = ?", [&rows[0].chain]).unwrap();
            })
        },
        RECEIPTED,
        &["dropped chained"],
    ),
    (
        "rows invented at the end",
        |world| {
            let (rows, _) = world.pick();
            let mut head = Head::after(rows.last().unwrap().clone());
            world.changed(|db| put(db, &head.append("{}".into(), "0".repeat(32), NOW + 99)))
        },
        &["holds chained"],
        &["holds chained"],
    ),
    (
        "the checkpoints of two chains swapped",
        |world| {
            let (one, other) = (world.chains[0][0].chain.clone(), world.chains[1][0].chain.clone());
            world.changed(|db| {
                db.execute("UPDATE checkpoints SET chain = 'x' WHERE chain = ?", [&one]).unwrap();
                db.execute("UPDATE checkpoints SET chain = ? WHERE chain = ?", [&one, &other]).unwrap();
                db.execute("UPDATE checkpoints SET chain = ? WHERE chain = 'x'", [&other]).unwrap();
            })
        },
        &["foreign chained"],
        &["foreign chained"],
    ),
    (
        "a checkpoint of another deployment, by the same key",
        |world| {
            let (rows, _) = world.pick();
            let size = rows.len() as u64;
            let origin = format!("blog/{}", rows[0].chain);
            let note = world.signer.sign(&Checkpoint { origin, size, root: root(&rows) }, NOW / 1000).to_string();
            world.changed(|db| {
                let sql = "UPDATE checkpoints SET note = ? WHERE chain = ? AND size = ?";
                assert_eq!(db.execute(sql, params![note, rows[0].chain, size]).unwrap(), 1);
            })
        },
        &["foreign chained"],
        &["foreign chained"],
    ),
    (
        "a root put into the table that was not signed",
        |world| {
            let (rows, _) = world.pick();
            world.changed(|db| {
                db.execute("UPDATE checkpoints SET root = ? WHERE chain = ?", [&rows[0].chain, &rows[0].chain])
                    .unwrap();
            })
        },
        &["forged chained"],
        &["forged chained"],
    ),
    (
        "an old note under a new size",
        |world| {
            let (rows, _) = world.pick();
            world.changed(|db| {
                let first = "SELECT note FROM checkpoints WHERE chain = ?1 ORDER BY size LIMIT 1";
                let sql =
                    format!("UPDATE checkpoints SET size = size + 1, note = ({first}) WHERE chain = ?1 AND size = ?2");
                assert_eq!(db.execute(&sql, params![rows[0].chain, rows.len()]).unwrap(), 1);
            })
        },
        &["forged chained"],
        // Now the receipts say more than the table.
        &["forged chained"],
    ),
    (
        "one character of a note changed",
        |world| {
            let (rows, _) = world.pick();
            let (at, to) = (world.dice.next(), (b' ' + world.dice.within(0, 95) as u8) as char);
            world.changed(|db| {
                let which = params![rows[0].chain, rows.len()];
                let sql = "SELECT note FROM checkpoints WHERE chain = ? AND size = ?";
                let note: String = db.query_row(sql, which, |row| row.get(0)).unwrap();
                let mut chars: Vec<char> = note.chars().collect();
                let at = at as usize % chars.len();
                chars[at] = if chars[at] == to { '~' } else { to };
                let changed: String = chars.into_iter().collect();
                let sql = "UPDATE checkpoints SET note = ? WHERE chain = ? AND size = ?";
                db.execute(sql, params![changed, rows[0].chain, rows.len()]).unwrap();
            })
        },
        // In the key's name or id it only means that somebody else should have signed.
        &["forged chained", "foreign chained", "holds chained"],
        &["forged chained", "foreign chained", "holds chained"],
    ),
    (
        "a note of a size that no chain has",
        |world| {
            let (rows, at) = world.pick();
            let size = [rows.len() as u64 + at, (1 << 53) - 1][(at % 2) as usize];
            let origin = format!("shop/{}", rows[0].chain);
            let note = world.signer.sign(&Checkpoint { origin, size, root: root(&rows) }, NOW / 1000).to_string();
            world.changed(|db| {
                let sql = "INSERT INTO checkpoints VALUES (?, ?, ?, ?, 0, NULL)";
                db.execute(sql, params![rows[0].chain, size, root(&rows).hex(), note]).unwrap();
            })
        },
        &["truncated chained"],
        &["truncated chained"],
    ),
];

#[test]
fn each_damage_to_the_store_has_its_word() {
    let mut seen = vec![[0u64; 2]; DAMAGES.len()];
    for seed in 0..INSTANCES {
        let mut world = World::new(seed);
        for (at, (name, damage, alone, with_receipts)) in DAMAGES.iter().enumerate() {
            let path = damage(&mut world);
            let kept = world.kept.clone();
            for (which, (receipts, expected)) in [(&[][..], alone), (&kept, with_receipts)].into_iter().enumerate() {
                let (word, level, code) = world.judge(&path, world.vkey(), receipts);
                let found = format!("{word} {level}");
                assert!(expected.contains(&found.as_str()), "{name}, seed {seed}, receipts {which}: {found}");
                assert_eq!(code, if word == "holds" { 0 } else { 2 });
                seen[at][which] += 1;
            }
        }
    }
    assert!(seen.iter().flatten().all(|count| *count == INSTANCES));
}

#[test]
fn a_key_that_signed_nothing_here_raises_nothing_and_no_alarm() {
    for seed in 0..INSTANCES {
        let mut world = World::new(seed);
        let other = Signer::new("shop", &[seed as u8; 32]).vkey().clone();
        let path = world.changed(|_| ());
        assert_eq!(world.judge(&path, other.clone(), &[]), ("holds".into(), "chained".into(), 0));
        // A receipt that nobody vouches for is not taken for one, whatever it says of the rows.
        let kept = world.kept.clone();
        assert_eq!(world.judge(&path, other.clone(), &kept), ("unchecked".into(), "chained".into(), 3));
        let (rows, at) = world.pick();
        let path = world.changed(|db| delete_from(db, &rows, at));
        assert_eq!(world.judge(&path, other, &[]).0, "truncated", "what contradicts itself does so without a key too");
        let foreign = world
            .signer
            .sign(&Checkpoint { origin: format!("blog/{}", rows[0].chain), size: 3, root: root(&rows) }, NOW / 1000);
        let path = world.changed(|_| ());
        assert_eq!(world.judge(&path, world.vkey(), &[foreign.to_string()]), ("unchecked".into(), "chained".into(), 3));
    }
}

/// Every kind of damage to a proof, and the verdicts it may get; `None`: it is no proof any more.
#[test]
fn no_damage_to_a_proof_leaves_it_holding() {
    let mut counts = [0u64; 9];
    for seed in 0..INSTANCES {
        let mut world = World::new(seed + 1000);
        let (rows, at) = world.pick();
        let store = Store::read(&world.dir.path().join("a.db")).unwrap();
        let proof = prove(&store, &rows[0].chain, at).unwrap();
        let keys = [world.vkey()];
        let text = proof.text().unwrap();
        let judge = |text: &str| Proof::parse(text).ok().map(|proof| prove::check(&proof, &keys));
        assert!(matches!(judge(&text), Some(Verdict::Holds(_))));
        let dice = &mut world.dice;
        let flip = |bytes: &mut [u8], dice: &mut Dice| {
            let at = dice.within(0, bytes.len() as u64) as usize;
            bytes[at] ^= 1 << dice.within(0, 8);
        };
        let mut expect = |kind: usize, changed: Proof, verdict: Verdict| {
            counts[kind] += 1;
            let read = changed.text().map_or_else(|| Some(prove::check(&changed, &keys)), |text| judge(&text));
            assert_eq!(read, Some(verdict), "kind {kind}, seed {seed}");
        };
        let mut changed = proof.clone();
        flip(&mut changed.path.last_mut().unwrap().0, dice);
        expect(0, changed, Verdict::NotIncluded);
        let mut changed = proof.clone();
        flip(&mut changed.checkpoint.root.0, dice);
        changed.note.text = changed.checkpoint.text();
        expect(1, changed, Verdict::NotIncluded);
        let mut changed = proof.clone();
        flip(&mut changed.note.signatures[0].bytes, dice);
        expect(2, changed, Verdict::Forged);
        let mut changed = proof.clone();
        changed.row.body = Some(changed.row.body.unwrap().replacen("seq", "Seq", 1));
        expect(3, changed, Verdict::NotIncluded);
        let mut changed = proof.clone();
        changed.row.seq += 1;
        expect(4, changed, Verdict::NotIncluded);
        let mut changed = proof.clone();
        changed.checkpoint.size = if dice.next().is_multiple_of(2) { (1 << 53) - 1 } else { 0 };
        changed.note.text = changed.checkpoint.text();
        expect(5, changed, Verdict::NotIncluded);
        // A note of another chain, and one by another key.
        let other = world.chains.iter().find(|other| other[0].chain != rows[0].chain).unwrap();
        let foreign = prove(&store, &other[0].chain, 1).unwrap();
        let changed = Proof { note: foreign.note, checkpoint: foreign.checkpoint, ..proof.clone() };
        expect(6, changed, Verdict::NotIncluded);
        let note = Signer::new("shop", &[seed as u8; 32]).sign(&proof.checkpoint, 5);
        expect(7, Proof { note, ..proof.clone() }, Verdict::Unchecked);

        // One bit anywhere, and the end cut off anywhere.
        let mut bytes = text.clone().into_bytes();
        flip(&mut bytes, dice);
        let cut = dice.within(0, text.len() as u64) as usize;
        for damaged in [bytes, text.as_bytes()[..cut].to_vec()] {
            counts[8] += 1;
            if let Ok(damaged) = String::from_utf8(damaged) {
                assert!(!matches!(judge(&damaged), Some(Verdict::Holds(_))), "{damaged}");
            }
        }
    }
    assert_eq!(counts[..8], [INSTANCES; 8]);
}

#[test]
fn the_program_says_the_same_and_its_exit_code_with_it() {
    let mut world = World::new(7);
    let dir = world.dir.path().to_path_buf();
    let key = world.vkey().to_string();
    let kept = dir.join("kept");
    std::fs::write(&kept, world.kept.join("\n")).unwrap();
    for (name, damage, alone, with_receipts) in DAMAGES {
        damage(&mut world);
        let base = ["verify", "changed.db", "--key", &key, "--require", "receipted", "--format", "json"];
        for (more, expected) in [(&[][..], alone), (&["--receipts", "kept"], with_receipts)] {
            let (code, out, _) = run(&dir, &[&base, more].concat(), b"");
            let found: serde_json::Value = serde_json::from_str(&out).unwrap();
            let (word, level) = (found["verdict"].as_str().unwrap(), found["level"].as_str().unwrap());
            assert!(expected.contains(&format!("{word} {level}").as_str()), "{name}: {out}");
            let expected = if word != "holds" {
                2
            } else if level == "receipted" {
                0
            } else {
                3
            };
            assert_eq!(code, expected, "{name}");
        }
        let (_, out, _) = run(&dir, &["verify", "changed.db", "--key", &key, "--receipts", "kept"], b"");
        assert!(
            with_receipts.iter().any(|word| out.contains(&format!(": {}", word.split(' ').next().unwrap()))),
            "{out}"
        );
    }
    // Without a key at hand, and none beside the file.
    let (code, out, _) = run(&dir, &["verify", "changed.db", "--receipts", "kept"], b"");
    assert_eq!(code, 2, "{out}");
    world.changed(|_| ());
    let (code, out, _) = run(&dir, &["verify", "changed.db"], b"");
    assert!(
        code == 0 && out.contains("were not checked: none of the keys at hand") && out.contains("`chained`"),
        "{out}"
    );
    let (code, out, _) = run(&dir, &["verify", "changed.db", "--receipts", "kept"], b"");
    assert!(code == 3 && out.contains("NOT checked") && out.contains(": unchecked"), "{out}");
    // An export has no checkpoints, but receipts are as good for it.
    let exported = run(&dir, &["export", "--db", "a.db"], b"").1;
    let checked = |text: &str| {
        run(&dir, &["verify", "-", "--receipts", "kept", "--key", &key, "--require", "receipted"], text.as_bytes())
    };
    assert_eq!(checked(&exported).0, 0);
    let cut: String = exported.lines().skip(1).map(|line| line.to_owned() + "\n").collect();
    assert_eq!(checked(&cut).0, 2);
    let last = exported.trim_end().rfind('\n').unwrap();
    let (code, out, _) = checked(&exported[..=last]);
    assert!(code == 2 && out.contains("TRUNCATED: 1 row missing"), "{out}");
}

#[test]
fn receipts_come_as_notes_or_as_json_and_nothing_else() {
    let world = World::new(3);
    let dir = world.dir.path();
    let rows = &world.chains[0];
    let notes: Vec<&String> = world.kept.iter().filter(|note| note.contains(&rows[0].chain)).collect();
    let json = |value: serde_json::Value| value.to_string() + "\n";
    let good = [
        notes.iter().map(|note| note.as_str()).collect::<Vec<_>>().concat(),
        notes.iter().map(|note| format!("\n\n{note}\n")).collect(),
        notes.iter().map(|note| note.replace('\n', "\r\n")).collect(),
        notes.iter().map(|note| json(serde_json::json!(note))).collect(),
        notes.iter().map(|note| json(serde_json::json!({"note": note, "when": 3}))).collect(),
        notes.iter().map(|note| json(serde_json::json!({"stored": 1, "receipt": {&rows[0].chain: note}}))).collect(),
        notes.iter().map(|note| json(serde_json::json!({"results": []})) + note).collect(),
        notes.iter().map(|note| json(serde_json::json!(note)) + note).collect(),
    ];
    for text in good {
        let mut receipts = Receipts::new(vec![world.vkey()]);
        receipts.read(text.as_bytes()).unwrap();
        let mut audit = receipts.audit();
        rows.iter().for_each(|row| audit.push(row));
        let found = &audit.finish().chains[&rows[0].chain];
        assert_eq!((found.receipted.unwrap().0, found.class), (rows.len() as u64, None), "{text}");
        assert!(found.checkpoints as usize >= notes.len());
    }
    let note = notes[0].as_str();
    for (text, line) in [
        (String::new(), 1),
        ("\n\n".into(), 3),
        (note[..note.len() - 9].to_owned() + "!", 6),
        (note[..note.rfind('\u{2014}').unwrap()].to_owned(), 5),
        (note.replace("shop/", "shop "), 6),
        (note.replacen(&rows[0].chain, "elsewhere", 1), 6),
        (note.to_owned() + "{}\n", 6),
        (note.to_owned() + "\"nothing\"\n", 6),
        (note.to_owned() + "{\"note\":3}\n", 6),
        ("{\"results\":[]}\n".into(), 2),
        ("x".repeat(3 << 20), 1),
        ("x\n".repeat(1 << 20), 524_289),
    ] {
        std::fs::write(dir.join("receipts"), &text).unwrap();
        let (code, out, err) = run(dir, &["verify", "a.db", "--receipts", "receipts"], b"");
        assert!(code == 1 && out.is_empty() && err.contains("[malformed_receipt]"), "{err}");
        assert!(err.contains(&format!("line {line}: ")), "expected line {line}: {err}");
    }
    std::fs::write(dir.join("receipts"), b"\xff\n").unwrap();
    assert!(run(dir, &["verify", "a.db", "--receipts", "receipts"], b"").2.contains("[invalid_utf8]"));
    assert!(run(dir, &["verify", "a.db", "--receipts", "none"], b"").2.contains("[cannot_read]"));
    assert!(Note::parse(note).is_some());
}
