//! What strangers can try, what holds against it, and what does not yet.
//!
//! Six kinds of strangers: clients, servers, owners of names, whoever is on the path between, what can be reached over HTTP, and other users of the machine. The operator, the
//! configuration file and the kernel are trusted. Only what exists in the code is listed as holding.
//!
//! # A hostile client
//!
//! A pod that was taken over, or a program with a fault; it may ask whatever it likes.
//!
//! | it tries | what holds | where |
//! |---|---|---|
//! | bytes that are no DNS, to crash the parser | every access is checked, no allocation follows a length that a message claims; messages without a header are dropped, others get FORMERR | [`Query::parse`] |
//! | responses instead of queries, to start a loop of answers | dropped, never answered | [`Query::parse`] |
//! | to ask from outside | sources that are not in `listen.allow` get REFUSED, also for what is malformed, and no TCP connection; an address open to everybody is warned about | [`Listen::allow`] |
//! | to learn which machine and version answers | class CH tells nothing unless the operator wants it | [`policy::local`] |
//! | to use the daemon as an amplifier with forged sources | answers over UDP are at most `listen.udp-size`, and 512 bytes for a client without EDNS; ANY gets one small record | [`reply::Client::udp_limit`], [`reply::minimal_any`] |
//! | transfers, updates, notifications, odd classes | REFUSED or NOTIMP; never forwarded | [`pipeline`] |
//! | to flood with names that do not exist | denials have a budget of their own and push out no good answer; each question costs one exchange at most | [`Store`] |
//! | to flood with different names | questions under way and clients waiting are bounded; above that REFUSED at once; one client may take no more than is still free, so that others always find room | [`Limits`], [`pipeline`] |
//! | to ask as fast as it can | where `limits.client-rate` is set, a client, an IPv4 address or an IPv6 prefix of 64 bits, is refused above it on all its sockets together; the table of clients does not grow, and who asks most is forgotten last | [`policy::rate`] |
//! | to use up another's rate by forging its address | nothing here: that is for the node's network to prevent | |
//! | names of malware, trackers, tunnels | `policy.block` and `policy.block-file` deny a name, all below it, and every name whose alias leads there, from the moment of a reload on; `policy.refuse-types` refuses types that carry much | [`policy::local`] |
//! | to make many clients' questions one upstream flood | the same question is asked once a worker, however many wait | [`pipeline`] |
//! | to choose names whose hashes collide | the hash is seeded anew at every start; a collision costs a cache place and never gives a wrong answer, since an entry checks its own name | [`Hashing`], [`Entry::answers`] |
//! | to hold TCP connections open, write half a query, or never read | limits in all and a client address; an idle timeout; a client that does not take its answers is not read any more, and is cut off | [`listener::tcp`] |
//! | to hold all connections that there may be, so that the daemon cannot ask itself whether it works | a connection that was taken and closed again is a sign of life, too | [`control::all_answer`](crate::control::all_answer) |
//! | to use up descriptors | there are enough for `limits.tcp-connections`, or a warning at the start; when the kernel has none, accepting pauses instead of spinning; the event is counted. A worker that cannot ask itself for `hang-timeout` is started again, which frees them | [`listener::tcp`] |
//! | to fill the disk with log lines | what a stranger can trigger goes through a limiter: ten lines a topic and worker, then one in ten seconds, and a count of the rest | [`LogLimiter`] |
//! | to write its own lines or escape sequences into the log | names are escaped, values are quoted | [`escaped`] |
//! | to make series in the metrics | no label carries a name or a client; types and codes are closed sets | [`metrics`] |
//!
//! # A hostile or broken server
//!
//! | it tries | what holds | where |
//! |---|---|---|
//! | an answer that is no DNS, or loops by compression pointers or aliases | pointers must lead back, at most 127 of them; aliases in a circle, or more than 16 of them, are a failure | [`name::expand`], [`answer::MAX_CHAIN`] |
//! | records that were not asked for | only records of the question's name and its aliases are kept, addresses of hosts that these name, and proofs of zones that these names lie in; NS sets beside a positive answer are not believed. `src/wire/answer/proof.rs` (proofs_of_other_zones_are_left_out_whoever_signed_them), `src/wire/answer_tests.rs` (records_nobody_asked_for_are_not_believed) | [`Answer::read`] |
//! | a malformed record among good ones | it is dropped and counted, the others pass; unknown types pass byte for byte | [`Answer::read`] |
//! | answers to other questions | the question is compared; on a stream the ID must be one that waits | [`Answer::read`], [`upstream::udp`] |
//! | TTLs of years, or of zero | `max-ttl`; TTL 0 is given to those who wait and not kept | [`Bounds`] |
//! | AD without having validated | AD passes only from a server that proved who it is, over TLS, in a zone with `dnssec = "forward"` | [`Response::authenticated`] |
//! | silence | another server is asked beside it after `try-timeout`, and the whole ends after `timeout`; a server that stays silent is passed over | [`Group::exchange`] |
//! | silence about names of a domain of the attacker's, to have servers marked down | silence counts only about different domains, or where another server knew the answer; a server that is down is asked all the same when no other is up | [`Group::exchange`] |
//! | failures, to make us load the others | two tries a question, and a tenth of a third one | [`Group::exchange`] |
//! | refusing connections, or ending handshakes | attempts are a tenth of a second apart, then up to one second, whatever clients ask; one at a time, and a second beside a TLS handshake that takes too long |
//! | losing count of its frames, sending queries, or answers in drips | a connection with something else than answers on it is closed; one on which no whole answer comes is silent | [`performance`](super::performance) | [`performance`](super::performance) |
//! | closing connections at any time, or letting them die silently | a query on a reused connection is sent once more; a connection that has been quiet is watched | [`performance`](super::performance) |
//!
//! # A hostile name
//!
//! A page on the internet, or whoever else gets a program on the node to ask for a name of his: first it has the address of his server,
//! then one inside (DNS rebinding).
//!
//! | it tries | what holds | where |
//! |---|---|---|
//! | an address of a pod, a service, the node, loopback, the link or a private network | answers to public names are judged by every address in them; what offends is withheld, counted and logged | [`filter`] |
//! | the metadata service of a cloud | known, on public-looking space, too; a class of its own in the metrics | [`filter::addresses`] |
//! | an IPv4 address inside an IPv6 one: mapped, compatible, translated, NAT64, 6to4, Teredo (server and client), ISATAP | unwrapped and judged again | [`filter::addresses`] |
//! | the additional section, hints of HTTPS and SVCB, hints that only some clients can read | judged; what cannot be read does not pass | [`filter::rebind`] |
//! | an alias or DNAME into an exempt or internal name | the name that was asked decides | [`filter::rebind`] |
//! | an alias that ends there, for clients that ask on by themselves | an offence of its own | [`pipeline`] |
//! | to be judged while it is harmless, and kept | each answer is judged; kept ones anew after each reload and when the machine gets an address; expired ones, and those from a file, likewise | [`pipeline`] |
//! | 0.0.0.0 and ::, which reach the local machine | taken for what they do; `rebinding.null` lets them pass | [`filter::addresses`] |
//!
//! What does not hold: an address of which nobody said that it is inside. Networks of pods and services on public-looking space belong into
//! `rebinding.private`. A name below an exempt suffix may lead anywhere.
//!
//! # Forged answers
//!
//! What a server says within its own answer is believed, unless the zone says `dnssec = "validate"`. Then:
//!
//! | it tries | what holds | where |
//! |---|---|---|
//! | answers that are not what the zone signed, or without signatures | SERVFAIL with the reason, one line in the log, and nothing kept but the failure; not even an answer that has expired is given instead | [`dnssec`](crate::dnssec) |
//! | AD, to be believed | it is not looked at: the verdict is our own | [`dnssec`](crate::dnssec) |
//! | to take the signatures off the answer of a zone with an anchor of its own | the anchor is the beginning: nobody above it is asked whether there should be any | [`Anchors`] |
//! | hundreds of keys and signatures of one tag (KeyTrap, CVE-2023-50387) | what a message may cost is charged before it is verified: at most 128 tries a question, 64 questions for keys, 32 keys of a set, 8 signatures of one; above that it is bogus, and the zone rests for half a minute | [`Validator`] |
//! | floods of NSEC3 hashes (CVE-2023-50868) | above 150 iterations a denial proves nothing and is not hashed (RFC 9276); below, at most 20,000 rounds a question | [`Validator`] |
//! | a name under each of many hostile zones | each costs its bound once: about 5 ms of a core in the worst case measured; questions under way and a client's share of them are bounded as ever | [`Limits`] |
//! | to deny what is there with its own signed records, or to end a chain of aliases in the middle | a code is not signed: NXDOMAIN beside a signed set is bogus, half a chain gets no AD | [`Validator`] |
//! | to be silent about keys | that is no verdict: it is not remembered as one, and what has expired may be given | [`Validator`] |
//!
//! Shown by `tests/system/dnssec/mod.rs` (verdicts_agree_with_unbound_on_every_zone, delv_agrees_on_every_zone, a_bogus_answer_is_a_failure_that_says_why, an_anchor_below_an_unsigned_delegation_is_followed_as_soon_as_it_is_written);
//! `tests/conformance/rfc4035.rs` (what_is_shown_follows_from_the_bits_of_the_query_whoever_asked_before);
//! `tests/integration/validation.rs` (a_zone_full_of_keys_and_signatures_costs_little_however_many_names_are_asked_for, a_bogus_answer_is_not_hidden_by_one_that_has_expired_and_a_silent_server_is);
//! `src/dnssec/tests.rs` (many_keys_of_one_tag_and_many_signatures_are_not_tried_with_each_other, hashes_of_many_iterations_prove_nothing_and_are_not_made, what_is_there_as_signed_cannot_be_denied_and_a_chain_needs_its_end, a_failure_deep_in_the_chain_is_not_remembered_as_a_bad_verdict).
//!
//! # Whoever is on the path
//!
//! | he tries | what holds | where |
//! |---|---|---|
//! | to read or change questions on their way to the internet | TLS with the server's name or key proved; a server that proves nothing gets no query, and there is no way back to plain text | [`upstream::tls`] |
//! | to force plain text by failures | encrypted and plain servers cannot be in one group. Every packet is watched through refusals, resets, silence, wrong certificates, other protocols and plain text: no query in clear text, nothing to port 53. `tests/system/egress/failures.rs` (no_failure_of_a_server_shows_a_query_to_anybody, a_black_hole_shows_no_query_to_anybody, a_server_without_alpn_serves_and_shows_no_query_to_anybody) | [`Upstream::servers`] |
//! | to show another authority's certificate, or to append a pinned one to a chain of his own | PKIX validation; a pin on an authority counts only if that authority really signs | [`upstream::tls`] |
//! | to misuse session tickets | each kind of proof has tickets of its own | [`upstream::tls`] |
//! | to guess names by the length of messages | queries over TLS are padded to blocks | [`Outgoing::append_to`] |
//! | to learn who asks | no client address, client option or cookie leaves the node | [`Outgoing`] |
//! | to forge UDP answers from off the path | connected socket with a random port, random ID, random letter case, a cookie where the server knows these (RFC 7873), the question compared; a wrong answer does not end the wait, sixteen of them move the question to TCP. `tests/system/egress/forgery.rs` (no_forged_answer_is_believed), `tests/conformance/rfc5452.rs` (after_sixteen_answers_that_fit_nothing_the_question_is_asked_over_tcp) | [`upstream::udp`] |
//! | to have the same thing asked many times at once, so that one of many guesses meets one of many questions | the same question is under way once a worker, and eight times at most with other flags or again. `src/upstream/udp/alike.rs` (the_same_question_is_under_way_eight_times_at_most_and_others_do_not_care) | [`pipeline`], [`upstream::udp`] |
//! | to replace the second fragment of a large answer | 1,232 bytes are offered, and an answer that the kernel had to put together is not believed but asked for over TCP. `tests/system/egress/datagrams.rs` (an_answer_in_fragments_is_not_believed_and_is_asked_for_over_tcp) | [`sys::fragment`] |
//! | to switch off what protects us: letters, cookies, EDNS | an answer without them is confirmed, by another query or over TCP; it takes three in a row, each of which had to meet port and ID. `src/upstream/udp/cookie.rs` (three_answers_without_it_in_a_row_end_the_expectation_for_an_hour), `src/upstream/udp/letters.rs` (case_is_switched_off_after_three_failures_in_a_row_and_tried_again_later) | [`upstream::udp`] |
//!
//! Plain UDP and TCP to a server can be read and changed by whoever is on that path. That is how cluster DNS is asked; its path is the
//! cluster's network.
//!
//! # Over HTTP
//!
//! Metrics and health listen on loopback unless told otherwise, each with an allow-list. Three paths, GET and HEAD, no bodies read, small
//! headers, few connections, short lives ([`control`]). There is no TLS and no password: who is let in may read. What can be read names
//! no query and no client.
//!
//! # Another user of the machine
//!
//! | he tries | what holds | where |
//! |---|---|---|
//! | to ask over the admin socket what others ask, or to empty the cache there | the file is its owner's alone, and the kernel says who comes: root and the daemon's own users are let in, others are told so and counted; what is said is parsed within bounds, and what is shown is escaped. `tests/integration/control.rs` (another_user_is_kept_out_twice, strange_bytes_harm_nobody) | [`control::admin`] |
//! | to read from the disk what was asked | the file of the cache is readable by our user alone, from its first byte, and there is none unless it is wanted | [`file::replace`] |
//! | to put answers into the cache by a file of his own | a file is read only if it is ours or root's, nobody else may write to it, and its name is not a link; a pipe is not waited for | [`file::read_own`] |
//! | to have us write over another file, by a link at the name of the temporary one | that name is removed and made anew, and must not exist | [`file::replace`] |
//! | to have damaged or false bytes read, with the right checksum | each answer is read as a server's message, against the question it claims to answer, within the present TTL bounds; no allocation follows a length that the file claims | [`cache::snapshot`] |
//!
//! # The adversaries, and the tests that show it
//!
//! | who | what stops him | shown by |
//! |---|---|---|
//! | a page that rebinds its name to an address inside | the filter, on miss, hit, stale answer, after a reload and after a restart | `tests/system/rebinding.rs` (hostile_answers_are_blocked_on_miss_hit_stale_and_after_a_reload_and_honest_ones_never, an_address_that_the_node_gets_is_blocked_from_then_on), `tests/integration/rebinding.rs` (an_alias_launders_nothing, what_comes_back_after_a_restart_is_judged_anew) |
//! | a forger beside the path, who sprays answers | port, ID, letters, cookie, and TCP when there are too many guesses | `tests/system/egress/forgery.rs` (no_forged_answer_is_believed), `tests/system/egress/datagrams.rs` (an_answer_in_fragments_is_not_believed_and_is_asked_for_over_tcp) |
//! | whoever reads and changes what passes on the path | TLS with proof and no way back; signatures, where a zone is validated | `tests/system/egress/failures.rs` (no_failure_of_a_server_shows_a_query_to_anybody, a_black_hole_shows_no_query_to_anybody), `tests/system/dnssec/mod.rs` (verdicts_agree_with_unbound_on_every_zone, a_bogus_answer_is_a_failure_that_says_why) |
//! | malware that talks by names | nothing that recognises it yet; names and types that nobody gets, a rate for each client, bounds on new names | `tests/integration/access.rs` (blocked_names_are_denied_with_a_reason_and_never_asked, types_that_nobody_gets_are_refused_whatever_the_name, a_client_that_asks_too_fast_is_refused_on_all_its_sockets_and_no_other_is) |
//! | a client that wants a zone, or to change one | transfers, updates and notifications go nowhere | `tests/integration/access.rs` (updates_notifications_and_transfers_go_nowhere_over_any_transport) |
//! | a client that looks around: metrics, health, versions | allow-lists; class CHAOS is silent unless told to speak; no name and no client in a metric | `tests/integration/access.rs` (who_may_read_metrics_and_health_changes_with_a_reload, the_chaos_class_tells_nothing_unless_it_is_told_to) |
//! | a hostile pod that floods | shares of what there is, a rate, denials that push out nothing | `tests/integration/shedding.rs` (a_flood_from_one_pod_leaves_room_for_the_others), `tests/integration/cache.rs` (a_flood_of_denials_evicts_no_good_answer) |
//! | a hostile server, or one that was taken over | every message read with checks, only what was asked for believed, every failure ends | `tests/system/chaos/hostile.rs` (lies_over_udp_come_to_nothing, lies_over_tcp_come_to_nothing), `tests/system/chaos/stream.rs` (lies_in_the_framing_of_streams_break_nothing) |
//! | a zone that is signed so that it costs (KeyTrap, NSEC3) | a budget of work for each question, and rest for such zones | `src/dnssec/tests.rs` (many_keys_of_one_tag_and_many_signatures_are_not_tried_with_each_other, hashes_of_many_iterations_prove_nothing_and_are_not_made) |
//!
//! # What does not hold yet
//!
//! - **What a client sends has to be read before it can be refused.** With `limits.client-rate` it gets no further, but a refusal costs about half of
//!   what a hit costs.
//! - **One process with the rights it was started with.** There is no separation of privileges and no sandbox yet. Start it as a user of
//!   its own with CAP_NET_BIND_SERVICE and nothing else; `unsafe` code is confined to [`sys`].
//! - **DNSSEC is validated only where the configuration says so.** By default it is left to the servers that are asked; CD and DO pass for those
//!   who validate themselves. Anchors do not follow RFC 5011: new keys of the root come with a new version or by `dnssec.trust-anchors`.
//! - **No revocation of certificates.** Asking for it would need DNS.
//! - **No protection of what is kept in memory,** beyond what the kernel gives every process.
//!
//! [`Anchors`]: crate::dnssec::Anchors
//! [`Answer::read`]: crate::wire::answer::Answer::read
//! [`Bounds`]: crate::cache::ttl::Bounds
//! [`Entry::answers`]: crate::cache::Entry::answers
//! [`Group::exchange`]: crate::upstream::Group::exchange
//! [`Hashing`]: crate::cache::Hashing
//! [`Limits`]: crate::config::Limits
//! [`Listen::allow`]: crate::config::Listen::allow
//! [`LogLimiter`]: crate::log::LogLimiter
//! [`Outgoing`]: crate::wire::message::Outgoing
//! [`Outgoing::append_to`]: crate::wire::message::Outgoing::append_to
//! [`Query::parse`]: crate::wire::query::Query::parse
//! [`Response::authenticated`]: crate::upstream::Response::authenticated
//! [`Store`]: crate::cache::Store
//! [`Upstream::servers`]: crate::config::Upstream::servers
//! [`Validator`]: crate::dnssec::Validator
//! [`answer::MAX_CHAIN`]: crate::wire::answer::MAX_CHAIN
//! [`cache::snapshot`]: crate::cache::snapshot
//! [`control`]: crate::control
//! [`control::admin`]: crate::control::admin
//! [`escaped`]: crate::log::escaped
//! [`filter`]: crate::filter
//! [`filter::addresses`]: crate::filter::addresses
//! [`filter::rebind`]: crate::filter::rebind
//! [`file::read_own`]: crate::sys::file::read_own
//! [`file::replace`]: crate::sys::file::replace
//! [`listener::tcp`]: crate::listener::tcp
//! [`metrics`]: crate::metrics
//! [`name::expand`]: crate::wire::name::expand
//! [`pipeline`]: crate::pipeline
//! [`policy::local`]: crate::policy::local
//! [`policy::rate`]: crate::policy::rate
//! [`reply::Client::udp_limit`]: crate::reply::Client::udp_limit
//! [`reply::minimal_any`]: crate::reply::minimal_any
//! [`sys`]: crate::sys
//! [`sys::fragment`]: crate::sys::fragment
//! [`upstream::tls`]: crate::upstream::tls
//! [`upstream::udp`]: crate::upstream::udp
