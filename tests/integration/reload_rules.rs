//! Rules over reloads: each holds at once for names that are kept already and is gone at once when it is taken away; a file with a mistake in it
//! leaves the one before as it is. N32.

use super::common::ask::Ask;
use super::common::daemon::{Daemon, Setup};
use super::common::upstream::Upstream;
use super::common::wait_until;
use super::common::wire::{Message, kind, option, rcode};
use super::reload::{FAILURES, file, refusals, reload, replace};
use super::rules::names;

/// Everything goes to `upstream`, with more lines for the root zone, for `[local]`, and tables behind.
fn setup(upstream: &Upstream, zone: &str, local: &str, tables: &str) -> Setup {
    Setup::new().upstream("all", &[upstream.url()], "").zone(".", "all", zone).section("local", local).more(tables)
}

/// Writes a configuration that has a mistake, and waits until it is refused for that reason.
#[track_caller]
fn spoil(daemon: &Daemon, setup: &Setup, reason: &str) {
    let before = daemon.metric(FAILURES, &[]);
    replace(&file(daemon), &setup.text());
    daemon.wait_for_metric(FAILURES, &[], before + 1.0);
    let said = refusals(daemon);
    assert!(said.last().is_some_and(|line| line.contains(reason)), "{reason}: {said:#?}");
}

/// Asks so often that the answer lies wherever answers are kept; the last one.
fn ask(daemon: &Daemon, ask: &Ask) -> Message {
    daemon.ask(ask);
    daemon.tcp().ask(ask);
    daemon.ask(ask)
}

/// The addresses of an answer.
fn shown(answer: &Message) -> Vec<String> {
    answer.addresses().iter().map(ToString::to_string).collect()
}

#[test]
fn who_may_ask_for_a_kept_name_changes_with_a_reload() {
    let upstream = Upstream::tcp().serve(names);
    let acl = |lines: &str| setup(&upstream, lines, "", "");
    let daemon = acl("").start();
    let judged = || {
        let answer = ask(&daemon, &Ask::a("a.example.org"));
        (answer.rcode(), answer.answers.len())
    };
    assert_eq!(judged(), (rcode::NOERROR, 1));
    reload(&daemon, &acl("acl = [\"block net 127.0.0.0/8\"]"));
    assert_eq!(judged(), (rcode::REFUSED, 0));
    spoil(&daemon, &acl("acl = [\"deny\"]"), "is no action");
    assert_eq!(judged(), (rcode::REFUSED, 0));
    reload(&daemon, &acl("acl = [\"allow net 192.0.2.0/24\", \"filter type A\"]"));
    assert_eq!(judged(), (rcode::NOERROR, 0));
    reload(&daemon, &acl("acl = [\"block net 192.0.2.0/24\"]"));
    assert_eq!(judged(), (rcode::NOERROR, 1));
    reload(&daemon, &acl(""));
    assert_eq!(judged(), (rcode::NOERROR, 1));
}

#[test]
fn addresses_are_made_up_for_a_kept_name_as_the_reload_says() {
    let upstream = Upstream::tcp().serve(names);
    let six = |prefix: &str| setup(&upstream, &format!("dns64 = {prefix:?}\ndns64-ipv4-clients = true"), "", "");
    let plain = setup(&upstream, "", "", "");
    let daemon = plain.start();
    let made = || shown(&ask(&daemon, &Ask::new("v4.example.org", kind::AAAA)));
    assert_eq!(made(), [""; 0]);
    reload(&daemon, &six("64:ff9b::/96"));
    assert_eq!(made(), ["64:ff9b::c000:201"]);
    spoil(&daemon, &six("64:ff9b::/95"), "dns64");
    assert_eq!(made(), ["64:ff9b::c000:201"]);
    reload(&daemon, &six("2001:db8:64::/96"));
    assert_eq!(made(), ["2001:db8:64::c000:201"]);
    reload(&daemon, &plain);
    assert_eq!(made(), [""; 0]);
}

#[test]
fn a_kept_name_tells_where_one_asks_from_as_the_reload_says() {
    let upstream = Upstream::tcp().serve(names);
    let whoami = |names: &str| setup(&upstream, "", &format!("whoami = [{names}]"), "");
    let daemon = whoami("").start();
    let told = |name: &str| {
        let answer = ask(&daemon, &Ask::a(name));
        let own = answer.additionals.iter().any(|record| record.kind == kind::SRV);
        (shown(&answer).len(), own)
    };
    let (answered, tells) = ((1, false), (0, true));
    assert_eq!((told("me.example.org"), told("other.example.org")), (answered, answered));
    reload(&daemon, &whoami("\"me.example.org\""));
    assert_eq!((told("me.example.org"), told("other.example.org")), (tells, answered));
    spoil(&daemon, &whoami("\"me..example.org\""), "whoami");
    assert_eq!((told("me.example.org"), told("other.example.org")), (tells, answered));
    reload(&daemon, &whoami("\"other.example.org\""));
    assert_eq!((told("me.example.org"), told("other.example.org")), (answered, tells));
    reload(&daemon, &whoami(""));
    assert_eq!((told("me.example.org"), told("other.example.org")), (answered, answered));
}

#[test]
fn with_a_kept_answer_comes_the_name_that_the_reload_says() {
    let upstream = Upstream::tcp().serve(names);
    let named = |name: &str| setup(&upstream, "", &format!("nsid = {name:?}"), "");
    let daemon = named("").start();
    let name = || {
        let answer = ask(&daemon, &Ask::a("a.example.org").option(option::NSID, b""));
        assert_eq!(shown(&answer), ["192.0.2.1"]);
        answer.option(option::NSID).map(|name| String::from_utf8_lossy(name).into_owned())
    };
    assert_eq!(name(), None);
    reload(&daemon, &named("node-1"));
    assert_eq!(name().as_deref(), Some("node-1"));
    spoil(&daemon, &named(&"n".repeat(300)), "nsid");
    assert_eq!(name().as_deref(), Some("node-1"));
    reload(&daemon, &named("node-2"));
    assert_eq!(name().as_deref(), Some("node-2"));
    reload(&daemon, &named(""));
    assert_eq!(name(), None);
    assert_eq!(upstream.queries(), 1, "the answer was kept all the time");
}

#[test]
fn a_kept_name_is_asked_in_the_form_that_the_reload_says() {
    let upstream = Upstream::tcp().serve(names);
    let rule = |to: &str| setup(&upstream, "", "", &format!("[[rewrite]]\nfrom = \"a.example.org\"\nto = {to:?}"));
    let plain = setup(&upstream, "", "", "");
    let daemon = plain.start();
    let address = || shown(&ask(&daemon, &Ask::a("a.example.org")));
    assert_eq!(address(), ["192.0.2.1"]);
    reload(&daemon, &rule("a.inside"));
    assert_eq!(address(), ["10.0.0.1"]);
    spoil(&daemon, &rule("a..inside"), "rewrite");
    assert_eq!(address(), ["10.0.0.1"]);
    reload(&daemon, &rule("gone.example.org"));
    assert_eq!(address(), [""; 0]);
    reload(&daemon, &plain);
    assert_eq!(address(), ["192.0.2.1"]);
    let asked: Vec<String> = upstream.seen().iter().map(|query| query.name()).collect();
    assert_eq!(asked, ["a.example.org", "a.inside", "gone.example.org"], "answers of servers were kept all the time");
}

#[test]
fn a_kept_name_is_answered_by_the_template_that_the_reload_brings() {
    let upstream = Upstream::tcp().serve(names);
    let made = |record: &str| {
        setup(
            &upstream,
            "",
            "",
            &format!("[[template]]\nzone = \"example.org\"\ntypes = [\"A\"]\nanswers = [{record:?}]"),
        )
    };
    let plain = setup(&upstream, "", "", "");
    let daemon = plain.start();
    let address = || shown(&ask(&daemon, &Ask::a("a.example.org")));
    assert_eq!(address(), ["192.0.2.1"]);
    reload(&daemon, &made("{{ .Name }} 600 IN A 192.0.2.7"));
    assert_eq!(address(), ["192.0.2.7"]);
    spoil(&daemon, &made("{{ .Nam }} 600 IN A 192.0.2.8"), "template 1");
    assert_eq!(address(), ["192.0.2.7"]);
    reload(&daemon, &made("{{ .Name }} 600 IN A 192.0.2.9"));
    assert_eq!(address(), ["192.0.2.9"]);
    reload(&daemon, &plain);
    assert_eq!(address(), ["192.0.2.1"]);
    assert_eq!(upstream.queries(), 1, "the first answer was kept all the time");
}

/// The kernel is asked to tell of 256 files and folders at most; a change of one beyond is found by looking.
#[test]
fn hosts_of_more_files_than_are_watched_are_read_again_all_the_same_and_that_is_counted() {
    let upstream = Upstream::tcp().serve(names);
    let folder = tempfile::tempdir().unwrap();
    let hosts = |number: usize| folder.path().join(number.to_string()).join("hosts");
    let setup = (0..150).fold(setup(&upstream, "", "", ""), |setup, number| {
        std::fs::create_dir(hosts(number).parent().unwrap()).unwrap();
        std::fs::write(hosts(number), format!("192.0.2.7 a.{number}.test\n")).unwrap();
        setup.zone(&format!("{number}.test"), "all", &format!("hosts = {:?}", hosts(number)))
    });
    let daemon = setup.start();
    daemon.wait_for_metric("nodens_reload_watch_failures_total", &[], 1.0);
    let address = |number: usize| shown(&ask(&daemon, &Ask::a(&format!("a.{number}.test"))));
    let last = 99;
    assert_eq!(address(last), ["192.0.2.7"]);
    replace(&hosts(last), &format!("192.0.2.8 a.{last}.test\n"));
    wait_until("it is read", || address(last) == ["192.0.2.8"]);
}
