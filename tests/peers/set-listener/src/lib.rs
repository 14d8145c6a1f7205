//! A listener that signs: of each event it makes Security Event Tokens and plain JWTs, at once and
//! later on a thread of its own, and notes them for the verifiers, a line of JSON each.
//!
//! What is made is in `tokens`, the thread in `later`, the file in `notes`.

mod later;
mod notes;
mod tokens;

use op_listener_api::{
    AccessTokenIssueEvent, AccessTokenIssueEventListener, Error, EventContext, IdTokenIssueEvent,
    IdTokenIssueEventListener, InitContext, Lifecycle, SubjectAuthAndConsentEvent,
    SubjectAuthAndConsentEventListener,
};

use later::{Kept, Later};
use notes::Notes;
use tokens::{Maker, Seen, Settings};

op_listener_api::export! {
    IdTokenIssueEventListener for SetListener,
    AccessTokenIssueEventListener for SetListener,
    SubjectAuthAndConsentEventListener for SetListener,
}

struct SetListener {
    maker: Maker,
    notes: Notes,
    later: Later,
}

impl Lifecycle for SetListener {
    fn init(context: &InitContext<'_>) -> Result<Self, Error> {
        let settings: Settings = context.config()?;
        let notes = Notes::open(&context.resolve(&settings.path))?;
        let maker = Maker::new(settings);
        let later = Later::start(maker.clone(), notes.try_clone()?);
        Ok(Self {
            maker,
            notes,
            later,
        })
    }

    fn shutdown(&self) -> Result<(), Error> {
        self.later.finish()
    }
}

impl IdTokenIssueEventListener for SetListener {
    fn id_token_issued(
        &self,
        event: &IdTokenIssueEvent<'_>,
        context: &EventContext<'_>,
    ) -> Result<(), Error> {
        let signer = context.jwt_signer();
        let made = self
            .maker
            .at_once(&Seen::of_id_token(event), event, &signer)?;
        self.notes.write(&made)?;
        self.later
            .keep(Kept::IdToken(event.to_owned()), signer.to_owned())
    }
}

impl AccessTokenIssueEventListener for SetListener {
    fn access_token_issued(
        &self,
        event: &AccessTokenIssueEvent<'_>,
        context: &EventContext<'_>,
    ) -> Result<(), Error> {
        let signer = context.jwt_signer();
        let made = self
            .maker
            .at_once(&Seen::of_access_token(event), event, &signer)?;
        self.notes.write(&made)?;
        self.later
            .keep(Kept::AccessToken(event.to_owned()), signer.to_owned())
    }
}

impl SubjectAuthAndConsentEventListener for SetListener {
    fn subject_authenticated_and_consented(
        &self,
        event: &SubjectAuthAndConsentEvent<'_>,
        context: &EventContext<'_>,
    ) -> Result<(), Error> {
        let signer = context.jwt_signer();
        let made = self
            .maker
            .at_once(&Seen::of_subject(event), event, &signer)?;
        self.notes.write(&made)?;
        self.later
            .keep(Kept::Subject(event.to_owned()), signer.to_owned())
    }
}
