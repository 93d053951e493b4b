//! Plugins that do nothing here: what they are for is done otherwise, or not a cache's work.

use super::Effect::{Becomes, Differs, Refused};
use super::{ANY, Body, Plugin};

/// The plugins.
pub(super) const PLUGINS: &[Plugin] = &[
    Plugin {
        name: "root",
        arguments: (1, 1),
        once: false,
        effect: Becomes("the folder of relative paths"),
        body: Body::Words(&[]),
    },
    differs("header", (0, 0), "flags of messages are not set by hand", "they say what they mean in each case"),
    differs("metadata", (0, ANY), "nothing here asks for metadata", "nothing is missing"),
    differs(
        "debug",
        (0, 0),
        "messages are not dumped",
        "log.level = \"debug\" tells more, and nodens ctl explain tells why a name is answered as it is",
    ),
    differs("pprof", (0, 1), "there is no Go runtime to look into", "nodens ctl stats tells where time and memory go"),
    differs(
        "trace",
        (0, 2),
        "queries are not traced",
        "the query log and nodens ctl explain tell what happened to one",
    ),
    differs(
        "dnstap",
        (1, ANY),
        "there is one query log, and log says where it goes",
        "query-log.format = \"dnstap\" writes the same messages",
    ),
    differs(
        "autopath",
        (1, ANY),
        "search paths are walked by the client",
        "what does not exist is answered from memory, and local.dead-suffixes ends a path early",
    ),
    differs("multisocket", (0, 1), "sockets are not counted by hand", "each of listen.workers has its own"),
    differs(
        "shed",
        (0, ANY),
        "load is not shed by a plugin",
        "limits.in-flight and its neighbours say how much may go on at once",
    ),
    differs("geoip", (0, ANY), "where an address is in the world is not known", "nothing depends on it here"),
    differs("proxyproto", (0, ANY), "the PROXY protocol is not read", "clients are who sends the packets"),
    differs("quic", (0, 0), "DNS over QUIC is not served", "clients ask over UDP and TCP"),
    differs("grpc_server", (0, 0), "gRPC is not served", "clients ask over UDP and TCP"),
    differs("https", (0, 0), "DNS over HTTPS is not served", "clients ask over UDP and TCP"),
    differs("https3", (0, 0), "DNS over HTTPS is not served", "clients ask over UDP and TCP"),
    differs("tls", (0, ANY), "DNS over TLS is not served", "clients ask over UDP and TCP"),
    differs("on", (1, ANY), "no programs are run at start and end", "a unit of systemd or a container can"),
    differs("erratic", (0, 0), "nothing goes wrong on purpose", "questions are answered"),
    differs("dnssec", (0, ANY), "answers are not signed here", "they are given as their server signed them"),
    refused(
        "kubernetes",
        (0, ANY),
        "names of the cluster are not made from its API here",
        "forward them to the cluster's DNS",
    ),
    refused(
        "k8s_external",
        (0, ANY),
        "names of the cluster are not made from its API here",
        "forward them to the cluster's DNS",
    ),
    refused("etcd", (0, ANY), "zones are not read from etcd here", "forward them to a server that does"),
    refused("nomad", (0, ANY), "zones are not read from Nomad here", "forward them to a server that does"),
    refused("route53", (0, ANY), "zones are not read from a cloud here", "forward them to a server that does"),
    refused("azure", (0, ANY), "zones are not read from a cloud here", "forward them to a server that does"),
    refused("clouddns", (0, ANY), "zones are not read from a cloud here", "forward them to a server that does"),
    refused(
        "file",
        (0, ANY),
        "zones are not served from files here",
        "forward them to a server that does, or write local.records",
    ),
    refused(
        "auto",
        (0, ANY),
        "zones are not served from files here",
        "forward them to a server that does, or write local.records",
    ),
    refused("secondary", (0, ANY), "zones are not transferred here", "forward them to a server that has them"),
    refused("transfer", (0, ANY), "zones are not transferred here", "remove it; a cache has none to give"),
    refused("sign", (0, ANY), "zones are not signed here", "sign them where they are served"),
    refused(
        "tsig",
        (0, ANY),
        "signed messages (TSIG) are not understood here",
        "remove it, or keep CoreDNS for those who sign",
    ),
    refused("grpc", (0, ANY), "gRPC is not spoken to servers", "forward to an address over tls://, tcp:// or udp://"),
    refused("view", (1, 1), "one zone is answered alike for all clients here", "keep one of the blocks, or use acl"),
];

/// A plugin that is left out.
const fn differs(
    name: &'static str,
    arguments: (usize, usize),
    differs: &'static str,
    instead: &'static str,
) -> Plugin {
    Plugin { name, arguments, once: false, effect: Differs(differs, instead), body: Body::Anything }
}

/// A plugin that cannot be left out.
const fn refused(name: &'static str, arguments: (usize, usize), wrong: &'static str, right: &'static str) -> Plugin {
    Plugin { name, arguments, once: false, effect: Refused(wrong, right), body: Body::Anything }
}
