//! TLS over TCP, with certificates as `openssl` makes them.

use std::net::SocketAddr;
use std::path::Path;

use op_listener_tests::tls::{authority, certificate, connect};
use op_listener_tests::{Client, Library, Running, Setup, id_token, tcp};

use crate::stage::{RECORDING, TOKEN, bearer, listening};

/// Makes an authority, and a certificate of it for each name.
fn certificates(dir: &Path, issuer: &str, names: &[&str]) {
    authority(dir, issuer);
    for name in names {
        certificate(dir, issuer, name);
    }
}

/// A host that speaks TLS. `more` goes into `[intake]`, `tls` into `[intake.tls]`.
fn service(address: &str, more: &str, tls: &str) -> (Setup, Running, SocketAddr) {
    let setup = Setup::with(&[Library::Puppet]);
    certificates(setup.path(), "ca", &["server", "client"]);
    certificates(setup.path(), "other-ca", &["stranger"]);
    setup.file("token", TOKEN);
    let mut setup = setup.config(&format!(
        "[intake]\nhttp = \"{address}\"\n{more}\n[intake.tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\n{tls}\n{RECORDING}"
    ));
    let (running, mut address) = listening(&mut setup);
    address.set_ip([127, 0, 0, 1].into());
    (setup, running, address)
}

#[test]
fn events_come_over_tls_with_the_token() {
    let token = "token_file = \"token\"";
    let (setup, _running, address) = service("0.0.0.0:0", token, "");
    let mut client = connect(setup.path(), address, None);
    let answer = client.request("POST", "/events", &bearer(TOKEN), &id_token("e1"));
    assert_eq!(answer.status, 204, "{answer:?}");
    let answer = client.request("POST", "/events", &bearer("x"), &id_token("e2"));
    assert_eq!(answer.status, 401);
    assert_eq!(client.get("/healthz").status, 200);
    let events = setup.record("record.ndjson").into_iter();
    assert_eq!(events.filter(|line| line["call"] == "event").count(), 1);
    // Without TLS there is nothing to be had.
    let mut clear = Client::over(tcp(address).unwrap());
    clear.send("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(
        clear
            .try_read()
            .is_none_or(|bytes| !bytes.starts_with(b"HTTP"))
    );
}

#[test]
fn a_client_needs_a_certificate_where_an_authority_is_named() {
    let (setup, running, address) = service("127.0.0.1:0", "", "client_ca = \"ca.pem\"");
    let json = "Content-Type: application/json\r\n";
    let mut client = connect(setup.path(), address, Some("client"));
    let answer = client.request("POST", "/events", json, &id_token("e1"));
    assert_eq!(answer.status, 204, "{answer:?}");
    for certificate in [None, Some("stranger")] {
        let mut client = connect(setup.path(), address, certificate);
        let sent = client.try_send("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
        let answer = sent.and_then(|()| client.try_answer(true));
        assert!(
            !matches!(answer, Ok(Some(_))),
            "{certificate:?}: {answer:?}"
        );
    }
    // The right certificate is good for later requests as well.
    assert_eq!(client.get("/readyz").status, 200);
    drop(client);
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(running.id().cast_signed()).unwrap(),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    let finished = running.finish();
    assert!(
        finished.stderr.contains("[OPL0510] No TLS with 127.0.0.1:"),
        "{}",
        finished.stderr
    );
}

#[test]
fn who_begins_no_handshake_is_cut_off() {
    // Whoever does begin one has to be done in that time too, on a busy machine as well.
    let more = "token_file = \"token\"\nread_timeout_ms = 4000";
    let (setup, _running, address) = service("127.0.0.1:0", more, "");
    let mut silent = Client::over(tcp(address).unwrap());
    assert!(silent.is_closed());
    let mut client = connect(setup.path(), address, None);
    assert_eq!(client.get("/healthz").status, 200);
}

#[test]
fn files_that_do_not_serve_keep_the_host_from_starting() {
    let setup = Setup::with(&[Library::Puppet]);
    certificates(setup.path(), "ca", &["server", "other"]);
    setup.file("token", TOKEN);
    setup.file("empty.pem", "");
    let mut setup = setup;
    for (certificate, key, said) in [
        ("none.pem", "server.key", "cannot be read as PEM"),
        ("empty.pem", "server.key", "has no certificate in it"),
        ("server.pem", "empty.pem", "cannot be read as a PEM key"),
        ("server.pem", "other.key", "do not go together"),
    ] {
        setup = setup.config(&format!(
            "[intake]\nhttp = \"127.0.0.1:0\"\ntoken_file = \"token\"\n[intake.tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n"
        ));
        let finished = setup.call(&["run", "--config", "op-listener.toml"]);
        assert_eq!(finished.code(), Some(2), "{}", finished.stderr);
        let log = finished.stderr;
        assert!(
            log.contains("op-listener.toml:4:") && log.contains(said),
            "{log}"
        );
    }
}
