//! How much the detectors find of a corpus, how much they take for what it is not, and how long hostile text takes.
//! The corpus is made by tests/vectors/detectors.py. To see the figures:
//!
//! ```sh
//! cargo test --release --test detectors -- --nocapture
//! ```
#![cfg(not(target_arch = "wasm32"))]

use nymtrail::core::{
    detect::{Off, WORDS},
    scrub,
    taint::Taint,
};
use serde_json::Value;
use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

fn corpus() -> Value {
    serde_json::from_str(include_str!("vectors/detectors.json")).unwrap()
}

fn scrubbed(text: &str) -> String {
    scrub::text(text, &Taint::new([1; 32]), Off::default())
}

fn word(kind: &str) -> String {
    format!("[{}]", if matches!(kind, "jwt" | "key") { "token" } else { kind })
}

/// A text of the corpus. The bar keeps scanners for leaked keys from taking ours for real ones.
fn text(kind: &str, text: &Value) -> String {
    let text = text.as_str().unwrap();
    if kind == "key" { text.replace('|', "") } else { text.into() }
}

#[test]
fn personal_data_is_found() {
    let corpus = corpus();
    println!("{:<12}{:>8}{:>8}{:>10}{:>10}", "kind", "texts", "found", "recall", "exactly");
    for (kind, least) in [
        ("email", 1.0),
        ("iban", 1.0),
        ("ip", 1.0),
        ("ssn", 1.0),
        ("jwt", 1.0),
        ("key", 1.0),
        ("gps", 0.95),
        ("card", 0.8),
        ("phone", 0.95),
    ] {
        let cases = corpus["personal"][kind].as_array().unwrap();
        let (mut found, mut exactly) = (0, 0);
        for case in cases {
            let (text, value) = (text(kind, &case["text"]), text(kind, &case["value"]));
            let out = scrubbed(&text);
            // Nothing of the value may be left, not only the whole.
            let rest = out.replace(&word(kind), "");
            let left = value.split(|c: char| !c.is_alphanumeric()).any(|part| part.len() > 3 && rest.contains(part));
            if out.contains(&word(kind)) && !left {
                found += 1;
            } else {
                println!("  missed {kind}: {text} -> {out}");
            }
            exactly += usize::from(out == text.replace(&value, &word(kind)));
        }
        let recall = f64::from(found) / cases.len() as f64;
        println!("{kind:<12}{:>8}{found:>8}{:>9.1}%{exactly:>10}", cases.len(), 100.0 * recall);
        assert!(cases.len() >= 90 && recall >= least, "{kind}: {recall}");
    }
}

#[test]
fn personal_data_in_disguise_is_found() {
    let corpus = corpus();
    let cases = corpus["disguised"].as_array().unwrap();
    assert_eq!(cases.len(), 240);
    let missed: Vec<_> = cases
        .iter()
        .filter(|case| !scrubbed(case["text"].as_str().unwrap()).contains(&word(case["kind"].as_str().unwrap())))
        .collect();
    println!("in disguise: {} of {} found", cases.len() - missed.len(), cases.len());
    // Of phones, those of seven digits are not looked for.
    let (phones, others): (Vec<_>, Vec<_>) = missed.into_iter().partition(|case| case["kind"] == "phone");
    assert!(others.is_empty() && phones.len() <= 3, "{others:?}, {phones:?}");
}

#[test]
fn what_only_looks_like_it_stays() {
    let corpus = corpus();
    println!("{:<24}{:>8}{:>10}{:>8}", "clean", "texts", "replaced", "");
    for (kind, most) in [
        ("timestamp", 0.0),
        ("uuid", 0.0),
        ("price", 0.0),
        ("version", 0.0),
        ("sentence", 0.03),
        ("bare four-part version", 1.0),
    ] {
        let cases = corpus["clean"][kind].as_array().unwrap();
        let mut replaced = 0;
        for case in cases.iter().filter_map(Value::as_str) {
            let out = scrubbed(case);
            if out != case {
                replaced += 1;
                if kind != "bare four-part version" {
                    println!("  {kind}: {case} -> {out}");
                }
            }
        }
        let share = f64::from(replaced) / cases.len() as f64;
        println!("{kind:<24}{:>8}{replaced:>10}{:>7.1}%", cases.len(), 100.0 * share);
        assert!(cases.len() >= 100 && share <= most, "{kind}: {share}");
    }
}

#[test]
fn a_detector_can_be_switched_off() {
    let samples = [
        "ann@example.org",
        "52.5163, 13.3777",
        "+49 711 123456",
        "4111 1111 1111 1111",
        "219-09-9999",
        "DE89 3704 0044 0532 0130 00",
        "192.0.2.7",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
    ];
    for (kind, (sample, word)) in samples.iter().zip(WORDS).enumerate() {
        assert_eq!(scrubbed(sample), word);
        for (off, other) in WORDS.iter().enumerate() {
            let out = scrub::text(sample, &Taint::new([1; 32]), Off(1 << off));
            assert_eq!(out, if off == kind { sample } else { word }, "{sample} without {other}");
        }
    }
}

/// The time this thread has had a processor, where Linux says so: on a busy machine it waits for longer than it works.
fn cpu_time() -> Duration {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    let worked = std::fs::read_to_string("/proc/thread-self/schedstat");
    let worked = worked.ok().and_then(|text| text.split(' ').next().and_then(|time| time.parse().ok()));
    worked.map_or_else(|| BEGAN.get_or_init(Instant::now).elapsed(), Duration::from_nanos)
}

/// What makes each scanner look far, begin often, or nearly find something.
const HOSTILE: [&str; 26] = [
    "a",
    "@",
    "a@",
    "a@b.",
    "a@a.bc ",
    "1",
    "1 ",
    "4111 ",
    "4111-",
    "+1 (",
    "+",
    "aa11 ",
    "DE89370400440532013",
    "1.",
    "1.2.3.4.",
    "a:",
    "::",
    "1:2::",
    "1.2345, ",
    "-1.2345,",
    "eyJ.",
    "eyJa.eyJa ",
    "bearer ",
    "sk-",
    "%2541",
    "QUFBQUFBQUFB/",
];

#[test]
fn hostile_text_takes_linear_time() {
    let taint = Taint::new([1; 32]);
    let time = |text: &str| {
        let began = cpu_time();
        std::hint::black_box(scrub::unlimited(text, &taint, Off::default()));
        cpu_time() - began
    };
    let mut slowest = (Duration::ZERO, "");
    let width = "\u{ff11}\u{200b}".to_owned();
    for unit in HOSTILE.into_iter().chain([width.as_str()]) {
        // Of the same remainder, as an odd number of digits is no hex and costs less.
        let half = unit.repeat((1 << 17) / unit.len() * 4);
        let text = half.repeat(2);
        // Quadratic time would be 4 times as much. A busy machine may be late once, not each time.
        let mut fastest = Duration::MAX;
        let linear = (0..5).any(|_| {
            let whole = time(&text);
            fastest = fastest.min(whole);
            whole < time(&half) * 3 + Duration::from_millis(2)
        });
        assert!(linear, "{unit:?} repeated");
        slowest = slowest.max((fastest, unit));
    }
    println!("1 MB of hostile text, the slowest of {}: {:?} ({:?} repeated)", HOSTILE.len() + 1, slowest.0, slowest.1);
}
