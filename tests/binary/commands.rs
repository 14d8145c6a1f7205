//! `op-listener config`: what a configuration says, and what is wrong with it.

use op_listener_tests::{Finished, Library, Setup, id_token};

fn check(setup: &Setup) -> Finished {
    setup.call(&["config", "check", "--config", "op-listener.toml"])
}

#[test]
fn a_good_configuration_has_nothing_to_say() {
    let setup = Setup::with(&[Library::Puppet]).config(
        r#"
issuer = "https://op.example.com"
clients = "clients.json"
data_dir = "state"
[plugins]
dir = "plugins"
trust = "permissions"
on_failure = "abort"
[signing]
algorithm = "ES256"
[log]
format = "json"
level = "info,op_listener_puppet=debug"
[intake]
max_line = 65536
max_depth = 64
[flow]
max_pending = 1000
code_lifetime = 60
[dispatch]
measure = true
budget_ms = 2.5
[[listener]]
plugin = "puppet"
name = "audit"
spi = ["id_token_issue", "subject_auth_and_consent"]
clients = ["000123"]
required = true
enabled = true
switch_off_after_panics = 3
budget_ms = 10
[listener.config]
record = "record.ndjson"
"#,
    );
    setup.file("clients.json", "[]");
    let checked = check(&setup);
    assert_eq!(
        (checked.code(), &*checked.stdout, &*checked.stderr),
        (Some(0), "", "")
    );
    let run = setup.run([id_token("e1")]);
    assert_eq!(run.code, Some(0), "{}", run.log);
}

#[test]
fn every_error_is_shown_with_its_place_its_text_and_what_may_have_been_meant() {
    let setup = Setup::new().config(
        "isuer = \"https://op.example.com\"\n\
         [log]\n\
         levl = \"info\"\n\
         format = \"jsn\"\n\
         [[listener]]\n\
         plugin = \"puppet\"\n\
         [[listener]]\n\
         plugin = \"puppet\"\n",
    );
    let checked = check(&setup);
    assert_eq!(checked.code(), Some(2));
    for said in [
        "op-listener.toml:1:1: unknown key `isuer`",
        "1 | isuer = \"https://op.example.com\"",
        "did you mean `issuer`?",
        "op-listener.toml:3:1: unknown key `levl` in [log]",
        "did you mean `level`?",
        "op-listener.toml:4:10: `format` cannot be `jsn`",
        "did you mean `json`?",
        "op-listener.toml:8:10: the listener name `puppet` is taken by the entry on line 6",
    ] {
        assert!(
            checked.stderr.contains(said),
            "{said}\nnot in\n{}",
            checked.stderr
        );
    }
    // The run says the same, and loads nothing.
    let run = setup.run([""; 0]);
    assert_eq!((run.code, &run.log), (Some(2), &checked.stderr));
}

#[test]
fn two_listeners_with_one_name_are_refused_also_where_one_has_no_entry() {
    // The entry takes the name that the other plugin would have without an entry.
    let setup = Setup::with(&[Library::Chorus, Library::Puppet]).config(
        "[plugins]\non_failure = \"skip\"\n[[listener]]\nplugin = \"puppet\"\nname = \"chorus\"",
    );
    let run = setup.run([id_token("e1")]).ended(0);
    assert_eq!(
        run.message("OPL0104"),
        "Listener 'chorus' is refused: an entry for plugin 'puppet' (op-listener.toml:3:1) has that \
         name: give one of them another `name`"
    );
    assert_eq!(run.messages("OP0211").len(), 1, "the puppet's");
}

#[test]
fn files_that_the_configuration_names_are_checked() {
    for (config, file, said) in [
        (
            "clients = \"c.json\"",
            None,
            "op-listener: client metadata ",
        ),
        (
            "clients = \"c.json\"",
            Some("{}"),
            "expected a JSON array of client metadata objects, found an object",
        ),
        (
            "clients = \"c.json\"",
            Some("[{\"client_id\":\"a\"},{\"client_id\":\"a\"}]"),
            "client [1]: member `client_id`: \"a\" is that of client [0] too: keep one of them",
        ),
        (
            "[signing]\nkeys = \"c.json\"",
            None,
            "does not exist: correct the path, or make a key with `op-listener keys generate`",
        ),
        (
            "[plugins]\ndir = \"nowhere\"",
            None,
            "does not exist: make it, or set `dir` under `[plugins]`",
        ),
    ] {
        let setup = Setup::new().config(config);
        if let Some(content) = file {
            setup.file("c.json", content);
        }
        for finished in [
            check(&setup),
            setup.call(&["run", "--config", "op-listener.toml"]),
        ] {
            assert_eq!(finished.code(), Some(2), "{config}: {}", finished.stderr);
        }
        let checked = check(&setup);
        assert!(
            checked.stderr.contains(said),
            "{said}\nnot in\n{}",
            checked.stderr
        );
        assert_eq!(checked.stderr.lines().count(), 1, "{}", checked.stderr);
    }
}

#[test]
fn the_configuration_in_force_can_be_shown_and_read_back() {
    let setup = Setup::with(&[Library::Puppet]).config(
        "issuer = \"https://op.example.com\"\n[[listener]]\nplugin = \"puppet\"\n[listener.config]\npassword = \"hush\"\nrecord = \"r\"\n",
    );
    let shown = setup.call(&["config", "show", "--config", "op-listener.toml"]);
    assert_eq!((shown.code(), &*shown.stderr), (Some(0), ""));
    assert!(!shown.stdout.contains("hush"), "{}", shown.stdout);
    assert!(
        shown.stdout.contains("password = \"(hidden)\""),
        "{}",
        shown.stdout
    );
    for line in [
        "issuer = \"https://op.example.com\"",
        "algorithm = \"RS256\"",
        "max_line = 1048576",
        "max_pending = 100000",
        "budget_ms = 5",
    ] {
        assert!(
            shown.stdout.lines().any(|shown| shown == line),
            "{line}\nnot in\n{}",
            shown.stdout
        );
    }
    let again = Setup::with(&[Library::Puppet]).config(&shown.stdout);
    let second = again.call(&["config", "show", "--config", "op-listener.toml"]);
    assert_eq!(
        second
            .stdout
            .replace("  # not shown: it looks like a secret", ""),
        shown
            .stdout
            .replace("  # not shown: it looks like a secret", "")
    );
    // Without a file the defaults are shown.
    let defaults = Setup::new().call(&["config", "show"]);
    assert_eq!(defaults.code(), Some(0));
    assert!(
        defaults.stdout.contains("# issuer: not set"),
        "{}",
        defaults.stdout
    );
}

#[test]
fn relative_paths_are_those_of_the_configuration_file() {
    let setup = Setup::with(&[Library::Puppet])
        .config("[[listener]]\nplugin = \"puppet\"\nconfig = { record = \"record.ndjson\" }");
    let elsewhere = Setup::new();
    let config = setup.path().join("op-listener.toml");
    let mut command = elsewhere.command(&["run", "--events", "-", "--config"]);
    let mut running = op_listener_tests::start(command.arg(config));
    running.send_last(id_token("e1").as_bytes());
    let finished = running.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    let seen = setup.record("record.ndjson");
    assert!(seen.iter().any(|line| line["id"] == "e1"));
}

#[cfg(unix)]
#[test]
fn a_unix_socket_that_cannot_be_made_is_told_of_before_anything_is_loaded() {
    let long = format!("unix = \"{}\"", "x".repeat(120));
    let recording = "[[listener]]\nplugin = \"puppet\"\nconfig = { record = \"record.ndjson\" }\n";
    for (keys, place, said) in [
        (
            "unix = \"s\"\nunix_peers = [1, \"nosuch\"]",
            ":3:18",
            "names the user \"nosuch\"",
        ),
        (&*long, ":2:8", "cannot be made"),
        ("unix = \"plugins\"", ":2:8", "is there and no socket"),
        (
            "http = \"127.0.0.1:0\"\ntoken_file = \"none\"",
            ":3:14",
            "cannot be read",
        ),
    ] {
        let setup =
            Setup::with(&[Library::Puppet]).config(&format!("[intake]\n{keys}\n{recording}"));
        for finished in [
            check(&setup),
            setup.call(&["run", "--config", "op-listener.toml"]),
        ] {
            let told = &finished.stderr;
            assert_eq!(finished.code(), Some(2), "{told}");
            let first = told.lines().next().unwrap();
            assert!(
                first.contains(&format!("op-listener.toml{place}: ")),
                "{first}"
            );
            assert!(first.contains(said) && told.contains('^'), "{told}");
            assert!(!setup.path().join("record.ndjson").exists(), "{told}");
        }
    }
}

#[cfg(unix)]
#[test]
fn what_may_be_otherwise_when_the_host_starts_is_a_warning() {
    for (keys, place, said) in [
        (
            "unix = \"none/s\"",
            ":2:8",
            "none\" of the Unix socket does not exist",
        ),
        (
            "unix = \"s\"\nunix_mode = \"0777\"",
            ":3:13",
            "every user of this machine",
        ),
    ] {
        let setup = Setup::with(&[Library::Puppet]).config(&format!("[intake]\n{keys}\n"));
        let checked = check(&setup);
        let told = &checked.stderr;
        assert_eq!(checked.code(), Some(0), "{told}");
        let warning = format!("warning: op-listener.toml{place}: ");
        assert!(told.contains(&warning) && told.contains(said), "{told}");
    }
}
