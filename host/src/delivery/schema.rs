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
",
// From here on a push writes no row but its own: a queue's counts are those up to its `last_message`,
// and what was pushed behind that is counted with the next change.
"
    ALTER TABLE queue ADD COLUMN polled INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE queue ADD COLUMN polled_ms INTEGER;
    CREATE INDEX message_tried ON message (queue, dedup_id) WHERE state < 2 AND attempts > 0;

    UPDATE queue SET last_message = max(last_message,
        coalesce((SELECT max(id) FROM message WHERE queue = queue.id AND state < 2), 0),
        coalesce((SELECT max(id) FROM message WHERE queue = queue.id AND state = 2), 0));

    CREATE TRIGGER message_counted BEFORE DELETE ON message
        WHEN old.id > (SELECT last_message FROM queue WHERE id = old.queue)
    BEGIN
        UPDATE queue SET (pushed, waiting, waiting_bytes, last_message) =
            (SELECT queue.pushed + count(*), queue.waiting + count(*),
                queue.waiting_bytes + coalesce(sum(message.size), 0), max(message.id)
             FROM message WHERE message.queue = queue.id AND message.state < 2
                AND message.id > queue.last_message)
        WHERE id = old.queue AND old.state < 2;
    END;
    CREATE TRIGGER message_counted_first BEFORE UPDATE OF state ON message
        WHEN (old.state = 2) <> (new.state = 2)
            AND old.id > (SELECT last_message FROM queue WHERE id = old.queue)
    BEGIN
        UPDATE queue SET (pushed, waiting, waiting_bytes, last_message) =
            (SELECT queue.pushed + count(*), queue.waiting + count(*),
                queue.waiting_bytes + coalesce(sum(message.size), 0), max(message.id)
             FROM message WHERE message.queue = queue.id AND message.state < 2
                AND message.id > queue.last_message)
        WHERE id = old.queue AND old.state < 2;
    END;

    CREATE VIEW queue_now AS
        SELECT queue.id AS id, name, waiting + uncounted AS waiting,
            waiting_bytes + uncounted_bytes AS waiting_bytes, dead, dead_bytes,
            pushed + uncounted AS pushed
        FROM queue JOIN
            (SELECT queue.id AS id, count(message.id) AS uncounted,
                coalesce(sum(message.size), 0) AS uncounted_bytes
             FROM queue LEFT JOIN message ON message.queue = queue.id AND message.state < 2
                AND message.id > queue.last_message
             GROUP BY queue.id) AS behind USING (id);
"];

/// The version that this host makes and knows.
pub(super) fn version() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// Where queues stand with all that is in them counted. In a store that no host of this version has
/// opened yet, they do so as they are.
pub(super) fn counted(connection: &Connection) -> rusqlite::Result<&'static str> {
    let view = "SELECT count(*) FROM sqlite_schema WHERE name = 'queue_now'";
    let is_there: bool = connection.query_row(view, [], |row| row.get(0))?;
    Ok(if is_there { "queue_now" } else { "queue" })
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
    use crate::delivery::{connect, counts, rows};

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

    #[test]
    fn a_store_of_the_first_schema_is_brought_up_with_its_messages_and_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("queue.db");
        let first = Connection::open(&path).unwrap();
        first.execute_batch(STEPS[0]).unwrap();
        first
            .execute_batch(&format!(
                "PRAGMA application_id = {APPLICATION_ID};
                 PRAGMA user_version = 1;
                 INSERT INTO queue (id, name, pushed, waiting, waiting_bytes, dead, dead_bytes, last_message)
                    VALUES (1, 'a', 9, 2, 20, 1, 10, 7), (2, 'saved', 1, 1, 10, 0, 0, 0), (3, 'empty', 5, 0, 0, 0, 0, 4);
                 INSERT INTO message (id, queue, state, due_ms, payload, size, sum, pushed_ms)
                    VALUES (2, 1, 2, 0, x'00', 10, 0, 0), (5, 1, 0, 0, x'00', 10, 0, 0),
                        (6, 2, 0, 0, x'00', 10, 0, 0), (7, 1, 0, 0, x'00', 10, 0, 0);"
            ))
            .unwrap();
        let counts = |path: &Path| -> Vec<_> {
            let queues = Admin::open(path).unwrap().queues().unwrap().into_iter();
            queues
                .map(|it| (it.name, it.pushed, it.waiting, it.waiting_bytes, it.dead))
                .collect()
        };
        let before = counts(&path);
        assert_eq!(before[0], ("a".to_owned(), 9, 2, 20, 1));
        drop(first);

        let store = connect::writer(&path, Durability::Process).unwrap();
        assert_eq!(look(&store, &path).unwrap(), Found::Store(version()));
        assert_eq!(counts(&path), before);
        assert_eq!(rows::last_number(&store).unwrap(), 7);
        // What the first host of this schema finds when it counts is nothing new.
        for queue in 1..=3 {
            counts::count(&store, queue, &counts::Done::default()).unwrap();
        }
        counts::recount(&store).unwrap();
        assert_eq!(counts(&path), before);
    }

    #[test]
    fn whoever_changes_a_message_that_was_not_counted_leaves_right_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("queue.db");
        let store = connect::writer(&path, Durability::Process).unwrap();
        store
            .execute_batch(
                "INSERT INTO queue (id, name) VALUES (1, 'a'), (2, 'b');
                 INSERT INTO message (id, queue, state, due_ms, payload, size, sum, pushed_ms)
                    VALUES (1, 1, 0, 0, x'00', 1, 0, 0), (2, 2, 0, 0, x'00', 10, 0, 0),
                        (3, 1, 0, 0, x'00', 100, 0, 0), (4, 1, 1, 0, x'00', 1000, 0, 0);",
            )
            .unwrap();
        let counts = || -> (i64, i64, i64, i64, i64) {
            let counts = "SELECT pushed, waiting, waiting_bytes, dead, dead_bytes FROM queue_now WHERE id = 1";
            let read = |row: &rusqlite::Row<'_>| {
                let get = |column| row.get::<_, i64>(column);
                Ok((get(0)?, get(1)?, get(2)?, get(3)?, get(4)?))
            };
            store.query_row(counts, [], read).unwrap()
        };
        assert_eq!(counts(), (3, 3, 1101, 0, 0));
        for (change, after) in [
            (
                "UPDATE message SET state = 2 WHERE id = 3",
                (3, 2, 1001, 1, 100),
            ),
            (
                "UPDATE message SET state = 0 WHERE id = 3",
                (3, 3, 1101, 0, 0),
            ),
            ("DELETE FROM message WHERE id = 4", (3, 2, 101, 0, 0)),
            (
                "INSERT INTO message (id, queue, state, due_ms, payload, size, sum, pushed_ms)
                    VALUES (5, 1, 0, 0, x'00', 7, 0, 0)",
                (4, 3, 108, 0, 0),
            ),
            ("DELETE FROM message WHERE id = 5", (4, 2, 101, 0, 0)),
            ("DELETE FROM message WHERE id = 1", (4, 1, 100, 0, 0)),
        ] {
            store.execute(change, []).unwrap();
            assert_eq!(counts(), after, "{change}");
        }
        // The number of what was deleted is not given again.
        assert_eq!(rows::last_number(&store).unwrap(), 5);
        let pushed = "SELECT pushed FROM queue_now WHERE id = 2";
        let pushed: i64 = store.query_row(pushed, [], |row| row.get(0)).unwrap();
        assert_eq!(pushed, 1);
    }
}
