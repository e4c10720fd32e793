//! The core beside a reference model of consent and of the outbox: whatever happens, at two daemons over one versioned store, with
//! crashes between any two steps, redeliveries and clocks that are set, both say the same and no promise is broken.
//!
//! `ASSENT_MODEL_STEPS` plays that many steps, from seeds that nobody chose; a failure names its seed, and `ASSENT_MODEL_SEED`
//! plays that one again.

#![allow(clippy::unwrap_used)]

#[path = "model/chance.rs"]
mod chance;
#[path = "model/daemon.rs"]
mod daemon;
#[path = "model/found.rs"]
mod found;
#[path = "model/happenings.rs"]
mod happenings;
#[path = "model/promises.rs"]
mod promises;
#[path = "model/reference.rs"]
mod reference;
#[path = "model/world.rs"]
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use world::World;

/// Steps of one world: a few months of one patient.
const STEPS: u64 = 400;
/// Worlds that are played in every run of the tests.
const WORLDS: u64 = 250;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("it is a number"))
}

fn play(seed: u64) {
    let mut world = World::new(seed);
    let played = catch_unwind(AssertUnwindSafe(|| {
        for _ in 0..STEPS {
            world.step();
        }
    }));
    if let Err(panic) = played {
        eprintln!("ASSENT_MODEL_SEED={seed}, after:\n{}", world.told());
        resume_unwind(panic);
    }
}

#[test]
fn the_core_does_what_the_reference_does_and_breaks_no_promise() {
    if let Some(seed) = number("ASSENT_MODEL_SEED") {
        return play(seed);
    }
    match number("ASSENT_MODEL_STEPS") {
        None => (0..WORLDS).for_each(play),
        Some(steps) => {
            let first = getrandom::u64().unwrap() >> 8;
            for played in 0..steps.div_ceil(STEPS) {
                play(first + played);
                if (played + 1) % 2_500 == 0 {
                    eprintln!("{} steps", (played + 1) * STEPS);
                }
            }
        }
    }
}
