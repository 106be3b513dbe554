//! Rows with each kind of damage, and what the command line says of them: tests/vectors/verify.json. `js/test/verify.test.ts`
//! reads the same file, so that the same damage has the same words in both.

use super::support::*;
use nymtrail::core::hex;
use nymtrail::core::note::{Note, Signed};
use nymtrail::core::opening::next_key;
use nymtrail::core::row::Row;
use nymtrail_collector::signing::NoteKey;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

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

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors")
}

fn vector(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(vectors().join(name)).unwrap()).unwrap()
}

/// What the command line says of a case of signed.json.
fn judge(case: &Value) -> (i32, Value) {
    let dir = tempfile::tempdir().unwrap();
    let text = |name: &str| case[name].as_str().unwrap();
    let list = |name: &str| case[name].as_array().unwrap().iter().map(|one| one.as_str().unwrap());
    let mut args = vec!["verify", "-", "--format", "json"];
    let files: Vec<_> = list("openings").enumerate().map(|(at, opening)| (format!("opening{at}"), opening)).collect();
    for (name, opening) in &files {
        std::fs::write(dir.path().join(name), opening).unwrap();
        args.extend(["--opening", name]);
    }
    list("keys").for_each(|key| args.extend(["--key", key]));
    if !text("receipts").is_empty() {
        std::fs::write(dir.path().join("receipts"), text("receipts")).unwrap();
        args.extend(["--receipts", "receipts"]);
    }
    let (code, out, _) = run(dir.path(), &args, text("text").as_bytes());
    let mut says: Value = serde_json::from_str(&out).unwrap();
    if let Some(Value::Object(error)) = says.get_mut("error") {
        error.remove("message");
    }
    (code, says)
}

/// What an independent program expects of what was signed, erased and opened: tests/vectors/signed.py.
#[test]
fn what_was_signed_elsewhere_is_judged_as_expected() {
    let vector = vector("signed.json");
    for case in vector["cases"].as_array().unwrap() {
        let (code, says) = judge(case);
        let expected = &case["expected"];
        let erasures = says["chains"].as_array().into_iter().flatten().find_map(|chain| chain.get("erasures"));
        for (name, value) in expected.as_object().unwrap() {
            let found = if name == "erasures" { erasures.unwrap_or(&Value::Null) } else { &says[name] };
            match value.as_object().filter(|_| name == "erasures") {
                Some(some) => some.iter().for_each(|(name, value)| assert_eq!(&found[name], value, "{}", case["name"])),
                None => assert_eq!(found, value, "{}: {name}", case["name"]),
            }
        }
        let word = expected["verdict"].as_str().unwrap_or_default();
        let exit = match word {
            "" => 1,
            "holds" => 0,
            "unchecked" | "half_erased" => 3,
            _ => 2,
        };
        assert_eq!(code, exit, "{}", case["name"]);
    }
    let (r, pk) = (vector["nx"]["r"].as_str().unwrap(), vector["nx"]["pk"].as_str().unwrap());
    assert_eq!(next_key(r, pk).hex(), vector["nx"]["nx"]);
    for note in vector["notes"].as_array().unwrap() {
        let origin = note["text"].as_str().unwrap().lines().next().unwrap();
        let chain = origin.strip_prefix("shop/").unwrap();
        let rows = vector["cases"].as_array().unwrap().iter().flat_map(|case| case["text"].as_str().unwrap().lines());
        let genesis = rows.filter_map(Row::parse).find(|row| row.chain == chain && row.seq == 0).unwrap();
        let key = NoteKey::of_genesis(origin, &genesis).unwrap();
        assert_eq!(note["id"], hex::encode(&key.id()));
        assert_eq!(key.judge(&Note::parse(note["note"].as_str().unwrap()).unwrap()), Signed::At(0));
    }
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
        found.push(json!({"name": name, "exit": code, "text": text, "says": says}));
    }
    for case in vector("signed.json")["cases"].as_array().unwrap() {
        let (code, says) = judge(case);
        found.push(json!({"of": case["name"], "exit": code, "says": says}));
    }
    let path = vectors().join("verify.json");
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
