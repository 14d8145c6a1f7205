//! `op-listener run`: the main job.

use std::io::BufReader;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use op_listener_host::config::Config;
use op_listener_host::feed::{Feed, Totals};
use op_listener_host::log::{self, Settings};
use op_listener_host::probe::Prober;
use op_listener_host::{Host, StartError};

use crate::exit::Exit;
use crate::interrupt::{self, Input, Signals};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The configuration file; without one the defaults serve
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The directory with the plugins, in place of the configuration's [default: plugins]
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// The events, one JSON object a line; `-` is standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    events: PathBuf,
}

/// How much is read at a time.
const BUFFER: usize = 256 << 10;

pub(crate) fn run(arguments: Arguments) -> Exit {
    let mut config = match &arguments.config {
        None => Config::default(),
        Some(file) => match Config::read(file) {
            Ok(config) => config,
            Err(errors) => return Exit::Usage.because(errors),
        },
    };
    if let Some(dir) = arguments.plugins {
        config.plugins.dir = dir;
    }
    let settings = Settings {
        format: config.log.format,
        filter: config.log.level.targets().clone(),
    };
    if let Err(error) = log::subscribe(settings) {
        return Exit::Internal.because(error);
    }
    // Before anything is loaded, so that no signal finds the host without an answer.
    let signals = match Signals::catch() {
        Ok(signals) => signals,
        Err(error) => return Exit::Internal.because(format_args!("signals: {error}")),
    };
    let feed = match Feed::new(&config) {
        Ok(feed) => feed,
        Err(error) => return Exit::Usage.because(error),
    };
    let input = match interrupt::open(&arguments.events) {
        Ok(input) => input,
        Err(error) => {
            return Exit::Usage.because(format_args!(
                "the events in {:?} cannot be read: {error}",
                arguments.events
            ));
        }
    };
    let prober = match Prober::this_program() {
        Ok(prober) => prober,
        Err(error) => return Exit::Internal.because(format_args!("this program: {error}")),
    };
    let host = match Host::builder().config(config).prober(prober).build() {
        Ok(host) => host,
        Err(error @ StartError::Refused { .. }) => {
            log::start_abandoned(&error);
            return Exit::ListenerRefused;
        }
        Err(error) => return Exit::Usage.because(error),
    };
    // Its log tells; the host starts without it, and facts wait.
    let _ = feed.flow().ready();
    let mut totals = Totals::default();
    let lines = BufReader::with_capacity(BUFFER, Input::new(input, &signals));
    let read = feed.lines(lines, &host, signals.stop(), &mut totals);
    if signals.stop().load(Ordering::Relaxed) {
        log::stop_requested();
    }
    host.shutdown();
    log::stopped(&totals);
    match read {
        Err(_) => Exit::Internal,
        Ok(()) if totals.refused > 0 => Exit::EventsRefused,
        Ok(()) => Exit::Well,
    }
}
