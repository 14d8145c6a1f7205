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
        let last = finished.stderr.lines().last().unwrap();
        assert!(
            last.contains("the token file") && last.contains(said),
            "{last}"
        );
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
