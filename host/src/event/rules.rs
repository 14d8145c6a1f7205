//! What each member must be: the one place with these rules, for lines of a stream and for events
//! that are built in code.

use super::error::{EventError, Fault};
use super::issuer::{self, check_issuer};
use super::json;
use super::members::Member;
use super::session::Session;
use super::time::{Deadline, Timestamp};
use std::borrow::Cow;

type Checked<T> = Result<T, EventError>;

/// The longest `id` and `txn`, in characters.
pub(crate) const MAX_IDENTIFIER: usize = 128;

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
            Self::ClientId | Self::Subject => "a string that is not empty",
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
            Self::Code => "a string that is not empty",
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
        let found = if !self.may_be_shown() || json::is_object(raw) || raw == "null" {
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
pub(crate) fn string(member: Member, raw: &str) -> Checked<Cow<'_, str>> {
    json::string(raw).ok_or_else(|| member.wrong(raw))
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
pub(crate) fn object(member: Member, raw: &str) -> Checked<&str> {
    if json::is_object(raw) {
        Ok(raw)
    } else {
        Err(member.wrong(raw))
    }
}

/// `member`, an array of strings.
pub(crate) fn strings(member: Member, raw: &str) -> Checked<()> {
    if json::is_array_of_strings(raw) {
        return Ok(());
    }
    if raw.starts_with('[') {
        let found = "an array that holds something else".to_owned();
        return Err(member.wrong_because(found));
    }
    Err(member.wrong(raw))
}

/// `code_expires_at`.
pub(crate) fn code_expires_at(raw: &str) -> Checked<Deadline> {
    Deadline::parse(raw).ok_or_else(|| Member::CodeExpiresAt.wrong(raw))
}

/// `session`. The last one counts where one of its members is repeated.
pub(crate) fn session(raw: &str) -> Checked<Session<'_>> {
    object(Member::Session, raw)?;
    let mut expires_at = None;
    for (name, value) in json::members(raw) {
        let Some(name) = json::string(name) else {
            continue;
        };
        let (fits, expected) = match name.as_ref() {
            "sid" | "acr" => (json::is_string(value), "a string"),
            "auth_time" => (json::is_number(value), "a number of Unix seconds"),
            "amr" => (json::is_array_of_strings(value), "an array of strings"),
            "expires_at" => {
                expires_at = Deadline::parse(value);
                (expires_at.is_some(), "a number of Unix seconds")
            }
            _ => continue,
        };
        if !fits {
            let found = match json::kind(value) {
                "an array" if name == "amr" => "an array that holds something else",
                kind => kind,
            };
            return Err(EventError::member(
                &format!("session.{name}"),
                Fault::Wrong {
                    expected,
                    found: found.into(),
                },
            ));
        }
    }
    Ok(Session::new(raw, expires_at))
}

/// What the JSON reader does not check in `text`, which it has found valid.
pub(crate) fn depth(limit: usize, text: &str) -> Checked<()> {
    if json::is_deeper_than(limit, text) {
        return Err(EventError::whole(Fault::TooDeep { limit }));
    }
    Ok(())
}

/// As [`depth`], of the value of the member with this name.
pub(crate) fn surrogates(name: &str, raw: &str) -> Checked<()> {
    if json::has_lone_surrogate(raw) {
        return Err(EventError::member(name, Fault::LoneSurrogate));
    }
    Ok(())
}
