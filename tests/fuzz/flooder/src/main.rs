//! Floods the real daemon on loopback with broken queries, as datagrams and as streams, while its upstream answers with broken answers.
//!
//! Checked: whatever it answers is well-formed, it goes on answering, it ends when told to and not before, it says nothing of a panic,
//! and its memory stays bounded. Everything follows from the seed but the order in which packets meet.
//!
//! `flooder DAEMON DATAGRAMS STREAMS [SEED]`

mod bytes;
mod daemon;
mod upstream;

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::{Random, mutated, query, well_formed};
use daemon::Daemon;

/// Datagrams between two proofs that all before were read; fewer than the smallest socket buffer holds.
const BURST: u64 = 64;

/// Threads that open streams.
const STREAMERS: u64 = 16;

/// How much memory in MB may come on top after the first tenth: caches are full by then, buffers grown.
const GROWTH_MB: u64 = 16;

/// How long an answer may take before the daemon counts as silent: longer than it waits for its upstream.
const PATIENCE: Duration = Duration::from_secs(8);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [daemon, datagrams, streams, seed @ ..] = &arguments[..] else {
        eprintln!("usage: flooder DAEMON DATAGRAMS STREAMS [SEED]");
        std::process::exit(64);
    };
    let number = |text: &String| text.replace('_', "").parse::<u64>().expect("a number");
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is after 1970");
    let seed = seed.first().map_or(u64::from(clock.subsec_nanos()), number);
    println!("flood: seed {seed}");
    let servers = upstream::start(seed);
    let mut daemon = Daemon::start(daemon, servers);
    let idle = daemon.resident_mb();
    let (warm, all) = (number(datagrams) / 10, number(datagrams));
    let begun = Instant::now();
    let answered = flood_datagrams(&mut Random(seed), daemon.address, warm);
    let warmed = daemon.resident_mb();
    let answered = answered + flood_datagrams(&mut Random(!seed), daemon.address, all - warm);
    daemon.must_live();
    let after = daemon.resident_mb();
    println!(
        "flood: {all} datagrams, {answered} answers, {:.0} s; memory {idle} MB idle, {warmed} MB after a tenth, {after} MB after all",
        begun.elapsed().as_secs_f64()
    );
    assert!(after <= warmed + GROWTH_MB, "memory grows");
    let begun = Instant::now();
    let (warm, all) = (number(streams) / 10, number(streams));
    let answered = flood_streams(seed, daemon.address, warm);
    let warmed = daemon.resident_mb();
    let answered = answered + flood_streams(!seed, daemon.address, all - warm);
    daemon.must_live();
    let after = daemon.resident_mb();
    println!(
        "flood: {all} streams, {answered} answers, {:.0} s; memory {warmed} MB after a tenth, {after} MB after all",
        begun.elapsed().as_secs_f64()
    );
    assert!(after <= warmed + GROWTH_MB, "memory grows");
    prove(daemon.address, 0xFFFF);
    daemon.stop();
    println!("flood: held");
}

/// Sends so many datagrams; how many answers came.
fn flood_datagrams(random: &mut Random, to: SocketAddr, count: u64) -> u64 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has ports");
    socket.connect(to).expect("loopback is reachable");
    let mut answered = 0;
    let mut sent = 0;
    while sent < count {
        for _ in 0..BURST.min(count - sent) {
            let datagram = mutated(random);
            // A full buffer or an ICMP error of the last one: what counts is that the daemon lives.
            let _ = socket.send(&datagram);
            sent += 1;
        }
        answered += drain(&socket);
        // Its answer says that all before it were read, and that the daemon still serves.
        prove(to, u16::try_from(sent / BURST % 0xFFFF).expect("below 65,536"));
    }
    answered + drain(&socket)
}

/// Takes the answers that are there, and looks at each.
fn drain(socket: &UdpSocket) -> u64 {
    let mut room = [0; 65_535];
    let mut count = 0;
    socket.set_nonblocking(true).expect("a socket can be made so");
    loop {
        match socket.recv(&mut room) {
            Ok(length) => {
                well_formed(&room[..length]);
                count += 1;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            // An ICMP error is told once.
            Err(_) => {}
        }
    }
    socket.set_nonblocking(false).expect("a socket can be made so");
    count
}

/// Asks something proper that needs no upstream, and gets the answer.
fn prove(to: SocketAddr, id: u16) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has ports");
    socket.connect(to).expect("loopback is reachable");
    socket.set_read_timeout(Some(Duration::from_millis(500))).expect("the time is not zero");
    let question = query(id, b"\x09localhost\0", 1);
    let begun = Instant::now();
    let mut room = [0; 4096];
    while begun.elapsed() < PATIENCE {
        socket.send(&question).expect("the daemon's port is open");
        if let Ok(length) = socket.recv(&mut room)
            && room[..2] == id.to_be_bytes()
        {
            well_formed(&room[..length]);
            assert_eq!((room[3] & 15, room[7]), (0, 1), "localhost has an address");
            return;
        }
    }
    panic!("the daemon answers no more");
}

/// Opens so many streams, several at a time; how many answers came.
fn flood_streams(seed: u64, to: SocketAddr, count: u64) -> u64 {
    let answered = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for streamer in 0..STREAMERS {
            let answered = &answered;
            scope.spawn(move || {
                let mut random = Random(seed ^ (streamer + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
                let mine = count / STREAMERS + u64::from(streamer < count % STREAMERS);
                let sum: u64 = (0..mine).map(|_| stream(&mut random, to)).sum();
                answered.fetch_add(sum, Ordering::Relaxed);
            });
        }
    });
    prove(to, 1);
    answered.into_inner()
}

/// One stream: some queries behind true or false lengths, in pieces, then an end of some kind; how many answers came.
fn stream(random: &mut Random, to: SocketAddr) -> u64 {
    let Ok(mut stream) = TcpStream::connect_timeout(&to, PATIENCE) else { panic!("the daemon accepts no more") };
    stream.set_read_timeout(Some(PATIENCE)).expect("the time is not zero");
    let mut bytes = Vec::new();
    for _ in 0..=random.below(6) {
        let message = mutated(random);
        let length = if random.below(16) == 0 { random.word() } else { u16::try_from(message.len()).unwrap_or(0) };
        bytes.extend(length.to_be_bytes());
        bytes.extend(message);
    }
    if random.below(8) == 0 {
        bytes.truncate(random.below(bytes.len()));
    }
    let piece = if random.below(4) == 0 { 1 + random.below(64) } else { bytes.len().max(1) };
    for piece in bytes.chunks(piece) {
        // Who sends what is no DNS is hung up on.
        if stream.write_all(piece).is_err() {
            return 0;
        }
    }
    // Some leave without a word, with answers unread; most wait for what they asked for.
    if random.below(4) == 0 || stream.shutdown(Shutdown::Write).is_err() {
        return 0;
    }
    let mut answers = Vec::new();
    match stream.read_to_end(&mut answers) {
        Ok(_) => {}
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
            panic!("a stream that was ended by its client is still open after {PATIENCE:?}")
        }
        Err(_) => return 0,
    }
    let (mut rest, mut count) = (&answers[..], 0);
    while let Some((length, behind)) = rest.split_at_checked(2) {
        let Some((answer, behind)) = behind.split_at_checked(usize::from(u16::from_be_bytes([length[0], length[1]])))
        else {
            break;
        };
        well_formed(answer);
        (rest, count) = (behind, count + 1);
    }
    count
}
