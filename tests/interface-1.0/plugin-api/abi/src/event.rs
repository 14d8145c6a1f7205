//! What happened.

use abi_stable::StableAbi;

use crate::Text;

/// The version of the JSON that events carry. A reader ignores members that it does not know.
pub const EVENT_SCHEMA: u32 = 1;

/// The numbers of the SPIs, which are also the kinds of events. New ones may come; a listener gets
/// only events of the SPI that it was exported for.
pub mod spi {
    /// An ID token was issued.
    pub const ID_TOKEN_ISSUE: u32 = 1;
    /// An access token was issued.
    pub const ACCESS_TOKEN_ISSUE: u32 = 2;
    /// A subject was authenticated and consented.
    pub const SUBJECT_AUTH_AND_CONSENT: u32 = 3;
}

/// One event, lent to a listener for the length of a call. This type never changes: what later
/// versions add comes in `more`.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Event<'a> {
    /// One of [`spi`].
    pub spi: u32,
    /// The version of the JSON texts below: [`EVENT_SCHEMA`] of the host.
    pub schema: u32,
    /// When it happened, in microseconds since the Unix epoch.
    pub time_micros: u64,
    /// The stable identifier. Never absent.
    pub id: Text<'a>,
    /// Shared by all events of one request or grant, or absent.
    pub txn: Text<'a>,
    /// The issuer URL. Never absent.
    pub issuer: Text<'a>,
    /// The OAuth 2.0 client. Never absent.
    pub client_id: Text<'a>,
    /// The local subject; absent where there is none (client credentials).
    pub subject: Text<'a>,
    /// The token's claims set, a JSON object; for [`spi::SUBJECT_AUTH_AND_CONSENT`] the claims set
    /// of the ID token, absent when none is issued.
    pub claims: Text<'a>,
    /// The registered metadata of the client, a JSON object, or absent.
    pub client: Text<'a>,
    /// All other members of the event, a JSON object, or absent when there are none.
    pub more: Text<'a>,
}
