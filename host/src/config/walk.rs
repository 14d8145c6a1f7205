//! Reading typed values out of a parsed file. Nothing stops at the first fault: each one is kept
//! with its place, and the value in question is passed over.

use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::choice::Choice;
use super::error::Problem;
use super::excerpt::quoted;
use super::keys::{Section, nearest};
use super::settings::resolve;

pub(super) type Value<'d> = Spanned<DeValue<'d>>;

/// Something wrong, not yet put into lines and columns.
pub(super) struct Fault {
    pub(super) span: Range<usize>,
    pub(super) problem: Problem,
    pub(super) help: Option<String>,
}

/// A walk over a file.
pub(super) struct Walk<'w> {
    base_dir: &'w Path,
    faults: RefCell<Vec<Fault>>,
}

/// A table whose keys are known.
pub(super) struct Table<'d> {
    section: &'static Section,
    table: &'d DeTable<'d>,
}

impl<'w> Walk<'w> {
    pub(super) fn new(base_dir: &'w Path) -> Self {
        Self {
            base_dir,
            faults: RefCell::default(),
        }
    }

    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults.into_inner()
    }

    pub(super) fn fault(&self, span: Range<usize>, problem: Problem, help: Option<String>) {
        self.faults.borrow_mut().push(Fault {
            span,
            problem,
            help,
        });
    }

    /// A table, its unknown keys reported.
    pub(super) fn table<'d>(&self, section: &'static Section, table: &'d DeTable<'d>) -> Table<'d> {
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if !section.keys.contains(&name) {
                let problem = Problem::UnknownKey {
                    key: name.to_owned(),
                    inside: section.inside(),
                };
                self.fault(key.span(), problem, Some(section.advice(name)));
            }
        }
        Table { section, table }
    }

    pub(super) fn wrong_type(
        &self,
        what: &str,
        expected: &'static str,
        value: &Value<'_>,
        help: Option<String>,
    ) {
        let problem = Problem::WrongType {
            what: what.to_owned(),
            expected,
            found: type_of(value.get_ref()),
        };
        self.fault(value.span(), problem, help);
    }

    /// Any text but none.
    pub(super) fn text<'v>(&self, what: &str, value: &'v Value<'_>) -> Option<&'v str> {
        match value.get_ref() {
            DeValue::String(text) if text.is_empty() => {
                self.fault(value.span(), Problem::Empty(what.to_owned()), None);
                None
            }
            DeValue::String(text) => Some(text),
            _ => {
                self.wrong_type(what, "a string", value, None);
                None
            }
        }
    }

    pub(super) fn path(&self, what: &str, value: &Value<'_>) -> Option<PathBuf> {
        self.text(what, value)
            .map(|path| resolve(self.base_dir, path))
    }

    pub(super) fn boolean(&self, what: &str, value: &Value<'_>) -> Option<bool> {
        if let DeValue::Boolean(value) = value.get_ref() {
            return Some(*value);
        }
        let help = match value.get_ref().as_str() {
            Some(word @ ("true" | "false")) => Some(format!("write `{word}` without quotes")),
            _ => None,
        };
        self.wrong_type(what, "a boolean (`true` or `false`)", value, help);
        None
    }

    pub(super) fn integer(
        &self,
        what: &str,
        value: &Value<'_>,
        range: RangeInclusive<u32>,
    ) -> Option<u32> {
        let DeValue::Integer(integer) = value.get_ref() else {
            self.wrong_type(what, "an integer", value, unquote(value));
            return None;
        };
        let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number = number.and_then(|number| u32::try_from(number).ok());
        if number.is_none_or(|number| !range.contains(&number)) {
            let range = format!("from {} to {}", range.start(), range.end());
            self.out_of_range(what, value, range, &integer.to_string());
            return None;
        }
        number
    }

    /// How long something is waited for: whole milliseconds, up to an hour.
    pub(super) fn patience(&self, what: &str, value: &Value<'_>) -> Option<Duration> {
        let milliseconds = self.integer(what, value, 0..=3_600_000)?;
        Some(Duration::from_millis(milliseconds.into()))
    }

    /// A number of milliseconds, fractions allowed, from a microsecond to an hour.
    pub(super) fn milliseconds(&self, what: &str, value: &Value<'_>) -> Option<Duration> {
        let text = match value.get_ref() {
            DeValue::Float(float) => float.as_str().to_owned(),
            DeValue::Integer(integer) => {
                match i128::from_str_radix(integer.as_str(), integer.radix()) {
                    Ok(number) => number.to_string(),
                    Err(_) => integer.to_string(),
                }
            }
            _ => {
                self.wrong_type(what, "a number", value, unquote(value));
                return None;
            }
        };
        match text.parse::<f64>() {
            Ok(number) if (0.001..=3_600_000.0).contains(&number) => {
                Some(Duration::from_secs_f64(number / 1e3))
            }
            _ => {
                let range = "from 0.001 to 3600000 (an hour)".to_owned();
                self.out_of_range(what, value, range, &text);
                None
            }
        }
    }

    fn out_of_range(&self, what: &str, value: &Value<'_>, range: String, found: &str) {
        let problem = Problem::OutOfRange {
            what: what.to_owned(),
            range,
            found: quoted(found).replace('`', ""),
        };
        self.fault(value.span(), problem, None);
    }

    /// One of a few words.
    pub(super) fn choice<C: Choice>(&self, what: &str, value: &Value<'_>) -> Option<C> {
        let word = self.text(what, value)?;
        if let Some((_, choice)) = C::WORDS.iter().find(|(known, _)| *known == word) {
            return Some(*choice);
        }
        let known = || C::WORDS.iter().map(|(known, _)| *known);
        let list = known()
            .map(|known| format!("`{known}`"))
            .collect::<Vec<_>>();
        let list = format!("possible: {}", list.join(", "));
        let problem = Problem::NotOneOf {
            what: what.to_owned(),
            found: word.to_owned(),
        };
        let help = match nearest(word, known()) {
            Some(near) => format!("did you mean `{near}`? ({list})"),
            None => list,
        };
        self.fault(value.span(), problem, Some(help));
        None
    }

    /// A list with something in it. `None` if the list or one of its items is at fault.
    pub(super) fn list<T>(
        &self,
        what: &str,
        value: &Value<'_>,
        item: impl Fn(&str, &Value<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let DeValue::Array(values) = value.get_ref() else {
            let help = value
                .get_ref()
                .is_str()
                .then(|| "write it in brackets: `[…]`".to_owned());
            self.wrong_type(what, "an array of strings", value, help);
            return None;
        };
        if values.is_empty() {
            let help = "for the default, leave it out".to_owned();
            self.fault(value.span(), Problem::Empty(what.to_owned()), Some(help));
            return None;
        }
        let one = format!("an entry of {what}");
        // Not collected at once: all faults are to be found.
        let items: Vec<_> = values.iter().map(|value| item(&one, value)).collect();
        items.into_iter().collect()
    }
}

impl<'d> Table<'d> {
    pub(super) fn get(&self, key: &'static str) -> Option<&'d Value<'d>> {
        debug_assert!(self.section.keys.contains(&key), "{key} is a declared key");
        self.table.get(key)
    }

    /// Reads a value, if there is one, into where its default stands. `read` is told how messages
    /// name it.
    pub(super) fn read<T>(
        &self,
        key: &'static str,
        into: &mut T,
        read: impl FnOnce(&str, &Value<'_>) -> Option<T>,
    ) {
        if let Some(value) = self.get(key)
            && let Some(value) = read(&format!("`{key}`"), value)
        {
            *into = value;
        }
    }

    /// A table inside this one.
    pub(super) fn section(
        &self,
        walk: &Walk<'_>,
        key: &'static str,
        section: &'static Section,
    ) -> Option<Table<'d>> {
        let value = self.get(key)?;
        let Some(table) = value.get_ref().as_table() else {
            let help = format!("its header is `{}`", section.title);
            walk.wrong_type(&format!("`{key}`"), "a table", value, Some(help));
            return None;
        };
        Some(walk.table(section, table))
    }
}

/// For a number that is given as text.
fn unquote(value: &Value<'_>) -> Option<String> {
    let text = value.get_ref().as_str()?;
    let number = text.parse::<f64>().is_ok_and(f64::is_finite);
    number.then(|| format!("write {} without quotes", quoted(text)))
}

fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
