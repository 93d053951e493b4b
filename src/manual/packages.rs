//! Packages: what each installs, starts and leaves alone; how they are made, and why so.
//!
//! # A Debian package
//!
//! ```text
//! apt install ./nodens_0.1.0-1_amd64.deb
//! nodens check /etc/nodens/nodens.toml
//! systemctl enable --now nodens
//! dig @127.0.0.1 www.debian.org
//! ```
//!
//! | when | what it does | what it does not |
//! |---|---|---|
//! | install | program, units, user `nodens`, manual pages, completions, `/etc/nodens/nodens.toml` | enable or start anything, take port 53, touch /etc/resolv.conf |
//! | upgrade | a running service gets the new program, if that accepts the configuration; otherwise the old one goes on, and apt says so | stop it before, overwrite a changed configuration, lose kept answers |
//! | remove | stops the service, gives /etc/resolv.conf back if it was set up as below | delete configuration or kept answers |
//! | purge | deletes both, and what a start left in /run | delete the user: files may still belong to it |
//!
//! The host's programs ask nodens once /etc/resolv.conf leads to it. By a link that systemd turns back when nodens cannot be kept running:
//!
//! ```text
//! mv /etc/resolv.conf /etc/resolv.conf.before-nodens
//! ln -s /run/nodens-resolv.conf /etc/resolv.conf
//! systemctl restart nodens
//! ```
//!
//! Where systemd-resolved runs, `/usr/share/doc/nodens/examples/systemd/resolved.conf.d` has the few lines for it. For links, addresses and packet rules the
//! service needs one right more: `examples/systemd/nodens.service.d/network.conf`.
//!
//! # The image
//!
//! `packaging/oci/build` writes an OCI layout as a tarball, which is loaded or sent without unpacking:
//!
//! ```text
//! ctr --namespace k8s.io images import nodens-0.1.0-amd64.oci.tar
//! skopeo copy oci-archive:nodens-0.1.0-amd64.oci.tar docker://registry.example/nodens:0.1.0
//! podman load --input nodens-0.1.0-amd64.oci.tar
//! ```
//!
//! | in it | why |
//! |---|---|
//! | `/nodens`, static, without symbols | the program needs nothing else of the image |
//! | `/node-cache`, a link to it | the entry point: the official manifest of node-local-dns gives arguments alone |
//! | iptables, for nf_tables (the plain names) and legacy, with 5 libraries and the C library | what `node-cache` sets up are rules of iptables, to be found and removed by the Go image after it, and the other way round; `--minimal` leaves it out: `rules.backend = "nftables"` needs no program |
//! | Mozilla's certificates, as Debian has them | DNS over TLS |
//! | users root and nodens (65532), empty folders | `sandbox.user`, sockets and the snapshot where no volume is mounted |
//! | licences, and a list of all crates and Debian packages (CycloneDX) | what scanners and lawyers ask for |
//!
//! No shell, no package manager. The root may be read-only; `/run/nodens` must be writable where `control.socket` or `supervisor.socket` are set.
//!
//! ## Who it is
//!
//! The image's user is 65532. The file /nodens carries NET_BIND_SERVICE, NET_ADMIN and NET_RAW as permitted (file capabilities), so that the
//! supervisor takes up those that the container has; the process that answers gives all of them up ([`sandbox`](super::sandbox)).
//!
//! | the container | what works |
//! |---|---|
//! | image's user, nothing added | ports from 1024 on; port 53 where the runtime lets pods bind low ports, or leaves NET_BIND_SERVICE |
//! | image's user, NET_ADMIN added: the official manifest | port 53 on the node, link, packet rules |
//! | image's user, all dropped but NET_ADMIN and NET_BIND_SERVICE | the same; iptables of the kind legacy also asks for NET_RAW |
//! | `allowPrivilegeEscalation: false` | the kernel ignores what files carry: with the image's user only ports from 1024 on. For the node's port 53, link and rules take `runAsUser: 0` with all dropped but NET_ADMIN, NET_BIND_SERVICE, SETUID, SETGID, SETPCAP and KILL: the process that answers becomes 65532 by itself |
//!
//! Both are least privilege: one trusts the file, the other a root with six rights that answers nobody.
//!
//! # How they are made
//!
//! The same tree, program and Debian packages give the same bytes: dates are those of the last commit (`SOURCE_DATE_EPOCH`), names are sorted, owners are
//! numbers. Tests make each twice and compare. The program itself was not compared between two machines.
//!
//! **Why no container engine.** A layer is a tar file, a manifest is JSON; a script of 200 lines writes both, needs no daemon and no root, and puts no date
//! into anything. **Why not cargo-deb.** The table in Cargo.toml has its form, for those who have it (not tried here); but it takes minutes to build, where
//! dpkg-deb is there. **Why static.** `cargo rustc -- -C target-feature=+crt-static` links the release build once more against glibc's archive:
//! two minutes instead of a second toolchain (musl) with another allocator, another resolver and another C library than all tests have. What a static glibc
//! cannot do, we do not ask: users are read from /etc/passwd, names are never looked up by it. One thing had to be seen to: the crate for random
//! numbers finds no getrandom by name and reads /dev/urandom instead, which is opened before the sandbox closes.
//!
//! Figures, amd64: the package 3.9 MB; the image 8.1 MB as sent and 20.1 MB on a node (before rules and the audit were in it without iptables 5.9 and 14.0); 182 crates linked, 42 more for building.
