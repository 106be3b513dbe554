//! Kinds of tampering, 1,000 seeded instances of each, in every home of the verifier: the library and the command line here,
//! WASM and SQL in `tests/tampering`, from the files that [`program`] leaves in `target/tmp/tampering`.
//!
//! `NYMTRAIL_INSTANCES=50` makes fewer or more of each. `NYMTRAIL_TAMPERING='tail dropped#17'` makes that one alone, and
//! prints it.

mod cells;
mod device;
mod history;
mod honest;
mod library;
mod places;
mod program;
mod signed;
mod world;

use std::collections::HashSet;
use world::{Case, Said, World};

/// By which level of assurance a kind of tampering is caught first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// It is none.
    Honest,
    /// The rows alone show it.
    Chained,
    /// What the devices signed shows it; the rows alone don't.
    Signed,
    /// Receipts that the devices kept show it; neither the rows nor what the devices signed do.
    Receipted,
    /// None of these does.
    Nobody,
}

/// A kind of tampering, or of honest treatment.
struct Class {
    name: &'static str,
    level: Level,
    make: fn(&mut World) -> Case,
}

impl Class {
    /// One instance, always the same.
    fn instance(&self, number: u64) -> Case {
        let case = (self.make)(&mut World::new(self.name, number));
        self.check(number, &case);
        case
    }

    /// What an instance expects must be what its level promises.
    fn check(&self, number: u64, case: &Case) {
        let alone = case.expected.iter().any(|expected| matches!(expected.alone, Said::Tampered(..)));
        let signed = case.expected.iter().any(|expected| expected.signed.is_bad());
        let receipted = case.expected.iter().any(|expected| expected.receipted != Said::Receipted);
        let promised = match self.level {
            Level::Honest | Level::Nobody => (false, false, false),
            Level::Chained => (true, true, true),
            Level::Signed => (false, true, true),
            Level::Receipted => (false, false, true),
        };
        assert_eq!((alone, signed, receipted), promised, "{}", self.told(number));
    }

    /// How to see this instance.
    fn told(&self, number: u64) -> String {
        let name = self.name;
        format!("{name}, instance {number} (NYMTRAIL_TAMPERING='{name}#{number}' shows it)")
    }
}

fn classes() -> Vec<&'static Class> {
    [cells::CLASSES, places::CLASSES, history::CLASSES, signed::CLASSES, honest::CLASSES]
        .into_iter()
        .flatten()
        .collect()
}

/// How many instances of each class.
fn instances() -> u64 {
    std::env::var("NYMTRAIL_INSTANCES").map_or(1000, |text| text.parse().expect("NYMTRAIL_INSTANCES is a number"))
}

#[test]
fn the_table_is_as_large_as_promised() {
    let all = classes();
    let names: HashSet<_> = all.iter().map(|class| class.name).collect();
    assert_eq!(names.len(), all.len(), "two classes of one name would share their seeds");
    let of = |level| all.iter().filter(|class| class.level == level).count();
    let (honest, unsigned) = (of(Level::Honest), of(Level::Receipted) + of(Level::Nobody));
    let unseen = unsigned + of(Level::Signed);
    println!(
        "{} classes of tampering, {unseen} of them not seen by the rows alone, {unsigned} not by what devices sign; {honest} honest",
        all.len() - honest
    );
    assert!(all.len() - honest >= 36 && honest >= 6 && unseen >= 4 && unsigned >= 4 && of(Level::Signed) >= 6);
}
