//! What is masked of a message, wherever it stands: values of members of the payload also where they
//! are repeated, as a key to order by, as a header, or by the receiver in what it says.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::admin::MessageState;

/// What stands in the place of what is masked.
pub(super) const HIDDEN: &str = "(hidden)";
/// The member of a `CloudEvents` event with data that is no text.
const ENCODED: &str = "data_base64";

/// What operators see of a message.
pub(super) struct Shown {
    /// `None` where it is no text.
    pub(super) payload: Option<String>,
    pub(super) key: Option<String>,
    pub(super) id: Option<String>,
    pub(super) headers: Option<Map<String, Value>>,
    pub(super) reason: Option<String>,
    pub(super) answer: Option<String>,
}

/// What is to be hidden of one message.
struct Mask<'a> {
    names: &'a [String],
    /// The values that such members have in it.
    values: Vec<String>,
}

impl Shown {
    pub(super) fn new(message: &MessageState, names: &[String]) -> Self {
        let text = str::from_utf8(&message.payload).ok();
        let headers = message.headers.as_deref();
        let headers: Option<Map<String, Value>> =
            headers.and_then(|headers| serde_json::from_str(headers).ok());
        if names.is_empty() {
            return Self {
                payload: text.map(ToOwned::to_owned),
                key: message.key.clone(),
                id: message.id.clone(),
                headers,
                reason: message.reason.clone(),
                answer: message.answer.clone(),
            };
        }
        let open = text.filter(|_| !names.iter().any(|name| name == "*"));
        let Some(inside) = open.and_then(inside) else {
            return Self::hidden(message, headers);
        };
        let mut mask = Mask {
            names,
            values: Vec::new(),
        };
        mask.note(&inside);
        // One value may be a part of another.
        mask.values.sort_by_key(|value| usize::MAX - value.len());
        Self {
            payload: Some(match text.and_then(json) {
                Some(mut value) => {
                    mask.hide(&mut value);
                    value.to_string()
                }
                None => HIDDEN.to_owned(),
            }),
            key: mask.within(message.key.as_deref()),
            id: mask.within(message.id.as_deref()),
            headers: headers.map(|mut headers| {
                mask.hide_members(&mut headers);
                headers
            }),
            reason: mask.within(message.reason.as_deref()),
            answer: message.answer.as_deref().map(|answer| mask.answer(answer)),
        }
    }

    /// What cannot be looked into could hold anything, and so could what was made of it. What its own
    /// host says of a message that nobody answered has nothing of it.
    fn hidden(message: &MessageState, headers: Option<Map<String, Value>>) -> Self {
        let hidden = |text: &Option<String>| text.as_ref().map(|_| HIDDEN.to_owned());
        let answered = message.status.is_some() || message.answer.is_some();
        Self {
            payload: Some(HIDDEN.to_owned()),
            key: hidden(&message.key),
            id: message.id.clone(),
            headers: headers.map(|headers| {
                let names = headers.into_iter().map(|(name, _)| name);
                names.map(|name| (name, HIDDEN.into())).collect()
            }),
            reason: if answered {
                hidden(&message.reason)
            } else {
                message.reason.clone()
            },
            answer: hidden(&message.answer),
        }
    }
}

/// JSON that has members.
fn json(text: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(text).ok()?;
    (value.is_object() || value.is_array()).then_some(value)
}

/// What a text holds: JSON, or the claims of a JWT.
fn inside(text: &str) -> Option<Value> {
    if let Some(value) = json(text) {
        return Some(value);
    }
    let mut parts = text.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    json(str::from_utf8(&claims).ok()?)
}

impl Mask<'_> {
    /// Notes the values of members that are masked. Says whether there was one.
    fn note(&mut self, value: &Value) -> bool {
        match value {
            Value::Object(members) => {
                let mut any = false;
                for (name, value) in members {
                    any |= if self.names.contains(name) {
                        self.note_all(value);
                        true
                    } else {
                        self.note(value)
                    };
                }
                any
            }
            Value::Array(items) => items.iter().fold(false, |any, item| self.note(item) | any),
            Value::String(text) => inside(text).is_some_and(|inside| self.note(&inside)),
            _ => false,
        }
    }

    fn note_all(&mut self, value: &Value) {
        match value {
            Value::Object(members) => members.values().for_each(|value| self.note_all(value)),
            Value::Array(items) => items.iter().for_each(|item| self.note_all(item)),
            Value::String(text) if !text.is_empty() => self.values.push(text.clone()),
            Value::Number(number) => self.values.push(number.to_string()),
            _ => {}
        }
    }

    fn hide(&self, value: &mut Value) {
        match value {
            Value::Object(members) => self.hide_members(members),
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide(item)),
            Value::String(text) => {
                let mut more = Mask {
                    names: self.names,
                    values: Vec::new(),
                };
                *text = if inside(text).is_some_and(|inside| more.note(&inside)) {
                    HIDDEN.to_owned()
                } else {
                    self.text(text)
                };
            }
            Value::Number(number) if self.values.contains(&number.to_string()) => {
                *value = HIDDEN.into();
            }
            _ => {}
        }
    }

    fn hide_members(&self, members: &mut Map<String, Value>) {
        for (name, value) in members {
            if self.names.contains(name) || name == ENCODED {
                *value = HIDDEN.into();
            } else {
                self.hide(value);
            }
        }
    }

    fn answer(&self, answer: &str) -> String {
        let Some(value) = json(answer) else {
            return self.text(answer);
        };
        let mut masked = value.clone();
        self.hide(&mut masked);
        if masked == value {
            answer.to_owned()
        } else {
            masked.to_string()
        }
    }

    fn within(&self, text: Option<&str>) -> Option<String> {
        text.map(|text| self.text(text))
    }

    fn text(&self, text: &str) -> String {
        let values = self.values.iter();
        values.fold(text.to_owned(), |text, value| text.replace(value, HIDDEN))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::delivery::admin::Place;

    fn message(payload: impl Into<Vec<u8>>) -> MessageState {
        MessageState {
            number: 1,
            state: Place::Dead,
            pushed_ms: 0,
            due_ms: 0,
            attempts: 1,
            tried_ms: None,
            key: Some("alice".to_owned()),
            id: Some("e1".to_owned()),
            content_type: None,
            headers: Some(json!({ "subject": "alice", "email": "b", "kind": "issue" }).to_string()),
            payload: payload.into(),
            reason: Some("refused: alice is unknown".to_owned()),
            status: Some(400),
            answer: Some(r#"{"of":"alice","email":"c"}"#.to_owned()),
            whole: true,
        }
    }

    fn shown(payload: impl Into<Vec<u8>>, mask: &[&str]) -> Shown {
        let names: Vec<_> = mask.iter().map(ToString::to_string).collect();
        Shown::new(&message(payload), &names)
    }

    fn payload(payload: &Value, mask: &[&str]) -> Value {
        let shown = shown(payload.to_string(), mask).payload.unwrap();
        serde_json::from_str(&shown).unwrap()
    }

    #[test]
    fn a_masked_value_is_hidden_wherever_it_is() {
        let it = shown(
            json!({ "sub": "alice", "iat": 1 }).to_string(),
            &["sub", "email"],
        );
        assert_eq!(it.payload.unwrap(), r#"{"iat":1,"sub":"(hidden)"}"#);
        assert_eq!(it.key.unwrap(), HIDDEN);
        assert_eq!(it.id.unwrap(), "e1");
        assert_eq!(
            Value::from(it.headers.unwrap()),
            json!({ "subject": HIDDEN, "email": HIDDEN, "kind": "issue" })
        );
        assert_eq!(it.reason.unwrap(), "refused: (hidden) is unknown");
        assert_eq!(
            it.answer.unwrap(),
            r#"{"email":"(hidden)","of":"(hidden)"}"#
        );
    }

    #[test]
    fn members_are_found_at_any_depth_and_values_beside_them() {
        let event = json!({
            "subject": "alice",
            "data": [{ "sub": "alice", "deep": { "sub": { "a": [7] }, "b": 7, "c": 8 } }],
        });
        assert_eq!(
            payload(&event, &["sub"]),
            json!({
                "subject": HIDDEN,
                "data": [{ "sub": HIDDEN, "deep": { "sub": HIDDEN, "b": HIDDEN, "c": 8 } }],
            })
        );
        assert_eq!(payload(&event, &["nothing"]), event);
    }

    #[test]
    fn texts_that_hold_such_members_are_hidden() {
        let inner = json!({ "sub": "bob" }).to_string();
        let jwt = format!("e30.{}.", URL_SAFE_NO_PAD.encode(&inner));
        let event =
            json!({ "a": inner, "b": jwt, "c": "{}", "d": "of bob", "data_base64": "Ym9i" });
        let masked = json!({ "a": HIDDEN, "b": HIDDEN, "c": "{}", "d": "of (hidden)", "data_base64": HIDDEN });
        assert_eq!(payload(&event, &["sub"]), masked);
    }

    #[test]
    fn of_what_cannot_be_looked_into_nothing_is_shown() {
        let event = json!({ "sub": "alice" }).to_string();
        let all = [
            shown(event, &["*", "sub"]),
            shown("\u{ff}alice".as_bytes()[1..].to_vec(), &["sub"]),
            shown("alice", &["sub"]),
            shown("\"alice\"", &["sub"]),
            shown("5550100", &["sub"]),
            shown("", &["sub"]),
        ];
        for it in all {
            let texts = [it.payload, it.key, it.reason, it.answer];
            assert!(texts.iter().all(|text| text.as_deref() == Some(HIDDEN)));
            assert!(it.headers.unwrap().values().all(|value| value == HIDDEN));
            assert_eq!(it.id.unwrap(), "e1");
        }
        // Nobody has said anything.
        let mut unanswered = message("alice");
        unanswered.status = None;
        unanswered.answer = None;
        let reason = Shown::new(&unanswered, &["*".to_owned()]).reason;
        assert_eq!(reason, unanswered.reason);
    }

    #[test]
    fn the_claims_of_a_token_are_known_though_it_is_not_shown() {
        let claims = json!({ "sub_id": { "sub": "alice" } }).to_string();
        let set = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        let it = shown(set, &["sub"]);
        assert_eq!(it.payload.unwrap(), HIDDEN);
        assert_eq!(it.key.unwrap(), HIDDEN);
        assert_eq!(it.reason.unwrap(), "refused: (hidden) is unknown");
    }

    #[test]
    fn without_a_mask_all_is_as_it_is() {
        let it = shown(vec![0xff], &[]);
        assert!(it.payload.is_none());
        assert_eq!(it.key.unwrap(), "alice");
        assert_eq!(it.answer.unwrap(), r#"{"of":"alice","email":"c"}"#);
    }
}
