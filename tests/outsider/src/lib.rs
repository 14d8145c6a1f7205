//! Counts sign-ins for each client, and writes the counts to its data directory when it is shut
//! down.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

use op_listener_api::{
    Error, EventContext, IdTokenIssueEvent, IdTokenIssueEventListener, InitContext, Lifecycle,
};

struct SignIns {
    counts: Mutex<BTreeMap<String, u64>>,
    file: PathBuf,
}

impl Lifecycle for SignIns {
    fn init(context: &InitContext<'_>) -> Result<Self, Error> {
        Ok(Self {
            counts: Mutex::default(),
            file: context.data_dir()?.join("counts.txt"),
        })
    }

    fn shutdown(&self) -> Result<(), Error> {
        let counts = self.counts.lock().map_err(|_| Error::new("poisoned"))?;
        let lines = counts
            .iter()
            .map(|(client, count)| format!("{client} {count}\n"));
        std::fs::write(&self.file, lines.collect::<String>())?;
        Ok(())
    }
}

impl IdTokenIssueEventListener for SignIns {
    fn id_token_issued(
        &self,
        event: &IdTokenIssueEvent<'_>,
        _: &EventContext<'_>,
    ) -> Result<(), Error> {
        let mut counts = self.counts.lock().map_err(|_| Error::new("poisoned"))?;
        *counts.entry(event.client_id().to_owned()).or_default() += 1;
        Ok(())
    }
}

op_listener_api::export!(IdTokenIssueEventListener for SignIns);
