//! Rows with each kind of damage, and what the command line says of them: tests/vectors/verify.json. `js/test/verify.test.ts`
//! reads the same file, so that the same damage has the same words in both.

use super::support::*;
use nymtrail::core::row::Row;
use serde_json::{Value, json};
use std::path::Path;

fn lines(rows: &[Row]) -> String {
    rows.iter().map(|row| row.line() + "\n").collect()
}

/// What is given to the verifier, by name.
fn inputs() -> Vec<(&'static str, String)> {
    let rows = chain(1, 6);
    let other = chain(2, 3);
    let edited = |at: usize, edit: fn(&mut Row)| {
        let mut rows = rows.clone();
        edit(&mut rows[at]);
        lines(&rows)
    };
    let without = |at: usize| lines(&[&rows[..at], &rows[at + 1..]].concat());
    let behind = |at: usize, row: Row| lines(&[&rows[..=at], &[row], &rows[at + 1..]].concat());
    vec![
        ("holds", lines(&rows)),
        ("two chains", lines(&[rows.clone(), other.clone()].concat())),
        ("interleaved", lines(&[&rows[..2], &other[..], &rows[2..]].concat())),
        ("any order", lines(&rows.iter().rev().cloned().collect::<Vec<_>>())),
        ("no last line end", lines(&rows).trim_end().into()),
        ("other white space", lines(&rows).replace(",\"seq\":", " , \"seq\": ").replace('\n', "\r\n\r\n")),
        ("erased", edited(3, Row::erase)),
        (
            "half erased",
            edited(3, |row| {
                let salt = row.salt.clone();
                row.erase();
                row.salt = salt;
            }),
        ),
        ("delivered twice", behind(3, rows[3].clone())),
        ("delivered erased too", behind(3, rows[3].erased())),
        ("body edited", edited(3, |row| row.body = Some("{}".into()))),
        ("salt missing", edited(3, |row| row.salt = None)),
        ("time set back", edited(3, |row| row.t -= 3)),
        ("gap", without(3)),
        ("head missing", without(0)),
        ("tail missing", without(5)),
        ("fork", behind(3, head(&rows[2]).append("{}".into(), "0".repeat(32), NOW + 9))),
        ("of another chain", edited(3, |row| row.chain = "0".repeat(64))),
        ("no row", lines(&rows[..3]) + "\n{\"chain\":1}\n"),
        ("no JSON", lines(&rows[..3]) + "{"),
        ("a column twice", lines(&rows).replace("\"seq\":3", "\"seq\":3,\"seq\":3")),
        ("a number too large", lines(&rows).replace("\"seq\":3", "\"seq\":9007199254740992")),
        ("nothing", String::new()),
    ]
}

#[test]
fn what_is_said_is_what_the_vectors_have() {
    let mut found = Vec::new();
    for (name, text) in inputs() {
        let (code, out, _) = run(Path::new("."), &["verify", "-", "--format", "json"], text.as_bytes());
        let mut says: Value = serde_json::from_str(&out).unwrap();
        if let Some(Value::Object(error)) = says.get_mut("error") {
            error.remove("message");
        }
        // What logs of erasures say is asked of the collector's store, and not of the verifier that browsers have.
        for chain in says.get_mut("chains").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Value::Object(chain) = chain {
                chain.remove("erasures");
            }
        }
        found.push(json!({"name": name, "exit": code, "text": text, "says": says}));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/verify.json");
    if std::env::var_os("NYMTRAIL_WRITE_VECTORS").is_some() {
        std::fs::write(&path, format!("{:#}\n", Value::from(found.clone()))).unwrap();
    }
    let expected: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
}

#[test]
fn rows_in_any_order_and_packed_say_the_same() {
    let mut rows: Vec<Row> = (1..4).flat_map(|n| chain(n, 50)).collect();
    rows[60].erase();
    rows.sort();
    let dir = tempfile::tempdir().unwrap();
    let (_, sorted, _) = run(dir.path(), &["verify", "-", "--format", "json"], lines(&rows).as_bytes());
    rows.reverse();
    let (code, any, _) = run(dir.path(), &["verify", "-", "--format", "json"], lines(&rows).as_bytes());
    assert_eq!((code, &any), (0, &sorted));
    assert_eq!(run(dir.path(), &["verify", "-", "--format", "json"], &gzip(&lines(&rows))).1, sorted);
    let (one, other) = (lines(&rows[..70]), lines(&rows[70..]));
    let pack =
        |text: &str| ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    let packed = [pack(&one), pack(&other)].concat();
    assert_eq!(run(dir.path(), &["verify", "-", "--format", "json"], &packed).1, sorted);
    for cut in [5, 9, packed.len() / 2, packed.len() - 1] {
        let (code, out, err) = run(dir.path(), &["verify", "-"], &packed[..cut]);
        assert_eq!((code, out.as_str()), (1, ""), "{cut}");
        assert!(err.contains("[malformed_zstd]"), "{cut} {err}");
    }
}

#[test]
fn a_page_shows_what_became_of_each_chain() {
    let mut rows = [chain(1, 9), chain(2, 9)].concat();
    rows[3].erase();
    rows[14].body = Some("{}".into());
    let dir = tempfile::tempdir().unwrap();
    let args = ["verify", "-", "--report", "page.html", "--expect-size", &format!("{}=12", rows[0].chain)];
    let (code, _, err) = run(dir.path(), &args, lines(&rows).as_bytes());
    assert_eq!((code, err.as_str()), (2, ""));
    let page = std::fs::read_to_string(dir.path().join("page.html")).unwrap();
    for part in ["0 to 2 intact, 3 erased, 4 to 8 intact, 9 to 11 missing", "0 to 4 intact, 5 altered, 6 to 8 intact"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let (code, _, err) = run(dir.path(), &["verify", "-", "--report", "no/page.html"], lines(&rows).as_bytes());
    assert_eq!(code, 1);
    assert!(err.contains("[cannot_write]"), "{err}");
}
