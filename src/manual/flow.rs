//! A query's way, hit and miss.
#![doc = include_str!("../flow.txt")]
//! # 1. The listener
//!
//! Each worker has a UDP socket and a TCP listener of its own for every listen address ([`sys::socket::bind_udp`],
//! [`sys::socket::bind_tcp`]); SO_REUSEPORT lets the kernel spread clients over the workers. The sockets are bound to one address, so
//! answers leave from the address that was asked, and with IP_FREEBIND, so that the address may appear later than the daemon.
//!
//! **UDP** ([`listener::udp`]): one `recvmmsg` takes up to [`BATCH`] datagrams, each into a room large enough for its answer. All of them
//! are looked at, and the answers that are known leave in one `sendmmsg`. One coarse clock reading serves the whole batch.
//!
//! **TCP** ([`listener::tcp`]): whatever one read brings is taken apart, and the answers that are known leave in one write, each behind
//! its length. Queries may be answered out of order. A connection that has too many queries waiting, or does not take its answers, is not
//! read any further.
//!
//! Both hand a message to a [`Handler`] and get an [`Outcome`]: bytes to send now, "later", or nothing. The handler is the [`pipeline`].
//!
//! # 2. What can be said at once
//!
//! [`Query::parse`] reads header, question and OPT record in place and copies nothing. It decides form:
//!
//! | message | becomes |
//! |---|---|
//! | shorter than a header, or a response | nothing; it is counted |
//! | opcode other than QUERY | NOTIMP |
//! | no question or several, records in the answer or authority section, anything that does not parse | FORMERR |
//! | EDNS version above 0 | BADVERS |
//!
//! Then the pipeline asks what policy says, before anything is looked up:
//!
//! | query | becomes |
//! |---|---|
//! | from a source outside `listen.allow`, malformed or not | REFUSED, extended error 18 (Prohibited); a TCP connection is closed at once |
//! | of a client that asks faster than `limits.client-rate` | REFUSED, extended error 0 |
//! | for a type in `policy.refuse-types` | REFUSED, extended error 18 |
//! | class other than IN and CH | REFUSED, extended error 21 (Not Supported) |
//! | type 0 or OPT | FORMERR |
//! | type ANY in class IN | one HINFO record ([`reply::minimal_any`], RFC 8482) |
//! | types 128 to 254: transfers, signatures of transactions, questions about servers | REFUSED, extended error 21 |
//!
//! # 3. The cache: a hit
//!
//! The question becomes a [`Key`] on the stack: the name in lower case, the type, and which of DO and CD were set, with one seeded hash of
//! it all. The worker's own [`Front`] is looked up first; it takes no lock and changes no memory that another worker reads. If it does not
//! know the answer, the node-wide [`Store`] is asked, and what it finds is put into the front. A denial of a whole name answers for
//! all its types, and for names below it (RFC 8020) where the zone says `nxdomain-cut`.
//!
//! A name that is blocked (`policy.block`, `policy.block-file`) is denied before the store is asked: NXDOMAIN with extended error 15. That denial
//! stays in the front, so that lists are looked at only for what the front does not know; a list of two million names costs a hash a label.
//!
//! An [`Entry`] is an answer in wire form with the offsets of its TTLs. [`reply::answer`] copies its records behind the client's own
//! question, which is never touched and so keeps its letter case; sets the flags; takes the entry's age off the TTLs; turns a set of
//! addresses by one if `cache.rotate` says so; and adds an OPT record if the client sent one. That is the whole way of a hit.
//!
//! # 3. The cache: a miss
//!
//! The query has to wait. The pipeline keeps the client's header and question, and what is needed to answer it later
//! ([`ReplyTo`]). If the same question is under way already, the client joins those who wait for it; otherwise a task of this
//! worker begins to find out. Too many questions under way (`limits.in-flight`) or clients waiting (`limits.waiting`) are shed: REFUSED
//! at once, with extended error 0, counted, never kept. Both limits hold for the node; each worker has its share, and of that one client may
//! take as much as is still free: half if it is alone, and whoever comes later finds as much as each of those before has.
//!
//! What cannot be found out now is not waited for. A question that failed within `servfail` gets the same failure (RFC 9520). If its
//! answer has expired no longer ago than `serve-stale`, clients get that (RFC 8767), with TTLs of 30 seconds and extended error 3, or 19 for an NXDOMAIN: the first
//! after 1.8 seconds of waiting, or at once when all servers of the zone are down; all others at once. Beside it, servers are asked
//! again every 30 seconds, and at once when they are back, in either case at a pace that they can bear; where some are up, the client that comes just then
//! waits up to 200 ms for the fresh answer. Only an answer takes the place of an answer: a
//! denial does, SERVFAIL and silence do not.
//!
//! A flight that runs out of time takes with it only those whose own time is over. Who joined it late gets one more, together.
//!
//! Who finds out is decided in this order:
//!
//! 1. **The node itself** ([`Local::lookup`]): own names from `local.hosts` and `local.records`, then the special-use names, empty reverse
//!    zones and `local.dead-suffixes`, then everything in class CH. These answers are authoritative (AA) and are not in the store, since they are here already; denials stay in the front. A
//!    built-in zone gives way to a configured `[[zone]]`.
//! 2. **The servers of the name's zone**: [`Zones::find`] looks for the longest suffix, and the zone says which [`Group`] is asked, whether
//!    DNSSEC is asked for, and how long answers may be kept.
//!
//! A type that the zone leaves out (`zone.no-types`) is never asked for. The A answer of the same name is found out instead, and what it leaves
//! without its addresses is given: aliases, and a denial.
//!
//! # 6. The upstream
//!
//! [`Outgoing`] is the query as it leaves: one question, RD, an OPT record of our own. Nothing of the client's goes along but the name,
//! the type, and in zones with `dnssec = "forward"` DO and CD. Zones with `dnssec = "validate"` always set both.
//!
//! [`Group::exchange`] asks one server, which `policy` chooses: as a rule the better one of two taken at random, by answer time and queries under
//! way. A server that fails, or says that it cannot help, passes the query on to another at once. One that takes longer than
//! `try-timeout` is not forgotten: another is asked beside it, and the first good answer wins. After `timeout` the client gets SERVFAIL. A
//! server that takes longer than 95 of 100 of its answers is raced by another, for one question in twenty at most, unless the policy is
//! `sequential`. All in all a question costs two tries; third ones are a tenth of the questions at most, so that servers which fail
//! under their load do not get more of it.
//!
//! A server is **down** when it cannot be reached, or when it was silent three times in a row about names of different domains, or about
//! what another server knew. What it answers never marks it down, and neither does one broken domain. It is passed over then, and when
//! its back-off is over (a quarter of a second, doubling to half a minute, with jitter), one query is sent to it beside the server
//! that answers the client. Any answer brings it back. A server that could not be reached is also found by opening a connection. When all
//! servers of a group are down, each question is asked of the two least bad ones at once, so that the first question after an outage is
//! answered. Each worker judges for itself.
//!
//! Over **TLS and TCP**, a query takes a connection that is open. In normal times there is one a server and worker; it carries many
//! queries at a time, answered in any order, and queries of the same turn leave in one write. A server that is found to answer strictly in
//! order is given all the connections it may have, and new queries avoid those on which the first one waits for long. A query whose
//! connection dies under it, when that was used before, is sent once more on a fresh one. A connection that has been quiet is watched: see
//! [`performance`](super::performance). One that stays quiet gets no more queries, but is kept for some seconds: a server that was stopped
//! and goes on answers on it.
//!
//! A connection is opened by one task however many queries wait for it, and for as long as there are such queries. Its addresses are tried
//! IPv6 first, the next beside it after 250 ms or at once when one is refused (RFC 8305); the one that works is remembered for ten minutes.
//! TCP that is not there after 0.75 s is begun anew, since the kernel would wait twice as long after each SYN; a TLS handshake may take ten
//! seconds, since a server that was stopped completes it when it goes on; but one that takes longer than 0.6 s, and than twice the last one, may
//! have been swallowed by the network, and gets one more beside it, begun anew as often. What fails with certainty is told to those who
//! wait; the next attempt comes 0.1 s later, then after up to 0.9 s, and while no query needs the server up to 30 s. A query waits for that
//! attempt if no other server is up. Over TLS the server has proved who it is before the first query leaves ([`upstream::tls`]).
//!
//! Over **UDP**, each query has a socket with a random port, a random ID and random letter case, and a cookie (RFC 7873); whatever does not match is
//! ignored and the wait goes on ([`upstream::udp`]). If too much of that comes, if a cookie is missing that should be there, or if an answer comes in
//! fragments, UDP is not trusted with the question, and it goes over TCP. A truncated answer is asked for again over TCP, and for five minutes that question goes over TCP at
//! once (up to 1,024 of them a server). With `auto`, if TCP fails or takes longer than `try-timeout` or half of the time that is left, the truncated answer is passed on as
//! such, and TCP is not tried for half a minute; with `udp`, it is an error. Servers with `tls` are never asked in any other way.
//!
//! A server that answers FORMERR or NOTIMP without an OPT record is asked once more without EDNS; with one, and if it has never shown a cookie, once
//! more without ours.
//!
//! # 6a. Whether it is what was signed
//!
//! In a zone with `dnssec = "validate"`, an answer is judged before anything is made of it ([`Validator::judge`]), unless the client set CD. It is taken apart: each
//! alias of a chain, and its end, is judged by its own zone. What lies below a negative trust anchor, or below a delegation that was proved not to be
//! signed, needs no work. The rest is hickory-net's: it verifies signatures and proofs, and asks for keys and delegations by a handle of ours, which
//! knows most of them, asks the zone's servers for the others, each once at a time, and stops when the question has cost too much.
//!
//! | verdict | the client gets |
//! |---|---|
//! | secure | the answer, with AD if it set DO or AD; kept until the first signature expires at the latest |
//! | insecure | the answer; extended error 1 or 2 where its keys or digests are of kinds that are not known |
//! | bogus | SERVFAIL with extended error 6 to 12, also where there is an answer that has expired |
//! | indeterminate: keys could not be had | what has expired; or SERVFAIL with extended error 22 or 23 |
//!
//! # 6b. The filter
//!
//! What came from a server is judged by its addresses before anybody gets it, and before it is kept ([`filter`]): A and AAAA records and the
//! hints of SVCB and HTTPS, in all sections. The zone of the name that was *asked* says whether (`zone.rebinding`): public ones by default, internal
//! ones not, and what the node knows itself never. An address is looked up in one table of prefixes, those of the registries, of the configuration
//! and of this machine; an IPv4 address inside an IPv6 one is unwrapped. Aliases that lead to an internal or exempt name, about which the answer
//! says nothing, are an offence of their own: a client that asks on by itself would get for that name what it may not get for the first.
//!
//! What is left of an answer that offends is a denial of the type, REFUSED, or the other records, each with extended error 15. That is kept in its place,
//! no longer than a denial. Each answer carries the generation of the policy that judged it, which every reload and every new address of the
//! machine raises: what is found in the store under an older one is judged again, fresh or expired ([`pipeline`], `rebinding`); the
//! workers' fronts begin anew with each generation, and cost nothing. What was withheld is not kept, so that it is asked for again.
//!
//! # 7. What is kept
//!
//! [`Answer::read`] checks the message against the question and writes it anew in our own form: the alias chain in order, the records
//! asked for, then what a denial or a signature needs. Records that the question did not ask for are not believed. A record whose RDATA
//! does not have the form of its type is dropped and counted, and the others pass; a type that is not known passes byte for byte.
//!
//! Where an alias in it leads to a blocked name, the name that was asked for is denied like a blocked one, and nothing is kept in the store.
//!
//! [`Bounds::apply`] brings the TTLs within the zone's bounds. Not kept: failures, truncated answers, TTL 0, denials without an SOA
//! record. What is kept goes into the store and the worker's front. Where room becomes short, what has expired leaves first.
//!
//! An answer that is given `prefetch` times in its lifetime is asked for again in the last tenth of it, at a moment taken by chance, so that nobody
//! waits for its successor.
//!
//! When a zone's servers are silent, they are asked for a name that only this process knows. If that is asked of us, the zone's servers
//! forward to us, and the zone is answered with SERVFAIL, or with what has expired, until it does not come back any more.
//!
//! # 8. The reply
//!
//! All who wait are answered by the same [`reply::answer`] as a hit, each within its own size: over UDP what the client offered, at most
//! `listen.udp-size`, 512 bytes without EDNS. Where not all fits, additional records go first, which no client needs. If answer or authority
//! records have to go, TC is set, and as many as fit are still there for clients that never come back by TCP. Late UDP answers leave together at the
//! end of the worker's turn. If nothing was found out, [`UpstreamError`] says which RCODE and extended error the client gets.
//!
//! # Start and end
//!
//! Before the workers begin, while the sockets already take in what clients ask, answers of the last process are read from `cache.snapshot` and put into
//! the store ([`snapshot::read`]), more than a megabyte of them beside the workers ([`Store::restore`]). The main thread writes them there now and then, and once more when the workers have stopped
//! ([`snapshot::write`]). Each stands there as a server's message, and is read by the same [`Answer::read`].
//!
//! # When the configuration changes
//!
//! The main thread reads it again ([`Origin`], [`Watch`]) and makes everything anew that workers share ([`Running::reload`]): groups'
//! certificates, own names, numbers of zones and servers. What is the same is taken over; a zone whose answers are made by the same keeps its
//! number, and with it its answers ([`Zone::answered`]). Each worker then puts a new plan in the place of its old one between two turns ([`Pipeline::adopt`]):
//! queries that begin now go by the new one, those under way end by the old one, and what they learn is kept only if it still holds. When all
//! workers have done so, the store is searched for answers that no longer hold ([`Store::forget_if`]), and the fronts begin anew.
//!
//! [`Answer::read`]: crate::wire::answer::Answer::read
//! [`BATCH`]: crate::sys::socket::BATCH
//! [`Bounds::apply`]: crate::cache::ttl::Bounds::apply
//! [`Entry`]: crate::cache::Entry
//! [`Front`]: crate::cache::Front
//! [`Group`]: crate::upstream::Group
//! [`Group::exchange`]: crate::upstream::Group::exchange
//! [`Handler`]: crate::listener::Handler
//! [`Key`]: crate::cache::Key
//! [`Local::lookup`]: crate::policy::local::Local::lookup
//! [`Origin`]: crate::config::Origin
//! [`Outcome`]: crate::listener::Outcome
//! [`Outgoing`]: crate::wire::message::Outgoing
//! [`Pipeline::adopt`]: crate::pipeline::Pipeline::adopt
//! [`Query::parse`]: crate::wire::query::Query::parse
//! [`ReplyTo`]: crate::listener::ReplyTo
//! [`Running::reload`]: crate::worker::Running::reload
//! [`Store`]: crate::cache::Store
//! [`Store::forget_if`]: crate::cache::Store::forget_if
//! [`Store::restore`]: crate::cache::Store::restore
//! [`Zone::answered`]: crate::config::Zone::answered
//! [`UpstreamError`]: crate::upstream::UpstreamError
//! [`Watch`]: crate::sys::watch::Watch
//! [`Validator::judge`]: crate::dnssec::Validator::judge
//! [`Zones::find`]: crate::route::Zones::find
//! [`filter`]: crate::filter
//! [`listener::tcp`]: crate::listener::tcp
//! [`listener::udp`]: crate::listener::udp
//! [`pipeline`]: crate::pipeline
//! [`reply::answer`]: crate::reply::answer
//! [`reply::minimal_any`]: crate::reply::minimal_any
//! [`snapshot::read`]: crate::cache::snapshot::read
//! [`snapshot::write`]: crate::cache::snapshot::write
//! [`sys::socket::bind_tcp`]: crate::sys::socket::bind_tcp
//! [`sys::socket::bind_udp`]: crate::sys::socket::bind_udp
//! [`upstream::tls`]: crate::upstream::tls
//! [`upstream::udp`]: crate::upstream::udp
