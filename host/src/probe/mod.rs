//! Tries libraries in a child process before they are loaded into the host.
//!
//! Loading a library runs its constructors, and calling it runs whatever it holds: it may crash,
//! hang, end the process or eat its memory, and nothing inside the process can stop that. So bytes
//! that this host has never seen are loaded in a process of their own first, under limits, and only
//! what comes through is loaded here. What was learnt is remembered by the SHA-256 of the bytes,
//! so that the second start costs nothing.
//!
//! # The processes
//!
//! ```text
//! host  ->  supervisor  ->  tester
//! ```
//!
//! Both are the `op-listener` command, executed anew. The *tester* confines itself, loads the
//! library and calls it, and writes down each [`Phase`] before it begins. The *supervisor* reads
//! that, keeps the time, collects and ends whatever the library leaves behind (on Linux also
//! processes that have left their group), removes the scratch directory, and tells the host the
//! outcome. So the host itself waits for one process and reads one short text; and when the host
//! dies the supervisor notices, and clears up all the same.
//!
//! The library runs as the same user, so it can end the supervisor too. That one passes on each
//! phase as it hears of it: when it ends without a verdict the host knows how far things were, and
//! refuses the library. Signals that can be caught are, so that even then nothing is left behind.
//! Nobody can tell who sent a signal (the service manager ends a whole group), so such an outcome
//! is not remembered.
//!
//! # What is tried
//!
//! A probe must not do a listener's real work. `init` gets an empty configuration, a data
//! directory that vanishes afterwards and `"probe": true` in its request, which Rust listeners see
//! as `InitContext::is_probe`; an `init` that returns an error is fine, for it may need its
//! configuration. Then come `is_enabled`, `shutdown` and the release, and the end of the process.
//! No event is handed over.
//!
//! # What it is not
//!
//! It protects from what is broken and not from what is hostile: hostile code could behave while
//! it is watched, or forge what the tester writes. Against that stands trust, which is judged
//! before anything of a file is run, here as there.

mod failure;
mod inside;
mod prober;
mod processes;
mod report;
mod scratch;
mod supervise;
mod system;
mod verdicts;

pub use failure::{Ended, ProbeFailure, Unwatched};
pub use prober::{Probed, Prober};
pub use processes::run as run_process;
pub use report::Phase;
