//! Shared machinery of the end-to-end tests: builds the host's binary and the listeners that the
//! tests load, lays out a directory as an operator would, runs the binary in bounded time, and reads
//! what it logs and what listeners wrote down. What is expected of them stands in the tests.

mod building;
mod chance;
mod events;
mod fixtures;
mod growing;
mod http;
mod interfaces;
mod lines;
mod needed;
pub mod peers;
#[cfg(unix)]
mod ports;
mod process;
mod samples;
pub mod senders;
mod setup;
pub mod tallied;
pub mod tls;

pub use building::{cargo, repository, target_dir, work_dir};
pub use chance::{Numbers, seed};
pub use events::{access_token, id_token, subject};
pub use fixtures::{
    Library, audit_log, beside, counter_in_c, host_binary, library_in_c, set_push, sqs_publisher,
    tally,
};
pub use growing::whole_lines;
pub use http::{Answer, Client, Door, Stream, tcp};
pub use interfaces::{
    Changed, Newer, Shuffled, later_interface, listener_of_interface_1_0, shuffled,
};
pub use lines::{LogLine, parse_lines};
pub use needed::{Unavailable, on_this_machine, or_say, output_of, say_not_run};
#[cfg(unix)]
pub use ports::KeptPort;
pub use process::{Finished, Running, TIME_LIMIT, start};
pub use samples::samples;
pub use setup::{ELSEWHERE, Finish, Run, Setup, copy_into, plugin_dir, replace};
