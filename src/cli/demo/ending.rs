//! Waits for Ctrl-C or SIGTERM, from the first moment on: nothing may be left behind when somebody does not like the demo.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::{ExitCode, Failure};

/// How long a look for a signal takes: the driver must run once.
const LOOK: Duration = Duration::from_millis(1);

/// The two signals that end the demo. While it lives they end nothing by themselves.
pub(super) struct Ending {
    /// Drives the signals; nothing else runs on it.
    runtime: Runtime,
    /// Ctrl-C.
    interrupt: Signal,
    /// What service managers send.
    terminate: Signal,
}

impl Ending {
    /// Takes the signals over.
    pub(super) fn watch() -> Result<Self, Failure> {
        let failed = |error| Failure::new(ExitCode::System, format!("demo: signals: {error}"));
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (interrupt, terminate) = {
            let _context = runtime.enter();
            (signal(SignalKind::interrupt()).map_err(failed)?, signal(SignalKind::terminate()).map_err(failed)?)
        };
        Ok(Self { runtime, interrupt, terminate })
    }

    /// Blocks until a signal comes.
    pub(super) fn wait(&mut self) {
        self.runtime.block_on(either(&mut self.interrupt, &mut self.terminate));
    }

    /// Whether a signal has come.
    pub(super) fn is_near(&mut self) -> bool {
        let signals = either(&mut self.interrupt, &mut self.terminate);
        self.runtime.block_on(async { tokio::time::timeout(LOOK, signals).await.is_ok() })
    }
}

/// Either signal.
async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
