//! A host to which everything happened that is counted, and what it tells of itself.

use std::fs;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use op_listener_host::config::Config;
use op_listener_host::feed::{Feed, Totals};
use op_listener_host::server::Server;
use op_listener_host::{Host, metrics};
use op_listener_tests::{Library, copy_into, host_binary};

/// The events, one a line.
const EVENTS: &str = r#"
{"type":"id_token_issue","client_id":"c","subject":"alice","claims":{}}
{"type":"id_token_issue","client_id":"c","subject":"alice","claims":{}}
{"type":"id_token_issue","client_id":"c","subject":"alice","claims":{}}
{"type":"access_token_issue","client_id":"quote\"new\nline","subject":"alice","claims":{}}
{"type":"access_token_issue"}
no event
{"type":"authorization_completed","client_id":"c","subject":"alice","response_type":"code","code":"one"}
{"type":"authorization_completed","client_id":"c","subject":"alice","response_type":"code","code":"one"}
{"type":"code_exchanged","client_id":"other","code":"one"}
{"type":"code_exchanged","code":"one"}
{"type":"code_exchanged","code":"one"}
{"type":"code_exchanged","code":"never issued"}
{"type":"authorization_completed","client_id":"c","subject":"alice","time":1000,"response_type":"code","code":"old"}
{"type":"code_exchanged","code":"old","time":2000}
{"type":"authorization_completed","client_id":"c","subject":"alice","response_type":"code","code":"two"}
{"type":"authorization_completed","client_id":"c","subject":"alice","response_type":"code","code":"three"}
{"type":"authorization_completed","client_id":"c","subject":"alice","response_type":"code","code":"four"}
"#;

const CONFIG: &str = r#"
issuer = "https://op.example.com"
[signing]
algorithm = "ES256"
[plugins]
on_failure = "skip"
[intake]
unix = "events.sock"
[flow]
max_pending = 2
[dispatch]
budget_ms = 60000

[[listener]]
plugin = "puppet"
name = "well"
[[listener]]
plugin = "puppet"
name = "fails"
spi = ["id_token_issue"]
config = { event = "fail" }
[[listener]]
plugin = "puppet"
name = "panics"
spi = ["id_token_issue"]
switch_off_after_panics = 2
config = { event = "panic" }
[[listener]]
plugin = "puppet"
name = "slow"
spi = ["id_token_issue"]
budget_ms = 1
config = { sleep_ms = 20 }
[[listener]]
plugin = "puppet"
name = "unwilling"
spi = ["access_token_issue"]
config = { is_enabled = "no" }
[[listener]]
plugin = "courier"
clients = ["nobody"]
[[listener]]
plugin = "nowhere"
"#;

/// What the host told.
pub(crate) struct Scene {
    /// Before the first event.
    pub(crate) before: String,
    pub(crate) after: String,
}

/// The host ran once, for all tests.
pub(crate) fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();

    SCENE.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let plugins = dir.path().join("plugins");
        fs::create_dir(&plugins).unwrap();
        copy_into(&plugins, "puppet", &Library::Puppet.file());
        copy_into(&plugins, "courier", &Library::Courier.file());
        copy_into(&plugins, "support", &Library::Support.file());
        let cut = copy_into(&plugins, "cut", &Library::Puppet.file());
        fs::File::options()
            .write(true)
            .open(cut)
            .unwrap()
            .set_len(9000)
            .unwrap();
        let config = Config::from_str(CONFIG, "test.toml", dir.path()).unwrap();
        let feed = Feed::new(&config).unwrap();
        let builder = Host::builder().config(config.clone()).prober(host_binary());
        let (host, feed) = (Arc::new(builder.build().unwrap()), Arc::new(feed));
        let server = Server::start(&config, Arc::clone(&host), Arc::clone(&feed)).unwrap();
        // One with its codes in Redis, which is asked nothing here and need not be there.
        let redis = "[flow]\nredis = \"redis://127.0.0.1:1\"\n";
        let shared = Config::from_str(redis, "redis.toml", dir.path()).unwrap();
        let shared = Feed::new(&shared).unwrap();
        let before = metrics::exposition(&[&*host, &*feed, &server, &shared]);
        let mut totals = Totals::default();
        let go_on = AtomicBool::new(false);
        feed.lines(EVENTS.as_bytes(), &host, &go_on, &mut totals)
            .unwrap();
        let after = metrics::exposition(&[&*host, &*feed, &server, &shared]);
        Scene { before, after }
    })
}
