//! The host while it runs: answers signals, tells the service manager how it is, and comes to an
//! end in bounded time, whatever listeners do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use op_listener_host::Host;
use op_listener_host::feed::Totals;
use op_listener_host::log;
use op_listener_host::reload::{Reloader, Seen, Stage, Watch};

use crate::exit::Exit;
use crate::interrupt::Signal;
use crate::manager::Manager;
use crate::pulse::Pulse;
use crate::serving::Serving;

/// What the main thread is told.
pub(crate) enum Happening {
    Signal(Signal),
    /// The stream of events has ended.
    Ended(Ended),
    /// What read it has failed inside.
    Failed,
}

/// How the stream of events ended.
pub(crate) struct Ended {
    pub(crate) totals: Totals,
    /// Whether all of it could be read.
    pub(crate) whole: bool,
    /// Whether it ended because a signal asked for it.
    pub(crate) asked: bool,
}

impl Default for Ended {
    /// Nothing was there to be read.
    fn default() -> Self {
        Self {
            totals: Totals::default(),
            whole: true,
            asked: false,
        }
    }
}

/// Why all is to end.
struct End {
    /// The stream, unless it did not end in time.
    stream: Option<Ended>,
    /// Until when all has to be over that was begun, if a signal asked to stop.
    deadline: Option<Instant>,
}

/// A host that runs, and all around it.
pub(crate) struct Service {
    pub(crate) host: Arc<Host>,
    pub(crate) serving: Serving,
    pub(crate) reloader: Arc<Reloader>,
    pub(crate) manager: Manager,
    pub(crate) pulse: Pulse,
}

impl Service {
    /// Runs until a signal asks to stop, or the stream ends and nothing is served beside it.
    pub(crate) fn run(
        self,
        stream: Option<impl FnOnce() -> Happening + Send + 'static>,
        seen: Seen,
        tell: &Sender<Happening>,
        happenings: &Receiver<Happening>,
    ) -> Exit {
        let mut ended = None;
        if let Some(stream) = stream {
            let told = tell.clone();
            let reading = thread::Builder::new().name("events".to_owned());
            let reading = reading.spawn(move || {
                let ended = catch_unwind(AssertUnwindSafe(stream)).unwrap_or(Happening::Failed);
                // Whoever should hear of it waits no more where this fails.
                let _ = told.send(ended);
            });
            if let Err(error) = reading {
                return Exit::Internal.because(format_args!("a thread to read events: {error}"));
            }
        } else {
            self.pulse.waits(true);
            ended = Some(Ended::default());
        }
        let watch = match self.watch(seen) {
            Ok(watch) => watch,
            Err(error) => return Exit::Internal.because(format_args!("a thread: {error}")),
        };
        self.manager.ready(&self.status());
        let end = self.wait(ended, &watch, happenings);
        if end.deadline.is_none() {
            watch.stop();
            self.manager.stopping();
        }
        self.stop(&end, &watch)
    }

    fn watch(&self, seen: Seen) -> std::io::Result<Watch> {
        let (manager, host) = (self.manager.clone(), Arc::clone(&self.host));
        let reloader = Arc::clone(&self.reloader);
        Watch::start(reloader, seen, move |stage| match stage {
            Stage::Begins => manager.reloading(),
            Stage::Ended(changes) => {
                let status = status(&host);
                manager.ready(&match changes {
                    Some(changes) => format!("{status}; last reload: {changes}"),
                    None => format!("{status}; the last reload changed nothing, see the log"),
                });
            }
            _ => {}
        })
    }

    fn status(&self) -> String {
        status(&self.host)
    }

    /// Waits until all is to end. `ended` is there if there is no stream to wait for.
    fn wait(
        &self,
        mut ended: Option<Ended>,
        watch: &Watch,
        happenings: &Receiver<Happening>,
    ) -> End {
        let mut watchdog = Watchdog::new(self);
        let mut deadline: Option<Instant> = None;
        loop {
            if let Some(stream) = &ended
                && (deadline.is_some() || stream.asked || !self.serving.serves())
            {
                return End {
                    stream: ended,
                    deadline,
                };
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let pause = [left, watchdog.pause()].into_iter().flatten().min();
            let happening = match pause {
                None => happenings
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected),
                Some(pause) => happenings.recv_timeout(pause),
            };
            match happening {
                Ok(Happening::Signal(Signal::Reload)) => watch.ask(),
                Ok(Happening::Signal(Signal::Stop)) if deadline.is_none() => {
                    log::stop_requested();
                    watch.stop();
                    self.manager.stopping();
                    let drain = self.reloader.config().shutdown.drain;
                    deadline = Some(Instant::now() + drain);
                }
                Ok(Happening::Ended(stream)) => {
                    // The stream may tell of the signal before the signal does.
                    if deadline.is_none() && stream.asked {
                        log::stop_requested();
                    }
                    // There is nothing more that could stand still.
                    self.pulse.waits(true);
                    ended = Some(stream);
                }
                Err(RecvTimeoutError::Timeout) if left.is_some_and(|left| left.is_zero()) => {
                    return End {
                        stream: None,
                        deadline,
                    };
                }
                Ok(Happening::Signal(Signal::Stop)) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Happening::Failed) | Err(RecvTimeoutError::Disconnected) => {
                    let stream = Some(Ended {
                        whole: false,
                        ..Ended::default()
                    });
                    return End { stream, deadline };
                }
            }
            watchdog.look();
        }
    }

    fn stop(&self, end: &End, watch: &Watch) -> Exit {
        let drain = self.reloader.config().shutdown.drain;
        let until = end.deadline.unwrap_or_else(|| Instant::now() + drain);
        let left = || until.saturating_duration_since(Instant::now());
        let drained = end.stream.is_some();
        let mut totals = Totals::default();
        // Of what was posted the sender was told; of the stream nobody was.
        let exit = match &end.stream {
            Some(stream) => {
                totals.add(&stream.totals);
                match stream.totals.refused {
                    _ if !stream.whole => Exit::Internal,
                    0 => Exit::Well,
                    _ => Exit::EventsRefused,
                }
            }
            None => Exit::Internal,
        };
        let answered = self.serving.stop(left(), &mut totals);
        if !drained {
            log::drain_expired();
        }
        let stopped = self.host.shutdown_within(if drained && answered {
            left()
        } else {
            // That time was given already.
            Duration::ZERO
        });
        log::stopped(drained.then_some(&totals));
        if stopped.left_behind > 0 || watch.is_busy() {
            // Somebody is in the middle of a library still, and must not have it taken apart.
            exit.at_once();
        }
        exit
    }
}

fn status(host: &Host) -> String {
    let listeners = host.listeners();
    let active = listeners.iter().filter(|listener| listener.active).count();
    format!("{} listeners, {active} active", listeners.len())
}

/// A manager that wants to hear more often is told less often.
const SHORTEST: Duration = Duration::from_millis(1);

/// Tells the service manager that the host lives, if it does.
struct Watchdog<'s> {
    service: &'s Service,
    /// Half of the time after which the manager gives the host up.
    interval: Option<Duration>,
    next: Instant,
    beats: u64,
    silent: bool,
}

impl<'s> Watchdog<'s> {
    fn new(service: &'s Service) -> Self {
        let watchdog = service.manager.watchdog();
        Self {
            service,
            interval: watchdog.map(|time| (time / 2).max(SHORTEST)),
            next: Instant::now(),
            beats: 0,
            silent: false,
        }
    }

    fn pause(&self) -> Option<Duration> {
        let pause = self.next.saturating_duration_since(Instant::now());
        self.interval.map(|_| pause)
    }

    /// If it is time, looks whether the stream is alive, and what is posted goes on. That the main
    /// thread is alive, shows in this.
    fn look(&mut self) {
        let Some(interval) = self.interval else {
            return;
        };
        if Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + interval;
        let Service {
            pulse,
            serving,
            manager,
            ..
        } = self.service;
        if pulse.is_felt_since(&mut self.beats) && serving.moves_within(interval) {
            self.silent = false;
            manager.alive();
        } else if !std::mem::replace(&mut self.silent, true) {
            log::watchdog_withheld(interval);
        }
    }
}
