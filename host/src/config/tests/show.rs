//! Showing the effective configuration, and what must never be shown.

use std::path::Path;

use super::{BASE, parse, refusal, valid};
use crate::config::Config;

/// The configuration without the places, which differ between a file and its copy.
fn settings(mut config: Config) -> Config {
    for listener in &mut config.listeners {
        *listener = listener.clone().without_place();
    }
    config
}

/// That what is shown means the same, even to a reader elsewhere.
pub(super) fn assert_round_trip(config: Config) {
    let shown = config.to_toml();
    let elsewhere = Path::new(if cfg!(windows) { r"C:\x" } else { "/x" });
    let mut again = match Config::from_str(&shown, "shown.toml", elsewhere) {
        Ok(config) => config,
        Err(errors) => panic!("{errors}\n\n{shown}"),
    };
    // No setting, but where the file is.
    again.base_dir.clone_from(&config.base_dir);
    assert_eq!(settings(again), settings(config), "{shown}");
}

#[cfg(unix)]
#[test]
fn the_defaults_are_shown_whole() {
    let shown = Config::defaults(Path::new(BASE)).to_toml();
    assert_eq!(
        shown,
        r#"# issuer: not set, each event must name its own
# clients: not set, no client registry
data_dir = "/etc/op/op-listener-data"

[plugins]
dir = "/etc/op/plugins"
trust = "permissions"
on_failure = "abort"
probe = true
probe_timeout_ms = 10000
probe_memory_mb = 1024

[signing]
# keys: not set, a key that lives as long as the host
algorithm = "RS256"

[log]
format = "text"
level = "info"

[intake]
max_line = 1048576
max_depth = 128

[flow]
max_pending = 100000
code_lifetime = 600

[dispatch]
measure = true
budget_ms = 5

[delivery]
# path: not set, queue.db in the data directory
durability = "disk"
stop_timeout = 10
dead_letters = 100000
"#
    );
}

#[test]
fn a_listener_is_shown_with_its_defaults() {
    let config = valid(
        r#"
[[listener]]
plugin = "audit-log"
spi = ["id_token_issue"]
clients = ["a", "b\"c"]
budget_ms = 0.25
config = { path = "a.ndjson", "odd key" = [1, 2.0, { x = true }], since = 07:32:00 }
"#,
    );
    let shown = config.to_toml();
    let listener = &shown[shown.find("[[listener]]").unwrap()..];
    assert_eq!(
        listener,
        r#"[[listener]]
plugin = "audit-log"
name = "audit-log"
spi = ["id_token_issue"]
clients = ["a", "b\"c"]
required = false
enabled = true
budget_ms = 0.25
[listener.config]
"odd key" = [1, 2.0, { x = true }]
path = "a.ndjson"
since = "07:32:00"
"#
    );
    assert_round_trip(config);
}

const SECRETS: &str = r#"
[[listener]]
plugin = "sqs"
[listener.config]
Password = "hunter2"
api-key = "hunter2"
clientSecret = "hunter2"
tokens = ["hunter2"]
private_key = """
hunter2
hunter2"""
broker = { url = "redis://alice:hunter2@mq.example.com/0", token = 42 }
pin = { secret = { code = "hunter2" } }
token_file = "/run/token"
password_path = "/run/password"
secret-env = "OP_SECRET"
include_tokens = false
partition_key = "client_id"
"#;

#[test]
fn what_looks_like_a_secret_is_not_shown() {
    let config = valid(SECRETS);
    let shown = config.to_toml();
    let settings = &shown[shown.find("[listener.config]").unwrap()..];
    assert_eq!(
        settings,
        r#"[listener.config]
Password = "(hidden)"  # not shown: it looks like a secret
api-key = "(hidden)"  # not shown: it looks like a secret
broker = { token = "(hidden)", url = "(hidden)" }  # not shown: it looks like a secret
clientSecret = "(hidden)"  # not shown: it looks like a secret
include_tokens = false
partition_key = "client_id"
password_path = "/run/password"
pin = { secret = "(hidden)" }  # not shown: it looks like a secret
private_key = "(hidden)"  # not shown: it looks like a secret
secret-env = "OP_SECRET"
token_file = "/run/token"
tokens = "(hidden)"  # not shown: it looks like a secret
"#
    );
    assert!(parse(&shown).is_ok(), "{shown}");
    let debug = format!("{config:?}");
    assert!(!debug.contains("hunter2"), "{debug}");
}

#[test]
fn errors_show_no_secrets_either() {
    for text in [
        "pasword = 1\npassword = \"hunter2\"\n",
        "token \"hunter2\"\n",
        "token: hunter2\n",
        "password = hunter2\n",
        "# password = hunter2 \u{1}\n",
        "[[listener]]\nconfg = { path = \"x\", password = \"hunter2\" }\n",
        "[[listener]]\nconfig = { a = 1, api_key = \"hunter2\", b = }\n",
        "[listener.config.credentials]\nuser = \"hunter2\" x\n",
        "private_key = \"\"\"\nfoo\nhunter2 \\q\nhunter2\"\"\"\n",
        "private_key = '''\nhunter2 \u{1}\n",
        "secrets = [\n \"hunter2\", \"hunter2\" \"x\",\n]\n",
        "issuer = \"https://alice:hunter2@op.example.com\"\n",
        "issuer = https://alice:hunter2@op.example.com\n",
        "x = { url = 'amqp://alice:hunter2@mq.example.com', y = }\n",
    ] {
        let said = refusal(text);
        assert!(!said.contains("hunter2"), "{text}\n\n{said}");
    }
}
