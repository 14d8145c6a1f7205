//! What goes wrong between host and Redis, in words that an operator can act on. Nothing of what
//! was sent is in them.

use redis::{ErrorKind, RedisError, ServerErrorKind};
use std::fmt;

/// Why Redis did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) kind: TroubleKind,
    what: Box<str>,
    /// Another connection may lead to another server, or be one that is good.
    reconnect: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TroubleKind {
    /// There is no connection.
    Away,
    /// There was one, and whether the command was carried out is not known.
    Lost,
    /// It was refused, and reading is refused too.
    Refused,
    /// It was refused because it writes.
    NotWritten,
    /// What Redis holds cannot be understood.
    Damaged,
    /// Another thread or host is dispatching the event.
    BeingDispatched,
    /// Something changed in between: decide again.
    Changed,
}

impl Trouble {
    pub(super) fn new(kind: TroubleKind, what: impl Into<Box<str>>) -> Self {
        Self {
            kind,
            what: what.into(),
            reconnect: kind == TroubleKind::Lost,
        }
    }

    fn read_only() -> Self {
        let what = "Redis is a read-only replica (READONLY): name the primary as `redis`";
        Self {
            reconnect: true,
            ..Self::new(TroubleKind::NotWritten, what)
        }
    }

    fn full() -> Self {
        let what =
            "Redis has used up its `maxmemory` (OOM): give it more, or see what else fills it";
        Self::new(TroubleKind::NotWritten, what)
    }

    /// Whether a connection that ended so is no good any more.
    pub(super) fn is_of_connection(&self) -> bool {
        self.reconnect
    }

    pub(super) fn changed() -> Self {
        Self::new(
            TroubleKind::Changed,
            "the code changed while it was decided",
        )
    }

    pub(super) fn being_dispatched() -> Self {
        let what = "its event was claimed by another call, which has not dispatched it yet";
        Self::new(TroubleKind::BeingDispatched, what)
    }

    pub(super) fn damaged(what: &str) -> Self {
        let what = format!("what Redis holds for its code cannot be read: {what}");
        Self::new(TroubleKind::Damaged, what)
    }

    /// Whether it is Redis that is in trouble, and not this one fact.
    pub(super) fn is_of_redis(&self) -> bool {
        use TroubleKind::{Away, Lost, NotWritten, Refused};
        matches!(self.kind, Away | Lost | Refused | NotWritten)
    }

    /// What a command or a connection ended with.
    pub(super) fn of(error: &RedisError) -> Self {
        use TroubleKind::{Lost, NotWritten, Refused};
        let code = error.code().unwrap_or_default();
        let (kind, what) = match (error.kind(), code) {
            (ErrorKind::Io, _) if error.is_timeout() => (
                Lost,
                "Redis did not answer in time: see why it is slow, or raise `redis_timeout_ms`",
            ),
            (ErrorKind::Io, _) => {
                let what = format!(
                    "the connection to Redis failed: {}",
                    told(&error.to_string())
                );
                return Self::new(Lost, what);
            }
            (ErrorKind::Parse | ErrorKind::UnexpectedReturnType, _) => {
                let what =
                    "what answers there does not speak as Redis does: see where `redis` leads";
                return Self {
                    reconnect: true,
                    ..Self::new(Refused, what)
                };
            }
            (ErrorKind::Server(ServerErrorKind::ReadOnly), _) => return Self::read_only(),
            (ErrorKind::Server(ServerErrorKind::BusyLoading), _) => {
                (Refused, "Redis is still loading its data (LOADING)")
            }
            (ErrorKind::Server(ServerErrorKind::NoPerm), _) => (
                Refused,
                "the Redis user lacks a permission (NOPERM): host/FLOW.md has the rules that it needs",
            ),
            (
                ErrorKind::Server(
                    ServerErrorKind::Moved
                    | ServerErrorKind::Ask
                    | ServerErrorKind::CrossSlot
                    | ServerErrorKind::ClusterDown
                    | ServerErrorKind::TryAgain,
                ),
                _,
            ) => (
                Refused,
                "this Redis is part of a cluster (MOVED), which is not supported: name one that stands alone, or with replicas",
            ),
            (ErrorKind::Server(ServerErrorKind::MasterDown), _) => (
                Refused,
                "Redis is a replica without its primary (MASTERDOWN)",
            ),
            (_, "NOAUTH") => (
                Refused,
                "Redis wants a password (NOAUTH): set `redis_password_file`, and the user in `redis`",
            ),
            (_, "WRONGPASS") => (
                Refused,
                "Redis refuses the user or the password (WRONGPASS): see `redis_password_file` and the user in `redis`",
            ),
            (_, "OOM") => return Self::full(),
            (_, "MISCONF") => (
                NotWritten,
                "Redis takes no writes since it cannot save to its disk (MISCONF): see its log",
            ),
            (_, "NOREPLICAS") => (
                NotWritten,
                "Redis takes no writes since too few replicas follow it (NOREPLICAS)",
            ),
            (_, "BUSY") => (Refused, "Redis is busy with somebody's script (BUSY)"),
            (_, code) => {
                let detail = error.detail().unwrap_or_default();
                // A denied write inside a script comes with the script's name before it.
                if detail.contains("maxmemory") {
                    return Self::full();
                }
                if detail.contains("read only replica") {
                    return Self::read_only();
                }
                let text = if code.is_empty() {
                    told(&error.to_string())
                } else {
                    format!("{code} {}", told(detail))
                };
                return Self::new(Refused, format!("Redis answered with an error: {text}"));
            }
        };
        Self::new(kind, what)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// As much of a message as is fit for a log: on one line, short, and without the arguments of a
/// command that some versions of Redis put behind it.
fn told(text: &str) -> String {
    let text = text.split(", with args").next().unwrap_or_default();
    text.chars()
        .take(200)
        .map(|c| {
            if crate::log::may_end_a_line(c) {
                ' '
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_not_told() {
        let text = "unknown command 'X', with args beginning with: 's3cr3t'\r\nforged line";
        assert_eq!(told(text), "unknown command 'X'");
        assert!(!told("a\r\nb").contains('\n'));
    }
}
