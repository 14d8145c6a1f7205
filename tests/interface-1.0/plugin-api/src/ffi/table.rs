//! The tables of the exported listeners: what the host calls.

use std::marker::PhantomData;

use abi_stable::prefix_type::WithMetadata;
use op_listener_abi::{
    Buffer, Event, HostHandle, Listener, ListenerRef, Object, Status, Text, spi,
};

use super::guard::guarded;
use super::{HostLink, Lent};
use crate::{
    AccessTokenIssueEvent, AccessTokenIssueEventListener, Error, EventContext, IdTokenIssueEvent,
    IdTokenIssueEventListener, InitContext, Lifecycle, SubjectAuthAndConsentEvent,
    SubjectAuthAndConsentEventListener,
};

/// The table of `L` as an ID token issue event listener.
pub const fn id_token_issue<L: IdTokenIssueEventListener>() -> ListenerRef {
    Export::<L, IdToken>::TABLE
}

/// The table of `L` as an access token issue event listener.
pub const fn access_token_issue<L: AccessTokenIssueEventListener>() -> ListenerRef {
    Export::<L, AccessToken>::TABLE
}

/// The table of `L` as a subject auth + consent event listener.
pub const fn subject_auth_and_consent<L: SubjectAuthAndConsentEventListener>() -> ListenerRef {
    Export::<L, Subject>::TABLE
}

/// How an SPI hands an event to a listener.
trait Hand<L> {
    const SPI: u32;

    fn hand(listener: &L, event: Lent<'_>, host: HostLink) -> Result<(), Error>;
}

struct IdToken;
struct AccessToken;
struct Subject;

impl<L: IdTokenIssueEventListener> Hand<L> for IdToken {
    const SPI: u32 = spi::ID_TOKEN_ISSUE;

    #[inline]
    fn hand(listener: &L, event: Lent<'_>, host: HostLink) -> Result<(), Error> {
        let context = EventContext::new(event, host);
        listener.id_token_issued(&IdTokenIssueEvent::new(event), &context)
    }
}

impl<L: AccessTokenIssueEventListener> Hand<L> for AccessToken {
    const SPI: u32 = spi::ACCESS_TOKEN_ISSUE;

    #[inline]
    fn hand(listener: &L, event: Lent<'_>, host: HostLink) -> Result<(), Error> {
        let context = EventContext::new(event, host);
        listener.access_token_issued(&AccessTokenIssueEvent::new(event), &context)
    }
}

impl<L: SubjectAuthAndConsentEventListener> Hand<L> for Subject {
    const SPI: u32 = spi::SUBJECT_AUTH_AND_CONSENT;

    #[inline]
    fn hand(listener: &L, event: Lent<'_>, host: HostLink) -> Result<(), Error> {
        let context = EventContext::new(event, host);
        listener
            .subject_authenticated_and_consented(&SubjectAuthAndConsentEvent::new(event), &context)
    }
}

/// What an [`Object`] points to.
struct Instance<L> {
    listener: L,
    host: HostLink,
}

struct Export<L, S>(PhantomData<(L, S)>);

impl<L: Lifecycle, S: Hand<L>> Export<L, S> {
    abi_stable::staticref! {
        const FIELDS: WithMetadata<Listener> = WithMetadata::new(Listener {
            spi: S::SPI,
            class: Self::class,
            init: Self::init,
            is_enabled: Self::is_enabled,
            on_event: Self::on_event,
            shutdown: Self::shutdown,
            release: Self::release,
        });
    }

    const TABLE: ListenerRef = ListenerRef(Self::FIELDS.as_prefix());

    unsafe extern "C" fn class() -> Text<'static> {
        Text::new(std::any::type_name::<L>())
    }

    unsafe extern "C" fn init(
        host: HostHandle,
        request: Text<'_>,
        object: &mut Object,
        output: &mut Buffer,
    ) -> Status {
        guarded(output, || {
            let host = HostLink::new(host);
            // SAFETY: the host's texts are UTF-8.
            let request = unsafe { request.trusted() }.unwrap_or("{}");
            let listener = L::init(&InitContext::new(request, host)?)?;
            *object = Box::into_raw(Box::new(Instance { listener, host }))
                .cast_const()
                .cast();
            Ok(())
        })
    }

    unsafe extern "C" fn is_enabled(
        object: Object,
        enabled: &mut u8,
        output: &mut Buffer,
    ) -> Status {
        guarded(output, || {
            // SAFETY: the object is what `init` made, and not released, as the host promises.
            let instance = unsafe { Self::instance(object) };
            *enabled = instance.listener.is_enabled().into();
            Ok(())
        })
    }

    unsafe extern "C" fn on_event(
        object: Object,
        event: &Event<'_>,
        output: &mut Buffer,
    ) -> Status {
        guarded(output, || {
            // SAFETY: as in `is_enabled`.
            let instance = unsafe { Self::instance(object) };
            // SAFETY: the host's texts are UTF-8.
            let event = unsafe { Lent::new(event) };
            S::hand(&instance.listener, event, instance.host)
        })
    }

    unsafe extern "C" fn shutdown(object: Object, output: &mut Buffer) -> Status {
        guarded(output, || {
            // SAFETY: as in `is_enabled`.
            unsafe { Self::instance(object) }.listener.shutdown()
        })
    }

    unsafe extern "C" fn release(object: Object, output: &mut Buffer) -> Status {
        guarded(output, || {
            let instance = object.cast_mut().cast::<Instance<L>>();
            // SAFETY: the object is the box that `init` let go of, released this once, with no
            // call under way, as the host promises.
            drop(unsafe { Box::from_raw(instance) });
            Ok(())
        })
    }

    /// # Safety
    ///
    /// `object` was made by `init` of this same table and has not been released.
    #[inline]
    unsafe fn instance<'a>(object: Object) -> &'a Instance<L> {
        // SAFETY: the caller's promise; a `Lifecycle` is `Sync`, so any thread may share it.
        unsafe { &*object.cast::<Instance<L>>() }
    }
}
