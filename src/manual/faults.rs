//! What clients see when something above the node fails, measured, and what node-local-dns does then by its documentation.
//!
//! A node's DNS cannot be better than the servers it asks, except in three things: names in memory are answered whatever happens, a healthy
//! server hides a broken one, and a client always hears something before it gives up. This chapter holds nodens to them.
//!
//! # How it was measured
//!
//! `tests/system/chaos`: bind9 (UDP, TCP) or unbound (TLS) behind a proxy that delays, loses, cuts and breaks bytes; the daemon with its
//! defaults, one worker, a build for tests; 80 queries a second (40 over TLS) for 6 s from clients over UDP that do not ask twice, half of them for 40
//! names in memory, half for names that nobody has asked for before. The fault begins after 0.5 s; a server that falls silent is asked
//! less from one question to the next, but what it was asked before that is slow. All faults of a transport happen at once, each to a
//! daemon of its own, on two cores; so the times are above those of a machine at rest, and only their size means something.
//!
//! - **to**: the transport; `+ 1` is a healthy second server, after the broken one in the group. Without it the fault is that of the only server.
//! - **in memory: not well**: queries for names in memory that were lost, failed, wrong, or took longer than 1 s.
//! - **lost**: no answer within 5 s, when the C library gives up. **slow**: an answer after more than 1 s. **failed**: SERVFAIL or
//!   REFUSED with its reason (RFC 8914). **wrong**: any other answer than the server's.
//!
//! The tests fail if anything is lost or wrong or not well, and, wherever a server could still answer, if anything failed or if
//! half of the answers were slow. `tests/system/chaos_table` measures and prints the table, and with `--write` puts it here.
//!
//! # The table
//!
//! | fault | to | in memory: not well | new: asked | lost | slow | failed | wrong | p50 | p99 | longest | node-local-dns |
//! |---|---|---|---|---|---|---|---|---|---|---|---|
//! | server gone: port unreachable | udp + 1 | 0 of 240 | 240 | 0 | 0 | 0 | 0 | 2.6 ms | 17.4 ms | 20.8 ms | next server at once; `max_fails` 2, probes every 0.5 s (`health_check`) |
//! | server silent | udp + 1 | 0 of 240 | 240 | 0 | 0 | 0 | 0 | 2.5 ms | 17.1 ms | 21.6 ms | 2 s read timeout, then the next (`policy random`), until two probes failed (`max_fails`) |
//! | server silent | udp | 0 of 240 | 240 | 0 | 220 | 220 | 0 | 4.50 s | 4.51 s | 4.51 s | random server although all are down, SERVFAIL after 5 s (at once with `failfast_all_unhealthy_upstreams`), kept for 5 s (`servfail`) |
//! | 30 % of datagrams lost each way | udp + 1 | 0 of 240 | 240 | 0 | 0 | 0 | 0 | 2.4 ms | 15.3 ms | 15.6 ms | 2 s for each lost try; a probe that passes keeps the server |
//! | 10 % of datagrams lost each way | udp | 0 of 240 | 240 | 0 | 44 | 11 | 0 | 2.7 ms | 4.50 s | 4.51 s | asked again after 2 s, up to 5 s |
//! | answers 300-400 ms late | udp | 0 of 240 | 240 | 0 | 0 | 0 | 0 | 350.4 ms | 402.7 ms | 404.6 ms | waits, up to 2 s |
//! | answers cut in the middle | udp + 1 | 0 of 240 | 240 | 0 | 0 | 0 | 0 | 2.0 ms | 15.6 ms | 18.6 ms | an answer that ends too soon is passed on with TC, so that the client comes again over TCP |
//! | server flaps, 400 ms up, 400 ms gone | udp + 1 | 0 of 240 | 240 | 0 | 0 | 0 | 0 | 2.2 ms | 15.1 ms | 22.6 ms | next server at once; up again after one probe |
//! | server restarts, gone for 1 s | udp | 0 of 240 | 240 | 0 | 1 | 40 | 0 | 2.4 ms | 16.8 ms | 2.00 s | tries again for 5 s; SERVFAIL is kept for 5 s (`servfail`) |
//! | server gone: connection refused | tcp + 1 | 0 of 240 | 240 | 0 | 0 | 0 | 0 | 3.7 ms | 6.1 ms | 6.7 ms | next server at once; `max_fails` 2, probes every 0.5 s |
//! | server silent, connections open | tcp + 1 | 0 of 240 | 240 | 0 | 0 | 0 | 0 | 3.7 ms | 5.6 ms | 5.8 ms | 2 s read timeout a query, then the next; one query a connection |
//! | all connections reset, again and again | tcp | 0 of 240 | 240 | 0 | 0 | 0 | 0 | 3.8 ms | 6.2 ms | 9.1 ms | only EOF on a kept connection is tried again at once; a reset is a failed try |
//! | all connections closed, again and again | tcp | 0 of 240 | 240 | 0 | 0 | 0 | 0 | 3.8 ms | 5.6 ms | 7.5 ms | EOF on a kept connection is tried again at once |
//! | connections reset instead of answers | tcp + 1 | 0 of 240 | 240 | 0 | 0 | 0 | 0 | 4.1 ms | 7.9 ms | 9.9 ms | next server; probes fail, so it is down after two |
//! | half an answer, then FIN | tcp + 1 | 0 of 240 | 240 | 0 | 0 | 0 | 0 | 3.7 ms | 8.6 ms | 11.4 ms | next server; probes fail, so it is down after two |
//! | half an answer, then silence | tcp + 1 | 0 of 240 | 240 | 0 | 0 | 0 | 0 | 3.8 ms | 5.5 ms | 10.4 ms | 2 s read timeout, then the next |
//! | one byte every 5 ms | tcp + 1 | 0 of 240 | 240 | 0 | 0 | 0 | 0 | 3.7 ms | 9.2 ms | 12.7 ms | waits, up to 2 s a query; one query a connection, so connections pile up |
//! | firewall forgets connections once | tcp | 0 of 240 | 240 | 0 | 8 | 0 | 0 | 28.5 ms | 1.14 s | 1.18 s | 2 s read timeout for each kept connection in turn (`expire` 10 s), up to 5 s a query |
//! | server restarts, gone for 1 s | tcp | 0 of 240 | 240 | 0 | 0 | 10 | 0 | 4.2 ms | 825.0 ms | 867.5 ms | tries again for 5 s; SERVFAIL is kept for 5 s (`servfail`) |
//! | both servers restart, one after the other | tcp + 1 | 0 of 240 | 240 | 0 | 0 | 0 | 0 | 3.6 ms | 5.9 ms | 6.8 ms | next server at once; a server is up again after one probe |
//! | server flaps, 400 ms up, 400 ms gone | tcp + 1 | 0 of 240 | 240 | 0 | 0 | 0 | 0 | 4.0 ms | 5.6 ms | 7.3 ms | next server at once; up again after one probe |
//! | server gone: connection refused | tls + 1 | 0 of 120 | 120 | 0 | 0 | 0 | 0 | 5.5 ms | 9.4 ms | 9.8 ms | next server at once; `max_fails` 2, probes every 0.5 s |
//! | server silent, connections open | tls + 1 | 0 of 120 | 120 | 0 | 0 | 0 | 0 | 4.8 ms | 21.3 ms | 23.4 ms | 2 s read timeout a query; a new handshake may wait 1 s to 30 s (dial timeout) |
//! | server silent, connections open | tls | 0 of 120 | 120 | 0 | 110 | 110 | 0 | 4.50 s | 4.51 s | 4.51 s | SERVFAIL after 5 s, kept for 5 s (`servfail`); names in memory until their TTL (`serve_stale` is off) |
//! | silent for 1 s, then as before | tls | 0 of 120 | 120 | 0 | 0 | 0 | 0 | 4.8 ms | 927.5 ms | 975.3 ms | waits, up to 2 s a query; one query a connection, so each needs a handshake |
//! | answers 300-400 ms late | tls | 0 of 120 | 120 | 0 | 0 | 0 | 0 | 353.6 ms | 404.2 ms | 404.5 ms | waits; one query a connection, so a handshake for each query that finds none free |
//! | all connections reset, again and again | tls | 0 of 120 | 120 | 0 | 0 | 0 | 0 | 5.0 ms | 51.1 ms | 55.1 ms | only EOF on a kept connection is tried again at once; a reset is a failed try |
//! | all connections closed, again and again | tls | 0 of 120 | 120 | 0 | 0 | 0 | 0 | 5.2 ms | 54.8 ms | 55.4 ms | EOF on a kept connection is tried again at once |
//! | half a TLS record, then FIN | tls + 1 | 0 of 120 | 120 | 0 | 0 | 0 | 0 | 5.0 ms | 20.7 ms | 23.2 ms | next server; probes fail, so it is down after two |
//! | half a TLS record, then silence | tls + 1 | 0 of 120 | 120 | 0 | 1 | 0 | 0 | 4.9 ms | 29.6 ms | 2.01 s | 2 s read timeout, then the next |
//! | one byte every 5 ms | tls + 1 | 0 of 120 | 120 | 0 | 1 | 0 | 0 | 5.2 ms | 21.4 ms | 2.01 s | handshakes of seconds within the dial timeout, then 2 s a query |
//! | a byte changed in 20 % of all pieces | tls + 1 | 0 of 120 | 120 | 0 | 0 | 0 | 0 | 5.4 ms | 10.4 ms | 11.0 ms | a broken record is a failed try: the next server, and a probe |
//! | firewall forgets connections once | tls | 0 of 120 | 120 | 0 | 7 | 0 | 0 | 5.1 ms | 1.26 s | 1.26 s | 2 s read timeout for each kept connection in turn (`expire` 10 s), up to 5 s a query |
//! | firewall drops established and new for 1 s | tls + 1 | 0 of 120 | 120 | 0 | 0 | 0 | 0 | 5.3 ms | 9.2 ms | 9.6 ms | 2 s read timeout, then the next |
//! | certificate of somebody else | tls + 1 | 0 of 120 | 120 | 0 | 0 | 0 | 0 | 4.7 ms | 7.8 ms | 10.0 ms | handshake fails: the next server (only with `tls_servername`; without it anybody's passes) |
//! | certificate of somebody else | tls | 0 of 120 | 120 | 0 | 0 | 94 | 0 | 1.2 ms | 103.5 ms | 106.0 ms | SERVFAIL after 5 s, kept for 5 s (`servfail`) |
//! | server restarts, gone for 1 s | tls | 0 of 120 | 120 | 0 | 0 | 5 | 0 | 5.5 ms | 796.6 ms | 825.8 ms | tries again for 5 s; SERVFAIL is kept for 5 s (`servfail`) |
//! | server flaps, 400 ms up, 400 ms gone | tls + 1 | 0 of 120 | 120 | 0 | 0 | 0 | 0 | 4.8 ms | 7.0 ms | 8.0 ms | next server at once; up again after one probe |
//!
//! The last column is CoreDNS 1.14 with the configuration that node-local-dns is installed with: plugin *forward* without options but
//! `force_tcp` for cluster names, plugin *cache* with 30 s. Read in their documentation and source: a query may take 5 s over all servers and
//! a read 2 s; servers are chosen at random (`policy`); one that failed is probed every 0.5 s (`health_check`) and passed over after two
//! failed probes (`max_fails`); with all of them down a random one is tried (or none, with `failfast_all_unhealthy_upstreams`); connections
//! are kept for 10 s (`expire`) and carry one query at a time; an RCODE is an answer, unless `failover` names it. SERVFAIL is kept for 5 s
//! (`servfail`), and stale answers are off (`serve_stale`), so names in memory last until their TTL, at most 30 s.
//!
//! # When all servers are gone
//!
//! - Names in memory are answered, all of them, with five kinds of death: silence, connections forgotten, ports closed, resets, halves.
//! - Names that have expired are answered stale: TTL 30 and extended error 3, after 1.8 s at most for the first client, at once for the next
//!   (RFC 8767; `cache.serve-stale`).
//! - Names that nobody has asked for before fail with their reason before the client gives up.
//! - When the servers are back, the first fresh answer comes within 1 s, without a restart: over UDP, TCP and TLS after silence, closed ports,
//!   forgotten connections and half-written answers, and when the only DNS-over-TLS server (dnsdist) goes on after `kill -STOP`. Servers are
//!   gone for 6 s in the tests; `NODENS_OUTAGE_SECONDS=60 cargo nextest run --test system chaos::outage` takes longer.
//!
//! # When servers lie
//!
//! 68 lies in messages, 16 in the framing of streams and 10 games with truncation are told to clients over UDP and TCP: wrong IDs, questions and
//! counts, lengths that lie, compression loops, aliases in circles, foreign records in every section, denials by foreign zones, TC
//! without end, and spoilt datagrams by the hundred. Each comes to the truth or to a failure with its reason, before the client gives up; no record
//! that was not asked for is passed on or kept; the next question is answered. What holds against each is in
//! [`threats`](super::threats#a-hostile-or-broken-server).
//!
//! What a liar can do is to fail his own names, and, over a stream, to break his own connection under other questions, which are then
//! sent again.
