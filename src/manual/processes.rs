//! Two processes: who holds what, and what clients notice when one of them goes.
//!
//! ```text
//!  supervisor   nodens run          listening sockets, link and rules, the answers left last, the configuration in force; goes by that of its start
//!    │  channel (a Unix socket)     sockets, answers, connections and orders one way; signs of life, answers and connections the other
//!  worker       nodens worker       queries, upstreams, cache, health, metrics; reads its configuration again and again
//! ```
//!
//! The supervisor parses nothing that comes from the network. The worker has no privilege ([`sandbox`](super::sandbox)). `nodens run --no-supervisor` does it
//! all in one process: 2.4 MB less memory, and a crash is an outage until somebody starts it again.
//!
//! # What clients notice
//!
//! Measured by `benches/load/gaps` with 20,000 queries a second over UDP and 1,000 over TCP, ten times each, on two shared cores:
//!
//! | what happens | lost | longest wait | what else |
//! |---|---|---|---|
//! | another version takes over | nothing | 6 ms | 100 % from memory in the next second |
//! | the worker is killed | nothing over UDP; over TCP what it had in hand, two queries each time | 15 ms | connections break |
//! | the worker hangs | what it had in hand | `supervisor.hang-timeout`, 5 s; with nftables queries go around it after 2.5 s | |
//! | both are killed | with nftables what is asked within `rules.timeout`, 3 s | | see [`rules`](super::rules) |
//!
//! What is asked while nobody answers waits in the sockets, which the supervisor has, too: 4 MiB each where the kernel allows it, some 5,000 queries.
//!
//! # Signs of life
//!
//! Once a second every worker thread has to come round and every listener has to answer a query of our own, unless it has just answered
//! clients: under a flood a query of our own would get lost like any other. TCP is asked every five seconds as long as it answers. A worker
//! that gives no sign for `supervisor.hang-timeout` is killed and started again, at once as a rule; when two in a row end within half a second of their
//! first answer, the pauses grow from 50 ms to 5 s, and the answers of those before are left aside in case they are the cause.
//! `nodens_worker_restarts_total` counts.
//!
//! The worker leaves its answers with the supervisor every `supervisor.snapshot-interval`, in memory, at most `cache.snapshot-size` bytes. They outlive
//! it, and not the supervisor; `cache.snapshot` is a file that outlives both.
//!
//! A worker reads the configuration itself when it starts. If that has mistakes by then, or is gone, it goes by what the one before it went by, and says so
//! as after a reload that failed: a crash while somebody edits the file is no outage. The supervisor keeps that text, and takes it from the file, when a worker has
//! said by its hash that it is good, never from a worker: whoever breaks into one does not choose how the next one is confined. Only the very first
//! worker has to take what is there. What the file names (hosts, block file, trust anchors) has no such copy: a worker that finds mistakes there is
//! tried again until they are mended.
//!
//! # Hand-over
//!
//! With `supervisor.socket` set, a nodens that starts looks for another one there. If there is one, it takes its sockets and its answers, starts its
//! worker, and when that answers tells the other to leave: the other reads no more, answers what it has in hand, and passes each TCP connection
//! on as soon as nothing of it is in hand. Link and rules stay as they are. If the new one fails before it answers, the old one goes on as if nothing had been
//! (`nodens_handovers_total{outcome="failed"}` of the old one).
//!
//! Both have to run as the same user (or root), see the same folder, and listen on the same addresses; addresses that only one of them has are bound or closed.
//! Metrics and health have no part in it: the new one binds their ports when the old one is gone, at most five seconds later.
//!
//! **Kubernetes.** A DaemonSet without host ports, in the host's network, whose rolling update starts the new pod first:
//!
//! ```yaml
//! updateStrategy:
//!   rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
//! # ...
//!   hostNetwork: true
//!   volumes: [{name: run, hostPath: {path: /run/nodens, type: DirectoryOrCreate}}]
//! # [supervisor] socket = "/run/nodens/handover", with the volume mounted at /run/nodens, and linger = true
//! ```
//!
//! A process that ends when another one has taken over would be started again by the kubelet, before its pod is deleted, and take over in its turn. With
//! `supervisor.linger` it stays, without sockets, answers or worker, until it is told to stop; if the new one goes first, it takes its place again.
//! Whether the new pod has started is asked within it (`nodens ctl status`): at the node's address the old one may still answer.
//! `packaging/kubernetes` has all of it, and its README the way there and back.
//!
//! **systemd.** `systemctl restart` keeps the sockets and the answers in systemd's store (`FileDescriptorStoreMax=` of the unit): queries wait in
//! them until the next start answers, as they do when the supervisor is killed. Under `tests/systemd` a client that asks all the time loses nothing
//! in either; it waits 0.1 s for a restart, and 0.3 to 0.5 s after a kill, half of it `RestartSec=`. The socket unit does the same from boot on. `systemctl reload` reads the configuration again.
//!
//! # The end
//!
//! SIGTERM and SIGINT: rules first, so that nobody comes any more; then what is in hand is answered, for `listen.drain-timeout` at most; then the
//! link goes. Rules take eight seconds at most, whoever holds the lock of iptables; together it is below 25 s with the defaults.
