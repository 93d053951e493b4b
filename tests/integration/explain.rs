//! `nodens ctl explain`: what it says would happen is what then does, and nothing is asked of a server for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use nodens::sys::clock;
use serde_json::Value;

use super::common::ask::Ask;
use super::common::control::Control;
use super::common::daemon::{Daemon, Setup};
use super::common::peer::free_address;
use super::common::signing::{SignedZone, address, message};
use super::common::upstream::{Action, Query, Upstream};
use super::common::wire::{kind, rcode};
use super::common::{elapsed, wait_until};

/// The names of response codes.
const CODES: [&str; 6] = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];

/// "no..." does not exist, "short..." has an address for a second, "in..." a private one, "fail..." fails; all else has one for an hour.
fn say(query: &Query) -> Action {
    let (name, answer) = (query.name(), query.answer());
    match name.split('.').next().unwrap_or_default() {
        "no" => answer.rcode(rcode::NXDOMAIN).soa("example.org", 60, 60).into(),
        "short" => answer.addresses(1, &[[9, 9, 9, 9]]).into(),
        "in" => answer.addresses(300, &[[10, 0, 0, 1]]).into(),
        "fail" => answer.rcode(rcode::SERVFAIL).into(),
        _ if query.kind() == kind::AAAA => answer.soa("example.org", 60, 60).into(),
        _ => answer.addresses(3_600, &[[9, 9, 9, 9]]).into(),
    }
}

/// Servers of the cluster and of all else, the second of which can be cut off; a daemon in front of them.
struct World {
    /// Of the cluster.
    cluster: Upstream,
    /// Of all else.
    internet: Upstream,
    /// Whether that is silent.
    is_silent: Arc<AtomicBool>,
    /// The daemon.
    daemon: Daemon,
    /// Its socket.
    control: Control,
}

impl World {
    /// With more lines for the zone of all else.
    fn new(zone: &str) -> Self {
        let is_silent = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_silent);
        let cluster = Upstream::udp().serve(say);
        let internet =
            Upstream::tcp().serve(move |query| if told.load(Ordering::SeqCst) { Action::Ignore } else { say(query) });
        let patience = "timeout = \"1s\"\ntry-timeout = \"500ms\"";
        let setup = Setup::new()
            .section("local", "records = [\"own.example. 60 A 192.0.2.9\"]\ndead-suffixes = [\"dead.example\"]")
            .section("policy", "block = [\"ads.example\"]\nrefuse-types = [\"NULL\"]")
            .section("limits", "client-rate = 1000\nclient-burst = 1000\nclient-rate-exempt = [\"127.0.0.1\"]")
            .section("listen", "allow = [\"127.0.0.0/8\", \"10.0.0.0/8\"]")
            .upstream("cluster-dns", &[cluster.url()], "policy = \"sequential\"")
            .upstream("internet", &[internet.url()], patience)
            .zone("cluster.local", "cluster-dns", "class = \"internal\"\n# rebinding as it is\n")
            .zone("six.example", "internet", "no-types = [\"AAAA\"]")
            .zone(".", "internet", &format!("# rebinding\nservfail = \"1m\"\nrebinding = {{ mode = \"block\", exempt = [\"corp.example\"] }}\n{zone}"));
        let (daemon, control) = Control::start(setup);
        Self { cluster, internet, is_silent, daemon, control }
    }

    /// Queries at both servers, without those of the daemon itself that look for a loop.
    fn asked(&self) -> [usize; 2] {
        [&self.cluster, &self.internet]
            .map(|upstream| upstream.seen().iter().filter(|query| !query.name().starts_with("nodens-loop")).count())
    }

    /// Explains a name; no server may hear of it.
    #[track_caller]
    fn explain(&self, words: &str) -> Value {
        let before = self.asked();
        let told = self.control.json(&format!("explain {words}"));
        assert_eq!(self.asked(), before, "nothing is asked");
        let text = self.control.text(&format!("explain {words}"));
        // The line of the verdict has a time in it, which goes on.
        let outcome = told["verdict"]["outcome"].as_str().unwrap();
        assert!(text.lines().last().unwrap().starts_with(outcome), "{outcome}: {text}");
        told
    }

    /// Checks that a name's verdict is this one, and that its code is what a client gets.
    #[track_caller]
    fn agrees(&self, name: &str, outcome: &str) -> Value {
        let told = self.explain(name);
        assert_eq!(told["verdict"]["outcome"], outcome, "{told:#}");
        let before = self.asked();
        let answer = self.daemon.ask(&Ask::a(name).edns(1232));
        let asks = self.asked() != before;
        assert_eq!(asks, matches!(outcome, "ask" | "stale-unless-answered"), "{name}: {answer}");
        if let Some(code) = told["verdict"]["rcode"].as_str() {
            assert_eq!(code, CODES[usize::from(answer.rcode())], "{name}: {answer}");
        }
        told
    }
}

#[test]
fn what_the_node_knows_itself() {
    let world = World::new("");
    for (name, outcome, kind, suffix) in [
        ("own.example", "local", "own-name", "own.example."),
        ("a.localhost", "local", "special-use", "localhost."),
        ("a.b.dead.example", "local", "dead", "dead.example."),
        ("x.ads.example", "block", "blocked", "ads.example."),
    ] {
        let told = world.agrees(name, outcome);
        assert_eq!((&told["local"]["kind"], &told["local"]["suffix"]), (&kind.into(), &suffix.into()), "{told:#}");
    }
    let own = world.explain("own.example");
    assert!(own["local"]["records"][0].as_str().unwrap().ends_with("A 192.0.2.9"), "{own:#}");
    assert_eq!((world.cluster.queries(), world.internet.queries()), (0, 0));
}

#[test]
fn what_is_kept_and_what_is_not() {
    let world = World::new("");
    let told = world.agrees("www.example.org", "ask");
    assert_eq!(told["cache"].as_array().unwrap().len(), 4, "{told:#}");
    assert_eq!(told["cache"][0]["state"], "absent");
    let told = world.agrees("www.example.org", "memory");
    let kept = &told["cache"][0];
    assert_eq!(
        (&kept["state"], &kept["in_front"], &kept["entry"]["withheld"]),
        (&"fresh".into(), &true.into(), &false.into())
    );
    assert!(kept["entry"]["records"][0].as_str().unwrap().ends_with("A 9.9.9.9"), "{told:#}");
    assert_eq!(told["cache"][1]["state"], "absent", "DO is another question");
    let before = world.explain("www.example.org")["cache"][0]["entry"]["hits"].as_u64().unwrap();
    world.daemon.ask(&Ask::a("www.example.org"));
    assert_eq!(world.explain("www.example.org")["cache"][0]["entry"]["hits"].as_u64(), Some(before + 1));
    // A denial, of the name itself and of one below.
    world.agrees("no.example.org", "ask");
    assert_eq!(world.agrees("no.example.org", "memory")["cache"][0]["entry"]["kind"], "nxdomain");
    let told = world.explain("below.no.example.org AAAA");
    assert_eq!((&told["verdict"]["outcome"], &told["verdict"]["rcode"]), (&"denial-above".into(), &"NXDOMAIN".into()));
    assert_eq!(world.daemon.ask(&Ask::new("below.no.example.org", kind::AAAA)).rcode(), rcode::NXDOMAIN);
    // After a flush it is gone.
    world.control.text("cache flush www.example.org");
    world.agrees("www.example.org", "ask");
}

#[test]
fn what_has_expired() {
    let world = World::new("");
    world.agrees("short.example.org", "ask");
    let start = clock::now();
    wait_until("it has expired", || elapsed(start) > Duration::from_millis(1_100));
    let told = world.explain("short.example.org");
    assert_eq!(told["verdict"]["outcome"], "stale-unless-answered", "{told:#}");
    assert_eq!(told["cache"][0]["state"], "stale");
    assert!(told["cache"][0]["entry"]["stale_seconds"].as_u64().unwrap() > 86_000, "{told:#}");
    world.is_silent.store(true, Ordering::SeqCst);
    let answer = world.daemon.ask(&Ask::a("short.example.org").edns(1232));
    assert_eq!(answer.extended_errors(), [3], "{answer}");
    let told = world.agrees("short.example.org", "stale");
    assert!(told["cache"][0]["failure"].is_object(), "{told:#}");
}

#[test]
fn what_failed_a_moment_ago() {
    let world = World::new("");
    world.agrees("fail.example.org", "ask");
    let told = world.agrees("fail.example.org", "failure");
    let failure = &told["cache"][0]["failure"];
    assert!(failure["left_seconds"].as_u64().unwrap() > 50 && failure["rcode"] == "SERVFAIL", "{told:#}");
}

#[test]
fn addresses_that_no_public_name_may_have() {
    let world = World::new("");
    let told = world.agrees("in.example.org", "ask");
    assert_eq!((&told["rebinding"]["mode"], &told["rebinding"]["exempt_by"]), (&"block".into(), &Value::Null));
    assert!(told["verdict"]["text"].as_str().unwrap().contains("withheld"), "{told:#}");
    let answer = world.daemon.ask(&Ask::a("in.example.org").edns(1232));
    assert_eq!((answer.addresses().len(), answer.extended_errors()), (0, vec![15]));
    let told = world.agrees("in.example.org", "memory");
    assert_eq!(told["cache"][0]["entry"]["withheld"], true, "{told:#}");
    world.agrees("in.corp.example", "ask");
    let told = world.agrees("in.corp.example", "memory");
    assert_eq!(told["rebinding"]["exempt_by"], "corp.example.", "{told:#}");
    assert_eq!(world.daemon.ask(&Ask::a("in.corp.example")).addresses().len(), 1);
    let told = world.agrees("in.cluster.local", "ask");
    assert_eq!((&told["zone"]["class"], &told["rebinding"]["mode"]), (&"internal".into(), &"off".into()), "{told:#}");
}

#[test]
fn addresses_that_are_reported_are_told() {
    let world = World::new("");
    let file = world.daemon.folder().join("nodens.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("mode = \"block\"", "mode = \"report\"");
    std::fs::write(&file, text).unwrap();
    world.control.text("reload");
    world.agrees("in.example.org", "ask");
    let told = world.agrees("in.example.org", "memory");
    assert_eq!(told["rebinding"]["offence"], "10.0.0.1 is private (10.0.0.0/8)", "{told:#}");
    let text = std::fs::read_to_string(&file).unwrap().replace("mode = \"report\"", "mode = \"block\"");
    std::fs::write(&file, text).unwrap();
    world.control.text("reload");
    let told = world.agrees("in.example.org", "memory");
    assert_eq!(told["cache"][0]["judged_anew"], true, "{told:#}");
    assert!(told["verdict"]["text"].as_str().unwrap().contains("withheld"), "{told:#}");
    assert_eq!(world.daemon.ask(&Ask::a("in.example.org")).addresses().len(), 0);
}

#[test]
fn each_zone_has_its_servers() {
    let world = World::new("");
    for (name, zone, group, policy, server) in [
        ("web.cluster.local", "cluster.local.", "cluster-dns", "sequential", world.cluster.url()),
        ("www.six.example", "six.example.", "internet", "fastest", world.internet.url()),
        ("www.example.org", ".", "internet", "fastest", world.internet.url()),
    ] {
        let told = world.agrees(name, "ask");
        assert_eq!(
            (&told["zone"]["name"], &told["group"]["name"], &told["group"]["policy"]),
            (&zone.into(), &group.into(), &policy.into())
        );
        assert_eq!(told["servers"][0]["address"], server, "{told:#}");
    }
    assert_eq!((world.cluster.queries(), world.internet.queries()), (1, 2));
    assert_eq!(world.explain("web.cluster.local")["zone"]["shorter"], serde_json::json!(["."]));
    let told = world.explain("www.six.example AAAA");
    assert_eq!(told["verdict"]["outcome"], "type-left-out", "{told:#}");
}

#[test]
fn who_asks_and_what() {
    let world = World::new("");
    let outcome = |words: &str| {
        let told = world.explain(words);
        (told["verdict"]["outcome"].as_str().unwrap().to_owned(), told["client"].clone())
    };
    let (verdict, client) = outcome("www.example.org --client 192.0.2.7");
    assert!(verdict == "refuse" && client["allowed"] == false, "{client}");
    let (verdict, client) = outcome("www.example.org --client 10.0.0.7");
    assert!(verdict == "ask" && client["allowed"] == true && client["rate"] == true, "{client}");
    let (_, client) = outcome("www.example.org --client 127.0.0.1");
    assert!(client["rate"].is_null(), "{client}");
    for _ in 0..20 {
        assert_eq!(outcome("www.example.org NULL --client 10.0.0.7").0, "refuse");
    }
    assert_eq!(world.daemon.ask(&Ask::new("www.example.org", 10)).rcode(), rcode::REFUSED);
    assert_eq!(outcome("www.example.org AXFR").0, "refuse");
    assert_eq!(outcome("www.example.org ANY").0, "local");
}

#[test]
fn a_zone_whose_servers_ask_us() {
    let ours = free_address();
    let patience = "timeout = \"2s\"\ntry-timeout = \"500ms\"";
    let other = Setup::new().upstream("back", &[format!("udp://{ours}")], patience).zone(".", "back", "").start();
    let setup = Setup::new()
        .section("listen", &format!("addresses = [\"{ours}\"]"))
        .upstream("there", &[format!("udp://{}", other.udp_address())], patience)
        .zone("loop.example", "there", "")
        .zone(".", "there", "");
    let (daemon, control) = Control::start(setup);
    assert_eq!(control.json("explain a.loop.example")["looping"], false);
    assert_eq!(daemon.ask(&Ask::a("a.loop.example")).rcode(), rcode::SERVFAIL);
    daemon.wait_for_metric("nodens_zones_looping", &[], 1.0);
    let told = control.json("explain b.loop.example");
    assert_eq!((&told["looping"], &told["verdict"]["outcome"]), (&true.into(), &"loop".into()), "{told:#}");
    assert_eq!((&told["zone"]["name"], &told["verdict"]["rcode"]), (&"loop.example.".into(), &"SERVFAIL".into()));
    assert_eq!(daemon.ask(&Ask::a("b.loop.example")).rcode(), rcode::SERVFAIL);
}

#[test]
fn it_is_asked_if_that_is_said() {
    let world = World::new("");
    let told = world.control.json("explain www.example.org --ask");
    assert_eq!(told["answer"]["rcode"], "NOERROR", "{told:#}");
    assert!(told["answer"]["records"][0].as_str().unwrap().ends_with("A 9.9.9.9"), "{told:#}");
    assert_eq!(world.internet.queries(), 1);
    let told = world.control.json("explain in.example.org --ask");
    assert_eq!(told["answer"]["extended_errors"], serde_json::json!([15]), "{told:#}");
    assert!(world.control.text("explain www.example.org --ask").contains("asked"));
    world.is_silent.store(true, Ordering::SeqCst);
    assert_eq!(world.control.json("explain other.example.org --ask")["answer"]["rcode"], "SERVFAIL");
}

/// N28
#[test]
fn signatures_and_what_was_found_of_them() {
    let root = SignedZone::new(".", clock::wall());
    let anchor = root.anchor();
    let upstream = Upstream::tcp().serve(move |query: &Query| {
        let answers = match query.kind() {
            kind::A => {
                let mut set = root.signed(vec![address(&query.name(), 1)]);
                if query.name().starts_with("bogus") {
                    set[0].data = address("x", 66).data;
                }
                set
            }
            _ => root.keys(),
        };
        let asked = RecordType::from(query.kind());
        Action::Answer(vec![message(query.message.id, &query.name(), asked, ResponseCode::NoError, answers, vec![])])
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("anchors");
    std::fs::write(&file, anchor).unwrap();
    let setup = Setup::new()
        .section("dnssec", &format!("trust-anchors = {file:?}"))
        .section("cache", "servfail = \"1m\"")
        .upstream("all", &[upstream.url()], "")
        .zone(".", "all", "dnssec = \"validate\"");
    let (daemon, control) = Control::start(setup);
    let told = control.json("explain www.example");
    assert!(told["verdict"]["text"].as_str().unwrap().contains("validated"), "{told:#}");
    assert_eq!((&told["dnssec"]["mode"], &told["dnssec"]["verdict"]), (&"validate".into(), &Value::Null));
    assert_eq!(daemon.ask(&Ask::a("www.example")).rcode(), rcode::NOERROR);
    let told = control.json("explain www.example");
    assert_eq!(
        (&told["verdict"]["outcome"], &told["dnssec"]["verdict"]),
        (&"memory".into(), &"secure".into()),
        "{told:#}"
    );
    assert_eq!(daemon.ask(&Ask::a("bogus.example")).rcode(), rcode::SERVFAIL);
    let told = control.json("explain bogus.example");
    assert_eq!(
        (&told["verdict"]["outcome"], &told["dnssec"]["verdict"]),
        (&"failure".into(), &"bogus".into()),
        "{told:#}"
    );
    assert_eq!(daemon.ask(&Ask::a("bogus.example")).rcode(), rcode::SERVFAIL);
    // With CD the client judges for itself.
    assert_eq!(control.json("explain bogus.example --cd")["verdict"]["outcome"], "ask");
    // What was learned is forgotten with all else, and is learned again.
    let keys = upstream.queries();
    control.text("cache flush --all");
    assert_eq!(daemon.ask(&Ask::a("www.example").dnssec_ok()).rcode(), rcode::NOERROR);
    assert!(upstream.queries() > keys + 1, "the keys are asked for, too");
}
