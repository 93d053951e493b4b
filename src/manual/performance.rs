//! How the way of a hit is kept short, and the decisions behind it.
//!
//! About nineteen of twenty queries of a node are hits, and the node pays for them with cores that its pods could use. The figure to keep low is
//! therefore CPU time a query, of the whole process with all defaults on, the kernel's part included; queries per second and
//! latency follow from it.
//!
//! The figures below were measured while the parts were chosen, on a virtual machine with two Xeon cores, with prototypes where that is said.
//! They decide between ways of doing a thing on one machine; they are no promise for another. What the finished daemon needs, beside its
//! peers, stands in the README with machine, commit and command.
//!
//! # What a hit does
//!
//! One `recvmmsg` for up to [`BATCH`] datagrams; for each, parse in place, one hash, one look into the worker's own table, copy some hundred bytes, patch TTLs;
//! one `sendmmsg`. What it does not do:
//!
//! | not done | because |
//! |---|---|
//! | allocate | the key is on the stack, the answer is written into the room of the datagram |
//! | await | a task switch costs as much as the rest; only misses become tasks |
//! | take a lock, or write where another worker reads | cache lines that travel between cores cost more than all of the above |
//! | read the clock for each query | one coarse reading a batch; TTLs count seconds |
//! | count with atomic read-modify-write | each counter has one writer, so a load and a store do; about 5 ns saved a count, eight counts a query |
//! | encode | the answer is kept in the form in which it leaves |
//!
//! # Decisions
//!
//! **One thread, one event loop, one socket an address.** tokio's `current_thread` runtime with `recvmmsg` behind [`AsyncFd`]: 2.4 µs a query on a
//! saturated core, against 2.3 µs with blocking threads, and 5 % less than those at 5,000 queries a second (prototypes). One model for
//! hits, misses and connections is worth the difference. io_uring was slower, too (1.8–2.1 µs against 1.6 µs in the same trial).
//! AF_XDP would need the interfaces of pods, which belong to the network plugin.
//!
//! **Batches of 64.** 32 cost 2 % more when saturated. At low load a batch holds one datagram and nothing waits for it to fill.
//!
//! **Wire bytes.** Decoding a query and encoding an answer with hickory-proto costs 0.95 µs and 21 allocations: more than everything of ours. A hit
//! never leaves the form of bytes.
//!
//! **A parser of our own for upstream answers, too,** and not hickory-proto, which an earlier design had for them. Reading an answer and
//! writing it anew takes [`Answer::read`] 0.1–0.2 µs, decoding and encoding by a library 1.1 µs. It is also a matter of what passes: RDATA that nobody here has
//! to understand goes through byte for byte, so that a type from next year works, and one malformed record does not lose the message
//! (RFC 3597). hickory-proto remains where understanding is needed: zone data in [`policy::local`], which hickory-server's catalogs answer
//! from, and in tests, where it is the model that the parser is compared with.
//!
//! **Answers are minimal.** NS sets beside a positive answer are dropped, and additional records are kept only for types that point to hosts (MX,
//! SRV, HTTPS and the like). A stub has no use for the others, answers stay below the size of a datagram, and a forged NS set
//! has nowhere to go. When an answer does not fit, additional records leave first and without TC: RFC 2181 section 9 wants TC only for what the
//! answer requires, and a client that comes back by TCP for what it does not need costs more than it gets.
//!
//! **A table a worker in front of moka.** moka decides well what to keep (TinyLFU: a name asked once does not push out one asked often), but each
//! look-up does policy work: 0.46–0.51 µs of a query end to end, against 0.21–0.26 µs with a [`Front`] before it. The front is
//! set-associative, eight entries a set, so that tags are compared in one cache line; with four, one in thirteen of 9,181 names
//! found its set full. One hit in 64 is reported to moka, so that a hot name does not look cold there.
//!
//! **moka is keyed by a 64-bit hash, not by names.** The hash is made once a question, seeded anew in each process, and used by both tables. No key is
//! allocated for a look-up or kept twice. Two questions with one hash push each other out; neither gets the other's answer, because an
//! [`Entry`] holds its own name, type and variant and is asked whether it answers ([`Entry::answers`]).
//!
//! **No expiry in moka.** An entry knows its own times; moka's would cost more than the look-up. What is expired is overwritten by its
//! successor or pushed out.
//!
//! **NXDOMAIN is kept once, under all types.** A name that does not exist has no record of any type (RFC 2308 section 5), so the AAAA query that follows
//! the A query of every search path is a hit. It also answers for the names below (RFC 8020).
//!
//! **Memory is weighed as it is.** An entry weighs its bytes, its own size and 300 bytes that store and allocator add, measured as resident memory over
//! 200,000 entries ([`Entry::weight`]). `cache.size` thus means megabytes of the process and not of records.
//!
//! **An allocator for many small pieces.** glibc's leaves holes between entries: 13.2 to 15.3 MB resident with 9,181 names from run to run. With
//! mimalloc it is 12.4 to 12.8 MB, and a miss needs 5 to 6 µs of user time instead of 8 to 9. Its use of huge pages is switched off, which would
//! cost 10 MB. An entry is one allocation, so that a hit waits for memory once. The pages of code that ran at the start are given back when
//! the daemon is ready, those of handshakes within a second, and all every ten seconds, so that only what is in use stays ([`forget_code`]): 14 to 17.5 MB
//! with 9,181 names instead of 19 to 22, for two hundredths of a per cent of a core. Every five seconds were a megabyte less, for twice the time.
//!
//! # What a miss does
//!
//! A miss may cost more, but its servers should not feel it. Identical questions share one exchange; queries of one turn leave in one write, each in
//! a TLS record of its own (dnsdist 1.7 answers the first query of a record and forgets the others until more bytes come); what one read brings is taken apart at once, and the answers leave in one `sendmmsg`. A prototype with one connection answered 120,000 misses
//! a second on one core, 5.4 µs each, padding included.
//!
//! **One connection a server and worker.** With that figure a second one has nothing to do. It is opened only when the first is full, aged or suspect:
//! public resolvers limit connections, a handshake costs far more than a query, and queries that share a connection share packets.
//!
//! **A connection that was quiet is watched.** Connections die without a word: a firewall forgets them, a balancer moves on. TCP would notice after
//! seconds. A query on a connection that has been quiet for a second and gets no answer within four times the usual (at least
//! 200 ms, at most 1 s) goes out on a fresh connection as well, and the first answer wins. If the old one was dead, its idle time is learned, and the next connection is
//! closed by us before the server's limit, so that it does not happen twice.
//!
//! # What freshness costs
//!
//! **Popular answers are refreshed ahead,** in the last twentieth of their lifetime, at a moment by chance. An answer with *u* uses a lifetime is then asked for
//! once in 0.965 of it, and not once in 1 + 1/*u*: dear for a name that is asked three times, cheap for one that is asked thirty times. Each
//! refresh therefore pays its price, 4 + 100 / (*u* + 1) hundredths of an exchange, out of a tenth that each exchange puts aside, and one that was for
//! nobody a whole exchange. In an hour of 150 simulated names of all popularities that comes to 9 % more queries at the servers, and no client ever
//! waits for a name that is asked ten times a lifetime. A worker that finds another's refresh in the store takes it over. A hit pays for
//! all this with one comparison.
//!
//! **Recovery is paced.** In an outage everything expires. If every expired name were asked for in the first second after it, by every node,
//! servers that have just come back would go down again. So expired answers are refreshed at most at twice the rate at which the worker asked in
//! good times, averaged over two minutes, and two a second if it hardly asked at all. What was never known, or may not be given any more, is asked for at once.
//!
//! **Expired answers leave first.** moka does not know what has expired. Every five seconds a shelf that is nine tenths full loses the longest
//! expired answers until it is four fifths full; there is nothing to do, and nothing is walked, on a node with room.
//!
//! # What a validation costs
//!
//! A signature has to be verified, and that is arithmetic. 10,000 names of one signed zone, each asked once over UDP of a bind9 on the same machine, keys
//! known, CPU time of the process in µs a question (two shared AMD EPYC cores under other load, so ratios count):
//!
//! | | algorithm 8 (RSA) | 13 (P-256) | 15 (Ed25519) |
//! |---|---|---|---|
//! | nodens, `forward`, DO | 28 | 27 | 27 |
//! | nodens, `validate`, a name that was never asked | 57–62 | 97–99 | 78 |
//! | nodens, `validate`, asked again within its TTL, unchanged | 30 | 29–30 | 31 |
//! | unbound 1.17, iterator alone | 33 | 33 | 36 |
//! | unbound 1.17, validator | 80 | 148 | 293 |
//!
//! A worker remembers its last verdicts, each for the TTL of its records. Names that are asked for ahead of their expiry, or again since `max-ttl` is short,
//! cost 1.1 to 1.3 times what they cost unvalidated where their records are the same. A new name costs 2.1 to 3.6 times as much, against 2.4 to 8 times
//! in unbound: half of its time is the curve's arithmetic in aws-lc, so that below about 2.7 times nothing is to be had for P-256
//! over loopback. Answers of zones that are known not to be signed are not even parsed for it. A hit costs the same in all zones.
//!
//! # How it is measured
//!
//! CPU time of the whole process from the kernel's accounts, pinned to one core, loaded from another by dnsperf, divided by the
//! queries answered. Beside it runs a server that only receives and sends in batches: what it needs is the machine's floor, and a figure
//! without it says nothing on a shared machine. Every subject runs in the same session; only figures of one session are compared.
//!
//! [`forget_code`]: crate::sys::memory::forget_code
//! [`Answer::read`]: crate::wire::answer::Answer::read
//! [`AsyncFd`]: tokio::io::unix::AsyncFd
//! [`BATCH`]: crate::sys::socket::BATCH
//! [`Entry`]: crate::cache::Entry
//! [`Entry::answers`]: crate::cache::Entry::answers
//! [`Entry::weight`]: crate::cache::Entry::weight
//! [`Front`]: crate::cache::Front
//! [`policy::local`]: crate::policy::local
