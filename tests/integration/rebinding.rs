//! N34, N35: public names do not lead inside, whatever way their answers come; names that may are left alone.

use std::path::Path;

use nix::sys::signal::Signal;

use super::common::ask::Ask;
use super::common::certificate::Authority;
use super::common::daemon::{Daemon, Setup};
use super::common::upstream::{Cut, Query, Upstream};
use super::common::wait_until;
use super::common::wire::{Message, kind, name_bytes, rcode};

/// Answers found to lead inside.
const FOUND: &str = "nodens_rebinding_answers_total";
/// How often a new configuration was taken.
const RELOADS: &str = "nodens_reloads_total";
/// The extended error Blocked (RFC 8914 section 4.16).
const BLOCKED: u16 = 15;

/// What a hostile server says: names beginning with "in" lead inside, "alias" ones by another name, "mixed" ones both ways, all others lead
/// to a public address.
fn say(query: &Query) -> super::common::compose::Compose {
    let (inside, outside) = ([10, 0, 0, 1], [1, 1, 1, 1]);
    let (name, answer) = (query.name(), query.answer());
    let first = name.split('.').next().unwrap_or_default();
    match (first, query.kind()) {
        ("in", kind::A) => answer.addresses(300, &[inside]),
        ("soon", kind::A) => answer.addresses(1, &[inside]),
        ("mixed", kind::A) => answer.addresses(300, &[outside, inside]),
        // An alias into a name that the configuration exempts, with its address.
        ("alias", kind::A) => {
            let target = "in.corp.example";
            answer.answer(kind::CNAME, 300, &name_bytes(target)).record(0, target, kind::A, 300, &inside)
        }
        // An alias into the cluster that ends there.
        ("loose", kind::A) => answer.answer(kind::CNAME, 300, &name_bytes("web.svc.cluster.local")),
        ("away", kind::A) => answer.answer(kind::CNAME, 300, &name_bytes("www.example.net")),
        ("mail", kind::MX) => {
            let data = [&[0, 10][..], &name_bytes("host.example.org")].concat();
            answer.answer(kind::MX, 300, &data).record(2, "host.example.org", kind::A, 300, &inside)
        }
        _ => answer.addresses(300, &[outside]),
    }
}

/// Such a server over TLS.
fn server(authority: &Authority) -> Upstream {
    Upstream::tls(authority).serve(say)
}

/// `cluster.local` is internal, everything else public; `lines` are those of the public zone.
fn setup(upstream: &Upstream, lines: &str) -> Setup {
    Setup::new()
        .upstream("all", &[upstream.url()], &upstream.extra())
        .zone("cluster.local", "all", "class = \"internal\"\n# rebinding as it is")
        .zone(".", "all", &format!("# rebinding\n{lines}"))
}

/// Checks that nothing of an address is in a message, and that it says why.
#[track_caller]
fn is_withheld(message: &Message) {
    let records = [&message.answers, &message.authorities, &message.additionals].into_iter().flatten();
    assert!(records.clone().all(|record| record.kind == kind::SOA), "{message}");
    assert_eq!((message.rcode(), message.answers.len()), (rcode::NOERROR, 0), "{message}");
    assert_eq!(message.extended_errors(), [BLOCKED], "{message}");
}

/// Writes the daemon's configuration and waits until it is taken.
#[track_caller]
fn reload(daemon: &Daemon, setup: &Setup) {
    let before = daemon.metric(RELOADS, &[]);
    std::fs::write(daemon.folder().join("nodens.toml"), setup.text()).unwrap();
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_metric(RELOADS, &[], before + 1.0);
}

/// A query that shows extended errors.
fn ask(name: &str) -> Ask {
    Ask::a(name).edns(1232)
}

/// N35
#[test]
fn an_address_inside_is_withheld_from_every_client_of_a_public_name() {
    let (authority, mut asks) = (Authority::new(), Vec::new());
    let upstream = server(&authority);
    let daemon = setup(&upstream, "").start();
    for name in ["in.example.org", "mixed.example.org", "alias.example.org"] {
        asks.extend([ask(name), ask(name), ask(name).checking_disabled(), ask(name).dnssec_ok()]);
    }
    asks.push(Ask::new("mail.example.org", kind::MX).edns(1232));
    for ask in &asks {
        is_withheld(&daemon.ask(ask));
    }
    // In front of a client without EDNS there is no room for the reason.
    let bare = daemon.ask(&Ask::a("in.example.org"));
    assert_eq!((bare.rcode(), bare.answers.len(), bare.authorities[0].kind), (rcode::NOERROR, 0, kind::SOA));
    assert_eq!(daemon.ask(&ask("www.example.org")).addresses()[0].to_string(), "1.1.1.1");
    // One count an answer that was judged, not one a client: three names, each asked plain, with CD and with DO, and one of another type.
    let labels = [("zone", "."), ("class", "private"), ("action", "blocked")];
    assert_eq!(daemon.metric(FOUND, &labels), 10.0);
    let lines = daemon.log();
    let line = lines.iter().find(|line| line.contains("name=in.example.org")).unwrap();
    for part in ["address=10.0.0.1", "rule=10.0.0.0/8", "client=127.0.0.1", "action=blocked", "zone=."] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
}

/// N34, N35
#[test]
fn an_internal_zone_an_own_name_and_an_exempt_suffix_are_left_alone_and_a_sibling_is_not() {
    let authority = Authority::new();
    let upstream = server(&authority);
    let lines = "rebinding.exempt = [\"corp.example\", \"lists.example=127.0.0.0/8\"]";
    let daemon = setup(&upstream, lines).section("local", "records = [\"own.example.org. 60 A 10.0.0.9\"]").start();
    for name in ["in.svc.cluster.local", "in.corp.example", "mixed.deep.corp.example", "own.example.org"] {
        for _ in 0..2 {
            let answer = daemon.ask(&ask(name));
            assert!(answer.addresses().iter().any(|address| address.to_string().starts_with("10.")), "{answer}");
        }
    }
    for name in ["in.xcorp.example", "in.corp.example.org", "in.example", "in.lists.example"] {
        is_withheld(&daemon.ask(&ask(name)));
    }
    assert_eq!(daemon.metric(FOUND, &[]), 4.0);
}

/// N35
#[test]
fn an_alias_launders_nothing() {
    let authority = Authority::new();
    let upstream = server(&authority);
    let daemon = setup(&upstream, "rebinding.exempt = [\"corp.example\"]").start();
    for _ in 0..2 {
        // Into an exempt name with its address; into the cluster without one, for clients that ask on by themselves.
        is_withheld(&daemon.ask(&ask("alias.example.org")));
        is_withheld(&daemon.ask(&ask("loose.example.org")));
        let away = daemon.ask(&ask("away.example.org"));
        assert_eq!((away.answers.len(), away.answers[0].kind), (1, kind::CNAME), "{away}");
        // Asked for by an exempt name, all of it is allowed.
        assert_eq!(daemon.ask(&ask("alias.corp.example")).addresses().len(), 1);
        assert_eq!(daemon.ask(&ask("loose.corp.example")).answers.len(), 1);
    }
    assert_eq!(daemon.metric(FOUND, &[("class", "alias")]), 1.0);
}

/// N35
#[test]
fn what_is_left_of_an_answer_is_up_to_the_zone() {
    let authority = Authority::new();
    let upstream = server(&authority);
    let refuses = setup(&upstream, "rebinding.action = \"refuse\"").start();
    for _ in 0..2 {
        let answer = refuses.ask(&ask("in.example.org"));
        assert_eq!((answer.rcode(), answer.extended_errors()), (rcode::REFUSED, vec![BLOCKED]), "{answer}");
    }
    assert_eq!(upstream.queries_for("in.example.org"), 1, "a refusal is kept");

    let strips = setup(&upstream, "rebinding.action = \"strip\"").start();
    for _ in 0..2 {
        let mixed = strips.ask(&ask("mixed.example.org"));
        assert_eq!(mixed.addresses().iter().map(ToString::to_string).collect::<Vec<_>>(), ["1.1.1.1"]);
        assert_eq!(mixed.extended_errors(), [BLOCKED]);
        is_withheld(&strips.ask(&ask("in.example.org")));
        is_withheld(&strips.ask(&ask("loose.example.org")));
        let mail = strips.ask(&Ask::new("mail.example.org", kind::MX).edns(1232));
        assert_eq!((mail.answers.len(), mail.additionals.iter().filter(|r| r.kind == kind::A).count()), (1, 0));
    }

    let reports = setup(&upstream, "rebinding.mode = \"report\"").start();
    for _ in 0..2 {
        assert_eq!(reports.ask(&ask("in.example.org")).addresses()[0].to_string(), "10.0.0.1");
    }
    assert_eq!(reports.metric(FOUND, &[("action", "reported")]), 1.0);
    assert!(reports.log().iter().any(|line| line.contains("action=reported")));

    let off = setup(&upstream, "rebinding.mode = \"off\"").start();
    assert_eq!(off.ask(&ask("in.example.org")).addresses()[0].to_string(), "10.0.0.1");
    assert_eq!(off.scrape().value(FOUND, &[]), None);
}

/// N35
#[test]
fn a_reload_judges_anew_what_is_kept() {
    let authority = Authority::new();
    let upstream = server(&authority);
    let daemon = setup(&upstream, "rebinding.mode = \"off\"").start();
    let names = ["in.example.org", "alias.example.org", "loose.example.org", "www.example.org"];
    for name in names {
        assert!(!daemon.ask(&ask(name)).answers.is_empty(), "{name}");
    }
    let asked = upstream.queries();
    reload(&daemon, &setup(&upstream, ""));
    for _ in 0..2 {
        names[..3].iter().for_each(|name| is_withheld(&daemon.ask(&ask(name))));
        assert_eq!(daemon.ask(&ask("www.example.org")).addresses()[0].to_string(), "1.1.1.1");
    }
    assert_eq!(upstream.queries(), asked, "what was kept was judged, not asked for again");
    // What was withheld is not there any more: it is asked for again.
    reload(&daemon, &setup(&upstream, "rebinding.exempt = [\"example.org\"]"));
    assert_eq!(daemon.ask(&ask("in.example.org")).addresses()[0].to_string(), "10.0.0.1");
    assert_eq!(upstream.queries(), asked + 1);
    // More addresses count as inside.
    reload(&daemon, &setup(&upstream, "").section("rebinding", "private = [\"1.1.1.0/24\"]"));
    is_withheld(&daemon.ask(&ask("www.example.org")));
    assert_eq!(daemon.metric(FOUND, &[("class", "cluster")]), 1.0);
}

/// N35
#[test]
fn an_expired_answer_is_judged_as_a_fresh_one() {
    let (authority, cut) = (Authority::new(), Cut::default());
    let upstream = {
        let cut = cut.clone();
        Upstream::tls(&authority).serve(move |query| cut.pass(&say(query)))
    };
    let daemon = setup(&upstream, "rebinding.mode = \"off\"").start();
    assert_eq!(daemon.ask(&ask("soon.example.org")).addresses().len(), 1);
    cut.begin();
    // Until it has expired and nobody answers: then it is given as stale.
    wait_until("the answer has expired", || daemon.ask(&ask("soon.example.org")).extended_errors() == [3]);
    reload(&daemon, &setup(&upstream, ""));
    is_withheld(&daemon.ask(&ask("soon.example.org")));
}

/// N35
#[test]
fn what_comes_back_after_a_restart_is_judged_anew() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let upstream = server(&authority);
    let file = |name: &str| folder.path().join(name);
    let keeps = |lines: &str, path: &Path| {
        let setup = setup(&upstream, lines).section("cache", &format!("snapshot = {:?}", file("cache")));
        std::fs::write(path, setup.text()).unwrap();
        setup
    };
    let mut daemon = keeps("rebinding.mode = \"off\"", &file("first.toml")).start_at(&file("first.toml"));
    for name in ["in.example.org", "www.example.org"] {
        daemon.ask(&ask(name));
    }
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.wait().success());
    let asked = upstream.queries();
    let daemon = keeps("", &file("second.toml")).start_at(&file("second.toml"));
    is_withheld(&daemon.ask(&ask("in.example.org")));
    assert_eq!(daemon.ask(&ask("www.example.org")).addresses()[0].to_string(), "1.1.1.1");
    assert_eq!(upstream.queries(), asked, "both were kept over the restart");
}
