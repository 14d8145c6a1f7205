//! What durable pushes cost: dispatches that push a message, by 1, 8 and 64 callers, beside bare
//! commits of SQLite with the same row and the same pragmas, and beside a bare append and fdatasync of
//! the same bytes; how fast a backlog is drained; and what a sink that is down does to dispatches and
//! to memory. All in one run, and each figure beside its limit; or one part of it, named in `QUEUE_BENCH`
//! (`pages`, `disk`, `process`, `down`, `drain`), with as many messages as `QUEUE_BENCH_MESSAGES` says.
//!
//! The bare commit is one `INSERT` of the same row into a store that the host has made: the same pages,
//! and the same indexes, which are those by which messages are found and nothing more. It moves its log
//! itself, every 1000 pages, as SQLite does unless told otherwise; the host has a thread for that.
//!
//! Disks and other processes make rates differ by far more than the host does. So each round measures
//! all there is to compare, one after the other, the ratios are medians of those within a round, and
//! two figures stand beside them that do not depend on the disk: pages that a commit writes to the log,
//! and time of the processor.

#![allow(clippy::unwrap_used, reason = "a benchmark may stop where it fails")]
#![allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use op_listener_host::Host;
use op_listener_host::config::Config;
use op_listener_host::delivery::admin::Admin;
use op_listener_host::event::Event;
use rusqlite::{Connection, params};

/// Claims of an ordinary token, some 600 bytes.
const CLAIMS: &str = r#"{"iss":"https://op.example.com","sub":"248289761001","aud":["000123"],"exp":1523308328,"iat":1523304728,"auth_time":1523304727,"nonce":"n-0S6_WzA2Mj","acr":"urn:example:loa:2","amr":["pwd","otp"],"azp":"000123","email":"alice@example.com","email_verified":true,"name":"Alice Adams","given_name":"Alice","family_name":"Adams","locale":"en","zoneinfo":"Europe/Sofia","updated_at":1523200000,"phone_number":"+359 2 123 4567","address":{"street_address":"1 Main Street","locality":"Sofia","postal_code":"1000","country":"BG"},"at_hash":"77QmUPtjPfzWtF2AnpK9RQ","sid":"08a5019c-17e1-4977-8f42-65a12843ea02"}"#;

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(1500);
/// After so long the host has moved its log, which many callers have made long: that is not to count
/// against the next.
const REST: Duration = Duration::from_millis(1300);

/// The plugin, as an author would ship it.
fn plugin(dir: &Path) {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = manifest.join("../target/queue-bench");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--manifest-path"])
        .arg(manifest.join("benches/queue/pusher/Cargo.toml"))
        .args(["--config", "profile.release.strip=true", "--target-dir"])
        .arg(&target)
        .status()
        .unwrap();
    assert!(status.success());
    fs::create_dir_all(dir.join("plugins")).unwrap();
    fs::copy(
        target.join("release/libpusher.so"),
        dir.join("plugins/libpusher.so"),
    )
    .unwrap();
}

fn host(dir: &Path, push: usize, durability: &str) -> Host {
    let config = format!(
        "[signing]\nalgorithm = \"EdDSA\"\n[dispatch]\nbudget_ms = 60000\n[delivery]\ndurability = \"{durability}\"\nstop_timeout = 1\n[[listener]]\nplugin = \"pusher\"\n[listener.config]\npush = {push}\nsink = {:?}\n",
        dir.join("sink")
    );
    let config = Config::from_str(&config, "bench.toml", dir).unwrap();
    Host::builder().config(config).build().unwrap()
}

fn event(number: u64, id: &mut String) -> Event<'_> {
    *id = format!("01920000-0000-7000-8000-{number:012x}");
    Event::id_token_issue("alice", "000123", CLAIMS)
        .issuer("https://op.example.com")
        .id(id.as_str())
        .build()
        .unwrap()
}

static NEXT: AtomicU64 = AtomicU64::new(0);

/// What was measured for a while.
#[derive(Clone, Copy)]
struct Pace {
    /// Calls a second.
    rate: f64,
    /// Microseconds of the processor a call, on all threads of the process.
    processor: f64,
}

impl Pace {
    fn of(calls: impl FnOnce() -> u64) -> Self {
        let processor = || {
            let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
            time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
        };
        let (begin, before) = (Instant::now(), processor());
        let calls = calls() as f64;
        Self {
            rate: calls / begin.elapsed().as_secs_f64(),
            processor: (processor() - before) / calls,
        }
    }
}

/// Calls from so many threads for a while.
fn pace(callers: usize, call: impl Fn(u64) + Sync) -> Pace {
    let (stop, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    Pace::of(|| {
        thread::scope(|scope| {
            for _ in 0..callers {
                scope.spawn(|| {
                    while !stop.load(Relaxed) {
                        call(NEXT.fetch_add(1, Relaxed));
                        calls.fetch_add(1, Relaxed);
                    }
                });
            }
            thread::sleep(ROUND);
            stop.store(true, Relaxed);
        });
        calls.load(Relaxed)
    })
}

/// As [`pace`], on this thread.
fn pace_alone(mut call: impl FnMut(u64)) -> Pace {
    Pace::of(|| {
        let (begin, mut calls) = (Instant::now(), 0_u64);
        while begin.elapsed() < ROUND {
            call(NEXT.fetch_add(1, Relaxed));
            calls += 1;
        }
        calls
    })
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// A store as the host makes it, with a bare connection to it.
fn bare(dir: &Path, durability: &str) -> Connection {
    let dir = dir.join(format!("bare-{durability}"));
    fs::create_dir_all(&dir).unwrap();
    fs::create_dir_all(dir.join("plugins")).unwrap();
    fs::copy(
        dir.join("../plugins/libpusher.so"),
        dir.join("plugins/libpusher.so"),
    )
    .unwrap();
    host(&dir, 1, durability).shutdown();
    let connection = Connection::open(dir.join("op-listener-data/queue.db")).unwrap();
    let synchronous = if durability == "disk" {
        "FULL"
    } else {
        "NORMAL"
    };
    connection
        .execute_batch(&format!("PRAGMA synchronous = {synchronous}"))
        .unwrap();
    connection
}

fn insert(connection: &Connection, number: u64) {
    connection
        .prepare_cached(
            "INSERT INTO message (queue, state, due_ms, key, dedup_id, payload, size, sum, pushed_ms)
             VALUES (1, 0, ?1, '000123', ?2, ?3, 600, 0, ?1)",
        )
        .unwrap()
        .execute(params![
            number.cast_signed(),
            format!("01920000-0000-7000-8000-{number:012x}"),
            CLAIMS.as_bytes()
        ])
        .unwrap();
}

fn sink(dir: &Path, word: &str) {
    fs::write(dir.join("sink.new"), word).unwrap();
    fs::rename(dir.join("sink.new"), dir.join("sink")).unwrap();
}

fn pushes(dir: &Path, durability: &str) {
    let dir = &dir.join(durability);
    plugin(dir);
    sink(dir, "");
    let host = host(dir, 1, durability);
    // Deliveries are measured elsewhere.
    let admin = Admin::open(&dir.join("op-listener-data/queue.db")).unwrap();
    admin
        .pause(&admin.queue("pusher").unwrap().unwrap())
        .unwrap();
    let connection = bare(dir, durability);
    let mut file = File::create(dir.join("append")).unwrap();
    let dispatch = |number| {
        let mut id = String::new();
        assert_eq!(host.dispatch(&event(number, &mut id)).failures, 0);
    };
    let mut paces: [Vec<Pace>; 5] = Default::default();
    for _ in 0..ROUNDS {
        paces[0].push(pace_alone(|number| insert(&connection, number)));
        paces[1].push(pace_alone(|_| {
            file.write_all(CLAIMS.as_bytes()).unwrap();
            if durability == "disk" {
                file.sync_data().unwrap();
            }
        }));
        for (place, callers) in [(2, 1), (3, 8), (4, 64)] {
            paces[place].push(pace(callers, dispatch));
        }
        thread::sleep(REST);
    }
    println!("durability {durability:?}: events a second, medians of {ROUNDS} rounds");
    let bare = &paces[0];
    for (name, paces) in [
        "bare SQLite, one commit after the other",
        if durability == "disk" {
            "bare append and fdatasync"
        } else {
            "bare append"
        },
        "dispatch with a push,  1 caller",
        "dispatch with a push,  8 callers",
        "dispatch with a push, 64 callers",
    ]
    .iter()
    .zip(&paces)
    {
        let of_bare = paces.iter().zip(bare).map(|(it, bare)| it.rate / bare.rate);
        println!(
            "  {name:<40} {:>9.0}   {:>6.2} x bare SQLite   {:>6.1} us of processor each",
            median(paces.iter().map(|it| it.rate).collect()),
            median(of_bare.collect()),
            median(paces.iter().map(|it| it.processor).collect()),
        );
    }
    let commits = host.delivery().commits;
    println!("  groups of 1, 2, 4, … 128, more: {:?}", commits.groups);
    host.shutdown();
}

/// Pages that commits of one message write to the log.
fn pages(dir: &Path) {
    const COMMITS: u64 = 200;

    let dir = &dir.join("pages");
    plugin(dir);
    sink(dir, "");
    let host = host(dir, 1, "disk");
    let store = dir.join("op-listener-data/queue.db");
    let admin = Admin::open(&store).unwrap();
    admin
        .pause(&admin.queue("pusher").unwrap().unwrap())
        .unwrap();
    let connection = bare(dir, "disk");
    let bare_store = dir.join("bare-disk/op-listener-data/queue.db");
    let mut id = String::new();
    // Of so few nothing is moved out of the log: it grows by what is written.
    let grown = |store: &Path, commit: &mut dyn FnMut(u64)| {
        let log = store.with_extension("db-wal");
        let length = || fs::metadata(&log).map_or(0, |log| log.len());
        let before = length();
        (0..COMMITS).for_each(&mut *commit);
        (length() - before) as f64 / (4096.0 + 24.0) / COMMITS as f64
    };
    let of_host = grown(&store, &mut |number| {
        assert_eq!(host.dispatch(&event(number, &mut id)).failures, 0);
    });
    let of_bare = grown(&bare_store, &mut |number| insert(&connection, number));
    println!(
        "pages to the log a commit of one message: {of_host:.2}, and {of_bare:.2} of bare SQLite"
    );
    host.shutdown();
}

fn waiting(host: &Host) -> u64 {
    host.delivery().queues[0].waiting
}

/// The process's memory that is not shared with files on disk, in MiB.
fn memory() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("RssAnon:"))
        .unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024.0
}

/// A backlog of so many messages while the sink is down, and how it is drained.
fn drain(dir: &Path, messages: u64) {
    const PUSH: usize = 500;

    let dir = &dir.join("drain");
    plugin(dir);
    sink(dir, "fail");
    let host = host(dir, PUSH, "disk");
    let mut id = String::new();
    let fill = |from: u64, to: u64, id: &mut String| {
        let begin = Instant::now();
        for number in from / PUSH as u64..to / PUSH as u64 {
            assert_eq!(host.dispatch(&event(number, id)).failures, 0);
        }
        (to - from) as f64 / begin.elapsed().as_secs_f64()
    };
    fill(0, messages / 100, &mut id);
    let before = memory();
    let rate = fill(messages / 100, messages, &mut id);
    println!(
        "{messages} messages queued while the sink fails, {PUSH} an event: {rate:.0} a second; memory {before:.1} MiB with {} queued, {:.1} MiB with {}",
        messages / 100,
        memory(),
        waiting(&host),
    );
    sink(dir, "");
    let admin = Admin::open(&dir.join("op-listener-data/queue.db")).unwrap();
    let queue = admin.queue("pusher").unwrap().unwrap();
    admin.resume(&queue).unwrap();
    let (begin, from) = (Instant::now(), waiting(&host));
    while waiting(&host) > 1000 && begin.elapsed() < Duration::from_mins(3) {
        thread::sleep(Duration::from_millis(20));
    }
    let drained = from - waiting(&host);
    println!(
        "  drained {drained} at {:.0} a second, memory {:.1} MiB",
        drained as f64 / begin.elapsed().as_secs_f64(),
        memory()
    );
    host.shutdown();
}

/// Times of dispatches with the sink in each state, in turns.
fn sink_down(dir: &Path) {
    const WORDS: [&str; 5] = ["", "fail", "refuse", "slow", "hang"];

    let dir = &dir.join("down");
    plugin(dir);
    sink(dir, "");
    let host = host(dir, 1, "disk");
    let mut times: [Vec<Duration>; WORDS.len()] = Default::default();
    for _ in 0..5 {
        for (word, times) in WORDS.iter().zip(&mut times) {
            sink(dir, word);
            let (host, each) = (&host, 300);
            let all: Vec<Vec<Duration>> = thread::scope(|scope| {
                let threads = (0..4).map(|_| {
                    scope.spawn(move || {
                        let mut id = String::new();
                        let mut times = Vec::new();
                        for _ in 0..each {
                            let event = event(NEXT.fetch_add(1, Relaxed), &mut id);
                            let begin = Instant::now();
                            assert_eq!(host.dispatch(&event).failures, 0);
                            times.push(begin.elapsed());
                        }
                        times
                    })
                });
                let threads: Vec<_> = threads.collect();
                threads.into_iter().map(|it| it.join().unwrap()).collect()
            });
            times.extend(all.into_iter().flatten());
        }
    }
    println!("dispatch with a push by 4 callers, by what the sink does");
    let mut up = 0.0;
    for (word, times) in WORDS.iter().zip(&mut times) {
        times.sort();
        let at = |part: usize| times[times.len() * part / 1000].as_secs_f64() * 1e3;
        if word.is_empty() {
            up = at(990);
        }
        println!(
            "  {:<7} p50 {:.2} ms, p99 {:.2} ms ({:.2} x that of a sink that is up)",
            if word.is_empty() { "up" } else { word },
            at(500),
            at(990),
            at(990) / up
        );
    }
    sink(dir, "");
    host.shutdown();
}

fn main() {
    let folder = tempfile::tempdir_in(place()).unwrap();
    let dir = folder.path();
    let only = std::env::var("QUEUE_BENCH").ok();
    let is_meant = |part: &str| only.as_deref().is_none_or(|only| only == part);
    if is_meant("pages") {
        pages(dir);
    }
    if is_meant("disk") {
        pushes(dir, "disk");
    }
    if is_meant("process") {
        pushes(dir, "process");
    }
    if is_meant("down") {
        sink_down(dir);
    }
    if is_meant("drain") {
        let messages = std::env::var("QUEUE_BENCH_MESSAGES").ok();
        let messages = messages.and_then(|it| it.parse().ok());
        drain(dir, messages.unwrap_or(1_000_000));
    }
}

/// On the disk of the sources, which may be another than that of temporary files.
fn place() -> PathBuf {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let probe = place.join("queue-bench-probe");
    match OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&probe)
    {
        Ok(_) => {
            let _ = fs::remove_file(probe);
            place
        }
        Err(_) => std::env::temp_dir(),
    }
}
