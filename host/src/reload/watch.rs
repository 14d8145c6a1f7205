//! Has everything read anew when somebody asks for it, and when files have changed and are quiet
//! again. One thread does both, so there is one reload at a time.
//!
//! What the system tells of changes is taken as a hint alone, and so is the time of the next look:
//! whether anything has changed, the files themselves say.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::snapshot::{Identity, Snapshot, identity, matters_in_dir};
use super::{Reloader, files_of};
use crate::Reloaded;
use crate::config::Config;
use crate::log::say;

/// A thread that has everything read anew. Ends with the drop, but not in the middle of a reload.
#[derive(Debug)]
pub struct Watch {
    words: Sender<Word>,
    turn: Arc<Turn>,
}

/// Whether a reload is under way, and whether there are to be any.
#[derive(Debug, Default)]
struct Turn {
    busy: AtomicBool,
    /// Held while somebody is told of a reload, so that nobody is after it was set.
    stopped: Mutex<bool>,
}

impl Turn {
    /// Does this unless there are to be no reloads any more. Says whether it did.
    fn unless_stopped(&self, tell: impl FnOnce()) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        if !*stopped {
            tell();
        }
        !*stopped
    }
}

/// What a watch tells of its doings.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Stage {
    /// A reload begins.
    Begins,
    /// It has ended; with what, if it came to anything.
    Ended(Option<Reloaded>),
}

/// What the thread is told.
enum Word {
    Asked,
    /// Something may have changed.
    Hint,
    Stop,
}

/// Why there is a reload.
enum Why {
    Asked,
    Changed,
}

impl Watch {
    /// Starts the thread. What has changed since `seen` is a change already. It tells `tell` when a
    /// reload begins and ends.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub fn start(
        reloader: Arc<Reloader>,
        seen: Seen,
        tell: impl FnMut(Stage) + Send + 'static,
    ) -> io::Result<Self> {
        let (words, heard) = channel();
        let turn = Arc::new(Turn::default());
        let attendant = Attendant {
            seen: seen.0.told_of(seen_by(&reloader)),
            hints: Hints::new(words.clone()),
            turn: Arc::clone(&turn),
            tell,
            reloader,
            heard,
        };
        thread::Builder::new()
            .name("reload".to_owned())
            .spawn(move || attendant.run())?;
        Ok(Self { words, turn })
    }

    /// Asks for a reload, whether anything has changed or not.
    pub fn ask(&self) {
        // The thread ends with this handle and not before.
        let _ = self.words.send(Word::Asked);
    }

    /// Whether a reload is under way.
    pub fn is_busy(&self) -> bool {
        self.turn.busy.load(Ordering::Acquire)
    }

    /// Has no reload begin from now on, whatever changes or asks for one. One that is under way goes
    /// on, and nobody is told of its end.
    pub fn stop(&self) {
        let stopped = self.turn.stopped.lock();
        *stopped.unwrap_or_else(PoisonError::into_inner) = true;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.words.send(Word::Stop);
    }
}

/// What files were like at a moment.
#[derive(Clone, Debug)]
pub struct Seen(Snapshot);

impl Seen {
    /// As they are now: the plugin directory, the files that a configuration names, and its own.
    /// To be taken before any of them is read.
    pub fn now(config: &Config, file: Option<&Path>) -> Self {
        let files = files_of(config, file);
        Self(Snapshot::take(&config.plugins.dir, &files))
    }
}

fn seen_by(reloader: &Reloader) -> Snapshot {
    let (dir, files) = reloader.sources();
    Snapshot::take(&dir, &files)
}

/// What the thread is at.
struct Attendant<T> {
    reloader: Arc<Reloader>,
    heard: Receiver<Word>,
    /// What the files were like when they were last read.
    seen: Snapshot,
    hints: Hints,
    turn: Arc<Turn>,
    tell: T,
}

impl<T: FnMut(Stage)> Attendant<T> {
    fn run(mut self) {
        loop {
            let settings = self.reloader.config().reload.clone();
            let word = if settings.watch {
                let (dir, files) = self.reloader.sources();
                self.hints.watch(&dir, &files);
                self.heard.recv_timeout(settings.rescan)
            } else {
                self.hints.pause();
                self.heard
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected)
            };
            match word {
                Ok(Word::Asked) => self.reload(&Why::Asked),
                Ok(Word::Hint) | Err(RecvTimeoutError::Timeout) if settings.watch => {
                    if let Some(why) = self.settle(settings.debounce) {
                        self.reload(&why);
                    }
                }
                Ok(Word::Hint) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Word::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Waits until the files are quiet. Whether there is a reason to reload then.
    fn settle(&mut self, debounce: Duration) -> Option<Why> {
        let mut last = seen_by(&self.reloader);
        if last == self.seen {
            return None;
        }
        loop {
            let hinted = match self.heard.recv_timeout(debounce) {
                Ok(Word::Asked) => return Some(Why::Asked),
                Ok(Word::Hint) => true,
                Err(RecvTimeoutError::Timeout) => false,
                Ok(Word::Stop) | Err(RecvTimeoutError::Disconnected) => {
                    // To be heard again by whoever waits next.
                    let (_, nobody) = channel();
                    self.heard = nobody;
                    return None;
                }
            };
            let now = seen_by(&self.reloader);
            if !hinted && now == last {
                return (now != self.seen).then_some(Why::Changed);
            }
            last = now;
        }
    }

    fn reload(&mut self, why: &Why) {
        // Before anything is read: what changes meanwhile is seen to have changed.
        let now = seen_by(&self.reloader);
        let begins = self.turn.unless_stopped(|| {
            self.turn.busy.store(true, Ordering::Release);
            (self.tell)(Stage::Begins);
        });
        if !begins {
            return;
        }
        match why {
            Why::Asked => say!(RELOAD_ASKED, "Asked to reload"),
            Why::Changed => {
                let changes = self.seen.changes_to(&now);
                say!(RELOAD_ASKED, "Reloading, as there is a change in {changes}");
            }
        }
        let reloaded = self.reloader.reload();
        self.turn
            .unless_stopped(|| (self.tell)(Stage::Ended(reloaded)));
        self.turn.busy.store(false, Ordering::Release);
        self.seen = now.told_of(seen_by(&self.reloader));
    }
}

/// What the system tells of changes.
struct Hints {
    words: Sender<Word>,
    /// Directories that are watched, and which of their files matter.
    watched: Option<Watched>,
    /// Whether it was said that the system does not tell.
    complained: bool,
}

struct Watched {
    /// Ends with the drop.
    _watcher: RecommendedWatcher,
    dir: PathBuf,
    files: Vec<PathBuf>,
    /// The directory itself, by its number: another one may have taken its place.
    identity: Identity,
}

impl Hints {
    fn new(words: Sender<Word>) -> Self {
        Self {
            words,
            watched: None,
            complained: false,
        }
    }

    fn pause(&mut self) {
        self.watched = None;
    }

    /// Watches these, unless they are watched already.
    fn watch(&mut self, dir: &Path, files: &[PathBuf]) {
        let dirs = dirs_of(dir, files);
        let identity = identity(&dirs);
        if let Some(watched) = &self.watched
            && (&*watched.dir, &*watched.files, &watched.identity) == (dir, files, &identity)
        {
            return;
        }
        self.watched = None;
        match self.begin(dir, files, &dirs) {
            Ok(watcher) => {
                self.watched = Some(Watched {
                    _watcher: watcher,
                    dir: dir.to_owned(),
                    files: files.to_owned(),
                    identity,
                });
                self.complained = false;
                // What happened before may have been missed.
                let _ = self.words.send(Word::Hint);
            }
            Err(error) if !self.complained => {
                self.complained = true;
                say!(
                    NOT_WATCHED,
                    "The system does not tell of changes of files, so they are only looked at from time to time: {error}"
                );
            }
            Err(_) => {}
        }
    }

    fn begin(
        &self,
        dir: &Path,
        files: &[PathBuf],
        dirs: &BTreeSet<PathBuf>,
    ) -> notify::Result<RecommendedWatcher> {
        let words = self.words.clone();
        let (dir, files) = (dir.to_owned(), files.to_owned());
        let matters = move |path: &PathBuf| {
            files.contains(path)
                || *path == dir
                || path.parent() == Some(&*dir) && matters_in_dir(path)
        };
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let tells = match event {
                // Also what the files' own readers do is told of.
                Ok(event) => changes(event.kind) && event.paths.iter().any(&matters),
                Err(_) => true,
            };
            if tells {
                // Nobody listens any more where this fails.
                let _ = words.send(Word::Hint);
            }
        })?;
        for dir in dirs {
            watcher.watch(dir, RecursiveMode::NonRecursive)?;
        }
        Ok(watcher)
    }
}

fn changes(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

/// The directories in which the files stand. Files themselves are not watched: what is put in
/// their place would not be.
fn dirs_of(dir: &Path, files: &[PathBuf]) -> BTreeSet<PathBuf> {
    let parents = files.iter().filter_map(|file| file.parent());
    let parents = parents.filter(|dir| *dir != Path::new(""));
    std::iter::once(dir)
        .chain(parents)
        .map(Path::to_owned)
        .collect()
}
