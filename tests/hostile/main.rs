//! Files that mean harm, or that harm has been done to: whatever lies in the plugin directory, the
//! host lives, says in one line what is wrong with it, and goes on with its good listeners.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod corruption;
mod elsewhere;
mod fuzz;
mod lengths;
mod not_files;
mod random;
mod stage;
