//! What a library sees in a probe, and what it can do to the probe itself.

use crate::site::Site;

#[test]
fn a_probe_hands_over_an_empty_configuration_and_directories_that_vanish() {
    let site = Site::new();
    site.add_good();
    site.run();
    let requests = site.lines("good.record.requests");
    assert_eq!(
        requests.len(),
        1,
        "the host's own request says nothing of a probe"
    );
    let request: serde_json::Value = serde_json::from_str(&requests[0]).unwrap();
    assert_eq!(request["probe"], true);
    assert_eq!(request["config"], serde_json::json!({}));
    assert_eq!(request["name"], "good");
    let base = request["base_dir"].as_str().unwrap();
    assert!(
        base.starts_with(site.path("tmp").to_str().unwrap()),
        "{base}"
    );
    let data = request["data_dir"].as_str().unwrap();
    assert!(data.starts_with(base), "{data}");
    site.is_tidy();
}

#[test]
fn no_secret_of_the_hosts_environment_is_there_and_the_directory_is_its_own() {
    let site = Site::new();
    site.add("look", &["-DACT=look_around"]);
    let outcome = site.probe("look", &[]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stdout);
    let seen = site.lines("look.record");
    assert_eq!(seen[0], "no secret");
    assert!(
        seen[1].starts_with(site.path("tmp").to_str().unwrap()),
        "{seen:?}"
    );
}

#[test]
fn a_library_that_writes_to_every_descriptor_disturbs_nothing() {
    let site = Site::new();
    for place in ["constructor", "init", "destructor"] {
        let id = format!("babble-{place}");
        site.add(&id, &["-DACT=babble", &format!("-DPLACE={place}")]);
        let outcome = site.probe(&id, &[]);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stdout);
        assert_eq!(
            outcome.stdout,
            format!("\"plugins/{id}.so\": passed its probe\n")
        );
    }
}

#[test]
fn the_hidden_command_is_in_no_help_and_does_nothing_on_its_own() {
    let site = Site::new();
    let help = site.call(&["--help"]);
    assert!(help.stdout.contains("probe ") && !help.stdout.contains("probe-process"));
    for request in ["", "{}", "{\"supervise\":{}}"] {
        let outcome = site.call(&["probe-process", request]);
        assert_eq!(outcome.code, Some(4), "{}", outcome.log);
    }
}
