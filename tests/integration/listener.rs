//! Clients that misbehave, and many of them: the daemon answers the others.

use super::behind;
use super::common::ask::Ask;
use super::common::client::prefixed;
use super::common::daemon::Setup;
use super::common::upstream::{Upstream, one_address};
use super::common::wire::{Message, rcode};
use super::common::{elapsed, wait_until};

/// Bytes that look random and are the same in every run.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn noise_over_udp_harms_nobody() {
    let (_upstream, daemon) = behind(one_address);
    let (stranger, client) = (daemon.udp(), daemon.udp());
    for seed in 0..2_000 {
        stranger.send_bytes(&noise(seed, usize::try_from(seed % 600).unwrap()));
        if seed % 100 == 0 {
            assert_eq!(client.ask(&Ask::a("www.example.org")).rcode(), rcode::NOERROR);
        }
    }
}

#[test]
fn every_bit_of_a_query_may_be_flipped() {
    let (_upstream, daemon) = behind(one_address);
    let (stranger, client) = (daemon.udp(), daemon.udp());
    let sound = Ask::a("www.example.org").edns(1232).option(3, b"").id(0).bytes();
    for bit in 0..sound.len() * 8 {
        let mut broken = sound.clone();
        broken[bit / 8] ^= 1 << (bit % 8);
        stranger.send_bytes(&broken);
        if bit % 32 == 0 {
            client.ask(&Ask::a("www.example.org"));
        }
    }
    client.ask(&Ask::a("www.example.org"));
}

#[test]
fn noise_over_tcp_harms_nobody() {
    let (_upstream, daemon) = behind(one_address);
    for seed in 0..100 {
        let mut stranger = daemon.tcp();
        let _ = stranger.send_bytes(&noise(seed, 300));
        let _ = stranger.send_bytes(&prefixed(&noise(seed + 1000, 40)));
    }
    daemon.tcp().ask(&Ask::a("www.example.org"));
}

#[test]
fn connections_that_come_and_go_leave_nothing_behind() {
    let (_upstream, daemon) = behind(one_address);
    for _ in 0..300 {
        drop(daemon.tcp());
    }
    daemon.tcp().ask(&Ask::a("www.example.org"));
    wait_until("all connections are gone", || daemon.metric("nodens_tcp_connections", &[]) < 0.5);
}

#[test]
fn a_client_that_resets_its_connection_with_queries_in_hand_harms_nobody() {
    let (_upstream, daemon) = behind(one_address);
    for round in 0..50 {
        let mut stranger = daemon.tcp();
        let asks: Vec<Ask> = (0..20).map(|n| Ask::a(&format!("name-{round}-{n}.example.org"))).collect();
        stranger.send(&asks.iter().collect::<Vec<_>>());
        socket2::SockRef::from(stranger.stream()).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }
    daemon.tcp().ask(&Ask::a("www.example.org"));
    wait_until("all connections are gone", || daemon.metric("nodens_tcp_connections", &[]) < 0.5);
}

#[test]
fn without_descriptors_left_the_daemon_does_not_spin_and_goes_on_when_there_are_some() {
    let upstream = Upstream::tcp().serve(one_address);
    let daemon = Setup::forward(&upstream).under(&["prlimit", "--nofile=64:64"]).start();
    let ask = Ask::a("www.example.org");
    daemon.ask(&ask);
    // More than there are descriptors; the kernel takes them into its queue.
    let crowd: Vec<_> = (0..80).map(|_| daemon.tcp()).collect();
    let metrics = || daemon.metric("nodens_accept_failures_total", &[]);
    let client = daemon.udp();
    let before = daemon.processor_ticks();
    let start = nodens::sys::clock::now();
    wait_until("a second has passed, with answers over UDP all the time", || {
        client.ask(&ask);
        elapsed(start) > std::time::Duration::from_secs(1)
    });
    let ticks = daemon.processor_ticks() - before;
    assert!(ticks < 60, "{ticks} hundredths of a second of processor time in one second");
    drop(crowd);
    wait_until("new connections are served", || {
        let mut connection = daemon.tcp();
        let _ = connection.send_bytes(&prefixed(&ask.bytes()));
        !connection.wait_for_reply_or_close().is_empty()
    });
    assert!(metrics() >= 1.0, "the failures are counted");
}

#[test]
fn a_source_outside_the_list_is_refused() {
    let upstream = Upstream::tcp().serve(one_address);
    let daemon = Setup::forward(&upstream).section("listen", "allow = [\"127.0.0.2/32\"]").start();
    let ask = Ask::a("www.example.org");
    let allowed = super::common::client::Tcp::between("127.0.0.2".parse().unwrap(), daemon.tcp_address()).ask(&ask);
    assert_eq!(allowed.rcode(), rcode::NOERROR);
    // A kept answer is no way around the list.
    assert_eq!(daemon.ask(&ask).rcode(), rcode::REFUSED);
    assert_eq!(upstream.queries(), 1);
}

#[test]
fn a_burst_of_many_clients_is_answered_whole() {
    let (_upstream, daemon) = behind(one_address);
    daemon.ask(&Ask::a("www.example.org"));
    let clients: Vec<_> = (0..50).map(|_| daemon.udp()).collect();
    let start = nodens::sys::clock::now();
    for round in 0..20 {
        let ask = Ask::a("www.example.org").id(round);
        clients.iter().for_each(|client| client.send(&ask));
        for client in &clients {
            client.receive(&ask);
        }
    }
    assert!(elapsed(start) < super::common::PATIENCE);
}

#[test]
fn the_question_of_a_reply_is_never_that_of_another_client() {
    let (_upstream, daemon) = behind(|query| {
        let number: u8 = query.name().split(['-', '.']).nth(1).unwrap().parse().unwrap();
        query.answer().addresses(300, &[[192, 0, 2, number]])
    });
    let client = daemon.udp();
    for round in 0..3_u16 {
        for number in 0..200_u16 {
            client.send(&Ask::a(&format!("name-{number}.example.org")).id(round * 200 + number));
        }
        for _ in 0..200 {
            let bytes = client.receive_bytes();
            let id = Message::read(&bytes).unwrap().id;
            let number = id - round * 200;
            let ask = Ask::a(&format!("name-{number}.example.org")).id(id);
            let reply = ask.check(&bytes, super::common::ask::Over::Udp);
            assert_eq!(reply.addresses()[0].to_string(), format!("192.0.2.{number}"));
        }
    }
}
