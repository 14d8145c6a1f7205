//! What starting costs: a host with 1, 10 and 100 plugins, each a file of its own, beside a bare
//! `dlopen` of the same files, in one run. The signing key and the log are the same for all. Once
//! with the probe switched off, once with plugins that were probed before, and apart from both what
//! the first probe takes.
//!
//! Every plugin is the one of the dispatch benchmark with another id and class written over its
//! own, so each is another library to the system's loader. What happens in this process is told in
//! processor time, which other processes change little; probes, which are processes of their own,
//! in time that passes.

#![allow(unsafe_code, reason = "the limit is a bare dlopen")]
#![allow(clippy::unwrap_used, reason = "a benchmark may stop where it fails")]
#![allow(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use libloading::Library;
use op_listener_host::Host;
use op_listener_host::signing::{Algorithm, generate};

const COUNTS: [usize; 3] = [1, 10, 100];
/// How often each is timed. Libraries are never unmapped, so not for ever.
const TURNS: usize = 7;

/// The plugin, stripped as an author would ship it.
fn plugin() -> Vec<u8> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = manifest.join("../target/dispatch-bench");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--manifest-path"])
        .arg(manifest.join("benches/dispatch/counter/Cargo.toml"))
        .args(["--config", "profile.release.strip=true", "--target-dir"])
        .arg(&target)
        .status()
        .unwrap();
    assert!(status.success());
    fs::read(target.join("release/libcounter.so")).unwrap()
}

/// Writes `count` plugins with names of their own to a new folder.
fn copies(plugin: &[u8], folder: &Path, count: usize) -> Vec<PathBuf> {
    fs::create_dir_all(folder).unwrap();
    (0..count)
        .map(|number| {
            let name = format!("cnt{number:04}");
            let mut bytes = plugin.to_vec();
            replace(
                &mut bytes,
                b"counter::Counter",
                format!("{name}::Counter").as_bytes(),
            );
            replace(&mut bytes, br#""counter""#, format!("{name:?}").as_bytes());
            let path = folder.join(format!("{name}.so"));
            fs::write(&path, bytes).unwrap();
            path
        })
        .collect()
}

fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    assert_eq!(old.len(), new.len());
    let places: Vec<usize> = memchr::memmem::find_iter(bytes, old).collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place..place + new.len()].copy_from_slice(new);
    }
}

/// Memory of this process by the names of proc(5), together, in bytes.
fn memory(names: &[&str]) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let kilobytes = |name: &&str| -> f64 {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    names.iter().map(kilobytes).sum::<f64>() * 1024.0
}

/// What is not shared with files on disk.
const OWN: [&str; 2] = ["RssAnon:", "RssShmem:"];

/// The processor time of this process.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap()
}

fn since(start: Duration) -> Duration {
    processor_time().saturating_sub(start)
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

/// What was measured with one number of plugins, turn by turn.
#[derive(Default)]
struct Measured {
    bare: Vec<Duration>,
    unprobed: Vec<Duration>,
    probed: Vec<Duration>,
    first_probe: Vec<Duration>,
    /// Memory, in sizes of the files.
    grown: Vec<f64>,
    peak: Vec<f64>,
}

fn main() {
    let plugin = plugin();
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.json");
    generate(Algorithm::EdDsa, None)
        .unwrap()
        .write_new(&keys)
        .unwrap();
    println!("plugin of {} bytes; medians of {TURNS} turns", plugin.len());
    for count in COUNTS {
        let mut measured = Measured::default();
        for turn in 0..TURNS {
            let dir = folder.path().join(format!("{count}-{turn}"));
            measured.turn(&plugin, &dir, &keys, count);
        }
        measured.print(count);
    }
}

impl Measured {
    fn turn(&mut self, plugin: &[u8], dir: &Path, keys: &Path, count: usize) {
        // A bare dlopen and each host get files that the process has not seen.
        let files = copies(plugin, &dir.join("bare"), count);
        let start = processor_time();
        for file in &files {
            // SAFETY: the library was built from the source beside this benchmark.
            std::mem::forget(unsafe { Library::new(file) }.unwrap());
        }
        self.bare.push(since(start));

        let all = (count * plugin.len()) as f64;
        let (before, resident) = (memory(&OWN), memory(&["VmRSS:"]));
        // Forgets the peak so far.
        fs::write("/proc/self/clear_refs", "5").unwrap();
        copies(plugin, &dir.join("unprobed"), count);
        self.unprobed
            .push(host(dir, "unprobed", keys, count, false));
        self.grown.push((memory(&OWN) - before) / all);
        self.peak.push((memory(&["VmHWM:"]) - resident) / all);

        copies(plugin, &dir.join("probed"), count);
        let start = Instant::now();
        host(dir, "probed", keys, count, true);
        self.first_probe.push(start.elapsed());
        // The same bytes, which it knows by now.
        self.probed.push(host(dir, "probed", keys, count, true));
    }

    fn print(self, count: usize) {
        let each = |times| median(times) / count as f64;
        let ratio = |mut ratios: Vec<f64>| {
            ratios.sort_by(f64::total_cmp);
            ratios[ratios.len() / 2]
        };
        let bare = each(self.bare);
        println!(
            "{count:>3} plugins, each: dlopen {bare:.3} ms; above it: unprobed {:.3} ms, probed before {:.3} ms; the first probe {:.1} ms; memory {:.2} x the file, at the peak {:.2} x",
            each(self.unprobed) - bare,
            each(self.probed) - bare,
            each(self.first_probe),
            ratio(self.grown),
            ratio(self.peak),
        );
    }
}

/// Builds a host and says what processor time that took.
fn host(dir: &Path, plugins: &str, keys: &Path, count: usize, probe: bool) -> Duration {
    let mut config = op_listener_host::config::Config {
        data_dir: dir.join("data"),
        ..Default::default()
    };
    config.signing.keys = Some(keys.to_owned());
    config.signing.algorithm = Algorithm::EdDsa;
    config.plugins.dir = dir.join(plugins);
    let mut builder = Host::builder().config(config);
    if probe {
        builder = builder.prober(env!("CARGO_BIN_EXE_op-listener"));
    }
    let start = processor_time();
    let host = builder.build().unwrap();
    let took = since(start);
    let classes: HashSet<String> = host
        .listeners()
        .into_iter()
        .map(|listener| listener.class)
        .collect();
    assert_eq!(classes.len(), count, "each library is itself");
    took
}
