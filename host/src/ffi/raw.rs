//! Calls of a library's tables with nothing of the host's order of calls: for the conformance
//! checks, which want to see what a listener makes of a second `shutdown`, of an event after it, or
//! of one that it never asked for.
//!
//! What is out of order here is so by the interface's rules, not by those of memory: every call has
//! a live object, texts that are UTF-8 and an output to fill, and nothing follows `release`. A
//! library made with `op-listener-api` is sound under all of it. Another one may not be, and then
//! this is what brings it to light; so none of this is called but in a process of its own.

use op_listener_abi::{Buffer, Event, ListenerRef, Object, PluginRef, Status, Text};

use super::witness::Witness;

/// How a call ended, as it came: any number, any bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: Status,
    pub(crate) message: Vec<u8>,
}

impl Answer {
    fn new(status: Status, output: &Buffer) -> Self {
        Self {
            status,
            message: output.bytes().to_vec(),
        }
    }
}

/// Makes the first call of a library.
pub(crate) fn start(plugin: PluginRef, witness: &'static Witness, level: u32) -> Answer {
    let start = plugin.start();
    let mut output = Buffer::EMPTY;
    // SAFETY: the table was checked when it was loaded, and the handle lives as long as the
    // process.
    let status = unsafe { start(witness.handle(), level, &mut output) };
    Answer::new(status, &output)
}

/// Makes a request of a library, known to it or not.
pub(crate) fn request(plugin: PluginRef, number: u32, input: Option<&str>) -> Answer {
    let invoke = plugin.invoke();
    let mut output = Buffer::EMPTY;
    // SAFETY: the table was checked when it was loaded; input and output are lent for the call.
    let status = unsafe { invoke(number, Text::from_option(input), &mut output) };
    Answer::new(status, &output)
}

/// What a listener calls its type.
pub(crate) fn class(table: ListenerRef) -> Vec<u8> {
    let class = table.class();
    // SAFETY: the table was checked when it was loaded, and the function has no conditions.
    unsafe { class() }.bytes().unwrap_or_default().to_vec()
}

/// An object between its `init` and its `release`, which comes with the drop and is the last call.
pub(crate) struct RawInstance {
    table: ListenerRef,
    object: Object,
}

// SAFETY: the interface demands of every listener that it can be called from any thread.
unsafe impl Send for RawInstance {}
// SAFETY: and from several at a time.
unsafe impl Sync for RawInstance {}

/// What `init` came to.
pub(crate) enum Made {
    Instance(RawInstance),
    /// It failed, or said otherwise than that all is well.
    Not(Answer),
    /// It says that all is well, but has set no object.
    Nothing,
}

impl RawInstance {
    /// Makes an instance; `request` is the JSON that the interface describes.
    pub(crate) fn init(table: ListenerRef, witness: &'static Witness, request: &str) -> Made {
        // An address that no listener has: what it points to is not theirs.
        static UNSET: u8 = 0;

        let unset: Object = std::ptr::from_ref(&UNSET).cast();
        let mut object = unset;
        let mut output = Buffer::EMPTY;
        let init = table.init();
        // SAFETY: the table was checked when it was loaded; the handle lives as long as the
        // process, the rest for the call.
        let status = unsafe {
            let request = Text::new(request);
            init(witness.handle(), request, &mut object, &mut output)
        };
        if status != Status::OK {
            return Made::Not(Answer::new(status, &output));
        }
        if object == unset {
            return Made::Nothing;
        }
        Made::Instance(Self { table, object })
    }

    /// Where the object is; two that live at the same time are two if their addresses are.
    pub(crate) fn address(&self) -> usize {
        self.object.addr()
    }

    /// Asks whether events are wanted.
    pub(crate) fn is_enabled(&self) -> (Answer, u8) {
        let is_enabled = self.table.is_enabled();
        let (mut enabled, mut output) = (0, Buffer::EMPTY);
        // SAFETY: the object came from `init` of this table, and is released in the drop alone.
        let status = unsafe { is_enabled(self.object, &mut enabled, &mut output) };
        (Answer::new(status, &output), enabled)
    }

    /// Hands over an event, of whatever kind.
    pub(crate) fn on_event(&self, event: &Event<'_>) -> Answer {
        let on_event = self.table.on_event();
        let mut output = Buffer::EMPTY;
        // SAFETY: as in `is_enabled`; event and output are lent for the call.
        let status = unsafe { on_event(self.object, event, &mut output) };
        Answer::new(status, &output)
    }

    /// Shuts down, for the first time or again.
    pub(crate) fn shutdown(&self) -> Answer {
        let shutdown = self.table.shutdown();
        let mut output = Buffer::EMPTY;
        // SAFETY: as in `is_enabled`.
        let status = unsafe { shutdown(self.object, &mut output) };
        Answer::new(status, &output)
    }

    /// Gives the object back.
    pub(crate) fn release(self) -> Answer {
        std::mem::ManuallyDrop::new(self).release_once()
    }

    fn release_once(&self) -> Answer {
        let release = self.table.release();
        let mut output = Buffer::EMPTY;
        // SAFETY: as in `is_enabled`; called by `release` or by `drop`, so once, and last.
        let status = unsafe { release(self.object, &mut output) };
        Answer::new(status, &output)
    }
}

impl Drop for RawInstance {
    fn drop(&mut self) {
        // Whoever cares for the outcome calls `release`.
        self.release_once();
    }
}

/// What can be asked of the system's loader.
#[cfg(unix)]
pub(crate) mod symbols {
    use std::ffi::c_void;

    use libloading::os::unix::{Library, RTLD_LAZY, RTLD_LOCAL};

    /// Whether the libraries that this process was started with define that symbol, so that it
    /// stands before a plugin's own.
    pub(crate) fn in_process(symbol: &str) -> bool {
        defines(&Library::this(), symbol)
    }

    /// Whether that library, or one that it needs in turn, defines the symbol. The name is one
    /// that a loaded plugin needs, so the library is in memory already.
    pub(crate) fn in_library(name: &str, symbol: &str) -> bool {
        // SAFETY: nothing new is mapped, so no constructor runs.
        let library = unsafe { Library::open(Some(name), RTLD_LAZY | RTLD_LOCAL) };
        library.is_ok_and(|library| defines(&library, symbol))
    }

    fn defines(library: &Library, symbol: &str) -> bool {
        // SAFETY: the address is asked for and not used.
        unsafe { library.get::<*const c_void>(symbol.as_bytes()) }.is_ok()
    }
}

/// Bytes that are in use in the C library's allocator, which listeners share with the host unless
/// they bring one of their own. `None` where the C library does not tell.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub(crate) fn allocated() -> Option<u64> {
    /// `struct mallinfo2` of glibc 2.33: `arena`, `ordblks`, `smblks`, `hblks`, `hblkhd`,
    /// `usmblks`, `fsmblks`, `uordblks`, `fordblks`, `keepcost`.
    type Mallinfo2 = [usize; 10];

    #[repr(C)]
    struct Returned(Mallinfo2);

    let this = libloading::os::unix::Library::this();
    // SAFETY: glibc gives a function of that name this type; other C libraries have none.
    let mallinfo2 = unsafe { this.get::<unsafe extern "C" fn() -> Returned>(b"mallinfo2\0") };
    // SAFETY: it has no conditions.
    let Returned(told) = unsafe { mallinfo2.ok()?() };
    Some((told[4] + told[7]) as u64)
}

/// As above: the C library here does not tell.
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
pub(crate) fn allocated() -> Option<u64> {
    None
}
