//! What is said of delivery queues.

use std::path::Path;
use std::time::Duration;

use crate::config::{Config, Durability, WhenFull};

const FILE: &str = r#"
[delivery]
path = "store/queue.db"
durability = "process"
mask = ["sub", "email"]
stop_timeout = 3
dead_letters = 7
[[listener]]
plugin = "sqs"
[listener.queue]
batch_messages = 10
batch_bytes = 262144
batch_age_ms = 0
concurrency = 4
attempts = 3
backoff_ms = 100
backoff_max_ms = 60000
max_messages = 5000
max_mb = 64
when_full = "drop-oldest"
pause_after_ms = 0
"#;

#[test]
fn what_is_set_is_what_is_in_force_and_what_is_shown() {
    let config = Config::from_str(FILE, "op.toml", Path::new("/etc/op")).unwrap();
    assert_eq!(config.queue_path(), Path::new("/etc/op/store/queue.db"));
    let delivery = &config.delivery;
    assert_eq!(delivery.durability, Durability::Process);
    assert_eq!(delivery.stop_timeout, Duration::from_secs(3));
    assert_eq!((delivery.mask.len(), delivery.dead_letters), (2, 7));
    let queue = &config.listeners[0].queue;
    assert_eq!(
        (queue.batch_messages, queue.concurrency, queue.attempts),
        (Some(10), Some(4), Some(3))
    );
    assert_eq!(
        (queue.batch_bytes, queue.max_bytes),
        (Some(262_144), Some(64 << 20))
    );
    assert_eq!(queue.max_messages, Some(5000));
    assert_eq!(queue.when_full, Some(WhenFull::DropOldest));
    assert_eq!(
        (queue.batch_age, queue.pause_after),
        (Some(Duration::ZERO), Some(Duration::ZERO))
    );
    assert_eq!(queue.backoff, Some(Duration::from_millis(100)));
    assert_eq!(queue.backoff_max, Some(Duration::from_mins(1)));
    let again = Config::from_str(&config.to_toml(), "again.toml", Path::new("/")).unwrap();
    assert_eq!(
        (&again.delivery, &again.listeners[0].queue),
        (delivery, queue)
    );
}

#[test]
fn without_a_word_of_it_the_store_is_in_the_data_directory() {
    let config = Config::from_str("data_dir = \"data\"", "op.toml", Path::new("/etc/op")).unwrap();
    assert_eq!(config.queue_path(), Path::new("/etc/op/data/queue.db"));
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_what_is_right() {
    let refused = |text: &str| {
        let refused = Config::from_str(text, "op.toml", Path::new("/")).unwrap_err();
        refused.to_string()
    };
    let said = refused("[delivery]\ndurability = \"disc\"");
    assert!(
        said.contains("op.toml:2:14") && said.contains("did you mean `disk`?"),
        "{said}"
    );
    let said = refused("[[listener]]\nplugin = \"p\"\nqueue = 1");
    assert!(said.contains("its header is `[listener.queue]`"), "{said}");
    let said =
        refused("[[listener]]\nplugin = \"p\"\n[listener.queue]\nattempts = 0\nmax_messages = 0");
    assert!(
        said.contains("from 1 to") && said.contains("op.toml:5:16"),
        "{said}"
    );
    let said = refused("[[listener]]\nplugin = \"p\"\nattempts = 3");
    assert!(
        said.contains("`attempts` belongs in [listener.queue]"),
        "{said}"
    );
}
