//! How one server is reached, with streams made in memory and a clock that stands still.

use std::cell::Cell;
use std::future::Future;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::LocalSet;

use super::super::dial::{Dialing, Link};
use super::*;
use crate::config::{Config, Environment};
use crate::wire::header::{HEADER, flag};
use crate::wire::message::Question;
use crate::wire::name;

/// A dial whose attempts go as a test says; it is told the number of each attempt.
struct Scripted<F> {
    /// What comes of an attempt.
    script: F,
    /// Attempts so far.
    attempts: Cell<usize>,
}

impl<F: Fn(usize, SocketAddr) -> Dialing> Dial for Scripted<F> {
    fn dial(&self, address: SocketAddr) -> Dialing {
        let attempt = self.attempts.replace(self.attempts.get() + 1);
        (self.script)(attempt, address)
    }
}

/// A dial that does what `script` says.
fn scripted(
    script: impl Fn(usize, SocketAddr) -> Dialing + 'static,
) -> Rc<Scripted<impl Fn(usize, SocketAddr) -> Dialing>> {
    Rc::new(Scripted { script, attempts: Cell::new(0) })
}

/// A link at once, to a server that answers every query with its own question.
fn served() -> Dialing {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    spawn_local(echo(theirs));
    Box::pin(async { Ok(Box::new(ours) as Link) })
}

/// Answers every query.
async fn echo(mut stream: DuplexStream) {
    while let Ok(length) = stream.read_u16().await {
        let mut message = vec![0; usize::from(length)];
        stream.read_exact(&mut message).await.unwrap();
        message[2] |= u8::try_from(flag::QR >> 8).unwrap();
        stream.write_u16(length).await.unwrap();
        stream.write_all(&message).await.unwrap();
    }
}

/// A server over plain TCP that is reached by `dial`.
fn server(dial: Rc<dyn Dial>, more: &str) -> Rc<StreamServer> {
    let text = format!(
        "[[upstream]]\nname = \"a\"\nservers = [\"tcp://192.0.2.1\"]\n{more}\n[[zone]]\nname = \".\"\nupstream = \"a\"\n"
    );
    let config = Config::parse(&text, "test.toml", &Environment::neutral()).unwrap().config;
    let upstream = &config.upstreams[0];
    let learned = Rc::new(Learned::new(std::sync::Arc::default(), 0, Rc::default()));
    Rc::new(StreamServer::new(&upstream.servers[0], upstream, None, dial, learned))
}

/// A query for a name.
fn query(text: &str) -> Rc<Outgoing> {
    let name = name::parse(text).unwrap();
    let question = Question {
        name: &name,
        qtype: 1,
        qclass: 1,
        dnssec_ok: false,
        checking_disabled: false,
        authentic_data: false,
    };
    Rc::new(Outgoing::new(&question))
}

/// Runs a test whose clock stands still unless all wait.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

#[test]
fn a_query_goes_over_whatever_stream_the_dial_hands_out() {
    run(async {
        let server = server(scripted(|_, _| served()), "");
        let query = query("www.example.org");
        let answer = server.exchange(&query).await.unwrap();
        assert_eq!(&answer[HEADER..query.question_end()], query.question());
        assert_eq!(server.connections.borrow().len(), 1);
    });
}
