//! Many nodes before few servers: what a resolver and the cluster's DNS see of them, and what to turn.
//!
//! One node is no load. Ten thousand that lose their resolver in the same moment, and find it again in the same moment, are. This chapter says
//! how many connections, handshakes and queries that makes, first measured with a thousand simulated nodes, then on paper for ten thousand.
//!
//! # How it was measured
//!
//! `cargo test --lib simulation::fleet -- --nocapture`: a thousand workers, each with its cache and all of the real code from the query to the
//! stream, in one process with a clock of its own; one resolver behind streams (10 ms away, two round trips before the first query, as TLS 1.3 and
//! its TCP have together three), and one DNS of the cluster behind UDP (1 ms away). Clients of each node ask 0.2 questions a second and zone, half of them
//! for 200 names that everybody asks for, half for names that nobody asked for before. Options are the defaults. Both servers suffer the same at the same
//! time, each group of a node for itself. What is modelled of the kernel: lost packets are sent again after 0.2 s (the first of a connection
//! after 1 s), each time twice as late; a connection without acknowledgement breaks after 3 s.
//!
//! # A thousand nodes
//!
//! Queries and handshakes a second at the server; the steady state has no handshakes but those of age, 1.7 a second. "First answer" is how long
//! a client waited, on a node where one did, from the end of the fault until the first of the node's clients had an answer.
//!
//! | fault | server | queries: steady | worst second | | handshakes: worst second | after it, in all | first answer: 99 % | all |
//! |---|---|---|---|---|---|---|---|---|
//! | restart: all connections reset, nobody there for 10 s | resolver | 146 | 258 | 1.8 × | 343 | 968 | 655 ms | 877 ms |
//! | | cluster DNS | 173 | 191 | 1.1 × | | | 2 ms | 2 ms |
//! | all packets dropped for 60 s | resolver | 146 | 703 | 4.8 × | 547 | 976 | 0.76 s | 0.78 s |
//! | | cluster DNS | 173 | 392 | 2.3 × | | | 2.3 s | 2.5 s |
//! | every answer takes 5 s, for 30 s | resolver | 146 | 327 | 2.2 × | 110 | 13 | 4.2 s | 4.5 s |
//! | | cluster DNS | 173 | 627 | 3.6 × | | | 2.3 s | 2.5 s |
//!
//! What was wanted is no second above 3 × the steady state, and the first answer within one second. Both together cannot be had everywhere:
//!
//! - **Handshakes after a restart.** All connections are gone, so each node makes one; no node made two. To make them at 3 × the rate of the
//!   steady state, 5 a second, would take 200 s, and a client of the last node would wait for so long. A node therefore opens a connection when
//!   a client waits, at once, and not before: the worst second has as many handshakes as nodes of which a client asks something new in that
//!   second. The clients pace it: a quiet fleet comes back slowly, and a busy one has servers for busy fleets.
//! - **Queries after dropped packets.** Clients wait 4.5 s for an answer. Those of the last 4.5 s all have one in the first second: that is
//!   4.5 times the steady state, and itself, and could only be less if some of them got none. Names in memory are not asked for by all nodes at
//!   once: they are given expired, and asked for again at no more than twice the usual rate.
//! - **Datagrams.** What is lost is asked for again after `try-timeout`, 2 s; so a client that already waits when packets pass again may wait
//!   for that. One that asks a moment later has its answer at once.
//! - **A slow server.** A question is asked twice, and a third time out of a budget of one in ten, which a node may save up to ten of: that is the 627.
//!   Streams are not asked twice where the first query still waits. A connection without a sign of life is replaced, as it may be dead; but if the
//!   fresh one is no faster, no other is given up until an answer comes within a second. Without that, every question to a slow
//!   server cost a handshake: 236 in the worst second instead of 110, and as many later on. Clients wait because answers that
//!   were on their way still take their 5 s.
//! - **While nobody is there**, each question costs up to four first packets of connections, which the server's kernel refuses (459 in the worst second).
//!
//! A restart was once worse than this: one that closed a connection after 3 s without a query looked like a server that closes unused connections after 3 s,
//! and the nodes closed theirs before, from then on, at 90 handshakes a second. It takes two now that close after about the same time.
//!
//! # Ten thousand nodes on paper
//!
//! With *N* nodes, *w* workers each (`listen.workers`: 2 where there are two cores), and *m* questions a second and worker that no cache
//! answers (0.2 above; a busy node has 1 to 5):
//!
//! | at each server | | 10,000 nodes, *w* = 2, *m* = 1 |
//! |---|---|---|
//! | connections | *N w*, and a second one for moments | 20,000 |
//! | memory for them | 20 to 50 kB each with TLS, by the library; 4 kB of kernel | 0.5 to 1.1 GB |
//! | descriptors | as many | 20,000; for a margin, 65,536 |
//! | handshakes in the steady state | *N w* / `max-age` | 33 a second |
//! | handshakes because of idleness | one a question, of workers with less than one question in `idle-timeout` | none |
//! | queries | *N w m* / servers of the group | 20,000 a second; 10,000 with two servers |
//! | the second after a restart: handshakes | *N w* (1 − e^−*m*) | 12,600; all within 5 s |
//! | computing for them | 0.15 to 0.3 ms each, full, TLS 1.3 with ECDSA | 3 to 6 s of one core in all |
//! | the second after 60 s without packets: queries | *N w m* (1 + 4.5) | 110,000 |
//! | while answers take 5 s: queries | at most 2.2 *N w m* over streams | 44,000 a second |
//!
//! The figures of memory and computing are guesses from what servers and libraries say of themselves; measure yours. Session tickets make handshakes cheaper
//! only if the server's keys outlive its restart.
//!
//! # What to turn
//!
//! - **Two servers a group**, behind different addresses. The other one has the clients while the first restarts, and the first is tried again after a
//!   time that differs from node to node, 0.25 s to 30 s: its handshakes spread over half a minute, and nobody waits for them.
//! - **`listen.workers = 1`** halves connections, memory and handshakes. One worker answers more than nearly all nodes ask.
//! - **`max-age`**: `"30m"` for a third of the handshakes; then connections find a new replica behind an address later.
//! - **`idle-timeout`** above the usual time between two questions of a node, and the server's own above that; else each question
//!   pays for a handshake.
//! - **`connections`** stays at 2: the second is for servers that answer in order only.
//! - **`serve-stale`** and **`prefetch`** keep what the fleet asks for most away from a server that has just come back. **`servfail`** keeps what fails
//!   from being asked for again at once.
//! - **The server's side**: a queue of new connections (`net.core.somaxconn`, and what the server passes to listen(2)) for the worst second; limits for each client
//!   address above what one NAT hides; restarts one after the other.
