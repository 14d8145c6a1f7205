//! What the intake over HTTP costs: the server with one counting listener beside a bare `hyper`
//! server that reads the body and answers 204, both in this process, by turns, so that a busy
//! machine slows both alike. Clients are threads with a keep-alive connection each, which send a
//! request when they have the answer to the one before; every event has an id of its own.
//!
//! A ratio is ours / bare, of requests a second: 1 would mean that reading, checking, remembering
//! and dispatching the events costs nothing. Beside it stands the processor time that a server takes
//! for an event, its clients' not counted, which other work on the machine disturbs less.
//!
//! Builds the listener's library first, below the target folder.
//! `cargo bench -p op-listener-host --bench serve`; `--quick` for a short run. With
//! `OP_LISTENER_BENCH_EVENTS=10000000` it posts so many events instead, and says what memory the
//! process has meanwhile.

#![allow(clippy::unwrap_used, reason = "a benchmark may stop where it fails")]

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use op_listener_host::config::{Config, ListenerConfig, UnixConfig};
use op_listener_host::feed::Feed;
use op_listener_host::server::Server;
use op_listener_host::{Host, metrics};
use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{Builder, Runtime};

/// How many clients there are, each a thread.
const CLIENTS: usize = 8;

/// How many events a batch has.
const BATCH: usize = 100;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// The digits of ids that are set anew for each event.
const DIGITS: usize = 16;

const EVENT: &str = r#"{"type":"id_token_issue","id":"bench-################","txn":"5f1c1f2e-8a64-4c43-9d2b-1f4f9f2f6f10","time":1523304728.25,"issuer":"https://op.example.com","client_id":"000123","subject":"alice","claims":{"iss":"https://op.example.com","sub":"alice","aud":"000123","nonce":"n-0S6_WzA2Mj","acr":"urn:example:loa:2","amr":["pwd","otp"],"auth_time":1523304720,"iat":1523304728,"exp":1523305328}}"#;

/// Where a server listens.
#[derive(Clone)]
struct Doors {
    unix: PathBuf,
    tcp: SocketAddr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Unix,
    Tcp,
}

enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    fn connect(doors: &Doors, way: Way) -> Self {
        match way {
            Way::Unix => Self::Unix(UnixStream::connect(&doors.unix).unwrap()),
            Way::Tcp => {
                let stream = TcpStream::connect(doors.tcp).unwrap();
                stream.set_nodelay(true).unwrap();
                Self::Tcp(stream)
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        match self {
            Self::Unix(stream) => stream.write_all(bytes),
            Self::Tcp(stream) => stream.write_all(bytes),
        }
        .unwrap();
    }

    /// Reads an answer without a body.
    fn read(&mut self, buffer: &mut [u8]) {
        let mut length = 0;
        loop {
            let read = match self {
                Self::Unix(stream) => stream.read(&mut buffer[length..]),
                Self::Tcp(stream) => stream.read(&mut buffer[length..]),
            };
            length += read.unwrap();
            assert!(
                buffer.starts_with(b"HTTP/1.1 204"),
                "{:?}",
                str::from_utf8(&buffer[..length])
            );
            if buffer[..length].ends_with(b"\r\n\r\n") {
                return;
            }
        }
    }
}

/// A request, and where in it ids are to be set.
#[derive(Clone)]
struct Prepared {
    bytes: Vec<u8>,
    ids: Vec<usize>,
}

impl Prepared {
    fn new(events: usize) -> Self {
        let body = vec![EVENT; events].join("\n");
        let media = if events == 1 { "json" } else { "x-ndjson" };
        let head = format!(
            "POST /events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/{media}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let bytes = [head.into_bytes(), body.into_bytes()].concat();
        let marks = bytes.windows(DIGITS).enumerate();
        let ids = marks.filter(|(_, window)| window.iter().all(|byte| *byte == b'#'));
        let ids = ids.map(|(at, _)| at).collect();
        Self { bytes, ids }
    }

    fn set_ids(&mut self, next: &mut u64) {
        for at in &self.ids {
            let mut number = *next;
            *next += 1;
            for digit in self.bytes[*at..*at + DIGITS].iter_mut().rev() {
                *digit = b'0' + u8::try_from(number % 10).unwrap();
                number /= 10;
            }
        }
    }
}

/// What came of sending requests for a time.
struct Load {
    /// Requests a second.
    rate: f64,
    /// How long each took.
    took: Vec<Duration>,
    /// Seconds of processor time that the server took for each request.
    cost: f64,
}

fn processor_time(of: ClockId) -> f64 {
    let time = clock_gettime(of);
    let nanoseconds = f64::from(u32::try_from(time.tv_nsec).unwrap());
    f64::from(u32::try_from(time.tv_sec).unwrap()) + nanoseconds * 1e-9
}

/// Sends requests for a time.
fn load(doors: &Doors, way: Way, events: usize, time: Duration) -> Load {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let end = AtomicBool::new(false);
    let prepared = Prepared::new(events);
    let begin = Instant::now();
    let before = processor_time(ClockId::ProcessCPUTime);
    let clients = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (mut prepared, end) = (prepared.clone(), &end);
                let mut next = NEXT.fetch_add(1 << 32, Relaxed);
                scope.spawn(move || {
                    let mut stream = Stream::connect(doors, way);
                    let mut buffer = vec![0; 4096];
                    let mut took = Vec::new();
                    while !end.load(Relaxed) {
                        prepared.set_ids(&mut next);
                        let begin = Instant::now();
                        stream.write(&prepared.bytes);
                        stream.read(&mut buffer);
                        took.push(begin.elapsed());
                    }
                    (took, processor_time(ClockId::ThreadCPUTime))
                })
            })
            .collect();
        thread::sleep(time);
        end.store(true, Relaxed);
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect::<Vec<_>>()
    });
    let elapsed = begin.elapsed().as_secs_f64();
    let all = processor_time(ClockId::ProcessCPUTime) - before;
    let of_clients: f64 = clients.iter().map(|(_, time)| time).sum();
    let took: Vec<_> = clients.into_iter().flat_map(|(took, _)| took).collect();
    #[expect(clippy::cast_precision_loss, reason = "far fewer")]
    let requests = took.len() as f64;
    Load {
        rate: requests / elapsed,
        took,
        cost: (all - of_clients) / requests,
    }
}

async fn bare_answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut body = request.into_body();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame.unwrap().data_ref().map_or(0, Bytes::len);
    }
    std::hint::black_box(length);
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    Ok(answer)
}

/// The server to compare with.
fn bare(dir: &Path) -> (Runtime, Doors) {
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    let entered = runtime.enter();
    let unix = dir.join("bare");
    let listener = tokio::net::UnixListener::bind(&unix).unwrap();
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            bare_connection(stream);
        }
    });
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let tcp = listener.local_addr().unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            bare_connection(stream);
        }
    });
    drop(entered);
    (runtime, Doors { unix, tcp })
}

fn bare_connection(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let service = service_fn(bare_answer);
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::spawn(async move {
        // A client that is done closes it.
        let _ = connection.await;
    });
}

/// Ours.
fn ours(dir: &Path, plugins: PathBuf) -> (Server, Arc<Host>, Doors) {
    std::fs::write(dir.join("token"), TOKEN).unwrap();
    let mut config = Config::default();
    config.plugins.dir = plugins;
    config.listeners.push(ListenerConfig::new("counter"));
    let listen = &mut config.intake.listen;
    let unix = dir.join("ours");
    listen.unix = Some(UnixConfig {
        path: unix.clone(),
        mode: 0o600,
        peers: None,
    });
    listen.http = Some("127.0.0.1:0".parse().unwrap());
    listen.token_file = Some(dir.join("token"));
    let host = Arc::new(Host::builder().config(config.clone()).build().unwrap());
    let feed = Arc::new(Feed::new(&config).unwrap());
    let server = Server::start(&config, Arc::clone(&host), feed).unwrap();
    let tcp = server.tcp_address().unwrap();
    (server, host, Doors { unix, tcp })
}

/// The folder with the counting listener's library.
fn plugins() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = root.join("../target/dispatch-bench");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--manifest-path"])
        .arg(root.join("benches/dispatch/counter/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .status();
    assert!(status.unwrap().success());
    target.join("release")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn percentile(times: &mut [Duration], of_1000: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() - 1) * of_1000 / 1000]
}

/// Says what came of one kind of load on the bare server and on ours.
fn report(way: Way, events: usize, loads: &mut [Vec<Load>; 2]) {
    let of = |loads: &[Load], what: fn(&Load) -> f64| median(loads.iter().map(what).collect());
    let turns = loads[1].iter().zip(&loads[0]);
    let ratio = median(turns.map(|(ours, bare)| ours.rate / bare.rate).collect());
    let [bare_rate, rate] = loads.each_ref().map(|loads| of(loads, |load| load.rate));
    let costs = loads.each_ref().map(|loads| of(loads, |load| load.cost));
    #[expect(clippy::cast_precision_loss, reason = "a hundred")]
    let each = events as f64;
    let [bare_cost, cost] = costs.map(|cost| cost / each);
    let mut times = loads.each_mut().map(|loads| {
        let times = loads.iter_mut().flat_map(|load| load.took.drain(..));
        times.collect::<Vec<_>>()
    });
    let [[bare_p50, bare_p99], [p50, p99]] = times
        .each_mut()
        .map(|times| [500, 990].map(|of_1000| percentile(times, of_1000)));
    println!(
        "{way:?}, {events} events a request, {CLIENTS} clients: {rate:.0} requests/s ({:.0} \
         events/s), bare {bare_rate:.0}: ratio {ratio:.2}; p50 {p50:.0?}, bare {bare_p50:.0?}; p99 \
         {p99:.0?}, bare {bare_p99:.0?}; the server's processor time an event: {:.2} µs ({:.0} \
         events/s on one core), bare {:.2} µs",
        rate * each,
        cost * 1e6,
        1.0 / cost,
        bare_cost * 1e6,
    );
}

/// Posts so many events in batches, and says ten times what memory the process has. It is at its
/// height when as many ids are remembered as may be.
fn memory(doors: &Doors, events: usize) {
    let mut stream = Stream::connect(doors, Way::Unix);
    let mut prepared = Prepared::new(BATCH);
    let mut buffer = vec![0; 4096];
    let (batches, mut next) = (events.div_ceil(BATCH), 0);
    for batch in 1..=batches {
        prepared.set_ids(&mut next);
        stream.write(&prepared.bytes);
        stream.read(&mut buffer);
        if batch % batches.div_ceil(10) == 0 || batch == batches {
            let page = metrics::exposition(&[]);
            let resident = "\nprocess_resident_memory_bytes ";
            let (_, resident) = page.split_once(resident).expect("the system tells");
            let resident = resident.lines().next().unwrap_or_default();
            println!("{next} events: {resident} bytes of memory");
        }
    }
}

/// How many events are to be posted to see what memory they take.
fn events_for_memory() -> Option<usize> {
    let events = std::env::var_os("OP_LISTENER_BENCH_EVENTS")?;
    let events = events.to_str().and_then(|events| events.parse().ok());
    Some(events.expect("OP_LISTENER_BENCH_EVENTS is a number"))
}

/// Compares the two under every kind of load.
fn compare(bare: &Doors, ours: &Doors) {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (turns, time) = if quick { (5, 100) } else { (21, 400) };
    let time = Duration::from_millis(time);
    for events in [1, BATCH] {
        for way in [Way::Unix, Way::Tcp] {
            load(bare, way, events, time);
            load(ours, way, events, time);
            let mut loads = [vec![], vec![]];
            for _ in 0..turns {
                for (doors, loads) in [bare, ours].into_iter().zip(&mut loads) {
                    loads.push(load(doors, way, events, time));
                }
            }
            report(way, events, &mut loads);
        }
    }
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let (runtime, bare) = bare(dir.path());
    let (server, host, ours) = ours(dir.path(), plugins());
    match events_for_memory() {
        Some(events) => memory(&ours, events),
        None => compare(&bare, &ours),
    }
    let counts = server.counts();
    assert_eq!((counts.events.refused, counts.duplicates), (0, 0));
    assert!(counts.events.dispatched > 0);
    assert_eq!(counts.events.calls, counts.events.dispatched);
    assert_eq!(server.stop(Duration::from_secs(10)), 0);
    assert_eq!(host.shutdown(), 0);
    runtime.shutdown_background();
}
