//! The dead-man switch: a pod, a node with a rule like kube-proxy's, and a server outside.

use super::*;

/// The namespaces of a pod and of a server, joined to the node, which is the namespace of the test.
struct Around {
    /// Names of the two.
    names: [String; 2],
}

impl Around {
    /// A node that forwards between a pod and a server.
    fn new() -> Self {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let names = ["pod", "out"].map(|role| format!("nodens-rules-{}-{number}-{role}", std::process::id()));
        let around = Self { names };
        let [pod, out] = &around.names;
        sh(&format!(
            "set -e
             for n in {pod} {out}; do ip netns add $n; ip -n $n link set lo up; done
             ip link add pod0 type veth peer name eth0 netns {pod}
             ip link add out0 type veth peer name eth0 netns {out}
             ip address add 10.244.0.1/24 dev pod0; ip link set pod0 up
             ip address add 10.245.0.1/24 dev out0; ip link set out0 up
             ip -n {pod} address add 10.244.0.2/24 dev eth0; ip -n {pod} link set eth0 up
             ip -n {pod} route add default via 10.244.0.1
             ip -n {out} address add 10.245.0.2/24 dev eth0; ip -n {out} link set eth0 up
             ip -n {out} route add 10.244.0.0/24 via 10.245.0.1
             ip link add nodelocaldns type bridge; ip link set nodelocaldns up
             ip address add 169.254.20.10/32 dev nodelocaldns; ip address add 10.96.0.10/32 dev nodelocaldns
             sysctl -qw net.ipv4.ip_forward=1
             # What kube-proxy has for the service.
             nft 'table ip kube {{
               chain pre {{ type nat hook prerouting priority -100; ip daddr 10.96.0.10 udp dport 53 dnat to 10.245.0.2:53; }}
               chain out {{ type nat hook output priority -100; ip daddr 10.96.0.10 udp dport 53 dnat to 10.245.0.2:53; }}
               chain post {{ type nat hook postrouting priority 100; }}
             }}'"
        ));
        around.spawn(1, || {
            serve_forever("10.245.0.2:53", "cluster");
            serve_forever("10.245.0.2:5353", "fallback");
        });
        around
    }

    /// Runs something in the pod (0) or outside (1), in a thread that stays there, until it is done.
    fn spawn<T: Send>(&self, which: usize, work: impl FnOnce() -> T + Send) -> T {
        let file = fs::File::open(format!("/run/netns/{}", self.names[which])).unwrap();
        std::thread::scope(|scope| {
            let entered = move || {
                nix::sched::setns(file, CloneFlags::CLONE_NEWNET).unwrap();
                work()
            };
            scope.spawn(entered).join().unwrap()
        })
    }

    /// A socket of a program in the pod.
    fn client(&self, server: &str) -> UdpSocket {
        self.spawn(0, || client(server))
    }
}

impl Drop for Around {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
    }
}

/// A server that answers as long as the test runs.
fn serve_forever(address: &str, name: &'static str) {
    drop(answer(UdpSocket::bind(address).unwrap(), name));
}

/// Our listeners; they end when this is dropped, as a killed process's do.
struct Listeners(Vec<(String, std::thread::JoinHandle<()>)>);

impl Listeners {
    /// One for each address.
    fn new() -> Self {
        let one = |address: &str| (address.to_owned(), answer(UdpSocket::bind(address).unwrap(), "node"));
        Self([LINK_LOCAL, SERVICE].map(one).into())
    }

    /// Closes them. Only for rules that are live: the way to them is what they are told by.
    fn end(self) {
        for (address, thread) in self.0 {
            UdpSocket::bind("127.0.0.1:0").map(drop).unwrap();
            let socket = client(&address);
            socket.send(b"end").unwrap();
            thread.join().unwrap();
        }
    }
}

/// Waits until a client gets this answer; how long that took.
fn wait_until(client: &UdpSocket, right: &str) -> Duration {
    let start = clock::now();
    client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    while ask(client).as_deref() != Ok(right) {
        assert!(since(start) < Duration::from_secs(10), "no answer of {right}");
    }
    client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    since(start)
}

/// N9: connection tracking sees nothing of us.
#[test]
fn what_we_answer_leaves_no_trace_in_connection_tracking() {
    within(|| async {
        let around = Around::new();
        let mut rules = nftables(&[LINK_LOCAL, SERVICE], &["10.245.0.2:5353"]);
        let _listeners = Listeners::new();
        rules.reconcile().await.unwrap();
        for server in [LINK_LOCAL, SERVICE] {
            let clients = [around.client(server), client(server)];
            for client in clients.iter().cycle().take(2000) {
                assert_eq!(ask(client).unwrap(), "node");
                // The clock of the switch goes on.
                rules.refresh().await.unwrap();
            }
        }
        assert_eq!(sh("conntrack -L -p udp 2>/dev/null"), "");
    });
}

/// N2: both processes are gone; nobody does anything, and every query is answered.
#[test]
fn when_nobody_prolongs_them_queries_take_the_way_around_us_and_come_back() {
    within(|| async {
        let around = Around::new();
        let mut rules = nftables(&[LINK_LOCAL, SERVICE], &["10.245.0.2:5353"]);
        let listeners = Listeners::new();
        rules.reconcile().await.unwrap();
        // The pod's sockets and those of a program of the node; they keep their ports all the time.
        let clients = [
            (around.client(SERVICE), "cluster"),
            (around.client(LINK_LOCAL), "fallback"),
            (client(SERVICE), "cluster"),
            (client(LINK_LOCAL), "fallback"),
        ];
        for (client, _) in &clients {
            assert_eq!(ask(client).unwrap(), "node");
        }
        rules.refresh().await.unwrap();
        listeners.end();
        let start = clock::now();
        for (client, other) in &clients {
            wait_until(client, other);
        }
        let gap = since(start);
        assert!(gap < Duration::from_secs(4), "the way around was closed for {gap:?}");
        // The interface goes as well.
        sh("ip link del nodelocaldns");
        for (client, other) in &clients[..2] {
            assert_eq!(ask(client).unwrap(), *other);
        }
        // And back: entries of connection tracking from the time without us do not matter.
        sh("ip link add nodelocaldns type bridge; ip link set nodelocaldns up
            ip address add 169.254.20.10/32 dev nodelocaldns; ip address add 10.96.0.10/32 dev nodelocaldns");
        assert_ne!(sh("conntrack -L 2>/dev/null"), "");
        let _listeners = Listeners::new();
        rules.refresh().await.unwrap();
        for (client, _) in &clients {
            assert_eq!(ask(client).unwrap(), "node");
        }
        // And away at once.
        rules.withdraw().await.unwrap();
        for (client, other) in &clients {
            assert_eq!(ask(client).unwrap(), *other);
        }
        assert_eq!(rules.reconcile().await.unwrap(), Done::Unchanged);
        assert_eq!(ask(&clients[0].0).unwrap(), "cluster", "a look does not take the traffic back");
    });
}

/// N2: without a fallback a query is refused at once, even if a process that hangs holds the socket.
#[test]
fn without_a_fallback_a_query_is_refused_at_once() {
    within(|| async {
        let around = Around::new();
        let mut rules = nftables(&[LINK_LOCAL, SERVICE], &[]);
        rules.reconcile().await.unwrap();
        rules.withdraw().await.unwrap();
        // Nobody reads from these.
        let _hung = UdpSocket::bind(LINK_LOCAL).unwrap();
        let _hung_too = std::net::TcpListener::bind(LINK_LOCAL).unwrap();
        // Programs of the node itself are told "not permitted" by the call that sends.
        let is_refused =
            |kind| matches!(kind, std::io::ErrorKind::ConnectionRefused | std::io::ErrorKind::PermissionDenied);
        let refused = |client: &UdpSocket| {
            let start = clock::now();
            assert!(is_refused(ask(client).unwrap_err()));
            assert!(since(start) < Duration::from_secs(1));
        };
        let connect = || std::net::TcpStream::connect(LINK_LOCAL).unwrap_err().kind();
        for _ in 0..2 {
            refused(&around.client(LINK_LOCAL));
            refused(&client(LINK_LOCAL));
            assert!(is_refused(around.spawn(0, connect)));
            assert!(is_refused(connect()));
            // Once more without the interface; a program of the node needs any route for a packet to be made at all.
            sh("ip link del nodelocaldns 2>/dev/null || true; ip route replace default via 10.245.0.2");
        }
    });
}

/// N2 N21: IPv6, and TCP, by a program of the node itself.
#[test]
fn ipv6_and_tcp_take_the_way_around_us_too() {
    within(|| async {
        sh("ip link add nodelocaldns type bridge; ip link set nodelocaldns up
            for a in a b; do ip address add fd00:10::$a/128 dev nodelocaldns nodad; done");
        let (listener, server) = ("[fd00:10::a]:53", "[fd00:10::b]:5353");
        let config = config::Rules {
            node_local: vec!["fd00:10::/64".parse().unwrap()],
            ..config(RulesBackend::Nftables, &[server])
        };
        let mut rules = Rules::new(&config, &addresses(&[listener]), &[]);
        rules.reconcile().await.unwrap();
        serve_forever(listener, "node");
        serve_forever(server, "fallback");
        let _fallback = std::net::TcpListener::bind(server).unwrap();
        let client = UdpSocket::bind("[::]:0").unwrap();
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        client.connect(listener).unwrap();
        assert_eq!(ask(&client).unwrap(), "node");
        assert_eq!(sh("conntrack -L -f ipv6 -p udp 2>/dev/null"), "");
        let refused = std::net::TcpStream::connect(listener).unwrap_err().kind();
        assert_eq!(refused, std::io::ErrorKind::ConnectionRefused, "here nobody listens for TCP");
        rules.withdraw().await.unwrap();
        assert_eq!(ask(&client).unwrap(), "fallback");
        std::net::TcpStream::connect(listener).unwrap();
        rules.refresh().await.unwrap();
        assert_eq!(ask(&client).unwrap(), "node");
    });
}
