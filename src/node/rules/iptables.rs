//! Rules by `iptables-save` and `iptables-restore`: those that node-cache makes, to the letter, so that each can take over from the other.
//!
//! Every look reads a table in one call, every change is one call. Rules of ours are known by their comments. These rules hold until somebody
//! removes them: there is no dead-man switch.
//!
//! The lock of iptables may be held by others for long. A call waits for it no longer than [`LOCK_WAIT`] and is killed after
//! [`COMMAND_LIMIT`]; what was not done is done at the next look. At the end there is no next look: rules are removed as soon as the lock is free, if
//! that is within [`REMOVE_LIMIT`].

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

use super::super::{Done, Error, Step};

/// The comment of rules that keep packets away from connection tracking; node-cache has the same.
const SKIP: &str = "NodeLocal DNS Cache: skip conntrack";

/// The comment of rules that let packets pass; node-cache has the same.
const ALLOW: &str = "NodeLocal DNS Cache: allow DNS traffic";

/// How long a call waits for the lock, in seconds.
const LOCK_WAIT: u32 = 2;

/// How long a call may take. A guess: reading 50,000 rules takes about a second.
const COMMAND_LIMIT: Duration = Duration::from_secs(5);

/// How long a removal may take, all its calls together. With `listen.drain-timeout` it has to be less than what systemd and the kubelet grant (25 s
/// and 30 s in `packaging`). A guess: kube-proxy holds the lock for seconds on nodes with very many services.
const REMOVE_LIMIT: Duration = Duration::from_secs(10);

/// Time between two tries of a removal: not every version of iptables waits for the lock itself.
const PAUSE: Duration = Duration::from_millis(200);

/// The exit code of iptables when somebody else holds the lock: `RESOURCE_PROBLEM`.
const RESOURCE_PROBLEM: i32 = 4;

/// The tables with rules of ours.
const TABLES: [&str; 2] = ["raw", "filter"];

/// A rule, and the table it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    /// The table.
    table: &'static str,
    /// The chain.
    chain: String,
    /// All that stands behind the chain, as `iptables-save` prints it.
    text: String,
}

/// IPv4 or IPv6, each of which has programs of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// `iptables`
    V4,
    /// `ip6tables`
    V6,
}

/// Which rules are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    /// All with our comments.
    All,
    /// Those that are not wanted.
    Foreign,
}

/// The rules and how to make them.
#[derive(Debug)]
pub(super) struct Iptables {
    /// The listeners.
    listeners: Vec<SocketAddr>,
    /// The ports of probes.
    health: Vec<u16>,
    /// Where the programs are; `None` is the search path.
    folder: Option<PathBuf>,
}

impl Iptables {
    /// Nothing is done yet.
    pub(super) fn new(listeners: &[SocketAddr], health: &[u16]) -> Self {
        Self { listeners: listeners.to_vec(), health: health.to_vec(), folder: None }
    }

    /// Uses the programs of a folder.
    #[cfg(test)]
    pub(super) fn within(mut self, folder: PathBuf) -> Self {
        self.folder = Some(folder);
        self
    }

    /// Puts in what is missing and takes out what is doubled.
    pub(super) async fn reconcile(&self) -> Result<Done, Error> {
        let (four, six) = tokio::join!(self.reconcile_family(Family::V4), self.reconcile_family(Family::V6));
        let (four, six) = (four.map_err(|error| again(&error))?, six.map_err(|error| again(&error))?);
        Ok(match (four, six) {
            (Done::Unchanged, done) | (done, Done::Unchanged) => done,
            (Done::Created, Done::Created) => Done::Created,
            _ => Done::Repaired,
        })
    }

    /// The rules of a family.
    async fn reconcile_family(&self, family: Family) -> Result<Done, Error> {
        let wanted = self.wanted(family);
        if wanted.is_empty() {
            return Ok(Done::Unchanged);
        }
        let found = self.found(family).await?;
        let mut count: BTreeMap<String, usize> = BTreeMap::new();
        let mut changes = Vec::new();
        let mut is_there = false;
        for rule in &found {
            let seen = count.entry(rule.canonical()).or_default();
            *seen += 1;
            let is_ours = wanted.iter().any(|wanted| wanted.canonical() == rule.canonical());
            is_there |= is_ours;
            if is_ours && *seen > 1 {
                changes.push((rule.table, rule.delete()));
            }
        }
        for rule in wanted.iter().filter(|rule| !count.contains_key(&rule.canonical())) {
            changes.push((rule.table, rule.insert()));
        }
        if changes.is_empty() {
            return Ok(Done::Unchanged);
        }
        self.restore(family, &changes).await?;
        Ok(if is_there { Done::Repaired } else { Done::Created })
    }

    /// Removes all rules with our comments, whoever made them. `is_needed` says whether programs must be there.
    pub(super) async fn remove(&self, is_needed: bool) -> Result<(), Error> {
        self.take_out(Which::All, is_needed).await
    }

    /// Removes the rules with our comments that are not wanted.
    pub(super) async fn remove_foreign(&self) -> Result<(), Error> {
        self.take_out(Which::Foreign, false).await
    }

    /// Removes rules of both families.
    async fn take_out(&self, which: Which, is_needed: bool) -> Result<(), Error> {
        let one = |family| self.take_out_in_time(family, which, is_needed);
        let both = async { tokio::join!(one(Family::V4), one(Family::V6)) };
        match timeout(REMOVE_LIMIT, both).await {
            Ok((four, six)) => four.and(six),
            Err(_) => Err(Error::new(
                Step::Iptables,
                format!("rules with the comment \"{SKIP}\" may be left: iptables took longer than {REMOVE_LIMIT:?}"),
            )),
        }
    }

    /// Removes rules of a family; where all of ours are to go, again and again while somebody else holds the lock and there is time to wait for it.
    async fn take_out_in_time(&self, family: Family, which: Which, is_needed: bool) -> Result<(), Error> {
        let last = Instant::now() + REMOVE_LIMIT.saturating_sub(Duration::from_secs(LOCK_WAIT.into()) + PAUSE);
        loop {
            let Err(error) = self.take_out_of(family, which, is_needed).await else { return Ok(()) };
            if which == Which::Foreign || error.step != Step::IptablesLock || Instant::now() >= last {
                return Err(error);
            }
            debug!(%error, "tried again");
            sleep(PAUSE).await;
        }
    }

    /// Removes rules of a family.
    async fn take_out_of(&self, family: Family, which: Which, is_needed: bool) -> Result<(), Error> {
        let wanted = self.wanted(family);
        let found = match self.found(family).await {
            Ok(found) => found,
            Err(error) if is_needed && !wanted.is_empty() => return Err(error),
            // Where iptables does not run, nobody can have used it.
            Err(_) => return Ok(()),
        };
        let is_kept =
            |rule: &Rule| which == Which::Foreign && wanted.iter().any(|wanted| wanted.canonical() == rule.canonical());
        let changes: Vec<_> =
            found.iter().filter(|rule| !is_kept(rule)).map(|rule| (rule.table, rule.delete())).collect();
        if changes.is_empty() {
            return Ok(());
        }
        let number = changes.len();
        self.restore(family, &changes).await.map_err(|error| {
            let message =
                format!("{number} rules of {} with the comments of node-cache are left: {error}", family.name());
            Error { step: error.step, message }
        })
    }

    /// The rules that should be there, as `iptables-save` prints them.
    fn wanted(&self, family: Family) -> Vec<Rule> {
        let mut rules: Vec<Rule> = Vec::new();
        for listener in self.listeners.iter().filter(|listener| listener.is_ipv4() == (family == Family::V4)) {
            let (ip, port) = (listener.ip(), listener.port());
            let prefix = if family == Family::V4 { 32 } else { 128 };
            let mut add = |table, chain: &str, end: char, protocol: &str, port: u16| {
                let (comment, target) = if table == "raw" { (SKIP, "NOTRACK") } else { (ALLOW, "ACCEPT") };
                let text = format!(
                    "-{end} {ip}/{prefix} -p {protocol} -m {protocol} --{end}port {port} -m comment --comment \"{comment}\" -j {target}"
                );
                let rule = Rule { table, chain: chain.to_owned(), text };
                if !rules.contains(&rule) {
                    rules.push(rule);
                }
            };
            for protocol in ["tcp", "udp"] {
                add("raw", "PREROUTING", 'd', protocol, port);
                add("filter", "INPUT", 'd', protocol, port);
                add("raw", "OUTPUT", 's', protocol, port);
                add("filter", "OUTPUT", 's', protocol, port);
                // Programs of the node itself.
                add("raw", "OUTPUT", 'd', protocol, port);
            }
            // Probes come from the node itself.
            for end in self.health.iter().flat_map(|port| [('d', *port), ('s', *port)]) {
                add("raw", "OUTPUT", end.0, "tcp", end.1);
            }
        }
        rules
    }

    /// The rules that are there and have our comments.
    async fn found(&self, family: Family) -> Result<Vec<Rule>, Error> {
        let mut rules = Vec::new();
        for table in TABLES {
            let text = self.run(family, "save", &["-t", table], "").await?;
            rules.extend(text.lines().filter_map(|line| Rule::parse(table, line)));
        }
        Ok(rules)
    }

    /// Makes changes, all those of a table in one step.
    async fn restore(&self, family: Family, changes: &[(&str, String)]) -> Result<(), Error> {
        let mut input = String::new();
        for table in TABLES {
            let lines: Vec<_> = changes.iter().filter(|(of, _)| *of == table).map(|(_, line)| line.as_str()).collect();
            if !lines.is_empty() {
                input.push_str(&format!("*{table}\n{}\nCOMMIT\n", lines.join("\n")));
            }
        }
        let wait = format!("--wait={LOCK_WAIT}");
        self.run(family, "restore", &["--noflush", &wait], &input).await.map(|_| ())
    }

    /// Runs one of the programs; what it prints.
    async fn run(&self, family: Family, verb: &str, arguments: &[&str], input: &str) -> Result<String, Error> {
        let name = format!("{}-{verb}", family.name());
        let program = self.folder.as_ref().map_or_else(|| PathBuf::from(&name), |folder| folder.join(&name));
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let work = async {
            let mut child = command.spawn()?;
            if let Some(mut to) = child.stdin.take() {
                // One that has ended already says why.
                let _ = to.write_all(input.as_bytes()).await;
            }
            child.wait_with_output().await
        };
        let output = match timeout(COMMAND_LIMIT, work).await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
                let text = format!("{name} is not installed; rules.backend = \"nftables\" needs no program");
                return Err(Error::new(Step::Iptables, text));
            }
            Ok(Err(error)) => return Err(Error::new(Step::Iptables, format!("{name} cannot be run: {error}"))),
            Err(_) => {
                let text = format!("{name} took longer than {COMMAND_LIMIT:?} and was killed");
                return Err(Error::new(Step::Iptables, text));
            }
        };
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().next().unwrap_or_default();
        if output.status.code() == Some(RESOURCE_PROBLEM) {
            let text = format!("{name}: another program holds the lock of iptables ({said})");
            return Err(Error::new(Step::IptablesLock, text));
        }
        Err(Error::new(Step::Iptables, format!("{name} failed, {}: {said}", output.status)))
    }
}

/// The failure of something that is done at the next look.
fn again(error: &Error) -> Error {
    Error { step: error.step, message: format!("{error}; it is tried again") }
}

impl Family {
    /// What names of programs begin with.
    const fn name(self) -> &'static str {
        match self {
            Self::V4 => "iptables",
            Self::V6 => "ip6tables",
        }
    }
}

impl Rule {
    /// A line of `iptables-save`, if it has one of our comments.
    fn parse(table: &'static str, line: &str) -> Option<Self> {
        let (chain, text) = line.strip_prefix("-A ")?.split_once(' ')?;
        let has = |comment: &str| text.contains(&format!("--comment \"{comment}\""));
        (has(SKIP) || has(ALLOW)).then(|| Self { table, chain: chain.to_owned(), text: text.to_owned() })
    }

    /// The line that deletes it.
    fn delete(&self) -> String {
        format!("-D {} {}", self.chain, self.text)
    }

    /// The line that puts it before all others.
    fn insert(&self) -> String {
        format!("-I {} 1 {}", self.chain, self.text)
    }

    /// The same for rules that say the same: versions of iptables differ in the order of options and in how they print NOTRACK.
    fn canonical(&self) -> String {
        let text = self.text.replace("-j CT --notrack", "-j NOTRACK");
        let mut options: Vec<String> = Vec::new();
        let mut is_quoted = false;
        for word in text.split(' ') {
            match options.last_mut() {
                Some(last) if is_quoted || !word.starts_with('-') => {
                    last.push(' ');
                    last.push_str(word);
                }
                _ => options.push(word.to_owned()),
            }
            is_quoted ^= word.matches('"').count() % 2 == 1;
        }
        options.retain(|option| !option.starts_with("-m "));
        options.sort_unstable();
        format!("{} {} {}", self.table, self.chain, options.join(" "))
    }
}
