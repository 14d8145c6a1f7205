//! `op-listener run`: the main job.

use std::io::BufReader;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use op_listener_host::config::Config;
use op_listener_host::feed::{Feed, Totals};
use op_listener_host::log::{self, Settings};
use op_listener_host::probe::Prober;
use op_listener_host::{Host, StartError};

use crate::exit::Exit;
use crate::interrupt::{self, Input, Signals};
use crate::serving::Serving;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The configuration file; without one the defaults serve
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The directory with the plugins, in place of the configuration's [default: plugins]
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// Events, one JSON object a line; `-` is standard input [default: `-`, or none where the
    /// configuration says where they are posted]
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
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
        Ok(feed) => Arc::new(feed),
        Err(error) => return Exit::Usage.because(error),
    };
    let serves = config.intake.listen.is_somewhere();
    let events = arguments.events;
    let events = events.or_else(|| (!serves).then(|| PathBuf::from("-")));
    let input = match events.as_deref().map(interrupt::open).transpose() {
        Ok(input) => input,
        Err(error) => {
            let events = events.unwrap_or_default();
            return Exit::Usage.because(format_args!(
                "the events in {events:?} cannot be read: {error}"
            ));
        }
    };
    let prober = match Prober::this_program() {
        Ok(prober) => prober,
        Err(error) => return Exit::Internal.because(format_args!("this program: {error}")),
    };
    let host = Host::builder().config(config.clone()).prober(prober);
    let host = match host.build() {
        Ok(host) => Arc::new(host),
        Err(error @ StartError::Refused { .. }) => {
            log::start_abandoned(&error);
            return Exit::ListenerRefused;
        }
        Err(error) => return Exit::Usage.because(error),
    };
    let serving = match Serving::start(&config, &host, &feed) {
        Ok(serving) => serving,
        Err(exit) => return exit,
    };
    let mut totals = Totals::default();
    let read = input.map_or(Ok(()), |input| {
        let lines = BufReader::with_capacity(BUFFER, Input::new(input, &signals));
        feed.lines(lines, &host, signals.stop(), &mut totals)
    });
    // Of what was posted the sender was told; of the stream nobody was.
    let refused = totals.refused > 0;
    if serving.serves() {
        signals.wait();
    }
    if signals.stop().load(Ordering::Relaxed) {
        log::stop_requested();
    }
    serving.stop(&mut totals);
    host.shutdown();
    log::stopped(&totals);
    match read {
        Err(_) => Exit::Internal,
        Ok(()) if refused => Exit::EventsRefused,
        Ok(()) => Exit::Well,
    }
}
