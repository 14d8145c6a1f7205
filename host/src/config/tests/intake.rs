//! The keys of `[intake]`: where events may be posted, and what is no way to let anybody in.

use std::time::Duration;

use super::{refusal, valid};
use crate::config::UnixPeer;

/// What is said, each error in one line: where, what, what to do.
fn said(intake: &str) -> Vec<String> {
    let text = refusal(&format!("[intake]\n{intake}"));
    let errors = text.split("\n\n").map(|error| {
        let mut lines = error.lines();
        let first = lines.next().unwrap_or_default();
        let last = lines.next_back().unwrap_or_default();
        format!("{first}; {}", last.trim_start_matches([' ', '=']))
    });
    errors.collect()
}

#[test]
fn both_doors_are_read_with_all_their_keys() {
    let config = valid(
        r#"[intake]
unix = "run/s"
unix_mode = "0600"
unix_peers = ["op", 993]
http = "0.0.0.0:8790"
token_file = "token"
max_body = 2048
max_header = 1024
max_connections = 7
concurrency = 3
read_timeout_ms = 100
idle_timeout = 5
remember = 0
max_remembered = 9
[intake.tls]
certificate = "c.pem"
key = "k.pem"
client_ca = "ca.pem"
"#,
    );
    let listen = &config.intake.listen;
    let unix = listen.unix.as_ref().unwrap();
    assert!(unix.path.is_absolute() && unix.path.ends_with("run/s"));
    assert_eq!(unix.mode, 0o600);
    let peers = [UnixPeer::Name("op".to_owned()), UnixPeer::Uid(993)];
    assert_eq!(unix.peers.as_deref(), Some(&peers[..]));
    assert_eq!(listen.http.unwrap().to_string(), "0.0.0.0:8790");
    assert!(listen.token_file.as_ref().unwrap().ends_with("token"));
    let tls = listen.tls.as_ref().unwrap();
    assert!(tls.client_ca.as_ref().unwrap().ends_with("ca.pem"));
    assert_eq!((listen.max_body, listen.max_header), (2048, 1024));
    assert_eq!((listen.max_connections, listen.concurrency), (7, 3));
    assert_eq!(listen.read_timeout, Duration::from_millis(100));
    assert_eq!(listen.idle_timeout, Duration::from_secs(5));
    assert_eq!(
        (listen.remember, listen.max_remembered),
        (Duration::ZERO, 9)
    );
    assert!(!valid("").intake.listen.is_somewhere());
}

#[test]
fn tcp_without_anything_to_show_is_refused() {
    let errors = said("http = \"127.0.0.1:8790\"\n");
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].starts_with("op.toml:2:8: [intake] has no `token_file`; over TCP any user"));
    // A client certificate is something to show as well.
    valid(
        "[intake]\nhttp = \"127.0.0.1:1\"\n[intake.tls]\ncertificate = \"c\"\nkey = \"k\"\nclient_ca = \"ca\"\n",
    );
}

#[test]
fn an_address_that_others_reach_needs_tls() {
    for address in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1"] {
        let errors = said(&format!("http = \"{address}\"\ntoken_file = \"t\"\n"));
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(
            errors[0].contains("which other machines can reach"),
            "{errors:?}"
        );
        assert!(errors[0].ends_with("add `[intake.tls]`, or listen on 127.0.0.1 or [::1]"));
    }
    for address in ["127.0.0.1:0", "127.9.9.9:1", "[::1]:1"] {
        valid(&format!(
            "[intake]\nhttp = \"{address}\"\ntoken_file = \"t\"\n"
        ));
    }
}

#[test]
fn what_has_no_effect_is_refused() {
    let errors = said(
        "unix_mode = \"0600\"\nunix_peers = [1]\ntoken_file = \"t\"\n[intake.tls]\ncertificate = \"c\"\nkey = \"k\"\n",
    );
    let keys = [
        ("unix_mode", "unix"),
        ("unix_peers", "unix"),
        ("token_file", "http"),
        ("tls", "http"),
    ];
    assert_eq!(errors.len(), keys.len(), "{errors:?}");
    for (error, (key, unless)) in errors.iter().zip(keys) {
        let end =
            format!("`{key}` has no effect without `{unless}`; set `{unless}`, or remove `{key}`");
        assert!(error.ends_with(&end), "{error}");
    }
}

#[test]
fn values_of_the_wrong_kind_say_what_is_wanted() {
    for (line, part) in [
        (
            "http = \"localhost:80\"",
            "must be an IP address and a port, but it is `localhost:80`; such as",
        ),
        ("http = \"127.0.0.1\"", "must be an IP address and a port"),
        (
            "unix = \"s\"\nunix_mode = \"0999\"",
            "must be permission bits, but it is `0999`; in octal",
        ),
        (
            "unix = \"s\"\nunix_mode = \"4755\"",
            "must be permission bits",
        ),
        (
            "unix = \"s\"\nunix_mode = \"+600\"",
            "must be permission bits",
        ),
        (
            "unix = \"s\"\nunix_mode = 660",
            "must be a string, but it is an integer; in octal",
        ),
        (
            "unix = \"s\"\nunix_peers = [true]",
            "must be a user's name or number, but it is a boolean",
        ),
        ("unix = \"s\"\nunix_peers = []", "must not be empty"),
        ("max_body = 10", "must be from 1024 to 1073741824"),
        ("read_timeout_ms = 1", "must be from 100 to 3600000"),
        ("concurrency = 0", "must be from 1 to 10000"),
        (
            "tls = 1",
            "must be a table, but it is an integer; its header is `[intake.tls]`",
        ),
        ("concurency = 1", "did you mean `concurrency`?"),
        (
            "certificate = \"c\"",
            "`certificate` belongs in [intake.tls]",
        ),
    ] {
        let errors = said(line);
        assert!(errors[0].contains(part), "{line}: {errors:?}");
    }
    let errors = said("http = \"127.0.0.1:1\"\ntoken_file = \"t\"\n[intake.tls]\nkey = \"k\"\n");
    assert!(
        errors[0].contains("[intake.tls] has no `certificate`"),
        "{errors:?}"
    );
}
