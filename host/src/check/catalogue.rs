//! All checks: the one place for their names and what each demands. `host/CHECKS.md` is made from
//! it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a check needs before it can be made, each with what comes before it. What ends the process
/// on the way there is told once, by the check that is about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Needs {
    /// The file's bytes.
    File,
    /// The library in memory.
    Loaded,
    /// The library after its first call.
    Started,
    /// An instance of each listener.
    Instance,
}

/// The section of the checks that hand events to a listener and look at what it answers.
const EVENTS: &str = "Events";

macro_rules! checks {
    ($($section:literal: $($name:ident = $id:literal $needs:ident $length:ident $demand:literal;)+)+) => {
        /// One thing that is checked of a listener.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Check {
            $($(
                #[doc = $demand]
                #[serde(rename = $id)]
                $name,
            )+)+
        }

        impl Check {
            /// All of them, in the order in which they are made.
            pub const ALL: &[Self] = &[$($(Self::$name),+),+];

            /// The sections of [`Check::ALL`], each by its title.
            pub const SECTIONS: &[(&'static str, &[Self])] = &[$(($section, &[$(Self::$name),+])),+];

            /// The stable name, as in reports and on the command line.
            pub const fn name(self) -> &'static str {
                match self {
                    $($(Self::$name => $id,)+)+
                }
            }

            /// What is demanded, in one sentence.
            pub const fn demand(self) -> &'static str {
                match self {
                    $($(Self::$name => $demand,)+)+
                }
            }

            pub(super) const fn needs(self) -> Needs {
                match self {
                    $($(Self::$name => Needs::$needs,)+)+
                }
            }

            /// Whether it calls the listener many times, and so may take long.
            pub(super) const fn is_long(self) -> bool {
                match self {
                    $($(Self::$name => length!($length),)+)+
                }
            }
        }
    };
}

macro_rules! length {
    (short) => {
        false
    };
    (long) => {
        true
    };
}

checks! {
    "The file, without running any of it":
    LibraryFormat = "library-format" File short
        "The file is a whole shared library for this machine.";
    Metadata = "metadata" File short
        "The file has a metadata section, and it can be understood.";
    InterfaceMinimum = "interface-minimum" File short
        "The interface that the metadata demands is one that this host serves.";
    PanicStrategy = "panic-strategy" File short
        "The metadata says that a panic unwinds, and the file has the tables that unwinding needs.";
    Version = "version" File short
        "The plugin's version is a semantic version (semver.org 2.0.0).";
    Licence = "licence" File short
        "The metadata states a licence.";
    Vendor = "vendor" File short
        "The metadata states who makes the plugin.";
    ExportedSymbols = "exported-symbols" File short
        "The library exports nothing but the symbol by which a host finds its table, so that it clashes with nobody.";
    NeededLibraries = "needed-libraries" File short
        "The library needs no other libraries than those that every system has.";
    SearchPath = "search-path" File short
        "The file sets no search path of its own (RPATH, RUNPATH) from which the loader would take other libraries.";
    ExecutableStack = "executable-stack" File short
        "The file does not demand a stack that can be executed, which the whole process would get.";
    WritableCode = "writable-code" File short
        "No part of the file is mapped to be both written and executed, and no relocation changes code.";
    StaticTls = "static-tls" File short
        "Thread-local data is not laid out statically, for which a running process has little room.";
    DebugInfo = "debug-info" File short
        "The file is shipped without its debug information.";
    Size = "size" File short
        "The file is no larger than 4 MiB apart from its debug information.";

    "Loading":
    Loads = "loads" Loaded short
        "The system's loader takes the library, with all the libraries and symbols that it needs.";
    Layout = "layout" Loaded short
        "The types in the library's table are those of the interface.";
    Exports = "exports" Loaded short
        "The library exports the listeners that its metadata names: as many, and of the same SPIs.";
    ClassNames = "class-names" Loaded short
        "Each listener calls its type as the metadata does, by its full path.";
    UndefinedSymbols = "undefined-symbols" Loaded short
        "Each symbol that the library lacks is in a library that it names, and not in this host by chance.";
    InterposedSymbols = "interposed-symbols" Loaded short
        "No symbol that the library exports is one of the process's own, which the library would then use in place of it.";
    LoadTime = "load-time" Loaded short
        "The library is loaded within 100 ms.";
    QuietLoad = "quiet-load" Loaded short
        "Loading the library starts no thread, opens no file and writes none.";
    LoadsTwice = "loads-twice" Loaded short
        "The library can be loaded a second time beside itself, as at a reload.";
    Starts = "starts" Started short
        "The library's first call ends well.";
    UnknownRequest = "unknown-request" Started short
        "A request that the library does not know is answered as unsupported, and one to change the log level is taken.";
    PanicGuard = "panic-guard" Started short
        "A panic that the library is asked for comes back as a status; the guard is the one around each call of a listener.";

    "Making instances":
    Init = "init" Instance short
        "`init` succeeds with the configuration that was given, or without one with an empty one.";
    InitEmptyConfig = "init-empty-config" Started short
        "`init` with an empty configuration succeeds, or says why not.";
    InitMissingValues = "init-missing-values" Started short
        "`init` without each one of the configured keys succeeds, or says why not.";
    InitWrongTypes = "init-wrong-types" Started short
        "`init` with values of the wrong types succeeds, or says why not.";
    InitOddValues = "init-odd-values" Started short
        "`init` with empty, huge, deeply nested and otherwise odd values succeeds, or says why not.";
    InitUnknownKeys = "init-unknown-keys" Started short
        "`init` refuses a key that it does not know, so that a misspelt one does not go unnoticed.";
    InitDataDir = "init-data-dir" Started short
        "`init` with a data directory that cannot be made succeeds, or says why not.";
    InitAsProbe = "init-as-probe" Started short
        "`init` in a probe succeeds, or says why not, and opens no socket and starts no process.";
    TwoInstances = "two-instances" Instance short
        "`init` called twice makes two instances, and the end of one does nothing to the other.";
    EnabledIsStable = "enabled-is-stable" Instance short
        "`is_enabled` says the same each time and on any thread.";

    "Events":
    OrdinaryEvents = "ordinary-events" Instance short
        "Events with all members are taken without an error.";
    MinimalEvents = "minimal-events" Instance short
        "Events with no more members than an event needs are taken without an error.";
    UnicodeClaims = "unicode-claims" Instance short
        "Claims in all of Unicode, also in the event's other texts, do no harm.";
    EmptyClaims = "empty-claims" Instance short
        "Empty claims sets and empty values do no harm.";
    LongValues = "long-values" Instance short
        "Claims and identifiers of 200 characters do no harm.";
    LargeClaims = "large-claims" Instance short
        "A claims set of 1 MiB does no harm.";
    HugeNumbers = "huge-numbers" Instance short
        "Numbers beyond what machine types hold, such as 1e400 and 40 digits, do no harm.";
    DeepClaims = "deep-claims" Instance short
        "Claims nested as deep as the event format allows do no harm.";
    WrongClaimTypes = "wrong-claim-types" Instance short
        "Well-known claims of types that they should not have do no harm.";
    OddJson = "odd-json" Instance short
        "Unusual but valid JSON (white space, escapes, names given twice) does no harm.";
    UnknownMembers = "unknown-members" Instance short
        "Members that the listener does not know are passed over.";
    NewerSchema = "newer-schema" Instance short
        "Events of a newer schema are taken as those of this one are.";
    UnknownEventKind = "unknown-event-kind" Instance short
        "An event of a kind that the listener never asked for is answered with a status.";
    ExtremeFields = "extreme-fields" Instance short
        "Times and identifiers at the ends of their ranges do no harm.";
    SigningRefused = "signing-refused" Instance short
        "A host whose services fail, or are not there, does no harm.";
    NoDescriptors = "no-descriptors" Started short
        "A process that has no file descriptor left gets errors and no panics.";

    "Threads":
    EightThreads = "eight-threads" Instance long
        "Eight threads can call an instance at once.";
    EndingThreads = "ending-threads" Instance long
        "Threads that call an instance may end before it does, one after the other.";

    "Costs":
    TimePerCall = "time-per-call" Instance long
        "99 of 100 calls take no longer than the default budget of 5 ms.";
    EventMemory = "event-memory" Instance long
        "Over 100,000 events the memory in use stops growing.";
    InstanceMemory = "instance-memory" Instance long
        "Instances give all of their memory back when they end.";

    "The end":
    Shutdown = "shutdown" Instance short
        "`shutdown` and release end without an error.";
    ShutdownTwice = "shutdown-twice" Instance short
        "A second `shutdown` is answered with a status.";
    EventsAfterShutdown = "events-after-shutdown" Instance short
        "An event after `shutdown` is answered with a status.";
    SilentAfterShutdown = "silent-after-shutdown" Instance short
        "After its end an instance calls the host no more.";
    ThreadsLeft = "threads-left" Instance short
        "After its end no thread of an instance is left running.";
    DescriptorsLeft = "descriptors-left" Instance short
        "After its end no file descriptor of an instance is left open.";
    ProcessesLeft = "processes-left" Instance short
        "After its end no process that an instance started is left running.";

    "Traces":
    WritesOutside = "writes-outside" Instance short
        "Nothing is written outside the data directory and the places that the configuration names.";
    ProcessState = "process-state" Instance short
        "What belongs to the whole process stays as it is: current directory, environment, umask, signals.";
    StandardStreams = "standard-streams" Instance short
        "Nothing is written to standard output and standard error, which are the host's.";
    LogRecords = "log-records" Instance short
        "Log records are valid: UTF-8, a known level, a target, fields that are a JSON object.";
    LogVolume = "log-volume" Instance short
        "Ordinary events leave no more than one log record each at level info and above.";
    ClaimsInLog = "claims-in-log" Instance short
        "Claims do not turn up in log records at level info and above, nor in errors that events are answered with, which the host logs.";
}

impl Check {
    /// Whether it is about how a listener answers events, and not made without one that wants any.
    pub(super) fn is_of_events(self) -> bool {
        let mut sections = Self::SECTIONS.iter();
        matches!(self.needs(), Needs::Instance)
            && sections.any(|(title, checks)| *title == EVENTS && checks.contains(&self))
    }

    /// The check of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|check| check.name() == name)
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fmt::Write as _;
    use std::path::Path;

    use super::*;

    fn document() -> String {
        let mut text = String::from(
            "# Checks\n\n\
             What `op-listener check` demands of a plugin. Each check runs in a process of its own; \
             it ends as `success`, `warning` (the plugin can be used, its author should look at \
             it), `skipped` (the check does not apply, or what it builds on did not succeed), \
             `failed`, or `crashed` (its process was ended: by a signal, an abort, an exit or the \
             time limit). A plugin conforms when none failed or crashed. `--only NAME` makes one \
             check alone. A plugin that is switched off until it is configured gets no event; then \
             the report ends with a warning, and `--config FILE` gives the settings that enable \
             it.\n",
        );
        for (title, checks) in Check::SECTIONS {
            write!(
                text,
                "\n## {title}\n\n| check | what is demanded |\n| --- | --- |\n"
            )
            .unwrap();
            for check in *checks {
                writeln!(text, "| `{check}` | {} |", check.demand()).unwrap();
            }
        }
        text.push_str(
            "\n## `--json`\n\n\
             One object. Members may be added; those that are here keep their meaning.\n\n\
             | member | meaning |\n| --- | --- |\n\
             | `op_listener_check` | 1: the version of this shape |\n\
             | `host`, `interface` | the versions of the host that checked, and of the interface that it serves |\n\
             | `conforms` | whether all files do |\n\
             | `files` | an array with an object for each file, in the order of the command line |\n\
             | `files[].file`, `.sha256` | the file as it was named, and its bytes' SHA-256 in hexadecimal |\n\
             | `files[].plugin`, `.version` | from the metadata; `null` where there are none |\n\
             | `files[].conforms` | whether no check failed or crashed |\n\
             | `files[].events_tried` | whether any check of the section \"Events\" was made: if not, the plugin may conform and its listeners were never called |\n\
             | `files[].summary` | how many checks ended in each way: `success`, `warning`, `skipped`, `failed`, `crashed` |\n\
             | `files[].checks` | an array with an object for each check, in the order of this page |\n\
             | `files[].checks[].name`, `.demand` | as in the tables above |\n\
             | `files[].checks[].status` | one of the five |\n\
             | `files[].checks[].message` | a sentence in one line, or `null` |\n\
             | `files[].checks[].seconds` | how long it took |\n",
        );
        text
    }

    #[test]
    fn the_document_for_authors_is_that_of_the_checks() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("CHECKS.md");
        if std::env::var_os("UPDATE_CHECKS").is_some() {
            std::fs::write(&path, document()).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            document(),
            "run again with UPDATE_CHECKS=1"
        );
    }

    #[test]
    fn names_are_stable_words_and_lead_back_to_their_checks() {
        let names: HashSet<_> = Check::ALL.iter().map(|check| check.name()).collect();
        assert_eq!(names.len(), Check::ALL.len());
        for check in Check::ALL {
            assert_eq!(Check::from_name(check.name()), Some(*check));
            assert_eq!(serde_json::to_value(check).unwrap(), check.name());
            let word = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
            assert!(check.name().bytes().all(word), "{check}");
        }
        assert_eq!(Check::from_name("no-such-check"), None);
    }
}
