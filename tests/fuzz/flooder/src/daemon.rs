//! The daemon as a child process.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::{fs, thread};

/// A running daemon; killed when dropped.
pub struct Daemon {
    /// The process.
    child: Child,
    /// Where it listens, over UDP and TCP.
    pub address: SocketAddr,
    /// What it said of panics.
    panics: Arc<Mutex<Vec<String>>>,
    /// Its configuration.
    file: std::path::PathBuf,
}

impl Daemon {
    /// Starts it with `upstream` behind it, and waits until it listens.
    pub fn start(binary: &str, upstream: SocketAddr) -> Self {
        // Small caches, so that they are full soon; short waits, so that silence of the upstream does not hold back the flood.
        let text = format!(
            "[listen]\naddresses = [\"127.0.0.1:0\"]\nworkers = 1\n[limits]\ntcp-connections-per-client = 1000\n\
             [cache]\nsize = \"4MiB\"\nnegative-size = \"1MiB\"\n[metrics]\nlisten = \"127.0.0.1:0\"\n[health]\nlisten = \"127.0.0.2:0\"\n\
             [log]\nformat = \"text\"\n[[upstream]]\nname = \"all\"\nservers = [\"auto://{upstream}\"]\ntimeout = \"200ms\"\ntry-timeout = \"100ms\"\n\
             [[zone]]\nname = \".\"\nupstream = \"all\"\n"
        );
        let file = std::env::temp_dir().join(format!("flood-{}.toml", std::process::id()));
        fs::write(&file, text).expect("the folder for temporary files is writable");
        let mut command = Command::new(binary);
        command.args(["run", "--config"]).arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{binary}: {error}"));
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines().map_while(Result::ok);
        let address = lines.by_ref().find_map(|line| {
            let address = line.split_once("address=").filter(|_| line.contains("listening"))?.1;
            address.trim_start_matches('"').split(['"', ' ']).next()?.parse().ok()
        });
        let panics = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&panics);
        // What is not read would fill the pipe and stop the daemon.
        thread::spawn(move || {
            for line in lines.filter(|line| line.contains("panicked")) {
                seen.lock().expect("nobody panics with it").push(line);
            }
        });
        Self { child, address: address.expect("it says where it listens"), panics, file }
    }

    /// Memory in MB (2^20 bytes).
    pub fn resident_mb(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a running process has memory");
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("it is a number") / 1024
    }

    /// Panics if it has ended or panicked.
    pub fn must_live(&mut self) {
        let ended = self.child.try_wait().expect("it is our child");
        let panics = self.panics.lock().expect("nobody panics with it");
        assert!(ended.is_none() && panics.is_empty(), "the daemon ended: {ended:?}, {panics:?}");
    }

    /// Tells it to end; it must do so in good order.
    pub fn stop(mut self) {
        self.must_live();
        let told = Command::new("kill").arg(self.child.id().to_string()).status().expect("there is a kill");
        assert!(told.success());
        let status = self.child.wait().expect("it is our child");
        assert!(status.success(), "the daemon ended with {status}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.file);
    }
}
