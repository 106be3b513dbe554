//! `verify`, `export` and `keys` as programs: what they print, and their exit codes.

use super::support::*;
use nymtrail::core::row::Row;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn run(dir: &Path, args: &[&str], input: &[u8]) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_nymtrail"))
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input); // some commands don't read it
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn lines(rows: &[Row]) -> String {
    rows.iter().map(|row| row.line() + "\n").collect()
}

fn verify(input: &str, more: &[&str]) -> (i32, String, String) {
    run(Path::new("."), &[&["verify", "-"], more].concat(), input.as_bytes())
}

#[test]
fn honest_chains_hold() {
    let rows = [chain(1, 4), chain(2, 3)].concat();
    let (code, out, err) = verify(&lines(&rows), &[]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains(&format!("chain {}\n  holds; 4 rows\n", rows[0].chain)), "{out}");
    assert!(out.contains("2 chains, 7 rows: holds.\nChecked at the level `chained`"), "{out}");
    let (code, out, _) = verify(&lines(&rows), &["--format", "json", "--require", "chained"]);
    let verdict: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &verdict["verdict"], &verdict["level"]), (0, &"holds".into(), &"chained".into()));
    assert_eq!(verdict["chains"].as_array().unwrap().len(), 2);
    assert_eq!(verdict["found"], json!({"plain": 7, "named": 0, "attributes": 0, "without": 0}));
}

#[test]
fn an_export_of_another_service_is_checked_and_what_was_found_in_it_is_said() {
    let rows = chain(1, 4);
    let event = |row: &Row| {
        json!({"event": "view", "properties": {"nt_chain": row.chain, "nt_seq": row.seq, "nt_t": row.t,
        "nt_link": row.link, "nt_salt": row.salt, "nt_body": row.body, "nt_gprev": row.gprev}})
    };
    let text: String = rows.iter().map(|row| format!("{}\n{{\"event\":\"other\"}}\n", event(row))).collect();
    let (code, out, err) = verify(&text, &[]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(
        out.ends_with("\nFound 4 rows with columns named nt_*; 4 lines or entries of a list hold no row of a chain.\n"),
        "{out}"
    );
    assert!(out.contains("1 chain, 4 rows: holds."), "{out}");

    let dir = tempfile::tempdir().unwrap();
    let packed = gzip(&text.replace("view", "edit"));
    std::fs::write(dir.path().join("events"), &packed).unwrap();
    let (code, out, _) = run(dir.path(), &["verify", "events", "--format", "json"], b"");
    let verdict: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &verdict["found"]["named"], &verdict["found"]["without"]), (2, &4.into(), &4.into()), "{out}");
    assert_eq!(run(dir.path(), &["verify", "-"], &packed).0, 2);
    let (code, out, err) = run(dir.path(), &["verify", "-"], &packed[..packed.len() - 1]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("[malformed_gzip]"), "{err}");
}

#[test]
fn each_damage_is_found_with_its_place_and_its_word() {
    let rows = chain(1, 9);
    let edited = |at: usize, change: fn(&mut Row)| {
        let mut rows = rows.clone();
        change(&mut rows[at]);
        rows
    };
    let without = |at: usize| [&rows[..at], &rows[at + 1..]].concat();
    let inserted = {
        let mut head = head(&rows[3]);
        let mut rows = rows.clone();
        rows.push(head.append("{}".into(), "0".repeat(32), NOW + 4));
        rows
    };
    let reordered = {
        let mut rows = rows.clone();
        (rows[4].seq, rows[5].seq) = (5, 4);
        rows
    };
    for (damaged, seq, class) in [
        (edited(4, |row| row.body = Some("{}".into())), 4, "bad_link"),
        (edited(8, |row| row.t += 1), 8, "bad_link"),
        (edited(8, |row| row.t -= 100), 8, "bad_link"),
        (without(4), 5, "gap"),
        (without(0), 1, "no_genesis"),
        (inserted, 4, "fork"),
        (reordered, 4, "bad_link"),
    ] {
        let (code, out, _) = verify(&lines(&damaged), &[]);
        assert_eq!(code, 2, "{out}");
        assert!(out.contains(&format!("TAMPERED at seq {seq}: {class}, ")), "{out}");
        let (code, out, _) = verify(&lines(&damaged), &["--format", "json", "--require", "signed"]);
        let verdict: Value = serde_json::from_str(&out).unwrap();
        let found = &verdict["chains"][0];
        assert_eq!((code, &found["first_bad"], &found["class"]), (2, &seq.into(), &class.into()));
    }
}

#[test]
fn a_tail_that_was_cut_off_is_found_with_the_size() {
    let rows = chain(1, 9);
    let cut = lines(&rows[..7]);
    assert_eq!(verify(&cut, &[]).0, 0, "the chain alone does not tell");
    assert_eq!(verify(&cut, &["--expect-size", "7"]).0, 0);
    let (code, out, _) = verify(&cut, &["--expect-size", "9"]);
    assert_eq!(code, 2);
    assert!(
        out.contains("TRUNCATED: 2 rows missing at its end") && out.contains("1 chain, 7 rows: truncated"),
        "{out}"
    );
    let named = format!("{}=9", &rows[0].chain[..8]);
    let (code, out, _) = verify(&cut, &["--expect-size", &named, "--format", "json"]);
    let verdict: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &verdict["verdict"], &verdict["chains"][0]["missing_tail"]), (2, &"truncated".into(), &2.into()));

    let both = cut + &lines(&chain(2, 2));
    let (code, _, err) = verify(&both, &["--expect-size", "9"]);
    assert_eq!(code, 1);
    assert!(err.contains("[which_chain]"), "{err}");
    let dropped = format!("{}=3", chain(3, 1)[0].chain);
    let (code, out, _) = verify(&both, &["--expect-size", &dropped]);
    assert_eq!(code, 2);
    assert!(out.contains("DROPPED"), "{out}");
    assert_eq!(verify(&both, &["--expect-size", "abc=1"]).0, 1);
}

#[test]
fn a_level_that_is_not_there_is_no_success() {
    for level in ["signed", "receipted", "witnessed"] {
        let (code, out, err) = verify(&lines(&chain(1, 2)), &["--require", level]);
        assert_eq!(code, 3);
        assert!(out.contains("holds") && err.contains("only at the level `chained`"), "{err}");
    }
}

#[test]
fn what_can_not_be_checked_is_no_success() {
    let good = lines(&chain(1, 2));
    for (input, line, word) in [
        (good.clone() + "\n{\"seq\":0}\n", "line 4: ", "[malformed_row]"),
        (good.clone() + "nonsense", "line 3: ", "[malformed_row]"),
        (good.replace("\"seq\"", "\"more\":1,\"seq\""), "line 1: ", "[malformed_row]"),
        (String::new(), "", "[no_rows]"),
        ("{\"event\":\"view\"}\n".into(), "", "[no_rows]"),
        ("{\"batch\":[{\"event\":\"view\"}]}\n".into(), "", "[no_rows]"),
        ("event,price\nview,3\n".into(), "", "[no_rows]"),
        ("\n\n".into(), "", "[no_rows]"),
    ] {
        let (code, out, err) = verify(&input, &[]);
        assert_eq!((code, out.as_str()), (1, ""), "{err}");
        assert!(err.contains(line) && err.contains(word), "{err}");
    }
    let (code, out, _) = verify("nonsense", &["--format", "json"]);
    let error: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &error["error"]["code"], &error["error"]["line"]), (1, &"malformed_row".into(), &1.into()));

    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("bad"), b"\n\xff\xfe\n").unwrap();
    rusqlite::Connection::open(dir.path().join("other.db")).unwrap().execute_batch("CREATE TABLE a (b)").unwrap();
    for (file, word) in
        [("none", "[cannot_read]"), (".", "[cannot_read]"), ("bad", "line 2: "), ("other.db", "[not_a_store]")]
    {
        let (code, _, err) = run(dir.path(), &["verify", file], b"");
        assert_eq!(code, 1);
        assert!(err.contains(word), "{file}: {err}");
    }
    assert_eq!(run(dir.path(), &["verify"], b"").0, 1);
    assert_eq!(run(dir.path(), &["verify", "bad", "--format", "xml"], b"").0, 1);
}

#[tokio::test]
async fn a_store_its_export_and_the_rows_sent_are_one() {
    let collector = Collector::new();
    let mut sent = [chain(1, 30), chain(2, 3)].concat();
    collector.post_rows(&sent).await;
    sent.sort_by(|a, b| (&a.chain, a.seq).cmp(&(&b.chain, b.seq)));
    let dir = collector.dir.path();
    // The collector is still running.
    let (code, exported, _) = run(dir, &["export", "--db", "a.db"], b"");
    assert_eq!((code, exported.as_str()), (0, lines(&sent).as_str()));
    let one = run(dir, &["export", "--db", "a.db", "--chain", &sent[0].chain], b"").1;
    assert!(one.lines().all(|line| line.contains(&sent[0].chain)) && one.len() < exported.len());
    let direct = run(dir, &["verify", "a.db", "--format", "json"], b"");
    assert_eq!(direct, run(dir, &["verify", "-", "--format", "json"], exported.as_bytes()));
    assert_eq!(direct.0, 0);

    let outside = rusqlite::Connection::open(collector.path()).unwrap();
    outside
        .execute("UPDATE events SET body = CAST(x'7bff7d' AS TEXT) WHERE seq = 2 AND chain = ?", [&sent[0].chain])
        .unwrap();
    let (code, out, _) = run(dir, &["verify", "a.db"], b"");
    assert_eq!(code, 2);
    assert!(out.contains("TAMPERED at seq 2: bad_link"), "{out}");
}

#[test]
fn keys_are_made_shown_without_salts_and_destroyed_when_due() {
    let dir = tempfile::tempdir().unwrap();
    let (code, out, _) =
        run(dir.path(), &["keys", "rotate", "--db", "a.db", "--epoch", "week", "--deployment", "blog"], b"");
    assert_eq!(code, 0);
    assert!(out.contains("none is due"), "{out}");
    let db = rusqlite::Connection::open(dir.path().join("a.db")).unwrap();
    let salts: Vec<String> = db
        .prepare("SELECT salt FROM epochs")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let shown = run(dir.path(), &["keys", "show", "--db", "a.db"], b"").1;
    assert_eq!((shown.matches("commitment").count(), shown.matches("current").count()), (3, 1), "{shown}");
    assert!(shown.contains("Epochs of `blog`") && !salts.iter().any(|salt| shown.contains(salt)), "{shown}");

    // As if the file had lain there since 1970.
    db.execute("UPDATE epochs SET id = 1, not_before = 345600000, not_after = 950400000 WHERE id = (SELECT min(id) FROM epochs)", [])
        .unwrap();
    drop(db);
    let (_, out, _) = run(dir.path(), &["keys", "rotate", "--db", "a.db"], b"");
    assert!(out.contains("destroyed those of the epochs 1."), "{out}");
    let shown = run(dir.path(), &["keys", "show", "--db", "a.db"], b"").1;
    assert!(shown.contains("1970-01-05 00:00:00 to 1970-01-12 00:00:00  salt destroyed 20"), "{shown}");
    assert_eq!(shown.matches("current").count(), 1, "a new one was made in its place");
}

#[test]
fn help_shows_a_newcomer_what_to_do() {
    for args in
        [&["--help"][..], &["serve", "--help"], &["verify", "--help"], &["keys", "--help"], &["export", "--help"]]
    {
        let (code, out, _) = run(Path::new("."), args, b"");
        assert_eq!(code, 0);
        assert!(out.contains("Usage: nymtrail"), "{out}");
    }
    assert!(run(Path::new("."), &["--help"], b"").1.contains("Examples:"));
    assert!(run(Path::new("."), &["--version"], b"").1.starts_with("nymtrail "));
    assert_eq!(run(Path::new("."), &["nothing"], b"").0, 1);
}
