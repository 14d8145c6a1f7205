//! What holds for any text and any settings.

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::show::assert_round_trip;
use super::{BASE, parse};
use crate::Spi;
use crate::config::secrets::is_secret_key;
use crate::config::{
    Config, ListenConfig, ListenerConfig, PollSettings, TlsConfig, UnixConfig, UnixPeer,
};
use crate::library::{PublicKeys, Trust};

/// Words of configuration files, so that random texts get beyond the first character.
const WORDS: [&str; 44] = [
    "\n",
    "\n",
    "\n",
    " ",
    "=",
    "=",
    "= 1",
    "= \"x\"",
    "= true",
    "[",
    "]",
    "{",
    "}",
    "[[",
    "]]",
    ",",
    ".",
    "\"",
    "'",
    "\"\"\"",
    "#",
    "\\",
    "\t",
    "\r\n",
    "\u{feff}",
    "\u{0}",
    "漢",
    "e\u{301}",
    "issuer",
    "isuer",
    "[log]\n",
    "level",
    "[[listener]]\n",
    "[listener]\n",
    "plugin",
    "config",
    "[listener.config]\n",
    "spi",
    "token",
    "budget_ms",
    "-",
    "1e999",
    "2026-13-01",
    "nan",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_is_read_or_refused_with_places_inside_it(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn text_that_is_nearly_a_configuration_is_read_or_refused(
        words in prop::collection::vec(prop::sample::select(&WORDS[..]), 0..60),
    ) {
        check(&words.concat());
    }

    #[test]
    fn any_part_of_a_valid_file_is_read_or_refused(start in 0..400_usize, end in 0..400_usize) {
        let text = "# é\n[plugins]\ndir = \"p\"\n[log]\nlevel = \"info,a=debug\"\n[dispatch]\nbudget_ms = 2.5\n\
            [[listener]]\nplugin = \"a\"\nspi = [\n  \"id_token_issue\",\n]\n[listener.config]\nx = { y = [1, 2] }\n\
            z = '''\n漢\n'''\n[[listener]]\nplugin = \"b\"\n";
        let mut text = text.to_owned();
        let (start, end) = (start.min(end), start.max(end));
        let start = text.floor_char_boundary(start);
        let end = text.floor_char_boundary(end);
        text.replace_range(start..end, "");
        check(&text);
    }

    #[test]
    fn what_is_shown_reads_back_the_same(config in config()) {
        assert_round_trip(config);
    }
}

/// Reads a text; what is said about it stays inside of it and is fit for a terminal.
fn check(text: &str) {
    match parse(text) {
        Ok(config) => {
            config.to_toml();
        }
        Err(errors) => {
            let lines: Vec<_> = text.split('\n').collect();
            let mut last = (0, 0);
            for error in &errors {
                if let Some(place) = error.place() {
                    let line = lines[place.line() - 1];
                    assert!(place.column() <= line.chars().count() + 1, "{error}");
                    assert!((place.line(), place.column()) >= last, "{errors}");
                    last = (place.line(), place.column());
                }
            }
            let said = errors.to_string();
            assert!(
                !said.contains(|c: char| c.is_control() && c != '\n'),
                "{said:?}"
            );
        }
    }
}

fn config() -> impl Strategy<Value = Config> {
    let entries = prop::collection::vec(listener(), 0..4);
    let text = prop::option::of("\\PC{1,8}");
    let numbers = (
        1..=1_usize << 30,
        1..=1024_usize,
        1..=86_400_u64,
        1_000..=3_600_000_000_000_u64,
    );
    (entries, text, numbers, any::<bool>()).prop_map(|(listeners, kid, numbers, measure)| {
        let mut config = Config::defaults(BASE.as_ref());
        config.issuer = kid.as_ref().map(|_| "https://op.example.com/a".to_owned());
        config.clients = kid.as_ref().map(|kid| config.data_dir.join(kid));
        config.signing.keys = kid.as_ref().map(|_| config.data_dir.join("keys.json"));
        config.plugins.trust = trust_for(numbers.1, &config);
        config.signing.kid = kid;
        config.intake.max_line = numbers.0;
        config.intake.max_depth = numbers.1;
        config.intake.listen = listen_for(numbers.1, &config);
        config.flow.code_lifetime = std::time::Duration::from_secs(numbers.2);
        config.dispatch.budget = std::time::Duration::from_nanos(numbers.3);
        config.dispatch.measure = measure;
        config.plugins.probe.enabled = !measure;
        config.plugins.probe.timeout = std::time::Duration::from_millis(99 + numbers.2);
        config.plugins.probe.memory_mb = 63 + u32::try_from(numbers.1).unwrap();
        config.listeners = listeners;
        let is_served = config.intake.listen.is_somewhere();
        for (n, listener) in config.listeners.iter_mut().enumerate() {
            listener.name = format!("{n}{}", listener.name);
            if is_served && listener.required {
                let mut poll = PollSettings::new(config.data_dir.join(&listener.name));
                poll.max_events = numbers.1;
                listener.poll = Some(poll);
            }
        }
        config
    })
}

/// Nowhere, or one of the doors, or both.
fn listen_for(number: usize, config: &Config) -> ListenConfig {
    let mut listen = ListenConfig {
        max_body: 1024 + number,
        max_connections: number,
        remember: std::time::Duration::from_secs(number as u64 - 1),
        ..ListenConfig::default()
    };
    if number.is_multiple_of(2) {
        listen.unix = Some(UnixConfig {
            path: config.data_dir.join("\"socket\""),
            mode: u32::try_from(number).unwrap() % 0o1000,
            peers: number
                .is_multiple_of(4)
                .then(|| vec![UnixPeer::Uid(7), UnixPeer::Name("o\"p".to_owned())]),
        });
    }
    if number.is_multiple_of(3) {
        listen.http = Some("[::1]:8790".parse().unwrap());
        listen.token_file = Some(config.data_dir.join("token"));
        listen.tls = number.is_multiple_of(9).then(|| TlsConfig {
            certificate: config.data_dir.join("cert"),
            key: config.data_dir.join("key"),
            client_ca: (number % 5 > 1).then(|| config.data_dir.join("ca")),
        });
    }
    listen
}

/// Each of the ways in turn.
fn trust_for(number: usize, config: &Config) -> Trust {
    match number % 4 {
        0 => Trust::Permissions,
        1 => Trust::Off,
        2 => Trust::Pinned {
            pins: config.data_dir.join("\"pins\""),
        },
        _ => {
            let keys = super::trust::KEYS.iter().map(|key| key.parse().unwrap());
            let keys = PublicKeys::new(keys.collect()).unwrap();
            Trust::Signed { keys }
        }
    }
}

fn listener() -> impl Strategy<Value = ListenerConfig> {
    let spi = prop::option::of(prop::sample::subsequence(Spi::ALL.to_vec(), 1..=3));
    let clients = prop::option::of(prop::collection::vec("\\PC{1,5}|\u{1}\"\\\\", 1..3));
    // Some secrets have names as short as these.
    let key = "[a-f]{0,3}|[\u{0}-\u{ff}]{1,3}".prop_filter("a secret", |key| !is_secret_key(key));
    let settings = prop::collection::btree_map(key, setting(), 0..5);
    let budget = prop::option::of(1_000..=3_600_000_000_000_u64);
    (
        "[A-Za-z0-9._-]{1,20}",
        spi,
        clients,
        settings,
        budget,
        any::<[bool; 2]>(),
        any::<u32>(),
    )
        .prop_map(|(name, spi, clients, settings, budget, switches, panics)| {
            let mut listener = ListenerConfig::new("plugin");
            listener.name = name;
            listener.spi = spi;
            listener.clients = clients;
            listener.config = settings.into_iter().collect::<Map<_, _>>();
            listener.budget = budget.map(std::time::Duration::from_nanos);
            [listener.required, listener.enabled] = switches;
            listener.switch_off_after_panics = panics.try_into().ok();
            listener
        })
}

/// A value that TOML has and that does not look like a secret.
fn setting() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        Just(Value::from(-0.0)),
        any::<String>()
            .prop_filter("no URL", |text| !text.contains("://"))
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-f]{0,3}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}
