//! A library's bytes: none crash the inspection, and what it accepts has readable metadata.
#![no_main]

use libfuzzer_sys::fuzz_target;
use op_listener_host::library::{inspect_bytes, metadata_of};

fuzz_target!(|bytes: &[u8]| {
    let read = metadata_of(bytes);
    match inspect_bytes(bytes) {
        Ok(inspected) => {
            let read = read.expect("what can be loaded can be listed");
            assert_eq!(read.id, inspected.id);
        }
        Err(reason) => assert!(!reason.to_string().contains('\n'), "{reason}"),
    }
});
