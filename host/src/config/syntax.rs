//! TOML's own rules: what the parser objects to, in our words, and which part of a broken file can
//! still be judged, so that one pass finds the other errors too.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Problem};
use super::place::Source;
use super::secrets;

/// What the parser found.
pub(super) struct Syntax {
    pub(super) errors: Vec<ConfigError>,
    /// The text with its broken lines emptied, if that makes it TOML.
    pub(super) mended: Option<String>,
    /// The lines with errors, counted from 0.
    broken: BTreeSet<usize>,
    /// From this byte on what the parser recovered is guesswork.
    horizon: usize,
}

impl Syntax {
    /// Checks a text and hides its secrets from the excerpts of errors, these and later ones.
    pub(super) fn check(source: &mut Source<'_>) -> Self {
        let (table, mut errors) = DeTable::parse_recoverable(source.text());
        let mut secrets = Vec::new();
        secrets::in_table(table.get_ref(), &mut secrets);
        source.hide(secrets);
        let mut this = Self {
            errors: Vec::new(),
            mended: None,
            broken: BTreeSet::new(),
            horizon: usize::MAX,
        };
        errors.sort_by_key(|error| error.span().map_or(0, |span| span.start));
        let opening = unclosed(source.text(), table.get_ref(), &errors);
        if let Some(opening) = &opening {
            // All that follows was read as part of it.
            errors.retain(|error| error.span().is_none_or(|span| span.start < opening.start));
        }
        let mut firsts = None;
        let mut emptied = BTreeSet::new();
        for error in &errors {
            let Some(span) = error.span() else {
                // The one error that comes without: about keys of more than 80 parts.
                let problem = format!("a key has too many parts ({})", error.message());
                this.errors.push(source.error(Problem::Syntax(problem)));
                continue;
            };
            let line = source.line_of(span.start);
            let duplicate = is_duplicate(error);
            if !duplicate {
                emptied.insert(line);
            }
            // One fault often makes the parser complain several times about the same line.
            if this.broken.insert(line) {
                let (problem, help) = if duplicate {
                    firsts
                        .get_or_insert_with(|| Firsts::new(source, table.get_ref()))
                        .duplicate(source, &span)
                } else {
                    let found = source.text().get(span.clone()).unwrap_or_default();
                    (explain(error.message(), found), None)
                };
                let place = source.place(span);
                this.errors.push(ConfigError::at(place, problem, help));
            }
        }
        if let Some(opening) = opening {
            let line = source.line_of(opening.start);
            // How far it was meant to reach is unknown, but not beyond the next header.
            emptied.insert(line);
            emptied.extend((line + 1..source.lines()).take_while(|n| !source.is_header(*n)));
            if this.broken.insert(line) {
                let problem = Problem::Syntax("what is opened here is never closed".to_owned());
                this.errors
                    .push(ConfigError::at(source.place(opening), problem, None));
            }
        }
        this.mend(source, &emptied);
        this
    }

    /// A broken line costs only itself, unless it opened a table or something over several lines.
    fn mend(&mut self, source: &Source<'_>, emptied: &BTreeSet<usize>) {
        let Some(first) = emptied.first() else {
            return;
        };
        self.horizon = source.line(*first).start;
        let mut text = source.text().as_bytes().to_vec();
        for line in emptied {
            if source.is_header(*line) {
                return;
            }
            text[source.line(*line)].fill(b' ');
        }
        let text = String::from_utf8(text).expect("whole lines became spaces");
        let (_, errors) = DeTable::parse_recoverable(&text);
        if errors.iter().all(is_duplicate) {
            self.mended = Some(text);
            self.horizon = usize::MAX;
        }
    }

    /// Whether what was recovered from these bytes is what stands there.
    pub(super) fn trusts(&self, source: &Source<'_>, span: &Range<usize>) -> bool {
        span.end <= self.horizon && !self.broken.contains(&source.line_of(span.start))
    }
}

fn is_duplicate(error: &toml::de::Error) -> bool {
    error.message() == "duplicate key"
}

/// The parser's message, or a better one where its guess at what was meant misleads.
fn explain(message: &str, found: &str) -> Problem {
    let unquoted = message.starts_with("string values must be quoted");
    let word = message.starts_with("invalid") && found.starts_with(char::is_alphabetic);
    Problem::Syntax(if unquoted && found.is_empty() {
        "there is no value behind the `=`".to_owned()
    } else if unquoted || word {
        // Not quoted: it may be a secret. The excerpt shows it if it may be shown.
        "this is not a value; text stands in quotes, switches are `true` or `false`".to_owned()
    } else if message.ends_with("string, expected `\"`")
        || message.ends_with("string, expected `'`")
    {
        "the text is not closed by a quote".to_owned()
    } else {
        let nothing = message.strip_suffix(", expected nothing");
        nothing.unwrap_or(message).to_owned()
    })
}

/// The bracket or brace of the outermost array or inline table that is not closed: the parser
/// itself only says where it missed the end.
fn unclosed(text: &str, table: &DeTable<'_>, errors: &[toml::de::Error]) -> Option<Range<usize>> {
    let is_unclosed = |error: &&toml::de::Error| {
        let message = error.message();
        message.starts_with("unclosed array") || message.starts_with("unclosed inline table")
    };
    let missed = errors.iter().rev().find(is_unclosed)?.span()?.start;
    let start = opening(text, table, missed)?;
    Some(start..start + 1)
}

/// Where the first value begins that has an opening bracket or brace, but no closing one, or reaches
/// up to where the parser missed that.
fn opening(text: &str, table: &DeTable<'_>, missed: usize) -> Option<usize> {
    let within = table.values().filter_map(|value| {
        let span = value.span();
        let written = text.get(span.clone()).unwrap_or_default();
        let closing = match written.as_bytes().first() {
            Some(b'[') => Some(']'),
            Some(b'{') => Some('}'),
            _ => None,
        };
        let reaches = span.start < missed && span.end >= missed;
        if closing.is_some_and(|closing| reaches || !written.ends_with(closing)) {
            return Some(span.start);
        }
        match value.get_ref() {
            DeValue::Table(table) => opening(text, table, missed),
            DeValue::Array(items) => {
                let tables = items.iter().filter_map(|item| item.get_ref().as_table());
                tables
                    .filter_map(|table| opening(text, table, missed))
                    .min()
            }
            _ => None,
        }
    });
    within.min()
}

/// Where keys and tables stood first that are given again.
struct Firsts<'t> {
    /// Keys by their text; where each stands, in order.
    keys: HashMap<&'t str, Vec<usize>>,
    /// Lines of table headers by their text, up to the last bracket.
    headers: HashMap<&'t str, usize>,
}

impl<'t> Firsts<'t> {
    fn new(source: &Source<'t>, table: &DeTable<'_>) -> Self {
        let mut keys = HashMap::new();
        collect_keys(source.text(), table, &mut keys);
        for places in keys.values_mut() {
            places.sort_unstable();
        }
        let mut headers = HashMap::new();
        for (number, line) in source.text().lines().enumerate() {
            if let Some(header) = header(line) {
                headers.entry(header).or_insert(number);
            }
        }
        Self { keys, headers }
    }

    fn duplicate(&self, source: &Source<'t>, span: &Range<usize>) -> (Problem, Option<String>) {
        let text = source.text();
        let key = text.get(span.clone()).unwrap_or_default();
        let number = source.line_of(span.start);
        let header = header(&text[source.line(number)]);
        let first = match header {
            Some(header) => self.headers.get(header).copied(),
            // The nearest before: the same name may stand in other tables.
            None => self.keys.get(key).and_then(|places| {
                let before = places.partition_point(|at| *at < span.start);
                before.checked_sub(1).map(|at| source.line_of(places[at]))
            }),
        };
        let problem = Problem::DuplicateKey {
            key: key.to_owned(),
            first: first.filter(|first| *first < number).map(|first| first + 1),
        };
        let help = (header.is_some() && key == "listener")
            .then(|| "each listener has a header of its own: `[[listener]]`".to_owned());
        (problem, help)
    }
}

fn header(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let end = line.rfind(']')?;
    line.starts_with('[').then(|| &line[..=end])
}

fn collect_keys<'t>(text: &'t str, table: &DeTable<'_>, keys: &mut HashMap<&'t str, Vec<usize>>) {
    for (key, value) in table {
        let at = key.span();
        let Some(written) = text.get(at.clone()) else {
            continue;
        };
        keys.entry(written).or_default().push(at.start);
        let opens = |bracket| {
            text.get(value.span())
                .is_some_and(|v| v.starts_with(bracket))
        };
        // Inline tables are passed over: a later key cannot clash with one inside.
        match value.get_ref() {
            DeValue::Table(table) if !opens("{") => collect_keys(text, table, keys),
            DeValue::Array(items) if opens("[[") => {
                for table in items.iter().filter_map(|item| item.get_ref().as_table()) {
                    collect_keys(text, table, keys);
                }
            }
            _ => {}
        }
    }
}
