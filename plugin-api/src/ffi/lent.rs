//! Events as the host lends them, and copies of them.

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
pub(crate) struct OwnedFields {
    /// Refers to `texts`, so must not get out with this lifetime.
    event: Event<'static>,
    /// Never touched after `event` was made: the boxed bytes stay where they are when this moves.
    _texts: Box<str>,
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
        let texts: Box<str> = parts.iter().copied().flatten().collect::<String>().into();
        let mut from = 0;
        let mut next = |part: Option<&str>| match part {
            None => Text::ABSENT,
            Some(part) => {
                let text = &texts[from..from + part.len()];
                from += part.len();
                // SAFETY: extends the borrow to `'static`. The text lies in the box that the new
                // value holds for as long as the event that refers to it, and `lend` hands it out
                // no longer than that.
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
