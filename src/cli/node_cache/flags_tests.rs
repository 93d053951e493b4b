//! Tests of the flags: each, in all its spellings, and what is refused.

use super::*;

/// What a line says; it must be to run.
fn flags(line: &str) -> Flags {
    match read(&words(line)).unwrap() {
        Wish::Run(flags) => *flags,
        other => panic!("{line}: {other:?}"),
    }
}

/// What is wrong with a line: the first line of the message; the others must name all flags.
fn refusal(line: &str) -> String {
    let failure = read(&words(line)).unwrap_err();
    assert_eq!(failure.code, ExitCode::Usage, "{line}");
    let (first, rest) = failure.message.split_once('\n').unwrap();
    assert!(FLAGS.iter().all(|flag| rest.contains(&format!("  -{}", flag.name))), "{line}: {rest}");
    first.to_owned()
}

/// The words of a line.
fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

/// N31: the line of the official manifest.
#[test]
fn the_arguments_of_the_official_manifest_mean_what_they_meant() {
    let flags = flags("-localip 169.254.20.10,10.96.0.10 -conf /etc/Corefile -upstreamsvc kube-dns-upstream");
    assert_eq!(flags.local, ["169.254.20.10", "10.96.0.10"].map(|ip| ip.parse::<IpAddr>().unwrap()));
    assert_eq!(flags.variable, "KUBE_DNS_UPSTREAM_SERVICE_HOST");
    assert_eq!((flags.shown, flags.base), ("/etc/Corefile".into(), "/etc/coredns/Corefile.base".into()));
    assert_eq!((flags.sets_up_interface, flags.sets_up_iptables, flags.skips_teardown), (true, true, false));
    assert_eq!((flags.interface.as_str(), flags.interval), ("nodelocaldns", Duration::from_secs(60)));
    assert_eq!((flags.metrics.as_str(), flags.prometheus.as_str()), ("0.0.0.0:9353", ":9253"));
    assert_eq!((flags.port, flags.health_port, flags.pid_file), (53, 8080, None));
    assert_eq!((flags.kube_dns, flags.own), ("/etc/kube-dns".into(), ("/etc/coredns/nodens.toml".into(), false)));
}

/// N31, 2.1
#[test]
fn every_flag_is_taken_in_every_spelling_of_go() {
    for flag in FLAGS {
        let value = match (flag.kind, flag.name) {
            (Kind::Switch, _) => "",
            (Kind::Text, "dns.port" | "p") | (Kind::Port | Kind::Seconds, _) => "90",
            (Kind::Text, _) => "192.0.2.1",
        };
        for dashes in ["-", "--"] {
            let mut lines = vec![format!("-localip ::1 {dashes}{} {value}", flag.name)];
            if flag.kind == Kind::Switch {
                lines.extend(
                    ["=true", "=false", "=1", "=F"].map(|end| format!("-localip ::1 {dashes}{}{end}", flag.name)),
                );
            } else {
                lines.push(format!("-localip ::1 {dashes}{}={value}", flag.name));
            }
            for line in lines {
                read(&words(&line)).unwrap_or_else(|failure| panic!("{line}: {failure}"));
            }
        }
    }
    let all = flags(
        "--localip=169.254.20.10,fd00::a -setupinterface=false --setupiptables=f -interfacename dns0 -syncinterval=90s \
         -metrics-listen-address 127.0.0.1:1 -prometheus-listen-address=:2 -basecorefile /b/Corefile -corefile /c -kubednscm /k \
         -upstreamsvc a-b -health-port 3 -skipteardown -dns.port 5353 -pidfile /p -quiet",
    );
    assert_eq!(all.local.len(), 2, "both families");
    assert_eq!((all.sets_up_interface, all.sets_up_iptables, all.skips_teardown), (false, false, true));
    assert_eq!((all.interface.as_str(), all.interval, all.port), ("dns0", Duration::from_secs(90), 5353));
    assert_eq!((all.metrics.as_str(), all.prometheus.as_str(), all.health_port), ("127.0.0.1:1", ":2", 3));
    assert_eq!((all.base, all.shown, all.kube_dns), ("/b/Corefile".into(), "/c".into(), "/k".into()));
    assert_eq!((all.variable.as_str(), all.pid_file), ("A_B_SERVICE_HOST", Some("/p".into())));
    assert_eq!(all.own, ("/b/nodens.toml".into(), false));
}

/// N31: `-syncinterval=60` did not parse there, and `60s` was sixty seconds times a second.
#[test]
fn the_interval_is_a_number_of_seconds_or_a_duration() {
    for (text, expected) in
        [("60", 60_000), ("60s", 60_000), ("1m30s", 90_000), ("1.5h", 3_600_000), ("0", 1_000), ("60ns", 1_000)]
    {
        assert_eq!(
            flags(&format!("-localip ::1 -syncinterval {text}")).interval,
            Duration::from_millis(expected),
            "{text}"
        );
    }
    for text in ["x", "60x", "s", "-1", "1..5s"] {
        assert!(refusal(&format!("-localip ::1 -syncinterval {text}")).contains("-syncinterval"), "{text}");
    }
}

/// N31, 2.1
#[test]
fn what_go_refuses_is_refused_with_usage() {
    for (line, expected) in [
        ("-localip ::1 -nosuchflag", "flag provided but not defined: -nosuchflag"),
        ("-localip ::1 --setup-interface", "flag provided but not defined: -setup-interface"),
        ("-localip", "flag needs an argument: -localip"),
        ("-localip ::1 -setupinterface false", "extra command line arguments: [false]"),
        ("-localip ::1 extra", "extra command line arguments: [extra]"),
        ("-localip ::1 -- -quiet", "extra command line arguments: [-quiet]"),
        ("-localip ::1 -", "extra command line arguments: [-]"),
        ("---localip ::1", "bad flag syntax: ---localip"),
        ("-=x", "bad flag syntax: -=x"),
        ("-localip ::1 -quiet=maybe", "invalid boolean value \"maybe\" for -quiet: parse error"),
        ("-localip 169.254.20.10,x", "invalid value \"169.254.20.10,x\" for flag -localip: \"x\" is no address"),
        ("", "invalid value \"\" for flag -localip: \"\" is no address"),
        ("-localip ::1 -health-port 0", "invalid value \"0\" for flag -health-port: a port from 1 to 65535"),
    ] {
        assert_eq!(refusal(line), expected, "{line}");
    }
    assert_eq!(read(&words("-h")).unwrap(), Wish::Help);
    assert_eq!(read(&words("--version")).unwrap(), Wish::Version);
    assert_eq!(read(&words("-plugins -localip x")).unwrap(), Wish::Plugins);
}

/// N31: the manual's table has each flag as it is.
#[test]
fn the_manual_has_every_flag_with_its_default_and_meaning() {
    let text = include_str!("../../manual/dropin.rs");
    let (text, _) = text.split_once("# What goes into").unwrap();
    let plain = |text: &str| text.replace('`', "");
    let rows: Vec<String> = text.lines().filter(|line| line.starts_with("//! | `-")).map(plain).collect();
    let expected: Vec<String> = FLAGS
        .iter()
        .map(|Flag { name, default, help, .. }| {
            let default = if default.is_empty() { String::new() } else { format!(" {default}") };
            format!("//! | -{name} |{default} | {help} |")
        })
        .collect();
    assert_eq!(rows, expected);
}
