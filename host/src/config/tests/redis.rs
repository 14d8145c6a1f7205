//! The keys of Redis.

use std::time::Duration;

use super::show::assert_round_trip;
use super::{messages, refusal, valid};
use crate::config::{RedisConfig, RedisPassword};

fn redis(flow: &str) -> RedisConfig {
    let config = valid(&format!("[flow]\n{flow}"));
    assert_round_trip(config.clone());
    config.flow.redis.expect("it was given")
}

#[test]
fn all_keys_are_read_and_shown() {
    let defaults = redis("redis = \"redis://localhost\"");
    assert_eq!(defaults.prefix, "op-listener:");
    assert_eq!(defaults.timeout, Duration::from_millis(500));
    let all = redis(
        r#"redis = "rediss://user@[::1]:6380/3"
redis_password_file = "/p"
redis_ca = "/ca.pem"
redis_prefix = "p:"
redis_timeout_ms = 20
redis_patience = 0
redis_claim = 1
redis_grace = 2"#,
    );
    assert_eq!(all.password, Some(RedisPassword::File("/p".into())));
    assert_eq!(all.ca, Some("/ca.pem".into()));
    assert_eq!(all.timeout, Duration::from_millis(20));
    assert_eq!(all.patience, Duration::ZERO);
    assert_eq!(all.claim, Duration::from_secs(1));
    assert_eq!(all.grace, Duration::from_secs(2));
    let env = redis("redis = \"redis://localhost\"\nredis_password_env = \"PW\"");
    assert_eq!(env.password, Some(RedisPassword::Environment("PW".into())));
}

#[test]
fn urls_that_cannot_be_used_are_refused_where_they_stand() {
    for (url, part) in [
        ("localhost", "not a URL of Redis"),
        ("http://localhost", "not a URL of Redis"),
        ("redis://", "cannot be used"),
        ("redis://localhost/x", "database"),
        ("redis://localhost/-1", "database"),
        ("rediss://localhost#insecure", "behind `#`"),
        ("redis://localhost?db=1", "behind `?`"),
        ("redis://localhost:99999", "cannot be used"),
    ] {
        let said = messages(&format!("[flow]\nredis = \"{url}\""));
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with("op.toml:2:9: `redis` "), "{said:?}");
        assert!(said[0].contains(part), "{said:?}");
    }
}

#[test]
fn keys_that_have_no_effect_are_errors() {
    for (flow, key) in [
        ("redis_claim = 3", "redis_claim"),
        (
            "redis = \"redis://localhost\"\nmax_pending = 5",
            "max_pending",
        ),
        (
            "redis = \"redis://localhost\"\nredis_ca = \"x\"",
            "redis_ca",
        ),
        (
            "redis = \"redis://u:p@localhost\"\nredis_password_file = \"x\"",
            "redis_password_file",
        ),
        (
            "redis = \"redis://localhost\"\nredis_password_file = \"x\"\nredis_password_env = \"y\"",
            "redis_password_env",
        ),
    ] {
        let said = messages(&format!("[flow]\n{flow}"));
        assert_eq!(said.len(), 1, "{said:?}");
        let expected = format!("`{key}` has no effect without");
        assert!(said[0].contains(&expected), "{said:?}");
    }
}

#[test]
fn no_password_is_shown_or_printed_under_an_error() {
    for url in [
        "redis://user:s3cr3t@localhost/1",
        "redis+unix:///run/redis.sock?user=u&pass=s3cr3t&db=1",
    ] {
        let config = valid(&format!("[flow]\nredis = \"{url}\""));
        let shown = config.to_toml();
        assert!(
            shown.contains("(hidden)") && !shown.contains("s3cr3t"),
            "{shown}"
        );
        assert!(!format!("{config:?}").contains("s3cr3t"));
        for wrong in [
            format!("[flow]\nredis = \"{url}#x\""),
            format!("[flow]\nredis = \"{url}\" x"),
            format!("[flow]\nredis = {url}"),
        ] {
            let said = refusal(&wrong);
            assert!(!said.contains("s3cr3t"), "{said}");
        }
    }
}
