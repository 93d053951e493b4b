//! What rules that the operator wrote would make of a query, for whoever asks why.

use crate::policy::acl::Action;
use crate::policy::hosts::HostsAnswer;
use crate::policy::template::MadeAnswer;
use crate::wire::{name, rcode, record, rtype, u16_at};

use super::explain::Asking;
use super::plan::Plan;

/// A word, the response code where it is known, and the same in words.
type Said = (&'static str, Option<u16>, String);

impl Plan {
    /// What the first rule that has its say makes of a query; `None` if none has.
    pub(super) fn rule_for(&self, asking: &Asking) -> Option<Said> {
        let (name, qtype) = (asking.name.as_slice(), asking.qtype);
        if let Some(said) =
            asking.client.and_then(|client| self.access(client, name, qtype)).map(|found| self.turned(found))
        {
            return Some(said);
        }
        if self.set.is_whoami(name) {
            let text = "the client is told its own address and port (local.whoami)".to_owned();
            return Some(("whoami", Some(rcode::NOERROR), text));
        }
        if self.translates_some && qtype == rtype::AAAA {
            let dns64 = self.rules(self.zones.find(name)).dns64;
            let validates = asking.variant.dnssec_ok() && asking.variant.checking_disabled();
            let is_meant = |client: std::net::IpAddr| client.to_canonical().is_ipv6();
            if let Some(dns64) =
                dns64.filter(|dns64| !validates && (dns64.ipv4_clients || asking.client.is_some_and(is_meant)))
            {
                let whose = if dns64.translate_all { "" } else { ", if it has no AAAA records" };
                let text = format!(
                    "the name is given addresses in {} made of its A records{whose} (zone.dns64)",
                    dns64.prefix
                );
                return Some(("dns64", None, text));
            }
        }
        let is_special = self.local.owner(name, qtype).is_some();
        let place = self.set.place(name, is_special);
        match self.set.rewrites.turn(name, qtype, place) {
            Err(wrong) => {
                let text = format!("rule {} of [[rewrite]] makes no name of it: SERVFAIL", wrong.rule);
                return Some(("rewrite", Some(rcode::SERVFAIL), text));
            }
            Ok(Some(turn)) if turn.changes() => {
                let rules: Vec<String> = turn.rules.iter().map(ToString::to_string).collect();
                let text = format!(
                    "by rule {} of [[rewrite]], {} {} is asked instead, and its names are put back",
                    rules.join(", "),
                    name::display(&turn.name),
                    record::type_name(turn.qtype)
                );
                return Some(("rewrite", None, text));
            }
            Ok(_) => {}
        }
        if let Some(made) = self.set.templates.answer(name, qtype, place) {
            let (code, what) = match &made.answer {
                MadeAnswer::Message(message, _) => (u16_at(message, 2).map_or(0, |flags| flags & 15), "answers"),
                MadeAnswer::Code(code, _) => (*code, "answers"),
                MadeAnswer::Broken => (rcode::SERVFAIL, "makes no record of it"),
            };
            return Some(("template", Some(code), format!("[[template]] {} {what}", made.template)));
        }
        let (code, text) = match self.hosts_answer(name, qtype, self.zones.find(name))? {
            HostsAnswer::Message(_) => (rcode::NOERROR, "it is in the hosts of its zone (zone.hosts)"),
            HostsAnswer::Failure => (
                rcode::SERVFAIL,
                "it is not in the hosts of its zone, and nothing falls through (zone.hosts-fallthrough)",
            ),
        };
        Some(("hosts", Some(code), text.to_owned()))
    }

    /// What an access list says, in words.
    fn turned(&self, (line, zone, action): (usize, u16, Action)) -> Said {
        let zone = self.zone_name(zone).map(|name| name::display(&name).to_string()).unwrap_or_default();
        let (code, what) = match action {
            Action::Allow | Action::Drop => (None, "no answer"),
            Action::Block => (Some(rcode::REFUSED), "REFUSED"),
            Action::Filter => (Some(rcode::NOERROR), "an empty answer"),
        };
        ("refuse", code, format!("line {line} of zone.acl of {zone} says {}: {what}", action.word()))
    }
}
