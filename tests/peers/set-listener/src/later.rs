//! A thread that signs after the call in which the event came: with the owned event and the owned
//! signer, when the next event has come or the listener is shut down.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use op_listener_api::{
    Error, OwnedAccessTokenIssueEvent, OwnedIdTokenIssueEvent, OwnedJwtSigner,
    OwnedSubjectAuthAndConsentEvent,
};

use crate::notes::Notes;
use crate::tokens::{Maker, Seen};

/// An event that outlives its call.
pub(crate) enum Kept {
    IdToken(OwnedIdTokenIssueEvent),
    AccessToken(OwnedAccessTokenIssueEvent),
    Subject(OwnedSubjectAuthAndConsentEvent),
}

type Work = (Kept, OwnedJwtSigner);

struct Thread {
    way: Sender<Work>,
    handle: JoinHandle<Result<(), Error>>,
}

/// The thread, until it is finished.
pub(crate) struct Later(Mutex<Option<Thread>>);

impl Later {
    pub(crate) fn start(maker: Maker, notes: Notes) -> Self {
        let (way, work) = channel();
        let handle = thread::spawn(move || sign_each(&maker, &notes, &work));
        Self(Mutex::new(Some(Thread { way, handle })))
    }

    pub(crate) fn keep(&self, kept: Kept, signer: OwnedJwtSigner) -> Result<(), Error> {
        match &*self.0.lock()? {
            Some(thread) => Ok(thread.way.send((kept, signer))?),
            None => Err(Error::new("an event after the shutdown")),
        }
    }

    /// Lets the thread sign what is left, and hands on what went wrong there.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        let Some(thread) = self.0.lock()?.take() else {
            return Ok(());
        };
        drop(thread.way);
        thread
            .handle
            .join()
            .unwrap_or_else(|_| Err(Error::new("the thread that signs later panicked")))
    }
}

fn sign_each(maker: &Maker, notes: &Notes, work: &Receiver<Work>) -> Result<(), Error> {
    // An event is here no sooner than its own call handed it over, and that call has ended when
    // the next event, or the end, is here.
    let mut waiting: Option<Work> = None;
    loop {
        let next = work.recv().ok();
        let ended = next.is_none();
        if let Some((kept, signer)) = std::mem::replace(&mut waiting, next) {
            let made = match &kept {
                Kept::IdToken(event) => {
                    let event = event.event();
                    maker.later(&Seen::of_id_token(&event), &event, &signer)?
                }
                Kept::AccessToken(event) => {
                    let event = event.event();
                    maker.later(&Seen::of_access_token(&event), &event, &signer)?
                }
                Kept::Subject(event) => {
                    let event = event.event();
                    maker.later(&Seen::of_subject(&event), &event, &signer)?
                }
            };
            notes.write(&made)?;
        }
        if ended {
            return Ok(());
        }
    }
}
