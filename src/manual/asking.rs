//! What is my node asking? From a question to the command that answers it.
//!
//! Everything here is asked on the node, of the daemon that runs there: `[control] socket` lets `nodens ctl` in (in a pod: `kubectl exec`). Nothing is
//! sent anywhere, and nothing here slows an answer. Each command takes `--json` for scripts. The output below is that of a node of a few names.
//!
//! | question | command or option |
//! |---|---|
//! | what goes on right now? | `nodens top`; once: `nodens ctl stats` |
//! | who asks most? which pod floods? | `nodens ctl top-clients` |
//! | what is asked for most? | `nodens ctl top-names` |
//! | who asks for this one name? | the query log |
//! | why is this name slow, missing, refused? | `nodens ctl explain NAME` |
//! | which upstream is sick? | `nodens ctl upstreams` |
//! | what was blocked or withheld, and from whom? | the query log's class `blocked`, and `nodens ctl detections` |
//! | is somebody carrying data out by names? | `nodens ctl detections` |
//! | what is kept of a name? forget it | `nodens ctl cache dump --suffix NAME`, `nodens ctl cache flush NAME` |
//!
//! # Who asks most?
//!
//! ```text
//! $ nodens ctl top-clients -n 3
//! CLIENT     QUERIES/S   SHARE  POD
//! 127.0.0.9       9.41  84.8 %  -
//! 127.0.0.7       1.50  13.5 %  -
//! 127.0.0.1       0.19   1.7 %  -
//! ```
//!
//! POD is namespace and name, where `[clients]` says who knows them (chapter [`clients`](super::clients): the kubelet or the API server, asked for this node's pods only); programs of the node itself
//! have none. `nodens ctl top-names` is the same of names. Both are estimates in bounded memory, over the last minutes: what is frequent is in them, what is
//! rare need not be.
//!
//! A client that floods is also a detection (`flood`, above `detect.flood-rate`), and `limits.client-rate` holds it to a rate.
//!
//! # Who asks for this name?
//!
//! The daemon does not remember who asked for what; the query log does, from the moment it is turned on. For one zone alone, and for a while:
//!
//! ```toml
//! [query-log]
//! output = "file:/var/log/nodens/queries"   # 0600; closed files are compressed, all together at most max-size
//! max-size = "64MiB"
//!
//! [[zone]]
//! name = "example.net"
//! upstream = "internet"
//! query-log = ["all"]                        # this zone; query-log.classes stays [] for all others
//! ```
//!
//! Then `nodens ctl reload`, and `grep 'www.example.net' /var/log/nodens/queries`. Removing the line and another reload ends it; the files are yours to
//! remove.
//!
//! ```text
//! [INFO] 127.0.0.1:43452 - 51139 "TXT IN wjiwsgdlyowrknt5422s4zybsehonqk3hqq6oaavjqgnjrus.t.example.net. udp 103 false 1232" NOERROR qr,rd,ra 156 0.000732886s
//! ```
//!
//! That is CoreDNS's line. More ways to cut it down or to ship it:
//!
//! | wish | `[query-log]` or `[[zone]]` |
//! |---|---|
//! | only denials of one zone | `query-log = ["denial"]` in that `[[zone]]` |
//! | only what failed, and what was withheld | `classes = ["error", "blocked"]` |
//! | only what left the node | `classes = ["external"]` |
//! | one conversation in ten, whole | `sample = 10`: client and name decide |
//! | objects instead of lines | `format = "json"` |
//! | dnstap for a collector on the node | `format = "dnstap"`, `output = "unix:/run/collector/dnstap.sock"`; it is connected to again when it comes back |
//! | nothing on the disk | `output = "stdout"`, to whatever takes the pod's output |
//! | clients not by address | `clients = "prefix"`, or `"pseudonym"` |
//!
//! A sink that is slow or gone costs lines, never queries: `nodens_query_log_total` counts what was `noted`, `dropped` for want of room, and `lost` in writing.
//!
//! # Why is this name slow, missing or refused?
//!
//! `explain` goes the way of a query and says what it meets, without asking anybody (`--ask` asks, too; `--client` judges as for that client):
//!
//! ```text
//! $ nodens ctl explain inside.example.org
//! question       inside.example.org. A
//! own knowledge  no
//! zone           . (public), the longest suffix; expired answers are given for 86400 s if no server has a better one
//! memory         plain: fresh: inside.example.org. A fresh nodata, 28 s left, 1 s old, given 0 times, zone . from internet, something withheld, …
//! loop           no
//! type left out  no
//! servers        internet, fastest
//!   GROUP     SERVER                PROVES  STATE                   MS  95 %  UNDER WAY  OPEN  REUSED  EXCHANGES  FAILURES
//!   internet  tcp://127.0.0.1:5399  none    up                     0.4   1.0          0     2  96.8 %         63  -
//!   internet  tcp://127.0.0.1:5398  none    down, again in 277 ms    -     -          0     0       -          0  refused 7
//! rebinding      blocked, nodata
//! validation     forward; what is kept is unknown
//!
//! memory (NOERROR): memory gives that the name has no such records, kept 1 s ago and good for 28 s more; something of it is withheld, since a public name
//! leads to an address that is not public
//! ```
//!
//! Slow: the table has each server's time (MS, and 95 of 100), how many queries are under way, and how many found an open connection. Missing: the last line
//! says whether it is denied, blocked, or withheld. `nodens ctl cache flush NAME` has it asked for again.
//!
//! # Which upstream is sick?
//!
//! ```text
//! $ nodens ctl upstreams
//! GROUP        SERVER                PROVES  STATE                   MS  95 %  UNDER WAY  OPEN  REUSED  EXCHANGES  FAILURES
//! cluster-dns  tcp://127.0.0.1:5399  none    up                     0.2     -          0     1   0.0 %          1  -
//! internet     tcp://127.0.0.1:5399  none    up                     0.4   1.0          0     2  96.8 %         63  -
//! internet     tcp://127.0.0.1:5398  none    down, again in 291 ms    -     -          0     0       -          0  refused 7
//! ```
//!
//! PROVES is what a server must show: its name, pinned keys, or nothing. FAILURES are by kind: `refused` is a closed port, `connect_timeout` a firewall, `name`, `issuer`,
//! `validity` and `pin` a certificate (chapter [`alerts`](super::alerts)).
//!
//! # What was blocked? Is somebody tunnelling?
//!
//! ```text
//! $ nodens ctl detections
//!     WHEN  RULE       SCORE  CLIENT     POD  DOMAIN        ACTION    TIMES  WHY
//! 13 s ago  rebinding     65  127.0.0.8  -    example.org.  observed      1  inside.example.org. led to an address that is not public, 1 times
//! 14 s ago  burst         98  127.0.0.7  -    example.net.  observed     26  37 names never asked before under example.net in 60 s, 100 % of them
//!           base32-like data of 52 characters on average; 1184 bytes of information in them; 100 % for types that carry data, mostly TXT; …
//! ```
//!
//! | rule | means |
//! |---|---|
//! | `signature` | the signs of a known program |
//! | `burst`, `volume`, `slow` | a tunnel at full speed, throttled, and one that takes its time |
//! | `flood`, `denial` | one client asks too fast, or too fast for what does not exist (`detect.flood-rate`, `detect.denial-rate`) |
//! | `rebinding` | public names lead this client to addresses inside |
//! | `type` | it asks for types that nobody gets (`policy.refuse-types`) |
//!
//! The last 256 are kept, in memory. Each is also one line in the log, and counts in `nodens_detections_total`. What follows is `detect.mode`: `observe` and `alert`
//! change nothing for the client, `rate-limit` and `block` hold back that client below that domain, for `detect.hold` after the last sign. If it is no tunnel,
//! `detect.exempt` takes the domain out, and `zone.detect` a whole zone.
//!
//! Names of `policy.block`: the log says who asked (`a blocked name was asked for`, ten lines at once, then one in ten seconds), the query log's class `blocked` has all of
//! them, and `nodens ctl stats` counts them under "withheld".
//!
//! # Privacy: what is kept, where, for how long
//!
//! By default the daemon keeps no record of who asked for what. What there is:
//!
//! | what | names a client? | names a name? | where | how long |
//! |---|---|---|---|---|
//! | kept answers | no | yes | memory; a file, 0600, if `cache.snapshot` says so | their TTL, a day longer for emergencies |
//! | metrics | no | no | memory | until the process ends |
//! | top names, top clients | yes, in separate lists | yes | memory | minutes |
//! | detections | yes | yes, the domain | memory, the last 256; a log line each | until the process ends; the log's time |
//! | the daemon's log | where something is wrong | likewise | standard error | as whoever takes it says |
//! | query log: off by default | as `query-log.clients` says | yes | where `query-log.output` says | files: until `max-size` is reached |
//! | pods of addresses: off by default | yes | no | memory | while the pod is there |
//!
//! - Nothing of it leaves the node unless somebody fetches it. The admin socket lets in root and the daemon's own user, nobody over a network.
//! - `query-log.clients = "prefix"` leaves the first bits of an address (`prefix-v4`, `prefix-v6`). `"pseudonym"` gives each client an address of fd00::/8 that is the same
//!   for a day; the key is in memory alone and replaced after a day and at each start, so that nobody can tell afterwards, the operator included:
//!
//! ```text
//! {"time":"2026-11-27T06:27:09.421064Z","client":"fd9a:e75e:c72c:271d:316:1f30:2859:c0a6","port":60362,"server":"127.0.0.1:5355","protocol":"udp","id":5937,
//!  "name":"nosuch.example.org.","type":"A","class":"IN","size":59,"do":false,"udp_size":1232,"rcode":"NXDOMAIN","flags":["qr","rd","ra"],"answers":0,
//!  "response_size":99,"duration_us":941,"source":"upstream","blocked":false}
//! ```
//!
//! - Names themselves can tell who asked. Where that matters, log less: a class, a zone, a sample, a small `max-size`.
