//! How to change something.
//!
//! # The way of a change
//!
//! 1. Say in a sentence what will be different for whom. If it is for operators, that sentence goes into `packaging/CHANGELOG.md`.
//! 2. Find the place: [`flow`](super::flow) leads from what happens to a query to the module that decides it; [`processes`](super::processes) and
//!    the map at the top of the crate lead to all else.
//! 3. Write the test that fails (below), then the change.
//! 4. `tests/run --quick` while you work: unit and integration tests (the first run builds cargo-nextest, which takes minutes); a single one by
//!    `cargo nextest run NAME`. `tests/run` before you offer it: format, lints, documentation, all tests. It ends with a count and names what
//!    it could not run.
//! 5. Commit: an imperative subject, then problem, solution and validation where they are not obvious. A claim about speed carries the
//!    figures before and after, from the same session.
//!
//! # The rules in ten lines
//!
//! 1. One file, one idea: 150 to 400 lines, never above 600; tests above 100 lines stand in a file beside.
//! 2. A module's documentation says what it does, which step it is, what it leaves to others on purpose, and which RFCs it follows.
//! 3. Every item has a line of documentation; a limit also has its unit, range, default and source. A guessed number says that it is one.
//! 4. A step imports [`sys`](crate::sys), [`wire`](crate::wire), configuration values and counters, never another step.
//! 5. Times and seeds are arguments. Only [`sys::clock`](crate::sys::clock) reads a clock.
//! 6. `unsafe` only in [`sys`](crate::sys), each block with the invariant it relies on.
//! 7. Bytes from the network never panic: checked access, no `unwrap`; `expect` states the invariant.
//! 8. Everything is bounded, and each bound is counted when it is met.
//! 9. Expected outcomes are enums, not errors. An error says who is to blame and whether to go on.
//! 10. Comments give reasons and rejected ways, never what the line does. Exceptions from lints are `#[expect(…, reason = "…")]`.
//!
//! # Where a test goes
//!
//! | it shows | place |
//! |---|---|
//! | a function does what its documentation says | beside it, in `src` |
//! | the daemon does something that an operator or a client can see | `tests/integration` |
//! | a clause of an RFC is kept | `tests/conformance`, the file of that RFC; the name of the test is the behaviour |
//! | it works with somebody else's server or client, or needs a network of its own | `tests/system` |
//! | a rule of the house | `tests/repo` |
//!
//! `tests/README.md` has the commands and what each kind needs. No test sleeps: it waits for a condition, or holds tokio's clock. Every
//! port is 0, every folder temporary.
//!
//! # Add an option
//!
//! 1. A `Setting` in `src/config/options/serving.rs` or `forwarding.rs`: section, key, kind with range, default, one paragraph of documentation.
//!    From it come the reading, the mistakes and the reference file.
//! 2. A field in the struct of its section ([`config`](crate::config)), filled in `sections.rs`, `upstream.rs` or `zone.rs`, and written back
//!    in `render.rs`. What only makes sense between two options is checked there, too.
//!    What is made of it at the start alone also stands in `running.rs`: a reload keeps it and says so.
//! 3. `cargo run -- generate config > config/nodens.toml`. A test compares them.
//! 4. Why the default is what it is: a row in [`defaults`](super::defaults).
//!
//! The unit tests of `config` go through the whole table: each default prints and reads back, each bound is refused one beyond it.
//!
//! # Add a metric
//!
//! A line in `src/metrics/event.rs` names the event, its family and its label; a new family is one entry in `family.rs` with its help text.
//! Count it where it happens: [`WorkerMetrics::count`] or [`WorkerMetrics::upstream`]. What CoreDNS has a name for keeps that name.
//! No label may carry a name, a client or anything else that a stranger chooses. `NODENS_WRITE=1 cargo nextest run --test repo` writes the chapter on metrics
//! anew. Worth an alert? Then it gets a rule and its test in `packaging/prometheus`, and a row in [`alerts`](super::alerts).
//!
//! # Add a log line
//!
//! `tracing`'s macros, with a short constant text and fields for what varies: `warn!(%address, %error, "cannot listen")`. Whatever a query or a
//! connection can trigger first asks [`LogLimiter::admits`] with its [`Topic`]; names from the wire go through [`escaped`]. What clients
//! ask is not logged. Each warning and error has a row in [`operations`](super::operations) that says what to do about it, and what
//! operators see first a row in [`troubleshooting`](super::troubleshooting), with a test that brings it about.
//!
//! # Take in a library
//!
//! It must do something that is hard to do right, be maintained, and be worth its tree. The reason stands beside it in `Cargo.toml`.
//!
//! [`LogLimiter::admits`]: crate::log::LogLimiter::admits
//! [`Topic`]: crate::log::Topic
//! [`WorkerMetrics::count`]: crate::metrics::WorkerMetrics::count
//! [`WorkerMetrics::upstream`]: crate::metrics::WorkerMetrics::upstream
//! [`escaped`]: crate::log::escaped
