//! Text from outside never makes a line of its own in the log, nor reaches a terminal as a command.

use op_listener_tests::{Library, Setup, id_token};

const EVIL: &str =
    "\n2026-11-21T19:00:00,123 INFO main MAIN - [OP0211] forged\r\u{1b}[2Jx\u{85}y\u{2028}z\u{7}\0";

fn no_forgery(log: &str) {
    for line in log.lines() {
        assert!(
            !line.starts_with("2026-11-21T19:00:00,123"),
            "a forged line in\n{log}"
        );
    }
    let evil =
        |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{2028}' | '\u{2029}' | '\u{85}');
    assert!(!log.contains(evil), "{log:?}");
}

fn puppet(format: &str, script: &str) -> Setup {
    Setup::with(&[Library::Puppet]).config(&format!(
        "[log]\nformat = \"{format}\"\nlevel = \"trace\"\n[[listener]]\nplugin = \"puppet\"\n[listener.config]\n{script}"
    ))
}

/// As a TOML (and JSON) string.
fn quoted() -> String {
    serde_json::to_string(EVIL)
        .unwrap()
        .replace('\u{85}', "\\u0085")
        .replace('\u{2028}', "\\u2028")
}

#[test]
fn what_listeners_say_stays_on_its_line() {
    let evil = quoted();
    for format in ["text", "json"] {
        for script in [
            format!("say = {evil}"),
            format!("event = \"fail\"\nmessage = {evil}"),
            format!("event = \"panic\"\nmessage = {evil}"),
        ] {
            let setup = puppet(format, &script);
            let run = setup.run([id_token("e1")]).ended(0);
            assert!(run.log.contains("forged"), "it does come out: {}", run.log);
            if format == "text" {
                run.lines();
                no_forgery(&run.log);
            } else {
                for line in run.log.lines() {
                    serde_json::from_str::<serde_json::Value>(line).unwrap();
                }
                no_forgery(&run.log);
            }
        }
    }
}

#[test]
fn events_cannot_forge_lines() {
    let evil = quoted();
    let lines = [
        id_token("e1").replace("\"e1\"", &evil),
        id_token("e1").replace("\"id_token_issue\"", &evil),
        id_token("e1").replace("\"https://op.example.com\"", &evil),
        id_token("e1").replace("\"alice\"", &format!("\"alice\",{evil}:1,{evil}:2")),
        format!(
            r#"{{"type":"code_exchanged","issuer":"https://op.example.com","client_id":{evil},"code":{evil}}}"#
        ),
        EVIL.to_owned(),
    ];
    let setup = puppet("text", "");
    let run = setup.run(lines).ended(1);
    run.lines();
    no_forgery(&run.log);
}

#[test]
#[cfg(unix)]
fn names_of_files_cannot_forge_lines() {
    let evil = EVIL.replace(['\0', '/'], "");
    let mut setup = Setup::new();
    setup.add(&format!("good{evil}"), &Library::Puppet.file());
    setup.add(&format!("plain{evil}"), &Library::Support.file());
    std::fs::write(setup.plugins().join(format!("bad{evil}.so")), "no library").unwrap();
    let setup = setup.config("[plugins]\non_failure = \"skip\"\n[log]\nlevel = \"debug\"");
    let run = setup.run([""; 0]).ended(0);
    assert_eq!(run.messages("OPL0102").len(), 1);
    assert_eq!(run.messages("OPL0103").len(), 1);
    run.lines();
    no_forgery(&run.log);
    let list = setup.call(&["list"]);
    no_forgery(&list.stdout);
    assert_eq!(
        list.stdout.matches("loads      ").count(),
        3,
        "{}",
        list.stdout
    );
}

#[test]
fn a_configuration_cannot_forge_lines() {
    let evil = quoted();
    let setup = Setup::new().config(&format!(
        "issuer = {evil}\n{evil} = 1\n[log]\nlevel = {evil}\n[[listener]]\nplugin = {evil}\nclients = [{evil}, {evil}]"
    ));
    let run = setup.call(&["config", "check", "--config", "op-listener.toml"]);
    assert_eq!(run.code(), Some(2));
    no_forgery(&run.stderr);
}
