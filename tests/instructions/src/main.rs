//! Does each thing whose instructions the tests count (`tests/embedded/instructions.rs`) so often that
//! what is done once does not weigh, in a function of its own that is never inlined: the counts are
//! told by these functions' names. It counts nothing itself, and is of use under `valgrind` alone.
//!
//! `instructions DIR`: DIR holds a folder `plugins` with the listener `counter`, and gets the socket.

#![allow(clippy::unwrap_used, reason = "what cannot go on has nothing to count")]

#[path = "../../../host/benches/bare/mod.rs"]
mod bare;
mod dispatched;
mod posted;
mod read;

use std::path::{Path, PathBuf};

use op_listener_host::Host;
use op_listener_host::config::{Config, ListenerConfig};
use op_listener_host::signing::Algorithm;

/// How many events each way has.
const EVENTS: usize = 2000;

/// A configuration with so many listeners.
fn config(dir: &Path, listeners: usize) -> Config {
    let mut config = Config::defaults(dir);
    // Quickly made, which matters where each instruction is looked at.
    config.signing.algorithm = Algorithm::EdDsa;
    // What reading the clock takes is the system's business.
    config.dispatch.measure = false;
    config.listeners = (0..listeners)
        .map(|number| {
            let mut entry = ListenerConfig::new("counter");
            entry.name = format!("counter-{number}");
            entry
        })
        .collect();
    config
}

fn host(config: &Config) -> Host {
    Host::builder().config(config.clone()).build().unwrap()
}

/// An event that is nobody else's.
fn line(number: usize) -> String {
    format!(
        r#"{{"type":"id_token_issue","id":"event-{number:016}","txn":"5f1c1f2e-8a64-4c43-9d2b-1f4f9f2f6f10","time":1523304728.25,"issuer":"https://op.example.com","client_id":"000123","subject":"alice","claims":{{"iss":"https://op.example.com","sub":"alice","aud":"000123","nonce":"n-0S6_WzA2Mj","auth_time":1523304720,"acr":"urn:example:loa:2","amr":["pwd","otp"],"iat":1523304728,"exp":1523305328,"jti":"b1f5d3d0c0f24e2f"}}}}"#
    )
}

fn main() {
    let dir = PathBuf::from(std::env::args_os().nth(1).unwrap());
    // Said so that whoever waits sees that it goes on.
    eprintln!("reading");
    read::all();
    eprintln!("dispatching");
    dispatched::all(&dir);
    eprintln!("posting");
    posted::all(&dir);
}
