//! What files look like from outside: by that it is seen that one has changed, without reading any.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use crate::library::is_library_name;

/// The files of a plugin directory that matter, and others by their paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    dir: PathBuf,
    /// The directory itself, and what matters in it.
    in_dir: Stamps,
    others: Stamps,
}

/// Which directories some paths name.
pub(super) type Identity = Stamps;

type Stamps = BTreeMap<PathBuf, Option<Stamp>>;

/// What tells one state of a file from another. Not its content: but a file that is written gets
/// another time of change, and one that is put in its place another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    length: u64,
    modified: Option<std::time::SystemTime>,
    system: platform::Stamp,
}

impl Snapshot {
    pub(super) fn take(dir: &Path, files: &[PathBuf]) -> Self {
        // What was written to the directory shows in its files; who may write there, in itself.
        let mut in_dir = identity([dir]);
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            if matters_in_dir(Path::new(&entry.file_name())) {
                let path = entry.path();
                let stamp = Stamp::of_file(&path);
                in_dir.insert(path, stamp);
            }
        }
        let others = files.iter();
        Self {
            dir: dir.to_owned(),
            in_dir,
            others: others
                .map(|file| (file.clone(), Stamp::of_file(file)))
                .collect(),
        }
    }

    /// What this one would be if it had been told of the same directory and files as a later one.
    /// Of what it was not told of, the later one's word counts.
    pub(super) fn told_of(mut self, later: Self) -> Self {
        let others = later.others.into_iter().map(|(path, stamp)| {
            let own = self.others.remove(&path);
            (path, own.unwrap_or(stamp))
        });
        Self {
            others: others.collect(),
            in_dir: if self.dir == later.dir {
                self.in_dir
            } else {
                later.in_dir
            },
            dir: later.dir,
        }
    }

    /// The names of what is different, in a few words.
    pub(super) fn changes_to(&self, later: &Self) -> String {
        const MOST: usize = 3;
        let mut changed = BTreeSet::new();
        for (these, those) in [(&self.in_dir, &later.in_dir), (&self.others, &later.others)] {
            let either = these.keys().chain(those.keys());
            changed.extend(either.filter(|path| these.get(*path) != those.get(*path)));
        }
        let named = changed.iter().take(MOST);
        let named: Vec<String> = named.map(|path| format!("{path:?}")).collect();
        match changed.len().saturating_sub(MOST) {
            0 => named.join(", "),
            others => format!("{} and {others} more", named.join(", ")),
        }
    }
}

/// Which directories these are, whatever is in them.
pub(super) fn identity<'d>(
    dirs: impl IntoIterator<Item = &'d (impl AsRef<Path> + ?Sized + 'd)>,
) -> Identity {
    let dirs = dirs.into_iter().map(AsRef::as_ref);
    dirs.map(|dir| {
        let stamp = fs::metadata(dir).ok().map(|metadata| Stamp {
            length: 0,
            modified: None,
            system: platform::Stamp::of_dir(&metadata),
        });
        (dir.to_owned(), stamp)
    })
    .collect()
}

/// Whether a file in the plugin directory may be a plugin or a signature of one.
pub(super) fn matters_in_dir(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default();
    let is_signature = file.extension().is_some_and(|suffix| suffix == "minisig");
    is_library_name(name) || is_signature
}

impl Stamp {
    /// `None` where there is none, or nobody may know.
    fn of_file(path: &Path) -> Option<Self> {
        // Follows links: what a link leads to is what is loaded.
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            system: platform::Stamp::of(&metadata),
        })
    }
}

#[cfg(unix)]
mod platform {
    use std::os::unix::fs::MetadataExt as _;

    use super::Metadata;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Stamp {
        device: u64,
        number: u64,
        owner: (u32, u32),
        mode: u32,
        /// Of the file's metadata, which nobody can set back.
        changed: (i64, i64),
    }

    impl Stamp {
        pub(super) fn of(metadata: &Metadata) -> Self {
            Self {
                changed: (metadata.ctime(), metadata.ctime_nsec()),
                ..Self::of_dir(metadata)
            }
        }

        pub(super) fn of_dir(metadata: &Metadata) -> Self {
            Self {
                device: metadata.dev(),
                number: metadata.ino(),
                owner: (metadata.uid(), metadata.gid()),
                mode: metadata.mode(),
                changed: (0, 0),
            }
        }
    }
}

#[cfg(not(unix))]
mod platform {
    use super::Metadata;

    /// Length and time have to do there.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Stamp;

    impl Stamp {
        pub(super) fn of(_: &Metadata) -> Self {
            Self
        }

        pub(super) fn of_dir(_: &Metadata) -> Self {
            Self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_loaded_is_seen_to_change_and_what_is_not_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (plugins, other) = (dir.path().join("plugins"), dir.path().join("clients.json"));
        fs::create_dir(&plugins).unwrap();
        let library = plugins.join(format!("x{}", std::env::consts::DLL_SUFFIX));
        let take = || Snapshot::take(&plugins, std::slice::from_ref(&other));
        let mut last = take();
        let mut changed = |what: &str, changes: bool| {
            let now = take();
            assert_eq!(now != last, changes, "{what}");
            last = now;
        };
        fs::write(&library, "a").unwrap();
        changed("a library is added", true);
        changed("nothing", false);
        fs::write(plugins.join("notes.txt"), "a").unwrap();
        fs::write(plugins.join(".x.so"), "a").unwrap();
        changed("other files", false);
        fs::write(&library, "ab").unwrap();
        changed("it is written", true);
        let beside = dir.path().join("beside");
        fs::write(&beside, "ab").unwrap();
        fs::rename(&beside, &library).unwrap();
        changed("it is replaced", cfg!(unix));
        fs::write(&other, "[]").unwrap();
        changed("another file appears", true);
        fs::remove_file(&library).unwrap();
        changed("it is removed", true);
        fs::remove_dir_all(&plugins).unwrap();
        changed("the directory is removed", true);
    }

    #[test]
    fn what_came_while_files_were_read_is_a_change_yet() {
        let dir = tempfile::tempdir().unwrap();
        let [plugins, known, new] = ["plugins", "known", "new"].map(|name| dir.path().join(name));
        fs::create_dir(&plugins).unwrap();
        let before = Snapshot::take(&plugins, std::slice::from_ref(&known));
        fs::write(&new, "").unwrap();
        let both = [known.clone(), new];
        let told = before.clone().told_of(Snapshot::take(&plugins, &both));
        assert_eq!(
            told,
            Snapshot::take(&plugins, &both),
            "it was not told of the new one"
        );
        fs::write(&known, "").unwrap();
        assert_ne!(told, Snapshot::take(&plugins, &both));
        fs::remove_file(&known).unwrap();
        let library = plugins.join(format!("x{}", std::env::consts::DLL_SUFFIX));
        fs::write(library, "").unwrap();
        let now = Snapshot::take(&plugins, &both);
        assert_ne!(before.told_of(now.clone()), now);
    }
}
