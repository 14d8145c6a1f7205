//! What a listener costs beyond the work it does: one event to 1, 3 and 10 loaded listeners that
//! each read two fields and add to a counter, beside a plain C function pointer in a loaded
//! library and a `dyn Trait` call in this binary, all in one run.
//!
//! Needs `cc` and builds the listener's library first, below the target folder.

#![allow(unsafe_code, reason = "the limit is a bare function pointer")]
#![allow(clippy::unwrap_used, reason = "a benchmark may stop where it fails")]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};
use libloading::Library;
use op_listener_host::Host;
use op_listener_host::config::ListenerConfig;
use op_listener_host::event::Event;

const COUNTS: [usize; 3] = [1, 3, 10];

/// The event as the C function takes it.
#[repr(C)]
struct PlainEvent {
    subject: (*const u8, usize),
    client_id: (*const u8, usize),
}

type OnEvent = unsafe extern "C" fn(*mut usize, *const PlainEvent) -> i32;

trait Listener {
    fn on_event(&self, event: &Event<'_>) -> Result<(), String>;
}

struct Counter(AtomicUsize);

impl Listener for Counter {
    fn on_event(&self, event: &Event<'_>) -> Result<(), String> {
        let sum = event.subject().unwrap_or_default().len() + event.client_id().len();
        self.0.fetch_add(sum, Relaxed);
        Ok(())
    }
}

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}");
}

/// Builds both libraries; gives the folder of the plugin and the C library's path.
fn build() -> (PathBuf, PathBuf) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/dispatch");
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/dispatch-bench");
    run(Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--manifest-path"])
        .arg(here.join("counter/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target));
    let plain = target.join("plain.so");
    run(Command::new("cc")
        .args(["-O2", "-shared", "-fPIC", "-o"])
        .arg(&plain)
        .arg(here.join("counter.c")));
    (target.join("release"), plain)
}

fn host(plugins: &Path, listeners: usize, measure: bool) -> Host {
    let mut builder = Host::builder().plugin_dir(plugins).measure(measure);
    for number in 0..listeners {
        let mut entry = ListenerConfig::new("counter");
        entry.name = format!("counter-{number}");
        builder = builder.listener(entry);
    }
    builder.build().unwrap()
}

/// How often each is timed, and how many events one timing has.
const TURNS: usize = 301;
const EVENTS: u32 = 20_000;

fn time(mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..EVENTS {
        work();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(EVENTS)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let (plugins, plain) = build();
    // SAFETY: the library was built from the C file beside this one, and has no constructors.
    let library = unsafe { Library::new(plain) }.unwrap();
    // SAFETY: the function has this type in the C file.
    let plain: OnEvent = *unsafe { library.get::<OnEvent>(b"on_event") }.unwrap();

    let event = Event::id_token_issue("alice", "000123", r#"{"sub":"alice","iat":1523304728}"#)
        .issuer("https://op.example.com")
        .build()
        .unwrap();
    let plain_event = PlainEvent {
        subject: (event.subject().unwrap().as_ptr(), 5),
        client_id: (event.client_id().as_ptr(), 6),
    };

    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .configure_from_args();
    let mut group = criterion.benchmark_group("one event to n listeners");
    let mut ratios = Vec::new();
    for count in COUNTS {
        let mut counters = vec![0_usize; count];
        let calls: Vec<OnEvent> = vec![black_box(plain); count];
        let listeners: Vec<Box<dyn Listener>> = (0..count)
            .map(|_| Box::new(Counter(AtomicUsize::new(0))) as _)
            .collect();
        let (bare, measuring) = (host(&plugins, count, false), host(&plugins, count, true));

        let mut by_pointer = || {
            for (call, counter) in calls.iter().zip(&mut counters) {
                // SAFETY: both arguments live for the call and have the types in the C file.
                black_box(unsafe { call(counter, black_box(&raw const plain_event)) });
            }
        };
        let by_trait = || {
            for listener in &listeners {
                let _ = black_box(listener.on_event(black_box(&event)));
            }
        };
        let by_host = || {
            black_box(bare.dispatch(black_box(&event)));
        };
        let by_measuring_host = || {
            black_box(measuring.dispatch(black_box(&event)));
        };

        // By turns, so that a busy machine slows all alike.
        let mut times: [Vec<f64>; 4] = Default::default();
        for _ in 0..TURNS {
            times[0].push(time(&mut by_pointer));
            times[1].push(time(by_trait));
            times[2].push(time(by_host));
            times[3].push(time(by_measuring_host));
        }
        ratios.push((count, times.map(median)));

        group.bench_function(BenchmarkId::new("C function pointer", count), |bencher| {
            bencher.iter(&mut by_pointer);
        });
        group.bench_function(BenchmarkId::new("dyn Trait", count), |bencher| {
            bencher.iter(by_trait);
        });
        group.bench_function(BenchmarkId::new("host", count), |bencher| {
            bencher.iter(by_host);
        });
        group.bench_function(BenchmarkId::new("host, measuring", count), |bencher| {
            bencher.iter(by_measuring_host);
        });
    }
    group.finish();
    criterion.final_summary();

    println!("Medians of {TURNS} turns of {EVENTS} events, in ns per event:");
    for (count, [pointer, dynamic, host, measuring]) in &ratios {
        println!(
            "{count:>2} listeners: pointer {pointer:.1}, dyn {dynamic:.1}, host {host:.1} ({:.2} x pointer), measuring {measuring:.1}",
            host / pointer
        );
    }
    let (few, many) = (&ratios[0], &ratios[ratios.len() - 1]);
    #[expect(clippy::cast_precision_loss, reason = "there are few listeners")]
    let more = (many.0 - few.0) as f64;
    let [pointer, _, host, measuring] = std::array::from_fn(|i| (many.1[i] - few.1[i]) / more);
    println!(
        "each further listener: pointer {pointer:.2}, host {host:.2} ({:.2} x pointer), measuring {measuring:.2}",
        host / pointer
    );
}
