//! Corefiles: what each line of one becomes here, what differs, and how to move to a file of nodens's own.
//!
//! The code is [`corefile`](crate::corefile): text to a tree, tree to a configuration file, and that is read as any other. So there is one
//! validated configuration, and what a Corefile means can be seen: `nodens migrate` prints it.
//!
//! ```text
//! nodens migrate /etc/coredns/Corefile -o /etc/nodens/nodens.toml
//! nodens migrate Corefile.base --kube-dns /etc/kube-dns --cluster-dns 10.96.0.11
//! ```
//!
//! Standard output is the file, each part below a comment that names the line of the Corefile it comes from; standard error is a warning for
//! each thing that is not done as it is written, in the form "FILE:LINE: plugin: what differs; what happens instead". A Corefile with mistakes
//! becomes nothing, and all of them are told in one run, with the nearest word where one is unknown.
//!
//! # Blocks to zones
//!
//! CoreDNS finds a server block by the longest of its zones, and goes through its plugins. Here a `[[zone]]` says all about its names. So a block
//! becomes a zone for each of its keys, and one more for each name within it at which something changes:
//!
//! | in the block | becomes |
//! |---|---|
//! | `forward . A { except x.example }`, then `forward . B` | a zone "x.example" that B is asked for |
//! | `forward . A { except x.example }` alone | a zone "x.example" whose names are a failure (SERVFAIL), as with CoreDNS |
//! | `forward x.example B`, then `forward . A` | a zone "x.example" that B is asked for; the other way round B is never asked, as with CoreDNS |
//! | `log x.example`, `cache 30 x.example`, `disable denial x.example`, `hosts FILE x.example` | a zone "x.example" with the same servers |
//! | no `forward`, but `hosts`, `template` or `acl` | a zone whose other names are a failure |
//! | no block for "." | a zone "." that refuses all names, as CoreDNS does |
//! | a network, such as 10.0.0.0/9 | its reverse zones, each a zone |
//! | no `cache` | zones that keep nothing |
//!
//! "." is public, every other zone internal: names of the cluster, reverse zones and stub domains may have private addresses. Public names that
//! lead to private addresses are counted and logged, and pass (`rebinding.mode = "report"`), since a Corefile let them pass. Read the log for
//! some days, exempt what is rightly so, then say "block" ([`threats`](super::threats)).
//!
//! Where two blocks hold the same zone, at different addresses or ports, the first one holds for both, and a notice names it: a zone is answered
//! alike at every address here. AKS LocalDNS is such a case. Its node-local address comes first: public names are asked at the network's
//! resolver, those of the cluster at the cluster's DNS, for nodes and pods alike.
//!
//! # Servers
//!
//! `force_tcp` is `tcp://`, `prefer_udp` is `udp://`, and neither is `auto://`: UDP, and TCP for what is truncated. CoreDNS would ask over what its
//! client asked over, and hand a truncated answer on. `tls://` servers carry the name of `tls_servername` or behind `%`; without one the
//! certificate must have the address among its names (an IP address in subjectAltName), and a notice tells so. That is what CoreDNS checks as well:
//! it leaves the name empty, and Go's crypto/tls takes the address that it connects to. A certificate for a name alone is refused by both.
//! Encrypted and plain servers of one `forward` do not mix: the plain ones are left out.
//!
//! A file such as /etc/resolv.conf is read when the Corefile is compiled; its nameservers are in the file that comes out. `nodens node-cache`
//! looks at it again when it changes, and at a folder in which files may come that fit a pattern of `import`; a migrated file does not. Nameservers that are this daemon itself are left out, and where systemd-resolved
//! is the only one, those that it asks take its place.
//!
//! # Better without a line of it
//!
//! What no line of a Corefile asks for and is so all the same is in the comments of what `nodens migrate` prints: expired answers when no
//! server answers (`serve-stale`), answers refreshed before they expire (`prefetch`), the faster of two servers (`policy`), loops found
//! while the daemon runs, one memory for all zones. Each comment names the line that ends it.
//!
//! # Plugins
//!
//! Made from the table that Corefiles are read by. What is not in it is a mistake.
#![doc = include_str!("plugins.md")]
