//! The daemon's main thread: starts the workers, answers health and metrics, follows the configuration, waits for the signal to stop.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::config::Origin;
use crate::control::{self, Bound, Endpoints, Readiness};
use crate::error::{ExitCode, Failure};
use crate::listener::sockets::Sockets;
use crate::listener::tcp::Begun;
use crate::log;
use crate::supervisor::channel::{Channel, Message};
use crate::sys::sandbox::Sandbox;
use crate::sys::{clock, memory, process};

use super::chain::{self, Told};
use super::reload::{self, Followers};
use super::{Given, Running, start};

/// How often expired answers make room where that becomes short, and free memory is given back. Walking a full store of 32 MiB takes some milliseconds of this thread.
const TIDY_EVERY: Duration = Duration::from_secs(5);

/// Runs until SIGTERM or SIGINT, or until the supervisor says so, if there is one at the other end of `chain`.
///
/// # Errors
///
/// When the daemon cannot start; once it runs, it ends only by a signal.
pub fn run(mut origin: Origin, mut given: Given, chain: Option<Channel>) -> Result<(), Failure> {
    let system =
        |error: io::Error| Failure::new(ExitCode::System, format!("the main thread has no event loop: {error}"));
    let runtime = Builder::new_current_thread().enable_all().build().map_err(system)?;
    // First of all: a signal that comes earlier ends the process, SIGHUP included.
    let context = runtime.enter();
    let [terminate, interrupt, hangup] =
        [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
    let (mut terminate, mut interrupt) = (terminate.map_err(system)?, interrupt.map_err(system)?);
    let mut hangup = hangup.map_err(system)?;
    let supervisor = chain.map(Channel::watched).transpose().map_err(system)?;
    drop(context);
    let loaded = origin.read()?;
    let log = log::initialize(&loaded.config.log)?;
    for warning in &loaded.warnings {
        warn!("{warning}");
    }
    // Many programs are given 1,024 descriptors and may have far more; clients, upstreams and both of UDP's and TCP's listeners need them.
    if let Err(error) = process::raise_descriptor_limit() {
        warn!(%error, "the limit on file descriptors stays as it is");
    }
    // Low ports are bound, and there is one thread: what is left to do needs no privilege.
    if given.sockets.is_none() {
        given.sockets = Some(Sockets::bind(&loaded.config.listen)?);
    }
    let report = Sandbox::of(&loaded.config, origin.path()).enter()?;
    info!(%report, "sandbox");
    let mut running = start(loaded.config, given)?;
    for address in &running.addresses {
        for protocol in ["udp", "tcp"] {
            info!(protocol, %address, "listening");
        }
    }
    let readiness = Arc::new(Readiness::new(control::listeners(&running.addresses)));
    running.metrics().set_hash(&loaded.hash);
    readiness.configured(&loaded.hash);
    let disk = running.disk();
    let (metrics, addresses) = (running.metrics(), running.addresses.clone());
    let pulse = Arc::clone(&running.pulse);
    let begun = running.begun.clone();
    let told = runtime.block_on(async {
        let (bound, _) = watch::channel(Bound::default());
        let (endpoints, allowed) = watch::channel(Endpoints::of(running.config()));
        let serve = control::serve(allowed, running.metrics(), Arc::clone(&readiness), bound);
        let greet = async {
            readiness.wait().await;
            info!("ready");
            memory::forget_start_up_code();
            match &supervisor {
                Some(supervisor) => {
                    // The threads may not have come round yet, but every listener has answered.
                    supervisor.mention(&Message::Beat);
                    pulse.watch(&addresses, &metrics, || supervisor.mention(&Message::Beat)).await;
                }
                None => std::future::pending::<()>().await,
            }
        };
        let check = control::selfcheck(running.addresses.clone(), Arc::clone(&readiness));
        let check = async {
            check.await;
            std::future::pending::<()>().await;
        };
        let store = running.store();
        let tidy = async {
            let mut often = interval(TIDY_EVERY);
            often.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                often.tick().await;
                store.tidy(clock::coarse());
                memory::give_back();
            }
        };
        let reload = Notify::new();
        let hung_up = async {
            while hangup.recv().await.is_some() {
                reload.notify_one();
            }
            std::future::pending::<()>().await;
        };
        let told = async {
            match &supervisor {
                Some(supervisor) => chain::follow(supervisor, &disk, &metrics, &reload, &begun).await,
                None => std::future::pending().await,
            }
        };
        let followers = Followers { readiness: Arc::clone(&readiness), endpoints, log };
        let follow = reload::follow(&mut running, origin, loaded.files, &followers, &reload);
        tokio::select! {
            () = follow => unreachable!("it never ends"),
            _ = terminate.recv() => Told::Stop("SIGTERM"),
            _ = interrupt.recv() => Told::Stop("SIGINT"),
            told = told => told,
            () = async { serve.await; std::future::pending().await } => unreachable!("pending never ends"),
            () = greet => unreachable!("pending never ends"),
            () = check => unreachable!("pending never ends"),
            () = tidy => unreachable!("it never ends"),
            () = hung_up => unreachable!("pending never ends"),
            () = disk.write_now_and_then() => unreachable!("it never ends"),
        }
    });
    match (told, &supervisor) {
        (Told::Leave, Some(supervisor)) => {
            info!("another nodens has taken over");
            runtime.block_on(running.leave(async |Begun { descriptor, input }| {
                // What cannot be passed on is closed, as it would be without a heir.
                let _ = supervisor.say(&Message::Connection(descriptor, input)).await;
            }));
            runtime.shutdown_background();
        }
        (Told::Leave, None) | (Told::Stop(_), _) => {
            info!(reason = ?told, "stopping");
            // A file that cannot be read to its end, on a disk that is gone, must not hold up the end.
            runtime.shutdown_background();
            Running::stop(running);
            // When another has taken over, the file is its to write.
            disk.write_at_the_end();
        }
    }
    info!("stopped");
    Ok(())
}
