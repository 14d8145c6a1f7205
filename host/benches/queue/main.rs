//! What durable pushes cost: dispatches that push a message, by 1, 8 and 64 callers, beside bare
//! commits of SQLite with the same row and the same pragmas, and beside a bare append and fdatasync of
//! the same bytes; how fast a backlog is drained; and what a sink that is down does to dispatches and
//! to memory. All in one run, and each figure beside its limit; or one part of it, named in `QUEUE_BENCH`
//! (`disk`, `process`, `down`, `drain`), with as many messages as `QUEUE_BENCH_MESSAGES` says.

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

const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_millis(1500);

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

/// Calls from so many threads for a while. Comes back with calls a second.
fn rate(callers: usize, call: impl Fn(u64) + Sync) -> f64 {
    let (stop, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    let begin = Instant::now();
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
    calls.load(Relaxed) as f64 / begin.elapsed().as_secs_f64()
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
    let mut rates: [Vec<f64>; 5] = Default::default();
    for _ in 0..ROUNDS {
        rates[0].push(rate_alone(|number| insert(&connection, number)));
        rates[1].push(rate_alone(|_| {
            file.write_all(CLAIMS.as_bytes()).unwrap();
            if durability == "disk" {
                file.sync_data().unwrap();
            }
        }));
        for (place, callers) in [(2, 1), (3, 8), (4, 64)] {
            rates[place].push(rate(callers, dispatch));
        }
    }
    let [bare, append, one, eight, many] = rates.map(median);
    println!("durability {durability:?}, events a second, medians of {ROUNDS} rounds");
    println!("  bare SQLite, one commit after the other    {bare:>9.0}");
    println!(
        "  bare append{:<31} {append:>9.0}",
        if durability == "disk" {
            " and fdatasync"
        } else {
            ""
        }
    );
    for (callers, rate) in [(1, one), (8, eight), (64, many)] {
        println!(
            "  dispatch with a push, {callers:>2} callers           {rate:>9.0}   {:.2} x bare SQLite, {:.2} x append",
            rate / bare,
            rate / append
        );
    }
    let commits = host.delivery().commits;
    println!("  groups of 1, 2, 4, … 128, more: {:?}", commits.groups);
    host.shutdown();
}

/// As [`rate`], on this thread.
fn rate_alone(mut call: impl FnMut(u64)) -> f64 {
    let (begin, mut calls) = (Instant::now(), 0_u64);
    while begin.elapsed() < ROUND {
        call(NEXT.fetch_add(1, Relaxed));
        calls += 1;
    }
    calls as f64 / begin.elapsed().as_secs_f64()
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
