//! Signals: what each asks for; and the input, which SIGTERM and SIGINT end: the event at hand is
//! finished, and reading ends there.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::pulse::Pulse;

#[cfg(not(unix))]
use other as system;
#[cfg(unix)]
use unix as system;

#[cfg(feature = "delivery")]
pub(crate) use system::Interruption;
pub(crate) use system::Signals;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(unix), allow(dead_code, reason = "none comes there"))]
pub(crate) enum Signal {
    Stop,
    Reload,
}

/// Opens the events; `-` is standard input.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let source = if path == Path::new("-") {
        standard_input()?
    } else {
        open_file(path)?
    };
    if source.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(source)
}

/// The input, which ends when a signal asks for it, even while nothing comes.
pub(crate) struct Input<'a> {
    source: File,
    signals: &'a Signals,
    pulse: Pulse,
}

impl<'a> Input<'a> {
    pub(crate) fn new(source: File, signals: &'a Signals, pulse: Pulse) -> Self {
        Self {
            source,
            signals,
            pulse,
        }
    }
}

impl Input<'_> {
    fn wait(&self) -> io::Result<bool> {
        self.pulse.waits(true);
        let waited = self.signals.wait_for(&self.source);
        self.pulse.waits(false);
        waited
    }
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.wait()? {
            match self.source.read(buffer) {
                // Another reader of the same pipe was first.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
        Ok(0)
    }
}

/// Opens a file. Opening a FIFO would wait for its writer, and no signal could end that; so the
/// waiting is left to the first read.
#[cfg(unix)]
fn open_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};

    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    if std::fs::metadata(path)?.file_type().is_fifo() {
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    options.open(path)
}

#[cfg(not(unix))]
fn open_file(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(unix)]
fn standard_input() -> io::Result<File> {
    use std::os::fd::AsFd;

    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

#[cfg(windows)]
fn standard_input() -> io::Result<File> {
    use std::os::windows::io::AsHandle;

    Ok(io::stdin().as_handle().try_clone_to_owned()?.into())
}

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::io;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::sync::atomic::Ordering::Relaxed;
    use std::sync::atomic::{AtomicBool, AtomicUsize};
    use std::thread;

    use rustix::event::{PollFd, PollFlags, poll};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    use signal_hook::iterator;
    use signal_hook::{flag, low_level};

    use super::Signal;

    /// SIGTERM and SIGINT, for work that is to end between two steps and then say how far it has come.
    #[cfg_attr(
        not(feature = "delivery"),
        allow(dead_code, reason = "long work is with queues")
    )]
    pub(crate) struct Interruption {
        /// The signal that came.
        signal: Arc<AtomicUsize>,
    }

    #[cfg_attr(not(feature = "delivery"), allow(dead_code, reason = "as above"))]
    impl Interruption {
        /// Takes over both. A second one ends the process at once, as by default.
        pub(crate) fn catch() -> io::Result<Self> {
            let came = Arc::new(AtomicBool::new(false));
            let caught = Arc::new(AtomicUsize::new(0));
            for signal in [SIGTERM, SIGINT] {
                flag::register_conditional_default(signal, Arc::clone(&came))?;
                flag::register(signal, Arc::clone(&came))?;
                let number = usize::try_from(signal).map_err(io::Error::other)?;
                flag::register_usize(signal, Arc::clone(&caught), number)?;
            }
            Ok(Self { signal: caught })
        }

        pub(crate) fn came(&self) -> bool {
            self.signal.load(Relaxed) != 0
        }

        /// Ends the process as the signal would have done, if one came: whoever has started it is to
        /// see that.
        pub(crate) fn end_by_it(&self) {
            let signal = self.signal.load(Relaxed);
            if let Ok(signal @ 1..) = i32::try_from(signal) {
                let _ = low_level::emulate_default_handler(signal);
            }
        }
    }

    /// Turns SIGTERM and SIGINT into something that can be waited for beside the input.
    pub(crate) struct Signals {
        /// Becomes readable with the first of them.
        arrived: UnixStream,
        stop: Arc<AtomicBool>,
    }

    impl Signals {
        /// Takes over both signals, and SIGHUP; each that comes is told of. A second SIGTERM or
        /// SIGINT ends the process at once, as by default.
        pub(crate) fn catch(tell: impl Fn(Signal) + Send + 'static) -> io::Result<Self> {
            let (arrived, sender) = UnixStream::pair()?;
            sender.set_nonblocking(true)?;
            let stop = Arc::new(AtomicBool::new(false));
            for signal in [SIGTERM, SIGINT] {
                // In this order: the first signal finds the flag unset, the second finds it set.
                flag::register_conditional_default(signal, Arc::clone(&stop))?;
                flag::register(signal, Arc::clone(&stop))?;
                low_level::pipe::register(signal, sender.try_clone()?)?;
            }
            // A file at the limit of its size is an error of the write, and not the end of the host.
            flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
            let mut signals = iterator::Signals::new([SIGTERM, SIGINT, SIGHUP])?;
            thread::Builder::new()
                .name("signals".to_owned())
                .spawn(move || {
                    let mut stops = 0;
                    for signal in signals.forever() {
                        if signal == SIGHUP {
                            tell(Signal::Reload);
                            continue;
                        }
                        stops += 1;
                        if stops > 1 {
                            // One that comes while the first is being noted finds the flag unset, too.
                            let _ = low_level::emulate_default_handler(signal);
                        }
                        tell(Signal::Stop);
                    }
                })?;
            Ok(Self { arrived, stop })
        }

        /// Set once a signal to stop came.
        pub(crate) fn stop(&self) -> &AtomicBool {
            &self.stop
        }

        /// Waits until there is something to read (true), or a signal to stop came (false).
        pub(super) fn wait_for(&self, source: &File) -> io::Result<bool> {
            let mut both = [
                PollFd::new(&self.arrived, PollFlags::IN),
                PollFd::new(source, PollFlags::IN),
            ];
            loop {
                match poll(&mut both, None) {
                    Ok(_) => return Ok(both[0].revents().is_empty()),
                    Err(rustix::io::Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
}

#[cfg(not(unix))]
mod other {
    use std::fs::File;
    use std::io;
    use std::sync::atomic::AtomicBool;

    use super::Signal;

    /// Where there are no such signals the console ends the process itself.
    pub(crate) struct Interruption;

    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "its twin is so"
    )]
    impl Interruption {
        pub(crate) fn catch() -> io::Result<Self> {
            Ok(Self)
        }

        pub(crate) fn came(&self) -> bool {
            false
        }

        pub(crate) fn end_by_it(&self) {}
    }

    /// Where there are no such signals the console ends the process itself.
    pub(crate) struct Signals(AtomicBool);

    #[expect(clippy::unnecessary_wraps, reason = "its twin can fail")]
    impl Signals {
        pub(crate) fn catch(_: impl Fn(Signal) + Send + 'static) -> io::Result<Self> {
            Ok(Self(AtomicBool::new(false)))
        }

        pub(crate) fn stop(&self) -> &AtomicBool {
            &self.0
        }

        /// Waits for the end of the process.
        pub(crate) fn wait(&self) {
            loop {
                std::thread::park();
            }
        }

        pub(super) fn wait_for(&self, _: &File) -> io::Result<bool> {
            Ok(true)
        }
    }
}
