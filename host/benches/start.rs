//! What starting costs: a host with 1, 10 and 100 plugins, each a file of its own, beside a bare
//! `dlopen` of the same files, in one run. The signing key and the log are the same for all.
//!
//! Every plugin is the one of the dispatch benchmark with another id and class written over its
//! own, so each is another library to the system's loader.

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

/// The process's memory that is not shared with files on disk, in bytes.
fn memory() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = |name: &str| -> f64 {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    (line("RssAnon:") + line("RssShmem:")) * 1024.0
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
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
        let (mut bare, mut hosted, mut grown) = (Vec::new(), Vec::new(), Vec::new());
        for turn in 0..TURNS {
            let dir = folder.path().join(format!("{count}-{turn}"));
            // A bare dlopen and the host each get files that the process has not seen.
            let files = copies(&plugin, &dir.join("bare"), count);
            let start = Instant::now();
            for file in &files {
                // SAFETY: the library was built from the source beside this benchmark.
                std::mem::forget(unsafe { Library::new(file) }.unwrap());
            }
            bare.push(start.elapsed());

            copies(&plugin, &dir.join("host"), count);
            let mut config = op_listener_host::config::Config::default();
            config.signing.keys = Some(keys.clone());
            config.signing.algorithm = Algorithm::EdDsa;
            config.plugins.dir = dir.join("host");
            let before = memory();
            let start = Instant::now();
            let host = Host::builder().config(config).build().unwrap();
            hosted.push(start.elapsed());
            grown.push((memory() - before) / (count * plugin.len()) as f64);
            let classes: HashSet<String> = host
                .listeners()
                .into_iter()
                .map(|listener| listener.class)
                .collect();
            assert_eq!(classes.len(), count, "each library is itself");
        }
        grown.sort_by(f64::total_cmp);
        let (bare, hosted) = (median(bare), median(hosted));
        let above = (hosted - bare) / count as f64;
        println!(
            "{count:>3} plugins: dlopen {bare:.2} ms, host {hosted:.2} ms: {above:.3} ms a plugin above dlopen; memory {:.2} x the file",
            grown[grown.len() / 2]
        );
    }
}
