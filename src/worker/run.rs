//! The daemon's main thread: starts the workers, answers health and metrics, follows the configuration, waits for the signal to stop.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::config::Origin;
use crate::control::{self, Bound, Endpoints, Readiness};
use crate::error::{ExitCode, Failure};
use crate::log;
use crate::sys::{clock, memory, process};

use super::reload::{self, Followers};
use super::{Running, start};

/// How often expired answers make room where that becomes short, and free memory is given back. Walking a full store of 32 MiB takes some milliseconds of this thread.
const TIDY_EVERY: Duration = Duration::from_secs(5);

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
///
/// When the daemon cannot start; once it runs, it ends only by a signal.
pub fn run(mut origin: Origin) -> Result<(), Failure> {
    let system =
        |error: io::Error| Failure::new(ExitCode::System, format!("the main thread has no event loop: {error}"));
    let runtime = Builder::new_current_thread().enable_all().build().map_err(system)?;
    // First of all: a signal that comes earlier ends the process, SIGHUP included.
    let signals = {
        let _context = runtime.enter();
        [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal)
    };
    let [terminate, interrupt, hangup] = signals;
    let (mut terminate, mut interrupt) = (terminate.map_err(system)?, interrupt.map_err(system)?);
    let hangup = hangup.map_err(system)?;
    let loaded = origin.read()?;
    let log = log::initialize(&loaded.config.log)?;
    for warning in &loaded.warnings {
        warn!("{warning}");
    }
    // Many programs are given 1,024 descriptors and may have far more; clients, upstreams and both of UDP's and TCP's listeners need them.
    if let Err(error) = process::raise_descriptor_limit() {
        warn!(%error, "the limit on file descriptors stays as it is");
    }
    let mut running = start(loaded.config)?;
    for address in &running.addresses {
        for protocol in ["udp", "tcp"] {
            info!(protocol, %address, "listening");
        }
    }
    let readiness = Arc::new(Readiness::new(control::listeners(&running.addresses)));
    running.metrics().set_hash(&loaded.hash);
    readiness.configured(&loaded.hash);
    let disk = running.disk();
    let stopped_by = runtime.block_on(async {
        let (bound, _) = watch::channel(Bound::default());
        let (endpoints, allowed) = watch::channel(Endpoints::of(running.config()));
        let serve = control::serve(allowed, running.metrics(), Arc::clone(&readiness), bound);
        let greet = async {
            readiness.wait().await;
            info!("ready");
            memory::forget_start_up_code();
            std::future::pending::<()>().await;
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
        let followers = Followers { readiness: Arc::clone(&readiness), endpoints, log };
        let follow = reload::follow(&mut running, origin, loaded.files, &followers, hangup);
        tokio::select! {
            () = follow => unreachable!("it never ends"),
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
            () = async { serve.await; std::future::pending().await } => unreachable!("pending never ends"),
            () = greet => unreachable!("pending never ends"),
            () = check => unreachable!("pending never ends"),
            () = tidy => unreachable!("it never ends"),
            () = disk.write_now_and_then() => unreachable!("it never ends"),
        }
    });
    // A file that cannot be read to its end, on a disk that is gone, must not hold up the end.
    runtime.shutdown_background();
    info!(signal = stopped_by, "stopping");
    Running::stop(running);
    disk.write_at_the_end();
    info!("stopped");
    Ok(())
}
