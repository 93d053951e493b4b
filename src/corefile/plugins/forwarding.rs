//! Plugins about servers that are asked, and answers that are kept.

use super::Effect::{Becomes, Differs};
use super::{ANY, Body, Plugin, Word};

/// The plugins.
pub(super) const PLUGINS: &[Plugin] = &[
    Plugin {
        name: "forward",
        arguments: (2, ANY),
        once: false,
        effect: Becomes("an `[[upstream]]`, and a `[[zone]]` for each part of the block's zones that it answers"),
        body: Body::Words(FORWARD),
    },
    Plugin {
        name: "cache",
        arguments: (0, ANY),
        once: true,
        effect: Becomes("`max-ttl`, `min-ttl` and `max-negative-ttl` of the zones; without it they keep nothing"),
        body: Body::Words(CACHE),
    },
];

/// The options of `forward`.
const FORWARD: &[Word] = &[
    Word {
        name: "except",
        arguments: (1, ANY),
        effect: Becomes("a `[[zone]]` for each name, asked elsewhere or refused"),
    },
    Word { name: "force_tcp", arguments: (0, 0), effect: Becomes("`tcp://`") },
    Word { name: "prefer_udp", arguments: (0, 0), effect: Becomes("`udp://`; without either, `auto://`") },
    Word { name: "expire", arguments: (1, 1), effect: Becomes("`upstream.idle-timeout`") },
    Word { name: "max_age", arguments: (1, 1), effect: Becomes("`upstream.max-age`") },
    Word { name: "read_timeout", arguments: (1, 1), effect: Becomes("`upstream.try-timeout`") },
    Word {
        name: "policy",
        arguments: (1, 1),
        effect: Becomes("`upstream.policy`; without it the faster one is asked"),
    },
    Word {
        name: "max_concurrent",
        arguments: (1, 1),
        effect: Becomes("`limits.in-flight`, the sum of them, if every forward has one"),
    },
    Word { name: "tls", arguments: (0, 3), effect: Becomes("`upstream.ca`; a certificate of our own is not shown") },
    Word { name: "tls_servername", arguments: (1, 1), effect: Becomes("the name after `#` of `tls://` servers") },
    Word {
        name: "max_fails",
        arguments: (1, 1),
        effect: Becomes(
            "nothing: answers to real questions tell which server is down; for another number than 2 a notice",
        ),
    },
    Word {
        name: "health_check",
        arguments: (1, 4),
        effect: Differs(
            "no extra questions tell whether a server is up",
            "answers to real ones do, and one that is down is asked now and then until it answers",
        ),
    },
    Word {
        name: "max_idle_conns",
        arguments: (1, 1),
        effect: Differs(
            "connections are not kept in a store",
            "few carry all queries side by side (upstream.connections)",
        ),
    },
    Word {
        name: "max_connect_attempts",
        arguments: (1, 1),
        effect: Differs("attempts are not counted by connections", "upstream.timeout ends them"),
    },
    Word {
        name: "doh_method",
        arguments: (1, 1),
        effect: Differs("DNS over HTTPS is not spoken", "there is nothing to choose"),
    },
    Word {
        name: "next",
        arguments: (1, ANY),
        effect: Differs("a code of an answer does not lead to the next forward", "the answer is given"),
    },
    Word {
        name: "next_on_nodata",
        arguments: (0, 0),
        effect: Differs("an answer without data does not lead to the next forward", "the answer is given"),
    },
    Word {
        name: "failover",
        arguments: (1, ANY),
        effect: Becomes("SERVFAIL and REFUSED always lead to the next server; for other codes a notice"),
    },
    Word {
        name: "failfast_all_unhealthy_upstreams",
        arguments: (0, 0),
        effect: Differs(
            "servers that are all down are asked all the same",
            "an expired answer is given meanwhile, if there is one",
        ),
    },
    Word {
        name: "source_address",
        arguments: (1, 1),
        effect: Differs("the address that queries leave from is not chosen", "the kernel's routes choose it"),
    },
    Word {
        name: "resolver",
        arguments: (1, ANY),
        effect: Differs("servers are never given by name", "there is nothing to resolve"),
    },
];

/// The options of `cache`.
const CACHE: &[Word] = &[
    Word {
        name: "success",
        arguments: (1, ANY),
        effect: Becomes("`max-ttl`, `min-ttl`; the number of answers counts for `cache.size`, which all zones share"),
    },
    Word {
        name: "denial",
        arguments: (1, ANY),
        effect: Becomes("`max-negative-ttl`; the number counts for `cache.negative-size`"),
    },
    Word {
        name: "prefetch",
        arguments: (1, 3),
        effect: Becomes("`zone.prefetch`, uses within the lifetime; gap and percentage are not set"),
    },
    Word {
        name: "serve_stale",
        arguments: (0, 5),
        effect: Becomes("`zone.serve-stale`; never before a fresh answer had its chance, and with a TTL of 30 seconds"),
    },
    Word {
        name: "serve_stale_policy",
        arguments: (1, 1),
        effect: Differs("a denial that is fresh is believed", "only a failure leaves the place to an expired answer"),
    },
    Word { name: "servfail", arguments: (1, 1), effect: Becomes("`zone.servfail`") },
    Word {
        name: "disable",
        arguments: (1, ANY),
        effect: Becomes("`max-ttl` or `max-negative-ttl` of \"0s\", in a `[[zone]]` of its own for each name"),
    },
    Word {
        name: "keepttl",
        arguments: (0, 0),
        effect: Differs("TTLs count down", "a client never keeps an answer for longer than its server allowed"),
    },
];
