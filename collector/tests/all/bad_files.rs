//! Files that are damaged, absurd or hostile, through the program: an error with its code and its line, exit code 1, never a
//! panic, and never the word `holds`.

use super::support::*;
use nymtrail::core::row::Row;
use nymtrail_collector::store::{Expected, Store};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What the program must answer: the code, and the line if it is about one.
type Expect = (&'static str, Option<u64>);

fn lines(rows: &[Row]) -> String {
    rows.iter().map(|row| row.line() + "\n").collect()
}

/// Runs `verify` on standard input, in both forms of output.
fn refused(dir: &Path, what: &str, input: &[u8], (code, line): Expect) {
    let (exit, out, err) = run(dir, &["verify", "-"], input);
    assert_eq!((exit, out.as_str()), (1, ""), "{what}: {err}");
    let place = line.map_or(String::new(), |line| format!("line {line}: "));
    assert!(err.starts_with(&format!("nymtrail: {place}")) && err.contains(&format!("[{code}]")), "{what}: {err}");
    assert!(!err.contains("panic") && !err.contains("holds"), "{what}: {err}");
    let (exit, out, _) = run(dir, &["verify", "-", "--format", "json"], input);
    let found: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((exit, &found["error"]["code"], &found["error"]["line"]), (1, &json!(code), &json!(line)), "{what}");
    assert_eq!(found.get("verdict"), None, "{what}");
}

#[test]
fn each_bad_file_has_its_code_and_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let rows = chain(1, 4);
    let text = lines(&rows);
    let third = rows[2].line();
    let with = |from: &str, to: &str| {
        let changed = third.replacen(from, to, 1);
        assert_ne!(changed, third, "{from}");
        text.replace(&third, &changed).into_bytes()
    };
    let bytes = |before: &[u8], after: &[u8]| [text.as_bytes(), before, after].concat();
    let malformed = |line| ("malformed_row", Some(line));
    let deep = |open: &str, close: &str| format!("{}0{}", open.repeat(50_000), close.repeat(50_000)).into_bytes();
    let packed = gzip(&text);
    let header = "chain,seq,link,t,gprev,salt,body,bc\n";
    let cases: Vec<(&str, Vec<u8>, Expect)> = vec![
        ("nothing", vec![], ("no_rows", None)),
        ("blank lines", b"\n \r\n\t\n".to_vec(), ("no_rows", None)),
        ("a word", b"rows".to_vec(), malformed(1)),
        ("cut in the first row", text.as_bytes()[..60].to_vec(), malformed(1)),
        ("cut in the last row", text.as_bytes()[..text.len() - 9].to_vec(), malformed(4)),
        ("a bracket behind the rows", bytes(b"]\n", b""), malformed(5)),
        ("two rows on a line, the second cut", with("}", &format!("}} {}", &third[..40])), malformed(3)),
        ("no seq", with("\"seq\":2,", ""), malformed(3)),
        ("seq below 0", with("\"seq\":2", "\"seq\":-1"), malformed(3)),
        ("seq beyond 2^53", with("\"seq\":2", "\"seq\":9007199254740992"), malformed(3)),
        ("seq beyond 2^64", with("\"seq\":2", "\"seq\":18446744073709551616"), malformed(3)),
        ("seq beyond any number", with("\"seq\":2", "\"seq\":1e999"), malformed(3)),
        ("seq as hex", with("\"seq\":2", "\"seq\":\"0x2\""), malformed(3)),
        ("seq with a half", with("\"seq\":2", "\"seq\":2.5"), malformed(3)),
        ("seq as a list", with("\"seq\":2", "\"seq\":[2]"), malformed(3)),
        ("seq twice", with("\"seq\":2", "\"seq\":2,\"seq\":2"), malformed(3)),
        ("t below 0", with("\"t\":", "\"t\":-"), malformed(3)),
        ("body as JSON", with("\"body\":\"", "\"body\":{},\"x\":\""), malformed(3)),
        ("a raw NUL", with("view", "vi\0ew"), malformed(3)),
        ("a NUL between rows", bytes(b"\0\n", text.as_bytes()), malformed(5)),
        ("an escape that is none", with("view", "vi\\xew"), malformed(3)),
        ("half a surrogate", with("view", "vi\\ud800ew"), malformed(3)),
        ("not UTF-8", bytes(b"{\"chain\":\"\xff\xfe\"}\n", b""), ("invalid_utf8", Some(5))),
        (
            "UTF-16",
            "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect(),
            ("invalid_utf8", Some(1)),
        ),
        ("lists, deep", deep("[", "]"), malformed(1)),
        ("objects, deep", deep("{\"a\":", "}"), malformed(1)),
        ("rows, then something deep", bytes(&deep("[", "]"), b""), malformed(5)),
        (
            "deep in a member beside a row",
            with("\"seq\"", &format!("\"x\":{},\"seq\"", "[".repeat(9999))),
            malformed(3),
        ),
        ("gzip cut in its head", packed[..7].to_vec(), ("malformed_gzip", None)),
        ("gzip cut in the middle", packed[..packed.len() / 2].to_vec(), ("malformed_gzip", None)),
        ("gzip without its end", packed[..packed.len() - 4].to_vec(), ("malformed_gzip", None)),
        ("something behind gzip", [&packed[..], b"more"].concat(), ("malformed_gzip", None)),
        ("gzip in gzip", gzip_bytes(&packed), ("invalid_utf8", Some(1))),
        ("CSV with a field too few", format!("{header}{},2\n", rows[0].chain).into_bytes(), malformed(2)),
        ("CSV that is not UTF-8", [header.as_bytes(), b"\xff,0,a,1,,,,\n"].concat(), ("invalid_utf8", Some(2))),
        ("CSV whose seq is none", format!("{header}{0},x,{0},5,,,,\n", rows[0].chain).into_bytes(), malformed(2)),
        ("CSV with its header alone", header.as_bytes().to_vec(), ("no_rows", None)),
    ];
    for (what, input, expect) in &cases {
        refused(dir.path(), what, input, *expect);
    }
    for missing in ["none", ".", "none/none"] {
        let (exit, out, err) = run(dir.path(), &["verify", missing], b"");
        assert!(exit == 1 && out.is_empty() && err.contains("[cannot_read]"), "{missing}: {err}");
    }
}

fn gzip_bytes(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// What is read as rows but can't be: it is judged, never passed.
#[test]
fn what_only_looks_like_rows_never_holds() {
    let dir = tempfile::tempdir().unwrap();
    let rows = chain(1, 4);
    type Change = (&'static str, fn(&mut Row));
    let changes: [Change; 8] = [
        ("a link that is not hex", |row| row.link = "zz".repeat(32)),
        ("a link too short", |row| row.link.truncate(10)),
        ("a chain that is not hex", |row| row.chain = "me@example.org".into()),
        ("a salt that is not hex", |row| row.salt = Some("é".repeat(16))),
        ("a NUL in the body", |row| row.body = Some("\0".into())),
        ("the highest seq", |row| row.seq = (1 << 53) - 1),
        ("the highest time", |row| row.t = (1 << 53) - 1),
        ("a gprev that is not hex", |row| row.gprev = Some("g".into())),
    ];
    for (what, change) in changes {
        for at in [0, 2] {
            // On a later row nobody asks for gprev.
            if at == 0 || !what.contains("gprev") {
                let mut all = rows.clone();
                change(&mut all[at]);
                let (exit, out, err) = run(dir.path(), &["verify", "-"], lines(&all).as_bytes());
                assert_eq!(exit, 2, "{what}: {err}");
                assert!(out.contains("TAMPERED") && !out.contains(": holds"), "{what}: {out}");
            }
        }
    }
    // The last line lost as a whole is a shorter chain, and only a size or a receipt says so.
    let cut = lines(&rows[..3]);
    assert_eq!(run(dir.path(), &["verify", "-"], cut.as_bytes()).0, 0);
    assert_eq!(run(dir.path(), &["verify", "-", "--expect-size", "4"], cut.as_bytes()).0, 2);
}

/// Runs `verify` with so little memory that none of these inputs has room in it, and gives it one as long as `length`.
fn fed(start: &[u8], again: &[u8], length: u64) -> (Option<i32>, String) {
    // 300 MB of addresses are enough for the program and its largest pieces.
    let limited = format!("ulimit -v 300000; exec '{}' verify -", env!("CARGO_BIN_EXE_nymtrail"));
    let mut child = Command::new("sh")
        .args(["-c", &limited])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let block = again.repeat((1 << 20) / again.len());
    let mut written = start.len() as u64;
    // It may have seen enough before the end.
    let mut open = input.write_all(start).is_ok();
    while open && written < length {
        open = input.write_all(&block).is_ok();
        written += block.len() as u64;
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
#[cfg(target_os = "linux")]
fn a_line_of_a_gigabyte_takes_no_memory_of_that_size() {
    const GIGABYTE: u64 = 1 << 30;
    let header = b"chain,seq,link,t,gprev,salt,body,bc\n";
    let cases: [(&str, &[u8], &[u8], &str); 8] = [
        ("a word", b"", b"x", "line 1: "),
        ("a body", b"\n{\"body\":\"", b"a", "line 2: "),
        ("a name", b"{\"", b"a", "line 1: "),
        ("escapes", b"[\n\"", b"\\n", "line 2: "),
        ("a text behind rows", b"{\"a\":1}\n{\"b\":[\"\",\n\n\"", b"a", "line 4: "),
        ("digits", b"[1", b"1", "line 1: "),
        ("a field of CSV", header, b"a", "line 2: "),
        ("a quoted field of CSV", b"chain,seq,link\n\"", b"\n", "line 2: "),
    ];
    for (what, start, again, place) in cases {
        // So many digits are read to their end, which takes its time; 64 MiB of them say the same.
        let length = if what == "digits" { GIGABYTE >> 4 } else { GIGABYTE };
        let (exit, err) = fed(start, again, length);
        assert_eq!(exit, Some(1), "{what}: {err}");
        assert!(err.contains(place) && err.contains("[malformed_row]"), "{what}: {err}");
    }
    let (exit, err) = fed(b"", b" ", GIGABYTE);
    assert!(exit == Some(1) && err.contains("[no_rows]"), "{err}");
}

#[test]
#[cfg(target_os = "linux")]
fn what_unpacks_to_gigabytes_takes_no_memory_of_that_size() {
    // A megabyte packed, 512 times over.
    for (byte, code) in [(b' ', "[no_rows]"), (0, "[malformed_row]"), (b'[', "[malformed_row]")] {
        let packed = gzip_bytes(&vec![byte; 1 << 20]).repeat(512);
        let (exit, err) = fed(&packed, b"x", 0);
        assert!(exit == Some(1) && err.contains(code), "{byte}: {err}");
    }
}

#[test]
fn prove_and_verify_of_what_is_no_store_or_no_proof() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let store = Store::open(&path, &Expected::default()).unwrap();
    let sqlite = std::fs::read(&path).unwrap();
    drop(store);
    let id = chain(1, 1)[0].chain.clone();
    let files: [(&str, Vec<u8>); 5] = [
        ("empty.db", vec![]),
        ("text.db", b"no store".to_vec()),
        ("head.db", b"SQLite format 3\0".to_vec()),
        ("cut.db", sqlite[..sqlite.len().min(2048)].to_vec()),
        ("zeros.db", [b"SQLite format 3\0".to_vec(), vec![0; 8192]].concat()),
    ];
    for (name, bytes) in files {
        std::fs::write(dir.path().join(name), bytes).unwrap();
        for args in [vec!["prove", &id, "0", "--db", name], vec!["verify", name]] {
            let (exit, out, err) = run(dir.path(), &args, b"");
            assert!(
                exit == 1 && out.is_empty() && err.contains('[') && !err.contains("panicked"),
                "{args:?}: {exit} {err}"
            );
        }
    }
    for (chain, seq, code) in [
        (id.as_str(), "0", "[no_chain]"),
        ("", "0", "[no_chain]"),
        ("zz", "0", "[no_chain]"),
        ("%", "0", "[no_chain]"),
        (&"0".repeat(9999), "0", "[no_chain]"),
        (&id, "18446744073709551615", "[no_chain]"),
    ] {
        let (exit, _, err) = run(dir.path(), &["prove", chain, seq, "--db", "a.db"], b"");
        assert!(exit == 1 && err.contains(code), "{chain} {seq}: {err}");
    }
    for seq in ["-1", "x", "18446744073709551616"] {
        assert_ne!(run(dir.path(), &["prove", &id, seq, "--db", "a.db"], b"").0, 0);
    }
    let proof = |text: &str| "c2sp.org/tlog-proof@v1\n".to_owned() + text;
    for (what, text, line) in [
        ("nothing behind its head", proof(""), 2),
        ("no base64", proof("extra !\n"), 2),
        ("an index that is none", proof("extra YQ==\nindex -1\n"), 2),
        ("a path of a gigabyte", proof(&("extra YQ==\nindex 0\n".to_owned() + &"A".repeat(2 << 20))), 2),
    ] {
        let (exit, out, err) = run(dir.path(), &["verify", "-"], text.as_bytes());
        let place = format!("line {line}: ");
        assert!(
            exit == 1 && out.is_empty() && err.contains("[malformed_proof]") && err.contains(&place),
            "{what}: {err}"
        );
    }
}
