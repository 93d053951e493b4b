//! Plugins about where clients ask and how the daemon is watched.

use super::Effect::{Always, Becomes, Differs};
use super::{ANY, Body, Plugin, Word};

/// The plugins.
pub(super) const PLUGINS: &[Plugin] = &[
    Plugin {
        name: "bind",
        arguments: (1, ANY),
        once: false,
        effect: Becomes("`listen.addresses`; an interface stands for the addresses that it has now"),
        body: Body::Words(&[Word {
            name: "except",
            arguments: (1, ANY),
            effect: Becomes("these addresses are left out of `listen.addresses`"),
        }]),
    },
    Plugin {
        name: "bufsize",
        arguments: (0, 1),
        once: false,
        effect: Becomes("`listen.udp-size`, for all zones; the default is the same 1232"),
        body: Body::Words(&[]),
    },
    Plugin {
        name: "timeouts",
        arguments: (0, 0),
        once: false,
        effect: Becomes("what its options say"),
        body: Body::Words(&[
            Word {
                name: "read",
                arguments: (1, 1),
                effect: Differs(
                    "how long a message may take to arrive is not set apart",
                    "listen.tcp-idle-timeout holds for it",
                ),
            },
            Word {
                name: "write",
                arguments: (1, 1),
                effect: Differs(
                    "how long a client may take to receive an answer is not set apart",
                    "listen.tcp-idle-timeout holds for it",
                ),
            },
            Word { name: "idle", arguments: (1, 1), effect: Becomes("`listen.tcp-idle-timeout`, for all zones") },
            Word {
                name: "maxtcpqueries",
                arguments: (1, 1),
                effect: Differs(
                    "queries of one connection are not counted",
                    "a connection lasts until it is silent; a node's clients are not spread over servers",
                ),
            },
        ]),
    },
    Plugin {
        name: "health",
        arguments: (0, 1),
        once: false,
        effect: Becomes("`health.listen`; without it the endpoint is off"),
        body: Body::Words(&[Word {
            name: "lameduck",
            arguments: (1, 1),
            effect: Differs(
                "the end is not put off",
                "the daemon goes when the queries in hand are answered (listen.drain-timeout), and packets then pass by it",
            ),
        }]),
    },
    Plugin {
        name: "ready",
        arguments: (0, 1),
        once: false,
        effect: Becomes("`health.ready-listen`; `/ready` asks every listener, each time"),
        body: Body::Words(&[Word {
            name: "monitor",
            arguments: (1, 1),
            effect: Becomes("\"continuously\" is always so; for \"until-ready\" a notice"),
        }]),
    },
    Plugin {
        name: "prometheus",
        arguments: (0, 1),
        once: true,
        effect: Becomes("`metrics.listen`; without it the endpoint is off"),
        body: Body::Words(&[
            Word {
                name: "runtime_metrics",
                arguments: (0, 0),
                effect: Differs("there is no Go runtime to measure", "process_* tells memory, time and files"),
            },
            Word {
                name: "tls",
                arguments: (1, 1),
                effect: Differs("metrics are not served over TLS", "metrics.allow says who may read them"),
            },
        ]),
    },
    Plugin {
        name: "errors",
        arguments: (0, 0),
        once: true,
        effect: Always("failures are logged, alike ones a few a minute, and counted"),
        body: Body::Words(&[
            Word {
                name: "consolidate",
                arguments: (2, 4),
                effect: Always("alike lines are held back and their number is told"),
            },
            Word {
                name: "stacktrace",
                arguments: (0, 0),
                effect: Differs("no stack is logged", "a worker that fails is started again, and why is logged"),
            },
        ]),
    },
    Plugin {
        name: "log",
        arguments: (0, ANY),
        once: false,
        effect: Becomes("`query-log` of the zones, in the format \"coredns\""),
        body: Body::Words(&[Word {
            name: "class",
            arguments: (1, ANY),
            effect: Becomes("the classes in `zone.query-log`"),
        }]),
    },
    Plugin {
        name: "loop",
        arguments: (0, 0),
        once: true,
        effect: Always(
            "questions that come back are found while the daemon runs; nothing is asked for it, and it does not exit",
        ),
        body: Body::Words(&[]),
    },
    Plugin {
        name: "reload",
        arguments: (0, 2),
        once: true,
        effect: Always("a changed file takes effect within seconds, and no socket is closed for it"),
        body: Body::Words(&[]),
    },
    Plugin {
        name: "loadbalance",
        arguments: (0, 2),
        once: false,
        effect: Becomes("`cache.rotate`, which is so in any case; for \"weighted\" a notice"),
        body: Body::Words(&[
            Word {
                name: "reload",
                arguments: (1, 1),
                effect: Differs("there is no file of weights", "addresses change their order with equal chances"),
            },
            Word {
                name: "prefer",
                arguments: (1, ANY),
                effect: Differs("no network is preferred", "addresses change their order with equal chances"),
            },
        ]),
    },
    Plugin {
        name: "nsid",
        arguments: (0, ANY),
        once: false,
        effect: Becomes("`local.nsid`, for all zones"),
        body: Body::Words(&[]),
    },
    Plugin {
        name: "chaos",
        arguments: (0, ANY),
        once: false,
        effect: Becomes("`local.version` and `local.identity`; authors are not told"),
        body: Body::Words(&[]),
    },
];
