//! The schema of the store and its versions. `host/DELIVERY.md` explains it to operators.

use std::path::Path;

use rusqlite::Connection;

use super::error::{StoreError, StoreErrorKind};

/// Marks a database as one of ours (`PRAGMA application_id`): "OPLQ".
pub(super) const APPLICATION_ID: i64 = 0x4f50_4c51;

/// What makes each version (`PRAGMA user_version`) of the one before; the first makes it of nothing.
const STEPS: &[&str] = &["
    CREATE TABLE queue (
        id            INTEGER PRIMARY KEY,
        name          TEXT    NOT NULL UNIQUE,
        ordered       INTEGER NOT NULL DEFAULT 0,
        paused        INTEGER NOT NULL DEFAULT 0,
        halted_ms     INTEGER,
        halted_reason TEXT,
        waiting       INTEGER NOT NULL DEFAULT 0,
        waiting_bytes INTEGER NOT NULL DEFAULT 0,
        dead          INTEGER NOT NULL DEFAULT 0,
        dead_bytes    INTEGER NOT NULL DEFAULT 0,
        pushed        INTEGER NOT NULL DEFAULT 0,
        delivered     INTEGER NOT NULL DEFAULT 0,
        retried       INTEGER NOT NULL DEFAULT 0,
        died          INTEGER NOT NULL DEFAULT 0,
        dropped       INTEGER NOT NULL DEFAULT 0,
        last_message  INTEGER NOT NULL DEFAULT 0,
        nudges        INTEGER NOT NULL DEFAULT 0
    ) STRICT;

    CREATE TABLE message (
        id           INTEGER PRIMARY KEY,
        queue        INTEGER NOT NULL REFERENCES queue (id),
        state        INTEGER NOT NULL,
        due_ms       INTEGER NOT NULL,
        key          TEXT,
        ordered_by   TEXT,
        dedup_id     TEXT,
        content_type TEXT,
        headers      TEXT,
        payload      BLOB    NOT NULL,
        size         INTEGER NOT NULL,
        sum          INTEGER NOT NULL,
        pushed_ms    INTEGER NOT NULL,
        attempts     INTEGER NOT NULL DEFAULT 0,
        tried_ms     INTEGER,
        reason       TEXT,
        status       INTEGER,
        answer       TEXT
    ) STRICT;

    CREATE INDEX message_due     ON message (queue, due_ms, id)     WHERE state = 0;
    CREATE INDEX message_waiting ON message (queue, id)             WHERE state < 2;
    CREATE INDEX message_ordered ON message (queue, ordered_by, id) WHERE state < 2 AND ordered_by IS NOT NULL;
    CREATE INDEX message_dead    ON message (queue, id)             WHERE state = 2;

    CREATE TRIGGER message_out AFTER DELETE ON message BEGIN
        UPDATE queue SET
            waiting       = waiting       - (old.state < 2),
            waiting_bytes = waiting_bytes - (old.state < 2) * old.size,
            dead          = dead          - (old.state = 2),
            dead_bytes    = dead_bytes    - (old.state = 2) * old.size
        WHERE id = old.queue;
    END;
    CREATE TRIGGER message_changed AFTER UPDATE OF state ON message
        WHEN (old.state = 2) <> (new.state = 2)
    BEGIN
        UPDATE queue SET
            waiting       = waiting       + (new.state < 2) - (old.state < 2),
            waiting_bytes = waiting_bytes + ((new.state < 2) - (old.state < 2)) * new.size,
            dead          = dead          + (new.state = 2) - (old.state = 2),
            dead_bytes    = dead_bytes    + ((new.state = 2) - (old.state = 2)) * new.size
        WHERE id = new.queue;
    END;
", "
    ALTER TABLE queue ADD COLUMN polled INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE queue ADD COLUMN polled_ms INTEGER;
    CREATE INDEX message_tried ON message (queue, dedup_id) WHERE state < 2 AND attempts > 0;
"];

/// The version that this host makes and knows.
pub(super) fn version() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// What an open database turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// There is nothing in it.
    Empty,
    /// A store of that version.
    Store(i64),
}

/// Looks at what there is.
pub(super) fn look(connection: &Connection, path: &Path) -> Result<Found, StoreError> {
    let failed = |error| StoreError::sqlite(path, error);
    let number = |pragma: &str| -> Result<i64, StoreError> {
        connection
            .query_row(pragma, [], |row| row.get(0))
            .map_err(failed)
    };
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    let application = number("PRAGMA application_id")?;
    let found = number("PRAGMA user_version")?;
    let known = version();
    if tables == 0 && (application == APPLICATION_ID || application == 0) && found == 0 {
        return Ok(Found::Empty);
    }
    let of_ours = number(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('queue', 'message')",
    )?;
    match application {
        APPLICATION_ID if found > known => {
            Err(StoreError::new(path, StoreErrorKind::Newer(found, known)))
        }
        APPLICATION_ID if found >= 1 && of_ours == 2 => Ok(Found::Store(found)),
        // What is half of ours has been one.
        APPLICATION_ID => Err(StoreError::new(path, StoreErrorKind::Damaged)),
        _ if of_ours == 2 => Err(StoreError::new(path, StoreErrorKind::Damaged)),
        _ => Err(StoreError::new(path, StoreErrorKind::Foreign)),
    }
}

/// Brings what there is to the version that this host knows, all in one transaction.
pub(super) fn migrate(
    connection: &mut Connection,
    path: &Path,
    from: Found,
) -> Result<(), StoreError> {
    let from = match from {
        Found::Empty => 0,
        Found::Store(version) => usize::try_from(version).unwrap_or(STEPS.len()),
    };
    if from >= STEPS.len() {
        return Ok(());
    }
    let failed = |error| StoreError::sqlite(path, error);
    let transaction = connection.transaction().map_err(failed)?;
    for step in &STEPS[from..] {
        transaction.execute_batch(step).map_err(failed)?;
    }
    let marks = format!(
        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {};",
        version()
    );
    transaction.execute_batch(&marks).map_err(failed)?;
    transaction.commit().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Durability;
    use crate::delivery::admin::Admin;
    use crate::delivery::connect;

    #[test]
    fn a_store_of_before_is_shown_as_it_is_and_brought_up_when_a_host_opens_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("queue.db");
        let store = Connection::open(&path).unwrap();
        store.execute_batch(STEPS[0]).unwrap();
        let marks = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1;");
        store.execute_batch(&marks).unwrap();
        let queue = "INSERT INTO queue (name, paused, pushed) VALUES ('q', 1, 7)";
        store.execute(queue, []).unwrap();
        drop(store);
        let shown = || Admin::open(&path).unwrap().queue("q").unwrap().unwrap();
        let before = shown();
        assert_eq!((before.pushed, before.polled), (7, false));

        let store = connect::writer(&path, Durability::Process).unwrap();
        assert_eq!(look(&store, &path).unwrap(), Found::Store(version()));
        store.execute("UPDATE queue SET polled = 1", []).unwrap();
        let after = shown();
        assert_eq!((after.pushed, after.polled), (7, true));
        assert_eq!(after.state, before.state);
    }
}
