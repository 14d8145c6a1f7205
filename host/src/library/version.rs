//! Interface versions, and who may load what.

use std::fmt;

/// A version of the interface between host and listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InterfaceVersion {
    /// Versions of different majors do not work together.
    pub major: u32,
    /// Later minors of a major serve whatever the earlier ones did.
    pub minor: u32,
}

/// The interface that this host serves.
pub const THIS_INTERFACE: InterfaceVersion = InterfaceVersion {
    major: op_listener_abi::INTERFACE.0,
    minor: op_listener_abi::INTERFACE.1,
};

impl InterfaceVersion {
    /// Reads `major.minor`, with whatever follows after another dot.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let version = Self {
            major: number(parts.next()?)?,
            minor: number(parts.next()?)?,
        };
        Some(version)
    }

    /// Whether a host of this version serves a listener that needs `needed`.
    pub const fn serves(self, needed: Self) -> bool {
        self.major == needed.major && self.minor >= needed.minor
    }
}

fn number(digits: &str) -> Option<u32> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

impl fmt::Display for InterfaceVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}
