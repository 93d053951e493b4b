//! One worker: a thread, its event loop, its sockets.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use crate::detect::Tap;
use crate::listener::limits::Connections;
use crate::listener::sockets::Listener;
use crate::listener::tcp::{self, Drain};
use crate::listener::udp;
use crate::metrics::WorkerMetrics;
use crate::pipeline::Pipeline;
use crate::querylog::Recorder;
use crate::wire::header::MAX_MESSAGE;

use super::pulse::Pulse;
use super::snapshot::Snapshot;

/// How often a worker that is told to stop looks whether all is answered.
const DRAIN_LOOK: Duration = Duration::from_millis(5);

/// Something that the main thread wants to know of a worker: done at once, in between two queries, and short.
pub(super) type Errand = Box<dyn FnOnce(&Pipeline) + Send>;

/// What a worker's thread is started with.
pub(super) struct Worker {
    /// What all workers share; changes with a reload.
    pub(super) orders: watch::Receiver<Arc<Snapshot>>,
    /// Is told after each change that this worker goes by it.
    pub(super) adopted: mpsc::Sender<()>,
    /// Its sockets, address by address.
    pub(super) sockets: Vec<Listener>,
    /// The bound on TCP clients.
    pub(super) connections: Arc<Connections>,
    /// What it counts.
    pub(super) metrics: Arc<WorkerMetrics>,
    /// Tells detection of them.
    pub(super) tap: Tap,
    /// Notes its answers for the query log.
    pub(super) recorder: Recorder,
    /// Where it shows that it is at work, and as which.
    pub(super) pulse: (Arc<Pulse>, usize),
    /// Connections that somebody else began.
    pub(super) begun: mpsc::Receiver<tcp::Begun>,
    /// Where those go that somebody else goes on with.
    pub(super) heirs: mpsc::Sender<tcp::Begun>,
    /// What the main thread wants to know.
    pub(super) errands: mpsc::Receiver<Errand>,
    /// Tells when it shall stop.
    pub(super) drain: watch::Receiver<Drain>,
}

impl Worker {
    /// Answers until told to stop.
    pub(super) fn work(self) {
        let runtime = Builder::new_current_thread().enable_all().build();
        let outcome = runtime.and_then(|runtime| LocalSet::new().block_on(&runtime, self.serve()));
        if let Err(error) = outcome {
            // Without an event loop there is no worker, and half a daemon is worse than none: the service manager starts it again.
            panic!("a worker has no event loop: {error}");
        }
    }

    /// Sets everything up, and takes it down again after the drain.
    async fn serve(self) -> io::Result<()> {
        let Self {
            mut orders,
            adopted,
            sockets,
            connections,
            metrics,
            tap,
            recorder,
            pulse: (pulse, index),
            begun,
            heirs,
            mut errands,
            mut drain,
        } = self;
        let snapshot = Arc::clone(&orders.borrow_and_update());
        let config = &snapshot.shared.config;
        let pipeline = Pipeline::new(&snapshot.shared, Arc::clone(&metrics));
        pipeline.record_by(recorder);
        pipeline.watch_by(tap);
        let settings = Rc::new(tcp::Settings {
            idle: Cell::new(config.listen.tcp_idle_timeout),
            pipeline: Cell::new(config.limits.tcp_pipeline),
            connections,
            allow: RefCell::new(config.listen.allow.clone()),
            metrics: Arc::clone(&metrics),
            open: Cell::new(0),
            room: RefCell::new(vec![0; MAX_MESSAGE].into_boxed_slice()),
            drain: drain.clone(),
            heirs,
        });
        let mut receiving: Vec<JoinHandle<()>> = Vec::new();
        let mut udp_sockets = Vec::new();
        listen(sockets, &pipeline, &settings, &metrics, &mut receiving, &mut udp_sockets)?;
        let addresses = config.listen.addresses.clone();
        let server = move |local: SocketAddr| {
            (0_u16..).zip(&addresses).find(|(_, known)| is_at(local, **known)).map(|(at, _)| at)
        };
        receiving.push(spawn_local(tcp::resume(begun, server, Rc::clone(&settings), Rc::clone(&pipeline))));
        receiving.push(spawn_local(follow(orders.clone(), adopted, Rc::clone(&pipeline), Rc::clone(&settings))));
        let runner = Rc::clone(&pipeline);
        receiving.push(spawn_local(async move {
            while let Some(errand) = errands.recv().await {
                errand(&runner);
            }
        }));
        receiving.push(spawn_local(async move { pulse.come_round(index).await }));
        // An error means that the main thread is gone, which is as good a reason to stop.
        let _ = drain.wait_for(|drain| *drain != Drain::No).await;
        for task in receiving {
            task.abort();
        }
        for socket in &udp_sockets {
            socket.finish(&pipeline);
        }
        let answered = async {
            while !pipeline.is_idle() || settings.open.get() > 0 {
                sleep(DRAIN_LOOK).await;
            }
        };
        // What is not answered by then would have to wait for the client's next try anyway.
        let drain_timeout = orders.borrow().shared.config.listen.drain_timeout;
        let _ = timeout(drain_timeout, answered).await;
        for socket in &udp_sockets {
            socket.flush();
        }
        Ok(())
    }
}

/// Begins to answer on all sockets: what receives goes to `receiving`, whatever sends late answers to `udp_sockets`.
fn listen(
    sockets: Vec<Listener>,
    pipeline: &Rc<Pipeline>,
    settings: &Rc<tcp::Settings>,
    metrics: &Arc<WorkerMetrics>,
    receiving: &mut Vec<JoinHandle<()>>,
    udp_sockets: &mut Vec<Rc<udp::Socket>>,
) -> io::Result<()> {
    let batch = Rc::default();
    for Listener { server, udp, tcp } in sockets {
        for udp in udp {
            let socket = udp::Socket::new(udp, server, Arc::clone(metrics), Rc::clone(&batch))?;
            receiving.push(spawn_local(Rc::clone(&socket).receive(Rc::clone(pipeline))));
            spawn_local(Rc::clone(&socket).send());
            udp_sockets.push(socket);
        }
        for tcp in tcp {
            let (settings, pipeline) = (Rc::clone(settings), Rc::clone(pipeline));
            receiving.push(spawn_local(async move {
                if let Err(error) = tcp::accept(tcp, server, settings, pipeline).await {
                    tracing::error!(%error, "a TCP listener is lost");
                }
            }));
        }
    }
    Ok(())
}

/// Goes by each configuration that comes.
async fn follow(
    mut orders: watch::Receiver<Arc<Snapshot>>,
    adopted: mpsc::Sender<()>,
    pipeline: Rc<Pipeline>,
    settings: Rc<tcp::Settings>,
) {
    while orders.changed().await.is_ok() {
        let snapshot = Arc::clone(&orders.borrow_and_update());
        let config = &snapshot.shared.config;
        pipeline.adopt(&snapshot.shared);
        settings.idle.set(config.listen.tcp_idle_timeout);
        settings.pipeline.set(config.limits.tcp_pipeline);
        settings.allow.replace(config.listen.allow.clone());
        let _ = adopted.send(()).await;
    }
}

/// Whether a connection to `local` was made to a listener at `known`, which may be one on all addresses.
fn is_at(local: SocketAddr, known: SocketAddr) -> bool {
    local.port() == known.port() && (known.ip().is_unspecified() || local.ip() == known.ip())
}
