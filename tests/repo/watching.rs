//! What watches nodens, in step with what it shows: rules and dashboard ask for metrics and labels that exist, alerts are tried and explained.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::read;

/// The alerts.
const RULES: &str = "packaging/prometheus/nodens.rules.yml";
/// Their tests.
const TESTS: &str = "packaging/prometheus/nodens.rules.test.yml";
/// The dashboard.
const DASHBOARD: &str = "packaging/grafana/nodens.json";
/// The chapter that explains the alerts.
const CHAPTER: &str = "src/manual/alerts.rs";
/// Labels that Prometheus adds.
const ADDED: [&str; 3] = ["job", "instance", "le"];

/// A family by its name: whether it is a histogram, and its labels.
type Families = BTreeMap<String, (bool, BTreeSet<String>)>;

/// The table of families in `src/metrics/family.rs`.
fn families() -> Families {
    let text = read("src/metrics/family.rs");
    let mut families = BTreeMap::new();
    for line in text.lines().map(str::trim) {
        let Some((head, labels)) = line.strip_suffix(']').and_then(|line| line.split_once("\" [")) else { continue };
        let Some((kind, name)) = head.split_once(" \"") else { continue };
        let labels = labels.split(", ").map(|label| label.trim_matches('"').to_owned());
        let labels = labels.filter(|label| !label.is_empty()).collect();
        families.insert(name.to_owned(), (kind.ends_with("Histogram"), labels));
    }
    assert!(families.len() > 70, "{} families", families.len());
    families
}

/// The names in an expression that are metrics of ours or of the process, each with the labels that it is selected by.
fn metrics(expression: &str) -> Vec<(String, Vec<String>)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(start) = rest.find(is_name) {
        let word = &rest[start..];
        let end = word.find(|c| !is_name(c)).unwrap_or(word.len());
        let (name, after) = word.split_at(end);
        let ours = ["coredns_", "nodens_", "process_"].iter().any(|prefix| name.starts_with(prefix));
        if ours && !name.contains(':') {
            let selector =
                after.strip_prefix('{').and_then(|text| text.split_once('}')).map_or("", |(inside, _)| inside);
            let labels = selector.split(',').filter_map(|part| part.split_once('=')).map(|(label, _)| label);
            found.push((name.to_owned(), labels.map(|label| label.trim().trim_end_matches('!').to_owned()).collect()));
        }
        rest = after;
    }
    found
}

/// Checks that all metrics of an expression exist, with the labels that it selects by.
#[track_caller]
fn check(families: &Families, place: &str, expression: &str) -> usize {
    let found = metrics(expression);
    for (name, labels) in &found {
        let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let histogram = histogram.and_then(|name| families.get(name)).filter(|(is_histogram, _)| *is_histogram);
        let family = histogram.or_else(|| families.get(name));
        let (_, known) = family.unwrap_or_else(|| panic!("{place}: there is no metric {name}"));
        for label in labels {
            assert!(
                known.contains(label) || ADDED.contains(&label.as_str()),
                "{place}: {name} has no label {label}, but {known:?}"
            );
        }
    }
    found.len()
}

/// The lines of the rules that belong to expressions, each as one text.
fn expressions(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut indent = None;
    for line in text.lines() {
        let depth = line.len() - line.trim_start().len();
        if let Some(expression) = line.trim_start().strip_prefix("expr: ") {
            found.push(expression.trim_start_matches(['>', '-']).to_owned());
            indent = Some(depth);
        } else if indent.is_some_and(|indent| depth > indent) {
            found.last_mut().unwrap().push_str(line.trim_start());
        } else {
            indent = None;
        }
    }
    found
}

/// The alerts, in their order.
fn alerts() -> Vec<String> {
    let text = read(RULES);
    text.lines().filter_map(|line| Some(line.trim().strip_prefix("- alert: ")?.to_owned())).collect()
}

#[test]
fn rules_ask_for_metrics_that_exist() {
    let families = families();
    let expressions = expressions(&read(RULES));
    let asked: usize = expressions.iter().map(|expression| check(&families, RULES, expression)).sum();
    assert!(expressions.len() > 30 && asked > 40, "{} expressions, {asked} metrics", expressions.len());
    // Series of the tests are those of the daemon, too, or they test nothing.
    for line in read(TESTS).lines().filter_map(|line| line.trim().strip_prefix("- { series: '")) {
        let (series, _) = line.split_once('\'').unwrap();
        check(&families, TESTS, series);
    }
}

#[test]
fn the_dashboard_asks_for_metrics_that_exist() {
    let families = families();
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut asked = 0;
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        for target in panel["targets"].as_array().into_iter().flatten() {
            asked += check(&families, title, target["expr"].as_str().unwrap());
        }
    }
    assert!(asked > 80, "{asked} metrics");
}

/// Each alert is tried with its fault and without, and no test speaks of another.
#[test]
fn every_alert_is_tried_with_its_fault_and_without() {
    let tests = read(TESTS);
    let mut tried: BTreeMap<String, [bool; 2]> = BTreeMap::new();
    for test in tests.split("\n  - name: ").skip(1) {
        let name = test.lines().next().unwrap().to_owned();
        let fires = test.contains(&format!("{{ labels: '{{alertname=\"{name}\"}}'"));
        tried.insert(name, [fires, test.contains("exp_samples: [] }")]);
    }
    for alert in alerts() {
        assert_eq!(tried.get(&alert), Some(&[true, true]), "{TESTS}: {alert} fires and does not");
    }
    let known: BTreeSet<String> = alerts().into_iter().collect();
    assert_eq!(known.len(), alerts().len(), "an alert comes twice");
    assert!(tried.keys().filter(|name| name.starts_with("Nodens")).all(|name| known.contains(name)));
}

/// Each says what is wrong, which command tells more, and where the manual explains it; the manual explains no other.
#[test]
fn every_alert_is_explained() {
    let (rules, chapter) = (read(RULES), read(CHAPTER));
    for rule in rules.split("- alert: ").skip(1) {
        let alert = rule.lines().next().unwrap();
        for part in ["severity: ", "summary: ", "description: "] {
            assert!(rule.contains(part), "{alert} has no {part}");
        }
        let description = rule.split_once("description: ").unwrap().1;
        let description = description.split_once("runbook: ").unwrap_or_else(|| panic!("{alert} has no runbook")).0;
        assert!(
            description.contains("`nodens ctl ") || description.contains("`nodens top"),
            "{alert} names no command"
        );
        assert!(rule.contains(&format!("runbook: \"manual: alerts, {alert}\"")), "{alert}: another runbook");
        assert!(chapter.contains(&format!("//! | `{alert}` |")), "{CHAPTER} does not explain {alert}");
    }
    let explained = chapter.lines().filter_map(|line| line.strip_prefix("//! | `Nodens")?.split('`').next());
    for alert in explained {
        assert!(alerts().contains(&format!("Nodens{alert}")), "{CHAPTER} explains Nodens{alert}, which is no alert");
    }
}

/// What Grafana needs to show it, and what a reader needs to understand it.
#[test]
fn the_dashboard_has_the_form_that_grafana_loads() {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    assert!(dashboard["schemaVersion"].as_u64() >= Some(36) && dashboard["uid"] == "nodens");
    let variables: Vec<&str> =
        dashboard["templating"]["list"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(variables, ["datasource", "job", "instance"]);
    let (mut identities, mut taken, mut rows) = (BTreeSet::new(), BTreeSet::new(), 0);
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        assert!(identities.insert(panel["id"].as_u64().unwrap()), "{title}: its number is another's");
        let [x, y, width, height] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
        assert!(x + width <= 24 && width > 0 && height > 0, "{title} is outside");
        for cell in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{title} lies on another");
        }
        if panel["type"] == "row" {
            rows += 1;
            continue;
        }
        assert!(panel["description"].as_str().is_some_and(|text| text.len() > 10), "{title} explains nothing");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        if panel["type"] != "table" && panel["type"] != "heatmap" {
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title} has no unit");
        }
        let targets = panel["targets"].as_array().unwrap();
        let names: BTreeSet<&str> = targets.iter().map(|target| target["refId"].as_str().unwrap()).collect();
        assert!(!targets.is_empty() && names.len() == targets.len(), "{title}: queries need names of their own");
        for target in targets {
            let query = target["expr"].as_str().unwrap();
            assert!(query.contains("job=~\"$job\", instance=~\"$instance\""), "{title}: {query} is of all nodes");
            assert!(!query.contains("rate(") || query.contains("[$__rate_interval]"), "{title}: {query}");
        }
    }
    assert_eq!(rows, 6);
}
