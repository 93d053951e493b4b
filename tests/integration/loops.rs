//! Servers that ask us what we ask them.

use nodens::sys::clock;

use super::common::ask::Ask;
use super::common::daemon::Setup;
use super::common::peer::free_address;
use super::common::upstream::{Upstream, one_address};
use super::common::wait_until;
use super::common::wire::rcode;

/// N33
#[test]
fn a_zone_that_leads_back_to_us_is_cut_off_and_the_others_go_on() {
    let (upstream, ours) = (Upstream::tcp().serve(one_address), free_address());
    // Our own server sends the zone on to a second daemon, which forwards it back. It looks for loops, too, but waits for longer first (4.5 seconds):
    // whoever comes second finds the loop already cut.
    let other = Setup::new().upstream("back", &[format!("udp://{ours}")], "").zone(".", "back", "").start();
    let daemon = Setup::new()
        .section("listen", &format!("addresses = [\"{ours}\"]"))
        .upstream("there", &[format!("udp://{}", other.udp_address())], "timeout = \"2s\"\ntry-timeout = \"500ms\"")
        .zone("loop.example", "there", "")
        .upstream("good", &[upstream.url()], "")
        .zone(".", "good", "")
        .start();
    assert_eq!(daemon.ask(&Ask::a("first.loop.example")).rcode(), rcode::SERVFAIL);
    daemon.wait_for_metric("nodens_zones_looping", &[], 1.0);
    assert!(daemon.metric("nodens_loops_found_total", &[]) >= 1.0);
    // From now on at once, and told why, as far as a code can.
    let start = clock::now();
    for number in 0..20 {
        let reply = daemon.ask(&Ask::a(&format!("name-{number}.loop.example")).edns(1232));
        assert_eq!((reply.rcode(), reply.extended_errors().len()), (rcode::SERVFAIL, 1), "{reply}");
    }
    assert!(super::common::elapsed(start) < std::time::Duration::from_secs(2), "nobody waited for silence");
    assert_eq!(daemon.ask(&Ask::a("www.example.org")).rcode(), rcode::NOERROR, "other zones go on");
    assert!(daemon.log().iter().any(|line| line.contains("ask us what we ask them") && line.contains("loop.example")));
}

/// N33
#[test]
fn a_silent_server_is_not_taken_for_a_loop() {
    let upstream = Upstream::udp().serve(|_| super::common::upstream::Action::Ignore);
    let patience = "timeout = \"600ms\"\ntry-timeout = \"200ms\"";
    let daemon = Setup::new().upstream("all", &[upstream.url()], patience).zone(".", "all", "").start();
    assert_eq!(daemon.ask(&Ask::a("www.example.org")).rcode(), rcode::SERVFAIL);
    wait_until("it was asked for the mark", || {
        upstream.seen().iter().any(|query| query.name().starts_with("nodens-loop-"))
    });
    assert!(daemon.metric("nodens_zones_looping", &[]) < 0.5);
}
