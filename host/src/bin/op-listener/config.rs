//! `op-listener config`: what a configuration says, and what is wrong with it.

use std::path::PathBuf;

use op_listener_host::config::Config;
use op_listener_host::feed::Feed;
use op_listener_host::library::Trust;
use op_listener_host::signing::Signer;

use crate::exit::{Exit, print};
use crate::serving;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Say everything that is wrong with a configuration, or nothing
    Check(File),
    /// Print the configuration in force, defaults included, secrets hidden
    Show(Show),
}

#[derive(clap::Args)]
pub(crate) struct File {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(clap::Args)]
pub(crate) struct Show {
    /// The configuration file; without one the defaults are shown
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(crate) fn config(command: Command) -> Exit {
    match command {
        Command::Check(arguments) => check(&arguments),
        Command::Show(arguments) => show(&arguments),
    }
}

/// Checks the file and those that it names, but for the plugins: `list` is for them.
fn check(arguments: &File) -> Exit {
    let config = match Config::read(&arguments.config) {
        Ok(config) => config,
        Err(errors) => return Exit::Usage.because(errors),
    };
    let mut exit = Exit::Well;
    if let Err(error) = Feed::new(&config) {
        exit = Exit::Usage.because(error);
    }
    let signing = &config.signing;
    if let Some(keys) = &signing.keys {
        match Signer::from_file(keys, signing.algorithm, signing.kid.as_deref()) {
            Ok((_, warnings)) => {
                for warning in warnings {
                    crate::exit::tell(format_args!("warning: {warning}"));
                }
            }
            Err(error) => exit = Exit::Usage.because(error),
        }
    }
    match serving::judge(&config) {
        Ok(warnings) => {
            for warning in warnings {
                crate::exit::tell(format_args!("warning: {warning}"));
            }
        }
        Err(errors) => exit = Exit::Usage.because(errors),
    }
    if let Err(error) = config.plugins.trust.judge() {
        exit = Exit::Usage.because(error);
    }
    if let Trust::Pinned { pins } = &config.plugins.trust
        && !pins.exists()
    {
        exit = Exit::Usage.because(format_args!(
            "there is no lock file {pins:?}, so no plugin would be loaded: look at the plugins and run `op-listener pin`"
        ));
    }
    if !config.plugins.dir.is_dir() {
        let dir = &config.plugins.dir;
        exit = Exit::Usage.because(format_args!(
            "the plugin directory {dir:?} does not exist: make it, or set `dir` under `[plugins]`"
        ));
    }
    exit
}

fn show(arguments: &Show) -> Exit {
    let config = match &arguments.config {
        None => Config::default(),
        Some(file) => match Config::read(file) {
            Ok(config) => config,
            Err(errors) => return Exit::Usage.because(errors),
        },
    };
    print(config)
}
