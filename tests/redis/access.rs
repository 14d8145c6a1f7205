//! How a host gets to Redis: users and passwords, TLS, and what must not be shown of it.

use std::process::Command;

use op_listener_tests::tls::{authority, certificate};
use op_listener_tests::{KeptPort, Run, Setup};

use crate::facts::{authorization, exchange};
use crate::hosts::{Counts, at, each_once, host};
use crate::proxy::Proxy;
use crate::server::Redis;

const PASSWORD: &str = "pa55-w0rd%40x";
/// The same within a URL.
const PASSWORD_IN_URL: &str = "pa55-w0rd%2540x";

/// The rules that `host/FLOW.md` says a user needs.
fn documented_rules() -> String {
    let text = std::fs::read_to_string(op_listener_tests::repository().join("host/FLOW.md"));
    let text = text.unwrap();
    let line = text.lines().find(|line| line.starts_with("ACL SETUSER "));
    line.expect("FLOW.md has the rules").to_owned()
}

fn with_user(test: &str) -> Option<Redis> {
    let redis = Redis::start(test)?;
    let rules = documented_rules();
    let words: Vec<String> = rules
        .split_whitespace()
        .map(|word| match word.strip_prefix('>') {
            Some(_) => format!(">{PASSWORD}"),
            None => word.to_owned(),
        })
        .collect();
    assert!(words.iter().any(|word| word.starts_with('>')), "{rules}");
    assert_eq!(redis.ask(&words), "OK");
    Some(redis)
}

fn works(host: &Setup) -> Run<'_> {
    let run = host.run([authorization(1), exchange(1)]).ended(0);
    each_once(&[host], 1..2);
    assert_eq!(Counts::of(&run).held, 1);
    assert!(run.message("OPL0701").contains("Redis"));
    assert!(!run.log.contains("pa55"), "{}", run.log);
    run
}

#[test]
fn a_user_with_the_documented_rules_and_a_password_from_a_file_or_the_environment_gets_in() {
    let Some(redis) = with_user("users and passwords") else {
        return;
    };
    let proxy = Proxy::start(&redis.socket(), 0);
    let url = proxy.url().replace("redis://", "redis://op-listener@");
    let from_file = host(&format!("{}\nredis_password_file = \"password\"", at(&url)));
    from_file.file("password", format!("{PASSWORD}\n"));
    works(&from_file);
    redis.ask(&["FLUSHALL"]);

    let flow = format!("{}\nredis_password_env = \"REDIS_PW\"", at(&url));
    let from_environment = host(&flow);
    let run = ["run", "--config", "op-listener.toml"];
    let mut command = from_environment.command(&run);
    let mut running = op_listener_tests::start(command.env("REDIS_PW", PASSWORD));
    running.send_last(format!("{}\n{}\n", authorization(1), exchange(1)).as_bytes());
    assert_eq!(running.finish().code(), Some(0));
    each_once(&[&from_environment], 1..2);
    redis.ask(&["FLUSHALL"]);

    let in_url = url.replace("op-listener@", &format!("op-listener:{PASSWORD_IN_URL}@"));
    works(&host(&at(&in_url)));
    redis.ask(&["FLUSHALL"]);
    let unix = format!("{}?user=op-listener&pass={PASSWORD_IN_URL}", redis.url());
    works(&host(&at(&unix)));
}

#[test]
fn no_password_is_shown() {
    for url in [
        format!("redis://op-listener:{PASSWORD_IN_URL}@localhost:1/3"),
        format!("redis+unix:///run/redis.sock?user=u&pass={PASSWORD_IN_URL}&db=3"),
    ] {
        let host = host(&at(&url));
        let shown = host.call(&["config", "show", "--config", "op-listener.toml"]);
        assert_eq!(shown.code(), Some(0), "{}", shown.stderr);
        assert!(!shown.stdout.contains("pa55"), "{}", shown.stdout);
        assert!(shown.stdout.contains("(hidden)"), "{}", shown.stdout);
        // Another key is wrong, on the same line as far as a reader can tell.
        let wrong = crate::hosts::host(&format!("{}\nredis_timeout = 5", at(&url)));
        let said = wrong.call(&["config", "check", "--config", "op-listener.toml"]);
        assert_eq!(said.code(), Some(2));
        assert!(said.stderr.contains("redis_timeout_ms"), "{}", said.stderr);
        let wrong = crate::hosts::host(&at(&format!("{url}#x")));
        let said = wrong.call(&["config", "check", "--config", "op-listener.toml"]);
        assert_eq!(said.code(), Some(2));
        assert!(!said.stderr.contains("pa55"), "{}", said.stderr);
    }
}

#[test]
fn a_password_that_is_nowhere_is_said_before_anything_is_loaded() {
    for (key, part) in [
        ("redis_password_file = \"gone\"", "gone"),
        (
            "redis_password_env = \"OP_LISTENER_NO_SUCH\"",
            "OP_LISTENER_NO_SUCH",
        ),
        ("redis_password_file = \"empty\"", "no password"),
    ] {
        let host = host(&format!("redis = \"redis://localhost:1\"\n{key}"));
        host.file("empty", "\n");
        for command in ["run", "config check"] {
            let mut arguments: Vec<_> = command.split(' ').collect();
            arguments.extend(["--config", "op-listener.toml"]);
            let said = host.call(&arguments);
            assert_eq!(said.code(), Some(2), "{}", said.stderr);
            assert!(said.stderr.contains(part), "{}", said.stderr);
        }
    }
}

/// Certificates of an authority of the test's own, and another authority.
fn make_certificates(dir: &std::path::Path) {
    authority(dir, "ca");
    authority(dir, "other");
    certificate(dir, "ca", "redis");
}

#[test]
fn over_tls_redis_is_believed_by_its_authority_alone() {
    let certificates = tempfile::tempdir().unwrap();
    let dir = certificates.path();
    if Command::new("redis-server")
        .arg("--version")
        .output()
        .is_ok()
    {
        make_certificates(dir);
    }
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    // Redis cannot be given a socket that is open already.
    let port = KeptPort::new();
    let tls = [
        "--tls-port",
        &port.number().to_string(),
        "--bind",
        "127.0.0.1",
        "--tls-cert-file",
        &path("redis.pem"),
        "--tls-key-file",
        &path("redis.key"),
        "--tls-ca-cert-file",
        &path("ca.pem"),
        "--tls-auth-clients",
        "no",
    ]
    .map(ToOwned::to_owned);
    let tls: Vec<&str> = tls.iter().map(String::as_str).collect();
    let Some(_redis) = Redis::start_with("TLS", &tls) else {
        return;
    };
    let url = format!("rediss://127.0.0.1:{}", port.number());
    let good = host(&format!("{}\nredis_ca = {:?}", at(&url), path("ca.pem")));
    works(&good);
    for ca in [
        format!("redis_ca = {:?}", path("other.pem")),
        // The system's authorities do not know it either.
        String::new(),
    ] {
        let wrong = host(&format!("{}\nredis_patience = 0\n{ca}", at(&url)));
        let run = wrong.run([authorization(2)]).ended(1);
        let said = run.message("OPL0702");
        assert!(said.contains("certificate"), "{said}");
    }
}
