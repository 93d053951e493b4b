//! `nodens demo`: the real daemon between two stand-ins, without a network.
//!
//! | part | file | what it is |
//! |---|---|---|
//! | cluster DNS | `stand_in/` | what CoreDNS would be: a small `cluster.local`, over UDP and TCP |
//! | resolver | `stand_in/` | what a public DNS-over-TLS service would be, some milliseconds away |
//! | daemon | `daemon.rs` | nodens itself, as `nodens run` would start it, on 127.0.0.1:5353 |
//! | script | `script.rs` | the questions, and who must answer each |
//! | client | `client.rs` | asks over UDP and takes the time |
//! | narration | `narration.rs` | the table |
//!
//! Everything listens on loopback, everything written to disk (the certificate of the stand-ins' own authority) is in one temporary
//! folder that goes with the demo. Who answered is not what the daemon claims: the stand-ins count the questions that reach them.

use std::io::{self, IsTerminal, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use crate::error::{ExitCode, Failure};

mod client;
mod daemon;
mod ending;
mod folder;
mod narration;
mod script;
mod stand_in;
#[cfg(test)]
mod tests;

use client::Client;
use ending::Ending;
use narration::{Narration, Style};
use script::Answerer;
use stand_in::StandIns;

/// What `nodens demo` can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub(super) struct Arguments {
    /// End after the table; the exit code says whether every answer was the expected one
    #[arg(long)]
    once: bool,
    /// Port on 127.0.0.1 that the daemon answers on; 0 takes a free one
    #[arg(long, default_value_t = 5353)]
    port: u16,
}

/// Runs the demo until its table is complete (`--once`) or until SIGINT or SIGTERM.
///
/// # Errors
///
/// When the port is taken, the daemon does not start, or, with `--once`, an answer is not the expected one.
pub(super) fn demo(arguments: &Arguments) -> Result<(), Failure> {
    let stdout = io::stdout();
    let style = Style::new(stdout.is_terminal());
    // What can go wrong on the operator's side is checked before a word is said.
    probe(arguments.port)?;
    let mut ending = Ending::watch()?;
    let stand_ins = StandIns::start()?;
    let daemon = daemon::start(arguments.port, &stand_ins)?;
    let mut client = Client::connect(daemon.address())?;
    let mut narration = Narration::new(stdout.lock(), style);

    let told = perform(&mut narration, &mut client, &daemon, &stand_ins, &mut ending).and_then(|performance| {
        if performance.complete && !arguments.once {
            narration.invite(daemon.address())?;
            ending.wait();
        }
        Ok(performance)
    });
    drop(narration);
    daemon.stop();
    stand_ins.stop();

    match told {
        // Who looks at the table sees the crosses; a script needs the exit code.
        Ok(Performance { wrong, .. }) if wrong > 0 && arguments.once => Err(Failure::new(
            ExitCode::Software,
            format!("demo: {wrong} answers were not the expected ones; see the table"),
        )),
        // An interrupted table proves nothing.
        Ok(Performance { complete: false, .. }) if arguments.once => {
            Err(Failure::new(ExitCode::Software, "demo: interrupted before the end of the table"))
        }
        Ok(_) => Ok(()),
        // A reader that has gone away has seen what it wanted (`nodens demo | head`).
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => {
            Err(Failure::new(ExitCode::InputOutput, format!("demo: standard output cannot be written: {error}")))
        }
    }
}

/// How the script went.
struct Performance {
    /// Whether it came to its end; an early Ctrl-C cuts it short.
    complete: bool,
    /// Answers that were not the expected ones.
    wrong: usize,
}

/// Asks every question of the script and tells what came of it.
///
/// # Errors
///
/// When standard output cannot be written.
fn perform(
    narration: &mut Narration<impl Write>,
    client: &mut Client,
    daemon: &daemon::Daemon,
    stand_ins: &StandIns,
    ending: &mut Ending,
) -> io::Result<Performance> {
    narration.open(daemon.address(), stand_ins)?;
    let mut wrong = 0;
    for (index, step) in script::STEPS.iter().enumerate() {
        if ending.is_near() {
            return Ok(Performance { complete: false, wrong });
        }
        let before = stand_ins.questions();
        let answer = client.ask(step.name, step.record_type, step.class);
        let answerer = Answerer::found(before, stand_ins.questions(), answer.as_ref().ok());
        let mistake = step.mistake(answerer, answer.as_ref());
        wrong += usize::from(mistake.is_some());
        narration.step(index + 1, step, answerer, answer.as_ref(), mistake.as_deref())?;
    }
    narration.count(daemon.counters())?;
    Ok(Performance { complete: true, wrong })
}

/// Whether the daemon's port is free, for UDP and TCP; asked first, because "address in use" alone helps nobody.
fn probe(port: u16) -> Result<(), Failure> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Err(error) = UdpSocket::bind(address).and_then(|_udp| TcpListener::bind(address)) else { return Ok(()) };
    let (code, remedy) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            ExitCode::Unavailable,
            "another program answers there (mDNS services like 5353); take a free one: nodens demo --port 0",
        ),
        io::ErrorKind::PermissionDenied => {
            (ExitCode::NoPermission, "ports below 1024 need privileges; take another one: nodens demo --port 5353")
        }
        _ => (ExitCode::System, "take another one: nodens demo --port 0"),
    };
    Err(Failure::new(code, format!("demo: {address}: {error}; {remedy}")))
}
