//! Network namespaces: a pod and a node on one machine, gone when the test ends.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use nix::sched::{CloneFlags, setns};

/// Numbers the namespaces of this process.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A named network namespace with loopback up; deleted when dropped.
#[derive(Debug)]
pub(crate) struct NetNs {
    /// Its name.
    name: String,
}

impl NetNs {
    /// A new one.
    pub(crate) fn new() -> Self {
        let name = format!("nodens-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        ip(&["netns", "add", &name]).expect("a namespace");
        let space = Self { name };
        space.ip(&["link", "set", "lo", "up"]);
        space
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What a command line must begin with to run inside.
    pub(crate) fn wrapper(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.name]
    }

    /// Runs `ip` inside.
    #[track_caller]
    pub(crate) fn ip(&self, arguments: &[&str]) {
        let all = [&["-n", &self.name], arguments].concat();
        ip(&all).unwrap_or_else(|error| panic!("ip {all:?}: {error}"));
    }

    /// Connects two namespaces by a pair of veth devices with these addresses, such as `10.244.0.1/24`.
    pub(crate) fn link(&self, device: &str, address: &str, other: &Self, other_device: &str, other_address: &str) {
        self.ip(&["link", "add", device, "type", "veth", "peer", "name", other_device, "netns", &other.name]);
        for (space, device, address) in [(self, device, address), (other, other_device, other_address)] {
            space.ip(&["address", "add", address, "dev", device]);
            space.ip(&["link", "set", device, "up"]);
        }
    }

    /// Gives processes inside their own /etc/resolv.conf.
    pub(crate) fn resolv_conf(&self, text: &str) {
        let folder = self.folder();
        fs::create_dir_all(&folder).expect("root may write to /etc/netns");
        fs::write(folder.join("resolv.conf"), text).expect("a file");
    }

    /// Runs a command inside to its end.
    #[track_caller]
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        let wrapper = self.wrapper();
        Command::new(wrapper[0]).args(&wrapper[1..]).args(words).output().unwrap_or_else(|e| panic!("{words:?}: {e}"))
    }

    /// Runs a command inside to its end, which must be a good one; its standard output.
    #[track_caller]
    pub(crate) fn output(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {}\n{text}{errors}", output.status);
        text
    }

    /// Runs a command inside that reads `input`.
    #[track_caller]
    pub(crate) fn feed(&self, words: &[&str], input: &str) {
        let wrapper = self.wrapper();
        let mut command = Command::new(wrapper[0]);
        command.args(&wrapper[1..]).args(words).stdin(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{words:?}: {error}"));
        child.stdin.take().expect("it is piped").write_all(input.as_bytes()).expect("it reads");
        let status = child.wait().expect("it runs");
        assert!(status.success(), "{words:?}: {status}\n{input}");
    }

    /// Sets what lies below /proc/sys.
    #[track_caller]
    pub(crate) fn sysctl(&self, name: &str, value: &str) {
        self.output(&["sh", "-c", &format!("echo {value} > /proc/sys/{name}")]);
    }

    /// Runs `work` on a thread of its own that is inside; sockets that it opens stay inside wherever they go.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let file = File::open(format!("/run/netns/{}", self.name)).expect("the namespace has a file");
        thread::scope(|scope| {
            let worker = scope.spawn(move || {
                setns(file, CloneFlags::CLONE_NEWNET).expect("root may enter");
                work()
            });
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// What `ip netns exec` binds over /etc.
    fn folder(&self) -> PathBuf {
        PathBuf::from("/etc/netns").join(&self.name)
    }
}

impl Drop for NetNs {
    fn drop(&mut self) {
        let _ = ip(&["netns", "del", &self.name]);
        let _ = fs::remove_dir_all(self.folder());
        // Only if no other namespace has files there.
        let _ = fs::remove_dir("/etc/netns");
    }
}

/// Whether namespaces can be made here.
pub(crate) fn probe() -> Result<(), String> {
    let name = format!("nodens-probe-{}", std::process::id());
    ip(&["netns", "add", &name]).map_err(|error| format!("no network namespaces here: {error}"))?;
    let veth = ip(&["-n", &name, "link", "add", "probe0", "type", "veth", "peer", "name", "probe1"]);
    let _ = ip(&["netns", "del", &name]);
    veth.map_err(|error| format!("no veth devices here: {error}"))
}

/// Runs `ip`.
fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}
