//! Rules by the programs of iptables, and what others have left.

use super::*;

/// The rules of node-cache for an address, as drop-in users know them.
fn twelve(ip: &str) -> Vec<String> {
    let (skip, allow) = ("NodeLocal DNS Cache: skip conntrack", "NodeLocal DNS Cache: allow DNS traffic");
    let rule = |chain: &str, end: &str, protocol: &str, port: u16, comment: &str, target: &str| {
        format!(
            "-A {chain} -{end} {ip} -p {protocol} -m {protocol} --{end}port {port} -m comment --comment \"{comment}\" -j {target}"
        )
    };
    let mut lines = Vec::new();
    for protocol in ["tcp", "udp"] {
        lines.push(rule("PREROUTING", "d", protocol, 53, skip, "NOTRACK"));
        lines.push(rule("INPUT", "d", protocol, 53, allow, "ACCEPT"));
        lines.push(rule("OUTPUT", "s", protocol, 53, skip, "NOTRACK"));
        lines.push(rule("OUTPUT", "s", protocol, 53, allow, "ACCEPT"));
        lines.push(rule("OUTPUT", "d", protocol, 53, skip, "NOTRACK"));
    }
    lines.push(rule("OUTPUT", "d", "tcp", 8080, skip, "NOTRACK"));
    lines.push(rule("OUTPUT", "s", "tcp", 8080, skip, "NOTRACK"));
    lines
}

/// The lines of rules in both tables.
fn saved(program: &str) -> Vec<String> {
    let text = sh(&format!("{program} -t raw; {program} -t filter"));
    // Some versions print the one as the other.
    let text = text.replace("CT --notrack", "NOTRACK");
    text.lines().filter(|line| line.starts_with("-A")).map(str::to_owned).collect()
}

/// Sorted lines.
fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort_unstable();
    lines
}

/// Rules of iptables for listeners, with probes.
fn iptables(listeners: &[&str]) -> Rules {
    Rules::new(&config(RulesBackend::Iptables, &[]), &addresses(listeners), &addresses(&["0.0.0.0:8080"]))
}

/// What node-cache itself runs to make its rules.
fn as_node_cache(ip: &str) -> String {
    let add = |table: &str, chain: &str, rest: &str, comment: &str| {
        format!("iptables -w -t {table} -I {chain} 1 {rest} -m comment --comment '{comment}'\n")
    };
    let (skip, allow) = ("NodeLocal DNS Cache: skip conntrack", "NodeLocal DNS Cache: allow DNS traffic");
    let mut text = String::new();
    for protocol in ["tcp", "udp"] {
        text += &add("raw", "PREROUTING", &format!("-p {protocol} -d {ip} --dport 53 -j NOTRACK"), skip);
        text += &add("filter", "INPUT", &format!("-p {protocol} -d {ip} --dport 53 -j ACCEPT"), allow);
        text += &add("raw", "OUTPUT", &format!("-p {protocol} -s {ip} --sport 53 -j NOTRACK"), skip);
        text += &add("filter", "OUTPUT", &format!("-p {protocol} -s {ip} --sport 53 -j ACCEPT"), allow);
        text += &add("raw", "OUTPUT", &format!("-p {protocol} -d {ip} --dport 53 -j NOTRACK"), skip);
    }
    text += &add("raw", "OUTPUT", &format!("-p tcp -d {ip} --dport 8080 -j NOTRACK"), skip);
    text += &add("raw", "OUTPUT", &format!("-p tcp -s {ip} --sport 8080 -j NOTRACK"), skip);
    text
}

/// N19 N21: twelve rules an address, before all others, in both families, and gone at the end.
#[test]
fn the_rules_are_those_of_node_cache() {
    within(|| async {
        sh("iptables -A INPUT -p icmp -j ACCEPT");
        let mut rules = iptables(&[LINK_LOCAL, SERVICE, SERVICE6]);
        assert_eq!(rules.reconcile().await.unwrap(), Done::Created);
        let found = saved("iptables-save");
        assert_eq!(found.last().unwrap().as_str(), found.iter().rfind(|line| line.starts_with("-A OUTPUT")).unwrap());
        let mut expected = [twelve("169.254.20.10/32"), twelve("10.96.0.10/32")].concat();
        expected.push("-A INPUT -p icmp -j ACCEPT".to_owned());
        assert_eq!(sorted(found.clone()), sorted(expected));
        let inputs: Vec<_> = found.iter().filter(|line| line.starts_with("-A INPUT")).collect();
        assert!(inputs.last().unwrap().contains("icmp"), "ours are before it");
        assert_eq!(sorted(saved("ip6tables-save")), sorted(twelve("fd00:10:96::a/128")));
        rules.remove().await.unwrap();
        assert_eq!(saved("iptables-save"), ["-A INPUT -p icmp -j ACCEPT"]);
        assert_eq!(saved("ip6tables-save"), [""; 0]);
    });
}

/// N19: nothing drifts, and what is missing or doubled is put right.
#[test]
fn rules_do_not_multiply_and_are_repaired() {
    within(|| async {
        let mut rules = iptables(&[LINK_LOCAL]);
        rules.reconcile().await.unwrap();
        for _ in 0..1000 {
            assert_eq!(rules.reconcile().await.unwrap(), Done::Unchanged);
        }
        let good = sorted(saved("iptables-save"));
        for foreign in [
            "iptables -t raw -F",
            "nft flush ruleset",
            "iptables-save | iptables-restore --noflush",
            "iptables -t raw -D OUTPUT 1",
        ] {
            sh(foreign);
            assert_ne!(rules.reconcile().await.unwrap(), Done::Unchanged, "{foreign}");
            assert_eq!(sorted(saved("iptables-save")), good, "{foreign}");
        }
    });
}

/// N19: node-cache's own rules are taken for ours, others of it are removed, and none is doubled.
#[test]
fn rules_of_node_cache_are_taken_over() {
    within(|| async {
        sh(&(as_node_cache("169.254.20.10") + &as_node_cache("169.254.25.10")));
        let mut rules = iptables(&[LINK_LOCAL]);
        assert_eq!(rules.reconcile().await.unwrap(), Done::Unchanged);
        assert_eq!(sorted(saved("iptables-save")), sorted(twelve("169.254.20.10/32")));
    });
}

/// N2 N19: rules that always hold would break the dead-man switch; those of other backends go.
#[test]
fn leftovers_of_other_backends_are_removed() {
    within(|| async {
        sh(&as_node_cache("169.254.20.10"));
        let mut rules = nftables(&[LINK_LOCAL], &[]);
        rules.reconcile().await.unwrap();
        assert_eq!(saved("iptables-save"), [""; 0]);
        let mut rules = iptables(&[LINK_LOCAL]);
        rules.reconcile().await.unwrap();
        assert!(!sh("nft list tables").contains("nodens"));
        sh(&as_node_cache("169.254.25.10"));
        rules.remove().await.unwrap();
        assert_eq!(saved("iptables-save"), [""; 0]);
    });
}

/// A folder with the old programs, which have a lock, and a lock of their own; the file `calls` there has a line for each call.
fn old_programs(folder: &Path) -> PathBuf {
    for program in ["iptables", "ip6tables"] {
        for verb in ["save", "restore"] {
            let file = folder.join(format!("{program}-{verb}"));
            let lock = folder.join("lock");
            let line = format!(
                "#!/bin/sh\necho {program}-{verb} >> {}\nXTABLES_LOCKFILE={} exec {program}-legacy-{verb} \"$@\"\n",
                folder.join("calls").display(),
                lock.display()
            );
            fs::write(&file, line).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    folder.join("lock")
}

/// N3 N19: whoever holds the lock delays us for seconds, not for as long as he likes.
#[test]
fn a_lock_that_others_hold_is_an_error_of_its_own_and_never_waited_for_long() {
    within(|| async {
        let folder = tempfile::tempdir().unwrap();
        let lock = old_programs(folder.path());
        let rules = Iptables::new(&addresses(&[LINK_LOCAL, SERVICE6]), &[]).within(folder.path().to_owned());
        assert_eq!(rules.reconcile().await.unwrap(), Done::Created);
        let expected: Vec<_> = twelve("169.254.20.10/32").into_iter().filter(|line| !line.contains("8080")).collect();
        assert_eq!(sorted(saved("iptables-legacy-save")), sorted(expected));
        sh("iptables-legacy -t raw -F; ip6tables-legacy -t raw -F");
        let file = fs::File::create(&lock).unwrap();
        file.lock().unwrap();
        let start = clock::now();
        let error = rules.reconcile().await.unwrap_err();
        assert_eq!(error.errortype(), "iptables_lock", "{error}");
        assert!(error.to_string().contains("tried again"), "{error}");
        assert!(since(start) < Duration::from_secs(5), "{:?}", since(start));
        drop(file);
        assert_eq!(rules.reconcile().await.unwrap(), Done::Repaired);
        rules.remove(true).await.unwrap();
        assert_eq!(saved("iptables-legacy-save"), [""; 0]);
    });
}

/// N3: at the end nobody looks again later: the removal waits for the lock, again and again, and gives up in time.
#[test]
fn rules_are_removed_at_the_end_when_the_lock_becomes_free_in_time() {
    within(|| async {
        let folder = tempfile::tempdir().unwrap();
        let lock = old_programs(folder.path());
        let rules = Iptables::new(&addresses(&[LINK_LOCAL]), &[]).within(folder.path().to_owned());
        assert_eq!(rules.reconcile().await.unwrap(), Done::Created);
        let tries = || {
            let calls = fs::read_to_string(folder.path().join("calls")).unwrap();
            calls.lines().filter(|line| *line == "iptables-restore").count()
        };
        let file = fs::File::create(&lock).unwrap();
        file.lock().unwrap();
        let (start, before) = (clock::now(), tries());
        let error = rules.remove(true).await.unwrap_err();
        assert_eq!(error.errortype(), "iptables_lock", "{error}");
        assert!(error.to_string().contains("are left") && !error.to_string().contains("again"), "{error}");
        assert!(since(start) < Duration::from_secs(11), "{:?}", since(start));
        assert!(tries() >= before + 3, "{}", tries());
        let before = tries();
        let release = async {
            // The first waited in vain, and the second has begun.
            while tries() < before + 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert!(!saved("iptables-legacy-save").is_empty());
            drop(file);
        };
        let (removed, ()) = tokio::join!(rules.remove(true), release);
        removed.unwrap();
        assert_eq!(saved("iptables-legacy-save"), [""; 0]);
    });
}

/// Without the programs the other backend is named.
#[test]
fn missing_programs_are_named_with_the_remedy() {
    within(|| async {
        let folder = tempfile::tempdir().unwrap();
        let rules = Iptables::new(&addresses(&[LINK_LOCAL]), &[]).within(folder.path().to_owned());
        let error = rules.reconcile().await.unwrap_err();
        assert_eq!(error.errortype(), "iptables");
        assert!(error.to_string().contains("iptables-save is not installed; rules.backend = \"nftables\""), "{error}");
        rules.remove(false).await.unwrap();
        rules.remove(true).await.unwrap_err();
    });
}
