//! A real Prometheus reads what the host tells, and evaluates every expression of the dashboard.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use std::{fmt, fs};

use op_listener_host::metrics::CONTENT_TYPE;
use op_listener_tests::{TIME_LIMIT, on_this_machine, or_say};
use serde_json::Value;
use tempfile::TempDir;

use crate::exposition::here;
use crate::promql;
use crate::scene::scene;

/// Answers each request with the host's page, for as long as this process lives.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines
                .next()
                .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
            {}
            let page = &scene().after;
            let length = page.len();
            // Whoever does not wait for it has seen another.
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{page}"
            );
        }
    });
    address
}

/// Killed in the end.
struct Prometheus {
    process: Child,
    address: String,
    dir: TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Prometheus {
    fn start(target: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("prometheus.yml");
        let job = format!(
            "scrape_configs:\n- job_name: op-listener\n  scrape_interval: 2s\n  static_configs: [{{targets: ['{target}']}}]\n"
        );
        fs::write(&config, job).unwrap();
        let log = fs::File::create(dir.path().join("log")).unwrap();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                dir.path().join("data").display()
            ))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut prometheus = Self {
            process,
            address: String::new(),
            dir,
        };
        let log = prometheus.dir.path().join("log");
        let said = until(|| {
            let log = fs::read_to_string(&log).unwrap();
            assert!(!log.contains("level=error"), "{log}");
            let line = log.lines().find(|line| line.contains("\"Listening on\""))?;
            Some(line.rsplit_once("address=")?.1.trim_end().to_owned())
        });
        prometheus.address = said;
        // It listens before it can answer.
        until(|| {
            prometheus
                .ask("/-/ready")
                .starts_with("HTTP/1.0 200 ")
                .then_some(())
        });
        prometheus
    }

    /// The whole answer to a request.
    fn ask(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(TIME_LIMIT)).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.ask(path);
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }

    /// What an expression gives, one value for each series.
    fn query(&self, expression: &str) -> Vec<Value> {
        let mut encoded = String::new();
        for byte in expression.bytes() {
            // Writing to a `String` does not fail.
            let _ = fmt::Write::write_fmt(&mut encoded, format_args!("%{byte:02X}"));
        }
        let answer = self.get(&format!("/api/v1/query?query={encoded}"));
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        answer["data"]["result"].as_array().unwrap().clone()
    }
}

/// Asks until there is an answer.
fn until<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + TIME_LIMIT;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "no answer in {TIME_LIMIT:?}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn prometheus_reads_every_family_and_every_expression() {
    const TEST: &str = "a scrape by Prometheus";
    if or_say(TEST, on_this_machine("prometheus", "--version")).is_none() {
        return;
    }
    scene();
    let prometheus = Prometheus::start(&serve());
    let target = until(|| {
        let targets = prometheus.get("/api/v1/targets");
        let target = targets["data"]["activeTargets"].get(0)?.clone();
        (target["health"] == "up").then_some(target)
    });
    assert_eq!(target["lastError"], "", "{target}");

    let metadata = prometheus.get("/api/v1/metadata");
    for metric in here() {
        let known = &metadata["data"][metric.name][0];
        assert_eq!(known["type"], metric.kind.name(), "{metric:?}");
        assert_eq!(known["help"], metric.help);
        assert_eq!(known["unit"], metric.unit().unwrap_or_default());
        for sample in metric.samples() {
            // What was read is there a little later.
            until(|| Some(prometheus.query(&sample)).filter(|found| !found.is_empty()));
        }
    }
    let query = |expression| {
        // A reading that came too late leaves a gap.
        until(|| Some(prometheus.query(expression)).filter(|found| !found.is_empty()))
    };
    let panics = query("op_listener_call_panics_total{listener=\"panics\"}");
    assert_eq!(panics[0]["value"][1], "2");
    for expression in [promql::of_the_dashboard(), promql::of_the_alerts()].concat() {
        prometheus.query(&expression);
    }
    // The quantile of what sleeps 20 ms, or longer on a busy machine, lies in its bucket.
    let quantile =
        "histogram_quantile(0.5, op_listener_call_duration_seconds_bucket{listener=\"slow\"})";
    let quantile = query(quantile)[0]["value"][1]
        .as_str()
        .unwrap()
        .parse::<f64>();
    assert!((0.016..=60.0).contains(&quantile.unwrap()));
}
