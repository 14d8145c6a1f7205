//! The layouts of the log, and the way of listeners into it.

use std::collections::HashSet;

use op_listener_host::log::codes;
use op_listener_tests::{Library, LogLine, Setup, id_token};
use serde_json::{Value, json};

fn talking(log: &str) -> Setup {
    Setup::with(&[Library::Puppet]).config(&format!(
        r#"
        [log]
        {log}
        [[listener]]
        plugin = "puppet"
        name = "talker"
        spi = ["id_token_issue"]
        config = {{ record = "record.ndjson", talk = true }}
        "#
    ))
}

fn said(lines: &[LogLine]) -> Vec<String> {
    let said = lines.iter().filter(|line| line.is("talker"));
    said.map(|line| {
        format!(
            "{} {} {} {}",
            line.level, line.thread, line.logger, line.message
        )
    })
    .collect()
}

#[test]
fn a_listeners_records_come_out_in_its_name_with_level_target_fields_and_spans() {
    let run = talking("level = \"trace\"");
    let run = run.run([id_token("e1")]).ended(0);
    assert_eq!(
        said(&run.lines()),
        [
            "INFO main op_listener_puppet init of talker",
            "ERROR events op_listener_puppet::talk said as an error counted=formatted depth=1 event=e1 number=-5",
            "WARN events op_listener_puppet::talk said as a warning counted=formatted depth=1 event=e1 ratio=0.5",
            "INFO events op_listener_puppet::talk said as information counted=formatted depth=1 event=e1 text=\"two words\" well=true",
            "DEBUG events op_listener_puppet::talk said for finding faults counted=formatted depth=1 event=e1",
            "TRACE events op_listener_puppet::talk said in all detail counted=formatted depth=1 event=e1",
            "INFO events puppet::chatter said under a target of its own counted=formatted depth=1 event=e1",
        ]
    );
}

#[test]
fn what_the_filter_leaves_out_is_not_even_formatted() {
    for (level, kept) in [
        ("trace", 6),
        ("debug", 5),
        ("info", 4),
        ("warn", 2),
        ("error", 1),
        ("off", 0),
        ("warn,op_listener_puppet=debug", 4),
        ("info,puppet::chatter=off", 3),
        ("off,puppet::chatter=info", 1),
        ("off,op_listener_puppet::talk=error,puppet=trace", 2),
    ] {
        let setup = talking(&format!("level = \"{level}\""));
        let run = setup.run([id_token("e1")]).ended(0);
        let spoken = said(&run.lines())
            .into_iter()
            .filter(|line| line.contains(" said "));
        assert_eq!(spoken.count(), kept, "{level}: {}", run.log);
        let talk = run.record().into_iter().find(|line| line["call"] == "talk");
        assert_eq!(talk.unwrap()["formatted"], kept, "{level}");
    }
}

#[test]
fn threads_of_a_listeners_own_speak_in_its_name_if_they_say_so() {
    let setup = Setup::with(&[Library::Puppet]).config(
        r#"
        [[listener]]
        plugin = "puppet"
        name = "talker"
        spi = ["id_token_issue"]
        config = { talk_on_own_thread = true }
        "#,
    );
    let run = setup.run([id_token("e1")]).ended(0);
    let from_thread: Vec<_> = run
        .lines()
        .into_iter()
        .filter(|line| line.logger == "puppet::elsewhere")
        .map(|line| format!("[{}] {}", line.tag.unwrap(), line.message))
        .collect();
    assert_eq!(
        from_thread,
        [
            "[talker] from a thread of its own",
            // The library is known, the instance is not.
            "[puppet] from a thread without a name",
        ]
    );
}

#[test]
fn the_json_layout_has_one_object_a_line() {
    let setup = talking("format = \"json\"");
    let run = setup.run([id_token("e1"), "nonsense".to_owned()]).ended(1);
    let lines: Vec<Value> = run
        .log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
        .collect();
    for line in &lines {
        let time = line["time"].as_str().unwrap();
        let shape: String = time
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000Z");
    }
    let by_code = |code: &str| {
        let mut line = lines
            .iter()
            .find(|line| line["code"] == code)
            .unwrap()
            .clone();
        line.as_object_mut().unwrap().remove("time");
        line
    };
    assert_eq!(
        by_code("OP0211"),
        json!({
            "level": "INFO", "thread": "main", "logger": "MAIN", "code": "OP0211",
            "listener": "talker",
            "message": "Loaded ID token issue event listener [1]: class=op_listener_puppet::Puppet enabled=true",
        })
    );
    assert_eq!(
        by_code("OPL0301"),
        json!({
            "level": "ERROR", "thread": "events", "logger": "MAIN", "code": "OPL0301",
            "message": "line 2: not valid JSON: expected ident at byte 2: send one JSON object (RFC 8259)",
        })
    );
    let mut said = lines
        .iter()
        .find(|line| line["message"] == "said as information")
        .unwrap()
        .clone();
    said.as_object_mut().unwrap().remove("time");
    assert_eq!(
        said,
        json!({
            "level": "INFO", "thread": "events", "logger": "op_listener_puppet::talk",
            "listener": "talker", "message": "said as information",
            "fields": {"event": "e1", "depth": 1, "counted": "formatted", "well": true, "text": "two words"},
        })
    );
}

#[test]
fn every_code_that_is_logged_is_in_the_table_at_its_level() {
    let mut seen = HashSet::new();
    // Runs that go wrong in many ways.
    let mut setup = Setup::with(&[Library::Puppet, Library::Support, Library::OtherMajor]);
    setup.add("twice", &Library::Puppet.file());
    let setup = setup.config(
        r#"
        [plugins]
        on_failure = "skip"
        [log]
        level = "trace"
        [flow]
        max_pending = 1
        [[listener]]
        plugin = "puppet"
        name = "panics"
        switch_off_after_panics = 1
        budget_ms = 1
        config = { event = "panic", sleep_ms = 3, shutdown = "fail" }
        [[listener]]
        plugin = "puppet"
        name = "fails"
        config = { event = "fail" }
        [[listener]]
        plugin = "puppet"
        name = "absent"
        config = { init = "fail" }
        [[listener]]
        plugin = "puppet"
        name = "mute"
        config = { is_enabled = "panic" }
        [[listener]]
        plugin = "puppet"
        name = "off"
        enabled = false
        [[listener]]
        plugin = "puppet"
        name = "threads"
        config = { event = "panic-on-own-thread" }
        "#,
    );
    let completed = |code: &str| {
        format!(
            r#"{{"type":"authorization_completed","issuer":"https://op.example.com","client_id":"c","subject":"s","response_type":"code","code":"{code}"}}"#
        )
    };
    let exchanged = r#"{"type":"code_exchanged","issuer":"https://op.example.com","code":"x"}"#;
    let lines = [
        id_token("e1"),
        "nonsense".to_owned(),
        completed("1"),
        completed("2"),
        exchanged.to_owned(),
    ];
    let run = setup.run(lines).ended(1);
    let failing = Setup::with(&[Library::OtherMajor]);
    let second = failing.run([""; 0]).ended(3);
    let empty = Setup::new();
    let third = empty.run([""; 0]).ended(0);
    for line in [run.lines(), second.lines(), third.lines()]
        .into_iter()
        .flatten()
    {
        if line.logger != "MAIN" {
            continue;
        }
        let tag = line
            .tag
            .clone()
            .unwrap_or_else(|| panic!("no code: {line:?}"));
        let code = codes::ALL.iter().find(|code| code.id == tag);
        let code = code.unwrap_or_else(|| panic!("not in the table: {line:?}"));
        assert_eq!(code.severity.name(), line.level, "{line:?}");
        seen.insert(tag);
    }
    // Those that need a signal, a broken input or another kind of library have tests of their own.
    let elsewhere = [
        "OPL0003", "OPL0109", "OPL0110", "OPL0122", "OPL0123", "OPL0304", "OPL0402",
    ];
    for code in codes::ALL {
        // What is said of requests is tried in `service/`, of reloads and stops in `reload/`, of
        // Redis in `redis/`, and of queues in `delivery/`.
        let rooms = ["OPL05", "OPL06", "OPL07", "OPL08"];
        let in_another_room = rooms.iter().any(|room| code.id.starts_with(room));
        let expected = !in_another_room && !elsewhere.contains(&code.id);
        assert_eq!(
            seen.contains(code.id),
            expected,
            "{}: {}",
            code.id,
            code.happened
        );
        for text in [code.happened, code.action] {
            assert!(
                text.ends_with('.') && text.len() > 5,
                "{}: {text:?}",
                code.id
            );
        }
    }
}
