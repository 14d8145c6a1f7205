//! The contents of a metadata section: whatever is accepted keeps what its documentation promises.
#![no_main]

use libfuzzer_sys::fuzz_target;
use op_listener_host::library::Metadata;

fuzz_target!(|section: &[u8]| {
    match Metadata::parse(section) {
        Ok(metadata) => {
            assert!((1..=64).contains(&metadata.id.len()));
            assert!(metadata.id.is_ascii(), "{:?}", metadata.id);
        }
        Err(reason) => assert!(!reason.to_string().contains('\n'), "{reason}"),
    }
});
