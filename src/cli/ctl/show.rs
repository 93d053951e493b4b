//! Answers of the daemon, as tables for people.

use super::table::{bytes, list, milliseconds, percent, table, time};
use crate::control::admin::protocol::{
    Detection, DumpLine, Flushed, Kept, Latency, NotedFailure, Reload, Server, Stats, Status, Top,
};

/// The daemon and its configuration.
pub(super) fn status(status: &Status) -> String {
    let listeners: Vec<String> = status
        .listeners
        .iter()
        .map(|listener| format!("{}{}", listener.address, if listener.ready { "" } else { " (has not answered yet)" }))
        .chain(status.endpoints.iter().map(|(name, address)| format!("http://{address} ({name})")))
        .collect();
    let mut sandbox = format!(
        "capabilities {}, system calls {}, landlock {}",
        status.sandbox.capabilities, status.sandbox.system_calls, status.sandbox.landlock
    );
    for missing in &status.sandbox.missing {
        sandbox = format!("{sandbox}\n{missing}");
    }
    let counted = status.supervisor.iter().filter(|(_, count)| **count > 0);
    let counted: Vec<String> = counted.map(|(name, count)| format!("{name} {count}")).collect();
    list(&[
        ("version", status.version.clone()),
        ("ready", if status.ready { "yes" } else { "no" }.to_owned()),
        ("up for", time(status.uptime_seconds)),
        ("worker", format!("process {}, user {}, {} threads", status.worker_pid, status.user, status.workers)),
        ("supervisor", status.supervisor_pid.map_or_else(|| "none".to_owned(), |pid| format!("process {pid}"))),
        ("events", counted.join("\n")),
        ("configuration", status.config_file.clone().unwrap_or_else(|| "built in".to_owned())),
        ("sha256", status.config_sha256.clone()),
        ("not taken", status.config_mistake.clone().unwrap_or_default()),
        ("listening", listeners.join("\n")),
        ("sandbox", sandbox),
        ("log level", status.log_level.clone()),
    ])
}

/// All figures.
pub(super) fn stats(stats: &Stats) -> String {
    let all = stats.queries;
    let answers = &stats.answers;
    let counted = |count: u64| format!("{count} ({})", percent(count, all));
    let rcodes: Vec<String> = stats.rcodes.iter().map(|(code, count)| format!("{code} {count}")).collect();
    let quantile = |part: f64| milliseconds(quantile(&stats.latency, part).map(|time| time * 1e3));
    let cache = &stats.cache;
    let shelf = |at: usize| {
        let (entries, used, room) = (cache.entries[at], bytes(cache.bytes[at]), bytes(cache.capacity[at]));
        format!("{entries} in {used} of {room}, {} pushed out", cache.evictions[at])
    };
    let blocks = &stats.blocks;
    let verdicts: Vec<String> = stats.dnssec.iter().map(|(verdict, count)| format!("{verdict} {count}")).collect();
    let mut text = list(&[
        ("up for", time(stats.uptime_seconds)),
        ("queries", all.to_string()),
        ("  memory", counted(answers.hits + answers.denials)),
        ("  expired", counted(answers.stale)),
        ("  known failures", counted(answers.failures)),
        ("  servers", counted(answers.forwarded)),
        ("  own names", counted(answers.local)),
        ("  policy, errors", counted(answers.policy)),
        ("codes", rcodes.join(", ")),
        (
            "latency",
            format!("50 % within {} ms, 95 % {} ms, 99 % {} ms", quantile(0.5), quantile(0.95), quantile(0.99)),
        ),
        ("waiting", format!("{} clients for {} questions", stats.waiting, stats.in_flight)),
        ("joined others", stats.coalesced.to_string()),
        ("prefetched", stats.prefetched.to_string()),
        ("shed", stats.shed.to_string()),
        ("connections", format!("{} of clients, {} to servers", stats.tcp_connections, stats.upstream_connections)),
        ("kept answers", shelf(0)),
        ("kept denials", shelf(1)),
        ("kept failures", cache.failures.to_string()),
        (
            "withheld",
            format!(
                "{} blocked names, {} refused, {} rebinding ({} reported)",
                blocks.names, blocks.refused, blocks.rebinding, blocks.rebinding_reported
            ),
        ),
        ("validation", verdicts.join(", ")),
    ]);
    if !stats.upstreams.is_empty() {
        text = format!("{text}\n{}", upstreams(&stats.upstreams));
    }
    text
}

/// The time within which a part of all answers came: the upper bound of its cell.
fn quantile(latency: &Latency, part: f64) -> Option<f64> {
    let all: u64 = latency.counts.iter().sum();
    let mut rest = (all as f64 * part).ceil();
    let cell = latency.counts.iter().position(|count| {
        rest -= *count as f64;
        rest <= 0.0
    });
    latency.bounds.get(cell.filter(|_| all > 0)?).copied()
}

/// The servers.
pub(super) fn upstreams(servers: &[Server]) -> String {
    let row = |server: &Server| {
        let kinds = server.failures_by_kind.iter().map(|(kind, count)| format!("{kind} {count}"));
        let retry = server.retry_in_ms.filter(|_| server.state != "up");
        let state = retry.map_or_else(|| server.state.clone(), |time| format!("{}, again in {time} ms", server.state));
        vec![
            server.group.clone(),
            server.address.clone(),
            server.authentication.clone(),
            state,
            milliseconds(server.latency_ms),
            milliseconds(server.latency_95_ms),
            server.in_flight.to_string(),
            server.connections.to_string(),
            percent(server.reused, server.reused + server.opened),
            server.exchanges.to_string(),
            if server.failures == 0 { "-".to_owned() } else { kinds.collect::<Vec<_>>().join(", ") },
        ]
    };
    let head =
        ["GROUP", "SERVER", "PROVES", "STATE", "MS", "95 %", "UNDER WAY", "OPEN", "REUSED", "EXCHANGES", "FAILURES"];
    table(&head, &servers.iter().map(row).collect::<Vec<_>>())
}

/// What was forgotten.
pub(super) fn flushed(flushed: Flushed) -> String {
    format!("{} answers and {} failures were forgotten\n", flushed.entries, flushed.failures)
}

/// What came of reading the configuration again.
pub(super) fn reload(reload: &Reload) -> String {
    let mut text = if reload.changed {
        format!("taken; {} kept answers no longer held and were forgotten\n", reload.forgotten)
    } else {
        "read again: nothing has changed\n".to_owned()
    };
    if !reload.at_next_start.is_empty() {
        text += &format!("takes effect at the next start: {}\n", reload.at_next_start.join(", "));
    }
    for warning in &reload.warnings {
        text += &format!("warning: {warning}\n");
    }
    text + &format!("sha256 {}\n", reload.config_sha256)
}

/// A pod's namespace and name, or nothing.
fn pod(namespace: Option<&String>, pod: Option<&String>) -> String {
    match (namespace, pod) {
        (Some(namespace), Some(pod)) => format!("{namespace}/{pod}"),
        _ => "-".to_owned(),
    }
}

/// Who asks most, or what is asked for most.
pub(super) fn top(what: &str, all: &[Top]) -> String {
    if all.is_empty() {
        return "nobody has asked lately, or this is not watched (see [detect] mode)\n".to_owned();
    }
    let row = |top: &Top| {
        let rate = format!("{:.2}", top.queries_per_second);
        let share = format!("{:.1} %", top.share * 100.0);
        vec![top.what.clone(), rate, share, pod(top.namespace.as_ref(), top.pod.as_ref())]
    };
    table(&[what, "QUERIES/S", "SHARE", "POD"], &all.iter().map(row).collect::<Vec<_>>())
}

/// What was detected.
pub(super) fn detections(all: &[Detection]) -> String {
    if all.is_empty() {
        return "nothing was detected, or nothing is watched (see [detect] mode)\n".to_owned();
    }
    let now = crate::sys::clock::wall().as_secs();
    let row = |found: &Detection| {
        vec![
            format!("{} ago", time(now.saturating_sub(found.last.max(found.at)))),
            found.rule.clone(),
            found.score.to_string(),
            found.client.clone(),
            pod(found.namespace.as_ref(), found.pod.as_ref()),
            found.domain.clone(),
            found.action.clone(),
            found.count.to_string(),
            found.reasons.join("; "),
        ]
    };
    let head = ["WHEN", "RULE", "SCORE", "CLIENT", "POD", "DOMAIN", "ACTION", "TIMES", "WHY"];
    table(&head, &all.iter().map(row).collect::<Vec<_>>())
}

//------ Kept answers ------------------------------------------------------------------------------------------------

/// One line of a dump: a comment, then records as a zone file has them.
pub(super) fn kept(line: &DumpLine) -> String {
    match line {
        DumpLine::Entry(entry) => {
            let mut text = format!("; {}\n", about(entry));
            for record in &entry.records {
                text += record;
                text.push('\n');
            }
            text
        }
        DumpLine::Failure(failure) => format!("; {}\n", noted(failure)),
        DumpLine::End { entries, failures } => format!("; {entries} answers, {failures} failures\n"),
    }
}

/// What is known of a kept answer.
pub(super) fn about(entry: &Kept) -> String {
    let mut text = format!("{} {}", entry.name, entry.qtype);
    for (is_set, word) in [(entry.dnssec_ok, " +do"), (entry.checking_disabled, " +cd")] {
        text += if is_set { word } else { "" };
    }
    text += &match entry.stale_seconds {
        None => format!(" {} {}, {} s left", entry.state, entry.kind, entry.ttl_seconds),
        Some(left) => format!(" {} {}, may be given for {left} s", entry.state, entry.kind),
    };
    text += &format!(
        ", {} s old, given {} times, zone {} from {}",
        entry.age_seconds, entry.hits, entry.zone, entry.upstream
    );
    if entry.rcode != "NOERROR" && entry.rcode != "NXDOMAIN" {
        text += &format!(", {}", entry.rcode);
    }
    for (is_set, word) in [(entry.authentic, ", authentic"), (entry.withheld, ", something withheld")] {
        text += if is_set { word } else { "" };
    }
    if let Some(code) = entry.extended_error {
        text += &format!(", extended error {code}");
    }
    text + &format!(", policy {}", entry.policy_generation)
}

/// What is known of a failure.
pub(super) fn noted(failure: &NotedFailure) -> String {
    let mut text = format!("{} {}", failure.name, failure.qtype);
    for (is_set, word) in [(failure.dnssec_ok, " +do"), (failure.checking_disabled, " +cd")] {
        text += if is_set { word } else { "" };
    }
    let what = if failure.bogus { "bogus" } else { "failed" };
    text +=
        &format!(" {what} {}, {} s ago, answered for {} s", failure.rcode, failure.age_seconds, failure.left_seconds);
    if let Some(code) = failure.extended_error {
        text += &format!(", extended error {code}");
    }
    text
}
