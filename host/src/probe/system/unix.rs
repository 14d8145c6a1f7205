//! The operating system, where it is a Unix.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, getrlimit, kill_process,
    kill_process_group, setrlimit, setsid, waitid,
};
use rustix::stdio::{dup2_stdin, dup2_stdout};
use signal_hook::consts::{SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

use crate::library::Staged;
use crate::probe::Ended;
use crate::probe::processes::{Bytes, Inside};

/// What decides which libraries the system's loader finds.
pub(in crate::probe) const KEPT_ENVIRONMENT: &[&str] = &[
    "PATH",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
];

/// The longest file that a library may write in a probe, in bytes.
const LARGEST_FILE: u64 = 64 << 20;
/// How many files it may have open.
const MOST_FILES: u64 = 256;

/// The line to the supervisor.
pub(in crate::probe) type Reports = File;

// The tester.

/// Prepares this process for a library that may do anything: takes the pipe and the bytes out of
/// its way, leaves the terminal, and sets the limits.
pub(in crate::probe) fn confine(orders: &Inside) -> io::Result<(Reports, Staged)> {
    let reports = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let staged = match &orders.bytes {
        Bytes::StandardInput => {
            // Opened anew, so that the position is nobody else's.
            let opened = File::open("/proc/self/fd/0")?;
            let path = format!("/proc/self/fd/{}", opened.as_raw_fd());
            Staged::new(path.into(), opened)
        }
        Bytes::Copy(path) => Staged::new(path.clone(), File::open(path)?),
    };
    let nothing = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    dup2_stdin(&nothing)?;
    dup2_stdout(&nothing)?;
    setsid()?;
    #[cfg(target_os = "linux")]
    linux::die_first()?;
    let seconds = orders.timeout_ms.div_ceil(1000) + 1;
    limit(Resource::Cpu, seconds)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Fsize, LARGEST_FILE)?;
    limit(Resource::Nofile, MOST_FILES)?;
    // Last: all that is needed until the library is mapped is in memory by then. Some systems
    // (macOS) know no such limit.
    let memory = limit(Resource::As, u64::from(orders.memory_mb) << 20);
    if cfg!(target_os = "linux") {
        memory?;
    }
    Ok((reports, staged))
}

/// Waits until the supervisor has taken note.
pub(in crate::probe) fn await_go(reports: &mut Reports) -> io::Result<()> {
    reports.read_exact(&mut [0])
}

/// Lowers a limit. One that is lower stays.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let before = getrlimit(resource);
    let lower = |old: Option<u64>| Some(old.map_or(most, |old| old.min(most)));
    let limit = Rlimit {
        current: lower(before.current),
        maximum: lower(before.maximum),
    };
    Ok(setrlimit(resource, limit)?)
}

// The supervisor.

/// Leaves the terminal, so that its signals do not end a probe half way, and on Linux adopts
/// whatever the tester orphans.
pub(in crate::probe) fn become_supervisor() -> io::Result<Signals> {
    // Fails where this is so already.
    let _ = setsid();
    // A program that ignores this signal hands that on to what it starts, and then nobody learns
    // how a child ended.
    signal_hook::flag::register(SIGCHLD, Arc::new(AtomicBool::new(false)))?;
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let caught = Arc::new(AtomicUsize::new(0));
    for signal in [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM] {
        let number = usize::try_from(signal).unwrap_or_default();
        signal_hook::flag::register_usize(signal, Arc::clone(&caught), number)?;
    }
    Ok(Signals(caught))
}

/// The line from the tester, whose standard output its other end is.
pub(in crate::probe) struct Line(UnixStream);

/// More than a byte that says "go on" takes, unless nobody takes it.
const GO: Duration = Duration::from_millis(5);

/// Such a line, and its other end.
pub(in crate::probe) fn line() -> io::Result<(Line, Stdio)> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_write_timeout(Some(GO))?;
    Ok((Line(ours), Stdio::from(OwnedFd::from(theirs))))
}

impl Line {
    /// What reads it.
    pub(in crate::probe) fn reader(&self, _: &mut Child) -> io::Result<UnixStream> {
        self.0.try_clone()
    }

    /// Lets the tester go on.
    pub(in crate::probe) fn go(&self) {
        // Where it is gone, or the library has taken its end away, there is a time limit.
        let _ = (&self.0).write(b".");
    }
}

/// Signals that would have ended the supervisor.
pub(in crate::probe) struct Signals(Arc<AtomicUsize>);

impl Signals {
    /// The name of one that came.
    pub(in crate::probe) fn first(&self) -> Option<String> {
        let number = i32::try_from(self.0.load(Ordering::SeqCst)).ok()?;
        (number != 0).then(|| name_of(number))
    }
}

/// Calls `on_end` once the process has ended. Its number stays its own until it is waited for.
pub(in crate::probe) fn watch(tester: &Child, on_end: impl FnOnce() + Send + 'static) {
    let tester = pid(tester);
    thread::spawn(move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(tester), options), Err(Errno::INTR)) {}
        on_end();
    });
}

/// Told by [`watch`].
pub(in crate::probe) fn has_ended(_: &mut Child) -> bool {
    false
}

/// Whether the host has closed its end of the pipe: it has died, or lost patience.
pub(in crate::probe) fn nobody_listens() -> bool {
    let stdout = io::stdout();
    let mut pipe = [PollFd::new(&stdout, PollFlags::empty())];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
    poll(&mut pipe, Some(&now)).is_ok() && pipe[0].revents().intersects(gone)
}

/// Kills the tester and all of its group.
pub(in crate::probe) fn kill_all(tester: &mut Child) {
    let tester = pid(tester);
    // The group is there once the tester has made it, and may be empty by now.
    let _ = kill_process_group(tester, Signal::KILL);
    let _ = kill_process(tester, Signal::KILL);
}

/// Kills and reaps what left the tester's group, once the tester is gone.
pub(in crate::probe) fn kill_the_rest() {
    #[cfg(target_os = "linux")]
    linux::kill_orphans();
}

/// How the tester ended.
pub(in crate::probe) fn how(status: ExitStatus) -> Ended {
    match status.signal() {
        Some(signal) => Ended::Signal(name_of(signal)),
        None => Ended::ExitCode(status.code().unwrap_or(-1)),
    }
}

fn name_of(signal: i32) -> String {
    match signal_hook::low_level::signal_name(signal) {
        Some(name) => name.to_owned(),
        None => format!("signal {signal}"),
    }
}

/// The most address space that the process has had so far, in bytes; 0 where that cannot be told.
pub(in crate::probe) fn memory_of(process: &Child) -> u64 {
    #[cfg(target_os = "linux")]
    return linux::peak(process.id()).unwrap_or(0);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = process;
        0
    }
}

fn pid(process: &Child) -> Pid {
    let number = process.id().cast_signed();
    Pid::from_raw(number).expect("the system gives a child a number that is not 0")
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io::Read;
    use std::time::{Duration, Instant};
    use std::{fs, io, process, thread};

    use rustix::process::{
        Pid, Signal, WaitOptions, kill_process, set_parent_process_death_signal, wait,
    };

    /// Sees to it that this process ends with its supervisor, and that it is the one that the
    /// system ends when memory is short.
    pub(super) fn die_first() -> io::Result<()> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // Where that is forbidden the limit is what there is.
        let _ = fs::write("/proc/self/oom_score_adj", "1000");
        Ok(())
    }

    /// Something that forks faster than it can be killed is left, in the end, to the operator.
    const PATIENCE: Duration = Duration::from_secs(2);

    /// Whoever loses its parent becomes a child of this process, so all descendants come by here.
    pub(super) fn kill_orphans() {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match wait(WaitOptions::NOHANG) {
                // Reaped; there may be more.
                Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
                Ok(None) => {
                    kill_children();
                    thread::sleep(Duration::from_millis(1));
                }
                // There are no children.
                Err(_) => return,
            }
            if Instant::now() >= deadline {
                return;
            }
        }
    }

    fn kill_children() {
        let this = process::id();
        let Ok(processes) = fs::read_dir("/proc") else {
            return;
        };
        for process in processes.flatten() {
            let name = process.file_name();
            let number = name.to_str().and_then(|name| name.parse::<i32>().ok());
            if let Some(child) = number.and_then(Pid::from_raw)
                && parent(child) == Some(this)
            {
                let _ = kill_process(child, Signal::KILL);
            }
        }
    }

    /// The parent of a process: the second field behind its name, which may hold anything.
    fn parent(process: Pid) -> Option<u32> {
        let stat = fs::read(format!("/proc/{}/stat", process.as_raw_nonzero())).ok()?;
        let behind = stat.iter().rposition(|byte| *byte == b')')? + 1;
        let fields = std::str::from_utf8(&stat[behind..]).ok()?;
        fields.split_whitespace().nth(1)?.parse().ok()
    }

    pub(super) fn peak(process: u32) -> Option<u64> {
        // In one go: its length is not known beforehand, and the system makes it anew each time.
        let mut status = [0; 4096];
        let mut file = File::open(format!("/proc/{process}/status")).ok()?;
        let length = file.read(&mut status).ok()?;
        let status = String::from_utf8_lossy(&status[..length]);
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmPeak:"))?;
        let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kilobytes.checked_mul(1024)
    }
}
