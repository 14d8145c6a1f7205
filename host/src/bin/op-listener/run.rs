//! `op-listener run`: the main job. Here it is put together; how it goes on until its end stands in
//! `service`.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;

use op_listener_host::config::{Config, ConfigErrors};
use op_listener_host::feed::{Feed, Totals};
use op_listener_host::log;
use op_listener_host::probe::Prober;
use op_listener_host::reload::{Reloader, Seen};
use op_listener_host::{Host, StartError};

use crate::exit::Exit;
use crate::interrupt::{self, Input, Signals};
use crate::manager::Manager;
use crate::pulse::{Beating, Pulse};
use crate::service::{Ended, Happening, Service};
use crate::serving::{self, Doors, Serving};

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

/// The configuration, with what the command line says in its place: at the start and at every
/// reload.
fn read_config(file: Option<&Path>, plugins: Option<&Path>) -> Result<Config, ConfigErrors> {
    let mut config = match file {
        None => Config::default(),
        Some(file) => Config::read(file)?,
    };
    if let Some(dir) = plugins {
        dir.clone_into(&mut config.plugins.dir);
    }
    Ok(config)
}

pub(crate) fn run(arguments: Arguments) -> Exit {
    let Arguments {
        config: file,
        plugins,
        events,
    } = arguments;
    // The current directory may be another one later on: a listener's doing, perhaps.
    let whole = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    let plugins = plugins.map(whole);
    let config = match read_config(file.as_deref(), plugins.as_deref()) {
        Ok(config) => config,
        Err(errors) => return Exit::Usage.because(errors),
    };
    let file = file.map(whole);
    let seen = Seen::now(&config, file.as_deref());
    let subscription = match log::subscribe((&config.log).into()) {
        Ok(subscription) => subscription,
        Err(error) => return Exit::Internal.because(error),
    };
    // By now there is a log to be warned in.
    if let Err(errors) = serving::judge(&config) {
        return Exit::Usage.because(errors);
    }
    // Before anything is loaded, so that no signal finds the host without an answer.
    let (tell, happenings) = channel();
    let signal = tell.clone();
    let signals = Signals::catch(move |which| {
        // Whoever heard of it is at the end already where this fails.
        let _ = signal.send(Happening::Signal(which));
    });
    let signals = match signals {
        Ok(signals) => signals,
        Err(error) => return Exit::Internal.because(format_args!("signals: {error}")),
    };
    let feed = match Feed::new(&config) {
        Ok(feed) => Arc::new(feed),
        Err(error) => return Exit::Usage.because(error),
    };
    let serves = config.intake.listen.is_somewhere();
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
    // What cannot be had is told before anything is loaded.
    let doors = match Doors::open(&config) {
        Ok(doors) => doors,
        Err(exit) => return exit,
    };
    let prober = match Prober::this_program() {
        Ok(prober) => prober,
        Err(error) => return Exit::Internal.because(format_args!("this program: {error}")),
    };
    let host = Host::builder().config(config.clone()).prober(prober);
    let host = host.ready_later();
    let host = match host.build() {
        Ok(host) => Arc::new(host),
        Err(error @ StartError::Refused { .. }) => {
            log::start_abandoned(&error);
            return Exit::ListenerRefused;
        }
        Err(error) => return Exit::Usage.because(error),
    };
    let serving = match Serving::start(doors, &host, &feed) {
        Ok(serving) => serving,
        Err(exit) => return exit,
    };
    host.say_ready();
    // Its log tells; the host starts without it, and facts wait.
    let _ = feed.flow().ready();
    let pulse = Pulse::default();
    let stream = input.map(|input| stream(input, signals, pulse.clone(), &feed, &host));
    let read = {
        let file = file.clone();
        move || read_config(file.as_deref(), plugins.as_deref())
    };
    let reloader = Reloader::new(Arc::clone(&host), config, file, read)
        .with_part(feed)
        .with_part(Arc::new(subscription));
    let service = Service {
        host,
        reloader: Arc::new(serving.reloaded_by(reloader)),
        serving,
        manager: Manager::from_environment(),
        pulse,
    };
    service.run(stream, seen, &tell, &happenings)
}

/// What reads the stream to its end, on a thread of its own.
fn stream(
    input: File,
    signals: Signals,
    pulse: Pulse,
    feed: &Arc<Feed>,
    host: &Arc<Host>,
) -> impl FnOnce() -> Happening + Send + 'static {
    let (feed, host) = (Arc::clone(feed), Arc::clone(host));
    move || {
        let mut totals = Totals::default();
        let input = Input::new(input, &signals, pulse.clone());
        let reader = BufReader::with_capacity(BUFFER, input);
        let lines = Beating { reader, pulse };
        let read = feed.lines(lines, &host, signals.stop(), &mut totals);
        Happening::Ended(Ended {
            totals,
            whole: read.is_ok(),
            asked: signals.stop().load(Ordering::Relaxed),
        })
    }
}
