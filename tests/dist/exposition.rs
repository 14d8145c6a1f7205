//! What a host tells of itself, by its words: every count, and every family of the table.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

use op_listener_host::metrics::families::ALL;
use op_listener_host::metrics::{Kind, Metric};
use op_listener_tests::{on_this_machine, or_say, samples};

use crate::scene::scene;

fn of(listener: &str, spi: &str) -> String {
    format!("{{listener=\"{listener}\",spi=\"{spi}\",class=\"op_listener_puppet::Puppet\"}}")
}

/// In the end the series has this value.
fn is(series: &str, value: f64) {
    let text = &scene().after;
    assert_eq!(samples(text).get(series), Some(&value), "{series}\n{text}");
}

#[test]
fn each_listener_has_counts_of_its_own() {
    let [id, access, subject] = [
        "id_token_issue",
        "access_token_issue",
        "subject_auth_and_consent",
    ];
    for (name, spi, calls, errors, panics) in [
        ("well", id, 3., 0., 0.),
        ("well", access, 1., 0., 0.),
        ("well", subject, 1., 0., 0.),
        ("fails", id, 3., 3., 0.),
        ("panics", id, 2., 0., 2.),
        ("slow", id, 3., 0., 0.),
        ("unwilling", access, 0., 0., 0.),
    ] {
        let labels = of(name, spi);
        is(&format!("op_listener_calls_total{labels}"), calls);
        is(
            &format!("op_listener_call_duration_seconds_count{labels}"),
            calls,
        );
        is(&format!("op_listener_call_errors_total{labels}"), errors);
        is(&format!("op_listener_call_panics_total{labels}"), panics);
        let willing = f64::from(name != "unwilling");
        is(&format!("op_listener_enabled{labels}"), willing);
        let active = if name == "panics" { 0. } else { willing };
        is(&format!("op_listener_active{labels}"), active);
        let slow = name == "slow";
        is(
            &format!("op_listener_calls_over_budget_total{labels}"),
            if slow { 3. } else { 0. },
        );
        let budget = if slow { 0.001 } else { 60. };
        is(&format!("op_listener_call_budget_seconds{labels}"), budget);
    }
    // 60 ms at least, and nothing of it in a bucket below 20.
    let slow = of("slow", id);
    let sum = format!("op_listener_call_duration_seconds_sum{slow}");
    assert!(samples(&scene().after)[&*sum] >= 0.06);
    let buckets = "op_listener_call_duration_seconds_bucket";
    let (_, labels) = slow.split_at(1);
    is(&format!("{buckets}{{le=\"0.016384\",{labels}"), 0.);
    is(&format!("{buckets}{{le=\"+Inf\",{labels}"), 3.);
}

#[test]
fn every_line_is_counted_once_by_what_became_of_it() {
    is(
        "op_listener_events_dispatched_total{spi=\"id_token_issue\"}",
        3.,
    );
    is(
        "op_listener_events_dispatched_total{spi=\"access_token_issue\"}",
        1.,
    );
    is(
        "op_listener_events_dispatched_total{spi=\"subject_auth_and_consent\"}",
        1.,
    );
    is("op_listener_events_refused_total{reason=\"invalid\"}", 2.);
    is(
        "op_listener_events_refused_total{reason=\"code_still_pending\"}",
        1.,
    );
    for reason in ["unknown_code", "expired", "wrong_client", "second_use"] {
        is(
            &format!("op_listener_exchanges_ignored_total{{reason=\"{reason}\"}}"),
            1.,
        );
    }
    is("op_listener_facts_held_total", 5.);
    is("op_listener_pending_dropped_total", 2.);
    is("op_listener_pending", 2.);
    is("op_listener_pending_limit", 2.);
}

#[test]
fn files_probes_and_log_lines_are_counted() {
    is("op_listener_plugin_files_total{outcome=\"loaded\"}", 2.);
    is("op_listener_plugin_files_total{outcome=\"refused\"}", 1.);
    is(
        "op_listener_plugin_files_total{outcome=\"not_a_plugin\"}",
        1.,
    );
    is("op_listener_listeners_refused_total", 1.);
    is("op_listener_probes_total{outcome=\"passed\"}", 2.);
    is("op_listener_probes_total{outcome=\"failed\"}", 0.);

    for (code, level, count) in [
        ("OPL0102", "ERROR", 1.),
        ("OPL0103", "WARN", 1.),
        ("OPL0104", "ERROR", 1.),
        ("OPL0201", "ERROR", 3.),
        ("OPL0202", "ERROR", 2.),
        ("OPL0204", "ERROR", 1.),
        ("OPL0301", "ERROR", 3.),
        ("OPL0302", "WARN", 4.),
        ("OPL0304", "ERROR", 0.),
    ] {
        is(
            &format!("op_listener_log_lines_total{{code=\"{code}\",level=\"{level}\"}}"),
            count,
        );
    }
    let version = env!("CARGO_PKG_VERSION");
    let text = &scene().after;
    assert!(text.contains(&format!(
        "\nop_listener_build_info{{version=\"{version}\",interface=\"1."
    )));
}

/// A rise from nothing is seen only by whoever saw the nothing.
#[test]
fn everything_is_there_before_it_happens() {
    let scene = scene();
    let (before, after) = (samples(&scene.before), samples(&scene.after));
    let series = |samples: &BTreeMap<&str, f64>| -> BTreeSet<String> {
        samples.keys().map(|series| (*series).to_owned()).collect()
    };
    assert_eq!(series(&before), series(&after));
}

/// No receiver fetches from a queue of the scene.
const ELSEWHERE: [&str; 2] = ["op_listener_queue_polls", "op_listener_queue_handed_out"];

/// What the scene shows.
pub(crate) fn here() -> impl Iterator<Item = &'static Metric> {
    let all = ALL.iter().copied();
    all.filter(|metric| !ELSEWHERE.contains(&metric.name))
}

#[test]
fn the_text_has_every_family_of_the_table_and_no_other() {
    let text = &scene().after;
    let declared: BTreeMap<_, _> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|line| line.split_once(' ').unwrap())
        .collect();
    for metric in here() {
        assert_eq!(
            declared.get(metric.name),
            Some(&metric.kind.name()),
            "{metric:?}"
        );
        let help = format!("# HELP {} {}\n", metric.name, metric.help);
        assert!(text.contains(&help), "{help}");
        for sample in metric.samples() {
            let told = |line: &str| {
                let rest = line.strip_prefix(&*sample);
                rest.is_some_and(|rest| rest.starts_with([' ', '{']))
            };
            assert!(text.lines().any(told), "{sample}");
        }
    }
    assert_eq!(declared.len() + ELSEWHERE.len(), ALL.len());
    assert!(text.ends_with("\n# EOF\n"));
}

/// In the older text format, which `promtool` checks: there the suffix belongs to the name.
fn older(text: &str) -> String {
    let mut older = String::new();
    for line in text.lines() {
        let mut line = line.to_owned();
        for metric in ALL {
            let suffix = match metric.kind {
                Kind::Counter => "_total",
                Kind::Info => "_info",
                Kind::Gauge | Kind::Histogram => continue,
            };
            for word in ["HELP", "TYPE"] {
                let head = format!("# {word} {} ", metric.name);
                let changed = format!("# {word} {}{suffix} ", metric.name);
                line = line.replace(&head, &changed);
            }
        }
        if line.starts_with("# TYPE") && line.ends_with(" info") {
            line = line.replace(" info", " gauge");
        }
        if !line.starts_with("# UNIT") && line != "# EOF" {
            older += &line;
            older.push('\n');
        }
    }
    older
}

#[test]
fn promtool_finds_nothing_wrong_with_the_metrics() {
    const TEST: &str = "promtool check metrics";
    if or_say(TEST, on_this_machine("promtool", "--version")).is_none() {
        return;
    }
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = promtool.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, older(&scene().after).as_bytes()).unwrap();
    drop(stdin);
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}
