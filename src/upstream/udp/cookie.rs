//! DNS cookies towards servers (RFC 7873, RFC 9018): 64 bits more that a forger has to guess.
//!
//! Each query over UDP carries a COOKIE option with eight octets that only this worker and the server know. A server that keeps the standard
//! sends them back, and adds a cookie of its own that we show the next time. Once it has done so, its answers are believed only with our
//! octets in them: RFC 7873 section 5.3, "If the client is expecting the response to contain a COOKIE option and it is missing, the response
//! MUST be discarded." What is discarded is asked again over TCP, so that a server which stops (an anycast site without cookies, another
//! program at the same address) costs a round trip and no answer; after three of these in a row it gets no cookies for an hour.
//!
//! Nothing of a client's is in a cookie, and nothing of a server's cookie reaches a client. Over TCP none is sent: a connection proves
//! the address as well (RFC 7873 section 5.2.3). Over TLS none is needed. Bytes only: no I/O, no clock.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rand::{Rng, RngExt as _};

use crate::sys::clock::Moment;
use crate::wire::header::{COUNTS, flag, option, rcode, rtype};
use crate::wire::{header, record, u16_at};

/// Octets of a client's cookie (RFC 7873 section 4).
const CLIENT: usize = 8;

/// Octets of a whole option with both cookies, shortest and longest (RFC 7873 section 4: a server's cookie has 8 to 32).
const BOTH: [usize; 2] = [CLIENT + 8, CLIENT + 32];

/// How long a client's cookie is used. RFC 7873 section 7.1 lets a secret live for 36 days at most; what an eavesdropper has seen should be worth
/// less than that, and a new one costs nothing but the server's cookie once a day. A guess.
const LIFETIME: Duration = Duration::from_secs(86_400);

/// Answers without the right cookie, one after the other, after which a server gets none. As with letters: each of them would have had to
/// meet port, ID and letters, with no right answer between them. A guess.
const STRIKES: u8 = 3;

/// How long a server gets none then, before it is tried again. A guess.
const REPROBE: Duration = Duration::from_secs(3600);

/// Queries with a cookie in a row that got no answer, from a server that has never shown a cookie, after which it gets none: there are
/// firewalls that swallow what they do not know.
const SILENT_QUERIES: u8 = 2;

/// How long a server gets none then. Most were just away. A guess.
const SILENCE_REPROBE: Duration = Duration::from_secs(300);

/// A COOKIE option's value as it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cookie {
    /// The client's cookie, and behind it the server's if that is known.
    octets: [u8; BOTH[1]],
    /// How many of them. Invariant: [`CLIENT`], or within [`BOTH`].
    length: usize,
}

/// What an answer's cookie says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is ours: whoever sent the answer has seen the query.
    Right,
    /// There is none, and none is expected.
    Absent,
    /// There is none, or another one, and ours should be there.
    Unproven,
    /// It is ours, and the server wants to see the one that it sent along (BADCOOKIE).
    Refused,
}

impl Cookie {
    /// The value.
    pub(super) fn octets(&self) -> &[u8] {
        &self.octets[..self.length]
    }

    /// One without the server's part.
    fn fresh(random: &mut impl Rng) -> Self {
        let mut octets = [0; BOTH[1]];
        octets[..CLIENT].copy_from_slice(&random.random::<u64>().to_be_bytes());
        Self { octets, length: CLIENT }
    }

    /// The client's part.
    fn client(&self) -> &[u8] {
        &self.octets[..CLIENT]
    }
}

/// The cookies for the addresses of one server. Holds one for each address that was asked, of which a server has a few.
#[derive(Debug, Default)]
pub(super) struct Jar(RefCell<Vec<Known>>);

/// What is known of one address.
#[derive(Debug)]
struct Known {
    /// Which.
    server: SocketAddr,
    /// From where it is asked. RFC 9018 section 3: when our address changes, so does our cookie, lest it tell that both are one.
    local: IpAddr,
    /// What is sent next.
    cookie: Cookie,
    /// When our part was made.
    made: Moment,
    /// Whether it has shown that it knows cookies.
    expected: bool,
    /// Answers without the right cookie in a row.
    strikes: u8,
    /// Queries in a row without an answer.
    silent: u8,
    /// Until when it gets none.
    off_until: Moment,
}

impl Jar {
    /// What a query from `local` to `server` carries; `None` if nothing.
    pub(super) fn take(&self, server: SocketAddr, local: IpAddr, now: Moment, random: &mut impl Rng) -> Option<Cookie> {
        let mut all = self.0.borrow_mut();
        let position = all.iter().position(|known| known.server == server).unwrap_or_else(|| {
            let cookie = Cookie::fresh(random);
            let (made, off_until) = (now, Moment::default());
            all.push(Known { server, local, cookie, made, expected: false, strikes: 0, silent: 0, off_until });
            all.len() - 1
        });
        let known = &mut all[position];
        if now < known.off_until {
            return None;
        }
        if known.local != local || now.since(known.made) >= LIFETIME {
            (known.local, known.made, known.cookie) = (local, now, Cookie::fresh(random));
        }
        Some(known.cookie)
    }

    /// What the cookie in an answer says, which came from `server` to a query with the cookie `sent`. `question_end` is where its records begin.
    pub(super) fn judge(
        &self,
        server: SocketAddr,
        sent: &Cookie,
        answer: &[u8],
        question_end: usize,
        now: Moment,
    ) -> Verdict {
        let mut all = self.0.borrow_mut();
        let Some(known) = all.iter_mut().find(|known| known.server == server) else { return Verdict::Absent };
        known.silent = 0;
        let (code, found) = read(answer, question_end);
        let is_legal = |found: &&[u8]| found.len() == CLIENT || (BOTH[0]..=BOTH[1]).contains(&found.len());
        match found {
            None if !known.expected => Verdict::Absent,
            Some(found) if is_legal(&found) && found.starts_with(sent.client()) => {
                known.strikes = 0;
                // A query that left before our part changed brings a cookie that does not go with the new one.
                if found.len() > CLIENT && known.cookie.client() == sent.client() {
                    known.expected = true;
                    known.cookie.octets[..found.len()].copy_from_slice(found);
                    known.cookie.length = found.len();
                }
                if code == rcode::BADCOOKIE { Verdict::Refused } else { Verdict::Right }
            }
            _ => {
                known.strikes += 1;
                if known.strikes >= STRIKES {
                    (known.strikes, known.expected) = (0, false);
                    known.off_until = now + REPROBE;
                }
                Verdict::Unproven
            }
        }
    }

    /// Whether a server gets no cookies.
    pub(super) fn is_off(&self, server: SocketAddr, now: Moment) -> bool {
        self.0.borrow().iter().any(|known| known.server == server && now < known.off_until)
    }

    /// The server understands a query without a cookie, and not the same with one.
    pub(super) fn refused(&self, server: SocketAddr, now: Moment) {
        if let Some(known) = self.0.borrow_mut().iter_mut().find(|known| known.server == server) {
            known.off_until = now + REPROBE;
        }
    }

    /// A query to `server` got no answer.
    pub(super) fn silence(&self, server: SocketAddr, now: Moment) {
        let mut all = self.0.borrow_mut();
        let Some(known) = all.iter_mut().find(|known| known.server == server && now >= known.off_until) else { return };
        if known.expected {
            // It knows cookies, but perhaps not that one of its own any more.
            known.cookie.length = CLIENT;
            return;
        }
        known.silent += 1;
        if known.silent >= SILENT_QUERIES {
            known.silent = 0;
            known.off_until = now + SILENCE_REPROBE;
        }
    }
}

/// The RCODE of a message, and the value of its first COOKIE option (RFC 7873 section 5.3: "all but the first [...] are ignored").
fn read(message: &[u8], question_end: usize) -> (u16, Option<&[u8]>) {
    let code = header::flags(message) & flag::RCODE;
    let records: u32 = COUNTS[1..].iter().map(|at| u32::from(u16_at(message, *at).unwrap_or(0))).sum();
    let mut at = question_end;
    for _ in 0..records {
        let Some(record) = record::read(message, at) else { break };
        at = record.end;
        if record.rtype == rtype::OPT {
            let code = code | u16::try_from(record.ttl >> 24).unwrap_or(0) << 4;
            let mut options = record::options(record.rdata(message)).flatten();
            return (code, options.find(|(code, _)| *code == option::COOKIE).map(|(_, value)| value));
        }
    }
    (code, None)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    /// Where the server is.
    const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 53)), 53);

    /// Where we are.
    const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    /// The time at which most of it happens.
    const NOW: Moment = Moment::from_secs(1000);

    /// Where the records of an answer begin: a header and the root's question.
    const QUESTION_END: usize = 17;

    /// The cookie for the server at a time.
    fn take(jar: &Jar, now: Moment) -> Option<Cookie> {
        jar.take(SERVER, LOCAL, now, &mut rand::rng())
    }

    /// An answer with this extended RCODE and this COOKIE option.
    fn answer(code: u16, cookie: Option<&[u8]>) -> Vec<u8> {
        let mut message = vec![0, 0, 0x81, u8::try_from(code & 0xf).unwrap(), 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 1];
        message.extend(b"\0\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01");
        message.extend([0, 0, 41, 4, 208, u8::try_from(code >> 4).unwrap(), 0, 0, 0]);
        let options =
            cookie.map_or_else(Vec::new, |cookie| [&[0, 10, 0, u8::try_from(cookie.len()).unwrap()], cookie].concat());
        message.extend([0, u8::try_from(options.len()).unwrap()]);
        message.extend(options);
        message
    }

    /// What the jar says to an answer with the client's part of `sent` and a server's part of `length` octets.
    fn echo(jar: &Jar, sent: &Cookie, code: u16, length: usize) -> Verdict {
        let cookie = [sent.client(), &vec![7; length]].concat();
        jar.judge(SERVER, sent, &answer(code, Some(&cookie)), QUESTION_END, NOW)
    }

    /// What the jar says to an answer without a cookie.
    fn nothing(jar: &Jar, sent: &Cookie) -> Verdict {
        jar.judge(SERVER, sent, &answer(0, None), QUESTION_END, NOW)
    }

    #[test]
    fn a_servers_cookie_is_shown_to_it_and_ours_is_expected_from_then_on() {
        let jar = Jar::default();
        let first = take(&jar, NOW).unwrap();
        assert_eq!(first.octets().len(), CLIENT);
        assert_eq!(nothing(&jar, &first), Verdict::Absent, "a server need not know cookies");
        assert_eq!(echo(&jar, &first, 0, 16), Verdict::Right);
        let second = take(&jar, NOW).unwrap();
        assert_eq!((second.client(), &second.octets()[CLIENT..]), (first.client(), &[7; 16][..]));
        assert_eq!(nothing(&jar, &second), Verdict::Unproven);
    }

    #[test]
    fn a_wrong_cookie_is_never_right_and_neither_is_one_of_an_odd_length() {
        let jar = Jar::default();
        let sent = take(&jar, NOW).unwrap();
        let wrong = |value: &[u8]| {
            jar.0.borrow_mut()[0].strikes = 0;
            jar.judge(SERVER, &sent, &answer(0, Some(value)), QUESTION_END, NOW)
        };
        for length in 0..=50 {
            let mut value = sent.client().to_vec();
            value.resize(length, 9);
            let legal = length == 8 || (16..=40).contains(&length);
            assert_eq!(wrong(&value) == Verdict::Right, legal, "{length}");
        }
        for bit in 0..64 {
            let mut value = sent.client().to_vec();
            value[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(wrong(&value), Verdict::Unproven, "bit {bit}");
            value.extend([7; 16]);
            assert_eq!(wrong(&value), Verdict::Unproven, "bit {bit}");
        }
    }

    #[test]
    fn bad_cookie_is_believed_only_with_ours_beside_it() {
        let jar = Jar::default();
        let sent = take(&jar, NOW).unwrap();
        assert_eq!(echo(&jar, &sent, rcode::BADCOOKIE, 8), Verdict::Refused);
        assert_eq!(take(&jar, NOW).unwrap().octets().len(), 16, "the server's cookie is there for the next try");
        let forged = answer(rcode::BADCOOKIE, Some(&[1; 16]));
        assert_eq!(jar.judge(SERVER, &sent, &forged, QUESTION_END, NOW), Verdict::Unproven);
    }

    #[test]
    fn three_answers_without_it_in_a_row_end_the_expectation_for_an_hour() {
        let jar = Jar::default();
        let sent = take(&jar, NOW).unwrap();
        echo(&jar, &sent, 0, 8);
        for _ in 0..10 {
            assert_eq!([nothing(&jar, &sent), nothing(&jar, &sent)], [Verdict::Unproven; 2]);
            assert_eq!(echo(&jar, &sent, 0, 8), Verdict::Right, "a right one between them");
        }
        for _ in 0..3 {
            assert!(!jar.is_off(SERVER, NOW));
            assert_eq!(nothing(&jar, &sent), Verdict::Unproven);
        }
        assert!(jar.is_off(SERVER, NOW) && take(&jar, NOW).is_none());
        assert!(take(&jar, NOW + (REPROBE - Duration::from_nanos(1))).is_none());
        assert!(take(&jar, NOW + REPROBE).is_some());
    }

    #[test]
    fn silence_makes_a_server_without_cookies_get_none_for_a_while() {
        let jar = Jar::default();
        let sent = take(&jar, NOW).unwrap();
        jar.silence(SERVER, NOW);
        nothing(&jar, &sent);
        jar.silence(SERVER, NOW);
        assert!(take(&jar, NOW).is_some(), "an answer between them");
        jar.silence(SERVER, NOW);
        assert!(take(&jar, NOW).is_none());
        assert!(take(&jar, NOW + SILENCE_REPROBE).is_some());
    }

    #[test]
    fn silence_of_a_server_with_cookies_takes_its_own_away_and_never_ours() {
        let jar = Jar::default();
        let sent = take(&jar, NOW).unwrap();
        echo(&jar, &sent, 0, 16);
        for _ in 0..10 {
            jar.silence(SERVER, NOW);
            assert_eq!(take(&jar, NOW).unwrap().octets(), sent.client());
        }
        assert_eq!(nothing(&jar, &sent), Verdict::Unproven);
    }

    #[test]
    fn no_two_servers_get_the_same_and_none_for_longer_than_a_day_or_from_another_address() {
        let (jar, mut random) = (Jar::default(), StdRng::seed_from_u64(1));
        let mut seen = std::collections::HashSet::new();
        for port in 1..200 {
            let server = SocketAddr::new(SERVER.ip(), port);
            let cookie = jar.take(server, LOCAL, NOW, &mut random).unwrap();
            assert_eq!(jar.take(server, LOCAL, NOW, &mut random), Some(cookie));
            assert!(seen.insert(cookie.octets), "the same as another server's");
            let tomorrow = NOW + LIFETIME;
            let later = jar.take(server, LOCAL, tomorrow, &mut random).unwrap();
            assert!(seen.insert(later.octets), "the same as the day before");
            let elsewhere = jar.take(server, [192, 0, 2, 2].into(), tomorrow, &mut random).unwrap();
            assert!(seen.insert(elsewhere.octets), "the same as from another address");
        }
    }

    #[test]
    fn a_cookie_of_before_is_right_for_its_own_query_and_not_kept() {
        let jar = Jar::default();
        let old = take(&jar, NOW).unwrap();
        let new = take(&jar, NOW + LIFETIME).unwrap();
        assert_eq!(echo(&jar, &old, 0, 16), Verdict::Right);
        assert_eq!(take(&jar, NOW + LIFETIME), Some(new));
    }

    #[test]
    fn whatever_stands_in_an_answer_is_read_to_its_end_and_no_further() {
        let jar = Jar::default();
        let sent = take(&jar, NOW).unwrap();
        echo(&jar, &sent, 0, 16);
        let whole = answer(0, Some(&[sent.client(), &[7; 16]].concat()));
        for length in 0..whole.len() {
            jar.0.borrow_mut()[0].strikes = 0;
            assert_eq!(jar.judge(SERVER, &sent, &whole[..length], QUESTION_END, NOW), Verdict::Unproven, "{length}");
        }
    }
}
