//! A listener's own settings: from TOML to JSON, in which they cross into the listener.

use serde_json::{Map, Number, Value as Json};
use toml::de::{DeTable, DeValue};

use super::error::Problem;
use super::walk::{Value, Walk};

/// How many tables and arrays may stand inside one another, the settings themselves being the
/// first. Readers of JSON and of TOML have limits of their own, all larger.
pub(super) const MAX_DEPTH: usize = 64;

/// The settings, unless something in them cannot be said in JSON; that has been reported then.
pub(super) fn settings(walk: &Walk<'_>, table: &DeTable<'_>) -> Option<Map<String, Json>> {
    members(walk, table, 1)
}

fn members(walk: &Walk<'_>, table: &DeTable<'_>, depth: usize) -> Option<Map<String, Json>> {
    let mut sound = true;
    let mut members = Map::new();
    for (key, value) in table {
        match json(walk, value, depth + 1) {
            Some(value) => _ = members.insert(key.get_ref().to_string(), value),
            None => sound = false,
        }
    }
    sound.then_some(members)
}

fn json(walk: &Walk<'_>, value: &Value<'_>, depth: usize) -> Option<Json> {
    let json = match value.get_ref() {
        DeValue::String(text) => Ok(Json::String(text.to_string())),
        DeValue::Boolean(boolean) => Ok(Json::Bool(*boolean)),
        // JSON has no dates.
        DeValue::Datetime(datetime) => Ok(Json::String(datetime.to_string())),
        DeValue::Integer(integer) => {
            let (digits, radix) = (integer.as_str(), integer.radix());
            i64::from_str_radix(digits, radix)
                .map(Number::from)
                .or_else(|_| u64::from_str_radix(digits, radix).map(Number::from))
                .map(Json::Number)
                .map_err(|_| "an integer of more than 64 bits cannot be given to a listener")
        }
        DeValue::Float(float) => float
            .as_str()
            .parse()
            .ok()
            .and_then(Number::from_f64)
            .map(Json::Number)
            .ok_or("infinite numbers and `nan` cannot be given to a listener"),
        DeValue::Array(_) | DeValue::Table(_) if depth > MAX_DEPTH => {
            Err("a listener's settings may be nested 64 levels deep, these are deeper")
        }
        DeValue::Table(table) => return members(walk, table, depth).map(Json::Object),
        DeValue::Array(items) => {
            let items: Vec<_> = items
                .iter()
                .map(|item| json(walk, item, depth + 1))
                .collect();
            return items.into_iter().collect::<Option<_>>().map(Json::Array);
        }
    };
    json.map_err(|message| {
        let problem = Problem::ListenerSetting(message.to_owned());
        walk.fault(value.span(), problem, None);
    })
    .ok()
}
