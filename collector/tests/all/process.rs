//! The program `nymtrail serve` on a real socket.

use super::pepper::{bytes_in, found};
use super::support::*;
use flate2::{Compression, write::GzEncoder};
use nymtrail::core::pepper::alias;
use nymtrail::core::verify::Outcome;
use nymtrail_collector::store::Store;
use nymtrail_collector::verify::check_store;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running collector. Its file is `a.db` in the folder given.
struct Served {
    child: Child,
    address: String,
    output: BufReader<std::process::ChildStdout>,
}

impl Served {
    fn start(dir: &Path, more: &[&str]) -> Self {
        Self::start_as(Command::new(env!("CARGO_BIN_EXE_nymtrail")), dir, more)
    }

    fn start_as(mut program: Command, dir: &Path, more: &[&str]) -> Self {
        let mut child = program
            .args(["serve", "--listen", "127.0.0.1:0", "--db", "a.db"])
            .args(more)
            .current_dir(dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).expect(&line).split('/').next().unwrap().to_owned();
        Self { child, address, output }
    }

    fn call(&self, method: &str, path: &str, body: &[u8]) -> (u16, String) {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(20)))
            .build()
            .into();
        let url = format!("http://{}{path}", self.address);
        let response = match method {
            "GET" => agent.get(url).call(),
            _ => agent.post(url).content_type("text/plain").header("user-agent", "a-browser/7").send(body),
        };
        let mut response = response.unwrap();
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    }

    /// Stops it as a terminal or a service manager would. Returns what it printed after its first line, to the end.
    fn stop(mut self, signal: &str) -> (bool, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let mut printed = String::new();
        self.output.read_to_string(&mut printed).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut printed).unwrap();
        (self.child.wait().unwrap().success(), printed)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A chain of the epoch that is open in the real time of the process.
fn current_batch(served: &Served, rows: u64) -> String {
    let epoch = json(&served.call("GET", "/v1/epochs", b"").1)["epochs"][0]["id"].as_u64().unwrap();
    let rows = chain_of(1, rows, &format!(r#"{{"dep":"shop","ep":{epoch},"v":1,"x":"open"}}"#));
    batch_of("shop", epoch.into(), &rows)
}

#[test]
fn it_serves_stops_when_told_and_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(dir.path(), &[]);
    assert_eq!(served.call("GET", "/v1/health", b"").0, 200);
    let batch = current_batch(&served, 4);
    let (status, answer) = served.call("POST", "/v1/batch", batch.as_bytes());
    assert_eq!((status, &json(&answer)["stored"]), (200, &4.into()));
    let (clean, printed) = served.stop("-TERM");
    assert!(clean && printed.contains("Stopped."), "{printed}");

    let served = Served::start(dir.path(), &[]);
    let (status, answer) = served.call("POST", "/v1/batch", batch.as_bytes());
    assert_eq!((status, &json(&answer)["duplicate"]), (200, &4.into()));
    assert!(served.stop("-INT").0);
}

#[test]
fn what_is_kept_too_long_goes_when_it_starts() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(dir.path(), &[]);
    let batch = current_batch(&served, 4);
    assert_eq!(served.call("POST", "/v1/batch", batch.as_bytes()).0, 200);
    assert!(served.stop("-TERM").0);
    // As if it had come a day and a half ago.
    let db = rusqlite::Connection::open(dir.path().join("a.db")).unwrap();
    db.execute("UPDATE checkpoints SET at = at - 36 * 3600 * 1000", []).unwrap();
    let served = Served::start(dir.path(), &["--keep", "1d"]);
    let count =
        |what: &str| -> u64 { db.query_row(&format!("SELECT count(*) FROM {what}"), [], |row| row.get(0)).unwrap() };
    let (erased, due) = ("events WHERE body IS NULL", "settings WHERE name = 'forget'");
    for _ in 0..300 {
        if count(erased) == 3 && count(due) == 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!((count(erased), count(due)), (3, 0), "erased, and the files rewritten");
    let (clean, printed) = served.stop("-TERM");
    assert!(clean && printed.contains("older than 1d"), "{printed}");
}

#[test]
fn an_upload_of_ten_megabytes_gets_its_answer_and_not_a_reset() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(dir.path(), &[]);
    for _ in 0..3 {
        let (status, answer) = served.call("POST", "/v1/batch", &vec![b' '; 10_000_000]);
        assert_eq!((status, &json(&answer)["error"]["code"]), (413, &"body_too_large".into()));
    }
    // Without a length beforehand as well.
    let mut stream = TcpStream::connect(&served.address).unwrap();
    let head = "POST /v1/batch HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    for _ in 0..20 {
        stream.write_all(format!("{:x}\r\n{}\r\n", 100_000, " ".repeat(100_000)).as_bytes()).unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("body_too_large"), "{answer}");
}

/// What a few bytes unpack to is never held, let alone written anywhere.
#[cfg(target_os = "linux")]
#[test]
fn a_body_that_unpacks_to_a_gigabyte_costs_no_memory() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(dir.path(), &[]);
    assert_eq!(served.call("POST", "/v1/batch", current_batch(&served, 4).as_bytes()).0, 200);
    let peak = || -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", served.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let before = peak();
    let mut mebibyte = GzEncoder::new(Vec::new(), Compression::best());
    mebibyte.write_all(&[b' '; 1 << 20]).unwrap();
    let mebibyte = mebibyte.finish().unwrap();
    let bomb = mebibyte.repeat((1 << 20) / mebibyte.len());
    assert!(bomb.len() / mebibyte.len() > 900);
    for _ in 0..3 {
        let request = ureq::post(format!("http://{}/v1/batch", served.address)).config().http_status_as_error(false);
        let mut response = request.build().header("content-encoding", "gzip").send(&bomb[..]).unwrap();
        let answer = json(&response.body_mut().read_to_string().unwrap());
        assert_eq!((response.status().as_u16(), &answer["error"]["code"]), (413, &"body_too_large".into()));
    }
    let grown = peak() - before;
    assert!(grown < 12 << 10, "{grown} KiB more");
}

/// The system refuses to let a file grow: the failure comes where it comes on a full disk, also in the commit itself.
#[cfg(unix)]
#[test]
fn what_the_system_does_not_write_is_not_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    drop(Served::start(dir.path(), &[])); // the file and its first salts
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 600; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_nymtrail")]);
    let served = Served::start_as(shell, dir.path(), &[]);
    let epoch = json(&served.call("GET", "/v1/epochs", b"").1)["epochs"][0]["id"].as_u64().unwrap();
    let batches = (1..40).map(|n| {
        let rows = chain_of(n, 30, &format!(r#"{{"dep":"shop","ep":{epoch},"v":1,"x":"open"}}"#));
        (rows[0].chain.clone(), batch_of("shop", epoch.into(), &rows))
    });
    let batches: Vec<_> = batches.collect();
    let (mut taken, mut refused) = (Vec::new(), 0);
    for (chain, batch) in &batches {
        let (status, answer) = served.call("POST", "/v1/batch", batch.as_bytes());
        match status {
            200 => taken.push(chain.as_str()),
            _ => {
                assert_eq!((status, &json(&answer)["error"]["code"]), (503, &"unavailable".into()));
                refused += 1;
            }
        }
    }
    assert!(taken.len() > 3 && refused > 3, "{} taken, {refused} refused", taken.len());
    drop(served); // killed, as if the power went

    let served = Served::start(dir.path(), &[]);
    let kept = Store::read(&dir.path().join("a.db")).unwrap();
    let report = check_store(&kept).unwrap();
    assert_eq!(report.verdict, Outcome::Holds);
    for chain in taken {
        assert!(
            report.chains.iter().any(|found| found.chain == chain && found.rows == 30),
            "an acknowledged chain is lost"
        );
    }
    for (_, batch) in &batches {
        assert_eq!(served.call("POST", "/v1/batch", batch.as_bytes()).0, 200);
    }
    assert_eq!(check_store(&kept).unwrap().chains.len(), batches.len());
}

#[test]
fn nothing_that_tells_who_sent_it_is_kept_or_logged() {
    let dir = tempfile::tempdir().unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_nymtrail"));
    program.env("RUST_LOG", "trace");
    let served = Served::start_as(program, dir.path(), &["--allow-origin", "https://who.example"]);
    let batch = current_batch(&served, 3);
    let send = |body: &[u8]| {
        let request = ureq::post(format!("http://{}/v1/batch?who=query", served.address)).config();
        let request = request.http_status_as_error(false).user_agent("who-browser/7").build();
        let request = request.header("x-forwarded-for", "192.0.2.77").header("forwarded", "for=192.0.2.77");
        let request = request.header("cookie", "id=who-cookie").header("referer", "https://who.example/me");
        request
            .header("origin", "https://who.example")
            .header("accept-language", "who-LANG")
            .send(body)
            .unwrap()
            .status()
    };
    assert_eq!(send(batch.as_bytes()), 200);
    assert_eq!(send(b"{\"who\""), 400);
    let foreign = batch.replace("\"deployment\":\"shop\"", "\"deployment\":\"who\"");
    assert_eq!(send(foreign.as_bytes()), 403);
    let broken = batch.replace("view", "who");
    assert_eq!(send(broken.as_bytes()), 409);
    let (_, printed) = served.stop("-TERM");
    assert!(printed.contains("batch") && printed.contains("DEBUG"), "the log tells of the batch: {printed}");
    let mut kept = printed.into_bytes();
    let mut folders = vec![dir.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                kept.extend(std::fs::read(path).unwrap());
            }
        }
    }
    for trace in ["who", "192.0.2", "127.0.0.1"] {
        assert!(!kept.windows(trace.len()).any(|part| part == trace.as_bytes()), "{trace}");
    }
}

#[test]
fn a_pepper_is_kept_apart_and_nothing_of_a_veil_is_kept_or_logged() {
    let dir = tempfile::tempdir().unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_nymtrail"));
    program.env("RUST_LOG", "trace");
    let file = dir.path().join("a.db.pepper");
    let old = "5f3a".repeat(16);
    std::fs::write(&file, format!("7 {old}\n")).unwrap();
    let served = Served::start_as(program, dir.path(), &["--pepper"]);
    let mut tries = 0..400;
    while std::fs::read_to_string(&file).unwrap().contains(&old) {
        assert!(tries.next().is_some(), "what is due is destroyed");
        std::thread::sleep(Duration::from_millis(50));
    }
    let epoch = json(&served.call("GET", "/v1/epochs", b"").1)["epochs"][0]["id"].as_u64().unwrap();
    let mut rows = chain_of(1, 2, &format!(r#"{{"dep":"shop","ep":{epoch},"v":1,"x":"open"}}"#));
    let (veil, first) = ("bOj28XHjvBQZLGUNf_M0bQ", "p1.0kjgA_5tMJc05lhIFTSs9Q");
    let body = format!(r#"{{"k":"track","n":"view","u":"{}"}}"#, alias(veil, first));
    rows.push(head(&rows[1]).append(body, "0a".repeat(16), NOW + 9));
    let batch = batch_of("shop", epoch.into(), &rows);
    let send = |veil: &str| {
        let batch = format!("{},\"veil\":\"{veil}\"}}]}}", batch.strip_suffix("}]}").unwrap());
        let (status, answer) = served.call("POST", "/v1/batch", batch.as_bytes());
        (status, json(&answer)["veils"]["lifted"].as_u64())
    };
    for wrong in [format!("{veil} {first}x"), format!("{first} {veil}"), format!("{veil} {first} {first}\\\\")] {
        assert_eq!(send(&wrong), (200, Some(0)), "{wrong}");
    }
    // A batch and rows that are refused, too.
    assert_eq!(send(&format!("{veil} {first}\\x")), (400, None));
    assert_eq!(send(&format!("{veil} {first}\",\"veil\":\"{first}")).0, 207);
    assert_eq!(send(&format!("{veil} {first}")), (200, Some(1)));

    let (code, shown, _) = run(dir.path(), &["keys", "show", "--db", "a.db"], b"");
    let lines: Vec<_> = shown.lines().rev().take(3).collect();
    assert!(code == 0 && lines[2] == "Peppers, by epoch:" && lines[1].contains(" 7  destroyed 20"), "{shown}");
    assert_eq!(lines[0], format!("{epoch:>8}  kept"));
    let (code, rotated, _) = run(dir.path(), &["keys", "rotate", "--db", "a.db"], b"");
    assert!(code == 0 && rotated.contains("No pepper is due"), "{rotated}");
    let (_, printed) = served.stop("-TERM");
    assert!(printed.contains("DEBUG") && printed.contains("destroyed the pepper"), "{printed}");
    let pepper = std::fs::read_to_string(&file).unwrap();
    let pepper = pepper.lines().find(|line| line.starts_with(&epoch.to_string())).unwrap();
    std::fs::write(dir.path().join("printed"), printed + &shown + &rotated).unwrap();
    let all = bytes_in(dir.path());
    for secret in [veil, first] {
        assert_eq!(found(secret, &all), [""; 0], "{secret}");
    }
    let digits = pepper.split(' ').nth(1).unwrap();
    let times = all.windows(64).filter(|part| *part == digits.as_bytes()).count();
    assert_eq!((digits.len(), times), (64, 1), "the pepper is in its file alone");
    assert!(!all.windows(64).any(|part| part == old.as_bytes()), "and the old one nowhere");
}

#[test]
fn nobody_listening_to_what_it_says_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let mut served = Served::start(dir.path(), &[]);
    let (read, write) = std::io::pipe().unwrap();
    drop(write);
    served.output = BufReader::new(std::process::ChildStdout::from(std::os::fd::OwnedFd::from(read)));
    assert_eq!(served.call("GET", "/v1/health", b"").0, 200);
    let (clean, printed) = served.stop("-TERM");
    assert!(clean && printed.is_empty(), "{printed}");
}

#[test]
fn the_demo_can_damage_one_event_see_it_found_and_repair_it() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("www")).unwrap();
    std::fs::write(dir.path().join("www/index.html"), "<title>shop</title>").unwrap();
    let served = Served::start(dir.path(), &["--demo", "--www", "www"]);
    assert_eq!(served.call("GET", "/../a.db", b"").0, 404);
    assert_eq!(served.call("GET", "/%2e%2e/a.db", b"").0, 404);
    assert_eq!(served.call("GET", "/", b""), (200, "<title>shop</title>".into()));
    let missing = served.call("GET", "/nothing.js", b"");
    assert_eq!((missing.0, &json(&missing.1)["error"]["code"]), (404, &"not_found".into()));
    let nothing = served.call("POST", "/v1/demo/damage", b"");
    assert_eq!((nothing.0, &json(&nothing.1)["error"]["code"]), (409, &"nothing_to_damage".into()));

    served.call("POST", "/v1/batch", current_batch(&served, 7).as_bytes());
    let before = served.call("GET", "/v1/rows", b"").1;
    assert_eq!(before.lines().count(), 7);
    assert_eq!(json(&served.call("GET", "/v1/verify", b"").1)["verdict"], "holds");

    let damaged = json(&served.call("POST", "/v1/demo/damage", b"").1);
    let verdict = json(&served.call("GET", "/v1/verify", b"").1);
    assert_eq!((&verdict["verdict"], &verdict["level"]), (&"tampered".into(), &"chained".into()));
    let found = &verdict["chains"][0];
    assert_eq!((&found["chain"], &found["first_bad"]), (&damaged["chain"], &damaged["seq"]));
    assert_eq!(found["class"], "bad_link");
    let rows = served.call("GET", &format!("/v1/rows?chain={}", damaged["chain"].as_str().unwrap()), b"").1;
    assert_eq!(before.lines().zip(rows.lines()).filter(|(a, b)| a != b).count(), 1);

    let repaired = json(&served.call("POST", "/v1/demo/repair", b"").1);
    assert_eq!(repaired["repaired"][0]["seq"], damaged["seq"]);
    assert_eq!(served.call("GET", "/v1/rows", b"").1, before);
}

#[test]
fn what_can_not_start_says_why_and_exits_with_1() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(dir.path(), &["--deployment", "shop"]);
    let run = |more: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_nymtrail")).arg("serve").args(more).current_dir(dir.path()).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(1), "{more:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let taken = served.address.as_str();
    assert!(run(&["--db", "b.db", "--listen", taken]).contains("[cannot_listen]"));
    assert!(run(&["--db", "a.db", "--deployment", "blog", "--listen", taken]).contains("[store_deployment]"));
    assert!(run(&["--db", "a.db", "--epoch", "week", "--listen", taken]).contains("[store_period]"));
    assert!(run(&["--db", "b.db", "--demo", "--listen", "0.0.0.0:0"]).contains("[demo_on_loopback]"));
    assert!(run(&["--db", "nowhere/b.db"]).contains("[cannot_read]"));
    std::fs::create_dir_all(dir.path().join("www/below")).unwrap();
    for db in ["a.db", "b.db", "www/b.db", "www/below/b.db", "www/../b.db"] {
        assert!(run(&["--db", db, "--www", ".", "--listen", taken]).contains("[store_in_www]"), "{db}");
    }
    assert!(run(&["--db", "www/b.db", "--www", "www/below/.."]).contains("[store_in_www]"));
    assert!(run(&["--db", "b.db", "--www", "www", "--listen", taken]).contains("[cannot_listen]"), "beside it is well");
    assert!(run(&["--db", "b.db", "--www", "www", "--pepper", "www/pepper"]).contains("[store_in_www]"));
    std::fs::write(dir.path().join("pepper"), "20781 5f3a\n").unwrap();
    for file in ["pepper", "nowhere/pepper", "www"] {
        assert!(run(&["--db", "b.db", "--pepper", file, "--listen", taken]).contains("[pepper_file]"), "{file}");
    }
    for wrong in
        [["--deployment", "My Shop"], ["--allow-origin", "shop.example"], ["--max-body", "lots"], ["--epoch", "never"]]
    {
        assert!(run(&wrong).contains("Usage") || run(&wrong).contains("--help"), "{wrong:?}");
    }
}
