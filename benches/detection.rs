//! How well tunnels are told from what nodes ask anyway: the table of the manual.
//!
//! ```text
//! cargo run --release --example detection -- [SESSIONS [QUERIES]]
//! ```
//!
//! Everything follows from the seed that is printed; another may be given as `NODENS_SEED`.

#![expect(clippy::print_stdout, reason = "it is what this program is for")]

#[path = "detection/mod.rs"]
#[expect(dead_code, reason = "tests use another part of it")]
mod detection;

use detection::evaluate::{ROWS, SEED, try_benign, try_row, types};

fn main() {
    let argument = |number, usual| std::env::args().nth(number).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (sessions, queries): (u64, u64) = (argument(1, 200), argument(2, 10_000_000));
    let seed = std::env::var("NODENS_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(SEED);
    let quiet = try_benign(seed, queries);
    println!(
        "without tunnels: seed {seed}, {} queries, {} misses, {:.2} node-weeks: {} alerts ({:.2} a week), {} sentences, {} pairs forgotten\n",
        quiet.counts[0],
        quiet.counts[1],
        quiet.weeks,
        quiet.alerts.len(),
        quiet.alerts.len() as f64 / quiet.weeks,
        quiet.blocks,
        quiet.evicted
    );
    for alert in quiet.alerts.iter().take(20) {
        println!("  {alert}");
    }
    println!("seed {SEED}, {sessions} sessions a row\n");
    println!("| program | types | encoding | a query in | found | precision | recall | median s | median bytes | by |");
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for (number, row) in ROWS.iter().enumerate() {
        let outcome = try_row(number, row, sessions);
        let middle = |sorted: &[u64]| sorted.get(sorted.len() / 2).copied().unwrap_or(0);
        let pace = if row.plan.interval_ms == 0 {
            "its own pace".to_owned()
        } else {
            format!("{} s", row.plan.interval_ms as f64 / 1_000.0)
        };
        let rules: Vec<_> = outcome.rules.keys().copied().collect();
        let precision = outcome.found as f64 / (outcome.found as f64 + quiet.alerts.len() as f64).max(1.0);
        println!(
            "| {} | {} | {} | {pace} | {} of {sessions} | {:.3} | {:.3} | {} | {} | {} |",
            row.name,
            types(&row.plan),
            row.plan.encoding,
            outcome.found,
            precision,
            outcome.found as f64 / sessions as f64,
            middle(&outcome.seconds),
            middle(&outcome.bytes),
            rules.join(", ")
        );
    }
}
