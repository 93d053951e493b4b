//! The protocols, with a service manager of our own: a socket that is read, and a process that is given descriptors.

use std::fs::File;
use std::io::{IoSliceMut, Read as _, Write as _};
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;
use std::process::Command;

use nix::cmsg_space;
use nix::sys::socket::{ControlMessageOwned, recvmsg};

use super::*;

/// A manager that listens, and its folder.
fn manager() -> (tempfile::TempDir, UnixDatagram, Notifier) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_nonblocking(true).unwrap();
    let notifier = Notifier::at(path.as_os_str()).unwrap();
    (folder, socket, notifier)
}

/// The next datagram: text and descriptors.
#[expect(unsafe_code, reason = "received descriptors are numbers in nix")]
fn received(socket: &UnixDatagram) -> (String, Vec<OwnedFd>) {
    let mut bytes = [0; 4096];
    let mut control = cmsg_space!([RawFd; MOST_OF_THE_KERNEL]);
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let message =
        recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::MSG_CMSG_CLOEXEC).unwrap();
    let mut descriptors = Vec::new();
    for part in message.cmsgs().unwrap() {
        let ControlMessageOwned::ScmRights(numbers) = part else { panic!("{part:?}") };
        // SAFETY: the kernel has just made them for us alone.
        descriptors.extend(numbers.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }));
    }
    let length = message.bytes;
    (String::from_utf8(bytes[..length].to_vec()).unwrap(), descriptors)
}

/// N24
#[test]
fn every_word_is_one_datagram() {
    let (_folder, socket, notifier) = manager();
    assert!(notifier.is_heard());
    let told = |told: io::Result<()>| {
        told.unwrap();
        let (text, descriptors) = received(&socket);
        assert!(descriptors.is_empty());
        text
    };
    assert_eq!(told(notifier.ready("serving on 3 addresses")), "READY=1\nSTATUS=serving on 3 addresses");
    assert_eq!(told(notifier.stopping()), "STOPPING=1");
    assert_eq!(told(notifier.alive()), "WATCHDOG=1");
    assert_eq!(told(notifier.hung()), "WATCHDOG=trigger");
    assert_eq!(told(notifier.main_process(4711)), "MAINPID=4711");
    assert_eq!(told(notifier.forget("dns.udp")), "FDSTOREREMOVE=1\nFDNAME=dns.udp");
    // What comes from a file or a peer cannot say more than one thing.
    assert_eq!(told(notifier.status("a\nMAINPID=1\r")), "STATUS=a MAINPID=1 ");
    let reloading = told(notifier.reloading());
    let moment = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap().parse::<u64>().unwrap();
    let now = u64::try_from(clock::since_boot().as_micros()).unwrap();
    assert!((moment..moment + 60_000_000).contains(&now), "{moment} {now}");
}

/// N24
#[test]
fn descriptors_are_given_to_keep() {
    let (folder, socket, notifier) = manager();
    let path = folder.path().join("kept");
    std::fs::write(&path, "warm").unwrap();
    let (one, other) = (File::open(&path).unwrap(), File::open("/dev/null").unwrap());
    notifier.store("snapshot", &[one.as_fd(), other.as_fd()]).unwrap();
    drop(one);
    let (text, mut descriptors) = received(&socket);
    assert_eq!(text, "FDSTORE=1\nFDNAME=snapshot");
    assert_eq!(descriptors.len(), 2);
    let mut kept = String::new();
    File::from(descriptors.remove(0)).read_to_string(&mut kept).unwrap();
    assert_eq!(kept, "warm");
    // More than one message takes.
    let many: Vec<File> = (0..MOST_OF_THE_KERNEL + 1).map(|_| other.try_clone().unwrap()).collect();
    notifier.store("many", &many.iter().map(AsFd::as_fd).collect::<Vec<_>>()).unwrap();
    for _ in 0..2 {
        assert_eq!(received(&socket).0, "FDSTORE=1\nFDNAME=many");
    }
    for name in ["", "a:b", "a\nb", "ä", &"n".repeat(256)] {
        assert!(notifier.store(name, &[]).is_err(), "{name:?}");
        assert!(notifier.forget(name).is_err(), "{name:?}");
    }
}

/// N24
#[test]
fn without_a_service_manager_nothing_fails() {
    let notifier = Notifier::nobody();
    assert!(!notifier.is_heard());
    notifier.ready("").unwrap();
    notifier.reloading().unwrap();
    notifier.stopping().unwrap();
    notifier.alive().unwrap();
    notifier.store("dns", &[File::open("/dev/null").unwrap().as_fd()]).unwrap();
}

#[test]
fn a_manager_that_is_gone_is_an_error_and_no_more() {
    let (folder, socket, notifier) = manager();
    drop((folder, socket));
    assert_eq!(notifier.alive().unwrap_err().kind(), io::ErrorKind::NotFound);
    assert!(Notifier::at(OsStr::new("run/notify")).is_err());
    assert!(Notifier::at(OsStr::new(&format!("/{}", "n".repeat(200)))).is_err());
}

#[test]
fn an_abstract_name_is_heard_too() {
    let name = format!("nodens-notify-{}", std::process::id());
    let address = {
        use std::os::linux::net::SocketAddrExt as _;
        std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap()
    };
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    Notifier::at(OsStr::new(&format!("@{name}"))).unwrap().alive().unwrap();
    assert_eq!(received(&socket).0, "WATCHDOG=1");
}

#[test]
fn the_watchdog_is_for_the_process_that_it_names() {
    let half = Some(Duration::from_millis(500));
    assert_eq!(read_watchdog("500000", None, 7), half);
    assert_eq!(read_watchdog("500000", Some("7"), 7), half);
    assert_eq!(read_watchdog("500000", Some("8"), 7), None);
    for timeout in ["", "0", "-1", "soon"] {
        assert_eq!(read_watchdog(timeout, None, 7), None, "{timeout}");
    }
}

#[test]
fn descriptors_are_for_the_process_that_they_are_meant_for() {
    assert_eq!(listed("7", "3", "dns:dns", 7), ["dns", "dns", "unknown"]);
    assert_eq!(listed("7", "1", "", 7), ["unknown"]);
    assert_eq!(listed("7", "1", "a:b:c", 7), ["a"]);
    assert_eq!(listed("7", "99999999", "", 7).len(), MOST);
    for (pid, count) in [("8", "2"), ("", "2"), ("7", ""), ("7", "-1"), ("7", "0"), ("7", "many")] {
        assert!(listed(pid, count, "", 7).is_empty(), "{pid} {count}");
    }
}

/// What tells the child of the next test that it is it, and where to write what it got.
const CHILD: &str = "NODENS_TEST_NOTIFY";

/// N24
#[test]
fn a_process_takes_over_what_it_was_started_with() {
    if let Some(report) = env::var_os(CHILD) {
        return child(&PathBuf::from(report));
    }
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report");
    for name in ["one", "two"] {
        std::fs::write(folder.path().join(name), name).unwrap();
    }
    // As systemd does it: the number of the process is known only to itself. 5 is promised, and not there.
    let script = "exec 3<one 4<two 5<&-; LISTEN_PID=$$ LISTEN_FDS=3 LISTEN_FDNAMES=first:second:third exec \"$@\"";
    let status = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", "sys::notify::tests::a_process_takes_over_what_it_was_started_with", "--nocapture"])
        .current_dir(folder.path())
        .env(CHILD, &report)
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(std::fs::read_to_string(report).unwrap(), "first=one,second=two,");
}

/// Writes what it was started with.
fn child(report: &std::path::Path) {
    let taken = inherited();
    assert!(inherited().is_empty(), "only one caller owns them");
    let mut file = File::create(report).unwrap();
    for (name, descriptor) in taken {
        assert_eq!(fcntl(descriptor.as_fd(), FcntlArg::F_GETFD), Ok(FdFlag::FD_CLOEXEC.bits()));
        let mut text = String::new();
        File::from(descriptor).read_to_string(&mut text).unwrap();
        write!(file, "{name}={text},").unwrap();
    }
}
