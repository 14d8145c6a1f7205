//! Calls across the FFI, in both directions: the one room, beside loading itself, with `unsafe`.

#![allow(unsafe_code, reason = "the boundary")]

mod calls;
mod instance;
mod queues;
pub(crate) mod raw;
mod services;
mod sinks;
mod staging;
mod whereabouts;
pub(crate) mod witness;

pub(crate) use calls::{Failure, FailureKind};
pub(crate) use calls::{event_for_listeners, set_log_level, start};
pub(crate) use instance::{Failed, Instance, Round};
pub(crate) use queues::Queues;
pub(crate) use services::{HostSide, Services};
pub(crate) use staging::NotStored;

use op_listener_abi::spi;

use crate::Spi;

/// The number of this thread, under which others are told of its calls.
#[cfg(feature = "server")]
#[inline]
pub(crate) fn this_thread() -> usize {
    whereabouts::Here::this_thread().number()
}

/// The SPI of that number, if this host knows it.
pub(crate) const fn spi_of(number: u32) -> Option<Spi> {
    match number {
        spi::ID_TOKEN_ISSUE => Some(Spi::IdTokenIssue),
        spi::ACCESS_TOKEN_ISSUE => Some(Spi::AccessTokenIssue),
        spi::SUBJECT_AUTH_AND_CONSENT => Some(Spi::SubjectAuthAndConsent),
        _ => None,
    }
}

/// The number of an SPI.
pub(crate) const fn spi_number(spi: Spi) -> u32 {
    match spi {
        Spi::IdTokenIssue => spi::ID_TOKEN_ISSUE,
        Spi::AccessTokenIssue => spi::ACCESS_TOKEN_ISSUE,
        Spi::SubjectAuthAndConsent => spi::SUBJECT_AUTH_AND_CONSENT,
    }
}
