//! Libraries that crash, hang, exit, fork or eat memory, dropped into the directory of the real
//! host: it says what happened, goes on with the others, and nothing is left running.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "tests")]

mod embedded;
mod left_behind;
mod meanwhile;
mod phases;
mod remembering;
mod site;
mod surroundings;
