//! A proxy between the daemon and a real server that does to packets what networks do: delay, loss, resets, silence, halves, restarts.
//!
//! It carries bytes and knows no DNS and no TLS, so whatever lies inside stays as the server wrote it. UDP and TCP share a port. A test
//! changes the [`Fault`] at any time; it holds for connections that are open as well as for new ones. What is random comes from a seed.

pub(crate) mod load;

mod datagram;
mod stream;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{broadcast, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::wait_until;

/// What happens to bytes on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing: all bytes pass.
    None,
    /// Everything takes longer: at least so long, and up to `jitter` more. Order is kept on streams only.
    Delay {
        /// The shortest delay.
        least: Duration,
        /// The longest that is added.
        jitter: Duration,
    },
    /// So many percent of all datagrams vanish, each way; streams pass, as retransmission would have it.
    Lose(u8),
    /// Connections are accepted, and then nothing passes. What was held back passes once the fault ends: a process that was stopped.
    Silence,
    /// Connections are accepted, and nothing ever passes, even after the fault has ended: a firewall that lost its state.
    Forget,
    /// Nobody listens; open connections are reset.
    Refuse,
    /// As [`Fault::Refuse`] and [`Fault::None`] in turns of this length.
    Flap(Duration),
    /// A connection ends so as soon as the server answers on it.
    Break(End),
    /// Half of what the server sends arrives, then the connection ends so; of a datagram half arrives.
    Half(End),
    /// What the server sends arrives byte by byte, with this pause between.
    Drip(Duration),
    /// One byte is changed in so many percent of what the server sends.
    Garble(u8),
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// FIN.
    Finish,
    /// RST.
    Reset,
    /// Not at all: nothing passes any more.
    Never,
}

/// A running proxy; stopped when dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What the test says, and what it counts.
    control: Arc<Control>,
    /// Stops the thread when dropped.
    stop: Option<oneshot::Sender<()>>,
    /// The thread.
    thread: Option<JoinHandle<()>>,
}

/// What test and proxy share.
#[derive(Debug)]
struct Control {
    /// What happens now; of a flapping proxy the present phase.
    fault: watch::Sender<Fault>,
    /// The length of the phases, if it flaps.
    flap: watch::Sender<Option<Duration>>,
    /// Where bytes go.
    target: Mutex<SocketAddr>,
    /// Ends all connections.
    orders: broadcast::Sender<End>,
    /// Whether somebody listens.
    listening: AtomicBool,
    /// Connections carried so far.
    connections: AtomicUsize,
    /// Of these, connections that have ended.
    ended: AtomicUsize,
    /// Bytes that arrived from the server.
    bytes: AtomicU64,
    /// Chance.
    random: Mutex<StdRng>,
}

impl Proxy {
    /// A proxy in front of `target`; chance begins with `seed`.
    pub(crate) fn before(target: SocketAddr, seed: u64) -> Self {
        let control = Arc::new(Control {
            fault: watch::Sender::new(Fault::None),
            flap: watch::Sender::new(None),
            target: Mutex::new(target),
            orders: broadcast::channel(16).0,
            listening: AtomicBool::new(true),
            connections: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            random: Mutex::new(StdRng::seed_from_u64(seed)),
        });
        let (stop, stopped) = oneshot::channel();
        let (started, address) = std::sync::mpsc::channel();
        let shared = Arc::clone(&control);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an event loop");
            runtime.block_on(async {
                let sockets = Sockets::any().await;
                started.send(sockets.address).expect("the test waits for it");
                run(sockets, shared, stopped).await;
            });
        });
        let address = address.recv().expect("the proxy finds a port");
        Self { address, control, stop: Some(stop), thread: Some(thread) }
    }

    /// Lets `fault` happen from now on. When this returns, the listener is gone or back as the fault has it.
    #[track_caller]
    pub(crate) fn set(&self, fault: Fault) {
        let (now, period) = match fault {
            Fault::Flap(period) => (Fault::Refuse, Some(period)),
            other => (other, None),
        };
        self.control.flap.send_replace(period);
        self.control.fault.send_replace(now);
        let listening = now != Fault::Refuse;
        wait_until("the proxy opens or closes its port", || {
            period.is_some() || self.control.listening.load(Ordering::SeqCst) == listening
        });
    }

    /// Lets all bytes pass again.
    #[track_caller]
    pub(crate) fn heal(&self) {
        self.set(Fault::None);
    }

    /// Sends new connections and datagrams to another server.
    pub(crate) fn redirect(&self, target: SocketAddr) {
        *self.control.target.lock().unwrap() = target;
    }

    /// Ends all connections that are open, and waits for it.
    #[track_caller]
    pub(crate) fn end_all(&self, how: End) {
        let before = self.control.ended.load(Ordering::SeqCst);
        let count = self.control.orders.send(how).unwrap_or(0);
        wait_until("all connections end", || self.control.ended.load(Ordering::SeqCst) >= before + count);
    }

    /// Connections carried so far.
    pub(crate) fn connections(&self) -> usize {
        self.control.connections.load(Ordering::SeqCst)
    }

    /// Bytes that the server has sent so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.control.bytes.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().expect("taken only here").join();
        assert!(ended.is_ok() || std::thread::panicking(), "the proxy panicked");
    }
}

impl Control {
    /// Whether chance decides for it in `percent` of all cases.
    fn chance(&self, percent: u8) -> bool {
        self.random.lock().unwrap().random_range(0..100) < percent
    }

    /// How long something is delayed.
    fn delay(&self, least: Duration, jitter: Duration) -> Duration {
        least + jitter.mul_f64(self.random.lock().unwrap().random_range(0.0..1.0))
    }

    /// Changes one byte.
    fn garble(&self, bytes: &mut [u8]) {
        if !bytes.is_empty() {
            let mut random = self.random.lock().unwrap();
            let at = random.random_range(0..bytes.len());
            bytes[at] ^= random.random_range(1..=255_u8);
        }
    }

    /// Where bytes go now.
    fn target(&self) -> SocketAddr {
        *self.target.lock().unwrap()
    }
}

/// The sockets that the daemon sees.
struct Sockets {
    /// One port.
    address: SocketAddr,
    /// Streams.
    tcp: TcpListener,
    /// Datagrams; tasks hold weak references, so that closing closes.
    udp: Arc<UdpSocket>,
}

impl Sockets {
    /// Takes one free port for both transports.
    async fn any() -> Self {
        for _ in 0..64 {
            if let Ok(sockets) = Self::bind(([127, 0, 0, 1], 0).into()).await {
                return sockets;
            }
        }
        panic!("no port is free for both UDP and TCP");
    }

    /// Takes this address.
    async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(1024)?;
        let tcp = TcpListener::from_std(socket.into())?;
        let address = tcp.local_addr()?;
        let udp = UdpSocket::bind(address).await?;
        SockRef::from(&udp).set_recv_buffer_size(8 << 20)?;
        Ok(Self { address, tcp, udp: Arc::new(udp) })
    }

    /// Takes this address as soon as nobody else has it: any program's outgoing socket may sit there for a moment.
    async fn again(address: SocketAddr) -> Self {
        loop {
            if let Ok(sockets) = Self::bind(address).await {
                return sockets;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// What came to the port.
enum Arrival {
    /// A connection.
    Stream(TcpStream),
    /// A datagram of so many bytes.
    Datagram(usize, SocketAddr),
    /// An error that means nothing, such as a client that is gone.
    Nothing,
}

/// Waits for what comes next; for ever if nobody listens.
async fn next(sockets: Option<&Sockets>, buffer: &mut [u8]) -> Arrival {
    let Some(sockets) = sockets else { return std::future::pending().await };
    tokio::select! {
        accepted = sockets.tcp.accept() => accepted.map_or(Arrival::Nothing, |(stream, _)| Arrival::Stream(stream)),
        received = sockets.udp.recv_from(buffer) => {
            received.map_or(Arrival::Nothing, |(length, client)| Arrival::Datagram(length, client))
        }
    }
}

/// Runs the proxy until `stopped` resolves.
async fn run(sockets: Sockets, control: Arc<Control>, mut stopped: oneshot::Receiver<()>) {
    let address = sockets.address;
    let mut sockets = Some(sockets);
    let (mut faults, mut flaps) = (control.fault.subscribe(), control.flap.subscribe());
    let mut buffer = vec![0; 65_535];
    let mut turn = Instant::now();
    loop {
        let fault = *faults.borrow_and_update();
        if (fault == Fault::Refuse) == sockets.is_some() {
            sockets = if fault == Fault::Refuse { None } else { Some(Sockets::again(address).await) };
            control.listening.store(sockets.is_some(), Ordering::SeqCst);
        }
        let period = *flaps.borrow_and_update();
        tokio::select! {
            _ = &mut stopped => return,
            _ = faults.changed() => {}
            _ = flaps.changed() => turn = Instant::now() + flaps.borrow().unwrap_or_default(),
            () = sleep_until(turn), if period.is_some() => {
                turn += period.unwrap_or_default();
                control.fault.send_replace(if fault == Fault::Refuse { Fault::None } else { Fault::Refuse });
            }
            arrival = next(sockets.as_ref(), &mut buffer) => match arrival {
                Arrival::Stream(stream) => {
                    control.connections.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(stream::carry(stream, Arc::clone(&control)));
                }
                Arrival::Datagram(length, client) => {
                    let front = sockets.as_ref().map(|sockets| Arc::downgrade(&sockets.udp)).unwrap_or_default();
                    tokio::spawn(datagram::carry(buffer[..length].to_vec(), client, front, Arc::clone(&control)));
                }
                Arrival::Nothing => {}
            },
        }
    }
}
