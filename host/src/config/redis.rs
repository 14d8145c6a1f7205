//! The keys of `[flow]` that say where Redis is that several hosts share. They have an effect with
//! `redis` alone, and `max_pending` has one without it alone.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::error::Problem;
use super::secrets;
use super::settings::FlowConfig;
use super::show::{Text, milliseconds, path};
use super::walk::{Table, Value, Walk};

/// Where pending authorisations are, and how long the host waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisConfig {
    /// Where Redis is.
    pub url: RedisUrl,
    /// Where the password is, unless the URL has it.
    pub password: Option<RedisPassword>,
    /// The certificates of the authorities that Redis' own is judged by; without it, the system's.
    pub ca: Option<PathBuf>,
    /// What all keys of the host begin with.
    pub prefix: String,
    /// How long a connection may take, and how long an answer.
    pub timeout: Duration,
    /// For how long the lines of a stream wait for Redis before they are refused.
    pub patience: Duration,
    /// For how long an event belongs to the host that has begun to dispatch it.
    pub claim: Duration,
    /// For how long a code is kept after it has expired.
    pub grace: Duration,
}

impl RedisConfig {
    /// The defaults, for Redis at this URL.
    pub fn at(url: RedisUrl) -> Self {
        Self {
            url,
            password: None,
            ca: None,
            prefix: "op-listener:".to_owned(),
            timeout: Duration::from_millis(500),
            patience: Duration::from_mins(1),
            claim: Duration::from_secs(15),
            grace: Duration::from_mins(10),
        }
    }
}

/// A URL of Redis. What in it is secret is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

impl RedisUrl {
    /// Not judged yet: who connects does that.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The whole text, with a password if there is one.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RedisUrl {
    /// With `(hidden)` in place of what is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut end = 0;
        for secret in secrets::in_url(&self.0) {
            write!(f, "{}{}", &self.0[end..secret.start], secrets::HIDDEN)?;
            end = secret.end;
        }
        f.write_str(&self.0[end..])
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

/// Where a password is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisPassword {
    /// The only line of a file.
    File(PathBuf),
    /// The value of a variable of the environment.
    Environment(String),
}

/// The keys besides `redis` itself.
const OTHERS: [&str; 8] = [
    "redis_password_file",
    "redis_password_env",
    "redis_ca",
    "redis_prefix",
    "redis_timeout_ms",
    "redis_patience",
    "redis_claim",
    "redis_grace",
];

/// Reads them.
pub(super) fn read(walk: &Walk<'_>, flow: &Table<'_>, into: &mut FlowConfig) {
    let Some(value) = flow.get("redis") else {
        for key in OTHERS {
            without_effect(walk, flow, key, "`redis`", "say with `redis` where it is");
        }
        return;
    };
    let help = "with Redis it is `maxmemory` there that bounds what is pending";
    if let Some(value) = flow.get("max_pending") {
        let problem = Problem::WithoutEffect {
            key: "max_pending",
            unless: "codes in memory".to_owned(),
        };
        walk.fault(value.span(), problem, Some(format!("remove it: {help}")));
    }
    let Some(url) = walk.text("`redis`", value) else {
        return;
    };
    let Some(mut redis) = address(walk, value, url) else {
        return;
    };
    read_password(walk, flow, &mut redis);
    flow.read("redis_ca", &mut redis.ca, |what, v| {
        walk.path(what, v).map(Some)
    });
    if !redis.url.as_str().starts_with("rediss:") {
        let help = "write `rediss://` for TLS, or remove it";
        without_effect(walk, flow, "redis_ca", "a `rediss://` URL", help);
    }
    flow.read("redis_prefix", &mut redis.prefix, |what, v| {
        walk.text(what, v).map(ToOwned::to_owned)
    });
    flow.read("redis_timeout_ms", &mut redis.timeout, |what, v| {
        let milliseconds = walk.integer(what, v, 10..=60_000)?;
        Some(Duration::from_millis(milliseconds.into()))
    });
    let seconds = |least| {
        move |what: &str, v: &Value<'_>| {
            let seconds = walk.integer(what, v, least..=86_400)?;
            Some(Duration::from_secs(seconds.into()))
        }
    };
    flow.read("redis_patience", &mut redis.patience, seconds(0));
    flow.read("redis_claim", &mut redis.claim, seconds(1));
    flow.read("redis_grace", &mut redis.grace, seconds(1));
    into.redis = Some(redis);
}

#[cfg(feature = "redis")]
fn address(walk: &Walk<'_>, value: &Value<'_>, url: &str) -> Option<RedisConfig> {
    match crate::flow::Address::parse(url) {
        Ok(_) => Some(RedisConfig::at(RedisUrl::new(url))),
        Err(error) => {
            let help = "expected `redis://host:6379/0`, `rediss://…` for TLS, or `redis+unix:///run/redis.sock?db=0`".to_owned();
            walk.fault(
                value.span(),
                Problem::RedisUrl(error.to_string()),
                Some(help),
            );
            None
        }
    }
}

/// A host that is built without Redis says so, in place of keeping codes elsewhere than it is told.
#[cfg(not(feature = "redis"))]
fn address(walk: &Walk<'_>, value: &Value<'_>, _: &str) -> Option<RedisConfig> {
    let what = "`redis` in [flow]".to_owned();
    let help = "use a host with the feature `redis`, or remove the key".to_owned();
    walk.fault(value.span(), Problem::NotAvailable(what), Some(help));
    None
}

fn read_password(walk: &Walk<'_>, flow: &Table<'_>, redis: &mut RedisConfig) {
    flow.read("redis_password_file", &mut redis.password, |what, v| {
        Some(Some(RedisPassword::File(walk.path(what, v)?)))
    });
    let file = redis.password.is_some();
    flow.read("redis_password_env", &mut redis.password, |what, v| {
        let name = walk.text(what, v)?.to_owned();
        Some(Some(RedisPassword::Environment(name)))
    });
    if file {
        let help = "remove one of the two";
        let unless = "the other left out: `redis_password_file`";
        without_effect(walk, flow, "redis_password_env", unless, help);
    }
    if secrets::in_url(redis.url.as_str()).next().is_some() {
        for key in ["redis_password_file", "redis_password_env"] {
            let help = "leave the password out of the URL, where more people see it";
            without_effect(walk, flow, key, "a URL that has no password", help);
        }
    }
}

fn without_effect(walk: &Walk<'_>, flow: &Table<'_>, key: &'static str, unless: &str, help: &str) {
    if let Some(value) = flow.get(key) {
        let unless = unless.to_owned();
        let problem = Problem::WithoutEffect { key, unless };
        walk.fault(value.span(), problem, Some(help.to_owned()));
    }
}

/// Writes them back.
pub(super) fn show(out: &mut fmt::Formatter<'_>, redis: &RedisConfig) -> fmt::Result {
    let note = if secrets::in_url(redis.url.as_str()).next().is_some() {
        "  # not shown: the password"
    } else {
        ""
    };
    writeln!(out, "redis = {}{note}", Text(&redis.url.to_string()))?;
    match &redis.password {
        Some(RedisPassword::File(file)) => {
            writeln!(out, "redis_password_file = {}", path(file))?;
        }
        Some(RedisPassword::Environment(name)) => {
            writeln!(out, "redis_password_env = {}", Text(name))?;
        }
        None => {}
    }
    if let Some(ca) = &redis.ca {
        writeln!(out, "redis_ca = {}", path(ca))?;
    }
    writeln!(out, "redis_prefix = {}", Text(&redis.prefix))?;
    writeln!(out, "redis_timeout_ms = {}", milliseconds(redis.timeout))?;
    writeln!(out, "redis_patience = {}", redis.patience.as_secs())?;
    writeln!(out, "redis_claim = {}", redis.claim.as_secs())?;
    writeln!(out, "redis_grace = {}", redis.grace.as_secs())
}
