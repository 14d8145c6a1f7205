//! What a valid file means.

use std::path::{Path, absolute};
use std::time::Duration;

use serde_json::json;
use tracing_subscriber::filter::LevelFilter;

use super::{BASE, messages, parse, valid};
use crate::Spi;
use crate::config::{Config, ListenerConfig, OnFailure, is_instance_name};
use crate::library::Trust;
use crate::log::Format;
use crate::signing::Algorithm;

#[test]
fn an_empty_file_means_the_defaults() {
    let config = valid("");
    let base = Path::new(BASE);
    assert_eq!(config, Config::defaults(base));
    assert_eq!(config.issuer, None);
    assert_eq!(config.clients, None);
    assert_eq!(config.data_dir, base.join("op-listener-data"));
    assert_eq!(config.plugins.dir, base.join("plugins"));
    assert_eq!(config.plugins.trust, Trust::Permissions);
    assert_eq!(config.plugins.on_failure, OnFailure::Abort);
    assert!(config.plugins.probe.enabled);
    assert_eq!(config.plugins.probe.timeout, Duration::from_secs(10));
    assert_eq!(config.plugins.probe.memory_mb, 1024);
    assert_eq!(config.signing.keys, None);
    assert_eq!(config.signing.algorithm, Algorithm::Rs256);
    assert_eq!(config.signing.kid, None);
    assert_eq!(config.log.format, Format::Text);
    assert_eq!(config.log.level.as_str(), "info");
    assert_eq!(config.intake.max_line, 1_048_576);
    assert_eq!(config.intake.max_depth, 128);
    assert_eq!(config.flow.max_pending, 100_000);
    assert_eq!(config.flow.code_lifetime, Duration::from_mins(10));
    assert!(config.dispatch.measure);
    assert_eq!(config.dispatch.budget, Duration::from_millis(5));
    assert_eq!(config.listeners, []);
}

#[test]
fn without_a_file_the_defaults_are_those_of_the_current_directory() {
    let config = Config::default();
    assert_eq!(config.plugins.dir, absolute("plugins").unwrap());
    assert_eq!(config.data_dir, absolute("op-listener-data").unwrap());
}

#[test]
fn every_key_is_read() {
    let config = valid(
        r#"
issuer = "https://op.example.com"
clients = "clients.json"
data_dir = "data"
[plugins]
dir = "../plugins"
trust = "off"
on_failure = "skip"
probe = false
probe_timeout_ms = 500
probe_memory_mb = 256
[signing]
keys = "keys.json"
algorithm = "EdDSA"
kid = "k1"
[log]
format = "json"
level = "warn"
[intake]
max_line = 0x1000
max_depth = 10
[flow]
max_pending = 1_000
code_lifetime = 60
[dispatch]
measure = false
budget_ms = 2.5
"#,
    );
    let base = Path::new(BASE);
    assert_eq!(config.issuer.as_deref(), Some("https://op.example.com"));
    assert_eq!(config.clients, Some(base.join("clients.json")));
    assert_eq!(config.data_dir, base.join("data"));
    assert_eq!(
        config.instance_dir("audit"),
        base.join("data").join("audit")
    );
    assert_eq!(
        config.plugins.dir,
        absolute(base.join("../plugins")).unwrap()
    );
    assert_eq!(config.plugins.trust, Trust::Off);
    assert_eq!(config.plugins.on_failure, OnFailure::Skip);
    assert!(!config.plugins.probe.enabled);
    assert_eq!(config.plugins.probe.timeout, Duration::from_millis(500));
    assert_eq!(config.plugins.probe.memory_mb, 256);
    assert_eq!(config.signing.keys, Some(base.join("keys.json")));
    assert_eq!(config.signing.algorithm, Algorithm::EdDsa);
    assert_eq!(config.signing.kid.as_deref(), Some("k1"));
    assert_eq!(config.log.format, Format::Json);
    assert_eq!(config.log.level.as_str(), "warn");
    assert_eq!(config.intake.max_line, 4096);
    assert_eq!(config.intake.max_depth, 10);
    assert_eq!(config.flow.max_pending, 1000);
    assert_eq!(config.flow.code_lifetime, Duration::from_mins(1));
    assert!(!config.dispatch.measure);
    assert_eq!(config.dispatch.budget, Duration::from_micros(2500));
}

#[test]
fn a_listener_has_its_defaults() {
    let config = valid("[[listener]]\nplugin = \"audit-log\"\n");
    let listener = config.listeners[0].clone().without_place();
    assert_eq!(listener, ListenerConfig::new("audit-log"));
    assert_eq!(listener.name, "audit-log");
    assert_eq!(listener.spi, None);
    assert_eq!(listener.clients, None);
    assert!(!listener.required);
    assert!(listener.enabled);
    assert_eq!(listener.switch_off_after_panics, None);
    assert_eq!(listener.budget, None);
    assert!(listener.config.is_empty());
}

#[test]
fn listeners_keep_order_settings_and_place() {
    let config = valid(
        r#"
[[listener]]
plugin = "sqs"

[[listener]]
plugin = "audit-log"
name = "audit"
spi = ["subject_auth_and_consent", "id_token_issue"]
clients = ["000123"]
required = true
enabled = false
switch_off_after_panics = 3
budget_ms = 0.5
[listener.config]
path = "audit.ndjson"
since = 2026-11-21
rotate = { size = 1_000, keep = [1, -2, 0.5] }
"#,
    );
    let [first, second] = &config.listeners[..] else {
        panic!("two listeners: {config:?}");
    };
    assert_eq!(first.name, "sqs");
    assert_eq!(first.place().unwrap().to_string(), "op.toml:2:1");
    assert_eq!(first.config_place(), first.place());
    assert_eq!(second.plugin, "audit-log");
    assert_eq!(second.name, "audit");
    assert_eq!(
        second.spi.as_deref(),
        Some(&[Spi::SubjectAuthAndConsent, Spi::IdTokenIssue][..])
    );
    assert_eq!(second.clients.as_deref(), Some(&["000123".to_owned()][..]));
    assert!(second.required);
    assert!(!second.enabled);
    assert_eq!(second.switch_off_after_panics.map(Into::into), Some(3_u32));
    assert_eq!(second.budget, Some(Duration::from_micros(500)));
    assert_eq!(
        serde_json::Value::Object(second.config.clone()),
        json!({
            "path": "audit.ndjson",
            "since": "2026-11-21",
            "rotate": { "size": 1000, "keep": [1, -2, 0.5] },
        })
    );
    assert_eq!(second.place().unwrap().line(), 5);
    assert_eq!(second.config_place().unwrap().to_string(), "op.toml:14:1");
}

#[test]
fn later_errors_can_point_at_the_entry() {
    let config = valid("[[listener]]\nplugin = \"audit-lgo\"\n[listener.config]\npath = 1\n");
    let listener = &config.listeners[0];
    assert_eq!(
        listener.unknown_plugin(["sqs", "audit-log"]).to_string(),
        r#"op.toml:2:10: there is no plugin `audit-lgo`
  |
2 | plugin = "audit-lgo"
  |          ^^^^^^^^^^^
  = did you mean `audit-log`?"#
    );
    assert_eq!(
        listener.unknown_plugin(["sqs", "kafka"]).help(),
        Some("plugins in the plugin directory: `sqs`, `kafka`")
    );
    assert_eq!(
        listener.unknown_plugin([]).help(),
        Some("the plugin directory holds no plugin")
    );
    let refused = "listener `audit-lgo` refused its settings: `path` must be a string";
    assert_eq!(
        listener
            .config_place()
            .unwrap()
            .error(refused, None)
            .to_string(),
        format!("op.toml:3:1: {refused}\n  |\n3 | [listener.config]\n  | ^^^^^^^^^^^^^^^^^")
    );
    assert_eq!(
        ListenerConfig::new("audit-lgo")
            .unknown_plugin(["audit-log"])
            .to_string(),
        "there is no plugin `audit-lgo`\n = did you mean `audit-log`?"
    );
}

#[test]
fn log_levels_and_directives_are_filters() {
    for (text, target, level) in [
        ("info", "anything", LevelFilter::INFO),
        ("OFF", "anything", LevelFilter::OFF),
        ("warn,op_x=debug", "op_x::y", LevelFilter::DEBUG),
        ("warn , op_x = debug", "op_x", LevelFilter::DEBUG),
        ("op_x=debug,warn", "op_y", LevelFilter::WARN),
    ] {
        let config = valid(&format!("[log]\nlevel = \"{text}\""));
        let filter = config.log.level.targets();
        for tested in [
            tracing::Level::ERROR,
            tracing::Level::INFO,
            tracing::Level::DEBUG,
        ] {
            assert_eq!(
                filter.would_enable(target, &tested),
                tested <= level,
                "{text}: {target} {tested}"
            );
        }
    }
    for text in ["5", "info,", ",", "=info", "a=b=info", "info;warn"] {
        assert!(
            parse(&format!("[log]\nlevel = \"{text}\"")).is_err(),
            "{text}"
        );
    }
}

#[test]
fn instance_names_are_fit_for_directories_and_logs() {
    for name in ["a", "audit-log", "A_b.1", &"x".repeat(64)] {
        assert!(is_instance_name(name), "{name}");
    }
    for name in [
        "",
        ".",
        "..",
        ".a",
        "a/b",
        "a b",
        "ä",
        "a\n",
        &"x".repeat(65),
    ] {
        assert!(!is_instance_name(name), "{name}");
    }
}

#[test]
fn names_that_differ_only_in_case_are_one_directory_somewhere() {
    assert_eq!(
        messages("[[listener]]\nplugin = \"a\"\n[[listener]]\nplugin = \"b\"\nname = \"A\"\n"),
        ["op.toml:5:8: the listener name `A` is taken by the entry on line 2"]
    );
}

#[test]
fn the_bounds_of_numbers_are_within() {
    let bounds = |budget, panics: u32| {
        valid(&format!(
            "[[listener]]\nplugin = \"a\"\nbudget_ms = {budget}\nswitch_off_after_panics = {panics}"
        ))
        .listeners[0]
            .budget
            .unwrap()
    };
    assert_eq!(bounds("0.001", 1), Duration::from_micros(1));
    assert_eq!(bounds("3_600_000", u32::MAX), Duration::from_hours(1));
    assert_eq!(bounds("3.6e6", 1), Duration::from_hours(1));
    for budget in ["0.0009", "3600000.1", "nan", "-1", "-inf", "1e999"] {
        let text = format!("[dispatch]\nbudget_ms = {budget}");
        assert!(parse(&text).is_err(), "{budget}");
    }
}

#[test]
fn settings_of_a_listener_may_be_nested_but_not_without_end() {
    let nested = |levels: usize| {
        let text = "[".repeat(levels) + &"]".repeat(levels);
        parse(&format!(
            "[[listener]]\nplugin = \"a\"\n[listener.config]\nx = {text}\n"
        ))
    };
    assert!(nested(63).is_ok());
    assert!(nested(64).is_err());
    let dotted = "a.".repeat(70);
    let text = format!("[[listener]]\nplugin = \"a\"\n[listener.config]\n{dotted}a = 1\n");
    assert_eq!(
        messages(&text),
        ["op.toml:4:127: a listener's settings may be nested 64 levels deep, these are deeper"]
    );
}
