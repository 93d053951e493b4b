//! Real servers and clients from the distribution: bind9, dnsdist, unbound; dig, kdig, dnsperf; and who watches them: Prometheus.
//!
//! Servers run in the foreground from temporary folders on ports of their own and are stopped by their process number.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::ask::Ask;
use super::certificate::Certificate;
use super::namespace::NetNs;
use super::wait_until;
use super::wire::Message;

/// A running server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Peer {
    /// The process.
    child: Child,
    /// Its files.
    folder: TempDir,
    /// Where it answers.
    pub(crate) address: SocketAddr,
}

impl Peer {
    /// Starts `command` in `folder` and waits until `address` accepts TCP connections.
    #[track_caller]
    fn start(command: Command, folder: TempDir, address: SocketAddr) -> Self {
        let name = format!("{command:?}");
        let mut peer = Self::spawn(command, folder, address);
        wait_until(&format!("{name} accepts connections"), || {
            if let Some(status) = peer.child.try_wait().unwrap() {
                panic!("{name} ended: {status}\n{}", peer.log());
            }
            std::net::TcpStream::connect(address).is_ok()
        });
        peer
    }

    /// Starts `command` in `folder`.
    fn spawn(mut command: Command, folder: TempDir, address: SocketAddr) -> Self {
        let log = File::create(folder.path().join("log")).unwrap();
        command.current_dir(folder.path()).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, folder, address }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).expect("a process number fits")), signal).expect("it runs");
    }

    /// What it wrote.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// bind9 as the authority for `zones` (origin, zone file).
    #[track_caller]
    pub(crate) fn bind(address: SocketAddr, zones: &[(&str, &str)]) -> Self {
        Self::bind_under(address, zones, &[])
    }

    /// The same with all that belongs into the additional section.
    #[track_caller]
    pub(crate) fn bind_in_full(address: SocketAddr, zones: &[(&str, &str)]) -> Self {
        let (folder, command) = Self::prepare_bind(address, zones, &[]);
        let file = folder.path().join("named.conf");
        let config = fs::read_to_string(&file).unwrap();
        fs::write(&file, config.replace("minimal-responses yes", "minimal-responses no")).unwrap();
        Self::wait_for_bind(folder, command, address)
    }

    /// The same inside a namespace.
    #[track_caller]
    pub(crate) fn bind_inside(address: SocketAddr, zones: &[(&str, &str)], space: &NetNs) -> Self {
        Self::bind_under(address, zones, &space.wrapper())
    }

    /// The same on every address of a namespace, of both families; `address` is what others ask.
    #[track_caller]
    pub(crate) fn bind_everywhere(address: SocketAddr, zones: &[(&str, &str)], space: &NetNs) -> Self {
        let (folder, command) = Self::prepare_bind(address, zones, &space.wrapper());
        let file = folder.path().join("named.conf");
        let config = fs::read_to_string(&file).unwrap();
        let config = config
            .replace(&format!("{{ {}; }}; listen-on-v6 {{ none; }}", address.ip()), "{ any; }; listen-on-v6 { any; }");
        fs::write(&file, config).unwrap();
        Self::wait_for_bind(folder, command, address)
    }

    /// Starts bind9 under `wrapper`; it accepts connections before it knows its zones, so its log decides.
    #[track_caller]
    fn bind_under(address: SocketAddr, zones: &[(&str, &str)], wrapper: &[&str]) -> Self {
        let (folder, command) = Self::prepare_bind(address, zones, wrapper);
        Self::wait_for_bind(folder, command, address)
    }

    /// Starts bind9 and waits until it knows its zones.
    #[track_caller]
    fn wait_for_bind(folder: TempDir, command: Command, address: SocketAddr) -> Self {
        let peer = Self::spawn(command, folder, address);
        wait_until("named answers", || peer.log().lines().any(|line| line.ends_with(" running")));
        peer
    }

    /// Writes bind9's files and the command that runs it.
    fn prepare_bind(address: SocketAddr, zones: &[(&str, &str)], wrapper: &[&str]) -> (TempDir, Command) {
        let folder = tempfile::tempdir().unwrap();
        let (ip, port, home) = (address.ip(), address.port(), folder.path().display().to_string());
        let listen = if address.is_ipv4() { ("listen-on", "listen-on-v6") } else { ("listen-on-v6", "listen-on") };
        let mut config = format!(
            "options {{ directory \"{home}\"; {} port {port} {{ {ip}; }}; {} {{ none; }}; recursion no; dnssec-validation no;\n\
             pid-file none; session-keyfile none; allow-transfer {{ any; }}; querylog yes; minimal-responses yes; max-records-per-type 0; }};\ncontrols {{ }};\n",
            listen.0, listen.1
        );
        for (index, (origin, text)) in zones.iter().enumerate() {
            fs::write(folder.path().join(format!("{index}.zone")), text).unwrap();
            writeln!(config, "zone \"{origin}\" {{ type primary; file \"{home}/{index}.zone\"; }};").unwrap();
        }
        let file = folder.path().join("named.conf");
        fs::write(&file, config).unwrap();
        let mut command = wrapped(wrapper, "named", folder.path());
        command.args(["-g", "-n", "1", "-c"]).arg(file);
        (folder, command)
    }

    /// bind9 as the authority for `zones` with one more option.
    #[track_caller]
    pub(crate) fn bind_saying(address: SocketAddr, zones: &[(&str, &str)], option: &str) -> Self {
        let (folder, command) = Self::prepare_bind(address, zones, &[]);
        let file = folder.path().join("named.conf");
        let config = fs::read_to_string(&file).unwrap();
        fs::write(&file, config.replacen("options {", &format!("options {{ {option}"), 1)).unwrap();
        let peer = Self::spawn(command, folder, address);
        wait_until("named answers", || peer.log().lines().any(|line| line.ends_with(" running")));
        peer
    }

    /// dnsdist as a DNS-over-TLS resolver in front of `backend`.
    pub(crate) fn dnsdist(address: SocketAddr, backend: SocketAddr, certificate: &Certificate) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "addTLSLocal({:?}, {:?}, {:?}, {{provider=\"openssl\", maxConcurrentTCPConnections=100}})\n\
             setLocal(\"{}\")\nsetACL({{\"127.0.0.0/8\"}})\nnewServer({{address=\"{backend}\", healthCheckMode=\"up\"}})\n\
             setSecurityPollSuffix(\"\")\n",
            address.to_string(),
            certificate.chain_file,
            certificate.key_file,
            free_address()
        );
        let file = folder.path().join("dnsdist.conf");
        fs::write(&file, config).unwrap();
        let mut command = wrapped(&[], "dnsdist", folder.path());
        command.args(["--supervised", "--disable-syslog", "-C"]).arg(file);
        Self::start(command, folder, address)
    }

    /// unbound as a DNS-over-TLS resolver that forwards to `backend`.
    pub(crate) fn unbound(address: SocketAddr, backend: SocketAddr, certificate: &Certificate) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "server:\n interface: {}@{port}\n tls-port: {port}\n tls-service-pem: {:?}\n tls-service-key: {:?}\n do-daemonize: no\n\
             username: \"\"\n chroot: \"\"\n pidfile: \"\"\n directory: {:?}\n use-syslog: no\n logfile: \"\"\n num-threads: 1\n\
             do-not-query-localhost: no\n access-control: 127.0.0.0/8 allow\n module-config: \"iterator\"\n incoming-num-tcp: 100\n\
             remote-control:\n control-enable: no\nforward-zone:\n name: \".\"\n forward-addr: {}@{}\n",
            address.ip(),
            certificate.chain_file,
            certificate.key_file,
            folder.path(),
            backend.ip(),
            backend.port(),
            port = address.port()
        );
        let file = folder.path().join("unbound.conf");
        fs::write(&file, config).unwrap();
        let mut command = wrapped(&[], "unbound", folder.path());
        command.args(["-d", "-c"]).arg(file);
        Self::start(command, folder, address)
    }

    /// unbound as a resolver that validates nothing and knows only what `backend` says; it gives all that was signed.
    pub(crate) fn unbound_resolving(address: SocketAddr, backend: SocketAddr) -> Self {
        Self::unbound_over_udp(address, backend, "module-config: \"iterator\"\n minimal-responses: no")
    }

    /// unbound as a validating resolver that knows only what `backend` says and trusts the anchors of a file.
    pub(crate) fn unbound_validating(address: SocketAddr, backend: SocketAddr, anchors: &Path) -> Self {
        let options = format!("module-config: \"validator iterator\"\n trust-anchor-file: {anchors:?}\n ede: yes");
        Self::unbound_over_udp(address, backend, &options)
    }

    /// unbound with more options, which asks `backend` for everything.
    fn unbound_over_udp(address: SocketAddr, backend: SocketAddr, options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "server:\n interface: {}@{port}\n do-daemonize: no\n username: \"\"\n chroot: \"\"\n pidfile: \"\"\n directory: {:?}\n\
             use-syslog: no\n logfile: \"\"\n num-threads: 1\n do-not-query-localhost: no\n access-control: 127.0.0.0/8 allow\n\
             {options}\n val-log-level: 2\nremote-control:\n control-enable: no\nforward-zone:\n name: \".\"\n forward-addr: {}@{}\n",
            address.ip(),
            folder.path(),
            backend.ip(),
            backend.port(),
            port = address.port()
        );
        let file = folder.path().join("unbound.conf");
        fs::write(&file, config).unwrap();
        let mut command = wrapped(&[], "unbound", folder.path());
        command.args(["-d", "-c"]).arg(file);
        Self::start(command, folder, address)
    }

    /// Prometheus with a configuration and a folder of its own, on a port of the kernel's choice.
    #[track_caller]
    pub(crate) fn prometheus(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, config).unwrap();
        let mut command = wrapped(&[], "prometheus", folder.path());
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
        command.args(["--web.listen-address=127.0.0.1:0", "--query.lookback-delta=1m"]);
        let mut peer = Self::spawn(command, folder, SocketAddr::from(([127, 0, 0, 1], 0)));
        wait_until("Prometheus takes queries", || {
            if let Some(status) = peer.child.try_wait().unwrap() {
                panic!("Prometheus ended: {status}\n{}", peer.log());
            }
            let log = peer.log();
            let listening = log.lines().find_map(|line| line.split_once("\"Listening on\" address=")?.1.parse().ok());
            if let Some(address) = listening {
                peer.address = address;
            }
            listening.is_some() && log.contains("ready to receive web requests")
        });
        peer
    }

    /// Waits until the server answers `ask` over UDP as `good` wants it.
    #[track_caller]
    pub(crate) fn wait_for_answer(&self, ask: &Ask, good: impl Fn(&Message) -> bool) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(std::time::Duration::from_millis(500))).unwrap();
        wait_until("the server answers", || {
            let mut buffer = [0; 4096];
            socket.send_to(&ask.bytes(), self.address).unwrap();
            socket
                .recv(&mut buffer)
                .ok()
                .and_then(|length| Message::read(&buffer[..length]).ok())
                .is_some_and(|m| good(&m))
        });
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- a server's output ---\n{}\n--- end ---", self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a client to its end; its standard output. Fails the test if the client fails.
#[track_caller]
pub(crate) fn output(name: &str, arguments: &[&str]) -> String {
    let output = Command::new(name).args(arguments).output().unwrap_or_else(|error| panic!("{name}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{name} {arguments:?}: {}\n{text}", output.status);
    text
}

/// Runs a client to its end; all that it writes, whether it fails or not.
#[track_caller]
pub(crate) fn all_output(name: &str, arguments: &[&str]) -> String {
    let output = Command::new(name).args(arguments).output().unwrap_or_else(|error| panic!("{name}: {error}"));
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The full path of a program, /usr/sbin included.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/usr/bin", "/usr/sbin", "/usr/local/bin", "/bin", "/sbin"]);
    folders.map(|folder| Path::new(folder).join(name)).find(|file| file.is_file())
}

/// A loopback address that was free for UDP and TCP a moment ago.
pub(crate) fn free_address() -> SocketAddr {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        if UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}

/// The command for `name`. Where AppArmor would keep a server to its system folders, a copy runs, which no profile covers.
fn wrapped(wrapper: &[&str], name: &str, folder: &Path) -> Command {
    let installed = program(name).unwrap_or_else(|| panic!("{name} is not installed"));
    let confined =
        fs::read_to_string("/sys/module/apparmor/parameters/enabled").is_ok_and(|text| text.starts_with('Y'));
    let binary = if confined {
        let copy = folder.join(name);
        fs::copy(&installed, &copy).expect("a copy");
        copy
    } else {
        installed
    };
    match wrapper {
        [] => Command::new(binary),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(binary);
            command
        }
    }
}
