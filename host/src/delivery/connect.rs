//! Connections to the store, each set up for what it is for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::error::StoreError;
use super::schema::{self, Found};
use crate::config::Durability;

/// How long a connection waits for another program's transaction.
const BUSY: Duration = Duration::from_secs(10);

/// Opens the database, made if need be and brought to the present schema: the connection that
/// writes. Checkpoints are left to [`super::watch`].
pub(super) fn writer(path: &Path, durability: Durability) -> Result<Connection, StoreError> {
    let failed = |error| StoreError::sqlite(path, error);
    make_private(path)?;
    let mut connection = open(path, true)?;
    let found = schema::look(&connection, path)?;
    if found == Found::Empty {
        // Before there is anything in it: so that space can be given back bit by bit.
        connection
            .execute_batch("PRAGMA auto_vacuum = INCREMENTAL")
            .map_err(failed)?;
    }
    connection
        .query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))
        .map_err(failed)?;
    let synchronous = match durability {
        Durability::Disk => "FULL",
        Durability::Process => "NORMAL",
    };
    let pragmas = format!(
        "PRAGMA synchronous = {synchronous};
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA cache_size = -8192;
         PRAGMA temp_store = MEMORY;"
    );
    connection.execute_batch(&pragmas).map_err(failed)?;
    schema::migrate(&mut connection, path, found)?;
    Ok(connection)
}

/// Opens a store that is there, for reading alone.
pub(super) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = open(path, false)?;
    connection
        .execute_batch(
            "PRAGMA query_only = ON; PRAGMA cache_size = -512; PRAGMA temp_store = MEMORY;",
        )
        .map_err(|error| StoreError::sqlite(path, error))?;
    Ok(connection)
}

/// Opens a store that is damaged, to read what can be read. SQLite takes one that is cut short for
/// nothing but damage, unless the schema may be written, which here it is not all the same.
pub(super) fn damaged(path: &Path) -> Result<Connection, StoreError> {
    let connection = open(path, false)?;
    connection
        .execute_batch("PRAGMA writable_schema = ON; PRAGMA query_only = ON;")
        .map_err(|error| StoreError::sqlite(path, error))?;
    Ok(connection)
}

/// Opens a store that is there, for an operator's changes and for checkpoints.
pub(super) fn aside(path: &Path) -> Result<Connection, StoreError> {
    let connection = open(path, false)?;
    connection
        .execute_batch(
            "PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -2048; PRAGMA temp_store = MEMORY;",
        )
        .map_err(|error| StoreError::sqlite(path, error))?;
    Ok(connection)
}

fn open(path: &Path, make: bool) -> Result<Connection, StoreError> {
    let failed = |error| StoreError::sqlite(path, error);
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if make {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    // The file may have another name when this is closed, and another file its own: then the log
    // that is deleted with the last connection would be that one's.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Makes the file, where there is none, so that the host's user alone can read it: what is in it is
/// about people. SQLite gives its log the same permissions.
fn make_private(path: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::io(path, error);
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(failed)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(failed)
}

/// The file beside the database of which SQLite makes the name with this ending.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
