//! The command is told to reload while events come.

use std::fs;

use op_listener_tests::{Client, Door, Library, Running, id_token, start};
use rustix::process::Signal;
use serde_json::Value;

use crate::stage::{Stage, TALLY, assert_orderly, library, of, replace, send, version, wait_until};

/// Nothing is watched, so that what happens was asked for; nothing is probed, which takes time.
const BY_HAND: &str = "[plugins]\nprobe = false\n[reload]\nwatch = false\n";

#[test]
fn a_library_replaced_200_times_under_load_loses_no_event_and_repeats_none() {
    const RELOADS: usize = 200;
    const EVENTS: usize = 40;

    let stage = Stage::new();
    stage.put("tally", &version(0));
    stage.configure(&[BY_HAND, TALLY, &stage.settings("")].concat());
    let mut running = stage.start();
    let mut sent = 0;
    for reload in 1..=RELOADS {
        stage.put("tally", &version(reload));
        send(Signal::HUP, &running);
        for number in sent..sent + EVENTS {
            running.send(&format!("{}\n", id_token(&number.to_string())));
        }
        sent += EVENTS;
        running.wait_for("[OPL0601] Reloaded: 0 added, 1 replaced, 0 kept, 0 removed, 0 refused");
    }
    let finished = running.finish();
    assert_eq!(finished.code(), Some(0));
    let record = stage.record();
    let seen: Vec<_> = of(&record, "event")
        .iter()
        .map(|l| l.what.clone())
        .collect();
    let expected: Vec<_> = (0..sent).map(|number| number.to_string()).collect();
    assert!(seen == expected, "{} of {sent}", seen.len());
    assert_eq!(of(&record, "init").len(), RELOADS + 1);
    assert_eq!(assert_orderly(&record), 0);
}

#[test]
fn new_listeners_are_announced_with_their_number_and_old_ones_are_not() {
    let stage = Stage::new();
    stage.put("steady", &library(&["ID=\"steady\""]));
    stage.configure(BY_HAND);
    let mut running = stage.start();
    stage.put("tally", &version(0));
    send(Signal::HUP, &running);
    running.wait_for("[OPL0609] Asked to reload");
    let line = running.wait_for("[OP0211]");
    assert!(line.contains("INFO reload MAIN"), "{line}");
    assert!(
        line.ends_with("Loaded ID token issue event listener [2]: class=tally enabled=true\n"),
        "{line}"
    );
    running.wait_for("[OPL0601] Reloaded: 1 added, 0 replaced, 1 kept, 0 removed, 0 refused");
    let finished = running.finish();
    assert_eq!(
        finished.stderr.matches("[OP0211]").count(),
        2,
        "{}",
        finished.stderr
    );
}

#[test]
fn a_configuration_with_errors_changes_nothing() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let config = [BY_HAND, TALLY, &stage.settings("")].concat();
    stage.configure(&config);
    let mut running = stage.start();
    stage.put("tally", &version(1));
    for (wrong, says) in [
        (
            "[plugin]\n",
            "unknown key `plugin`: did you mean `plugins`?",
        ),
        ("[log]\nlevel = \"inof\"\n", "did you mean `info`?"),
        ("=", "not TOML"),
    ] {
        stage.configure(&[wrong, &config].concat());
        send(Signal::HUP, &running);
        let line = running.wait_for("[OPL0602]");
        assert!(
            line.contains("The reload changes nothing: ") && line.contains("op-listener.toml:"),
            "{line}"
        );
        assert!(line.contains(says), "{line}");
    }
    fs::remove_file(stage.path("op-listener.toml")).unwrap();
    send(Signal::HUP, &running);
    running.wait_for("[OPL0602]");
    running.send(&format!("{}\n", id_token("e1")));
    stage.wait_for("event", "e1");
    assert_eq!(running.finish().code(), Some(0));
    assert_eq!(of(&stage.record(), "init").len(), 1);
}

#[test]
fn clients_issuer_log_and_limits_change_and_what_cannot_is_named() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let clients = |name: &str| format!("[{{\"client_id\":\"000123\",\"client_name\":\"{name}\"}}]");
    replace(&stage.path("clients.json"), clients("A").as_bytes());
    let config = |top: &str, log: &str| {
        format!(
            "{top}\nclients = \"clients.json\"\n[log]\n{log}\n{BY_HAND}{TALLY}{}",
            stage.settings("")
        )
    };
    stage.configure(&config("", ""));
    let mut running = stage.start();
    let no_issuer =
        r#"{"type":"id_token_issue","id":"ID","client_id":"c","subject":"s","claims":{}}"#;
    running.send(&format!("{}\n", no_issuer.replace("ID", "e1")));
    running.wait_for("[OPL0301] line 1:");

    let top = "issuer = \"https://op.example.com\"\ndata_dir = \"elsewhere\"";
    let log =
        "format = \"json\"\nlevel = \"debug\"\n[intake]\nmax_line = 150\n[flow]\nmax_pending = 5";
    stage.configure(&config(top, log));
    send(Signal::HUP, &running);
    let line = running.wait_for("OPL0607");
    assert!(
        line.contains("what the configuration now says of: data_dir, flow.max_pending"),
        "{line}"
    );
    assert!(
        line.starts_with('{'),
        "the layout has changed by then: {line}"
    );
    running.send(&format!("{}\n", no_issuer.replace("ID", "e2")));
    stage.wait_for("event", "e2");
    running.send(&format!("{}\n", no_issuer.replace("ID", &"x".repeat(120))));
    let line = running.wait_for("OPL0301");
    assert!(line.contains("line 3") && line.contains("150"), "{line}");

    // Broken client metadata costs nothing but its own change.
    replace(&stage.path("clients.json"), b"[");
    stage.put("tally", &version(1));
    send(Signal::HUP, &running);
    let line = running.wait_for("OPL0606");
    assert!(line.contains("clients.json"), "{line}");
    running.send(&format!("{}\n", no_issuer.replace("ID", "e3")));
    stage.wait_for("event", "e3");
    let finished = running.finish();
    assert_eq!(finished.code(), Some(1));
    assert!(
        finished.stderr.contains("is shut down"),
        "at level debug: {}",
        finished.stderr
    );
    assert_eq!(assert_orderly(&stage.record()), 0);
}

/// Whoever reads that line may count on it: nothing is waited for here that comes later.
#[test]
fn all_of_the_new_settings_are_in_force_when_the_log_says_reloaded() {
    const RELOADS: usize = 20;

    let stage = Stage::new();
    stage.put("tally", &version(0));
    let tokens = ["first-token", "second-token"];
    let config = |number: usize| {
        let format = ["text", "json"][number % 2];
        format!(
            "issuer = \"https://op-{number}.example.com\"\n\
             [intake]\nhttp = \"127.0.0.1:0\"\ntoken_file = \"token\"\nmax_depth = {}\n\
             [log]\nformat = \"{format}\"\n{BY_HAND}{TALLY}{}",
            10 + number,
            stage.settings(&format!("number = {number}"))
        )
    };
    replace(&stage.path("token"), tokens[0].as_bytes());
    stage.configure(&config(0));
    let mut running = start(&mut stage.command());
    let line = running.wait_for("[OPL0501]");
    let (_, rest) = line.split_once("http://").unwrap();
    let (address, _) = rest.split_once("/events").unwrap();
    let mut client = Client::connect(&Door::Tcp(address.parse().unwrap()));
    let mut post = |token: &str, event: &str| {
        let fields = format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\n");
        client.request("POST", "/events", &fields, event).status
    };
    for number in 1..=RELOADS {
        let (old, new) = (tokens[(number - 1) % 2], tokens[number % 2]);
        replace(&stage.path("token"), new.as_bytes());
        stage.configure(&config(number));
        send(Signal::HUP, &running);
        let line = running.wait_for("Reloaded: 0 added, 1 replaced");
        assert_eq!(line.starts_with('{'), number % 2 == 1, "{line}");
        // As deep as may be by now, and not before.
        let depth = 9 + number;
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let event = id_token(&format!("e{number}"));
        let event = event.replace("\"subject\":", &format!("\"deep\":{deep},\"subject\":"));
        assert_eq!(
            (post(old, &event), post(new, &event)),
            (401, 204),
            "{number}"
        );
    }
    send(Signal::TERM, &running);
    assert_eq!(running.finish().code(), Some(0));
}

#[test]
fn pending_authorisations_outlive_a_reload() {
    let stage = Stage::new();
    let library = library(&["ID=\"subject\"", "SUBJECT"]);
    stage.put("subject", &library);
    let entry = "[[listener]]\nplugin = \"subject\"\n";
    stage.configure(&[BY_HAND, entry, &stage.settings("")].concat());
    let mut running = stage.start();
    let fact = |fact: &str| {
        format!(r#"{{"issuer":"https://op.example.com","client_id":"c","code":"1",{fact}}}"#) + "\n"
    };
    running.send(&fact(
        r#""type":"authorization_completed","id":"a1","subject":"s","response_type":"code""#,
    ));
    send(Signal::HUP, &running);
    running.wait_for("[OPL0601]");
    running.send(&fact(r#""type":"code_exchanged""#));
    stage.wait_for("event", "a1");
    assert_eq!(running.finish().code(), Some(0));
}

#[test]
fn the_command_line_stays_in_force() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    stage.configure(BY_HAND);
    fs::create_dir(stage.path("other")).unwrap();
    let mut command = stage.command();
    command.args(["--plugins", "other"]);
    let mut running = start(&mut command);
    running.wait_for("[OPL0001] op-listener 0.1.0 is ready: 0 listeners");
    send(Signal::HUP, &running);
    running.wait_for("[OPL0601] Reloaded: 0 added, 0 replaced, 0 kept, 0 removed, 0 refused");
    replace(&stage.path("other/tally.so"), &version(0));
    send(Signal::HUP, &running);
    running.wait_for("[OPL0601] Reloaded: 1 added");
    assert_eq!(running.finish().code(), Some(0));
}

#[test]
fn a_reload_that_hangs_in_an_init_keeps_neither_events_nor_the_end() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let config = |more: &str| [BY_HAND, TALLY, &stage.settings(more)].concat();
    stage.configure(&config(""));
    let mut running = stage.start();
    stage.configure(&config("slow_start = true"));
    send(Signal::HUP, &running);
    wait_until("init is called", || of(&stage.record(), "init").len() == 2);
    running.send(&format!("{}\n", id_token("e1")));
    stage.wait_for("event", "e1");
    send(Signal::TERM, &running);
    running.wait_for("[OPL0002] Stopped: 1 events dispatched");
    let finished = running.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert_eq!(of(&stage.record(), "shutdown").len(), 1);
}

#[test]
fn listeners_hear_of_another_log_level() {
    let stage = Stage::new();
    stage.put("puppet", &fs::read(Library::Puppet.file()).unwrap());
    let entry = "[[listener]]\nplugin = \"puppet\"\nspi = [\"id_token_issue\"]\nconfig = { talk = true, record = \"talk\" }\n";
    let configure = |level: &str| {
        stage.configure(&format!("[log]\nlevel = \"{level}\"\n{BY_HAND}{entry}"));
    };
    configure("info");
    let mut running = stage.start();
    let mut events = 0;
    // How many records are formatted, and so handed over, in an event.
    let mut formatted = |running: &mut Running| {
        events += 1;
        running.send(&format!("{}\n", id_token("e")));
        let mut counts = Vec::new();
        wait_until("the listener has talked", || {
            let text = fs::read_to_string(stage.path("talk")).unwrap_or_default();
            let lines = text
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok());
            let talks = lines.filter(|line: &Value| line["call"] == "talk");
            counts = talks.map(|line| line["formatted"].clone()).collect();
            counts.len() == events
        });
        counts.pop().unwrap()
    };
    assert_eq!(formatted(&mut running), 4);
    for (level, kept) in [("trace", 6), ("warn,MAIN=info", 2), ("info", 4)] {
        configure(level);
        send(Signal::HUP, &running);
        running.wait_for("[OPL0601] Reloaded: 0 added, 0 replaced, 1 kept");
        assert_eq!(formatted(&mut running), kept, "{level}");
    }
    assert_eq!(running.finish().code(), Some(0));
}
