//! All codes under which the host logs: what happened, and what an operator does about it. The
//! one place for both; `host/LOG-CODES.md` is made from it.

/// A code, and what stands behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The code itself, as it stands in brackets before a message.
    pub id: &'static str,
    /// The level at which it is logged.
    pub severity: Severity,
    /// What happened.
    pub happened: &'static str,
    /// What to do.
    pub action: &'static str,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Something failed that should not have.
    Error,
    /// Something is not as it should be.
    Warn,
    /// Worth knowing in ordinary operation.
    Info,
    /// For finding faults.
    Debug,
}

impl Severity {
    /// As it stands in a line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
        }
    }
}

macro_rules! codes {
    ($($name:ident = $id:literal $severity:ident $happened:literal $action:literal;)+) => {
        $(
            #[doc = concat!("`", $id, "`: ", $happened)]
            pub const $name: Code = Code {
                id: $id,
                severity: Severity::$severity,
                happened: $happened,
                action: $action,
            };
        )+

        /// All of them, in the order of the table.
        pub const ALL: &[Code] = &[$($name),+];
    };
}

codes! {
    LOADED_ID_TOKEN_ISSUE = "OP0211" Info
        "An ID token issue event listener was loaded, initialised and asked whether it is enabled. The number counts the listeners of this SPI in the order in which they are called."
        "Nothing. With `enabled=false` the listener gets no event: see its own configuration.";
    LOADED_ACCESS_TOKEN_ISSUE = "OP0213" Info
        "An access token issue event listener was loaded, initialised and asked whether it is enabled."
        "As for OP0211.";
    LOADED_SUBJECT_AUTH_AND_CONSENT = "OP0215" Info
        "A subject authentication and consent event listener was loaded, initialised and asked whether it is enabled."
        "As for OP0211.";

    STARTED = "OPL0001" Info
        "The host has started: all listeners are ready, and the doors of the intake are open."
        "Nothing.";
    STOPPED = "OPL0002" Info
        "The host has stopped: its listeners were shut down in the reverse order of loading. The counts are those of the whole run."
        "Nothing.";
    STOP_REQUESTED = "OPL0003" Info
        "A signal asks the host to stop: it reads no further, and dispatches the whole lines that it has read already. A second signal ends it at once."
        "Nothing.";

    PLUGIN_LOADED = "OPL0101" Info
        "A library is in memory; its listeners come next. The line names the file, the beginning of the SHA-256 of the bytes that were loaded (`op-listener list` shows all of it), and why they are trusted: `permissions`, `pinned`, `signed by key …` with the signer's comment, or `off`."
        "Nothing.";
    PLUGIN_REFUSED = "OPL0102" Error
        "A library was refused, or is pinned and not there. The line names the file, what is wrong and what to do. None of its listeners gets an event."
        "Do what the line says; with `on_failure = \"abort\"` the host does not start until then.";
    NOT_A_PLUGIN = "OPL0103" Warn
        "A library in the plugin directory has no metadata section, so it is not a plugin: a support library, perhaps."
        "Nothing, or move it elsewhere. If it should be a plugin, its author has to export listeners with `export!`.";
    LISTENER_REFUSED = "OPL0104" Error
        "A listener could not be made: its `init` failed or panicked, or its entry in the configuration does not fit. It gets no event."
        "Do what the line says; with `on_failure = \"abort\"` the host does not start until then.";
    SWITCHED_OFF_BY_OPERATOR = "OPL0105" Info
        "An entry in the configuration has `enabled = false`, so nothing is loaded for it."
        "Nothing.";
    IS_ENABLED_FAILED = "OPL0106" Error
        "A listener failed or panicked when asked whether it is enabled. It counts as a listener that could not be loaded."
        "Tell its author; leave the plugin out until then.";
    NO_LISTENERS = "OPL0107" Warn
        "There is no enabled listener, so events go nowhere."
        "Put a plugin into the directory that the line names, or enable one.";
    START_ABANDONED = "OPL0108" Error
        "The host does not start: a listener could not be loaded, and either it is `required` or the policy is `on_failure = \"abort\"`."
        "Mend what the lines before name, or set `on_failure = \"skip\"` under `[plugins]` to go on without what is not required.";
    INCOMPATIBLE_IN_DETAIL = "OPL0109" Debug
        "All that is different between a refused library's interface and the host's."
        "For the library's author.";
    UNKNOWN_SPI = "OPL0110" Warn
        "A plugin exports a listener for an SPI that this host does not know. Its other listeners work."
        "Update the host to use it.";
    PROBED = "OPL0121" Debug
        "A library that this host had not seen before was loaded and tried in a process of its own, and did no harm there."
        "Nothing: this is remembered. A library that fails its probe is refused under OPL0102.";
    PROBES_DAMAGED = "OPL0122" Warn
        "The file in which the outcomes of probes are remembered cannot be read or understood. It is made anew; each library is probed once more."
        "Nothing, if it happens once. Otherwise look at what else writes to the data directory.";
    PROBES_NOT_KEPT = "OPL0123" Warn
        "The outcome of a probe could not be written to the data directory. The library was loaded or refused all the same; the next start probes it again."
        "Let the host write to the file that the line names.";

    LISTENER_FAILED = "OPL0201" Error
        "A listener returned an error for an event. The next listener was called all the same. Of each listener ten such lines are logged at once, and beyond that one in ten seconds, with the number of errors since the line before and the last of them; how many were left over is said when the listener is shut down. `op_listener_call_errors_total` counts all."
        "See the listener's own documentation; the event's id is in the line.";
    LISTENER_PANICKED = "OPL0202" Error
        "A listener panicked on an event. The panic was caught; the next listener was called all the same, and this one gets later events. Logged as seldom as OPL0201."
        "Tell its author, with the place that the line names.";
    OVER_BUDGET = "OPL0203" Warn
        "A listener took longer over an event than its budget. The provider's answer waited for it. Logged once in ten seconds at the most for each listener, with the number of calls that went over meanwhile."
        "If it goes on: ask the author to hand work to a thread, or set another `budget_ms`.";
    SWITCHED_OFF_AFTER_PANICS = "OPL0204" Error
        "A listener panicked as many times in a row as `switch_off_after_panics` allows, and gets no more events until it is replaced at a reload or the host is restarted."
        "Tell its author; events since then are missing from whatever it writes.";
    SHUTDOWN_FAILED = "OPL0205" Error
        "A listener failed or panicked when it was shut down. The others were shut down all the same."
        "See the listener's own documentation: something may be left unfinished.";
    SHUT_DOWN = "OPL0206" Debug
        "A listener was shut down."
        "Nothing.";
    LISTENER_THREAD_PANICKED = "OPL0207" Error
        "A panic began on a thread that a listener started. Unless the listener catches it there, what the thread did is not done any more."
        "Tell its author, with the place that the line names; restart the host if the listener needs the thread.";

    EVENT_REFUSED = "OPL0301" Error
        "A line of the input is no valid event. It was not dispatched; the next line was read."
        "Mend what sends it: the line's number, the member and what was expected are in the line.";
    EXCHANGE_IGNORED = "OPL0302" Warn
        "A `code_exchanged` gives no event: its code is unknown, expired, used before, or another client's."
        "An expected thing when a code is tried twice. Many of these may mean that authorisations get lost, or that somebody tries codes.";
    PENDING_DROPPED = "OPL0303" Warn
        "More authorisations wait for the exchange of their code than `max_pending` allows: the one that would expire first was dropped, and its event will not come."
        "Raise `max_pending` under `[flow]`, or send `code_exchanged` facts.";
    INPUT_FAILED = "OPL0304" Error
        "The input could not be read any further. What was read before was dispatched."
        "Look at what the line names; start the host again with what is left.";

    EPHEMERAL_KEY = "OPL0401" Warn
        "No signing key is configured, so the host made one that lives until it stops. Tokens that listeners sign cannot be verified by anybody who does not ask this process for its key."
        "Make a key with `op-listener keys generate` and name it as `keys` under `[signing]`, if listeners sign.";
    KEY_FILE_EXPOSED = "OPL0402" Warn
        "Other users of this machine can read the file with the signing keys."
        "`chmod 600` it, and think of replacing the keys.";

    LISTENING = "OPL0501" Info
        "Events can be posted at the Unix socket or address in the line."
        "Nothing.";
    INTAKE_STOPPED = "OPL0502" Info
        "The intake over HTTP has stopped: all requests that had begun were answered."
        "Nothing.";
    REQUESTS_ABANDONED = "OPL0503" Warn
        "The intake over HTTP has stopped, and some requests had not ended within the time for it: a listener takes long, or a sender. Nobody was told what became of them."
        "Look for a listener that is over its budget (OPL0203), or does not come back. Senders repeat what was not answered.";
    ACCEPT_FAILED = "OPL0504" Error
        "The system gives no more connections, for lack of file descriptors or memory. Tried again after 50 ms; logged once in ten seconds at the most."
        "Raise the limit on open files above twice `max_connections` (systemd: `LimitNOFILE`), or lower `max_connections`.";
    FEW_FILES = "OPL0505" Warn
        "The process may have fewer files open than `max_connections` asks for, even at its hard limit."
        "As for OPL0504.";
    TOO_MANY_CONNECTIONS = "OPL0506" Warn
        "There were `max_connections` on one of the two doors, so others were turned away, with a 503 where it could be said; or over TCP, connections that had shown no token yet were closed for new ones. Logged once in ten seconds at the most."
        "Look at who keeps them open; raise `max_connections` under `[intake]` if they are needed.";
    TOO_SLOW = "OPL0507" Warn
        "A request did not arrive within `read_timeout_ms`, or nobody took its answer for as long. The connection was closed; nothing of the request was dispatched unless it was whole. Logged once in ten seconds at the most."
        "Look at the sender and the network. Many of these from one address may be an attack.";
    UNAUTHORIZED = "OPL0508" Warn
        "A request over TCP had no bearer token, or a wrong one, and was refused. Logged once in ten seconds at the most."
        "Give the sender the token in `token_file`; if nobody should send from there, see who does.";
    FORBIDDEN = "OPL0509" Warn
        "A process of a user that `unix_peers` does not name has used the Unix socket, and was refused. Logged once in ten seconds at the most."
        "Add the user to `unix_peers`, or see what the process is.";
    NO_HANDSHAKE = "OPL0510" Warn
        "A TLS handshake failed: for lack of a client certificate that `client_ca` has signed, say, or because the other side does not trust the host's. Logged once in ten seconds at the most."
        "See what the line says; renew certificates that have expired.";
    OVERLOADED = "OPL0511" Warn
        "As many events of an SPI as `concurrency` allows were with its listeners, so another was turned away with a 503. Nothing of it was done: the sender sends it again. Logged once in ten seconds for each SPI at the most."
        "Find the listener that is slow or does not come back (OPL0203 and the metrics name it). Raise `concurrency` if the listeners wait well for many at once.";
    EVENT_REPEATED = "OPL0512" Debug
        "An event with an id that was dispatched within the time of `remember` came again, and was not dispatched again. Its sender was told so."
        "Nothing: senders repeat what they have seen no answer to.";
    POSTED_EVENT_REFUSED = "OPL0513" Error
        "A request had events that are not valid. They were not dispatched, the others were, and the sender was told of each. The line has the first of them; logged once in ten seconds at the most."
        "Mend what sends them: line, member and what was expected are in the answer too.";
    SECRET_EXPOSED = "OPL0514" Warn
        "Other users of this machine can read or change the file with the token or the TLS key."
        "`chmod 600` it, and think of replacing what is in it.";
    EVENTS_GIVEN_UP = "OPL0515" Error
        "Posted events were with a listener that a reload has left behind (OPL0605), and were given up: others have their places now, and may come under the same ids. Who sent them was told (500), unless the thread that reads from the sender is itself in the listener. What was dispatched of them is not known. The threads stay with the listener."
        "Tell the listener's author. Senders repeat what was not answered. Restart the host when it suits.";
    NO_MORE_GIVEN_UP = "OPL0516" Error
        "As many events of an SPI were given up as `concurrency` allows, each with a thread that stays with its listener, and there are more. Those keep their places, so the SPI may be full (OPL0511) until they come back."
        "Restart the host. Tell the listener's author.";
    DOORS_CLOSED = "OPL0517" Error
        "The host does not start: the Unix socket or the TCP address of the intake cannot be had, or a file that guards it cannot be used. Nothing was loaded."
        "Do what the line says.";
    OPEN_TO_ALL = "OPL0518" Warn
        "Every user of this machine may post events: `unix_mode` lets all of them connect to the Unix socket, and no `unix_peers` are named."
        "Leave `unix_mode` at 0660 and have the provider's user in the host's group, or name who may post in `unix_peers`.";
    STORE_FAILED = "OPL0801" Error
        "The store of the delivery queues cannot be written or read: the disk is full, or the system reports an error. What listeners push meanwhile is refused, and each refusal counts as a failure of that listener (OPL0201); over HTTP the event is answered with 503, to be sent again. Nothing that was stored before is lost. Logged once in ten seconds at the most."
        "Do what the line says: make room, or look at the disk. Once the store can be written again, all goes on by itself.";
    STORE_DAMAGED = "OPL0802" Error
        "The store of the delivery queues was found damaged. It was set aside under the name in the line, with what is in it, and a new one begun in its place with all messages that could be read. Some may be delivered a second time, and what could not be read is not delivered."
        "Find out what damaged the file: the disk, or a program that wrote to it. The file that was set aside is not used any more; keep it for as long as you may want to look for what is missing.";
    DEAD_LETTERS = "OPL0803" Warn
        "Messages became dead letters: their sink refused them for good, or their attempts are used up. They are kept, and not tried again. Logged once in ten seconds at the most for each queue."
        "`op-listener queue show QUEUE --dead` tells why. When the cause is mended, `op-listener queue retry` tries them again; `op-listener queue purge` drops them.";
    MESSAGES_DROPPED = "OPL0804" Error
        "A queue was full, and its policy is `drop-oldest`; or it had more dead letters than `dead_letters` allows. Logged once in ten seconds at the most for each queue."
        "See why its sink does not take the messages; raise `max_messages` or `max_mb` under `[listener.queue]`, or `dead_letters` under `[delivery]`.";
    QUEUE_HALTED = "OPL0805" Error
        "A queue pauses itself: for as long as `pause_after_ms` says, nothing but failures came from its sink. Messages wait; one is tried from time to time, and the queue goes on by itself when one is delivered."
        "See why the sink fails: the last reason is in the line.";
    QUEUE_RESUMED = "OPL0806" Info
        "A queue that had paused itself goes on: a message was delivered."
        "Nothing.";
    DELIVERY_HANGS = "OPL0807" Warn
        "A call of a sink has not come back for a minute. The messages in its hands wait for it; other queues are not affected."
        "Tell the listener's author: a sink has to have time limits. A reload or restart of the host gives the call up.";
    DELIVERY_GIVEN_UP = "OPL0808" Warn
        "Calls of sinks did not come back within `stop_timeout` when they were to end. They are left alone, and what they had in hand is delivered again."
        "Raise `stop_timeout` under `[delivery]`, or tell the listener's author.";
    NOT_POLLED = "OPL0809" Warn
        "The entry of a listener says who may fetch what it has to deliver, and the listener has opened no queue to be fetched from: it hands its messages to a sink of its own, or to nobody. `[listener.poll]` has no effect."
        "Have the listener's messages fetched by its own settings (`method = \"poll\"` of `set-push`), or remove `[listener.poll]`.";
    SINK_PANICKED = "OPL0810" Error
        "The sink of a queue panicked. The panic was caught; the messages that it had in hand are tried again as after any failure. The line names the queue, the listener, and the panic's message and place. Logged once in ten seconds at the most for each queue."
        "Tell the listener's author, with the place that the line names. `op-listener queue show QUEUE` shows what waits.";
    REDIS_CONNECTED = "OPL0701" Info
        "Redis does what it is asked: pending authorisations are there."
        "Nothing.";
    REDIS_AWAY = "OPL0702" Warn
        "Redis does not do what it is asked; the line says what it ended with. Said once when it begins, when the reason changes, and each minute that it goes on. Until Redis is back, authorisations with a code and exchanges of codes are not decided: over HTTP they are answered with 503, those of a stream wait for `redis_patience`. Events need no Redis and are dispatched. A host that starts meanwhile starts, and is not ready."
        "Do what the line says. Nothing is lost that is sent again.";
    REDIS_BACK = "OPL0703" Info
        "Redis does what it is asked again."
        "Nothing.";
    NOT_DECIDED = "OPL0704" Error
        "Facts were refused because Redis did not do what it was asked: those of a stream within `redis_patience`, or until the host was told to stop; those of a request within `redis_timeout_ms`, and their sender was told to send them again. Nothing was dispatched for them. Logged for each line of a stream, and for requests once in ten seconds at the most."
        "Look at Redis. Send lines of a stream again when it is back; whoever posts events does so by itself.";
    REDIS_LOST_DATA = "OPL0705" Error
        "Redis no longer has what it held: it was restarted without its data, emptied, or is another one. The exchanges of codes that were pending will be unknown (OPL0302)."
        "Let Redis write to its disk (`appendonly yes`). `maxmemory-policy noeviction` keeps it from dropping codes one by one.";
    REDIS_NOT_MARKED = "OPL0706" Warn
        "The host stopped before it could mark events in Redis that it had dispatched. If their facts are sent again, the events are dispatched again, under the same ids."
        "Nothing, where listeners or those behind them know events by their id.";
    RELOADED = "OPL0601" Info
        "The configuration, the plugins and all other files were read anew, and are in force, but for what the lines before except. The counts are of listeners: added, replaced by a new version or with new settings, kept as they were, removed; and how many libraries, entries and listeners were refused."
        "Nothing, or look at what the lines before say of what was refused.";
    RELOAD_FAILED = "OPL0602" Error
        "A reload changed nothing: the configuration has errors, or the plugin directory or the lock file cannot be read. Everything goes on as before."
        "Mend what the line names, and reload again.";
    KEPT_AS_IT_WAS = "OPL0603" Error
        "At a reload, what was to replace a listener was refused: the file, or its `init`. The listener that was in service before stays, with all that it is."
        "Do what the line before says, and reload again. What is in the directory is not what is running until then.";
    FILE_GONE = "OPL0604" Warn
        "At a reload, the file of a plugin in service was gone from the plugin directory, so its listeners were shut down. A file that is there but cannot be used changes nothing, nor does the lack of one that is pinned, or that a `required` entry needs. With `on_failure = \"abort\"`, `/readyz` turns to 503 until the entry is filled again or gone."
        "Nothing, if it was meant; then remove its entry too. Otherwise put the file back.";
    LEFT_BEHIND = "OPL0605" Error
        "A listener that was to end did not come back in time, from a call or from its own shutdown. It gets no more events, and whatever it holds stays held until the process ends."
        "Tell its author. If something of it is needed by its successor (a lock, a port), restart the host.";
    KEPT_PART = "OPL0606" Error
        "At a reload, the signing keys, the client registry or another file could not be used. What was read of it before stays in use; all else was reloaded."
        "Mend what the line names, and reload again.";
    NEEDS_RESTART = "OPL0607" Warn
        "The configuration has changed in settings that a reload cannot change. They stay as they were; all else was reloaded."
        "Restart the host when it suits.";
    KEYS_CHANGED = "OPL0608" Info
        "The signing keys were changed. Tokens are signed with the new key from now on; the public keys of before stay in the JWK set for `retire_after` seconds, in memory alone."
        "Nothing. If the host is restarted earlier, put the old public keys into the key file.";
    RELOAD_ASKED = "OPL0609" Info
        "A reload begins: a signal asked for it, or files have changed that are watched."
        "Nothing.";
    NOT_WATCHED = "OPL0610" Warn
        "The system does not tell of changes to files, or not of all: the directory is gone, perhaps, or there are too many watches. They are looked at every `rescan` seconds instead."
        "Do what the line says (on Linux, `fs.inotify.max_user_watches` and `max_user_instances` are the limits), or set `watch = false` under `[reload]` and reload by hand.";
    DRAIN_EXPIRED = "OPL0611" Error
        "The host was asked to stop, and events that it had read already were not dispatched within `drain_ms`: a listener does not come back from a call, or all together are too slow. The host stops all the same, with exit code 4."
        "Tell the listener's author; raise `drain_ms` under `[shutdown]` if it is only slow. Send the events since the last one that was dispatched again.";
    WATCHDOG_WITHHELD = "OPL0612" Error
        "For half of the time of the service manager's watchdog nothing has come of a line of the input, or of any of the posted events of an SPI while as many as `concurrency` allows were with its listeners: a listener does not come back from a call. The watchdog is not served until it does; if that takes too long, the service manager restarts the host."
        "Tell the listener's author. If listeners may take that long, raise `WatchdogSec`.";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fmt::Write as _;
    use std::path::Path;

    use super::*;

    /// The table for operators.
    fn document() -> String {
        let mut text = String::from(
            "# Log codes\n\n\
             Every line that an operator may want to alert on has a code in brackets before its \
             message (in the JSON layout: the member `code`). `OP…` are those of the system whose \
             listener interfaces this host re-creates; `OPL…` are this host's own. Lines that a \
             listener writes stand behind the name of its instance instead.\n\n\
             | code | level | what happened | what to do |\n| --- | --- | --- | --- |\n",
        );
        for code in ALL {
            let Code {
                id,
                severity,
                happened,
                action,
            } = code;
            let level = severity.name();
            writeln!(text, "| `{id}` | {level} | {happened} | {action} |").unwrap();
        }
        text
    }

    #[test]
    fn the_document_for_operators_is_that_of_the_table() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("LOG-CODES.md");
        if std::env::var_os("UPDATE_LOG_CODES").is_some() {
            std::fs::write(&path, document()).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            document(),
            "run again with UPDATE_LOG_CODES=1"
        );
    }

    #[test]
    fn no_two_things_have_one_code() {
        let ids: HashSet<_> = ALL.iter().map(|code| code.id).collect();
        assert_eq!(ids.len(), ALL.len());
    }
}
