//! Who may post events, and how the Unix socket's file is treated.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use op_listener_tests::{Client, Library, Setup, id_token, replace, start};
use rustix::process::{Signal, getuid};

use crate::stage::{RECORDING, Service, TOKEN, bearer};

#[test]
fn over_tcp_the_token_is_demanded_for_events() {
    let (service, door) = Service::on_tcp("");
    let mut client = Client::connect(&door);
    let cases = [
        (
            "Content-Type: application/json\r\n".to_owned(),
            "Bearer realm=\"op-listener\"",
        ),
        (
            bearer("wrong"),
            "Bearer realm=\"op-listener\", error=\"invalid_token\"",
        ),
        (
            bearer(&TOKEN[1..]),
            "Bearer realm=\"op-listener\", error=\"invalid_token\"",
        ),
    ];
    for (fields, challenge) in &cases {
        let answer = client.request("POST", "/events", fields, &id_token("e1"));
        assert_eq!((answer.status, &*answer.problem().0), (401, "unauthorized"));
        assert_eq!(answer.field("www-authenticate"), Some(*challenge));
    }
    let answer = client.request("POST", "/events", &bearer(TOKEN), &id_token("e2"));
    assert_eq!(answer.status, 204, "{answer:?}");
    for path in ["/healthz", "/readyz", "/.well-known/jwks.json"] {
        assert_eq!(client.get(path).status, 200, "{path}");
    }
    assert_eq!(service.seen(), ["e2"]);
    let (_, finished) = service.stop();
    let log = finished.stderr;
    assert_eq!(log.matches("[OPL0508]").count(), 1, "seldom: {log}");
    assert!(!log.contains(TOKEN));
    let exposed = log.contains("[OPL0514]");
    assert!(exposed, "{log}");
}

#[test]
fn a_token_file_that_does_not_serve_keeps_the_host_from_starting() {
    for (content, said) in [
        (Some(""), "is empty"),
        (Some("a b"), "characters"),
        (None, "cannot be read"),
    ] {
        let setup = Setup::with(&[Library::Puppet])
            .config("[intake]\nhttp = \"127.0.0.1:0\"\ntoken_file = \"token\"\n");
        if let Some(content) = content {
            setup.file("token", content);
        }
        let finished = setup.call(&["run", "--config", "op-listener.toml"]);
        assert_eq!(finished.code(), Some(2), "{}", finished.stderr);
        let log = finished.stderr;
        assert!(
            log.contains("the token file") && log.contains(said),
            "{log}"
        );
        assert!(log.contains("op-listener.toml:3:14"), "{log}");
    }
}

#[test]
fn a_reload_reads_the_token_again_and_keeps_the_old_one_if_it_cannot() {
    let (mut service, door) = Service::on_tcp("[reload]\nwatch = false\n");
    let mut client = Client::connect(&door);
    let mut post = |token, id| {
        let answer = client.request("POST", "/events", &bearer(token), &id_token(id));
        answer.status
    };
    let token = service.setup.path().join("token");
    assert_eq!(post(TOKEN, "e1"), 204);
    replace(&token, b"another");
    assert_eq!((post(TOKEN, "e2"), post("another", "x")), (204, 401));
    service.signal(Signal::HUP);
    service.running.wait_for("[OPL0601]");
    assert_eq!((post(TOKEN, "x"), post("another", "e3")), (401, 204));

    fs::remove_file(&token).unwrap();
    service.signal(Signal::HUP);
    let line = service.running.wait_for("[OPL0606]");
    assert!(line.contains("the token file"), "{line}");
    assert_eq!((post(TOKEN, "x"), post("another", "e4")), (401, 204));
    assert_eq!(service.seen(), ["e1", "e2", "e3", "e4"]);
    let (_, finished) = service.stop();
    assert!(!finished.stderr.contains("another"), "{}", finished.stderr);
}

#[test]
fn the_socket_has_the_mode_that_is_configured() {
    for (key, mode) in [
        ("", 0o660),
        ("unix_mode = \"0600\"", 0o600),
        ("unix_mode = \"0666\"", 0o666),
    ] {
        let service = Service::on_unix(key);
        let metadata = fs::symlink_metadata(service.socket()).unwrap();
        assert_eq!(metadata.mode() & 0o7777, mode);
        let (setup, finished) = service.stop();
        assert_eq!(finished.code(), Some(0));
        assert!(!setup.path().join("s").exists(), "it is removed");
    }
}

#[test]
fn only_the_peers_that_are_named_are_served() {
    let own = getuid().as_raw();
    let service = Service::on_unix(&format!("unix_peers = [{own}]"));
    assert_eq!(service.client().post(&id_token("e1")).status, 204);

    let service = Service::on_unix(&format!("unix_peers = [{}]", own + 4242));
    let mut client = service.client();
    let answer = client.post(&id_token("e1"));
    assert_eq!((answer.status, &*answer.problem().0), (403, "forbidden"));
    assert!(client.is_closed());
    assert_eq!(service.client().get("/healthz").status, 403);
    assert_eq!(service.seen(), [""; 0]);
    let (_, finished) = service.stop();
    let log = finished.stderr;
    assert_eq!(log.matches("[OPL0509]").count(), 1, "seldom: {log}");

    let service = Service::on_unix("unix_peers = [\"root\"]");
    let expected = if own == 0 { 204 } else { 403 };
    assert_eq!(service.client().post(&id_token("e1")).status, expected);
}

#[test]
fn a_peer_that_nobody_is_keeps_the_host_from_starting() {
    let setup = Setup::with(&[Library::Puppet])
        .config("[intake]\nunix = \"s\"\nunix_peers = [\"no-such-user\"]\n");
    let finished = setup.call(&["run", "--config", "op-listener.toml"]);
    assert_eq!(finished.code(), Some(2));
    assert!(finished.stderr.contains("names the user \"no-such-user\""));
}

#[test]
fn a_socket_that_was_left_behind_is_replaced_and_one_in_use_is_not() {
    let service = Service::on_unix("");
    let config = format!("[intake]\nunix = \"s\"\n{RECORDING}");
    let second = |setup: &Setup| {
        start(&mut setup.command(&["run", "--config", "op-listener.toml"])).finish()
    };
    let refused = second(&service.setup);
    assert_eq!(refused.code(), Some(2), "{}", refused.stderr);
    let last = refused.stderr.lines().last().unwrap();
    assert!(
        last.contains("somebody answers at the Unix socket"),
        "{last}"
    );
    assert_eq!(
        service.client().post(&id_token("e1")).status,
        204,
        "undisturbed"
    );

    // Killed, so that it cannot remove the socket.
    service.signal(rustix::process::Signal::KILL);
    let Service { setup, running } = service;
    assert_eq!(running.finish().code(), None);
    assert!(setup.path().join("s").exists());
    let service = Service::start_in(setup, &config);
    assert_eq!(service.client().post(&id_token("e2")).status, 204);
}

#[test]
fn what_is_no_socket_is_left_alone() {
    let setup = Setup::with(&[Library::Puppet]).config("[intake]\nunix = \"s\"\n");
    setup.file("s", "precious");
    let finished = setup.call(&["run", "--config", "op-listener.toml"]);
    assert_eq!(finished.code(), Some(2));
    assert!(
        finished.stderr.contains("is there and no socket"),
        "{}",
        finished.stderr
    );
    assert_eq!(
        fs::read_to_string(setup.path().join("s")).unwrap(),
        "precious"
    );
}

#[test]
fn a_socket_that_cannot_be_made_is_told_of() {
    let long = format!("[intake]\nunix = \"{}\"\n", "x".repeat(200));
    for config in ["[intake]\nunix = \"none/s\"\n", &long] {
        let setup = Setup::with(&[Library::Puppet]).config(config);
        let finished = setup.call(&["run", "--config", "op-listener.toml"]);
        assert_eq!(finished.code(), Some(2));
        assert!(
            finished.stderr.contains("cannot be made"),
            "{}",
            finished.stderr
        );
    }
}

#[test]
fn a_port_that_somebody_has_is_told_of() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let setup = Setup::with(&[Library::Puppet]).config(&format!(
        "[intake]\nunix = \"s\"\nhttp = \"{address}\"\ntoken_file = \"token\"\n"
    ));
    setup.file("token", "x");
    let mode = fs::Permissions::from_mode(0o600);
    fs::set_permissions(setup.path().join("token"), mode).unwrap();
    let finished = setup.call(&["run", "--config", "op-listener.toml"]);
    assert_eq!(finished.code(), Some(2));
    let said = format!("{address} cannot be listened on");
    assert!(finished.stderr.contains(&said), "{}", finished.stderr);
    assert!(
        !setup.path().join("s").exists(),
        "the socket was removed again"
    );
}

#[test]
fn doors_that_cannot_be_had_are_told_of_under_a_code_before_anything_is_loaded() {
    for format in ["text", "json"] {
        let setup = Setup::with(&[Library::Puppet]).config(&format!(
            "[intake]\nunix = \"none/s\"\n[log]\nformat = \"{format}\"\n{RECORDING}"
        ));
        let finished = setup.call(&["run", "--config", "op-listener.toml"]);
        assert_eq!(finished.code(), Some(2), "{}", finished.stderr);
        let [line] = finished.stderr.lines().collect::<Vec<_>>()[..] else {
            panic!(
                "one line was expected, and there came:\n{}",
                finished.stderr
            );
        };
        assert!(line.contains("cannot be made"), "{line}");
        if format == "json" {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["code"], "OPL0517", "{line}");
        } else {
            assert!(
                line.contains(" ERROR ") && line.contains("[OPL0517]"),
                "{line}"
            );
        }
        assert!(!setup.path().join("record.ndjson").exists());
    }
}

#[test]
fn the_host_says_that_it_is_ready_when_its_doors_are_open() {
    let setup =
        Setup::with(&[Library::Puppet]).config(&format!("[intake]\nunix = \"s\"\n{RECORDING}"));
    let mut running = setup.start();
    running.wait_for("[OPL0001]");
    let service = Service { setup, running };
    assert_eq!(service.client().post(&id_token("e1")).status, 204);
    let (_, finished) = service.stop();
    let place = |code| finished.stderr.find(code).unwrap();
    assert!(
        place("[OPL0501]") < place("[OPL0001]"),
        "{}",
        finished.stderr
    );
}

#[test]
fn an_exposed_token_file_is_told_of_once_for_each_state() {
    let setup = Setup::with(&[Library::Puppet]).config(&format!(
        "[intake]\nhttp = \"127.0.0.1:0\"\ntoken_file = \"token\"\n[reload]\nwatch = false\n{RECORDING}"
    ));
    let expose = |content: &str| {
        setup.file("token", content);
        let mode = fs::Permissions::from_mode(0o644);
        fs::set_permissions(setup.path().join("token"), mode).unwrap();
    };
    expose(TOKEN);
    let mut running = setup.start();
    running.wait_for("[OPL0001]");
    let reload = |running: &mut op_listener_tests::Running| {
        let pid = rustix::process::Pid::from_raw(running.id().cast_signed()).unwrap();
        rustix::process::kill_process(pid, Signal::HUP).unwrap();
        running.wait_for("[OPL0601]");
    };
    reload(&mut running);
    reload(&mut running);
    expose("another");
    reload(&mut running);
    // It is read after the listeners: the next reload begins after it was.
    reload(&mut running);
    let pid = rustix::process::Pid::from_raw(running.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    let log = running.finish().stderr;
    assert_eq!(log.matches("[OPL0514]").count(), 2, "{log}");
}

#[test]
fn a_socket_for_everybody_is_warned_of() {
    let own = getuid().as_raw();
    for (more, warned) in [
        ("unix_mode = \"0666\"".to_owned(), true),
        ("unix_mode = \"0660\"".to_owned(), false),
        (format!("unix_mode = \"0666\"\nunix_peers = [{own}]"), false),
    ] {
        let (_, finished) = Service::on_unix(&more).stop();
        let log = finished.stderr;
        assert_eq!(log.contains("[OPL0518]"), warned, "{more}: {log}");
    }
}

#[test]
fn who_shows_no_token_gives_way_to_those_who_come() {
    let (service, door) = Service::on_tcp("max_connections = 3\nidle_timeout = 3600");
    let mut known = Client::connect(&door);
    let post = |client: &mut Client, id| {
        let answer = client.request("POST", "/events", &bearer(TOKEN), &id_token(id));
        answer.status
    };
    assert_eq!(post(&mut known, "e1"), 204);
    let mut strangers = [Client::connect(&door), Client::connect(&door)];
    for stranger in &mut strangers {
        assert_eq!(stranger.get("/healthz").status, 200);
    }
    // No merit.
    assert_eq!(strangers[0].get("/healthz").status, 200);
    let mut new = Client::connect(&door);
    assert_eq!(post(&mut new, "e2"), 204);
    assert!(strangers[0].is_closed(), "the oldest");
    let mut newer = Client::connect(&door);
    assert_eq!(post(&mut newer, "e3"), 204);
    assert!(strangers[1].is_closed());
    // All are known now, and nobody gives way.
    let mut too_many = Client::connect(&door);
    assert_eq!(too_many.answer().status, 503);
    for (client, id) in [(&mut known, "e4"), (&mut new, "e5"), (&mut newer, "e6")] {
        assert_eq!(post(client, id), 204);
    }
    let (_, finished) = service.stop();
    let log = finished.stderr;
    assert!(log.contains("closed 1 that had shown no token"), "{log}");
}

#[test]
fn a_web_page_under_a_name_of_its_own_gets_nothing_over_loopback() {
    let (service, door) = Service::on_tcp("");
    let ask = |host: &str, fields: &str| {
        let mut client = Client::connect(&door);
        client.send(format!(
            "GET /metrics HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n"
        ));
        client.answer()
    };
    for host in [
        "localhost",
        "LOCALHOST:8790",
        "127.0.0.1:80",
        "[::1]:8790",
        "op.localhost",
    ] {
        assert_eq!(ask(host, "").status, 200, "{host}");
    }
    for host in ["rebound.example.com", "localhost.example.com:8790"] {
        let answer = ask(host, "");
        assert_eq!((answer.status, &*answer.problem().0), (421, "misdirected"));
        assert_eq!(answer.field("connection"), Some("close"));
        assert_eq!(ask(host, &bearer("wrong")).status, 421);
        assert_eq!(ask(host, &bearer(TOKEN)).status, 200, "no page has it");
    }
    let mut client = Client::connect(&door);
    client.send("GET http://rebound.example.com/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(client.answer().status, 421);
    drop(service);
    let service = Service::on_unix("");
    let mut client = service.client();
    client.send("GET /metrics HTTP/1.1\r\nHost: any.example.com\r\n\r\n");
    assert_eq!(client.answer().status, 200);
}
