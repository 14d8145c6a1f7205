//! What is said of those who fetch from queues.

use std::path::Path;
use std::time::Duration;

use crate::config::{Config, PollSettings};

fn read(text: &str) -> Result<Config, String> {
    Config::from_str(text, "op.toml", Path::new("/etc/op")).map_err(|errors| errors.to_string())
}

const INTAKE: &str = "[intake]\nunix = \"s\"\n";

fn entry(poll: &str) -> String {
    format!("{INTAKE}[[listener]]\nplugin = \"set-push\"\n[listener.poll]\n{poll}\n")
}

#[test]
fn what_is_set_is_what_is_in_force_and_what_is_shown() {
    let config = read(&entry("token_file = \"t\"")).unwrap();
    assert_eq!(
        config.listeners[0].poll,
        Some(PollSettings::new("/etc/op/t"))
    );
    assert_eq!(config.files(), [Path::new("/etc/op/t")]);

    let all = "token_file = \"t\"\nwait = 0\nredeliver = 5\nmax_events = 7";
    let config = read(&entry(all)).unwrap();
    let poll = config.listeners[0].poll.clone().unwrap();
    assert_eq!((poll.wait, poll.max_events), (Duration::ZERO, 7));
    assert_eq!(poll.redeliver, Duration::from_secs(5));
    let again = read(&config.to_toml()).unwrap();
    assert_eq!(again.listeners[0].poll, Some(poll));
}

#[test]
fn mistakes_are_found_at_their_places() {
    for (text, said) in [
        (entry(""), "[listener.poll] has no `token_file`"),
        (entry("token_fiel = \"t\""), "did you mean `token_file`?"),
        (entry("token_file = 7"), "`token_file` must be a string"),
        (entry("token_file = \"t\"\nwait = 3601"), "from 0 to 3600"),
        (
            entry("token_file = \"t\"\nredeliver = 0"),
            "from 1 to 86400",
        ),
        (
            entry("token_file = \"t\"\nmax_events = 0"),
            "from 1 to 10000",
        ),
        (
            format!("{INTAKE}[[listener]]\nplugin = \"a\"\npoll = true\n"),
            "its header is `[listener.poll]`",
        ),
        (
            entry("token_file = \"t\"\n[listener.queue]\nmax_mb = 1\nattempts = 3"),
            "`attempts` says how a sink is called",
        ),
        (
            entry("token_file = \"t\"").replace(INTAKE, ""),
            "`poll` has no effect without `unix` or `http` under [intake]",
        ),
    ] {
        let errors = read(&text).unwrap_err();
        assert!(errors.contains(said), "{text}\n{errors}");
        assert!(errors.contains("op.toml:"), "{errors}");
    }
    read(&entry("token_file = \"t\"\n[listener.queue]\nmax_mb = 1")).unwrap();
}
