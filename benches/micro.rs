//! How long each routine takes here and now: the best and the middle of many short runs. For a look, not for a gate: see `instructions`.
//!
//! `cargo bench --bench micro [-- NAME...]`

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

mod routines;

use std::env;

use nodens::sys::clock;
use routines::ALL;

/// Runs of each routine.
const RUNS: usize = 50;

/// Nanoseconds that a run should take: short enough that most see no interruption.
const RUN: u64 = 2_000_000;

fn main() {
    let wanted: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    println!("{:<18} {:>9} {:>9}  what", "routine", "best ns", "median ns");
    for routine in ALL.iter().filter(|routine| wanted.is_empty() || wanted.iter().any(|name| name == routine.name)) {
        let mut call = (routine.prepare)();
        let mut run = |calls: u64| {
            let begun = clock::now();
            (0..calls).for_each(|_| call());
            u64::try_from(clock::now().since(begun).as_nanos()).unwrap_or(u64::MAX)
        };
        // Whole multiples of 1,024, since some routines do their work once in so many calls.
        let calls = (RUN * 1024 / run(1024).max(1)).next_multiple_of(1024);
        let mut times: Vec<f64> = (0..RUNS).map(|_| run(calls) as f64 / calls as f64).collect();
        times.sort_by(f64::total_cmp);
        println!("{:<18} {:>9.1} {:>9.1}  {}", routine.name, times[0], times[RUNS / 2], routine.what);
    }
}
