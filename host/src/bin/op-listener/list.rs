//! `op-listener list`: what is in a directory, without executing any of it.

use std::path::PathBuf;

use op_listener_host::config::Config;
use op_listener_host::listing::list_dir;

use crate::exit::{Exit, print};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The directory with the plugins, in place of the configuration's [default: plugins]
    dir: Option<PathBuf>,
    /// As JSON: an array with an object for each file
    #[arg(long)]
    json: bool,
    /// The configuration file that says by what files are judged; without one permissions count
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(crate) fn list(arguments: &Arguments) -> Exit {
    let config = match &arguments.config {
        None => Config::default(),
        Some(file) => match Config::read(file) {
            Ok(config) => config,
            Err(errors) => return Exit::Usage.because(errors),
        },
    };
    let plugins = &config.plugins;
    let dir = match (&arguments.dir, &arguments.config) {
        (Some(dir), _) => dir,
        (None, Some(_)) => &plugins.dir,
        (None, None) => &PathBuf::from("plugins"),
    };
    let listed = match list_dir(dir, &plugins.trust) {
        Ok(listed) => listed,
        Err(error) => return Exit::Usage.because(error),
    };
    if !arguments.json {
        let text: String = listed.iter().map(ToString::to_string).collect();
        return print(text);
    }
    match serde_json::to_string_pretty(&listed) {
        Ok(json) => print(format_args!("{json}\n")),
        Err(error) => Exit::Internal.because(error),
    }
}
