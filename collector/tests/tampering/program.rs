//! All instances in one file, through the program. Every instance has chains of its own, so each is judged by itself.
//!
//! The files stay in `target/tmp/tampering`, where the tests of the other homes find them, with what they must say.

use super::library::agrees;
use super::world::{Case, Expected, Said, With, signer};
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
        Said::Signed => json!({"verdict": "holds", "level": "signed"}),
        Said::Receipted => json!({"verdict": "holds", "level": "receipted"}),
        Said::Tampered(at, damage) => json!({"verdict": "tampered", "first_bad": at, "class": damage.as_str()}),
        Said::Rewritten => json!({"verdict": "rewritten"}),
        Said::Forked => json!({"verdict": "forked"}),
        Said::Truncated(rows) => json!({"verdict": "truncated", "missing_tail": rows}),
        Said::Dropped => json!({"verdict": "dropped"}),
        Said::Forged => json!({"verdict": "forged"}),
    }
}

/// What is written for one instance: lines of rows, receipts, notes of devices and checkpoints, and what is expected.
struct Files {
    dir: PathBuf,
    rows: BufWriter<std::fs::File>,
    receipts: BufWriter<std::fs::File>,
    notes: BufWriter<std::fs::File>,
    checkpoints: BufWriter<std::fs::File>,
    expected: BufWriter<std::fs::File>,
    known: HashMap<String, (String, Expected)>,
    unchecked: u64,
    keyless: u64,
}

impl Files {
    fn new(name: &str) -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tampering").join(name);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("key"), signer().vkey().to_string()).unwrap();
        let file = |name: &str| BufWriter::new(std::fs::File::create(dir.join(name)).unwrap());
        let (rows, receipts, notes) = (file("rows.ndjson"), file("receipts.ndjson"), file("notes.ndjson"));
        let (checkpoints, expected) = (file("checkpoints.ndjson"), file("expected.ndjson"));
        Self { dir, rows, receipts, notes, checkpoints, expected, known: HashMap::new(), unchecked: 0, keyless: 0 }
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
        for note in &case.notes {
            writeln!(self.notes, "{}", json!(note)).unwrap();
        }
        for expected in case.expected {
            let line = json!({"class": class.name, "instance": number, "chain": expected.chain,
                "alone": words(expected.alone), "signed": words(expected.signed), "receipted": words(expected.receipted)});
            writeln!(self.expected, "{line}").unwrap();
            let before = self.known.insert(expected.chain.clone(), (class.told(number), expected));
            assert!(before.is_none(), "{}: a chain of two instances", class.told(number));
        }
        self.unchecked += case.unchecked;
        self.keyless += case.keyless;
    }

    fn finish(&mut self) {
        for file in [&mut self.rows, &mut self.receipts, &mut self.notes, &mut self.checkpoints, &mut self.expected] {
            file.flush().unwrap();
        }
    }
}

fn write(name: &str, chosen: impl Fn(&Class) -> bool) -> (Files, u64) {
    let (mut files, mut count) = (Files::new(name), 0);
    for number in 0..instances() {
        // Of all classes in turn, so that a class is spread over the file.
        for class in classes().into_iter().filter(|class| chosen(class)) {
            files.add(class, number, class.instance(number));
            count += 1;
        }
    }
    files.finish();
    (files, count)
}

/// The verdict of the program on each chain of the file.
fn judge(files: &Files, with: With) -> i32 {
    let key = signer().vkey().to_string();
    let (more, unchecked) = match with {
        With::Nothing => (vec![], 0),
        With::Notes => (vec!["--receipts", "notes.ndjson"], files.keyless),
        With::Receipts => (vec!["--key", &key, "--receipts", "receipts.ndjson"], files.unchecked),
    };
    let args = ["verify", "rows.ndjson", "--format", "json"];
    let (code, out) = run(&files.dir, &[&args[..], &more].concat());
    let report: Value = serde_json::from_str(&out).unwrap();
    let found: HashMap<&str, &Value> =
        report["chains"].as_array().unwrap().iter().map(|chain| (chain["chain"].as_str().unwrap(), chain)).collect();
    for (chain, (told, expected)) in &files.known {
        let found = found.get(chain.as_str()).copied();
        assert!(agrees(expected.with(with), found), "{told}, with {with:?}: {expected:?}, but found {found:?}");
    }
    let unknown = found.keys().find(|chain| !files.known.contains_key(**chain));
    assert_eq!(unknown, None, "a chain that nobody made");
    assert_eq!(report["unchecked"], unchecked, "with {with:?}");
    code
}

#[test]
fn all_instances_in_one_file_are_judged_rightly_by_the_program() {
    let (files, count) = write("tampered", |class| class.level != Level::Honest);
    assert_eq!(With::ALL.map(|with| judge(&files, with)), [2; 3]);
    let (honest, honest_count) = write("honest", |class| class.level == Level::Honest);
    // Among them are rows whose salt is still to be erased.
    assert_eq!(With::ALL.map(|with| judge(&honest, with)), [3; 3]);
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
    for (number, class) in (0..).zip(classes()) {
        let case = class.instance(number);
        let Case { rows, expected, half_erased, .. } = &case;
        let lines: String = rows.iter().map(|row| row.line() + "\n").collect();
        std::fs::write(dir.path().join("rows"), lines).unwrap();
        if rows.is_empty() && case.receipts.is_empty() {
            panic!("{}: nothing to judge", class.told(number));
        }
        for with in With::ALL {
            let (given, level) = (case.given(with), if with == With::Notes { "signed" } else { "receipted" });
            std::fs::write(dir.path().join("kept"), given.join("\n")).unwrap();
            let more = ["--receipts", "kept", "--key", &key, "--require", level];
            let reached = |said| matches!(said, Said::Signed | Said::Receipted) || with == With::Nothing;
            let code = if expected.iter().any(|expected| expected.with(with).is_bad()) {
                2
            } else if case.unchecked(with) + half_erased > 0 || !expected.iter().all(|it| reached(it.with(with))) {
                3
            } else {
                0
            };
            if given.is_empty() != (with == With::Nothing) || rows.is_empty() && code != 2 {
                continue;
            }
            let args = [&["verify", "rows"][..], if with == With::Nothing { &[] } else { &more }].concat();
            assert_eq!(run(dir.path(), &args).0, code, "{}, with {with:?}", class.told(number));
        }
    }
}
