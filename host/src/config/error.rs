//! What can be wrong with a configuration, and how it is said.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::excerpt::quoted;
use super::place::Place;
use super::read::MAX_FILE;
use crate::event::IssuerFault;
use crate::library::PublicKeyError;

/// All that is wrong with a configuration: at least one error, in order of position.
#[derive(Debug)]
pub struct ConfigErrors(Vec<ConfigError>);

/// One thing that is wrong: what, where, and what to do.
#[derive(Debug)]
pub struct ConfigError {
    spot: Spot,
    // In a box, so that a `Result` with an error costs little more than one without.
    problem: Box<Problem>,
    help: Option<String>,
}

#[derive(Debug)]
enum Spot {
    /// Not in a file: settings made by a program.
    Nowhere,
    File(Arc<str>),
    At(Box<Place>),
}

/// The kinds of errors.
#[derive(Debug)]
#[non_exhaustive]
pub enum Problem {
    /// The file cannot be read.
    Unreadable(io::Error),
    /// It is a directory.
    Directory,
    /// It is longer than [`MAX_FILE`] bytes.
    TooLong,
    /// It is not UTF-8: line and column of the first byte that isn't.
    NotUtf8 {
        /// The line, counted from 1.
        line: usize,
        /// The column, counted from 1.
        column: usize,
    },
    /// It is not TOML.
    Syntax(String),
    /// A key or table is given twice.
    DuplicateKey {
        /// The key as it is written.
        key: String,
        /// The line of the first one, where it is known.
        first: Option<usize>,
    },
    /// There is no such key.
    UnknownKey {
        /// The key.
        key: String,
        /// " in \[log\]", or nothing at the top of the file.
        inside: String,
    },
    /// A key or value that this build does not serve.
    NotAvailable(String),
    /// A key that must be there is not.
    Missing {
        /// The key.
        key: &'static str,
        /// The section that lacks it.
        section: &'static str,
    },
    /// A key that changes nothing as the others are.
    WithoutEffect {
        /// The key.
        key: &'static str,
        /// With what it would have an effect.
        unless: String,
    },
    /// A value of another type.
    WrongType {
        /// The key, or what the value is.
        what: String,
        /// The types that serve.
        expected: &'static str,
        /// The type that it has.
        found: &'static str,
    },
    /// A number that is too small or too large.
    OutOfRange {
        /// The key.
        what: String,
        /// The numbers that serve.
        range: String,
        /// The number.
        found: String,
    },
    /// A word that is none of the possible ones.
    NotOneOf {
        /// The key.
        what: String,
        /// The word.
        found: String,
    },
    /// Nothing where something is needed.
    Empty(String),
    /// The same value twice in a list.
    Repeated(String),
    /// A text that is not an issuer.
    Issuer(IssuerFault),
    /// A text that is not a URL of Redis: what is wrong with it.
    RedisUrl(String),
    /// A text that is not a minisign public key.
    PublicKey(PublicKeyError),
    /// A text that is not a log filter.
    LogFilter(String),
    /// A text that cannot be the name of a listener instance.
    InstanceName(String),
    /// Two listeners have one name.
    DuplicateName {
        /// The name.
        name: String,
        /// The line of the first one.
        first: usize,
    },
    /// A value in a listener's own settings that cannot be handed to it.
    ListenerSetting(String),
    /// A listener names a plugin that isn't there.
    UnknownPlugin(String),
    /// What someone else found, see [`Place::error`].
    Found(String),
}

impl ConfigErrors {
    /// Sorts them; there has to be one.
    pub(crate) fn new(mut errors: Vec<ConfigError>) -> Self {
        debug_assert!(!errors.is_empty(), "no error is no failure");
        errors.sort_by_key(|error| error.place().map(|place| (place.line(), place.column())));
        Self(errors)
    }

    /// The errors, in order of position.
    pub fn iter(&self) -> std::slice::Iter<'_, ConfigError> {
        self.0.iter()
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}

impl<'e> IntoIterator for &'e ConfigErrors {
    type Item = &'e ConfigError;
    type IntoIter = std::slice::Iter<'e, ConfigError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for ConfigErrors {
    /// The errors, an empty line between two.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, error) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl Error for ConfigErrors {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.first().and_then(Error::source)
    }
}

impl ConfigError {
    pub(super) fn at(place: Place, problem: Problem, help: Option<String>) -> Self {
        Self {
            spot: Spot::At(Box::new(place)),
            problem: Box::new(problem),
            help,
        }
    }

    pub(super) fn in_file(name: &str, problem: Problem, help: Option<String>) -> Self {
        Self {
            spot: Spot::File(super::place::clean(name).into()),
            problem: Box::new(problem),
            help,
        }
    }

    /// An error at a place that may be unknown.
    pub(crate) fn perhaps_at(
        place: Option<&Place>,
        problem: Problem,
        help: Option<String>,
    ) -> Self {
        Self {
            spot: place.map_or(Spot::Nowhere, |place| Spot::At(Box::new(place.clone()))),
            problem: Box::new(problem),
            help,
        }
    }

    /// Where it is, unless it concerns the file as a whole.
    pub fn place(&self) -> Option<&Place> {
        match &self.spot {
            Spot::At(place) => Some(place),
            Spot::Nowhere | Spot::File(_) => None,
        }
    }

    /// What is wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// What to do, where that can be said.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl fmt::Display for ConfigError {
    /// Several lines without an end: place and message, the line at fault, what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut indent = 0;
        match &self.spot {
            Spot::Nowhere => write!(f, "{}", self.problem)?,
            Spot::File(file) => match &*self.problem {
                Problem::NotUtf8 { line, column } => {
                    write!(f, "{file}:{line}:{column}: {}", self.problem)?;
                }
                problem => write!(f, "{file}: {problem}")?,
            },
            Spot::At(place) => {
                writeln!(f, "{place}: {}", self.problem)?;
                place.write_snippet(f)?;
                indent = place.gutter();
            }
        }
        match &self.help {
            Some(help) => write!(f, "\n{:indent$} = {help}", ""),
            None => Ok(()),
        }
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &*self.problem {
            Problem::Unreadable(error) => Some(error),
            Problem::Issuer(error) => Some(error),
            Problem::PublicKey(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "cannot be read: {error}"),
            Self::Directory => f.write_str("is a directory, not a configuration file"),
            Self::TooLong => write!(
                f,
                "is longer than {} MiB, which no configuration file is",
                MAX_FILE >> 20
            ),
            Self::NotUtf8 { .. } => f.write_str("the file is not UTF-8 from here on"),
            Self::Syntax(message) => write!(f, "not TOML: {message}"),
            Self::DuplicateKey { key, first } => {
                write!(f, "{} is given twice", quoted(key))?;
                match first {
                    Some(line) => write!(f, ", first on line {line}"),
                    None => Ok(()),
                }
            }
            Self::UnknownKey { key, inside } => write!(f, "unknown key {}{inside}", quoted(key)),
            Self::NotAvailable(what) => write!(f, "{what} is not available in this build"),
            Self::Missing { key, section } => write!(f, "{section} has no `{key}`"),
            Self::WithoutEffect { key, unless } => {
                write!(f, "`{key}` has no effect without {unless}")
            }
            Self::WrongType {
                what,
                expected,
                found,
            } => write!(f, "{what} must be {expected}, but it is {found}"),
            Self::OutOfRange { what, range, found } => {
                write!(f, "{what} must be {range}, but it is {found}")
            }
            Self::NotOneOf { what, found } => write!(f, "{what} cannot be {}", quoted(found)),
            Self::Empty(what) => write!(f, "{what} must not be empty"),
            Self::Repeated(what) => write!(f, "{} stands here twice", quoted(what)),
            Self::Issuer(error) => write!(f, "`issuer` is not an issuer: it {error}"),
            Self::RedisUrl(what) => write!(f, "`redis` {what}"),
            Self::PublicKey(error) => {
                write!(
                    f,
                    "an entry of `public_keys` is no minisign public key: it {error}"
                )
            }
            Self::LogFilter(message) | Self::ListenerSetting(message) | Self::Found(message) => {
                f.write_str(message)
            }
            Self::InstanceName(name) => {
                write!(f, "{} cannot be the name of a listener", quoted(name))
            }
            Self::DuplicateName { name, first } => write!(
                f,
                "the listener name {} is taken by the entry on line {first}",
                quoted(name)
            ),
            Self::UnknownPlugin(plugin) => write!(f, "there is no plugin {}", quoted(plugin)),
        }
    }
}
