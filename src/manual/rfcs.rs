//! The standards, clause by clause: where each is, and how far.
//!
//! nodens is a forwarding cache: it neither resolves from the root nor serves zones to others, so clauses about those are left
//! out. Terms are those of RFC 9499. "Yes" means that the clause is kept as far as it concerns a forwarding cache.
//!
//! # Messages
//!
//! | RFC | section | what | where | status |
//! |---|---|---|---|---|
//! | 1034 | 3.6.2 | aliases in a circle are an error | [`Answer`] | yes |
//! | 1035 | 4.1.1 | header, opcodes, RCODEs | [`wire::header`], [`reply`] | yes |
//! | 1035 | 4.1.4 | compression: read everywhere, written for owners and well-known types | [`wire::name`], [`Answer`] | yes |
//! | 1035 | 4.2.1 | 512 bytes over UDP without EDNS | [`Client::udp_limit`] | yes |
//! | 1035 | 7.3 | what is no answer to a question of ours is ignored | [`Query::parse`], [`upstream::udp`] | yes |
//! | 2181 | 5.2 | one TTL for a set: the lowest | [`Answer`] | yes |
//! | 2181 | 5.4.1 | records that were not asked for are not believed | [`Answer`] | yes |
//! | 2181 | 8 | a TTL with the top bit set is 0 | [`Answer`] | yes |
//! | 2181 | 9 | TC when what was asked for is missing, and only then | [`reply::answer`] | yes |
//! | 3597 | 3, 4 | unknown types pass untouched; names are compressed only in types that allow it | [`wire::record`] | yes |
//! | 4343 | 3, 4 | names are compared without letter case; the client's own letters come back | [`wire::name`], [`reply`] | yes |
//! | 6604 | 3 | the code of an alias chain is about its end | [`Entry`] | yes |
//! | 6672 | 3.1 | DNAME records pass, with the CNAME that the server made | [`Answer`] | passed on |
//! | 6895 | 3.1 | types that are no data are answered REFUSED or FORMERR | [`pipeline`] | yes |
//! | 1996, 2136, 5936, 1995 | | notifications, updates and transfers: NOTIMP or REFUSED, and never passed on | [`Query::parse`], [`pipeline`] | by intention |
//! | 8482 | 4.2 | ANY is answered by one HINFO record | [`reply::minimal_any`] | yes |
//! | 9619 | 4 | exactly one question | [`Query::parse`] | yes |
//!
//! # EDNS and extended errors
//!
//! | RFC | section | what | where | status |
//! |---|---|---|---|---|
//! | 3225 | 3 | DO | [`Query`], [`Variant`] | yes |
//! | 6891 | 6.1.1 | one OPT record at most, FORMERR otherwise | [`Query::parse`] | yes |
//! | 6891 | 6.1.2 | unknown options are ignored | [`Query::parse`] | yes |
//! | 6891 | 6.1.3 | BADVERS; extended RCODEs | [`Query::parse`], [`reply`] | yes |
//! | 6891 | 6.2.3 | sizes below 512 mean 512 | [`Client::udp_limit`] | yes |
//! | 6891 | 6.2.2, 7 | servers without EDNS are asked again without it, and so for five minutes | [`Group::exchange`] | yes |
//! | 7828 | 3 | edns-tcp-keepalive to clients over TCP, and from servers | [`reply`], [`Outgoing::append_to`] | yes |
//! | 7830, 8467 | 4.1 | padding of queries over TLS | [`Outgoing::append_to`] | yes |
//! | 7871 | 7.1 | client subnet is never sent, nor passed on | [`Outgoing`] | by intention |
//! | 7873, 9018 | 5.1, 5.3 | cookies to servers over UDP: one of ours for each server, address of ours and day; theirs is sent back; what should have one and has not is discarded and asked over TCP; BADCOOKIE | [`upstream::udp`] | yes |
//! | 7873 | 5.2 | cookies of clients are ignored, and never passed on | | no |
//! | 8914 | 4 | extended errors of our own, 15 (Blocked) for `policy.block` among them, and those of servers passed on without their text | [`UpstreamError::ede`], [`reply`] | yes |
//! | 9715 | 3.1 | small UDP messages instead of fragments, DF set: `listen.udp-size` | [`sys::socket::bind_udp`] | yes |
//! | 9715 | 3.2 | 1,232 bytes are offered to servers; an answer that comes in fragments is not believed and is asked for over TCP | [`wire::message::UDP_SIZE`], [`sys::fragment`] | yes |
//!
//! # Keeping answers
//!
//! | RFC | section | what | where | status |
//! |---|---|---|---|---|
//! | 1035 | 3.2.1 | TTL 0 is given on and not kept | [`Bounds::apply`] | yes |
//! | 2308 | 2, 5 | NXDOMAIN and NODATA with the SOA's negative TTL; none is kept without an SOA | [`Answer`], [`Bounds::apply`] | yes |
//! | 2308 | 7 | failures are kept as RFC 9520 says, and never in the place of an answer | [`Store::fail`] | yes |
//! | 4074 | 4.2 | a type that is left out (`zone.no-types`) is no data, never NXDOMAIN | [`pipeline`] | yes |
//! | 8020 | 2 | a name that does not exist has none below it | [`Store::find`], [`Zone::nxdomain_cut`] | public zones; others by option |
//! | 8198 | 5 | denials made up from NSEC records | | no |
//! | 8767 | 4 | a cap on TTLs: `zone.max-ttl` | [`Bounds`] | yes |
//! | 8767 | 5 | expired answers when no server gives a better one: for a day at most, after 1.8 seconds, asked again every 30 | [`pipeline`](crate::pipeline), [`Entry::stale_body`] | yes, a zone at a time |
//!
//! # Transports
//!
//! | RFC | section | what | where | status |
//! |---|---|---|---|---|
//! | 5452 | 9.1, 9.2 | random port and ID, question and source compared; TCP after sixteen wrong answers | [`upstream::udp`] | yes |
//! | 5452 | 5 | the same question is under way once, and eight times at most with other flags or again | [`pipeline`], [`upstream::udp`] | yes |
//! | draft-vixie-dnsext-dns0x20 | | random letter case, switched off for servers that do not repeat it | [`upstream::udp`] | yes |
//! | 7766 | 6.2.1, 7 | pipelining and answers out of order, on both sides; servers that answer in order are found out | [`listener::tcp`], [`upstream`] | yes |
//! | 7766 | 6.2.3, 6.2.4 | idle timeouts; a connection closed by a server costs the client nothing | [`listener::tcp`], [`upstream`] | yes |
//! | 7766 | 8 | length and message in one write | [`listener::tcp`], [`Outgoing::append_to`] | yes |
//! | 7858 | 3, 4.2 | DNS over TLS as a client, port 853, key pins | [`upstream::tls`] | yes |
//! | 7301 | 3.2 | ALPN `dot` is offered; a server that chooses nothing is used, since RFC 7858 does not know ALPN; one that wants another protocol is not | [`upstream::tls`] | yes |
//! | 8310 | 5, 8.1 | strict profile: no query without proof, names by PKIX | [`upstream::tls`] | yes |
//! | 5482 | | a peer that acknowledges nothing is given up | [`sys::socket::prepare_upstream`] | yes |
//! | 8305 | 4, 5 | several addresses of a server: IPv6 first, the next after 250 ms | [`upstream`] | yes |
//! | 8484, 9250 | | DNS over HTTPS and QUIC | | no |
//!
//! # Addresses in answers
//!
//! | RFC | section | what | where | status |
//! |---|---|---|---|---|
//! | 6890, 8190 | 2.2 | special-purpose addresses | [`filter::addresses`] | those that are not global |
//! | 4291 | 2.5.5 | IPv4 inside IPv6: mapped, compatible | [`filter::addresses`] | yes |
//! | 6052 | 2.2 | IPv4 inside prefixes of NAT64, of all lengths | [`filter::addresses`] | yes |
//! | 3056, 4380, 5214, 7915 | 2, 4, 6.1 | 6to4, Teredo, ISATAP, translated | [`filter::addresses`] | yes |
//! | 9460 | 2.2, 7.3 | hints of SVCB and HTTPS | [`filter::rebind`] | yes |
//! | 8914 | 4.16 | Blocked, for what is withheld | [`filter`] | yes |
//!
//! # DNSSEC
//!
//! | RFC | section | what | where | status |
//! |---|---|---|---|---|
//! | 4035 | 3.2.2 | CD passes, and its answers are kept apart | [`Variant`] | yes |
//! | 4035 | 3.2.3 | AD by our own verdict; where that is not wanted, of servers that proved who they are, over TLS | [`dnssec`], [`Response::authenticated`] | yes |
//! | 4033 | 5 | secure, insecure, bogus, indeterminate | [`dnssec::Verdict`] | yes |
//! | 4035 | 4.7 | a bogus answer is kept as a failure, for `servfail` | [`pipeline`] | yes |
//! | 4035 | 5 | validation, by hickory-net; bounded work | [`dnssec`] | zones with `dnssec = "validate"` |
//! | 4035 | 5.3.3 | no TTL beyond the signature's | [`dnssec::Judgement`] | yes |
//! | 4509, 6605, 8080 | | DS digests 1, 2, 4; algorithms 5, 7, 8, 10, 13, 14, 15 | [`dnssec`] | all that is required, not Ed448 |
//! | 5011 | | anchors that renew themselves | | no |
//! | 5155 | 8, 9.2 | hashed denials; no AD where opt-out may leave something out | [`dnssec`] | yes |
//! | 7646 | | negative trust anchors: `zone.negative-trust-anchors`, other zones, private reverse zones | [`dnssec::Anchors`] | yes |
//! | 9276 | 3.2 | above 150 iterations insecure, never bogus | [`dnssec`] | yes |
//! | 6840 | 5.7, 5.8 | AD is asked for, and shown to those who set DO or AD | [`Outgoing`], [`reply::answer`] | yes |
//!
//! # Names the node knows itself
//!
//! | RFC | section | what | where | status |
//! |---|---|---|---|---|
//! | 1035 | 5.1 | static records in zone-file form | [`policy::local`] | one record a line |
//! | 4892 | 2 | `id.server`, `version.server` in class CH | [`policy::local`] | where it is wanted |
//! | 6303 | 3, 4 | empty reverse zones | [`policy::local`] | yes |
//! | 6761 | 6 | `localhost`, `invalid`, `test` | [`policy::local`] | yes |
//! | 6762 | | `local` is asked like any other name, since clusters use it | | by intention |
//! | 7686, 8375, 9462, 9665 | | `onion`, `home.arpa`, `resolver.arpa`, `service.arpa` | [`policy::local`] | yes |
//! | 7793 | | reverse zones of 100.64.0.0/10 | [`policy::local`] | yes |
//!
//! # Rules of operators
//!
//! | RFC | section | what | where | status |
//! |---|---|---|---|---|
//! | 5001 | 2.1, 2.2 | NSID for clients that ask for it | [`reply`] | where it is wanted |
//! | 6052 | 2.2 | IPv4 addresses inside prefixes of six lengths | [`policy::dns64`] | yes |
//! | 6147 | 5.1, 5.3.2, 5.3.3 | AAAA records made of A records | [`policy::dns64`] | where it is wanted |
//! | 6147 | 5.1.4 | IPv4-mapped addresses are no AAAA records | [`policy::dns64`] | yes; the list is fixed |
//! | 6147 | 5.3.1 | PTR for addresses that were made up | | no: such names are asked as any |
//! | 6147 | 5.5 | nothing is made up for clients with DO and CD | [`pipeline`] | yes |
//!
//! [`Answer`]: crate::wire::answer::Answer
//! [`Bounds`]: crate::cache::ttl::Bounds
//! [`Bounds::apply`]: crate::cache::ttl::Bounds::apply
//! [`Client::udp_limit`]: crate::reply::Client::udp_limit
//! [`Entry`]: crate::cache::Entry
//! [`Group::exchange`]: crate::upstream::Group::exchange
//! [`Outgoing`]: crate::wire::message::Outgoing
//! [`Outgoing::append_to`]: crate::wire::message::Outgoing::append_to
//! [`Query`]: crate::wire::query::Query
//! [`Query::parse`]: crate::wire::query::Query::parse
//! [`Response::authenticated`]: crate::upstream::Response::authenticated
//! [`Store::find`]: crate::cache::Store::find
//! [`UpstreamError::ede`]: crate::upstream::UpstreamError::ede
//! [`Variant`]: crate::cache::Variant
//! [`Entry::stale_body`]: crate::cache::Entry::stale_body
//! [`Store::fail`]: crate::cache::Store::fail
//! [`Zone::nxdomain_cut`]: crate::config::Zone::nxdomain_cut
//! [`filter`]: crate::filter
//! [`filter::addresses`]: crate::filter::addresses
//! [`filter::rebind`]: crate::filter::rebind
//! [`listener::tcp`]: crate::listener::tcp
//! [`dnssec`]: crate::dnssec
//! [`dnssec::Anchors`]: crate::dnssec::Anchors
//! [`dnssec::Judgement`]: crate::dnssec::Judgement
//! [`dnssec::Verdict`]: crate::dnssec::Verdict
//! [`pipeline`]: crate::pipeline
//! [`policy::local`]: crate::policy::local
//! [`policy::dns64`]: crate::policy::dns64
//! [`reply`]: crate::reply
//! [`reply::answer`]: crate::reply::answer
//! [`reply::minimal_any`]: crate::reply::minimal_any
//! [`sys::socket::bind_udp`]: crate::sys::socket::bind_udp
//! [`sys::socket::prepare_upstream`]: crate::sys::socket::prepare_upstream
//! [`upstream`]: crate::upstream
//! [`sys::fragment`]: crate::sys::fragment
//! [`upstream::tls`]: crate::upstream::tls
//! [`upstream::udp`]: crate::upstream::udp
//! [`wire::header`]: crate::wire::header
//! [`wire::message::UDP_SIZE`]: crate::wire::message::UDP_SIZE
//! [`wire::name`]: crate::wire::name
//! [`wire::record`]: crate::wire::record
