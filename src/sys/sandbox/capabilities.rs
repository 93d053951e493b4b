//! Root's privileges one by one (capabilities(7)): none are left, and no program that is started can bring one back.

use std::io;

use nix::libc::{self, c_int, c_ulong};

/// `_LINUX_CAPABILITY_VERSION_3`: two words a set.
const VERSION: u32 = 0x2008_0522;

/// `CAP_KILL`: signals to another user's process.
const KILL: u32 = 5;
/// `CAP_SETGID`: another group.
const SETGID: u32 = 6;
/// `CAP_SETUID`: another user.
const SETUID: u32 = 7;
/// `CAP_SETPCAP`: the bounding set.
const SETPCAP: u32 = 8;
/// `CAP_NET_BIND_SERVICE`: ports below 1024.
const NET_BIND_SERVICE: u32 = 10;
/// `CAP_NET_ADMIN`: interfaces and packet rules.
const NET_ADMIN: u32 = 12;
/// `CAP_NET_RAW`: iptables asks the kernel for its tables by a raw socket.
const NET_RAW: u32 = 13;

/// More than any kernel has; those beyond its last are refused, which ends the search.
const BEYOND: u32 = 64;

/// Header of capget and capset.
#[repr(C)]
struct Header {
    /// [`VERSION`].
    version: u32,
    /// This thread.
    pid: c_int,
}

/// 32 capabilities of the three sets.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Sets {
    /// What holds.
    effective: u32,
    /// What can be made to hold.
    permitted: u32,
    /// What a program that is started may take over.
    inheritable: u32,
}

/// One call of prctl(2) with two numbers.
#[expect(unsafe_code, reason = "prctl has no safe wrapper for these options")]
fn prctl(option: c_int, first: c_ulong, second: c_ulong) -> io::Result<()> {
    let zero: c_ulong = 0;
    // SAFETY: the options used in this file take numbers and no addresses, and change only what this thread may do.
    let status = unsafe { libc::prctl(option, first, second, zero, zero) };
    if status < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// No program that is started from now on gets more rights than this process has, whatever its file says.
pub(super) fn forbid_new() -> io::Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0)
}

/// Takes every capability from what this process and its children could ever get; why not, if that is so.
pub(super) fn drop_bounds() -> Option<String> {
    drop_bounds_except(&[])
}

/// The same, but for some.
fn drop_bounds_except(kept: &[u32]) -> Option<String> {
    for capability in (0..BEYOND).filter(|capability| !kept.contains(capability)) {
        match prctl(libc::PR_CAPBSET_DROP, capability.into(), 0) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => break,
            // Without CAP_SETPCAP nothing can be taken out. What is in there is out of reach all the same: of no_new_privs.
            Err(error) if is_bounded_already() => {
                let _ = error;
                return None;
            }
            Err(_) if held().is_ok_and(|sets| sets.iter().all(|set| set.permitted == 0)) => return None,
            Err(error) => {
                return Some(format!(
                    "the bounding set stays: {error} without CAP_SETPCAP; no_new_privs holds nevertheless"
                ));
            }
        }
    }
    None
}

/// Whether the bounding set is empty.
fn is_bounded_already() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .any(|line| line.strip_prefix("CapBnd:").is_some_and(|set| set.trim().bytes().all(|byte| byte == b'0')))
}

/// Takes every capability from this thread.
pub(super) fn drop_all() -> io::Result<()> {
    // What was to be passed on to programs that are started.
    prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as c_ulong, 0)?;
    set([Sets::default(); 2])
}

/// Makes hold what the program's file lets this process have (setcap, as in an image whose user is not root): the kernel gives it as something
/// that can be made to hold, so that the program also starts where it may not have all of it. Programs that it starts get it, too.
pub(super) fn claim() -> io::Result<()> {
    let mut sets = held()?;
    let known = [NET_BIND_SERVICE, NET_ADMIN, NET_RAW];
    let given = |sets: &[Sets; 2], capability: u32| (sets[0].permitted & !sets[0].effective) >> capability & 1 == 1;
    let claimed: Vec<u32> = known.into_iter().filter(|capability| given(&sets, *capability)).collect();
    if claimed.is_empty() {
        return Ok(());
    }
    for capability in &claimed {
        sets[0].effective |= 1 << capability;
        sets[0].inheritable |= 1 << capability;
    }
    set(sets)?;
    for capability in claimed {
        prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE as c_ulong, capability.into())?;
    }
    Ok(())
}

/// Takes every capability but those that interface and rules need, also from children; those that are left.
pub(super) fn keep_network() -> io::Result<String> {
    keep(&[NET_BIND_SERVICE, NET_ADMIN, NET_RAW])
}

/// Takes every capability but those that a supervisor needs, also from children; those that are left. With SETPCAP the worker empties its
/// bounding set, with SETUID and SETGID it becomes another user, and with KILL it is ended as such.
pub(super) fn keep_supervising(manages_network: bool) -> io::Result<String> {
    let own = [KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE];
    let network = [NET_ADMIN, NET_RAW].into_iter().filter(|_| manages_network);
    keep(&own.into_iter().chain(network).collect::<Vec<_>>())
}

/// Takes every capability but these, also from children; those that are left.
fn keep(kept: &[u32]) -> io::Result<String> {
    // Root's children get what the bounding set leaves; that of an ordinary user they get by the ambient set, which stays.
    drop_bounds_except(kept);
    let mask = kept.iter().fold(0, |mask, capability| mask | 1 << capability);
    let mut sets = held()?;
    for (set, mask) in sets.iter_mut().zip([mask, 0]) {
        set.effective &= mask;
        set.permitted &= mask;
        set.inheritable &= mask;
    }
    set(sets)?;
    Ok(names())
}

/// What this thread holds.
#[expect(unsafe_code, reason = "capget has no safe wrapper")]
fn held() -> io::Result<[Sets; 2]> {
    let mut header = Header { version: VERSION, pid: 0 };
    let mut sets = [Sets::default(); 2];
    // SAFETY: header and sets are of the form of version 3, which has two words a set, and live through the call.
    let status = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, sets.as_mut_ptr()) };
    if status == 0 { Ok(sets) } else { Err(io::Error::last_os_error()) }
}

/// Sets what this thread holds.
#[expect(unsafe_code, reason = "capset has no safe wrapper")]
fn set(sets: [Sets; 2]) -> io::Result<()> {
    let mut header = Header { version: VERSION, pid: 0 };
    // SAFETY: as in `held`; the kernel only reads the sets.
    let status = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, sets.as_ptr()) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// What is held, in words.
pub(super) fn names() -> String {
    let Ok([low, high]) = held() else { return "unknown".to_owned() };
    let all = u64::from(high.permitted) << 32 | u64::from(low.permitted);
    let name = |capability: u32| match capability {
        KILL => "KILL".to_owned(),
        SETGID => "SETGID".to_owned(),
        SETUID => "SETUID".to_owned(),
        SETPCAP => "SETPCAP".to_owned(),
        NET_BIND_SERVICE => "NET_BIND_SERVICE".to_owned(),
        NET_ADMIN => "NET_ADMIN".to_owned(),
        NET_RAW => "NET_RAW".to_owned(),
        other => other.to_string(),
    };
    let names: Vec<String> = (0..BEYOND).filter(|capability| all >> capability & 1 == 1).map(name).collect();
    match names.len() {
        0 => "none".to_owned(),
        1..=8 => names.join("+"),
        many => format!("{many} of root's"),
    }
}
