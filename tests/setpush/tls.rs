//! Whom the plugin trusts, and how it shows who it is.

use std::fs;

use op_listener_tests::tls::{authority, certificate};
use op_listener_tests::{Setup, id_token};
use serde_json::{Value, json};

use crate::receiver::eventually;
use crate::stage::{Stage, Wanted};

fn prepare(setup: &Setup) {
    let dir = setup.path();
    authority(dir, "ca");
    authority(dir, "other-ca");
    certificate(dir, "ca", "server");
    certificate(dir, "ca", "client");
    certificate(dir, "other-ca", "stranger");
}

/// A receiver that speaks TLS. Files are of the stage's directory, which has no name yet.
fn stage(test: &str, client_authority: bool) -> Option<Stage> {
    let file = |name: &str| Value::from(format!("{{dir}}/{name}"));
    let mut tls = json!({ "cert": file("server.pem"), "key": file("server.key") });
    if client_authority {
        tls["ca"] = file("ca.pem");
    }
    Stage::with(
        test,
        &Wanted {
            but: json!({ "tls": tls }),
            prepare: &prepare,
            ..Wanted::default()
        },
    )
}

fn endpoint(stage: &Stage) -> String {
    format!("https://localhost:{}/set", stage.receiver.port)
}

/// Sends the n-th event, and waits until the host says this of the receiver.
fn refused(stage: &Stage, number: u32, settings: &str, because: &str) {
    stage.configure(&endpoint(stage), settings);
    let mut host = stage.run();
    host.send(&format!("{}\n", id_token(&format!("e{number}"))));
    let line = host.wait_for("does not receive SETs");
    assert!(line.contains(because), "{line}");
    assert!(stage.receiver.requests().is_empty(), "nothing was sent");
    eventually(
        || (stage.queue()["waiting"] == number).then_some(()),
        || format!("nothing is lost: {:#}", stage.queue()),
    );
    host.finish();
}

#[test]
fn a_private_authority_is_trusted_where_it_is_named() {
    let Some(stage) = stage("a private authority", false) else {
        return;
    };
    let allow = "allow_hosts = \"localhost\"";
    refused(
        &stage,
        1,
        allow,
        "the receiver is not trusted: invalid peer certificate: UnknownIssuer",
    );
    let other = format!("{allow}\nca_file = \"other-ca.pem\"");
    refused(
        &stage,
        2,
        &other,
        "the receiver is not trusted: invalid peer certificate: UnknownIssuer",
    );
    stage.configure(&endpoint(&stage), &format!("{allow}\nca_file = \"ca.pem\""));
    let mut host = stage.run();
    host.send(&format!("{}\n", id_token("e3")));
    let taken = stage.receiver.wait_for_taken(3);
    // In whichever order: those that were refused before are tried again in their own time.
    let mut ids: Vec<_> = taken.iter().map(|claims| &claims["jti"]).collect();
    ids.sort_by_key(|id| id.as_str());
    assert_eq!(ids, ["e1", "e2", "e3"]);
    host.finish();
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let prepare = |setup: &Setup| {
        prepare(setup);
        let dir = setup.path();
        fs::copy(dir.join("ca.pem"), dir.join("server.pem")).unwrap();
        fs::copy(dir.join("ca.key"), dir.join("server.key")).unwrap();
    };
    let Some(stage) = Stage::with(
        "another name",
        &Wanted {
            but: json!({ "tls": { "cert": "{dir}/server.pem", "key": "{dir}/server.key" } }),
            prepare: &prepare,
            ..Wanted::default()
        },
    ) else {
        return;
    };
    let settings = "allow_hosts = \"localhost\"\nca_file = \"ca.pem\"";
    refused(
        &stage,
        1,
        settings,
        "the receiver is not trusted: invalid peer certificate",
    );
}

#[test]
fn a_client_certificate_shows_who_pushes() {
    let Some(stage) = stage("client certificates", true) else {
        return;
    };
    let settings = "allow_hosts = \"localhost\"\nca_file = \"ca.pem\"";
    // With TLS 1.3 a receiver that wants a certificate says so after the handshake.
    let stranger = "client_certificate = \"stranger.pem\"\nclient_key = \"stranger.key\"";
    for more in ["", stranger] {
        stage.configure(&endpoint(&stage), &format!("{settings}\n{more}"));
        let mut host = stage.run();
        host.send(&format!("{}\n", id_token("e1")));
        // Whichever comes first: what the receiver says of it, or that it is gone.
        let why = || stage.try_call(&["show", "push"]).unwrap_or_default()[0]["reason"].to_string();
        eventually(
            || (why().contains("certificate")).then_some(()),
            || format!("{}: {}", why(), stage.queue()),
        );
        assert!(stage.receiver.requests().is_empty());
        host.finish();
    }
    let more = "\nclient_certificate = \"client.pem\"\nclient_key = \"client.key\"";
    stage.configure(&endpoint(&stage), &format!("{settings}{more}"));
    let mut host = stage.run();
    host.send(&format!("{}\n", id_token("e2")));
    stage.receiver.wait_for_taken(2);
    for request in stage.receiver.requests() {
        // By the name in the certificate.
        assert_eq!(request["client"], "client");
    }
    host.finish();
}

#[test]
fn files_that_are_renewed_are_taken_up_without_a_restart() {
    let Some(mut stage) = stage("renewed files", true) else {
        return;
    };
    let dir = stage.setup.path().to_owned();
    let renew = |to: &str, name: &str| {
        for kind in ["pem", "key"] {
            let new = dir.join(format!("{to}.new"));
            fs::copy(dir.join(format!("{name}.{kind}")), &new).unwrap();
            fs::rename(new, dir.join(format!("{to}.{kind}"))).unwrap();
        }
    };
    renew("mine", "stranger");
    stage.configure(
        &endpoint(&stage),
        "allow_hosts = \"localhost\"\nca_file = \"ca.pem\"\nclient_certificate = \"mine.pem\"\nclient_key = \"mine.key\"",
    );
    let mut host = stage.run();
    host.send(&format!("{}\n", id_token("e1")));
    stage.receiver.wait_for("handshake ");
    renew("mine", "client");
    stage.receiver.wait_for_taken(1);

    // What cannot be used is said, and what was there before serves on.
    fs::write(dir.join("mine.pem"), "no certificate").unwrap();
    host.send(&format!("{}\n", id_token("e2")));
    stage.receiver.wait_for_taken(2);
    let line = host.wait_for("what was read before stays in use");
    assert!(line.contains("mine.pem"), "{line}");
    eventually(
        || (stage.queue()["waiting"] == 0).then_some(()),
        || format!("{:#}", stage.queue()),
    );
    host.finish();
}
