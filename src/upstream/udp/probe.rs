//! What a fuzz target does with the part that judges a server's datagrams: nothing else has a use for it, and no socket is in it.

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::letters::{self, Query};
use crate::wire::message::Outgoing;

/// A query in a datagram, and how its answer is known.
pub struct Letter {
    /// The query as it leaves.
    query: Query,
    /// The question as it was asked.
    question: Vec<u8>,
}

/// What a datagram is to a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// Its answer.
    Answer,
    /// Its answer but for the letter case.
    OtherCase,
    /// Not its answer.
    Foreign,
}

impl Letter {
    /// The query with this ID; the letter case follows from the seed, and is not random without one.
    #[must_use]
    pub fn new(query: &Outgoing, id: u16, seed: Option<u64>) -> Self {
        let mut random = StdRng::seed_from_u64(seed.unwrap_or(0));
        let written = Query::new(query.as_bytes(), query.question_end(), id, seed.is_some(), &mut random);
        Self { query: written, question: query.question().to_vec() }
    }

    /// The datagram that leaves.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        self.query.message()
    }

    /// What a datagram that came back with its ID is.
    #[must_use]
    pub fn judge(&self, datagram: &[u8]) -> Judged {
        match self.query.judge(datagram) {
            letters::Verdict::Answer => Judged::Answer,
            letters::Verdict::OtherCase => Judged::OtherCase,
            letters::Verdict::Foreign => Judged::Foreign,
        }
    }

    /// What goes on of one that is its answer.
    #[must_use]
    pub fn keep(&self, datagram: &[u8], limit: usize) -> Vec<u8> {
        let mut kept = self.query.keep(datagram, limit);
        letters::restore_question(&mut kept, &self.question);
        kept
    }
}
