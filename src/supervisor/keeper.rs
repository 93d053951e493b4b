//! What is kept in order around the workers: the node's link and packet rules.
//!
//! The link comes first, before anybody listens on its addresses; the rules when the listeners have answered. They hold only as long as the
//! workers give signs of life: without one, the way around us is opened. At the end the rules go first, so that no query comes any more, and the
//! link last.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tracing::{error, info, warn};

use super::figures::Figures;
use crate::config::Config;
use crate::metrics::Gauge;
use crate::node::interface::Interface;
use crate::node::rules::Rules;
use crate::node::{self, Done};

/// How often the rules are told that they may hold on.
const REFRESH: Duration = Duration::from_secs(1);

/// Signs of life come once a second; so long after the last one the way around us is opened. A worker that is started again takes a tenth of it.
const LIFE: Duration = Duration::from_millis(2_500);

/// Time until what failed is tried again; the next times it takes twice as long, up to the interval of the configuration.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The link and the rules.
pub(crate) struct Keeper {
    /// Whether there is anything to be kept in order.
    is_needed: bool,
    /// Whether link and rules have been there: then somebody has taken away what is missing.
    is_set_up: bool,
    /// The link.
    interface: Interface,
    /// How often it is looked at.
    interface_every: Duration,
    /// The rules.
    rules: Rules,
    /// How often they are looked at.
    rules_every: Duration,
    /// What is known of the rules.
    state: State,
    /// Rests of the link that were counted.
    rests: u64,
    /// Where it is counted.
    figures: Rc<Figures>,
}

/// What is known of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// They are not there, or nobody knows.
    Absent,
    /// They are there, and queries come to us.
    Hold,
    /// They are there, and queries go around us.
    Withdrawn,
}

/// Whether there was a sign of life just now.
fn is_alive(life: &watch::Receiver<Option<Instant>>) -> bool {
    life.borrow().is_some_and(|last| last.elapsed() < LIFE)
}

/// When something is looked at next.
struct Turn {
    /// Then.
    at: Instant,
    /// As a rule.
    every: Duration,
    /// After a failure.
    retry: Duration,
}

impl Turn {
    /// Now, and then every so often.
    fn new(every: Duration) -> Self {
        Self { at: Instant::now(), every, retry: FIRST_RETRY }
    }

    /// It was looked at, and was as it should be in the end or not.
    fn over(&mut self, well: bool) {
        if well {
            self.retry = FIRST_RETRY;
            self.at = Instant::now() + self.every;
        } else {
            self.at = Instant::now() + self.retry.min(self.every);
            self.retry = self.retry.saturating_mul(2);
        }
    }
}

impl Keeper {
    /// Of a configuration. Nothing is touched yet.
    pub(crate) fn new(config: &Config, figures: Rc<Figures>) -> Self {
        let listeners: &[SocketAddr] = &config.listen.addresses;
        let addresses: Vec<IpAddr> = listeners.iter().map(SocketAddr::ip).collect();
        Self {
            is_set_up: false,
            is_needed: config.manages_node(),
            interface: Interface::new(&config.interface, &addresses),
            interface_every: config.interface.interval,
            rules: Rules::new(&config.rules, listeners, &config.health.listen),
            rules_every: config.rules.interval,
            state: State::Absent,
            rests: 0,
            figures,
        }
    }

    /// Makes the link, for those who listen on it. If that fails, it is tried again later.
    pub(crate) async fn raise(&mut self) {
        self.look_at_interface().await;
    }

    /// Keeps all in order for as long as `stop` does not say otherwise; `life` tells of the last sign of life, `None` before the first.
    pub(crate) async fn tend(&mut self, life: &watch::Receiver<Option<Instant>>, stop: &mut watch::Receiver<bool>) {
        let mut first = life.clone();
        let begun = tokio::select! {
            begun = first.wait_for(Option::is_some) => begun.is_ok(),
            _ = stop.wait_for(|stop| *stop) => return,
        };
        if !begun {
            return;
        }
        if !self.is_needed {
            let _ = stop.wait_for(|stop| *stop).await;
            return;
        }
        let (mut interface, mut rules) = (Turn::new(self.interface_every), Turn::new(self.rules_every));
        interface.at += self.interface_every;
        let mut refresh = interval(REFRESH);
        refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.note_rests();
            // No step is broken off in the middle: each takes a few seconds at most.
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                () = sleep_until(rules.at) => rules.over(self.look_at_rules(is_alive(life)).await),
                () = self.rules.changed() => rules.over(self.look_at_rules(is_alive(life)).await),
                _ = refresh.tick() => {
                    if !self.hold(is_alive(life)).await {
                        rules.over(false);
                    }
                }
                () = sleep_until(interface.at) => interface.over(self.look_at_interface().await),
                () = self.interface.changed() => interface.over(self.look_at_interface().await),
            }
        }
    }

    /// Compares the rules with what they should be; whether they are in the end. Without life there should be none that hold, and the next look
    /// will see to the rest.
    async fn look_at_rules(&mut self, is_alive: bool) -> bool {
        if !is_alive {
            return true;
        }
        let done = self.rules.reconcile().await;
        self.state = if done.is_ok() { State::Hold } else { State::Absent };
        let well = self.note(done, Gauge::RulesRepaired, "packet rules");
        // The link was there before.
        self.is_set_up |= well;
        well
    }

    /// Compares the link with what it should be; whether it is in the end.
    async fn look_at_interface(&mut self) -> bool {
        let done = self.interface.reconcile().await;
        self.note(done, Gauge::InterfaceRepaired, "link")
    }

    /// Counts the rests of the link that have begun. Nobody returns from one before it is over, but every second there is something else to do.
    fn note_rests(&mut self) {
        while self.rests < self.interface.held_back() {
            self.rests += 1;
            self.figures.count(Gauge::InterfaceRested);
        }
    }

    /// Lets the rules hold on, or opens the way around us; whether they are as they should be.
    async fn hold(&mut self, is_alive: bool) -> bool {
        match (self.state, is_alive) {
            (State::Absent, _) | (State::Withdrawn, false) => true,
            (State::Hold | State::Withdrawn, true) => {
                let done = self.rules.refresh().await;
                self.state = if done.is_ok() { State::Hold } else { State::Absent };
                self.note(done, Gauge::RulesRepaired, "packet rules")
            }
            (State::Hold, false) => {
                warn!("no sign of life: queries are let around this daemon, if the rules can do that");
                self.figures.count(Gauge::RulesWithdrawn);
                self.state = State::Withdrawn;
                if let Err(error) = self.rules.withdraw().await {
                    // They end by themselves.
                    self.blame(&error);
                }
                true
            }
        }
    }

    /// Counts what it took; whether it went well.
    fn note(&self, done: Result<Done, node::Error>, repaired: Gauge, what: &str) -> bool {
        match done {
            Ok(Done::Unchanged) => true,
            Ok(Done::Created) if !self.is_set_up => {
                info!(what, "set up");
                true
            }
            Ok(Done::Created | Done::Repaired) => {
                warn!(what, "not as it should be: repaired");
                self.figures.count(repaired);
                true
            }
            Err(error) => {
                self.blame(&error);
                false
            }
        }
    }

    /// Counts and tells what went wrong.
    fn blame(&self, error: &node::Error) {
        self.figures.count(match error.errortype() {
            "iptables" => Gauge::RulesFailed,
            "iptables_lock" => Gauge::RulesLocked,
            "interface_add" => Gauge::InterfaceFailed,
            _ => Gauge::InterfaceUnseen,
        });
        error!(kind = error.errortype(), "{error}");
    }

    /// Takes the rules away, so that no query comes here any more.
    pub(crate) async fn lower_rules(&mut self) {
        if let Err(error) = self.rules.remove().await {
            self.blame(&error);
        }
    }

    /// Takes the link away, when nobody listens there any more.
    pub(crate) async fn lower_interface(&mut self) {
        if let Err(error) = self.interface.remove().await {
            self.blame(&error);
        }
    }
}
