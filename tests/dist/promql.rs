//! The expressions of the dashboard and of the alerts name metrics and labels that there are, and
//! log codes that there are.

use std::collections::{BTreeMap, BTreeSet};

use op_listener_host::log::codes;
use op_listener_host::metrics::Kind;
use op_listener_host::metrics::families::ALL;
use serde_json::Value;

use crate::read;

/// The samples that there are, each with its labels.
fn known() -> BTreeMap<String, Vec<&'static str>> {
    let mut known = BTreeMap::from([("up".to_owned(), Vec::new())]);
    for metric in ALL {
        for sample in metric.samples() {
            let mut labels = metric.labels.to_vec();
            if metric.kind == Kind::Histogram && sample.ends_with("_bucket") {
                labels.push("le");
            }
            known.insert(sample, labels);
        }
    }
    known
}

/// The panels of the dashboard.
pub(crate) fn panels() -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(&read("grafana/op-listener.json")).unwrap();
    dashboard["panels"].as_array().unwrap().clone()
}

/// The expressions of the dashboard, its variables filled in.
pub(crate) fn of_the_dashboard() -> Vec<String> {
    let panels = panels();
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    let expressions = targets
        .flatten()
        .map(|target| target["expr"].as_str().unwrap());
    expressions
        .map(|expression| {
            expression
                .replace("$__rate_interval", "5m")
                .replace("$__range", "1h")
                .replace("=~\"$job\"", "=~\".*\"")
                .replace("=~\"$instance\"", "=~\".*\"")
                .replace("=~\"$listener\"", "=~\".*\"")
        })
        .collect()
}

/// The expressions of the alerts: those on one line, and those on several.
pub(crate) fn of_the_alerts() -> Vec<String> {
    let rules = read("prometheus/op-listener.rules.yml");
    let mut expressions = Vec::new();
    let mut lines = rules.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(text) = line.trim_start().strip_prefix("expr: ") else {
            continue;
        };
        if let Some(quoted) = text.strip_prefix('\'') {
            expressions.push(quoted.trim_end_matches('\'').replace("''", "'"));
            continue;
        }
        assert_eq!(text, "|-", "{line}");
        let mut expression = String::new();
        while let Some(line) = lines.next_if(|line| line.starts_with("          ")) {
            expression += line.trim_start();
            expression.push('\n');
        }
        expressions.push(expression);
    }
    assert_eq!(expressions.len(), rules.matches("- alert: ").count());
    expressions
}

/// A word of an expression, and the text behind it.
fn words(expression: &str) -> Vec<(&str, &str)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut words = Vec::new();
    let mut rest = expression;
    while let Some(start) = rest.find(|c: char| is_word(c) || c == '"') {
        rest = &rest[start..];
        if let Some(text) = rest.strip_prefix('"') {
            rest = text.split_once('"').unwrap().1;
            continue;
        }
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        words.push((&rest[..end], rest[end..].trim_start()));
        rest = &rest[end..];
    }
    words
}

/// Takes out what stands between these two, which does not nest.
fn without(expression: &str, open: &str, close: &str) -> String {
    let mut left = String::new();
    let mut rest = expression;
    while let Some((before, behind)) = rest.split_once(open) {
        left += before;
        left.push(' ');
        rest = behind.split_once(close).unwrap().1;
    }
    left + rest
}

/// The metrics that an expression names.
fn metrics(expression: &str) -> BTreeSet<String> {
    let bare = without(expression, "{", "}");
    let bare = without(&without(&bare, "[", "]"), "by (", ")");
    let bare = without(&bare, "on (", ")");
    let bare = words(&bare);
    let names = bare.iter().filter(|(word, behind)| {
        let number = word.starts_with(|c: char| c.is_ascii_digit());
        let operator = ["and", "or", "unless"].contains(word);
        !number && !operator && !behind.starts_with('(')
    });
    names.map(|(word, _)| (*word).to_owned()).collect()
}

#[test]
fn every_metric_of_the_dashboard_and_the_alerts_is_told() {
    let known = known();
    let all = [of_the_dashboard(), of_the_alerts()].concat();
    assert!(all.len() > 40);
    for expression in &all {
        let metrics = metrics(expression);
        assert!(!metrics.is_empty(), "{expression}");
        for metric in metrics {
            assert!(known.contains_key(&metric), "{metric} in {expression}");
        }
    }
}

#[test]
fn every_label_that_is_asked_for_is_one_of_its_metric() {
    let known = known();
    for expression in [of_the_dashboard(), of_the_alerts()].concat() {
        for (word, behind) in words(&expression) {
            let Some((matchers, _)) = behind.strip_prefix('{').and_then(|b| b.split_once('}'))
            else {
                continue;
            };
            let labels = &known[word];
            for (label, _) in words(matchers) {
                let of_the_target = ["job", "instance"].contains(&label);
                assert!(
                    of_the_target || labels.contains(&label),
                    "{label} in {expression}"
                );
            }
        }
    }
}

#[test]
fn every_metric_of_the_table_is_on_the_dashboard() {
    let dashboard: BTreeSet<_> = of_the_dashboard().iter().flat_map(|e| metrics(e)).collect();
    for metric in ALL {
        // When it was started is marked, and not drawn.
        let shown = metric.samples().any(|sample| dashboard.contains(&sample));
        assert!(
            shown || metric.name == "process_start_time_seconds",
            "{}",
            metric.name
        );
    }
}

#[test]
fn every_log_code_that_is_named_is_one() {
    let known: BTreeSet<_> = codes::ALL.iter().map(|code| code.id).collect();
    for file in [
        "prometheus/op-listener.rules.yml",
        "grafana/op-listener.json",
    ] {
        let text = read(file);
        let named: Vec<_> = text
            .match_indices("OPL")
            .map(|(at, _)| &text[at..at + 7])
            .collect();
        assert!(named.len() > 10, "{file}");
        for code in named {
            assert!(known.contains(code), "{code} in {file}");
        }
    }
}

/// As Grafana 10 imports it: places that do not overlap, numbers that are not given twice, and a data
/// source that the reader chooses.
#[test]
fn the_dashboard_can_be_laid_out() {
    let panels = panels();
    let number = |value: &Value| value.as_u64().unwrap();
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in &panels {
        assert!(ids.insert(number(&panel["id"])), "{panel}");
        let place = &panel["gridPos"];
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| number(&place[key]));
        assert!(w > 0 && h > 0 && x + w <= 24, "{panel}");
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{} lies on another", panel["title"]);
        }
        if panel["type"] != "row" {
            assert_eq!(
                panel["datasource"]["uid"], "${datasource}",
                "{}",
                panel["title"]
            );
            assert!(!panel["description"].as_str().unwrap().is_empty());
        }
    }
    let dashboard: Value = serde_json::from_str(&read("grafana/op-listener.json")).unwrap();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let names: Vec<_> = variables.iter().map(|variable| &variable["name"]).collect();
    assert_eq!(names, ["datasource", "job", "instance", "listener"]);
    // Whoever imports it gives it a number.
    assert!(dashboard["id"].is_null());
}
