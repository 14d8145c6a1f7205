//! A line of the wire: what is accepted is JSON through and through, and what is refused is refused
//! in one line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use op_listener_host::event::{Defaults, Message, parse};

fuzz_target!(|line: &[u8]| {
    match parse(line, Some(1), &Defaults::default()) {
        Ok(message) => {
            assert!(std::str::from_utf8(line).is_ok());
            if let Message::Event(event) = message {
                let owned = event.clone().into_owned();
                assert_eq!(owned.id(), event.id());
                assert_eq!(owned.claims(), event.claims());
                assert_eq!(owned.more(), event.more());
            }
        }
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
});
