//! Whether what a configuration says of the intake, and of those who fetch through it, will serve, as
//! far as that can be told without opening a door: for `config check`, and before anything is loaded.

use super::tls;
use super::token::Token;
use crate::config::{Config, ConfigError, ConfigErrors, ListenConfig, Problem};

/// What is known of a configuration's doors before one is opened.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Judgement {
    /// What keeps the intake from starting.
    pub errors: Vec<ConfigError>,
    /// What may be meant, or may be otherwise by the time of the start.
    pub warnings: Vec<ConfigError>,
}

impl Judgement {
    /// Of a configuration. Reads the files that guard the doors, and looks at the place of the Unix
    /// socket; opens nothing.
    pub fn of(config: &Config) -> Self {
        let mut this = Self::default();
        #[cfg(unix)]
        this.judge_unix(&config.intake.listen);
        this.judge_files(&config.intake.listen);
        #[cfg(feature = "delivery")]
        this.judge_polls(config);
        this
    }

    /// The errors, if there are any.
    ///
    /// # Errors
    ///
    /// There are.
    pub fn into_result(self) -> Result<(), ConfigErrors> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(ConfigErrors::new(self.errors))
        }
    }

    fn judge_files(&mut self, config: &ListenConfig) {
        if config.http.is_none() {
            return;
        }
        let token = config.token_file.as_deref().map(Token::read);
        let tls = config.tls.as_ref().map(tls::acceptor);
        for (key, error) in [
            ("token_file", token.and_then(Result::err)),
            ("tls", tls.and_then(Result::err)),
        ] {
            if let Some(error) = error {
                self.errors
                    .push(found(config, key, 0, error.to_string(), None));
            }
        }
    }
}

#[cfg(feature = "delivery")]
impl Judgement {
    /// The tokens of those who fetch from queues.
    fn judge_polls(&mut self, config: &Config) {
        for listener in config.listeners.iter().filter(|listener| listener.enabled) {
            let token = listener
                .poll
                .as_ref()
                .map(|poll| Token::read(&poll.token_file));
            if let Some(Err(error)) = token {
                let (place, problem) = (listener.poll_token_place(), error.to_string());
                self.errors.push(ConfigError::perhaps_at(
                    place,
                    Problem::Found(problem),
                    None,
                ));
            }
        }
    }
}

fn found(
    config: &ListenConfig,
    key: &str,
    entry: usize,
    problem: String,
    help: Option<&str>,
) -> ConfigError {
    let place = config.spots.of(key, entry);
    ConfigError::perhaps_at(place, Problem::Found(problem), help.map(ToOwned::to_owned))
}

#[cfg(unix)]
impl Judgement {
    fn judge_unix(&mut self, config: &ListenConfig) {
        let Some(unix) = &config.unix else { return };
        let mut error = |key, entry, problem, help| {
            self.errors
                .push(found(config, key, entry, problem, Some(help)));
        };
        for (n, peer) in unix.peers.iter().flatten().enumerate() {
            if let Err(unknown) = super::unix::uids(std::slice::from_ref(peer)) {
                let help = "correct the name, or give the user's number";
                error("unix_peers", n + 1, unknown.to_string(), help);
            }
        }
        if std::os::unix::net::SocketAddr::from_pathname(&unix.path).is_err() {
            let problem = format!(
                "the Unix socket {:?} cannot be made: its path has {} bytes, and systems allow for \
                 about 100",
                unix.path,
                unix.path.as_os_str().len(),
            );
            error("unix", 0, problem, "choose a shorter path");
        }
        if super::unix::is_something_else(&unix.path) {
            let problem = format!("{:?} is there and no socket", unix.path);
            let help = "move it away, or choose another `unix`";
            error("unix", 0, problem, help);
        }
        let mut warning = |key, problem, help| {
            self.warnings
                .push(found(config, key, 0, problem, Some(help)));
        };
        let directory = unix.path.parent().unwrap_or(std::path::Path::new("/"));
        if !directory.exists() {
            let problem = format!("the directory {directory:?} of the Unix socket does not exist");
            let help = "it has to when the host starts: systemd makes it with `RuntimeDirectory`";
            warning("unix", problem, help);
        }
        if unix.is_open_to_all() {
            let problem = format!(
                "with `unix_mode` {:04o} every user of this machine may post events",
                unix.mode
            );
            let help = "give them a group, with 0660, or name them in `unix_peers`";
            warning("unix_mode", problem, help);
        }
    }
}
