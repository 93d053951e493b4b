//! What the process that answers has given up.
//!
//! It parses what strangers send. If a fault in that ever lets somebody in, this is where they are:
//!
//! | | supervisor | worker, who answers | `--no-supervisor` |
//! |---|---|---|---|
//! | reads from the network | nothing | queries, answers, HTTP | as the worker |
//! | user | as started | `sandbox.user` | `sandbox.user` |
//! | capabilities | NET_BIND_SERVICE; KILL, SETUID, SETGID, SETPCAP for the worker; NET_ADMIN and NET_RAW only with a managed interface or rules | none, and none to be had (bounding set, no_new_privs) | none |
//! | system calls | all | those of [`CALLS`](crate::sys::sandbox::calls::CALLS), each with its user | as the worker |
//! | files | as its user | those of the configuration, by folder, and [`SYSTEM`](crate::sys::sandbox::files::SYSTEM) | as the worker |
//! | starts programs | the worker | none: no execve, no fork | none |
//! | network | sockets, interface, rules | TCP, UDP, and netlink to ask for addresses | as the worker |
//!
//! With `--no-supervisor` and a managed interface or rules the one process keeps NET_ADMIN, NET_RAW, its user and all system calls, and warns.
//!
//! # What holds
//!
//! The log line `sandbox` says it in one line, and after it what does not hold and why:
//!
//! ```text
//! level=info msg="sandbox" report="uid 65532, capabilities none, system calls 97 allowed, landlock version 7"
//! ```
//!
//! `/proc/PID/status` of the worker confirms it: `NoNewPrivs: 1`, `Seccomp: 2`, `CapEff`, `CapPrm` and `CapBnd` 0. Order: sockets are bound, then
//! the bounding set, groups, user, capabilities, landlock, seccomp; all before the second thread.
//!
//! # Who reads what
//!
//! Started as root, the worker becomes `nodens`, or 65532 if there is no such user. It has to read the configuration again at a reload, and
//! hosts, block file, trust anchors and authorities now: one of these that it cannot read ends the start with its name; the configuration
//! itself gives a warning. `cache.snapshot` needs a folder that belongs to it (`chown 65532`). Without CAP_SETUID, as in containers with all capabilities
//! dropped, it stays root without capabilities, and says so.
//!
//! Landlock goes by the folders of the start. A reload that names a file in another folder is refused with `Permission denied` until the next
//! start; keep files beside the configuration. It needs no writable place but the snapshot's folder, so a root file system may be read-only.
//!
//! # When something is refused
//!
//! A system call that is not in the table fails with EPERM; the process goes on. The kernel logs it: `journalctl -k | grep type=1326` (or the
//! audit log) shows `comm="nodens" syscall=NUMBER`; `ausyscall NUMBER` names it. Please report it: the table lacks a user. Killing was the other
//! choice; but a library that tries something new after an update of the system would then take the node's DNS away.
//!
//! `sandbox.enabled = false` starts without all of this, to find out whether it is the cause.
//!
//! # What does not hold
//!
//! Whoever is in the worker can answer queries with lies, ask any server, and read what clients ask from then on. They can also reach any
//! address that the node reaches, since upstreams are anywhere: a network policy bounds that better than the process itself. File names can be
//! looked at (`stat`) where the user may; landlock does not hide them.
