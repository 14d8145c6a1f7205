//! What an entry says of those who fetch from its listener's queues: `[listener.poll]`. The files with
//! the tokens are read by the server.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use super::error::Problem;
use super::keys::POLL;
use super::read::count;
use super::show::path;
use super::walk::{Table, Value, Walk};

/// Who may fetch from a listener's queues, and how (RFC 8936).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollSettings {
    /// The file with the bearer token of the receiver.
    pub token_file: PathBuf,
    /// How long a request waits for something to come, at the most; zero for not at all.
    pub wait: Duration,
    /// After how long what was handed out, and not acknowledged, is handed out again.
    pub redeliver: Duration,
    /// The most SETs in an answer.
    pub max_events: usize,
}

/// The keys of `[listener.queue]` that say how a sink is called.
const OF_SINKS: [&str; 8] = [
    "batch_messages",
    "batch_bytes",
    "batch_age_ms",
    "concurrency",
    "attempts",
    "backoff_ms",
    "backoff_max_ms",
    "pause_after_ms",
];

impl PollSettings {
    /// With the defaults.
    pub fn new(token_file: impl Into<PathBuf>) -> Self {
        Self {
            token_file: token_file.into(),
            wait: Duration::from_secs(30),
            redeliver: Duration::from_mins(1),
            max_events: 100,
        }
    }
}

/// Reads the table `poll` of a `[[listener]]` entry.
pub(super) fn read(walk: &Walk<'_>, entry: &Table<'_>, into: &mut Option<PollSettings>) {
    let Some(poll) = entry.section(walk, "poll", &POLL) else {
        return;
    };
    let mut file = None;
    poll.read("token_file", &mut file, |what, v| {
        walk.path(what, v).map(Some)
    });
    if let (None, Some(value)) = (poll.get("token_file"), entry.get("poll")) {
        let problem = Problem::Missing {
            key: "token_file",
            section: POLL.title,
        };
        let help = "anybody could fetch: name a file with a token that the receiver shows, another \
                    one for each receiver";
        walk.fault(value.span(), problem, Some(help.to_owned()));
    }
    let mut settings = PollSettings::new(file.unwrap_or_default());
    poll.read("wait", &mut settings.wait, |what, v| {
        let seconds = walk.integer(what, v, 0..=3600)?;
        Some(Duration::from_secs(seconds.into()))
    });
    poll.read("redeliver", &mut settings.redeliver, |what, v| {
        let seconds = walk.integer(what, v, 1..=86_400)?;
        Some(Duration::from_secs(seconds.into()))
    });
    poll.read("max_events", &mut settings.max_events, |what, v| {
        count(walk, what, v, 10_000)
    });
    let queue = entry
        .get("queue")
        .and_then(|queue| queue.get_ref().as_table());
    for key in OF_SINKS {
        if let Some(value) = queue.and_then(|queue| queue.get(key)) {
            let problem = format!("`{key}` says how a sink is called, and from here it is fetched");
            let help = "remove it, or `[listener.poll]`".to_owned();
            walk.fault(value.span(), Problem::Found(problem), Some(help));
        }
    }
    *into = Some(settings);
}

/// The value that names the file with the token.
pub(super) fn token_file<'v>(entry: &Table<'v>) -> Option<&'v Value<'v>> {
    let poll = entry.get("poll")?.get_ref().as_table()?;
    poll.get("token_file")
}

/// Whether there is a way in for those who fetch.
pub(super) fn check_served(walk: &Walk<'_>, top: &Table<'_>) {
    let intake = top.get("intake").and_then(|it| it.get_ref().as_table());
    let is_served = intake.is_some_and(|intake| {
        ["unix", "http"]
            .iter()
            .any(|key| intake.get(*key).is_some())
    });
    let Some(DeValue::Array(entries)) = top.get("listener").map(Value::get_ref) else {
        return;
    };
    let polls = entries
        .iter()
        .filter_map(|entry| entry.get_ref().as_table()?.get("poll"));
    for poll in polls.filter(|_| !is_served) {
        let problem = Problem::WithoutEffect {
            key: "poll",
            unless: "`unix` or `http` under [intake]".to_owned(),
        };
        let help =
            "receivers fetch through the intake: set one of them, or remove `[listener.poll]`";
        walk.fault(poll.span(), problem, Some(help.to_owned()));
    }
}

pub(super) fn show(out: &mut fmt::Formatter<'_>, poll: Option<&PollSettings>) -> fmt::Result {
    let Some(poll) = poll else { return Ok(()) };
    writeln!(out, "[listener.poll]")?;
    writeln!(out, "token_file = {}", path(&poll.token_file))?;
    writeln!(out, "wait = {}", poll.wait.as_secs())?;
    writeln!(out, "redeliver = {}", poll.redeliver.as_secs())?;
    writeln!(out, "max_events = {}", poll.max_events)
}
