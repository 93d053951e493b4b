//! All servers are gone for a while: what is in memory is answered, and when they are back, so are fresh answers.

use std::net::UdpSocket;
use std::time::Duration;

use nix::sys::signal::Signal;
use nodens::sys::clock;

use super::network::{WILDCARD, Way, World, in_memory};
use crate::bind;
use crate::common::ask::{Ask, Over};
use crate::common::certificate::Authority;
use crate::common::chaos::load::{CLIENT_PATIENCE, Load, Report};
use crate::common::chaos::{End, Fault, Proxy};
use crate::common::daemon::{Daemon, Setup};
use crate::common::peer::{Peer, free_address};
use crate::common::skip::{Need, unless};
use crate::common::upstream::NAME;
use crate::common::wire::{Message, rcode};
use crate::common::{elapsed, wait_until};

/// Says for how many seconds servers are gone; by hand, try 60.
const OUTAGE: &str = "NODENS_OUTAGE_SECONDS";

/// How soon after the end of an outage the first fresh answer must come (needs N8).
const RECOVERY: Duration = Duration::from_secs(1);

/// RFC 8767 section 5: "the client response timer" of 1.8 s, and what a busy machine adds.
const STALE: Duration = Duration::from_secs(3);

/// The extended error of a stale answer (RFC 8914 section 4.4).
const STALE_ANSWER: u16 = 3;

/// Names that expire soon: a wildcard would do, but these show that each is itself.
const BRIEF_ZONE: &str = "$ORIGIN brief.example.\n$TTL 1\n@ SOA ns hostmaster 1 7200 1800 86400 1\n@ NS ns\nns A 192.0.2.53\n* A 192.0.2.99\n";

/// How long servers are gone.
fn outage() -> Duration {
    let seconds = std::env::var(OUTAGE).ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(6))
}

/// Asks for new names until one gets its fresh answer; how long that took. Queries leave every 20 ms whether or not others were answered.
fn first_fresh_answer(daemon: &Daemon) -> Duration {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(daemon.udp_address()).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let (start, mut buffer, mut asked) = (clock::now(), vec![0; 4096], Vec::new());
    loop {
        let id = u16::try_from(asked.len()).expect("not for so long");
        asked.push(Ask::a(&format!("recovered-{id}-{}.example.org", daemon.pid())).edns(1232).id(id));
        socket.send(&asked[usize::from(id)].bytes()).unwrap();
        if let Ok(length) = socket.recv(&mut buffer) {
            let message = Message::read(&buffer[..length]).expect("a reply that parses");
            let message = asked[usize::from(message.id)].check(&buffer[..length], Over::Udp);
            if message.rcode() == rcode::NOERROR && message.addresses().len() == 1 {
                return elapsed(start);
            }
        }
        assert!(elapsed(start) < CLIENT_PATIENCE * 4, "no fresh answer {:?} after the outage", elapsed(start));
    }
}

/// What is wrong with what clients saw during an outage: names in memory are answered, all others hear of the failure in time.
fn unbearable(Report { cached, fresh }: &Report) -> Option<String> {
    let bearable = cached.is_perfect() && cached.slow == 0 && fresh.lost + fresh.wrong == 0;
    (!bearable).then(|| format!("asked | lost | slow | failed | wrong: names in memory {cached}; new names {fresh}"))
}

/// Runs a load for the time of an outage that `begin` and `end` make, and looks for the first fresh answer behind it; what is wrong.
fn recovers(what: &str, daemon: &Daemon, begin: impl FnOnce(), end: impl FnOnce()) -> Option<String> {
    let load = Load::on(daemon.udp_address(), &in_memory(), "outage", WILDCARD).lasting(outage());
    load.warm();
    begin();
    std::thread::scope(|scope| {
        let start = clock::now();
        let report = scope.spawn(|| load.run());
        while elapsed(start) < outage() {
            std::thread::park_timeout(outage().saturating_sub(elapsed(start)));
        }
        end();
        let took = first_fresh_answer(daemon);
        eprintln!("{what} for {:?}: first fresh answer {took:?} after its end", outage());
        let report = report.join().expect("the load ends");
        unbearable(&report)
            .or_else(|| (took >= RECOVERY).then(|| format!("first fresh answer after {took:?}")))
            .map(|wrong| format!("{what}: {wrong}"))
    })
}

/// N8, N15: "drop all packets of established upstream connections for 60 s, then restore: first success <= 1 s after restore"; every
/// fault that cuts a server off, over every transport, for a while and at once.
#[test]
fn fresh_answers_are_back_within_a_second_of_the_end_of_an_outage() {
    if unless(Way::Tls.needs()).is_some() {
        return;
    }
    const CUTS: [Fault; 4] = [Fault::Silence, Fault::Forget, Fault::Refuse, Fault::Half(End::Never)];
    let worlds = [Way::Udp, Way::Tcp, Way::Tls].map(World::new);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let tell = |world: &World, fault: Fault| {
            let proxy = Proxy::before(world.server.address, 1);
            let daemon = world.daemon(&[&proxy]);
            recovers(&format!("{:?}, {fault:?}", world.way), &daemon, || proxy.set(fault), || proxy.heal())
        };
        let stories = worlds.iter().flat_map(|world| CUTS.map(|fault| (world, fault)));
        let told: Vec<_> = stories.map(|(world, fault)| scope.spawn(move || tell(world, fault))).collect();
        told.into_iter().filter_map(|told| told.join().expect("told to its end")).collect()
    });
    drop(worlds);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// N8: the only DNS-over-TLS server is stopped (`kill -STOP`) and goes on (`kill -CONT`).
#[test]
fn a_resolver_that_was_stopped_gives_fresh_answers_within_a_second_of_going_on() {
    if unless(&[Need::Program("named"), Need::Program("dnsdist")]).is_some() {
        return;
    }
    let (authority, backend) = (Authority::new(), bind());
    let resolver = Peer::dnsdist(free_address(), backend.address, &authority.certificate(&[NAME]));
    let (url, extra) = (format!("tls://{}#{NAME}", resolver.address), format!("ca = {:?}", authority.file()));
    let daemon = Setup::new().upstream("all", &[url], &extra).zone(".", "all", "").start();
    let wrong = recovers("stopped", &daemon, || resolver.signal(Signal::SIGSTOP), || resolver.signal(Signal::SIGCONT));
    drop((daemon, resolver, backend));
    assert_eq!(wrong, None);
}

/// N17: a certificate that is swapped is noticed, counted and never got around; when the right one is back, so are answers.
#[test]
fn a_swapped_certificate_is_noticed_and_forgiven() {
    if unless(Way::Tls.needs()).is_some() {
        return;
    }
    let world = World::new(Way::Tls);
    let proxy = Proxy::before(world.server.address, 1);
    let daemon = world.daemon(&[&proxy]);
    assert_eq!(daemon.ask(&Ask::a("www.example.org")).rcode(), rcode::NOERROR);
    proxy.redirect(world.impostor.as_ref().expect("there is one").address);
    proxy.end_all(End::Reset);
    let answer = daemon.ask(&Ask::a("mail.example.org").edns(1232));
    assert_eq!((answer.rcode(), answer.extended_errors().len()), (rcode::SERVFAIL, 1), "{answer}");
    daemon.wait_for_metric("nodens_upstream_failures_total", &[("reason", "issuer")], 1.0);
    proxy.redirect(world.server.address);
    proxy.end_all(End::Reset);
    assert!(first_fresh_answer(&daemon) < CLIENT_PATIENCE);
}

/// N6: "with all upstreams dead, 100 % of cached names still answer", whichever way servers are dead.
#[test]
fn all_names_in_memory_answer_while_all_servers_are_dead() {
    if unless(Way::Tcp.needs()).is_some() {
        return;
    }
    let world = World::new(Way::Tcp);
    let proxies = [1, 2].map(|seed| Proxy::before(world.server.address, seed));
    let daemon = world.daemon(&proxies.each_ref());
    let names = in_memory();
    Load::on(daemon.udp_address(), &names, "dead", WILDCARD).warm();
    for fault in [Fault::Silence, Fault::Forget, Fault::Refuse, Fault::Break(End::Reset), Fault::Half(End::Finish)] {
        for proxy in &proxies {
            proxy.set(fault);
        }
        let (client, mut stream, start) = (daemon.udp(), daemon.tcp(), clock::now());
        for (name, address) in &names {
            for answer in [client.ask(&Ask::a(name)), stream.ask(&Ask::a(name))] {
                let addresses: Vec<String> = answer.addresses().iter().map(ToString::to_string).collect();
                assert_eq!((answer.rcode(), addresses), (rcode::NOERROR, vec![(*address).to_owned()]), "{fault:?}");
            }
        }
        assert!(elapsed(start) < CLIENT_PATIENCE, "{fault:?}: {:?} for {} names", elapsed(start), names.len());
    }
}

/// N6: "(a) upstream dead: positive answers up to 24 h old served with TTL 30 + EDE 3, after <= 1.8 s on the first query".
#[test]
fn all_names_that_have_expired_answer_stale_while_all_servers_are_dead() {
    if unless(&[Need::Program("named")]).is_some() {
        return;
    }
    let server = Peer::bind(free_address(), &[("brief.example", BRIEF_ZONE)]);
    std::thread::scope(|scope| {
        for fault in [Fault::Silence, Fault::Refuse, Fault::Break(End::Reset)] {
            let server = &server;
            scope.spawn(move || answers_stale(server, fault));
        }
    });
}

/// Lets names expire while all servers are dead in this way, and asks for them twice.
fn answers_stale(server: &Peer, fault: Fault) {
    let proxies = [1, 2].map(|seed| Proxy::before(server.address, seed));
    let servers = proxies.each_ref().map(|proxy| format!("tcp://{}", proxy.address));
    let daemon = Setup::new().upstream("all", &servers, "").zone(".", "all", "").start();
    let ask = |number: u16| Ask::a(&format!("name-{number}.brief.example")).edns(1232).id(number);
    for number in 0..40 {
        assert_eq!(daemon.ask(&ask(number)).addresses()[0].to_string(), WILDCARD);
    }
    let kept = clock::now();
    for proxy in &proxies {
        proxy.set(fault);
    }
    wait_until("all have expired", || elapsed(kept) > Duration::from_millis(2100));
    // The first time after the client's timer, the second time at once.
    for within in [STALE, Duration::from_millis(500)] {
        let (client, start) = (daemon.udp(), clock::now());
        for number in 0..40 {
            client.send(&ask(number));
        }
        for _ in 0..40 {
            let bytes = client.receive_bytes();
            let number = Message::read(&bytes).unwrap().id;
            let answer = ask(number).check(&bytes, Over::Udp);
            assert_eq!((answer.rcode(), answer.addresses().len()), (rcode::NOERROR, 1), "{fault:?}: {answer}");
            assert_eq!((answer.ttl(), answer.extended_errors()), (30, vec![STALE_ANSWER]), "{fault:?}: {answer}");
        }
        assert!(elapsed(start) < within, "{fault:?}: {:?}", elapsed(start));
    }
}
