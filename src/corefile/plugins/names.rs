//! Plugins that answer by themselves, or change what is asked and answered.

use super::Effect::{Always, Becomes, Differs};
use super::{ANY, Body, Plugin, Word};

/// The plugins.
pub(super) const PLUGINS: &[Plugin] = &[
    Plugin {
        name: "hosts",
        arguments: (0, ANY),
        once: true,
        effect: Becomes("`zone.hosts`; lines within its braces become `zone.hosts-lines`"),
        body: Body::Hosts(&[
            Word { name: "ttl", arguments: (1, 1), effect: Becomes("`zone.hosts-ttl`") },
            Word { name: "no_reverse", arguments: (0, 0), effect: Becomes("`zone.hosts-reverse`") },
            Word { name: "reload", arguments: (1, 1), effect: Always("the file is read again when it changes") },
            Word {
                name: "fallthrough",
                arguments: (0, ANY),
                effect: Becomes("`zone.hosts-fallthrough` and `zone.hosts-fallthrough-zones`"),
            },
            Word {
                name: "fallthrough_unsupported",
                arguments: (0, 0),
                effect: Differs("a name of the file has no records but addresses", "other types of it get no data"),
            },
        ]),
    },
    Plugin {
        name: "rewrite",
        arguments: (1, ANY),
        once: false,
        effect: Becomes(
            "a `[[rewrite]]` for name, type and ttl; for class, cname and rcode a notice; edns0 is a mistake where it sends an option",
        ),
        body: Body::Anything,
    },
    Plugin {
        name: "template",
        arguments: (2, ANY),
        once: false,
        effect: Becomes("a `[[template]]`"),
        body: Body::Words(&[
            Word { name: "match", arguments: (1, ANY), effect: Becomes("`template.match`") },
            Word { name: "answer", arguments: (1, ANY), effect: Becomes("`template.answers`") },
            Word { name: "additional", arguments: (1, ANY), effect: Becomes("`template.additional`") },
            Word { name: "authority", arguments: (1, ANY), effect: Becomes("`template.authority`") },
            Word { name: "rcode", arguments: (1, 1), effect: Becomes("`template.rcode`") },
            Word { name: "fallthrough", arguments: (0, ANY), effect: Becomes("`template.fallthrough`") },
            Word {
                name: "ederror",
                arguments: (1, 2),
                effect: Becomes("`template.extended-error`; its text is not sent"),
            },
            Word {
                name: "var",
                arguments: (2, ANY),
                effect: super::Effect::Refused(
                    "expressions are not known",
                    "write what it computes, or leave the template out",
                ),
            },
            Word {
                name: "expr",
                arguments: (1, ANY),
                effect: super::Effect::Refused("expressions are not known", "write a match, or leave the template out"),
            },
            Word { name: "upstream", arguments: (0, ANY), effect: Always("CoreDNS does nothing for it, either") },
        ]),
    },
    Plugin {
        name: "dns64",
        arguments: (0, 1),
        once: false,
        effect: Becomes("`zone.dns64`"),
        body: Body::Words(&[
            Word { name: "prefix", arguments: (1, 1), effect: Becomes("`zone.dns64`") },
            Word { name: "translate_all", arguments: (0, 0), effect: Becomes("`zone.dns64-translate-all`") },
            Word { name: "allow_ipv4", arguments: (0, 0), effect: Becomes("`zone.dns64-ipv4-clients`") },
        ]),
    },
    Plugin {
        name: "acl",
        arguments: (0, ANY),
        once: false,
        effect: Becomes("`zone.acl`, in its order"),
        body: Body::Words(&[
            Word { name: "allow", arguments: (0, ANY), effect: Becomes("`allow` in `zone.acl`") },
            Word { name: "block", arguments: (0, ANY), effect: Becomes("`block` in `zone.acl`: REFUSED") },
            Word { name: "filter", arguments: (0, ANY), effect: Becomes("`filter` in `zone.acl`: no data") },
            Word { name: "drop", arguments: (0, ANY), effect: Becomes("`drop` in `zone.acl`: no answer") },
        ]),
    },
    Plugin {
        name: "whoami",
        arguments: (0, 0),
        once: false,
        effect: Becomes("`local.whoami`"),
        body: Body::Words(&[]),
    },
    Plugin {
        name: "any",
        arguments: (0, 0),
        once: false,
        effect: Always("a question for ANY gets one record (RFC 8482)"),
        body: Body::Words(&[]),
    },
    Plugin {
        name: "minimal",
        arguments: (0, 0),
        once: false,
        effect: Differs("answers are not made shorter", "they hold what the server put into them, as far as it fits"),
        body: Body::Words(&[]),
    },
    Plugin {
        name: "local",
        arguments: (0, 0),
        once: false,
        effect: Becomes("`local.special-use`"),
        body: Body::Words(&[Word {
            name: "localhost_prefix",
            arguments: (1, 1),
            effect: Differs(
                "localhost.DOMAIN is a name as any other",
                "only names under \"localhost\" are answered here",
            ),
        }]),
    },
    Plugin {
        name: "cancel",
        arguments: (0, 1),
        once: false,
        effect: Becomes("`upstream.timeout`"),
        body: Body::Words(&[]),
    },
];
