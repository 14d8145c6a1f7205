//! Settings that only a restart changes.

use super::intake::ListenConfig;
use super::settings::Config;

impl Config {
    /// Puts what a running host cannot change back to what it runs with, and names the keys of what
    /// was different.
    pub(crate) fn keep_until_restart(&mut self, running: &Self) -> Vec<&'static str> {
        let mut kept = Kept::default();
        kept.unless_same("data_dir", &mut self.data_dir, &running.data_dir);
        let (flow, same) = (&mut self.flow, &running.flow);
        kept.unless_same("flow.max_pending", &mut flow.max_pending, &same.max_pending);
        kept.unless_same("flow.redis…", &mut flow.redis, &same.redis);
        kept.unless_same("[delivery]", &mut self.delivery, &running.delivery);
        kept.of_intake(&mut self.intake.listen, &running.intake.listen);
        kept.0
    }
}

/// The keys of what stays as it was.
#[derive(Default)]
struct Kept(Vec<&'static str>);

impl Kept {
    fn unless_same<T: Clone + PartialEq>(&mut self, key: &'static str, new: &mut T, running: &T) {
        if new != running {
            self.0.push(key);
            new.clone_from(running);
        }
    }

    /// What is left to change is who may post: the token, the users of the Unix socket, and what
    /// stands in the files for TLS.
    fn of_intake(&mut self, new: &mut ListenConfig, running: &ListenConfig) {
        let before = self.0.len();
        self.unless_same("intake.http", &mut new.http, &running.http);
        let asks = |config: &ListenConfig| config.tls.as_ref().map(|tls| tls.client_ca.is_some());
        if asks(new) != asks(running) {
            self.0.push("intake.tls");
        }
        if self.0.len() > before {
            // What guards one address does not fit another.
            new.tls.clone_from(&running.tls);
            new.token_file.clone_from(&running.token_file);
        }
        let socket = |config: &ListenConfig| {
            let unix = config.unix.as_ref();
            unix.map(|unix| (unix.path.clone(), unix.mode))
        };
        if socket(new) != socket(running) {
            self.0.push("intake.unix");
            new.unix.clone_from(&running.unix);
        }
        self.unless_same("intake.max_body", &mut new.max_body, &running.max_body);
        let (header, same) = (&mut new.max_header, &running.max_header);
        self.unless_same("intake.max_header", header, same);
        let (connections, same) = (&mut new.max_connections, &running.max_connections);
        self.unless_same("intake.max_connections", connections, same);
        let (concurrency, same) = (&mut new.concurrency, &running.concurrency);
        self.unless_same("intake.concurrency", concurrency, same);
        let (timeout, same) = (&mut new.read_timeout, &running.read_timeout);
        self.unless_same("intake.read_timeout_ms", timeout, same);
        let (timeout, same) = (&mut new.idle_timeout, &running.idle_timeout);
        self.unless_same("intake.idle_timeout", timeout, same);
        self.unless_same("intake.remember", &mut new.remember, &running.remember);
        let (ids, same) = (&mut new.max_remembered, &running.max_remembered);
        self.unless_same("intake.max_remembered", ids, same);
    }
}
