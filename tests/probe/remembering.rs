//! What a probe found out is not found out twice, unless somebody asks.

use std::fs;
use std::process::Child;

use crate::site::{Site, finish};

#[test]
fn a_second_start_runs_nothing_of_what_was_refused_and_probes_nothing_again() {
    let site = Site::new();
    site.add_good();
    site.add("crash", &["-DACT=crash"]);
    site.run();
    // The good one ran in the probe and in the host.
    assert_eq!(
        (site.trace("good").len(), site.trace("crash").len()),
        (2, 1)
    );
    let outcome = site.run();
    assert_eq!(
        (site.trace("good").len(), site.trace("crash").len()),
        (3, 1)
    );
    let line = outcome.line("crash");
    assert!(
        line.contains("SIGSEGV") && line.contains("(remembered from 20"),
        "{line}"
    );
}

#[test]
fn bytes_count_and_not_names() {
    let site = Site::new();
    site.add_good();
    let file = site.add("crash", &["-DACT=crash"]);
    site.run();
    fs::rename(&file, site.plugin("renamed")).unwrap();
    let outcome = site.run();
    assert!(outcome.line("renamed").contains("remembered from"));
    assert_eq!(site.trace("crash").len(), 1);
    // Other bytes under the old name are others.
    site.add("renamed", &["-DACT=leave"]);
    let outcome = site.run();
    assert!(
        outcome.line("renamed").contains("exit code 0"),
        "{}",
        outcome.log
    );
}

#[test]
fn a_probe_by_hand_tells_what_is_remembered_and_again_tries_anew() {
    let site = Site::new();
    site.add_good();
    let fixed = site.path("fixed");
    let unless = format!("-DUNLESS=\"{}\"", fixed.display());
    site.add("moody", &["-DACT=crash", &unless]);
    let first = site.probe("moody", &[]);
    assert_eq!(first.code, Some(3), "{}", first.log);
    assert!(first.stdout.contains("SIGSEGV") && !first.stdout.contains("remembered"));
    fs::write(&fixed, "").unwrap();
    let second = site.probe("moody", &[]);
    assert_eq!(second.code, Some(3));
    assert!(
        second.stdout.contains("remembered from"),
        "{}",
        second.stdout
    );
    assert!(site.run().line("moody").contains("remembered from"));
    assert_eq!(site.trace("moody").len(), 1);

    let again = site.probe("moody", &["--again"]);
    assert_eq!(again.code, Some(0), "{}", again.stdout);
    assert_eq!(again.stdout, "\"plugins/moody.so\": passed its probe\n");
    let known = site.probe("moody", &[]);
    assert!(
        known
            .stdout
            .contains("passed its probe (remembered from 20"),
        "{}",
        known.stdout
    );
    let outcome = site.run();
    assert!(
        outcome.log.contains("2 listeners, 2 enabled"),
        "{}",
        outcome.log
    );
}

#[test]
fn a_damaged_file_is_reported_once_and_made_anew() {
    let site = Site::new();
    site.add_good();
    site.run();
    let file = site.path("op-listener-data/probes.json");
    let whole = fs::read(&file).unwrap();
    for damaged in [
        &whole[..whole.len() / 2],
        b"",
        b"\xff\xfe",
        b"{\"op_listener_probes\":99}",
    ] {
        fs::write(&file, damaged).unwrap();
        let outcome = site.run();
        assert_eq!(
            outcome.log.matches("[OPL0122]").count(),
            1,
            "{}",
            outcome.log
        );
        assert!(fs::read_to_string(&file).unwrap().contains("\"good.so\""));
        assert!(!site.run().log.contains("OPL0122"));
    }
}

#[test]
fn a_data_directory_that_cannot_be_written_to_costs_memory_and_nothing_else() {
    let site = Site::new();
    site.add_good();
    // Whoever runs the tests may be one whom no permission stops.
    fs::write(site.path("op-listener-data"), "a file").unwrap();
    let outcome = site.run();
    assert_eq!(
        outcome.log.matches("[OPL0123]").count(),
        1,
        "{}",
        outcome.log
    );
}

#[test]
fn hosts_that_start_together_all_start_and_lose_nothing() {
    let site = Site::new();
    for n in 0..4 {
        site.add(&format!("l{n}"), &[]);
    }
    site.add("crash", &["-DACT=crash"]);
    let hosts: Vec<Child> = (0..4).map(|_| site.start()).collect();
    for host in hosts {
        let outcome = finish(host);
        assert_eq!(outcome.code, Some(0), "{}", outcome.log);
        assert!(
            outcome.log.contains("4 listeners, 4 enabled"),
            "{}",
            outcome.log
        );
    }
    let file = fs::read(site.path("op-listener-data/probes.json")).unwrap();
    let file: serde_json::Value = serde_json::from_slice(&file).unwrap();
    let verdicts = file["verdicts"].as_array().unwrap();
    assert_eq!(verdicts.len(), 5, "{file:#}");
    let failed = verdicts
        .iter()
        .filter(|v| v["finding"]["failed"].is_object());
    assert_eq!(failed.count(), 1, "{file:#}");
}

#[test]
fn what_failed_at_a_limit_is_tried_again_once_the_limit_is_raised() {
    let site = Site::new();
    site.configure("probe_timeout_ms = 300");
    let fixed = site.path("fixed");
    let unless = format!("-DUNLESS=\"{}\"", fixed.display());
    site.add("slow", &["-DACT=hang", &unless]);
    assert!(
        site.probe("slow", &[])
            .stdout
            .contains("not done after 300 ms")
    );
    fs::write(&fixed, "").unwrap();
    assert!(site.probe("slow", &[]).stdout.contains("remembered"));
    site.configure("probe_timeout_ms = 60000");
    let outcome = site.probe("slow", &[]);
    assert_eq!(outcome.stdout, "\"plugins/slow.so\": passed its probe\n");
}

#[test]
fn without_probes_a_library_is_loaded_straight_away() {
    let site = Site::new();
    site.configure("probe = false");
    site.add_good();
    site.run();
    assert_eq!(site.trace("good").len(), 1);
    assert!(!site.path("op-listener-data/probes.json").exists());
}

#[test]
fn what_is_not_trusted_is_not_probed_either() {
    use std::os::unix::fs::PermissionsExt as _;

    let site = Site::new();
    site.add_good();
    let file = site.add("open", &[]);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let outcome = site.run();
    assert!(outcome.line("open").contains("is not trusted"));
    let probed = site.probe("open", &[]);
    assert_eq!(probed.code, Some(3));
    assert!(
        probed.stdout.contains("is not trusted"),
        "{}",
        probed.stdout
    );
    assert!(site.trace("open").is_empty());
}
