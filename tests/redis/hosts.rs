//! Hosts that share a Redis: processes as an operator runs them, and the library within the test.

use std::collections::HashMap;
use std::path::Path;

use op_listener_host::config::Config;
use op_listener_host::flow::FlowRule;
use op_listener_host::intake::Pipeline;
use op_listener_tests::{Library, Run, Setup};
use std::sync::Arc;

use crate::facts::SECRET;

/// A host that has the puppet write down its events, with these lines in `[flow]`.
pub(crate) fn host(flow: &str) -> Setup {
    host_with(flow, "")
}

/// The same, with these further settings of the puppet.
pub(crate) fn host_with(flow: &str, puppet: &str) -> Setup {
    Setup::with(&[Library::Puppet]).config(&format!(
        "[plugins]\nprobe = false\n[flow]\n{flow}\n[[listener]]\nplugin = \"puppet\"\nconfig = {{ record = \"record.ndjson\"{puppet} }}"
    ))
}

/// What `[flow]` says of a Redis.
pub(crate) fn at(url: &str) -> String {
    format!("redis = {url:?}")
}

/// The counts of a run, as the host gives them when it stops.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) dispatched: usize,
    pub(crate) held: usize,
    pub(crate) ignored: usize,
    pub(crate) refused: usize,
}

impl Counts {
    pub(crate) fn of(run: &Run<'_>) -> Self {
        let said = run.message("OPL0002");
        let numbers: Vec<usize> = said
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|number| number.parse().ok())
            .collect();
        let [dispatched, held, ignored, refused, ..] = numbers[..] else {
            panic!("{said}")
        };
        assert!(!run.log.contains(SECRET), "{}", run.log);
        Self {
            dispatched,
            held,
            ignored,
            refused,
        }
    }

    /// Every line became one of these.
    pub(crate) fn lines(&self) -> usize {
        self.dispatched + self.held + self.ignored + self.refused
    }
}

/// How often each event was seen by the listeners of these hosts.
pub(crate) fn seen(hosts: &[&Setup]) -> HashMap<String, usize> {
    let mut seen = HashMap::new();
    for host in hosts {
        for line in host.record("record.ndjson") {
            if line["call"] == "event" {
                *seen
                    .entry(line["id"].as_str().unwrap().to_owned())
                    .or_default() += 1;
            }
        }
    }
    seen
}

/// Checks that the events of these numbers were seen once each, and no others.
#[track_caller]
pub(crate) fn each_once(hosts: &[&Setup], numbers: impl IntoIterator<Item = usize>) {
    let mut seen = seen(hosts);
    for number in numbers {
        let times = seen.remove(&format!("event-{number}"));
        assert_eq!(times, Some(1), "event {number}");
    }
    assert!(seen.is_empty(), "{seen:?}");
}

/// The host's library with these lines in `[flow]`.
pub(crate) fn library(flow: &str) -> (Arc<FlowRule>, Pipeline) {
    let text = format!("[flow]\n{flow}");
    let config = match Config::from_str(&text, "op.toml", Path::new("/")) {
        Ok(config) => config,
        Err(errors) => panic!("{errors}"),
    };
    let rule = match &config.flow.redis {
        Some(redis) => FlowRule::in_redis(redis).unwrap(),
        None => FlowRule::default(),
    };
    let rule = Arc::new(rule);
    (Arc::clone(&rule), Pipeline::new(rule))
}
