//! What intake costs: the pipeline, from a line's bytes to a valid event, beside a bare borrowed
//! `serde_json` parse of the same recorded lines into the same members, in one run.
//!
//! A ratio (bare / ours) above 1 means that ours is the quicker one. It is printed for each set of
//! lines, measured by turns so that a busy machine slows both alike.
//!
//! `cargo bench -p op-listener-host --bench parse`

mod bare;

use bare::Bare;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use op_listener_host::clients::ClientRegistry;
use op_listener_host::flow::FlowRule;
use op_listener_host::intake::Pipeline;
use op_listener_host::intake::ndjson::Lines;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

const EVENTS: &str = include_str!("../../tests/recording/events.ndjson");
const CLIENTS: &str = include_str!("../../tests/recording/clients.json");

/// How often each is timed by turns; one timing takes all lines of a set once.
const TURNS: usize = 2001;

/// The lines of the recording, and ways to read them.
struct Input {
    lines: Vec<&'static str>,
    stream: String,
    pipeline: Pipeline,
}

impl Input {
    fn new(wanted: impl Fn(&str) -> bool) -> Self {
        let clients = ClientRegistry::from_json(CLIENTS.as_bytes()).expect("recorded clients");
        let lines: Vec<_> = EVENTS.lines().filter(|line| wanted(line)).collect();
        Self {
            stream: lines.join("\n"),
            lines,
            pipeline: Pipeline::new(Arc::new(FlowRule::default())).with_clients(Arc::new(clients)),
        }
    }

    /// Bytes that are yet to be checked, as a host receives them.
    fn bare(&self) {
        for line in &self.lines {
            let bytes = black_box(line.as_bytes());
            black_box(&serde_json::from_slice::<Bare<'_>>(bytes).expect("valid"));
        }
    }

    /// Text that is known to be UTF-8.
    fn bare_of_text(&self) {
        for line in &self.lines {
            black_box(&serde_json::from_str::<Bare<'_>>(black_box(line)).expect("valid"));
        }
    }

    fn pipeline(&self) {
        for line in &self.lines {
            let bytes = black_box(line.as_bytes());
            black_box(&self.pipeline.process(bytes, Some(1)).expect("valid"));
        }
    }

    fn lines_and_pipeline(&self) {
        let limit = self.pipeline.limits().line_bytes;
        let mut lines = Lines::new(black_box(self.stream.as_bytes()), limit);
        while let Some(line) = lines.next_line().expect("memory") {
            black_box(&self.pipeline.process_line(line).expect("valid"));
        }
    }

    /// The median time of each way, for one line.
    fn by_turns<const N: usize>(&self, ways: [Way; N]) -> [f64; N] {
        let mut times = [const { Vec::new() }; N];
        for _ in 0..TURNS {
            for (way, times) in ways.iter().zip(&mut times) {
                let start = Instant::now();
                way(self);
                times.push(start.elapsed());
            }
        }
        let count = u32::try_from(self.lines.len()).expect("a recording of a few lines");
        times.map(|mut times: Vec<Duration>| {
            times.sort_unstable();
            times[TURNS / 2].as_secs_f64() * 1e9 / f64::from(count)
        })
    }
}

/// Reads all lines once.
type Way = fn(&Input);

const WAYS: [(&str, Way); 4] = [
    ("serde_json of bytes", Input::bare),
    ("serde_json of text", Input::bare_of_text),
    ("pipeline", Input::pipeline),
    ("lines and pipeline", Input::lines_and_pipeline),
];

fn parse(criterion: &mut Criterion) {
    let is_subject_event = |line: &str| line.contains(r#""type":"subject_auth_and_consent""#);
    let sets = [
        ("all events", Input::new(|_| true)),
        ("token events", Input::new(|line| !is_subject_event(line))),
        ("subject events", Input::new(is_subject_event)),
    ];
    for (name, input) in &sets {
        let times = input.by_turns(WAYS.map(|(_, way)| way));
        let [bare, bare_of_text, ours, with_lines] = times;
        println!(
            "{name}: {ours:.0} ns an event (with cutting lines: {with_lines:.0}), bare parse of \
             bytes {bare:.0}, of text {bare_of_text:.0}: ratio {:.2} (with cutting lines: {:.2}), \
             to that of text {:.2}",
            bare / ours,
            bare / with_lines,
            bare_of_text / ours
        );
        let mut group = criterion.benchmark_group(*name);
        group.throughput(Throughput::Elements(input.lines.len() as u64));
        for (way_name, way) in WAYS {
            let id = BenchmarkId::from_parameter(way_name);
            group.bench_function(id, |bencher| bencher.iter(|| way(input)));
        }
        group.finish();
    }
}

criterion_group!(benches, parse);
criterion_main!(benches);
