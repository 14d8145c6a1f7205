//! The alerts: `promtool` reads them and plays through when each comes up and when it does not.

use std::process::Command;

use op_listener_tests::{on_this_machine, or_say};

use crate::{dist, read};

fn promtool(arguments: &[&str]) {
    let test = format!("promtool {}", arguments.join(" "));
    if or_say(&test, on_this_machine("promtool", "--version")).is_none() {
        return;
    }
    let output = Command::new("promtool")
        .args(arguments)
        .current_dir(dist("prometheus"))
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

#[test]
fn the_rules_are_well_formed() {
    promtool(&["check", "rules", "op-listener.rules.yml"]);
}

#[test]
fn each_alert_comes_up_when_it_should_and_not_otherwise() {
    promtool(&["test", "rules", "op-listener.rules.test.yml"]);
}

#[test]
fn each_alert_is_played_through_both_ways_and_says_what_to_do() {
    let (rules, tests) = (
        read("prometheus/op-listener.rules.yml"),
        read("prometheus/op-listener.rules.test.yml"),
    );
    let alerts: Vec<_> = rules.split("- alert: ").skip(1).collect();
    assert!(alerts.len() > 10);
    for alert in alerts {
        let name = alert.lines().next().unwrap();
        for ends in ["comes up", "does not come up"] {
            assert_eq!(
                tests.matches(&format!("- name: {name} {ends}\n")).count(),
                1,
                "{name} {ends}"
            );
        }
        for part in ["severity: ", "summary: ", "description: ", "runbook: "] {
            assert!(alert.contains(part), "{name} has no {part}");
        }
    }
}
