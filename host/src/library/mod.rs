//! Libraries: from a file in the plugin directory to a table of listeners.
//!
//! Loading is a pipeline, and each step has a type of its own, so that none can be left out:
//!
//! 1. [`discover`] names the files that may be plugins;
//! 2. [`Sealed::read`] reads a file once, and everything after works on *these* bytes;
//! 3. [`inspect()`] looks at the bytes without running any of them, and yields the [`Metadata`];
//! 4. [`Trust`] judges who could have written the file;
//! 5. loading maps the bytes, which runs the library's constructors, and checks its interface.
//!
//! Making instances of the listeners is left to the registrar.

mod discover;
mod error;
mod inspect;
mod load;
mod metadata;
mod sealed;
mod trust;
mod version;

pub use discover::{DiscoverError, discover};
pub use error::{LoadError, Reason};
pub use inspect::{Inspected, inspect};
pub(crate) use inspect::{read_metadata, servable};
pub use load::Loaded;
pub(crate) use load::load;
pub use metadata::{ListenerMetadata, Metadata, PanicStrategy};
pub use sealed::Sealed;
pub use trust::{Trust, Verdict};
pub use version::{InterfaceVersion, THIS_INTERFACE};
