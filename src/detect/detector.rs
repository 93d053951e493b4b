//! From observations to detections: the whole of it without threads, clocks and sockets.

use std::net::IpAddr;
use std::sync::Arc;

use crate::config::{Detect, DetectMode};
use crate::metrics::Source;
use crate::wire::{name, rcode};

use super::board::{Action, Board, Detection, MOST_SHOWN};
use super::clients::Clients;
use super::domain::{is_public_host, registered};
use super::exempt::Exempt;
use super::observation::{Kind, Observation};
use super::pair::{Facts, Telling};
use super::rules::{self, CONVICTS, Rule};
use super::sentence::{Sentence, Severity};
use super::table::{Names, Pairs, cut, who};
use super::top::Sketch;

/// Tells of a flood, a storm or a type that is refused.
const CLIENT_SCORE: u8 = 80;

/// What the operator says of detection, in the form in which it is asked for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What follows, by the number of a zone; nothing is looked for where there is none.
    modes: Vec<DetectMode>,
    /// What follows where there is no zone: floods and storms are of clients.
    mode: DetectMode,
    /// Names that are nobody's tunnel.
    exempt: Exempt,
    /// Queries a second that are a flood.
    flood_rate: u32,
    /// NXDOMAIN answers a second that are a storm.
    denial_rate: u32,
    /// How long what follows lasts, in seconds.
    hold: u32,
    /// Queries a second that are let through of a client that is held back.
    limit: u32,
}

impl Settings {
    /// What `config` says; `zones` are the numbers of zones and what they say.
    #[must_use]
    pub fn new(config: &Detect, zones: impl Iterator<Item = (u16, DetectMode)>) -> Self {
        let mut modes = Vec::new();
        for (number, mode) in zones {
            let number = usize::from(number);
            if modes.len() <= number {
                modes.resize(number + 1, DetectMode::Off);
            }
            modes[number] = mode;
        }
        Self {
            modes,
            mode: config.mode,
            exempt: Exempt::new(&config.exempt, config.built_in_exempt),
            flood_rate: config.flood_rate,
            denial_rate: config.denial_rate,
            hold: u32::try_from(config.hold.as_secs()).unwrap_or(u32::MAX).max(1),
            limit: config.limit,
        }
    }

    /// Queries a second that are let through where clients are held back.
    pub(super) const fn limit(&self) -> u32 {
        self.limit
    }

    /// What follows for names of a zone.
    fn mode(&self, zone: u16) -> DetectMode {
        self.modes.get(usize::from(zone)).copied().unwrap_or(DetectMode::Off)
    }
}

/// What came of an observation.
#[derive(Debug)]
pub struct Found {
    /// What was found.
    pub detection: Detection,
    /// What follows for the client, if anything does.
    pub sentence: Option<Sentence>,
    /// Whether it is to be logged: it is new, or has gone on for long.
    pub is_loud: bool,
    /// Whether somebody is to be warned.
    pub is_warning: bool,
}

/// What a rule makes of an observation.
struct Case {
    /// Whose it is.
    rule: Rule,
    /// The registered domain; empty where it is of none.
    domain: String,
    /// How sure it is, 0 to 100.
    score: u8,
    /// Why.
    reasons: Vec<String>,
    /// How often it was found.
    count: u32,
}

/// What is known of all clients.
#[derive(Debug)]
pub struct Detector {
    /// What the operator says.
    settings: Arc<Settings>,
    /// Pairs of client and domain.
    pairs: Pairs,
    /// Names that were seen.
    names: Names,
    /// How fast clients ask.
    clients: Clients,
    /// What is asked most, and who asks most.
    top: [Sketch; 2],
    /// Pairs that were forgotten for others.
    evicted: u64,
    /// The day's seconds at the detector's second 0.
    wall: u64,
}

impl Detector {
    /// One that has seen nothing. All it will ever need is taken here.
    #[must_use]
    pub fn new(settings: Arc<Settings>) -> Self {
        let top = [Sketch::new(), Sketch::new()];
        Self { settings, pairs: Pairs::new(), names: Names::new(), clients: Clients::new(), top, evicted: 0, wall: 0 }
    }

    /// Goes by other settings from now on.
    pub fn adopt(&mut self, settings: Arc<Settings>) {
        self.settings = settings;
    }

    /// Goes by this time of day: the difference between it and observations, in seconds.
    pub const fn set_wall(&mut self, difference: u64) {
        self.wall = difference;
    }

    /// Bytes that it takes, whatever it sees.
    #[must_use]
    pub const fn bytes() -> usize {
        super::table::PAIRS * size_of::<super::pair::Pair>() + Names::bytes() + Clients::bytes() + 2 * Sketch::bytes()
    }

    /// Pairs that were forgotten for others so far.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Takes an observation in.
    pub fn observe(&mut self, seen: &Observation) -> Option<Found> {
        let now = u32::try_from(seen.at.as_secs()).unwrap_or(u32::MAX);
        match seen.kind {
            Kind::Miss => self.miss(seen, now),
            Kind::Sample(weight) => self.sample(seen, weight, now),
            Kind::Rebinding => self.rebinding(seen, now),
            Kind::Type => self.refused_type(seen, now),
        }
    }

    /// Shows what is asked most.
    pub fn show_top(&mut self, board: &Board, now: u32) {
        let [names, clients] = &mut self.top;
        let names = names.top(MOST_SHOWN, now, |bytes| name::display(bytes).to_string());
        let clients = clients.top(MOST_SHOWN, now, address);
        board.set_top(names, clients);
    }

    /// A question for which a server had to be asked.
    fn miss(&mut self, seen: &Observation, now: u32) -> Option<Found> {
        let mode = self.settings.mode(seen.zone);
        if mode == DetectMode::Off || self.settings.exempt.holds(seen.name()) {
            return None;
        }
        let (labels, domain) = seen.name().split_at(registered(seen.name()));
        let key = self.pairs.hash(seen.client, domain);
        // A name is fresh to the client that asks for it.
        let hash = self.pairs.name(key.0, labels);
        let is_fresh = !labels.is_empty() && self.names.insert(hash, now);
        let is_expansion = is_fresh && seen.rcode == rcode::NXDOMAIN && is_public_host(labels);
        #[expect(clippy::cast_possible_truncation, reason = "differences are what counts")]
        let beat = (seen.at.as_nanos() / 1_000_000) as u32;
        let facts = Facts { labels, hash: cut(hash), is_fresh, is_expansion, now, beat };
        let (pair, is_lost) = self.pairs.entry(key, now);
        self.evicted += u64::from(is_lost);
        if !pair.add(seen, &facts) || !rules::is_worth_judging(pair) {
            return None;
        }
        let verdict = rules::judge(pair, now)?;
        let telling = pair.told[0].find(verdict.score, self.settings.hold, now);
        if telling == Telling::Silent {
            return None;
        }
        let shown = name::display(domain).to_string();
        let reasons = verdict.reasons(pair, shown.trim_end_matches('.'), now);
        let is_convicted = verdict.score >= CONVICTS;
        let severity = match mode {
            DetectMode::RateLimit if is_convicted => Some(Severity::Limit),
            DetectMode::Block if is_convicted => Some(Severity::Block),
            _ => None,
        };
        let action = match severity {
            Some(Severity::Limit) => Action::Limited,
            Some(Severity::Block) => Action::Blocked,
            None => action(mode),
        };
        let count = pair.told[0].found;
        let sentence = severity
            .map(|severity| Sentence::new(seen.client, domain, severity, now.saturating_add(self.settings.hold)));
        let case = Case { rule: verdict.rule, domain: shown, score: verdict.score, reasons, count };
        let mut found = self.found(seen, case, mode, telling);
        found.detection.action = action;
        found.sentence = sentence;
        Some(found)
    }

    /// One of all answers.
    fn sample(&mut self, seen: &Observation, weight: u32, now: u32) -> Option<Found> {
        let (kind, client) = who(seen.client);
        let [names, clients] = &mut self.top;
        names.add(self.pairs.name(0, seen.name()), seen.name(), weight, now);
        let key = self.pairs.name(u64::from(kind), &client.to_be_bytes());
        let octets = seen.client.to_canonical();
        match octets {
            IpAddr::V4(address) => clients.add(key, &address.octets(), weight, now),
            IpAddr::V6(address) => clients.add(key, &address.octets(), weight, now),
        }
        let is_kept = matches!(seen.source, Source::CacheSuccess | Source::CacheDenial | Source::Stale);
        if is_kept && self.settings.mode(seen.zone) != DetectMode::Off {
            let (tag, _) = self.pairs.hash(seen.client, &seen.name()[registered(seen.name())..]);
            if let Some(pair) = self.pairs.find(tag) {
                pair.hits = pair.hits.saturating_add(weight);
            }
        }
        self.rate(seen, weight, now)
    }

    /// How fast its client asks.
    fn rate(&mut self, seen: &Observation, weight: u32, now: u32) -> Option<Found> {
        let mode = self.settings.mode;
        let is_denial = seen.rcode == rcode::NXDOMAIN;
        let (rates, client) = self.clients.add(seen.client, weight, is_denial, now)?;
        let limits = [self.settings.flood_rate, self.settings.denial_rate];
        // A storm says more than the flood that it is, too.
        let at = [1, 0].into_iter().find(|at| rates[*at] > limits[*at]).filter(|_| mode != DetectMode::Off)?;
        let telling = client.told[at].find(CLIENT_SCORE, self.settings.hold, now);
        if telling == Telling::Silent {
            return None;
        }
        let count = client.told[at].found;
        let (rule, what) = [(Rule::Flood, "queries"), (Rule::Denial, "answers that a name does not exist,")][at];
        let mut reasons = vec![format!("{} {what} a second over ten seconds, more than {}", rates[at], limits[at])];
        if rule == Rule::Denial {
            reasons.push(format!("{} queries a second in all", rates[0]));
            reasons.push(format!("the last was for {}", name::display(seen.name())));
        }
        let case = Case { rule, domain: String::new(), score: CLIENT_SCORE, reasons, count };
        Some(self.found(seen, case, mode, telling))
    }

    /// An answer that led to an address which no public name may have.
    fn rebinding(&mut self, seen: &Observation, now: u32) -> Option<Found> {
        let mode = self.settings.mode(seen.zone);
        if mode == DetectMode::Off {
            return None;
        }
        let domain = &seen.name()[registered(seen.name())..];
        let key = self.pairs.hash(seen.client, domain);
        let (pair, is_lost) = self.pairs.entry(key, now);
        self.evicted += u64::from(is_lost);
        pair.last = now;
        pair.rebindings = pair.rebindings.saturating_add(1);
        let (had_addresses, times) = (pair.had_addresses, pair.rebindings);
        let score = match (had_addresses, times) {
            (true, _) => 85,
            (false, 3..) => 75,
            (false, _) => 65,
        };
        let telling = pair.told[1].find(score, self.settings.hold, now);
        let count = pair.told[1].found;
        if telling == Telling::Silent {
            return None;
        }
        let mut reasons =
            vec![format!("{} led to an address that is not public, {times} times", name::display(seen.name()))];
        if had_addresses {
            reasons.push("other answers of the domain had public addresses before".to_owned());
        }
        let case = Case { rule: Rule::Rebinding, domain: name::display(domain).to_string(), score, reasons, count };
        Some(self.found(seen, case, mode, telling))
    }

    /// A question for a type that nobody gets.
    fn refused_type(&mut self, seen: &Observation, now: u32) -> Option<Found> {
        let mode = self.settings.mode;
        let told = &mut self.clients.entry(seen.client, now).told[2];
        let telling = told.find(CLIENT_SCORE, self.settings.hold, now);
        let count = told.found;
        if telling == Telling::Silent || mode == DetectMode::Off {
            return None;
        }
        let domain = name::display(&seen.name()[registered(seen.name())..]).to_string();
        let qtype = rules::type_name(seen.qtype);
        let reasons = vec![format!("asked for the type {qtype} of {}, which is refused", name::display(seen.name()))];
        let case = Case { rule: Rule::Type, domain, score: CLIENT_SCORE, reasons, count };
        Some(self.found(seen, case, mode, telling))
    }

    /// What is told of a case.
    fn found(&self, seen: &Observation, case: Case, mode: DetectMode, telling: Telling) -> Found {
        let Case { rule, domain, score, reasons, count } = case;
        let at = seen.at.as_secs().saturating_add(self.wall);
        let (client, action) = (seen.client.to_canonical(), action(mode));
        Found {
            detection: Detection { at, last: at, rule, client, domain, score, reasons, action, count },
            sentence: None,
            is_loud: telling == Telling::Aloud,
            is_warning: mode != DetectMode::Observe,
        }
    }
}

/// What follows where nobody is sentenced.
const fn action(mode: DetectMode) -> Action {
    match mode {
        DetectMode::Off | DetectMode::Observe => Action::Observed,
        DetectMode::Alert | DetectMode::RateLimit | DetectMode::Block => Action::Alerted,
    }
}

/// A client's address as people write it.
fn address(bytes: &[u8]) -> String {
    match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
        (Ok(v4), _) => IpAddr::from(v4).to_string(),
        (_, Ok(v6)) => IpAddr::from(v6).to_string(),
        _ => String::new(),
    }
}
