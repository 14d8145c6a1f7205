//! The error that listener code returns.

use std::fmt;

/// Why a listener could not do what it was asked to.
///
/// Any error type converts with `?`: the messages of its sources are joined to its own. Like most
/// such catch-all types it does not implement [`std::error::Error`] itself. A boxed error is no
/// error type: `.map_err(|error| Error::from(&*error))`.
///
/// ```
/// use op_listener_api::Error;
///
/// fn port(text: &str) -> Result<u16, Error> {
///     if text.is_empty() {
///         return Err(Error::new("the port is missing: set `port`"));
///     }
///     Ok(text.parse()?)
/// }
/// assert!(port("x").is_err());
/// ```
pub struct Error {
    message: String,
    in_config: bool,
}

impl Error {
    /// An error with a message for the operator: what is wrong, where, and what to do.
    pub fn new(message: impl fmt::Display) -> Self {
        Self {
            message: message.to_string(),
            in_config: false,
        }
    }

    /// An error that lies in the listener's configuration: the host points at its entry in the
    /// configuration file.
    pub fn config(message: impl fmt::Display) -> Self {
        Self {
            message: message.to_string(),
            in_config: true,
        }
    }

    /// Says what was being done: `context: message`.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// Whether the error lies in the listener's configuration.
    pub fn is_config(&self) -> bool {
        self.in_config
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        use fmt::Write as _;

        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            let cause = error.to_string();
            // Many errors repeat their source in their own text.
            if !message.ends_with(&cause) {
                let _ = write!(message, ": {cause}");
            }
            source = error.source();
        }
        Self::new(message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
