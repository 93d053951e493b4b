//! Our table: made, kept and removed.

use super::*;

/// N19 N20: what was installed is removed without a trace.
#[test]
fn a_table_is_installed_in_one_step_and_removed_in_one() {
    within(|| async {
        sh("nft add table inet other");
        let before = sh("nft list ruleset");
        let mut rules = nftables(
            &[LINK_LOCAL, SERVICE, SERVICE6],
            &["10.0.0.53", "10.0.0.54:5353"].map(with_port).each_ref().map(String::as_str),
        );
        assert_eq!(rules.reconcile().await.unwrap(), Done::Created);
        let text = sh("nft list table inet nodens");
        for line in [
            "type filter hook prerouting priority raw; policy accept;",
            "meta l4proto . ip daddr . th dport @live4 notrack accept",
            "meta l4proto . ip6 saddr . th sport @live6 notrack accept",
            "numgen random mod 2 0 dnat ip to 10.0.0.53:53",
            "dnat ip to 10.0.0.54:5353",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert_eq!(rules.reconcile().await.unwrap(), Done::Unchanged);
        rules.remove().await.unwrap();
        assert_eq!(sh("nft list ruleset"), before);
        rules.remove().await.unwrap();
    });
}

/// A fallback with its port.
fn with_port(text: &str) -> String {
    if text.contains(':') { text.to_owned() } else { format!("{text}:53") }
}

/// N19: rules do not multiply.
#[test]
fn the_number_of_rules_stays_over_a_thousand_reconciles() {
    within(|| async {
        let mut rules = nftables(&[LINK_LOCAL, SERVICE], &[]);
        rules.reconcile().await.unwrap();
        let handles = sh("nft -a -t list table inet nodens");
        for _ in 0..1000 {
            assert_eq!(rules.reconcile().await.unwrap(), Done::Unchanged);
            assert_eq!(rules.refresh().await.unwrap(), Done::Unchanged);
        }
        assert_eq!(sh("nft -a -t list table inet nodens"), handles, "nothing was made again");
        // As after a restart: nothing is known, so the table is replaced.
        let mut next = nftables(&[LINK_LOCAL, SERVICE], &[]);
        assert_eq!(next.reconcile().await.unwrap(), Done::Repaired);
        assert_eq!(sh("nft -t list table inet nodens | wc -l"), format!("{}\n", handles.lines().count()));
    });
}

/// N19: what others do to our table is undone.
#[test]
fn a_table_that_others_flush_or_alter_is_repaired() {
    within(|| async {
        let mut rules = nftables(&[LINK_LOCAL, SERVICE], &["10.0.0.53:53"]);
        rules.reconcile().await.unwrap();
        let good = sh("nft -t list table inet nodens");
        for foreign in [
            "nft flush ruleset",
            "nft delete table inet nodens",
            "nft flush chain inet nodens output",
            "nft add rule inet nodens prerouting counter drop",
            "nft add chain inet nodens more",
            "nft flush set inet nodens own4",
            "nft 'flush chain inet nodens redirect-output; add rule inet nodens redirect-output accept'",
        ] {
            sh(foreign);
            assert_eq!(rules.reconcile().await.unwrap(), Done::Repaired, "{foreign}");
            assert_eq!(sh("nft -t list table inet nodens"), good, "{foreign}");
            assert_eq!(rules.reconcile().await.unwrap(), Done::Unchanged, "{foreign}");
        }
        // The refresh finds it first.
        sh("nft flush ruleset");
        assert_eq!(rules.refresh().await.unwrap(), Done::Repaired);
        assert_eq!(sh("nft -t list table inet nodens"), good);
    });
}

/// N19: a flush is heard of at once, and our own refreshes are no news.
#[test]
fn a_change_by_others_is_told_and_one_of_ours_is_not() {
    within(|| async {
        let mut rules = nftables(&[LINK_LOCAL], &[]);
        rules.reconcile().await.unwrap();
        // Listens from now on.
        tokio::time::timeout(Duration::from_millis(1), rules.changed()).await.unwrap_err();
        rules.refresh().await.unwrap();
        rules.withdraw().await.unwrap();
        sh("nft add table inet other");
        tokio::time::timeout(Duration::from_millis(200), rules.changed()).await.unwrap_err();
        sh("nft flush ruleset");
        tokio::time::timeout(Duration::from_secs(5), rules.changed()).await.unwrap();
        assert_eq!(rules.reconcile().await.unwrap(), Done::Repaired);
    });
}

/// N19: without teardown everything stays as it is.
#[test]
fn without_teardown_nothing_is_removed() {
    within(|| async {
        let config = config::Rules { teardown: false, ..config(RulesBackend::Nftables, &[]) };
        let mut rules = Rules::new(&config, &addresses(&[LINK_LOCAL]), &[]);
        rules.reconcile().await.unwrap();
        rules.remove().await.unwrap();
        assert!(sh("nft list ruleset").contains("table inet nodens"));
    });
}

/// With no backend nothing is touched, whatever is there.
#[test]
fn without_a_backend_nothing_is_touched() {
    within(|| async {
        let mut rules = Rules::new(&config(RulesBackend::None, &[]), &addresses(&[LINK_LOCAL]), &[]);
        assert_eq!(rules.reconcile().await.unwrap(), Done::Unchanged);
        rules.refresh().await.unwrap();
        rules.withdraw().await.unwrap();
        rules.remove().await.unwrap();
        assert_eq!(sh("nft list ruleset"), "");
    });
}

/// A thousand addresses fit.
#[test]
fn many_addresses_fit_into_the_messages() {
    within(|| async {
        let many: Vec<String> = (0..1024).map(|n| format!("10.96.{}.{}:53", n / 256, n % 256)).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let mut rules = nftables(&many, &[]);
        rules.reconcile().await.unwrap();
        rules.refresh().await.unwrap();
        assert_eq!(rules.reconcile().await.unwrap(), Done::Unchanged);
    });
}
