//! What the variants are made from, and how the host is watched while it meets them.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use op_listener_tests::{Library, Setup, cargo, id_token, repository, target_dir};
use serde_json::Value;

/// The audit log's library as it is shipped: optimised, and without symbols that nobody needs.
pub(crate) fn shipped() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();

    BYTES.get_or_init(|| {
        let strip = "profile.release.strip=\"symbols\"";
        let package = ["-p", "op-listener-audit-log", "--lib", "--config", strip];
        let build = [&["build", "--release"], &package[..]].concat();
        cargo(repository(), &target_dir(), &build);
        fs::read(target_dir().join("release/libop_listener_audit_log.so")).unwrap()
    })
}

/// Gives a copy of the library a plugin id of its own, as long as the real one.
pub(crate) fn with_id(bytes: &mut [u8], number: usize) {
    // Looked for once: it takes a while in a megabyte.
    static AT: OnceLock<usize> = OnceLock::new();

    let told = b"\"id\":\"audit-log\"";
    let at = *AT.get_or_init(|| {
        let mut windows = shipped().windows(told.len());
        windows.position(|window| window == told).unwrap()
    });
    let id = format!("\"id\":\"v{number:08}\"");
    bytes[at..at + told.len()].copy_from_slice(id.as_bytes());
}

/// A directory with the puppet, which must work whatever lies beside it, and which writes down its
/// events.
pub(crate) fn with_good_listener(more: &str) -> Setup {
    Setup::with(&[Library::Puppet]).config(&format!(
        "[plugins]\non_failure = \"skip\"\n{more}\n\
         [[listener]]\nplugin = \"puppet\"\n[listener.config]\nrecord = \"record.ndjson\"\n"
    ))
}

/// What became of a command that was watched.
pub(crate) struct Watched {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) log: String,
    /// The most memory that the process itself ever had, in KiB.
    pub(crate) most_memory: u64,
    pub(crate) took: Duration,
}

/// Runs a command to its end with some input, and asks the kernel how large the process has been:
/// `/proc/<pid>/status` says so of this process alone, not of its children.
pub(crate) fn watch(setup: &Setup, arguments: &[&str], input: &str, limit: Duration) -> Watched {
    let files = [setup.path().join("out"), setup.path().join("log")];
    let began = Instant::now();
    let [out, log] = files.each_ref().map(|file| fs::File::create(file).unwrap());
    fs::write(setup.path().join("in"), input).unwrap();
    let mut child = setup
        .command(arguments)
        .stdin(fs::File::open(setup.path().join("in")).unwrap())
        .stdout(Stdio::from(out))
        .stderr(Stdio::from(log))
        .spawn()
        .unwrap();
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut most_memory = 0;
    let ended = loop {
        let status = fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let size = line.and_then(|line| line.split_whitespace().next());
        most_memory = most_memory.max(size.map_or(0, |size| size.parse().unwrap()));
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        if began.elapsed() > limit {
            child.kill().unwrap();
            let _ = child.wait();
            panic!("{arguments:?} has not ended in {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let text = |file| String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned();
    let [stdout, log] = files.each_ref().map(text);
    Watched {
        code: ended.code(),
        stdout,
        log,
        most_memory,
        took: began.elapsed(),
    }
}

/// What `list --json` says of each file in `plugins`, by name.
pub(crate) fn listed(setup: &Setup, most_memory: u64) -> Vec<Value> {
    let list = watch(setup, &["list", "--json"], "", Duration::from_mins(10));
    assert_eq!(list.code, Some(0), "{}", list.log);
    assert_eq!(list.log, "");
    assert!(
        list.most_memory <= most_memory,
        "list took {} KiB",
        list.most_memory
    );
    println!("list: {:?}, {} KiB", list.took, list.most_memory);
    serde_json::from_str(&list.stdout).unwrap()
}

/// Runs the host over `plugins` with an event for the puppet, who must get it. The host may take
/// `most_memory` KiB, and twice its size for each library that it has loaded.
pub(crate) fn survived(setup: &Setup, most_memory: u64, limit: Duration) -> Watched {
    let event = id_token("e1") + "\n";
    let run = watch(
        setup,
        &["run", "--config", "op-listener.toml"],
        &event,
        limit,
    );
    assert_eq!(run.code, Some(0), "{}", run.log);
    let events = setup.record("record.ndjson");
    let delivered: Vec<_> = events
        .iter()
        .filter(|line| line["call"] == "event")
        .collect();
    assert_eq!(delivered.len(), 1, "{}", run.log);
    assert_eq!(delivered[0]["id"], "e1");
    // Every line has the layout: nothing in a file's name or contents made one of its own.
    op_listener_tests::parse_lines(&run.log);
    // What is loaded is there to stay; a file that is read and refused is gone again.
    let loaded = run.log.matches("[OPL0101]").count();
    let bound = most_memory + u64::try_from(loaded * 2 * shipped().len() / 1024).unwrap();
    let took = run.most_memory;
    assert!(took <= bound, "run took {took} KiB, {loaded} loaded");
    println!(
        "run: {:?}, {took} KiB of {bound}, {loaded} loaded",
        run.took
    );
    run
}
