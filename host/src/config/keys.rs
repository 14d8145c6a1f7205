//! Which keys there are and where: the one list that unknown keys are judged by, and the search for
//! what may have been meant.

use strsim::damerau_levenshtein;

/// A table of the file and its keys.
#[derive(Debug)]
pub(super) struct Section {
    /// How it is named in messages: as its header, or in words.
    pub(super) title: &'static str,
    /// The keys that this version serves.
    pub(super) keys: &'static [&'static str],
}

pub(super) const TOP: Section = Section {
    title: "the top of the file",
    keys: &[
        "issuer", "clients", "data_dir", "plugins", "signing", "log", "intake", "flow", "dispatch",
        "delivery", "reload", "shutdown", "listener",
    ],
};
pub(super) const PLUGINS: Section = Section {
    title: "[plugins]",
    keys: &[
        "dir",
        "trust",
        "pins",
        "public_keys",
        "on_failure",
        "probe",
        "probe_timeout_ms",
        "probe_memory_mb",
    ],
};
pub(super) const SIGNING: Section = Section {
    title: "[signing]",
    keys: &["keys", "algorithm", "kid", "retire_after"],
};
pub(super) const LOG: Section = Section {
    title: "[log]",
    keys: &["format", "level"],
};
pub(super) const INTAKE: Section = Section {
    title: "[intake]",
    keys: &[
        "max_line",
        "max_depth",
        "unix",
        "unix_mode",
        "unix_peers",
        "http",
        "token_file",
        "max_body",
        "max_header",
        "max_connections",
        "concurrency",
        "read_timeout_ms",
        "idle_timeout",
        "remember",
        "max_remembered",
        "tls",
    ],
};
pub(super) const TLS: Section = Section {
    title: "[intake.tls]",
    keys: &["certificate", "key", "client_ca"],
};
pub(super) const FLOW: Section = Section {
    title: "[flow]",
    keys: &[
        "max_pending",
        "code_lifetime",
        "redis_password_file",
        "redis_password_env",
        "redis_ca",
        "redis_prefix",
        "redis_timeout_ms",
        "redis_patience",
        "redis_claim",
        "redis_grace",
        // Last, since it is the beginning of all the others, and so near to them.
        "redis",
    ],
};
pub(super) const DISPATCH: Section = Section {
    title: "[dispatch]",
    keys: &["measure", "budget_ms"],
};
pub(super) const DELIVERY: Section = Section {
    title: "[delivery]",
    keys: &["path", "durability", "mask", "stop_timeout", "dead_letters"],
};
pub(super) const RELOAD: Section = Section {
    title: "[reload]",
    keys: &["watch", "debounce_ms", "rescan"],
};
pub(super) const SHUTDOWN: Section = Section {
    title: "[shutdown]",
    keys: &["drain_ms", "listener_ms"],
};
pub(super) const LISTENER: Section = Section {
    title: "[[listener]]",
    keys: &[
        "plugin",
        "name",
        "spi",
        "clients",
        "required",
        "enabled",
        "switch_off_after_panics",
        "budget_ms",
        "shutdown_ms",
        "queue",
        "poll",
        "config",
    ],
};
pub(super) const QUEUE: Section = Section {
    title: "[listener.queue]",
    keys: &[
        "batch_messages",
        "batch_bytes",
        "batch_age_ms",
        "concurrency",
        "attempts",
        "backoff_ms",
        "backoff_max_ms",
        "max_messages",
        "max_mb",
        "when_full",
        "pause_after_ms",
    ],
};

pub(super) const POLL: Section = Section {
    title: "[listener.poll]",
    keys: &["token_file", "wait", "redeliver", "max_events"],
};

const ALL: [&Section; 14] = [
    &TOP, &PLUGINS, &SIGNING, &LOG, &INTAKE, &TLS, &FLOW, &DISPATCH, &DELIVERY, &RELOAD, &SHUTDOWN,
    &LISTENER, &QUEUE, &POLL,
];

impl Section {
    fn is_top(&self) -> bool {
        self.title == TOP.title
    }

    /// " in [log]", or nothing at the top.
    pub(super) fn inside(&self) -> String {
        if self.is_top() {
            String::new()
        } else {
            format!(" in {}", self.title)
        }
    }

    /// What to do about a key that this section doesn't have.
    pub(super) fn advice(&self, key: &str) -> String {
        if let Some(near) = nearest(key, self.keys.iter().copied()) {
            return format!("did you mean `{near}`?");
        }
        let elsewhere = places_of(key, self);
        if !elsewhere.is_empty() {
            return format!("`{key}` belongs {elsewhere}");
        }
        let others = ALL.iter().flat_map(|section| section.keys).copied();
        if let Some(near) = nearest(key, others) {
            return format!(
                "did you mean `{near}`? It belongs {}",
                places_of(near, self)
            );
        }
        let keys: Vec<_> = self.keys.iter().map(|key| format!("`{key}`")).collect();
        let own = if self.title == LISTENER.title {
            "; the listener's own settings go in [listener.config]"
        } else {
            ""
        };
        format!("the keys of {}: {}{own}", self.title, keys.join(", "))
    }
}

/// "in [dispatch] or in [[listener]]": where else than `here` there is such a key.
fn places_of(key: &str, here: &Section) -> String {
    let places: Vec<_> = ALL
        .iter()
        .filter(|section| section.title != here.title && section.keys.contains(&key))
        .map(|section| {
            if section.is_top() {
                "at the top of the file, before the first [section]".to_owned()
            } else {
                format!("in {}", section.title)
            }
        })
        .collect();
    places.join(", or ")
}

/// The candidate that `word` may have been meant to be: at most a third of it is wrong, or one is
/// the beginning of the other. The first of several that are equally near.
pub(super) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    // Also a bound on the time that hostile text can take.
    const LONGEST: usize = 64;
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let length = word.chars().count();
    if length == 0 || length > LONGEST {
        return None;
    }
    let word = plain(word);
    let distance = |candidate: &str| {
        let other = plain(candidate);
        let shorter = length.min(other.chars().count());
        let beginning = word.starts_with(&other) || other.starts_with(&word);
        if beginning && shorter >= 3 {
            return Some(1);
        }
        let distance = damerau_levenshtein(&word, &other);
        let most = (length.max(other.chars().count()) / 3).max(1);
        (distance <= most && distance < shorter).then_some(distance)
    };
    candidates
        .into_iter()
        .filter_map(|candidate| distance(candidate).map(|distance| (distance, candidate)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// All sections, for what is checked against them.
#[cfg(test)]
pub(super) fn sections() -> &'static [&'static Section] {
    &ALL
}
