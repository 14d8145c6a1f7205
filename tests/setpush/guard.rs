//! Where nothing is sent to, and by which way.

use op_listener_tests::tls::{authority, certificate};
use op_listener_tests::{Setup, id_token, start};
use serde_json::json;

use crate::between::Way;
use crate::stage::{Stage, Wanted};

#[test]
fn a_name_that_resolves_to_this_machine_is_refused_unless_it_is_named() {
    let Some(stage) = Stage::new("a name that leads inside") else {
        return;
    };
    let endpoint = format!("https://localhost:{}/set", stage.receiver.port);
    stage.configure(&endpoint, "");
    let mut host = stage.run();
    host.send(&format!("{}\n", id_token("e1")));
    let line = host.wait_for("does not receive SETs");
    assert!(line.contains("localhost resolves to "), "{line}");
    assert!(
        line.contains("a loopback address: nothing was sent"),
        "{line}"
    );
    host.finish();
    assert!(stage.receiver.requests().is_empty());

    let endpoint = format!("http://localhost:{}/set", stage.receiver.port);
    stage.configure(&endpoint, "allow_hosts = [\"localhost\"]");
    let host = stage.run();
    stage.receiver.wait_for_taken(1);
    host.finish();
}

#[test]
fn an_address_inside_is_refused_at_the_start_unless_it_is_named() {
    let Some(stage) = Stage::new("an address inside") else {
        return;
    };
    for endpoint in [
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fd00:ec2::254]/",
        "http://127.0.0.1:8080/",
    ] {
        stage.configure(endpoint, "");
        let ended = stage.run().finish();
        assert_eq!(ended.code(), Some(3), "{endpoint}: {}", ended.stderr);
        assert!(
            ended.stderr.contains("`allow_hosts = ["),
            "{endpoint}: {}",
            ended.stderr
        );
    }
}

/// The variables that clients mostly look at lead to a proxy that would take everything.
#[test]
fn proxies_of_the_environment_are_not_used() {
    let Some(stage) = Stage::new("proxies of the environment") else {
        return;
    };
    let proxy = Way::proxy();
    stage.configure(&stage.url(), "allow_hosts = \"127.0.0.1\"");
    let mut command = stage.command();
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        let url = format!("http://127.0.0.1:{}", proxy.port());
        command.env(name, &url).env(name.to_uppercase(), &url);
    }
    command.env_remove("no_proxy").env_remove("NO_PROXY");
    let mut host = start(&mut command);
    host.send(&format!("{}\n", id_token("e1")));
    stage.receiver.wait_for_taken(1);
    host.finish();
    assert_eq!(proxy.connections(), 0);
}

/// The proxy resolves a name that nobody else knows; the certificate has to be the receiver's.
#[test]
fn a_proxy_that_is_configured_is_gone_through() {
    let prepare = |setup: &Setup| {
        authority(setup.path(), "ca");
        certificate(setup.path(), "ca", "server");
    };
    let wanted = Wanted {
        but: json!({ "tls": { "cert": "{dir}/server.pem", "key": "{dir}/server.key" } }),
        prepare: &prepare,
        ..Wanted::default()
    };
    let Some(stage) = Stage::with("a configured proxy", &wanted) else {
        return;
    };
    let proxy = Way::proxy();
    let endpoint = format!("https://localhost:{}/set", stage.receiver.port);
    let url = |user: &str| format!("http://{user}127.0.0.1:{}", proxy.port());
    stage
        .setup
        .secret("proxy", &format!("{}\n", url("me:s3cr3t@")));
    let target = format!("CONNECT localhost:{} HTTP/1.1", stage.receiver.port);
    let settings = [
        format!("proxy = \"{}\"", url("")),
        "proxy_file = \"proxy\"".to_owned(),
    ];
    for (number, proxied) in settings.iter().enumerate() {
        stage.configure(&endpoint, &format!("ca_file = \"ca.pem\"\n{proxied}"));
        let mut host = stage.run();
        host.send(&format!("{}\n", id_token(&format!("e{number}"))));
        stage.receiver.wait_for_taken(number + 1);
        let log = host.finish().stderr;
        assert!(!log.contains("s3cr3t"), "{log}");
        let asked = proxy.asked();
        assert_eq!(asked.len(), number + 1);
        assert!(asked[number].starts_with(&target), "{asked:?}");
        // `me:s3cr3t` in base64.
        let credentials = asked[number].contains("Basic bWU6czNjcjN0");
        assert_eq!(credentials, number == 1, "{asked:?}");
    }
}
