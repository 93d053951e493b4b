//! What clients see while something goes wrong between the daemon and its servers, or with what these servers say.
//!
//! bind9, unbound and dnsdist stand behind a proxy that delays, loses, cuts and breaks (`common/chaos`), or a server of the test says what
//! no server should. Every query must get an answer that parses, to the question that was asked, before the client has lost patience; names
//! in memory must be answered whatever happens; and nothing that was not asked for may be passed on or kept.
//!
//! The tests in [`network`] print the rows of the table in the manual's chapter on faults; `tests/system/chaos_table` collects them.

mod hostile;
mod network;
mod outage;
mod stream;
mod truncation;
