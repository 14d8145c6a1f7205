//! `trust = "permissions"`: nobody but root and the host's user could have written the file, nor
//! put it where it is.
//!
//! Judged are the file, the directory in which its name stands and, where that is a link, the
//! directory in which the file itself stands; each as it was found on an open descriptor through
//! which the file was opened. Directories further up are not judged: who may rename those can
//! exchange the plugin directory, but only for one that passes here itself, so that every byte
//! loaded is still one that root or the host's user wrote. Nor are access control lists of other
//! kinds than POSIX's on Linux.

use super::Distrust;
use crate::library::read::{Access, Permissions};

/// What is judged of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The file itself.
    File,
    /// The directory in which its name stands.
    Directory,
    /// The directory in which the file stands that a link leads to.
    TargetDirectory,
}

/// How others than root and the host's user could have written a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// It belongs to another user.
    Owner(u32),
    /// Everybody can write to it. A sticky directory is no exception: anybody can add files to it.
    Everybody,
    /// A group of several users can write to it.
    Group(u32),
    /// Whoever its access control list names can write to it.
    List,
}

/// Who runs the host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    user: u32,
    group: u32,
}

impl Identity {
    /// That of this process.
    #[cfg(unix)]
    pub(super) fn current() -> Self {
        Self {
            user: rustix::process::geteuid().as_raw(),
            group: rustix::process::getegid().as_raw(),
        }
    }

    /// No file is judged where there are no such permissions.
    #[cfg(not(unix))]
    pub(super) fn current() -> Self {
        Self { user: 0, group: 0 }
    }

    /// Whether the group is this user's alone: the convention of systems with a umask of 002 is that
    /// it has the user's own number (shadow's `USERGROUPS_ENAB`). A group that many share, such as
    /// `users` or macOS's `staff`, has not.
    fn owns_group(self, group: u32) -> bool {
        group == self.group && group == self.user
    }
}

/// Judges a file.
pub(super) fn judge(access: &Access, host: Identity) -> Result<(), Distrust> {
    let parts = [
        (Part::File, Some(&access.file)),
        (Part::Directory, Some(&access.dir)),
        (Part::TargetDirectory, access.target_dir.as_ref()),
    ];
    for (part, permissions) in parts {
        let exposed = permissions.and_then(|permissions| exposure(permissions, host));
        if let Some(exposure) = exposed {
            return Err(Distrust::Exposed { part, exposure });
        }
    }
    Ok(())
}

/// Write permission for the group and for others.
const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;

fn exposure(of: &Permissions, host: Identity) -> Option<Exposure> {
    let group_writes = of.mode & GROUP_WRITES != 0;
    if of.owner != 0 && of.owner != host.user {
        Some(Exposure::Owner(of.owner))
    } else if of.mode & OTHERS_WRITE != 0 {
        Some(Exposure::Everybody)
    } else if group_writes && of.list {
        Some(Exposure::List)
    } else if group_writes && !host.owns_group(of.group) {
        Some(Exposure::Group(of.group))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: Identity = Identity {
        user: 1000,
        group: 1000,
    };

    fn permissions(owner: u32, group: u32, mode: u32) -> Permissions {
        Permissions {
            owner,
            group,
            mode,
            list: false,
        }
    }

    #[test]
    fn root_and_the_hosts_user_may_own_files_and_nobody_else_may_write_them() {
        for (owner, group, mode, exposed) in [
            (0, 0, 0o755, None),
            (1000, 1000, 0o600, None),
            (1000, 5, 0o4755, None),
            (1001, 1000, 0o400, Some(Exposure::Owner(1001))),
            (0, 0, 0o757, Some(Exposure::Everybody)),
            (0, 0, 0o1777, Some(Exposure::Everybody)),
            (1000, 1000, 0o002, Some(Exposure::Everybody)),
            // What a umask of 002 leaves.
            (1000, 1000, 0o664, None),
            (0, 1000, 0o775, None),
            (1000, 100, 0o664, Some(Exposure::Group(100))),
            (0, 0, 0o775, Some(Exposure::Group(0))),
        ] {
            let found = exposure(&permissions(owner, group, mode), HOST);
            assert_eq!(found, exposed, "{owner}:{group} {mode:o}");
        }
    }

    #[test]
    fn a_group_that_has_not_the_users_number_may_be_shared() {
        let host = Identity {
            user: 501,
            group: 20,
        };
        let found = exposure(&permissions(501, 20, 0o664), host);
        assert_eq!(found, Some(Exposure::Group(20)));
        // Nor is a group the host's that it is not in.
        let found = exposure(&permissions(501, 501, 0o664), host);
        assert_eq!(found, Some(Exposure::Group(501)));
    }

    #[test]
    fn a_list_counts_where_its_mask_lets_it() {
        let listed = |mode| Permissions {
            list: true,
            ..permissions(1000, 1000, mode)
        };
        assert_eq!(exposure(&listed(0o664), HOST), Some(Exposure::List));
        assert_eq!(exposure(&listed(0o644), HOST), None);
    }

    #[test]
    fn each_part_is_judged() {
        let good = permissions(0, 0, 0o755);
        let bad = permissions(0, 0, 0o777);
        for (file, dir, target_dir, exposed) in [
            (good, good, None, None),
            (good, good, Some(good), None),
            (bad, good, None, Some(Part::File)),
            (good, bad, Some(good), Some(Part::Directory)),
            (good, good, Some(bad), Some(Part::TargetDirectory)),
        ] {
            let access = Access {
                file,
                dir,
                target_dir,
            };
            let found = match judge(&access, HOST) {
                Ok(()) => None,
                Err(Distrust::Exposed { part, .. }) => Some(part),
                Err(other) => panic!("{other}"),
            };
            assert_eq!(found, exposed, "{access:?}");
        }
    }
}
