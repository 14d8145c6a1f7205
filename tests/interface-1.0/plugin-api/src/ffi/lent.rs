//! Events as the host lends them, and copies of them.

use std::sync::Arc;

use op_listener_abi::{Event, Text};

/// An event lent by the host for `'a`.
#[derive(Clone, Copy)]
pub(crate) struct Lent<'a>(&'a Event<'a>);

macro_rules! texts {
    ($($name:ident: $type:ty = $or_else:expr),* $(,)?) => {
        $(
            #[inline]
            pub(crate) fn $name(self) -> $type {
                // SAFETY: whoever made this `Lent` promised text made by the host, or by
                // `OwnedFields`, and both only ever hold UTF-8.
                let text = unsafe { self.0.$name.trusted() };
                $or_else(text)
            }
        )*
    };
}

impl<'a> Lent<'a> {
    /// Wraps what the host passed to a call.
    ///
    /// # Safety
    ///
    /// All texts of the event are UTF-8, as the host promises.
    #[inline]
    pub(crate) const unsafe fn new(event: &'a Event<'a>) -> Self {
        Self(event)
    }

    texts! {
        id: &'a str = Option::unwrap_or_default,
        issuer: &'a str = Option::unwrap_or_default,
        client_id: &'a str = Option::unwrap_or_default,
        txn: Option<&'a str> = std::convert::identity,
        subject: Option<&'a str> = std::convert::identity,
        claims: Option<&'a str> = std::convert::identity,
        client: Option<&'a str> = std::convert::identity,
        more: Option<&'a str> = std::convert::identity,
    }

    pub(crate) fn time_micros(self) -> u64 {
        self.0.time_micros
    }

    pub(crate) fn to_owned(self) -> OwnedFields {
        OwnedFields::new(&self)
    }
}

/// An event that owns its texts.
#[derive(Clone)]
pub(crate) struct OwnedFields {
    /// Refers to `texts`, so must not get out with this lifetime.
    event: Event<'static>,
    /// Not a `Box`, which claims to be the only way to its bytes whenever it moves: `event` would
    /// not be allowed to read them any more.
    _texts: Arc<str>,
}

impl OwnedFields {
    fn new(lent: &Lent<'_>) -> Self {
        let parts = [
            Some(lent.id()),
            Some(lent.issuer()),
            Some(lent.client_id()),
            lent.txn(),
            lent.subject(),
            lent.claims(),
            lent.client(),
            lent.more(),
        ];
        let texts: Arc<str> = parts.iter().copied().flatten().collect::<String>().into();
        let mut rest = &*texts;
        let mut next = |part: Option<&str>| match part {
            None => Text::ABSENT,
            Some(part) => {
                let (text, after) = rest.split_at(part.len());
                rest = after;
                // SAFETY: extends the borrow to `'static`. The text lies in the allocation that
                // the new value and its clones hold for as long as their events refer to it, that
                // nobody writes to, and `lend` hands it out no longer than that.
                Text::new(unsafe { &*std::ptr::from_ref(text) })
            }
        };
        let [id, issuer, client_id, txn, subject, claims, client, more] = parts.map(&mut next);
        let event = Event {
            spi: lent.0.spi,
            schema: lent.0.schema,
            time_micros: lent.0.time_micros,
            id,
            txn,
            issuer,
            client_id,
            subject,
            claims,
            client,
            more,
        };
        Self {
            event,
            _texts: texts,
        }
    }

    pub(crate) fn lend(&self) -> Lent<'_> {
        Lent(&self.event)
    }
}
