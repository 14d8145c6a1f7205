//! The Unix socket as a file: made so that nobody gets in before its mode is set, put in place of
//! one that was left behind, never in place of one that is in use, and removed at the end. And who
//! is on the other side.

use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketType};

use super::error::ServerError;
use crate::config::{UnixConfig, UnixPeer};
use crate::log::say;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// A socket's file, removed when this is dropped, if it is still the same.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: Identity,
}

/// Device, inode, and since inodes are used again: when it was made.
type Identity = (u64, u64, i64, i64);

fn identity(metadata: &Metadata) -> Identity {
    let made = (metadata.mtime(), metadata.mtime_nsec());
    (metadata.dev(), metadata.ino(), made.0, made.1)
}

/// Makes the socket and listens on it.
pub(super) fn listen(config: &UnixConfig) -> Result<(UnixListener, SocketFile), ServerError> {
    let path = &config.path;
    let failed = |source: io::Error| ServerError::Unix {
        path: path.clone(),
        source,
    };
    let address = SocketAddrUnix::new(path).map_err(|error| failed(error.into()))?;
    // Two hosts that start at once must not each take the other's fresh socket for one left behind.
    let directory = path
        .parent()
        .and_then(|directory| File::open(directory).ok());
    if let Some(directory) = &directory {
        // Where a directory cannot be locked, they have to be started by somebody more careful.
        let _ = directory.lock();
    }
    clear(path)?;
    let socket = socket().map_err(failed)?;
    net::bind(&socket, &address).map_err(|error| failed(error.into()))?;
    // Nobody can connect until it listens, so the mode comes in time.
    let made = fs::set_permissions(path, Permissions::from_mode(config.mode))
        .and_then(|()| fs::symlink_metadata(path))
        .and_then(|metadata| {
            net::listen(&socket, BACKLOG)?;
            Ok(identity(&metadata))
        });
    let identity = match made {
        Ok(identity) => identity,
        Err(error) => {
            // It is ours, just made; that the removal may fail too adds nothing.
            let _ = fs::remove_file(path);
            return Err(failed(error));
        }
    };
    let file = SocketFile {
        path: path.clone(),
        identity,
    };
    let listener = UnixListener::from(socket);
    listener.set_nonblocking(true).map_err(failed)?;
    if config.is_open_to_all() {
        say!(
            OPEN_TO_ALL,
            "Every user of this machine may post events at {path:?}: `unix_mode` is {:04o}, and there \
             are no `unix_peers`",
            config.mode,
        );
    }
    Ok((listener, file))
}

/// Whether there is something at the path that is no socket.
pub(super) fn is_something_else(path: &Path) -> bool {
    let found = fs::symlink_metadata(path);
    found.is_ok_and(|metadata| !metadata.file_type().is_socket())
}

/// Removes a socket that nobody listens on any more.
fn clear(path: &Path) -> Result<(), ServerError> {
    if is_something_else(path) {
        return Err(ServerError::NotASocket {
            path: path.to_owned(),
        });
    }
    // Any other error than its absence is met again, and told, when the socket is made.
    if fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path)
            .map_err(|source| ServerError::Unix {
                path: path.to_owned(),
                source,
            }),
        // A full backlog or a lack of rights also mean that somebody is there.
        Ok(_) | Err(_) => Err(ServerError::Answered {
            path: path.to_owned(),
        }),
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn socket() -> io::Result<OwnedFd> {
    let flags = net::SocketFlags::CLOEXEC;
    Ok(net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        flags,
        None,
    )?)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
fn socket() -> io::Result<OwnedFd> {
    let socket = net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    Ok(socket)
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let same =
            fs::symlink_metadata(&self.path).is_ok_and(|found| identity(&found) == self.identity);
        if same {
            // The next host takes it for what it is.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The numbers of the users who may connect.
pub(super) fn uids(peers: &[UnixPeer]) -> Result<Vec<u32>, ServerError> {
    let mut users = None;
    peers
        .iter()
        .map(|peer| match peer {
            UnixPeer::Uid(uid) => Ok(*uid),
            UnixPeer::Name(name) => {
                let users = users
                    .get_or_insert_with(|| fs::read_to_string("/etc/passwd").unwrap_or_default());
                uid_of(name, users).ok_or_else(|| ServerError::UnknownUser { name: name.clone() })
            }
        })
        .collect()
}

/// The user's number in a text like that of `/etc/passwd`.
fn uid_of(name: &str, users: &str) -> Option<u32> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        fields.nth(1)?.parse().ok()
    })
}

/// Lets the process have so many files open, if the system allows it. Says how many it may.
pub(super) fn allow_files(wanted: u64) -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Nofile);
    let Some(current) = limit.current else {
        return u64::MAX;
    };
    if current >= wanted {
        return current;
    }
    let allowed = limit.maximum.map_or(wanted, |most| most.min(wanted));
    limit.current = Some(allowed);
    match setrlimit(Resource::Nofile, limit) {
        Ok(()) => allowed,
        Err(_) => current,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let users = "root:x:0:0:root:/root:/bin/sh\nop:x:993:990::/:/bin/false\nbroken\nx:y:z\n";
        assert_eq!(uid_of("root", users), Some(0));
        assert_eq!(uid_of("op", users), Some(993));
        for unknown in ["o", "x", "broken", ""] {
            assert_eq!(uid_of(unknown, users), None, "{unknown}");
        }
        assert!(uids(&[UnixPeer::Name("no such user".to_owned())]).is_err());
        assert_eq!(uids(&[UnixPeer::Uid(7)]).unwrap(), [7]);
    }

    fn config(path: &Path) -> UnixConfig {
        UnixConfig {
            path: path.to_owned(),
            mode: 0o600,
            peers: None,
        }
    }

    #[test]
    fn a_socket_has_its_mode_and_goes_with_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let (listener, file) = listen(&config(&path)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert!(matches!(
            listen(&config(&path)),
            Err(ServerError::Answered { .. })
        ));
        drop(listener);
        // Left behind: nobody listens.
        let (_listener, second) = listen(&config(&path)).unwrap();
        drop(file);
        assert!(path.exists(), "it is not that socket any more");
        drop(second);
        assert!(!path.exists());
        fs::write(&path, "").unwrap();
        assert!(matches!(
            listen(&config(&path)),
            Err(ServerError::NotASocket { .. })
        ));
    }
}
