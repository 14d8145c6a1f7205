//! The real host with the real plugin in a folder of its own.

use std::path::Path;

use op_listener_tests::{Running, Setup, sqs_publisher, start};
use serde_json::Value;

use crate::aws::{Aws, KEY_ID, SECRET, TOKEN};

/// A folder with the plugin and a configuration.
pub(crate) struct Stage {
    setup: Setup,
}

/// An entry for a publisher to a queue, by its URL or its name.
pub(crate) fn publisher(aws: &Aws, name: &str, queue: &str, more: &str) -> String {
    publisher_at(&aws.endpoint(), name, queue, more)
}

/// An entry for a publisher to a server elsewhere.
pub(crate) fn publisher_at(endpoint: &str, name: &str, queue: &str, more: &str) -> String {
    let key = if queue.contains("://") {
        "queue_url"
    } else {
        "queue_name"
    };
    format!(
        "[[listener]]\n\
         plugin = \"sqs\"\n\
         name = {name:?}\n\
         queue = {{ backoff_ms = 5, backoff_max_ms = 200 }}\n\
         [listener.config]\n\
         enable = true\n\
         {key} = {queue:?}\n\
         region = \"us-east-1\"\n\
         endpoint = {endpoint:?}\n\
         {more}\n"
    )
}

impl Stage {
    pub(crate) fn new(entries: &[String]) -> Self {
        let mut setup = Setup::new();
        setup.add("sqs", &sqs_publisher());
        let config = format!(
            "issuer = \"https://op.example.com\"\n\
             [signing]\n\
             algorithm = \"ES256\"\n\
             [intake]\n\
             max_line = 4194304\n\
             {}",
            entries.concat()
        );
        Self {
            setup: setup.config(&config),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.setup.path()
    }

    /// Starts the host, with keys in its environment.
    pub(crate) fn start(&self) -> Running {
        self.start_with_secret(SECRET)
    }

    pub(crate) fn start_with_secret(&self, secret: &str) -> Running {
        self.start_with(&[
            ("AWS_ACCESS_KEY_ID", KEY_ID),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("AWS_SESSION_TOKEN", TOKEN),
        ])
    }

    /// Starts the host with these variables, and none of whoever runs the tests.
    pub(crate) fn start_with(&self, variables: &[(&str, &str)]) -> Running {
        let mut command = self.setup.command(&["run", "--config", "op-listener.toml"]);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        command.env("HOME", self.setup.path());
        command.envs(variables.iter().copied());
        start(&mut command)
    }

    /// What `op-listener queue` says, as JSON.
    pub(crate) fn queue(&self, arguments: &[&str]) -> Value {
        let common = ["--config", "op-listener.toml", "--json"];
        let all = [&["queue"], arguments, &common].concat();
        let done = self.setup.call(&all);
        assert_eq!(done.code(), Some(0), "{}", done.stderr);
        serde_json::from_str(&done.stdout).unwrap()
    }
}
