//! `op-listener list`: what is in a directory, without executing any of it.

use std::path::PathBuf;

use op_listener_host::library::Trust;
use op_listener_host::listing::list_dir;

use crate::exit::{Exit, print};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The directory with the plugins
    #[arg(default_value = "plugins")]
    dir: PathBuf,
    /// As JSON: an array with an object for each file
    #[arg(long)]
    json: bool,
}

pub(crate) fn list(arguments: &Arguments) -> Exit {
    let listed = match list_dir(&arguments.dir, Trust::default()) {
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
