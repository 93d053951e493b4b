//! What the kernel says of this process: time, memory, descriptors.
//!
//! Read for each scrape, about 50 µs. Where /proc is not to be had, as in a strict sandbox, the values are missing.

use std::fs;

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};

/// What a process takes and may take.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// User and system time of all threads.
    pub cpu_seconds: Option<f64>,
    /// Open file descriptors.
    pub open_descriptors: Option<u64>,
    /// Soft limit of open file descriptors.
    pub max_descriptors: Option<u64>,
    /// Virtual memory.
    pub virtual_bytes: Option<u64>,
    /// Soft limit of virtual memory; unlimited is the largest number.
    pub max_virtual_bytes: Option<u64>,
    /// Resident memory.
    pub resident_bytes: Option<u64>,
    /// Start of the process, since 1970-01-01 UTC.
    pub start_seconds: Option<f64>,
}

/// What this process takes now.
#[must_use]
pub fn usage() -> Usage {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    Usage {
        cpu_seconds: cpu_seconds(),
        open_descriptors: open_descriptors(),
        max_descriptors: getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| soft),
        virtual_bytes: status_bytes(&status, "VmSize:"),
        max_virtual_bytes: getrlimit(Resource::RLIMIT_AS).ok().map(|(soft, _)| soft),
        resident_bytes: status_bytes(&status, "VmRSS:"),
        start_seconds: start_seconds(),
    }
}

/// User and system time of all threads.
fn cpu_seconds() -> Option<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Some(seconds(usage.user_time()) + seconds(usage.system_time()))
}

/// Open file descriptors, without the one that counts them.
fn open_descriptors() -> Option<u64> {
    let entries = fs::read_dir("/proc/self/fd").ok()?;
    u64::try_from(entries.count().saturating_sub(1)).ok()
}

/// A line such as `VmRSS:     9184 kB` of /proc/self/status, in bytes.
fn status_bytes(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Start of the process: ticks after boot, and when that was.
fn start_seconds() -> Option<f64> {
    let ticks = start_ticks(&fs::read_to_string("/proc/self/stat").ok()?)?;
    let boot = fs::read_to_string("/proc/stat").ok()?;
    let boot: u64 = boot.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(boot as f64 + ticks as f64 / ticks_per_second()? as f64)
}

/// Field 22 of /proc/PID/stat. The command in field 2 may hold blanks and brackets, so the count starts at its last bracket.
fn start_ticks(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(22 - 3)?.parse().ok()
}

/// What the kernel counts process times in; 100 on every architecture of today.
#[expect(unsafe_code, reason = "nix offers sysconf only with a feature that brings much else")]
fn ticks_per_second() -> Option<u64> {
    // SAFETY: sysconf takes a number and has no other effect than its result.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    u64::try_from(ticks).ok().filter(|&ticks| ticks > 0)
}

/// Raises the soft limit on open files to the hard one (`getrlimit(2)`).
///
/// # Errors
///
/// What the kernel says.
pub fn raise_descriptor_limit() -> std::io::Result<u64> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(hard)
}

/// The nice value of a thread that is last in line, `setpriority(2)`.
pub(in crate::sys) const LAST: libc::c_int = 19;

/// Lets all other threads go first from now on (nice value [`LAST`]), this thread and those that it starts. A kernel that will not
/// changes nothing.
#[expect(unsafe_code, reason = "setpriority has no safe wrapper")]
pub fn let_others_go_first() {
    // SAFETY: takes numbers, of which 0 is the calling thread, and touches no memory.
    let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, LAST) };
}

/// What `ps -e` and `top` call this process; it was started by a path that says nothing. At most 15 bytes; a kernel that will not changes nothing.
pub fn call(name: &std::ffi::CStr) {
    let _ = nix::sys::prctl::set_name(name);
}

/// Ends this process, whatever it does, when the thread ends that started it (`PR_SET_PDEATHSIG`). The kernel forgets this when the process becomes
/// another user's: then it has to be said again.
///
/// # Errors
///
/// What the kernel says.
pub fn end_with_parent() -> std::io::Result<()> {
    Ok(nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_described() {
        let usage = usage();
        assert!(usage.cpu_seconds.unwrap() >= 0.0);
        assert!(usage.open_descriptors.unwrap() >= 3);
        assert!(usage.max_descriptors.unwrap() >= usage.open_descriptors.unwrap());
        assert!(usage.resident_bytes.unwrap() > 1 << 20);
        assert!(usage.virtual_bytes.unwrap() >= usage.resident_bytes.unwrap());
        // After 2020, that is, not in ticks or since boot.
        assert!(usage.start_seconds.unwrap() > 1_577_836_800.0);
    }

    #[test]
    fn a_command_with_brackets_and_blanks_does_not_shift_the_fields() {
        let stat = "7 (a) (b c) S 1 7 7 0 -1 4194304 1 0 0 0 3 4 0 0 20 0 3 0 987654 1 2 3";
        assert_eq!(start_ticks(stat), Some(987_654));
        assert_eq!(start_ticks("7 (a"), None);
    }

    #[test]
    fn memory_is_in_bytes() {
        assert_eq!(status_bytes("Name:\tx\nVmRSS:\t    9184 kB\n", "VmRSS:"), Some(9184 * 1024));
        assert_eq!(status_bytes("Name:\tx\n", "VmRSS:"), None);
    }
}
