//! Which listeners have not yet answered a query.

use tokio::sync::watch;

/// The listeners that have not yet answered. Shared between threads.
#[derive(Debug)]
pub struct Readiness {
    /// Names of those that have not.
    pending: watch::Sender<Vec<String>>,
}

impl Readiness {
    /// Nothing is ready that is named here; if nothing is named, everything is.
    #[must_use]
    pub fn new(listeners: Vec<String>) -> Self {
        Self { pending: watch::Sender::new(listeners) }
    }

    /// A listener has answered. A name that is not known, or has passed before, changes nothing.
    pub fn pass(&self, listener: &str) {
        self.pending.send_if_modified(|pending| {
            let before = pending.len();
            pending.retain(|name| name != listener);
            pending.len() != before
        });
    }

    /// The listeners that have not yet answered.
    #[must_use]
    pub fn pending(&self) -> Vec<String> {
        self.pending.borrow().clone()
    }

    /// Whether all have answered.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.pending.borrow().is_empty()
    }

    /// Waits until all have answered.
    ///
    /// # Panics
    ///
    /// Never: the channel lives as long as `self`.
    pub async fn wait(&self) {
        let mut changes = self.pending.subscribe();
        changes.wait_for(Vec::is_empty).await.expect("the sender is borrowed for as long as this waits");
    }
}
