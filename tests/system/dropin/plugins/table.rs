//! The Corefile with all plugins, what its servers know, and what each question gets: written by hand from CoreDNS's manual and source.

use std::fmt::Write as _;

/// A Corefile as people have them: PORT, SERVER and FOLDER are put in.
pub(super) const COREFILE: &str = r#"
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
pub(super) const ZONE: &str = "$TTL 3600\n@ SOA ns hostmaster 1 7200 1800 86400 300\n@ NS ns\nns A 192.0.2.53\nwww A 192.0.2.80\n\
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
pub(super) const REVERSE_ZONE: &str = "$TTL 300\n@ SOA ns.example.org. hostmaster 1 7200 1800 86400 300\n@ NS ns.example.org.\n\
    9.0.77 PTR server.example.org.\n1.0.78 PTR server.example.org.\n1.0.79 PTR server.example.org.\n";

/// The hosts file.
pub(super) const HOSTS: &str = "# of the file\n10.77.0.1 file.hosts.example.org alias.hosts.example.org # two names\n10.77.0.2 both.hosts.example.org\n\
    2001:db8::77 file.hosts.example.org\n10.78.0.2 b.shut.example.org\n10.79.0.1 www.example.org\n";

/// What each question gets: "NAME TYPE = CODE", its records behind "|", the additional ones behind "+", who denies it behind "!", and what the
/// extended error is behind "ede".
pub(super) const TABLE: &str = "
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
pub(super) fn families() -> String {
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
