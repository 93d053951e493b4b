//! What operators write down of questions and answers: rewriting, templates, hosts of a zone, IPv6 addresses made up, access lists.

use super::common::ask::Ask;
use super::common::compose::Compose;
use super::common::control::Control;
use super::common::daemon::{Daemon, Setup};
use super::common::upstream::{Query, Upstream};
use super::common::wire::{Message, kind, name_bytes, option, rcode};
use super::reload::reload;

/// The family of what rules did.
const RULES: &str = "nodens_written_rules_total";

/// `v4.*` has an address of the one family, `alias.*` leads to `v4.example.org`, `gone.*` does not exist, `empty.*` has nothing,
/// `broken.*` fails; others have one of each family. Names that end in "inside" are `10.0.0.1`.
pub(super) fn names(query: &Query) -> Compose {
    let (name, answer) = (query.name(), query.answer());
    let address: [u8; 4] = if name.ends_with("inside") { [10, 0, 0, 1] } else { [192, 0, 2, 1] };
    let is_v6 = query.kind() == kind::AAAA;
    match name.split('.').next().unwrap_or_default() {
        "gone" => answer.rcode(rcode::NXDOMAIN).soa("example.org", 300, 300),
        "broken" => answer.rcode(rcode::SERVFAIL),
        "empty" => answer.soa("example.org", 300, 300),
        "alias" => {
            let answer = answer.answer(kind::CNAME, 300, &name_bytes("v4.example.org"));
            if is_v6 { answer } else { answer.record(0, "v4.example.org", kind::A, 300, &address) }
        }
        "v4" if is_v6 => answer.soa("example.org", 300, 200),
        _ if is_v6 => answer.answer(kind::AAAA, 300, &[0x20; 16]),
        _ if query.kind() == kind::A => answer.addresses(300, &[address]),
        _ => answer.soa("example.org", 300, 300),
    }
}

/// A daemon with these tables, behind a server that answers as [`names`] says.
fn daemon(tables: &str) -> (Upstream, Daemon) {
    let upstream = Upstream::tcp().serve(names);
    let daemon = Setup::forward(&upstream).more(tables).start();
    (upstream, daemon)
}

/// A record as "OWNER TYPE DATA", where the data are names or an address.
fn shown(answer: &Message) -> Vec<String> {
    let data = |record: &super::common::wire::Record| match record.address() {
        Some(address) => address.to_string(),
        None => record.names.join(" "),
    };
    answer.answers.iter().map(|record| format!("{} {} {}", record.name, record.kind, data(record))).collect()
}

/// The names that a server was asked for.
fn asked(upstream: &Upstream) -> Vec<String> {
    upstream.seen().iter().map(|query| format!("{} {}", query.name(), query.kind())).collect()
}

//------ Rewriting -----------------------------------------------------------

#[test]
fn another_name_is_asked_for_and_the_answer_bears_the_old_one() {
    let (upstream, daemon) = daemon("[[rewrite]]\nfrom = \"red.test\"\nto = \"blue.example.org\"\n");
    for _ in 0..2 {
        let answer = daemon.ask(&Ask::a("Red.Test"));
        assert_eq!(shown(&answer), ["Red.Test 1 192.0.2.1"], "{answer}");
    }
    assert_eq!(shown(&daemon.tcp().ask(&Ask::a("red.test"))), ["red.test 1 192.0.2.1"]);
    assert_eq!(asked(&upstream), ["blue.example.org 1"], "and once");
    assert_eq!(daemon.metric(RULES, &[("rule", "rewrite")]), 1.0);
    // What the servers said of the new name is kept as ever.
    assert_eq!(shown(&daemon.ask(&Ask::a("blue.example.org"))), ["blue.example.org 1 192.0.2.1"]);
    assert_eq!(upstream.queries(), 1);
}

#[test]
fn a_suffix_is_changed_and_names_in_the_answer_are_changed_back() {
    let rule = "[[rewrite]]\nmatch = \"suffix\"\nfrom = \".corp.test\"\nto = \".example.org\"\n";
    let (upstream, daemon) = daemon(rule);
    let answer = daemon.ask(&Ask::a("alias.corp.test"));
    assert_eq!(shown(&answer), ["alias.corp.test 5 v4.corp.test", "v4.corp.test 1 192.0.2.1"]);
    let denial = daemon.ask(&Ask::a("gone.corp.test"));
    assert_eq!((denial.rcode(), denial.authorities.len()), (rcode::NXDOMAIN, 1));
    assert_eq!(asked(&upstream), ["alias.example.org 1", "gone.example.org 1"]);
}

#[test]
fn rules_go_on_where_they_say_continue_and_change_types_and_ttls() {
    let (upstream, daemon) = daemon(
        "[[rewrite]]\nmatch = \"regex\"\nfrom = '^(.*)-eu\\.example\\.$'\nto = \"{1}.eu.example\"\ncontinue = true\n\
         [[rewrite]]\nmatch = \"type\"\nfrom = \"TXT\"\nto = \"A\"\ncontinue = true\n\
         [[rewrite]]\nmatch = \"ttl\"\nname-match = \"suffix\"\nfrom = \"example.\"\nto = \"5-20\"\n",
    );
    let answer = daemon.ask(&Ask::new("ftp-eu.example", kind::TXT));
    assert_eq!(
        shown(&answer),
        ["ftp-eu.example 1 192.0.2.1"],
        "as CoreDNS has it: the type of the records is what was asked for"
    );
    assert_eq!(answer.ttl(), 20);
    assert_eq!(daemon.ask(&Ask::a("www.example")).ttl(), 20);
    assert_eq!(daemon.ask(&Ask::a("www.example.org")).ttl(), 300);
    assert_eq!(asked(&upstream), ["ftp.eu.example 1", "www.example 1", "www.example.org 1"]);
}

#[test]
fn servers_of_the_new_name_are_asked_or_those_of_the_old_one() {
    let (inside, outside) = (Upstream::tcp().serve(names), Upstream::tcp().serve(names));
    let setup = |route: &str| {
        Setup::forward(&outside)
            .upstream("inside", &[inside.url()], "")
            .zone("corp.test", "inside", "class = \"internal\"")
            .more(&format!("[[rewrite]]\nzone = \"corp.test\"\nmatch = \"suffix\"\nfrom = \".corp.test\"\nto = \".example.org\"\nroute = \"{route}\"\n"))
            .start()
    };
    let daemon = setup("question");
    assert_eq!(shown(&daemon.ask(&Ask::a("a.corp.test"))), ["a.corp.test 1 192.0.2.1"]);
    assert_eq!((asked(&inside), outside.queries()), (vec!["a.example.org 1".to_owned()], 0));
    // What those said of a name that is not theirs is not kept for it.
    daemon.ask(&Ask::a("a.example.org"));
    assert_eq!((inside.queries(), outside.queries()), (1, 1));
    let daemon = setup("target");
    assert_eq!(shown(&daemon.ask(&Ask::a("b.corp.test"))), ["b.corp.test 1 192.0.2.1"]);
    assert_eq!((inside.queries(), outside.queries()), (1, 2));
}

#[test]
fn what_becomes_no_name_is_servfail_and_counted() {
    let (upstream, daemon) =
        daemon(&format!("[[rewrite]]\nmatch = \"substring\"\nfrom = \"a\"\nto = \"{}\"\n", "b".repeat(60)));
    let answer = daemon.ask(&Ask::a("aa.example"));
    assert_eq!((answer.rcode(), answer.answers.len()), (rcode::SERVFAIL, 0));
    assert_eq!((upstream.queries(), daemon.metric(RULES, &[("rule", "rewrite_failed")])), (0, 1.0));
}

#[test]
fn an_expired_answer_to_the_new_name_stands_in_when_servers_fail() {
    let upstream = Upstream::tcp().serve({
        let count = std::sync::atomic::AtomicUsize::new(0);
        move |query: &Query| match count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => query.answer().addresses(1, &[[192, 0, 2, 1]]),
            _ => query.answer().rcode(rcode::SERVFAIL),
        }
    });
    let daemon =
        Setup::forward(&upstream).more("[[rewrite]]\nfrom = \"red.test\"\nto = \"blue.example.org\"\n").start();
    assert_eq!(daemon.ask(&Ask::a("red.test")).ttl(), 1);
    super::common::wait_until("the answer has expired", || {
        daemon.ask(&Ask::a("red.test"));
        upstream.queries() > 1
    });
    let answer = daemon.ask(&Ask::a("red.test").edns(1232));
    assert_eq!((shown(&answer), answer.ttl()), (vec!["red.test 1 192.0.2.1".to_owned()], 30), "{answer}");
    assert_eq!(answer.extended_errors(), [3], "Stale Answer");
}

//------ Templates -----------------------------------------------------------

#[test]
fn templates_answer_from_the_name_alone() {
    let (upstream, daemon) = daemon(
        "[[template]]\nzone = \"internal.cloudapp.net\"\nmatch = ['^(?:[^.]+\\.){4,}internal\\.cloudapp\\.net\\.$']\nrcode = \"NXDOMAIN\"\nfallthrough = true\n\
         [[template]]\nzone = \"ip.test\"\ntypes = [\"A\"]\nmatch = ['^ip-(?P<a>[0-9]+)-(?P<b>[0-9]+)\\.ip\\.test\\.$']\n\
         answers = [\"{{ .Name }} 60 IN A 10.0.{{ .Group.a }}.{{ .Group.b }}\"]\nauthority = [\"ip.test. 60 IN NS ns.ip.test.\"]\n\
         additional = [\"ns.ip.test. 60 IN A 192.0.2.53\"]\n",
    );
    for _ in 0..2 {
        let denial = daemon.ask(&Ask::a("a.b.c.d.internal.cloudapp.net"));
        assert_eq!((denial.rcode(), denial.authorities.len(), denial.authoritative()), (rcode::NXDOMAIN, 0, true));
    }
    assert_eq!(daemon.metric(RULES, &[("rule", "template")]), 1.0, "the second is from memory");
    assert_eq!(daemon.ask(&Ask::a("vm.internal.cloudapp.net")).rcode(), rcode::NOERROR);
    let answer = daemon.ask(&Ask::a("IP-1-2.ip.test"));
    assert_eq!(shown(&answer), ["IP-1-2.ip.test 1 10.0.1.2"], "{answer}");
    assert_eq!((answer.authorities.len(), answer.additionals.len()), (1, 1), "{answer}");
    assert_eq!(daemon.ask(&Ask::a("other.ip.test")).rcode(), rcode::SERVFAIL, "nothing falls through");
    assert_eq!(daemon.ask(&Ask::a("ip-1-999.ip.test")).rcode(), rcode::SERVFAIL);
    assert_eq!(daemon.metric(RULES, &[("rule", "template_failed")]), 1.0);
    assert_eq!(asked(&upstream), ["vm.internal.cloudapp.net 1"]);
}

#[test]
fn the_denial_of_another_type_does_not_hide_a_template() {
    let (upstream, daemon) = daemon(
        "[[template]]\nzone = \"example.org\"\ntypes = [\"A\"]\nanswers = [\"{{ .Name }} 60 IN A 192.0.2.7\"]\n",
    );
    assert_eq!(daemon.ask(&Ask::new("gone.example.org", kind::AAAA)).rcode(), rcode::NXDOMAIN);
    for name in ["gone.example.org", "below.gone.example.org"] {
        assert_eq!(shown(&daemon.ask(&Ask::a(name))), [format!("{name} 1 192.0.2.7")]);
    }
    assert_eq!(upstream.queries(), 1);
}

#[test]
fn an_alias_of_a_template_is_followed_and_circles_end() {
    let (upstream, daemon) = daemon(
        "[[template]]\nzone = \"a.test\"\nanswers = [\"{{ .Name }} 60 IN CNAME v4.example.org\"]\n\
         [[template]]\nzone = \"b.test\"\nanswers = [\"{{ .Name }} 60 IN CNAME c.test.\"]\n\
         [[template]]\nzone = \"c.test\"\nanswers = [\"{{ .Name }} 60 IN CNAME b.test.\"]\n",
    );
    let answer = daemon.ask(&Ask::a("www.a.test"));
    assert_eq!(shown(&answer), ["www.a.test 5 v4.example.org", "v4.example.org 1 192.0.2.1"], "{answer}");
    assert_eq!(asked(&upstream), ["v4.example.org 1"]);
    let answer = daemon.ask(&Ask::a("b.test"));
    assert_eq!(answer.answers[0].names, ["c.test"]);
    assert_eq!(daemon.metric(RULES, &[("rule", "too_deep")]), 1.0);
    daemon.ask(&Ask::a("v4.example.org"));
    assert_eq!(upstream.queries(), 1);
}

//------ Hosts ---------------------------------------------------------------

#[test]
fn a_zone_has_hosts_of_its_own_from_lines_and_a_file_that_changes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hosts");
    std::fs::write(&file, "192.0.2.8 b.corp.test\n").unwrap();
    let upstream = Upstream::tcp().serve(names);
    let extra = format!(
        "class = \"internal\"\nhosts = {file:?}\nhosts-lines = [\"192.0.2.7 a.corp.test\"]\nhosts-fallthrough = false\nhosts-ttl = \"1s\""
    );
    let daemon = Setup::forward(&upstream).zone("corp.test", "all", &extra).start();
    assert_eq!(shown(&daemon.ask(&Ask::a("a.corp.test"))), ["a.corp.test 1 192.0.2.7"]);
    assert_eq!(shown(&daemon.ask(&Ask::a("b.corp.test"))), ["b.corp.test 1 192.0.2.8"]);
    let empty = daemon.ask(&Ask::new("b.corp.test", kind::AAAA));
    assert_eq!((empty.rcode(), empty.answers.len(), empty.authoritative()), (rcode::NOERROR, 0, true));
    assert_eq!(daemon.ask(&Ask::a("c.corp.test")).rcode(), rcode::SERVFAIL, "as CoreDNS has it");
    assert_eq!(daemon.ask(&Ask::a("a.example.org")).rcode(), rcode::NOERROR, "another zone");
    assert_eq!(upstream.queries(), 1);
    std::fs::write(&file, "192.0.2.9 c.corp.test\n").unwrap();
    super::common::wait_until("the file is read again", || {
        daemon.ask(&Ask::a("c.corp.test")).rcode() == rcode::NOERROR
    });
    assert_eq!(daemon.ask(&Ask::a("b.corp.test")).rcode(), rcode::SERVFAIL);
}

//------ IPv6 addresses made up ----------------------------------------------

#[test]
fn names_without_an_ipv6_address_get_one_made_of_the_other() {
    let upstream = Upstream::tcp().serve(names);
    let setup = |extra: &str| {
        Setup::new()
            .upstream("all", &[upstream.url()], "")
            .zone(".", "all", &format!("dns64 = \"64:ff9b::/96\"\n{extra}"))
            .start()
    };
    let daemon = setup("dns64-ipv4-clients = true");
    let aaaa = |name: &str| Ask::new(name, kind::AAAA);
    for _ in 0..2 {
        let answer = daemon.ask(&aaaa("v4.example.org"));
        assert_eq!(shown(&answer), ["v4.example.org 28 64:ff9b::c000:201"], "{answer}");
        assert!((28..=30).contains(&answer.ttl()), "no longer than the denial: {answer}");
    }
    assert_eq!(asked(&upstream), ["v4.example.org 28", "v4.example.org 1"]);
    let alias = daemon.ask(&aaaa("alias.example.org"));
    assert_eq!(shown(&alias), ["alias.example.org 5 v4.example.org", "v4.example.org 28 64:ff9b::c000:201"]);
    let real = daemon.ask(&aaaa("www.example.org"));
    assert_eq!(shown(&real), ["www.example.org 28 2020:2020:2020:2020:2020:2020:2020:2020"]);
    assert_eq!(daemon.ask(&aaaa("gone.example.org")).rcode(), rcode::NXDOMAIN);
    assert_eq!(daemon.ask(&aaaa("empty.example.org")).answers.len(), 0);
    assert_eq!(daemon.ask(&aaaa("broken.example.org")).rcode(), rcode::SERVFAIL);
    let validating = daemon.ask(&aaaa("v4.example.org").dnssec_ok().checking_disabled());
    assert_eq!(validating.answers.len(), 0, "whoever validates gets what is there");
    assert_eq!(daemon.metric(RULES, &[("rule", "dns64")]), 2.0);
    let all = setup("dns64-ipv4-clients = true\ndns64-translate-all = true");
    assert_eq!(shown(&all.ask(&aaaa("www.example.org"))), ["www.example.org 28 64:ff9b::c000:201"]);
    let older = setup("");
    assert_eq!(older.ask(&aaaa("v4.example.org")).answers.len(), 0, "a client over IPv4");
}

//------ Who may ask, and who asks -------------------------------------------

#[test]
fn access_lists_are_for_the_names_of_their_zone_in_memory_or_not() {
    let upstream = Upstream::tcp().serve(names);
    let acl = "acl = [\"allow net 127.0.1.3\", \"drop type TXT\", \"filter type AAAA net 127.0.0.0/8\", \"block\"]";
    let daemon = Setup::forward(&upstream).zone("corp.test", "all", acl).start();
    let friend = daemon.udp_of(2);
    assert_eq!(friend.ask(&Ask::a("a.corp.test")).rcode(), rcode::NOERROR);
    let blocked = daemon.ask(&Ask::a("a.corp.test").edns(1232));
    assert_eq!((blocked.rcode(), blocked.extended_errors()), (rcode::REFUSED, vec![15]));
    let filtered = daemon.ask(&Ask::new("a.corp.test", kind::AAAA).edns(1232));
    assert_eq!((filtered.rcode(), filtered.answers.len(), filtered.extended_errors()), (rcode::NOERROR, 0, vec![17]));
    let client = daemon.udp();
    client.send(&Ask::new("a.corp.test", kind::TXT));
    // The next answer is not one to what was dropped.
    let after = Ask::a("a.example.org");
    assert_eq!(client.ask(&after).rcode(), rcode::NOERROR);
    for (rule, count) in [("acl_block", 1.0), ("acl_filter", 1.0), ("acl_drop", 1.0)] {
        assert_eq!(daemon.metric(RULES, &[("rule", rule)]), count, "{rule}");
    }
    assert_eq!(upstream.queries(), 2);
}

#[test]
fn a_rule_is_no_way_around_the_access_list_of_the_zone_it_leads_to() {
    let upstream = Upstream::tcp().serve(names);
    let daemon = Setup::forward(&upstream)
        .zone("corp.test", "all", "acl = [\"block\"]")
        .more("[[rewrite]]\nfrom = \"open.example\"\nto = \"a.corp.test\"\n")
        .start();
    assert_eq!(daemon.ask(&Ask::a("open.example")).rcode(), rcode::REFUSED);
    assert_eq!(upstream.queries(), 0);
}

#[test]
fn a_client_is_told_where_it_asks_from() {
    let upstream = Upstream::tcp().serve(names);
    let daemon = Setup::forward(&upstream).section("local", "whoami = [\"health-check.localdns.local\"]").start();
    for name in ["health-check.localdns.local", "a.health-check.localdns.local"] {
        for (answer, label) in
            [(daemon.ask(&Ask::a(name)), "_udp"), (daemon.tcp().ask(&Ask::new(name, kind::TXT)), "_tcp")]
        {
            assert_eq!((answer.rcode(), answer.answers.len(), answer.authoritative()), (rcode::NOERROR, 0, true));
            let [address, service] = answer.additionals.as_slice() else { panic!("{answer}") };
            assert_eq!((address.name.as_str(), address.address().unwrap().to_string().as_str()), (name, "127.0.0.1"));
            assert_eq!((service.kind, service.name.clone()), (kind::SRV, format!("{label}.{name}")));
            assert_ne!(&service.data[4..6], [0, 0], "its port");
        }
    }
    assert_eq!(upstream.queries(), 0);
}

#[test]
fn who_asks_which_server_it_is_is_told() {
    let upstream = Upstream::tcp().serve(names);
    let daemon = Setup::forward(&upstream).section("local", "nsid = \"node-7\"").start();
    let ask = Ask::a("www.example.org").option(option::NSID, b"");
    for _ in 0..2 {
        assert_eq!(daemon.ask(&ask).option(option::NSID), Some(&b"node-7"[..]));
    }
    let both = Ask::a("www.example.org").option(option::NSID, b"").option(option::KEEPALIVE, b"");
    let answer = daemon.tcp().ask(&both);
    assert!(answer.option(option::NSID).is_some() && answer.option(option::KEEPALIVE).is_some(), "{answer}");
    assert_eq!(daemon.ask(&Ask::a("www.example.org").edns(1232)).option(option::NSID), None);
    assert_eq!(
        daemon.ask(&Ask::new("www.example.org", kind::ANY).option(option::NSID, b"")).option(option::NSID),
        Some(&b"node-7"[..])
    );
    let quiet = Setup::forward(&upstream).start();
    assert_eq!(quiet.ask(&ask).option(option::NSID), None);
}

#[test]
fn whoever_asks_why_is_told_of_the_rule() {
    let upstream = Upstream::tcp().serve(names);
    let setup = Setup::forward(&upstream)
        .section("local", "whoami = [\"me.test\"]")
        .zone("corp.test", "all", "acl = [\"allow net 10.0.0.0/8\", \"block\"]\nhosts-lines = [\"192.0.2.7 a.corp.test\"]")
        .zone("six.test", "all", "dns64 = \"64:ff9b::/96\"\ndns64-ipv4-clients = true")
        .more("[[rewrite]]\nfrom = \"red.test\"\nto = \"blue.example.org\"\n[[template]]\nzone = \"t.test\"\nrcode = \"NXDOMAIN\"\n");
    let (_daemon, control) = Control::start(setup);
    for (words, outcome, part) in [
        ("a.corp.test --client 192.0.2.1", "refuse", "line 2 of zone.acl of corp.test. says block"),
        ("a.corp.test --client 10.0.0.1", "hosts", "in the hosts of its zone"),
        ("me.test", "whoami", "local.whoami"),
        ("red.test", "rewrite", "by rule 1 of [[rewrite]], blue.example.org. A is asked instead"),
        ("x.t.test", "template", "[[template]] 1 answers"),
        ("x.six.test AAAA", "dns64", "64:ff9b::/96"),
        ("x.six.test", "ask", "the servers of all"),
    ] {
        let told = control.json(&format!("explain {words}"));
        let text = told["verdict"]["text"].as_str().unwrap();
        assert!(told["verdict"]["outcome"] == outcome && text.contains(part), "{words}: {told:#}");
    }
    assert_eq!(upstream.queries(), 0);
}

#[test]
fn what_rules_do_is_counted_by_coredns_names_for_those_who_ask_for_them() {
    let upstream = Upstream::tcp().serve(names);
    let folder = tempfile::tempdir().unwrap();
    let hosts = folder.path().join("hosts");
    std::fs::write(&hosts, "192.0.2.7 a.hosts.test b.hosts.test\n").unwrap();
    let daemon = Setup::forward(&upstream)
        .section("metrics", "names = \"coredns\"")
        .zone("shut.test", "all", "acl = [\"block type MX\", \"filter type SRV\", \"drop type TXT\"]")
        .zone("hosts.test", "all", &format!("hosts = {hosts:?}"))
        .zone("six.test", "all", "dns64 = \"64:ff9b::/96\"\ndns64-ipv4-clients = true")
        .more("[[template]]\nzone = \"t.test\"\nrcode = \"NXDOMAIN\"\n")
        .start();
    for (name, qtype) in
        [("a.shut.test", 15), ("a.shut.test", 33), ("a.t.test", kind::AAAA), ("v4.six.test", kind::AAAA)]
    {
        daemon.ask(&Ask::new(name, qtype));
    }
    daemon.udp().send(&Ask::new("a.shut.test", kind::TXT));
    let zone = &[("zone", "shut.test."), ("view", "")];
    for family in ["blocked", "filtered", "dropped"] {
        daemon.wait_for_metric(&format!("coredns_acl_{family}_requests_total"), zone, 1.0);
    }
    assert_eq!(
        daemon.metric("coredns_template_matches_total", &[("zone", "."), ("class", "IN"), ("type", "AAAA")]),
        1.0
    );
    assert_eq!(daemon.metric("coredns_dns64_requests_translated_total", &[]), 1.0);
    let file = hosts.display().to_string();
    assert_eq!(daemon.metric("coredns_hosts_entries", &[("hostsfile", &file)]), 4.0, "both ways");
    assert_eq!(daemon.metric("nodens_hosts_names", &[]), 2.0);
    assert!(daemon.metric("coredns_hosts_reload_timestamp_seconds", &[]) > 0.0);
    // Who was let pass, and the daemon's questions to itself.
    assert!(daemon.metric("coredns_acl_allowed_requests_total", &[]) >= 2.0);
    for (name, zone) in [("acl", "shut.test."), ("hosts", "hosts.test."), ("dns64", "six.test."), ("template", ".")] {
        assert_eq!(daemon.metric("coredns_plugin_enabled", &[("name", name), ("zone", zone)]), 1.0, "{name}");
    }
}

//------ Reload --------------------------------------------------------------

#[test]
fn a_reload_brings_rules_and_takes_them_away_also_for_what_is_kept() {
    let upstream = Upstream::tcp().serve(names);
    let plain = Setup::forward(&upstream);
    let daemon = plain.start();
    let address = |name: &str| daemon.ask(&Ask::a(name)).addresses().first().map(ToString::to_string);
    assert_eq!(address("a.example.org").as_deref(), Some("192.0.2.1"));
    let made =
        plain.clone().more("[[template]]\nzone = \"example.org\"\nanswers = [\"{{ .Name }} 600 IN A 192.0.2.7\"]\n");
    reload(&daemon, &made);
    assert_eq!(address("a.example.org").as_deref(), Some("192.0.2.7"));
    let turned = plain.clone().more("[[rewrite]]\nfrom = \"a.example.org\"\nto = \"a.inside\"\n");
    reload(&daemon, &turned);
    assert_eq!(address("a.example.org").as_deref(), Some("10.0.0.1"));
    reload(&daemon, &plain);
    assert_eq!(address("a.example.org").as_deref(), Some("192.0.2.1"));
    assert_eq!(asked(&upstream), ["a.example.org 1", "a.inside 1"], "the first answer was kept all the time");
}

#[test]
fn mistakes_in_rules_are_all_said_and_keep_the_daemon_from_starting() {
    let upstream = Upstream::tcp().serve(names);
    let setup = Setup::forward(&upstream).zone("corp.test", "all", "acl = [\"deny\"]").more(
        "[[rewrite]]\nmatch = \"regex\"\nfrom = \"(\"\nto = \"x\"\n[[template]]\nanswers = [\"{{ .Nam }} 60 IN A 192.0.2.1\"]\n",
    );
    let output = setup.start_and_fail();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    for part in ["rewrite, rule 1: from:", "template 1: answers:", "zone.acl of \"corp.test\": \"deny\""] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
}
