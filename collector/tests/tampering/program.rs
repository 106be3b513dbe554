//! All instances in one file, through the program. Every instance has chains of its own, so each is judged by itself.
//!
//! The files stay in `target/tmp/tampering`, where the tests of the other homes find them, with what they must say.

use super::library::agrees;
use super::world::{Case, Expected, Said, signer};
use super::{Class, Level, classes, instances};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn run(dir: &Path, args: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_nymtrail")).args(args).current_dir(dir).output().unwrap();
    let code = status.code().unwrap_or(-1);
    assert!(code == 0 || code == 2 || code == 3, "exit code {code}: {}", String::from_utf8_lossy(&stderr));
    (code, String::from_utf8(stdout).unwrap())
}

/// As another home must say it.
fn words(said: Said) -> Value {
    match said {
        Said::Nothing => json!({"verdict": null}),
        Said::Holds => json!({"verdict": "holds", "level": "chained"}),
        Said::Receipted => json!({"verdict": "holds", "level": "receipted"}),
        Said::Tampered(at, damage) => json!({"verdict": "tampered", "first_bad": at, "class": damage.as_str()}),
        Said::Rewritten => json!({"verdict": "rewritten"}),
        Said::Forked => json!({"verdict": "forked"}),
        Said::Truncated(rows) => json!({"verdict": "truncated", "missing_tail": rows}),
        Said::Dropped => json!({"verdict": "dropped"}),
        Said::Forged => json!({"verdict": "forged"}),
    }
}

/// What is written for one instance: lines of rows, receipts and checkpoints, and what is expected.
struct Files {
    dir: PathBuf,
    rows: BufWriter<std::fs::File>,
    receipts: BufWriter<std::fs::File>,
    checkpoints: BufWriter<std::fs::File>,
    expected: BufWriter<std::fs::File>,
    known: HashMap<String, (String, Expected)>,
    unchecked: u64,
}

impl Files {
    fn new(name: &str) -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tampering").join(name);
        std::fs::create_dir_all(&dir).unwrap();
        let file = |name: &str| BufWriter::new(std::fs::File::create(dir.join(name)).unwrap());
        let (rows, receipts) = (file("rows.ndjson"), file("receipts.ndjson"));
        let (checkpoints, expected) = (file("checkpoints.ndjson"), file("expected.ndjson"));
        Self { dir, rows, receipts, checkpoints, expected, known: HashMap::new(), unchecked: 0 }
    }

    fn add(&mut self, class: &Class, number: u64, case: Case) {
        for row in &case.rows {
            writeln!(self.rows, "{}", row.line()).unwrap();
        }
        for receipt in &case.receipts {
            writeln!(self.receipts, "{}", json!(receipt.note)).unwrap();
            if receipt.genuine {
                let line = json!({"chain": receipt.chain, "size": receipt.size, "head": receipt.head});
                writeln!(self.checkpoints, "{line}").unwrap();
            }
        }
        for expected in case.expected {
            let line = json!({"class": class.name, "instance": number, "chain": expected.chain,
                "alone": words(expected.alone), "receipted": words(expected.receipted)});
            writeln!(self.expected, "{line}").unwrap();
            let before = self.known.insert(expected.chain.clone(), (class.told(number), expected));
            assert!(before.is_none(), "{}: a chain of two instances", class.told(number));
        }
        self.unchecked += case.unchecked;
    }

    fn finish(&mut self) {
        for file in [&mut self.rows, &mut self.receipts, &mut self.checkpoints, &mut self.expected] {
            file.flush().unwrap();
        }
    }
}

fn write(name: &str, chosen: impl Fn(&Class) -> bool) -> (Files, u64) {
    let (mut files, mut count) = (Files::new(name), 0);
    for number in 0..instances() {
        // Of all classes in turn, so that a class is spread over the file.
        for class in classes(true).into_iter().filter(|class| chosen(class)) {
            files.add(class, number, class.instance(number));
            count += 1;
        }
    }
    files.finish();
    (files, count)
}

/// The verdict of the program on each chain of the file.
fn judge(files: &Files, with_receipts: bool) -> i32 {
    let key = signer().vkey().to_string();
    let more = ["--key", &key, "--receipts", "receipts.ndjson"];
    let args = ["verify", "rows.ndjson", "--format", "json"];
    let (code, out) = run(&files.dir, &[&args[..], if with_receipts { &more[..] } else { &[] }].concat());
    let report: Value = serde_json::from_str(&out).unwrap();
    let found: HashMap<&str, &Value> =
        report["chains"].as_array().unwrap().iter().map(|chain| (chain["chain"].as_str().unwrap(), chain)).collect();
    for (chain, (told, expected)) in &files.known {
        let here = if with_receipts { expected.receipted } else { expected.alone };
        let found = found.get(chain.as_str()).copied();
        assert!(agrees(here, found), "{told}, receipts: {with_receipts}: {expected:?}, but found {found:?}");
    }
    let unknown = found.keys().find(|chain| !files.known.contains_key(**chain));
    assert_eq!(unknown, None, "a chain that nobody made");
    assert_eq!(report["unchecked"], if with_receipts { files.unchecked } else { 0 });
    code
}

#[test]
fn all_instances_in_one_file_are_judged_rightly_by_the_program() {
    let (files, count) = write("tampered", |class| class.level != Level::Honest);
    assert_eq!((judge(&files, false), judge(&files, true)), (2, 2));
    let (honest, honest_count) = write("honest", |class| class.level == Level::Honest);
    // Among them are rows whose salt is still to be erased.
    assert_eq!((judge(&honest, false), judge(&honest, true)), (3, 3));
    println!(
        "program: {count} tampered and {honest_count} honest instances, {} chains",
        files.known.len() + honest.known.len()
    );
}

/// One instance a process, so that the exit code is its own.
#[test]
fn each_class_has_its_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let key = signer().vkey().to_string();
    for (number, class) in (0..).zip(classes(false)) {
        let Case { rows, receipts, expected, unchecked, half_erased } = class.instance(number);
        let lines: String = rows.iter().map(|row| row.line() + "\n").collect();
        let notes: Vec<_> = receipts.iter().map(|receipt| receipt.note.as_str()).collect();
        std::fs::write(dir.path().join("rows"), lines).unwrap();
        std::fs::write(dir.path().join("kept"), notes.join("\n")).unwrap();
        if rows.is_empty() && receipts.is_empty() {
            panic!("{}: nothing to judge", class.told(number));
        }
        let is_bad = |said: Said| !matches!(said, Said::Nothing | Said::Holds | Said::Receipted);
        if !rows.is_empty() {
            let code = run(dir.path(), &["verify", "rows"]).0;
            let is_bad = expected.iter().any(|expected| is_bad(expected.alone));
            let unfinished = if half_erased > 0 { 3 } else { 0 };
            assert_eq!(code, if is_bad { 2 } else { unfinished }, "{}", class.told(number));
        }
        if !receipts.is_empty() {
            let args = ["verify", "rows", "--receipts", "kept", "--key", &key, "--require", "receipted"];
            let is_below =
                unchecked + half_erased > 0 || expected.iter().any(|expected| expected.receipted != Said::Receipted);
            let code = if expected.iter().any(|expected| is_bad(expected.receipted)) {
                2
            } else if is_below {
                3
            } else {
                0
            };
            assert_eq!(run(dir.path(), &args).0, code, "{}", class.told(number));
        }
    }
}
