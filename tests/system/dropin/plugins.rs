//! Every plugin that answers or changes questions, in one Corefile: a daemon with it and one with the file that `nodens migrate` makes of it answer
//! alike, and both as a table says that was written by hand from CoreDNS's manual and, where that is silent, its source.
//!
//! The table is [`TABLE`] with what [`families`] adds; its names are below `example.org`, which is written "@". What has no answer, or depends on who
//! asks, has functions of its own below.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::common::ask::Ask;
use crate::common::client::{Tcp, Udp};
use crate::common::daemon::{BINARY, Daemon, Setup};
use crate::common::peer::{self, Peer, free_address};
use crate::common::skip::{Need, unless};
use crate::common::wire::{Message, Record, kind, option, rcode};

/// A Corefile as people have them: PORT, SERVER and FOLDER are put in.
const COREFILE: &str = r#"
# Names that are asked in another form.
names.example.org:PORT {
    bind 127.0.0.1
    errors
    cache 30
    rewrite continue type HINFO TXT
    rewrite continue ttl suffix .brief.names.example.org 10
    rewrite continue ttl exact least.names.example.org 600-
    rewrite name plain.names.example.org www.names.example.org
    rewrite name exact Cased.NAMES.example.org WWW.names.Example.ORG.
    rewrite name prefix old new
    rewrite name prefix WAS. Is. answer auto
    rewrite stop {
        name suffix .rocks.names.example.org .consul.names.example.org
        answer auto
    }
    rewrite name substring mid.names Core.names answer auto
    rewrite stop {
        name regex (.*)-(us|eu)\.r\.names\.example\.org {1}.{2}.svc.names.example.org
        answer name (.*)\.(us|eu)\.svc\.names\.example\.org {1}-{2}.r.names.example.org
        value (.*)\.svc\.names\.example\.org {1}.value.names.example.org
    }
    rewrite name regex ^bare-([a-z]+)\.names\.example\.org\.$ {1}.names.example.org
    rewrite name regex ^(broken)\.names\.example\.org\.$ {1}..names.example.org
    rewrite continue name exact one.names.example.org two.names.example.org
    rewrite name exact two.names.example.org www.names.example.org
    rewrite stop name exact first.names.example.org second.names.example.org
    rewrite name exact second.names.example.org www.names.example.org
    rewrite name exact away.names.example.org www.example.org
    rewrite name exact across.names.example.org ip-1-2-3-4.made.example.org
    rewrite name exact host.names.example.org both.hosts.example.org
    forward . SERVER
}

# Answers that are made of the question.
made.example.org 100.10.in-addr.arpa:PORT {
    bind 127.0.0.1
    cache 30
    template IN A made.example.org {
        match ^(?:.*[.])?ip-(?P<a>[0-9]+)-(?P<b>[0-9]+)-(?P<c>[0-9]+)-(?P<d>[0-9]+)[.]made[.]example[.]org[.]$
        match "^x(?P<a>[0-9]+)[.](?P<b>[0-9]+)[.](?P<c>[0-9]+)[.](?P<d>[0-9]+)[.]made[.]example[.]org[.]$"
        answer "{{ .Name }} 60 IN A {{ .Group.a }}.{{ .Group.b }}.{{ .Group.c }}.{{ .Group.d }}"
        fallthrough
    }
    template IN A {
        match "^hex(?P<c>[a-f0-9]{2})(?P<d>[a-f0-9]{2})[.]made[.]example[.]org[.]$"
        answer "{{ .Name }} 60 IN A 10.1.{{ parseInt .Group.c 16 8 }}.{{ parseInt .Group.d 16 8 }}"
        fallthrough
    }
    template IN AAAA made.example.org {
        match ^ip-[0-9-]+[.]made[.]example[.]org[.]$
        authority "{{ .Zone }} 60 {{ .Class }} SOA ns.{{ .Zone }} hostmaster.{{ .Zone }} (1 60 60 60 60)"
        fallthrough
    }
    template IN AAAA six.made.example.org {
        match ^h(?P<n>[0-9a-f]{1,4})[.]
        answer "{{ .Name }} 60 IN AAAA 2001:db8::{{ .Group.n }}"
    }
    template IN PTR 100.10.in-addr.arpa {
        match ^(?P<d>[0-9]+)[.](?P<c>[0-9]+)[.]100[.]10[.]in-addr[.]arpa[.]$
        answer "{{ .Name }} 60 IN PTR ip-10-100-{{ .Group.c }}-{{ .Group.d }}.made.example.org."
    }
    template IN SRV made.example.org {
        match ^_(?P<service>[a-z]+)[.]_tcp[.](?P<host>[a-z]+)[.]made[.]example[.]org[.]$
        answer "{{ .Name }} 60 IN SRV 0 10 8080 {{ .Group.host }}.{{ .Zone }}"
        additional "{{ .Group.host }}.{{ .Zone }} 60 IN A 10.1.1.1"
        fallthrough
    }
    template ANY ANY internal.made.example.org {
        match "^(?:[^.]+\.){4,}internal\.made\.example\.org\.$"
        rcode NXDOMAIN
        authority "internal.made.example.org. 60 IN SOA ns.internal.made.example.org. hostmaster.internal.made.example.org. 1 60 60 60 60"
        ederror 21 "is not asked outside"
        fallthrough
    }
    template IN ANY alias.made.example.org {
        answer "{{ .Name }} 60 IN CNAME www.example.org."
    }
    template IN TXT words.made.example.org {
        match ^([a-z]+)-([a-z]+)[.]words[.]
        answer "{{ .Name }} 60 IN TXT \"{{ index .Match 2 }} {{ index .Match 1 }} {{ .Type }} {{ .Class }}\""
        fallthrough open.words.made.example.org
    }
    template IN A twice.made.example.org {
        match ^a[.]
        answer "{{ .Name }} 60 IN A 10.2.0.1"
        fallthrough
    }
    template IN A twice.made.example.org {
        answer "{{ .Name }} 60 IN A 10.2.0.2"
    }
    template ANY ANY gone.made.example.org {
        rcode NXDOMAIN
    }
    template ANY ANY failing.made.example.org {
        rcode SERVFAIL
    }
    forward . SERVER
}

# Names of a file.
hosts.example.org 77.10.in-addr.arpa:PORT {
    bind 127.0.0.1
    cache 30
    hosts FOLDER/hosts {
        10.77.0.3 inline.hosts.example.org UPPER.hosts.example.org
        10.77.0.4 both.hosts.example.org
        ttl 20
        fallthrough
    }
    forward . SERVER
}
shut.example.org 78.10.in-addr.arpa:PORT {
    bind 127.0.0.1
    hosts FOLDER/hosts {
        10.78.0.1 a.shut.example.org
        no_reverse
    }
    forward . SERVER
}

# Who may ask what.
acl.example.org:PORT {
    bind 127.0.0.1
    rewrite name exact door.acl.example.org secret.acl.example.org
    rewrite type HINFO MX
    acl secret.acl.example.org {
        block
    }
    acl {
        allow net 127.0.1.9
        drop type TXT net 127.0.1.0/24
        filter type AAAA net *
        block type MX ANY
        block net 127.0.1.0/24
    }
    forward . SERVER
}

# Networks without IPv4.
six.example.org:PORT {
    bind 127.0.0.1
    cache 30
    dns64 {
        prefix 2001:db8:64::/96
        allow_ipv4
    }
    forward . SERVER
}
all.six.example.org:PORT {
    bind 127.0.0.1
    dns64 2001:db8:64::/96 {
        translate_all
        allow_ipv4
    }
    forward . SERVER
}
real.six.example.org:PORT {
    bind 127.0.0.1
    dns64
    forward . SERVER
}

me.example.org:PORT {
    bind 127.0.0.1
    whoami
}
.:PORT {
    bind 127.0.0.1
    nsid edge 7
    bufsize 900
    cache 30 {
        success 9984 20
        denial 9984 10
        servfail 0
        disable denial kept.example.org
        serve_stale 1h
        prefetch 10 1m 20%
    }
    forward . SERVER
}
"#;

/// What its server knows.
const ZONE: &str = "$TTL 3600\n@ SOA ns hostmaster 1 7200 1800 86400 300\n@ NS ns\nns A 192.0.2.53\nwww A 192.0.2.80\n\
    www.names A 192.0.2.81\nwww.names TXT www\nnew.names A 192.0.2.82\nolder.names A 192.0.2.83\nis.names A 192.0.2.84\nx.is.names A 192.0.2.85\n\
    a.consul.names A 192.0.2.86\na.consul.names TXT consul\nb.consul.names CNAME a.consul.names\nmx.consul.names MX 5 a.consul.names\nx.core.names A 192.0.2.87\n\
    xmid.namesake.names A 192.0.2.88\n$ORIGIN svc.names.example.org.\nftp.us A 192.0.2.89\nftp.eu CNAME ftp.us\nmail.us MX 10 ftp.us\ns.eu SRV 1 2 80 ftp.us\n\
    $ORIGIN names.example.org.\nthing A 192.0.2.90\ntwo A 192.0.2.1\nsecond A 192.0.2.91\nacross A 192.0.2.1\na.brief A 192.0.2.92\nleast 5 A 192.0.2.93\n\
    $ORIGIN example.org.\nip-1-2-3-4.made A 192.0.2.99\nboth.hosts A 192.0.2.98\nonly.hosts A 192.0.2.97\nmail.hosts MX 1 www\n\
    www.made A 192.0.2.70\nwww.made TXT made\na.internal.made A 192.0.2.71\nb.a.internal.made A 192.0.2.71\nx.open.words.made TXT server\n\
    www.shut A 192.0.2.60\nwww.acl A 192.0.2.50\nwww.acl AAAA 2001:db8::50\nwww.acl TXT acl\nwww.acl MX 1 www.acl\nsecret.acl A 192.0.2.51\n\
    v4.six A 192.0.2.33\nv6.six AAAA 2001:db8::33\nboth.six A 192.0.2.34\nboth.six AAAA 2001:db8::34\ntxt.six TXT six\nalias.six CNAME v4.six\n\
    both.all.six A 192.0.2.35\nboth.all.six AAAA 2001:db8::35\nv6.all.six AAAA 2001:db8::36\nv4.real.six A 192.0.2.37\n\
    kept A 192.0.2.40\nlong TXT ( \"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\" )\n";

/// The reverse zones of its server.
const REVERSE_ZONE: &str = "$TTL 300\n@ SOA ns.example.org. hostmaster 1 7200 1800 86400 300\n@ NS ns.example.org.\n\
    9.0.77 PTR server.example.org.\n1.0.78 PTR server.example.org.\n1.0.79 PTR server.example.org.\n";

/// The hosts file.
const HOSTS: &str = "# of the file\n10.77.0.1 file.hosts.example.org alias.hosts.example.org # two names\n10.77.0.2 both.hosts.example.org\n\
    2001:db8::77 file.hosts.example.org\n10.78.0.2 b.shut.example.org\n10.79.0.1 www.example.org\n";

/// What each question gets: "NAME TYPE = CODE", its records behind "|", the additional ones behind "+", who denies it behind "!", and what the
/// extended error is behind "ede".
const TABLE: &str = "
names outside of all blocks but the last one
    www@ A = NOERROR | www@ A 192.0.2.80
    nothing@ A = NXDOMAIN ! @
    www@ TXT = NOERROR ! @
rewrite name, exact: the name is given back, however it was written
    plain.names@ A = NOERROR | plain.names@ A 192.0.2.81
    plain.names@ AAAA = NOERROR ! @
    cased.names@ A = NOERROR | cased.names@ A 192.0.2.81
    www.names@ A = NOERROR | www.names@ A 192.0.2.81
rewrite name, prefix: of whole labels, since CoreDNS puts a dot behind it; without `answer` the other name is in the answer
    old.names@ A = NOERROR | new.names@ A 192.0.2.82
    older.names@ A = NOERROR | older.names@ A 192.0.2.83
    was.names@ A = NOERROR | was.names@ A 192.0.2.84
    x.was.names@ A = NXDOMAIN ! @
    was.nothing.names@ A = NXDOMAIN ! @
rewrite name, suffix, in braces
    a.rocks.names@ A = NOERROR | a.rocks.names@ A 192.0.2.86
    b.rocks.names@ A = NOERROR | b.rocks.names@ CNAME a.rocks.names@ | a.rocks.names@ A 192.0.2.86
    mx.rocks.names@ MX = NOERROR | mx.rocks.names@ MX 5 a.rocks.names@
    c.rocks.names@ A = NXDOMAIN ! @
rewrite name, substring: to the end of a label
    x.mid.names@ A = NOERROR | x.mid.names@ A 192.0.2.87
    xmid.namesake.names@ A = NOERROR | xmid.namesake.names@ A 192.0.2.88
rewrite name, regex, with answer name and answer value; and without
    ftp-us.r.names@ A = NOERROR | ftp-us.r.names@ A 192.0.2.89
    ftp-eu.r.names@ A = NOERROR | ftp-eu.r.names@ CNAME ftp.us.value.names@ | ftp-us.r.names@ A 192.0.2.89
    mail-us.r.names@ MX = NOERROR | mail-us.r.names@ MX 10 ftp.us.value.names@
    s-eu.r.names@ SRV = NOERROR | s-eu.r.names@ SRV 1 2 80 ftp.us.value.names@
    ftp-asia.r.names@ A = NXDOMAIN ! @
    bare-thing.names@ A = NOERROR | thing.names@ A 192.0.2.90
    broken.names@ A = SERVFAIL
rewrite type goes on to the rules of names
    www.names@ HINFO = NOERROR | www.names@ TXT www
    plain.names@ HINFO = NOERROR | plain.names@ TXT www
    a.rocks.names@ HINFO = NOERROR | a.rocks.names@ TXT consul
continue and stop
    one.names@ A = NOERROR | one.names@ A 192.0.2.81
    two.names@ A = NOERROR | two.names@ A 192.0.2.81
    first.names@ A = NOERROR | first.names@ A 192.0.2.91
    second.names@ A = NOERROR | second.names@ A 192.0.2.81
a rewritten name stays in the block that the question came to: its server, none of the plugins of other blocks
    away.names@ A = NOERROR | away.names@ A 192.0.2.80
    across.names@ A = NOERROR | across.names@ A 192.0.2.99
    host.names@ A = NOERROR | host.names@ A 192.0.2.98
template: what fits no expression falls through, to the next one or the server
    www.made@ A = NOERROR | www.made@ A 192.0.2.70
    www.made@ TXT = NOERROR | www.made@ TXT made
    a.b.ip-10-1-2-3.made@ A = NOERROR | a.b.ip-10-1-2-3.made@ A 10.1.2.3
    x10.9.8.7.made@ A = NOERROR | x10.9.8.7.made@ A 10.9.8.7
    hex0aff.made@ A = NOERROR | hex0aff.made@ A 10.1.10.255
    hexzz00.made@ A = NXDOMAIN ! @
    nothing.made@ A = NXDOMAIN ! @
    ip-10-1-2-3.made@ AAAA = NOERROR ! made@
    ip-10-1-2-3.made@ TXT = NXDOMAIN ! @
template: a record that is none is a failure
    ip-10-1-2-333.made@ A = SERVFAIL
template without fallthrough: what fits no expression is a failure, other types are none of its
    h1.six.made@ AAAA = NOERROR | h1.six.made@ AAAA 2001:db8::1
    hbeef.six.made@ AAAA = NOERROR | hbeef.six.made@ AAAA 2001:db8::beef
    x.six.made@ AAAA = SERVFAIL
    h1.six.made@ TXT = NXDOMAIN ! @
    x.100.10.in-addr.arpa PTR = SERVFAIL
template: PTR, SRV with an additional record, an alias that is followed
    _http._tcp.web.made@ SRV = NOERROR | _http._tcp.web.made@ SRV 0 10 8080 web.made@ + web.made@ A 10.1.1.1
    _http._udp.web.made@ SRV = NXDOMAIN ! @
    alias.made@ A = NOERROR | alias.made@ CNAME www@ | www@ A 192.0.2.80
    x.alias.made@ AAAA = NOERROR | x.alias.made@ CNAME www@
    alias.made@ TXT = NOERROR | alias.made@ CNAME www@
template ANY ANY: denials of many labels
    a.internal.made@ A = NOERROR | a.internal.made@ A 192.0.2.71
    b.a.internal.made@ A = NOERROR | b.a.internal.made@ A 192.0.2.71
    d.c.b.a.internal.made@ A = NXDOMAIN ! internal.made@ ede 21
    e.d.c.b.a.internal.made@ TXT = NXDOMAIN ! internal.made@ ede 21
    c.b.a.internal.made@ A = NXDOMAIN ! @
    gone.made@ A = NXDOMAIN
    x.gone.made@ MX = NXDOMAIN
    x.failing.made@ A = SERVFAIL
template: groups by number, types and classes; fallthrough for some names
    first-second.words.made@ TXT = NOERROR | first-second.words.made@ TXT second first TXT IN
    x.words.made@ TXT = SERVFAIL
    x.open.words.made@ TXT = NOERROR | x.open.words.made@ TXT server
template: the first that fits answers
    a.twice.made@ A = NOERROR | a.twice.made@ A 10.2.0.1
    b.twice.made@ A = NOERROR | b.twice.made@ A 10.2.0.2
hosts: file and lines, names backwards; what is there has no other types, and what is not falls through
    file.hosts@ A = NOERROR | file.hosts@ A 10.77.0.1
    alias.hosts@ A = NOERROR | alias.hosts@ A 10.77.0.1
    file.hosts@ AAAA = NOERROR | file.hosts@ AAAA 2001:db8::77
    alias.hosts@ AAAA = NOERROR
    file.hosts@ TXT = NOERROR
    inline.hosts@ A = NOERROR | inline.hosts@ A 10.77.0.3
    upper.hosts@ A = NOERROR | upper.hosts@ A 10.77.0.3
    both.hosts@ A = NOERROR | both.hosts@ A 10.77.0.2 | both.hosts@ A 10.77.0.4
    only.hosts@ A = NOERROR | only.hosts@ A 192.0.2.97
    mail.hosts@ MX = NOERROR | mail.hosts@ MX 1 www@
    nothing.hosts@ A = NXDOMAIN ! @
    1.0.77.10.in-addr.arpa PTR = NOERROR | 1.0.77.10.in-addr.arpa PTR alias.hosts@ | 1.0.77.10.in-addr.arpa PTR file.hosts@
    3.0.77.10.in-addr.arpa PTR = NOERROR | 3.0.77.10.in-addr.arpa PTR inline.hosts@ | 3.0.77.10.in-addr.arpa PTR upper.hosts@
    9.0.77.10.in-addr.arpa PTR = NOERROR | 9.0.77.10.in-addr.arpa PTR server@
    8.0.77.10.in-addr.arpa PTR = NXDOMAIN ! 10.in-addr.arpa
hosts without fallthrough: what is not there is a failure, but for names backwards
    a.shut@ A = NOERROR | a.shut@ A 10.78.0.1
    b.shut@ A = NOERROR | b.shut@ A 10.78.0.2
    www.shut@ A = SERVFAIL
    www.shut@ TXT = SERVFAIL
    1.0.78.10.in-addr.arpa PTR = NOERROR | 1.0.78.10.in-addr.arpa PTR server@
hosts of other blocks say nothing here
    1.0.79.10.in-addr.arpa PTR = NOERROR | 1.0.79.10.in-addr.arpa PTR server@
acl: by type; and by the name that a question becomes
    www.acl@ A = NOERROR | www.acl@ A 192.0.2.50
    www.acl@ AAAA = NOERROR ede 17
    www.acl@ MX = REFUSED ede 15
    www.acl@ TXT = NOERROR | www.acl@ TXT acl
    secret.acl@ A = REFUSED ede 15
    x.secret.acl@ A = REFUSED ede 15
    door.acl@ A = REFUSED ede 15
    www.acl@ HINFO = REFUSED ede 15
dns64: names without real addresses; what is not there stays so
    v4.six@ AAAA = NOERROR | v4.six@ AAAA 2001:db8:64::c000:221
    v6.six@ AAAA = NOERROR | v6.six@ AAAA 2001:db8::33
    both.six@ AAAA = NOERROR | both.six@ AAAA 2001:db8::34
    txt.six@ AAAA = NOERROR ! @
    nothing.six@ AAAA = NXDOMAIN ! @
    alias.six@ AAAA = NOERROR | alias.six@ CNAME v4.six@ | v4.six@ AAAA 2001:db8:64::c000:221
    v4.six@ A = NOERROR | v4.six@ A 192.0.2.33
dns64 translate_all: in the place of real ones, too, unless there is nothing to make them of
    both.all.six@ AAAA = NOERROR | both.all.six@ AAAA 2001:db8:64::c000:223
dns64 without allow_ipv4: not for clients over IPv4
    v4.real.six@ AAAA = NOERROR ! @
";

/// Rows of many names: those whose number stands in them.
fn families() -> String {
    let mut rows = String::new();
    for n in 1..51 {
        let m = n * 5;
        writeln!(rows, "ip-10-{n}-{m}-1.made@ A = NOERROR | ip-10-{n}-{m}-1.made@ A 10.{n}.{m}.1").unwrap();
        let (name, host) = (format!("{m}.{n}.100.10.in-addr.arpa"), format!("ip-10-100-{n}-{m}.made@"));
        writeln!(rows, "{name} PTR = NOERROR | {name} PTR {host}").unwrap();
        writeln!(rows, "h{n:x}.six.made@ AAAA = NOERROR | h{n:x}.six.made@ AAAA 2001:db8::{n:x}").unwrap();
        writeln!(rows, "n{n}-us.r.names@ A = NXDOMAIN ! @").unwrap();
        writeln!(rows, "_s._tcp.h{n}.made@ SRV = NXDOMAIN ! @").unwrap();
        writeln!(rows, "d.c.b.a.{n}.internal.made@ A = NXDOMAIN ! internal.made@ ede 21").unwrap();
    }
    rows
}

/// A question and what it must get.
#[derive(Debug)]
struct Row {
    /// The name.
    name: String,
    /// The type.
    kind: u16,
    /// The answer, as [`said`] has it.
    answer: String,
}

/// All rows. Lines without "=" are headlines.
fn rows() -> Vec<Row> {
    let text = format!("{TABLE}{}", families()).replace('@', ".example.org").replace(" .example.org", " example.org");
    let row = |line: &str| {
        let (question, answer) = line.trim().split_once(" = ")?;
        let (name, kind) = question.split_once(' ').expect("a name and a type");
        // Records are in no order.
        let (records, rest) = answer.find([' ']).map_or((answer, ""), |_| match answer.find(['+', '!']) {
            Some(at) => answer.split_at(at),
            None => (answer, ""),
        });
        let mut records: Vec<&str> = records.split('|').map(str::trim).collect();
        records[1..].sort_unstable();
        let answer = format!("{} {rest}", records.join(" | "));
        Some(Row { name: name.to_owned(), kind: number(kind), answer: answer.trim().to_owned() })
    };
    text.lines().filter_map(row).collect()
}

/// Types by name.
const KINDS: &[(&str, u16)] = &[
    ("A", kind::A),
    ("AAAA", kind::AAAA),
    ("CNAME", kind::CNAME),
    ("HINFO", kind::HINFO),
    ("MX", kind::MX),
    ("PTR", kind::PTR),
    ("SOA", kind::SOA),
    ("SRV", kind::SRV),
    ("TXT", kind::TXT),
];

/// The number of a type.
fn number(kind: &str) -> u16 {
    KINDS.iter().find(|(name, _)| *name == kind).unwrap_or_else(|| panic!("{kind} is not known here")).1
}

/// A record without its TTL.
fn shown(record: &Record) -> String {
    let kind = KINDS.iter().find(|(_, number)| *number == record.kind).map_or("?", |(name, _)| name);
    let word = |at: usize| u16::from_be_bytes([record.data[at], record.data[at + 1]]);
    let data = match record.kind {
        kind::A | kind::AAAA => record.address().unwrap().to_string(),
        kind::TXT => record.text(),
        kind::MX => format!("{} {}", word(0), record.names[0].to_lowercase()),
        kind::SRV => format!("{} {} {} {}", word(0), word(2), word(4), plain_name(&record.data[6..])),
        _ => record.names.first().map_or_else(|| format!("{:02x?}", record.data), |name| name.to_lowercase()),
    };
    format!("{} {kind} {data}", record.name.to_lowercase())
}

/// A name that is not compressed.
fn plain_name(mut data: &[u8]) -> String {
    let mut labels = Vec::new();
    while let [length, rest @ ..] = data
        && *length > 0
    {
        let (label, after) = rest.split_at(usize::from(*length));
        labels.push(String::from_utf8_lossy(label).to_lowercase());
        data = after;
    }
    if labels.is_empty() { ".".to_owned() } else { labels.join(".") }
}

/// Extended errors that the table speaks of; others are our own addition.
const EXTENDED: [u16; 3] = [15, 17, 21];

/// What an answer says, in the form of the table.
fn said(message: &Message) -> String {
    let code = match message.rcode() {
        rcode::NOERROR => "NOERROR".to_owned(),
        rcode::NXDOMAIN => "NXDOMAIN".to_owned(),
        rcode::SERVFAIL => "SERVFAIL".to_owned(),
        rcode::REFUSED => "REFUSED".to_owned(),
        other => other.to_string(),
    };
    let list = |records: &[Record]| records.iter().map(shown).collect::<BTreeSet<_>>();
    let mut text = code;
    text.extend(list(&message.answers).iter().map(|record| format!(" | {record}")));
    text.extend(list(&message.additionals).iter().map(|record| format!(" + {record}")));
    let starts = message.authorities.iter().filter(|record| record.kind == kind::SOA);
    text.extend(starts.map(|start| format!(" ! {}", start.name.to_lowercase())));
    text.extend(
        message.extended_errors().iter().filter(|code| EXTENDED.contains(code)).map(|code| format!(" ede {code}")),
    );
    text
}

/// The same without what only EDNS carries.
fn without_edns(answer: &str) -> &str {
    answer.split(" ede ").next().unwrap_or(answer)
}

//------ The daemons ---------------------------------------------------------

/// What the daemons are started with.
struct Files {
    /// The folder.
    folder: tempfile::TempDir,
    /// Where they answer.
    listen: SocketAddr,
}

impl Files {
    /// Writes them.
    fn new(server: SocketAddr) -> Self {
        let (folder, listen) = (tempfile::tempdir().unwrap(), free_address());
        let text = COREFILE
            .replace("PORT", &listen.port().to_string())
            .replace("SERVER", &server.to_string())
            .replace("FOLDER", &folder.path().display().to_string());
        fs::write(folder.path().join("Corefile"), text).unwrap();
        fs::write(folder.path().join("hosts"), HOSTS).unwrap();
        fs::write(folder.path().join("own.toml"), "[sandbox]\nuser = \"root\"\n").unwrap();
        Self { folder, listen }
    }

    /// The path of one.
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// nodens in the place of node-cache, with the Corefile itself.
    fn as_node_cache(&self) -> Daemon {
        let mut command = Command::new(BINARY);
        command.args(["node-cache", "-localip", "127.0.0.1", "-setupinterface=false", "-setupiptables=false"]);
        command.args(["-basecorefile", &self.path("Corefile"), "-conf", &self.path("shown")]);
        command.args(["-kubednscm", &self.path("none"), "-metrics-listen-address", ""]);
        command.args(["-config", &self.path("own.toml"), "-dns.port", &self.listen.port().to_string()]);
        Daemon::start(command, tempfile::tempdir().unwrap())
    }

    /// nodens with what the Corefile means, as its own file.
    fn migrated(&self) -> Daemon {
        let text = peer::output(BINARY, &["migrate", &self.path("Corefile")]);
        let file = self.path("nodens.toml");
        fs::write(&file, format!("{text}\n[sandbox]\nuser = \"root\"\n")).unwrap();
        Setup::new().start_at(Path::new(&file))
    }
}

/// Ends a daemon in good order.
fn stop(mut daemon: Daemon) {
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));
}

//------ The questions -------------------------------------------------------

/// What a daemon says to all questions: over UDP with EDNS, over UDP without, over TCP.
fn all_answers(server: SocketAddr, rows: &[Row]) -> Vec<[String; 3]> {
    let (udp, mut tcp) = (Udp::to(server), Tcp::to(server));
    let ask = |row: &Row| {
        let plain = Ask::new(&row.name, row.kind);
        let with = Ask::new(&row.name, row.kind).edns(1_232);
        [said(&udp.ask(&with)), said(&udp.ask(&plain)), said(&tcp.ask(&with))]
    };
    rows.iter().map(ask).collect()
}

/// Checks all answers of a daemon against the table.
#[track_caller]
fn check_table(who: &str, rows: &[Row], found: &[[String; 3]]) {
    let wrong: Vec<String> = rows
        .iter()
        .zip(found)
        .filter(|(row, found)| {
            *found != &[row.answer.clone(), without_edns(&row.answer).to_owned(), row.answer.clone()]
        })
        .map(|(row, found)| format!("{} {}\n  must get {}\n  and gets {found:#?}", row.name, row.kind, row.answer))
        .collect();
    assert!(wrong.is_empty(), "{who}: {} of {} answers are wrong:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// What depends on who asks: `acl` by network. The networks are those of loopback.
fn check_acl(server: SocketAddr) {
    let ask = |client: [u8; 4], name: &str, kind: u16| {
        let (client, ask) = (IpAddr::from(client), Ask::new(name, kind).edns(1_232));
        let over_udp = said(&Udp::from_to(client, server).ask(&ask));
        assert_eq!(said(&Tcp::between(client, server).ask(&ask)), over_udp);
        over_udp
    };
    let (name, secret) = ("www.acl.example.org", "secret.acl.example.org");
    assert_eq!(ask([127, 0, 1, 8], name, kind::A), "REFUSED ede 15");
    assert_eq!(ask([127, 0, 1, 8], name, kind::AAAA), "NOERROR ede 17");
    assert_eq!(ask([127, 0, 1, 9], name, kind::A), "NOERROR | www.acl.example.org A 192.0.2.50");
    assert_eq!(ask([127, 0, 1, 9], name, kind::AAAA), "NOERROR | www.acl.example.org AAAA 2001:db8::50");
    assert_eq!(ask([127, 0, 1, 9], secret, kind::A), "REFUSED ede 15", "the first access list has the first word");
    // What is dropped has no answer: the one to the next question comes first.
    let (dropped, next) = (Ask::new(name, kind::TXT), Ask::a("www.example.org"));
    let client = Ipv4Addr::new(127, 0, 1, 8).into();
    let udp = Udp::from_to(client, server);
    udp.send(&dropped);
    assert_eq!(said(&udp.ask(&next)), "NOERROR | www.example.org A 192.0.2.80");
    let mut tcp = Tcp::between(client, server);
    tcp.send(&[&dropped, &next]);
    assert_eq!(said(&tcp.receive(&next)), "NOERROR | www.example.org A 192.0.2.80");
}

/// `whoami`: the address and port of the client, in the additional section.
fn check_whoami(server: SocketAddr) {
    let client = |port: u16, protocol: &str| {
        format!("NOERROR + _{protocol}.me.example.org SRV 0 0 {port} . + me.example.org A 127.0.0.1")
    };
    let (ask, udp, mut tcp) = (Ask::a("me.example.org"), Udp::to(server), Tcp::to(server));
    let port = |text: &str| text.split("SRV 0 0 ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
    for (text, protocol) in [(said(&udp.ask(&ask)), "udp"), (said(&tcp.ask(&ask)), "tcp")] {
        let port: u16 = port(&text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(text, client(port, protocol));
        assert!(port > 0);
    }
    assert_eq!(tcp.stream().local_addr().unwrap().port(), port(&said(&tcp.ask(&ask))).unwrap());
}

/// TTLs: of `rewrite ttl`, `hosts`, and of `cache`, which keeps nothing longer than it says.
fn check_ttls(server: SocketAddr) {
    let udp = Udp::to(server);
    let ttl = |name: &str| udp.ask(&Ask::a(&format!("{name}.example.org"))).ttl();
    for (name, least, most) in [
        ("a.brief.names", 1, 10),
        ("www.names", 11, 30),
        ("file.hosts", 1, 20),
        ("www", 1, 20),
        ("ip-10-1-2-3.made", 1, 60),
    ] {
        let found = ttl(name);
        assert!((least..=most).contains(&found), "{name}: {found}");
    }
}

/// `nsid` and `bufsize`.
fn check_edns(server: SocketAddr) {
    let answer = Udp::to(server).ask(&Ask::a("www.example.org").option(option::NSID, b""));
    assert_eq!(answer.option(option::NSID), Some(b"edge 7".as_slice()));
    let answer = Udp::to(server).ask(&Ask::a("www.example.org").edns(1_232));
    assert_eq!(answer.option(option::NSID), None, "only who asks is told");
    let large = Ask::new("large.example.org", kind::TXT).edns(4_096);
    let answer = Udp::to(server).ask(&large);
    assert!(answer.truncated() && answer.bytes.len() <= 900, "{} bytes", answer.bytes.len());
    let answer = Tcp::to(server).ask(&large);
    assert_eq!(answer.answers.len(), 12, "{} bytes", answer.bytes.len());
}

/// N31, N20: one Corefile with all plugins, as it is and migrated.
#[test]
fn every_plugin_answers_as_its_manual_says_from_the_corefile_and_from_what_it_becomes() {
    if unless(&[Need::Program("named")]).is_some() {
        return;
    }
    let large =
        "large TXT 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123-";
    let zone: String = (0..12).map(|number| format!("{large}{number}\n")).collect();
    let zone = format!("{ZONE}{zone}");
    let server = Peer::bind(free_address(), &[("example.org", &zone), ("10.in-addr.arpa", REVERSE_ZONE)]);
    let files = Files::new(server.address);
    let rows = rows();
    assert!(rows.len() > 300, "{}", rows.len());
    let mut before: Option<Vec<[String; 3]>> = None;
    for (who, start) in [("node-cache", Files::as_node_cache as fn(&Files) -> Daemon), ("migrated", Files::migrated)] {
        let daemon = start(&files);
        let found = all_answers(files.listen, &rows);
        if let Some(before) = &before {
            assert_eq!(before, &found, "both daemons answer alike");
        }
        check_table(who, &rows, &found);
        // Again, from memory where it is kept.
        assert_eq!(all_answers(files.listen, &rows), found, "{who}");
        check_acl(files.listen);
        check_whoami(files.listen);
        check_ttls(files.listen);
        check_edns(files.listen);
        stop(daemon);
        before = Some(found);
    }
}
