//! What intake costs: the pipeline, from a line's bytes to a valid event, beside a bare borrowed
//! `serde_json` parse of the same lines into the same members, in the same run.
//!
//! `cargo bench -p op-listener-host --bench parse`

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use op_listener_host::clients::ClientRegistry;
use op_listener_host::flow::FlowRule;
use op_listener_host::intake::Pipeline;
use op_listener_host::intake::ndjson::Lines;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::hint::black_box;
use std::sync::Arc;

const EVENTS: &str = include_str!("../../tests/recording/events.ndjson");
const CLIENTS: &str = include_str!("../../tests/recording/clients.json");

/// A text that is borrowed unless it is written with escapes, also within an `Option`.
#[derive(Deserialize)]
#[serde(transparent)]
#[expect(dead_code, reason = "it is parsed, and that is what is measured")]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The members as a parse without any rule gives them.
#[derive(Deserialize)]
#[expect(dead_code, reason = "they are parsed, and that is what is measured")]
struct Bare<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    txn: Option<Text<'a>>,
    time: Option<f64>,
    #[serde(borrow)]
    issuer: Option<Text<'a>>,
    #[serde(borrow)]
    client_id: Cow<'a, str>,
    #[serde(borrow)]
    subject: Option<Text<'a>>,
    #[serde(borrow)]
    claims: Option<&'a RawValue>,
    #[serde(borrow)]
    client: Option<&'a RawValue>,
}

fn parse(criterion: &mut Criterion) {
    let clients = ClientRegistry::from_json(CLIENTS.as_bytes()).expect("recorded clients");
    let pipeline = Pipeline::new(Arc::new(FlowRule::default())).with_clients(Arc::new(clients));
    let bare_pipeline = Pipeline::new(Arc::new(FlowRule::default()));
    let no_subject = |line: &&str| !line.contains("\"type\":\"subject_auth_and_consent\"");
    let sets: [(&str, Vec<&str>); 2] = [
        ("all events", EVENTS.lines().collect()),
        ("token events", EVENTS.lines().filter(no_subject).collect()),
    ];
    for (name, lines) in sets {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(lines.len() as u64));
        group.bench_function(BenchmarkId::from_parameter("serde_json bytes"), |bencher| {
            bencher.iter(|| {
                for line in &lines {
                    let event: Bare =
                        serde_json::from_slice(black_box(line.as_bytes())).expect("valid");
                    black_box(&event);
                }
            });
        });
        group.bench_function(BenchmarkId::from_parameter("serde_json text"), |bencher| {
            bencher.iter(|| {
                for line in &lines {
                    let event: Bare = serde_json::from_str(black_box(line)).expect("valid");
                    black_box(&event);
                }
            });
        });
        group.bench_function(BenchmarkId::from_parameter("pipeline"), |bencher| {
            bencher.iter(|| {
                for line in &lines {
                    let decision = bare_pipeline
                        .process(black_box(line.as_bytes()), Some(1))
                        .expect("valid");
                    black_box(&decision);
                }
            });
        });
        group.bench_function(
            BenchmarkId::from_parameter("pipeline with clients"),
            |bencher| {
                bencher.iter(|| {
                    for line in &lines {
                        let decision = pipeline
                            .process(black_box(line.as_bytes()), Some(1))
                            .expect("valid");
                        black_box(&decision);
                    }
                });
            },
        );
        let stream = lines.join("\n");
        group.bench_function(
            BenchmarkId::from_parameter("lines and pipeline"),
            |bencher| {
                bencher.iter(|| {
                    let mut lines = Lines::new(black_box(stream.as_bytes()), 1 << 20);
                    while let Some(line) = lines.next_line().expect("memory") {
                        let decision = pipeline.process_line(line).expect("valid");
                        black_box(&decision);
                    }
                });
            },
        );
        group.finish();
    }
}

criterion_group!(benches, parse);
criterion_main!(benches);
