//! Libraries are found, loaded, initialised, asked whether they are enabled, and logged.

use op_listener_tests::{Library, Setup, access_token, copy_into, id_token, library_in_c, subject};

const PUPPET: &str = "class=op_listener_puppet::Puppet enabled=true";

#[test]
fn every_listener_is_announced_in_the_known_words_and_called() {
    let setup = Setup::with(&[Library::Puppet]).config(
        r#"
        [[listener]]
        plugin = "puppet"
        config = { record = "record.ndjson" }
        "#,
    );
    let run = setup
        .run([id_token("e1"), access_token("e2"), subject("e3")])
        .ended(0);
    for (code, words) in [
        ("OP0211", "ID token issue"),
        ("OP0213", "access token issue"),
        ("OP0215", "subject auth + consent"),
    ] {
        let line = run.lines().into_iter().find(|line| line.is(code));
        let line = line.unwrap_or_else(|| panic!("no {code} in {}", run.log));
        assert_eq!(
            line.whole,
            format!(
                "{} INFO main MAIN - [{code}] Loaded {words} event listener [1]: {PUPPET}",
                line.time
            )
        );
    }
    assert_eq!(run.event_ids(), ["e1", "e2", "e3"]);
    assert_eq!(run.stdout, "", "logs are on standard error");
    assert_eq!(
        run.message("OPL0002"),
        "Stopped: 3 events dispatched, 0 facts held, 0 exchanges ignored, 0 lines refused; \
         3 calls, 0 failed"
    );
}

#[test]
fn without_a_configuration_the_defaults_serve() {
    let setup = Setup::with(&[Library::Chorus]);
    let events = setup.file("events.ndjson", id_token("e1"));
    let run = setup.call(&["run", "--plugins", "plugins", "--events", "events.ndjson"]);
    assert_eq!(run.code(), Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("1 events dispatched"), "{}", run.stderr);
    // The directory of plugins has a default too, and `-` is standard input.
    std::fs::remove_file(events).unwrap();
    let run = setup.run([id_token("e1")]).ended(0);
    assert_eq!(run.messages("OP0211").len(), 2);
}

#[test]
fn a_type_exported_for_several_spis_is_an_instance_for_each() {
    let setup = Setup::with(&[Library::Puppet]).config(
        r#"
        [[listener]]
        plugin = "puppet"
        name = "audit"
        config = { record = "record.ndjson", data_dir = true }
        "#,
    );
    let run = setup.run([id_token("e1"), access_token("e2")]).ended(0);
    let record = run.record();
    let calls: Vec<_> = record
        .iter()
        .map(|line| {
            let (call, serial) = (&line["call"], &line["serial"]);
            format!("{} {serial}", call.as_str().unwrap())
        })
        .collect();
    assert_eq!(
        calls,
        [
            "init 1",
            "is_enabled 1",
            "init 2",
            "is_enabled 2",
            "init 3",
            "is_enabled 3",
            "event 1",
            "event 2",
            "shutdown 3",
            "drop 3",
            "shutdown 2",
            "drop 2",
            "shutdown 1",
            "drop 1",
        ]
    );
    let init = &record[0];
    assert_eq!(init["name"], "audit");
    assert_eq!(init["host_interface"], "1.0");
    assert_eq!(init["host_version"], env!("CARGO_PKG_VERSION"));
    let data_dir = init["data_dir"].as_str().unwrap();
    assert!(data_dir.ends_with("op-listener-data/audit"), "{data_dir}");
    assert!(setup.path().join("op-listener-data/audit").is_dir());
    let resolved = init["resolved"].as_str().unwrap();
    assert_eq!(
        std::path::Path::new(resolved).canonicalize().ok(),
        setup.path().join("some/file").canonicalize().ok(),
    );
    assert!(resolved.ends_with("some/file") && resolved.starts_with('/'));
}

#[test]
fn numbers_count_from_one_within_each_spi() {
    let setup = Setup::with(&[Library::Chorus, Library::Puppet]);
    let run = setup.run([""; 0]).ended(0);
    let loaded: Vec<_> = run
        .lines()
        .into_iter()
        .filter(|line| line.message.starts_with("Loaded "))
        .map(|line| format!("{} {}", line.tag.unwrap(), line.message))
        .collect();
    assert_eq!(
        loaded,
        [
            "OP0211 Loaded ID token issue event listener [1]: class=op_listener_chorus_of_two::voices::Tenor enabled=true",
            "OP0213 Loaded access token issue event listener [1]: class=op_listener_chorus_of_two::voices::Tenor enabled=true",
            "OP0211 Loaded ID token issue event listener [2]: class=op_listener_chorus_of_two::voices::Alto enabled=true",
            "OP0211 Loaded ID token issue event listener [3]: class=op_listener_puppet::Puppet enabled=true",
            "OP0213 Loaded access token issue event listener [2]: class=op_listener_puppet::Puppet enabled=true",
            "OP0215 Loaded subject auth + consent event listener [1]: class=op_listener_puppet::Puppet enabled=true",
        ]
    );
}

#[test]
#[cfg(target_os = "linux")]
fn each_of_many_libraries_is_the_one_of_its_own_file() {
    const MANY: usize = 12;

    let setup = Setup::new();
    for number in 0..MANY {
        let id = format!("one-of-many-{number:02}");
        let library = library_in_c(&id, &[&format!("ID=\"{id}\"")]);
        copy_into(&setup.plugins(), &id, &library);
    }
    let run = setup.run([id_token("e1")]).ended(0);
    let expected: Vec<_> = (0..MANY)
        .map(|number| {
            let count = number + 1;
            format!("Loaded ID token issue event listener [{count}]: class=one-of-many-{number:02}_listener enabled=true")
        })
        .collect();
    assert_eq!(run.messages("OP0211"), expected);
    let said = run.lines().into_iter().filter(|line| line.message == "e1");
    let said: Vec<_> = said
        .map(|line| format!("{} {}", line.tag.unwrap(), line.logger))
        .collect();
    let expected: Vec<_> = (0..MANY)
        .map(|number| format!("one-of-many-{number:02} one-of-many-{number:02}_listener"))
        .collect();
    assert_eq!(said, expected);
}

#[test]
fn a_disabled_listener_is_loaded_and_logged_but_not_called() {
    let setup = Setup::with(&[Library::Puppet]).config(
        r#"
        [[listener]]
        plugin = "puppet"
        config = { record = "record.ndjson", is_enabled = "no" }
        "#,
    );
    let run = setup
        .run([id_token("e1"), access_token("e2"), subject("e3")])
        .ended(0);
    for code in ["OP0211", "OP0213", "OP0215"] {
        let message = run.message(code);
        assert!(
            message.ends_with("[1]: class=op_listener_puppet::Puppet enabled=false"),
            "{message}"
        );
    }
    assert_eq!(run.event_ids(), [""; 0]);
    let calls = |call: &str| {
        run.record()
            .iter()
            .filter(|line| line["call"] == call)
            .count()
    };
    assert_eq!((calls("init"), calls("is_enabled")), (3, 3));
    assert_eq!((calls("shutdown"), calls("drop")), (3, 3));
    let plugins = setup.plugins().canonicalize().unwrap();
    assert_eq!(
        run.message("OPL0107"),
        format!(
            "No listener is enabled, so events go nowhere (plugins are looked for in {plugins:?})"
        ),
    );
}

#[test]
fn an_entry_switched_off_by_the_operator_is_not_loaded_at_all() {
    let setup = Setup::with(&[Library::Puppet]).config(
        r#"
[log]
level = "debug"
[[listener]]
plugin = "puppet"
enabled = false
config = { record = "record.ndjson", init = "panic" }
        "#,
    );
    let run = setup.run([id_token("e1")]).ended(0);
    assert_eq!(
        run.message("OPL0105"),
        "Listener 'puppet' is switched off by `enabled = false` (op-listener.toml:4:1)"
    );
    assert_eq!(run.record(), Vec::<serde_json::Value>::new());
    assert_eq!(run.messages("OPL0101"), [""; 0], "nothing was loaded");
}

#[test]
fn several_instances_of_one_plugin_have_their_own_names_and_configurations() {
    let setup = Setup::with(&[Library::Puppet]).config(
        r#"
        [[listener]]
        plugin = "puppet"
        name = "one"
        config = { record = "one.ndjson" }
        [[listener]]
        plugin = "puppet"
        name = "two"
        spi = ["access_token_issue"]
        config = { record = "two.ndjson" }
        [[listener]]
        plugin = "puppet"
        name = "three"
        clients = ["other", "more"]
        config = { record = "three.ndjson" }
        "#,
    );
    let other = id_token("e3").replace("000123", "other");
    let run = setup
        .run([id_token("e1"), access_token("e2"), other])
        .ended(0);
    let seen = |name: &str| {
        let record = setup.record(&format!("{name}.ndjson")).into_iter();
        let events = record.filter(|line| {
            assert_eq!(line["name"], name, "{line}");
            line["call"] == "event"
        });
        let ids = events.map(|line| line["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(seen("one"), ["e1", "e2", "e3"]);
    assert_eq!(seen("two"), ["e2"], "filtered by SPI");
    assert_eq!(seen("three"), ["e3"], "filtered by client");
    // The SPI filter decides what is made, not only what is called.
    assert_eq!(run.messages("OP0211").len(), 2);
    assert_eq!(run.messages("OP0213").len(), 3);
    assert_eq!(run.messages("OP0215").len(), 2);
    assert!(run.message("OPL0002").ends_with("; 5 calls, 0 failed"));
}

#[test]
fn a_plugin_without_an_entry_is_loaded_once_with_an_empty_configuration() {
    let setup = Setup::with(&[Library::Chorus, Library::Puppet]).config(
        r#"
        [[listener]]
        plugin = "puppet"
        name = "named"
        config = { record = "record.ndjson" }
        "#,
    );
    let run = setup.run([id_token("e1")]).ended(0);
    assert_eq!(
        run.messages("OP0211").len(),
        3,
        "one puppet, two of the chorus"
    );
    assert_eq!(run.record()[0]["config"], r#"{"record":"record.ndjson"}"#);
}

#[test]
fn a_library_that_is_no_plugin_is_passed_over_with_a_warning() {
    let setup = Setup::with(&[Library::Puppet, Library::Support]);
    let run = setup.run([id_token("e1")]).ended(0);
    let line = run.lines().into_iter().find(|line| line.is("OPL0103"));
    let line = line.expect("the warning");
    assert_eq!(line.level, "WARN");
    assert!(
        line.message
            .ends_with("libsupport.so\": is a library but not a plugin: passed over"),
        "{line:?}"
    );
    assert_eq!(run.messages("OP0211").len(), 1);
}

#[test]
fn hidden_temporary_and_other_files_are_no_plugins() {
    let setup = Setup::with(&[Library::Puppet]);
    for name in [
        ".hidden.so",
        "~copy.so",
        "#copy.so",
        "half.so.part",
        "README",
        ".so",
    ] {
        setup.file(&format!("plugins/{name}"), "not a library");
    }
    std::fs::create_dir(setup.plugins().join("folder.so")).unwrap();
    let run = setup.run([""; 0]).ended(0);
    assert_eq!(run.messages("OPL0102"), [""; 0], "{}", run.log);
}

#[test]
#[cfg(target_os = "linux")]
fn what_becomes_of_the_file_while_the_host_runs_does_not_matter() {
    let setup = Setup::with(&[Library::Puppet, Library::Chorus]).config(
        r#"
        [[listener]]
        plugin = "puppet"
        config = { record = "record.ndjson", talk = true }
        "#,
    );
    let mut running = setup.start();
    running.wait_for("[OPL0001]");
    // In place, as `cp` does: a mapped file would take the host down with its next page fault.
    std::fs::write(setup.plugins().join("libpuppet.so"), vec![0xCC; 1 << 20]).unwrap();
    std::fs::remove_file(setup.plugins().join("libchorus.so")).unwrap();
    running.send(&format!("{}\n{}\n", id_token("e1"), access_token("e2")));
    running.wait_for("event=e2");
    let finished = running.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    let events = setup.record("record.ndjson");
    assert_eq!(
        events.iter().filter(|line| line["call"] == "event").count(),
        2
    );
    // The puppet twice, the chorus twice and once.
    assert!(
        finished.stderr.contains("; 5 calls, 0 failed"),
        "{}",
        finished.stderr
    );
}
