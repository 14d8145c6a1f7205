//! A real OpenID provider beside the real host: npm's `oidc-provider` with the bridge of
//! `oidc-provider/bridge`, driven headless through its flows by a client that writes down what it
//! got. What listeners saw is compared with that, and what becomes of sign-ins is watched while
//! listeners are slow or fail and the host is away.
//!
//! The packages come into the target folder by themselves. Where they cannot be had that is a
//! failure if `CI=true`; elsewhere each test says on standard error that it did not run.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests, which end where they cannot go on"
)]

mod attaching;
mod away;
mod expected;
mod flows;
mod listeners;
mod lost_answers;
mod world;
