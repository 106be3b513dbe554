//! The engine in a seeded world of pages, a store and an endpoint, with faults between any two steps.
//!
//! Always: chains verify; every captured event is accepted exactly once by a receiver that tells rows by their ids,
//! unless its page died before the store had it; requests with rows of two epochs are a minute apart, as far as the page
//! that makes them could have heard of the other one; the world comes to rest.
//!
//! `NYMTRAIL_SEEDS=1000000 cargo test --release --test simulation` runs more than the default; a seed that fails is
//! printed and becomes a named test.

#[path = "simulation/world.rs"]
mod world;

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use world::World;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn seeds() -> std::ops::Range<u64> {
    match number("NYMTRAIL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("NYMTRAIL_SEEDS").unwrap_or(10_000),
    }
}

fn check(seed: u64, faults: bool) {
    run(seed, faults, |world| world.run(300));
}

#[test]
fn no_event_is_given_up_when_pages_die_after_a_profile_was_restored() {
    let story = |world: &mut World| {
        world.run(60);
        world.back_up_or_restore();
        world.run(60);
        world.back_up_or_restore();
        // Somewhere in what follows the events are moved out of the chain that forked.
        for _ in 0..6 {
            world.run(30);
            world.crash();
        }
        world.rest_and_check();
        assert_eq!(world.refused(), 0, "events were given up");
    };
    let moved: u64 = seeds().step_by(5).map(|seed| run(seed, false, story).0).sum();
    assert!(moved > 0 || seeds().count() < 100, "no event met another history of its chain");
}

/// Runs a world, lets it come to rest and checks it; gives how many events were moved to another chain, how many roots
/// compared, and how many answers showed that the endpoint had more than the device.
fn run(seed: u64, faults: bool, story: impl FnOnce(&mut World) + std::panic::UnwindSafe) -> (u64, u64, u64) {
    let world = run_with(seed, faults, story);
    (world.moved(), world.roots, world.ahead)
}

fn run_with(seed: u64, faults: bool, story: impl FnOnce(&mut World) + std::panic::UnwindSafe) -> World {
    let result = std::panic::catch_unwind(|| {
        let mut world = World::new(seed, faults);
        story(&mut world);
        world.rest_and_check();
        world
    });
    result.unwrap_or_else(|panic| {
        println!("seed {seed} failed (faults: {faults})");
        std::panic::resume_unwind(panic)
    })
}

#[test]
fn nothing_is_lost_or_doubled_without_faults() {
    seeds().step_by(10).for_each(|seed| check(seed, false));
}

#[test]
fn nothing_acknowledged_is_lost_under_faults() {
    let roots: u64 = seeds().map(|seed| run(seed, true, |world| world.run(300)).1).sum();
    println!("{roots} roots were those of the endpoint's rows");
}

#[test]
fn with_a_pepper_every_alias_comes_with_what_lifts_it() {
    let lifted = AtomicUsize::new(0);
    for seed in seeds().step_by(20) {
        for (faults, restored) in [(true, false), (false, true)] {
            let story = |world: &mut World| {
                world.with_pepper();
                world.run(100);
                // Rows are moved to another chain after this.
                if restored {
                    world.back_up_or_restore();
                    world.run(60);
                    world.back_up_or_restore();
                }
                world.run(100);
                lifted.fetch_add(world.lifted as usize, Relaxed);
            };
            run(seed, faults, story);
        }
    }
    assert!(lifted.into_inner() > 0, "somebody signed in");
}

#[test]
fn a_collector_gets_everything_once_though_the_disk_is_full_as_pages_are_left() {
    let story = |world: &mut World| {
        world.at_a_collector();
        for at in 0..6 {
            world.fill_disk(at % 2 == 1);
            world.run(50);
        }
    };
    let moved: u64 = seeds().step_by(5).map(|seed| run(seed, true, story).0).sum();
    assert!(moved > 0 || seeds().count() < 100, "no event met another history of its chain");
}

#[test]
fn in_the_audience_profile_no_chain_is_of_two_visits() {
    let most = AtomicUsize::new(0);
    for seed in seeds().step_by(20) {
        let story = |world: &mut World| {
            world.in_audience();
            for wait in [20, 31, 5, 40, 240] {
                world.run(40);
                world.pass(wait);
            }
            world.run(40);
            world.rest_and_check();
            let visits = world.visits();
            for (chain, visits) in &visits {
                assert!(visits.len() <= 1, "{chain} is of {visits:?}");
            }
            most.fetch_max(visits.len(), Relaxed);
        };
        // Rows that a failing store keeps waiting into the next visit are linked again together with that one's.
        run(seed, false, story);
    }
    assert!(most.into_inner() > 3, "there were several visits");
}

#[test]
fn requests_of_two_epochs_are_a_minute_apart() {
    let (mut turns, mut unheard) = (0, 0);
    for seed in seeds().step_by(10) {
        for faults in [false, true] {
            let result = run_with(seed, faults, |world| {
                for wait in [650, 1, 45, 1_440, 20] {
                    world.run(40);
                    world.pass(wait);
                }
                world.run(40);
            });
            (turns, unheard) = (turns + result.turns.0, unheard + result.turns.1);
        }
    }
    assert!(turns > seeds().count() as u64 / 10, "{turns} times a request followed one of another epoch");
    assert!(unheard < turns / 20 + 5, "{unheard} of {turns} times a page had not heard of another one's request");
    println!("{turns} requests followed one of another epoch, {unheard} too soon for their page to have heard of that");
}

fn several_epochs(world: &mut World, seed: u64) {
    world.with_continuity();
    for wait in [650, 1_440, 45, 1_440, 1_440] {
        world.run(30);
        world.pass(wait);
        world.run(4);
        match seed % 3 {
            0 => world.cut_power(),
            1 => world.back_up_or_restore(),
            _ => {}
        }
    }
    world.run(30);
}

#[test]
fn who_waits_is_woken_although_a_lane_of_the_present_epoch_was_not_read_yet() {
    run_with(12_700, false, |world| several_epochs(world, 12_700));
}

#[test]
fn a_chain_that_goes_on_with_another_is_shown_to_and_nothing_is_lost_on_the_way() {
    let (mut both, mut one, mut moved) = (0, 0, 0);
    for seed in seeds().step_by(10) {
        for faults in [false, true] {
            let world = run_with(seed, faults, |world| several_epochs(world, seed));
            let found = world.check_openings();
            (both, one, moved) = (both + found.0, one + found.1, moved + world.moved());
        }
    }
    println!("{both} openings showed both ways, {one} one way; {moved} events were moved");
    assert!(both > seeds().count() as u64 / 10 && one > 0 || seeds().count() < 100, "{both} and {one} openings");
}

#[test]
fn nothing_is_lost_when_a_profile_is_restored() {
    let story = |world: &mut World| {
        world.run(60);
        world.back_up_or_restore();
        world.run(60);
        world.back_up_or_restore();
        world.run(60);
    };
    let (mut moved, mut ahead) = (0, 0);
    for seed in seeds().step_by(5) {
        let (more, _, shown) = run(seed, false, story);
        (moved, ahead) = (moved + more, ahead + shown);
    }
    assert!(moved > 0 || seeds().count() < 100, "no event met another history of its chain");
    assert!(ahead > 0 || seeds().count() < 100, "no receipt was larger than what a device had");
    println!("{moved} events were linked again, {ahead} receipts were larger");
}
