//! Pushes each event, so often, into a queue whose sink does what its configuration says with the
//! least effort.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use op_listener_api::{
    Batch, Error, EventContext, IdTokenIssueEvent, IdTokenIssueEventListener, InitContext,
    Lifecycle, Message, Outcome, Outcomes, Queue, QueueOptions, Sink,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Config {
    push: usize,
    sink: PathBuf,
}

struct Pusher {
    queue: Queue,
    push: usize,
}

/// What it does is in a file.
struct Word(PathBuf);

impl Sink for Word {
    fn deliver(&self, _: &Batch<'_>) -> Outcomes {
        match &*std::fs::read_to_string(&self.0).unwrap_or_default() {
            "refuse" => Outcome::dead("no").into(),
            "fail" => Outcome::retry("no").status(500).into(),
            "slow" => {
                thread::sleep(Duration::from_millis(50));
                Outcomes::delivered()
            }
            "hang" => {
                while std::fs::read_to_string(&self.0).is_ok_and(|word| word == "hang") {
                    thread::sleep(Duration::from_millis(5));
                }
                Outcome::retry("it hung").into()
            }
            _ => Outcomes::delivered(),
        }
    }
}

impl Lifecycle for Pusher {
    fn init(context: &InitContext<'_>) -> Result<Self, Error> {
        let config: Config = context.config()?;
        let options = QueueOptions::new()
            .batch_messages(500)
            .max_messages(10_000_000);
        Ok(Self {
            queue: context.queue(options, Word(config.sink))?,
            push: config.push,
        })
    }
}

impl IdTokenIssueEventListener for Pusher {
    fn id_token_issued(
        &self,
        event: &IdTokenIssueEvent<'_>,
        _: &EventContext<'_>,
    ) -> Result<(), Error> {
        let message = Message::new(event.claims_json().as_bytes());
        let message = message.id(event.id()).key(event.client_id());
        for _ in 0..self.push {
            self.queue.push(&message)?;
        }
        Ok(())
    }
}

op_listener_api::export!(IdTokenIssueEventListener for Pusher);
