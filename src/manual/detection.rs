//! Detection: what a tunnel is seen by, how soon, and by what it is not.
//!
//! A tunnel carries data in names, or in answers to names that only it asks. Each of its questions is for a name that nobody has asked before, so a
//! cache never answers one: every question of a tunnel is a miss, and misses are all that detection has to look at. It runs on a thread of its own,
//! which workers tell through rings that lose rather than wait ([`crate::detect`]). A hit pays a decrement and a branch.
//!
//! # What is counted
//!
//! For each client and each registered domain (by the public suffix list, its private part included): names never asked before, how many of
//! them are data in an encoding and in which, how much they say, for which types they were asked, what came back and for how long it is good,
//! whether anything was ever answered from memory, and how regularly they come. Over a minute, a quarter of an hour, and half a day with what
//! fades of the days before. It takes less than two mebibytes, whatever is asked: 3,584 pairs, of which the least worth are forgotten first.
//!
//! Hosts are called by hashes, too. What tells them apart is that hosts are asked for A and AAAA, again and again, get addresses that are good for
//! a while, and have room for 64 characters of data at most. A name that is *odd* lacks something of that, and rules go by odd names where they can.
//!
//! | rule (`nodens_detections_total`) | finds |
//! |---|---|
//! | `signature` | the handshake of iodine, resources of dns2tcp, prefixes of dnscat2 and `DNSExfiltrator`; NULL and private types; binary labels |
//! | `burst` | 12 odd names in a minute, 8 that are too long for hosts, 25 like a clock, 25 with long answers |
//! | `volume` | 25 odd names or 12 long ones in 15 minutes; 10 KiB in names that are data, 24 KiB in any; 50 like a clock |
//! | `slow` | 60 odd names with 2 KiB in half a day, 24 long ones, or 32 KiB in names none of which was ever asked twice |
//! | `flood`, `denial` | a client above `detect.flood-rate` or `detect.denial-rate` over ten seconds |
//! | `rebinding` | a public name led a client to an address inside (`zone.rebinding`) |
//! | `type` | a client asked for a type of `policy.refuse-types` |
//!
//! A score is 60 where a rule just holds and 80 where twice as much is there. From 75 on there are consequences, in the modes that have some.
//!
//! # What follows
//!
//! `detect.mode`, or `detect` of a zone. `observe` writes a line, a JSON object whatever `log.format` says, shows it in `nodens ctl detections` and
//! counts it. `alert` makes that a warning. `rate-limit` lets `detect.limit` questions a second through for that client below that domain, `block` none; the
//! others are answered REFUSED with the extended error 15 for as long as it goes on and `detect.hold` after. What is in memory is given all the
//! same. What goes on is logged again after `hold`, then after twice that, up to a day; the entry of `ctl` keeps counting.
//!
//! Exempt are zones of class `internal` (unless they say `detect`), names of addresses, what `detect.exempt` names, and a built-in list of content
//! networks, clouds, block lists and virus scanners, whose names look like data and whose servers nobody else can have. Start with
//! `observe` for a week, put what it finds and is none into `detect.exempt`, then turn on more.
//!
//! # How well
//!
//! `cargo run --release --example detection` prints this: 200 sessions a row, each with a domain, client and chance of its own, seed 20261127. In time is 30 seconds
//! or 4 KiB of names at a program's own pace, 10 minutes at a question in 10 seconds, a day below. Precision is by the false alarms of ten million queries of a node
//! without tunnels (same seed, nine million misses, since its names are many and its TTLs short): there were none, and no sentence.
//!
//! | program | types | encoding | a query in | found | precision | recall | median s | median bytes | by |
//! |---|---|---|---|---|---|---|---|---|---|
//! | iodine | NULL | base32 | its own pace | 200 of 200 | 1.000 | 1.000 | 1 | 33 | signature |
//! | iodine | PRIVATE | base32 | its own pace | 200 of 200 | 1.000 | 1.000 | 1 | 33 | signature |
//! | iodine | TXT | base32 | its own pace | 200 of 200 | 1.000 | 1.000 | 1 | 33 | signature |
//! | iodine | TXT | base128 | its own pace | 200 of 200 | 1.000 | 1.000 | 1 | 33 | signature |
//! | iodine | CNAME | base32 | its own pace | 200 of 200 | 1.000 | 1.000 | 1 | 33 | signature |
//! | iodine | MX | base32 | its own pace | 200 of 200 | 1.000 | 1.000 | 1 | 33 | signature |
//! | iodine | SRV | base32 | its own pace | 200 of 200 | 1.000 | 1.000 | 1 | 33 | signature |
//! | iodine | A | base32 | its own pace | 200 of 200 | 1.000 | 1.000 | 1 | 33 | signature |
//! | iodine, handshake not seen | CNAME | base32 | its own pace | 200 of 200 | 1.000 | 1.000 | 1 | 1816 | burst |
//! | iodine, handshake not seen | A | base32 | its own pace | 200 of 200 | 1.000 | 1.000 | 1 | 1816 | burst |
//! | dnscat2, waiting | TXT, CNAME, MX | hex | its own pace | 200 of 200 | 1.000 | 1.000 | 11 | 420 | burst |
//! | dnscat2, waiting | TXT | hex | its own pace | 200 of 200 | 1.000 | 1.000 | 11 | 420 | burst |
//! | dnscat2, waiting | CNAME | hex | its own pace | 200 of 200 | 1.000 | 1.000 | 11 | 420 | burst |
//! | dnscat2, waiting | MX | hex | its own pace | 200 of 200 | 1.000 | 1.000 | 11 | 420 | burst |
//! | dnscat2, waiting | A | hex | its own pace | 200 of 200 | 1.000 | 1.000 | 24 | 875 | burst |
//! | dnscat2, waiting | A, AAAA | hex | its own pace | 200 of 200 | 1.000 | 1.000 | 24 | 875 | burst |
//! | dnscat2, not encrypted | TXT, CNAME, MX | hex | its own pace | 200 of 200 | 1.000 | 1.000 | 11 | 228 | burst |
//! | dnscat2, a file | TXT, CNAME, MX | hex | its own pace | 200 of 200 | 1.000 | 1.000 | 1 | 1784 | burst |
//! | dnscat2, a file | A | hex | its own pace | 200 of 200 | 1.000 | 1.000 | 1 | 1784 | burst |
//! | dns2tcp | TXT | base64 | its own pace | 200 of 200 | 1.000 | 1.000 | 0 | 18 | signature |
//! | dns2tcp | KEY | base64 | its own pace | 200 of 200 | 1.000 | 1.000 | 0 | 18 | signature |
//! | DNSExfiltrator | TXT | base64 | its own pace | 200 of 200 | 1.000 | 1.000 | 0 | 51 | signature |
//! | DNSExfiltrator | TXT | base32 | its own pace | 200 of 200 | 1.000 | 1.000 | 0 | 51 | signature |
//! | script, hex in A | A | hex | its own pace | 200 of 200 | 1.000 | 1.000 | 10 | 1525 | burst |
//! | data as words | TXT | words | its own pace | 200 of 200 | 1.000 | 1.000 | 6 | 1680 | burst |
//! | pieces of a program | TXT | none | its own pace | 200 of 200 | 1.000 | 1.000 | 3 | 190 | burst |
//! | iodine | TXT | base32 | 10 s | 200 of 200 | 1.000 | 1.000 | 110 | 2724 | volume |
//! | iodine | A | base32 | 10 s | 200 of 200 | 1.000 | 1.000 | 111 | 2724 | volume |
//! | dnscat2 | TXT, CNAME, MX | hex | 10 s | 200 of 200 | 1.000 | 1.000 | 241 | 875 | volume |
//! | dnscat2 | A | hex | 10 s | 200 of 200 | 1.000 | 1.000 | 490 | 1750 | volume |
//! | dnscat2, not encrypted | TXT, CNAME, MX | hex | 10 s | 200 of 200 | 1.000 | 1.000 | 440 | 855 | volume |
//! | dns2tcp | TXT | base64 | 10 s | 200 of 200 | 1.000 | 1.000 | 0 | 18 | signature |
//! | DNSExfiltrator | TXT | base32 | 10 s | 200 of 200 | 1.000 | 1.000 | 0 | 51 | signature |
//! | script, hex in A | A | hex | 10 s | 200 of 200 | 1.000 | 1.000 | 490 | 3050 | volume |
//! | short chunks in A | A | base32 | 10 s | 200 of 200 | 1.000 | 1.000 | 490 | 1650 | volume |
//! | data as words | TXT | words | 10 s | 200 of 200 | 1.000 | 1.000 | 490 | 2100 | volume |
//! | short chunks | TXT | base32 | 28.5 s | 200 of 200 | 1.000 | 1.000 | 684 | 825 | volume |
//! | short chunks | A | base32 | 28.5 s | 200 of 200 | 1.000 | 1.000 | 68726 | 79101 | slow |
//! | script, hex in A | A | hex | 42 s | 200 of 200 | 1.000 | 1.000 | 67892 | 98271 | slow |
//! | iodine | TXT | base32 | 150 s | 200 of 200 | 1.000 | 1.000 | 3444 | 5448 | slow |
//! | dnscat2 | TXT, CNAME, MX | hex | 24 s | 200 of 200 | 1.000 | 1.000 | 578 | 875 | volume |
//!
//! The programs are made after their sources; iodine with all its types and dns2tcp are also run themselves, from Debian, through the daemon
//! (`tests/system/tunnels.rs`): each is found within a second of its first question.
//!
//! # What it costs
//!
//! A front hit one instruction more of 1,300 (`benches/gate`, routine `hit-udp`, with and without). To tell of a miss and to look at it 0.13 µs for a host's name and 0.18 µs for a
//! long one that is data, worker and thread together (`cargo run --release --example micro detect-host detect-tunnel`, 2-vCPU Xeon VM). 2 MiB at
//! most with two workers; a test adds it up.
//!
//! # What is not found
//!
//! - Less than 32 KiB a day in names that look like those of hosts, have addresses that are good for a while, and come by chance.
//! - Data written as UUIDs: up to 24 KiB in 15 minutes, since tenants are called so. In words and for A: as much.
//! - A tunnel whose names are spread over many registered domains, each of which has little.
//! - Whoever asks another server than this one. Block port 53 and known resolvers at the network.
//! - `zone.min-ttl` above 5 s hides that answers were good for less; type and length of names still tell.
//!
//! What is found and may be none: scanners and lists that the built-in list does not have, probes that ask for random names to get past caches.
