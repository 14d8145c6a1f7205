//! What each member must be: the one place with these rules, for lines of a stream and for events
//! that are built in code.

use super::error::{EventError, Fault};
use super::issuer::{self, check_issuer};
use super::json;
use super::members::Member;
use super::scan::{self, Span};
use super::session::Session;
use super::time::{Deadline, Timestamp};
use std::borrow::Cow;

type Checked<T> = Result<T, EventError>;

const ARRAY_OF_OTHERS: &str = "an array that holds something else";

/// The longest `id` and `txn`, in characters.
pub(crate) const MAX_IDENTIFIER: usize = 128;

/// So many characters of a wrong one are shown.
const SHOWN: usize = 8;

impl Member {
    /// What the member must be, for messages.
    pub(crate) const fn expected(self) -> &'static str {
        match self {
            Self::Type => {
                "one of id_token_issue, access_token_issue, subject_auth_and_consent, \
                 authorization_completed, code_exchanged"
            }
            Self::Id | Self::Txn => "a string of 1 to 128 characters out of A-Z a-z 0-9 . _ : -",
            Self::Time => "a number of Unix seconds, at least 0 and less than 253402300800",
            Self::Issuer => issuer::EXPECTED,
            Self::ClientId | Self::Subject | Self::Code => "a string that is not empty",
            Self::Client | Self::Claims | Self::IdTokenClaims => "an object",
            Self::Scope | Self::ConsentedClaims => "an array of strings",
            Self::AuthzData => "any JSON value",
            Self::Session => {
                "an object whose sid and acr are strings, auth_time and expires_at numbers, and amr \
                 an array of strings"
            }
            Self::ResponseType => {
                "one or more of the words code, id_token and token, each once, one space between"
            }
            Self::CodeExpiresAt => "a number of Unix seconds",
        }
    }

    /// Whether a wrong value may be shown. Not what may hold a credential, or what is said of a
    /// person.
    const fn may_be_shown(self) -> bool {
        matches!(
            self,
            Self::Type
                | Self::Id
                | Self::Txn
                | Self::Time
                | Self::ClientId
                | Self::ResponseType
                | Self::CodeExpiresAt
        )
    }

    /// The error that this member has the value `raw`, a valid JSON text.
    pub(crate) fn wrong(self, raw: &str) -> EventError {
        let kind = json::kind(raw);
        let plain = json::is_string(raw) || json::is_number(raw);
        let found = if !self.may_be_shown() || !plain {
            if raw == "\"\"" {
                "an empty string".to_owned()
            } else {
                kind.to_owned()
            }
        } else {
            let shown = json::excerpt(raw);
            // A string is shown with its quotes, so its kind goes without saying.
            if json::is_string(raw) {
                shown
            } else {
                format!("{kind}, {shown}")
            }
        };
        self.wrong_because(found)
    }

    fn wrong_because(self, found: String) -> EventError {
        EventError::member(
            self.name(),
            Fault::Wrong {
                expected: self.expected(),
                found: found.into(),
            },
        )
    }

    /// The error that a string has this value.
    fn wrong_string(self, text: &str) -> EventError {
        let mut raw = String::new();
        json::push_string(&mut raw, text);
        self.wrong(&raw)
    }

    pub(crate) fn missing(self, by: &'static str) -> EventError {
        EventError::member(
            self.name(),
            Fault::Missing {
                by,
                expected: self.expected(),
            },
        )
    }
}

/// `member`, a string.
pub(crate) fn string(member: Member, raw: Span<'_>) -> Checked<Cow<'_, str>> {
    json::string(raw).ok_or_else(|| member.wrong(raw.text))
}

/// `member`, a string that is not empty.
pub(crate) fn filled(member: Member, text: Cow<'_, str>) -> Checked<Cow<'_, str>> {
    if text.is_empty() {
        return Err(member.wrong_string(&text));
    }
    Ok(text)
}

/// `id` or `txn`.
pub(crate) fn identifier(member: Member, text: Cow<'_, str>) -> Checked<Cow<'_, str>> {
    const ALLOWED: [bool; 256] = {
        let mut allowed = [false; 256];
        let mut byte = 0_u8;
        while byte < 128 {
            allowed[byte as usize] =
                byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
            byte += 1;
        }
        allowed
    };
    let fits = (1..=MAX_IDENTIFIER).contains(&text.len());
    // Without an early end, so that several bytes are looked up at once.
    if fits
        && text
            .bytes()
            .fold(true, |good, byte| good & ALLOWED[usize::from(byte)])
    {
        return Ok(text);
    }
    let characters = text.chars().count();
    if characters > MAX_IDENTIFIER {
        return Err(member.wrong_because(format!("one of {characters} characters")));
    }
    if characters > SHOWN {
        // It may be an opaque token that somebody takes for an identifier.
        let begin: String = text.chars().take(SHOWN).collect();
        let begin = json::excerpt(&begin);
        return Err(member.wrong_because(format!("\"{begin}…\", {characters} characters long")));
    }
    Err(member.wrong_string(&text))
}

/// `time`.
pub(crate) fn time(raw: &str) -> Checked<Timestamp> {
    if !json::is_number(raw) {
        return Err(Member::Time.wrong(raw));
    }
    raw.parse()
        .map_err(|error| Member::Time.wrong_because(format!("{}: {error}", json::excerpt(raw))))
}

/// `issuer`. One that equals `known`, which was checked before, is not checked again.
pub(crate) fn issuer<'a>(text: Cow<'a, str>, known: Option<&str>) -> Checked<Cow<'a, str>> {
    if known != Some(text.as_ref()) {
        check_issuer(&text)
            .map_err(|fault| EventError::issuer(Member::Issuer.expected(), &text, fault))?;
    }
    Ok(text)
}

/// `member`, an object's text.
pub(crate) fn object(member: Member, raw: Span<'_>) -> Checked<Span<'_>> {
    if json::is_object(raw.text) {
        Ok(raw)
    } else {
        Err(member.wrong(raw.text))
    }
}

/// `member`, an array of strings.
pub(crate) fn strings(member: Member, raw: &str) -> Checked<()> {
    if json::is_array_of_strings(raw) {
        return Ok(());
    }
    if raw.starts_with('[') {
        return Err(member.wrong_because(ARRAY_OF_OTHERS.to_owned()));
    }
    Err(member.wrong(raw))
}

/// `code_expires_at`.
pub(crate) fn code_expires_at(raw: &str) -> Checked<Deadline> {
    Deadline::parse(raw).ok_or_else(|| Member::CodeExpiresAt.wrong(raw))
}

/// `session`. Of one of its members that is repeated, the last one counts.
pub(crate) fn session(raw: Span<'_>) -> Checked<Session<'_>> {
    const KNOWN: [&str; 5] = ["sid", "acr", "auth_time", "expires_at", "amr"];
    let raw = object(Member::Session, raw)?.text;
    let mut last = [None; KNOWN.len()];
    for (name, value) in json::members(raw) {
        let name = json::decode(name).unwrap_or_default();
        if let Some(at) = KNOWN.iter().position(|known| *known == name) {
            last[at] = Some(value);
        }
    }
    for (name, value) in KNOWN.into_iter().zip(last) {
        let Some(value) = value else { continue };
        let (fits, expected) = match name {
            "sid" | "acr" => (json::is_string(value), "a string"),
            "amr" => (json::is_array_of_strings(value), "an array of strings"),
            _ => (json::is_number(value), "a number of Unix seconds"),
        };
        if !fits {
            let found = match json::kind(value) {
                "an array" if name == "amr" => ARRAY_OF_OTHERS,
                kind => kind,
            };
            let found = found.into();
            let fault = Fault::Wrong { expected, found };
            return Err(EventError::member(&format!("session.{name}"), fault));
        }
    }
    let expires_at = last[3].and_then(Deadline::parse);
    Ok(Session::new(raw, expires_at))
}

/// The value of the member with this name in an event that nests at most so many levels deep: its
/// valid text, without white space around it.
pub(crate) fn value<'t>(name: &str, text: &'t str, depth_limit: usize) -> Checked<Span<'t>> {
    // The event itself is the first level.
    scan::whole(text, depth_limit.saturating_sub(1))
        .map_err(|stop| EventError::member(name, stop.fault(text, depth_limit)))
}
