//! All families of metrics: names, kinds, labels and what they mean. The one place for them;
//! `host/METRICS.md` is made from it.
//!
//! Names follow Prometheus' conventions: base units, `_total` behind counters (added when they are
//! written, as OpenMetrics has it), and one prefix but for what all processes have.

/// A family of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// The family's name with its unit, without the suffixes that samples have.
    pub name: &'static str,
    /// What its samples are.
    pub kind: Kind,
    /// The names of the labels.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
}

/// What the samples of a family are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A count that only grows. Its sample has the suffix `_total`.
    Counter,
    /// A value that goes up and down.
    Gauge,
    /// Durations by size. Its samples have the suffixes `_bucket`, `_sum` and `_count`.
    Histogram,
    /// Text as labels, with the value 1. Its sample has the suffix `_info`.
    Info,
}

impl Kind {
    /// The name of the kind.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }

    /// The suffixes that names of samples have.
    pub const fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Counter => &["_total"],
            Self::Gauge => &[""],
            Self::Histogram => &["_bucket", "_sum", "_count"],
            Self::Info => &["_info"],
        }
    }
}

/// The units that names end in.
const UNITS: [&str; 2] = ["seconds", "bytes"];

impl Metric {
    /// The unit that the name ends in, if it has one.
    pub fn unit(&self) -> Option<&'static str> {
        let last = self.name.rsplit('_').next();
        UNITS.into_iter().find(|unit| last == Some(unit))
    }

    /// The names that its samples have.
    pub fn samples(&self) -> impl Iterator<Item = String> {
        let suffixes = self.kind.suffixes().iter();
        suffixes.map(|suffix| format!("{}{suffix}", self.name))
    }
}

macro_rules! families {
    ($($name:ident = $text:literal $kind:ident [$($label:literal),*] $help:literal;)+) => {
        $(
            #[doc = concat!("`", $text, "`: ", $help)]
            pub const $name: &Metric = &Metric {
                name: $text,
                kind: Kind::$kind,
                labels: &[$($label),*],
                help: $help,
            };
        )+

        /// All of them, in the order of the table.
        pub const ALL: &[&Metric] = &[$($name),+];
    };
}

families! {
    BUILD = "op_listener_build" Info ["version", "interface"]
        "The host's version, and that of the interface to listeners.";

    CALLS = "op_listener_calls" Counter ["listener", "spi", "class"]
        "Calls of a listener, however they ended. Not there with `measure = false` under `[dispatch]`.";
    CALL_ERRORS = "op_listener_call_errors" Counter ["listener", "spi", "class"]
        "Calls that returned an error (OPL0201).";
    CALL_PANICS = "op_listener_call_panics" Counter ["listener", "spi", "class"]
        "Calls that panicked (OPL0202).";
    CALLS_OVER_BUDGET = "op_listener_calls_over_budget" Counter ["listener", "spi", "class"]
        "Calls that took longer than the listener's budget (OPL0203, which does not log each). Not there with `measure = false`.";
    CALL_DURATION = "op_listener_call_duration_seconds" Histogram ["listener", "spi", "class"]
        "How long calls took. Not there with `measure = false`.";
    CALL_BUDGET = "op_listener_call_budget_seconds" Gauge ["listener", "spi", "class"]
        "How long a call may take: `budget_ms`.";
    ENABLED = "op_listener_enabled" Gauge ["listener", "spi", "class"]
        "1 if the listener said that it wants events, else 0.";
    ACTIVE = "op_listener_active" Gauge ["listener", "spi", "class"]
        "1 if the listener gets events at present. 0 if it is not enabled, or was switched off after panics (OPL0204).";

    MISSING = "op_listener_missing" Gauge ["listener"]
        "1 for each `[[listener]]` entry that is not switched off and of which nothing is in service: its plugin's file is gone (OPL0604) or was refused, or its `init` failed. No series while there is none.";

    EVENTS_DISPATCHED = "op_listener_events_dispatched" Counter ["spi"]
        "Events handed to the listeners of their SPI, if it has any.";
    FACTS_HELD = "op_listener_facts_held" Counter []
        "Facts of which no event was due: authorisations whose code is yet to be exchanged, and exchanges whose event came with the authorisation.";
    EVENTS_REFUSED = "op_listener_events_refused" Counter ["reason"]
        "Lines that were refused (OPL0301). The reason is `invalid`, `code_still_pending` for a second authorisation with the same code, or `not_now` for a fact that could not be decided because Redis did not answer (OPL0704): that one may be sent again.";
    EXCHANGES_IGNORED = "op_listener_exchanges_ignored" Counter ["reason"]
        "Exchanges of codes that gave no event though they should have (OPL0302). The reason is `unknown_code`, `expired`, `wrong_client` or `second_use`.";
    PENDING_DROPPED = "op_listener_pending_dropped" Counter []
        "Pending authorisations dropped at the bound (OPL0303).";
    PENDING = "op_listener_pending" Gauge []
        "Authorisations that wait for the exchange of their code. One that is never exchanged counts until it is dropped to make room.";
    PENDING_LIMIT = "op_listener_pending_limit" Gauge []
        "How many may wait, and be remembered as exchanged, together: `max_pending`.";
    FLOW_STORE_ANSWERS = "op_listener_flow_store_answers" Gauge []
        "1 if the last command to Redis was answered, else 0. This and the others of the store are there only with `redis` under `[flow]`.";
    FLOW_STORE_COMMANDS = "op_listener_flow_store_commands" Counter []
        "Commands sent to Redis, whatever came of them.";
    FLOW_STORE_FAILURES = "op_listener_flow_store_failures" Counter []
        "Commands to Redis that failed, and connections that could not be opened.";
    FLOW_STORE_CONNECTIONS = "op_listener_flow_store_connections" Counter []
        "Connections to Redis that were opened.";
    FLOW_STORE_TAKEN_OVER = "op_listener_flow_store_taken_over" Counter []
        "Events taken over from a host that did not say that it had dispatched them.";
    FLOW_STORE_UNMARKED = "op_listener_flow_store_unmarked" Counter []
        "Dispatched events that could not be marked as such in Redis: if their facts are sent again, they are dispatched again.";
    FLOW_STORE_DATA_LOSSES = "op_listener_flow_store_data_losses" Counter []
        "How many times Redis was found to have lost what it held.";
    FLOW_STORE_DURATION = "op_listener_flow_store_duration_seconds" Histogram []
        "The time until Redis answered a command, or until it was given up.";

    QUEUE_MESSAGES = "op_listener_queue_messages" Gauge ["queue", "state"]
        "Messages of a delivery queue that are `waiting`, those with the sink included, or `dead` letters. This and the others of queues are there for those that were opened since the host started.";
    QUEUE_BYTES = "op_listener_queue_bytes" Gauge ["queue", "state"]
        "How large those messages are.";
    QUEUE_OLDEST = "op_listener_queue_oldest_seconds" Gauge ["queue"]
        "How long the message that was pushed first has been waiting; 0 if none waits.";
    QUEUE_PAUSED = "op_listener_queue_paused" Gauge ["queue"]
        "1 if an operator has paused the queue, else 0.";
    QUEUE_HALTED = "op_listener_queue_halted" Gauge ["queue"]
        "1 if the queue has paused itself, since nothing but failures came (OPL0805), else 0.";
    QUEUE_OPEN = "op_listener_queue_open" Gauge ["queue"]
        "1 if a listener has the queue open, 0 if that was removed.";
    QUEUE_PUSHED = "op_listener_queue_pushed" Counter ["queue"]
        "Messages pushed.";
    QUEUE_REJECTED = "op_listener_queue_rejected" Counter ["queue"]
        "Pushes refused because the queue was full, or the store failed (OPL0801).";
    QUEUE_OUTCOMES = "op_listener_queue_outcomes" Counter ["queue", "outcome"]
        "Messages `delivered`, those that `died` (OPL0803) or were `dropped` (OPL0804), and attempts that failed and are `retried`; of queues that are fetched from, those that were handed out once more.";
    QUEUE_POLLS = "op_listener_queue_polls" Counter ["queue"]
        "Requests of the receiver that fetches from the queue. This and the next are there for queues that are fetched from.";
    QUEUE_HANDED_OUT = "op_listener_queue_handed_out" Counter ["queue"]
        "Messages in the answers to them, again and again where they are not acknowledged.";
    STORE_COMMIT_DURATION = "op_listener_store_commit_duration_seconds" Histogram []
        "How long transactions of the queues' store took to commit.";
    STORE_COMMIT_MESSAGES = "op_listener_store_commit_messages" Histogram []
        "How many messages were pushed in one commit, where any were.";
    STORE_COMMIT_FAILURES = "op_listener_store_commit_failures" Counter []
        "Transactions of the queues' store that failed (OPL0801).";

    PLUGIN_FILES = "op_listener_plugin_files" Counter ["outcome"]
        "Files of the plugin directory by what became of them: `loaded`, `refused` (OPL0102) or `not_a_plugin` (OPL0103).";
    LISTENERS_REFUSED = "op_listener_listeners_refused" Counter []
        "Listeners and entries of the configuration that were refused for reasons of their own (OPL0104, OPL0106).";
    PROBES = "op_listener_probes" Counter ["outcome"]
        "Libraries that had to have come through a probe: `passed` or `failed` one just now, `remembered` as either from an earlier one, or `impossible` where nobody could tell.";

    READY = "op_listener_ready" Gauge []
        "1 if the host takes events of all SPIs, as `/readyz` says, else 0. While the intake over HTTP runs.";
    HTTP_REQUESTS = "op_listener_http_requests" Counter ["route", "status"]
        "Requests answered, by what they were for (`other` for what there is not) and the class of the status.";
    HTTP_REFUSALS = "op_listener_http_refusals" Counter ["reason"]
        "Requests refused for their `token` (OPL0508), for the `user` who sent them (OPL0509) or for lack of `room` for their body, and events refused because one with the same id was `under_way`.";
    HTTP_OVERLOAD_REFUSALS = "op_listener_http_overload_refusals" Counter ["spi"]
        "Events turned away because as many as `concurrency` allows were with the listeners of their SPI (OPL0511).";
    HTTP_IN_FLIGHT = "op_listener_http_in_flight" Gauge ["spi"]
        "Posted events that are with the listeners of their SPI.";
    HTTP_LEFT_BEHIND = "op_listener_http_left_behind" Gauge ["spi"]
        "Threads that are with a listener which a reload has left behind, and whose events were given up (OPL0515).";
    HTTP_DUPLICATES = "op_listener_http_duplicates" Counter []
        "Events that were not dispatched because one with their id had been (OPL0512).";
    HTTP_REMEMBERED = "op_listener_http_remembered_ids" Gauge []
        "Ids of events that are remembered, so that they are not dispatched twice.";
    HTTP_FORGOTTEN = "op_listener_http_forgotten_ids" Counter []
        "Ids that were forgotten before their time, because there were `max_remembered`.";
    HTTP_CONNECTIONS = "op_listener_http_connections" Gauge []
        "Connections that are open.";
    HTTP_CONNECTIONS_ACCEPTED = "op_listener_http_connections_accepted" Counter []
        "Connections that were accepted.";
    HTTP_CONNECTIONS_CLOSED = "op_listener_http_connections_closed" Counter ["reason"]
        "Connections closed because there were `max_connections` (`limit`, OPL0506) or because a request, or the taking of its answer, took too long (`timeout`, OPL0507).";
    HTTP_BODY = "op_listener_http_body_bytes" Counter []
        "Bytes of bodies that were read whole.";

    LOG_LINES = "op_listener_log_lines" Counter ["code", "level"]
        "Lines that the host logged at WARN or ERROR, by their code; also those that `level` under `[log]` leaves out.";

    PROCESS_START_TIME = "process_start_time_seconds" Gauge []
        "When the process started, in seconds since 1970. Linux only.";
    PROCESS_CPU = "process_cpu_seconds" Counter []
        "Processor time that the process has used, in user and system mode. Linux only.";
    PROCESS_RESIDENT_MEMORY = "process_resident_memory_bytes" Gauge []
        "Memory that the process has in RAM. Linux only.";
    PROCESS_OPEN_FDS = "process_open_fds" Gauge []
        "Open file descriptors. Linux only.";
    PROCESS_MAX_FDS = "process_max_fds" Gauge []
        "How many file descriptors may be open. Linux only.";
    PROCESS_THREADS = "process_threads" Gauge []
        "Threads of the process, those of listeners included. Linux only.";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fmt::Write as _;
    use std::path::Path;

    use super::*;

    /// The table for operators.
    fn document() -> String {
        let mut text = String::from(
            "# Metrics\n\n\
             What the host tells of itself, in the text format of OpenMetrics 1.0. Values of labels come \
             from the configuration, from the plugins that were loaded and from tables of the host, \
             never from an event or a request. `listener` is the name of the instance, `spi` an event's \
             `type`, `class` the full path of the listener's type. Counters start at 0 with the process, \
             those of a listener when it is loaded.\n\n\
             `host/dist/grafana` has a dashboard and `host/dist/prometheus` rules for alerts that are \
             made of these.\n\n\
             | samples | kind | labels | what it means |\n| --- | --- | --- | --- |\n",
        );
        for metric in ALL {
            let samples: Vec<_> = metric
                .samples()
                .map(|sample| format!("`{sample}`"))
                .collect();
            let labels: Vec<_> = metric
                .labels
                .iter()
                .map(|label| format!("`{label}`"))
                .collect();
            let (samples, labels) = (samples.join(", "), labels.join(", "));
            let (kind, help) = (metric.kind.name(), metric.help);
            writeln!(text, "| {samples} | {kind} | {labels} | {help} |").unwrap();
        }
        text
    }

    #[test]
    fn the_document_for_operators_is_that_of_the_table() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("METRICS.md");
        if std::env::var_os("UPDATE_METRICS").is_some() {
            std::fs::write(&path, document()).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            document(),
            "run again with UPDATE_METRICS=1"
        );
    }

    #[test]
    fn no_two_families_have_samples_of_one_name() {
        let mut names = HashSet::new();
        for metric in ALL {
            for sample in metric.samples().chain([metric.name.to_owned()]) {
                // A gauge's sample has its family's name.
                assert!(
                    names.insert(sample) || metric.kind == Kind::Gauge,
                    "{metric:?}"
                );
            }
        }
    }

    #[test]
    fn help_fits_on_one_line_and_ends() {
        for metric in ALL {
            assert!(!metric.help.contains(['\n', '\\', '"']), "{metric:?}");
            assert!(metric.help.ends_with('.'), "{metric:?}");
        }
    }
}
