//! Openings: what connects the chains of two epochs, and what does not.

use super::support::*;
use nymtrail::core::chain::{Head, NO_HEAD};
use nymtrail::core::opening::{close_body, next_key};
use nymtrail::core::row::Row;
use serde_json::{Value, json};

struct Epochs {
    dir: tempfile::TempDir,
    old: Vec<Row>,
    new: Vec<Row>,
    opening: Value,
}

/// Two chains of one device, and what connects them.
fn epochs() -> Epochs {
    let (blind, r, pk) = ("5a".repeat(32), "6b".repeat(32), "7c".repeat(32));
    let mut old = chain(1, 5);
    let close = head(&old[4]).append(close_body(&next_key(&r, &pk)), "0a".repeat(16), NOW + 9);
    old.push(close);
    let body = format!(r#"{{"alg":"Ed25519","dep":"shop","pk":"{pk}","v":1,"x":"open"}}"#);
    let (mut at, genesis) = Head::open(body, "0b".repeat(16), &blind, &old[5].link, NOW + 99);
    let new = vec![genesis, at.append("{}".into(), "0c".repeat(16), NOW + 100)];
    let opening = json!({"v": 1, "old": old[0].chain, "new": new[0].chain, "blind": blind, "r": r, "pk": pk});
    Epochs { dir: tempfile::tempdir().unwrap(), old, new, opening }
}

impl Epochs {
    /// Exit code, verdict, and what the two ways came to.
    fn check(&self, rows: &[&[Row]], opening: &Value) -> (i32, String, [String; 2]) {
        std::fs::write(self.dir.path().join("opening"), opening.to_string()).unwrap();
        let lines: String = rows.concat().iter().map(|row| row.line() + "\n").collect();
        let args = ["verify", "-", "--opening", "opening", "--format", "json"];
        let (code, out, err) = run(self.dir.path(), &args, lines.as_bytes());
        let found: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        let said = &found["continuity"][0];
        (code, word(&found["verdict"]), [word(&said["back"]), word(&said["forth"])])
    }

    fn with(&self, name: &str, value: Value) -> Value {
        let mut opening = self.opening.clone();
        opening[name] = value;
        opening
    }
}

fn expect(code: i32, word: &str, back: &str, forth: &str) -> (i32, String, [String; 2]) {
    (code, word.into(), [back.into(), forth.into()])
}

#[test]
fn the_owner_shows_that_one_chain_goes_on_with_another() {
    let epochs = epochs();
    let both = expect(0, "holds", "holds", "holds");
    assert_eq!(epochs.check(&[&epochs.old, &epochs.new], &epochs.opening), both);
    assert_eq!(
        epochs.check(&[&epochs.new, &epochs.old, &epochs.old], &epochs.opening),
        both,
        "in any order, also twice"
    );
    let mut erased = epochs.old.clone();
    erased[2].erase();
    assert_eq!(epochs.check(&[&erased, &epochs.new], &epochs.opening), both);
    let lines: String = [&epochs.old[..], &epochs.new].concat().iter().map(|row| row.line() + "\n").collect();
    let out = run(epochs.dir.path(), &["verify", "-", "--opening", "opening"], lines.as_bytes()).1;
    assert!(
        out.contains("the new chain names the end of the old one\n  the old chain names the key of the new one"),
        "{out}"
    );
}

#[test]
fn a_stranger_can_not() {
    let epochs = epochs();
    let all: [&[Row]; 2] = [&epochs.old, &epochs.new];
    let other = Value::from("99".repeat(32));
    let no = "discontinuous";
    assert_eq!(epochs.check(&all, &epochs.with("blind", other.clone())), expect(2, no, "broken", "holds"));
    assert_eq!(epochs.check(&all, &epochs.with("r", other.clone())), expect(2, no, "holds", "broken"));
    assert_eq!(epochs.check(&all, &epochs.with("pk", other)), expect(2, no, "holds", "broken"));
    // Who saw the old head can hide it in a chain of his own, but the old chain does not name his key.
    let (blind, pk) = ("44".repeat(32), "45".repeat(32));
    let body = format!(r#"{{"alg":"Ed25519","pk":"{pk}","v":1}}"#);
    let (_, genesis) = Head::open(body, "0b".repeat(16), &blind, &epochs.old[5].link, NOW);
    let mut claim = epochs.with("new", genesis.chain.clone().into());
    (claim["blind"], claim["pk"]) = (blind.into(), pk.into());
    assert_eq!(epochs.check(&[&epochs.old, &[genesis]], &claim), expect(2, no, "holds", "broken"));
    // A chain that opened from nothing.
    let (_, alone) = Head::open("{}".into(), "0b".repeat(16), &"5a".repeat(32), NO_HEAD, NOW);
    let claim = epochs.with("new", alone.chain.clone().into());
    assert_eq!(epochs.check(&[&epochs.old, &[alone]], &claim), expect(2, no, "broken", "broken"));
    // The old chain went on after the new one was opened from it.
    let mut longer = epochs.old.clone();
    longer.push(head(&longer[5]).append("{}".into(), "0d".repeat(16), NOW + 9));
    assert_eq!(epochs.check(&[&longer, &epochs.new], &epochs.opening), expect(2, no, "broken", "unchecked"));
}

#[test]
fn what_is_missing_is_no_pass() {
    let epochs = epochs();
    let all: [&[Row]; 2] = [&epochs.old, &epochs.new];
    assert_eq!(epochs.check(&[&epochs.old], &epochs.opening), expect(3, "unchecked", "unchecked", "unchecked"));
    assert_eq!(epochs.check(&[&epochs.new], &epochs.opening), expect(3, "unchecked", "unchecked", "unchecked"));
    assert_eq!(epochs.check(&all, &epochs.with("blind", Value::Null)), expect(3, "unchecked", "unchecked", "holds"));
    assert_eq!(epochs.check(&all, &epochs.with("r", Value::Null)), expect(3, "unchecked", "holds", "unchecked"));
    let mut erased = epochs.old.clone();
    erased[5].erase();
    assert_eq!(epochs.check(&[&erased, &epochs.new], &epochs.opening), expect(3, "unchecked", "holds", "unchecked"));
    // A chain that is damaged shows nothing, and that is the verdict.
    let mut damaged = epochs.old.clone();
    damaged[2].body = Some("{}".into());
    assert_eq!(
        epochs.check(&[&damaged, &epochs.new], &epochs.opening),
        expect(2, "tampered", "unchecked", "unchecked")
    );
}

#[test]
fn a_file_that_is_no_opening_ends_the_check() {
    let epochs = epochs();
    for text in [
        "",
        "{}",
        "[1]",
        "\0",
        &epochs.with("v", 2.into()).to_string(),
        &epochs.with("r", "6B".into()).to_string(),
        &"[".repeat(70_000),
    ] {
        std::fs::write(epochs.dir.path().join("opening"), text).unwrap();
        let (code, _, err) =
            run(epochs.dir.path(), &["verify", "-", "--opening", "opening"], epochs.old[0].line().as_bytes());
        assert!(code == 1 && err.contains("[malformed_opening]"), "{text:.40} {err}");
    }
    std::fs::write(epochs.dir.path().join("opening"), b"\xff").unwrap();
    let (code, _, err) = run(epochs.dir.path(), &["verify", "-", "--opening", "opening"], b"");
    assert!(code == 1 && err.contains("[malformed_opening]"), "{err}");
}
