//! What makes an answer hard to forge beside the port: the ID and the letter case of the question.
//!
//! A forger who cannot see our queries has to guess both (RFC 5452 section 9.2, draft-vixie-dnsext-dns0x20). Bytes only: no I/O,
//! no clock. Names are never parsed: octets of length are below 64 and letters above, so they cannot be taken for each other.

use std::time::Duration;

use rand::{Rng, RngExt};

use crate::sys::clock::Moment;
use crate::wire::header::option;

/// Octets of a header (RFC 1035 section 4.1.1).
pub(super) const HEADER: usize = 12;

/// Octets of the type and class that end a question (RFC 1035 section 4.1.2).
const TYPE_AND_CLASS: usize = 4;

/// The shortest header with a question: the root's name, type and class.
const SHORTEST: usize = HEADER + 1 + TYPE_AND_CLASS;

/// The longest header with a question (RFC 1035 section 2.3.4: names of 255 octets).
const LONGEST: usize = HEADER + 255 + TYPE_AND_CLASS;

/// Octets of an OPT record without options (RFC 6891 section 6.1.2).
const BARE_OPT: usize = 11;

/// The bit in which the cases of an ASCII letter differ.
const CASE: u8 = 0x20;

/// Format error: what servers older than EDNS answer, some without the question (RFC 6891 section 7).
const FORMERR: u8 = 1;

/// Not implemented: likewise.
const NOTIMP: u8 = 4;

/// Answers with other letters than ours, one after the other, after which a server gets lower-case names.
///
/// One could be a forgery; three need three forgeries that meet port and ID with no right answer between them. A guess.
const STRIKES: u8 = 3;

/// How long a server gets lower-case names before it is tried again; it may have been replaced. A guess.
const REPROBE: Duration = Duration::from_secs(3600);

//------ Query -------------------------------------------------------------------------------------------------------------------

/// One query as it leaves, and how to know its answer.
pub(super) struct Query {
    /// The whole message.
    message: Vec<u8>,
    /// Where the question ends. Invariant: between [`SHORTEST`] and [`LONGEST`], at most the message's length.
    question_end: usize,
    /// Whether the letters of the name are a secret that the answer must repeat.
    secret_case: bool,
}

/// What a datagram is to a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its answer.
    Answer,
    /// Its answer but for the letter case: of a server that does not repeat it, or forged.
    OtherCase,
    /// Not its answer.
    Foreign,
}

impl Query {
    /// Whether `message` can be a query whose question ends at `question_end`.
    pub(super) const fn is_sound(message: &[u8], question_end: usize) -> bool {
        SHORTEST <= question_end && question_end <= LONGEST && question_end <= message.len()
    }

    /// A copy of `template` with this ID and, if `randomize`, with random letter case.
    pub(super) fn new(template: &[u8], question_end: usize, id: u16, randomize: bool, random: &mut impl Rng) -> Self {
        let mut message = template.to_vec();
        message[..2].copy_from_slice(&id.to_be_bytes());
        if randomize {
            let letters = message[HEADER..question_end - TYPE_AND_CLASS].iter_mut().filter(|c| c.is_ascii_alphabetic());
            let mut letters = letters.peekable();
            while letters.peek().is_some() {
                let bits: u64 = random.random();
                for (letter, bit) in letters.by_ref().take(64).zip(0..) {
                    *letter ^= if bits >> bit & 1 == 1 { CASE } else { 0 };
                }
            }
        }
        // A name without letters, or one that came out as it was, says nothing about the server.
        let secret_case = message[HEADER..question_end] != template[HEADER..question_end];
        Self { message, question_end, secret_case }
    }

    /// Adds a COOKIE option to the OPT record that ends the message; a message without one stays as it is.
    pub(super) fn add_cookie(&mut self, cookie: &[u8]) {
        // An OPT record without options: the root's name, type, class, TTL and a length of zero.
        if self.message.len() != self.question_end + BARE_OPT {
            return;
        }
        let length = u16::try_from(cookie.len()).unwrap_or(0);
        let end = self.message.len();
        self.message[end - 2..].copy_from_slice(&(length + 4).to_be_bytes());
        self.message.extend_from_slice(&option::COOKIE.to_be_bytes());
        self.message.extend_from_slice(&length.to_be_bytes());
        self.message.extend_from_slice(cookie);
    }

    /// The whole message.
    pub(super) fn message(&self) -> &[u8] {
        &self.message
    }

    /// Whether the answer must repeat the letters of the name.
    pub(super) const fn has_secret_case(&self) -> bool {
        self.secret_case
    }

    /// What `datagram`, whose ID is this query's, is to it (RFC 5452 section 9.1).
    pub(super) fn judge(&self, datagram: &[u8]) -> Verdict {
        let Some(header) = datagram.first_chunk::<HEADER>() else { return Verdict::Foreign };
        let (is_response, opcode, rcode) = (header[2] & 0x80 != 0, header[2] >> 3 & 0xf, header[3] & 0xf);
        if !is_response || opcode != 0 {
            return Verdict::Foreign;
        }
        if header[4..] == [0; 8] && datagram.len() == HEADER && (rcode == FORMERR || rcode == NOTIMP) {
            return Verdict::Answer;
        }
        let ours = &self.message[HEADER..self.question_end];
        let Some(theirs) = datagram.get(HEADER..self.question_end) else { return Verdict::Foreign };
        if header[4..6] != [0, 1] {
            return Verdict::Foreign;
        }
        let (name, rest) = ours.split_at(ours.len() - TYPE_AND_CLASS);
        let (their_name, their_rest) = theirs.split_at(name.len());
        if rest != their_rest || !name.eq_ignore_ascii_case(their_name) {
            Verdict::Foreign
        } else if self.secret_case && name != their_name {
            Verdict::OtherCase
        } else {
            // Names are compared without regard to case (RFC 4343) where we sent no secret.
            Verdict::Answer
        }
    }

    /// A copy of an answer; of one larger than `limit`, what a server sends when it cannot send all: header and question with TC
    /// set (RFC 2181 section 9).
    pub(super) fn keep(&self, datagram: &[u8], limit: usize) -> Vec<u8> {
        if datagram.len() <= limit {
            return datagram.to_vec();
        }
        let mut stub = datagram[..self.question_end].to_vec();
        stub[2] |= 0x02;
        stub[6..HEADER].fill(0);
        stub
    }
}

/// Puts the question as we know it, in lower case, into an answer that [`Query::judge`] let pass.
pub(super) fn restore_question(answer: &mut Vec<u8>, question: &[u8]) {
    if answer.len() == HEADER {
        answer[4..6].copy_from_slice(&[0, 1]);
        answer.extend_from_slice(question);
    } else {
        answer[HEADER..HEADER + question.len()].copy_from_slice(question);
    }
}

//------ CaseEcho ----------------------------------------------------------------------------------------------------------------

/// Whether a server repeats the letter case of questions, as far as its answers showed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CaseEcho {
    /// Answers with other letters in a row, up to [`STRIKES`].
    strikes: u8,
    /// Until when it gets lower-case names.
    off_until: Option<Moment>,
}

impl CaseEcho {
    /// Whether the next query may carry random letters.
    pub(super) fn is_expected(&self, now: Moment) -> bool {
        self.off_until.is_none_or(|until| until <= now)
    }

    /// An answer repeated our letters.
    pub(super) fn repeated(&mut self) {
        *self = Self::default();
    }

    /// An answer had other letters, and the server confirmed it. Once switched off, a single failed trial is enough.
    pub(super) fn failed(&mut self, now: Moment) {
        self.strikes = STRIKES.min(self.strikes + 1);
        if self.strikes == STRIKES {
            self.off_until = Some(now + REPROBE);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    /// Header and question "www.example." A IN, ID 0, RD.
    const TEMPLATE: &[u8] = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\0\0\x01\0\x01";

    /// The query that a seed gives.
    fn query(seed: u64, randomize: bool) -> Query {
        Query::new(TEMPLATE, TEMPLATE.len(), 0x1234, randomize, &mut StdRng::seed_from_u64(seed))
    }

    /// An answer to the query, changed by `change`.
    fn answer(query: &Query, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut answer = query.message().to_vec();
        answer[2] |= 0x80;
        change(&mut answer);
        answer
    }

    #[test]
    fn letters_change_and_nothing_else_does() {
        for seed in 0..100 {
            let query = query(seed, true);
            assert_eq!(query.message()[..2], [0x12, 0x34]);
            assert!(query.message()[2..].eq_ignore_ascii_case(&TEMPLATE[2..]));
            assert_eq!(query.message()[TEMPLATE.len() - 4..], TEMPLATE[TEMPLATE.len() - 4..]);
        }
        let distinct: std::collections::HashSet<_> = (0..100).map(|seed| query(seed, true).message).collect();
        assert!(distinct.len() > 80, "10 letters give 1,024 spellings: {}", distinct.len());
    }

    #[test]
    fn a_cookie_is_added_to_the_opt_record_and_to_nothing_else() {
        let mut bare = query(7, true);
        let before = bare.message().to_vec();
        bare.add_cookie(&[1; 8]);
        assert_eq!(bare.message(), before, "without EDNS there is no cookie");
        let template = [TEMPLATE, b"\0\0\x29\x04\xd0\0\0\0\0\0\0"].concat();
        let mut query = Query::new(&template, TEMPLATE.len(), 1, true, &mut StdRng::seed_from_u64(1));
        query.add_cookie(&[1; 8]);
        assert_eq!(query.message()[template.len() - 2..], *b"\0\x0c\0\x0a\0\x08\x01\x01\x01\x01\x01\x01\x01\x01");
    }

    #[test]
    fn long_names_are_random_to_their_end() {
        let mut template = TEMPLATE[..HEADER].to_vec();
        for _ in 0..3 {
            template.push(63);
            template.extend([b'a'; 63]);
        }
        template.extend(b"\0\0A\0B");
        let query = Query::new(&template, template.len(), 1, true, &mut StdRng::seed_from_u64(1));
        let end = template.len() - TYPE_AND_CLASS - 1;
        for label in query.message()[HEADER..end].chunks(64) {
            assert_eq!(label[0], 63);
            assert!(label.contains(&b'a') && label.contains(&b'A'));
        }
        assert_eq!(query.message()[end..], *b"\0\0A\0B", "type and class hold letters, but are none");
    }

    #[test]
    fn an_answer_is_known_by_its_question() {
        let query = query(7, true);
        assert!(query.has_secret_case());
        assert_eq!(query.judge(&answer(&query, |_| ())), Verdict::Answer);
        assert_eq!(query.judge(&answer(&query, |a| a[12..].make_ascii_lowercase())), Verdict::OtherCase);
        assert_eq!(query.judge(&answer(&query, |a| a[2] = 0x01)), Verdict::Foreign, "a query");
        assert_eq!(query.judge(&answer(&query, |a| a[2] |= 0x28)), Verdict::Foreign, "an update");
        assert_eq!(query.judge(&answer(&query, |a| a[5] = 2)), Verdict::Foreign, "two questions");
        assert_eq!(query.judge(&answer(&query, |a| a[5] = 0)), Verdict::Foreign, "no question, but one is there");
        assert_eq!(query.judge(&answer(&query, |a| a[13] = b'x')), Verdict::Foreign, "another name");
        assert_eq!(query.judge(&answer(&query, |a| *a.last_mut().unwrap() = 3)), Verdict::Foreign, "another class");
        for length in 0..TEMPLATE.len() {
            assert_eq!(query.judge(&answer(&query, |a| a.truncate(length))), Verdict::Foreign, "{length} octets");
        }
    }

    #[test]
    fn without_a_secret_case_does_not_matter() {
        let query = query(7, false);
        assert!(!query.has_secret_case());
        assert_eq!(query.judge(&answer(&query, |a| a[13..].make_ascii_uppercase())), Verdict::Answer);
    }

    #[test]
    fn an_old_server_may_leave_the_question_out_of_an_error() {
        let query = query(7, true);
        for (rcode, verdict) in
            [(1, Verdict::Answer), (4, Verdict::Answer), (0, Verdict::Foreign), (2, Verdict::Foreign)]
        {
            let mut bare = answer(&query, |a| a.truncate(HEADER));
            bare[3] = rcode;
            bare[5] = 0;
            assert_eq!(query.judge(&bare), verdict, "{rcode}");
            if verdict == Verdict::Answer {
                restore_question(&mut bare, &TEMPLATE[HEADER..]);
                assert_eq!((bare[5], &bare[HEADER..]), (1, &TEMPLATE[HEADER..]));
            }
        }
    }

    #[test]
    fn an_answer_over_the_limit_becomes_a_truncated_one() {
        let query = query(7, true);
        let large = answer(&query, |a| {
            a[7] = 200;
            a.resize(5000, 0);
        });
        let stub = query.keep(&large, 4096);
        assert_eq!(stub.len(), TEMPLATE.len());
        assert_eq!((stub[2] & 0x02, &stub[4..HEADER]), (0x02, &[0, 1, 0, 0, 0, 0, 0, 0][..]));
        assert_eq!(query.keep(&large, 5000), large);
    }

    #[test]
    fn case_is_switched_off_after_three_failures_in_a_row_and_tried_again_later() {
        let (mut echo, start) = (CaseEcho::default(), Moment::from_secs(10));
        echo.failed(start);
        echo.failed(start);
        echo.repeated();
        echo.failed(start);
        echo.failed(start);
        assert!(echo.is_expected(start));
        echo.failed(start);
        assert!(!echo.is_expected(start));
        assert!(!echo.is_expected(start + (REPROBE - Duration::from_nanos(1))));
        let later = start + REPROBE;
        assert!(echo.is_expected(later));
        echo.failed(later);
        assert!(!echo.is_expected(later), "one failed trial is enough");
        echo.repeated();
        assert!(echo.is_expected(later));
    }
}
