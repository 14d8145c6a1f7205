//! Calls come in one order, whatever the file system says: that of the configuration, then of file
//! names, then of the export. Shutting down goes the other way round.

use std::fs;

use op_listener_tests::{Library, Setup, id_token};

#[test]
fn the_configuration_then_file_names_then_the_export_decide_the_order() {
    let mut setup = Setup::new();
    // Found in the order of names, and configured in another.
    setup.add("zz-chorus", &Library::Chorus.file());
    setup.add("aa-puppet", &Library::Puppet.file());
    let setup = setup.config(
        r#"
        [[listener]]
        plugin = "chorus"
        name = "second-hand"
        config = { record = "calls.txt" }
        [[listener]]
        plugin = "chorus"
        name = "a-first"
        config = { record = "calls.txt" }
        "#,
    );
    let run = setup.run([id_token("e1"), id_token("e2")]).ended(0);
    let calls = fs::read_to_string(setup.path().join("calls.txt")).unwrap();
    assert_eq!(
        calls.lines().collect::<Vec<_>>(),
        [
            "second-hand Tenor e1",
            "second-hand Alto e1",
            "a-first Tenor e1",
            "a-first Alto e1",
            "second-hand Tenor e2",
            "second-hand Alto e2",
            "a-first Tenor e2",
            "a-first Alto e2",
            // Each of the four, and the two that listen to access tokens, backwards.
            "a-first Alto shutdown",
            "a-first Tenor shutdown",
            "a-first Tenor shutdown",
            "second-hand Alto shutdown",
            "second-hand Tenor shutdown",
            "second-hand Tenor shutdown",
        ]
    );
    let classes = run.messages("OP0211");
    assert_eq!(classes.len(), 5);
    assert!(
        classes[4].contains("[5]: class=op_listener_puppet::Puppet"),
        "{classes:?}"
    );
}

#[test]
fn plugins_without_entries_come_in_the_order_of_their_file_names() {
    for (puppet, chorus, first) in [("10-a", "9-b", "puppet"), ("b", "a", "chorus")] {
        let mut setup = Setup::new();
        setup.add(puppet, &Library::Puppet.file());
        setup.add(chorus, &Library::Chorus.file());
        let run = setup.run([""; 0]).ended(0);
        let loaded = &run.messages("OP0211")[0];
        assert!(loaded.contains(first), "{loaded}");
    }
}

#[test]
fn listeners_are_shut_down_in_the_reverse_order_of_loading() {
    let setup = Setup::with(&[Library::Puppet]).config(
        r#"
        [log]
        level = "debug"
        [[listener]]
        plugin = "puppet"
        name = "a"
        spi = ["id_token_issue", "subject_auth_and_consent"]
        config = { record = "record.ndjson" }
        [[listener]]
        plugin = "puppet"
        name = "b"
        spi = ["access_token_issue"]
        config = { record = "record.ndjson" }
        "#,
    );
    let run = setup.run([id_token("e1")]).ended(0);
    assert_eq!(
        run.messages("OPL0206"),
        [
            "Listener 'b' (access token issue) is shut down",
            "Listener 'a' (subject auth + consent) is shut down",
            "Listener 'a' (ID token issue) is shut down",
        ]
    );
    let ends: Vec<_> = run
        .record()
        .iter()
        .filter(|line| line["call"] == "shutdown")
        .map(|line| line["serial"].as_u64().unwrap())
        .collect();
    assert_eq!(ends, [3, 2, 1]);
}
