//! The faults of the network and of whole servers, each as a story that is told while a load runs.

use std::time::Duration;

use Fault::{Break, Delay, Drip, Flap, Forget, Garble, Half, Lose, Refuse, Silence};

use super::network::Stage;
use crate::common::chaos::{End, Fault};

/// Who else could answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    /// Nobody: the fault is that of the only server.
    Nobody,
    /// A healthy second server.
    Healthy,
}

/// What clients may see of names that are not in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// Nothing: every query gets its answer.
    Hidden,
    /// Failures, in time and with a reason.
    Failures,
}

/// One fault.
pub(super) struct Case {
    /// What happens, for people.
    pub(super) fault: &'static str,
    /// Who else could answer.
    pub(super) others: Others,
    /// What clients may see.
    pub(super) bound: Bound,
    /// Lets it happen, and ends when the load has ended.
    pub(super) story: fn(&Stage<'_>),
    /// What node-local-dns does, by the documentation of CoreDNS's plugins.
    pub(super) rival: &'static str,
}

/// Behind one of two servers; clients see nothing of it.
const fn of_two(fault: &'static str, story: fn(&Stage<'_>), rival: &'static str) -> Case {
    Case { fault, others: Others::Healthy, bound: Bound::Hidden, story, rival }
}

/// Behind the only server; clients see nothing of it but time.
const fn alone(fault: &'static str, story: fn(&Stage<'_>), rival: &'static str) -> Case {
    Case { fault, others: Others::Nobody, bound: Bound::Hidden, story, rival }
}

/// Behind the only server, which nothing can replace; clients see failures.
const fn fatal(fault: &'static str, story: fn(&Stage<'_>), rival: &'static str) -> Case {
    Case { fault, others: Others::Nobody, bound: Bound::Failures, story, rival }
}

/// Late, but not so late that another try would help.
const LATE: Fault = Delay { least: Duration::from_millis(300), jitter: Duration::from_millis(100) };

/// Up and gone in turns.
const FLAPPING: Fault = Flap(Duration::from_millis(400));

/// So slow that an answer takes half a second and a handshake many.
const DRIPPING: Fault = Drip(Duration::from_millis(5));

/// All connections lose their way at once; new ones find it.
fn forgets_once(stage: &Stage<'_>) {
    stage.pause(500);
    stage.proxy.end_all(End::Never);
}

/// Somebody else answers behind the same address.
fn changes_certificate(stage: &Stage<'_>) {
    stage.pause(500);
    stage.proxy.redirect(stage.impostor());
    stage.ends_connections(End::Reset);
}

/// One server after the other is gone for a while.
fn restarts_in_turn(stage: &Stage<'_>) {
    stage.passes(Refuse, 700);
    let second = stage.second.expect("there are two");
    stage.pause(300);
    second.set(Refuse);
    stage.pause(700);
    second.heal();
}

/// Over UDP.
pub(super) const DATAGRAMS: &[Case] = &[
    of_two(
        "server gone: port unreachable",
        |stage| stage.stays(Refuse),
        "next server at once; `max_fails` 2, probes every 0.5 s (`health_check`)",
    ),
    of_two(
        "server silent",
        |stage| stage.stays(Silence),
        "2 s read timeout, then the next (`policy random`), until two probes failed (`max_fails`)",
    ),
    fatal(
        "server silent",
        |stage| stage.stays(Silence),
        "random server although all are down, SERVFAIL after 5 s (at once with `failfast_all_unhealthy_upstreams`), kept for 5 s (`servfail`)",
    ),
    of_two(
        "30 % of datagrams lost each way",
        |stage| stage.stays(Lose(30)),
        "2 s for each lost try; a probe that passes keeps the server",
    ),
    fatal("10 % of datagrams lost each way", |stage| stage.stays(Lose(10)), "asked again after 2 s, up to 5 s"),
    alone("answers 300-400 ms late", |stage| stage.stays(LATE), "waits, up to 2 s"),
    of_two(
        "answers cut in the middle",
        |stage| stage.stays(Half(End::Never)),
        "an answer that ends too soon is passed on with TC, so that the client comes again over TCP",
    ),
    of_two(
        "server flaps, 400 ms up, 400 ms gone",
        |stage| stage.stays(FLAPPING),
        "next server at once; up again after one probe",
    ),
    fatal(
        "server restarts, gone for 1 s",
        |stage| stage.passes(Refuse, 1000),
        "tries again for 5 s; SERVFAIL is kept for 5 s (`servfail`)",
    ),
];

/// Over TCP, as cluster DNS is asked.
pub(super) const STREAMS: &[Case] = &[
    of_two(
        "server gone: connection refused",
        |stage| stage.stays(Refuse),
        "next server at once; `max_fails` 2, probes every 0.5 s",
    ),
    of_two(
        "server silent, connections open",
        |stage| stage.stays(Silence),
        "2 s read timeout a query, then the next; one query a connection",
    ),
    alone(
        "all connections reset, again and again",
        |stage| stage.ends_connections(End::Reset),
        "only EOF on a kept connection is tried again at once; a reset is a failed try",
    ),
    alone(
        "all connections closed, again and again",
        |stage| stage.ends_connections(End::Finish),
        "EOF on a kept connection is tried again at once",
    ),
    of_two(
        "connections reset instead of answers",
        |stage| stage.stays(Break(End::Reset)),
        "next server; probes fail, so it is down after two",
    ),
    of_two(
        "half an answer, then FIN",
        |stage| stage.stays(Half(End::Finish)),
        "next server; probes fail, so it is down after two",
    ),
    of_two("half an answer, then silence", |stage| stage.stays(Half(End::Never)), "2 s read timeout, then the next"),
    of_two(
        "one byte every 5 ms",
        |stage| stage.stays(DRIPPING),
        "waits, up to 2 s a query; one query a connection, so connections pile up",
    ),
    alone(
        "firewall forgets connections once",
        forgets_once,
        "2 s read timeout for each kept connection in turn (`expire` 10 s), up to 5 s a query",
    ),
    fatal(
        "server restarts, gone for 1 s",
        |stage| stage.passes(Refuse, 1000),
        "tries again for 5 s; SERVFAIL is kept for 5 s (`servfail`)",
    ),
    of_two(
        "both servers restart, one after the other",
        restarts_in_turn,
        "next server at once; a server is up again after one probe",
    ),
    of_two(
        "server flaps, 400 ms up, 400 ms gone",
        |stage| stage.stays(FLAPPING),
        "next server at once; up again after one probe",
    ),
];

/// Over TLS.
pub(super) const ENCRYPTED: &[Case] = &[
    of_two(
        "server gone: connection refused",
        |stage| stage.stays(Refuse),
        "next server at once; `max_fails` 2, probes every 0.5 s",
    ),
    of_two(
        "server silent, connections open",
        |stage| stage.stays(Silence),
        "2 s read timeout a query; a new handshake may wait 1 s to 30 s (dial timeout)",
    ),
    fatal(
        "server silent, connections open",
        |stage| stage.stays(Silence),
        "SERVFAIL after 5 s, kept for 5 s (`servfail`); names in memory until their TTL (`serve_stale` is off)",
    ),
    alone(
        "silent for 1 s, then as before",
        |stage| stage.passes(Silence, 1000),
        "waits, up to 2 s a query; one query a connection, so each needs a handshake",
    ),
    alone(
        "answers 300-400 ms late",
        |stage| stage.stays(LATE),
        "waits; one query a connection, so a handshake for each query that finds none free",
    ),
    alone(
        "all connections reset, again and again",
        |stage| stage.ends_connections(End::Reset),
        "only EOF on a kept connection is tried again at once; a reset is a failed try",
    ),
    alone(
        "all connections closed, again and again",
        |stage| stage.ends_connections(End::Finish),
        "EOF on a kept connection is tried again at once",
    ),
    of_two(
        "half a TLS record, then FIN",
        |stage| stage.stays(Half(End::Finish)),
        "next server; probes fail, so it is down after two",
    ),
    of_two("half a TLS record, then silence", |stage| stage.stays(Half(End::Never)), "2 s read timeout, then the next"),
    of_two(
        "one byte every 5 ms",
        |stage| stage.stays(DRIPPING),
        "handshakes of seconds within the dial timeout, then 2 s a query",
    ),
    of_two(
        "a byte changed in 20 % of all pieces",
        |stage| stage.stays(Garble(20)),
        "a broken record is a failed try: the next server, and a probe",
    ),
    alone(
        "firewall forgets connections once",
        forgets_once,
        "2 s read timeout for each kept connection in turn (`expire` 10 s), up to 5 s a query",
    ),
    of_two(
        "firewall drops established and new for 1 s",
        |stage| stage.passes(Forget, 1000),
        "2 s read timeout, then the next",
    ),
    of_two(
        "certificate of somebody else",
        changes_certificate,
        "handshake fails: the next server (only with `tls_servername`; without it anybody's passes)",
    ),
    fatal("certificate of somebody else", changes_certificate, "SERVFAIL after 5 s, kept for 5 s (`servfail`)"),
    fatal(
        "server restarts, gone for 1 s",
        |stage| stage.passes(Refuse, 1000),
        "tries again for 5 s; SERVFAIL is kept for 5 s (`servfail`)",
    ),
    of_two(
        "server flaps, 400 ms up, 400 ms gone",
        |stage| stage.stays(FLAPPING),
        "next server at once; up again after one probe",
    ),
];
