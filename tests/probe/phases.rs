//! What happened, and when, is in the one line about the file; the others go on.

use std::fs;
use std::process::Command;

use crate::left_behind::is_gone;
use crate::site::{Site, rust_listener, wait_until};

const CRASH: &str = "it was ended by SIGSEGV";
const HANG: &str = "it was not done after 2500 ms";

#[test]
fn whatever_a_constructor_does_the_host_goes_on_and_says_it() {
    let site = Site::new();
    site.add_good();
    let hanging = ["hang", "spin", "breed_and_hang"];
    let acts = [
        ("crash", CRASH),
        (
            "give_up",
            "it was ended by SIGABRT (it aborted), having said \"no use going on for \\\"ever\\\"\\u{1b}[31m\"",
        ),
        ("leave", "it ended the process with exit code 0"),
        ("leave_with_7", "it ended the process with exit code 7"),
        ("overflow", "has overflowed its stack"),
        ("devour", "it asked for more than 256 MiB of memory"),
        ("close_everything", "it was ended by SIGABRT"),
        ("fill_disk", "it was ended by SIGXFSZ"),
    ];
    for (act, _) in acts {
        site.add(act, &[&format!("-DACT={act}")]);
    }
    let by_itself = site.run();
    site.hurry();
    for act in hanging {
        site.add(act, &[&format!("-DACT={act}")]);
    }
    let in_time = site.run();
    let by_itself = acts.map(|(act, ended)| (&by_itself, act, ended));
    let in_time = hanging.map(|act| (&in_time, act, HANG));
    for (outcome, act, ended) in by_itself.into_iter().chain(in_time) {
        let line = outcome.line(act);
        assert!(line.contains(" ERROR main MAIN - [OPL0102] "), "{line}");
        assert!(
            line.contains("failed its probe while it was mapped and its constructors ran: "),
            "{line}"
        );
        assert!(line.contains(ended), "{line}");
        assert!(line.ends_with("`op-listener probe --again FILE`"), "{line}");
        assert!(
            outcome.log.contains("1 listeners, 1 enabled"),
            "{}",
            outcome.log
        );
    }
    site.is_tidy();
}

#[test]
fn the_phase_in_which_it_ended_is_named() {
    let site = Site::new();
    site.add_good();
    let places = [
        ("entry", "while its table was read"),
        ("start", "when it was started"),
        ("init", "in `init` of odd::Listener"),
        ("class", "when odd::Listener was asked for its class"),
        ("enabled", "in `is_enabled` of odd::Listener"),
        ("shutdown", "in `shutdown` of odd::Listener"),
        ("release", "when odd::Listener was released"),
        (
            "destructor",
            "when the process ended and its destructors ran",
        ),
    ];
    for (place, _) in places {
        site.add(place, &["-DACT=crash", &format!("-DPLACE={place}")]);
    }
    let outcome = site.run();
    for (place, phase) in places {
        let line = outcome.line(place);
        assert!(
            line.contains(&format!("failed its probe {phase}: {CRASH}")),
            "{line}"
        );
    }
    site.hurry();
    site.add("slow-end", &["-DACT=hang", "-DPLACE=destructor"]);
    let outcome = site.run();
    let line = outcome.line("slow-end");
    assert!(line.contains(places[7].1) && line.contains(HANG), "{line}");
}

#[test]
fn a_library_that_ends_its_probe_is_refused_and_nobody_is_told_to_do_without_one() {
    let site = Site::new();
    site.add_good();
    let mapping = "while it was mapped and its constructors ran: its probe was ended by ";
    let init = "in `init` of odd::Listener: its probe was ended by ";
    let exit = "when the process ended and its destructors ran: its probe was ended by ";
    let ends = [
        ("ends", "end_watcher", "constructor", [mapping, "SIGTERM"]),
        ("ends-later", "end_watcher", "init", [init, "SIGTERM"]),
        ("ends-last", "end_watcher", "destructor", [exit, "SIGTERM"]),
        ("kills", "kill_watcher", "constructor", [mapping, "SIGKILL"]),
        ("kills-later", "kill_watcher", "init", [init, "SIGKILL"]),
    ];
    for (id, act, place, _) in ends {
        site.add(id, &[&format!("-DACT={act}"), &format!("-DPLACE={place}")]);
    }
    // It may have been the service manager: nothing is remembered, and it is refused each time.
    for _ in 0..2 {
        let outcome = site.run();
        for (id, _, _, how) in ends {
            let line = outcome.line(id);
            assert!(line.contains("[OPL0102]"), "{line}");
            assert!(line.contains(&how.concat()), "{line}");
            assert!(line.contains("failed its probe "), "{line}");
            assert!(line.ends_with("and don't load it until then"), "{line}");
            assert!(!line.contains("remembered from"), "{line}");
        }
        assert!(!outcome.log.contains("probe = false"), "{}", outcome.log);
        assert!(
            outcome.log.contains("1 listeners, 1 enabled"),
            "{}",
            outcome.log
        );
        site.is_tidy();
    }
    for (id, ..) in ends {
        let trace = site.trace(id);
        assert_eq!(trace.len(), 2, "{id}: in probes alone");
        wait_until("they are gone", || {
            trace.iter().all(|process| is_gone(*process))
        });
    }
}

#[test]
fn whatever_init_of_a_listener_in_rust_does_the_host_goes_on() {
    let class = "in `init` of op_listener_odd_init::Odd";
    for (act, ended) in [
        ("abort", "it was ended by SIGABRT"),
        ("exit", "it ended the process with exit code 3"),
        ("hang", HANG),
        ("overflow", "has overflowed its stack"),
        ("memory", "it asked for more than 256 MiB of memory"),
    ] {
        let site = Site::new();
        site.add_good();
        if act == "hang" {
            site.run();
            site.hurry();
        }
        fs::write(site.plugin("odd"), rust_listener(act)).unwrap();
        let outcome = site.run();
        let line = outcome.line("odd");
        assert!(
            line.contains(&format!("failed its probe {class}: ")),
            "{line}"
        );
        assert!(line.contains(ended), "{line}");
    }
}

#[test]
fn an_init_that_fails_or_panics_in_good_order_is_the_hosts_to_judge() {
    for (act, why) in [
        ("refuse", "`address` is missing"),
        ("panic", "panicked: the ground gave way"),
    ] {
        let site = Site::new();
        site.add_good();
        fs::write(site.plugin("odd"), rust_listener(act)).unwrap();
        let probed = site.probe("odd", &[]);
        assert_eq!(probed.code, Some(0), "{}", probed.stdout);
        assert!(
            probed.stdout.contains("passed its probe"),
            "{}",
            probed.stdout
        );
        assert!(probed.stdout.contains(why), "{}", probed.stdout);
        let outcome = site.run();
        let refused = outcome.log.lines().find(|line| line.contains("[OPL0104]"));
        assert!(refused.unwrap().contains(why), "{}", outcome.log);
    }
}

#[test]
fn a_listener_knows_a_probe_from_the_real_thing() {
    let site = Site::new();
    site.add_good();
    fs::write(site.plugin("odd"), rust_listener("probe-only")).unwrap();
    let probed = site.probe("odd", &[]);
    assert!(probed.stdout.contains("it is a probe"), "{}", probed.stdout);
    let outcome = site.run();
    assert!(
        outcome
            .log
            .contains("class=op_listener_odd_init::Odd enabled=true"),
        "{}",
        outcome.log
    );
}

#[test]
fn what_is_missing_is_said_in_the_loaders_words() {
    let site = Site::new();
    site.add_good();
    site.add("symbol", &["-DNEEDS_SYMBOL"]);
    let other = site.path("libmissing.so");
    fs::write(site.path("other.c"), "void from_the_other_library(void) {}").unwrap();
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&other, &site.path("other.c")])
        .status();
    assert!(compiled.unwrap().success());
    site.add(
        "library",
        &[
            "-DNEEDS_LIBRARY",
            other.to_str().unwrap(),
            "-Wl,-soname,library.so",
        ],
    );
    fs::remove_file(&other).unwrap();
    for _ in 0..2 {
        let outcome = site.run();
        let line = outcome.line("symbol");
        let words = "cannot be loaded: undefined symbol: no_such_function_anywhere";
        assert!(
            line.contains("/plugins/symbol.so\": ") && line.contains(words),
            "{line}"
        );
        let line = outcome.line("library");
        assert!(
            line.contains("/plugins/library.so\": cannot be loaded: "),
            "{line}"
        );
        assert!(
            line.contains("libmissing.so: cannot open shared object"),
            "{line}"
        );
        assert!(!line.contains("/proc/"), "{line}");
    }
    // The constructors never ran; and what is missing may be there one day, so nothing is
    // remembered.
    assert!(site.trace("symbol").is_empty() && site.trace("library").is_empty());
    let remembered = fs::read_to_string(site.path("op-listener-data/probes.json")).unwrap();
    assert!(!remembered.contains("symbol.so") && !remembered.contains("library.so"));
}

#[test]
fn a_library_without_a_table_is_refused_before_any_of_it_runs() {
    let site = Site::new();
    site.add_good();
    site.add("tableless", &["-DWITHOUT_ENTRY_POINT"]);
    let outcome = site.run();
    let line = outcome.line("tableless");
    assert!(line.contains("exports no listener table"), "{line}");
    assert!(
        site.trace("tableless").is_empty(),
        "not even a probe ran it"
    );
}

#[test]
fn on_failure_abort_and_required_hold_for_probes_too() {
    let site = Site::new();
    site.add("crash", &["-DACT=crash"]);
    let toml = fs::read_to_string(site.path("op-listener.toml")).unwrap();
    fs::write(
        site.path("op-listener.toml"),
        format!("{toml}[[listener]]\nplugin = \"crash\"\nrequired = true\n"),
    )
    .unwrap();
    let outcome = site.call(&["run", "--config", "op-listener.toml"]);
    assert_eq!(outcome.code, Some(3), "{}", outcome.log);
    assert!(outcome.line("crash").contains(CRASH));
    fs::write(
        site.path("op-listener.toml"),
        toml.replace("\"skip\"", "\"abort\""),
    )
    .unwrap();
    let outcome = site.call(&["run", "--config", "op-listener.toml"]);
    assert_eq!(outcome.code, Some(3), "{}", outcome.log);
    assert!(outcome.log.contains("1 refused"), "{}", outcome.log);
}
