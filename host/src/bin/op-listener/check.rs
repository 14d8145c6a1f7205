//! `op-listener check`: whether plugins conform. Also the processes in which it makes its checks,
//! which are this same program.

use std::path::PathBuf;
use std::time::Duration;

use op_listener_host::check::{self, Check, CheckError, Checker, DEFAULT_LIMIT, Report};
use op_listener_host::config::read_listener_settings;

use crate::exit::{Exit, print};

/// The name of the hidden command that makes one check.
pub(crate) const ONE: &str = "check-one";

#[derive(clap::Args)]
#[command(after_help = "Ends with 3 if a check failed or crashed.")]
pub(crate) struct Arguments {
    /// The plugins
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// As JSON: an object with the results of all files
    #[arg(long)]
    json: bool,
    /// The listener's own settings in TOML, what a host's configuration has as
    /// `[listener.config]`; relative paths in it are below a directory made for the check
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Make this check alone; may be given several times
    #[arg(long, value_name = "NAME", value_parser = by_name)]
    only: Vec<Check>,
    /// How long a check may take, in seconds; those that make few calls get a third of it, or 15
    /// where that is more
    #[arg(long, value_name = "SECONDS", default_value_t = DEFAULT_LIMIT.as_secs(),
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

#[derive(clap::Args)]
pub(crate) struct One {
    /// What to do
    job: PathBuf,
}

fn by_name(name: &str) -> Result<Check, String> {
    Check::from_name(name).ok_or_else(|| {
        let near = Check::ALL
            .iter()
            .map(|check| (strsim::jaro_winkler(check.name(), name), check))
            .max_by(|one, other| one.0.total_cmp(&other.0))
            .filter(|(likeness, _)| *likeness > 0.7);
        match near {
            Some((_, near)) => format!("there is no such check: did you mean `{near}`?"),
            None => "there is no such check: `host/CHECKS.md` has them all".to_owned(),
        }
    })
}

pub(crate) fn check(arguments: Arguments) -> Exit {
    let config = match arguments.config.map(read_listener_settings).transpose() {
        Ok(config) => config,
        Err(errors) => return Exit::Usage.because(errors),
    };
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => {
            return Exit::Internal
                .because(format_args!("this program cannot find itself: {error}"));
        }
    };
    let checker = Checker {
        program,
        arguments: vec![ONE],
        config,
        only: arguments.only,
        limit: Duration::from_secs(arguments.timeout),
    };
    let (mut printed, mut unread) = (Exit::Well, false);
    let mut files = Vec::new();
    for file in &arguments.files {
        let told = checker.check(file, |report, result| {
            if arguments.json {
                return;
            }
            let exit = match result {
                None => print(report.heading()),
                Some(result) => print(result),
            };
            if exit != Exit::Well {
                printed = exit;
            }
        });
        match told {
            Ok(report) => {
                if !arguments.json {
                    print(report.ending());
                }
                files.push(report);
            }
            // The others are checked all the same.
            Err(error @ CheckError::File(_)) => {
                Exit::Usage.because(error);
                unread = true;
            }
            Err(error) => return Exit::Internal.because(error),
        }
    }
    let report = Report::new(files);
    if arguments.json {
        match serde_json::to_string_pretty(&report) {
            Ok(json) => printed = print(format_args!("{json}\n")),
            Err(error) => return Exit::Internal.because(error),
        }
    }
    match printed {
        Exit::Well if unread => Exit::Usage,
        Exit::Well if !report.conforms => Exit::ListenerRefused,
        printed => printed,
    }
}

pub(crate) fn one(arguments: &One) -> Exit {
    match check::one(&arguments.job) {
        Ok(()) => Exit::Well,
        Err(error) => Exit::Usage.because(error),
    }
}
