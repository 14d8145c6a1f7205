//! What the log is told of listeners that are made, and of entries that are refused; both are counted
//! as they are told of.

use super::instances::{Refused, Registrar};
use crate::Spi;
use crate::config::ListenerConfig;
use crate::dispatch::Registered;
use crate::log::{Code, codes, emit};

impl Registrar<'_> {
    /// Counts a listener; writes the line that tells of it, if it is new.
    pub(super) fn count(&mut self, listener: &Registered, is_new: bool) {
        let spi = listener.spi();
        let number = &mut self.numbers[spi as usize];
        *number += 1;
        if !is_new {
            return;
        }
        let code = match spi {
            Spi::IdTokenIssue => codes::LOADED_ID_TOKEN_ISSUE,
            Spi::AccessTokenIssue => codes::LOADED_ACCESS_TOKEN_ISSUE,
            Spi::SubjectAuthAndConsent => codes::LOADED_SUBJECT_AUTH_AND_CONSENT,
        };
        emit(
            code,
            Some(listener.name()),
            format_args!(
                "Loaded {} event listener [{number}]: class={} enabled={}",
                spi.title(),
                listener.class(),
                listener.enabled(),
            ),
        );
    }

    pub(super) fn refuse(&mut self, code: Code, entry: &ListenerConfig, what: &str) -> Refused {
        self.refused += 1;
        self.loads.listener_refused();
        let name = entry.name.as_str();
        emit(
            code,
            Some(name),
            format_args!("Listener '{name}'{} is refused: {what}", at(entry)),
        );
        Refused { in_config: false }
    }

    pub(super) fn refuse_name(
        &mut self,
        entry: &ListenerConfig,
        other: &ListenerConfig,
    ) -> Refused {
        let what = format!(
            "an entry for plugin '{}'{} has that name: give one of them another `name`",
            other.plugin,
            at(other),
        );
        self.refuse(codes::LISTENER_REFUSED, entry, &what)
    }

    pub(super) fn refuse_unknown(&mut self, entry: &ListenerConfig) -> Refused {
        let ids = self.catalogue.ids();
        let near = ids
            .iter()
            .map(|id| (strsim::jaro_winkler(id, &entry.plugin), id))
            .filter(|(likeness, _)| *likeness > 0.8)
            .max_by(|(a, _), (b, _)| a.total_cmp(b));
        let hint = match near {
            Some((_, id)) => format!("did you mean '{id}'?"),
            None if ids.is_empty() => "there are no plugins at all".to_owned(),
            None => format!("there are: {}", ids.join(", ")),
        };
        let what = format!(
            "there is no plugin '{}' in {:?}; {hint}",
            entry.plugin, self.config.plugins.dir
        );
        self.refuse(codes::LISTENER_REFUSED, entry, &what)
    }
}

/// Where an entry stands, for the middle of a sentence.
pub(super) fn at(entry: &ListenerConfig) -> String {
    entry
        .place()
        .map_or(String::new(), |place| format!(" ({place})"))
}
