//! What the process that answers gives up before it has a second thread.
//!
//! Whoever takes it over by a fault in what it parses finds: another user than root, no capabilities and no way to get some, the system calls of
//! [`calls`] and no others, the files that the configuration names and no others, and sockets of the internet as before, for that is its work.
//! What a kernel does not have is reported, not fatal: a node without landlock still wants its DNS. The reasons for each part are in the
//! manual ([`manual::sandbox`](crate::manual::sandbox)).
//!
//! - [`user`] who the process is.
//! - `capabilities` what root may do, taken away piece by piece.
//! - [`files`] which files are left (landlock).
//! - [`calls`] the system calls that are left, each with its user.
//! - `filter` the program that the kernel asks about each of them (seccomp).

use std::fmt;
use std::io;
use std::path::PathBuf;

use nix::sys::resource::{Resource, setrlimit};
use rand::TryRng as _;
use rand::rngs::SysRng;

use crate::config::{ClientSource, Config, LogOutput};
use crate::error::{ExitCode, Failure};

pub mod calls;
mod capabilities;
pub mod files;
mod filter;
pub mod user;

#[cfg(test)]
mod tests;

use user::User;

/// What a process gives up.
#[derive(Clone, Debug)]
pub struct Sandbox {
    /// Whether it gives up anything at all (`sandbox.enabled`).
    pub enabled: bool,
    /// Who it is from then on, if it is root now (`sandbox.user`).
    pub user: String,
    /// The files that it reads again at a reload, the one that an operator would look at first before the others.
    pub config: Vec<PathBuf>,
    /// Files that it reads, now and whenever their content changes. Their folders become readable, since a file is replaced by another.
    pub readable: Vec<PathBuf>,
    /// Files that it writes, and the options that name them. Their folders become writable.
    pub writable: Vec<(&'static str, PathBuf)>,
    /// Whether it writes to a socket of somebody else's in the file system, and connects again when that somebody is gone.
    pub writes_to_socket: bool,
    /// Whether the same process manages interface or rules: then it keeps NET_ADMIN, its user and the way to start iptables, and gives
    /// up the rest of its capabilities alone.
    pub manages_network: bool,
}

/// What holds from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The user's number.
    pub uid: u32,
    /// What it may still do as root might: "none", or names.
    pub capabilities: String,
    /// System calls that are allowed, or "off".
    pub calls: String,
    /// The version of landlock that holds, or "off".
    pub files: String,
    /// What does not hold, and why; with what to do about it. Empty is best.
    pub missing: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { uid, capabilities, calls, files, missing } = self;
        write!(f, "uid {uid}, capabilities {capabilities}, system calls {calls}, landlock {files}")?;
        missing.iter().try_for_each(|what| write!(f, "; {what}"))
    }
}

impl Sandbox {
    /// What a daemon with this configuration can do without.
    #[must_use]
    pub fn of(config: &Config, files: &[PathBuf]) -> Self {
        let authorities = config.upstreams.iter().filter_map(|upstream| upstream.ca.as_ref());
        let clients = [&config.clients.token, &config.clients.ca];
        let asks = config.clients.source != ClientSource::None;
        let named = [&config.local.hosts, &config.policy.block_file, &config.dnssec.anchors];
        let hosts = config.zones.iter().filter_map(|zone| zone.rules.hosts.file.as_ref());
        let snapshot = config.cache.snapshot.iter().map(|path| ("cache.snapshot", path.clone()));
        let query_log = match &config.query_log.output {
            LogOutput::File(path) => Some(("query-log.output", path.clone())),
            _ => None,
        };
        let named = named.into_iter().chain(clients.into_iter().filter(|_| asks));
        Self {
            enabled: config.sandbox.enabled,
            user: config.sandbox.user.clone(),
            config: files.to_vec(),
            readable: named.flatten().chain(authorities).chain(hosts).cloned().collect(),
            writable: snapshot.chain(query_log).collect(),
            writes_to_socket: matches!(config.query_log.output, LogOutput::Socket(_)),
            manages_network: false,
        }
    }

    /// User and group of the process once it has entered, if it will be another than now.
    #[must_use]
    pub fn becomes(&self) -> Option<(u32, u32)> {
        let changes = self.enabled && !self.manages_network && user::now() == 0;
        // A user that there is not is an error when the sandbox is entered.
        User::named(&self.user).ok().flatten().filter(|_| changes).map(|user| (user.uid, user.gid))
    }

    /// Gives it up, for ever. To be called when sockets of low ports are bound, and before there is a second thread: what is given up here
    /// is partly each thread's own.
    ///
    /// # Errors
    ///
    /// If there is another thread, the user that was asked for is not to be had, a file of the configuration cannot be read by that user,
    /// or the kernel refuses what every kernel since 5.4 grants.
    pub fn enter(&self) -> Result<Report, Failure> {
        let mut missing = Vec::new();
        if !self.enabled {
            missing.push("sandbox.enabled is false".to_owned());
            let capabilities = capabilities::names();
            return Ok(Report { uid: user::now(), capabilities, calls: "off".into(), files: "off".into(), missing });
        }
        if threads() > 1 {
            return Err(Failure::new(ExitCode::Software, "the sandbox was entered by a process with several threads"));
        }
        Self::limit().map_err(|error| refused("resource limits", &error))?;
        if self.manages_network {
            let left = capabilities::keep_network().map_err(|error| refused("capabilities", &error))?;
            missing.push(
                "this process manages interface or rules and starts iptables: it stays the user it is, with all system calls and files; \
                 without --no-supervisor another process does that"
                    .to_owned(),
            );
            return Ok(Report {
                uid: user::now(),
                capabilities: left,
                calls: "off".into(),
                files: "off".into(),
                missing,
            });
        }
        // A static program, as in the image, finds no getrandom by name in the C library, so that the crate of that name reads /dev/urandom. That
        // will be out of reach: from its first number on, it keeps the file open. Whether there are random numbers is seen where they are used.
        let _ = SysRng.try_next_u64();
        capabilities::forbid_new().map_err(|error| refused("no_new_privs", &error))?;
        // Before the capability to do so is gone.
        if let Some(reason) = capabilities::drop_bounds() {
            missing.push(reason);
        }
        match User::named(&self.user)? {
            Some(user) if user::now() == 0 => missing.extend(user.become_it(!self.user.is_empty())?),
            Some(user) if user.uid != user::now() && !self.user.is_empty() => missing.push(format!(
                "sandbox.user: the process is user {} and stays it, only root can become {}",
                user::now(),
                user.uid
            )),
            _ => {}
        }
        if user::now() == 0 {
            missing.push("the user is root: files that root owns are open to it".to_owned());
        }
        capabilities::drop_all().map_err(|error| refused("capabilities", &error))?;
        missing.extend(self.check_readable()?);
        missing.extend(self.unwritable());
        let files = files::restrict(self.readable.iter().chain(&self.config), &self.writable, &mut missing);
        // The last question of this kind: the filter refuses it.
        let capabilities = capabilities::names();
        let calls = match filter::enforce(self.writes_to_socket) {
            Ok(count) => format!("{count} allowed"),
            Err(error) => {
                missing.push(format!("seccomp: {error}; the kernel needs CONFIG_SECCOMP_FILTER"));
                "off".to_owned()
            }
        };
        Ok(Report { uid: user::now(), capabilities, calls, files, missing })
    }

    /// No core file: it would hold what clients asked. The size of files stays open: standard error may lead to a long one, and the limit's
    /// signal would end the process for it.
    fn limit() -> io::Result<()> {
        Ok(setrlimit(Resource::RLIMIT_CORE, 0, 0)?)
    }

    /// That what the configuration names can be read by whoever the process is now, so that a mistake shows at the start and not at the next
    /// reload. A file that is not there is somebody else's to complain of.
    fn check_readable(&self) -> Result<Option<String>, Failure> {
        let closed = |path: &PathBuf| match std::fs::File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Some(format!(
                "{} cannot be read by the user {}, who answers: let that user (`chmod o+r`, and `chmod o+x` for its folders), or \
                 name another in sandbox.user",
                path.display(),
                user::now()
            )),
            _ => None,
        };
        match self.readable.iter().find_map(closed) {
            Some(text) => Err(Failure::new(ExitCode::NoPermission, text)),
            // It has been read once; the node has its DNS until somebody changes it.
            None => {
                Ok(self.config.iter().find_map(closed).map(|text| format!("{text}; until then a reload will fail")))
            }
        }
    }

    /// Which of the files cannot be replaced by whoever the process is now.
    fn unwritable(&self) -> impl Iterator<Item = String> + '_ {
        self.writable.iter().filter_map(|(option, path)| {
            let folder = files::folder(path);
            let error = nix::unistd::access(&folder, nix::unistd::AccessFlags::W_OK).err()?;
            let (folder, uid) = (folder.display(), user::now());
            Some(format!("{option}: {folder} is not writable for the user {uid} ({error}); `chown {uid} {folder}`"))
        })
    }
}

/// Takes up the right to low ports, interfaces and packet rules, where the program's file carries it and another user than root started it. To be
/// called while there is one thread, before sockets are bound.
///
/// # Errors
///
/// What the kernel says.
pub fn claim() -> io::Result<()> {
    capabilities::claim()
}

/// Takes from a supervisor what it does not need: all capabilities but those to bind low ports, to start and end a worker that is another user, and,
/// if it manages interface or rules, those to do so. What is left, in words. To be called while there is one thread.
///
/// # Errors
///
/// What the kernel says.
pub fn supervise(manages_network: bool) -> io::Result<String> {
    capabilities::keep_supervising(manages_network)
}

/// Threads of this process; 1 where /proc is not to be had.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

/// A failure of the kernel's.
fn refused(what: &str, error: &io::Error) -> Failure {
    Failure::new(
        ExitCode::System,
        format!("sandbox: {what}: {error}; `[sandbox] enabled = false` starts without, until it is known why"),
    )
}
