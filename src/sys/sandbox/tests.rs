//! From inside: a child process enters the sandbox and tries what somebody who has taken it over would try, and what it lives by.

use std::ffi::CString;
use std::fs;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd as _, FromRawFd as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use nix::libc::{self, c_long, c_ulong};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Uid, fork, pipe};

use super::*;

/// Runs `inside` in a child process of one thread; what it returns, line by line.
#[expect(unsafe_code, reason = "the sandbox is for a process of one thread, and tests have several")]
fn child(inside: impl FnOnce() -> Vec<String>) -> Vec<String> {
    let (reader, writer) = pipe().unwrap();
    // SAFETY: the child uses what the C library keeps usable after a fork (memory among it), writes its lines and leaves without
    // unwinding into the harness.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            let text = inside().join("\n");
            let written = nix::unistd::write(&writer, text.as_bytes());
            // SAFETY: ends this process, with nothing of the parent's undone.
            unsafe { libc::_exit(i32::from(written.is_err())) }
        }
        ForkResult::Parent { child } => {
            drop(writer);
            let mut text = String::new();
            fs::File::from(reader).read_to_string(&mut text).unwrap();
            let status = waitpid(child, None).unwrap();
            assert!(matches!(status, WaitStatus::Exited(_, 0)), "{status:?}: {text}");
            text.lines().map(str::to_owned).collect()
        }
    }
}

/// One system call by number; how it ended.
#[expect(unsafe_code, reason = "what a program that was taken over would do")]
fn call(number: c_long, arguments: [c_ulong; 6]) -> Result<c_long, i32> {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: in a child process that ends at once; addresses among the arguments are null or of texts that live through the call.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if result < 0 { Err(io::Error::last_os_error().raw_os_error().unwrap_or(0)) } else { Ok(result) }
}

/// A sandbox with a folder of readable files and one for a snapshot, both of the user that the process will be.
fn sandbox(folder: &Path) -> Sandbox {
    for name in ["config", "cache", "other"] {
        let path = folder.join(name);
        fs::create_dir(&path).unwrap();
        std::os::unix::fs::chown(&path, Some(user::NONROOT), Some(user::NONROOT)).ok();
        fs::write(path.join("file"), "text").unwrap();
        fs::set_permissions(path.join("file"), fs::Permissions::from_mode(0o666)).unwrap();
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    Sandbox {
        enabled: true,
        user: user::NONROOT.to_string(),
        config: vec![folder.join("config/file")],
        readable: vec![folder.join("config/hosts")],
        writable: vec![("cache.snapshot", folder.join("cache/snapshot"))],
        writes_to_socket: false,
        manages_network: false,
    }
}

/// Whether this test can show anything; root is needed to give something up.
fn is_root() -> bool {
    if Uid::effective().is_root() {
        return true;
    }
    if let Some(path) = std::env::var_os("NODENS_SKIPPED") {
        use std::io::Write as _;
        let mut file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        writeln!(file, "sys::sandbox: only root has something to give up").unwrap();
    }
    false
}

/// N23
#[test]
fn what_somebody_who_has_taken_it_over_would_try_is_refused() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox(folder.path());
    let (other, config) = (folder.path().join("other/file"), folder.path().join("config"));
    let lines = child(|| {
        let report = match sandbox.enter() {
            Ok(report) => report,
            Err(failure) => return vec![format!("not entered: {failure}")],
        };
        let mut wrong = Vec::new();
        let mut expect = |what: &str, outcome: Result<c_long, i32>, allowed: &[i32]| {
            if !outcome.is_err_and(|error| allowed.contains(&error)) {
                wrong.push(format!("{what}: {outcome:?}"));
            }
        };
        let text = |text: &str| CString::new(text).unwrap();
        let (shell, shadow, here) = (text("/bin/sh"), text("/etc/shadow"), text("."));
        let at = |text: &CString| text.as_ptr() as c_ulong;
        let refused = &[libc::EPERM][..];
        let none = [0; 6];
        expect("execve", call(libc::SYS_execve, [at(&shell), 0, 0, 0, 0, 0]), refused);
        expect("execveat", call(libc::SYS_execveat, [0, at(&shell), 0, 0, 0, 0]), refused);
        let packets = [libc::AF_PACKET as c_ulong, libc::SOCK_RAW as c_ulong, 0x0300, 0, 0, 0];
        expect("socket(AF_PACKET)", call(libc::SYS_socket, packets), refused);
        let raw = [libc::AF_INET as c_ulong, libc::SOCK_RAW as c_ulong, 1, 0, 0, 0];
        expect("socket(SOCK_RAW)", call(libc::SYS_socket, raw), refused);
        let unix = [libc::AF_UNIX as c_ulong, libc::SOCK_STREAM as c_ulong, 0, 0, 0, 0];
        expect("socket(AF_UNIX)", call(libc::SYS_socket, unix), refused);
        let nfnetlink = [libc::AF_NETLINK as c_ulong, libc::SOCK_RAW as c_ulong, 12, 0, 0, 0];
        expect("socket(NETLINK_NETFILTER)", call(libc::SYS_socket, nfnetlink), refused);
        expect("ptrace", call(libc::SYS_ptrace, none), refused);
        expect("process_vm_readv", call(libc::SYS_process_vm_readv, [1, 0, 0, 0, 0, 0]), refused);
        expect("setuid", call(libc::SYS_setuid, none), refused);
        expect("setresuid", call(libc::SYS_setresuid, none), refused);
        expect("setgroups", call(libc::SYS_setgroups, none), refused);
        expect("capset", call(libc::SYS_capset, none), refused);
        expect("mount", call(libc::SYS_mount, none), refused);
        expect("unshare", call(libc::SYS_unshare, [libc::CLONE_NEWUSER as c_ulong, 0, 0, 0, 0, 0]), refused);
        expect("setns", call(libc::SYS_setns, none), refused);
        expect("chroot", call(libc::SYS_chroot, [at(&here), 0, 0, 0, 0, 0]), refused);
        expect("bpf", call(libc::SYS_bpf, none), refused);
        expect("io_uring_setup", call(libc::SYS_io_uring_setup, [8, 0, 0, 0, 0, 0]), refused);
        expect("userfaultfd", call(libc::SYS_userfaultfd, none), refused);
        expect("kill", call(libc::SYS_kill, [1, 0, 0, 0, 0, 0]), refused);
        expect("fork", call(libc::SYS_clone, [libc::SIGCHLD as c_ulong, 0, 0, 0, 0, 0]), refused);
        expect("clone3", call(libc::SYS_clone3, none), &[libc::ENOSYS]);
        let executable = (libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC) as c_ulong;
        let map = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as c_ulong;
        expect("mmap(PROT_EXEC)", call(libc::SYS_mmap, [0, 4096, executable, map, c_ulong::MAX, 0]), refused);
        expect("mprotect(PROT_EXEC)", call(libc::SYS_mprotect, [0, 4096, executable, 0, 0, 0]), refused);
        expect("prctl(PR_SET_DUMPABLE)", call(libc::SYS_prctl, [4, 1, 0, 0, 0, 0]), refused);
        let limit = [0_u64; 2];
        let set = [0, libc::RLIMIT_NOFILE.into(), limit.as_ptr() as c_ulong, 0, 0, 0];
        expect("prlimit64(set)", call(libc::SYS_prlimit64, set), refused);
        let here = c_ulong::MAX - 99; // AT_FDCWD is -100
        let closed = &[libc::EACCES, libc::EPERM][..];
        expect("/etc/shadow", call(libc::SYS_openat, [here, at(&shadow), 0, 0, 0, 0]), closed);
        // Open to everybody, and not for this process: only landlock says so.
        let other = text(other.to_str().unwrap());
        let passwd = text("/etc/passwd");
        if report.files != "off" {
            expect("/etc/passwd", call(libc::SYS_openat, [here, at(&passwd), 0, 0, 0, 0]), closed);
            expect("another folder", call(libc::SYS_openat, [here, at(&other), 0, 0, 0, 0]), closed);
            let create = (libc::O_CREAT | libc::O_WRONLY) as c_ulong;
            for place in ["/tmp/nodens-was-here", config.join("new").to_str().unwrap()] {
                let place = text(place);
                expect("writing outside", call(libc::SYS_openat, [here, at(&place), create, 0o600, 0, 0]), closed);
            }
        } else {
            wrong.push(format!("landlock is off: {report}"));
        }
        wrong
    });
    assert!(lines.is_empty(), "{lines:#?}");
}

/// N23
#[test]
fn what_it_lives_by_works() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox(folder.path());
    let (config, snapshot) = (folder.path().join("config/file"), folder.path().join("cache/snapshot"));
    let (wanted, kept) = (config.clone(), snapshot.clone());
    let lines = child(move || {
        let report = match sandbox.enter() {
            Ok(report) => report,
            Err(failure) => return vec![format!("not entered: {failure}")],
        };
        let mut wrong = Vec::new();
        let mut check = |what: &str, outcome: io::Result<()>| {
            if let Err(error) = outcome {
                wrong.push(format!("{what}: {error}"));
            }
        };
        if !report.missing.is_empty() || report.uid != user::NONROOT || report.capabilities != "none" {
            check(&report.to_string(), Err(io::Error::other("incomplete")));
        }
        check("configuration", fs::read(&wanted).map(drop));
        check("snapshot", crate::sys::file::replace(&kept, |file| io::Write::write_all(file, b"warm")));
        check("snapshot again", crate::sys::file::read_own(&kept, 100).map(drop));
        check("udp", UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.set_nonblocking(true)));
        check("tcp", TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map(drop));
        check("addresses", nix::ifaddrs::getifaddrs().map(drop).map_err(io::Error::from));
        let thread = std::thread::Builder::new().name("some".to_owned()).spawn(|| 7);
        check("thread", thread.and_then(|thread| thread.join().map(drop).map_err(|_| io::Error::other("lost"))));
        let usage = crate::sys::process::usage();
        let whole =
            usage.open_descriptors.and(usage.resident_bytes).and(usage.start_seconds).and(usage.max_descriptors);
        check("metrics", whole.map(drop).ok_or_else(|| io::Error::other(format!("{usage:?}"))));
        check("inotify", inotify(&wanted));
        check("memory", memory());
        wrong
    });
    assert!(lines.is_empty(), "{lines:#?}");
    assert_eq!(fs::read_to_string(&snapshot).unwrap(), "warm");
    assert_eq!(fs::metadata(&snapshot).unwrap().uid(), user::NONROOT);
}

/// Watches a file.
fn inotify(path: &Path) -> io::Result<()> {
    use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
    let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
    inotify.add_watch(path, AddWatchFlags::IN_MODIFY)?;
    Ok(())
}

/// A file in memory, for the supervisor.
#[expect(unsafe_code, reason = "the descriptor's number is all that the raw call gives")]
fn memory() -> io::Result<()> {
    let name = CString::new("snapshot").unwrap();
    let number = call(libc::SYS_memfd_create, [name.as_ptr() as c_ulong, 1, 0, 0, 0, 0]);
    let number = number.map_err(io::Error::from_raw_os_error)?;
    // SAFETY: the kernel has just made it.
    let file = unsafe { fs::File::from_raw_fd(i32::try_from(number).unwrap()) };
    file.set_len(4096)?;
    assert!(file.as_raw_fd() > 2);
    Ok(())
}

/// N23
#[test]
fn the_kernel_confirms_what_the_report_says() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox(folder.path());
    let lines = child(|| {
        if let Err(failure) = sandbox.enter() {
            return vec![failure.to_string()];
        }
        fs::read_to_string("/proc/self/status").unwrap().lines().map(|line| line.replace('\t', " ")).collect()
    });
    for line in
        ["NoNewPrivs: 1", "Seccomp: 2", "Uid: 65532 65532 65532 65532", "Gid: 65532 65532 65532 65532", "Groups:"]
    {
        assert!(lines.iter().any(|found| found.trim_end() == line), "{line}: {lines:#?}");
    }
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert!(lines.contains(&format!("{set}: 0000000000000000")), "{set}: {lines:#?}");
    }
}

/// N23
#[test]
fn what_the_programs_file_allows_is_taken_up_and_passed_on() {
    if !is_root() {
        return;
    }
    let lines = child(|| {
        let user = Uid::from_raw(user::NONROOT);
        // As after the start of a file with capabilities: they are permitted, and none holds.
        nix::sys::prctl::set_keepcaps(true).unwrap();
        nix::unistd::setresuid(user, user, user).unwrap();
        claim().unwrap();
        fs::read_to_string("/proc/self/status").unwrap().lines().map(|line| line.replace('\t', " ")).collect()
    });
    for set in ["CapEff", "CapAmb", "CapInh"] {
        // Of all that is permitted, NET_BIND_SERVICE (10), NET_ADMIN (12) and NET_RAW (13).
        assert!(lines.contains(&format!("{set}: 0000000000003400")), "{set}: {lines:#?}");
    }
}

#[test]
fn a_file_that_will_not_be_readable_is_named_at_the_start() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut sandbox = sandbox(folder.path());
    let hosts = folder.path().join("config/hosts");
    fs::write(&hosts, "").unwrap();
    fs::set_permissions(&hosts, fs::Permissions::from_mode(0o600)).unwrap();
    let enter = |sandbox: &Sandbox| match sandbox.enter() {
        Ok(report) => vec![report.to_string()],
        Err(failure) => vec![failure.message],
    };
    let lines = child(|| enter(&sandbox));
    assert!(lines[0].contains("config/hosts cannot be read by the user 65532"), "{lines:?}");
    // The configuration itself has been read already.
    sandbox.readable.clear();
    sandbox.config = vec![hosts];
    let lines = child(|| enter(&sandbox));
    assert!(lines[0].contains("config/hosts cannot be read") && lines[0].contains("a reload will fail"), "{lines:?}");
}

#[test]
fn a_process_with_several_threads_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox(folder.path());
    let waiting = std::thread::spawn(std::thread::park);
    assert!(sandbox.enter().unwrap_err().message.contains("several threads"));
    waiting.thread().unpark();
    waiting.join().unwrap();
}

#[test]
fn a_process_that_manages_the_network_keeps_what_that_takes() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox { manages_network: true, ..sandbox(folder.path()) };
    let lines = child(|| {
        let report = sandbox.enter().map_or_else(|failure| failure.message, |report| report.capabilities);
        let status = std::process::Command::new("true").status();
        vec![report, format!("{:?}", status.is_ok_and(|status| status.success()))]
    });
    assert_eq!(lines, ["NET_BIND_SERVICE+NET_ADMIN+NET_RAW", "true"]);
}

#[test]
fn users_are_named_or_numbered() {
    assert_eq!(User::named("0").unwrap(), None);
    assert_eq!(User::named("root").unwrap(), None);
    assert_eq!(User::named("4242424").unwrap(), Some(User { uid: 4_242_424, gid: 4_242_424 }));
    assert_ne!(User::named("").unwrap().unwrap().uid, 0);
    assert!(User::named("no-such-user").unwrap_err().message.contains("useradd --system no-such-user"));
}

#[test]
fn every_call_has_a_user_and_a_place_in_the_program() {
    for call in calls::CALLS {
        assert!(!call.user.is_empty());
        assert!(!calls::UNKNOWN.contains(&call.number));
    }
    let length = filter::length();
    assert!((filter::count()..4096).contains(&length), "{length}");
}
