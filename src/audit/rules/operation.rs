//! What keeps a server running, and what tells that it does not.

use super::super::rule::Severity::{Info, Low, Medium};
use super::super::rule::{Findings, Rule};
use super::super::sight::{self, Sight};

/// What is looked for.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "NDA036",
        name: "no-errors",
        severity: Medium,
        title: "errors are not logged",
        why: "An upstream that fails, or answers that do not fit, leave no trace: an outage or an attack is found by users only.",
        fix: "errors",
        sources: &["https://coredns.io/plugins/errors/"],
        look: no_errors,
    },
    Rule {
        id: "NDA037",
        name: "no-log",
        severity: Info,
        title: "refused and failed questions are not logged",
        why: "errors alone tells of failures here, not of SERVFAIL and REFUSED from upstreams with the client that got them; class error costs \
              nothing while all is well.",
        fix: "log . {\n    class error\n}",
        sources: &["https://coredns.io/plugins/log/"],
        look: no_log,
    },
    Rule {
        id: "NDA038",
        name: "log-of-everything",
        severity: Low,
        title: "every question is logged",
        why: "The log holds who asked for what, and whoever reads logs reads that; writing it costs a busy server much of its time.",
        fix: "log . {\n    class error\n}",
        sources: &["https://coredns.io/plugins/log/", "https://www.rfc-editor.org/rfc/rfc9076"],
        look: log_of_everything,
    },
    Rule {
        id: "NDA039",
        name: "no-loop",
        severity: Medium,
        title: "forward without loop",
        why: "If the upstream asks this server again, as a resolv.conf with 127.0.0.53 does, one question becomes thousands, until memory is used \
              up. loop finds that at the start.",
        fix: "loop",
        sources: &["https://coredns.io/plugins/loop/"],
        look: no_loop,
    },
    Rule {
        id: "NDA040",
        name: "no-reload",
        severity: Low,
        title: "changes of the file are not picked up",
        why: "A server added in an incident, or one taken out, works after the next restart only, and on some replicas before others.",
        fix: "reload",
        sources: &["https://coredns.io/plugins/reload/"],
        look: no_reload,
    },
    Rule {
        id: "NDA041",
        name: "no-ready",
        severity: Low,
        title: "kubernetes without ready",
        why: "A pod gets questions before it has read services from the API: they fail, though other replicas know the answer.",
        fix: "ready {$POD_IP}:8181",
        sources: &["https://coredns.io/plugins/ready/", "https://coredns.io/plugins/kubernetes/"],
        look: no_ready,
    },
    Rule {
        id: "NDA042",
        name: "no-health",
        severity: Low,
        title: "no health endpoint",
        why: "A process that hangs is not restarted: it keeps its share of the questions, and they time out.",
        fix: "health {$POD_IP}:8080 {\n    lameduck 5s\n}",
        sources: &["https://coredns.io/plugins/health/"],
        look: no_health,
    },
    Rule {
        id: "NDA043",
        name: "no-lameduck",
        severity: Low,
        title: "health without lameduck",
        why: "At every roll-out questions that are still sent to a pod find nobody, until all nodes know that it is gone.",
        fix: "health {$POD_IP}:8080 {\n    lameduck 5s\n}",
        sources: &["https://coredns.io/plugins/health/"],
        look: no_lameduck,
    },
    Rule {
        id: "NDA044",
        name: "debug",
        severity: Medium,
        title: "debug is switched on",
        why: "A question that makes a plugin panic ends the process unless errors catches it, and whole messages are printed to the log.",
        fix: "# remove the line: debug is for tests",
        sources: &["https://coredns.io/plugins/debug/"],
        look: debug,
    },
    Rule {
        id: "NDA045",
        name: "erratic",
        severity: Medium,
        title: "erratic answers made-up addresses",
        why: "It is for tests of clients: it drops, delays and truncates, and gives 192.0.2.53 for every name.",
        fix: "# remove the line: erratic is for tests",
        sources: &["https://coredns.io/plugins/erratic/"],
        look: erratic,
    },
];

/// NDA036
fn no_errors(sight: &Sight<'_>, findings: &mut Findings) {
    for server in sight.servers() {
        if !sight::has(server, "errors") && !server.directives.is_empty() {
            findings.add(&server.place, "no errors in this server");
        }
    }
}

/// NDA037
fn no_log(sight: &Sight<'_>, findings: &mut Findings) {
    for server in sight.servers() {
        if sight::has_forward(server) && !sight::has(server, "log") {
            findings.add(&server.place, "no log in this server");
        }
    }
}

/// NDA038
fn log_of_everything(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("log") {
        let mut classes = sight::plugin_words(directive, "class").peekable();
        let all = classes.peek().is_none() || classes.any(|class| matches!(class, "all" | "success"));
        if all {
            findings.add(&directive.place, "log has no class that leaves successes out");
        }
    }
}

/// NDA039
fn no_loop(sight: &Sight<'_>, findings: &mut Findings) {
    for server in sight.servers().iter().filter(|server| !sight::has(server, "loop")) {
        let may = sight::forwards(server).into_iter().find(sight::may_loop);
        if let Some(forward) = may {
            let what = format!("forward {} may lead back here", forward.directive.arguments.join(" "));
            findings.add(&forward.directive.place, what);
        }
    }
}

/// NDA040
fn no_reload(sight: &Sight<'_>, findings: &mut Findings) {
    if let Some(server) = sight.servers().first().filter(|_| !sight.has("reload")) {
        findings.add(&server.place, "no server has reload");
    }
}

/// NDA041
fn no_ready(sight: &Sight<'_>, findings: &mut Findings) {
    if let Some((_, directive)) = sight.plugins("kubernetes").next().filter(|_| !sight.has("ready")) {
        findings.add(&directive.place, "no server has ready");
    }
}

/// NDA042
fn no_health(sight: &Sight<'_>, findings: &mut Findings) {
    if let Some(server) = sight.servers().first().filter(|_| !sight.has("health")) {
        findings.add(&server.place, "no server has health");
    }
}

/// NDA043
fn no_lameduck(sight: &Sight<'_>, findings: &mut Findings) {
    // A cache of the node has nobody to hand over to: the address is its own. Where there is kubernetes, a Service stands before it.
    let is_cluster = sight.has("kubernetes");
    for (_, directive) in sight.plugins("health").filter(|_| is_cluster) {
        if sight::option(directive, "lameduck").is_none() {
            findings.add(&directive.place, "health ends with the first signal");
        }
    }
}

/// NDA044
fn debug(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("debug") {
        findings.add(&directive.place, "debug holds for the whole process");
    }
}

/// NDA045
fn erratic(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("erratic") {
        findings.add(&directive.place, "erratic answers what it likes");
    }
}
