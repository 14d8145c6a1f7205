//! Whether a plugin conforms: for authors before they ship one, and for operators before they
//! trust one.
//!
//! A [`Checker`] makes each of the [checks](Check) in a process of its own, with a time limit, so
//! that a listener which ends or blocks its process, or corrupts its memory, ends one check. The
//! library gets into that process as it gets into a host: sealed, inspected, mapped, its table
//! compared. From there on the checks call it in orders and with values that a host would not use.
//!
//! What the checks show is shown for the calls that they make. That a listener conforms does not
//! make it trustworthy.

mod bench;
mod catalogue;
mod child;
mod job;
mod outcome;
mod report;
mod run;
mod sample;
mod scratch;
mod system;
mod that;

pub use catalogue::Check;
pub use outcome::Status;
pub use report::{CheckResult, FileReport, Report, Summary};
pub use run::{CheckError, Checker, DEFAULT_LIMIT, one};
