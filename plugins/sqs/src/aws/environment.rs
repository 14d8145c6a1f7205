//! What users of AWS set outside of the host's configuration: environment variables, and the home
//! directory in which the shared files are.

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;

/// The variables of the process, or these.
#[derive(Clone, Debug)]
pub(crate) enum Environment {
    Process,
    These(BTreeMap<String, String>),
}

impl Environment {
    #[cfg(test)]
    pub(crate) fn of<const N: usize>(variables: [(&str, &str); N]) -> Self {
        let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self::These(BTreeMap::from(owned))
    }

    /// A variable, unless it is empty or not text.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let value = match self {
            // The standard library panics at such names.
            Self::Process if name.is_empty() || name.contains(['=', '\0']) => None,
            Self::Process => env::var(name).ok(),
            Self::These(variables) => variables.get(name).cloned(),
        };
        value.filter(|value| !value.is_empty())
    }

    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub(crate) fn home(&self) -> Option<PathBuf> {
        let home = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
        self.get(home).map(PathBuf::from)
    }

    /// A path in which a leading `~` stands for the home directory.
    pub(crate) fn path(&self, text: &str) -> PathBuf {
        match (text.strip_prefix("~/"), self.home()) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(text),
        }
    }
}
