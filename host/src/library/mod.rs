//! Libraries: from a file in the plugin directory to a table of listeners.
//!
//! Loading is a pipeline; each step here has a type of its own, so that none can be left out:
//!
//! 1. [`discover`] names the files that may be plugins;
//! 2. [`Sealed::read`] reads a file once, and everything after works on *these* bytes;
//! 3. [`inspect()`] looks at the bytes without running any of them, and yields the [`Metadata`];
//! 4. a [`Judge`], made of the configured [`Trust`], says whether the file may be loaded, and makes
//!    it [`Trusted`];
//! 5. [`crate::probe`] tries bytes that were never seen before in a process of their own
//!    (the host asks for it, loading does not);
//! 6. loading maps the bytes, which runs the library's constructors, and checks its interface.
//!
//! Making instances of the listeners is left to the registrar.

mod bytes;
mod digest;
mod discover;
mod elf;
mod error;
mod inspect;
mod load;
mod metadata;
mod read;
mod sealed;
mod trust;
mod version;

pub use digest::Sha256;
pub(crate) use discover::is_library_name;
pub use discover::{DiscoverError, discover};
pub use error::{LoadError, Reason};
pub use inspect::{Inspected, inspect, inspect_bytes, metadata_of};
pub(crate) use inspect::{read_metadata, servable};
pub use load::Loaded;
pub(crate) use load::{load, load_from};
pub use metadata::{ListenerMetadata, Metadata, PanicStrategy};
pub use sealed::Sealed;
pub(crate) use sealed::Staged;
pub use trust::{
    Distrust, Exposure, Judge, KeyId, Part, Pin, PinCommand, Pins, PinsError, PublicKey,
    PublicKeyError, PublicKeys, Trust, TrustError, Trusted, Verdict,
};
pub use version::{InterfaceVersion, THIS_INTERFACE};
