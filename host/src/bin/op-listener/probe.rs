//! `op-listener probe`: tries plugins before anybody loads them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use op_listener_host::config::Config;
use op_listener_host::library::LoadError;
use op_listener_host::log::{self, Settings};
use op_listener_host::probe::{Probed, Prober};

use crate::exit::{Exit, print};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The plugins
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Forget what an earlier probe found out, and try again
    #[arg(long)]
    again: bool,
    /// The configuration file: the limits, how far files are trusted, and the data directory in
    /// which outcomes are remembered; without one the defaults serve
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(crate) fn probe(arguments: &Arguments) -> Exit {
    let config = match &arguments.config {
        None => Config::default(),
        Some(file) => match Config::read(file) {
            Ok(config) => config,
            Err(errors) => return Exit::Usage.because(errors),
        },
    };
    let settings = Settings {
        format: config.log.format,
        filter: config.log.level.targets().clone(),
    };
    if let Err(error) = log::subscribe(settings) {
        return Exit::Internal.because(error);
    }
    let mut prober = match Prober::this_program() {
        Ok(program) => Prober::new(&config, program),
        Err(error) => return Exit::Internal.because(format_args!("this program: {error}")),
    };
    let mut exit = Exit::Well;
    for file in &arguments.files {
        let outcome = prober.probe_file(file, arguments.again);
        if outcome.is_err() {
            exit = Exit::ListenerRefused;
        }
        let printed = print(verdict(file, outcome));
        if printed != Exit::Well {
            return printed;
        }
    }
    exit
}

fn verdict(file: &Path, probed: Result<Probed, LoadError>) -> String {
    match probed {
        Err(error) => format!("{error}\n"),
        Ok(Probed {
            remembered: Some(time),
            ..
        }) => format!("{file:?}: passed its probe (remembered from {time})\n"),
        Ok(probed) => {
            let mut text = format!("{file:?}: passed its probe\n");
            for declined in &probed.declined {
                // Writing to a `String` does not fail.
                let _ = writeln!(
                    text,
                    "  declined an empty configuration: {}",
                    declined.escape_debug()
                );
            }
            text
        }
    }
}
