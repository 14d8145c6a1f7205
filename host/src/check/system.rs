//! What the system tells of this process: threads, descriptors, memory, dispositions. On systems
//! that do not tell, `None`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The names of this process's threads by their numbers.
pub(super) fn threads() -> Option<BTreeMap<u32, String>> {
    let mut threads = BTreeMap::new();
    for (number, dir) in entries("/proc/self/task")? {
        let name = std::fs::read_to_string(dir.join("comm")).unwrap_or_default();
        threads.insert(number, name.trim_end().to_owned());
    }
    Some(threads)
}

/// What this process's descriptors refer to, by their numbers.
pub(super) fn descriptors() -> Option<BTreeMap<u32, PathBuf>> {
    let mut descriptors = BTreeMap::new();
    for (number, link) in entries("/proc/self/fd")? {
        // The descriptor of the reading itself is gone by now.
        if let Ok(target) = std::fs::read_link(link) {
            descriptors.insert(number, target);
        }
    }
    Some(descriptors)
}

/// The processes that this one has started and not waited for, by number and name.
pub(super) fn children() -> Option<Vec<String>> {
    let mut children = Vec::new();
    for (_, dir) in entries("/proc/self/task")? {
        // A thread may be gone by now; but where the kernel keeps no such list, none has it.
        let Ok(numbers) = std::fs::read_to_string(dir.join("children")) else {
            continue;
        };
        for number in numbers.split_whitespace() {
            let name = std::fs::read_to_string(format!("/proc/{number}/comm"));
            children.push(format!("{number} {}", name.unwrap_or_default().trim_end()));
        }
    }
    let listed = std::path::Path::new("/proc/thread-self/children").exists();
    listed.then_some(children)
}

/// Whether a descriptor was opened for writing.
pub(super) fn writable(descriptor: u32) -> bool {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{descriptor}"));
    let flags = info.ok().and_then(|info| {
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
        u32::from_str_radix(flags.trim(), 8).ok()
    });
    // O_RDONLY is 0, O_WRONLY 1, O_RDWR 2.
    flags.is_some_and(|flags| flags & 3 != 0)
}

/// The resident set in bytes.
pub(super) fn resident() -> Option<u64> {
    let kilobytes = status("VmRSS:")?;
    let kilobytes: u64 = kilobytes.strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// How long this thread was ready to run while others had the processors. None, where the system
/// does not tell.
pub(super) fn held_up() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = told.split_whitespace().nth(1);
    let nanoseconds = nanoseconds.and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

/// The value of a line of `/proc/thread-self/status`.
pub(super) fn status(name: &str) -> Option<String> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(value.trim().to_owned())
}

fn entries(dir: &str) -> Option<Vec<(u32, PathBuf)>> {
    let entries = std::fs::read_dir(dir).ok()?;
    let numbered = |entry: std::fs::DirEntry| {
        let number = entry.file_name().to_str()?.parse().ok()?;
        Some((number, entry.path()))
    };
    Some(entries.flatten().filter_map(numbered).collect())
}

/// Waits until `settled` says so, but for no longer than `limit`. Whether it said so.
pub(super) fn wait_until(limit: Duration, mut settled: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    loop {
        if settled() {
            return true;
        }
        if begin.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
