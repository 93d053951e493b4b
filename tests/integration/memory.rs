//! Memory is bounded by the configuration, not by what clients ask or servers do not answer.

use nodens::sys::clock;

use super::common::ask::Ask;
use super::common::daemon::Setup;
use super::common::upstream::{Action, Upstream};
use super::common::{elapsed, wait_until};
use std::time::Duration;

/// What the daemon may need besides the cache and the questions under way, in KiB (N4).
const BESIDE: u64 = 32 << 10;

/// What a question under way may need, in KiB (N4).
const A_QUESTION: u64 = 4;

/// N4
#[test]
fn a_flood_of_new_names_to_silent_servers_costs_what_the_limits_say_and_is_forgotten() {
    let upstream = Upstream::udp().serve(|_| Action::Ignore);
    let patience = "timeout = \"1s\"\ntry-timeout = \"500ms\"";
    let daemon = Setup::new()
        .section("cache", "size = \"2MiB\"\nnegative-size = \"1MiB\"")
        .section("limits", "in-flight = 2048\nwaiting = 4096")
        .upstream("silent", &[upstream.url()], patience)
        .zone(".", "silent", "")
        .start();
    let before = daemon.private_kilobytes();
    let pods: Vec<_> = (0..20).map(|pod| daemon.udp_of(pod)).collect();
    let start = clock::now();
    let mut most = 0;
    for number in 0..200_000_u32 {
        let pod = &pods[usize::try_from(number).unwrap() % pods.len()];
        pod.send(&Ask::a(&format!("name-{number}.{}.example.org", number % 7)));
        if number % 2_000 == 0 {
            most = most.max(daemon.private_kilobytes());
        }
        if elapsed(start) > Duration::from_secs(5) {
            break;
        }
    }
    assert!(daemon.metric("nodens_queries_rejected_total", &[]) > 0.0, "the limits were reached");
    let bound = (3 << 10) + 2048 * A_QUESTION + BESIDE;
    assert!(most <= bound, "{most} KiB at most, {bound} allowed");
    wait_until("all questions have run out of time", || {
        daemon.metric("nodens_questions_in_flight", &[]) < 0.5 && daemon.metric("nodens_queries_waiting", &[]) < 0.5
    });
    // What stays is the cache, the failures of the flood and what the detector knows of who flooded, each bounded by 2 MiB.
    wait_until("the memory is given back", || daemon.private_kilobytes() <= before + (3 << 10) + (2 << 10) + (2 << 10));
}
