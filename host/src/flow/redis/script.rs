//! The one thing that Redis is asked: look at a code, or change it if nobody else did.

use super::pool::Pool;
use super::record::Record;
use super::trouble::Trouble;
use crate::flow::code::CodeHash;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use redis::{Cmd, Connection, ErrorKind, RedisResult, ServerErrorKind, cmd};
use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::Duration;

const SCRIPT: &str = include_str!("script.lua");

/// By which Redis knows a script that it has seen.
static SHA: LazyLock<String> = LazyLock::new(|| {
    let sha = digest(&SHA1_FOR_LEGACY_USE_ONLY, SCRIPT.as_bytes());
    sha.as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
});

/// What Redis holds for a code; nothing, if the revision is empty.
#[derive(Default)]
pub(super) struct Found {
    /// The time of Redis, in milliseconds.
    pub(super) now: u64,
    pub(super) rev: String,
    /// Until when its claim holds.
    pub(super) until: u64,
    record: String,
}

impl Found {
    pub(super) fn record(&self) -> Result<Option<Record<'_>>, Trouble> {
        if self.rev.is_empty() {
            return Ok(None);
        }
        Record::read(&self.record).map(Some)
    }
}

/// A change.
pub(super) struct Change<'c> {
    /// The revision that it is made upon; empty for none.
    pub(super) from: &'c str,
    /// The revision that it makes.
    pub(super) to: &'c str,
    pub(super) record: &'c str,
    pub(super) claimed_for: Duration,
    pub(super) kept_for: Duration,
}

/// What is there.
pub(super) fn look(pool: &Pool, key: &str) -> Result<Found, Trouble> {
    let nothing = Change {
        from: "",
        to: "",
        record: "",
        claimed_for: Duration::ZERO,
        kept_for: Duration::ZERO,
    };
    Ok(ask(pool, key, &nothing)?.unwrap_or_default())
}

/// Makes a change; gives what is there instead if there was another.
pub(super) fn change(
    pool: &Pool,
    key: &str,
    change: &Change<'_>,
) -> Result<Result<(), Found>, Trouble> {
    Ok(match ask(pool, key, change)? {
        None => Ok(()),
        Some(found) => Err(found),
    })
}

pub(super) fn key(prefix: &str, code: &CodeHash) -> String {
    format!("{prefix}code:{}", code.hex())
}

/// `None` for a change that was made.
fn ask(pool: &Pool, key: &str, change: &Change<'_>) -> Result<Option<Found>, Trouble> {
    let writes = !change.to.is_empty();
    let answer = pool.with(writes, |connection| {
        let by_sha = send(connection, "EVALSHA", &SHA, key, change);
        match by_sha {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                send(connection, "EVAL", SCRIPT, key, change)
            }
            answer => answer,
        }
    })?;
    let mut answer = answer.into_iter();
    let mut next = || {
        let text = String::from_utf8(answer.next().unwrap_or_default());
        text.map_err(|_| Trouble::damaged("it is no text"))
    };
    if next()? == "1" {
        return Ok(None);
    }
    let number = |text: String| {
        text.parse()
            .map_err(|_| Trouble::damaged("a time is not a number"))
    };
    Ok(Some(Found {
        now: number(next()?)?,
        rev: next()?,
        until: number(next()?)?,
        record: next()?,
    }))
}

fn send(
    connection: &mut Connection,
    how: &str,
    script: &str,
    key: &str,
    change: &Change<'_>,
) -> RedisResult<Vec<Vec<u8>>> {
    let mut command: Cmd = cmd(how);
    command
        .arg(script)
        .arg(1)
        .arg(key)
        .arg(change.from)
        .arg(change.to)
        .arg(change.record)
        .arg(milliseconds(change.claimed_for))
        .arg(milliseconds(change.kept_for));
    command.query(connection)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
