//! Beside the way: who tunnels, who floods, and what is asked most.
//!
//! ```text
//! worker: a miss is answered ─► tap ─┐
//!         one of many answers ─► tap ─┤  rings ─► watcher (a thread) ─► detector ─┬─► board: detections, top names and clients
//! worker: … ─────────────────────────┘                                          ├─► a line in the log
//!         a miss begins ◄─ refused? ◄──────────────── sentences ◄────────────────┘
//! ```
//!
//! A tunnel is seen where it must show itself: each of its questions is for a name that nobody has asked before, so each is a miss. What is told
//! of misses is scored by client and registered domain. Nothing here answers, and nothing that answers waits for it: a ring that is full loses
//! observations, and a counter says how many. A front hit costs a decrement and a branch.
//!
//! The tunnel that nobody sees is the one that says so little that a host would, too; [the manual](crate::manual::detection) has the table of what is seen
//! and how soon.
//!
//! - `observation` what is told.
//! - `domain`, `exempt`, `charset` (with `bigrams`) what a name says: whose it is, whether that matters, what it is made of.
//! - `window`, `pair`, `table` what is remembered.
//! - `rules` when that is a tunnel. `clients` floods and storms. `top` what is asked most.
//! - `detector` all of these together, without threads and clocks.
//! - `board`, `sentence` what comes of it.
//! - `tap`, `watcher` the two ends of the rings.

mod observation;

mod bigrams;
mod charset;
mod domain;
mod exempt;

mod pair;
mod table;
mod window;

mod clients;
mod rules;
mod top;

mod detector;

mod board;
mod sentence;

mod tap;
mod watcher;

pub use board::{Action, Board, Detection, MOST_SHOWN, REMEMBERED};
pub use charset::{Charset, Shape};
pub use detector::{Detector, Found, Settings};
pub use exempt::Exempt;
pub use observation::{Kind, Observation};
pub use rules::{CONVICTS, Rule};
pub use sentence::{Sentence, Sentences, Severity};
pub use table::PAIRS;
pub use tap::Tap;
pub use top::Top;
pub use watcher::{Names, Watch};
