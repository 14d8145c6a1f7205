//! What `init` makes of configurations, good and bad.

use std::fs;

use serde_json::{Map, Value, json};

use super::super::Check;
use super::super::bench::{Bench, Exported, Heard, Library, Live, hear};
use super::super::job;
use super::super::outcome::{Findings, Outcome, Verdict};
use super::super::sample::Sample;
use super::super::system;
use crate::ffi::raw::Made;

/// What came of an `init`.
enum Came {
    Instance(Live),
    /// An error, in order, and what it says.
    Error(String),
}

/// Calls `init`, and notes what is not in order, whatever the configuration.
fn try_init(
    library: &Library<'_>,
    of: &Exported,
    config: &Map<String, Value>,
    what: &str,
    findings: &mut Findings,
) -> Option<Came> {
    let (spi, made) = (of.spi, library.init(of, "check", config));
    judge(of, made, &format!("{what}: `init` for {spi}"), findings)
}

fn judge(of: &Exported, made: Made, who: &str, findings: &mut Findings) -> Option<Came> {
    let answer = match made {
        Made::Instance(instance) => {
            return Some(Came::Instance(Live {
                instance,
                spi: of.spi,
            }));
        }
        Made::Nothing => {
            findings.fail(format!("{who} says that all is well but sets no object"));
            return None;
        }
        Made::Not(answer) => answer,
    };
    match hear(&answer) {
        Heard::Bad(why) => findings.fail(format!("{who} {why}")),
        Heard::Refused(_) if answer.message.is_empty() => {
            findings.warn(format!("{who} fails without saying why"));
        }
        Heard::Refused(why) => return Some(Came::Error(why)),
        Heard::Well => {}
    }
    None
}

pub(super) fn init(bench: &Bench<'_>) -> Verdict {
    let library = bench.start()?;
    let config = library.config();
    let mut findings = Findings::default();
    let mut enabled = 0;
    for of in library.exported() {
        match try_init(&library, &of, &config, "as configured", &mut findings) {
            Some(Came::Instance(live)) => {
                let (answer, on) = live.instance.is_enabled();
                if let Heard::Bad(why) | Heard::Refused(why) = hear(&answer) {
                    findings.fail(format!("`is_enabled` for {}: {why}", of.spi));
                }
                enabled += usize::from(on != 0);
                live.end();
            }
            Some(Came::Error(why)) if library.config_was_given() => {
                findings.fail(format!("`init` for {} with the configuration fails: {why}", of.spi));
            }
            Some(Came::Error(why)) => findings.warn(format!(
                "`init` for {} needs a configuration ({why}): give one with `--config`, for without an instance much cannot be checked",
                of.spi
            )),
            None => {}
        }
    }
    let all = library.exported().len();
    Ok(findings.or(Outcome::note(format!(
        "{enabled} of {all} listeners are enabled"
    ))))
}

/// Tries configurations of which each may be refused, but in order. Says how many were.
fn each(library: &Library<'_>, configs: &[(String, Map<String, Value>)]) -> (Findings, usize) {
    let mut findings = Findings::default();
    let mut refused = 0;
    for (what, config) in configs {
        for of in library.exported() {
            match try_init(library, &of, config, what, &mut findings) {
                Some(Came::Instance(live)) => live.end(),
                Some(Came::Error(_)) => refused += 1,
                None => {}
            }
        }
    }
    (findings, refused)
}

fn told(library: &Library<'_>, configs: &[(String, Map<String, Value>)]) -> Outcome {
    let (findings, refused) = each(library, configs);
    let tried = configs.len() * library.exported().len();
    findings.or(Outcome::note(format!("{refused} of {tried} refused")))
}

pub(super) fn empty_config(bench: &Bench<'_>) -> Verdict {
    Ok(told(&bench.start()?, &[("empty".to_owned(), Map::new())]))
}

pub(super) fn missing_values(bench: &Bench<'_>) -> Verdict {
    let library = bench.start()?;
    let config = library.config();
    if config.is_empty() {
        return Err(Outcome::skipped(
            "no configuration was given with `--config`",
        ));
    }
    let without = |key: &String| {
        let mut config = config.clone();
        config.remove(key);
        (format!("without `{key}`"), config)
    };
    let configs: Vec<_> = config.keys().map(without).collect();
    Ok(told(&library, &configs))
}

/// Where no configuration was given, these are keys that many listeners have.
const COMMON_KEYS: [&str; 12] = [
    "enable", "path", "url", "format", "queue", "topic", "timeout", "claims", "clients", "name",
    "level", "keep",
];

/// The keys to set, and what else is configured.
fn keys(library: &Library<'_>) -> (Vec<String>, Map<String, Value>) {
    let config = library.config();
    if config.is_empty() {
        return (COMMON_KEYS.map(ToOwned::to_owned).to_vec(), config);
    }
    (config.keys().cloned().collect(), config)
}

fn replaced(library: &Library<'_>, values: &[(&str, Value)]) -> Vec<(String, Map<String, Value>)> {
    let (keys, config) = keys(library);
    let mut configs = Vec::new();
    for key in &keys {
        for (what, value) in values {
            let mut config = config.clone();
            config.insert(key.clone(), value.clone());
            configs.push((format!("`{key}` as {what}"), config));
        }
    }
    configs
}

pub(super) fn wrong_types(bench: &Bench<'_>) -> Verdict {
    let library = bench.start()?;
    let configs = replaced(
        &library,
        &[
            ("a text", json!("check")),
            ("an integer", json!(7)),
            ("a negative integer", json!(-1)),
            ("a number", json!(0.5)),
            ("a boolean", json!(true)),
            ("an array", json!([[], 1, "x"])),
            ("a table", json!({ "check": { "a": [1] } })),
            ("an empty table", json!({})),
        ],
    );
    Ok(told(&library, &configs))
}

pub(super) fn odd_values(bench: &Bench<'_>) -> Verdict {
    let library = bench.start()?;
    let deep = (0..60).fold(json!({}), |inner, _| json!({ "a": inner }));
    let mut configs = replaced(
        &library,
        &[
            ("an empty text", json!("")),
            ("a text with a zero character", json!("a\0b")),
            (
                "a text in many scripts",
                json!("Ünï-日本-🔑-\u{202e}x\u{301}"),
            ),
            ("a text of 1 MiB", json!("x".repeat(1 << 20))),
            ("the largest integer", json!(u64::MAX)),
            ("the smallest integer", json!(i64::MIN)),
            ("an enormous number", json!(1e308)),
            ("an empty array", json!([])),
            ("a deeply nested table", deep),
        ],
    );
    let many = (0..5_000).map(|number| (format!("key-{number}"), json!(number)));
    configs.push(("5,000 keys".to_owned(), many.collect()));
    let mut strange = library.config();
    strange.insert("\0\"\\\u{202e}".to_owned(), json!(1));
    configs.push(("a key of odd characters".to_owned(), strange));
    Ok(told(&library, &configs))
}

pub(super) fn unknown_keys(bench: &Bench<'_>) -> Verdict {
    let library = bench.start()?;
    let mut config = library.config();
    config.insert("no_such_key_of_any_listener".to_owned(), json!(true));
    let mut findings = Findings::default();
    let mut unheard = 0;
    for of in library.exported() {
        let Some(came) = try_init(&library, &of, &config, "an unknown key", &mut findings) else {
            continue;
        };
        if let Came::Instance(live) = came {
            // A listener that is off need not look at the rest.
            unheard += usize::from(live.instance.is_enabled().1 != 0);
            live.end();
        }
    }
    if unheard > 0 {
        findings.warn(
            "a key that no listener has is passed over in silence, and so is a misspelt one: read the configuration with `#[serde(deny_unknown_fields)]`",
        );
    }
    Ok(findings.or(Outcome::success()))
}

pub(super) fn data_dir(bench: &Bench<'_>) -> Verdict {
    let library = bench.start()?;
    let config = library.config();
    // A file where the directory would be; permissions would not keep root from making one.
    let taken = bench.job.dir(job::DATA).join("taken");
    fs::write(&taken, "")
        .map_err(|error| Outcome::skipped(format!("the scratch directory: {error}")))?;
    let mut findings = Findings::default();
    for of in library.exported() {
        for place in [taken.clone(), taken.join("below")] {
            let made = library.init_in(&of, "check", &config, &place);
            let who = format!("without a data directory: `init` for {}", of.spi);
            if let Some(Came::Instance(live)) = judge(&of, made, &who, &mut findings) {
                live.end();
            }
        }
    }
    Ok(findings.or(Outcome::success()))
}

pub(super) fn as_probe(bench: &Bench<'_>) -> Verdict {
    let library = bench.start()?;
    let before = system::descriptors().unwrap_or_default();
    let mut findings = Findings::default();
    for of in library.exported() {
        let made = library.init_as_probe(&of);
        let who = format!("in a probe: `init` for {}", of.spi);
        let came = judge(&of, made, &who, &mut findings);
        for (number, file) in system::descriptors().unwrap_or_default() {
            let is_socket = file.to_string_lossy().starts_with("socket:");
            if is_socket && !before.contains_key(&number) {
                findings.fail(format!(
                    "{who} opens a socket: ask `InitContext::is_probe`, or connect at the first event"
                ));
            }
        }
        for process in system::children().unwrap_or_default() {
            findings.fail(format!("{who} starts a process ({process})"));
        }
        if let Some(Came::Instance(live)) = came {
            live.end();
        }
    }
    Ok(findings.or(Outcome::success()))
}

pub(super) fn two_instances(bench: &Bench<'_>) -> Verdict {
    let library = bench.start()?;
    let config = library.config();
    let mut findings = Findings::default();
    for of in library.exported() {
        let spi = of.spi;
        let mut make = |name: &str| {
            let made = library.init(&of, name, &config);
            let who = format!("`init` for {spi} as instance {name}");
            judge(&of, made, &who, &mut findings)
        };
        let (Some(Came::Instance(one)), two) = (make("one"), make("two")) else {
            return Err(Outcome::skipped(format!("see `{}`", Check::Init)));
        };
        let two = match two {
            Some(Came::Instance(two)) => two,
            Some(Came::Error(why)) => {
                // Two instances with the same settings may want the same file, or port.
                findings.warn(format!(
                    "a second instance for {spi} with the same settings is refused: {why}"
                ));
                one.end();
                continue;
            }
            None => {
                one.end();
                continue;
            }
        };
        if one.instance.address() == two.instance.address() {
            findings.warn(format!(
                "both instances for {spi} are one object, so they cannot have settings of their own"
            ));
        }
        let wanted = two.instance.is_enabled().1;
        let event = Sample::ordinary(spi);
        if wanted != 0 {
            one.send(&event.event(), "two instances, the first", &mut findings);
            two.send(&event.event(), "two instances, the second", &mut findings);
        }
        one.end();
        if two.instance.is_enabled().1 != wanted {
            findings.fail(format!(
                "the end of one instance for {spi} disables the other"
            ));
        }
        if wanted != 0 {
            let ended = two.instance.on_event(&event.event());
            if let Heard::Bad(why) | Heard::Refused(why) = hear(&ended) {
                findings.fail(format!(
                    "after the end of one instance the other for {spi}: {why}"
                ));
            }
        }
        two.end();
    }
    Ok(findings.or(Outcome::success()))
}

pub(super) fn enabled_is_stable(bench: &Bench<'_>) -> Verdict {
    let library = bench.start()?;
    let mut findings = Findings::default();
    for live in library.instances()? {
        let spi = live.spi;
        let ask = || {
            let (answer, enabled) = live.instance.is_enabled();
            (enabled, hear(&answer))
        };
        let first = ask().0;
        let elsewhere = std::thread::scope(|scope| scope.spawn(ask).join());
        let again = (0..10).map(|_| ask()).chain(elsewhere.ok());
        for (enabled, heard) in again {
            match heard {
                Heard::Well => {}
                Heard::Refused(why) | Heard::Bad(why) => {
                    findings.fail(format!("`is_enabled` for {spi}: {why}"));
                }
            }
            if enabled > 1 {
                findings.fail(format!(
                    "`is_enabled` for {spi} sets {enabled} in place of 0 or 1"
                ));
            }
            if enabled != first {
                findings.warn(format!(
                    "`is_enabled` for {spi} changes its mind, and a host asks once"
                ));
            }
        }
        live.end();
    }
    Ok(findings.or(Outcome::success()))
}
