//! Evaluations a second, and whether their time depends on what is evaluated. Part of `npm run bench:oprf`.

use nymtrail::ports::Entropy;
use nymtrail_oprf::{Blind, Key};
use std::hint::black_box;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

struct System;

impl Entropy for System {
    fn fill(&mut self, bytes: &mut [u8]) {
        if getrandom::fill(bytes).is_err() {
            std::process::abort();
        }
    }
}

/// So long each is measured.
const SPAN: Duration = Duration::from_secs(2);
/// Pairs whose times are compared.
const PAIRS: usize = 20_000;

/// The time that this thread has had a processor, where Linux tells; on a busy machine the clock says little.
fn processor() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}

fn blinded(n: u32) -> Option<Blind> {
    Blind::new(Zeroizing::new(n.to_be_bytes().to_vec()), &mut System).ok()
}

fn main() {
    let Ok(key) = Key::random(&mut System) else { return };
    let blinds: Vec<Blind> = (0..64).filter_map(blinded).collect();
    for batch in [1, 16] {
        let (begun, before, mut done) = (Instant::now(), processor(), 0);
        while begun.elapsed() < SPAN {
            for part in blinds.chunks(batch) {
                let elements = part.iter().map(|blind| blind.element().as_slice());
                done += black_box(key.evaluate(elements, &mut System)).map_or(0, |(answers, _)| answers.len());
            }
        }
        let had = processor().zip(before).map_or(begun.elapsed(), |(after, before)| after - before);
        let rate = f64::from(u32::try_from(done).unwrap_or(u32::MAX)) / had.as_secs_f64();
        println!("{batch:>2} with a proof for all: {rate:.0} evaluations a second of a processor");
    }

    // Welch's t between one element and others, in turn so that both meet the same noise; the slowest tenth is left out.
    let mut times = [Vec::with_capacity(PAIRS), Vec::with_capacity(PAIRS)];
    for n in 0..PAIRS {
        for class in [n & 1, (n & 1) ^ 1] {
            let Some(blind) = blinds.get(if class == 0 { 0 } else { 1 + n % 63 }) else { return };
            let begun = Instant::now();
            let _ = black_box(key.evaluate(std::iter::once(blind.element().as_slice()), &mut System));
            times[class].push(begun.elapsed().as_secs_f64() * 1e6);
        }
    }
    let [one, others] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times.truncate(PAIRS * 9 / 10);
        let count = times.len() as f64;
        let mean = times.iter().sum::<f64>() / count;
        let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    });
    let t = (one.0 - others.0) / (one.1 + others.1).sqrt();
    println!("one element {:.2} us, others {:.2} us, Welch's t {t:.2} (suspicious from 4.5)", one.0, others.0);
}
