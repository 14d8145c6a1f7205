//! How one lock file differs from another, for a person to agree to.

use std::fmt;

use crate::library::{Pin, Pins};

/// The differences between two lock files, in the order of the names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    differences: Vec<Difference>,
    unchanged: usize,
}

/// What changes about one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It was not pinned.
    Added {
        /// The file's name.
        name: String,
        /// What is pinned now.
        new: Pin,
    },
    /// Something else was pinned.
    Changed {
        /// The file's name.
        name: String,
        /// What was pinned.
        old: Pin,
        /// What is pinned now.
        new: Pin,
    },
    /// It is pinned no more.
    Removed {
        /// The file's name.
        name: String,
        /// What was pinned.
        old: Pin,
    },
}

impl Change {
    /// From `old` to `new`.
    pub(super) fn between(old: &Pins, new: &Pins) -> Self {
        let removed = old.iter().filter(|(name, _)| new.get(name).is_none());
        let mut differences: Vec<_> = removed
            .map(|(name, old)| Difference::Removed {
                name: name.to_owned(),
                old: old.clone(),
            })
            .collect();
        let mut unchanged = 0;
        for (name, new) in new.iter() {
            let (name, new) = (name.to_owned(), new.clone());
            match old.get(&name) {
                None => differences.push(Difference::Added { name, new }),
                Some(old) if *old == new => unchanged += 1,
                Some(old) => differences.push(Difference::Changed {
                    name,
                    old: old.clone(),
                    new,
                }),
            }
        }
        differences.sort_by(|a, b| a.name().cmp(b.name()));
        Self {
            differences,
            unchanged,
        }
    }

    /// What changes.
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }

    /// How many files stay pinned as they are.
    pub fn unchanged(&self) -> usize {
        self.unchanged
    }
}

impl Difference {
    /// The file's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Added { name, .. } | Self::Changed { name, .. } | Self::Removed { name, .. } => {
                name
            }
        }
    }
}

impl fmt::Display for Change {
    /// A line for each difference, and one that counts the rest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for difference in &self.differences {
            writeln!(f, "{difference}")?;
        }
        writeln!(f, "unchanged: {}", self.unchanged)
    }
}

impl fmt::Display for Difference {
    /// `changed "libx.so": audit-log 1.0.0 → 1.1.0, sha256 91bc…… → 3fa9……`. What comes out of
    /// files that nobody vouches for is escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { name, new } => {
                write!(
                    f,
                    "added   {name:?}: {}, sha256 {}…",
                    Plugin(new),
                    new.sha256.short()
                )
            }
            Self::Removed { name, old } => {
                write!(
                    f,
                    "removed {name:?}: {}, sha256 {}…",
                    Plugin(old),
                    old.sha256.short()
                )
            }
            Self::Changed { name, old, new } => {
                write!(f, "changed {name:?}: {}", Plugin(old))?;
                if old.plugin != new.plugin {
                    write!(f, " → {}", Plugin(new))?;
                } else if old.version != new.version {
                    write!(f, " → {}", new.version.escape_debug())?;
                }
                let (old, new) = (old.sha256, new.sha256);
                if old == new {
                    write!(f, ", sha256 {}… as before", new.short())
                } else {
                    write!(f, ", sha256 {}… → {}…", old.short(), new.short())
                }
            }
        }
    }
}

struct Plugin<'p>(&'p Pin);

impl fmt::Display for Plugin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pin {
            plugin, version, ..
        } = self.0;
        write!(f, "{} {}", plugin.escape_debug(), version.escape_debug())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::Sha256;

    fn pins(entries: &[(&str, &str, &str, &str)]) -> Pins {
        let mut pins = Pins::default();
        for (name, plugin, version, bytes) in entries {
            let pin = Pin {
                sha256: Sha256::of(bytes.as_bytes()),
                plugin: (*plugin).to_owned(),
                version: (*version).to_owned(),
            };
            pins.insert((*name).to_owned(), pin);
        }
        pins
    }

    #[test]
    fn each_difference_is_told_in_the_order_of_the_names() {
        let old = pins(&[
            ("a.so", "a", "1.0", "a"),
            ("b.so", "b", "1.0", "b"),
            ("c.so", "c", "1.0", "c"),
            ("d.so", "d", "1.0", "d"),
            ("e.so", "e", "1.0", "e"),
        ]);
        let new = pins(&[
            ("a.so", "a", "1.0", "a"),
            ("b.so", "b", "1.1", "b2"),
            ("d.so", "x", "1.0", "x"),
            ("e.so", "e", "1.0", "rebuilt"),
            ("f.so", "f\u{1b}[2J", "1\n", "f"),
        ]);
        let said = Change::between(&old, &new).to_string();
        let short = |text: &str| Sha256::of(text.as_bytes()).short();
        let expected = format!(
            "changed \"b.so\": b 1.0 → 1.1, sha256 {}… → {}…\n\
             removed \"c.so\": c 1.0, sha256 {}…\n\
             changed \"d.so\": d 1.0 → x 1.0, sha256 {}… → {}…\n\
             changed \"e.so\": e 1.0, sha256 {}… → {}…\n\
             added   \"f.so\": f\\u{{1b}}[2J 1\\n, sha256 {}…\n\
             unchanged: 1\n",
            short("b"),
            short("b2"),
            short("c"),
            short("d"),
            short("x"),
            short("e"),
            short("rebuilt"),
            short("f"),
        );
        assert_eq!(said, expected);
    }
}
