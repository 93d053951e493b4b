//! Opening a connection to a server: which address, for how long each stage may take, and when to try again.
//!
//! An attempt has two stages. A TCP connection is there at once or not at all: one that is still pending after most of a second is given up
//! and begun anew, lest the kernel's growing pauses between its SYNs make us wait after the network is whole again. A TLS handshake may take
//! longer, because a server process that was stopped finishes it as soon as it goes on. But a network may have swallowed it, and then nobody
//! will: while queries want the connection, one that takes much longer than the last one gets another beside it, which is begun anew as often,
//! and the first of the two to finish wins. There are never more than two, and never two where none is suspected. Attempts follow each
//! other for as long as queries want the connection, also when those that wanted it first have given up.

use std::cell::Cell;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use rand::RngExt as _;
use rustls::HandshakeKind;
use rustls::pki_types::ServerName;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use crate::metrics::UpstreamEvent;
use crate::sys::clock::{self, Moment};
use crate::sys::random;

use super::address::Addresses;
use super::dial::{Dial, Dialing, Link};
use super::driver::Carrier;
use super::error::{Fault, Rejection, TlsFailure, UpstreamError};
use super::learned::Learned;
use super::tls;

/// How long a TCP connection may be pending: a little less than the kernel waits before it repeats a SYN for the first time (RFC 6298
/// section 2), and more than the way around the earth takes.
const CONNECT: Duration = Duration::from_millis(750);

/// How long one address is waited for before the next is tried beside it (RFC 8305 section 5 recommends 250 ms).
const STAGGER: Duration = Duration::from_millis(250);

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Bounds of the time after which a TLS handshake is suspected to have been swallowed; in between, it is twice what the last one took. The
/// shortest is two round trips around the earth, and short enough that a fresh one is answered within a second after a cut.
const SUSPICION: [Duration; 2] = [Duration::from_millis(600), Duration::from_secs(2)];

/// How long after the last query that wanted a connection it is still tried to open it: as long as such a query may wait.
const WANTED: Duration = Duration::from_secs(5);

/// Pauses after failures for those who only look whether the server is back: the first, and the longest.
const PROBE_PAUSE: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(30)];

/// Pauses after failures for queries. The longest is how much later than possible a server that is back is used again; clients wait for it.
const QUERY_PAUSE: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(900)];

/// What opens streams to one server.
pub(super) struct Opener {
    /// Where it is.
    pub(super) addresses: Rc<Addresses>,
    /// What opens a byte stream.
    pub(super) dial: Rc<dyn Dial>,
    /// What encrypts; `None` is plain TCP.
    pub(super) tls: Option<(TlsConnector, ServerName<'static>)>,
    /// What is known of the server.
    pub(super) learned: Rc<Learned>,
    /// When the next attempt may begin.
    pub(super) pace: Pace,
    /// When a query wanted a connection last.
    pub(super) wanted: Cell<Moment>,
    /// How long the last handshake took that was completed.
    pub(super) handshake: Cell<Duration>,
}

impl Opener {
    /// Opens a stream. Tries again after what may have been chance, as long as somebody wants it; says at once what is certain.
    pub(super) async fn open(&self) -> Result<Box<dyn Carrier>, UpstreamError> {
        loop {
            let error = match self.attempt().await {
                Ok(stream) => {
                    self.pace.succeeded();
                    self.learned.reached();
                    return Ok(stream);
                }
                Err(error) => error,
            };
            self.note(error);
            // A cut in a handshake may be chance, too, but another server is better than to try again.
            let is_cut = error == UpstreamError::Closed && !self.learned.others_are_up();
            let goes_on = (is_cut || error == UpstreamError::Timeout) && self.is_wanted();
            if is_cut || !goes_on {
                self.pace.failed(error, clock::now(), random::rng().random());
            }
            if !goes_on {
                return Err(error);
            }
            pause(self.pace.rest(clock::now())).await;
        }
    }

    /// Whether a query has wanted a connection of late.
    fn is_wanted(&self) -> bool {
        clock::now().since(self.wanted.get()) < WANTED
    }

    /// Notes that an attempt failed.
    fn note(&self, error: UpstreamError) {
        self.learned.count(reason(error));
        self.learned.unreachable(error);
    }

    /// Makes one attempt, or several if its handshake is suspected.
    async fn attempt(&self) -> Result<Box<dyn Carrier>, UpstreamError> {
        let (address, link) = self.connect().await?;
        let Some(tls) = &self.tls else {
            self.addresses.worked(address, clock::now());
            return Ok(Box::new(link));
        };
        tokio::select! {
            biased;
            outcome = self.shake_hands(tls, address, link, HANDSHAKE) => outcome,
            outcome = self.attempt_beside(tls, address) => outcome,
        }
    }

    /// Completes a handshake.
    async fn shake_hands(
        &self,
        (connector, name): &(TlsConnector, ServerName<'static>),
        address: SocketAddr,
        link: Link,
        limit: Duration,
    ) -> Result<Box<dyn Carrier>, UpstreamError> {
        let started = clock::now();
        let outcome = match timeout(limit, connector.connect(name.clone(), link)).await {
            Ok(outcome) => outcome.map_err(|error| tls::classify(&error)),
            Err(_) => Err(UpstreamError::Timeout),
        };
        let now = clock::now();
        let stream = outcome.inspect_err(|_| self.addresses.failed(address, now))?;
        self.addresses.worked(address, now);
        self.handshake.set(now.since(started));
        let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
        self.learned.count(if resumed { UpstreamEvent::HandshakeResumed } else { UpstreamEvent::HandshakeFull });
        Ok(Box::new(stream))
    }

    /// Waits until the handshake that is under way at `address` is odd, and then makes one attempt after the other beside it while a
    /// connection is wanted. Ends with a stream, or with an error that is certain: then the other has no prospects either.
    async fn attempt_beside(
        &self,
        tls: &(TlsConnector, ServerName<'static>),
        address: SocketAddr,
    ) -> Result<Box<dyn Carrier>, UpstreamError> {
        let patience = (self.handshake.get() * 2).clamp(SUSPICION[0], SUSPICION[1]);
        loop {
            sleep(patience).await;
            if self.is_wanted() {
                break;
            }
        }
        // Another address may be better.
        self.addresses.failed(address, clock::now());
        loop {
            let next = sleep(patience);
            let attempt = async {
                let (address, link) = self.connect().await?;
                self.shake_hands(tls, address, link, HANDSHAKE).await
            };
            match timeout(patience, attempt).await.unwrap_or(Err(UpstreamError::Timeout)) {
                // The first one may be waiting for a process that goes on.
                Err(error @ UpstreamError::Timeout) => self.note(error),
                Err(UpstreamError::Closed) => self.note(UpstreamError::Closed),
                outcome => return outcome,
            }
            next.await;
            while !self.is_wanted() {
                sleep(patience).await;
            }
        }
    }

    /// Connects to the first address that lets us, beginning with the best (RFC 8305 section 5).
    async fn connect(&self) -> Result<(SocketAddr, Link), UpstreamError> {
        let order = self.addresses.order(clock::now());
        let mut running: Vec<(usize, Dialing)> = Vec::new();
        let mut error = UpstreamError::NoServer;
        let mut next = 0;
        loop {
            if let Some(&address) = order.get(next) {
                running.push((next, self.dial.dial(address)));
                next += 1;
            } else if running.is_empty() {
                return Err(error);
            }
            let patience = if next < order.len() { STAGGER } else { CONNECT };
            match timeout(patience, first_of(&mut running)).await {
                Ok((position, Ok(link))) => {
                    for (earlier, _) in running.iter().filter(|(other, _)| *other < position) {
                        self.addresses.failed(order[*earlier], clock::now());
                    }
                    return Ok((order[position], link));
                }
                Ok((position, Err(refusal))) => {
                    error = UpstreamError::from(&refusal);
                    // What we are short of says nothing of the address.
                    if error.fault() == Fault::Upstream {
                        self.addresses.failed(order[position], clock::now());
                    }
                }
                Err(_) if next == order.len() => return Err(UpstreamError::Timeout),
                Err(_) => {}
            }
        }
    }
}

/// What a failure is counted as.
const fn reason(error: UpstreamError) -> UpstreamEvent {
    match error {
        UpstreamError::Authentication(Rejection::Name) => UpstreamEvent::WrongName,
        UpstreamError::Authentication(Rejection::Issuer) => UpstreamEvent::WrongIssuer,
        UpstreamError::Authentication(Rejection::Validity) => UpstreamEvent::WrongValidity,
        UpstreamError::Authentication(Rejection::Pin) => UpstreamEvent::WrongPin,
        UpstreamError::Authentication(Rejection::Certificate) => UpstreamEvent::WrongCertificate,
        UpstreamError::Tls(TlsFailure::Alert(_)) => UpstreamEvent::HandshakeAlert,
        UpstreamError::Tls(TlsFailure::Incompatible) => UpstreamEvent::HandshakeIncompatible,
        UpstreamError::Tls(TlsFailure::Protocol) => UpstreamEvent::HandshakeProtocol,
        UpstreamError::Connect(ErrorKind::ConnectionRefused) => UpstreamEvent::ConnectRefused,
        UpstreamError::Timeout => UpstreamEvent::ConnectTimedOut,
        UpstreamError::Closed => UpstreamEvent::ConnectClosed,
        _ => UpstreamEvent::ConnectFailed,
    }
}

/// Waits for the first attempt to end and takes it out.
async fn first_of(running: &mut Vec<(usize, Dialing)>) -> (usize, std::io::Result<Link>) {
    std::future::poll_fn(|context| {
        for index in 0..running.len() {
            if let Poll::Ready(outcome) = running[index].1.as_mut().poll(context) {
                return Poll::Ready((running.swap_remove(index).0, outcome));
            }
        }
        Poll::Pending
    })
    .await
}

//------ Pace ----------------------------------------------------------------------------------------------------------------------

/// When the next attempt may begin: at once, or some time after a failure, longer after each.
#[derive(Default)]
pub(super) struct Pace {
    /// Failures since the last success.
    failures: Cell<u32>,
    /// How the last attempt failed.
    error: Cell<Option<UpstreamError>>,
    /// When a query may begin one.
    query: Cell<Moment>,
    /// When a probe may.
    probe: Cell<Moment>,
}

impl Pace {
    /// An attempt succeeded.
    fn succeeded(&self) {
        self.failures.set(0);
        self.error.set(None);
        self.query.set(Moment::default());
        self.probe.set(Moment::default());
    }

    /// An attempt failed; `chance`, 0 to 1, spreads those who failed together.
    fn failed(&self, error: UpstreamError, now: Moment, chance: f32) {
        let failures = self.failures.get();
        let pause = |[first, longest]: [Duration; 2]| (first * (1 << failures.min(10))).min(longest);
        self.failures.set(failures.saturating_add(1));
        self.error.set(Some(error));
        self.query.set(now + pause(QUERY_PAUSE).mul_f32(0.5 + 0.5 * chance));
        self.probe.set(now + pause(PROBE_PAUSE).mul_f32(0.8 + 0.4 * chance));
    }

    /// How long an attempt for a query has to wait, at most a second; the last error if that is longer than the shortest pause and the query
    /// has `elsewhere` to go, or if the server was not who it should be: that does not end within a second.
    pub(super) fn for_query(&self, now: Moment, elsewhere: bool) -> Result<Duration, UpstreamError> {
        let rest = self.rest(now);
        match self.error.get() {
            Some(error @ UpstreamError::Authentication(_)) if rest > QUERY_PAUSE[0] => Err(error),
            Some(error) if elsewhere && rest > QUERY_PAUSE[0] => Err(error),
            _ => Ok(rest),
        }
    }

    /// How long it is until the next attempt for a query.
    fn rest(&self, now: Moment) -> Duration {
        self.query.get().since(now)
    }

    /// Whether an attempt may be made that no query waits for.
    pub(super) fn allows_probe(&self, now: Moment) -> bool {
        now >= self.probe.get()
    }
}

/// Waits, if there is something to wait for.
pub(super) async fn pause(rest: Duration) {
    if !rest.is_zero() {
        sleep(rest).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server out of order.
    const ERROR: UpstreamError = UpstreamError::Closed;

    #[test]
    fn pauses_double_up_to_a_bound_and_end_with_a_success() {
        let pace = Pace::default();
        let now = Moment::from_secs(1000);
        assert!(pace.allows_probe(now));
        let mut pauses = Vec::new();
        for _ in 0..40 {
            pace.failed(ERROR, now, 0.5);
            let seconds = |until: Moment| until.since(now).as_secs_f32();
            pauses.push((seconds(pace.query.get()), seconds(pace.probe.get())));
        }
        assert_eq!(pauses[..3], [(0.075, 0.25), (0.15, 0.5), (0.3, 1.0)]);
        assert_eq!(((pauses[39].0 * 1000.0).round(), pauses[39].1), (675.0, 30.0));
        assert!(!pace.allows_probe(now + Duration::from_secs(29)));
        assert!(pace.allows_probe(now + Duration::from_secs(30)));
        pace.succeeded();
        assert!(pace.allows_probe(now));
        assert_eq!(pace.for_query(now, true), Ok(Duration::ZERO));
    }

    #[test]
    fn pauses_of_many_who_failed_together_are_spread() {
        let (early, late) = (Pace::default(), Pace::default());
        let now = Moment::from_secs(1000);
        for _ in 0..40 {
            early.failed(ERROR, now, 0.0);
            late.failed(ERROR, now, 1.0);
        }
        let probe = |pace: &Pace| pace.probe.get().since(now).as_secs_f32().round();
        assert_eq!((probe(&early), probe(&late)), (24.0, 36.0));
    }

    #[test]
    fn a_query_waits_for_a_short_pause_and_for_a_long_one_if_it_has_nowhere_else_to_go() {
        let pace = Pace::default();
        let now = Moment::from_secs(1000);
        pace.failed(ERROR, now, 0.0);
        assert!(pace.for_query(now, true).is_ok_and(|rest| rest.as_millis() == 50));
        pace.failed(ERROR, now, 0.9);
        assert_eq!(pace.for_query(now, true), Err(ERROR));
        assert!(pace.for_query(now, false).is_ok_and(|rest| (180..200).contains(&rest.as_millis())));
        assert!(pace.for_query(now + Duration::from_millis(150), true).is_ok_and(|rest| !rest.is_zero()));
        assert_eq!(pace.for_query(now + Duration::from_secs(1), true), Ok(Duration::ZERO));
    }
}
