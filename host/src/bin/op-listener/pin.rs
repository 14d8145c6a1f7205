//! `op-listener pin`: writes down which bytes may be loaded, after showing what changes.

use std::path::PathBuf;

use op_listener_host::config::Config;
use op_listener_host::library::Trust;
use op_listener_host::pinning::{Plan, WriteError};

use crate::ask;
use crate::exit::{Exit, print};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The directory with the plugins, in place of the configuration's [default: plugins]
    dir: Option<PathBuf>,
    /// The configuration file that names directory and lock file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The lock file, in place of the configuration's [default: plugins.lock]
    #[arg(long, value_name = "FILE")]
    pins: Option<PathBuf>,
    /// Write without asking
    #[arg(long)]
    yes: bool,
}

pub(crate) fn pin(arguments: Arguments) -> Exit {
    let config = match &arguments.config {
        None => Config::default(),
        Some(file) => match Config::read(file) {
            Ok(config) => config,
            Err(errors) => return Exit::Usage.because(errors),
        },
    };
    let dir = arguments.dir.unwrap_or_else(|| config.plugins.dir.clone());
    let configured = match &config.plugins.trust {
        Trust::Pinned { pins } => Some(pins.clone()),
        _ => None,
    };
    let path = arguments.pins.or_else(|| configured.clone());
    let path = path.unwrap_or_else(|| config.default_pins());
    let plan = match Plan::make(&dir, &path) {
        Ok(plan) => plan,
        Err(error) => return Exit::Usage.because(error),
    };
    for error in plan.passed_over() {
        eprintln!("op-listener: {error}");
    }
    for error in plan.refused() {
        eprintln!("op-listener: {error}");
    }
    let shown = print(plan.change());
    if shown != Exit::Well {
        return shown;
    }
    let exit = write(&plan, arguments.yes);
    if let (Exit::Well, Some(file), None) = (exit, &arguments.config, configured) {
        eprintln!(
            "op-listener: warning: the lock file has no effect until {file:?} says `trust = \"pinned\"` under `[plugins]`"
        );
    }
    exit
}

fn write(plan: &Plan, yes: bool) -> Exit {
    let path = plan.path();
    if !plan.refused().is_empty() {
        return Exit::ListenerRefused
            .because("nothing was written: mend or remove what is named above");
    }
    if plan.is_in_force() {
        eprintln!("op-listener: {path:?} is as it should be");
        return Exit::Well;
    }
    if !yes {
        if !ask::is_possible() {
            return Exit::Usage.because(format_args!(
                "nothing was written to {path:?}, since there is no terminal to ask on: agree to the change with `--yes`"
            ));
        }
        if !ask::agreed(&format!("Write this to {path:?}? [y/N] ")) {
            return Exit::Usage.because("nothing was written");
        }
    }
    match plan.write() {
        Ok(()) => {
            eprintln!("op-listener: wrote {path:?}");
            Exit::Well
        }
        Err(error @ WriteError::Io(..)) => Exit::Internal.because(error),
        Err(error) => Exit::Usage.because(error),
    }
}
