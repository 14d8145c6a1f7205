//! A listener that does one thing wrong: what the environment variable `MISCHIEF` says. Without it,
//! it does nothing wrong. Fixture of the conformance tests.

mod at_events;
mod at_init;
mod at_load;
mod listener;

// A name that is brought in is all that `export!` sees.
use listener::Mischief;

op_listener_api::export!(IdTokenIssueEventListener for Mischief);

/// Whether this is what is to be done wrong.
fn does(misdeed: &str) -> bool {
    std::env::var_os("MISCHIEF").is_some_and(|chosen| chosen == misdeed)
}
