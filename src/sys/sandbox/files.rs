//! Which files are left (landlock(7)): those that the configuration names, with their folders, and what the system tells in files.
//!
//! Files are given by folder, since editors, Kubernetes and systemd put another file in the place of the one before, which has nothing of what
//! was allowed for the old one. A file in the root folder is given alone. Links are followed once, at the start.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, LandlockStatus, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, Scope,
};

/// What the system tells in files, each with its reader.
pub const SYSTEM: &[(&str, &str)] = &[
    ("/proc/self", "metrics of the process; the map of its own code; its control group"),
    ("/proc/stat", "when the machine was started, for the age of the process"),
    ("/proc/sys/vm/overcommit_memory", "the allocator"),
    ("/proc/sys/kernel/hostname", "local.identity"),
    ("/sys/fs/cgroup", "cores and memory that the process may use"),
    ("/sys/devices/system/node", "the allocator: which memory is near"),
    ("/sys/devices/system/cpu", "cores that the process may use"),
    ("/etc/resolv.conf", "the machine's nameservers, when no other are configured"),
    ("/run/systemd/resolve", "those behind systemd-resolved"),
    ("/etc/ssl", "the system's certificates (rustls-native-certs)"),
    ("/etc/pki", "the same on Fedora and its kin"),
    ("/etc/ca-certificates", "the same on Arch"),
    ("/usr/share/ca-certificates", "what links in /etc/ssl/certs lead to"),
    ("/usr/local/share/ca-certificates", "the same, of the machine's owner"),
    ("/usr/share/ca-certs", "the same on Clear Linux"),
    ("/var/lib/ca-certificates", "the same on SUSE"),
];

/// Variables that say where certificates are (rustls-native-certs).
const CERTIFICATES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// The newest version whose rights are known here.
const NEWEST: ABI = ABI::V6;

/// The folder of a file.
pub(super) fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// What is given for a file that is read: its folder, or itself if that would be everything. A folder whose names are read is given itself.
fn given(path: &Path) -> impl Iterator<Item = PathBuf> {
    let whole = |path: PathBuf| {
        let folder = folder(&path);
        if folder == Path::new("/") || path.is_dir() { path } else { folder }
    };
    // Where the path leads to, too: resolv.conf may be a link into /run, and a hosts file one into somebody's home.
    let target = path.canonicalize().ok().map(whole);
    [Some(whole(path.to_owned())), target].into_iter().flatten()
}

/// All that is readable.
fn all_readable<'a>(readable: impl Iterator<Item = &'a PathBuf>) -> BTreeSet<PathBuf> {
    let system = SYSTEM.iter().map(|(path, _)| PathBuf::from(path));
    let resolv = Path::new("/etc/resolv.conf").canonicalize().ok().filter(|target| !target.starts_with("/etc"));
    let certificates = CERTIFICATES
        .iter()
        .filter_map(std::env::var_os)
        .flat_map(|list| std::env::split_paths(&list).collect::<Vec<_>>());
    let linked = resolv.iter().map(|target| folder(target));
    readable.flat_map(|path| given(path)).chain(system).chain(linked).chain(certificates).collect()
}

/// Takes all other files away, for ever; the version that holds, or "off". What does not hold goes to `missing`.
pub(super) fn restrict<'a>(
    readable: impl Iterator<Item = &'a PathBuf>,
    writable: &[(&'static str, PathBuf)],
    missing: &mut Vec<String>,
) -> String {
    match try_restrict(&all_readable(readable), writable, missing) {
        Ok(version) => version,
        Err(error) => {
            missing.push(format!("landlock: {error}"));
            "off".to_owned()
        }
    }
}

/// The same, with errors that are for nobody but the log.
fn try_restrict(
    readable: &BTreeSet<PathBuf>,
    writable: &[(&'static str, PathBuf)],
    missing: &mut Vec<String>,
) -> Result<String, landlock::RulesetError> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        // No signal leaves this process but to itself, and no unnamed door of another program opens.
        .scope(Scope::Signal | Scope::AbstractUnixSocket)?
        .create()?;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    for path in readable {
        rules = add(rules, path, read)?;
    }
    let write = read | AccessFs::WriteFile | AccessFs::MakeReg | AccessFs::RemoveFile | AccessFs::Truncate;
    for (option, path) in writable {
        let folder = folder(path);
        if !folder.is_dir() {
            missing.push(format!("{option}: {} is no folder; create it before the start", folder.display()));
        }
        rules = add(rules, &folder, write)?;
    }
    let status = rules.restrict_self()?;
    Ok(match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => {
            missing.push(
                "landlock is not among the kernel's security modules (`lsm=landlock,…` on its command line)".to_owned(),
            );
            "off".to_owned()
        }
        (RulesetStatus::NotEnforced, _) => {
            missing.push("the kernel has no landlock (Linux 5.13)".to_owned());
            "off".to_owned()
        }
        (_, LandlockStatus::Available { effective_abi, .. }) => {
            let version = effective_abi as i32;
            if effective_abi < ABI::V3 {
                missing.push(format!("landlock {version} does not keep readable files from being cut short"));
            }
            format!("version {version}")
        }
        _ => "unknown".to_owned(),
    })
}

/// Gives one path, if it is there.
fn add(
    rules: landlock::RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<landlock::RulesetCreated, landlock::RulesetError> {
    let Ok(descriptor) = PathFd::new(path) else { return Ok(rules) };
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(NEWEST) };
    rules.add_rule(PathBeneath::new(descriptor, access))
}
