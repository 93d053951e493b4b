//! The main thread of whoever answers: starts the workers, answers health and metrics, follows the configuration, waits for the word to stop.

use std::io;
use std::os::unix::process::parent_id;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::cache::Store;
use crate::config::{Config, Loaded, Origin, Server, Transport, Upstream};
use crate::control::{self, Bound, Endpoints, Readiness, admin};
use crate::error::{ExitCode, Failure};
use crate::listener::sockets::Sockets;
use crate::listener::tcp::Begun;
use crate::log;
use crate::querylog;
use crate::supervisor::channel::{Channel, Conversation, Message};
use crate::supervisor::figures::Figures;
use crate::supervisor::keeper::Keeper;
use crate::supervisor::manager::Manager;
use crate::supervisor::signals::{Signals, Word};
use crate::sys::sandbox::{self, Sandbox};
use crate::sys::watch::Stamp;
use crate::sys::{clock, memory, process};
use crate::who;

use super::admin::{About, Admin, Known};
use super::chain::{self, Told};
use super::disk::Disk;
use super::reload::{self, Followers, Reading};
use super::{Given, Running, start};

/// How often expired answers make room where that becomes short, and free memory is given back. Walking a full store of 32 MiB takes some milliseconds of this thread.
const TIDY_EVERY: Duration = Duration::from_secs(5);

/// Answers for a supervisor, at the other end of `chain`, until it or a signal says to stop.
///
/// # Errors
///
/// When the workers cannot start; once they run, they end only when they are told to.
pub fn run(mut origin: Origin, mut given: Given, chain: Channel) -> Result<(), Failure> {
    let runtime = runtime()?;
    let (mut signals, supervisor) = {
        let _context = runtime.enter();
        (Signals::new().map_err(system)?, chain.watched().map_err(system)?)
    };
    let read = configuration(&mut origin, given.document.take())?;
    let sandbox = Sandbox::of(&read.loaded.config, &origin.paths());
    // The sandbox does not let that be asked later.
    let mut serving = Serving::begin(&read.loaded, given, &sandbox, Some(parent_id()))?;
    // Whoever becomes another user has to say it again.
    process::end_with_parent().map_err(system)?;
    let told = runtime.block_on(async {
        let metrics = serving.running.metrics();
        let (disk, begun) = (serving.running.disk(), serving.running.begun.clone());
        let reading = Rc::new(Reading::of(&read.loaded.hash));
        let (admin, socket) = mpsc::channel(1);
        let told = chain::follow(&supervisor, &disk, &metrics, &reading, &begun, &admin);
        let beat = || supervisor.mention(&Message::Beat);
        tokio::select! {
            never = serving.serve(origin, read, &reading, socket, beat) => never,
            told = told => told,
            stop = stop(&mut signals, &reading) => stop,
        }
    });
    match told {
        Told::Leave => leave(serving, &supervisor, runtime),
        Told::Stop(reason) => {
            info!(reason, "stopping");
            // A file that cannot be read to its end, on a disk that is gone, must not hold up the end.
            runtime.shutdown_background();
            serving.stop();
        }
    }
    info!("stopped");
    Ok(())
}

/// Answers without a supervisor, until a signal says to stop: link, rules and the service manager are seen to here.
///
/// # Errors
///
/// As [`run`].
pub fn run_alone(mut origin: Origin) -> Result<(), Failure> {
    let runtime = runtime()?;
    let mut signals = runtime.block_on(async { Signals::new() }).map_err(system)?;
    let read = configuration(&mut origin, None)?;
    let loaded = &read.loaded;
    if let Err(error) = sandbox::claim() {
        warn!(%error, "the capabilities of the program's file stay unused");
    }
    let (manager, figures) = (Manager::find(), Rc::new(Figures::default()));
    let mut keeper = Keeper::new(&loaded.config, Rc::clone(&figures));
    runtime.block_on(keeper.raise());
    let mut sandbox = Sandbox::of(&loaded.config, &origin.paths());
    sandbox.manages_network = loaded.config.manages_node();
    querylog::prepare(&loaded.config.query_log, sandbox.becomes())?;
    // Before the sandbox: after that, none can be made.
    let (admin, socket) = mpsc::channel(1);
    if let Some(path) = &loaded.config.control.socket {
        match admin::listen(path, false) {
            Ok(listening) => drop(admin.try_send(listening)),
            Err(error) => warn!(path = %path.display(), %error, "there is no control socket: see control.socket"),
        }
    }
    let mut serving = Serving::begin(loaded, Given::default(), &sandbox, None)?;
    let (life, lives) = watch::channel(None);
    let (end, mut ended) = watch::channel(false);
    let reason = runtime.block_on(async {
        let reading = Rc::new(Reading::of(&read.loaded.hash));
        let metrics = serving.running.metrics();
        let beat = || {
            if life.send_replace(Some(Instant::now())).is_none() {
                manager.ready();
            }
            manager.alive();
            figures.show(&metrics.main());
        };
        let reloaded = async {
            loop {
                reading.over.notified().await;
                manager.ready();
            }
        };
        let mut tend = Box::pin(keeper.tend(&lives, &mut ended));
        let told = tokio::select! {
            never = serving.serve(origin, read, &reading, socket, beat) => never,
            stop = stop(&mut signals, &reading) => stop,
            () = reloaded => unreachable!("it never ends"),
            () = &mut tend => unreachable!("it was not told to stop"),
        };
        manager.stopping();
        let _ = end.send(true);
        // A step that is under way comes to its end.
        tend.await;
        keeper.lower_rules().await;
        told
    });
    info!(?reason, "stopping");
    serving.stop();
    runtime.block_on(keeper.lower_interface());
    runtime.shutdown_background();
    info!("stopped");
    Ok(())
}

/// What the kernel refused.
#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn system(error: io::Error) -> Failure {
    Failure::new(ExitCode::System, format!("the main thread has no event loop: {error}"))
}

/// The main thread's event loop.
fn runtime() -> Result<Runtime, Failure> {
    Builder::new_current_thread().enable_all().build().map_err(system)
}

/// Waits for a signal that says to stop; passes on those to read the configuration again.
async fn stop(signals: &mut Signals, reading: &Reading) -> Told {
    loop {
        match signals.next().await {
            Word::Stop(signal) => return Told::Stop(signal),
            Word::Reload => reading.wanted.notify_one(),
        }
    }
}

/// What is gone by at the start.
struct Read {
    /// The configuration.
    loaded: Loaded,
    /// Which lines are written.
    log: log::Control,
    /// Why it is that of the worker before, and not what the file says now.
    refused: Option<Failure>,
}

/// Reads the configuration, and begins to write lines as it says. If it has mistakes, `before` holds, the document that the worker before went by:
/// nobody is to wait for answers until a file is mended that was only being edited.
fn configuration(origin: &mut Origin, before: Option<String>) -> Result<Read, Failure> {
    let files: Vec<(PathBuf, Stamp)> = origin.stamps();
    let (loaded, refused) = match (origin.read(), before) {
        (Ok(loaded), _) => (loaded, None),
        (Err(failure), Some(document)) => (origin.recall(&document, files)?, Some(failure)),
        (Err(failure), None) => return Err(failure),
    };
    let log = log::initialize(&loaded.config.log)?;
    for warning in &loaded.warnings {
        warn!("{warning}");
    }
    Ok(Read { loaded, log, refused })
}

/// Workers that answer, and what goes on beside them.
struct Serving {
    /// The workers.
    running: Running,
    /// Which listeners answer.
    readiness: Arc<Readiness>,
    /// Writes the file of answers.
    disk: Disk,
    /// What is told of the process.
    about: About,
}

impl Serving {
    /// Starts the workers, in the sandbox.
    fn begin(loaded: &Loaded, mut given: Given, sandbox: &Sandbox, supervisor: Option<u32>) -> Result<Self, Failure> {
        // Many programs are given 1,024 descriptors and may have far more; clients, upstreams and both of UDP's and TCP's listeners need them.
        let wanted = descriptors(&loaded.config);
        match process::raise_descriptor_limit() {
            Ok(limit) if limit < wanted => {
                warn!(
                    limit,
                    wanted, "file descriptors may run out: raise LimitNOFILE, or lower limits.tcp-connections"
                );
            }
            Ok(_) => {}
            Err(error) => warn!(%error, "the limit on file descriptors stays as it is"),
        }
        // Low ports are bound, and there is one thread: what is left to do needs no privilege.
        if given.sockets.is_none() {
            given.sockets = Some(Sockets::bind(&loaded.config.listen)?);
        }
        let report = sandbox.enter()?;
        info!(%report, "sandbox");
        let about = About { started: clock::now(), supervisor, sandbox: report, file: sandbox.config.first().cloned() };
        let running = start(loaded.config.clone(), given)?;
        for address in &running.addresses {
            for protocol in ["udp", "tcp"] {
                info!(protocol, %address, "listening");
            }
        }
        let readiness = Arc::new(Readiness::new(control::listeners(&running.addresses)));
        reload::in_force(&running, &readiness, &loaded.hash, &loaded.refused);
        let disk = running.disk();
        Ok(Self { running, readiness, disk, about })
    }

    /// Health, metrics, reloads, and all that is done now and then. Never ends; calls `beat` about once a second while every listener answers.
    async fn serve(
        &mut self,
        origin: Origin,
        read: Read,
        reading: &Rc<Reading>,
        mut socket: mpsc::Receiver<admin::Listening>,
        beat: impl Fn(),
    ) -> Told {
        let Self { running, readiness, disk, about } = self;
        let (metrics, addresses, pulse) = (running.metrics(), running.addresses.clone(), Arc::clone(&running.pulse));
        let store: Arc<Store> = running.store();
        let Read { loaded, log, refused } = read;
        let (bound, bound_now) = watch::channel(Bound::default());
        let log = Rc::new(log);
        let (asking, asked) = mpsc::channel(1);
        let operator = Admin {
            orders: running.orders.subscribe(),
            metrics: Arc::clone(&metrics),
            readiness: Arc::clone(readiness),
            addresses: addresses.clone(),
            bound: bound_now,
            errands: running.errands.clone(),
            reloads: asking,
            log: Rc::clone(&log),
            about: about.clone(),
            observers: Box::new(Known { directory: running.directory.clone(), board: running.board() }),
        };
        let answer = async {
            // The supervisor gives it sooner or later, if there is one at all.
            while let Some(listening) = socket.recv().await {
                admin::serve(listening, &operator, &metrics).await;
            }
        };
        let (endpoints, allowed) = watch::channel(Endpoints::of(running.config()));
        let serve = control::serve(allowed, Arc::clone(&metrics), Arc::clone(readiness), bound);
        let greet = async {
            readiness.wait().await;
            // The threads may not have come round yet, but every listener has answered. Said before it is written: whoever reads the line may rely on it.
            beat();
            info!("ready");
            memory::give_back();
            memory::forget_code();
            pulse.watch(&addresses, &metrics, beat).await;
        };
        let check = control::selfcheck(addresses.clone(), Arc::clone(readiness));
        let tidy = async {
            let mut often = interval(TIDY_EVERY);
            often.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                often.tick().await;
                store.tidy(clock::coarse());
                memory::give_back();
            }
        };
        let clients = running.config().clients.clone();
        let directory = running.directory.clone();
        let know = who::follow(&directory, &clients, metrics.main());
        let followers = Followers { readiness: Arc::clone(readiness), endpoints, reading: Rc::clone(reading), log };
        if let Some(failure) = refused {
            reload::refuse(&failure, &origin, running, &followers);
        }
        let follow = reload::follow(running, origin, loaded.files, &followers, asked);
        tokio::join!(serve, greet, check, tidy, know, follow, answer, disk.write_now_and_then());
        unreachable!("some of them never end")
    }

    /// Lets the workers answer what they have in hand, and writes the file of answers.
    fn stop(self) {
        Running::stop(self.running);
        self.disk.write_at_the_end();
    }
}

/// File descriptors that this configuration may need: clients over TCP, what each worker may open to each server, and some for all else. A guess from
/// above: hardly any node ever needs them all.
fn descriptors(config: &Config) -> u64 {
    let of_a_server = |group: &Upstream, server: &Server| {
        let datagrams = matches!(server.transport, Transport::Udp | Transport::Auto);
        2 * group.connections + 1 + if datagrams { group.udp_sockets } else { 0 }
    };
    let servers = config.upstreams.iter().flat_map(|group| group.servers.iter().map(move |s| of_a_server(group, s)));
    let all = config.limits.tcp_connections + config.listen.workers * servers.sum::<usize>() + 64;
    u64::try_from(all).unwrap_or(u64::MAX)
}

/// Leaves connections to the nodens that has taken over; the file of answers is its to write, too.
fn leave(serving: Serving, supervisor: &Conversation, runtime: Runtime) {
    info!("another nodens has taken over");
    runtime.block_on(serving.running.leave(async |Begun { descriptor, input }| {
        // What cannot be passed on is closed, as it would be without an heir.
        let _ = supervisor.say(&Message::Connection(descriptor, input)).await;
    }));
    runtime.shutdown_background();
}
