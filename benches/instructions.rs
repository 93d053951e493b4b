//! Runs a routine a given number of times and nothing else: what `gate` counts instructions of.
//!
//! `instructions NAME CALLS`; without arguments, the names.

#![expect(clippy::print_stdout, reason = "the names are what it is asked for")]

mod routines;

use std::env;

use routines::ALL;

/// As in the daemon: the allocator is part of what is counted.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let [name, calls] = &arguments[..] else {
        ALL.iter().for_each(|routine| println!("{}\t{}", routine.name, routine.what));
        return;
    };
    let calls: u64 = calls.parse().expect("the number of calls is a number");
    let routine = ALL.iter().find(|routine| routine.name == name).expect("the routine is one of those listed");
    let mut call = (routine.prepare)();
    (0..calls).for_each(|_| call());
}
