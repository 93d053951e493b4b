//! Names that are missing, wrong, old, large, or asked for too often.

use super::super::common::ask::Ask;
use super::super::common::compose::Compose;
use super::super::common::control::Control;
use super::super::common::daemon::Setup;
use super::super::common::upstream::{Cut, Query, Upstream};
use super::super::common::wire::rcode;
use super::{is_missing, row};

/// "in" leads inside, "short" is good for a second, "large" has many addresses, what is below cluster.local does not exist.
fn say(query: &Query) -> Compose {
    let (name, answer) = (query.name(), query.answer());
    match name.split('.').next().unwrap_or_default() {
        _ if name.ends_with("cluster.local") => answer.rcode(rcode::NXDOMAIN).soa(".", 60, 60),
        "in" => answer.addresses(300, &[[10, 0, 0, 1]]),
        "short" => answer.addresses(1, &[[9, 9, 9, 9]]),
        "large" => answer.addresses(300, &(0..200).map(|number| [9, 9, 9, number]).collect::<Vec<_>>()),
        _ => answer.addresses(300, &[[9, 9, 9, 9]]),
    }
}

#[test]
fn names_that_this_node_keeps_back() {
    if is_missing(&[]) {
        return;
    }
    let upstream = Upstream::tcp().serve(say);
    let setup = |public: &str| {
        Setup::new()
            .section("policy", "block = [\"bad.example\"]")
            .upstream("all", &[upstream.url()], "")
            .zone("six.example", "all", "no-types = [\"AAAA\"]")
            .zone(".", "all", public)
    };
    let (daemon, control) = Control::start(setup("# rebinding as it is"));
    for (symptom, name) in [
        ("it is blocked here", "www.bad.example"),
        ("it has no address here, and has one elsewhere", "in.example.org"),
        ("it has IPv4 addresses alone", "www.six.example"),
        ("a private reverse name does not exist", ""),
        ("names of the cluster do not exist", "web.default.svc.cluster.local"),
        ("large answers fail", "large.example.org"),
    ] {
        row(symptom).name(name).control(&control).holds_at(&daemon);
    }
    // And what helps.
    let file = daemon.folder().join("nodens.toml");
    let mended = setup("rebinding.exempt = [\"example.org\"]").section("policy", "unblock = [\"www.bad.example\"]");
    std::fs::write(file, control.of(mended).text()).unwrap();
    control.text("reload");
    for name in ["www.bad.example", "in.example.org"] {
        assert_eq!(daemon.ask(&Ask::a(name)).addresses().len(), 1, "{name}");
    }
}

#[test]
fn names_that_are_old() {
    if is_missing(&[]) {
        return;
    }
    let cut = Cut::default();
    let told = cut.clone();
    let upstream = Upstream::tcp().serve(move |query| told.pass(&say(query)));
    let patience = "timeout = \"1s\"\ntry-timeout = \"500ms\"";
    let setup = Setup::new().upstream("all", &[upstream.url()], patience).zone(".", "all", "");
    let (daemon, control) = Control::start(setup);
    daemon.ask(&Ask::a("www.example.org"));
    let said = row("an old answer is given, or a new name does not exist")
        .name("www.example.org")
        .control(&control)
        .holds_at(&daemon);
    assert!(said.contains("9.9.9.9"), "{said}");
    assert!(control.text("cache flush www.example.org").starts_with("1 answers"));
    // No server answers any more, and what is known has expired.
    daemon.ask(&Ask::a("short.example.org"));
    cut.begin();
    row("answers are older than their TTL").name("short.example.org").control(&control).holds_at(&daemon);
    cut.end();
}

#[test]
fn names_that_a_search_path_makes() {
    if is_missing(&[]) {
        return;
    }
    let upstream = Upstream::tcp().serve(say);
    let (daemon, control) = Control::start(Setup::forward(&upstream));
    for suffix in [".default.svc.cluster.local", ".svc.cluster.local", ".cluster.local", ""] {
        daemon.ask(&Ask::a(&format!("www.example.org{suffix}")));
    }
    row("each name is asked for with many suffixes").name("www.example.org").control(&control).holds_at(&daemon);
}
