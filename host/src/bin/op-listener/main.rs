//! The `op-listener` command. A file per subcommand; this one reads the command line and turns
//! outcomes into exit codes.

mod ask;
mod check;
mod config;
mod exit;
mod interrupt;
mod keys;
mod list;
mod pin;
mod probe;
#[cfg(feature = "delivery")]
mod queue;
mod run;

use std::panic;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use exit::Exit;
use op_listener_host::probe::run_process;

/// Calls event listeners, native plugins, for every ID token and access token that an OpenID
/// provider issues and for every subject that is authenticated and consents.
#[derive(Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Results go to standard output, logs to standard error.\n\
    Exit codes: 0 all well; 1 some events were refused; 2 wrong usage or configuration; \
    3 a listener could not be loaded and the policy says abort, or does not conform; 4 internal."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Load the listeners and call them for a stream of events, until it ends or SIGTERM or SIGINT
    /// comes
    Run(run::Arguments),
    /// Show what is in a plugin directory, without executing any of it
    List(list::Arguments),
    /// Write down which plugin files may be loaded, by their hashes, after showing what changes
    Pin(pin::Arguments),
    /// Try plugins in a process of their own, as `run` does before it loads one that it has not
    /// seen before
    Probe(probe::Arguments),
    /// What `probe` runs in that process.
    #[command(name = "probe-process", hide = true)]
    ProbeProcess { request: String },
    /// Say whether plugins conform: each check in a process of its own
    Check(check::Arguments),
    /// Make one check, for `check`
    #[command(name = check::ONE, hide = true)]
    CheckOne(check::One),
    /// Make a signing key, or print the public JWK set of one
    #[command(subcommand)]
    Keys(keys::Command),
    /// Look into the delivery queues, retry, drop, pause and resume
    #[cfg(feature = "delivery")]
    #[command(subcommand)]
    Queue(queue::Command),
    /// Check or show a configuration
    #[command(subcommand)]
    Config(config::Command),
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are results, all else is wrong usage. Nobody may be reading.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage.into()
            } else {
                Exit::Well.into()
            };
        }
    };
    let outcome = panic::catch_unwind(move || match arguments.command {
        Command::Run(arguments) => run::run(arguments).into(),
        Command::List(arguments) => list::list(&arguments).into(),
        Command::Pin(arguments) => pin::pin(arguments).into(),
        Command::Probe(arguments) => probe::probe(&arguments).into(),
        Command::ProbeProcess { request } => run_process(&request).into(),
        Command::Check(arguments) => check::check(arguments).into(),
        Command::CheckOne(arguments) => check::one(&arguments).into(),
        Command::Keys(command) => keys::keys(command).into(),
        #[cfg(feature = "delivery")]
        Command::Queue(command) => queue::queue(command).into(),
        Command::Config(command) => config::config(command).into(),
    });
    outcome.unwrap_or(Exit::Internal.into())
}
