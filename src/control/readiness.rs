//! Which listeners have not yet answered a query, and which configuration they go by.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// The listeners that have not yet answered. Shared between threads.
#[derive(Debug)]
pub struct Readiness {
    /// Names of those that have not.
    pending: watch::Sender<Vec<String>>,
    /// The configuration.
    configuration: Mutex<Configuration>,
}

/// What is told of the configuration.
#[derive(Debug, Default)]
struct Configuration {
    /// The SHA-256 of the file in force, in hexadecimal; empty before anybody said so.
    hash: String,
    /// What is wrong with a newer one.
    mistake: Option<String>,
}

impl Readiness {
    /// Nothing is ready that is named here; if nothing is named, everything is.
    #[must_use]
    pub fn new(listeners: Vec<String>) -> Self {
        Self { pending: watch::Sender::new(listeners), configuration: Mutex::default() }
    }

    /// A configuration is in force, by the SHA-256 of its file in hexadecimal.
    pub fn configured(&self, hash: &str) {
        *self.configuration() = Configuration { hash: hash.to_owned(), mistake: None };
    }

    /// A newer configuration has this mistake; the one before stays in force.
    pub fn mistaken(&self, mistake: &str) {
        self.configuration().mistake = Some(mistake.to_owned());
    }

    /// What `/ready` says once all have answered: "OK" as CoreDNS does, then the configuration, a line each.
    #[must_use]
    pub fn report(&self) -> String {
        let configuration = self.configuration();
        let mut text = "OK".to_owned();
        if !configuration.hash.is_empty() {
            text.push_str(&format!("\nconfiguration sha256 {}\n", configuration.hash));
        }
        if let Some(mistake) = &configuration.mistake {
            text.push_str(&format!("a newer configuration was not taken: {mistake}\n"));
        }
        text
    }

    /// The SHA-256 of the file in force in hexadecimal, and what is wrong with a newer one.
    #[must_use]
    pub fn in_force(&self) -> (String, Option<String>) {
        let configuration = self.configuration();
        (configuration.hash.clone(), configuration.mistake.clone())
    }

    /// What is told of the configuration.
    fn configuration(&self) -> MutexGuard<'_, Configuration> {
        self.configuration.lock().unwrap_or_else(PoisonError::into_inner)
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
