//! Rules for questions and answers: rewriting, templates, hosts of a zone, IPv6 addresses made up, access lists, and who asks.
//!
//! All of it exists for operators who come from CoreDNS, means what it means there unless said below, and costs nothing where it is not used: a
//! worker's own answers are looked up first, and rules only when it has none. The options are in [`defaults`](super::defaults); the code is
//! [`policy::rules`](crate::policy::rules), the order that of `src/pipeline/intercept.rs` and `src/pipeline/rules.rs`.
//!
//! # The order
//!
//! ```text
//! listen.allow ─ limits.client-rate ─ policy.refuse-types ─ zone.acl        who may ask; REFUSED, an empty answer, or none
//!   ─► the worker's own answers
//!   ─► local.whoami ─ policy.block ─ zone.dns64                             dns64 asks for AAAA and A as a client would
//!   ─► the node's memory, for names that no rule is about
//!   ─► local.hosts, local.records ─ [[rewrite]] ─ [[template]] ─ zone.hosts ─ special-use and dead names ─ servers
//! ```
//!
//! `zone` of a rule is a suffix. Names that a `[[zone]]` with a longer name holds are not meant, as a server block of a Corefile says nothing of
//! another block; and rules for "." leave special-use names such as `localhost` to the node, unless they name them. A rule for `in-addr.arpa`
//! does go before the empty reverse zones of private addresses.
//!
//! # From a Corefile
//!
//! | CoreDNS | here |
//! |---|---|
//! | `rewrite name exact a.example b.example` | `[[rewrite]]` with `from = "a.example"`, `to = "b.example"` |
//! | `rewrite continue name suffix .a.example .b.example answer auto` | `match = "suffix"`, `continue = true`; names are put back by themselves |
//! | `rewrite name regex (.*)-(eu)\.a\.example {1}.{2}.b` without `answer` | the same with `answers = "none"`; but clients rarely take such an answer |
//! | `answer name REGEX TO`, `answer value REGEX TO` | `answers = "none"` with `answer-names`; `answer-values`: `["REGEX TO"]` |
//! | `rewrite name prefix old new`, `substring` | `from = "old."`, `to = "new."`: CoreDNS puts a dot behind both, so that "older.example" does not fit |
//! | `rewrite stop { name …` and `answer … }` in lines of their own | the same as in one line |
//! | `rewrite type AAAA A` | `match = "type"` |
//! | `rewrite ttl suffix a.example 30-300` | `match = "ttl"`, `name-match = "suffix"`, `to = "30-300"` |
//! | `template IN A a.example { … }` | `[[template]]` with `zone`, `types`, `match`, `answers`, `authority`, `additional`, `rcode`, `fallthrough` |
//! | `ederror 21 "text"` | `extended-error = 21`; the text is not sent |
//! | `hosts FILE { … }` | `zone.hosts`, `zone.hosts-lines`; for all zones, `local.hosts` |
//! | `hosts` without `fallthrough` | `hosts-fallthrough = false`: names that are not there are SERVFAIL |
//! | `dns64 64:ff9b::/96 { translate_all; allow_ipv4 }` | `zone.dns64`, `zone.dns64-translate-all`, `zone.dns64-ipv4-clients` |
//! | `acl { block type ANY net * }` | `zone.acl = ["block type ANY net *"]` |
//! | `whoami`, `nsid` | `local.whoami`, `local.nsid` |
//!
//! # What differs
//!
//! - A rewritten question is asked where the new name belongs; `route = "question"` asks the servers of the old name's zone, and leaves the templates
//!   of the new one's alone, as CoreDNS does within a server block. A Corefile's rule becomes that only where the new name may lie in another block.
//!   What those servers say of a name that is not theirs is never kept under that name.
//! - Signatures do not survive another name: answers that were rewritten, and addresses that were made up, come without them and without AD.
//! - `ttl` changes what servers said before it is kept, and goes before the zone's `min-ttl` and `max-ttl`. CoreDNS changes it on the way out.
//! - A template is text: no conditions, loops, pipes, `.Remote` or `.Meta`. What it makes is remembered by each worker for the TTL of its
//!   records, or 5 s, so that it must not depend on who asks.
//! - Regular expressions have the syntax of RE2 without `\C` and `\Q…\E`, take time in proportion to the name, and at most 256 KiB each.
//! - ANY is answered by RFC 8482 before any rule.
//! - `block`, `filter` and `drop` of `zone.acl` look at name and type as they were asked, and again at what rules make of them, so that no rule leads
//!   past a list. CoreDNS looks at the latter alone since 1.14.2, and at the former alone before.
//! - `zone.acl` goes before `zone.dns64`: where it filters AAAA, no address is made up. CoreDNS makes one up.
//! - Names backwards are answered by `hosts` of the reverse zone alone. CoreDNS answers them in all of the block, whatever zones stand behind the file.
//! - Classes and options of EDNS are not rewritten, nor are response codes and the targets of aliases. `rewrite edns0` that would send an option is a
//!   mistake, since servers may answer otherwise without it: remove it if they do not, or forward those names to a CoreDNS that keeps it.
//!
//! # When it does not do what it should
//!
//! `nodens ctl explain NAME TYPE` names the rule that has its say, and the line of an access list with `--client`. `nodens check FILE` reads all rules:
//! expressions that are none, groups that no expression has, records that are none. What only shows with a name is SERVFAIL, a line in the log and
//! `nodens_written_rules_total` (with `metrics.names = "coredns"` also in CoreDNS's names, by zone): `rewrite_failed` (a name of more than 255 bytes, an empty label), `template_failed` (no record), `too_deep` (templates
//! whose aliases lead to each other, given up after four).
