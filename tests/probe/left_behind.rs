//! Nothing of a probe goes on running, whoever dies first.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::Write as _;
use std::path::Path;

use crate::site::{Site, finish, wait_until};

/// Neither runs nor waits to be reaped.
pub(crate) fn is_gone(process: u32) -> bool {
    !Path::new(&format!("/proc/{process}")).exists()
}

#[test]
fn what_a_library_forked_is_gone_with_the_probe() {
    let site = Site::new();
    for (act, processes) in [("breed", 2), ("haunt", 2), ("breed_and_hang", 3)] {
        if act == "breed_and_hang" {
            site.hurry();
        }
        site.add(act, &[&format!("-DACT={act}")]);
        site.probe(act, &[]);
        let trace = site.trace(act);
        assert_eq!(trace.len(), processes, "{act}: {trace:?}");
        assert!(
            trace.iter().all(|process| is_gone(*process)),
            "{act}: {trace:?}"
        );
    }
    site.is_tidy();
}

#[test]
fn a_host_that_runs_has_no_child_left() {
    let site = Site::new();
    site.add_good();
    site.add("crash", &["-DACT=crash"]);
    site.run();
    site.hurry();
    site.add("hang", &["-DACT=breed_and_hang"]);
    let mut host = site.start();
    wait_until("an event is dispatched", || {
        let event =
            r#"{"type":"id_token_issue","client_id":"c","subject":"s","claims":{"sub":"s"}}"#;
        writeln!(host.stdin.as_mut().unwrap(), "{event}").unwrap();
        !site.lines("good.record").is_empty()
    });
    let id = host.id();
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    assert_eq!(children, "", "no zombie either");
    let traced = [site.trace("hang"), site.trace("crash")].concat();
    assert!(traced.len() >= 4 && traced.iter().all(|process| is_gone(*process)));
    assert_eq!(finish(host).code, Some(0));
}

#[test]
fn when_the_host_is_killed_the_probe_ends_with_it() {
    let site = Site::new();
    site.configure("probe_timeout_ms = 600000");
    site.add("hang", &["-DACT=breed_and_hang"]);
    let mut host = site.start();
    wait_until("the probe is under way", || site.trace("hang").len() == 3);
    host.kill().unwrap();
    finish(host);
    let trace = site.trace("hang");
    wait_until("they are gone", || {
        trace.iter().all(|process| is_gone(*process))
    });
    wait_until("the scratch directory is gone", || {
        fs::read_dir(site.path("tmp")).unwrap().next().is_none()
    });
    assert!(
        !site.path("op-listener-data/probes.json").exists(),
        "no verdict"
    );
}
