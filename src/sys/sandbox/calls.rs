//! The system calls that are left, each with whoever makes it. What is not in this table is answered with EPERM.
//!
//! An answer and not the end of the process: a library that tries something new goes on without it, and the node keeps its DNS. The
//! kernel writes each refusal to the audit log (`type=1326`, with the call's number).
//! Found by following the daemon's calls from start to end over UDP, TCP, TLS, reload, validation and snapshot, in both profiles, and by
//! reading what the rare paths of the C library, the allocator and the runtime do: an abort, a signal, a thread's first breath.

use nix::libc::{self, c_long};

use crate::sys::process::LAST;

/// What an argument must be for a call to be allowed: its bits under `mask` are `value`.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    /// Which, from 0.
    pub index: u32,
    /// Which bits.
    pub mask: u64,
    /// What they must be.
    pub value: u64,
}

/// A call that is allowed.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Its number on this architecture.
    pub number: c_long,
    /// Conditions, all of which must hold.
    pub arguments: &'static [Argument],
    /// Who makes it, and what for.
    pub user: &'static str,
}

/// A call with any arguments.
const fn any(number: c_long, user: &'static str) -> Call {
    Call { number, arguments: &[], user }
}

/// A call with some arguments only.
const fn only(number: c_long, arguments: &'static [Argument], user: &'static str) -> Call {
    Call { number, arguments, user }
}

/// The low word of an argument is a number; the kernel reads no more of an int.
const fn is(index: u32, value: u64) -> Argument {
    Argument { index, mask: 0xffff_ffff, value }
}

/// `PROT_EXEC` is not asked for: nothing that was written becomes a program.
const NOT_EXECUTABLE: &[Argument] = &[Argument { index: 2, mask: libc::PROT_EXEC as u64, value: 0 }];
/// A thread of this process, and in no namespace of its own.
const A_THREAD: &[Argument] = &[Argument {
    index: 0,
    mask: (libc::CLONE_THREAD
        | libc::CLONE_VM
        | libc::CLONE_NEWUSER
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWPID) as u64,
    value: (libc::CLONE_THREAD | libc::CLONE_VM) as u64,
}];
/// No other process and no new limits.
const ASKS_LIMITS: &[Argument] = &[is(0, 0), Argument { index: 2, mask: u64::MAX, value: 0 }];
/// Bits of a socket's type that are no flags.
const KIND: u64 = 0xf;

/// A socket of this family and kind.
const fn socket(family: &'static [Argument], user: &'static str) -> Call {
    only(libc::SYS_socket, family, user)
}

/// A stream or datagrams of one family of the internet.
macro_rules! internet {
    ($family:ident, $kind:ident) => {
        &[is(0, libc::$family as u64), Argument { index: 1, mask: KIND, value: libc::$kind as u64 }]
    };
}

/// The calls, the frequent ones first.
pub const CALLS: &[Call] = &[
    //------ Queries and answers ---------------------------------------------
    any(libc::SYS_recvmmsg, "listener: datagrams in batches"),
    any(libc::SYS_sendmmsg, "listener: answers in batches"),
    any(libc::SYS_read, "listener, upstream: streams; event loop: wake-ups, inotify; files"),
    any(libc::SYS_write, "event loop: wake-ups; log; snapshot"),
    any(libc::SYS_readv, "upstream: TLS records"),
    any(libc::SYS_writev, "listener, upstream: length and message at once"),
    any(libc::SYS_sendto, "upstream: questions; listener: streams; getifaddrs"),
    any(libc::SYS_recvfrom, "upstream: answers; listener: streams"),
    any(libc::SYS_sendmsg, "supervisor's channel: descriptors"),
    any(libc::SYS_recvmsg, "supervisor's channel; listener: datagrams in pieces; getifaddrs"),
    any(libc::SYS_accept4, "listener, control, admin socket: connections"),
    any(libc::SYS_epoll_pwait, "event loop"),
    #[cfg(target_arch = "x86_64")]
    any(libc::SYS_epoll_wait, "event loop"),
    any(libc::SYS_epoll_ctl, "event loop"),
    any(libc::SYS_futex, "locks, channels, ends of threads"),
    any(libc::SYS_close, "sockets and files"),
    //------ Sockets ---------------------------------------------------------
    socket(internet!(AF_INET, SOCK_DGRAM), "upstream: questions; listener: self-queries"),
    socket(internet!(AF_INET, SOCK_STREAM), "upstream: TCP and TLS; control"),
    socket(internet!(AF_INET6, SOCK_DGRAM), "upstream: questions; listener: self-queries"),
    socket(internet!(AF_INET6, SOCK_STREAM), "upstream: TCP and TLS; control"),
    socket(
        &[is(0, libc::AF_NETLINK as u64), is(2, libc::NETLINK_ROUTE as u64)],
        "getifaddrs: own addresses, every five seconds",
    ),
    only(libc::SYS_socketpair, &[is(0, libc::AF_UNIX as u64)], "event loop: signals"),
    any(libc::SYS_bind, "upstream: a port at random; control"),
    any(libc::SYS_connect, "upstream; self-check"),
    any(libc::SYS_listen, "control"),
    any(libc::SYS_shutdown, "listener, upstream: the end of a stream"),
    any(libc::SYS_getsockname, "listener: which address; upstream: which port"),
    any(libc::SYS_getpeername, "listener, control: whose connection"),
    any(libc::SYS_getsockopt, "upstream: why a connection failed; admin socket: who is at the other end"),
    any(libc::SYS_setsockopt, "listener, upstream: no delay, no fragments, time-outs"),
    only(libc::SYS_ioctl, &[is(1, libc::FIONBIO)], "standard library: sockets that do not wait"),
    any(libc::SYS_fcntl, "copies of descriptors; closed on exec"),
    any(libc::SYS_epoll_create1, "event loop"),
    any(libc::SYS_eventfd2, "event loop: wake-ups"),
    any(libc::SYS_ppoll, "standard library: waiting with a time-out"),
    #[cfg(target_arch = "x86_64")]
    any(libc::SYS_poll, "standard library: waiting with a time-out"),
    //------ Memory ----------------------------------------------------------
    only(libc::SYS_mmap, NOT_EXECUTABLE, "allocator; stacks of threads"),
    only(libc::SYS_mprotect, NOT_EXECUTABLE, "allocator; guards of stacks"),
    any(libc::SYS_munmap, "allocator; stacks of threads that have ended"),
    any(libc::SYS_mremap, "C library: large blocks that grow"),
    any(libc::SYS_madvise, "allocator: memory given back; code of the start given back"),
    any(libc::SYS_brk, "C library's allocator, before ours and in libraries"),
    any(libc::SYS_getcpu, "allocator: which memory is near"),
    only(libc::SYS_prctl, &[is(0, libc::PR_SET_VMA as u64)], "allocator: names of mappings"),
    only(
        libc::SYS_prctl,
        &[is(0, libc::PR_SET_PDEATHSIG as u64)],
        "worker: ends with its supervisor, also as another user",
    ),
    any(libc::SYS_memfd_create, "snapshot for the supervisor"),
    //------ Threads, signals, the end ---------------------------------------
    only(libc::SYS_clone, A_THREAD, "threads: disk, reload, workers"),
    only(libc::SYS_prctl, &[is(0, libc::PR_SET_NAME as u64)], "names of threads"),
    any(libc::SYS_set_robust_list, "C library: a thread begins"),
    any(libc::SYS_rseq, "C library: a thread begins"),
    any(libc::SYS_sched_getaffinity, "C library: a thread's stack; cores at the start"),
    any(libc::SYS_sched_yield, "locks"),
    only(
        libc::SYS_setpriority,
        &[is(0, libc::PRIO_PROCESS as u64), is(1, 0), is(2, LAST as u64)],
        "threads that others go before: snapshot",
    ),
    any(libc::SYS_gettid, "C library: an abort; threads"),
    any(libc::SYS_getpid, "C library: an abort; random numbers after a fork"),
    any(libc::SYS_tgkill, "C library: an abort; landlock keeps signals inside where it is there"),
    any(libc::SYS_rt_sigaction, "signals; an abort"),
    any(libc::SYS_rt_sigprocmask, "signals; a thread begins"),
    any(libc::SYS_rt_sigreturn, "signals"),
    any(libc::SYS_sigaltstack, "standard library: a thread begins and ends"),
    any(libc::SYS_restart_syscall, "the kernel: waiting goes on after a stop"),
    any(libc::SYS_exit, "the end of a thread"),
    any(libc::SYS_exit_group, "the end"),
    //------ Time, chance, the process itself --------------------------------
    any(libc::SYS_clock_gettime, "clock, on machines whose clock needs the kernel"),
    any(libc::SYS_gettimeofday, "the same, by libraries"),
    any(libc::SYS_clock_nanosleep, "libraries that wait"),
    any(libc::SYS_nanosleep, "libraries that wait"),
    any(libc::SYS_getrandom, "ports, ids, keys"),
    any(libc::SYS_getrusage, "metrics of the process"),
    only(libc::SYS_prlimit64, ASKS_LIMITS, "metrics; C library: a thread's stack"),
    any(libc::SYS_sysinfo, "C library: sorting much"),
    any(libc::SYS_uname, "C library"),
    any(libc::SYS_getuid, "libraries that ask who they are"),
    any(libc::SYS_geteuid, "snapshot: is the file ours"),
    any(libc::SYS_getgid, "libraries that ask who they are"),
    any(libc::SYS_getegid, "libraries that ask who they are"),
    //------ Files: which, landlock and the user decide ----------------------
    any(libc::SYS_openat, "configuration and what it names; /proc; snapshot"),
    #[cfg(target_arch = "x86_64")]
    any(libc::SYS_open, "allocator: overcommit"),
    any(libc::SYS_statx, "which files have changed"),
    any(libc::SYS_newfstatat, "C library: what kind of file"),
    any(libc::SYS_fstat, "C library: what kind of file"),
    #[cfg(target_arch = "x86_64")]
    any(libc::SYS_stat, "musl: what kind of file"),
    #[cfg(target_arch = "x86_64")]
    any(libc::SYS_lstat, "musl: what kind of file"),
    any(libc::SYS_readlinkat, "links on the way to a file"),
    #[cfg(target_arch = "x86_64")]
    any(libc::SYS_readlink, "links on the way to a file"),
    any(libc::SYS_faccessat, "allocator: which memory is near"),
    any(libc::SYS_faccessat2, "the same by a newer C library"),
    #[cfg(target_arch = "x86_64")]
    any(libc::SYS_access, "allocator: which memory is near"),
    any(libc::SYS_getdents64, "certificates of the system; open descriptors"),
    any(libc::SYS_getcwd, "a relative path of the configuration"),
    any(libc::SYS_lseek, "snapshot"),
    any(libc::SYS_pread64, "snapshot"),
    any(libc::SYS_pwrite64, "snapshot"),
    any(libc::SYS_ftruncate, "snapshot for the supervisor"),
    any(libc::SYS_fsync, "snapshot"),
    any(libc::SYS_fdatasync, "snapshot"),
    any(libc::SYS_flock, "snapshot"),
    any(libc::SYS_unlinkat, "snapshot: one that was not finished"),
    #[cfg(target_arch = "x86_64")]
    any(libc::SYS_unlink, "snapshot: one that was not finished"),
    any(libc::SYS_renameat2, "snapshot: in the place of the one before"),
    #[cfg(target_arch = "x86_64")]
    any(libc::SYS_rename, "snapshot: in the place of the one before"),
    #[cfg(target_arch = "aarch64")]
    any(libc::SYS_renameat, "snapshot: in the place of the one before"),
    any(libc::SYS_inotify_init1, "reload: changes of files"),
    any(libc::SYS_inotify_add_watch, "reload: changes of files"),
    any(libc::SYS_inotify_rm_watch, "reload: changes of files"),
];

/// What is allowed besides where the query log goes to a socket: the modes of files alone decide to which one.
pub const TO_COLLECTOR: Call = socket(
    &[is(0, libc::AF_UNIX as u64), Argument { index: 1, mask: KIND, value: libc::SOCK_STREAM as u64 }],
    "query log: its collector",
);

/// Calls that the kernel shall seem not to have, so that the C library takes the older one: what clone3 is asked for stands in memory, where a
/// filter cannot look.
pub const UNKNOWN: &[c_long] = &[libc::SYS_clone3];
