//! Why a name gets the answer it gets, in the order in which it is found out.

use super::show::{about, noted, upstreams};
use super::table::list;
use crate::control::admin::protocol::{AskedAnswer, ClientView, DnssecView, Explanation, RebindingView, VariantView};

/// All of it; the verdict last.
pub(super) fn explanation(told: &Explanation) -> String {
    let zone = &told.zone;
    let shorter = match zone.shorter.as_slice() {
        [] => String::new(),
        shorter => format!("; longer than {}", shorter.join(", ")),
    };
    let local = told.local.as_ref().map_or_else(
        || "no".to_owned(),
        |local| {
            let lines = local.records.iter().fold(String::new(), |text, record| format!("{text}\n{record}"));
            format!("{}, by {}: {}{lines}", local.kind, local.suffix, local.rcode)
        },
    );
    let stale = if zone.serve_stale_seconds == 0 {
        "expired answers are never given".to_owned()
    } else {
        format!("expired answers are given for {} s if no server has a better one", zone.serve_stale_seconds)
    };
    let kept: Vec<String> = told.cache.iter().flat_map(variant).collect();
    let group = format!(
        "{}, {}{}",
        told.group.name,
        told.group.policy,
        if told.group.failing { "; all of them are down" } else { "" }
    );
    let mut text = list(&[
        ("question", format!("{} {}", told.name, told.qtype)),
        ("client", told.client.as_ref().map(client).unwrap_or_default()),
        ("own knowledge", local),
        ("zone", format!("{} ({}), the longest suffix{shorter}; {stale}", zone.name, zone.class)),
        ("memory", kept.join("\n")),
        ("loop", if told.looping { "the zone's servers ask us: it is cut off" } else { "no" }.to_owned()),
        ("type left out", if told.type_left_out { "yes (zone.no-types)" } else { "no" }.to_owned()),
        ("servers", group),
    ]);
    text += &upstreams(&told.servers).lines().map(|line| format!("  {line}\n")).collect::<String>();
    text += &list(&[("rebinding    ", rebinding(&told.rebinding)), ("validation", dnssec(&told.dnssec))]);
    if let Some(answer) = &told.answer {
        text += &list(&[("asked        ", asked(answer))]);
    }
    let code = told.verdict.rcode.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
    text + &format!("\n{}{code}: {}\n", told.verdict.outcome, told.verdict.text)
}

/// Who asks.
fn client(client: &ClientView) -> String {
    let pod = match (&client.namespace, &client.pod) {
        (Some(namespace), Some(pod)) => format!(" ({namespace}/{pod})"),
        _ => String::new(),
    };
    let allowed = if client.allowed { "may ask" } else { "may not ask (listen.allow)" };
    let rate = match client.rate {
        None => "no rate",
        Some(true) => "within its rate",
        Some(false) => "faster than its rate",
    };
    let refused = if client.type_refused { "; nobody gets this type (policy.refuse-types)" } else { "" };
    let held = client.held_back_seconds.map(|left| format!("; held back by detection for {left} s more"));
    format!("{}{pod} {allowed}; {rate}{refused}{}", client.address, held.unwrap_or_default())
}

/// What is kept of a question with some bits; nothing of those of which nothing is.
fn variant(view: &VariantView) -> Vec<String> {
    let bits = match (view.dnssec_ok, view.checking_disabled) {
        (false, false) => "plain",
        (true, false) => "DO",
        (false, true) => "CD",
        (true, true) => "DO, CD",
    };
    let mut lines = Vec::new();
    match &view.entry {
        Some(entry) => {
            let mut line = format!("{bits}: {}: {}", view.state, about(entry));
            for (is_so, words) in
                [(view.in_front, "; in a worker's own table"), (view.judged_anew, "; judged again before it is given")]
            {
                line += if is_so { words } else { "" };
            }
            lines.push(line);
            lines.extend(entry.records.iter().map(|record| format!("  {record}")));
        }
        None if view.dnssec_ok || view.checking_disabled => {}
        None => lines.push(format!("{bits}: {}", view.state)),
    }
    if let Some(failure) = &view.failure {
        lines.push(format!("{bits}: {}", noted(failure)));
    }
    lines
}

/// Addresses that no public name may have.
fn rebinding(view: &RebindingView) -> String {
    let mut text = match view.mode.as_str() {
        "block" => format!("blocked, {}", view.action),
        "report" => "reported and passed".to_owned(),
        _ => "not looked at".to_owned(),
    };
    if let Some(suffix) = &view.exempt_by {
        text += &format!("; exempt by {suffix}");
    }
    if let Some(offence) = &view.offence {
        text += &format!("; in what is kept, {offence}");
    }
    text
}

/// Signatures.
fn dnssec(view: &DnssecView) -> String {
    match &view.verdict {
        Some(verdict) => format!("{}; what is kept is {verdict}", view.mode),
        None => view.mode.clone(),
    }
}

/// What did happen.
fn asked(answer: &AskedAnswer) -> String {
    let mut text = format!("{} in {:.1} ms: {}", answer.listener, answer.took_us as f64 / 1e3, answer.rcode);
    if !answer.flags.is_empty() {
        text += &format!(", {}", answer.flags.join(" "));
    }
    for code in &answer.extended_errors {
        text += &format!(", extended error {code}");
    }
    answer.records.iter().fold(text, |text, record| format!("{text}\n{record}"))
}
